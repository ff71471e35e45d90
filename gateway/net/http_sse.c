/* http_sse.c - server-sent events, taken apart (WHATWG HTML, section 9.2.6).
 *
 * Pure; any thread (one per parser). Bytes may be split anywhere: within a CRLF, within a UTF-8
 * sequence (data is passed on byte for byte, never decoded). Lines end in CR, LF or CRLF. An event
 * is given when its empty line is seen; what is left at the end of the stream without one is lost,
 * as the format says. `id` and `retry` are of no use here and skipped.
 *
 * Fails: BASE_LIMIT when one line, or the data of one event, passes the maximum; the parser is then
 * of no further use.
 */
#include "gateway/net/http.h"

void gw_sse_parser_init(struct gw_sse_parser *p, size_t event_bytes_max)
{
    memset(p, 0, sizeof *p);
    base_buf_init(&p->line, event_bytes_max + 8); /* with the field's name: "event: " */
    base_buf_init(&p->event, event_bytes_max);
    base_buf_init(&p->data, event_bytes_max);
}

void gw_sse_parser_release(struct gw_sse_parser *p)
{
    base_buf_release(&p->line);
    base_buf_release(&p->event);
    base_buf_release(&p->data);
}

/* One whole line. False when a buffer is full. */
static bool take_line(struct gw_sse_parser *p, struct base_str l)
{
    if (!p->started) {
        p->started = true;
        if (base_str_starts(l, BASE_STR("\xef\xbb\xbf")))
            l = base_str_n(l.p + 3, l.n - 3);
    }
    if (l.n == 0)
        return true;
    const char *colon = memchr(l.p, ':', l.n);
    size_t n = colon ? (size_t)(colon - l.p) : l.n;
    struct base_str field = base_str_n(l.p, n), value = BASE_STR_NULL;
    if (colon) {
        value = base_str_n(colon + 1, l.n - n - 1);
        if (value.n && value.p[0] == ' ')
            value = base_str_n(value.p + 1, value.n - 1);
    }
    if (base_str_is(field, "data")) {
        if (p->has_data && !base_buf_byte(&p->data, '\n'))
            return false;
        p->has_data = true;
        return value.n == 0 || base_buf_str(&p->data, value);
    }
    if (base_str_is(field, "event")) {
        base_buf_clear(&p->event);
        return value.n == 0 || base_buf_str(&p->event, value);
    }
    return true;
}

/* The index of the first CR or LF, or s.n. */
static size_t line_end(struct base_str s)
{
    const char *lf = memchr(s.p, '\n', s.n);
    size_t n = lf ? (size_t)(lf - s.p) : s.n;
    const char *cr = memchr(s.p, '\r', n);
    return cr ? (size_t)(cr - s.p) : n;
}

enum base_status gw_sse_next(struct gw_sse_parser *p, struct base_str *in, struct gw_sse_event *out,
                             struct base_err *err)
{
    if (p->given) {
        base_buf_clear(&p->event);
        base_buf_clear(&p->data);
        p->has_data = p->given = false;
    }
    while (in->n > 0) {
        if (p->last_cr) {
            p->last_cr = false;
            if (in->p[0] == '\n') {
                in->p++;
                in->n--;
                continue;
            }
        }
        size_t n = line_end(*in);
        bool whole = n < in->n;
        struct base_str line = base_str_n(in->p, n);
        /* A line that began in an earlier call, or does not end in this one, is put together in
         * p->line; the common case is parsed where it lies. */
        if (p->line.n > 0 || !whole) {
            if (n && !base_buf_str(&p->line, line))
                return base_err_set(err, BASE_LIMIT, "an event stream's line is too long");
            line = base_buf_view(&p->line);
        }
        if (line.n > p->line.max) /* the limit must not depend on how the bytes were split */
            return base_err_set(err, BASE_LIMIT, "an event stream's line is too long");
        if (whole)
            p->last_cr = in->p[n++] == '\r';
        in->p += n;
        in->n -= n;
        if (!whole)
            break;
        if (!take_line(p, line))
            return base_err_set(err, BASE_LIMIT, "an event of an event stream is too long");
        bool blank = line.n == 0;
        base_buf_clear(&p->line);
        if (!blank)
            continue;
        if (p->has_data) {
            out->event = base_buf_view(&p->event);
            out->data = base_buf_view(&p->data);
            p->given = true;
            return BASE_OK;
        }
        base_buf_clear(&p->event);
    }
    return BASE_AGAIN;
}
