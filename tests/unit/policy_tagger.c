/* Goal: persons, organisations and places are found in eight languages with exact offsets; what
 * merely has capitals is not; bare names do not make a text personal; a text longer than the
 * tagger's block is labelled as its parts are; the model that is carried is the one that was built.
 * Method: tables of sentences that are in no training file, the entity between « and ». */
#include "policy/detect/detect.h"
#include "policy/detect/tagger.h"

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
    arena = base_arena_new(64 << 20);
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

static struct pol_spans scan(const char *p, size_t n, unsigned *classes)
{
    struct pol_spans s;

    base_arena_reset(arena);
    *classes = 0;
    assert_int_equal(pol_scan_types(det, scratch, (struct base_str){p, n}, ~(pol_types)0, arena, &s,
                                    classes, NULL),
                     BASE_OK);
    return s;
}

struct row {
    enum pol_type type;
    const char *text;
};

static bool found(const struct row *r)
{
    char plain[512];
    size_t n = 0, a = 0, b = 0;
    unsigned classes;
    struct pol_spans s;

    for (const char *p = r->text; *p; p++) {
        if (strncmp(p, "«", 2) == 0 || strncmp(p, "»", 2) == 0) {
            *(p[1] == '\xab' ? &a : &b) = n;
            p++;
            continue;
        }
        plain[n++] = *p;
    }
    plain[n] = 0;
    s = scan(plain, n, &classes);
    for (size_t i = 0; i < s.n; i++) {
        if (s.v[i].start == a && s.v[i].end == b && s.v[i].type == r->type) {
            if (r->type == POL_PERSON)
                assert_true(classes & POL_CLASS_PERSONAL);
            return true;
        }
    }
    for (size_t i = 0; i < s.n; i++)
        print_message("  found %s %zu-%zu\n", pol_type_name(s.v[i].type), s.v[i].start, s.v[i].end);
    print_message("%s %zu-%zu not found in: %s\n", pol_type_name(r->type), a, b, plain);
    return false;
}

static void test_languages(void **state)
{
    static const struct row rows[] = {
        {POL_PERSON, "Please ask «Margaret Holloway» whether the order was sent."},
        {POL_PERSON, "The complaint of Mr «Thornbury» has not been answered yet."},
        {POL_LOCATION, "The warehouse in «Manchester» was closed last winter."},
        {POL_PERSON, "Bitte rufen Sie «Johanna Lindemann» morgen wegen des Vertrags an."},
        {POL_LOCATION, "Das Lager in «Hamburg» wurde im Winter geschlossen."},
        {POL_ORG, "Die Rechnung der «Lindemann GmbH» ist noch offen."},
        {POL_PERSON, "Pouvez-vous rappeler «Mathilde Garnier» demain matin ?"},
        {POL_LOCATION, "Notre entrepôt à «Marseille» a fermé cet hiver."},
        {POL_PERSON, "Hay que llamar a «Dolores Fuentes» por el contrato."},
        {POL_LOCATION, "El almacén de «Bilbao» cerró en invierno."},
        {POL_PERSON, "Ricordati di avvisare «Ludovica Ferrari» entro venerdì."},
        {POL_LOCATION, "Il magazzino di «Torino» ha chiuso in inverno."},
        {POL_PERSON, "Wil je «Marloes Dijkstra» vragen om het formulier te tekenen?"},
        {POL_LOCATION, "Het magazijn in «Rotterdam» is in de winter gesloten."},
        {POL_PERSON, "Proszę zadzwonić do «Katarzyny Wiśniewskiej» w sprawie umowy."},
        {POL_LOCATION, "Magazyn w «Krakowie» został zamknięty zimą."},
        {POL_PERSON, "É preciso avisar «Teresa Figueiredo» até sexta-feira."},
        {POL_LOCATION, "O armazém de «Lisboa» fechou no inverno."},
        {POL_PERSON, "Kan du ringa «Ingrid Lindqvist» om avtalet?"},
        {POL_PERSON, "name: «Oliver Bennett»\nrole: driver"},
    };
    size_t missed = 0;
    (void)state;

    /* a trained model may miss one, and which may change when it is trained anew */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        missed += !found(&rows[i]);
    assert_true(missed <= 2);
}

/* What is read around the model's labels: companies by their legal form over a line's end, names
 * run together, names in texts without capitals. */
static void test_around(void **state)
{
    static const struct row rows[] = {
        {POL_ORG, "Firma: «Innowacje Technologiczne\nSp. z o.o.» z siedzibą w Gdańsku."},
        {POL_ORG, "Rechnung der «Nordwerk GmbH & Co. KG» vom Mai"},
        {POL_PERSON, "Posiadaczem rachunku jest «JoannaNowak»."},
        {POL_PERSON, "my name is «anna kowalska» and i live in krakow"},
        {POL_LOCATION, "my name is anna kowalska and i live in «krakow»"},
        {POL_PERSON, "hallo, ich bin «julia schneider» aus hamburg und brauche hilfe"},
    };
    unsigned classes;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(found(&rows[i]));
    static const char verb[] = "Fred rode to the shop, then Maria holds five apples.";
    static const char plain[] = "can you mark the good ones and will it rain in may";

    (void)scan(verb, sizeof(verb) - 1, &classes);
    assert_int_equal(classes, POL_CLASS_NONE);
    assert_int_equal(scan(plain, sizeof(plain) - 1, &classes).n, 0);
}

/* Capitals alone are nothing; so are places and organisations as far as classes go. */
static void test_not_personal(void **state)
{
    static const char *const texts[] = {
        "Please summarise the following minutes of the meeting in five short sentences.",
        "What is the capital of France?",
        "Compare the economies of Germany and Poland.",
        "Wie hoch ist die Grundsteuer in Bayern?",
        "Quelle est la population de la Belgique ?",
        "How many customers does Siemens have in Italy?",
        "A. Nothing\nB. Everything\nC. Something Else\nAnswer:",
        "SELECT Name, Total FROM Orders WHERE Status = 'Open';",
        "Terms And Conditions Apply To All Orders In Europe",
        "class OrderService(BaseService): pass",
        "Janet has five apples and eats two. How many are left?",
        "Die Rechnung liegt der Lieferung bei; der Kunde hat die Ware am Montag bekommen.",
        "Stwardnienie rozsiane to choroba. Jakie są objawy?",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        unsigned classes;

        (void)scan(texts[i], strlen(texts[i]), &classes);
        if (classes)
            fail_msg("classes %u for: %s", classes, texts[i]);
    }
}

static void test_levels(void **state)
{
    static const char bare[] = "I told Margaret about it yesterday.";
    static const char full[] = "I told Margaret Holloway about it yesterday.";
    unsigned classes;
    struct pol_spans s = scan(bare, sizeof(bare) - 1, &classes);
    (void)state;

    assert_int_equal(s.n, 1);
    assert_int_equal(s.v[0].type, POL_PERSON);
    assert_int_equal(s.v[0].level, POL_SHAPE);
    assert_int_equal(classes, POL_CLASS_NONE);
    s = scan(full, sizeof(full) - 1, &classes);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.v[0].level, POL_CONTEXT);
    assert_int_equal(classes, POL_CLASS_PERSONAL);
}

/* Blocks, context kept between them, the end of the text: nothing lost, nothing twice. */
static void test_long(void **state)
{
    static const char line[] = "Yesterday Margaret Holloway sent the signed form to the office.\n";
    const size_t k = sizeof(line) - 1, times = 3000;
    char *text = malloc(k * times);
    unsigned classes;
    (void)state;

    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * k, line, k);
    for (size_t n = times - 40; n <= times; n++) {
        struct pol_spans s = scan(text, n * k, &classes);
        size_t people = 0;

        for (size_t i = 0; i < s.n; i++) {
            if (s.v[i].type != POL_PERSON)
                continue;
            assert_int_equal(s.v[i].start, people * k + 10);
            assert_int_equal(s.v[i].end, people * k + 27);
            people++;
        }
        assert_int_equal(people, n);
    }
    free(text);
}

static void test_model(void **state)
{
    struct pol_tagger t = {0};
    int most = 0;
    (void)state;

    assert_int_equal(pol_tagger_builtin(&t, NULL), BASE_OK);
    for (size_t i = 0; i < (size_t)TAG_ROW << TAG_BITS; i++) {
        if (i % TAG_ROW == TAG_ROW - 1)
            assert_int_equal(t.rows[i], 0);
        most = abs(t.rows[i]) > most ? abs(t.rows[i]) : most;
    }
    assert_int_equal(most, 127); /* the scale is used; 40 features cannot overflow 16 bits */
    assert_true(TAG_FEATURES * 127 < INT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages),    cmocka_unit_test(test_around),
        cmocka_unit_test(test_not_personal), cmocka_unit_test(test_levels),
        cmocka_unit_test(test_long),         cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
