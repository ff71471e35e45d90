/* cpu/ops.h - the kernels of the CPU's operators, in several versions chosen at run time.
 *
 * `ref` is the textbook (ops_ref.c): plain C, weights widened to f32. The others have the same
 * meaning on faster instructions, and are held against ref by tests. All are pure functions on the
 * memory they are given; a thread calls them on its own outputs.
 *
 * Shapes are written [rows][columns], columns adjacent in memory.
 */
#ifndef ENG_CPU_OPS_H
#define ENG_CPU_OPS_H

#include "engine/model/pages.h"
#include "engine/ops.h"

#define ENG_TILE       16 /* weight rows that a kernel takes at a time */
#define ENG_PLANES_MAX 2  /* 1: activations of 8 bits, 2: of two bytes and a little more */

/* Of 32 rounded activations. */
static inline size_t eng_act_bytes(uint32_t planes)
{
    return planes == 2 ? ENG_Q16_BYTES : ENG_QBLOCK;
}

/* Part of a matrix product: outputs out0 <= o < out1 (out0 a multiple of ENG_TILE) of n_rows rows:
 * y[r * ldy + o] = sum_i W[mat][o][i] * x[rows ? rows[r] : r][i] + bias[o]. */
struct eng_mm {
    const struct eng_weight *w;
    uint32_t mat;
    uint32_t out0, out1;
    const struct eng_acts *a;
    const uint32_t *rows;
    uint32_t n_rows;
    float *y;
    size_t ldy;
};

/* Attention of n_tok tokens that follow one another in a sequence, for the n_head query heads that
 * share one key/value head. Token t sees n_kv + t keys. Row r = t * n_head + h of the queries
 * stands at q + t * ldq + h * n_dim, of the outputs likewise. Key j is cell j % ENG_PAGE of page
 * pages[j / ENG_PAGE], which begins at k + page * k_page; values likewise, from v on. In a page
 * values lie as [ENG_PAGE][n_dim]; keys in blocks of 16, [ENG_PAGE / 16][n_dim][16], so that lanes
 * can be keys (eng_key_at). */
#define ENG_KEY_BLOCK 16
struct eng_attend {
    const float *q;
    const float *k, *v;
    size_t k_page, v_page; /* floats */
    const int32_t *pages;
    uint32_t n_head, n_tok, n_kv, n_dim;
    size_t ldq;
    float scale;
    float *scores; /* scratch [n_tok * n_head][n_kv + n_tok - 1 rounded up to 16] */
    float *out;
};

/* Where element i of key j of a page stands. */
static inline size_t eng_key_at(uint32_t n_dim, uint32_t j, uint32_t i)
{
    return ((size_t)(j / ENG_KEY_BLOCK) * n_dim + i) * ENG_KEY_BLOCK + j % ENG_KEY_BLOCK;
}

/* Of a page's cells, those before key `end`. */
static inline uint32_t eng_page_end(uint32_t j, uint32_t end)
{
    uint32_t next = (j / ENG_PAGE + 1) * ENG_PAGE;
    return next < end ? next : end;
}

struct eng_kernels {
    const char *name;
    /* y[i] = x[i] / sqrt(mean(x^2) + eps) * w[i]; y may be x */
    void (*rmsnorm)(float *y, const float *x, const float *w, size_t n, float eps);
    /* y[i] += a x[i] */
    void (*axpy)(float *y, float a, const float *x, size_t n);
    /* g[i] = silu(g[i]) u[i], silu(x) = x / (1 + exp(-x)) */
    void (*swiglu)(float *g, const float *u, size_t n);
    /* out = softmax(scale q K^T) V, per query row */
    void (*attend)(const struct eng_attend *a);
    /* [1] as eng_quant_q8, [2] as eng_quant_q16: the index is eng_acts.planes */
    void (*quant[ENG_PLANES_MAX + 1])(const float *x, size_t n, int8_t *q, struct eng_qinfo *info);
    /* The product for weights as they lie in the file. */
    void (*mm_rows)(const struct eng_mm *mm);
    /* The product for repacked weights; NULL in ref. */
    void (*mm_tiles)(const struct eng_mm *mm);
};

extern const uint8_t eng_mxfp4_codes[16], eng_iq4_codes[16];
extern const struct eng_kernels eng_kernels_ref;
extern const struct eng_kernels eng_kernels_c; /* integer kernels in plain C */
#if defined(__x86_64__)
extern const struct eng_kernels eng_kernels_avx2;
extern const struct eng_kernels eng_kernels_avx512;
extern const struct eng_kernels eng_kernels_vnni;
#endif
/* The best version for this machine. The environment's WEIR_CPU (c, avx2, avx512, vnni) lowers the
 * choice, for tests; a name that the machine cannot run is ignored. */
const struct eng_kernels *eng_kernels_best(void);
/* The version called name if this machine can run it, else NULL. */
const struct eng_kernels *eng_kernels_named(const char *name);

/* Rotary position embedding of one head [n_dim], in place, on its first n_rot dimensions: pairs are
 * (2i, 2i+1), or with neox (i, i + n_rot/2); pair i turns by the angle whose cosine and sine stand
 * in cs[2i], cs[2i+1]. */
void eng_rope(float *x, uint32_t n_rot, bool neox, const float *cs);

/* Picks the experts of one token: logits[n_expert] from the router, bias[n_expert] (selection only)
 * or NULL -> ids[n_used] in descending order of selection score, weights[n_used]. */
void eng_route(const struct eng_moe_params *p, const float *logits, const float *bias,
               uint32_t *ids, float *weights);
/* How near that choice was to another: struct eng_seen's expert_gap (engine/model/model.h). */
float eng_route_gap(const struct eng_moe_params *p, const float *logits, const float *bias);
/* The weights of experts ids[n_used] that are chosen already. */
void eng_route_given(const struct eng_moe_params *p, const float *logits, const uint32_t *ids,
                     float *weights);

#endif
