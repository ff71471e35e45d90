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
 * operators against logits of the widened weights), and for activations of 16 bits on the fast
 * operators too, with a normalised squared error below 2e-9 besides; with 8 bits, each rounds in
 * its own way, 5e-3 against logits of an implementation that rounds too. All but the last must also
 * continue greedily as the reference.
 */
#include "tests/unit/engine_fixture.h"

#include "engine/cpu/ops.h"

#define NMSE_MAX       5e-3
#define INT16_NMSE_MAX 2e-9

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
    if (rounded ? !(e < NMSE_MAX) : !(diff <= f->tolerance && e < most))
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

/* ---- the same tokens fed in other ways: equal to the bit, since no row depends on others ---- */

struct ways {
    struct prompt p, p2;
    uint32_t v;    /* vocabulary */
    float *whole;  /* p's logits, in one batch of its own */
    float *whole2; /* p2's */
    float *other;  /* room for both */
    bool marks[2 * CONTEXT];
    uint32_t seqs[2 * CONTEXT];
};

static bool same(const float *a, const float *b, size_t n)
{
    return max_diff(a, b, n) <= 0;
}

static uint32_t *all_in(struct ways *w, uint32_t seq)
{
    for (size_t i = 0; i < 2 * CONTEXT; i++)
        w->seqs[i] = seq;
    return w->seqs;
}

static void one_by_one(struct ways *w, struct eng_model *m, struct eng_cache *c, uint32_t seq)
{
    for (size_t i = 0; i < w->p.n; i++)
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &w->p.tokens[i], .seqs = all_in(w, seq)},
                w->other + i * w->v);
    assert_true(same(w->whole, w->other, w->p.n * w->v));
}

/* p1 in sequence 0 and p2 in 1, interleaved in one batch: each as if alone. Sequence 0 is marked
 * behind its tokens 5 and 10. */
static void interleaved(struct ways *w, struct eng_model *m, struct eng_cache *c)
{
    int32_t tokens[2 * CONTEXT];
    uint32_t row_of[CONTEXT], row2_of[CONTEXT], k = 0;
    memset(w->marks, 0, sizeof(w->marks));
    for (size_t i = 0; i < w->p.n || i < w->p2.n; i++) {
        if (i < w->p2.n) {
            row2_of[i] = k;
            tokens[k] = w->p2.tokens[i];
            w->seqs[k++] = 1;
        }
        if (i < w->p.n) {
            row_of[i] = k;
            tokens[k] = w->p.tokens[i];
            w->marks[k] = i == 4 || i == 9;
            w->seqs[k++] = 0;
        }
    }
    forward(m, c, (struct eng_batch){.n = k, .tokens = tokens, .seqs = w->seqs, .mark = w->marks},
            w->other);
    for (size_t i = 0; i < w->p.n; i++)
        assert_true(same(w->whole + i * w->v, w->other + (size_t)row_of[i] * w->v, w->v));
    for (size_t i = 0; i < w->p2.n; i++)
        assert_true(same(w->whole2 + i * w->v, w->other + (size_t)row2_of[i] * w->v, w->v));
}

/* Continues p1 from token `from` on in a sequence that holds so much of it. */
static void continued(struct ways *w, struct eng_model *m, struct eng_cache *c, uint32_t seq,
                      uint32_t from)
{
    size_t n = w->p.n - from;
    assert_int_equal(eng_cache_len(c, seq), from);
    forward(m, c, (struct eng_batch){.n = n, .tokens = w->p.tokens + from, .seqs = all_in(w, seq)},
            w->other);
    assert_true(same(w->whole + (size_t)from * w->v, w->other, n * w->v));
}

/* Sequence 0 holds p1, marked behind tokens 5 and 10; 1 holds something else. */
static void cut_and_copied(struct ways *w, struct eng_model *m, struct eng_cache *c)
{
    bool states = eng_model_get_info(m)->recurrent;
    uint32_t n = (uint32_t)w->p.n;
    assert_int_equal(eng_cache_keepable(c, 0, n), n);
    assert_int_equal(eng_cache_keepable(c, 0, n + 7), n);
    assert_int_equal(eng_cache_keepable(c, 0, 10), 10);
    assert_int_equal(eng_cache_keepable(c, 0, n - 1), states ? 10 : n - 1);
    assert_int_equal(eng_cache_keepable(c, 0, 9), states ? 5 : 9);
    assert_int_equal(eng_cache_keepable(c, 0, 4), states ? 0 : 4);
    assert_int_equal(eng_cache_keepable(c, 7, 4), 0);
    assert_int_equal(eng_cache_copy(c, 1, 0, 10), 10);
    continued(w, m, c, 1, 10);
    assert_int_equal(eng_cache_copy(c, 1, 0, n), n); /* a whole sequence, and on from there */
    forward(m, c, (struct eng_batch){.n = 1, .tokens = w->p2.tokens, .seqs = all_in(w, 1)},
            w->other);
    forward(m, c, (struct eng_batch){.n = 1, .tokens = w->p2.tokens}, w->other + w->v);
    assert_true(same(w->other, w->other + w->v, w->v));
    assert_int_equal(eng_cache_truncate(c, 0, 5), 5);
    continued(w, m, c, 0, 5);
    /* the mark behind 10 went with the cut; that behind 5 is still there */
    assert_int_equal(eng_cache_keepable(c, 0, 10), states ? 5 : 10);
    assert_int_equal(eng_cache_truncate(c, 0, 3), states ? 0 : 3);
    continued(w, m, c, 0, states ? 0 : 3);
    assert_int_equal(eng_cache_truncate(c, 0, 0), 0);
    /* there is room for 3 * ENG_NOTED marks: of eight the first two make room */
    memset(w->marks, 0, sizeof(w->marks));
    w->marks[0] = w->marks[2] = w->marks[6] = w->marks[12] = true;
    w->marks[7] = w->marks[8] = w->marks[10] = w->marks[11] = true;
    forward(m, c, (struct eng_batch){.n = n, .tokens = w->p.tokens, .mark = w->marks}, w->other);
    assert_int_equal(eng_cache_keepable(c, 0, 5), states ? 0 : 5);
    assert_int_equal(eng_cache_keepable(c, 0, 7), 7);
    assert_int_equal(eng_cache_truncate(c, 0, 13), 13);
    continued(w, m, c, 0, 13);
    assert_int_equal(eng_cache_truncate(c, 0, 7), 7);
    continued(w, m, c, 0, 7);
}

static void other_ways(const struct fixture *f, struct eng_model *m)
{
    struct ways w = {.v = f->n_vocab};
    prompt_open(&w.p, f, "p1", true);
    prompt_open(&w.p2, f, "p2", true);
    w.whole = malloc(w.p.n * w.v * sizeof(float));
    w.whole2 = malloc(w.p2.n * w.v * sizeof(float));
    w.other = malloc((w.p.n + w.p2.n) * w.v * sizeof(float));
    assert_true(w.whole && w.whole2 && w.other);
    struct eng_cache *c = new_cache(m, 3, CONTEXT);
    forward(m, c, (struct eng_batch){.n = w.p.n, .tokens = w.p.tokens}, w.whole);
    assert_int_equal(eng_cache_len(c, 0), w.p.n);
    forward(m, c, (struct eng_batch){.n = w.p2.n, .tokens = w.p2.tokens, .seqs = all_in(&w, 2)},
            w.whole2);
    assert_int_equal(eng_cache_truncate(c, 2, 0), 0);
    one_by_one(&w, m, c, 2);
    assert_int_equal(eng_cache_truncate(c, 0, 0), 0);
    interleaved(&w, m, c);
    cut_and_copied(&w, m, c);
    free(w.whole);
    free(w.whole2);
    free(w.other);
    free(w.p.want);
    free(w.p2.want);
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
                                        "models/qwen3next",
                                        "models/qwen35moe",
                                        "models/deepseek32",
                                        "models/glm-dsa",
                                        "models/gemma4-e2b",
                                        "models/deepseek4",
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
            "gemma4, phi3, llama4, qwen3next, qwen35moe, "
            "deepseek32, deepseek4, glm-dsa\n",
            far_dir());
        skip();
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(check_model(far_dir(), names[i]));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_in_the_repository),
        cmocka_unit_test(models_of_the_full_set),
        cmocka_unit_test(every_version_and_thread_count),
        cmocka_unit_test(all_tokens_to_the_same_experts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
