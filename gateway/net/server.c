/* server.c - client connections: requests are read, checked, handed out; connections go on or
 * close.
 *
 * Runs on   the loop's thread only.
 * Owns      every connection that its loop's listeners accepted, and the pool of request objects.
 *
 * A connection is in one of these states:
 *   handshake   not opened; deadline header_s
 *   idle        no request; deadline idle_s (header_s before the first one)
 *   head, body  a request object is being filled; deadlines header_s, body_s
 *   handed      the handler has it; no deadline but the stall one; input is left in the buffer (a
 *               pipelined request waits there), reading stays armed so that a leaving client is
 * seen closing     an answer is being flushed, then FIN (conn.c); input is thrown away
 *
 * Request objects are taken from the pool with a request's first byte and go back with its end, so
 * an idle connection costs its own few hundred bytes, its events and its SSL.
 *
 * A handed-out request outlives its connection (k becomes NULL, gone() is called) and even the
 * server (s becomes NULL): the handler's end call frees it in the end.
 *
 * Fails by  answering: what is not HTTP as http.c has it gets its status, from the handler where it
 * takes such (malformed()), else as JSON from here, and the connection closes. Above the limit of
 * connections, the first OVER_BAND get a 503, those beyond are closed.
 */
#include "base/json.h"
#include "base/log.h"
#include "gateway/net/server_int.h"
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POOL_MAX        64
#define BODY_KEEP       16384u /* a pooled request keeps a body buffer up to this size */
#define IN_SLACK        16384u
#define OVER_BAND       32u
#define ADMIN_MAX       64u /* admin connections a loop; they do not count against the limit */
#define DRAIN_TICK_MS   20
#define DRAIN_LINGER_MS 200
#define DRAIN_RECORD_MS 3000u /* after the cut, for what handlers still have to record */

/* Of the whole process: server.limits.connections is about all loops together. */
static atomic_uint open_main;

static void on_open(void *ctx);
static void on_data(void *ctx, struct base_buf *in);
static void on_drained(void *ctx);
static void on_end(void *ctx, enum gw_conn_end why, const struct base_err *err);

static const struct gw_conn_ops conn_ops = {on_open, on_data, on_drained, on_end};

static const struct conf_limits *limits_of(const struct gw_server *s)
{
    return &s->loop->gen->conf->server.limits;
}

const char *gw_server_date(struct gw_server *s)
{
    time_t now = time(NULL);
    if (now != s->date_s) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(s->date, sizeof s->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        s->date_s = now;
    }
    return s->date;
}

/* ---- request objects ---- */

static void req_release(struct gw_req *r)
{
    struct gw_server *s = r->s;
    gw_gen_unref(r->pub.gen);
    r->pub.gen = NULL;
    if (!s || s->n_pool >= POOL_MAX) {
        base_arena_free(r->pub.arena);
        base_buf_release(&r->body);
        free(r);
        return;
    }
    base_arena_reset(r->pub.arena);
    if (r->body.cap > BODY_KEEP)
        base_buf_release(&r->body);
    r->next = s->pool;
    s->pool = r;
    s->n_pool++;
}

/* A fresh request for k, whose first byte has come. NULL without memory. */
static struct gw_req *req_take(struct gw_sconn *k)
{
    struct gw_server *s = k->s;
    const struct conf_limits *lim = limits_of(s);
    struct gw_req *r = s->pool;
    struct base_arena *arena;
    struct base_buf body;
    if (r) {
        s->pool = r->next;
        s->n_pool--;
        arena = r->pub.arena;
        body = r->body;
    } else {
        r = malloc(sizeof *r);
        arena = base_arena_new(GW_REQUEST_ARENA_MAX);
        if (!r || !arena) {
            free(r);
            base_arena_free(arena);
            return NULL;
        }
        base_buf_init(&body, 0);
    }
    /* The parser's table of headers is large and clears itself. */
    memset(r, 0, offsetof(struct gw_req, parser));
    memset((char *)r + offsetof(struct gw_req, body), 0, sizeof *r - offsetof(struct gw_req, body));
    r->body = body;
    r->body.max = lim->body_bytes;
    base_buf_clear(&r->body);
    gw_http_parser_init(&r->parser, GW_HTTP_REQUEST, lim->header_bytes, lim->body_bytes);
    r->s = s;
    r->k = k;
    r->ops = k->ops;
    r->left = -1;
    r->pub.loop = s->loop;
    r->pub.gen = gw_gen_ref(s->loop->gen);
    r->pub.arena = arena;
    r->pub.head = &r->parser.head;
    r->pub.is_admin = k->is_admin;
    r->pub.first_byte_us = base_mono_us();
    base_uuid7(r->pub.id);
    return r;
}

static void link_out(struct gw_req *r)
{
    struct gw_server *s = r->s;
    r->handed = true;
    r->next = s->out;
    r->prev = NULL;
    if (s->out)
        s->out->prev = r;
    s->out = r;
    s->n_out++;
    gw_metrics_gauge(s->loop->metrics, GW_G_REQUESTS, 1);
}

static void unlink_out(struct gw_req *r)
{
    struct gw_server *s = r->s;
    if (!s || !r->handed)
        return;
    if (r->prev)
        r->prev->next = r->next;
    else
        s->out = r->next;
    if (r->next)
        r->next->prev = r->prev;
    s->n_out--;
    gw_metrics_gauge(s->loop->metrics, GW_G_REQUESTS, -1);
}

/* ---- connections ---- */

static void sconn_free(struct gw_sconn *k)
{
    struct gw_server *s = k->s;
    if (k->freed)
        return;
    k->freed = true;
    if (k->prev)
        k->prev->next = k->next;
    else
        s->conns = k->next;
    if (k->next)
        k->next->prev = k->prev;
    s->n_conns--;
    gw_metrics_gauge(s->loop->metrics, GW_G_CONNECTIONS, -1);
    if (k->is_admin)
        s->n_admin--;
    else
        atomic_fetch_sub_explicit(&open_main, 1, memory_order_relaxed);
    gw_conn_free(k->c);
    k->c = NULL;
    struct gw_req *r = k->r;
    k->r = NULL;
    if (r && r->handed)
        r->k = NULL;
    else if (r)
        req_release(r);
    if (!k->busy)
        free(k);
}

/* The connection is lost while the handler has a request: it is told, once. */
static void tell_gone(struct gw_req *r)
{
    gw_metrics_count(r->pub.loop->metrics, GW_N_CLIENT_GONE, 1);
    r->k = NULL;
    r->ops->gone(&r->pub);
}

/* Ends k from outside a gw_resp_* call; a handed-out request hears of it. */
static void sconn_lost(struct gw_sconn *k)
{
    struct gw_req *r = k->r && k->r->handed ? k->r : NULL;
    sconn_free(k);
    if (r)
        tell_gone(r);
}

static void start_closing(struct gw_sconn *k)
{
    if (k->closing)
        return;
    k->closing = true;
    k->closing_us = base_mono_us();
    gw_conn_stall_deadline(k->c, limits_of(k->s)->body_s * 1000);
    gw_conn_close_after_write(k->c);
}

/* The handler answers what is refused, so that the answer has all its headers and is on record. */
static void hand_out_malformed(struct gw_sconn *k, int status, const char *why)
{
    struct gw_req *r = k->r;
    const char *kept = base_arena_dupz(r->pub.arena, base_str_c(why));
    if (!r->pub.peer)
        r->pub.peer = "";
    r->pub.body = BASE_STR_NULL;
    r->pub.complete_us = base_mono_us();
    r->close_after = true;
    gw_conn_deadline(k->c, 0);
    link_out(r);
    r->ops->malformed(&r->pub, status, kept ? kept : "malformed");
}

/* Answers, and closes. */
static void refuse(struct gw_sconn *k, int status, const char *why)
{
    struct gw_server *s = k->s;
    struct gw_req *r = k->r;
    gw_metrics_count(s->loop->metrics, status == 503 ? GW_N_CONNECTIONS_REFUSED : GW_N_MALFORMED,
                     1);
    if (r->ops->malformed) {
        hand_out_malformed(k, status, why);
        return;
    }
    struct base_buf body, out;
    struct base_json j;
    char id[BASE_UUID_MAX];
    memcpy(id, r->pub.id, sizeof id);
    base_buf_init(&body, 4096);
    base_buf_init(&out, 8192);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kz(&j, "message", why);
    base_json_kz(&j, "type", status >= 500 ? "server_error" : "invalid_request_error");
    base_json_kz(&j, "param", NULL);
    base_json_kz(&j, "code", status == 413 ? "body_too_large" : NULL);
    base_json_obj_end(&j);
    base_json_obj_end(&j);
    gw_http_put_status(&out, status);
    base_buf_printf(&out,
                    "%sx-request-id: %s\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n%sConnection: close\r\n\r\n",
                    gw_server_date(s), id, body.n, status == 503 ? "Retry-After: 1\r\n" : "");
    /* The answer to HEAD has no body; a method that was not understood gets one. */
    if (!base_str_is(r->parser.head.method, "HEAD"))
        base_buf_str(&out, base_buf_view(&body));
    enum base_status st = gw_conn_write(k->c, base_buf_view(&out));
    k->r = NULL;
    req_release(r);
    if (k->ops->refused)
        k->ops->refused(s->loop, status, id, gw_conn_peer(k->c), why);
    base_buf_release(&body);
    base_buf_release(&out);
    if (st == BASE_OK)
        start_closing(k);
    else
        sconn_free(k);
}

/* ---- reading ---- */

/* The subject of the client's certificate, RFC 2253, in the request's arena. */
static struct base_str client_subject(struct gw_req *r)
{
    SSL *ssl = gw_conn_ssl(r->k->c);
    X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    if (!cert)
        return BASE_STR_NULL;
    struct base_str s = BASE_STR_NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        if (n > 0)
            s = base_arena_dup(r->pub.arena, base_str_n(p, (size_t)n));
    }
    BIO_free(bio);
    return s;
}

static bool is_loopback(struct base_str peer)
{
    return base_str_starts(peer, BASE_STR("127.")) || base_str_starts(peer, BASE_STR("[::1]")) ||
           base_str_starts(peer, BASE_STR("[::ffff:127."));
}

/* The head is in. False: the connection's input is not to be read on. */
static bool head_in(struct gw_sconn *k, bool nothing_behind)
{
    struct gw_req *r = k->r;
    r->head_done = true;
    if (k->over) {
        refuse(k, 503, "too many connections");
        return false;
    }
    struct base_str peer = base_arena_dup(r->pub.arena, base_str_c(gw_conn_peer(k->c)));
    r->pub.peer = peer.p ? peer.p : "";
    r->pub.peer_is_loopback = is_loopback(peer);
    r->pub.client_subject = client_subject(r);
    if (r->ops->head) {
        bool body = r->parser.state == GW_HTTP_BODY;
        link_out(r);
        /* What the head hook refuses is answered without its body: what follows on the connection
         * is then no request. */
        r->close_after = body;
        r->pub.complete_us = base_mono_us();
        gw_conn_deadline(k->c, 0);
        if (!r->ops->head(&r->pub))
            return !k->freed && !k->closing && k->r == NULL;
        unlink_out(r);
        r->handed = false;
        r->close_after = false;
    }
    if (r->parser.state == GW_HTTP_BODY) {
        gw_conn_deadline(k->c, limits_of(k->s)->body_s * 1000);
        if (r->parser.head.expect_continue && nothing_behind &&
            gw_conn_write(k->c, BASE_STR("HTTP/1.1 100 Continue\r\n\r\n")) != BASE_OK) {
            sconn_free(k);
            return false;
        }
    }
    return true;
}

/* The request is whole: the handler has it now. */
static void hand_out(struct gw_sconn *k)
{
    struct gw_req *r = k->r;
    r->pub.body = base_buf_view(&r->body);
    r->pub.complete_us = base_mono_us();
    gw_conn_deadline(k->c, 0);
    link_out(r);
    r->ops->request(&r->pub);
}

/* Takes what it can from in. False: stop (handed out, closing, gone, or more input is needed). */
static bool step(struct gw_sconn *k, struct base_buf *in)
{
    struct gw_req *r = k->r;
    if (!r) {
        if (in->n == 0)
            return false;
        r = k->r = req_take(k);
        if (!r) {
            base_warn("gateway", "no memory for a request");
            sconn_free(k);
            return false;
        }
        gw_conn_deadline(k->c, limits_of(k->s)->header_s * 1000);
    }
    size_t used;
    struct base_err err;
    enum base_status st =
        gw_http_feed(&r->parser, base_buf_view(in), &used, r->pub.arena, &r->body, &err);
    base_buf_shift(in, used);
    gw_metrics_count(k->s->loop->metrics, GW_N_BYTES_IN, used);
    if (st == BASE_AGAIN)
        return false;
    if (st != BASE_OK) {
        refuse(k, r->parser.fail_status, err.text);
        return false;
    }
    if (!r->head_done && !head_in(k, in->n == 0))
        return false;
    if (k->freed || k->r != r || r->handed)
        return !k->freed;
    if (r->parser.state == GW_HTTP_COMPLETE)
        hand_out(k);
    return true;
}

static void on_data(void *ctx, struct base_buf *in)
{
    struct gw_sconn *k = ctx;
    k->busy = true;
    while (!k->freed && !k->closing && !(k->r && k->r->handed) && step(k, in))
        ;
    k->busy = false;
    if (k->freed)
        free(k);
    else
        k->has_more = in->n > 0;
}

static void on_open(void *ctx)
{
    struct gw_sconn *k = ctx;
    k->opened = true;
    if (k->s->draining)
        start_closing(k);
    else
        gw_conn_deadline(k->c, limits_of(k->s)->header_s * 1000);
}

static void on_drained(void *ctx)
{
    struct gw_sconn *k = ctx;
    struct gw_req *r = k->r;
    if (!r || !r->handed)
        return;
    if (r->stalled) {
        r->stalled = false;
        gw_conn_deadline(k->c, 0);
    }
    if (r->ops->drained)
        r->ops->drained(&r->pub);
}

static void on_end(void *ctx, enum gw_conn_end why, const struct base_err *err)
{
    struct gw_sconn *k = ctx;
    struct gw_loop *l = k->s->loop;
    if (!k->opened) {
        gw_metrics_count(l->metrics, GW_N_TLS_FAILURES, 1);
        base_debug("gateway", "%s: no connection: %s", gw_conn_peer(k->c), err ? err->text : "");
    }
    if (why == GW_CONN_TIMEOUT && k->r && !k->r->handed && k->ops->refused)
        k->ops->refused(l, 408, k->r->pub.id, gw_conn_peer(k->c),
                        "the request did not become whole in time");
    sconn_lost(k);
}

/* ---- the end of a request (response.c) ---- */

void gw_req_finish(struct gw_req *r, bool keep)
{
    struct gw_sconn *k = r->k;
    unlink_out(r);
    if (!k || k->freed) {
        req_release(r);
        return;
    }
    k->r = NULL;
    struct conf_limits lim = r->pub.gen->conf->server.limits;
    req_release(r);
    if (!keep || k->s->draining) {
        start_closing(k);
        return;
    }
    gw_conn_stall_deadline(k->c, lim.idle_s * 1000);
    if (k->has_more && !k->busy)
        gw_conn_resume(k->c);
}

void gw_req_cut(struct gw_req *r)
{
    struct gw_sconn *k = r->k;
    unlink_out(r);
    if (k && !k->freed) {
        k->r = NULL;
        sconn_free(k);
    }
    req_release(r);
}

/* ---- the server ---- */

struct gw_server *gw_server_new(struct gw_loop *l, const struct gw_server_ops *main_ops,
                                const struct gw_server_ops *admin_ops, struct base_err *err)
{
    struct gw_server *s = calloc(1, sizeof *s);
    if (!s) {
        base_err_set(err, BASE_ENOMEM, "no memory for a server");
        return NULL;
    }
    s->loop = l;
    s->main_ops = main_ops;
    s->admin_ops = admin_ops;
    return s;
}

void gw_server_accepted(struct gw_server *s, int fd, bool is_admin)
{
    const struct conf_limits *lim = limits_of(s);
    unsigned open = 0;
    if (is_admin)
        open = (unsigned)s->n_admin >= ADMIN_MAX ? UINT32_MAX : 0;
    else
        open = atomic_load_explicit(&open_main, memory_order_relaxed);
    gw_metrics_count(s->loop->metrics, GW_N_CONNECTIONS, 1);
    bool over = !is_admin && open >= lim->connections;
    if (open == UINT32_MAX || (over && open - lim->connections >= OVER_BAND)) {
        gw_metrics_count(s->loop->metrics, GW_N_CONNECTIONS_REFUSED, 1);
        close(fd);
        return;
    }
    struct gw_sconn *k = calloc(1, sizeof *k);
    if (!k) {
        close(fd);
        return;
    }
    k->s = s;
    k->is_admin = is_admin;
    k->over = over;
    k->ops = is_admin ? s->admin_ops : s->main_ops;
    struct gw_conn_limits cl = {.in_max = lim->header_bytes + IN_SLACK,
                                .out_max = GW_RESP_OUT_MAX + (256u << 10),
                                .out_high = GW_RESP_OUT_HIGH};
    k->c = gw_conn_accept(s->loop->base, fd, s->loop->gen->tls, &cl, &conn_ops, k);
    if (!k->c) {
        free(k);
        return;
    }
    gw_conn_deadline(k->c, lim->header_s * 1000);
    k->next = s->conns;
    if (s->conns)
        s->conns->prev = k;
    s->conns = k;
    s->n_conns++;
    gw_metrics_gauge(s->loop->metrics, GW_G_CONNECTIONS, 1);
    if (is_admin)
        s->n_admin++;
    else
        atomic_fetch_add_explicit(&open_main, 1, memory_order_relaxed);
}

size_t gw_server_connections(const struct gw_server *s)
{
    return s->n_conns;
}

size_t gw_server_requests(const struct gw_server *s)
{
    return s->n_out;
}

/* ---- draining ---- */

/* One look at what is left; re-arms itself until nothing is. */
static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct gw_server *s = arg;
    uint64_t now = base_mono_us();
    bool cut = now >= s->drain_cut_us;
    for (struct gw_sconn *k = s->conns, *next; k; k = next) {
        next = k->next;
        bool said_goodbye = k->closing && gw_conn_out_pending(k->c) == 0 &&
                            now - k->closing_us > DRAIN_LINGER_MS * 1000;
        if (cut || said_goodbye)
            sconn_lost(k);
    }
    if ((s->n_conns == 0 && s->n_out == 0) || now >= s->drain_hard_us) {
        event_free(s->drain_tick);
        s->drain_tick = NULL;
        s->drain_done(s->drain_arg);
        return;
    }
    struct timeval tv = {0, DRAIN_TICK_MS * 1000};
    event_add(s->drain_tick, &tv);
}

void gw_server_drain(struct gw_server *s, uint32_t drain_ms, void (*done)(void *), void *arg)
{
    if (s->draining)
        return;
    s->draining = true;
    s->drain_done = done;
    s->drain_arg = arg;
    s->drain_cut_us = base_mono_us() + (uint64_t)drain_ms * 1000;
    s->drain_hard_us = s->drain_cut_us + (uint64_t)DRAIN_RECORD_MS * 1000;
    for (struct gw_sconn *k = s->conns; k; k = k->next)
        if (!k->r)
            start_closing(k);
    s->drain_tick = event_new(s->loop->base, -1, EV_TIMEOUT, on_drain_tick, s);
    BASE_BUG_ON(!s->drain_tick);
    event_active(s->drain_tick, EV_TIMEOUT, 1);
}

void gw_server_free(struct gw_server *s)
{
    if (!s)
        return;
    while (s->conns)
        sconn_lost(s->conns);
    for (struct gw_req *r = s->out; r; r = r->next)
        r->s = NULL;
    while (s->pool) {
        struct gw_req *r = s->pool;
        s->pool = r->next;
        base_arena_free(r->pub.arena);
        base_buf_release(&r->body);
        free(r);
    }
    if (s->drain_tick)
        event_free(s->drain_tick);
    free(s);
}
