/* Goal: pol_decide reads rules exactly as the contract says, each sentence of it.
 * Method: a table of small policies and facts with the outcome, the rules and the reason that must
 * come out; determinism of the JSON. Random policies are in policy_decide_random.c. */
#include "tests/unit/policy_backends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(...) (sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))
#define NAMES(...)                                                                                 \
    {                                                                                              \
        (const char *[]){__VA_ARGS__}, (struct conf_pos[8]){{0}}, COUNT(__VA_ARGS__)               \
    }
#define PLACES(...)                                                                                \
    {                                                                                              \
        (const char *[]){__VA_ARGS__}, COUNT(__VA_ARGS__)                                          \
    }

/* ---- policies ---- */

#define PERSONAL_EU                                                                                \
    {                                                                                              \
        .id = "personal-eu", .when_data = NAMES("personal"), .has_location = true,                 \
        .location = PLACES("on_premises", "EU"), .basis = B(DPA), .redact = NAMES("EMAIL", "IBAN") \
    }
#define SECRET_HOME                                                                                \
    {                                                                                              \
        .id = "secret-home", .when_data = NAMES("secret"), .has_location = true,                   \
        .location = PLACES("on_premises")                                                          \
    }
#define SPECIAL_HOME                                                                               \
    {                                                                                              \
        .id = "special-home", .when_data = NAMES("special", "criminal"), .has_location = true,     \
        .location = PLACES("on_premises")                                                          \
    }
#define NONE_ANY                                                                                   \
    {                                                                                              \
        .id = "none-any", .when_data = NAMES("none"), .has_location = true,                        \
        .location = PLACES("on_premises", "EU", "US")                                              \
    }

static struct conf_rule contract_rules[] = {
    SECRET_HOME,
    SPECIAL_HOME,
    PERSONAL_EU,
    NONE_ANY,
    {.id = "prohibited", .when_use_case = NAMES("social-scoring"), .deny = "AI Act Art. 5(1)(c)"},
};
static struct conf_rule more_rules[] = {
    PERSONAL_EU,
    NONE_ANY,
    {.id = "de-only",
     .when_use_case = NAMES("support"),
     .has_location = true,
     .location = PLACES("DE", "on_premises"),
     .redact = NAMES("PHONE"),
     .handling = {.obligations = NAMES("label-output", "retain-30")}},
    {.id = "redact-only", .when_data = NAMES("PHONE"), .redact = NAMES("PHONE")},
    {.id = "scc-only", .when_tier = NAMES("hard"), .when_data = NAMES("none"), .basis = B(SCC)},
    {.id = "no-code", .when_task = NAMES("code"), .deny = "no code"},
};
static struct conf_rule redact_only_rules[] = {
    {.id = "only", .when_data = NAMES("personal"), .redact = NAMES("EMAIL")},
};
static struct conf_rule typed_rules[] = {
    {.id = "mail-eu",
     .when_data = NAMES("EMAIL"),
     .has_location = true,
     .location = PLACES("EU", "on_premises")},
};
static struct conf_rule disjoint_rules[] = {
    {.id = "us", .when_data = NAMES("none"), .has_location = true, .location = PLACES("US")},
    {.id = "eu", .when_data = NAMES("none"), .has_location = true, .location = PLACES("EU")},
};
static struct conf_rule eea_rules[] = {
    {.id = "eea", .when_data = NAMES("none"), .has_location = true, .location = PLACES("EEA")},
};
static struct conf_rule none_basis_rules[] = {
    {.id = "any-basis",
     .when_data = NAMES("none"),
     .has_location = true,
     .location = PLACES("EU"),
     .basis = B(NONE) | B(DPA)},
};
static struct conf_use_case use_cases[] = {
    {.id = "support", .ai_act = "minimal"},
    {.id = "hiring", .ai_act = "annex3.4", .human_review = true, .data = NAMES("personal")},
    {.id = "chat", .ai_act = "limited"},
    {.id = "clinic", .data = NAMES("special")},
    {.id = "banned", .ai_act = "prohibited"},
};

#define POLICY(name, r)                                                                            \
    static struct conf name = {.policy = {.id = "sha256:00",                                       \
                                          .default_location = PLACES("on_premises"),               \
                                          .use_cases = use_cases,                                  \
                                          .n_use_cases = sizeof(use_cases) / sizeof(use_cases[0]), \
                                          .rules = r,                                              \
                                          .n_rules = sizeof(r) / sizeof(r[0])}}
static struct conf empty_policy = {
    .policy = {.id = "sha256:00", .default_location = PLACES("on_premises")}};
POLICY(contract, contract_rules);
POLICY(more, more_rules);
POLICY(redact_only, redact_only_rules);
POLICY(typed, typed_rules);
POLICY(disjoint, disjoint_rules);
POLICY(eea_policy, eea_rules);
POLICY(none_basis, none_basis_rules);

/* ---- the table ---- */

struct row {
    const char *what;
    struct conf *conf;
    const struct conf_target *targets[4];
    unsigned found, declared;
    pol_types types;
    const char *use_case, *region, *task;
    enum pol_tier tier;
    bool unscannable, pinned;
    unsigned down; /* bits: candidates not available */
    /* expected */
    const char *route; /* NULL: denied */
    const char *code;  /* denied: deny_rule */
    const char *says;  /* part of the reason, or of the first refusal */
    const char *rules; /* all that applied, comma separated; NULL: unchecked */
    pol_types redact;
    const char *obligations;
};

#define PERS     POL_CLASS_PERSONAL
#define SPEC     (POL_CLASS_SPECIAL)
#define CRIM     POL_CLASS_CRIMINAL
#define SECR     POL_CLASS_SECRET
#define EMAILBIT POL_TYPE_BIT(POL_EMAIL)
#define BOTHBITS (POL_TYPE_BIT(POL_EMAIL) | POL_TYPE_BIT(POL_IBAN))

static const struct row rows[] = {
    /* classes */
    {"no data: none holds", &contract, {&t_us}, .route = "us/x", .rules = "none-any"},
    {"found personal data",
     &contract,
     {&t_us},
     .found = PERS,
     .code = "personal-eu",
     .says = "location US is not allowed by rule personal-eu (on_premises, EU)",
     .rules = "personal-eu"},
    {"a declaration adds", &contract, {&t_us}, .declared = PERS, .code = "personal-eu"},
    {"a declaration does not remove",
     &contract,
     {&t_us},
     .found = PERS,
     .declared = 0,
     .code = "personal-eu"},
    {"the use case declares",
     &contract,
     {&t_us},
     .use_case = "hiring",
     .code = "personal-eu",
     .rules = "personal-eu"},
    {"special implies personal",
     &contract,
     {&t_eu},
     .found = SPEC,
     .code = "special-home",
     .rules = "special-home,personal-eu"},
    {"criminal implies personal",
     &contract,
     {&t_local},
     .found = CRIM,
     .route = "local/small",
     .rules = "special-home,personal-eu"},
    {"declared special stays home",
     &contract,
     {&t_eu, &t_local},
     .use_case = "clinic",
     .route = "local/small"},
    {"secret is not personal",
     &contract,
     {&t_local},
     .found = SECR,
     .route = "local/small",
     .rules = "secret-home"},
    {"secret never leaves", &contract, {&t_eu}, .found = SECR, .code = "secret-home"},
    /* rules intersect and unite */
    {"allowed in the EU, redacted",
     &contract,
     {&t_eu},
     .found = PERS,
     .route = "openai-eu/x",
     .redact = BOTHBITS,
     .says = "sent to openai-eu/x (EU) on transfer basis dpa, DPA-1"},
    {"not redacted at home",
     &contract,
     {&t_local},
     .found = PERS,
     .route = "local/small",
     .redact = 0,
     .says = "commodity request with personal data: answered on premises"},
    {"the strictest location wins",
     &more,
     {&t_eu},
     .found = PERS,
     .use_case = "support",
     .code = "de-only",
     .says = "location EU is not allowed by rule de-only (DE, on_premises)"},
    {"locations intersect to DE",
     &more,
     {&t_eu, &t_de},
     .found = PERS,
     .use_case = "support",
     .route = "de/x",
     .redact = BOTHBITS | POL_TYPE_BIT(POL_PHONE),
     .obligations = "label-output,retain-30",
     .rules = "personal-eu,de-only"},
    {"a type condition holds by finding",
     &more,
     {&t_eu},
     .found = PERS,
     .types = POL_TYPE_BIT(POL_PHONE),
     .route = "openai-eu/x",
     .redact = BOTHBITS | POL_TYPE_BIT(POL_PHONE),
     .rules = "personal-eu,redact-only"},
    {"a type condition needs the finding",
     &more,
     {&t_eu},
     .found = PERS,
     .types = EMAILBIT,
     .route = "openai-eu/x",
     .rules = "personal-eu"},
    {"bases intersect",
     &more,
     {&t_us},
     .tier = POL_TIER_HARD,
     .code = "scc-only",
     .says = "transfer basis dpf is not accepted by rule scc-only (scc)"},
    {"the basis that is left",
     &more,
     {&t_us, &t_us_scc},
     .tier = POL_TIER_HARD,
     .route = "us-scc/x",
     .rules = "none-any,scc-only"},
    {"the tier is a condition", &more, {&t_us}, .route = "us/x", .rules = "none-any"},
    {"the task is a condition",
     &more,
     {&t_local},
     .task = "code",
     .code = "no-code",
     .says = "denied by rule no-code: no code"},
    {"another task", &more, {&t_local}, .task = "chat", .route = "local/small"},
    {"disjoint locations: nothing", &disjoint, {&t_us, &t_eu, &t_local}, .code = "eu"},
    /* deny */
    {"one deny denies",
     &contract,
     {&t_local, &t_eu},
     .use_case = "social-scoring",
     .code = "prohibited",
     .says = "denied by rule prohibited: AI Act Art. 5(1)(c)"},
    {"deny beats allowed data",
     &contract,
     {&t_local},
     .found = PERS,
     .use_case = "social-scoring",
     .code = "prohibited"},
    /* default */
    {"empty policy: home", &empty_policy, {&t_eu, &t_local}, .route = "local/small", .rules = ""},
    {"empty policy: nothing leaves",
     &empty_policy,
     {&t_eu},
     .code = "default",
     .says = "location EU is not allowed by default (on_premises)"},
    {"a class without a rule is under default",
     &more,
     {&t_eu},
     .found = PERS | SECR,
     .code = "default",
     .rules = "personal-eu"},
    {"a rule that only redacts opens nothing",
     &redact_only,
     {&t_eu},
     .found = PERS,
     .code = "default",
     .rules = "only"},
    {"a type names no class",
     &typed,
     {&t_eu},
     .found = PERS,
     .types = EMAILBIT,
     .code = "default",
     .rules = "mail-eu"},
    {"none without a rule is under default", &typed, {&t_eu}, .code = "default"},
    /* back ends */
    {"on premises needs no basis", &contract, {&t_house}, .found = SECR, .route = "house/x"},
    {"every place must be allowed",
     &contract,
     {&t_both},
     .found = PERS,
     .code = "personal-eu",
     .says = "location US"},
    {"every place allowed", &contract, {&t_both}, .route = "both/x"},
    {"EU is the member states", &contract, {&t_de}, .found = PERS, .route = "de/x"},
    {"NO is not in the EU", &contract, {&t_no}, .found = PERS, .code = "personal-eu"},
    {"EEA is more than the EU",
     &contract,
     {&t_eea},
     .found = PERS,
     .code = "personal-eu",
     .says = "location EEA"},
    {"EEA holds NO", &eea_policy, {&t_no}, .route = "no/x"},
    {"EEA holds the EU", &eea_policy, {&t_eu}, .route = "openai-eu/x"},
    {"EEA is not the US", &eea_policy, {&t_us}, .code = "eea"},
    {"without reference",
     &contract,
     {&t_noref},
     .found = PERS,
     .code = "personal-eu",
     .says = "transfer basis dpa has no reference"},
    {"expired",
     &contract,
     {&t_old},
     .found = PERS,
     .code = "personal-eu",
     .says = "transfer basis expired 2026-11-21"},
    {"the last day holds", &contract, {&t_last}, .found = PERS, .route = "last/x"},
    {"no basis", &contract, {&t_nobasis}, .code = "none-any", .says = "no transfer basis"},
    {"even where none is accepted, a reference is needed",
     &none_basis,
     {&t_nobasis},
     .code = "any-basis",
     .says = "no reference"},
    {"trains on data",
     &contract,
     {&t_train},
     .found = PERS,
     .code = "personal-eu",
     .says = "trains on the data"},
    {"may train on nothing personal", &contract, {&t_train}, .route = "train/x"},
    {"at home it may train", &contract, {&t_house}, .found = PERS, .route = "house/x"},
    /* narrowing */
    {"region", &contract, {&t_us, &t_eu}, .region = "EU", .route = "openai-eu/x"},
    {"region refuses",
     &contract,
     {&t_us},
     .region = "EU",
     .code = "region",
     .says = "outside the region asked for (EU)"},
    {"region: home is always in",
     &contract,
     {&t_us, &t_local},
     .region = "DE",
     .route = "local/small"},
    {"region: the EU is not inside DE", &contract, {&t_eu}, .region = "DE", .code = "region"},
    {"region never widens",
     &contract,
     {&t_us},
     .found = PERS,
     .region = "US",
     .code = "personal-eu"},
    {"unknown region", &contract, {&t_local}, .region = "Mars", .code = "unknown-region"},
    {"pinned and refused is no detour",
     &contract,
     {&t_us, &t_local},
     .found = PERS,
     .pinned = true,
     .code = "personal-eu"},
    {"pinned and allowed",
     &contract,
     {&t_eu},
     .found = PERS,
     .pinned = true,
     .route = "openai-eu/x"},
    {"the first allowed is taken",
     &contract,
     {&t_us, &t_eu, &t_de},
     .found = PERS,
     .route = "openai-eu/x"},
    {"the next when the first is down",
     &contract,
     {&t_eu, &t_de},
     .found = PERS,
     .down = 1,
     .route = "de/x"},
    {"all down",
     &contract,
     {&t_eu, &t_local},
     .found = PERS,
     .down = 3,
     .code = "unavailable",
     .says = "engine is down"},
    {"a policy reason comes before down",
     &contract,
     {&t_local, &t_us},
     .found = PERS,
     .down = 1,
     .code = "personal-eu"},
    {"no candidate", &contract, {NULL}, .code = "no-candidate"},
    {"unscannable stays home",
     &contract,
     {&t_eu, &t_local},
     .unscannable = true,
     .route = "local/small"},
    {"unscannable never leaves",
     &contract,
     {&t_eu},
     .unscannable = true,
     .code = "unscannable-content",
     .says = "cannot be scanned"},
    {"unscannable may go to one's own house",
     &contract,
     {&t_house},
     .unscannable = true,
     .route = "house/x"},
    /* use cases */
    {"unknown use case", &contract, {&t_local}, .use_case = "hirng", .code = "unknown-use-case"},
    {"human review",
     &contract,
     {&t_local},
     .use_case = "hiring",
     .route = "local/small",
     .obligations = "human-review"},
    {"limited: label",
     &contract,
     {&t_local},
     .use_case = "chat",
     .route = "local/small",
     .obligations = "label-output"},
    {"prohibited by declaration",
     &contract,
     {&t_local},
     .use_case = "banned",
     .code = "ai-act-prohibited"},
};

static struct pol_policy *compile(struct conf *c)
{
    struct conf_problems pr = {0};
    struct pol_policy *p = pol_policy_new(c, &pr);

    for (size_t i = 0; !p && i < pr.n; i++)
        print_message("%s\n", pr.v[i].text);
    conf_problems_release(&pr);
    assert_non_null(p);
    return p;
}

static void facts_of(const struct row *r, struct pol_facts *f, struct pol_candidate *c)
{
    memset(f, 0, sizeof(*f));
    f->findings.classes = r->found;
    f->findings.types = r->types;
    f->findings.unscannable = r->unscannable;
    f->declared_classes = r->declared;
    f->use_case = base_str_c(r->use_case);
    f->region = base_str_c(r->region);
    f->task = r->task ? r->task : "chat";
    f->tier = r->tier;
    f->pinned = r->pinned;
    f->today = TODAY;
    f->difficulty = 0.31;
    f->candidates = c;
    for (size_t i = 0; i < 4 && r->targets[i]; i++) {
        c[i] = (struct pol_candidate){r->targets[i], !(r->down >> i & 1), "the engine is down"};
        f->n_candidates++;
    }
}

static void join(const char **v, size_t n, char *out, size_t max)
{
    out[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(out);
        snprintf(out + at, max - at, "%s%s", i ? "," : "", v[i]);
    }
}

static void test_table(void **state)
{
    struct base_arena *a = base_arena_new(1 << 20);
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct pol_policy *p = compile(r->conf);
        struct pol_candidate c[4];
        struct pol_facts f;
        struct pol_decision d;
        char list[256];

        facts_of(r, &f, c);
        assert_int_equal(pol_decide(p, &f, a, &d, NULL), BASE_OK);
        if ((r->route != NULL) != d.routed ||
            strcmp(r->route ? r->route : r->code, d.routed ? d.target->text : d.deny_rule) != 0)
            fail_msg("%s: got %s (%s)", r->what, d.routed ? d.target->text : d.deny_rule, d.reason);
        if (r->says && !strstr(d.reason, r->says))
            fail_msg("%s: reason \"%s\" does not say \"%s\"", r->what, d.reason, r->says);
        join(d.rules, d.n_rules, list, sizeof(list));
        if (r->rules && strcmp(r->rules, list) != 0)
            fail_msg("%s: rules %s", r->what, list);
        if (d.routed && (r->redact || !d.off_premises) && r->redact != d.redact)
            fail_msg("%s: redact %llx", r->what, (unsigned long long)d.redact);
        join(d.obligations, d.n_obligations, list, sizeof(list));
        if (r->obligations && strcmp(r->obligations, list) != 0)
            fail_msg("%s: obligations %s", r->what, list);
        if (!d.routed)
            assert_true(d.remedy && d.remedy[0]);
        assert_int_equal(d.n_verdicts, f.n_candidates);
        for (size_t k = 0; k < d.n_verdicts; k++)
            assert_int_equal(d.verdicts[k].allowed, d.verdicts[k].reason[0] == 0);
        pol_policy_free(p);
        base_arena_reset(a);
    }
    assert_true(sizeof(rows) / sizeof(rows[0]) >= 40);
    base_arena_free(a);
}

static void test_json(void **state)
{
    struct pol_policy *p = compile(&contract);
    struct base_arena *a = base_arena_new(1 << 20);
    struct pol_candidate c[2] = {{&t_us, true, NULL}, {&t_local, true, NULL}};
    struct pol_facts f = {.candidates = c,
                          .n_candidates = 2,
                          .task = "summarise",
                          .today = TODAY,
                          .difficulty = 0.31,
                          .use_case = BASE_STR("support")};
    struct pol_decision d;
    struct base_buf one, two;
    struct base_json j;
    (void)state;

    f.findings.classes = PERS;
    f.findings.types = POL_TYPE_BIT(POL_IBAN);
    f.findings.n = 1;
    f.findings.v[0] = (struct pol_finding){POL_IBAN, POL_CHECK, 2};
    base_buf_init(&one, 1 << 16);
    base_buf_init(&two, 1 << 16);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pol_decide(p, &f, a, &d, NULL), BASE_OK);
        base_json_init(&j, i ? &two : &one);
        pol_decision_json(&j, p, &f, &d);
    }
    assert_string_equal(
        one.p,
        "{\"v\":1,\"outcome\":\"route\",\"route\":\"local/small\",\"tier\":\"commodity\","
        "\"difficulty\":0.3100,\"task\":\"summarise\",\"data\":[\"personal\"],"
        "\"findings\":[{\"type\":\"IBAN\",\"level\":\"check\",\"count\":2}],"
        "\"use_case\":\"support\",\"policy\":\"sha256:00\",\"rules\":[\"personal-eu\"],"
        "\"redact\":[],\"obligations\":[],\"candidates\":[{\"backend\":\"us/x\",\"allowed\":false,"
        "\"reason\":\"location US is not allowed by rule personal-eu (on_premises, EU)\","
        "\"rule\":\"personal-eu\"},{\"backend\":\"local/small\",\"allowed\":true}],"
        "\"reason\":\"commodity request with personal data: answered on premises\"}");
    assert_string_equal(one.p, two.p);
    c[1].available = false;
    c[1].unavailable = "the engine is down";
    assert_int_equal(pol_decide(p, &f, a, &d, NULL), BASE_OK);
    base_buf_clear(&two);
    base_json_init(&j, &two);
    pol_decision_json(&j, p, &f, &d);
    assert_non_null(strstr(two.p, "\"outcome\":\"deny\",\"route\":null"));
    assert_non_null(strstr(two.p, "\"code\":\"personal-eu\",\"remedy\":\""));
    base_buf_release(&one);
    base_buf_release(&two);
    base_arena_free(a);
    pol_policy_free(p);
}

/* ---- what does not compile ---- */

static void expect_problem(struct conf *c, bool warning, const char *says)
{
    struct conf_problems pr = {0};
    struct pol_policy *p = pol_policy_new(c, &pr);
    bool found = false;

    for (size_t i = 0; i < pr.n; i++)
        found = found || (strstr(pr.v[i].text, says) && pr.v[i].warning == warning);
    if (!found)
        fail_msg("no problem says \"%s\"", says);
    assert_int_equal(p != NULL, warning);
    conf_problems_release(&pr);
    pol_policy_free(p);
}

static void test_problems(void **state)
{
    struct conf_rule bad_class[] = {
        {.id = "x", .when_data = NAMES("persnal"), .has_location = true, .location = PLACES("EU")}};
    struct conf_rule bad_redact[] = {
        {.id = "x", .when_data = NAMES("personal"), .redact = NAMES("personal")}};
    struct conf_rule twice[] = {SECRET_HOME, SECRET_HOME};
    struct conf_rule shadowed[] = {SECRET_HOME,
                                   {.id = "again",
                                    .when_data = NAMES("secret"),
                                    .has_location = true,
                                    .location = PLACES("on_premises", "EU")}};
    struct conf_rule undeclared[] = {{.id = "x", .when_use_case = NAMES("nobody"), .deny = "no"}};
    struct conf_use_case two_same[] = {{.id = "a"}, {.id = "a"}};
    struct conf_use_case bad_data[] = {{.id = "a", .data = NAMES("EMAIL")}};
    struct conf c = empty_policy;
    (void)state;

    c.policy.n_rules = 1;
    c.policy.rules = bad_class;
    expect_problem(&c, false, "\"persnal\" is no data class or type");
    c.policy.rules = bad_redact;
    expect_problem(&c, false, "\"personal\" is no type of data");
    c.policy.rules = twice;
    c.policy.n_rules = 2;
    expect_problem(&c, false, "\"secret-home\" is used twice");
    c.policy.rules = shadowed;
    expect_problem(&c, true, "again changes nothing");
    c.policy.rules = undeclared;
    c.policy.n_rules = 1;
    c.policy.use_cases = use_cases;
    c.policy.n_use_cases = 1;
    expect_problem(&c, true, "\"nobody\" is not declared");
    c.policy.n_rules = 0;
    c.policy.use_cases = two_same;
    c.policy.n_use_cases = 2;
    expect_problem(&c, false, "declared twice");
    c.policy.use_cases = bad_data;
    c.policy.n_use_cases = 1;
    expect_problem(&c, false, "\"EMAIL\" is no data class");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
