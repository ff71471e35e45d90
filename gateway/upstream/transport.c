/* transport.c - one attempt at an upstream: request out, response in, deadlines, one end.
 *
 * Owns       struct up_attempt: the translated request, the reader, the timer, and one connection
 *            while it uses it.
 * Runs on    its loop's thread. gw_upstream_start only translates and arms a timer; the first byte
 *            leaves in a later turn of the loop.
 * States     WAITING -> (RESOLVING -> CONNECTING ->) SENT -> BODY; an idle connection skips the
 *            middle.
 * Invariants - exactly one CHAT_EV_END or CHAT_EV_ERROR, unless cancelled; `over` is set before it
 *            is given out, so whatever the receiver calls from there does no harm;
 *            - the connection has left the attempt before the end is given out: it is in the pool
 *              only if the answer was whole in HTTP's terms, and a cancelled one is closed;
 *            - the attempt's memory goes when no frame of ours stands on it (`depth`);
 *            - a redirect is an error, never followed: it would carry the key elsewhere;
 *            - compressed answers are an error: identity was asked for;
 *            - nothing of the key is in what a client can see: errors are searched for it.
 * Retry      A pooled connection may have been closed by the peer in the very moment of its reuse.
 *            If such a connection ends before a single byte of a response, the request is sent once
 *            more on a fresh one. The peer may then have received the body twice, though it answers
 *            only once; what is sent is the same request to the same back end under the same
 *            recorded intent. On a fresh connection there is no second try.
 * Deadlines  connect (GW_UP_CONNECT_MS, all addresses), first content (spec), total (spec), and the
 *            first-content span again for silence between two pieces of the answer, which does not
 *            run while the receiver has paused us. One lazy timer serves them all.
 * Fails by   CHAT_EV_ERROR: status 0 "upstream_unreachable" for connection faults, 504
 *            "upstream_timeout", 502 "upstream_protocol" for what HTTP or the dialect forbid, else
 *            the upstream's own status and words.
 */
#include "gateway/upstream/transport_int.h"
#include <stdlib.h>

#define ARENA_BYTES_MAX   (4u << 20)
#define BODY_BYTES_MAX    (256u << 20) /* of a request; the client's limit is lower */
#define DROPPED_BYTES_MAX 1024
#define ERROR_BYTES_MAX   (64u << 10)
#define SEND_BYTES        (64u << 10) /* a slice of the request's body */
#define STREAM_BYTES_MAX  (512ull << 20)
#define WHOLE_BYTES_MAX   (64ull << 20)

/* ---- life and end ---- */

static void attempt_free(struct up_attempt *a)
{
    if (a->reader)
        a->wire->reader_free(a->reader);
    base_buf_wipe(&a->body); /* a prompt */
    base_buf_release(&a->dropped);
    base_buf_release(&a->error_body);
    base_arena_free(a->arena);
    free(a);
}

static void enter(struct up_attempt *a)
{
    a->depth++;
    up_enter(a->u);
}

static void leave(struct up_attempt *a)
{
    struct gw_upstreams *u = a->u;

    if (--a->depth == 0 && a->over)
        attempt_free(a);
    up_leave(u);
}

/* Takes the attempt out of everything; its memory stays until leave. */
static void detach(struct up_attempt *a, bool reusable)
{
    a->over = true;
    event_del(&a->timer);
    if (a->prev)
        a->prev->next = a->next;
    else
        a->u->attempts = a->next;
    if (a->next)
        a->next->prev = a->prev;
    a->u->n_attempts--;
    if (a->conn)
        up_conn_release(a->conn, reusable);
    a->conn = NULL;
}

static void attempt_cancel(struct gw_attempt *ga)
{
    struct up_attempt *a = (struct up_attempt *)ga;

    if (a->over)
        return;
    enter(a);
    detach(a, false);
    leave(a);
}

void up_attempts_cancel_all(struct gw_upstreams *u)
{
    while (u->attempts)
        attempt_cancel(&u->attempts->base);
}

static void give_error(struct up_attempt *a, const struct chat_error *e)
{
    struct chat_event ev = {.kind = CHAT_EV_ERROR, .error = *e};
    enum base_status ignored;

    detach(a, false);
    ignored = a->spec.event(a->spec.ctx, &ev);
    (void)ignored; /* it is the last one either way */
}

void up_fail(struct up_attempt *a, int status, const char *type, const char *fmt, ...)
{
    struct base_err text;
    va_list ap;

    if (a->over)
        return;
    va_start(ap, fmt);
    vsnprintf(text.text, sizeof text.text, fmt, ap);
    va_end(ap);
    give_error(a, &(struct chat_error){.status = status,
                                       .retryable = true,
                                       .type = base_str_c(type),
                                       .code = base_str_c(type),
                                       .message = base_str_c(text.text)});
}

/* ---- deadlines ---- */

static void sooner(uint64_t *next, uint64_t at)
{
    if (at && (*next == 0 || at < *next))
        *next = at;
}

/* Arms the timer for the nearest deadline; it may fire early, never late. */
static void arm(struct up_attempt *a)
{
    uint64_t now = up_now_ms(), next = 0;

    sooner(&next, a->total_at);
    if (!a->content_seen)
        sooner(&next, a->first_at);
    if (a->state == UP_RESOLVING || a->state == UP_CONNECTING)
        sooner(&next, a->connect_at);
    if (a->content_seen && !a->paused)
        sooner(&next, a->last_ms + a->spec.first_token_ms);
    uint64_t in = next > now ? next - now : 0;
    struct timeval tv = {(time_t)(in / 1000), (suseconds_t)(in % 1000 * 1000)};
    event_add(&a->timer, &tv);
}

static void check_deadlines(struct up_attempt *a)
{
    uint64_t now = up_now_ms();
    bool connecting = a->state == UP_RESOLVING || a->state == UP_CONNECTING;

    if (now >= a->total_at)
        up_fail(a, 504, "upstream_timeout", "no complete answer within %u ms", a->spec.total_ms);
    else if (connecting && now >= a->connect_at)
        up_fail(a, 0, "upstream_unreachable", "no connection within %u ms", GW_UP_CONNECT_MS);
    else if (!a->content_seen && now >= a->first_at)
        up_fail(a, 504, "upstream_timeout", "no content within %u ms", a->spec.first_token_ms);
    else if (a->content_seen && !a->paused && now >= a->last_ms + a->spec.first_token_ms)
        up_fail(a, 504, "upstream_timeout", "the answer stopped for %u ms", a->spec.first_token_ms);
    else
        arm(a);
}

/* ---- connecting ---- */

static void use(struct up_attempt *a, struct up_conn *c)
{
    a->conn = c;
    c->attempt = a;
}

/* Tries the next address; the last failure's reason otherwise. */
static void connect_next(struct up_attempt *a, const struct base_err *why)
{
    struct up_backend *b = a->backend;
    struct base_err err = {.text = "no address"};

    if (why)
        err = *why;
    a->state = UP_CONNECTING;
    while (a->tried < b->n_addr) {
        unsigned left = b->n_addr - a->tried;
        uint64_t now = up_now_ms();
        uint64_t span = a->connect_at > now ? a->connect_at - now : 1;
        a->address = (b->good_addr + a->tried++) % b->n_addr;
        struct up_conn *c = up_conn_new(b, a->address, &err);
        if (!c)
            continue;
        use(a, c);
        /* A dead address may take its share of the time, not all of it. */
        gw_conn_deadline(c->conn, (uint32_t)(span / left) + 1);
        arm(a);
        return;
    }
    up_fail(a, 0, "upstream_unreachable", "%s", err.text);
}

static void connect_fresh(struct up_attempt *a)
{
    struct base_err err;

    a->tried = 0;
    a->connect_at = up_now_ms() + GW_UP_CONNECT_MS;
    a->state = UP_RESOLVING;
    switch (up_resolve(a->backend, &err)) {
    case BASE_OK:
        connect_next(a, NULL);
        break;
    case BASE_AGAIN:
        arm(a);
        break;
    default:
        up_fail(a, 0, "upstream_unreachable", "%s", err.text);
        break;
    }
}

void up_resolved(struct up_backend *b, const struct base_err *err)
{
    struct gw_upstreams *u = b->u;
    struct up_attempt *a = u->attempts;

    /* What an attempt's end sets off may change the list: begin again after each. */
    while (a && !u->dying) {
        if (a->backend != b || a->state != UP_RESOLVING) {
            a = a->next;
            continue;
        }
        enter(a);
        connect_next(a, err);
        leave(a);
        a = u->attempts;
    }
}

/* ---- sending ---- */

static void send_more(struct up_attempt *a)
{
    while (a->sent < a->body.n && !gw_conn_full(a->conn->conn)) {
        size_t n = a->body.n - a->sent;
        if (n > SEND_BYTES)
            n = SEND_BYTES;
        if (gw_conn_write(a->conn->conn, base_str_n(a->body.p + a->sent, n)) != BASE_OK)
            return; /* the connection's end will tell */
        a->sent += n;
    }
}

static void send_request(struct up_attempt *a)
{
    struct up_conn *c = a->conn;
    struct base_buf head;

    a->state = UP_SENT;
    a->reused = c->uses++ > 0;
    a->sent = 0;
    gw_conn_deadline(c->conn, 0);
    gw_http_parser_init(&c->parser, GW_HTTP_RESPONSE, UP_HEAD_BYTES_MAX,
                        a->spec.request->stream ? STREAM_BYTES_MAX : WHOLE_BYTES_MAX);
    base_buf_init(&head, UP_HEAD_BYTES_MAX);
    bool ok = up_head_make(a, &head);
    ok = ok && gw_conn_write(c->conn, base_buf_view(&head)) == BASE_OK;
    base_buf_wipe(&head);
    if (!ok) {
        up_fail(a, 0, "upstream_unreachable", "the request's headers cannot be written");
        return;
    }
    send_more(a);
    arm(a);
}

void up_attempt_open(struct up_attempt *a)
{
    enter(a);
    a->backend->good_addr = a->address;
    send_request(a);
    leave(a);
}

void up_attempt_drained(struct up_attempt *a)
{
    if (a->state >= UP_SENT)
        send_more(a);
}

static void begin(struct up_attempt *a)
{
    struct up_conn *c = up_pool_take(a->backend);

    if (c) {
        use(a, c);
        send_request(a);
    } else {
        connect_fresh(a);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct up_attempt *a = arg;

    (void)fd, (void)what;
    enter(a);
    if (a->state == UP_WAITING)
        begin(a);
    else
        check_deadlines(a);
    leave(a);
}

/* ---- the answer ---- */

/* Whether the connection can serve again: both sides have said all they had to, or the answer's
 * own end has come and only HTTP's is missing. */
static bool reusable(const struct up_attempt *a)
{
    const struct gw_http_parser *p = a->conn ? &a->conn->parser : NULL;

    return p && a->state == UP_BODY && a->sent == a->body.n && p->head.keep_alive &&
           (p->state == GW_HTTP_COMPLETE || a->end_seen);
}

/* Between the reader and the receiver: watches for content and for the end. */
static enum base_status on_event(void *ctx, const struct chat_event *ev)
{
    struct up_attempt *a = ctx;
    struct chat_event clean;

    switch (ev->kind) {
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR:
    case CHAT_EV_FINISH:
        a->content_seen = true;
        break;
    case CHAT_EV_END:
        detach(a, reusable(a));
        break;
    case CHAT_EV_ERROR:
        clean = *ev;
        up_error_clean(a, &clean.error);
        ev = &clean;
        detach(a, reusable(a));
        break;
    case CHAT_EV_START:
    case CHAT_EV_USAGE:
        break;
    }
    enum base_status st = a->spec.event(a->spec.ctx, ev);
    return a->over && st == BASE_OK ? BASE_DENIED : st;
}

/* The answer is whole as its dialect sees it, or its HTTP message is: the reader gives out what is
 * left, and on_event lets go of the connection before the last event. */
static void finish(struct up_attempt *a)
{
    struct base_err err;
    enum base_status st = a->wire->reader_end(a->reader, &err);

    if (a->over)
        return;
    if (st == BASE_EPROTO)
        up_fail(a, 502, "upstream_protocol", "%s", err.text);
    else
        detach(a, false); /* the receiver wants no more */
}

static void finish_error(struct up_attempt *a)
{
    struct up_conn *c = a->conn;
    struct chat_error e;

    a->wire->error_parse(c->parser.head.status, base_buf_view(&a->error_body), a->arena, &e);
    if (a->wire->error_head)
        a->wire->error_head(&c->parser.head, a->arena, &e);
    up_error_clean(a, &e);
    struct chat_event ev = {.kind = CHAT_EV_ERROR, .error = e};
    detach(a, reusable(a));
    enum base_status ignored = a->spec.event(a->spec.ctx, &ev);
    (void)ignored;
}

static bool on_head(struct up_attempt *a)
{
    const struct gw_http_head *h = &a->conn->parser.head;
    struct gw_attempt_headers out;

    up_headers(h, &out);
    out.dropped = base_buf_view(&a->dropped);
    if (a->spec.headers)
        a->spec.headers(a->spec.ctx, &out);
    if (a->over)
        return false;
    struct base_str why = up_head_refused(h, a->spec.request->stream, a->wire->stream_type);
    if (why.n) {
        up_fail(a, 502, "upstream_protocol", "%.*s", BASE_FMT(why));
        return false;
    }
    a->error_answer = h->status != 200;
    return true;
}

/* Decoded bytes of the body. False when the attempt has ended. */
static bool on_body(struct up_attempt *a, struct base_str bytes)
{
    struct base_err err;

    if (a->error_answer) {
        size_t room = ERROR_BYTES_MAX - a->error_body.n;
        base_buf_add(&a->error_body, bytes.p, bytes.n < room ? bytes.n : room);
        if (bytes.n <= room)
            return true;
        finish_error(a);
        return false;
    }
    enum base_status st = a->wire->reader_feed(a->reader, bytes, &err);
    if (a->over)
        return false;
    if (st == BASE_DONE) {
        a->end_seen = true;
        finish(a);
    } else if (st == BASE_EPROTO) {
        up_fail(a, 502, "upstream_protocol", "%s", err.text);
    } else if (st != BASE_OK) {
        detach(a, false); /* the receiver wants no more */
    }
    return !a->over;
}

/* The HTTP message is complete. */
static void on_complete(struct up_attempt *a)
{
    if (a->error_answer)
        finish_error(a);
    else
        finish(a);
}

/* One step of the parser. False when there is nothing more to do with `in`. */
static bool step(struct up_attempt *a, struct base_buf *in)
{
    struct up_conn *c = a->conn;
    struct base_err err;
    size_t used = 0;

    enum base_status st =
        gw_http_feed(&c->parser, base_buf_view(in), &used, a->arena, &c->decoded, &err);
    base_buf_shift(in, used);
    if (st != BASE_OK && st != BASE_AGAIN) {
        up_fail(a, 502, "upstream_protocol", "%s", err.text);
        return false;
    }
    if (c->parser.state != GW_HTTP_HEAD && a->state == UP_SENT) {
        a->state = UP_BODY;
        if (!on_head(a))
            return false;
    }
    if (c->decoded.n > 0) {
        bool more = on_body(a, base_buf_view(&c->decoded));
        if (!c->closed)
            base_buf_clear(&c->decoded);
        if (!more)
            return false;
    }
    if (c->parser.state == GW_HTTP_COMPLETE) {
        on_complete(a);
        return false;
    }
    return st == BASE_OK && in->n > 0;
}

void up_attempt_data(struct up_attempt *a, struct base_buf *in)
{
    enter(a);
    a->response_seen = true;
    a->last_ms = up_now_ms();
    bool content = a->content_seen;
    while (!a->over && step(a, in))
        ;
    if (!a->over && content != a->content_seen)
        arm(a); /* the next deadline is another one now */
    leave(a);
}

void up_attempt_end(struct up_attempt *a, enum gw_conn_end why, const struct base_err *err)
{
    struct up_conn *c = a->conn;
    struct base_err ignored;
    const char *text = err ? err->text : "closed by the peer";

    enter(a);
    if (a->state == UP_CONNECTING) {
        a->conn = NULL;
        up_conn_release(c, false);
        SSL_SESSION_free(a->backend->session); /* in case it was the reason */
        a->backend->session = NULL;
        connect_next(a, err);
    } else if (!a->response_seen && a->reused && !a->retried) {
        a->retried = true;
        a->conn = NULL;
        up_conn_release(c, false);
        connect_fresh(a);
    } else if (!a->response_seen) {
        up_fail(a, 0, "upstream_unreachable", "the connection ended before an answer: %s", text);
    } else if (a->error_answer) {
        finish_error(a); /* with as much of its text as came */
    } else if (a->state == UP_BODY && why == GW_CONN_EOF &&
               gw_http_feed_eof(&c->parser, &ignored) == BASE_OK) {
        on_complete(a);
    } else {
        up_fail(a, 502, "upstream_protocol", "the answer broke off: %s", text);
    }
    leave(a);
}

/* ---- source.h ---- */

static void attempt_pause(struct gw_attempt *ga)
{
    struct up_attempt *a = (struct up_attempt *)ga;

    if (a->over || a->paused)
        return;
    a->paused = true;
    if (a->conn)
        gw_conn_pause(a->conn->conn);
}

static void attempt_resume(struct gw_attempt *ga)
{
    struct up_attempt *a = (struct up_attempt *)ga;

    if (a->over || !a->paused)
        return;
    a->paused = false;
    a->last_ms = up_now_ms();
    if (a->conn)
        gw_conn_resume(a->conn->conn);
    arm(a);
}

static const struct gw_attempt_ops attempt_ops = {
    .cancel = attempt_cancel, .pause = attempt_pause, .resume = attempt_resume};

static enum base_status attempt_init(struct up_attempt *a, struct base_err *err)
{
    struct chat_request *r = a->spec.request;

    base_buf_init(&a->body, BODY_BYTES_MAX);
    base_buf_init(&a->dropped, DROPPED_BYTES_MAX);
    base_buf_init(&a->error_body, ERROR_BYTES_MAX);
    a->arena = base_arena_new(ARENA_BYTES_MAX);
    if (!a->arena)
        return base_err_set(err, BASE_ENOMEM, "no memory for the upstream's request");
    enum base_status st =
        a->wire->write(a->spec.target, r, &a->head, &a->body, &a->dropped, a->arena, err);
    if (st != BASE_OK)
        return st;
    enum conf_api api = a->spec.target->backend->api;
    if (api != CONF_API_ANTHROPIC && api != CONF_API_BEDROCK) /* which names its own */
        gw_wire_dropped_anthropic(r, &a->dropped);
    if (a->spec.wire && !a->spec.wire(a->spec.ctx, base_buf_view(&a->body)))
        return base_err_set(err, BASE_LIMIT,
                            "what would be sent could not be kept as the configuration demands");
    a->reader = a->wire->reader_new(r->stream, on_event, a);
    if (!a->reader)
        return base_err_set(err, BASE_ENOMEM, "no memory for the upstream's answer");
    return BASE_OK;
}

struct gw_attempt *gw_upstream_start(struct gw_upstreams *u, const struct gw_attempt_spec *spec,
                                     struct base_err *err)
{
    const struct conf_backend *conf = spec->target->backend;
    struct up_backend *b = conf ? up_backend_find(u, conf) : NULL;
    bool count = spec->request->count_only, embed = spec->request->embed;
    const struct gw_wire *wire = !conf   ? NULL
                                 : count ? gw_wire_count_for(conf->api)
                                 : embed ? gw_wire_embed_for(conf->api)
                                         : gw_wire_for(conf->api);

    if (!b || u->dying) {
        base_err_set(err, BASE_ENOENT, "%s is no back end of this configuration",
                     spec->target->text);
        return NULL;
    }
    if (!wire) {
        base_err_set(err, BASE_EINVAL, "back end %s: the api %s is not supported yet", conf->name,
                     conf_api_name(conf->api));
        return NULL;
    }
    struct up_attempt *a = calloc(1, sizeof *a);
    if (!a) {
        base_err_set(err, BASE_ENOMEM, "no memory for the upstream's request");
        return NULL;
    }
    a->base.ops = &attempt_ops;
    a->u = u;
    a->backend = b;
    a->spec = *spec;
    a->wire = wire;
    if (attempt_init(a, err) != BASE_OK) {
        attempt_free(a);
        return NULL;
    }
    uint64_t now = up_now_ms();
    a->total_at = now + spec->total_ms;
    a->first_at = now + spec->first_token_ms;
    a->next = u->attempts;
    if (a->next)
        a->next->prev = a;
    u->attempts = a;
    u->n_attempts++;
    event_assign(&a->timer, u->base, -1, 0, on_timer, a);
    event_active(&a->timer, EV_TIMEOUT, 1);
    return &a->base;
}

struct base_str gw_upstream_dropped(const struct gw_attempt *ga)
{
    return base_buf_view(&((const struct up_attempt *)ga)->dropped);
}
