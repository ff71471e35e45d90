/* admin.c - the admin listener: figures, health, and one honest page.
 *
 * Runs on   loop 0 (which alone has the admin listener).
 * Access    /healthz and /readyz: anybody. /metrics: anybody when the listener's address is
 *           loopback, else an admin key. Everything else: an admin key, as `Authorization: Bearer`
 *           or, for browsers, as the password of Basic.
 * Renders   on the loop, from relaxed atomics: some tens of microseconds, and no file is touched.
 * Nothing here shows a prompt, an answer or a key; configuration shows as names and hashes.
 */
#include "gateway/admin.h"
#include "base/json.h"
#include "gateway/admin_api.h"
#include "gateway/child.h"
#include "gateway/local/engine_experts.h"
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#define TEXT_MAX    (4u << 20)
#define EXPERTS_MAX (64u << 20) /* /metrics?experts=all */
#define BASIC_MAX   1024u

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

static bool loopback_host(const char *h)
{
    struct base_str s = base_str_c(h);
    return base_str_starts(s, BASE_STR("127.")) || base_str_is(s, "::1") ||
           base_str_is(s, "localhost");
}

static void error_json(struct gw_server_request *r, int status, const char *type,
                       const char *message, const char *header)
{
    struct base_buf body;
    struct base_json j;
    base_buf_init(&body, 4096);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kz(&j, "message", message);
    base_json_kz(&j, "type", type);
    base_json_kz(&j, "param", NULL);
    base_json_kz(&j, "code", NULL);
    base_json_obj_end(&j);
    base_json_obj_end(&j);
    gw_resp_send(r, status, "application/json", base_str_c(header), base_buf_view(&body));
    base_buf_release(&body);
}

/* Rewrites `Authorization: Basic user:SECRET` to `Bearer SECRET` in the request's own head, so that
 * there is one check of keys and not two. */
static void basic_to_bearer(struct gw_server_request *r)
{
    /* Found in const data, but the head is this request's and nobody else reads it now. */
    struct gw_http_header *h =
        (struct gw_http_header *)(uintptr_t)gw_http_find(r->head, "authorization");
    if (!h || h->value.n < 8 || h->value.n > BASIC_MAX || h->value.n % 4 != 2 ||
        !base_str_ieq(base_str_n(h->value.p, 6), BASE_STR("basic ")))
        return; /* "Basic " and groups of four */
    unsigned char plain[BASIC_MAX];
    int n = EVP_DecodeBlock(plain, (const unsigned char *)h->value.p + 6, (int)h->value.n - 6);
    if (n <= 0)
        return;
    size_t len = (size_t)n;
    for (size_t i = h->value.n; i > 6 && h->value.p[i - 1] == '='; i--)
        len--;
    struct base_str rest = base_str_n(plain, len);
    (void)base_str_cut(&rest, ':');
    struct base_str v = base_arena_printf(r->arena, "Bearer %.*s", BASE_FMT(rest));
    base_wipe(plain, sizeof plain);
    if (rest.p && v.p)
        h->value = v;
}

static bool authorised(struct gw_server_request *r)
{
    const struct gw_app *app = gw_child_app(r->loop->child);
    basic_to_bearer(r);
    if (app->admin_auth && app->admin_auth(r) == BASE_OK)
        return true;
    gw_metrics_count(r->loop->metrics, GW_N_AUTH_FAILURES, 1);
    error_json(r, 401, "authentication_error",
               "an admin key is needed: weir key new --role admin, then Authorization: Bearer KEY",
               "WWW-Authenticate: Basic realm=\"weir admin\", charset=\"UTF-8\"\r\n");
    return false;
}

/* ---- /metrics ---- */

/* `experts=all` among the parts of a query. */
static bool wants_all_experts(struct base_str query)
{
    while (query.p)
        if (base_str_is(base_str_cut(&query, '&'), "experts=all"))
            return true;
    return false;
}

static void metrics(struct gw_server_request *r)
{
    struct gw_child *c = r->loop->child;
    const struct gw_app *app = gw_child_app(c);
    if (!loopback_host(r->gen->conf->server.admin.host) && !authorised(r))
        return;
    bool all = wants_all_experts(r->head->query);
    struct base_buf out;
    base_buf_init(&out, all ? EXPERTS_MAX : TEXT_MAX);
    base_buf_printf(&out,
                    "# HELP weir_build_info The program that runs.\n"
                    "# TYPE weir_build_info gauge\n"
                    "weir_build_info{version=\"%s\"} 1\n",
                    WEIR_VERSION);
    gw_metrics_put(&out, "weir_uptime_seconds", "gauge", "Time since the gateway started.",
                   (double)(base_mono_us() - gw_child_started_us(c)) / 1e6);
    gw_metrics_put(&out, "weir_configuration", "gauge", "Number of the configuration in use.",
                   r->gen->number);
    gw_metrics_render(gw_child_shards(c), gw_child_loops(c), &out);
    if (app->metrics)
        app->metrics(r->loop, &out);
    gw_experts_metrics(gw_engine_link_experts(r->loop->engine), all, &out);
    if (base_buf_ok(&out))
        gw_resp_send(r, 200, "text/plain; version=0.0.4; charset=utf-8",
                     BASE_STR("Cache-Control: no-store\r\n"), base_buf_view(&out));
    else
        error_json(r, 500, "server_error", "the figures do not fit", NULL);
    base_buf_release(&out);
}

/* ---- / ---- */

static void page(struct gw_server_request *r)
{
    if (!authorised(r))
        return;
    const struct gw_app *app = gw_child_app(r->loop->child);
    struct base_buf out;
    base_buf_init(&out, TEXT_MAX);
    if (app->page && app->page(r, &out))
        gw_resp_send(r, 200, "text/html; charset=utf-8",
                     BASE_STR("Cache-Control: no-store\r\n"
                              "Content-Security-Policy: default-src 'none'; "
                              "style-src 'unsafe-inline'\r\n"
                              "X-Content-Type-Options: nosniff\r\n"),
                     base_buf_view(&out));
    else
        error_json(r, 500, "server_error", "the page does not fit", NULL);
    base_buf_release(&out);
}

/* ---- dispatch ---- */

static void on_request(struct gw_server_request *r)
{
    const struct gw_app *app = gw_child_app(r->loop->child);
    struct base_str path = r->head->path;
    if (base_str_is(path, "/admin/v1") || base_str_starts(path, BASE_STR("/admin/v1/"))) {
        if (authorised(r) && !(app->admin && app->admin(r)))
            error_json(r, 404, "not_found_error", "there is nothing here", NULL);
        return;
    }
    if (!base_str_is(r->head->method, "GET") && !base_str_is(r->head->method, "HEAD")) {
        error_json(r, 405, "invalid_request_error", "only GET and HEAD", "Allow: GET, HEAD\r\n");
        return;
    }
    if (base_str_is(path, "/metrics")) {
        metrics(r);
    } else if (base_str_is(path, "/healthz")) {
        gw_resp_health(r, true, NULL, BASE_STR_NULL);
    } else if (base_str_is(path, "/readyz")) {
        const char *why = "not ready";
        bool ok = !app->ready || app->ready(r->loop, &why);
        gw_resp_health(r, ok, why, BASE_STR_NULL);
    } else if (base_str_is(path, "/")) {
        page(r);
    } else {
        error_json(r, 404, "not_found_error", "there is nothing here", NULL);
    }
}

/* Nothing here answers later, except what app->admin took; it does not use these. */
static void on_gone(struct gw_server_request *r)
{
    if (!gw_admin_api_gone(r))
        gw_resp_abort(r);
}

const struct gw_server_ops gw_admin_ops = {.request = on_request, .gone = on_gone};
