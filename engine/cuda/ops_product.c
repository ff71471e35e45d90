/* ops_product.c - CUDA's products: activations made ready for them, dense and by head, and the
 * feed-forward halves of layers.
 *
 * prepare() only notes what it was given: which rounding is wanted depends on the forms of the
 * weights that follow (pack.h), of which there may be several. The first product that needs one
 * launches norm and rounding together. Experts' products take tiles of pairs that the device itself
 * lists (route.h): the host does not know how many there are, only how many there can be.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

#include <string.h>

/* ---- activations ---- */

struct eng_acts eng_gpu_prepare(struct eng_fwd *f, const float *x, const float *norm, float *y,
                                uint32_t n_rows, uint32_t n_in, bool rounded)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_ahead ahead = g->ahead;
    /* what the layer's shared expert sees is what the others saw */
    if (x == f->s->xn && !norm && g->a.x == x && g->a.n_rows == n_rows)
        return (struct eng_acts){.x = x, .n_in = n_in};
    /* what joins the residual stream can norm and round it too, once it is known for what */
    bool joins = x == f->s->x && norm && n_rows == f->n && f->m->hp.n_stream == 1;
    (void)rounded;
    /* what the shared expert sees is no part of what is put off */
    if (x != f->s->xn && !joins)
        eng_gpu_settle(f);
    norm = eng_gpu_copy(g, norm);
    g->a = (struct eng_gpu_acts){
        .x = x, .norm = norm, .y = y, .n_rows = n_rows, .n_in = n_in, .bank = !g->a.bank};
    g->ahead.x = NULL;
    if (ahead.x == x && ahead.norm == norm && x) {
        memcpy(g->a.made, ahead.made, sizeof(ahead.made));
        g->a.ssq = ahead.ssq;
        g->a.norm = NULL;
    }
    return (struct eng_acts){.x = norm ? y : x, .n_in = n_in};
}

/* The rows are the residual stream, and something is about to join it: one launch joins, norms, and
 * rounds if `round` is given. */
static bool join_norms(struct eng_fwd *f, const struct weir_acts *round)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_acts *a = &g->a;
    struct eng_gpu_join *j = &g->join_now;
    if (!j->target || !j->complete || !a->norm || a->x != f->s->x || a->n_rows != f->n ||
        f->m->hp.n_stream > 1)
        return false;
    eng_gpu_late_plain(f);
    j->a.next_norm = a->norm;
    j->a.y = a->y;
    if (round)
        j->a.round = *round;
    eng_gpu_settle(f);
    a->x = a->y;
    a->norm = NULL;
    return true;
}

bool eng_gpu_join_norms(struct eng_fwd *f)
{
    return join_norms(f, NULL);
}

void eng_gpu_normed(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_acts *a = &g->a;
    (void)eng_gpu_late_norm(f);
    if (!a->norm || join_norms(f, NULL))
        return;
    struct weir_norm_args n = {.x = a->x,
                               .w = a->norm,
                               .y = a->y,
                               .n = a->n_rows,
                               .n_in = a->n_in,
                               .eps = f->m->hp.rms_eps};
    eng_cuda_norm(g->d, &n);
    a->x = a->y;
    a->norm = NULL;
}

struct weir_acts eng_gpu_acts_room(struct eng_fwd *f, struct eng_gpu_buffer *b,
                                   enum eng_pack_acts kind, const float *x, uint32_t n_rows,
                                   uint32_t n_in)
{
    struct eng_gpu *g = eng_gpu_of(f);
    uint32_t all = (n_rows + f->n - 1) / f->n * f->s->rows;
    uint32_t planes = f->m->planes + 1; /* the CPU's two have two bits more than two bytes */
    void *p = eng_gpu_room(g, b, weir_acts_bytes(kind, all, n_in, planes));
    return weir_acts_at(kind, n_rows, n_in, planes, x, p);
}

/* What prepare() was given, as products of this kind take it. */
static struct weir_acts acts_of(struct eng_fwd *f, enum eng_pack_acts kind)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_acts *a = &g->a;
    struct weir_acts out;
    (void)eng_gpu_late_norm(f);
    const float *rows = a->norm ? a->y : a->x;
    if (kind == ENG_ACTS_F32) {
        eng_gpu_normed(f);
        out = weir_acts_at(kind, a->n_rows, a->n_in, 0, a->x, NULL);
    } else {
        out = eng_gpu_acts_room(f, &g->acts[a->bank][kind], kind, rows, a->n_rows, a->n_in);
    }
    if (a->ssq) {
        out.ssq = a->ssq;
        out.n_ssq = (a->n_in + 31) / 32;
        out.eps = f->m->hp.rms_eps;
        if (!a->made[kind] && g->st == BASE_OK)
            g->st = base_err_set(&g->err, BASE_EBUG, "rows of a kind that were not made ready");
    }
    if (kind == ENG_ACTS_F32 || a->made[kind] || g->st != BASE_OK)
        return out;
    if (join_norms(f, kind == ENG_ACTS_INT ? &out : NULL) && kind == ENG_ACTS_INT) {
        a->made[kind] = true;
        return out;
    }
    struct weir_round_args r = {.x = a->x,
                                .norm = a->norm,
                                .y = a->norm ? a->y : NULL,
                                .out = out,
                                .rows = a->n_rows,
                                .eps = f->m->hp.rms_eps};
    eng_cuda_round(g->d, kind, &r);
    a->made[kind] = true;
    a->x = rows;
    a->norm = NULL;
    return out;
}

/* ---- dense products, and one matrix a head ---- */

struct weir_mat eng_gpu_mat(const struct eng_weight *w, float *y, uint64_t ldy)
{
    const struct eng_gpu_weight *x = w->dev;
    struct weir_mat m = {
        .bias = w->bias, .scale = w->scale, .bias_step = w->n_out, .y = y, .ldy = ldy};
    weir_mat_from(&m, &x->p, x->mem);
    return m;
}

/* Whether the router's product, the choice and the lists are one launch. */
static bool routes_at_once(const struct eng_fwd *f)
{
    return eng_gpu_all_here(f) && f->n <= WEIR_ROUTER_TOKENS;
}

/* Whether the residual stream takes w's outputs next. */
static bool joins_stream(const struct eng_fwd *f, const struct eng_weight *w)
{
    const struct eng_layer *y = f->y; /* NULL before the first layer */
    return y && (w == &y->o || (y->delta && w == &y->delta->out));
}

bool eng_gpu_together(const struct eng_weight *a, const struct eng_weight *b)
{
    const struct eng_gpu_weight *x = a->dev, *y = b->dev;
    return x->p.form == y->p.form ||
           (eng_cuda_any_takes(x->p.form) && eng_cuda_any_takes(y->p.form));
}

void eng_gpu_linear(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, uint32_t count,
                    const struct eng_weight *const *w, float *const *y)
{
    struct eng_gpu *g = eng_gpu_of(f);
    bool done[3] = {false};
    (void)a;
    for (uint32_t i = 0; i < count; i++) {
        enum eng_pack_form form = ((const struct eng_gpu_weight *)w[i]->dev)->p.form;
        if (done[i])
            continue;
        if (eng_gpu_blas_takes(f, w[i], n_rows)) {
            eng_gpu_blas_linear(f, w[i], y[i]);
            continue;
        }
        struct weir_mm_args mm = {.mode = WEIR_MM_DENSE, .n_rows = n_rows};
        mm.acts = acts_of(f, eng_gpu_kind(w[i]));
        for (uint32_t k = i; k < count; k++)
            if (!done[k] && eng_gpu_together(w[i], w[k])) {
                mm.mat[mm.n_mats++] = eng_gpu_mat(w[k], y[k], w[k]->n_out);
                done[k] = true;
            }
        if (i == 0 && f->y && w[0] == &f->y->q_a) {
            const struct eng_index *x = f->y->index;
            const struct eng_weight *next[] = {&f->y->q, x ? &x->q : NULL, NULL};
            eng_gpu_tail_ahead(f, &mm, y[0], f->y->q_a_norm, w[0]->n_out, next);
        }
        if (f->y && w[0] == &f->y->router && form == ENG_FORM_F32 && routes_at_once(f)) {
            g->router = mm; /* group() launches it, with its own */
            g->router_waits = true;
            continue;
        }
        if (count == 1 && joins_stream(f, w[0]) && eng_gpu_wait(f, w[0], &mm, 1, y[0]))
            continue;
        if (i == 0 && eng_gpu_absorbs(f, w[0]))
            eng_gpu_absorb(f, &mm);
        else
            eng_cuda_mm(g->d, form, &mm, n_rows, 1);
    }
}

void eng_gpu_linear_each(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                         const struct eng_weight *w, float *y, size_t ldy, size_t step)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_weight *x = w->dev;
    struct weir_mm_args mm = {.mode = WEIR_MM_EACH, .n_mats = 1, .n_rows = n_rows};
    (void)a;
    if (g->absorbed && w == &f->y->k_b) { /* behind its queries, already */
        g->absorbed = false;
        return;
    }
    if (g->values_wait && w == &f->y->v_b) {
        eng_gpu_values(f, w, y, ldy, step);
        return;
    }
    mm.acts = acts_of(f, eng_gpu_kind(w));
    mm.mat[0] = eng_gpu_mat(w, y, ldy);
    mm.mat[0].step = step;
    if (w == &f->y->v_b && step % 32 == 0) {
        const struct eng_weight *next[] = {&f->y->o, NULL};
        eng_gpu_tail_ahead(f, &mm, y, NULL, (uint32_t)ldy, next);
    }
    eng_cuda_mm(g->d, x->p.form, &mm, n_rows, w->n_mat);
}

/* ---- routing ---- */

void eng_gpu_route(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_moe_params *p = &f->m->hp.moe;
    struct weir_route_args a = {.logits = f->s->router,
                                .bias = f->y->router_bias,
                                .given = f->y->hash,
                                .token = g->token,
                                .ids = f->s->ids,
                                .weights = f->s->weights,
                                .n = f->n,
                                .n_expert = p->n_expert,
                                .n_used = p->n_used,
                                .n_group = p->n_group,
                                .n_group_used = p->n_group_used,
                                .gating = p->gating,
                                .normalise = p->normalise,
                                .scale = p->scale};
    g->routed = a; /* group() launches it, with its own */
    if (g->hybrid)
        eng_cuda_route(g->d, &a);
}

bool eng_gpu_group_args(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_moe_params *p = &f->m->hp.moe;
    struct eng_scratch *s = f->s;
    size_t tiles = weir_tiles_max(s->pairs, p->n_expert, WEIR_MV_ROWS);
    uint32_t *own =
        eng_gpu_room(g, &g->group_buf, (s->pairs + p->n_expert + 2 * tiles + 8) * sizeof(uint32_t));
    if (!own)
        return false;
    g->grouped = (struct weir_group_args){.ids = s->ids,
                                          .first = s->group_at,
                                          .pair_of = s->pair_of,
                                          .pair_row = s->pair_row,
                                          .pair_weight = (float *)own,
                                          .weights = s->weights,
                                          .active = own + s->pairs,
                                          .n_active = own + s->pairs + p->n_expert,
                                          .n_tiles = own + s->pairs + p->n_expert + 1,
                                          .tile_expert = own + s->pairs + p->n_expert + 8,
                                          .tile_first = own + s->pairs + p->n_expert + 8 + tiles,
                                          .n = f->n,
                                          .n_used = p->n_used,
                                          .n_expert = p->n_expert,
                                          .rows = weir_mm_rows(f->n)};
    if (g->choices)
        g->grouped.choices = g->choices + (size_t)f->layer * p->n_expert;
    return true;
}

void eng_gpu_group(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    if (g->hybrid || !eng_gpu_group_args(f)) /* hybrid: the host makes the lists */
        return;
    if (!g->router_waits) {
        eng_cuda_route_group(g->d, &g->routed, &g->grouped);
        return;
    }
    struct weir_router_args a = {.mm = g->router, .route = g->routed, .group = g->grouped};
    g->router_waits = false;
    a.count = eng_gpu_zeros(g, &g->arrived_tokens, (WEIR_ROUTER_TOKENS / 8 + 1) * sizeof(uint32_t));
    if (a.count)
        eng_cuda_router(g->d, &a);
}

/* ---- feed forward ---- */

/* The fields of a product over the pairs of experts, or over all tokens. */
static struct weir_mm_args ffn_args(struct eng_fwd *f, const struct eng_ffn *j, uint32_t *slots)
{
    const struct weir_group_args *p = &eng_gpu_of(f)->grouped;
    struct weir_mm_args mm = {.mode = WEIR_MM_DENSE, .n_mats = 1, .n_rows = j->n_rows};
    *slots = 1;
    if (!j->routed)
        return mm;
    mm.mode = WEIR_MM_EXPERT;
    mm.tile_expert = p->tile_expert;
    mm.tile_first = p->tile_first;
    mm.n_tiles = p->n_tiles;
    mm.pair_first = p->first;
    *slots = weir_tiles_max(j->n_rows, p->n_expert, p->rows);
    return mm;
}

/* Whether the layer's shared expert goes with these experts; then their outputs are rounded. */
static bool rides(const struct eng_fwd *f, const struct eng_ffn *j)
{
    return j->routed && eng_gpu_rides(f) && eng_gpu_kind(j->down) == ENG_ACTS_INT;
}

/* A gate and its up as one matrix. */
static struct weir_mat pair_mat(const struct eng_weight *gate, const struct eng_weight *up,
                                float *y, uint32_t n_ff)
{
    struct weir_mat m = eng_gpu_mat(gate, y, n_ff);
    up = gate->half ? gate : up;
    m.bias_up = !up->bias ? NULL : up->half ? up->bias + up->half : up->bias;
    m.scale_up = up->scale;
    return m;
}

/* gate and up packed as one: the activation function is the product's own. out: where to round what
 * comes of it; without, it goes to s->hg. */
static void gate_up_pair(struct eng_fwd *f, const struct eng_ffn *j, const struct weir_acts *out)
{
    const struct eng_gpu_weight *x = j->gate->dev;
    const struct eng_layer *y = f->y;
    uint32_t slots;
    struct weir_mm_args mm = ffn_args(f, j, &slots);
    mm.acts = acts_of(f, eng_gpu_kind(j->gate));
    mm.pair_row = j->routed ? f->s->pair_row : NULL;
    mm.in_weight = j->weigh_input ? eng_gpu_of(f)->grouped.pair_weight : NULL;
    mm.mat[0] = pair_mat(j->gate, j->up, out ? NULL : f->s->hg, j->n_ff);
    if (rides(f, j)) {
        mm.mat[1] = pair_mat(&y->shared_gate, &y->shared_up, NULL, j->n_ff);
        mm.ride_first = j->n_rows;
        mm.ride_rows = f->n;
    }
    mm.pair = 1;
    mm.act = (uint32_t)f->m->hp.family->act;
    mm.clamp = j->clamp;
    if (out)
        mm.round = *out;
    eng_cuda_mm(eng_gpu_of(f)->d, x->p.form, &mm, f->n, slots);
}

static void gate_up_apart(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_weight *w[2] = {j->gate, j->up};
    float *y[2] = {f->s->hg, f->s->hu};
    for (int i = 0; i < 2; i++) {
        const struct eng_gpu_weight *x = w[i]->dev;
        uint32_t slots;
        struct weir_mm_args mm = ffn_args(f, j, &slots);
        mm.acts = acts_of(f, eng_gpu_kind(w[i]));
        mm.pair_row = j->routed ? f->s->pair_row : NULL;
        mm.mat[0] = eng_gpu_mat(w[i], y[i], j->n_ff);
        eng_cuda_mm(g->d, x->p.form, &mm, f->n, slots);
    }
    struct weir_glu_args a = {.g = f->s->hg,
                              .u = f->s->hu,
                              .in_weight = j->weigh_input ? g->grouped.pair_weight : NULL,
                              .rows = j->n_rows,
                              .clamp = j->clamp,
                              .n = j->n_ff,
                              .act = (uint32_t)f->m->hp.family->act};
    eng_cuda_glu(g->d, &a);
}

/* Where the outputs go: beside the experts' as long as those have not joined the stream. */
static float *ffn_out(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    if (j->routed || !g->join_now.target)
        return f->s->hy;
    return eng_gpu_room(g, &g->shared, (size_t)f->s->rows * f->m->hp.n_embd * sizeof(float));
}

void eng_gpu_ffn_here(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_gpu_weight *gate = j->gate->dev, *down = j->down->dev;
    enum eng_pack_acts kind = eng_gpu_kind(j->down);
    bool blas = !j->routed && gate->p.pair && eng_gpu_blas_takes(f, j->gate, j->n_rows);
    bool blas_down = !j->routed && eng_gpu_blas_takes(f, j->down, j->n_rows);
    if (blas) /* and what joins the stream first, before ffn_out() looks */
        eng_gpu_blas_pair(f, j);
    else
        (void)acts_of(f, eng_gpu_kind(j->gate));
    float *y = ffn_out(f, j);
    bool ride = rides(f, j);
    uint32_t slots, all = j->n_rows + (ride ? f->n : 0), d = f->m->hp.n_embd;
    /* what waits still reads the other */
    struct eng_gpu_buffer *room = &g->hidden[g->late.y != NULL];
    struct weir_acts h = eng_gpu_acts_room(f, room, kind, f->s->hg, all, j->n_ff);
    if (!y || g->st != BASE_OK)
        return;
    bool pair = gate->p.pair, round = pair && !blas && !blas_down && kind == ENG_ACTS_INT;
    if (!blas && pair)
        gate_up_pair(f, j, round ? &h : NULL);
    else if (!blas)
        gate_up_apart(f, j);
    if (blas_down) {
        eng_gpu_blas_down(f, j, y);
        return;
    }
    if (!round && kind != ENG_ACTS_F32) {
        struct weir_round_args r = {.x = f->s->hg, .out = h, .rows = j->n_rows};
        eng_cuda_round(g->d, kind, &r);
    }
    struct weir_mm_args mm = ffn_args(f, j, &slots);
    mm.acts = h;
    mm.mat[0] = eng_gpu_mat(j->down, y, j->down->n_out);
    if (ride) {
        float *out = eng_gpu_room(g, &g->shared, (size_t)f->s->rows * d * sizeof(float));
        uintptr_t first = (uintptr_t)j->n_rows * d * sizeof(float);
        mm.mat[1] = eng_gpu_mat(&f->y->shared_down, (float *)((uintptr_t)out - first), d);
        mm.ride_first = j->n_rows;
        mm.ride_rows = f->n;
        g->rode = true;
    }
    if (g->st == BASE_OK && y == f->s->hy && eng_gpu_wait(f, j->down, &mm, slots, y))
        return;
    eng_cuda_mm(g->d, down->p.form, &mm, f->n, slots);
}

void eng_gpu_ffn(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    if (g->rode && !j->routed) { /* with the routed experts, already */
        g->rode = false;
        return;
    }
    if (g->hybrid && j->routed)
        eng_hybrid_ffn(f, j);
    else if (eng_gpus_of(f->m)->spread && j->routed)
        eng_spread_ffn(f, j);
    else
        eng_gpu_ffn_here(f, j);
}
