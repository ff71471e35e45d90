/* compile.c - from the policy as written to one that decides fast.
 *
 * Owns struct pol_policy: words become bits (classes, types, tiers, places, bases) in an arena of
 * its own; strings stay borrowed from the configuration, which must outlive it. Everything that is
 * wrong is told at once. What is odd but harmless is a warning: a rule that repeats what a stricter
 * one says, a use case that only a rule knows. Immutable afterwards.
 */
#include "policy/compiled.h"

#include <stdlib.h>

#define POLICY_ARENA_MAX (16u << 20)

/* Member states of the Union; EEA adds IS, LI, NO (Treaty on European Union; EEA Agreement). */
static const char eu_members[] = "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEITLTLULVMTNLPLPTROSESISK";

static void place_set(struct pol_places *p, const char *cc)
{
    unsigned bit = (unsigned)(cc[0] - 'A') * 26 + (unsigned)(cc[1] - 'A');

    p->w[bit / 64] |= 1ull << bit % 64;
}

bool pol_places_add(struct pol_places *p, struct base_str place)
{
    if (base_str_is(place, "on_premises")) {
        p->w[POL_PLACE_HOME / 64] |= 1ull << POL_PLACE_HOME % 64;
        return true;
    }
    if (base_str_is(place, "EU") || base_str_is(place, "EEA")) {
        for (size_t i = 0; i + 2 < sizeof(eu_members); i += 2)
            place_set(p, eu_members + i);
        if (place.n == 3) {
            place_set(p, "IS");
            place_set(p, "LI");
            place_set(p, "NO");
        }
        return true;
    }
    if (place.n != 2 || place.p[0] < 'A' || place.p[0] > 'Z' || place.p[1] < 'A' ||
        place.p[1] > 'Z')
        return false;
    place_set(p, place.p);
    return true;
}

void pol_places_and(struct pol_places *p, const struct pol_places *q)
{
    for (size_t i = 0; i < POL_PLACE_WORDS; i++)
        p->w[i] &= q->w[i];
}

bool pol_places_hold(const struct pol_places *p, const struct pol_places *q)
{
    for (size_t i = 0; i < POL_PLACE_WORDS; i++) {
        if (q->w[i] & ~p->w[i])
            return false;
    }
    return true;
}

bool pol_class_find(struct base_str word, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"none", POL_CLASS_NONE},
                 {"personal", POL_CLASS_PERSONAL},
                 {"special", POL_CLASS_SPECIAL},
                 {"criminal", POL_CLASS_CRIMINAL},
                 {"secret", POL_CLASS_SECRET}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (base_str_is(word, words[i].name)) {
            *out = words[i].bit;
            return true;
        }
    }
    return false;
}

unsigned pol_classes_close(unsigned classes)
{
    return classes & (POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL) ? classes | POL_CLASS_PERSONAL
                                                              : classes;
}

const struct pol_use_case *pol_use_case_of(const struct pol_policy *p, struct base_str id)
{
    for (size_t i = 0; i < p->n_use_cases; i++) {
        if (base_str_is(id, p->use_cases[i].conf->id))
            return &p->use_cases[i];
    }
    return NULL;
}

const struct conf_use_case *pol_use_case_find(const struct pol_policy *p, struct base_str id)
{
    const struct pol_use_case *u = pol_use_case_of(p, id);

    return u ? u->conf : NULL;
}

static void compile_places(const struct conf_places *from, struct pol_places *to,
                           struct conf_pos pos, struct conf_problems *pr)
{
    memset(to, 0, sizeof(*to));
    for (size_t i = 0; i < from->n; i++) {
        if (!pol_places_add(to, base_str_c(from->v[i])))
            conf_problem_add(pr, pos, false,
                             "\"%.60s\" is no place: a country code, EU, EEA or "
                             "on_premises",
                             from->v[i]);
    }
}

/* Types and, where class is not NULL, classes. */
static void compile_data(const struct conf_names *names, pol_types *types, unsigned *classes,
                         bool *none, struct conf_problems *pr)
{
    for (size_t i = 0; i < names->n; i++) {
        struct base_str w = base_str_c(names->v[i]);
        enum pol_type t;
        unsigned c;

        if (pol_type_find(w, &t) && types) {
            *types |= POL_TYPE_BIT(t);
        } else if (classes && pol_class_find(w, &c)) {
            *classes |= c;
            if (none && c == POL_CLASS_NONE)
                *none = true;
        } else {
            conf_problem_add(pr, names->pos[i], false, "\"%.60s\" is no %s", names->v[i],
                             classes && types ? "data class or type"
                             : types          ? "type of data that can be redacted"
                                              : "data class");
        }
    }
}

static void compile_rule(const struct conf_rule *c, struct pol_rule *r, struct conf_problems *pr)
{
    r->conf = c;
    r->has_data = c->when_data.n > 0;
    compile_data(&c->when_data, &r->when_types, &r->when_classes, &r->when_none, pr);
    compile_data(&c->redact, &r->redact, NULL, NULL, pr);
    r->tiers = c->when_tier.n ? 0 : 3;
    for (size_t i = 0; i < c->when_tier.n; i++)
        r->tiers |= strcmp(c->when_tier.v[i], "hard") == 0 ? 2 : 1;
    compile_places(&c->location, &r->location, c->pos, pr);
    r->basis = c->basis ? c->basis : POL_BASIS_ANY;
}

static bool same_names(const struct conf_names *a, const struct conf_names *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    }
    return true;
}

/* b is without effect beside a: the same condition, and a is at least as strict everywhere. */
static bool covered(const struct pol_rule *a, const struct pol_rule *b)
{
    const struct conf_rule *x = a->conf, *y = b->conf;

    if (a->when_classes != b->when_classes || a->when_none != b->when_none ||
        a->when_types != b->when_types || a->tiers != b->tiers ||
        !same_names(&x->when_use_case, &y->when_use_case) ||
        !same_names(&x->when_task, &y->when_task) || !same_names(&x->when_tenant, &y->when_tenant))
        return false;
    if (x->deny)
        return true;
    return !y->deny &&
           (!y->has_location || (x->has_location && pol_places_hold(&b->location, &a->location))) &&
           !(a->basis & ~b->basis) && !(b->redact & ~a->redact) &&
           pol_handling_silent(&y->handling);
}

static void check_rules(const struct pol_policy *p, struct conf_problems *pr)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct conf_rule *c = p->rules[i].conf;

        for (size_t k = 0; k < i; k++) {
            if (strcmp(p->rules[k].conf->id, c->id) == 0)
                conf_problem_add(pr, c->pos, false, "the rule id \"%.60s\" is used twice", c->id);
            else if (covered(&p->rules[k], &p->rules[i]))
                conf_problem_add(pr, c->pos, true,
                                 "the rule %.60s changes nothing: %.60s has the same condition and "
                                 "is at least as strict",
                                 c->id, p->rules[k].conf->id);
        }
        if (p->n_use_cases == 0)
            continue;
        for (size_t k = 0; k < c->when_use_case.n; k++) {
            if (!pol_use_case_of(p, base_str_c(c->when_use_case.v[k])))
                conf_problem_add(pr, c->when_use_case.pos[k], true,
                                 "the use case \"%.60s\" is not declared under use_cases",
                                 c->when_use_case.v[k]);
        }
    }
}

struct pol_policy *pol_policy_new(const struct conf *c, struct conf_problems *problems)
{
    const struct conf_policy *cp = &c->policy;
    size_t before = problems->n_errors;
    struct base_arena *a = base_arena_new(POLICY_ARENA_MAX);
    struct pol_policy *p = a ? base_arena_alloc(a, sizeof(*p)) : NULL;

    if (!p)
        goto no_memory;
    p->arena = a;
    p->conf = cp;
    p->rules = base_arena_array(a, cp->n_rules + 1, sizeof(*p->rules));
    p->use_cases = base_arena_array(a, cp->n_use_cases + 1, sizeof(*p->use_cases));
    if (!p->rules || !p->use_cases)
        goto no_memory;
    for (size_t i = 0; i < cp->n_use_cases; i++) {
        const struct conf_use_case *u = &cp->use_cases[i];

        if (pol_use_case_of(p, base_str_c(u->id)))
            conf_problem_add(problems, u->pos, false, "the use case \"%.60s\" is declared twice",
                             u->id);
        p->use_cases[i].conf = u;
        p->use_cases[i].label = base_arena_printf(a, "use_case:%s", u->id).p;
        if (!p->use_cases[i].label)
            goto no_memory;
        compile_data(&u->data, NULL, &p->use_cases[i].classes, NULL, problems);
        p->n_use_cases++;
    }
    for (size_t i = 0; i < cp->n_rules; i++)
        compile_rule(&cp->rules[i], &p->rules[p->n_rules++], problems);
    compile_places(&cp->default_location, &p->default_location, cp->pos, problems);
    check_rules(p, problems);
    if (problems->n_errors > before) {
        pol_policy_free(p);
        return NULL;
    }
    return p;
no_memory:
    conf_problem_add(problems, cp->pos, false, "out of memory while compiling the policy");
    base_arena_free(a);
    return NULL;
}

void pol_policy_free(struct pol_policy *p)
{
    if (p)
        base_arena_free(p->arena);
}
