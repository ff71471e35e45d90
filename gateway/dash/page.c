/* page.c - the dashboard: cards, plots, and what notices.c and tables.c say.
 *
 * Owns       the history and the timer that feeds it every GW_HISTORY_FINE_S seconds.
 * Runs on    loop 0.
 * Invariants the page fetches nothing and runs nothing: its Content-Security-Policy (admin.c)
 *            allows styles alone. What comes from outside (rules, names, errors) is escaped.
 */
#include "gateway/app_int.h"
#include "gateway/dash/chart.h"
#include "gateway/dash/dash.h"
#include "gateway/dash/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

#define REFRESH_S     10
#define REFRESH_MAX_S 3600
#define TOGETHER      3 /* samples a point: 30 s, 15 minutes */
#define HOUR_POINTS   (GW_HISTORY_FINE_N / TOGETHER)
#define DAY_POINTS    (GW_HISTORY_COARSE_N / TOGETHER)
#define BARS          (HOUR_POINTS + 1) /* the first and the last may be cut */

struct gw_dash {
    struct gw_loop *loop;
    struct gw_history *history;
    struct event *timer;
};

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct gw_dash *d = arg;
    struct gw_loop *l = d->loop;

    (void)fd;
    (void)what;
    gw_history_take(d->history, gw_child_shards(l->child), gw_child_loops(l->child), l->gen->conf,
                    base_wall_us());
}

struct gw_dash *gw_dash_new(struct gw_loop *l)
{
    static const struct timeval period = {.tv_sec = GW_HISTORY_FINE_S};
    struct gw_dash *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->loop = l;
    d->history = gw_history_new();
    d->timer = event_new(l->base, -1, EV_PERSIST, on_time, d);
    if (d->history && d->timer && event_add(d->timer, &period) == 0) {
        on_time(-1, 0, d); /* what was before is not this hour's */
        return d;
    }
    gw_dash_free(d);
    return NULL;
}

void gw_dash_free(struct gw_dash *d)
{
    if (!d)
        return;
    if (d->timer)
        event_free(d->timer);
    gw_history_free(d->history);
    free(d);
}

/* ---- what the query asks for ---- */

static struct base_str asked(struct base_str query, const char *name)
{
    while (query.p) {
        struct base_str part = base_str_cut(&query, '&'), key = base_str_cut(&part, '=');
        if (base_str_is(key, name))
            return part;
    }
    return (struct base_str){0};
}

/* ---- the figures of the range ---- */

struct shown {
    bool day;
    size_t n;
    int64_t t_us[BARS];
    double per_minute[GW_T_COUNT][BARS];
    double first[2][BARS], own[2][BARS]; /* ms: median and 95 %, median and 99 % */
    double busy[BARS];
    struct gw_sample all;
};

static void put_together(struct gw_sample *to, const struct gw_sample *s)
{
    to->end_us = s->end_us;
    to->span_s += s->span_s;
    for (int i = 0; i < GW_T_COUNT; i++)
        to->n[i] += s->n[i];
    for (int i = 0; i < GW_METRICS_BUCKETS; i++) {
        to->first[i] += s->first[i];
        to->own[i] += s->own[i];
    }
    if (s->in_progress > to->in_progress)
        to->in_progress = s->in_progress;
}

static double ms_or_gap(const uint32_t v[GW_METRICS_BUCKETS], double q)
{
    double s = gw_history_quantile(v, q);

    return s > 0 ? s * 1e3 : (double)NAN;
}

static void figures(const struct gw_history *h, bool day, struct shown *s)
{
    size_t n = gw_history_count(h, day);
    double minutes;

    memset(s, 0, sizeof *s);
    s->day = day;
    for (size_t i = 0, k; i < n; i += k) {
        struct gw_sample sum = {0};
        size_t per = TOGETHER - (size_t)((gw_history_before(h, day) + i) % TOGETHER);
        for (k = 0; k < per && i + k < n; k++)
            put_together(&sum, gw_history_at(h, day, i + k));
        put_together(&s->all, &sum);
        minutes = (double)sum.span_s / 60.0;
        s->t_us[s->n] = sum.end_us;
        for (int t = 0; t < GW_T_COUNT; t++)
            s->per_minute[t][s->n] = (double)sum.n[t] / minutes;
        s->first[0][s->n] = ms_or_gap(sum.first, 0.5);
        s->first[1][s->n] = ms_or_gap(sum.first, 0.95);
        s->own[0][s->n] = ms_or_gap(sum.own, 0.5);
        s->own[1][s->n] = ms_or_gap(sum.own, 0.99);
        s->busy[s->n] = sum.in_progress;
        s->n++;
    }
}

static void card(struct base_buf *out, const char *value, const char *what)
{
    base_buf_z(out, "<div><b>");
    gw_html_put(out, value);
    base_buf_z(out, "</b>");
    gw_html_put(out, what);
    base_buf_z(out, "</div>\n");
}

static void cards(struct base_buf *out, const struct shown *s)
{
    const uint64_t *n = s->all.n;
    uint64_t answered = n[GW_T_LOCAL] + n[GW_T_HOME] + n[GW_T_AWAY];
    double first = gw_history_quantile(s->all.first, 0.5),
           own = gw_history_quantile(s->all.own, 0.5);
    char text[64];

    base_buf_z(out, "<div class=cards>\n");
    snprintf(text, sizeof text, "%" PRIu64, answered);
    card(out, text, "answered");
    if (answered)
        snprintf(text, sizeof text, "%.1f %%",
                 100.0 * (double)(answered - n[GW_T_AWAY]) / (double)answered);
    else
        snprintf(text, sizeof text, "–");
    card(out, text, "of them on premises");
    snprintf(text, sizeof text, "%" PRIu64, n[GW_T_AWAY]);
    card(out, text, "left the building");
    snprintf(text, sizeof text, "%" PRIu64, n[GW_T_REDACTIONS]);
    card(out, text, "values replaced before");
    snprintf(text, sizeof text, "%" PRIu64, n[GW_T_DENIED]);
    card(out, text, "denied by policy");
    snprintf(text, sizeof text, "%" PRIu64, n[GW_T_FAILED]);
    card(out, text, "failed");
    snprintf(text, sizeof text, first > 0 ? "%.0f ms" : "–", first * 1e3);
    card(out, text, "to the first token, at most, for half");
    snprintf(text, sizeof text, own > 0 ? "%.2f ms" : "–", own * 1e3);
    card(out, text, "Weir's own share, at most, for half");
    base_buf_z(out, "</div>\n");
}

static void plots(struct base_buf *out, const struct shown *s)
{
    const struct gw_chart_line
        where[] = {{"local engine", "c0", s->per_minute[GW_T_LOCAL]},
                   {"back end on premises", "c1", s->per_minute[GW_T_HOME]},
                   {"left the building", "c2", s->per_minute[GW_T_AWAY]},
                   {"denied by policy", "c3", s->per_minute[GW_T_DENIED]},
                   {"failed", "c4", s->per_minute[GW_T_FAILED]}},
        first[] = {{"half within", "c0", s->first[0]}, {"95 % within", "c2", s->first[1]}},
        own[] = {{"half within", "c0", s->own[0]}, {"99 % within", "c2", s->own[1]}},
        tokens[] = {{"read", "c0", s->per_minute[GW_T_TOKENS_IN]},
                    {"written", "c1", s->per_minute[GW_T_TOKENS_OUT]}},
        trouble[] = {{"attempts that failed", "c4", s->per_minute[GW_T_BACKEND_ERRORS]},
                     {"went on to another route", "c2", s->per_minute[GW_T_FALLBACKS]}},
        busy[] = {{"in progress", "c0", s->busy}};
    size_t slots = s->day ? DAY_POINTS : HOUR_POINTS;
    slots = slots > s->n ? slots : s->n;
    const struct {
        const struct gw_chart c;
        bool bars;
    } all[] = {
        {{"Requests, by where they were answered", "a minute", s->t_us, s->n, slots, where, 5},
         true},
        {{"Time to the first token", "ms", s->t_us, s->n, slots, first, 2}, false},
        {{"Tokens", "a minute", s->t_us, s->n, slots, tokens, 2}, true},
        {{"Weir's own share of the time", "ms", s->t_us, s->n, slots, own, 2}, false},
        {{"Back ends in trouble", "a minute", s->t_us, s->n, slots, trouble, 2}, true},
        {{"Requests in progress", "at the end of each span", s->t_us, s->n, slots, busy, 1}, false},
    };

    base_buf_z(out, "<div class=plots>\n");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].bars)
            gw_chart_stack(out, &all[i].c);
        else
            gw_chart_lines(out, &all[i].c);
    }
    base_buf_z(out, "</div>\n");
}

/* ---- the page ---- */

static const char style[] =
    "<style>:root{--ink:#1b2a33;--paper:#fff;--line:#d5dde2;--dim:#5b6b75;--bad:#b3261e;--warn:#"
    "8a5a00}"
    "@media(prefers-color-scheme:dark){:root{--ink:#dfe7eb;--paper:#12191d;--line:#33424b;--dim:#"
    "9fb0ba;--bad:#ff8a80;--warn:#f2c14e}"
    "a{color:#8cc8f0}}"
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:96rem;padding:0 "
    "1rem;color:var(--ink);background:var(--paper)}"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 "
    ".4rem}header{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:baseline}"
    "header p{margin:0;color:var(--dim)}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid "
    "var(--line);vertical-align:top;overflow-wrap:anywhere}"
    "th{font-weight:600}td.n{font-variant-numeric:tabular-nums}.wide{overflow-x:auto}"
    "ul.notices{padding:0;list-style:none}ul.notices li{border-left:4px solid;padding:.25rem "
    ".7rem;margin:.3rem 0}"
    "li.bad{border-color:var(--bad)!important;color:var(--bad)}li.warn{border-color:var(--warn)!"
    "important;color:var(--warn)}"
    "p.good{border-left:4px solid #2e7d32;padding:.25rem .7rem}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:"
    "1rem 0}"
    ".cards div{border:1px solid var(--line);border-radius:.4rem;padding:.5rem "
    ".7rem;color:var(--dim)}.cards b{display:block;font-size:1.5rem;color:var(--ink)}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));gap:"
    "1rem}"
    "figure{margin:0;border:1px solid "
    "var(--line);border-radius:.4rem;padding:.6rem;min-width:0}figcaption{font-weight:600;margin-"
    "bottom:.3rem}"
    "svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--dim)}svg "
    ".grid{stroke:var(--line)}svg .line{fill:none;stroke-width:2;stroke-linecap:round}"
    ".legend{margin:.2rem 0;color:var(--dim)}.legend "
    "span{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 "
    ".6rem;border-radius:.15rem}"
    ".none,summary{color:var(--dim)}"
    "rect.c0{fill:#2f7fb5}rect.c1{fill:#3b9c78}rect.c2{fill:#e08a1e}rect.c3{fill:#8d6cc4}rect.c4{"
    "fill:#d0413a}"
    ".line.c0{stroke:#2f7fb5}.line.c1{stroke:#3b9c78}.line.c2{stroke:#e08a1e}.line.c3{stroke:#"
    "8d6cc4}.line.c4{stroke:#d0413a}"
    "span.c0{background:#2f7fb5}span.c1{background:#3b9c78}span.c2{background:#e08a1e}span.c3{"
    "background:#8d6cc4}span.c4{background:#d0413a}"
    "</style>";

bool gw_dash_page(struct gw_dash *d, struct gw_server_request *r, struct base_buf *out)
{
    struct base_str query = r->head->query, range = asked(query, "range"),
                    every = asked(query, "refresh");
    struct gw_loop *l = r->loop;
    uint64_t refresh_s = REFRESH_S;
    char now[BASE_RFC3339_MAX + 1];

    if (!d)
        return false;
    struct shown *s = malloc(sizeof *s);
    if (!s)
        return false;
    if (every.n && (!base_str_u64(every, &refresh_s) || refresh_s > REFRESH_MAX_S))
        refresh_s = REFRESH_S;
    figures(d->history, base_str_is(range, "24h"), s);
    uint64_t up_s = (base_mono_us() - gw_child_started_us(l->child)) / 1000000;
    base_rfc3339(base_wall_us(), now);
    snprintf(now + 19, 2, "Z"); /* no fractions */
    base_buf_z(out, "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>Weir</title>\n"
                    "<meta name=viewport content=\"width=device-width\">\n");
    if (refresh_s)
        base_buf_printf(out, "<meta http-equiv=refresh content=%" PRIu64 ">\n", refresh_s);
    base_buf_z(out, style);
    base_buf_printf(
        out,
        "</head>\n<body><header><h1>Weir</h1><p>version %s, up %" PRIu64 " d %02" PRIu64
        ":%02" PRIu64 ", %" PRId64
        " requests in progress, %s</p><p><a href=\"?range=1h&amp;refresh=%" PRIu64
        "\">last hour</a> <a href=\"?range=24h&amp;refresh=%" PRIu64 "\">last day</a> "
        "<a href=\"?range=%s&amp;refresh=0\">stand still</a></p></header>\n",
        WEIR_VERSION, up_s / 86400, up_s / 3600 % 24, up_s / 60 % 60,
        gw_metrics_gauge_sum(gw_child_shards(l->child), gw_child_loops(l->child), GW_G_REQUESTS),
        now, refresh_s, refresh_s, s->day ? "24h" : "1h");
    base_buf_z(out, "<ul class=notices>\n");
    bool quiet = gw_dash_notices(l, out) == 0;
    base_buf_z(out, "</ul>\n");
    if (quiet)
        base_buf_z(out, "<p class=good>Ready; nothing asks for attention.</p>\n");
    base_buf_printf(out, "<h2>The last %s%s</h2>\n", s->day ? "day" : "hour",
                    up_s < (s->day ? 86400u : 3600u) ? ", as far as Weir has run" : "");
    cards(out, s);
    plots(out, s);
    gw_dash_tables(l, out);
    base_buf_z(out, "<p class=none>Figures for machines: <a href=/metrics>/metrics</a>. What each "
                    "request did, and why, is in the "
                    "audit log (<code>weir audit show</code>); what left, to whom and on which "
                    "basis: <code>weir report --html</code>.</p></body></html>\n");
    free(s);
    return base_buf_ok(out);
}
