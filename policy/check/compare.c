/* compare.c - how two decisions about the same facts differ, as one word.
 *
 * The words in order of what a reader wants to see first; the first that holds is the one:
 *   newly_denied   was answered, is not any more
 *   newly_leaves   was answered at home or not at all, now goes out
 *   less_redacted  leaves as before, with something replaced that no longer is
 *   newly_answered was denied, is answered at home
 *   more_redacted  leaves as before, with more replaced
 *   stays_home     went out, is answered at home
 *   other_route    another back end of the same kind (both at home, both outside)
 *   handling       same route; tools, answers, obligations, limits or retention differ
 *   rules          same result by other rules
 *   same
 * Pure.
 */
#include "policy/decide/compiled.h"

static const char *const words[] = {
    "newly_denied", "newly_leaves", "less_redacted", "newly_answered", "more_redacted",
    "stays_home",   "other_route",  "handling",      "rules",          "same"};

const char *pol_change_name(enum pol_change c)
{
    return (unsigned)c <= POL_CHANGE_SAME ? words[c] : "?";
}

static bool same_words(const char *const *a, size_t n, const char *const *b, size_t m)
{
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(a[i], b[i]) != 0)
            return false;
    }
    return true;
}

static bool same_lists(const struct pol_tool_list *a, size_t n, const struct pol_tool_list *b,
                       size_t m)
{
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!same_words(a[i].globs->v, a[i].globs->n, b[i].globs->v, b[i].globs->n))
            return false;
    }
    return true;
}

static bool same_handling(const struct pol_decision *a, const struct pol_decision *b)
{
    return a->answers == b->answers && a->record_days == b->record_days &&
           a->content_days == b->content_days && !a->retention == !b->retention &&
           pol_limits_same(a, b) &&
           same_words(a->obligations, a->n_obligations, b->obligations, b->n_obligations) &&
           same_lists(a->tools_allow, a->n_tools_allow, b->tools_allow, b->n_tools_allow) &&
           same_lists(a->tools_deny, a->n_tools_deny, b->tools_deny, b->n_tools_deny);
}

enum pol_change pol_decision_compare(const struct pol_facts *f, const struct pol_decision *a,
                                     const struct pol_decision *b)
{
    pol_types was = a->redact & f->findings.types, is = b->redact & f->findings.types;
    bool left = a->routed && a->off_premises, leaves = b->routed && b->off_premises;

    if (a->routed && !b->routed)
        return POL_CHANGE_NEWLY_DENIED;
    if (!left && leaves)
        return POL_CHANGE_NEWLY_LEAVES;
    if (left && leaves && (was & ~is))
        return POL_CHANGE_LESS_REDACTED;
    if (!a->routed && b->routed)
        return POL_CHANGE_NEWLY_ANSWERED;
    if (left && leaves && (is & ~was))
        return POL_CHANGE_MORE_REDACTED;
    if (left && !leaves)
        return POL_CHANGE_STAYS_HOME;
    if (a->routed && strcmp(a->target->text, b->target->text) != 0)
        return POL_CHANGE_OTHER_ROUTE;
    if (!same_handling(a, b) || (left && leaves && was && a->substitute != b->substitute))
        return POL_CHANGE_HANDLING;
    if (!same_words(a->rules, a->n_rules, b->rules, b->n_rules) ||
        (!a->routed && strcmp(a->deny_rule, b->deny_rule) != 0))
        return POL_CHANGE_RULES;
    return POL_CHANGE_SAME;
}
