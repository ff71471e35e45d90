/* model_attn.c - a layer's attention: from the residual stream to the sum that is added to it.
 *
 * Grouped queries:  norm -> q, k, v -> norms of heads -> RoPE -> cache -> attention -> output
 * In some families the queries' matrix gives a gate behind each head's query, whose sigmoid
 * multiplies the head's output. Layers may see the keys and values of an earlier one (kv_from).
 *
 * Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), absorbed form: the cache holds per
 * token one row [c | k_rope] for all heads, c the normed latent of n_lora_kv values. Instead of
 * widening every c to keys and values, the matrices move to the other side: a head's query is
 * q_abs = k_b q_nope, the score q_abs . c + q_rope . k_rope, and the head's output v_b applied to
 * the weighted sum of the c. So it runs as grouped attention of all heads over one key head whose
 * values are the beginning of its keys.
 *
 * Rotation, norms and cache writes are per token; attention per token and group of heads. No task
 * sees more than its own outputs.
 */
#include "engine/model_impl.h"

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

void eng_rotate(const struct eng_fwd *f, float *x, uint32_t heads, uint32_t t)
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
    eng_rotate(f, q, hp->n_head, t);
    if (y->kv_from == f->layer) {
        head_norms(f, k, y->k_norm, y->n_head_kv);
        eng_rotate(f, k, y->n_head_kv, t);
    }
    if (y->post_qk_norm) {
        head_norms(f, q, f->m->ones, hp->n_head);
        head_norms(f, k, f->m->ones, y->n_head_kv);
    }
    if (y->temp) {
        float pos = (float)(f->c->base[s->seq[t]] + s->cell[t] + hp->temp_offset);
        float temp = 1 + hp->temp_scale * logf(floorf(pos / (float)hp->temp_length) + 1);
        for (uint32_t i = 0; i < hp->n_head * y->n_dim; i++)
            q[i] *= temp;
    }
    for (uint32_t h = 0; y->kv_from == f->layer && h < y->n_head_kv; h++) {
        float *kc = f->c->k + eng_key_base(f->c, f->layer, s->seq[t], h);
        float *vc = f->c->v + eng_value_base(f->c, f->layer, s->seq[t], h);
        const float *kh = k + (size_t)h * y->n_dim;
        for (uint32_t i = 0; i < y->n_dim; i++)
            kc[eng_key_at(y->n_dim, s->cell[t], i)] = kh[i];
        memcpy(vc + (size_t)s->cell[t] * y->n_vdim, v + (size_t)h * y->n_vdim,
               y->n_vdim * sizeof(float));
    }
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
    struct eng_attend a = {.q = s->q + row,
                           .k = f->c->k + eng_key_base(f->c, f->layer, s->seq[t], h),
                           .v = f->c->v + eng_value_base(f->c, f->layer, s->seq[t], h),
                           .n_head = group,
                           .n_tok = end - t,
                           .n_kv = s->cell[t] + 1,
                           .n_dim = y->n_dim,
                           .ldq = (size_t)hp->n_head * y->n_dim,
                           .scale = hp->attn_scale,
                           .scores = f->c->scores + thread * f->c->scores_each,
                           .out = s->att + row};
    f->m->kernels->attend(&a);
}

/* The first key that a token at cell `cell` of its sequence sees. */
static uint32_t first_key(const struct eng_layer *y, uint32_t base, uint32_t cell)
{
    uint32_t pos = base + cell;
    if (y->window)
        return cell >= y->window ? cell - y->window + 1 : 0;
    if (y->chunk) {
        uint32_t start = pos / y->chunk * y->chunk;
        return start > base ? start - base : 0;
    }
    return 0;
}

/* One token and query head. */
static void query_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    uint32_t t = task / hp->n_head, h = task % hp->n_head, kv = h / (hp->n_head / y->n_head_kv);
    const uint32_t *bits = NULL;
    if (y->ratio)
        bits = f->c->picked + t * f->c->picked_each;
    else if (y->indexed)
        bits = eng_picked(f, t);
    struct eng_query a = {.q = s->q + ((size_t)t * hp->n_head + h) * y->n_dim,
                          .k = f->c->k + eng_key_base(f->c, f->layer, s->seq[t], kv),
                          .v = f->c->v + eng_value_base(f->c, f->layer, s->seq[t], kv),
                          .j0 = first_key(y, f->c->base[s->seq[t]], s->cell[t]),
                          .j1 = y->ratio ? f->c->n_cells + (s->cell[t] + 1) / y->ratio
                                         : s->cell[t] + 1,
                          .n_dim = y->n_dim,
                          .n_vdim = y->n_vdim,
                          .scale = hp->attn_scale,
                          .sink = y->sinks ? y->sinks + h : NULL,
                          .bits = bits,
                          .gap0 = y->ratio ? eng_cells(s->cell[t] + 1) : 0,
                          .gap1 = y->ratio ? f->c->n_cells : 0,
                          .scores = f->c->scores + thread * f->c->scores_each,
                          .out = s->att + ((size_t)t * hp->n_head + h) * y->n_vdim};
    eng_attend_query(&a);
}

void eng_attend_all(struct eng_fwd *f)
{
    const struct eng_layer *y = f->y;
    eng_for_rows(f->m, f->n, rope_row, f);
    if (y->sinks || y->window || y->chunk || y->n_dim != y->n_vdim) {
        /* 512 rows of a slice times ENG_HEADS_MAX at most: fewer than ENG_TASKS_MAX */
        eng_pool_run(f->m->pool, f->n * f->m->hp.n_head, query_task, f);
        return;
    }
    cut_runs(f);
    eng_pool_run(f->m->pool, f->s->n_runs * y->n_head_kv, attend_task, f);
}

void eng_add_residual(const struct eng_fwd *f, const float *add)
{
    const struct eng_hparams *hp = &f->m->hp;
    for (uint32_t t = 0; hp->n_stream > 1 && t < f->n; t++)
        eng_add_row(f, t, 1, add + (size_t)t * hp->n_embd);
    if (hp->n_stream == 1)
        f->m->kernels->axpy(f->s->x, hp->residual_scale, add, (size_t)f->n * hp->n_embd);
}

void eng_add_row(const struct eng_fwd *f, uint32_t t, float w, const float *add)
{
    const struct eng_hparams *hp = &f->m->hp;
    uint32_t n = hp->n_stream;
    float *x = f->s->x + (size_t)t * n * hp->n_embd;
    const float *take = f->s->mix + (size_t)t * (2 + n) * n;
    for (uint32_t i = 0; i < n; i++)
        f->m->kernels->axpy(x + (size_t)i * hp->n_embd,
                            n > 1 ? w * take[i] : w * hp->residual_scale, add, hp->n_embd);
}

static void one_linear(struct eng_fwd *f, const struct eng_acts *a, const struct eng_weight *w,
                       float *y)
{
    eng_linear(f->m, a, f->n, 1, &w, &y);
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

static void latent_attention(struct eng_fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = f->y;
    const struct eng_index *x = y->index;
    const struct eng_weight *first = hp->n_lora_q ? &y->q_a : &y->q;
    bool ints = eng_wants_ints(first) || eng_wants_ints(&y->kv_a);
    ints |= x && (eng_wants_ints(&x->k) || eng_wants_ints(&x->proj));
    struct eng_acts a = eng_prepare(m, f->in, y->attn_norm, s->xn, f->n, hp->n_embd, ints);
    const struct eng_weight *w[3] = {first, &y->kv_a, x ? &x->k : NULL};
    float *out[3] = {hp->n_lora_q ? s->qa : s->ql, s->k, s->ik};
    eng_linear(m, &a, f->n, x ? 3 : 2, w, out);
    if (x)
        one_linear(f, &a, &x->proj, s->iw);
    if (hp->n_lora_q) {
        ints = eng_wants_ints(&y->q) || (x && eng_wants_ints(&x->q));
        a = eng_prepare(m, s->qa, y->q_a_norm, s->qa, f->n, hp->n_lora_q, ints);
        one_linear(f, &a, &y->q, s->ql);
    }
    if (x) {
        one_linear(f, &a, &x->q, s->iq);
        eng_index_pick(f);
    }
    eng_for_rows(m, f->n, latent_row, f);
    a = eng_prepare(m, s->heads, NULL, NULL, f->n * hp->n_head, hp->n_nope,
                    eng_wants_ints(&y->k_b));
    eng_linear_each(m, &a, f->n, &y->k_b, s->q, (size_t)hp->n_head * y->n_dim, y->n_dim);
    eng_attend_all(f);
    eng_for_rows(m, f->n, gather_row, f);
    a = eng_prepare(m, s->heads, NULL, NULL, f->n * hp->n_head, y->n_vdim, eng_wants_ints(&y->v_b));
    eng_linear_each(m, &a, f->n, &y->v_b, s->ql, (size_t)hp->n_head * hp->n_vhead, hp->n_vhead);
    a = eng_prepare(m, s->ql, NULL, NULL, f->n, hp->n_head * hp->n_vhead, eng_wants_ints(&y->o));
    one_linear(f, &a, &y->o, s->proj);
}

static void grouped_attention(struct eng_fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = f->y;
    bool gated = hp->family->out_gate;
    struct eng_acts a =
        eng_prepare(m, f->in, y->attn_norm, s->xn, f->n, hp->n_embd,
                    eng_wants_ints(&y->q) || eng_wants_ints(&y->k) || eng_wants_ints(&y->v));
    const struct eng_weight *w[3] = {&y->q, &y->k, &y->v};
    float *out[3] = {gated ? s->ql : s->q, s->k, s->v};
    eng_linear(m, &a, f->n, y->v.tensor ? 3 : y->k.tensor ? 2 : 1, w, out);
    if (gated)
        eng_for_rows(m, f->n, ungate_row, f);
    eng_attend_all(f);
    if (gated)
        eng_for_rows(m, f->n, gate_row, f);
    a = eng_prepare(m, s->att, NULL, NULL, f->n, hp->n_head * y->n_vdim, eng_wants_ints(&y->o));
    one_linear(f, &a, &y->o, s->proj);
}

void eng_attention(struct eng_fwd *f)
{
    if (f->m->hp.n_stream > 1)
        eng_hyper_in(f, &f->y->hyper[0]);
    switch (f->y->mixer) {
    case ENG_MIX_GROUPED:
        grouped_attention(f);
        break;
    case ENG_MIX_LATENT:
        latent_attention(f);
        break;
    case ENG_MIX_DELTA:
        eng_delta_layer(f);
        break;
    case ENG_MIX_COMPRESS:
        eng_compress_layer(f);
        break;
    }
    eng_norm_rows(f, f->s->proj, f->y->post_attn_norm);
    eng_add_residual(f, f->s->proj);
}
