/* watch.c - looks at the disk and the clock once a second, on a thread of its own.
 *
 * Disk: the free bytes that an unprivileged writer has on the log's file system decide the stage:
 * ok, warn, no content, full. A stage begins at or below its threshold and ends a sixteenth above
 * it, so that it does not flutter. Each change is a line for the operator and a leaf log.disk;
 * full it is too, whatever the thresholds, while the next segment finds no room (signer.c). What a
 * stage refuses is the gateway's business (the log itself goes on: the room below the last
 * threshold is for what is under way, for outcomes, and for what administrators do).
 *
 * Clock: the order of records is their index, never their time; but a wall clock that was set makes
 * `t` jump, and whoever reads later must be able to tell. Twice, the distance between the wall
 * clock and one that cannot be set (CLOCK_BOOTTIME) is taken; when it has changed by more than
 * STEP_US, a leaf log.clock says by how much (step_us > 0: the clock was put forward).
 *
 * Fails by saying nothing: no free space to be read is no stage, and a full ring loses a leaf of
 * ours rather than one of a request (it is tried again a second later).
 */
#include "audit/log/watch.h"

#include "audit/log/log_thread.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#define PERIOD_MS 1000
#define STEP_US   500000 /* slewing is 500 ppm at most: 0.5 ms a second */

struct aud_watch {
    struct aud_log *log;
    char dir[4096];
    uint64_t at[AUD_DISK_FULL + 1]; /* threshold of each stage, bytes; 0: off */
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    bool stop;
    int64_t offset_us; /* wall minus boot time */
    _Atomic int disk;
    _Atomic int said; /* the stage of the last log.disk leaf */
    _Atomic uint64_t free_bytes, steps;
};

static const char *const stage_name[] = {"ok", "warn", "refuse-content", "refuse-all"};

static int64_t clock_offset_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return base_wall_us() - ((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

static bool say(struct aud_watch *w, const char *ev, const char *key, int64_t v, const char *stage)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, 1024);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "ev", ev);
    if (stage)
        base_json_kint(&j, key, v); /* free_mib sorts before req, step_us behind it */
    base_json_kz(&j, "req", "");
    if (stage)
        base_json_kz(&j, "stage", stage);
    else
        base_json_kint(&j, key, v);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    bool ok = base_buf_ok(&b) && aud_log_submit(w->log, base_buf_view(&b), NULL, NULL) == BASE_OK;
    base_buf_release(&b);
    return ok;
}

static enum aud_disk stage_of(const struct aud_watch *w, uint64_t free_bytes)
{
    enum aud_disk now = (enum aud_disk)atomic_load(&w->disk), to = AUD_DISK_OK;

    for (int s = AUD_DISK_WARN; s <= AUD_DISK_FULL; s++) {
        uint64_t at = w->at[s];

        if (at && free_bytes <= (s <= (int)now ? at + at / 16 : at))
            to = (enum aud_disk)s;
    }
    return to;
}

static void look_at_disk(struct aud_watch *w)
{
    struct statvfs v;

    if (statvfs(w->dir, &v) != 0)
        return;
    uint64_t bytes = (uint64_t)v.f_bavail * v.f_frsize;
    bool no_room = atomic_load(&w->log->no_room); /* for the next segment, whatever is configured */
    enum aud_disk to = no_room ? AUD_DISK_FULL : stage_of(w, bytes);
    int from = atomic_exchange(&w->disk, (int)to);
    atomic_store(&w->free_bytes, bytes);
    if (from != (int)to)
        base_log(to > AUD_DISK_WARN ? BASE_LOG_ERROR : BASE_LOG_WARN, "audit",
                 "%" PRIu64 " MiB are free on the disk of %s: %s", bytes >> 20, w->dir,
                 no_room             ? "none for the log's next segment; new requests are refused; "
                                       "make room"
                 : to == AUD_DISK_OK ? "enough again"
                 : to == AUD_DISK_WARN ? "make room (audit: disk: warn_mib)"
                 : to == AUD_DISK_NO_CONTENT
                     ? "no content is kept any more (audit: disk: refuse_content_mib); make room"
                     : "new requests are refused (audit: disk: refuse_all_mib); make room, or "
                       "lower it on a small disk");
    if (atomic_load(&w->said) != (int)to &&
        say(w, "log.disk", "free_mib", (int64_t)(bytes >> 20), stage_name[to]))
        atomic_store(&w->said, (int)to);
}

static void look_at_clock(struct aud_watch *w)
{
    int64_t now = clock_offset_us(), step = now - w->offset_us;

    if (step > -STEP_US && step < STEP_US) {
        w->offset_us = now; /* slewing adds up to nothing that is a step */
        return;
    }
    if (!say(w, "log.clock", "step_us", step, NULL))
        return; /* again next time */
    base_warn("audit", "the wall clock was set %s by %" PRId64 " ms", step > 0 ? "forward" : "back",
              (step > 0 ? step : -step) / 1000);
    w->offset_us = now;
    atomic_fetch_add(&w->steps, 1);
}

static void *watch_main(void *arg)
{
    struct aud_watch *w = arg;
    struct timespec until;

    pthread_mutex_lock(&w->mu);
    while (!w->stop) {
        pthread_mutex_unlock(&w->mu);
        look_at_disk(w);
        look_at_clock(w);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PERIOD_MS / 1000;
        pthread_mutex_lock(&w->mu);
        while (!w->stop && pthread_cond_timedwait(&w->cv, &w->mu, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&w->mu);
    return NULL;
}

enum base_status aud_watch_new(struct aud_log *l, const struct aud_options *o,
                               struct aud_watch **out, struct base_err *err)
{
    struct aud_watch *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;

    *out = NULL;
    if (!w)
        return base_err_set(err, BASE_ENOMEM, "no memory to watch the log's disk");
    w->log = l;
    snprintf(w->dir, sizeof(w->dir), "%s", o->directory);
    w->at[AUD_DISK_WARN] = o->disk_warn_bytes;
    w->at[AUD_DISK_NO_CONTENT] = o->disk_content_bytes;
    w->at[AUD_DISK_FULL] = o->disk_refuse_bytes;
    w->offset_us = clock_offset_us();
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mu, NULL);
    pthread_cond_init(&w->cv, &attr);
    pthread_condattr_destroy(&attr);
    look_at_disk(w); /* the stage is known before the first request */
    errno = pthread_create(&w->thread, NULL, watch_main, w);
    if (errno != 0) {
        enum base_status st = base_err_sys(err, "the log's watch thread");

        pthread_cond_destroy(&w->cv);
        pthread_mutex_destroy(&w->mu);
        free(w);
        return st;
    }
    *out = w;
    return BASE_OK;
}

void aud_watch_free(struct aud_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mu);
    w->stop = true;
    pthread_cond_signal(&w->cv);
    pthread_mutex_unlock(&w->mu);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->cv);
    pthread_mutex_destroy(&w->mu);
    free(w);
}

enum aud_disk aud_watch_disk(const struct aud_watch *w)
{
    return w ? (enum aud_disk)atomic_load_explicit(&w->disk, memory_order_relaxed) : AUD_DISK_OK;
}

void aud_watch_stats(const struct aud_watch *w, struct aud_stats *out)
{
    out->disk = aud_watch_disk(w);
    out->disk_free_bytes = w ? atomic_load(&w->free_bytes) : 0;
    out->clock_steps = w ? atomic_load(&w->steps) : 0;
}
