/* conn_int.h - a connection's insides: conn.c (life, opening, events) and conn_io.c (bytes). */
#ifndef GW_CONN_INT_H
#define GW_CONN_INT_H

#include "gateway/net/conn.h"
#include <event2/event_struct.h>

enum state {
    CONNECTING,
    HANDSHAKE,
    OPEN,
    LINGER, /* our FIN is out */
    ENDED
};

struct gw_conn {
    struct event_base *base;
    const struct gw_conn_ops *ops;
    void *ctx;
    SSL *ssl;
    int fd;
    enum state state;
    bool busy, freed;
    bool announced;     /* open has been called */
    bool paused;        /* by the user */
    bool redeliver;     /* resumed: what is buffered is news again */
    bool in_full;       /* reading stopped because in_max is reached */
    bool closing;       /* close_after_write */
    bool flush_queued;  /* the write event is active */
    bool write_blocked; /* the write event waits for the socket */
    bool was_full;      /* drained is owed */
    bool read_wants_write, write_wants_read;
    int connect_errno;
    struct gw_conn_limits limits;
    struct base_buf in, out;
    size_t out_at; /* out[0..out_at) is written */
    size_t lingered;
    uint64_t linger_end_us;
    uint64_t deadline_us, timer_us; /* 0: none */
    uint32_t stall_ms;              /* progress of output moves the deadline; 0: it does not */
    struct event ev_read, ev_write, ev_timer;
    char peer[56];
};

enum io { IO_OK, IO_WANT_READ, IO_WANT_WRITE, IO_EOF, IO_FAILED };

/* ---- conn.c ---- */

/* Over: tells the user, once. */
void gw_conn_over(struct gw_conn *c, enum gw_conn_end why, const struct base_err *err);
/* The same with a text, and errno unless 0. */
void gw_conn_over_text(struct gw_conn *c, enum gw_conn_end why, const char *what, int sys);

/* ---- conn_io.c ---- */

/* What an SSL_* call that returned ret meant; a failure's text goes to err. */
enum io gw_conn_ssl_result(struct gw_conn *c, int ret, const char *what, struct base_err *err);
void gw_conn_wait_writable(struct gw_conn *c);
/* Output leaves at the end of this turn of the loop. */
void gw_conn_queue_flush(struct gw_conn *c);
/* Write what is pending; read and deliver; throw input away after our FIN. The connection may be
 * over or freed afterwards. */
void gw_conn_do_write(struct gw_conn *c);
void gw_conn_do_read(struct gw_conn *c);
void gw_conn_do_linger(struct gw_conn *c);

#endif
