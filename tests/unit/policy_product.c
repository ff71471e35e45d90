/* Goal: what the policy language gained reads as docs/policy.md says: tools and handling united by
 * strictness, kill switches, the reason tree, comparison of decisions, coverage, facts as JSON.
 * Method: policies as YAML text through the loader, facts as JSON through the parser; the expected
 * words beside them. The random comparison with a second evaluator is tests/reference. */
#include "base/file.h"
#include "policy/decide/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct conf *c;
    struct pol_policy *p;
    struct conf_problems pr;
    struct base_arena *a;
};

static void open_world(struct world *w, const char *policy)
{
    char path[] = "/tmp/weir-policy-XXXXXX";
    int fd = mkstemp(path);
    struct base_err err = {0};
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(base_file_replace(path, base_str_c(policy), 0600, &err), BASE_OK);
    memset(w, 0, sizeof(*w));
    enum base_status st = conf_load_policy_only(path, NULL, NULL, &w->c, &w->pr);
    unlink(path);
    if (st != BASE_OK)
        fail_msg("%s", w->pr.n ? w->pr.v[0].text : "?");
    w->p = pol_policy_new(w->c, &w->pr);
    assert_non_null(w->p);
    w->a = base_arena_new(8u << 20);
    assert_non_null(w->a);
}

static void close_world(struct world *w)
{
    base_arena_free(w->a);
    pol_policy_free(w->p);
    conf_free(w->c);
    conf_problems_release(&w->pr);
}

static void parse(struct world *w, const char *facts, struct pol_facts *f)
{
    struct base_err err = {0};
    json_t *v = json_loads(facts, 0, NULL);
    assert_non_null(v);
    if (pol_facts_parse(v, NULL, NULL, NULL, w->a, f, &err) != BASE_OK)
        fail_msg("%s: %s", facts, err.text);
    json_decref(v);
}

static void decide(struct world *w, const char *facts, struct pol_facts *f, struct pol_decision *d)
{
    struct base_err err = {0};
    parse(w, facts, f);
    assert_int_equal(pol_decide_tree(w->p, f, w->a, d, &err), BASE_OK);
}

#define HOME "{\"backend\":\"home/x\",\"residency\":{\"location\":[\"on_premises\"]}}"
#define EU                                                                                         \
    "{\"backend\":\"eu/x\",\"residency\":{\"location\":[\"EU\"],\"trains_on_data\":false,"         \
    "\"transfer\":{\"basis\":\"dpa\",\"reference\":\"R\"}}}"
#define FACTS(more) "{\"today\":\"2026-11-22\",\"candidates\":[" EU "," HOME "]" more "}"

static void test_glob(void **state)
{
    static const struct {
        const char *glob, *name;
        bool is;
    } rows[] = {{"", "", true},           {"", "a", false},        {"*", "", true},
                {"*", "anything", true},  {"a*c", "abc", true},    {"a*c", "ac", true},
                {"a*c", "abcd", false},   {"a?c", "abc", true},    {"a?c", "ac", false},
                {"*b*", "abc", true},     {"*b", "bab", true},     {"*ab*ab", "abab", true},
                {"*ab*ab", "aab", false}, {"**", "x", true},       {"a", "A", false},
                {"?", "", false},         {"get_*", "get_", true}, {"a?c", "aéc", true},
                {"a??c", "aéc", false},   {"*?", "é", true},       {"*??", "é", false}};
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (pol_glob(rows[i].glob, base_str_c(rows[i].name)) != rows[i].is)
            fail_msg("%s on \"%s\"", rows[i].glob, rows[i].name);
    }
    /* Not exponential: this ends at once or not at all. */
    char many[201], name[20001];
    for (size_t i = 0; i < 100; i++)
        memcpy(many + 2 * i, "*a", 3);
    memset(name, 'a', 20000);
    name[20000] = 0;
    name[19999] = 'b';
    assert_false(pol_glob(many, base_str_c(name)));
}

static void test_handling(void **state)
{
    struct world w;
    struct pol_facts f;
    struct pol_decision d;
    const char *rule;
    (void)state;

    open_world(&w, "version: 1\n"
                   "retention_classes:\n"
                   "  - { id: short, record_days: 10, content_days: 1 }\n"
                   "  - { id: long, record_days: 365, content_days: 30 }\n"
                   "use_cases: [ { id: u, tools: { allow: [get_*, put_*] }, answers: warn, "
                   "retention: long, obligations: [notice] } ]\n"
                   "rules:\n"
                   "  - { id: a, tools: { deny: [get_secret] }, retention: short, obligations: "
                   "[notice, provenance] }\n"
                   "  - { id: b, when: { tenant: [acme] }, tools: { allow: [get_*] }, answers: "
                   "redact }\n");
    decide(&w, FACTS(",\"use_case\":\"u\",\"tenant\":\"acme\""), &f, &d);
    assert_true(pol_tool_allowed(&d, BASE_STR("get_time"), &rule));
    assert_false(pol_tool_allowed(&d, BASE_STR("get_secret"), &rule));
    assert_string_equal(rule, "a");
    /* what is allowed is meant to the letter, what is denied is not */
    static const char *const twins[] = {"get_SECRET", "get_ｓｅｃｒｅｔ", "get_\xe2\x80\x8bsecret",
                                        "get_sécret", "get_ѕеcret"};
    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        assert_false(pol_tool_allowed(&d, base_str_c(twins[i]), &rule));
        assert_string_equal(rule, "a");
    }
    assert_false(pol_tool_allowed(&d, BASE_STR("GET_time"), &rule));
    assert_string_equal(rule, "use_case:u");
    char long_name[600];
    memset(long_name, 'a', sizeof(long_name));
    assert_false(pol_tool_allowed(&d, base_str_n(long_name, sizeof(long_name)), &rule));
    assert_string_equal(rule, "a");
    assert_false(pol_tool_allowed(&d, BASE_STR("put_time"), &rule));
    assert_string_equal(rule, "b");
    assert_false(pol_tool_allowed(&d, BASE_STR("rm"), &rule));
    assert_string_equal(rule, "use_case:u");
    assert_int_equal(d.answers, CONF_ANSWERS_REDACT);
    assert_string_equal(d.answers_rule, "b");
    assert_int_equal(d.n_obligations, 2);
    assert_string_equal(d.retention->id, "short");
    assert_int_equal(d.record_days, 365);
    assert_int_equal(d.content_days, 1);
    decide(&w, FACTS(""), &f, &d);
    assert_true(pol_tool_allowed(&d, BASE_STR("rm"), &rule));
    assert_int_equal(d.answers, CONF_ANSWERS_PASS);
    close_world(&w);
}

static void test_unenforced(void **state)
{
    struct world w;
    (void)state;

    open_world(&w,
               "version: 1\nrules: [ { id: a, tools: { deny: [x] }, answers: warn, obligations: "
               "[label-output, notice] } ]\n");
    pol_policy_unenforced(w.p, POL_CAN_TOOLS | POL_CAN_ANSWERS | POL_CAN_LABEL | POL_CAN_NOTICE,
                          &w.pr);
    assert_int_equal(w.pr.n_errors, 0);
    pol_policy_unenforced(w.p, POL_CAN_LABEL, &w.pr);
    assert_int_equal(w.pr.n_errors, 3);
    close_world(&w);
}

static void test_kills(void **state)
{
    static const struct {
        const char *kill;
        bool eu_stops, home_stops;
    } rows[] = {
        {"{\"kind\":\"backend\",\"value\":\"eu\"}", true, false},
        {"{\"kind\":\"backend\",\"value\":\"e\"}", false, false},
        {"{\"kind\":\"backend\",\"value\":\"home\"}", false, true},
        {"{\"kind\":\"model\",\"value\":\"eu/x\"}", true, false},
        {"{\"kind\":\"model\",\"value\":\"eu/y\"}", false, false},
        {"{\"kind\":\"country\",\"value\":\"DE\"}", true, false}, /* EU is in every member state */
        {"{\"kind\":\"country\",\"value\":\"EEA\"}", true, false},
        {"{\"kind\":\"country\",\"value\":\"NO\"}", false, false},
        {"{\"kind\":\"basis\",\"value\":\"dpa\"}", true, false},
        {"{\"kind\":\"basis\",\"value\":\"dpf\"}", false, false},
        {"{\"kind\":\"use_case\",\"value\":\"other\"}", false, false},
    };
    struct world w;
    struct pol_facts f;
    struct pol_decision d;
    char text[1000];
    (void)state;

    open_world(&w, "version: 1\ndefault: { location: [on_premises, EU] }\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), FACTS(",\"kills\":[%s]"), rows[i].kill);
        decide(&w, text, &f, &d);
        if (d.verdicts[0].allowed == rows[i].eu_stops ||
            d.verdicts[1].allowed == rows[i].home_stops)
            fail_msg("%s", rows[i].kill);
        if (rows[i].eu_stops)
            assert_string_equal(d.verdicts[0].rule, "kill-switch");
        base_arena_reset(w.a);
    }
    assert_null(pol_kill_hits(NULL, f.candidates[0].target));
    close_world(&w);
}

static void test_tree(void **state)
{
    struct world w;
    struct pol_facts f;
    struct pol_decision d, fast;
    struct base_buf one, two;
    struct base_json j;
    (void)state;

    open_world(
        &w,
        "version: 1\nrules:\n"
        "  - { id: a, when: { data: [personal], tier: [hard] }, location: [on_premises] }\n"
        "  - { id: b, when: { data: [personal] }, location: [on_premises, US], basis: [scc] }\n");
    decide(&w, FACTS(",\"found\":[\"personal\"]"), &f, &d);
    base_buf_init(&one, 1 << 16);
    base_buf_init(&two, 1 << 16);
    base_json_init(&j, &one);
    pol_tree_json(&j, w.p, &f, &d);
    assert_non_null(strstr(one.p,
                           "{\"rule\":\"a\",\"conditions\":[{\"on\":\"data\",\"asks\":"
                           "[\"personal\"],\"holds\":true},{\"on\":\"tier\",\"asks\":[\"hard\"]"
                           ",\"holds\":false}],\"applies\":false"));
    /* every step that failed is there, not only the first */
    assert_non_null(strstr(one.p, "{\"check\":\"location\",\"ok\":false,\"rule\":\"b\""));
    assert_non_null(strstr(one.p, "{\"check\":\"basis\",\"ok\":false,\"rule\":\"b\""));
    assert_non_null(strstr(one.p, "{\"check\":\"training\",\"ok\":true}"));
    /* with or without the tree the decision is the same to the byte */
    assert_int_equal(pol_decide(w.p, &f, w.a, &fast, NULL), BASE_OK);
    base_buf_clear(&one);
    base_json_init(&j, &one);
    pol_decision_json(&j, w.p, &f, &d);
    base_json_init(&j, &two);
    pol_decision_json(&j, w.p, &f, &fast);
    assert_string_equal(one.p, two.p);
    base_buf_release(&one);
    base_buf_release(&two);
    close_world(&w);
}

static void test_compare(void **state)
{
#define P(rules) "version: 1\ndefault: { location: [on_premises] }\nrules: [" rules "]\n"
#define OUT      "{ id: o, when: { data: [none, personal] }, location: [on_premises, EU]"
    static const struct {
        const char *a, *b, *facts;
        enum pol_change is;
    } rows[] = {
        {P(""), P(""), FACTS(""), POL_CHANGE_SAME},
        {P(""), P("{ id: d, deny: no }"), FACTS(""), POL_CHANGE_NEWLY_DENIED},
        {P("{ id: d, deny: no }"), P(""), FACTS(""), POL_CHANGE_NEWLY_ANSWERED},
        {P(""), P(OUT " }"), FACTS(""), POL_CHANGE_NEWLY_LEAVES},
        {P("{ id: d, deny: no }"), P(OUT " }"), FACTS(""), POL_CHANGE_NEWLY_LEAVES},
        {P(OUT " }"), P(""), FACTS(""), POL_CHANGE_STAYS_HOME},
        {P(OUT ", redact: [EMAIL] }"), P(OUT " }"),
         FACTS(",\"findings\":[{\"type\":\"EMAIL\",\"level\":\"check\",\"count\":1}]"),
         POL_CHANGE_LESS_REDACTED},
        {P(OUT " }"), P(OUT ", redact: [EMAIL] }"),
         FACTS(",\"findings\":[{\"type\":\"EMAIL\",\"level\":\"check\",\"count\":1}]"),
         POL_CHANGE_MORE_REDACTED},
        {P(OUT ", redact: [IBAN] }"), P(OUT " }"),
         FACTS(",\"findings\":[{\"type\":\"EMAIL\",\"level\":\"check\",\"count\":1}]"),
         POL_CHANGE_SAME}, /* nothing of it was found */
        {P("{ id: x, redact: [IBAN] }"), P("{ id: y, redact: [IBAN] }"), FACTS(""),
         POL_CHANGE_RULES},
        {P("{ id: x, answers: warn }"), P("{ id: x, answers: redact }"), FACTS(""),
         POL_CHANGE_HANDLING},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world a, b;
        struct pol_facts f, g;
        struct pol_decision d, e;

        open_world(&a, rows[i].a);
        open_world(&b, rows[i].b);
        decide(&a, rows[i].facts, &f, &d);
        decide(&b, rows[i].facts, &g, &e);
        enum pol_change is = pol_decision_compare(&f, &d, &e);
        if (is != rows[i].is)
            fail_msg("row %zu: %s", i, pol_change_name(is));
        close_world(&a);
        close_world(&b);
    }
}

static void test_coverage(void **state)
{
    struct world w;
    struct pol_facts f;
    struct pol_decision d;
    struct pol_coverage_sum s;
    (void)state;

    open_world(&w, "version: 1\nuse_cases: [ { id: u } ]\nrules:\n"
                   "  - { id: a, when: { data: [personal, special] }, location: [on_premises] }\n"
                   "  - { id: b, redact: [EMAIL] }\n");
    struct pol_coverage *c = pol_coverage_new(w.p);
    assert_non_null(c);
    pol_coverage_sum(c, &s);
    /* a: applies, not, refuses, two words; b: applies; the use case; default */
    assert_int_equal(s.rules, 2);
    assert_int_equal(s.branches, 8);
    assert_int_equal(s.branches_reached, 0);
    decide(&w, FACTS(""), &f, &d);
    pol_coverage_add(c, &f, &d);
    pol_coverage_sum(c, &s);
    assert_int_equal(s.rules_reached, 1);
    assert_int_equal(s.branches_reached, 3); /* b applies, a does not, default */
    decide(&w, FACTS(",\"found\":[\"personal\"],\"use_case\":\"u\""), &f, &d);
    pol_coverage_add(c, &f, &d);
    pol_coverage_sum(c, &s);
    assert_int_equal(s.rules_reached, 2);
    assert_int_equal(s.branches_reached, 7); /* all but special */
    pol_coverage_free(c);
    close_world(&w);
}

static void test_facts(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"today\":\"2026-02-30\"}",
        "{\"today\":\"2026-11-22\",\"tier\":\"medium\"}",
        "{\"today\":\"2026-11-22\",\"found\":[\"persnal\"]}",
        "{\"today\":\"2026-11-22\",\"findings\":[{\"type\":\"NOTHING\"}]}",
        "{\"today\":\"2026-11-22\",\"candidates\":[{\"backend\":\"nobody/x\"}]}",
        "{\"today\":\"2026-11-22\",\"candidates\":[{\"backend\":\"b\",\"residency\":{\"loc\":[]}}]"
        "}",
        "{\"today\":\"2026-11-22\",\"candidates\":[{\"backend\":\"b\",\"residency\":{\"location\":"
        "[\"nowhere\"]}}]}",
        "{\"today\":\"2026-11-22\",\"kills\":[{\"kind\":\"planet\",\"value\":\"x\"}]}",
        "{\"today\":\"2026-11-22\",\"pinned\":1}",
        "{\"today\":\"2026-11-22\",\"canidates\":[]}",
    };
    struct world w;
    struct pol_facts f;
    struct base_buf out;
    struct base_json j;
    (void)state;

    open_world(&w, "version: 1\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct base_err err = {0};
        json_t *v = json_loads(bad[i], 0, NULL);

        assert_non_null(v);
        if (pol_facts_parse(v, NULL, NULL, NULL, w.a, &f, &err) == BASE_OK)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.text[0]);
        json_decref(v);
    }
    /* residency: out, in, out: the same bytes */
    const char *r =
        "{\"certifications\":[\"C5\"],\"entity\":\"E\",\"location\":[\"US\"],"
        "\"retention_days\":3,\"sub_processors\":[{\"location\":[\"DE\"],\"name\":\"S\"}],"
        "\"trains_on_data\":false,\"transfer\":{\"approver\":\"dpo\",\"assessment\":\"T\","
        "\"basis\":\"derogation\",\"checked_on\":\"2026-11-01\",\"derogation\":\"49.1.a\","
        "\"expires\":\"2026-12-31\",\"reference\":\"R\",\"scope\":\"s\"}}";
    struct conf_residency res;
    struct base_err err = {0};
    json_t *v = json_loads(r, 0, NULL);
    assert_true(pol_residency_parse(v, w.a, &res, &err));
    base_buf_init(&out, 4096);
    base_json_init(&j, &out);
    pol_residency_json(&j, &res);
    assert_string_equal(out.p, r);
    json_decref(v);
    base_buf_release(&out);
    close_world(&w);
}

/* A memory limit ends in an error and never in another decision. */
static void test_no_memory(void **state)
{
    struct world w;
    struct pol_facts f;
    struct pol_decision d, tight;
    size_t failed = 0;
    (void)state;

    open_world(&w,
               "version: 1\nrules: [ { id: a, when: { data: [personal] }, location: [on_premises, "
               "US], tools: { allow: [x] }, obligations: [notice] } ]\n");
    decide(&w, FACTS(",\"found\":[\"personal\"]"), &f, &d);
    for (size_t max = 16; max < 9000; max += 16) {
        struct base_arena *a = base_arena_new(max);
        struct base_err err = {0};

        if (!a)
            continue;
        if (pol_decide(w.p, &f, a, &tight, &err) != BASE_OK) {
            assert_int_equal(err.code, BASE_ENOMEM);
            failed++;
        } else {
            assert_string_equal(tight.reason, d.reason);
            assert_string_equal(tight.verdicts[0].reason, d.verdicts[0].reason);
        }
        base_arena_free(a);
    }
    assert_true(failed > 0);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),       cmocka_unit_test(test_handling),
        cmocka_unit_test(test_unenforced), cmocka_unit_test(test_kills),
        cmocka_unit_test(test_tree),       cmocka_unit_test(test_compare),
        cmocka_unit_test(test_coverage),   cmocka_unit_test(test_facts),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
