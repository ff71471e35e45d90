/* ffn.c - the CPU's operators of a layer's feed-forward half: one FFN for all tokens, or a mixture
 * of experts.
 *
 * A dense FFN is a mixture of one expert that all tokens use: both run through eng_cpu_ffn. With
 * experts, (token, slot) pairs are grouped by expert, so that each expert's weights are read once
 * for all its tokens; the results are added per token in the order of its slots.
 */
#include "engine/cpu/table.h"

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
    eng_cpu_apply(j->m, &mm);
    mm.y = s->hu + (size_t)g->first * ff;
    if (j->merged) { /* outputs ff + o go to place o of hu, which lies behind hg */
        mm.out0 += ff;
        mm.out1 += ff;
        mm.y -= ff;
    } else {
        mm.w = j->up;
    }
    eng_cpu_apply(j->m, &mm);
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
    struct eng_acts a = eng_cpu_acts_from(j->a, g->first);
    struct eng_mm mm = {.w = j->down,
                        .mat = g->mat,
                        .out0 = o0,
                        .out1 = o1 < d ? o1 : d,
                        .a = &a,
                        .n_rows = g->n,
                        .y = j->m->s.hy + (size_t)g->first * d,
                        .ldy = d};
    eng_cpu_apply(j->m, &mm);
}

static uint32_t cut_tasks(struct ffn_job *j, uint32_t n_out, uint32_t rows)
{
    uint32_t tiles = (n_out + ENG_TILE - 1) / ENG_TILE;
    j->per = eng_cpu_tiles_per_task(j->m, (uint64_t)tiles * j->n_groups, rows / j->n_groups + 1);
    j->tasks_per_group = (tiles + j->per - 1) / j->per;
    return j->tasks_per_group * j->n_groups;
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
    if (f->m->gap_rows)
        f->m->gaps[t] = f->y->hash ? INFINITY : eng_route_gap(p, logits, f->y->router_bias);
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
    eng_cpu_residual_row(f, t, w, f->s->hy + (size_t)t * hp->n_embd);
}

void eng_cpu_route(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, route_row, f);
}

void eng_cpu_group(struct eng_fwd *f)
{
    struct eng_scratch *s = f->s;
    const struct eng_moe_params *p = &f->m->hp.moe;
    size_t n_pairs = (size_t)f->n * p->n_used;
    uint32_t count[ENG_EXPERT_MAX] = {0}, at[ENG_EXPERT_MAX], total = 0;
    for (size_t i = 0; i < n_pairs; i++)
        count[s->ids[i]]++;
    uint64_t *choices = f->m->choices + (size_t)f->layer * p->n_expert;
    for (uint32_t e = 0; e < p->n_expert; e++) {
        s->group_at[e] = at[e] = total;
        choices[e] += count[e];
        total += count[e];
    }
    s->group_at[p->n_expert] = total;
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t pair = at[s->ids[i]]++;
        s->pair_of[i] = pair;
        s->pair_row[pair] = (uint32_t)(i / p->n_used);
    }
}

/* The experts that have pairs; of an FFN that is none's, all rows. */
static uint32_t list_groups(const struct eng_fwd *f, const struct eng_ffn *x, struct group *groups)
{
    const uint32_t *at = f->s->group_at;
    uint32_t n = 0;
    if (!x->routed) {
        groups[0] = (struct group){.n = x->n_rows};
        return 1;
    }
    for (uint32_t e = 0; e < f->m->hp.moe.n_expert; e++)
        if (at[e + 1] > at[e])
            groups[n++] = (struct group){.mat = e, .first = at[e], .n = at[e + 1] - at[e]};
    return n;
}

void eng_cpu_ffn(struct eng_fwd *f, const struct eng_ffn *x)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    struct group groups[ENG_EXPERT_MAX];
    struct ffn_job j = {.m = m,
                        .gate = x->gate,
                        .up = x->up,
                        .down = x->down,
                        .a = x->a,
                        .rows = x->routed ? s->pair_row : NULL,
                        .groups = groups,
                        .n_groups = list_groups(f, x, groups),
                        .n_ff = x->n_ff,
                        .clamp = x->clamp,
                        .merged = x->merged};
    if (x->weigh_input) { /* by pair, in the room of the router's logits */
        for (size_t i = 0; i < x->n_rows; i++)
            s->router[s->pair_of[i]] = s->weights[i];
        j.in_weight = s->router;
    }
    eng_pool_run(m->pool, cut_tasks(&j, j.n_ff, x->n_rows), gate_up_task, &j);
    struct eng_acts h =
        eng_cpu_prepare(f, s->hg, NULL, NULL, x->n_rows, j.n_ff, eng_wants_ints(j.down));
    j.a = &h;
    eng_pool_run(m->pool, cut_tasks(&j, j.down->n_out, x->n_rows), down_task, &j);
}

void eng_cpu_combine(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, combine_row, f);
}

void eng_cpu_shared(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, shared_row, f);
}
