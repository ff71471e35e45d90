/* device.cuh - what a kernel of Weir's may use, for two compilers.
 *
 * One source, two meanings. nvcc makes machine code of a .cu for a GPU; g++ makes C++ of the same
 * file for the emulator (tests/emu), in which every CUDA thread is a fiber and every rule that this
 * header names is checked while the kernel runs. A kernel uses what stands here and what nvcc has
 * built in under the same name; nothing of cudart, of cuda_fp16.h or of inline assembly of its own.
 *
 *   WEIR_KERNEL(weir_scale, struct weir_scale_args, 256)
 *   {
 *       WEIR_SHARED(float, part, 32);
 *       ... threadIdx.x ... a.x[i] ...
 *   }
 *
 * The argument is one plain struct `a`, by value, declared in a header that C host code includes
 * too; it may not be written. WEIR_SHARED declares an array in a kernel or in a function that it
 * calls; WEIR_DYNAMIC names the memory that the launch asked for. Both are aligned to 16 bytes and
 * hold nothing in particular when a block begins.
 *
 * Lanes of a collective (shuffles, votes, __syncwarp, ldmatrix, mma) must name the same mask, be
 * all there, and come to it in the same line. Only __syncwarp and __syncthreads order memory: a
 * shuffle does not. cp.async lands at the wait, for the thread that waits; for others behind the
 * next barrier.
 */
#pragma once

#include <stdint.h>

#if defined(__CUDACC__)

#define WEIR_KERNEL(name, args, max_threads)                                                       \
    extern "C" __global__ void __launch_bounds__(max_threads) name(const __grid_constant__ args a)
/* So many blocks are to fit a multiprocessor by their registers. */
#define WEIR_KERNEL_BLOCKS(name, args, max_threads, blocks)                                        \
    extern "C" __global__ void __launch_bounds__(max_threads, blocks)                              \
        name(const __grid_constant__ args a)
#define WEIR_DEVICE                    static __device__ __forceinline__
#define WEIR_CONSTANT                  static __constant__
#define WEIR_SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define WEIR_DYNAMIC(type, name)                                                                   \
    extern __shared__ __align__(16) unsigned char weir_dynamic_[];                                 \
    type *name = reinterpret_cast<type *>(weir_dynamic_)

WEIR_DEVICE float weir_h2f(uint16_t h)
{
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
    return f;
}

WEIR_DEVICE uint16_t weir_f2h(float f)
{
    uint16_t h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
    return h;
}

WEIR_DEVICE uint16_t weir_f2b(float f)
{
    uint16_t b;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(b) : "f"(f));
    return b;
}

/* Two halves of a word, the low one first. */
WEIR_DEVICE float2 weir_h2f2(uint32_t h)
{
    float2 f;
    asm("{.reg .f16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h;}"
        : "=f"(f.x), "=f"(f.y)
        : "r"(h));
    return f;
}

WEIR_DEVICE uint32_t weir_f2h2(float low, float high)
{
    uint32_t h;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(h) : "f"(high), "f"(low));
    return h;
}

WEIR_DEVICE uint32_t weir_f2b2(float low, float high)
{
    uint32_t b;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(b) : "f"(high), "f"(low));
    return b;
}

/* d[16][8] += a[16][16] b[16][8], fragments as PTX's m16n8k16 lays them out. */
WEIR_DEVICE void weir_mma_f16(float d[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

WEIR_DEVICE void weir_mma_bf16(float d[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* d[16][8] += a[16][32] b[32][8] of signed bytes: m16n8k32. */
WEIR_DEVICE void weir_mma_s8(int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* The same with d = 0 before, which costs nothing here. */
WEIR_DEVICE void weir_mma_s8_new(int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%10,%10,%10};"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(0));
}

/* d[16][8] += a[16][16] b[16][8] of signed bytes: m16n8k16, the first halves of those fragments. */
WEIR_DEVICE void weir_mma_s8_k16(int32_t d[4], const uint32_t a[2], uint32_t b)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 "
                 "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b));
}

WEIR_DEVICE void weir_mma_s8_k16_new(int32_t d[4], const uint32_t a[2], uint32_t b)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 "
                 "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%7,%7,%7,%7};"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b), "r"(0));
}

/* Four bytes picked out of those of x (0 to 3) and y (4 to 7) by the low three bits of the four
 * low nibbles of s; where a nibble's top bit is set, eight times the sign of that byte. */
WEIR_DEVICE uint32_t weir_prmt(uint32_t x, uint32_t y, uint32_t s)
{
    uint32_t r;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(y), "r"(s));
    return r;
}

/* Four matrices of 8x8 halves: lane i gives the address of row i % 8 of matrix i / 8. */
WEIR_DEVICE void weir_ldmatrix_x4(uint32_t r[4], const void *shared)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"((uint32_t)__cvta_generic_to_shared(shared))
                 : "memory");
}

WEIR_DEVICE void weir_ldmatrix_x4_trans(uint32_t r[4], const void *shared)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"((uint32_t)__cvta_generic_to_shared(shared))
                 : "memory");
}

/* 16 bytes from global to shared memory in the background; zeros if not valid, and then `global`
 * is not read (but must still be aligned). */
WEIR_DEVICE void weir_cp_async16(void *shared, const void *global, bool valid)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"((uint32_t)__cvta_generic_to_shared(shared)), "l"(global), "r"(valid ? 16 : 0)
                 : "memory");
}

WEIR_DEVICE void weir_cp_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Until at most N of this thread's groups are still under way. */
#define weir_cp_async_wait(N) asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory")

/* Hides from the compiler how p came about: an address that goes on through a loop stays in
 * registers and is not worked out anew from the loop's count each time. */
template <typename T> WEIR_DEVICE void weir_hide(T *&p)
{
    asm volatile("" : "+l"(p));
}

/* The same of a number. */
WEIR_DEVICE void weir_hide(uint32_t &x)
{
    asm volatile("" : "+r"(x));
}

/* For loops that must stay loops, or must not. */
#define WEIR_UNROLL    _Pragma("unroll")
#define WEIR_NO_UNROLL _Pragma("unroll 1")

#else
#include "tests/emu/weir_emu.h"
#endif

WEIR_DEVICE float weir_b2f(uint16_t b)
{
    return __uint_as_float((uint32_t)b << 16);
}

WEIR_DEVICE float2 weir_b2f2(uint32_t b)
{
    return make_float2(__uint_as_float(b << 16), __uint_as_float(b & 0xffff0000u));
}

/* Sum and largest over the 32 lanes of a warp, all of them there; every lane gets the same. The
 * emulator has them in one: half of its time went into these five. */
#if defined(weir_warp_sum_at_once)
#define weir_warp_sum(x) weir_warp_sum_at_once(x)
#define weir_warp_max(x) weir_warp_max_at_once(x)
#else
WEIR_DEVICE float weir_warp_sum(float x)
{
    for (int step = 16; step; step >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

WEIR_DEVICE float weir_warp_max(float x)
{
    for (int step = 16; step; step >>= 1)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}
#endif

/* weir_warp_sum of each number of the first n of N rows. */
#if defined(weir_warp_sums_at_once)
#define weir_warp_sums(N, v, n) weir_warp_sums_at_once(v, n)
#else
template <uint32_t N> WEIR_DEVICE void weir_warp_sums_of(float (*v)[2], uint32_t n)
{
    WEIR_UNROLL
    for (uint32_t r = 0; r < N; r++) {
        if (r >= n)
            break;
        v[r][0] = weir_warp_sum(v[r][0]);
        v[r][1] = weir_warp_sum(v[r][1]);
    }
}
#define weir_warp_sums(N, v, n) weir_warp_sums_of<N>(v, n)
#endif
