/* keeper.c - the keeper's thread: what waits, is encrypted, made durable, recorded, told.
 *
 *   loops --ring--> keeper: keys, encryption, one sync a batch --leaf req.content--> log -->
 * callback
 *
 * Owns       the queue and the thread; orders run on it as calls, so keys and content have one
 * user. Invariants content is durable before its leaf is submitted, and the callback comes after
 * the leaf is durable: a leaf never names a blob that is not there. What waits is bounded in items
 * and bytes. Plaintext in the queue is wiped when it has been encrypted. Fails by   BASE_EIO to
 * everybody from the first failed write on; the log is not touched by that.
 */
#include "audit/content/keeper_int.h"

#include "audit/content/rights_seal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_ITEMS  4096u
#define BATCH_ITEMS  256u
#define BATCH_BYTES  (16u << 20)
#define LEAF_FULL_MS 4000u

enum item_kind { ITEM_KEEP, ITEM_CALL };

struct item {
    enum item_kind kind;
    struct aud_call *call;
    struct aud_keep keep; /* strings point into bytes */
    aud_kept_fn fn;
    void *ctx;
    size_t n_bytes;
    struct aud_blob blob[AUD_KEEP_BLOBS_MAX];
    enum base_status st;
    char tag[AUD_TAG_HEX];
    uint8_t bytes[];
};

void aud_keeper_fail(struct aud_keeper *k, const char *where, const struct base_err *why)
{
    pthread_mutex_lock(&k->mu);
    if (!k->stats.failed) {
        k->stats.failed = true;
        snprintf(k->stats.failure, sizeof(k->stats.failure), "%s: %.200s", where, why->text);
        base_error("audit", "content and keys are not kept any more: %s", k->stats.failure);
    }
    pthread_mutex_unlock(&k->mu);
    atomic_store(&k->failed, true);
}

void aud_keeper_stats(struct aud_keeper *k, struct aud_keeper_stats *out)
{
    pthread_mutex_lock(&k->mu);
    *out = k->stats;
    pthread_mutex_unlock(&k->mu);
    out->waiting_bytes = atomic_load(&k->waiting_bytes);
}

/* ---- keeping ---- */

static struct base_str take(uint8_t **at, struct base_str s)
{
    uint8_t *p = *at;

    memcpy(p, s.p ? s.p : "", s.n);
    *at += s.n;
    return base_str_n(p, s.n);
}

static void item_free(struct aud_keeper *k, struct item *i)
{
    atomic_fetch_sub(&k->waiting_bytes, i->n_bytes);
    base_wipe(i, sizeof(*i) + i->n_bytes);
    free(i);
    atomic_fetch_sub(&k->items, 1); /* last: a close waits for it */
}

static void refused(struct aud_keeper *k)
{
    pthread_mutex_lock(&k->mu);
    k->stats.refused++;
    pthread_mutex_unlock(&k->mu);
}

enum base_status aud_keeper_keep(struct aud_keeper *k, const struct aud_keep *what, aud_kept_fn fn,
                                 void *ctx)
{
    size_t n = what->tenant.n + what->subject.n;

    if (atomic_load(&k->failed))
        return BASE_EIO;
    if (what->n_blobs > AUD_KEEP_BLOBS_MAX || what->tenant.n > AUD_TENANT_BYTES ||
        what->subject.n > AUD_SUBJECT_MAX)
        return BASE_EINVAL;
    for (size_t i = 0; i < what->n_blobs; i++) {
        if (what->blob[i].bytes.n > k->blob_bytes_max) {
            refused(k);
            return BASE_LIMIT;
        }
        n += what->blob[i].bytes.n;
    }
    if (atomic_fetch_add(&k->waiting_bytes, n) + n > k->queue_bytes_max ||
        (what->n_blobs && aud_log_disk(k->log) >= AUD_DISK_NO_CONTENT)) {
        atomic_fetch_sub(&k->waiting_bytes, n);
        refused(k);
        return BASE_LIMIT;
    }
    struct item *i = calloc(1, sizeof(*i) + n);
    if (!i) {
        atomic_fetch_sub(&k->waiting_bytes, n);
        return BASE_LIMIT;
    }
    uint8_t *at = i->bytes;
    atomic_fetch_add(&k->items, 1);
    *i = (struct item){.kind = ITEM_KEEP, .keep = *what, .fn = fn, .ctx = ctx, .n_bytes = n};
    i->keep.tenant = take(&at, what->tenant);
    i->keep.subject = take(&at, what->subject);
    for (size_t b = 0; b < what->n_blobs; b++)
        i->keep.blob[b].bytes = take(&at, what->blob[b].bytes);
    if (!base_ring_push(k->queue, i)) {
        item_free(k, i);
        refused(k);
        return BASE_LIMIT;
    }
    base_ring_ring(k->queue);
    return BASE_OK;
}

/* Keys and ciphertext of one item into the open batch. */
static enum base_status encrypt(struct aud_keeper *k, struct item *i, struct base_err *err)
{
    struct aud_subject s;
    int64_t now = base_wall_us();
    enum base_status st =
        aud_keyring_subject(k->ring, i->keep.tenant, i->keep.subject, true, &s, err);

    if (st == BASE_OK && i->keep.subject.n)
        memcpy(i->tag, s.tag, sizeof(i->tag));
    for (size_t b = 0; b < i->keep.n_blobs && st == BASE_OK; b++) {
        i->blob[b] = (struct aud_blob){
            .kind = i->keep.blob[b].kind,
            .index = i->keep.blob[b].index,
            .classes = (uint8_t)i->keep.classes,
            .t = now,
            .keep_until = now + i->keep.minimum_s * 1000000,
            .delete_after = now + i->keep.maximum_s * 1000000,
            .bytes = i->keep.blob[b].bytes,
        };
        memcpy(i->blob[b].req, i->keep.req, sizeof(i->keep.req));
        st = aud_content_add(k->content, &s, &i->blob[b], err);
    }
    base_wipe(&s, sizeof(s));
    return st;
}

void aud_blob_json(struct base_json *j, const struct aud_blob *b)
{
    char hex[65];

    base_json_obj(j);
    base_json_kint(j, "bytes", (int64_t)b->n);
    base_json_key(j, "classes");
    aud_classes_json(j, b->classes);
    base_json_kz(j, "commit", aud_hex(b->commit.b, 32, hex));
    base_json_kz(j, "ct", aud_hex(b->ct.b, 32, hex));
    base_json_kint(j, "delete_after", b->delete_after);
    base_json_kz(j, "id", aud_hex(b->id, AUD_ID_BYTES, hex));
    base_json_kint(j, "index", b->index);
    base_json_kint(j, "keep_until", b->keep_until);
    base_json_kz(j, "kind", aud_kind_name(b->kind));
    base_json_obj_end(j);
}

static bool content_leaf(const struct item *i, struct base_buf *out)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_key(&j, "blobs");
    base_json_arr(&j);
    for (size_t b = 0; b < i->keep.n_blobs; b++)
        aud_blob_json(&j, &i->blob[b]);
    base_json_arr_end(&j);
    base_json_kz(&j, "ev", "req.content");
    base_json_kz(&j, "req", i->keep.req);
    if (i->tag[0])
        base_json_kz(&j, "subj", i->tag);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kstr(&j, "tenant", i->keep.tenant);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

struct told {
    struct aud_keeper *k;
    struct item *i;
};

static void tell(struct aud_keeper *k, struct item *i, enum base_status st)
{
    if (i->fn)
        i->fn(i->ctx, st, i->tag);
    item_free(k, i);
}

/* On the log's writer thread. */
static void leaf_durable(void *ctx, enum base_status st, uint64_t index)
{
    struct told *t = ctx;

    (void)index;
    tell(t->k, t->i, st);
    free(t);
}

/* The item's content is durable: its leaf, then its callback. */
static void record(struct aud_keeper *k, struct item *i)
{
    uint64_t until = base_mono_us() + LEAF_FULL_MS * 1000ull;
    const struct timespec pause = {0, 1000000};
    struct told *t = i->keep.n_blobs ? malloc(sizeof(*t)) : NULL;
    struct base_buf leaf;
    enum base_status st = BASE_OK;

    if (i->keep.n_blobs == 0) {
        tell(k, i, BASE_OK);
        return;
    }
    pthread_mutex_lock(&k->mu);
    k->stats.kept_blobs += i->keep.n_blobs;
    k->stats.kept_bytes += i->n_bytes;
    pthread_mutex_unlock(&k->mu);
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    if (!t || !content_leaf(i, &leaf)) {
        st = BASE_ENOMEM;
    } else {
        *t = (struct told){k, i};
        while ((st = aud_log_submit(k->log, base_buf_view(&leaf), leaf_durable, t)) == BASE_LIMIT &&
               base_mono_us() < until)
            nanosleep(&pause, NULL);
    }
    base_buf_release(&leaf);
    if (st == BASE_OK)
        return;
    free(t);
    tell(k, i, st);
}

static void flush(struct aud_keeper *k, struct item **v, size_t n)
{
    struct base_err err;
    enum base_status st = BASE_OK;

    if (n == 0)
        return;
    if (!atomic_load(&k->failed)) {
        st = aud_keyring_sync(k->ring, &err);
        if (st == BASE_OK)
            st = aud_content_sync(k->content, &err);
        if (st != BASE_OK)
            aud_keeper_fail(k, "storing", &err);
    }
    for (size_t i = 0; i < n; i++) {
        if (atomic_load(&k->failed))
            tell(k, v[i], BASE_EIO);
        else if (v[i]->st != BASE_OK)
            tell(k, v[i], v[i]->st);
        else
            record(k, v[i]);
    }
}

/* ---- orders ---- */

static void call_done(struct aud_call *c, enum base_status st)
{
    pthread_mutex_lock(&c->mu);
    c->st = st;
    c->done = true;
    pthread_cond_signal(&c->cv);
    pthread_mutex_unlock(&c->mu);
}

enum base_status aud_keeper_order(struct aud_keeper *k,
                                  enum base_status (*fn)(struct aud_keeper *, void *,
                                                         struct base_err *),
                                  void *arg, struct base_err *err)
{
    struct base_err mine;
    struct aud_call c = {.fn = fn, .arg = arg, .err = err ? err : &mine};
    struct item *i = calloc(1, sizeof(*i));

    if (!i)
        return base_err_set(err, BASE_ENOMEM, "no memory for an order");
    i->kind = ITEM_CALL;
    i->call = &c;
    pthread_mutex_init(&c.mu, NULL);
    pthread_cond_init(&c.cv, NULL);
    enum base_status st = BASE_LIMIT;
    if (base_ring_push(k->queue, i)) {
        base_ring_ring(k->queue);
        pthread_mutex_lock(&c.mu);
        while (!c.done)
            pthread_cond_wait(&c.cv, &c.mu);
        pthread_mutex_unlock(&c.mu);
        st = c.st;
    } else {
        free(i);
        base_err_set(err, BASE_LIMIT, "the keeper's queue is full: try again");
    }
    pthread_cond_destroy(&c.cv);
    pthread_mutex_destroy(&c.mu);
    return st;
}

enum base_status aud_keeper_post(struct aud_keeper *k, struct aud_call *c)
{
    struct item *i = calloc(1, sizeof(*i));

    if (!i)
        return BASE_ENOMEM;
    i->kind = ITEM_CALL;
    i->call = c;
    if (!base_ring_push(k->queue, i)) {
        free(i);
        return BASE_LIMIT;
    }
    base_ring_ring(k->queue);
    return BASE_OK;
}

static void run_call(struct aud_keeper *k, struct item *i)
{
    struct aud_call *c = i->call;
    enum base_status st;

    free(i);
    if (atomic_load(&k->failed))
        st = base_err_set(c->err, BASE_EIO, "the keeper has failed: %s", k->stats.failure);
    else
        st = c->fn(k, c->arg, c->err);
    c->st = st;
    if (c->later)
        c->later(c);
    else
        call_done(c, st);
}

/* ---- the thread ---- */

static void sweep_when_due(struct aud_keeper *k)
{
    struct base_err err;
    uint64_t n, now = base_mono_us();

    pthread_mutex_lock(&k->mu); /* a reload sets both */
    bool due = now >= k->sweep_at_us && !atomic_load(&k->failed);
    if (due)
        k->sweep_at_us = now + (uint64_t)k->rules.sweep_s * 1000000;
    pthread_mutex_unlock(&k->mu);
    if (!due)
        return;
    enum base_status st = aud_sweep_run(k, &n, &err);
    if (st != BASE_OK)
        base_error("audit", "content past its time could not be deleted: %s", err.text);
}

static void *keeper_main(void *arg)
{
    struct aud_keeper *k = arg;
    struct item *batch[BATCH_ITEMS];
    size_t n = 0;

    for (;;) {
        bool stop = atomic_load(&k->stop); /* before the queue: nothing comes after it */
        struct item *i = base_ring_pop(k->queue);
        struct base_err err;

        if (i && i->kind == ITEM_KEEP) {
            i->st = atomic_load(&k->failed) ? BASE_EIO : encrypt(k, i, &err);
            if (i->st != BASE_OK && !atomic_load(&k->failed)) {
                /* a key that cannot be had (token gone, command failed) may be had later */
                base_error("audit", "content of %s is not kept: %s", i->keep.req, err.text);
                if (i->st == BASE_EIO && err.sys)
                    aud_keeper_fail(k, "keys", &err);
            }
            batch[n++] = i;
        }
        if (n && (!i || i->kind == ITEM_CALL || n == BATCH_ITEMS ||
                  aud_content_pending(k->content) > BATCH_BYTES)) {
            flush(k, batch, n);
            n = 0;
        }
        if (i && i->kind == ITEM_CALL)
            run_call(k, i);
        if (i)
            continue;
        if (stop)
            return NULL;
        sweep_when_due(k);
        base_ring_wait(k->queue, 500);
    }
}

/* ---- opening and closing ---- */

static enum base_status copy_rules(struct base_arena *a, const struct conf_content *from,
                                   struct conf_content *to)
{
    *to = *from;
    to->rules = base_arena_array(a, from->n_rules + 1, sizeof(*to->rules));
    for (size_t i = 0; i < from->n_rules && to->rules; i++) {
        struct conf_content_rule *r = &to->rules[i];

        *r = from->rules[i];
        r->tenant.v = base_arena_array(a, r->tenant.n + 1, sizeof(*r->tenant.v));
        for (size_t t = 0; t < r->tenant.n && r->tenant.v; t++)
            r->tenant.v[t] = base_arena_dupz(a, base_str_c(from->rules[i].tenant.v[t]));
        if (!r->tenant.v)
            return BASE_ENOMEM;
    }
    return to->rules ? BASE_OK : BASE_ENOMEM;
}

enum base_status aud_keeper_configure(struct aud_keeper *k, const struct conf_content *content,
                                      struct base_err *err)
{
    struct base_arena *a = base_arena_new(8u << 20);
    struct conf_content rules;

    if (!a || copy_rules(a, content, &rules) != BASE_OK) {
        base_arena_free(a);
        return base_err_set(err, BASE_ENOMEM, "no memory for the content rules");
    }
    pthread_mutex_lock(&k->mu);
    struct base_arena *old = k->rules_arena;
    k->rules_arena = a;
    k->rules = rules;
    k->sweep_at_us = 0;
    pthread_mutex_unlock(&k->mu);
    base_arena_free(old);
    return BASE_OK;
}

enum base_status aud_keeper_open(const struct aud_keeper_options *o, struct aud_log *log,
                                 struct aud_keeper **out, struct base_err *err)
{
    static const struct conf_content off = {.blob_mib = 8, .queue_mib = 64, .sweep_s = 60};
    const struct conf_content *content = o->content ? o->content : &off;
    struct aud_keeper *k = calloc(1, sizeof(*k));
    enum base_status st;

    *out = NULL;
    if (!k)
        return base_err_set(err, BASE_ENOMEM, "no memory for the keeper");
    pthread_mutex_init(&k->mu, NULL);
    k->log = log;
    k->master = *o->master;
    k->erased = o->erased;
    k->erased_ctx = o->erased_ctx;
    k->queue_bytes_max = (uint64_t)content->queue_mib << 20;
    k->blob_bytes_max = (uint64_t)content->blob_mib << 20;
    k->queue = base_ring_new(QUEUE_ITEMS);
    st = k->queue ? aud_path(k->dir, o->directory, ".", err)
                  : base_err_set(err, BASE_ENOMEM, "no memory for the keeper");
    if (st == BASE_OK)
        st = aud_keeper_configure(k, content, err);
    if (st == BASE_OK && !o->rights_ready) { /* before the keyring has the master key */
        aud_rights_seal(o->directory, o->master);
        st = conf_rights_key_ready(o->directory, false, err);
    }
    if (st == BASE_OK)
        st = aud_keyring_open(o->directory, o->master, true, &k->ring, err);
    if (st == BASE_OK)
        st = aud_content_open(o->directory, aud_keyring_id(k->ring), true, &k->content, err);
    if (st == BASE_OK)
        st = aud_holds_load(k, err);
    if (st == BASE_OK)
        st = aud_erase_recover(k, err);
    if (st == BASE_OK) {
        errno = pthread_create(&k->thread, NULL, keeper_main, k);
        k->thread_on = errno == 0;
        if (!k->thread_on)
            st = base_err_sys(err, "the keeper's thread");
    }
    if (st != BASE_OK)
        aud_keeper_close(k);
    else
        *out = k;
    return st;
}

void aud_keeper_close(struct aud_keeper *k)
{
    if (!k)
        return;
    atomic_store(&k->stop, true);
    if (k->thread_on) {
        base_ring_ring(k->queue);
        pthread_join(k->thread, NULL);
    }
    /* callbacks of leaves that are still under way touch the counters; the log is still open and
     * tells every leaf its end */
    for (int tries = 0; atomic_load(&k->items) > 0 && tries < 10000; tries++) {
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    aud_content_free(k->content);
    aud_keyring_free(k->ring);
    base_ring_free(k->queue);
    free(k->holds);
    base_arena_free(k->rules_arena);
    pthread_mutex_destroy(&k->mu);
    free(k);
}
