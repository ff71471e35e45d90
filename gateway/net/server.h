/* server.h - the HTTP/1.1 server side: connections in, whole requests out to a handler.
 *
 * One struct gw_server per loop serves the connections that the loop's listeners accept. It reads
 * one request at a time (a pipelined one waits in the input buffer), checks it (http.h), keeps the
 * deadlines, answers malformed ones by itself and hands the others to the handler with which they
 * came in (main or admin). The handler answers through gw_resp_*, from the loop's thread, now or
 * later.
 *
 * A request's life: head() (optional) -> request() -> the handler answers -> gw_resp_end or
 * gw_resp_abort. The request and its arena live until that last call, whatever happens to the
 * connection: after gone() the response calls do nothing (they return BASE_EIO), but exactly one
 * gw_resp_end or gw_resp_abort is still owed, so an answer's record can be finished first.
 */
#ifndef GW_SERVER_H
#define GW_SERVER_H

#include "base/arena.h"
#include "base/clock.h"
#include "gateway/net/http.h"
#include "gateway/net/loop.h"

struct gw_server_request {
    struct gw_loop *loop;
    struct gw_gen *gen;              /* the configuration it is judged by; held until its end */
    struct base_arena *arena;        /* freed with the request; GW_REQUEST_ARENA_MAX */
    const struct gw_http_head *head; /* strings in arena */
    struct base_str body;            /* whole, decoded; valid until the end */
    const char *peer;                /* "192.0.2.1:4711", in arena */
    struct base_str client_subject; /* mutual TLS: the certificate's subject (RFC 2253), or empty */
    bool is_admin;
    bool peer_is_loopback;  /* the client's address is 127/8 or ::1 */
    char id[BASE_UUID_MAX]; /* for x-request-id; the server makes it */
    uint64_t first_byte_us; /* base_mono_us when its first byte was seen */
    uint64_t complete_us;   /* ... when it was whole */
    void *app;              /* the handler's own */
};

#define GW_REQUEST_ARENA_MAX (256u << 20)

struct gw_server_ops {
    /* Optional. The head is in, the body (if any) not yet. True: read the body, then request().
     * False: the handler takes the request now, without a body (gw_resp_*; the connection closes
     * after the answer if a body was announced). For refusing before memory is spent. */
    bool (*head)(struct gw_server_request *r);
    /* The request is whole. The handler owes one gw_resp_end or gw_resp_abort. */
    void (*request)(struct gw_server_request *r);
    /* The client has gone, or took nothing for too long, or the drain time is over. At most once,
     * only between head()/request() and the end, never from inside a gw_resp_* call. */
    void (*gone)(struct gw_server_request *r);
    /* gw_resp_full was true and is false now. */
    void (*drained)(struct gw_server_request *r);
    /* Optional. A request did not become whole in time (408: the connection just closes), or,
     * without malformed(), the server has refused something by itself. For the record; there is no
     * request object. */
    void (*refused)(struct gw_loop *l, int status, const char *id, const char *peer,
                    const char *why);
    /* Optional. What came is not HTTP as http.h has it, too large, or one connection too many (400,
     * 413, 417, 431, 501, 503, 505): the handler answers it as it does request(), with that status.
     * head holds what could be read, perhaps nothing; there is no body, and the connection closes
     * after the answer. why lives as long as the request. */
    void (*malformed)(struct gw_server_request *r, int status, const char *why);
};

/* ---- responses: loop thread; all copy what they are given ---- */

/* Writes the status line, x-request-id, date, framing and `headers` (whole lines, each ending in
 * CRLF, as gw_http_put_header makes them; without content-length, transfer-encoding, connection,
 * date, x-request-id). body_n: the body's size, or -1: unknown (chunked; HTTP/1.0: until close).
 * Nothing reaches the socket before the end of the loop's turn, so the head leaves together with
 * the first bytes of the body. Once a request. BASE_EIO after gone(). */
enum base_status gw_resp_start(struct gw_server_request *r, int status, struct base_str headers,
                               int64_t body_n) BASE_MUST_CHECK;
/* A piece of the body (framed as start decided; dropped for HEAD, 204, 304). BASE_LIMIT: more than
 * GW_RESP_OUT_MAX is unwritten (look at gw_resp_full): nothing was queued. */
enum base_status gw_resp_write(struct gw_server_request *r, struct base_str bytes) BASE_MUST_CHECK;
/* The body is complete. r is gone after this call. If fewer bytes came than start promised, the
 * connection is cut instead. */
void gw_resp_end(struct gw_server_request *r);
/* Ends the connection so that the client sees the answer broken off: what is queued goes out, then
 * it closes without the last chunk or the promised length (an answer that ends with the connection
 * is cut without close_notify). r is gone after this call. */
void gw_resp_abort(struct gw_server_request *r);
/* start + write + end in one, with content-type. headers may be empty. */
void gw_resp_send(struct gw_server_request *r, int status, const char *content_type,
                  struct base_str headers, struct base_str body);
bool gw_resp_started(const struct gw_server_request *r);
/* Back-pressure: stop feeding until drained(). */
bool gw_resp_full(const struct gw_server_request *r);
/* False after gone(). */
bool gw_resp_alive(const struct gw_server_request *r);

#define GW_RESP_OUT_MAX  (8u << 20)
#define GW_RESP_OUT_HIGH (256u << 10)

/* ---- the server ---- */

struct gw_server *gw_server_new(struct gw_loop *l, const struct gw_server_ops *main_ops,
                                const struct gw_server_ops *admin_ops, struct base_err *err);
/* Takes an accepted fd (non-blocking). */
void gw_server_accepted(struct gw_server *s, int fd, bool is_admin);
size_t gw_server_connections(const struct gw_server *s);
size_t gw_server_requests(const struct gw_server *s); /* handed out and not yet ended */
/* Idle connections close now, others after the answer in progress; `drain_ms` later what is left is
 * cut (gone()). done is called once when no connection and no request is left, never from inside
 * this call. */
void gw_server_drain(struct gw_server *s, uint32_t drain_ms, void (*done)(void *), void *arg);
/* Cuts what is left (gone() for each request). Requests that have not ended stay valid. */
void gw_server_free(struct gw_server *s);

/* The health answers of both listeners: 200 {"status":"ok"} / 503 {"status":"...","why":...};
 * headers as gw_resp_start takes them. */
void gw_resp_health(struct gw_server_request *r, bool ok, const char *why, struct base_str headers);

#endif
