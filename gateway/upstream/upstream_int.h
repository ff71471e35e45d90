/* upstream_int.h - what transport.c, pool.c and resolve.c share. Not for other folders.
 *
 * struct gw_upstreams is one loop's; everything here is touched by that loop's thread only.
 */
#ifndef GW_UPSTREAM_INT_H
#define GW_UPSTREAM_INT_H

#include "gateway/net/conn.h"
#include "gateway/net/http.h"
#include "gateway/net/source.h"
#include "gateway/upstream/wire.h"
#include <event2/dns.h>
#include <event2/event_struct.h>
#include <sys/socket.h>

#define GW_UP_ADDRS_MAX  8
#define GW_UP_CONNECT_MS 5000  /* resolving, connecting and the TLS handshake, all addresses */
#define GW_UP_IDLE_MS    30000 /* how long an unused connection is kept */
#define GW_UP_DRAIN_MS   1000  /* how long the rest of a finished answer may take */
#define GW_UP_IDLE_MAX   32    /* connections kept a back end and loop */
#define GW_UP_NAME_MS    60000 /* how long a resolved name holds */

struct up_attempt;

/* One connection: an attempt's (attempt set), or in its back end's list: idle, or draining the end
 * of an answer whose attempt is over. */
struct up_conn {
    struct gw_conn *conn;
    struct up_backend *backend;
    struct up_attempt *attempt;
    struct up_conn *next, *prev; /* in backend->spare, when attempt is NULL */
    struct gw_http_parser parser;
    struct base_buf decoded;
    bool open;     /* connected */
    bool draining; /* in the list, but not free yet */
    bool busy;     /* inside one of its callbacks: freed at the end of it */
    bool closed;
    unsigned uses; /* requests written so far */
};

struct up_backend {
    struct gw_upstreams *u;
    const struct conf_backend *conf;
    SSL_CTX *tls; /* borrowed from u->tls; NULL for plain */
    SSL_SESSION *session;
    char host_header[300];
    struct up_conn *spare;
    unsigned n_spare;
    struct sockaddr_storage addr[GW_UP_ADDRS_MAX];
    int addr_len[GW_UP_ADDRS_MAX];
    unsigned n_addr, good_addr; /* good_addr: the one that worked last */
    bool numeric;
    uint64_t addr_until_ms;
    struct up_lookup *lookup; /* in flight */
};

struct up_tls {
    const char *ca; /* NULL: the system's */
    SSL_CTX *ctx;
};

struct gw_upstreams {
    struct event_base *base;
    struct evdns_base *dns; /* made when a name is first looked up */
    struct up_backend *backends;
    size_t n_backends;
    struct up_tls *tls;
    size_t n_tls;
    struct up_attempt *attempts;
    size_t n_attempts;
    unsigned busy;    /* entries from the loop in progress */
    unsigned lookups; /* in flight, cancelled ones included */
    bool dying;
};

/* ---- pool.c ---- */

/* Every entry from the loop stands between these two; the last leave of a dying one frees it. */
void up_enter(struct gw_upstreams *u);
void up_leave(struct gw_upstreams *u);
struct up_backend *up_backend_find(struct gw_upstreams *u, const struct conf_backend *b);
/* An idle connection, taken out of the pool, or NULL. */
struct up_conn *up_pool_take(struct up_backend *b);
/* Starts a new one to address i. NULL with err. */
struct up_conn *up_conn_new(struct up_backend *b, unsigned i, struct base_err *err);
/* The attempt has what it wanted: keep the connection if it can serve again, close it if not. */
void up_conn_release(struct up_conn *c, bool reusable);
void up_conn_close(struct up_conn *c);
uint64_t up_now_ms(void);

/* ---- resolve.c ---- */

/* BASE_OK: b->addr is fresh. BASE_AGAIN: up_resolved will be called. Else err. */
enum base_status up_resolve(struct up_backend *b, struct base_err *err) BASE_MUST_CHECK;
void up_resolve_cancel(struct up_backend *b);

/* ---- transport.c ---- */

/* A lookup for b is over; err tells why when there is no address. */
void up_resolved(struct up_backend *b, const struct base_err *err);
/* Callbacks of a connection that belongs to an attempt. */
void up_attempt_open(struct up_attempt *a);
void up_attempt_data(struct up_attempt *a, struct base_buf *in);
void up_attempt_drained(struct up_attempt *a);
void up_attempt_end(struct up_attempt *a, enum gw_conn_end why, const struct base_err *err);
void up_attempts_cancel_all(struct gw_upstreams *u);

#endif
