/* plan.h - which targets may be tried for a request, in which order: the list that policy judges.
 *
 * score + `model` + x-weir-tier -> tier and candidates -> pol_decide. One function for the gateway,
 * `weir explain` and `weir check`, so that what is explained is what happens. Pure: no clock, no
 * I/O, no allocation; any thread, never blocks.
 *
 *   auto         the tier's list. tier: what x-weir-tier says, else hard if difficulty >=
 * threshold. hard, when_hard_is_denied: local -> then those of the commodity list that stay at home
 * (local/ and back ends on premises); commodity, overflow: hard -> then the hard list. A tier
 * without a list borrows: commodity takes hard's list (up, never down). an alias     its targets;
 * the tier as for auto; x-weir-tier leaves those that are in that tier's list or in no list. a
 * target     that one and nothing else (pinned); its tier is that of the list it stands in, the
 *                score's if it is in both or neither.
 *   vectors      (embed) auto is routing.embeddings; the tier is commodity and x-weir-tier has no
 *                say. A model of the other kind is a 400 that says where to ask it.
 *
 * Availability: a local model that the engine cannot take now stays in the list as not available
 * with the reason, so that decisions and the log can say so. A model whose slots are taken counts
 * as available under overflow: queue (and when pinned, unless overflow: reject) until
 * `engine.queue` requests wait.
 */
#ifndef GW_PLAN_H
#define GW_PLAN_H

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"
#include "gateway/route/route.h"
#include "policy/policy.h"

/* How a local model stands: false if it cannot answer now (down, loading, not there). The shape of
 * gw_engine_link_ready. */
typedef bool (*gw_plan_ready_fn)(void *ctx, const char *model, uint32_t *queued, uint32_t *active,
                                 uint32_t *slots);

struct gw_plan_ask {
    struct base_str model;        /* as the caller wrote it */
    struct base_str tier_header;  /* x-weir-tier; empty or "auto": by score */
    const struct gw_score *score; /* never NULL */
    bool embed;                   /* vectors are asked for: models of that kind only */
    gw_plan_ready_fn ready;       /* NULL: every model is available (explain, check) */
    void *ready_ctx;
};

struct gw_plan {
    enum pol_tier tier;
    bool pinned;
    bool tier_forced;                                    /* by x-weir-tier */
    const struct conf_alias *alias;                      /* NULL unless the model was one */
    double threshold;                                    /* the one applied */
    struct pol_candidate candidates[POL_CANDIDATES_MAX]; /* targets are c's: valid as long as c */
    size_t n;
    bool header_at_fault; /* with BASE_EINVAL: x-weir-tier is what is wrong, not the model */
};

/* Fills *out (caller's; no cleanup). BASE_ENOENT: no such model (404, model_not_found);
 * BASE_EINVAL: no model given, x-weir-tier is no tier, or excludes the pinned model or all of the
 * alias' targets (400). err's text is fit for the caller. n can be 0 with BASE_OK (hard tier
 * without a list and when_hard_is_denied: deny): policy then denies. */
enum base_status gw_plan(const struct conf *c, const struct gw_plan_ask *ask, struct gw_plan *out,
                         struct base_err *err) BASE_MUST_CHECK;

/* Copies what the plan and the score know into facts: tier, difficulty, task, pinned, candidates
 * (borrowed from p). Leaves the rest alone. */
void gw_plan_facts(const struct gw_plan *p, const struct gw_score *score, struct pol_facts *f);

/* The threshold in force: routing.threshold, or what target_quality amounts to. */
double gw_plan_threshold(const struct conf *c);

#endif
