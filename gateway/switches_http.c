/* switches_http.c - /admin/v1/kill: look at the kill switches, throw one, take one back.
 *
 *   GET    /admin/v1/kill                                   {"kills":[..]}
 *   POST   /admin/v1/kill  {"backend":"x","reason":".."}    200, or 409 when it is off already
 *   DELETE /admin/v1/kill  {"backend":"x","reason":".."}    200, or 404 when it is not off
 * One of backend, model, country, basis, use_case names what it is about.
 *
 * Runs on    loop 0. The file is the watcher's: a change is handed over and answered when it is in
 *            the file and published; its record follows (switches.c).
 */
#include "gateway/admin_api.h"
#include "gateway/app.h"
#include "gateway/switches.h"
#include "gateway/switches_int.h"

#include <jansson.h>
#include <stdlib.h>

static void list(struct gw_server_request *r, int status)
{
    struct gw_app_loop *al = r->loop->app;
    struct base_buf body;
    struct base_json j;
    base_buf_init(&body, 4u << 20);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "kills");
    gw_policy_state_kills_json(&j, &al->switches->state->kills);
    base_json_obj_end(&j);
    gw_resp_send(r, status, "application/json", BASE_STR("Cache-Control: no-store\r\n"),
                 base_buf_view(&body));
    base_buf_release(&body);
}

void gw_switches_answer(struct gw_loop *l, void *arg)
{
    struct gw_switches_ask *a = arg;
    struct gw_server_request *r = a->r;
    r->app = NULL;
    if (!l->app)
        gw_resp_abort(r);
    else if (a->st == BASE_OK)
        list(r, 200); /* the snapshot was posted to this loop before this answer */
    else
        gw_admin_error(r,
                       a->st == BASE_DONE     ? 409
                       : a->st == BASE_ENOENT ? 404
                       : a->st == BASE_EINVAL ? 400
                                              : 500,
                       a->st == BASE_EIO ? "server_error" : "invalid_request_error", "%s",
                       a->err.text);
    free(a);
}

/* Copies a string member into out; false when it is missing or too long. */
static bool member(const json_t *o, const char *key, char *out, size_t max)
{
    const json_t *v = json_object_get(o, key);
    size_t n = json_string_length(v);
    if (!json_is_string(v) || n == 0 || n >= max)
        return false;
    memcpy(out, json_string_value(v), n);
    out[n] = 0;
    return true;
}

static bool fill(struct gw_switches_ask *a, struct gw_server_request *r, const json_t *o)
{
    int n = 0;
    for (int k = 0; k <= POL_KILL_USE_CASE; k++) {
        const char *key = pol_kill_kind_name((enum pol_kill_kind)k);
        if (!json_object_get(o, key))
            continue;
        n++;
        a->what.kind = (enum pol_kill_kind)k;
        if (!member(o, key, a->value, sizeof a->value))
            n = 99;
    }
    a->what.value = base_str_c(a->value);
    if (n != 1 || !member(o, "reason", a->reason, sizeof a->reason)) {
        gw_admin_error(r, 400, "invalid_request_error",
                       "the body needs one of backend, model, country, basis, use_case, and a "
                       "reason of at most %d bytes",
                       GW_STATE_TEXT_MAX);
        return false;
    }
    a->what.reason = base_str_c(a->reason);
    if (a->what.act == GW_STATE_KILL &&
        !gw_policy_state_names(r->gen->conf, a->what.kind, a->what.value)) {
        gw_admin_error(r, 400, "invalid_request_error",
                       "no %s is called %s: the switch would stop nothing",
                       pol_kill_kind_name(a->what.kind), a->value);
        return false;
    }
    return true;
}

static void change(struct gw_server_request *r, enum gw_state_act act)
{
    struct gw_key_info who;
    struct gw_switches_ask *a = calloc(1, sizeof *a);
    json_t *o = json_loadb(r->body.p ? r->body.p : "", r->body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!a) {
        gw_admin_error(r, 503, "server_error", "out of memory");
    } else if (!gw_admin_who(r, &who)) {
        gw_admin_error(r, 401, "authentication_error", "the admin key is not in force");
    } else if (!json_is_object(o)) {
        gw_admin_error(r, 400, "invalid_request_error", "the body must be a JSON object");
    } else {
        a->r = r;
        a->what.act = act;
        memcpy(a->by, who.name, sizeof who.name < sizeof a->by ? sizeof who.name : sizeof a->by);
        a->by[sizeof a->by - 1] = 0;
        a->what.by = base_str_c(a->by);
        if (fill(a, r, o)) {
            r->app = a; /* gone(): the answer still comes */
            gw_switches_ask(a);
            a = NULL;
        }
    }
    json_decref(o);
    free(a);
}

void gw_switches_admin(struct gw_server_request *r, struct base_str rest)
{
    if (rest.n)
        gw_admin_error(r, 404, "not_found_error", "there is nothing here");
    else if (base_str_is(r->head->method, "GET"))
        list(r, 200);
    else if (base_str_is(r->head->method, "POST"))
        change(r, GW_STATE_KILL);
    else if (base_str_is(r->head->method, "DELETE"))
        change(r, GW_STATE_REVIVE);
    else
        gw_admin_error(r, 405, "invalid_request_error", "only GET, POST and DELETE");
}
