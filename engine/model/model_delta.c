/* model_delta.c - gated DeltaNet layers (arXiv 2412.06464) as Qwen3-Next and Qwen3.5 have them.
 *
 * Instead of keys and values such a layer keeps, per sequence, the last conv - 1 inputs of a causal
 * convolution and for every value head a matrix S[dk][dv]. For a token with input x:
 *
 *   u = W_qkv x, each channel replaced by silu of its convolution with the last inputs
 *   q, k (n_key heads of dk) and v (n_value heads of dv) are parts of u; q and k at length 1
 *   b = sigmoid(W_b x), g = a softplus(W_a x + dt)   per value head; a < 0
 *   S = exp(g) S;  S = S + k (b (v - S^T k))^T;  o = S^T q / sqrt(dk)
 *   y = W_out (rms(o) norm * silu(W_gate x))
 *
 * Tokens of a sequence follow one another one by one, whatever the batch: what a token gives does
 * not depend on what came with it. Only the order of operators stands here; they are the device's
 * (ops.h).
 *
 * State in a cache: [channels][conv - 1] inputs, oldest first, then [n_value][dk][dv]. Behind a
 * token that is marked it is copied to where it is noted (model_cache.c).
 */
#include "engine/model/model_impl.h"

size_t eng_delta_state(const struct eng_delta_params *p)
{
    return (size_t)p->channels * (p->conv - 1) + (size_t)p->n_value * p->dk * p->dv;
}

void eng_delta_layer(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    const struct eng_delta_params *p = &f->m->hp.delta;
    const struct eng_delta *d = f->y->delta;
    bool one = d->ba.tensor != NULL;
    const struct eng_weight *w[4] = {&d->qkv, &d->gate, one ? &d->ba : &d->beta, &d->alpha};
    float *out[4] = {s->q, s->k, s->v, s->v + (size_t)f->n * p->n_value};
    bool rounded = false;
    for (int i = 0; i < 4; i++)
        rounded |= eng_wants_ints(w[i]);
    struct eng_acts a =
        ops->prepare(f, f->in, f->y->attn_norm, s->xn, f->n, f->m->hp.n_embd, rounded);
    ops->linear(f, &a, f->n, 3, w, out);
    if (!one)
        ops->linear(f, &a, f->n, 1, w + 3, out + 3);
    ops->delta_conv(f);
    ops->delta_step(f);
    ops->delta_gate(f);
    eng_project(f, s->att, p->n_value * p->dv, &d->out, s->proj);
}
