/* pool.c - one loop's back ends: TLS contexts, sessions to resume, connections kept alive.
 *
 * Owns       struct gw_upstreams and every connection that no attempt uses.
 * Runs on    its loop's thread. gw_upstreams_new reads CA files and so blocks for some
 *            milliseconds: at start and on a reload only.
 * Invariants - a connection is an attempt's or in its back end's `spare` list, never both;
 *            - a connection goes back only after a whole, well-framed answer on a connection that
 *              both sides keep alive; one whose answer is over for the attempt but not yet for HTTP
 *              (the last chunk is still under way) drains for GW_UP_DRAIN_MS first;
 *            - bytes that come on an idle connection close it: nobody asked for them;
 *            - connections of one back end are never used for another, so neither are its
 *              sessions: a resumed session was verified for that name when it was made.
 * Freeing    gw_upstreams_free may be called from inside an attempt's callback: the memory goes
 *            when the outermost entry from the loop leaves (up_enter, up_leave), and when cancelled
 *            name lookups have reported.
 */
#include "base/clock.h"
#include "gateway/net/tls.h"
#include "gateway/upstream/upstream_int.h"
#include "gateway/upstream/wire_int.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define IN_BYTES_MAX   (128u << 10)
#define OUT_BYTES_MAX  (1u << 20)
#define OUT_BYTES_HIGH (256u << 10)

uint64_t up_now_ms(void)
{
    return base_mono_us() / 1000;
}

/* ---- connections ---- */

static void list_remove(struct up_conn *c)
{
    struct up_backend *b = c->backend;

    if (c->prev)
        c->prev->next = c->next;
    else
        b->spare = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = c->prev = NULL;
    b->n_spare--;
}

static void list_push(struct up_conn *c)
{
    struct up_backend *b = c->backend;

    c->prev = NULL;
    c->next = b->spare;
    if (b->spare)
        b->spare->prev = c;
    b->spare = c;
    b->n_spare++;
}

static bool in_list(const struct up_conn *c)
{
    return c->prev || c->next || c->backend->spare == c;
}

void up_conn_close(struct up_conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    if (in_list(c))
        list_remove(c);
    /* OpenSSL strikes out the session of a connection that ends without close_notify. Framing here
     * is HTTP's, so a cut says nothing against resuming: call it said. */
    SSL *ssl = gw_conn_ssl(c->conn);
    if (ssl && c->open)
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    gw_conn_free(c->conn);
    base_buf_release(&c->decoded);
    if (!c->busy)
        free(c);
}

/* The callbacks of gw_conn: to the attempt if there is one, else the pool's own business. */

static struct gw_upstreams *begin(struct up_conn *c)
{
    struct gw_upstreams *u = c->backend->u;
    c->busy = true;
    up_enter(u);
    return u;
}

static void finish(struct gw_upstreams *u, struct up_conn *c)
{
    c->busy = false;
    if (c->closed)
        free(c);
    up_leave(u);
}

static void on_open(void *ctx)
{
    struct up_conn *c = ctx;
    struct gw_upstreams *u = begin(c);

    c->open = true;
    if (c->attempt)
        up_attempt_open(c->attempt);
    finish(u, c);
}

/* The end of an answer that nobody waits for any more. */
static void drain(struct up_conn *c, struct base_buf *in)
{
    enum base_status st = BASE_OK;

    while (c->draining && in->n > 0 && st == BASE_OK && c->parser.state != GW_HTTP_COMPLETE) {
        size_t used = 0;
        st = gw_http_feed(&c->parser, base_buf_view(in), &used, NULL, &c->decoded, NULL);
        base_buf_shift(in, used);
        base_buf_clear(&c->decoded);
    }
    bool whole = c->parser.state == GW_HTTP_COMPLETE && in->n == 0;
    if (c->draining && whole && c->parser.head.keep_alive) {
        c->draining = false;
        gw_conn_deadline(c->conn, GW_UP_IDLE_MS);
    } else if (!c->draining || c->parser.state == GW_HTTP_COMPLETE || st > BASE_AGAIN) {
        up_conn_close(c);
    }
}

static void on_data(void *ctx, struct base_buf *in)
{
    struct up_conn *c = ctx;
    struct gw_upstreams *u = begin(c);

    if (c->attempt)
        up_attempt_data(c->attempt, in);
    if (!c->closed && !c->attempt && (in->n > 0 || c->draining))
        drain(c, in);
    finish(u, c);
}

static void on_drained(void *ctx)
{
    struct up_conn *c = ctx;
    struct gw_upstreams *u = begin(c);

    if (c->attempt)
        up_attempt_drained(c->attempt);
    finish(u, c);
}

static void on_end(void *ctx, enum gw_conn_end why, const struct base_err *err)
{
    struct up_conn *c = ctx;
    struct gw_upstreams *u = begin(c);

    if (c->attempt)
        up_attempt_end(c->attempt, why, err);
    else
        up_conn_close(c);
    finish(u, c);
}

static const struct gw_conn_ops conn_ops = {
    .open = on_open, .data = on_data, .drained = on_drained, .end = on_end};

/* Which back end a TLS connection is for, so that its new sessions find their place. */
static int ssl_index = -1;
static pthread_once_t ssl_index_once = PTHREAD_ONCE_INIT;

static void ssl_index_make(void)
{
    ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct up_backend *b = SSL_get_ex_data(ssl, ssl_index);

    if (!b)
        return 0;
    SSL_SESSION_free(b->session);
    b->session = session;
    return 1;
}

struct up_conn *up_conn_new(struct up_backend *b, unsigned i, struct base_err *err)
{
    static const struct gw_conn_limits limits = {
        .in_max = IN_BYTES_MAX, .out_max = OUT_BYTES_MAX, .out_high = OUT_BYTES_HIGH};
    struct up_conn *c = calloc(1, sizeof *c);

    if (!c)
        goto no_memory;
    c->backend = b;
    base_buf_init(&c->decoded, IN_BYTES_MAX + 1);
    c->conn = gw_conn_connect(b->u->base, (struct sockaddr *)&b->addr[i], b->addr_len[i], b->tls,
                              b->tls ? b->conf->host : NULL, b->session, &limits, &conn_ops, c);
    if (!c->conn)
        goto no_memory;
    if (gw_conn_ssl(c->conn))
        SSL_set_ex_data(gw_conn_ssl(c->conn), ssl_index, b);
    return c;
no_memory:
    free(c);
    base_err_set(err, BASE_ENOMEM, "no memory for a connection to %s", b->conf->name);
    return NULL;
}

struct up_conn *up_pool_take(struct up_backend *b)
{
    for (struct up_conn *c = b->spare; c; c = c->next) {
        if (c->draining)
            continue;
        list_remove(c);
        gw_conn_deadline(c->conn, 0);
        return c;
    }
    return NULL;
}

void up_conn_release(struct up_conn *c, bool reusable)
{
    c->attempt = NULL;
    if (!reusable || c->backend->u->dying || c->backend->n_spare >= GW_UP_IDLE_MAX) {
        up_conn_close(c);
        return;
    }
    base_buf_release(&c->decoded); /* an idle connection holds no buffers */
    gw_conn_resume(c->conn);
    c->draining = c->parser.state != GW_HTTP_COMPLETE;
    gw_conn_deadline(c->conn, c->draining ? GW_UP_DRAIN_MS : GW_UP_IDLE_MS);
    list_push(c);
}

/* ---- the whole ---- */

/* One context a CA file: loading the system's takes time and memory. */
static SSL_CTX *tls_for(struct gw_upstreams *u, const char *ca, struct base_err *err)
{
    for (size_t i = 0; i < u->n_tls; i++) {
        const char *have = u->tls[i].ca;
        if ((!have && !ca) || (have && ca && strcmp(have, ca) == 0))
            return u->tls[i].ctx;
    }
    SSL_CTX *ctx = gw_tls_client_new(ca, err);
    if (!ctx)
        return NULL;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    u->tls[u->n_tls++] = (struct up_tls){.ca = ca, .ctx = ctx};
    return ctx;
}

static enum base_status backend_init(struct gw_upstreams *u, struct up_backend *b,
                                     const struct conf_backend *conf, struct base_err *err)
{
    b->u = u;
    b->conf = conf;
    if (!gw_wire_host(conf, b->host_header, sizeof b->host_header))
        return base_err_set(err, BASE_EINVAL, "back end %s: the host name is too long", conf->name);
    if (!conf->tls)
        return BASE_OK;
    b->tls = tls_for(u, conf->ca, err);
    return b->tls ? BASE_OK : BASE_EINVAL;
}

struct gw_upstreams *gw_upstreams_new(struct event_base *base, const struct conf *c,
                                      struct base_err *err)
{
    struct gw_upstreams *u = calloc(1, sizeof *u);

    pthread_once(&ssl_index_once, ssl_index_make);
    if (!u)
        goto no_memory;
    u->base = base;
    u->backends = calloc(c->n_backends + 1, sizeof *u->backends);
    u->tls = calloc(c->n_backends + 1, sizeof *u->tls);
    if (!u->backends || !u->tls || ssl_index < 0)
        goto no_memory;
    for (size_t i = 0; i < c->n_backends; i++) {
        u->n_backends++;
        if (backend_init(u, &u->backends[i], &c->backends[i], err) != BASE_OK) {
            gw_upstreams_free(u);
            return NULL;
        }
    }
    return u;
no_memory:
    if (u)
        gw_upstreams_free(u);
    base_err_set(err, BASE_ENOMEM, "no memory for the upstream pool");
    return NULL;
}

static void really_free(struct gw_upstreams *u)
{
    if (u->dns)
        evdns_base_free(u->dns, 0);
    for (size_t i = 0; i < u->n_backends; i++)
        SSL_SESSION_free(u->backends[i].session);
    for (size_t i = 0; i < u->n_tls; i++)
        SSL_CTX_free(u->tls[i].ctx);
    free(u->backends);
    free(u->tls);
    free(u);
}

void up_enter(struct gw_upstreams *u)
{
    u->busy++;
}

void up_leave(struct gw_upstreams *u)
{
    if (--u->busy == 0 && u->dying && u->lookups == 0)
        really_free(u);
}

void gw_upstreams_free(struct gw_upstreams *u)
{
    if (!u || u->dying)
        return;
    up_enter(u);
    u->dying = true;
    up_attempts_cancel_all(u);
    for (size_t i = 0; i < u->n_backends; i++) {
        struct up_backend *b = &u->backends[i];
        up_resolve_cancel(b);
        while (b->spare)
            up_conn_close(b->spare);
    }
    up_leave(u);
}

size_t gw_upstreams_active(const struct gw_upstreams *u)
{
    return u->n_attempts;
}

struct up_backend *up_backend_find(struct gw_upstreams *u, const struct conf_backend *b)
{
    for (size_t i = 0; i < u->n_backends; i++)
        if (u->backends[i].conf == b)
            return &u->backends[i];
    return NULL;
}
