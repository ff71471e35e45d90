/* memory.cpp - device memory and pinned memory of the emulated device, and what happens to those
 * who touch what they may not.
 *
 * Device memory lies in one reserved range of addresses. Every allocation has pages of its own and
 * ends (rounded to the 256 bytes that the driver promises) where they end; the page behind is never
 * accessible, and freed memory does not come back at the same address for long. Bytes of its pages
 * outside the allocation hold a pattern that is checked when kernels have run (under ASan reading
 * them is found too). New memory holds EMU_POISON.
 *
 * Every allocation is a device's: while a kernel runs, the memory of devices that it does not reach
 * is inaccessible too. A host that cuts a large allocation into pieces of its own names them
 * (emu_piece): they are watched like allocations, and what is between them is nobody's.
 *
 * While no kernel or copy runs, all of it is inaccessible: host code that follows a device pointer
 * ends the program, as it would with a GPU. Faults are told with the kernel, block and thread, with
 * the allocation that is nearest, and, where binutils are installed, file and line.
 */
#include "emu_int.h"

#include <dlfcn.h>
#include <map>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define RESERVED   ((size_t)1 << 38)
#define PAGE       4096u
#define ZONE_BYTE  0xa5
#define FILL_BYTES ((size_t)64 << 20) /* of a large allocation: its ends only are poisoned */

struct allocation {
    int device;
    size_t n;             /* as asked for */
    unsigned char *pages; /* its first page */
    size_t pages_n;
    unsigned serial;
    mutable bool fresh = true; /* not accessible yet */
};

static unsigned char *base, *next_free;
static std::map<unsigned char *, allocation> living;
static std::map<unsigned char *, allocation> arenas; /* that the host cuts into pieces itself */
static std::map<unsigned char *, size_t> pinned;
static size_t used[EMU_DEVICES];
static unsigned serial;
static int depth;     /* of calls of emu_open_memory */
static unsigned open; /* devices whose memory is accessible now, as bits */

unsigned char *emu_device_base(void)
{
    return base;
}

static size_t pages_of(size_t n)
{
    return (n + PAGE - 1) / PAGE * PAGE;
}

static void protect(const allocation *a, int prot)
{
#if defined(EMU_COUNT) /* faults are not what it is for, and there are many of these calls */
    prot = PROT_READ | PROT_WRITE;
    if (!a->fresh)
        return;
    a->fresh = false;
#endif
    if (mprotect(a->pages, a->pages_n, prot))
        emu_die("device memory cannot be protected");
}

/* With many allocations (a whole model) protecting each takes longer than the kernels do: then
 * memory stays open behind most of the work; but never that of another device. */
#define MANY 64

static void protect_devices(unsigned devices, int prot)
{
    if (devices)
        for (const auto &it : living)
            if (devices >> it.second.device & 1)
                protect(&it.second, prot);
}

void emu_open_memory(unsigned devices)
{
    depth++;
    if (!devices || devices == open)
        return;
    protect_devices(open & ~devices, PROT_NONE);
    protect_devices(devices & ~open, PROT_READ | PROT_WRITE);
    open = devices;
}

void emu_close_memory(void)
{
    if (--depth > 0 || (living.size() > MANY && emu_rnd() % 32 != 0))
        return;
    protect_devices(open, PROT_NONE);
    open = 0;
}

static void fill(unsigned char *p, size_t n)
{
    uint32_t *u = reinterpret_cast<uint32_t *>(p);
    for (size_t i = 0; i < n / 4; i++)
        u[i] = EMU_POISON;
}

/* Where so many bytes and a page are free, from next_free on; addresses come back only when all
 * have been used once. */
static unsigned char *find_room(size_t whole)
{
    for (int turn = 0; turn < 2; turn++) {
        bool moved = true;
        if (next_free + whole + PAGE > base + RESERVED)
            next_free = base + PAGE;
        while (moved) {
            moved = false;
            for (const auto *all : {&living, &arenas})
                for (const auto &it : *all) {
                    const allocation *a = &it.second;
                    if (a->pages >= next_free + whole + PAGE || next_free >= a->pages + a->pages_n)
                        continue;
                    next_free = a->pages + a->pages_n + PAGE;
                    moved = true;
                }
        }
        if (next_free + whole + PAGE <= base + RESERVED)
            return next_free;
    }
    return nullptr;
}

/* The pages are the allocation's, which ends where they end. */
static unsigned char *begin(allocation a)
{
    size_t rounded = (a.n + 255) / 256 * 256, whole = a.pages_n, n = a.n;
    protect(&a, PROT_READ | PROT_WRITE);
    unsigned char *p = a.pages + whole - rounded;
    emu_unpoison(a.pages, whole);
    memset(a.pages, ZONE_BYTE, whole - rounded);
    memset(p + n, ZONE_BYTE, rounded - n);
    size_t words = n / 4 * 4;
    if (words <= FILL_BYTES) {
        fill(p, words);
    } else {
        fill(p, FILL_BYTES / 2);
        fill(p + words - FILL_BYTES / 2, FILL_BYTES / 2);
    }
    for (size_t i = words; i < n; i++)
        p[i] = 0xf1;
    emu_poison(a.pages, whole - rounded);
    emu_poison(p + n, rounded - n);
    living[p] = a;
    if (!(open >> a.device & 1))
        protect(&a, PROT_NONE);
    return p;
}

void *emu_device_alloc(int device, size_t n)
{
    size_t rounded = (n + 255) / 256 * 256, whole = pages_of(rounded);
    if (n == 0 || n > RESERVED || used[device] + rounded > emu.card[device].memory)
        return nullptr;
    unsigned char *pages = find_room(whole);
    if (!pages)
        return nullptr;
    next_free = pages + whole + PAGE;
    used[device] += rounded;
    return begin(allocation{device, n, pages, whole, ++serial, true});
}

/* The arena that all of p..p+n is in. An allocation becomes one when its first piece is named. */
static const allocation *arena_of(unsigned char *p, size_t n)
{
    auto at = [&](std::map<unsigned char *, allocation> &all) {
        auto it = all.upper_bound(p);
        return it != all.begin() && p + n <= (--it)->first + it->second.n ? it : all.end();
    };
    auto it = at(arenas);
    if (it != arenas.end())
        return &it->second;
    it = at(living);
    if (it == living.end())
        return nullptr;
    arenas[it->first] = it->second;
    madvise(it->second.pages, it->second.pages_n, MADV_DONTNEED);
    protect(&it->second, PROT_NONE);
    p = it->first;
    living.erase(it);
    return &arenas[p];
}

void emu_piece(void *at, size_t n)
{
    unsigned char *p = static_cast<unsigned char *>(at), *pages = base + (p - base) / PAGE * PAGE;
    size_t rounded = (n + 255) / 256 * 256;
    const allocation *a = arena_of(p, rounded);
    if (!a || n == 0 || (p - base + rounded) % PAGE || pages < a->pages)
        emu_die("%p: %zu bytes are no piece of an allocation that ends with a page", at, n);
    for (const auto &it : living)
        if (it.second.pages < p + rounded + PAGE &&
            pages < it.second.pages + it.second.pages_n + PAGE)
            emu_die("%p: a piece of %zu bytes lies beside another without a page between", at, n);
    begin(allocation{a->device, n, pages, (size_t)(p + rounded - pages), ++serial, true});
}

bool emu_piece_gone(void *at)
{
    auto it = living.find(static_cast<unsigned char *>(at));
    if (it == living.end())
        return false;
    allocation a = it->second;
    living.erase(it);
    emu_unpoison(a.pages, a.pages_n);
    madvise(a.pages, a.pages_n, MADV_DONTNEED);
    a.fresh = true;
    protect(&a, PROT_NONE);
    return true;
}

static void check_zone(const unsigned char *p, const allocation *a)
{
    size_t rounded = (a->n + 255) / 256 * 256;
    const unsigned char *end = a->pages + a->pages_n;
    emu_unpoison(a->pages, a->pages_n);
    for (const unsigned char *c = a->pages; c < p; c++)
        if (*c != ZONE_BYTE)
            emu_die("device memory was written %zu bytes before allocation %u of %zu bytes",
                    (size_t)(p - c), a->serial, a->n);
    for (const unsigned char *c = p + a->n; c < end; c++)
        if (*c != ZONE_BYTE)
            emu_die(
                "device memory was written %zu bytes behind the end of allocation %u of %zu bytes",
                (size_t)(c - p - a->n), a->serial, a->n);
    emu_poison(a->pages, a->pages_n - rounded);
    emu_poison(p + a->n, rounded - a->n);
}

void emu_check_zones(void)
{
    if (living.size() > MANY && emu_rnd() % 16 != 0)
        return;
    for (int d = 0; d < emu.devices; d++) {
        emu_open_memory(1u << d);
        for (const auto &it : living)
            if (it.second.device == d)
                check_zone(it.first, &it.second);
        emu_close_memory();
    }
}

bool emu_device_free(void *p)
{
    unsigned char *at = static_cast<unsigned char *>(p);
    auto it = living.find(at);
    if (it != living.end()) {
        emu_check_zones();
        used[it->second.device] -= (it->second.n + 255) / 256 * 256;
        return emu_piece_gone(p);
    }
    it = arenas.find(at);
    if (it == arenas.end())
        return false;
    const allocation *a = &it->second;
    for (const auto &piece : living)
        if (piece.first >= at && piece.first < at + a->n)
            emu_die("%p is freed while pieces of it are in use", p);
    used[a->device] -= (a->n + 255) / 256 * 256;
    arenas.erase(it);
    return true;
}

size_t emu_device_used(int device)
{
    return used[device];
}

int emu_device_of(const void *p, size_t n)
{
    const unsigned char *c = static_cast<const unsigned char *>(p);
    auto it = living.upper_bound(const_cast<unsigned char *>(c));
    if (it == living.begin())
        return -1;
    --it;
    return c + n <= it->first + it->second.n ? it->second.device : -1;
}

bool emu_is_device(const void *p, size_t n)
{
    return emu_device_of(p, n) >= 0;
}

void *emu_host_alloc(size_t n)
{
    unsigned char *p = static_cast<unsigned char *>(
        mmap(nullptr, pages_of(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (p == MAP_FAILED)
        return nullptr;
    pinned[p] = n;
    return p;
}

bool emu_host_free(void *p)
{
    auto it = pinned.find(static_cast<unsigned char *>(p));
    if (it == pinned.end())
        return false;
    munmap(p, pages_of(it->second));
    pinned.erase(it);
    return true;
}

bool emu_is_pinned(const void *p, size_t n)
{
    const unsigned char *c = static_cast<const unsigned char *>(p);
    auto it = pinned.upper_bound(const_cast<unsigned char *>(c));
    if (it == pinned.begin())
        return false;
    --it;
    return c + n <= it->first + it->second;
}

/* ---- faults ---- */

/* Prints file and line of an instruction of this library with binutils' addr2line. */
static void tell_line(const void *pc)
{
    Dl_info info;
    char at[32];
    if (!pc || !dladdr(pc, &info) || !info.dli_fname)
        return;
    snprintf(at, sizeof at, "%zx",
             (size_t)(static_cast<const char *>(pc) - static_cast<const char *>(info.dli_fbase)));
    pid_t child = fork();
    if (child == 0) {
        dup2(2, 1);
        unsetenv("LD_PRELOAD");
        execlp("addr2line", "addr2line", "-i", "-s", "-e", info.dli_fname, at, nullptr);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, nullptr, 0);
}

static struct sigaction was_segv, was_bus;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
    unsigned char *p = static_cast<unsigned char *>(si->si_addr);
    const void *pc = nullptr;
    const char *how = "touches";
#if defined(__x86_64__)
    const ucontext_t *u = static_cast<const ucontext_t *>(uc);
    pc = reinterpret_cast<const void *>(u->uc_mcontext.gregs[REG_RIP]);
    if (sig == SIGSEGV)
        how = u->uc_mcontext.gregs[REG_ERR] & 2 ? "writes" : "reads";
#else
    (void)uc;
#endif
    char text[300] = "";
    if (p >= base && p < base + RESERVED) {
        auto it = living.upper_bound(p);
        const auto above = it;
        if (it != living.begin() && p < (--it)->first + it->second.pages_n + PAGE) {
            const allocation *a = &it->second;
            if (p < it->first + a->n)
                snprintf(text, sizeof text, "byte %zu of allocation %u of %zu bytes%s",
                         (size_t)(p - it->first), a->serial, a->n,
                         emu_running() && open && !(open >> a->device & 1)
                             ? ", the memory of another device that it does not reach,"
                             : "");
            else
                snprintf(text, sizeof text,
                         "%zu bytes behind the end of allocation %u of %zu bytes",
                         (size_t)(p - it->first) - a->n, a->serial, a->n);
        } else if (above != living.end() && p >= above->second.pages - PAGE / 2) {
            snprintf(text, sizeof text, "%zu bytes before allocation %u of %zu bytes",
                     (size_t)(above->first - p), above->second.serial, above->second.n);
        } else {
            snprintf(text, sizeof text, "device memory that nobody holds (%p)", (void *)p);
        }
    } else if (emu_running()) {
        snprintf(text, sizeof text, "%p, which is not device memory%s", (void *)p,
                 sig == SIGSEGV ? "" : " (or is not aligned)");
    } else {
        const struct sigaction *was = sig == SIGSEGV ? &was_segv : &was_bus; /* not ours */
        if (was->sa_flags & SA_SIGINFO) {
            was->sa_sigaction(sig, si, uc);
        } else {
            signal(sig, SIG_DFL);
            raise(sig);
        }
        return;
    }
    char line[800];
    int n = snprintf(line, sizeof line, "weir-emu: %s %s %s%s\n",
                     emu_running() ? "code" : "host code", how, text, emu_where());
    if (write(2, line, (size_t)n) == n)
        tell_line(pc);
    _exit(99);
}

void emu_thread_init(void)
{
    static thread_local bool done;
    static thread_local unsigned char *stack;
    if (done)
        return;
    done = true;
    stack_t old;
    if (sigaltstack(nullptr, &old) == 0 && !(old.ss_flags & SS_DISABLE) && old.ss_size >= 65536)
        return;
    stack = static_cast<unsigned char *>(
        mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (stack == MAP_FAILED)
        return;
    stack_t ss = {};
    ss.ss_sp = stack;
    ss.ss_size = 65536;
    sigaltstack(&ss, nullptr);
}

#if EMU_HAS_ASAN
static void tell_where(void) /* when a sanitizer ends the program */
{
    char line[500];
    int n = snprintf(line, sizeof line, "weir-emu: a sanitizer's finding%s\n", emu_where());
    if (*emu_where() && write(2, line, (size_t)n) != n)
        _exit(98);
}
#endif

void emu_memory_init(void)
{
    /* By the call itself: TSan would set up the shadow of all of it. */
    base = reinterpret_cast<unsigned char *>(syscall(SYS_mmap, nullptr, RESERVED, PROT_NONE,
                                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                                     -1, 0));
    if (base == MAP_FAILED)
        emu_die("no addresses for device memory");
    next_free = base + PAGE;
#if EMU_HAS_ASAN
    __sanitizer_set_death_callback(tell_where);
#endif
    struct sigaction sa = {};
    sa.sa_sigaction = on_fault;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &sa, &was_segv);
    sigaction(SIGBUS, &sa, &was_bus);
}
