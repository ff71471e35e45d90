/* product_f32.cuh - products for weights that are F32: in f32 as they stand.
 *
 * They are few in a model (routers). A warp has a quarter of rows g and g + 8 of a row group and up
 * to 8 columns; its lanes are 32 times four values along the row, summed over in a fixed order. All
 * numbers of rows go this way, the same sums in either path.
 */
#pragma once

#include "engine/cuda/product.cuh"

/* Values 4 i .. 4 i + 3 of a row of n; 0 past its end. Rows need be aligned only if n is. */
WEIR_DEVICE float4 weir_four(const float *x, uint32_t i, uint32_t n)
{
    if (n % 4 == 0)
        return 4 * i < n ? __ldg(reinterpret_cast<const float4 *>(x) + i) : make_float4(0, 0, 0, 0);
    float4 v = make_float4(0, 0, 0, 0);
    if (4 * i < n)
        v.x = x[4 * i];
    if (4 * i + 1 < n)
        v.y = x[4 * i + 1];
    if (4 * i + 2 < n)
        v.z = x[4 * i + 2];
    if (4 * i + 3 < n)
        v.w = x[4 * i + 3];
    return v;
}

WEIR_DEVICE float weir_dot4(float s, const float4 &a, const float4 &b)
{
    return s + (a.x * b.x + a.y * b.y + (a.z * b.z + a.w * b.w));
}

/* Columns c0 .. c0 + 7 of the job: the sums of the quarter `split` of rows g and g + 8. */
WEIR_DEVICE void weir_columns_f32(const struct weir_mm_args &a, const struct weir_job &j,
                                  uint32_t c0, uint32_t g, uint32_t split, unsigned lane,
                                  float acc[WEIR_MV_ROWS][2])
{
    const uint32_t n = a.acts.n_in, units = (n + 31) / 32;
    const uint32_t here = j.n - c0 < WEIR_MV_ROWS ? j.n - c0 : WEIR_MV_ROWS;
    const uint8_t *w = weir_group_at(a, j, j.group) + g * 128;
    const float *x[WEIR_MV_ROWS];
    WEIR_UNROLL
    for (uint32_t c = 0; c < WEIR_MV_ROWS; c++) {
        x[c] = a.acts.x + (uint64_t)weir_act_row(a, j, c0 + (c < here ? c : 0)) * n;
        acc[c][0] = acc[c][1] = 0;
    }
    for (uint32_t i = split * 32 + lane; i < units * 8; i += 32 * WEIR_MV_SPLIT) {
        const uint8_t *at = w + (uint64_t)(i / 8) * 2048 + i % 8 * 16;
        float4 w0 = __ldg(reinterpret_cast<const float4 *>(at));
        float4 w1 = __ldg(reinterpret_cast<const float4 *>(at + 1024));
        WEIR_UNROLL
        for (uint32_t c = 0; c < WEIR_MV_ROWS; c++) {
            if (c >= here)
                break;
            float4 v = weir_four(x[c], i, n);
            acc[c][0] = weir_dot4(acc[c][0], w0, v);
            acc[c][1] = weir_dot4(acc[c][1], w1, v);
        }
    }
    weir_warp_sums(WEIR_MV_ROWS, acc, here);
}

/* Eight warps: the quarters of rows g and g + 8 of a row group, for two g of it: four blocks make a
 * row group, so that the few rows of a router are work for many multiprocessors. */
WEIR_DEVICE void weir_mv_floats(const struct weir_mm_args &a)
{
    WEIR_SHARED(float, part, 2 * WEIR_MV_SPLIT * WEIR_MV_ROWS * 2);
    WEIR_SHARED(float, inverse, WEIR_TILE_ROWS);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t own = warp / WEIR_MV_SPLIT, split = warp % WEIR_MV_SPLIT;
    struct weir_job j;
    if (!weir_find(a, a.rows, &j))
        return;
    const uint32_t g = j.group % 4 * 2 + own;
    j.group /= 4;
    if (a.acts.ssq)
        weir_row_factors(a, j, inverse);
    for (uint32_t c0 = 0; c0 < j.n; c0 += WEIR_MV_ROWS) {
        float acc[WEIR_MV_ROWS][2];
        weir_columns_f32(a, j, c0, g, split, lane, acc);
        __syncthreads(); /* the last columns' sums have been read */
        WEIR_UNROLL
        for (uint32_t c = 0; c < WEIR_MV_ROWS; c++)
            if (lane == 0) {
                part[(warp * WEIR_MV_ROWS + c) * 2] = acc[c][0];
                part[(warp * WEIR_MV_ROWS + c) * 2 + 1] = acc[c][1];
            }
        __syncthreads();
        if (split || lane >= WEIR_MV_ROWS / 2)
            continue;
        float v[4] = {0, 0, 0, 0};
        WEIR_UNROLL
        for (uint32_t s = 0; s < WEIR_MV_SPLIT; s++) {
            const float *p = part + ((warp + s) * WEIR_MV_ROWS + 2 * lane) * 2;
            v[0] += p[0];
            v[1] += p[2];
            v[2] += p[1];
            v[3] += p[3];
        }
        WEIR_UNROLL
        for (uint32_t i = 0; i < 2; i++)
            if (a.acts.ssq && c0 + 2 * lane + i < j.n) {
                v[i] *= inverse[c0 + 2 * lane + i];
                v[2 + i] *= inverse[c0 + 2 * lane + i];
            }
        weir_finish(a, j, j.group, c0 + 2 * lane, g, v, nullptr, 0, 0);
    }
}
