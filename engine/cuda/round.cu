/* round.cu - activations for the products: normed, and rounded (product.h).
 *
 * A block is a row. The norm takes a pass of its own; the row is read from the cache the second
 * time. Sums are in an order that depends on the row's length alone.
 */
#include "engine/cuda/round.cuh"

#define THREADS 256

/* Value i of the row. */
WEIR_DEVICE float weir_value(const struct weir_round_args &a, const float *x, uint32_t i, float by)
{
    if (i >= a.out.n_in)
        return 0.0f;
    return a.norm ? x[i] * by * a.norm[i] : x[i];
}

WEIR_DEVICE float weir_over_block(float v, float *part, bool largest)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = largest ? weir_warp_max(v) : weir_warp_sum(v);
    __syncthreads();
    if (lane == 0)
        part[warp] = v;
    __syncthreads();
    v = part[0];
    for (unsigned w = 1; w < THREADS / 32; w++)
        v = largest ? fmaxf(v, part[w]) : v + part[w];
    return v;
}

/* 1 / sqrt(mean(x^2) + eps), or 1 */
WEIR_DEVICE float weir_row_norm(const struct weir_round_args &a, const float *x, float *part)
{
    if (!a.norm)
        return 1.0f;
    float s = 0;
    for (uint32_t i = threadIdx.x; i < a.out.n_in; i += THREADS)
        s += x[i] * x[i];
    s = weir_over_block(s, part, false);
    return 1.0f / sqrtf(s / (float)a.out.n_in + a.eps);
}

/* Writes the normed row where it is wanted. Each value is read and written by one thread; x may be
 * y, so what follows takes it from there. */
WEIR_DEVICE void weir_put(const struct weir_round_args &a, uint32_t i, float v)
{
    if (a.y && i < a.out.n_in)
        a.y[(uint64_t)blockIdx.x * a.out.n_in + i] = v;
}

WEIR_KERNEL(weir_round_f32, struct weir_round_args, THREADS)
{
    WEIR_SHARED(float, part, THREADS / 32);
    const float *x = a.x + (uint64_t)blockIdx.x * a.out.n_in;
    float by = weir_row_norm(a, x, part);
    for (uint32_t i = threadIdx.x; i < a.out.n_in; i += THREADS)
        weir_put(a, i, weir_value(a, x, i, by));
}

WEIR_KERNEL(weir_round_int, struct weir_round_args, THREADS)
{
    WEIR_SHARED(float, part, THREADS / 32);
    const float *x = a.x + (uint64_t)blockIdx.x * a.out.n_in;
    float by = weir_row_norm(a, x, part);
    for (uint32_t k = threadIdx.x; k < a.out.units * 64; k += THREADS) {
        float v = weir_value(a, x, k, by);
        weir_put(a, k, v);
        weir_round_block(a.out, blockIdx.x, k / 32, threadIdx.x % 32, v);
    }
}

/* Two values a thread: planes of halves of the row times a power of two that brings its largest
 * below 2^14, so that the second plane keeps 38 bits below that. */
WEIR_KERNEL(weir_round_f16, struct weir_round_args, THREADS)
{
    WEIR_SHARED(float, part, THREADS / 32);
    const float *x = a.x + (uint64_t)blockIdx.x * a.out.n_in;
    float by = weir_row_norm(a, x, part), max = 0;
    for (uint32_t i = threadIdx.x; i < a.out.n_in; i += THREADS)
        max = fmaxf(max, fabsf(weir_value(a, x, i, by)));
    max = weir_over_block(max, part, true);
    /* exponents of max from 2^-100 on: powers of two that f32 holds either way */
    int e = max > 0x1p-100f ? (int)(__float_as_uint(max) >> 23) - 127 : -100;
    float down = __uint_as_float((uint32_t)(127 + 13 - e) << 23);
    if (threadIdx.x == 0)
        a.out.info[blockIdx.x] = __uint_as_float((uint32_t)(127 - 13 + e) << 23);
    uint8_t *q = a.out.q + (uint64_t)blockIdx.x * a.out.units * 128;
    for (uint32_t k = 2 * threadIdx.x; k < a.out.units * 32; k += 2 * THREADS) {
        uint32_t hi = 0, lo = 0;
        for (uint32_t c = 0; c < 2; c++) {
            float v = weir_value(a, x, k + c, by);
            weir_put(a, k + c, v);
            uint16_t h = weir_f2h(v * down);
            hi |= (uint32_t)h << (16 * c);
            lo |= (uint32_t)weir_f2h(v * down - weir_h2f(h)) << (16 * c);
        }
        uint8_t *at = q + k / 32 * 128 + k % 32 * 2;
        *reinterpret_cast<uint32_t *>(at) = hi;
        *reinterpret_cast<uint32_t *>(at + 64) = lo;
    }
}

/* Three planes of bfloat16: all bits of an f32. */
WEIR_KERNEL(weir_round_bf16, struct weir_round_args, THREADS)
{
    WEIR_SHARED(float, part, THREADS / 32);
    const float *x = a.x + (uint64_t)blockIdx.x * a.out.n_in;
    float by = weir_row_norm(a, x, part);
    uint8_t *q = a.out.q + (uint64_t)blockIdx.x * a.out.units * 192;
    for (uint32_t k = 2 * threadIdx.x; k < a.out.units * 32; k += 2 * THREADS) {
        uint32_t plane[3] = {0, 0, 0};
        for (uint32_t c = 0; c < 2; c++) {
            float v = weir_value(a, x, k + c, by);
            weir_put(a, k + c, v);
            WEIR_UNROLL
            for (int p = 0; p < 3; p++) {
                uint16_t h = weir_f2b(v);
                plane[p] |= (uint32_t)h << (16 * c);
                v -= weir_b2f(h);
            }
        }
        uint8_t *at = q + k / 32 * 192 + k % 32 * 2;
        WEIR_UNROLL
        for (int p = 0; p < 3; p++)
            *reinterpret_cast<uint32_t *>(at + 64 * p) = plane[p];
    }
}
