/* model_side.c - embeddings that each layer has of its own (Gemma 4 E2B and E4B).
 *
 * Beside its embedding x[n_embd] a token has for every layer l a short one e_l[n_side]. Once per
 * token:   i_l = (e_l sqrt(n_side) + rms((W x) / sqrt(n_embd))_l norm) / sqrt(2)
 * and behind layer l:   h = h + rms(W_out (gelu(W_gate h) * i_l)) norm_l
 *
 * The rows of e are read from the file as tokens come; the table itself is never widened.
 */
#include "engine/model_impl.h"

static void input_row(const struct eng_fwd *f, uint32_t t, int32_t token)
{
    const struct eng_model *m = f->m;
    const struct eng_hparams *hp = &m->hp;
    const struct eng_weight *w = &m->side_embd;
    float *x = f->s->inputs + (size_t)t * hp->n_layer * hp->n_side, *e = f->s->hg;
    float in = 1 / sqrtf((float)hp->n_embd), own = sqrtf((float)hp->n_side), half = sqrtf(0.5f);
    eng_dequant_row(w->type, w->data + (uint64_t)token * w->row_bytes, e, w->n_in);
    for (uint32_t i = 0; i < hp->n_layer * hp->n_side; i++)
        x[i] *= in;
    for (uint32_t l = 0; l < hp->n_layer; l++)
        m->kernels->rmsnorm(x + (size_t)l * hp->n_side, x + (size_t)l * hp->n_side, m->side_norm,
                            hp->n_side, hp->rms_eps);
    for (uint32_t i = 0; i < hp->n_layer * hp->n_side; i++)
        x[i] = (x[i] + e[i] * own) * half;
}

void eng_side_inputs(struct eng_fwd *f, const int32_t *tokens)
{
    struct eng_model *m = f->m;
    const struct eng_weight *w = &m->side_proj;
    struct eng_acts a = eng_prepare(m, f->s->x, NULL, NULL, f->n, m->hp.n_embd, eng_wants_ints(w));
    eng_linear(m, &a, f->n, 1, &w, &f->s->inputs);
    for (uint32_t t = 0; t < f->n; t++)
        input_row(f, t, tokens[t]);
}

static void gate_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    uint32_t n = f->m->hp.n_side;
    const float *in = f->s->inputs + ((size_t)t * f->m->hp.n_layer + f->layer) * n;
    float *g = f->s->proj + (size_t)t * n;
    for (uint32_t i = 0; i < n; i++)
        g[i] = eng_gelu(g[i]) * in[i];
}

void eng_side_add(struct eng_fwd *f)
{
    struct eng_model *m = f->m;
    struct eng_scratch *s = f->s;
    const struct eng_weight *gate = &f->y->side_gate, *out = &f->y->side_out;
    struct eng_acts a = eng_prepare(m, s->x, NULL, NULL, f->n, m->hp.n_embd, eng_wants_ints(gate));
    eng_linear(m, &a, f->n, 1, &gate, &s->proj);
    eng_for_rows(m, f->n, gate_row, f);
    a = eng_prepare(m, s->proj, NULL, NULL, f->n, m->hp.n_side, eng_wants_ints(out));
    eng_linear(m, &a, f->n, 1, &out, &s->xn);
    eng_norm_rows(f, s->xn, f->y->side_norm);
    eng_add_residual(f, s->xn);
}
