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
 * Only the order of operators stands here; they are the device's (ops.h).
 */
#include "engine/model/model_impl.h"

static void latent_attention(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    const struct eng_index *x = y->index;
    const struct eng_weight *first = hp->n_lora_q ? &y->q_a : &y->q;
    bool ints = eng_wants_ints(first) || eng_wants_ints(&y->kv_a);
    ints |= x && (eng_wants_ints(&x->k) || eng_wants_ints(&x->proj));
    struct eng_acts a = ops->prepare(f, f->in, y->attn_norm, s->xn, f->n, hp->n_embd, ints);
    const struct eng_weight *w[3] = {first, &y->kv_a, x ? &x->k : NULL};
    float *out[3] = {hp->n_lora_q ? s->qa : s->ql, s->k, s->ik};
    ops->linear(f, &a, f->n, x ? 3 : 2, w, out);
    if (x)
        eng_linear(f, &a, &x->proj, s->iw);
    if (hp->n_lora_q) {
        ints = eng_wants_ints(&y->q) || (x && eng_wants_ints(&x->q));
        a = ops->prepare(f, s->qa, y->q_a_norm, s->qa, f->n, hp->n_lora_q, ints);
        const struct eng_weight *q[2] = {&y->q, x ? &x->q : NULL};
        float *to[2] = {s->ql, s->iq};
        ops->linear(f, &a, f->n, x ? 2 : 1, q, to);
    }
    if (x)
        ops->index(f);
    ops->latent_split(f);
    a = ops->prepare(f, s->heads, NULL, NULL, f->n * hp->n_head, hp->n_nope,
                     eng_wants_ints(&y->k_b));
    ops->linear_each(f, &a, f->n, &y->k_b, s->q, (size_t)hp->n_head * y->n_dim, y->n_dim);
    ops->heads(f);
    ops->attend(f);
    ops->latent_gather(f);
    a = ops->prepare(f, s->heads, NULL, NULL, f->n * hp->n_head, y->n_vdim,
                     eng_wants_ints(&y->v_b));
    ops->linear_each(f, &a, f->n, &y->v_b, s->ql, (size_t)hp->n_head * hp->n_vhead, hp->n_vhead);
    eng_project(f, s->ql, hp->n_head * hp->n_vhead, &y->o, s->proj);
}

static void grouped_attention(struct eng_fwd *f)
{
    const struct eng_ops *ops = f->m->ops;
    struct eng_scratch *s = f->s;
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    bool gated = hp->family->out_gate;
    struct eng_acts a =
        ops->prepare(f, f->in, y->attn_norm, s->xn, f->n, hp->n_embd,
                     eng_wants_ints(&y->q) || eng_wants_ints(&y->k) || eng_wants_ints(&y->v));
    const struct eng_weight *w[3] = {&y->q, &y->k, &y->v};
    float *out[3] = {gated ? s->ql : s->q, s->k, s->v};
    ops->linear(f, &a, f->n, y->v.tensor ? 3 : y->k.tensor ? 2 : 1, w, out);
    if (gated)
        ops->ungate(f);
    ops->heads(f);
    ops->attend(f);
    if (gated)
        ops->gate(f);
    eng_project(f, s->att, hp->n_head * y->n_vdim, &y->o, s->proj);
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
    f->m->ops->residual(f, f->s->proj);
}
