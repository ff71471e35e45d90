/* backends.c - whether one candidate may answer, step by step.
 *
 * In this order; without a tree the first step that refuses ends it and is the one that is told:
 *   deny       a rule that applies denies, or a gate refused the whole request;
 *   pinned     another model was asked for by name;
 *   kill       a kill switch stops it (also on premises);
 *   model      a limit of a use case or rule names the models that may be used, and not this one;
 *   rights     somebody who is restricted or objected is named, or the lists cannot be read;
 *   content    what could not be scanned does not leave;
 *   location   every place is among those that all rules allow (EU and EEA as all their members);
 *              on premises needs "on_premises" there, and of what follows only the last
 *              two;
 *   region     every place lies in the region that was asked for: what is on premises is wherever
 *              the caller's own house is and stays allowed;
 *   sub_processors  their places, the same way;
 *   basis      every rule accepts it (where none applies: any but none and a derogation), it has a
 *              reference, its last day is not over, and a derogation has its point and approver;
 *   table      adequacy and dpf against the dated tables, where there are any: every place outside
 *              the EEA needs a row that is neither over nor too old; the entity a listing;
 *   training   it does not train on data, unless there is no class at all;
 *   exception  special and criminal data need the use case's exception, where the policy requires;
 *   needs      certifications, entity, retention and so on, as each rule asks;
 *   watermark  where the policy asks for one, it is a model of our own engine;
 *   available  it can answer now.
 * Pure, as pol_decide.
 */
#include "policy/decide/decide_int.h"

/* One candidate while it is looked at. */
struct judged {
    struct pol_work *w;
    const struct pol_candidate *c;
    const struct conf_residency *r; /* NULL on premises */
    struct pol_verdict *v;
};

typedef void (*step_fn)(struct judged *j, struct pol_step *s);

static void refuse(struct pol_step *s, const char *rule, const char *reason)
{
    s->ok = false;
    s->rule = rule;
    s->reason = reason;
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

/* ---- steps that hold for every candidate ---- */

static void step_deny(struct judged *j, struct pol_step *s)
{
    struct pol_work *w = j->w;

    if (w->denier)
        refuse(s, w->denier->conf->id,
               POL_TEXT(w, "denied by rule %s: %s", w->denier->conf->id, w->denier->conf->deny));
    else if (w->d->deny_rule)
        refuse(s, "", w->d->reason);
}

static void step_pinned(struct judged *j, struct pol_step *s)
{
    if (j->w->f->pinned && j->c != j->w->f->candidates)
        refuse(s, "", "another model was asked for by name");
}

static void step_kill(struct judged *j, struct pol_step *s)
{
    const struct pol_kill *k = pol_kill_hits(j->w->f->kills, j->c->target);

    if (k)
        refuse(s, "kill-switch",
               POL_TEXT(j->w, "switched off since %.*s (%s %.*s): %.*s", BASE_FMT(k->since),
                        pol_kill_kind_name(k->kind), BASE_FMT(k->value), BASE_FMT(k->reason)));
}

static void step_model(struct judged *j, struct pol_step *s)
{
    const char *who = pol_limits_model(j->w, j->c->target->text);

    if (who)
        refuse(s, who, POL_TEXT(j->w, "it is none of the models that %s allows", who));
}

static void step_rights(struct judged *j, struct pol_step *s)
{
    unsigned rights = j->w->f->findings.rights;

    if (rights & CONF_RIGHTS_RESTRICTED)
        refuse(s, "restriction",
               "the request names a person whose data are restricted (GDPR Art. 18), which stays "
               "on premises");
    else if (rights & CONF_RIGHTS_OBJECTED)
        refuse(s, "objection",
               "the request names a person who objected (GDPR Art. 21), which stays on premises");
    else if (rights & CONF_RIGHTS_UNREADABLE)
        refuse(s, "rights-unreadable",
               "the lists of people who are restricted or objected cannot be read, so nothing "
               "leaves");
}

static void step_available(struct judged *j, struct pol_step *s)
{
    if (!j->c->available)
        refuse(s, "", j->c->unavailable ? j->c->unavailable : "not available now");
}

/* ---- places ---- */

/* True if every rule allows the place; else s says which does not. who: "" or "sub-processor X in
 * ".
 */
static bool place_allowed(struct pol_work *w, struct pol_step *s, const char *who,
                          const char *place)
{
    struct pol_places one = {{0}};

    if (pol_places_add(&one, base_str_c(place)) && pol_places_hold(&w->allowed, &one))
        return true;
    for (size_t i = 0; i < w->n_applied; i++) {
        const struct pol_rule *r = w->applied[i];

        if (r->conf->has_location && !pol_places_hold(&r->location, &one)) {
            refuse(s, r->conf->id,
                   POL_TEXT(w, "%slocation %s is not allowed by rule %s (%s)", who, place,
                            r->conf->id, pol_place_list(w, &r->conf->location)));
            return false;
        }
    }
    refuse(s, "default",
           POL_TEXT(w, "%slocation %s is not allowed by default (%s)", who, place,
                    pol_place_list(w, &w->p->conf->default_location)));
    return false;
}

static bool in_region(struct pol_work *w, struct pol_step *s, const char *who, const char *place)
{
    struct pol_places one = {{0}};

    if (!w->has_region ||
        (pol_places_add(&one, base_str_c(place)) && pol_places_hold(&w->region, &one)))
        return true;
    refuse(s, "",
           POL_TEXT(w, "%slocation %s is outside the region asked for (%.*s)", who, place,
                    BASE_FMT(w->f->region)));
    return false;
}

static void step_location(struct judged *j, struct pol_step *s)
{
    if (!j->r) {
        (void)place_allowed(j->w, s, "", "on_premises");
        return;
    }
    if (j->r->location.n == 0)
        refuse(s, leading_rule(j->w), "no location is known");
    for (size_t i = 0; i < j->r->location.n; i++) {
        if (!place_allowed(j->w, s, "", j->r->location.v[i]))
            return;
    }
}

static void step_content(struct judged *j, struct pol_step *s)
{
    if (j->w->f->findings.unscannable)
        refuse(s, "", "the request holds content that cannot be scanned, which stays on premises");
}

static void step_region(struct judged *j, struct pol_step *s)
{
    for (size_t i = 0; i < j->r->location.n; i++) {
        if (!in_region(j->w, s, "", j->r->location.v[i]))
            return;
    }
}

static void step_sub_processors(struct judged *j, struct pol_step *s)
{
    for (size_t k = 0; k < j->r->n_sub_processors; k++) {
        const struct conf_sub_processor *sub = &j->r->sub_processors[k];
        const char *who = "";

        for (size_t i = 0; i < sub->location.n; i++) {
            struct pol_places one = {{0}};
            bool good = pol_places_add(&one, base_str_c(sub->location.v[i])) &&
                        pol_places_hold(&j->w->allowed, &one) &&
                        (!j->w->has_region || pol_places_hold(&j->w->region, &one));

            if (good)
                continue;
            who = POL_TEXT(j->w, "sub-processor %s: ", sub->name);
            if (place_allowed(j->w, s, who, sub->location.v[i]))
                (void)in_region(j->w, s, who, sub->location.v[i]);
            return;
        }
    }
}

/* ---- the transfer ---- */

static void step_basis(struct judged *j, struct pol_step *s)
{
    struct pol_work *w = j->w;
    const struct conf_residency *r = j->r;
    uint32_t bit = CONF_BASIS_BIT(r->basis);
    const char *word = conf_basis_name(r->basis);

    for (size_t i = 0; i < w->n_applied; i++) {
        const struct pol_rule *rule = w->applied[i];

        if (rule->basis & bit)
            continue;
        refuse(s, rule->conf->id,
               r->basis == CONF_BASIS_NONE
                   ? "no transfer basis"
                   : POL_TEXT(w, "transfer basis %s is not accepted by rule %s (%s)", word,
                              rule->conf->id, pol_basis_list(w, rule->basis)));
        return;
    }
    if (!(w->basis & bit)) {
        refuse(s, leading_rule(w),
               r->basis == CONF_BASIS_NONE
                   ? "no transfer basis"
                   : POL_TEXT(w, "transfer basis %s is accepted only where a rule names it", word));
    } else if (!r->reference || !r->reference[0]) {
        refuse(s, leading_rule(w), POL_TEXT(w, "transfer basis %s has no reference", word));
    } else if (w->f->today > r->expires_day) {
        char day[16];

        pol_date_text(r->expires_day, day);
        refuse(s, leading_rule(w),
               POL_TEXT(w, "transfer basis expired %s", r->expires ? r->expires : day));
    } else if (r->basis == CONF_BASIS_DEROGATION &&
               (!r->derogation || !r->approver || r->expires_day == INT64_MAX)) {
        refuse(s, leading_rule(w),
               POL_TEXT(w, "a derogation needs %s (GDPR Art. 49)",
                        !r->derogation ? "its point of Art. 49(1)"
                        : !r->approver ? "an approver"
                                       : "a last day"));
    }
}

/* True if the row still counts. */
static bool row_holds(struct judged *j, struct pol_step *s, const char *what,
                      const struct conf_date *checked, const struct conf_date *until)
{
    struct pol_work *w = j->w;
    const struct conf_tables *t = w->p->tables;

    if (until->text && w->f->today > until->day) {
        refuse(s, leading_rule(w), POL_TEXT(w, "%s lapsed on %s", what, until->text));
        return false;
    }
    if (t->refuse_days && w->f->today - checked->day > t->refuse_days) {
        refuse(s, leading_rule(w),
               POL_TEXT(w, "%s was last checked on %s, more than %d days ago", what, checked->text,
                        (int)t->refuse_days));
        return false;
    }
    return true;
}

static bool country_adequate(struct judged *j, struct pol_step *s, const char *place)
{
    struct pol_work *w = j->w;
    const struct conf_adequacy *a = pol_adequacy_of(w->p, place);

    if (!a) {
        refuse(s, leading_rule(w),
               POL_TEXT(w, "there is no adequacy decision for %s in the transfer tables", place));
        return false;
    }
    if (!row_holds(j, s, POL_TEXT(w, "the adequacy decision for %s (%s)", place, a->decision),
                   &a->checked, &a->until))
        return false;
    if (a->scope && !j->r->scope) {
        refuse(s, leading_rule(w),
               POL_TEXT(w,
                        "the adequacy decision for %s covers only %s, and the transfer does not "
                        "state how the recipient falls under it (scope)",
                        place, a->scope));
        return false;
    }
    return true;
}

static bool dpf_place(struct judged *j, struct pol_step *s, const char *place)
{
    struct pol_work *w = j->w;

    if (strcmp(place, w->p->tables->dpf.country) == 0)
        return true;
    refuse(s, leading_rule(w),
           POL_TEXT(w, "dpf covers %s only, not %s", w->p->tables->dpf.country, place));
    return false;
}

/* Every place of the back end outside the EEA holds by `fn`. Its sub-processors' are bounded by
 * location and region alone. */
static bool each_third_country(struct judged *j, struct pol_step *s,
                               bool (*fn)(struct judged *, struct pol_step *, const char *))
{
    for (size_t i = 0; i < j->r->location.n; i++) {
        if (!pol_place_in_eea(j->r->location.v[i]) && !fn(j, s, j->r->location.v[i]))
            return false;
    }
    return true;
}

static void listed(struct judged *j, struct pol_step *s)
{
    struct pol_work *w = j->w;
    const struct conf_tables *t = w->p->tables;
    const char *entity = j->r->entity ? j->r->entity : "";

    for (size_t i = 0; i < t->n_listings; i++) {
        if (strcmp(t->listings[i].entity, entity) != 0)
            continue;
        (void)row_holds(j, s, POL_TEXT(w, "the dpf listing of %s", entity), &t->listings[i].checked,
                        &t->listings[i].until);
        return;
    }
    refuse(s, leading_rule(w),
           entity[0] ? POL_TEXT(w, "%s has no dpf listing in the transfer tables", entity)
                     : "no entity is stated, so no dpf listing can be found");
}

static void step_table(struct judged *j, struct pol_step *s)
{
    struct pol_work *w = j->w;
    const struct conf_tables *t = w->p->tables;

    if (!t)
        return;
    if (j->r->basis == CONF_BASIS_ADEQUACY) {
        (void)each_third_country(j, s, country_adequate);
    } else if (j->r->basis == CONF_BASIS_DPF) {
        if (!t->has_dpf)
            refuse(s, leading_rule(w), "the transfer tables hold no dpf decision");
        else if (row_holds(j, s, POL_TEXT(w, "the dpf decision (%s)", t->dpf.decision),
                           &t->dpf.checked, &t->dpf.until) &&
                 each_third_country(j, s, dpf_place))
            listed(j, s);
    }
}

static void step_training(struct judged *j, struct pol_step *s)
{
    if (j->r->trains_on_data && j->w->d->classes != 0)
        refuse(s, leading_rule(j->w), "it trains on the data it is sent");
}

static bool has_exception(const struct pol_use_case *u, bool criminal)
{
    for (size_t i = 0; i < u->conf->exceptions.n; i++) {
        if ((strcmp(u->conf->exceptions.v[i], "10") == 0) == criminal)
            return true;
    }
    return false;
}

/* Each use case that the request is about states one. */
static bool excepted(const struct pol_uses *uses, bool criminal)
{
    for (size_t i = 0; i < uses->n; i++) {
        if (!has_exception(uses->v[i], criminal))
            return false;
    }
    return uses->n && !uses->undeclared;
}

static void step_exception(struct judged *j, struct pol_step *s)
{
    const struct pol_work *w = j->w;

    if (!(w->p->require & POL_REQUIRE_EXCEPTION))
        return;
    if ((w->d->classes & POL_CLASS_SPECIAL) && !excepted(&w->uses, false))
        refuse(s, "require",
               "special-category data leave only for a use case that states its exception of GDPR "
               "Art. 9(2)");
    else if ((w->d->classes & POL_CLASS_CRIMINAL) && !excepted(&w->uses, true))
        refuse(s, "require",
               "data about crimes leave only for a use case that states exception 10 (GDPR Art. "
               "10)");
}

/* ---- what rules ask of back ends ---- */

static const char *unmet(struct judged *j, const struct conf_needs *n)
{
    struct pol_work *w = j->w;
    const struct conf_residency *r = j->r;

    for (size_t i = 0; i < n->certifications.n; i++) {
        if (!pol_named(&r->certifications, base_str_c(n->certifications.v[i])))
            return POL_TEXT(w, "it has no certification %s", n->certifications.v[i]);
    }
    if (n->entities.n && !(r->entity && pol_named(&n->entities, base_str_c(r->entity))))
        return r->entity ? POL_TEXT(w, "its entity %s is none of those allowed", r->entity)
                         : "its entity is not stated";
    for (size_t i = 0; n->has_sub_processors && i < r->n_sub_processors; i++) {
        if (!pol_named(&n->sub_processors, base_str_c(r->sub_processors[i].name)))
            return POL_TEXT(w, "its sub-processor %s is none of those allowed",
                            r->sub_processors[i].name);
    }
    if (n->retention_days >= 0 && (r->retention_days < 0 || r->retention_days > n->retention_days))
        return r->retention_days < 0
                   ? POL_TEXT(w, "how long it keeps data is not stated, %d days are allowed",
                              (int)n->retention_days)
                   : POL_TEXT(w, "it keeps data for %d days, %d are allowed",
                              (int)r->retention_days, (int)n->retention_days);
    if (n->checked_within_days >= 0 &&
        (!r->checked || w->f->today - r->checked_day > n->checked_within_days))
        return r->checked
                   ? POL_TEXT(w, "its transfer was last checked on %s, more than %d days ago",
                              r->checked, (int)n->checked_within_days)
                   : "its transfer states no checked_on";
    if (n->assessment && !r->assessment)
        return "its transfer has no transfer impact assessment";
    if (n->no_training && r->trains_on_data)
        return "it trains on the data it is sent";
    return NULL;
}

static void step_needs(struct judged *j, struct pol_step *s)
{
    for (size_t i = 0; j->w->needs && i < j->w->n_applied; i++) {
        const struct pol_rule *r = j->w->applied[i];
        const char *what = r->conf->needs.present ? unmet(j, &r->conf->needs) : NULL;

        if (what) {
            refuse(s, r->conf->id, POL_TEXT(j->w, "%s (rule %s)", what, r->conf->id));
            return;
        }
    }
}

/* Only our own sampling can put the mark into a text. */
static void step_watermark(struct judged *j, struct pol_step *s)
{
    const struct pol_decision *d = j->w->d;

    for (size_t i = 0; i < d->n_obligations && !j->c->target->local; i++) {
        if (strcmp(d->obligations[i], "watermark") == 0)
            refuse(s, "watermark", "its text cannot bear the watermark that the policy asks for");
    }
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    step_fn fn;
    bool remote; /* only off premises */
} steps[] = {
    /* one a line, in the order of the essay above */
    // clang-format off
    {"deny", step_deny, false},
    {"pinned", step_pinned, false},
    {"kill", step_kill, false},
    {"model", step_model, false},
    {"rights", step_rights, true},
    {"content", step_content, true},
    {"location", step_location, false},
    {"region", step_region, true},
    {"sub_processors", step_sub_processors, true},
    {"basis", step_basis, true},
    {"table", step_table, true},
    {"training", step_training, true},
    {"exception", step_exception, true},
    {"needs", step_needs, true},
    {"watermark", step_watermark, false},
    {"available", step_available, false},
    // clang-format on
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

_Static_assert(N_STEPS <= POL_STEPS_MAX, "a verdict holds all steps");

void pol_judge(struct pol_work *w, size_t candidate)
{
    const struct pol_candidate *c = &w->f->candidates[candidate];
    struct pol_verdict *v = &w->d->verdicts[candidate];
    struct judged j = {.w = w, .c = c, .v = v};
    struct pol_step *all = NULL;

    *v = (struct pol_verdict){.target = c->target, .allowed = true, .reason = "", .rule = ""};
    j.r = pol_at_home(c->target) ? NULL : &c->target->backend->residency;
    if (w->tree && !(all = base_arena_array(w->a, N_STEPS, sizeof(*all))))
        w->out_of_memory = true;
    v->steps = all;
    for (size_t i = 0; i < N_STEPS && (v->allowed || all); i++) {
        struct pol_step s = {steps[i].name, "", "", true};

        if (steps[i].remote && !j.r)
            continue;
        steps[i].fn(&j, &s);
        if (all)
            all[v->n_steps++] = s;
        if (s.ok || !v->allowed)
            continue;
        v->allowed = false;
        v->rule = s.rule;
        v->reason = s.reason;
    }
}
