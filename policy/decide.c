/* decide.c - facts x policy -> decision. Pure: no clock, no I/O, nothing but the arena.
 *
 * How the rules are read (the contract's words, made exact):
 *   1. Classes = found + declared + the use case's; special and criminal bring personal along.
 *   2. A rule applies if each condition it states holds: data (one of its classes is there, or one
 *      of its types was found; "none" holds when there is no class), use case, tier, task.
 *   3. Places and bases of all applying rules intersect, what is to be redacted unites, one deny
 *      denies. A class that no applying rule both names and gives a location stays under `default`
 *      as well: a rule that only redacts opens nothing.
 *   4. On premises needs "on_premises" among the allowed places and nothing else. Any other back
 *      end needs: all its places allowed, a basis that every applying rule accepts, a reference, an
 *      expiry not passed (the day itself still holds), and no training on data unless there is no
 *      class at all. Content that could not be scanned never leaves.
 *   5. x-weir-region narrows further: all places of a back end must lie in it. What is on premises
 *      is wherever the caller's own house is and stays allowed.
 *   6. The first candidate that is allowed and available is taken. A pinned model is the first and
 *      only candidate.
 *   7. A use case that the policy neither declares nor names in a rule is refused: a typing error
 *      must not shed obligations. A use case declared as prohibited is refused.
 *
 * Reasons are sentences for people; they name the rule, and never contain content. The same facts
 * and policy give the same bytes.
 */
#include "policy/decide_int.h"

#include <stdio.h>

static bool named(const struct conf_names *names, struct base_str word)
{
    for (size_t i = 0; i < names->n; i++) {
        if (base_str_is(word, names->v[i]))
            return true;
    }
    return false;
}

static bool applies(const struct pol_work *w, const struct pol_rule *r)
{
    const struct pol_facts *f = w->f;
    unsigned classes = w->d->classes;

    if (!(r->tiers & (f->tier == POL_TIER_HARD ? 2u : 1u)))
        return false;
    if (r->has_data && !(r->when_classes & classes) && !(r->when_types & f->findings.types) &&
        !(r->when_none && classes == 0))
        return false;
    if (r->conf->when_use_case.n && !named(&r->conf->when_use_case, f->use_case))
        return false;
    if (r->conf->when_tenant.n && !named(&r->conf->when_tenant, f->tenant))
        return false;
    return !r->conf->when_task.n || (f->task && named(&r->conf->when_task, base_str_c(f->task)));
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
        w->basis &= r->basis;
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
}

/* "(on_premises, EU)" */
static const char *list(struct pol_work *w, const struct conf_places *places)
{
    struct base_str s = BASE_STR("");

    for (size_t i = 0; i < places->n && s.p; i++)
        s = base_arena_printf(w->a, "%.*s%s%s", BASE_FMT(s), i ? ", " : "", places->v[i]);
    return pol_text(w, s);
}

static const char *basis_list(struct pol_work *w, uint32_t mask)
{
    struct base_str s = BASE_STR("");

    for (int b = 0; b <= CONF_BASIS_BCR && s.p; b++) {
        if (mask & CONF_BASIS_BIT(b))
            s = base_arena_printf(w->a, "%.*s%s%s", BASE_FMT(s), s.n ? ", " : "",
                                  conf_basis_name((enum conf_basis)b));
    }
    return pol_text(w, s);
}

static void refuse(struct pol_verdict *v, const char *rule, const char *reason)
{
    v->allowed = false;
    v->rule = rule;
    v->reason = reason;
}

/* The rule to name where no single one refuses: the first that says where data may go. */
static const char *leading_rule(const struct pol_work *w)
{
    for (size_t i = 0; i < w->n_applied; i++) {
        if (w->applied[i]->conf->has_location)
            return w->applied[i]->conf->id;
    }
    return w->default_applies || w->n_applied == 0 ? "default" : w->applied[0]->conf->id;
}

/* True if every rule allows the place; else v says which does not. */
static bool place_allowed(struct pol_work *w, struct pol_verdict *v, const char *place)
{
    struct pol_places one = {{0}};

    if (pol_places_add(&one, base_str_c(place)) && pol_places_hold(&w->allowed, &one))
        return true;
    for (size_t i = 0; i < w->n_applied; i++) {
        const struct pol_rule *r = w->applied[i];

        if (r->conf->has_location && !pol_places_hold(&r->location, &one)) {
            refuse(v, r->conf->id,
                   POL_TEXT(w, "location %s is not allowed by rule %s (%s)", place, r->conf->id,
                            list(w, &r->conf->location)));
            return false;
        }
    }
    refuse(v, "default",
           POL_TEXT(w, "location %s is not allowed by default (%s)", place,
                    list(w, &w->p->conf->default_location)));
    return false;
}

static void date_text(int64_t days, char out[16])
{
    /* Civil date from a day count: H. Hinnant's days_from_civil, inverted. */
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097,
            yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153,
            m = mp < 10 ? mp + 3 : mp - 9;

    snprintf(out, 16, "%04d-%02d-%02d", (int)((yoe + era * 400 + (m <= 2)) % 10000), (int)m,
             (int)((doy - (153 * mp + 2) / 5 + 1) % 100));
}

static bool basis_allowed(struct pol_work *w, struct pol_verdict *v, const struct conf_residency *r)
{
    uint32_t bit = CONF_BASIS_BIT(r->basis);

    if (!(w->basis & bit)) {
        for (size_t i = 0; i < w->n_applied; i++) {
            const struct pol_rule *rule = w->applied[i];

            if (rule->basis & bit)
                continue;
            refuse(v, rule->conf->id,
                   r->basis == CONF_BASIS_NONE
                       ? POL_TEXT(w, "no transfer basis")
                       : POL_TEXT(w, "transfer basis %s is not accepted by rule %s (%s)",
                                  conf_basis_name(r->basis), rule->conf->id,
                                  basis_list(w, rule->basis)));
            return false;
        }
        refuse(v, leading_rule(w), POL_TEXT(w, "no transfer basis"));
        return false;
    }
    if (!r->reference || !r->reference[0]) {
        refuse(v, leading_rule(w),
               POL_TEXT(w, "transfer basis %s has no reference", conf_basis_name(r->basis)));
        return false;
    }
    if (w->f->today > r->expires_day) {
        char day[16];

        date_text(r->expires_day, day);
        refuse(v, leading_rule(w),
               POL_TEXT(w, "transfer basis expired %s", r->expires ? r->expires : day));
        return false;
    }
    return true;
}

static bool at_home(const struct conf_target *t)
{
    return t->local || (t->backend && t->backend->residency.on_premises);
}

static void judge_remote(struct pol_work *w, struct pol_verdict *v)
{
    const struct conf_residency *r = &v->target->backend->residency;

    if (w->f->findings.unscannable) {
        refuse(v, "", "the request holds content that cannot be scanned, which stays on premises");
        return;
    }
    if (r->location.n == 0) {
        refuse(v, leading_rule(w), "no location is known");
        return;
    }
    for (size_t i = 0; i < r->location.n; i++) {
        struct pol_places one = {{0}};

        if (!place_allowed(w, v, r->location.v[i]))
            return;
        if (w->has_region && (!pol_places_add(&one, base_str_c(r->location.v[i])) ||
                              !pol_places_hold(&w->region, &one))) {
            refuse(v, "",
                   POL_TEXT(w, "location %s is outside the region asked for (%.*s)",
                            r->location.v[i], BASE_FMT(w->f->region)));
            return;
        }
    }
    if (!basis_allowed(w, v, r))
        return;
    if (r->trains_on_data && w->d->classes != 0)
        refuse(v, leading_rule(w), "it trains on the data it is sent");
}

static void judge(struct pol_work *w, size_t i)
{
    const struct pol_candidate *c = &w->f->candidates[i];
    struct pol_verdict *v = &w->d->verdicts[i];

    *v = (struct pol_verdict){c->target, true, "", ""};
    if (w->denier)
        refuse(v, w->denier->conf->id,
               POL_TEXT(w, "denied by rule %s: %s", w->denier->conf->id, w->denier->conf->deny));
    else if (w->d->deny_rule)
        refuse(v, "", w->d->reason);
    else if (w->f->pinned && i > 0)
        refuse(v, "", "another model was asked for by name");
    else if (at_home(c->target))
        (void)place_allowed(w, v, "on_premises");
    else
        judge_remote(w, v);
    if (v->allowed && !c->available)
        refuse(v, "", c->unavailable ? c->unavailable : "not available now");
}

static const char *data_words(struct pol_work *w)
{
    static const struct {
        unsigned bit;
        const char *name;
    } words[] = {{POL_CLASS_CRIMINAL, "criminal"},
                 {POL_CLASS_SPECIAL, "special category"},
                 {POL_CLASS_SECRET, "secret"}};
    struct base_str s = BASE_STR("");
    unsigned c = w->d->classes;

    if (c == 0)
        return "without personal data";
    if ((c & POL_CLASS_PERSONAL) && !(c & (POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL)))
        s = BASE_STR("personal");
    for (size_t i = 0; i < 3 && s.p; i++) {
        if (c & words[i].bit)
            s = base_arena_printf(w->a, "%.*s%s%s", BASE_FMT(s), s.n ? " and " : "", words[i].name);
    }
    return POL_TEXT(w, "with %s data", pol_text(w, s));
}

static const char *tier_word(const struct pol_work *w)
{
    return w->f->tier == POL_TIER_HARD ? "hard" : "commodity";
}

static void explain_route(struct pol_work *w)
{
    struct pol_decision *d = w->d;
    const struct conf_residency *r = d->off_premises ? &d->target->backend->residency : NULL;

    if (!r)
        d->reason = POL_TEXT(w, "%s request %s: answered on premises", tier_word(w), data_words(w));
    else
        d->reason = POL_TEXT(w, "%s request %s: sent to %s (%s) on transfer basis %s, %s",
                             tier_word(w), data_words(w), d->target->text, list(w, &r->location),
                             conf_basis_name(r->basis), r->reference ? r->reference : "");
}

/* Why nothing may answer: the first refusal by policy, else the first of any kind. */
static void explain_denial(struct pol_work *w)
{
    struct pol_decision *d = w->d;
    const struct pol_verdict *first = NULL;
    size_t at = 0;

    if (w->denier) {
        d->deny_rule = w->denier->conf->id;
        d->reason = POL_TEXT(w, "denied by rule %s: %s", d->deny_rule, w->denier->conf->deny);
        d->remedy = "this use is not permitted here; the owner of the policy can say more";
        return;
    }
    if (d->deny_rule)
        return;
    for (size_t i = 0; i < d->n_verdicts; i++) {
        if (!first || (!first->rule[0] && d->verdicts[i].rule[0])) {
            first = &d->verdicts[i];
            at = i;
        }
    }
    if (!first) {
        d->deny_rule = "no-candidate";
        d->reason = POL_TEXT(w, "%s request %s: no model is configured for it", tier_word(w),
                             data_words(w));
        d->remedy = "ask the operator to add a model to this tier";
        return;
    }
    d->reason = POL_TEXT(w, "%s request %s: %s may not answer: %s", tier_word(w), data_words(w),
                         first->target->text, first->reason);
    if (first->rule[0]) {
        d->deny_rule = first->rule;
        d->remedy = w->f->pinned
                        ? "ask for model \"auto\" or for one that the rule allows, or leave "
                          "out the data that the rule is about"
                        : "leave out the data that the rule is about, or ask the operator "
                          "for a model that the rule allows";
    } else if (w->f->findings.unscannable && !at_home(w->f->candidates[at].target)) {
        d->deny_rule = "unscannable-content";
        d->remedy = "send the content as text, or ask for a model on premises";
    } else if (w->has_region && w->f->candidates[at].available) {
        d->deny_rule = "region";
        d->remedy = "widen x-weir-region or leave it out";
    } else {
        d->deny_rule = "unavailable";
        d->remedy = "try again later";
    }
}

/* Facts that refuse the request before any rule. */
static void refuse_early(struct pol_work *w)
{
    const struct pol_facts *f = w->f;
    struct pol_decision *d = w->d;
    bool known = f->use_case.n == 0 || w->use_case;

    for (size_t i = 0; i < w->p->n_rules && !known; i++)
        known = named(&w->p->rules[i].conf->when_use_case, f->use_case);
    if (!known) {
        d->deny_rule = "unknown-use-case";
        d->reason = POL_TEXT(w, "the use case \"%.*s\" is not in the policy",
                             (int)(f->use_case.n > 80 ? 80 : f->use_case.n), f->use_case.p);
        d->remedy = "use the id of a use case that the policy declares";
    } else if (w->use_case && w->use_case->conf->ai_act &&
               strncmp(w->use_case->conf->ai_act, "prohibited", 10) == 0) {
        d->deny_rule = "ai-act-prohibited";
        d->reason = POL_TEXT(w, "the use case %s is declared as prohibited under the AI Act",
                             w->use_case->conf->id);
        d->remedy = "this use is not permitted here; the owner of the policy can say more";
    } else if (f->region.n) {
        w->has_region = true;
        if (!pol_places_add(&w->region, f->region)) {
            d->deny_rule = "unknown-region";
            d->reason = POL_TEXT(w, "the region \"%.*s\" is not known",
                                 (int)(f->region.n > 20 ? 20 : f->region.n), f->region.p);
            d->remedy = "use EU, EEA or a two-letter country code in x-weir-region";
        }
    }
}

enum base_status pol_decide(const struct pol_policy *p, const struct pol_facts *f,
                            struct base_arena *a, struct pol_decision *out, struct base_err *err)
{
    struct pol_work w = {.p = p, .f = f, .a = a, .d = out};
    const struct pol_use_case *own;

    memset(out, 0, sizeof(*out));
    if (f->n_candidates > POL_CANDIDATES_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %d candidates", POL_CANDIDATES_MAX);
    out->rules = base_arena_array(a, p->n_rules + 1, sizeof(*out->rules));
    w.applied = base_arena_array(a, p->n_rules + 1, sizeof(*w.applied));
    out->verdicts = base_arena_array(a, f->n_candidates + 1, sizeof(*out->verdicts));
    if (!out->rules || !w.applied || !out->verdicts)
        return base_err_set(err, BASE_ENOMEM, "decision: the request's memory is used up");
    w.use_case = pol_use_case_of(p, f->use_case);
    own = pol_use_case_of(p, f->key_use_case);
    out->classes =
        pol_classes_close(f->findings.classes | f->declared_classes |
                          (w.use_case ? w.use_case->classes : 0) | (own ? own->classes : 0));
    gather(&w);
    refuse_early(&w);
    out->n_verdicts = f->n_candidates;
    for (size_t i = 0; i < f->n_candidates; i++) {
        judge(&w, i);
        if (out->verdicts[i].allowed && !out->routed) {
            out->routed = true;
            out->chosen = i;
            out->target = f->candidates[i].target;
            out->off_premises = !at_home(out->target);
        }
    }
    if (!pol_handle(&w))
        return base_err_set(err, BASE_ENOMEM, "decision: the request's memory is used up");
    if (out->routed) {
        out->redact = out->off_premises ? w.redact : 0;
        explain_route(&w);
    } else {
        explain_denial(&w);
    }
    if (w.out_of_memory)
        return base_err_set(err, BASE_ENOMEM, "decision: the request's memory is used up");
    return BASE_OK;
}
