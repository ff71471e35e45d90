/* conn.c - one connection: a socket, perhaps TLS over it, two bounded buffers, one deadline.
 *
 * Runs on  the loop's thread only.
 * In       conn.c: life, opening, events, deadline; conn_io.c: how bytes move.
 * Owns     the fd, the SSL, both buffers and three libevent events, all in one block; an idle
 *          connection holds no buffers (and OpenSSL none of its own: SSL_MODE_RELEASE_BUFFERS).
 * How      SSL_read and SSL_write work on the non-blocking fd directly. Input is read into one
 *          scratch area per thread and appended to `in`; output is appended to `out` and written by
 *          the write event, which gw_conn_write only makes active: everything that is queued in one
 *          turn of the loop leaves in as few records as possible.
 * TLS      may want to write before it can read and the other way round (handshake, key update):
 *          read_wants_write and write_wants_read remember whose turn an event really is.
 *
 * Invariants
 *  - User callbacks come from event callbacks only, never from inside a gw_conn_* call; so a user
 *    may call anything, gw_conn_free included, from anywhere. While an event callback runs (busy),
 *    gw_conn_free closes everything but leaves the block to the end of that callback.
 *  - in.n <= in_max; pending output <= out_max; `end` is called at most once and nothing after it.
 *  - The timer may fire early (a later deadline only overwrites deadline_us); it is then re-armed.
 *
 * Closing  in good order is: flush, close_notify, FIN, then read and throw away until the peer has
 *          closed too or is silent for LINGER_MS; LINGER_ALL_MS and LINGER_BYTES at most. Without
 *          that wait, bytes that the peer is still sending would make the kernel answer with RST,
 *          and the peer could lose the answer.
 */
#include "base/clock.h"
#include "gateway/net/conn_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);

/* ---- life ---- */

static void close_all(struct gw_conn *c)
{
    if (c->fd >= 0) {
        event_del(&c->ev_read);
        event_del(&c->ev_write);
    }
    event_del(&c->ev_timer);
    if (c->ssl)
        SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    base_buf_release(&c->in);
    base_buf_release(&c->out);
}

void gw_conn_free(struct gw_conn *c)
{
    if (!c || c->freed)
        return;
    c->freed = true;
    c->state = ENDED;
    close_all(c);
    if (!c->busy)
        free(c);
}

/* The last thing an event callback does. */
static void idle(struct gw_conn *c)
{
    c->busy = false;
    if (c->freed)
        free(c);
}

void gw_conn_over(struct gw_conn *c, enum gw_conn_end why, const struct base_err *err)
{
    if (c->state == ENDED)
        return;
    c->state = ENDED;
    if (c->fd >= 0) {
        event_del(&c->ev_read);
        event_del(&c->ev_write);
    }
    event_del(&c->ev_timer);
    c->ops->end(c->ctx, why, err);
}

void gw_conn_over_text(struct gw_conn *c, enum gw_conn_end why, const char *what, int sys)
{
    struct base_err err;
    if (sys)
        base_err_set(&err, BASE_EIO, "%s: %s", what, strerror(sys));
    else
        base_err_set(&err, BASE_EIO, "%s", what);
    err.sys = sys;
    gw_conn_over(c, why, &err);
}

static struct gw_conn *conn_new(struct event_base *base, int fd,
                                const struct gw_conn_limits *limits, const struct gw_conn_ops *ops,
                                void *ctx)
{
    struct gw_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->base = base;
    c->fd = fd;
    c->ops = ops;
    c->ctx = ctx;
    c->limits = *limits;
    base_buf_init(&c->in, limits->in_max);
    base_buf_init(&c->out, limits->out_max);
    if (fd >= 0) {
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    event_assign(&c->ev_read, base, fd, EV_READ | EV_PERSIST, on_read, c);
    event_assign(&c->ev_write, base, fd, EV_WRITE, on_write, c);
    event_assign(&c->ev_timer, base, -1, EV_TIMEOUT, on_timer, c);
    return c;
}

static bool make_ssl(struct gw_conn *c, SSL_CTX *ctx_tls)
{
    c->ssl = SSL_new(ctx_tls);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
        return false;
    SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                             SSL_MODE_RELEASE_BUFFERS);
    SSL_set_read_ahead(c->ssl, 1);
    return true;
}

struct gw_conn *gw_conn_accept(struct event_base *base, int fd, SSL_CTX *ctx_tls,
                               const struct gw_conn_limits *limits, const struct gw_conn_ops *ops,
                               void *ctx)
{
    struct gw_conn *c = conn_new(base, fd, limits, ops, ctx);
    if (!c) {
        close(fd);
        return NULL;
    }
    c->state = ctx_tls ? HANDSHAKE : OPEN;
    if (ctx_tls) {
        if (!make_ssl(c, ctx_tls)) {
            gw_conn_free(c);
            return NULL;
        }
        SSL_set_accept_state(c->ssl);
    }
    if (event_add(&c->ev_read, NULL) != 0) {
        gw_conn_free(c);
        return NULL;
    }
    if (!ctx_tls)
        event_active(&c->ev_write, EV_WRITE, 1); /* announces it */
    return c;
}

/* The name that the certificate must carry, and SNI for DNS names. */
static bool expect_name(SSL *ssl, const char *name)
{
    unsigned char raw[16];
    if (inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct gw_conn *gw_conn_connect(struct event_base *base, const struct sockaddr *addr, int addrlen,
                                SSL_CTX *ctx_tls, const char *tls_name, SSL_SESSION *session,
                                const struct gw_conn_limits *limits, const struct gw_conn_ops *ops,
                                void *ctx)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int sys = fd < 0 ? errno : 0;
    struct gw_conn *c = conn_new(base, fd, limits, ops, ctx);
    if (!c) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    c->state = CONNECTING;
    if (fd >= 0 && ctx_tls) {
        if (!tls_name || !make_ssl(c, ctx_tls) || !expect_name(c->ssl, tls_name) ||
            (session && SSL_set_session(c->ssl, session) != 1)) {
            gw_conn_free(c);
            return NULL;
        }
        SSL_set_connect_state(c->ssl);
    }
    if (fd >= 0 && connect(fd, addr, (socklen_t)addrlen) != 0 && errno != EINPROGRESS)
        sys = errno;
    c->connect_errno = sys;
    if (sys) {
        /* Told from the loop, never before this function has returned. */
        event_active(&c->ev_timer, EV_TIMEOUT, 1);
        return c;
    }
    if (event_add(&c->ev_write, NULL) != 0) {
        gw_conn_free(c);
        return NULL;
    }
    return c;
}

/* ---- opening ---- */

static void opened(struct gw_conn *c)
{
    c->state = OPEN;
    c->announced = true;
    c->ops->open(c->ctx);
    if (c->freed || c->state != OPEN)
        return;
    if (c->paused)
        event_del(&c->ev_read);
    else
        event_add(&c->ev_read, NULL);
    if (gw_conn_out_pending(c) > 0 || c->closing)
        gw_conn_queue_flush(c);
    /* The peer's first bytes may have come with the end of the handshake. */
    if (!c->paused && c->ssl && SSL_has_pending(c->ssl))
        event_active(&c->ev_read, EV_READ, 1);
}

static void do_handshake(struct gw_conn *c)
{
    struct base_err err;
    ERR_clear_error();
    errno = 0;
    int r = SSL_do_handshake(c->ssl);
    if (r == 1) {
        opened(c);
        return;
    }
    switch (gw_conn_ssl_result(c, r, "TLS handshake", &err)) {
    case IO_WANT_READ:
        event_add(&c->ev_read, NULL);
        break;
    case IO_WANT_WRITE:
        gw_conn_wait_writable(c);
        break;
    case IO_EOF:
        gw_conn_over_text(c, GW_CONN_REFUSED, "TLS handshake: closed by the peer", 0);
        break;
    default:
        gw_conn_over(c, GW_CONN_REFUSED, &err);
        break;
    }
}

static void do_connected(struct gw_conn *c)
{
    int sys = 0;
    socklen_t n = sizeof sys;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &sys, &n) != 0)
        sys = errno;
    if (sys) {
        gw_conn_over_text(c, GW_CONN_REFUSED, "connecting", sys);
    } else if (c->ssl) {
        c->state = HANDSHAKE;
        do_handshake(c);
    } else {
        opened(c);
    }
}

/* ---- events ---- */

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct gw_conn *c = arg;
    c->busy = true;
    if (c->state == HANDSHAKE) {
        do_handshake(c);
    } else if (c->state == OPEN) {
        if (c->write_wants_read)
            gw_conn_do_write(c);
        if (!c->freed && c->state == OPEN && c->paused)
            event_del(&c->ev_read);
        else if (!c->freed && c->state == OPEN)
            gw_conn_do_read(c);
    } else if (c->state == LINGER) {
        gw_conn_do_linger(c);
    }
    idle(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct gw_conn *c = arg;
    c->busy = true;
    c->flush_queued = false;
    c->write_blocked = false;
    if (c->state == CONNECTING) {
        do_connected(c);
    } else if (c->state == HANDSHAKE) {
        do_handshake(c);
    } else if (c->state == OPEN) {
        if (!c->announced)
            opened(c);
        if (!c->freed && c->state == OPEN && c->read_wants_write && !c->paused)
            gw_conn_do_read(c);
        if (!c->freed && c->state == OPEN)
            gw_conn_do_write(c);
    }
    idle(c);
}

static void arm_timer(struct gw_conn *c, uint64_t now)
{
    uint64_t in_us = c->deadline_us > now ? c->deadline_us - now : 0;
    struct timeval tv = {(time_t)(in_us / 1000000), (suseconds_t)(in_us % 1000000)};
    c->timer_us = c->deadline_us;
    event_add(&c->ev_timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct gw_conn *c = arg;
    uint64_t now = base_mono_us();
    c->busy = true;
    c->timer_us = 0;
    if (c->connect_errno)
        gw_conn_over_text(c, GW_CONN_REFUSED, "connecting", c->connect_errno);
    else if (c->closing && (c->state == CONNECTING || c->state == HANDSHAKE))
        gw_conn_over(c, GW_CONN_EOF, NULL);
    else if (c->deadline_us && c->deadline_us > now)
        arm_timer(c, now);
    else if (c->deadline_us && c->state == LINGER)
        gw_conn_over(c, GW_CONN_EOF, NULL);
    else if (c->deadline_us)
        gw_conn_over_text(c, GW_CONN_TIMEOUT, "the deadline passed", 0);
    idle(c);
}

void gw_conn_stall_deadline(struct gw_conn *c, uint32_t ms)
{
    gw_conn_deadline(c, ms);
    c->stall_ms = ms;
}

void gw_conn_deadline(struct gw_conn *c, uint32_t ms)
{
    c->stall_ms = 0;
    if (c->state == ENDED)
        return;
    if (ms == 0) {
        c->deadline_us = 0;
        return;
    }
    uint64_t now = base_mono_us();
    c->deadline_us = now + (uint64_t)ms * 1000;
    if (c->timer_us == 0 || c->timer_us > c->deadline_us)
        arm_timer(c, now);
}

/* ---- the rest ---- */

void gw_conn_set_user(struct gw_conn *c, const struct gw_conn_ops *ops, void *ctx)
{
    c->ops = ops;
    c->ctx = ctx;
}

const char *gw_conn_peer(const struct gw_conn *c)
{
    /* Asked of the kernel when first needed; the text is the connection's, so the cast only undoes
     * the const that callers want. */
    char *peer = ((struct gw_conn *)(uintptr_t)c)->peer;
    if (peer[0] || c->fd < 0)
        return peer;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage any;
    } a;
    socklen_t n = sizeof a;
    char ip[INET6_ADDRSTRLEN];
    if (getpeername(c->fd, &a.sa, &n) != 0)
        return peer;
    if (a.sa.sa_family == AF_INET && inet_ntop(AF_INET, &a.in.sin_addr, ip, sizeof ip))
        snprintf(peer, sizeof c->peer, "%s:%u", ip, (unsigned)ntohs(a.in.sin_port));
    else if (a.sa.sa_family == AF_INET6 && inet_ntop(AF_INET6, &a.in6.sin6_addr, ip, sizeof ip))
        snprintf(peer, sizeof c->peer, "[%s]:%u", ip, (unsigned)ntohs(a.in6.sin6_port));
    else
        snprintf(peer, sizeof c->peer, "local");
    return peer;
}

SSL *gw_conn_ssl(struct gw_conn *c)
{
    return c->ssl;
}
