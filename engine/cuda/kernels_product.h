/* kernels_product.h - kernels of products of weights and activations: product*.cu. See kernels.h.
 */
#ifndef ENG_CUDA_KERNELS_PRODUCT_H
#define ENG_CUDA_KERNELS_PRODUCT_H

/* One line a kernel: K(weir_name) and a backslash. */
#define ENG_CUDA_KERNELS_PRODUCT(K)

#endif
