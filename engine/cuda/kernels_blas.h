/* kernels_blas.h - kernels around cuBLAS's products: blas.cu. See kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_BLAS_H
#define ENG_CUDA_KERNELS_BLAS_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_BLAS(K)                                                                   \
    K(weir_plain)                                                                                  \
    K(weir_finish)                                                                                 \
    K(weir_pair)                                                                                   \
    K(weir_unpack_q4_0)                                                                            \
    K(weir_unpack_q4_1)                                                                            \
    K(weir_unpack_q5_0)                                                                            \
    K(weir_unpack_q5_1)                                                                            \
    K(weir_unpack_q8_0)                                                                            \
    K(weir_unpack_q2_k)                                                                            \
    K(weir_unpack_q3_k)                                                                            \
    K(weir_unpack_q4_k)                                                                            \
    K(weir_unpack_q5_k)                                                                            \
    K(weir_unpack_q6_k)                                                                            \
    K(weir_unpack_iq4_nl)                                                                          \
    K(weir_unpack_iq4_xs)                                                                          \
    K(weir_unpack_mxfp4)                                                                           \
    K(weir_unpack_nvfp4)

#endif
