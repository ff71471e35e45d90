/* review.c - the queue of answers that wait for a human.
 *
 * Owns       a list, oldest first, of copies on the heap; one allocation an item.
 * Runs on    any thread, under one lock.
 * Invariants at most GW_REVIEWS_MAX items and GW_REVIEW_BYTES_MAX bytes, GW_REVIEWS_SHARE of either
 *            for one tenant; when full, rejections go first; an item over its time is
 *            gone at the next call; bytes are wiped before they are freed.
 * Fails by   BASE_LIMIT when full: an answer that cannot wait is not given either.
 */
#include "gateway/review.h"
#include <pthread.h>
#include <stdlib.h>

struct item {
    struct item *next;
    struct gw_review_item v;   /* its strings are behind the struct */
    uint64_t until_us;         /* monotonic */
    uint64_t claimed_until_us; /* a verdict is on its way into the log */
    size_t bytes;              /* of the whole allocation */
    char reviewer[64], reason[GW_REVIEW_REASON_MAX + 1];
};

struct gw_reviews {
    pthread_mutex_t lock;
    struct item *first, **last;
    size_t n, bytes;
    uint64_t ttl_us;
};

struct gw_reviews *gw_reviews_new(uint32_t ttl_s)
{
    struct gw_reviews *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->last = &r->first;
    r->ttl_us = (uint64_t)ttl_s * 1000000;
    return r;
}

/* Takes the item at *at out of the list. */
static void drop(struct gw_reviews *r, struct item **at)
{
    struct item *it = *at;
    *at = it->next;
    if (!*at)
        r->last = at;
    r->n--;
    r->bytes -= it->bytes;
    base_wipe(it, it->bytes);
    free(it);
}

/* Under the lock, first thing of every call. */
static void expire(struct gw_reviews *r)
{
    uint64_t now = base_mono_us();
    for (struct item **at = &r->first; *at;) {
        if ((*at)->until_us <= now)
            drop(r, at);
        else
            at = &(*at)->next;
    }
}

void gw_reviews_free(struct gw_reviews *r)
{
    if (!r)
        return;
    while (r->first)
        drop(r, &r->first);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static struct base_str put(char **at, struct base_str s)
{
    struct base_str copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static bool fits(const struct gw_reviews *r, size_t bytes)
{
    return r->n < GW_REVIEWS_MAX && r->bytes + bytes <= GW_REVIEW_BYTES_MAX;
}

/* A rejection is kept so that its client hears the reason; one that waits for a human needs the
 * place more. */
static void make_room(struct gw_reviews *r, size_t bytes)
{
    for (struct item **at = &r->first; *at && !fits(r, bytes);) {
        if ((*at)->v.state == GW_REVIEW_REJECTED)
            drop(r, at);
        else
            at = &(*at)->next;
    }
}

/* One tenant cannot take the queue from the others. */
static bool share_is_full(const struct gw_reviews *r, const struct item *it)
{
    size_t n = 1, bytes = it->bytes;
    for (const struct item *other = r->first; other; other = other->next) {
        if (!base_str_eq(other->v.tenant, it->v.tenant))
            continue;
        n++;
        bytes += other->bytes;
    }
    return n > GW_REVIEWS_SHARE(GW_REVIEWS_MAX) || bytes > GW_REVIEWS_SHARE(GW_REVIEW_BYTES_MAX);
}

enum base_status gw_reviews_put(struct gw_reviews *r, const struct gw_review_item *item,
                                struct base_err *err)
{
    size_t n = item->subject.n + item->tenant.n + item->key.n + item->use_case.n + item->route.n +
               item->content_type.n + item->headers.n + item->text.n + item->body.n;
    struct item *it = n < GW_REVIEW_BYTES_MAX ? calloc(1, sizeof *it + n) : NULL;
    enum base_status st = BASE_OK;

    if (!it)
        return base_err_set(err, BASE_LIMIT, "the answer is too large to wait for a review");
    char *at = (char *)(it + 1);
    it->v = *item;
    it->v.subject = put(&at, item->subject);
    it->v.tenant = put(&at, item->tenant);
    it->v.key = put(&at, item->key);
    it->v.use_case = put(&at, item->use_case);
    it->v.route = put(&at, item->route);
    it->v.content_type = put(&at, item->content_type);
    it->v.headers = put(&at, item->headers);
    it->v.text = put(&at, item->text);
    it->v.body = put(&at, item->body);
    it->v.state = GW_REVIEW_PENDING;
    it->v.reviewer = it->v.reason = BASE_STR_NULL;
    it->bytes = sizeof *it + n;
    it->until_us = base_mono_us() + r->ttl_us;

    pthread_mutex_lock(&r->lock);
    expire(r);
    make_room(r, it->bytes);
    if (share_is_full(r, it)) {
        st = base_err_set(err, BASE_LIMIT, "too many answers of this tenant wait for a review");
    } else if (!fits(r, it->bytes)) {
        st = base_err_set(err, BASE_LIMIT, "too many answers wait for a review");
    } else {
        *r->last = it;
        r->last = &it->next;
        r->n++;
        r->bytes += it->bytes;
    }
    pthread_mutex_unlock(&r->lock);
    if (st != BASE_OK) {
        base_wipe(it, it->bytes);
        free(it);
    }
    return st;
}

static struct item *find(struct gw_reviews *r, struct base_str id, struct base_str tenant)
{
    expire(r);
    for (struct item *it = r->first; it; it = it->next)
        if (base_str_is(id, it->v.id) && (!tenant.n || base_str_eq(tenant, it->v.tenant)))
            return it;
    return NULL;
}

enum base_status gw_reviews_get(struct gw_reviews *r, struct base_str id, struct base_str tenant,
                                struct base_arena *a, struct gw_review_item *out,
                                struct base_err *err)
{
    enum base_status st = BASE_OK;

    pthread_mutex_lock(&r->lock);
    const struct item *it = find(r, id, tenant);
    if (!it) {
        st = base_err_set(err, BASE_ENOENT, "no answer waits under this id");
    } else {
        struct base_str *strings[] = {&out->tenant,   &out->key,  &out->use_case,     &out->route,
                                      &out->headers,  &out->body, &out->content_type, &out->reason,
                                      &out->reviewer, &out->text, &out->subject};
        *out = it->v;
        for (size_t i = 0; i < sizeof strings / sizeof *strings && st == BASE_OK; i++) {
            *strings[i] = base_arena_dup(a, *strings[i]);
            if (!strings[i]->p)
                st = base_err_set(err, BASE_ENOMEM, "the request's memory is used up");
        }
    }
    pthread_mutex_unlock(&r->lock);
    return st;
}

enum base_status gw_reviews_claim(struct gw_reviews *r, struct base_str id, struct base_err *err)
{
    enum base_status st = BASE_OK;
    uint64_t now = base_mono_us();

    pthread_mutex_lock(&r->lock);
    struct item *it = find(r, id, BASE_STR_NULL);
    if (!it)
        st = base_err_set(err, BASE_ENOENT, "no answer waits under this id");
    else if (it->v.state != GW_REVIEW_PENDING)
        st = base_err_set(err, BASE_EINVAL, "this answer is already %s",
                          gw_review_state_name(it->v.state));
    else if (it->claimed_until_us > now)
        st = base_err_set(err, BASE_EINVAL, "another verdict on this answer is being recorded");
    else
        it->claimed_until_us = now + GW_REVIEW_CLAIM_S * 1000000ull;
    pthread_mutex_unlock(&r->lock);
    return st;
}

enum base_status gw_reviews_decide(struct gw_reviews *r, struct base_str id, bool approve,
                                   struct base_str reviewer, struct base_str reason,
                                   struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (reviewer.n >= 64 || reason.n > GW_REVIEW_REASON_MAX)
        return base_err_set(err, BASE_EINVAL, "a reason is at most %d bytes", GW_REVIEW_REASON_MAX);
    pthread_mutex_lock(&r->lock);
    struct item *it = find(r, id, BASE_STR_NULL);
    if (!it) {
        st = base_err_set(err, BASE_ENOENT, "no answer waits under this id");
    } else if (it->v.state != GW_REVIEW_PENDING) {
        st = base_err_set(err, BASE_EINVAL, "this answer is already %s",
                          gw_review_state_name(it->v.state));
    } else {
        if (reviewer.n)
            memcpy(it->reviewer, reviewer.p, reviewer.n);
        if (reason.n)
            memcpy(it->reason, reason.p, reason.n);
        it->v.reviewer = (struct base_str){it->reviewer, reviewer.n};
        it->v.reason = (struct base_str){it->reason, reason.n};
        it->v.state = approve ? GW_REVIEW_APPROVED : GW_REVIEW_REJECTED;
        it->until_us = base_mono_us() + r->ttl_us;
        if (!approve) {
            /* one behind the other, in this item's own memory */
            base_wipe((char *)(uintptr_t)it->v.text.p, it->v.text.n + it->v.body.n);
            it->v.text.n = it->v.body.n = 0;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return st;
}

void gw_reviews_erase(struct gw_reviews *r, const char *subject, const char *tenant,
                      const char *req)
{
    pthread_mutex_lock(&r->lock);
    for (struct item **at = &r->first; *at;) {
        const struct gw_review_item *v = &(*at)->v;
        bool of_subject = subject && v->subject.n && base_str_is(v->subject, subject) &&
                          (!tenant || base_str_is(v->tenant, tenant));
        if (of_subject || (req && strcmp(v->id, req) == 0))
            drop(r, at);
        else
            at = &(*at)->next;
    }
    pthread_mutex_unlock(&r->lock);
}

const char *gw_review_state_name(enum gw_review_state s)
{
    return s == GW_REVIEW_PENDING ? "pending" : s == GW_REVIEW_APPROVED ? "approved" : "rejected";
}

void gw_reviews_json(struct gw_reviews *r, struct base_json *j)
{
    char t[BASE_RFC3339_MAX];

    pthread_mutex_lock(&r->lock);
    expire(r);
    base_json_arr(j);
    for (const struct item *it = r->first; it; it = it->next) {
        base_json_obj(j);
        base_json_kint(j, "bytes", (int64_t)it->v.body.n);
        base_json_kz(j, "created", base_rfc3339(it->v.created_us, t));
        base_json_kz(j, "id", it->v.id);
        base_json_kstr(j, "key", it->v.key);
        base_json_kstr(j, "reason", it->v.reason);
        base_json_kstr(j, "reviewer", it->v.reviewer);
        base_json_kstr(j, "route", it->v.route);
        base_json_kz(j, "state", gw_review_state_name(it->v.state));
        base_json_kstr(j, "tenant", it->v.tenant);
        base_json_kstr(j, "use_case", it->v.use_case);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
    pthread_mutex_unlock(&r->lock);
}

size_t gw_reviews_pending(struct gw_reviews *r)
{
    size_t n = 0;

    pthread_mutex_lock(&r->lock);
    expire(r);
    for (const struct item *it = r->first; it; it = it->next)
        n += it->v.state == GW_REVIEW_PENDING;
    pthread_mutex_unlock(&r->lock);
    return n;
}
