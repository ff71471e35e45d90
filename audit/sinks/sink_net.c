/* sink_net.c - what the sinks that speak over a network share: connecting with a deadline, waiting,
 * and libraries that are loaded only when a sink needs them.
 *
 * dlopen, not linking (docs/decisions/030-sinks.md): a gateway without such a sink neither needs
 * libpq, librdkafka or libcurl on the machine nor has their code in its address space.
 */
#include "audit/sinks/sink.h"

#include "base/clock.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum base_status aud_dl_load(const char *soname, const char *package,
                             const struct aud_dl_name *names, size_t n, struct base_err *err)
{
    static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
    enum base_status st = BASE_OK;

    pthread_mutex_lock(&mu);
    void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL); /* kept until the process ends */
    if (!lib)
        st = base_err_set(err, BASE_ENOENT, "%s cannot be loaded: install the package %s", soname,
                          package);
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        void *f = dlsym(lib, names[i].name);

        if (!f)
            st = base_err_set(err, BASE_ENOENT, "%s has no %s: the package %s is too old", soname,
                              names[i].name, package);
        else
            memcpy(names[i].slot, &f, sizeof(f));
    }
    pthread_mutex_unlock(&mu);
    return st;
}

enum base_status aud_sink_wait(struct aud_sink_env *e, int fd, short events, uint64_t until_us,
                               struct base_err *err)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        uint64_t now = base_mono_us();

        if (atomic_load(e->abort) || now >= until_us)
            return base_err_set(err, BASE_ETIME, "no answer in time");
        uint64_t ms = (until_us - now) / 1000 + 1;
        int k = poll(&p, 1, ms > 100 ? 100 : (int)ms); /* short: somebody may stop us */
        if (k > 0)
            return BASE_OK;
        if (k < 0 && errno != EINTR)
            return base_err_sys(err, "poll");
    }
}

static int connect_one(struct aud_sink_env *e, const struct addrinfo *a, uint64_t until_us,
                       struct base_err *err)
{
    int one = 1, error = 0;
    socklen_t n = sizeof(error);
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        (void)base_err_sys(err, "socket");
        return -1;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        (void)base_err_sys(err, "connect");
    } else if (aud_sink_wait(e, fd, POLLOUT, until_us, err) == BASE_OK) {
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            return fd;
        }
        errno = error;
        (void)base_err_sys(err, "connect");
    }
    close(fd);
    return -1;
}

int aud_sink_connect(struct aud_sink_env *e, const struct conf_address *a, uint64_t until_us,
                     struct base_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    struct base_err why = {0};
    char port[16];
    int fd = -1;

    snprintf(port, sizeof(port), "%d", a->port);
    int rc = getaddrinfo(a->host, port, &hints, &list);
    if (rc != 0) {
        base_err_set(err, BASE_EIO, "%s: %s", a->host, gai_strerror(rc));
        return -1;
    }
    for (const struct addrinfo *i = list; i && fd < 0; i = i->ai_next)
        fd = connect_one(e, i, until_us, &why);
    freeaddrinfo(list);
    if (fd < 0)
        base_err_set(err, BASE_EIO, "%s:%d: %s", a->host, a->port, why.text);
    return fd;
}
