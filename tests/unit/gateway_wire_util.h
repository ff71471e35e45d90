/* What the tests of single wires share: a request parsed and written, answers read however they are
 * cut, events as text. */
#ifndef TESTS_GATEWAY_WIRE_UTIL_H
#define TESTS_GATEWAY_WIRE_UTIL_H

#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/wire.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// clang-format off
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

struct fx {
    struct base_arena *a;
    struct chat_request r;
    struct conf_backend b;
    struct conf_remote_model model;
    struct conf_target t;
    struct gw_wire_request head;
    struct base_buf body, dropped;
    struct base_err err;
    enum base_status st;
};

static inline void is(struct base_str s, const char *z)
{
    if (!base_str_is(s, z))
        fail_msg("\n%.*s\ninstead of\n%s", BASE_FMT(s), z);
}

/* Parses an OpenAI body. The caller fills f->b and f->model and calls fx_write. */
static inline void fx_parse(struct fx *f, const char *text)
{
    struct gw_api_error e = {0};

    *f = (struct fx){.a = base_arena_new(1u << 20)};
    if (gw_dialect_openai_chat.parse(base_str_c(text), f->a, &f->r, &e) != BASE_OK)
        fail_msg("%.*s", BASE_FMT(e.message));
    base_buf_init(&f->body, 1u << 20);
    base_buf_init(&f->dropped, 1024);
}

static inline void fx_write(struct fx *f)
{
    f->t = (struct conf_target){.text = "be/m", .backend = &f->b, .model = &f->model};
    base_buf_clear(&f->body);
    base_buf_clear(&f->dropped);
    f->st =
        gw_wire_for(f->b.api)->write(&f->t, &f->r, &f->head, &f->body, &f->dropped, f->a, &f->err);
}

static inline void fx_done(struct fx *f)
{
    base_buf_release(&f->body);
    base_buf_release(&f->dropped);
    base_arena_free(f->a);
}

static inline struct base_str fx_header(const struct fx *f, const char *name)
{
    for (size_t i = 0; i < f->head.n_headers; i++)
        if (strcmp(f->head.header_name[i], name) == 0)
            return f->head.header_value[i];
    return BASE_STR_NULL;
}

/* ---- readers ---- */

static inline enum base_status log_event(void *ctx, const struct chat_event *ev)
{
    struct base_buf *b = ctx;

    switch (ev->kind) {
    case CHAT_EV_START:
        base_buf_printf(b, "start %.*s %.*s\n", BASE_FMT(ev->id), BASE_FMT(ev->text));
        break;
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_SIGNATURE:
        base_buf_printf(b, "%s %.*s\n",
                        ev->kind == CHAT_EV_TEXT        ? "text"
                        : ev->kind == CHAT_EV_REASONING ? "reasoning"
                        : ev->kind == CHAT_EV_SIGNATURE ? "signature"
                                                        : "refusal",
                        BASE_FMT(ev->text));
        assert_true(base_utf8_valid(ev->text));
        break;
    case CHAT_EV_TOOL_CALL:
        base_buf_printf(b, "call %d %.*s %.*s%s%.*s\n", ev->index, BASE_FMT(ev->id),
                        BASE_FMT(ev->name), ev->signature.n ? " signed " : "",
                        BASE_FMT(ev->signature));
        break;
    case CHAT_EV_TOOL_ARGS:
        base_buf_printf(b, "args %d %.*s\n", ev->index, BASE_FMT(ev->text));
        break;
    case CHAT_EV_USAGE:
        base_buf_printf(b, "usage %d %d %d %d %d\n", (int)ev->usage.input_tokens,
                        (int)ev->usage.output_tokens, (int)ev->usage.cached_tokens,
                        (int)ev->usage.cache_write_tokens, (int)ev->usage.reasoning_tokens);
        break;
    case CHAT_EV_FINISH:
        base_buf_printf(b, "finish %d%.*s\n", (int)ev->finish, BASE_FMT(ev->text));
        break;
    case CHAT_EV_ERROR:
        base_buf_printf(b, "error %d %d %.*s/%.*s/%.*s\n", ev->error.status, ev->error.retryable,
                        BASE_FMT(ev->error.type), BASE_FMT(ev->error.code),
                        BASE_FMT(ev->error.message));
        if (ev->error.retry_after_ms)
            base_buf_printf(b, "after %d ms\n", (int)ev->error.retry_after_ms);
        break;
    case CHAT_EV_END:
        base_buf_z(b, "end\n");
        break;
    default:
        base_buf_printf(b, "event %d %.*s\n", (int)ev->kind, BASE_FMT(ev->text));
        break;
    }
    return BASE_OK;
}

/* Feeds bytes cut at `cut` (or into single bytes when it is SIZE_MAX); events into *log. */
static inline enum base_status read_cut(const struct gw_wire *wire, bool stream,
                                        struct base_str bytes, size_t cut, struct base_buf *log)
{
    struct base_err err;
    struct gw_wire_reader *w = wire->reader_new(stream, log_event, log);
    enum base_status st = BASE_OK;
    size_t at = 0;

    assert_non_null(w);
    base_buf_init(log, 1u << 20);
    while (at < bytes.n && st == BASE_OK) {
        size_t n = cut == SIZE_MAX ? 1 : at < cut ? cut - at : bytes.n - at;
        if (n > bytes.n - at)
            n = bytes.n - at;
        st = wire->reader_feed(w, base_str_n(bytes.p + at, n), &err);
        at += n;
    }
    if (st == BASE_OK || st == BASE_DONE)
        st = wire->reader_end(w, &err);
    wire->reader_free(w);
    return st;
}

/* The same events however the bytes are cut: once at every place, and into single bytes. */
static inline void reads(const struct gw_wire *wire, bool stream, struct base_str all,
                         const char *events)
{
    for (size_t cut = 0; cut <= all.n; cut++) {
        struct base_buf log;
        enum base_status st = read_cut(wire, stream, all, cut == 0 ? SIZE_MAX : cut, &log);
        if (st != BASE_OK)
            fail_msg("cut at %zu: %s", cut, base_status_name(st));
        is(base_buf_view(&log), events);
        base_buf_release(&log);
    }
}

/* What must end in EPROTO, without an end or an error given out. */
static inline void breaks(const struct gw_wire *wire, bool stream, struct base_str bytes)
{
    struct base_buf log;
    enum base_status st = read_cut(wire, stream, bytes, bytes.n, &log);
    if (st != BASE_EPROTO)
        fail_msg("%s: %s\n%.*s", wire->name, base_status_name(st), BASE_FMT(bytes));
    assert_false(gw_json_mentions(base_buf_view(&log), "end\n"));
    assert_false(gw_json_mentions(base_buf_view(&log), "error "));
    base_buf_release(&log);
}

#endif
