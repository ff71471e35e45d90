/* events.c - leaves about the gateway itself; see events.h.
 *
 * Owns       keys/keys.seen in the log's directory: {"v":1,"keys":{ID:revoked,...}}. It is no
 *            evidence: without it every key is told again.
 * Format     conf.backend {backend, conf, residency}, admin.start {conf, policy, version},
 * admin.stop, admin.reload {after:{conf, policy}, before:{conf, policy}, done, why}, key.new {at,
 * data, key, name, role, use_case}, key.revoked {at, key, name}; all with t, tenant, req "", v.
 */
#include "gateway/events.h"

#include "audit/log/append.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "policy/decide/facts.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

#define SEEN_BYTES_MAX (16u << 20)

static void conf_ids(struct base_json *j, const struct conf *c)
{
    char id[80];
    int n = snprintf(id, sizeof(id), "sha256:");
    for (size_t i = 0; i < sizeof(c->sha256); i++)
        n += snprintf(id + n, sizeof(id) - (size_t)n, "%02x", c->sha256[i]);
    base_json_obj(j);
    base_json_kz(j, "conf", id);
    base_json_kz(j, "policy", c->policy.id);
    base_json_obj_end(j);
}

static void tail(struct base_json *j, const char *tenant)
{
    base_json_kz(j, "req", "");
    base_json_kint(j, "t", base_wall_us());
    base_json_kz(j, "tenant", tenant);
    base_json_kint(j, "v", 1);
}

enum base_status gw_event_start(struct aud_log *l, const struct conf *c, const char *conf_id,
                                struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "conf", conf_id);
    base_json_kz(&j, "ev", "admin.start");
    base_json_kz(&j, "policy", c->policy.id);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kz(&j, "version", WEIR_VERSION);
    base_json_obj_end(&j);
    enum base_status st = aud_log_append(l, base_buf_view(&b), NULL, err);
    base_buf_release(&b);
    return st;
}

enum base_status gw_event_stop(struct aud_log *l, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, 1024);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "admin.stop");
    tail(&j, "");
    base_json_obj_end(&j);
    enum base_status st = aud_log_append(l, base_buf_view(&b), NULL, err);
    base_buf_release(&b);
    return st;
}

enum base_status gw_event_reload(struct aud_log *l, const struct conf *old, const struct conf *now,
                                 const char *why, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    if (now) {
        base_json_key(&j, "after");
        conf_ids(&j, now);
    }
    base_json_key(&j, "before");
    conf_ids(&j, old);
    base_json_kbool(&j, "done", now != NULL);
    base_json_kz(&j, "ev", "admin.reload");
    tail(&j, "");
    if (!now)
        base_json_kz(&j, "why", why ? why : "");
    base_json_obj_end(&j);
    enum base_status st = aud_log_append(l, base_buf_view(&b), NULL, err);
    base_buf_release(&b);
    return st;
}

enum base_status gw_event_backends(struct aud_log *l, const struct conf *c, const char *conf_id,
                                   struct base_err *err)
{
    struct aud_waiter w;
    enum base_status st = BASE_OK;

    aud_waiter_init(&w, l);
    for (size_t i = 0; i < c->n_backends && st == BASE_OK; i++) {
        struct base_buf b;
        struct base_json j;
        base_buf_init(&b, AUD_LEAF_BYTES_MAX);
        base_json_init(&j, &b);
        base_json_obj(&j);
        base_json_kz(&j, "backend", c->backends[i].name);
        base_json_kz(&j, "conf", conf_id);
        base_json_kz(&j, "ev", "conf.backend");
        base_json_kz(&j, "req", "");
        base_json_key(&j, "residency");
        pol_residency_json(&j, &c->backends[i].residency);
        base_json_kint(&j, "t", base_wall_us());
        base_json_kz(&j, "tenant", "");
        base_json_kint(&j, "v", 1);
        base_json_obj_end(&j);
        st = base_buf_ok(&b)
                 ? aud_waiter_submit(&w, base_buf_view(&b), err)
                 : base_err_set(err, BASE_LIMIT,
                                "what is known of the back end %s does not fit a record",
                                c->backends[i].name);
        base_buf_release(&b);
    }
    enum base_status end = aud_waiter_wait(&w, NULL, st == BASE_OK ? err : NULL);
    return st == BASE_OK ? end : st;
}

/* ---- keys ---- */

static enum base_status tell_key(struct aud_waiter *w, const struct gw_key *k, bool revoked,
                                 struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kz(&j, "at", revoked ? k->revoked : k->created);
    if (!revoked) {
        base_json_key(&j, "data");
        base_json_arr(&j);
        for (size_t i = 0; i < k->n_data; i++)
            base_json_z(&j, k->data[i]);
        base_json_arr_end(&j);
    }
    base_json_kz(&j, "ev", revoked ? "key.revoked" : "key.new");
    base_json_kz(&j, "key", k->id);
    base_json_kz(&j, "name", k->name);
    base_json_kz(&j, "req", "");
    base_json_kz(&j, "role", gw_role_name(k->role));
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", k->tenant);
    if (!revoked && k->use_case)
        base_json_kz(&j, "use_case", k->use_case);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&b) ? aud_waiter_submit(w, base_buf_view(&b), err)
                                          : base_err_set(err, BASE_LIMIT, "key %s", k->id);
    base_buf_release(&b);
    return st;
}

/* What the log has heard of; an empty object when there is no such file or it does not parse. */
static json_t *seen_load(const char *path)
{
    struct base_buf b;
    json_t *root = NULL, *keys = NULL;
    base_buf_init(&b, SEEN_BYTES_MAX);
    if (base_file_read(path, &b, NULL) == BASE_OK)
        root = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json_object_get(root, "keys")))
        keys = json_incref(json_object_get(root, "keys"));
    json_decref(root);
    base_buf_release(&b);
    return keys ? keys : json_object();
}

static enum base_status seen_save(const char *path, const struct gw_keys *keys,
                                  struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    base_buf_init(&b, SEEN_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "v", 1);
    base_json_key(&j, "keys");
    base_json_obj(&j);
    for (size_t i = 0; i < gw_keys_count(keys); i++)
        base_json_kbool(&j, gw_keys_at(keys, i)->id, gw_keys_at(keys, i)->revoked != NULL);
    base_json_obj_end(&j);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&b)
                              ? base_file_replace(path, base_buf_view(&b), 0600, err)
                              : base_err_set(err, BASE_LIMIT, "%s: too many keys", path);
    base_buf_release(&b);
    return st;
}

enum base_status gw_event_keys(struct aud_log *l, const char *log_dir, const struct gw_keys *keys,
                               struct base_err *err)
{
    char path[PATH_MAX];
    struct aud_waiter w;
    enum base_status st = BASE_OK;
    size_t told = 0;

    if ((size_t)snprintf(path, sizeof(path), "%s/keys/keys.seen", log_dir) >= sizeof(path))
        return base_err_set(err, BASE_LIMIT, "%s: path too long", log_dir);
    json_t *seen = seen_load(path);
    if (!seen)
        return base_err_set(err, BASE_ENOMEM, "no memory for the keys that were seen");
    aud_waiter_init(&w, l);
    for (size_t i = 0; i < gw_keys_count(keys) && st == BASE_OK; i++) {
        const struct gw_key *k = gw_keys_at(keys, i);
        const json_t *s = json_object_get(seen, k->id);
        if (!s)
            st = tell_key(&w, k, false, err);
        if (st == BASE_OK && k->revoked && !json_is_true(s))
            st = tell_key(&w, k, true, err);
        told += !s || (k->revoked && !json_is_true(s));
    }
    json_decref(seen);
    enum base_status end = aud_waiter_wait(&w, NULL, st == BASE_OK ? err : NULL);
    if (st == BASE_OK)
        st = end;
    return st == BASE_OK && told ? seen_save(path, keys, err) : st;
}
