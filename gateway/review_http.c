/* review_http.c - how a held answer gets to a reviewer, and from there to its client.
 *
 * Owns       nothing; the queue is the process'.
 * Runs on    the loop's thread (loop 0's for reviewers).
 * Order      the held answer's outcome is durable before it is in the queue; a reading and a
 * verdict are durable before they happen; a delivery is durable before its first byte. Leaves
 * review.read, review.approved, review.rejected (key: the reviewer's), review.delivered (key: the
 * client's); each names the held request in `review`. Reasons are a reviewer's words and stay out
 * of the log; that there was one is in it.
 */
#include "gateway/review_http.h"
#include "gateway/admin_api.h"
#include "gateway/app.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/ending.h"
#include "gateway/judge.h"

#define LEAF_BYTES 4096
#define LIST_BYTES (4u << 20)

/* ---- the request whose answer is held ---- */

void gw_review_hold(struct gw_request *q)
{
    q->oblige.held = true;
    q->outcome = "held";
    gw_request_fail(q, 403, "review_pending", "review_pending", NULL,
                    "The answer waits for a human to approve it (use case %.*s). What to do: send "
                    "the request again with the header x-weir-review: %s.",
                    q->facts.use_case.n > 64 ? 64 : (int)q->facts.use_case.n,
                    q->facts.use_case.p ? q->facts.use_case.p : "", q->http->id);
}

void gw_review_put(struct gw_request *q)
{
    struct base_buf headers;
    struct base_err err;
    struct gw_review_item item = {
        .tenant = base_str_c(q->key.tenant),
        .key = base_str_c(q->key.id),
        .subject = q->subject,
        .use_case = q->facts.use_case,
        .route = base_str_c(q->decision.target->text),
        .content_type =
            q->chat.stream ? BASE_STR("text/event-stream") : BASE_STR("application/json"),
        .text = base_buf_view(&q->oblige.reading),
        .body = base_buf_view(&q->out),
        .created_us = base_wall_us(),
    };
    memcpy(item.id, q->http->id, sizeof item.id);
    base_buf_init(&headers, 16384);
    gw_request_headers(q, &headers);
    base_buf_printf(&headers, "x-weir-ai-generated: 1\r\nx-weir-review: %s\r\n", q->http->id);
    item.headers = base_buf_view(&headers);
    enum base_status st = gw_reviews_put(q->app->reviews, &item, &err);
    base_buf_release(&headers);
    if (st == BASE_OK) {
        base_buf_printf(&q->passed_on, "x-weir-review: %s\r\n", q->http->id);
        return;
    }
    gw_request_fail(q, 503, "server_error", "review_queue_full", NULL,
                    "The answer needs a human's approval, but %s. Try again later.", err.text);
}

/* Names the answer, or the one whom it is about, somebody whose data are restricted by now? */
static bool restricted(const struct gw_app_loop *al, const struct gw_review_item *item)
{
    int64_t today = base_wall_us() / 86400000000;
    unsigned lists = conf_rights_in_text(al->rights->lists, item->text, today) |
                     conf_rights_in_text(al->rights->lists, item->body, today) |
                     conf_rights_in_text(al->rights->lists, item->subject, today);
    return (lists & CONF_RIGHTS_RESTRICTED) || atomic_load(&al->rights->unreadable);
}

/* ---- the client that comes back for it ---- */

static void delivered(void *ctx, enum base_status st, uint64_t index)
{
    struct gw_request *q = ctx;
    struct gw_server_request *http = q->http;
    struct gw_review_item *item = q->oblige.fetched;
    (void)index;
    q->ticket = NULL;
    gw_request_disarm(q);
    if (st != BASE_OK) {
        gw_request_fail(q, 503, "server_error", "audit_failed", NULL,
                        "The audit log has failed; nothing is answered until it is repaired.");
        gw_request_send_error(q);
        return;
    }
    gw_request_release(q);
    if (!gw_resp_alive(http))
        gw_resp_abort(http);
    else
        gw_resp_send(http, 200, base_arena_dupz(http->arena, item->content_type), item->headers,
                     item->body);
}

/* Records that an approved answer is handed out, then does it. */
static bool deliver(struct gw_request *q, struct gw_review_item *item)
{
    struct base_buf leaf;
    struct base_json j;

    base_buf_init(&leaf, LEAF_BYTES);
    base_json_init(&j, &leaf);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "review.delivered");
    base_json_kz(&j, "key", q->key.id);
    base_json_kz(&j, "req", q->http->id);
    base_json_kz(&j, "review", item->id);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", q->key.tenant);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    q->oblige.fetched = item;
    q->state = GW_Q_REFUSED; /* one leaf is awaited; a client that goes changes nothing */
    enum base_status st =
        gw_record(q->app->recorder, base_buf_view(&leaf), delivered, q, &q->ticket);
    base_buf_release(&leaf);
    if (st == BASE_OK)
        gw_request_arm(q);
    return st == BASE_OK;
}

bool gw_review_fetch(struct gw_request *q)
{
    struct base_str id = gw_request_header(q, "x-weir-review");
    struct gw_review_item *item = base_arena_alloc(q->arena, sizeof *item);
    struct base_err err = {0};
    enum base_status st =
        item ? gw_reviews_get(q->app->reviews, id, base_str_c(q->key.tenant), q->arena, item, &err)
             : BASE_ENOMEM;
    if (st == BASE_ENOENT) {
        gw_request_fail(q, 404, "invalid_request_error", "unknown_review", "x-weir-review",
                        "No answer of yours waits under this id: its time may be over, or the "
                        "gateway was restarted. What to do: send the request without "
                        "x-weir-review.");
    } else if (st != BASE_OK) {
        gw_request_fail(q, 503, "server_error", "out_of_memory", NULL, "Out of memory.");
    } else if (item->state == GW_REVIEW_PENDING) {
        gw_request_fail(q, 403, "review_pending", "review_pending", NULL,
                        "The answer still waits for a human to approve it. What to do: send the "
                        "request again later, with the same x-weir-review.");
    } else if (item->state == GW_REVIEW_REJECTED) {
        gw_request_fail(q, 403, "review_rejected", "review_rejected", NULL,
                        "A human has rejected the answer%s%.*s.", item->reason.n ? ": " : "",
                        BASE_FMT(item->reason));
    } else if (restricted(q->app, item)) {
        gw_request_fail(q, 403, "policy_denied", "restriction", NULL,
                        "The answer names a person whose data are restricted by now (GDPR Art. "
                        "18), or the lists cannot be read. Who keeps the lists can say more.");
    } else if (pol_kill_use_case(&q->app->switches->state->kills, item->use_case)) {
        gw_request_fail(q, 403, "policy_denied", "kill-switch", NULL,
                        "The use case of this answer is switched off: it is not given out. What to "
                        "do: wait until it is switched on again; the operator can say more.");
    } else if (deliver(q, item)) {
        return true;
    } else {
        gw_request_fail(q, 503, "server_error", "audit_unavailable", NULL,
                        "The audit log cannot take a record now. Try again later.");
    }
    return false; /* refused, with one leaf as every request at the door */
}

/* ---- reviewers ---- */

static void send_json(struct gw_server_request *r, struct base_buf *body)
{
    if (base_buf_ok(body))
        gw_resp_send(r, 200, "application/json", BASE_STR("Cache-Control: no-store\r\n"),
                     base_buf_view(body));
    else
        gw_admin_error(r, 500, "server_error", "the answer does not fit");
}

static void list(struct gw_server_request *r)
{
    struct gw_app_loop *al = r->loop->app;
    struct base_buf body;
    struct base_json j;

    base_buf_init(&body, LIST_BYTES);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_key(&j, "reviews");
    gw_reviews_json(al->reviews, &j);
    base_json_obj_end(&j);
    send_json(r, &body);
    base_buf_release(&body);
}

/* What a reviewer asks for, while its leaf is on its way. */
struct verdict {
    struct gw_key_info who;
    struct base_str id, reason;
    bool approve;
};

static void show_now(struct gw_server_request *r, void *arg)
{
    struct gw_app_loop *al = r->loop->app;
    const struct verdict *v = arg;
    struct gw_review_item item;
    struct base_err err;
    struct base_buf body;
    struct base_json j;
    char t[BASE_RFC3339_MAX];

    if (gw_reviews_get(al->reviews, v->id, BASE_STR_NULL, r->arena, &item, &err) != BASE_OK) {
        gw_admin_error(r, 404, "not_found_error", "%s", err.text);
        return;
    }
    if (restricted(al, &item)) {
        gw_admin_error(r, 403, "invalid_request_error",
                       "the answer names a person whose data are restricted (GDPR Art. 18), or "
                       "the lists cannot be read");
        return;
    }
    base_buf_init(&body, 6 * (item.text.n + item.body.n) + 8192);
    base_json_init(&j, &body);
    base_json_obj(&j);
    base_json_kstr(&j, "answer", item.text);
    base_json_kstr(&j, "body", item.body);
    base_json_kstr(&j, "content_type", item.content_type);
    base_json_kz(&j, "created", base_rfc3339(item.created_us, t));
    base_json_kz(&j, "id", item.id);
    base_json_kstr(&j, "key", item.key);
    base_json_kstr(&j, "route", item.route);
    base_json_kz(&j, "state", gw_review_state_name(item.state));
    base_json_kstr(&j, "tenant", item.tenant);
    base_json_kstr(&j, "use_case", item.use_case);
    base_json_obj_end(&j);
    send_json(r, &body);
    base_buf_wipe(&body);
}

static void decide_now(struct gw_server_request *r, void *arg)
{
    struct gw_app_loop *al = r->loop->app;
    const struct verdict *v = arg;
    struct base_err err;
    enum base_status st =
        gw_reviews_decide(al->reviews, v->id, v->approve, base_str_c(v->who.name), v->reason, &err);
    if (st == BASE_OK)
        gw_resp_send(r, 200, "application/json", BASE_STR_NULL,
                     v->approve ? BASE_STR("{\"state\":\"approved\"}")
                                : BASE_STR("{\"state\":\"rejected\"}"));
    else
        gw_admin_error(r, st == BASE_ENOENT ? 404 : 409, "invalid_request_error", "%s", err.text);
}

static void record(struct gw_server_request *r, struct verdict *v, const char *ev,
                   void (*then)(struct gw_server_request *r, void *arg))
{
    struct base_buf leaf;
    struct base_json j;

    base_buf_init(&leaf, LEAF_BYTES);
    base_json_init(&j, &leaf);
    base_json_obj(&j);
    gw_admin_leaf_who(&j, r, ev, &v->who);
    base_json_kstr(&j, "review", v->id);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", v->who.tenant);
    base_json_kint(&j, "v", 1);
    base_json_kbool(&j, "why", v->reason.n > 0);
    base_json_obj_end(&j);
    gw_admin_record(r, base_buf_view(&leaf), then, v);
    base_buf_release(&leaf); /* the log has copied it */
}

/* {"verdict":"approve"|"reject","reason":"..."}; false: answered with what is wrong. */
static bool read_verdict(struct gw_server_request *r, struct verdict *v)
{
    struct base_err err;
    json_t *root = gw_json_load(r->body, false, &err);
    struct base_str word = gw_json_get_str(root, "verdict");
    struct base_str reason = gw_json_get_str(root, "reason");
    bool ok = base_str_is(word, "approve") || base_str_is(word, "reject");

    v->approve = base_str_is(word, "approve");
    v->reason = base_arena_dup(r->arena, reason);
    bool fits = reason.n <= GW_REVIEW_REASON_MAX;
    bool reasoned = v->approve || reason.n > 0;
    json_decref(root);
    if (!ok)
        gw_admin_error(r, 400, "invalid_request_error",
                       "send {\"verdict\": \"approve\" or \"reject\", \"reason\": \"...\"}");
    else if (!fits)
        gw_admin_error(r, 400, "invalid_request_error", "a reason is at most %d bytes",
                       GW_REVIEW_REASON_MAX);
    else if (!reasoned)
        gw_admin_error(r, 400, "invalid_request_error",
                       "a rejection needs a reason: the client is told");
    return ok && fits && reasoned;
}

static bool claim(struct gw_server_request *r, const struct verdict *v)
{
    struct gw_app_loop *al = r->loop->app;
    struct base_err err;
    enum base_status st = gw_reviews_claim(al->reviews, v->id, &err);
    if (st != BASE_OK)
        gw_admin_error(r, st == BASE_ENOENT ? 404 : 409, "invalid_request_error", "%s", err.text);
    return st == BASE_OK;
}

void gw_review_admin(struct gw_server_request *r, struct base_str rest)
{
    struct gw_app_loop *al = r->loop->app;
    struct verdict *v = base_arena_alloc(r->arena, sizeof *v);
    bool get = base_str_is(r->head->method, "GET"), post = base_str_is(r->head->method, "POST");
    struct gw_review_item item;
    struct base_err err;

    if (!v || !gw_admin_who(r, &v->who)) {
        gw_admin_error(r, v ? 401 : 503, "authentication_error", "an admin key is needed");
        return;
    }
    if (rest.n <= 1) {
        if (get)
            list(r);
        else
            gw_admin_error(r, 405, "invalid_request_error", "/admin/v1/reviews takes GET");
        return;
    }
    v->id = base_str_n(rest.p + 1, rest.n - 1);
    if (v->id.n >= BASE_UUID_MAX ||
        gw_reviews_get(al->reviews, v->id, BASE_STR_NULL, r->arena, &item, &err) != BASE_OK)
        gw_admin_error(r, 404, "not_found_error", "no answer waits under this id");
    else if (get)
        record(r, v, "review.read", show_now);
    else if (!post)
        gw_admin_error(r, 405, "invalid_request_error", "/admin/v1/reviews/ID takes GET and POST");
    else if (read_verdict(r, v) && claim(r, v))
        record(r, v, v->approve ? "review.approved" : "review.rejected", decide_now);
}
