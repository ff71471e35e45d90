/* delta.h - gated DeltaNet on a CUDA device (model_delta.c says what it is).
 *
 * Three launches a layer, whatever the batch: the convolution with queries and keys brought to
 * length 1, the states' steps, the gated norm of the heads. A run that begins at cell 0 begins with
 * a state of zeros, whatever is in its memory. Two launches more if runs of the batch are so long
 * that their steps go in chunks.
 */
#ifndef ENG_CUDA_DELTA_H
#define ENG_CUDA_DELTA_H

#include "engine/cuda/compress.h"

/* A layer's state: [channels][conv - 1] inputs, oldest first, then [n_value][dk][dv]. */
struct weir_delta_args {
    const float *x; /* [tokens][channels] what the matrix gave */
    float *u;       /* the same shape, other memory: convolved */
    const float *conv_w;
    const float *beta, *alpha; /* before sigmoid and softplus; see gate_each */
    const float *dt, *decay;   /* [n_value]; decay < 0 */
    float *out;                /* [tokens][n_value][dv] */
    struct weir_order order;
    struct weir_states states;
    const uint32_t *cell;
    uint32_t n_key, n_value, dk, dv, conv, channels;
    uint32_t tiled;     /* value head h has key head h % n_key; else h / (n_value / n_key) */
    uint32_t gate_each; /* 0: beta and alpha are [tokens][n_value]. Else beta
                           [tokens][n_key][2][each] holds both, each = n_value / n_key */
    float eps;
    /* runs whose steps go in chunks; n_long 0: none, and the rest is not used. chunk c: entries
     * chunk[2 c].., chunk[2 c + 1] of them; run longs[3 i] has chunks longs[3 i + 1] to
     * longs[3 i + 2]; chunked [n_run] says which runs are among them. */
    const uint32_t *chunk, *longs, *chunked;
    void *scratch; /* eng_cuda_delta_scratch() */
    uint32_t n_chunk, n_long;
};

/* x = rms(x) norm silu(z), per head */
struct weir_delta_gate_args {
    float *x;       /* [tokens][n_value][dv] */
    const float *z; /* the same shape */
    const float *norm;
    uint32_t n_value, dv;
    float eps;
};

#define WEIR_DELTA_COLUMNS 32 /* of a state, that a block takes */

/* Chunks: tokens of one at most; keys that they can have; threads of a block that has 16 columns a
 * warp; tokens that a chunk must have on average for its run to go that way: a chunk costs about as
 * much whatever its length. */
#define WEIR_DELTA_CHUNK         32
#define WEIR_DELTA_CHUNK_DK      128
#define WEIR_DELTA_CHUNK_THREADS 64
#define WEIR_DELTA_CHUNK_LEAST   16

/* launch_heads.c. The runs of a batch (order, mark: as the kernels', in host memory) that go in
 * chunks, which end where a state is noted: chunk[2 n / WEIR_DELTA_CHUNK_LEAST], longs[3 of the
 * same], chunked[n_run]; returns the number of chunks, and *n_long. */
uint32_t eng_cuda_delta_chunks(const uint32_t *token, const uint32_t *first, uint32_t n_run,
                               const uint32_t *mark, uint32_t *chunk, uint32_t *longs,
                               uint32_t *chunked, uint32_t *n_long);
/* Whether a layer's steps can go in chunks, and bytes of scratch for so many. */
bool eng_cuda_delta_can(uint32_t dk);
size_t eng_cuda_delta_scratch(const struct weir_delta_args *a, uint32_t n_chunk);
/* launch_heads.c. Convolution and steps: two launches; then the gated norm: one. */
void eng_cuda_delta(struct eng_cuda *d, const struct weir_delta_args *a);
void eng_cuda_delta_gate(struct eng_cuda *d, const struct weir_delta_gate_args *a, uint32_t n_tok);

#endif
