/* Goal: dense products by way of cuBLAS are right: matrices of every form unpacked or as they are,
 * activations in planes, bias, factors and activation functions behind; whole models give the same
 * logits to rounding, and what decodes does not change by a bit; what is wrong with a library is
 * one sentence; the emulated cuBLAS finds what docs/cuda.md says it finds.
 * Method: plain C in double; the emulated cuBLAS (on hardware the machine's own, and the parts that
 * are about faults are left out).
 */
#include "tests/unit/engine_cuda_products.h"
#include "tests/unit/engine_fixture.h"

#include "engine/cuda/blas.h"
#include "engine/cuda/blas_rows.h"

#include <sys/wait.h>

static struct eng_blas *blas;
static void *workspace;

static void blas_start(void)
{
    struct base_err err = {0};
    size_t n = eng_blas_workspace_bytes(eng_cuda_get_info(dev));
    if (eng_blas_open(dev, &blas, &err))
        fail_msg("%s", err.text);
    workspace = cuda_put(NULL, n);
    eng_blas_workspace(blas, workspace, n);
}

static void blas_stop(void)
{
    eng_blas_close(blas);
    cuda_drop(workspace);
}

/* ---- one product ---- */

struct plain {
    float *x, *dev_x, *factor;
    uint16_t *q;
    struct weir_plain_args a;
};

static struct plain make_plain(uint32_t rows, uint32_t n_in, uint32_t planes, bool bf16, float size)
{
    cuda_case(rows, "ragged");
    struct plain p = {.x = cuda_floats((size_t)rows * n_in, size)};
    uint32_t ld = (n_in + 31) / 32 * 32;
    for (uint32_t i = 0; i < n_in && rows > 2; i++) { /* rows that halves do not hold as they are */
        p.x[n_in + i] *= 1e7f;
        p.x[2 * n_in + i] *= 1e-9f;
    }
    p.dev_x = cuda_put(p.x, (size_t)rows * n_in * sizeof(float));
    p.factor = cuda_put(NULL, rows * sizeof(float));
    p.q = cuda_put(NULL, (size_t)planes * rows * ld * 2);
    p.a = (struct weir_plain_args){.x = p.dev_x,
                                   .q = p.q,
                                   .factor = bf16 ? NULL : p.factor,
                                   .rows = rows,
                                   .n_in = n_in,
                                   .ld = ld,
                                   .planes = planes,
                                   .bf16 = bf16};
    eng_cuda_plain(dev, &p.a);
    return p;
}

static void drop_plain(struct plain *p)
{
    free(p->x);
    cuda_drop(p->dev_x);
    cuda_drop(p->factor);
    cuda_drop(p->q);
}

/* y as ops_blas.c makes it, the matrix unpacked in parts of `each` row groups. */
static void multiply(const struct weights *w, const struct plain *x, uint32_t n_out, float *y,
                     uint32_t ldy, uint32_t each)
{
    const struct eng_pack *p = &w->pack;
    bool as_is = p->form == ENG_FORM_F16 || p->form == ENG_FORM_BF16;
    uint32_t ld = p->units * (as_is ? 32 : 64);
    uint16_t *tile = as_is ? NULL : cuda_put(NULL, (size_t)each * 16 * ld * 2);
    for (uint32_t at = 0; at < p->groups; at += each) {
        uint32_t n = p->groups - at < each ? p->groups - at : each;
        struct weir_unpack_args u = {.w = w->device,
                                     .out = tile,
                                     .group_bytes = p->group_bytes,
                                     .group0 = at,
                                     .groups = n,
                                     .units = p->units,
                                     .ld = ld};
        if (!as_is)
            eng_cuda_unpack(dev, p->form, &u);
        struct eng_blas_product j = {.w = as_is ? (void *)(w->device + (size_t)at * p->group_bytes)
                                                : tile,
                                     .y = y + 16 * at,
                                     .n_out = n_out - 16 * at < 16 * n ? n_out - 16 * at : 16 * n,
                                     .n_in = p->n_in,
                                     .n_rows = x->a.rows,
                                     .ldw = ld,
                                     .ldx = x->a.ld,
                                     .ldy = ldy,
                                     .alpha = as_is || x->a.bf16 ? 1 : 1 / WEIR_BLAS_UP,
                                     .bf16 = x->a.bf16};
        for (uint32_t k = 0; k < x->a.planes; k++) {
            j.x = x->q + (size_t)k * x->a.rows * x->a.ld;
            j.add = k > 0;
            eng_blas_multiply(blas, &j);
        }
    }
    if (tile)
        cuda_drop(tile);
}

/* What rounding weights and activations may change, of the sum of |w| by the largest |x|. */
static double step_of(enum eng_pack_form form, uint32_t planes)
{
    bool bf16 = eng_cuda_plain_bf16(form), as_is = form == ENG_FORM_F16 || form == ENG_FORM_BF16;
    double x = ldexp(1, bf16 ? -8 * (int)planes : -11 * (int)planes);
    return x + (bf16 || as_is ? 0 : ldexp(1, -11)) + 2e-6;
}

static double largest(const float *x, uint32_t n)
{
    double max = 0;
    for (uint32_t i = 0; i < n; i++)
        max = fmax(max, fabs((double)x[i]));
    return max;
}

static void one(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t rows, uint32_t planes,
                uint32_t each, bool bias)
{
    struct weights w = make_weights(type, n_in, n_out, 1, false, bias);
    struct plain x = make_plain(rows, n_in, planes, eng_cuda_plain_bf16(w.pack.form), 2);
    uint32_t ldy = n_out + 3;
    float *y = malloc((size_t)rows * ldy * sizeof(float));
    float *dy = cuda_put(NULL, (size_t)rows * ldy * sizeof(float));
    assert_non_null(y);
    cuda_case(rows, "ragged");
    multiply(&w, &x, n_out, dy, ldy, each);
    struct weir_finish_args e = {.y = dy,
                                 .factor = x.a.factor,
                                 .bias = w.dev_bias[0],
                                 .scale = w.dev_scale[0],
                                 .rows = rows,
                                 .n_out = n_out,
                                 .ldy = ldy};
    eng_cuda_finish(dev, &e);
    cuda_get(y, dy, ((size_t)rows * ldy - 3) * sizeof(float));
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t o = 0; o < n_out; o++) {
            const float *row = x.x + (size_t)r * n_in;
            double slack, want = dot(&w, 0, 0, o, row, &slack);
            double room = slack * fmax(largest(row, n_in), 1e-3) * step_of(w.pack.form, planes);
            float got = y[(size_t)r * ldy + o];
            if (!(fabs((double)got - want) <= room))
                fail_msg("%s %u x %u, %u rows, %u planes: [%u][%u] is %.9g, not %.9g within %.3g",
                         eng_type_name(type), n_out, n_in, rows, planes, r, o, (double)got, want,
                         room);
        }
    free(y);
    cuda_drop(dy);
    drop_plain(&x);
    drop_weights(&w);
}

static uint32_t turn;

static void every_form_once(void)
{
    static const uint32_t outs[] = {37, 16, 130}, rows[] = {5, 33, 1};
    blas_start();
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t block = eng_type_info(TYPES[i])->block_values, k = (turn + (uint32_t)i) % 3;
        uint32_t n_in = block == 1 ? 100 : block == 32 ? 96 : 3 * block;
        if (TYPES[i] != ENG_F32)
            one(TYPES[i], n_in, outs[k], rows[k], 1 + k % 2, 1 + k, k == 1);
    }
    one(ENG_BF16, 421, 50, 7, 3, 100, false);
    blas_stop();
    turn++;
}

static void every_form(void **state)
{
    (void)state;
    cuda_seeds(5, every_form_once);
}

/* A norm before, and the rows as they are after it. */
static void norms(void **state)
{
    enum { ROWS = 4, N = 100 };
    (void)state;
    float *x = cuda_floats(ROWS * N, 30), *w = cuda_floats(N, 1), y[ROWS * N];
    uint16_t q[2 * ROWS * 128];
    float factor[ROWS], *dx = cuda_put(x, ROWS * N * 4), *dw = cuda_put(w, N * 4);
    float *dy = cuda_put(NULL, sizeof y), *df = cuda_put(NULL, sizeof factor);
    uint16_t *dq = cuda_put(NULL, sizeof q);
    struct weir_plain_args a = {.x = dx,
                                .norm = dw,
                                .y = dy,
                                .q = dq,
                                .factor = df,
                                .rows = ROWS,
                                .n_in = N,
                                .ld = 128,
                                .planes = 2,
                                .eps = 1e-5f};
    eng_cuda_plain(dev, &a);
    cuda_get(y, dy, sizeof y);
    cuda_get(q, dq, sizeof q);
    cuda_get(factor, df, sizeof factor);
    for (uint32_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (uint32_t i = 0; i < N; i++)
            sum += (double)x[r * N + i] * (double)x[r * N + i];
        for (uint32_t i = 0; i < 128; i++) {
            float both = eng_f16_to_f32(q[r * 128 + i]) + eng_f16_to_f32(q[(ROWS + r) * 128 + i]);
            double want = i < N ? (double)x[r * N + i] / sqrt(sum / N + 1e-5) * (double)w[i] : 0;
            cuda_near(both * factor[r], (float)want, 1e-6f, "planes", i);
            if (i < N)
                cuda_near(y[r * N + i], (float)want, 1e-6f, "y", i);
        }
    }
    free(x);
    free(w);
    cuda_drop(dx);
    cuda_drop(dw);
    cuda_drop(dy);
    cuda_drop(df);
    cuda_drop(dq);
}

static double activated(uint32_t act, double g, double u)
{
    if (act == WEIR_ACT_SILU)
        return g / (1 + exp(-g)) * u;
    if (act == WEIR_ACT_GELU)
        return 0.5 * g * (1 + tanh(0.7978845608 * (g + 0.044715 * g * g * g))) * u;
    g = fmin(g, 7);
    u = fmax(-7, fmin(u, 7));
    return g / (1 + exp(-1.702 * g)) * (u + 1);
}

static void pair(uint32_t type, uint32_t act, bool bias, uint32_t rows)
{
    enum { N_IN = 96, N_OUT = 21 };
    struct weights w = make_weights(type, N_IN, N_OUT, 1, true, bias);
    struct plain x = make_plain(rows, N_IN, 2, false, 0.2f);
    uint32_t ld = w.pack.groups * 16;
    float h[64 * N_OUT], *dh = cuda_put(NULL, sizeof h);
    float *sum = cuda_put(NULL, (size_t)rows * ld * sizeof(float));
    multiply(&w, &x, ld, sum, ld, 2);
    struct weir_pair_args a = {.x = sum,
                               .h = dh,
                               .factor = x.factor,
                               .bias = w.dev_bias[0],
                               .bias_up = w.dev_bias[1],
                               .scale = w.dev_scale[0],
                               .scale_up = w.dev_scale[1],
                               .rows = rows,
                               .n_out = N_OUT,
                               .ldx = ld,
                               .act = act};
    eng_cuda_pair(dev, &a);
    cuda_get(h, dh, sizeof h);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t o = 0; o < N_OUT && (r != 1 || rows < 3);
             o++) { /* else row 1 is beyond all bounds */
            double s1, s2, g = dot(&w, 0, 0, o, x.x + r * N_IN, &s1);
            double u = dot(&w, 1, 0, o, x.x + r * N_IN, &s2), want = activated(act, g, u);
            double room = 2e-3 * (1 + fabs(g) + fabs(u)) * 0.2 * fmax(s1, s2);
            cuda_near(h[r * N_OUT + o], (float)want, (float)room, "h", r * N_OUT + o);
        }
    cuda_drop(sum);
    cuda_drop(dh);
    drop_plain(&x);
    drop_weights(&w);
}

static void pairs(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 2, 8, 16, 64};
    blas_start();
    pair(ENG_Q8_0, WEIR_ACT_OAI, true, 9);
    pair(ENG_Q4_0, WEIR_ACT_GELU, true, 9);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pair(ENG_F16, WEIR_ACT_SILU, false, rows[i]);
        one(ENG_F16, 40, 19, rows[i], 1, 1, true);
    }
    blas_stop();
    float *one_float = cuda_put(NULL, sizeof(float)); /* no rows: nothing is launched */
    eng_cuda_plain(dev, &(struct weir_plain_args){.n_in = 16, .ld = 32, .planes = 1});
    eng_cuda_finish(dev, &(struct weir_finish_args){.factor = one_float, .n_out = 16});
    eng_cuda_pair(dev, &(struct weir_pair_args){.n_out = 16});
    struct base_err err = {0};
    if (eng_cuda_sync(dev, &err))
        fail_msg("%s", err.text);
    cuda_drop(one_float);
    cuda_case_none("weir_plain");
    cuda_case_none("weir_finish");
    cuda_case_none("weir_pair");
}

/* A matrix that lies far behind the beginning of its array. */
static void unpack_far(uint32_t type)
{
    struct weights w = make_weights(type, 256, 20, 1, false, false);
    struct eng_pack *p = &w.pack;
    uint32_t ld = p->units * 64, far = (uint32_t)((5ull << 31) / p->group_bytes);
    size_t n = (size_t)p->groups * 16 * ld * 2;
    uint8_t *got[2] = {malloc(n), malloc(n)};
    product_case(256, 20, 16 * p->groups, "far");
    for (int i = 0; i < 2; i++) {
        void *out = cuda_put(NULL, n);
        struct weir_unpack_args u = {
            .w = (const uint8_t *)((uintptr_t)w.device - (i ? far * p->group_bytes : 0)),
            .out = out,
            .group_bytes = p->group_bytes,
            .group0 = i ? far : 0,
            .groups = p->groups,
            .units = p->units,
            .ld = ld};
        eng_cuda_unpack(dev, p->form, &u);
        cuda_get(got[i], out, n);
        cuda_drop(out);
    }
    assert_memory_equal(got[0], got[1], n);
    free(got[0]);
    free(got[1]);
    drop_weights(&w);
}

static void far_once(void)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (TYPES[i] != ENG_F32 && TYPES[i] != ENG_F16 && TYPES[i] != ENG_BF16)
            unpack_far(TYPES[i]);
}

static void past_two_gigabytes(void **state)
{
    (void)state;
    cuda_seeds(5, far_once);
}

/* ---- whole models ---- */

enum { PROMPT = 40, MORE = 6, SEQS = 20 };

static struct eng_model *open_with(const char *path, enum eng_cublas cublas,
                                   enum eng_activations activations, uint32_t from)
{
    struct base_err err = {0};
    struct eng_model *m;
    struct eng_model_opts o = {.device = cuda_on_hardware() ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED,
                               .n_threads = 1,
                               .activations = activations,
                               .kv_f32 = true,
                               .cublas = cublas,
                               .cublas_from = from};
    if (eng_model_open(path, &o, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

/* A prompt, in slices of `slice`, then steps of one token; all logits. */
static float *long_prompt(struct eng_model *m, uint32_t slice)
{
    size_t v = eng_model_get_info(m)->n_vocab;
    struct eng_cache *c = new_cache(m, 1, 128);
    float *out = malloc((PROMPT + MORE) * v * sizeof(float));
    int32_t tokens[PROMPT + MORE];
    assert_non_null(out);
    for (int i = 0; i < PROMPT + MORE; i++)
        tokens[i] = 3 + i * 37 % 200;
    for (uint32_t at = 0; at < PROMPT + MORE;) {
        uint32_t n = at >= PROMPT ? 1 : PROMPT - at < slice ? PROMPT - at : slice;
        forward(m, c, (struct eng_batch){.n = n, .tokens = tokens + at}, out + at * v);
        at += n;
    }
    eng_cache_free(c);
    return out;
}

/* A token of each of many sequences a step: no prompt, however many they are. */
static float *many_decode(struct eng_model *m)
{
    size_t v = eng_model_get_info(m)->n_vocab;
    struct eng_cache *c = new_cache(m, SEQS, 64);
    float *out = malloc(3 * SEQS * v * sizeof(float));
    int32_t tokens[SEQS];
    uint32_t seqs[SEQS];
    assert_non_null(out);
    for (int s = 0; s < 3; s++) {
        for (int i = 0; i < SEQS; i++) {
            tokens[i] = 5 + (i * 11 + s) % 200;
            seqs[i] = (uint32_t)i;
        }
        forward(m, c, (struct eng_batch){.n = SEQS, .tokens = tokens, .seqs = seqs},
                out + (size_t)s * SEQS * v);
    }
    eng_cache_free(c);
    return out;
}

static void model(const char *sub, const char *name, enum eng_activations activations, double bound)
{
    char path[300];
    struct fixture f;
    char dir[200];
    snprintf(dir, sizeof dir, "%s/%s", far_dir(), sub);
    if (!fixture_open(&f, dir, name)) {
        printf("skipped: %s/%s (set WEIR_FIXTURES)\n", dir, name);
        return;
    }
    size_t n = (size_t)(PROMPT + MORE) * f.n_vocab, m = (size_t)3 * SEQS * f.n_vocab;
    fixture_close(&f);
    snprintf(path, sizeof path, "%s/%s.gguf", dir, name);
    struct eng_model *off = open_with(path, ENG_CUBLAS_OFF, activations, 16);
    struct eng_model *on = open_with(path, ENG_CUBLAS_REQUIRED, activations, 16);
    float *a = long_prompt(off, PROMPT), *b = long_prompt(on, PROMPT), *c = long_prompt(on, 19);
    assert_string_equal(eng_model_cublas(off), "off");
    assert_non_null(strstr(eng_model_cublas(on), "cuBLAS 1"));
    if (!memcmp(a, b, n * sizeof(float)))
        fail_msg("%s: cuBLAS has done nothing", name);
    if (!(nmse(b, a, n) <= bound))
        fail_msg("%s: nmse %g of cuBLAS's products", name, nmse(b, a, n));
    if (!(nmse(c, b, n) <= bound)) /* other slices; the last, of two tokens, is the own kernels' */
        fail_msg("%s: nmse %g between slices", name, nmse(c, b, n));
    free(a);
    free(b);
    free(c);
    a = many_decode(off);
    b = many_decode(on);
    assert_memory_equal(a, b, m * sizeof(float));
    free(a);
    free(b);
    eng_model_free(off);
    eng_model_free(on);
}

static void models(void **state)
{
    (void)state;
    model("models", "llama-f16-tied-ropefreqs", ENG_ACTIVATIONS_INT16, 1e-10);
    model("models", "llama-f16-tied-ropefreqs", ENG_ACTIVATIONS_INT8, 2e-6);
    model("quant_models", "q-llama-Q8_0", ENG_ACTIVATIONS_INT8, 2e-6);
    if (!getenv("WEIR_CUDA_ALL"))
        return;
    model("quant_models", "q-llama-Q4_K_M", ENG_ACTIVATIONS_INT8, 2e-6);
    model("quant_models", "q-llama-Q6_K", ENG_ACTIVATIONS_INT8, 2e-6);
    model("quant_models", "q-llama-Q4_0", ENG_ACTIVATIONS_INT8, 2e-6);
}

/* ---- faults ---- */

static void cannot(const char *name, const char *value, const char *says)
{
    struct base_err err = {0};
    struct eng_blas *b = NULL;
    setenv(name, value, 1);
    assert_int_not_equal(eng_blas_open(dev, &b, &err), BASE_OK);
    unsetenv(name);
    assert_null(b);
    if (!strstr(err.text, says))
        fail_msg("%s", err.text);
}

static void what_is_missing(void **state)
{
    (void)state;
    struct base_err err = {0};
    struct eng_model *m = NULL;
    struct eng_model_opts o = {
        .device = ENG_DEVICE_EMULATED, .n_threads = 1, .cublas = ENG_CUBLAS_REQUIRED};
    cannot("WEIR_CUBLAS_LIBRARY", "/nowhere/libcublas.so", "this machine has no cuBLAS");
    cannot("WEIR_CUBLAS_LIBRARY", "libm.so.6", "too old: it has no cublasCreate_v2");
    cannot("WEIR_EMU_CUBLAS", "old", "cuBLAS is too old: 11.5, and 12.0 is needed");
    cannot("WEIR_EMU_CUBLAS", "none", "not initialised (status 1)");
    setenv("WEIR_EMU_CUBLAS", "old", 1);
    assert_int_not_equal(eng_model_open(NEAR_DIR "/llama.gguf", &o, &m, &err), BASE_OK);
    assert_null(m);
    assert_non_null(
        strstr(err.text, "cublas is \"required\", but this machine's cuBLAS is too old"));
    o.cublas = ENG_CUBLAS_AUTO;
    assert_int_equal(eng_model_open(NEAR_DIR "/llama.gguf", &o, &m, &err), BASE_OK);
    assert_non_null(strstr(eng_model_cublas(m), "too old"));
    eng_model_free(m);
    unsetenv("WEIR_EMU_CUBLAS");
}

static void fault(uint32_t what)
{
    enum { N = 64 };
    uint16_t *w = cuda_put(NULL, N * N * 2), *x = cuda_put(NULL, N * N * 2);
    float *y = cuda_put(NULL, N * N * 4);
    struct eng_blas_product j = {.w = w,
                                 .x = x,
                                 .y = y,
                                 .n_out = N,
                                 .n_in = N,
                                 .n_rows = N,
                                 .ldw = N,
                                 .ldx = N,
                                 .ldy = N,
                                 .alpha = 1};
    if (what != 5)
        blas_start();
    switch (what) {
    case 0:
        j.ldw = N - 8;
        break;
    case 1: /* the last row ends past the matrix */
        j.ldw = N + 8;
        break;
    case 2:
        j.w = w + 1;
        j.n_out--;
        break;
    case 3:
        j.y = (float *)(void *)x;
        j.n_rows = 2;
        break;
    case 4:
        cuda_drop(workspace);
        break;
    case 5: {
        struct base_err err = {0};
        if (eng_blas_open(dev, &blas, &err))
            _exit(1);
        eng_blas_multiply(blas, &j);
        enum base_status st = eng_cuda_sync(dev, &err);
        fprintf(stderr, "%s\n", err.text);
        _exit(st == BASE_EBUG ? 99 : 2);
    }
    case 6:
        eng_cuda_graph_begin(dev);
        break;
    case 7:
        j.y = workspace;
        break;
    }
    eng_blas_multiply(blas, &j);
    (void)eng_cuda_wait(dev);
}

static void finds_faults(void **state)
{
    static const char *const says[] = {"leading dimensions 56, 64 and 64",
                                       "A at",
                                       "rows that are not aligned",
                                       "C lies over A or B",
                                       "the workspace at",
                                       "and no workspace",
                                       "while a graph is recorded",
                                       "C lies in the workspace"};
    (void)state;
    for (uint32_t i = 0; i < sizeof says / sizeof *says; i++) {
        char text[4096];
        int fds[2], status = 0;
        size_t n = 0;
        assert_int_equal(pipe(fds), 0);
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            dup2(fds[1], 2);
            close(fds[0]);
            fault(i);
            _exit(0);
        }
        close(fds[1]);
        for (ssize_t got;
             n < sizeof text - 1 && (got = read(fds[0], text + n, sizeof text - 1 - n)) > 0;)
            n += (size_t)got;
        text[n] = 0;
        close(fds[0]);
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 99 || !strstr(text, says[i]))
            fail_msg("fault %u: status %d, %s", i, status, text);
    }
}

static void from_which_rows(void **state)
{
    (void)state;
    assert_int_equal(eng_blas_from(90, ENG_FORM_Q4_K), 256);
    assert_int_equal(eng_blas_from(100, ENG_FORM_MXFP4), 256);
    assert_int_equal(eng_blas_from(80, ENG_FORM_Q8_0), 640);
    assert_int_equal(eng_blas_from(86, ENG_FORM_Q8_0), 0);
    assert_int_equal(eng_blas_from(89, ENG_FORM_Q4_K), 0);
    assert_int_equal(eng_blas_from(120, ENG_FORM_Q4_K), 0);
    for (uint32_t arch = 80; arch <= 120; arch += 10) {
        assert_int_equal(eng_blas_from(arch, ENG_FORM_F16), ENG_BLAS_FROM_PLAIN);
        assert_int_equal(eng_blas_from(arch, ENG_FORM_BF16), ENG_BLAS_FROM_PLAIN);
        assert_int_equal(eng_blas_from(arch, ENG_FORM_F32), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form),
        cmocka_unit_test(norms),
        cmocka_unit_test(past_two_gigabytes),
        cmocka_unit_test(pairs),
        cmocka_unit_test(models),
        cmocka_unit_test(from_which_rows),
    };
    const struct CMUnitTest emulated[] = {
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(finds_faults),
    };
    int bad = cuda_run(tests);
    if (!cuda_on_hardware())
        bad += cmocka_run_group_tests(emulated, cuda_open, cuda_close);
    return bad;
}
