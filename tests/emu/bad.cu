/* bad.cu - a kernel that breaks one rule of device.cuh when it is asked to; for the test of the
 * emulator (tests/unit/engine_cuda_emulator.c). Compiled for the emulator only.
 */
#include "engine/cuda/device.cuh"
#include "tests/emu/bad.h"

WEIR_KERNEL(weir_bad, struct weir_bad_args, 128)
{
    WEIR_SHARED(float, s, 64);
    WEIR_SHARED(float, s2, 64);
    const unsigned t = threadIdx.x, lane = t % 32;
    const uint32_t all = 0xffffffffu;
    unsigned got = 0;
    if (t < 64)
        s[t] = s2[t] = 1;
    __syncthreads();
    switch (a.what) {
    case BAD_TWO_BARRIERS:
        if (t % 2)
            __syncthreads();
        else
            __syncthreads();
        break;
    case BAD_BARRIER_AFTER_EXIT:
    case BAD_EXIT_BEFORE_BARRIER:
        if (t == 5)
            return;
        __syncthreads();
        break;
    case BAD_MASKS_DIFFER:
        got = __shfl_xor_sync(lane < 16 ? 0xffffu : all, t, 1);
        break;
    case BAD_OPS_DIFFER:
        if (lane < 7)
            got = __ballot_sync(all, t & 1);
        else
            got = __shfl_sync(all, t, 0);
        break;
    case BAD_LANE_OUTSIDE_MASK:
        if (lane < 16)
            got = __shfl_sync(0xffffu, t, 20);
        break;
    case BAD_MASK_WITHOUT_SELF:
        got = __any_sync(0xfffffffeu, t & 1);
        break;
    case BAD_MASK_OF_EXITED:
        if (lane == 31)
            return;
        got = __shfl_down_sync(all, t, 1);
        break;
    case BAD_BARRIER_IN_COLLECTIVE:
        if (lane < 31)
            __syncwarp();
        __syncthreads();
        break;
    case BAD_SHARED_BEHIND: {
        volatile float *p = s;
        if (t == 0)
            p[64 + 3] = 2;
        break;
    }
    case BAD_SHARED_INDEX:
        s[t] = 3; /* 128 threads, 64 places */
        break;
    case BAD_SHARED_DYNAMIC: {
        WEIR_DYNAMIC(float, d);
        d[t] = 1; /* 64 places */
        break;
    }
    case BAD_READ_BEHIND:
        got = (unsigned)a.x[t];
        break;
    case BAD_WRITE_BEFORE:
        if (t == 17)
            a.x[-2] = 1;
        break;
    case BAD_MISALIGNED: {
        const float4 v = *reinterpret_cast<const float4 *>(a.x + t % 4);
        got = (unsigned)v.x;
        break;
    }
    case BAD_ASYNC_NO_WAIT:
        weir_cp_async16(&s[t % 16 * 4], a.x, true);
        weir_cp_async_commit();
        break;
    case BAD_ASYNC_MISALIGNED:
        weir_cp_async16(&s[t % 16 * 4], a.x + 1, true);
        weir_cp_async_wait(0);
        break;
    case BAD_SHIFT:
        got = 1u << (t % 64);
        break;
    case BAD_NULL:
        got = (unsigned)*reinterpret_cast<const volatile float *>(a.x - a.x + (float *)nullptr);
        break;
    }
    if (a.what == GOOD_SUMS) {
        float sum = a.x[t % 64], most = sum;
        for (int step = 16; step; step >>= 1) {
            sum += __shfl_xor_sync(all, sum, step);
            most = fmaxf(most, __shfl_xor_sync(all, most, step));
        }
        bool same = __float_as_uint(sum) == __float_as_uint(weir_warp_sum(a.x[t % 64])) &&
                    __float_as_uint(most) == __float_as_uint(weir_warp_max(a.x[t % 64]));
        float v[2][2] = {{a.x[t % 64], 1}, {-a.x[t % 64], (float)t}};
        weir_warp_sums(2, v, 2);
        same = same && v[0][0] == sum && v[0][1] == 32 && v[1][0] == -sum &&
               v[1][1] == (float)(t / 32 * 32 * 32 + 496);
        a.out[t] = same || isinf(sum) ? sum : NAN;
        return;
    }
    a.out[t] = s2[t % 64] + (float)(got & 1);
}
