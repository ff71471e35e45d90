/* reserve.c - how much memory a model takes of each device: planned to the byte before anything is
 * taken, then taken at once.
 *
 * The plan is a run on paper. A second model of the same file is opened on devices that count
 * memory and do nothing (eng_cuda_paper): the same code asks for the same weights, vectors and
 * scratch, the cache that the caller announced is made, and steps of the shapes that need most run
 * through all operators. What is then alive, piece by piece, is what the real one will have; the
 * scratch that the steps grew is taken first and at its full size, so that nothing grows later.
 * The driver is asked once; a plan that exceeds what is free is refused in one sentence.
 *
 * Not announced (eng_model_opts.n_seq 0), or experts that take what room there is (hybrid.h): then
 * the reservation is what is free, but for a margin.
 *
 * Cost: reading norms and biases twice, and packing nothing.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/sample.h"
#include "engine/cuda/table.h"

#include <stdlib.h>

#define MARGIN   ((size_t)256 << 20) /* left to others, of a device whose memory is taken whole */
#define FEW_MOST 16u                 /* tokens of a sequence at once that attention takes as few */

/* What stands where after each part of the run. */
struct parts {
    size_t weights, cache, steps;
};

static size_t alive(const struct eng_gpu *g)
{
    struct eng_cuda_memory m;
    eng_cuda_memory(g->d, &m);
    return m.spans;
}

/* ---- the run on paper ---- */

/* n tokens of each of the sequences 0.. n_seq - 1. */
static enum base_status step(struct eng_model *m, struct eng_cache *c, uint32_t n_seq, uint32_t n,
                             struct base_err *err)
{
    size_t all = (size_t)n_seq * n;
    int32_t *tokens = calloc(all, sizeof(*tokens));
    uint32_t *seqs = malloc(all * sizeof(*seqs));
    bool *want = calloc(all, sizeof(*want));
    float *logits = malloc((size_t)n_seq * m->hp.n_vocab * sizeof(float)); /* never written */
    enum base_status st = BASE_OK;
    if (!tokens || !seqs || !want || !logits)
        st = base_err_set(err, BASE_ENOMEM, "out of memory for a plan");
    for (size_t i = 0; st == BASE_OK && i < all; i++) {
        seqs[i] = (uint32_t)(i / n);
        want[i] = i % n == n - 1;
    }
    struct eng_batch b = {.n = all, .tokens = tokens, .seqs = seqs, .want = want};
    if (st == BASE_OK)
        st = eng_forward(m, c, &b, logits, err);
    free(tokens);
    free(seqs);
    free(want);
    free(logits);
    return st;
}

/* n tokens of each of n_seq sequences, or of as many as there are pages for: with fewer tokens than
 * slots times context, those that come last would wait. */
static enum base_status widest(struct eng_model *m, struct eng_cache *c, uint32_t n_seq, uint32_t n,
                               struct base_err *err)
{
    enum base_status st;
    do {
        st = step(m, c, n_seq, n, err);
        eng_cache_forget(c);
    } while (st == BASE_LIMIT && --n_seq > 0);
    return st;
}

/* The shapes that need most: a whole context in whole slices; some tokens of every sequence, each
 * number that attention takes as few, since what a step needs does not grow with it alone. */
static enum base_status steps(struct eng_model *m, struct eng_cache *c, uint32_t n_seq,
                              uint32_t n_ctx, struct base_err *err)
{
    enum base_status st = step(m, c, 1, n_ctx, err);
    eng_cache_forget(c);
    for (uint32_t n = FEW_MOST < n_ctx ? FEW_MOST : n_ctx; n > 0 && st == BASE_OK; n--)
        st = widest(m, c, n_seq, n, err);
    /* what only steps of few tokens need (ops_tail.c) */
    if (st == BASE_OK && n_seq > ENG_GPU_TAIL_TOKENS)
        st = widest(m, c, ENG_GPU_TAIL_TOKENS, 1, err);
    return st;
}

/* The cache that was announced, as eng_cache_new_sized wants it. */
static void announced(const struct eng_model *m, uint32_t *n_seq, uint32_t *n_ctx,
                      uint64_t *n_tokens)
{
    uint32_t most = m->hp.n_ctx_train ? m->hp.n_ctx_train : m->opts.n_ctx;
    *n_seq = m->opts.n_seq;
    *n_ctx = m->opts.n_ctx ? m->opts.n_ctx : most;
    *n_tokens = m->opts.n_tokens;
    if (*n_tokens >= (uint64_t)*n_seq * *n_ctx)
        *n_tokens = 0;
    else if (*n_tokens && *n_tokens < *n_ctx)
        *n_tokens = *n_ctx;
}

static enum base_status run(struct eng_model *m, struct eng_model **out, struct parts *parts,
                            struct base_err *err)
{
    struct eng_cache *c = NULL;
    uint32_t n_seq, n_ctx;
    uint64_t n_tokens;
    enum base_status st = eng_model_open_paper(m, out, err);
    announced(m, &n_seq, &n_ctx, &n_tokens);
    const struct eng_gpus *all = st == BASE_OK ? eng_gpus_of(*out) : NULL;
    for (uint32_t i = 0; all && i < all->n; i++)
        parts[i].weights = alive(all->at[i]);
    if (st == BASE_OK)
        st = eng_cache_new_sized(*out, n_seq, n_ctx, n_tokens, &c, err);
    for (uint32_t i = 0; st == BASE_OK && i < all->n; i++)
        parts[i].cache = alive(all->at[i]) - parts[i].weights;
    if (st == BASE_OK)
        st = steps(*out, c, n_seq, n_ctx, err);
    /* what samplers ask for grows with what their sequences have said (ops_draw.c) */
    uint64_t seen = n_tokens ? n_tokens : (uint64_t)n_seq * n_ctx;
    size_t draw = 2 * (n_seq * (sizeof(struct weir_sampling) + 4) + 8 * (size_t)seen + 1024);
    for (uint32_t i = 0; st == BASE_OK && i < all->n; i++)
        parts[i].steps =
            alive(all->at[i]) - parts[i].weights - parts[i].cache +
            (i == eng_place_of(m, m->hp.n_layer - 1) ? eng_cuda_span(all->at[i]->d, draw) : 0);
    eng_cache_free(c);
    return st;
}

/* ---- taking it ---- */

static enum base_status take(struct eng_gpu *g, const struct parts *p, struct base_err *err)
{
    const struct eng_cuda_info *i = eng_cuda_get_info(g->d);
    size_t n = p->weights + p->cache + p->steps;
    if (n > i->memory_free)
        return base_err_set(
            err, BASE_ENOMEM,
            "%s (GPU %u) has %zu MiB free, the model needs %zu there: weights %zu, cache %zu, "
            "steps %zu; take fewer slots, a shorter context or more GPUs",
            i->name, i->ordinal, i->memory_free >> 20, (n + (1 << 20) - 1) >> 20, p->weights >> 20,
            p->cache >> 20, p->steps >> 20);
    return eng_cuda_reserve(g->d, n, err);
}

static enum base_status take_whole(struct eng_gpus *all, struct base_err *err)
{
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++) {
        size_t n = eng_cuda_get_info(all->at[i]->d)->memory_free;
        st = eng_cuda_reserve(all->at[i]->d, n > 2 * MARGIN ? n - MARGIN : n / 2, err);
    }
    return st;
}

/* Scratch of steps at the size that it will have. */
static enum base_status take_rooms(struct eng_gpu *g, struct eng_gpu *paper, struct base_err *err)
{
    struct eng_gpu_buffer *to[ENG_GPU_ROOMS], *from[ENG_GPU_ROOMS];
    uint32_t n = eng_gpu_rooms(g, to);
    (void)eng_gpu_rooms(paper, from);
    for (uint32_t i = 0; i < n; i++)
        if (from[i]->p && !eng_gpu_room(g, to[i], from[i]->n)) {
            *err = g->err;
            return g->st;
        }
    return BASE_OK;
}

enum base_status eng_gpus_reserve(struct eng_model *m, struct base_err *err)
{
    struct eng_gpus *all = eng_gpus_of(m);
    struct parts parts[ENG_PLACES_MAX] = {{0}};
    struct eng_model *paper = NULL;
    if (m->paper_of)
        return BASE_OK;
    if (m->opts.n_seq == 0 || all->at[0]->hybrid)
        return take_whole(all, err);
    enum base_status st = run(m, &paper, parts, err);
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++)
        st = take(all->at[i], &parts[i], err);
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++)
        st = take_rooms(all->at[i], eng_gpus_of(paper)->at[i], err);
    eng_model_free(paper);
    return st;
}
