/* app_int.h - what app.c and its parts share; nobody else includes it.
 *
 * app.c starts and stops the process' things and each loop's; app_keys.c holds the key snapshots
 * and the thread that watches their file; app_gen.c takes configurations; app_figures.c tells the
 * admin side how it all is.
 */
#ifndef GW_APP_INT_H
#define GW_APP_INT_H

#include "audit/log/remote.h"
#include "audit/log/serve.h"
#include "gateway/app.h"
#include <pthread.h>

/* What there is once in a process. Written by start and stop on the main thread, when no loop runs;
 * keys under keys_lock; the atomics by anybody. */
struct gw_app_state {
    struct gw_child *child;
    struct pol_detector *detector;
    struct aud_log *log;
    struct gw_prov *prov;
    struct gw_reviews *reviews;
    struct aud_keeper *keeper;
    struct aud_serve *serve; /* the log's control socket */
    struct aud_sinks *sinks;
    struct aud_witnesses *witnesses;
    struct gw_pool *pool;
    struct aud_remote *remote; /* who signs the log; NULL: this process */
    int signer_fd;
    struct gw_keys_ref *keys; /* the newest; swapped by the watcher, under keys_lock */
    pthread_mutex_t keys_lock;
    pthread_t watcher;
    bool watching;
    atomic_bool stopping;
    char *keys_file, *log_dir;
    _Atomic uint64_t reloads_refused;
    atomic_bool reload_refused; /* the last one was */
};

extern struct gw_app_state gw_app_own;

/* ---- app_keys.c ---- */

/* One more holder; any thread. Each is given back by gw_app_keys_unref, which takes NULL too. */
struct gw_keys_ref *gw_app_keys_ref(struct gw_keys_ref *k);
void gw_app_keys_unref(struct gw_keys_ref *k);

/* Reads the file (blocks); NULL with err: it cannot be read or is no key file. */
struct gw_keys_ref *gw_app_keys_load(const char *file, struct base_err *err);

/* Starts the thread that reads gw_app_own.keys_file again when it differs from stamp, which it
 * takes. False: no thread; stamp stays the caller's. */
bool gw_app_keys_watch(struct gw_keys_stamp *stamp);

/* ---- app_gen.c: three of the functions of struct gw_app (gateway/child.h) ---- */

enum base_status gw_app_gen_new(const struct conf *c, const struct gw_gen *old, void **out,
                                struct base_err *err);
void gw_app_gen_free(void *gen_app);
enum base_status gw_app_reloading(const struct gw_gen *old, const struct gw_gen *now,
                                  const char *why, struct base_err *err);

/* For how many days records must be kept: the longest retention of a configuration's policy. */
uint32_t gw_app_record_days(const struct conf *c);

/* ---- app_figures.c: three more; on a loop's thread, none blocks ---- */

bool gw_app_ready(struct gw_loop *l, const char **why);
void gw_app_metrics(struct gw_loop *l, struct base_buf *out);
bool gw_app_page(struct gw_server_request *r, struct base_buf *out);

#endif
