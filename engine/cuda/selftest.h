/* selftest.h - the arguments of selftest.cu's kernel. */
#ifndef ENG_CUDA_SELFTEST_H
#define ENG_CUDA_SELFTEST_H

#include <stdint.h>

#define WEIR_SELFTEST_THREADS 256

/* out[b] = sum over i of x[b * n + i], and what[b] = the block's number */
struct weir_selftest_args {
    const float *x;
    float *out;
    int32_t *what;
    uint32_t n;
};

#endif
