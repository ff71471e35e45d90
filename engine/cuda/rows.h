/* rows.h - what is done to each token's row alone: embedding, angles, joining the residual stream,
 * gathering rows, logits.
 *
 * Each struct is the one argument of the kernel of its name (rows.cu); all pointers are device
 * addresses, rows adjacent unless a length between them is given. The functions put one launch into
 * the device's stream (launch_rows.c): they do not block, and a failure sticks in d and is told at
 * the end of the step. Rows n = 0: nothing is launched.
 */
#ifndef ENG_CUDA_ROWS_H
#define ENG_CUDA_ROWS_H

#include "engine/cuda/product.h"

#include <stdint.h>

struct eng_cuda;

/* x[t][s] = scale * rows[t] for every stream s. The rows come from the table of embeddings, which
 * stays in the host's memory: a row a token is what a step needs of it. */
struct weir_embed_args {
    const float *rows; /* [n][n_embd] */
    float *x;          /* [n][n_stream][n_embd] */
    uint32_t n, n_embd, n_stream;
    float scale;
};

/* cs[t][2 i], cs[t][2 i + 1] = mscale * cosine, sine of pos[t] * freq[i], the product rounded to
 * f32 as on the CPU. */
struct weir_angles_args {
    const uint32_t *pos; /* [n] */
    const float *freq;   /* [n_rot / 2] */
    float *cs;           /* [n][n_rot] */
    uint32_t n, n_rot;
    float mscale;
};

/* y[t] = x[t] / sqrt(mean(x[t]^2) + eps) * w; w NULL: without weights; y may be x. */
struct weir_norm_args {
    const float *x; /* [n][n_in] */
    const float *w; /* [n_in] or NULL */
    float *y;
    uint32_t n, n_in;
    float eps;
};

/* The end of a half of a layer: what it gave joins the residual stream.
 *
 *   v = add[t], or the sum over slots k of weights[t][k] * add[pair_of[t][k]]
 *   v = rms(v) * norm_a;  v += side[t];  v = rms(v) * norm_b      (what is NULL is left out)
 *   g = sigmoid(gate_x[t] . gate_w), or 1
 *   x[t][s] += scale * take_s * v + scale * take_s * g * shared[t]
 *   x[t] *= out_scale if that is not 0;  y[t] = rms(x[t]) * next_norm
 *   round[t] = y[t] in planes of bytes, if round.q is given (ENG_ACTS_INT; y may then be NULL)
 *
 * take_s = take[t * take_step + s] with several streams (scale must then be 1), else 1. out_scale
 * and next_norm only with one stream. v: [n][n_embd] to work in; may be add unless pair_of is
 * given, may be NULL if neither norm is given. */
struct weir_join_args {
    float *x; /* [n][n_stream][n_embd] */
    const float *add;
    const uint32_t *pair_of; /* [n][n_used] rows of add, or NULL */
    const float *weights;    /* [n][n_used], NULL: 1 */
    const float *norm_a, *side, *norm_b;
    const float *shared, *gate_x, *gate_w;
    const float *take;
    const float *next_norm;
    float *y; /* [n][n_embd] */
    float *v;
    struct weir_acts round; /* made by weir_acts_at for n rows or more */
    uint32_t n, n_embd, n_stream, n_used, take_step;
    float scale, out_scale, eps;
};

/* dst[r] = src[index[r]]; rows of n_in words of 32 bits. dst must not be src. */
struct weir_gather_args {
    const uint32_t *src;
    uint32_t *dst;
    const uint32_t *index; /* [n] */
    uint32_t n, n_in;
};

/* x = x / divide; x = softcap * tanh(x / softcap) unless softcap is 0. */
struct weir_logits_args {
    float *x; /* [n][n_vocab] */
    uint32_t n, n_vocab;
    float divide, softcap;
};

/* Inputs of the layers' own embeddings (model_side.c): x[t][l] = (own sqrt(n_side) + rms(x[t][l] /
 * sqrt(n_embd)) * norm) / sqrt(2); own: [n][n_layer][n_side], rows of the host's table. */
struct weir_side_in_args {
    float *x; /* [n][n_layer][n_side] */
    const float *own, *norm;
    uint32_t n, n_layer, n_side, n_embd;
    float eps;
};

/* g[t] = gelu(g[t]) * inputs[t][layer] */
struct weir_side_gate_args {
    float *g;            /* [n][n_side] */
    const float *inputs; /* [n][n_layer][n_side] */
    uint32_t n, n_layer, n_side, layer;
};

void eng_cuda_embed(struct eng_cuda *d, const struct weir_embed_args *a);
void eng_cuda_angles(struct eng_cuda *d, const struct weir_angles_args *a);
void eng_cuda_norm(struct eng_cuda *d, const struct weir_norm_args *a);
void eng_cuda_join(struct eng_cuda *d, const struct weir_join_args *a);
void eng_cuda_gather(struct eng_cuda *d, const struct weir_gather_args *a);
void eng_cuda_logits(struct eng_cuda *d, const struct weir_logits_args *a);
void eng_cuda_side_in(struct eng_cuda *d, const struct weir_side_in_args *a);
void eng_cuda_side_gate(struct eng_cuda *d, const struct weir_side_gate_args *a);

#endif
