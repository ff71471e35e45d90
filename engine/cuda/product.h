/* product.h - matrix products: rounding activations, and W x for packed weights (pack.h), dense, by
 * expert, or a matrix a head.
 *
 * The structs are the kernels' arguments (round.cu, product_*.cu; all pointers are device
 * addresses); the functions put launches into the device's stream (launch_product.c). They do not
 * block and do not fail: the first error sticks in d and is told at the end of the step. 0 rows:
 * nothing is launched.
 *
 * Numbers. Activations are rounded once, in blocks of 32 with a scale each, into `planes` bytes a
 * value (ENG_ACTS_INT): 2: 32512 steps, 3: 256 times as many, which is all that an f32 holds: what
 * models whose logits are held to 1e-3 need. Products of codes with them are summed as integers
 * over the block (16 values where weights have a scale every 16), exactly; scales are applied in
 * f32 and blocks summed in f32, along the row. F16 weights meet two planes of halves (22 bits),
 * BF16 weights three of bfloat16 (24 bits), F32 weights f32.
 *
 * Two paths. Up to WEIR_MV_ROWS rows (8; of all experts together: pass n_tok, the tokens of the
 * step): a warp has 16 weight rows, the four warps of a quarter of the row each are added in order.
 * Above: tiles of WEIR_TILE_ROWS rows, one warp the whole row. Within a path what a row gives does
 * not depend on which others are there, nor on the device or the launch; between the paths the
 * order of f32 sums differs.
 *
 * Bytes. Every weight is read once in the first path; once per WEIR_TILE_ROWS rows in the second
 * (and from the second-level cache after that, if the matrix fits). Bytes of a unit of 16 x 64
 * weights (F16, BF16: 16 x 32), those over the file's, and instructions of a warp for it and up to
 * 8 rows with two and with three planes, in sm_90's machine code (tools/cuda_units.py):
 *
 *   F16    1024  1.000   26         BF16   1024  1.000       31
 *   Q4_0    576  1.000   83  93     Q4_1    640  1.000   92 112
 *   Q5_0    704  1.000  112 122     Q5_1    768  1.000  105 125
 *   Q8_0   1088  1.000   77  97     Q2_K    400  1.190  208 248
 *   Q3_K    456  1.036  174 204     Q4_K    592  1.028  115 135
 *   Q5_K    720  1.023  130 150     Q6_K    840  1.000  157 197
 *   IQ4_NL  576  1.000  136 146     IQ4_XS  552  1.015  141 151
 *   MXFP4   544  1.000  119 129     NVFP4   576  1.000  177 207
 *
 * docs/decisions/043-cuda-products.md has what follows from that, and what was not chosen.
 */
#ifndef ENG_CUDA_PRODUCT_H
#define ENG_CUDA_PRODUCT_H

#include "engine/cuda/pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eng_cuda;

/* clang-format off */
#define WEIR_MV_ROWS     8  /* activation rows that a matrix-vector block takes */
#define WEIR_MV_SPLIT    4  /* warps that share a row of weights there */
#define WEIR_MV_GROUPS   4  /* row groups of a block there, at most */
#define WEIR_MV_THREADS  (WEIR_MV_SPLIT * WEIR_MV_GROUPS * 32)
#define WEIR_TILE_ROWS   64 /* activation rows of a tile */
#define WEIR_TILE_GROUPS 8  /* row groups of its block, at most */
#define WEIR_TILE_THREADS (WEIR_TILE_GROUPS * 32)
#define WEIR_TILE_STAGES 3
#define WEIR_PLANES_MAX  3
/* clang-format on */

/* Rounded activations, [rows] of n_in values; in a buffer of weir_acts_bytes().
 *
 *   INT, a unit is 64 values:        q [rows][units][planes][4][16]  lane t's 16 bytes of a plane:
 *     values 4t.., 16 + 4t.., 32 + 4t.., 48 + 4t.. of the unit, four each; info
 *     [rows][units] {d, d, s, s}: scale and sum of the rounded values of each 32; half
 *     [rows][units] {s, s}: of the first 16 of each 32
 *   F16, BF16, a unit is 32 values:  q [rows][units][2 or 3][32 values]; info [rows] (floats): F16:
 *     the row's power of two
 *   F32: x alone
 *
 * Values past n_in are zero. */
struct weir_acts {
    const float *x; /* [rows][n_in]; only F32 weights read it */
    uint8_t *q;
    float *info;
    float *half;
    /* The rows are not divided by their RMS yet, products divide what they give: sums of squares of
     * each 32 values, [rows][n_ssq]. NULL: nothing is left to do. */
    const float *ssq;
    uint32_t n_in, units, planes;
    uint32_t n_ssq;
    float eps;
};

/* Where rows are rounded to, besides or instead of where they stand as floats; q NULL: not so. Both
 * work by 32 values that need no others. */
struct weir_planes {
    struct weir_acts ints, bf16;
};

/* Rounds rows of x, first normed if norm is given: y = x / sqrt(mean(x^2) + eps) * norm, written to
 * y unless that is NULL (y may be x). */
struct weir_round_args {
    const float *x;    /* [rows][n_in] */
    const float *norm; /* [n_in] or NULL: no norm */
    float *y;
    struct weir_acts out;
    uint32_t rows;
    float eps;
};

enum weir_mm_mode {
    WEIR_MM_DENSE,  /* one matrix for all rows */
    WEIR_MM_EXPERT, /* matrix of an expert for its pairs */
    WEIR_MM_EACH    /* matrix g for rows g * n_rows .. of the activations */
};

enum weir_mm_act { /* as enum eng_act of model_impl.h */
                   WEIR_ACT_SILU,
                   WEIR_ACT_GELU,
                   WEIR_ACT_OAI
};

/* What becomes of a product's outputs besides y. In this order, with v an output and o its place in
 * the row:
 *
 *   pair_of: v = the sum over slots k of weights[t][k] * y[pair_of[t][k]][o], by the last block
 *     that gives outputs o (arrive.cuh); rows are then the n tokens t. Without: rows are the
 *     product's own
 *   more: v += more[row][o]
 *   x: v = x[row][o] = (x[row][o] + scale * v) * out_scale
 *   ssq[row][o / 32] = the sum of squares of 32 v
 *   v *= norm[o];  z[row][o] = v;  to[row] = v rounded
 *
 * What is NULL is left out. RMS norms end thus: the next products take v as it is and divide by the
 * RMS what they give (struct weir_acts: ssq), since it is the same factor for all of a row. That
 * leaves nothing that needs a whole row at once. */
struct weir_tail {
    const uint32_t *pair_of; /* [n][n_used] */
    const float *weights;    /* [n][n_used], NULL: ones */
    const float *more;       /* [rows][n_out] */
    float *x;                /* [rows][n_out] */
    float *ssq;              /* [rows][(n_out + 31) / 32] */
    const float *norm;       /* [n_out] */
    float *z;                /* [rows][n_out] */
    struct weir_planes to;   /* rows of n_out values */
    uint32_t *count;         /* with pair_of: a word for each 32 outputs; zero */
    uint32_t n_out;          /* of a row: EACH: of all matrices together */
    uint32_t n, n_used;
    float scale, out_scale;
    uint32_t on; /* not 0: there is such a tail */
};

/* A matrix of a launch; n_mat of them, one behind the other. */
struct weir_mat {
    const uint8_t *w;
    uint64_t mat_bytes, group_bytes;
    const float *bias;    /* [n_mat][bias_step] or NULL; of a pair: the gate's */
    const float *bias_up; /* of a pair */
    const float *scale;   /* [n_mat] or NULL: (W x + bias) * scale */
    const float *scale_up;
    float *y;           /* [rows][ldy]; NULL only with pair and round */
    uint64_t ldy, step; /* floats; EACH: matrix g's outputs begin at y + g * step */
    uint32_t bias_step;
    uint32_t n_out, groups;
    uint32_t form;   /* enum eng_pack_form; where a launch has several */
    uint32_t blocks; /* set by the launch */
};

struct weir_mm_args {
    struct weir_mat mat[3];
    struct weir_acts acts;
    /* EXPERT: tile i is of expert tile_expert[i] and begins with pair tile_first[i]; *n_tiles of
     * them; an expert's pairs end at pairs_end[expert + 1] (route.h's `first`) */
    const uint32_t *tile_expert, *tile_first, *n_tiles, *pair_first;
    const uint32_t *pair_row; /* [pairs] row of the activations, NULL = the pair's number */
    const float *in_weight;   /* [pairs] factor of a pair's W x + bias, NULL = 1; of pairs only */
    struct weir_acts round;   /* pair: q not NULL: the outputs rounded for the next product */
    struct weir_tail tail;    /* of mat[0]; not of pairs, and not of F32 */
    /* EXPERT: ride_rows rows more, of mat[1] alone (one matrix, of n_mats = 1 not counted): rows
     * ride_first.. of activations and outputs, or with pair_row rows 0.. of the activations. 0:
     * none. */
    uint32_t ride_first, ride_rows;
    float clamp; /* of a pair: gate from above, up both ways; 0 = no */
    uint32_t n_mats, mode, act, pair;
    uint32_t n_rows; /* DENSE, EACH: of each matrix */
    uint32_t tiles;  /* EACH: per matrix; set by the launch */
    uint32_t warps;  /* row groups of a block; set by the launch */
    uint32_t rows;   /* of the activations that a block takes; set by the launch */
};

/* ---- host ---- */

/* Bytes of a buffer for `rows` rounded rows of n_in values; kind F32: 0. planes: 2 or 3, of INT (1
 * counts as 2); the others have their own number. */
size_t weir_acts_bytes(enum eng_pack_acts kind, uint32_t rows, uint32_t n_in, uint32_t planes);
/* Rows in such a buffer (device memory, aligned to 256 bytes). x: the rows as they are, or NULL. */
struct weir_acts weir_acts_at(enum eng_pack_acts kind, uint32_t rows, uint32_t n_in,
                              uint32_t planes, const float *x, void *buffer);

/* a->out: made by weir_acts_at for a->rows rows or more. kind F32: only norms. */
void eng_cuda_round(struct eng_cuda *d, enum eng_pack_acts kind, const struct weir_round_args *a);

/* Rows of pairs per tile for a step of n_tok tokens: what route.h's `rows` must be. */
uint32_t weir_mm_rows(uint32_t n_tok);

/* The fields of a matrix that p says. */
void weir_mat_from(struct weir_mat *m, const struct eng_pack *p, const void *device);

/* y = W x. a: as the kernel's, without what "set by the launch" stands at. All a->mat are of `form`
 * and of acts.n_in columns. n_tok picks the path. slots: EXPERT: the most tiles there can be
 * (weir_tiles_max()); EACH: the number of matrices; DENSE: not used. */
void eng_cuda_mm(struct eng_cuda *d, enum eng_pack_form form, const struct weir_mm_args *a,
                 uint32_t n_tok, uint32_t slots);

/* g[row] = act(g, u) for gates and ups of matrices that could not be packed as a pair: rows of g
 * and u, [rows][n]; in_weight [rows] or NULL; clamp as above. The result stands in g. */
struct weir_glu_args {
    float *g;
    const float *u;
    const float *in_weight;
    uint64_t rows;
    float clamp;
    uint32_t n, act;
};
void eng_cuda_glu(struct eng_cuda *d, const struct weir_glu_args *a);

#endif
