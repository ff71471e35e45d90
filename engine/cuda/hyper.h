/* hyper.h - several residual streams around each half of a layer (engine/model/model_hyper.c has
 * the formulas). As rows.h: arguments of kernels (hyper.cu), and functions that launch them.
 */
#ifndef ENG_CUDA_HYPER_H
#define ENG_CUDA_HYPER_H

#include <stdint.h>

struct eng_cuda;

#define WEIR_STREAMS_MAX 8u

/* Before a half. mix[t] holds what the matrix made of the token's normed streams, n (2 + n)
 * numbers; afterwards its first n are what each stream takes of the half's output
 * (weir_join_args.take, with take_step n (2 + n)). x is mixed with itself, in[t] is what the half
 * sees. */
struct weir_hyper_in_args {
    float *mix;                /* [n][(2 + n_stream) * n_stream] */
    const float *base, *scale; /* [(2 + n_stream) * n_stream], [3] */
    float *x;                  /* [n][n_stream][n_embd] */
    float *in;                 /* [n][n_embd] */
    uint32_t n, n_stream, n_embd, iterations;
    float eps;
};

/* Before the output: in[t] of the streams. mix[t]: n_stream numbers. */
struct weir_hyper_out_args {
    const float *mix, *base, *scale; /* scale: [1] */
    const float *x;
    float *in;
    uint32_t n, n_stream, n_embd;
    float eps;
};

/* n_stream at most WEIR_STREAMS_MAX */
void eng_cuda_hyper_in(struct eng_cuda *d, const struct weir_hyper_in_args *a);
void eng_cuda_hyper_out(struct eng_cuda *d, const struct weir_hyper_out_args *a);

#endif
