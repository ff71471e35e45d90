/* rights.c - watches the lists of restricted and objecting people; see rights.h.
 *
 * Owns       the newest snapshot; a thread that looks at the file every POLL_MS and does what the
 *            admin listener asks (a loop touches no file).
 * Order      a change: publish to the loops -> answer -> record rights.add or rights.remove ->
 *            rights.seen. A crash in between repeats a leaf.
 * Leaves     {approver, at, by, ev, expires?, id, kind, list, reason, req "", serial, t, tenant "",
 *            v}: what was listed is not in it, and id is random.
 * Fails by   the start is refused where the lists do not hold. Later the last ones that did stay in
 *            force and the snapshot says `unreadable`: nothing leaves until they can be read again.
 */
#include "gateway/rights.h"

#include "audit/log/append.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/app.h"
#include "gateway/keys.h"
#include "gateway/rights_int.h"
#include "gateway/watch.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS 100

static struct {
    struct gw_child *child;
    struct aud_log *log;
    struct aud_keeper *keeper; /* under mu */
    char *dir;
    struct gw_rights_ref *now; /* under mu */
    struct gw_rights_ask *asks;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    pthread_t thread;
    bool running, stopping; /* stopping under mu */
    uint64_t told;          /* serial; the thread's, after start */
} rw = {.mu = PTHREAD_MUTEX_INITIALIZER};

/* ---- snapshots ---- */

struct gw_rights_ref *gw_rights_ref(struct gw_rights_ref *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void gw_rights_unref(struct gw_rights_ref *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        conf_rights_free(s->lists);
        free(s);
    }
}

struct gw_rights_ref *gw_rights_now(void)
{
    pthread_mutex_lock(&rw.mu);
    struct gw_rights_ref *s = gw_rights_ref(rw.now);
    pthread_mutex_unlock(&rw.mu);
    return s;
}

static struct gw_rights_ref *load(struct base_err *err)
{
    struct gw_rights_ref *s = calloc(1, sizeof *s);
    if (!s) {
        base_err_set(err, BASE_ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&s->refs, 1);
    if (conf_rights_load(rw.dir, &s->lists, err) == BASE_OK)
        return s;
    free(s);
    return NULL;
}

struct arrival {
    struct gw_post post;
    struct gw_rights_ref *s;
};

static void arrive(struct gw_loop *l, void *arg)
{
    struct arrival *p = arg;
    struct gw_app_loop *al = l->app;
    if (al) {
        gw_rights_unref(al->rights);
        al->rights = p->s;
    } else {
        gw_rights_unref(p->s);
    }
    free(p);
}

/* A loop that there is no memory to tell keeps what it has, marked: it lets nothing out until the
 * next change reaches it. */
static void publish(struct gw_rights_ref *s)
{
    pthread_mutex_lock(&rw.mu);
    struct gw_rights_ref *old = rw.now;
    rw.now = s;
    for (unsigned i = 0; i < gw_child_loops(rw.child); i++) {
        struct gw_loop *l = gw_child_loop(rw.child, i);
        struct arrival *p = l ? calloc(1, sizeof *p) : NULL;
        if (l && !p && old)
            atomic_store(&old->unreadable, true);
        if (!p)
            continue;
        p->s = gw_rights_ref(s);
        p->post.fn = arrive;
        p->post.arg = p;
        gw_loop_post(l, &p->post);
    }
    pthread_mutex_unlock(&rw.mu);
    gw_rights_unref(old);
}

void gw_rights_metrics(struct gw_rights_ref *s, struct base_buf *out)
{
    int64_t today = base_wall_us() / 86400000000;
    base_buf_z(out, "# HELP weir_rights_entries People on a list (GDPR Art. 18, 21) whose entry is "
                    "in force.\n# TYPE weir_rights_entries gauge\n");
    for (unsigned bit = CONF_RIGHTS_RESTRICTED; bit <= CONF_RIGHTS_OBJECTED; bit *= 2)
        base_buf_printf(out, "weir_rights_entries{list=\"%s\"} %zu\n", conf_rights_name(bit),
                        conf_rights_count(s->lists, bit, today));
    gw_metrics_put(out, "weir_rights_readable", "gauge",
                   "0 while the lists cannot be read: nothing leaves then.",
                   !atomic_load(&s->unreadable));
}

/* ---- records ---- */

static enum base_status tell(const struct conf_rights_event *e, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kstr(&j, "approver", e->what.approver);
    base_json_kstr(&j, "at", e->what.since);
    base_json_kstr(&j, "by", e->what.by);
    base_json_kz(&j, "ev", e->removed ? "rights.remove" : "rights.add");
    if (e->what.expires.n)
        base_json_kstr(&j, "expires", e->what.expires);
    base_json_kstr(&j, "id", e->what.id);
    base_json_kstr(&j, "kind", e->what.kind);
    base_json_kz(&j, "list", conf_rights_name(e->what.list));
    base_json_kstr(&j, "reason", e->what.reason);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "serial", (int64_t)e->serial);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&b) ? aud_log_append(rw.log, base_buf_view(&b), NULL, err)
                                          : base_err_set(err, BASE_LIMIT, "the event is too long");
    base_buf_release(&b);
    return st;
}

/* Records every event that the log has not been told. */
static enum base_status tell_new(const struct conf_rights *r, struct base_err *err)
{
    const struct conf_rights_event *v;
    size_t n = conf_rights_events(r, &v);
    enum base_status st = BASE_OK;
    uint64_t before = rw.told;
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        if (v[i].serial <= rw.told)
            continue;
        st = tell(&v[i], err);
        if (st == BASE_OK)
            rw.told = v[i].serial;
    }
    if (rw.told != before) {
        struct base_err second;
        enum base_status wrote = conf_rights_seen_write(rw.dir, rw.told, conf_rights_n(r),
                                                        st == BASE_OK ? err : &second);
        st = st == BASE_OK ? wrote : st;
    }
    return st;
}

/* ---- the thread ---- */

void gw_rights_ask(struct gw_rights_ask *a)
{
    pthread_mutex_lock(&rw.mu);
    a->next = rw.asks;
    rw.asks = a;
    pthread_cond_signal(&rw.cv);
    pthread_mutex_unlock(&rw.mu);
}

void gw_rights_keeper(struct aud_keeper *keeper)
{
    pthread_mutex_lock(&rw.mu);
    rw.keeper = keeper;
    pthread_mutex_unlock(&rw.mu);
}

static void do_asks(struct gw_rights_ask *a)
{
    for (; a; a = a->next) {
        char tags[CONF_RIGHTS_TAGS_MAX][AUD_TAG_HEX];
        a->st = BASE_OK;
        pthread_mutex_lock(&rw.mu);
        struct aud_keeper *keeper = rw.keeper;
        pthread_mutex_unlock(&rw.mu);
        if (!a->what.remove && keeper)
            a->st = aud_keeper_tags(keeper, a->identifier, NULL, tags, CONF_RIGHTS_TAGS_MAX,
                                    &a->what.n_tags, &a->err);
        for (size_t i = 0; i < a->what.n_tags; i++)
            a->what.tags[i] = base_str_c(tags[i]);
        if (a->st == BASE_OK)
            a->st = conf_rights_change(rw.dir, &a->what, a->id, &a->err);
    }
}

/* After the new snapshot has been posted: posts run in the order in which they were made. */
static void answer_asks(struct gw_rights_ask *a)
{
    while (a) {
        struct gw_rights_ask *next = a->next;
        a->post.fn = gw_rights_answer;
        a->post.arg = a;
        gw_loop_post(a->r->loop, &a->post);
        a = next;
    }
}

/* The lists that there are stay in force. The flag is raised in place, where every loop sees it at
 * its next request. */
static void stale(const char *why)
{
    if (!atomic_exchange(&rw.now->unreadable, true))
        base_error("rights", "nothing leaves until this is mended: %s", why);
}

/* Publishes what is new; *asks are answered between that and the record, which may take a while. */
static void look(struct gw_keys_stamp *stamp, struct gw_rights_ask **asks)
{
    char path[PATH_MAX];
    struct base_err err = {0};
    struct gw_rights_ref *s, *told;
    if (!conf_rights_path(rw.dir, path, sizeof path) ||
        (!gw_keys_changed(path, stamp) && !atomic_load(&rw.now->unreadable)))
        return;
    s = load(&err);
    if (!s) {
        stale(err.text);
        return;
    }
    told = gw_rights_ref(s);
    publish(s); /* an objection does not wait for its record */
    answer_asks(*asks);
    *asks = NULL;
    base_info("rights", "people on the lists: %zu", conf_rights_n(told->lists));
    if (tell_new(told->lists, &err) != BASE_OK)
        base_error("rights", "a change of the lists could not be recorded: %s", err.text);
    gw_rights_unref(told);
}

static void *watch(void *arg)
{
    struct gw_keys_stamp stamp = *(struct gw_keys_stamp *)arg;
    bool stop = false;
    free(arg);
    while (!stop) {
        struct timespec until = gw_watch_until(POLL_MS);
        pthread_mutex_lock(&rw.mu);
        if (!rw.asks && !rw.stopping)
            (void)pthread_cond_timedwait(&rw.cv, &rw.mu, &until);
        struct gw_rights_ask *asks = rw.asks;
        rw.asks = NULL;
        stop = rw.stopping;
        pthread_mutex_unlock(&rw.mu);
        do_asks(asks);
        look(&stamp, &asks);
        answer_asks(asks);
    }
    return NULL;
}

enum base_status gw_rights_start(struct gw_child *child, const char *log_dir, struct aud_log *log,
                                 struct base_err *err)
{
    char path[PATH_MAX];
    uint64_t entries;
    struct gw_keys_stamp *stamp = calloc(1, sizeof *stamp);
    rw.child = child;
    rw.log = log;
    rw.keeper = NULL;
    rw.dir = strdup(log_dir);
    rw.stopping = false;
    if (!stamp || !rw.dir || !conf_rights_path(log_dir, path, sizeof path) ||
        !gw_watch_cond_init(&rw.cv)) {
        free(stamp);
        return base_err_set(err, BASE_ENOMEM, "out of memory, or %s is too long", log_dir);
    }
    bool there = gw_keys_changed(path, stamp); /* the stamp first: later changes are seen */
    (void)there;
    conf_rights_seen(log_dir, &rw.told, &entries);
    rw.now = load(err);
    enum base_status st = rw.now ? tell_new(rw.now->lists, err) : err->code;
    if (st == BASE_OK && pthread_create(&rw.thread, NULL, watch, stamp) == 0) {
        rw.running = true;
        return BASE_OK;
    }
    free(stamp);
    return st != BASE_OK ? st : base_err_set(err, BASE_ENOMEM, "no thread for the lists of people");
}

void gw_rights_stop(void)
{
    pthread_mutex_lock(&rw.mu);
    rw.stopping = true;
    pthread_cond_signal(&rw.cv);
    pthread_mutex_unlock(&rw.mu);
    if (rw.running)
        pthread_join(rw.thread, NULL);
    rw.running = false;
    gw_rights_unref(rw.now);
    rw.now = NULL;
    free(rw.dir);
    rw.dir = NULL;
}
