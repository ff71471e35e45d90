/* listener.h - listening sockets: bound on the main thread, served on a loop.
 */
#ifndef GW_LISTENER_H
#define GW_LISTENER_H

#include "base/err.h"
#include "conf/conf.h"
#include <event2/event.h>

/* A listening socket (non-blocking, close-on-exec, SO_REUSEPORT when reuse_port) on a->host:a->port
 * (IP literal, or a name: its first address). Resolving may block: main thread. -1 with err. */
int gw_listen(const struct conf_address *a, bool reuse_port, struct base_err *err);

struct gw_listener;
/* Takes fd. accepted(ctx, fd) gets each connection: non-blocking, close-on-exec. Loop thread. */
struct gw_listener *gw_listener_new(struct event_base *base, int fd,
                                    void (*accepted)(void *ctx, int fd), void *ctx);
/* Accepts what the kernel has queued already (with SO_REUSEPORT it would be lost), then closes. */
void gw_listener_free(struct gw_listener *l);

#endif
