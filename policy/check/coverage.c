/* coverage.c - which rules and branches the tests of a policy reach.
 *
 * A rule is reached when it applied in some test. Its branches are what can be seen of it:
 *   applies, does not apply     (the second only where it has a condition at all)
 *   each word of each list in `when`, when the rule applied and that word was true
 *   refuses                     where it has location, basis, backend or limits: it was the reason
 * why a candidate may not answer, or it denied and for the policy each use case (`use_case:ID
 * used`) and `default applies`. A branch that no test reaches is a line of the policy that nobody
 * has looked at. Owns its counters; command line only.
 */
#include "policy/decide/decide_int.h"

enum list { ON_DATA, ON_USE_CASE, ON_TIER, ON_TASK, ON_TENANT, ON_REGION, ON_AI_ACT, LISTS };

static const char *const list_names[LISTS] = {"data",   "use_case", "tier",  "task",
                                              "tenant", "region",   "ai_act"};

struct seen {
    bool applies, not_applies, refuses;
    bool *words[LISTS]; /* one a word of the list */
};

struct pol_coverage {
    struct base_arena *arena;
    const struct pol_policy *p;
    struct seen *rules;
    bool *use_cases;
    bool default_applies;
};

static const struct conf_names *list_of(const struct conf_rule *c, int l)
{
    const struct conf_names *const all[LISTS] = {&c->when_data,  &c->when_use_case, &c->when_tier,
                                                 &c->when_task,  &c->when_tenant,   &c->when_region,
                                                 &c->when_ai_act};

    return all[l];
}

static bool can_refuse(const struct pol_rule *r)
{
    const struct conf_bounds *b = &r->conf->handling.limits;

    return r->conf->deny || r->conf->has_location || r->conf->basis || r->conf->needs.present ||
           (b->present && (!b->clamp || b->input_bytes || b->models.n));
}

static bool conditional(const struct pol_rule *r)
{
    return r->has_data || r->by_words || r->tiers != 3;
}

struct pol_coverage *pol_coverage_new(const struct pol_policy *p)
{
    struct base_arena *a = base_arena_new(16u << 20);
    struct pol_coverage *c = a ? base_arena_alloc(a, sizeof(*c)) : NULL;
    bool good = c != NULL;

    if (c) {
        c->arena = a;
        c->p = p;
        c->rules = base_arena_array(a, p->n_rules + 1, sizeof(*c->rules));
        c->use_cases = base_arena_array(a, p->n_use_cases + 1, sizeof(bool));
        good = c->rules && c->use_cases;
    }
    for (size_t i = 0; good && i < p->n_rules; i++) {
        for (int l = 0; l < LISTS && good; l++) {
            c->rules[i].words[l] =
                base_arena_array(a, list_of(p->rules[i].conf, l)->n + 1, sizeof(bool));
            good = c->rules[i].words[l] != NULL;
        }
    }
    if (good)
        return c;
    base_arena_free(a);
    return NULL;
}

void pol_coverage_free(struct pol_coverage *c)
{
    if (c)
        base_arena_free(c->arena);
}

static bool word_true(const struct pol_facts *f, const struct pol_decision *d,
                      const struct pol_uses *uses, int l, const char *word)
{
    struct conf_names one = {&word, NULL, 1};
    enum pol_type t;
    unsigned c;

    switch (l) {
    case ON_DATA:
        if (pol_type_find(base_str_c(word), &t))
            return f->findings.types & POL_TYPE_BIT(t);
        return pol_class_find(base_str_c(word), &c) &&
               (c ? (d->classes & c) != 0 : d->classes == 0);
    case ON_USE_CASE:
        return base_str_is(f->use_case, word);
    case ON_TIER:
        return (strcmp(word, "hard") == 0) == (f->tier == POL_TIER_HARD);
    case ON_TASK:
        return f->task && strcmp(f->task, word) == 0;
    case ON_TENANT:
        return base_str_is(f->tenant, word);
    case ON_REGION:
        return base_str_is(f->region, word);
    case ON_AI_ACT:
        for (size_t i = 0; i < uses->n; i++) {
            if (uses->v[i]->conf->ai_act && pol_ai_act_in(&one, uses->v[i]->conf->ai_act))
                return true;
        }
        return false;
    default:
        return false;
    }
}

void pol_coverage_add(struct pol_coverage *c, const struct pol_facts *f,
                      const struct pol_decision *d)
{
    struct pol_uses uses;
    size_t at = 0;

    (void)pol_effective_classes(c->p, f, &uses);
    c->default_applies = c->default_applies || d->default_applies;
    for (size_t i = 0; i < uses.n; i++)
        c->use_cases[uses.v[i] - c->p->use_cases] = true;
    for (size_t i = 0; i < c->p->n_rules; i++) {
        const struct pol_rule *r = &c->p->rules[i];
        struct seen *s = &c->rules[i];
        bool applied = at < d->n_rules && d->rules[at] == r->conf->id;

        at += applied;
        s->applies = s->applies || applied;
        s->not_applies = s->not_applies || !applied;
        for (int l = 0; applied && l < LISTS; l++) {
            for (size_t k = 0; k < list_of(r->conf, l)->n; k++)
                s->words[l][k] =
                    s->words[l][k] || word_true(f, d, &uses, l, list_of(r->conf, l)->v[k]);
        }
        for (size_t k = 0; applied && k < d->n_verdicts; k++)
            s->refuses = s->refuses || d->verdicts[k].rule == r->conf->id;
        s->refuses = s->refuses || (applied && d->deny_rule == r->conf->id);
    }
}

typedef void (*branch_fn)(void *ctx, const struct pol_rule *r, const char *branch, const char *word,
                          bool reached);

/* Calls fn for every branch there is. */
static void each_branch(const struct pol_coverage *c, branch_fn fn, void *ctx)
{
    for (size_t i = 0; i < c->p->n_rules; i++) {
        const struct pol_rule *r = &c->p->rules[i];
        const struct seen *s = &c->rules[i];

        fn(ctx, r, "applies", "", s->applies);
        if (conditional(r))
            fn(ctx, r, "does not apply", "", s->not_applies);
        if (can_refuse(r))
            fn(ctx, r, "refuses", "", s->refuses);
        for (int l = 0; l < LISTS; l++) {
            const struct conf_names *names = list_of(r->conf, l);

            for (size_t k = 0; k < names->n && names->n > 1; k++)
                fn(ctx, r, list_names[l], names->v[k], s->words[l][k]);
        }
    }
    for (size_t i = 0; i < c->p->n_use_cases; i++)
        fn(ctx, NULL, c->p->use_cases[i].label, "used", c->use_cases[i]);
    fn(ctx, NULL, "default", "applies", c->default_applies);
}

static void count(void *ctx, const struct pol_rule *r, const char *branch, const char *word,
                  bool reached)
{
    struct pol_coverage_sum *s = ctx;

    (void)word;
    s->branches++;
    s->branches_reached += reached;
    if (r && strcmp(branch, "applies") == 0) {
        s->rules++;
        s->rules_reached += reached;
    }
}

void pol_coverage_sum(const struct pol_coverage *c, struct pol_coverage_sum *out)
{
    *out = (struct pol_coverage_sum){0};
    each_branch(c, count, out);
}

static void put_missed(void *ctx, const struct pol_rule *r, const char *branch, const char *word,
                       bool reached)
{
    struct base_json *j = ctx;

    if (reached)
        return;
    base_json_obj(j);
    base_json_kz(j, "rule", r ? r->conf->id : NULL);
    base_json_kz(j, "branch", branch);
    base_json_kz(j, "word", word[0] ? word : NULL);
    base_json_obj_end(j);
}

void pol_coverage_json(struct base_json *j, const struct pol_coverage *c)
{
    struct pol_coverage_sum s;

    pol_coverage_sum(c, &s);
    base_json_obj(j);
    base_json_kint(j, "rules", (int64_t)s.rules);
    base_json_kint(j, "rules_reached", (int64_t)s.rules_reached);
    base_json_kint(j, "branches", (int64_t)s.branches);
    base_json_kint(j, "branches_reached", (int64_t)s.branches_reached);
    base_json_key(j, "missed");
    base_json_arr(j);
    each_branch(c, put_missed, j);
    base_json_arr_end(j);
    base_json_obj_end(j);
}

void pol_coverage_warn(const struct pol_coverage *c, struct conf_problems *problems)
{
    for (size_t i = 0; i < c->p->n_rules; i++) {
        if (!c->rules[i].applies)
            conf_problem_add(problems, c->p->rules[i].conf->pos, true,
                             "the rule %.60s is reached by no test", c->p->rules[i].conf->id);
    }
}
