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
 *            What holds only now (who is behind a back end, on which basis, at what price) is
 *            copied into the leaf: years later the configuration is another one.
 * Fails by   returning the log's status; the caller refuses the request.
 */
#include "gateway/record.h"
#include "gateway/app.h"
#include "gateway/metrics.h"
#include "policy/decide/facts.h"
#include <math.h>
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

enum aud_disk gw_record_disk(const struct gw_recorder *r)
{
    return aud_log_disk(r->log);
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

/* A price in currency units per million tokens, as millionths of a unit per million tokens. */
static int64_t price_micro(double price)
{
    return price > 0 && price < 1e9 ? llround(price * 1e6) : 0;
}

void gw_target_prices(const struct conf_target *t, double *in, double *out)
{
    *in = t->local ? t->local->price_input : t->model ? t->model->price_input : 0;
    *out = t->local ? t->local->price_output : t->model ? t->model->price_output : 0;
}

static void put_places(struct base_json *j, const char *key, const struct conf_places *p)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < p->n; i++)
        base_json_z(j, p->v[i]);
    base_json_arr_end(j);
}

/* Who gets the bytes if they are sent: as the configuration says it at this moment. */
static void put_recipient(struct base_json *j, const struct conf_target *t)
{
    static const char *const here[] = {"on_premises"};
    const struct conf_places home = {.v = (const char **)(uintptr_t)here, .n = 1};
    const struct conf_residency *r = t->backend ? &t->backend->residency : NULL;
    double in, out;

    gw_target_prices(t, &in, &out);
    base_json_key(j, "to");
    base_json_obj(j);
    base_json_kz(j, "backend", t->backend ? t->backend->name : "local");
    base_json_kz(j, "basis", r && !r->on_premises ? conf_basis_name(r->basis) : "none");
    if (r && r->entity)
        base_json_kz(j, "entity", r->entity);
    if (r && r->expires)
        base_json_kz(j, "expires", r->expires);
    put_places(j, "location", r && r->location.n ? &r->location : &home);
    base_json_kbool(j, "on_premises", !r || r->on_premises);
    base_json_kint(j, "price_in", price_micro(in));
    base_json_kint(j, "price_out", price_micro(out));
    if (r && r->reference)
        base_json_kz(j, "reference", r->reference);
    if (r && r->retention_days >= 0)
        base_json_kint(j, "retention_days", r->retention_days);
    if (r)
        base_json_kbool(j, "trains", r->trains_on_data);
    base_json_obj_end(j);
}

static void put_redacted(struct base_json *j, const uint32_t counts[POL_TYPE_COUNT])
{
    base_json_key(j, "redacted");
    base_json_obj(j);
    for (int t = 0; t < POL_TYPE_COUNT; t++)
        if (counts[t])
            base_json_kint(j, pol_type_name((enum pol_type)t), counts[t]);
    base_json_obj_end(j);
}

/* How the attempt before this one ended. */
static void put_after(struct base_json *j, const struct gw_tried *p)
{
    base_json_key(j, "after");
    base_json_obj(j);
    base_json_kint(j, "http", p->status);
    put_redacted(j, p->redacted);
    base_json_kz(j, "route", p->route);
    base_json_kz(j, "why", p->why);
    base_json_obj_end(j);
}

/* What the policy says the request is for. */
static void put_use(struct base_json *j, const struct gw_request *q, const struct pol_policy *p)
{
    const struct conf_use_case *u =
        q->facts.use_case.n ? pol_use_case_find(p, q->facts.use_case) : NULL;
    if (!u)
        return;
    base_json_key(j, "use");
    base_json_obj(j);
    if (u->ai_act)
        base_json_kz(j, "ai_act", u->ai_act);
    base_json_kbool(j, "human_review", u->human_review);
    base_json_kz(j, "id", u->id);
    if (u->legal_basis)
        base_json_kz(j, "legal_basis", u->legal_basis);
    if (u->purpose)
        base_json_kz(j, "purpose", u->purpose);
    base_json_obj_end(j);
}

#define SHADOW_REASON_BYTES 400u

/* What the shadow policy would have decided; the details only where it differs. It decides nothing:
 * a record that its words would not fit into is written without them. */
static void put_shadow(struct base_json *j, const struct pol_policy *p, const struct gw_request *q)
{
    const struct pol_decision *d = &q->shadow;
    base_json_key(j, "shadow");
    base_json_obj(j);
    base_json_kz(j, "change", pol_change_name(q->shadow_change));
    if (q->shadow_change != POL_CHANGE_SAME) {
        if (!d->routed)
            base_json_kz(j, "code", d->deny_rule);
        base_json_kz(j, "outcome", d->routed ? "route" : "deny");
    }
    base_json_kz(j, "policy", pol_policy_id(p));
    if (q->shadow_change != POL_CHANGE_SAME) {
        struct base_str reason = base_str_c(d->reason);
        if (reason.n > SHADOW_REASON_BYTES) {
            reason.n = SHADOW_REASON_BYTES;
            reason.n -= base_utf8_partial_tail(reason);
        }
        base_json_kstr(j, "reason", reason);
        base_json_kz(j, "route", d->routed ? d->target->text : NULL);
    }
    base_json_obj_end(j);
}

bool gw_leaf_refused(struct base_buf *out, const char *req_id, struct base_str tenant,
                     const char *key_id, int status, const char *type, const char *why)
{
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "error", type);
    base_json_kz(&j, "ev", "req.refused");
    base_json_kint(&j, "http", status);
    if (key_id && key_id[0])
        base_json_kz(&j, "key", key_id);
    common(&j, req_id, tenant);
    base_json_kz(&j, "why", why);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

static bool intent(struct base_buf *out, const struct gw_request *q, const char *ev, bool shadow)
{
    const struct gw_app_gen *gen = q->http->gen->app;
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    if (q->last_tried.route)
        put_after(&j, &q->last_tried);
    base_json_kint(&j, "attempt", (int64_t)q->attempts + 1);
    base_json_kint(&j, "body_bytes", (int64_t)q->http->body.n);
    base_json_kz(&j, "conf", gen->conf_id);
    if (q->keep.kinds)
        base_json_kz(&j, "content", q->keep.lost ? "lost" : "kept");
    base_json_key(&j, "decision");
    pol_decision_json(&j, gen->policy, &q->facts, &q->decision);
    base_json_kz(&j, "dialect", q->dialect->name);
    base_json_kz(&j, "ev", ev);
    base_json_key(&j, "facts");
    pol_facts_leaf_json(&j, &q->facts);
    base_json_kz(&j, "key", q->key.id);
    base_json_kint(&j, "messages", (int64_t)q->chat.n_messages);
    base_json_kstr(&j, "model", q->chat.model);
    base_json_kz(&j, "pinned", q->plan.pinned ? "yes" : "no");
    base_json_kz(&j, "req", q->http->id);
    if (shadow)
        put_shadow(&j, gen->shadow, q);
    base_json_kbool(&j, "stream", q->chat.stream);
    if (q->subject_tag[0])
        base_json_kz(&j, "subj", q->subject_tag);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", q->key.tenant);
    if (q->decision.routed)
        put_recipient(&j, q->decision.target);
    if (q->oblige.tools_removed.n)
        base_json_kstr(&j, "tools_removed", q->oblige.tools_removed);
    put_use(&j, q, gen->policy);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

bool gw_leaf_intent(struct base_buf *out, const struct gw_request *q, const char *ev)
{
    if (q->has_shadow && intent(out, q, ev, true))
        return true;
    base_buf_clear(out);
    return intent(out, q, ev, false);
}

/* What the tokens cost at the price of this moment, in millionths of a currency unit. */
static int64_t cost_micro(const struct gw_request *q)
{
    double in = 0, out = 0;
    if (q->decision.routed)
        gw_target_prices(q->decision.target, &in, &out);
    double v = in * (double)q->usage.input_tokens + out * (double)q->usage.output_tokens;
    return v > 0 && v < 9e15 ? llround(v) : 0;
}

static void found_in_answer(struct base_json *j, const struct gw_request *q)
{
    bool any = false;
    for (int t = 0; t < POL_TYPE_COUNT; t++)
        any = any || q->oblige.found[t];
    if (!any)
        return;
    base_json_key(j, "answer_findings");
    base_json_obj(j);
    for (int t = 0; t < POL_TYPE_COUNT; t++)
        if (q->oblige.found[t])
            base_json_kint(j, pol_type_name((enum pol_type)t), q->oblige.found[t]);
    base_json_obj_end(j);
}

bool gw_leaf_outcome(struct base_buf *out, const struct gw_request *q)
{
    uint64_t now = base_mono_us();
    struct base_json j;
    base_json_init(&j, out);
    base_json_obj(&j);
    found_in_answer(&j, q);
    base_json_kint(&j, "attempts", q->attempts);
    if (q->keep.kinds)
        base_json_kz(&j, "content", q->keep.lost ? "lost" : "kept");
    base_json_kint(&j, "cost_micro", cost_micro(q));
    if (q->status != 200 && q->error.type)
        base_json_kz(&j, "error", q->error.type);
    base_json_kz(&j, "ev", "req.outcome");
    if (q->finished)
        base_json_kz(&j, "finish", chat_finish_name(q->finish));
    if (q->first_content_us)
        base_json_kint(&j, "first_ms",
                       (int64_t)(q->first_content_us - q->http->complete_us) / 1000);
    base_json_kint(&j, "http", q->status);
    base_json_kint(&j, "left", q->left);
    base_json_kint(&j, "ms", (int64_t)(now - q->http->complete_us) / 1000);
    if (q->oblige.provenance.n)
        base_json_kbool(&j, "provenance", true);
    put_redacted(&j, q->redacted);
    if (q->region.n)
        base_json_kstr(&j, "region", q->region);
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
