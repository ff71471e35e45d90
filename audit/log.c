/* log.c - an open log: the ring, the writer thread, the signer thread.
 *
 *   loops --ring--> writer: batch, one write, one fdatasync, callbacks --snapshot--> signer
 *
 * The writer alone touches the write-ahead log and the tree. It takes everything that waits, makes
 * it durable at once and goes on; the previous fdatasync is the batching window. The signer does
 * what may be slow: at most checkpoint_ms after a record became durable it signs the newest durable
 * snapshot (state synced first, then tiles, then checkpoint published: never a size that a crash
 * could take back), and it makes the next segment ahead of time.
 *
 * Invariants: a leaf's callback runs once, on the writer, after its batch is durable or the log has
 * failed; size_signed <= size_durable; state is on disk before the checkpoint that shows it.
 * The first error from write, fdatasync or rename on either thread fails the log for good: nothing
 * is written or signed after it. Only a new open, which reads what is really on disk, can tell what
 * survived. What waits and what is submitted later is told BASE_EIO; or, where there is a spool,
 * the writer passes it on to that in the same order, the failed batch first (spool.c).
 */
#include "audit/log_int.h"

#include "audit/leaf.h"
#include "audit/spool.h"
#include "audit/watch.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RING_LEAVES_DEFAULT   4096u
#define CHECKPOINT_MS_DEFAULT 1000u
#define TILE_BUDGET           8192u
#define CLOSE_TILES_MS        5000u

struct node {
    aud_done_fn done;
    void *ctx;
    uint32_t n;
    bool own; /* the log's, about itself */
    char bytes[];
};

struct aud_log {
    struct aud_core core; /* the writer's, after the threads started; dir, key, conf are constant */
    uint32_t leaf_max;
    uint32_t checkpoint_ms;
    struct base_ring *ring;
    pthread_t writer, signer;
    bool writer_on, signer_on;
    _Atomic bool stop;       /* to the writer: drain and end */
    _Atomic bool failed;     /* this log, for good */
    _Atomic bool refusing;   /* failed, and no spool takes over */
    struct aud_spool *spool; /* the writer's; NULL: none */
    struct aud_watch *watch;

    pthread_mutex_t mu; /* everything below */
    pthread_cond_t cv;  /* to the signer: durable moved, or writer_done */
    struct aud_state durable, signed_state;
    bool writer_done;
    uint64_t spare_bytes; /* not 0: the signer shall make a segment of this size ahead */
    uint64_t spare_for;   /* the segment whose successor was asked for last */
    struct aud_stats stats;

    pthread_mutex_t spare_mu; /* wal/spare: the signer makes it, the writer takes it */
    struct aud_tiler *tiler;  /* the signer's */

    struct node *batch[AUD_BATCH_LEAVES]; /* the writer's */
    size_t n_batch;
};

static void fail(struct aud_log *l, const char *where, const struct base_err *why)
{
    pthread_mutex_lock(&l->mu);
    if (!l->stats.broken) {
        l->stats.broken = true;
        snprintf(l->stats.failure, sizeof(l->stats.failure), "%s: %.200s", where, why->text);
        base_error("audit", "the log has failed, nothing more is %s: %s",
                   l->spool ? "written to it" : "recorded", l->stats.failure);
    }
    atomic_store(&l->failed, true);
    if (!l->spool)
        atomic_store(&l->refusing, true);
    pthread_cond_signal(&l->cv);
    pthread_mutex_unlock(&l->mu);
}

/* ---- any thread ---- */

enum base_status aud_log_submit(struct aud_log *l, struct base_str leaf, aud_done_fn done,
                                void *ctx)
{
    struct aud_leaf checked;

    if (atomic_load_explicit(&l->refusing, memory_order_relaxed))
        return BASE_EIO;
    if (leaf.n > l->leaf_max || !aud_leaf_parse(leaf, &checked))
        return BASE_EINVAL;
    struct node *n = malloc(sizeof(*n) + leaf.n);
    if (!n)
        return BASE_LIMIT;
    n->done = done;
    n->ctx = ctx;
    n->n = (uint32_t)leaf.n;
    n->own = false;
    memcpy(n->bytes, leaf.p, leaf.n);
    if (!base_ring_push(l->ring, n)) {
        free(n);
        return BASE_LIMIT;
    }
    base_ring_ring(l->ring);
    return BASE_OK;
}

void aud_log_stats(struct aud_log *l, struct aud_stats *out)
{
    pthread_mutex_lock(&l->mu);
    *out = l->stats;
    out->size_durable = l->durable.size;
    out->size_signed = l->signed_state.size;
    pthread_mutex_unlock(&l->mu);
    out->failed = atomic_load(&l->refusing);
    out->ring_used = base_ring_used(l->ring);
    out->ring_max = base_ring_capacity(l->ring);
    out->spooled = l->spool ? aud_spool_taken(l->spool) : 0;
    aud_watch_stats(l->watch, out);
}

enum aud_disk aud_log_disk(const struct aud_log *l)
{
    return aud_watch_disk(l->watch);
}

/* ---- the writer thread ---- */

/* The log has failed: n goes to the spool, or is told. */
static void turn_away(struct aud_log *l, struct node *n)
{
    enum base_status st = BASE_EIO;

    if (l->spool && !n->own) {
        char why[sizeof(l->stats.failure)];

        pthread_mutex_lock(&l->mu);
        memcpy(why, l->stats.failure, sizeof(why));
        pthread_mutex_unlock(&l->mu);
        st = aud_spool_take(l->spool, &l->core, why, base_str_n(n->bytes, n->n), n->done, n->ctx);
        if (st != BASE_OK)
            atomic_store(&l->refusing, true);
    }
    if (st != BASE_OK && n->done)
        n->done(n->ctx, BASE_EIO, UINT64_MAX);
    free(n);
}

static void batch_tell(struct aud_log *l, enum base_status st, uint64_t first)
{
    for (size_t i = 0; i < l->n_batch; i++) {
        struct node *n = l->batch[i];

        if (st != BASE_OK) {
            turn_away(l, n);
            continue;
        }
        if (n->done)
            n->done(n->ctx, st, first + i);
        free(n);
    }
    l->n_batch = 0;
}

/* After a commit: shows the new durable end to the signer and to aud_log_stats. */
static void publish(struct aud_log *l, uint64_t leaves, uint64_t bytes)
{
    const struct aud_wal *w = &l->core.wal;
    struct aud_state snap;

    aud_core_snapshot(&l->core, &snap);
    pthread_mutex_lock(&l->mu);
    bool idle = l->durable.size == l->signed_state.size;
    l->durable = snap;
    l->stats.leaves += leaves;
    l->stats.bytes += bytes;
    l->stats.commits++;
    l->stats.syncs = w->syncs;
    l->stats.sync_us_last = w->sync_us_last;
    l->stats.sync_us_max = w->sync_us_max;
    bool ahead = w->pos.segment != l->spare_for && w->pos.end > w->current_bytes / 2;
    if (ahead) { /* once for each segment */
        l->spare_for = w->pos.segment;
        l->spare_bytes = w->segment_bytes;
    }
    if (idle || ahead)
        pthread_cond_signal(&l->cv);
    pthread_mutex_unlock(&l->mu);
}

static void batch_commit(struct aud_log *l)
{
    struct base_err err;
    uint64_t first = l->core.wal.pos.tree.n, bytes = l->core.wal.buf.n;
    enum base_status st = atomic_load(&l->failed) ? BASE_EIO : BASE_OK;

    if (st == BASE_OK && aud_wal_commit(&l->core.wal, &err) != BASE_OK) {
        fail(l, "commit", &err);
        st = BASE_EIO;
    }
    if (st == BASE_OK)
        publish(l, l->n_batch, bytes);
    batch_tell(l, st, first);
}

static enum base_status rotate(struct aud_log *l)
{
    struct base_err err;

    pthread_mutex_lock(&l->spare_mu);
    enum base_status st = aud_wal_rotate(&l->core.wal, &err);
    pthread_mutex_unlock(&l->spare_mu);
    if (st != BASE_OK)
        fail(l, "next segment", &err);
    return st;
}

/* Takes over n: into the batch, or tells it that the log has failed. */
static void take(struct aud_log *l, struct node *n)
{
    struct base_str leaf = base_str_n(n->bytes, n->n);

    while (!atomic_load(&l->failed)) {
        if (aud_wal_leaf(&l->core.wal, leaf) == BASE_OK) {
            l->batch[l->n_batch++] = n;
            return;
        }
        if (l->n_batch > 0)
            batch_commit(l);
        else if (rotate(l) != BASE_OK)
            break;
    }
    if (l->n_batch > 0)
        batch_commit(l); /* tells them, before n: the order holds */
    turn_away(l, n);
}

/* A leaf of our own on the writer, behind whatever is in the batch. */
static void take_own(struct aud_log *l, const char *ev)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "ev", ev);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    struct node *n = base_buf_ok(&b) ? malloc(sizeof(*n) + b.n) : NULL;
    if (n) {
        *n = (struct node){.n = (uint32_t)b.n, .own = true};
        memcpy(n->bytes, b.p, b.n);
        take(l, n);
    }
    base_buf_release(&b);
}

static void *writer_main(void *arg)
{
    struct aud_log *l = arg;

    for (;;) {
        bool stop = atomic_load(&l->stop); /* read before the ring: nothing comes after it */
        struct node *n = base_ring_pop(l->ring);

        if (n) {
            take(l, n);
        } else if (l->n_batch > 0) {
            batch_commit(l);
        } else if (stop) {
            break;
        } else {
            base_ring_wait(l->ring, 1000);
        }
    }
    if (!atomic_load(&l->failed)) {
        take_own(l, "log.close");
        batch_commit(l);
    }
    pthread_mutex_lock(&l->mu);
    l->writer_done = true;
    pthread_cond_signal(&l->cv);
    pthread_mutex_unlock(&l->mu);
    return NULL;
}

/* ---- the signer thread ---- */

static enum base_status sign(struct aud_log *l, struct aud_state s, struct base_err *err)
{
    bool near = s.size - aud_tiler_size(l->tiler) <= TILE_BUDGET;
    enum base_status st;

    st = aud_state_save(l->core.dir, &l->core.key, &s, err);
    if (st == BASE_OK && near) { /* else a rebuild is going on: the checkpoint does not wait */
        st = aud_tiler_step(l->tiler, s.size, UINT64_MAX, err);
        if (st == BASE_OK)
            st = aud_tiler_flush(l->tiler, err);
    }
    if (st == BASE_OK)
        st = aud_checkpoint_save(l->core.dir, &l->core.key, &s, err);
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
    s.clean = true; /* last of all: a clean state promises that the checkpoint is its equal */
    if (st == BASE_OK)
        st = aud_state_save(l->core.dir, &l->core.key, &s, err);
    return st;
}

/* One round of the signer, without the lock. True: come back at once. */
static bool signer_round(struct aud_log *l, struct aud_state durable, bool due, bool done,
                         uint64_t spare)
{
    struct base_err err;
    enum base_status st = BASE_OK;
    bool more = false;

    if (spare && !done) {
        pthread_mutex_lock(&l->spare_mu);
        st = aud_wal_spare(l->core.wal.dir_fd, spare, &err);
        pthread_mutex_unlock(&l->spare_mu);
    }
    if (st == BASE_OK && done)
        st = sign_last(l, durable, &err);
    else if (st == BASE_OK && due)
        st = sign(l, durable, &err);
    if (st == BASE_OK && !done)
        more = rebuild(l, l->signed_state.size, &st, &err);
    if (st != BASE_OK)
        fail(l, "checkpoint", &err);
    return more;
}

static void *signer_main(void *arg)
{
    struct aud_log *l = arg;
    uint64_t due_us = 0; /* when what is durable must be signed; 0: nothing waits */
    bool more = true;

    pthread_mutex_lock(&l->mu);
    for (;;) {
        bool waiting = l->durable.size != l->signed_state.size;

        if (waiting && due_us == 0)
            due_us = base_mono_us() + l->checkpoint_ms * 1000ull;
        bool done = l->writer_done, due = waiting && base_mono_us() >= due_us;
        if (l->stats.broken && done)
            break;
        if (l->stats.broken || !(done || due || more || l->spare_bytes)) {
            signer_wait(l, l->stats.broken ? 0 : due_us);
            continue;
        }
        struct aud_state durable = l->durable;
        uint64_t spare = l->spare_bytes;
        l->spare_bytes = 0;
        pthread_mutex_unlock(&l->mu);
        more = signer_round(l, durable, due, done, spare);
        if (due)
            due_us = 0;
        pthread_mutex_lock(&l->mu);
        if (done)
            break;
    }
    pthread_mutex_unlock(&l->mu);
    return NULL;
}

/* ---- opening and closing ---- */

static enum base_status start(struct aud_log *l, struct base_err *err)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->mu, NULL);
    pthread_mutex_init(&l->spare_mu, NULL);
    pthread_cond_init(&l->cv, &attr);
    pthread_condattr_destroy(&attr);
    l->tiler = aud_tiler_new(l->core.dir);
    if (!l->ring || !l->tiler)
        return base_err_set(err, BASE_ENOMEM, "no memory for the log's queue");
    const struct aud_state *s = &l->core.signed_state;
    if (l->core.recovery.was_clean && aud_tiler_resume(l->tiler, s->size, &s->root))
        base_debug("audit", "tiles go on at %llu", (unsigned long long)s->size);
    l->signed_state = *s;
    l->spare_for = UINT64_MAX;
    aud_core_snapshot(&l->core, &l->durable);
    errno = pthread_create(&l->writer, NULL, writer_main, l);
    l->writer_on = errno == 0;
    if (l->writer_on) {
        errno = pthread_create(&l->signer, NULL, signer_main, l);
        l->signer_on = errno == 0;
    }
    if (!l->signer_on)
        return base_err_sys(err, "the log's threads");
    return BASE_OK;
}

static void end(struct aud_log *l)
{
    aud_watch_free(l->watch);
    atomic_store(&l->stop, true);
    if (l->writer_on) {
        base_ring_ring(l->ring);
        pthread_join(l->writer, NULL);
    }
    if (l->signer_on)
        pthread_join(l->signer, NULL);
    aud_spool_free(l->spool);
    aud_tiler_free(l->tiler);
    base_ring_free(l->ring);
    pthread_cond_destroy(&l->cv);
    pthread_mutex_destroy(&l->spare_mu);
    pthread_mutex_destroy(&l->mu);
    aud_core_release(&l->core);
    free(l);
}

enum base_status aud_log_open(const struct aud_options *o, struct aud_log **out,
                              struct base_err *err)
{
    struct aud_log *l = calloc(1, sizeof(*l));
    enum base_status st;

    *out = NULL;
    if (!l)
        return base_err_set(err, BASE_ENOMEM, "no memory for the log");
    l->core.lock_fd = l->core.wal.fd = l->core.wal.dir_fd = -1;
    st = o->spool ? aud_spool_new(o, &l->spool, err) : BASE_OK;
    if (st == BASE_OK)
        st = aud_core_open(&l->core, o, l->spool ? aud_spool_vkey(l->spool) : NULL, err);
    if (st != BASE_OK) {
        aud_spool_free(l->spool);
        aud_core_release(&l->core);
        free(l);
        return st;
    }
    const struct aud_recovery *r = &l->core.recovery;
    if (!r->created && !r->was_clean)
        base_warn("audit",
                  "the log was not closed in order: %llu uncommitted bytes cut, %llu requests with "
                  "unknown outcome",
                  (unsigned long long)r->cut_bytes, (unsigned long long)r->unknown);
    /* what fits the smallest segment with a full header, a COMMIT and a SEAL */
    uint64_t room = l->core.wal.segment_bytes - AUD_HEADER_MAX -
                    (3 * AUD_FRAME_BYTES + AUD_COMMIT_BYTES + AUD_SEAL_BYTES);
    l->leaf_max = room < AUD_LEAF_BYTES_MAX ? (uint32_t)room : AUD_LEAF_BYTES_MAX;
    l->checkpoint_ms = o->checkpoint_ms ? o->checkpoint_ms : CHECKPOINT_MS_DEFAULT;
    l->ring = base_ring_new(o->ring_leaves ? o->ring_leaves : RING_LEAVES_DEFAULT);
    st = start(l, err);
    if (st == BASE_OK && o->watch)
        st = aud_watch_new(l, o, &l->watch, err);
    if (st != BASE_OK) {
        end(l);
        return st;
    }
    *out = l;
    return BASE_OK;
}

enum base_status aud_log_close(struct aud_log *l, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (!l)
        return BASE_OK;
    aud_watch_free(l->watch); /* before the writer's last leaf */
    l->watch = NULL;
    atomic_store(&l->stop, true);
    base_ring_ring(l->ring);
    pthread_join(l->writer, NULL);
    pthread_join(l->signer, NULL);
    l->writer_on = l->signer_on = false;
    if (l->stats.broken)
        st = base_err_set(err, BASE_EIO, "the log has failed: %s", l->stats.failure);
    end(l);
    return st;
}
