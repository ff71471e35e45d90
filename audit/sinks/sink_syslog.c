/* sink_syslog.c - RFC 5424 messages over TLS with octet counting (RFC 5425).
 *
 *   LEN SP <PRI>1 TIME HOST weir - EVENT [weir@32473 origin="" index="" req="" tenant="" leaf=""]
 *   SP BOM MSG
 *
 * PRI is facility 13 (log audit) with severity 6, or 4 where something was refused or failed; leaf
 * is the SHA-256 leaf hash in hex, by which a receiver's copy can be held against a proof; MSG is
 * the leaf or its OCSF form. 32473 is the enterprise number for examples (RFC 5612).
 *
 * The protocol has no acknowledgement, so one is made of what TCP and TLS have: a connection
 * carries one batch; at its end we send close_notify and FIN and wait for the receiver's end. A
 * batch counts as delivered only when the receiver closed without an error after every byte was
 * acknowledged: a process that closes (or is killed) with data unread makes the kernel send a reset
 * instead. What a receiver has read and loses afterwards cannot be seen from here; the manual says
 * so. TLS sessions are resumed, so a batch costs one round trip more, not a handshake.
 */
#include "audit/sinks/sink.h"

#include "audit/log/merkle.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX (16u << 20)
#define FACILITY 13

struct syslog_sink {
    struct aud_sink_env *env;
    SSL_CTX *tls; /* NULL: plain, to this machine */
    SSL_SESSION *session;
    char host[256];
    struct base_buf text, one, msg;
};

static enum base_status ssl_error(struct base_err *err, const char *what)
{
    char text[256] = "the connection broke";
    unsigned long e = ERR_peek_last_error();

    if (e)
        ERR_error_string_n(e, text, sizeof(text));
    ERR_clear_error();
    return base_err_set(err, BASE_EIO, "%s: %s", what, text);
}

static enum base_status tls_new(struct syslog_sink *s, struct base_err *err)
{
    const struct conf_sink *c = s->env->conf;

    s->tls = SSL_CTX_new(TLS_client_method());
    if (!s->tls)
        return ssl_error(err, "TLS");
    SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION);
    SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER, NULL);
    if ((c->ca ? SSL_CTX_load_verify_locations(s->tls, c->ca, NULL)
               : SSL_CTX_set_default_verify_paths(s->tls)) != 1)
        return ssl_error(err, c->ca ? c->ca : "the system's CAs");
    if (c->certificate &&
        (SSL_CTX_use_certificate_chain_file(s->tls, c->certificate) != 1 ||
         SSL_CTX_use_PrivateKey_file(s->tls, c->certificate_key, SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_check_private_key(s->tls) != 1))
        return ssl_error(err, c->certificate);
    return BASE_OK;
}

static enum base_status syslog_open(struct aud_sink_env *e, void **state, struct base_err *err)
{
    struct syslog_sink *s = calloc(1, sizeof(*s));

    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    s->env = e;
    base_buf_init(&s->text, TEXT_MAX);
    base_buf_init(&s->one, 262144);
    base_buf_init(&s->msg, 131072);
    *state = s;
    if (gethostname(s->host, sizeof(s->host) - 1) != 0 || !s->host[0])
        snprintf(s->host, sizeof(s->host), "-");
    return e->conf->tls ? tls_new(s, err) : BASE_OK;
}

/* ---- messages ---- */

static void param(struct base_buf *b, const char *name, struct base_str v)
{
    base_buf_printf(b, " %s=\"", name);
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '"' || v.p[i] == '\\' || v.p[i] == ']')
            base_buf_byte(b, '\\');
        base_buf_byte(b, v.p[i]);
    }
    base_buf_byte(b, '"');
}

static void message(struct syslog_sink *s, const struct aud_sink_rec *r)
{
    char when[BASE_RFC3339_MAX], event[33], hex[65], index[24];
    struct aud_hash h;
    size_t n = 0;

    for (size_t i = 0; i < r->l.ev.n && n < 32; i++)
        if (r->l.ev.p[i] > 0x20 && r->l.ev.p[i] < 0x7f)
            event[n++] = r->l.ev.p[i];
    event[n] = 0;
    aud_leaf_hash(r->leaf.p, r->leaf.n, &h);
    aud_hash_hex(&h, hex);
    snprintf(index, sizeof(index), "%" PRIu64, r->index);
    base_buf_clear(&s->one);
    base_buf_printf(&s->one, "<%d>1 %s %s weir - %s [weir@32473",
                    FACILITY * 8 + (aud_leaf_is_bad_news(r) ? 4 : 6),
                    base_rfc3339((int64_t)r->l.t, when), s->host, n ? event : "-");
    param(&s->one, "origin", base_str_c(s->env->origin));
    param(&s->one, "index", base_str_c(index));
    param(&s->one, "req", r->l.req);
    param(&s->one, "tenant", r->l.tenant);
    param(&s->one, "leaf", base_str_c(hex));
    base_buf_z(&s->one, "] \xEF\xBB\xBF");
    base_buf_clear(&s->msg);
    if (s->env->conf->format == CONF_SINK_OCSF)
        aud_ocsf(r, s->env->origin, &s->msg);
    else
        base_buf_str(&s->msg, r->leaf);
    base_buf_str(&s->one, base_buf_view(&s->msg));
    base_buf_printf(&s->text, "%zu ", s->one.n);
    base_buf_str(&s->text, base_buf_view(&s->one));
}

/* ---- one connection ---- */

struct link {
    struct syslog_sink *s;
    int fd;
    SSL *ssl;
    uint64_t until_us;
};

/* After an SSL call that returned rc: waits for what it wants. BASE_OK: call again. */
static enum base_status want(struct link *k, int rc, const char *what, struct base_err *err)
{
    switch (SSL_get_error(k->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return aud_sink_wait(k->s->env, k->fd, POLLIN, k->until_us, err);
    case SSL_ERROR_WANT_WRITE:
        return aud_sink_wait(k->s->env, k->fd, POLLOUT, k->until_us, err);
    default:
        return ssl_error(err, what);
    }
}

static enum base_status handshake(struct link *k, struct base_err *err)
{
    struct syslog_sink *s = k->s;
    const char *host = s->env->conf->address.host;
    unsigned char ip[16];
    bool is_ip = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
    enum base_status st = BASE_OK;
    int rc;

    k->ssl = SSL_new(s->tls);
    if (!k->ssl || SSL_set_fd(k->ssl, k->fd) != 1)
        return ssl_error(err, "TLS");
    if (is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(k->ssl), host) != 1
              : SSL_set1_host(k->ssl, host) != 1 || SSL_set_tlsext_host_name(k->ssl, host) != 1)
        return ssl_error(err, host);
    if (s->session)
        SSL_set_session(k->ssl, s->session);
    while (st == BASE_OK && (rc = SSL_connect(k->ssl)) != 1)
        st = want(k, rc, "TLS handshake", err);
    if (st != BASE_OK) {
        long v = SSL_get_verify_result(k->ssl);
        if (v != X509_V_OK)
            base_err_set(err, BASE_EIO, "%s: its certificate does not hold: %s", host,
                         X509_verify_cert_error_string(v));
        SSL_SESSION_free(s->session);
        s->session = NULL;
    }
    return st;
}

static enum base_status send_all(struct link *k, const char *p, size_t n, struct base_err *err)
{
    enum base_status st = BASE_OK;

    while (n > 0 && st == BASE_OK) {
        size_t now = n < 16384 ? n : 16384;
        int rc = k->ssl ? SSL_write(k->ssl, p, (int)now) : (int)send(k->fd, p, now, MSG_NOSIGNAL);

        if (rc > 0) {
            p += rc;
            n -= (size_t)rc;
            k->until_us = base_mono_us() + k->s->env->timeout_ms * 1000ull;
        } else if (k->ssl) {
            st = want(k, rc, "send", err);
        } else if (errno == EAGAIN) {
            st = aud_sink_wait(k->s->env, k->fd, POLLOUT, k->until_us, err);
        } else if (errno != EINTR) {
            st = base_err_sys(err, "send");
        }
    }
    return st;
}

/* Our end, then theirs: see above. */
static enum base_status finish(struct link *k, struct base_err *err)
{
    char drop[512];
    int unsent = 1, error = 0;
    socklen_t n = sizeof(error);
    enum base_status st = BASE_OK;

    if (k->ssl) {
        SSL_SESSION *fresh;
        int rc;
        while (st == BASE_OK && (rc = SSL_shutdown(k->ssl)) < 0)
            st = want(k, rc, "end of TLS", err);
        fresh = SSL_get1_session(k->ssl);
        if (st == BASE_OK && fresh && SSL_SESSION_is_resumable(fresh)) {
            SSL_SESSION_free(k->s->session);
            k->s->session = fresh;
        } else {
            SSL_SESSION_free(fresh);
        }
    }
    if (st == BASE_OK && shutdown(k->fd, SHUT_WR) != 0)
        st = base_err_sys(err, "the receiver is gone");
    while (st == BASE_OK) {
        ssize_t got = recv(k->fd, drop, sizeof(drop), 0);

        if (got == 0)
            break;
        if (got > 0)
            continue;
        if (errno == EAGAIN)
            st = aud_sink_wait(k->s->env, k->fd, POLLIN, k->until_us, err);
        else if (errno != EINTR)
            st = base_err_sys(err, "the receiver broke off");
    }
    if (st != BASE_OK)
        return st;
    if (ioctl(k->fd, SIOCOUTQ, &unsent) != 0 || unsent != 0 ||
        getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)
        return base_err_set(err, BASE_EIO, "the receiver ended before it had everything");
    return BASE_OK;
}

static enum base_status syslog_deliver(void *state, const struct aud_sink_rec *r, size_t n,
                                       size_t *done, struct base_err *err)
{
    struct syslog_sink *s = state;
    struct link k = {.s = s, .until_us = base_mono_us() + s->env->timeout_ms * 1000ull};
    enum base_status st = BASE_OK;

    base_buf_clear(&s->text);
    for (size_t i = 0; i < n; i++)
        message(s, &r[i]);
    if (!base_buf_ok(&s->text) || !base_buf_ok(&s->one) || !base_buf_ok(&s->msg))
        return base_err_set(err, BASE_ENOMEM, "no memory for %zu messages", n);
    k.fd = aud_sink_connect(s->env, &s->env->conf->address, k.until_us, err);
    if (k.fd < 0)
        return BASE_EIO;
    if (s->tls)
        st = handshake(&k, err);
    if (st == BASE_OK)
        st = send_all(&k, s->text.p, s->text.n, err);
    if (st == BASE_OK)
        st = finish(&k, err);
    SSL_free(k.ssl);
    close(k.fd);
    if (st == BASE_OK)
        *done = n;
    return st;
}

static void syslog_close(void *state)
{
    struct syslog_sink *s = state;

    SSL_SESSION_free(s->session);
    SSL_CTX_free(s->tls);
    base_buf_release(&s->text);
    base_buf_release(&s->one);
    base_buf_release(&s->msg);
    free(s);
}

const struct aud_sink_ops aud_sink_syslog = {
    .open = syslog_open, .deliver = syslog_deliver, .close = syslog_close};
