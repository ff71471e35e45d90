/* ask.c - the filters of a question, as options, as JSON for the record, and as SQL.
 *
 * Every value reaches SQLite as a bound parameter; the SQL text is made of the constants here only.
 */
#include "audit/query/ask.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

const char aud_ask_help[] =
    "filters (all that are given must hold):\n"
    "  --since T --until T      2026-11-01, 2026-11-01T08:00:00Z, or a time ago: 90s 15m 12h 30d\n"
    "  --tenant T --key ID --use-case ID --req ID\n"
    "  --subject S              who the request is about (x-weir-subject); --subject-tag TAG: as\n"
    "                           the log names a subject\n"
    "  --data CLASS             none personal special criminal secret\n"
    "  --left                   content may have left the premises\n"
    "  --location P             sent to a back end whose places include P (US, EU, ...)\n"
    "  --outside EEA|EU         sent to a back end with a place outside of it\n"
    "  --entity E --basis B     sent to this legal entity, on this basis (dpa scc dpf ...)\n"
    "  --status S --route R     ok denied error client_gone unknown open; local/x, backend/model\n"
    "  --denied --rule ID       refused by policy; a rule that applied\n"
    "  --limit N\n";

static bool clock_time(const char *p, size_t n, int64_t *s)
{
    /* THH:MM:SS[.fraction]Z */
    uint64_t h, m, sec;

    if (n < 10 || p[0] != 'T' || p[3] != ':' || p[6] != ':' || p[n - 1] != 'Z')
        return false;
    if (!base_str_u64(base_str_n(p + 1, 2), &h) || !base_str_u64(base_str_n(p + 4, 2), &m) ||
        !base_str_u64(base_str_n(p + 7, 2), &sec) || h > 23 || m > 59 || sec > 60)
        return false;
    if (n > 10 && (p[9] != '.' || n > 20 || strspn(p + 10, "0123456789") != n - 11))
        return false;
    *s = (int64_t)(h * 3600 + m * 60 + sec);
    return true;
}

bool aud_time_parse(const char *z, int64_t now_us, int64_t *out)
{
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    size_t n = strlen(z);
    uint64_t v;
    int64_t s = 0;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && n > 1; i++) {
        if (z[n - 1] == units[i].unit && base_str_u64(base_str_n(z, n - 1), &v) && v < 1000000000) {
            *out = now_us - (int64_t)v * units[i].s * 1000000;
            return true;
        }
    }
    int64_t day = n >= 10 ? base_days_from_date(z, 10) : -1;
    if (day < 0 || (n > 10 && !clock_time(z + 10, n - 10, &s)))
        return false;
    *out = (day * 86400 + s) * 1000000;
    return true;
}

static bool one_of(const char *what, const char *value, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0)
            return true;
    }
    fprintf(stderr, "weir audit: %s cannot be \"%s\"; one of:", what, value);
    for (size_t i = 0; words[i]; i++)
        fprintf(stderr, " %s", words[i]);
    fputc('\n', stderr);
    return false;
}

static bool take_subject(struct aud_ask *a, const char *tag)
{
    if (a->n_subjects == AUD_ASK_SUBJECTS) {
        fprintf(stderr, "weir audit: more than %d subjects\n", AUD_ASK_SUBJECTS);
        return false;
    }
    a->subjects[a->n_subjects++] = tag;
    return true;
}

bool aud_ask_option(struct aud_ask *a, int option, const char *value)
{
    static const char *const classes[] = {"none",     "personal", "special",
                                          "criminal", "secret",   NULL};
    static const char *const areas[] = {"EEA", "EU", NULL};
    static const char *const states[] = {"ok",          "denied",  "error", "refused",
                                         "client_gone", "unknown", "open",  NULL};
    static const char *const bases[] = {"none", "dpa", "adequacy", "dpf", "scc", "bcr", NULL};
    const char **const text[] = {
        [2] = &a->tenant,  [3] = &a->key,    [4] = &a->use_case, [5] = &a->location,
        [6] = &a->outside, [7] = &a->entity, [8] = &a->basis,    [9] = &a->data,
        [10] = &a->status, [11] = &a->route, [12] = &a->req,     [13] = &a->rule};
    int k = option - 256;

    if (k == 0 || k == 1) {
        if (aud_time_parse(value, base_wall_us(), k ? &a->until : &a->since))
            return true;
        fprintf(stderr,
                "weir audit: \"%s\" is no time: 2026-11-01, 2026-11-01T08:00:00Z or 12h, 30d\n",
                value);
        return false;
    }
    if (k == 14) {
        a->subject = value;
        return true;
    }
    if (k == 15)
        return take_subject(a, value);
    if (k == 16)
        a->left = true;
    if (k == 17)
        a->denied = true;
    if (k == 18 && !base_str_u64(base_str_c(value), &a->limit)) {
        fprintf(stderr, "weir audit: --limit takes a number\n");
        return false;
    }
    if (k >= 14)
        return true;
    *text[k] = value;
    return (k != 6 || one_of("--outside", value, areas)) &&
           (k != 8 || one_of("--basis", value, bases)) &&
           (k != 9 || one_of("--data", value, classes)) &&
           (k != 10 || one_of("--status", value, states));
}

void aud_ask_json(struct base_json *j, const struct aud_ask *a)
{
    const struct {
        const char *name, *value;
    } text[] = {{"basis", a->basis},  {"data", a->data},         {"entity", a->entity},
                {"key", a->key},      {"location", a->location}, {"outside", a->outside},
                {"req", a->req},      {"route", a->route},       {"rule", a->rule},
                {"status", a->status}};

    base_json_obj(j);
    if (a->denied)
        base_json_kbool(j, "denied", true);
    if (a->left)
        base_json_kbool(j, "left", true);
    if (a->limit)
        base_json_kint(j, "limit", (int64_t)a->limit);
    if (a->since)
        base_json_kint(j, "since", a->since);
    if (a->n_subjects) {
        base_json_key(j, "subjects");
        base_json_arr(j);
        for (size_t i = 0; i < a->n_subjects; i++)
            base_json_z(j, a->subjects[i]);
        base_json_arr_end(j);
    }
    if (a->tenant)
        base_json_kz(j, "tenant", a->tenant);
    if (a->until)
        base_json_kint(j, "until", a->until);
    if (a->use_case)
        base_json_kz(j, "use_case", a->use_case);
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
        if (text[i].value)
            base_json_kz(j, text[i].name, text[i].value);
    }
    base_json_obj_end(j);
}

/* ---- as SQL ---- */

struct where {
    struct base_buf sql;
    const char *value[AUD_ASK_SUBJECTS + 32];
    int n;
};

static void also(struct where *w, const char *condition, const char *value)
{
    if (!value)
        return;
    w->value[w->n++] = value;
    base_buf_printf(&w->sql, " AND (%s)", condition);
}

/* A condition on one attempt that left the premises. */
#define SENT(c) "EXISTS(SELECT 1 FROM attempt a WHERE a.req=r.req AND a.on_premises=0 AND (" c "))"

static void conditions(struct where *w, const struct aud_ask *a)
{
    also(w, "r.tenant=?", a->tenant);
    also(w, "r.key=?", a->key);
    also(w, "r.use_case=?", a->use_case);
    also(w, "r.req=?", a->req);
    also(w, "r.data LIKE '% '||?||' %'", a->data);
    also(w, "r.rules LIKE '% '||?||' %'", a->rule);
    also(w, "coalesce(r.status,'open')=?", a->status);
    also(w, "EXISTS(SELECT 1 FROM attempt a WHERE a.req=r.req AND a.route=?)", a->route);
    also(w, SENT("a.location LIKE '% '||?||' %'"), a->location);
    also(w, SENT("a.entity=?"), a->entity);
    also(w, SENT("coalesce(a.basis,'')=?"), a->basis);
    if (a->outside) /* what is not known counts as outside */
        base_buf_printf(&w->sql, " AND %s",
                        strcmp(a->outside, "EU") == 0 ? SENT("coalesce(a.in_eu,0)=0")
                                                      : SENT("coalesce(a.in_eea,0)=0"));
    if (a->left)
        base_buf_z(&w->sql, " AND " SENT("1"));
    if (a->denied)
        base_buf_z(&w->sql, " AND r.decision='deny'");
    if (a->since)
        base_buf_printf(&w->sql, " AND r.t>=%lld", (long long)a->since);
    if (a->until)
        base_buf_printf(&w->sql, " AND r.t<%lld", (long long)a->until);
    if (a->subject || a->n_subjects) {
        base_buf_z(&w->sql, " AND r.subj IN (");
        for (size_t i = 0; i < a->n_subjects; i++) {
            base_buf_z(&w->sql, i ? ",?" : "?");
            w->value[w->n++] = a->subjects[i];
        }
        base_buf_byte(&w->sql, ')');
    }
    base_buf_z(&w->sql, " ORDER BY r.t, r.i");
    if (a->limit)
        base_buf_printf(&w->sql, " LIMIT %llu", (unsigned long long)a->limit);
}

enum base_status aud_ask_select(struct aud_index *ix, const struct aud_ask *a, uint64_t *n,
                                struct base_err *err)
{
    sqlite3 *db = aud_index_db(ix);
    struct where w = {.n = 0};
    sqlite3_stmt *s = NULL;
    enum base_status st = aud_index_exec(db,
                                         "DROP TABLE IF EXISTS temp.sel;"
                                         "CREATE TEMP TABLE sel(req TEXT PRIMARY KEY)",
                                         err);

    base_buf_init(&w.sql, 1 << 20);
    base_buf_z(&w.sql, "INSERT OR IGNORE INTO sel SELECT r.req FROM request r WHERE 1");
    conditions(&w, a);
    if (st != BASE_OK)
        goto out;
    if (!base_buf_ok(&w.sql) ||
        sqlite3_prepare_v2(db, w.sql.p, (int)w.sql.n, &s, NULL) != SQLITE_OK) {
        st = base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(db));
        goto out;
    }
    for (int i = 0; i < w.n; i++)
        sqlite3_bind_text(s, i + 1, w.value[i], -1, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        st = base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(db));
    *n = (uint64_t)sqlite3_changes(db);
out:
    sqlite3_finalize(s);
    base_buf_release(&w.sql);
    return st;
}
