/* Goal: gateway/net/http.c reads one message out of given bytes, or none, and the same one however
 * the bytes are split.
 *
 * Method: tables of messages with what they mean or with the status that refuses them. Each is fed
 * whole, split once at every byte, and byte by byte; the three must agree to the byte about
 * status, head, body and how much was consumed (so that a pipelined request is found where it is).
 */
#include "gateway/net/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD_MAX 2048
#define BODY_MAX 1000

struct result {
    enum base_status st;
    int fail_status;
    size_t consumed;
    struct gw_http_head head;
    char text[4096]; /* the head's facts in a form that can be compared */
    char body[BODY_MAX + 1];
    size_t body_n;
};

struct feeder {
    struct gw_http_parser p;
    struct base_arena *arena;
    struct base_buf in, body;
    size_t consumed;
    enum base_status st;
};

static void push(struct feeder *f, struct base_str bytes)
{
    if (f->st != BASE_AGAIN)
        return;
    assert_true(base_buf_str(&f->in, bytes));
    for (;;) {
        size_t used = 0;
        f->st = gw_http_feed(&f->p, base_buf_view(&f->in), &used, f->arena, &f->body, NULL);
        assert_true(used <= f->in.n);
        base_buf_shift(&f->in, used);
        f->consumed += used;
        if (f->st != BASE_OK || f->p.state == GW_HTTP_COMPLETE)
            return;
        f->st = BASE_AGAIN;
    }
}

static void put_text(struct result *r)
{
    const struct gw_http_head *h = &r->head;
    struct base_buf b;
    base_buf_init(&b, sizeof r->text - 1);
    base_buf_printf(&b, "%.*s|%.*s|%.*s|%.*s|%d|%d|%d%d%d%d%d|%llu", BASE_FMT(h->method),
                    BASE_FMT(h->target), BASE_FMT(h->path), BASE_FMT(h->query), h->status, h->minor,
                    h->keep_alive, h->chunked, h->has_length, h->expect_continue, h->until_close,
                    (unsigned long long)h->length);
    for (size_t i = 0; i < h->n_headers; i++)
        base_buf_printf(&b, "|%.*s=%.*s", BASE_FMT(h->headers[i].name),
                        BASE_FMT(h->headers[i].value));
    assert_true(base_buf_ok(&b));
    memcpy(r->text, b.p, b.n + 1);
    base_buf_release(&b);
}

/* Feeds m in pieces: [0, at), then steps of `step`. */
static struct result feed(enum gw_http_kind kind, struct base_str m, size_t at, size_t step,
                          bool head_only, bool eof)
{
    struct feeder f = {.st = BASE_AGAIN, .arena = base_arena_new(1 << 20)};
    struct result r;
    memset(&r, 0, sizeof r);
    gw_http_parser_init(&f.p, kind, HEAD_MAX, BODY_MAX);
    f.p.head_only = head_only;
    base_buf_init(&f.in, 1 << 20);
    base_buf_init(&f.body, BODY_MAX);
    push(&f, base_str_n(m.p, at));
    for (size_t i = at; i < m.n; i += step)
        push(&f, base_str_n(m.p + i, m.n - i < step ? m.n - i : step));
    if (eof && f.st == BASE_AGAIN)
        f.st = gw_http_feed_eof(&f.p, NULL);
    r.st = f.st;
    r.fail_status = f.p.fail_status;
    r.consumed = f.consumed;
    if (f.st == BASE_OK) {
        r.head = f.p.head;
        put_text(&r);
        if (f.body.n)
            memcpy(r.body, f.body.p, f.body.n);
        r.body_n = f.body.n;
    }
    memset(&r.head, 0, sizeof r.head);
    base_arena_free(f.arena);
    base_buf_release(&f.in);
    base_buf_release(&f.body);
    return r;
}

static void assert_same(const struct result *a, const struct result *b, struct base_str m,
                        size_t at)
{
    if (a->st != b->st || a->fail_status != b->fail_status ||
        (a->st == BASE_OK && (a->consumed != b->consumed || strcmp(a->text, b->text) != 0 ||
                              a->body_n != b->body_n || memcmp(a->body, b->body, a->body_n) != 0)))
        fail_msg("split at %zu: %s %d %s, whole: %s %d %s, for: %.*s", at, base_status_name(b->st),
                 b->fail_status, b->text, base_status_name(a->st), a->fail_status, a->text,
                 BASE_FMT(m));
}

static struct result feed_all_ways(enum gw_http_kind kind, struct base_str m, bool head_only,
                                   bool eof)
{
    struct result whole = feed(kind, m, m.n, 1, head_only, eof);
    for (size_t at = 0; at < m.n; at++) {
        struct result split = feed(kind, m, at, m.n, head_only, eof);
        assert_same(&whole, &split, m, at);
    }
    struct result bytes = feed(kind, m, 0, 1, head_only, eof);
    assert_same(&whole, &bytes, m, 0);
    return whole;
}

/* ---- what is refused ---- */

#define H "Host: h\r\n"

static const struct bad {
    const char *name;
    struct base_str m;
    int status;
} bad_requests[] = {
    {"two equal lengths",
     BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
              "Content-Length: 1\r\n\r\nx"),
     400},
    {"two lengths",
     BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
              "Content-Length: 2\r\n\r\nxx"),
     400},
    {"length list", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\nx"), 400},
    {"length and coding",
     BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
              "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     400},
    {"coding and length",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
              "Content-Length: 5\r\n\r\n0\r\n\r\n"),
     400},
    {"length with sign", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\nx"), 400},
    {"negative length", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), 400},
    {"hex length", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\nx"), 400},
    {"empty length", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), 400},
    {"length with blank", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\nx"), 400},
    {"length overflow",
     BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\nx"), 400},
    {"length over the maximum", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n"),
     413},
    {"gzip coding", BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n"), 400},
    {"gzip, chunked",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400},
    {"chunked twice in one",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 400},
    {"chunked twice",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
              "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     400},
    {"xchunked", BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
     400},
    {"chunked with vertical tab",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n0\r\n\r\n"),
     400},
    {"coding in 1.0",
     BASE_STR("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {"bad chunk size",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400},
    {"chunk size with sign",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n"), 400},
    {"chunk size 0x5",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n"), 400},
    {"empty chunk size", BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\n"),
     400},
    {"chunk size too long",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
              "0000000000000005\r\nhello\r\n"),
     400},
    {"chunk size overflow",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
              "fffffffffffffffff\r\nhello\r\n"),
     400},
    {"chunk over the maximum",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), 413},
    {"chunks over the maximum",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
              "\r\n5\r\nhello\r\n3e4\r\n"),
     413},
    {"chunk longer than its size",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n"), 400},
    {"chunk size, bare LF",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n"), 400},
    {"chunk size, bare CR",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\rhello\r\n"), 400},
    {"chunk data, bare LF",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"),
     400},
    {"blank after chunk size",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n"), 400},
    {"blank before chunk size",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n"), 400},
    {"LF in chunk extension",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n"), 400},
    {"folded trailer",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
              "0\r\nA: b\r\n c\r\n\r\n"),
     400},
    {"trailer without colon",
     BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nAb\r\n\r\n"), 400},
    {"bare LF after the request line", BASE_STR("GET / HTTP/1.1\nHost: h\r\n\r\n"), 400},
    {"bare LF after a header", BASE_STR("GET / HTTP/1.1\r\nHost: h\n\r\n"), 400},
    {"LF LF",
     BASE_STR("GET / HTTP/1.1\n"
              "Host: h\n\n"),
     400},
    {"bare CR in a header", BASE_STR("GET / HTTP/1.1\r\n" H "A: b\rc: d\r\n\r\n"), 400},
    {"folded header", BASE_STR("GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n"), 400},
    {"first header folded", BASE_STR("GET / HTTP/1.1\r\n A: b\r\n" H "\r\n"), 400},
    {"blank before colon", BASE_STR("GET / HTTP/1.1\r\nHost : h\r\n\r\n"), 400},
    {"tab before colon", BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length\t: 1\r\n\r\nx"), 400},
    {"no colon", BASE_STR("GET / HTTP/1.1\r\n" H "Abc\r\n\r\n"), 400},
    {"empty name", BASE_STR("GET / HTTP/1.1\r\n" H ": b\r\n\r\n"), 400},
    {"quote in name", BASE_STR("GET / HTTP/1.1\r\n" H "a\"b: c\r\n\r\n"), 400},
    {"NUL in value", BASE_STR("GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n"), 400},
    {"NUL in name", BASE_STR("GET / HTTP/1.1\r\n" H "A\0: b\r\n\r\n"), 400},
    {"DEL in value", BASE_STR("GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n"), 400},
    {"escape in value", BASE_STR("GET / HTTP/1.1\r\n" H "A: \x1b[0m\r\n\r\n"), 400},
    {"no host", BASE_STR("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 400},
    {"two hosts", BASE_STR("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"), 400},
    {"empty host", BASE_STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400},
    {"host with query", BASE_STR("GET / HTTP/1.1\r\nHost: h/?\r\n\r\n"), 400},
    {"host with fragment", BASE_STR("GET / HTTP/1.1\r\nHost: h/#\r\n\r\n"), 400},
    {"host with user", BASE_STR("GET / HTTP/1.1\r\nHost: a@h\r\n\r\n"), 400},
    {"host with comma", BASE_STR("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400},
    {"host with blank", BASE_STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400},
    {"host with bad port", BASE_STR("GET / HTTP/1.1\r\nHost: h:80x\r\n\r\n"), 400},
    {"host with empty port", BASE_STR("GET / HTTP/1.1\r\nHost: h:\r\n\r\n"), 400},
    {"host with port too large", BASE_STR("GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n"), 400},
    {"host with open bracket", BASE_STR("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400},
    {"host beyond ASCII", BASE_STR("GET / HTTP/1.1\r\nHost: h\xc3\xa9\r\n\r\n"), 400},
    {"other authority", BASE_STR("GET http://evil/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"authority with user", BASE_STR("GET http://a@h/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"other scheme", BASE_STR("GET ftp://h/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"relative target", BASE_STR("GET a HTTP/1.1\r\n" H "\r\n"), 400},
    {"star with GET", BASE_STR("GET * HTTP/1.1\r\n" H "\r\n"), 400},
    {"fragment in target", BASE_STR("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400},
    {"backslash in target", BASE_STR("GET /a\\b HTTP/1.1\r\n" H "\r\n"), 400},
    {"bytes above 0x7f in target", BASE_STR("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), 400},
    {"NUL in target", BASE_STR("GET /a\0b HTTP/1.1\r\n" H "\r\n"), 400},
    {"tab in request line", BASE_STR("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"two blanks", BASE_STR("GET  / HTTP/1.1\r\n" H "\r\n"), 400},
    {"blank at the end", BASE_STR("GET / HTTP/1.1 \r\n" H "\r\n"), 400},
    {"no version", BASE_STR("GET /\r\n" H "\r\n"), 400},
    {"http in lower case", BASE_STR("GET / http/1.1\r\n" H "\r\n"), 400},
    {"version 1.10", BASE_STR("GET / HTTP/1.10\r\n" H "\r\n"), 400},
    {"version 1.2", BASE_STR("GET / HTTP/1.2\r\n" H "\r\n"), 505},
    {"version 0.9", BASE_STR("GET / HTTP/0.9\r\n" H "\r\n"), 505},
    {"HTTP/2 preface", BASE_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
    {"CONNECT", BASE_STR("CONNECT h:443 HTTP/1.1\r\n" H "\r\n"), 501},
    {"method with parenthesis", BASE_STR("G(T / HTTP/1.1\r\n" H "\r\n"), 400},
    {"method too long", BASE_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH / HTTP/1.1\r\n" H "\r\n"),
     400},
    {"no method", BASE_STR(" / HTTP/1.1\r\n" H "\r\n"), 400},
    {"two empty lines first", BASE_STR("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400},
    {"other expectation", BASE_STR("POST / HTTP/1.1\r\n" H "Expect: 200-maybe\r\n\r\n"), 417},
    {"a TLS hello", BASE_STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_requests / sizeof bad_requests[0]; i++) {
        const struct bad *b = &bad_requests[i];
        struct result r = feed_all_ways(GW_HTTP_REQUEST, b->m, false, false);
        if ((r.st != BASE_EPROTO && r.st != BASE_LIMIT) || r.fail_status != b->status)
            fail_msg("%s: %s, %d instead of %d", b->name, base_status_name(r.st), r.fail_status,
                     b->status);
    }
    assert_true(sizeof bad_requests / sizeof bad_requests[0] >= 40);
}

/* ---- what is read ---- */

static const struct good {
    struct base_str m;
    const char *text, *body;
    size_t behind; /* bytes of the next message */
} good_requests[] = {
    {BASE_STR("GET / HTTP/1.1\r\n" H "\r\n"), "GET|/|/||0|1|10000|0|Host=h", "", 0},
    {BASE_STR("\r\nGET /a?b=c?d HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"),
     "GET|/a?b=c?d|/a|b=c?d|0|1|10000|0|Host=[::1]:8443", "", 0},
    {BASE_STR("GET / HTTP/1.0\r\n\r\n"), "GET|/|/||0|0|00000|0", "", 0},
    {BASE_STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
     "GET|/|/||0|0|10000|0|Connection=Keep-Alive", "", 0},
    {BASE_STR("GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n"),
     "GET|/|/||0|1|00000|0|Host=h|Connection=x, Close", "", 0},
    {BASE_STR("GET http://H:80/x?y HTTP/1.1\r\nHost: h:80\r\n\r\n"),
     "GET|http://H:80/x?y|/x|y|0|1|10000|0|Host=h:80", "", 0},
    {BASE_STR("GET https://h HTTP/1.1\r\n" H "\r\n"), "GET|https://h|/||0|1|10000|0|Host=h", "", 0},
    {BASE_STR("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "OPTIONS|*|*||0|1|10000|0|Host=h", "", 0},
    {BASE_STR("POST / HTTP/1.1\r\nA:\t b \t\r\n" H "Content-Length: 5\r\n\r\nhelloGET"),
     "POST|/|/||0|1|10100|5|A=b|Host=h|Content-Length=5", "hello", 3},
    {BASE_STR("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\nA: \xff\r\n\r\nG"),
     "POST|/|/||0|1|10100|0|Host=h|Content-Length=0|A=\xff", "", 1},
    {BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
              "5\r\nhello\r\n6;a=\"b\";c\r\n world\r\n0\r\nX-A: b\r\n\r\nPOST"),
     "POST|/|/||0|1|11000|0|Host=h|Transfer-Encoding=Chunked", "hello world", 4},
    {BASE_STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
              "00A ;x\r\n0123456789\r\n000\r\n\r\n"),
     "POST|/|/||0|1|11000|0|Host=h|Transfer-Encoding=chunked", "0123456789", 0},
    {BASE_STR("POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx"),
     "POST|/|/||0|1|10110|1|Host=h|Expect=100-Continue|Content-Length=1", "x", 0},
};

static void check_good(enum gw_http_kind kind, const struct good *g, bool head_only, bool eof)
{
    struct result r = feed_all_ways(kind, g->m, head_only, eof);
    if (r.st != BASE_OK)
        fail_msg("%s (%d) for: %.*s", base_status_name(r.st), r.fail_status, BASE_FMT(g->m));
    assert_string_equal(r.text, g->text);
    assert_string_equal(r.body, g->body);
    assert_int_equal(r.body_n, strlen(g->body));
    assert_int_equal(r.consumed, g->m.n - g->behind);
}

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_requests / sizeof good_requests[0]; i++)
        check_good(GW_HTTP_REQUEST, &good_requests[i], false, false);
}

static void test_responses(void **state)
{
    (void)state;
    static const struct good plain[] = {
        {BASE_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiX"),
         "||||200|1|10100|2|Content-Length=2", "hi", 1},
        {BASE_STR("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
         "||||200|1|10100|0|Content-Length=0", "", 0},
        {BASE_STR("HTTP/1.1 429 Slow down now\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
         "||||429|1|11000|0|Transfer-Encoding=chunked", "hi", 0},
        {BASE_STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
                  "HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n"),
         "||||204|1|10100|7|Content-Length=7", "", 0},
        {BASE_STR("HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n"),
         "||||304|1|11000|0|Transfer-Encoding=chunked", "", 0},
        {BASE_STR("HTTP/1.0 200 OK\r\nA: b\r\n\r\nall of it"), "||||200|0|00001|0|A=b", "all of it",
         0},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        check_good(GW_HTTP_RESPONSE, &plain[i], false, true);
    static const struct good head = {BASE_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
                                     "||||200|1|10100|2|Content-Length=2", "", 0};
    check_good(GW_HTTP_RESPONSE, &head, true, false);
    static const struct base_str bad[] = {
        BASE_STR("HTTP/1.1 2000 OK\r\n\r\n"),
        BASE_STR("HTTP/1.1 099 OK\r\n\r\n"),
        BASE_STR("HTTP/2 200\r\n\r\n"),
        BASE_STR("\r\nHTTP/1.1 200 OK\r\n\r\n"),
        BASE_STR("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"),
        BASE_STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(feed_all_ways(GW_HTTP_RESPONSE, bad[i], false, true).st, BASE_EPROTO);
}

/* ---- sizes ---- */

static void test_sizes(void **state)
{
    (void)state;
    struct base_buf b;
    base_buf_init(&b, 1 << 16);
    /* a header section at the maximum is read, a byte more is refused */
    for (int more = 0; more < 2; more++) {
        base_buf_clear(&b);
        base_buf_z(&b, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
        while (b.n < HEAD_MAX - 4 + (size_t)more)
            base_buf_byte(&b, 'x');
        base_buf_z(&b, "\r\n\r\n");
        struct result r = feed_all_ways(GW_HTTP_REQUEST, base_buf_view(&b), false, false);
        assert_int_equal(r.st, more ? BASE_LIMIT : BASE_OK);
        assert_int_equal(r.fail_status, more ? 431 : 0);
    }
    /* so is the number of headers */
    for (int more = 0; more < 2; more++) {
        base_buf_clear(&b);
        base_buf_z(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (int i = 1; i < GW_HTTP_HEADERS_MAX + more; i++)
            base_buf_z(&b, "A: b\r\n");
        base_buf_z(&b, "\r\n");
        struct result r = feed_all_ways(GW_HTTP_REQUEST, base_buf_view(&b), false, false);
        assert_int_equal(r.fail_status, more ? 431 : 0);
    }
    /* extensions of all chunks together are bounded */
    base_buf_clear(&b);
    base_buf_z(&b, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 60; i++)
        base_buf_printf(&b, "1;%0100d\r\nx\r\n", i);
    struct result r = feed(GW_HTTP_REQUEST, base_buf_view(&b), b.n, 1, false, false);
    assert_int_equal(r.fail_status, 400);
    /* a body at its maximum */
    for (int more = 0; more < 2; more++) {
        base_buf_clear(&b);
        base_buf_printf(&b, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
                        BODY_MAX + more);
        for (int i = 0; i < BODY_MAX + more; i++)
            base_buf_byte(&b, 'x');
        r = feed(GW_HTTP_REQUEST, base_buf_view(&b), 100, 7, false, false);
        assert_int_equal(r.fail_status, more ? 413 : 0);
    }
    base_buf_release(&b);
}

/* A long stream has many small chunks: what each has in front of it is no overhead. */
static void test_many_chunks(void **state)
{
    struct gw_http_parser p;
    struct base_arena *a = base_arena_new(1 << 20);
    struct base_buf b, body;
    size_t used = 0;
    enum base_status st = BASE_OK;
    (void)state;
    base_buf_init(&b, 1 << 20);
    base_buf_init(&body, 1 << 20);
    base_buf_z(&b, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20000; i++)
        base_buf_z(&b, "1\r\nx\r\n");
    base_buf_z(&b, "0\r\n\r\n");
    gw_http_parser_init(&p, GW_HTTP_REQUEST, HEAD_MAX, 1 << 20);
    while (st == BASE_OK && p.state != GW_HTTP_COMPLETE) {
        size_t n = 0;
        st = gw_http_feed(&p, base_str_n(b.p + used, b.n - used), &n, a, &body, NULL);
        used += n;
    }
    assert_int_equal(p.state, GW_HTTP_COMPLETE);
    assert_int_equal(body.n, 20000);
    base_buf_release(&b);
    base_buf_release(&body);
    base_arena_free(a);
}

static void test_writing(void **state)
{
    (void)state;
    struct base_buf b;
    base_buf_init(&b, 64);
    assert_true(gw_http_put_status(&b, 404));
    assert_true(gw_http_put_header(&b, "A", BASE_STR("b")));
    assert_string_equal(b.p, "HTTP/1.1 404 Not Found\r\nA: b\r\n");
    assert_false(gw_http_put_header(&b, "A", BASE_STR("b\r\nC: d")));
    assert_false(gw_http_put_header(&b, "A", BASE_STR("b\0")));
    base_buf_clear(&b);
    assert_true(gw_http_put_chunk(&b, BASE_STR("0123456789abcdef")));
    assert_true(gw_http_put_chunk(&b, BASE_STR("")));
    assert_true(gw_http_put_last_chunk(&b));
    assert_string_equal(b.p, "10\r\n0123456789abcdef\r\n0\r\n\r\n");
    base_buf_clear(&b);
    /* whole or not at all */
    char big[63];
    memset(big, 'x', sizeof big);
    assert_false(gw_http_put_chunk(&b, base_str_n(big, sizeof big)));
    assert_int_equal(b.n, 0);
    base_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_read),
        cmocka_unit_test(test_responses),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_many_chunks), cmocka_unit_test(test_writing)};
    return cmocka_run_group_tests_name("gateway_http", tests, NULL, NULL);
}
