/* Goal: pol_decide reads rules exactly as the contract says, each sentence of it.
 * Method: a table of small policies and facts with the outcome, the rules and the reason that must
 * come out; properties over random policies against a slow evaluator written from the contract
 * alone; determinism of the JSON. */
#include "policy/policy.h"

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
#define B(x) CONF_BASIS_BIT(CONF_BASIS_##x)

#define TODAY 20779 /* 2026-11-22 */

/* ---- back ends that the cases choose from ---- */

static const char *p_eu[] = {"EU"}, *p_us[] = {"US"}, *p_de[] = {"DE"}, *p_no[] = {"NO"},
                  *p_home[] = {"on_premises"}, *p_eu_us[] = {"EU", "US"}, *p_eea[] = {"EEA"};

#define REMOTE(var, txt, loc, nloc, bas, ref, exp_text, exp_day, trains, home)                     \
    static struct conf_backend be_##var = {.name = #var,                                           \
                                           .residency = {.on_premises = (home),                    \
                                                         .location = {loc, nloc},                  \
                                                         .trains_on_data = (trains),               \
                                                         .basis = CONF_BASIS_##bas,                \
                                                         .reference = (ref),                       \
                                                         .expires = (exp_text),                    \
                                                         .expires_day = (exp_day)}};               \
    static const struct conf_target t_##var = {.text = (txt), .backend = &be_##var}

REMOTE(eu, "openai-eu/x", p_eu, 1, DPA, "DPA-1", NULL, INT64_MAX, false, false);
REMOTE(us, "us/x", p_us, 1, DPF, "DPF-1", NULL, INT64_MAX, false, false);
REMOTE(us_scc, "us-scc/x", p_us, 1, SCC, "SCC-1", NULL, INT64_MAX, false, false);
REMOTE(de, "de/x", p_de, 1, DPA, "DPA-2", NULL, INT64_MAX, false, false);
REMOTE(no, "no/x", p_no, 1, ADEQUACY, "A-1", NULL, INT64_MAX, false, false);
REMOTE(eea, "eea/x", p_eea, 1, DPA, "DPA-3", NULL, INT64_MAX, false, false);
REMOTE(both, "both/x", p_eu_us, 2, DPA, "DPA-4", NULL, INT64_MAX, false, false);
REMOTE(noref, "noref/x", p_eu, 1, DPA, NULL, NULL, INT64_MAX, false, false);
REMOTE(old, "old/x", p_eu, 1, DPA, "DPA-5", "2026-11-21", TODAY - 1, false, false);
REMOTE(last, "last/x", p_eu, 1, DPA, "DPA-6", "2026-11-22", TODAY, false, false);
REMOTE(nobasis, "nobasis/x", p_eu, 1, NONE, NULL, NULL, INT64_MAX, false, false);
REMOTE(train, "train/x", p_eu, 1, DPA, "DPA-7", NULL, INT64_MAX, true, false);
REMOTE(house, "house/x", p_home, 1, NONE, NULL, NULL, INT64_MAX, true, true);
static struct conf_local_model lm = {.name = "small"};
static const struct conf_target t_local = {.text = "local/small", .local = &lm};

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

/* ---- random policies against a slow evaluator ---- */

static uint64_t seed = 88172645463325252ull;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static const char *const place_words[] = {"on_premises", "EU", "EEA", "US", "DE", "FR", "NO"};
static const char *const class_words[] = {"none", "personal", "special", "criminal", "secret"};
static const char *const type_words[] = {"EMAIL", "IBAN", "PHONE"};

/* The atoms of a place, as text: the slow evaluator compares words, never bits. */
static bool slow_place_in(const char *place, const struct conf_places *set)
{
    static const char *const eu[] = {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES",
                                     "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
                                     "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"};
    static const char *const efta[] = {"IS", "LI", "NO"};
    bool union_ = strcmp(place, "EU") == 0, area = strcmp(place, "EEA") == 0;

    if (union_ || area) {
        for (size_t i = 0; i < 27; i++) {
            if (!slow_place_in(eu[i], set))
                return false;
        }
        for (size_t i = 0; area && i < 3; i++) {
            if (!slow_place_in(efta[i], set))
                return false;
        }
        return true;
    }
    for (size_t k = 0; k < set->n; k++) {
        bool in_eu = false, in_efta = false;

        if (strcmp(set->v[k], place) == 0)
            return true;
        for (size_t i = 0; i < 27; i++)
            in_eu = in_eu || strcmp(eu[i], place) == 0;
        for (size_t i = 0; i < 3; i++)
            in_efta = in_efta || strcmp(efta[i], place) == 0;
        if (strcmp(set->v[k], "EU") == 0 && in_eu)
            return true;
        if (strcmp(set->v[k], "EEA") == 0 && (in_eu || in_efta))
            return true;
    }
    return false;
}

static bool has_word(const struct conf_names *n, const char *w)
{
    for (size_t i = 0; i < n->n; i++) {
        if (strcmp(n->v[i], w) == 0)
            return true;
    }
    return false;
}

static bool slow_class_holds(const char *w, unsigned classes)
{
    unsigned personal = classes & (PERS | SPEC | CRIM);

    if (strcmp(w, "none") == 0)
        return classes == 0;
    if (strcmp(w, "personal") == 0)
        return personal != 0;
    if (strcmp(w, "special") == 0)
        return (classes & SPEC) != 0;
    if (strcmp(w, "criminal") == 0)
        return (classes & CRIM) != 0;
    return strcmp(w, "secret") == 0 && (classes & SECR);
}

static bool slow_applies(const struct conf_rule *r, const struct pol_facts *f, unsigned classes)
{
    bool data = r->when_data.n == 0, tier = r->when_tier.n == 0;

    for (size_t i = 0; i < r->when_data.n; i++) {
        enum pol_type t;

        data = data || slow_class_holds(r->when_data.v[i], classes) ||
               (pol_type_find(base_str_c(r->when_data.v[i]), &t) &&
                (f->findings.types & POL_TYPE_BIT(t)));
    }
    tier = tier || has_word(&r->when_tier, f->tier == POL_TIER_HARD ? "hard" : "commodity");
    return data && tier;
}

/* Index of the candidate that may answer, or -1. */
static int slow_choice(const struct conf_policy *p, const struct pol_facts *f)
{
    unsigned classes = f->findings.classes | f->declared_classes;

    for (size_t c = 0; c < f->n_candidates; c++) {
        const struct conf_target *t = f->candidates[c].target;
        bool ok = f->candidates[c].available, open[5];
        const struct conf_residency *res = t->backend ? &t->backend->residency : NULL;
        bool home = !res || res->on_premises;
        size_t n_loc = home ? 1 : res->location.n;

        for (int k = 0; k < 5; k++)
            open[k] = slow_class_holds(class_words[k], classes);
        for (size_t i = 0; i < p->n_rules && ok; i++) {
            const struct conf_rule *r = &p->rules[i];

            if (!slow_applies(r, f, classes))
                continue;
            if (r->deny)
                ok = false;
            for (size_t l = 0; l < n_loc && r->has_location; l++)
                ok = ok && slow_place_in(home ? "on_premises" : res->location.v[l], &r->location);
            for (int k = 0; k < 5 && r->has_location; k++)
                open[k] = open[k] && !has_word(&r->when_data, class_words[k]);
            if (!home)
                ok = ok && (r->basis ? r->basis >> res->basis & 1 : res->basis != CONF_BASIS_NONE);
        }
        for (int k = 0; k < 5; k++) {
            for (size_t l = 0; l < n_loc && open[k]; l++)
                ok = ok &&
                     slow_place_in(home ? "on_premises" : res->location.v[l], &p->default_location);
        }
        if (!home)
            ok = ok && res->basis != CONF_BASIS_NONE && res->reference &&
                 f->today <= res->expires_day && (!res->trains_on_data || classes == 0) &&
                 !f->findings.unscannable;
        if (ok)
            return (int)c;
    }
    return -1;
}

static void random_rule(struct conf_rule *r, const char **store, struct conf_pos *pos)
{
    size_t k = 0;

    memset(r, 0, sizeof(*r));
    r->id = "r";
    r->when_data.v = store;
    r->when_data.pos = pos;
    for (unsigned i = rnd(3); i > 0; i--)
        store[k++] = rnd(4) ? class_words[rnd(5)] : type_words[rnd(3)];
    r->when_data.n = k;
    r->when_tier.v = store + k;
    r->when_tier.pos = pos;
    if (rnd(4) == 0)
        store[k++] = rnd(2) ? "hard" : "commodity";
    r->when_tier.n = k - r->when_data.n;
    r->has_location = rnd(4) != 0;
    r->location.v = store + k;
    for (unsigned i = 1 + rnd(4); i > 0; i--)
        store[k++] = place_words[rnd(3) ? i % 7 : rnd(7)];
    r->location.n = (size_t)(store + k - r->location.v);
    r->basis = rnd(2) ? 0 : rnd(64);
    r->deny = rnd(12) ? NULL : "no";
}

static void test_random(void **state)
{
    static const struct conf_target *const all[] = {
        &t_eu,    &t_us,  &t_us_scc, &t_de,      &t_no,    &t_eea,   &t_both,
        &t_noref, &t_old, &t_last,   &t_nobasis, &t_train, &t_house, &t_local};
    struct base_arena *a = base_arena_new(1 << 20);
    unsigned routed = 0, left = 0, total = 20000;
    const char *home[] = {"on_premises"}, *wide[] = {"on_premises", "EU"};
    (void)state;

    for (unsigned n = 0; n < total; n++) {
        struct conf_rule rules[5];
        const char *store[5][16];
        struct conf_pos pos[16] = {{0}};
        char ids[5][24];
        struct conf c = {.policy = {.id = "sha256:00", .rules = rules}};
        struct pol_candidate cand[4];
        struct pol_facts f = {.candidates = cand, .task = "chat", .today = TODAY};
        struct conf_problems pr = {0};
        struct pol_policy *p;
        struct pol_decision d;
        int want;

        c.policy.default_location =
            rnd(3) ? (struct conf_places){home, 1} : (struct conf_places){wide, 2};
        c.policy.n_rules = rnd(6);
        for (size_t i = 0; i < c.policy.n_rules; i++) {
            random_rule(&rules[i], store[i], pos);
            snprintf(ids[i], sizeof(ids[i]), "r%zu", i);
            rules[i].id = ids[i];
        }
        f.findings.classes = rnd(2) ? 0 : rnd(16);
        f.declared_classes = rnd(4) ? 0 : rnd(16);
        f.findings.types = rnd(2) ? EMAILBIT : POL_TYPE_BIT(POL_PHONE);
        f.findings.unscannable = rnd(8) == 0;
        f.tier = rnd(2) ? POL_TIER_HARD : POL_TIER_COMMODITY;
        f.n_candidates = 1 + rnd(4);
        for (size_t i = 0; i < f.n_candidates; i++)
            cand[i] = (struct pol_candidate){all[rnd(14)], rnd(6) != 0, "down"};
        p = pol_policy_new(&c, &pr);
        assert_non_null(p);
        assert_int_equal(pol_decide(p, &f, a, &d, NULL), BASE_OK);
        want = slow_choice(&c.policy, &f);
        if ((want >= 0) != d.routed || (d.routed && (size_t)want != d.chosen))
            fail_msg("case %u: slow says %d, pol_decide %d (%s)", n, want,
                     d.routed ? (int)d.chosen : -1, d.reason);
        routed += d.routed;
        left += d.routed && d.off_premises;
        pol_policy_free(p);
        conf_problems_release(&pr);
        base_arena_reset(a);
    }
    print_message("%u random cases: %u routed, %u of them off premises\n", total, routed, left);
    assert_true(routed > total / 10 && left > total / 50 && routed < total);
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
