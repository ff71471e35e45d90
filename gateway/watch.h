/* watch.h - what the threads that watch a file share. */
#ifndef GW_WATCH_H
#define GW_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* A condition whose waits go by a clock that nobody sets: a wait by the day's clock lasts an hour
 * longer when that is set back by one. False: out of memory. */
static inline bool gw_watch_cond_init(pthread_cond_t *cv)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    bool good =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(cv, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return good;
}

/* The moment that such a wait ends, ms from now (less than a second). */
static inline struct timespec gw_watch_until(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

#endif
