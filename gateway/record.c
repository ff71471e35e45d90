/* record.c - tickets for durable leaves, and the leaves of a request.
 *
 * Owns       the tickets of one loop: taken from a free list when a leaf is submitted, given back
 *            when its callback has run on the loop.
 * Runs on    the loop's thread, but for on_durable, which the audit writer calls: it stores the
 *            result and posts the ticket to the loop, nothing else.
 * Invariants one submit, one callback (unless forgotten); a ticket is never freed while the writer
 *            may still touch it.
 * Format     leaves are JSON objects with sorted keys; members of a request leaf:
 *            ev, key, req, t, tenant, v and what the event adds. docs/audit-format.md lists them.
 * Fails by   returning the log's status; the caller refuses the request.
 */
#include "gateway/record.h"
#include "gateway/app.h"
#include "gateway/metrics.h"
#include <stdlib.h>

struct gw_ticket {
    struct gw_post post;
    struct gw_recorder *recorder;
    gw_recorded_fn fn; /* NULL: forgotten */
    void *ctx;
    struct gw_ticket *next; /* in the free list */
    uint64_t submitted_us;
    enum base_status status;
    uint64_t index;
};

struct gw_recorder {
    struct gw_loop *loop;
    struct aud_log *log;
    struct gw_ticket *free;
    size_t out; /* tickets under way */
    bool closing;
};

struct gw_recorder *gw_recorder_new(struct gw_loop *l, struct aud_log *log)
{
    struct gw_recorder *r = calloc(1, sizeof *r);
    if (r) {
        r->loop = l;
        r->log = log;
    }
    return r;
}

static void recorder_free_now(struct gw_recorder *r)
{
    while (r->free) {
        struct gw_ticket *t = r->free;
        r->free = t->next;
        free(t);
    }
    free(r);
}

void gw_recorder_free(struct gw_recorder *r)
{
    if (!r)
        return;
    r->closing = true;
    if (r->out == 0)
        recorder_free_now(r);
}

static void on_loop(struct gw_loop *l, void *arg)
{
    struct gw_ticket *t = arg;
    struct gw_recorder *r = t->recorder;
    gw_recorded_fn fn = t->fn;

    if (!r->closing)
        gw_metrics_observe(l->metrics, GW_H_AUDIT_WAIT, base_mono_us() - t->submitted_us);
    r->out--;
    t->next = r->free;
    r->free = t;
    if (fn)
        fn(t->ctx, t->status, t->index);
    if (r->closing && r->out == 0)
        recorder_free_now(r);
}

/* On the audit writer's thread. */
static void on_durable(void *ctx, enum base_status status, uint64_t index)
{
    struct gw_ticket *t = ctx;
    t->status = status;
    t->index = index;
    gw_loop_post(t->recorder->loop, &t->post);
}

enum base_status gw_record(struct gw_recorder *r, struct base_str leaf, gw_recorded_fn fn,
                           void *ctx, struct gw_ticket **out)
{
    struct gw_ticket *t = r->free;
    if (t)
        r->free = t->next;
    else if (!(t = calloc(1, sizeof *t)))
        return BASE_ENOMEM;
    *t = (struct gw_ticket){.recorder = r, .fn = fn, .ctx = ctx, .submitted_us = base_mono_us()};
    t->post.fn = on_loop;
    t->post.arg = t;
    r->out++;
    enum base_status st = aud_log_submit(r->log, leaf, on_durable, t);
    if (st != BASE_OK) {
        r->out--;
        t->next = r->free;
        r->free = t;
        return st;
    }
    if (out)
        *out = t;
    return BASE_OK;
}

void gw_ticket_forget(struct gw_ticket *t)
{
    t->fn = NULL;
}

static void common(struct base_json *j, const char *req_id, struct base_str tenant)
{
    base_json_kz(j, "req", req_id);
    base_json_kint(j, "t", base_wall_us());
    base_json_kstr(j, "tenant", tenant);
    base_json_kint(j, "v", 1);
}

bool gw_leaf_refused(struct base_buf *out, const char *req_id, struct base_str tenant, int status,
                     const char *type, const char *why)
{
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "error", type);
    base_json_kz(&j, "ev", "req.refused");
    base_json_kint(&j, "http", status);
    common(&j, req_id, tenant);
    base_json_kz(&j, "why", why);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

bool gw_leaf_intent(struct base_buf *out, const struct gw_request *q, const char *ev)
{
    const struct gw_app_gen *gen = q->http->gen->app;
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "attempt", (int64_t)q->attempts + 1);
    base_json_kint(&j, "body_bytes", (int64_t)q->http->body.n);
    base_json_kz(&j, "conf", gen->conf_id);
    base_json_key(&j, "decision");
    pol_decision_json(&j, gen->policy, &q->facts, &q->decision);
    base_json_kz(&j, "dialect", q->dialect->name);
    base_json_kz(&j, "ev", ev);
    base_json_kz(&j, "key", q->key.id);
    base_json_kint(&j, "messages", (int64_t)q->chat.n_messages);
    base_json_kstr(&j, "model", q->chat.model);
    base_json_kz(&j, "pinned", q->plan.pinned ? "yes" : "no");
    base_json_kz(&j, "req", q->http->id);
    base_json_kbool(&j, "stream", q->chat.stream);
    if (q->subject.n)
        base_json_kstr(&j, "subj", q->subject);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", q->key.tenant);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

bool gw_leaf_outcome(struct base_buf *out, const struct gw_request *q)
{
    uint64_t now = base_mono_us();
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "attempts", q->attempts);
    if (q->status != 200 && q->error.type)
        base_json_kz(&j, "error", q->error.type);
    base_json_kz(&j, "ev", "req.outcome");
    if (q->finished)
        base_json_kz(&j, "finish", chat_finish_name(q->finish));
    if (q->first_content_us)
        base_json_kint(&j, "first_ms",
                       (int64_t)(q->first_content_us - q->http->complete_us) / 1000);
    base_json_kint(&j, "http", q->status);
    base_json_kint(&j, "ms", (int64_t)(now - q->http->complete_us) / 1000);
    base_json_key(&j, "redacted");
    base_json_obj(&j);
    for (int t = 0; t < POL_TYPE_COUNT; t++)
        if (q->redacted[t])
            base_json_kint(&j, pol_type_name((enum pol_type)t), q->redacted[t]);
    base_json_obj_end(&j);
    base_json_kz(&j, "req", q->http->id);
    base_json_kz(&j, "route", q->decision.routed ? q->decision.target->text : "none");
    base_json_kz(&j, "status", q->outcome);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", q->key.tenant);
    base_json_kbool(&j, "tokens_counted", q->usage.set);
    base_json_kint(&j, "tokens_in", q->usage.input_tokens);
    base_json_kint(&j, "tokens_out", q->usage.output_tokens);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}
