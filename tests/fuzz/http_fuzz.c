/* Goal: no bytes make the HTTP or the SSE parser crash, read beyond its input, pass its limits, or
 * see different messages depending on how the bytes were split.
 *
 * Method: the first input byte chooses the parser and its limits, the second the split; the rest is
 * fed whole and split, and both runs must agree (trap otherwise). libFuzzer with ASan and UBSan.
 */
#include "gateway/net/http.h"
#include <stdlib.h>

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            __builtin_trap();                                                                      \
    } while (0)

struct seen {
    enum base_status st;
    int fail_status;
    size_t consumed, n_headers;
    uint64_t length;
    struct base_buf body;
};

static void http_once(enum gw_http_kind kind, size_t head_max, uint64_t body_max,
                      const uint8_t *data, size_t n, size_t step, struct seen *s)
{
    struct gw_http_parser p;
    struct base_arena *a = base_arena_new(1 << 20);
    struct base_buf in;
    base_buf_init(&in, 1 << 20);
    base_buf_init(&s->body, 1 << 20);
    gw_http_parser_init(&p, kind, head_max, body_max);
    s->st = BASE_AGAIN;
    s->consumed = 0;
    for (size_t at = 0; at < n && s->st == BASE_AGAIN; at += step) {
        REQUIRE(base_buf_add(&in, data + at, n - at < step ? n - at : step));
        for (bool again = true; again;) {
            size_t used = 0;
            s->st = gw_http_feed(&p, base_buf_view(&in), &used, a, &s->body, NULL);
            REQUIRE(used <= in.n);
            base_buf_shift(&in, used);
            s->consumed += used;
            again = s->st == BASE_OK && p.state == GW_HTTP_BODY;
            if (again)
                s->st = BASE_AGAIN;
        }
    }
    REQUIRE(p.body_seen == s->body.n && p.body_seen <= body_max);
    REQUIRE((s->st == BASE_EPROTO || s->st == BASE_LIMIT) == (p.fail_status != 0));
    REQUIRE(s->st != BASE_OK || kind == GW_HTTP_RESPONSE || p.head.path.n > 0);
    s->fail_status = p.fail_status;
    s->n_headers = p.head.n_headers;
    s->length = p.head.length;
    base_arena_free(a);
    base_buf_release(&in);
}

static void http(enum gw_http_kind kind, uint8_t limits, size_t step, const uint8_t *data, size_t n)
{
    struct seen whole, split;
    size_t head_max = limits & 1 ? 64 : 8192;
    uint64_t body_max = limits & 2 ? 16 : 4096;
    http_once(kind, head_max, body_max, data, n, n ? n : 1, &whole);
    http_once(kind, head_max, body_max, data, n, step, &split);
    REQUIRE(whole.st == split.st && whole.fail_status == split.fail_status);
    if (whole.st == BASE_OK) {
        REQUIRE(whole.consumed == split.consumed && whole.n_headers == split.n_headers);
        REQUIRE(whole.length == split.length && whole.body.n == split.body.n);
        REQUIRE(whole.body.n == 0 || memcmp(whole.body.p, split.body.p, whole.body.n) == 0);
    }
    base_buf_release(&whole.body);
    base_buf_release(&split.body);
}

/* All events, each with its lengths, in one buffer. */
static enum base_status sse_once(const uint8_t *data, size_t n, size_t step, struct base_buf *out)
{
    struct gw_sse_parser p;
    enum base_status st = BASE_AGAIN;
    gw_sse_parser_init(&p, 256);
    base_buf_init(out, 1 << 20);
    for (size_t at = 0; at < n && st == BASE_AGAIN; at += step) {
        struct base_str in = base_str_n(data + at, n - at < step ? n - at : step);
        struct gw_sse_event ev;
        while ((st = gw_sse_next(&p, &in, &ev, NULL)) == BASE_OK) {
            REQUIRE(ev.data.n <= 256 && ev.event.n <= 256);
            base_buf_printf(out, "%zu,%zu:", ev.event.n, ev.data.n);
            if (ev.event.n)
                base_buf_str(out, ev.event);
            if (ev.data.n)
                base_buf_str(out, ev.data);
        }
        REQUIRE(st != BASE_AGAIN || in.n == 0);
    }
    gw_sse_parser_release(&p);
    return st;
}

static void sse(size_t step, const uint8_t *data, size_t n)
{
    struct base_buf whole, split;
    enum base_status a = sse_once(data, n, n ? n : 1, &whole);
    enum base_status b = sse_once(data, n, step, &split);
    REQUIRE(a == b && whole.n == split.n);
    REQUIRE(whole.n == 0 || memcmp(whole.p, split.p, whole.n) == 0);
    base_buf_release(&whole);
    base_buf_release(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 65536)
        return 0;
    size_t step = 1 + data[1] % 32;
    if (data[0] % 3 == 0)
        http(GW_HTTP_REQUEST, data[0] >> 4, step, data + 2, n - 2);
    else if (data[0] % 3 == 1)
        http(GW_HTTP_RESPONSE, data[0] >> 4, step, data + 2, n - 2);
    else
        sse(step, data + 2, n - 2);
    return 0;
}
