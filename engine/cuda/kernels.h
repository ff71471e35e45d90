/* kernels.h - the names of all kernels. A kernel that is written in a .cu is listed in one of these
 * four headers, in any order; eng_cuda_open looks every one up and fails, naming it, if no image
 * has it. K(weir_name) becomes ENG_CUDA_weir_name in enum eng_cuda_kernel.
 */
#ifndef ENG_CUDA_KERNELS_H
#define ENG_CUDA_KERNELS_H

#include "engine/cuda/kernels_attend.h"
#include "engine/cuda/kernels_blas.h"
#include "engine/cuda/kernels_product.h"
#include "engine/cuda/kernels_rows.h"

#define ENG_CUDA_KERNELS(K)                                                                        \
    ENG_CUDA_KERNELS_SELF(K)                                                                       \
    ENG_CUDA_KERNELS_PRODUCT(K)                                                                    \
    ENG_CUDA_KERNELS_ATTEND(K)                                                                     \
    ENG_CUDA_KERNELS_ROWS(K)                                                                       \
    ENG_CUDA_KERNELS_BLAS(K)

/* selftest.cu */
#define ENG_CUDA_KERNELS_SELF(K) K(weir_selftest)

enum eng_cuda_kernel {
#define ENG_CUDA_ENUM(name) ENG_CUDA_##name,
    ENG_CUDA_KERNELS(ENG_CUDA_ENUM)
#undef ENG_CUDA_ENUM
        ENG_CUDA_N_KERNELS
};

#endif
