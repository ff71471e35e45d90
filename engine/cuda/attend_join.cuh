/* attend_join.cuh - from parts of rows that were cut along the keys to what attention gives: every
 * part's sum relative to the largest score of all, parts in ascending order, then sinks and gates.
 */
#pragma once

#include "engine/cuda/arrive.cuh"
#include "engine/cuda/attend_cells.cuh"
#include "engine/cuda/round.cuh"

WEIR_DEVICE bool attend_rounds(const struct weir_attend_args &a)
{
    return a.to.ints.q || a.to.bf16.q;
}

/* A row, by a warp: its values 32 b, 32 b + 32 by, ... `first`: the index of its first part; others
 * are `step` apart, and AHEAD of a value are loaded at once. To where attention's outputs go; OWN:
 * rounded, to row `row` of `own`. */
template <uint32_t AHEAD, bool OWN>
WEIR_DEVICE void attend_join_row(const struct weir_attend_args &a, uint64_t first, uint64_t step,
                                 uint32_t t, uint32_t head, uint32_t b, uint32_t by,
                                 const struct weir_planes *own, uint64_t row)
{
    const unsigned all = 0xffffffffu, lane = threadIdx.x % 32;
    float m[2], w[2], sum = 0;
    WEIR_UNROLL
    for (uint32_t h = 0; h < 2; h++)
        m[h] = lane + 32 * h < a.n_chunk ? a.part_ml[2 * (first + (lane + 32 * h) * step)]
                                         : WEIR_NEG_INF;
    float max = weir_warp_max(fmaxf(m[0], m[1]));
    WEIR_UNROLL
    for (uint32_t h = 0; h < 2; h++) {
        w[h] = m[h] == WEIR_NEG_INF ? 0 : expf(m[h] - max);
        if (w[h] != 0)
            sum += w[h] * a.part_ml[2 * (first + (lane + 32 * h) * step) + 1];
    }
    float factor = attend_factor(a.sinks, head, max, weir_warp_sum(sum));
    const float *gate = NULL;
    if (a.gate)
        gate = a.gate + (uint64_t)t * a.gate_token + (uint64_t)head * a.gate_head;
    float *out = a.out + (uint64_t)t * a.out_token + (uint64_t)head * a.out_head;
    for (; b * 32 < a.n_vdim; b += by) {
        uint32_t col = b * 32 + lane;
        const float *from = a.part + first * a.n_vdim + col;
        float o = 0;
        for (uint32_t z0 = 0; z0 < a.n_chunk; z0 += AHEAD) {
            float x[AHEAD], by_z[AHEAD];
            WEIR_UNROLL
            for (uint32_t i = 0; i < AHEAD; i++) {
                uint32_t z = z0 + i;
                by_z[i] = __shfl_sync(all, z < 32 ? w[0] : w[1], (int)(z % 32));
                /* a part that saw nothing was not written */
                x[i] = by_z[i] != 0 && col < a.n_vdim ? from[z * step * a.n_vdim] : 0.0f;
            }
            WEIR_UNROLL
            for (uint32_t i = 0; i < AHEAD; i++)
                o += by_z[i] * x[i];
        }
        o *= factor;
        if (gate && col < a.n_vdim)
            o *= attend_sigmoid(gate[col]);
        if (OWN)
            weir_put_planes(*own, row, b, lane, o);
        else if (attend_rounds(a))
            weir_put_planes(a.to, (uint64_t)t * a.to_token + (uint64_t)head * a.to_head,
                            head * a.to_at + b, lane, o);
        else if (col < a.n_vdim)
            out[col] = o;
    }
}

/* Behind the writing of a block's parts: the last block of a row block joins them. All threads. */
WEIR_DEVICE void attend_arrive(const struct weir_attend_args &a, const struct attend_work *w,
                               uint32_t rows_each)
{
    if (!a.chunk || !a.count)
        return;
#if defined(WEIR_BUG_53) /* a block of rows counted with its neighbour */
    uint32_t *count = a.count + blockIdx.x * gridDim.y + blockIdx.y / 2;
#else
    uint32_t *count = a.count + blockIdx.x * gridDim.y + blockIdx.y;
#endif
    if (!weir_arrive(count, a.n_chunk))
        return;
    uint64_t step = (uint64_t)a.n_tile * a.n_head_kv * a.rows_pad;
    uint64_t first = w->part - (uint64_t)blockIdx.z * step;
    for (uint32_t r = threadIdx.x / 32; r < rows_each && w->row0 + r < w->rows;
         r += blockDim.x / 32) {
        uint32_t row = w->row0 + r;
        attend_join_row<4, false>(a, first + r, step, w->t0 + row / a.group,
                                  w->head_kv * a.group + row % a.group, 0, 1, nullptr, 0);
    }
}
