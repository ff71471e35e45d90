/* rights_http.c - /admin/v1/rights: who is restricted or objected, for those with an admin key.
 *
 *   GET    /admin/v1/rights                       {"entries":[..],"readable":true}, no identifiers
 *   POST   /admin/v1/rights  {"list":"objected","identifier":"..","reason":"..","approver":"..",
 *                             "expires":"2027-12-31"?}   200, or 409 when it is listed already
 *   DELETE /admin/v1/rights  the same, or "id" for "identifier"; 200, or 404
 *   POST   /admin/v1/rights/check {"identifier":".."}    {"entries":[..]}: those that it is in
 *
 * Owns       one struct for each change under way; it is wiped when it is answered.
 * Runs on    loop 0. The file is the watcher's (rights.c): a change is handed over and answered
 *            when it is in the file and published; its record follows.
 */
#include "gateway/admin_api.h"
#include "gateway/app.h"
#include "gateway/rights_int.h"

#include <jansson.h>
#include <stdlib.h>

#define HITS_MAX 64

static int64_t today(void)
{
    return base_wall_us() / 86400000000;
}

static void send_json(struct gw_server_request *r, struct base_buf *body)
{
    if (base_buf_ok(body))
        gw_resp_send(r, 200, "application/json", BASE_STR("Cache-Control: no-store\r\n"),
                     base_buf_view(body));
    else
        gw_admin_error(r, 500, "server_error", "the answer does not fit");
    base_buf_release(body);
}

static void list(struct gw_server_request *r)
{
    const struct gw_app_loop *al = r->loop->app;
    struct base_buf body;
    struct base_json j;
    base_buf_init(&body, 32u << 20);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "entries");
    conf_rights_json(&j, al->rights->lists, today());
    base_json_kbool(&j, "readable", !atomic_load(&al->rights->unreadable));
    base_json_obj_end(&j);
    send_json(r, &body);
}

static void check(struct gw_server_request *r, struct base_str identifier)
{
    const struct gw_app_loop *al = r->loop->app;
    size_t hits[HITS_MAX], n = conf_rights_of(al->rights->lists, identifier, hits, HITS_MAX);
    struct base_buf body;
    struct base_json j;
    base_buf_init(&body, 1u << 20);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "entries");
    base_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        conf_rights_entry_json(&j, conf_rights_at(al->rights->lists, hits[i]), today());
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    send_json(r, &body);
}

void gw_rights_answer(struct gw_loop *l, void *arg)
{
    struct gw_rights_ask *a = arg;
    struct gw_server_request *r = a->r;
    r->app = NULL;
    if (!l->app) {
        gw_resp_abort(r);
    } else if (a->st == BASE_OK) {
        char body[64];
        int n = snprintf(body, sizeof body, "{\"id\":\"%s\"}", a->id);
        gw_resp_send(r, 200, "application/json", BASE_STR("Cache-Control: no-store\r\n"),
                     base_str_n(body, (size_t)n));
    } else {
        gw_admin_error(r,
                       a->st == BASE_DONE     ? 409
                       : a->st == BASE_ENOENT ? 404
                       : a->st == BASE_EINVAL ? 400
                                              : 500,
                       a->st == BASE_EIO ? "server_error" : "invalid_request_error", "%s",
                       a->err.text);
    }
    base_wipe(a, sizeof *a);
    free(a);
}

/* Copies a string member into out; false when it is too long, or missing and needed. */
static bool member(const json_t *o, const char *key, char *out, size_t bytes, bool needed)
{
    const json_t *v = json_object_get(o, key);
    size_t n = json_string_length(v);
    if (!v && !needed)
        return true;
    if (!json_is_string(v) || n >= bytes || (needed && n == 0) || strlen(json_string_value(v)) != n)
        return false;
    memcpy(out, json_string_value(v), n + 1);
    return true;
}

static bool fill(struct gw_rights_ask *a, const json_t *o)
{
    struct conf_rights_change *w = &a->what;
    const json_t *word = json_object_get(o, "list");
    bool by_id = w->remove && json_object_get(o, "id");
    w->list = conf_rights_find(base_str_n(json_string_value(word), json_string_length(word)));
    if (!w->list || !member(o, "identifier", a->identifier, sizeof a->identifier, !by_id) ||
        !member(o, "reason", a->reason, sizeof a->reason, true) ||
        !member(o, "approver", a->approver, sizeof a->approver, true) ||
        !member(o, "expires", a->expires, sizeof a->expires, false) ||
        !member(o, "id", a->old_id, sizeof a->old_id, by_id))
        return false;
    w->identifier = base_str_c(a->identifier);
    w->id = base_str_c(a->old_id);
    w->reason = base_str_c(a->reason);
    w->approver = base_str_c(a->approver);
    w->expires = base_str_c(a->expires);
    return true;
}

static void change(struct gw_server_request *r, const json_t *o, const struct gw_key_info *who,
                   bool remove)
{
    struct gw_rights_ask *a = calloc(1, sizeof *a);
    if (!a) {
        gw_admin_error(r, 503, "server_error", "out of memory");
        return;
    }
    a->r = r;
    a->what.remove = remove;
    snprintf(a->by, sizeof a->by, "%s", who->name);
    a->what.by = base_str_c(a->by);
    if (fill(a, o)) {
        r->app = a; /* gone(): the answer still comes */
        gw_rights_ask(a);
        return;
    }
    base_wipe(a, sizeof *a);
    free(a);
    gw_admin_error(r, 400, "invalid_request_error",
                   "the body needs list (restricted or objected), identifier%s, reason (at most %d "
                   "bytes) and approver (%d)%s",
                   remove ? " or id" : "", CONF_RIGHTS_TEXT_MAX, CONF_RIGHTS_NAME_MAX,
                   remove ? "" : "; expires is YYYY-MM-DD");
}

void gw_rights_admin(struct gw_server_request *r, struct base_str rest)
{
    struct gw_key_info who;
    bool checks = base_str_is(rest, "/check"), post = base_str_is(r->head->method, "POST");
    if (rest.n && !checks) {
        gw_admin_error(r, 404, "not_found_error", "there is nothing here");
        return;
    }
    if (!gw_admin_who(r, &who)) {
        gw_admin_error(r, 401, "authentication_error", "the admin key is not in force");
        return;
    }
    if (!checks && base_str_is(r->head->method, "GET")) {
        list(r);
        return;
    }
    if (!post && (checks || !base_str_is(r->head->method, "DELETE"))) {
        gw_admin_error(r, 405, "invalid_request_error", "only GET, POST and DELETE");
        return;
    }
    json_t *o = json_loadb(r->body.p ? r->body.p : "", r->body.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *v = json_object_get(o, "identifier");
    if (!json_is_object(o))
        gw_admin_error(r, 400, "invalid_request_error", "the body must be a JSON object");
    else if (checks && !json_is_string(v))
        gw_admin_error(r, 400, "invalid_request_error", "the body is {\"identifier\": \"...\"}");
    else if (checks)
        check(r, base_str_n(json_string_value(v), json_string_length(v)));
    else
        change(r, o, &who, !post);
    if (json_is_string(v)) /* jansson frees without wiping */
        base_wipe((char *)(uintptr_t)json_string_value(v), json_string_length(v));
    json_decref(o);
}
