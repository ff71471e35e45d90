/* load_tests.c - the tests that a policy file carries, and the back ends they are about.
 *
 * A policy travels without the configuration it will serve under, so its tests can state all the
 * facts that a decision depends on: text or declared classes, use case, tenant, region, tier, the
 * day, and back ends with the same facts as in the configuration. What is not stated comes from the
 * configuration (candidates), the router (tier) and the clock (day).
 */
#include "conf/rights.h"
#include "conf/sections.h"

#define AT(type, member)  offsetof(struct type, member)
#define TESTS_MAX         1000
#define TEST_BACKENDS_MAX 32

/* ---- back ends ---- */

struct made_up {
    const char *name;
    struct conf_residency r;
};

/* Anything visible: "openai-eu/gpt-x". */
static void load_name(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 128;
    for (size_t i = 0; good && i < n->text.n; i++)
        good = n->text.p[i] > 0x20 && n->text.p[i] < 0x7f && n->text.p[i] != '"';
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no name of a back end", CONF_SHOW(n));
}

static bool add_backend(struct conf_loader *l, const struct conf_node *n, struct conf_targets *to)
{
    struct conf_field fields[CONF_RESIDENCY_FIELDS + 1] = {{.name = "name",
                                                            .kind = CONF_SUB,
                                                            .offset = AT(made_up, name),
                                                            .required = true,
                                                            .fn = load_name}};
    struct conf_backend *b = conf_array(l, n, 1, sizeof(*b));
    struct made_up *m = conf_array(l, n, 1, sizeof(*m));
    if (!b || !m)
        return false;
    for (size_t i = 0; i < CONF_RESIDENCY_FIELDS; i++) {
        fields[i + 1] = conf_residency_fields[i];
        fields[i + 1].offset += AT(made_up, r);
    }
    conf_residency_init(&m->r);
    /* transfer and sub_processors are read at the residency's own address. */
    if (!conf_map(l, n, "this back end", fields, CONF_RESIDENCY_FIELDS + 1, m) || !m->name)
        return false;
    conf_residency_check(l, n, &m->r);
    const char *slash = strchr(m->name, '/');
    *b = (struct conf_backend){.pos = conf_pos(l, n), .path = "", .residency = m->r};
    b->name = slash ? conf_strdup(l, n, base_str_n(m->name, (size_t)(slash - m->name))) : m->name;
    for (size_t i = 0; i < to->n; i++)
        if (strcmp(to->v[i].text, m->name) == 0)
            conf_wrong(l, n, "a second back end is named \"%s\"", m->name);
    to->v[to->n++] = (struct conf_target){.pos = b->pos, .text = m->name, .backend = b};
    return b->name != NULL;
}

static void load_targets(struct conf_loader *l, const struct conf_node *n, struct conf_targets *to)
{
    bool before = l->in_policy;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, TEST_BACKENDS_MAX))
        return;
    l->in_policy = true;
    to->v = conf_array(l, n, n->n, sizeof(*to->v));
    for (const struct conf_node *c = n->child; to->v && c; c = c->next)
        if (!add_backend(l, c, to))
            continue;
    l->in_policy = before;
}

void conf_load_test_backends(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_policy *p = dst;
    p->has_test_backends = true;
    load_targets(l, n, &p->test_backends);
}

static void load_own_backends(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_policy_test *t = dst;
    t->has_backends = true;
    load_targets(l, n, &t->backends);
}

/* ---- what is expected ---- */

static void load_expect_data(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "data", .kind = CONF_NAMES, .offset = AT(conf_policy_test, expect_data)};
    struct conf_policy_test *t = dst;
    t->has_data = true;
    conf_value(l, n, &field, t);
}

static void load_expect_redact(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "redact", .kind = CONF_NAMES_0, .offset = AT(conf_policy_test, expect_redact)};
    struct conf_policy_test *t = dst;
    t->has_redact = true;
    conf_value(l, n, &field, t);
}

static void load_expect_obligations(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "obligations",
                                            .kind = CONF_NAMES_0,
                                            .offset = AT(conf_policy_test, expect_obligations)};
    struct conf_policy_test *t = dst;
    t->has_obligations = true;
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

static void load_style(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    load_one_of(l, n, "placeholder", "substitute", dst);
}

static void load_place(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (conf_place_known(n->text))
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no place: an ISO 3166 code, EU, EEA or on_premises",
                   CONF_SHOW(n));
}

static void load_expect_limited(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "limited", .kind = CONF_NAMES_0, .offset = AT(conf_policy_test, expect_limited)};
    struct conf_policy_test *t = dst;
    t->has_limited = true;
    conf_value(l, n, &field, t);
}

static void load_expect_tools(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "allowed", .kind = CONF_NAMES, .offset = AT(conf_policy_test, expect_tools)},
        {.name = "refused", .kind = CONF_NAMES, .offset = AT(conf_policy_test, expect_no_tools)},
    };
    if (conf_map(l, n, "tools", CONF_FIELDS(fields), dst) && n->n == 0)
        conf_wrong(l, n, "expects nothing: say allowed or refused");
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
         .fn = load_place},
        {.name = "backend",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, expect_backend),
         .fn = load_name},
        {.name = "refused", .kind = CONF_NAMES, .offset = AT(conf_policy_test, expect_refused)},
        {.name = "rule", .kind = CONF_NAME, .offset = AT(conf_policy_test, expect_rule)},
        {.name = "reason", .kind = CONF_STR, .offset = AT(conf_policy_test, expect_reason)},
        {.name = "tier",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, expect_tier),
         .fn = load_tier},
        {.name = "redact", .kind = CONF_SUB, .fn = load_expect_redact},
        {.name = "redact_style",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, expect_redact_style),
         .fn = load_style},
        {.name = "obligations", .kind = CONF_SUB, .fn = load_expect_obligations},
        {.name = "answers", .kind = CONF_NAME, .offset = AT(conf_policy_test, expect_answers)},
        {.name = "retention", .kind = CONF_NAME, .offset = AT(conf_policy_test, expect_retention)},
        {.name = "tools", .kind = CONF_SUB, .fn = load_expect_tools},
        {.name = "limited", .kind = CONF_SUB, .fn = load_expect_limited},
    };
    if (conf_map(l, n, "expect", CONF_FIELDS(fields), dst) && n->n == 0)
        conf_wrong(l, n, "the test expects nothing");
}

/* ---- the list ---- */

/* That the text holds an identifier of somebody on these lists. */
static void load_rights(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    unsigned *bits = dst;
    if (!conf_is_list(l, n, 3))
        return;
    for (const struct conf_node *c = n->child; c; c = c->next) {
        if (!conf_is_text(l, c))
            continue;
        unsigned bit = conf_rights_find(c->text);
        if (base_str_is(c->text, "unreadable"))
            bit = CONF_RIGHTS_UNREADABLE;
        if (bit)
            *bits |= bit;
        else
            conf_wrong(l, c, "must be restricted, objected or unreadable, not \"%.*s\"",
                       CONF_SHOW(c));
    }
}

void conf_load_policy_tests(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "name", .kind = CONF_STR, .offset = AT(conf_policy_test, name)},
        {.name = "text", .kind = CONF_STR, .offset = AT(conf_policy_test, text)},
        {.name = "data", .kind = CONF_NAMES, .offset = AT(conf_policy_test, data)},
        {.name = "use_case", .kind = CONF_NAME, .offset = AT(conf_policy_test, use_case)},
        {.name = "tenant", .kind = CONF_NAME, .offset = AT(conf_policy_test, tenant)},
        {.name = "region",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, region),
         .fn = load_place},
        {.name = "tier", .kind = CONF_SUB, .offset = AT(conf_policy_test, tier), .fn = load_tier},
        {.name = "at", .kind = CONF_SUB, .offset = AT(conf_policy_test, at), .fn = conf_load_date},
        {.name = "pinned", .kind = CONF_BOOL, .offset = AT(conf_policy_test, pinned)},
        {.name = "rights",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, rights),
         .fn = load_rights},
        {.name = "asks",
         .kind = CONF_SUB,
         .offset = AT(conf_policy_test, asks),
         .fn = conf_load_asks},
        {.name = "backends", .kind = CONF_SUB, .fn = load_own_backends},
        {.name = "expect", .kind = CONF_SUB, .required = true, .fn = load_expect},
    };
    struct conf_policy *p = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, TESTS_MAX))
        return;
    p->tests = conf_array(l, n, n->n, sizeof(*p->tests));
    for (const struct conf_node *c = n->child; p->tests && c; c = c->next) {
        struct conf_policy_test *t = &p->tests[p->n_tests];
        *t = (struct conf_policy_test){.pos = conf_pos(l, c), .asks = {-1, -1, -1, -1, 0}};
        if (!conf_map(l, c, "this test", CONF_FIELDS(fields), t))
            continue;
        if (!t->text && !t->data.n && !t->use_case)
            conf_wrong(l, c, "the key \"text\" is missing in this test: or say data or use_case");
        t->text = t->text ? t->text : "";
        p->n_tests++;
    }
}
