/* loop.h - a worker: one thread, one event_base, and what lives on it.
 *
 * Connections, requests and attempts belong to one loop for life and are touched from its thread
 * only. Two things cross threads: struct gw_gen (counted, immutable but for the count) and posts.
 * Loops never block, never touch files and take no lock.
 */
#ifndef GW_LOOP_H
#define GW_LOOP_H

#include "base/err.h"
#include "conf/conf.h"
#include "gateway/metrics.h"
#include "gateway/net/source.h"
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

/* ---- one configuration in use ---- */

struct gw_gen {
    struct conf *conf;        /* owned; never changes */
    void *app;                /* owned: what the pipeline made of it (compiled policy, ...) */
    void (*app_free)(void *); /* for app; any thread */
    SSL_CTX *tls;             /* owned: server side, main and admin listener */
    unsigned number;          /* from 1, for the log */
    atomic_int refs;
};

/* Any thread. unref frees with the last reference (conf_free, app_free, SSL_CTX_free). */
struct gw_gen *gw_gen_ref(struct gw_gen *g);
void gw_gen_unref(struct gw_gen *g);

/* ---- posts: run a function on a loop's thread ---- */

struct gw_loop;

/* Embedded in what it is about, so that posting cannot fail. It must stay valid until fn is called
 * and may be posted again from then on. */
struct gw_post {
    struct gw_post *next;
    void (*fn)(struct gw_loop *l, void *arg);
    void *arg;
};

/* Any thread, lock-free, never blocks; posts run in the order in which they were made. What is
 * posted after the loop's thread has ended runs in gw_loop_free (single thread then). */
void gw_loop_post(struct gw_loop *l, struct gw_post *p);

/* ---- the loop ---- */

struct gw_child;
struct gw_server; /* server.h: the connections of this loop */

struct gw_loop {
    struct event_base *base;
    unsigned index;     /* 0 .. workers - 1 */
    struct gw_gen *gen; /* the current one: what new requests use */
    struct gw_metrics_shard *metrics;
    struct gw_engine_link *engine; /* always there; not ready without an engine */
    struct gw_server *server;
    void *app;              /* the pipeline's per-loop state (struct gw_app, child.h) */
    struct gw_child *child; /* the process it belongs to (child.h); NULL in tests */
    struct gw_loop_private *own;
};

/* Takes a reference of gen. shard is borrowed. NULL with err. The thread does not run yet. */
struct gw_loop *gw_loop_new(unsigned index, struct gw_gen *gen, struct gw_metrics_shard *shard,
                            struct base_err *err);
/* Starts the thread; `first` and `last` (may be NULL) run on it before and after the events. */
enum base_status gw_loop_start(struct gw_loop *l, void (*first)(struct gw_loop *, void *),
                               void (*last)(struct gw_loop *, void *), void *arg,
                               struct base_err *err) BASE_MUST_CHECK;
/* Ends the event loop after the turn in progress. The loop's own thread (post it). */
void gw_loop_stop(struct gw_loop *l);
/* True once the thread's last function has returned; any thread. */
bool gw_loop_ended(const struct gw_loop *l);
/* Joins the thread (blocks). */
void gw_loop_join(struct gw_loop *l);
/* After join: runs the posts that are left, then frees. */
void gw_loop_free(struct gw_loop *l);

#endif
