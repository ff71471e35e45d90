/* driver.c - opens a CUDA device through the driver API and hands it work.
 *
 * The library is opened with dlopen, and every function of driver_api.h is looked up by name: a
 * driver that lacks one is too old for Weir and is told so. The kernels are in images that the
 * build embedded (images.h): one fat binary for each .cu, with machine code for the architectures
 * of the Makefile and PTX for later ones; all of them are loaded, and every kernel of kernels.h is
 * found in one of them, when the device is opened, so that a launch cannot fail for want of code.
 *
 * All work goes to one stream, in the order of the calls; copies of experts may go beside it, on a
 * second one. Errors: `fail` records the first one with
 * what was being done; the calls behind it do nothing. Errors of the device itself (a kernel that
 * faulted, a device that went away) leave the context unusable: `lost` stays set until the process
 * ends; errors of a call (no memory, a bad argument) are forgotten by eng_cuda_sync.
 *
 * The context is the device's primary one: it is made current at every entry, so that the device
 * may be used from any thread, one at a time.
 */
#include "engine/cuda/driver_int.h"

#include "engine/cuda/images.h"
#include "engine/cuda/selftest.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER_MIN 12000 /* CUDA version; the images may need a later one (images.h) */

#define SHARED_ALL     (48 << 10)  /* bytes of shared memory of a block without asking */
#define SHARED_UNASKED (30u << 10) /* of them, dynamic ones beside any kernel's own */

static const char *const kernel_names[] = {
#define NAME(name) #name,
    ENG_CUDA_KERNELS(NAME)
#undef NAME
};

/* Whether a context is of no use any more: every error from 700 on happened on the device, but for
 * those of captures and a few that say "not yet". */
static bool is_lost(eng_cu_result r)
{
    return (r >= 700 && r < 800 && r != 704 && r != 705 && r != 708 && r != 712 && r != 713) ||
           r == 214 /* uncorrectable ECC */ || r == 46 /* unavailable */;
}

static enum base_status status_of(eng_cu_result r)
{
    return r == ENG_CU_OUT_OF_MEMORY ? BASE_ENOMEM : BASE_EIO;
}

static const char *error_text(const struct eng_cuda *d, eng_cu_result r)
{
    const char *z = NULL;
    if (d->cu.error_string(r, &z) || !z)
        z = "an error that the driver has no words for";
    return z;
}

bool eng_cuda_fail(struct eng_cuda *d, eng_cu_result r, const char *what)
{
    if (r == ENG_CU_OK)
        return false;
    if (is_lost(r))
        d->lost = true;
    if (d->st == BASE_OK)
        d->st = base_err_set(&d->err, status_of(r), "%s: %s: %s (CUDA error %u)", d->info.name,
                             what, error_text(d, r), r);
    return true;
}

bool eng_cuda_ready(struct eng_cuda *d)
{
    return !d->paper && !d->muted && d->st == BASE_OK &&
           !eng_cuda_fail(d, d->cu.ctx_set(d->ctx), "taking the device");
}

/* ---- the library ---- */

/* Where the emulator is: named by the environment, or beside the program as the build lays it. */
static void *open_emulator(struct base_err *err)
{
    char self[3072], path[4096];
    const char *named = getenv("WEIR_CUDA_LIBRARY");
    if (named && *named) {
        void *lib = dlopen(named, RTLD_NOW | RTLD_LOCAL);
        if (!lib)
            (void)base_err_set(err, BASE_ENOENT, "the emulated device cannot be opened: %s",
                               dlerror());
        return lib;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    static const char *const places[] = {"tests", "../tests"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s/libweir-emu.so", self, places[i]);
        if (access(path, R_OK) == 0) {
            void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
            if (!lib)
                (void)base_err_set(err, BASE_ENOENT, "the emulated device cannot be opened: %s",
                                   dlerror());
            return lib;
        }
    }
    (void)base_err_set(
        err, BASE_ENOENT,
        "there is no emulated device at %s/tests/libweir-emu.so: build it with `make "
        "emulator`, or name it in WEIR_CUDA_LIBRARY",
        self);
    return NULL;
}

static enum base_status open_library(struct eng_cuda *d, struct base_err *err)
{
    if (d->info.emulated) {
        d->lib = open_emulator(err);
        if (!d->lib)
            return BASE_ENOENT;
    } else {
        d->lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!d->lib)
            return base_err_set(err, BASE_ENOENT,
                                "this machine has no NVIDIA driver (libcuda.so.1 was not found)");
    }
    struct {
        const char *symbol;
        void *field;
    } wanted[] = {
#define WANT(field, symbol, args) {#symbol, &d->cu.field},
        ENG_CU_API(WANT)
#undef WANT
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *p = dlsym(d->lib, wanted[i].symbol);
        if (!p)
            return base_err_set(err, BASE_EINVAL, "the NVIDIA driver is too old: it has no %s",
                                wanted[i].symbol);
        memcpy(wanted[i].field, &p, sizeof p);
    }
    return BASE_OK;
}

/* ---- the device ---- */

static enum base_status no_answer(struct eng_cuda *d, eng_cu_result r, const char *what,
                                  struct base_err *err)
{
    return base_err_set(err, status_of(r), "%s: %s (CUDA error %u)", what, error_text(d, r), r);
}

static uint32_t attribute(struct eng_cuda *d, unsigned attr)
{
    int v = 0;
    if (d->cu.device_attr(&v, attr, d->dev) || v < 0)
        v = 0;
    return (uint32_t)v;
}

static enum base_status open_device(struct eng_cuda *d, struct base_err *err)
{
    int n = 0, version = 0;
    eng_cu_result r = d->cu.init(0);
    if (r == ENG_CU_NO_DEVICE || (r == ENG_CU_OK && d->cu.device_count(&n) == ENG_CU_OK && n == 0))
        return base_err_set(err, BASE_ENOENT,
                            "there is an NVIDIA driver, but no device that it can use");
    if (r)
        return no_answer(d, r, "the NVIDIA driver does not start", err);
    r = d->cu.driver_version(&version);
    if (r)
        return no_answer(d, r, "the NVIDIA driver does not say its version", err);
    d->info.driver = (uint32_t)version;
    uint32_t want = d->info.emulated || eng_cuda_images_version < DRIVER_MIN
                        ? DRIVER_MIN
                        : eng_cuda_images_version / 1000 * 1000;
    if (d->info.driver < want)
        return base_err_set(
            err, BASE_EINVAL,
            "the NVIDIA driver is too old: it speaks CUDA %u.%u, this build needs %u.0",
            d->info.driver / 1000, d->info.driver % 1000 / 10, want / 1000);
    if (r == ENG_CU_OK && d->info.ordinal >= (uint32_t)n)
        return base_err_set(err, BASE_ENOENT,
                            "this machine has %d CUDA device%s, so there is none for number %u", n,
                            n == 1 ? "" : "s", d->info.ordinal);
    if ((r = d->cu.device_get(&d->dev, (int)d->info.ordinal)) ||
        (r = d->cu.device_name(d->info.name, sizeof d->info.name, d->dev)) ||
        (r = d->cu.device_memory(&d->info.memory, d->dev)))
        return no_answer(d, r, "the device does not say what it is", err);
    d->info.arch = 10 * attribute(d, ENG_CU_ATTR_MAJOR) + attribute(d, ENG_CU_ATTR_MINOR);
    d->info.n_sm = attribute(d, ENG_CU_ATTR_N_SM);
    d->info.shared_max = attribute(d, ENG_CU_ATTR_SHARED_OPTIN);
    d->info.memory_bytes_s = 2e3 * attribute(d, ENG_CU_ATTR_MEMORY_CLOCK_KHZ) / 8 * /* two a tick */
                             attribute(d, ENG_CU_ATTR_MEMORY_BUS_BITS);
    d->info.pcie_bytes_s =
        eng_cuda_bus(NULL, attribute(d, ENG_CU_ATTR_PCI_DOMAIN), attribute(d, ENG_CU_ATTR_PCI_BUS),
                     attribute(d, ENG_CU_ATTR_PCI_DEVICE));
    if (d->info.arch < ENG_CUDA_ARCH_MIN)
        return base_err_set(err, BASE_EINVAL,
                            "%s has compute capability %u.%u; this build has kernels for %u.%u and "
                            "later",
                            d->info.name, d->info.arch / 10, d->info.arch % 10,
                            ENG_CUDA_ARCH_MIN / 10, ENG_CUDA_ARCH_MIN % 10);
    r = d->cu.ctx_retain(&d->ctx, d->dev);
    if (r) {
        d->ctx = NULL;
        return no_answer(d, r, d->info.name, err);
    }
    r = d->cu.ctx_set(d->ctx);
    for (size_t i = 0; i < ENG_CUDA_FENCES && r == ENG_CU_OK; i++)
        r = d->cu.event_create(&d->fences[i], ENG_CU_EVENT_NO_TIMING);
    if (r || (r = d->cu.event_create(&d->here, ENG_CU_EVENT_NO_TIMING)) ||
        (r = d->cu.stream_create(&d->stream, ENG_CU_STREAM_NON_BLOCKING)) ||
        (r = d->cu.stream_create(&d->beside, ENG_CU_STREAM_NON_BLOCKING)))
        return no_answer(d, r, d->info.name, err);
    return BASE_OK;
}

static enum base_status load_image(struct eng_cuda *d, const char *name, const void *image,
                                   struct base_err *err)
{
    eng_cu_result r = d->cu.module_load(&d->modules[d->n_modules], image);
    if (r == ENG_CU_NO_BINARY_FOR_GPU)
        return base_err_set(err, BASE_EINVAL,
                            "%s has compute capability %u.%u, for which this build has no kernels",
                            d->info.name, d->info.arch / 10, d->info.arch % 10);
    if (r)
        return base_err_set(err, status_of(r),
                            "%s: the kernels of %s do not load: %s (CUDA error %u)", d->info.name,
                            name, error_text(d, r), r);
    d->n_modules++;
    return BASE_OK;
}

static enum base_status load_images(struct eng_cuda *d, struct base_err *err)
{
    enum base_status st = BASE_OK;
    if (!d->info.emulated && eng_cuda_n_images == 0)
        return base_err_set(err, BASE_ENOENT, "this build has no CUDA images: %s",
                            eng_cuda_images_why);
    size_t n = d->info.emulated ? 1 : eng_cuda_n_images;
    d->modules = calloc(n, sizeof *d->modules);
    if (!d->modules)
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu modules", n);
    if (d->info.emulated)
        st = load_image(d, "the emulator", "WEIR-EMU", err);
    else
        for (size_t i = 0; i < n && st == BASE_OK; i++)
            st = load_image(d, eng_cuda_images[i].name, eng_cuda_images[i].data, err);
    if (st)
        return st;
    for (size_t k = 0; k < ENG_CUDA_N_KERNELS; k++) {
        eng_cu_result r = ENG_CU_NOT_FOUND;
        for (size_t i = 0; i < d->n_modules && r == ENG_CU_NOT_FOUND; i++)
            r = d->cu.module_function(&d->kernels[k], d->modules[i], kernel_names[k]);
        if (r)
            return base_err_set(err, status_of(r), "%s: kernel %s: %s (CUDA error %u)",
                                d->info.name, kernel_names[k], error_text(d, r), r);
        /* Asking makes the driver load the kernel now, not at its first launch: that could be
         * within a recording, or when all memory is taken. 48 KiB a block, its own arrays among
         * them, are everybody's; for more the driver wants to be told (eng_cuda_launch). */
        int own = 0;
        if (d->cu.func_get(&own, ENG_CU_FUNC_SHARED_BYTES, d->kernels[k]))
            own = SHARED_ALL;
        uint32_t left = SHARED_ALL - (own > SHARED_ALL ? SHARED_ALL : (uint32_t)own);
        d->max_dynamic[k] = left < SHARED_UNASKED ? left : SHARED_UNASKED;
    }
    return BASE_OK;
}

/* Runs selftest.cu's kernel on small integers, whose sums are exact. */
static enum base_status self_test(struct eng_cuda *d, struct base_err *err)
{
    enum { ROWS = 3, N = 1000 };
    float x[ROWS * N], out[ROWS];
    int32_t what[ROWS];
    enum base_status st = BASE_ENOMEM;
    for (int i = 0; i < ROWS * N; i++)
        x[i] = (float)(i % 7 - 3 + i / N);
    struct weir_selftest_args a = {.n = N};
    void *in = eng_cuda_alloc(d, sizeof x);
    a.x = in;
    a.out = eng_cuda_alloc(d, sizeof out);
    a.what = eng_cuda_alloc(d, sizeof what);
    if (in && a.out && a.what) {
        eng_cuda_upload(d, in, x, sizeof x);
        eng_cuda_launch(d, ENG_CUDA_weir_selftest, (struct eng_cuda_dim){ROWS, 1, 1},
                        (struct eng_cuda_dim){WEIR_SELFTEST_THREADS, 1, 1}, 0, &a, sizeof a);
        eng_cuda_download(d, out, a.out, sizeof out);
        eng_cuda_download(d, what, a.what, sizeof what);
        st = eng_cuda_sync(d, err);
    } else {
        (void)base_err_set(err, st, "%s has no free memory", d->info.name);
    }
    eng_cuda_free(d, in);
    eng_cuda_free(d, a.out);
    eng_cuda_free(d, a.what);
    for (int r = 0; r < ROWS && st == BASE_OK; r++) {
        float sum = 0;
        for (int i = 0; i < N; i++)
            sum += x[r * N + i];
        if (out[r] != sum || what[r] != r)
            st = base_err_set(err, BASE_EINVAL, "%s fails its self test: %g instead of %g",
                              d->info.name, (double)out[r], (double)sum);
    }
    return st;
}

/* What is free once the kernels have their share. */
static enum base_status ask_memory(struct eng_cuda *d, struct base_err *err)
{
    size_t total;
    eng_cu_result r = d->cu.mem_info(&d->info.memory_free, &total);
    return r ? no_answer(d, r, d->info.name, err) : BASE_OK;
}

enum base_status eng_cuda_open(enum eng_cuda_kind kind, uint32_t ordinal, struct eng_cuda **out,
                               struct base_err *err)
{
    *out = NULL;
    struct eng_cuda *d = calloc(1, sizeof *d);
    if (!d)
        return base_err_set(err, BASE_ENOMEM, "no memory for a device");
    d->info.emulated = kind == ENG_CUDA_EMULATED;
    d->info.ordinal = ordinal;
    enum base_status st = open_library(d, err);
    if (st == BASE_OK)
        st = open_device(d, err);
    if (st == BASE_OK)
        st = load_images(d, err);
    if (st == BASE_OK)
        st = self_test(d, err);
    if (st == BASE_OK)
        st = ask_memory(d, err);
    if (st) {
        eng_cuda_close(d);
        return st;
    }
    *out = d;
    return BASE_OK;
}

uint32_t eng_cuda_count(enum eng_cuda_kind kind)
{
    struct eng_cuda d = {.info = {.emulated = kind == ENG_CUDA_EMULATED}};
    struct base_err err;
    int n = 0;
    if (open_library(&d, &err) != BASE_OK || d.cu.init(0) != ENG_CU_OK ||
        d.cu.device_count(&n) != ENG_CU_OK || n < 0)
        return 0;
    return n < ENG_CUDA_DEVICES ? (uint32_t)n : ENG_CUDA_DEVICES;
}

void eng_cuda_close(struct eng_cuda *d)
{
    if (!d)
        return;
    if (d->ctx) {
        (void)d->cu.ctx_set(d->ctx);
        eng_cuda_peers_close(d);
        eng_cuda_arena_close(d);
        for (size_t i = 0; i < d->n_modules; i++)
            (void)d->cu.module_unload(d->modules[i]);
        for (size_t i = 0; i < ENG_CUDA_FENCES; i++)
            if (d->fences[i])
                (void)d->cu.event_destroy(d->fences[i]);
        if (d->beside)
            (void)d->cu.stream_destroy(d->beside);
        if (d->stream)
            (void)d->cu.stream_destroy(d->stream);
        (void)d->cu.ctx_release(d->dev);
    }
    if (d->paper)
        eng_cuda_peers_close(d);
    free(d->arena.live);
    free(d->modules);
    free(d); /* the library stays: drivers start threads of their own */
}

const struct eng_cuda_info *eng_cuda_get_info(const struct eng_cuda *d)
{
    return &d->info;
}

/* ---- memory and copies ---- */

void *eng_cuda_alloc(struct eng_cuda *d, size_t n)
{
    return eng_cuda_alloc_as(d, 0, n);
}

void *eng_cuda_alloc_as(struct eng_cuda *d, uint32_t use, size_t n)
{
    eng_cu_ptr p = 0;
    if (n != 0 && d->arena.base)
        return eng_cuda_arena_take(d, use, n);
    if (n == 0 || !eng_cuda_ready(d))
        return NULL;
    eng_cu_result r = d->cu.mem_alloc(&p, n);
    if (r == ENG_CU_OUT_OF_MEMORY || eng_cuda_fail(d, r, "taking memory"))
        return NULL;
    return (void *)(uintptr_t)p;
}

void eng_cuda_free(struct eng_cuda *d, void *p)
{
    if (p && d->arena.base) {
        eng_cuda_drain(d); /* for all work, as the driver does */
        eng_cuda_arena_give(d, p);
        return;
    }
    if (p && d->cu.ctx_set(d->ctx) == ENG_CU_OK)
        (void)eng_cuda_fail(d, d->cu.mem_free((uintptr_t)p), "giving memory back");
}

void *eng_cuda_host_alloc(struct eng_cuda *d, size_t n)
{
    void *p = NULL;
    if (d->paper)
        return calloc(1, n ? n : 1);
    if (n == 0 || !eng_cuda_ready(d))
        return NULL;
    eng_cu_result r = d->cu.host_alloc(&p, n, ENG_CU_HOST_PORTABLE);
    if (r == ENG_CU_OUT_OF_MEMORY || eng_cuda_fail(d, r, "taking pinned memory"))
        return NULL;
    return p;
}

void eng_cuda_host_free(struct eng_cuda *d, void *p)
{
    if (d->paper)
        free(p);
    else if (p && d->cu.ctx_set(d->ctx) == ENG_CU_OK)
        (void)eng_cuda_fail(d, d->cu.host_free(p), "giving pinned memory back");
}

static void upload(struct eng_cuda *d, eng_cu_stream to_stream, void *to, const void *from,
                   size_t n)
{
    if (n == 0 || !eng_cuda_ready(d))
        return;
    d->calls.copies++;
    d->calls.bytes_up += n;
    (void)eng_cuda_fail(d, d->cu.h2d((uintptr_t)to, from, n, to_stream), "copying to the device");
}

void eng_cuda_upload(struct eng_cuda *d, void *to, const void *from, size_t n)
{
    upload(d, d->stream, to, from, n);
}

void eng_cuda_upload_beside(struct eng_cuda *d, void *to, const void *from, size_t n)
{
    upload(d, d->beside, to, from, n);
}

void eng_cuda_download(struct eng_cuda *d, void *to, const void *from, size_t n)
{
    if (n == 0 || !eng_cuda_ready(d))
        return;
    d->calls.copies++;
    d->calls.bytes_down += n;
    (void)eng_cuda_fail(d, d->cu.d2h(to, (uintptr_t)from, n, d->stream), "copying from the device");
}

void eng_cuda_copy(struct eng_cuda *d, void *to, const void *from, size_t n)
{
    if (n == 0 || !eng_cuda_ready(d))
        return;
    d->calls.copies++;
    (void)eng_cuda_fail(d, d->cu.d2d((uintptr_t)to, (uintptr_t)from, n, d->stream),
                        "copying within the device");
}

void eng_cuda_fill(struct eng_cuda *d, void *to, uint8_t byte, size_t n)
{
    if (n == 0 || !eng_cuda_ready(d))
        return;
    d->calls.copies++;
    (void)eng_cuda_fail(d, d->cu.set_d8((uintptr_t)to, byte, n, d->stream), "filling memory");
}

/* ---- work ---- */

void eng_cuda_launch(struct eng_cuda *d, enum eng_cuda_kernel k, struct eng_cuda_dim grid,
                     struct eng_cuda_dim block, uint32_t shared, const void *args, size_t size)
{
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || !eng_cuda_ready(d))
        return;
    if (shared > d->max_dynamic[k]) {
        if (eng_cuda_fail(d, d->cu.func_set(d->kernels[k], ENG_CU_FUNC_MAX_DYNAMIC, (int)shared),
                          kernel_names[k]))
            return;
        d->max_dynamic[k] = shared;
    }
    /* The arguments as one buffer (CU_LAUNCH_PARAM_BUFFER_POINTER and _SIZE), so that the driver
     * compares its size with the kernel's. */
    void *extra[] = {(void *)1, (void *)(uintptr_t)args, (void *)2, &size, NULL};
    d->calls.launches++;
    (void)eng_cuda_fail(d,
                        d->cu.launch(d->kernels[k], grid.x, grid.y, grid.z, block.x, block.y,
                                     block.z, shared, d->stream, NULL, extra),
                        kernel_names[k]);
}

static eng_cu_stream stream_of(const struct eng_cuda *d, enum eng_cuda_queue queue)
{
    return queue == ENG_CUDA_BESIDE ? d->beside : d->stream;
}

void eng_cuda_fence_in(struct eng_cuda *d, enum eng_cuda_queue queue, uint32_t which)
{
    if (!eng_cuda_ready(d))
        return;
    d->calls.fences++;
    if (!eng_cuda_fail(d, d->cu.event_record(d->fences[which], stream_of(d, queue)),
                       "marking a place"))
        d->fenced[which] = true;
}

void eng_cuda_fence(struct eng_cuda *d, uint32_t which)
{
    eng_cuda_fence_in(d, ENG_CUDA_WORK, which);
}

void eng_cuda_follow(struct eng_cuda *d, enum eng_cuda_queue queue, uint32_t which)
{
    if (!d->fenced[which] || !eng_cuda_ready(d))
        return;
    d->calls.fences++;
    (void)eng_cuda_fail(d, d->cu.stream_wait(stream_of(d, queue), d->fences[which], 0),
                        "waiting for a place");
}

bool eng_cuda_fence_passed(struct eng_cuda *d, uint32_t which)
{
    if (!d->fenced[which])
        return true;
    if (!eng_cuda_ready(d))
        return false;
    d->calls.fences++;
    eng_cu_result r = d->cu.event_query(d->fences[which]);
    return r != ENG_CU_NOT_READY && !eng_cuda_fail(d, r, "asking for a place");
}

void eng_cuda_fence_wait(struct eng_cuda *d, uint32_t which)
{
    if (!d->fenced[which] || !eng_cuda_ready(d))
        return;
    d->calls.waits++;
    (void)eng_cuda_fail(d, d->cu.event_sync(d->fences[which]), "waiting for a place");
}

void eng_cuda_graph_begin(struct eng_cuda *d)
{
    if (eng_cuda_ready(d))
        (void)eng_cuda_fail(d, d->cu.capture_begin(d->stream, ENG_CU_CAPTURE_THREAD_LOCAL),
                            "recording");
}

eng_cu_graph_exec eng_cuda_graph_end(struct eng_cuda *d)
{
    eng_cu_graph g = NULL;
    eng_cu_graph_exec x = NULL;
    /* also after a failure: a capture that stays open would spoil the stream */
    if (eng_cuda_fail(d, d->cu.capture_end(d->stream, &g), "recording") || !g)
        return NULL;
    if (d->st == BASE_OK && eng_cuda_fail(d, d->cu.graph_instantiate(&x, g, 0), "making a graph"))
        x = NULL;
    (void)eng_cuda_fail(d, d->cu.graph_free(g), "making a graph");
    return x;
}

void eng_cuda_graph_run(struct eng_cuda *d, eng_cu_graph_exec g)
{
    if (!eng_cuda_ready(d))
        return;
    d->calls.graphs++;
    (void)eng_cuda_fail(d, d->cu.graph_launch(g, d->stream), "running a graph");
}

void eng_cuda_graph_free(struct eng_cuda *d, eng_cu_graph_exec g)
{
    if (g && d->cu.ctx_set(d->ctx) == ENG_CU_OK)
        (void)eng_cuda_fail(d, d->cu.graph_exec_free(g), "freeing a graph");
}

void eng_cuda_mute(struct eng_cuda *d, bool on)
{
    d->muted = on;
}

bool eng_cuda_current(struct eng_cuda *d)
{
    return d->cu.ctx_set(d->ctx) == ENG_CU_OK;
}

eng_cu_stream eng_cuda_stream(const struct eng_cuda *d)
{
    return d->stream;
}

void *eng_cuda_library(const struct eng_cuda *d)
{
    return d->lib;
}

void eng_cuda_fault(struct eng_cuda *d, bool lost, enum base_status st, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    d->lost = d->lost || lost;
    if (d->st == BASE_OK)
        d->st = base_err_set(&d->err, st, "%s: %s", d->info.name, text);
}

bool eng_cuda_wait(struct eng_cuda *d)
{
    if (eng_cuda_ready(d)) {
        d->calls.waits++;
        (void)eng_cuda_fail(d, d->cu.stream_sync(d->stream), "waiting for the device");
    }
    return d->st == BASE_OK;
}

void eng_cuda_drain(struct eng_cuda *d)
{
    if (d->paper || d->cu.ctx_set(d->ctx) != ENG_CU_OK)
        return;
    eng_cu_result r = d->cu.ctx_sync();
    if (r != ENG_CU_OK && eng_cuda_ready(d))
        (void)eng_cuda_fail(d, r, "waiting for the device");
}

enum base_status eng_cuda_sync(struct eng_cuda *d, struct base_err *err)
{
    (void)eng_cuda_wait(d);
    enum base_status st = d->st;
    if (st && err)
        *err = d->err;
    if (!d->lost)
        d->st = BASE_OK;
    return st;
}

void eng_cuda_get_calls(const struct eng_cuda *d, struct eng_cuda_calls *out)
{
    *out = d->calls;
}

void eng_cuda_count_bytes(struct eng_cuda *d, const struct eng_cuda_calls *more)
{
    d->calls.bytes_up += more->bytes_up;
    d->calls.bytes_down += more->bytes_down;
    d->calls.bytes_peer += more->bytes_peer;
}

bool eng_cuda_lost(const struct eng_cuda *d)
{
    return d->lost;
}
