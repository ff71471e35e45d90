/* http.h - HTTP/1.1 messages (RFC 9110, 9112), parsed strictly, from buffers; no I/O here.
 *
 * One incremental parser serves requests (from clients) and responses (from upstreams). Anything
 * ambiguous is an error, never a guess: conflicting or repeated Content-Length, Content-Length with
 * Transfer-Encoding, any coding but chunked, bad chunk sizes, bare LF, folded headers, spaces
 * before a colon, control characters, bad or repeated Host.
 */
#ifndef GW_HTTP_H
#define GW_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define GW_HTTP_HEADERS_MAX 100

struct gw_http_header {
    struct base_str name;  /* as received; compare with base_str_ieq */
    struct base_str value; /* trimmed */
};

struct gw_http_head {
    /* request */
    struct base_str method, target, path, query; /* path: before '?', origin form only, undecoded */
    /* response */
    int status;
    /* both */
    int minor; /* HTTP/1.minor: 0 or 1 */
    struct gw_http_header headers[GW_HTTP_HEADERS_MAX];
    size_t n_headers;
    bool keep_alive;
    bool chunked;
    bool has_length;
    uint64_t length;
    bool expect_continue;
    bool until_close; /* a response without framing: body ends with the connection */
};

/* NULL if absent; the first of its name. */
const struct gw_http_header *gw_http_find(const struct gw_http_head *h, const char *name);

enum gw_http_kind { GW_HTTP_REQUEST, GW_HTTP_RESPONSE };
enum gw_http_state { GW_HTTP_HEAD, GW_HTTP_BODY, GW_HTTP_COMPLETE };

struct gw_http_parser {
    enum gw_http_kind kind;
    enum gw_http_state state;
    size_t head_max;
    uint64_t body_max;
    uint64_t body_seen; /* decoded bytes so far */
    uint64_t left;      /* of the current chunk or length */
    int chunk_state;
    int chunk_digits;
    uint32_t overhead; /* bytes of chunk extensions and trailers so far; bounded */
    size_t scanned;    /* of the head, already searched for its end */
    bool blank_seen;   /* one empty line before a request line is forgiven (RFC 9112, 2.2) */
    bool head_only;    /* set by the caller after init: the response is to a HEAD request */
    int fail_status;   /* after BASE_EPROTO/BASE_LIMIT on a request: 400, 413, 417, 431, 501, 505 */
    struct gw_http_head head; /* strings in the arena given to gw_http_feed */
};

void gw_http_parser_init(struct gw_http_parser *p, enum gw_http_kind kind, size_t head_max,
                         uint64_t body_max);
/* Consumes what it can from in[0..n): *used says how much. Heads are copied to the arena. Decoded
 * body bytes are appended to body. Returns BASE_OK when the state has changed to GW_HTTP_BODY or
 * GW_HTTP_COMPLETE (look at p->state, call again with the rest), BASE_AGAIN when more input is
 * needed, BASE_EPROTO or BASE_LIMIT with fail_status. What *used does not cover is given
 * again, with more behind it. A response to HEAD, 204 or 304 has no body; interim responses (1xx
 * but 101) are checked and skipped; trailers are checked and dropped. */
enum base_status gw_http_feed(struct gw_http_parser *p, struct base_str in, size_t *used,
                              struct base_arena *a, struct base_buf *body,
                              struct base_err *err) BASE_MUST_CHECK;
/* The connection has closed: BASE_OK if that completes the message (until_close), else
 * BASE_EPROTO. */
enum base_status gw_http_feed_eof(struct gw_http_parser *p, struct base_err *err) BASE_MUST_CHECK;

/* "HTTP/1.1 200 OK\r\n" */
bool gw_http_put_status(struct base_buf *out, int status);
/* "Name: value\r\n"; control characters in value are refused (false). */
bool gw_http_put_header(struct base_buf *out, const char *name, struct base_str value);
/* One chunk in chunked coding; n == 0 writes nothing. */
bool gw_http_put_chunk(struct base_buf *out, struct base_str data);
bool gw_http_put_last_chunk(struct base_buf *out);
const char *gw_http_reason(int status);

/* ---- server-sent events, both ways (WHATWG HTML, section 9.2) ---- */

struct gw_sse_event {
    struct base_str event; /* "" if no event: line */
    struct base_str data;  /* lines joined with \n; borrows the parser until the next call */
};

struct gw_sse_parser {
    struct base_buf line, event, data;
    bool last_cr;
    bool has_data;
    bool started; /* the first line has been seen (a byte order mark is dropped there) */
    bool given;   /* the last call returned an event: event and data are cleared first */
};

void gw_sse_parser_init(struct gw_sse_parser *p, size_t event_bytes_max);
void gw_sse_parser_release(struct gw_sse_parser *p);
/* Takes bytes from *in (moves it forward) until one event is whole: BASE_OK, call again; BASE_AGAIN
 * when *in is empty; BASE_LIMIT when an event passes the maximum. */
enum base_status gw_sse_next(struct gw_sse_parser *p, struct base_str *in, struct gw_sse_event *out,
                             struct base_err *err) BASE_MUST_CHECK;

#endif
