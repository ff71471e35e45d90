/* verify_leaf.c - the records of one period: tree hashes, roots, content, order, tiles. Runs on a
 * thread of its own (but for a small log), fed with blocks of whole batches by verify_wal.c; while
 * it works the other thread reads and hashes the next block.
 *
 * The thread owns the tree, the table of open requests and the tiles from ver_leaves_put until
 * ver_leaves_wait returns; the report is written under the lock's order (this thread first, the
 * other only after a wait). For each batch in order: every leaf is hashed, the root of its COMMIT
 * compared, then each record read; behind it the roots that were signed at that size.
 */
#include "audit/verify/ver.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS       3
#define THREAD_BYTES 262144u /* a block of this size makes a thread worth it */

struct ver_leaves {
    struct ver *v;
    struct aud_range tree;
    struct aud_hash hash[AUD_BATCH_LEAVES];
    bool may_carry; /* the leaf before was log.begin or log.carried */
    size_t carried;
    const char *name;

    pthread_t thread;
    bool thread_on;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    struct ver_block block[BLOCKS];
    struct ver_block *free[BLOCKS], *full[BLOCKS]; /* stacks: full is a queue of at most BLOCKS */
    size_t n_free, n_full, working;
    bool failed, stop;
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* index is the period's; said with the record's number. */
#define BAD(l, index, fmt, ...)                                                                    \
    ver_bad((l)->v->r, (l)->v->chain->before + (index), "%s: index %" PRIu64 fmt, (l)->name,       \
            (index), ##__VA_ARGS__)

/* ---- what a record may be at its place ---- */

static bool request_order(struct ver_leaves *l, uint64_t i, const struct ver_record *r)
{
    struct ver_chain *c = l->v->chain;
    struct aud_verify_report *out = c->r;
    bool known = c->open_known && !c->spool; /* else its intent may be where we cannot look */

    if (base_str_is(r->ev, "req.intent")) {
        if (r->req.n == 0 || aud_intents_find(&c->open, r->req))
            return BAD(l, i, ": a second intent for request %.*s", BASE_FMT(r->req));
        if (aud_intents_add(&c->open, r->req, r->tenant, c->before + i, 0) != BASE_OK)
            return BAD(l, i, ": too many open intents");
        out->intents++;
    } else if (base_str_is(r->ev, "req.outcome")) {
        if (!aud_intents_remove(&c->open, r->req) && known)
            return BAD(l, i, ": an outcome without an open intent (request %.*s)",
                       BASE_FMT(r->req));
        out->outcomes++;
        if (base_str_is(r->status, "unknown"))
            out->unknown_outcomes++;
    } else if (base_str_is(r->ev, "req.fallback") && known && !aud_intents_find(&c->open, r->req)) {
        return BAD(l, i, ": a fallback without an open intent");
    } else if (base_str_is(r->ev, "log.spool") && i == 1) {
        c->spool = out->spool = true;
    } else if (base_str_is(r->ev, "req.content")) {
        out->contents++;
    }
    return true;
}

/* ---- what joins periods ---- */

/* Leaf 0 of a later period against what came before it. */
static bool check_begin(struct ver_leaves *l, struct base_str leaf)
{
    struct ver_chain *c = l->v->chain;
    struct aud_begin b;
    struct aud_checkpoint cp;
    struct base_err why;
    bool ok = false;

    if (!aud_begin_parse(leaf, &b))
        return BAD(l, (uint64_t)0, ": is not a log.begin");
    if (b.period != c->period)
        BAD(l, (uint64_t)0, ": is the log.begin of period %" PRIu64, b.period);
    else if (aud_begin_checkpoint(&b, &l->v->conf.vkey, &cp, &why) != BASE_OK)
        BAD(l, (uint64_t)0, ": %s", why.text);
    else if (b.before < cp.size || (!c->first && b.before != c->before))
        BAD(l, (uint64_t)0, ": says that %" PRIu64 " records came before it", b.before);
    else if (!c->first && (cp.size != c->prev_size || !aud_hash_eq(&cp.root, &c->prev_root) ||
                           strcmp(cp.origin, c->prev_conf.origin) != 0))
        BAD(l, (uint64_t)0, ": the period before it does not end with the checkpoint it names");
    else
        ok = true;
    if (ok && c->first) {
        c->before = c->r->before = b.before;
        c->gone.missing = true;
        c->gone.period = b.period - 1;
        c->gone.cp = cp;
    }
    aud_begin_release(&b);
    return ok;
}

static bool carried_one(void *ctx, uint64_t intent, struct base_str req, struct base_str tenant)
{
    struct ver_leaves *l = ctx;
    struct ver_chain *c = l->v->chain;
    const struct aud_intent *e = aud_intents_find(&c->open, req);

    l->carried++;
    if (c->open_known)
        return e && e->index == intent &&
               base_str_eq(base_str_n(e->text + e->n_req, e->n_tenant), tenant);
    return !e && aud_intents_add(&c->open, req, tenant, intent, 0) == BASE_OK;
}

/* Behind log.begin and log.carried: from here on all open requests are known. */
static bool carried_end(struct ver_leaves *l, uint64_t i)
{
    struct ver_chain *c = l->v->chain;

    l->may_carry = false;
    if (l->carried != c->open.n)
        return BAD(l, i, ": %zu requests were open, log.carried names %zu", c->open.n, l->carried);
    c->open_known = true;
    return true;
}

/* A leaf that says that a period was dropped: is it the one that is gone? */
static void check_dropped(struct ver_leaves *l, uint64_t i, struct base_str leaf)
{
    struct ver_chain *c = l->v->chain;
    struct aud_dropped d;

    if (!c->gone.missing || c->gone.allowed || !aud_dropped_parse(leaf, &d))
        return;
    if (d.period == c->gone.period && strcmp(d.origin, c->gone.cp.origin) == 0 &&
        d.records == c->gone.cp.size && aud_hash_eq(&d.root, &c->gone.cp.root)) {
        c->gone.allowed = true;
        c->gone.at = c->before + i;
    }
}

static bool log_event(struct ver_leaves *l, uint64_t i, struct base_str leaf, struct base_str ev)
{
    struct ver *v = l->v;

    if (v->chain->period > 1 && i == 0) {
        l->may_carry = true;
        return check_begin(l, leaf);
    }
    if (base_str_is(ev, "log.carried") && l->may_carry)
        return aud_carried_each(leaf, carried_one, l) ||
               BAD(l, i, ": log.carried is malformed or names a request that was not open");
    if (l->may_carry && !carried_end(l, i))
        return false;
    if (base_str_is(ev, "log.begin") || base_str_is(ev, "log.carried"))
        return BAD(l, i, ": %.*s does not belong here", BASE_FMT(ev));
    if (base_str_is(ev, "log.end")) {
        v->ended = true;
        if (!aud_end_parse(leaf, v->chain->next_origin))
            return BAD(l, i, ": log.end does not name the next period");
    } else if (base_str_is(ev, "retention.dropped")) {
        check_dropped(l, i, leaf);
    }
    return true;
}

static bool check_record(struct ver_leaves *l, uint64_t i, struct base_str leaf)
{
    struct ver_chain *c = l->v->chain;
    struct ver_record r;

    if (l->v->ended)
        return BAD(l, i, ": follows log.end");
    if (!ver_record_scan(leaf, &r))
        return BAD(l, i, ": is not a record");
    if (r.t < c->last_t && c->last_t - r.t > c->r->time_back_us_max)
        c->r->time_back_us_max = c->last_t - r.t;
    if (r.t > c->last_t)
        c->last_t = r.t;
    if ((l->may_carry || i == 0 || base_str_starts(r.ev, BASE_STR("log.")) ||
         base_str_is(r.ev, "retention.dropped")) &&
        !log_event(l, i, leaf, r.ev))
        return false;
    return request_order(l, i, &r);
}

/* ---- batches ---- */

static bool check_points(struct ver_leaves *l)
{
    struct ver *v = l->v;
    struct aud_hash root;

    for (size_t k = 0; k < v->n_points; k++) {
        struct ver_point *pt = &v->point[k];

        if (pt->size != l->tree.n || pt->seen)
            continue;
        pt->seen = true;
        aud_range_root(&l->tree, &root);
        if (!aud_hash_eq(&root, &pt->root))
            return ver_bad(v->r, UINT64_MAX,
                           "%s: the records up to size %" PRIu64
                           " do not have the root that %s%s signed",
                           l->name, pt->size, v->label, pt->who);
    }
    return true;
}

/* A batch at p: its leaves, then its COMMIT. Returns its length; 0: it does not hold. */
static size_t check_batch(struct ver_leaves *l, const uint8_t *p)
{
    uint64_t first = l->tree.n;
    struct aud_hash root;
    size_t at = 0, n = 0;

    for (; p[at + 4] == 1; at += 24 + le32(p + at + 8)) {
        aud_leaf_hash(p + at + 24, le32(p + at + 8), &l->hash[n]);
        aud_range_add(&l->tree, &l->hash[n++]);
    }
    aud_range_root(&l->tree, &root);
    if (memcmp(p + at + 24 + (p[at + 4] == 3 ? 8 : 16), root.b, 32) != 0) {
        BAD(l, first, ": its batch does not have the root that was recorded");
        return 0;
    }
    size_t end = at + 24 + le32(p + at + 8);
    at = 0;
    for (size_t k = 0; k < n; k++) {
        struct base_str leaf = base_str_n(p + at + 24, le32(p + at + 8));

        if (!ver_tiles_leaf(l->v->tiles, leaf, &l->hash[k]) || !check_record(l, first + k, leaf))
            return 0;
        at += 24 + leaf.n;
    }
    l->v->r->leaves += n;
    return n == 0 || check_points(l) ? end : 0;
}

static bool check_block(struct ver_leaves *l, const struct ver_block *b)
{
    l->name = b->name;
    for (size_t at = 0, k; at < b->n; at += k) {
        k = check_batch(l, b->p + at);
        if (k == 0)
            return false;
    }
    return true;
}

/* ---- the thread ---- */

static void *work(void *arg)
{
    struct ver_leaves *l = arg;

    pthread_mutex_lock(&l->mu);
    for (;;) {
        while (l->n_full == 0 && !l->stop)
            pthread_cond_wait(&l->cv, &l->mu);
        if (l->n_full == 0)
            break;
        struct ver_block *b = l->full[0];
        memmove(l->full, l->full + 1, --l->n_full * sizeof(l->full[0]));
        l->working = 1;
        bool failed = l->failed;
        pthread_mutex_unlock(&l->mu);
        if (!failed)
            failed = !check_block(l, b);
        pthread_mutex_lock(&l->mu);
        l->working = 0;
        l->failed = failed;
        l->free[l->n_free++] = b;
        pthread_cond_broadcast(&l->cv);
    }
    pthread_mutex_unlock(&l->mu);
    return NULL;
}

struct ver_leaves *ver_leaves_new(struct ver *v)
{
    struct ver_leaves *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->v = v;
    l->name = "";
    aud_range_init(&l->tree);
    pthread_mutex_init(&l->mu, NULL);
    pthread_cond_init(&l->cv, NULL);
    for (size_t i = 0; i < BLOCKS; i++)
        l->free[l->n_free++] = &l->block[i];
    l->failed = !check_points(l); /* size 0 may be signed too */
    return l;
}

struct ver_block *ver_leaves_block(struct ver_leaves *l)
{
    struct ver_block *b = NULL;

    pthread_mutex_lock(&l->mu);
    while (l->n_free == 0 && !l->failed)
        pthread_cond_wait(&l->cv, &l->mu);
    if (!l->failed)
        b = l->free[--l->n_free];
    pthread_mutex_unlock(&l->mu);
    if (b && !b->p)
        b->p = malloc(VER_BLOCK_BYTES);
    if (b && !b->p) {
        ver_bad(l->v->r, UINT64_MAX, "no memory to verify");
        b = NULL;
    }
    return b;
}

void ver_leaves_put(struct ver_leaves *l, struct ver_block *b)
{
    if (!l->thread_on && b->n >= THREAD_BYTES)
        l->thread_on = pthread_create(&l->thread, NULL, work, l) == 0;
    if (!l->thread_on) { /* not worth one: here and now */
        l->failed = l->failed || !check_block(l, b);
        l->free[l->n_free++] = b;
        return;
    }
    pthread_mutex_lock(&l->mu);
    l->full[l->n_full++] = b;
    pthread_cond_broadcast(&l->cv);
    pthread_mutex_unlock(&l->mu);
}

bool ver_leaves_wait(struct ver_leaves *l)
{
    pthread_mutex_lock(&l->mu);
    while ((l->n_full > 0 || l->working) && !l->failed)
        pthread_cond_wait(&l->cv, &l->mu);
    while (l->working) /* a failure is said before `failed` is set, so the report is ours now */
        pthread_cond_wait(&l->cv, &l->mu);
    bool ok = !l->failed;
    pthread_mutex_unlock(&l->mu);
    return ok;
}

bool ver_leaves_end(struct ver_leaves *l)
{
    return ver_leaves_wait(l) && (!l->may_carry || carried_end(l, l->tree.n - 1));
}

const struct aud_range *ver_leaves_tree(const struct ver_leaves *l)
{
    return &l->tree;
}

void ver_leaves_free(struct ver_leaves *l)
{
    if (!l)
        return;
    if (l->thread_on) {
        pthread_mutex_lock(&l->mu);
        l->stop = true;
        pthread_cond_broadcast(&l->cv);
        pthread_mutex_unlock(&l->mu);
        pthread_join(l->thread, NULL);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(l->block[i].p);
    pthread_cond_destroy(&l->cv);
    pthread_mutex_destroy(&l->mu);
    free(l);
}
