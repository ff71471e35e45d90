/* Goal: no bytes crash the reader of Bedrock's streams, and its events do not depend on how they
 * are cut; nothing but a stream whose every checksum holds ends in good order.
 *
 * Method: the first byte chooses the size of the pieces. Then either the rest is fed as it is, or,
 * to get past the checksums, it is taken as a list of frames (one byte of kind, one of length,
 * payload), which are made into valid ones. Whole and in pieces must give the same events; then one
 * bit is flipped, and what was complete must not be so any more. */
#include "gateway/upstream/eventstream.h"
#include "gateway/upstream/wire.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
    struct base_buf log;
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
    base_buf_printf(&s->log, " %lld\n", (long long)ev->usage.input_tokens);
    if (ev->kind == CHAT_EV_TEXT && !base_utf8_valid(ev->text))
        abort();
    return BASE_OK;
}

static enum base_status read_in(struct base_str bytes, size_t piece, struct sink *s)
{
    enum base_status st = BASE_OK;

    *s = (struct sink){.ends = 0};
    base_buf_init(&s->log, 64u << 20);
    struct gw_wire_reader *r = gw_wire_bedrock.reader_new(true, on_event, s);
    for (size_t at = 0; at < bytes.n && st == BASE_OK; at += piece) {
        size_t n = bytes.n - at < piece ? bytes.n - at : piece;
        st = gw_wire_bedrock.reader_feed(r, base_str_n(bytes.p + at, n), NULL);
    }
    if (st == BASE_OK || st == BASE_DONE)
        st = gw_wire_bedrock.reader_end(r, NULL);
    gw_wire_bedrock.reader_free(r);
    return st;
}

static void put32(struct base_buf *b, uint32_t v)
{
    const char p[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    base_buf_add(b, p, 4);
}

static void put_text(struct base_buf *b, const char *name, const char *value)
{
    base_buf_byte(b, (char)strlen(name));
    base_buf_z(b, name);
    base_buf_add(b, "\7", 2); /* the type, and the length's high byte */
    base_buf_byte(b, (char)strlen(value));
    base_buf_z(b, value);
}

static void frames(struct base_str in, struct base_buf *out)
{
    static const char *const events[] = {
        "messageStart", "contentBlockStart", "contentBlockDelta",         "contentBlockStop",
        "messageStop",  "metadata",          "modelStreamErrorException", "other"};

    while (in.n >= 2) {
        unsigned kind = (uint8_t)in.p[0] % 8;
        size_t n = (uint8_t)in.p[1] < in.n - 2 ? (uint8_t)in.p[1] : in.n - 2, start = out->n;
        struct base_buf h;
        base_buf_init(&h, 1024);
        put_text(&h, ":message-type", kind == 6 ? "exception" : "event");
        put_text(&h, kind == 6 ? ":exception-type" : ":event-type", events[kind]);
        put32(out, (uint32_t)(16 + h.n + n));
        put32(out, (uint32_t)h.n);
        put32(out, gw_es_crc32(0, base_str_n(out->p + start, 8)));
        base_buf_str(out, base_buf_view(&h));
        base_buf_add(out, in.p + 2, n);
        put32(out, gw_es_crc32(0, base_str_n(out->p + start, out->n - start)));
        base_buf_release(&h);
        in = base_str_n(in.p + 2 + n, in.n - 2 - n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sink whole, cut, bad;
    struct base_buf made;

    if (size < 3)
        return 0;
    base_buf_init(&made, 16u << 20);
    struct base_str rest = base_str_n(data + 2, size - 2);
    if (data[0] & 1)
        frames(rest, &made);
    else
        base_buf_str(&made, rest);
    struct base_str bytes = base_buf_view(&made);
    enum base_status a = read_in(bytes, bytes.n + 1, &whole);
    enum base_status b = read_in(bytes, data[1] % 16 + 1u, &cut);
    if (a != b || !base_str_eq(base_buf_view(&whole.log), base_buf_view(&cut.log)))
        abort();
    if ((a == BASE_OK) != (whole.ends == 1))
        abort();
    if (a == BASE_OK && made.n > 0) {
        made.p[data[0] * made.n / 256] ^= (char)(1 << data[1] % 8);
        enum base_status c = read_in(bytes, bytes.n, &bad);
        /* a flip behind the end is never read: the rest must be what it was */
        if (c == BASE_OK && !base_str_eq(base_buf_view(&whole.log), base_buf_view(&bad.log)))
            abort();
        base_buf_release(&bad.log);
    }
    base_buf_release(&whole.log);
    base_buf_release(&cut.log);
    base_buf_release(&made);
    return 0;
}
