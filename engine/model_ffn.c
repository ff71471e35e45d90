/* model_ffn.c - a layer's feed-forward half: one FFN for all tokens, or a mixture of experts.
 *
 * A dense FFN is a mixture of one expert that all tokens use with weight 1: both run through
 * ffn_run. With experts, (token, slot) pairs are grouped by expert, so that each expert's weights
 * are read once for all its tokens; the results are added per token in the order of its slots.
 */
#include "engine/model_impl.h"

#include <math.h>
#include <string.h>

/* Rows of pairs first..first+n belong to matrix mat; rows[] are the tokens of the pairs. */
struct group {
    uint32_t mat, first, n;
};

struct ffn_job {
    struct eng_model *m;
    const struct eng_weight *gate, *up, *down;
    const struct eng_acts *a;
    const uint32_t *rows; /* [pairs] token of each pair, NULL = identity */
    const struct group *groups;
    const float *in_weight; /* [pairs] of a pair's input, NULL = 1 */
    uint32_t n_groups, per, tasks_per_group;
    uint32_t n_ff;
    float clamp; /* of gate (from above) and up (both ways), 0 = no */
    bool merged; /* gate has up's rows behind its own */
};

/* g = act(g) u */
static void activate(const struct eng_model *m, float *g, const float *u, uint32_t n)
{
    switch (m->hp.family->act) {
    case ENG_ACT_SILU:
        m->kernels->swiglu(g, u, n);
        break;
    case ENG_ACT_GELU:
        for (uint32_t i = 0; i < n; i++)
            g[i] = eng_gelu(g[i]) * u[i];
        break;
    case ENG_ACT_OAI:
        for (uint32_t i = 0; i < n; i++) {
            float x = fminf(g[i], 7), up = fmaxf(-7, fminf(u[i], 7));
            g[i] = x / (1 + expf(-1.702f * x)) * (up + 1);
        }
        break;
    }
}

static void gate_up_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct ffn_job *j = ctx;
    const struct group *g = &j->groups[task / j->tasks_per_group];
    struct eng_scratch *s = &j->m->s;
    uint32_t ff = j->n_ff, o0 = task % j->tasks_per_group * j->per * ENG_TILE;
    uint32_t o1 = o0 + j->per * ENG_TILE;
    (void)thread;
    struct eng_mm mm = {.w = j->gate,
                        .mat = g->mat,
                        .out0 = o0,
                        .out1 = o1 < ff ? o1 : ff,
                        .a = j->a,
                        .rows = j->rows ? j->rows + g->first : NULL,
                        .n_rows = g->n,
                        .y = s->hg + (size_t)g->first * ff,
                        .ldy = ff};
    uint32_t n = mm.out1 - o0;
    eng_apply(j->m, &mm);
    mm.y = s->hu + (size_t)g->first * ff;
    if (j->merged) { /* outputs ff + o go to place o of hu, which lies behind hg */
        mm.out0 += ff;
        mm.out1 += ff;
        mm.y -= ff;
    } else {
        mm.w = j->up;
    }
    eng_apply(j->m, &mm);
    for (uint32_t r = g->first; r < g->first + g->n; r++) {
        float *hg = s->hg + (size_t)r * ff + o0, *hu = s->hu + (size_t)r * ff + o0;
        for (uint32_t i = 0; j->in_weight && i < n; i++) {
            hg[i] *= j->in_weight[r];
            hu[i] *= j->in_weight[r];
        }
        for (uint32_t i = 0; j->clamp > 0 && i < n; i++) {
            hg[i] = fminf(hg[i], j->clamp);
            hu[i] = fmaxf(-j->clamp, fminf(hu[i], j->clamp));
        }
        activate(j->m, hg, hu, n);
    }
}

static void down_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct ffn_job *j = ctx;
    const struct group *g = &j->groups[task / j->tasks_per_group];
    uint32_t d = j->down->n_out, o0 = task % j->tasks_per_group * j->per * ENG_TILE;
    uint32_t o1 = o0 + j->per * ENG_TILE;
    (void)thread;
    /* the activations of pair p are row p: offset the view to this group's first pair */
    struct eng_acts a = eng_acts_from(j->a, g->first);
    struct eng_mm mm = {.w = j->down,
                        .mat = g->mat,
                        .out0 = o0,
                        .out1 = o1 < d ? o1 : d,
                        .a = &a,
                        .n_rows = g->n,
                        .y = j->m->s.hy + (size_t)g->first * d,
                        .ldy = d};
    eng_apply(j->m, &mm);
}

static uint32_t cut_tasks(struct ffn_job *j, uint32_t n_out, uint32_t rows)
{
    uint32_t tiles = (n_out + ENG_TILE - 1) / ENG_TILE;
    j->per = eng_tiles_per_task(j->m, (uint64_t)tiles * j->n_groups, rows / j->n_groups + 1);
    j->tasks_per_group = (tiles + j->per - 1) / j->per;
    return j->tasks_per_group * j->n_groups;
}

/* hy[pair] = down(act(gate x) * up x) with each group's matrices. x: a's rows. */
static void ffn_run(struct ffn_job *j, uint32_t n_pairs)
{
    struct eng_model *m = j->m;
    eng_pool_run(m->pool, cut_tasks(j, j->n_ff, n_pairs), gate_up_task, j);
    struct eng_acts h =
        eng_prepare(m, m->s.hg, NULL, NULL, n_pairs, j->n_ff, eng_wants_ints(j->down));
    j->a = &h;
    eng_pool_run(m->pool, cut_tasks(j, j->down->n_out, n_pairs), down_task, j);
}

static void route_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_moe_params *p = &f->m->hp.moe;
    const float *logits = f->s->router + (size_t)t * p->n_expert;
    uint32_t *ids = f->s->ids + (size_t)t * p->n_used;
    float *weights = f->s->weights + (size_t)t * p->n_used;
    if (f->y->hash) {
        const int32_t *given = f->y->hash + (size_t)f->s->token[t] * p->n_used;
        for (uint32_t i = 0; i < p->n_used; i++)
            ids[i] = (uint32_t)given[i];
        eng_route_given(p, logits, ids, weights);
    } else {
        eng_route(p, logits, f->y->router_bias, ids, weights);
    }
}

/* Groups the (token, slot) pairs by expert: fills s->pair_of, pair_row and groups. */
static uint32_t group_by_expert(struct eng_fwd *f, struct group *groups)
{
    struct eng_scratch *s = f->s;
    const struct eng_moe_params *p = &f->m->hp.moe;
    size_t n_pairs = (size_t)f->n * p->n_used;
    uint32_t count[ENG_EXPERT_MAX] = {0}, at[ENG_EXPERT_MAX], n_groups = 0, total = 0;
    for (size_t i = 0; i < n_pairs; i++)
        count[s->ids[i]]++;
    uint64_t *choices = f->m->choices + (size_t)f->layer * p->n_expert;
    for (uint32_t e = 0; e < p->n_expert; e++) {
        at[e] = total;
        choices[e] += count[e];
        if (count[e])
            groups[n_groups++] = (struct group){.mat = e, .first = total, .n = count[e]};
        total += count[e];
    }
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t pair = at[s->ids[i]]++;
        s->pair_of[i] = pair;
        s->pair_row[pair] = (uint32_t)(i / p->n_used);
    }
    return n_groups;
}

/* The sum of a token's experts, into proj. */
static void combine_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    struct eng_scratch *s = f->s;
    float *sum = s->proj + (size_t)t * hp->n_embd;
    memset(sum, 0, hp->n_embd * sizeof(float));
    for (uint32_t k = 0; k < hp->moe.n_used; k++) {
        size_t i = (size_t)t * hp->moe.n_used + k;
        f->m->kernels->axpy(sum, hp->family->weigh_input ? 1 : s->weights[i],
                            s->hy + (size_t)s->pair_of[i] * hp->n_embd, hp->n_embd);
    }
}

static void shared_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const float *x = f->s->xn + (size_t)t * hp->n_embd;
    float w = 1;
    if (f->y->shared_scale) {
        float dot = 0;
        for (uint32_t i = 0; i < hp->n_embd; i++)
            dot += x[i] * f->y->shared_scale[i];
        w = 1 / (1 + expf(-dot));
    }
    eng_add_row(f, t, w, f->s->hy + (size_t)t * hp->n_embd);
}

/* A dense FFN and experts, both on the residual stream h, each between norms of its own:
 * h += norm(norm_1(dense(norm h)) + norm_2(experts(pre_norm_2 h))). */
static void parallel(struct eng_fwd *f, struct group *groups)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = f->y;
    const struct eng_weight *wr = &y->router;
    struct eng_acts a =
        eng_prepare(m, s->x, y->ffn_norm, s->xn, f->n, hp->n_embd,
                    eng_wants_ints(&y->shared_gate) || eng_wants_ints(&y->shared_up));
    struct ffn_job j = {.m = m,
                        .gate = &y->shared_gate,
                        .up = &y->shared_up,
                        .down = &y->shared_down,
                        .a = &a,
                        .groups = groups,
                        .n_groups = 1,
                        .n_ff = y->shared_gate.n_out};
    ffn_run(&j, f->n);
    eng_norm_rows(f, s->hy, y->post_norm_1);
    memcpy(s->side, s->hy, (size_t)f->n * hp->n_embd * sizeof(float));
    a = eng_prepare(m, s->x, y->router_norm, s->xn, f->n, hp->n_embd, eng_wants_ints(wr));
    eng_linear(m, &a, f->n, 1, &wr, &s->router);
    eng_for_rows(m, f->n, route_row, f);
    a = eng_prepare(m, s->x, y->pre_norm_2, s->xn, f->n, hp->n_embd,
                    eng_wants_ints(&y->gate) || eng_wants_ints(&y->up));
    j = (struct ffn_job){.m = m,
                         .gate = &y->gate,
                         .up = &y->up,
                         .down = &y->down,
                         .a = &a,
                         .groups = groups,
                         .n_groups = group_by_expert(f, groups),
                         .rows = s->pair_row,
                         .n_ff = y->n_ff,
                         .merged = y->merged};
    ffn_run(&j, f->n * hp->moe.n_used);
    eng_for_rows(m, f->n, combine_row, f);
    eng_norm_rows(f, s->proj, y->post_norm_2);
    m->kernels->axpy(s->proj, 1, s->side, (size_t)f->n * hp->n_embd);
    eng_norm_rows(f, s->proj, y->post_ffn_norm);
    eng_add_residual(f, s->proj);
}

/* The experts' part of the layer, a: its normed input. */
static void experts(struct eng_fwd *f, struct ffn_job *j, struct group *groups)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_weight *wr = &f->y->router;
    eng_linear(m, j->a, f->n, 1, &wr, &s->router);
    eng_for_rows(m, f->n, route_row, f);
    j->n_groups = group_by_expert(f, groups);
    j->rows = s->pair_row;
    if (hp->family->weigh_input) { /* by pair, in the room of the router's logits */
        for (size_t i = 0; i < (size_t)f->n * hp->moe.n_used; i++)
            s->router[s->pair_of[i]] = s->weights[i];
        j->in_weight = s->router;
    }
    ffn_run(j, f->n * hp->moe.n_used);
    eng_for_rows(m, f->n, combine_row, f);
    eng_add_residual(f, s->proj);
}

void eng_feed_forward(struct eng_fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = f->y;
    struct group groups[ENG_EXPERT_MAX] = {{.n = f->n}};
    if (y->moe && hp->family->parallel) {
        parallel(f, groups);
        return;
    }
    if (hp->n_stream > 1)
        eng_hyper_in(f, &y->hyper[1]);
    bool ints = eng_wants_ints(&y->gate) || eng_wants_ints(&y->up) || eng_wants_ints(&y->router);
    struct eng_acts a = eng_prepare(m, f->in, y->ffn_norm, s->xn, f->n, hp->n_embd, ints);
    struct ffn_job j = {.m = m,
                        .gate = &y->gate,
                        .up = &y->up,
                        .down = &y->down,
                        .a = &a,
                        .groups = groups,
                        .n_groups = 1,
                        .n_ff = y->n_ff,
                        .clamp = y->clamp,
                        .merged = y->merged};
    if (!y->moe) {
        ffn_run(&j, f->n);
        eng_norm_rows(f, s->hy, y->post_ffn_norm);
        eng_add_residual(f, s->hy);
        return;
    }
    experts(f, &j, groups);
    if (!y->shared)
        return;
    groups[0] = (struct group){.n = f->n};
    a = eng_prepare(m, s->xn, NULL, NULL, f->n, hp->n_embd,
                    eng_wants_ints(&y->shared_gate) || eng_wants_ints(&y->shared_up));
    j = (struct ffn_job){.m = m,
                         .gate = &y->shared_gate,
                         .up = &y->shared_up,
                         .down = &y->shared_down,
                         .a = &a,
                         .groups = groups,
                         .n_groups = 1,
                         .n_ff = y->shared_gate.n_out,
                         .clamp = y->shared_clamp};
    ffn_run(&j, f->n);
    eng_for_rows(m, f->n, shared_row, f);
}
