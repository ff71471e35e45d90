/* cublas.cpp - a cuBLAS of our own for the emulated device: the functions of
 * engine/cuda/blas_api.h, exported by the same library as the driver's.
 *
 * Products run in their stream's order, late as launches are, and are checked when they run: every
 * matrix in one living piece of device memory, no output over an input or over the workspace, the
 * workspace alive. A product overwrites the whole workspace with numbers that are none, as one that
 * splits its sums may. What a correct Weir never asks for ends the program with a message, where
 * cuBLAS would return an error, be slow or compute something else: leading dimensions that are too
 * short, rows that are not aligned to 16 bytes, no workspace, a call during capture. Types and
 * modes that it does not implement are NOT_SUPPORTED. Sums are f32, in eight parts along the row.
 *
 * WEIR_EMU_CUBLAS: "none": no handle can be made; "old": it says that it is 11.5.
 */
#include "emu_int.h"
#include "engine/cuda/blas_api.h"
#include "engine/cuda/device.cuh"

#include <set>
#include <stdlib.h>
#include <string.h>

struct cublasContext {
    CUstream_st *stream;
    unsigned char *workspace;
    size_t workspace_n;
    unsigned atomics, math;
};

namespace
{

struct product {
    unsigned transa, transb, type;
    int64_t m, n, k, lda, ldb, ldc;
    const uint16_t *a, *b;
    float *c, alpha, beta;
    unsigned char *workspace;
    size_t workspace_n;
};

float wide(unsigned type, uint16_t v)
{
    return type == ENG_CB_BF16 ? weir_b2f(v) : weir_h2f(v);
}

void want(const void *p, int64_t n, const char *what)
{
    if (!emu_is_device(p, (size_t)n))
        emu_die("cublasGemmEx: %lld bytes of %s at %p are not one living piece of device memory",
                (long long)n, what, p);
}

bool meet(const void *p, int64_t n, const void *q, int64_t m)
{
    const char *x = static_cast<const char *>(p), *y = static_cast<const char *>(q);
    return x < y + m && y < x + n;
}

/* Bytes from the first to the last value of a matrix of so many columns. */
int64_t span(int64_t rows, int64_t columns, int64_t ld, int64_t size)
{
    return ((columns - 1) * ld + rows) * size;
}

void run(const product *p)
{
    bool ta = p->transa == ENG_CB_OP_T, tb = p->transb == ENG_CB_OP_T;
    int64_t na = ta ? span(p->k, p->m, p->lda, 2) : span(p->m, p->k, p->lda, 2);
    int64_t nb = tb ? span(p->n, p->k, p->ldb, 2) : span(p->k, p->n, p->ldb, 2);
    int64_t nc = span(p->m, p->n, p->ldc, 4);
    want(p->a, na, "A");
    want(p->b, nb, "B");
    want(p->c, nc, "C");
    want(p->workspace, (int64_t)p->workspace_n, "the workspace");
    if (meet(p->c, nc, p->a, na) || meet(p->c, nc, p->b, nb))
        emu_die("cublasGemmEx: C lies over A or B");
    const void *all[] = {p->a, p->b, p->c};
    int64_t bytes[] = {na, nb, nc};
    for (int i = 0; i < 3; i++)
        if (meet(all[i], bytes[i], p->workspace, (int64_t)p->workspace_n))
            emu_die("cublasGemmEx: %c lies in the workspace", 'A' + i);
    memset(p->workspace, 0xff, p->workspace_n);
    std::vector<float> column((size_t)p->k), row((size_t)(p->k * p->m));
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t l = 0; l < p->k; l++)
            row[(size_t)(i * p->k + l)] =
                wide(p->type, ta ? p->a[i * p->lda + l] : p->a[l * p->lda + i]);
    for (int64_t j = 0; j < p->n; j++) {
        for (int64_t l = 0; l < p->k; l++)
            column[(size_t)l] = wide(p->type, tb ? p->b[l * p->ldb + j] : p->b[j * p->ldb + l]);
        for (int64_t i = 0; i < p->m; i++) {
            const float *x = row.data() + i * p->k;
            float part[8] = {}, sum = 0;
            for (int64_t l = 0; l < p->k; l++)
                part[l % 8] += x[l] * column[(size_t)l];
            for (float v : part)
                sum += v;
            float *c = p->c + j * p->ldc + i;
            *c = p->beta == 0 ? p->alpha * sum : p->alpha * sum + p->beta * *c;
        }
    }
}

bool is(const char *name, const char *value)
{
    const char *z = getenv(name);
    return z && !strcmp(z, value);
}

/* Those of a lost device are never destroyed: its owner ends. Nor is the set. */
std::set<eng_cb_handle> &handles = *new std::set<eng_cb_handle>;

} // namespace

#pragma GCC visibility push(default)
extern "C" {
#define DECLARE(field, symbol, args) eng_cb_status symbol args;
ENG_CB_API(DECLARE)

eng_cb_status cublasCreate_v2(eng_cb_handle *h)
{
    if (is("WEIR_EMU_CUBLAS", "none"))
        return ENG_CB_NOT_INITIALIZED;
    *h = new cublasContext();
    (*h)->atomics = 1;
    handles.insert(*h);
    return ENG_CB_OK;
}

eng_cb_status cublasDestroy_v2(eng_cb_handle h)
{
    handles.erase(h);
    delete h;
    return ENG_CB_OK;
}

eng_cb_status cublasGetVersion_v2(eng_cb_handle, int *version)
{
    *version = is("WEIR_EMU_CUBLAS", "old") ? 110500 : 130000;
    return ENG_CB_OK;
}

/* As the library's: takes the workspace away. */
eng_cb_status cublasSetStream_v2(eng_cb_handle h, struct CUstream_st *s)
{
    h->stream = s;
    h->workspace = nullptr;
    h->workspace_n = 0;
    return ENG_CB_OK;
}

eng_cb_status cublasSetWorkspace_v2(eng_cb_handle h, void *p, size_t n)
{
    if (reinterpret_cast<uintptr_t>(p) % 256)
        return ENG_CB_INVALID_VALUE;
    h->workspace = static_cast<unsigned char *>(p);
    h->workspace_n = n;
    return ENG_CB_OK;
}

eng_cb_status cublasSetMathMode(eng_cb_handle h, unsigned mode)
{
    h->math = mode;
    return mode == ENG_CB_MATH_FULL_SUMS ? ENG_CB_OK : ENG_CB_NOT_SUPPORTED;
}

eng_cb_status cublasSetAtomicsMode(eng_cb_handle h, unsigned mode)
{
    h->atomics = mode;
    return ENG_CB_OK;
}

eng_cb_status cublasGemmEx(eng_cb_handle h, unsigned transa, unsigned transb, int m, int n, int k,
                           const void *alpha, const void *a, unsigned atype, int lda, const void *b,
                           unsigned btype, int ldb, const void *beta, void *c, unsigned ctype,
                           int ldc, unsigned compute, int algo)
{
    if (!h)
        return ENG_CB_NOT_INITIALIZED;
    if (atype != btype || (atype != ENG_CB_F16 && atype != ENG_CB_BF16) || ctype != ENG_CB_F32 ||
        compute != ENG_CB_COMPUTE_F32 || algo != ENG_CB_ALGO_DEFAULT)
        return ENG_CB_NOT_SUPPORTED;
    if (transa > ENG_CB_OP_T || transb > ENG_CB_OP_T || m <= 0 || n <= 0 || k <= 0)
        return ENG_CB_INVALID_VALUE;
    if (h->atomics || h->math != ENG_CB_MATH_FULL_SUMS)
        emu_die("cublasGemmEx: sums whose order, or precision, may change");
    if (lda < (transa ? k : m) || ldb < (transb ? n : k) || ldc < m)
        emu_die("cublasGemmEx: %d by %d by %d with leading dimensions %d, %d and %d", m, n, k, lda,
                ldb, ldc);
    if (reinterpret_cast<uintptr_t>(a) % 16 || reinterpret_cast<uintptr_t>(b) % 16 || lda % 8 ||
        ldb % 8 || reinterpret_cast<uintptr_t>(c) % 4)
        emu_die("cublasGemmEx: rows that are not aligned (leading dimensions %d and %d)", lda, ldb);
    if (!h->workspace)
        emu_die("cublasGemmEx: no workspace: the library would take memory of its own");
    product p = {transa,
                 transb,
                 atype,
                 m,
                 n,
                 k,
                 lda,
                 ldb,
                 ldc,
                 static_cast<const uint16_t *>(a),
                 static_cast<const uint16_t *>(b),
                 static_cast<float *>(c),
                 *static_cast<const float *>(alpha),
                 *static_cast<const float *>(beta),
                 h->workspace,
                 h->workspace_n};
    return emu_library_work(h->stream, "cublasGemmEx", [p] { run(&p); }) ? ENG_CB_EXECUTION_FAILED
                                                                         : ENG_CB_OK;
}
}
#pragma GCC visibility pop
