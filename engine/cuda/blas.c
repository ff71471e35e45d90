/* blas.c - finds cuBLAS and hands it products (blas.h says which and why).
 *
 * The library comes by dlopen, under the names of the CUDA versions whose declarations are the ones
 * of blas_api.h; WEIR_CUBLAS_LIBRARY names another file. The emulated device brings its own
 * (tests/emu/cublas.cpp), in the emulator's library. It stays loaded once it was: it may have
 * threads of its own.
 *
 * cuBLAS numbers its matrices by column. A row-major W [n_out][ldw] is for it a matrix of n_in
 * rows and n_out columns, so y = W x is its W' x: the first operand transposed, the second not.
 */
#include "engine/cuda/blas.h"

#include "engine/cuda/blas_api.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_MIN 120000

struct eng_blas {
    struct eng_cb_api cb;
    struct eng_cuda *d;
    eng_cb_handle h;
    uint32_t version;
    bool room; /* has a workspace */
};

static const char *words_of(eng_cb_status r)
{
    switch (r) {
    case ENG_CB_NOT_INITIALIZED:
        return "not initialised";
    case ENG_CB_ALLOC_FAILED:
        return "out of memory";
    case ENG_CB_INVALID_VALUE:
        return "an argument that it does not take";
    case ENG_CB_ARCH_MISMATCH:
        return "not for this device";
    case ENG_CB_EXECUTION_FAILED:
        return "a kernel failed";
    case ENG_CB_NOT_SUPPORTED:
        return "not supported";
    default:
        return "internal error";
    }
}

static bool fail(struct eng_blas *b, eng_cb_status r, const char *what)
{
    if (r != ENG_CB_OK)
        eng_cuda_fault(b->d, r == ENG_CB_EXECUTION_FAILED,
                       r == ENG_CB_ALLOC_FAILED ? BASE_ENOMEM : BASE_EIO,
                       "cuBLAS, %s: %s (status %u)", what, words_of(r), r);
    return r != ENG_CB_OK;
}

/* A driver runs libraries of its own major version and of earlier ones. */
static void *open_library(const struct eng_cuda *d)
{
    static const struct {
        uint32_t driver;
        const char *file;
    } places[] = {{13000, "libcublas.so.13"},
                  {13000, "/usr/local/cuda/lib64/libcublas.so.13"},
                  {12000, "libcublas.so.12"},
                  {12000, "/usr/local/cuda/lib64/libcublas.so.12"}};
    const struct eng_cuda_info *i = eng_cuda_get_info(d);
    const char *named = getenv("WEIR_CUBLAS_LIBRARY");
    if (named && *named)
        return dlopen(named, RTLD_NOW | RTLD_LOCAL);
    if (i->emulated)
        return eng_cuda_library(d);
    for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
        void *lib =
            i->driver >= places[k].driver ? dlopen(places[k].file, RTLD_NOW | RTLD_LOCAL) : NULL;
        if (lib)
            return lib;
    }
    return NULL;
}

static enum base_status find(struct eng_blas *b, struct base_err *err)
{
    void *lib = open_library(b->d);
    if (!lib)
        return base_err_set(err, BASE_ENOENT,
                            "this machine has no cuBLAS (libcublas.so.13 or .12 was not found)");
    struct {
        const char *symbol;
        void *field;
    } wanted[] = {
#define WANT(field, symbol, args) {#symbol, &b->cb.field},
        ENG_CB_API(WANT)
#undef WANT
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        void *p = dlsym(lib, wanted[i].symbol);
        if (!p)
            return base_err_set(err, BASE_ENOENT, "this machine's cuBLAS is too old: it has no %s",
                                wanted[i].symbol);
        memcpy(wanted[i].field, &p, sizeof(p));
    }
    return BASE_OK;
}

static enum base_status start(struct eng_blas *b, struct base_err *err)
{
    int version = 0;
    const char *what = "starting";
    if (!eng_cuda_current(b->d))
        return base_err_set(err, BASE_EIO, "cuBLAS: the device cannot be used");
    eng_cb_status r = b->cb.create(&b->h);
    if (r != ENG_CB_OK)
        b->h = NULL;
    if (r == ENG_CB_OK)
        r = b->cb.version(b->h, &version);
    if (r == ENG_CB_OK && version < VERSION_MIN)
        return base_err_set(err, BASE_ENOENT,
                            "this machine's cuBLAS is too old: %d.%d, and 12.0 is needed",
                            version / 10000, version / 100 % 100);
    b->version = (uint32_t)version;
    if (r == ENG_CB_OK) {
        what = "setting it up";
        r = b->cb.stream(b->h, eng_cuda_stream(b->d));
    }
    if (r == ENG_CB_OK)
        r = b->cb.math(b->h, ENG_CB_MATH_FULL_SUMS);
    if (r == ENG_CB_OK)
        r = b->cb.atomics(b->h, ENG_CB_NO_ATOMICS);
    if (r != ENG_CB_OK)
        return base_err_set(err, r == ENG_CB_ALLOC_FAILED ? BASE_ENOMEM : BASE_EIO,
                            "cuBLAS, %s: %s (status %u)", what, words_of(r), r);
    return BASE_OK;
}

enum base_status eng_blas_open(struct eng_cuda *d, struct eng_blas **out, struct base_err *err)
{
    *out = NULL;
    struct eng_blas *b = calloc(1, sizeof(*b));
    if (!b)
        return base_err_set(err, BASE_ENOMEM, "out of memory for cuBLAS");
    b->d = d;
    enum base_status st = find(b, err);
    if (st == BASE_OK)
        st = start(b, err);
    if (st == BASE_OK)
        *out = b;
    else
        eng_blas_close(b);
    return st;
}

void eng_blas_close(struct eng_blas *b)
{
    if (!b)
        return;
    if (b->h && eng_cuda_current(b->d))
        (void)b->cb.destroy(b->h);
    free(b);
}

uint32_t eng_blas_version(const struct eng_blas *b)
{
    return b->version;
}

size_t eng_blas_workspace_bytes(const struct eng_cuda_info *i)
{
    return (size_t)(i->arch >= 90 ? 32 : 8) << 20; /* as NVIDIA's documentation advises, and more */
}

void eng_blas_workspace(struct eng_blas *b, void *p, size_t n)
{
    if (!fail(b, b->cb.workspace(b->h, p, n), "its workspace"))
        b->room = true;
}

void eng_blas_multiply(struct eng_blas *b, const struct eng_blas_product *j)
{
    const float beta = j->add ? 1 : 0;
    const unsigned type = j->bf16 ? ENG_CB_BF16 : ENG_CB_F16;
    unsigned op = ENG_CB_OP_T;
    int ldw = (int)j->ldw;
#if defined(WEIR_BUG_90) /* a matrix's rows taken to be as long as they are used */
    ldw = (int)j->n_in;
#endif
#if defined(WEIR_BUG_91) /* the matrix not turned round */
    op = ENG_CB_OP_N;
#endif
    if (!eng_cuda_ready(b->d))
        return;
    if (!b->room || !j->n_out || !j->n_in || !j->n_rows || j->n_out > INT_MAX ||
        j->n_in > INT_MAX || j->n_rows > INT_MAX || j->ldw > INT_MAX || j->ldx > INT_MAX ||
        j->ldy > INT_MAX) {
        eng_cuda_fault(b->d, false, BASE_EBUG, "cuBLAS, a product of %u by %u for %u rows%s",
                       j->n_out, j->n_in, j->n_rows, b->room ? "" : ", and no workspace");
        return;
    }
    (void)fail(b,
               b->cb.gemm(b->h, op, ENG_CB_OP_N, (int)j->n_out, (int)j->n_rows, (int)j->n_in,
                          &j->alpha, j->w, type, ldw, j->x, type, (int)j->ldx, &beta, j->y,
                          ENG_CB_F32, (int)j->ldy, ENG_CB_COMPUTE_F32, ENG_CB_ALGO_DEFAULT),
               "a product");
}

uint32_t eng_blas_from(uint32_t arch, enum eng_pack_form form)
{
    if (form == ENG_FORM_F32)
        return 0;
    if (form == ENG_FORM_F16 || form == ENG_FORM_BF16)
        return ENG_BLAS_FROM_PLAIN;
    return arch == 90 || arch == 100 || arch == 103 ? 256 : arch == 80 ? 640 : 0;
}
