/* gateway_plan.c - Goal: the candidates of a request are exactly those that the configuration
 * means.
 *
 * Method: small configurations are written to a fresh folder and loaded by the real loader; the
 * plan for each model, score and x-weir-tier is compared as one line of text, "tier: target target
 * ...", where "!" marks a target that is not available now. The engine's state is a made-up
 * callback.
 */
#include "base/file.h"
#include "gateway/route/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static struct conf *conf;
static struct conf_problems problems;

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(base_file_replace(path, base_str_c(text), 0600, NULL), BASE_OK);
}

/* Loads a configuration with this routing section. */
static void use(const char *routing)
{
    static const char head[] =
        "server: { tls: { certificate: c, key: k, self_signed: true } }\n"
        "keys: keys.json\n"
        "engine: { queue: 3, models: [{ name: a, file: m }, { name: b, file: m }] }\n"
        "backends:\n"
        "  - { name: out, api: openai, url: 'https://x.example', models: [{ name: x }, { name: y "
        "}],"
        " residency: { location: [EU], transfer: { basis: dpa, reference: r } } }\n"
        "  - { name: lan, api: openai-compatible, url: 'http://127.0.0.1:1', models: [{ name: z }],"
        " residency: { location: [on_premises] } }\n"
        "policy: policy.yaml\n"
        "audit: { directory: audit, origin: w/x }\n"
        "routing:\n";
    char text[4096], path[128];
    snprintf(text, sizeof(text), "%s%s", head, routing);
    write_file("weir.yaml", text);
    conf_free(conf);
    conf_problems_release(&problems);
    snprintf(path, sizeof(path), "%s/weir.yaml", folder);
    enum base_status st = conf_load(path, &conf, &problems);
    for (size_t i = 0; i < problems.n; i++)
        print_message("%d: %s\n", problems.v[i].pos.line, problems.v[i].text);
    assert_int_equal(st, BASE_OK);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/weir-plan-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    write_file("m", "model");
    write_file("policy.yaml", "version: 1\n");
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"m", "policy.yaml", "weir.yaml"};
    (void)state;
    conf_free(conf);
    conf = NULL;
    conf_problems_release(&problems);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* ---- the engine's state ---- */

static struct {
    bool up;
    uint32_t queued, active, slots;
} engine;

static bool ready(void *ctx, const char *model, uint32_t *queued, uint32_t *active, uint32_t *slots)
{
    (void)ctx;
    (void)model;
    *queued = engine.queued;
    *active = engine.active;
    *slots = engine.slots;
    return engine.up;
}

static struct gw_plan plan;
static struct base_err err;

static const char *line(const char *model, double difficulty, const char *tier, bool with_engine)
{
    static char out[1024];
    struct gw_score score = {.difficulty = difficulty, .task = GW_TASK_QUESTION, .why = ""};
    struct gw_plan_ask ask = {.model = base_str_c(model),
                              .tier_header = base_str_c(tier),
                              .score = &score,
                              .ready = with_engine ? ready : NULL};
    memset(&err, 0, sizeof(err));
    enum base_status st = gw_plan(conf, &ask, &plan, &err);
    if (st != BASE_OK) {
        snprintf(out, sizeof(out), "%s", base_status_name(st));
        assert_true(err.text[0]);
        return out;
    }
    size_t n = (size_t)snprintf(out, sizeof(out),
                                "%s%s:", plan.tier == POL_TIER_HARD ? "hard" : "commodity",
                                plan.pinned ? " pinned" : "");
    for (size_t i = 0; i < plan.n; i++) {
        const struct pol_candidate *k = &plan.candidates[i];
        assert_true(k->available == !k->unavailable);
        n += (size_t)snprintf(out + n, sizeof(out) - n, " %s%s", k->available ? "" : "!",
                              k->target->text);
    }
    return out;
}

static void expect(const char *want, const char *model, double difficulty, const char *tier)
{
    assert_string_equal(line(model, difficulty, tier, false), want);
}

static void test_auto(void **state)
{
    (void)state;
    use("  commodity: [local/a, lan/z, out/y]\n  hard: [out/x, local/b]\n  threshold: 0.5\n"
        "  when_hard_is_denied: deny\n");
    expect("commodity: local/a lan/z out/y", "auto", 0.49, "");
    expect("hard: out/x local/b", "auto", 0.5, ""); /* at or above */
    expect("hard: out/x local/b", "auto", 1, "auto");
    expect("hard: out/x local/b", "auto", 0, "hard");
    expect("commodity: local/a lan/z out/y", "auto", 1, "commodity");
    expect("commodity: local/a lan/z out/y", "auto", 1, "Commodity");
    expect("invalid", "auto", 1, "medium");
    expect("invalid", "auto", 1, "commodity\n");
    expect("invalid", "", 1, "");
    assert_true(plan.threshold == 0.5);
}

static void test_hard_denied_local(void **state)
{
    (void)state;
    use("  commodity: [out/y, local/a, lan/z]\n  hard: [out/x, local/a]\n");
    /* home's commodity targets follow, out/y does not, nothing twice */
    expect("hard: out/x local/a lan/z", "auto", 0.9, "");
    expect("commodity: out/y local/a lan/z", "auto", 0.1, "");
}

static void test_no_signal_goes_up(void **state)
{
    (void)state;
    use("  commodity: [local/a]\n  hard: [out/x]\n  threshold: 1\n");
    struct gw_score score = {.difficulty = 0, .no_signal = true};
    struct gw_plan_ask ask = {.model = BASE_STR("auto"), .score = &score};
    assert_int_equal(gw_plan(conf, &ask, &plan, &err), BASE_OK);
    assert_int_equal(plan.tier, POL_TIER_HARD);
    score = (struct gw_score){.difficulty = (double)__builtin_nanf("")};
    assert_int_equal(gw_plan(conf, &ask, &plan, &err), BASE_OK);
    assert_int_equal(plan.tier, POL_TIER_HARD);
}

static void test_missing_lists(void **state)
{
    (void)state;
    use("  hard: [out/x]\n");
    expect("commodity: out/x", "auto", 0, ""); /* up, never down */
    use("  commodity: [local/a, out/y]\n");
    expect("hard: local/a", "auto", 1, "");
    use("  commodity: [local/a]\n  when_hard_is_denied: deny\n");
    expect("hard:", "auto", 1, "");
    expect("commodity: local/a", "auto", 0, "");
}

static void test_pinned(void **state)
{
    (void)state;
    use("  commodity: [local/a, lan/z]\n  hard: [out/x, lan/z]\n");
    expect("commodity pinned: local/a", "local/a", 0.9, "");
    expect("hard pinned: out/x", "out/x", 0.1, "");
    expect("hard pinned: out/y", "out/y", 0.9, "");      /* in no list: by score */
    expect("commodity pinned: lan/z", "lan/z", 0.1, ""); /* in both: by score */
    expect("hard pinned: lan/z", "lan/z", 0.1, "hard");
    expect("hard pinned: out/x", "out/x", 0.1, "hard");
    expect("invalid", "out/x", 0.1, "commodity"); /* narrows: nothing is left */
    expect("invalid", "local/a", 0.9, "hard");
    expect("commodity pinned: local/b", "local/b", 0.9, "commodity");
    expect("not found", "local/c", 0, "");
    assert_non_null(strstr(err.text, "local/c"));
    expect("not found", "out", 0, "");
    expect("not found", "Local/a", 0, "");
    expect("not found", "AUTO", 0, "");
    expect("not found", "../x", 0, "");
}

static void test_alias(void **state)
{
    (void)state;
    use("  commodity: [local/a]\n  hard: [out/x]\n"
        "  aliases: { gpt-4o: [local/a, out/x, out/y], out/fast: local/b }\n");
    expect("commodity: local/a out/x out/y", "gpt-4o", 0.1, "");
    assert_string_equal(plan.alias->name, "gpt-4o");
    expect("hard: local/a out/x out/y", "gpt-4o", 0.9, "");
    expect("hard: out/x out/y", "gpt-4o", 0.1, "hard");
    expect("commodity: local/a out/y", "gpt-4o", 0.9, "commodity");
    expect("commodity: local/b", "out/fast", 0.1, "");
    use("  commodity: [local/a]\n  hard: [out/x]\n  aliases: { m: out/x }\n");
    expect("invalid", "m", 0.1, "commodity");
}

static void test_overflow(void **state)
{
    (void)state;
    struct {
        const char *overflow;
        bool up;
        uint32_t queued, active;
        const char *automatic, *pinned;
    } cases[] = {
        /* engine.queue is 3, slots 2 */
        {"queue", true, 0, 1, "commodity: local/a", "commodity pinned: local/a"},
        {"queue", true, 2, 2, "commodity: local/a", "commodity pinned: local/a"},
        {"queue", true, 3, 2, "commodity: !local/a", "commodity pinned: !local/a"},
        {"queue", false, 0, 0, "commodity: !local/a", "commodity pinned: !local/a"},
        {"hard", true, 0, 1, "commodity: local/a out/x", "commodity pinned: local/a"},
        {"hard", true, 0, 2, "commodity: !local/a out/x", "commodity pinned: local/a"},
        {"hard", true, 1, 1, "commodity: !local/a out/x", "commodity pinned: local/a"},
        {"hard", true, 3, 2, "commodity: !local/a out/x", "commodity pinned: !local/a"},
        {"hard", false, 0, 0, "commodity: !local/a out/x", "commodity pinned: !local/a"},
        {"reject", true, 0, 1, "commodity: local/a", "commodity pinned: local/a"},
        {"reject", true, 0, 2, "commodity: !local/a", "commodity pinned: !local/a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char routing[200];
        snprintf(routing, sizeof(routing),
                 "  commodity: [local/a]\n  hard: [out/x]\n  overflow: %s\n", cases[i].overflow);
        use(routing);
        engine.up = cases[i].up;
        engine.queued = cases[i].queued;
        engine.active = cases[i].active;
        engine.slots = 2;
        assert_string_equal(line("auto", 0, "", true), cases[i].automatic);
        assert_string_equal(line("local/a", 0, "", true), cases[i].pinned);
    }
    /* an upstream is never the engine's matter */
    engine.up = false;
    assert_string_equal(line("out/x", 0, "", true), "hard pinned: out/x");
}

static void test_target_quality(void **state)
{
    (void)state;
    use("  commodity: [local/a]\n  hard: [out/x]\n  target_quality: 0.9\n");
    assert_true(gw_plan_threshold(conf) == gw_route_threshold_for_quality(0.9));
    assert_true(gw_plan_threshold(conf) >= 0 && gw_plan_threshold(conf) <= 1);
}

static void test_facts(void **state)
{
    (void)state;
    use("  commodity: [local/a]\n  hard: [out/x]\n");
    struct pol_facts f = {.today = 42, .declared_classes = POL_CLASS_SECRET};
    struct gw_score score = {.difficulty = 0.25, .task = GW_TASK_CODE};
    line("out/x", 0.25, "", false);
    gw_plan_facts(&plan, &score, &f);
    assert_int_equal(f.tier, POL_TIER_HARD);
    assert_true(f.difficulty == 0.25 && f.pinned && f.n_candidates == 1);
    assert_string_equal(f.task, gw_task_name(GW_TASK_CODE));
    assert_int_equal(f.today, 42);
    assert_int_equal(f.declared_classes, POL_CLASS_SECRET);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_auto),
        T(test_hard_denied_local),
        T(test_no_signal_goes_up),
        T(test_missing_lists),
        T(test_pinned),
        T(test_alias),
        T(test_overflow),
        T(test_target_quality),
        T(test_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
