/* facts_json.c - the facts of a decision as JSON for the log; facts.c has the format and reads it.
 *
 * Pure, no memory of its own; runs on loops. Nothing in it is content. Lists are bounded: of a
 * thousand switches only those that stopped something here are written.
 */
#include "policy/decide/facts.h"

#include "policy/decide/decide_int.h"

static void places(struct base_json *j, const char *key, const struct conf_places *p)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < p->n; i++)
        base_json_z(j, p->v[i]);
    base_json_arr_end(j);
}

static void opt(struct base_json *j, const char *key, const char *z)
{
    if (z)
        base_json_kz(j, key, z);
}

void pol_residency_json(struct base_json *j, const struct conf_residency *r)
{
    base_json_obj(j);
    base_json_key(j, "certifications");
    base_json_arr(j);
    for (size_t i = 0; i < r->certifications.n; i++)
        base_json_z(j, r->certifications.v[i]);
    base_json_arr_end(j);
    opt(j, "entity", r->entity);
    places(j, "location", &r->location);
    if (r->retention_days >= 0)
        base_json_kint(j, "retention_days", r->retention_days);
    base_json_key(j, "sub_processors");
    base_json_arr(j);
    for (size_t i = 0; i < r->n_sub_processors; i++) {
        base_json_obj(j);
        places(j, "location", &r->sub_processors[i].location);
        base_json_kz(j, "name", r->sub_processors[i].name);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
    base_json_kbool(j, "trains_on_data", r->trains_on_data);
    base_json_key(j, "transfer");
    base_json_obj(j);
    opt(j, "approver", r->approver);
    opt(j, "assessment", r->assessment);
    base_json_kz(j, "basis", conf_basis_name(r->basis));
    opt(j, "checked_on", r->checked);
    opt(j, "derogation", r->derogation);
    opt(j, "expires", r->expires);
    opt(j, "reference", r->reference);
    opt(j, "scope", r->scope);
    base_json_obj_end(j);
    base_json_obj_end(j);
}

/* Records hold no fractions: what has some stands in millionths. */
static void put_asks(struct base_json *j, const struct pol_asks *a)
{
    const struct {
        const char *name;
        const struct pol_num *n;
    } numbers[] = {{"output_tokens", &a->output_tokens},
                   {"temperature_micro", &a->temperature},
                   {"top_p_micro", &a->top_p}};

    base_json_key(j, "asks");
    base_json_obj(j);
    if (a->effort)
        base_json_kz(j, "effort", conf_effort_name(a->effort));
    base_json_kint(j, "input_bytes", a->input_bytes);
    for (size_t i = 0; i < 3; i++) {
        if (numbers[i].n->set)
            base_json_kint(j, numbers[i].name, numbers[i].n->v);
    }
    base_json_obj_end(j);
}

static void kstr_some(struct base_json *j, const char *key, struct base_str s, size_t max)
{
    if (s.n)
        base_json_kstr(j, key, base_str_n(s.p, s.n > max ? max : s.n));
}

#define HITS_MAX (POL_CANDIDATES_MAX + 2)

static void add_hit(const struct pol_kill *v[HITS_MAX], size_t *n, const struct pol_kill *k)
{
    for (size_t i = 0; i < *n && k; i++) {
        if (v[i] == k)
            return;
    }
    if (k && *n < HITS_MAX)
        v[(*n)++] = k;
}

/* The switches that stopped something here; the others in force change nothing for these facts,
 * under any policy, and there may be a thousand. */
static void leaf_kills(struct base_json *j, const struct pol_facts *f)
{
    const struct pol_kill *v[HITS_MAX];
    size_t n = 0;

    add_hit(v, &n, pol_kill_use_case(f->kills, f->use_case));
    add_hit(v, &n, pol_kill_use_case(f->kills, f->key_use_case));
    for (size_t i = 0; i < f->n_candidates; i++)
        add_hit(v, &n, pol_kill_hits(f->kills, f->candidates[i].target));
    if (!n)
        return;
    base_json_key(j, "kills");
    base_json_arr(j);
    for (size_t i = 0; i < n; i++) {
        base_json_obj(j);
        base_json_kz(j, "kind", pol_kill_kind_name(v[i]->kind));
        kstr_some(j, "value", v[i]->value, 128);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

void pol_facts_leaf_json(struct base_json *j, const struct pol_facts *f)
{
    char today[16];

    pol_date_text(f->today, today);
    base_json_obj(j);
    put_asks(j, &f->asks);
    base_json_key(j, "declared");
    pol_classes_json(j, f->declared_classes);
    base_json_key(j, "found");
    pol_classes_json(j, f->findings.classes);
    kstr_some(j, "key_use_case", f->key_use_case, 64);
    leaf_kills(j, f);
    base_json_kbool(j, "pinned", f->pinned);
    kstr_some(j, "region", f->region, 20);
    if (f->findings.rights) {
        base_json_key(j, "rights");
        pol_rights_json(j, f->findings.rights);
    }
    base_json_kz(j, "today", today);
    base_json_key(j, "unavailable");
    base_json_arr(j);
    for (size_t i = 0; i < f->n_candidates; i++) {
        if (!f->candidates[i].available)
            base_json_z(j, f->candidates[i].target->text);
    }
    base_json_arr_end(j);
    base_json_kbool(j, "unscannable", f->findings.unscannable);
    base_json_obj_end(j);
}
