/* Goal: streets with house numbers are found in ten languages, over flat, postal code and town, and
 * prose with the same words is left alone.
 * Method: a table of texts, the address between « and ». */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pol_detector *det;
static struct pol_scratch *scratch;
static struct base_arena *arena;

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

static struct pol_spans scan(const char *p, size_t n)
{
    struct pol_spans s;

    base_arena_reset(arena);
    assert_int_equal(pol_scan_text(det, scratch, (struct base_str){p, n}, arena, &s, NULL),
                     BASE_OK);
    return s;
}

static void test_streets(void **state)
{
    static const struct {
        enum pol_type type;
        const char *text;
    } rows[] = {
        {POL_ADDRESS, "«79367 Edeby 55\n Apt. 297»\n Tystberga\n Sweden 99178\n"},
        {POL_LOCATION, "79367 Edeby 55\n Apt. 297\n «Tystberga»\n Sweden 99178\n"},
        {POL_LOCATION, "79367 Edeby 55\n Apt. 297\n Tystberga\n «Sweden» 99178\n"},
        {POL_LOCATION, "> 4 Baker Street\n> Suite 12\n> «Zuoz»\n> Switzerland 53730\n"},
        {POL_ADDRESS, "please send it to «ul. Krucza 97, Suite 446, Poznań, Bolivia 28327» today"},
        {POL_ADDRESS, "«31195 Piazza Rezzonico 35»"},
        {POL_ADDRESS, "Ich wohne in der «Hauptstraße 12, 10115 Berlin»."},
        {POL_ADDRESS, "Anschrift: «Lange Straße 4a»"},
        {POL_ADDRESS, "Lieferung an Am «Mühlenweg 7, 4020 Linz» bitte"},
        {POL_ADDRESS, "zam. «ul. Krucza 15, 86-300 Grudziądz», tel."},
        {POL_ADDRESS, "biuro przy «al. Jana Pawła II 43» jest zamknięte"},
        {POL_ADDRESS, "adres: «ul. 3 Maja 5/7 m. 4»"},
        {POL_ADDRESS, "«Rynek 2/4, 87-140 Chełmża»"},
        {POL_ADDRESS, "Nous habitons «12, rue de la Paix, 75002 Paris»."},
        {POL_ADDRESS, "au «4 bis avenue Victor Hugo» depuis mai"},
        {POL_ADDRESS, "Ship to «2016 Spruce Ave, Fairview, AZ 78269»"},
        {POL_ADDRESS, "at «221B Baker Street, London NW1 6XE» since May"},
        {POL_ADDRESS, "Abito in «Via Garibaldi 7, 20121 Milano»"},
        {POL_ADDRESS, "Vivo en «Calle Mayor, 5, 28013 Madrid»"},
        {POL_ADDRESS, "Moro na «Rua Augusta 25, 1100-053 Lisboa»"},
        {POL_ADDRESS, "Ik woon op «Prinsengracht 263, 1016 GV Amsterdam»"},
        {POL_ADDRESS, "Jag bor på «Storgatan 5, 111 22 Stockholm»"},
        {POL_ADDRESS, "«Kossuth utca 8, 1055 Budapest»"},
        {POL_ADDRESS, "Locuiesc pe «str. Libertății nr. 4» de ieri"},
        {POL_POSTAL_CODE, "Postcode: «1016 GV»"},
        {POL_POSTAL_CODE, "kod pocztowy «00-950»"},
        {POL_POSTAL_CODE, "PLZ: «10115»"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char plain[256];
        size_t n = 0, a = 0, b = 0;
        struct pol_spans s;
        bool ok = false;

        for (const char *p = rows[i].text; *p; p++) {
            if (strncmp(p, "«", 2) == 0 || strncmp(p, "»", 2) == 0) {
                *(p[1] == '\xab' ? &a : &b) = n;
                p++;
                continue;
            }
            plain[n++] = *p;
        }
        s = scan(plain, n);
        for (size_t k = 0; k < s.n; k++)
            ok = ok || (s.v[k].start == a && s.v[k].end == b && s.v[k].type == rows[i].type);
        for (size_t k = 0; !ok && k < s.n; k++)
            print_message("  found %s %zu-%zu\n", pol_type_name(s.v[k].type), s.v[k].start,
                          s.v[k].end);
        if (!ok)
            fail_msg("%s %zu-%zu not found in: %s", pol_type_name(rows[i].type), a, b,
                     rows[i].text);
    }
}

static void test_prose(void **state)
{
    static const char *const texts[] = {
        "The best way to sort 12 items is a list.",
        "Close the door at 8 and walk 20 minutes.",
        "Wir treffen uns auf dem Platz um 12 Uhr.",
        "He drives 30 miles down the road every day.",
        "Der Weg 3 ist kürzer.",
        "Voir la place 12 du tableau.",
        "Set the drive letter to D: and the square to 16.",
        "In Section 12 Place the Cursor in the field.",
        "The park opens at 9 and the court sits at 10.",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct pol_spans s = scan(texts[i], strlen(texts[i]));

        for (size_t k = 0; k < s.n; k++) {
            if (s.v[k].type == POL_ADDRESS)
                fail_msg("no address in: %s", texts[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streets),
        cmocka_unit_test(test_prose),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
