/* gates.c - what refuses a whole request before any back end is looked at.
 *
 * In this order, the first that holds is the one that is told:
 *   a kill switch on the use case;
 *   somebody who is restricted or objected is named, and the policy says `refuse`;
 *   a use case that the policy neither declares nor names in a rule: a typing error must not shed
 *   obligations;
 *   a use case declared as prohibited under the AI Act, whatever the day: the organisation says so.
 *   The article and the day from which it applies come from the duties table, where it has them;
 *   what the policy requires of every request (`require`);
 *   the documents that the use case itself requires;
 *   the documents that a duty asks for, from the day on which it applies and not a day earlier;
 *   a limit on how a model may be used that the request goes beyond (limits.c);
 *   a region that is none.
 * Each is asked of the use case that the request names, then of its key's own where that is
 * another, before the next. Pure, as pol_decide.
 */
#include "policy/decide/decide_int.h"

static void refuse(struct pol_work *w, const char *code, const char *reason, const char *remedy)
{
    w->d->deny_rule = code;
    w->d->reason = reason;
    w->d->remedy = remedy;
}

static const char *const ask_owner =
    "this use is not permitted here; the owner of the policy can say more";

static bool known_use_case(const struct pol_work *w, struct base_str id)
{
    if (id.n == 0 || pol_use_case_of(w->p, id))
        return true;
    for (size_t i = 0; i < w->p->n_rules; i++) {
        if (pol_named(&w->p->rules[i].conf->when_use_case, id))
            return true;
    }
    return false;
}

static bool prohibited(struct pol_work *w, const struct pol_use_case *use_case)
{
    const struct conf_use_case *u = use_case->conf;
    const char *law = "";

    if (!u->ai_act || strncmp(u->ai_act, "prohibited", 10) != 0)
        return false;
    for (size_t i = 0; i < use_case->n_due; i++) {
        const struct conf_duty *d = use_case->due[i].duty;

        if (d->needs == CONF_NEEDS_NEVER) {
            law = POL_TEXT(w, " (%s, which %s from %s)", d->article,
                           w->f->today >= d->from.day ? "applies" : "will apply", d->from.text);
            break;
        }
    }
    refuse(w, "ai-act-prohibited",
           POL_TEXT(w, "the use case %s is declared as prohibited under the AI Act%s", u->id, law),
           ask_owner);
    return true;
}

/* What the policy's `require` asks of every use case. */
static bool incomplete(struct pol_work *w, const struct conf_use_case *u)
{
    unsigned require = w->p->require;

    if ((require & POL_REQUIRE_PURPOSE) && !u->purpose)
        refuse(w, "no-purpose", POL_TEXT(w, "the use case %s states no purpose", u->id),
               "ask the owner of the policy to add a purpose to the use case");
    else if ((require & POL_REQUIRE_BASIS) && !u->legal_basis)
        refuse(w, "no-legal-basis", POL_TEXT(w, "the use case %s states no legal basis", u->id),
               "ask the owner of the policy to add a legal_basis to the use case");
    return w->d->deny_rule != NULL;
}

static bool reference_there(const struct conf_use_case *u, const char *word)
{
    return (strcmp(word, "dpia") == 0            ? u->dpia
            : strcmp(word, "fria") == 0          ? u->fria
            : strcmp(word, "worker_notice") == 0 ? u->worker_notice
                                                 : NULL) != NULL;
}

static bool undocumented(struct pol_work *w, const struct pol_use_case *use_case)
{
    const struct conf_use_case *u = use_case->conf;

    for (size_t i = 0; i < u->requires.n; i++) {
        if (reference_there(u, u->requires.v[i]))
            continue;
        refuse(w, "missing-reference",
               POL_TEXT(w, "the use case %s requires the reference %s and has none", u->id,
                        u->requires.v[i]),
               "ask the owner of the policy to add the reference to the use case");
        return true;
    }
    for (size_t i = 0; i < use_case->n_due; i++) {
        const struct pol_due *due = &use_case->due[i];
        const struct conf_duty *d = due->duty;

        if (due->met || w->f->today < d->from.day)
            continue;
        refuse(w, d->id,
               POL_TEXT(w,
                        "the use case %s needs the reference %s (%s, applies from %s) and has "
                        "none",
                        u->id, conf_needs_name(d->needs), d->article, d->from.text),
               "ask the owner of the policy to add the reference to the use case");
        return true;
    }
    return false;
}

/* The gates that are about a declared use case; true if one of them refused. */
static bool refused_use(struct pol_work *w)
{
    bool refused = false;

    for (size_t i = 0; i < w->uses.n && !refused; i++)
        refused = prohibited(w, w->uses.v[i]);
    if (!refused && (w->p->require & POL_REQUIRE_USE_CASE) && w->f->use_case.n == 0) {
        refuse(w, "no-use-case", "the policy requires that each request names its use case",
               "send x-weir-use-case, or use a key that declares one");
        return true;
    }
    for (size_t i = 0; i < w->uses.n && !refused; i++)
        refused = incomplete(w, w->uses.v[i]->conf);
    for (size_t i = 0; i < w->uses.n && !refused; i++)
        refused = undocumented(w, w->uses.v[i]);
    return refused;
}

/* GDPR Art. 18 and 21; where the policy says `local` backends.c keeps it at home. */
static bool of_somebody(struct pol_work *w)
{
    unsigned rights = w->f->findings.rights;

    if ((rights & CONF_RIGHTS_RESTRICTED) && w->p->conf->restricted == CONF_RIGHTS_REFUSE)
        refuse(w, "restriction",
               "it names a person whose data are restricted (GDPR Art. 18), and the policy refuses "
               "such requests",
               "leave that person out; who keeps the lists can say more");
    else if ((rights & CONF_RIGHTS_OBJECTED) && w->p->conf->objected == CONF_RIGHTS_REFUSE)
        refuse(w, "objection",
               "it names a person who objected (GDPR Art. 21), and the policy refuses such "
               "requests",
               "leave that person out; who keeps the lists can say more");
    return w->d->deny_rule != NULL;
}

void pol_gates(struct pol_work *w)
{
    const struct pol_facts *f = w->f;
    const struct base_str own = pol_own_use_case(f);
    const struct pol_kill *k = pol_kill_use_case(f->kills, f->use_case);
    struct base_str id = f->use_case;

    w->has_region = f->region.n && pol_places_add(&w->region, f->region);
    if (!k && (k = pol_kill_use_case(f->kills, own)))
        id = own;
    if (k) {
        refuse(w, "kill-switch",
               POL_TEXT(w, "the use case %.*s is switched off since %.*s: %.*s", BASE_FMT(id),
                        BASE_FMT(k->since), BASE_FMT(k->reason)),
               "wait until it is switched on again; the operator can say more");
    } else if (of_somebody(w)) {
        return;
    } else if (!known_use_case(w, id) || !known_use_case(w, id = own)) {
        refuse(w, "unknown-use-case",
               POL_TEXT(w, "the use case \"%.*s\" is not in the policy",
                        (int)(id.n > 80 ? 80 : id.n), id.p),
               "use the id of a use case that the policy declares");
    } else if (refused_use(w)) {
        return;
    } else if (w->limit_rule) {
        refuse(w, w->limit_rule, w->limit_reason,
               "stay within the limit; the owner of the policy can say more");
        w->d->deny_param = w->limit_param;
    } else if (f->region.n && !w->has_region) {
        refuse(w, "unknown-region",
               POL_TEXT(w, "the region \"%.*s\" is not known",
                        (int)(f->region.n > 20 ? 20 : f->region.n), f->region.p),
               "use EU, EEA or a two-letter country code in x-weir-region");
    }
}
