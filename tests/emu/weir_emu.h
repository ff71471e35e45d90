/* weir_emu.h - what engine/cuda/device.cuh means when g++ compiles a kernel for the emulator.
 *
 * Everything that touches memory in a kernel's name is inline here, so that sanitizers, which
 * instrument the kernels' objects, see it; the fibers, their order and the rules of collectives
 * are in fiber.cpp, which is not instrumented.
 */
#ifndef WEIR_EMU_H
#define WEIR_EMU_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct uint3 {
    unsigned x, y, z;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(4) char4 {
    signed char x, y, z, w;
};
struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};
struct alignas(4) ushort2 {
    unsigned short x, y;
};

static inline float2 make_float2(float x, float y)
{
    return {x, y};
}
static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}
static inline int2 make_int2(int x, int y)
{
    return {x, y};
}
static inline int4 make_int4(int x, int y, int z, int w)
{
    return {x, y, z, w};
}
static inline uint2 make_uint2(unsigned x, unsigned y)
{
    return {x, y};
}
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return {x, y, z, w};
}

/* ---- the runtime: fiber.cpp ---- */

struct weir_emu_here {
    const char *file;
    int line;
};
#define WEIR_HERE (weir_emu_here{__FILE__, __LINE__})

enum weir_emu_op {
    WEIR_OP_SYNCWARP,
    WEIR_OP_SHFL,
    WEIR_OP_SHFL_XOR,
    WEIR_OP_SHFL_DOWN,
    WEIR_OP_SHFL_UP,
    WEIR_OP_BALLOT,
    WEIR_OP_REDUCE,
    WEIR_OP_LDMATRIX,
    WEIR_OP_LDMATRIX_TRANS,
    WEIR_OP_MMA_F16,
    WEIR_OP_MMA_BF16,
    WEIR_OP_MMA_S8,
    WEIR_OP_BUTTERFLY,
    WEIR_OP_BUTTERFLIES
};

/* What a lane brings to a collective, and takes from it. */
struct weir_emu_lane {
    uint64_t in, out;
    int lane, width;       /* shuffles */
    const uint32_t *a, *b; /* mma: fragments; ldmatrix: a = its row, four words */
    void *d;               /* mma, ldmatrix */
};

/* The thread that runs now. */
struct weir_emu_thread {
    uint3 thread;
    unsigned lane;
};
extern weir_emu_thread *weir_emu_now;
extern uint3 weir_emu_block, weir_emu_block_dim, weir_emu_grid_dim;

struct weir_emu_kernel {
    const char *name;
    const char *file;
    size_t args_size;
    unsigned max_threads;
    void (*run)(const void *args);
    weir_emu_kernel *next;
    weir_emu_kernel(const char *name, const char *file, size_t args_size, unsigned max_threads,
                    void (*run)(const void *));
};

/* A shared array's declaration; `at` is its place in the block's shared memory. */
struct weir_emu_site {
    const char *name;
    weir_emu_here here;
    size_t size;
    unsigned block; /* the block, counted from the start, that it has a place in */
    size_t at;
};

[[noreturn]] void weir_emu_fail(weir_emu_here here, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void weir_emu_collective(weir_emu_here here, weir_emu_op op, uint32_t mask, weir_emu_lane *l);
/* Returns `how` over what all threads brought: 0 nothing, 1 or, 2 sum of non-zeros, 3 and. */
int weir_emu_barrier(weir_emu_here here, int how, int value);
void *weir_emu_shared(weir_emu_site *site);
void *weir_emu_dynamic(weir_emu_here here);
/* cp.async: false = copy at once; true = it was noted and comes out of _next at some wait. */
bool weir_emu_async(weir_emu_here here, void *shared, const void *global, bool valid);
void weir_emu_async_commit(void);
struct weir_emu_copy {
    void *shared;
    const void *global;
    bool valid;
};
bool weir_emu_async_next(unsigned pending, weir_emu_copy *out);
/* Ends the program unless p is in a block's shared memory, or in device memory. */
void weir_emu_want_shared(weir_emu_here here, const void *p, size_t n);
/* What the thread wrote, and saw at barriers, is there for other blocks before what it writes next.
 */
void weir_emu_fence(void);
/* A chance to run other threads, so that atomics meet in any order. */
void weir_emu_maybe_yield(void);

/* ---- the language ---- */

#define __device__
#define __forceinline__ inline
#define __align__(n)    alignas(n)
#ifndef __restrict__
#define __restrict__ __restrict
#endif
#define WEIR_DEVICE   static inline __attribute__((unused))
#define WEIR_CONSTANT static const __attribute__((unused))
#define WEIR_UNROLL
#define WEIR_NO_UNROLL

#define threadIdx (weir_emu_now->thread)
#define blockIdx  weir_emu_block
#define blockDim  weir_emu_block_dim
#define gridDim   weir_emu_grid_dim
#define warpSize  32

#define WEIR_KERNEL(name, args, max_threads)                                                       \
    static void name##_body(const args &a);                                                        \
    static weir_emu_kernel name##_kernel(                                                          \
        #name, __FILE__, sizeof(args), max_threads,                                                \
        [](const void *p) { name##_body(*static_cast<const args *>(p)); });                        \
    static void name##_body(const args &a)

#define WEIR_KERNEL_BLOCKS(name, args, max_threads, blocks) WEIR_KERNEL(name, args, max_threads)

#define WEIR_SHARED(type, name, count)                                                             \
    static weir_emu_site name##_site = {#name, WEIR_HERE, sizeof(type) * (count), 0, 0};           \
    type(&name)[count] = *reinterpret_cast<type(*)[count]>(weir_emu_shared(&name##_site))
#define WEIR_DYNAMIC(type, name) type *name = static_cast<type *>(weir_emu_dynamic(WEIR_HERE))

/* ---- barriers, shuffles, votes ---- */

#define __syncthreads()         ((void)weir_emu_barrier(WEIR_HERE, 0, 0))
#define __syncthreads_or(x)     weir_emu_barrier(WEIR_HERE, 1, x)
#define __syncthreads_count(x)  weir_emu_barrier(WEIR_HERE, 2, x)
#define __syncthreads_and(x)    weir_emu_barrier(WEIR_HERE, 3, x)
#define __syncwarp(...)         weir_emu_syncwarp(WEIR_HERE, ##__VA_ARGS__)
#define __shfl_sync(...)        weir_emu_shfl(WEIR_HERE, WEIR_OP_SHFL, __VA_ARGS__)
#define __shfl_xor_sync(...)    weir_emu_shfl(WEIR_HERE, WEIR_OP_SHFL_XOR, __VA_ARGS__)
#define __shfl_down_sync(...)   weir_emu_shfl(WEIR_HERE, WEIR_OP_SHFL_DOWN, __VA_ARGS__)
#define __shfl_up_sync(...)     weir_emu_shfl(WEIR_HERE, WEIR_OP_SHFL_UP, __VA_ARGS__)
#define __ballot_sync(mask, p)  weir_emu_ballot(WEIR_HERE, mask, p)
#define __any_sync(mask, p)     (weir_emu_ballot(WEIR_HERE, mask, p) != 0)
#define __all_sync(mask, p)     (weir_emu_ballot(WEIR_HERE, mask, !(p)) == 0)
#define __reduce_add_sync(m, x) weir_emu_reduce(WEIR_HERE, m, x, 0)
#define __reduce_max_sync(m, x) weir_emu_reduce(WEIR_HERE, m, x, 1)
#define __reduce_min_sync(m, x) weir_emu_reduce(WEIR_HERE, m, x, 2)
#define __threadfence()         weir_emu_fence()

static inline void weir_emu_syncwarp(weir_emu_here here, uint32_t mask = 0xffffffffu)
{
    weir_emu_lane l = {};
    weir_emu_collective(here, WEIR_OP_SYNCWARP, mask, &l);
}

template <typename T>
static inline T weir_emu_shfl(weir_emu_here here, weir_emu_op op, uint32_t mask, T x, int lane,
                              int width = 32)
{
    static_assert(sizeof(T) <= 8, "shuffles move 4 or 8 bytes");
    weir_emu_lane l = {};
    uint64_t in = 0; /* whole: what is written in parts is slow to read */
    memcpy(&in, &x, sizeof(T));
    l.in = in;
    l.lane = lane;
    l.width = width;
    weir_emu_collective(here, op, mask, &l);
    memcpy(&x, &l.out, sizeof(T));
    return x;
}

static inline unsigned weir_emu_ballot(weir_emu_here here, uint32_t mask, int p)
{
    weir_emu_lane l = {};
    l.in = p != 0;
    weir_emu_collective(here, WEIR_OP_BALLOT, mask, &l);
    return (unsigned)l.out;
}

template <typename T>
static inline T weir_emu_reduce(weir_emu_here here, uint32_t mask, T x, int how)
{
    static_assert(sizeof(T) == 4, "reductions are of 4 bytes");
    weir_emu_lane l = {};
    l.in = (uint64_t)(int64_t)x; /* signed values keep their order, unsigned ones theirs */
    l.lane = how;
    weir_emu_collective(here, WEIR_OP_REDUCE, mask, &l);
    return (T)l.out;
}

/* A butterfly of five __shfl_xor_sync, to the bit, as one operation; the library that counts has
 * the five. */
#if !defined(EMU_COUNT)
#define weir_warp_sum_at_once(x) weir_emu_butterfly(WEIR_HERE, x, 0)
#define weir_warp_max_at_once(x) weir_emu_butterfly(WEIR_HERE, x, 1)
#define weir_warp_sums_at_once(v, n)                                                               \
    do {                                                                                           \
        weir_emu_lane l_ = {};                                                                     \
        l_.d = v;                                                                                  \
        l_.lane = 2 * (int)(n);                                                                    \
        weir_emu_collective(WEIR_HERE, WEIR_OP_BUTTERFLIES, 0xffffffffu, &l_);                     \
    } while (0)
#endif
static inline float weir_emu_butterfly(weir_emu_here here, float x, int largest)
{
    weir_emu_lane l = {};
    uint32_t u;
    memcpy(&u, &x, 4);
    l.in = u;
    l.lane = largest;
    weir_emu_collective(here, WEIR_OP_BUTTERFLY, 0xffffffffu, &l);
    u = (uint32_t)l.out;
    memcpy(&x, &u, 4);
    return x;
}

/* ---- arithmetic ---- */

static inline float __uint_as_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline uint32_t __float_as_uint(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static inline int __float_as_int(float f)
{
    return (int)__float_as_uint(f);
}
static inline float __int_as_float(int i)
{
    return __uint_as_float((uint32_t)i);
}
static inline int __dp4a(int a, int b, int c)
{
    uint32_t sum = (uint32_t)c;
    for (int i = 0; i < 4; i++)
        sum += (uint32_t)((int8_t)((uint32_t)a >> 8 * i) * (int8_t)((uint32_t)b >> 8 * i));
    return (int)sum;
}
static inline unsigned __dp4a(unsigned a, unsigned b, unsigned c)
{
    for (int i = 0; i < 4; i++)
        c += (a >> 8 * i & 255) * (b >> 8 * i & 255);
    return c;
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned s)
{
    uint64_t both = (uint64_t)y << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) {
        unsigned pick = s >> 4 * i & 15;
        unsigned byte = (unsigned)(both >> 8 * (pick & 7)) & 255;
        if (pick & 8) /* the sign of that byte, eight times */
            byte = byte & 128 ? 255 : 0;
        r |= byte << 8 * i;
    }
    return r;
}
static inline uint32_t weir_prmt(uint32_t x, uint32_t y, uint32_t s)
{
    return __byte_perm(x, y, s);
}
static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
static inline unsigned __brev(unsigned x)
{
    unsigned r = 0;
    for (int i = 0; i < 32; i++)
        r |= (x >> i & 1) << (31 - i);
    return r;
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)((uint64_t)a * b >> 32);
}
static inline int __float2int_rn(float x)
{
    return (int)rintf(x);
}
static inline float __fdividef_checked(float a, float b)
{
    return a / b;
}
static inline float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}
template <typename T> static inline T min(T a, T b)
{
    return b < a ? b : a;
}
template <typename T> static inline T max(T a, T b)
{
    return a < b ? b : a;
}
template <typename T> static inline T __ldg(const T *p)
{
    return *p;
}

static inline float weir_h2f(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ffu;
    if (e == 31)
        return __uint_as_float(sign | 0x7f800000u | m << 13);
    if (e)
        return __uint_as_float(sign | (e + 112) << 23 | m << 13);
    float f = (float)m * 0x1p-24f;
    return sign ? -f : f;
}
static inline uint16_t weir_f2h(float f)
{
    uint32_t u = __float_as_uint(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return 0x7fff; /* NaN as the GPU writes it */
    if (a >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000u) { /* below the normal halves: units of 2^-24, ties to even */
        float scaled = rintf(__uint_as_float(a) * 0x1p24f);
        return (uint16_t)(sign | (uint32_t)scaled);
    }
    uint32_t odd = a >> 13 & 1;
    return (uint16_t)(sign | (((a + 0xfff + odd) >> 13) - (112u << 10)));
}
static inline uint16_t weir_f2b(float f)
{
    uint32_t u = __float_as_uint(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
static inline float2 weir_h2f2(uint32_t h)
{
    return {weir_h2f((uint16_t)h), weir_h2f((uint16_t)(h >> 16))};
}
static inline uint32_t weir_f2h2(float low, float high)
{
    return weir_f2h(low) | (uint32_t)weir_f2h(high) << 16;
}
static inline uint32_t weir_f2b2(float low, float high)
{
    return weir_f2b(low) | (uint32_t)weir_f2b(high) << 16;
}

/* ---- atomics: relaxed, as on the device ---- */

template <typename T> static inline T weir_emu_atomic_add(T *p, T x)
{
    weir_emu_maybe_yield();
    return __atomic_fetch_add(p, x, __ATOMIC_RELAXED);
}
static inline int atomicAdd(int *p, int x)
{
    return weir_emu_atomic_add(p, x);
}
static inline unsigned atomicAdd(unsigned *p, unsigned x)
{
    return weir_emu_atomic_add(p, x);
}
static inline float atomicAdd(float *p, float x)
{
    weir_emu_maybe_yield();
    uint32_t *u = reinterpret_cast<uint32_t *>(p), was = __atomic_load_n(u, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(u, &was, __float_as_uint(__uint_as_float(was) + x), false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return __uint_as_float(was);
}
template <typename T> static inline T weir_emu_atomic_best(T *p, T x, bool largest)
{
    weir_emu_maybe_yield();
    T was = __atomic_load_n(p, __ATOMIC_RELAXED);
    while ((largest ? was < x : x < was) &&
           !__atomic_compare_exchange_n(p, &was, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return was;
}
static inline int atomicMax(int *p, int x)
{
    return weir_emu_atomic_best(p, x, true);
}
static inline unsigned atomicMax(unsigned *p, unsigned x)
{
    return weir_emu_atomic_best(p, x, true);
}
static inline int atomicMin(int *p, int x)
{
    return weir_emu_atomic_best(p, x, false);
}
static inline unsigned atomicMin(unsigned *p, unsigned x)
{
    return weir_emu_atomic_best(p, x, false);
}
static inline unsigned atomicOr(unsigned *p, unsigned x)
{
    weir_emu_maybe_yield();
    return __atomic_fetch_or(p, x, __ATOMIC_RELAXED);
}
static inline unsigned atomicExch(unsigned *p, unsigned x)
{
    weir_emu_maybe_yield();
    return __atomic_exchange_n(p, x, __ATOMIC_RELAXED);
}
static inline unsigned atomicCAS(unsigned *p, unsigned was, unsigned x)
{
    weir_emu_maybe_yield();
    __atomic_compare_exchange_n(p, &was, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return was;
}

/* ---- tiles ---- */

#define weir_mma_f16(d, a, b)    weir_emu_mma(WEIR_HERE, WEIR_OP_MMA_F16, d, a, b)
#define weir_mma_bf16(d, a, b)   weir_emu_mma(WEIR_HERE, WEIR_OP_MMA_BF16, d, a, b)
#define weir_mma_s8(d, a, b)     weir_emu_mma(WEIR_HERE, WEIR_OP_MMA_S8, d, a, b)
#define weir_mma_s8_k16(d, a, b) weir_emu_mma_k16(WEIR_HERE, d, a, b)
#define weir_mma_s8_new(d, a, b)                                                                   \
    (memset(d, 0, 4 * sizeof *(d)), weir_emu_mma(WEIR_HERE, WEIR_OP_MMA_S8, d, a, b))
#define weir_mma_s8_k16_new(d, a, b)                                                               \
    (memset(d, 0, 4 * sizeof *(d)), weir_emu_mma_k16(WEIR_HERE, d, a, b))
template <typename T>
static inline void weir_emu_mma(weir_emu_here here, weir_emu_op op, T *d, const uint32_t *a,
                                const uint32_t *b)
{
    static_assert(sizeof(T) == 4, "sums are float or int32_t");
    uint32_t a4[4] = {a[0], a[1], a[2], a[3]}, b2[2] = {b[0], b[1]};
    T d4[4] = {d[0], d[1], d[2], d[3]};
    weir_emu_lane l = {};
    l.a = a4;
    l.b = b2;
    l.d = d4;
    weir_emu_collective(here, op, 0xffffffffu, &l);
    for (int i = 0; i < 4; i++)
        d[i] = d4[i];
}
static inline void weir_emu_mma_k16(weir_emu_here here, int32_t *d, const uint32_t *a, uint32_t b)
{
    uint32_t a4[4] = {a[0], a[1], 0, 0}, b2[2] = {b, 0};
    weir_emu_mma(here, WEIR_OP_MMA_S8, d, a4, b2);
}

#define weir_ldmatrix_x4(r, p)       weir_emu_ldmatrix(WEIR_HERE, WEIR_OP_LDMATRIX, r, p)
#define weir_ldmatrix_x4_trans(r, p) weir_emu_ldmatrix(WEIR_HERE, WEIR_OP_LDMATRIX_TRANS, r, p)
static inline void weir_emu_ldmatrix(weir_emu_here here, weir_emu_op op, uint32_t *r, const void *p)
{
    weir_emu_want_shared(here, p, 16);
    const uint4 row = *static_cast<const uint4 *>(p);
    uint32_t row4[4] = {row.x, row.y, row.z, row.w}, out[4];
    weir_emu_lane l = {};
    l.a = row4;
    l.d = out;
    weir_emu_collective(here, op, 0xffffffffu, &l);
    for (int i = 0; i < 4; i++)
        r[i] = out[i];
}

static inline void weir_emu_copy16(void *shared, const void *global, bool valid)
{
    *static_cast<uint4 *>(shared) = valid ? *static_cast<const uint4 *>(global) : uint4{0, 0, 0, 0};
}
#define weir_cp_async16(shared, global, valid) weir_emu_cp16(WEIR_HERE, shared, global, valid)
template <typename T> static inline void weir_hide(T *&)
{
}
static inline void weir_hide(uint32_t &)
{
}
static inline void weir_emu_cp16(weir_emu_here here, void *shared, const void *global, bool valid)
{
    if (!weir_emu_async(here, shared, global, valid)) {
        weir_emu_copy16(shared, global, valid);
        return;
    }
    *static_cast<uint4 *>(shared) = uint4{0x7ff1fff1u, 0x7ff1fff1u, 0x7ff1fff1u, 0x7ff1fff1u};
}
#define weir_cp_async_commit() weir_emu_async_commit()
#define weir_cp_async_wait(N)  weir_emu_cp_wait(N)
static inline void weir_emu_cp_wait(unsigned pending)
{
    weir_emu_copy c;
    while (weir_emu_async_next(pending, &c))
        weir_emu_copy16(c.shared, c.global, c.valid);
}

#endif
