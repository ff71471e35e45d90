/* model_ffn.c - a layer's feed-forward half: one FFN for all tokens, or a mixture of experts.
 *
 * Only the order of operators stands here; they are the device's (ops.h). A dense FFN and experts
 * go through the same one, ffn(): with experts, (token, slot) pairs are grouped by expert first,
 * and the results added per token in the order of its slots.
 */
#include "engine/model/model_impl.h"

/* Which tokens go to which experts; a: what the router sees. */
static void choose(struct eng_fwd *f, const struct eng_acts *a)
{
    eng_linear(f, a, &f->y->router, f->s->router);
    f->m->ops->route(f);
    f->m->ops->group(f);
}

static void run_shared(struct eng_fwd *f, const struct eng_acts *a, float clamp)
{
    const struct eng_layer *y = f->y;
    struct eng_ffn j = {.gate = &y->shared_gate,
                        .up = &y->shared_up,
                        .down = &y->shared_down,
                        .a = a,
                        .n_ff = y->shared_gate.n_out,
                        .clamp = clamp,
                        .n_rows = f->n};
    f->m->ops->ffn(f, &j);
}

/* The layer's own FFN, or its experts. */
static void run(struct eng_fwd *f, const struct eng_acts *a)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_ffn j = {.gate = &y->gate,
                        .up = &y->up,
                        .down = &y->down,
                        .a = a,
                        .n_ff = y->n_ff,
                        .clamp = y->clamp,
                        .merged = y->merged,
                        .routed = y->moe,
                        .weigh_input = y->moe && hp->family->weigh_input,
                        .n_rows = y->moe ? f->n * hp->moe.n_used : f->n};
    f->m->ops->ffn(f, &j);
}

/* A dense FFN and experts, both on the residual stream h, each between norms of its own:
 * h += norm(norm_1(dense(norm h)) + norm_2(experts(pre_norm_2 h))). */
static void parallel(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    uint32_t d = f->m->hp.n_embd;
    const struct eng_layer *y = f->y;
    bool ints = eng_wants_ints(&y->shared_gate) || eng_wants_ints(&y->shared_up);
    struct eng_acts a = ops->prepare(f, s->x, y->ffn_norm, s->xn, f->n, d, ints);
    run_shared(f, &a, 0);
    eng_norm_rows(f, s->hy, y->post_norm_1);
    ops->assign(f, s->side, s->hy, (uint64_t)f->n * d);
    a = ops->prepare(f, s->x, y->router_norm, s->xn, f->n, d, eng_wants_ints(&y->router));
    choose(f, &a);
    ints = eng_wants_ints(&y->gate) || eng_wants_ints(&y->up);
    a = ops->prepare(f, s->x, y->pre_norm_2, s->xn, f->n, d, ints);
    run(f, &a);
    ops->combine(f);
    eng_norm_rows(f, s->proj, y->post_norm_2);
    ops->add(f, s->proj, s->side, (uint64_t)f->n * d);
    eng_norm_rows(f, s->proj, y->post_ffn_norm);
    ops->residual(f, s->proj);
}

void eng_feed_forward(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    if (y->moe && hp->family->parallel) {
        parallel(f);
        return;
    }
    if (hp->n_stream > 1)
        eng_hyper_in(f, &y->hyper[1]);
    bool ints = eng_wants_ints(&y->gate) || eng_wants_ints(&y->up) || eng_wants_ints(&y->router);
    struct eng_acts a = ops->prepare(f, f->in, y->ffn_norm, s->xn, f->n, hp->n_embd, ints);
    if (!y->moe) {
        run(f, &a);
        eng_norm_rows(f, s->hy, y->post_ffn_norm);
        ops->residual(f, s->hy);
        return;
    }
    choose(f, &a);
    run(f, &a);
    ops->combine(f);
    ops->residual(f, s->proj);
    if (!y->shared)
        return;
    ints = eng_wants_ints(&y->shared_gate) || eng_wants_ints(&y->shared_up);
    a = ops->prepare(f, s->xn, NULL, NULL, f->n, hp->n_embd, ints);
    run_shared(f, &a, y->shared_clamp);
    ops->shared(f);
}
