/* decide_int.h - what the parts of a decision share: decide.c (rules), gates.c (the use case),
 * backends.c (one candidate), handling.c (the answering side), words.c (reasons), tree.c. Internal
 * to policy/.
 *
 * One struct pol_work lives for one call of pol_decide, on its stack; what it points to is the
 * policy's, the facts' or the arena's.
 */
#ifndef POLICY_DECIDE_INT_H
#define POLICY_DECIDE_INT_H

#include "policy/decide/compiled.h"

/* The use cases that a request is about, as far as they are declared: the one it names, then its
 * key's own where that is another. Both count: a header sheds nothing that the key is bound to. */
struct pol_uses {
    const struct pol_use_case *v[2];
    size_t n;
    bool undeclared; /* one of them is not declared */
};

struct pol_work {
    const struct pol_policy *p;
    const struct pol_facts *f;
    struct base_arena *a;
    struct pol_decision *d;
    struct pol_uses uses;
    const struct pol_rule **applied;
    size_t n_applied;
    const struct pol_rule *denier;
    bool default_applies, needs; /* needs: an applying rule asks something of back ends */
    struct pol_places allowed, region;
    bool has_region;
    uint32_t basis;
    pol_types redact;
    bool placeholders; /* a rule that applies and redacts does not say redact_style: substitute */
    bool tree;         /* every step is wanted, not only the first that refuses */
    bool out_of_memory;
    const char *limit_rule, *limit_reason, *limit_param; /* a limit that refuses, or NULL */
};

/* s's bytes, or "" after noting that the arena is full. */
static inline const char *pol_text(struct pol_work *w, struct base_str s)
{
    if (!s.p) {
        w->out_of_memory = true;
        return "";
    }
    return s.p;
}

#define POL_TEXT(w, ...) pol_text((w), base_arena_printf((w)->a, __VA_ARGS__))

static inline bool pol_named(const struct conf_names *names, struct base_str word)
{
    for (size_t i = 0; i < names->n; i++) {
        if (base_str_is(word, names->v[i]))
            return true;
    }
    return false;
}

/* ---- decide.c ---- */

/* The conditions that a rule may state; each holds where it is not stated. */
enum pol_condition {
    POL_ON_DATA,
    POL_ON_USE_CASE,
    POL_ON_TIER,
    POL_ON_TASK,
    POL_ON_TENANT,
    POL_ON_REGION,
    POL_ON_AI_ACT,
    POL_ON_COUNT
};
/* Facts, effective classes and the use cases found for them. */
bool pol_condition_holds(const struct pol_facts *f, unsigned classes, const struct pol_uses *uses,
                         const struct pol_rule *r, enum pol_condition on);
/* The conditions on use_case and ai_act hold together, for one of the use cases. */
bool pol_use_holds(const struct pol_facts *f, const struct pol_uses *uses,
                   const struct pol_rule *r);
/* The classes that a decision goes by, and the use cases. */
unsigned pol_effective_classes(const struct pol_policy *p, const struct pol_facts *f,
                               struct pol_uses *uses);
/* The key's own use case where it counts beside the request's; empty where it does not. */
static inline struct base_str pol_own_use_case(const struct pol_facts *f)
{
    return base_str_eq(f->key_use_case, f->use_case) ? BASE_STR("") : f->key_use_case;
}
bool pol_at_home(const struct conf_target *t);

/* ---- gates.c: what refuses the whole request before any candidate; sets d->deny_rule ---- */
void pol_gates(struct pol_work *w);

/* ---- backends.c ---- */
void pol_judge(struct pol_work *w, size_t candidate);

/* ---- handling.c: obligations, tools, answers and retention of all that applies, united by
 * strictness. False when the arena is full. */
bool pol_handle(struct pol_work *w);

/* ---- limits.c: fills d->limited, or limit_rule, its reason and param ---- */
void pol_limits(struct pol_work *w);
/* Whose limit does not name the route, or NULL. */
const char *pol_limits_model(struct pol_work *w, const char *route);

/* ---- words.c ---- */
/* "(on_premises, EU)" without the brackets */
const char *pol_place_list(struct pol_work *w, const struct conf_places *places);
const char *pol_basis_list(struct pol_work *w, uint32_t mask);
/* "2026-11-22" */
void pol_date_text(int64_t day, char out[16]);
void pol_explain_route(struct pol_work *w);
/* Why nothing may answer: a deny, a gate, else the first refusal by policy, else the first. */
void pol_explain_denial(struct pol_work *w);

#endif
