/* decision_json.c - a decision as the contract's JSON object, for explain and the log alike.
 *
 * Keys stand in the contract's order; `code` and `remedy` follow when the request is denied.
 * `redact` names what was asked to be replaced and was found. Reasons hold texts of the policy and
 * of kill switches, once for each candidate; they are cut so that they never fill a record.
 */
#include "policy/compiled.h"

#define REASONS_BYTES 12000u /* of all candidates together */
#define REASON_LEAST  120u
#define REASON_MOST   600u

static void names(struct base_json *j, const char *key, const char **v, size_t n)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < n; i++)
        base_json_z(j, v[i]);
    base_json_arr_end(j);
}

static void findings(struct base_json *j, const struct pol_findings *f)
{
    base_json_key(j, "findings");
    base_json_arr(j);
    for (size_t i = 0; i < f->n; i++) {
        base_json_obj(j);
        base_json_kz(j, "type", pol_type_name(f->v[i].type));
        base_json_kz(j, "level", pol_level_name(f->v[i].level));
        base_json_kint(j, "count", f->v[i].count);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

void pol_rights_json(struct base_json *j, unsigned rights)
{
    base_json_arr(j);
    for (unsigned bit = CONF_RIGHTS_RESTRICTED; bit <= CONF_RIGHTS_UNREADABLE; bit *= 2)
        if (rights & bit)
            base_json_z(j, conf_rights_name(bit));
    base_json_arr_end(j);
}

static void tool_lists(struct base_json *j, const char *key, const struct pol_tool_list *v,
                       size_t n)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < n; i++) {
        base_json_obj(j);
        names(j, "names", v[i].globs->v, v[i].globs->n);
        base_json_kz(j, "rule", v[i].rule);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

/* Members that stand only where something asks for them. */
static void handling(struct base_json *j, const struct pol_decision *d)
{
    if (d->n_tools_allow || d->n_tools_deny) {
        base_json_key(j, "tools");
        base_json_obj(j);
        tool_lists(j, "allow", d->tools_allow, d->n_tools_allow);
        tool_lists(j, "deny", d->tools_deny, d->n_tools_deny);
        base_json_obj_end(j);
    }
    if (d->answers != CONF_ANSWERS_PASS)
        base_json_kz(j, "answers", conf_answers_name(d->answers));
    if (d->review_hold)
        base_json_kz(j, "human_review", "hold");
    if (d->retention) {
        base_json_key(j, "retention");
        base_json_obj(j);
        base_json_kz(j, "class", d->retention->id);
        base_json_kint(j, "record_days", d->record_days);
        base_json_kint(j, "content_days", d->content_days);
        base_json_obj_end(j);
    }
}

/* A reason of at most max bytes, cut between characters. */
static void reason(struct base_json *j, const char *z, size_t max)
{
    struct base_str s = base_str_c(z);

    if (s.n <= max) {
        base_json_kz(j, "reason", z);
        return;
    }
    s.n = max;
    s.n -= base_utf8_partial_tail(s);
    base_json_key(j, "reason");
    base_json_str(j, s);
}

static void candidates(struct base_json *j, const struct pol_decision *d)
{
    size_t max = d->n_verdicts ? REASONS_BYTES / d->n_verdicts : REASON_MOST;

    max = max < REASON_LEAST ? REASON_LEAST : max > REASON_MOST ? REASON_MOST : max;
    base_json_key(j, "candidates");
    base_json_arr(j);
    for (size_t i = 0; i < d->n_verdicts; i++) {
        const struct pol_verdict *v = &d->verdicts[i];

        base_json_obj(j);
        base_json_kz(j, "backend", v->target->text);
        base_json_kbool(j, "allowed", v->allowed);
        if (!v->allowed) {
            reason(j, v->reason, max);
            base_json_kz(j, "rule", v->rule);
        }
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

void pol_decision_json(struct base_json *j, const struct pol_policy *p, const struct pol_facts *f,
                       const struct pol_decision *d)
{
    base_json_obj(j);
    base_json_kint(j, "v", 1);
    base_json_kz(j, "outcome", d->routed ? "route" : "deny");
    base_json_kz(j, "route", d->routed ? d->target->text : NULL);
    base_json_kz(j, "tier", f->tier == POL_TIER_HARD ? "hard" : "commodity");
    base_json_key(j, "difficulty");
    base_json_num(j, f->difficulty, 4);
    base_json_kz(j, "task", f->task);
    base_json_key(j, "data");
    pol_classes_json(j, d->classes);
    findings(j, &f->findings);
    if (f->findings.rights) {
        base_json_key(j, "rights");
        pol_rights_json(j, f->findings.rights);
    }
    base_json_key(j, "use_case");
    if (f->use_case.n)
        base_json_str(j, f->use_case);
    else
        base_json_null(j);
    base_json_kz(j, "policy", p->conf->id);
    if (p->conf->revision)
        base_json_kint(j, "revision", p->conf->revision);
    if (p->conf->signed_by)
        base_json_kz(j, "signed_by", p->conf->signed_by);
    if (p->tables)
        base_json_kz(j, "tables", p->tables->id);
    if (p->duties)
        base_json_kz(j, "duties", p->duties->id);
    names(j, "rules", d->rules, d->n_rules);
    base_json_key(j, "redact");
    base_json_arr(j);
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (d->redact & f->findings.types & POL_TYPE_BIT(t))
            base_json_z(j, pol_type_name((enum pol_type)t));
    }
    base_json_arr_end(j);
    if (d->substitute && (d->redact & f->findings.types))
        base_json_kz(j, "redact_style", "substitute");
    names(j, "obligations", d->obligations, d->n_obligations);
    handling(j, d);
    candidates(j, d);
    reason(j, d->reason, REASON_MOST);
    if (!d->routed) {
        base_json_kz(j, "code", d->deny_rule);
        base_json_kz(j, "remedy", d->remedy);
    }
    base_json_obj_end(j);
}
