/* heads.h - from what the matrices gave to what attention sees, on a CUDA device: norms of heads,
 * rotation, temperature, and keys and values into their pages, in one launch (launch_heads.c).
 */
#ifndef ENG_CUDA_HEADS_H
#define ENG_CUDA_HEADS_H

#include "engine/cuda/attend.h"

enum weir_head_norm {
    WEIR_NORM_NONE,
    WEIR_NORM_HEAD, /* RMS of every head's first n_norm elements; w [n_norm] or NULL: ones */
    WEIR_NORM_ALL,  /* RMS of all heads of the token together, w [n_head n] */
    WEIR_NORM_LAYER /* mean 0 and variance 1 of every head, w [n] and bias [n] */
};

/* One kind of heads: queries, keys or values. In order: norm, rotation of n_rot elements from
 * rot_at on, an RMS norm without weights, temperature. Results go to `out`, elements from `cut` on
 * to `out_2` from its first, and to pages; each NULL = not there. A head may be written where it
 * was read, but not with WEIR_NORM_ALL, whose heads are read by more than one block. */
struct weir_head_kind {
    const float *x, *w, *bias;
    float *out, *out_2;
    void *pages; /* [page][n_head][WEIR_PAGE][n] */
    uint64_t x_token, x_head, out_token, out_head, out_2_token, out_2_head;
    uint32_t n_head, n;       /* n_head 0: none of this kind */
    uint32_t norm, n_norm;    /* enum weir_head_norm */
    uint32_t n_rot, rot_at;   /* n_rot 0: no rotation */
    uint32_t post_norm, temp; /* 0 or 1 */
    uint32_t cut;             /* n: all of a head goes to out */
};

struct weir_heads_args {
    struct weir_head_kind q, k, v;
    struct weir_planes q_to; /* elements before q.cut rounded, head h of token t in row h n_tok + t
                                (q.cut a multiple of 32); q NULL: not so */
    const float *cs;         /* [tokens][n_rot] cosine and sine of every pair */
    const uint32_t *seq, *cell, *base;
    const int32_t *table; /* [n_seq][stride], of the pages */
    uint32_t stride, neox, n_tok;
    float eps, layer_eps;              /* of RMS norms, of WEIR_NORM_LAYER */
    float temp_scale;                  /* x *= 1 + temp_scale ln(floor(at / length) + 1) with */
    uint32_t temp_length, temp_offset; /* at = position + temp_offset */
    uint32_t blocks_q, blocks_k, room; /* room: floats of shared memory for a warp */
};

#define WEIR_HEADS_WARPS 4
#define WEIR_HEAD_MOST   4096 /* elements of a head */

/* All kinds of n_tok tokens in one launch (launch_heads.c); blocks_q, blocks_k and room are filled
 * in here. f32: pages hold floats, else halves. Does not block; errors stick in d. */
void eng_cuda_heads(struct eng_cuda *d, const struct weir_heads_args *a, uint32_t n_tok, bool f32);

#endif
