/* spread.cu - the kernels of spread.h. One block lists a device's tiles: they are few, and an
 * expert's depend on how many those before it have. Sums take a thread a value.
 */
#include "engine/cuda/device.cuh"
#include "engine/cuda/spread.h"

#define TILE_THREADS 256
#define SUM_THREADS  256
#define EXPERTS_MAX  1024u

WEIR_KERNEL(weir_spread_tiles, struct weir_spread_tiles_args, TILE_THREADS)
{
    WEIR_SHARED(uint32_t, first, EXPERTS_MAX + 1);
    for (uint32_t e = threadIdx.x; e <= a.n_here; e += blockDim.x)
        first[e] = a.first[a.expert0 + e];
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    uint32_t tiles = 0;
    for (uint32_t e = 0; e < a.n_here; e++)
        for (uint32_t at = first[e]; at < first[e + 1]; at += a.rows) {
            a.tile_expert[tiles] = e;
            a.tile_first[tiles++] = at;
        }
    *a.n_tiles = tiles;
}

WEIR_KERNEL(weir_spread_sum, struct weir_spread_sum_args, SUM_THREADS)
{
    uint32_t t = blockIdx.y, i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= a.n_embd)
        return;
    float sum = 0;
    for (uint32_t k = 0; k < a.n_used; k++) {
        uint64_t slot = (uint64_t)t * a.n_used + k;
        if (a.ids[slot] - a.expert0 >= a.n_here) /* before it: wraps to something large */
            continue;
        float v = a.y[(uint64_t)a.pair_of[slot] * a.n_embd + i];
        sum += a.weights ? a.weights[slot] * v : v;
    }
#if defined(WEIR_BUG_100) /* the first of the others is left out */
    for (uint32_t o = 1; o < a.n_others; o++)
#else
    for (uint32_t o = 0; o < a.n_others; o++)
#endif
        sum += a.others[o][(uint64_t)t * a.n_embd + i];
    a.out[(uint64_t)t * a.n_embd + i] = sum;
}
