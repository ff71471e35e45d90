/* app.c - what the pipeline holds: made at start and for each loop, given back at the end.
 *
 * Owns       process-wide: the detector database, the audit log, and all that stands in gw_app_own;
 *            per loop: scratch, recorder, upstream pools, the snapshots in force.
 * Runs on    start and stop on the main thread (they may block); loop_* on each loop's.
 * Invariants the log is open before the first loop serves and closed after the last ticket is back.
 * Fails by   refusing to start.
 */
#include "audit/content/rights_seal.h"
#include "base/log.h"
#include "gateway/admin_api.h"
#include "gateway/app_int.h"
#include "gateway/auditor.h"
#include "gateway/dash/dash.h"
#include "gateway/events.h"
#include "gateway/policy_state.h"
#include "gateway/request.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REVIEW_TTL_S    (24u * 3600u)
#define SINKS_DRAIN_MS  1500 /* of the 15 s that a stop may take */
#define WITNESS_LAST_MS 2000

struct gw_app_state gw_app_own = {.signer_fd = -1, .keys_lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the process ---- */

void gw_app_signer(int fd)
{
    gw_app_own.signer_fd = fd;
}

/* A reload's other thread does not touch it: it is made before the first loop, freed after the
 * last. */
static void signer_again(int fd)
{
    if (gw_app_own.remote)
        aud_remote_replace(gw_app_own.remote, fd);
    else
        close(fd);
}

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
    gw_app_own.reviews = gw_reviews_new(REVIEW_TTL_S);
    if (!gw_app_own.reviews)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    return gw_prov_open(file, c->audit.origin, &gw_app_own.prov, err);
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
    return aud_witnesses_start(a->directory, w, a->n_witnesses, a->quorum, &gw_app_own.witnesses,
                               err);
}

/* The log, and its first records: who starts, with which configuration and back ends. */
static enum base_status open_log(const struct gw_gen *g, struct base_err *err)
{
    const struct conf *c = g->conf;
    const struct conf_audit *a = &c->audit;
    const char *conf_id = ((struct gw_app_gen *)g->app)->conf_id;
    struct aud_options o = {.directory = a->directory,
                            .origin = a->origin,
                            .ring_leaves = a->queue,
                            .segment_bytes = a->segment_mib << 20,
                            .spool = a->on_failure == CONF_AUDIT_SPOOL ? a->spool : NULL,
                            .disk_warn_bytes = (uint64_t)a->disk.warn_mib << 20,
                            .disk_content_bytes = (uint64_t)a->disk.refuse_content_mib << 20,
                            .disk_refuse_bytes = (uint64_t)a->disk.refuse_all_mib << 20,
                            .watch = true,
                            .period_month = a->period == CONF_PERIOD_MONTH,
                            .period_records = a->period_records,
                            .period_bytes = (uint64_t)a->period_mib << 20,
                            .keep_periods = a->keep_periods,
                            .record_days = gw_app_record_days(c)};
    enum base_status st = BASE_OK;

    if (gw_app_own.signer_fd >= 0) {
        st = aud_remote_new(gw_app_own.signer_fd, a->directory, &gw_app_own.remote, err);
        o.remote = gw_app_own.remote;
    }
    if (st == BASE_OK)
        st = aud_log_open(&o, &gw_app_own.log, err);
    if (st == BASE_OK)
        st = gw_event_start(gw_app_own.log, c, conf_id, err);
    if (st == BASE_OK)
        st = gw_event_backends(gw_app_own.log, c, conf_id, err);
    return st;
}

/* What stands beside the log and writes to it: switches, rights, content, sinks, witnesses. */
static enum base_status open_beside_log(struct gw_child *child, const struct conf *c,
                                        struct base_err *err)
{
    struct aud_log *log = gw_app_own.log;
    enum base_status st = gw_policy_state_accept(c, err);
    if (st == BASE_OK)
        st = gw_switches_start(child, c->policy_state, c->audit.directory, log, err);
    if (st == BASE_OK)
        st = aud_rights_ready(c->audit.directory, &c->audit.master, err);
    if (st == BASE_OK)
        st = gw_rights_start(child, c->audit.directory, log, err);
    if (st == BASE_OK)
        st = gw_event_keys(log, gw_app_own.log_dir, gw_app_own.keys->keys, err);
    if (st == BASE_OK)
        st = open_oblige(c, err);
    const struct aud_keeper_options keep = {.directory = c->audit.directory,
                                            .master = &c->audit.master,
                                            .content = &c->audit.content,
                                            .rights_ready = true,
                                            .erased = erase_reviews,
                                            .erased_ctx = gw_app_own.reviews};
    if (st == BASE_OK)
        st = aud_keeper_open(&keep, log, &gw_app_own.keeper, err);
    if (st == BASE_OK)
        gw_rights_keeper(gw_app_own.keeper);
    if (st == BASE_OK)
        st = aud_serve_start(gw_app_own.log_dir, log, gw_app_own.keeper, &gw_app_own.serve, err);
    if (st == BASE_OK)
        st = aud_sinks_start(log, &c->audit, &gw_app_own.sinks, err);
    if (st == BASE_OK)
        st = start_witnesses(&c->audit, err);
    return st;
}

static enum base_status start(struct gw_child *child, const struct gw_gen *g, struct base_err *err)
{
    const struct conf *c = g->conf;
    enum base_status st;

    gw_app_own.child = child;
    st = pol_detector_new(&gw_app_own.detector, err);
    if (st == BASE_OK)
        st = gw_pool_new(gw_app_own.detector, 0, &gw_app_own.pool, err);
    if (st != BASE_OK)
        return st;
    struct gw_keys_stamp *stamp = calloc(1, sizeof *stamp);
    gw_app_own.keys_file = strdup(c->keys_file);
    gw_app_own.log_dir = strdup(c->audit.directory);
    if (!stamp || !gw_app_own.keys_file || !gw_app_own.log_dir) {
        free(stamp);
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    }
    /* the stamp before the load: a change in between is seen by the watcher */
    (void)gw_keys_changed(gw_app_own.keys_file, stamp);
    gw_app_own.keys = gw_app_keys_load(gw_app_own.keys_file, err);
    st = gw_app_own.keys ? open_log(g, err) : err->code;
    if (st == BASE_OK)
        st = open_beside_log(child, c, err);
    if (st == BASE_OK && gw_app_keys_watch(stamp)) {
        gw_app_own.watching = true;
        return BASE_OK;
    }
    free(stamp);
    return st != BASE_OK ? st : base_err_set(err, BASE_ENOMEM, "no thread for the key watcher");
}

static void stop(void)
{
    struct base_err err;
    atomic_store(&gw_app_own.stopping, true);
    gw_auditor_stop();
    if (gw_app_own.watching)
        pthread_join(gw_app_own.watcher, NULL);
    gw_pool_free(gw_app_own.pool);
    gw_app_own.pool = NULL;
    gw_switches_stop();
    gw_rights_stop();
    aud_serve_stop(gw_app_own.serve);
    gw_app_own.serve = NULL;
    aud_keeper_close(gw_app_own.keeper);
    gw_app_own.keeper = NULL;
    if (gw_app_own.log && gw_event_stop(gw_app_own.log, &err) != BASE_OK)
        base_error("audit", "the stop could not be recorded: %s", err.text);
    aud_sinks_stop(gw_app_own.sinks, SINKS_DRAIN_MS);
    gw_app_own.sinks = NULL;
    if (gw_app_own.log && aud_log_close(gw_app_own.log, &err) != BASE_OK)
        base_error("audit", "the log did not close in good order: %s", err.text);
    /* they see its last checkpoint too */
    aud_witnesses_stop(gw_app_own.witnesses, WITNESS_LAST_MS);
    gw_app_own.witnesses = NULL;
    aud_remote_free(gw_app_own.remote);
    gw_app_own.remote = NULL;
    gw_app_keys_unref(gw_app_own.keys);
    gw_prov_free(gw_app_own.prov);
    gw_reviews_free(gw_app_own.reviews);
    pol_detector_free(gw_app_own.detector);
    free(gw_app_own.keys_file);
    free(gw_app_own.log_dir);
    gw_app_own.prov = NULL;
    gw_app_own.reviews = NULL;
    gw_app_own.log = NULL;
    gw_app_own.keys = NULL;
    gw_app_own.detector = NULL;
    gw_app_own.keys_file = gw_app_own.log_dir = NULL;
    gw_app_own.watching = false;
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
    gw_dash_free(al->dash);
    gw_upstreams_unref(al->upstreams);
    gw_recorder_free(al->recorder);
    pol_scratch_free(al->scratch);
    gw_app_keys_unref(al->keys);
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
    al->detector = gw_app_own.detector;
    al->prov = gw_app_own.prov;
    al->reviews = gw_app_own.reviews;
    pthread_mutex_lock(&gw_app_own.keys_lock);
    al->keys = gw_app_keys_ref(gw_app_own.keys);
    pthread_mutex_unlock(&gw_app_own.keys_lock);
    al->switches = gw_switches_now();
    al->rights = gw_rights_now();
    al->recorder = gw_recorder_new(l, gw_app_own.log);
    al->keeper = gw_app_own.keeper;
    al->pool = gw_app_own.pool;
    al->upstreams = upstreams_new(l, err);
    bool dash = l->index != 0 || (al->dash = gw_dash_new(l));
    if (al->recorder && al->upstreams && dash &&
        pol_scratch_new(gw_app_own.detector, &al->scratch, err) == BASE_OK)
        return al;
    if (!al->recorder || !dash)
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

/* ---- what never became whole, and who may see the admin side ---- */

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
    bool auditor = info.role == GW_ROLE_AUDITOR &&
                   base_str_starts(r->head->path, BASE_STR("/admin/v1")); /* more in admin_api.c */
    if (st == BASE_OK && info.role != GW_ROLE_ADMIN && !auditor)
        return BASE_DENIED;
    return st;
}

const struct gw_app gw_weir_app = {
    .gen_new = gw_app_gen_new,
    .gen_free = gw_app_gen_free,
    .reloading = gw_app_reloading,
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
            .malformed = gw_request_malformed,
        },
    .admin_auth = admin_auth,
    .admin = gw_admin_api,
    .ready = gw_app_ready,
    .metrics = gw_app_metrics,
    .page = gw_app_page,
    .signer = signer_again,
};
