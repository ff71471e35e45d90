/* Goal: policy/redact/guard.c lets out every byte that may go out, in order, and none of a finding
 * that is acted on, whatever the split; it holds back no more than it says.
 *
 * Method: answers with identifiers at every distance from the edges of the window, fed whole, in
 * two pieces split at every byte, and byte by byte; the result is compared with the answer as it
 * should be. Findings that the caller gave itself pass. A private key longer than the window, whole
 * and without an end.
 */
#include "policy/redact/guard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ALL (~(pol_types)0)

static struct pol_detector *detector;
static struct pol_scratch *scratch;

static int setup(void **state)
{
    (void)state;
    struct base_err err;
    if (pol_detector_new(&detector, &err) != BASE_OK)
        return -1;
    return pol_scratch_new(detector, &scratch, &err) == BASE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pol_scratch_free(scratch);
    pol_detector_free(detector);
    return 0;
}

static bool knows_anna(void *ctx, struct base_str v)
{
    (void)ctx;
    return base_str_is(v, "anna@example.eu");
}

struct run {
    struct base_buf out;
    uint32_t counts[POL_TYPE_COUNT];
    bool withheld;
    size_t held_max;
};

static void feed(struct pol_guard *g, struct run *r, const char *p, size_t n, size_t *fed)
{
    struct base_err err;
    assert_int_equal(pol_guard_feed(g, base_str_n(p, n), &r->out, r->counts, &err), BASE_OK);
    *fed += n;
    if (*fed > r->out.n && *fed - r->out.n > r->held_max)
        r->held_max = *fed - r->out.n;
}

/* Feeds text in pieces: [0, split), then the rest in steps of `step` bytes (0: whole). */
static void run(struct run *r, enum pol_guard_action action, pol_types types, const char *text,
                size_t split, size_t step)
{
    struct base_err err;
    const struct pol_guard_spec spec = {.detector = detector,
                                        .scratch = scratch,
                                        .action = action,
                                        .types = types,
                                        .known = knows_anna};
    struct pol_guard *g = pol_guard_new(&spec);
    size_t n = strlen(text), fed = 0;
    assert_non_null(g);
    *r = (struct run){0};
    base_buf_init(&r->out, 1 << 20);
    base_buf_z(&r->out, "");
    feed(g, r, text, split, &fed);
    for (size_t at = split; at < n;) {
        size_t m = step && step < n - at ? step : n - at;
        feed(g, r, text + at, m, &fed);
        at += m;
    }
    assert_int_equal(pol_guard_end(g, &r->out, r->counts, &err), BASE_OK);
    r->withheld = pol_guard_withheld(g);
    pol_guard_free(g);
}

static void expect(enum pol_guard_action action, const char *text, const char *want, bool withheld)
{
    size_t n = strlen(text);
    for (size_t split = 0; split <= n; split++)
        for (size_t step = 0; step < 2; step++) {
            struct run r;
            if (step == 1 && split % 16 != 0)
                continue; /* byte by byte: a few starts are enough */
            run(&r, action, ALL, text, split, step);
            if (strcmp(r.out.p, want) != 0)
                fail_msg("split %zu step %zu:\n%s\ninstead of\n%s", split, step, r.out.p, want);
            assert_int_equal(r.withheld, withheld);
            base_buf_release(&r.out);
        }
}

/* n bytes of words that nobody finds anything in. */
static void pad(struct base_buf *b, size_t n)
{
    static const char words[] = "the water goes over the stones and on and on to the sea then ";
    while (n) {
        size_t m = n < sizeof words - 1 ? n : sizeof words - 1;
        base_buf_add(b, words, m);
        n -= m;
    }
}

static void test_redact(void **state)
{
    (void)state;
    expect(POL_GUARD_REDACT, "Pay to DE89 3704 0044 0532 0130 00 today.",
           "Pay to [IBAN withheld] today.", false);
    expect(POL_GUARD_REDACT, "Write to bob@firma.example or anna@example.eu, please.",
           "Write to [EMAIL withheld] or anna@example.eu, please.", false);
    expect(POL_GUARD_REDACT, "", "", false);
    expect(POL_GUARD_REDACT, "Nothing to see.", "Nothing to see.", false);
}

/* A finding at every distance from the window's edges: no byte of it may slip out. */
static void test_edges(void **state)
{
    (void)state;
    for (size_t before = 100; before < 700; before += 7) {
        struct base_buf text, want;
        struct run r;
        base_buf_init(&text, 8192);
        base_buf_init(&want, 8192);
        pad(&text, before);
        base_buf_z(&text, " DE89 3704 0044 0532 0130 00 ");
        pad(&text, 500);
        pad(&want, before);
        base_buf_z(&want, " [IBAN withheld] ");
        pad(&want, 500);
        for (size_t step = 1; step < 200; step += 33) {
            run(&r, POL_GUARD_REDACT, ALL, text.p, 0, step);
            assert_string_equal(r.out.p, want.p);
            assert_int_equal(r.counts[POL_IBAN], 1);
            /* no more held than promised, and the piece being fed */
            assert_true(r.held_max <= 2 * POL_GUARD_HOLD_MAX + 256 + step);
            base_buf_release(&r.out);
        }
        base_buf_release(&text);
        base_buf_release(&want);
    }
}

static void test_withhold(void **state)
{
    (void)state;
    struct run r;
    expect(POL_GUARD_WITHHOLD, "The key is AKIAIOSFODNN7EXAMPLQ and more.", "The key is ", true);
    /* counted once */
    run(&r, POL_GUARD_WITHHOLD, ALL, "Mail bob@firma.example now, or eve@firma.example.", 0, 0);
    assert_int_equal(r.counts[POL_EMAIL], 1);
    base_buf_release(&r.out);
}

static void test_warn(void **state)
{
    (void)state;
    const char *text = "Mail bob@firma.example now, or eve@firma.example, or anna@example.eu.";
    for (size_t step = 0; step < 9; step++) {
        struct run r;
        run(&r, POL_GUARD_WARN, ALL, text, 0, step);
        assert_string_equal(r.out.p, text);
        assert_int_equal(r.counts[POL_EMAIL], 2);
        base_buf_release(&r.out);
    }
}

/* Only the types asked for. */
static void test_types(void **state)
{
    (void)state;
    struct run r;
    run(&r, POL_GUARD_REDACT, POL_TYPE_BIT(POL_IBAN),
        "bob@firma.example has DE89 3704 0044 0532 0130 00", 0, 0);
    assert_string_equal(r.out.p, "bob@firma.example has [IBAN withheld]");
    base_buf_release(&r.out);
}

/* A private key is longer than the window; nothing of its body may go out. */
static void test_long_secret(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++)
        for (size_t step = 1; step < 300; step += 97) {
            struct base_buf text;
            struct run r;
            base_buf_init(&text, 1 << 20);
            base_buf_z(&text, "Here it is:\n-----BEGIN RSA PRIVATE KEY-----\n");
            for (int line = 0; line < (closed ? 25 : 400); line++)
                base_buf_z(&text,
                           "MIIEpAIBAAKCAQEA7bq0Zk1xN0mYvV9o3r5T2u8wQx4yZ6a1B3c5D7e9F1g3H5j7\n");
            if (closed)
                base_buf_z(&text, "-----END RSA PRIVATE KEY-----\nThat was it.\n");
            run(&r, POL_GUARD_REDACT, ALL, text.p, 0, step);
            assert_null(strstr(r.out.p, "MIIE"));
            assert_true(r.counts[POL_SECRET] >= 1);
            assert_int_equal(r.withheld, !closed);
            if (closed)
                assert_non_null(strstr(r.out.p, "That was it."));
            base_buf_release(&text);
            base_buf_release(&r.out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redact),   cmocka_unit_test(test_edges),
        cmocka_unit_test(test_withhold), cmocka_unit_test(test_warn),
        cmocka_unit_test(test_types),    cmocka_unit_test(test_long_secret),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
