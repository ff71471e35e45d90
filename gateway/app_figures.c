/* app_figures.c - how it all is: readiness, metrics, the dashboard.
 *
 * Owns       nothing; reads what app.c made.
 * Runs on    the loop that answers the admin request; never blocks.
 * Format     Prometheus text (the lines of a family stand together); the page is gateway/dash's.
 */
#include "gateway/admin_api.h"
#include "gateway/app_int.h"
#include "gateway/dash/dash.h"
#include <stdio.h>

bool gw_app_ready(struct gw_loop *l, const char **why)
{
    struct gw_app_loop *al = l->app;
    const struct conf *c = l->gen->conf;
    struct aud_stats a;
    aud_log_stats(gw_app_own.log, &a); /* another loop may have been the one to see it fail */
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

void gw_app_metrics(struct gw_loop *l, struct base_buf *out)
{
    struct aud_stats a;
    aud_log_stats(gw_app_own.log, &a);
    struct aud_keeper_stats k;
    aud_keeper_stats(gw_app_own.keeper, &k);
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
                   (double)gw_reviews_pending(gw_app_own.reviews));
    gw_rights_metrics(((struct gw_app_loop *)l->app)->rights, out);
    gw_pool_metrics(gw_app_own.pool, out);
    gw_metrics_put(out, "weir_reloads_refused_total", "counter",
                   "Configurations or policies that were not taken.",
                   (double)atomic_load(&gw_app_own.reloads_refused));
    gw_metrics_put(out, "weir_reload_refused", "gauge",
                   "1 while the last one that came was refused: an older one is in force.",
                   atomic_load(&gw_app_own.reload_refused));
    gw_metrics_put_sinks(out, gw_app_own.sinks);
    gw_metrics_put_witnesses(out, gw_app_own.witnesses);
    gw_metrics_put(out, "weir_audit_signer_up", "gauge",
                   "1 while the log's key is there; else checkpoints are late.",
                   !gw_app_own.remote || aud_remote_up(gw_app_own.remote));
    engine_family(l, out, ENGINE_READY, "weir_engine_ready",
                  "1 while the engine serves the model.");
    engine_family(l, out, ENGINE_QUEUED, "weir_engine_queued", "Requests that wait for a slot.");
    engine_family(l, out, ENGINE_ACTIVE, "weir_engine_active", "Requests that hold a slot.");
    engine_family(l, out, ENGINE_SLOTS, "weir_engine_slots", "Slots of the model.");
    gw_engine_put_figures(l->engine, l->gen->conf, out);
}

bool gw_app_page(struct gw_server_request *r, struct base_buf *out)
{
    struct gw_app_loop *al = r->loop->app;

    return al && gw_dash_page(al->dash, r, out);
}
