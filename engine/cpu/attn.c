/* attn.c - the CPU's operators of attention: from projections to heads in the cache, over the
 * cache, and what gates and latents need in between.
 *
 * Rotation, norms and cache writes are per token; attention per token and group of heads. No task
 * sees more than its own outputs.
 */
#include "engine/cpu/table.h"

#include <math.h>
#include <string.h>

static void head_norms(const struct eng_fwd *f, float *x, const float *w, uint32_t heads)
{
    const struct eng_hparams *hp = &f->m->hp;
    uint32_t dim = f->y->n_dim;
    if (!w)
        return;
    if (hp->family->qk_norm == ENG_QK_NORM_ALL && w != f->m->ones) {
        f->m->kernels->rmsnorm(x, x, w, (size_t)heads * dim, hp->rms_eps);
        return;
    }
    for (uint32_t h = 0; h < heads; h++)
        f->m->kernels->rmsnorm(x + (size_t)h * dim, x + (size_t)h * dim, w, dim, hp->rms_eps);
}

static void rotate(const struct eng_fwd *f, float *x, uint32_t heads, uint32_t t)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    if (y->rope < 0)
        return;
    int k = hp->n_ctx_long && f->c->n_ctx > hp->n_ctx_long ? 1 : y->rope;
    const struct eng_rope_set *set = &hp->rope[k];
    const float *cs = f->s->cs[k] + (size_t)t * set->n_rot;
    uint32_t at = y->mixer != ENG_MIX_GROUPED ? y->n_dim - set->n_rot : 0;
    for (uint32_t h = 0; h < heads; h++)
        eng_rope(x + (size_t)h * y->n_dim + at, set->n_rot, hp->family->neox, cs);
}

struct eng_cpu_keys eng_cpu_keys(const struct eng_fwd *f, uint32_t seq, uint32_t h, bool more)
{
    const struct eng_layer *y = f->y;
    const struct eng_cache *c = f->c;
    uint32_t from = y->kv_from, g = more ? c->group_more[from] : c->group_of[from];
    const struct eng_page_group *t = &c->groups[g];
    const struct eng_cache_part *p = eng_part(c, from);
    size_t k_head = (size_t)ENG_PAGE * y->n_dim, v_head = (size_t)ENG_PAGE * y->n_vdim;
    return (struct eng_cpu_keys){.k = p->k + (more ? c->more_at : c->k_at)[from] + h * k_head,
                                 .v = p->v + (more ? c->more_v_at : c->v_at)[from] + h * v_head,
                                 .k_page = y->n_head_kv * k_head,
                                 .v_page = y->n_head_kv * v_head,
                                 .pages = t->table + (size_t)seq * t->max_pages};
}

/* Keys and values of token t into the cache. */
static void store(const struct eng_fwd *f, uint32_t t, const float *k, const float *v)
{
    const struct eng_layer *y = f->y;
    const struct eng_cache *c = f->c;
    uint32_t cell = f->s->cell[t], in_page = cell % ENG_PAGE;
    size_t k_head = (size_t)ENG_PAGE * y->n_dim, v_head = (size_t)ENG_PAGE * y->n_vdim;
    uint32_t g = c->group_of[f->layer], seq = f->s->seq[t], heads = y->n_head_kv;
    const struct eng_cache_part *p = eng_part(c, f->layer);
    float *kc = p->k + c->k_at[f->layer] + eng_cpu_page(c, g, seq, cell, heads * k_head);
    float *vc = p->v + c->v_at[f->layer] + eng_cpu_page(c, g, seq, cell, heads * v_head);
    for (uint32_t h = 0; h < heads; h++) {
        for (uint32_t i = 0; i < y->n_dim; i++)
            kc[h * k_head + eng_key_at(y->n_dim, in_page, i)] = k[(size_t)h * y->n_dim + i];
        memcpy(vc + h * v_head + (size_t)in_page * y->n_vdim, v + (size_t)h * y->n_vdim,
               y->n_vdim * sizeof(float));
    }
}

/* Token t: norms and rotation of its queries and keys, keys and values into the cache. */
static void rope_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    float *q = s->q + (size_t)t * hp->n_head * y->n_dim;
    float *k = s->k + (size_t)t * y->n_head_kv * y->n_dim;
    float *v = y->mixer != ENG_MIX_GROUPED ? k : s->v + (size_t)t * y->n_head_kv * y->n_vdim;
    if (hp->family->value_norm && y->kv_from == f->layer) {
        if (!y->v.tensor)
            memcpy(v, k, (size_t)y->n_head_kv * y->n_dim * sizeof(float));
        head_norms(f, v, f->m->ones, y->n_head_kv);
    }
    head_norms(f, q, y->mixer == ENG_MIX_COMPRESS ? f->m->ones : y->q_norm, hp->n_head);
    rotate(f, q, hp->n_head, t);
    if (y->kv_from == f->layer) {
        head_norms(f, k, y->k_norm, y->n_head_kv);
        rotate(f, k, y->n_head_kv, t);
    }
    if (y->post_qk_norm) {
        head_norms(f, q, f->m->ones, hp->n_head);
        head_norms(f, k, f->m->ones, y->n_head_kv);
    }
    if (y->temp) {
        float pos = (float)(s->pos[t] + hp->temp_offset);
        float temp = 1 + hp->temp_scale * logf(floorf(pos / (float)hp->temp_length) + 1);
        for (uint32_t i = 0; i < hp->n_head * y->n_dim; i++)
            q[i] *= temp;
    }
    if (y->kv_from == f->layer)
        store(f, t, k, v);
}

/* Cuts the slice into runs of tokens that follow one another in a sequence, for the kernels. */
static void cut_runs(struct eng_fwd *f)
{
    struct eng_scratch *s = f->s;
    uint32_t group = f->m->hp.n_head / f->y->n_head_kv;
    uint32_t most = group < ENG_ATTEND_ROWS ? ENG_ATTEND_ROWS / group : 1;
    s->n_runs = 0;
    for (uint32_t t = 0; t < f->n; t++) {
        bool follows = t && s->seq[t] == s->seq[t - 1];
        if (!follows || t - s->run[s->n_runs - 1] == most)
            s->run[s->n_runs++] = t;
    }
}

static void attend_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    uint32_t run = task / y->n_head_kv, h = task % y->n_head_kv, t = s->run[run];
    uint32_t end = run + 1 < s->n_runs ? s->run[run + 1] : f->n;
    uint32_t group = hp->n_head / y->n_head_kv;
    size_t row = ((size_t)t * hp->n_head + (size_t)h * group) * y->n_dim;
    struct eng_cpu_keys keys = eng_cpu_keys(f, s->seq[t], h, false);
    struct eng_attend a = {.q = s->q + row,
                           .k = keys.k,
                           .v = keys.v,
                           .k_page = keys.k_page,
                           .v_page = keys.v_page,
                           .pages = keys.pages,
                           .n_head = group,
                           .n_tok = end - t,
                           .n_kv = s->cell[t] + 1,
                           .n_dim = y->n_dim,
                           .ldq = (size_t)hp->n_head * y->n_dim,
                           .scale = hp->attn_scale,
                           .scores = eng_cpu_scores(f->c, thread),
                           .out = s->att + row};
    f->m->kernels->attend(&a);
}

/* One token and query head. */
static void query_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    uint32_t t = task / hp->n_head, h = task % hp->n_head, kv = h / (hp->n_head / y->n_head_kv);
    uint32_t cell = s->cell[t], base = s->pos[t] - cell;
    struct eng_page_group sees = {.window = y->window, .chunk = y->chunk};
    struct eng_query a = {.q = s->q + ((size_t)t * hp->n_head + h) * y->n_dim,
                          .keys = eng_cpu_keys(f, s->seq[t], kv, false),
                          .n_dim = y->n_dim,
                          .n_vdim = y->n_vdim,
                          .scale = hp->attn_scale,
                          .sink = y->sinks ? y->sinks + h : NULL,
                          .scores = eng_cpu_scores(f->c, thread),
                          .out = s->att + ((size_t)t * hp->n_head + h) * y->n_vdim};
    a.keys.j0 = eng_pages_first(&sees, base, cell);
    a.keys.j1 = cell + 1;
    if (y->ratio || (y->indexed && cell + 1 > hp->index.top_k))
        a.keys.bits = f->c->picked + t * f->c->picked_each;
    if (y->ratio) {
        a.more = eng_cpu_keys(f, s->seq[t], kv, true);
        a.more.j1 = (cell + 1) / y->ratio;
        a.more.bits = a.keys.bits + f->c->n_cells / 32;
    }
    eng_attend_query(&a);
}

void eng_cpu_heads(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, rope_row, f);
}

void eng_cpu_attend(struct eng_fwd *f)
{
    const struct eng_layer *y = f->y;
    if (y->sinks || y->window || y->chunk || y->n_dim != y->n_vdim) {
        /* 512 rows of a slice times ENG_HEADS_MAX at most: fewer than ENG_TASKS_MAX */
        eng_pool_run(f->m->pool, f->n * f->m->hp.n_head, query_task, f);
        return;
    }
    cut_runs(f);
    eng_pool_run(f->m->pool, f->s->n_runs * y->n_head_kv, attend_task, f);
}

/* ---- gated outputs ---- */

/* Token t's queries from behind one another's gates. */
static void ungate_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    uint32_t heads = f->m->hp.n_head, dim = f->y->n_dim;
    for (size_t h = (size_t)t * heads; h < (size_t)(t + 1) * heads; h++)
        memcpy(f->s->q + h * dim, f->s->ql + 2 * h * dim, dim * sizeof(float));
}

static void gate_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    uint32_t heads = f->m->hp.n_head, dim = f->y->n_dim;
    for (size_t h = (size_t)t * heads; h < (size_t)(t + 1) * heads; h++)
        for (uint32_t i = 0; i < dim; i++)
            f->s->att[h * dim + i] /= 1 + expf(-f->s->ql[(2 * h + 1) * dim + i]);
}

/* ---- latent attention ---- */

/* Token t, after the projections: its latent normed; its queries' halves to where they go on. */
static void latent_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    uint32_t rot = y->n_dim - y->n_vdim, full = hp->n_nope + rot;
    float *k = s->k + (size_t)t * y->n_dim;
    f->m->kernels->rmsnorm(k, k, y->kv_a_norm, y->n_vdim, hp->rms_eps);
    for (uint32_t h = 0; h < hp->n_head; h++) {
        const float *q = s->ql + ((size_t)t * hp->n_head + h) * full;
        memcpy(s->heads + ((size_t)h * f->n + t) * hp->n_nope, q, hp->n_nope * sizeof(float));
        memcpy(s->q + ((size_t)t * hp->n_head + h) * y->n_dim + y->n_vdim, q + hp->n_nope,
               rot * sizeof(float));
    }
}

/* [token][head][n_vdim] -> [head][token][n_vdim] */
static void gather_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    uint32_t heads = f->m->hp.n_head, dim = f->y->n_vdim;
    for (uint32_t h = 0; h < heads; h++)
        memcpy(f->s->heads + ((size_t)h * f->n + t) * dim,
               f->s->att + ((size_t)t * heads + h) * dim, dim * sizeof(float));
}

void eng_cpu_ungate(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, ungate_row, f);
}

void eng_cpu_gate(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, gate_row, f);
}

void eng_cpu_latent_split(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, latent_row, f);
}

void eng_cpu_latent_gather(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, gather_row, f);
}
