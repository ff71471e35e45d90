/* load_policy.c - the policy file into typed rules, not yet compiled.
 *
 * Checks the file's form: keys, types, places, bases, words. What its words mean (data classes,
 * detector types, ids that are used twice, rules that can never apply) is for policy/ to check when
 * it compiles. ${NAME} is not expanded here: the policy's hash is over the file's bytes and has to
 * tell everything that decides.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)
#define RULES_MAX        1000

static void load_default(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "location",
         .kind = CONF_PLACES,
         .offset = AT(conf_policy, default_location),
         .required = true},
    };
    conf_map(l, n, "default", CONF_FIELDS(fields), dst);
}

static void load_rights_do(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (base_str_is(n->text, "local"))
        *(enum conf_rights_do *)dst = CONF_RIGHTS_LOCAL;
    else if (base_str_is(n->text, "refuse"))
        *(enum conf_rights_do *)dst = CONF_RIGHTS_REFUSE;
    else
        conf_wrong(l, n, "must be local or refuse, not \"%.*s\"", CONF_SHOW(n));
}

static void load_rights(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "objected",
         .kind = CONF_SUB,
         .offset = AT(conf_policy, objected),
         .fn = load_rights_do},
        {.name = "restricted",
         .kind = CONF_SUB,
         .offset = AT(conf_policy, restricted),
         .fn = load_rights_do},
    };
    conf_map(l, n, "rights", CONF_FIELDS(fields), dst);
}

/* ---- rules ---- */

static void load_redact_style(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_rule *r = dst;
    if (!conf_is_text(l, n))
        return;
    if (base_str_is(n->text, "placeholder"))
        r->redact_style = CONF_REDACT_PLACEHOLDER;
    else if (base_str_is(n->text, "substitute"))
        r->redact_style = CONF_REDACT_SUBSTITUTE;
    else
        conf_wrong(l, n, "must be placeholder or substitute, not \"%.*s\"", CONF_SHOW(n));
}

static void load_when(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "data", .kind = CONF_NAMES, .offset = AT(conf_rule, when_data)},
        {.name = "use_case", .kind = CONF_NAMES, .offset = AT(conf_rule, when_use_case)},
        {.name = "tier", .kind = CONF_NAMES, .offset = AT(conf_rule, when_tier)},
        {.name = "task", .kind = CONF_NAMES, .offset = AT(conf_rule, when_task)},
        {.name = "tenant", .kind = CONF_NAMES, .offset = AT(conf_rule, when_tenant)},
        {.name = "region", .kind = CONF_NAMES, .offset = AT(conf_rule, when_region)},
        {.name = "ai_act", .kind = CONF_NAMES, .offset = AT(conf_rule, when_ai_act)},
    };
    struct conf_rule *r = dst;
    conf_map(l, n, "when", CONF_FIELDS(fields), r);
    conf_check_ai_act(l, &r->when_ai_act);
    for (size_t i = 0; i < r->when_region.n; i++)
        if (!conf_place_known(base_str_c(r->when_region.v[i])))
            conf_problem_add(l->pr, r->when_region.pos[i], false,
                             "region: \"%.60s\" is no place: an ISO 3166 code, EU or EEA",
                             r->when_region.v[i]);
    for (size_t i = 0; i < r->when_tier.n; i++)
        if (strcmp(r->when_tier.v[i], "commodity") != 0 && strcmp(r->when_tier.v[i], "hard") != 0)
            conf_problem_add(l->pr, r->when_tier.pos[i], false,
                             "tier: must be commodity or hard, not \"%.60s\"", r->when_tier.v[i]);
}

static void load_location(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "location", .kind = CONF_PLACES, .offset = AT(conf_rule, location)};
    struct conf_rule *r = dst;
    r->has_location = true;
    conf_value(l, n, &field, r);
}

static void wrong_basis(struct conf_loader *l, const struct conf_node *c)
{
    const char *words[CONF_BASIS_LAST + 2] = {NULL}, *near;
    for (int b = 0; b <= CONF_BASIS_LAST; b++)
        words[b] = conf_basis_name((enum conf_basis)b);
    near = conf_nearest(c->text, words);
    conf_wrong(l, c,
               "\"%.*s\" is no transfer basis: none, dpa, adequacy, dpf, scc, bcr or derogation"
               "%s%s%s",
               CONF_SHOW(c), near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static void load_basis(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    uint32_t *mask = dst;
    if (!conf_is_list(l, n, 16))
        return;
    for (const struct conf_node *c = n->child; c; c = c->next) {
        if (!conf_is_text(l, c))
            continue;
        int b = 0;
        while (b <= CONF_BASIS_LAST && !base_str_is(c->text, conf_basis_name((enum conf_basis)b)))
            b++;
        if (b <= CONF_BASIS_LAST)
            *mask |= CONF_BASIS_BIT(b);
        else
            wrong_basis(l, c);
    }
}

static void load_sub_processors(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "sub_processors", .kind = CONF_NAMES_0, .offset = AT(conf_needs, sub_processors)};
    struct conf_needs *needs = dst;
    needs->has_sub_processors = true;
    conf_value(l, n, &field, needs);
}

static void load_needs(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "certifications", .kind = CONF_NAMES, .offset = AT(conf_needs, certifications)},
        {.name = "entity", .kind = CONF_NAMES, .offset = AT(conf_needs, entities)},
        {.name = "sub_processors", .kind = CONF_SUB, .fn = load_sub_processors},
        {.name = "retention_days",
         .kind = CONF_INT,
         .offset = AT(conf_needs, retention_days),
         .max = 36500},
        {.name = "checked_within_days",
         .kind = CONF_INT,
         .offset = AT(conf_needs, checked_within_days),
         .min = 1,
         .max = 36500},
        {.name = "assessment", .kind = CONF_BOOL, .offset = AT(conf_needs, assessment)},
        {.name = "no_training", .kind = CONF_BOOL, .offset = AT(conf_needs, no_training)},
    };
    struct conf_needs *needs = dst;
    needs->present = true;
    if (conf_map(l, n, "backend", CONF_FIELDS(fields), needs) && n->n == 0)
        conf_wrong(l, n, "asks nothing of a back end");
}

static void load_rules(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "id", .kind = CONF_NAME, .offset = AT(conf_rule, id), .required = true},
        {.name = "when", .kind = CONF_SUB, .fn = load_when},
        {.name = "location", .kind = CONF_SUB, .fn = load_location},
        {.name = "basis", .kind = CONF_SUB, .offset = AT(conf_rule, basis), .fn = load_basis},
        {.name = "backend", .kind = CONF_SUB, .offset = AT(conf_rule, needs), .fn = load_needs},
        {.name = "redact", .kind = CONF_NAMES_0, .offset = AT(conf_rule, redact)},
        {.name = "redact_style", .kind = CONF_SUB, .fn = load_redact_style},
        {.name = "deny", .kind = CONF_STR, .offset = AT(conf_rule, deny)},
    };
    struct conf_policy *p = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, RULES_MAX))
        return;
    p->rules = conf_array(l, n, n->n, sizeof(*p->rules));
    for (const struct conf_node *c = n->child; p->rules && c; c = c->next) {
        struct conf_rule *r = &p->rules[p->n_rules];
        *r = (struct conf_rule){.pos = conf_pos(l, c),
                                .needs = {.retention_days = -1, .checked_within_days = -1}};
        size_t before = l->pr->n_errors;
        if (!conf_map_handling(l, c, "this rule", CONF_FIELDS(fields), r, &r->handling))
            continue;
        p->n_rules++;
        if (!r->id)
            continue;
        if (r->redact_style && !r->redact.n)
            conf_wrong(l, c, "the rule %s has a redact_style and nothing to redact", r->id);
        if (l->pr->n_errors == before && !r->has_location && !r->basis && !r->needs.present &&
            !r->redact.n && !conf_handling_says(&r->handling) && !r->deny)
            conf_wrong(l, c,
                       "the rule %s says nothing: it needs location, basis, backend, redact, "
                       "tools, "
                       "answers, obligations, retention, limits or deny",
                       r->id);
    }
}

/* ---- the file ---- */

/* Words of a list against those there are. */
static void check_words(struct conf_loader *l, const struct conf_names *names, const char *key,
                        const char *const *words)
{
    for (size_t i = 0; i < names->n; i++) {
        bool known = false;
        for (size_t k = 0; words[k] && !known; k++)
            known = strcmp(names->v[i], words[k]) == 0;
        if (known)
            continue;
        const char *near = conf_nearest(base_str_c(names->v[i]), words);
        conf_problem_add(l->pr, names->pos[i], false, "%s: \"%.60s\" is not known%s%s%s", key,
                         names->v[i], near ? "; did you mean " : "", near ? near : "",
                         near ? "?" : "");
    }
}

/* Read before the rest, which names what stands in it. */
static void already_read(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)l;
    (void)n;
    (void)dst;
}

void conf_load_policy(struct conf_loader *l, const struct conf_node *root, struct conf_policy *p)
{
    static const char *const organisations[] = {"public_body", "public_service", NULL};
    static const char *const requirements[] = {"use_case", "purpose", "legal_basis", "exception",
                                               NULL};
    static const struct conf_field fields[] = {
        {.name = "version",
         .kind = CONF_INT,
         .offset = AT(conf_policy, version),
         .required = true,
         .min = 1,
         .max = 1},
        {.name = "revision",
         .kind = CONF_UINT,
         .offset = AT(conf_policy, revision),
         .min = 1,
         .max = 2e9},
        {.name = "organisation", .kind = CONF_NAMES_0, .offset = AT(conf_policy, organisation)},
        {.name = "require", .kind = CONF_NAMES_0, .offset = AT(conf_policy, require)},
        {.name = "default", .kind = CONF_SUB, .fn = load_default},
        {.name = "rights", .kind = CONF_SUB, .fn = load_rights},
        {.name = "notice", .kind = CONF_STR, .offset = AT(conf_policy, notice)},
        {.name = "retention_classes", .kind = CONF_SUB, .fn = already_read},
        {.name = "use_cases", .kind = CONF_SUB, .fn = conf_load_use_cases},
        {.name = "rules", .kind = CONF_SUB, .fn = load_rules},
        {.name = "test_backends", .kind = CONF_SUB, .fn = conf_load_test_backends},
        {.name = "tests", .kind = CONF_SUB, .fn = conf_load_policy_tests},
    };
    l->policy_now = p;
    p->pos = conf_pos(l, root);
    /* What no rule allows stays home, also where nobody wrote so. */
    const char **home = conf_array(l, root, 1, sizeof(*home));
    if (!home)
        return;
    home[0] = "on_premises";
    p->default_location = (struct conf_places){home, 1};
    p->objected = CONF_RIGHTS_LOCAL;
    p->restricted = CONF_RIGHTS_REFUSE;
    for (const struct conf_node *c = root->kind == CONF_NODE_MAP ? root->child : NULL; c;
         c = c->next)
        if (base_str_is(c->key, "retention_classes"))
            conf_load_retentions(l, c, p);
    conf_map(l, root, "the policy", CONF_FIELDS(fields), p);
    check_words(l, &p->organisation, "organisation", organisations);
    check_words(l, &p->require, "require", requirements);
}

bool conf_use_case_known(const struct conf *c, struct base_str id)
{
    const struct conf_policy *p = &c->policy;
    for (size_t i = 0; i < p->n_use_cases; i++)
        if (p->use_cases[i].id && base_str_is(id, p->use_cases[i].id))
            return true;
    for (size_t i = 0; i < p->n_rules; i++)
        for (size_t k = 0; k < p->rules[i].when_use_case.n; k++)
            if (base_str_is(id, p->rules[i].when_use_case.v[k]))
                return true;
    return false;
}
