/* attend_fma.cu - the kernels of attend_fma.cuh, by type of the cells and the widest value; and the
 * one that joins the parts of rows that were cut along the keys.
 */
#include "engine/cuda/attend_fma.cuh"

#define KERNELS(name, type)                                                                        \
    WEIR_KERNEL(weir_attend_##name##_128, struct weir_attend_args, FMA_THREADS)                    \
    {                                                                                              \
        attend_fma<type, 1>(a);                                                                    \
    }                                                                                              \
    WEIR_KERNEL(weir_attend_##name##_256, struct weir_attend_args, FMA_THREADS)                    \
    {                                                                                              \
        attend_fma<type, 2>(a);                                                                    \
    }                                                                                              \
    WEIR_KERNEL(weir_attend_##name##_512, struct weir_attend_args, FMA_THREADS)                    \
    {                                                                                              \
        attend_fma<type, 4>(a);                                                                    \
    }

KERNELS(f32, float)
KERNELS(f16, uint16_t)

#define JOIN_THREADS 128

/* blockIdx: x tile, y row of a key head. Every part's sum relative to the largest score of all;
 * parts in ascending order. */
WEIR_KERNEL(weir_attend_join, struct weir_attend_join_args, JOIN_THREADS)
{
    WEIR_SHARED(float, weight, WEIR_ATTEND_CHUNKS);
    struct weir_tile tile = a.tile[blockIdx.x];
    uint32_t head_kv = blockIdx.y % a.n_head_kv, row = blockIdx.y / a.n_head_kv;
    if (row >= tile.n * a.group)
        return;
    uint64_t first = ((uint64_t)blockIdx.x * a.n_head_kv + head_kv) * a.rows_pad + row;
    uint64_t step = (uint64_t)a.n_tile * a.n_head_kv * a.rows_pad;
    float max = WEIR_NEG_INF, sum = 0;
    for (uint32_t z = 0; z < a.n_chunk; z++)
        max = fmaxf(max, a.part_ml[2 * (first + z * step)]);
    if (threadIdx.x < a.n_chunk) {
        float m = a.part_ml[2 * (first + threadIdx.x * step)];
        weight[threadIdx.x] = m == WEIR_NEG_INF ? 0 : expf(m - max);
    }
    __syncthreads();
    for (uint32_t z = 0; z < a.n_chunk; z++)
        sum += weight[z] * a.part_ml[2 * (first + z * step) + 1];
    uint32_t t = tile.t0 + row / a.group, head = head_kv * a.group + row % a.group;
    float factor = attend_factor(a.sinks, head, max, sum);
    const float *gate = NULL;
    if (a.gate)
        gate = a.gate + (uint64_t)t * a.gate_token + (uint64_t)head * a.gate_head;
    float *out = a.out + (uint64_t)t * a.out_token + (uint64_t)head * a.out_head;
    for (uint32_t i = threadIdx.x; i < a.n_vdim; i += JOIN_THREADS) {
        float o = 0;
        for (uint32_t z = 0; z < a.n_chunk; z++)
            if (weight[z] != 0)
                o += weight[z] * a.part[(first + z * step) * a.n_vdim + i];
        out[i] = o * factor * (gate ? attend_sigmoid(gate[i]) : 1.0f);
    }
}
