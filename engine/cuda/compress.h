/* compress.h - the compressed keys of DeepSeek V4 on a CUDA device (model_compress.c says what they
 * are), and its outputs turned back and put into groups.
 */
#ifndef ENG_CUDA_COMPRESS_H
#define ENG_CUDA_COMPRESS_H

#include "engine/cuda/attend.h"

/* The batch's tokens by sequence: run r is the tokens token[first[r]..first[r + 1]) of one
 * sequence, in order, at consecutive cells. run[e] is the run of entry e. A sequence has one run.
 */
struct weir_order {
    const uint32_t *token, *run; /* [n] */
    const uint32_t *first;       /* [n_run + 1] */
    uint32_t n, n_run;
};

/* Where a layer's states are: slot i begins at i * each floats. */
#define WEIR_NO_MARK 0xffffffffu /* to none */
struct weir_states {
    float *at;
    uint64_t each;        /* floats of a slot */
    const uint32_t *slot; /* [tokens] of the live state of the token's sequence */
    const uint32_t *mark; /* [tokens] the slot to which the state behind a token is copied, or */
};

/* One of the rings of a layer: of the keys, or of the indexer's. Its state: [size][u, g][width]. */
struct weir_ring {
    const float *u, *g; /* [tokens][width] */
    const float *place; /* [ratio][width] */
    const float *norm;  /* [length] */
    float *state;       /* states.at and the ring's place in a state */
    void *pages;        /* [page][WEIR_PAGE][length] */
    const int32_t *table;
    uint32_t stride, length, width; /* width: length, or twice that where keys overlap */
};

struct weir_compress_args {
    struct weir_ring ring[2];
    struct weir_order order;
    struct weir_states states; /* its `at` is not used */
    const uint32_t *seq, *cell;
    const float *freq; /* [n_rot / 2] of the rotation of the last n_rot elements */
    float eps;
    uint32_t n_rot, ratio, size; /* size: tokens of a ring */
};

/* y[group][token][heads of the group] = x[token][head], the last n_rot elements of each head turned
 * back, pairs adjacent. */
struct weir_turn_back_args {
    const float *x, *cs; /* cs [tokens][n_rot] */
    float *y;
    uint32_t n_tok, n_head, n_dim, n_rot, n_group;
};

#define WEIR_RING_MOST 128 /* size at most */

/* launch_heads.c. The runs of a batch: token[n], run[n], first[n_run + 1] (room for n + 1) as
 * struct weir_order has them; returns n_run. Tokens of a sequence may be mixed with others'. */
uint32_t eng_cuda_order(const uint32_t *seq, uint32_t n, uint32_t *token, uint32_t *run,
                        uint32_t *first);
/* Compressed keys of n_ring rings into their pages, then the rings. Two launches. */
void eng_cuda_compress(struct eng_cuda *d, const struct weir_compress_args *a, uint32_t n_ring,
                       bool f32);
void eng_cuda_turn_back(struct eng_cuda *d, const struct weir_turn_back_args *a);

#endif
