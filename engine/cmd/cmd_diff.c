/* cmd_diff.c - `weir model diff A B`: where two runs of the same tokens part.
 *
 * Both models are open at once and take the prompts in the same pieces. What leaves each layer of
 * A is kept for a piece and compared when B passes the same place:
 *
 *   max_abs          the largest difference of two elements of the residual stream
 *   nmse             sum (b - a)^2 / sum a^2, A being the measure
 *   experts_differ   tokens whose sets of chosen experts are not the same (their order may be);
 *                    left out where the two have not as many experts
 *
 * A layer diverges when its nmse passes --tolerance, or its max_abs passes --max-abs if that is
 * given; the logits likewise. JSON on standard output; exit 0: nothing diverges, 1: something does.
 */
#include "engine/cmd/commands.h"

#include "base/json.h"
#include "engine/cmd/cmd_args.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK             32u
#define TOLERANCE_DEFAULT 1e-6

static const char USAGE[] =
    "usage: weir model diff A.gguf B.gguf {-p TEXT | --prompts FILE | --tokens 1,2,3}... [--raw]\n"
    "           [--device-a ref] [--device-b cpu] [--activations-a auto|int8|int16]\n"
    "           [--activations-b ...] [--tolerance 1e-6] [--max-abs X] [-t THREADS]\n"
    "Compares what each layer puts out, the experts it chose, and the logits. B.gguf may be the\n"
    "same file on another device. --tolerance bounds the normalised squared error of each layer.\n"
    "JSON on standard output. Exit: 0 all within bounds, 1 not, 2 bad usage or file.\n";

struct deviation {
    double max_abs, d2, a2;
    uint64_t experts_differ;
    bool experts;
};

struct side {
    const char *file;
    struct eng_model_opts opts;
    struct eng_model *m;
    struct eng_cache *c;
    float *logits; /* [CHUNK][n_vocab] */
};

struct diff {
    struct side a, b;
    struct eng_prompts prompts;
    double tolerance, max_abs; /* max_abs: INFINITY unless given */
    uint32_t n_layer, n_residual, n_vocab, n_used;
    float *kept;     /* [n_layer][CHUNK][n_residual] of A */
    uint32_t *chose; /* [n_layer][CHUNK][n_used] */
    struct deviation *layers, logits;
    uint64_t first_choice_differs; /* tokens */
};

/* ---- comparing ---- */

static void compare(struct deviation *d, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x = (double)b[i] - (double)a[i];
        if (isnan(x)) /* infinities of both sides, or no number: never within bounds */
            x = INFINITY;
        d->max_abs = fmax(d->max_abs, fabs(x));
        d->d2 += x * x;
        d->a2 += (double)a[i] * (double)a[i];
    }
}

static double nmse_of(const struct deviation *d)
{
    return d->d2 == 0 ? 0 : d->a2 > 0 ? d->d2 / d->a2 : INFINITY;
}

static bool diverges(const struct diff *d, const struct deviation *v)
{
    return !(nmse_of(v) <= d->tolerance) || v->max_abs > d->max_abs;
}

static bool same_set(const uint32_t *a, const uint32_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool found = false;
        for (uint32_t k = 0; k < n && !found; k++)
            found = a[i] == b[k];
        if (!found)
            return false;
    }
    return true;
}

/* Pieces are at most CHUNK long, but the model may cut them further: row0 says where. */
static void keep_a(void *ctx, uint32_t layer, size_t row0, uint32_t n, const float *x,
                   const uint32_t *ids)
{
    struct diff *d = ctx;
    size_t at = (size_t)layer * CHUNK + row0;
    memcpy(d->kept + at * d->n_residual, x, (size_t)n * d->n_residual * sizeof(float));
    d->layers[layer].experts = ids && d->n_used;
    if (ids && d->n_used)
        memcpy(d->chose + at * d->n_used, ids, (size_t)n * d->n_used * sizeof(*ids));
}

static void meet_b(void *ctx, uint32_t layer, size_t row0, uint32_t n, const float *x,
                   const uint32_t *ids)
{
    struct diff *d = ctx;
    size_t at = (size_t)layer * CHUNK + row0;
    struct deviation *v = &d->layers[layer];
    compare(v, d->kept + at * d->n_residual, x, (size_t)n * d->n_residual);
    for (uint32_t t = 0; ids && v->experts && t < n; t++)
        v->experts_differ +=
            !same_set(d->chose + (at + t) * d->n_used, ids + (size_t)t * d->n_used, d->n_used);
}

static uint32_t first_choice(const float *x, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static enum base_status run_prompt(struct diff *d, const int32_t *tokens, size_t n,
                                   struct base_err *err)
{
    enum base_status st = BASE_OK;
    eng_cache_truncate(d->a.c, 0, 0);
    eng_cache_truncate(d->b.c, 0, 0);
    for (size_t at = 0; at < n && st == BASE_OK; at += CHUNK) {
        size_t k = n - at < CHUNK ? n - at : CHUNK;
        struct eng_batch b = {.n = k, .tokens = tokens + at};
        st = eng_forward(d->a.m, d->a.c, &b, d->a.logits, err);
        if (st == BASE_OK)
            st = eng_forward(d->b.m, d->b.c, &b, d->b.logits, err);
        for (size_t t = 0; t < k && st == BASE_OK; t++) {
            const float *la = d->a.logits + t * d->n_vocab, *lb = d->b.logits + t * d->n_vocab;
            compare(&d->logits, la, lb, d->n_vocab);
            d->first_choice_differs += first_choice(la, d->n_vocab) != first_choice(lb, d->n_vocab);
        }
    }
    return st;
}

/* ---- opening ---- */

static enum base_status alike(const struct diff *d, struct base_err *err)
{
    const struct eng_model_info *a = eng_model_get_info(d->a.m), *b = eng_model_get_info(d->b.m);
    const struct {
        const char *what;
        uint32_t a, b;
    } v[] = {{"layers", a->n_layer, b->n_layer},
             {"values a token", a->n_residual, b->n_residual},
             {"tokens in the vocabulary", a->n_vocab, b->n_vocab}};
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
        if (v[i].a != v[i].b)
            return base_err_set(err, BASE_EINVAL,
                                "%s has %u %s, %s has %u: they cannot be compared layer by layer",
                                d->a.file, v[i].a, v[i].what, d->b.file, v[i].b);
    return BASE_OK;
}

static enum base_status open_both(struct diff *d, struct base_err *err)
{
    enum base_status st = eng_model_open(d->a.file, &d->a.opts, &d->a.m, err);
    if (st == BASE_OK)
        st = eng_model_open(d->b.file, &d->b.opts, &d->b.m, err);
    if (st == BASE_OK)
        st = alike(d, err);
    if (st == BASE_OK)
        st = eng_prompts_encode(&d->prompts, eng_model_gguf(d->a.m), err);
    if (st != BASE_OK)
        return st;
    const struct eng_model_info *info = eng_model_get_info(d->a.m);
    size_t longest = 0;
    for (size_t i = 0; i < d->prompts.n; i++) {
        size_t from = i ? d->prompts.end[i - 1] : 0;
        longest = d->prompts.end[i] - from > longest ? d->prompts.end[i] - from : longest;
    }
    d->n_layer = info->n_layer;
    d->n_residual = info->n_residual;
    d->n_vocab = info->n_vocab;
    const struct eng_model_info *b = eng_model_get_info(d->b.m);
    d->n_used = info->n_expert == b->n_expert && info->n_expert_used == b->n_expert_used
                    ? info->n_expert_used
                    : 0; /* a dense model beside its mixture: choices cannot be compared */
    size_t cells = (size_t)d->n_layer * CHUNK;
    d->kept = calloc(cells, d->n_residual * sizeof(float));
    d->chose = calloc(cells, (d->n_used + 1) * sizeof(*d->chose));
    d->layers = calloc(d->n_layer, sizeof(*d->layers));
    d->a.logits = calloc(CHUNK, d->n_vocab * sizeof(float));
    d->b.logits = calloc(CHUNK, d->n_vocab * sizeof(float));
    if (!d->kept || !d->chose || !d->layers || !d->a.logits || !d->b.logits)
        return base_err_set(err, BASE_ENOMEM, "out of memory for %zu rows", cells);
    st = eng_cache_new(d->a.m, 1, (uint32_t)longest, &d->a.c, err);
    if (st == BASE_OK)
        st = eng_cache_new(d->b.m, 1, (uint32_t)longest, &d->b.c, err);
    eng_model_probe(d->a.m, keep_a, d);
    eng_model_probe(d->b.m, meet_b, d);
    return st;
}

/* ---- telling ---- */

/* JSON has no infinity: null. Nine digits in all would hide an error of 1e-12. */
static void put_num(struct base_json *j, const char *key, double v)
{
    char text[40];
    base_json_key(j, key);
    if (!isfinite(v)) {
        base_json_null(j);
        return;
    }
    int n = snprintf(text, sizeof(text), "%.6g", v);
    base_json_raw(j, base_str_n(text, (size_t)n));
}

static void put_side(struct base_json *j, const char *key, const struct side *s)
{
    base_json_key(j, key);
    base_json_obj(j);
    base_json_kz(j, "file", s->file);
    base_json_kz(j, "quantisation", eng_model_get_info(s->m)->quant);
    base_json_kz(j, "device", eng_args_device_name(s->opts.device));
    base_json_kz(j, "kernels", eng_model_kernels(s->m));
    base_json_kz(j, "activations", eng_model_activations(s->m));
    base_json_obj_end(j);
}

static void put_deviation(struct base_json *j, const struct diff *d, const struct deviation *v)
{
    put_num(j, "max_abs", v->max_abs);
    put_num(j, "nmse", nmse_of(v));
    base_json_kbool(j, "diverges", diverges(d, v));
}

/* Returns whether anything diverges. */
static bool put_json(struct base_buf *out, const struct diff *d)
{
    struct base_json j;
    uint32_t first = UINT32_MAX;
    base_json_init(&j, out);
    base_json_obj(&j);
    put_side(&j, "a", &d->a);
    put_side(&j, "b", &d->b);
    base_json_kint(&j, "prompts", (int64_t)d->prompts.n);
    base_json_kint(&j, "tokens", (int64_t)d->prompts.ids.n);
    put_num(&j, "tolerance_nmse", d->tolerance);
    put_num(&j, "tolerance_max_abs", d->max_abs);
    base_json_key(&j, "layers");
    base_json_arr(&j);
    for (uint32_t l = 0; l < d->n_layer; l++) {
        if (first == UINT32_MAX && diverges(d, &d->layers[l]))
            first = l;
        base_json_obj(&j);
        base_json_kint(&j, "layer", l);
        put_deviation(&j, d, &d->layers[l]);
        if (d->layers[l].experts)
            base_json_kint(&j, "experts_differ", (int64_t)d->layers[l].experts_differ);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    base_json_key(&j, "logits");
    base_json_obj(&j);
    put_deviation(&j, d, &d->logits);
    base_json_kint(&j, "first_choice_differs", (int64_t)d->first_choice_differs);
    base_json_obj_end(&j);
    base_json_key(&j, "first_divergent_layer");
    if (first == UINT32_MAX)
        base_json_null(&j);
    else
        base_json_int(&j, first);
    base_json_obj_end(&j);
    base_buf_byte(out, '\n');
    return first != UINT32_MAX || diverges(d, &d->logits);
}

/* ---- the command line ---- */

static bool parse_bound(const char *z, double *out)
{
    char *end;
    double v = strtod(z, &end);
    if (end == z || *end != 0 || !(v >= 0) || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* One option with a value; -1 when it has said what is wrong, else whether it is understood. */
static int option(struct diff *d, const char *name, const char *value)
{
    struct base_str s = base_str_c(name), v = base_str_c(value);
    struct base_err err = {0};
    bool known;
    uint32_t n;
    if (base_str_is(s, "--device-a"))
        return eng_args_device("diff", value, &d->a.opts.device) ? 1 : -1;
    if (base_str_is(s, "--device-b"))
        return eng_args_device("diff", value, &d->b.opts.device) ? 1 : -1;
    if (base_str_is(s, "--activations-a"))
        return eng_activations_parse(v, &d->a.opts.activations);
    if (base_str_is(s, "--activations-b"))
        return eng_activations_parse(v, &d->b.opts.activations);
    if (base_str_is(s, "--tolerance"))
        return parse_bound(value, &d->tolerance);
    if (base_str_is(s, "--max-abs"))
        return parse_bound(value, &d->max_abs);
    if (base_str_is(s, "-t")) {
        if (!eng_args_u32(value, 256, &n))
            return 0;
        d->a.opts.n_threads = d->b.opts.n_threads = (int)n;
        return 1;
    }
    if (eng_prompts_option(&d->prompts, name, value, &known, &err) != BASE_OK) {
        fprintf(stderr, "weir model diff: %s\n", err.text);
        return -1;
    }
    return known;
}

static bool parse_args(int argc, char **argv, struct diff *d)
{
    for (int i = 1; i < argc; i++) {
        int ok = 1;
        if (argv[i][0] != '-') {
            const char **file = d->a.file ? &d->b.file : &d->a.file;
            ok = *file == NULL;
            *file = argv[i];
        } else if (base_str_is(base_str_c(argv[i]), "--raw")) {
            d->prompts.raw = true;
        } else {
            ok = i + 1 < argc ? option(d, argv[i], argv[i + 1]) : 0;
            i += ok == 1;
        }
        if (ok == 0)
            fprintf(stderr, "weir model diff: \"%s\" is not understood\n%s", argv[i], USAGE);
        if (ok != 1)
            return false;
    }
    if (!d->b.file || !eng_prompts_any(&d->prompts))
        fputs(USAGE, stderr);
    return d->b.file && eng_prompts_any(&d->prompts);
}

static void side_release(struct side *s)
{
    free(s->logits);
    eng_cache_free(s->c);
    eng_model_free(s->m);
}

int eng_cmd_diff(int argc, char **argv)
{
    struct diff d = {.a.opts.device = ENG_DEVICE_REF,
                     .b.opts.device = ENG_DEVICE_CPU,
                     .tolerance = TOLERANCE_DEFAULT,
                     .max_abs = INFINITY};
    struct base_err err = {0};
    struct base_buf out;
    int rc = 2;
    eng_prompts_init(&d.prompts);
    base_buf_init(&out, 16u << 20);
    if (!parse_args(argc, argv, &d))
        goto out;
    enum base_status st = open_both(&d, &err);
    for (size_t i = 0; i < d.prompts.n && st == BASE_OK; i++) {
        size_t from = i ? d.prompts.end[i - 1] : 0;
        st = run_prompt(&d, d.prompts.ids.v + from, d.prompts.end[i] - from, &err);
    }
    if (st != BASE_OK) {
        fprintf(stderr, "weir model diff: %s\n", err.text);
        goto out;
    }
    bool apart = put_json(&out, &d);
    if (base_buf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n && !fflush(stdout))
        rc = apart ? 1 : 0;
    else
        fputs("weir model diff: cannot write\n", stderr);
out:
    side_release(&d.a);
    side_release(&d.b);
    free(d.kept);
    free(d.chose);
    free(d.layers);
    base_buf_release(&out);
    eng_prompts_release(&d.prompts);
    return rc;
}
