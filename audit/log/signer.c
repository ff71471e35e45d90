/* signer.c - the thread of an open log that does what may be slow.
 *
 * At most checkpoint_ms after a record became durable it signs the newest durable snapshot: state
 * synced first, then tiles, then checkpoint published; never a size that a crash could take back.
 * It makes the next segment ahead, rebuilds tile/ in pieces, makes the next period ahead, signs a
 * period that the writer has ended and moves its files (rotate.h), and drops periods past the
 * number to keep (retain.c).
 *
 * Owns the tiler and the signing key of the period it signs. Reads the writer's core only for what
 * does not change between two turns. Any error fails the log (log.c).
 */
#include "audit/log/log_thread.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TILE_BUDGET    8192u
#define CLOSE_TILES_MS 5000u
#define SPARE_AGAIN_US 2000000u

static enum base_status sign(struct aud_log *l, struct aud_state s, struct base_err *err)
{
    bool near = s.size - aud_tiler_size(l->tiler) <= TILE_BUDGET;
    enum base_status st;

    st = aud_state_save(l->core.dir, &l->sign_key, &s, err);
    if (st == BASE_OK && near) { /* else a rebuild is going on: the checkpoint does not wait */
        st = aud_tiler_step(l->tiler, s.size, UINT64_MAX, err);
        if (st == BASE_OK)
            st = aud_tiler_flush(l->tiler, err);
    }
    if (st == BASE_OK)
        st = aud_checkpoint_save(l->core.dir, &l->sign_key, &s, err);
    if (st != BASE_OK)
        return st;
    pthread_mutex_lock(&l->mu);
    l->signed_state = s;
    l->stats.checkpoints++;
    pthread_mutex_unlock(&l->mu);
    return BASE_OK;
}

/* A piece of a rebuild of tile/; true when there is more to do. */
static bool rebuild(struct aud_log *l, uint64_t size, enum base_status *st, struct base_err *err)
{
    if (aud_tiler_size(l->tiler) >= size)
        return false;
    *st = aud_tiler_step(l->tiler, size, TILE_BUDGET, err);
    if (*st == BASE_AGAIN) {
        *st = BASE_OK;
        return true;
    }
    if (*st == BASE_OK)
        *st = aud_tiler_flush(l->tiler, err);
    return false;
}

/* Sleeps until there may be something to do; due_us is when the next signature is, or 0. */
static void signer_wait(struct aud_log *l, uint64_t due_us)
{
    struct timespec ts;
    uint64_t now = base_mono_us();
    uint64_t us = due_us == 0 ? 60000000 : due_us > now ? due_us - now : 0;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    uint64_t ns = (uint64_t)ts.tv_nsec + us % 1000000 * 1000;
    ts.tv_sec += (time_t)(us / 1000000 + ns / 1000000000);
    ts.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&l->cv, &l->mu, &ts);
}

/* The end of an orderly close: everything signed, nothing follows. */
static enum base_status sign_last(struct aud_log *l, struct aud_state s, struct base_err *err)
{
    uint64_t until = base_mono_us() + CLOSE_TILES_MS * 1000ull;
    enum base_status st = BASE_OK;

    while (st == BASE_OK && base_mono_us() < until && rebuild(l, s.size, &st, err))
        ;
    if (st == BASE_OK && unlinkat(l->core.wal.dir_fd, AUD_WAL_SPARE, 0) != 0 && errno != ENOENT)
        st = base_err_sys(err, "unlink wal/" AUD_WAL_SPARE);
    if (st == BASE_OK)
        st = sign(l, s, err);
    if (st == BASE_OK)
        st = aud_tiles_sync(l->core.dir, err);
    s.clean = true; /* last of all: a clean state promises that the checkpoint is its equal */
    if (st == BASE_OK)
        st = aud_state_save(l->core.dir, &l->sign_key, &s, err);
    return st;
}

/* Signs the period that has ended to its end and puts everything in its place. */
static enum base_status finish_turn(struct aud_log *l, struct base_err *err)
{
    const char *dir = l->core.dir;
    enum base_status st = aud_next_sign_old(dir, &l->closing, l->tiler, err);

    if (st == BASE_OK)
        st = aud_next_move(dir, l->closing.period, err);
    aud_tiler_free(l->tiler);
    l->tiler = aud_tiler_new(dir);
    if (st == BASE_OK && !l->tiler)
        st = base_err_set(err, BASE_ENOMEM, "no memory for tiles");
    if (st != BASE_OK)
        return st;
    base_info("audit", "period %llu ended with %llu records, %s goes on",
              (unsigned long long)l->closing.period, (unsigned long long)l->closing.state.size,
              l->core.conf.origin);
    aud_skey_wipe(&l->closing.key);
    l->sign_key = l->core.key;
    pthread_mutex_lock(&l->mu);
    l->signed_before = l->durable_before;
    l->signed_state = (struct aud_state){.size = 0};
    l->closing_on = false;
    l->turns++;
    pthread_mutex_unlock(&l->mu);
    return BASE_OK;
}

/* Makes the next period when this one is full. */
static enum base_status prepare_turn(struct aud_log *l, struct base_err *err)
{
    enum base_status st = aud_next_prepare(&l->core, &l->next, err);

    if (st == BASE_OK) {
        atomic_store(&l->next_ready, true);
        base_ring_ring(l->ring);
    }
    return st;
}

/* Under the lock: is it time for another period? */
static bool turn_due(const struct aud_log *l)
{
    const struct aud_turn_rules *r = &l->rules;
    char now[BASE_RFC3339_MAX], then[BASE_RFC3339_MAX];

    if (atomic_load(&l->next_ready) || l->closing_on || l->durable.size == 0)
        return false;
    if ((r->records && l->durable.size >= r->records) || (r->bytes && l->period_bytes >= r->bytes))
        return true;
    if (!r->month)
        return false;
    base_rfc3339(base_wall_us(), now);
    base_rfc3339((int64_t)l->core.conf.created_us, then);
    return strncmp(now, then, 7) > 0; /* a clock that steps back begins no period */
}

/* ---- */

/* What there is to do now; filled under the lock. */
struct work {
    struct aud_state durable;
    uint64_t spare;
    bool due, done, closing, turn, more, retain;
};

/* The next segment, ahead. A disk without room for it is no failure yet: half a segment is left,
 * the watch refuses new requests (AUD_DISK_FULL), and this is tried again. */
static enum base_status make_spare(struct aud_log *l, uint64_t bytes, struct base_err *err)
{
    pthread_mutex_lock(&l->spare_mu);
    enum base_status st = aud_wal_spare(l->core.wal.dir_fd, bytes, err);
    pthread_mutex_unlock(&l->spare_mu);
    bool full = st != BASE_OK && (err->sys == ENOSPC || err->sys == EDQUOT);

    if (full && !atomic_exchange(&l->no_room, true))
        base_error("audit", "%s: %s", l->core.dir, err->text);
    if (!full) {
        atomic_store(&l->no_room, false);
        return st;
    }
    pthread_mutex_lock(&l->mu);
    if (!l->spare_bytes)
        l->spare_bytes = bytes;
    l->spare_at_us = base_mono_us() + SPARE_AGAIN_US;
    pthread_mutex_unlock(&l->mu);
    return BASE_OK;
}

/* One round of the signer, without the lock. True: come back at once. */
static bool signer_round(struct aud_log *l, const struct work *w)
{
    struct base_err err;
    enum base_status st = BASE_OK;
    bool more = false;

    if (w->closing)
        st = finish_turn(l, &err);
    if (st == BASE_OK && w->spare && !w->done && !atomic_load(&l->next_ready))
        st = make_spare(l, w->spare, &err);
    if (st == BASE_OK && w->done)
        st = sign_last(l, w->durable, &err);
    else if (st == BASE_OK && w->due)
        st = sign(l, w->durable, &err);
    if (st == BASE_OK && !w->done)
        more = rebuild(l, l->signed_state.size, &st, &err);
    if (st == BASE_OK && !w->done)
        st = aud_retain_step(l, &err);
    if (st == BASE_OK && w->turn)
        st = prepare_turn(l, &err);
    if (st != BASE_OK)
        aud_log_fail(l, "checkpoint", &err);
    return more;
}

static bool work_find(struct aud_log *l, uint64_t *due_us, bool more, struct work *w)
{
    bool waiting = l->durable.size != l->signed_state.size || l->closing_on;

    if (waiting && *due_us == 0)
        *due_us = base_mono_us() + l->checkpoint_ms * 1000ull;
    *w = (struct work){.durable = l->durable,
                       .spare = base_mono_us() >= l->spare_at_us ? l->spare_bytes : 0,
                       .due = waiting && base_mono_us() >= *due_us,
                       .done = l->writer_done,
                       .closing = l->closing_on,
                       .more = more};
    w->turn = !w->done && turn_due(l);
    w->retain = !w->done && aud_retain_due(l);
    return w->due || w->done || w->closing || w->turn || w->more || w->spare || w->retain;
}

/* Of two times, 0 meaning never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

void *aud_signer_main(void *arg)
{
    struct aud_log *l = arg;
    uint64_t due_us = 0; /* when what is durable must be signed; 0: nothing waits */
    bool more = true;
    struct work w;

    pthread_mutex_lock(&l->mu);
    for (;;) {
        bool some = work_find(l, &due_us, more, &w);

        if (l->stats.broken && w.done)
            break;
        if (l->stats.broken || !some) {
            uint64_t spare_us = l->spare_bytes ? l->spare_at_us : 0;
            signer_wait(
                l, l->stats.broken ? 0 : earlier(spare_us, earlier(due_us, l->dropping.again_us)));
            continue;
        }
        if (w.spare)
            l->spare_bytes = l->spare_at_us = 0;
        pthread_mutex_unlock(&l->mu);
        more = signer_round(l, &w);
        if (w.due)
            due_us = 0;
        pthread_mutex_lock(&l->mu);
        if (w.done)
            break;
    }
    pthread_mutex_unlock(&l->mu);
    return NULL;
}
