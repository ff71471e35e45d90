/* witness_serve.c - a witness on the network: HTTPS/1.1 for two small exchanges.
 *
 * Deliberately not the gateway's server: a witness runs on somebody else's machine, has one key and
 * two exchanges, and whoever relies on it should be able to read all of it. Blocking sockets, one
 * thread a connection, at most CONNECTIONS of them and PER_ADDRESS from one address, each with one
 * deadline for everything it does (a slow client costs its threads for that long, nobody else's);
 * TLS 1.2 and 1.3 by OpenSSL. Plain HTTP only on loopback. Requests are bounded: 8 KiB of head,
 * AUD_WITNESS_BODY_MAX of body, `per_minute` of them from one address (429 with retry-after). One
 * request a connection, then it closes. Malformed HTTP gets 400 or nothing.
 *
 *   POST .../add-checkpoint      GET .../<hex sha256 of the origin>/checkpoint      GET .../vkey
 */
#include "audit/witness/witness.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 32
#define PER_ADDRESS 8
#define DEADLINE_MS 10000u
#define HEAD_MAX    8192u
#define ADDRESSES   1024

/* Requests of one address in the present minute. A table that is full forgets the oldest. */
struct seen {
    char address[INET6_ADDRSTRLEN];
    uint64_t minute;
    unsigned n;
};

struct server {
    struct aud_witness *w;
    SSL_CTX *tls; /* NULL: plain */
    unsigned per_minute;
    atomic_int connections;
    pthread_mutex_t mu;
    char busy[CONNECTIONS][INET6_ADDRSTRLEN]; /* whose the open connections are; "": none */
    struct seen seen[ADDRESSES];
};

struct conn {
    struct server *s;
    int fd;
    SSL *ssl;
    uint64_t until_us;
    unsigned slot; /* of busy */
    char address[INET6_ADDRSTRLEN];
};

/* ---- bytes in and out, with the deadline ---- */

static bool wait_fd(const struct conn *c, short events)
{
    uint64_t now = base_mono_us();
    struct pollfd p = {.fd = c->fd, .events = events};

    return now < c->until_us && poll(&p, 1, (int)((c->until_us - now) / 1000) + 1) > 0;
}

/* What an SSL call wants next; false: it is over. */
static bool again(const struct conn *c, int rc)
{
    int e = SSL_get_error(c->ssl, rc);

    if (e == SSL_ERROR_WANT_READ)
        return wait_fd(c, POLLIN);
    return e == SSL_ERROR_WANT_WRITE && wait_fd(c, POLLOUT);
}

static ssize_t take(struct conn *c, char *p, size_t n)
{
    for (;;) {
        if (c->ssl) {
            int k = SSL_read(c->ssl, p, (int)n);

            if (k > 0 || !again(c, k))
                return k;
        } else {
            ssize_t k = recv(c->fd, p, n, MSG_DONTWAIT);

            if (k >= 0)
                return k;
            if ((errno != EAGAIN && errno != EINTR) || !wait_fd(c, POLLIN))
                return -1;
        }
    }
}

static bool give(struct conn *c, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k;

        if (c->ssl) {
            k = SSL_write(c->ssl, p, (int)n);
            if (k <= 0) {
                if (!again(c, (int)k))
                    return false;
                continue;
            }
        } else {
            k = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (k < 0) {
                if ((errno != EAGAIN && errno != EINTR) || !wait_fd(c, POLLOUT))
                    return false;
                continue;
            }
        }
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* ---- one request ---- */

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    default:
        return "Internal Server Error";
    }
}

static void answer(struct conn *c, int status, const char *type, struct base_str body)
{
    struct base_buf b;

    base_buf_init(&b, 4 * AUD_NOTE_MAX);
    base_buf_printf(&b,
                    "HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\n%s"
                    "connection: close\r\n\r\n",
                    status, reason(status), type, body.n,
                    status == 429 ? "retry-after: 60\r\n" : "");
    base_buf_str(&b, body);
    if (base_buf_ok(&b))
        (void)give(c, b.p, b.n);
    base_buf_release(&b);
}

/* The header's value in head, or an empty string. *twice: it is there more than once. */
static struct base_str header(struct base_str head, const char *name, bool *twice)
{
    struct base_str found = BASE_STR_NULL;

    while (head.p && head.n) {
        struct base_str value = base_str_cut(&head, '\n');
        struct base_str key = base_str_cut(&value, ':');

        if (!value.p || !base_str_ieq(key, base_str_c(name)))
            continue;
        *twice = found.p != NULL;
        found = base_str_trim(value);
    }
    return found;
}

static bool allowed(struct conn *c)
{
    struct server *s = c->s;
    uint64_t minute = base_mono_us() / 60000000;
    struct seen *oldest = &s->seen[0], *mine = NULL;

    pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < ADDRESSES && !mine; i++) {
        if (strcmp(s->seen[i].address, c->address) == 0)
            mine = &s->seen[i];
        if (s->seen[i].minute < oldest->minute)
            oldest = &s->seen[i];
    }
    if (!mine) {
        mine = oldest;
        memcpy(mine->address, c->address, sizeof(mine->address));
        mine->n = 0;
    }
    if (mine->minute != minute)
        mine->n = 0;
    mine->minute = minute;
    bool ok = mine->n++ < s->per_minute;
    pthread_mutex_unlock(&s->mu);
    return ok;
}

static void dispatch(struct conn *c, struct base_str method, struct base_str path,
                     struct base_str body)
{
    const char *type = "text/plain; charset=utf-8";
    char vkey[AUD_VKEY_MAX];
    struct base_buf out;
    int status = 404;

    base_buf_init(&out, 3 * AUD_NOTE_MAX);
    if (base_str_ends(path, BASE_STR("/add-checkpoint"))) {
        status = base_str_is(method, "POST") ? aud_witness_add(c->s->w, body, &out, &type) : 405;
        base_info("witness", "%s: add-checkpoint: %d", c->address, status);
    } else if (!base_str_is(method, "GET")) {
        status = 405;
    } else if (base_str_ends(path, BASE_STR("/checkpoint")) && path.n >= 11 + 64) {
        status = aud_witness_get(c->s->w, base_str_n(path.p + path.n - 11 - 64, 64), &out);
    } else if (base_str_ends(path, BASE_STR("/vkey")) && aud_witness_vkey(c->s->w, vkey)) {
        base_buf_printf(&out, "%s\n", vkey);
        status = 200;
    }
    if (status != 200 && status != 409)
        base_buf_clear(&out);
    if (status != 200 && out.n == 0)
        base_buf_printf(&out, "%s\n", reason(status));
    answer(c, status, type, base_buf_view(&out));
    base_buf_release(&out);
}

/* Reads to the end of the head, then the body that content-length announces. */
static void exchange(struct conn *c, struct base_buf *in)
{
    size_t end;
    bool twice = false;
    uint64_t n = 0;

    while ((end = base_str_find(base_buf_view(in), BASE_STR("\r\n\r\n"), 0)) == SIZE_MAX) {
        char *room = in->n < HEAD_MAX ? base_buf_room(in, 4096) : NULL;
        ssize_t k = room ? take(c, room, 4096) : -1;

        if (k <= 0)
            return;
        base_buf_commit(in, (size_t)k);
    }
    struct base_str head = base_str_n(in->p, end);
    struct base_str rest = head, line = base_str_cut(&rest, '\n');
    struct base_str method = base_str_cut(&line, ' '), path = base_str_cut(&line, ' ');
    struct base_str length = header(rest, "content-length", &twice);
    if (!line.p || !base_str_starts(line, BASE_STR("HTTP/1.")) || path.n == 0 || path.p[0] != '/' ||
        twice || header(rest, "transfer-encoding", &twice).p ||
        (length.p && !base_str_u64(length, &n))) {
        answer(c, 400, "text/plain", BASE_STR("Bad Request\n"));
        return;
    }
    if (!allowed(c)) {
        answer(c, 429, "text/plain", BASE_STR("Too Many Requests\n"));
        return;
    }
    if (n > AUD_WITNESS_BODY_MAX) {
        answer(c, 413, "text/plain", BASE_STR("Content Too Large\n"));
        return;
    }
    size_t start = end + 4, line_n = (size_t)(path.p - in->p);
    while (in->n < start + n) {
        char *room = base_buf_room(in, 4096);
        ssize_t k = room ? take(c, room, 4096) : -1;

        if (k <= 0)
            return;
        base_buf_commit(in, (size_t)k);
    }
    method.p = in->p; /* the buffer may have moved */
    path.p = in->p + line_n;
    dispatch(c, method, path, base_str_n(in->p + start, (size_t)n));
}

/* What the client still sends of a request that was refused early: closing over it would reset the
 * connection and take the answer with it. */
static void drain(struct conn *c)
{
    char sink[16384];
    uint64_t now = base_mono_us();

    if (c->until_us > now + 1000000)
        c->until_us = now + 1000000;
    for (size_t all = 0; all < 1048576 && wait_fd(c, POLLIN);) {
        ssize_t k = recv(c->fd, sink, sizeof(sink), MSG_DONTWAIT);

        if (k <= 0)
            break;
        all += (size_t)k;
    }
}

static void *serve_one(void *arg)
{
    struct conn *c = arg;
    struct base_buf in;
    bool ready = true;

    base_buf_init(&in, HEAD_MAX + AUD_WITNESS_BODY_MAX + 16384);
    if (c->s->tls) {
        int rc = -1;

        c->ssl = SSL_new(c->s->tls);
        ready = c->ssl && SSL_set_fd(c->ssl, c->fd) == 1;
        while (ready && (rc = SSL_accept(c->ssl)) != 1)
            ready = again(c, rc);
    }
    if (ready)
        exchange(c, &in);
    if (c->ssl) {
        if (ready)
            (void)SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    shutdown(c->fd, SHUT_WR);
    drain(c);
    close(c->fd);
    base_buf_release(&in);
    pthread_mutex_lock(&c->s->mu);
    c->s->busy[c->slot][0] = 0;
    pthread_mutex_unlock(&c->s->mu);
    atomic_fetch_sub(&c->s->connections, 1);
    free(c);
    return NULL;
}

/* ---- listening ---- */

/* A place for one more connection of this address. */
static bool take_slot(struct conn *c)
{
    struct server *s = c->s;
    unsigned mine = 0, slot = CONNECTIONS;

    pthread_mutex_lock(&s->mu);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (!s->busy[i][0])
            slot = i;
        else if (strcmp(s->busy[i], c->address) == 0)
            mine++;
    }
    bool ok = slot < CONNECTIONS && mine < PER_ADDRESS;
    if (ok) {
        c->slot = slot;
        memcpy(s->busy[slot], c->address, sizeof(c->address));
    }
    pthread_mutex_unlock(&s->mu);
    return ok;
}

static void start_one(struct server *s, int fd, const struct sockaddr_storage *from)
{
    struct conn *c = calloc(1, sizeof(*c));
    pthread_attr_t attr;
    pthread_t t;

    if (!c) {
        close(fd);
        return;
    }
    c->s = s;
    c->fd = fd;
    c->until_us = base_mono_us() + DEADLINE_MS * 1000ull;
    if (from->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)from)->sin_addr, c->address,
                  sizeof(c->address));
    else
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)from)->sin6_addr, c->address,
                  sizeof(c->address));
    if (!take_slot(c)) {
        close(fd);
        free(c);
        return;
    }
    atomic_fetch_add(&s->connections, 1);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&t, &attr, serve_one, c) != 0) {
        pthread_mutex_lock(&s->mu);
        s->busy[c->slot][0] = 0;
        pthread_mutex_unlock(&s->mu);
        atomic_fetch_sub(&s->connections, 1);
        close(fd);
        free(c);
    }
    pthread_attr_destroy(&attr);
}

static SSL_CTX *tls_new(const struct aud_witness_listen *l, struct base_err *err)
{
    SSL_CTX *t = SSL_CTX_new(TLS_server_method());

    if (t && SSL_CTX_set_min_proto_version(t, TLS1_2_VERSION) == 1 &&
        SSL_CTX_use_certificate_chain_file(t, l->cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(t, l->key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(t) == 1) {
        SSL_CTX_set_mode(t, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return t;
    }
    base_err_set(err, BASE_EINVAL, "TLS with %s and %s: %s", l->cert, l->key,
                 ERR_reason_error_string(ERR_peek_last_error()));
    SSL_CTX_free(t);
    return NULL;
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static int listen_on(const struct aud_witness_listen *l, struct base_err *err)
{
    char host[256];
    const char *colon = strrchr(l->address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    int fd = -1, on = 1;
    size_t n = colon ? (size_t)(colon - l->address) : 0;

    if (!colon || n >= sizeof(host)) {
        base_err_set(err, BASE_EINVAL, "--listen takes HOST:PORT");
        return -1;
    }
    bool bracket = n > 2 && l->address[0] == '[' && l->address[n - 1] == ']';
    snprintf(host, sizeof(host), "%.*s", (int)(bracket ? n - 2 : n), l->address + bracket);
    int rc = getaddrinfo(host, colon + 1, &hints, &list);
    if (rc != 0) {
        base_err_set(err, BASE_EINVAL, "%s: %s", l->address, gai_strerror(rc));
        return -1;
    }
    if (!l->cert && !is_loopback(list->ai_addr)) {
        base_err_set(err, BASE_EINVAL, "%s is not this machine: give --cert and --key", l->address);
        goto out;
    }
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, 64) != 0) {
        base_err_sys(err, "%s", l->address);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
out:
    freeaddrinfo(list);
    return fd;
}

enum base_status aud_witness_serve(struct aud_witness *w, const struct aud_witness_listen *l,
                                   const volatile int *stop, struct base_err *err)
{
    struct base_err why = {.code = BASE_OK};
    struct server *s = calloc(1, sizeof(*s));
    int fd = -1;

    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory for a server");
    s->w = w;
    s->per_minute = l->per_minute ? l->per_minute : 120;
    pthread_mutex_init(&s->mu, NULL);
    if (l->cert)
        s->tls = tls_new(l, &why);
    if (why.code == BASE_OK)
        fd = listen_on(l, &why);
    if (why.code == BASE_OK)
        base_info("witness", "listening on %s://%s", l->cert ? "https" : "http", l->address);
    while (why.code == BASE_OK && !*stop) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        struct sockaddr_storage from;
        socklen_t n = sizeof(from);

        if (poll(&p, 1, 500) <= 0)
            continue;
        int peer = accept4(fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer >= 0)
            start_one(s, peer, &from);
        else if (errno == EMFILE || errno == ENFILE)
            usleep(100000);
    }
    if (fd >= 0)
        close(fd);
    /* each connection ends within its deadline */
    for (unsigned i = 0; i < DEADLINE_MS / 10 + 100 && atomic_load(&s->connections) > 0; i++)
        usleep(10000);
    SSL_CTX_free(s->tls);
    if (atomic_load(&s->connections) == 0) {
        pthread_mutex_destroy(&s->mu);
        free(s);
    }
    if (why.code != BASE_OK && err)
        *err = why;
    return why.code;
}
