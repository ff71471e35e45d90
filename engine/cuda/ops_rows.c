/* ops_rows.c - CUDA's operators on rows: what joins the residual stream, residual streams, layers'
 * own embeddings.
 *
 * The end of a half of a layer is several operators of the table (combine, norm, add, residual,
 * shared) but one launch (weir_join_args): each of them adds its part to g->join_now, and whoever
 * next reads what would have been written launches it (eng_gpu_settle). An operator that does not
 * fit what was put together so far launches that first and then stands for itself.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

/* What is put off, up to here, as it stands in the target's memory. */
static void plain(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    struct weir_norm_args n = {.x = j->target,
                               .w = j->a.norm_a,
                               .y = (float *)(uintptr_t)j->target,
                               .n = f->n,
                               .n_in = f->m->hp.n_embd,
                               .eps = f->m->hp.rms_eps};
    eng_cuda_norm(g->d, &n);
}

void eng_gpu_settle(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    const struct eng_hparams *hp = &f->m->hp;
    if (eng_gpu_late_join(f))
        return;
    eng_gpu_late_plain(f);
    if (!j->target)
        return;
    if (j->complete) {
        struct weir_join_args *a = &j->a;
        a->x = f->s->x;
        a->v = eng_gpu_room(g, &g->join, (size_t)f->s->rows * hp->n_embd * sizeof(float));
        a->n = f->n;
        a->n_embd = hp->n_embd;
        a->n_stream = hp->n_stream;
        a->n_used = hp->moe.n_used;
        a->scale = hp->n_stream > 1 ? 1 : hp->residual_scale;
        a->eps = hp->rms_eps;
        if (hp->n_stream > 1) {
            a->take = f->s->mix;
            a->take_step = (2 + hp->n_stream) * hp->n_stream;
        }
        if (a->v)
            eng_cuda_join(g->d, a);
    } else if (j->stage == 1 && !j->a.pair_of) {
        plain(f);
    } else if (g->st == BASE_OK) {
        g->st = base_err_set(&g->err, BASE_EBUG, "a sum that CUDA's table does not know");
    }
    *j = (struct eng_gpu_join){0};
}

void eng_gpu_norm(struct eng_fwd *f, float *x, const float *w, uint32_t n_rows, uint32_t n_in)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    eng_gpu_normed(f);
    if (j->target == x && !j->complete && j->a.pair_of && j->stage == 0) {
        j->a.norm_a = w;
        j->stage = 1;
        return;
    }
    if (j->target == x && !j->complete && j->stage == 2) {
        j->a.norm_b = w;
        j->stage = 3;
        return;
    }
    eng_gpu_settle(f);
    if (x != f->s->x && n_rows == f->n && n_in == f->m->hp.n_embd) {
        *j = (struct eng_gpu_join){.a = {.add = x, .norm_a = w}, .target = x, .stage = 1};
        return;
    }
    struct weir_norm_args n = {
        .x = x, .w = w, .y = x, .n = n_rows, .n_in = n_in, .eps = f->m->hp.rms_eps};
    eng_cuda_norm(g->d, &n);
}

void eng_gpu_combine(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    if (g->late.y != f->s->hy)
        eng_gpu_settle(f);
    if (g->set->spread) {
        if (g->hybrid)
            eng_hybrid_combine(f);
        else
            eng_spread_combine(f);
        return;
    }
    g->join_now =
        (struct eng_gpu_join){.a = {.add = f->s->hy,
                                    .pair_of = f->s->pair_of,
                                    .weights = f->m->hp.family->weigh_input ? NULL : f->s->weights},
                              .target = f->s->proj};
}

void eng_gpu_residual(struct eng_fwd *f, const float *add)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    if (j->target != add || j->complete) {
        if (g->late.y != add)
            eng_gpu_settle(f);
        *j = (struct eng_gpu_join){.a = {.add = add}, .target = add};
    }
    j->complete = true;
}

void eng_gpu_shared(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    j->a.shared = g->shared.p;
    if (f->y->shared_scale) {
        eng_gpu_normed(f);
        j->a.gate_x = f->s->xn;
        j->a.gate_w = f->y->shared_scale;
    }
}

void eng_gpu_add(struct eng_fwd *f, float *dst, const float *src, uint64_t values)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    (void)values; /* of a whole slice's rows: ops.h has no other */
    if (j->target == dst && !j->complete && j->stage == 1) {
        j->a.side = src;
        j->stage = 2;
    } else if (g->st == BASE_OK) {
        g->st = base_err_set(&g->err, BASE_EBUG, "an addition that CUDA's table does not know");
    }
}

void eng_gpu_assign(struct eng_fwd *f, float *dst, const float *src, uint64_t values)
{
    eng_gpu_settle(f);
    eng_cuda_copy(eng_gpu_of(f)->d, dst, src, values * sizeof(float));
}

/* x = factor x, as the join of nothing with out_scale. */
void eng_gpu_scale(struct eng_fwd *f, float *x, uint64_t values, float factor)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_gpu_join *j = &g->join_now;
    (void)values;
    if (x == f->s->x && j->complete && f->m->hp.n_stream == 1) {
        j->a.out_scale = factor;
        eng_gpu_settle(f);
    } else if (g->st == BASE_OK) {
        g->st = base_err_set(&g->err, BASE_EBUG, "a factor that CUDA's table does not know");
    }
}

/* ---- several residual streams ---- */

void eng_gpu_hyper_in(struct eng_fwd *f, const struct eng_hyper *h)
{
    const struct eng_hparams *hp = &f->m->hp;
    struct weir_hyper_in_args a = {.mix = f->s->mix,
                                   .base = h->base,
                                   .scale = h->scale,
                                   .x = f->s->x,
                                   .in = f->s->in,
                                   .n = f->n,
                                   .n_stream = hp->n_stream,
                                   .n_embd = hp->n_embd,
                                   .iterations = hp->n_sinkhorn,
                                   .eps = hp->hyper_eps};
    eng_cuda_hyper_in(eng_gpu_of(f)->d, &a);
}

void eng_gpu_hyper_out(struct eng_fwd *f, const struct eng_hyper *h)
{
    const struct eng_hparams *hp = &f->m->hp;
    struct weir_hyper_out_args a = {.mix = f->s->mix,
                                    .base = h->base,
                                    .scale = h->scale,
                                    .x = f->s->x,
                                    .in = f->s->in,
                                    .n = f->n,
                                    .n_stream = hp->n_stream,
                                    .n_embd = hp->n_embd,
                                    .eps = hp->hyper_eps};
    eng_cuda_hyper_out(eng_gpu_of(f)->d, &a);
}

/* ---- layers' own embeddings ---- */

void eng_gpu_side_inputs(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    struct weir_side_in_args a = {.x = f->s->inputs,
                                  .own = (const float *)(void *)eng_gpu_word(g, g->at.side),
                                  .norm = f->m->side_norm,
                                  .n = f->n,
                                  .n_layer = hp->n_layer,
                                  .n_side = hp->n_side,
                                  .n_embd = hp->n_embd,
                                  .eps = hp->rms_eps};
    eng_cuda_side_in(g->d, &a);
}

void eng_gpu_side_gate(struct eng_fwd *f)
{
    struct weir_side_gate_args a = {.g = f->s->proj,
                                    .inputs = f->s->inputs,
                                    .n = f->n,
                                    .n_layer = f->m->hp.n_layer,
                                    .n_side = f->m->hp.n_side,
                                    .layer = f->layer};
    eng_cuda_side_gate(eng_gpu_of(f)->d, &a);
}
