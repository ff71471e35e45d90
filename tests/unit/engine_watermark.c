/* Goal: engine/sample/watermark.c chooses green tokens by SipHash-2-4 alone, biases what may be
 * picked and nothing else, counts each pair once, and its z is the paper's; a sampler with the mark
 * writes tokens that the test finds, one without does not.
 *
 * Method: the published SipHash vector; made-up logits; 300 tokens sampled from flat logits under
 * two keys; key files that are none.
 */
#include "engine/sample/sampler.h"
#include "engine/sample/watermark.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define N_VOCAB 5000
#define N_TEXT  300

static struct eng_watermark mark(uint8_t first)
{
    struct eng_watermark w = {.gamma = 0.25f, .delta = 2.0f};
    for (int i = 0; i < ENG_WATERMARK_KEY_BYTES; i++)
        w.key[i] = (uint8_t)(first + i);
    return w;
}

/* Aumasson, Bernstein: key 00..0f, message 00..07 hashes to 93f5f5799a932462, 0.57797 of 2^64. */
static void test_siphash(void **state)
{
    (void)state;
    struct eng_watermark w = mark(0);
    w.gamma = 0.57796f;
    assert_false(eng_watermark_green(&w, 0x07060504, 0x03020100));
    w.gamma = 0.57798f;
    assert_true(eng_watermark_green(&w, 0x07060504, 0x03020100));
}

static void test_share(void **state)
{
    (void)state;
    struct eng_watermark w = mark(7);
    for (int32_t previous = 0; previous < 5; previous++) {
        int green = 0;
        for (int32_t t = 0; t < 100000; t++)
            green += eng_watermark_green(&w, previous, t);
        assert_in_range(green, 24400, 25600); /* 25000, 4 sigma is 548 */
    }
}

static void test_bias(void **state)
{
    (void)state;
    struct eng_watermark w = mark(1);
    float x[64], was[64];
    for (int i = 0; i < 64; i++)
        x[i] = was[i] = i < 32 ? 10.0f - (float)i * 0.1f : -30.0f;
    x[63] = was[63] = -INFINITY;
    eng_watermark_bias(&w, 5, x, 64, 24.0f);
    int moved = 0;
    for (int i = 0; i < 64; i++) {
        bool green = eng_watermark_green(&w, 5, i);
        if (i < 32 && green) {
            assert_float_equal(x[i], was[i] + 2.0f, 1e-6);
            moved++;
        } else {
            assert_true(x[i] == was[i]); /* red, or out of reach */
        }
    }
    assert_in_range(moved, 2, 20);
}

static void write_text(const struct eng_watermark *w, float temperature, int32_t *ids)
{
    struct eng_sampling p = eng_sampling_default();
    p.temperature = temperature;
    p.top_k = 0;
    p.top_p = 1;
    p.min_p = 0;
    p.seeded = true;
    p.seed = 42;
    struct eng_sampler *s = eng_sampler_new(&p, N_VOCAB);
    float *logits = malloc(N_VOCAB * sizeof(*logits));
    unsigned r = 1;
    assert_non_null(s);
    assert_non_null(logits);
    if (w)
        eng_sampler_mark(s, w, 3);
    for (int i = 0; i < N_TEXT; i++) {
        for (int t = 0; t < N_VOCAB; t++)
            logits[t] = (float)((r = r * 1103515245u + 12345u) >> 16 & 255) / 256.0f;
        ids[i] = eng_sampler_pick(s, logits);
    }
    free(logits);
    eng_sampler_free(s);
}

static void test_found_with_the_key_only(void **state)
{
    (void)state;
    struct eng_watermark w = mark(9), other = mark(100);
    struct eng_watermark_test t;
    struct base_err err;
    int32_t ids[N_TEXT];
    for (int greedy = 0; greedy < 2; greedy++) {
        write_text(&w, greedy ? 0.0f : 1.0f, ids);
        assert_int_equal(eng_watermark_detect(&w, ids, N_TEXT, &t, &err), BASE_OK);
        assert_true(t.z > 8 && t.p < 1e-12);
        assert_int_equal(t.tokens, N_TEXT);
        assert_int_equal(eng_watermark_detect(&other, ids, N_TEXT, &t, &err), BASE_OK);
        assert_true(t.z < 4);
        write_text(NULL, greedy ? 0.0f : 1.0f, ids);
        assert_int_equal(eng_watermark_detect(&w, ids, N_TEXT, &t, &err), BASE_OK);
        assert_true(t.z < 4 && t.p > 1e-5);
    }
}

/* The same pair again and again is one pair: a repeated phrase proves nothing. */
static void test_repeats_count_once(void **state)
{
    (void)state;
    struct eng_watermark w = mark(9);
    struct eng_watermark_test t;
    struct base_err err;
    int32_t ids[200];
    for (int i = 0; i < 200; i++)
        ids[i] = i % 2;
    assert_int_equal(eng_watermark_detect(&w, ids, 200, &t, &err), BASE_OK);
    assert_int_equal(t.pairs, 2);
    for (uint32_t green = 0; green <= 2; green++)
        if (t.green == green)
            assert_float_equal(t.z, (green - 0.5) / sqrt(2 * 0.25 * 0.75), 1e-9);
    assert_int_equal(eng_watermark_detect(&w, ids, 1, &t, &err), BASE_OK);
    assert_int_equal(t.pairs, 0);
    assert_float_equal(t.p, 1.0, 0);
}

static void test_key_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-mark-XXXXXX", file[64];
    struct eng_watermark a = {0}, b = {0};
    struct base_err err;
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/key", dir);
    assert_int_equal(eng_watermark_key(file, &a, &err), BASE_OK);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(eng_watermark_key(file, &b, &err), BASE_OK);
    assert_memory_equal(a.key, b.key, sizeof(a.key));
    static const char *const bad[] = {"", "0123", "0123456789abcdef0123456789abcdeg\n",
                                      "0123456789abcdef0123456789abcdef00\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        FILE *f = fopen(file, "w");
        assert_non_null(f);
        fputs(bad[i], f);
        fclose(f);
        assert_int_equal(eng_watermark_key(file, &b, &err), BASE_EINVAL);
        assert_non_null(strstr(err.text, file));
    }
    unlink(file);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_found_with_the_key_only),
        cmocka_unit_test(test_repeats_count_once),
        cmocka_unit_test(test_key_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
