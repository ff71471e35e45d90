/* ocsf.c - a leaf as an event of the Open Cybersecurity Schema Framework 1.3, and the lines that
 * sinks write.
 *
 * Class API Activity (6003): somebody called an interface, and how it ended. What the class has a
 * place for goes there; the whole leaf stands under `unmapped`, so nothing is lost. The mapping is
 * in docs/audit-format.md. The source endpoint, which the class demands, is named after the tenant:
 * the log has no addresses.
 */
#include "audit/sinks/sink.h"

#include "base/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

#define CLASS_UID 6003

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* How it ended, as far as this leaf knows: 0 unknown, 1 success, 2 failure. */
static int status_of(const struct aud_sink_rec *r, const json_t *o)
{
    const char *status = text_of(o, "status"), *outcome;

    if (base_str_is(r->l.ev, "req.refused"))
        return 2;
    if (base_str_is(r->l.ev, "req.outcome"))
        return status && strcmp(status, "ok") == 0        ? 1
               : status && strcmp(status, "unknown") == 0 ? 0
                                                          : 2;
    if (base_str_is(r->l.ev, "req.intent") || base_str_is(r->l.ev, "req.fallback")) {
        outcome = text_of(json_object_get(o, "decision"), "outcome");
        return outcome && strcmp(outcome, "deny") == 0 ? 2 : 1;
    }
    if (base_str_is(r->l.ev, "log.spool") || base_str_is(r->l.ev, "log.disk"))
        return 0;
    return 1;
}

bool aud_leaf_is_bad_news(const struct aud_sink_rec *r)
{
    json_t *o = json_loadb(r->leaf.p, r->leaf.n, JSON_ALLOW_NUL, NULL);
    bool bad = status_of(r, o) != 1;

    json_decref(o);
    return bad;
}

static int activity_of(struct base_str ev, const char **name)
{
    static const struct {
        const char *ev;
        int id;
        const char *name;
    } table[] = {{"key.new", 1, "Create"},
                 {"key.revoked", 4, "Delete"},
                 {"admin.reload", 3, "Update"},
                 {"erasure.executed", 4, "Delete"}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (base_str_is(ev, table[i].ev)) {
            *name = table[i].name;
            return table[i].id;
        }
    }
    *name = base_str_starts(ev, BASE_STR("req.")) ? "Invoke" : "Log";
    return 99;
}

static void put_z(struct base_json *j, const char *key, const char *z)
{
    if (z && *z)
        base_json_kz(j, key, z);
}

static void put_metadata(struct base_json *j, const struct aud_sink_rec *r, const json_t *o,
                         const char *origin)
{
    char uid[300];

    snprintf(uid, sizeof(uid), "%s#%" PRIu64, origin, r->index);
    base_json_key(j, "metadata");
    base_json_obj(j);
    put_z(j, "correlation_uid", text_of(o, "req"));
    put_z(j, "event_code", text_of(o, "ev"));
    base_json_kz(j, "log_name", origin);
    base_json_key(j, "product");
    base_json_obj(j);
    base_json_kz(j, "name", "Weir");
    base_json_kz(j, "vendor_name", "Weir");
    base_json_kz(j, "version", WEIR_VERSION);
    base_json_obj_end(j);
    base_json_kint(j, "sequence", (int64_t)r->index);
    put_z(j, "tenant_uid", text_of(o, "tenant"));
    base_json_kz(j, "uid", uid);
    base_json_kz(j, "version", "1.3.0");
    base_json_obj_end(j);
}

static void put_actor(struct base_json *j, const json_t *o)
{
    const char *key = text_of(o, "key"), *subject = text_of(o, "subj");

    base_json_key(j, "actor");
    base_json_obj(j);
    base_json_kz(j, "app_name", "weir");
    if (key || subject) {
        base_json_key(j, "user");
        base_json_obj(j);
        put_z(j, "credential_uid", key);
        base_json_kz(j, "uid", subject ? subject : key);
        base_json_obj_end(j);
    }
    base_json_obj_end(j);
}

static void put_api(struct base_json *j, const json_t *o)
{
    const char *dialect = text_of(o, "dialect"), *ev = text_of(o, "ev"), *req = text_of(o, "req");
    const json_t *http = json_object_get(o, "http");

    base_json_key(j, "api");
    base_json_obj(j);
    base_json_kz(j, "operation", dialect ? dialect : ev ? ev : "unknown");
    if (req && *req) {
        base_json_key(j, "request");
        base_json_obj(j);
        base_json_kz(j, "uid", req);
        base_json_obj_end(j);
    }
    if (json_is_integer(http)) {
        base_json_key(j, "response");
        base_json_obj(j);
        base_json_kint(j, "code", json_integer_value(http));
        put_z(j, "error", text_of(o, "error"));
        base_json_obj_end(j);
    }
    base_json_key(j, "service");
    base_json_obj(j);
    base_json_kz(j, "name", "weir");
    base_json_obj_end(j);
    base_json_obj_end(j);
}

static void put_ends(struct base_json *j, const json_t *o)
{
    const char *tenant = text_of(o, "tenant");
    const json_t *to = json_object_get(o, "to");
    const char *route = text_of(o, "route");

    if (!route)
        route = text_of(json_object_get(o, "decision"), "route");
    base_json_key(j, "src_endpoint");
    base_json_obj(j);
    base_json_kz(j, "name", tenant && *tenant ? tenant : "weir");
    base_json_obj_end(j);
    if (!route && !to)
        return;
    base_json_key(j, "dst_endpoint");
    base_json_obj(j);
    put_z(j, "name", route);
    put_z(j, "owner_name", text_of(to, "entity"));
    base_json_obj_end(j);
}

bool aud_ocsf(const struct aud_sink_rec *r, const char *origin, struct base_buf *out)
{
    static const char *const status_name[] = {"Unknown", "Success", "Failure"};
    json_t *o = json_loadb(r->leaf.p, r->leaf.n, JSON_ALLOW_NUL, NULL);
    const json_t *ms = json_object_get(o, "ms");
    const char *activity;
    struct base_json j;
    int id = activity_of(r->l.ev, &activity), status = status_of(r, o);

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "activity_id", id);
    base_json_kz(&j, "activity_name", activity);
    put_actor(&j, o);
    put_api(&j, o);
    base_json_kint(&j, "category_uid", CLASS_UID / 1000);
    base_json_kint(&j, "class_uid", CLASS_UID);
    if (json_is_integer(ms))
        base_json_kint(&j, "duration", json_integer_value(ms));
    put_ends(&j, o);
    put_metadata(&j, r, o, origin);
    base_json_kint(&j, "severity_id", status == 1 ? 1 : 3);
    base_json_kz(&j, "status", status_name[status]);
    put_z(&j, "status_detail", text_of(o, "why"));
    base_json_kint(&j, "status_id", status);
    base_json_kint(&j, "time", (int64_t)(r->l.t / 1000));
    base_json_kint(&j, "type_uid", CLASS_UID * 100 + id);
    base_json_key(&j, "unmapped");
    base_json_obj(&j);
    base_json_key(&j, "leaf");
    base_json_raw(&j, r->leaf);
    base_json_obj_end(&j);
    base_json_obj_end(&j);
    json_decref(o);
    return base_buf_ok(out);
}

bool aud_sink_line(const struct aud_sink_env *e, const struct aud_sink_rec *r, struct base_buf *out)
{
    struct base_json j;

    if (e->conf->format == CONF_SINK_OCSF)
        return aud_ocsf(r, e->origin, out);
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "index", (int64_t)r->index);
    base_json_key(&j, "leaf");
    base_json_raw(&j, r->leaf);
    base_json_kz(&j, "origin", e->origin);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}
