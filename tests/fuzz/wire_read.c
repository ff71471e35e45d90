/* Goal: no answer crashes a wire's reader, and its events do not depend on how the bytes were cut.
 *
 * Method: the first byte chooses wire and shape, the second the size of the pieces; the rest is fed
 * whole and in pieces. Both must give the same status, the same events, at most one end. What
 * the reader emits also goes through the OpenAI dialect's writer. */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/wire.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
    struct base_buf log;
    struct base_arena *a;
    struct gw_reply *reply;
    struct base_buf out;
    int ends;
};

static enum base_status on_event(void *ctx, const struct chat_event *ev)
{
    struct sink *s = ctx;

    if (s->ends > 0)
        abort();
    s->ends += ev->kind == CHAT_EV_END || ev->kind == CHAT_EV_ERROR;
    base_buf_printf(&s->log, "%d %d %d ", ev->kind, ev->index, ev->finish);
    base_buf_str(&s->log, ev->text);
    base_buf_str(&s->log, ev->id);
    base_buf_str(&s->log, ev->name);
    base_buf_str(&s->log, ev->error.message);
    base_buf_printf(&s->log, " %lld %lld\n", (long long)ev->usage.input_tokens,
                    (long long)ev->usage.output_tokens);
    if (ev->kind == CHAT_EV_TEXT && !base_utf8_valid(ev->text))
        abort();
    enum base_status st = gw_dialect_openai_chat.reply_event(s->reply, ev, &s->out, NULL);
    if (st != BASE_OK && st != BASE_LIMIT)
        abort();
    return st;
}

static enum base_status read_in(const struct gw_wire *w, bool stream, bool reply_stream,
                                struct base_str bytes, size_t piece, struct sink *s)
{
    struct gw_reply_meta meta = {
        .id = BASE_STR("i"), .model = BASE_STR("m"), .include_usage = true};
    enum base_status st = BASE_OK;

    *s = (struct sink){.a = base_arena_new(16u << 20)};
    base_buf_init(&s->log, 64u << 20);
    base_buf_init(&s->out, 64u << 20);
    s->reply = gw_dialect_openai_chat.reply_new(s->a, &meta, reply_stream);
    struct gw_wire_reader *r = w->reader_new(stream, on_event, s);
    for (size_t at = 0; at < bytes.n && st == BASE_OK; at += piece) {
        size_t n = bytes.n - at < piece ? bytes.n - at : piece;
        st = w->reader_feed(r, base_str_n(bytes.p + at, n), NULL);
    }
    if (st == BASE_OK || st == BASE_DONE)
        st = w->reader_end(r, NULL);
    w->reader_free(r);
    return st;
}

static void sink_release(struct sink *s)
{
    base_buf_release(&s->log);
    base_buf_release(&s->out);
    base_arena_free(s->a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sink whole, cut;

    if (size < 2)
        return 0;
    static const struct gw_wire *const wires[] = {&gw_wire_openai, &gw_wire_anthropic,
                                                  &gw_wire_gemini, &gw_wire_mistral,
                                                  &gw_wire_cohere, &gw_wire_bedrock};
    const struct gw_wire *w = wires[((data[0] & 1) | (data[0] >> 2 & 2) | (data[0] >> 2 & 4)) % 6];
    bool stream = data[0] & 2, reply_stream = data[0] & 4;
    struct base_str bytes = base_str_n(data + 2, size - 2);
    enum base_status a = read_in(w, stream, reply_stream, bytes, bytes.n + 1, &whole);
    enum base_status b = read_in(w, stream, reply_stream, bytes, data[1] % 16 + 1u, &cut);
    if (a != b || !base_str_eq(base_buf_view(&whole.log), base_buf_view(&cut.log)) ||
        !base_str_eq(base_buf_view(&whole.out), base_buf_view(&cut.out)))
        abort();
    if ((a == BASE_OK) != (whole.ends == 1))
        abort();
    sink_release(&whole);
    sink_release(&cut);

    struct base_arena *arena = base_arena_new(16u << 20);
    struct chat_error e;
    w->error_parse(500, bytes, arena, &e);
    if (e.status != 500 || !e.retryable || e.message.n == 0)
        abort();
    base_arena_free(arena);
    return 0;
}
