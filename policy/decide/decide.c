/* decide.c - facts x policy -> decision. Pure: no clock, no I/O, nothing but the arena.
 *
 * How the rules are read (the contract's words, made exact; docs/policy.md has it for people):
 *   1. Classes = found + declared + the use case's; special and criminal bring personal along.
 *   2. A rule applies if each condition it states holds: data (one of its classes is there, or one
 *      of its types was found; "none" holds when there is no class), use case, tier, task, tenant,
 *      region asked for, AI Act class of the use case. Where the key has a use case of its own and
 *      the request names another, both are looked at.
 *   3. Places and bases of all applying rules intersect, what is to be redacted unites, one deny
 *      denies. A class that no applying rule both names and gives a location stays under `default`
 *      as well: a rule that only redacts opens nothing. Values become substitutes only if every
 *      applying rule that redacts says so; one that says nothing means placeholders.
 *   4. What a candidate needs stands in backends.c, what a use case needs in gates.c, how a model
 *      may be used in limits.c, what all of it asks of the answering side in handling.c.
 *   5. The first candidate that is allowed and available is taken. A pinned model is the first and
 *      only candidate.
 *
 * Reasons are sentences for people; they name the rule, and never contain content. The same facts
 * and policy give the same bytes.
 */
#include "policy/decide/decide_int.h"

bool pol_at_home(const struct conf_target *t)
{
    return t->local || (t->backend && t->backend->residency.on_premises);
}

unsigned pol_effective_classes(const struct pol_policy *p, const struct pol_facts *f,
                               struct pol_uses *uses)
{
    const struct base_str ids[2] = {f->use_case, pol_own_use_case(f)};
    unsigned classes = f->findings.classes | f->declared_classes;

    *uses = (struct pol_uses){0};
    for (size_t i = 0; i < 2; i++) {
        const struct pol_use_case *u = ids[i].n ? pol_use_case_of(p, ids[i]) : NULL;

        uses->undeclared = uses->undeclared || (ids[i].n && !u);
        if (!u)
            continue;
        uses->v[uses->n++] = u;
        classes |= u->classes;
    }
    return pol_classes_close(classes);
}

static bool any_ai_act(const struct pol_uses *uses, const struct conf_names *words)
{
    for (size_t i = 0; i < uses->n; i++) {
        if (uses->v[i]->conf->ai_act && pol_ai_act_in(words, uses->v[i]->conf->ai_act))
            return true;
    }
    return false;
}

bool pol_condition_holds(const struct pol_facts *f, unsigned classes, const struct pol_uses *uses,
                         const struct pol_rule *r, enum pol_condition on)
{
    const struct conf_rule *c = r->conf;

    switch (on) {
    case POL_ON_DATA:
        return !r->has_data || (r->when_classes & classes) || (r->when_types & f->findings.types) ||
               (r->when_none && classes == 0);
    case POL_ON_USE_CASE:
        return !c->when_use_case.n || pol_named(&c->when_use_case, f->use_case) ||
               pol_named(&c->when_use_case, pol_own_use_case(f));
    case POL_ON_TIER:
        return r->tiers & (f->tier == POL_TIER_HARD ? 2u : 1u);
    case POL_ON_TASK:
        return !c->when_task.n || (f->task && pol_named(&c->when_task, base_str_c(f->task)));
    case POL_ON_TENANT:
        return !c->when_tenant.n || pol_named(&c->when_tenant, f->tenant);
    case POL_ON_REGION:
        return !c->when_region.n || pol_named(&c->when_region, f->region);
    case POL_ON_AI_ACT:
        return !c->when_ai_act.n || any_ai_act(uses, &c->when_ai_act);
    case POL_ON_COUNT:
        break;
    }
    return false;
}

static bool one_use_holds(const struct pol_uses *uses, struct base_str id,
                          const struct conf_rule *c)
{
    const struct pol_use_case *u = NULL;

    for (size_t i = 0; i < uses->n && id.n; i++) {
        if (base_str_is(id, uses->v[i]->conf->id))
            u = uses->v[i];
    }
    return (!c->when_use_case.n || pol_named(&c->when_use_case, id)) &&
           (!c->when_ai_act.n ||
            (u && u->conf->ai_act && pol_ai_act_in(&c->when_ai_act, u->conf->ai_act)));
}

bool pol_use_holds(const struct pol_facts *f, const struct pol_uses *uses, const struct pol_rule *r)
{
    struct base_str own = pol_own_use_case(f);

    return one_use_holds(uses, f->use_case, r->conf) ||
           (own.n && one_use_holds(uses, own, r->conf));
}

static bool applies(const struct pol_work *w, const struct pol_rule *r)
{
    const struct pol_facts *f = w->f;
    unsigned classes = w->d->classes;

    /* Most rules of a long policy end here: POL_ON_TIER and POL_ON_DATA, without a call. */
    if (!(r->tiers & (f->tier == POL_TIER_HARD ? 2u : 1u)) ||
        (r->has_data && !(r->when_classes & classes) && !(r->when_types & f->findings.types) &&
         !(r->when_none && classes == 0)))
        return false;
    for (int on = 0; on < POL_ON_COUNT && r->by_words; on++) {
        if (!pol_condition_holds(f, classes, &w->uses, r, (enum pol_condition)on))
            return false;
    }
    return !r->by_words || pol_use_holds(f, &w->uses, r);
}

static void gather(struct pol_work *w)
{
    unsigned open = w->d->classes;
    bool none_open = open == 0;

    memset(&w->allowed, 0xff, sizeof(w->allowed));
    w->basis = ~0u;
    for (size_t i = 0; i < w->p->n_rules; i++) {
        const struct pol_rule *r = &w->p->rules[i];

        if (!applies(w, r))
            continue;
        w->applied[w->n_applied] = r;
        w->d->rules[w->n_applied++] = r->conf->id;
        w->redact |= r->redact;
        w->placeholders =
            w->placeholders || (r->redact && r->conf->redact_style != CONF_REDACT_SUBSTITUTE);
        w->basis &= r->basis;
        w->needs = w->needs || r->conf->needs.present;
        if (r->conf->deny && !w->denier)
            w->denier = r;
        if (r->conf->has_location) {
            pol_places_and(&w->allowed, &r->location);
            open &= ~r->when_classes;
            none_open = none_open && !r->when_none;
        }
    }
    w->default_applies = open || none_open;
    if (w->default_applies)
        pol_places_and(&w->allowed, &w->p->default_location);
    if (w->n_applied == 0)
        w->basis = POL_BASIS_ANY;
    w->d->n_rules = w->n_applied;
    w->d->default_applies = w->default_applies;
}

static enum base_status decide(struct pol_work *w, struct base_err *err)
{
    const struct pol_facts *f = w->f;
    struct pol_decision *out = w->d;

    memset(out, 0, sizeof(*out));
    if (f->n_candidates > POL_CANDIDATES_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %d candidates", POL_CANDIDATES_MAX);
    out->rules = base_arena_array(w->a, w->p->n_rules + 1, sizeof(*out->rules));
    w->applied = base_arena_array(w->a, w->p->n_rules + 1, sizeof(*w->applied));
    out->verdicts = base_arena_array(w->a, f->n_candidates + 1, sizeof(*out->verdicts));
    if (!out->rules || !w->applied || !out->verdicts)
        return base_err_set(err, BASE_ENOMEM, "decision: the request's memory is used up");
    out->classes = pol_effective_classes(w->p, f, &w->uses);
    gather(w);
    pol_limits(w);
    pol_gates(w);
    if (!pol_handle(w)) /* before back ends are judged: not every one can do all that is asked */
        return base_err_set(err, BASE_ENOMEM, "decision: the request's memory is used up");
    out->n_verdicts = f->n_candidates;
    for (size_t i = 0; i < f->n_candidates; i++) {
        pol_judge(w, i);
        if (out->verdicts[i].allowed && !out->routed) {
            out->routed = true;
            out->chosen = i;
            out->target = f->candidates[i].target;
            out->off_premises = !pol_at_home(out->target);
        }
    }
    if (out->routed) {
        out->redact = out->off_premises ? w->redact : 0;
        out->substitute = out->redact && !w->placeholders;
        pol_explain_route(w);
    } else {
        pol_explain_denial(w);
    }
    if (w->out_of_memory)
        return base_err_set(err, BASE_ENOMEM, "decision: the request's memory is used up");
    return BASE_OK;
}

enum base_status pol_decide(const struct pol_policy *p, const struct pol_facts *f,
                            struct base_arena *a, struct pol_decision *out, struct base_err *err)
{
    struct pol_work w = {.p = p, .f = f, .a = a, .d = out};

    return decide(&w, err);
}

enum base_status pol_decide_tree(const struct pol_policy *p, const struct pol_facts *f,
                                 struct base_arena *a, struct pol_decision *out,
                                 struct base_err *err)
{
    struct pol_work w = {.p = p, .f = f, .a = a, .d = out, .tree = true};

    return decide(&w, err);
}
