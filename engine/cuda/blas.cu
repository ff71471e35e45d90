/* blas.cu - matrices as cuBLAS takes them, and what is left to do behind its products
 * (blas_rows.h).
 *
 * Unpacking: a warp a unit of 16 rows by 64 values, decoded as the products do; each quad of lanes
 * writes 32 bytes of a row at a time, so no sector is touched twice. The sums behind a product are
 * read and written again only where something is left to do: most rows need no factor, and a row
 * without one, without bias and scale is left alone.
 */
#include "engine/cuda/blas_rows.h"
#include "engine/cuda/product.cuh"

#define THREADS 256

WEIR_DEVICE float plain_value(const struct weir_plain_args &a, const float *x, uint32_t i, float by)
{
    if (i >= a.n_in)
        return 0.0f;
    return a.norm ? x[i] * by * a.norm[i] : x[i];
}

WEIR_DEVICE float plain_over_block(float v, float *part, bool largest)
{
    v = largest ? weir_warp_max(v) : weir_warp_sum(v);
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = v;
    __syncthreads();
    v = part[0];
    for (unsigned w = 1; w < THREADS / 32; w++)
        v = largest ? fmaxf(v, part[w]) : v + part[w];
    return v;
}

/* A block a row; two values a thread. */
WEIR_KERNEL(weir_plain, struct weir_plain_args, THREADS)
{
    WEIR_SHARED(float, part, THREADS / 32);
    const uint32_t row = blockIdx.x;
    const float *x = a.x + (uint64_t)row * a.n_in;
    float by = 1.0f, up = 1.0f;
    if (a.norm) {
        float s = 0;
        for (uint32_t i = threadIdx.x; i < a.n_in; i += THREADS)
            s += x[i] * x[i];
        by = 1.0f / sqrtf(plain_over_block(s, part, false) / (float)a.n_in + a.eps);
    }
    if (!a.bf16) {
        float max = 0;
        for (uint32_t i = threadIdx.x; i < a.n_in; i += THREADS)
            max = fmaxf(max, fabsf(plain_value(a, x, i, by)));
        max = plain_over_block(max, part, true);
        int e = max > 0x1p-100f ? (int)(__float_as_uint(max) >> 23) - 127 : -100;
        int down = e >= 14 || (e < -8 && max > 0.0f) ? e - 13 : 0;
        up = __uint_as_float((uint32_t)(127 - down) << 23);
        if (threadIdx.x == 0)
            a.factor[row] = __uint_as_float((uint32_t)(127 + down) << 23);
    }
    for (uint32_t k = 2 * threadIdx.x; k < a.ld; k += 2 * THREADS) {
        float v[2];
        for (uint32_t c = 0; c < 2; c++) {
            v[c] = plain_value(a, x, k + c, by);
            if (a.y && k + c < a.n_in)
                a.y[(uint64_t)row * a.n_in + k + c] = v[c];
            v[c] *= up;
        }
        for (uint32_t p = 0; p < a.planes; p++) {
            uint16_t *q = a.q + ((uint64_t)p * a.rows + row) * a.ld + k;
            uint32_t pair = a.bf16 ? weir_f2b2(v[0], v[1]) : weir_f2h2(v[0], v[1]);
            float2 back = a.bf16 ? weir_b2f2(pair) : weir_h2f2(pair);
            *reinterpret_cast<uint32_t *>(q) = pair;
            v[0] -= back.x;
            v[1] -= back.y;
        }
    }
}

/* blockIdx: x row, y outputs. */
WEIR_KERNEL(weir_finish, struct weir_finish_args, THREADS)
{
    float by = a.factor ? a.factor[blockIdx.x] : 1.0f;
    if (by == 1.0f && !a.bias && !a.scale)
        return;
    float scale = a.scale ? *a.scale : 1.0f;
    float *y = a.y + (uint64_t)blockIdx.x * a.ldy;
    for (uint32_t o = blockIdx.y * THREADS + threadIdx.x; o < a.n_out; o += gridDim.y * THREADS)
        y[o] = (y[o] * by + (a.bias ? a.bias[o] : 0.0f)) * scale;
}

/* The same grid. */
WEIR_KERNEL(weir_pair, struct weir_pair_args, THREADS)
{
    float by = a.factor ? a.factor[blockIdx.x] : 1.0f;
    float sg = a.scale ? *a.scale : 1.0f, su = a.scale_up ? *a.scale_up : 1.0f;
    const float *x = a.x + (uint64_t)blockIdx.x * a.ldx;
    float *h = a.h + (uint64_t)blockIdx.x * a.n_out;
    for (uint32_t o = blockIdx.y * THREADS + threadIdx.x; o < a.n_out; o += gridDim.y * THREADS) {
        uint32_t at = o / 8 * 16 + o % 8;
        float g = (x[at] * by + (a.bias ? a.bias[o] : 0.0f)) * sg;
        float u = (x[at + 8] * by + (a.bias_up ? a.bias_up[o] : 0.0f)) * su;
        h[o] = weir_activate(a.act, a.clamp, 1.0f, g, u);
    }
}

/* ---- weights ---- */

template <class F> WEIR_DEVICE uint32_t unpack_two(float x, float y)
{
    if constexpr (F::power)
        return weir_f2b2(x, y);
    else
        return weir_f2h2(fmaxf(-65504.0f, fminf(x * WEIR_BLAS_UP, 65504.0f)),
                         fmaxf(-65504.0f, fminf(y * WEIR_BLAS_UP, 65504.0f)));
}

/* blockIdx.x: row group; a warp a unit. */
template <class F> WEIR_DEVICE void weir_unpack(const struct weir_unpack_args &a)
{
    const unsigned lane = threadIdx.x % 32;
    const uint8_t *w = a.w + (a.group0 + blockIdx.x) * a.group_bytes;
    for (uint32_t u = blockIdx.y * (THREADS / 32) + threadIdx.x / 32; u < a.units;
         u += gridDim.y * (THREADS / 32)) {
        typename F::place at;
        typename F::raw raw = {};
        struct weir_scaled<F> k;
        uint32_t code[8];
        F::find(at, w + (uint64_t)u * F::unit_step,
                w + (uint64_t)a.units * F::unit_bytes + (uint64_t)(u / 4) * F::super_bytes, a.units,
                lane);
        F::load(raw, at, 0, 0);
        F::decode(raw, code);
        weir_scale<F>(k, raw);
        uint16_t *out =
            a.out + ((uint64_t)blockIdx.x * 16 + lane / 4) * a.ld + (uint64_t)u * 64 + lane % 4 * 4;
        WEIR_UNROLL
        for (int i = 0; i < 8; i++) {
            const int b = i / 4, half = i % 4 / 2, row = i % 2;
            const int s = F::span == 32 ? b : 2 * b + half;
            float d = k.d[s][row] * F::factor, m = k.m[s][row], v[4];
            for (int c = 0; c < 4; c++)
                v[c] = weir_sbyte(code[i], c) * d + m;
            *reinterpret_cast<uint2 *>(out + row * 8 * a.ld + 32 * b + 16 * half) =
                make_uint2(unpack_two<F>(v[0], v[1]), unpack_two<F>(v[2], v[3]));
        }
    }
}

#define UNPACK(form)                                                                               \
    WEIR_KERNEL(weir_unpack_##form, struct weir_unpack_args, THREADS)                              \
    {                                                                                              \
        weir_unpack<weir_form_##form>(a);                                                          \
    }

UNPACK(q4_0)
UNPACK(q4_1)
UNPACK(q5_0)
UNPACK(q5_1)
UNPACK(q8_0)
UNPACK(q2_k)
UNPACK(q3_k)
UNPACK(q4_k)
UNPACK(q5_k)
UNPACK(q6_k)
UNPACK(iq4_nl)
UNPACK(iq4_xs)
UNPACK(mxfp4)
UNPACK(nvfp4)
