/* cli_report.c - `weir report`: what the gateway did, what it cost, what left and to whom.
 *
 * Owns       nothing: everything comes from the audit log's index (audit/query/index.h), which
 * verifies the log first. Reading is recorded like every other reading. Format     text on a
 * terminal, one JSON object with --json, and with --html OUT one page that stands alone: styles and
 * plots are inside, nothing is fetched, every plot has its numbers as a table under it. Fails by 1
 * when the log does not hold, 2 for anything else.
 */
#include "gateway/cli/cli.h"

#include "audit/log/reach.h"
#include "audit/query/ask.h"
#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BARS_MAX 60

/* Requests of the window with the attempt that answered (the last one). */
#define FROM        "FROM request r WHERE (:since=0 OR r.t>=:since)"
#define AWAY        "EXISTS(SELECT 1 FROM attempt a WHERE a.req=r.req AND a.on_premises=0)"
#define SHARE(part) "printf('%.1f %%',100.0*(" part ")/max(1,count(*)))"

static const struct table {
    const char *key, *title, *sql;
} tables[] = {
    {"traffic", "Traffic",
     "SELECT count(*) AS requests, sum(r.status='ok') AS answered, sum(r.decision='deny') AS "
     "denied_by_policy, sum(coalesce(r.status,'open') NOT IN ('ok','denied')) AS not_answered, "
     "(SELECT count(*) FROM refusal WHERE :since=0 OR t>=:since) AS turned_away_at_the_door, "
     "count(DISTINCT r.key) AS keys, count(DISTINCT r.tenant) AS tenants, sum(r.tokens_in) AS "
     "tokens_in, sum(r.tokens_out) AS tokens_out, ts(min(r.t)) AS first, ts(max(r.t)) AS "
     "last " FROM},
    {"tiering", "Tiering: who answered what",
     "SELECT coalesce(r.tier,'not recorded') AS tier, coalesce(r.route,'(none)') AS answered_by, "
     "count(*) AS requests, printf('%.2f',avg(r.difficulty)) AS mean_difficulty, "
     "cast(avg(r.ms) AS INTEGER) AS mean_ms, max(r.ms) AS longest_ms, sum(r.attempts>1) AS "
     "after_a_fallback " FROM " GROUP BY r.tier, r.route ORDER BY requests DESC"},
    {"tasks", "Kinds of work",
     "SELECT coalesce(r.task,'not recorded') AS task, count(*) AS requests, " SHARE(
         "sum(r.tier='hard')") " AS hard, " SHARE("sum(" AWAY
                                                  ")") " AS may_have_left " FROM
                                                       " GROUP BY r.task ORDER BY requests DESC"},
    {"cost", "Cost, at the price of the time",
     "SELECT coalesce(r.route,'(none)') AS route, count(*) AS requests, sum(r.tokens_in) AS "
     "tokens_in, sum(r.tokens_out) AS tokens_out, printf('%.6f',sum(r.cost_micro)/1e6) AS cost, "
     "sum(r.cost_micro IS NULL) AS without_a_recorded_price " FROM
     " AND r.i_end IS NOT NULL GROUP BY r.route ORDER BY sum(r.cost_micro) DESC"},
    {"tenants", "Tenants and use cases",
     "SELECT r.tenant, coalesce(r.use_case,'(none declared)') AS use_case, count(*) AS requests, "
     "sum(" AWAY ") AS may_have_left, printf('%.6f',sum(r.cost_micro)/1e6) AS cost " FROM
     " GROUP BY r.tenant, r.use_case ORDER BY requests DESC"},
    {"residency", "What may have left, to whom, on which basis",
     "SELECT coalesce(a.entity,'not recorded') AS entity, trim(a.location) AS places, a.basis, "
     "a.reference, a.expires, CASE a.in_eea WHEN 1 THEN 'yes' WHEN 0 THEN 'no' END AS within_eea, "
     "trim(r.data) AS data, count(DISTINCT a.req) AS requests, sum(a.redact IS NOT NULL) AS "
     "with_redaction FROM attempt a JOIN request r USING(req) WHERE a.on_premises=0 AND (:since=0 "
     "OR "
     "r.t>=:since) GROUP BY a.entity, a.location, a.basis, a.reference, a.expires, r.data ORDER BY "
     "requests DESC"},
    {"denials", "Refused by policy",
     "SELECT coalesce(r.rule,'not recorded') AS rule, count(*) AS requests " FROM
     " AND r.decision='deny' GROUP BY r.rule ORDER BY requests DESC"},
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

struct report {
    struct aud_index *ix;
    struct aud_ask ask;
    struct aud_out o;
    struct base_err *err;
};

static sqlite3_stmt *prepare(struct report *r, const char *sql)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db = aud_index_db(r->ix);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        base_err_set(r->err, BASE_EBUG, "report: %s", sqlite3_errmsg(db));
        return NULL;
    }
    int since = sqlite3_bind_parameter_index(s, ":since");
    if (since)
        sqlite3_bind_int64(s, since, r->ask.since);
    return s;
}

/* ---- plots ---- */

struct bar {
    char name[40];
    double a, b; /* stacked */
};

/* Up to BARS_MAX rows (name, a, b) of sql. */
static size_t bars(struct report *r, const char *sql, struct bar v[BARS_MAX])
{
    sqlite3_stmt *s = prepare(r, sql);
    size_t n = 0;
    while (s && n < BARS_MAX && sqlite3_step(s) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        snprintf(v[n].name, sizeof(v[n].name), "%s", name ? name : "");
        v[n].a = sqlite3_column_double(s, 1);
        v[n].b = sqlite3_column_count(s) > 2 ? sqlite3_column_double(s, 2) : 0;
        n++;
    }
    sqlite3_finalize(s);
    return n;
}

/* A bar chart as inline SVG. a is drawn below b; legends may be NULL. */
static void plot(FILE *f, const char *title, const char *legend_a, const char *legend_b,
                 const struct bar *v, size_t n)
{
    double top = 0;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, v[i].a + v[i].b);
    if (n == 0 || top <= 0)
        return;
    double step = 720.0 / (double)n, wide = fmin(step * 0.8, 60);
    fputs("<figure><svg viewBox=\"0 0 800 260\" role=\"img\" aria-label=\"", f);
    aud_html(f, base_str_c(title));
    fputs("\"><title>", f);
    aud_html(f, base_str_c(title));
    fprintf(f,
            "</title><line x1=\"60\" y1=\"200\" x2=\"790\" y2=\"200\" class=\"axis\"/>"
            "<text x=\"55\" y=\"24\" class=\"end\">%.6g</text>"
            "<text x=\"55\" y=\"204\" class=\"end\">0</text>",
            top);
    for (size_t i = 0; i < n; i++) {
        double x = 65 + step * (double)i, a = v[i].a / top * 180, b = v[i].b / top * 180;
        fprintf(f, "<g><title>");
        aud_html(f, base_str_c(v[i].name));
        fprintf(f,
                ": %.6g%s%.6g</title><rect class=\"a\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                "height=\"%.1f\"/><rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                "height=\"%.1f\"/></g>",
                v[i].a, legend_b ? " and " : " + ", v[i].b, x, 200 - a, wide, a, x, 200 - a - b,
                wide, b);
        if (n <= 12 || i % (n / 6 + 1) == 0) {
            fprintf(f, "<text x=\"%.1f\" y=\"218\" transform=\"rotate(20 %.1f 218)\">", x, x);
            aud_html(f, base_str_c(v[i].name));
            fputs("</text>", f);
        }
    }
    fputs("</svg><figcaption>", f);
    aud_html(f, base_str_c(title));
    if (legend_b)
        fprintf(f, " <span class=\"key ka\"></span> %s <span class=\"key kb\"></span> %s", legend_a,
                legend_b);
    fputs("</figcaption></figure>\n", f);
}

static void plots(struct report *r, FILE *f)
{
    struct bar v[BARS_MAX];
    fputs("<style>figure{margin:1rem 0}svg{width:100%;max-width:60rem;height:auto;font-size:12px}"
          "svg text{fill:currentColor}.end{text-anchor:end}.axis{stroke:currentColor}"
          ".a,.ka{fill:#2a7f9e;background:#2a7f9e}.b,.kb{fill:#c8751a;background:#c8751a}"
          ".key{display:inline-block;width:.8em;height:.8em;margin-left:1em}</style>\n",
          f);
    size_t n = bars(r,
                    "SELECT strftime('%Y-%m-%d',r.t/1000000,'unixepoch') AS day, sum(NOT " AWAY
                    "), sum(" AWAY ") " FROM " GROUP BY day ORDER BY day DESC LIMIT 60",
                    v);
    for (size_t i = 0; i < n / 2; i++) { /* oldest first */
        struct bar t = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = t;
    }
    plot(f, "Requests a day (the last 60 days with traffic)", "stayed on the premises",
         "may have left", v, n);
    n = bars(r,
             "SELECT printf('%.1f',cast(min(r.difficulty,0.999)*10 AS INTEGER)/10.0) AS bin, "
             "sum(r.tier<>'hard'), sum(r.tier='hard') " FROM
             " AND r.difficulty IS NOT NULL GROUP BY bin ORDER BY bin",
             v);
    plot(f, "Difficulty of requests", "commodity", "hard", v, n);
    n = bars(r,
             "SELECT coalesce(r.route,'(none)'), sum(r.cost_micro)/1e6 " FROM
             " GROUP BY r.route ORDER BY 2 DESC LIMIT 12",
             v);
    plot(f, "Cost by route", NULL, NULL, v, n);
}

/* ---- the three forms ---- */

static enum base_status as_tables(struct report *r, FILE *f, enum aud_format format,
                                  struct base_str said)
{
    enum base_status st = BASE_OK;
    aud_out_begin(&r->o, f, format, "Weir: traffic, tiering, cost and residency", true);
    if (format == AUD_HTML)
        plots(r, f);
    for (size_t i = 0; i < N_TABLES && st == BASE_OK; i++) {
        sqlite3_stmt *s = prepare(r, tables[i].sql);
        st = s ? aud_out_table(&r->o, aud_index_db(r->ix), s, tables[i].title, NULL, r->err)
               : BASE_EBUG;
        sqlite3_finalize(s);
    }
    return st == BASE_OK ? aud_out_end(&r->o, said, r->err) : st;
}

static void json_cell(struct base_json *j, sqlite3_stmt *s, int i)
{
    base_json_key(j, sqlite3_column_name(s, i));
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_NULL:
        base_json_null(j);
        break;
    case SQLITE_INTEGER:
        base_json_int(j, sqlite3_column_int64(s, i));
        break;
    default:
        base_json_z(j, (const char *)sqlite3_column_text(s, i));
    }
}

static enum base_status as_json(struct report *r, struct base_str said)
{
    struct base_buf b;
    struct base_json j;
    enum base_status st = BASE_OK;
    base_buf_init(&b, 64u << 20);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "v", 1);
    for (size_t t = 0; t < N_TABLES && st == BASE_OK; t++) {
        sqlite3_stmt *s = prepare(r, tables[t].sql);
        if (!s)
            st = BASE_EBUG;
        base_json_key(&j, tables[t].key);
        base_json_arr(&j);
        while (s && sqlite3_step(s) == SQLITE_ROW) {
            base_json_obj(&j);
            for (int i = 0; i < sqlite3_column_count(s); i++)
                json_cell(&j, s, i);
            base_json_obj_end(&j);
        }
        base_json_arr_end(&j);
        sqlite3_finalize(s);
    }
    base_json_key(&j, "completeness");
    base_json_raw(&j, said);
    base_json_obj_end(&j);
    if (st == BASE_OK && !base_buf_ok(&b))
        st = base_err_set(r->err, BASE_LIMIT, "the report is too long");
    if (st == BASE_OK)
        printf("%.*s\n", BASE_FMT(base_buf_view(&b)));
    base_buf_release(&b);
    return st;
}

static enum base_status show(struct report *r, const char *html, bool json, struct base_str said)
{
    enum base_status st;
    if (html) {
        FILE *f = fopen(html, "we");
        if (!f)
            return base_err_sys(r->err, "%s", html);
        st = as_tables(r, f, AUD_HTML, said);
        if (fclose(f) != 0 && st == BASE_OK)
            st = base_err_sys(r->err, "%s", html);
        if (st != BASE_OK)
            return st;
        fprintf(stderr, "weir report: written to %s\n", html);
    }
    if (json)
        return as_json(r, said);
    return html ? BASE_OK : as_tables(r, stdout, AUD_TEXT, said);
}

static void statement(struct report *r, uint64_t rows, struct base_buf *said,
                      struct base_buf *asked)
{
    struct base_json j;
    base_json_init(&j, asked);
    aud_ask_json(&j, &r->ask);
    base_json_init(&j, said);
    base_json_obj(&j);
    base_json_key(&j, "covered");
    aud_cover_json(&j, aud_index_cover(r->ix));
    base_json_key(&j, "question");
    base_json_raw(&j, base_buf_view(asked));
    base_json_kint(&j, "requests", (int64_t)rows);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
}

int gw_cli_report(int argc, char **argv)
{
    const char *file = NULL, *since = NULL, *html = NULL, *how = "";
    bool json = false;
    const struct gw_cli_opt opts[] = {{"-c", &file, NULL},
                                      {"--since", &since, NULL},
                                      {"--html", &html, NULL},
                                      {"--json", NULL, &json},
                                      {0}};
    struct base_err err = {0};
    struct report r = {.err = &err};
    struct base_buf said, asked;
    uint64_t rows = 0;
    int status;

    if (!gw_cli_parse("report", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (!file)
        return gw_cli_fail("report: say which configuration: weir report -c FILE");
    if (since && !aud_time_parse(since, base_wall_us(), &r.ask.since))
        return gw_cli_fail("report: \"%s\" is no time: 2026-11-01, 2026-11-01T08:00:00Z, 12h, 30d",
                           since);
    struct conf *c = NULL;
    struct conf_problems problems;
    status = conf_load_audit_only(file, &c, &problems) == BASE_OK ? 0 : GW_CLI_BAD;
    gw_cli_print_problems(&problems, stderr, NULL);
    conf_problems_release(&problems);
    if (status != 0)
        return status;
    conf_secrets_wipe(c);
    base_buf_init(&said, 1 << 20);
    base_buf_init(&asked, 1 << 16);
    enum base_status st = aud_index_open(c->audit.directory, NULL, false, &r.ix, &err);
    if (st == BASE_OK)
        st = aud_ask_select(r.ix, &r.ask, &rows, &err);
    if (st == BASE_OK) {
        statement(&r, rows, &said, &asked);
        st = aud_reach_read(c->audit.directory, "report", base_buf_view(&asked), rows, &how, &err);
    }
    if (st == BASE_OK)
        st = show(&r, html, json, base_buf_view(&said));
    if (st == BASE_OK)
        fprintf(stderr, "weir report: %" PRIu64 " requests; %s\n", rows, how);
    else
        gw_cli_fail("report: %s", err.text);
    aud_index_free(r.ix);
    base_buf_release(&said);
    base_buf_release(&asked);
    conf_free(c);
    return st == BASE_OK ? 0 : st == BASE_EINVAL ? GW_CLI_HOLDS_NOT : GW_CLI_BAD;
}
