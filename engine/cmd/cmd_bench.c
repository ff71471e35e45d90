/* cmd_bench.c - `weir model bench`: tokens a second for prompts and for generation.
 *
 * Prompt: --pp random tokens in one batch on an empty cache. Generation: --tg steps of one token
 * for each of --parallel sequences, after the prompt; each step's token is taken from the logits,
 * so that steps cannot overlap. Each is run once to warm up (shortened) and then --reps times; the
 * best is reported, since on a shared machine disturbance only ever slows down, with the load
 * average beside it so that a reader can judge. tok_cpu_s are tokens a second of processor time
 * (waiting of threads for one another included): with -t 1 about what an idle machine would give.
 */
#include "engine/cmd/cmd_args.h"
#include "engine/cmd/commands.h"
#include "engine/model/model.h"

#include "base/clock.h"
#include "base/json.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* in seconds; cpu: of all threads together */
struct times {
    double pp_s, tg_s, pp_cpu_s, tg_cpu_s;
};

struct bench {
    const char *file;
    uint32_t threads, pp, tg, parallel, reps;
    struct eng_model_opts opts;
    struct eng_model *m;
    struct eng_cache *c;
    float *logits;
    int32_t *tokens;
    uint32_t *seqs;
    bool *want;
    struct times best;
};

static const char USAGE[] =
    "usage: weir model bench FILE.gguf [-t 2] [--pp 512] [--tg 128] "
    "[--parallel 1] [--reps 3]\n                        [--activations auto|int8|int16]\n"
    "                        [--device cpu|ref|cuda|emulated] [--kv f16|f32]\n" ENG_ARGS_GPUS
        ENG_ARGS_GPUS_HELP;

static bool parse_args(int argc, char **argv, struct bench *b)
{
    static const struct {
        const char *name;
        size_t at;
        uint32_t min, max;
    } opts[] = {
        {"-t", offsetof(struct bench, threads), 1, 256},
        {"--pp", offsetof(struct bench, pp), 1, 1u << 16},
        {"--tg", offsetof(struct bench, tg), 1, 1u << 16},
        {"--parallel", offsetof(struct bench, parallel), 1, ENG_SEQ_MAX},
        {"--reps", offsetof(struct bench, reps), 1, 1000},
    };
    for (int i = 1; i < argc; i++) {
        bool ok = false, known = false;
        uint64_t v;
        if (i + 1 < argc && eng_args_gpus(argv[i], argv[i + 1], &b->opts, &known) && known) {
            i++;
            continue;
        }
        if (argv[i][0] != '-') {
            ok = b->file == NULL;
            b->file = argv[i];
        }
        if (base_str_is(base_str_c(argv[i]), "--activations") && i + 1 < argc)
            ok = eng_activations_parse(base_str_c(argv[++i]), &b->opts.activations);
        else if (base_str_is(base_str_c(argv[i]), "--kv") && i + 1 < argc)
            ok = eng_args_kv(argv[++i], &b->opts.kv_f32);
        else if (base_str_is(base_str_c(argv[i]), "--device") && i + 1 < argc) {
            if (!eng_args_device("bench", argv[++i], &b->opts.device))
                return false;
            ok = true;
        }
        for (size_t o = 0; !ok && o < sizeof(opts) / sizeof(opts[0]); o++) {
            if (!base_str_is(base_str_c(argv[i]), opts[o].name) || i + 1 == argc)
                continue;
            if (base_str_u64(base_str_c(argv[i + 1]), &v) && v >= opts[o].min && v <= opts[o].max) {
                *(uint32_t *)(void *)((char *)b + opts[o].at) = (uint32_t)v;
                ok = true;
                i++;
            }
            break;
        }
        if (!ok) {
            fprintf(stderr, "weir model bench: \"%s\" is not understood\n%s", argv[i], USAGE);
            return false;
        }
    }
    if (!b->file)
        fputs(USAGE, stderr);
    return b->file != NULL;
}

static int32_t best_token(const float *row, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (row[i] > row[best])
            best = i;
    return (int32_t)best;
}

static double cpu_s(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The prompt into sequence 0 (copied to the others), then n steps of generation. */
static enum base_status one_run(struct bench *b, uint32_t pp, uint32_t tg, struct times *out,
                                struct base_err *err)
{
    uint32_t n_vocab = eng_model_get_info(b->m)->n_vocab;
    for (uint32_t s = 0; s < b->parallel; s++)
        (void)eng_cache_truncate(b->c, s, 0);
    for (uint32_t i = 0; i < pp; i++) {
        b->tokens[i] = (int32_t)((i * 2654435761u >> 7) % n_vocab);
        b->want[i] = i + 1 == pp;
    }
    struct eng_batch batch = {.n = pp, .tokens = b->tokens, .want = b->want};
    double c0 = cpu_s();
    uint64_t t0 = base_mono_ns();
    enum base_status st = eng_forward(b->m, b->c, &batch, b->logits, err);
    out->pp_s = (double)(base_mono_ns() - t0) * 1e-9;
    out->pp_cpu_s = cpu_s() - c0;
    if (st != BASE_OK)
        return st;
    for (uint32_t s = 0; s < b->parallel; s++) {
        if (s)
            (void)eng_cache_copy(b->c, s, 0, pp);
        b->seqs[s] = s;
        b->tokens[s] = (best_token(b->logits, n_vocab) + (int32_t)s) % (int32_t)n_vocab;
    }
    batch = (struct eng_batch){.n = b->parallel, .tokens = b->tokens, .seqs = b->seqs};
    double c2 = cpu_s();
    uint64_t t2 = base_mono_ns();
    for (uint32_t i = 0; i < tg && st == BASE_OK; i++) {
        st = eng_forward(b->m, b->c, &batch, b->logits, err);
        for (uint32_t s = 0; s < b->parallel; s++)
            b->tokens[s] = best_token(b->logits + (size_t)s * n_vocab, n_vocab);
    }
    out->tg_s = (double)(base_mono_ns() - t2) * 1e-9;
    out->tg_cpu_s = cpu_s() - c2;
    return st;
}

static enum base_status measure(struct bench *b, struct base_err *err)
{
    struct times t, *best = &b->best;
    enum base_status st = one_run(b, b->pp < 64 ? b->pp : 64, b->tg < 8 ? b->tg : 8, &t, err);
    *best = (struct times){1e30, 1e30, 1e30, 1e30};
    for (uint32_t i = 0; i < b->reps && st == BASE_OK; i++) {
        st = one_run(b, b->pp, b->tg, &t, err);
        best->pp_s = fmin(best->pp_s, t.pp_s);
        best->tg_s = fmin(best->tg_s, t.tg_s);
        best->pp_cpu_s = fmin(best->pp_cpu_s, t.pp_cpu_s);
        best->tg_cpu_s = fmin(best->tg_cpu_s, t.tg_cpu_s);
    }
    return st;
}

/* Of each GPU: bytes reserved for the model, in use now, and in use at most. */
static void put_memory(struct base_json *j, const struct eng_model *m)
{
    struct eng_model_memory on;
    base_json_key(j, "gpus");
    base_json_arr(j);
    for (uint32_t i = 0; eng_model_memory_of(m, i, &on); i++) {
        base_json_obj(j);
        base_json_kint(j, "gpu", on.ordinal);
        base_json_kz(j, "name", on.name);
        base_json_kint(j, "reserved", (int64_t)on.reserved);
        base_json_kint(j, "used", (int64_t)on.used);
        base_json_kint(j, "peak", (int64_t)on.peak);
        base_json_kint(j, "weights", (int64_t)on.by[ENG_USE_WEIGHTS]);
        base_json_kint(j, "experts", (int64_t)on.by[ENG_USE_EXPERTS]);
        base_json_kint(j, "cache", (int64_t)on.by[ENG_USE_CACHE]);
        base_json_kint(j, "scratch", (int64_t)on.by[ENG_USE_SCRATCH]);
        base_json_kint(j, "bytes_from_host", (int64_t)on.from_host);
        base_json_kint(j, "bytes_to_host", (int64_t)on.to_host);
        base_json_kint(j, "bytes_from_gpus", (int64_t)on.from_devices);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void report(const struct bench *b, const char *kernels)
{
    double load[1] = {-1};
    struct rusage ru = {0};
    struct base_buf out;
    struct base_json j;
    (void)getloadavg(load, 1);
    (void)getrusage(RUSAGE_SELF, &ru);
    base_buf_init(&out, 1u << 20);
    base_json_init(&j, &out);
    base_json_obj(&j);
    base_json_kz(&j, "file", b->file);
    base_json_kz(&j, "quantisation", eng_model_get_info(b->m)->quant);
    base_json_kz(&j, "kernels", kernels);
    base_json_kz(&j, "activations", eng_model_activations(b->m));
    base_json_kint(&j, "threads", b->threads);
    base_json_kint(&j, "pp", b->pp);
    base_json_kint(&j, "tg", b->tg);
    base_json_kint(&j, "parallel", b->parallel);
    base_json_key(&j, "pp_tok_s");
    base_json_num(&j, b->pp / b->best.pp_s, 1);
    base_json_key(&j, "tg_tok_s");
    base_json_num(&j, (double)b->tg * b->parallel / b->best.tg_s, 1);
    base_json_key(&j, "pp_tok_cpu_s");
    base_json_num(&j, b->pp / b->best.pp_cpu_s, 1);
    base_json_key(&j, "tg_tok_cpu_s");
    base_json_num(&j, (double)b->tg * b->parallel / b->best.tg_cpu_s, 1);
    base_json_key(&j, "rss_mib");
    base_json_num(&j, (double)ru.ru_maxrss / 1024, 1);
    put_memory(&j, b->m);
    base_json_key(&j, "load_average");
    base_json_num(&j, load[0], 2);
    base_json_kint(&j, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    base_json_obj_end(&j);
    printf("%.*s\n", BASE_FMT(base_buf_view(&out)));
    base_buf_release(&out);
}

int eng_cmd_bench(int argc, char **argv)
{
    struct bench b = {.threads = 2, .pp = 512, .tg = 128, .parallel = 1, .reps = 3};
    struct base_err err = {0};
    enum base_status st;
    if (!parse_args(argc, argv, &b))
        return 2;
    b.opts.n_threads = (int)b.threads;
    b.opts.n_seq = b.parallel;
    b.opts.n_ctx = b.pp + b.tg;
    st = eng_model_open(b.file, &b.opts, &b.m, &err);
    if (st == BASE_OK)
        st = eng_cache_new(b.m, b.parallel, b.pp + b.tg, &b.c, &err);
    if (st == BASE_OK) {
        size_t most = b.pp > b.parallel ? b.pp : b.parallel;
        b.tokens = calloc(most, sizeof(*b.tokens));
        b.want = calloc(most, sizeof(*b.want));
        b.seqs = calloc(b.parallel, sizeof(*b.seqs));
        b.logits = calloc((size_t)b.parallel * eng_model_get_info(b.m)->n_vocab, sizeof(float));
        st = b.tokens && b.want && b.seqs && b.logits
                 ? measure(&b, &err)
                 : base_err_set(&err, BASE_ENOMEM, "out of memory");
    }
    if (st == BASE_OK)
        report(&b, eng_model_kernels(b.m));
    else
        fprintf(stderr, "weir model bench: %s\n", err.text);
    free(b.tokens);
    free(b.want);
    free(b.seqs);
    free(b.logits);
    eng_cache_free(b.c);
    eng_model_free(b.m);
    return st == BASE_OK ? 0 : 2;
}
