/* pool.h - threads for work on large requests that a loop must not wait for: parsing, scanning,
 * scoring and redacting a body of many MiB takes seconds.
 *
 * A job is handed over by a loop, done on a worker's thread and told back by post. Between the two
 * its request belongs to the worker: the loop touches neither the request nor its arena. Bounded in
 * jobs and in bytes; small bodies never come here (GW_POOL_INLINE_MAX), and never wait behind
 * large ones.
 */
#ifndef GW_POOL_H
#define GW_POOL_H

#include "gateway/net/loop.h"
#include "policy/policy.h"

#define GW_POOL_INLINE_MAX 65536        /* bytes of a body that a loop examines itself */
#define GW_POOL_SMALL_MAX  (1u << 20)   /* up to here there is always a worker */
#define GW_POOL_JOBS_MAX   64           /* waiting */
#define GW_POOL_BYTES_MAX  (512u << 20) /* of bodies, waiting */
#define GW_POOL_THREADS    8            /* at most */

struct gw_pool;

struct gw_job {
    /* filled by who submits it */
    struct gw_loop *loop;
    size_t bytes;
    const char *tenant; /* whose turn it is goes by this; lives as long as the job */
    /* On a worker's thread; s is its own. Ends early, with any result, once s has been stopped. */
    void (*work)(void *ctx, const struct pol_detector *d, struct pol_scratch *s);
    /* On the loop's thread, always, once. ran: work was called (and may have been stopped). After
     * the loop has ended loop->app is NULL. */
    void (*done)(void *ctx, bool ran);
    void *ctx;
    /* the pool's */
    struct gw_post post;
    struct gw_job *next;
    atomic_bool stop;
    bool ran;
};

/* Any thread. threads 0: as many as there are processors, 2 at least. */
enum base_status gw_pool_new(const struct pol_detector *d, unsigned threads, struct gw_pool **out,
                             struct base_err *err) BASE_MUST_CHECK;
/* Stops and tells back every job, then ends the threads. NULL is fine. */
void gw_pool_free(struct gw_pool *p);
/* Loop thread; never blocks. BASE_LIMIT: too much is waiting; done is not called then. */
enum base_status gw_pool_submit(struct gw_pool *p, struct gw_job *j) BASE_MUST_CHECK;
/* Nobody wants the result any more: done comes soon. Loop thread. */
void gw_pool_stop(struct gw_pool *p, struct gw_job *j);

struct gw_pool_stats {
    size_t waiting, waiting_bytes, running;
    uint64_t done, refused, stopped;
};
void gw_pool_metrics(struct gw_pool *p, struct base_buf *out);
void gw_pool_stats(struct gw_pool *p, struct gw_pool_stats *out); /* any thread */

#endif
