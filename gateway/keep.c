/* keep.c - what of a request's content is kept; see keep.h.
 *
 * Owns       q->keep: the copies that grow while an answer runs, and the one thing under way at the
 *            keeper, which is counted (not owned) by it: a request that ends earlier leaves it
 *            behind, and its callback then frees it.
 * Runs on    the loop's thread, but for on_kept (the keeper's or the log writer's), which only
 * posts. Invariants kept is what a rule names for the tenant and for *every* class of the request,
 * never longer than the shortest maximum that applies, nor than the policy's content_days. With
 * on_failure: refuse nothing goes out whose content could not be kept first. Fails by   503
 * content_unavailable (refuse), or a leaf that says content: "lost" (continue).
 */
#include "gateway/keep.h"

#include "gateway/app.h"
#include "gateway/ending.h"
#include "gateway/request.h"

#include <stdlib.h>

#define BIT(kind) (1u << (kind))

struct gw_keeping {
    struct gw_post post;
    struct gw_loop *loop;
    struct gw_request *q; /* NULL: it no longer waits */
    enum base_status st;
    char tag[AUD_TAG_HEX];
};

/* ---- the rules ---- */

static bool names_tenant(const struct conf_content_rule *r, const char *tenant)
{
    for (size_t i = 0; i < r->tenant.n; i++)
        if (strcmp(r->tenant.v[i], "*") == 0 || strcmp(r->tenant.v[i], tenant) == 0)
            return true;
    return false;
}

void gw_keep_choose(struct gw_request *q)
{
    const struct conf_content *c = &q->http->gen->conf->audit.content;
    struct gw_keep *k = &q->keep;
    unsigned classes = q->decision.classes;
    uint32_t wanted = classes ? classes << 1 : 1; /* bits in the order of conf_content_classes */

    k->kinds = 0;
    if (c->n_rules == 0)
        return;
    uint32_t named = 0, kinds = ~0u;
    k->minimum_s = 0;
    k->maximum_s = INT64_MAX;
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_content_rule *r = &c->rules[i];
        if (!(r->classes & wanted) || !names_tenant(r, q->key.tenant))
            continue;
        named |= r->classes;
        kinds &= r->kinds;
        if (r->minimum_s > k->minimum_s)
            k->minimum_s = r->minimum_s;
        if (r->maximum_s < k->maximum_s)
            k->maximum_s = r->maximum_s;
    }
    if ((named & wanted) != wanted ||
        (q->facts.findings.rights & (CONF_RIGHTS_RESTRICTED | CONF_RIGHTS_UNREADABLE)))
        return; /* GDPR Art. 18: nothing new is stored of a person whose data are restricted */
    if (q->decision.retention && (int64_t)q->decision.content_days * 86400 < k->maximum_s)
        k->maximum_s = (int64_t)q->decision.content_days * 86400;
    if (k->maximum_s == 0)
        return;
    if (k->minimum_s > k->maximum_s) /* what must go wins over what should stay */
        k->minimum_s = k->maximum_s;
    k->kinds = kinds;
    base_buf_init(&k->received, (size_t)c->blob_mib << 20);
    base_buf_init(&k->delivered, (size_t)c->blob_mib << 20);
}

static bool refuses(const struct gw_request *q)
{
    return q->http->gen->conf->audit.content.on_failure == CONF_CONTENT_REFUSE;
}

/* ---- handing over ---- */

static void arrived(struct gw_loop *l, void *arg)
{
    struct gw_keeping *g = arg;
    struct gw_request *q = g->q;
    enum base_status st = g->st;
    (void)l;
    if (q) {
        q->keep.under_way = NULL;
        if (st == BASE_OK && g->tag[0])
            memcpy(q->subject_tag, g->tag, sizeof q->subject_tag);
        q->keep.lost |= st != BASE_OK;
    }
    free(g);
    if (!q)
        return;
    gw_request_disarm(q);
    if (q->http->loop->app) {
        q->keep.then(q);
    } else { /* the loop has ended, and with it what an answer would need */
        struct gw_server_request *http = q->http;
        gw_request_release(q);
        gw_resp_abort(http);
    }
}

static void on_kept(void *ctx, enum base_status st, const char *tag)
{
    struct gw_keeping *g = ctx;
    g->st = st;
    memcpy(g->tag, tag, strlen(tag) + 1);
    gw_loop_post(g->loop, &g->post);
}

/* Gives what to the keeper. False: it did not take it. */
static bool hand_over(struct gw_request *q, struct aud_keep *what, bool wait)
{
    struct gw_keeping *g = wait ? calloc(1, sizeof *g) : NULL;
    what->tenant = base_str_c(q->key.tenant);
    what->subject = q->subject;
    memcpy(what->req, q->http->id, strlen(q->http->id) + 1);
    what->classes = q->decision.classes;
    what->minimum_s = q->keep.minimum_s;
    what->maximum_s = q->keep.maximum_s;
    if (wait && !g)
        return false;
    if (g) {
        *g = (struct gw_keeping){.loop = q->http->loop, .q = q};
        g->post.fn = arrived;
        g->post.arg = g;
    }
    enum base_status st =
        aud_keeper_keep(q->app->keeper, what, wait ? on_kept : NULL, wait ? g : NULL);
    if (st != BASE_OK) {
        free(g);
        return false;
    }
    q->keep.under_way = g;
    return true;
}

static void put(struct aud_keep *what, enum aud_content_kind kind, uint16_t index,
                struct base_str bytes)
{
    what->blob[what->n_blobs].kind = kind;
    what->blob[what->n_blobs].index = index;
    what->blob[what->n_blobs++].bytes = bytes;
}

/* ---- the three times ---- */

static void begun(struct gw_request *q)
{
    if (q->keep.lost && refuses(q)) {
        gw_request_fail(q, 503, "server_error", "content_unavailable", NULL,
                        "The content of this request could not be kept as the configuration "
                        "demands, so it is not answered. Try again later.");
        gw_request_refuse(q);
        return;
    }
    q->keep.after(q);
}

void gw_keep_begin(struct gw_request *q, void (*then)(struct gw_request *q))
{
    struct aud_keep what = {0};
    q->keep.after = then;
    q->keep.then = begun;
    if (q->keep.kinds & BIT(AUD_REQUEST))
        put(&what, AUD_REQUEST, 0, q->http->body);
    if (what.n_blobs == 0 && q->subject.n == 0) {
        then(q);
        return;
    }
    q->state = GW_Q_KEEP;
    if (hand_over(q, &what, true)) {
        gw_request_arm(q);
        return;
    }
    q->keep.lost = true;
    begun(q);
}

bool gw_keep_sent(struct gw_request *q, struct base_str wire)
{
    struct aud_keep what = {0};
    if (!(q->keep.kinds & BIT(AUD_SENT)) || !q->decision.off_premises)
        return true;
    put(&what, AUD_SENT, (uint16_t)(q->attempts < UINT16_MAX ? q->attempts : UINT16_MAX), wire);
    if (hand_over(q, &what, false))
        return true;
    q->keep.lost = true;
    return !refuses(q);
}

void gw_keep_received(struct gw_request *q, struct base_str text)
{
    /* only where it is another text than what is delivered, or is looked through at the end */
    bool kept = (q->keep.kinds & BIT(AUD_RECEIVED)) && q->vault;
    bool looked = q->keep.kinds && conf_rights_n(q->app->rights->lists) > 0;
    if ((kept || looked) && !base_buf_str(&q->keep.received, text))
        q->keep.lost = true;
}

void gw_keep_delivered(struct gw_request *q, struct base_str bytes)
{
    if ((q->keep.kinds & BIT(AUD_DELIVERED)) && !base_buf_str(&q->keep.delivered, bytes))
        q->keep.lost = true;
}

/* An answer may name a restricted person whom the request did not name. In a stream the pieces of
 * what is delivered have wrapping between them: the text itself is looked through. */
static bool restricted(const struct gw_request *q)
{
    const struct conf_rights *lists = q->app->rights->lists;
    int64_t today = base_wall_us() / 86400000000;
    if (!q->keep.kinds || conf_rights_n(lists) == 0)
        return false;
    return !base_buf_ok(&q->keep.received) ||
           ((conf_rights_in_text(lists, base_buf_view(&q->keep.received), today) |
             conf_rights_in_text(lists, base_buf_view(&q->keep.delivered), today)) &
            CONF_RIGHTS_RESTRICTED);
}

void gw_keep_end(struct gw_request *q, void (*then)(struct gw_request *q))
{
    struct aud_keep what = {0};
    if (restricted(q)) {
        base_buf_wipe(&q->keep.received);
        base_buf_wipe(&q->keep.delivered);
    }
    q->keep.then = then;
    if (q->keep.received.n && (q->keep.kinds & BIT(AUD_RECEIVED)) && q->vault)
        put(&what, AUD_RECEIVED, 0, base_buf_view(&q->keep.received));
    if (q->keep.delivered.n)
        put(&what, AUD_DELIVERED, 0, base_buf_view(&q->keep.delivered));
    if (what.n_blobs && hand_over(q, &what, true)) {
        gw_request_arm(q);
        return;
    }
    q->keep.lost |= what.n_blobs > 0;
    then(q);
}

bool gw_keep_refuses(const struct gw_request *q)
{
    return q->keep.lost && refuses(q);
}

void gw_keep_give_up(struct gw_request *q)
{
    q->keep.under_way->q = NULL;
    q->keep.under_way = NULL;
    q->keep.lost = true;
    q->keep.then(q);
}

void gw_keep_release(struct gw_request *q)
{
    if (q->keep.under_way)
        q->keep.under_way->q = NULL;
    q->keep.under_way = NULL;
    if (q->keep.kinds) {
        base_buf_wipe(&q->keep.received);
        base_buf_wipe(&q->keep.delivered);
    }
}
