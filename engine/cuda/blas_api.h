/* blas_api.h - the part of NVIDIA's cuBLAS that Weir calls, so that no toolkit is needed to build
 * the host side: as driver_api.h is for the driver. tests/emu/abi.c holds it against cublas_v2.h
 * wherever that is installed; tests/emu/cublas.cpp implements the same list.
 */
#ifndef ENG_CUDA_BLAS_API_H
#define ENG_CUDA_BLAS_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned eng_cb_status; /* cublasStatus_t */
typedef struct cublasContext *eng_cb_handle;

enum {
    ENG_CB_OK = 0,
    ENG_CB_NOT_INITIALIZED = 1,
    ENG_CB_ALLOC_FAILED = 3,
    ENG_CB_INVALID_VALUE = 7,
    ENG_CB_ARCH_MISMATCH = 8,
    ENG_CB_EXECUTION_FAILED = 13,
    ENG_CB_NOT_SUPPORTED = 15
};

enum {
    ENG_CB_OP_N = 0,
    ENG_CB_OP_T = 1,
    ENG_CB_F32 = 0,   /* cudaDataType */
    ENG_CB_F16 = 2,   /* cudaDataType */
    ENG_CB_BF16 = 14, /* cudaDataType */
    ENG_CB_COMPUTE_F32 = 68,
    ENG_CB_ALGO_DEFAULT = -1,
    ENG_CB_NO_ATOMICS = 0,
    /* cublasMath_t: tensor cores, and sums of parts in f32 */
    ENG_CB_MATH_FULL_SUMS = 16
};

/* X(field of the table, symbol of the library, arguments) */
#define ENG_CB_API(X)                                                                              \
    X(create, cublasCreate_v2, (eng_cb_handle * h))                                                \
    X(destroy, cublasDestroy_v2, (eng_cb_handle h))                                                \
    X(version, cublasGetVersion_v2, (eng_cb_handle h, int *version))                               \
    X(stream, cublasSetStream_v2, (eng_cb_handle h, struct CUstream_st * s))                       \
    X(workspace, cublasSetWorkspace_v2, (eng_cb_handle h, void *p, size_t n))                      \
    X(math, cublasSetMathMode, (eng_cb_handle h, unsigned mode))                                   \
    X(atomics, cublasSetAtomicsMode, (eng_cb_handle h, unsigned mode))                             \
    X(gemm, cublasGemmEx,                                                                          \
      (eng_cb_handle h, unsigned transa, unsigned transb, int m, int n, int k, const void *alpha,  \
       const void *a, unsigned atype, int lda, const void *b, unsigned btype, int ldb,             \
       const void *beta, void *c, unsigned ctype, int ldc, unsigned compute, int algo))

struct eng_cb_api {
#define ENG_CB_FIELD(field, symbol, args) eng_cb_status(*field) args;
    ENG_CB_API(ENG_CB_FIELD)
#undef ENG_CB_FIELD
};

#ifdef __cplusplus
}
#endif

#endif
