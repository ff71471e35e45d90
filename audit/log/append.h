/* append.h - leaves for those who may wait: submit some, then block until all are durable. */
#ifndef AUD_APPEND_H
#define AUD_APPEND_H

#include "audit/audit.h"

#include <pthread.h>
#include <stdbool.h>

/* Some leaves under way. One thread submits and waits; the log's writer counts down. */
struct aud_waiter {
    struct aud_log *log;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    uint64_t pending, last;
    bool failed;
};

void aud_waiter_init(struct aud_waiter *w, struct aud_log *log);
/* Queues a copy of leaf; waits out a full ring for some seconds. Never on a loop. */
enum base_status aud_waiter_submit(struct aud_waiter *w, struct base_str leaf,
                                   struct base_err *err) BASE_MUST_CHECK;
/* Blocks until every submitted leaf is durable (or the log has failed: BASE_EIO) and releases w.
 * *last (may be NULL): the highest index told last. Call it exactly once after init. */
enum base_status aud_waiter_wait(struct aud_waiter *w, uint64_t *last,
                                 struct base_err *err) BASE_MUST_CHECK;

/* One leaf: submit and wait. Blocks; never on a loop. */
enum base_status aud_log_append(struct aud_log *l, struct base_str leaf, uint64_t *index,
                                struct base_err *err) BASE_MUST_CHECK;

#endif
