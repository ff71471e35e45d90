/* Goal: a policy's `tests:` pass when they should, and each kind of expectation that does not hold
 * is one error at the test's own place in the file.
 * Method: one small policy, a routing function that offers a local model and one in the EU, and a
 * table of tests with the words that the error must say (NULL: none). */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *eu[] = {"EU"}, *home_eu[] = {"on_premises", "EU"}, *home[] = {"on_premises"};
static const char *personal[] = {"personal"}, *none[] = {"none"}, *mail[] = {"EMAIL"},
                  *iban[] = {"IBAN"}, *secret[] = {"secret"};
static struct conf_pos pos[2];
static struct conf_backend be = {
    .name = "eu",
    .residency = {
        .location = {eu, 1}, .basis = CONF_BASIS_DPA, .reference = "D", .expires_day = INT64_MAX}};
static struct conf_local_model lm = {.name = "m"};
static const struct conf_target t_eu = {.text = "eu/x", .backend = &be},
                                t_local = {.text = "local/m", .local = &lm};

/* Hard requests may go to the EU first, commodity ones only home. */
static enum base_status route(void *ctx, const struct conf_policy_test *t, struct pol_facts *f,
                              struct base_arena *a)
{
    struct pol_candidate *c = base_arena_array(a, 2, sizeof(*c));

    ++*(int *)ctx;
    if (!c)
        return BASE_ENOMEM;
    f->tier = strstr(t->text, "hard") ? POL_TIER_HARD : POL_TIER_COMMODITY;
    f->task = "chat";
    f->candidates = c;
    if (f->tier == POL_TIER_HARD)
        c[f->n_candidates++] = (struct pol_candidate){&t_eu, true, NULL};
    c[f->n_candidates++] = (struct pol_candidate){&t_local, true, NULL};
    return BASE_OK;
}

#define N1(x)                                                                                      \
    {                                                                                              \
        x, pos, 1                                                                                  \
    }

static void test_all(void **state)
{
    static struct {
        struct conf_policy_test t;
        const char *says;
    } rows[] = {
        {{.text = "Mail anna@example.eu",
          .has_data = true,
          .expect_data = N1(personal),
          .expect_outcome = "route",
          .expect_location = "on_premises",
          .expect_tier = "commodity",
          .expect_rule = "p"},
         NULL},
        {{.text = "hard: mail anna@example.eu", .expect_location = "EU", .expect_redact = N1(mail)},
         NULL},
        {{.text = "hard: say hello", .has_data = true, .expect_data = N1(none)}, NULL},
        {{.text = "mail anna@example.eu", .has_data = true, .expect_data = N1(mail)}, NULL},
        {{.text = "mail anna@example.eu", .has_data = true, .expect_data = N1(none)},
         "data: expected none, found personal"},
        {{.text = "hello", .has_data = true, .expect_data = N1(iban)}, "IBAN was not found"},
        {{.text = "hello", .has_data = true, .expect_data = N1(secret)},
         "data: expected secret , found none"},
        {{.text = "hello", .expect_outcome = "deny"}, "outcome: expected deny"},
        {{.text = "hello", .expect_tier = "hard"}, "tier: expected hard, got commodity"},
        {{.text = "hello", .expect_rule = "p"}, "rule: p does not apply"},
        {{.text = "hard mail anna@example.eu", .expect_location = "on_premises"},
         "location: expected on_premises, but eu/x answers"},
        {{.text = "hard mail anna@example.eu", .expect_redact = N1(iban)},
         "redact: EMAIL is redacted as well"},
        {{.text = "hello", .use_case = "nobody", .expect_location = "EU"},
         "location: expected EU, but it is denied"},
        {{.text = "hello",
          .use_case = "nobody",
          .expect_outcome = "deny",
          .expect_rule = "unknown-use-case"},
         NULL},
    };
    struct conf_rule rules[] = {
        {.id = "p",
         .when_data = N1(personal),
         .has_location = true,
         .location = {home_eu, 2},
         .redact = N1(mail)},
        {.id = "n", .when_data = N1(none), .has_location = true, .location = {home_eu, 2}},
    };
    struct conf c = {.policy = {.id = "sha256:0",
                                .default_location = {home, 1},
                                .rules = rules,
                                .n_rules = 2,
                                .n_tests = 1}};
    struct conf_problems pr = {0};
    struct pol_policy *p = pol_policy_new(&c, &pr);
    struct pol_detector *d;
    int routed = 0;
    size_t run;
    (void)state;

    assert_non_null(p);
    assert_int_equal(pol_detector_new(&d, NULL), BASE_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rows[i].t.pos = (struct conf_pos){"policy.yaml", (int)i + 1, 5};
        c.policy.tests = &rows[i].t;
        conf_problems_release(&pr);
        memset(&pr, 0, sizeof(pr));
        pol_policy_tests_run(p, d, route, &routed, &pr, NULL, &run);
        assert_int_equal(run, 1);
        if (!rows[i].says && pr.n)
            fail_msg("test %zu: %s", i, pr.v[0].text);
        if (!rows[i].says)
            continue;
        assert_true(pr.n >= 1);
        if (!strstr(pr.v[0].text, rows[i].says))
            fail_msg("test %zu says: %s", i, pr.v[0].text);
        assert_int_equal(pr.v[0].pos.line, (int)i + 1);
        assert_false(pr.v[0].warning);
    }
    assert_int_equal(routed, sizeof(rows) / sizeof(rows[0]));
    conf_problems_release(&pr);
    pol_detector_free(d);
    pol_policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
