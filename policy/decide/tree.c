/* tree.c - the whole reason tree of a decision as one JSON object.
 *
 *   {"classes":{"found":[..],"declared":[..],"use_case":[..],"effective":[..]},
 *    "rights":{"found":[..],"objected":"local","restricted":"refuse"},
 *    "rules":[{"rule","applies","conditions":[{"on","asks","holds"}],"effects":{..}}],
 *    "use_case_limits":[{"use_case","limits":{..}}],
 *    "default":{"applies","location":[..]},
 *    "candidates":[{"backend","allowed","steps":[{"check","ok","rule","reason"}]}]}
 *
 * A decision's own JSON tells what decided; this tells everything that was looked at, so that a
 * reader can see why a rule did not apply as well. Derived from the facts, the policy and the
 * decision alone: whoever has those three gets the same bytes.
 */
#include "policy/decide/decide_int.h"

static void words(struct base_json *j, const char *key, const char *const *v, size_t n)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < n; i++)
        base_json_z(j, v[i]);
    base_json_arr_end(j);
}

static void classes(struct base_json *j, const char *key, unsigned c)
{
    base_json_key(j, key);
    pol_classes_json(j, c);
}

static void conditions(struct base_json *j, const struct pol_facts *f, const struct pol_decision *d,
                       const struct pol_uses *uses, const struct pol_rule *r, bool *applies)
{
    const struct conf_rule *c = r->conf;
    const struct {
        const char *name;
        const struct conf_names *asks;
    } on[POL_ON_COUNT] = {
        [POL_ON_DATA] = {"data", &c->when_data},
        [POL_ON_USE_CASE] = {"use_case", &c->when_use_case},
        [POL_ON_TIER] = {"tier", &c->when_tier},
        [POL_ON_TASK] = {"task", &c->when_task},
        [POL_ON_TENANT] = {"tenant", &c->when_tenant},
        [POL_ON_REGION] = {"region", &c->when_region},
        [POL_ON_AI_ACT] = {"ai_act", &c->when_ai_act},
    };

    *applies = true;
    base_json_key(j, "conditions");
    base_json_arr(j);
    for (int i = 0; i < POL_ON_COUNT; i++) {
        bool holds = pol_condition_holds(f, d->classes, uses, r, (enum pol_condition)i);

        *applies = *applies && holds;
        if (on[i].asks->n == 0)
            continue;
        base_json_obj(j);
        base_json_kz(j, "on", on[i].name);
        words(j, "asks", on[i].asks->v, on[i].asks->n);
        base_json_kbool(j, "holds", holds);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
    *applies = *applies && pol_use_holds(f, uses, r);
}

static void effects(struct base_json *j, const struct conf_rule *c)
{
    base_json_key(j, "effects");
    base_json_obj(j);
    if (c->deny)
        base_json_kz(j, "deny", c->deny);
    if (c->has_location)
        words(j, "location", c->location.v, c->location.n);
    if (c->basis) {
        base_json_key(j, "basis");
        base_json_arr(j);
        for (int b = 0; b <= CONF_BASIS_LAST; b++) {
            if (c->basis & CONF_BASIS_BIT(b))
                base_json_z(j, conf_basis_name((enum conf_basis)b));
        }
        base_json_arr_end(j);
    }
    base_json_kbool(j, "asks_of_backends", c->needs.present);
    if (c->redact.n)
        words(j, "redact", c->redact.v, c->redact.n);
    if (c->redact_style)
        base_json_kz(j, "redact_style",
                     c->redact_style == CONF_REDACT_SUBSTITUTE ? "substitute" : "placeholder");
    if (c->handling.obligations.n)
        words(j, "obligations", c->handling.obligations.v, c->handling.obligations.n);
    if (c->handling.limits.present)
        pol_limits_json(j, &c->handling.limits);
    base_json_obj_end(j);
}

static void steps(struct base_json *j, const struct pol_verdict *v)
{
    base_json_obj(j);
    base_json_kz(j, "backend", v->target->text);
    base_json_kbool(j, "allowed", v->allowed);
    base_json_key(j, "steps");
    base_json_arr(j);
    for (size_t i = 0; i < v->n_steps; i++) {
        base_json_obj(j);
        base_json_kz(j, "check", v->steps[i].check);
        base_json_kbool(j, "ok", v->steps[i].ok);
        if (!v->steps[i].ok) {
            base_json_kz(j, "rule", v->steps[i].rule);
            base_json_kz(j, "reason", v->steps[i].reason);
        }
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
    base_json_obj_end(j);
}

static const char *rights_do(enum conf_rights_do d)
{
    return d == CONF_RIGHTS_REFUSE ? "refuse" : "local";
}

/* Those of use cases; a rule's stand among its effects. */
static void limits(struct base_json *j, const struct pol_uses *uses)
{
    bool any = false;

    for (size_t i = 0; i < uses->n; i++)
        any = any || uses->v[i]->conf->handling.limits.present;
    if (!any)
        return;
    base_json_key(j, "use_case_limits");
    base_json_arr(j);
    for (size_t i = 0; i < uses->n; i++) {
        if (!uses->v[i]->conf->handling.limits.present)
            continue;
        base_json_obj(j);
        base_json_kz(j, "use_case", uses->v[i]->conf->id);
        pol_limits_json(j, &uses->v[i]->conf->handling.limits);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

void pol_tree_json(struct base_json *j, const struct pol_policy *p, const struct pol_facts *f,
                   const struct pol_decision *d)
{
    struct pol_uses uses;
    unsigned effective = pol_effective_classes(p, f, &uses), declared = 0;

    for (size_t i = 0; i < uses.n; i++)
        declared |= uses.v[i]->classes;

    base_json_obj(j);
    base_json_key(j, "classes");
    base_json_obj(j);
    classes(j, "found", f->findings.classes);
    classes(j, "declared", f->declared_classes);
    classes(j, "use_case", declared);
    classes(j, "effective", effective);
    base_json_obj_end(j);
    if (f->findings.rights) {
        base_json_key(j, "rights");
        base_json_obj(j);
        base_json_key(j, "found");
        pol_rights_json(j, f->findings.rights);
        base_json_kz(j, "objected", rights_do(p->conf->objected));
        base_json_kz(j, "restricted", rights_do(p->conf->restricted));
        base_json_obj_end(j);
    }
    base_json_key(j, "rules");
    base_json_arr(j);
    for (size_t i = 0; i < p->n_rules; i++) {
        bool applies;

        base_json_obj(j);
        base_json_kz(j, "rule", p->rules[i].conf->id);
        conditions(j, f, d, &uses, &p->rules[i], &applies);
        base_json_kbool(j, "applies", applies);
        effects(j, p->rules[i].conf);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
    limits(j, &uses);
    base_json_key(j, "default");
    base_json_obj(j);
    base_json_kbool(j, "applies", d->default_applies);
    words(j, "location", p->conf->default_location.v, p->conf->default_location.n);
    base_json_obj_end(j);
    base_json_key(j, "candidates");
    base_json_arr(j);
    for (size_t i = 0; i < d->n_verdicts; i++)
        steps(j, &d->verdicts[i]);
    base_json_arr_end(j);
    base_json_obj_end(j);
}
