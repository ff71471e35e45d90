/* pack.h - weights in the order that the kernels of product.h read.
 *
 * A packed matrix is made of row groups of 16 rows, a row group of units along the row: 64 values
 * (F16, BF16: 32; F32: rows, see below), a unit of the codes and, apart from them, their scales. A
 * unit's codes are the A fragment of mma.m16n8k32.s8 (F16, BF16: m16n8k16), as each lane holds it:
 * a warp takes a unit in loads of 16 bytes a lane that follow one another, decodes it in registers
 * and needs no shared memory. pack.c describes the bytes.
 *
 * Every type that the CPU loads has a form here, and none loses a bit of a weight: forms hold the
 * codes and scales of the file. Bytes of a unit, all told, over those of the file:
 *
 *   F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q6_K MXFP4 NVFP4 IQ4_NL   1.000
 *   IQ4_XS 1.015   Q5_K 1.023   Q4_K 1.028   Q3_K 1.036   Q2_K 1.190
 *
 * and rows that are no multiple of 16, or rows' lengths that are none of a unit, are filled with
 * zeros. (A MXFP4 scale of 2^-126 or less becomes 0.)
 *
 * The two matrices of a gated FFN can be packed as one ("pair"): a row group holds 8 rows of the
 * gate and the 8 rows of `up` that belong to them, so that a lane has both and applies the
 * activation where it stands. They must be of one type.
 *
 * Pure functions; any thread; nothing is kept.
 */
#ifndef ENG_CUDA_PACK_H
#define ENG_CUDA_PACK_H

#include "base/err.h"
#include "engine/model/quant.h"

/* How activations must be prepared for a form (product.h). */
enum eng_pack_acts {
    ENG_ACTS_F32,  /* as they are */
    ENG_ACTS_INT,  /* planes of bytes */
    ENG_ACTS_F16,  /* two planes of halves, a power of two a row */
    ENG_ACTS_BF16, /* three planes */
    ENG_ACTS_KINDS
};

/* The forms; product kernels exist for each. */
enum eng_pack_form {
    ENG_FORM_F32,
    ENG_FORM_F16,
    ENG_FORM_BF16,
    ENG_FORM_Q4_0,
    ENG_FORM_Q4_1,
    ENG_FORM_Q5_0,
    ENG_FORM_Q5_1,
    ENG_FORM_Q8_0,
    ENG_FORM_Q2_K,
    ENG_FORM_Q3_K,
    ENG_FORM_Q4_K,
    ENG_FORM_Q5_K,
    ENG_FORM_Q6_K,
    ENG_FORM_IQ4_NL,
    ENG_FORM_IQ4_XS,
    ENG_FORM_MXFP4,
    ENG_FORM_NVFP4,
    ENG_FORMS
};

struct eng_pack_layout {
    enum eng_pack_acts acts;
    uint32_t unit_values; /* along the row */
    uint32_t unit_bytes;  /* of a unit: codes, more bits of codes, scales */
    uint32_t super_bytes; /* of four units, behind a row group's units; 0 = none */
};

/* n_mat matrices [n_out][n_in], or pairs of them. */
struct eng_pack {
    enum eng_pack_form form;
    uint32_t type; /* enum eng_type, of the file */
    bool pair;
    uint32_t n_in, n_out, n_mat; /* n_out: of one of a pair */
    uint32_t units;              /* of a row */
    uint32_t groups;             /* row groups of a matrix */
    uint64_t group_bytes, mat_bytes, bytes;
};

const struct eng_pack_layout *eng_pack_layout(enum eng_pack_form form);

/* Sizes. BASE_EINVAL: a type that cannot be computed with, or sizes that are zero, no whole number
 * of the type's blocks, or too large (2^24 a side, 2^40 bytes). */
enum base_status eng_pack_plan(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t n_mat,
                               bool pair, struct eng_pack *out,
                               struct base_err *err) BASE_MUST_CHECK;

/* Packs row groups group0 <= g < group1 of one matrix into out[(group1 - group0) * group_bytes].
 * rows: the first row of that matrix as it lies in the file; up: of its other half, NULL unless p
 * is a pair; both [n_out] rows of row_bytes each. */
void eng_pack_rows(const struct eng_pack *p, const uint8_t *rows, const uint8_t *up,
                   uint64_t row_bytes, uint32_t group0, uint32_t group1, uint8_t *out);

#endif
