/* decide_int.h - what the parts of a decision share: decide.c, handling.c. Internal to policy/.
 *
 * One struct pol_work lives for one call of pol_decide, on its stack; what it points to is the
 * policy's, the facts' or the arena's.
 */
#ifndef POLICY_DECIDE_INT_H
#define POLICY_DECIDE_INT_H

#include "policy/compiled.h"

struct pol_work {
    const struct pol_policy *p;
    const struct pol_facts *f;
    struct base_arena *a;
    struct pol_decision *d;
    const struct pol_use_case *use_case;
    const struct pol_rule **applied;
    size_t n_applied;
    const struct pol_rule *denier;
    bool default_applies;
    struct pol_places allowed, region;
    bool has_region;
    uint32_t basis;
    pol_types redact;
    bool out_of_memory;
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

/* handling.c: obligations, tools, answers and retention of all that applies, united by strictness.
 * False when the arena is full. */
bool pol_handle(struct pol_work *w);

#endif
