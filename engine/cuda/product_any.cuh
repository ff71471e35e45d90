/* product_any.cuh - the kernels of product_any.h that begin with a product: a matrix's form picks
 * the loop, all else is product.cuh's.
 */
#pragma once

#include "engine/cuda/heads.cuh"
#include "engine/cuda/product_any.h"
#include "engine/cuda/product_small.cuh"

/* X(name, form): matrices of one launch; a head's matrix behind a product. Some of each: every one
 * costs seconds of compiling for all architectures. */
#define WEIR_ANY_FORMS(X) X(q8_0, Q8_0) X(q4_k, Q4_K) X(q5_k, Q5_K) X(q6_k, Q6_K) X(iq4_xs, IQ4_XS)
#define WEIR_ABSORB_FORMS(X)                                                                       \
    X(q4_0, Q4_0) X(q5_0, Q5_0) X(q5_1, Q5_1) X(q8_0, Q8_0) X(iq4_nl, IQ4_NL)

WEIR_DEVICE float weir_absorb_rows(uint32_t form, const uint8_t *w, const struct weir_small &x,
                                   unsigned lane, float sum[4])
{
    uint32_t first = 0; /* hidden: a loop that is taken apart takes too many registers */
    const uint32_t end = WEIR_MV_SPLIT;
    constexpr bool AHEAD = false;
    weir_hide(first);
    float4 *part = nullptr;
    switch (form) {
        WEIR_ABSORB_FORMS(WEIR_SMALL_CASE)
    }
    return 0;
}

/* Blocks behind those of the products: keys into the cache, a warp a token. */
WEIR_DEVICE void weir_absorb_keys(const struct weir_absorb &b, float *room)
{
#if defined(WEIR_BUG_60) /* tokens between the first blocks' left out */
    const uint32_t each = blockDim.x / 32;
#else
    const uint32_t each = b.key_warps;
#endif
    const uint32_t warp = threadIdx.x / 32, t = (blockIdx.x - b.first_key) * each + warp;
    if (warp >= b.key_warps || t >= b.n || blockIdx.y)
        return;
    room += warp * b.heads.k.n;
    if (b.f32)
        head_run<float>(b.heads, b.heads.k, t, 0, 0, room);
    else
        head_run<uint16_t>(b.heads, b.heads.k, t, 0, 0, room);
}

/* Head h of all tokens. Its outputs stand in memory; they are read as plain loads. */
WEIR_DEVICE void weir_absorb_head(const struct weir_absorb &b, uint32_t h, uint8_t *room)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const struct weir_mat &m = b.k_b;
    const uint32_t units = b.heads.q.cut / 64;
    WEIR_NO_UNROLL
    for (uint32_t c0 = 0; c0 < b.n; c0 += WEIR_MV_ROWS) {
        const uint32_t here = b.n - c0 < WEIR_MV_ROWS ? b.n - c0 : WEIR_MV_ROWS;
        WEIR_NO_UNROLL
        for (uint32_t c = warp; c < here; c += warps) {
            const struct weir_acts x = weir_small_acts(room, units, b.planes);
            float *own = x.half + WEIR_MV_ROWS * units * 2 + warp * b.heads.q.n;
            head_run<float>(b.heads, b.heads.q, c0 + c, h, 0, own);
            WEIR_NO_UNROLL
            for (uint32_t k = 0; k < 2 * units; k++)
                weir_round_block(x, c, k, lane, own[k * 32 + lane]);
        }
#if !defined(WEIR_BUG_58) /* rows used before they are rounded */
        __syncthreads();
#endif
        WEIR_NO_UNROLL
        for (uint32_t group = warp; group < m.groups; group += warps) {
            float v[4] = {0, 0, 0, 0};
            const struct weir_small x = {room, units, b.planes, here};
            float by =
                weir_absorb_rows(m.form, m.w + h * m.mat_bytes + group * m.group_bytes, x, lane, v);
            WEIR_UNROLL
            for (uint32_t i = 0; i < 4; i++) {
                uint32_t c = lane % 4 * 2 + i % 2, o = group * 16 + lane / 4 + i / 2 * 8;
                if (c < here && o < m.n_out)
                    m.y[(uint64_t)(c0 + c) * m.ldy + h * m.step + o] =
                        weir_bias(v[i] * by, m.bias, m.scale, h, m.bias_step, o);
            }
        }
        __syncthreads(); /* the rows have been used */
    }
}

/* Heads that this block has outputs of: those that it is the last to have. All warps; room: dynamic
 * shared memory that nobody uses any more. */
WEIR_DEVICE void weir_absorb_last(const struct weir_any_args &a, const struct weir_job &j,
                                  uint8_t *room)
{
    const uint32_t full = a.absorb.heads.q.n, per = a.mm.warps * 16, from = j.group * 16;
    const uint32_t end = from + per < a.mm.mat[0].n_out ? from + per : a.mm.mat[0].n_out;
    WEIR_NO_UNROLL
    for (uint32_t h = from / full; h * full < end; h++) {
#if defined(WEIR_BUG_57) /* a head that begins within a block: that block not counted */
        uint32_t blocks = ((h + 1) * full - 1) / per - (h * full + per - 1) / per + 1;
#else
        uint32_t blocks = ((h + 1) * full - 1) / per - h * full / per + 1;
#endif
        if (weir_arrive(a.absorb.count + h, blocks * gridDim.y))
            weir_absorb_head(a.absorb, h, room);
    }
}
