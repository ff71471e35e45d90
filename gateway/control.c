/* control.c - messages between the supervisor and the gateway: one byte, perhaps descriptors.
 *
 * SOCK_SEQPACKET keeps message boundaries, so a byte and its descriptors always come together.
 */
#include "gateway/supervisor.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union space {
    char bytes[CMSG_SPACE(sizeof(int) * GW_CTL_FDS_MAX)];
    struct cmsghdr align;
};

enum base_status gw_ctl_send(int sock, char what, const int *fds, size_t n, struct base_err *err)
{
    if (n > GW_CTL_FDS_MAX)
        return base_err_set(err, BASE_LIMIT, "too many descriptors in one message");
    union space space;
    struct iovec iov = {&what, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    memset(&space, 0, sizeof space);
    if (n) {
        m.msg_control = space.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(h), fds, sizeof(int) * n);
    }
    ssize_t sent;
    do {
        sent = sendmsg(sock, &m, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == 1 ? BASE_OK : base_err_sys(err, "control socket");
}

enum base_status gw_ctl_recv(int sock, char *what, int *fds, size_t *n, struct base_err *err)
{
    union space space;
    struct iovec iov = {what, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = space.bytes,
                       .msg_controllen = sizeof space.bytes};
    *n = 0;
    ssize_t got;
    do {
        got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return BASE_AGAIN;
    if (got < 0)
        return base_err_sys(err, "control socket");
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t k = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < k; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
            if (*n < GW_CTL_FDS_MAX)
                fds[(*n)++] = fd;
            else
                close(fd);
        }
    }
    return got == 0 ? BASE_DONE : BASE_OK;
}
