/* threads.c - the pool behind eng_pool_run.
 *
 * One word, `ticket`, carries the whole state of a job: its generation (24 bits), its number of
 * tasks (20) and the next unclaimed task (20). A thread claims by compare-and-swap on that word, so
 * one that wakes late, with an old job in mind, cannot claim from a newer one: had the job changed
 * since it read fn and ctx, the word would differ. (A wrap of the generation within one read would
 * need 2^24 jobs in between.) fn and ctx are written only while no task is open.
 *
 * `done` counts finished tasks; the one who finishes the last wakes the caller. Sleepers are
 * counted under the mutex; whoever publishes work or the end of it looks at the count after
 * writing, and the sleeper looks at the state after counting itself (both sequentially consistent),
 * so that no wake-up is lost.
 *
 * A decode step is some hundred jobs of 10 to 100 us each, hence the spin before sleeping: a
 * wake-up costs more than such a job. The spin is bounded (SPIN rounds, about 20 us).
 */
#include "engine/threads.h"

#include "base/clock.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPIN         1500
#define LATE_US      100
#define ALONE_US_MIN 2000
#define ALONE_US_MAX 256000
#define CALM_JOBS    256 /* in time, one after the other: halve the pause */

struct worker {
    struct eng_pool *pool;
    pthread_t thread;
    uint32_t id;
};

struct eng_pool {
    _Atomic uint64_t ticket; /* generation << 40 | n << 20 | next */
    _Atomic uint32_t done;
    _Atomic(eng_task_fn) fn;
    _Atomic(void *) ctx;
    _Atomic bool stop;
    _Atomic int idle;          /* workers asleep */
    _Atomic bool owner_asleep; /* the caller waits for `done` */
    pthread_mutex_t mutex;
    pthread_cond_t work, finished;
    uint32_t n_threads;
    uint32_t n_started;
    uint64_t generation;
    uint64_t alone_until_us, alone_us; /* of the caller alone; 0 = not late so far */
    uint32_t calm;
    struct worker *workers;
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool open_tasks(uint64_t ticket)
{
    return (ticket & ENG_TASKS_MAX) < (ticket >> 20 & ENG_TASKS_MAX);
}

/* Claims and runs tasks until none is open. */
static void work_off(struct eng_pool *p, uint32_t id)
{
    uint64_t t = atomic_load(&p->ticket);
    while (open_tasks(t)) {
        eng_task_fn fn = atomic_load_explicit(&p->fn, memory_order_relaxed);
        void *ctx = atomic_load_explicit(&p->ctx, memory_order_relaxed);
        if (!atomic_compare_exchange_weak(&p->ticket, &t, t + 1))
            continue;
        uint32_t n = (uint32_t)(t >> 20 & ENG_TASKS_MAX);
        fn(ctx, (uint32_t)(t & ENG_TASKS_MAX), id);
        if (atomic_fetch_add(&p->done, 1) + 1 == n && atomic_load(&p->owner_asleep)) {
            pthread_mutex_lock(&p->mutex);
            pthread_cond_signal(&p->finished);
            pthread_mutex_unlock(&p->mutex);
        }
        t = atomic_load(&p->ticket);
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct eng_pool *p = w->pool;
    while (!atomic_load(&p->stop)) {
        work_off(p, w->id);
        int spins = 0;
        while (spins < SPIN && !open_tasks(atomic_load(&p->ticket)) && !atomic_load(&p->stop)) {
            relax();
            spins++;
        }
        if (spins < SPIN)
            continue;
        pthread_mutex_lock(&p->mutex);
        atomic_fetch_add(&p->idle, 1);
        while (!open_tasks(atomic_load(&p->ticket)) && !atomic_load(&p->stop))
            pthread_cond_wait(&p->work, &p->mutex);
        atomic_fetch_sub(&p->idle, 1);
        pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

static void wake_workers(struct eng_pool *p)
{
    if (atomic_load(&p->idle) == 0)
        return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
}

/* Sleeps until all n tasks are done, and learns from how long that took. */
static void await_last(struct eng_pool *p, uint32_t n)
{
    uint64_t t0 = base_mono_us();
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->owner_asleep, true);
    while (atomic_load(&p->done) != n)
        pthread_cond_wait(&p->finished, &p->mutex);
    atomic_store(&p->owner_asleep, false);
    pthread_mutex_unlock(&p->mutex);
    uint64_t now = base_mono_us();
    if (now - t0 < LATE_US)
        return;
    p->alone_us = p->alone_us ? p->alone_us * 2 : ALONE_US_MIN;
    if (p->alone_us > ALONE_US_MAX)
        p->alone_us = ALONE_US_MAX;
    p->alone_until_us = now + p->alone_us;
    p->calm = 0;
}

static bool work_alone(struct eng_pool *p)
{
    if (!p->alone_until_us)
        return false;
    if (base_mono_us() < p->alone_until_us)
        return true;
    p->alone_until_us = 0;
    return false;
}

void eng_pool_run(struct eng_pool *p, uint32_t n, eng_task_fn fn, void *ctx)
{
    if (n <= 1 || p->n_threads == 1 || work_alone(p)) {
        for (uint32_t i = 0; i < n; i++)
            fn(ctx, i, 0);
        return;
    }
    BASE_BUG_ON(n > ENG_TASKS_MAX);
    atomic_store_explicit(&p->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&p->ctx, ctx, memory_order_relaxed);
    atomic_store(&p->done, 0);
    p->generation++;
    atomic_store(&p->ticket, p->generation << 40 | (uint64_t)n << 20);
    wake_workers(p);
    work_off(p, 0);
    for (int spins = 0; spins < SPIN; spins++) {
        if (atomic_load(&p->done) == n) {
            if (p->alone_us && ++p->calm >= CALM_JOBS) {
                p->alone_us = p->alone_us > ALONE_US_MIN ? p->alone_us / 2 : 0;
                p->calm = 0;
            }
            return;
        }
        relax();
    }
    await_last(p, n);
}

uint32_t eng_pool_threads(const struct eng_pool *p)
{
    return p->n_threads;
}

enum base_status eng_pool_new(int n_threads, struct eng_pool **out, struct base_err *err)
{
    *out = NULL;
    if (n_threads <= 0) {
        cpu_set_t set;
        n_threads = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    }
    if (n_threads > ENG_THREADS_MAX)
        n_threads = ENG_THREADS_MAX;
    struct eng_pool *p = calloc(1, sizeof(*p));
    if (p)
        p->workers = calloc((size_t)n_threads, sizeof(*p->workers));
    if (!p || !p->workers) {
        free(p);
        return base_err_set(err, BASE_ENOMEM, "out of memory for threads");
    }
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    p->n_threads = (uint32_t)n_threads;
    for (uint32_t i = 1; i < p->n_threads; i++) {
        p->workers[i] = (struct worker){.pool = p, .id = i};
        if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]) != 0) {
            eng_pool_free(p);
            return base_err_set(err, BASE_ENOMEM, "cannot start thread %u of %d", i + 1, n_threads);
        }
        p->n_started = i;
    }
    *out = p;
    return BASE_OK;
}

void eng_pool_free(struct eng_pool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (uint32_t i = 1; i <= p->n_started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
    pthread_mutex_destroy(&p->mutex);
    free(p->workers);
    free(p);
}
