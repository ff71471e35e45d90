/* ops_attn.c - CUDA's operators of attention: from what the matrices gave to heads in the cache,
 * and over the cache.
 *
 * Attention's launches take strides, so what the table's definition moves about is not moved:
 * queries behind one another's gates are read where they stand, gates are applied by attention,
 * outputs of latent attention are written by head. Latent queries and keys are ops_latent.c's.
 */
#include "engine/cuda/table.h"

void eng_gpu_nothing(struct eng_fwd *f)
{
    (void)f;
}

void *eng_gpu_pages(const struct eng_fwd *f, const float *base, size_t at)
{
    return (char *)(uintptr_t)base + at * f->m->kv_bytes;
}

struct weir_heads_args eng_gpu_heads_args(const struct eng_fwd *f, int rope, bool neox)
{
    const struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_page_group *p = &f->c->groups[f->c->group_of[f->layer]];
    return (struct weir_heads_args){.cs = rope < 0 ? NULL : f->s->cs[rope],
                                    .seq = eng_gpu_word(g, g->at.seq),
                                    .cell = eng_gpu_word(g, g->at.cell),
                                    .base = eng_gpu_word(g, g->at.base),
                                    .table = p->dev_table[eng_gpu_of(f)->place],
                                    .stride = p->max_pages,
                                    .neox = neox,
                                    .eps = hp->rms_eps,
                                    .layer_eps = 1e-6f,
                                    .temp_scale = hp->temp_scale,
                                    .temp_length = hp->temp_length,
                                    .temp_offset = hp->temp_offset};
}

/* Which set of angles the layer's heads are turned by, -1 = none. */
int eng_gpu_rope_of(const struct eng_fwd *f)
{
    const struct eng_hparams *hp = &f->m->hp;
    if (f->y->rope < 0)
        return -1;
    return hp->n_ctx_long && f->c->n_ctx > hp->n_ctx_long ? 1 : f->y->rope;
}

static void norm_of(struct weir_head_kind *k, const struct eng_fwd *f, const float *w)
{
    if (!w)
        return;
    bool all = f->m->hp.family->qk_norm == ENG_QK_NORM_ALL && w != f->m->ones;
    k->norm = all ? WEIR_NORM_ALL : WEIR_NORM_HEAD;
    k->w = w == f->m->ones ? NULL : w;
    k->n_norm = k->n;
}

/* x[n][heads][n] that stays where it is, or goes to `out`. */
struct weir_head_kind eng_gpu_head_kind(const float *x, float *out, uint32_t heads, uint32_t n)
{
    return (struct weir_head_kind){.x = x,
                                   .out = out,
                                   .x_token = (uint64_t)heads * n,
                                   .x_head = n,
                                   .out_token = (uint64_t)heads * n,
                                   .out_head = n,
                                   .n_head = heads,
                                   .n = n,
                                   .cut = n};
}

void eng_gpu_turn(struct weir_head_kind *k, const struct eng_fwd *f, int rope, bool last)
{
    if (rope < 0)
        return;
    k->n_rot = f->m->hp.rope[rope].n_rot;
    k->rot_at = last ? k->n - k->n_rot : 0;
}

/* ---- heads ---- */

void eng_gpu_heads(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    bool grouped = y->mixer == ENG_MIX_GROUPED, own = y->kv_from == f->layer;
    int rope = eng_gpu_rope_of(f);
    struct weir_heads_args a = eng_gpu_heads_args(f, rope, hp->family->neox);
    if (y->mixer == ENG_MIX_LATENT)
        return; /* ops_latent.c has done it */
    a.q = eng_gpu_head_kind(s->q, s->q, hp->n_head, y->n_dim);
    norm_of(&a.q, f, y->mixer == ENG_MIX_COMPRESS ? f->m->ones : y->q_norm);
    if (grouped && hp->family->out_gate) { /* each query stands before its gate */
        a.q.x = s->ql;
        a.q.x_head = 2 * (uint64_t)y->n_dim;
        a.q.x_token = a.q.x_head * hp->n_head;
    }
    if (a.q.norm == WEIR_NORM_ALL) { /* blocks read what others write */
        a.q.out = eng_gpu_room(g, &g->turned, (size_t)s->rows * a.q.x_token * sizeof(float));
        if (!a.q.out)
            return;
    }
    eng_gpu_turn(&a.q, f, rope, !grouped);
    a.q.post_norm = y->post_qk_norm;
    a.q.temp = y->temp;
    if (own) {
        a.k = eng_gpu_head_kind(s->k, NULL, y->n_head_kv, y->n_dim);
        norm_of(&a.k, f, y->k_norm);
        eng_gpu_turn(&a.k, f, rope, !grouped);
        a.k.post_norm = y->post_qk_norm;
        a.k.pages = eng_gpu_pages(f, eng_part(f->c, f->layer)->k, f->c->k_at[f->layer]);
    }
    if (own && grouped) {
        a.v = eng_gpu_head_kind(y->v.tensor ? s->v : s->k, NULL, y->n_head_kv, y->n_vdim);
        if (hp->family->value_norm)
            norm_of(&a.v, f, f->m->ones);
        a.v.pages = eng_gpu_pages(f, eng_part(f->c, f->layer)->v, f->c->v_at[f->layer]);
    }
    eng_cuda_heads(g->d, &a, f->n, f->m->kv_bytes == 4);
}

/* ---- attention ---- */

/* Which list of tiles fits a layer with so many query heads to a key head. */
static uint32_t tiles_of(const struct eng_gpu *g, uint32_t group, bool alone)
{
    uint32_t i = 0;
    while (!alone && i < g->n_groups && g->group[i] != group)
        i++;
    return alone ? ENG_GPU_GROUPS : i;
}

static void attend_far(struct eng_fwd *f, struct weir_attend_args *a)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_page_group *p = &f->c->groups[f->c->group_more[f->layer]];
    a->ratio = f->y->ratio;
    a->far = (struct weir_cells){
        .k = eng_gpu_pages(f, eng_part(f->c, f->layer)->k, f->c->more_at[f->layer]),
        .table = p->dev_table[eng_gpu_of(f)->place],
        .stride = p->max_pages};
    (void)g;
}

/* The list that the indexer has made. */
static void attend_picked(struct eng_fwd *f, struct weir_cells *c)
{
    const struct eng_gpu *g = eng_gpu_of(f);
    uint32_t each = f->m->hp.index.top_k;
    c->pick = g->pick.p;
    c->n_pick = c->pick + (size_t)f->s->rows * each;
    c->pick_each = each;
}

void eng_gpu_attend(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    const struct eng_cache *c = f->c;
    const struct eng_page_group *p = &c->groups[c->group_of[y->kv_from]];
    bool latent = y->mixer == ENG_MIX_LATENT, grouped = y->mixer == ENG_MIX_GROUPED;
    bool all = grouped && hp->family->qk_norm == ENG_QK_NORM_ALL && y->q_norm;
    uint32_t group = hp->n_head / y->n_head_kv, list = tiles_of(g, group, y->indexed);
    struct eng_cuda_attend x = {
        .f32 = f->m->kv_bytes == 4, .n_few = g->n_few[list], .n_cells = c->n_ctx};
    struct weir_attend_args *a = &x.a;
    x.n_many = g->n_tile[list] - x.n_few;
    *a = (struct weir_attend_args){
        .near = {.k = eng_gpu_pages(f, eng_part(c, y->kv_from)->k, c->k_at[y->kv_from]),
                 .v = grouped ? eng_gpu_pages(f, eng_part(c, y->kv_from)->v, c->v_at[y->kv_from])
                              : NULL,
                 .table = p->dev_table[eng_gpu_of(f)->place],
                 .stride = p->max_pages},
        .q = all ? g->turned.p : s->q,
        .tile = (const struct weir_tile *)(void *)eng_gpu_word(g, g->at.tiles[list]),
        .seq = eng_gpu_word(g, g->at.seq),
        .cell = eng_gpu_word(g, g->at.cell),
        .base = eng_gpu_word(g, g->at.base),
        .sinks = y->sinks,
        .out = s->att,
        .q_token = (uint64_t)hp->n_head * y->n_dim,
        .q_head = y->n_dim,
        .out_token = (uint64_t)hp->n_head * y->n_vdim,
        .out_head = y->n_vdim,
        .scale = hp->attn_scale,
        .n_head_kv = y->n_head_kv,
        .group = group,
        .n_dim = y->n_dim,
        .n_vdim = y->n_vdim,
        .window = y->window,
        .n_chunk_pos = y->window ? 0 : y->chunk,
        .chunk = eng_cuda_attend_chunk(c->n_ctx)};
    if (latent) { /* by head, for the matrices of the values */
        a->out = s->heads;
        a->out_token = y->n_vdim;
        a->out_head = (uint64_t)f->n * y->n_vdim;
    }
    if (grouped && hp->family->out_gate) {
        a->gate = s->ql + y->n_dim;
        a->gate_head = 2 * (uint64_t)y->n_dim;
        a->gate_token = a->gate_head * hp->n_head;
    }
    if (y->ratio)
        attend_far(f, a);
    if (y->indexed)
        attend_picked(f, y->ratio ? &a->far : &a->near);
    const struct eng_weight *next = latent ? &y->v_b : &y->o;
    uint32_t rows = latent ? f->n * hp->n_head : f->n;
    if (latent && eng_gpu_values_leave(f, x.n_many)) {
        x.leave = &g->values.at;
    } else if (x.n_many == 0 && y->n_vdim % 32 == 0 && y->mixer != ENG_MIX_COMPRESS &&
               eng_gpu_planes_ahead(f, latent ? s->heads : s->att, rows,
                                    latent ? y->n_vdim : hp->n_head * y->n_vdim, next, &a->to)) {
        a->to_token = 1;
        a->to_head = latent ? f->n : 0;
        a->to_at = latent ? 0 : y->n_vdim / 32;
    }
    a->count =
        eng_gpu_zeros(g, &g->arrived, eng_cuda_attend_counters(&x, s->rows) * sizeof(uint32_t));
    size_t room = eng_cuda_attend_scratch(&x);
    if (room)
        x.scratch = eng_gpu_room(g, &g->part, room);
    if (g->st == BASE_OK)
        eng_cuda_attend(g->d, &x);
}

/* ---- gated DeltaNet ---- */

static struct weir_order order_of(const struct eng_fwd *f)
{
    const struct eng_gpu *g = eng_gpu_of(f);
    return (struct weir_order){.token = eng_gpu_word(g, g->at.order_token),
                               .run = eng_gpu_word(g, g->at.order_run),
                               .first = eng_gpu_word(g, g->at.order_first),
                               .n = f->n,
                               .n_run = g->n_run};
}

static struct weir_states states_of(const struct eng_fwd *f)
{
    const struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_cache_part *p = eng_part(f->c, f->layer);
    return (struct weir_states){.at = p->state + f->c->state_at[f->layer],
                                .each = p->state_each,
                                .slot = eng_gpu_word(g, g->at.slot),
                                .mark = eng_gpu_word(g, g->at.mark)};
}

void eng_gpu_delta_step(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_delta_params *p = &f->m->hp.delta;
    const struct eng_delta *d = f->y->delta;
    struct weir_delta_args a = {.x = f->s->q,
                                .conv_w = d->conv,
                                .beta = f->s->v,
                                .alpha = f->s->v + (size_t)f->n * p->n_value,
                                .dt = d->dt,
                                .decay = d->a,
                                .out = f->s->att,
                                .order = order_of(f),
                                .states = states_of(f),
                                .cell = eng_gpu_word(g, g->at.cell),
                                .n_key = p->n_key,
                                .n_value = p->n_value,
                                .dk = p->dk,
                                .dv = p->dv,
                                .conv = p->conv,
                                .channels = p->channels,
                                .tiled = f->m->hp.family->delta_tiled,
                                .gate_each = d->ba.tensor ? p->n_value / p->n_key : 0,
                                .eps = f->m->hp.rms_eps};
    a.u = eng_gpu_room(g, &g->turned, (size_t)f->s->rows * p->channels * sizeof(float));
    if (g->n_long) {
        a.chunk = eng_gpu_word(g, g->at.chunk);
        a.longs = eng_gpu_word(g, g->at.longs);
        a.chunked = eng_gpu_word(g, g->at.chunked);
        a.n_chunk = g->n_chunk;
        a.n_long = g->n_long;
        /* for all that a slice can have: no growing from step to step */
        uint32_t most = f->s->rows / WEIR_DELTA_CHUNK;
        a.scratch = eng_gpu_room(g, &g->chunks,
                                 eng_cuda_delta_scratch(&a, most > a.n_chunk ? most : a.n_chunk));
        if (!a.scratch)
            return;
    }
    if (a.u)
        eng_cuda_delta(g->d, &a);
}

void eng_gpu_delta_gate(struct eng_fwd *f)
{
    const struct eng_delta_params *p = &f->m->hp.delta;
    struct weir_delta_gate_args a = {.x = f->s->att,
                                     .z = f->s->k,
                                     .norm = f->y->delta->norm,
                                     .n_value = p->n_value,
                                     .dv = p->dv,
                                     .eps = f->m->hp.rms_eps};
    eng_cuda_delta_gate(eng_gpu_of(f)->d, &a, f->n);
}

/* ---- compressed keys ---- */

static struct weir_ring ring_of(const struct eng_fwd *f, const struct eng_squeeze *w,
                                float *const u[2], uint32_t length, float *state)
{
    const struct eng_page_group *p = &f->c->groups[f->c->group_more[f->layer]];
    return (struct weir_ring){.u = u[0],
                              .g = u[1],
                              .place = w->place,
                              .norm = w->norm,
                              .state = state,
                              .table = p->dev_table[eng_gpu_of(f)->place],
                              .stride = p->max_pages,
                              .length = length,
                              .width = eng_width_of(length, f->y->ratio)};
}

void eng_gpu_squeeze(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    float *state = eng_part(f->c, f->layer)->state + f->c->state_at[f->layer];
    struct weir_compress_args a = {.order = order_of(f),
                                   .states = states_of(f),
                                   .seq = eng_gpu_word(g, g->at.seq),
                                   .cell = eng_gpu_word(g, g->at.cell),
                                   .freq = eng_gpu_copy(g, hp->rope[y->rope].freq),
                                   .eps = hp->rms_eps,
                                   .n_rot = hp->rope[y->rope].n_rot,
                                   .ratio = y->ratio,
                                   .size = eng_ring_of(y->ratio)};
    a.ring[0] = ring_of(f, &y->compress->keys, f->s->squeeze, hp->n_dim, state);
    a.ring[0].pages = eng_gpu_pages(f, eng_part(f->c, f->layer)->k, f->c->more_at[f->layer]);
    if (y->indexed) {
        state += eng_ring_floats(hp->n_dim, y->ratio);
        a.ring[1] = ring_of(f, &y->compress->index, f->s->squeeze + 2, hp->index.n_dim, state);
        a.ring[1].pages = eng_gpu_pages(f, eng_part(f->c, f->layer)->x, f->c->x_at[f->layer]);
    }
    eng_cuda_compress(g->d, &a, y->indexed ? 2 : 1, f->m->kv_bytes == 4);
}

void eng_gpu_regroup(struct eng_fwd *f)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_rope_set *set = &hp->rope[f->y->rope];
    struct weir_turn_back_args a = {.x = f->s->att,
                                    .cs = f->s->cs[f->y->rope],
                                    .y = f->s->heads,
                                    .n_tok = f->n,
                                    .n_head = hp->n_head,
                                    .n_dim = hp->n_dim,
                                    .n_rot = set->n_rot,
                                    .n_group = hp->n_out_group};
    eng_cuda_turn_back(eng_gpu_of(f)->d, &a);
}
