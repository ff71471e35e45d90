/* Goal: gateway/net/http_sse.c finds the same events in a stream however it is split, passes every
 * byte of data on unchanged, and never keeps more than its maximum.
 *
 * Method: streams with all line ends, comments, several data lines, UTF-8 and a byte order mark;
 * each fed whole, split at every byte, and byte by byte, with the events written out and compared.
 */
#include "gateway/net/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void drain(struct gw_sse_parser *p, struct base_str in, struct base_buf *out)
{
    struct gw_sse_event ev;
    while (gw_sse_next(p, &in, &ev, NULL) == BASE_OK)
        base_buf_printf(out, "[%.*s|%.*s]", BASE_FMT(ev.event), BASE_FMT(ev.data));
    assert_int_equal(in.n, 0);
}

static void check(struct base_str stream, const char *expect)
{
    for (size_t at = 0; at <= stream.n; at++)
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct gw_sse_parser p;
            struct base_buf out;
            gw_sse_parser_init(&p, 1000);
            base_buf_init(&out, 10000);
            base_buf_z(&out, "");
            drain(&p, base_str_n(stream.p, at), &out);
            if (bytewise)
                for (size_t i = at; i < stream.n; i++)
                    drain(&p, base_str_n(stream.p + i, 1), &out);
            else
                drain(&p, base_str_n(stream.p + at, stream.n - at), &out);
            if (strcmp(out.p, expect) != 0)
                fail_msg("split at %zu: %s instead of %s", at, out.p, expect);
            gw_sse_parser_release(&p);
            base_buf_release(&out);
        }
}

static void test_events(void **state)
{
    (void)state;
    check(BASE_STR("data: a\n\n"), "[|a]");
    check(BASE_STR("data: a\r\n\r\ndata: b\r\n\r\n"), "[|a][|b]");
    check(BASE_STR("data: a\r\rdata: b\r\r"), "[|a][|b]");
    /* a CRLF taken for two line ends would part what belongs together */
    check(BASE_STR("event: x\r\ndata: a\r\ndata: b\r\n\r\n"), "[x|a\nb]");
    check(BASE_STR("event: x\ndata: {\"a\": 1}\n\ndata: [DONE]\n\n"), "[x|{\"a\": 1}][|[DONE]]");
    check(BASE_STR("data: a\ndata:b\ndata\ndata:  c\n\n"), "[|a\nb\n\n c]");
    check(BASE_STR(": comment\n\ndata: a\n\n:\n\n"), "[|a]");
    check(BASE_STR("event: lost\n\ndata: a\n\n"), "[|a]");
    check(BASE_STR("id: 1\nretry: 5\nother: x\ndata: a\nevent: e\n\n"), "[e|a]");
    check(BASE_STR("data:\n\n"), "[|]");
    check(BASE_STR("data\n\n"), "[|]");
    check(BASE_STR("\xef\xbb\xbf"
                   "data: a\n\n"),
          "[|a]");
    check(BASE_STR("data: \xf0\x9f\x98\x80 \xc3\xa9\n\n"), "[|\xf0\x9f\x98\x80 \xc3\xa9]");
    check(BASE_STR("data: unfinished\n"), "");
    check(BASE_STR("\n\n\r\n\r\rdata: a\n\n"), "[|a]");
    check(BASE_STR("Data: a\n\n"), "");
}

static void test_limits(void **state)
{
    (void)state;
    struct gw_sse_event ev;
    struct base_buf s;
    base_buf_init(&s, 100000);
    /* one endless line, in small pieces */
    struct gw_sse_parser p;
    gw_sse_parser_init(&p, 1000);
    enum base_status st = BASE_AGAIN;
    for (int i = 0; i < 200 && st == BASE_AGAIN; i++) {
        struct base_str in = BASE_STR("data: xxxx");
        st = gw_sse_next(&p, &in, &ev, NULL);
    }
    assert_int_equal(st, BASE_LIMIT);
    gw_sse_parser_release(&p);
    /* many lines of one event */
    gw_sse_parser_init(&p, 1000);
    for (int i = 0; i < 300; i++)
        base_buf_z(&s, "data: xxxx\n");
    struct base_str in = base_buf_view(&s);
    assert_int_equal(gw_sse_next(&p, &in, &ev, NULL), BASE_LIMIT);
    gw_sse_parser_release(&p);
    /* an event at the maximum */
    gw_sse_parser_init(&p, 1000);
    base_buf_clear(&s);
    base_buf_z(&s, "data: ");
    for (int i = 0; i < 1000; i++)
        base_buf_byte(&s, 'x');
    base_buf_z(&s, "\n\n");
    in = base_buf_view(&s);
    assert_int_equal(gw_sse_next(&p, &in, &ev, NULL), BASE_OK);
    assert_int_equal(ev.data.n, 1000);
    gw_sse_parser_release(&p);
    /* a comment that passes it: refused whole as it is in pieces */
    for (size_t step = 1; step <= 5000; step += 4999) {
        gw_sse_parser_init(&p, 1000);
        base_buf_clear(&s);
        base_buf_byte(&s, ':');
        for (int i = 0; i < 2000; i++)
            base_buf_byte(&s, 'x');
        base_buf_z(&s, "\ndata: a\n\n");
        st = BASE_AGAIN;
        for (size_t at = 0; at < s.n && st == BASE_AGAIN; at += step) {
            in = base_str_n(s.p + at, s.n - at < step ? s.n - at : step);
            st = gw_sse_next(&p, &in, &ev, NULL);
        }
        assert_int_equal(st, BASE_LIMIT);
        gw_sse_parser_release(&p);
    }
    base_buf_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_events),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests_name("gateway_sse", tests, NULL, NULL);
}
