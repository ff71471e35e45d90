/* hyper.cu - the kernels of hyper.h: a block a token.
 *
 * The few numbers that say how streams mix are made by one thread (an 8 x 8 matrix at most, its
 * rows and columns normed by turns: each step needs the last) and lie in shared memory; then every
 * thread takes whole columns of the streams: what it reads of all streams it writes to all of them,
 * so the mixing needs no second copy.
 */
#include "engine/cuda/hyper.h"
#include "engine/cuda/reduce.cuh"

#define MIX_MAX ((2 + WEIR_STREAMS_MAX) * WEIR_STREAMS_MAX)

WEIR_DEVICE float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

WEIR_DEVICE void normalise(float *c, uint32_t n, uint32_t step, uint32_t line, float eps)
{
    for (uint32_t i = 0; i < n; i++) {
        float sum = eps;
        for (uint32_t j = 0; j < n; j++)
            sum += c[i * line + j * step];
        for (uint32_t j = 0; j < n; j++)
            c[i * line + j * step] /= sum;
    }
}

/* c[from][to], rows and columns made to sum to 1 */
WEIR_DEVICE void sinkhorn(float *c, uint32_t n, uint32_t iterations, float eps)
{
    for (uint32_t i = 0; i < n; i++) {
        float *row = c + i * n, max = row[0], sum = 0;
        for (uint32_t j = 1; j < n; j++)
            max = fmaxf(max, row[j]);
        for (uint32_t j = 0; j < n; j++)
            sum += row[j] = expf(row[j] - max);
        for (uint32_t j = 0; j < n; j++)
            row[j] = row[j] / sum + eps;
    }
    for (uint32_t k = 0; k < iterations; k++) {
        if (k)
            normalise(c, n, 1, n, eps);
        normalise(c, n, n, 1, eps);
    }
}

WEIR_KERNEL(weir_hyper_in, struct weir_hyper_in_args, 1024)
{
    WEIR_SHARED(float, m, MIX_MAX);
    WEIR_SHARED(float, give, WEIR_STREAMS_MAX);
    uint32_t t = blockIdx.x, n = a.n_stream, all = (2 + n) * n;
    float *mix = a.mix + (uint64_t)t * all, *x = a.x + (uint64_t)t * n * a.n_embd;
    for (uint32_t i = threadIdx.x; i < all; i += blockDim.x)
        m[i] = mix[i] * a.scale[i < n ? 0 : i < 2 * n ? 1 : 2] + a.base[i];
    __syncthreads();
    if (threadIdx.x < n) {
        give[threadIdx.x] = sigmoid(m[threadIdx.x]) + a.eps;
        mix[threadIdx.x] = 2 * sigmoid(m[n + threadIdx.x]);
    }
    if (threadIdx.x == 0)
        sinkhorn(m + 2 * n, n, a.iterations, a.eps);
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < a.n_embd; i += blockDim.x) {
        float old[WEIR_STREAMS_MAX], in = 0;
        WEIR_UNROLL
        for (uint32_t s = 0; s < WEIR_STREAMS_MAX; s++) {
            old[s] = s < n ? x[(uint64_t)s * a.n_embd + i] : 0;
            in += s < n ? give[s] * old[s] : 0;
        }
        a.in[(uint64_t)t * a.n_embd + i] = in;
        for (uint32_t to = 0; to < n; to++) {
            float sum = 0;
            WEIR_UNROLL
            for (uint32_t s = 0; s < WEIR_STREAMS_MAX; s++)
                sum += s < n ? m[2 * n + s * n + to] * old[s] : 0;
            x[(uint64_t)to * a.n_embd + i] = sum;
        }
    }
}

WEIR_KERNEL(weir_hyper_out, struct weir_hyper_out_args, 1024)
{
    WEIR_SHARED(float, give, WEIR_STREAMS_MAX);
    uint32_t t = blockIdx.x, n = a.n_stream;
    const float *x = a.x + (uint64_t)t * n * a.n_embd;
    if (threadIdx.x < n)
        give[threadIdx.x] =
            sigmoid(a.mix[(uint64_t)t * n + threadIdx.x] * a.scale[0] + a.base[threadIdx.x]) +
            a.eps;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < a.n_embd; i += blockDim.x) {
        float in = 0;
        for (uint32_t s = 0; s < n; s++)
            in += give[s] * x[(uint64_t)s * a.n_embd + i];
        a.in[(uint64_t)t * a.n_embd + i] = in;
    }
}
