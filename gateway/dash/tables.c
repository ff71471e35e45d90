/* tables.c - the dashboard's tables: where data may go, what went where, rules, models, the log.
 *
 * Owns       nothing. Runs on loop 0; never blocks.
 * Format     <section><h2>..</h2><table>..</table></section>; every text is escaped, numbers stand
 *            right.
 */
#include "gateway/app_int.h"
#include "gateway/dash/chart.h"
#include "gateway/dash/dash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX    64 /* of counted things; the rest is in /metrics */
#define SINKS_MAX   32
#define SECONDS_DAY 86400

static void head(struct base_buf *out, const char *title, const char *const *columns)
{
    base_buf_z(out, "<section><h2>");
    gw_html_put(out, title);
    base_buf_z(out, "</h2><div class=wide><table><tr>");
    for (; *columns; columns++) {
        base_buf_z(out, "<th scope=col>");
        gw_html_put(out, *columns);
        base_buf_z(out, "</th>");
    }
    base_buf_z(out, "</tr>\n");
}

static void tail(struct base_buf *out)
{
    base_buf_z(out, "</table></div></section>\n");
}

static void cell(struct base_buf *out, const char *fmt, ...) BASE_PRINTF(2, 3);
static void cell(struct base_buf *out, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    base_buf_z(out, "<td>");
    gw_html_put(out, text);
    base_buf_z(out, "</td>");
}

static void count(struct base_buf *out, uint64_t v)
{
    base_buf_printf(out, "<td class=n>%" PRIu64 "</td>", v);
}

static void places(const struct conf_places *p, char *out, size_t room)
{
    size_t n = 0;

    out[0] = 0;
    for (size_t i = 0; i < p->n && n < room; i++) {
        int k = snprintf(out + n, room - n, "%s%s", i ? ", " : "", p->v[i]);
        n += k > 0 ? (size_t)k : 0;
    }
}

/* ---- where data may go ---- */

static void back_ends(struct gw_loop *l, struct base_buf *out)
{
    static const char *const columns[] = {"back end", "API",       "entity",  "places",
                                          "basis",    "reference", "expires", "retention",
                                          "trains",   "state",     NULL};
    const struct gw_app_loop *al = l->app;
    const struct conf *c = l->gen->conf;
    int64_t today = base_wall_us() / 1000000 / SECONDS_DAY;
    char where[256];

    if (c->n_backends == 0)
        return;
    head(out, "Where data may go", columns);
    for (size_t i = 0; i < c->n_backends; i++) {
        const struct conf_backend *b = &c->backends[i];
        const struct conf_residency *r = &b->residency;
        const struct conf_target t = {.backend = b, .text = b->name};
        const struct pol_kill *off =
            pol_kill_hits(al->switches ? &al->switches->state->kills : NULL, &t);
        bool expired = !r->on_premises && r->expires_day < today;

        places(&r->location, where, sizeof where);
        base_buf_z(out, "<tr>");
        cell(out, "%s", b->name);
        cell(out, "%s", conf_api_name(b->api));
        cell(out, "%s", r->entity ? r->entity : "");
        cell(out, "%s", r->on_premises ? "on premises" : where);
        cell(out, "%s", r->on_premises ? "none needed" : conf_basis_name(r->basis));
        cell(out, "%s", r->reference ? r->reference : "");
        cell(out, "%s", r->expires ? r->expires : "");
        if (r->retention_days >= 0)
            cell(out, "%d days", (int)r->retention_days);
        else
            cell(out, "unknown");
        cell(out, "%s", r->trains_on_data ? "yes, or not stated" : "no");
        cell(out, "%s",
             off                                ? "switched off"
             : expired                          ? "expired"
             : !r->on_premises && !r->reference ? "no reference: not used"
                                                : "in use where rules allow it");
        base_buf_z(out, "</tr>\n");
    }
    tail(out);
}

/* ---- counted since the start ---- */

struct row {
    char name[2][GW_METRICS_LABEL_MAX];
    uint64_t v[4]; /* requests, errors, tokens in, tokens out; or only the first */
};

struct rows {
    struct row v[ROWS_MAX];
    size_t n;
    uint64_t rest; /* did not fit */
};

static struct row *row_of(struct rows *r, const char *a, const char *b)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].name[0], a) == 0 && strcmp(r->v[i].name[1], b) == 0)
            return &r->v[i];
    if (r->n == ROWS_MAX)
        return NULL;
    struct row *w = &r->v[r->n++];
    memset(w, 0, sizeof *w);
    snprintf(w->name[0], sizeof w->name[0], "%s", a);
    snprintf(w->name[1], sizeof w->name[1], "%s", b);
    return w;
}

static void add_request(void *ctx, const char *const label[], uint64_t v)
{
    struct rows *r = ctx;
    struct row *w = row_of(r, label[0], "");
    uint64_t status = 500;

    if (!w) {
        r->rest += v;
        return;
    }
    w->v[0] += v;
    if (!base_str_u64(base_str_c(label[2]), &status) || status >= 400)
        w->v[1] += v;
}

static void add_tokens(void *ctx, const char *const label[], uint64_t v)
{
    struct row *w = row_of(ctx, label[0], "");

    if (w)
        w->v[strcmp(label[1], "input") == 0 ? 2 : 3] += v;
}

static void add_first(void *ctx, const char *const label[], uint64_t v)
{
    struct rows *r = ctx;
    struct row *w = row_of(r, label[0], label[1]);

    if (w)
        w->v[0] += v;
    else
        r->rest += v;
}

static int most_first(const void *a, const void *b)
{
    uint64_t x = ((const struct row *)a)->v[0], y = ((const struct row *)b)->v[0];

    return x < y   ? 1
           : x > y ? -1
                   : strcmp(((const struct row *)a)->name[0], ((const struct row *)b)->name[0]);
}

static void routes(struct gw_loop *l, struct rows *r, struct base_buf *out)
{
    static const char *const columns[] = {"route",     "requests",   "of them errors",
                                          "tokens in", "tokens out", NULL};
    struct gw_metrics_shard *const *shards = gw_child_shards(l->child);
    unsigned n = gw_child_loops(l->child);

    r->n = r->rest = 0;
    gw_metrics_each(shards, n, GW_F_REQUESTS, add_request, r);
    gw_metrics_each(shards, n, GW_F_TOKENS, add_tokens, r);
    if (r->n == 0)
        return;
    qsort(r->v, r->n, sizeof r->v[0], most_first);
    head(out, "Routes, since the start", columns);
    for (size_t i = 0; i < r->n; i++) {
        base_buf_z(out, "<tr>");
        cell(out, "%s",
             strcmp(r->v[i].name[0], "none") == 0 ? "(denied or failed before a route was chosen)"
                                                  : r->v[i].name[0]);
        for (int k = 0; k < 4; k++)
            count(out, r->v[i].v[k]);
        base_buf_z(out, "</tr>\n");
    }
    tail(out);
}

static void counted(struct gw_loop *l, struct rows *r, enum gw_family f, const char *title,
                    const char *const *columns, bool two, struct base_buf *out)
{
    r->n = r->rest = 0;
    gw_metrics_each(gw_child_shards(l->child), gw_child_loops(l->child), f, add_first, r);
    if (r->n == 0)
        return;
    qsort(r->v, r->n, sizeof r->v[0], most_first);
    head(out, title, columns);
    for (size_t i = 0; i < r->n; i++) {
        base_buf_z(out, "<tr>");
        cell(out, "%s", r->v[i].name[0]);
        if (two)
            cell(out, "%s", r->v[i].name[1]);
        count(out, r->v[i].v[0]);
        base_buf_z(out, "</tr>\n");
    }
    tail(out);
    if (r->rest)
        base_buf_printf(out, "<p class=none>and %" PRIu64 " more: /metrics</p>\n", r->rest);
}

/* ---- the engine ---- */

static void models(struct gw_loop *l, struct base_buf *out)
{
    static const char *const columns[] = {"local model",
                                          "state",
                                          "slots in use",
                                          "waiting",
                                          "expected wait",
                                          "cache in use",
                                          "prompt tokens not computed again",
                                          NULL};
    const struct conf *c = l->gen->conf;

    if (c->engine.n_models == 0)
        return;
    head(out, "The local engine", columns);
    for (size_t i = 0; i < c->engine.n_models; i++) {
        const char *name = c->engine.models[i].name;
        uint32_t queued = 0, active = 0, slots = 0;
        bool up = gw_engine_link_ready(l->engine, name, &queued, &active, &slots);
        struct gw_engine_figures f = gw_engine_link_figures(l->engine, name);

        base_buf_z(out, "<tr>");
        cell(out, "local/%s", name);
        cell(out, "%s", up ? "ready" : "not ready");
        cell(out, "%u of %u", active, slots);
        count(out, queued);
        cell(out, "%.1f s", (double)f.expected_wait_ms / 1e3);
        cell(out, "%" PRIu64 " of %" PRIu64 " tokens", f.cache_used + f.cache_kept, f.cache_tokens);
        if (f.prefix_asked)
            cell(out, "%.0f %%", 100.0 * (double)f.prefix_hit / (double)f.prefix_asked);
        else
            cell(out, "–");
        base_buf_z(out, "</tr>\n");
    }
    tail(out);
}

/* ---- the log ---- */

static void the_log(struct gw_loop *l, struct base_buf *out)
{
    static const char *const none[] = {NULL}, *const columns[] = {"copy",        "kind",
                                                                  "handed over", "behind",
                                                                  "last error",  NULL};
    const struct conf *c = l->gen->conf;
    struct aud_stats a;
    size_t n = aud_sinks_count(gw_app_own.sinks);

    aud_log_stats(gw_app_own.log, &a);
    head(out, "The log", none);
    base_buf_z(out, "<tr><th scope=row>origin</th>");
    cell(out, "%s", c->audit.origin);
    base_buf_z(out, "</tr><tr><th scope=row>records</th>");
    cell(out, "%" PRIu64 " durable, %" PRIu64 " under the signed checkpoint", a.size_durable,
         a.size_signed);
    base_buf_z(out, "</tr><tr><th scope=row>period</th>");
    count(out, a.period);
    base_buf_z(out, "</tr><tr><th scope=row>last sync</th>");
    cell(out, "%.2f ms", (double)a.sync_us_last / 1e3);
    base_buf_z(out, "</tr><tr><th scope=row>disk</th>");
    cell(out, "%" PRIu64 " MiB free", a.disk_free_bytes >> 20);
    base_buf_z(out, "</tr><tr><th scope=row>policy in force</th>");
    cell(out, "%s", c->policy.id);
    base_buf_z(out, "</tr><tr><th scope=row>configuration</th>");
    cell(out, "number %u", l->gen->number);
    base_buf_z(out, "</tr>\n");
    tail(out);
    if (n == 0)
        return;
    head(out, "Copies of the log", columns);
    for (size_t i = 0; i < n && i < SINKS_MAX; i++) {
        struct aud_sink_stats s;
        aud_sinks_stats(gw_app_own.sinks, i, &s);
        base_buf_z(out, "<tr>");
        cell(out, "%s", s.name);
        cell(out, "%s", s.type);
        count(out, s.sent);
        cell(out, "%" PRIu64 " records, %.0f s", s.lag_records, s.lag_s);
        cell(out, "%s", s.error);
        base_buf_z(out, "</tr>\n");
    }
    tail(out);
}

void gw_dash_tables(struct gw_loop *l, struct base_buf *out)
{
    static const char *const denied[] = {"rule", "requests", NULL},
                             *const replaced[] = {"type", "values", NULL},
                             *const errors[] = {"back end", "reason", "attempts", NULL};
    struct rows *r = malloc(sizeof *r);

    back_ends(l, out);
    models(l, out);
    if (r) {
        routes(l, r, out);
        counted(l, r, GW_F_DENIED, "Denied, by rule", denied, false, out);
        counted(l, r, GW_F_REDACTIONS, "Replaced before it left", replaced, false, out);
        counted(l, r, GW_F_UPSTREAM_ERRORS, "Back ends' errors", errors, true, out);
    }
    free(r);
    the_log(l, out);
}
