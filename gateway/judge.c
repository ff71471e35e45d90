/* judge.c - where a request may go: plan, facts, decision, and the durable record of it.
 *
 * Owns       nothing. Runs on the loop's thread and never blocks.
 * Invariants nothing is attempted on a decision that is not durable: `then` runs only after it.
 *            A fallback comes through here again, at the time it happens.
 * Fails by   q->error (404 for an unknown model, 400 for a contradiction), 503 when the log cannot
 *            take the record.
 */
#include "gateway/judge.h"
#include "base/log.h"
#include "gateway/app.h"
#include "gateway/ending.h"
#include "gateway/oblige.h"
#include "gateway/record.h"
#include "gateway/request.h"

struct base_str gw_request_header(const struct gw_request *q, const char *name)
{
    const struct gw_http_header *h = gw_http_find(q->http->head, name);
    return h ? h->value : BASE_STR_NULL;
}

static bool engine_ready(void *ctx, const char *model, uint32_t *queued, uint32_t *active,
                         uint32_t *slots)
{
    return gw_engine_link_ready(ctx, model, queued, active, slots);
}

/* What the policy to come would have said: counted and recorded, never acted on. */
static void decide_shadow(struct gw_request *q)
{
    const struct gw_app_gen *gen = q->http->gen->app;
    struct base_err err;
    q->has_shadow = false;
    if (!gen->shadow)
        return;
    enum base_status st = pol_decide(gen->shadow, &q->facts, q->arena, &q->shadow, &err);
    if (st == BASE_OK) {
        q->has_shadow = true;
        q->shadow_change = pol_decision_compare(&q->facts, &q->decision, &q->shadow);
    }
    gw_metrics_add(q->http->loop->metrics, GW_F_SHADOW,
                   q->has_shadow ? pol_change_name(q->shadow_change) : "undecided", NULL, NULL, 1);
}

bool gw_request_decide(struct gw_request *q)
{
    struct gw_app_gen *gen = q->http->gen->app;
    struct gw_plan_ask ask = {
        .model = q->chat.model,
        .tier_header = gw_request_header(q, "x-weir-tier"),
        .score = &q->score,
        .embed = q->chat.embed,
        .ready = engine_ready,
        .ready_ctx = q->http->loop->engine,
    };
    struct base_err err;
    if (!gw_request_people_again(q)) {
        gw_request_fail(q, 400, "invalid_request_error", "not_scannable", NULL,
                        "The request could not be examined for personal data, so it goes nowhere.");
        return false;
    }
    enum base_status st = gw_plan(q->http->gen->conf, &ask, &q->plan, &err);
    if (st == BASE_ENOENT) {
        gw_request_fail(q, 404, "invalid_request_error", "model_not_found", "model", "%s",
                        err.text);
        return false;
    }
    if (st != BASE_OK) {
        gw_request_fail(q, 400, "invalid_request_error", "bad_route",
                        q->plan.header_at_fault ? "x-weir-tier" : "model", "%s", err.text);
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
    q->facts.kills = &q->app->switches->state->kills;
    st = pol_decide(gen->policy, &q->facts, q->arena, &q->decision, &err);
    if (st == BASE_OK) {
        q->decided = true;
        if (q->chat.count_only) /* there is no answer for anybody to review */
            q->decision.review_hold = false;
        if (q->chat.embed && q->decision.routed && q->decision.review_hold) {
            gw_request_fail(q, 403, "policy_denied", "human_review", NULL,
                            "Denied by policy: what models answer in this use case is read by a "
                            "human first, and nobody can read vectors.");
            return false;
        }
        gw_oblige_decided(q);
        decide_shadow(q);
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
    gw_request_disarm(q);
    if (st != BASE_OK) {
        q->app->log_failed = st == BASE_EIO;
        gw_request_fail(q, 503, "server_error", "audit_failed", NULL,
                        "The audit log has failed; nothing is answered until it is repaired.");
        gw_request_send_error(q);
        return;
    }
    if (!q->has_log_index) { /* the intent's; a fallback keeps it */
        q->log_index = index;
        q->has_log_index = true;
    }
    q->then(q);
}

void gw_request_record_intent(struct gw_request *q, const char *ev,
                              void (*then)(struct gw_request *q))
{
    struct base_buf leaf;
    if (!q->has_log_index && gw_record_disk(q->app->recorder) == AUD_DISK_FULL) {
        gw_request_fail(q, 503, "server_error", "audit_disk_full", NULL,
                        "The audit log's disk is nearly full: no new request is let in.");
        gw_request_send_error(q);
        return;
    }
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    q->state = GW_Q_INTENT;
    q->then = then;
    enum base_status st = BASE_EINVAL;
    if (gw_leaf_intent(&leaf, q, ev))
        st = gw_record(q->app->recorder, base_buf_view(&leaf), intent_recorded, q, &q->ticket);
    base_buf_release(&leaf);
    q->facts.kills = NULL; /* the snapshot may go now; the next decision takes the newest */
    if (st == BASE_OK) {
        gw_request_arm(q);
        return;
    }
    if (st == BASE_EINVAL)
        gw_request_fail(
            q, 400, "invalid_request_error", "record_too_large", NULL,
            "The record of this request would not fit the audit log (very long names?), "
            "so it is not answered.");
    else if (st == BASE_LIMIT)
        gw_request_fail(q, 503, "server_error", "audit_busy", NULL,
                        "The audit log's queue is full. Try again in a second.");
    else
        gw_request_fail(q, 503, "server_error", "audit_failed", NULL,
                        "The audit log has failed; nothing is answered until it is repaired.");
    if (q->has_log_index) { /* a fallback that cannot be recorded: the request still ends in order
                             */
        q->outcome = "error";
        gw_request_finish(q);
    } else if (st == BASE_EINVAL) {
        gw_request_refuse(q); /* that it was refused does fit */
    } else {
        gw_request_send_error(q);
    }
}
