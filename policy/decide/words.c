/* words.c - the sentences of a decision: why this route, why none, and what to do about it.
 *
 * For people, in plain words; each names the rule and none contains content. Pure functions over
 * the request's arena.
 */
#include "policy/decide/decide_int.h"

#include <stdio.h>

const char *pol_place_list(struct pol_work *w, const struct conf_places *places)
{
    struct base_str s = BASE_STR("");

    for (size_t i = 0; i < places->n && s.p; i++)
        s = base_arena_printf(w->a, "%.*s%s%s", BASE_FMT(s), i ? ", " : "", places->v[i]);
    return pol_text(w, s);
}

const char *pol_basis_list(struct pol_work *w, uint32_t mask)
{
    struct base_str s = BASE_STR("");

    for (int b = 0; b <= CONF_BASIS_LAST && s.p; b++) {
        if (mask & CONF_BASIS_BIT(b))
            s = base_arena_printf(w->a, "%.*s%s%s", BASE_FMT(s), s.n ? ", " : "",
                                  conf_basis_name((enum conf_basis)b));
    }
    return pol_text(w, s);
}

void pol_date_text(int64_t days, char out[16])
{
    /* Civil date from a day count: H. Hinnant's days_from_civil, inverted. */
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097,
            yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153,
            m = mp < 10 ? mp + 3 : mp - 9;

    snprintf(out, 16, "%04d-%02d-%02d", (int)((yoe + era * 400 + (m <= 2)) % 10000), (int)m,
             (int)((doy - (153 * mp + 2) / 5 + 1) % 100));
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

void pol_explain_route(struct pol_work *w)
{
    struct pol_decision *d = w->d;
    const struct conf_residency *r = d->off_premises ? &d->target->backend->residency : NULL;

    if (!r)
        d->reason = POL_TEXT(w, "%s request %s: answered on premises", tier_word(w), data_words(w));
    else
        d->reason =
            POL_TEXT(w, "%s request %s: sent to %s (%s) on transfer basis %s, %s", tier_word(w),
                     data_words(w), d->target->text, pol_place_list(w, &r->location),
                     conf_basis_name(r->basis), r->reference ? r->reference : "");
}

void pol_explain_denial(struct pol_work *w)
{
    struct pol_decision *d = w->d;
    const struct pol_verdict *first = NULL;
    size_t at = 0;

    if (w->denier) {
        d->deny_rule = w->denier->conf->id;
        d->deny_param = NULL;
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
        if (strcmp(first->rule, "kill-switch") == 0)
            d->remedy = "wait until it is switched on again; the operator can say more";
        else if (strcmp(first->rule, "rights-unreadable") == 0)
            d->remedy = "tell the operator: the gateway's log names the file";
        else if (strcmp(first->rule, "restriction") == 0 || strcmp(first->rule, "objection") == 0)
            d->remedy = "ask for a model on premises, or leave that person out";
        else
            d->remedy = w->f->pinned
                            ? "ask for model \"auto\" or for one that the rule allows, or leave "
                              "out the data that the rule is about"
                            : "leave out the data that the rule is about, or ask the operator "
                              "for a model that the rule allows";
    } else if (w->f->findings.unscannable && !pol_at_home(w->f->candidates[at].target)) {
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
