/* table.h - what the files of the CPU's table of operators share; nobody else includes it.
 *
 * Every eng_cpu_NAME is the operator of that name in engine/ops.h, where shapes and meanings stand.
 * They run at once, on the caller's thread and the model's pool, and cannot fail. Each is cut into
 * tasks that write disjoint outputs, so results do not depend on the number of threads.
 */
#ifndef ENG_CPU_TABLE_H
#define ENG_CPU_TABLE_H

#include "engine/model/model_impl.h"

/* The table's part of a cache (c->dev). */
struct eng_cpu_scratch {
    float *scores; /* [threads][each] */
    size_t each;
};

static inline float *eng_cpu_scores(const struct eng_cache *c, uint32_t thread)
{
    const struct eng_cpu_scratch *x = c->dev;
    return x->scores + thread * x->each;
}

/* ---- linear.c ---- */

void eng_cpu_apply(const struct eng_model *m, const struct eng_mm *mm);
/* How many tiles of 16 outputs a task should take. */
uint32_t eng_cpu_tiles_per_task(const struct eng_model *m, uint64_t tiles, uint32_t n_rows);
/* fn(ctx, row) for every row; on one thread when there are few. */
void eng_cpu_for_rows(struct eng_model *m, uint32_t n, void (*fn)(void *, uint32_t), void *ctx);
/* The rows first.. of a. */
struct eng_acts eng_cpu_acts_from(const struct eng_acts *a, size_t first);
struct eng_acts eng_cpu_prepare(struct eng_fwd *f, const float *x, const float *norm, float *y,
                                uint32_t n_rows, uint32_t n_in, bool rounded);
void eng_cpu_norm(struct eng_fwd *f, float *x, const float *w, uint32_t n_rows, uint32_t n_in);
void eng_cpu_linear(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, uint32_t count,
                    const struct eng_weight *const *w, float *const *y);
void eng_cpu_linear_each(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows,
                         const struct eng_weight *w, float *y, size_t ldy, size_t step);

/* ---- rows.c ---- */

void eng_cpu_begin(struct eng_fwd *f);
void eng_cpu_embed(struct eng_fwd *f);
void eng_cpu_keep(struct eng_fwd *f);
void eng_cpu_scale(struct eng_fwd *f, float *x, uint64_t values, float factor);
void eng_cpu_head(struct eng_fwd *f, const struct eng_acts *a, uint32_t n_rows, float *logits);
void eng_cpu_assign(struct eng_fwd *f, float *dst, const float *src, uint64_t values);
void eng_cpu_add(struct eng_fwd *f, float *dst, const float *src, uint64_t values);
void eng_cpu_residual(struct eng_fwd *f, const float *add);
/* The residual stream of token t takes w * add. */
void eng_cpu_residual_row(const struct eng_fwd *f, uint32_t t, float w, const float *add);

/* ---- attn.c, attend.c, index.c, compress.c ---- */

void eng_cpu_ungate(struct eng_fwd *f);
void eng_cpu_gate(struct eng_fwd *f);
void eng_cpu_heads(struct eng_fwd *f);
void eng_cpu_attend(struct eng_fwd *f);
void eng_cpu_latent_split(struct eng_fwd *f);
void eng_cpu_latent_gather(struct eng_fwd *f);
void eng_cpu_index(struct eng_fwd *f);
void eng_cpu_squeeze(struct eng_fwd *f);
void eng_cpu_pick(struct eng_fwd *f);
void eng_cpu_regroup(struct eng_fwd *f);

/* Keys and values of one head in the cache: from page 0 on, as in struct eng_attend. */
struct eng_cpu_keys {
    const float *k, *v;
    size_t k_page, v_page;
    const int32_t *pages;
    uint32_t j0, j1;      /* the keys j0 <= j < j1 ... */
    const uint32_t *bits; /* ... whose bit j is set; NULL = all */
};
/* Those of head h that layer f->layer sees of sequence seq (j0, j1 and bits are the caller's);
 * more: the compressed ones. */
struct eng_cpu_keys eng_cpu_keys(const struct eng_fwd *f, uint32_t seq, uint32_t h, bool more);
/* Where cell c of seq in a group stands, c's key with n_dim elements: its page, as floats behind
 * page 0 of `each` floats. */
static inline size_t eng_cpu_page(const struct eng_cache *c, uint32_t group, uint32_t seq,
                                  uint32_t cell, size_t each)
{
    const struct eng_page_group *t = &c->groups[group];
    return (size_t)t->table[(size_t)seq * t->max_pages + cell / ENG_PAGE] * each;
}

/* One query, where the kernels' attend() does not fit: a first key other than 0, sinks, values of
 * another width than keys, some keys only, compressed ones. */
struct eng_query {
    const float *q;
    struct eng_cpu_keys keys, more; /* more: with bits only; none if j1 is 0 */
    uint32_t n_dim, n_vdim;
    float scale;
    const float *sink; /* or NULL */
    float *scores;     /* scratch [j1 - j0 + 32] of both kinds of keys, twice that with bits */
    float *out;        /* [n_vdim] */
};
void eng_attend_query(const struct eng_query *a);

/* The indexer's choice for token t, whose queries s->iq are turned: of the first n keys in the
 * cache those with the largest scores, as bits. */
void eng_cpu_choose(struct eng_fwd *f, uint32_t t, uint32_t thread, uint32_t n, uint32_t *bits);

/* ---- delta.c, ffn.c, hyper.c, side.c ---- */

void eng_cpu_delta_conv(struct eng_fwd *f);
void eng_cpu_delta_step(struct eng_fwd *f);
void eng_cpu_delta_gate(struct eng_fwd *f);
void eng_cpu_route(struct eng_fwd *f);
void eng_cpu_group(struct eng_fwd *f);
void eng_cpu_ffn(struct eng_fwd *f, const struct eng_ffn *j);
void eng_cpu_combine(struct eng_fwd *f);
void eng_cpu_shared(struct eng_fwd *f);
void eng_cpu_hyper_in(struct eng_fwd *f, const struct eng_hyper *h);
void eng_cpu_hyper_out(struct eng_fwd *f, const struct eng_hyper *h);
void eng_cpu_side_inputs(struct eng_fwd *f);
void eng_cpu_side_gate(struct eng_fwd *f);

static inline float eng_gelu(float x) /* the tanh form */
{
    return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}

#endif
