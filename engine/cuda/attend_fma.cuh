/* attend_fma.cuh - flash attention by plain multiply-adds of floats, over pages of floats or of
 * halves of any length: what tensor cores would round, or cannot take.
 *
 * A block of FMA_THREADS takes FMA_ROWS rows through a range of cells, FMA_KEYS at a time, with
 * queries, keys and values as floats in shared memory. For scores a thread has one row and one key;
 * for sums all rows and NV columns, FMA_THREADS apart. Lengths are padded to four with zeros.
 */
#pragma once

#include "engine/cuda/attend_join.cuh"

#define FMA_THREADS 128
#define FMA_ROWS    8
#define FMA_KEYS    16

WEIR_DEVICE float fma_float(float x)
{
    return x;
}
WEIR_DEVICE float fma_float(uint16_t x)
{
    return weir_h2f(x);
}

/* 16 bytes of a row into shared memory. */
WEIR_DEVICE void fma_put(float *to, const float *from)
{
    *reinterpret_cast<float4 *>(to) = *reinterpret_cast<const float4 *>(from);
}

WEIR_DEVICE void fma_put(float *to, const uint16_t *from)
{
    uint4 x = *reinterpret_cast<const uint4 *>(from);
    float2 b = weir_h2f2(x.x), c = weir_h2f2(x.y), d = weir_h2f2(x.z), e = weir_h2f2(x.w);
    *reinterpret_cast<float4 *>(to) = make_float4(b.x, b.y, c.x, c.y);
    *reinterpret_cast<float4 *>(to + 4) = make_float4(d.x, d.y, e.x, e.y);
}

/* A tile's rows of n elements; zeros for cells that are not there. */
template <typename T>
WEIR_DEVICE void fma_load(const struct weir_attend_args &a, const struct attend_range *g,
                          uint32_t head_kv, uint32_t start, const void *pool, uint32_t n, float *to,
                          uint32_t ld, uint32_t lanes)
{
    constexpr uint32_t WIDE = 16 / sizeof(T);
    const T *from = static_cast<const T *>(pool);
    bool wide = n % WIDE == 0;
    uint32_t step = wide ? WIDE : 1, each = FMA_THREADS / lanes, at = threadIdx.x % lanes;
    for (uint32_t r = threadIdx.x / lanes; r < FMA_KEYS; r += each) {
        int64_t row = attend_row(a, g, head_kv, start + r);
        WEIR_NO_UNROLL
        for (uint32_t i = at * step; i < n; i += lanes * step) {
            if (wide && row >= 0)
                fma_put(to + r * ld + i, from + (uint64_t)row * n + i);
            else
                WEIR_NO_UNROLL
            for (uint32_t e = i; e < i + step; e++)
                to[r * ld + e] = row < 0 ? 0 : fma_float(from[(uint64_t)row * n + e]);
        }
    }
}

/* Zeros from n to the padded length, in rows of shared memory that are `ld` apart. */
WEIR_DEVICE void fma_pad(float *to, uint32_t rows, uint32_t n, uint32_t ld)
{
    uint32_t past = (n + 3) / 4 * 4;
    for (uint32_t r = threadIdx.x; r < rows; r += FMA_THREADS)
        for (uint32_t i = n; i < past; i++)
            to[r * ld + i] = 0;
}

WEIR_DEVICE void fma_queries(const struct weir_attend_args &a, const struct attend_work *w,
                             float *q)
{
    for (uint32_t r = threadIdx.x / 32; r < FMA_ROWS; r += FMA_THREADS / 32) {
        uint32_t row = w->row0 + r;
        uint64_t at = (uint64_t)(w->t0 + row / a.group) * a.q_token +
                      (uint64_t)(w->head_kv * a.group + row % a.group) * a.q_head;
        for (uint32_t i = threadIdx.x % 32; i < a.n_dim; i += 32)
            q[r * a.ld_k + i] = row < w->rows ? a.q[at + i] : 0;
    }
}

/* The largest and the sum over the FMA_KEYS lanes that share a row. */
WEIR_DEVICE float fma_row_max(float x)
{
    for (int step = FMA_KEYS / 2; step; step >>= 1)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}

WEIR_DEVICE float fma_row_sum(float x)
{
    for (int step = FMA_KEYS / 2; step; step >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

/* The thread's score. */
WEIR_DEVICE float fma_score(const float *q, const float *k, uint32_t n)
{
    float s = 0;
    WEIR_NO_UNROLL
    for (uint32_t i = 0; i < n; i += 4) {
        float4 x = *reinterpret_cast<const float4 *>(q + i);
        float4 y = *reinterpret_cast<const float4 *>(k + i);
        s += x.x * y.x;
        s += x.y * y.y;
        s += x.z * y.z;
        s += x.w * y.w;
    }
    return s;
}

/* o[column][row] = o * less[row] + sum of weights[row][key] * values[key][column] */
template <int NV>
WEIR_DEVICE void fma_values(float o[NV][FMA_ROWS], const float *weights, const float *less,
                            const float *v, uint32_t ld, uint32_t n)
{
    WEIR_UNROLL
    for (int i = 0; i < NV; i++) {
        uint32_t col = threadIdx.x + i * FMA_THREADS;
        if (col >= n)
            break;
        WEIR_UNROLL
        for (int r = 0; r < FMA_ROWS; r++)
            o[i][r] *= less[r];
        WEIR_NO_UNROLL
        for (uint32_t j = 0; j < FMA_KEYS; j += 4) {
            float x[4];
            WEIR_UNROLL
            for (int e = 0; e < 4; e++)
                x[e] = v[(j + e) * ld + col];
            WEIR_UNROLL
            for (int r = 0; r < FMA_ROWS; r++) {
                float4 p = *reinterpret_cast<const float4 *>(weights + r * FMA_KEYS + j);
                o[i][r] += p.x * x[0] + p.y * x[1] + p.z * x[2] + p.w * x[3];
            }
        }
    }
}

template <int NV>
WEIR_DEVICE void fma_write(const struct weir_attend_args &a, const struct attend_work *w,
                           float o[NV][FMA_ROWS], const float *maxes, const float *sums)
{
    WEIR_UNROLL
    for (int r = 0; r < FMA_ROWS; r++) {
        uint32_t row = w->row0 + r, t = w->t0 + row / a.group;
        uint32_t head = w->head_kv * a.group + row % a.group;
        if (row >= w->rows)
            break;
        float *out = a.out + (uint64_t)t * a.out_token + (uint64_t)head * a.out_head;
        const float *gate = NULL;
        float factor = 1;
        if (a.chunk) {
            out = a.part + (uint64_t)(w->part + r) * a.n_vdim;
            if (threadIdx.x == 0) {
                a.part_ml[2 * (uint64_t)(w->part + r)] = maxes[r];
                a.part_ml[2 * (uint64_t)(w->part + r) + 1] = sums[r];
            }
            if (sums[r] == 0)
                continue;
        } else {
            factor = attend_factor(a.sinks, head, maxes[r], sums[r]);
            if (a.gate)
                gate = a.gate + (uint64_t)t * a.gate_token + (uint64_t)head * a.gate_head;
        }
        WEIR_UNROLL
        for (int i = 0; i < NV; i++) {
            uint32_t col = threadIdx.x + i * FMA_THREADS;
            if (col < a.n_vdim)
                out[col] = o[i][r] * factor * (gate ? attend_sigmoid(gate[col]) : 1.0f);
        }
    }
}

template <typename T, int NV> WEIR_DEVICE void attend_fma(const struct weir_attend_args &a)
{
    WEIR_DYNAMIC(unsigned char, shared);
    WEIR_SHARED(float, weights, FMA_ROWS *FMA_KEYS);
    WEIR_SHARED(float, less, FMA_ROWS);
    WEIR_SHARED(float, maxes, FMA_ROWS);
    WEIR_SHARED(float, sums, FMA_ROWS);
    struct attend_work w;
    if (!attend_begin(a, FMA_ROWS, &w))
        return;
    float *q = reinterpret_cast<float *>(shared);
    float *k = reinterpret_cast<float *>(shared + a.at_k);
    float *v = reinterpret_cast<float *>(shared + a.at_k + a.at_v);
    uint32_t near = attend_tiles(w.near_lo, w.near_hi, FMA_KEYS);
    uint32_t n = near + attend_tiles(w.far_lo, w.far_hi, FMA_KEYS);
    uint32_t row = threadIdx.x / FMA_KEYS, key = threadIdx.x % FMA_KEYS;
    struct attend_seen seen = attend_seen_of(a, &w, row);
    fma_queries(a, &w, q);
    fma_pad(q, FMA_ROWS, a.n_dim, a.ld_k);
    fma_pad(k, FMA_KEYS, a.n_dim, a.ld_k);
    float o[NV][FMA_ROWS], max = WEIR_NEG_INF, sum = 0;
    WEIR_UNROLL
    for (int i = 0; i < NV * FMA_ROWS; i++)
        o[i / FMA_ROWS][i % FMA_ROWS] = 0;
    for (uint32_t it = 0; it < n; it++) {
        struct attend_range g = attend_range_of(a, &w, it >= near);
        uint32_t start = g.lo / FMA_KEYS * FMA_KEYS + (it >= near ? it - near : it) * FMA_KEYS;
        uint32_t lo, hi;
        attend_within(&g, &seen, it >= near, &lo, &hi);
        fma_load<T>(a, &g, w.head_kv, start, g.k, a.n_dim, k, a.ld_k, a.lanes_k);
        if (g.v)
            fma_load<T>(a, &g, w.head_kv, start, g.v, a.n_vdim, v, a.ld_v, a.lanes_v);
#if !defined(WEIR_BUG_63) /* keys used before they have come */
        __syncthreads();
#endif
        float s = fma_score(q + row * a.ld_k, k + key * a.ld_k, a.n_dim) * a.scale;
        s = start + key >= lo && start + key < hi ? s : WEIR_NEG_INF;
        float top = fmaxf(max, fma_row_max(s)), from = top == WEIR_NEG_INF ? 0 : top;
        float p = expf(s - from), fall = expf(max - from);
        sum = sum * fall + fma_row_sum(p);
        max = top;
        weights[threadIdx.x] = p;
        if (key == 0)
            less[row] = fall;
        __syncthreads();
        fma_values<NV>(o, weights, less, v, a.ld_v, a.n_vdim);
        __syncthreads();
    }
    if (key == 0) {
        maxes[row] = max;
        sums[row] = sum;
    }
    __syncthreads();
    fma_write<NV>(a, &w, o, maxes, sums);
}
