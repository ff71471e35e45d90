/* kernels_attend.h - kernels of attention, heads, indexer, compressed keys, delta rule. See
 * kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_ATTEND_H
#define ENG_CUDA_KERNELS_ATTEND_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_ATTEND(K)                                                                 \
    K(weir_attend_mma_16x128)                                                                      \
    K(weir_attend_mma_16x256)                                                                      \
    K(weir_attend_mma_16x512)                                                                      \
    K(weir_attend_mma_64x128)                                                                      \
    K(weir_attend_mma_64x256)                                                                      \
    K(weir_attend_mma_32x512)                                                                      \
    K(weir_attend_f32_128)                                                                         \
    K(weir_attend_f32_256)                                                                         \
    K(weir_attend_f32_512)                                                                         \
    K(weir_attend_f16_128)                                                                         \
    K(weir_attend_f16_256)                                                                         \
    K(weir_attend_f16_512)                                                                         \
    K(weir_attend_join)                                                                            \
    K(weir_heads_f32)                                                                              \
    K(weir_heads_f16)                                                                              \
    K(weir_index_f32)                                                                              \
    K(weir_index_f16)                                                                              \
    K(weir_index_choose)                                                                           \
    K(weir_compress_f32)                                                                           \
    K(weir_compress_f16)                                                                           \
    K(weir_compress_ring)                                                                          \
    K(weir_turn_back)                                                                              \
    K(weir_delta_conv)                                                                             \
    K(weir_delta_step_128)                                                                         \
    K(weir_delta_step_256)                                                                         \
    K(weir_delta_step_512)                                                                         \
    K(weir_delta_pairs)                                                                            \
    K(weir_delta_chunk)                                                                            \
    K(weir_delta_gate)

#endif
