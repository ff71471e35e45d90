/* delta.h - gated DeltaNet on a CUDA device (model_delta.c says what it is).
 *
 * Three launches a layer, whatever the batch: the convolution with queries and keys brought to
 * length 1, the states' steps, the gated norm of the heads. A run that begins at cell 0 begins with
 * a state of zeros, whatever is in its memory.
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

/* launch_heads.c. Convolution and steps: two launches; then the gated norm: one. */
void eng_cuda_delta(struct eng_cuda *d, const struct weir_delta_args *a);
void eng_cuda_delta_gate(struct eng_cuda *d, const struct weir_delta_gate_args *a, uint32_t n_tok);

#endif
