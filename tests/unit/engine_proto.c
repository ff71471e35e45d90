/* engine_proto.c - frames: round trips, every split, hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "engine/serve/proto.h"

static void test_splits(void **state)
{
    (void)state;
    struct base_buf b;
    base_buf_init(&b, 1u << 20);
    assert_true(eng_frame_put(&b, ENG_FRAME_SUBMIT, 7, BASE_STR("{\"a\":1}")));
    assert_true(eng_frame_put(&b, ENG_FRAME_CANCEL, 0xFFFFFFFFu, BASE_STR_NULL));
    assert_true(eng_frame_put(&b, ENG_FRAME_STATUS, 0, BASE_STR("{}")));
    assert_true(eng_frame_put(&b, ENG_FRAME_TEXT, 7, BASE_STR("\0x")));
    for (size_t cut = 0; cut <= b.n; cut++) {
        size_t at = 0, n = 0;
        char *part = malloc(cut ? cut : 1); /* exact, so that ASan sees a byte too far */
        assert_non_null(part);
        memcpy(part, b.p, cut);
        struct eng_frame f;
        size_t used;
        while (eng_frame_parse(base_str_n(part + at, cut - at), &f, &used, NULL) == BASE_OK) {
            assert_true(used <= cut - at);
            at += used;
            n++;
        }
        assert_int_equal(eng_frame_parse(base_str_n(part + at, cut - at), &f, &used, NULL),
                         BASE_AGAIN);
        assert_int_equal(n, (cut >= 16) + (cut >= 25) + (cut >= 36) + (cut >= 47));
        free(part);
    }
    struct eng_frame f;
    size_t used;
    assert_int_equal(eng_frame_parse(base_buf_view(&b), &f, &used, NULL), BASE_OK);
    assert_int_equal(f.type, ENG_FRAME_SUBMIT);
    assert_int_equal(f.id, 7);
    assert_int_equal(used, 16);
    assert_true(base_str_is(f.payload, "{\"a\":1}"));
    base_buf_release(&b);
}

static void bad(const char *bytes, size_t n)
{
    struct eng_frame f;
    size_t used;
    struct base_err err = {0};
    assert_int_equal(eng_frame_parse(base_str_n(bytes, n), &f, &used, &err), BASE_EPROTO);
    assert_true(err.text[0] != 0);
}

static void test_hostile(void **state)
{
    (void)state;
    bad("\0\0\0\0", 4);
    bad("\4\0\0\0", 4);
    bad("\1\0\0\1", 4); /* 16 MiB + 1 */
    bad("\xff\xff\xff\xff", 4);
    bad("\5\0\0\0\0", 5); /* refused by its type before the rest is there */
    bad("\5\0\0\0\3", 5);
    bad("\5\0\0\0\xff", 5);
    bad("\5\0\0\0\1\0\0\0\0", 9);          /* SUBMIT with id 0 */
    bad("\5\0\0\0\20\1\0\0\0", 9);         /* STATUS with an id */
    for (unsigned i = 0; i < 20000; i++) { /* noise: any answer but a crash */
        char noise[24];
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (char)(k < 4 && k > 0 ? 0 : rand());
        struct eng_frame f;
        size_t used = 0;
        if (eng_frame_parse(base_str_n(noise, sizeof(noise)), &f, &used, NULL) == BASE_OK)
            assert_true(used <= sizeof(noise) && f.payload.n + ENG_FRAME_HEAD == used);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct base_buf b;
    base_buf_init(&b, 64);
    char big[100] = {0};
    assert_false(eng_frame_put(&b, ENG_FRAME_TEXT, 1, base_str_n(big, sizeof(big))));
    assert_false(base_buf_ok(&b));
    base_buf_release(&b);
    base_buf_init(&b, 2 * (size_t)ENG_FRAME_MAX);
    char *max = calloc(1, ENG_FRAME_MAX);
    assert_non_null(max);
    assert_false(eng_frame_put(&b, ENG_FRAME_TEXT, 1, base_str_n(max, ENG_FRAME_MAX)));
    base_buf_clear(&b);
    assert_true(eng_frame_put(&b, ENG_FRAME_TEXT, 1, base_str_n(max, ENG_FRAME_MAX - 5)));
    struct eng_frame f;
    size_t used;
    assert_int_equal(eng_frame_parse(base_buf_view(&b), &f, &used, NULL), BASE_OK);
    assert_int_equal(used, b.n);
    free(max);
    base_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_splits),
                                       cmocka_unit_test(test_hostile),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
