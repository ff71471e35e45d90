/* switches.c - watches the state file, publishes its snapshots, records what was switched.
 *
 * Owns       the newest snapshot; a thread that looks at the file every POLL_MS and does what the
 *            admin listener asks (a loop touches no file). keys/policy.seen in the log's directory
 *            says up to which event the log has been told, and what was off then (policy_seen.h).
 *            It is no evidence: without it every event in the file is told again.
 * Order      a change: publish to the loops -> they cut what runs -> record policy.kill,
 *            policy.revive or policy.rollback -> policy.seen. A crash in between repeats a leaf.
 * Format     {act, at, by, ev, kind, kills, reason, req "", revision, serial, t, tenant "", v,
 *            value}; of a rollback of tables or duties `of`
 * Fails by   keeping the snapshot it has when the file cannot be read: what is off stays off, and
 *            the file is tried again at the next look. A file that has lost a switch without an
 *            event that takes it back gets it back, before anything is published. At the start a
 *            missing file with switches in policy.seen refuses to start.
 */
#include "gateway/switches.h"

#include "audit/log/append.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/answer.h"
#include "gateway/app.h"
#include "gateway/keys.h"
#include "gateway/policy_seen.h"
#include "gateway/switches_int.h"
#include "gateway/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS 100

static struct {
    struct gw_child *child;
    struct aud_log *log;
    char *path, *log_dir;
    struct gw_switches_ref *now; /* under mu */
    struct gw_switches_ask *asks;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    pthread_t thread;
    bool running, stopping; /* stopping under mu */
    uint64_t told;          /* serial; the thread's, after start */
} sw = {.mu = PTHREAD_MUTEX_INITIALIZER};

/* ---- snapshots ---- */

void gw_switches_unref(struct gw_switches_ref *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        gw_policy_state_free(s->state);
        free(s);
    }
}

static struct gw_switches_ref *ref(struct gw_switches_ref *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

struct gw_switches_ref *gw_switches_now(void)
{
    pthread_mutex_lock(&sw.mu);
    struct gw_switches_ref *s = ref(sw.now);
    pthread_mutex_unlock(&sw.mu);
    return s;
}

static struct gw_switches_ref *load(struct base_err *err)
{
    struct gw_switches_ref *s = calloc(1, sizeof *s);
    if (!s) {
        base_err_set(err, BASE_ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&s->refs, 1);
    if (gw_policy_state_load(sw.path, &s->state, err) == BASE_OK)
        return s;
    free(s);
    return NULL;
}

/* load(), after putting back what the file has forgotten of what was in force at `serial`. */
static struct gw_switches_ref *load_whole(const struct pol_kills *known, uint64_t serial,
                                          struct base_err *err)
{
    struct gw_switches_ref *s = load(err);
    if (!s || !gw_policy_state_lost(s->state, known, serial))
        return s;
    gw_switches_unref(s);
    if (gw_policy_state_restore(sw.path, known, serial, err) != BASE_OK)
        return NULL;
    base_warn("policy", "%s had lost kill switches that nobody took back: they were put back",
              sw.path);
    s = load(err);
    if (s && gw_policy_state_lost(s->state, known, serial)) {
        base_err_set(err, BASE_EIO, "%s loses what is written to it", sw.path);
        gw_switches_unref(s);
        s = NULL;
    }
    return s;
}

struct arrival {
    struct gw_post post;
    struct gw_switches_ref *s;
};

static void arrive(struct gw_loop *l, void *arg)
{
    struct arrival *p = arg;
    struct gw_app_loop *al = l->app;
    if (al) {
        gw_switches_unref(al->switches);
        al->switches = p->s;
        gw_answer_switched(al);
    } else {
        gw_switches_unref(p->s);
    }
    free(p);
}

static void publish(struct gw_switches_ref *s)
{
    pthread_mutex_lock(&sw.mu);
    struct gw_switches_ref *old = sw.now;
    sw.now = s;
    for (unsigned i = 0; i < gw_child_loops(sw.child); i++) {
        struct gw_loop *l = gw_child_loop(sw.child, i);
        struct arrival *p = l ? calloc(1, sizeof *p) : NULL;
        if (!p)
            continue;
        p->s = ref(s);
        p->post.fn = arrive;
        p->post.arg = p;
        gw_loop_post(l, &p->post);
    }
    pthread_mutex_unlock(&sw.mu);
    gw_switches_unref(old);
}

void gw_switches_warn(const struct conf *c)
{
    struct gw_switches_ref *s = gw_switches_now();
    for (size_t i = 0; i < s->state->kills.n; i++) {
        const struct pol_kill *k = &s->state->kills.v[i];
        if (!gw_policy_state_names(c, k->kind, k->value))
            base_warn("policy",
                      "the kill switch on %s %.*s stops nothing: the configuration has "
                      "none of that name",
                      pol_kill_kind_name(k->kind), BASE_FMT(k->value));
    }
    gw_switches_unref(s);
}

/* ---- records ---- */

static enum base_status tell(const struct gw_state_change *e, size_t kills, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    char ev[32];
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    snprintf(ev, sizeof ev, "policy.%s", gw_state_act_name(e->act));
    base_json_obj(&j);
    base_json_kstr(&j, "at", e->at);
    base_json_kstr(&j, "by", e->by);
    base_json_kz(&j, "ev", ev);
    if (e->act != GW_STATE_ROLLBACK)
        base_json_kz(&j, "kind", pol_kill_kind_name(e->kind));
    base_json_kint(&j, "kills", (int64_t)kills);
    if (e->act == GW_STATE_ROLLBACK && e->of != GW_GOV_POLICY)
        base_json_kz(&j, "of", gw_governed_name(e->of));
    base_json_kstr(&j, "reason", e->reason);
    base_json_kz(&j, "req", "");
    if (e->act == GW_STATE_ROLLBACK)
        base_json_kint(&j, "revision", e->revision);
    base_json_kint(&j, "serial", (int64_t)e->serial);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    if (e->act != GW_STATE_ROLLBACK)
        base_json_kstr(&j, "value", e->value);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&b) ? aud_log_append(sw.log, base_buf_view(&b), NULL, err)
                                          : base_err_set(err, BASE_LIMIT, "the event is too long");
    base_buf_release(&b);
    return st;
}

/* Records every event that the log has not been told. */
static enum base_status tell_new(const struct gw_policy_state *s, struct base_err *err)
{
    enum base_status st = BASE_OK;
    uint64_t before = sw.told;
    for (size_t i = 0; i < s->n_events && st == BASE_OK; i++) {
        if (s->events[i].serial <= sw.told)
            continue;
        st = tell(&s->events[i], s->kills.n, err);
        if (st == BASE_OK)
            sw.told = s->events[i].serial;
    }
    if (sw.told != before) {
        struct base_err second;
        enum base_status wrote =
            gw_policy_seen_told(sw.log_dir, sw.told, &s->kills, st == BASE_OK ? err : &second);
        st = st == BASE_OK ? wrote : st;
    }
    return st;
}

/* ---- the thread ---- */

void gw_switches_ask(struct gw_switches_ask *a)
{
    pthread_mutex_lock(&sw.mu);
    a->next = sw.asks;
    sw.asks = a;
    pthread_cond_signal(&sw.cv);
    pthread_mutex_unlock(&sw.mu);
}

static void do_asks(struct gw_switches_ask *a)
{
    for (; a; a = a->next)
        a->st = gw_policy_state_change(sw.path, &a->what, &a->err);
}

/* After the new snapshot has been posted: posts run in the order in which they were made. */
static void answer_asks(struct gw_switches_ask *a)
{
    while (a) {
        struct gw_switches_ask *next = a->next;
        a->post.fn = gw_switches_answer;
        a->post.arg = a;
        gw_loop_post(a->r->loop, &a->post);
        a = next;
    }
}

/* Publishes what is new; *asks are answered between that and the record, which may take a while. */
static void look(struct gw_keys_stamp *stamp, bool *complained, struct gw_switches_ask **asks)
{
    struct base_err err = {0};
    struct gw_switches_ref *s, *told;
    if (!gw_keys_changed(sw.path, stamp))
        return;
    s = load_whole(&sw.now->state->kills, sw.now->state->serial, &err);
    if (!s) {
        memset(stamp, 0, sizeof *stamp); /* what could not be read now is read at the next look */
        if (!*complained)
            base_error("policy", "what is switched off stays off: %s", err.text);
        *complained = true;
        return;
    }
    *complained = false;
    told = ref(s);
    publish(s); /* a switch does not wait for its record */
    answer_asks(*asks);
    *asks = NULL;
    base_info("policy", "kill switches: %zu in force", told->state->kills.n);
    if (tell_new(told->state, &err) != BASE_OK)
        base_error("policy", "a kill switch could not be recorded: %s", err.text);
    gw_switches_unref(told);
}

static void *watch(void *arg)
{
    struct gw_keys_stamp stamp = *(struct gw_keys_stamp *)arg;
    bool complained = false, stop = false;
    free(arg);
    while (!stop) {
        struct timespec until = gw_watch_until(POLL_MS);
        pthread_mutex_lock(&sw.mu);
        if (!sw.asks && !sw.stopping)
            (void)pthread_cond_timedwait(&sw.cv, &sw.mu, &until);
        struct gw_switches_ask *asks = sw.asks;
        sw.asks = NULL;
        stop = sw.stopping;
        pthread_mutex_unlock(&sw.mu);
        do_asks(asks);
        look(&stamp, &complained, &asks);
        answer_asks(asks);
    }
    return NULL;
}

static enum base_status first_look(struct base_err *err)
{
    struct gw_policy_seen *seen = gw_policy_seen_load(sw.log_dir);
    if (!seen)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    size_t kills = seen->n_kills;
    sw.told = seen->serial;
    sw.now = load(err);
    if (sw.now && sw.now->state->there) {
        gw_switches_unref(sw.now);
        sw.now = load_whole(&seen->kills, seen->serial, err);
    }
    gw_policy_seen_free(seen);
    if (!sw.now)
        return err ? err->code : BASE_EINVAL;
    if (!sw.now->state->there && kills)
        return base_err_set(err, BASE_EINVAL,
                            "%zu kill switches were in force and %s is gone: restore it (weir "
                            "policy kill makes a new file, and the others come back into it)",
                            kills, sw.path);
    return tell_new(sw.now->state, err);
}

enum base_status gw_switches_start(struct gw_child *child, const char *path, const char *log_dir,
                                   struct aud_log *log, struct base_err *err)
{
    struct gw_keys_stamp *stamp = calloc(1, sizeof *stamp);
    sw.child = child;
    sw.log = log;
    sw.path = strdup(path);
    sw.log_dir = strdup(log_dir);
    sw.stopping = false;
    if (!stamp || !sw.path || !sw.log_dir || !gw_watch_cond_init(&sw.cv)) {
        free(stamp);
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    }
    bool there = gw_keys_changed(sw.path, stamp); /* the stamp first: later changes are seen */
    (void)there;
    enum base_status st = first_look(err);
    if (st == BASE_OK && pthread_create(&sw.thread, NULL, watch, stamp) == 0) {
        sw.running = true;
        return BASE_OK;
    }
    free(stamp);
    return st != BASE_OK ? st : base_err_set(err, BASE_ENOMEM, "no thread for the kill switches");
}

void gw_switches_stop(void)
{
    pthread_mutex_lock(&sw.mu);
    sw.stopping = true;
    pthread_cond_signal(&sw.cv);
    pthread_mutex_unlock(&sw.mu);
    if (sw.running)
        pthread_join(sw.thread, NULL);
    sw.running = false;
    gw_switches_unref(sw.now);
    sw.now = NULL;
    free(sw.path);
    free(sw.log_dir);
    sw.path = sw.log_dir = NULL;
}
