/* admin_api.c - the table of what is under /admin/v1, and what its handlers share.
 *
 * Owns       nothing; a call that waits for its leaf hangs on r->app and lives in r's arena.
 * Runs on    loop 0's thread.
 * Invariants an auditor's key reaches no handler that changes or shows content, whatever that
 *            handler would say; each of its requests is on record, refused ones too.
 *            what changes or reveals something happens after its leaf is durable; if it cannot be
 *            recorded it does not happen (503).
 */
#include "gateway/admin_api.h"
#include "base/json.h"
#include "gateway/app.h"
#include "gateway/auditor.h"
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

typedef void (*handler_fn)(struct gw_server_request *r, struct base_str rest);

/* Who may: LOOK admins and auditors, on record where it is an auditor; OWN as LOOK, and the handler
 * makes the record itself; CONTENT and CHANGE admins only. */
enum kind { LOOK, OWN, CONTENT, CHANGE };

static void endpoints_list(struct gw_server_request *r, struct base_str rest);

/* What there is. A path that ends in a star has one more part there. What is not in this table is
 * not reached: GET /admin/v1 prints it, and a test asks every row of it with an auditor's key. */
static const struct endpoint {
    const char *method, *path; /* behind /admin/v1 */
    enum kind kind;
    size_t skip; /* of the path: what the handler gets is behind */
    handler_fn fn;
} endpoints[] = {
    // clang-format off
    {"GET",    "",                  LOOK,    0, endpoints_list},
    {"GET",    "/kill",             LOOK,    5, gw_switches_admin},
    {"POST",   "/kill",             CHANGE,  5, gw_switches_admin},
    {"DELETE", "/kill",             CHANGE,  5, gw_switches_admin},
    {"GET",    "/reviews",          LOOK,    8, gw_review_admin},
    {"GET",    "/reviews/*",        CONTENT, 8, gw_review_admin},
    {"POST",   "/reviews/*",        CHANGE,  8, gw_review_admin},
    {"POST",   "/erase",            CHANGE,  6, gw_erase_admin},
    {"GET",    "/rights",           LOOK,    7, gw_rights_admin},
    {"POST",   "/rights",           CHANGE,  7, gw_rights_admin},
    {"DELETE", "/rights",           CHANGE,  7, gw_rights_admin},
    {"POST",   "/rights/check",     CONTENT, 7, gw_rights_admin},
    {"POST",   "/corrections",      CHANGE, 12, gw_auditor_correct},
    {"GET",    "/policy",           OWN,     7, gw_auditor_policy},
    {"GET",    "/audit/verify",     OWN,     6, gw_auditor_audit},
    {"GET",    "/audit/checkpoint", OWN,     6, gw_auditor_audit},
    {"GET",    "/audit/proof",      OWN,     6, gw_auditor_audit},
    {"GET",    "/audit/records",    OWN,     6, gw_auditor_audit},
    {"GET",    "/audit/query",      OWN,     6, gw_auditor_audit},
    {"GET",    "/audit/export",     OWN,     6, gw_auditor_audit},
    // clang-format on
};
#define N_ENDPOINTS (sizeof endpoints / sizeof *endpoints)

static bool auditors_may(const struct endpoint *e)
{
    return e->kind == LOOK || e->kind == OWN;
}

static void endpoints_list(struct gw_server_request *r, struct base_str rest)
{
    static const char *const kinds[] = {"look", "look", "content", "change"};
    struct base_buf body;
    struct base_json j;
    (void)rest;
    base_buf_init(&body, 65536);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "endpoints");
    base_json_arr(&j);
    for (size_t i = 0; i < N_ENDPOINTS; i++) {
        base_json_obj(&j);
        base_json_kbool(&j, "auditor", auditors_may(&endpoints[i]));
        base_json_kz(&j, "kind", kinds[endpoints[i].kind]);
        base_json_kz(&j, "method", endpoints[i].method);
        base_json_kstr(&j, "path", base_arena_printf(r->arena, "/admin/v1%s", endpoints[i].path));
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    gw_resp_send(r, 200, "application/json", BASE_STR("Cache-Control: no-store\r\n"),
                 base_buf_view(&body));
    base_buf_release(&body);
}

static bool path_is(const char *pattern, struct base_str path)
{
    size_t n = strlen(pattern);
    if (n == 0 || pattern[n - 1] != '*')
        return base_str_is(path, pattern) || (n == 0 && base_str_is(path, "/"));
    return base_str_starts(path, base_str_n(pattern, n - 1)) && path.n >= n;
}

/* ---- an auditor's request, on record before it is answered ---- */

struct looking {
    const struct endpoint *e; /* NULL: refused */
    struct base_str rest;
};

static void look_now(struct gw_server_request *r, void *arg)
{
    const struct looking *l = arg;
    if (l->e)
        l->e->fn(r, l->rest);
    else
        gw_admin_error(r, 403, "permission_error",
                       "an auditor's key reads; it changes nothing and sees no content");
}

static void look_recorded(struct gw_server_request *r, const struct gw_key_info *who,
                          const struct endpoint *e, struct base_str rest)
{
    struct looking *l = base_arena_alloc(r->arena, sizeof *l);
    struct base_buf leaf;
    struct base_json j;
    if (!l) {
        gw_admin_error(r, 503, "server_error", "out of memory");
        return;
    }
    *l = (struct looking){auditors_may(e) ? e : NULL, rest};
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &leaf);
    base_json_obj(&j);
    base_json_kstr(&j, "by", base_arena_printf(r->arena, "key %s (%s)", who->id, who->name));
    if (!l->e)
        base_json_kz(&j, "denied", "auditor");
    base_json_kz(&j, "ev", "audit.read");
    base_json_key(&j, "question");
    base_json_obj(&j);
    base_json_obj_end(&j);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "rows", l->e ? 1 : 0);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kstr(&j, "what", base_arena_printf(r->arena, "%s /admin/v1%s", e->method, e->path));
    base_json_obj_end(&j);
    gw_admin_record(r, base_buf_view(&leaf), look_now, l);
    base_buf_release(&leaf);
}

bool gw_admin_api(struct gw_server_request *r)
{
    struct base_str path = r->head->path, root = BASE_STR("/admin/v1");
    const struct endpoint *e = NULL;
    struct gw_app_loop *al = r->loop->app;
    struct gw_key_info who;
    bool known = false;

    path.p += root.n;
    path.n -= root.n;
    for (size_t i = 0; i < N_ENDPOINTS && !e; i++) {
        if (!path_is(endpoints[i].path, path))
            continue;
        known = true;
        if (base_str_is(r->head->method, endpoints[i].method))
            e = &endpoints[i];
    }
    if (gw_keys_lookup(al->keys->keys, gw_request_secret(r->head), &who) != BASE_OK)
        gw_admin_error(r, 401, "authentication_error", "the key is not in force");
    else if (!e && known)
        gw_admin_error(r, 405, "invalid_request_error",
                       "this path does not take %.*s: GET /admin/v1 lists what there is",
                       (int)(r->head->method.n > 20 ? 20 : r->head->method.n), r->head->method.p);
    else if (!e)
        return false;
    else if (who.role == GW_ROLE_AUDITOR && e->kind != OWN)
        look_recorded(r, &who, e, base_str_n(path.p + e->skip, path.n - e->skip));
    else
        e->fn(r, base_str_n(path.p + e->skip, path.n - e->skip));
    return true;
}

bool gw_admin_api_gone(struct gw_server_request *r)
{
    return r->app != NULL; /* recorded() still comes, and ends it */
}

bool gw_admin_who(struct gw_server_request *r, struct gw_key_info *out)
{
    struct gw_app_loop *al = r->loop->app;
    return gw_keys_lookup(al->keys->keys, gw_request_secret(r->head), out) == BASE_OK &&
           (out->role == GW_ROLE_ADMIN ||
            (out->role == GW_ROLE_AUDITOR && base_str_is(r->head->method, "GET")));
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
