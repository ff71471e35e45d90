/* kernels_product.h - kernels of products of weights and activations: product*.cu. See kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_PRODUCT_H
#define ENG_CUDA_KERNELS_PRODUCT_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_PRODUCT(K)                                                                \
    K(weir_round_f32)                                                                              \
    K(weir_round_int)                                                                              \
    K(weir_round_f16)                                                                              \
    K(weir_round_bf16)                                                                             \
    K(weir_mv_f32)                                                                                 \
    K(weir_glu)                                                                                    \
    K(weir_mv_f16)                                                                                 \
    K(weir_tile_f16)                                                                               \
    K(weir_mv_bf16)                                                                                \
    K(weir_tile_bf16)                                                                              \
    K(weir_mv_q4_0)                                                                                \
    K(weir_tile_q4_0)                                                                              \
    K(weir_mv_q4_1)                                                                                \
    K(weir_tile_q4_1)                                                                              \
    K(weir_mv_q5_0)                                                                                \
    K(weir_tile_q5_0)                                                                              \
    K(weir_mv_q5_1)                                                                                \
    K(weir_tile_q5_1)                                                                              \
    K(weir_mv_q8_0)                                                                                \
    K(weir_tile_q8_0)                                                                              \
    K(weir_mv_q2_k)                                                                                \
    K(weir_tile_q2_k)                                                                              \
    K(weir_mv_q3_k)                                                                                \
    K(weir_tile_q3_k)                                                                              \
    K(weir_mv_q4_k)                                                                                \
    K(weir_tile_q4_k)                                                                              \
    K(weir_mv_q5_k)                                                                                \
    K(weir_tile_q5_k)                                                                              \
    K(weir_mv_q6_k)                                                                                \
    K(weir_tile_q6_k)                                                                              \
    K(weir_mv_iq4_nl)                                                                              \
    K(weir_tile_iq4_nl)                                                                            \
    K(weir_mv_iq4_xs)                                                                              \
    K(weir_tile_iq4_xs)                                                                            \
    K(weir_mv_mxfp4)                                                                               \
    K(weir_tile_mxfp4)                                                                             \
    K(weir_mv_nvfp4)                                                                               \
    K(weir_tile_nvfp4)                                                                             \
    K(weir_mv_any)                                                                                 \
    K(weir_tile_any)                                                                               \
    K(weir_values)

#endif
