/* cli_check.c - `weir check`: the configuration, the policy it names, and the policy's own tests.
 *
 * Everything that is wrong is printed in file order, as FILE:LINE:COL: text, to standard output
 * (it is what was asked for); warnings go to standard error. The policy's tests run as requests do:
 * scored by the router, with the candidates that `model: auto` would have and the engine idle.
 */
#include "gateway/cli/cli.h"

#include "base/clock.h"
#include "gateway/app.h"

#include <stdio.h>

static enum base_status test_route(void *ctx, const struct conf_policy_test *t, struct pol_facts *f,
                                   struct base_arena *a)
{
    const struct conf *c = ctx;
    struct gw_plan *plan = base_arena_alloc(a, sizeof(*plan));
    struct gw_score score;
    if (!plan)
        return BASE_ENOMEM;
    gw_route_score_text(base_str_c(t->text), &score);
    struct gw_plan_ask ask = {.model = BASE_STR("auto"), .score = &score};
    enum base_status st = gw_plan(c, &ask, plan, NULL);
    if (st != BASE_OK)
        return st;
    gw_plan_facts(plan, &score, f);
    f->today = base_wall_us() / 1000000 / 86400;
    return BASE_OK;
}

/* Runs the tests of a configuration that holds so far; what they reach goes to cover. */
static void run_tests(const struct conf *c, const struct pol_policy *p, struct pol_coverage *cover,
                      struct conf_problems *problems)
{
    struct pol_detector *d = NULL;
    struct base_err err = {0};
    size_t n = 0;
    if (c->policy.n_tests == 0 && c->policy.n_rules)
        conf_problem_add(problems, c->policy.pos, true,
                         "the policy has rules and no tests: nobody has seen what they do");
    if (c->policy.n_tests == 0)
        return;
    if (pol_detector_new(&d, &err) != BASE_OK) {
        conf_problem_add(problems, c->policy.pos, false, "the tests could not be run: %s",
                         err.text);
        return;
    }
    size_t before = problems->n_errors;
    pol_policy_tests_run(p, d, test_route, (void *)(uintptr_t)c, problems, cover, &n);
    if (problems->n_errors == before)
        fprintf(stderr, "%zu policy tests hold\n", n);
    pol_coverage_warn(cover, problems);
    pol_detector_free(d);
}

/* The report, if it is asked for, and whether the rules reached are enough. */
static int show_coverage(const struct pol_coverage *cover, bool report, uint64_t percent)
{
    struct pol_coverage_sum s;
    struct base_buf b;
    struct base_json j;
    pol_coverage_sum(cover, &s);
    if (report) {
        base_buf_init(&b, 16u << 20);
        base_json_init(&j, &b);
        pol_coverage_json(&j, cover);
        printf("%.*s\n", BASE_FMT(base_buf_view(&b)));
        base_buf_release(&b);
    }
    if (s.rules_reached * 100 >= s.rules * percent)
        return 0;
    gw_cli_fail("check: the tests reach %zu of %zu rules, %u %% are asked for", s.rules_reached,
                s.rules, (unsigned)percent);
    return GW_CLI_HOLDS_NOT;
}

/* The policy, or NULL with its problems told; of one that did not load whole those of its words. */
static struct pol_policy *compiled(const struct conf *c, const struct conf_policy *cp,
                                   struct conf_problems *problems)
{
    bool sound = conf_policy_sound(cp, problems);
    gw_tasks_check(cp, problems);
    if (sound)
        return pol_policy_new_of(c, cp, problems);
    pol_policy_words(cp, problems);
    return NULL;
}

int gw_cli_check(int argc, char **argv)
{
    const char *file = NULL, *at_least = NULL, *policy = NULL, *tables = NULL, *duties = NULL;
    bool defaults = false, coverage = false;
    uint64_t percent = 0;
    const struct gw_cli_opt opts[] = {{"-c", &file, NULL},
                                      {"--defaults", NULL, &defaults},
                                      {"--policy", &policy, NULL},
                                      {"--tables", &tables, NULL},
                                      {"--duties", &duties, NULL},
                                      {"--coverage", NULL, &coverage},
                                      {"--coverage-min", &at_least, NULL},
                                      {0}};
    if (!gw_cli_parse("check", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (defaults) {
        fputs(conf_defaults_yaml(), stdout);
        return 0;
    }
    if (!file == !policy)
        return gw_cli_fail("check: say which file: weir check -c FILE, or --policy FILE");
    if (at_least && (!base_str_u64(base_str_c(at_least), &percent) || percent > 100))
        return gw_cli_fail("check: --coverage-min takes a percentage, 0 to 100");

    struct conf *c = NULL;
    struct conf_problems problems;
    struct pol_policy *p = NULL;
    enum base_status st = file ? conf_load_partial(file, &c, &problems)
                               : conf_load_policy_only(policy, tables, duties, &c, &problems);
    if (c)
        p = compiled(c, &c->policy, &problems);
    if (p && file)
        pol_policy_unenforced(p, gw_enforced(c), &problems);
    struct base_err err = {0};
    if (p && st == BASE_OK && gw_policy_state_allows(c, &err) != BASE_OK)
        conf_problem_add(&problems, c->policy.pos, false, "%s", err.text);
    if (c && c->has_shadow)
        pol_policy_free(compiled(c, &c->shadow, &problems));
    struct pol_coverage *cover = p ? pol_coverage_new(p) : NULL;
    if (p && !cover)
        conf_problem_add(&problems, c->policy.pos, false, "out of memory");
    if (st == BASE_OK && p && problems.n_errors == 0)
        run_tests(c, p, cover, &problems);
    conf_problems_sort(&problems);
    gw_cli_print_problems(&problems, stdout, stderr);
    bool unread = c && file && !c->file;
    int status = problems.n_errors == 0 ? 0 : unread ? GW_CLI_BAD : GW_CLI_HOLDS_NOT;
    if (status == 0 && cover && (coverage || at_least))
        status = show_coverage(cover, coverage, percent);
    if (status == 0)
        puts("ok");
    pol_coverage_free(cover);
    pol_policy_free(p);
    conf_free(c);
    conf_problems_release(&problems);
    return status;
}
