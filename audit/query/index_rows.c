/* index_rows.c - from a record to rows: the tables of the index and what goes into them.
 *
 * Runs on the thread that opens the index. A record is read with jansson; members that an older
 * gateway did not write become NULL ("not recorded"), never a guess, with one exception that errs
 * on the safe side: a route of which is not known where it leads counts as off premises unless its
 * name begins with local/.
 *
 *   request  one a request: who, what for, which data, the decision, how it ended
 *   attempt  one for each req.intent and req.fallback that was routed: to whom, on which basis
 *   refusal  req.refused: turned away at the door
 *   event    everything else: start, stop, reload, keys, reading, erasure, holds, the log itself
 *   content  encrypted content that was kept, and whether it still is
 *   correction  what somebody said is wrong, beside the record that it is about
 *
 * Lists are kept as text between blanks (" personal special "), so that LIKE '% personal %' is
 * exact.
 */
#include "audit/query/index.h"

#include "base/str.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char aud_index_schema[] =
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "CREATE TABLE request(req TEXT PRIMARY KEY, i INTEGER, i_end INTEGER, t INTEGER, t_end INTEGER,"
    " tenant TEXT, key TEXT, subj TEXT, model TEXT, dialect TEXT, use_case TEXT, purpose TEXT,"
    " legal_basis TEXT, ai_act TEXT, human_review INTEGER, tier TEXT, task TEXT, difficulty REAL,"
    " data TEXT, findings TEXT, policy TEXT, conf TEXT, decision TEXT, rule TEXT, reason TEXT,"
    " rules TEXT, obligations TEXT, status TEXT, http INTEGER, error TEXT, route TEXT,"
    " tokens_in INTEGER, tokens_out INTEGER, cost_micro INTEGER, ms INTEGER, attempts INTEGER,"
    " redacted TEXT, content_days INTEGER, record_days INTEGER) WITHOUT ROWID;"
    "CREATE INDEX request_t ON request(t);"
    "CREATE INDEX request_subj ON request(subj) WHERE subj IS NOT NULL;"
    "CREATE TABLE attempt(i INTEGER PRIMARY KEY, req TEXT, n INTEGER, t INTEGER, route TEXT,"
    " backend TEXT, entity TEXT, location TEXT, on_premises INTEGER, in_eu INTEGER,"
    " in_eea INTEGER, basis TEXT, reference TEXT, expires TEXT, retention_days INTEGER,"
    " trains INTEGER, redact TEXT, price_in INTEGER, price_out INTEGER, after_http INTEGER,"
    " after_why TEXT);"
    "CREATE INDEX attempt_req ON attempt(req);"
    "CREATE TABLE refusal(i INTEGER PRIMARY KEY, req TEXT, t INTEGER, tenant TEXT, key TEXT,"
    " http INTEGER, error TEXT, why TEXT);"
    "CREATE TABLE event(i INTEGER PRIMARY KEY, t INTEGER, ev TEXT, tenant TEXT, who TEXT,"
    " what TEXT, detail TEXT);"
    "CREATE TABLE content(i INTEGER, n INTEGER, id TEXT, req TEXT, kind TEXT, bytes INTEGER,"
    " classes TEXT, PRIMARY KEY(i, n)) WITHOUT ROWID;"
    "CREATE INDEX content_req ON content(req);"
    "CREATE TABLE correction(i INTEGER PRIMARY KEY, t INTEGER, req TEXT, record INTEGER,"
    " subj TEXT, field TEXT, who TEXT);"
    "CREATE INDEX correction_req ON correction(req);";

enum {
    ROW_INTENT,
    ROW_OUTCOME,
    ROW_ATTEMPT,
    ROW_REFUSAL,
    ROW_EVENT,
    ROW_CONTENT,
    ROW_CORRECTION,
    ROW_COUNT
};

static const char *const inserts[ROW_COUNT] = {
    [ROW_INTENT] =
        "INSERT INTO request(req,i,t,tenant,key,subj,model,dialect,use_case,purpose,legal_basis,"
        "ai_act,human_review,tier,task,difficulty,data,findings,policy,conf,decision,rule,reason,"
        "rules,obligations,route,content_days,record_days) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,"
        "?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28)"
        " ON CONFLICT(req) DO NOTHING",
    [ROW_OUTCOME] =
        "INSERT INTO request(req,i_end,t_end,tenant,status,http,error,route,tokens_in,tokens_out,"
        "cost_micro,ms,attempts,redacted,t) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
        "?3) ON CONFLICT(req) DO UPDATE SET i_end=?2,t_end=?3,status=?5,http=?6,error=?7,"
        "route=coalesce(?8,route),tokens_in=?9,tokens_out=?10,cost_micro=?11,ms=?12,attempts=?13,"
        "redacted=?14",
    [ROW_ATTEMPT] =
        "INSERT INTO attempt VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,"
        "?19,?20,?21)",
    [ROW_REFUSAL] = "INSERT INTO refusal VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [ROW_EVENT] = "INSERT INTO event VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [ROW_CONTENT] = "INSERT INTO content VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [ROW_CORRECTION] = "INSERT INTO correction VALUES(?1,?2,?3,?4,?5,?6,?7)",
};

struct aud_rows {
    sqlite3 *db;
    sqlite3_stmt *s[ROW_COUNT];
};

enum base_status aud_rows_new(sqlite3 *db, struct aud_rows **out, struct base_err *err)
{
    struct aud_rows *r = calloc(1, sizeof(*r));

    *out = NULL;
    if (!r)
        return base_err_set(err, BASE_ENOMEM, "no memory for the index");
    r->db = db;
    for (int i = 0; i < ROW_COUNT; i++) {
        if (sqlite3_prepare_v2(db, inserts[i], -1, &r->s[i], NULL) != SQLITE_OK) {
            base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(db));
            aud_rows_free(r);
            return BASE_EIO;
        }
    }
    *out = r;
    return BASE_OK;
}

void aud_rows_free(struct aud_rows *r)
{
    for (int i = 0; r && i < ROW_COUNT; i++)
        sqlite3_finalize(r->s[i]);
    free(r);
}

/* ---- binding ---- */

static void bind_z(sqlite3_stmt *s, int at, const char *z)
{
    if (z)
        sqlite3_bind_text(s, at, z, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(s, at);
}

/* The member as text; NULL when it is missing, empty or of another kind. */
static const char *member(const json_t *o, const char *key)
{
    const json_t *m = json_object_get(o, key);

    return json_is_string(m) && json_string_length(m) > 0 ? json_string_value(m) : NULL;
}

static void bind_m(sqlite3_stmt *s, int at, const json_t *o, const char *key)
{
    bind_z(s, at, member(o, key));
}

static void bind_i(sqlite3_stmt *s, int at, const json_t *o, const char *key)
{
    const json_t *m = json_object_get(o, key);

    if (json_is_integer(m))
        sqlite3_bind_int64(s, at, json_integer_value(m));
    else if (json_is_boolean(m))
        sqlite3_bind_int(s, at, json_is_true(m));
    else if (json_is_real(m))
        sqlite3_bind_double(s, at, json_real_value(m));
    else
        sqlite3_bind_null(s, at);
}

static void bind_buf(sqlite3_stmt *s, int at, struct base_buf *b)
{
    if (base_buf_ok(b) && b->n)
        sqlite3_bind_text(s, at, b->p, (int)b->n, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(s, at);
    base_buf_release(b);
}

/* A list of words as " a b "; a blank inside a word becomes '_'. */
static void bind_words(sqlite3_stmt *s, int at, const json_t *o, const char *key)
{
    const json_t *list = json_object_get(o, key), *item;
    struct base_buf b;
    size_t i;

    base_buf_init(&b, 1 << 16);
    json_array_foreach(list, i, item)
    {
        const char *z = json_string_value(item);

        if (i == 0)
            base_buf_byte(&b, ' ');
        for (; z && *z; z++)
            base_buf_byte(&b, *z == ' ' ? '_' : *z);
        base_buf_byte(&b, ' ');
    }
    bind_buf(s, at, &b);
}

/* {"EMAIL":2} as "EMAIL=2"; findings are a list of {"type","count"}. */
static void bind_counts(sqlite3_stmt *s, int at, const json_t *o, const char *key)
{
    json_t *m = json_object_get(o, key), *v;
    struct base_buf b;
    const char *k;
    size_t i;

    base_buf_init(&b, 1 << 16);
    if (json_is_object(m)) {
        json_object_foreach(m, k, v)
        {
            base_buf_printf(&b, "%s%s=%" PRId64, b.n ? " " : "", k, (int64_t)json_integer_value(v));
        }
    } else {
        json_array_foreach(m, i, v)
        {
            const char *type = member(v, "type");

            base_buf_printf(&b, "%s%s=%" PRId64, b.n ? " " : "", type ? type : "?",
                            (int64_t)json_integer_value(json_object_get(v, "count")));
        }
    }
    bind_buf(s, at, &b);
}

static enum base_status run(struct aud_rows *r, int which, struct base_err *err)
{
    sqlite3_stmt *s = r->s[which];
    int rc = sqlite3_step(s);

    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (rc == SQLITE_DONE)
        return BASE_OK;
    return base_err_set(err, rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? BASE_EINVAL : BASE_EIO,
                        "index: %s", sqlite3_errmsg(r->db));
}

/* ---- places ---- */

static const char eu[] = "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEITLTLULVMTNLPLPTROSESISK";

bool aud_places_inside(const char *const *v, size_t n, bool eea)
{
    for (size_t i = 0; i < n; i++) {
        bool in = strcmp(v[i], "EU") == 0 || strcmp(v[i], "on_premises") == 0 ||
                  (eea && (strcmp(v[i], "EEA") == 0 || strcmp(v[i], "IS") == 0 ||
                           strcmp(v[i], "LI") == 0 || strcmp(v[i], "NO") == 0));

        for (size_t k = 0; !in && strlen(v[i]) == 2 && k + 2 < sizeof(eu); k += 2)
            in = memcmp(eu + k, v[i], 2) == 0;
        if (!in)
            return false;
    }
    return n > 0;
}

static void bind_inside(sqlite3_stmt *s, int at, const json_t *to)
{
    const json_t *list = json_object_get(to, "location"), *item;
    const char *v[64];
    size_t i, n = 0;

    json_array_foreach(list, i, item)
    {
        if (n < 64 && json_is_string(item))
            v[n++] = json_string_value(item);
    }
    if (n == 0 || n != json_array_size(list)) {
        sqlite3_bind_null(s, at);
        sqlite3_bind_null(s, at + 1);
        return;
    }
    sqlite3_bind_int(s, at, aud_places_inside(v, n, false));
    sqlite3_bind_int(s, at + 1, aud_places_inside(v, n, true));
}

/* ---- one record ---- */

static enum base_status add_attempt(struct aud_rows *r, uint64_t g, const json_t *o,
                                    struct base_err *err)
{
    sqlite3_stmt *s = r->s[ROW_ATTEMPT];
    const json_t *d = json_object_get(o, "decision"), *to = json_object_get(o, "to");
    const json_t *after = json_object_get(o, "after");
    const char *route = member(d, "route");

    if (!route)
        return BASE_OK; /* denied: nobody got anything */
    sqlite3_bind_int64(s, 1, (int64_t)g);
    bind_m(s, 2, o, "req");
    bind_i(s, 3, o, "attempt");
    bind_i(s, 4, o, "t");
    bind_z(s, 5, route);
    bind_m(s, 6, to, "backend");
    bind_m(s, 7, to, "entity");
    bind_words(s, 8, to, "location");
    if (json_is_boolean(json_object_get(to, "on_premises")))
        bind_i(s, 9, to, "on_premises");
    else
        sqlite3_bind_int(s, 9, strncmp(route, "local/", 6) == 0);
    bind_inside(s, 10, to);
    bind_m(s, 12, to, "basis");
    bind_m(s, 13, to, "reference");
    bind_m(s, 14, to, "expires");
    bind_i(s, 15, to, "retention_days");
    bind_i(s, 16, to, "trains");
    bind_words(s, 17, d, "redact");
    bind_i(s, 18, to, "price_in");
    bind_i(s, 19, to, "price_out");
    bind_i(s, 20, after, "http");
    bind_m(s, 21, after, "why");
    return run(r, ROW_ATTEMPT, err);
}

static enum base_status add_intent(struct aud_rows *r, uint64_t g, const json_t *o,
                                   struct base_err *err)
{
    sqlite3_stmt *s = r->s[ROW_INTENT];
    const json_t *d = json_object_get(o, "decision"), *use = json_object_get(o, "use");
    const json_t *keep = json_object_get(d, "retention");
    static const struct {
        int at;
        const char *key;
    } own[] = {{1, "req"},   {4, "tenant"},  {5, "key"},   {6, "subj"},
               {7, "model"}, {8, "dialect"}, {20, "conf"}, {0, NULL}},
      decided[] = {{9, "use_case"}, {14, "tier"},  {15, "task"},   {19, "policy"}, {21, "outcome"},
                   {22, "code"},    {26, "route"}, {23, "reason"}, {0, NULL}},
      used[] = {{10, "purpose"}, {11, "legal_basis"}, {12, "ai_act"}, {0, NULL}};

    for (int i = 0; own[i].key; i++)
        bind_m(s, own[i].at, o, own[i].key);
    for (int i = 0; decided[i].key; i++)
        bind_m(s, decided[i].at, d, decided[i].key);
    for (int i = 0; used[i].key; i++)
        bind_m(s, used[i].at, use, used[i].key);
    sqlite3_bind_int64(s, 2, (int64_t)g);
    bind_i(s, 3, o, "t");
    bind_i(s, 13, use, "human_review");
    bind_i(s, 16, d, "difficulty");
    bind_words(s, 17, d, "data");
    bind_counts(s, 18, d, "findings");
    bind_words(s, 24, d, "rules");
    bind_words(s, 25, d, "obligations");
    bind_i(s, 27, keep, "content_days");
    bind_i(s, 28, keep, "record_days");
    return run(r, ROW_INTENT, err);
}

static enum base_status add_outcome(struct aud_rows *r, uint64_t g, const json_t *o,
                                    struct base_err *err)
{
    sqlite3_stmt *s = r->s[ROW_OUTCOME];
    const char *route = member(o, "route");

    bind_m(s, 1, o, "req");
    sqlite3_bind_int64(s, 2, (int64_t)g);
    bind_i(s, 3, o, "t");
    bind_m(s, 4, o, "tenant");
    bind_m(s, 5, o, "status");
    bind_i(s, 6, o, "http");
    bind_m(s, 7, o, "error");
    bind_z(s, 8, route && strcmp(route, "none") != 0 ? route : NULL);
    bind_i(s, 9, o, "tokens_in");
    bind_i(s, 10, o, "tokens_out");
    bind_i(s, 11, o, "cost_micro");
    bind_i(s, 12, o, "ms");
    bind_i(s, 13, o, "attempts");
    bind_counts(s, 14, o, "redacted");
    return run(r, ROW_OUTCOME, err);
}

static enum base_status add_refusal(struct aud_rows *r, uint64_t g, const json_t *o,
                                    struct base_err *err)
{
    sqlite3_stmt *s = r->s[ROW_REFUSAL];

    sqlite3_bind_int64(s, 1, (int64_t)g);
    bind_m(s, 2, o, "req");
    bind_i(s, 3, o, "t");
    bind_m(s, 4, o, "tenant");
    bind_m(s, 5, o, "key");
    bind_i(s, 6, o, "http");
    bind_m(s, 7, o, "error");
    bind_m(s, 8, o, "why");
    return run(r, ROW_REFUSAL, err);
}

static enum base_status add_content(struct aud_rows *r, uint64_t g, const json_t *o,
                                    struct base_err *err)
{
    const json_t *list = json_object_get(o, "blobs"), *blob;
    sqlite3_stmt *s = r->s[ROW_CONTENT];
    enum base_status st = BASE_OK;
    size_t i;

    json_array_foreach(list, i, blob)
    {
        sqlite3_bind_int64(s, 1, (int64_t)g);
        sqlite3_bind_int64(s, 2, (int64_t)i);
        bind_m(s, 3, blob, "id");
        bind_m(s, 4, o, "req");
        bind_m(s, 5, blob, "kind");
        bind_i(s, 6, blob, "bytes");
        bind_words(s, 7, blob, "classes");
        st = run(r, ROW_CONTENT, err);
        if (st != BASE_OK)
            return st;
    }
    return st;
}

static enum base_status add_correction(struct aud_rows *r, uint64_t g, const json_t *o,
                                       struct base_err *err)
{
    sqlite3_stmt *s = r->s[ROW_CORRECTION];

    sqlite3_bind_int64(s, 1, (int64_t)g);
    bind_i(s, 2, o, "t");
    bind_m(s, 3, o, "req");
    bind_i(s, 4, o, "record");
    bind_m(s, 5, o, "subj");
    bind_m(s, 6, o, "field");
    bind_m(s, 7, o, "by");
    enum base_status st = run(r, ROW_CORRECTION, err);
    return st == BASE_OK ? add_content(r, g, o, err) : st;
}

static enum base_status add_event(struct aud_rows *r, uint64_t g, const json_t *o,
                                  struct base_str leaf, struct base_err *err)
{
    sqlite3_stmt *s = r->s[ROW_EVENT];
    const char *who = member(o, "by"), *what = member(o, "what");

    if (!what)
        what = member(o, "name");
    if (!what)
        what = member(o, "subj");
    sqlite3_bind_int64(s, 1, (int64_t)g);
    bind_i(s, 2, o, "t");
    bind_m(s, 3, o, "ev");
    bind_m(s, 4, o, "tenant");
    bind_z(s, 5, who);
    bind_z(s, 6, what);
    sqlite3_bind_text(s, 7, leaf.p, (int)leaf.n, SQLITE_TRANSIENT);
    return run(r, ROW_EVENT, err);
}

enum base_status aud_rows_add(struct aud_rows *r, uint64_t g, struct base_str leaf,
                              struct base_err *err)
{
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const char *ev = member(o, "ev");
    enum base_status st;

    if (!ev) {
        json_decref(o);
        return base_err_set(err, BASE_EINVAL, "index %" PRIu64 " is not a leaf", g);
    }
    if (strcmp(ev, "req.intent") == 0 || strcmp(ev, "req.fallback") == 0) {
        st = strcmp(ev, "req.intent") == 0 ? add_intent(r, g, o, err) : BASE_OK;
        if (st == BASE_OK)
            st = add_attempt(r, g, o, err);
    } else if (strcmp(ev, "req.outcome") == 0) {
        st = add_outcome(r, g, o, err);
    } else if (strcmp(ev, "req.refused") == 0) {
        st = add_refusal(r, g, o, err);
    } else if (strcmp(ev, "req.content") == 0) {
        st = add_content(r, g, o, err);
    } else if (strcmp(ev, "correction.made") == 0) {
        st = add_correction(r, g, o, err);
    } else {
        st = add_event(r, g, o, leaf, err);
    }
    json_decref(o);
    return st;
}
