/* listener.c - binding and accepting.
 *
 * Sockets are made on the main thread (resolving a name may block) and served by one loop each:
 * with SO_REUSEPORT every worker has its own queue in the kernel, so no lock and no thundering
 * herd. Out of descriptors, a listener rests for a moment instead of spinning on a socket that
 * stays readable.
 */
#include "gateway/net/listener.h"
#include "base/log.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG      1024
#define ACCEPT_BATCH 64
#define REST_MS      100

static int listen_on(const struct addrinfo *ai, bool reuse_port)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int sys = errno;
        close(fd);
        errno = sys;
        return -1;
    }
    return fd;
}

int gw_listen(const struct conf_address *a, bool reuse_port, struct base_err *err)
{
    char port[16];
    snprintf(port, sizeof port, "%d", a->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(a->host, port, &hints, &list);
    if (rc != 0) {
        base_err_set(err, BASE_EINVAL, "cannot resolve %s: %s", a->host, gai_strerror(rc));
        return -1;
    }
    int fd = listen_on(list, reuse_port);
    if (fd < 0)
        base_err_sys(err, "cannot listen on %s port %d", a->host, a->port);
    freeaddrinfo(list);
    return fd;
}

struct gw_listener {
    int fd;
    struct event *ev, *rest;
    void (*accepted)(void *ctx, int fd);
    void *ctx;
};

/* Accepts up to `max`; false when there is nothing more for now. */
static bool accept_some(struct gw_listener *l, int max)
{
    for (int i = 0; i < max; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted(l->ctx, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct timeval tv = {0, REST_MS * 1000};
            base_warn("gateway", "accepting rests for %d ms: %s", REST_MS, strerror(errno));
            event_del(l->ev);
            event_add(l->rest, &tv);
        }
        return false;
    }
    return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    (void)accept_some(arg, ACCEPT_BATCH);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct gw_listener *l = arg;
    event_add(l->ev, NULL);
}

struct gw_listener *gw_listener_new(struct event_base *base, int fd,
                                    void (*accepted)(void *ctx, int fd), void *ctx)
{
    struct gw_listener *l = calloc(1, sizeof *l);
    if (!l) {
        close(fd);
        return NULL;
    }
    l->fd = fd;
    l->accepted = accepted;
    l->ctx = ctx;
    l->ev = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, l);
    l->rest = event_new(base, -1, EV_TIMEOUT, on_rested, l);
    if (!l->ev || !l->rest || event_add(l->ev, NULL) != 0) {
        if (l->ev)
            event_free(l->ev);
        if (l->rest)
            event_free(l->rest);
        close(fd);
        free(l);
        return NULL;
    }
    return l;
}

void gw_listener_free(struct gw_listener *l)
{
    if (!l)
        return;
    for (int i = 0; i < BACKLOG / ACCEPT_BATCH && accept_some(l, ACCEPT_BATCH); i++)
        ;
    event_free(l->ev);
    event_free(l->rest);
    close(l->fd);
    free(l);
}
