/* fiber.cpp - runs a kernel: a fiber a CUDA thread, block after block, each in random order.
 *
 * One block is alive at a time. Its threads are fibers on one OS thread; a fiber runs until it
 * comes to a collective of its warp or to a barrier that others have not reached, and switches
 * straight to the next ready one, chosen at random: mostly another lane of the same warp, now and
 * then another warp. So every order of warps, and of lanes between two collectives, is a matter of
 * the seed (WEIR_EMU_SEED), and the same seed gives the same order.
 *
 * What is an error, and ends the program with one line that names kernel, block, thread, file and
 * line (exit status 99): lanes of a collective that differ in operation, line or mask; a mask that
 * names lanes which have left, which the block does not have, which wait elsewhere, or that lacks
 * the lane itself; a shuffle from a lane outside the mask; threads that leave while others wait at
 * a barrier; threads at different barriers; no thread that can go on; cp.async not waited for;
 * shared memory written outside its arrays; more shared memory than the device has.
 *
 * Shared memory starts poisoned with a pattern that is not a number. Static arrays lie between red
 * zones; dynamic memory ends at a page that cannot be read.
 *
 * Sanitizers are told of every switch. For TSan a switch orders nothing: only __syncthreads and
 * __syncwarp do (release when coming, acquire when going on), so two threads of a block that touch
 * the same byte without one of them between are reported. Blocks are ordered one behind the other.
 */
#include "emu_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(EMU_TSAN)
#include <sanitizer/tsan_interface.h>
#define tsan_release(p) __tsan_release(p)
#define tsan_acquire(p) __tsan_acquire(p)
#else
#define tsan_release(p) ((void)(p))
#define tsan_acquire(p) ((void)(p))
#endif

#if EMU_HAS_ASAN || defined(EMU_TSAN)
#define STACK_BYTES (512u << 10)
#else
#define STACK_BYTES (128u << 10)
#endif
/* Stacks begin at different places of their pages, since all of a block's in the same sets of the
 * cache would throw one another out at every switch. */
#define STACK_COLOURS 64u
#define STACK_COLOUR  704u
#define THREADS_MAX   1024
#define STATIC_MAX    (48u << 10)
#define STATIC_AREA   (64u << 10)
#define DYNAMIC_AREA  (256u << 10)
#define PAGE          4096u
#define ZONE          32u
#define ZONE_BYTE     0xa5

emu_device emu;
uint32_t emu_state = 1;

/* ---- switching ---- */

#if defined(__x86_64__) && !defined(EMU_UCONTEXT)
extern "C" void emu_switch(void **save, void *load);
/* What a called function must keep, on the old stack; then the same from the new one. */
__asm__(".text\n.globl emu_switch\n.hidden emu_switch\n.type emu_switch, @function\n"
        "emu_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size emu_switch, .-emu_switch\n");
struct context {
    void *sp;
};
static void context_make(context *c, unsigned char *stack, size_t size, void (*entry)(void))
{
    void **top = reinterpret_cast<void **>(stack + size);
    *--top = nullptr; /* the entry's return address: it has none */
    *--top = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    c->sp = top;
}
static inline void context_switch(context *from, context *to)
{
    emu_switch(&from->sp, to->sp);
}
#else
#include <ucontext.h>
struct context {
    ucontext_t u;
};
static void context_make(context *c, unsigned char *stack, size_t size, void (*entry)(void))
{
    getcontext(&c->u);
    c->u.uc_stack.ss_sp = stack;
    c->u.uc_stack.ss_size = size;
    c->u.uc_link = nullptr;
    makecontext(&c->u, entry, 0);
}
static inline void context_switch(context *from, context *to)
{
    swapcontext(&from->u, &to->u);
}
#endif

/* ---- fibers ---- */

struct warp;

struct pending_copy {
    weir_emu_copy c;
    weir_emu_here here;
    unsigned group;
};

struct fiber {
    weir_emu_thread t; /* first: weir_emu_now points here */
    context ctx;
    unsigned char *stack;
    warp *w;
    void *fake, *tsan;
    /* what it waits for */
    weir_emu_here here;
    weir_emu_op op;
    uint32_t mask;
    weir_emu_lane *lane;
    int value;
    /* its cp.async */
    std::vector<pending_copy> copies;
    size_t copies_from;
    unsigned groups;
};

struct warp {
    uint32_t all, ready, waiting, barred, exited;
    uint32_t wanted; /* lanes that waiting lanes wait for */
    unsigned index, turn;
    fiber *f; /* its 32 */
    char sync;
    /* what lanes bring and take: here and not on their stacks, which are far apart */
    uint64_t in[32], out[32];
    int arg[32], width[32];
};

static fiber fibers[THREADS_MAX];
static warp warps[THREADS_MAX / 32];
static context main_ctx;
[[maybe_unused]] static void *main_fake, *main_tsan;
static const void *main_stack;
[[maybe_unused]] static size_t main_size;
weir_emu_thread *weir_emu_now;
uint3 weir_emu_block, weir_emu_block_dim, weir_emu_grid_dim;
static struct {
    const emu_launch *launch;
    unsigned n_threads, n_warps;
    uint32_t ready; /* warps with a ready lane */
    unsigned current, n_barred, n_exited;
    fiber *first; /* the first at the barrier */
    int how, sum;
    char sync, order;
    unsigned serial; /* of blocks */
} B;

static fiber *now(void)
{
    return reinterpret_cast<fiber *>(weir_emu_now);
}

unsigned emu_thread_index(void)
{
    return (unsigned)(now() - fibers);
}

/* ---- errors ---- */

const emu_launch *emu_running(void)
{
    return weir_emu_now ? B.launch : nullptr;
}

const char *emu_where(void)
{
    static char text[400];
    if (!weir_emu_now)
        return "";
    const uint3 b = weir_emu_block, t = weir_emu_now->thread;
    snprintf(text, sizeof text, " in kernel %s, block (%u, %u, %u), thread (%u, %u, %u)",
             B.launch->kernel->name, b.x, b.y, b.z, t.x, t.y, t.z);
    return text;
}

[[noreturn]] static void die(const char *place, const char *fmt, va_list va)
{
    char text[800], line[1400];
    vsnprintf(text, sizeof text, fmt, va);
    int n = snprintf(line, sizeof line, "weir-emu: %s%s%s\n", text, place, emu_where());
    if (n > (int)sizeof line - 1)
        n = (int)sizeof line - 1;
    if (write(2, line, (size_t)n) != n)
        _exit(98);
    _exit(99);
}

void emu_die(const char *fmt, ...)
{
    va_list va;
    va_start(va, fmt);
    die("", fmt, va);
}

void weir_emu_fail(weir_emu_here here, const char *fmt, ...)
{
    char place[300];
    snprintf(place, sizeof place, " at %s:%d", here.file, here.line);
    va_list va;
    va_start(va, fmt);
    die(place, fmt, va);
}

static const char *op_name(weir_emu_op op)
{
    static const char *const names[] = {
        "__syncwarp", "__shfl_sync", "__shfl_xor_sync", "__shfl_down_sync", "__shfl_up_sync",
        "a vote",     "a reduction", "ldmatrix",        "ldmatrix.trans",   "mma.f16",
        "mma.bf16",   "mma.s8",      "a warp's sum",    "a warp's sums"};
    return names[op];
}

static inline bool same_file(const char *a, const char *b)
{
    return a == b || !strcmp(a, b);
}

/* ---- the schedule ---- */

/* To another fiber, or to the scheduler (NULL). */
static void switch_to(fiber *from, fiber *to, bool last)
{
    context *c = to ? &to->ctx : &main_ctx;
    weir_emu_now = to ? &to->t : nullptr;
#if EMU_HAS_ASAN
    const void *bottom = to ? to->stack : main_stack;
    __sanitizer_start_switch_fiber(last   ? nullptr
                                   : from ? &from->fake
                                          : &main_fake,
                                   bottom, to ? STACK_BYTES : main_size);
#endif
#if defined(EMU_TSAN)
    __tsan_switch_to_fiber(to ? to->tsan : main_tsan, __tsan_switch_to_fiber_no_sync);
#endif
    (void)last;
    context_switch(from ? &from->ctx : &main_ctx, c);
#if EMU_HAS_ASAN
    const void *old;
    size_t size;
    __sanitizer_finish_switch_fiber(from ? from->fake : main_fake, &old, &size);
#endif
}

static inline unsigned rotate_pick(uint32_t set, unsigned from) /* a set bit, from `from` on */
{
    uint32_t turned = from ? set >> from | set << (32 - from) : set;
    return ((unsigned)__builtin_ctz(turned) + from) & 31;
}

/* Takes the next ready fiber out of its warp's set; NULL = none is. */
static fiber *next_ready(void)
{
    if (!B.ready)
        return nullptr;
    uint32_t r = emu_rnd();
    if (!(B.ready >> B.current & 1) || (r & 15) == 0) {
        B.current = rotate_pick(B.ready, r >> 8 & 31);
        warps[B.current].turn = r >> 16 & 31;
    }
    warp *w = &warps[B.current];
    unsigned lane = rotate_pick(w->ready, w->turn);
    w->ready &= ~(1u << lane);
    if (!w->ready)
        B.ready &= ~(1u << B.current);
    return &w->f[lane];
}

static void make_ready(warp *w, uint32_t lanes)
{
    if (!lanes)
        return;
    w->ready |= lanes;
    B.ready |= 1u << w->index;
}

static void rest(fiber *f) /* until somebody makes it ready */
{
    fiber *to = next_ready();
    if (to != f)
        switch_to(f, to, false);
}

void weir_emu_maybe_yield(void)
{
    fiber *f = now();
    if (emu_rnd() & 3)
        return;
    make_ready(f->w, 1u << f->t.lane);
    rest(f);
}

static void leave(fiber *f)
{
    warp *w = f->w;
    uint32_t bit = 1u << f->t.lane;
    if (f->copies.size() > f->copies_from)
        weir_emu_fail(f->copies.back().here, "cp.async is not waited for");
    if (w->wanted & bit) {
        for (uint32_t set = w->waiting; set; set &= set - 1) {
            const fiber *o = &w->f[__builtin_ctz(set)];
            if (o->mask & bit)
                weir_emu_fail(o->here, "lane %u leaves the kernel while lane %u waits for it in %s",
                              f->t.lane, o->t.lane, op_name(o->op));
        }
    }
    if (B.n_barred)
        weir_emu_fail(B.first->here,
                      "leaves the kernel while thread (%u, %u, %u) waits at a barrier",
                      B.first->t.thread.x, B.first->t.thread.y, B.first->t.thread.z);
    w->exited |= bit;
    B.n_exited++;
    tsan_release(&B.order);
}

static void fiber_main(void)
{
    fiber *f = now();
#if EMU_HAS_ASAN
    const void *old;
    size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &old, &size);
    if (!main_stack) {
        main_stack = old;
        main_size = size;
    }
#endif
    tsan_acquire(&B.order);
    B.launch->kernel->run(B.launch->args.data());
    leave(f);
    switch_to(f, next_ready(), true);
    abort(); /* nobody comes back here */
}

/* ---- collectives of a warp ---- */

static int source_of(const warp *w, const fiber *f)
{
    int lane = (int)f->t.lane, width = w->width[lane], arg = w->arg[lane], src;
    if (width < 1 || width > 32 || (width & (width - 1)))
        weir_emu_fail(f->here, "%s of width %d", op_name(f->op), width);
    int first = lane & ~(width - 1), last = first + width - 1;
    switch (f->op) {
    case WEIR_OP_SHFL:
        return first + (arg & (width - 1));
    case WEIR_OP_SHFL_XOR:
        src = lane ^ arg;
        break;
    case WEIR_OP_SHFL_DOWN:
        src = lane + arg;
        break;
    default:
        src = lane - arg;
        return src < first || src > 31 ? lane : src;
    }
    return src > last || src < 0 ? lane : src;
}

static void shuffle(warp *w, uint32_t mask)
{
    for (uint32_t set = mask; set; set &= set - 1) {
        unsigned lane = (unsigned)__builtin_ctz(set);
        const fiber *f = &w->f[lane];
        int src = source_of(w, f);
        if (!(mask >> src & 1))
            weir_emu_fail(f->here, "%s reads lane %d, which mask %08x does not name",
                          op_name(f->op), src, mask);
        w->out[lane] = w->in[src];
    }
}

static void reduce(warp *w, uint32_t mask)
{
    int how = w->arg[__builtin_ctz(mask)];
    int64_t r = (int64_t)w->in[__builtin_ctz(mask)];
    for (uint32_t set = mask & (mask - 1); set; set &= set - 1) {
        int64_t x = (int64_t)w->in[__builtin_ctz(set)];
        r = how == 0 ? r + x : how == 1 ? (x > r ? x : r) : (x < r ? x : r);
    }
    for (uint32_t set = mask; set; set &= set - 1)
        w->out[__builtin_ctz(set)] = (uint64_t)r;
}

/* What five __shfl_xor_sync by 16, 8 ... 1 make of it, each lane's own first. */
static void butterfly(warp *w)
{
    float x[32], y[32];
    for (unsigned i = 0; i < 32; i++)
        x[i] = __uint_as_float((uint32_t)w->in[i]);
    for (unsigned step = 16; step; step >>= 1) {
        for (unsigned i = 0; i < 32; i++)
            y[i] = w->arg[0] ? fmaxf(x[i], x[i ^ step]) : x[i] + x[i ^ step];
        memcpy(x, y, sizeof x);
    }
    for (unsigned i = 0; i < 32; i++)
        w->out[i] = __float_as_uint(x[i]);
}

/* The sums of as many numbers as each lane has, in its own memory. */
static void butterflies(warp *w)
{
    float x[32], y[32];
    for (int k = 0; k < w->arg[0]; k++) {
        for (unsigned i = 0; i < 32; i++) {
            if (w->arg[i] != w->arg[0])
                weir_emu_fail(w->f[i].here, "a warp's sums: %d numbers, lane 0 has %d", w->arg[i],
                              w->arg[0]);
            x[i] = static_cast<const float *>(w->f[i].lane->d)[k];
        }
        for (unsigned step = 16; step; step >>= 1) {
            for (unsigned i = 0; i < 32; i++)
                y[i] = x[i] + x[i ^ step];
            memcpy(x, y, sizeof x);
        }
        for (unsigned i = 0; i < 32; i++)
            static_cast<float *>(w->f[i].lane->d)[k] = x[i];
    }
}

static void ldmatrix(warp *w, bool trans)
{
    for (unsigned lane = 0; lane < 32; lane++) {
        uint32_t *out = static_cast<uint32_t *>(w->f[lane].lane->d);
        for (unsigned m = 0; m < 4; m++) {
            uint32_t half[2];
            for (unsigned e = 0; e < 2; e++) {
                unsigned row = trans ? 2 * (lane % 4) + e : lane / 4;
                unsigned col = trans ? lane / 4 : 2 * (lane % 4) + e;
                const uint32_t *from = w->f[m * 8 + row].lane->a;
                half[e] = from[col / 2] >> 16 * (col % 2) & 0xffff;
            }
            out[m] = half[0] | half[1] << 16;
        }
    }
}

static float element(weir_emu_op op, uint32_t pair, unsigned which)
{
    uint16_t h = (uint16_t)(pair >> 16 * which);
    return op == WEIR_OP_MMA_F16 ? weir_h2f(h) : __uint_as_float((uint32_t)h << 16);
}

/* d[16][8] += a[16][16] b[16][8]; of a warp's fragments as PTX describes them. */
static void mma_float(warp *w, weir_emu_op op)
{
    float a[16][16], b[8][16];
    for (unsigned lane = 0; lane < 32; lane++) {
        const weir_emu_lane *l = w->f[lane].lane;
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned i = 0; i < 4; i++)
            for (unsigned e = 0; e < 2; e++)
                a[g + 8 * (i & 1)][2 * t + e + 8 * (i >> 1)] = element(op, l->a[i], e);
        for (unsigned i = 0; i < 2; i++)
            for (unsigned e = 0; e < 2; e++)
                b[g][2 * t + e + 8 * i] = element(op, l->b[i], e);
    }
    for (unsigned lane = 0; lane < 32; lane++) {
        float *d = static_cast<float *>(w->f[lane].lane->d);
        for (unsigned i = 0; i < 4; i++) {
            const float *x = a[lane / 4 + 8 * (i >> 1)], *y = b[2 * (lane % 4) + (i & 1)];
            float sum = 0;
            for (unsigned k = 0; k < 16; k++)
                sum += x[k] * y[k];
            d[i] += sum;
        }
    }
}

static void mma_s8(warp *w)
{
    int8_t a[16][32], b[8][32];
    for (unsigned lane = 0; lane < 32; lane++) {
        const weir_emu_lane *l = w->f[lane].lane;
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned i = 0; i < 4; i++)
            for (unsigned e = 0; e < 4; e++)
                a[g + 8 * (i & 1)][4 * t + e + 16 * (i >> 1)] = (int8_t)(l->a[i] >> 8 * e);
        for (unsigned i = 0; i < 2; i++)
            for (unsigned e = 0; e < 4; e++)
                b[g][4 * t + e + 16 * i] = (int8_t)(l->b[i] >> 8 * e);
    }
    for (unsigned lane = 0; lane < 32; lane++) {
        int32_t *d = static_cast<int32_t *>(w->f[lane].lane->d);
        for (unsigned i = 0; i < 4; i++) {
            const int8_t *x = a[lane / 4 + 8 * (i >> 1)], *y = b[2 * (lane % 4) + (i & 1)];
            int32_t sum = 0;
            for (unsigned k = 0; k < 32; k++)
                sum += x[k] * y[k];
            d[i] = (int32_t)((uint32_t)d[i] + (uint32_t)sum);
        }
    }
}

static void complete(warp *w, weir_emu_op op, uint32_t mask)
{
    uint64_t votes = 0;
    switch (op) {
    case WEIR_OP_SYNCWARP:
        break;
    case WEIR_OP_BALLOT:
        for (uint32_t set = mask; set; set &= set - 1)
            votes |= w->in[__builtin_ctz(set)] << __builtin_ctz(set);
        for (uint32_t set = mask; set; set &= set - 1)
            w->out[__builtin_ctz(set)] = votes;
        break;
    case WEIR_OP_REDUCE:
        reduce(w, mask);
        break;
    case WEIR_OP_BUTTERFLY:
        butterfly(w);
        break;
    case WEIR_OP_BUTTERFLIES:
        butterflies(w);
        break;
    case WEIR_OP_LDMATRIX:
    case WEIR_OP_LDMATRIX_TRANS:
        ldmatrix(w, op == WEIR_OP_LDMATRIX_TRANS);
        break;
    case WEIR_OP_MMA_F16:
    case WEIR_OP_MMA_BF16:
        mma_float(w, op);
        break;
    case WEIR_OP_MMA_S8:
        mma_s8(w);
        break;
    default:
        shuffle(w, mask);
    }
}

/* Whether f may come to this collective: what every lane of the mask does, or has not done yet. */
static void check_lanes(const fiber *f, const warp *w)
{
    uint32_t bit = 1u << f->t.lane, mask = f->mask;
    if (!(mask & bit))
        weir_emu_fail(f->here, "%s: mask %08x lacks its own lane %u", op_name(f->op), mask,
                      f->t.lane);
    if (mask & ~w->all)
        weir_emu_fail(f->here, "%s: mask %08x names lanes that the block does not have (%08x)",
                      op_name(f->op), mask, w->all);
    if (mask & w->exited)
        weir_emu_fail(f->here, "%s: mask %08x names lanes that have left the kernel (%08x)",
                      op_name(f->op), mask, mask & w->exited);
    if (mask & w->barred) {
        const fiber *o = &w->f[__builtin_ctz(mask & w->barred)];
        weir_emu_fail(f->here, "%s: lane %u, which mask %08x names, waits at a barrier at %s:%d",
                      op_name(f->op), o->t.lane, mask, o->here.file, o->here.line);
    }
    if (mask & w->waiting) {
        const fiber *o = &w->f[__builtin_ctz(mask & w->waiting)];
        if (o->op != f->op || o->mask != mask || o->here.line != f->here.line ||
            !same_file(o->here.file, f->here.file))
            weir_emu_fail(f->here,
                          "lanes differ: %s with mask %08x, but lane %u is in %s with mask "
                          "%08x at %s:%d,",
                          op_name(f->op), mask, o->t.lane, op_name(o->op), o->mask, o->here.file,
                          o->here.line);
    } else if (w->wanted & bit) {
        weir_emu_fail(f->here,
                      "lanes differ: %s with mask %08x, but others wait for lane %u elsewhere",
                      op_name(f->op), mask, f->t.lane);
    }
}

void weir_emu_collective(weir_emu_here here, weir_emu_op op, uint32_t mask, weir_emu_lane *l)
{
    fiber *f = now();
    warp *w = f->w;
    uint32_t bit = 1u << f->t.lane;
    f->here = here;
    f->op = op;
    f->mask = mask;
    f->lane = l;
    w->in[f->t.lane] = l->in;
    w->arg[f->t.lane] = l->lane;
    w->width[f->t.lane] = l->width;
    check_lanes(f, w);
    if (op == WEIR_OP_SYNCWARP)
        tsan_release(&w->sync);
    w->waiting |= bit;
    w->wanted |= mask;
    if ((w->waiting & mask) != mask) {
        rest(f);
    } else {
        complete(w, op, mask);
        emu_count_collective(op);
        w->waiting &= ~mask;
        w->wanted &= ~mask;
        make_ready(w, mask & ~bit);
        if ((emu_rnd() & 7) == 0) {
            make_ready(w, bit);
            rest(f);
        }
    }
    l->out = w->out[f->t.lane];
    if (op == WEIR_OP_SYNCWARP)
        tsan_acquire(&w->sync);
}

/* ---- barriers of a block ---- */

int weir_emu_barrier(weir_emu_here here, int how, int value)
{
    fiber *f = now();
    warp *w = f->w;
    uint32_t bit = 1u << f->t.lane;
    if (B.n_exited)
        weir_emu_fail(here, "a barrier after %u threads of the block have left the kernel",
                      B.n_exited);
    if (w->wanted & bit)
        weir_emu_fail(here,
                      "lane %u comes to a barrier while other lanes wait for it in a "
                      "collective",
                      f->t.lane);
    f->here = here;
    if (!B.n_barred) {
        B.first = f;
        B.how = how;
        B.sum = how == 3;
    } else if (B.how != how || B.first->here.line != here.line ||
               !same_file(B.first->here.file, here.file)) {
        weir_emu_fail(here, "divergent barriers: thread (%u, %u, %u) waits at %s:%d, this one",
                      B.first->t.thread.x, B.first->t.thread.y, B.first->t.thread.z,
                      B.first->here.file, B.first->here.line);
    }
    B.sum = how == 3   ? B.sum & (value != 0)
            : how == 1 ? B.sum | (value != 0)
                       : B.sum + (value != 0);
    tsan_release(&B.sync);
    w->barred |= bit;
    if (++B.n_barred < B.n_threads) {
        rest(f);
    } else {
        B.n_barred = 0;
        emu_count_barrier();
        for (unsigned i = 0; i < B.n_warps; i++) {
            warp *o = &warps[i];
            make_ready(o, o->barred & ~(o == w ? bit : 0));
            o->barred = 0;
        }
        for (unsigned i = 0; i < B.n_threads; i++)
            fibers[i].value = B.sum;
        if (emu_rnd() & 1) {
            make_ready(w, bit);
            rest(f);
        }
    }
    tsan_acquire(&B.sync);
    return f->value;
}

void weir_emu_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    emu_count_fence();
}

/* ---- shared memory ---- */

static struct {
    unsigned char *fixed, *dynamic, *dynamic_end; /* areas */
    unsigned char *dyn;                           /* this launch's */
    size_t used;                                  /* of fixed, in this block */
    size_t high;                                  /* of fixed, that may not be poison */
    size_t net;                                   /* bytes of arrays */
    std::vector<const weir_emu_site *> sites;     /* of this block */
} S;

static unsigned char *area(size_t n) /* between pages that cannot be touched */
{
    unsigned char *p = static_cast<unsigned char *>(
        mmap(nullptr, n + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (p == MAP_FAILED || mprotect(p + PAGE, n, PROT_READ | PROT_WRITE))
        emu_die("no memory");
    return p + PAGE;
}

void emu_shared_init(void)
{
    S.fixed = area(STATIC_AREA);
    S.dynamic = area(DYNAMIC_AREA);
    S.dynamic_end = S.dynamic + DYNAMIC_AREA;
    S.high = STATIC_AREA;
}

static void poison(void *p, size_t n)
{
    uint32_t *u = static_cast<uint32_t *>(p);
    for (size_t i = 0; i < n / 4; i++)
        u[i] = EMU_POISON;
}

static void shared_begin(void)
{
    size_t n = (B.launch->dynamic + 15) / 16 * 16;
    S.dyn = S.dynamic_end - n;
    emu_unpoison(S.fixed, STATIC_AREA);
    emu_unpoison(S.dynamic, DYNAMIC_AREA);
    memset(S.fixed, ZONE_BYTE, S.high);
    poison(S.dyn, n);
    emu_poison(S.fixed, STATIC_AREA);
    emu_poison(S.dynamic, (size_t)(S.dyn - S.dynamic));
    S.high = S.used = ZONE;
    S.net = 0;
    S.sites.clear();
}

static void shared_end(void)
{
    emu_unpoison(S.fixed, STATIC_AREA);
    size_t at = 0;
    for (size_t i = 0; i <= S.sites.size(); i++) {
        size_t to = i < S.sites.size() ? S.sites[i]->at : S.used;
        for (; at < to; at++)
            if (S.fixed[at] != ZONE_BYTE) {
                const weir_emu_site *s = S.sites[i ? i - 1 : 0];
                weir_emu_fail(s->here, "shared memory %s the array %s was written in kernel %s,",
                              i ? "behind" : "before", s->name, B.launch->kernel->name);
            }
        if (i < S.sites.size())
            at += S.sites[i]->size;
    }
}

void *weir_emu_shared(weir_emu_site *s)
{
    if (s->block != B.serial) {
        size_t n = (s->size + 15) / 16 * 16;
        S.net += n;
        if (S.net > STATIC_MAX || S.net + B.launch->dynamic > B.launch->shared_max)
            weir_emu_fail(s->here,
                          "%zu bytes of static and %zu of dynamic shared memory: the device "
                          "has %u and %zu",
                          S.net, B.launch->dynamic, STATIC_MAX, B.launch->shared_max);
        s->block = B.serial;
        s->at = S.used;
        emu_unpoison(S.fixed + s->at, s->size);
        poison(S.fixed + s->at, s->size);
        if (s->size % 4)
            memset(S.fixed + s->at + s->size / 4 * 4, 0xf1, s->size % 4);
        S.used += n + ZONE;
        S.high = S.used;
        S.sites.push_back(s);
    }
    return S.fixed + s->at;
}

void *weir_emu_dynamic(weir_emu_here here)
{
    if (!B.launch->dynamic)
        weir_emu_fail(here, "the launch gave no dynamic shared memory");
    return S.dyn;
}

bool emu_is_shared(const void *p, size_t n)
{
    const unsigned char *c = static_cast<const unsigned char *>(p);
    return (c >= S.fixed && c + n <= S.fixed + S.used) || (c >= S.dyn && c + n <= S.dynamic_end);
}

void weir_emu_want_shared(weir_emu_here here, const void *p, size_t n)
{
    if (!emu_is_shared(p, n))
        weir_emu_fail(here, "%p is not in shared memory", p);
    if (reinterpret_cast<uintptr_t>(p) % 16)
        weir_emu_fail(here, "%p is not aligned to 16 bytes", p);
}

/* ---- cp.async ---- */

bool weir_emu_async(weir_emu_here here, void *shared, const void *global, bool valid)
{
    fiber *f = now();
    weir_emu_want_shared(here, shared, 16);
    if (reinterpret_cast<uintptr_t>(global) % 16)
        weir_emu_fail(here, "cp.async from %p, which is not aligned to 16 bytes", global);
    if (valid && !emu_is_device(global, 16))
        weir_emu_fail(here, "cp.async from %p, which is not in device memory", global);
    if (emu_rnd() & 1)
        return false;
    f->copies.push_back({{shared, global, valid}, here, f->groups});
    return true;
}

void weir_emu_async_commit(void)
{
    now()->groups++;
}

bool weir_emu_async_next(unsigned pending, weir_emu_copy *out)
{
    fiber *f = now();
    if (f->copies_from == f->copies.size()) {
        f->copies.clear();
        f->copies_from = 0;
        return false;
    }
    const pending_copy *c = &f->copies[f->copies_from];
    if (c->group + pending >= f->groups)
        return false;
    *out = c->c;
    f->copies_from++;
    return true;
}

/* ---- launches ---- */

static weir_emu_kernel *kernels;

weir_emu_kernel::weir_emu_kernel(const char *name, const char *file, size_t args_size,
                                 unsigned max_threads, void (*run)(const void *))
    : name(name), file(file), args_size(args_size), max_threads(max_threads), run(run),
      next(kernels)
{
    kernels = this;
}

weir_emu_kernel *emu_kernel(const char *name)
{
    for (weir_emu_kernel *k = kernels; k; k = k->next)
        if (!strcmp(k->name, name))
            return k;
    return nullptr;
}

static void fiber_prepare(unsigned i)
{
    fiber *f = &fibers[i];
    const uint3 d = B.launch->block;
    if (!f->stack) {
        f->stack = area(STACK_BYTES);
#if defined(EMU_TSAN)
        f->tsan = __tsan_create_fiber(0);
#endif
    }
    emu_unpoison(f->stack, STACK_BYTES);
    f->t.thread = {i % d.x, i / d.x % d.y, i / d.x / d.y};
    f->t.lane = i % 32;
    f->w = &warps[i / 32];
    f->copies.clear();
    f->copies_from = 0;
    f->groups = 0;
    context_make(&f->ctx, f->stack, STACK_BYTES - i % STACK_COLOURS * STACK_COLOUR, fiber_main);
}

static void stuck(void)
{
    for (unsigned i = 0; i < B.n_threads; i++) {
        fiber *f = &fibers[i];
        uint32_t bit = 1u << f->t.lane;
        if (f->w->exited & bit)
            continue;
        weir_emu_now = &f->t;
        weir_emu_fail(f->here,
                      "deadlock: %u of %u threads have left, %u wait at a barrier; this one "
                      "waits in %s",
                      B.n_exited, B.n_threads, B.n_barred,
                      f->w->barred & bit ? "the barrier" : op_name(f->op));
    }
}

static void run_block(void)
{
    B.serial++;
    B.ready = 0;
    B.n_barred = B.n_exited = 0;
    for (unsigned i = 0; i < B.n_warps; i++) {
        unsigned n = B.n_threads - 32 * i;
        warp *w = &warps[i];
        *w = {};
        w->all = n < 32 ? (1u << n) - 1 : 0xffffffffu;
        w->index = i;
        w->f = &fibers[32 * i];
        make_ready(w, w->all);
    }
    for (unsigned i = 0; i < B.n_threads; i++)
        fiber_prepare(i);
    shared_begin();
    emu_count_block();
    B.current = 0;
    tsan_release(&B.order);
    switch_to(nullptr, next_ready(), false);
    tsan_acquire(&B.order);
    if (B.n_exited != B.n_threads)
        stuck();
    emu_count_block_end(B.n_threads);
    shared_end();
}

void emu_run(const emu_launch *l)
{
    B.launch = l;
    B.n_threads = l->block.x * l->block.y * l->block.z;
    B.n_warps = (B.n_threads + 31) / 32;
    weir_emu_block_dim = l->block;
    weir_emu_grid_dim = l->grid;
    main_stack = nullptr;
    emu_count_launch();
#if defined(EMU_TSAN)
    main_tsan = __tsan_get_current_fiber();
#endif
    /* Blocks in the order start, start + step, ... : step shares no factor with their number. */
    uint64_t n = (uint64_t)l->grid.x * l->grid.y * l->grid.z, step = n > 1 ? emu_rnd() % n : 0;
    for (;; step = (step + 1) % n) {
        uint64_t a = n, b = step;
        while (b) {
            uint64_t r = a % b;
            a = b;
            b = r;
        }
        if (a == 1)
            break;
    }
    uint64_t at = emu_rnd() % n;
    for (uint64_t i = 0; i < n; i++, at = (at + step) % n) {
        weir_emu_block = {(unsigned)(at % l->grid.x), (unsigned)(at / l->grid.x % l->grid.y),
                          (unsigned)(at / l->grid.x / l->grid.y)};
        if (!emu_count_skips(l))
            run_block();
    }
    emu_count_end(l, S.net);
    B.launch = nullptr;
}
