/* transport_int.h - the attempt, for transport.c and head.c. Not for other folders. */
#ifndef GW_UPSTREAM_TRANSPORT_INT_H
#define GW_UPSTREAM_TRANSPORT_INT_H

#include "gateway/upstream/upstream.h"
#include "gateway/upstream/upstream_int.h"
#include <stdarg.h>
#include <stdio.h>

enum up_state {
    UP_WAITING, /* for the first turn of the loop */
    UP_RESOLVING,
    UP_CONNECTING,
    UP_SENT, /* the request is being written or the response awaited */
    UP_BODY  /* the response's head has been read */
};

struct up_attempt {
    struct gw_attempt base; /* first: what callers hold */
    struct gw_upstreams *u;
    struct up_attempt *next, *prev; /* in u->attempts until it is over */
    struct up_backend *backend;
    struct gw_attempt_spec spec;
    const struct gw_wire *wire;
    struct gw_wire_reader *reader;
    struct gw_wire_request head;
    struct base_arena *arena;
    struct base_buf body, dropped, error_body;
    size_t sent; /* bytes of body given to the connection */
    struct up_conn *conn;
    enum up_state state;
    unsigned tried, address; /* addresses tried; the one in use */
    unsigned depth;          /* our frames that stand on this attempt */
    bool over;               /* its end is given out, or it is cancelled */
    bool reused;             /* the connection had served before */
    bool retried;
    bool response_seen; /* any byte of a response */
    bool error_answer;  /* status is not 200: error_body collects it */
    bool content_seen;
    bool end_seen; /* the dialect's own end came */
    bool paused;
    struct event timer;
    uint64_t total_at, first_at, connect_at, last_ms; /* milliseconds, monotonic */
};

/* Ends the attempt with an error of ours; type is also its code. */
void up_fail(struct up_attempt *a, int status, const char *type, const char *fmt, ...)
    BASE_PRINTF(4, 5);

/* ---- head.c ---- */

#define UP_HEAD_BYTES_MAX (64u << 10)

/* The request's line and headers -> out (empty, max UP_HEAD_BYTES_MAX; wipe it: it holds the
 * key). False when they do not fit or hold what a header may not. */
bool up_head_make(const struct up_attempt *a, struct base_buf *out);

/* What is passed on from a response's head. Borrows h. */
void up_headers(const struct gw_http_head *h, struct gw_attempt_headers *out);
/* Why a head cannot be accepted, or empty. stream_type: as in struct gw_wire. Static storage. */
struct base_str up_head_refused(const struct gw_http_head *h, bool stream, const char *stream_type);
/* Makes an upstream's error fit to be shown: no trace of our key. Its strings are copied to the
 * attempt's arena where they change. */
void up_error_clean(struct up_attempt *a, struct chat_error *e);

#endif
