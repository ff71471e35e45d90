/* model_side.c - embeddings that each layer has of its own (Gemma 4 E2B and E4B).
 *
 * Beside its embedding x[n_embd] a token has for every layer l a short one e_l[n_side]. Once per
 * token:   i_l = (e_l sqrt(n_side) + rms((W x) / sqrt(n_embd))_l norm) / sqrt(2)
 * and behind layer l:   h = h + rms(W_out (gelu(W_gate h) * i_l)) norm_l
 *
 * Only the order of operators stands here; they are the device's (ops.h).
 */
#include "engine/model/model_impl.h"

void eng_side_inputs(struct eng_fwd *f)
{
    eng_project(f, f->s->x, f->m->hp.n_embd, &f->m->side_proj, f->s->inputs);
    f->m->ops->side_inputs(f);
}

void eng_side_add(struct eng_fwd *f)
{
    struct eng_scratch *s = f->s;
    eng_project(f, s->x, f->m->hp.n_embd, &f->y->side_gate, s->proj);
    f->m->ops->side_gate(f);
    eng_project(f, s->proj, f->m->hp.n_side, &f->y->side_out, s->xn);
    eng_norm_rows(f, s->xn, f->y->side_norm);
    f->m->ops->residual(f, s->xn);
}
