/* product_f.cu - products for weights that are floats; product.cuh says how those of F16 and BF16
 * go.
 *
 * F32 weights are few in a model (routers): each product is done in f32 as it stands. A warp has
 * rows g and g + 8 of a row group and up to 8 columns; its lanes are 32 times four values along the
 * row, summed over in a fixed order. All numbers of rows go this way.
 */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(f16)
WEIR_PRODUCT(bf16)

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

/* Columns c0 .. c0 + 7 of the job. */
WEIR_DEVICE void weir_columns_f32(const struct weir_mm_args &a, const struct weir_job &j,
                                  uint32_t c0, unsigned g, unsigned lane)
{
    const uint32_t n = a.acts.n_in, units = (n + 31) / 32;
    const uint32_t here = j.n - c0 < WEIR_MV_ROWS ? j.n - c0 : WEIR_MV_ROWS;
    const uint8_t *w = weir_group_at(a, j, j.group) + g * 128;
    const float *x[WEIR_MV_ROWS];
    float acc[WEIR_MV_ROWS][2] = {};
    WEIR_UNROLL
    for (uint32_t c = 0; c < WEIR_MV_ROWS; c++)
        x[c] = a.acts.x + (uint64_t)weir_act_row(a, j, c0 + (c < here ? c : 0)) * n;
    for (uint32_t i = lane; i < units * 8; i += 32) {
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
    WEIR_UNROLL
    for (uint32_t c = 0; c < WEIR_MV_ROWS; c++) {
        acc[c][0] = weir_warp_sum(acc[c][0]);
        acc[c][1] = weir_warp_sum(acc[c][1]);
    }
    if (lane)
        return;
    WEIR_UNROLL
    for (uint32_t c = 0; c < WEIR_MV_ROWS; c += 2) {
        const float v[4] = {acc[c][0], acc[c + 1][0], acc[c][1], acc[c + 1][1]};
        weir_finish(a, j, j.group, c0 + c, g, v, nullptr, 0, 0);
    }
}

/* Eight warps: rows g = warp and g + 8 of row group blockIdx.x. */
WEIR_KERNEL(weir_mv_f32, struct weir_mm_args, 256)
{
    struct weir_job j;
    if (!weir_find(a, a.rows, &j))
        return;
    for (uint32_t c = 0; c < j.n; c += WEIR_MV_ROWS)
        weir_columns_f32(a, j, c, threadIdx.x / 32, threadIdx.x % 32);
}

/* g = act(g, u), for gates and ups that were multiplied apart. */
WEIR_KERNEL(weir_glu, struct weir_glu_args, 256)
{
    uint64_t i = (uint64_t)blockIdx.x * 256 + threadIdx.x;
    if (i < a.rows * a.n)
        a.g[i] = weir_activate(a.act, a.clamp, a.in_weight ? a.in_weight[i / a.n] : 1.0f, a.g[i],
                               a.u[i]);
}
