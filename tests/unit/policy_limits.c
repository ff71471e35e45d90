/* Goal: limits on how a model may be used do what docs/policy.md says: strictest of all that
 * apply, refuse or clamp, also for what nobody asked; decisions, trees, comparisons and a policy's
 * own tests know of them; what is misspelt is an error at its place.
 * Method: policies as YAML text through the loader, facts as JSON; expected words beside them. The
 * random comparison with a second evaluator is tests/reference/policy_diff.py. */
#include "base/file.h"
#include "policy/decide/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char path[32]; /* problems point to it */
    struct conf *c;
    struct pol_policy *p;
    struct conf_problems pr;
    struct base_arena *a;
};

static enum base_status load(struct world *w, const char *policy)
{
    *w = (struct world){.path = "/tmp/weir-limits-XXXXXX"};
    int fd = mkstemp(w->path);
    struct base_err err = {0};

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(base_file_replace(w->path, base_str_c(policy), 0600, &err), BASE_OK);
    enum base_status st = conf_load_policy_only(w->path, NULL, NULL, &w->c, &w->pr);
    unlink(w->path);
    return st;
}

static void open_world(struct world *w, const char *policy)
{
    if (load(w, policy) != BASE_OK)
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

#define HOME "{\"backend\":\"home/x\",\"residency\":{\"location\":[\"on_premises\"]}}"

static void decide(struct world *w, const char *more, struct pol_facts *f, struct pol_decision *d)
{
    struct base_err err = {0};
    char text[1000];

    snprintf(text, sizeof(text),
             "{\"today\":\"2026-11-22\",\"candidates\":[" HOME "],\"use_case\":\"u\"%s}", more);
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    if (pol_facts_parse(v, NULL, NULL, NULL, w->a, f, &err) != BASE_OK)
        fail_msg("%s: %s", text, err.text);
    json_decref(v);
    assert_int_equal(pol_decide_tree(w->p, f, w->a, d, &err), BASE_OK);
}

/* "temperature=0.7 top_p=0.9", or "REFUSED param rule" */
static const char *what(const struct pol_decision *d, char out[200])
{
    size_t at = 0;
    char text[24];

    out[0] = 0;
    if (!d->routed)
        snprintf(out, 200, "REFUSED %s %s", d->deny_param ? d->deny_param : "-", d->deny_rule);
    for (size_t i = 0; i < d->n_limited && d->routed; i++) {
        pol_limited_text(d->limited[i].field, d->limited[i].to, text);
        at += (size_t)snprintf(out + at, 200 - at, "%s%s=%s", i ? " " : "",
                               pol_limited_name(d->limited[i].field), text);
    }
    return out;
}

static void test_rows(void **state)
{
    static const char policy[] =
        "version: 1\n"
        "use_cases: [ { id: u, limits: { output_tokens: 1000, temperature: [0.1, 0.7], "
        "effort: medium, beyond: clamp } } ]\n"
        "rules:\n"
        "  - { id: acme, when: { tenant: [acme] }, limits: { output_tokens: 200, top_p: 0.9 } }\n"
        "  - { id: cold, when: { tenant: [cold] }, limits: { temperature: [0.9, 1] } }\n"
        "  - { id: short, when: { tenant: [short] }, limits: { input_bytes: 100 } }\n"
        "  - { id: other, when: { tenant: [other] }, limits: { models: [\"local/*\"] } }\n"
        "  - { id: no, when: { tenant: [no] }, limits: { top_p: 0.5 }, deny: never }\n";
    static const struct {
        const char *facts, *want;
    } rows[] = {
        /* who asks for nothing gets the limits, too: the interfaces' own are wider */
        {"", "output_tokens=1000 temperature=0.7"},
        {",\"asks\":{\"output_tokens\":1000,\"temperature\":0.7}", ""},
        {",\"asks\":{\"output_tokens\":1001,\"temperature\":0.7000006}",
         "output_tokens=1000 temperature=0.7"},
        {",\"asks\":{\"output_tokens\":7,\"temperature\":0.7000004}", ""},
        {",\"asks\":{\"output_tokens\":7,\"temperature\":0}", "temperature=0.1"},
        {",\"asks\":{\"output_tokens\":7,\"temperature\":0.5,\"effort\":\"high\"}",
         "effort=medium"},
        {",\"asks\":{\"output_tokens\":7,\"temperature\":0.5,\"effort\":\"budget of 9\"}",
         "effort=medium"},
        {",\"asks\":{\"output_tokens\":7,\"temperature\":0.5,\"effort\":\"none\"}", ""},
        /* the stricter of two; what it refuses is named */
        {",\"tenant\":\"acme\"", "output_tokens=200 temperature=0.7 top_p=0.9"},
        {",\"tenant\":\"acme\",\"asks\":{\"output_tokens\":201}", "REFUSED output_tokens acme"},
        {",\"tenant\":\"acme\",\"asks\":{\"output_tokens\":200,\"top_p\":0.95}",
         "REFUSED top_p acme"},
        /* two limits that leave nothing */
        {",\"tenant\":\"cold\"", "REFUSED temperature use_case:u"},
        {",\"tenant\":\"cold\",\"asks\":{\"temperature\":0.95}", "REFUSED temperature use_case:u"},
        {",\"tenant\":\"cold\",\"asks\":{\"temperature\":0.5}", "REFUSED temperature cold"},
        {",\"tenant\":\"short\",\"asks\":{\"input_bytes\":100}",
         "output_tokens=1000 temperature=0.7"},
        {",\"tenant\":\"short\",\"asks\":{\"input_bytes\":101}", "REFUSED input_bytes short"},
        {",\"tenant\":\"other\"", "REFUSED - other"},
        {",\"tenant\":\"no\",\"asks\":{\"top_p\":1}", "REFUSED - no"},
    };
    struct world w;
    struct pol_facts f;
    struct pol_decision d;
    char got[200];
    (void)state;

    open_world(&w, policy);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decide(&w, rows[i].facts, &f, &d);
        if (strcmp(what(&d, got), rows[i].want) != 0)
            fail_msg("%s: \"%s\", not \"%s\": %s", rows[i].facts, got, rows[i].want, d.reason);
    }
    close_world(&w);
}

static void test_words_and_bytes(void **state)
{
    struct world w;
    struct pol_facts f, back;
    struct pol_decision d, e;
    struct base_buf out;
    struct base_json j;
    struct base_err err = {0};
    (void)state;

    open_world(&w, "version: 1\nuse_cases: [ { id: u, limits: { temperature: 0.25, models: "
                   "[home/*] } } ]\n");
    decide(&w, ",\"asks\":{\"temperature\":1.5,\"input_bytes\":12}", &f, &d);
    assert_false(d.routed);
    assert_non_null(strstr(d.reason, "temperature 1.5 is more than use_case:u allows: 0.25"));
    base_buf_init(&out, 65536);
    base_json_init(&j, &out);
    pol_decision_json(&j, w.p, &f, &d);
    assert_non_null(strstr(out.p, "\"code\":\"use_case:u\",\"param\":\"temperature\""));
    base_buf_clear(&out);
    decide(&w, "", &f, &d);
    base_json_init(&j, &out);
    pol_decision_json(&j, w.p, &f, &d);
    assert_non_null(strstr(out.p, "\"limited\":[{\"field\":\"temperature\",\"from\":null,\"to\":"
                                  "0.25,\"rule\":\"use_case:u\"}]"));
    base_buf_clear(&out);
    base_json_init(&j, &out);
    pol_tree_json(&j, w.p, &f, &d);
    assert_non_null(strstr(out.p,
                           "\"use_case_limits\":[{\"use_case\":\"u\",\"limits\":{\"beyond\":"
                           "\"refuse\",\"models\":[\"home/*\"],\"temperature\":[0,0.25]}}]"));
    assert_non_null(strstr(out.p, "{\"check\":\"model\",\"ok\":true}"));

    /* what a leaf keeps of the facts comes back as it was */
    decide(&w,
           ",\"asks\":{\"output_tokens\":9,\"temperature\":0.123457,\"top_p\":1,\"effort\":"
           "\"xhigh\",\"input_bytes\":77}",
           &f, &d);
    base_buf_clear(&out);
    base_json_init(&j, &out);
    pol_facts_leaf_json(&j, &f);
    json_t *v = json_loadb(out.p, out.n, 0, NULL);
    assert_int_equal(pol_facts_parse(v, NULL, NULL, NULL, w.a, &back, &err), BASE_OK);
    json_decref(v);
    assert_memory_equal(&f.asks, &back.asks, sizeof(f.asks));

    /* another limit is a change of handling */
    decide(&w, ",\"asks\":{\"temperature\":0.2}", &f, &d);
    e = d;
    assert_int_equal(pol_decision_compare(&f, &d, &e), POL_CHANGE_SAME);
    e.limited[e.n_limited++] = (struct pol_limited){POL_LIMITED_TOP_P, false, 0, 5, "x"};
    assert_int_equal(pol_decision_compare(&f, &d, &e), POL_CHANGE_HANDLING);
    base_buf_release(&out);
    close_world(&w);
}

static void test_a_policys_own_tests(void **state)
{
    struct world w;
    struct pol_detector *det;
    struct base_err err = {0};
    size_t n;
    (void)state;

    open_world(
        &w,
        "version: 1\nuse_cases: [ { id: u, limits: { output_tokens: 100, beyond: clamp } } ]\n"
        "rules: [ { id: r, when: { tenant: [t] }, limits: { top_p: 0.5 } } ]\n"
        "test_backends: [ { name: home/x, location: [on_premises] } ]\n"
        "tests:\n"
        "  - { use_case: u, asks: { output_tokens: 500 }, expect: { limited: "
        "[output_tokens=100] } }\n"
        "  - { use_case: u, asks: { output_tokens: 50 }, expect: { limited: [] } }\n"
        "  - { use_case: u, tenant: t, asks: { top_p: 0.6 }, expect: { outcome: deny, rule: r } }\n"
        "  - { use_case: u, expect: { limited: [] } }\n"
        "  - { use_case: u, expect: { limited: [output_tokens=100, top_p=1] } }\n");
    assert_int_equal(pol_detector_new(&det, &err), BASE_OK);
    pol_policy_tests_run(w.p, det, NULL, NULL, &w.pr, NULL, &n);
    assert_int_equal(n, 5);
    assert_int_equal(w.pr.n_errors, 2);
    pol_policy_unenforced(w.p, 0, &w.pr);
    assert_int_equal(w.pr.n_errors, 4);
    pol_policy_unenforced(w.p, POL_CAN_LIMITS, &w.pr);
    assert_int_equal(w.pr.n_errors, 4);
    pol_detector_free(det);
    close_world(&w);
}

static void test_what_is_wrong_is_told(void **state)
{
    static const struct {
        const char *limits, *text;
    } rows[] = {
        {"{}", "says nothing"},
        {"{ beyond: clamp }", "says nothing"},
        {"{ models: [a], beyond: clamp }", "nothing that could be clamped"},
        {"{ output_tokens: 0 }", "between 1 and"},
        {"{ output_tokens: 1.5 }", "whole number"},
        {"{ temperature: 3 }", "between 0 and 2"},
        {"{ temperature: [0.7, 0.1] }", "from more to less"},
        {"{ temperature: [0.7] }", "[from, to]"},
        {"{ top_p: [0.1, 0.2, 0.3] }", "more than 2"},
        {"{ effort: lots }", "none, minimal, low"},
        {"{ temprature: 1 }", "did you mean \"temperature\""},
        {"{ temperature: 1, beyond: cut }", "refuse or clamp"},
        {"[1]", "must be a mapping"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char policy[300];
        struct world w;

        snprintf(policy, sizeof(policy), "version: 1\nrules:\n  - { id: a, limits: %s }\n",
                 rows[i].limits);
        if (load(&w, policy) == BASE_OK)
            fail_msg("taken: %s", rows[i].limits);
        bool told = false;
        for (size_t k = 0; k < w.pr.n; k++)
            told = told || (strstr(w.pr.v[k].text, rows[i].text) && w.pr.v[k].pos.line == 3);
        if (!told)
            fail_msg("%s: \"%s\"", rows[i].limits, w.pr.v[0].text);
        conf_free(w.c);
        conf_problems_release(&w.pr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_words_and_bytes),
        cmocka_unit_test(test_a_policys_own_tests),
        cmocka_unit_test(test_what_is_wrong_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
