/* selftest.cu - one small kernel that uses what the others rest on: shared memory, a barrier,
 * shuffles. eng_cuda_open runs it once, so that a device on which Weir's images load but do not
 * work (a broken driver, a card that fell off its bus) is told at the start and not in an answer.
 */
#include "engine/cuda/device.cuh"
#include "engine/cuda/selftest.h"

/* One block a row: threads add up strides, lanes by shuffles, warps through shared memory. */
WEIR_KERNEL(weir_selftest, struct weir_selftest_args, WEIR_SELFTEST_THREADS)
{
    WEIR_SHARED(float, part, WEIR_SELFTEST_THREADS / 32);
    const float *x = a.x + (uint64_t)blockIdx.x * a.n;
    float sum = 0;
    for (uint32_t i = threadIdx.x; i < a.n; i += blockDim.x)
        sum += x[i];
    sum = weir_warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        float all = 0;
        for (uint32_t w = 0; w < blockDim.x / 32; w++)
            all += part[w];
        a.out[blockIdx.x] = all;
        a.what[blockIdx.x] = (int32_t)blockIdx.x;
    }
}
