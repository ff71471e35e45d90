/* cmd_experts.c - `weir model info FILE --experts`: which experts a set of prompts uses.
 *
 * The prompts run through the model, each from an empty cache, all of their tokens through all
 * layers; then the model's own counters (model_probe.c) are told. On a terminal: a heat map, a line
 * a layer and a column an expert (or several, if the line is too short: then the fullest of them),
 * and the figures of each layer. Elsewhere, or with --json: one JSON object.
 *
 *   choices    (token, expert) pairs: tokens times experts_used
 *   imbalance  the busiest expert's count over the mean: 1 is even, experts / experts_used the most
 *   entropy    of the experts' shares, over that of equal shares: 1 is even, 0 a single expert
 *   unused     experts that no token chose
 */
#include "engine/cmd/cmd_experts.h"

#include "base/json.h"
#include "engine/cmd/cmd_args.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CHUNK   64u /* tokens a forward pass: bounds the logits' memory */
#define BUSIEST 3
#define COLUMNS 100u /* of a terminal that does not say */

static const char USAGE[] =
    "usage: weir model info FILE.gguf --experts {-p TEXT | --prompts FILE | --tokens 1,2,3}...\n"
    "           [--raw] [--json] [--device cpu|ref] [--activations auto|int8|int16] [-t THREADS]\n"
    "Runs the prompts (--prompts: one a line; texts become the user's message in the file's chat\n"
    "template unless --raw) and tells how often each layer chose each expert: JSON, or a heat map\n"
    "and a table if standard output is a terminal and --json is not given.\n";

struct experts_args {
    const char *file;
    struct eng_model_opts opts;
    struct eng_prompts prompts;
    bool json;
};

struct figures {
    uint64_t choices;
    double imbalance, entropy;
    uint32_t unused, busiest[BUSIEST];
};

static struct figures figures_of(const uint64_t *counts, uint32_t n)
{
    struct figures f = {.imbalance = eng_expert_imbalance(counts, n)};
    for (uint32_t e = 0; e < n; e++) {
        f.choices += counts[e];
        f.unused += counts[e] == 0;
        uint32_t at = e < BUSIEST ? e : BUSIEST;
        while (at > 0 && counts[e] > counts[f.busiest[at - 1]])
            at--;
        for (uint32_t i = BUSIEST - 1; at < BUSIEST && i > at; i--)
            f.busiest[i] = f.busiest[i - 1];
        if (at < BUSIEST)
            f.busiest[at] = e;
    }
    for (uint32_t e = 0; e < n && f.choices && n > 1; e++) {
        double p = (double)counts[e] / (double)f.choices;
        f.entropy -= p > 0 ? p * log(p) / log(n) : 0;
    }
    return f;
}

/* ---- JSON ---- */

static void put_layer(struct base_json *j, uint32_t layer, const uint64_t *counts, uint32_t n)
{
    struct figures f = figures_of(counts, n);
    base_json_obj(j);
    base_json_kint(j, "layer", layer);
    base_json_kint(j, "choices", (int64_t)f.choices);
    base_json_key(j, "imbalance");
    base_json_num(j, f.imbalance, 4);
    base_json_key(j, "entropy");
    base_json_num(j, f.entropy, 4);
    base_json_kint(j, "unused", f.unused);
    base_json_key(j, "busiest");
    base_json_arr(j);
    for (uint32_t i = 0; i < BUSIEST && i < n; i++)
        base_json_int(j, f.busiest[i]);
    base_json_arr_end(j);
    base_json_key(j, "counts");
    base_json_arr(j);
    for (uint32_t e = 0; e < n; e++)
        base_json_int(j, (int64_t)counts[e]);
    base_json_arr_end(j);
    base_json_obj_end(j);
}

static void put_json(struct base_buf *out, const struct experts_args *a, const struct eng_model *m)
{
    const struct eng_model_info *info = eng_model_get_info(m);
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "file", a->file);
    base_json_kstr(&j, "family", info->arch);
    base_json_kz(&j, "kernels", eng_model_kernels(m));
    base_json_kint(&j, "experts", info->n_expert);
    base_json_kint(&j, "experts_used", info->n_expert_used);
    base_json_kint(&j, "prompts", (int64_t)a->prompts.n);
    base_json_kint(&j, "tokens", (int64_t)a->prompts.ids.n);
    double worst = 0;
    base_json_key(&j, "layers");
    base_json_arr(&j);
    for (uint32_t l = 0; l < info->n_layer; l++) {
        const uint64_t *counts = eng_model_expert_counts(m, l);
        if (!counts)
            continue;
        put_layer(&j, l, counts, info->n_expert);
        worst = fmax(worst, eng_expert_imbalance(counts, info->n_expert));
    }
    base_json_arr_end(&j);
    base_json_key(&j, "imbalance_max");
    base_json_num(&j, worst, 4);
    base_json_obj_end(&j);
    base_buf_byte(out, '\n');
}

/* ---- for people ---- */

static uint32_t terminal_columns(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 40)
        return COLUMNS;
    return w.ws_col;
}

/* How full a cell is, of a scale that ends at the largest count of the layer. */
static const char *shade(uint64_t count, uint64_t max)
{
    static const char *const steps[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    return count == 0 ? "·" : steps[(count * 8 - 1) / max];
}

void eng_experts_table(struct base_buf *out, const struct eng_model *m, uint32_t columns)
{
    const struct eng_model_info *info = eng_model_get_info(m);
    uint32_t n = info->n_expert, room = columns > 52 ? columns - 44 : 8,
             per = (n + room - 1) / room;
    base_buf_printf(out, "%u experts, %u of them a token; · is none%s", n, info->n_expert_used,
                    per > 1 ? "; " : "\n");
    if (per > 1)
        base_buf_printf(out, "a column is the fullest of %u\n", per);
    base_buf_printf(out, "layer  imbalance  entropy  unused  busiest\n");
    for (uint32_t l = 0; l < info->n_layer; l++) {
        const uint64_t *counts = eng_model_expert_counts(m, l);
        if (!counts)
            continue;
        struct figures f = figures_of(counts, n);
        uint64_t max = counts[f.busiest[0]];
        base_buf_printf(out, "%5u  %9.2f  %7.3f  %6u  %4u ", l, f.imbalance, f.entropy, f.unused,
                        f.busiest[0]);
        for (uint32_t e = 0; e < n; e += per) {
            uint64_t fullest = 0;
            for (uint32_t i = e; i < e + per && i < n; i++)
                fullest = counts[i] > fullest ? counts[i] : fullest;
            base_buf_z(out, shade(fullest, max));
        }
        base_buf_byte(out, '\n');
    }
}

/* ---- the run ---- */

static bool parse_args(int argc, char **argv, struct experts_args *a)
{
    struct base_err err = {0};
    for (int i = 1; i < argc; i++) {
        struct base_str s = base_str_c(argv[i]);
        bool ok = true, known = false;
        if (s.n == 0 || s.p[0] != '-') {
            ok = a->file == NULL;
            a->file = argv[i];
        } else if (base_str_is(s, "--experts")) {
            continue;
        } else if (base_str_is(s, "--raw")) {
            a->prompts.raw = true;
        } else if (base_str_is(s, "--json")) {
            a->json = true;
        } else if (i + 1 == argc) {
            ok = false;
        } else if (base_str_is(s, "--device")) {
            if (!eng_args_device("info", argv[++i], &a->opts.device))
                return false;
        } else if (base_str_is(s, "--activations")) {
            ok = eng_activations_parse(base_str_c(argv[++i]), &a->opts.activations);
        } else if (base_str_is(s, "-t")) {
            uint32_t n = 0;
            ok = eng_args_u32(argv[++i], 256, &n);
            a->opts.n_threads = (int)n;
        } else if (eng_prompts_option(&a->prompts, argv[i], argv[i + 1], &known, &err) != BASE_OK) {
            fprintf(stderr, "weir model info: %s\n", err.text);
            return false;
        } else {
            ok = known;
            i += known;
        }
        if (!ok) {
            fprintf(stderr, "weir model info: \"%s\" is not understood\n%s", argv[i], USAGE);
            return false;
        }
    }
    if (!a->file || !eng_prompts_any(&a->prompts))
        fputs(USAGE, stderr);
    return a->file && eng_prompts_any(&a->prompts);
}

/* All tokens of all prompts through m. */
static enum base_status run_prompts(struct eng_model *m, const struct eng_prompts *p,
                                    struct base_err *err)
{
    struct eng_cache *c = NULL;
    size_t longest = 0, at = 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t from = i ? p->end[i - 1] : 0;
        longest = p->end[i] - from > longest ? p->end[i] - from : longest;
    }
    float *logits = malloc(sizeof(float) * CHUNK * eng_model_get_info(m)->n_vocab);
    enum base_status st = logits ? eng_cache_new(m, 1, (uint32_t)longest, &c, err)
                                 : base_err_set(err, BASE_ENOMEM, "out of memory for logits");
    for (size_t i = 0; i < p->n && st == BASE_OK; i++) {
        eng_cache_truncate(c, 0, 0);
        for (; at < p->end[i] && st == BASE_OK;
             at += CHUNK < p->end[i] - at ? CHUNK : p->end[i] - at) {
            size_t n = CHUNK < p->end[i] - at ? CHUNK : p->end[i] - at;
            struct eng_batch b = {.n = n, .tokens = p->ids.v + at};
            st = eng_forward(m, c, &b, logits, err);
        }
    }
    free(logits);
    eng_cache_free(c);
    return st;
}

static enum base_status run(struct experts_args *a, struct base_buf *out, struct base_err *err)
{
    struct eng_model *m = NULL;
    enum base_status st = eng_model_open(a->file, &a->opts, &m, err);
    if (st == BASE_OK && eng_model_get_info(m)->n_expert == 0)
        st = base_err_set(err, BASE_EINVAL, "%s: a dense model; it has no experts", a->file);
    if (st == BASE_OK)
        st = eng_prompts_encode(&a->prompts, eng_model_gguf(m), err);
    if (st == BASE_OK)
        st = run_prompts(m, &a->prompts, err);
    if (st == BASE_OK && !a->json && isatty(STDOUT_FILENO)) {
        base_buf_printf(out, "%s: %zu prompts, %zu tokens\n", a->file, a->prompts.n,
                        a->prompts.ids.n);
        eng_experts_table(out, m, terminal_columns());
    } else if (st == BASE_OK) {
        put_json(out, a, m);
    }
    eng_model_free(m);
    return st;
}

int eng_cmd_experts(int argc, char **argv)
{
    struct experts_args a = {0};
    struct base_err err = {0};
    struct base_buf out;
    int rc = 2;
    eng_prompts_init(&a.prompts);
    base_buf_init(&out, 64u << 20);
    if (parse_args(argc, argv, &a)) {
        if (run(&a, &out, &err) != BASE_OK)
            fprintf(stderr, "weir model info: %s\n", err.text);
        else if (!base_buf_ok(&out) || fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout))
            fputs("weir model info: cannot write\n", stderr);
        else
            rc = 0;
    }
    base_buf_release(&out);
    eng_prompts_release(&a.prompts);
    return rc;
}
