/* request.c - from a whole HTTP request to a decision that is on record.
 *
 * Owns       struct gw_request until answer.c takes over; all is in the HTTP request's arena.
 * Runs on    the loop's thread. Never blocks: the wait for a durable leaf is a ticket and a timer.
 * A body of more than GW_POOL_INLINE_MAX bytes is parsed, scanned and scored by the pool (pool.h);
 * the request is the worker's meanwhile. Order      key -> parse -> headers -> scan -> score ->
 * decide (judge.c) -> content kept, where it is (keep.c) -> intent durable
 *            -> gw_answer_start. Nothing that could leak runs before the decision; nothing leaves
 *            before the intent is durable.
 * Invariants one leaf for a request refused at the door; for every other one an intent and exactly
 *            one outcome. A failed scan, a full ring or a failed log refuse the request.
 * Not logged /healthz, /readyz, GET /v1/models, /v1/provenance/: nothing is answered by a model and
 *            nothing leaves.
 * Fails by   an error in the caller's dialect; see gw_request_fail.
 */
#include "gateway/request.h"
#include "base/log.h"
#include "gateway/answer.h"
#include "gateway/anthropic_headers.h"
#include "gateway/app.h"
#include "gateway/ending.h"
#include "gateway/judge.h"
#include "gateway/keep.h"
#include "gateway/limits.h"
#include "gateway/metrics.h"
#include "gateway/models.h"
#include "gateway/provenance_http.h"
#include "gateway/record.h"
#include "gateway/review_http.h"

/* ---- refused at the door: one leaf, then the error ---- */

static void refused_recorded(void *ctx, enum base_status st, uint64_t index)
{
    struct gw_request *q = ctx;
    q->ticket = NULL;
    q->log_index = index;
    q->has_log_index = st == BASE_OK;
    gw_request_send_error(q);
}

void gw_request_refuse(struct gw_request *q)
{
    struct base_buf leaf;
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    q->outcome = "refused";
    q->state = GW_Q_REFUSED;
    bool fits = gw_leaf_refused(&leaf, q->http->id, base_str_c(q->key.tenant), q->key.id, q->status,
                                q->malformed ? "malformed" : q->error.type,
                                q->malformed      ? q->malformed
                                : q->error.code.n ? q->error.code.p
                                                  : "");
    enum base_status st =
        fits ? gw_record(q->app->recorder, base_buf_view(&leaf), refused_recorded, q, &q->ticket)
             : BASE_LIMIT;
    base_buf_release(&leaf);
    if (st == BASE_OK) {
        gw_request_arm(q);
        return;
    }
    gw_request_fail(q, 503, "server_error", "audit_unavailable", NULL,
                    "The audit log cannot take a record now. Try again later.");
    gw_request_send_error(q);
}

/* ---- the steps ---- */

static bool authenticate(struct gw_request *q)
{
    struct base_str secret = gw_request_secret(q->http->head);
    enum base_status st = gw_keys_lookup(q->app->keys->keys, secret, &q->key);
    if (st == BASE_OK && q->key.role == GW_ROLE_AUDITOR) {
        gw_request_fail(q, 403, "permission_error", "auditor_key", NULL,
                        "This is an auditor's key: it reads the admin listener and asks no model.");
        return false;
    }
    if (st == BASE_OK)
        return true;
    gw_metrics_count(q->http->loop->metrics, GW_N_AUTH_FAILURES, 1);
    q->key = (struct gw_key_info){0};
    gw_request_fail(q, 401, "authentication_error", "invalid_api_key", NULL,
                    secret.n ? "The API key is not known here, or has been revoked."
                             : "No API key: send `Authorization: Bearer KEY` or `x-api-key: KEY` "
                               "(make one with `weir key new`).");
    return false;
}

static bool parse(struct gw_request *q)
{
    struct base_str type = gw_request_header(q, "content-type");
    if (type.n && !base_str_starts(type, BASE_STR("application/json"))) {
        gw_request_fail(q, 415, "invalid_request_error", "unsupported_media_type", NULL,
                        "The body must be application/json.");
        return false;
    }
    enum base_status st = q->dialect->parse(q->http->body, q->arena, &q->chat, &q->error);
    if (st == BASE_OK)
        return q->chat.dialect != CHAT_DIALECT_ANTHROPIC || gw_anthropic_headers(q);
    if (st == BASE_EINVAL)
        q->status = q->error.status;
    else
        gw_request_fail(q, 413, "invalid_request_error", "request_too_large", NULL,
                        "The request does not fit in memory set aside for one request.");
    return false;
}

static bool is_repeated(const struct gw_http_head *h, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_headers; i++)
        n += base_str_ieq(h->headers[i].name, base_str_c(name));
    return n > 1;
}

/* What the headers and the key say about the request. A declaration only adds. */
static bool read_headers(struct gw_request *q)
{
    static const char *const ours[] = {"x-weir-tier", "x-weir-use-case", "x-weir-subject",
                                       "x-weir-region"};
    struct base_str use_case = gw_request_header(q, "x-weir-use-case");

    /* Of two values neither is what the caller meant, and the wrong one might allow more. */
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (!is_repeated(q->http->head, ours[i]))
            continue;
        gw_request_fail(q, 400, "invalid_request_error", "bad_header", ours[i],
                        "%s must be sent once.", ours[i]);
        return false;
    }
    q->subject = gw_request_header(q, "x-weir-subject");
    if (q->subject.n > 128 || !base_utf8_valid(q->subject)) {
        gw_request_fail(q, 400, "invalid_request_error", "bad_header", "x-weir-subject",
                        "x-weir-subject must be UTF-8 of at most 128 bytes.");
        return false;
    }
    q->facts.region = gw_request_header(q, "x-weir-region");
    q->facts.declared_classes = q->key.classes;
    q->facts.tenant = base_str_c(q->key.tenant);
    if (!use_case.n && q->key.use_case[0])
        use_case = base_str_c(q->key.use_case);
    else if (q->key.use_case[0]) /* another use case: what the key's own declares stays */
        q->facts.key_use_case = base_str_c(q->key.use_case);
    if (use_case.n && !conf_use_case_known(q->http->gen->conf, use_case)) {
        gw_request_fail(q, 400, "invalid_request_error", "unknown_use_case", "x-weir-use-case",
                        "The use case `%.*s` is not in the policy's list.",
                        use_case.n > 64 ? 64 : (int)use_case.n, use_case.p);
        return false;
    }
    q->facts.use_case = use_case;
    return true;
}

/* Who is on the lists of people, as this loop has them now. */
static void take_lists(struct gw_request *q)
{
    q->lists = gw_rights_ref(q->app->rights);
}

static void drop_lists(struct gw_request *q)
{
    gw_rights_unref(q->lists);
    q->lists = NULL;
}

/* Any thread that has the request to itself. */
static void scan(struct gw_request *q, const struct pol_detector *d, struct pol_scratch *s)
{
    struct base_err err;
    q->work_status = pol_scan_request_rights(d, s, q->lists->lists, base_wall_us() / 86400000000,
                                             &q->chat, &q->facts.findings, &err);
    gw_limits_read(&q->chat, &q->facts.asks);
    if (q->work_status == BASE_OK && !q->chat.embed) /* of which there is no difficulty */
        gw_route_score(&q->chat, &q->score);
    else if (q->work_status != BASE_OK)
        base_warn("policy", "request %s could not be scanned: %s", q->http->id, err.text);
}

/* What of a scan is the loop's: the header, metrics, whether the lists can be read. */
static bool scanned(struct gw_request *q)
{
    unsigned *rights = &q->facts.findings.rights;
    if (q->work_status != BASE_OK) {
        gw_request_fail(q, 400, "invalid_request_error", "not_scannable", NULL,
                        "The request could not be examined for personal data, so it goes nowhere.");
        return false;
    }
    q->scored = !q->chat.embed;
    *rights |= conf_rights_in_text(q->lists->lists, q->subject, base_wall_us() / 86400000000);
    for (unsigned bit = CONF_RIGHTS_RESTRICTED; bit <= CONF_RIGHTS_OBJECTED; bit *= 2)
        if (*rights & bit)
            gw_metrics_add(q->http->loop->metrics, GW_F_RIGHTS, conf_rights_name(bit), NULL, NULL,
                           1);
    q->rights_serial = conf_rights_serial(q->lists->lists);
    return true;
}

bool gw_request_people_again(struct gw_request *q)
{
    const struct gw_rights_ref *lists = q->app->rights;
    bool unreadable = atomic_load(&lists->unreadable);
    int64_t today = base_wall_us() / 86400000000;
    struct pol_findings now = {0};
    struct base_err err;

    if (unreadable)
        q->facts.findings.rights |= CONF_RIGHTS_UNREADABLE;
    if (q->rights_serial == conf_rights_serial(lists->lists))
        return true;
    if (pol_scan_request_rights(q->app->detector, q->app->scratch, lists->lists, today, &q->chat,
                                &now, &err) != BASE_OK)
        return false;
    q->rights_serial = conf_rights_serial(lists->lists);
    q->facts.findings.rights = now.rights | conf_rights_in_text(lists->lists, q->subject, today) |
                               (unreadable ? CONF_RIGHTS_UNREADABLE : 0);
    return true;
}

/* Lists that change all the time do not make the threads examine one request for ever. */
#define LOOKS_MAX 4

static bool looks_left(struct gw_request *q)
{
    if (++q->looks <= LOOKS_MAX)
        return true;
    gw_request_fail(q, 503, "server_error", "lists_changing", NULL,
                    "The lists of people kept changing while this was examined. Try again later.");
    return false;
}

static bool lists_are_old(const struct gw_request *q)
{
    return conf_rights_serial(q->lists->lists) != conf_rights_serial(q->app->rights->lists);
}

bool gw_request_people_slow(const struct gw_request *q)
{
    return q->http->body.n > GW_POOL_INLINE_MAX &&
           q->rights_serial != conf_rights_serial(q->app->rights->lists);
}

static void look_again(void *ctx, const struct pol_detector *d, struct pol_scratch *s)
{
    struct gw_request *q = ctx;
    struct pol_findings now = {0};
    struct base_err err;
    int64_t today = base_wall_us() / 86400000000;
    q->work_status = pol_scan_request_rights(d, s, q->lists->lists, today, &q->chat, &now, &err);
    if (q->work_status == BASE_OK)
        q->facts.findings.rights = now.rights |
                                   conf_rights_in_text(q->lists->lists, q->subject, today) |
                                   (q->facts.findings.rights & CONF_RIGHTS_UNREADABLE);
}

static void looked_again(void *ctx, bool ran)
{
    struct gw_request *q = ctx;
    struct gw_server_request *http = q->http;
    q->state = q->looks_from;
    if (!http->loop->app) { /* the loop has ended, and with it what an answer would need */
        drop_lists(q);
        gw_request_release(q);
        gw_resp_abort(http);
        return;
    }
    bool again = ran && !q->client_gone && q->work_status == BASE_OK && lists_are_old(q);
    bool good = ran && !q->client_gone && q->work_status == BASE_OK && !again;
    if (good)
        q->rights_serial = conf_rights_serial(q->lists->lists);
    drop_lists(q);
    if (again) {
        gw_request_people_later(q, q->looked);
        return;
    }
    if (!good)
        gw_request_fail(q, q->client_gone ? 499 : 503, "server_error", "not_scannable", NULL,
                        "The request could not be examined for personal data, so it goes nowhere.");
    q->looked(q, good);
}

void gw_request_people_later(struct gw_request *q, void (*then)(struct gw_request *q, bool good))
{
    if (!looks_left(q)) {
        then(q, false);
        return;
    }
    take_lists(q);
    q->looked = then;
    q->looks_from = q->state;
    q->job = (struct gw_job){.loop = q->http->loop,
                             .bytes = q->http->body.n,
                             .tenant = q->key.tenant,
                             .work = look_again,
                             .done = looked_again,
                             .ctx = q};
    q->state = GW_Q_WORK;
    if (gw_pool_submit(q->app->pool, &q->job) == BASE_OK)
        return;
    q->state = q->looks_from;
    drop_lists(q);
    gw_request_fail(q, 503, "server_error", "busy", NULL,
                    "Too many large requests wait to be examined. Try again later.");
    then(q, false);
}

/* The configuration and its upstreams, as they are now, are this request's until its end: a reload
 * between its first byte and its decision, or after it, changes nothing for it. */
static void take_generation(struct gw_request *q)
{
    struct gw_server_request *r = q->http;
    if (r->gen != r->loop->gen) {
        gw_gen_unref(r->gen);
        r->gen = gw_gen_ref(r->loop->gen);
    }
    q->upstreams = q->app->upstreams;
    q->upstreams->refs++;
}

/* What is kept of the request is durable, its subject has a name for the log. */
static void kept(struct gw_request *q)
{
    gw_request_record_intent(q, "req.intent", gw_answer_start);
}

/* Examined: judged and put on record. */
static void judge(struct gw_request *q, uint64_t began_us)
{
    bool good = scanned(q);
    drop_lists(q);
    if (!good || !gw_request_decide(q)) {
        gw_request_refuse(q);
        return;
    }
    q->overhead_us = base_mono_us() - began_us;
    gw_metrics_observe(q->http->loop->metrics, GW_H_OVERHEAD, q->overhead_us);
    gw_keep_choose(q);
    gw_keep_begin(q, kept);
}

/* ---- large ones: examined by the pool ---- */

static void examine(void *ctx, const struct pol_detector *d, struct pol_scratch *s)
{
    struct gw_request *q = ctx;
    if (!q->parsed)
        q->parsed = parse(q);
    if (q->parsed)
        scan(q, d, s);
}

static void hand_to_pool(struct gw_request *q);

static void examined(void *ctx, bool ran)
{
    struct gw_request *q = ctx;
    struct gw_server_request *http = q->http;
    q->state = GW_Q_ADMIT;
    if (!http->loop->app) { /* the loop has ended, and with it what an answer would need */
        drop_lists(q);
        gw_request_release(q);
        gw_resp_abort(http);
    } else if (q->client_gone) {
        drop_lists(q);
        gw_request_fail(q, 499, "invalid_request_error", "client_gone", NULL,
                        "The client went away while its request was examined.");
        gw_request_refuse(q);
    } else if (!ran || !q->parsed) {
        drop_lists(q);
        if (!ran)
            gw_request_fail(q, 503, "server_error", "shutting_down", NULL,
                            "The gateway is being stopped.");
        gw_request_refuse(q);
    } else if (lists_are_old(q)) { /* changed meanwhile: nobody new may slip through */
        drop_lists(q);
        if (looks_left(q))
            hand_to_pool(q);
        else
            gw_request_refuse(q);
    } else {
        judge(q, q->began_us);
    }
}

static void hand_to_pool(struct gw_request *q)
{
    take_lists(q);
    q->job = (struct gw_job){.loop = q->http->loop,
                             .bytes = q->http->body.n,
                             .tenant = q->key.tenant,
                             .work = examine,
                             .done = examined,
                             .ctx = q};
    q->state = GW_Q_WORK;
    if (gw_pool_submit(q->app->pool, &q->job) == BASE_OK)
        return;
    q->state = GW_Q_ADMIT;
    drop_lists(q);
    gw_request_fail(q, 503, "server_error", "busy", NULL,
                    "Too many large requests wait to be examined. Try again later.");
    gw_request_refuse(q);
}

/* A request that a model is to answer, in any dialect. */
static void answer(struct gw_request *q)
{
    q->began_us = base_mono_us();
    take_generation(q);
    if (q->http->body.n > GW_POOL_INLINE_MAX) {
        if (read_headers(q))
            hand_to_pool(q);
        else
            gw_request_refuse(q);
        return;
    }
    if (!parse(q) || !read_headers(q)) {
        gw_request_refuse(q);
        return;
    }
    take_lists(q);
    scan(q, q->app->detector, q->app->scratch);
    judge(q, q->began_us);
}

/* ---- paths ---- */

/* Where models are asked, and in which dialect. */
static const struct {
    const char *path;
    const struct gw_dialect *dialect;
} served[] = {{"/v1/chat/completions", &gw_dialect_openai_chat},
              {"/v1/responses", &gw_dialect_openai_responses},
              {"/v1/completions", &gw_dialect_openai_completions},
              {"/v1/embeddings", &gw_dialect_openai_embeddings},
              {"/v1/messages", &gw_dialect_anthropic},
              {"/v1/messages/count_tokens", &gw_dialect_anthropic_count}};

static bool is_served(struct base_str path)
{
    for (size_t i = 0; i < sizeof served / sizeof *served; i++)
        if (base_str_is(path, served[i].path))
            return true;
    return false;
}

/* What no path decides (errors, the list of models) comes in the dialect that the caller speaks. */
static const struct gw_dialect *dialect_of(const struct gw_http_head *h)
{
    for (size_t i = 0; i < sizeof served / sizeof *served; i++)
        if (base_str_is(h->path, served[i].path))
            return served[i].dialect;
    /* of a request that is none there may be no path yet */
    return base_str_starts(h->target, BASE_STR("/v1/messages")) ||
                   gw_http_find(h, "anthropic-version")
               ? &gw_dialect_anthropic
               : &gw_dialect_openai_chat;
}

static struct gw_request *request_new(struct gw_server_request *r)
{
    struct gw_request *q = base_arena_alloc(r->arena, sizeof *q);
    if (!q)
        return NULL;
    q->http = r;
    q->app = r->loop->app;
    q->arena = r->arena;
    q->dialect = dialect_of(r->head);
    q->start_wall_us = (uint64_t)base_wall_us();
    gw_request_init_ending(q);
    r->app = q;
    return q;
}

static void not_found(struct gw_request *q, struct base_str path)
{
    if (base_str_starts(path, BASE_STR("/v1/responses/"))) {
        gw_request_fail(q, 404, "invalid_request_error", "not_stored", NULL,
                        "This gateway keeps no responses: there is none to get, cancel, delete or "
                        "count. POST /v1/responses with the whole conversation in `input`.");
        return;
    }
    gw_request_fail(q, 404, "invalid_request_error", "unknown_path", NULL,
                    "There is nothing at this path. Weir serves POST /v1/chat/completions, "
                    "/v1/responses, /v1/completions, /v1/embeddings, /v1/messages and "
                    "/v1/messages/count_tokens, "
                    "GET /v1/models, /healthz and /readyz.");
}

bool gw_request_head(struct gw_server_request *r)
{
    struct gw_app_loop *app = r->loop->app;
    struct gw_key_info key;
    bool open = base_str_is(r->head->path, "/healthz") || base_str_is(r->head->path, "/readyz");

    if (app->log_failed || open ||
        (gw_keys_lookup(app->keys->keys, gw_request_secret(r->head), &key) == BASE_OK &&
         key.role != GW_ROLE_AUDITOR))
        return true;
    struct gw_request *q = request_new(r);
    if (!q) {
        gw_resp_abort(r);
        return false;
    }
    if (authenticate(q))
        gw_resp_abort(r); /* cannot be: the same keys, on the same thread */
    else
        gw_request_refuse(q);
    return false;
}

/* Not in the log, and with the headers of every answer all the same. */
static void health(struct gw_server_request *r, bool ok, const char *why)
{
    struct base_buf headers;
    struct gw_request none = {.http = r};
    base_buf_init(&headers, 4096);
    gw_request_headers(&none, &headers);
    gw_resp_health(r, ok, why, base_buf_view(&headers));
    base_buf_release(&headers);
}

void gw_request_begin(struct gw_server_request *r)
{
    struct base_str path = r->head->path;
    bool get = base_str_is(r->head->method, "GET") || base_str_is(r->head->method, "HEAD");
    const char *why = "";

    if (get && base_str_is(path, "/healthz")) {
        health(r, true, "");
        return;
    }
    if (get && base_str_is(path, "/readyz")) {
        bool ok = gw_weir_app.ready(r->loop, &why);
        health(r, ok, why);
        return;
    }
    struct gw_request *q = request_new(r);
    if (!q) {
        gw_resp_abort(r);
        return;
    }
    if (q->app->log_failed) {
        gw_request_fail(q, 503, "server_error", "audit_failed", NULL,
                        "The audit log has failed; nothing is answered until it is repaired.");
        gw_request_send_error(q);
    } else if (!authenticate(q)) {
        gw_request_refuse(q);
    } else if (get && (base_str_is(path, "/v1/models") ||
                       base_str_starts(path, BASE_STR("/v1/models/")))) {
        gw_models_answer(q);
    } else if (gw_provenance_answer(q)) {
        return;
    } else if (!is_served(path)) {
        not_found(q, path);
        gw_request_refuse(q);
    } else if (!base_str_is(r->head->method, "POST")) {
        gw_request_fail(q, 405, "invalid_request_error", "method_not_allowed", NULL,
                        "%.*s takes POST.", BASE_FMT(path));
        gw_request_refuse(q);
    } else if (gw_request_header(q, "x-weir-review").n) {
        if (!gw_review_fetch(q))
            gw_request_refuse(q);
    } else {
        answer(q);
    }
}

void gw_request_malformed(struct gw_server_request *r, int status, const char *why)
{
    struct gw_request *q = request_new(r);
    if (!q) {
        gw_resp_abort(r);
        return;
    }
    gw_request_fail(q, status, status >= 500 ? "server_error" : "invalid_request_error",
                    status == 413 ? "body_too_large" : "", NULL, "%s", why);
    q->malformed = why;
    if (q->app->log_failed)
        gw_request_send_error(q);
    else
        gw_request_refuse(q);
}

void gw_request_gone(struct gw_server_request *r)
{
    struct gw_request *q = r->app;
    if (!q)
        return;
    q->client_gone = true;
    gw_metrics_count(r->loop->metrics, GW_N_CLIENT_GONE, 1);
    if (q->state == GW_Q_RUNNING)
        gw_answer_gone(q);
    else if (q->state == GW_Q_WORK)
        gw_pool_stop(q->app->pool, &q->job);
    /* In every other state a ticket is awaited, and its callback sees client_gone. */
}

void gw_request_drained(struct gw_server_request *r)
{
    struct gw_request *q = r->app;
    if (q)
        gw_answer_drained(q);
}
