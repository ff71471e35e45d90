/* cmd_run.c - `weir model run`: one answer from a model file, on standard output as it comes.
 *
 * The prompt is the user's message in the model's chat template (with --raw: the text as it is,
 * with BOS where the file asks for it). Figures go to standard error at the end.
 */
#include "engine/cmd/cmd_args.h"
#include "engine/cmd/commands.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"
#include "engine/plan/auto.h"
#include "engine/sample/sampler.h"
#include "engine/sample/watermark.h"

#include "base/clock.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: weir model run FILE.gguf -p TEXT [-n 64] [--temp 0] [--seed 1] [--raw]\n"
    "           [--system TEXT] [--top-k N] [--top-p X] [--min-p X] [--stop TEXT] [-t THREADS]\n"
    "           [--device cpu|ref|cuda|emulated|auto] [--kv f16|f32] [--activations "
    "auto|int8|int16]\n" ENG_ARGS_GPUS
    "           [--watermark KEYFILE] [--gamma 0.25] [--delta 2]\n" ENG_ARGS_GPUS_HELP;

#define CONTEXT_WEIGHED 4096 /* for --device auto: as weir model plan */

struct opts {
    const char *file, *prompt, *system, *stop, *key;
    uint32_t n, threads;
    bool raw, kv_f32, weigh; /* weigh: --device auto */
    enum eng_device device;
    enum eng_activations activations;
    struct eng_model_opts model; /* its split of experts */
    struct eng_sampling s;
    struct eng_watermark mark; /* if key */
};

static bool number(const char *z, double lo, double hi, double *out)
{
    char *end;
    double v = strtod(z, &end);
    if (end == z || *end != 0 || !(v >= lo && v <= hi))
        return false;
    *out = v;
    return true;
}

static bool option(struct opts *o, struct base_str name, const char *z)
{
    double v = 0;
    bool ok = true, known = false;
    if (!(ok = eng_args_gpus(name.p, z, &o->model, &known)) || known)
        return ok;
    if (base_str_is(name, "-p"))
        o->prompt = z;
    else if (base_str_is(name, "--system"))
        o->system = z;
    else if (base_str_is(name, "--stop"))
        o->stop = z;
    else if (base_str_is(name, "--watermark"))
        o->key = z;
    else if (base_str_is(name, "--gamma") && (ok = number(z, 0.01, 0.99, &v)))
        o->mark.gamma = (float)v;
    else if (base_str_is(name, "--delta") && (ok = number(z, 0.01, 20, &v)))
        o->mark.delta = (float)v;
    else if (base_str_is(name, "--device"))
        ok = (o->weigh = strcmp(z, "auto") == 0) || eng_args_device("run", z, &o->device);
    else if (base_str_is(name, "--kv") && (ok = eng_args_kv(z, &o->kv_f32)))
        ;
    else if (base_str_is(name, "--activations"))
        ok = eng_activations_parse(base_str_c(z), &o->activations);
    else if (base_str_is(name, "-n") && (ok = number(z, 1, 1 << 20, &v)))
        o->n = (uint32_t)v;
    else if (base_str_is(name, "-t") && (ok = number(z, 1, 256, &v)))
        o->threads = (uint32_t)v;
    else if (base_str_is(name, "--temp") && (ok = number(z, 0, 100, &v)))
        o->s.temperature = (float)v;
    else if (base_str_is(name, "--seed") && (ok = number(z, 0, 9e15, &v)))
        o->s.seed = (uint64_t)v;
    else if (base_str_is(name, "--top-k") && (ok = number(z, 0, 1 << 20, &v)))
        o->s.top_k = (uint32_t)v;
    else if (base_str_is(name, "--top-p") && (ok = number(z, 0, 1, &v)))
        o->s.top_p = (float)v;
    else if (base_str_is(name, "--min-p") && (ok = number(z, 0, 1, &v)))
        o->s.min_p = (float)v;
    else
        ok = false;
    return ok;
}

static bool parse(int argc, char **argv, struct opts *o)
{
    *o = (struct opts){
        .n = 64, .s = eng_sampling_default(), .mark = {.gamma = 0.25f, .delta = 2.0f}};
    o->s.temperature = 0;
    o->s.seed = 1;
    o->s.seeded = true;
    for (int i = 1; i < argc; i++) {
        struct base_str a = base_str_c(argv[i]);
        if (a.n > 0 && a.p[0] != '-' && o->file == NULL) {
            o->file = argv[i];
        } else if (base_str_is(a, "--raw")) {
            o->raw = true;
        } else if (i + 1 < argc && option(o, a, argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "weir model run: \"%s\" is not understood\n%s\n", argv[i], USAGE);
            return false;
        }
    }
    if (o->file == NULL || o->prompt == NULL)
        fprintf(stderr, "%s\n", USAGE);
    return o->file != NULL && o->prompt != NULL;
}

static enum base_status prompt_ids(const struct opts *o, const struct eng_gguf *g,
                                   const struct eng_tok *tok, struct eng_ids *ids,
                                   struct base_err *err)
{
    bool own = true;
    if (o->raw)
        return eng_tok_encode(tok, base_str_c(o->prompt), ENG_TOK_ADD, ids, err);
    enum base_status st = eng_args_chat(g, tok, o->system, o->prompt, ids, &own, err);
    if (!own)
        fprintf(stderr, "weir model run: %s has no chat template; a stand-in is used\n", o->file);
    return st;
}

struct gen {
    const struct opts *o;
    struct eng_watermark mark;
    struct eng_gguf *gguf;
    struct eng_model *m;
    struct eng_tok *tok;
    struct eng_cache *cache;
    struct eng_sampler *sampler;
    struct eng_text text;
    struct base_buf piece, out;
    struct eng_ids ids;
    float *logits;
    uint32_t made;
    double prompt_s, gen_s;
};

static enum base_status show(struct gen *g, struct base_err *err)
{
    enum base_status st = base_write_all(STDOUT_FILENO, g->out.p, g->out.n, err);
    base_buf_clear(&g->out);
    return st;
}

static enum base_status generate(struct gen *g, struct base_err *err)
{
    uint64_t t0 = base_mono_us();
    size_t n = g->ids.n;
    bool *want = calloc(n, sizeof(*want));
    if (want == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for the prompt");
    want[n - 1] = true;
    struct eng_batch b = {.n = n, .tokens = g->ids.v, .want = want};
    enum base_status st = eng_forward(g->m, g->cache, &b, g->logits, err);
    free(want);
    uint64_t t1 = base_mono_us();
    g->prompt_s = (double)(t1 - t0) / 1e6;
    while (st == BASE_OK && g->made < g->o->n) {
        int32_t id = eng_sampler_pick(g->sampler, g->logits);
        if (id < 0)
            return base_err_set(err, BASE_EINVAL, "the model gives no finite scores");
        g->made++;
        if (eng_tok_is_eog(g->tok, id))
            break;
        base_buf_clear(&g->piece);
        st = eng_tok_piece(g->tok, id, false, &g->piece, err);
        if (st == BASE_OK)
            st = eng_text_push(&g->text, base_buf_view(&g->piece), &g->out, err);
        if (st == BASE_DONE || st == BASE_OK) {
            enum base_status w = show(g, err);
            st = w != BASE_OK ? w : st;
        }
        if (st != BASE_OK || g->made == g->o->n)
            break;
        b = (struct eng_batch){.n = 1, .tokens = &id};
        st = eng_forward(g->m, g->cache, &b, g->logits, err);
    }
    g->gen_s = (double)(base_mono_us() - t1) / 1e6;
    if (st == BASE_DONE)
        st = BASE_OK;
    if (st == BASE_OK)
        st = eng_text_end(&g->text, &g->out, err);
    base_buf_byte(&g->out, '\n');
    return st == BASE_OK ? show(g, err) : st;
}

/* --device auto: says what is taken and why. */
static enum base_status choose(const struct opts *o, struct eng_model_opts *mo,
                               struct base_err *err)
{
    struct eng_auto_ask ask = {
        .file = o->file,
        .context = CONTEXT_WEIGHED,
        .parallel = 1,
        .threads = (int)o->threads,
        .limits = {.gpus = o->model.n_gpus,
                   .layers_only = o->model.split_told && o->model.split == ENG_SPLIT_LAYERS,
                   .experts_only = o->model.split_told && o->model.split == ENG_SPLIT_EXPERTS}};
    struct eng_auto a;
    enum base_status st = eng_auto_choose(&ask, &a, err);
    if (st != BASE_OK)
        return st;
    eng_auto_opts(&a, mo);
    fprintf(stderr, "%s\n", a.line);
    return BASE_OK;
}

static enum base_status run(struct gen *g, struct base_err *err)
{
    const struct opts *o = g->o;
    struct eng_model_opts mo = o->model;
    mo.device = o->device;
    mo.n_threads = (int)o->threads;
    mo.activations = o->activations;
    mo.kv_f32 = o->kv_f32;
    enum base_status st = o->weigh ? choose(o, &mo, err) : BASE_OK;
    if (st == BASE_OK) /* before the model: how long the prompt is says how much memory it takes */
        st = eng_gguf_open(o->file, &g->gguf, err);
    if (st == BASE_OK)
        st = eng_tok_from_gguf(g->gguf, &g->tok, err);
    if (st == BASE_OK)
        st = prompt_ids(o, g->gguf, g->tok, &g->ids, err);
    if (st == BASE_OK && g->ids.n == 0)
        st = base_err_set(err, BASE_EINVAL, "the prompt is empty");
    mo.n_seq = 1;
    mo.n_ctx = (uint32_t)(g->ids.n + o->n);
    if (st == BASE_OK)
        st = eng_model_open(o->file, &mo, &g->m, err);
    if (st != BASE_OK)
        return st;
    uint32_t n_vocab = eng_model_get_info(g->m)->n_vocab;
    uint32_t n_tok = eng_tok_n_vocab(g->tok);
    g->sampler = eng_sampler_new(&o->s, n_tok < n_vocab ? n_tok : n_vocab);
    g->logits = malloc((size_t)n_vocab * sizeof(float));
    if (g->sampler == NULL || g->logits == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory to generate");
    if (o->key) {
        g->mark = o->mark;
        if (eng_watermark_key(o->key, &g->mark, err) != BASE_OK)
            return BASE_EINVAL;
        eng_sampler_mark(g->sampler, &g->mark, g->ids.v[g->ids.n - 1]);
    }
    if (o->stop && eng_text_add_stop(&g->text, base_str_c(o->stop), err) != BASE_OK)
        return BASE_LIMIT;
    st = eng_cache_new(g->m, 1, (uint32_t)(g->ids.n + o->n), &g->cache, err);
    if (st == BASE_OK)
        st = generate(g, err);
    if (st == BASE_OK)
        fprintf(stderr, "prompt: %zu tokens, %.1f a second; generated: %u, %.1f a second\n",
                g->ids.n, (double)g->ids.n / g->prompt_s, g->made,
                (double)g->made / (g->gen_s > 0 ? g->gen_s : 1e-6));
    return st;
}

int eng_cmd_run(int argc, char **argv)
{
    struct opts o;
    struct base_err err = {0};
    if (!parse(argc, argv, &o))
        return 2;
    struct gen g = {.o = &o, .ids = {.max = 1u << 20}};
    eng_text_init(&g.text);
    base_buf_init(&g.piece, 1u << 20);
    base_buf_init(&g.out, 4u << 20);
    enum base_status st = run(&g, &err);
    if (st != BASE_OK)
        fprintf(stderr, "weir model run: %s\n", err.text);
    base_buf_release(&g.piece);
    base_buf_release(&g.out);
    eng_text_release(&g.text);
    eng_ids_release(&g.ids);
    free(g.logits);
    eng_sampler_free(g.sampler);
    base_wipe(&g.mark, sizeof(g.mark));
    eng_cache_free(g.cache);
    eng_tok_free(g.tok);
    eng_model_free(g.m);
    eng_gguf_free(g.gguf);
    return st == BASE_OK ? 0 : 2;
}
