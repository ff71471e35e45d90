/* product_values.cu - from the parts that latent attention left to a head's values (product_any.h).
 *
 * A block joins the parts of its head's rows, 8 tokens, rounds them in shared memory and multiplies
 * them: as many blocks as there are heads share what one launch of joins and one of products did.
 */
#include "engine/cuda/attend_join.cuh"
#include "engine/cuda/product_any.h"
#include "engine/cuda/product_small.cuh"

#define WEIR_VALUES_FORMS(X)                                                                       \
    X(q4_0, Q4_0)                                                                                  \
    X(q5_0, Q5_0)                                                                                  \
    X(q5_1, Q5_1)                                                                                  \
    X(q8_0, Q8_0)                                                                                  \
    X(iq4_nl, IQ4_NL) X(q3_k, Q3_K) X(q4_k, Q4_K) X(q5_k, Q5_K) X(q6_k, Q6_K) X(iq4_xs, IQ4_XS)

WEIR_DEVICE float weir_values_rows(uint32_t form, const uint8_t *w, const struct weir_small &x,
                                   uint32_t first, uint32_t end, unsigned lane, float sum[4],
                                   float4 *part)
{
    constexpr bool AHEAD = true;
    switch (form) {
        WEIR_VALUES_FORMS(WEIR_SMALL_CASE)
    }
    return 0;
}

/* The tile that token t is in. A warp. */
WEIR_DEVICE uint32_t values_tile(const struct weir_attend_args &a, uint32_t t)
{
    uint32_t found = 0;
    for (uint32_t i0 = 0; i0 < a.n_tile; i0 += 32) {
        uint32_t i = i0 + threadIdx.x % 32;
        bool mine = i < a.n_tile && t - a.tile[i].t0 < a.tile[i].n;
        uint32_t who = __ballot_sync(0xffffffffu, mine);
        if (who)
            found = i0 + (uint32_t)__ffs((int)who) - 1;
    }
    return found;
}

/* Rows c of tokens t0 + c of head h, joined and rounded. All warps. */
WEIR_DEVICE void values_join(const struct weir_attend_args &a, uint32_t h, uint32_t t0, uint32_t n,
                             const struct weir_acts &x)
{
    const unsigned warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const uint32_t share = warps / n; /* warps of a row: there are 8 rows at most */
    struct weir_planes to;
    to.ints = x;
    to.bf16.q = nullptr;
    for (uint32_t i = warp; i < n * share; i += warps) {
        const uint32_t c = i / share, t = t0 + c, at = values_tile(a, t);
#if defined(WEIR_BUG_59) /* every token of a tile gets the first one's */
        const uint32_t row = h;
#else
        const uint32_t row = (t - a.tile[at].t0) * a.group + h;
#endif
        attend_join_row<8, true>(a, (uint64_t)at * a.rows_pad + row,
                                 (uint64_t)a.n_tile * a.rows_pad, t, h, i % share, share, &to, c);
    }
}

WEIR_KERNEL(weir_values, struct weir_values_args, WEIR_MV_THREADS)
{
    WEIR_DYNAMIC(uint8_t, room);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const uint32_t h = blockIdx.x, t0 = blockIdx.y * WEIR_MV_ROWS, units = a.at.n_vdim / 64;
    const uint32_t n = a.n - t0 < WEIR_MV_ROWS ? a.n - t0 : WEIR_MV_ROWS;
    const struct weir_mat &m = a.v_b;
    const struct weir_small x = {room, units, a.planes, n};
    /* behind them [8][n_out] */
    float *rows = weir_small_acts(room, units, a.planes).half + WEIR_MV_ROWS * units * 2;
    float4 *part = reinterpret_cast<float4 *>(rows + WEIR_MV_ROWS * m.n_out);
    values_join(a.at, h, t0, n, weir_small_acts(room, units, a.planes));
    __syncthreads();
    /* warps that share a row group */
    const uint32_t each = m.groups * 4 <= warps ? 4 : m.groups * 2 <= warps ? 2 : 1;
    const uint32_t splits = WEIR_MV_SPLIT / each, first = warp % each * splits;
    for (uint32_t g0 = 0; g0 < m.groups; g0 += warps / each) {
        const uint32_t own = warp / each, group = g0 + own;
        const bool live = group < m.groups;
        float v[4] = {0, 0, 0, 0}, by = 0;
        if (live)
            by = weir_values_rows(m.form, m.w + h * m.mat_bytes + group * m.group_bytes, x, first,
                                  first + splits, lane, v, part + own * (WEIR_MV_SPLIT - 1) * 32);
        if (each > 1)
            __syncthreads();
        if (!live || first)
            continue;
        for (uint32_t s = splits; s < WEIR_MV_SPLIT && s < units; s++) {
            float4 p = part[(own * (WEIR_MV_SPLIT - 1) + s - 1) * 32 + lane];
            v[0] += p.x;
            v[1] += p.y;
            v[2] += p.z;
            v[3] += p.w;
        }
        WEIR_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t c = lane % 4 * 2 + i % 2, o = group * 16 + lane / 4 + i / 2 * 8;
            if (c >= n || o >= m.n_out)
                continue;
            float y = weir_bias(v[i] * by, m.bias, m.scale, h, m.bias_step, o);
            rows[c * m.n_out + o] = y;
            if (m.y)
                m.y[(uint64_t)(t0 + c) * m.ldy + h * m.step + o] = y;
        }
    }
    if (!a.tail.on)
        return;
    __syncthreads();
    const uint32_t blocks = m.n_out / 32;
    for (uint32_t i = warp; i < n * blocks; i += warps)
        weir_tail_block(a.tail, t0 + i / blocks, h * blocks + i % blocks, lane,
                        rows[i / blocks * m.n_out + i % blocks * 32 + lane]);
}
