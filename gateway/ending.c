/* ending.c - how a request ends: errors, the outcome leaf, the last bytes, release.
 *
 * Owns       nothing of its own; frees what a struct gw_request holds outside of its arena.
 * Runs on    the loop's thread. The wait for a durable leaf is a ticket and a timer.
 * Invariants an answer is called complete only after its outcome is durable; the bytes that say so
 *            (a stream's terminator, a whole body) are kept in q->out until then. If the outcome
 *            cannot be recorded the answer is cut with the dialect's own error.
 * Fails by   503: what is not recorded has not happened.
 */
#include "gateway/ending.h"
#include "base/log.h"
#include "gateway/app.h"
#include "gateway/keep.h"
#include "gateway/limits.h"
#include "gateway/metrics.h"
#include "gateway/oblige.h"
#include "gateway/record.h"
#include "gateway/review_http.h"
#include <stdarg.h>
#include <stdio.h>

#define FULL_RETRY_MS 10

static void on_timer(evutil_socket_t fd, short what, void *arg);

void gw_request_init_ending(struct gw_request *q)
{
    base_buf_init(&q->out, GW_RESP_OUT_MAX);
    base_buf_init(&q->passed_on, 8192);
    evtimer_assign(&q->timer, q->http->loop->base, on_timer, q);
}

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

void gw_request_disarm(struct gw_request *q)
{
    evtimer_del(&q->timer);
}

void gw_request_arm(struct gw_request *q)
{
    const struct timeval wait = {GW_TICKET_MS / 1000, (GW_TICKET_MS % 1000) * 1000};
    evtimer_add(&q->timer, &wait);
}

void gw_request_list(struct gw_request *q)
{
    struct gw_app_loop *al = q->app;
    if (q->in_run)
        return;
    q->in_run = true;
    q->run_prev = NULL;
    q->run_next = al->running;
    if (al->running)
        al->running->run_prev = q;
    al->running = q;
}

static void unlist(struct gw_request *q)
{
    if (!q->in_run)
        return;
    q->in_run = false;
    if (q->run_prev)
        q->run_prev->run_next = q->run_next;
    else if (q->http->loop->app) /* it may be gone while the last tickets come back */
        ((struct gw_app_loop *)q->http->loop->app)->running = q->run_next;
    if (q->run_next)
        q->run_next->run_prev = q->run_prev;
}

void gw_request_release(struct gw_request *q)
{
    if (q->ticket)
        gw_ticket_forget(q->ticket);
    q->ticket = NULL;
    q->state = GW_Q_OVER;
    unlist(q);
    gw_keep_release(q);
    evtimer_del(&q->timer);
    gw_oblige_drop(q);
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

/* ---- headers ---- */

static void redacted_header(const struct gw_request *q, struct base_buf *out)
{
    bool any = false;
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (!q->redacted[t])
            continue;
        base_buf_printf(out, "%s%s=%u",
                        any ? "," : "x-weir-redacted: ", pol_type_name((enum pol_type)t),
                        q->redacted[t]);
        any = true;
    }
    if (any)
        base_buf_z(out, "\r\n");
}

/* What the dialect could not carry, what the route could not, and that a prompt went to a model
 * that only chats. */
static void dropped_header(const struct gw_request *q, struct base_buf *out)
{
    bool raw = q->chat.dialect == CHAT_DIALECT_OPENAI_COMPLETIONS && q->decided &&
               q->decision.routed && !q->decision.target->local;
    const struct base_str lists[] = {q->chat.dropped, q->dropped,
                                     raw ? BASE_STR("raw_prompt") : BASE_STR_NULL};
    const char *before = "x-weir-dropped: ";

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i].n == 0)
            continue;
        base_buf_printf(out, "%s%.*s", before, BASE_FMT(lists[i]));
        before = ",";
    }
    if (*before == ',')
        base_buf_z(out, "\r\n");
}

void gw_request_headers(const struct gw_request *q, struct base_buf *out)
{
    const struct conf *c = q->http->gen->conf;
    base_buf_printf(out, "x-weir-route: %s\r\n",
                    q->decided && q->decision.routed ? q->decision.target->text : "none");
    base_buf_printf(out, "x-weir-tier: %s\r\n",
                    !q->decided                     ? "none"
                    : q->plan.tier == POL_TIER_HARD ? "hard"
                                                    : "commodity");
    if (q->scored)
        base_buf_printf(out, "x-weir-difficulty: %.2f\r\n", q->score.difficulty);
    else
        base_buf_z(out, "x-weir-difficulty: none\r\n");
    base_buf_printf(out, "x-weir-policy: %s\r\n", c->policy.id);
    if (q->has_log_index)
        base_buf_printf(out, "x-weir-log-index: %llu\r\n", (unsigned long long)q->log_index);
    else /* nothing of it is in the log: a list of models, or a log that takes nothing */
        base_buf_z(out, "x-weir-log-index: none\r\n");
    redacted_header(q, out);
    gw_limits_header(q, out);
    gw_oblige_headers(q, out);
    dropped_header(q, out);
    if (q->dialect && q->dialect->id_header)
        base_buf_printf(out, "%s: %s\r\n", q->dialect->id_header, q->http->id);
    base_buf_str(out, base_buf_view(&q->passed_on));
}

void gw_request_send_error(struct gw_request *q)
{
    struct base_buf headers, body;
    struct gw_server_request *http = q->http;
    base_buf_init(&headers, 16384);
    base_buf_init(&body, 1 << 20);
    gw_request_headers(q, &headers);
    if (q->status == 503 &&
        base_str_find(base_buf_view(&headers), BASE_STR("retry-after"), 0) == SIZE_MAX)
        base_buf_z(&headers, "retry-after: 1\r\n");
    if (q->error_raw.n)
        base_buf_str(&body, q->error_raw);
    else
        q->dialect->error_body(&body, &q->error, base_str_c(http->id));
    gw_metrics_request(http->loop->metrics,
                       q->decided && q->decision.routed ? q->decision.target->text : "none",
                       q->decided && q->plan.tier == POL_TIER_HARD ? "hard" : "commodity",
                       q->status, base_mono_us() - http->first_byte_us);
    int status = q->status;
    gw_request_release(q);
    gw_resp_send(http, status, "application/json", base_buf_view(&headers), base_buf_view(&body));
    base_buf_release(&headers);
    base_buf_release(&body);
}

/* ---- the end ---- */

/* The outcome is durable (or can never be): the last bytes go out. */
static void send_last(struct gw_request *q)
{
    struct gw_server_request *http = q->http;
    struct base_buf headers;

    if (q->client_gone) {
        gw_request_release(q);
        gw_resp_abort(http);
        return;
    }
    if (q->oblige.held && q->status == 403)
        gw_review_put(q);
    if (q->status != 200 && !gw_resp_started(http)) {
        gw_request_send_error(q);
        return;
    }
    gw_metrics_request(http->loop->metrics, q->decision.target->text,
                       q->plan.tier == POL_TIER_HARD ? "hard" : "commodity", q->status,
                       base_mono_us() - http->first_byte_us);
    enum base_status st = BASE_OK;
    if (q->status == 200 && q->end_owed && q->oblige.provenance.n)
        /* The headers have gone: a comment line, which readers of events skip. */
        base_buf_printf(&q->out, ": x-weir-provenance: %.*s\n\n", BASE_FMT(q->oblige.provenance));
    if (q->status == 200 && q->end_owed) {
        const struct chat_event end = {.kind = CHAT_EV_END};
        struct base_err err;
        st = q->dialect->reply_event(q->reply, &end, &q->out, &err);
    }
    if (st == BASE_OK && !gw_resp_started(http)) {
        base_buf_init(&headers, 16384);
        gw_request_headers(q, &headers);
        if (!q->chat.count_only && !q->chat.embed)
            base_buf_z(&headers, "x-weir-ai-generated: 1\r\n");
        /* A stream may end before it said anything. */
        base_buf_printf(&headers, "content-type: %s\r\n",
                        q->chat.stream ? "text/event-stream" : "application/json");
        st = gw_resp_start(http, 200, base_buf_view(&headers), (int64_t)q->out.n);
        base_buf_release(&headers);
    }
    if (st == BASE_OK && q->out.n)
        st = gw_resp_write(http, base_buf_view(&q->out));
    gw_request_release(q);
    if (st == BASE_OK)
        gw_resp_end(http);
    else
        gw_resp_abort(http);
}

/* What there is of the answer cannot be called complete: in its place the dialect's own error. */
static void cut_answer(struct gw_request *q, const char *code, const char *text)
{
    struct base_err err;
    gw_request_fail(q, 503, "server_error", code, NULL, "%s", text);
    base_buf_clear(&q->out);
    q->end_owed = false;
    if (gw_resp_started(q->http) && q->reply) {
        struct chat_event ev = {.kind = CHAT_EV_ERROR};
        ev.error.status = 503;
        ev.error.type = BASE_STR("server_error");
        ev.error.message = q->error.message;
        if (q->dialect->reply_event(q->reply, &ev, &q->out, &err) != BASE_OK)
            base_buf_clear(&q->out);
    }
}

static void outcome_recorded(void *ctx, enum base_status st, uint64_t index)
{
    struct gw_request *q = ctx;
    (void)index;
    q->ticket = NULL;
    gw_request_disarm(q);
    if (st == BASE_OK) {
        send_last(q);
        return;
    }
    if (st == BASE_EIO)
        q->app->log_failed = true;
    cut_answer(q, "audit_failed",
               "The audit log failed before the end of this answer was recorded.");
    send_last(q);
}

/* Submits the outcome leaf. A full queue empties by itself: the answer is made and only its end is
 * owed, so it waits a little rather than being cut. */
static void submit_outcome(struct gw_request *q)
{
    const struct timeval soon = {0, FULL_RETRY_MS * 1000};
    struct base_buf leaf;
    enum base_status st = BASE_EINVAL;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    if (gw_leaf_outcome(&leaf, q))
        st = gw_record(q->app->recorder, base_buf_view(&leaf), outcome_recorded, q, &q->ticket);
    base_buf_release(&leaf);
    if (st == BASE_OK)
        gw_request_arm(q);
    else if (st == BASE_LIMIT && base_mono_us() < q->outcome_until_us)
        evtimer_add(&q->timer, &soon);
    else
        outcome_recorded(q, st, 0);
}

/* What is to be kept of the answer is kept, or could not be: then, where the configuration says so,
 * the answer is cut. Its outcome is recorded either way. */
static void content_kept(struct gw_request *q)
{
    if (q->status == 200 && gw_keep_refuses(q)) {
        cut_answer(q, "content_unavailable",
                   "The content of this answer could not be kept as the configuration demands.");
        q->outcome = "error";
    }
    q->outcome_until_us = base_mono_us() + GW_TICKET_MS * 1000u;
    submit_outcome(q);
}

void gw_request_finish(struct gw_request *q)
{
    q->attempt = NULL;
    q->state = GW_Q_OUTCOME;
    /* A whole body is delivered now; of a stream, flush() kept the pieces. */
    if (q->status == 200 && !q->chat.stream)
        gw_keep_delivered(q, base_buf_view(&q->out));
    gw_keep_end(q, content_kept);
}

/* ---- a leaf that is not durable in time ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct gw_request *q = arg;
    (void)fd;
    (void)what;
    if (q->keep.under_way) { /* the keeper takes too long: as if it could not */
        gw_keep_give_up(q);
        return;
    }
    if (!q->ticket) {
        if (q->state == GW_Q_OUTCOME)
            submit_outcome(q); /* the queue was full */
        return;
    }
    /* Not durable in time counts as not recorded: what waited on it does not happen. */
    gw_ticket_forget(q->ticket);
    q->ticket = NULL;
    base_warn("audit", "a record was not durable within %d ms; the request is refused",
              GW_TICKET_MS);
    gw_request_fail(q, 503, "server_error", "audit_unavailable", NULL,
                    "The audit log did not confirm in time, so nothing was done. Try again later.");
    if (q->state == GW_Q_OUTCOME) {
        outcome_recorded(q, BASE_ETIME, 0);
    } else if (q->state == GW_Q_INTENT) {
        q->outcome = "error";
        gw_request_finish(q); /* the intent may yet become durable: it gets its outcome */
    } else {
        gw_request_send_error(q);
    }
}
