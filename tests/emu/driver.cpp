/* driver.cpp - the driver API (engine/cuda/driver_api.h) of the emulated device.
 *
 * Streams are lazy: what is queued on them runs when somebody waits for it, or some time before, in
 * a random interleaving of the streams that respects events. So a copy that is read without
 * waiting, or a buffer that is written again before its copy ran, shows. Copies from memory that is
 * not pinned are taken at the call, as the driver does; copies to such memory wait.
 *
 * A call that a correct host never makes (memory of nobody, a kernel with arguments of another
 * size, a launch beyond the limits) ends the program with a message, where the driver would return
 * an error: it is a defect in Weir either way. What can happen to a correct host is returned: no
 * device, no memory, an image for another architecture, a launch that fails (WEIR_EMU_FAIL).
 *
 * There are as many devices as WEIR_EMU_DEVICES says, each with a context, memory and streams of
 * its own; they differ in nothing but their number. Calls must be made with the context of what
 * they are about: a stream, event or kernel of another ends the program.
 *
 * The image that it loads is the eight bytes "WEIR-EMU": the kernels are linked in.
 */
#include "emu_int.h"
#include "engine/cuda/driver_api.h"

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <time.h>

static std::recursive_mutex lock;
#define ENTER() std::lock_guard<std::recursive_mutex> held(lock)

enum kind { LAUNCH, TO_DEVICE, TO_HOST, WITHIN, SET8, SET32, RECORD, WAIT, LIBRARY };

struct op {
    enum kind kind;
    emu_launch launch;
    void *dst;
    const void *src;
    size_t n;
    unsigned value;
    std::shared_ptr<std::vector<unsigned char>> copy; /* of memory that is not pinned */
    CUevent_st *event;
    std::shared_ptr<CUevent_st> own; /* event, of a running graph */
    uint64_t ticket;            /* of the record that a wait waits for; in a graph: its number */
    std::function<void()> work; /* of a library's own */
};

struct CUctx_st {
    int device, n;        /* how often it is held */
    eng_cu_result sticky; /* of a kernel of its that failed: nothing of it runs any more */
    unsigned peers;       /* devices that it reaches, as bits */
};
/* What was recorded, by stream: the first is the one that recording began on. */
struct part {
    CUstream_st *stream;
    std::vector<op> ops;
    std::map<CUstream_st *, size_t>
        behind; /* of other streams: so much is done before what follows */
};
struct CUgraph_st {
    std::list<part> parts;
    uint64_t n_records;
    std::map<uint64_t, std::map<CUstream_st *, size_t>> records; /* what each is behind */
    part *of(CUstream_st *s)
    {
        for (part &p : parts)
            if (p.stream == s)
                return &p;
        parts.push_back({s, {}, {}});
        return &parts.back();
    }
};
struct CUgraphExec_st {
    CUgraph_st g;
};
struct CUstream_st {
    CUctx_st *ctx;
    std::deque<op> q;
    CUgraph_st *capture;
    bool passing; /* of a running graph: goes when it is empty */
};
struct CUevent_st {
    CUctx_st *ctx;
    uint64_t asked, done; /* records queued; the last that has run */
    timespec when;
    CUgraph_st *graph; /* its last record is part of what is being recorded, */
    uint64_t record;   /* as this one */
};
struct CUfunc_st {
    CUctx_st *ctx;
    const weir_emu_kernel *k;
    size_t max_dynamic;
    bool asked; /* for more than 48 KiB, its own arrays among them */
};
struct CUmod_st {
    CUctx_st *ctx;
    std::map<std::string, CUfunc_st> functions;
};

static bool initialised;
static CUctx_st contexts[EMU_DEVICES];
static CUstream_st default_streams[EMU_DEVICES];
static std::set<CUstream_st *> streams;
/* What a lost device was recording is never freed: its owner ends. Nor is the set. */
static std::set<CUgraph_st *> &graphs = *new std::set<CUgraph_st *>;
static long n_launches;
static thread_local CUctx_st *current;

/* Entry i of a list, or its last. */
static double entry(const char *name, int i, double fallback)
{
    const char *z = getenv(name);
    if (!z || !*z)
        return fallback;
    for (const char *next; i > 0 && (next = strchr(z, ',')); i--)
        z = next + 1;
    return strtod(z, nullptr);
}

void emu_read_environment(void)
{
    auto number = [](const char *name, long fallback) {
        const char *z = getenv(name);
        return z && *z ? strtol(z, nullptr, 10) : fallback;
    };
    emu.seed = (uint64_t)number("WEIR_EMU_SEED", 1);
    emu.devices = (int)number("WEIR_EMU_DEVICES", 1);
    if (emu.devices < 0 || emu.devices > EMU_DEVICES)
        emu_die("WEIR_EMU_DEVICES: 0 to %d", EMU_DEVICES);
    emu.peers = number("WEIR_EMU_PEERS", 1) != 0;
    emu.driver = (int)number("WEIR_EMU_DRIVER", 13000);
    emu.fail_at = number("WEIR_EMU_FAIL", 0);
    for (int i = 0; i < EMU_DEVICES; i++) {
        int arch = (int)entry("WEIR_EMU_ARCH", i, 86);
        emu.card[i] = {.major = arch / 10,
                       .minor = arch % 10,
                       .memory = (size_t)(entry("WEIR_EMU_MEMORY_MIB", i, 16384) * 1048576),
                       .shared_max = arch == 80                  ? 163u << 10
                                     : arch == 90 || arch == 100 ? 227u << 10
                                                                 : 99u << 10,
                       .mbs = (long)entry("WEIR_EMU_MBS", i, 1000000)};
    }
    emu_state = (uint32_t)(emu.seed * 2654435761u) | 1;
    for (int i = 0; i < 8; i++)
        emu_rnd();
}

/* ---- running what is queued ---- */

/* The device that memory is of; what is the host's counts as the stream's own. */
static unsigned bit_of(const CUstream_st *s, const void *p)
{
    int d = emu_device_of(p, 1);
    return 1u << (d < 0 ? s->ctx->device : d);
}

static void run_op(const CUstream_st *s, op *o)
{
    unsigned devices = 1u << s->ctx->device;
    if (o->kind == LAUNCH)
        devices |= s->ctx->peers;
    else if (o->kind == TO_DEVICE || o->kind == TO_HOST || o->kind == WITHIN)
        devices |= bit_of(s, o->dst) | bit_of(s, o->src);
    emu_open_memory(o->kind == RECORD || o->kind == WAIT ? 0 : devices);
    const void *src = o->copy ? o->copy->data() : o->src;
    switch (o->kind) {
    case LAUNCH:
        emu.shared_max = emu.card[s->ctx->device].shared_max;
        emu_run(&o->launch);
        break;
    case TO_DEVICE:
    case TO_HOST:
    case WITHIN:
        memmove(o->dst, src, o->n);
        break;
    case SET8:
        memset(o->dst, (int)o->value, o->n);
        break;
    case SET32:
        for (size_t i = 0; i < o->n; i++)
            static_cast<uint32_t *>(o->dst)[i] = o->value;
        break;
    case RECORD:
        o->event->done = o->ticket;
        clock_gettime(CLOCK_MONOTONIC, &o->event->when);
        break;
    case LIBRARY:
        o->work();
        break;
    case WAIT:
        break;
    }
    emu_close_memory();
}

/* What a device that failed would have done counts as done for others that wait for it. */
static bool has_come(const CUevent_st *e, uint64_t ticket)
{
    return e->done >= ticket || e->ctx->sticky;
}

static bool idle(const CUstream_st *s)
{
    return s->q.empty() || s->ctx->sticky;
}

static bool can_run(const CUstream_st *s)
{
    return !idle(s) &&
           (s->q.front().kind != WAIT || has_come(s->q.front().event, s->q.front().ticket));
}

/* One operation of some stream; false: none can run. */
static bool run_one(void)
{
    std::vector<CUstream_st *> able;
    for (CUstream_st *s : streams)
        if (can_run(s))
            able.push_back(s);
    if (able.empty())
        return false;
    CUstream_st *s = able[emu_rnd() % able.size()];
    op o = std::move(s->q.front());
    s->q.pop_front();
    run_op(s, &o);
    if (s->passing && s->q.empty()) {
        streams.erase(s);
        delete s;
    }
    return true;
}

/* Runs until done() holds. */
template <typename F> static void run_until(F done)
{
    emu_open_memory(0);
    while (!done())
        if (!run_one())
            emu_die("the host waits for what no stream will ever do");
    emu_close_memory();
    if (streams.size() < 64)
        emu_check_zones();
}

/* Now and then, ahead of time: seldom and then several, so that what was asked last has often not
 * begun. */
static void run_some(void)
{
    for (uint32_t n = emu_rnd() % 4 ? 0 : 1 + emu_rnd() % 4; n > 0; n--)
        if (!run_one())
            return;
}

static CUstream_st *stream_of(CUstream_st *s)
{
    if (s)
        return s;
    default_streams[current->device].ctx = current;
    return &default_streams[current->device];
}

static eng_cu_result queue(CUstream_st *s, op &&o)
{
    s = stream_of(s);
    if (s->ctx->sticky)
        return s->ctx->sticky;
    if (s->ctx != current)
        emu_die("a stream of device %d is used while device %d is current", s->ctx->device,
                current->device);
    if (s->capture) {
        s->capture->of(s)->ops.push_back(std::move(o));
        return ENG_CU_OK;
    }
    streams.insert(s);
    s->q.push_back(std::move(o));
    run_some();
    return ENG_CU_OK;
}

/* What was launched in which of a test's cases (engine_cuda_util.h), under which schedule: appended
 * to WEIR_EMU_LAUNCHES when the program ends, each once. */
static struct launches {
    std::set<std::string> seen;
    ~launches()
    {
        const char *path = getenv("WEIR_EMU_LAUNCHES");
        FILE *f = path && !seen.empty() ? fopen(path, "a") : nullptr;
        for (const std::string &line : seen)
            if (f)
                fputs(line.c_str(), f);
        if (f)
            fclose(f);
    }
} launches;

static void note_launch(const weir_emu_kernel *k)
{
    const char *of = getenv("WEIR_EMU_CASE");
    if (of && getenv("WEIR_EMU_LAUNCHES"))
        launches.seen.insert(std::string(k->name) + "\t" + std::to_string(emu.seed) + "\t" + of +
                             "\n");
}

int emu_library_work(CUstream_st *s, const char *what, std::function<void()> work)
{
    ENTER();
    op o = {};
    o.kind = LIBRARY;
    s = stream_of(s);
    if (s->capture)
        emu_die("%s while a graph is recorded", what);
    o.work = std::move(work);
    return (int)queue(s, std::move(o));
}

static bool capturing(void)
{
    for (const CUstream_st *s : streams)
        if (s->capture)
            return true;
    return false;
}

static void want_device(const CUctx_st *c, const void *p, size_t n, const char *what)
{
    int d = emu_device_of(p, n);
    if (d < 0)
        emu_die("%s: %zu bytes at %p are not one living piece of device memory", what, n, p);
    if (d != c->device)
        emu_die("%s: %zu bytes at %p are memory of device %d, not of device %d", what, n, p, d,
                c->device);
}

#define NEED_DRIVER()                                                                              \
    ENTER();                                                                                       \
    if (!initialised)                                                                              \
        return ENG_CU_NOT_INITIALIZED;                                                             \
    emu_thread_init()
#define NEED()                                                                                     \
    NEED_DRIVER();                                                                                 \
    if (!current || current->n == 0)                                                               \
        emu_die("%s: no context is current", __func__);                                            \
    if (current->sticky)                                                                           \
    return current->sticky

#pragma GCC visibility push(default)
extern "C" {
#define DECLARE(field, symbol, args) eng_cu_result symbol args;
ENG_CU_API(DECLARE)

/* ---- the device ---- */

eng_cu_result cuInit(unsigned)
{
    ENTER();
    int users = 0;
    for (const CUctx_st &c : contexts)
        users += c.n;
    if (users == 0) { /* nobody has any open: as a new process would find it */
        emu_read_environment();
        n_launches = 0;
        for (int d = 0; d < EMU_DEVICES; d++)
            contexts[d] = {d, 0, ENG_CU_OK, 0};
        for (CUstream_st *s : streams)
            if (s->passing)
                delete s;
        streams.clear();
    }
    if (!initialised) {
        emu_memory_init();
        emu_shared_init();
        emu_count_init();
        initialised = true;
    }
    emu_thread_init();
    return emu.devices ? ENG_CU_OK : ENG_CU_NO_DEVICE;
}

eng_cu_result cuDriverGetVersion(int *version)
{
    ENTER();
    if (!initialised)
        emu_read_environment();
    *version = emu.driver;
    return ENG_CU_OK;
}

eng_cu_result cuGetErrorName(eng_cu_result e, const char **out)
{
    *out = e == ENG_CU_OK              ? "CUDA_SUCCESS"
           : e == ENG_CU_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
           : e == ENG_CU_LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
                                       : "CUDA_ERROR";
    return ENG_CU_OK;
}

eng_cu_result cuGetErrorString(eng_cu_result e, const char **out)
{
    *out = e == ENG_CU_OK              ? "no error"
           : e == ENG_CU_OUT_OF_MEMORY ? "out of memory"
           : e == ENG_CU_NO_DEVICE     ? "no CUDA-capable device is detected"
           : e == ENG_CU_NO_BINARY_FOR_GPU
               ? "no kernel image is available for execution on the device"
           : e == ENG_CU_NOT_FOUND     ? "named symbol not found"
           : e == ENG_CU_LAUNCH_FAILED ? "unspecified launch failure"
                                       : "an error of the emulated device";
    return ENG_CU_OK;
}

eng_cu_result cuDeviceGetCount(int *n)
{
    NEED_DRIVER();
    *n = emu.devices;
    return ENG_CU_OK;
}

eng_cu_result cuDeviceGet(eng_cu_device *d, int ordinal)
{
    NEED_DRIVER();
    *d = ordinal;
    return ordinal >= 0 && ordinal < emu.devices ? ENG_CU_OK : 101;
}

eng_cu_result cuDeviceGetName(char *name, int n, eng_cu_device)
{
    NEED_DRIVER();
    snprintf(name, (size_t)n, "emulated device");
    return ENG_CU_OK;
}

eng_cu_result cuDeviceGetAttribute(int *value, unsigned attr, eng_cu_device d)
{
    NEED_DRIVER();
    if (d < 0 || d >= emu.devices)
        return ENG_CU_INVALID_VALUE;
    switch (attr) {
    case ENG_CU_ATTR_MAX_THREADS:
        *value = 1024;
        break;
    case ENG_CU_ATTR_SHARED_BLOCK:
        *value = 48 << 10;
        break;
    case ENG_CU_ATTR_N_SM:
        *value = 4; /* few, so that grids sized by it have several waves */
        break;
    case ENG_CU_ATTR_MAJOR:
        *value = emu.card[d].major;
        break;
    case ENG_CU_ATTR_MINOR:
        *value = emu.card[d].minor;
        break;
    case ENG_CU_ATTR_SHARED_OPTIN:
        *value = (int)emu.card[d].shared_max;
        break;
    case ENG_CU_ATTR_INTEGRATED:
    case ENG_CU_ATTR_PCI_BUS: /* there is none: nobody finds a link of it */
        *value = 0;
        break;
    case ENG_CU_ATTR_PCI_DOMAIN:
        *value = 0xffff;
        break;
    case ENG_CU_ATTR_MEMORY_BUS_BITS:
        *value = 8000;
        break;
    case ENG_CU_ATTR_MEMORY_CLOCK_KHZ: /* two transfers a tick */
        *value = (int)(emu.card[d].mbs / 2);
        break;
    default:
        *value = 1;
    }
    return ENG_CU_OK;
}

eng_cu_result cuDeviceTotalMem_v2(size_t *n, eng_cu_device d)
{
    NEED_DRIVER();
    if (d < 0 || d >= emu.devices)
        return ENG_CU_INVALID_VALUE;
    *n = emu.card[d].memory;
    return ENG_CU_OK;
}

eng_cu_result cuDevicePrimaryCtxRetain(eng_cu_context *c, eng_cu_device d)
{
    NEED_DRIVER();
    if (d < 0 || d >= emu.devices)
        return 101;
    contexts[d].n++;
    *c = &contexts[d];
    return contexts[d].sticky;
}

eng_cu_result cuDevicePrimaryCtxRelease_v2(eng_cu_device d)
{
    ENTER();
    if (contexts[d].n-- == 0)
        emu_die("the context of device %d is released more often than it was retained", d);
    if (contexts[d].n == 0) {
        contexts[d].peers = 0;
        for (CUctx_st &c : contexts)
            c.peers &= ~(1u << d);
    }
    return ENG_CU_OK;
}

eng_cu_result cuCtxSetCurrent(eng_cu_context c)
{
    NEED_DRIVER();
    if (c && c->n == 0)
        emu_die("a context that nobody holds is made current");
    current = c;
    return c ? c->sticky : (eng_cu_result)ENG_CU_OK;
}

eng_cu_result cuDeviceCanAccessPeer(int *can, eng_cu_device d, eng_cu_device peer)
{
    NEED_DRIVER();
    *can = emu.peers && d != peer;
    return d < emu.devices && peer < emu.devices ? ENG_CU_OK : 101;
}

eng_cu_result cuCtxEnablePeerAccess(eng_cu_context peer, unsigned)
{
    NEED();
    if (!emu.peers || peer == current)
        return ENG_CU_INVALID_VALUE;
    if (current->peers >> peer->device & 1)
        return ENG_CU_PEER_ALREADY;
    current->peers |= 1u << peer->device;
    return ENG_CU_OK;
}

eng_cu_result cuCtxDisablePeerAccess(eng_cu_context peer)
{
    NEED();
    current->peers &= ~(1u << peer->device);
    return ENG_CU_OK;
}

/* ---- memory ---- */

eng_cu_result cuMemGetInfo_v2(size_t *free, size_t *total)
{
    NEED();
    *total = emu.card[current->device].memory;
    *free = *total - emu_device_used(current->device);
    return ENG_CU_OK;
}

/* While a thread records, what may wait for the device or stop it is refused. */
eng_cu_result cuMemAlloc_v2(eng_cu_ptr *p, size_t n)
{
    NEED();
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    *p = reinterpret_cast<eng_cu_ptr>(emu_device_alloc(current->device, n));
    return *p ? ENG_CU_OK : n ? ENG_CU_OUT_OF_MEMORY : ENG_CU_INVALID_VALUE;
}

static void run_all(void)
{
    run_until([] {
        for (const CUstream_st *s : streams)
            if (!idle(s))
                return false;
        return true;
    });
}

eng_cu_result cuMemFree_v2(eng_cu_ptr p)
{
    ENTER();
    if (!p)
        return ENG_CU_OK;
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    run_all(); /* the driver waits too */
    if (!emu_device_free(reinterpret_cast<void *>(p)))
        emu_die("%p is freed, which is no living allocation", reinterpret_cast<void *>(p));
    return ENG_CU_OK;
}

eng_cu_result cuMemHostAlloc(void **p, size_t n, unsigned)
{
    NEED();
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    *p = emu_host_alloc(n);
    return *p ? ENG_CU_OK : ENG_CU_OUT_OF_MEMORY;
}

eng_cu_result cuMemFreeHost(void *p)
{
    ENTER();
    run_all();
    if (!emu_host_free(p))
        emu_die("%p is freed, which is no pinned memory", p);
    return ENG_CU_OK;
}

static op plain(enum kind kind)
{
    op o = {};
    o.kind = kind;
    return o;
}

static void settle(CUstream_st *s)
{
    run_until([s] { return idle(s); });
}

eng_cu_result cuMemcpyHtoDAsync_v2(eng_cu_ptr dst, const void *src, size_t n, eng_cu_stream s)
{
    NEED();
    op o = plain(TO_DEVICE);
    o.dst = reinterpret_cast<void *>(dst);
    o.src = src;
    o.n = n;
    if (n == 0)
        return ENG_CU_OK;
    want_device(current, o.dst, n, "copy to the device");
    if (!emu_is_pinned(src, n)) {
        if (s && s->capture)
            emu_die("a copy from memory that is not pinned is captured");
        const unsigned char *from = static_cast<const unsigned char *>(src);
        o.copy = std::make_shared<std::vector<unsigned char>>(from, from + n);
    }
    return queue(s, std::move(o));
}

eng_cu_result cuMemcpyDtoHAsync_v2(void *dst, eng_cu_ptr src, size_t n, eng_cu_stream s)
{
    NEED();
    op o = plain(TO_HOST);
    o.dst = dst;
    o.src = reinterpret_cast<const void *>(src);
    o.n = n;
    if (n == 0)
        return ENG_CU_OK;
    want_device(current, o.src, n, "copy from the device");
    bool late = emu_is_pinned(dst, n);
    if (!late && s && s->capture)
        emu_die("a copy to memory that is not pinned is captured");
    eng_cu_result r = queue(s, std::move(o));
    if (!late)
        settle(stream_of(s));
    return r;
}

eng_cu_result cuMemcpyDtoDAsync_v2(eng_cu_ptr dst, eng_cu_ptr src, size_t n, eng_cu_stream s)
{
    NEED();
    op o = plain(WITHIN);
    o.dst = reinterpret_cast<void *>(dst);
    o.src = reinterpret_cast<const void *>(src);
    o.n = n;
    if (n == 0)
        return ENG_CU_OK;
    want_device(current, o.dst, n, "copy within the device");
    want_device(current, o.src, n, "copy within the device");
    if (dst < src + n && src < dst + n)
        emu_die("a copy within the device overlaps itself");
    return queue(s, std::move(o));
}

eng_cu_result cuMemcpyPeerAsync(eng_cu_ptr dst, eng_cu_context to, eng_cu_ptr src,
                                eng_cu_context from, size_t n, eng_cu_stream s)
{
    NEED();
    op o = plain(WITHIN);
    o.dst = reinterpret_cast<void *>(dst);
    o.src = reinterpret_cast<const void *>(src);
    o.n = n;
    if (n == 0)
        return ENG_CU_OK;
    want_device(to, o.dst, n, "copy between devices");
    want_device(from, o.src, n, "copy between devices");
    if (to != current && from != current)
        emu_die("copy between devices: the stream's device is neither of them");
    if (!(current->peers >> (to == current ? from : to)->device & 1))
        emu_die("copy between devices %d and %d, which do not reach each other", from->device,
                to->device);
    return queue(s, std::move(o));
}

eng_cu_result cuMemsetD8Async(eng_cu_ptr dst, unsigned char x, size_t n, eng_cu_stream s)
{
    NEED();
    op o = plain(SET8);
    o.dst = reinterpret_cast<void *>(dst);
    o.value = x;
    o.n = n;
    if (n == 0)
        return ENG_CU_OK;
    want_device(current, o.dst, n, "memset");
    return queue(s, std::move(o));
}

eng_cu_result cuMemsetD32Async(eng_cu_ptr dst, unsigned x, size_t n, eng_cu_stream s)
{
    NEED();
    op o = plain(SET32);
    o.dst = reinterpret_cast<void *>(dst);
    o.value = x;
    o.n = n;
    if (n == 0)
        return ENG_CU_OK;
    if (dst % 4)
        return ENG_CU_INVALID_VALUE;
    want_device(current, o.dst, 4 * n, "memset");
    return queue(s, std::move(o));
}

/* ---- streams and events ---- */

eng_cu_result cuStreamCreate(eng_cu_stream *s, unsigned)
{
    NEED();
    *s = new CUstream_st();
    (*s)->ctx = current;
    streams.insert(*s);
    return ENG_CU_OK;
}

eng_cu_result cuStreamDestroy_v2(eng_cu_stream s)
{
    ENTER();
    settle(s);
    streams.erase(s);
    delete s;
    return ENG_CU_OK;
}

eng_cu_result cuStreamSynchronize(eng_cu_stream s)
{
    NEED();
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    s = stream_of(s);
    if (s->ctx != current)
        emu_die("a stream of device %d is waited for while device %d is current", s->ctx->device,
                current->device);
    settle(s);
    return current->sticky;
}

eng_cu_result cuCtxSynchronize(void)
{
    NEED();
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    run_until([] {
        for (const CUstream_st *s : streams)
            if (s->ctx == current && !idle(s))
                return false;
        return true;
    });
    return current->sticky;
}

eng_cu_result cuEventCreate(eng_cu_event *e, unsigned)
{
    NEED();
    *e = new CUevent_st();
    (*e)->ctx = current;
    return ENG_CU_OK;
}

eng_cu_result cuEventDestroy_v2(eng_cu_event e)
{
    ENTER();
    run_all();
    delete e;
    return ENG_CU_OK;
}

eng_cu_result cuEventRecord(eng_cu_event e, eng_cu_stream s)
{
    NEED();
    s = stream_of(s);
    if (e->ctx != s->ctx)
        emu_die("an event of device %d is recorded on a stream of device %d", e->ctx->device,
                s->ctx->device);
    op o = plain(RECORD);
    o.event = e;
    e->graph = s->capture;
    if (!s->capture) {
        o.ticket = ++e->asked;
        return queue(s, std::move(o));
    }
    o.ticket = e->record = ++s->capture->n_records;
    part *p = s->capture->of(s);
    s->capture->records[o.ticket] = p->behind;
    s->capture->records[o.ticket][s] = p->ops.size() + 1;
    return queue(s, std::move(o));
}

eng_cu_result cuStreamWaitEvent(eng_cu_stream s, eng_cu_event e, unsigned)
{
    NEED();
    s = stream_of(s);
    op o = plain(WAIT);
    o.event = e;
    if (s->capture && e->graph != s->capture)
        emu_die("what is being recorded waits for what is not part of it");
    if (!e->graph) {
        o.ticket = e->asked;
        return queue(s, std::move(o));
    }
    s->capture = e->graph; /* from here on the stream takes part */
    o.ticket = e->record;
    for (const auto &it : s->capture->records[e->record]) {
        size_t &known = s->capture->of(s)->behind[it.first];
        known = it.second > known ? it.second : known;
    }
    return queue(s, std::move(o));
}

eng_cu_result cuEventSynchronize(eng_cu_event e)
{
    NEED();
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    run_until([e] { return has_come(e, e->asked); });
    return current->sticky;
}

eng_cu_result cuEventQuery(eng_cu_event e)
{
    NEED();
    run_some();
    return e->done >= e->asked ? ENG_CU_OK : ENG_CU_NOT_READY;
}

eng_cu_result cuEventElapsedTime(float *ms, eng_cu_event a, eng_cu_event b)
{
    NEED();
    if (!a->done || !b->done)
        return ENG_CU_NOT_READY;
    *ms = (float)(b->when.tv_sec - a->when.tv_sec) * 1e3f +
          (float)(b->when.tv_nsec - a->when.tv_nsec) * 1e-6f;
    return ENG_CU_OK;
}

/* ---- modules and launches ---- */

eng_cu_result cuModuleLoadData(eng_cu_module *m, const void *image)
{
    NEED();
    if (emu.card[current->device].major < 8)
        return ENG_CU_NO_BINARY_FOR_GPU;
    if (memcmp(image, "WEIR-EMU", 8))
        return ENG_CU_INVALID_IMAGE;
    *m = new CUmod_st();
    (*m)->ctx = current;
    return ENG_CU_OK;
}

eng_cu_result cuModuleUnload(eng_cu_module m)
{
    ENTER();
    delete m;
    return ENG_CU_OK;
}

eng_cu_result cuModuleGetFunction(eng_cu_function *f, eng_cu_module m, const char *name)
{
    NEED();
    const weir_emu_kernel *k = emu_kernel(name);
    if (!k)
        return ENG_CU_NOT_FOUND;
    CUfunc_st &fn = m->functions[name];
    if (!fn.k)
        fn = {m->ctx, k, 48u << 10, false};
    *f = &fn;
    return ENG_CU_OK;
}

eng_cu_result cuFuncGetAttribute(int *value, unsigned attr, eng_cu_function f)
{
    NEED();
    *value = attr == ENG_CU_FUNC_MAX_DYNAMIC ? (int)f->max_dynamic : 0;
    return ENG_CU_OK;
}

eng_cu_result cuFuncSetAttribute(eng_cu_function f, unsigned attr, int value)
{
    NEED();
    if (attr != ENG_CU_FUNC_MAX_DYNAMIC || value < 0 ||
        (size_t)value > emu.card[current->device].shared_max)
        return ENG_CU_INVALID_VALUE;
    f->max_dynamic = (size_t)value;
    f->asked = true;
    return ENG_CU_OK;
}

eng_cu_result cuLaunchKernel(eng_cu_function f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                             unsigned by, unsigned bz, unsigned shared, eng_cu_stream s,
                             void **args, void **extra)
{
    NEED();
    const weir_emu_kernel *k = f->k;
    if (f->ctx != current)
        emu_die("launch of %s: it was loaded on device %d, device %d is current", k->name,
                f->ctx->device, current->device);
    op o = plain(LAUNCH);
    o.launch.kernel = k;
    o.launch.grid = {gx, gy, gz};
    o.launch.block = {bx, by, bz};
    o.launch.dynamic = shared;
    o.launch.shared_max = f->asked ? emu.shared_max : 48u << 10;
    uint64_t threads = (uint64_t)bx * by * bz;
    if (!gx || !gy || !gz || !threads)
        emu_die("launch of %s: an empty grid or block", k->name);
    if (gx > 0x7fffffffu || gy > 65535 || gz > 65535)
        emu_die("launch of %s: a grid of %u x %u x %u is too large", k->name, gx, gy, gz);
    if (threads > k->max_threads || bx > 1024 || by > 1024 || bz > 64)
        emu_die("launch of %s: a block of %u x %u x %u; %u threads at most", k->name, bx, by, bz,
                k->max_threads);
    if (shared > f->max_dynamic)
        emu_die("launch of %s: %u bytes of dynamic shared memory; %zu were allowed", k->name,
                shared, f->max_dynamic);
    if (k->args_size > 4096)
        emu_die("launch of %s: %zu bytes of arguments", k->name, k->args_size);
    const unsigned char *from;
    if (args) {
        from = static_cast<const unsigned char *>(args[0]);
    } else {
        /* CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE: the driver compares the size */
        if (!extra || extra[0] != (void *)1 || extra[2] != (void *)2)
            emu_die("launch of %s: no arguments", k->name);
        from = static_cast<const unsigned char *>(extra[1]);
        size_t size = *static_cast<size_t *>(extra[3]);
        if (size != k->args_size)
            emu_die("launch of %s: %zu bytes of arguments, the kernel takes %zu", k->name, size,
                    k->args_size);
    }
    o.launch.args.assign(from, from + k->args_size);
    note_launch(k);
    if (emu.fail_at && ++n_launches == emu.fail_at)
        return current->sticky = ENG_CU_LAUNCH_FAILED;
    return queue(s, std::move(o));
}

/* ---- graphs ---- */

eng_cu_result cuStreamBeginCapture_v2(eng_cu_stream s, unsigned)
{
    NEED();
    if (!s || s->capture)
        return ENG_CU_INVALID_VALUE;
    s->capture = new CUgraph_st();
    graphs.insert(s->capture);
    (void)s->capture->of(s);
    return ENG_CU_OK;
}

eng_cu_result cuStreamEndCapture(eng_cu_stream s, eng_cu_graph *g)
{
    NEED_DRIVER();
    if (!s || !s->capture)
        return s && s->ctx->sticky ? s->ctx->sticky : (eng_cu_result)ENG_CU_INVALID_VALUE;
    CUgraph_st *x = s->capture;
    eng_cu_result lost = ENG_CU_OK; /* a device that took part: then nothing comes of it */
    for (const part &p : x->parts)
        lost = lost ? lost : p.stream->ctx->sticky;
    if (lost) {
        for (const part &p : x->parts)
            p.stream->capture = nullptr;
        graphs.erase(x);
        delete x;
        return lost;
    }
    part *first = x->of(s);
    if (first != &x->parts.front())
        emu_die("recording ends on another stream than it began on");
    for (part &p : x->parts) {
        p.stream->capture = nullptr;
        if (&p != first && first->behind[p.stream] < p.ops.size())
            emu_die("recording ends before the stream of device %d has been waited for",
                    p.stream->ctx->device);
    }
    *g = x;
    return ENG_CU_OK;
}

eng_cu_result cuGraphInstantiateWithFlags(eng_cu_graph_exec *x, eng_cu_graph g, unsigned long long)
{
    NEED();
    *x = new CUgraphExec_st{*g};
    return ENG_CU_OK;
}

/* Each part runs on a stream of its own, which begins behind what s has been asked for; s goes on
 * when all are done. */
eng_cu_result cuGraphLaunch(eng_cu_graph_exec x, eng_cu_stream s)
{
    NEED();
    if (s->ctx != current)
        emu_die("a graph is run on a stream of device %d while device %d is current",
                s->ctx->device, current->device);
    std::map<uint64_t, std::shared_ptr<CUevent_st>> events;
    auto event = [&](uint64_t number, CUctx_st *ctx) {
        std::shared_ptr<CUevent_st> &e = events[number];
        if (!e) {
            e = std::make_shared<CUevent_st>();
            e->ctx = ctx;
            e->asked = 1;
        }
        return e;
    };
    auto at = [&](enum kind kind, const std::shared_ptr<CUevent_st> &e) {
        op o = plain(kind);
        o.own = e;
        o.event = e.get();
        o.ticket = 1;
        return o;
    };
    for (const part &p : x->g.parts) /* so that each record's event is its stream's device's */
        for (const op &o : p.ops)
            if (o.kind == RECORD)
                (void)event(o.ticket, p.stream->ctx);
    uint64_t number = x->g.n_records;
    std::shared_ptr<CUevent_st> begins = event(++number, s->ctx);
    s->q.push_back(at(RECORD, begins));
    for (const part &p : x->g.parts) {
        CUstream_st *lane = new CUstream_st();
        lane->ctx = p.stream->ctx;
        lane->passing = true;
        lane->q.push_back(at(WAIT, begins));
        for (const op &o : p.ops)
            lane->q.push_back(o.kind == RECORD || o.kind == WAIT
                                  ? at(o.kind, event(o.ticket, p.stream->ctx))
                                  : o);
        std::shared_ptr<CUevent_st> ends = event(++number, lane->ctx);
        lane->q.push_back(at(RECORD, ends));
        s->q.push_back(at(WAIT, ends));
        streams.insert(lane);
    }
    run_some();
    return ENG_CU_OK;
}

eng_cu_result cuGraphDestroy(eng_cu_graph g)
{
    ENTER();
    graphs.erase(g);
    delete g;
    return ENG_CU_OK;
}

eng_cu_result cuGraphExecDestroy(eng_cu_graph_exec x)
{
    ENTER();
    delete x;
    return ENG_CU_OK;
}

/* ---- what no driver has: pieces of an allocation, as the host cuts it (engine/cuda) ---- */

void weirEmuPiece(eng_cu_ptr p, size_t n)
{
    ENTER();
    emu_piece(reinterpret_cast<void *>(p), n);
}

void weirEmuPieceGone(eng_cu_ptr p)
{
    ENTER();
    if (!emu_piece_gone(reinterpret_cast<void *>(p)))
        emu_die("%p is given back, which is no living piece", reinterpret_cast<void *>(p));
}
}
#pragma GCC visibility pop
