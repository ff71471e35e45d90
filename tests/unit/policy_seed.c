/* Goal: a wallet's seed phrase is found without a word that announces it, wherever it stands and
 * however its words are set apart; rows of words whose sum does not hold, shorter rows and prose
 * are not.
 * Method: test vectors of BIP-39, at every offset, in lists, in capitals, with one word changed. */
#include "policy/policy.h"
#include "policy/words/seed_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pol_detector *det;
static struct pol_scratch *scratch;
static struct base_arena *arena;

static const char *const phrases[] = {
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "gravity machine north sort system female filter attitude volume fold club stay feature office "
    "ecology stable narrow fog",
    "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy "
    "gospel tennis maple dilemma loan word shrug inflict delay length"};

static int setup(void **state)
{
    (void)state;
    arena = base_arena_new(16 << 20);
    return pol_detector_new(&det, NULL) != BASE_OK ||
           pol_scratch_new(det, &scratch, NULL) != BASE_OK || !arena;
}

static int teardown(void **state)
{
    (void)state;
    pol_scratch_free(scratch);
    pol_detector_free(det);
    base_arena_free(arena);
    return 0;
}

/* The first secret, or NULL. */
static const struct pol_span *secret(const char *p, size_t n)
{
    static struct pol_spans s;

    base_arena_reset(arena);
    assert_int_equal(pol_scan_text(det, scratch, (struct base_str){p, n}, arena, &s, NULL),
                     BASE_OK);
    for (size_t i = 0; i < s.n; i++) {
        if (s.v[i].type == POL_SECRET)
            return &s.v[i];
    }
    return NULL;
}

static void test_found(void **state)
{
    char text[512];
    (void)state;

    for (size_t k = 0; k < sizeof(phrases) / sizeof(phrases[0]); k++) {
        for (size_t at = 0; at < 100; at++) {
            const struct pol_span *s;
            int n;

            memset(text, '-', at);
            if (at > 0)
                text[at - 1] = '\n';
            n = snprintf(text + at, sizeof(text) - at, "%s\nkeep it.", phrases[k]);
            s = secret(text, at + (size_t)n);
            if (!s || s->start != at || s->end != at + strlen(phrases[k]))
                fail_msg("phrase %zu at %zu", k, at);
            assert_string_equal(s->subtype, "seed_phrase");
            assert_int_equal(s->level, POL_CHECK);
        }
    }
}

static void test_written_otherwise(void **state)
{
    static const char *const texts[] = {
        "1. legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal 10. "
        "winner 11. thank 12. yellow",
        "LEGAL WINNER THANK YEAR WAVE SAUSAGE WORTH USEFUL LEGAL WINNER THANK YELLOW",
        "legal, winner, thank, year,\nwave, sausage, worth, useful,\nlegal, winner, thank, yellow",
        "Keep this safe: legal winner thank year wave sausage worth useful legal winner thank "
        "yellow and tell nobody"};
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!secret(texts[i], strlen(texts[i])))
            fail_msg("not found: %s", texts[i]);
    }
}

static void test_not(void **state)
{
    static const char *const texts[] = {
        "legal winner thank year wave sausage worth useful legal winner thank year",
        "legal winner thank year wave sausage worth useful legal winner thank",
        "legal winner thank year wave sausage is worth useful legal winner thank yellow",
        "They will use their own time to visit the home of a family friend this year, because "
        "that is what they want and can do.",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo when",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo"};
    char *many = malloc(1 << 20), again[300];
    size_t n = 0;
    (void)state;

    for (size_t w = 0; w < POL_SEED_WORDS;
         w++) { /* said again and again, one in four has the sum */
        size_t k = 0;
        for (int i = 0; i < 24; i++)
            k += (size_t)snprintf(again + k, sizeof(again) - k, "%.8s ", pol_seed_words[w]);
        if (secret(again, k))
            fail_msg("found: %s", again);
    }

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (secret(texts[i], strlen(texts[i])))
            fail_msg("found: %s", texts[i]);
    }
    assert_non_null(many); /* a long row of such words takes no longer than other text */
    while (n + 8 < 1 << 20) {
        memcpy(many + n, "abandon ", 8);
        n += 8;
    }
    assert_null(secret(many, n));
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_written_otherwise),
        cmocka_unit_test(test_not),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
