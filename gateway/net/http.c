/* http.c - heads and bodies of HTTP/1.1 messages, strictly.
 *
 * Pure functions over bytes: no I/O, no clock, any thread (one per parser). The head is looked at
 * only when it is whole (the caller keeps its bytes until then); what can be refused earlier (bare
 * LF or CR, control characters, too long) is refused while it arrives, so that a client that does
 * not speak HTTP is answered at once and not by the deadline. The body is taken byte for byte as
 * it comes.
 *
 * Why so strict: a gateway and the proxies before it must never read two different messages out of
 * the same bytes (request smuggling). Wherever RFC 9112 lets a recipient repair, we refuse.
 *
 * Invariants: after BASE_EPROTO or BASE_LIMIT the parser is dead and fail_status is set; body_seen
 * never passes body_max; extensions and trailers together never pass OVERHEAD_MAX bytes.
 */
#include "gateway/net/http.h"

#define OVERHEAD_MAX  4096u
#define METHOD_MAX    32u
#define CHUNK_HEX_MAX 15 /* digits: sizes below 2^60 */

enum chunk_state {
    CH_SIZE,    /* hexadecimal digits */
    CH_EXT_BWS, /* blanks between the size and ';' */
    CH_EXT,     /* an extension, skipped */
    CH_SIZE_LF,
    CH_DATA,
    CH_DATA_CR,
    CH_DATA_LF,
    CH_TRAILER, /* at the start of a trailer line */
    CH_TRAILER_NAME,
    CH_TRAILER_VALUE,
    CH_TRAILER_LF,
    CH_END_LF
};

/* 1: a token character (RFC 9110, 5.6.2) */
static const unsigned char is_tchar[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1};

static bool tchar(char c)
{
    return is_tchar[(unsigned char)c] != 0;
}

/* Fit for a field value, an extension, a reason: no control character but a tab. */
static bool text_char(char c)
{
    unsigned char u = (unsigned char)c;
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

static bool alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum base_status refuse(struct gw_http_parser *p, int status, struct base_err *err,
                               const char *why)
{
    p->fail_status = status;
    return base_err_set(err, status == 413 || status == 431 ? BASE_LIMIT : BASE_EPROTO, "%s", why);
}

/* Says how much would have been taken: the caller can do something about it. */
static enum base_status too_large(struct gw_http_parser *p, int status, struct base_err *err)
{
    p->fail_status = status;
    return base_err_set(err, BASE_LIMIT, "the %s is larger than %zu bytes",
                        status == 413 ? "body" : "header section",
                        status == 413 ? p->body_max : p->head_max);
}

const struct gw_http_header *gw_http_find(const struct gw_http_head *h, const char *name)
{
    struct base_str n = base_str_c(name);
    for (size_t i = 0; i < h->n_headers; i++)
        if (base_str_ieq(h->headers[i].name, n))
            return &h->headers[i];
    return NULL;
}

void gw_http_parser_init(struct gw_http_parser *p, enum gw_http_kind kind, size_t head_max,
                         uint64_t body_max)
{
    /* The table of headers is not worth clearing: n_headers says what of it holds. */
    memset(p, 0, offsetof(struct gw_http_parser, head));
    memset(&p->head, 0, offsetof(struct gw_http_head, headers));
    size_t behind = offsetof(struct gw_http_head, n_headers);
    memset((char *)&p->head + behind, 0, sizeof p->head - behind);
    p->kind = kind;
    p->head_max = head_max;
    p->body_max = body_max;
}

/* ---- the head ---- */

/* Finds the end of the head in in[0..n): BASE_OK with *end behind the empty line. Remembers how far
 * it looked. */
static enum base_status find_head_end(struct gw_http_parser *p, struct base_str in, size_t *end,
                                      struct base_err *err)
{
    size_t i = p->scanned;
    for (; i < in.n; i++) {
        if (i >= p->head_max)
            return too_large(p, 431, err);
        char c = in.p[i];
        if (c == '\n') {
            if (i == 0 || in.p[i - 1] != '\r')
                return refuse(p, 400, err, "a line ends in a bare LF");
            if (i == 1 || in.p[i - 2] == '\n') {
                *end = i + 1;
                return BASE_OK;
            }
            continue;
        }
        if (i > 0 && in.p[i - 1] == '\r')
            return refuse(p, 400, err, "a bare CR in the header section");
        if (c != '\r' && !text_char(c))
            return refuse(p, 400, err, "a control character in the header section");
    }
    p->scanned = i;
    return BASE_AGAIN;
}

/* "[v6]", "name" or "1.2.3.4", each with an optional ":port". */
static bool host_valid(struct base_str h)
{
    size_t i = 0;
    if (h.n > 0 && h.p[0] == '[') {
        for (i = 1; i < h.n && h.p[i] != ']'; i++)
            if (hex_digit(h.p[i]) < 0 && h.p[i] != ':' && h.p[i] != '.')
                return false;
        if (i == h.n || i < 3)
            return false;
        i++;
    } else {
        while (i < h.n && (alnum(h.p[i]) || h.p[i] == '-' || h.p[i] == '.' || h.p[i] == '_'))
            i++;
        if (i == 0 || i > 253)
            return false;
    }
    if (i == h.n)
        return true;
    uint64_t port;
    return h.p[i] == ':' && h.n - i - 1 <= 5 &&
           base_str_u64(base_str_n(h.p + i + 1, h.n - i - 1), &port) && port <= 65535;
}

static enum base_status parse_version(struct gw_http_parser *p, struct base_str v,
                                      struct base_err *err)
{
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' ||
        v.p[7] < '0' || v.p[7] > '9')
        return refuse(p, 400, err, "the HTTP version is malformed");
    if (v.p[5] != '1' || v.p[7] > '1')
        return refuse(p, 505, err, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->head.minor = v.p[7] - '0';
    return BASE_OK;
}

static enum base_status parse_request_line(struct gw_http_parser *p, struct base_str line,
                                           struct base_err *err)
{
    struct gw_http_head *h = &p->head;
    const char *sp1 = memchr(line.p, ' ', line.n);
    if (!sp1)
        return refuse(p, 400, err, "the request line is malformed");
    h->method = base_str_n(line.p, (size_t)(sp1 - line.p));
    const char *t = sp1 + 1, *line_end = line.p + line.n;
    const char *sp2 = memchr(t, ' ', (size_t)(line_end - t));
    if (!sp2)
        return refuse(p, 400, err, "the request line is malformed");
    h->target = base_str_n(t, (size_t)(sp2 - t));
    if (h->method.n == 0 || h->method.n > METHOD_MAX)
        return refuse(p, 400, err, "the method is malformed");
    for (size_t i = 0; i < h->method.n; i++)
        if (!tchar(h->method.p[i]))
            return refuse(p, 400, err, "the method is malformed");
    if (h->target.n == 0)
        return refuse(p, 400, err, "the request target is empty");
    for (size_t i = 0; i < h->target.n; i++) {
        unsigned char c = (unsigned char)h->target.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\')
            return refuse(p, 400, err, "the request target holds a character that it may not");
    }
    return parse_version(p, base_str_n(sp2 + 1, (size_t)(line_end - sp2 - 1)), err);
}

static enum base_status parse_status_line(struct gw_http_parser *p, struct base_str line,
                                          struct base_err *err)
{
    if (line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
        return refuse(p, 400, err, "the status line is malformed");
    enum base_status st = parse_version(p, base_str_n(line.p, 8), err);
    if (st != BASE_OK)
        return st;
    uint64_t status;
    if (!base_str_u64(base_str_n(line.p + 9, 3), &status) || status < 100 || status > 599)
        return refuse(p, 400, err, "the status code is malformed");
    p->head.status = (int)status;
    return BASE_OK;
}

static enum base_status parse_header_line(struct gw_http_parser *p, struct base_str line,
                                          struct base_err *err)
{
    struct gw_http_head *h = &p->head;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return refuse(p, 400, err, "a folded header line");
    size_t i = 0;
    while (i < line.n && tchar(line.p[i]))
        i++;
    if (i == 0 || i == line.n || line.p[i] != ':')
        return refuse(p, 400, err, "a malformed header name");
    if (h->n_headers == GW_HTTP_HEADERS_MAX)
        return refuse(p, 431, err, "too many header lines");
    h->headers[h->n_headers++] = (struct gw_http_header){
        base_str_n(line.p, i), base_str_trim(base_str_n(line.p + i + 1, line.n - i - 1))};
    return BASE_OK;
}

/* What the Connection header's tokens say. */
static void read_connection(struct base_str v, bool *close, bool *keep)
{
    while (v.p) {
        struct base_str t = base_str_trim(base_str_cut(&v, ','));
        *close |= base_str_ieq(t, BASE_STR("close"));
        *keep |= base_str_ieq(t, BASE_STR("keep-alive"));
    }
}

struct framing {
    int lengths, codings, hosts;
    bool close, keep;
    struct base_str host;
};

/* The headers that decide where the message ends and whether another follows. */
static enum base_status read_framing(struct gw_http_parser *p, struct framing *f,
                                     struct base_err *err)
{
    struct gw_http_head *h = &p->head;
    for (size_t i = 0; i < h->n_headers; i++) {
        struct base_str n = h->headers[i].name, v = h->headers[i].value;
        if (n.n == 14 && base_str_ieq(n, BASE_STR("content-length"))) {
            if (f->lengths++)
                return refuse(p, 400, err, "more than one content-length");
            if (!base_str_u64(v, &h->length) || v.n > 19)
                return refuse(p, 400, err, "content-length is malformed");
            h->has_length = true;
        } else if (n.n == 17 && base_str_ieq(n, BASE_STR("transfer-encoding"))) {
            if (f->codings++)
                return refuse(p, 400, err, "more than one transfer-encoding");
            if (!base_str_ieq(v, BASE_STR("chunked")))
                return refuse(p, 400, err, "a transfer-encoding other than chunked");
            h->chunked = true;
        } else if (n.n == 4 && base_str_ieq(n, BASE_STR("host"))) {
            if (f->hosts++)
                return refuse(p, 400, err, "more than one host header");
            f->host = v;
        } else if (n.n == 10 && base_str_ieq(n, BASE_STR("connection"))) {
            read_connection(v, &f->close, &f->keep);
        } else if (n.n == 6 && base_str_ieq(n, BASE_STR("expect")) && p->kind == GW_HTTP_REQUEST) {
            if (!base_str_ieq(v, BASE_STR("100-continue")))
                return refuse(p, 417, err, "an expectation that cannot be met");
            h->expect_continue = h->minor == 1;
        }
    }
    if (h->chunked && h->has_length)
        return refuse(p, 400, err, "both content-length and transfer-encoding");
    if (h->chunked && h->minor == 0)
        return refuse(p, 400, err, "transfer-encoding in an HTTP/1.0 message");
    h->keep_alive = !f->close && (h->minor == 1 || f->keep);
    return BASE_OK;
}

/* Origin form, or absolute form whose authority is the Host header's. */
static enum base_status split_target(struct gw_http_parser *p, const struct framing *f,
                                     struct base_err *err)
{
    struct gw_http_head *h = &p->head;
    if (f->hosts == 0 && h->minor == 1)
        return refuse(p, 400, err, "no host header");
    if (f->hosts == 1 && !host_valid(f->host))
        return refuse(p, 400, err, "the host header is malformed");
    struct base_str t = h->target;
    if (base_str_is(h->method, "CONNECT"))
        return refuse(p, 501, err, "CONNECT is not done here");
    if (t.p[0] != '/') {
        if (base_str_is(t, "*") && base_str_is(h->method, "OPTIONS")) {
            h->path = t;
            return BASE_OK;
        }
        size_t skip = 0;
        if (t.n > 7 && base_str_ieq(base_str_n(t.p, 7), BASE_STR("http://")))
            skip = 7;
        else if (t.n > 8 && base_str_ieq(base_str_n(t.p, 8), BASE_STR("https://")))
            skip = 8;
        size_t end = skip;
        while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
            end++;
        if (skip == 0 || f->hosts != 1 ||
            !base_str_ieq(base_str_n(t.p + skip, end - skip), f->host))
            return refuse(p, 400, err, "the request target is no path on this host");
        t = base_str_n(t.p + end, t.n - end);
    }
    const char *q = t.n ? memchr(t.p, '?', t.n) : NULL;
    h->path = base_str_n(t.p, q ? (size_t)(q - t.p) : t.n);
    if (q)
        h->query = base_str_n(q + 1, t.n - h->path.n - 1);
    if (h->path.n == 0)
        h->path = BASE_STR("/");
    return BASE_OK;
}

/* Decides the framing of the body and moves the state on. */
static enum base_status begin_body(struct gw_http_parser *p, struct base_err *err)
{
    struct gw_http_head *h = &p->head;
    p->state = GW_HTTP_BODY;
    if (p->kind == GW_HTTP_RESPONSE &&
        (p->head_only || h->status == 204 || h->status == 304 || h->status < 200)) {
        p->state = GW_HTTP_COMPLETE;
    } else if (h->chunked) {
        p->chunk_state = CH_SIZE;
        p->chunk_digits = 0;
        p->left = 0;
    } else if (h->has_length) {
        if (h->length > p->body_max)
            return too_large(p, 413, err);
        p->left = h->length;
        if (h->length == 0)
            p->state = GW_HTTP_COMPLETE;
    } else if (p->kind == GW_HTTP_REQUEST) {
        p->state = GW_HTTP_COMPLETE;
    } else {
        h->until_close = true;
        h->keep_alive = false;
    }
    return BASE_OK;
}

static enum base_status parse_head(struct gw_http_parser *p, struct base_str head,
                                   struct base_err *err)
{
    size_t at = 0;
    bool first = true;
    /* Every CR has its LF and the other way round: find_head_end saw to it. */
    while (at + 2 < head.n) {
        const char *cr = memchr(head.p + at, '\r', head.n - at);
        struct base_str line = base_str_n(head.p + at, (size_t)(cr - head.p) - at);
        enum base_status st = !first                       ? parse_header_line(p, line, err)
                              : p->kind == GW_HTTP_REQUEST ? parse_request_line(p, line, err)
                                                           : parse_status_line(p, line, err);
        if (st != BASE_OK)
            return st;
        first = false;
        at += line.n + 2;
    }
    struct framing f = {0};
    enum base_status st = read_framing(p, &f, err);
    if (st == BASE_OK && p->kind == GW_HTTP_REQUEST)
        st = split_target(p, &f, err);
    return st;
}

static enum base_status feed_head(struct gw_http_parser *p, struct base_str in, size_t *used,
                                  struct base_arena *a, struct base_err *err)
{
    for (;;) {
        size_t end = 0;
        struct base_str rest = base_str_n(in.p + *used, in.n - *used);
        enum base_status st = find_head_end(p, rest, &end, err);
        if (st != BASE_OK)
            return st;
        p->scanned = 0;
        if (end == 2) {
            if (p->blank_seen || p->kind == GW_HTTP_RESPONSE)
                return refuse(p, 400, err, "empty lines before the message");
            p->blank_seen = true;
            *used += end;
            continue;
        }
        struct base_str head = base_arena_dup(a, base_str_n(rest.p, end));
        if (!head.p) {
            p->fail_status = 431;
            return base_err_set(err, BASE_ENOMEM, "no memory for the header section");
        }
        *used += end;
        st = parse_head(p, head, err);
        if (st != BASE_OK)
            return st;
        if (p->kind == GW_HTTP_RESPONSE && p->head.status < 200 && p->head.status != 101) {
            p->overhead += OVERHEAD_MAX / 8; /* at most eight of them */
            if (p->overhead > OVERHEAD_MAX)
                return refuse(p, 400, err, "too many interim responses");
            uint32_t overhead = p->overhead;
            bool head_only = p->head_only;
            gw_http_parser_init(p, p->kind, p->head_max, p->body_max);
            p->overhead = overhead;
            p->head_only = head_only;
            continue;
        }
        p->overhead = 0;
        return begin_body(p, err);
    }
}

/* ---- the body ---- */

/* Moves up to p->left bytes. */
static enum base_status take_data(struct gw_http_parser *p, struct base_str in, size_t *used,
                                  struct base_buf *body, struct base_err *err)
{
    size_t n = in.n - *used;
    if (!p->head.until_close && n > p->left)
        n = (size_t)p->left;
    if (n > p->body_max - p->body_seen)
        return too_large(p, 413, err);
    if (n && !base_buf_add(body, in.p + *used, n))
        return refuse(p, 413, err, "the body does not fit its buffer");
    p->body_seen += n;
    if (!p->head.until_close)
        p->left -= n;
    *used += n;
    return BASE_OK;
}

static enum base_status overhead(struct gw_http_parser *p, struct base_err *err)
{
    if (++p->overhead > OVERHEAD_MAX)
        return refuse(p, 400, err, "too many bytes of chunk extensions or trailers");
    return BASE_OK;
}

/* The line that opens a chunk: size, extensions (skipped), CRLF. */
static enum base_status chunk_line(struct gw_http_parser *p, char c, struct base_err *err)
{
    int d;
    switch (p->chunk_state) {
    case CH_SIZE:
        d = hex_digit(c);
        if (d >= 0) {
            if (++p->chunk_digits > CHUNK_HEX_MAX)
                return refuse(p, 400, err, "a chunk size is too long");
            p->left = p->left << 4 | (unsigned)d;
            return BASE_OK;
        }
        if (p->chunk_digits == 0)
            return refuse(p, 400, err, "a chunk size is malformed");
        break;
    case CH_EXT_BWS:
        break;
    case CH_EXT:
        if (c == '\r')
            break;
        if (!text_char(c))
            return refuse(p, 400, err, "a control character in a chunk extension");
        return overhead(p, err);
    default: /* CH_SIZE_LF */
        if (c != '\n')
            return refuse(p, 400, err, "a chunk size line does not end in CRLF");
        if (p->left > p->body_max - p->body_seen)
            return too_large(p, 413, err);
        p->chunk_state = p->left ? CH_DATA : CH_TRAILER;
        return BASE_OK;
    }
    if (c == '\r') {
        /* blanks must be followed by an extension */
        if (p->chunk_state == CH_EXT_BWS)
            return refuse(p, 400, err, "a blank after a chunk size");
        p->chunk_state = CH_SIZE_LF;
        return BASE_OK; /* what every chunk has is no overhead: a long stream has many chunks */
    } else if (c == ';') {
        p->chunk_state = CH_EXT;
    } else if (c == ' ' || c == '\t') {
        p->chunk_state = CH_EXT_BWS;
    } else {
        return refuse(p, 400, err, "a chunk size is malformed");
    }
    return overhead(p, err);
}

/* Trailer lines: held to the form of headers, then dropped. */
static enum base_status trailer(struct gw_http_parser *p, char c, struct base_err *err)
{
    switch (p->chunk_state) {
    case CH_TRAILER:
        if (c == '\r') {
            p->chunk_state = CH_END_LF;
            return BASE_OK;
        }
        if (!tchar(c))
            return refuse(p, 400, err, "a trailer is malformed");
        p->chunk_state = CH_TRAILER_NAME;
        break;
    case CH_TRAILER_NAME:
        if (c == ':')
            p->chunk_state = CH_TRAILER_VALUE;
        else if (!tchar(c))
            return refuse(p, 400, err, "a trailer is malformed");
        break;
    case CH_TRAILER_VALUE:
        if (c == '\r')
            p->chunk_state = CH_TRAILER_LF;
        else if (!text_char(c))
            return refuse(p, 400, err, "a control character in a trailer");
        break;
    case CH_TRAILER_LF:
        if (c != '\n')
            return refuse(p, 400, err, "a trailer does not end in CRLF");
        p->chunk_state = CH_TRAILER;
        break;
    default: /* CH_END_LF */
        if (c != '\n')
            return refuse(p, 400, err, "the last chunk does not end in CRLF");
        p->state = GW_HTTP_COMPLETE;
        return BASE_OK;
    }
    return overhead(p, err);
}

static enum base_status feed_chunked(struct gw_http_parser *p, struct base_str in, size_t *used,
                                     struct base_buf *body, struct base_err *err)
{
    while (*used < in.n && p->state == GW_HTTP_BODY) {
        enum base_status st = BASE_OK;
        char c = in.p[*used];
        if (p->chunk_state < CH_DATA) {
            ++*used;
            st = chunk_line(p, c, err);
        } else if (p->chunk_state == CH_DATA) {
            st = take_data(p, in, used, body, err);
            if (p->left == 0)
                p->chunk_state = CH_DATA_CR;
        } else if (p->chunk_state == CH_DATA_CR || p->chunk_state == CH_DATA_LF) {
            ++*used;
            if (c != (p->chunk_state == CH_DATA_CR ? '\r' : '\n'))
                return refuse(p, 400, err, "a chunk is longer than its size");
            p->chunk_state = p->chunk_state == CH_DATA_CR ? CH_DATA_LF : CH_SIZE;
            p->chunk_digits = 0;
        } else {
            ++*used;
            st = trailer(p, c, err);
        }
        if (st != BASE_OK)
            return st;
    }
    return p->state == GW_HTTP_COMPLETE ? BASE_OK : BASE_AGAIN;
}

enum base_status gw_http_feed(struct gw_http_parser *p, struct base_str in, size_t *used,
                              struct base_arena *a, struct base_buf *body, struct base_err *err)
{
    *used = 0;
    if (p->fail_status)
        return base_err_set(err, BASE_EPROTO, "the message has failed already");
    if (p->state == GW_HTTP_HEAD)
        return feed_head(p, in, used, a, err);
    if (p->state == GW_HTTP_COMPLETE)
        return BASE_OK;
    if (p->head.chunked)
        return feed_chunked(p, in, used, body, err);
    enum base_status st = take_data(p, in, used, body, err);
    if (st != BASE_OK)
        return st;
    if (p->head.until_close || p->left)
        return BASE_AGAIN;
    p->state = GW_HTTP_COMPLETE;
    return BASE_OK;
}

enum base_status gw_http_feed_eof(struct gw_http_parser *p, struct base_err *err)
{
    if (p->state == GW_HTTP_BODY && p->head.until_close && !p->fail_status)
        p->state = GW_HTTP_COMPLETE;
    if (p->state == GW_HTTP_COMPLETE)
        return BASE_OK;
    return base_err_set(err, BASE_EPROTO, "the connection closed within a message");
}
