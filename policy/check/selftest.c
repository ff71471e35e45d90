/* selftest.c - runs the policy's own `tests:`, as `weir check` does.
 *
 * Each test's text becomes a request of one user message, is scanned, routed by the caller's
 * function (tier and candidates as for a real request) and decided. What differs from `expect` is
 * one problem each, at the test's place in the file. Nothing is sent.
 */
#include "policy/decide/compiled.h"

#include "base/clock.h"

#include <stdio.h>

#define TEST_ARENA_MAX (16u << 20)

struct one {
    const struct pol_policy *p;
    const struct conf_policy_test *t;
    struct conf_problems *pr;
    struct pol_coverage *coverage;
    struct pol_facts f;
    struct pol_decision d;
};

static const char *label(const struct conf_policy_test *t)
{
    return t->name ? t->name : t->text[0] ? t->text : t->use_case ? t->use_case : "facts";
}

#define FAIL(o, fmt, ...)                                                                          \
    conf_problem_add((o)->pr, (o)->t->pos, false, "test \"%.40s\": " fmt, label((o)->t),           \
                     __VA_ARGS__)

static void class_words(unsigned c, char out[64])
{
    snprintf(out, 64, "%s%s%s%s%s", c ? "" : "none", c & POL_CLASS_PERSONAL ? "personal " : "",
             c & POL_CLASS_SPECIAL ? "special " : "", c & POL_CLASS_CRIMINAL ? "criminal " : "",
             c & POL_CLASS_SECRET ? "secret " : "");
}

/* The expected rule neither applied nor denied: perhaps it is not one at all. */
static void rule_missing(const struct one *o)
{
    const char *words[257], *near;
    size_t n = 0;

    for (size_t i = 0; i < o->p->n_rules; i++) {
        if (strcmp(o->p->rules[i].conf->id, o->t->expect_rule) == 0) {
            FAIL(o, "rule: %s does not apply", o->t->expect_rule);
            return;
        }
        if (n < 256)
            words[n++] = o->p->rules[i].conf->id;
    }
    words[n] = NULL;
    near = conf_nearest(base_str_c(o->t->expect_rule), words);
    FAIL(o, "rule: %s does not apply; no rule of this policy has that id%s%s%s", o->t->expect_rule,
         near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

static void check_data(const struct one *o)
{
    unsigned want = 0, c;
    pol_types types = 0;
    enum pol_type t;
    bool only_types = o->t->expect_data.n > 0;
    char a[64], b[64];

    for (size_t i = 0; i < o->t->expect_data.n; i++) {
        struct base_str w = base_str_c(o->t->expect_data.v[i]);

        if (pol_class_find(w, &c)) {
            want |= c;
            only_types = false;
        } else if (pol_type_find(w, &t)) {
            types |= POL_TYPE_BIT(t);
        } else {
            FAIL(o, "\"%.40s\" is no data class or type", o->t->expect_data.v[i]);
            return;
        }
    }
    class_words(pol_classes_close(want), a);
    class_words(o->d.classes, b);
    if (!only_types && pol_classes_close(want) != o->d.classes)
        FAIL(o, "data: expected %s, found %s", a, b);
    for (int i = 0; i < POL_TYPE_COUNT; i++) {
        if ((types & ~o->f.findings.types) & POL_TYPE_BIT(i))
            FAIL(o, "data: %s was not found", pol_type_name((enum pol_type)i));
    }
}

static void check_location(const struct one *o)
{
    struct pol_places want = {{0}}, is = {{0}};
    const struct conf_target *t = o->d.target;

    if (!o->d.routed) {
        FAIL(o, "location: expected %s, but it is denied: %s", o->t->expect_location, o->d.reason);
        return;
    }
    if (!pol_places_add(&want, base_str_c(o->t->expect_location))) {
        FAIL(o, "\"%.40s\" is no place", o->t->expect_location);
        return;
    }
    if (!o->d.off_premises) {
        (void)pol_places_add(&is, BASE_STR("on_premises"));
    } else {
        for (size_t i = 0; i < t->backend->residency.location.n; i++)
            (void)pol_places_add(&is, base_str_c(t->backend->residency.location.v[i]));
    }
    if (!pol_places_hold(&want, &is))
        FAIL(o, "location: expected %s, but %s answers", o->t->expect_location, t->text);
}

static void check_rest(const struct one *o)
{
    const struct conf_policy_test *t = o->t;
    const char *tier = o->f.tier == POL_TIER_HARD ? "hard" : "commodity";
    const char *outcome = o->d.routed ? "route" : "deny";
    bool rule = false;
    pol_types redact = o->d.redact & o->f.findings.types, want = 0;
    enum pol_type type;

    if (t->expect_outcome && strcmp(t->expect_outcome, outcome) != 0)
        FAIL(o, "outcome: expected %s, but: %s", t->expect_outcome, o->d.reason);
    else if (t->expect_outcome && !o->d.routed && strcmp(o->d.deny_rule, "no-candidate") == 0 &&
             !(t->expect_rule && strcmp(t->expect_rule, "no-candidate") == 0))
        FAIL(o, "outcome: %s",
             "denied only because there is no back end to ask: give the test "
             "backends, or the file test_backends");
    if (t->expect_tier && strcmp(t->expect_tier, tier) != 0)
        FAIL(o, "tier: expected %s, got %s", t->expect_tier, tier);
    for (size_t i = 0; i < o->d.n_rules; i++)
        rule = rule || (t->expect_rule && strcmp(t->expect_rule, o->d.rules[i]) == 0);
    rule =
        rule || (t->expect_rule && o->d.deny_rule && strcmp(t->expect_rule, o->d.deny_rule) == 0);
    if (t->expect_rule && !rule)
        rule_missing(o);
    if (t->expect_redact_style &&
        (strcmp(t->expect_redact_style, "substitute") == 0) != (redact && o->d.substitute))
        FAIL(o, "redact_style: expected %s", t->expect_redact_style);
    for (size_t i = 0; i < t->expect_redact.n; i++) {
        if (pol_type_find(base_str_c(t->expect_redact.v[i]), &type))
            want |= POL_TYPE_BIT(type);
        else
            FAIL(o, "\"%.40s\" is no type", t->expect_redact.v[i]);
    }
    for (int i = 0; i < POL_TYPE_COUNT && (t->expect_redact.n || t->has_redact); i++) {
        if ((want ^ redact) & POL_TYPE_BIT(i))
            FAIL(o, "redact: %s %s", pol_type_name((enum pol_type)i),
                 want & POL_TYPE_BIT(i) ? "is not redacted" : "is redacted as well");
    }
}

static bool obliged(const struct one *o, const char *word)
{
    for (size_t i = 0; i < o->d.n_obligations; i++) {
        if (strcmp(o->d.obligations[i], word) == 0)
            return true;
    }
    return false;
}

static void check_handling(const struct one *o)
{
    const struct conf_policy_test *t = o->t;
    const char *rule, *answers = conf_answers_name(o->d.answers);
    const char *kept = o->d.retention ? o->d.retention->id : "none";

    for (size_t i = 0; i < t->expect_obligations.n; i++) {
        if (!obliged(o, t->expect_obligations.v[i]))
            FAIL(o, "obligations: %s is not asked for", t->expect_obligations.v[i]);
    }
    if (t->has_obligations && o->d.n_obligations > t->expect_obligations.n)
        FAIL(o, "obligations: %zu are asked for, expected %zu", o->d.n_obligations,
             t->expect_obligations.n);
    if (t->expect_answers && strcmp(t->expect_answers, answers) != 0)
        FAIL(o, "answers: expected %s, got %s", t->expect_answers, answers);
    if (t->expect_retention && strcmp(t->expect_retention, kept) != 0)
        FAIL(o, "retention: expected %s, got %s", t->expect_retention, kept);
    for (size_t i = 0; i < t->expect_tools.n; i++) {
        if (!pol_tool_allowed(&o->d, base_str_c(t->expect_tools.v[i]), &rule))
            FAIL(o, "tools: %s is refused by %s", t->expect_tools.v[i], rule);
    }
    for (size_t i = 0; i < t->expect_no_tools.n; i++) {
        if (pol_tool_allowed(&o->d, base_str_c(t->expect_no_tools.v[i]), &rule))
            FAIL(o, "tools: %s is allowed", t->expect_no_tools.v[i]);
    }
}

static void check_limited(const struct one *o)
{
    const struct conf_names *want = &o->t->expect_limited;
    bool any = false;

    for (size_t i = 0; i < o->d.n_limited && o->t->has_limited; i++) {
        const struct pol_limited *l = &o->d.limited[i];
        char value[24], text[64];

        pol_limited_text(l->field, l->to, value);
        snprintf(text, sizeof(text), "%s=%s", pol_limited_name(l->field), value);
        any = false;
        for (size_t k = 0; k < want->n; k++)
            any = any || strcmp(want->v[k], text) == 0;
        if (!any)
            FAIL(o, "limited: %s (%s) is not expected", text, l->rule);
    }
    if (o->t->has_limited && want->n > o->d.n_limited)
        FAIL(o, "limited: %zu values are changed, expected %zu", o->d.n_limited, want->n);
}

static void check_backends(const struct one *o)
{
    const struct conf_policy_test *t = o->t;
    const char *route = o->d.routed ? o->d.target->text : "none";
    bool says = strstr(o->d.reason, t->expect_reason ? t->expect_reason : "") != NULL;

    if (t->expect_backend && strcmp(t->expect_backend, route) != 0)
        FAIL(o, "backend: expected %s, got %s: %s", t->expect_backend, route, o->d.reason);
    for (size_t i = 0; i < t->expect_refused.n; i++) {
        const struct pol_verdict *v = NULL;

        for (size_t k = 0; k < o->d.n_verdicts && !v; k++) {
            if (strcmp(o->d.verdicts[k].target->text, t->expect_refused.v[i]) == 0)
                v = &o->d.verdicts[k];
        }
        if (!v || v->allowed)
            FAIL(o, "refused: %s is %s", t->expect_refused.v[i],
                 v ? "allowed" : "not among the candidates");
    }
    for (size_t k = 0; k < o->d.n_verdicts && !says; k++)
        says = strstr(o->d.verdicts[k].reason, t->expect_reason) != NULL;
    if (!says)
        FAIL(o, "reason: \"%s\" is nowhere; it is: %s", t->expect_reason, o->d.reason);
}

/* What the test states itself goes over what the gateway supplied. */
static bool state_facts(struct one *o, struct base_arena *a)
{
    const struct conf_policy_test *t = o->t;
    const struct conf_targets *b = t->has_backends                 ? &t->backends
                                   : o->p->conf->has_test_backends ? &o->p->conf->test_backends
                                                                   : NULL;
    unsigned c;

    o->f.tenant = base_str_c(t->tenant);
    o->f.region = base_str_c(t->region);
    o->f.pinned = o->f.pinned || t->pinned;
    o->f.findings.rights |= t->rights;
    if (t->at.text)
        o->f.today = t->at.day;
    if (t->tier)
        o->f.tier = strcmp(t->tier, "hard") == 0 ? POL_TIER_HARD : POL_TIER_COMMODITY;
    for (size_t i = 0; i < t->data.n; i++) {
        if (pol_class_find(base_str_c(t->data.v[i]), &c))
            o->f.declared_classes |= c;
        else
            FAIL(o, "data: \"%.40s\" is no data class", t->data.v[i]);
    }
    o->f.asks = (struct pol_asks){
        .output_tokens = {t->asks.output_tokens >= 0, t->asks.output_tokens},
        .temperature = {t->asks.temperature >= 0, t->asks.temperature},
        .top_p = {t->asks.top_p >= 0, t->asks.top_p},
        .effort = t->asks.effort,
        .input_bytes = t->asks.input_bytes >= 0 ? t->asks.input_bytes : (int64_t)strlen(t->text),
    };
    if (!b)
        return true;
    struct pol_candidate *v = base_arena_array(a, b->n + 1, sizeof(*v));
    for (size_t i = 0; v && i < b->n; i++)
        v[i] = (struct pol_candidate){&b->v[i], true, NULL};
    o->f.candidates = v;
    o->f.n_candidates = b->n;
    return v != NULL;
}

static void run_one(struct one *o, const struct pol_detector *det, struct pol_scratch *s,
                    struct base_arena *a, pol_test_route_fn route_fn, void *ctx)
{
    struct chat_part part = {.kind = CHAT_PART_TEXT, .text = base_str_c(o->t->text)};
    struct chat_message msg = {.role = CHAT_USER, .parts = &part, .n_parts = 1};
    struct chat_request req = {.arena = a, .messages = &msg, .n_messages = 1};
    struct base_err err = {0};

    o->f.today = base_wall_us() / 86400000000ll;
    o->f.use_case = base_str_c(o->t->use_case);
    if (pol_scan_request(det, s, &req, &o->f.findings, &err) != BASE_OK) {
        FAIL(o, "%s", err.text);
        return;
    }
    if (route_fn && route_fn(ctx, o->t, &o->f, a) != BASE_OK) {
        FAIL(o, "%s", "cannot be routed");
        return;
    }
    if (!state_facts(o, a)) {
        FAIL(o, "%s", "out of memory");
        return;
    }
    if (pol_decide(o->p, &o->f, a, &o->d, &err) != BASE_OK) {
        FAIL(o, "%s", err.text);
        return;
    }
    if (o->coverage)
        pol_coverage_add(o->coverage, &o->f, &o->d);
    if (o->t->has_data)
        check_data(o);
    if (o->t->expect_location)
        check_location(o);
    check_rest(o);
    check_backends(o);
    check_handling(o);
    check_limited(o);
}

void pol_policy_tests_run(const struct pol_policy *p, const struct pol_detector *d,
                          pol_test_route_fn route_fn, void *ctx, struct conf_problems *problems,
                          struct pol_coverage *coverage, size_t *n_run)
{
    struct base_arena *a = base_arena_new(TEST_ARENA_MAX);
    struct pol_scratch *s = NULL;
    struct base_err err = {0};

    *n_run = 0;
    if (!a || pol_scratch_new(d, &s, &err) != BASE_OK) {
        conf_problem_add(problems, p->conf->pos, false, "out of memory: the tests did not run");
        goto out;
    }
    for (size_t i = 0; i < p->conf->n_tests; i++) {
        struct one o = {.p = p, .t = &p->conf->tests[i], .pr = problems, .coverage = coverage};

        run_one(&o, d, s, a, route_fn, ctx);
        base_arena_reset(a);
        ++*n_run;
    }
out:
    pol_scratch_free(s);
    base_arena_free(a);
}
