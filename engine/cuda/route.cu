/* route.cu - the kernels of route.h.
 *
 * Routing takes a warp a token: its scores lie in shared memory, the choice is n_used rounds of the
 * largest score left. Grouping takes one block: it counts pairs by expert, adds up, and places the
 * pairs. So that their order is always the same, a warp places the pairs of one expert after
 * another's: it walks all pairs, 32 at a time, and a ballot tells each lane its place. With few
 * pairs (generation) that is a step or two; with a prompt's thousands, warps share the experts.
 */
#include "engine/cuda/route.cuh"

#define ROUTE_THREADS 128
#define GROUP_THREADS 1024

WEIR_KERNEL(weir_route, struct weir_route_args, ROUTE_THREADS)
{
    WEIR_DYNAMIC(float, room);
    uint32_t warp = threadIdx.x / WEIR_LANES, t = blockIdx.x * (blockDim.x / WEIR_LANES) + warp;
    if (t < a.n) /* the whole warp */
        route_token(&a, t, room + (uint64_t)warp * room_each(&a));
}

WEIR_KERNEL(weir_group, struct weir_group_args, GROUP_THREADS)
{
    WEIR_SHARED(uint32_t, count, WEIR_EXPERTS_MAX);
    group_pairs(&a, count, false);
}

/* Both, by one block: its warps take the tokens by turns. */
WEIR_KERNEL(weir_route_group, struct weir_route_group_args, GROUP_THREADS)
{
    WEIR_SHARED(uint32_t, count, WEIR_EXPERTS_MAX);
    WEIR_DYNAMIC(float, room);
    uint32_t warp = threadIdx.x / WEIR_LANES, warps = blockDim.x / WEIR_LANES;
    for (uint32_t t = warp; t < a.route.n; t += warps)
        route_token(&a.route, t, room + (uint64_t)warp * room_each(&a.route));
    __syncthreads();
    group_pairs(&a.group, count, false);
}
