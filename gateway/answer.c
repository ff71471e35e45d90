/* answer.c - from the events of an attempt to the end of the answer; depart.c starts attempts.
 *
 * Owns       the attempt that is under way and the reply writer of one request.
 * Runs on    the loop's thread.
 * Order      events -> guard (what the answer may say) -> restore (originals for placeholders)
 *            -> reply writer -> client. On the end:
 *            ending.c: outcome leaf durable -> the last bytes. A denial, an error and a client that
 *            left end through the same gw_request_finish.
 * Invariants until the first content another candidate may be tried, after a fresh decision and a
 *            durable req.fallback leaf; never after it. A stream that breaks gets the
 *            dialect's error event and no terminator.
 * Fails by   status 502/503/504 with a message that names no secret; a pinned model gets the
 *            upstream's own words.
 */
#include "gateway/answer.h"
#include "base/log.h"
#include "gateway/app.h"
#include "gateway/ending.h"
#include "gateway/guard.h"
#include "gateway/judge.h"
#include "gateway/keep.h"
#include "gateway/metrics.h"
#include "gateway/oblige.h"
#include "gateway/request.h"
#include "gateway/review_http.h"
#include <stdio.h>

/* ---- the answer ---- */

void gw_answer_gone(struct gw_request *q)
{
    gw_attempt_cancel(q->attempt);
    q->status = 499; /* the client closed the request: no standard code exists; as nginx logs it */
    q->outcome = "client_gone";
    gw_request_finish(q);
}

void gw_answer_drained(struct gw_request *q)
{
    if (q->state != GW_Q_RUNNING || !q->paused)
        return;
    q->paused = false;
    gw_attempt_resume(q->attempt);
}

/* Hands what is in q->out to the client; opens the answer with the first bytes. */
static enum base_status flush(struct gw_request *q)
{
    enum base_status st = BASE_OK;
    if (!q->chat.stream || q->decision.review_hold || q->out.n == 0)
        return BASE_OK; /* one JSON body, or an answer under review, goes out only at the end */
    if (!gw_resp_started(q->http)) {
        struct base_buf headers;
        base_buf_init(&headers, 16384);
        gw_request_headers(q, &headers);
        base_buf_z(&headers, "x-weir-ai-generated: 1\r\ncontent-type: text/event-stream\r\n"
                             "cache-control: no-cache\r\n");
        st = gw_resp_start(q->http, 200, base_buf_view(&headers), -1);
        base_buf_release(&headers);
    }
    if (st == BASE_OK)
        st = gw_resp_write(q->http, base_buf_view(&q->out));
    gw_keep_delivered(q, base_buf_view(&q->out));
    base_buf_clear(&q->out);
    if (st == BASE_OK && gw_resp_full(q->http) && !q->paused && q->attempt) {
        q->paused = true;
        gw_attempt_pause(q->attempt);
    }
    return st;
}

static enum base_status emit(struct gw_request *q, const struct chat_event *ev)
{
    struct base_err err;
    if (!q->committed) {
        q->committed = true;
        q->status = 200;
        q->first_content_us = base_mono_us();
        gw_metrics_observe(q->http->loop->metrics, GW_H_TTFT,
                           q->first_content_us - q->http->complete_us);
    }
    enum base_status st = gw_oblige_piece(q, ev);
    if (st == BASE_OK)
        st = q->dialect->reply_event(q->reply, ev, &q->out, &err);
    if (st == BASE_OK)
        st = flush(q);
    return st;
}

/* Passes a piece of text through its restorer. last: also what it holds back. */
static enum base_status emit_restored(struct gw_request *q, struct pol_restore *r,
                                      const struct chat_event *ev, bool last)
{
    struct base_buf text;
    struct base_err err;
    if (!r)
        return last ? BASE_OK : emit(q, ev);
    base_buf_init(&text, GW_RESP_OUT_MAX);
    enum base_status st =
        last ? pol_restore_end(r, &text, &err) : pol_restore_feed(r, ev->text, &text, &err);
    if (st == BASE_OK && text.n) {
        struct chat_event out = *ev;
        out.text = base_buf_view(&text);
        st = emit(q, &out);
    }
    base_buf_wipe(&text);
    return st;
}

static enum base_status tool_event(struct gw_request *q, const struct chat_event *ev)
{
    if (ev->index < 0 || ev->index >= GW_TOOL_CALLS_MAX)
        return BASE_LIMIT;
    struct pol_restore **r = &q->restore_tool[ev->index];
    if (ev->kind == CHAT_EV_TOOL_CALL)
        return emit(q, ev);
    if (q->vault && !*r && !(*r = pol_restore_new(q->vault, true)))
        return BASE_ENOMEM;
    return emit_restored(q, *r, ev, false);
}

/* What the restorer of a channel of text holds, as a piece of the block that it is of. */
static enum base_status flush_prose(struct gw_request *q, enum chat_event_kind kind)
{
    bool text = kind == CHAT_EV_TEXT;
    const struct chat_event ev = {.kind = kind, .index = q->block[text]};
    return emit_restored(q, text ? q->restore_text : q->restore_reasoning, &ev, true);
}

/* No more content will come: what the restorers hold goes out, in order. */
static enum base_status flush_restorers(struct gw_request *q)
{
    enum base_status st = flush_prose(q, CHAT_EV_REASONING);
    if (st == BASE_OK)
        st = flush_prose(q, CHAT_EV_TEXT);
    struct chat_event ev = {.kind = CHAT_EV_TOOL_ARGS};
    for (int i = 0; i < GW_TOOL_CALLS_MAX && st == BASE_OK; i++) {
        ev.index = i;
        st = emit_restored(q, q->restore_tool[i], &ev, true);
    }
    return st;
}

/* Where an answer is a row of blocks a placeholder does not go on from one into the next: what is
 * held of a text goes out before another block begins. Arguments end in a brace, which is never
 * held. A guard that holds text mixes the order anyhow; then everything is sorted at the end. */
static enum base_status turn_to(struct gw_request *q, const struct chat_event *ev)
{
    enum base_status st = BASE_OK;
    if (!q->dialect->blocks || gw_oblige_holds(q))
        return BASE_OK;
    if (ev->kind != CHAT_EV_REASONING || ev->index != q->block[0])
        st = flush_prose(q, CHAT_EV_REASONING);
    if (st == BASE_OK && (ev->kind != CHAT_EV_TEXT || ev->index != q->block[1]))
        st = flush_prose(q, CHAT_EV_TEXT);
    if (ev->kind == CHAT_EV_TEXT || ev->kind == CHAT_EV_REASONING)
        q->block[ev->kind == CHAT_EV_TEXT] = ev->index;
    return st;
}

/* JSON of the upstream's own, whole. */
static enum base_status emit_json(struct gw_request *q, const struct chat_event *ev)
{
    struct chat_event out = *ev;
    struct base_buf text;
    struct base_err err;
    if (!q->vault)
        return emit(q, ev);
    struct pol_restore *r = pol_restore_new(q->vault, true);
    base_buf_init(&text, GW_RESP_OUT_MAX);
    enum base_status st = r ? pol_restore_feed(r, ev->text, &text, &err) : BASE_ENOMEM;
    if (st == BASE_OK)
        st = pol_restore_end(r, &text, &err);
    out.text = base_buf_view(&text);
    if (st == BASE_OK)
        st = emit(q, &out);
    pol_restore_free(r);
    base_buf_wipe(&text);
    return st;
}

/* A stop sequence that the upstream names is one of those that it was given; the caller knows it by
 * its own. */
static struct base_str own_stop(const struct gw_request *q, const struct chat_event *ev)
{
    for (size_t i = 0; ev->finish == CHAT_FINISH_STOP_SEQUENCE && i < q->sent.n_stop; i++)
        if (base_str_eq(ev->text, q->sent.stop[i]))
            return q->chat.stop[i];
    return ev->text;
}

/* ---- what goes wrong ---- */

static const char *why_tried(const struct chat_error *e)
{
    if (e->status == 429)
        return "already tried: rate limited (429)";
    if (e->status == 408 || e->status == 504)
        return "already tried: timed out";
    if (e->status >= 500)
        return "already tried: server error";
    return "already tried: could not be reached";
}

/* What an attempt's redaction left behind: restorers point into its vault, so they go with it, and
 * a route that gets the request as it came has nothing restored. */
static void drop_redaction(struct gw_request *q)
{
    pol_restore_free(q->restore_text);
    pol_restore_free(q->restore_reasoning);
    for (size_t i = 0; i < GW_TOOL_CALLS_MAX; i++)
        pol_restore_free(q->restore_tool[i]);
    memset(q->restore_tool, 0, sizeof q->restore_tool);
    q->restore_text = q->restore_reasoning = NULL;
    pol_vault_free(q->vault);
    q->vault = NULL;
}

/* Tries the next candidate after a fresh decision; false if there is none. A large request whose
 * people would have to be looked for once more, for seconds, is not tried again either: its client
 * can send it again. */
static bool fall_back(struct gw_request *q, const struct chat_error *e)
{
    struct pol_decision last = q->decision;
    const char *from = q->decision.target->text;
    if (q->plan.pinned || !e->retryable || gw_request_people_slow(q))
        return false;
    q->tried[q->decision.chosen] = why_tried(e);
    q->last_tried = (struct gw_tried){.route = from, .why = why_tried(e), .status = e->status};
    memcpy(q->last_tried.redacted, q->redacted, sizeof q->redacted);
    if (!gw_request_decide(q) || !q->decision.routed) {
        q->decision = last; /* the outcome names the last route that was tried */
        return false;
    }
    gw_metrics_add(q->http->loop->metrics, GW_F_FALLBACKS, from, q->decision.target->text, NULL, 1);
    base_buf_clear(&q->passed_on);
    base_buf_clear(&q->out);
    drop_redaction(q);
    memset(q->redacted, 0, sizeof q->redacted);
    gw_request_record_intent(q, "req.fallback", gw_answer_start);
    return true;
}

/* The dialect's own error event behind what has been sent already. */
static void break_stream(struct gw_request *q, const struct chat_error *e)
{
    struct base_err err;
    struct chat_event ev = {.kind = CHAT_EV_ERROR, .error = *e};
    ev.error.type = base_str_c(q->error.type);
    ev.error.code = q->error.code;
    ev.error.message = q->error.message;
    base_buf_clear(&q->out);
    if (q->chat.stream && q->dialect->reply_event(q->reply, &ev, &q->out, &err) != BASE_OK)
        base_buf_clear(&q->out);
}

static void cut(struct gw_request *q)
{
    const struct chat_error e = {.retryable = true,
                                 .message = BASE_STR("stopped by a kill switch")};
    const char *route = q->decision.target->text;
    gw_attempt_cancel(q->attempt);
    q->attempt = NULL;
    if (!q->committed && fall_back(q, &e))
        return;
    gw_request_fail(q, 403, "policy_denied", "kill-switch", NULL,
                    "Denied by policy (rule kill-switch): %s was switched off while it answered. "
                    "What to do: wait until it is switched on again.",
                    route);
    gw_metrics_add(q->http->loop->metrics, GW_F_DENIED, "kill-switch", NULL, NULL, 1);
    if (q->committed)
        break_stream(q, &e);
    q->outcome = q->committed ? "error" : "denied";
    gw_request_finish(q);
}

void gw_answer_switched(struct gw_app_loop *al)
{
    for (struct gw_request *q = al->running, *next; q; q = next) {
        next = q->run_next;
        if (q->state == GW_Q_RUNNING && q->attempt && gw_answer_off(q))
            cut(q);
    }
}

/* The status that the client gets for an upstream's failure. */
static int client_status(const struct chat_error *e)
{
    if (e->status == 401 || e->status == 403)
        return 502; /* our key there is bad: the caller's is not */
    if (e->status >= 400)
        return e->status;
    return 502;
}

static void note_findings(struct gw_request *q)
{
    if (!q->oblige.guard)
        return;
    const uint32_t *found = gw_guard_counts(q->oblige.guard);
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (found[t] > q->oblige.found[t])
            gw_metrics_add(q->http->loop->metrics, GW_F_ANSWER_FINDINGS,
                           pol_type_name((enum pol_type)t), conf_answers_name(q->decision.answers),
                           NULL, found[t] - q->oblige.found[t]);
        q->oblige.found[t] = found[t];
    }
}

/* On both sides: the upstream's own words are the client's. */
static bool same_dialect(const struct gw_request *q, const struct conf_backend *b)
{
    if (!b)
        return false;
    return chat_dialect_is_openai(q->chat.dialect)
               ? b->api == CONF_API_OPENAI || b->api == CONF_API_OPENAI_COMPATIBLE ||
                     b->api == CONF_API_AZURE_OPENAI
               : b->api == CONF_API_ANTHROPIC;
}

static void attempt_failed(struct gw_request *q, const struct chat_error *failure)
{
    const struct conf_target *t = q->decision.target;
    struct chat_error shown = *failure;
    const struct chat_error *e = &shown;
    char reason[16];

    q->attempt = NULL;
    gw_oblige_error(q, &shown);
    note_findings(q);
    snprintf(reason, sizeof reason, "%d", e->status);
    gw_metrics_add(q->http->loop->metrics, GW_F_UPSTREAM_ERRORS,
                   t->backend ? t->backend->name : "local", e->status ? reason : "unreachable",
                   NULL, 1);
    if (!q->committed && fall_back(q, e))
        return;
    if (e->retry_after_ms &&
        base_str_find(base_buf_view(&q->passed_on), BASE_STR("retry-after: "), 0) == SIZE_MAX)
        base_buf_printf(
            &q->passed_on, "retry-after: %llu\r\n",
            (unsigned long long)(e->retry_after_ms / 1000 + (e->retry_after_ms % 1000 > 0)));
    int status = client_status(e);
    bool ours = status != e->status;
    gw_request_fail(q, status, NULL, NULL, NULL, "%s: %.*s%s", t->text,
                    (int)(e->message.n > 600 ? 600 : e->message.n),
                    e->message.p ? e->message.p : "",
                    ours && e->status ? " (the gateway's own credentials were refused there)" : "");
    q->error.type = status == 429  ? "rate_limit_error"
                    : status < 500 ? "invalid_request_error"
                                   : "server_error";
    if (e->code.n)
        q->error.code = base_arena_dup(q->arena, e->code);
    else
        q->error.code = base_arena_dup(
            q->arena, base_str_c(e->status ? "upstream_error" : "upstream_unreachable"));
    if (!ours && !q->committed && e->body.n && e->body.p[0] == '{' && same_dialect(q, t->backend))
        q->error_raw = base_arena_dup(q->arena, e->body);
    if (q->committed)
        break_stream(q, e);
    q->outcome = "error";
    gw_request_finish(q);
}

static void attempt_ended(struct gw_request *q, const struct chat_event *ev)
{
    struct base_err err;
    q->attempt = NULL;
    q->status = 200;
    q->committed = true;
    /* A whole body is made now and kept back until the outcome is durable; a stream's terminator is
     * made only then, so that an error can still stand in its place. */
    if (!gw_oblige_end(q)) {
        q->outcome = "error";
        gw_request_finish(q);
        return;
    }
    q->end_owed = q->chat.stream && !q->decision.review_hold;
    if (!q->end_owed && q->dialect->reply_event(q->reply, ev, &q->out, &err) != BASE_OK) {
        struct chat_error e = {.status = 502, .message = BASE_STR("the answer does not fit")};
        attempt_failed(q, &e);
        return;
    }
    q->outcome = "ok";
    if (q->decision.review_hold)
        gw_review_hold(q);
    const char *route = q->decision.target->text;
    gw_metrics_add(q->http->loop->metrics, GW_F_TOKENS, route, "input", NULL,
                   (uint64_t)q->usage.input_tokens);
    gw_metrics_add(q->http->loop->metrics, GW_F_TOKENS, route, "output", NULL,
                   (uint64_t)q->usage.output_tokens);
    gw_request_finish(q);
}

/* A piece of the answer that the guard let through. */
static enum base_status deliver(void *ctx, const struct chat_event *ev)
{
    struct gw_request *q = ctx;
    struct chat_event finish = *ev;
    enum base_status st = turn_to(q, ev);

    if (st != BASE_OK)
        return st;
    switch (ev->kind) {
    case CHAT_EV_TEXT:
        return emit_restored(q, q->restore_text, ev, false);
    case CHAT_EV_REASONING:
        return emit_restored(q, q->restore_reasoning, ev, false);
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
        return tool_event(q, ev);
    case CHAT_EV_FINISH:
        q->finish = ev->finish;
        q->finished = true;
        finish.text = own_stop(q, ev);
        st = flush_restorers(q);
        return st == BASE_OK ? emit(q, &finish) : st;
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
        return emit_json(q, ev);
    default:
        return emit(q, ev);
    }
}

/* The policy takes the rest of the answer away. Before its first byte that is a 403; after it the
 * stream ends in good order with finish_reason content_filter. */
static enum base_status withhold(struct gw_request *q, const char *why)
{
    const bool tool = strcmp(why, "tool_denied") == 0;
    const char *rule = tool ? "tool_denied" : q->decision.answers_rule;
    const struct chat_event finish = {.kind = CHAT_EV_FINISH, .finish = CHAT_FINISH_CONTENT_FILTER};

    if (q->attempt)
        gw_attempt_cancel(q->attempt);
    q->attempt = NULL;
    gw_metrics_add(q->http->loop->metrics, GW_F_DENIED, rule, NULL, NULL, 1);
    if (gw_resp_started(q->http) && deliver(q, &finish) == BASE_OK) {
        q->end_owed = true;
    } else {
        base_buf_clear(&q->out);
        gw_request_fail(q, 403, "policy_denied", rule, NULL,
                        tool ? "Denied by policy: the model asked for a tool that may not be used."
                             : "Denied by policy (rule %s): the answer held data that may not be "
                               "given out.",
                        rule);
    }
    q->outcome = "withheld";
    gw_request_finish(q);
    return BASE_DENIED; /* the attempt is gone: its source must not go on */
}

static enum base_status content(struct gw_request *q, const struct chat_event *ev)
{
    struct gw_guard *g = q->oblige.guard;
    if (!g)
        return deliver(q, ev);
    if (ev->kind == CHAT_EV_REASONING && q->dialect->blocks && gw_oblige_holds(q)) {
        /* That there are thoughts is known before any of them may be shown: they stand first. */
        const struct chat_event begun = {.kind = CHAT_EV_REASONING};
        struct base_err err;
        enum base_status told = q->dialect->reply_event(q->reply, &begun, &q->out, &err);
        if (told != BASE_OK)
            return told;
    }
    enum base_status st = gw_guard_event(g, ev, deliver, q);
    note_findings(q);
    return st;
}

/* Some servers end without a finish reason, or say more behind it: what the guard and the restorers
 * still hold is part of the answer. */
static enum base_status drain(struct gw_request *q)
{
    enum base_status st = BASE_OK;
    if (q->oblige.guard) {
        st = gw_guard_end(q->oblige.guard, deliver, q);
        note_findings(q);
    }
    return st == BASE_OK ? flush_restorers(q) : st;
}

static void ended(struct gw_request *q, const struct chat_event *ev)
{
    q->attempt = NULL; /* the source has let go of it */
    enum base_status st = drain(q), ignored;
    if (q->oblige.guard && gw_guard_withheld(q->oblige.guard)) {
        ignored = withhold(q, gw_guard_withheld(q->oblige.guard));
        (void)ignored; /* there is no source to tell */
    } else if (st == BASE_OK) {
        attempt_ended(q, ev);
    } else {
        const struct chat_error e = {.status = 502,
                                     .message = BASE_STR("the answer could not be passed on")};
        attempt_failed(q, &e);
    }
}

/* Of a count only the number counts; nobody has used these tokens, so they are not metered. */
static enum base_status count_event(struct gw_request *q, const struct chat_event *ev)
{
    struct base_err err;
    return ev->kind == CHAT_EV_USAGE ? q->dialect->reply_event(q->reply, ev, &q->out, &err)
                                     : BASE_OK;
}

static enum base_status vectors_too_large(struct gw_request *q)
{
    const struct chat_error e = {
        .status = 413,
        .message = BASE_STR("the vectors do not fit into one answer: send fewer inputs a request, "
                            "or ask for encoding_format base64")};
    gw_attempt_cancel(q->attempt);
    attempt_failed(q, &e);
    return BASE_DENIED; /* the attempt is gone: its source must not go on */
}

enum base_status gw_answer_event(void *ctx, const struct chat_event *ev)
{
    struct gw_request *q = ctx;
    enum base_status st = BASE_OK;

    if (ev->kind == CHAT_EV_TEXT || ev->kind == CHAT_EV_REASONING ||
        ev->kind == CHAT_EV_TOOL_ARGS || ev->kind == CHAT_EV_BLOCK || ev->kind == CHAT_EV_CITATION)
        gw_keep_received(q, ev->text);
    if (q->chat.count_only && ev->kind <= CHAT_EV_FINISH)
        return count_event(q, ev);
    switch (ev->kind) {
    case CHAT_EV_START:
        return BASE_OK; /* ids of ours are shown; nothing is committed yet */
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_FINISH:
        st = content(q, ev);
        if (st == BASE_OK && q->oblige.guard && gw_guard_withheld(q->oblige.guard))
            return withhold(q, gw_guard_withheld(q->oblige.guard));
        break;
    case CHAT_EV_USAGE: {
        struct base_err err;
        q->usage = ev->usage;
        q->usage.set = true;
        st = q->dialect->reply_event(q->reply, ev, &q->out, &err);
        if (st == BASE_OK && q->committed)
            st = flush(q);
        break;
    }
    case CHAT_EV_VECTOR:
        st = emit(q, ev);
        if (st == BASE_LIMIT)
            return vectors_too_large(q);
        break;
    case CHAT_EV_END:
        ended(q, ev);
        return BASE_OK;
    case CHAT_EV_ERROR:
        attempt_failed(q, &ev->error);
        return BASE_OK;
    }
    if (st == BASE_OK || q->client_gone)
        return BASE_OK; /* gone() ends it, outside of this call */
    if (q->attempt)
        gw_attempt_cancel(q->attempt);
    struct chat_error e = {.status = 502, .message = BASE_STR("the answer could not be passed on")};
    attempt_failed(q, &e);
    return st;
}
