/* ops_index.c - CUDA's indexers: which keys a token sees, as lists of cells in ascending order.
 *
 * Scores of a whole slice against a whole long context would be large; tokens are taken a few at a
 * time so that they fit SCORES_BYTES.
 */
#include "engine/cuda/table.h"

#define SCORES_BYTES ((size_t)64 << 20)

/* Scores of the keys of group p and the choice of top_k of them, for all tokens. ratio: tokens in a
 * key. */
static void choose(struct eng_fwd *f, const struct eng_page_group *p, uint32_t ratio)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_index_params *x = &f->m->hp.index;
    uint32_t n_keys = f->c->n_ctx / ratio;
    /* the same launches whatever the lengths, where a graph may be made of them */
    if (f->step->n_seqs != f->step->n && f->step->max_len / ratio < n_keys)
        n_keys = f->step->max_len / ratio;
    size_t each = ((size_t)n_keys + 63) / 64 * 64 + 64, list = (size_t)f->s->rows * x->top_k;
    size_t most = SCORES_BYTES / (each * sizeof(float));
    uint32_t tokens = most < 1 ? 1 : most < f->n ? (uint32_t)most : f->n;
    float *scores = eng_gpu_room(g, &g->scores, tokens * each * sizeof(float));
    uint32_t *pick = eng_gpu_room(g, &g->pick, (list + f->s->rows) * sizeof(*pick));
    bool whole = tokens == f->n; /* then tiles of several tokens share what they load */
    const struct weir_tile *tile =
        (const struct weir_tile *)(void *)eng_gpu_word(g, g->at.tiles[whole ? 0 : ENG_GPU_EACH]);
    const uint32_t *cell = eng_gpu_word(g, g->at.cell);
    for (uint32_t t = 0; scores && pick && t < f->n; t += tokens) {
        uint32_t n = f->n - t < tokens ? f->n - t : tokens;
        struct weir_index_args a = {
            .q = f->s->iq,
            .w = f->s->iw,
            .k = eng_gpu_pages(f, eng_part(f->c, f->layer)->x, f->c->x_at[f->layer]),
            .table = p->dev_table[g->place],
            .tile = tile + t,
            .seq = eng_gpu_word(g, g->at.seq),
            .cell = cell,
            .scores = scores - t * each, /* the launch's first token is t */
            .scores_each = each,
            .stride = p->max_pages,
            .n_head = x->n_head,
            .n_dim = x->n_dim,
            .ratio = ratio,
            .top_k = x->top_k};
        eng_cuda_index(g->d, &a, whole ? g->n_tile[0] : n, n_keys, f->m->kv_bytes == 4);
        struct weir_choose_args c = {.scores = scores,
                                     .cell = cell + t,
                                     .pick = pick + (size_t)t * x->top_k,
                                     .n_pick = pick + list + t,
                                     .scores_each = each,
                                     .pick_each = x->top_k,
                                     .ratio = ratio,
                                     .top_k = x->top_k};
        eng_cuda_choose(g->d, &c, n);
    }
}

static struct weir_head_kind queries(const struct eng_fwd *f, int rope, bool last)
{
    const struct eng_index_params *x = &f->m->hp.index;
    uint32_t n_rot = f->m->hp.rope[rope].n_rot;
    return (struct weir_head_kind){.x = f->s->iq,
                                   .out = f->s->iq,
                                   .x_token = (uint64_t)x->n_head * x->n_dim,
                                   .x_head = x->n_dim,
                                   .out_token = (uint64_t)x->n_head * x->n_dim,
                                   .out_head = x->n_dim,
                                   .n_head = x->n_head,
                                   .n = x->n_dim,
                                   .n_rot = n_rot,
                                   .rot_at = last ? x->n_dim - n_rot : 0,
                                   .cut = x->n_dim};
}

void eng_gpu_index(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_index_params *x = &f->m->hp.index;
    struct weir_heads_args a = eng_gpu_heads_args(f, 0, x->neox);
    a.q = queries(f, 0, false);
    a.k = (struct weir_head_kind){
        .x = f->s->ik,
        .w = f->y->index->k_norm,
        .bias = f->y->index->k_norm_bias,
        .pages = eng_gpu_pages(f, eng_part(f->c, f->layer)->x, f->c->x_at[f->layer]),
        .x_token = x->n_dim,
        .x_head = x->n_dim,
        .n_head = 1,
        .n = x->n_dim,
        .norm = WEIR_NORM_LAYER,
        .n_norm = x->n_dim,
        .n_rot = f->m->hp.rope[0].n_rot,
        .cut = x->n_dim};
    eng_cuda_heads(g->d, &a, f->n, f->m->kv_bytes == 4);
    choose(f, &f->c->groups[f->c->group_of[f->layer]], 1);
}

void eng_gpu_pick(struct eng_fwd *f)
{
    if (!f->y->indexed)
        return;
    struct weir_heads_args a = eng_gpu_heads_args(f, f->y->rope, false);
    a.q = queries(f, f->y->rope, true);
    eng_cuda_heads(eng_gpu_of(f)->d, &a, f->n, f->m->kv_bytes == 4);
    choose(f, &f->c->groups[f->c->group_more[f->layer]], f->y->ratio);
}
