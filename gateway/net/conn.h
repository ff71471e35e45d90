/* conn.h - one non-blocking TLS (or plain loopback) connection on one loop, either side.
 *
 * Used by the listener for clients and by upstream/ for providers. A connection belongs to one loop
 * for life; all calls come from that loop's thread. Output is queued in a bounded buffer and
 * written when the socket takes it; bytes queued within one turn of the loop go out in one write.
 */
#ifndef GW_CONN_H
#define GW_CONN_H

#include "base/buf.h"
#include "base/err.h"
#include <event2/event.h>
#include <openssl/ssl.h>

struct gw_conn;

enum gw_conn_end {
    GW_CONN_EOF,     /* the peer closed in good order (close_notify or FIN) */
    GW_CONN_RESET,   /* it did not: reset, truncated TLS, write error */
    GW_CONN_TIMEOUT, /* the deadline set with gw_conn_deadline passed */
    GW_CONN_REFUSED  /* connect or handshake failed */
};

struct gw_conn_ops {
    void (*open)(void *ctx); /* connected, handshake done */
    /* New bytes are at the end of in; take them with base_buf_shift. Not called while paused. */
    void (*data)(void *ctx, struct base_buf *in);
    void (*drained)(void *ctx); /* output went below the low-water mark again */
    /* Over; called once. The callee frees the conn with gw_conn_free (here or later). */
    void (*end)(void *ctx, enum gw_conn_end why, const struct base_err *err);
};

struct gw_conn_limits {
    size_t in_max;   /* input buffered while the user has not taken it: reading then stops */
    size_t out_max;  /* output queued: gw_conn_write past it fails */
    size_t out_high; /* gw_conn_full turns true here, drained is called at half */
};

/* A server-side connection over an accepted fd (taken). ctx_tls NULL: plain TCP. TCP_NODELAY. */
struct gw_conn *gw_conn_accept(struct event_base *base, int fd, SSL_CTX *ctx_tls,
                               const struct gw_conn_limits *limits, const struct gw_conn_ops *ops,
                               void *ctx);
/* A client-side one to a resolved address. tls_name: DNS or IP name that the certificate must carry
 * and (DNS) the SNI; NULL with ctx_tls NULL. session may be NULL: an SSL_SESSION to resume. */
struct sockaddr;
struct gw_conn *gw_conn_connect(struct event_base *base, const struct sockaddr *addr, int addrlen,
                                SSL_CTX *ctx_tls, const char *tls_name, SSL_SESSION *session,
                                const struct gw_conn_limits *limits, const struct gw_conn_ops *ops,
                                void *ctx);
/* Closes at once (no callback) and frees. Safe inside the conn's own callbacks. */
void gw_conn_free(struct gw_conn *c);

/* Queues a copy. BASE_LIMIT past out_max (nothing queued); BASE_EIO when already ended. */
enum base_status gw_conn_write(struct gw_conn *c, struct base_str bytes) BASE_MUST_CHECK;
bool gw_conn_full(const struct gw_conn *c); /* output at or above out_high */
size_t gw_conn_out_pending(const struct gw_conn *c);
/* Writes what is queued, then close_notify and FIN, then `end` with GW_CONN_EOF. */
void gw_conn_close_after_write(struct gw_conn *c);
void gw_conn_pause(struct gw_conn *c);  /* stop reading (back-pressure) */
void gw_conn_resume(struct gw_conn *c); /* and deliver what is buffered */
/* One deadline at a time; 0 clears it. */
void gw_conn_deadline(struct gw_conn *c, uint32_t ms);
/* As gw_conn_deadline, but every byte that the peer takes puts it off to ms from then: cuts a peer
 * that stalls, not one that is slow. */
void gw_conn_stall_deadline(struct gw_conn *c, uint32_t ms);
void gw_conn_set_user(struct gw_conn *c, const struct gw_conn_ops *ops, void *ctx);
/* "127.0.0.1:4711"; the connection's storage. */
const char *gw_conn_peer(const struct gw_conn *c);
SSL *gw_conn_ssl(struct gw_conn *c); /* NULL for plain */

#endif
