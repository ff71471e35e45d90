/* compile.c - from the policy as written to one that decides fast.
 *
 * Owns struct pol_policy: words become bits (classes, types, tiers, places, bases) in an arena of
 * its own; strings stay borrowed from the configuration, which must outlive it. Everything that is
 * wrong is told at once. What is odd but harmless is a warning: a rule that repeats what a stricter
 * one says, a use case that only a rule knows. Immutable afterwards.
 */
#include "policy/decide/compiled.h"
#include "policy/text/norm.h"

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

bool pol_places_meet(const struct pol_places *p, const struct pol_places *q)
{
    for (size_t i = 0; i < POL_PLACE_WORDS; i++) {
        if (p->w[i] & q->w[i])
            return true;
    }
    return false;
}

bool pol_place_in_eea(const char *country)
{
    static const struct base_str eea = {"EEA", 3};
    struct pol_places all = {{0}}, one = {{0}};

    return pol_places_add(&all, eea) && pol_places_add(&one, base_str_c(country)) &&
           pol_places_hold(&all, &one);
}

const struct conf_adequacy *pol_adequacy_of(const struct pol_policy *p, const char *country)
{
    if (strlen(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' ||
        country[1] > 'Z')
        return NULL;
    return p->adequacy[(country[0] - 'A') * 26 + (country[1] - 'A')];
}

bool pol_ai_act_in(const struct conf_names *words, const char *class)
{
    for (size_t i = 0; i < words->n; i++) {
        const char *w = words->v[i];
        size_t k = strlen(w);

        /* A point contains its letters (5: 5b), a letter no longer one (b: ba). */
        if (k && strncmp(class, w, k) == 0 &&
            (!class[k] || class[k] == '.' ||
             (w[k - 1] >= '0' && w[k - 1] <= '9' && class[k] >= 'a' && class[k] <= 'z')))
            return true;
    }
    return false;
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

/* The type or class that a misspelt word was perhaps meant to be, or NULL. */
static const char *nearest_data(struct base_str w, bool types, bool classes)
{
    static const char *const class_names[] = {"none", "personal", "special", "criminal", "secret"};
    const char *words[POL_TYPE_COUNT + 6];
    size_t n = 0;

    for (int t = 0; types && t < POL_TYPE_COUNT; t++)
        words[n++] = pol_type_name((enum pol_type)t);
    for (size_t i = 0; classes && i < sizeof(class_names) / sizeof(class_names[0]); i++)
        words[n++] = class_names[i];
    words[n] = NULL;
    return conf_nearest(w, words);
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
            const char *near = nearest_data(w, types != NULL, classes != NULL);

            conf_problem_add(pr, names->pos[i], false, "\"%.60s\" is no %s%s%s%s", names->v[i],
                             classes && types ? "data class or type"
                             : types          ? "type of data that can be redacted"
                                              : "data class",
                             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        }
    }
}

/* What an `answers` looks for: the types and classes that it names, or all that have a class. */
static pol_types compile_answers(const struct conf_handling *h, struct conf_problems *pr)
{
    pol_types types = 0;
    unsigned classes = 0;

    if (h->answers == CONF_ANSWERS_PASS)
        return 0;
    compile_data(&h->answers_data, &types, &classes, NULL, pr);
    if (h->answers_data.n == 0)
        classes = POL_CLASS_PERSONAL | POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL | POL_CLASS_SECRET;
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (pol_type_class((enum pol_type)t) & classes)
            types |= POL_TYPE_BIT(t);
    }
    return types;
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
    r->by_words = c->when_use_case.n || c->when_task.n || c->when_tenant.n || c->when_region.n ||
                  c->when_ai_act.n;
    r->answer_types = compile_answers(&c->handling, pr);
}

static bool has(const struct conf_names *names, const char *word)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->v[i], word) == 0)
            return true;
    }
    return false;
}

static bool matches(const struct conf_policy *cp, const struct conf_use_case *u,
                    const struct conf_duty *d)
{
    bool organisation = d->organisation.n == 0;

    if (d->ai_act.n && (!u->ai_act || !pol_ai_act_in(&d->ai_act, u->ai_act) || u->not_high_risk))
        return false;
    for (size_t i = 0; i < d->organisation.n; i++)
        organisation = organisation || has(&cp->organisation, d->organisation.v[i]);
    return organisation && (!d->workplace || u->workplace) && (!d->high_risk || u->high_risk) &&
           (!d->decides || u->decides) && (!d->publishes || u->publishes);
}

static bool met(const struct conf_use_case *u, enum conf_duty_needs needs)
{
    switch (needs) {
    case CONF_NEEDS_DPIA:
        return u->dpia != NULL;
    case CONF_NEEDS_FRIA:
        return u->fria != NULL;
    case CONF_NEEDS_WORKER_NOTICE:
        return u->worker_notice != NULL;
    case CONF_NEEDS_HUMAN_REVIEW:
    case CONF_NEEDS_LABEL:
    case CONF_NEEDS_DECISION_LABEL:
    case CONF_NEEDS_LABEL_OR_REVIEW:
    case CONF_NEEDS_NEVER:
        break;
    }
    return true; /* nothing that could be missing */
}

static void declared_twice(const struct conf_use_case *u, struct conf_problems *pr)
{
    conf_problem_add(pr, u->pos, false, "the use case \"%.60s\" is declared twice", u->id);
}

static bool compile_use_case(struct pol_policy *p, const struct conf_use_case *u,
                             struct pol_use_case *out, struct conf_problems *pr)
{
    size_t n = p->duties ? p->duties->n : 0;

    if (pol_use_case_of(p, base_str_c(u->id)))
        declared_twice(u, pr);
    out->conf = u;
    out->label = base_arena_printf(p->arena, "use_case:%s", u->id).p;
    out->due = base_arena_array(p->arena, n + 1, sizeof(*out->due));
    if (!out->label || !out->due)
        return false;
    compile_data(&u->data, NULL, &out->classes, NULL, pr);
    out->answer_types = compile_answers(&u->handling, pr);
    for (size_t i = 0; i < n; i++) {
        if (matches(p->conf, u, &p->duties->v[i]))
            out->due[out->n_due++] =
                (struct pol_due){&p->duties->v[i], met(u, p->duties->v[i].needs)};
    }
    return true;
}

static void compile_tables(struct pol_policy *p, const struct conf *c)
{
    p->tables = c->tables.present ? &c->tables : NULL;
    p->duties = c->duties.present ? &c->duties : NULL;
    for (size_t i = 0; i < c->tables.n_adequacy; i++) {
        const char *cc = c->tables.adequacy[i].country;

        p->adequacy[(cc[0] - 'A') * 26 + (cc[1] - 'A')] = &c->tables.adequacy[i];
    }
}

struct pol_policy *pol_policy_new_of(const struct conf *c, const struct conf_policy *cp,
                                     struct conf_problems *problems)
{
    static const char *const require[] = {"use_case", "purpose", "legal_basis", "exception"};
    size_t before = problems->n_errors;
    struct base_arena *a = base_arena_new(POLICY_ARENA_MAX);
    struct pol_policy *p = a ? base_arena_alloc(a, sizeof(*p)) : NULL;

    if (!p)
        goto no_memory;
    p->arena = a;
    p->conf = cp;
    pol_norm_setup(); /* deny lists of tools read names folded */
    compile_tables(p, c);
    p->rules = base_arena_array(a, cp->n_rules + 1, sizeof(*p->rules));
    p->use_cases = base_arena_array(a, cp->n_use_cases + 1, sizeof(*p->use_cases));
    if (!p->rules || !p->use_cases)
        goto no_memory;
    for (size_t i = 0; i < cp->n_use_cases; i++) {
        if (!compile_use_case(p, &cp->use_cases[i], &p->use_cases[i], problems))
            goto no_memory;
        p->limits = p->limits || cp->use_cases[i].handling.limits.present;
        p->n_use_cases++;
    }
    for (size_t i = 0; i < 4; i++)
        p->require |= has(&cp->require, require[i]) ? 1u << i : 0;
    for (size_t i = 0; i < cp->n_rules; i++) {
        p->limits = p->limits || cp->rules[i].handling.limits.present;
        compile_rule(&cp->rules[i], &p->rules[p->n_rules++], problems);
    }
    compile_places(&cp->default_location, &p->default_location, cp->pos, problems);
    pol_lint(p, problems);
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

void pol_policy_words(const struct conf_policy *cp, struct conf_problems *pr)
{
    pol_types types = 0;
    unsigned classes = 0;

    for (size_t i = 0; i < cp->n_use_cases; i++) {
        const struct conf_use_case *u = &cp->use_cases[i];

        for (size_t k = 0; k < i && u->id; k++) {
            if (cp->use_cases[k].id && strcmp(cp->use_cases[k].id, u->id) == 0)
                declared_twice(u, pr);
        }
        compile_data(&u->data, NULL, &classes, NULL, pr);
        compile_answers(&u->handling, pr);
    }
    for (size_t i = 0; i < cp->n_rules; i++) {
        const struct conf_rule *r = &cp->rules[i];

        for (size_t k = 0; k < i && r->id; k++) {
            if (cp->rules[k].id && strcmp(cp->rules[k].id, r->id) == 0)
                pol_lint_id_twice(r, pr);
        }
        compile_data(&r->when_data, &types, &classes, NULL, pr);
        compile_data(&r->redact, &types, NULL, NULL, pr);
        compile_answers(&r->handling, pr);
    }
}

struct pol_policy *pol_policy_new(const struct conf *c, struct conf_problems *problems)
{
    return pol_policy_new_of(c, &c->policy, problems);
}

void pol_policy_free(struct pol_policy *p)
{
    if (p)
        base_arena_free(p->arena);
}

const char *pol_policy_id(const struct pol_policy *p)
{
    return p->conf->id;
}
