/* admin_api.c - the table of what is under /admin/v1, and what its handlers share.
 *
 * Owns       nothing; a call that waits for its leaf hangs on r->app and lives in r's arena.
 * Runs on    loop 0's thread.
 * Invariants what changes or reveals something happens after its leaf is durable; if it cannot be
 *            recorded it does not happen (503).
 */
#include "gateway/admin_api.h"
#include "base/json.h"
#include "gateway/app.h"
#include "gateway/erase_http.h"
#include "gateway/review_http.h"
#include "gateway/rights.h"
#include "gateway/switches.h"
#include <stdarg.h>
#include <stdio.h>

struct call {
    struct gw_server_request *r;
    void (*then)(struct gw_server_request *r, void *arg);
    void *arg;
};

static const struct {
    const char *prefix;
    void (*fn)(struct gw_server_request *r, struct base_str rest);
} handlers[] = {
    {"kill", gw_switches_admin},
    {"reviews", gw_review_admin},
    {"erase", gw_erase_admin},
    {"rights", gw_rights_admin},
};

bool gw_admin_api(struct gw_server_request *r)
{
    struct base_str path = r->head->path, root = BASE_STR("/admin/v1/");
    path.p += root.n;
    path.n -= root.n;
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        struct base_str prefix = base_str_c(handlers[i].prefix);
        if (!base_str_starts(path, prefix) || (path.n > prefix.n && path.p[prefix.n] != '/'))
            continue;
        handlers[i].fn(r, base_str_n(path.p + prefix.n, path.n - prefix.n));
        return true;
    }
    return false;
}

bool gw_admin_api_gone(struct gw_server_request *r)
{
    return r->app != NULL; /* recorded() still comes, and ends it */
}

bool gw_admin_who(struct gw_server_request *r, struct gw_key_info *out)
{
    struct gw_app_loop *al = r->loop->app;
    return gw_keys_lookup(al->keys->keys, gw_request_secret(r->head), out) == BASE_OK &&
           out->role == GW_ROLE_ADMIN;
}

static void recorded(void *ctx, enum base_status st, uint64_t index)
{
    struct call *c = ctx;
    struct gw_server_request *r = c->r;
    (void)index;
    r->app = NULL;
    if (!r->loop->app) /* the loop has ended: nothing can be done any more */
        gw_resp_abort(r);
    else if (st == BASE_OK)
        c->then(r, c->arg); /* also when nobody is there to hear the answer: it is on record */
    else
        gw_admin_error(r, 503, "server_error", "the audit log has failed: nothing was done");
}

void gw_admin_record(struct gw_server_request *r, struct base_str leaf,
                     void (*then)(struct gw_server_request *r, void *arg), void *arg)
{
    struct gw_app_loop *al = r->loop->app;
    struct call *c = base_arena_alloc(r->arena, sizeof *c);
    enum base_status st = BASE_ENOMEM;

    if (c) {
        *c = (struct call){.r = r, .then = then, .arg = arg};
        r->app = c;
        st = gw_record(al->recorder, leaf, recorded, c, NULL);
    }
    if (st == BASE_OK)
        return;
    r->app = NULL;
    gw_admin_error(r, 503, "server_error",
                   "the audit log cannot take a record now: nothing was done");
}

void gw_admin_leaf_who(struct base_json *j, const struct gw_server_request *r, const char *ev,
                       const struct gw_key_info *who)
{
    base_json_kz(j, "ev", ev);
    base_json_kz(j, "key", who->id);
    base_json_kz(j, "req", r->id);
}

void gw_admin_error(struct gw_server_request *r, int status, const char *type, const char *fmt, ...)
{
    char text[512];
    struct base_buf body;
    struct base_json j;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    base_buf_init(&body, 4096);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kz(&j, "message", text);
    base_json_kz(&j, "type", type);
    base_json_kz(&j, "param", NULL);
    base_json_kz(&j, "code", NULL);
    base_json_obj_end(&j);
    base_json_obj_end(&j);
    gw_resp_send(r, status, "application/json", BASE_STR_NULL, base_buf_view(&body));
    base_buf_release(&body);
}
