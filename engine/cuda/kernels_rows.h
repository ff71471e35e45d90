/* kernels_rows.h - kernels of norms, routing, hyper-connections, sampling: whatever works on rows.
 * See kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_ROWS_H
#define ENG_CUDA_KERNELS_ROWS_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_ROWS(K)                                                                   \
    K(weir_embed)                                                                                  \
    K(weir_angles)                                                                                 \
    K(weir_norm)                                                                                   \
    K(weir_join)                                                                                   \
    K(weir_gather)                                                                                 \
    K(weir_logits)                                                                                 \
    K(weir_side_in)                                                                                \
    K(weir_side_gate)                                                                              \
    K(weir_route)                                                                                  \
    K(weir_route_group)                                                                            \
    K(weir_router)                                                                                 \
    K(weir_group)                                                                                  \
    K(weir_hyper_in)                                                                               \
    K(weir_hyper_out)                                                                              \
    K(weir_spread_tiles)                                                                           \
    K(weir_spread_sum)                                                                             \
    K(weir_sample)

#endif
