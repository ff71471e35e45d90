/* server_int.h - what server.c (connections, requests in) and response.c (answers out) share. */
#ifndef GW_SERVER_INT_H
#define GW_SERVER_INT_H

#include "gateway/net/conn.h"
#include "gateway/net/server.h"

struct gw_req;

/* One client connection. */
struct gw_sconn {
    struct gw_server *s;
    struct gw_conn *c;
    struct gw_sconn *prev, *next;
    const struct gw_server_ops *ops;
    struct gw_req *r; /* being read, or handed out */
    bool is_admin;
    bool opened;      /* TLS handshake done */
    bool over;        /* accepted above the limit: answers 503 */
    bool closing;     /* close_after_write was called */
    bool busy, freed; /* inside on_data; freed meanwhile */
    bool has_more;    /* input is left over: the next request has begun already */
    uint64_t closing_us;
};

/* One request; pooled per server. */
struct gw_req {
    struct gw_server_request pub; /* first: the handler's pointer is ours */
    struct gw_server *s;          /* NULL: the server is gone */
    struct gw_sconn *k;           /* NULL: the connection is gone, or was never needed again */
    const struct gw_server_ops *ops;
    struct gw_req *prev, *next; /* among the handed-out ones; next also in the pool */
    struct gw_http_parser parser;
    struct base_buf body;
    bool handed;
    bool head_done; /* the head hook has been asked */
    /* the answer */
    bool started, chunked, bodyless, until_close, close_after;
    bool stalled; /* the write deadline is armed */
    int64_t left; /* of a promised length; -1: none promised */
};

struct gw_server {
    struct gw_loop *loop;
    const struct gw_server_ops *main_ops, *admin_ops;
    struct gw_sconn *conns;
    size_t n_conns, n_admin;
    struct gw_req *out; /* handed out */
    size_t n_out;
    struct gw_req *pool;
    size_t n_pool;
    time_t date_s;
    char date[40]; /* "Date: ...\r\n", made once a second */
    bool draining;
    uint64_t drain_cut_us, drain_hard_us;
    struct event *drain_tick;
    void (*drain_done)(void *);
    void *drain_arg;
};

/* server.c, for response.c: the answer is complete (or broken off, keep false): the request is
 * over, the connection goes on or closes. */
void gw_req_finish(struct gw_req *r, bool keep);
/* Hard cut: the connection is closed at once, the request is over. */
void gw_req_cut(struct gw_req *r);
const char *gw_server_date(struct gw_server *s);

#endif
