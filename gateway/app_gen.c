/* app_gen.c - a configuration taken: its policies compiled, what may not change refused, on record.
 *
 * Owns       nothing; it makes what struct gw_app_gen holds, one for each configuration.
 * Runs on    the main thread, which it may block; loops serve the old configuration meanwhile.
 * Invariants a policy that asks for what this gateway does not do is refused; so is one older than
 *            the newest ever taken (gateway/policy_state.h); a reload is a record before it serves.
 * Fails by   refusing: at start the process ends, at a reload the old configuration stays in force,
 *            the log and the metrics say so.
 */
#include "gateway/app_int.h"
#include "gateway/events.h"
#include "gateway/policy_state.h"
#include <stdio.h>
#include <stdlib.h>

void gw_app_gen_free(void *gen_app)
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

static bool audit_changed(const struct conf_audit *a, const struct conf_audit *b)
{
    return memcmp(a->sinks_id, b->sinks_id, sizeof(a->sinks_id)) != 0 ||
           a->disk.warn_mib != b->disk.warn_mib ||
           a->disk.refuse_content_mib != b->disk.refuse_content_mib ||
           a->disk.refuse_all_mib != b->disk.refuse_all_mib || a->queue != b->queue ||
           a->segment_mib != b->segment_mib || a->on_failure != b->on_failure ||
           a->signer != b->signer || a->period != b->period ||
           a->period_records != b->period_records || a->period_mib != b->period_mib ||
           a->keep_periods != b->keep_periods || a->quorum != b->quorum ||
           witnesses_changed(a, b) ||
           strcmp(a->spool ? a->spool : "", b->spool ? b->spool : "") != 0 ||
           strcmp(a->signer_directory ? a->signer_directory : "",
                  b->signer_directory ? b->signer_directory : "") != 0;
}

enum base_status gw_app_gen_new(const struct conf *c, const struct gw_gen *old, void **out,
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
    if (g->policy)
        gw_tasks_check(&c->policy, &problems);
    if (g->policy && c->has_shadow)
        g->shadow = pol_policy_new_of(c, &c->shadow, &problems);
    if (!g->policy || problems.n_errors) {
        policy_error(c, &problems, err);
        conf_problems_release(&problems);
        gw_app_gen_free(g);
        return BASE_EINVAL;
    }
    conf_problems_release(&problems);
    int n = snprintf(g->conf_id, sizeof g->conf_id, "sha256:");
    for (size_t i = 0; i < sizeof c->sha256; i++)
        n += snprintf(g->conf_id + n, sizeof g->conf_id - (size_t)n, "%02x", c->sha256[i]);
    *out = g;
    return BASE_OK;
}

uint32_t gw_app_record_days(const struct conf *c)
{
    const struct conf_retention *r = conf_longest_retention(&c->policy);
    return r ? r->record_days : 0;
}

enum base_status gw_app_reloading(const struct gw_gen *old, const struct gw_gen *now,
                                  const char *why, struct base_err *err)
{
    const struct gw_app_gen *g = now ? now->app : NULL;
    enum base_status st = BASE_OK;
    atomic_store(&gw_app_own.reload_refused, !now);
    if (!now)
        atomic_fetch_add(&gw_app_own.reloads_refused, 1);
    if (now) {
        st = gw_policy_state_accept(now->conf, err);
        if (st == BASE_OK)
            st = gw_event_backends(gw_app_own.log, now->conf, g->conf_id, err);
    }
    if (st == BASE_OK)
        st = gw_event_reload(gw_app_own.log, old->conf, now ? now->conf : NULL, why, err);
    if (st == BASE_OK && now)
        st = aud_keeper_configure(gw_app_own.keeper, &now->conf->audit.content, err);
    if (st == BASE_OK && now) {
        aud_log_record_days(gw_app_own.log, gw_app_record_days(now->conf));
        gw_switches_warn(now->conf);
    }
    return st;
}
