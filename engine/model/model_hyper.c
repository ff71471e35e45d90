/* model_hyper.c - several residual streams instead of one (hyper-connections, arXiv 2409.19606,
 * with mixing matrices whose rows and columns sum to 1, arXiv 2512.24880), as DeepSeek V4 has them.
 *
 * A token has n streams x_0..x_{n-1} of n_embd. Around each half F of a layer, with m the n (2 + n)
 * numbers that a matrix makes of all streams, normed together without weights, and base b, scales
 * s:
 *
 *   give_i = sigmoid(s_0 m_i + b_i) + eps                      what F sees of stream i
 *   take_i = 2 sigmoid(s_1 m_{n+i} + b_{n+i})                  what stream i takes of F's output
 *   C = sinkhorn(s_2 m_{2n+in+j} + b_{2n+in+j})                what stream j gets of stream i
 *   x_j = sum_i C_ij x_i + take_j F(sum_i give_i x_i)
 *
 * sinkhorn: softmax of each row, + eps; then columns divided by their sums + eps; then, iterations
 * - 1 times, rows likewise and columns. The first product is made here, before F, so that what F
 * puts out can be added in parts (eng_add_row). Before the output, give alone picks from the
 * streams.
 */
#include "engine/model/model_impl.h"

/* s->mix = the matrix times all streams, normed */
static void mixes(struct eng_fwd *f, const struct eng_hyper *h)
{
    const struct eng_weight *w = &h->fn;
    struct eng_acts a =
        f->m->ops->prepare(f, f->s->x, f->m->ones, f->s->flat, f->n, w->n_in, eng_wants_ints(w));
    eng_linear(f, &a, w, f->s->mix);
}

void eng_hyper_in(struct eng_fwd *f, const struct eng_hyper *h)
{
    mixes(f, h);
    f->m->ops->hyper_in(f, h);
}

void eng_hyper_out(struct eng_fwd *f)
{
    mixes(f, &f->m->hyper);
    f->m->ops->hyper_out(f, &f->m->hyper);
}
