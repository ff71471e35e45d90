/* request.c - from a whole HTTP request to a decision that is on record.
 *
 * Owns       struct gw_request until answer.c takes over; everything is in the HTTP request's
 * arena. Runs on    the loop's thread. Never blocks: the wait for a durable leaf is a ticket and a
 * timer. Order      key -> parse -> headers -> scan -> score -> plan -> decide -> intent leaf
 * durable
 *            -> gw_answer_start. Nothing that could leak runs before the decision; nothing leaves
 *            before the intent is durable.
 * Invariants one leaf for a request refused at the door; for every other one an intent and exactly
 *            one outcome. A failed scan, a full ring or a failed log refuse the request.
 * Not logged /healthz, /readyz and GET /v1/models: they carry nobody's content.
 * Fails by   an error in the caller's dialect; see gw_request_fail.
 */
#include "gateway/request.h"
#include "base/log.h"
#include "gateway/app.h"
#include "gateway/metrics.h"
#include "gateway/models.h"
#include "gateway/record.h"
#include <stdarg.h>
#include <stdio.h>

void gw_request_fail(struct gw_request *q, int status, const char *type, const char *code,
                     const char *param, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    q->status = status;
    q->error = (struct gw_api_error){
        .status = status,
        .type = type,
        .code = base_arena_dup(q->arena, base_str_c(code)),
        .param = base_arena_dup(q->arena, base_str_c(param)),
        .message = base_arena_dup(q->arena, base_str_c(text)),
    };
}

/* ---- waiting for a leaf ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct gw_request *q = arg;
    (void)fd;
    (void)what;
    if (!q->ticket)
        return;
    /* Not durable in time counts as not recorded: what waited on it does not happen. */
    gw_ticket_forget(q->ticket);
    q->ticket = NULL;
    base_warn("audit", "a record was not durable within %d ms; the request is refused",
              GW_TICKET_MS);
    gw_request_fail(q, 503, "server_error", "audit_unavailable", NULL,
                    "The audit log did not confirm in time, so nothing was done. Try again later.");
    if (q->state == GW_Q_OUTCOME) {
        gw_answer_outcome_recorded(q, BASE_ETIME, 0);
    } else if (q->state == GW_Q_INTENT) {
        q->outcome = "error";
        gw_answer_finish(q); /* the intent may yet become durable: it gets its outcome */
    } else {
        gw_answer_send_error(q);
    }
}

void gw_request_arm(struct gw_request *q)
{
    const struct timeval wait = {GW_TICKET_MS / 1000, (GW_TICKET_MS % 1000) * 1000};
    evtimer_add(&q->timer, &wait);
}

void gw_request_release(struct gw_request *q)
{
    if (q->ticket)
        gw_ticket_forget(q->ticket);
    q->ticket = NULL;
    q->state = GW_Q_OVER;
    evtimer_del(&q->timer);
    pol_restore_free(q->restore_text);
    pol_restore_free(q->restore_reasoning);
    for (size_t i = 0; i < GW_TOOL_CALLS_MAX; i++)
        pol_restore_free(q->restore_tool[i]);
    pol_vault_free(q->vault);
    base_buf_release(&q->out);
    base_buf_release(&q->passed_on);
    if (q->upstreams)
        gw_upstreams_unref(q->upstreams);
}

/* ---- refused at the door: one leaf, then the error ---- */

static void refused_recorded(void *ctx, enum base_status st, uint64_t index)
{
    struct gw_request *q = ctx;
    q->ticket = NULL;
    q->log_index = index;
    q->has_log_index = st == BASE_OK;
    gw_answer_send_error(q);
}

static void refuse(struct gw_request *q)
{
    struct base_buf leaf;
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    q->outcome = "refused";
    q->state = GW_Q_REFUSED;
    bool fits = gw_leaf_refused(&leaf, q->http->id, base_str_c(q->key.tenant), q->status,
                                q->error.type, q->error.code.n ? q->error.code.p : "");
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
    gw_answer_send_error(q);
}

/* ---- the steps ---- */

static bool authenticate(struct gw_request *q)
{
    struct base_str secret = gw_request_secret(q->http->head);
    enum base_status st = gw_keys_lookup(q->app->keys->keys, secret, &q->key);
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

static struct base_str header(const struct gw_request *q, const char *name)
{
    const struct gw_http_header *h = gw_http_find(q->http->head, name);
    return h ? h->value : BASE_STR_NULL;
}

static bool parse(struct gw_request *q)
{
    struct base_str type = header(q, "content-type");
    if (type.n && !base_str_starts(type, BASE_STR("application/json"))) {
        gw_request_fail(q, 415, "invalid_request_error", "unsupported_media_type", NULL,
                        "The body must be application/json.");
        return false;
    }
    enum base_status st = q->dialect->parse(q->http->body, q->arena, &q->chat, &q->error);
    if (st == BASE_OK)
        return true;
    if (st == BASE_EINVAL)
        q->status = q->error.status;
    else
        gw_request_fail(q, 413, "invalid_request_error", "request_too_large", NULL,
                        "The request does not fit in memory set aside for one request.");
    return false;
}

/* What the headers and the key say about the request. A declaration only adds. */
static bool read_headers(struct gw_request *q)
{
    struct base_str use_case = header(q, "x-weir-use-case");

    q->subject = header(q, "x-weir-subject");
    if (q->subject.n > 128 || !base_utf8_valid(q->subject)) {
        gw_request_fail(q, 400, "invalid_request_error", "bad_header", "x-weir-subject",
                        "x-weir-subject must be UTF-8 of at most 128 bytes.");
        return false;
    }
    q->facts.region = header(q, "x-weir-region");
    q->facts.declared_classes = q->key.classes;
    if (!use_case.n && q->key.use_case[0])
        use_case = base_str_c(q->key.use_case);
    if (use_case.n && !conf_use_case_known(q->http->gen->conf, use_case)) {
        gw_request_fail(q, 400, "invalid_request_error", "unknown_use_case", "x-weir-use-case",
                        "The use case `%.*s` is not in the policy's list.",
                        use_case.n > 64 ? 64 : (int)use_case.n, use_case.p);
        return false;
    }
    q->facts.use_case = use_case;
    return true;
}

static bool scan(struct gw_request *q)
{
    struct base_err err;
    enum base_status st =
        pol_scan_request(q->app->detector, q->app->scratch, &q->chat, &q->facts.findings, &err);
    if (st == BASE_OK)
        return true;
    base_warn("policy", "request %s could not be scanned: %s", q->http->id, err.text);
    gw_request_fail(q, 400, "invalid_request_error", "not_scannable", NULL,
                    "The request could not be examined for personal data, so it goes nowhere.");
    return false;
}

static bool engine_ready(void *ctx, const char *model, uint32_t *queued, uint32_t *active,
                         uint32_t *slots)
{
    return gw_engine_link_ready(ctx, model, queued, active, slots);
}

bool gw_request_decide(struct gw_request *q)
{
    struct gw_app_gen *gen = q->http->gen->app;
    struct gw_plan_ask ask = {
        .model = q->chat.model,
        .tier_header = header(q, "x-weir-tier"),
        .score = &q->score,
        .ready = engine_ready,
        .ready_ctx = q->http->loop->engine,
    };
    struct base_err err;
    enum base_status st = gw_plan(q->http->gen->conf, &ask, &q->plan, &err);
    if (st == BASE_ENOENT) {
        gw_request_fail(q, 404, "invalid_request_error", "model_not_found", "model", "%s",
                        err.text);
        return false;
    }
    if (st != BASE_OK) {
        gw_request_fail(q, 400, "invalid_request_error", "bad_route", "model", "%s", err.text);
        return false;
    }
    for (size_t i = 0; i < q->plan.n; i++) {
        if (!q->tried[i])
            continue;
        q->plan.candidates[i].available = false;
        q->plan.candidates[i].unavailable = q->tried[i];
    }
    gw_plan_facts(&q->plan, &q->score, &q->facts);
    q->facts.today = base_wall_us() / 86400000000;
    st = pol_decide(gen->policy, &q->facts, q->arena, &q->decision, &err);
    if (st == BASE_OK) {
        q->decided = true;
        return true;
    }
    base_error("policy", "request %s: no decision: %s", q->http->id, err.text);
    gw_request_fail(q, st == BASE_EINVAL ? 400 : 500,
                    st == BASE_EINVAL ? "invalid_request_error" : "server_error", "no_decision",
                    NULL, "%s", err.text);
    return false;
}

static void intent_recorded(void *ctx, enum base_status st, uint64_t index)
{
    struct gw_request *q = ctx;
    q->ticket = NULL;
    evtimer_del(&q->timer);
    if (st != BASE_OK) {
        q->app->log_failed = st == BASE_EIO;
        gw_request_fail(q, 503, "server_error", "audit_failed", NULL,
                        "The audit log has failed; nothing is answered until it is repaired.");
        gw_answer_send_error(q);
        return;
    }
    if (!q->has_log_index) { /* the intent's; a fallback keeps it */
        q->log_index = index;
        q->has_log_index = true;
    }
    gw_answer_start(q);
}

void gw_request_record_intent(struct gw_request *q, const char *ev)
{
    struct base_buf leaf;
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    q->state = GW_Q_INTENT;
    enum base_status st = BASE_LIMIT;
    if (gw_leaf_intent(&leaf, q, ev))
        st = gw_record(q->app->recorder, base_buf_view(&leaf), intent_recorded, q, &q->ticket);
    base_buf_release(&leaf);
    if (st == BASE_OK) {
        gw_request_arm(q);
        return;
    }
    gw_request_fail(q, 503, "server_error", st == BASE_LIMIT ? "audit_busy" : "audit_failed", NULL,
                    st == BASE_LIMIT ? "The audit log's queue is full. Try again in a second."
                                     : "The audit log has failed; nothing is answered until it is "
                                       "repaired.");
    if (q->has_log_index) { /* a fallback that cannot be recorded: the request still ends in order
                             */
        q->outcome = "error";
        gw_answer_finish(q);
    } else {
        gw_answer_send_error(q);
    }
}

static void chat_completions(struct gw_request *q)
{
    uint64_t cpu = base_mono_us();
    if (!parse(q) || !read_headers(q) || !scan(q)) {
        refuse(q);
        return;
    }
    gw_route_score(&q->chat, &q->score);
    q->scored = true;
    if (!gw_request_decide(q)) {
        refuse(q);
        return;
    }
    q->overhead_us = base_mono_us() - cpu;
    gw_metrics_observe(q->http->loop->metrics, GW_H_OVERHEAD, q->overhead_us);
    gw_request_record_intent(q, "req.intent");
}

/* ---- paths ---- */

static struct gw_request *request_new(struct gw_server_request *r)
{
    struct gw_request *q = base_arena_alloc(r->arena, sizeof *q);
    if (!q)
        return NULL;
    q->http = r;
    q->app = r->loop->app;
    q->arena = r->arena;
    q->dialect = &gw_dialect_openai_chat;
    q->start_wall_us = (uint64_t)base_wall_us();
    base_buf_init(&q->out, GW_RESP_OUT_MAX);
    base_buf_init(&q->passed_on, 8192);
    evtimer_assign(&q->timer, r->loop->base, on_timer, q);
    r->app = q;
    return q;
}

static void not_found(struct gw_request *q, struct base_str path)
{
    static const char *const known[] = {"/v1/completions", "/v1/responses", "/v1/embeddings",
                                        "/v1/messages", "/v1/messages/count_tokens"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (base_str_is(path, known[i])) {
            gw_request_fail(q, 404, "invalid_request_error", "not_built", NULL,
                            "%s is not built yet in this version; use /v1/chat/completions.",
                            known[i]);
            return;
        }
    gw_request_fail(q, 404, "invalid_request_error", "unknown_path", NULL,
                    "There is nothing at this path. Weir serves POST /v1/chat/completions, "
                    "GET /v1/models, /healthz and /readyz.");
}

void gw_request_begin(struct gw_server_request *r)
{
    struct base_str path = r->head->path;
    bool get = base_str_is(r->head->method, "GET") || base_str_is(r->head->method, "HEAD");
    const char *why = "";

    if (get && base_str_is(path, "/healthz")) {
        gw_resp_health(r, true, "");
        return;
    }
    if (get && base_str_is(path, "/readyz")) {
        bool ok = gw_weir_app.ready(r->loop, &why);
        gw_resp_health(r, ok, why);
        return;
    }
    struct gw_request *q = request_new(r);
    if (!q) {
        gw_resp_abort(r);
        return;
    }
    if (base_str_starts(path, BASE_STR("/v1/messages")))
        q->dialect = &gw_dialect_anthropic_errors;
    if (q->app->log_failed) {
        gw_request_fail(q, 503, "server_error", "audit_failed", NULL,
                        "The audit log has failed; nothing is answered until it is repaired.");
        gw_answer_send_error(q);
    } else if (!authenticate(q)) {
        refuse(q);
    } else if (get && (base_str_is(path, "/v1/models") ||
                       base_str_starts(path, BASE_STR("/v1/models/")))) {
        gw_models_answer(q);
    } else if (!base_str_is(path, "/v1/chat/completions")) {
        not_found(q, path);
        refuse(q);
    } else if (!base_str_is(r->head->method, "POST")) {
        gw_request_fail(q, 405, "invalid_request_error", "method_not_allowed", NULL,
                        "/v1/chat/completions takes POST.");
        refuse(q);
    } else {
        chat_completions(q);
    }
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
    /* In every other state a ticket is awaited, and its callback sees client_gone. */
}

void gw_request_drained(struct gw_server_request *r)
{
    struct gw_request *q = r->app;
    if (q)
        gw_answer_drained(q);
}
