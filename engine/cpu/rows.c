/* rows.c - the CPU's operators on whole rows: embedding, the residual stream, wanted tokens,
 * logits.
 *
 * Device memory is host memory here, so what a step brings to the device is copied once: a few
 * words a token.
 */
#include "engine/cpu/table.h"

#include <string.h>

void eng_cpu_begin(struct eng_fwd *f)
{
    const struct eng_step *p = f->step;
    struct eng_scratch *s = f->s;
    size_t bytes = p->n * sizeof(uint32_t);
    memcpy(s->token, p->token, bytes);
    memcpy(s->seq, p->seq, bytes);
    memcpy(s->cell, p->cell, bytes);
    memcpy(s->pos, p->pos, bytes);
    memcpy(s->state, p->state, bytes);
    memcpy(s->mark, p->mark, bytes);
    memcpy(s->kept, p->kept, p->n_kept * sizeof(uint32_t));
}

void eng_cpu_embed(struct eng_fwd *f)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_weight *w = &f->m->embd;
    struct eng_scratch *s = f->s;
    for (uint32_t t = 0; t < f->n; t++) {
        float *x = s->x + (size_t)t * hp->n_stream * hp->n_embd;
        eng_dequant_row(w->type, w->data + (uint64_t)s->token[t] * w->row_bytes, x, hp->n_embd);
        for (uint32_t i = 0; hp->embedding_scale != 1 && i < hp->n_embd; i++)
            x[i] *= hp->embedding_scale;
        for (uint32_t i = 1; i < hp->n_stream; i++)
            memcpy(x + (size_t)i * hp->n_embd, x, hp->n_embd * sizeof(float));
        float pos = (float)s->pos[t];
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

void eng_cpu_keep(struct eng_fwd *f)
{
    struct eng_scratch *s = f->s;
    size_t row = (size_t)f->m->hp.n_stream * f->m->hp.n_embd;
    size_t side = (size_t)f->m->hp.n_layer * f->m->hp.n_side;
    for (uint32_t i = 0; i < f->step->n_kept; i++) {
        uint32_t t = s->kept[i];
        if (t == i)
            continue;
        s->token[i] = s->token[t];
        memcpy(s->x + i * row, s->x + t * row, row * sizeof(float));
        memcpy(s->inputs + i * side, s->inputs + t * side, side * sizeof(float));
    }
}

void eng_cpu_scale(struct eng_fwd *f, float *x, uint64_t values, float factor)
{
    (void)f;
    for (uint64_t i = 0; i < values; i++)
        x[i] *= factor;
}

void eng_cpu_head(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, float *logits)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_weight *w = &f->m->output;
    size_t values = (size_t)n_rows * hp->n_vocab;
    eng_cpu_linear(f, a, n_rows, 1, &w, &logits);
    for (size_t i = 0; hp->logit_scale != 1 && i < values; i++)
        logits[i] /= hp->logit_scale;
    for (size_t i = 0; hp->logit_softcap != 0 && i < values; i++)
        logits[i] = hp->logit_softcap * tanhf(logits[i] / hp->logit_softcap);
}

void eng_cpu_assign(struct eng_fwd *f, float *dst, const float *src, uint64_t values)
{
    (void)f;
    memcpy(dst, src, values * sizeof(float));
}

void eng_cpu_add(struct eng_fwd *f, float *dst, const float *src, uint64_t values)
{
    f->m->kernels->axpy(dst, 1, src, values);
}

void eng_cpu_residual(struct eng_fwd *f, const float *add)
{
    const struct eng_hparams *hp = &f->m->hp;
    for (uint32_t t = 0; hp->n_stream > 1 && t < f->n; t++)
        eng_cpu_residual_row(f, t, 1, add + (size_t)t * hp->n_embd);
    if (hp->n_stream == 1)
        f->m->kernels->axpy(f->s->x, hp->residual_scale, add, (size_t)f->n * hp->n_embd);
}

void eng_cpu_residual_row(const struct eng_fwd *f, uint32_t t, float w, const float *add)
{
    const struct eng_hparams *hp = &f->m->hp;
    uint32_t n = hp->n_stream;
    float *x = f->s->x + (size_t)t * n * hp->n_embd;
    const float *take = f->s->mix + (size_t)t * (2 + n) * n;
    for (uint32_t i = 0; i < n; i++)
        f->m->kernels->axpy(x + (size_t)i * hp->n_embd,
                            n > 1 ? w * take[i] : w * hp->residual_scale, add, hp->n_embd);
}
