/* log.c - an open log: the ring, the writer thread, opening and closing. signer.c is the other
 * thread.
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
 * the writer passes it on to that in the same order, the failed batch first (spool.c). Only an
 * error in the moment between two periods finds no spool: what it would continue is not settled.
 */
#include "audit/log/log_thread.h"

#include "audit/log/leaf.h"
#include "audit/log/recover.h"
#include "audit/log/remote.h"
#include "audit/log/spool.h"
#include "audit/log/watch.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_LEAVES_DEFAULT   4096u
#define CHECKPOINT_MS_DEFAULT 1000u

void aud_log_fail(struct aud_log *l, const char *where, const struct base_err *why)
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
    struct aud_node *n = malloc(sizeof(*n) + leaf.n);
    if (!n)
        return BASE_LIMIT;
    n->done = done;
    n->ctx = ctx;
    n->n = (uint32_t)leaf.n;
    n->own = false;
    memcpy(n->bytes, leaf.p, leaf.n);
    n->kind = base_str_is(checked.ev, "req.intent")    ? AUD_NODE_INTENT
              : base_str_is(checked.ev, "req.outcome") ? AUD_NODE_OUTCOME
                                                       : AUD_NODE_OTHER;
    n->req = base_str_n(n->bytes + (checked.req.p - leaf.p), checked.req.n);
    n->tenant = base_str_n(n->bytes + (checked.tenant.p - leaf.p), checked.tenant.n);
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
    out->size_durable = l->durable_before + l->durable.size;
    out->size_signed = l->signed_before + l->signed_state.size;
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
static void turn_away(struct aud_log *l, struct aud_node *n)
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
        struct aud_node *n = l->batch[i];

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
    l->period_bytes += bytes;
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
    uint64_t first = l->core.before + l->core.wal.pos.tree.n, bytes = l->core.wal.buf.n;
    enum base_status st = atomic_load(&l->failed) ? BASE_EIO : BASE_OK;

    if (st == BASE_OK && aud_wal_commit(&l->core.wal, &err) != BASE_OK) {
        aud_log_fail(l, "commit", &err);
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
        aud_log_fail(l, "next segment", &err);
    return st;
}

/* Which requests are open, as far as this record changes it. A table that is full forgets: the
 * verifier then says so at the outcome. */
static void follow(struct aud_log *l, const struct aud_node *n)
{
    uint64_t index = l->core.before + l->core.wal.buf_tree.n - 1;

    if (n->kind == AUD_NODE_OUTCOME)
        aud_intents_remove(&l->open, n->req);
    else if (n->kind == AUD_NODE_INTENT && !aud_intents_find(&l->open, n->req) &&
             aud_intents_add(&l->open, n->req, n->tenant, index, 0) != BASE_OK)
        base_warn("audit", "too many open requests to follow");
}

/* Takes over n: into the batch, or tells it that the log has failed. */
static void take(struct aud_log *l, struct aud_node *n)
{
    struct base_str leaf = base_str_n(n->bytes, n->n);

    while (!atomic_load(&l->failed)) {
        if (aud_wal_leaf(&l->core.wal, leaf) == BASE_OK) {
            l->batch[l->n_batch++] = n;
            follow(l, n);
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
static void take_own(struct aud_log *l, struct base_str leaf)
{
    struct aud_node *n = malloc(sizeof(*n) + leaf.n);

    if (!n) {
        aud_log_fail(l, "no memory for a record of the log",
                     &(struct base_err){.code = BASE_ENOMEM});
        return;
    }
    *n = (struct aud_node){.n = (uint32_t)leaf.n, .own = true};
    memcpy(n->bytes, leaf.p, leaf.n);
    take(l, n);
}

static void take_close(struct aud_log *l)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "log.close");
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    if (base_buf_ok(&b))
        take_own(l, base_buf_view(&b));
    base_buf_release(&b);
}

/* The next period was made ahead: ends this one and goes on there. */
static void turn(struct aud_log *l)
{
    struct base_buf b;
    struct base_err err;
    uint64_t t0 = base_mono_us();
    enum base_status st = BASE_ENOMEM;

    if (l->n_batch > 0)
        batch_commit(l);
    if (atomic_load(&l->failed)) { /* before anything of the change was written */
        atomic_store(&l->next_ready, false);
        return;
    }
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    if (aud_leaf_end(&b, l->next.conf.origin))
        take_own(l, base_buf_view(&b));
    base_buf_release(&b);
    batch_commit(l);
    if (!atomic_load(&l->failed)) {
        pthread_mutex_lock(&l->spare_mu);
        st = aud_next_begin(&l->core, &l->next, &l->open, &l->closing, &err);
        pthread_mutex_unlock(&l->spare_mu);
        if (st != BASE_OK)
            aud_log_fail(l, "next period", &err);
    }
    if (st != BASE_OK)
        atomic_store(&l->refusing, true);
    pthread_mutex_lock(&l->mu);
    atomic_store(&l->next_ready, false);
    if (st == BASE_OK) {
        aud_core_snapshot(&l->core, &l->durable);
        l->durable_before = l->core.before;
        l->stats.leaves += l->durable.size;
        l->stats.period = l->core.period;
        l->stats.turn_us_last = base_mono_us() - t0;
        l->period_bytes = 0;
        l->spare_for = UINT64_MAX;
        l->closing_on = true;
    }
    pthread_cond_signal(&l->cv);
    pthread_mutex_unlock(&l->mu);
}

static void *writer_main(void *arg)
{
    struct aud_log *l = arg;

    for (;;) {
        bool stop = atomic_load(&l->stop); /* read before the ring: nothing comes after it */

        /* a change needs a signature here: while nobody gives one this period goes on */
        if (atomic_load(&l->next_ready) && !atomic_load(&l->failed) &&
            (!l->core.remote || aud_remote_up(l->core.remote)))
            turn(l);
        struct aud_node *n = base_ring_pop(l->ring);

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
        take_close(l);
        batch_commit(l);
    }
    pthread_mutex_lock(&l->mu);
    l->writer_done = true;
    pthread_cond_signal(&l->cv);
    pthread_mutex_unlock(&l->mu);
    return NULL;
}

/* ---- opening and closing ---- */

/* About how much of the present period is there already. */
static enum base_status period_bytes(struct aud_log *l, struct base_err *err)
{
    uint64_t *list;
    size_t n;
    enum base_status st = aud_segments_list(l->core.dir, &list, &n, err);

    if (st != BASE_OK)
        return st;
    free(list);
    l->period_bytes = (n - 1) * l->core.wal.current_bytes + l->core.wal.pos.end;
    return BASE_OK;
}

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
    l->sign_key = l->core.key;
    l->durable_before = l->signed_before = l->core.before;
    l->stats.period = l->core.period;
    aud_intents_init(&l->open);
    enum base_status st = period_bytes(l, err);
    if (st != BASE_OK)
        return st;
    l->spare_for = UINT64_MAX;
    aud_core_snapshot(&l->core, &l->durable);
    errno = pthread_create(&l->writer, NULL, writer_main, l);
    l->writer_on = errno == 0;
    if (l->writer_on) {
        errno = pthread_create(&l->signer, NULL, aud_signer_main, l);
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
    aud_next_release(&l->next);
    aud_skey_wipe(&l->closing.key);
    aud_skey_wipe(&l->sign_key);
    aud_intents_release(&l->open);
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
    l->rules = (struct aud_turn_rules){.month = o->period_month,
                                       .bytes = o->period_bytes,
                                       .records = o->period_records,
                                       .keep = o->keep_periods};
    atomic_store(&l->dropping.days, o->record_days);
    l->next.wal.fd = l->next.wal.dir_fd = -1;
    l->checkpoint_ms = o->checkpoint_ms ? o->checkpoint_ms : CHECKPOINT_MS_DEFAULT;
    l->ring = base_ring_new(o->ring_leaves ? o->ring_leaves : RING_LEAVES_DEFAULT);
    st = start(l, err);
    if (st == BASE_OK && o->watch)
        st = aud_watch_new(l, o, &l->watch, err);
    if (st != BASE_OK) {
        end(l);
        return st;
    }
    if (o->remote)
        aud_remote_patience(o->remote, UINT32_MAX); /* from now on a checkpoint may be late */
    *out = l;
    return BASE_OK;
}

enum base_status aud_log_close(struct aud_log *l, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (!l)
        return BASE_OK;
    if (l->core.remote)
        aud_remote_patience(l->core.remote, 3000);
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
