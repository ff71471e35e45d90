/* Goal: every version of the operators that this machine can run computes what the plain C
 * reference does; routing follows its definition; the thread pool runs every task exactly once.
 * Method: random inputs over awkward sizes. Products of quantised weights are held to the exact
 * product of the dequantised weights with the dequantised int8 activations, so that only the order
 * of float sums may differ. Weights are random bits with finite scales, every code thus occurs.
 */
#include "engine/cpu/ops.h"
#include "engine/cpu/tile.h"
#include "engine/threads.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka needs the headers above first
#include <cmocka.h>

static const char *const VERSIONS[] = {"c", "avx2", "avx512", "vnni"};
#define N_VERSIONS 4

static uint64_t seed = 1;
static uint32_t rnd(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static float rndf(void)
{
    return (float)(rnd() % 20001) / 10000.0f - 1.0f;
}

static void near(float a, float b, float tol, const char *what, const char *version)
{
    if (!(fabsf(a - b) <= tol))
        fail_msg("%s, %s: %g instead of %g", what, version, (double)a, (double)b);
}

static void fill(float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = rndf() * scale;
}

/* ---- matrix products ---- */

/* Random bytes, then every f16 scale replaced by one of moderate size. */
static void random_rows(uint32_t type, uint8_t *p, size_t blocks)
{
    const struct eng_type_info *ti = eng_type_info(type);
    for (size_t b = 0; b < blocks; b++, p += ti->block_bytes) {
        for (uint32_t i = 0; i < ti->block_bytes; i++)
            p[i] = (uint8_t)rnd();
        uint16_t d = eng_f32_to_f16(rndf() * 0.1f), m = eng_f32_to_f16(rndf());
        bool min = type == ENG_Q4_1 || type == ENG_Q5_1 || type == ENG_Q4_K || type == ENG_Q5_K ||
                   type == ENG_Q2_K;
        if (type == ENG_NVFP4)
            for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(40 + rnd() % 24);
        else if (type == ENG_MXFP4)
            p[0] = (uint8_t)(120 + rnd() % 8);
        else if (type == ENG_BF16 || type == ENG_F32)
            memcpy(p, (uint32_t[]){(uint32_t)0x3f00 + rnd() % 256}, 2);
        else
            memcpy(p + (type == ENG_Q6_K   ? 208
                        : type == ENG_Q2_K ? 80
                        : type == ENG_Q3_K ? 108
                                           : 0),
                   &d, 2);
        if (min)
            memcpy(p + (type == ENG_Q2_K ? 82 : 2), &m, 2);
        if (type == ENG_F32)
            memcpy(p, (float[]){rndf()}, 4);
    }
}

struct product {
    uint32_t type, n_in, n_out, n_mat, n_rows, planes;
    struct eng_weight w;
    uint8_t *data;
    float *x, *deq, *bias;
    int8_t *q;
    struct eng_qinfo *qi;
    uint32_t *rows;
};

static void *need(size_t n)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, n + 64), 0);
    memset(p, 0, n + 64);
    return p;
}

/* Value i of rounded activations. */
static float rounded(const int8_t *q, uint32_t planes, size_t i)
{
    const int8_t *b = q + i / 32 * eng_act_bytes(planes) + i % 32;
    if (planes == 1)
        return b[0];
    int8_t t = b[64 - i % 32 + i % 16];
    return 256 * b[0] + b[32] + (float)t / (i % 32 < 16 ? 64 : 4);
}

static void product_init(struct product *p)
{
    const struct eng_type_info *ti = eng_type_info(p->type);
    size_t row_bytes = p->n_in / ti->block_values * ti->block_bytes;
    size_t n_x = (size_t)(p->n_rows + 3) * p->n_in;
    p->data = malloc(row_bytes * p->n_out * p->n_mat); /* exact, for the sanitizers */
    p->bias = need((size_t)p->n_out * p->n_mat * 4);
    random_rows(p->type, p->data, (size_t)p->n_in / ti->block_values * p->n_out * p->n_mat);
    fill(p->bias, (size_t)p->n_out * p->n_mat, 1);
    p->w = (struct eng_weight){.type = p->type,
                               .n_in = p->n_in,
                               .n_out = p->n_out,
                               .n_mat = p->n_mat,
                               .row_bytes = row_bytes,
                               .data = p->data,
                               .bias = p->bias,
                               .mat_tiles = (p->n_out + 15) / 16,
                               .tile_bytes = eng_tile_bytes(p->type, p->n_in)};
    if (p->w.tile_bytes) {
        p->w.tiles = need(p->w.tile_bytes * p->w.mat_tiles * p->n_mat);
        for (uint32_t m = 0; m < p->n_mat; m++)
            for (uint32_t t = 0; t < p->w.mat_tiles; t++)
                eng_tile_pack(&p->w, m, t);
    }
    p->x = need(n_x * 4);
    p->q = need(n_x / 32 * eng_act_bytes(p->planes) + 1);
    p->qi = need((n_x / 32 + 1) * sizeof(*p->qi));
    p->rows = need((p->n_rows + 1) * 4);
    fill(p->x, n_x, 3);
    for (uint32_t r = 0; r < p->n_rows; r++)
        p->rows[r] = rnd() % (p->n_rows + 3);
    if (p->w.tiles) { /* x becomes what the rounded form says */
        eng_kernels_ref.quant[p->planes](p->x, n_x, p->q, p->qi);
        for (size_t i = 0; i < n_x; i++)
            p->x[i] = p->qi[i / 32].d * rounded(p->q, p->planes, i);
    }
}

static void product_release(struct product *p)
{
    free(p->data);
    free(p->bias);
    free(p->w.tiles);
    free(p->x);
    free(p->q);
    free(p->qi);
    free(p->rows);
}

static void product_check(const struct product *p, const struct eng_kernels *k, const float *want,
                          const float *size, bool gather)
{
    struct eng_acts a = {.x = p->x, .n_in = p->n_in, .planes = p->planes, .q = p->q, .qi = p->qi};
    float *y = need((size_t)p->n_rows * p->n_out * 4);
    uint32_t cut = p->n_out / 2 / ENG_TILE * ENG_TILE; /* two calls, as two tasks would */
    struct eng_mm mm = {.w = &p->w,
                        .mat = p->n_mat - 1,
                        .out1 = cut,
                        .a = &a,
                        .rows = gather ? p->rows : NULL,
                        .n_rows = p->n_rows,
                        .y = y,
                        .ldy = p->n_out};
    void (*mul)(const struct eng_mm *) = p->w.tiles ? k->mm_tiles : k->mm_rows;
    mul(&mm);
    mm.out0 = cut;
    mm.out1 = p->n_out;
    mul(&mm);
    for (size_t i = 0; i < (size_t)p->n_rows * p->n_out; i++)
        near(y[i], want[i], 2e-6f * size[i] + 1e-5f, eng_type_name(p->type), k->name);
    free(y);
}

static void one_product(uint32_t type, uint32_t planes, uint32_t n_in, uint32_t n_out,
                        uint32_t n_rows, bool gather)
{
    struct product p = {
        .type = type, .n_in = n_in, .n_out = n_out, .n_mat = 2, .n_rows = n_rows, .planes = planes};
    product_init(&p);
    float *row = need((size_t)n_in * 4), *want = need((size_t)n_rows * n_out * 4);
    float *size = need((size_t)n_rows * n_out * 4); /* sum of magnitudes: the scale of rounding */
    for (uint32_t o = 0; o < n_out; o++) {
        eng_dequant_row(type, p.data + (n_out + o) * p.w.row_bytes, row, n_in);
        for (uint32_t r = 0; r < n_rows; r++) {
            const float *x = p.x + (size_t)(gather ? p.rows[r] : r) * n_in;
            double sum = 0, mag = 0;
            for (uint32_t i = 0; i < n_in; i++) {
                sum += (double)row[i] * (double)x[i];
                mag += fabs((double)row[i]) * fabs((double)x[i]);
            }
            want[r * n_out + o] = (float)sum + p.bias[n_out + o];
            size[r * n_out + o] = (float)mag * (type == ENG_Q8_0 ? 4 : 2);
        }
    }
    for (int v = 0; v < N_VERSIONS; v++)
        if (eng_kernels_named(VERSIONS[v]))
            product_check(&p, eng_kernels_named(VERSIONS[v]), want, size, gather);
    uint8_t *tiles = p.w.tiles;
    p.w.tiles = NULL;
    product_check(&p, &eng_kernels_ref, want, size, gather);
    p.w.tiles = tiles;
    free(row);
    free(want);
    free(size);
    product_release(&p);
}

static void products_of_every_type(void **state)
{
    static const uint32_t types[] = {ENG_F32,    ENG_F16,   ENG_BF16, ENG_Q4_0, ENG_Q4_1,
                                     ENG_Q5_0,   ENG_Q5_1,  ENG_Q8_0, ENG_Q4_K, ENG_Q5_K,
                                     ENG_Q6_K,   ENG_MXFP4, ENG_Q2_K, ENG_Q3_K, ENG_IQ4_NL,
                                     ENG_IQ4_XS, ENG_NVFP4};
    static const uint32_t rows[] = {0, 1, 2, 3, 4, 7, 8, 9, 23};
    (void)state;
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
            for (uint32_t planes = 1; planes <= ENG_PLANES_MAX; planes++) {
                one_product(types[t], planes, 512, 48, rows[r], false);
                one_product(types[t], planes, 256, 37, rows[r], true); /* a part tile at the end */
            }
    for (uint32_t planes = 1; planes <= ENG_PLANES_MAX; planes++) {
        one_product(ENG_Q4_0, planes, 32, 1, 1, false); /* the least there can be */
        one_product(ENG_Q8_0, planes, 96, 17, 70, true);
        one_product(ENG_Q6_K, planes, 768, 15, 130, true);
        one_product(ENG_NVFP4, planes, 64, 33, 5, false);
        one_product(ENG_IQ4_NL, planes, 32, 3, 11, true);
        one_product(ENG_Q2_K, planes, 768, 31, 67, true);
        one_product(ENG_Q3_K, planes, 768, 1, 1, false);
    }
}

static void float_products_of_odd_length(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 40; n += 3) {
        one_product(ENG_F32, 1, n, 5, 5, false);
        one_product(ENG_F16, 1, n, 19, 3, true);
    }
}

/* ---- the rest ---- */

static void vector_operators(void **state)
{
    static const size_t sizes[] = {1, 7, 16, 33, 64, 576};
    (void)state;
    for (int v = 0; v < N_VERSIONS; v++) {
        const struct eng_kernels *k = eng_kernels_named(VERSIONS[v]), *ref = &eng_kernels_ref;
        for (size_t s = 0; k && s < 6; s++) {
            size_t n = sizes[s];
            float x[576], w[576], a[576], b[576];
            fill(x, n, 4);
            fill(w, n, 2);
            k->rmsnorm(a, x, w, n, 1e-5f);
            ref->rmsnorm(b, x, w, n, 1e-5f);
            for (size_t i = 0; i < n; i++)
                near(a[i], b[i], 1e-5f, "rmsnorm", k->name);
            k->axpy(a, 0.7f, x, n);
            ref->axpy(b, 0.7f, x, n);
            for (size_t i = 0; i < n; i++)
                near(a[i], b[i], 1e-5f, "axpy", k->name);
            fill(a, n, 30);
            a[0] = s % 2 ? -120.0f : 90.0f; /* where exp ends */
            memcpy(b, a, sizeof(a));
            k->swiglu(a, w, n);
            ref->swiglu(b, w, n);
            for (size_t i = 0; i < n; i++)
                near(a[i], b[i], 1e-5f * (1 + fabsf(b[i])), "swiglu", k->name);
        }
    }
}

static void activations_rounded_alike(void **state)
{
    enum { N = 32 * 2048 };
    (void)state;
    static float x[N];
    static int8_t q[N / 32 * ENG_Q16_BYTES], q_ref[N / 32 * ENG_Q16_BYTES];
    static struct eng_qinfo i[N / 32], i_ref[N / 32];
    fill(x, N, 5);
    memset(x + 64, 0, 32 * sizeof(float));
    x[100] = 1e-39f;
    for (uint32_t j = 128; j < N; j++) /* every step of the finer form, in blocks whose d is 1 */
        x[j] = j % 32 == 1 ? (j & 32 ? 32512.0f : -32512.0f) : (float)((int)j - N / 2);
    for (uint32_t j = 128; j < N; j++)
        x[j] = fmaxf(-32512.0f, fminf(x[j], 32512.0f));
    for (int v = 0; v < N_VERSIONS; v++) {
        const struct eng_kernels *k = eng_kernels_named(VERSIONS[v]);
        for (uint32_t planes = 1; k && planes <= ENG_PLANES_MAX; planes++) {
            memset(i, 0xff, sizeof(i));
            k->quant[planes](x, N, q, i);
            eng_kernels_ref.quant[planes](x, N, q_ref, i_ref);
            assert_memory_equal(q, q_ref, N / 32 * eng_act_bytes(planes));
            assert_memory_equal(i, i_ref, sizeof(i));
        }
    }
    for (uint32_t j = 128; j < N; j++)
        assert_int_equal(rounded(q_ref, 2, j), (int)x[j]);
}

/* Rows of several tokens and heads, keys in blocks and those in pages, last page first with one of
 * noise between two; against the definition in double. */
static void attention_case(const struct eng_kernels *k, uint32_t d, uint32_t n_kv, uint32_t heads,
                           uint32_t toks)
{
    uint32_t all = n_kv + toks - 1, padded = (all + 15) / 16 * 16, ldq = heads * d + 8;
    uint32_t n_pages = (all + ENG_PAGE - 1) / ENG_PAGE, page = ENG_PAGE * d,
             room = 2 * n_pages * page;
    float *q = need(toks * ldq * 4), *kk = need(room * 4), *vv = need(room * 4);
    int32_t pages[16];
    assert_true(n_pages <= 16);
    for (uint32_t i = 0; i < n_pages; i++)
        pages[i] = (int32_t)(2 * (n_pages - 1 - i) + 1);
    float *s = need(toks * heads * padded * 4), *out = need(toks * ldq * 4);
    double *p = calloc(all, sizeof(*p));
    assert_non_null(p);
    fill(q, toks * ldq, 3);
    fill(kk, room, 3); /* also behind the last key: must not matter */
    fill(vv, room, 1);
    struct eng_attend a = {.q = q,
                           .k = kk,
                           .v = vv,
                           .k_page = page,
                           .v_page = page,
                           .pages = pages,
                           .n_head = heads,
                           .n_tok = toks,
                           .n_kv = n_kv,
                           .n_dim = d,
                           .ldq = ldq,
                           .scale = 0.125f,
                           .scores = s,
                           .out = out};
    k->attend(&a);
    for (uint32_t r = 0; r < toks * heads; r++) {
        size_t row = r / heads * ldq + r % heads * d;
        double sum = 0;
        for (uint32_t j = 0; j < n_kv + r / heads; j++) {
            p[j] = 0;
            for (uint32_t i = 0; i < d; i++)
                p[j] +=
                    (double)q[row + i] *
                    (double)
                        kk[(uint32_t)pages[j / ENG_PAGE] * page + eng_key_at(d, j % ENG_PAGE, i)];
            sum += p[j] = exp(p[j] * 0.125);
        }
        for (uint32_t i = 0; i < d; i++) {
            double want = 0;
            for (uint32_t j = 0; j < n_kv + r / heads; j++)
                want += p[j] / sum *
                        (double)vv[(uint32_t)pages[j / ENG_PAGE] * page + j % ENG_PAGE * d + i];
            near(out[row + i], (float)want, 2e-5f, "attention", k->name);
        }
    }
    free(q);
    free(kk);
    free(vv);
    free(s);
    free(out);
    free(p);
}

static void attention(void **state)
{
    static const uint32_t dims[] = {6, 32, 64, 80}, lens[] = {1, 2, 16, 61, 130};
    (void)state;
    for (int v = -1; v < N_VERSIONS; v++) {
        const struct eng_kernels *k = v < 0 ? &eng_kernels_ref : eng_kernels_named(VERSIONS[v]);
        for (int t = 0; k && t < 20; t++) {
            attention_case(k, dims[t % 4], lens[t / 4], 3, 4);
            attention_case(k, dims[t % 4], lens[t / 4], 1, 1 + (uint32_t)t % 9);
            attention_case(k, dims[t % 4], lens[t / 4], 1 + (uint32_t)t, 1);
        }
    }
}

static void rope_turns_pairs(void **state)
{
    (void)state;
    float cs[4] = {0, 1, 0.6f, 0.8f}; /* a quarter turn; 3-4-5 */
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 2, 3, 4, 5, 6};
    const float want_a[6] = {-2, 1, 3 * 0.6f - 4 * 0.8f, 3 * 0.8f + 4 * 0.6f, 5, 6};
    const float want_b[6] = {-3, 2 * 0.6f - 4 * 0.8f, 1, 2 * 0.8f + 4 * 0.6f, 5, 6};
    eng_rope(a, 4, false, cs);
    eng_rope(b, 4, true, cs);
    for (int i = 0; i < 6; i++) {
        near(a[i], want_a[i], 1e-6f, "rope", "norm");
        near(b[i], want_b[i], 1e-6f, "rope", "neox");
    }
}

static void routing(void **state)
{
    (void)state;
    const float logits[8] = {0.1f, 2.0f, -1.0f, 1.5f, 0.0f, 3.0f, 1.0f, -2.0f};
    uint32_t ids[8];
    float w[8];
    struct eng_moe_params p = {
        .n_expert = 8, .n_used = 2, .gating = ENG_GATE_SOFTMAX, .normalise = true};
    eng_route(&p, logits, NULL, ids, w);
    assert_int_equal(ids[0], 5);
    assert_int_equal(ids[1], 1);
    near(w[0], 1 / (1 + expf(-1.0f)), 1e-6f, "softmax, normalised", "ref");
    near(w[0] + w[1], 1, 1e-6f, "sum", "ref");
    p.normalise = false;
    p.scale = 2.5f;
    double sum = 0;
    for (int i = 0; i < 8; i++)
        sum += exp((double)logits[i]);
    eng_route(&p, logits, NULL, ids, w);
    near(w[0], (float)(2.5 * exp(3.0) / sum), 1e-5f, "softmax, scaled", "ref");
    /* the bias chooses but does not weigh */
    const float bias[8] = {9, 0, 0, 0, 0, 0, 0, 8};
    p = (struct eng_moe_params){.n_expert = 8, .n_used = 2, .gating = ENG_GATE_SIGMOID};
    eng_route(&p, logits, bias, ids, w);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[1], 7);
    near(w[1], 1 / (1 + expf(2.0f)), 1e-6f, "sigmoid", "ref");
    p.gating = ENG_GATE_SOFTMAX_SELECTED;
    eng_route(&p, logits, NULL, ids, w);
    near(w[0], 1 / (1 + expf(-1.0f)), 1e-6f, "softmax over the selected", "ref");
    /* 4 groups of 2, best sums: {4,5} = 3, {2,3} = .5, {0,1} = 2.1, {6,7} = -1: two groups stay */
    p = (struct eng_moe_params){.n_expert = 8,
                                .n_used = 3,
                                .n_group = 4,
                                .n_group_used = 2,
                                .gating = ENG_GATE_SOFTMAX_SELECTED};
    eng_route(&p, logits, NULL, ids, w);
    assert_int_equal(ids[0], 5);
    assert_int_equal(ids[1], 1);
    assert_int_equal(ids[2], 0);
    /* scores that are no numbers still give experts that exist */
    float nan[8];
    for (int i = 0; i < 8; i++)
        nan[i] = NAN;
    p = (struct eng_moe_params){.n_expert = 8, .n_used = 8, .gating = ENG_GATE_SOFTMAX};
    eng_route(&p, nan, NULL, ids, w);
    for (int i = 0; i < 8; i++)
        assert_true(ids[i] < 8);
}

/* ---- threads ---- */

struct counts {
    _Atomic uint32_t of[5000];
    uint32_t plain[5000];
};

static void count_task(void *ctx, uint32_t task, uint32_t thread)
{
    struct counts *c = ctx;
    (void)thread;
    atomic_fetch_add(&c->of[task], 1);
    c->plain[task]++; /* only this task touches it in this job; jobs are ordered */
}

static void pool_runs_each_task_once(void **state)
{
    (void)state;
    struct eng_pool *p;
    struct counts *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    assert_int_equal(eng_pool_new(5, &p, NULL), BASE_OK); /* more than there are CPUs, perhaps */
    assert_int_equal(eng_pool_threads(p), 5);
    for (uint32_t job = 0; job < 3000; job++)
        eng_pool_run(p, 1 + job % 7, count_task, c);
    for (uint32_t job = 0; job < 20; job++)
        eng_pool_run(p, 5000, count_task, c);
    eng_pool_run(p, 0, count_task, c);
    eng_pool_free(p);
    uint32_t total = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        total += c->of[i];
        assert_int_equal(c->of[i], c->plain[i]);
        if (i >= 7)
            assert_int_equal(c->plain[i], 20);
    }
    uint32_t want = 20 * 5000;
    for (uint32_t job = 0; job < 3000; job++)
        want += 1 + job % 7;
    assert_int_equal(total, want);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_every_type),
        cmocka_unit_test(float_products_of_odd_length),
        cmocka_unit_test(vector_operators),
        cmocka_unit_test(activations_rounded_alike),
        cmocka_unit_test(attention),
        cmocka_unit_test(rope_turns_pairs),
        cmocka_unit_test(routing),
        cmocka_unit_test(pool_runs_each_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
