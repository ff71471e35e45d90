/* auditor.c - what needs the log read from end to end, for who has the admin listener; see
 * auditor.h.
 *
 * Owns       one struct for each reading, and the count of those under way.
 * Runs on    loop 0; a reading on a thread of its own, because a log can take minutes to verify and
 *            loops touch no files. ONE at a time: the next gets a 503.
 * Order      looked up -> recorded, durable -> read -> answered. What cannot be recorded is not
 *            shown (503). A client that goes changes nothing: it is on record.
 * Invariants after gw_auditor_stop a reading touches nothing but its own memory and the log's
 *            files: the stop does not wait for it, and what it finds is thrown away.
 */
#include "gateway/auditor.h"
#include "audit/cmd/look.h"
#include "audit/log/append.h"
#include "audit/log/reach.h"
#include "base/file.h"
#include "gateway/admin_api.h"
#include "gateway/app_int.h"
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define VALUES_BYTES     2048
#define POLICY_BYTES     (4u << 20)
#define WORDS_BYTES      1024
#define RECORDS_UNSTATED 100
#define CACHE            "Cache-Control: no-store\r\n"

struct reading {
    struct gw_post post;
    struct gw_server_request *r;
    enum base_status (*work)(struct reading *a);
    uint8_t sha256[32]; /* of the policy in force */
    json_t *body;       /* of a correction */
    struct aud_look look;
    char who[2 * GW_KEY_NAME_MAX], dir[4096], values[VALUES_BYTES];
    struct base_buf out;
    struct base_err err;
    enum base_status st;
};

static struct {
    pthread_mutex_t mu;
    bool stopped;
} own = {.mu = PTHREAD_MUTEX_INITIALIZER};
static atomic_bool busy;

static const char *member(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z && strlen(z) == json_string_length(json_object_get(o, key)) ? z : NULL;
}

static void reading_free(struct reading *a)
{
    const char *text = member(a->body, "text");
    if (text) /* jansson frees without wiping */
        base_wipe((char *)(uintptr_t)text, strlen(text));
    json_decref(a->body);
    base_buf_release(&a->out);
    free(a);
}

static enum base_status correct(struct reading *a);
static enum base_status policy(struct reading *a);

/* ---- the thread ---- */

static enum base_status record(void *ctx, struct base_str leaf, struct base_err *err)
{
    enum base_status st;
    (void)ctx;
    pthread_mutex_lock(&own.mu);
    st = own.stopped ? base_err_set(err, BASE_EIO, "the gateway is being stopped")
                     : aud_log_append(gw_app_own.log, leaf, NULL, err);
    pthread_mutex_unlock(&own.mu);
    return st == BASE_OK ? st : base_err_set(err, BASE_EIO, "not recorded, so not shown");
}

static void answer(struct gw_loop *l, void *arg)
{
    struct reading *a = arg;
    struct gw_server_request *r = a->r;
    bool lines = a->look.what == AUD_LOOK_QUERY || a->look.what == AUD_LOOK_EXPORT ||
                 a->look.what == AUD_LOOK_RECORDS;
    const char *type = a->look.html                     ? "text/html; charset=utf-8"
                       : a->look.what == AUD_LOOK_PROOF ? "text/plain; charset=utf-8"
                       : lines                          ? "application/jsonl"
                                                        : "application/json";
    r->app = NULL;
    atomic_store(&busy, false);
    if (!l->app)
        gw_resp_abort(r);
    else if (a->st == BASE_OK)
        gw_resp_send(r, 200, type,
                     a->look.html ? BASE_STR(CACHE "Content-Security-Policy: default-src 'none'; "
                                                   "style-src 'unsafe-inline'\r\n"
                                                   "X-Content-Type-Options: nosniff\r\n")
                                  : BASE_STR(CACHE),
                     base_buf_view(&a->out));
    else
        gw_admin_error(r,
                       a->st == BASE_ENOENT                         ? 404
                       : a->st == BASE_LIMIT                        ? 413
                       : a->st == BASE_DENIED                       ? 409
                       : a->st == BASE_EINVAL && a->work == correct ? 400
                       : a->st == BASE_EINVAL                       ? 409
                                                                    : 503,
                       a->st == BASE_EIO ? "server_error" : "invalid_request_error", "%s",
                       a->err.text);
    reading_free(a);
}

/* The text of the policy behind what is known of it already; null when the file is another one by
 * now. */
static enum base_status policy(struct reading *a)
{
    struct base_buf leaf, text;
    struct base_json j;
    struct aud_hash sha;
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    base_buf_init(&text, POLICY_BYTES);
    enum base_status st = aud_leaf_read(&leaf, a->who, "policy", BASE_STR("{}"), 1)
                              ? record(NULL, base_buf_view(&leaf), &a->err)
                              : base_err_set(&a->err, BASE_LIMIT, "the record would be too long");
    if (st == BASE_OK) {
        bool same = base_file_read(a->dir, &text, NULL) == BASE_OK;
        aud_sha256(text.p, text.n, &sha);
        same = same && memcmp(sha.b, a->sha256, sizeof sha.b) == 0;
        base_json_init(&j, &a->out);
        base_buf_z(&a->out, "\"text\":");
        if (same)
            base_json_str(&j, base_buf_view(&text));
        else
            base_json_null(&j);
        base_buf_z(&a->out, "}\n");
        if (!base_buf_ok(&a->out))
            st = base_err_set(&a->err, BASE_LIMIT, "the policy does not fit an answer");
    }
    base_buf_release(&leaf);
    base_buf_release(&text);
    return st;
}

static enum base_status look(struct reading *a)
{
    return aud_look(&a->look, &a->out, &a->err);
}

/* A correction beside a record: the record is looked for in the log, the rest is the keeper's. */
static enum base_status correct(struct reading *a)
{
    const struct aud_correction c = {.req = member(a->body, "req"),
                                     .subject = member(a->body, "subject"),
                                     .field = member(a->body, "field"),
                                     .text = base_str_c(member(a->body, "text")),
                                     .who = a->who};
    struct aud_record record;
    uint64_t index = 0;
    enum base_status st = aud_record_find(a->dir, c.req, &record, &a->err);
    pthread_mutex_lock(&own.mu); /* the keeper is there until the stop */
    if (st == BASE_OK)
        st = own.stopped ? base_err_set(&a->err, BASE_EIO, "the gateway is being stopped")
                         : aud_keeper_correct(gw_app_own.keeper, &c, &record, &index, &a->err);
    pthread_mutex_unlock(&own.mu);
    base_buf_printf(&a->out, "{\"index\":%llu}\n", (unsigned long long)index);
    return st;
}

static void *read_it(void *arg)
{
    struct reading *a = arg;
    a->st = a->work(a);
    pthread_mutex_lock(&own.mu);
    bool stopped = own.stopped;
    if (!stopped)
        gw_loop_post(a->r->loop, &a->post);
    pthread_mutex_unlock(&own.mu);
    if (stopped)
        reading_free(a);
    return NULL;
}

void gw_auditor_stop(void)
{
    pthread_mutex_lock(&own.mu);
    own.stopped = true;
    pthread_mutex_unlock(&own.mu);
}

/* ---- what is asked ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One member of a query, decoded into a->values at *at; NULL: it does not fit, or holds what no
 * name or number does. */
static const char *value(struct reading *a, size_t *at, struct base_str s)
{
    char *out = a->values + *at;
    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        if (c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            c = hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || *at + 1 >= sizeof a->values)
            return NULL;
        a->values[(*at)++] = (char)c;
    }
    a->values[(*at)++] = '\0';
    return out;
}

static bool take(struct reading *a, struct base_str key, const char *z)
{
    static const struct option options[] = {AUD_ASK_OPTIONS};
    struct aud_look *l = &a->look;

    if (base_str_is(key, "number"))
        return (l->what == AUD_LOOK_PROOF || l->what == AUD_LOOK_RECORDS) &&
               base_str_u64(base_str_c(z), &l->number);
    if (base_str_is(key, "report")) {
        l->report = z;
        return l->what == AUD_LOOK_EXPORT;
    }
    if (base_str_is(key, "format")) {
        l->html = strcmp(z, "html") == 0;
        return (l->what == AUD_LOOK_QUERY || l->what == AUD_LOOK_EXPORT) &&
               (l->html || strcmp(z, "jsonl") == 0);
    }
    if (l->what == AUD_LOOK_RECORDS)
        return base_str_is(key, "limit") && base_str_u64(base_str_c(z), &l->ask.limit);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct base_str name = base_str_c(options[i].name);
        bool same = name.n == key.n && !base_str_is(name, "subject");
        for (size_t k = 0; k < name.n && same; k++)
            same = name.p[k] == key.p[k] || (name.p[k] == '-' && key.p[k] == '_');
        if (same)
            return (l->what == AUD_LOOK_QUERY || l->what == AUD_LOOK_EXPORT) &&
                   aud_ask_option(&l->ask, options[i].val, z);
    }
    return false;
}

/* False: answered with what is wrong. */
static bool read_question(struct gw_server_request *r, struct reading *a)
{
    struct base_str query = r->head->query, key;
    struct aud_look *l = &a->look;
    size_t at = 0;

    while (query.n) {
        struct base_str v = base_str_cut(&query, '&');
        key = base_str_cut(&v, '=');
        const char *z = value(a, &at, v);
        if (z && take(a, key, z))
            continue;
        gw_admin_error(r, 400, "invalid_request_error",
                       "\"%.*s\" is not known here, or its value is none: the filters are those of "
                       "weir audit query, without subject",
                       (int)(key.n > 40 ? 40 : key.n), key.p ? key.p : "");
        return false;
    }
    if (l->what == AUD_LOOK_RECORDS && l->ask.limit == 0)
        l->ask.limit = RECORDS_UNSTATED;
    if (l->what == AUD_LOOK_RECORDS && l->ask.limit > AUD_LOOK_RECORDS_MAX)
        l->ask.limit = AUD_LOOK_RECORDS_MAX;
    if (l->what != AUD_LOOK_EXPORT)
        return true;
    const char *const *names = aud_report_names();
    while (l->report && *names && strcmp(*names, l->report) != 0)
        names++;
    if (l->report && *names)
        return true;
    gw_admin_error(r, 400, "invalid_request_error",
                   "there is no such report: see weir audit "
                   "export --help");
    return false;
}

static bool begin(struct gw_server_request *r, struct reading *a)
{
    pthread_attr_t attr;
    pthread_t t;
    struct gw_key_info who;

    if (!gw_admin_who(r, &who)) {
        gw_admin_error(r, 401, "authentication_error", "the key is not in force");
        return false;
    }
    snprintf(a->who, sizeof a->who, "key %s (%s)", who.id, who.name);
    snprintf(a->dir, sizeof a->dir, "%s",
             a->work == policy ? r->gen->conf->policy.file : r->gen->conf->audit.directory);
    a->look.who = a->who;
    a->look.dir = a->dir;
    a->look.record = record;
    a->post.fn = answer;
    a->post.arg = a;
    a->r = r;
    bool taken = atomic_exchange(&busy, true);
    r->app = a; /* gone(): the answer still comes */
    if (!taken && pthread_attr_init(&attr) == 0) {
        bool made = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
                    pthread_create(&t, &attr, read_it, a) == 0;
        pthread_attr_destroy(&attr);
        if (made)
            return true;
        atomic_store(&busy, false);
    }
    r->app = NULL;
    gw_admin_error(r, 503, "server_error", "the log is being read for somebody else: try again");
    return false;
}

void gw_auditor_audit(struct gw_server_request *r, struct base_str rest)
{
    static const struct {
        const char *name;
        enum aud_look_what what;
    } paths[] = {{"/verify", AUD_LOOK_VERIFY}, {"/checkpoint", AUD_LOOK_CHECKPOINT},
                 {"/proof", AUD_LOOK_PROOF},   {"/records", AUD_LOOK_RECORDS},
                 {"/query", AUD_LOOK_QUERY},   {"/export", AUD_LOOK_EXPORT}};
    struct reading *a = calloc(1, sizeof *a);
    size_t i = 0;

    while (i < 6 && !base_str_is(rest, paths[i].name))
        i++;
    if (!a || i == 6) {
        gw_admin_error(r, a ? 404 : 503, "not_found_error", "there is nothing here");
        free(a);
        return;
    }
    a->work = look;
    a->look.what = paths[i].what;
    base_buf_init(&a->out, AUD_LOOK_BYTES_MAX);
    if (!read_question(r, a) || !begin(r, a))
        reading_free(a);
}

void gw_auditor_policy(struct gw_server_request *r, struct base_str rest)
{
    const struct conf *c = r->gen->conf;
    struct reading *a = calloc(1, sizeof *a);
    struct base_json j;
    char sha[65];
    (void)rest;
    if (!a) {
        gw_admin_error(r, 503, "server_error", "out of memory");
        return;
    }
    a->work = policy;
    memcpy(a->sha256, c->policy.sha256, sizeof a->sha256);
    for (size_t i = 0; i < 32; i++)
        snprintf(sha + 2 * i, 3, "%02x", c->sha256[i]);
    base_buf_init(&a->out, AUD_LOOK_BYTES_MAX);
    base_json_init(&j, &a->out);
    base_json_obj(&j);
    base_json_kz(&j, "configuration", sha);
    base_json_kz(&j, "duties", c->duties.present ? c->duties.id : NULL);
    base_json_kint(&j, "number", r->gen->number);
    base_json_kz(&j, "policy", c->policy.id);
    base_json_kint(&j, "revision", c->policy.revision);
    base_json_kz(&j, "shadow", c->has_shadow ? c->shadow.id : NULL);
    base_json_kz(&j, "signed_by", c->policy.signed_by);
    base_json_kz(&j, "tables", c->tables.present ? c->tables.id : NULL);
    base_buf_byte(&a->out, ','); /* the thread goes on with the text */
    if (!begin(r, a))
        reading_free(a);
}

void gw_auditor_correct(struct gw_server_request *r, struct base_str rest)
{
    struct reading *a = calloc(1, sizeof *a);
    json_t *o = json_loadb(r->body.p ? r->body.p : "", r->body.n, JSON_REJECT_DUPLICATES, NULL);
    (void)rest;
    if (!a || !member(o, "req") || !member(o, "subject") || !member(o, "field") ||
        !member(o, "text")) {
        gw_admin_error(r, a ? 400 : 503, "invalid_request_error",
                       "the body is {\"req\":ID,\"subject\":S,\"field\":F,\"text\":T}");
        json_decref(o);
        free(a);
        return;
    }
    a->work = correct;
    a->body = o;
    base_buf_init(&a->out, WORDS_BYTES);
    if (!begin(r, a))
        reading_free(a);
}
