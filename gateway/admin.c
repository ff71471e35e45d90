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

static void put_escaped(struct base_buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '<')
            base_buf_z(out, "&lt;");
        else if (*s == '>')
            base_buf_z(out, "&gt;");
        else if (*s == '&')
            base_buf_z(out, "&amp;");
        else if (*s == '"')
            base_buf_z(out, "&quot;");
        else
            base_buf_byte(out, *s);
    }
}

static void row(struct base_buf *out, const char *name, const char *fmt, ...) BASE_PRINTF(3, 4);
static void row(struct base_buf *out, const char *name, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    base_buf_z(out, "<tr><th scope=row>");
    put_escaped(out, name);
    base_buf_z(out, "</th><td>");
    put_escaped(out, text);
    base_buf_z(out, "</td></tr>\n");
}

static void put_rows(struct gw_server_request *r, struct base_buf *out)
{
    struct gw_child *c = r->loop->child;
    const struct gw_app *app = gw_child_app(c);
    const struct conf *conf = r->gen->conf;
    struct gw_metrics_shard *const *shards = gw_child_shards(c);
    unsigned n = gw_child_loops(c);
    const char *why = NULL;
    bool ready = !app->ready || app->ready(r->loop, &why);
    uint64_t up_s = (base_mono_us() - gw_child_started_us(c)) / 1000000;
    char sha[65];
    for (size_t i = 0; i < 32; i++)
        snprintf(sha + 2 * i, 3, "%02x", conf->sha256[i]);
    row(out, "Version", "%s", WEIR_VERSION);
    row(out, "Ready", "%s%s%s", ready ? "yes" : "no", why && !ready ? ": " : "",
        why && !ready ? why : "");
    row(out, "Up", "%" PRIu64 " d %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, up_s / 86400,
        up_s / 3600 % 24, up_s / 60 % 60, up_s % 60);
    row(out, "Workers", "%u", n);
    row(out, "Connections", "%" PRId64 " open, %" PRIu64 " so far",
        gw_metrics_gauge_sum(shards, n, GW_G_CONNECTIONS),
        gw_metrics_count_sum(shards, n, GW_N_CONNECTIONS));
    row(out, "Requests in progress", "%" PRId64, gw_metrics_gauge_sum(shards, n, GW_G_REQUESTS));
    row(out, "Malformed requests", "%" PRIu64, gw_metrics_count_sum(shards, n, GW_N_MALFORMED));
    row(out, "Configuration", "number %u, sha256:%s", r->gen->number, sha);
    row(out, "Policy", "%s", conf->policy.id);
    for (size_t i = 0; i < conf->engine.n_models; i++) {
        uint32_t queued = 0, active = 0, slots = 0;
        const char *name = conf->engine.models[i].name;
        bool up = gw_engine_link_ready(r->loop->engine, name, &queued, &active, &slots);
        row(out, name, "local model, %s; %u of %u slots in use, %u waiting",
            up ? "ready" : "not ready", active, slots, queued);
    }
    for (size_t i = 0; i < conf->n_backends; i++)
        row(out, conf->backends[i].name, "back end, %s, %s", conf_api_name(conf->backends[i].api),
            conf->backends[i].residency.on_premises ? "on premises" : "off premises");
    if (app->status_rows)
        app->status_rows(r->loop, out);
}

static void status_page(struct gw_server_request *r)
{
    if (!authorised(r))
        return;
    struct base_buf out;
    base_buf_init(&out, TEXT_MAX);
    base_buf_z(&out,
               "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>Weir</title>\n"
               "<meta name=viewport content=\"width=device-width\">\n<style>"
               "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:52rem;"
               "padding:0 1rem;color:#1b2a33;background:#fff}"
               "table{border-collapse:collapse;width:100%}"
               "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d5dde2;"
               "vertical-align:top;overflow-wrap:anywhere}th{width:15rem;font-weight:600}"
               "@media(prefers-color-scheme:dark){body{color:#dfe7eb;background:#12191d}"
               "th,td{border-color:#33424b}a{color:#8cc8f0}}"
               "</style></head>\n<body><h1>Weir</h1><table>\n");
    put_rows(r, &out);
    base_buf_z(&out, "</table><p>Figures for machines: <a href=/metrics>/metrics</a>. What each "
                     "request did, and why, is in the audit log: "
                     "<code>weir audit show</code>.</p></body></html>\n");
    if (base_buf_ok(&out))
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
        status_page(r);
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
