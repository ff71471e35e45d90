/* Goal: the forward pass gives the logits that an independent implementation gives, for every
 * family and weight type, whichever way the tokens are fed; files that lack what their family needs
 * are refused by the tensor's or key's name. Method: tiny models with reference logits, from
 * tests/vectors/models and, where the full set of fixtures is at hand (WEIR_FIXTURES, default
 * ../shared/fixtures), the rest. Per model: prompts p1 and p2 on the reference operators and on the
 * fast ones; the greedy continuation; one token at a time against the whole batch; two sequences in
 * one batch against each alone; a truncated and refilled cache. Broken files are made from a good
 * one by renaming, retyping and reshaping.
 *
 * Tolerances: the fixtures' own, for float arithmetic (weights F32; for other types the reference
 * operators against logits of the widened weights). Fast operators on quantised weights: with
 * activations of 16 bits, against the same logits, four times the tolerance and a normalised
 * squared error below 1e-7; with 8 bits, each rounds in its own way, 5e-3 against logits of an
 * implementation that rounds too. All but the last must also continue greedily as the reference.
 */
#include "engine/commands.h"
#include "engine/cpu/ops.h"
#include "engine/gguf.h"
#include "engine/model.h"

#include "base/file.h"
#include <jansson.h>
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

#define NEAR_DIR       "tests/vectors/models"
#define NMSE_MAX       5e-3
#define INT16_NMSE_MAX 1e-7

static const char *far_dir(void)
{
    const char *d = getenv("WEIR_FIXTURES");
    return d ? d : "../shared/fixtures";
}

/* A fixture: its directory, name, and everything read from its JSON. */
struct fixture {
    char base[300];         /* DIR/NAME */
    bool widened;           /* DIR/NAME.deq.* exist: the float tolerance holds for those */
    json_t *native, *exact; /* exact: .deq.json or native itself */
    double tolerance;
    uint32_t n_vocab;
};

static json_t *load_json(const char *base, const char *ext)
{
    char path[400];
    snprintf(path, sizeof(path), "%s%s", base, ext);
    return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

static bool fixture_open(struct fixture *f, const char *dir, const char *name)
{
    memset(f, 0, sizeof(*f));
    snprintf(f->base, sizeof(f->base), "%s/%s", dir, name);
    f->native = load_json(f->base, ".json");
    if (!f->native)
        return false;
    f->exact = load_json(f->base, ".deq.json");
    f->widened = f->exact != NULL;
    if (!f->exact)
        f->exact = json_incref(f->native);
    f->tolerance = json_number_value(json_object_get(f->exact, "tolerance_max_abs"));
    f->n_vocab = (uint32_t)json_integer_value(json_object_get(f->native, "n_vocab"));
    assert_true(f->tolerance > 0 && f->tolerance < 0.02);
    assert_true(f->n_vocab > 0);
    return true;
}

static void fixture_close(struct fixture *f)
{
    json_decref(f->native);
    json_decref(f->exact);
}

#define CONTEXT 256 /* of the reference; some families look at it */

struct prompt {
    int32_t tokens[CONTEXT];
    size_t n;
    uint32_t pos[CONTEXT]; /* from pos0 on */
    float *want;           /* [n][n_vocab] */
};

static void prompt_open(struct prompt *p, const struct fixture *f, const char *key, bool exact)
{
    char path[400];
    json_t *t = json_object_get(json_object_get(f->native, key), "tokens");
    struct base_buf b;
    struct base_err err = {0};
    p->n = json_array_size(t);
    assert_true(p->n > 0 && p->n <= CONTEXT);
    int64_t pos0 = json_integer_value(json_object_get(json_object_get(f->native, key), "pos0"));
    for (size_t i = 0; i < p->n; i++) {
        p->tokens[i] = (int32_t)json_integer_value(json_array_get(t, i));
        p->pos[i] = (uint32_t)pos0 + (uint32_t)i;
    }
    snprintf(path, sizeof(path), "%s%s.%s.logits.f32", f->base, exact && f->widened ? ".deq" : "",
             key);
    base_buf_init(&b, 64u << 20);
    if (base_file_read(path, &b, &err) != BASE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(b.n, p->n * f->n_vocab * sizeof(float));
    p->want = malloc(b.n);
    assert_non_null(p->want);
    memcpy(p->want, b.p, b.n);
    base_buf_release(&b);
}

static struct eng_model *open_model(const struct fixture *f, enum eng_device device, int threads,
                                    enum eng_activations activations)
{
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    struct eng_model_opts opts = {device, threads, activations};
    snprintf(path, sizeof(path), "%s.gguf", f->base);
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(eng_model_get_info(m)->n_vocab, f->n_vocab);
    return m;
}

static struct eng_cache *new_cache(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    struct eng_cache *c;
    struct base_err err = {0};
    if (eng_cache_new(m, n_seq, n_ctx, &c, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return c;
}

static void forward(struct eng_model *m, struct eng_cache *c, struct eng_batch b, float *logits)
{
    struct base_err err = {0};
    if (eng_forward(m, c, &b, logits, &err) != BASE_OK)
        fail_msg("%s", err.text);
}

static double max_diff(const float *a, const float *b, size_t n)
{
    double max = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, isnan(a[i]) ? INFINITY : fabs((double)a[i] - (double)b[i]));
    return max;
}

static double nmse(const float *a, const float *b, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        s += (double)b[i] * (double)b[i];
    }
    return isnan(d) ? INFINITY : d / s;
}

static uint32_t arg_max(const float *x, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static bool is_quantised(const struct eng_model *m)
{
    const char *q = eng_model_get_info(m)->quant;
    return q[0] == 'Q' || q[0] == 'M';
}

/* ---- against the reference logits ---- */

static bool is_rounded(const struct eng_model *m)
{
    return is_quantised(m) && strcmp(eng_model_activations(m), "int8") == 0;
}

static void compare_prompt(const struct fixture *f, struct eng_model *m, const char *key)
{
    struct prompt p;
    bool rounded = is_rounded(m);
    if (!json_object_get(f->native, key))
        return;
    prompt_open(&p, f, key, !rounded);
    size_t n = p.n * f->n_vocab;
    float *logits = malloc(n * sizeof(float));
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    assert_non_null(logits);
    forward(m, c, (struct eng_batch){.n = p.n, .tokens = p.tokens, .pos = p.pos}, logits);
    double diff = max_diff(logits, p.want, n), e = nmse(logits, p.want, n);
    print_message("    %s %s %s %s: max %.1e, nmse %.1e\n", f->base, key, eng_model_kernels(m),
                  eng_model_activations(m), diff, e);
    bool fine = strcmp(eng_model_activations(m), "int16") == 0 && is_quantised(m);
    double most = fine ? INT16_NMSE_MAX : INFINITY;
    if (rounded ? !(e < NMSE_MAX) : !(diff <= f->tolerance * (fine ? 4 : 1) && e < most))
        fail_msg("%s %s on %s: max difference %g, NMSE %g", f->base, key, eng_model_kernels(m),
                 diff, e);
    free(logits);
    free(p.want);
    eng_cache_free(c);
}

/* Continues p1 greedily; must agree up to the first margin below twice the tolerance. */
static void compare_greedy(const struct fixture *f, struct eng_model *m)
{
    json_t *want = json_object_get(f->exact, "greedy16_after_p1");
    json_t *margins = json_object_get(f->exact, "greedy16_margins");
    struct prompt p;
    prompt_open(&p, f, "p1", true);
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    float *logits = malloc(p.n * f->n_vocab * sizeof(float));
    bool last[256] = {false};
    assert_non_null(logits);
    last[p.n - 1] = true;
    forward(m, c, (struct eng_batch){.n = p.n, .tokens = p.tokens, .want = last}, logits);
    size_t agreed = 0;
    for (size_t i = 0; i < 16; i++) {
        int32_t t = (int32_t)arg_max(logits, f->n_vocab);
        if (json_number_value(json_array_get(margins, i)) < 2 * f->tolerance)
            break;
        assert_int_equal(t, json_integer_value(json_array_get(want, i)));
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &t}, logits);
        agreed++;
    }
    assert_true(agreed > 0 || is_quantised(m));
    free(logits);
    free(p.want);
    eng_cache_free(c);
}

/* ---- the same tokens fed in other ways ---- */

static void other_ways(const struct fixture *f, struct eng_model *m)
{
    struct prompt p, p2;
    prompt_open(&p, f, "p1", true);
    prompt_open(&p2, f, "p2", true);
    uint32_t v = f->n_vocab;
    size_t n = p.n * v;
    /* a row's sums do not depend on what else is in the batch: equal to the bit */
    const double tol = 0;
    float *whole = malloc(n * sizeof(float)), *other = malloc((n + p2.n * v) * sizeof(float));
    assert_true(whole && other);
    struct eng_cache *c = new_cache(m, 3, CONTEXT);
    forward(m, c, (struct eng_batch){.n = p.n, .tokens = p.tokens}, whole);
    assert_int_equal(eng_cache_len(c, 0), p.n);

    /* token by token, in sequence 2 */
    uint32_t two = 2;
    for (size_t i = 0; i < p.n; i++)
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &p.tokens[i], .seqs = &two},
                other + i * v);
    assert_true(max_diff(whole, other, n) <= tol);

    /* p1 and p2 interleaved in one batch: each as if alone; sequence 0 is emptied for it */
    int32_t tokens[512];
    uint32_t seqs[512], row_of[256], row2_of[256], k = 0;
    for (size_t i = 0; i < p.n || i < p2.n; i++) {
        if (i < p2.n) {
            row2_of[i] = k;
            tokens[k] = p2.tokens[i];
            seqs[k++] = 1;
        }
        if (i < p.n) {
            row_of[i] = k;
            tokens[k] = p.tokens[i];
            seqs[k++] = 0;
        }
    }
    eng_cache_truncate(c, 0, 0);
    forward(m, c, (struct eng_batch){.n = k, .tokens = tokens, .seqs = seqs}, other);
    for (size_t i = 0; i < p.n; i++)
        assert_true(max_diff(whole + i * v, other + (size_t)row_of[i] * v, v) <= tol);
    float *whole2 = malloc(p2.n * v * sizeof(float));
    assert_non_null(whole2);
    eng_cache_truncate(c, 2, 0);
    uint32_t twos[256];
    for (size_t i = 0; i < 256; i++)
        twos[i] = 2;
    forward(m, c, (struct eng_batch){.n = p2.n, .tokens = p2.tokens, .seqs = twos}, whole2);
    for (size_t i = 0; i < p2.n; i++)
        assert_true(max_diff(whole2 + i * v, other + (size_t)row2_of[i] * v, v) <= tol);
    free(whole2);

    /* a kept prefix, copied to another sequence, continued from there */
    eng_cache_copy(c, 1, 0, 10);
    assert_int_equal(eng_cache_len(c, 1), 10);
    eng_cache_truncate(c, 0, 5);
    uint32_t ones[256];
    for (size_t i = 0; i < 256; i++)
        ones[i] = 1;
    forward(m, c, (struct eng_batch){.n = p.n - 10, .tokens = p.tokens + 10, .seqs = ones}, other);
    assert_true(max_diff(whole + 10 * v, other, (p.n - 10) * v) <= tol);
    forward(m, c, (struct eng_batch){.n = p.n - 5, .tokens = p.tokens + 5}, other);
    assert_true(max_diff(whole + 5 * v, other, (p.n - 5) * v) <= tol);
    free(whole);
    free(other);
    free(p.want);
    free(p2.want);
    eng_cache_free(c);
}

static bool check_model(const char *dir, const char *name)
{
    struct fixture f;
    if (!fixture_open(&f, dir, name))
        return false;
    for (int d = 0; d < 3; d++) {
        struct eng_model *m = open_model(&f, d == 2 ? ENG_DEVICE_REF : ENG_DEVICE_CPU, 2,
                                         d ? ENG_ACTIVATIONS_INT16 : ENG_ACTIVATIONS_INT8);
        if (d == 1 && !is_quantised(m)) { /* the same as before */
            eng_model_free(m);
            continue;
        }
        compare_prompt(&f, m, "p1");
        compare_prompt(&f, m, "p2");
        compare_prompt(&f, m, "p3"); /* where there are such */
        compare_prompt(&f, m, "p4");
        if (!is_rounded(m))
            compare_greedy(&f, m);
        other_ways(&f, m);
        eng_model_free(m);
    }
    fixture_close(&f);
    return true;
}

static void models_in_the_repository(void **state)
{
    static const char *const names[] = {"llama",        "llama-moe",      "qwen3",
                                        "qwen3moe",     "q-llama-Q4_K_M", "q-llama-Q8_0",
                                        "gpt-oss-mxfp4"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(check_model(NEAR_DIR, names[i]));
}

static void models_of_the_full_set(void **state)
{
    static const char *const names[] = {"models/llama-f16-tied-ropefreqs",
                                        "models/qwen2",
                                        "models/qwen2moe",
                                        "models/olmoe",
                                        "models/granite",
                                        "models/granitemoe",
                                        "models/mistral3",
                                        "models/glm4moe-air",
                                        "models/glm4moe-qknorm",
                                        "models/deepseek2-lite-nolora",
                                        "models/deepseek2-v2",
                                        "models/deepseek2-v3",
                                        "models/deepseek2-kimi-k2",
                                        "models/mistral4",
                                        "models/gemma3",
                                        "models/gemma4-dense",
                                        "models/gemma4-moe",
                                        "models/phi3-short",
                                        "models/phi3-long",
                                        "models/llama4-scout",
                                        "models/llama4-maverick",
                                        "models/gpt-oss",
                                        "quant_models/q-gpt-oss-MXFP4_MOE",
                                        "quant_models/q-llama-Q4_0",
                                        "quant_models/q-llama-Q6_K",
                                        "quant_models/q-qwen3moe-Q4_K_M",
                                        "quant_models/q-qwen3moe-Q8_0"};
    (void)state;
    if (access(far_dir(), R_OK) != 0) {
        print_message(
            "    skipped: no fixtures at %s (set WEIR_FIXTURES); not run: F16, Q4_0, Q6_K, "
            "quantised experts, qwen2, qwen2moe, olmoe, granite, granitemoe, mistral3, "
            "gpt-oss, glm4moe, deepseek2, mistral4, gemma3, "
            "gemma4, phi3, llama4\n",
            far_dir());
        skip();
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(check_model(far_dir(), names[i]));
    /* a member of a family that is built, with parts that are not */
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    snprintf(path, sizeof(path), "%s/models/gemma4-e2b.gguf", far_dir());
    assert_int_equal(eng_model_open(path, NULL, &m, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "per_layer_input\" is not 0, which this build"));
}

/* Every version of the kernels, and one and many threads, on one quantised and one MoE model. */
static void every_version_and_thread_count(void **state)
{
    static const char *const versions[] = {"c", "avx2", "avx512", "vnni"};
    static const char *const names[] = {"q-llama-Q4_K_M", "llama-moe"};
    (void)state;
    for (int n = 0; n < 2; n++) {
        struct fixture f;
        assert_true(fixture_open(&f, NEAR_DIR, names[n]));
        for (int v = 0; v < 8; v++) {
            assert_int_equal(setenv("WEIR_CPU", versions[v / 2], 1), 0);
            struct eng_model *m =
                open_model(&f, ENG_DEVICE_CPU, v / 2 % 2 ? 1 : 4,
                           v % 2 ? ENG_ACTIVATIONS_INT8 : ENG_ACTIVATIONS_AUTO); /* small: 16 */
            if (eng_kernels_named(versions[v / 2]))
                assert_string_equal(eng_model_kernels(m), versions[v / 2]);
            assert_string_equal(eng_model_activations(m), v % 2 ? "int8" : "int16");
            compare_prompt(&f, m, "p2");
            eng_model_free(m);
        }
        assert_int_equal(unsetenv("WEIR_CPU"), 0);
        fixture_close(&f);
    }
}

/* ---- experts ---- */

/* One token over and over: values do not differ by position, so every token is the same in every
 * layer and all go to the same experts, whose groups are then as large as they can be. */
static void same_experts(const char *dir, const char *name)
{
    enum { N = 70 };
    struct fixture f;
    assert_true(fixture_open(&f, dir, name));
    int32_t tokens[N];
    for (int i = 0; i < N; i++)
        tokens[i] = 7;
    size_t n = (size_t)N * f.n_vocab;
    float *want = malloc(n * sizeof(float)), *got = malloc(n * sizeof(float));
    assert_true(want && got);
    for (int d = 0; d < 3; d++) {
        struct eng_model *m = open_model(&f, d ? ENG_DEVICE_CPU : ENG_DEVICE_REF, 2,
                                         d == 1 ? ENG_ACTIVATIONS_INT16 : ENG_ACTIVATIONS_INT8);
        struct eng_cache *c = new_cache(m, 1, N);
        forward(m, c, (struct eng_batch){.n = N, .tokens = tokens}, d ? got : want);
        for (size_t i = 1; d == 0 && i < N; i++)
            assert_true(max_diff(want, want + i * f.n_vocab, f.n_vocab) <= f.tolerance);
        if (d && !(nmse(got, want, n) < (is_rounded(m) ? NMSE_MAX : INT16_NMSE_MAX)))
            fail_msg("%s, %s: NMSE %g", name, eng_model_activations(m), nmse(got, want, n));
        eng_cache_free(c);
        eng_model_free(m);
    }
    free(want);
    free(got);
    fixture_close(&f);
}

static void all_tokens_to_the_same_experts(void **state)
{
    (void)state;
    same_experts(NEAR_DIR, "llama-moe");
    same_experts(NEAR_DIR, "qwen3moe");
    if (access(far_dir(), R_OK) != 0) {
        print_message("    not run without fixtures (WEIR_FIXTURES): quantised experts\n");
        return;
    }
    same_experts(far_dir(), "quant_models/q-qwen3moe-Q4_K_M");
    same_experts(far_dir(), "quant_models/q-qwen3moe-Q8_0");
}

/* ---- misuse ---- */

static void batches_that_do_not_hold(void **state)
{
    (void)state;
    struct fixture f;
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    struct eng_model *m = open_model(&f, ENG_DEVICE_CPU, 1, ENG_ACTIVATIONS_AUTO);
    struct eng_cache *c = new_cache(m, 2, 4), *none;
    struct base_err err;
    float *logits = calloc(8 * f.n_vocab, sizeof(float));
    assert_non_null(logits);
    int32_t tokens[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t seqs[8] = {0, 0, 7}, pos[8] = {5, 6, 8};
    struct eng_batch b = {.n = 5, .tokens = tokens};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_LIMIT);
    assert_non_null(strstr(err.text, "context of 4"));
    b = (struct eng_batch){.n = 3, .tokens = tokens, .seqs = seqs};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    b = (struct eng_batch){.n = 3, .tokens = tokens, .pos = pos};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "position 8"));
    tokens[2] = (int32_t)f.n_vocab;
    b = (struct eng_batch){.n = 3, .tokens = tokens};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    tokens[2] = -1;
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_len(c, 0), 0); /* nothing was half done */
    assert_int_equal(eng_cache_new(m, 0, 4, &none, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_new(m, 1, 1u << 21, &none, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_new(m, ENG_SEQ_MAX + 1, 4, &none, &err), BASE_EINVAL);
    b = (struct eng_batch){.n = 0};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_OK);
    /* a start anywhere, and a batch of which no logits are wanted */
    bool want[8] = {false};
    b = (struct eng_batch){.n = 2, .tokens = tokens, .pos = pos, .want = want};
    logits[0] = 42;
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_OK);
    assert_true(logits[0] == 42);
    assert_int_equal(eng_cache_len(c, 0), 2);
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
    fixture_close(&f);
}

/* ---- files that lack something ---- */

/* Writes a copy of the model with `from` replaced by `to` (same length) after the first `skip`
 * bytes past the place, opens it and expects an error that says `says`. */
static void broken(const char *name, const char *from, size_t at, const void *to, size_t n,
                   const char *says)
{
    char path[] = "/tmp/weir-engine-test-XXXXXX", src[300];
    struct base_buf b;
    struct base_err err = {0};
    struct eng_model *m;
    snprintf(src, sizeof(src), NEAR_DIR "/%s.gguf", name);
    base_buf_init(&b, 8u << 20);
    assert_int_equal(base_file_read(src, &b, &err), BASE_OK);
    size_t i = base_str_find(base_buf_view(&b), base_str_c(from), 0);
    assert_true(i != SIZE_MAX);
    memcpy(b.p + i + at, to, n);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(base_write_all(fd, b.p, b.n, &err), BASE_OK);
    close(fd);
    enum base_status st = eng_model_open(path, NULL, &m, &err);
    unlink(path);
    base_buf_release(&b);
    assert_int_equal(st, BASE_EINVAL);
    assert_null(m);
    if (!strstr(err.text, says) || !strstr(err.text, path))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void files_that_lack_something(void **state)
{
    (void)state;
    /* behind a key: u32 kind, value; behind a tensor's name: u32 dimensions, u64 ne[], u32 type */
    broken("llama", "general.architecture", 32, "llamo", 5, "\"llamo\" is not built in; built in");
    broken("llama", "general.architecture", 0, "General", 7, "does not name its architecture");
    broken("llama", "output_norm.weight", 0, "O", 1, "\"output_norm.weight\" is missing");
    broken("llama", "blk.1.attn_k.weight", 0, "B", 1, "\"blk.1.attn_k.weight\" is missing");
    broken("llama", "blk.2.ffn_down.weight", 0, "B", 1, "\"blk.2.ffn_down.weight\" is missing");
    broken("llama-moe", "blk.0.ffn_gate_inp.weight", 0, "B", 1, "ffn_gate_inp.weight\" is missing");
    broken("qwen3", "blk.0.attn_q_norm.weight", 0, "B", 1, "attn_q_norm.weight\" is missing");
    broken("gpt-oss-mxfp4", "blk.1.attn_sinks.weight", 0, "B", 1, "attn_sinks.weight\" is missing");
    broken("gpt-oss-mxfp4", "blk.0.ffn_up_exps.bias", 22 + 4, "\x10", 1, "bias\" has the shape");
    broken("gpt-oss-mxfp4", "gpt-oss.attention.sliding_window", 0, "G", 1, "window\" is missing");
    broken("llama", "llama.block_count", 0, "L", 1, "\"llama.block_count\" is missing");
    broken("llama", "llama.block_count", 17 + 4, "\0\0\0\0", 4, "block_count\" is out of range");
    broken("llama", "llama.block_count", 17 + 4, "\xff\xff\xff\xff", 4, "is out of range");
    broken("llama", "llama.block_count", 17 + 4, "\x04\0\0\0", 4, "\"blk.3.attn_norm.weight\" is");
    broken("llama", "llama.embedding_length", 22 + 4, "\x80\0\0\0", 4,
           "token_embd.weight\" has the shape");
    broken("llama", "llama.attention.head_count", 26 + 4, "\x03\0\0\0", 4, "does not divide");
    broken("llama", "llama.attention.head_count_kv", 29 + 4, "\x01\0\0\0", 4,
           "attn_k.weight\" has the shape");
    broken("llama", "llama.rope.freq_base", 20 + 4, "\0\0\xc0\x7f", 4, "freq_base\" is no finite");
    broken("llama", "llama.rope.freq_base", 20 + 4, "\0\0\0\0", 4, "freq_base\" must be above 1");
    broken("llama-moe", "llama.expert_used_count", 23 + 4, "\x09\0\0\0", 4, "used_count\" is out");
    broken("llama-moe", "llama.expert_count", 18 + 4, "\x07\0\0\0", 4, "has the shape");
    /* F32 [64] norm said to be I32; [64, 64] said to be [32, 128] */
    broken("llama", "blk.0.attn_norm.weight", 22 + 4 + 8, "\x1a\0\0\0", 4, "type I32, which");
    broken("llama", "blk.0.attn_output.weight", 24 + 4, "\x20\0\0\0\0\0\0\0\x80", 9,
           "has the shape [32, 128");
}

/* ---- the commands ---- */

static int run_logits(const char *file, const char *tokens, const char *out, const char *device)
{
    char *argv[] = {(char *)"logits",   (char *)file,    (char *)"--tokens",
                    (char *)tokens,     (char *)"--out", (char *)out,
                    (char *)"--device", (char *)device,  NULL};
    return eng_cmd_logits(8, argv);
}

static void commands(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-engine-test-XXXXXX";
    struct fixture f;
    struct prompt p;
    struct base_buf b;
    struct base_err err;
    const char *file = NEAR_DIR "/llama.gguf";
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    prompt_open(&p, &f, "p1", true);
    close(mkstemp(path));
    /* the first three positions are those of the whole prompt: attention looks back only */
    char tokens[64];
    snprintf(tokens, sizeof(tokens), "%d,%d, %d", p.tokens[0], p.tokens[1], p.tokens[2]);
    assert_int_equal(run_logits(file, tokens, path, "ref"), 0);
    base_buf_init(&b, 1u << 20);
    assert_int_equal(base_file_read(path, &b, &err), BASE_OK);
    unlink(path);
    assert_int_equal(b.n, 3 * f.n_vocab * sizeof(float));
    float *got = malloc(b.n);
    assert_non_null(got);
    memcpy(got, b.p, b.n);
    assert_true(max_diff(got, p.want, 3 * f.n_vocab) <= f.tolerance);
    assert_int_equal(run_logits(file, tokens, path, "cuda"), 2);
    assert_int_equal(run_logits(file, tokens, path, "abacus"), 2);
    assert_int_equal(run_logits(file, "1,,2", path, "ref"), 2);
    assert_int_equal(run_logits(file, "1,999999", path, "ref"), 2);
    assert_int_equal(run_logits("no/such.gguf", "1", path, "ref"), 2);
    assert_int_equal(run_logits(file, "1", "/no/such/dir/out", "ref"), 2);
    assert_int_equal(access(path, F_OK), -1);
    char *info[] = {(char *)"info", (char *)"no/such.gguf", NULL};
    assert_int_equal(eng_cmd_info(2, info), 2);
    assert_int_equal(eng_cmd_info(1, info), 2);
    char *bench[] = {(char *)"bench", (char *)file, (char *)"--pp", (char *)"0", NULL};
    assert_int_equal(eng_cmd_bench(4, bench), 2);
    bench[2] = (char *)"--activations";
    bench[3] = (char *)"int4";
    assert_int_equal(eng_cmd_bench(4, bench), 2);
    char *fine[] = {(char *)"logits",
                    (char *)file,
                    (char *)"--tokens",
                    tokens,
                    (char *)"--activations",
                    (char *)"int32",
                    (char *)"--out",
                    path,
                    NULL};
    assert_int_equal(eng_cmd_logits(8, fine), 2);
    free(got);
    free(p.want);
    base_buf_release(&b);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_in_the_repository),
        cmocka_unit_test(models_of_the_full_set),
        cmocka_unit_test(every_version_and_thread_count),
        cmocka_unit_test(all_tokens_to_the_same_experts),
        cmocka_unit_test(batches_that_do_not_hold),
        cmocka_unit_test(files_that_lack_something),
        cmocka_unit_test(commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
