/* reduce.cuh - sums and maxima over a block, in an order that is always the same.
 *
 * The order depends on the number of threads alone, never on which of them came first: the same
 * inputs give the same bits. All threads of the warp or block must call. A block's functions
 * begin with a barrier, so the next may use the same room.
 */
#ifndef ENG_CUDA_REDUCE_CUH
#define ENG_CUDA_REDUCE_CUH

#include "engine/cuda/device.cuh"

#define WEIR_LANES     32u
#define WEIR_ALL_LANES 0xffffffffu
#define WEIR_WARPS_MAX 32u /* of a block */

/* room: WEIR_WARPS_MAX floats in shared memory. Blocks have whole warps and one dimension. */
WEIR_DEVICE float weir_block_sum(float v, float *room)
{
    unsigned warp = threadIdx.x / WEIR_LANES, lane = threadIdx.x % WEIR_LANES;
    v = weir_warp_sum(v);
    __syncthreads();
    if (lane == 0)
        room[warp] = v;
    __syncthreads();
    return weir_warp_sum(lane < blockDim.x / WEIR_LANES ? room[lane] : 0.0f);
}

WEIR_DEVICE float weir_block_max(float v, float *room)
{
    unsigned warp = threadIdx.x / WEIR_LANES, lane = threadIdx.x % WEIR_LANES;
    v = weir_warp_max(v);
    __syncthreads();
    if (lane == 0)
        room[warp] = v;
    __syncthreads();
    return weir_warp_max(lane < blockDim.x / WEIR_LANES ? room[lane] : -INFINITY);
}

#endif
