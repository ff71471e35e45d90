/* product_f.cu - products for weights that are floats: product.cuh says how those of F16 and BF16
 * go, product_f32.cuh how those of F32.
 */
#include "engine/cuda/product_f32.cuh"

/* Their loops are short: what hides memory's latency is warps. Two blocks of matrix-vector kernels
 * and three of tiles fit a multiprocessor's registers, 32 and 24 warps. */
#define PRODUCT(form)                                                                              \
    WEIR_KERNEL_BLOCKS(weir_mv_##form, struct weir_mm_args, WEIR_MV_THREADS, 2)                    \
    {                                                                                              \
        weir_mv<weir_form_##form>(a);                                                              \
    }                                                                                              \
    WEIR_KERNEL_BLOCKS(weir_tile_##form, struct weir_mm_args, WEIR_TILE_THREADS, 3)                \
    {                                                                                              \
        weir_tile<weir_form_##form>(a);                                                            \
    }
PRODUCT(f16)
PRODUCT(bf16)

WEIR_KERNEL(weir_mv_f32, struct weir_mm_args, 256)
{
    weir_mv_floats(a);
}

/* g = act(g, u), for gates and ups that were multiplied apart. */
WEIR_KERNEL(weir_glu, struct weir_glu_args, 256)
{
    uint64_t i = (uint64_t)blockIdx.x * 256 + threadIdx.x;
    if (i < a.rows * a.n)
        a.g[i] = weir_activate(a.act, a.clamp, a.in_weight ? a.in_weight[i / a.n] : 1.0f, a.g[i],
                               a.u[i]);
}
