/* append.c - submitting leaves and waiting until they are durable, for threads that may block.
 *
 * Loops use aud_log_submit and a callback. Everybody else (start and stop, the key watcher, the
 * command line, the keeper) has a few leaves and nothing better to do than to wait for them. A full
 * ring is waited out for FULL_MS; the writer empties it within one sync.
 */
#include "audit/log/append.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define FULL_MS 5000u
#define WAIT_S  30

void aud_waiter_init(struct aud_waiter *w, struct aud_log *log)
{
    pthread_condattr_t attr;

    *w = (struct aud_waiter){.log = log, .last = UINT64_MAX};
    pthread_mutex_init(&w->mu, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->cv, &attr);
    pthread_condattr_destroy(&attr);
}

static void on_done(void *ctx, enum base_status st, uint64_t index)
{
    struct aud_waiter *w = ctx;

    pthread_mutex_lock(&w->mu);
    w->pending--;
    if (st != BASE_OK)
        w->failed = true;
    else
        w->last = index;
    pthread_cond_signal(&w->cv);
    pthread_mutex_unlock(&w->mu);
}

enum base_status aud_waiter_submit(struct aud_waiter *w, struct base_str leaf, struct base_err *err)
{
    uint64_t until = base_mono_us() + FULL_MS * 1000ull;
    const struct timespec pause = {0, 1000000};
    enum base_status st;

    pthread_mutex_lock(&w->mu);
    w->pending++;
    pthread_mutex_unlock(&w->mu);
    while ((st = aud_log_submit(w->log, leaf, on_done, w)) == BASE_LIMIT && base_mono_us() < until)
        nanosleep(&pause, NULL);
    if (st == BASE_OK)
        return BASE_OK;
    pthread_mutex_lock(&w->mu);
    w->pending--;
    w->failed = true;
    pthread_mutex_unlock(&w->mu);
    return base_err_set(err, st,
                        st == BASE_EIO     ? "the log has failed"
                        : st == BASE_LIMIT ? "the log's queue is full"
                                           : "the record is no leaf");
}

enum base_status aud_waiter_wait(struct aud_waiter *w, uint64_t *last, struct base_err *err)
{
    pthread_mutex_lock(&w->mu);
    while (w->pending > 0) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += WAIT_S;
        /* the writer tells every leaf its end, also when the log fails: this only re-checks */
        (void)pthread_cond_timedwait(&w->cv, &w->mu, &at);
    }
    bool failed = w->failed;
    if (last)
        *last = w->last;
    pthread_mutex_unlock(&w->mu);
    pthread_cond_destroy(&w->cv);
    pthread_mutex_destroy(&w->mu);
    return failed ? base_err_set(err, BASE_EIO, "a record did not become durable") : BASE_OK;
}

enum base_status aud_log_append(struct aud_log *l, struct base_str leaf, uint64_t *index,
                                struct base_err *err)
{
    struct aud_waiter w;
    struct base_err first = {0};

    aud_waiter_init(&w, l);
    enum base_status st = aud_waiter_submit(&w, leaf, &first);
    enum base_status end = aud_waiter_wait(&w, index, err);
    if (st != BASE_OK && err)
        *err = first;
    return st != BASE_OK ? st : end;
}
