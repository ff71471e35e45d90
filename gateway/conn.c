/* conn.c - one connection: a socket, perhaps TLS over it, two bounded buffers, one deadline.
 *
 * Runs on  the loop's thread only.
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
 *          closed too, LINGER_MS at most. Without that wait, bytes that the peer is still sending
 *          would make the kernel answer with RST, and the peer could lose the answer.
 */
#include "gateway/conn.h"
#include "base/clock.h"
#include "gateway/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH_BYTES    16384u
#define READ_BUDGET      (4 * SCRATCH_BYTES) /* a turn; then others get theirs */
#define RECORD_BYTES     16384u
#define OUT_KEEP_BYTES   4096u
#define LINGER_MS        2000u
#define LINGER_BYTES     (1u << 20)
#define CLOSE_DEFAULT_MS 30000u

enum state {
    CONNECTING,
    HANDSHAKE,
    OPEN,
    LINGER, /* our FIN is out */
    ENDED
};

struct gw_conn {
    struct event_base *base;
    const struct gw_conn_ops *ops;
    void *ctx;
    SSL *ssl;
    int fd;
    enum state state;
    bool busy, freed;
    bool announced;     /* open has been called */
    bool paused;        /* by the user */
    bool redeliver;     /* resumed: what is buffered is news again */
    bool in_full;       /* reading stopped because in_max is reached */
    bool closing;       /* close_after_write */
    bool flush_queued;  /* the write event is active */
    bool write_blocked; /* the write event waits for the socket */
    bool was_full;      /* drained is owed */
    bool read_wants_write, write_wants_read;
    int connect_errno;
    struct gw_conn_limits limits;
    struct base_buf in, out;
    size_t out_at; /* out[0..out_at) is written */
    size_t lingered;
    uint64_t deadline_us, timer_us; /* 0: none */
    uint32_t stall_ms;              /* progress of output moves the deadline; 0: it does not */
    struct event ev_read, ev_write, ev_timer;
    char peer[56];
};

static _Thread_local char scratch[SCRATCH_BYTES];

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

static void end(struct gw_conn *c, enum gw_conn_end why, const struct base_err *err)
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

static void end_text(struct gw_conn *c, enum gw_conn_end why, const char *what, int sys)
{
    struct base_err err;
    if (sys)
        base_err_set(&err, BASE_EIO, "%s: %s", what, strerror(sys));
    else
        base_err_set(&err, BASE_EIO, "%s", what);
    err.sys = sys;
    end(c, why, &err);
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

/* ---- TLS results ---- */

enum io { IO_OK, IO_WANT_READ, IO_WANT_WRITE, IO_EOF, IO_FAILED };

/* What an SSL_* call that returned ret meant; a failure's text goes to err. */
static enum io ssl_result(struct gw_conn *c, int ret, const char *what, struct base_err *err)
{
    int sys = errno;
    switch (SSL_get_error(c->ssl, ret)) {
    case SSL_ERROR_NONE:
        return IO_OK;
    case SSL_ERROR_WANT_READ:
        return IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return IO_EOF;
    case SSL_ERROR_SYSCALL:
        base_err_set(err, BASE_EIO, "%s: %s", what, sys ? strerror(sys) : "closed by the peer");
        if (err)
            err->sys = sys;
        return IO_FAILED;
    default:
        break;
    }
    char why[256];
    long verify = SSL_get_verify_result(c->ssl);
    if (!SSL_is_server(c->ssl) && verify != X509_V_OK && c->state == HANDSHAKE)
        base_err_set(err, BASE_EIO, "%s: %s", what, X509_verify_cert_error_string(verify));
    else
        base_err_set(err, BASE_EIO, "%s: %s", what, gw_tls_why(why, sizeof why));
    ERR_clear_error();
    return IO_FAILED;
}

/* ---- writing ---- */

static void wait_writable(struct gw_conn *c)
{
    c->write_blocked = true;
    event_add(&c->ev_write, NULL);
}

static void queue_flush(struct gw_conn *c)
{
    if (c->flush_queued || c->write_blocked || c->write_wants_read || c->freed)
        return;
    c->flush_queued = true;
    event_active(&c->ev_write, EV_WRITE, 1);
}

/* One write of what is pending; *n is how much went. */
static enum io write_some(struct gw_conn *c, size_t *n, struct base_err *err)
{
    size_t left = c->out.n - c->out_at;
    const char *p = c->out.p + c->out_at;
    if (!c->ssl) {
        ssize_t w = send(c->fd, p, left, MSG_NOSIGNAL);
        if (w >= 0) {
            *n = (size_t)w;
            return IO_OK;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return IO_WANT_WRITE;
        base_err_sys(err, "writing");
        return IO_FAILED;
    }
    ERR_clear_error();
    int w = SSL_write(c->ssl, p, (int)(left < RECORD_BYTES ? left : RECORD_BYTES));
    if (w > 0) {
        *n = (size_t)w;
        return IO_OK;
    }
    return ssl_result(c, w, "writing", err);
}

/* All output is out: say goodbye and wait for the peer's. */
static void start_linger(struct gw_conn *c)
{
    if (c->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
        ERR_clear_error();
    }
    if (shutdown(c->fd, SHUT_WR) != 0) {
        end_text(c, GW_CONN_RESET, "closing", errno);
        return;
    }
    c->state = LINGER;
    gw_conn_deadline(c, LINGER_MS);
    event_add(&c->ev_read, NULL);
}

static void trim_out(struct gw_conn *c)
{
    if (c->out_at < c->out.n)
        return;
    c->out_at = 0;
    if (c->out.cap > OUT_KEEP_BYTES)
        base_buf_release(&c->out);
    else
        base_buf_clear(&c->out);
}

static void do_write(struct gw_conn *c)
{
    struct base_err err;
    size_t from = c->out_at;
    c->write_wants_read = false;
    while (c->out_at < c->out.n) {
        size_t n = 0;
        enum io io = write_some(c, &n, &err);
        if (io == IO_OK) {
            c->out_at += n;
            continue;
        }
        if (io == IO_WANT_WRITE) {
            wait_writable(c);
            break;
        }
        if (io == IO_WANT_READ) {
            c->write_wants_read = true;
            event_add(&c->ev_read, NULL);
            break;
        }
        if (io == IO_EOF)
            base_err_set(&err, BASE_EIO, "writing: closed by the peer");
        end(c, GW_CONN_RESET, &err);
        return;
    }
    if (c->stall_ms && c->out_at > from)
        gw_conn_stall_deadline(c, c->stall_ms);
    trim_out(c);
    size_t pending = gw_conn_out_pending(c);
    if (pending == 0 && c->closing) {
        start_linger(c);
        return;
    }
    if (c->was_full && pending <= c->limits.out_high / 2) {
        c->was_full = false;
        c->ops->drained(c->ctx);
    }
}

enum base_status gw_conn_write(struct gw_conn *c, struct base_str bytes)
{
    if (c->state >= LINGER || c->closing)
        return BASE_EIO;
    if (bytes.n > c->limits.out_max - gw_conn_out_pending(c))
        return BASE_LIMIT;
    if (c->out_at > 0 && bytes.n > c->out.max - c->out.n) {
        base_buf_shift(&c->out, c->out_at);
        c->out_at = 0;
    }
    if (bytes.n && !base_buf_str(&c->out, bytes)) {
        c->out.failed = false;
        return BASE_LIMIT;
    }
    if (gw_conn_out_pending(c) >= c->limits.out_high)
        c->was_full = true;
    if (c->state == OPEN)
        queue_flush(c);
    return BASE_OK;
}

bool gw_conn_full(const struct gw_conn *c)
{
    return gw_conn_out_pending(c) >= c->limits.out_high;
}

size_t gw_conn_out_pending(const struct gw_conn *c)
{
    return c->out.n - c->out_at;
}

void gw_conn_close_after_write(struct gw_conn *c)
{
    if (c->closing || c->state >= LINGER)
        return;
    c->closing = true;
    if (c->deadline_us == 0)
        gw_conn_deadline(c, CLOSE_DEFAULT_MS);
    if (c->state == OPEN)
        queue_flush(c);
    else
        event_active(&c->ev_timer, EV_TIMEOUT, 1); /* nothing to say goodbye to */
}

/* ---- reading ---- */

static enum io read_some(struct gw_conn *c, size_t room, size_t *n, bool *more,
                         struct base_err *err)
{
    if (room > SCRATCH_BYTES)
        room = SCRATCH_BYTES;
    if (!c->ssl) {
        ssize_t r = recv(c->fd, scratch, room, 0);
        if (r > 0) {
            *n = (size_t)r;
            *more = *n == room;
            return IO_OK;
        }
        if (r == 0)
            return IO_EOF;
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return IO_WANT_READ;
        base_err_sys(err, "reading");
        return IO_FAILED;
    }
    ERR_clear_error();
    int r = SSL_read(c->ssl, scratch, (int)room);
    if (r > 0) {
        *n = (size_t)r;
        /* Bytes that OpenSSL holds raise no event; what the kernel holds does. */
        *more = SSL_has_pending(c->ssl) == 1;
        return IO_OK;
    }
    return ssl_result(c, r, "reading", err);
}

/* Gives the user what is in `in`; false when the connection is over. */
static bool deliver(struct gw_conn *c)
{
    c->redeliver = false;
    if (c->in.n > 0 && !c->closing) {
        c->ops->data(c->ctx, &c->in);
        if (c->freed || c->state != OPEN)
            return false;
    }
    if (c->in.n == 0 || c->closing)
        base_buf_release(&c->in);
    if (c->in_full && c->in.n < c->limits.in_max && !c->paused) {
        c->in_full = false;
        event_add(&c->ev_read, NULL);
        event_active(&c->ev_read, EV_READ, 1);
    }
    return true;
}

static void do_read(struct gw_conn *c)
{
    struct base_err err;
    size_t budget = READ_BUDGET;
    bool more = true, news = c->redeliver;
    enum io io = IO_OK;
    c->read_wants_write = false;
    while (more && budget > 0 && io == IO_OK) {
        size_t room = c->limits.in_max - c->in.n, n = 0;
        if (room == 0) {
            c->in_full = true;
            event_del(&c->ev_read);
            break;
        }
        io = read_some(c, room < budget ? room : budget, &n, &more, &err);
        if (io != IO_OK)
            break;
        if (!base_buf_add(&c->in, scratch, n)) {
            end_text(c, GW_CONN_RESET, "no memory for input", 0);
            return;
        }
        news = true;
        budget -= n;
    }
    if (io == IO_OK && more && budget == 0)
        event_active(&c->ev_read, EV_READ, 1);
    if (io == IO_WANT_WRITE) {
        c->read_wants_write = true;
        wait_writable(c);
    }
    if (news && !deliver(c))
        return;
    if (io == IO_EOF)
        end(c, GW_CONN_EOF, NULL);
    else if (io == IO_FAILED)
        end(c, GW_CONN_RESET, &err);
}

void gw_conn_pause(struct gw_conn *c)
{
    if (c->paused || c->state >= LINGER)
        return;
    c->paused = true;
    if (c->state == OPEN && !c->write_wants_read)
        event_del(&c->ev_read);
}

void gw_conn_resume(struct gw_conn *c)
{
    if (c->state >= LINGER)
        return;
    c->paused = false;
    c->redeliver = true;
    if (c->state != OPEN)
        return;
    if (!c->in_full)
        event_add(&c->ev_read, NULL);
    /* Delivers what is here already, and what OpenSSL still holds. */
    event_active(&c->ev_read, EV_READ, 1);
}

static void do_linger(struct gw_conn *c)
{
    for (;;) {
        ssize_t r = recv(c->fd, scratch, sizeof scratch, 0);
        if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        c->lingered += r > 0 ? (size_t)r : 0;
        if (r <= 0 || c->lingered > LINGER_BYTES) {
            end(c, GW_CONN_EOF, NULL);
            return;
        }
    }
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
        queue_flush(c);
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
    switch (ssl_result(c, r, "TLS handshake", &err)) {
    case IO_WANT_READ:
        event_add(&c->ev_read, NULL);
        break;
    case IO_WANT_WRITE:
        wait_writable(c);
        break;
    case IO_EOF:
        end_text(c, GW_CONN_REFUSED, "TLS handshake: closed by the peer", 0);
        break;
    default:
        end(c, GW_CONN_REFUSED, &err);
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
        end_text(c, GW_CONN_REFUSED, "connecting", sys);
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
            do_write(c);
        if (!c->freed && c->state == OPEN && c->paused)
            event_del(&c->ev_read);
        else if (!c->freed && c->state == OPEN)
            do_read(c);
    } else if (c->state == LINGER) {
        do_linger(c);
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
            do_read(c);
        if (!c->freed && c->state == OPEN)
            do_write(c);
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
        end_text(c, GW_CONN_REFUSED, "connecting", c->connect_errno);
    else if (c->closing && (c->state == CONNECTING || c->state == HANDSHAKE))
        end(c, GW_CONN_EOF, NULL);
    else if (c->deadline_us && c->deadline_us > now)
        arm_timer(c, now);
    else if (c->deadline_us && c->state == LINGER)
        end(c, GW_CONN_EOF, NULL);
    else if (c->deadline_us)
        end_text(c, GW_CONN_TIMEOUT, "the deadline passed", 0);
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
