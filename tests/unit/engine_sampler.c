/* engine_sampler.c - the sampler's choices and the text that leaves it.
 *
 * Method: choices are checked against probabilities worked out by hand on tiny vocabularies, with
 * counts over many draws; stop strings by cutting texts into pieces at every place, where the
 * text shown must always be the same and at no moment more than may be shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "engine/sample/sampler.h"

static struct eng_sampling plain(float temperature)
{
    return (struct eng_sampling){
        .temperature = temperature, .top_p = 1, .repeat = 1, .seed = 42, .seeded = true};
}

static void count(struct eng_sampling p, const float *logits, uint32_t n, int draws, int *counts)
{
    float row[16];
    struct eng_sampler *s = eng_sampler_new(&p, n);
    assert_non_null(s);
    memset(counts, 0, n * sizeof(*counts));
    for (int i = 0; i < draws; i++) {
        memcpy(row, logits, n * sizeof(*row));
        int32_t id = eng_sampler_pick(s, row);
        assert_true(id >= 0 && (uint32_t)id < n);
        counts[id]++;
    }
    eng_sampler_free(s);
}

static void near(int got, double want)
{
    if (fabs(got - want) > 5 * sqrt(want) + 5)
        fail_msg("%d, expected about %.0f", got, want);
}

static void test_choices(void **state)
{
    (void)state;
    const float logits[4] = {logf(0.5f), logf(0.3f), logf(0.15f), logf(0.05f)};
    int c[4];
    struct eng_sampling p = plain(1);
    count(p, logits, 4, 20000, c);
    near(c[0], 10000), near(c[1], 6000), near(c[2], 3000), near(c[3], 1000);
    p.top_k = 2;
    count(p, logits, 4, 20000, c);
    near(c[0], 12500), near(c[1], 7500);
    assert_int_equal(c[2] + c[3], 0);
    p = plain(1), p.top_p = 0.7f; /* 0.5 is not enough, 0.5 + 0.3 is */
    count(p, logits, 4, 20000, c);
    near(c[0], 12500);
    assert_int_equal(c[2] + c[3], 0);
    p.top_p = 0;
    count(p, logits, 4, 100, c);
    assert_int_equal(c[0], 100);
    p = plain(1), p.min_p = 0.25f; /* of the likeliest: 0.125 */
    count(p, logits, 4, 20000, c);
    near(c[0], 20000 * 0.5 / 0.95), near(c[2], 20000 * 0.15 / 0.95);
    assert_int_equal(c[3], 0);
    count(plain(0.5f), logits, 4, 20000, c); /* probabilities squared */
    near(c[0], 20000 * 0.25 / 0.365), near(c[3], 20000 * 0.0025 / 0.365);
    count(plain(0), logits, 4, 100, c);
    assert_int_equal(c[0], 100);
    count(plain(1e-6f), logits, 4, 100, c);
    assert_int_equal(c[0], 100);
}

static void test_seed(void **state)
{
    (void)state;
    float row[8];
    int32_t first[64];
    for (int round = 0; round < 3; round++) {
        struct eng_sampling p = plain(2);
        p.seed = round < 2 ? 7 : 8;
        struct eng_sampler *s = eng_sampler_new(&p, 8);
        assert_non_null(s);
        int same = 0;
        for (int i = 0; i < 64; i++) {
            for (int k = 0; k < 8; k++)
                row[k] = (float)k / 4;
            int32_t id = eng_sampler_pick(s, row);
            if (round == 0)
                first[i] = id;
            same += id == first[i];
        }
        assert_true(round < 2 ? same == 64 : same < 40);
        eng_sampler_free(s);
    }
}

static void test_penalties(void **state)
{
    (void)state;
    struct eng_sampling p = plain(0);
    p.presence = 1.5f;
    p.frequency = 0.25f;
    struct eng_sampler *s = eng_sampler_new(&p, 3);
    assert_non_null(s);
    static const int32_t want[] = {0, 1, 0, 0, 1};
    for (size_t i = 0; i < 5; i++) { /* 3, 2 -> 1.25 2 -> 1.25 0.25 -> 1 0.25 0 -> ... */
        float row[3] = {3, 2, 0};
        int32_t id = eng_sampler_pick(s, row);
        if (i < 4)
            assert_int_equal(id, want[i]);
    }
    eng_sampler_free(s);
    p = plain(0), p.repeat = 2;
    s = eng_sampler_new(&p, 2);
    assert_non_null(s);
    float a[2] = {3, 2}, b[2] = {3, 2}, c[2] = {-3, -5};
    assert_int_equal(eng_sampler_pick(s, a), 0);
    assert_int_equal(eng_sampler_pick(s, b), 1); /* 3 / 2 < 2 */
    assert_int_equal(eng_sampler_pick(s, c), 0); /* -6, -10 */
    assert_true(c[0] == -6);
    eng_sampler_free(s);
}

static void test_bad_logits(void **state)
{
    (void)state;
    struct eng_sampling p = plain(1);
    struct eng_sampler *s = eng_sampler_new(&p, 3);
    assert_non_null(s);
    float none[3] = {NAN, INFINITY, -INFINITY};
    assert_int_equal(eng_sampler_pick(s, none), -1);
    for (int i = 0; i < 100; i++) {
        float one[3] = {NAN, 1, INFINITY};
        assert_int_equal(eng_sampler_pick(s, one), 1);
    }
    eng_sampler_free(s);
}

/* ---- text ---- */

static enum base_status feed(struct eng_text *t, struct base_str s, const size_t *cuts, size_t n,
                             struct base_buf *out)
{
    size_t at = 0;
    enum base_status st = BASE_OK;
    for (size_t i = 0; i <= n && st == BASE_OK; i++) {
        size_t to = i < n ? cuts[i] : s.n;
        st = eng_text_push(t, base_str_n(s.p + at, to - at), out, NULL);
        assert_true(base_utf8_valid(base_buf_view(out)));
        at = to;
    }
    return st;
}

static void all_cuts(const char *text, const char *const *stops, const char *want, int hit)
{
    struct base_str s = base_str_c(text), w = base_str_c(want);
    for (size_t a = 0; a <= s.n; a++)
        for (size_t b = a; b <= s.n; b++) {
            struct eng_text t;
            struct base_buf out;
            size_t cuts[2] = {a, b};
            eng_text_init(&t);
            base_buf_init(&out, 1000);
            for (size_t i = 0; stops[i]; i++)
                assert_int_equal(eng_text_add_stop(&t, base_str_c(stops[i]), NULL), BASE_OK);
            enum base_status st = feed(&t, s, cuts, 2, &out);
            assert_int_equal(st, hit >= 0 ? BASE_DONE : BASE_OK);
            assert_true(base_str_starts(w, base_buf_view(&out))); /* nothing that is not wanted */
            assert_int_equal(eng_text_end(&t, &out, NULL), BASE_OK);
            assert_true(base_str_eq(base_buf_view(&out), w));
            assert_int_equal(t.hit, hit);
            base_buf_release(&out);
            eng_text_release(&t);
        }
}

static void test_stops(void **state)
{
    (void)state;
    all_cuts("hello STOP world", (const char *const[]){"STOP", NULL}, "hello ", 0);
    all_cuts("hello STO world ST", (const char *const[]){"STOP", NULL}, "hello STO world ST", -1);
    all_cuts("aaab", (const char *const[]){"aab", NULL}, "a", 0);
    all_cuts("one\n\nUser: two", (const char *const[]){"\nUser:", "\n\n", NULL}, "one", 1);
    all_cuts("za\xc5\xbc\xc3\xb3\xf0\x9f\x99\x82!", (const char *const[]){"\xc3\xb3", NULL},
             "za\xc5\xbc", 0);
    all_cuts("STOP", (const char *const[]){"", "STOP", NULL}, "", 0);
    all_cuts("za\xc5\xbc\xc3\xb3\xf0\x9f\x99\x82!", (const char *const[]){NULL},
             "za\xc5\xbc\xc3\xb3\xf0\x9f\x99\x82!", -1);
}

static void test_utf8(void **state)
{
    (void)state;
    struct eng_text t;
    struct base_buf out;
    eng_text_init(&t);
    base_buf_init(&out, 1000);
    struct base_str s = BASE_STR("a\xff\xc3(\xe2\x82");
    for (size_t i = 0; i < s.n; i++)
        assert_int_equal(eng_text_push(&t, base_str_n(s.p + i, 1), &out, NULL), BASE_OK);
    assert_int_equal(eng_text_end(&t, &out, NULL), BASE_OK);
    assert_string_equal(out.p, "a\xef\xbf\xbd\xef\xbf\xbd("); /* the cut sequence is not shown */
    base_buf_release(&out);
    base_buf_init(&out, 4); /* a full buffer is an error, not a silence */
    assert_int_equal(eng_text_push(&t, BASE_STR("xyz12345"), &out, NULL), BASE_LIMIT);
    base_buf_release(&out);
    char big[ENG_STOP_BYTES_MAX + 1] = {'x'};
    assert_int_equal(eng_text_add_stop(&t, base_str_n(big, sizeof(big)), NULL), BASE_LIMIT);
    for (int i = 0; i < ENG_STOP_MAX; i++)
        assert_int_equal(eng_text_add_stop(&t, BASE_STR("x"), NULL), BASE_OK);
    assert_int_equal(eng_text_add_stop(&t, BASE_STR("x"), NULL), BASE_LIMIT);
    eng_text_release(&t);
}

/* A device that picks, or declines, leaves the sampler as if it had picked by itself. */
static void test_device(void **state)
{
    (void)state;
    struct eng_sampling p = plain(1.3f);
    p.presence = 0.4f;
    p.frequency = 0.2f;
    p.repeat = 1.2f;
    struct eng_sampler *alone = eng_sampler_new(&p, 16), *asked = eng_sampler_new(&p, 16);
    for (int i = 0; i < 400; i++) {
        float row[16], same[16];
        struct eng_sampler_ask ask;
        for (int j = 0; j < 16; j++)
            row[j] = same[j] = (float)((i * 7 + j * 5) % 11) / 3 - 1;
        int32_t id = eng_sampler_pick(alone, row);
        assert_true(eng_sampler_ask(asked, &ask));
        assert_true(ask.draw >= 0 && ask.draw < 1);
        if (i % 2) {
            eng_sampler_took(asked, id);
            continue;
        }
        for (size_t k = 0; k < ask.n_seen; k++) { /* what the device does before it declines */
            float *x = &same[ask.seen[k]];
            *x = *x > 0 ? *x / 1.2f : *x * 1.2f;
            *x -= 0.4f + 0.2f * (float)ask.count[ask.seen[k]];
        }
        assert_int_equal(eng_sampler_pick(asked, same), id);
    }
    eng_sampler_free(alone);
    eng_sampler_free(asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices),   cmocka_unit_test(test_seed),
        cmocka_unit_test(test_penalties), cmocka_unit_test(test_bad_logits),
        cmocka_unit_test(test_stops),     cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
