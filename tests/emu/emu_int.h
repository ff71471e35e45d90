/* emu_int.h - what the emulator's parts say to one another.
 *
 * One lock (driver.cpp) is held by whoever is inside the emulator, so none of this is locked again.
 */
#ifndef EMU_INT_H
#define EMU_INT_H

#include "tests/emu/weir_emu.h"

#include <functional>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(EMU_ASAN)
#define EMU_HAS_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define emu_poison(p, n)   __asan_poison_memory_region(p, n)
#define emu_unpoison(p, n) __asan_unpoison_memory_region(p, n)
#else
#define EMU_HAS_ASAN       0
#define emu_poison(p, n)   ((void)(p), (void)(n))
#define emu_unpoison(p, n) ((void)(p), (void)(n))
#endif

#define EMU_POISON                                                                                 \
    0x7ff1fff1u /* NaN as float, as two halves and as two bfloat16; far as an index */

/* ---- what this emulated device is; from the environment, once ---- */

#define EMU_DEVICES 16

struct emu_device {
    uint64_t seed;     /* WEIR_EMU_SEED */
    int devices;       /* WEIR_EMU_DEVICES: 0 to EMU_DEVICES, 1 */
    bool peers;        /* WEIR_EMU_PEERS: whether they can reach each other's memory, 1 */
    int driver;        /* WEIR_EMU_DRIVER: 13000 */
    size_t shared_max; /* of the device that runs a launch */
    long fail_at;      /* WEIR_EMU_FAIL: the launch that ends in an error, 0 = none */
    const char *trace; /* WEIR_EMU_COUNTS: file for the counts of launches */
    /* each device's; the variables' values are lists, whose last entry counts for those behind */
    struct {
        int major, minor;  /* WEIR_EMU_ARCH: 86 */
        size_t memory;     /* WEIR_EMU_MEMORY_MIB, in parts of one too: 16384 */
        size_t shared_max; /* of a block, static and dynamic; follows from the architecture */
        long mbs;          /* WEIR_EMU_MBS: 1000000 */
    } card[EMU_DEVICES];
};
extern emu_device emu;
void emu_read_environment(void);

/* xorshift; seeded by emu.seed */
extern uint32_t emu_state;
static inline uint32_t emu_rnd(void)
{
    uint32_t x = emu_state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return emu_state = x;
}

/* ---- fiber.cpp ---- */

struct emu_launch {
    const weir_emu_kernel *kernel;
    uint3 grid, block;
    size_t dynamic;
    size_t shared_max; /* bytes of static and dynamic shared memory */
    std::vector<unsigned char> args;
};
void emu_run(const emu_launch *l);
weir_emu_kernel *emu_kernel(const char *name);
/* The kernel that runs now, or NULL. */
const emu_launch *emu_running(void);
/* " in kernel K, block (x, y, z), thread (x, y, z)" or "". Async-signal-safe enough for a dying
 * program. */
const char *emu_where(void);
/* The message and the end of the program (status 99); without a kernel's place. */
[[noreturn]] void emu_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool emu_is_shared(const void *p, size_t n);
/* Static shared bytes that the kernel has used so far. */
void emu_shared_init(void);

/* Which of its block's threads runs now. */
unsigned emu_thread_index(void);

/* ---- count.cpp: in the library that counts only ---- */

#if defined(EMU_COUNT)
void emu_count_init(void);
void emu_count_launch(void);
/* Whether the block weir_emu_block is left out. */
bool emu_count_skips(const emu_launch *l);
void emu_count_block(void);
void emu_count_block_end(unsigned threads);
void emu_count_collective(weir_emu_op op);
void emu_count_barrier(void);
void emu_count_fence(void);
void emu_count_end(const emu_launch *l, size_t fixed_shared);
#else
static inline bool emu_count_skips(const emu_launch *)
{
    return false;
}
static inline void emu_count_init(void)
{
}
static inline void emu_count_launch(void)
{
}
static inline void emu_count_block(void)
{
}
static inline void emu_count_block_end(unsigned)
{
}
static inline void emu_count_collective(weir_emu_op)
{
}
static inline void emu_count_barrier(void)
{
}
static inline void emu_count_fence(void)
{
}
static inline void emu_count_end(const emu_launch *, size_t)
{
}
#endif

/* ---- driver.cpp ---- */

/* Puts a library's work into a stream (NULL: the default one), where it runs as launches do, with
 * device memory accessible. During capture the program ends: what cuBLAS does there (memory of its
 * own in the graph) is not emulated, and Weir never asks for it. An eng_cu_result. */
struct CUstream_st;
int emu_library_work(CUstream_st *s, const char *what, std::function<void()> work);

/* ---- order.cpp: in that library, too ---- */

void emu_order_init(void);
void emu_order_launch(void);
void emu_order_block(void);
void emu_order_barrier(void);
void emu_order_fence(void);
void emu_order_read(const void *p, size_t n);
void emu_order_write(const void *p, size_t n);
void emu_order_atomic(const void *p);

/* ---- memory.cpp ---- */

/* The first address that device memory can have. */
unsigned char *emu_device_base(void);

void emu_memory_init(void);
/* NULL: no room. */
void *emu_device_alloc(int device, size_t n);
bool emu_device_free(void *p);
size_t emu_device_used(int device);
/* Whose memory all of p..p+n is, in one living allocation; -1: nobody's. */
int emu_device_of(const void *p, size_t n);
bool emu_is_device(const void *p, size_t n);
/* p..p+n is a piece of an allocation, to be watched as one itself: it ends (rounded to 256) with a
 * page, and a page is between it and the next. Ends the program if it is no such thing. */
void emu_piece(void *p, size_t n);
bool emu_piece_gone(void *p);
/* The memory of these devices (bits), and no other's, is accessible from here on; 0: as it is. Some
 * time after as many calls of close as of open nobody's is. */
void emu_open_memory(unsigned devices);
void emu_close_memory(void);
/* Ends the program if something was written around an allocation. */
void emu_check_zones(void);
void *emu_host_alloc(size_t n);
bool emu_host_free(void *p);
bool emu_is_pinned(const void *p, size_t n);
/* Once a thread: its signals on a stack of their own. */
void emu_thread_init(void);

#endif
