/* erase_http.c - POST /admin/v1/erase: the keeper's erasure for those who have an admin key.
 *
 * Owns       one struct for each order under way; the keeper's callback posts it back to the loop.
 * Runs on    loop 0's thread; on_erased on the keeper's.
 * Order      the keeper records the order before it destroys anything and the end after it; nothing
 *            of that depends on the client still being there.
 */
#include "gateway/erase_http.h"

#include "gateway/admin_api.h"
#include "gateway/app.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct erasing {
    struct gw_post post;
    struct gw_server_request *r;
    enum base_status st;
    struct aud_erased done;
    struct base_err err;
};

static void back(struct gw_loop *l, void *arg)
{
    struct erasing *e = arg;
    struct gw_server_request *r = e->r;
    r->app = NULL;
    if (!l->app) {
        gw_resp_abort(r);
    } else if (e->st == BASE_OK) {
        json_t *o = aud_erased_json(&e->done);
        char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        if (text)
            gw_resp_send(r, 200, "application/json", BASE_STR_NULL, base_str_c(text));
        else
            gw_admin_error(r, 500, "server_error", "erased; the answer does not fit in memory");
        free(text);
        json_decref(o);
    } else {
        int status = e->st == BASE_ENOENT   ? 404
                     : e->st == BASE_DENIED ? 409
                     : e->st == BASE_EINVAL ? 400
                                            : 503;
        gw_admin_error(r, status, status < 500 ? "invalid_request_error" : "server_error", "%s",
                       e->err.text);
    }
    free(e);
}

static void on_erased(void *ctx, enum base_status st, const struct aud_erased *done,
                      const struct base_err *err)
{
    struct erasing *e = ctx;
    e->st = st;
    e->done = *done;
    e->err = *err;
    gw_loop_post(e->r->loop, &e->post);
}

void gw_erase_admin(struct gw_server_request *r, struct base_str rest)
{
    struct gw_app_loop *al = r->loop->app;
    struct gw_key_info key;
    char who[128];
    json_t *o = NULL;
    struct erasing *e = NULL;
    enum base_status st;

    if (rest.n || !base_str_is(r->head->method, "POST")) {
        gw_admin_error(r, rest.n ? 404 : 405, "invalid_request_error", "POST /admin/v1/erase");
        return;
    }
    if (!gw_admin_who(r, &key)) {
        gw_admin_error(r, 401, "authentication_error", "the key has been revoked");
        return;
    }
    o = json_loadb(r->body.p ? r->body.p : "", r->body.n, JSON_REJECT_DUPLICATES, NULL);
    snprintf(who, sizeof who, "key %s (%s)", key.id, key.name);
    const struct aud_erasure what = {
        .subject = json_string_value(json_object_get(o, "subject")),
        .tenant = json_string_value(json_object_get(o, "tenant")),
        .req = json_string_value(json_object_get(o, "req")),
        .reason = json_string_value(json_object_get(o, "reason")),
        .who = who,
    };
    const char *reason = what.reason;
    if (!json_is_object(o) || !what.subject == !what.req ||
        (what.subject && (!what.subject[0] || strlen(what.subject) > AUD_SUBJECT_MAX)) ||
        (what.req && strlen(what.req) > AUD_REQ_MAX) ||
        (what.tenant && strlen(what.tenant) > AUD_TENANT_BYTES) ||
        (reason && (!reason[0] || strlen(reason) > 256))) {
        json_decref(o);
        gw_admin_error(r, 400, "invalid_request_error",
                       "the body is {\"subject\":S,\"tenant\":T,\"reason\":R} or "
                       "{\"req\":ID,\"reason\":R}; tenant and reason may be left out");
        return;
    }
    e = calloc(1, sizeof *e);
    st = BASE_ENOMEM;
    if (e) {
        e->r = r;
        e->post.fn = back;
        e->post.arg = e;
        r->app = e; /* gone() then leaves the end to us */
        st = aud_keeper_erase_later(al->keeper, &what, on_erased, e);
    }
    json_decref(o);
    if (st == BASE_OK)
        return;
    free(e);
    r->app = NULL;
    gw_admin_error(r, 503, "server_error", "the keeper cannot take an order now; try again");
}
