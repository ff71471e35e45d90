/* product_any.h - products of quantised weights whose forms are known only when they are launched:
 * matrices of several forms in one launch, and the small matrices, one a head, of latent attention,
 * which are multiplied by the blocks that made what they take.
 *
 * As product.h: the structs are the kernels' arguments (product_any_*.cu), the functions put
 * launches into the device's stream (launch_product.c). Sums are those of product.h's kernels, to
 * the bit, up to 8 rows; small matrices are summed up that way for any number of rows.
 */
#ifndef ENG_CUDA_PRODUCT_ANY_H
#define ENG_CUDA_PRODUCT_ANY_H

#include "engine/cuda/attend.h"
#include "engine/cuda/heads.h"
#include "engine/cuda/product.h"

/* What becomes of latent queries behind their product, mm.mat[0], in the same launch. The last
 * block that gives outputs of a head (arrive.cuh) takes it through heads.q (rotation, temperature),
 * puts its elements from q.cut on to q.out_2, rounds those before, and multiplies them by the
 * head's matrix of k_b. Blocks behind those of the products take heads.k through its norm and
 * rotation into the cache; nothing else of the launch reads or writes that. */
struct weir_absorb {
    struct weir_heads_args heads;  /* q.x: mat[0].y; q.cut a multiple of 64; v is not looked at */
    struct weir_mat k_b;           /* of q.n_head matrices; head h's outputs at y + h step */
    uint32_t *count;               /* [q.n_head] zero */
    uint32_t n, planes;            /* tokens; of q's elements */
    uint32_t f32;                  /* pages hold floats */
    uint32_t first_key, key_warps; /* blocks of keys and their warps; set by the launch */
    uint32_t on;
};

struct weir_any_args {
    struct weir_mm_args mm;
    struct weir_absorb absorb;
};

/* What latent attention left in parts: joined, rounded, and a head's row multiplied by its matrix
 * of v_b. A block: a head, 8 tokens. */
struct weir_values_args {
    struct weir_attend_args at; /* as eng_cuda_attend left it (leave) */
    struct weir_mat v_b;        /* head h's outputs at y + h step; y NULL: only to the tail */
    struct weir_tail tail;      /* rows of all heads; n_out of a matrix is a multiple of 32 then */
    uint32_t n, planes;
};

/* ---- host ---- */

#define WEIR_ABSORB_TOKENS 64u /* at most */

/* Whether there are kernels for matrices of these forms in one launch; for a head's matrix behind a
 * product; and behind attention. */
bool eng_cuda_any_takes(enum eng_pack_form form);
bool eng_cuda_absorb_takes(enum eng_pack_form k_b);
bool eng_cuda_values_takes(enum eng_pack_form v_b);

/* As eng_cuda_mm, each of a->mm.mat by its own form. absorb: mm is dense, of n tokens. */
void eng_cuda_any(struct eng_cuda *d, const struct weir_any_args *a, uint32_t n_tok,
                  uint32_t slots);
void eng_cuda_values(struct eng_cuda *d, const struct weir_values_args *a);

#endif
