/* control.c - the socket beside a log that is in use; see control.h.
 *
 * Owns       DIR/control.sock and a thread. A socket file that a killed process left is replaced at
 *            the next start: the caller has the log's lock, so nobody serves it.
 * Runs on    its own thread, one request at a time; a client that says nothing for CLIENT_S seconds
 *            is dropped.
 * Access     mode 0600, and the peer must be root or the user of this process.
 * Fails by   a reply that says why; the gateway itself never waits for this thread.
 */
#include "audit/log/control.h"

#include "audit/log/state.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_S 5
#define ANSWER_S 600 /* an erasure rewrites files */

struct aud_control {
    int dir_fd, sock, stop_fd;
    pthread_t thread;
    aud_control_fn fn;
    void *ctx;
};

/* The address DIR/control.sock: through the folder's descriptor, because paths may be longer than
 * an address can hold. */
static bool address(struct sockaddr_un *a, int dir_fd)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n =
        snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/" AUD_CONTROL_SOCK, dir_fd);

    return n > 0 && (size_t)n < sizeof(a->sun_path);
}

static bool peer_name(int fd, char *out, size_t n)
{
    struct ucred u;
    socklen_t len = sizeof(u);
    struct passwd pw, *found = NULL;
    char buf[4096];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) != 0)
        return false;
    bool named = getpwuid_r(u.uid, &pw, buf, sizeof(buf), &found) == 0 && found;
    snprintf(out, n, "uid %u (%.60s)", (unsigned)u.uid, named ? pw.pw_name : "no name");
    return u.uid == 0 || u.uid == geteuid();
}

static void answer(int fd, json_t *reply)
{
    char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;

    if (!text || n > AUD_CONTROL_BYTES || send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
        base_warn("audit", "control: a reply could not be sent");
    free(text);
    json_decref(reply);
}

union space {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* One message and perhaps a descriptor. */
static ssize_t receive(int sock, char *buf, size_t n, int *fd)
{
    union space space;
    struct iovec iov = {buf, n};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = space.bytes,
                       .msg_controllen = sizeof(space.bytes)};

    *fd = -1;
    memset(&space, 0, sizeof(space));
    ssize_t got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    struct cmsghdr *h = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
        h->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(h), sizeof(int));
    return got;
}

static bool send_with(int sock, const char *text, size_t n, int fd)
{
    union space space;
    struct iovec iov = {(void *)(uintptr_t)text, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    memset(&space, 0, sizeof(space));
    if (fd >= 0) {
        m.msg_control = space.bytes;
        m.msg_controllen = sizeof(space.bytes);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &fd, sizeof(int));
    }
    return sendmsg(sock, &m, MSG_NOSIGNAL) == (ssize_t)n;
}

static void serve(struct aud_control *c, int fd)
{
    int passed = -1;

    static const struct timeval patience = {CLIENT_S, 0};
    struct base_err err = {0};
    char who[128];
    json_t *reply = NULL, *request = NULL;
    char *buf = malloc(AUD_CONTROL_BYTES);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ssize_t n = buf ? receive(fd, buf, AUD_CONTROL_BYTES, &passed) : -1;
    enum base_status st = BASE_OK;
    if (n <= 0)
        goto out;
    request = json_loadb(buf, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    if (!peer_name(fd, who, sizeof(who)))
        st = base_err_set(&err, BASE_DENIED, "%s may not do this", who);
    else if (!json_is_object(request))
        st = base_err_set(&err, BASE_EINVAL, "that is no request");
    else
        st = c->fn(c->ctx, who, request, passed, &reply, &err);
    if (st == BASE_OK) {
        if (!reply)
            reply = json_object();
        json_object_set_new(reply, "ok", json_true());
    } else {
        json_decref(reply);
        reply =
            json_pack("{s:b,s:s,s:s}", "ok", 0, "status", base_status_name(st), "error", err.text);
    }
    answer(fd, reply);
out:
    if (passed >= 0)
        close(passed);
    json_decref(request);
    if (buf)
        base_wipe(buf, AUD_CONTROL_BYTES);
    free(buf);
}

static void *control_main(void *arg)
{
    struct aud_control *c = arg;

    for (;;) {
        struct pollfd p[2] = {{.fd = c->stop_fd, .events = POLLIN},
                              {.fd = c->sock, .events = POLLIN}};

        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents)
            break;
        int fd = p[1].revents ? accept4(c->sock, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd < 0)
            continue;
        serve(c, fd);
        close(fd);
    }
    return NULL;
}

static void drop(struct aud_control *c)
{
    if (c->sock >= 0)
        close(c->sock);
    if (c->dir_fd >= 0)
        close(c->dir_fd);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    free(c);
}

enum base_status aud_control_start(const char *dir, aud_control_fn fn, void *ctx,
                                   struct aud_control **out, struct base_err *err)
{
    struct aud_control *c = calloc(1, sizeof(*c));
    struct sockaddr_un a;
    enum base_status st = BASE_OK;

    *out = NULL;
    if (!c)
        return base_err_set(err, BASE_ENOMEM, "no memory for the control socket");
    c->fn = fn;
    c->ctx = ctx;
    c->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (c->dir_fd < 0 || c->sock < 0 || c->stop_fd < 0 || !address(&a, c->dir_fd))
        st = base_err_sys(err, "%s/" AUD_CONTROL_SOCK, dir);
    if (st == BASE_OK && unlinkat(c->dir_fd, AUD_CONTROL_SOCK, 0) != 0 && errno != ENOENT)
        st = base_err_sys(err, "%s/" AUD_CONTROL_SOCK, dir);
    /* the mode that bind gives the file is the socket's own */
    if (st == BASE_OK &&
        (fchmod(c->sock, 0600) != 0 || bind(c->sock, (struct sockaddr *)&a, sizeof(a)) != 0 ||
         listen(c->sock, 8) != 0))
        st = base_err_sys(err, "%s/" AUD_CONTROL_SOCK, dir);
    if (st == BASE_OK && (errno = pthread_create(&c->thread, NULL, control_main, c)) != 0)
        st = base_err_sys(err, "the control thread");
    if (st != BASE_OK) {
        drop(c);
        return st;
    }
    *out = c;
    return BASE_OK;
}

void aud_control_stop(struct aud_control *c)
{
    const uint64_t one = 1;

    if (!c)
        return;
    if (write(c->stop_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        base_warn("audit", "control: stop: %s", strerror(errno));
    pthread_join(c->thread, NULL);
    unlinkat(c->dir_fd, AUD_CONTROL_SOCK, 0);
    drop(c);
}

/* ---- the client ---- */

static enum base_status remote(json_t *reply, struct base_err *err)
{
    const char *word = json_string_value(json_object_get(reply, "status"));
    const char *text = json_string_value(json_object_get(reply, "error"));

    if (json_is_true(json_object_get(reply, "ok")))
        return BASE_OK;
    for (int s = BASE_AGAIN; word && s <= BASE_EBUG; s++) {
        if (strcmp(word, base_status_name((enum base_status)s)) == 0)
            return base_err_set(err, (enum base_status)s, "%s", text ? text : "refused");
    }
    return base_err_set(err, BASE_EPROTO, "the gateway's reply is not understood");
}

enum base_status aud_control_call(const char *dir, const json_t *request, int fd, json_t **reply,
                                  struct base_err *err)
{
    static const struct timeval patience = {ANSWER_S, 0};
    struct sockaddr_un a;
    enum base_status st = BASE_OK;
    char *buf = malloc(AUD_CONTROL_BYTES), *text = json_dumps(request, JSON_COMPACT);
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    *reply = NULL;
    if (!buf || !text || dir_fd < 0 || sock < 0 || !address(&a, dir_fd)) {
        st = base_err_sys(err, "%s", dir);
        goto out;
    }
    if (connect(sock, (struct sockaddr *)&a, sizeof(a)) != 0) {
        bool nobody = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;

        st = base_err_sys(err, "%s/" AUD_CONTROL_SOCK, dir);
        if (nobody)
            st = base_err_set(err, BASE_ENOENT, "%s: no gateway has this log open", dir);
        goto out;
    }
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    size_t n = strlen(text);
    if (n > AUD_CONTROL_BYTES) {
        st = base_err_set(err, BASE_LIMIT, "the request is too long");
        goto out;
    }
    ssize_t got = send_with(sock, text, n, fd) ? recv(sock, buf, AUD_CONTROL_BYTES, 0) : -1;
    *reply = got > 0 ? json_loadb(buf, (size_t)got, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!*reply)
        st = base_err_set(err, BASE_EIO, "%s: the gateway did not answer", dir);
    else
        st = remote(*reply, err);
    if (st != BASE_OK) {
        json_decref(*reply);
        *reply = NULL;
    }
out:
    free(buf);
    free(text);
    if (sock >= 0)
        close(sock);
    if (dir_fd >= 0)
        close(dir_fd);
    return st;
}
