/* blas_rows.h - what stands around cuBLAS's products: activations and weights as plain matrices of
 * 16 bits before, bias and activation functions behind (blas.cu, launch_blas.c). See blas.h.
 */
#ifndef ENG_CUDA_BLAS_ROWS_H
#define ENG_CUDA_BLAS_ROWS_H

#include "engine/cuda/product.h"

/* Halves of quantised weights are this many times the weight: rounded like numbers from 2^-18 on,
 * and what passes 4094 stays there. */
#define WEIR_BLAS_UP 16.0f

/* Rows as planes of 16 bits, [planes][rows][ld], first normed if norm is given, as struct
 * weir_round_args says. Plane 0 is the value rounded, the next what that left, and so on. Halves: a
 * row whose largest is not in 2^-8...2^14 is first brought to 2^13 by a power of two: factor[row]
 * is what brings it back (else 1). Values from n_in to ld are zero. */
struct weir_plain_args {
    const float *x;    /* [rows][n_in] */
    const float *norm; /* [n_in] or NULL */
    float *y;          /* [rows][n_in] or NULL: the normed rows */
    uint16_t *q;
    float *factor; /* [rows]; bfloat16: not used */
    uint32_t rows, n_in, ld, planes, bf16;
    float eps;
};

/* Row groups group0.. of a packed quantised matrix as rows of ld values: halves, WEIR_BLAS_UP times
 * the weights; of MXFP4 and NVFP4 bfloat16, the weights. Whole row groups; a pair's rows stand as
 * its row groups have them. */
struct weir_unpack_args {
    const uint8_t *w; /* the matrix */
    uint16_t *out;    /* [16 groups][ld] */
    uint64_t group_bytes;
    uint32_t group0, groups, units, ld;
};

/* y[row][o] = (y[row][o] factor[row] + bias[o]) scale[0]; each may be NULL. */
struct weir_finish_args {
    float *y; /* [rows][ldy] */
    const float *factor, *bias, *scale;
    uint32_t rows, n_out, ldy;
};

/* h[row][o] of a pair, from its products as its row groups have them: x[row][ldx], gate o at
 * o / 8 * 16 + o % 8, up 8 behind. The rest as struct weir_mm_args. */
struct weir_pair_args {
    const float *x;
    float *h; /* [rows][n_out] */
    const float *factor, *bias, *bias_up, *scale, *scale_up;
    uint32_t rows, n_out, ldx, act;
    float clamp;
};

/* Launches; as those of product.h. */
void eng_cuda_plain(struct eng_cuda *d, const struct weir_plain_args *a);
void eng_cuda_unpack(struct eng_cuda *d, enum eng_pack_form form, const struct weir_unpack_args *a);
void eng_cuda_finish(struct eng_cuda *d, const struct weir_finish_args *a);
void eng_cuda_pair(struct eng_cuda *d, const struct weir_pair_args *a);
/* Whether a form's weights become bfloat16. */
static inline bool eng_cuda_plain_bf16(enum eng_pack_form form)
{
    return form == ENG_FORM_BF16 || form == ENG_FORM_MXFP4 || form == ENG_FORM_NVFP4;
}

#endif
