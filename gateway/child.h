/* child.h - the gateway process: loops, listeners, reload and drain around one struct gw_app.
 *
 * The pipeline (gateway/request.c) fills in a struct gw_app; gw_child_main does the rest. Its main
 * thread waits for signals and for the supervisor's control socket and never serves a request.
 *
 * Order at start:  conf_load -> gen_new -> start -> per loop, on its thread: loop_new -> listeners.
 * Order at stop:   drain every loop -> per loop, on its thread: loop_free -> threads joined -> stop
 *                  -> posts that are left -> gen_free.
 * Reload:          conf_load -> gen_new -> (bind new listeners if the addresses changed) -> per
 *                  loop: loop->gen is swapped, loop_gen. Any failure before the swap keeps the old.
 */
#ifndef GW_CHILD_H
#define GW_CHILD_H

#include "gateway/net/server.h"

struct gw_child; /* the process */

struct gw_app {
    /* Compiles a configuration: *out becomes gen->app. Main thread, may block. On reload `old` is
     * the generation in use (refuse what cannot change while running, such as the log's place). */
    enum base_status (*gen_new)(const struct conf *c, const struct gw_gen *old, void **out,
                                struct base_err *err);
    void (*gen_free)(void *gen_app); /* any thread */
    /* Optional. A reload is about to happen (now set), or was refused (NULL, why). Main thread, may
     * block. Not BASE_OK: it does not happen. */
    enum base_status (*reloading)(const struct gw_gen *old, const struct gw_gen *now,
                                  const char *why, struct base_err *err);
    /* Once, before any loop: open the audit log, the keys. Main thread, may block. */
    enum base_status (*start)(struct gw_child *c, const struct gw_gen *g, struct base_err *err);
    /* Once, after the last loop's thread has ended: close the log. Main thread, may block. Also
     * called when start succeeded and something later failed. Posts that the log's last callbacks
     * make run after this, on the main thread: they may touch their request and end it, but not
     * l->app or l->server, which are gone. */
    void (*stop)(void);
    /* Per loop, on its thread: l->app is the app's. NULL with err ends the process. */
    void *(*loop_new)(struct gw_loop *l, struct base_err *err);
    void (*loop_gen)(struct gw_loop *l); /* l->gen has been replaced */
    void (*loop_free)(struct gw_loop *l);
    /* The main listener's requests. */
    struct gw_server_ops ops;

    /* ---- for the admin listener (admin.h), on loop 0 ---- */
    /* BASE_OK if the request carries an admin key. Never blocks. */
    enum base_status (*admin_auth)(struct gw_server_request *r);
    bool (*ready)(struct gw_loop *l, const char **why);       /* for /readyz; *why static */
    void (*metrics)(struct gw_loop *l, struct base_buf *out); /* appends more figures; or NULL */
    /* The page at /, appended whole; false: it does not fit. Loop 0. */
    bool (*page)(struct gw_server_request *r, struct base_buf *out);
    /* Paths under /admin/v1/ after admin_auth. False: 404. NULL: none. Takes the request if true.
     */
    bool (*admin)(struct gw_server_request *r);
    /* The supervisor has started the signer again: fd is the app's. Main thread. NULL: closed. */
    void (*signer)(int fd);
};

/* Runs the gateway until SIGTERM, an order over control_fd, or control_fd's end. control_fd -1: no
 * supervisor (tests). Returns the exit status: 0 after a drain, 1 a fault while running, 2 the
 * configuration or an address cannot be used. The caller has done nothing to signals. */
int gw_child_main(const char *conf_file, int control_fd, const struct gw_app *app);

/* How many loops (and engine links) this configuration asks for: workers, or one a core; 1..64. */
unsigned gw_workers(const struct conf *c);

/* Any thread. */
struct gw_loop *gw_child_loop(struct gw_child *c, unsigned i);
unsigned gw_child_loops(const struct gw_child *c);
const struct gw_app *gw_child_app(const struct gw_child *c);
/* One metrics shard a loop, gw_child_loops of them. */
struct gw_metrics_shard *const *gw_child_shards(const struct gw_child *c);
uint64_t gw_child_started_us(const struct gw_child *c); /* base_mono_us */
/* Asks for a reload, as SIGHUP does; any thread. */
void gw_child_reload(struct gw_child *c);

#endif
