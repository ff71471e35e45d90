/* side.c - the CPU's operators of embeddings that each layer has of its own (model_side.c). The
 * rows of the table are read from the file as tokens come; the table itself is never widened.
 */
#include "engine/cpu/table.h"

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

static void gate_row(void *ctx, uint32_t t)
{
    const struct eng_fwd *f = ctx;
    uint32_t n = f->m->hp.n_side;
    const float *in = f->s->inputs + ((size_t)t * f->m->hp.n_layer + f->layer) * n;
    float *g = f->s->proj + (size_t)t * n;
    for (uint32_t i = 0; i < n; i++)
        g[i] = eng_gelu(g[i]) * in[i];
}

void eng_cpu_side_inputs(struct eng_fwd *f)
{
    for (uint32_t t = 0; t < f->n; t++)
        input_row(f, t, f->s->token[t]);
}

void eng_cpu_side_gate(struct eng_fwd *f)
{
    eng_cpu_for_rows(f->m, f->n, gate_row, f);
}
