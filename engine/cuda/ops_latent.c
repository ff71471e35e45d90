/* ops_latent.c - CUDA's operators of latent attention: from low-rank queries and keys to heads in
 * the cache, and from attention's outputs to the heads' values.
 *
 * Where few tokens and quantised weights allow it, both sides are one launch each (product_any.h).
 * Queries: linear() of the layer's q launches, behind its product, rotation, the matrices k_b and
 * the keys' way into the cache; latent_split() and linear_each() of k_b, which follow, then find
 * nothing left to do (g->absorbed). Values: attend() leaves its parts as they are (g->values), and
 * linear_each() of v_b joins them. Otherwise each operator is a launch of its own.
 */
#include "engine/cuda/table.h"

#define HEAD_MOST 512u /* elements of a head: bounds shared memory */

/* latent_split()'s heads: queries and keys normed, turned, cut and stored. */
static struct weir_heads_args split_args(struct eng_fwd *f)
{
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct eng_scratch *s = f->s;
    int rope = eng_gpu_rope_of(f);
    uint32_t rot = y->n_dim - y->n_vdim, full = hp->n_nope + rot;
    struct weir_heads_args a = eng_gpu_heads_args(f, rope, hp->family->neox);
    a.q = eng_gpu_head_kind(s->ql, s->heads, hp->n_head, full);
    a.q.out_token = hp->n_nope;
    a.q.out_head = (uint64_t)f->n * hp->n_nope;
    a.q.cut = hp->n_nope;
    a.q.out_2 = s->q + y->n_vdim;
    a.q.out_2_token = (uint64_t)hp->n_head * y->n_dim;
    a.q.out_2_head = y->n_dim;
    eng_gpu_turn(&a.q, f, rope, true);
    a.q.temp = y->temp;
    a.k = eng_gpu_head_kind(s->k, NULL, 1, y->n_dim);
    a.k.norm = WEIR_NORM_HEAD;
    a.k.w = y->kv_a_norm;
    a.k.n_norm = y->n_vdim;
    eng_gpu_turn(&a.k, f, rope, true);
    a.k.pages = eng_gpu_pages(f, eng_part(f->c, f->layer)->k, f->c->k_at[f->layer]);
    return a;
}

void eng_gpu_latent_split(struct eng_fwd *f)
{
    struct eng_gpu *g = eng_gpu_of(f);
    if (g->absorbed)
        return;
    struct weir_heads_args a = split_args(f);
    if (eng_gpu_planes_ahead(f, f->s->heads, f->n * f->m->hp.n_head, f->m->hp.n_nope, &f->y->k_b,
                             &a.q_to))
        a.q.out = NULL;
    eng_cuda_heads(g->d, &a, f->n, f->m->kv_bytes == 4);
}

/* ---- queries ---- */

bool eng_gpu_absorbs(const struct eng_fwd *f, const struct eng_weight *w)
{
    const struct eng_layer *y = f->y;
    const struct eng_hparams *hp = &f->m->hp;
    if (!y || y->mixer != ENG_MIX_LATENT || w != &y->q || !hp->n_lora_q || !eng_gpu_tails(f))
        return false;
    const struct eng_gpu_weight *q = y->q.dev, *k_b = y->k_b.dev;
    return eng_cuda_any_takes(q->p.form) && eng_cuda_absorb_takes(k_b->p.form) &&
           hp->n_nope % 64 == 0 && hp->n_nope + (y->n_dim - y->n_vdim) <= HEAD_MOST &&
           f->n <= WEIR_ABSORB_TOKENS;
}

void eng_gpu_absorb(struct eng_fwd *f, const struct weir_mm_args *mm)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_hparams *hp = &f->m->hp;
    const struct eng_layer *y = f->y;
    struct weir_any_args a = {.mm = *mm};
    struct weir_absorb *b = &a.absorb;
    b->heads = split_args(f);
    b->heads.q.out = NULL;
    b->k_b = eng_gpu_mat(&y->k_b, f->s->q, (uint64_t)hp->n_head * y->n_dim);
    b->k_b.step = y->n_dim;
    b->n = f->n;
    b->planes = mm->acts.planes;
    b->f32 = f->m->kv_bytes == 4;
    b->on = 1;
    b->count = eng_gpu_zeros(g, &g->arrived_heads, hp->n_head * sizeof(uint32_t));
    if (!b->count || g->st != BASE_OK)
        return;
    eng_cuda_any(g->d, &a, f->n, 1);
    g->absorbed = true;
}

/* ---- values ---- */

bool eng_gpu_values_leave(struct eng_fwd *f, uint32_t n_many)
{
    struct eng_gpu *g = eng_gpu_of(f);
    const struct eng_layer *y = f->y;
    const struct eng_gpu_weight *v_b = y->v_b.dev;
    g->values_wait = eng_gpu_tails(f) && n_many == 0 && y->n_vdim % 64 == 0 && y->n_head_kv == 1 &&
                     eng_cuda_values_takes(v_b->p.form) && f->m->hp.n_vhead <= HEAD_MOST;
    return g->values_wait;
}

void eng_gpu_values(struct eng_fwd *f, const struct eng_weight *w, float *y, size_t ldy,
                    size_t step)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct weir_mm_args mm = {.mat = {eng_gpu_mat(w, y, ldy)}};
    const struct eng_weight *next[] = {&f->y->o, NULL};
    g->values_wait = false;
    if (step % 32 == 0)
        eng_gpu_tail_ahead(f, &mm, y, NULL, (uint32_t)ldy, next);
    g->values.v_b = mm.mat[0];
    g->values.v_b.step = step;
    g->values.tail = mm.tail;
    g->values.n = f->n;
    g->values.planes = f->m->planes + 1 < WEIR_PLANES_MAX ? f->m->planes + 1 : WEIR_PLANES_MAX;
    if (g->st == BASE_OK)
        eng_cuda_values(g->d, &g->values);
}
