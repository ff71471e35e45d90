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

/* blockIdx: x tile, y row of a key head; a block's warps share its values. */
WEIR_KERNEL(weir_attend_join, struct weir_attend_args, JOIN_THREADS)
{
    struct weir_tile tile = a.tile[blockIdx.x];
    uint32_t head_kv = blockIdx.y % a.n_head_kv, row = blockIdx.y / a.n_head_kv;
    if (row >= tile.n * a.group)
        return;
    uint64_t first = ((uint64_t)blockIdx.x * a.n_head_kv + head_kv) * a.rows_pad + row;
    attend_join_row<4, false>(a, first, (uint64_t)a.n_tile * a.n_head_kv * a.rows_pad,
                              tile.t0 + row / a.group, head_kv * a.group + row % a.group,
                              threadIdx.x / 32, JOIN_THREADS / 32, nullptr, 0);
}
