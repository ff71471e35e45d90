/* Goal: pol_decide reads rules exactly as the contract says, whatever rules stand together.
 * Method: properties over random policies against a slow evaluator written from the contract
 * alone. */
#include "tests/unit/policy_backends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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
    unsigned personal = classes & (POL_CLASS_PERSONAL | POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL);

    if (strcmp(w, "none") == 0)
        return classes == 0;
    if (strcmp(w, "personal") == 0)
        return personal != 0;
    if (strcmp(w, "special") == 0)
        return (classes & POL_CLASS_SPECIAL) != 0;
    if (strcmp(w, "criminal") == 0)
        return (classes & POL_CLASS_CRIMINAL) != 0;
    return strcmp(w, "secret") == 0 && (classes & POL_CLASS_SECRET);
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
        f.findings.types = rnd(2) ? POL_TYPE_BIT(POL_EMAIL) : POL_TYPE_BIT(POL_PHONE);
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
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
