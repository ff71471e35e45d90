/* conn_io.c - a connection's bytes: SSL_read and SSL_write, or recv and send, and what they answer.
 *
 * See conn.c for how it all hangs together. Input goes through one scratch area per thread, so that
 * a connection's own buffer is only as large as what it holds; a turn reads at most READ_BUDGET
 * bytes of one connection. Output goes out in records of at most 16 KiB until the socket is full.
 */
#include "base/clock.h"
#include "gateway/net/conn_int.h"
#include "gateway/net/tls.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH_BYTES    16384u
#define READ_BUDGET      (4 * SCRATCH_BYTES) /* a turn; then others get theirs */
#define RECORD_BYTES     16384u
#define OUT_KEEP_BYTES   4096u
#define LINGER_MS        2000u  /* without a byte from the peer */
#define LINGER_ALL_MS    30000u /* in all */
#define LINGER_BYTES     (256u << 20)
#define CLOSE_DEFAULT_MS 30000u

static _Thread_local char scratch[SCRATCH_BYTES];

/* ---- TLS results ---- */

enum io gw_conn_ssl_result(struct gw_conn *c, int ret, const char *what, struct base_err *err)
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

void gw_conn_wait_writable(struct gw_conn *c)
{
    c->write_blocked = true;
    event_add(&c->ev_write, NULL);
}

void gw_conn_queue_flush(struct gw_conn *c)
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
    return gw_conn_ssl_result(c, w, "writing", err);
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
        gw_conn_over_text(c, GW_CONN_RESET, "closing", errno);
        return;
    }
    c->state = LINGER;
    c->linger_end_us = base_mono_us() + (uint64_t)LINGER_ALL_MS * 1000;
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

void gw_conn_do_write(struct gw_conn *c)
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
            gw_conn_wait_writable(c);
            break;
        }
        if (io == IO_WANT_READ) {
            c->write_wants_read = true;
            event_add(&c->ev_read, NULL);
            break;
        }
        if (io == IO_EOF)
            base_err_set(&err, BASE_EIO, "writing: closed by the peer");
        gw_conn_over(c, GW_CONN_RESET, &err);
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
        gw_conn_queue_flush(c);
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
        gw_conn_queue_flush(c);
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
    return gw_conn_ssl_result(c, r, "reading", err);
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

void gw_conn_do_read(struct gw_conn *c)
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
            gw_conn_over_text(c, GW_CONN_RESET, "no memory for input", 0);
            return;
        }
        news = true;
        budget -= n;
    }
    if (io == IO_OK && more && budget == 0)
        event_active(&c->ev_read, EV_READ, 1);
    if (io == IO_WANT_WRITE) {
        c->read_wants_write = true;
        gw_conn_wait_writable(c);
    }
    if (news && !deliver(c))
        return;
    if (io == IO_EOF)
        gw_conn_over(c, GW_CONN_EOF, NULL);
    else if (io == IO_FAILED)
        gw_conn_over(c, GW_CONN_RESET, &err);
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

void gw_conn_do_linger(struct gw_conn *c)
{
    size_t n = 0;
    while (n < READ_BUDGET) {
        ssize_t r = recv(c->fd, scratch, sizeof scratch, 0);
        if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            break;
        n += r > 0 ? (size_t)r : 0;
        if (r <= 0 || c->lingered + n > LINGER_BYTES || base_mono_us() > c->linger_end_us) {
            gw_conn_over(c, GW_CONN_EOF, NULL);
            return;
        }
    }
    c->lingered += n;
    if (n)
        gw_conn_deadline(c, LINGER_MS);
}
