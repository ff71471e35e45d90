/* lint.c - what is odd about a policy though every word of it is known.
 *
 * An id used twice is an error: a decision could not say which rule it means. The rest are warnings
 * about rules that do nothing, because a rule that its author believes in and that does nothing is
 * how data leaves:
 *   - it repeats what a rule with a wider condition says as strictly or more so;
 *   - its condition can never hold;
 *   - beside a rule that applies whenever it does, no place is left.
 * Each is decided on the compiled bits, never by running requests; "can never hold" is told only
 * where it is certain.
 */
#include "policy/decide/compiled.h"

#include <stdlib.h>

#define LINT_BYTES_MAX (16u << 20)

enum { BY_USE_CASE, BY_TASK, BY_TENANT, BY_REGION, BY_AI_ACT, LISTS };

/* A rule and its lists in order, so that two rules of a thousand words are compared in two
 * thousand steps: each rule is compared with every other. */
struct ruled {
    const struct pol_rule *r;
    struct conf_names by[LISTS];
};

static int before(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool sorted(struct base_arena *a, const struct conf_names *from, struct conf_names *to)
{
    *to = (struct conf_names){.v = base_arena_array(a, from->n + 1, sizeof(*to->v)), .n = from->n};
    if (!to->v)
        return false;
    if (from->n) {
        memcpy(to->v, from->v, from->n * sizeof(*to->v));
        qsort(to->v, to->n, sizeof(*to->v), before);
    }
    return true;
}

static struct ruled *all_ruled(const struct pol_policy *p, struct base_arena *a)
{
    struct ruled *v = base_arena_array(a, p->n_rules + 1, sizeof(*v));

    for (size_t i = 0; v && i < p->n_rules; i++) {
        const struct conf_rule *c = p->rules[i].conf;
        const struct conf_names *const from[LISTS] = {
            &c->when_use_case, &c->when_task, &c->when_tenant, &c->when_region, &c->when_ai_act};

        v[i].r = &p->rules[i];
        for (int l = 0; l < LISTS; l++) {
            if (!sorted(a, from[l], &v[i].by[l]))
                return NULL;
        }
    }
    return v;
}

/* Both in order; no word stands twice in a list. */
static bool subset(const struct conf_names *a, const struct conf_names *b)
{
    size_t k = 0;

    for (size_t i = 0; i < a->n; i++, k++) {
        while (k < b->n && strcmp(b->v[k], a->v[i]) < 0)
            k++;
        if (k == b->n || strcmp(b->v[k], a->v[i]) != 0)
            return false;
    }
    return true;
}

/* Whatever b's list lets through, a's does: an absent list lets everything through. */
static bool names_wider(const struct conf_names *a, const struct conf_names *b)
{
    return a->n == 0 || (b->n > 0 && b->n <= a->n && subset(b, a));
}

static bool data_wider(const struct pol_rule *a, const struct pol_rule *b)
{
    unsigned holds = a->when_classes;

    if (!a->has_data)
        return true;
    if (!b->has_data)
        return false;
    if (holds & POL_CLASS_PERSONAL) /* who is special or criminal is personal as well */
        holds |= POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL;
    return !(b->when_classes & ~holds) && !(b->when_types & ~a->when_types) &&
           (!b->when_none || a->when_none);
}

/* a applies whenever b does. */
static bool implied(const struct ruled *a, const struct ruled *b)
{
    bool wider = data_wider(a->r, b->r) && !(b->r->tiers & ~a->r->tiers);

    for (int l = 0; l < LISTS && wider; l++)
        wider = names_wider(&a->by[l], &b->by[l]);
    return wider;
}

/* b is without effect beside a. A location opens the classes that its rule names, so a has to name
 * them too. */
static bool covered(const struct ruled *wide, const struct ruled *narrow)
{
    const struct pol_rule *a = wide->r, *b = narrow->r;
    const struct conf_rule *x = a->conf, *y = b->conf;

    if (!implied(wide, narrow))
        return false;
    if (x->deny) /* but how long a record is kept counts for denied requests, too */
        return !y->handling.retention;
    if (b->redact && y->redact_style != CONF_REDACT_SUBSTITUTE &&
        x->redact_style == CONF_REDACT_SUBSTITUTE)
        return false; /* b keeps a's values from becoming substitutes */
    if (y->deny || y->needs.present || (b->redact & ~a->redact) || (a->basis & ~b->basis) ||
        !pol_handling_silent(&y->handling))
        return false;
    return !y->has_location ||
           (x->has_location && pol_places_hold(&b->location, &a->location) &&
            !(b->when_classes & ~a->when_classes) && (!b->when_none || a->when_none));
}

/* Some declared use case that the rule can be about has a class that it names. */
static bool class_possible(const struct pol_policy *p, const struct conf_rule *c)
{
    for (size_t i = 0; i < p->n_use_cases; i++) {
        const struct conf_use_case *u = p->use_cases[i].conf;
        bool named = c->when_use_case.n == 0;

        for (size_t k = 0; k < c->when_use_case.n && !named; k++)
            named = strcmp(c->when_use_case.v[k], u->id) == 0;
        if (named && u->ai_act && pol_ai_act_in(&c->when_ai_act, u->ai_act))
            return true;
    }
    return c->when_ai_act.n == 0;
}

static const char *never(const struct pol_policy *p, const struct pol_rule *r)
{
    const struct conf_rule *c = r->conf;
    bool only_none = r->has_data && r->when_none && !r->when_classes && !r->when_types;
    bool all_declare = c->when_use_case.n > 0;

    for (size_t i = 0; i < c->when_use_case.n; i++) {
        const struct pol_use_case *u = pol_use_case_of(p, base_str_c(c->when_use_case.v[i]));

        all_declare = all_declare && u && u->classes;
    }
    if (only_none && all_declare)
        return "data: [none], but every use case it names declares a class";
    return class_possible(p, c) ? NULL : "no use case it is about has that ai_act class";
}

/* True once it is told that b changes nothing: one rule that covers it is enough. */
static bool lint_pair(const struct ruled *x, const struct ruled *y, bool a_first,
                      struct conf_problems *pr)
{
    const struct pol_rule *a = x->r, *b = y->r;
    struct pol_places both = a->location;

    if (covered(x, y) && (a_first || !covered(y, x))) {
        conf_problem_add(
            pr, b->conf->pos, true,
            "the rule %.60s changes nothing: whenever it applies %.60s does, and is at "
            "least as strict",
            b->conf->id, a->conf->id);
        return true;
    }
    pol_places_and(&both, &b->location);
    if (a->conf->has_location && b->conf->has_location && !a->conf->deny && !b->conf->deny &&
        implied(x, y) && (a_first || !implied(y, x)) && !pol_places_meet(&both, &both))
        conf_problem_add(pr, b->conf->pos, true,
                         "where the rule %.60s applies %.60s does too, and together they leave no "
                         "place: everything is denied",
                         b->conf->id, a->conf->id);
    return false;
}

/* The declared use case that a misspelt one was perhaps meant to be, or NULL. */
static const char *nearest_use_case(const struct pol_policy *p, const char *id)
{
    const char *words[65];
    size_t n = 0;

    for (; n < p->n_use_cases && n < 64; n++)
        words[n] = p->use_cases[n].conf->id;
    words[n] = NULL;
    return conf_nearest(base_str_c(id), words);
}

/* What `weir key new --tenant` takes. */
static bool tenant_possible(const char *name)
{
    size_t n = 0;

    while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= 'A' && name[n] <= 'Z') ||
           (name[n] >= '0' && name[n] <= '9') || (name[n] && strchr("._:@-", name[n])))
        n++;
    return !name[n] && n <= 64;
}

void pol_lint_id_twice(const struct conf_rule *r, struct conf_problems *pr)
{
    conf_problem_add(pr, r->pos, false, "the rule id \"%.60s\" is used twice", r->id);
}

static void lint_rule(const struct pol_policy *p, const struct ruled *v, size_t i,
                      struct conf_problems *pr)
{
    const struct conf_rule *c = p->rules[i].conf;
    const char *why = never(p, &p->rules[i]);
    bool told = false;

    if (why)
        conf_problem_add(pr, c->pos, true, "the rule %.60s can never apply: %s", c->id, why);
    for (size_t k = 0; k < c->when_tenant.n; k++) {
        if (!tenant_possible(c->when_tenant.v[k]))
            conf_problem_add(pr, c->when_tenant.pos[k], true,
                             "no tenant can be called \"%.60s\", so the rule %.60s never applies "
                             "for it: names are to the letter, `*` is no wildcard here",
                             c->when_tenant.v[k], c->id);
    }
    for (size_t k = 0; k < p->n_rules; k++) {
        if (k < i && strcmp(p->rules[k].conf->id, c->id) == 0)
            pol_lint_id_twice(c, pr);
        else if (k != i && !told)
            told = lint_pair(&v[k], &v[i], k < i, pr);
    }
    if (p->n_use_cases == 0)
        return;
    for (size_t k = 0; k < c->when_use_case.n; k++) {
        const char *near;

        if (pol_use_case_of(p, base_str_c(c->when_use_case.v[k])))
            continue;
        near = nearest_use_case(p, c->when_use_case.v[k]);
        conf_problem_add(pr, c->when_use_case.pos[k], true,
                         "the use case \"%.60s\" is not declared under use_cases%s%s%s",
                         c->when_use_case.v[k], near ? "; did you mean " : "", near ? near : "",
                         near ? "?" : "");
    }
}

static void lint_use_case(const struct pol_policy *p, const struct conf_use_case *u,
                          struct conf_problems *pr)
{
    if (u->ai_act && strncmp(u->ai_act, "prohibited", 10) == 0)
        return; /* refused before anything else is asked of it */
    if ((p->require & POL_REQUIRE_PURPOSE) && !u->purpose)
        conf_problem_add(pr, u->pos, true, "the use case %.60s has no purpose: it is denied",
                         u->id);
    if ((p->require & POL_REQUIRE_BASIS) && !u->legal_basis)
        conf_problem_add(pr, u->pos, true, "the use case %.60s has no legal_basis: it is denied",
                         u->id);
    if (u->decides && !u->human_review)
        conf_problem_add(pr, u->pos, true,
                         "the use case %.60s decides about people and does not ask for "
                         "human_review (GDPR Art. 22)",
                         u->id);
}

void pol_lint(const struct pol_policy *p, struct conf_problems *pr)
{
    struct base_arena *a = base_arena_new(LINT_BYTES_MAX);
    const struct ruled *v = a ? all_ruled(p, a) : NULL;

    if (!v)
        conf_problem_add(pr, p->conf->pos, false, "out of memory: the rules were not compared");
    for (size_t i = 0; v && i < p->n_rules; i++)
        lint_rule(p, v, i, pr);
    base_arena_free(a);
    for (size_t i = 0; i < p->n_use_cases; i++)
        lint_use_case(p, p->use_cases[i].conf, pr);
}
