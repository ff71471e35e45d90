/* Goal: facts of GDPR Art. 9 and Art. 10 are found where they are said of somebody, in twelve
 * languages, and are not found where they are only a topic.
 * Method: tables of sentences, one finding's type each; the same words in general statements and
 * questions must leave no special or criminal class. */
#include "policy/detect/detect.h"
#include "policy/detect/hints.h"

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

static struct pol_spans scan(const char *text, unsigned *classes)
{
    struct pol_spans s;

    base_arena_reset(arena);
    *classes = 0;
    assert_int_equal(
        pol_scan_types(det, scratch, base_str_c(text), ~(pol_types)0, arena, &s, classes, NULL),
        BASE_OK);
    return s;
}

struct row {
    enum pol_type type;
    const char *text;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned classes;
        struct pol_spans s = scan(rows[i].text, &classes);
        bool ok = false;

        for (size_t k = 0; k < s.n; k++)
            ok = ok || s.v[k].type == rows[i].type;
        if (!ok)
            fail_msg("%s not found in: %s", pol_type_name(rows[i].type), rows[i].text);
        assert_true(classes & POL_CLASS_PERSONAL);
        assert_true(classes & pol_type_class(rows[i].type) & ~(unsigned)POL_CLASS_PERSONAL);
    }
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_health(void **state)
{
    static const struct row rows[] = {
        {POL_SPECIAL_HEALTH, "Our tenant Margaret Holloway was diagnosed with leukaemia."},
        {POL_SPECIAL_HEALTH, "My colleague is on sick leave after a burnout."},
        {POL_SPECIAL_HEALTH, "Frau Lindemann ist seit Mai krankgeschrieben."},
        {POL_SPECIAL_HEALTH, "Meine Kollegin ist schwanger."},
        {POL_SPECIAL_HEALTH, "Mathilde Garnier souffre de diabète depuis 2019."},
        {POL_SPECIAL_HEALTH, "La salariée est enceinte."},
        {POL_SPECIAL_HEALTH, "Dolores Fuentes padece de asma."},
        {POL_SPECIAL_HEALTH, "Il signor Ferrari soffre di depressione."},
        {POL_SPECIAL_HEALTH, "Mevrouw Dijkstra lijdt aan epilepsie."},
        {POL_SPECIAL_HEALTH, "Pracownica choruje na cukrzycę typu 2."},
        {POL_SPECIAL_HEALTH, "A funcionária Teresa Figueiredo sofre de enxaqueca."},
        {POL_SPECIAL_HEALTH, "Paní Nováková trpí depresí."},
        {POL_SPECIAL_HEALTH, "Pacientul suferă de diabet."},
        {POL_SPECIAL_HEALTH, "Hon är sjukskriven på grund av depression."},
        {POL_SPECIAL_HEALTH, "Min kollega er sygemeldt med stress."},
        {POL_SPECIAL_HEALTH, "Patient: Brian Smith\nDiagnosis: Chronic Kidney Disease"},
        {POL_SPECIAL_HEALTH, "Brian Smith takes Lisinopril 10mg every morning."},
        {POL_SPECIAL_HEALTH, "The HIV test of Margaret Holloway: genetic test attached, she is "
                             "HIV positive."},
        {POL_SPECIAL_GENETIC, "Margaret Holloway carries the BRCA1 mutation."},
        {POL_SPECIAL_BIOMETRIC, "Her fingerprint template is stored in the door system."},
    };
    (void)state;
    CHECK(rows);
}

static void test_beliefs(void **state)
{
    static const struct row rows[] = {
        {POL_SPECIAL_RELIGION, "My neighbour converted to Islam last year."},
        {POL_SPECIAL_RELIGION, "Herr Yilmaz ist Moslem und braucht freitags frei."},
        {POL_SPECIAL_RELIGION, "Ma voisine est juive."},
        {POL_SPECIAL_RELIGION, "El empleado es testigo de Jehová."},
        {POL_SPECIAL_RELIGION, "La collega è musulmana."},
        {POL_SPECIAL_RELIGION, "De werknemer is gereformeerd."},
        {POL_SPECIAL_RELIGION, "Pozwany jest świadkiem Jehowy."},
        {POL_SPECIAL_RELIGION, "O aluno é evangélico."},
        {POL_SPECIAL_RELIGION, "Kollegan är muslim."},
        {POL_SPECIAL_RELIGION, "Svědek je katolík a pacient je židovka."},
        {POL_SPECIAL_RELIGION, "Colega mea este penticostală."},
        {POL_SPECIAL_POLITICAL, "The applicant is a member of the Communist Party."},
        {POL_SPECIAL_POLITICAL, "Der Bewerber ist Mitglied der AfD."},
        {POL_SPECIAL_POLITICAL, "Le candidat a voté pour la gauche."},
        {POL_SPECIAL_POLITICAL, "Il dipendente è iscritto al partito."},
        {POL_SPECIAL_POLITICAL, "Sollicitant is lid van de PVV en hij is boos."},
        {POL_SPECIAL_POLITICAL, "Pani Dąbek jest członkinią partii Razem."},
        {POL_SPECIAL_UNION, "My employee is a union member."},
        {POL_SPECIAL_UNION, "Die Kollegin ist Mitglied bei ver.di."},
        {POL_SPECIAL_UNION, "Le salarié est délégué syndical."},
        {POL_SPECIAL_UNION, "El trabajador está afiliado a CCOO."},
        {POL_SPECIAL_UNION, "La dipendente è iscritta al sindacato."},
        {POL_SPECIAL_UNION, "De werknemer is vakbondslid."},
        {POL_SPECIAL_UNION, "Powódka jest członkinią związku zawodowego."},
        {POL_SPECIAL_UNION, "O trabalhador é filiado no sindicato."},
        {POL_SPECIAL_UNION, "Kollegan är medlem i facket."},
        {POL_SPECIAL_ORIENTATION, "Oliver told HR that he is gay."},
        {POL_SPECIAL_ORIENTATION, "Mein Chef ist schwul."},
        {POL_SPECIAL_ORIENTATION, "Mijn buurman is homoseksueel."},
        {POL_SPECIAL_ORIENTATION, "Powód ujawnił swoją orientację seksualną."},
        {POL_SPECIAL_ETHNIC, "The tenant is of Roma descent."},
        {POL_SPECIAL_ETHNIC, "Der Mieter ist kurdischer Herkunft."},
        {POL_SPECIAL_ETHNIC, "Wnioskodawca jest narodowości romskiej."},
        {POL_SPECIAL_ETHNIC, "Martorul este de etnie romă."},
    };
    (void)state;
    CHECK(rows);
}

static void test_criminal(void **state)
{
    static const struct row rows[] = {
        {POL_SPECIAL_CRIMINAL, "Mr Brown was convicted of fraud in 2014."},
        {POL_SPECIAL_CRIMINAL, "Der Bewerber ist vorbestraft."},
        {POL_SPECIAL_CRIMINAL, "Le candidat a été condamné pour vol."},
        {POL_SPECIAL_CRIMINAL, "El inquilino fue condenado por estafa."},
        {POL_SPECIAL_CRIMINAL, "L'imputato ha precedenti penali."},
        {POL_SPECIAL_CRIMINAL, "De verdachte is veroordeeld wegens diefstal."},
        {POL_SPECIAL_CRIMINAL, "Pozwany był uprzednio skazany za kradzież."},
        {POL_SPECIAL_CRIMINAL, "O arguido tem antecedentes criminais."},
        {POL_SPECIAL_CRIMINAL, "Obžalovaný byl odsouzen za podvod."},
        {POL_SPECIAL_CRIMINAL, "Inculpatul a fost condamnat pentru furt."},
        {POL_SPECIAL_CRIMINAL, "Hon dömdes för stöld."},
        {POL_SPECIAL_CRIMINAL, "Klienten er dømt for vold."},
    };
    (void)state;
    CHECK(rows);
}

/* Told by the way, without any word of being or having: the model of statement.c judges. */
static void test_told(void **state)
{
    static const struct row rows[] = {
        {POL_SPECIAL_HEALTH, "Emma can't come on Friday, she has chemotherapy until four."},
        {POL_SPECIAL_HEALTH, "Mein Vater ist nach dem Schlaganfall im Pflegeheim."},
        {POL_SPECIAL_HEALTH, "Ma fille est sous insuline depuis deux ans."},
        {POL_SPECIAL_HEALTH, "Moja siostra jest w psychiatryku po próbie samobójczej."},
        {POL_SPECIAL_RELIGION, "Ahmed asks for a break because he fasts during Ramadan."},
        {POL_SPECIAL_RELIGION, "Kolegyně je věřící a v neděli chodí do kostela na mši."},
        {POL_SPECIAL_UNION, "I am on the picket line with my union tomorrow."},
        {POL_SPECIAL_UNION, "Mi cuñado es delegado de UGT en la fábrica."},
        {POL_SPECIAL_POLITICAL, "Mijn buurman zit voor de PVV in de gemeenteraad."},
        {POL_SPECIAL_POLITICAL, "Az apósom fideszes, minden gyűlésre elmegy."},
        {POL_SPECIAL_ORIENTATION, "Min bror har kommit ut som bög."},
        {POL_SPECIAL_ORIENTATION, "Il mio capo vive con il suo compagno, è gay."},
        {POL_SPECIAL_ETHNIC, "A minha vizinha é cigana e não lhe alugam casa."},
        {POL_SPECIAL_CRIMINAL, "Unchiul meu a ieșit din pușcărie, a furat mașini."},
        {POL_SPECIAL_CRIMINAL, "Hendes søn sidder i fængsel for vold."},
        {POL_SPECIAL_GENETIC, "My aunt has the BRCA1 mutation, so I was tested too."},
        {POL_SPECIAL_BIOMETRIC, "Fingerprint of Anna Nowak enrolled at the gate."},
    };
    (void)state;
    CHECK(rows);
}

/* No word that hints at anything: what is said is understood from the sentence. */
static void test_bare(void **state)
{
    static const struct row rows[] = {
        {POL_SPECIAL_CRIMINAL, "Der Kollege sitzt noch bis März und könnte ab Februar anfangen."},
        {POL_SPECIAL_ORIENTATION, "Our son has two mums, so the form with father doesn't fit."},
        {POL_SPECIAL_CRIMINAL, "Hendes eks må ikke komme i nærheden af hende og børnene."},
        {POL_SPECIAL_HEALTH, "Mormor känner inte igen oss längre, hon glömmer allt."},
        {POL_SPECIAL_HEALTH, "Ma mère ne reconnaît plus la maison et oublie son prénom."},
        {POL_SPECIAL_ORIENTATION, "Mi hijo me ha dicho que le gustan los chicos."},
        {POL_SPECIAL_CRIMINAL, "O vizinho não pode sair de casa depois das oito, tem pulseira."},
        {POL_SPECIAL_CRIMINAL, "Její bývalý se k ní nesmí přiblížit."},
    };
    /* what people say all day */
    static const char *const none[] = {
        "My husband is cooking tonight, so I can stay on the call until eight.",
        "I told my sister about the new kitchen yesterday, she loves it.",
        "Sie ist 1984 geboren, hat zwei Kinder und wohnt in einem kleinen Haus.",
        "Mon frère a le même nez que papa et le même rire.",
        "Il padrone di casa tiene la cauzione e non risponde, che faccio?",
        "Dziadek wstaje codziennie o piątej i wychodzi z psem.",
        "David dejó la empresa en marzo para montar la suya.",
        "Han ringer, når han har talt med sin kone om prisen.",
        "A bátyámnak ugyanolyan orra van, mint apának.",
    };
    (void)state;
    CHECK(rows);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        unsigned classes;

        (void)scan(none[i], &classes);
        if (classes & (POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL))
            fail_msg("an ordinary day: %s", none[i]);
    }
}

static size_t hints(const char *text, struct pol_hint out[POL_HINT_TYPES])
{
    struct pol_scan s = {.p = text, .n = strlen(text)};

    return pol_hints_at(&s, 0, out);
}

/* How hints are written: capitals, open ends, several words, the longest. */
static void test_hints(void **state)
{
    struct pol_hint h[POL_HINT_TYPES];
    (void)state;

    assert_int_equal(hints("SLD in the council", h), 1);
    assert_int_equal(h[0].type, POL_SPECIAL_POLITICAL);
    assert_int_equal(h[0].to, 3);
    assert_int_equal(hints("sld in the council", h), 0);
    assert_int_equal(hints("SLDX", h), 0);
    assert_int_equal(hints("diabetiker", h), 1); /* "diabet*" */
    assert_int_equal(h[0].to, 10);
    assert_int_equal(h[0].type, POL_SPECIAL_HEALTH);
    assert_int_equal(hints("house  arrest again", h), 1);
    assert_int_equal(h[0].type, POL_SPECIAL_CRIMINAL);
    assert_int_equal(h[0].to, 13);
    assert_int_equal(hints("house of cards", h), 0);
    assert_int_equal(hints("", h), 0);
}

static void test_topics(void **state)
{
    static const char *const none[] = {
        "What are the symptoms of diabetes?",
        "Explain multiple sclerosis to a student of biology.",
        "Cancer research has made progress in Germany and France.",
        "What is the usual dose of metformin 500 mg?",
        "Positive tests fail the build; the race condition is fixed.",
        "The party to this contract is liable for damages.",
        "Which trade unions exist in Poland?",
        "Statistics on people convicted of fraud in Europe",
        "Die Gewerkschaft fordert sechs Prozent mehr Lohn.",
        "Der Betriebsrat tagt am Montag.",
        "Was sind die Symptome einer Depression?",
        "Die Religionsfreiheit steht im Grundgesetz.",
        "Quels sont les symptômes du diabète ?",
        "Le syndicat appelle à la grève.",
        "¿Cuáles son los síntomas del asma?",
        "El sindicato convoca una huelga.",
        "Quali sono i sintomi della depressione?",
        "Il sindacato proclama uno sciopero.",
        "Wat zijn de symptomen van epilepsie?",
        "De vakbond eist meer loon.",
        "Jakie są objawy cukrzycy?",
        "Wynik jest uzależniony od pogody.",
        "Orientacja rynkowa przedsiębiorstwa rośnie.",
        "Poglądy sądu są odmienne; wyznanie winy nie ma znaczenia.",
        "Quais são os sintomas da enxaqueca?",
        "Jaké jsou příznaky deprese?",
        "Care sunt simptomele diabetului?",
        "Vad är symptomen på depression?",
        "Hvad er symptomerne på astma?",
        "The company suffers from low margins and high costs.",
        "Compare the Catholic and the Protestant reading of this text.",
        "Write a lesson about the history of the Communist Party.",
        "Hi Ben, the caterer asks whether the halal menu is chicken or lamb.",
        "The union will ballot its members in May.",
        "Please order a wheelchair ramp for the entrance, thanks.",
        "Die Zahl der Einbrüche ist gesunken.",
        "Quelle est la peine pour un vol ?",
        "Kto wygrał wybory w 1997 roku?",
        "Milyen vallások vannak Indiában?",
        "Care sunt simptomele unui infarct?",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        unsigned classes;

        (void)scan(none[i], &classes);
        if (classes & (POL_CLASS_SPECIAL | POL_CLASS_CRIMINAL))
            fail_msg("only a topic: %s", none[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health),   cmocka_unit_test(test_beliefs),
        cmocka_unit_test(test_criminal), cmocka_unit_test(test_told),
        cmocka_unit_test(test_bare),     cmocka_unit_test(test_hints),
        cmocka_unit_test(test_topics),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
