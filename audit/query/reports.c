/* reports.c - the questions that a data protection officer and an auditor ask, as tables.
 *
 * A report is a list of tables; a table is one SQL statement over the index, restricted to the
 * requests of temp.sel (aud_ask_select) and, for what is not about a request, to the window
 * :since..:until. No statement contains a value of the question. Articles are those of the GDPR; a
 * report gives what the traffic shows, not what the law asks beyond it.
 */
#include "audit/query/ask.h"

#include <stdlib.h>
#include <string.h>

/* The distinct values of an expression over the attempts of r that left, as one text. */
#define OF_SENT(expr)                                                                              \
    "(SELECT group_concat(v,'; ') FROM (SELECT DISTINCT " expr " AS v FROM attempt a WHERE "       \
    "a.req=r.req AND a.on_premises=0))"
/* The words of a text between blanks, a row each: (req, word). */
#define WORDS(column)                                                                              \
    "WITH RECURSIVE w(req,word,rest) AS (SELECT req,'',trim(" column ")||' ' FROM sel JOIN "       \
    "request USING(req) WHERE " column " IS NOT NULL UNION ALL SELECT req,"                        \
    "substr(rest,1,instr(rest,' ')-1),substr(rest,instr(rest,' ')+1) FROM w WHERE rest<>'') "
#define WINDOW       "(:since=0 OR t>=:since) AND (:until=0 OR t<:until)"
#define MONEY(micro) "printf('%.6f'," micro "/1e6)"

/* clang-format would cut the words apart. */
// clang-format off
static const char listing[] =
    "SELECT r.i AS 'index', ts(r.t) AS time, r.req AS request, r.tenant, r.key, r.use_case, "
    "r.subj AS subject, trim(r.data) AS data, "
    "(SELECT count(*) FROM correction c WHERE c.req=r.req) AS corrections, "
    "coalesce(r.status,'open') AS status, r.http, r.route, "
    OF_SENT("coalesce(a.entity,a.backend,'not recorded')") " AS sent_to, "
    OF_SENT("trim(coalesce(a.location,'not recorded'))") " AS places, "
    OF_SENT("coalesce(a.basis,'not recorded')||coalesce(' '||a.reference,'')") " AS basis, "
    "r.redacted, r.tokens_in, r.tokens_out, " MONEY("r.cost_micro") " AS cost, r.ms, "
    "substr(r.policy,1,19) AS policy FROM sel JOIN request r USING(req) ORDER BY r.t, r.i";
// clang-format on

static const char listing_left[] =
    "SELECT a.i AS 'index', ts(a.t) AS time, a.req AS request, r.tenant, r.use_case, "
    "r.subj AS subject, trim(r.data) AS data, coalesce(a.entity,'not recorded') AS entity, "
    "trim(a.location) AS places, a.basis, a.reference, a.expires, trim(a.redact) AS redacted_types,"
    " a.route, a.n AS attempt FROM sel JOIN attempt a USING(req) JOIN request r USING(req) "
    "WHERE a.on_premises=0 ORDER BY a.i";

#define RECIPIENTS(where)                                                                          \
    "SELECT coalesce(entity,'not recorded') AS entity, backend, trim(location) AS places, "        \
    "CASE in_eea WHEN 1 THEN 'yes' WHEN 0 THEN 'no' ELSE 'not recorded' END AS within_eea, "       \
    "basis, "                                                                                      \
    "reference, expires, retention_days, CASE trains WHEN 0 THEN 'no' WHEN 1 THEN 'yes' END AS "   \
    "trains_on_data, count(DISTINCT req) AS requests, count(*) AS attempts, ts(min(t)) AS first, " \
    "ts(max(t)) AS last FROM sel JOIN attempt a USING(req) WHERE on_premises=0 " where             \
    " GROUP BY entity, backend, location, basis, reference, expires, retention_days, trains, "     \
    "in_eea "                                                                                      \
    "ORDER BY requests DESC"

/* Of the recipients above, as the configurations of the time name them. */
static const char sub_processors[] =
    "SELECT json_extract(e.detail,'$.backend') AS backend, "
    "json_extract(e.detail,'$.residency.entity') AS entity, "
    "json_extract(s.value,'$.name') AS sub_processor, "
    "(SELECT group_concat(p.value,' ') FROM json_each(s.value,'$.location') p) AS places, "
    "ts(min(e.t)) AS configured_first, ts(max(e.t)) AS configured_last "
    "FROM event e, json_each(e.detail,'$.residency.sub_processors') s "
    "WHERE e.ev='conf.backend' AND json_extract(e.detail,'$.backend') IN "
    "(SELECT a.backend FROM sel JOIN attempt a USING(req) WHERE a.on_premises=0) "
    "GROUP BY 1,2,3,4 ORDER BY 1,3,4";

static const char by_class[] = WORDS("data") "SELECT word AS class, count(DISTINCT w.req) AS "
                                             "requests, count(DISTINCT CASE WHEN a.on_premises=0 "
                                             "THEN w.req END) AS may_have_left FROM w "
                                             "LEFT JOIN attempt a ON a.req=w.req WHERE word<>'' "
                                             "GROUP BY word ORDER BY requests DESC";

#define BY_TYPE(column)                                                                            \
    WORDS(column)                                                                                  \
    "SELECT substr(word,1,instr(word,'=')-1) AS type, count(DISTINCT req) AS requests, "           \
    "sum(CAST(substr(word,instr(word,'=')+1) AS INTEGER)) AS times FROM w WHERE word LIKE '%=%' "  \
    "GROUP BY type ORDER BY times DESC"

#define EVENTS(where)                                                                              \
    "SELECT i AS 'index', ts(t) AS time, ev AS event, tenant, who, what, detail AS record FROM "   \
    "event WHERE " WINDOW " AND (" where ") ORDER BY i"

struct table {
    const char *title, *sql;
};

static const struct table residency[] = {
    {"Who may have received content, where and on which basis", RECIPIENTS("")},
    {"Data classes", by_class},
    {"Routes taken",
     "SELECT a.route, CASE a.on_premises WHEN 1 THEN 'stayed' ELSE 'may have left' END AS content, "
     "count(DISTINCT a.req) AS requests, sum(CASE WHEN r.route=a.route THEN r.tokens_in END) AS "
     "tokens_in, sum(CASE WHEN r.route=a.route THEN r.tokens_out END) AS tokens_out, " MONEY(
         "sum(CASE WHEN r.route=a.route THEN r.cost_micro END)") " AS cost FROM sel JOIN attempt a "
                                                                 "USING(req) JOIN request r "
                                                                 "USING(req) GROUP BY a.route, "
                                                                 "a.on_premises ORDER BY requests "
                                                                 "DESC"},
    {"Refused by policy",
     "SELECT coalesce(rule,'not recorded') AS rule, reason, count(*) AS requests FROM sel JOIN "
     "request USING(req) WHERE decision='deny' GROUP BY rule, reason ORDER BY requests DESC"},
    {"Every time content may have left", listing_left},
    {NULL, NULL}};

static const struct table subject[] = {
    {"Processing of this subject's data (Art. 15(1)(a), (b))",
     "SELECT ts(r.t) AS time, r.req AS request, r.tenant, r.use_case, r.purpose, r.legal_basis, "
     "trim(r.data) AS categories, r.findings AS found, r.model AS model_asked, r.route AS answered_"
     "by, coalesce(r.status,'open') AS status, r.redacted FROM sel JOIN request r USING(req) "
     "ORDER BY r.t, r.i"},
    {"Recipients and safeguards (Art. 15(1)(c), (2))", RECIPIENTS("")},
    {"How it was decided where each request went (Art. 15(1)(h))",
     "SELECT r.req AS request, r.decision, r.reason, trim(r.rules) AS rules, r.ai_act, CASE "
     "r.human_review WHEN 1 THEN 'yes' WHEN 0 THEN 'no' END AS human_review, substr(r.policy,1,19) "
     "AS policy FROM sel JOIN request r USING(req) ORDER BY r.t, r.i"},
    {"Content that was kept (the text: weir audit content --req)",
     "SELECT c.req AS request, c.kind, c.bytes, trim(c.classes) AS classes, c.id, r.content_days "
     "AS "
     "policy_days FROM sel JOIN content c USING(req) JOIN request r USING(req) ORDER BY c.i, c.n"},
    {"Corrections (Art. 16; the text: weir audit content --req --kind correction)",
     "SELECT c.i AS 'index', ts(c.t) AS time, c.req AS request, c.record, c.field, c.who FROM sel "
     "JOIN correction c USING(req) ORDER BY c.i"},
    {"Erasures and legal holds",
     EVENTS("(ev LIKE 'erasure.%' OR ev LIKE 'hold.%') AND what IN (SELECT tag FROM subj)")},
    {"Who looked at it",
     EVENTS("ev='audit.read' AND EXISTS(SELECT 1 FROM subj WHERE instr(detail,subj.tag)>0)")},
    {NULL, NULL}};

static const struct table article30[] = {
    {"Processing activities (Art. 30(1)(b), (c), (f), from the traffic)",
     "SELECT coalesce(r.use_case,'(none declared)') AS activity, r.purpose, r.legal_basis, "
     "r.ai_act, "
     "group_concat(DISTINCT r.tenant) AS tenants, count(*) AS requests, count(DISTINCT r.subj) AS "
     "subjects, group_concat(DISTINCT trim(r.data)) AS categories_of_data, max(r.content_days) AS "
     "content_days_at_most, max(r.record_days) AS record_days_at_least, ts(min(r.t)) AS first, "
     "ts(max(r.t)) AS last FROM sel JOIN request r USING(req) GROUP BY r.use_case, r.purpose, "
     "r.legal_basis, r.ai_act ORDER BY requests DESC"},
    {"Recipients by activity (Art. 30(1)(d))",
     "SELECT coalesce(r.use_case,'(none declared)') AS activity, coalesce(a.entity,'not recorded') "
     "AS recipient, trim(a.location) AS places, count(DISTINCT a.req) AS requests FROM sel JOIN "
     "attempt a USING(req) JOIN request r USING(req) WHERE a.on_premises=0 GROUP BY r.use_case, "
     "a.entity, a.location ORDER BY requests DESC"},
    {"Transfers to third countries and their safeguards (Art. 30(1)(e))",
     RECIPIENTS("AND coalesce(in_eea,0)=0")},
    {"Sub-processors of the recipients, as configured (Art. 28(2), 30(1)(d), (e))", sub_processors},
    {"Kinds of personal data that were found", BY_TYPE("findings")},
    {"Security measures seen at work (Art. 30(1)(g)): identifiers replaced before sending",
     BY_TYPE("redacted")},
    {NULL, NULL}};

static const struct table incident[] = {
    {"Extent (Art. 33(3)(a))",
     "SELECT count(*) AS requests, count(DISTINCT r.subj) AS subjects_named, sum(r.subj IS NULL) "
     "AS "
     "requests_without_subject, count(DISTINCT r.tenant) AS tenants, count(DISTINCT r.key) AS "
     "keys, "
     "sum(EXISTS(SELECT 1 FROM attempt a WHERE a.req=r.req AND a.on_premises=0)) AS may_have_left, "
     "sum(r.i_end IS NULL OR r.status='unknown') AS outcome_unknown, ts(min(r.t)) AS first, "
     "ts(max(r.t)) AS last FROM sel JOIN request r USING(req)"},
    {"Categories of data", by_class},
    {"Kinds of data found", BY_TYPE("findings")},
    {"Recipients in the window", RECIPIENTS("")},
    {"Subjects affected (Art. 34), as the log names them",
     "SELECT r.subj AS subject, r.tenant, count(*) AS requests, group_concat(DISTINCT "
     "trim(r.data)) "
     "AS data, ts(min(r.t)) AS first, ts(max(r.t)) AS last FROM sel JOIN request r USING(req) "
     "WHERE "
     "r.subj IS NOT NULL GROUP BY r.subj, r.tenant ORDER BY requests DESC"},
    {"Every request", listing},
    {"Content kept of them",
     "SELECT c.req AS request, c.kind, c.bytes, trim(c.classes) AS classes FROM sel JOIN content c "
     "USING(req) ORDER BY c.i, c.n"},
    {"Keys, configuration and the log itself in the window",
     EVENTS("ev LIKE 'key.%' OR ev LIKE 'admin.%' OR ev LIKE 'log.%' OR ev LIKE 'erasure.%' OR ev "
            "LIKE 'hold.%' OR ev LIKE 'retention.%'")},
    {"Who looked at records in the window", EVENTS("ev='audit.read'")},
    {"Turned away at the door in the window",
     "SELECT http, error, why, coalesce(key,'(unknown)') AS key, count(*) AS requests, ts(min(t)) "
     "AS "
     "first, ts(max(t)) AS last FROM refusal WHERE " WINDOW " GROUP BY http, error, why, key ORDER "
     "BY requests DESC"},
    {NULL, NULL}};

static const struct table access_[] = {
    {"Who looked at what", EVENTS("ev='audit.read'")},
    {"Erasures, holds and retention",
     EVENTS("ev LIKE 'erasure.%' OR ev LIKE 'hold.%' OR ev LIKE 'retention.%'")},
    {"Keys", EVENTS("ev LIKE 'key.%'")},
    {"Start, stop, configuration", EVENTS("ev LIKE 'admin.%'")},
    {"The log itself",
     EVENTS("ev NOT LIKE 'admin.%' AND ev NOT LIKE 'key.%' AND ev NOT LIKE 'erasure.%' AND ev NOT "
            "LIKE 'hold.%' AND ev NOT LIKE 'retention.%' AND ev<>'audit.read'")},
    {NULL, NULL}};

static const struct table transfers[] = {
    {"Recipients with a place outside the EEA, or of which that is not recorded (Art. 44 to 49)",
     RECIPIENTS("AND coalesce(in_eea,0)=0")},
    {"Sub-processors of all recipients, as configured (Art. 28(2), 44)", sub_processors},
    {"Data classes that may have gone there",
     "SELECT coalesce(a.entity,'not recorded') AS entity, trim(a.location) AS places, a.basis, "
     "a.reference, trim(r.data) AS data, count(DISTINCT a.req) AS requests, sum(a.redact IS NOT "
     "NULL) AS with_redaction FROM sel JOIN attempt a USING(req) JOIN request r USING(req) WHERE "
     "a.on_premises=0 AND coalesce(a.in_eea,0)=0 GROUP BY a.entity, a.location, a.basis, "
     "a.reference, r.data ORDER BY requests DESC"},
    {"Every such attempt",
     "SELECT a.i AS 'index', ts(a.t) AS time, a.req AS request, r.tenant, r.use_case, r.subj AS "
     "subject, trim(r.data) AS data, coalesce(a.entity,'not recorded') AS entity, trim(a.location) "
     "AS places, a.basis, a.reference, a.expires, trim(a.redact) AS redacted_types FROM sel JOIN "
     "attempt a USING(req) JOIN request r USING(req) WHERE a.on_premises=0 AND "
     "coalesce(a.in_eea,0)=0 ORDER BY a.i"},
    {NULL, NULL}};

static const struct table dpia[] = {
    {"Operations and purposes (Art. 35(7)(a))",
     "SELECT coalesce(r.use_case,'(none declared)') AS activity, r.purpose, r.ai_act, CASE "
     "r.human_review WHEN 1 THEN 'required' WHEN 0 THEN 'not required' END AS human_review, "
     "r.tier, "
     "r.route, count(*) AS requests, count(DISTINCT r.subj) AS subjects FROM sel JOIN request r "
     "USING(req) GROUP BY r.use_case, r.purpose, r.ai_act, r.tier, r.route ORDER BY requests DESC"},
    {"Categories of data", by_class},
    {"Kinds of data found", BY_TYPE("findings")},
    {"Recipients", RECIPIENTS("")},
    {"Measures (Art. 35(7)(d)): identifiers replaced before sending", BY_TYPE("redacted")},
    {"Measures: requests refused by policy",
     "SELECT coalesce(rule,'not recorded') AS rule, count(*) AS requests FROM sel JOIN request "
     "USING(req) WHERE decision='deny' GROUP BY rule ORDER BY requests DESC"},
    {"Residual risk: personal data that may have left without a replacement",
     "SELECT coalesce(a.entity,'not recorded') AS entity, trim(r.data) AS data, count(DISTINCT "
     "a.req) AS requests FROM sel JOIN attempt a USING(req) JOIN request r USING(req) WHERE "
     "a.on_premises=0 AND a.redact IS NULL AND r.data LIKE '% personal %' GROUP BY a.entity, "
     "r.data "
     "ORDER BY requests DESC"},
    {"Residual risk: interrupted requests whose outcome is not known",
     "SELECT r.req AS request, ts(r.t) AS time, r.route, trim(r.data) AS data FROM sel JOIN "
     "request "
     "r USING(req) WHERE r.i_end IS NULL OR r.status='unknown' ORDER BY r.t"},
    {NULL, NULL}};

static const struct report {
    const char *name, *title, *about;
    const struct table *tables;
} reports[] = {
    {"residency", "What left, where and to whom",
     "Requests whose content may have left the premises, by recipient, place and transfer basis.",
     residency},
    {"subject", "All about one subject",
     "What the log holds about the subject asked for, for an answer under Art. 15 GDPR.", subject},
    {"article30", "Record of processing activities",
     "What the traffic shows for the register under Art. 30 GDPR. Name and contact of the "
     "controller and of the data protection officer (Art. 30(1)(a)) are for the controller to add.",
     article30},
    {"incident", "Incident window",
     "What a key, a back end or a rule touched in a window of time, for a notification under Art. "
     "33 and 34 GDPR. Narrow it with --since, --until, --key, --route, --entity.",
     incident},
    {"access", "Who looked at what", "Reading and changing, as the log recorded it.", access_},
    {"transfers", "Register of transfers to third countries",
     "Recipients with a place outside the EEA, with basis, reference and expiry.", transfers},
    {"dpia", "Annex to a data protection impact assessment",
     "Measured data flows, safeguards at work and what remains (Art. 35 GDPR).", dpia},
};
#define N_REPORTS (sizeof(reports) / sizeof(reports[0]))

const char *const *aud_report_names(void)
{
    static const char *names[N_REPORTS + 1];

    for (size_t i = 0; i < N_REPORTS; i++)
        names[i] = reports[i].name;
    return names;
}

static enum base_status put_table(struct aud_index *ix, const struct aud_ask *a, struct aud_out *o,
                                  const char *title, const char *sql, struct base_err *err)
{
    sqlite3 *db = aud_index_db(ix);
    sqlite3_stmt *s = NULL;
    enum base_status st;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        return base_err_set(err, BASE_EBUG, "report \"%s\": %s", title, sqlite3_errmsg(db));
    int since = sqlite3_bind_parameter_index(s, ":since");
    int until = sqlite3_bind_parameter_index(s, ":until");
    if (since)
        sqlite3_bind_int64(s, since, a->since);
    if (until)
        sqlite3_bind_int64(s, until, a->until);
    st = aud_out_table(o, db, s, title, NULL, err);
    sqlite3_finalize(s);
    return st;
}

enum base_status aud_report_query(struct aud_index *ix, const struct aud_ask *a, struct aud_out *o,
                                  struct base_err *err)
{
    return put_table(ix, a, o, "Requests", listing, err);
}

/* The subjects of the question as a table, for what is not about a request. */
static enum base_status put_subjects(struct aud_index *ix, const struct aud_ask *a,
                                     struct base_err *err)
{
    sqlite3 *db = aud_index_db(ix);
    sqlite3_stmt *s = NULL;
    enum base_status st = aud_index_exec(
        db, "DROP TABLE IF EXISTS temp.subj; CREATE TEMP TABLE subj(tag TEXT PRIMARY KEY)", err);

    for (size_t i = 0; i < a->n_subjects && st == BASE_OK; i++) {
        if (sqlite3_prepare_v2(db, "INSERT OR IGNORE INTO subj VALUES(?1)", -1, &s, NULL) !=
                SQLITE_OK ||
            sqlite3_bind_text(s, 1, a->subjects[i], -1, SQLITE_STATIC) != SQLITE_OK ||
            sqlite3_step(s) != SQLITE_DONE)
            st = base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(db));
        sqlite3_finalize(s);
        s = NULL;
    }
    return st;
}

enum base_status aud_report_run(struct aud_index *ix, const char *name, const struct aud_ask *a,
                                enum aud_format format, FILE *f, struct base_str statement,
                                struct base_err *err)
{
    const struct report *r = NULL;
    struct aud_out o;

    for (size_t i = 0; i < N_REPORTS; i++) {
        if (strcmp(reports[i].name, name) == 0)
            r = &reports[i];
    }
    if (!r)
        return base_err_set(err, BASE_ENOENT, "there is no report \"%s\"", name);
    enum base_status st = put_subjects(ix, a, err);
    aud_out_begin(&o, f, format, r->title, true);
    aud_out_prose(&o, r->about);
    for (const struct table *t = r->tables; t->title && st == BASE_OK; t++)
        st = put_table(ix, a, &o, t->title, t->sql, err);
    return st == BASE_OK ? aud_out_end(&o, statement, err) : st;
}
