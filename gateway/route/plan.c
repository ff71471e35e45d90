/* plan.c - `model`, score and x-weir-tier to the ordered list of candidates; see plan.h for what
 * they mean.
 *
 * Owns nothing, allocates nothing; runs on loops. Invariants: no target stands in the list twice;
 * every target of the list is one that the configuration names for this request (its tier, its
 * alias, its pin, or what when_hard_is_denied and overflow say), so that policy can only narrow.
 */
#include "gateway/route/plan.h"

static bool in_list(const struct conf_targets *list, const struct conf_target *t)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i].text, t->text) == 0)
            return true;
    return false;
}

static bool at_home(const struct conf_target *t)
{
    return t->local || t->backend->residency.on_premises;
}

/* Whether the engine can take one more request for t now; *why (static) if not. */
static bool available(const struct conf *c, const struct gw_plan_ask *ask, bool pinned,
                      const struct conf_target *t, const char **why)
{
    uint32_t queued = 0, active = 0, slots = 0;
    *why = NULL;
    if (!t->local || !ask->ready)
        return true;
    if (!ask->ready(ask->ready_ctx, t->local->name, &queued, &active, &slots)) {
        *why = "the engine is not ready";
        return false;
    }
    enum conf_overflow overflow = c->routing.overflow;
    bool may_wait = overflow == CONF_OVERFLOW_QUEUE || (pinned && overflow == CONF_OVERFLOW_HARD);
    if (active < slots && queued == 0)
        return true;
    if (may_wait && queued < c->engine.queue)
        return true;
    *why = may_wait ? "the local model's queue is full" : "the local model is full";
    return false;
}

static void add(const struct conf *c, const struct gw_plan_ask *ask, struct gw_plan *p,
                const struct conf_target *t)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->candidates[i].target->text, t->text) == 0)
            return;
    if (p->n == POL_CANDIDATES_MAX)
        return; /* two lists of at most 32: cannot be */
    struct pol_candidate *k = &p->candidates[p->n++];
    k->target = t;
    k->available = available(c, ask, p->pinned, t, &k->unavailable);
}

static void add_list(const struct conf *c, const struct gw_plan_ask *ask, struct gw_plan *p,
                     const struct conf_targets *list, bool only_at_home)
{
    for (size_t i = 0; i < list->n; i++)
        if (!only_at_home || at_home(&list->v[i]))
            add(c, ask, p, &list->v[i]);
}

double gw_plan_threshold(const struct conf *c)
{
    const struct conf_routing *r = &c->routing;
    return r->target_quality > 0 ? gw_route_threshold_for_quality(r->target_quality) : r->threshold;
}

static enum base_status choose_tier(const struct gw_plan_ask *ask, struct gw_plan *p,
                                    struct base_err *err)
{
    struct base_str h = ask->tier_header;
    p->tier_forced = true;
    if (base_str_ieq(h, BASE_STR("commodity"))) {
        p->tier = POL_TIER_COMMODITY;
    } else if (base_str_ieq(h, BASE_STR("hard"))) {
        p->tier = POL_TIER_HARD;
    } else if (h.n == 0 || base_str_ieq(h, BASE_STR("auto"))) {
        p->tier_forced = false;
        bool hard = ask->score->no_signal || !(ask->score->difficulty < p->threshold);
        p->tier = hard ? POL_TIER_HARD : POL_TIER_COMMODITY;
    } else {
        p->header_at_fault = true;
        return base_err_set(err, BASE_EINVAL,
                            "x-weir-tier must be auto, commodity or hard, not \"%.*s\".",
                            (int)(h.n > 40 ? 40 : h.n), h.p);
    }
    return BASE_OK;
}

static void plan_auto(const struct conf *c, const struct gw_plan_ask *ask, struct gw_plan *p)
{
    const struct conf_routing *r = &c->routing;
    if (p->tier == POL_TIER_HARD) {
        add_list(c, ask, p, &r->hard, false);
        if (r->when_hard_is_denied == CONF_HARD_DENIED_LOCAL)
            add_list(c, ask, p, &r->commodity, true);
        return;
    }
    add_list(c, ask, p, &r->commodity, false);
    if (r->overflow == CONF_OVERFLOW_HARD || r->commodity.n == 0)
        add_list(c, ask, p, &r->hard, false);
}

/* False if x-weir-tier rules t out: it stands in the other tier's list only. */
static bool fits_tier(const struct conf *c, const struct gw_plan *p, const struct conf_target *t)
{
    bool commodity = in_list(&c->routing.commodity, t), hard = in_list(&c->routing.hard, t);
    if (!p->tier_forced || commodity == hard)
        return true;
    return p->tier == POL_TIER_HARD ? hard : commodity;
}

static enum base_status plan_alias(const struct conf *c, const struct gw_plan_ask *ask,
                                   struct gw_plan *p, struct base_err *err)
{
    for (size_t i = 0; i < p->alias->targets.n; i++)
        if (fits_tier(c, p, &p->alias->targets.v[i]))
            add(c, ask, p, &p->alias->targets.v[i]);
    if (p->n > 0)
        return BASE_OK;
    p->header_at_fault = true;
    return base_err_set(err, BASE_EINVAL,
                        "x-weir-tier leaves nothing of what the model \"%s\" stands for.",
                        p->alias->name);
}

static enum base_status plan_pinned(const struct conf *c, const struct gw_plan_ask *ask,
                                    struct gw_plan *p, const struct conf_target *t,
                                    struct base_err *err)
{
    p->pinned = true;
    if (!fits_tier(c, p, t))
        return base_err_set(err, BASE_EINVAL,
                            "The model \"%s\" is not in the tier that x-weir-tier asks for: leave "
                            "one of the two out.",
                            t->text);
    bool commodity = in_list(&c->routing.commodity, t), hard = in_list(&c->routing.hard, t);
    if (!p->tier_forced && commodity != hard)
        p->tier = hard ? POL_TIER_HARD : POL_TIER_COMMODITY;
    add(c, ask, p, t);
    return BASE_OK;
}

/* Whether t answers what is asked: a chat or vectors. */
static enum base_status right_kind(const struct gw_plan_ask *ask, const struct conf_target *t,
                                   struct base_err *err)
{
    bool vectors = t->model && t->model->embeddings;

    if (vectors == ask->embed)
        return BASE_OK;
    if (vectors)
        return base_err_set(err, BASE_EINVAL,
                            "The model \"%s\" makes vectors: ask it at /v1/embeddings.", t->text);
    return base_err_set(err, BASE_EINVAL,
                        "The model \"%s\" answers chats, it makes no vectors%s: /v1/embeddings is "
                        "answered by models that are configured with kind: embeddings.",
                        t->text, t->local ? " (local models do not yet)" : "");
}

static enum base_status plan_vectors(const struct conf *c, const struct gw_plan_ask *ask,
                                     struct gw_plan *p, struct base_err *err)
{
    if (c->routing.embeddings.n == 0)
        return base_err_set(err, BASE_EINVAL,
                            "The model \"auto\" stands for no model that makes vectors: name one, "
                            "or have routing.embeddings list some.");
    add_list(c, ask, p, &c->routing.embeddings, false);
    return BASE_OK;
}

enum base_status gw_plan(const struct conf *c, const struct gw_plan_ask *ask, struct gw_plan *out,
                         struct base_err *err)
{
    memset(out, 0, sizeof(*out));
    out->threshold = gw_plan_threshold(c);
    if (ask->model.n == 0)
        return base_err_set(err, BASE_EINVAL, "The request names no model.");
    enum base_status st = ask->embed ? BASE_OK : choose_tier(ask, out, err);
    if (st != BASE_OK)
        return st;
    if (base_str_is(ask->model, "auto") && ask->embed)
        return plan_vectors(c, ask, out, err);
    if (base_str_is(ask->model, "auto")) {
        plan_auto(c, ask, out);
        return BASE_OK;
    }
    out->alias = conf_alias_find(c, ask->model);
    if (out->alias) {
        if (out->alias->targets.n > 0)
            st = right_kind(ask, &out->alias->targets.v[0], err); /* all are of one kind */
        return st == BASE_OK ? plan_alias(c, ask, out, err) : st;
    }
    for (size_t i = 0; i < c->targets.n; i++)
        if (base_str_is(ask->model, c->targets.v[i].text)) {
            st = right_kind(ask, &c->targets.v[i], err);
            return st == BASE_OK ? plan_pinned(c, ask, out, &c->targets.v[i], err) : st;
        }
    return base_err_set(err, BASE_ENOENT,
                        "The model \"%.*s\" does not exist; GET /v1/models lists what there is.",
                        (int)(ask->model.n > 100 ? 100 : ask->model.n), ask->model.p);
}

void gw_plan_facts(const struct gw_plan *p, const struct gw_score *score, struct pol_facts *f)
{
    f->tier = p->tier;
    f->difficulty = score->difficulty;
    f->task = gw_task_name(score->task);
    f->pinned = p->pinned;
    f->candidates = p->candidates;
    f->n_candidates = p->n;
}
