/* cmd_diff.c - `weir model diff A B`: where two runs of the same tokens part.
 *
 * Both models are open at once and take the prompts in the same pieces (apart.c):
 *
 *   max_abs          the largest difference of two elements of the residual stream
 *   nmse             sum (b - a)^2 / sum a^2, A being the measure
 *   experts_differ   tokens whose sets of chosen experts are not the same (their order may be);
 *                    left out where the two have not as many experts
 *
 * With --margin, rows behind a choice that may have fallen the other way because A's scores were
 * nearer than that are left out of max_abs and nmse (apart.h has the rule), and told:
 *
 *   held             rows that are not behind such a choice
 *   near_experts, near_keys   choices of held rows that are such, the widest gap of those of
 * experts wrong_experts    choices that differ at a wider gap, with the narrowest
 *
 * A layer diverges when its nmse passes --tolerance, or its max_abs passes --max-abs if that is
 * given, or if it has wrong choices; the logits likewise. JSON on standard output; exit 0: nothing
 * diverges, 1: something does.
 */
#include "engine/cmd/commands.h"

#include "base/json.h"
#include "engine/cmd/apart.h"
#include "engine/cmd/cmd_args.h"
#include "engine/model/gguf.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TOLERANCE_DEFAULT 1e-6

static const char USAGE[] =
    "usage: weir model diff A.gguf B.gguf {-p TEXT | --prompts FILE | --tokens 1,2,3}... [--raw]\n"
    "           [--device-a ref] [--device-b cpu] [--activations-a auto|int8|int16]\n"
    "           [--activations-b ...] [--kv-a f16|f32] [--kv-b ...] [--tolerance 1e-6]\n"
    "           [--max-abs X] [--margin X] [-t THREADS]\n" ENG_ARGS_GPUS
    "Compares what each layer puts out, the experts it chose, and the logits. B.gguf may be the\n"
    "same file on another device. --tolerance bounds the normalised squared error of each layer.\n"
    "--margin X: a choice of experts or keys may fall the other way where A's scores (on ref or\n"
    "cpu) are nearer than X standard deviations, and tokens behind it are not held to the bounds.\n"
    "JSON on standard output. Exit: 0 all within bounds, 1 not, 2 bad usage or "
    "file.\n" ENG_ARGS_GPUS_HELP;

struct side {
    const char *file;
    struct eng_model_opts opts;
    struct eng_model *m;
    struct eng_cache *c;
};

struct diff {
    struct side a, b;
    struct eng_prompts prompts;
    struct eng_apart apart;
    double tolerance, max_abs; /* max_abs: INFINITY unless given */
};

static bool diverges(const struct diff *d, const struct eng_deviation *v)
{
    return !(eng_deviation_nmse(v) <= d->tolerance) || v->max_abs > d->max_abs ||
           v->wrong_experts > 0;
}

/* ---- opening ---- */

static enum base_status open_both(struct diff *d, struct base_err *err)
{
    struct eng_gguf *g = NULL;
    enum base_status st = eng_gguf_open(d->a.file, &g, err);
    if (st == BASE_OK)
        st = eng_prompts_encode(&d->prompts, g, err);
    eng_gguf_free(g);
    size_t longest = 0;
    for (size_t i = 0; st == BASE_OK && i < d->prompts.n; i++) {
        size_t from = i ? d->prompts.end[i - 1] : 0;
        longest = d->prompts.end[i] - from > longest ? d->prompts.end[i] - from : longest;
    }
    /* both may be on one GPU: each takes what it needs */
    d->a.opts.n_seq = d->b.opts.n_seq = 1;
    d->a.opts.n_ctx = d->b.opts.n_ctx = (uint32_t)longest;
    if (st == BASE_OK)
        st = eng_model_open(d->a.file, &d->a.opts, &d->a.m, err);
    if (st == BASE_OK)
        st = eng_model_open(d->b.file, &d->b.opts, &d->b.m, err);
    if (st != BASE_OK)
        return st;
    st = eng_cache_new(d->a.m, 1, (uint32_t)longest, &d->a.c, err);
    if (st == BASE_OK)
        st = eng_cache_new(d->b.m, 1, (uint32_t)longest, &d->b.c, err);
    d->apart.a = d->a.m;
    d->apart.b = d->b.m;
    d->apart.ca = d->a.c;
    d->apart.cb = d->b.c;
    return st == BASE_OK ? eng_apart_open(&d->apart, err) : st;
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

static void put_deviation(struct base_json *j, const struct diff *d, const struct eng_deviation *v)
{
    put_num(j, "max_abs", v->max_abs);
    put_num(j, "nmse", eng_deviation_nmse(v));
    if (d->apart.margin > 0)
        base_json_kint(j, "held", (int64_t)v->held);
    base_json_kbool(j, "diverges", diverges(d, v));
}

static void put_layer(struct base_json *j, const struct diff *d, uint32_t l)
{
    const struct eng_deviation *v = &d->apart.layers[l];
    base_json_obj(j);
    base_json_kint(j, "layer", l);
    put_deviation(j, d, v);
    if (v->experts)
        base_json_kint(j, "experts_differ", (int64_t)v->experts_differ);
    if (d->apart.margin > 0) {
        base_json_kint(j, "near_keys", (int64_t)v->near_keys);
        base_json_kint(j, "near_experts", (int64_t)v->near_experts);
        put_num(j, "widest_near", v->widest);
        base_json_kint(j, "wrong_experts", (int64_t)v->wrong_experts);
        if (v->wrong_experts)
            put_num(j, "narrowest_wrong", v->narrowest);
    }
    base_json_obj_end(j);
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
    if (d->apart.margin > 0)
        put_num(&j, "margin", d->apart.margin);
    base_json_key(&j, "layers");
    base_json_arr(&j);
    for (uint32_t l = 0; l < d->apart.n_layer; l++) {
        if (first == UINT32_MAX && diverges(d, &d->apart.layers[l]))
            first = l;
        put_layer(&j, d, l);
    }
    base_json_arr_end(&j);
    base_json_key(&j, "logits");
    base_json_obj(&j);
    put_deviation(&j, d, &d->apart.logits);
    base_json_kint(&j, "first_choice_differs", (int64_t)d->apart.first_choice_differs);
    base_json_obj_end(&j);
    base_json_key(&j, "first_divergent_layer");
    if (first == UINT32_MAX)
        base_json_null(&j);
    else
        base_json_int(&j, first);
    base_json_obj_end(&j);
    base_buf_byte(out, '\n');
    return first != UINT32_MAX || diverges(d, &d->apart.logits);
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
    if (!eng_args_gpus(name, value, &d->b.opts, &known))
        return 0;
    if (known) { /* of a side that is on GPUs */
        (void)eng_args_gpus(name, value, &d->a.opts, &known);
        return 1;
    }
    if (base_str_is(s, "--activations-a"))
        return eng_activations_parse(v, &d->a.opts.activations);
    if (base_str_is(s, "--activations-b"))
        return eng_activations_parse(v, &d->b.opts.activations);
    if (base_str_is(s, "--kv-a"))
        return eng_args_kv(value, &d->a.opts.kv_f32);
    if (base_str_is(s, "--kv-b"))
        return eng_args_kv(value, &d->b.opts.kv_f32);
    if (base_str_is(s, "--margin"))
        return parse_bound(value, &d->apart.margin);
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
    if (d->apart.margin > 0 && d->a.opts.device != ENG_DEVICE_REF &&
        d->a.opts.device != ENG_DEVICE_CPU) {
        fputs("weir model diff: --margin needs --device-a ref or cpu: others do not tell how near "
              "their choices were\n",
              stderr);
        return false;
    }
    if (!d->b.file || !eng_prompts_any(&d->prompts))
        fputs(USAGE, stderr);
    return d->b.file && eng_prompts_any(&d->prompts);
}

static void side_release(struct side *s)
{
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
        st = eng_apart_run(&d.apart, d.prompts.ids.v + from, d.prompts.end[i] - from, 0, &err);
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
    eng_apart_release(&d.apart);
    side_release(&d.a);
    side_release(&d.b);
    base_buf_release(&out);
    eng_prompts_release(&d.prompts);
    return rc;
}
