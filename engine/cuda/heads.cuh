/* heads.cuh - a head by a warp: norms, rotation, temperature, and where it goes. heads.cu has the
 * kernels of heads alone; product_any.cuh does the same behind the product that gives the heads.
 */
#pragma once

#include "engine/cuda/device.cuh"
#include "engine/cuda/heads.h"
#include "engine/cuda/round.cuh"

/* 1 / sqrt(mean of squares + eps) */
WEIR_DEVICE float head_rms(const float *x, uint32_t n, float eps)
{
    float sum = 0;
    for (uint32_t i = threadIdx.x % 32; i < n; i += 32)
        sum += x[i] * x[i];
    return 1.0f / sqrtf(weir_warp_sum(sum) / (float)n + eps);
}

WEIR_DEVICE void head_layer_norm(const struct weir_head_kind &p, float *x, float eps)
{
    float sum = 0, var = 0;
    for (uint32_t i = threadIdx.x % 32; i < p.n; i += 32)
        sum += x[i];
    float mean = weir_warp_sum(sum) / (float)p.n;
    for (uint32_t i = threadIdx.x % 32; i < p.n; i += 32)
        var += (x[i] - mean) * (x[i] - mean);
    float scale = 1.0f / sqrtf(weir_warp_sum(var) / (float)p.n + eps);
    for (uint32_t i = threadIdx.x % 32; i < p.n; i += 32)
        x[i] = (x[i] - mean) * scale * p.w[i] + p.bias[i];
}

WEIR_DEVICE void head_norm(const struct weir_heads_args &a, const struct weir_head_kind &p,
                           uint32_t head, float all, float *x)
{
    if (p.norm == WEIR_NORM_HEAD) {
        float scale = head_rms(x, p.n_norm, a.eps);
        for (uint32_t i = threadIdx.x % 32; i < p.n_norm; i += 32)
            x[i] = x[i] * scale * (p.w ? p.w[i] : 1.0f);
    } else if (p.norm == WEIR_NORM_ALL) {
        for (uint32_t i = threadIdx.x % 32; i < p.n; i += 32)
            x[i] = x[i] * all * p.w[head * p.n + i];
    } else if (p.norm == WEIR_NORM_LAYER) {
        head_layer_norm(p, x, a.layer_eps);
    }
    __syncwarp(0xffffffffu);
}

WEIR_DEVICE void head_turn(const struct weir_heads_args &a, const struct weir_head_kind &p,
                           uint32_t t, float *x)
{
    uint32_t half = p.n_rot / 2, step = a.neox ? 1 : 2, other = a.neox ? half : 1;
    const float2 *cs = reinterpret_cast<const float2 *>(a.cs + (uint64_t)t * p.n_rot);
    for (uint32_t i = threadIdx.x % 32; i < half; i += 32) {
        float *u = x + p.rot_at + i * step, *v = u + other;
        float u0 = *u, v0 = *v;
        float2 c = cs[i];
        *u = u0 * c.x - v0 * c.y;
        *v = u0 * c.y + v0 * c.x;
    }
    __syncwarp(0xffffffffu);
}

WEIR_DEVICE void head_scale(const struct weir_heads_args &a, const struct weir_head_kind &p,
                            uint32_t t, float *x)
{
    float by = 1;
    if (p.post_norm)
        by = head_rms(x, p.n, a.eps);
    if (p.temp) {
        float at = (float)(a.base[a.seq[t]] + a.cell[t] + a.temp_offset);
        by *= 1.0f + a.temp_scale * logf(floorf(at / (float)a.temp_length) + 1.0f);
    }
    __syncwarp(0xffffffffu);
    for (uint32_t i = threadIdx.x % 32; i < p.n; i += 32)
        x[i] *= by;
    __syncwarp(0xffffffffu);
}

WEIR_DEVICE void head_put(float *to, uint32_t i, float x)
{
    to[i] = x;
}

WEIR_DEVICE void head_put(uint16_t *to, uint32_t i, float x)
{
    to[i] = weir_f2h(x);
}

template <typename T>
WEIR_DEVICE void head_store(const struct weir_heads_args &a, const struct weir_head_kind &p,
                            uint32_t t, uint32_t head, const float *x)
{
    uint32_t lane = threadIdx.x % 32;
    float *out = p.out + (uint64_t)t * p.out_token + (uint64_t)head * p.out_head;
    float *out_2 = p.out_2 + (uint64_t)t * p.out_2_token + (uint64_t)head * p.out_2_head;
    for (uint32_t i = lane; p.out && i < p.cut; i += 32)
        out[i] = x[i];
    for (uint32_t i = p.cut + lane; p.out_2 && i < p.n; i += 32)
        out_2[i - p.cut] = x[i];
    if (!p.pages)
        return;
    uint32_t cell = a.cell[t];
    int32_t page = a.table[(uint64_t)a.seq[t] * a.stride + cell / WEIR_PAGE];
    if (page < 0)
        return;
#if defined(WEIR_BUG_64) /* the cell behind the right one */
    cell++;
#endif
    T *to = static_cast<T *>(p.pages) +
            (((uint64_t)page * p.n_head + head) * WEIR_PAGE + cell % WEIR_PAGE) * p.n;
    for (uint32_t i = lane; i < p.n; i += 32)
        head_put(to, i, x[i]);
}

/* Head `head` of token t: into x (shared memory of this warp, p.n floats), through all of it, and
 * out. all: the factor of WEIR_NORM_ALL. A warp. */
template <typename T>
WEIR_DEVICE void head_run(const struct weir_heads_args &a, const struct weir_head_kind &p,
                          uint32_t t, uint32_t head, float all, float *x)
{
    const float *from = p.x + (uint64_t)t * p.x_token + (uint64_t)head * p.x_head;
    for (uint32_t i = threadIdx.x % 32; i < p.n; i += 32)
        x[i] = from[i];
    __syncwarp(0xffffffffu);
    if (p.norm)
        head_norm(a, p, head, all, x);
    if (p.n_rot)
        head_turn(a, p, t, x);
    if (p.post_norm || p.temp)
        head_scale(a, p, t, x);
    head_store<T>(a, p, t, head, x);
}
