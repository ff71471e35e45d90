/* Goal: every weight type works in a whole model, and scales that stand beside tensors count.
 *
 * Method: model files are made from those in tests/vectors/models by writing their tensors anew.
 *   scales   weights divided by powers of two, which then stand in X.scale, one a tensor and one an
 *            expert: logits must be those of the file as it was, to the bit
 *   NVFP4    experts as random NVFP4 blocks with scales, against the same numbers as F32
 *   types    all matrices of a file as random blocks of one type: the fast operators against the
 *            reference ones, with activations of 16 and of 8 bits
 */
#include "engine/cpu/ops.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"

#include "base/file.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define MOE     "tests/vectors/models/qwen3moe.gguf"
#define WIDE    "tests/vectors/models/q-llama-Q4_K_M.gguf" /* rows of 256 and 512 */
#define EXTRA   32
#define N_TOK   20
#define EXPERTS 12

static uint64_t seed = 7;
static uint32_t rnd(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

/* ---- writing a model file ---- */

/* A tensor of the new file. */
struct out_tensor {
    struct base_str name;
    char own_name[64]; /* where name points, if it is a new one */
    uint32_t type, n_dims;
    uint64_t ne[4];
    uint8_t *data; /* owned */
    uint64_t n;
};

struct out_file {
    struct base_buf in;
    struct eng_gguf *g;
    struct out_tensor t[256];
    size_t n;
};

static void file_open(struct out_file *f, const char *path)
{
    struct base_err err = {0};
    memset(f, 0, sizeof(*f));
    base_buf_init(&f->in, 8u << 20);
    assert_int_equal(base_file_read(path, &f->in, &err), BASE_OK);
    assert_int_equal(eng_gguf_parse(path, f->in.p, f->in.n, &f->g, &err), BASE_OK);
    f->n = eng_gguf_n_tensors(f->g);
    assert_true(f->n + EXTRA <= 256);
    for (size_t i = 0; i < f->n; i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(f->g, i);
        f->t[i] = (struct out_tensor){
            .name = t->name, .type = t->type, .n_dims = t->n_dims, .n = t->nbytes};
        memcpy(f->t[i].ne, t->ne, sizeof(t->ne));
        f->t[i].data = malloc(t->nbytes);
        assert_non_null(f->t[i].data);
        memcpy(f->t[i].data, t->data, t->nbytes);
    }
}

static void file_close(struct out_file *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->t[i].data);
    eng_gguf_free(f->g);
    base_buf_release(&f->in);
}

static void put(struct base_buf *b, uint64_t v, size_t bytes)
{
    assert_true(base_buf_add(b, &v, bytes)); /* little endian, as the machines that run this */
}

/* The path (a template for mkstemp) of the file as it is now. */
static void file_write(const struct out_file *f, char *path)
{
    struct base_buf b;
    struct base_err err = {0};
    const struct eng_gguf_kv *first = eng_gguf_kv_at(f->g, 0);
    const struct eng_gguf_kv *last = eng_gguf_kv_at(f->g, eng_gguf_n_kv(f->g) - 1);
    const char *from = first->key.p - 8;
    uint64_t at = 0;
    base_buf_init(&b, 16u << 20);
    assert_true(base_buf_add(&b, f->in.p, 8));
    put(&b, f->n, 8);
    put(&b, eng_gguf_n_kv(f->g), 8);
    assert_true(base_buf_add(&b, from, (size_t)((const char *)last->end - from)));
    for (size_t i = 0; i < f->n; i++) {
        put(&b, f->t[i].name.n, 8);
        assert_true(base_buf_str(&b, f->t[i].name));
        put(&b, f->t[i].n_dims, 4);
        for (uint32_t d = 0; d < f->t[i].n_dims; d++)
            put(&b, f->t[i].ne[d], 8);
        put(&b, f->t[i].type, 4);
        put(&b, at, 8);
        at += (f->t[i].n + 31) / 32 * 32;
    }
    for (size_t i = 0; i < f->n; i++) {
        while (b.n % 32)
            base_buf_byte(&b, 0);
        assert_true(base_buf_add(&b, f->t[i].data, f->t[i].n));
    }
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(base_write_all(fd, b.p, b.n, &err), BASE_OK);
    close(fd);
    base_buf_release(&b);
}

/* X.scale for the tensor X.weight. */
static void add_scale(struct out_file *f, const struct out_tensor *of, const float *s, size_t n)
{
    struct out_tensor *t = &f->t[f->n++];
    *t = (struct out_tensor){.type = ENG_F32, .n_dims = 1, .ne = {n, 1, 1, 1}, .n = 4 * n};
    snprintf(t->own_name, sizeof(t->own_name), "%.*sscale", (int)of->name.n - 6, of->name.p);
    t->name = base_str_c(t->own_name);
    t->data = malloc(t->n);
    assert_non_null(t->data);
    memcpy(t->data, s, t->n);
}

/* ---- running ---- */

static float *logits_of(const char *path, enum eng_device device, enum eng_activations act,
                        size_t *n)
{
    struct base_err err = {0};
    struct eng_model *m;
    struct eng_cache *c;
    int32_t tokens[N_TOK];
    struct eng_model_opts opts = {.device = device, .n_threads = 2, .activations = act};
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < N_TOK; i++)
        tokens[i] = 3 + 7 * i;
    *n = N_TOK * (size_t)eng_model_get_info(m)->n_vocab;
    float *x = malloc(*n * sizeof(float));
    assert_non_null(x);
    assert_int_equal(eng_cache_new(m, 1, N_TOK, &c, &err), BASE_OK);
    struct eng_batch b = {.n = N_TOK, .tokens = tokens};
    if (eng_forward(m, c, &b, x, &err) != BASE_OK)
        fail_msg("%s", err.text);
    eng_cache_free(c);
    eng_model_free(m);
    return x;
}

static double nmse(const float *a, const float *b, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        s += (double)b[i] * (double)b[i];
    }
    assert_true(s > 0);
    return isnan(d) ? INFINITY : d / s;
}

static bool is_matrix(const struct out_tensor *t)
{
    return t->n_dims >= 2 && base_str_ends(t->name, BASE_STR(".weight"));
}

static bool is_experts(const struct out_tensor *t)
{
    return base_str_find(t->name, BASE_STR("_exps."), 0) != SIZE_MAX;
}

/* ---- the tests ---- */

static void scales_beside_tensors(void **state)
{
    (void)state;
    static struct out_file f;
    char path[] = "/tmp/weir-scales-XXXXXX", spoilt[] = "/tmp/weir-scales-XXXXXX";
    size_t n = 0, n_scaled = 0;
    file_open(&f, MOE);
    for (size_t i = 0, end = f.n; i < end; i++) {
        struct out_tensor *t = &f.t[i];
        bool q = base_str_ends(t->name, BASE_STR("attn_q.weight"));
        bool o = base_str_ends(t->name, BASE_STR("attn_output.weight"));
        if (!is_experts(t) && !q && !o)
            continue;
        size_t n_mat = is_experts(t) ? EXPERTS : 1;
        float s[EXPERTS], *w = (float *)(void *)t->data;
        assert_int_equal(t->ne[2], n_mat);
        for (size_t e = 0; e < n_mat; e++)
            s[e] = ldexpf(1, (int)(rnd() % 9) - 4);
        for (size_t k = 0; k < t->n / 4; k++)
            w[k] /= s[k / (t->ne[0] * t->ne[1])];
        add_scale(&f, t, s, n_mat);
        n_scaled++;
    }
    assert_int_equal(n_scaled, 3 * (3 + 2));
    file_write(&f, path);
    for (int d = 0; d < 2; d++) {
        enum eng_device device = d ? ENG_DEVICE_CPU : ENG_DEVICE_REF;
        float *want = logits_of(MOE, device, ENG_ACTIVATIONS_AUTO, &n);
        float *got = logits_of(path, device, ENG_ACTIVATIONS_AUTO, &n);
        assert_memory_equal(got, want, n * sizeof(float));
        free(want);
        free(got);
    }
    /* one expert's factor a little larger, and they are others */
    ((float *)(void *)f.t[f.n - 1].data)[EXPERTS - 1] *= 1.5f;
    file_write(&f, spoilt);
    float *want = logits_of(MOE, ENG_DEVICE_CPU, ENG_ACTIVATIONS_AUTO, &n);
    float *got = logits_of(spoilt, ENG_DEVICE_CPU, ENG_ACTIVATIONS_AUTO, &n);
    assert_true(nmse(got, want, n) > 1e-8);
    free(want);
    free(got);
    unlink(path);
    unlink(spoilt);
    file_close(&f);
}

static void fill_blocks(uint32_t type, uint8_t *p, size_t blocks)
{
    const struct eng_type_info *ti = eng_type_info(type);
    for (size_t b = 0; b < blocks; b++, p += ti->block_bytes) {
        for (uint32_t i = 0; i < ti->block_bytes; i++)
            p[i] = (uint8_t)rnd();
        /* of a size that keeps numbers of a model of 256 values apart from each other */
        uint16_t d = eng_f32_to_f16((rnd() % 2 ? 1 : -1) * 0.001f * (float)(1 + rnd() % 4));
        uint16_t m = eng_f32_to_f16(0.002f);
        switch (type) {
        case ENG_NVFP4:
            for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(8 + rnd() % 16);
            break;
        case ENG_MXFP4:
            p[0] = (uint8_t)(120 + rnd() % 3);
            break;
        case ENG_Q2_K:
            memcpy(p + 80, &d, 2);
            memcpy(p + 82, &m, 2);
            break;
        case ENG_Q3_K:
            memcpy(p + 108, &d, 2);
            break;
        case ENG_Q6_K:
            memcpy(p + 208, &d, 2);
            break;
        default:
            memcpy(p, &d, 2);
            if (type == ENG_Q4_1 || type == ENG_Q5_1 || type == ENG_Q4_K || type == ENG_Q5_K)
                memcpy(p + 2, &m, 2);
            break;
        }
    }
}

static void nvfp4_with_scales(void **state)
{
    (void)state;
    static struct out_file f, plain;
    char path[] = "/tmp/weir-nvfp4-XXXXXX", wide[] = "/tmp/weir-nvfp4-XXXXXX";
    size_t n = 0, changed = 0;
    file_open(&f, MOE);
    file_open(&plain, MOE);
    for (size_t i = 0, end = f.n; i < end; i++) {
        struct out_tensor *t = &f.t[i];
        if (!is_experts(t) || t->ne[0] % 64)
            continue;
        size_t values = t->n / 4;
        float s[EXPERTS], *w = (float *)(void *)plain.t[i].data;
        free(t->data);
        t->type = ENG_NVFP4;
        t->n = values / 64 * 36;
        t->data = malloc(t->n);
        assert_non_null(t->data);
        fill_blocks(ENG_NVFP4, t->data, values / 64);
        eng_dequant_row(ENG_NVFP4, t->data, w, values);
        for (size_t e = 0; e < EXPERTS; e++)
            s[e] = 3.0f + 0.37f * (float)(rnd() % 11);
        for (size_t k = 0; k < values; k++)
            w[k] *= s[k / (t->ne[0] * t->ne[1])];
        add_scale(&f, t, s, EXPERTS);
        changed++;
    }
    assert_true(changed >= 3);
    file_write(&f, path);
    file_write(&plain, wide);
    float *want = logits_of(wide, ENG_DEVICE_REF, ENG_ACTIVATIONS_AUTO, &n);
    float *ref = logits_of(path, ENG_DEVICE_REF, ENG_ACTIVATIONS_AUTO, &n);
    float *fine = logits_of(path, ENG_DEVICE_CPU, ENG_ACTIVATIONS_INT16, &n);
    float *coarse = logits_of(path, ENG_DEVICE_CPU, ENG_ACTIVATIONS_INT8, &n);
    assert_true(nmse(ref, want, n) < 1e-10);
    assert_true(nmse(fine, want, n) < 5e-9);
    assert_true(nmse(coarse, want, n) < 0.1); /* a token may meet another expert */
    assert_true(nmse(coarse, want, n) > nmse(fine, want, n));
    free(want);
    free(ref);
    free(fine);
    free(coarse);
    unlink(path);
    unlink(wide);
    file_close(&f);
    file_close(&plain);
}

static void model_of_type(uint32_t type)
{
    static struct out_file f;
    const struct eng_type_info *ti = eng_type_info(type);
    char path[] = "/tmp/weir-types-XXXXXX";
    size_t n = 0, changed = 0;
    file_open(&f, WIDE);
    for (size_t i = 0; i < f.n; i++) {
        struct out_tensor *t = &f.t[i];
        if (!is_matrix(t) || base_str_starts(t->name, BASE_STR("token_embd")))
            continue;
        size_t blocks = t->ne[0] * t->ne[1] * t->ne[2] / ti->block_values;
        assert_int_equal(t->ne[0] % ti->block_values, 0);
        free(t->data);
        t->type = type;
        t->n = blocks * ti->block_bytes;
        t->data = malloc(t->n);
        assert_non_null(t->data);
        fill_blocks(type, t->data, blocks);
        changed++;
    }
    assert_true(changed >= 8);
    file_write(&f, path);
    float *want = logits_of(path, ENG_DEVICE_REF, ENG_ACTIVATIONS_AUTO, &n);
    float *fine = logits_of(path, ENG_DEVICE_CPU, ENG_ACTIVATIONS_INT16, &n);
    float *coarse = logits_of(path, ENG_DEVICE_CPU, ENG_ACTIVATIONS_INT8, &n);
    double e16 = nmse(fine, want, n), e8 = nmse(coarse, want, n);
    print_message("    %s: int16 %.1e, int8 %.1e\n", ti->name, e16, e8);
    if (!(e16 < 1e-8) || !(e8 < 2e-2) || !(e8 > e16)) /* e8 = e16: no integer kernel has run */
        fail_msg("%s: normalised squares %g with 16 bits, %g with 8", ti->name, e16, e8);
    free(want);
    free(fine);
    free(coarse);
    unlink(path);
    file_close(&f);
}

static void every_type_in_a_model(void **state)
{
    static const uint32_t types[] = {ENG_Q4_0,   ENG_Q4_1,   ENG_Q5_0,  ENG_Q5_1, ENG_Q8_0,
                                     ENG_Q2_K,   ENG_Q3_K,   ENG_Q4_K,  ENG_Q5_K, ENG_Q6_K,
                                     ENG_IQ4_NL, ENG_IQ4_XS, ENG_MXFP4, ENG_NVFP4};
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        model_of_type(types[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_beside_tensors),
        cmocka_unit_test(nvfp4_with_scales),
        cmocka_unit_test(every_type_in_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
