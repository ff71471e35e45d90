/* router.cu - a router's product, choices and groups in one launch, for few tokens.
 *
 * Blocks share the router's rows, 8 tokens to a block. The last of a token group's blocks to have
 * its logits routes those tokens, a warp each; the last group to be routed lists all pairs by
 * expert (arrive.cuh). Neither depends on which block that is.
 */
#include "engine/cuda/product_f32.cuh"
#include "engine/cuda/route.cuh"

WEIR_KERNEL(weir_router, struct weir_router_args, 256)
{
    WEIR_SHARED(uint32_t, count, WEIR_EXPERTS_MAX);
    WEIR_DYNAMIC(float, room);
    const uint32_t warp = threadIdx.x / WEIR_LANES, t0 = blockIdx.y * WEIR_MV_ROWS;
    weir_mv_floats(a.mm);
#if defined(WEIR_BUG_56) /* routed by the block with the first rows, whoever is ready */
    if (blockIdx.x != 0)
        return;
#else
    if (!weir_arrive(a.count + blockIdx.y, gridDim.x))
        return;
#endif
    for (uint32_t i = warp; i < WEIR_MV_ROWS && t0 + i < a.route.n; i += a.warps)
        if (warp < a.warps)
            route_token(&a.route, t0 + i, room + (uint64_t)warp * room_each(&a.route));
    if (weir_arrive(a.count + gridDim.y, gridDim.y))
        group_pairs(&a.group, count, true);
}
