/* arrive.cuh - work that blocks leave to the last of them.
 *
 * Blocks of a launch that together make something count themselves when their part stands in
 * memory; the last to come finds all parts there and goes on with them, in an order of its own, so
 * that it does not matter which block that is. It costs a launch less, and what is read again is
 * still in the L2. No block waits for another.
 *
 * Order: the barrier brings what all threads of the block wrote before the thread that counts; its
 * fence, its count, the count that comes later and the fence behind that bring it to the last
 * block's thread, and the barrier there to that block. All four are needed, in that order: a fence
 * of each thread before the barrier would order its writes with nothing, formally, since those
 * threads do not count. Parts are then read as plain loads, never by __ldg: that may give what the
 * L1 held before. Counters are zero between launches: the last block puts them back.
 */
#pragma once

#include "engine/cuda/device.cuh"

/* All threads of the block. True in the last of n blocks that come to this counter. */
WEIR_DEVICE bool weir_arrive(uint32_t *counter, uint32_t n)
{
    WEIR_SHARED(uint32_t, last, 1);
    __syncthreads();
    if (threadIdx.x == 0) {
#if !defined(WEIR_BUG_50) /* counted before what it counts is there */
        __threadfence();
#endif
        last[0] = atomicAdd(counter, 1u) + 1 == n;
#if !defined(WEIR_BUG_52) /* others' parts read from what was loaded before */
        __threadfence();
#endif
#if !defined(WEIR_BUG_51) /* the counter left as it is */
        if (last[0])
            *counter = 0;
#endif
    }
    __syncthreads();
    return last[0] != 0;
}
