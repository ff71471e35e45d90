/* model_compress.c - attention of DeepSeek V4: the keys of a window, and compressed ones of all
 * that came before.
 *
 * A token has one key for all heads, which is its value too: kv = rms(W_kv x) norm, its last n_rot
 * dimensions turned. Queries come in two steps with a norm between and another, without weights, of
 * each head. A head sees the keys of the last `window` tokens, a sink and, by the layer's ratio:
 *
 *   128   one key for every 128 tokens: all of those whose 128 tokens are there
 *     4   one key for every 4 tokens, made of those and the 4 before: the top_k that an indexer
 *         picks (cpu/index.c), which has compressed keys of its own, made in the same way
 *
 * A compressed key: every token gives u = W_kv x and g = W_gate x + place[position % ratio];
 * channel c of the key is the sum of u_c over the tokens, weighted by a softmax of their g_c; then
 * a norm, and a turn by the position of its first token. With ratio 4 u and g are twice as long:
 * the first half counts when the token is one of the 4 before, the second when it is one of the
 * key's own.
 *
 * Since values are turned as keys are, each head's output is turned back by the token's position.
 * Groups of heads then go through a matrix each, and those outputs together through another.
 *
 * In a cache compressed keys stand behind the keys of tokens, from cell n_cells on. The state per
 * sequence is u and g of the last 128 or 8 tokens, at position modulo that: a token that completes
 * a key needs no more. Tokens of a sequence are taken in order and positions start at 0.
 *
 * Only the order of operators stands here; they are the device's (ops.h).
 */
#include "engine/model/model_impl.h"

size_t eng_compress_state(const struct eng_hparams *hp, uint32_t ratio)
{
    if (!ratio)
        return 0;
    size_t index = ratio == ENG_RATIO_NEAR ? eng_ring_floats(hp->index.n_dim, ratio) : 0;
    return eng_ring_floats(hp->n_dim, ratio) + index;
}

static void project(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_weight *a1 = &f->y->compress->out_a;
    uint32_t wide = hp->n_out_group * hp->n_out_lora;
    ops->regroup(f);
    struct eng_acts a =
        ops->prepare(f, s->heads, NULL, NULL, f->n * hp->n_out_group, a1->n_in, eng_wants_ints(a1));
    ops->linear_each(f, &a, f->n, a1, s->ql, wide, hp->n_out_lora);
    eng_project(f, s->ql, wide, &f->y->o, s->proj);
}

/* All that is made of the layer's input, and of the latent query. */
static void inputs(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    const struct eng_layer *y = f->y;
    const struct eng_compress *x = y->compress;
    const struct eng_weight *w[7] = {&y->q_a, &y->k};
    float *out[7] = {s->qa, s->k};
    uint32_t n = 2;
    if (y->ratio) {
        w[n] = &x->keys.kv, out[n++] = s->squeeze[0];
        w[n] = &x->keys.gate, out[n++] = s->squeeze[1];
    }
    if (y->indexed) {
        w[n] = &x->index.kv, out[n++] = s->squeeze[2];
        w[n] = &x->index.gate, out[n++] = s->squeeze[3];
        w[n] = &y->index->proj, out[n++] = s->iw;
    }
    bool rounded = false;
    for (uint32_t i = 0; i < n; i++)
        rounded |= eng_wants_ints(w[i]);
    struct eng_acts a = ops->prepare(f, f->in, y->attn_norm, s->xn, f->n, f->m->hp.n_embd, rounded);
    for (uint32_t i = 0; i < n; i += 3)
        ops->linear(f, &a, f->n, n - i < 3 ? n - i : 3, w + i, out + i);
    w[0] = &y->q, out[0] = s->q;
    n = 1;
    if (y->indexed)
        w[n] = &y->index->q, out[n++] = s->iq;
    rounded = eng_wants_ints(w[0]) || (n > 1 && eng_wants_ints(w[1]));
    a = ops->prepare(f, s->qa, y->q_a_norm, s->qa, f->n, f->m->hp.n_lora_q, rounded);
    ops->linear(f, &a, f->n, n, w, out);
}

void eng_compress_layer(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    inputs(f);
    if (f->y->ratio) {
        ops->squeeze(f);
        ops->pick(f);
    }
    ops->heads(f);
    ops->attend(f);
    project(f);
}
