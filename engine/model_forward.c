/* model_forward.c - the forward pass: one slice of a batch through all layers.
 *
 * Runs on the thread that called eng_forward, with the model's pool; memory is the model's scratch,
 * nothing is allocated. A layer is a handful of parallel jobs, each cut into tasks that write
 * disjoint outputs, so results do not depend on the number of threads:
 *
 *   norm (per token) -> q, k, v -> RoPE and cache write (per token) -> attention (per token and
 *   key/value head) -> output projection -> norm -> router -> gate and up -> down -> combine
 *
 * A dense FFN is a Mixture of one expert that all tokens use with weight 1: both run through
 * ffn_run. With experts, (token, slot) pairs are grouped by expert, so that each expert's weights
 * are read once for all its tokens; the results are added per token in the order of its slots.
 *
 * The last layer's FFN and the output matrix see only the tokens whose logits are wanted.
 */
#include "engine/model_impl.h"

#include <math.h>
#include <string.h>

struct fwd {
    struct eng_model *m;
    struct eng_cache *c;
    struct eng_scratch *s;
    const struct eng_layer *y;
    uint32_t layer;
    uint32_t n; /* tokens */
};

/* ---- matrix products ---- */

/* Whether integer activations are needed to apply w. */
static bool wants_ints(const struct eng_weight *w)
{
    return w->tiles != NULL;
}

static void apply(const struct eng_model *m, const struct eng_mm *mm)
{
    if (mm->w->tiles)
        m->kernels->mm_tiles(mm);
    else
        m->kernels->mm_rows(mm);
}

/* Tiles per task: enough tasks to share out, few enough that a task is worth its claim, and with
 * many rows a weight block that stays in the second-level cache. */
static uint32_t tiles_per_task(const struct eng_model *m, uint64_t tiles, uint32_t n_rows)
{
    uint64_t per = tiles / (4 * (uint64_t)eng_pool_threads(m->pool)) + 1;
    if (n_rows > 8 && per > 8)
        per = 8;
    return (uint32_t)per;
}

struct linear_job {
    const struct eng_model *m;
    const struct eng_acts *a;
    uint32_t n_rows, per;
    uint32_t n;
    struct {
        const struct eng_weight *w;
        float *y;
        uint32_t tasks;
    } out[3];
};

static void linear_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct linear_job *j = ctx;
    (void)thread;
    uint32_t i = 0;
    while (task >= j->out[i].tasks)
        task -= j->out[i++].tasks;
    const struct eng_weight *w = j->out[i].w;
    uint32_t o0 = task * j->per * ENG_TILE, o1 = o0 + j->per * ENG_TILE;
    struct eng_mm mm = {.w = w,
                        .out0 = o0,
                        .out1 = o1 < w->n_out ? o1 : w->n_out,
                        .a = j->a,
                        .n_rows = j->n_rows,
                        .y = j->out[i].y,
                        .ldy = w->n_out};
    apply(j->m, &mm);
}

static uint32_t tiles_of(const struct eng_weight *w)
{
    return (w->n_out + ENG_TILE - 1) / ENG_TILE;
}

/* y = W x for up to three matrices over the same activations. */
static void linear(struct eng_model *m, const struct eng_acts *a, uint32_t n_rows, uint32_t n,
                   const struct eng_weight *const *w, float *const *y)
{
    struct linear_job j = {.m = m, .a = a, .n_rows = n_rows, .n = n};
    uint64_t tiles = 0;
    uint32_t tasks = 0;
    for (uint32_t i = 0; i < n; i++)
        tiles += tiles_of(w[i]);
    j.per = tiles_per_task(m, tiles, n_rows);
    while (tiles / j.per > ENG_TASKS_MAX / 2)
        j.per *= 2;
    for (uint32_t i = 0; i < n; i++) {
        j.out[i].w = w[i];
        j.out[i].y = y[i];
        j.out[i].tasks = (tiles_of(w[i]) + j.per - 1) / j.per;
        tasks += j.out[i].tasks;
    }
    eng_pool_run(m->pool, tasks, linear_task, &j);
}

/* ---- preparing activations ---- */

struct prep_job {
    struct eng_model *m;
    const float *x;    /* [n][n_in] */
    const float *norm; /* weights of an RMS norm, or NULL */
    float *y;          /* where the normed rows go */
    uint32_t n_in;
    bool ints;
};

static void prep_row(const struct prep_job *j, uint32_t r)
{
    struct eng_scratch *s = &j->m->s;
    const float *x = j->x + (size_t)r * j->n_in;
    if (j->norm) {
        float *y = j->y + (size_t)r * j->n_in;
        j->m->kernels->rmsnorm(y, x, j->norm, j->n_in, j->m->hp.rms_eps);
        x = y;
    }
    if (j->ints)
        j->m->kernels->quant[j->m->planes](x, j->n_in, s->aq + (size_t)r * j->n_in * j->m->planes,
                                           s->aqi + (size_t)r * (j->n_in / 32));
}

#define ROWS_PER_TASK 16

struct rows_job {
    void (*fn)(void *ctx, uint32_t row);
    void *ctx;
    uint32_t n;
};

static void rows_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct rows_job *j = ctx;
    (void)thread;
    uint32_t end = (task + 1) * ROWS_PER_TASK;
    for (uint32_t r = task * ROWS_PER_TASK; r < end && r < j->n; r++)
        j->fn(j->ctx, r);
}

/* fn(ctx, row) for every row; on one thread when there are few. */
static void for_rows(struct eng_model *m, uint32_t n, void (*fn)(void *, uint32_t), void *ctx)
{
    struct rows_job j = {fn, ctx, n};
    eng_pool_run(m->pool, (n + ROWS_PER_TASK - 1) / ROWS_PER_TASK, rows_task, &j);
}

static void prep_row_fn(void *ctx, uint32_t r)
{
    prep_row(ctx, r);
}

/* Activations for linear(): normed if norm is given (into y), and rounded if need be. */
static struct eng_acts prepare(struct eng_model *m, const float *x, const float *norm, float *y,
                               uint32_t n, uint32_t n_in, bool ints)
{
    struct prep_job j = {m, x, norm, y, n_in, ints};
    if (norm || ints)
        for_rows(m, n, prep_row_fn, &j);
    return (struct eng_acts){
        .x = norm ? y : x, .n_in = n_in, .planes = m->planes, .q = m->s.aq, .qi = m->s.aqi};
}

/* ---- attention ---- */

static void head_norms(const struct fwd *f, float *x, const float *w, uint32_t heads)
{
    const struct eng_hparams *hp = &f->m->hp;
    if (!w)
        return;
    if (hp->family->qk_norm == ENG_QK_NORM_ALL) {
        f->m->kernels->rmsnorm(x, x, w, (size_t)heads * hp->n_dim, hp->rms_eps);
        return;
    }
    for (uint32_t h = 0; h < heads; h++)
        f->m->kernels->rmsnorm(x + (size_t)h * hp->n_dim, x + (size_t)h * hp->n_dim, w, hp->n_dim,
                               hp->rms_eps);
}

/* Token t: norms and rotation of its queries and keys, keys and values into the cache. */
static void rope_row(void *ctx, uint32_t t)
{
    const struct fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    struct eng_scratch *s = f->s;
    const float *cs = s->cs + (size_t)t * hp->n_rot;
    float *q = s->q + (size_t)t * hp->n_head * hp->n_dim;
    float *k = s->k + (size_t)t * hp->n_head_kv * hp->n_dim;
    const float *v = s->v + (size_t)t * hp->n_head_kv * hp->n_dim;
    head_norms(f, q, f->y->q_norm, hp->n_head);
    head_norms(f, k, f->y->k_norm, hp->n_head_kv);
    for (uint32_t h = 0; h < hp->n_head; h++)
        eng_rope(q + (size_t)h * hp->n_dim, hp->n_rot, hp->family->neox, cs);
    if (hp->temp_scale != 0) {
        uint32_t pos = f->c->base[s->seq[t]] + s->cell[t];
        float temp = 1 + hp->temp_scale * logf(floorf((float)pos / (float)hp->temp_length) + 1);
        for (uint32_t i = 0; i < hp->n_head * hp->n_dim; i++)
            q[i] *= temp;
    }
    for (uint32_t h = 0; h < hp->n_head_kv; h++) {
        size_t at = eng_cache_at(f->c, f->layer, s->seq[t], h);
        float *kh = k + (size_t)h * hp->n_dim;
        eng_rope(kh, hp->n_rot, hp->family->neox, cs);
        for (uint32_t i = 0; i < hp->n_dim; i++)
            f->c->k[at + eng_key_at(hp->n_dim, s->cell[t], i)] = kh[i];
        memcpy(f->c->v + at + (size_t)s->cell[t] * hp->n_dim, v + (size_t)h * hp->n_dim,
               hp->n_dim * sizeof(float));
    }
}

/* Cuts the slice into runs of tokens that follow one another in a sequence, for attention. */
static void cut_runs(struct fwd *f)
{
    struct eng_scratch *s = f->s;
    uint32_t group = f->m->hp.n_head / f->m->hp.n_head_kv;
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
    const struct fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    struct eng_scratch *s = f->s;
    uint32_t run = task / hp->n_head_kv, h = task % hp->n_head_kv, t = s->run[run];
    uint32_t end = run + 1 < s->n_runs ? s->run[run + 1] : f->n;
    uint32_t group = hp->n_head / hp->n_head_kv;
    size_t row = ((size_t)t * hp->n_head + (size_t)h * group) * hp->n_dim;
    size_t at = eng_cache_at(f->c, f->layer, s->seq[t], h);
    struct eng_attend a = {.q = s->q + row,
                           .k = f->c->k + at,
                           .v = f->c->v + at,
                           .n_head = group,
                           .n_tok = end - t,
                           .n_kv = s->cell[t] + 1,
                           .n_dim = hp->n_dim,
                           .ldq = (size_t)hp->n_head * hp->n_dim,
                           .scale = hp->attn_scale,
                           .scores = f->c->scores + thread * f->c->scores_each,
                           .out = s->att + row};
    f->m->kernels->attend(&a);
}

/* x += residual_scale * add */
static void add_residual(const struct fwd *f, const float *add)
{
    const struct eng_hparams *hp = &f->m->hp;
    f->m->kernels->axpy(f->s->x, hp->residual_scale, add, (size_t)f->n * hp->n_embd);
}

static void attention(struct fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = f->y;
    struct eng_acts a = prepare(m, s->x, y->attn_norm, s->xn, f->n, hp->n_embd,
                                wants_ints(&y->q) || wants_ints(&y->k) || wants_ints(&y->v));
    const struct eng_weight *w[3] = {&y->q, &y->k, &y->v};
    float *out[3] = {s->q, s->k, s->v};
    linear(m, &a, f->n, 3, w, out);
    for_rows(m, f->n, rope_row, f);
    eng_pool_run(m->pool, s->n_runs * hp->n_head_kv, attend_task, f);
    a = prepare(m, s->att, NULL, NULL, f->n, hp->n_head * hp->n_dim, wants_ints(&y->o));
    const struct eng_weight *wo[1] = {&y->o};
    float *po[1] = {s->proj};
    linear(m, &a, f->n, 1, wo, po);
    add_residual(f, s->proj);
}

/* ---- feed-forward ---- */

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
    uint32_t n_groups, per, tasks_per_group;
};

static void gate_up_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct ffn_job *j = ctx;
    const struct group *g = &j->groups[task / j->tasks_per_group];
    struct eng_scratch *s = &j->m->s;
    uint32_t ff = j->gate->n_out, o0 = task % j->tasks_per_group * j->per * ENG_TILE;
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
    apply(j->m, &mm);
    mm.w = j->up;
    mm.y = s->hu + (size_t)g->first * ff;
    apply(j->m, &mm);
    for (uint32_t r = 0; r < g->n; r++) {
        size_t at = (size_t)(g->first + r) * ff + o0;
        j->m->kernels->swiglu(s->hg + at, s->hu + at, mm.out1 - o0);
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
    struct eng_acts a = {.x = j->a->x + (size_t)g->first * j->a->n_in,
                         .n_in = j->a->n_in,
                         .planes = j->a->planes,
                         .q = j->a->q + (size_t)g->first * j->a->n_in * j->a->planes,
                         .qi = j->a->qi + (size_t)g->first * (j->a->n_in / 32)};
    struct eng_mm mm = {.w = j->down,
                        .mat = g->mat,
                        .out0 = o0,
                        .out1 = o1 < d ? o1 : d,
                        .a = &a,
                        .n_rows = g->n,
                        .y = j->m->s.hy + (size_t)g->first * d,
                        .ldy = d};
    apply(j->m, &mm);
}

static uint32_t cut_tasks(struct ffn_job *j, const struct eng_weight *w, uint32_t rows)
{
    uint32_t tiles = tiles_of(w);
    j->per = tiles_per_task(j->m, (uint64_t)tiles * j->n_groups, rows / j->n_groups + 1);
    j->tasks_per_group = (tiles + j->per - 1) / j->per;
    return j->tasks_per_group * j->n_groups;
}

/* hy[pair] = down(silu(gate x) * up x) with each group's matrices. x: a's rows. */
static void ffn_run(struct ffn_job *j, uint32_t n_pairs)
{
    struct eng_model *m = j->m;
    eng_pool_run(m->pool, cut_tasks(j, j->gate, n_pairs), gate_up_task, j);
    struct eng_acts h =
        prepare(m, m->s.hg, NULL, NULL, n_pairs, j->gate->n_out, wants_ints(j->down));
    j->a = &h;
    eng_pool_run(m->pool, cut_tasks(j, j->down, n_pairs), down_task, j);
}

static void route_row(void *ctx, uint32_t t)
{
    const struct fwd *f = ctx;
    const struct eng_moe_params *p = &f->m->hp.moe;
    eng_route(p, f->s->router + (size_t)t * p->n_expert, f->y->router_bias,
              f->s->ids + (size_t)t * p->n_used, f->s->weights + (size_t)t * p->n_used);
}

/* Groups the (token, slot) pairs by expert: fills s->pair_of, pair_row and groups. */
static uint32_t group_by_expert(struct fwd *f, struct group *groups)
{
    struct eng_scratch *s = f->s;
    const struct eng_moe_params *p = &f->m->hp.moe;
    size_t n_pairs = (size_t)f->n * p->n_used;
    uint32_t count[ENG_EXPERT_MAX] = {0}, at[ENG_EXPERT_MAX], n_groups = 0, total = 0;
    for (size_t i = 0; i < n_pairs; i++)
        count[s->ids[i]]++;
    for (uint32_t e = 0; e < p->n_expert; e++) {
        at[e] = total;
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

static void combine_row(void *ctx, uint32_t t)
{
    const struct fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    struct eng_scratch *s = f->s;
    float *sum = s->proj + (size_t)t * hp->n_embd;
    memset(sum, 0, hp->n_embd * sizeof(float));
    for (uint32_t k = 0; k < hp->moe.n_used; k++) {
        size_t i = (size_t)t * hp->moe.n_used + k;
        f->m->kernels->axpy(sum, s->weights[i], s->hy + (size_t)s->pair_of[i] * hp->n_embd,
                            hp->n_embd);
    }
    f->m->kernels->axpy(s->x + (size_t)t * hp->n_embd, hp->residual_scale, sum, hp->n_embd);
}

static void shared_row(void *ctx, uint32_t t)
{
    const struct fwd *f = ctx;
    const struct eng_hparams *hp = &f->m->hp;
    const float *x = f->s->xn + (size_t)t * hp->n_embd;
    float w = 1;
    if (f->y->shared_scale) {
        float dot = 0;
        for (uint32_t i = 0; i < hp->n_embd; i++)
            dot += x[i] * f->y->shared_scale[i];
        w = 1 / (1 + expf(-dot));
    }
    f->m->kernels->axpy(f->s->x + (size_t)t * hp->n_embd, w * hp->residual_scale,
                        f->s->hy + (size_t)t * hp->n_embd, hp->n_embd);
}

static void feed_forward(struct fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = f->y;
    struct group groups[ENG_EXPERT_MAX] = {{.n = f->n}};
    bool ints = wants_ints(&y->gate) || wants_ints(&y->up);
    struct eng_acts a = prepare(m, s->x, y->ffn_norm, s->xn, f->n, hp->n_embd, ints);
    struct ffn_job j = {.m = m,
                        .gate = &y->gate,
                        .up = &y->up,
                        .down = &y->down,
                        .a = &a,
                        .groups = groups,
                        .n_groups = 1};
    if (!y->moe) {
        ffn_run(&j, f->n);
        add_residual(f, s->hy);
        return;
    }
    const struct eng_weight *wr[1] = {&y->router};
    float *pr[1] = {s->router};
    linear(m, &a, f->n, 1, wr, pr);
    for_rows(m, f->n, route_row, f);
    j.n_groups = group_by_expert(f, groups);
    j.rows = s->pair_row;
    ffn_run(&j, f->n * hp->moe.n_used);
    for_rows(m, f->n, combine_row, f);
    if (!y->shared)
        return;
    groups[0] = (struct group){.n = f->n};
    a = prepare(m, s->xn, NULL, NULL, f->n, hp->n_embd,
                wants_ints(&y->shared_gate) || wants_ints(&y->shared_up));
    j = (struct ffn_job){.m = m,
                         .gate = &y->shared_gate,
                         .up = &y->shared_up,
                         .down = &y->shared_down,
                         .a = &a,
                         .groups = groups,
                         .n_groups = 1};
    ffn_run(&j, f->n);
    for_rows(m, f->n, shared_row, f);
}

/* ---- the whole ---- */

static void embed(struct fwd *f, const int32_t *tokens)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_weight *w = &f->m->embd;
    struct eng_scratch *s = f->s;
    for (uint32_t t = 0; t < f->n; t++) {
        float *x = s->x + (size_t)t * hp->n_embd;
        eng_dequant_row(w->type, w->data + (uint64_t)tokens[t] * w->row_bytes, x, hp->n_embd);
        for (uint32_t i = 0; hp->embedding_scale != 1 && i < hp->n_embd; i++)
            x[i] *= hp->embedding_scale;
        float pos = (float)(f->c->base[s->seq[t]] + s->cell[t]);
        for (uint32_t i = 0; i < hp->n_rot / 2; i++) {
            float angle = pos * hp->rope_freq[i], *cs = s->cs + (size_t)t * hp->n_rot + 2 * i;
            cs[0] = cosf(angle) * hp->rope_mscale;
            cs[1] = sinf(angle) * hp->rope_mscale;
        }
    }
}

/* Moves the wanted tokens' rows of x to the front. */
static uint32_t keep_wanted(struct fwd *f, const bool *want)
{
    uint32_t kept = 0;
    size_t row = f->m->hp.n_embd;
    for (uint32_t t = 0; t < f->n; t++) {
        if (want && !want[t])
            continue;
        if (kept != t)
            memcpy(f->s->x + kept * row, f->s->x + t * row, row * sizeof(float));
        kept++;
    }
    return kept;
}

size_t eng_forward_slice(struct eng_model *m, struct eng_cache *c, const int32_t *tokens,
                         const bool *want, size_t n, float *logits)
{
    const struct eng_hparams *hp = &m->hp;
    struct fwd f = {.m = m, .c = c, .s = &m->s, .n = (uint32_t)n};
    embed(&f, tokens);
    cut_runs(&f);
    for (f.layer = 0; f.layer < hp->n_layer; f.layer++) {
        f.y = &m->layers[f.layer];
        attention(&f);
        if (f.layer + 1 == hp->n_layer && (f.n = keep_wanted(&f, want)) == 0)
            return 0;
        feed_forward(&f);
    }
    struct eng_acts a =
        prepare(m, m->s.x, m->output_norm, m->s.xn, f.n, hp->n_embd, wants_ints(&m->output));
    const struct eng_weight *w[1] = {&m->output};
    float *out[1] = {logits};
    linear(m, &a, f.n, 1, w, out);
    for (size_t i = 0; hp->logit_scale != 1 && i < (size_t)f.n * hp->n_vocab; i++)
        logits[i] /= hp->logit_scale;
    return f.n;
}
