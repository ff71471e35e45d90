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
 * The image that it loads is the eight bytes "WEIR-EMU": the kernels are linked in.
 */
#include "emu_int.h"
#include "engine/cuda/driver_api.h"

#include <deque>
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

enum kind { LAUNCH, TO_DEVICE, TO_HOST, WITHIN, SET8, SET32, RECORD, WAIT };

struct op {
    enum kind kind;
    emu_launch launch;
    void *dst;
    const void *src;
    size_t n;
    unsigned value;
    std::shared_ptr<std::vector<unsigned char>> copy; /* of memory that is not pinned */
    CUevent_st *event;
    uint64_t ticket; /* of the record that a wait waits for */
};

struct CUgraph_st {
    std::vector<op> ops;
};
struct CUgraphExec_st {
    std::vector<op> ops;
};
struct CUstream_st {
    std::deque<op> q;
    CUgraph_st *capture;
};
struct CUevent_st {
    uint64_t asked, done; /* records queued; the last that has run */
    timespec when;
};
struct CUfunc_st {
    const weir_emu_kernel *k;
    size_t max_dynamic;
};
struct CUmod_st {
    std::map<std::string, CUfunc_st> functions;
};
struct CUctx_st {
    int n;
};

static bool initialised;
static CUctx_st the_context;
static std::set<CUstream_st *> streams;
static eng_cu_result sticky;
static long n_launches;
static CUstream_st default_stream;

void emu_read_environment(void)
{
    auto number = [](const char *name, long fallback) {
        const char *z = getenv(name);
        return z && *z ? strtol(z, nullptr, 10) : fallback;
    };
    emu.seed = (uint64_t)number("WEIR_EMU_SEED", 1);
    emu.devices = (int)number("WEIR_EMU_DEVICES", 1);
    emu.driver = (int)number("WEIR_EMU_DRIVER", 13000);
    int arch = (int)number("WEIR_EMU_ARCH", 86);
    emu.major = arch / 10;
    emu.minor = arch % 10;
    emu.memory = (size_t)number("WEIR_EMU_MEMORY_MIB", 16384) << 20;
    emu.shared_max = arch == 80 ? 163u << 10 : arch == 90 || arch == 100 ? 227u << 10 : 99u << 10;
    emu.fail_at = number("WEIR_EMU_FAIL", 0);
    emu_state = (uint32_t)(emu.seed * 2654435761u) | 1;
    for (int i = 0; i < 8; i++)
        emu_rnd();
}

/* ---- running what is queued ---- */

static void run_op(op *o)
{
    emu_open_memory();
    const void *src = o->copy ? o->copy->data() : o->src;
    switch (o->kind) {
    case LAUNCH:
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
    case WAIT:
        break;
    }
    emu_close_memory();
}

static bool can_run(const CUstream_st *s)
{
    return !s->q.empty() &&
           (s->q.front().kind != WAIT || s->q.front().event->done >= s->q.front().ticket);
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
    run_op(&o);
    return true;
}

/* Runs until done() holds. */
template <typename F> static void run_until(F done)
{
    emu_open_memory();
    while (!done())
        if (!run_one())
            emu_die("the host waits for what no stream will ever do");
    emu_close_memory();
    if (streams.size() < 64)
        emu_check_zones();
}

/* Now and then, ahead of time. */
static void run_some(void)
{
    for (uint32_t n = emu_rnd() % 4; n > 1; n--)
        if (!run_one())
            return;
}

static eng_cu_result queue(CUstream_st *s, op &&o)
{
    if (sticky)
        return sticky;
    if (!s)
        s = &default_stream;
    streams.insert(s);
    if (s->capture)
        s->capture->ops.push_back(std::move(o));
    else
        s->q.push_back(std::move(o));
    if (!s->capture)
        run_some();
    return ENG_CU_OK;
}

static bool capturing(void)
{
    for (const CUstream_st *s : streams)
        if (s->capture)
            return true;
    return false;
}

static void want_device(const void *p, size_t n, const char *what)
{
    if (!emu_is_device(p, n))
        emu_die("%s: %zu bytes at %p are not one living piece of device memory", what, n, p);
}

#define NEED()                                                                                     \
    ENTER();                                                                                       \
    if (!initialised)                                                                              \
        return ENG_CU_NOT_INITIALIZED;                                                             \
    if (sticky)                                                                                    \
        return sticky;                                                                             \
    emu_thread_init()

#pragma GCC visibility push(default)
extern "C" {
#define DECLARE(field, symbol, args) eng_cu_result symbol args;
ENG_CU_API(DECLARE)

/* ---- the device ---- */

eng_cu_result cuInit(unsigned)
{
    ENTER();
    if (the_context.n == 0) { /* nobody has it open: as a new process would find it */
        emu_read_environment();
        sticky = ENG_CU_OK;
        n_launches = 0;
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
    NEED();
    *n = emu.devices;
    return ENG_CU_OK;
}

eng_cu_result cuDeviceGet(eng_cu_device *d, int ordinal)
{
    NEED();
    *d = ordinal;
    return ordinal >= 0 && ordinal < emu.devices ? ENG_CU_OK : 101;
}

eng_cu_result cuDeviceGetName(char *name, int n, eng_cu_device)
{
    NEED();
    snprintf(name, (size_t)n, "emulated device");
    return ENG_CU_OK;
}

eng_cu_result cuDeviceGetAttribute(int *value, unsigned attr, eng_cu_device)
{
    NEED();
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
        *value = emu.major;
        break;
    case ENG_CU_ATTR_MINOR:
        *value = emu.minor;
        break;
    case ENG_CU_ATTR_SHARED_OPTIN:
        *value = (int)emu.shared_max;
        break;
    case ENG_CU_ATTR_INTEGRATED:
        *value = 0;
        break;
    default:
        *value = 1;
    }
    return ENG_CU_OK;
}

eng_cu_result cuDeviceTotalMem_v2(size_t *n, eng_cu_device)
{
    NEED();
    *n = emu.memory;
    return ENG_CU_OK;
}

eng_cu_result cuDevicePrimaryCtxRetain(eng_cu_context *c, eng_cu_device)
{
    NEED();
    the_context.n++;
    *c = &the_context;
    return ENG_CU_OK;
}

eng_cu_result cuDevicePrimaryCtxRelease_v2(eng_cu_device)
{
    ENTER();
    if (the_context.n-- == 0)
        emu_die("the context is released more often than it was retained");
    return ENG_CU_OK;
}

eng_cu_result cuCtxSetCurrent(eng_cu_context)
{
    NEED();
    return ENG_CU_OK;
}

/* ---- memory ---- */

eng_cu_result cuMemGetInfo_v2(size_t *free, size_t *total)
{
    NEED();
    *total = emu.memory;
    *free = emu.memory - emu_device_used();
    return ENG_CU_OK;
}

eng_cu_result cuMemAlloc_v2(eng_cu_ptr *p, size_t n)
{
    NEED();
    *p = reinterpret_cast<eng_cu_ptr>(emu_device_alloc(n));
    return *p ? ENG_CU_OK : n ? ENG_CU_OUT_OF_MEMORY : ENG_CU_INVALID_VALUE;
}

static void run_all(void)
{
    run_until([] {
        for (const CUstream_st *s : streams)
            if (!s->q.empty())
                return false;
        return true;
    });
}

eng_cu_result cuMemFree_v2(eng_cu_ptr p)
{
    ENTER();
    if (!p)
        return ENG_CU_OK;
    if (!sticky)
        run_all(); /* the driver waits too */
    if (!emu_device_free(reinterpret_cast<void *>(p)))
        emu_die("%p is freed, which is no living allocation", reinterpret_cast<void *>(p));
    return ENG_CU_OK;
}

eng_cu_result cuMemHostAlloc(void **p, size_t n, unsigned)
{
    NEED();
    *p = emu_host_alloc(n);
    return *p ? ENG_CU_OK : ENG_CU_OUT_OF_MEMORY;
}

eng_cu_result cuMemFreeHost(void *p)
{
    ENTER();
    if (!sticky)
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
    run_until([s] { return s->q.empty(); });
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
    want_device(o.dst, n, "copy to the device");
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
    want_device(o.src, n, "copy from the device");
    bool late = emu_is_pinned(dst, n);
    if (!late && s && s->capture)
        emu_die("a copy to memory that is not pinned is captured");
    eng_cu_result r = queue(s, std::move(o));
    if (!late)
        settle(s ? s : &default_stream);
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
    want_device(o.dst, n, "copy within the device");
    want_device(o.src, n, "copy within the device");
    if (dst < src + n && src < dst + n)
        emu_die("a copy within the device overlaps itself");
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
    want_device(o.dst, n, "memset");
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
    want_device(o.dst, 4 * n, "memset");
    return queue(s, std::move(o));
}

/* ---- streams and events ---- */

eng_cu_result cuStreamCreate(eng_cu_stream *s, unsigned)
{
    NEED();
    *s = new CUstream_st();
    streams.insert(*s);
    return ENG_CU_OK;
}

eng_cu_result cuStreamDestroy_v2(eng_cu_stream s)
{
    ENTER();
    if (!sticky)
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
    settle(s ? s : &default_stream);
    return sticky;
}

eng_cu_result cuEventCreate(eng_cu_event *e, unsigned)
{
    NEED();
    *e = new CUevent_st();
    return ENG_CU_OK;
}

eng_cu_result cuEventDestroy_v2(eng_cu_event e)
{
    ENTER();
    if (!sticky)
        run_all();
    delete e;
    return ENG_CU_OK;
}

eng_cu_result cuEventRecord(eng_cu_event e, eng_cu_stream s)
{
    NEED();
    op o = plain(RECORD);
    o.event = e;
    o.ticket = ++e->asked;
    return queue(s, std::move(o));
}

eng_cu_result cuStreamWaitEvent(eng_cu_stream s, eng_cu_event e, unsigned)
{
    NEED();
    op o = plain(WAIT);
    o.event = e;
    o.ticket = e->asked;
    return queue(s, std::move(o));
}

eng_cu_result cuEventSynchronize(eng_cu_event e)
{
    NEED();
    if (capturing())
        return ENG_CU_CAPTURE_UNSUPPORTED;
    run_until([e] { return e->done >= e->asked; });
    return sticky;
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
    if (emu.major < 8)
        return ENG_CU_NO_BINARY_FOR_GPU;
    if (memcmp(image, "WEIR-EMU", 8))
        return ENG_CU_INVALID_IMAGE;
    *m = new CUmod_st();
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
        fn = {k, 48u << 10};
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
    if (attr != ENG_CU_FUNC_MAX_DYNAMIC || value < 0 || (size_t)value > emu.shared_max)
        return ENG_CU_INVALID_VALUE;
    f->max_dynamic = (size_t)value;
    return ENG_CU_OK;
}

eng_cu_result cuLaunchKernel(eng_cu_function f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                             unsigned by, unsigned bz, unsigned shared, eng_cu_stream s,
                             void **args, void **extra)
{
    NEED();
    const weir_emu_kernel *k = f->k;
    op o = plain(LAUNCH);
    o.launch.kernel = k;
    o.launch.grid = {gx, gy, gz};
    o.launch.block = {bx, by, bz};
    o.launch.dynamic = shared;
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
    if (emu.fail_at && ++n_launches == emu.fail_at)
        return sticky = ENG_CU_LAUNCH_FAILED;
    return queue(s, std::move(o));
}

/* ---- graphs ---- */

eng_cu_result cuStreamBeginCapture_v2(eng_cu_stream s, unsigned)
{
    NEED();
    if (!s || s->capture)
        return ENG_CU_INVALID_VALUE;
    s->capture = new CUgraph_st();
    return ENG_CU_OK;
}

eng_cu_result cuStreamEndCapture(eng_cu_stream s, eng_cu_graph *g)
{
    NEED();
    if (!s || !s->capture)
        return ENG_CU_INVALID_VALUE;
    *g = s->capture;
    s->capture = nullptr;
    return ENG_CU_OK;
}

eng_cu_result cuGraphInstantiateWithFlags(eng_cu_graph_exec *x, eng_cu_graph g, unsigned long long)
{
    NEED();
    *x = new CUgraphExec_st{g->ops};
    return ENG_CU_OK;
}

eng_cu_result cuGraphLaunch(eng_cu_graph_exec x, eng_cu_stream s)
{
    NEED();
    for (const op &o : x->ops) {
        op copy = o;
        eng_cu_result r = queue(s, std::move(copy));
        if (r)
            return r;
    }
    return ENG_CU_OK;
}

eng_cu_result cuGraphDestroy(eng_cu_graph g)
{
    ENTER();
    delete g;
    return ENG_CU_OK;
}

eng_cu_result cuGraphExecDestroy(eng_cu_graph_exec x)
{
    ENTER();
    delete x;
    return ENG_CU_OK;
}
}
#pragma GCC visibility pop
