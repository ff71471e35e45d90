/* model_forward.c - the forward pass: one slice of a batch through all layers.
 *
 * Runs on the thread that called eng_forward, with the model's pool; memory is the model's scratch,
 * nothing is allocated. A layer is a handful of parallel jobs, each cut into tasks that write
 * disjoint outputs, so results do not depend on the number of threads:
 *
 *   norm (per token) -> q, k, v -> RoPE and cache write (per token) -> attention (per token and
 *   key/value head) -> output projection -> norm -> router -> gate and up -> down -> combine
 *
 * The last layer's FFN and the output matrix see only the tokens whose logits are wanted.
 */
#include "engine/model_impl.h"

#include <math.h>
#include <string.h>

static void embed(struct eng_fwd *f, const int32_t *tokens)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_weight *w = &f->m->embd;
    struct eng_scratch *s = f->s;
    for (uint32_t t = 0; t < f->n; t++) {
        float *x = s->x + (size_t)t * hp->n_stream * hp->n_embd;
        s->token[t] = tokens[t];
        eng_dequant_row(w->type, w->data + (uint64_t)tokens[t] * w->row_bytes, x, hp->n_embd);
        for (uint32_t i = 0; hp->embedding_scale != 1 && i < hp->n_embd; i++)
            x[i] *= hp->embedding_scale;
        for (uint32_t i = 1; i < hp->n_stream; i++)
            memcpy(x + (size_t)i * hp->n_embd, x, hp->n_embd * sizeof(float));
        float pos = (float)(f->c->base[s->seq[t]] + s->cell[t]);
        for (int k = 0; k < ENG_ROPES; k++) {
            const struct eng_rope_set *set = &hp->rope[k];
            float *cs = s->cs[k] + (size_t)t * set->n_rot;
            for (uint32_t i = 0; i < set->n_rot / 2; i++) {
                float angle = pos * set->freq[i];
                cs[2 * i] = cosf(angle) * set->mscale;
                cs[2 * i + 1] = sinf(angle) * set->mscale;
            }
        }
    }
}

/* Moves the wanted tokens' rows to the front: what the last FFN needs of them. */
static uint32_t keep_wanted(struct eng_fwd *f, const bool *want)
{
    uint32_t kept = 0;
    size_t row = (size_t)f->m->hp.n_stream * f->m->hp.n_embd;
    size_t side = (size_t)f->m->hp.n_layer * f->m->hp.n_side;
    for (uint32_t t = 0; t < f->n; t++) {
        if (want && !want[t])
            continue;
        if (kept != t) {
            f->s->token[kept] = f->s->token[t];
            memcpy(f->s->x + kept * row, f->s->x + t * row, row * sizeof(float));
            memcpy(f->s->inputs + kept * side, f->s->inputs + t * side, side * sizeof(float));
        }
        kept++;
    }
    return kept;
}

size_t eng_forward_slice(struct eng_model *m, struct eng_cache *c, const int32_t *tokens,
                         const bool *want, size_t n, float *logits)
{
    const struct eng_hparams *hp = &m->hp;
    struct eng_fwd f = {.m = m, .c = c, .s = &m->s, .n = (uint32_t)n};
    f.in = hp->n_stream > 1 ? m->s.in : m->s.x;
    embed(&f, tokens);
    if (hp->n_side)
        eng_side_inputs(&f, tokens);
    for (f.layer = 0; f.layer < hp->n_layer; f.layer++) {
        f.y = &m->layers[f.layer];
        eng_attention(&f);
        if (f.layer + 1 == hp->n_layer && (f.n = keep_wanted(&f, want)) == 0)
            return 0;
        eng_feed_forward(&f);
        if (hp->n_side)
            eng_side_add(&f);
        for (size_t i = 0; f.y->out_scale != 0 && i < (size_t)f.n * hp->n_embd; i++)
            m->s.x[i] *= f.y->out_scale;
        if (m->probe)
            m->probe(m->probe_ctx, f.layer, m->probe_row0, f.n, m->s.x, f.y->moe ? m->s.ids : NULL);
    }
    if (hp->n_stream > 1)
        eng_hyper_out(&f);
    struct eng_acts a =
        eng_prepare(m, f.in, m->output_norm, m->s.xn, f.n, hp->n_embd, eng_wants_ints(&m->output));
    const struct eng_weight *w[1] = {&m->output};
    float *out[1] = {logits};
    eng_linear(m, &a, f.n, 1, w, out);
    for (size_t i = 0; hp->logit_scale != 1 && i < (size_t)f.n * hp->n_vocab; i++)
        logits[i] /= hp->logit_scale;
    for (size_t i = 0; hp->logit_softcap != 0 && i < (size_t)f.n * hp->n_vocab; i++)
        logits[i] = hp->logit_softcap * tanhf(logits[i] / hp->logit_softcap);
    return f.n;
}
