/* model_forward.c - the forward pass: one slice of a batch through all layers.
 *
 * Says which operator follows which; what they do is the device's table (ops.h), and nothing in the
 * model_*.c files that it calls looks into activations, weights or cache memory. Runs on the thread
 * that called eng_forward; memory is the model's scratch, nothing is allocated but for a probe. A
 * layer is:
 *
 *   norm (per token) -> q, k, v -> RoPE and cache write (per token) -> attention (per token and
 *   key/value head) -> output projection -> norm -> router -> gate and up -> down -> combine
 *
 * The last layer's FFN and the output matrix see only the tokens whose logits are wanted.
 */
#include "engine/model/model_impl.h"

#include <stdlib.h>

/* What a probe sees lies in the device's memory. */
static enum base_status probe(struct eng_fwd *f, struct base_err *err)
{
    struct eng_model *m = f->m;
    const float *x = f->s->x;
    const uint32_t *ids = f->y->moe ? f->s->ids : NULL;
    float *key_gap = m->gap_rows && f->y->indexed ? m->gaps + m->gap_rows : NULL;
    for (uint32_t i = 0; key_gap && f->layer + 1 == m->hp.n_layer && i < f->n; i++)
        key_gap[i] = key_gap[m->step.kept[i]]; /* ascending: none is needed again */
    size_t xs = (size_t)f->n * m->info.n_residual * sizeof(float);
    size_t is = ids ? (size_t)f->n * m->hp.moe.n_used * sizeof(uint32_t) : 0;
    char *copy = NULL;
    if (!m->ops->host) {
        copy = malloc(xs + is);
        if (!copy)
            return base_err_set(err, BASE_ENOMEM, "out of memory for a probe");
        m->ops->download(m, copy, x, xs);
        x = (const float *)(void *)copy;
        if (is)
            m->ops->download(m, copy + xs, ids, is);
        ids = is ? (const uint32_t *)(void *)(copy + xs) : NULL;
    }
    struct eng_seen seen = {.layer = f->layer,
                            .n = f->n,
                            .row0 = m->probe_row0,
                            .x = x,
                            .ids = ids,
                            .expert_gap = ids && m->gap_rows ? m->gaps : NULL,
                            .key_gap = key_gap};
    m->probe(m->probe_ctx, &seen);
    free(copy);
    return BASE_OK;
}

static void head(struct eng_fwd *f, float *logits)
{
    const struct eng_model *m = f->m;
    const struct eng_hparams *hp = &m->hp;
    uint32_t most = m->ops->head_rows(m), all = f->n;
    if (most == 0)
        most = all;
    for (uint32_t r = 0; r < all; r += most) {
        uint32_t n = all - r < most ? all - r : most;
        struct eng_acts a = m->ops->prepare(f, f->in + (size_t)r * hp->n_embd, m->output_norm,
                                            f->s->xn, n, hp->n_embd, eng_wants_ints(&m->output));
        if (f->who && m->ops->draw) {
            m->ops->draw(f, &a, n, f->who + r, f->picked + r, logits + (size_t)r * hp->n_vocab);
            continue;
        }
        m->ops->head(f, &a, n, logits + (size_t)r * hp->n_vocab);
        for (uint32_t i = r; f->who && i < r + n; i++)
            f->picked[i] = ENG_PICK_ROW;
    }
}

static enum base_status layers(struct eng_fwd *f, struct base_err *err)
{
    struct eng_model *m = f->m;
    const struct eng_hparams *hp = &m->hp;
    enum base_status st = BASE_OK;
    for (f->layer = 0; f->layer < hp->n_layer && st == BASE_OK; f->layer++) {
        f->y = &m->layers[f->layer];
        if (m->ops->layer)
            m->ops->layer(f);
        eng_attention(f);
        if (f->layer + 1 == hp->n_layer) { /* what follows needs the wanted tokens only */
            if (f->step->n_kept == 0)
                return BASE_OK;
            m->ops->keep(f);
            f->n = f->step->n_kept;
        }
        eng_feed_forward(f);
        if (hp->n_side)
            eng_side_add(f);
        if (f->y->out_scale != 0)
            m->ops->scale(f, f->s->x, (uint64_t)f->n * hp->n_embd, f->y->out_scale);
        if (m->probe)
            st = probe(f, err);
    }
    return st;
}

enum base_status eng_forward_slice(struct eng_model *m, struct eng_cache *c, float *logits,
                                   struct eng_sampler *const *who, int32_t *picked,
                                   struct base_err *err)
{
    const struct eng_hparams *hp = &m->hp;
    struct eng_fwd f = {
        .m = m, .c = c, .s = &m->s, .step = &m->step, .n = m->step.n, .who = who, .picked = picked};
    f.in = hp->n_stream > 1 ? m->s.in : m->s.x;
    if (eng_gaps_room(m, f.n, err) != BASE_OK)
        return BASE_ENOMEM;
    m->ops->begin(&f);
    eng_cache_clean(c);
    m->ops->embed(&f);
    if (hp->n_side)
        eng_side_inputs(&f);
    enum base_status st = layers(&f, err), ended;
    if (st == BASE_OK && m->step.n_kept > 0) {
        if (hp->n_stream > 1)
            eng_hyper_out(&f);
        head(&f, logits);
    }
    ended = m->ops->end(&f, st == BASE_OK ? err : NULL);
    return st == BASE_OK ? ended : st;
}
