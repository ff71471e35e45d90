/* load_policy.c - the policy file into typed rules, not yet compiled.
 *
 * Checks the file's form: keys, types, places, bases, words. What its words mean (data classes,
 * detector types, ids that are used twice, rules that can never apply) is for policy/ to check when
 * it compiles. ${NAME} is not expanded here: the policy's hash is over the file's bytes and has to
 * tell everything that decides.
 */
#include "conf/load.h"

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

/* ---- use cases ---- */

static void load_review(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "human_review", .kind = CONF_BOOL};
    if (n->kind == CONF_NODE_SCALAR && base_str_is(n->text, "required"))
        *(bool *)dst = true;
    else
        conf_value(l, n, &field, dst);
}

static void load_use_cases(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "id", .kind = CONF_NAME, .offset = AT(conf_use_case, id), .required = true},
        {.name = "purpose", .kind = CONF_STR, .offset = AT(conf_use_case, purpose)},
        {.name = "legal_basis", .kind = CONF_STR, .offset = AT(conf_use_case, legal_basis)},
        {.name = "ai_act", .kind = CONF_STR, .offset = AT(conf_use_case, ai_act)},
        {.name = "human_review",
         .kind = CONF_SUB,
         .offset = AT(conf_use_case, human_review),
         .fn = load_review},
        {.name = "data", .kind = CONF_NAMES_0, .offset = AT(conf_use_case, data)},
    };
    struct conf_policy *p = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, RULES_MAX))
        return;
    p->use_cases = conf_array(l, n, n->n, sizeof(*p->use_cases));
    for (const struct conf_node *c = n->child; p->use_cases && c; c = c->next) {
        struct conf_use_case *u = &p->use_cases[p->n_use_cases];
        *u = (struct conf_use_case){.pos = conf_pos(l, c)};
        if (conf_map_handling(l, c, "this use case", CONF_FIELDS(fields), u, &u->handling) && u->id)
            p->n_use_cases++;
    }
}

/* ---- rules ---- */

static void load_when(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "data", .kind = CONF_NAMES, .offset = AT(conf_rule, when_data)},
        {.name = "use_case", .kind = CONF_NAMES, .offset = AT(conf_rule, when_use_case)},
        {.name = "tier", .kind = CONF_NAMES, .offset = AT(conf_rule, when_tier)},
        {.name = "task", .kind = CONF_NAMES, .offset = AT(conf_rule, when_task)},
        {.name = "tenant", .kind = CONF_NAMES, .offset = AT(conf_rule, when_tenant)},
    };
    struct conf_rule *r = dst;
    conf_map(l, n, "when", CONF_FIELDS(fields), r);
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

static void load_basis(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    uint32_t *mask = dst;
    if (!conf_is_list(l, n, 16))
        return;
    for (const struct conf_node *c = n->child; c; c = c->next) {
        if (!conf_is_text(l, c))
            continue;
        int b = 0;
        while (b <= CONF_BASIS_BCR && !base_str_is(c->text, conf_basis_name((enum conf_basis)b)))
            b++;
        if (b <= CONF_BASIS_BCR)
            *mask |= CONF_BASIS_BIT(b);
        else
            conf_wrong(l, c, "\"%.*s\" is no transfer basis: none, dpa, adequacy, dpf, scc or bcr",
                       CONF_SHOW(c));
    }
}

static void load_rules(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "id", .kind = CONF_NAME, .offset = AT(conf_rule, id), .required = true},
        {.name = "when", .kind = CONF_SUB, .fn = load_when},
        {.name = "location", .kind = CONF_SUB, .fn = load_location},
        {.name = "basis", .kind = CONF_SUB, .offset = AT(conf_rule, basis), .fn = load_basis},
        {.name = "redact", .kind = CONF_NAMES_0, .offset = AT(conf_rule, redact)},
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
        *r = (struct conf_rule){.pos = conf_pos(l, c)};
        size_t before = l->pr->n_errors;
        if (!conf_map_handling(l, c, "this rule", CONF_FIELDS(fields), r, &r->handling) || !r->id)
            continue;
        p->n_rules++;
        if (l->pr->n_errors == before && !r->has_location && !r->basis && !r->redact.n &&
            !conf_handling_says(&r->handling) && !r->deny)
            conf_wrong(l, c,
                       "the rule %s says nothing: it needs location, basis, redact, tools, "
                       "answers, obligations, retention or deny",
                       r->id);
    }
}

/* ---- tests ---- */

static void load_expect_data(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "data", .kind = CONF_NAMES, .offset = AT(conf_policy_test, expect_data)};
    struct conf_policy_test *t = dst;
    t->has_data = true;
    conf_value(l, n, &field, t);
}

/* One of words, kept as text. */
static void load_one_of(struct conf_loader *l, const struct conf_node *n, const char *a,
                        const char *b, const char **dst)
{
    if (!conf_is_text(l, n))
        return;
    if (base_str_is(n->text, a) || base_str_is(n->text, b))
        *dst = n->text.p;
    else
        conf_wrong(l, n, "must be %s or %s, not \"%.*s\"", a, b, CONF_SHOW(n));
}

static void load_outcome(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    load_one_of(l, n, "route", "deny", dst);
}

static void load_tier(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    load_one_of(l, n, "commodity", "hard", dst);
}

static void load_expect_location(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (conf_place_known(n->text))
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no place: an ISO 3166 code, EU, EEA or on_premises",
                   CONF_SHOW(n));
}

static void load_expect(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "data", .kind = CONF_SUB, .fn = load_expect_data},
        {.name = "outcome",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, expect_outcome),
         .fn = load_outcome},
        {.name = "location",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, expect_location),
         .fn = load_expect_location},
        {.name = "rule", .kind = CONF_NAME, .offset = AT(conf_policy_test, expect_rule)},
        {.name = "tier",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, expect_tier),
         .fn = load_tier},
        {.name = "redact", .kind = CONF_NAMES, .offset = AT(conf_policy_test, expect_redact)},
    };
    if (conf_map(l, n, "expect", CONF_FIELDS(fields), dst) && n->n == 0)
        conf_wrong(l, n, "the test expects nothing");
}

static void load_tests(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "name", .kind = CONF_STR, .offset = AT(conf_policy_test, name)},
        {.name = "text", .kind = CONF_STR, .offset = AT(conf_policy_test, text), .required = true},
        {.name = "use_case", .kind = CONF_NAME, .offset = AT(conf_policy_test, use_case)},
        {.name = "expect", .kind = CONF_SUB, .required = true, .fn = load_expect},
    };
    struct conf_policy *p = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, RULES_MAX))
        return;
    p->tests = conf_array(l, n, n->n, sizeof(*p->tests));
    for (const struct conf_node *c = n->child; p->tests && c; c = c->next) {
        struct conf_policy_test *t = &p->tests[p->n_tests];
        *t = (struct conf_policy_test){.pos = conf_pos(l, c)};
        if (conf_map(l, c, "this test", CONF_FIELDS(fields), t) && t->text)
            p->n_tests++;
    }
}

/* Read before the rest, which names what stands in it. */
static void already_read(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)l;
    (void)n;
    (void)dst;
}

void conf_load_policy(struct conf_loader *l, const struct conf_node *root)
{
    static const struct conf_field fields[] = {
        {.name = "version",
         .kind = CONF_INT,
         .offset = AT(conf_policy, version),
         .required = true,
         .min = 1,
         .max = 1},
        {.name = "default", .kind = CONF_SUB, .fn = load_default},
        {.name = "retention_classes", .kind = CONF_SUB, .fn = already_read},
        {.name = "use_cases", .kind = CONF_SUB, .fn = load_use_cases},
        {.name = "rules", .kind = CONF_SUB, .fn = load_rules},
        {.name = "tests", .kind = CONF_SUB, .fn = load_tests},
    };
    struct conf_policy *p = &l->c->policy;
    p->pos = conf_pos(l, root);
    /* What no rule allows stays home, also where nobody wrote so. */
    const char **home = conf_array(l, root, 1, sizeof(*home));
    if (!home)
        return;
    home[0] = "on_premises";
    p->default_location = (struct conf_places){home, 1};
    for (const struct conf_node *c = root->kind == CONF_NODE_MAP ? root->child : NULL; c;
         c = c->next)
        if (base_str_is(c->key, "retention_classes"))
            conf_load_retentions(l, c, p);
    conf_map(l, root, "the policy", CONF_FIELDS(fields), p);
}

bool conf_use_case_known(const struct conf *c, struct base_str id)
{
    const struct conf_policy *p = &c->policy;
    for (size_t i = 0; i < p->n_use_cases; i++)
        if (base_str_is(id, p->use_cases[i].id))
            return true;
    for (size_t i = 0; i < p->n_rules; i++)
        for (size_t k = 0; k < p->rules[i].when_use_case.n; k++)
            if (base_str_is(id, p->rules[i].when_use_case.v[k]))
                return true;
    return false;
}
