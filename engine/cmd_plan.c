/* cmd_plan.c - `weir model plan`: would this model fit on that card, what would lie where, and how
 * fast could it be at most.
 *
 * JSON on standard output, the same as a few lines for people on standard error. Every answer says
 * that it is arithmetic and that nothing has run on hardware.
 */
#include "engine/commands.h"
#include "engine/plan.h"

#include "base/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NOT_RUN                                                                                    \
    "arithmetic from sizes and stated bandwidths, an upper bound; the CUDA back end is not built " \
    "yet: not yet run on hardware"

static const char USAGE[] =
    "usage: weir model plan FILE.gguf --gpu h100|a100|rtx4090|BYTES [--context 4096] [--parallel "
    "1]\n"
    "           [--bandwidth GB/s] [--cpu-bandwidth 50]\n"
    "  --gpu            a card, or its memory in bytes (then with --bandwidth, if speed is "
    "wanted)\n"
    "  --context        tokens that each sequence may hold\n"
    "  --parallel       sequences at once\n"
    "  --cpu-bandwidth  GB/s of the host's memory, for experts that do not fit on the card\n"
    "Exit: 0 it fits, whole or with experts left to the CPU; 1 it does not; 2 error.";

/* Memory and bandwidth as their maker states them (SXM, 80 GB, GDDR6X). */
static const struct {
    const char *name;
    uint64_t bytes;
    double bytes_s;
} cards[] = {{"h100", 80ull << 30, 3.35e12},
             {"a100", 80ull << 30, 2.039e12},
             {"rtx4090", 24ull << 30, 1.008e12}};

struct job {
    const char *file, *gpu;
    struct eng_plan_ask ask;
};

static bool number(const char *s, double lo, double hi, double *out)
{
    char *end = NULL;
    errno = 0;
    *out = s ? strtod(s, &end) : 0;
    return s && end != s && *end == '\0' && errno == 0 && *out >= lo && *out <= hi;
}

static bool take_gpu(struct job *j, const char *s)
{
    double v;
    j->gpu = s;
    for (size_t i = 0; s && i < sizeof(cards) / sizeof(cards[0]); i++)
        if (base_str_is(base_str_c(s), cards[i].name)) {
            j->ask.gpu_bytes = cards[i].bytes;
            if (j->ask.gpu_bytes_s == 0)
                j->ask.gpu_bytes_s = cards[i].bytes_s;
            return true;
        }
    if (!number(s, 1, 1e15, &v))
        return false;
    j->ask.gpu_bytes = (uint64_t)v;
    return true;
}

static bool parse(struct job *j, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct base_str a = base_str_c(argv[i]);
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        double v = 0;
        bool good = false;
        if (argv[i][0] != '-' && !j->file) {
            j->file = argv[i];
            continue;
        }
        if (base_str_is(a, "--gpu")) {
            good = take_gpu(j, next);
        } else if (base_str_is(a, "--context") && (good = number(next, 1, 1e8, &v))) {
            j->ask.context = (uint32_t)v;
        } else if (base_str_is(a, "--parallel") && (good = number(next, 1, 4096, &v))) {
            j->ask.parallel = (uint32_t)v;
        } else if (base_str_is(a, "--bandwidth") && (good = number(next, 0.1, 1e5, &v))) {
            j->ask.gpu_bytes_s = v * 1e9;
        } else if (base_str_is(a, "--cpu-bandwidth") && (good = number(next, 0.1, 1e5, &v))) {
            j->ask.cpu_bytes_s = v * 1e9;
        }
        if (!good) {
            fprintf(stderr, "weir model plan: \"%s%s%s\" is not understood\n%s\n", argv[i],
                    next ? " " : "", next ? next : "", USAGE);
            return false;
        }
        i++;
    }
    if (!j->file || !j->gpu)
        fprintf(stderr, "weir model plan: %s is missing\n%s\n", j->file ? "--gpu" : "the file",
                USAGE);
    return j->file && j->gpu;
}

static void put_json(struct base_json *o, const struct job *j, const struct eng_plan *p)
{
    static const char *const words[] = {"all", "hybrid", "no"};
    base_json_obj(o);
    base_json_kz(o, "file", j->file);
    base_json_kz(o, "gpu", j->gpu);
    base_json_kint(o, "gpu_bytes", (int64_t)j->ask.gpu_bytes);
    base_json_kint(o, "context", j->ask.context);
    base_json_kint(o, "parallel", j->ask.parallel);
    base_json_kz(o, "fits", words[p->fit]);
    if (p->fit == ENG_PLAN_NONE)
        base_json_kint(o, "bytes_missing", (int64_t)p->missing);
    base_json_key(o, "bytes");
    base_json_obj(o);
    base_json_kint(o, "weights_dense", (int64_t)p->dense);
    base_json_kint(o, "weights_experts", (int64_t)p->experts);
    base_json_kint(o, "embeddings_on_host", (int64_t)p->table);
    base_json_kint(o, "cache", (int64_t)p->cache);
    base_json_kint(o, "reserve", (int64_t)p->reserve);
    base_json_kint(o, "on_gpu", (int64_t)p->gpu_total);
    base_json_kint(o, "on_host", (int64_t)p->host_total);
    base_json_obj_end(o);
    base_json_key(o, "experts");
    base_json_obj(o);
    base_json_kint(o, "per_layer", p->n_expert);
    base_json_kint(o, "used", p->n_used);
    base_json_kint(o, "per_layer_on_gpu", p->on_gpu);
    base_json_obj_end(o);
    base_json_key(o, "batches");
    base_json_arr(o);
    for (size_t i = 0; i < ENG_PLAN_BATCHES && p->fit != ENG_PLAN_NONE; i++) {
        base_json_obj(o);
        base_json_kint(o, "sequences", eng_plan_batches[i]);
        base_json_kint(o, "gpu_bytes_a_step", (int64_t)p->step_gpu[i]);
        base_json_kint(o, "host_bytes_a_step", (int64_t)p->step_host[i]);
        base_json_key(o, "bound_tok_s");
        if (p->bound_tok_s[i] > 0)
            base_json_num(o, p->bound_tok_s[i], 0);
        else
            base_json_null(o);
        base_json_obj_end(o);
    }
    base_json_arr_end(o);
    base_json_kz(o, "note", NOT_RUN);
    base_json_obj_end(o);
}

static double gib(uint64_t n)
{
    return (double)n / (1 << 30);
}

static void print_prose(const struct job *j, const struct eng_plan *p)
{
    if (p->fit == ENG_PLAN_NONE) {
        fprintf(
            stderr,
            "It does not fit: %.1f GiB are missing for what must be on the card (weights beside "
            "the experts %.1f, cache %.1f, working space %.1f of %.1f GiB). What to do: a "
            "smaller --context or --parallel, another quantisation, a larger card.\n",
            gib(p->missing), gib(p->dense), gib(p->cache), gib(p->reserve), gib(j->ask.gpu_bytes));
        return;
    }
    fprintf(stderr, "On the card: %.1f of %.1f GiB (weights beside the experts %.1f, cache %.1f, ",
            gib(p->gpu_total), gib(j->ask.gpu_bytes), gib(p->dense), gib(p->cache));
    fprintf(stderr, "working space %.1f, experts %.1f)\n", gib(p->reserve),
            gib(p->gpu_total - p->dense - p->cache - p->reserve));
    fprintf(stderr, "In the host's memory: %.1f GiB", gib(p->host_total));
    if (p->fit == ENG_PLAN_HYBRID)
        fprintf(stderr, ", among it %u of %u experts a layer", p->n_expert - p->on_gpu,
                p->n_expert);
    fputs("\n", stderr);
    for (size_t i = 0; i < ENG_PLAN_BATCHES; i++)
        if (p->bound_tok_s[i] > 0)
            fprintf(stderr, "%2u at once: at most %.0f tok/s in all\n", eng_plan_batches[i],
                    p->bound_tok_s[i]);
    fprintf(stderr, "(%s)\n", NOT_RUN);
}

int eng_cmd_plan(int argc, char **argv)
{
    struct job j = {.ask = {.cpu_bytes_s = 50e9, .context = 4096, .parallel = 1}};
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct eng_model *m;
    struct eng_plan p;
    struct base_err err;
    struct base_buf out;
    struct base_json o;
    if (!parse(&j, argc, argv))
        return 2;
    if (eng_model_open(j.file, &opts, &m, &err) != BASE_OK) {
        fprintf(stderr, "weir model plan: %s\n", err.text);
        return 2;
    }
    eng_plan(eng_model_gguf(m), eng_model_get_info(m), &j.ask, &p);
    base_buf_init(&out, 1u << 20);
    base_json_init(&o, &out);
    put_json(&o, &j, &p);
    base_buf_byte(&out, '\n');
    print_prose(&j, &p);
    bool written =
        base_buf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    base_buf_release(&out);
    eng_model_free(m);
    if (!written)
        fputs("weir model plan: cannot write\n", stderr);
    return !written ? 2 : p.fit == ENG_PLAN_NONE ? 1 : 0;
}
