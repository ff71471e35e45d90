/* notify.c - the service manager's notification socket (sd_notify(3), "New-Style Daemons").
 *
 * The protocol is one datagram of NAME=VALUE lines to an AF_UNIX socket: a path, or "@name" for an
 * abstract one. That is little enough to write down here, and saves linking libsystemd into a
 * process that holds every socket. Nothing depends on the answer: a datagram that cannot be sent
 * is said once in the log, and the service manager gives up on the start by its own clock.
 */
#include "gateway/notify.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address;
static socklen_t address_bytes; /* 0: nobody asked */

void gw_notify_init(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t n = name ? strlen(name) : 0;

    address_bytes = 0;
    if (n > 1 && n < sizeof address.sun_path && (name[0] == '/' || name[0] == '@')) {
        memset(&address, 0, sizeof address);
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path, name, n);
        if (name[0] == '@')
            address.sun_path[0] = '\0';
        address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    } else if (name) {
        base_warn("serve", "NOTIFY_SOCKET is neither a path nor @name: the service manager is not "
                           "told when Weir is ready");
    }
    unsetenv("NOTIFY_SOCKET");
}

static void tell(const char *text)
{
    if (!address_bytes)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                         address_bytes) < 0) {
        base_warn("serve", "the service manager's socket does not take what it is told: %s",
                  strerror(errno));
        address_bytes = 0;
    }
    if (fd >= 0)
        close(fd);
}

void gw_notify_ready(void)
{
    tell("READY=1\nSTATUS=Serving");
}

void gw_notify_reloading(void)
{
    char text[80];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, base_mono_us());
    tell(text);
}

void gw_notify_stopping(void)
{
    tell("STOPPING=1\nSTATUS=Draining");
}

void gw_notify_status(const char *text)
{
    char line[220];

    snprintf(line, sizeof line, "STATUS=%.200s", text);
    tell(line);
}
