/* app.c - what the pipeline holds: detectors, the log, compiled policies, keys, pools.
 *
 * Owns       process-wide: the detector database, the audit log, the key watcher's thread;
 *            per configuration: the compiled policy; per loop: scratch, recorder, pools.
 * Runs on    start, stop and gen_new on the main thread (they may block); loop_* on each loop's;
 *            the key watcher on a thread of its own, because loops touch no files.
 * Invariants the log is open before the first loop serves and closed after the last ticket is back;
 *            a loop swaps its key snapshot by post, never under a request.
 * Fails by   refusing to start. A key file that becomes unreadable keeps the old snapshot and says
 *            so: keys already revoked stay revoked, new ones are not known until it is mended.
 */
#include "gateway/app.h"
#include "audit/log/remote.h"
#include "audit/log/serve.h"
#include "base/log.h"
#include "gateway/admin_api.h"
#include "gateway/events.h"
#include "gateway/request.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define KEYS_POLL_MS    500
#define REVIEW_TTL_S    (24u * 3600u)
#define SINKS_DRAIN_MS  1500 /* of the 15 s that a stop may take */
#define WITNESS_LAST_MS 2000

static struct {
    struct gw_child *child;
    struct pol_detector *detector;
    struct aud_log *log;
    struct gw_prov *prov;
    struct gw_reviews *reviews;
    struct aud_keeper *keeper;
    struct aud_serve *serve; /* the log's control socket */
    struct aud_sinks *sinks;
    struct aud_witnesses *witnesses;
    struct gw_pool *pool;
    struct aud_remote *remote; /* who signs the log; NULL: this process */
    int signer_fd;
    struct gw_keys_ref *keys; /* the newest; swapped by the watcher, under keys_lock */
    pthread_mutex_t keys_lock;
    pthread_t watcher;
    bool watching;
    atomic_bool stopping;
    char *keys_file, *log_dir;
    _Atomic uint64_t reloads_refused;
    atomic_bool reload_refused; /* the last one was */
} app = {.signer_fd = -1, .keys_lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- keys ---- */

static struct gw_keys_ref *keys_ref(struct gw_keys_ref *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

static void keys_unref(struct gw_keys_ref *k)
{
    if (k && atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) == 1) {
        gw_keys_free(k->keys);
        free(k);
    }
}

static struct gw_keys_ref *keys_load(const char *file, struct base_err *err)
{
    struct gw_keys_ref *k = calloc(1, sizeof *k);
    if (!k) {
        base_err_set(err, BASE_ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&k->refs, 1);
    if (gw_keys_load(file, &k->keys, err) == BASE_OK)
        return k;
    free(k);
    return NULL;
}

struct keys_post {
    struct gw_post post;
    struct gw_keys_ref *keys;
};

static void keys_arrive(struct gw_loop *l, void *arg)
{
    struct keys_post *p = arg;
    struct gw_app_loop *al = l->app;
    if (al) {
        keys_unref(al->keys);
        al->keys = p->keys;
    } else {
        keys_unref(p->keys);
    }
    free(p);
}

static void keys_publish(struct gw_keys_ref *k)
{
    pthread_mutex_lock(&app.keys_lock);
    struct gw_keys_ref *old = app.keys;
    app.keys = k;
    for (unsigned i = 0; i < gw_child_loops(app.child); i++) {
        struct gw_loop *l = gw_child_loop(app.child, i);
        struct keys_post *p = l ? calloc(1, sizeof *p) : NULL;
        if (!p)
            continue;
        p->keys = keys_ref(k);
        p->post.fn = keys_arrive;
        p->post.arg = p;
        gw_loop_post(l, &p->post);
    }
    pthread_mutex_unlock(&app.keys_lock);
    keys_unref(old);
}

static void *watch_keys(void *arg)
{
    struct gw_keys_stamp stamp = *(struct gw_keys_stamp *)arg;
    struct base_err err;
    bool complained = false;
    free(arg);
    while (!atomic_load(&app.stopping)) {
        const struct timespec pause = {0, KEYS_POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
        if (!gw_keys_changed(app.keys_file, &stamp))
            continue;
        struct gw_keys_ref *k = keys_load(app.keys_file, &err);
        if (k) {
            struct gw_keys_ref *told = keys_ref(k);
            keys_publish(k); /* a revocation does not wait for its record */
            base_info("keys", "read again: %s", app.keys_file);
            if (gw_event_keys(app.log, app.log_dir, told->keys, &err) != BASE_OK)
                base_error("keys", "a change of the keys could not be recorded: %s", err.text);
            keys_unref(told);
        } else {
            stamp = (struct gw_keys_stamp){0}; /* a revocation must not be missed: tried again */
            if (!complained)
                base_error("keys", "kept the old keys: %s", err.text);
        }
        complained = !k;
    }
    return NULL;
}

/* ---- per configuration ---- */

static void gen_free(void *gen_app)
{
    struct gw_app_gen *g = gen_app;
    if (!g)
        return;
    pol_policy_free(g->shadow);
    pol_policy_free(g->policy);
    free(g);
}

/* The first error of problems (there is one, unless memory ran out) into err. */
static void policy_error(const struct conf *c, const struct conf_problems *problems,
                         struct base_err *err)
{
    const struct conf_problem *first = NULL;
    for (size_t i = 0; i < problems->n && !first; i++)
        if (!problems->v[i].warning)
            first = &problems->v[i];
    base_err_set(err, BASE_EINVAL, "%s:%d:%d: %s", first ? first->pos.file : c->file,
                 first ? first->pos.line : 0, first ? first->pos.col : 0,
                 first ? first->text : "the policy does not compile");
}

static bool witnesses_changed(const struct conf_audit *a, const struct conf_audit *b)
{
    if (a->n_witnesses != b->n_witnesses)
        return true;
    for (size_t i = 0; i < a->n_witnesses; i++) {
        const struct conf_witness *x = &a->witnesses[i], *y = &b->witnesses[i];
        if (strcmp(x->name, y->name) != 0 || strcmp(x->url, y->url) != 0 ||
            strcmp(x->vkey, y->vkey) != 0 || strcmp(x->ca ? x->ca : "", y->ca ? y->ca : "") != 0)
            return true;
    }
    return false;
}

void gw_app_signer(int fd)
{
    app.signer_fd = fd;
}

/* A reload's other thread does not touch it: it is made before the first loop, freed after the
 * last. */
static void signer_again(int fd)
{
    if (app.remote)
        aud_remote_replace(app.remote, fd);
    else
        close(fd);
}

static bool audit_changed(const struct conf_audit *a, const struct conf_audit *b)
{
    return memcmp(a->sinks_id, b->sinks_id, sizeof(a->sinks_id)) != 0 ||
           a->disk.warn_mib != b->disk.warn_mib ||
           a->disk.refuse_content_mib != b->disk.refuse_content_mib ||
           a->disk.refuse_all_mib != b->disk.refuse_all_mib || a->queue != b->queue ||
           a->on_failure != b->on_failure || a->signer != b->signer || a->period != b->period ||
           a->period_records != b->period_records || a->period_mib != b->period_mib ||
           a->keep_periods != b->keep_periods || a->quorum != b->quorum ||
           witnesses_changed(a, b) ||
           strcmp(a->spool ? a->spool : "", b->spool ? b->spool : "") != 0 ||
           strcmp(a->signer_directory ? a->signer_directory : "",
                  b->signer_directory ? b->signer_directory : "") != 0;
}

static enum base_status gen_new(const struct conf *c, const struct gw_gen *old, void **out,
                                struct base_err *err)
{
    struct conf_problems problems = {0};
    struct gw_app_gen *g;
    if (old && (strcmp(old->conf->audit.directory, c->audit.directory) != 0 ||
                strcmp(old->conf->audit.origin, c->audit.origin) != 0))
        return base_err_set(err, BASE_EINVAL,
                            "%s: the audit log's directory and origin cannot change "
                            "while it is written: restart instead",
                            c->file);
    if (old && audit_changed(&old->conf->audit, &c->audit))
        return base_err_set(err, BASE_EINVAL,
                            "%s: the audit log's sinks, witnesses, periods, disk stages, queue, "
                            "spool and signer "
                            "cannot change while it is written: restart instead",
                            c->file);
    if (old && strcmp(old->conf->keys_file, c->keys_file) != 0)
        return base_err_set(err, BASE_EINVAL,
                            "%s: keys cannot move to another file on reload: "
                            "restart instead",
                            c->file);
    if (old && strcmp(old->conf->policy_state, c->policy_state) != 0)
        return base_err_set(err, BASE_EINVAL,
                            "%s: policy_state cannot move to another file on reload: restart "
                            "instead",
                            c->file);
    enum base_status st = gw_policy_state_allows(c, err);
    if (st != BASE_OK)
        return st;
    g = calloc(1, sizeof *g);
    if (!g)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    g->policy = pol_policy_new(c, &problems);
    if (g->policy)
        pol_policy_unenforced(g->policy, gw_enforced(c), &problems);
    if (g->policy && c->has_shadow)
        g->shadow = pol_policy_new_of(c, &c->shadow, &problems);
    if (!g->policy || problems.n_errors) {
        policy_error(c, &problems, err);
        conf_problems_release(&problems);
        gen_free(g);
        return BASE_EINVAL;
    }
    conf_problems_release(&problems);
    int n = snprintf(g->conf_id, sizeof g->conf_id, "sha256:");
    for (size_t i = 0; i < sizeof c->sha256; i++)
        n += snprintf(g->conf_id + n, sizeof g->conf_id - (size_t)n, "%02x", c->sha256[i]);
    *out = g;
    return BASE_OK;
}

static uint32_t record_days(const struct conf *c)
{
    const struct conf_retention *r = conf_longest_retention(&c->policy);
    return r ? r->record_days : 0;
}

static enum base_status reloading(const struct gw_gen *old, const struct gw_gen *now,
                                  const char *why, struct base_err *err)
{
    const struct gw_app_gen *g = now ? now->app : NULL;
    enum base_status st = BASE_OK;
    atomic_store(&app.reload_refused, !now);
    if (!now)
        atomic_fetch_add(&app.reloads_refused, 1);
    if (now) {
        st = gw_policy_state_accept(now->conf, err);
        if (st == BASE_OK)
            st = gw_event_backends(app.log, now->conf, g->conf_id, err);
    }
    if (st == BASE_OK)
        st = gw_event_reload(app.log, old->conf, now ? now->conf : NULL, why, err);
    if (st == BASE_OK && now)
        st = aud_keeper_configure(app.keeper, &now->conf->audit.content, err);
    if (st == BASE_OK && now) {
        aud_log_record_days(app.log, record_days(now->conf));
        gw_switches_warn(now->conf);
    }
    return st;
}

/* ---- the process ---- */

/* On the keeper's thread: an erasure reaches answers that wait for a human too. */
static void erase_reviews(void *ctx, const struct aud_erasure *what)
{
    gw_reviews_erase(ctx, what->subject, what->tenant, what->req);
}

/* What obligations need: the key of records of origin, the queue of answers under review. */
static enum base_status open_oblige(const struct conf *c, struct base_err *err)
{
    char file[4096];
    if (snprintf(file, sizeof file, "%s/keys/provenance.key", c->audit.directory) >=
        (int)sizeof file)
        return base_err_set(err, BASE_EINVAL, "%s: the path is too long", c->audit.directory);
    app.reviews = gw_reviews_new(REVIEW_TTL_S);
    if (!app.reviews)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    return gw_prov_open(file, c->audit.origin, &app.prov, err);
}

static enum base_status start_witnesses(const struct conf_audit *a, struct base_err *err)
{
    struct aud_witness_conf w[AUD_WITNESSES_MAX];

    if (a->n_witnesses == 0)
        return BASE_OK;
    for (size_t i = 0; i < a->n_witnesses; i++) {
        const struct conf_witness *c = &a->witnesses[i];
        w[i] = (struct aud_witness_conf){c->name, c->url, c->vkey, c->ca};
    }
    return aud_witnesses_start(a->directory, w, a->n_witnesses, a->quorum, &app.witnesses, err);
}

static enum base_status start(struct gw_child *child, const struct gw_gen *g, struct base_err *err)
{
    const struct conf *c = g->conf;
    const struct conf_audit *a = &c->audit;
    struct aud_options o = {.directory = a->directory,
                            .origin = a->origin,
                            .ring_leaves = a->queue,
                            .spool = a->on_failure == CONF_AUDIT_SPOOL ? a->spool : NULL,
                            .disk_warn_bytes = (uint64_t)a->disk.warn_mib << 20,
                            .disk_content_bytes = (uint64_t)a->disk.refuse_content_mib << 20,
                            .disk_refuse_bytes = (uint64_t)a->disk.refuse_all_mib << 20,
                            .watch = true,
                            .period_month = a->period == CONF_PERIOD_MONTH,
                            .period_records = a->period_records,
                            .period_bytes = (uint64_t)a->period_mib << 20,
                            .keep_periods = a->keep_periods,
                            .record_days = record_days(c)};
    enum base_status st;

    app.child = child;
    st = pol_detector_new(&app.detector, err);
    if (st != BASE_OK)
        return st;
    st = gw_pool_new(app.detector, 0, &app.pool, err);
    if (st != BASE_OK)
        return st;
    struct gw_keys_stamp *stamp = calloc(1, sizeof *stamp);
    app.keys_file = strdup(c->keys_file);
    app.log_dir = strdup(c->audit.directory);
    if (!stamp || !app.keys_file || !app.log_dir) {
        free(stamp);
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    }
    bool there = gw_keys_changed(app.keys_file, stamp); /* the stamp before the load: a change
                                                           in between is seen by the watcher */
    (void)there;
    app.keys = keys_load(app.keys_file, err);
    if (app.signer_fd >= 0) {
        st = aud_remote_new(app.signer_fd, a->directory, &app.remote, err);
        if (st != BASE_OK)
            return st;
        o.remote = app.remote;
    }
    st = app.keys ? aud_log_open(&o, &app.log, err) : err->code;
    if (st == BASE_OK)
        st = gw_event_start(app.log, c, ((struct gw_app_gen *)g->app)->conf_id, err);
    if (st == BASE_OK)
        st = gw_event_backends(app.log, c, ((struct gw_app_gen *)g->app)->conf_id, err);
    if (st == BASE_OK)
        st = gw_policy_state_accept(c, err);
    if (st == BASE_OK)
        st = gw_switches_start(child, c->policy_state, c->audit.directory, app.log, err);
    if (st == BASE_OK)
        st = gw_rights_start(child, c->audit.directory, app.log, err);
    if (st == BASE_OK)
        st = gw_event_keys(app.log, app.log_dir, app.keys->keys, err);
    if (st == BASE_OK)
        st = open_oblige(c, err);
    const struct aud_keeper_options keep = {.directory = c->audit.directory,
                                            .master = &c->audit.master,
                                            .content = &c->audit.content,
                                            .erased = erase_reviews,
                                            .erased_ctx = app.reviews};
    if (st == BASE_OK)
        st = aud_keeper_open(&keep, app.log, &app.keeper, err);
    if (st == BASE_OK)
        gw_rights_keeper(app.keeper);
    if (st == BASE_OK)
        st = aud_serve_start(app.log_dir, app.log, app.keeper, &app.serve, err);
    if (st == BASE_OK)
        st = aud_sinks_start(app.log, a, &app.sinks, err);
    if (st == BASE_OK)
        st = start_witnesses(a, err);
    if (st == BASE_OK && pthread_create(&app.watcher, NULL, watch_keys, stamp) == 0) {
        app.watching = true;
        return BASE_OK;
    }
    free(stamp);
    return st != BASE_OK ? st : base_err_set(err, BASE_ENOMEM, "no thread for the key watcher");
}

static void stop(void)
{
    struct base_err err;
    atomic_store(&app.stopping, true);
    if (app.watching)
        pthread_join(app.watcher, NULL);
    gw_pool_free(app.pool);
    app.pool = NULL;
    gw_switches_stop();
    gw_rights_stop();
    aud_serve_stop(app.serve);
    app.serve = NULL;
    aud_keeper_close(app.keeper);
    app.keeper = NULL;
    if (app.log && gw_event_stop(app.log, &err) != BASE_OK)
        base_error("audit", "the stop could not be recorded: %s", err.text);
    aud_sinks_stop(app.sinks, SINKS_DRAIN_MS);
    app.sinks = NULL;
    if (app.log && aud_log_close(app.log, &err) != BASE_OK)
        base_error("audit", "the log did not close in good order: %s", err.text);
    aud_witnesses_stop(app.witnesses, WITNESS_LAST_MS); /* they see its last checkpoint too */
    app.witnesses = NULL;
    aud_remote_free(app.remote);
    app.remote = NULL;
    keys_unref(app.keys);
    gw_prov_free(app.prov);
    gw_reviews_free(app.reviews);
    pol_detector_free(app.detector);
    free(app.keys_file);
    free(app.log_dir);
    app.prov = NULL;
    app.reviews = NULL;
    app.log = NULL;
    app.keys = NULL;
    app.detector = NULL;
    app.keys_file = app.log_dir = NULL;
    app.watching = false;
}

/* ---- per loop ---- */

void gw_upstreams_unref(struct gw_upstreams_ref *u)
{
    if (u && --u->refs == 0) {
        gw_upstreams_free(u->u);
        free(u);
    }
}

static struct gw_upstreams_ref *upstreams_new(struct gw_loop *l, struct base_err *err)
{
    struct gw_upstreams_ref *u = calloc(1, sizeof *u);
    if (!u) {
        base_err_set(err, BASE_ENOMEM, "out of memory");
        return NULL;
    }
    u->refs = 1;
    u->u = gw_upstreams_new(l->base, l->gen->conf, err);
    if (u->u)
        return u;
    free(u);
    return NULL;
}

static void loop_free(struct gw_loop *l)
{
    struct gw_app_loop *al = l->app;
    if (!al)
        return;
    l->app = NULL;
    gw_upstreams_unref(al->upstreams);
    gw_recorder_free(al->recorder);
    pol_scratch_free(al->scratch);
    keys_unref(al->keys);
    gw_switches_unref(al->switches);
    gw_rights_unref(al->rights);
    free(al);
}

static void *loop_new(struct gw_loop *l, struct base_err *err)
{
    struct gw_app_loop *al = calloc(1, sizeof *al);
    if (!al) {
        base_err_set(err, BASE_ENOMEM, "out of memory");
        return NULL;
    }
    al->loop = l;
    al->detector = app.detector;
    al->prov = app.prov;
    al->reviews = app.reviews;
    pthread_mutex_lock(&app.keys_lock);
    al->keys = keys_ref(app.keys);
    pthread_mutex_unlock(&app.keys_lock);
    al->switches = gw_switches_now();
    al->rights = gw_rights_now();
    al->recorder = gw_recorder_new(l, app.log);
    al->keeper = app.keeper;
    al->pool = app.pool;
    al->upstreams = upstreams_new(l, err);
    if (al->recorder && al->upstreams &&
        pol_scratch_new(app.detector, &al->scratch, err) == BASE_OK)
        return al;
    if (!al->recorder)
        base_err_set(err, BASE_ENOMEM, "out of memory");
    l->app = al;
    loop_free(l);
    return NULL;
}

/* Reads the back ends' CA files on the loop: the one exception to "loops touch no file", taken once
 * a reload because a TLS context belongs to its loop's pool. */
static void loop_gen(struct gw_loop *l)
{
    struct gw_app_loop *al = l->app;
    struct base_err err;
    struct gw_upstreams_ref *u = upstreams_new(l, &err);
    if (!u) { /* requests name their targets by the new configuration: the old pool would not do */
        base_error("gateway", "worker %u has no upstream pool: %s; it refuses requests", l->index,
                   err.text);
        al->log_failed = true;
        return;
    }
    gw_upstreams_unref(al->upstreams);
    al->upstreams = u;
}

/* ---- the server's own refusals, and the admin side ---- */

static void refused(struct gw_loop *l, int status, const char *id, const char *peer,
                    const char *why)
{
    struct gw_app_loop *al = l->app;
    struct base_buf leaf;
    (void)peer; /* an address is personal data: the log does without it */
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    if (al && !al->log_failed &&
        gw_leaf_refused(&leaf, id, BASE_STR_NULL, NULL, status, "malformed", why) &&
        gw_record(al->recorder, base_buf_view(&leaf), NULL, NULL, NULL) == BASE_EIO)
        al->log_failed = true;
    base_buf_release(&leaf);
}

struct base_str gw_request_secret(const struct gw_http_head *h)
{
    const struct gw_http_header *a = gw_http_find(h, "authorization");
    const struct gw_http_header *x = gw_http_find(h, "x-api-key");
    if (a && a->value.n > 7 && base_str_ieq(base_str_n(a->value.p, 7), BASE_STR("Bearer ")))
        return base_str_trim(base_str_n(a->value.p + 7, a->value.n - 7));
    return x ? x->value : BASE_STR_NULL;
}

static enum base_status admin_auth(struct gw_server_request *r)
{
    struct gw_app_loop *al = r->loop->app;
    struct gw_key_info info;
    enum base_status st = gw_keys_lookup(al->keys->keys, gw_request_secret(r->head), &info);
    if (st == BASE_OK && info.role != GW_ROLE_ADMIN)
        return BASE_DENIED;
    return st;
}

static bool ready(struct gw_loop *l, const char **why)
{
    struct gw_app_loop *al = l->app;
    const struct conf *c = l->gen->conf;
    struct aud_stats a;
    aud_log_stats(app.log, &a); /* another loop may have been the one to see it fail */
    if (!al || al->log_failed || a.failed) {
        *why = "the audit log has failed";
        return false;
    }
    if (a.disk == AUD_DISK_FULL) {
        *why = "the audit log's disk is nearly full";
        return false;
    }
    for (size_t i = 0; i < c->engine.n_models; i++)
        if (!gw_engine_link_ready(l->engine, c->engine.models[i].name, NULL, NULL, NULL)) {
            *why = "the engine is starting or a local model is not ready";
            return false;
        }
    *why = "";
    return true;
}

enum engine_figure { ENGINE_READY, ENGINE_QUEUED, ENGINE_ACTIVE, ENGINE_SLOTS };

/* One family after the other: the lines of a family must stand together. */
static void engine_family(struct gw_loop *l, struct base_buf *out, enum engine_figure what,
                          const char *name, const char *help)
{
    const struct conf *c = l->gen->conf;
    base_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    for (size_t i = 0; i < c->engine.n_models; i++) {
        uint32_t v[4] = {0};
        const char *model = c->engine.models[i].name;
        v[ENGINE_READY] = gw_engine_link_ready(l->engine, model, &v[ENGINE_QUEUED],
                                               &v[ENGINE_ACTIVE], &v[ENGINE_SLOTS]);
        base_buf_printf(out, "%s{model=\"%s\"} %u\n", name, model, v[what]);
    }
}

static void metrics(struct gw_loop *l, struct base_buf *out)
{
    struct aud_stats a;
    aud_log_stats(app.log, &a);
    struct aud_keeper_stats k;
    aud_keeper_stats(app.keeper, &k);
    gw_metrics_put(out, "weir_content_kept_blobs_total", "counter",
                   "Pieces of content that were stored, encrypted.", (double)k.kept_blobs);
    gw_metrics_put(out, "weir_content_destroyed_blobs_total", "counter",
                   "Pieces of content that were destroyed, by order or by time.",
                   (double)k.deleted_blobs);
    gw_metrics_put(out, "weir_content_refused_total", "counter",
                   "Pieces of content that could not be taken: queue, size or disk.",
                   (double)k.refused);
    gw_metrics_put(out, "weir_content_failed", "gauge",
                   "1 when keys or content cannot be written any more.", k.failed);
    gw_metrics_put_audit(out, &a);
    gw_metrics_put(out, "weir_reviews_pending", "gauge", "Answers that wait for a human.",
                   (double)gw_reviews_pending(app.reviews));
    gw_rights_metrics(((struct gw_app_loop *)l->app)->rights, out);
    gw_pool_metrics(app.pool, out);
    gw_metrics_put(out, "weir_reloads_refused_total", "counter",
                   "Configurations or policies that were not taken.",
                   (double)atomic_load(&app.reloads_refused));
    gw_metrics_put(out, "weir_reload_refused", "gauge",
                   "1 while the last one that came was refused: an older one is in force.",
                   atomic_load(&app.reload_refused));
    gw_metrics_put_sinks(out, app.sinks);
    gw_metrics_put_witnesses(out, app.witnesses);
    gw_metrics_put(out, "weir_audit_signer_up", "gauge",
                   "1 while the log's key is there; else checkpoints are late.",
                   !app.remote || aud_remote_up(app.remote));
    engine_family(l, out, ENGINE_READY, "weir_engine_ready",
                  "1 while the engine serves the model.");
    engine_family(l, out, ENGINE_QUEUED, "weir_engine_queued", "Requests that wait for a slot.");
    engine_family(l, out, ENGINE_ACTIVE, "weir_engine_active", "Requests that hold a slot.");
    engine_family(l, out, ENGINE_SLOTS, "weir_engine_slots", "Slots of the model.");
    gw_engine_put_figures(l->engine, l->gen->conf, out);
}

static void status_rows(struct gw_loop *l, struct base_buf *out)
{
    struct aud_stats a;
    const struct conf *c = l->gen->conf;
    aud_log_stats(app.log, &a);
    base_buf_printf(out,
                    "<tr><th>audit log</th><td>%s, %llu records durable, %llu signed</td></tr>"
                    "<tr><th>policy</th><td>%s</td></tr>",
                    a.failed                  ? "FAILED"
                    : a.broken                ? "FAILED; the spool takes the records"
                    : a.disk == AUD_DISK_FULL ? "disk nearly full: requests are refused"
                                              : "ok",
                    (unsigned long long)a.size_durable, (unsigned long long)a.size_signed,
                    c->policy.id);
    for (size_t i = 0; i < c->engine.n_models; i++)
        base_buf_printf(out, "<tr><th>local/%s</th><td>%s</td></tr>", c->engine.models[i].name,
                        gw_engine_link_ready(l->engine, c->engine.models[i].name, NULL, NULL, NULL)
                            ? "ready"
                            : "not ready");
}

const struct gw_app gw_weir_app = {
    .gen_new = gen_new,
    .gen_free = gen_free,
    .reloading = reloading,
    .start = start,
    .stop = stop,
    .loop_new = loop_new,
    .loop_gen = loop_gen,
    .loop_free = loop_free,
    .ops =
        {
            .head = gw_request_head,
            .request = gw_request_begin,
            .gone = gw_request_gone,
            .drained = gw_request_drained,
            .refused = refused,
        },
    .admin_auth = admin_auth,
    .admin = gw_admin_api,
    .ready = ready,
    .metrics = metrics,
    .status_rows = status_rows,
    .signer = signer_again,
};
