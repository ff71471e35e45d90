/* depart.c - from a recorded decision to an attempt under way: the one door that leads out.
 *
 * Owns       nothing; makes `sent`, what an attempt is given.
 * Runs on    the loop's thread; a large request is redacted by the pool (pool.h).
 * Order      decision on record -> denial, or: is the target still switched on, are the lists of
 *            people those that were looked at? (else a fresh decision, on record too) -> redaction
 *            -> the same questions, if the pool had it meanwhile -> the attempt, which a switch
 *            thrown from then on cuts (answer.c).
 * Invariants what leaves the premises is `sent`, a redacted copy; what stays is the request as it
 *            came. Nobody else starts an attempt: first ones, fallbacks and decisions taken again
 *            all come through gw_answer_start.
 * Fails by   403 where redaction is not safe, 503 where there is no memory or no thread.
 */
#include "base/log.h"
#include "gateway/answer.h"
#include "gateway/app.h"
#include "gateway/ending.h"
#include "gateway/judge.h"
#include "gateway/keep.h"
#include "gateway/limits.h"
#include "gateway/metrics.h"
#include "gateway/oblige.h"
#include "gateway/request.h"
#include "gateway/upstream/wire.h"

#define REGION_BYTES_MAX 64

static void denied(struct gw_request *q)
{
    const struct pol_decision *d = &q->decision;
    if (d->deny_rule && strcmp(d->deny_rule, "unavailable") == 0) {
        /* What policy allows cannot answer now: that is no refusal. */
        gw_request_fail(q, 503, "server_error", "no_route_available", NULL, "%s.", d->reason);
        q->outcome = "error";
        gw_request_finish(q);
        return;
    }
    gw_request_fail(q, 403, "policy_denied", d->deny_rule ? d->deny_rule : "default",
                    gw_limits_param(q), "Denied by policy (rule %s): %s.%s%s%s",
                    d->deny_rule ? d->deny_rule : "default", d->reason,
                    d->remedy && d->remedy[0] ? " What to do: " : "", d->remedy ? d->remedy : "",
                    d->remedy && d->remedy[0] ? "." : "");
    gw_metrics_add(q->http->loop->metrics, GW_F_DENIED, d->deny_rule, NULL, NULL, 1);
    q->outcome = "denied";
    gw_request_finish(q);
}

static bool redacts(const struct gw_request *q)
{
    return q->decision.off_premises && q->decision.redact;
}

/* Makes `sent`, a redacted copy of the request. Any thread that has the request to itself. */
static void redact(void *ctx, const struct pol_detector *d, struct pol_scratch *s)
{
    struct gw_request *q = ctx;
    struct base_err err;
    pol_vault_free(q->vault); /* of an earlier attempt */
    q->vault = NULL;
    memset(q->redacted, 0, sizeof q->redacted);
    enum base_status st = chat_request_clone(&q->chat, q->arena, &q->sent);
    if (st == BASE_OK && q->decision.substitute)
        st = pol_substitute_request(d, s, q->decision.redact, base_str_c(q->key.tenant), &q->sent,
                                    &q->vault, q->redacted, &err);
    else if (st == BASE_OK)
        st = pol_redact_request(d, s, q->decision.redact, &q->sent, &q->vault, q->redacted, &err);
    if (st != BASE_OK)
        base_warn("policy", "request %s could not be redacted: %s", q->http->id, err.text);
    q->work_status = st;
}

/* What of it is the loop's. */
static bool redacted(struct gw_request *q)
{
    if (q->work_status != BASE_OK) {
        gw_request_fail(
            q, 403, "policy_denied", "redaction", NULL,
            "Personal data in this request could not be replaced safely, so it does not "
            "leave the premises.");
        return false;
    }
    q->restore_text = pol_restore_new(q->vault, false);
    q->restore_reasoning = pol_restore_new(q->vault, false);
    if (!q->restore_text || !q->restore_reasoning) {
        gw_request_fail(q, 503, "server_error", "out_of_memory", NULL, "Out of memory.");
        return false;
    }
    for (int t = 0; t < POL_TYPE_COUNT; t++)
        if (q->redacted[t])
            gw_metrics_add(q->http->loop->metrics, GW_F_REDACTIONS, pol_type_name((enum pol_type)t),
                           NULL, NULL, q->redacted[t]);
    return true;
}

/* Redacted, where it had to be: in both without the tools that the policy takes away, and within
 * its limits. */
static bool prepared(struct gw_request *q)
{
    if (!gw_limits_apply(q)) {
        gw_request_fail(q, 503, "server_error", "out_of_memory", NULL, "Out of memory.");
        return false;
    }
    return (!redacts(q) || redacted(q)) && gw_oblige_begin(q);
}

static void on_headers(void *ctx, const struct gw_attempt_headers *h)
{
    struct gw_request *q = ctx;
    const struct {
        const char *name;
        struct base_str value;
    } one[] = {{"retry-after", h->retry_after},
               {"retry-after-ms", h->retry_after_ms},
               {"x-should-retry", h->x_should_retry}};
    base_buf_clear(&q->passed_on);
    for (size_t i = 0; i < 3; i++)
        if (one[i].value.n && gw_oblige_header(q, base_str_c(one[i].name), one[i].value))
            gw_http_put_header(&q->passed_on, one[i].name, one[i].value);
    for (size_t i = 0; i < h->n_rate; i++) {
        char name[80];
        if (h->rate_name[i].n >= sizeof name ||
            !gw_oblige_header(q, h->rate_name[i], h->rate_value[i]))
            continue;
        memcpy(name, h->rate_name[i].p, h->rate_name[i].n);
        name[h->rate_name[i].n] = '\0';
        gw_http_put_header(&q->passed_on, name, h->rate_value[i]);
    }
    q->dropped = base_arena_dup(q->arena, h->dropped);
    q->region =
        h->region.n <= REGION_BYTES_MAX ? base_arena_dup(q->arena, h->region) : BASE_STR_NULL;
}

static bool on_wire(void *ctx, struct base_str body)
{
    return gw_keep_sent(ctx, body);
}

static void start_attempt(struct gw_request *q)
{
    const struct conf_limits *lim = &q->http->gen->conf->server.limits;
    const struct conf_target *t = q->decision.target;
    uint64_t used_ms = (base_mono_us() - q->http->complete_us) / 1000;
    uint64_t total_ms = (uint64_t)lim->total_s * 1000;
    /* Without a stream the first content is the whole answer: that takes longer. */
    uint64_t first_ms = (uint64_t)lim->first_token_s * (q->chat.stream ? 1000 : 4000);
    struct gw_reply_meta meta = {
        .id = base_arena_printf(q->arena, "%s%s", q->dialect->id_prefix, q->http->id),
        .model = base_str_c(t->text),
        .created_s = (int64_t)(q->start_wall_us / 1000000),
        .include_usage = q->chat.include_usage,
        .asked = &q->chat,
        /* where answers are blocks restorers let go at the end of each: see answer.c */
        .pieces_late =
            gw_oblige_holds(q) || (!q->dialect->blocks && (q->restore_text || q->oblige.guard)),
    };
    struct gw_attempt_spec spec = {
        .target = t,
        .request = &q->sent,
        .request_id = base_str_c(q->http->id),
        .tenant = base_str_c(q->key.tenant),
        .watermark = gw_obliged(q, "watermark"),
        .asked = q->oblige.n_tools_removed ? &q->chat : NULL,
        .first_token_ms = first_ms < total_ms ? (uint32_t)first_ms : (uint32_t)total_ms,
        .total_ms = used_ms < total_ms ? (uint32_t)(total_ms - used_ms) : 1,
        .event = gw_answer_event,
        .headers = on_headers,
        .wire = on_wire,
        .ctx = q,
    };
    struct base_err err;

    q->region = BASE_STR_NULL; /* of an earlier attempt */
    q->reply = q->dialect->reply_new(q->arena, &meta, q->chat.stream);
    q->state = GW_Q_RUNNING;
    gw_request_list(q);
    q->attempts++;
    q->left += q->decision.off_premises;
    if (q->reply && t->local)
        q->attempt = gw_engine_start(q->http->loop->engine, &spec, &err);
    else if (q->reply)
        q->attempt = gw_upstream_start(q->upstreams->u, &spec, &err);
    if (q->attempt)
        return;
    struct chat_event ev = {.kind = CHAT_EV_ERROR};
    ev.error.retryable = true;
    ev.error.type = BASE_STR("server_error");
    ev.error.message = q->reply ? base_str_c(err.text) : BASE_STR("out of memory");
    enum base_status ignored = gw_answer_event(q, &ev);
    (void)ignored; /* there is no source to tell */
}

/* A kill switch that came after the decision. */
bool gw_answer_off(const struct gw_request *q)
{
    const struct pol_kills *k = &q->app->switches->state->kills;
    return pol_kill_hits(k, q->decision.target) || pol_kill_use_case(k, q->facts.use_case) ||
           pol_kill_use_case(k, q->facts.key_use_case);
}

/* The lists of people have changed since the request was held against them. */
static bool lists_changed(const struct gw_request *q)
{
    struct gw_rights_ref *now = q->app->rights;
    return q->decision.off_premises && (q->rights_serial != conf_rights_serial(now->lists) ||
                                        (atomic_load(&now->unreadable) &&
                                         !(q->facts.findings.rights & CONF_RIGHTS_UNREADABLE)));
}

static void looked_again(struct gw_request *q, bool good)
{
    if (good && gw_request_decide(q)) {
        gw_request_record_intent(q, "req.fallback", gw_answer_start);
        return;
    }
    if (q->client_gone)
        q->status = 499;
    q->outcome = q->client_gone ? "client_gone" : "error";
    gw_request_finish(q);
}

/* The decision that is on record was made before the switch was thrown, or somebody was put on a
 * list: another one is needed. */
static void decide_again(struct gw_request *q)
{
    if (gw_request_people_slow(q))
        gw_request_people_later(q, looked_again);
    else
        looked_again(q, true);
}

static void go_on(struct gw_request *q)
{
    if (!prepared(q)) {
        q->outcome = q->status == 403 ? "denied" : "error";
        gw_request_finish(q);
    } else {
        start_attempt(q);
    }
}

/* The pool has redacted a large one. What was switched off meanwhile is seen again. */
static void pool_redacted(void *ctx, bool ran)
{
    struct gw_request *q = ctx;
    struct gw_server_request *http = q->http;
    q->state = GW_Q_INTENT;
    if (!http->loop->app) { /* the loop has ended, and with it what an answer would need */
        gw_request_release(q);
        gw_resp_abort(http);
    } else if (q->client_gone || !ran) {
        q->status = 499;
        q->outcome = "client_gone";
        gw_request_finish(q);
    } else if (gw_answer_off(q) || lists_changed(q)) {
        decide_again(q);
    } else {
        go_on(q);
    }
}

static void prepare(struct gw_request *q)
{
    bool large = q->http->body.n > GW_POOL_INLINE_MAX;
    if (!redacts(q))
        q->sent = q->chat;
    else if (!large)
        redact(q, q->app->detector, q->app->scratch);
    if (!redacts(q) || !large) {
        go_on(q);
        return;
    }
    q->job = (struct gw_job){.loop = q->http->loop,
                             .bytes = q->http->body.n,
                             .tenant = q->key.tenant,
                             .work = redact,
                             .done = pool_redacted,
                             .ctx = q};
    q->state = GW_Q_WORK;
    if (gw_pool_submit(q->app->pool, &q->job) == BASE_OK)
        return;
    q->state = GW_Q_INTENT;
    gw_request_fail(q, 503, "server_error", "busy", NULL,
                    "Too many large requests wait to be examined. Try again later.");
    q->outcome = "error";
    gw_request_finish(q);
}

/* Exact counts come from the model's own tokenizer: that of the engine, or of an upstream whose
 * interface has a call for it. Anything else would be a guess, and what is counted would leave for
 * it. */
static bool can_count(struct gw_request *q)
{
    const struct conf_target *t = q->decision.target;
    if (!q->chat.count_only || t->local || gw_wire_count_for(t->backend->api))
        return true;
    gw_request_fail(
        q, 400, "invalid_request_error", "not_countable", "model",
        "This request would be answered by %s, whose interface cannot count tokens, and "
        "an estimate is no count. What to do: name a local model or one of a back end "
        "with api: anthropic, or read usage.input_tokens of the answer.",
        t->text);
    q->outcome = "error";
    return false;
}

void gw_answer_start(struct gw_request *q)
{
    if (q->client_gone) {
        q->status = 499;
        q->outcome = "client_gone";
        gw_request_finish(q);
    } else if (!q->decision.routed) {
        denied(q);
    } else if (gw_answer_off(q) || lists_changed(q)) {
        decide_again(q);
    } else if (!can_count(q)) {
        gw_request_finish(q);
    } else {
        prepare(q);
    }
}
