/* count.cpp - what a kernel's launches move, counted: the emulator built as libweir-emu-count.so.
 *
 * There the kernels' objects are compiled with -fsanitize=thread, which puts a call before every
 * access to memory that the optimiser left (registers are registers, as on a GPU); this file has
 * those functions instead of the sanitizer's library. Accesses outside device memory (stacks,
 * shared memory, arguments) count as nothing. Per launch one JSON line goes to the file that
 * WEIR_EMU_COUNTS names:
 *
 *   asked, put       bytes that threads read and wrote in device memory
 *   read, written    bytes of different 32-byte sectors that the launch read and wrote: what must
 *                    come from or go to memory at least once, if what it shares stays in the L2;
 *                    what it wrote itself before it read it is there, too, and not read
 *   l2_read, l2_written   the same, a sector counted once for each block that touches it: what
 *                    passes between L2 and multiprocessors if a block's own re-reads hit its L1
 *   requests, request_sectors   loads by warp, and sectors of each (of sampled blocks, scaled):
 *                    accesses of one lane that follow one another within 16 aligned bytes are one
 *                    load, and the k-th time that lanes of a warp come to the same instruction one
 *                    request
 *   mma, shuffles, barriers   of warps
 *
 * With WEIR_EMU_COUNT_BLOCKS=N only about N blocks of a product's launch (weir_mv_, weir_tile_ of
 * one packed type: those of any go on when all blocks of a head have come) run, those of some x and every y, and sums are scaled: a sector that two of them
 * touched is taken to be shared by all, one that a single block touched to have its like in every
 * block. What the others would have written stays as it was, so that is for models whose weights
 * are zero. Otherwise the count is exact for bytes and sectors; requests are as good as the guess
 * about which scalar loads the compiler for the GPU joins. Shadow memory: three words of 32 bits
 * for each sector of device memory and direction, taken as touched.
 */
#include "emu_int.h"

#include <algorithm>
#include <map>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SECTOR         32u
#define RANGE          ((size_t)1 << 38)
#define SAMPLED_BLOCKS 3u

struct shadow {
    uint32_t *launch, *block, *shared; /* serials of the last that touched a sector; of the launch
                                          in which a second block did */
};
static shadow shadows[2]; /* reads, writes */
static unsigned char *base;
static FILE *out;
static uint32_t launch_serial, block_serial;
static uint64_t limit; /* of blocks of a product; 0: all */

static struct {
    uint64_t asked[2], sectors[2], l2[2], shared[2], blocks;
    uint64_t requests, request_sectors, mma, shuffles, barriers;
    unsigned sampled;
} n;

/* Loads of a sampled block, per thread in order. */
struct load {
    const void *pc;
    uint64_t first, last; /* sectors */
    uintptr_t chunk;      /* the 16 aligned bytes */
    uint32_t bytes;       /* of those that it has, as bits */
};
static std::vector<load> loads[1024];
static bool sampling;

static uint32_t *shadow_memory(void)
{
    void *p = mmap(nullptr, RANGE / SECTOR * 4, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        emu_die("no address space to count in");
    return static_cast<uint32_t *>(p);
}

void emu_count_init(void)
{
    emu_order_init();
    const char *path = getenv("WEIR_EMU_COUNTS");
    if (!path || !*path)
        return;
    out = fopen(path, "a");
    if (!out)
        emu_die("%s cannot be written", path);
    base = emu_device_base();
    for (shadow &s : shadows)
        s = {shadow_memory(), shadow_memory(), shadow_memory()};
    const char *blocks = getenv("WEIR_EMU_COUNT_BLOCKS");
    limit = blocks && *blocks ? strtoull(blocks, nullptr, 10) : 0;
}

void emu_count_launch(void)
{
    n = {};
    launch_serial++;
    emu_order_launch();
}

bool emu_count_skips(const emu_launch *l)
{
    const char *name = l->kernel->name;
    bool product = !strncmp(name, "weir_mv_", 8) || !strncmp(name, "weir_tile_", 10);
    if (!out || !limit || !product || strstr(name, "f32") || strstr(name, "_any"))
        return false;
    uint64_t others = (uint64_t)l->grid.y * l->grid.z, want = limit / others;
    uint64_t stride = l->grid.x / (want < 3 ? 3 : want);
    return stride > 1 && weir_emu_block.x % stride != 0;
}

void emu_count_block(void)
{
    block_serial++;
    n.blocks++;
    emu_order_block();
    sampling = out && n.sampled < SAMPLED_BLOCKS;
}

static void sample_warp(unsigned warp)
{
    std::map<const void *, std::vector<std::vector<uint64_t>>> by;
    for (unsigned lane = 0; lane < 32; lane++) {
        std::map<const void *, size_t> times;
        for (const load &l : loads[32 * warp + lane]) {
            auto &list = by[l.pc];
            size_t k = times[l.pc]++;
            if (k >= list.size())
                list.resize(k + 1);
            list[k].push_back(l.first);
            if (l.last != l.first)
                list[k].push_back(l.last);
        }
    }
    for (auto &it : by)
        for (auto &r : it.second) {
            std::sort(r.begin(), r.end());
            n.requests++;
            n.request_sectors += (uint64_t)(std::unique(r.begin(), r.end()) - r.begin());
        }
}

void emu_count_block_end(unsigned threads)
{
    if (!sampling)
        return;
    sampling = false;
    n.sampled++;
    for (unsigned w = 0; w < (threads + 31) / 32; w++)
        sample_warp(w);
    for (unsigned i = 0; i < threads; i++)
        loads[i].clear();
}

void emu_count_collective(weir_emu_op op)
{
    if (op == WEIR_OP_MMA_F16 || op == WEIR_OP_MMA_BF16 || op == WEIR_OP_MMA_S8)
        n.mma++;
    else if (op >= WEIR_OP_SHFL && op <= WEIR_OP_REDUCE)
        n.shuffles++;
}

void emu_count_barrier(void)
{
    n.barriers++;
    emu_order_barrier();
}

void emu_count_fence(void)
{
    emu_order_fence();
}

void emu_count_end(const emu_launch *l, size_t fixed_shared)
{
    if (!out)
        return;
    uint64_t blocks = (uint64_t)l->grid.x * l->grid.y * l->grid.z;
    double all = n.blocks ? (double)blocks / (double)n.blocks : 0;
    double scale = n.sampled ? (double)blocks / n.sampled : 0;
    auto whole = [&](uint64_t x) { return (unsigned long long)((double)x * all); };
    auto sectors = [&](int way) {
        return (unsigned long long)n.shared[way] * SECTOR +
               whole((n.sectors[way] - n.shared[way]) * SECTOR);
    };
    fprintf(out,
            "{\"kernel\":\"%s\",\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u],\"shared\":%zu,"
            "\"dynamic\":%zu,\"asked\":%llu,\"put\":%llu,\"read\":%llu,\"written\":%llu,"
            "\"l2_read\":%llu,\"l2_written\":%llu,\"requests\":%.0f,\"request_sectors\":%.0f,"
            "\"mma\":%llu,\"shuffles\":%llu,\"barriers\":%llu}\n",
            l->kernel->name, l->grid.x, l->grid.y, l->grid.z, l->block.x, l->block.y, l->block.z,
            fixed_shared, l->dynamic, whole(n.asked[0]), whole(n.asked[1]), sectors(0), sectors(1),
            whole(n.l2[0] * SECTOR), whole(n.l2[1] * SECTOR), (double)n.requests * scale,
            (double)n.request_sectors * scale, whole(n.mma), whole(n.shuffles), whole(n.barriers));
    fflush(out);
}

/* ---- accesses ---- */

static void sample(uintptr_t at, size_t size, const void *pc)
{
    std::vector<load> &list = loads[emu_thread_index()];
    uintptr_t chunk = at / 16;
    uint32_t bytes = ((1u << (size > 16 ? 16 : size)) - 1) << at % 16;
    uint64_t first = at / SECTOR, last = (at + size - 1) / SECTOR;
    if (!list.empty() && list.back().chunk == chunk && !(list.back().bytes & bytes)) {
        list.back().bytes |= bytes;
        return;
    }
    list.push_back({pc, first, last, chunk, bytes});
}

static inline void touch(const void *p, size_t size, int way, const void *pc)
{
    size_t at = (size_t)(static_cast<const unsigned char *>(p) - base);
    if (!out || at >= RANGE || !weir_emu_now)
        return;
    n.asked[way] += size;
    for (size_t s = at / SECTOR; s <= (at + size - 1) / SECTOR; s++) {
        if (shadows[way].block[s] == block_serial)
            continue;
        shadows[way].block[s] = block_serial;
        n.l2[way]++;
        if (way == 0 && shadows[1].launch[s] == launch_serial)
            continue;
        if (shadows[way].launch[s] != launch_serial) {
            shadows[way].launch[s] = launch_serial;
            n.sectors[way]++;
        } else if (n.blocks > 1 && shadows[way].shared[s] != launch_serial) {
            shadows[way].shared[s] = launch_serial;
            n.shared[way]++;
        }
    }
    if (sampling && way == 0)
        sample(at, size, pc);
}

/* One that is not atomic. */
static inline void access(const void *p, size_t size, int way, const void *pc)
{
    touch(p, size, way, pc);
    if (way)
        emu_order_write(p, size);
    else
        emu_order_read(p, size);
}

/* One that is. */
static inline void touch_atomic(const void *p, size_t size, int way, const void *pc)
{
    touch(p, size, way, pc);
    emu_order_atomic(p);
}

#define PC           __builtin_return_address(0)
#define FOR_SIZES(X) X(1) X(2) X(4) X(8) X(16)
extern "C" {
#define ACCESS(size)                                                                               \
    void __tsan_read##size(void *p);                                                               \
    void __tsan_write##size(void *p);                                                              \
    void __tsan_unaligned_read##size(void *p);                                                     \
    void __tsan_unaligned_write##size(void *p);                                                    \
    void __tsan_read##size(void *p)                                                                \
    {                                                                                              \
        access(p, size, 0, PC);                                                                    \
    }                                                                                              \
    void __tsan_write##size(void *p)                                                               \
    {                                                                                              \
        access(p, size, 1, PC);                                                                    \
    }                                                                                              \
    void __tsan_unaligned_read##size(void *p)                                                      \
    {                                                                                              \
        access(p, size, 0, PC);                                                                    \
    }                                                                                              \
    void __tsan_unaligned_write##size(void *p)                                                     \
    {                                                                                              \
        access(p, size, 1, PC);                                                                    \
    }
FOR_SIZES(ACCESS)

void __tsan_init(void);
void __tsan_func_entry(void *);
void __tsan_func_exit(void);
void __tsan_vptr_update(void *, void *);
void __tsan_vptr_read(void *);
void __tsan_read_range(void *p, size_t size);
void __tsan_write_range(void *p, size_t size);
void __tsan_init(void)
{
}
void __tsan_func_entry(void *)
{
}
void __tsan_func_exit(void)
{
}
void __tsan_vptr_update(void *, void *)
{
}
void __tsan_vptr_read(void *)
{
}
void __tsan_read_range(void *p, size_t size)
{
    if (size)
        access(p, size, 0, PC);
}
void __tsan_write_range(void *p, size_t size)
{
    if (size)
        access(p, size, 1, PC);
}

/* Atomics: a read and a write of the sector, done here. */
#define ATOMIC(bits)                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile void *p, int);                        \
    void __tsan_atomic##bits##_store(volatile void *p, uint##bits##_t x, int);                     \
    uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile void *p, uint##bits##_t x, int);       \
    uint##bits##_t __tsan_atomic##bits##_fetch_or(volatile void *p, uint##bits##_t x, int);        \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile void *p, uint##bits##_t x, int);        \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile void *p, void *was,                 \
                                                      uint##bits##_t x, int, int);                 \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile void *p, void *was, uint##bits##_t x, \
                                                    int, int);                                     \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile void *p, uint##bits##_t was, uint##bits##_t x, int, int);                         \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile void *p, int)                         \
    {                                                                                              \
        touch_atomic(const_cast<const void *>(p), bits / 8, 0, PC);                                \
        return __atomic_load_n(static_cast<const volatile uint##bits##_t *>(p), __ATOMIC_RELAXED); \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile void *p, uint##bits##_t x, int)                      \
    {                                                                                              \
        touch_atomic(const_cast<const void *>(p), bits / 8, 1, PC);                                \
        __atomic_store_n(static_cast<volatile uint##bits##_t *>(p), x, __ATOMIC_RELAXED);          \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile void *p, uint##bits##_t x, int)        \
    {                                                                                              \
        touch_atomic(const_cast<const void *>(p), bits / 8, 1, PC);                                \
        return __atomic_fetch_add(static_cast<volatile uint##bits##_t *>(p), x, __ATOMIC_RELAXED); \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_fetch_or(volatile void *p, uint##bits##_t x, int)         \
    {                                                                                              \
        touch_atomic(const_cast<const void *>(p), bits / 8, 1, PC);                                \
        return __atomic_fetch_or(static_cast<volatile uint##bits##_t *>(p), x, __ATOMIC_RELAXED);  \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile void *p, uint##bits##_t x, int)         \
    {                                                                                              \
        touch_atomic(const_cast<const void *>(p), bits / 8, 1, PC);                                \
        return __atomic_exchange_n(static_cast<volatile uint##bits##_t *>(p), x,                   \
                                   __ATOMIC_RELAXED);                                              \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile void *p, void *was,                 \
                                                      uint##bits##_t x, int, int)                  \
    {                                                                                              \
        touch_atomic(const_cast<const void *>(p), bits / 8, 1, PC);                                \
        return __atomic_compare_exchange_n(static_cast<volatile uint##bits##_t *>(p),              \
                                           static_cast<uint##bits##_t *>(was), x, false,           \
                                           __ATOMIC_RELAXED, __ATOMIC_RELAXED);                    \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile void *p, void *was, uint##bits##_t x, \
                                                    int a, int b)                                  \
    {                                                                                              \
        return __tsan_atomic##bits##_compare_exchange_strong(p, was, x, a, b);                     \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile void *p, uint##bits##_t was, uint##bits##_t x, int a, int b)                      \
    {                                                                                              \
        (void)__tsan_atomic##bits##_compare_exchange_strong(p, &was, x, a, b);                     \
        return was;                                                                                \
    }
ATOMIC(32)
ATOMIC(64)
}
