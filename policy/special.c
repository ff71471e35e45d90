/* special.c - special categories (GDPR Art. 9) and criminal data (Art. 10) as statements on a
 * person.
 *
 * A word alone says nothing: "what are the symptoms of diabetes" is a question about the world. A
 * finding needs, in one sentence, a term of a family and somebody it is about:
 *   PRED   a predicate that only a living subject takes ("suffers from", "has been diagnosed with")
 *          - a name, a person's word or a pronoun must stand before it in the sentence;
 *   FACT   a fact word ("HIV-positive", "union member") - likewise, and a copula or possessive
 *          ("is", "has", "jest", "ist", ...) between the two.
 * Sentences that are questions about the general ("what", "how", "symptoms of") without a name are
 * passed over. The span reported is the term and, for predicates, the words up to the end of the
 * clause. This is a first matcher for seven languages; what it misses is measured in tests/bench.
 */
#include "policy/detect.h"

#include <pthread.h>

enum { PRED = 1, FACT = 2, LABEL = 4 }; /* LABEL: "Diagnosis: x" in a record */

static bool sentence_end(const struct pol_scan *s, size_t i)
{
    char c = s->p[i];

    if (c == '\n' || c == '!' || c == '?')
        return true;
    return c == '.' && (i + 1 >= s->n || s->p[i + 1] == ' ' || s->p[i + 1] == '\n') &&
           !(i >= 2 && s->p[i - 2] == ' ');
}

/* All folded as the normaliser folds text. */
static const char *const subjects[] = {"i",
                                       "he",
                                       "she",
                                       "him",
                                       "her",
                                       "his",
                                       "my",
                                       "im",
                                       "patient",
                                       "employee",
                                       "colleague",
                                       "client",
                                       "applicant",
                                       "candidate",
                                       "wife",
                                       "husband",
                                       "son",
                                       "daughter",
                                       "mother",
                                       "father",
                                       "boss",
                                       "neighbour",
                                       "neighbor",
                                       "ich",
                                       "er",
                                       "sie",
                                       "mein",
                                       "meine",
                                       "ihr",
                                       "ihre",
                                       "sein",
                                       "seine",
                                       "patientin",
                                       "mitarbeiter",
                                       "mitarbeiterin",
                                       "kollege",
                                       "kollegin",
                                       "kunde",
                                       "kundin",
                                       "bewerber",
                                       "bewerberin",
                                       "je",
                                       "il",
                                       "elle",
                                       "mon",
                                       "ma",
                                       "son",
                                       "patiente",
                                       "salarie",
                                       "salariee",
                                       "collegue",
                                       "io",
                                       "lui",
                                       "lei",
                                       "mio",
                                       "mia",
                                       "paziente",
                                       "dipendente",
                                       "collega",
                                       "yo",
                                       "el",
                                       "ella",
                                       "mi",
                                       "paciente",
                                       "empleado",
                                       "empleada",
                                       "companero",
                                       "ja",
                                       "on",
                                       "ona",
                                       "moj",
                                       "moja",
                                       "pacjent",
                                       "pacjentka",
                                       "pracownik",
                                       "pracownica",
                                       "pracownika",
                                       "pan",
                                       "pani",
                                       "ik",
                                       "hij",
                                       "zij",
                                       "ze",
                                       "mijn",
                                       "patientie",
                                       "werknemer",
                                       "werkneemster",
                                       "han",
                                       "hon",
                                       "jag",
                                       "min",
                                       "oskarzony",
                                       "oskarzona",
                                       "powod",
                                       "powodka",
                                       "pozwany",
                                       "pozwana",
                                       "swiadek",
                                       "wnioskodawca",
                                       "wnioskodawczyni",
                                       "skazany",
                                       "defendant",
                                       "accused",
                                       "angeklagte",
                                       "angeklagter",
                                       "mr",
                                       "mrs",
                                       "ms",
                                       "herr",
                                       "frau",
                                       "madame",
                                       "monsieur",
                                       "mme",
                                       "signora",
                                       "signor",
                                       "senora",
                                       "senor",
                                       "klient",
                                       "klientka",
                                       "ubezpieczony",
                                       "ubezpieczona",
                                       "kandydat",
                                       "kandydatka",
                                       "uczen",
                                       "uczennica",
                                       "corka",
                                       "syn",
                                       "zona",
                                       "maz",
                                       "mojej",
                                       "mojego",
                                       "jego",
                                       "jej",
                                       "pana",
                                       "panu",
                                       "pania",
                                       "panem",
                                       "sprawca",
                                       "pracownikiem",
                                       NULL};
static const char *const general[] = {
    "what",      "how",      "which",      "why",      "explain", "define",   "describe",
    "was",       "wie",      "warum",      "erklare",  "que",     "quels",    "quelles",
    "comment",   "pourquoi", "cosa",       "come",     "quali",   "perche",   "cuales",
    "como",      "jakie",    "jak",        "czym",     "co",      "dlaczego", "wat",
    "hoe",       "waarom",   "percent",    "study",    "studie",  "etude",    "studio",
    "estudio",   "badanie",  "statistics", "symptoms", "people",  "citizens", "generally",
    "aggregate", NULL};
static const char *const copulas[] = {
    "is",      "was",    "am",    "are",    "has",    "had",   "have",  "being", "been",   "being",
    "came",    "told",   "says",  "said",   "his",    "her",   "my",    "ist",   "war",    "bin",
    "hat",     "habe",   "hatte", "wurde",  "wird",   "sein",  "seine", "ihre",  "mein",   "meine",
    "est",     "etait",  "suis",  "ai",     "a",      "son",   "sa",    "mon",   "ma",     "e",
    "era",     "sono",   "ho",    "ha",     "suo",    "sua",   "es",    "soy",   "tiene",  "su",
    "mi",      "jest",   "byl",   "byla",   "jestem", "ma",    "mam",   "jego",  "jej",    "zostal",
    "zostala", "heeft",  "ben",   "heb",    "zijn",   "haar",  "mijn",  "har",   "ar",     "been",
    "carries", "got",    "as",    "als",    "jako",   "comme", "come",  "como",  "porque", "to",
    "van",     "bedzie", "sei",   "tested", "wegen",  "za",    "o",     "pour",  "por",    "per",
    NULL};

/* The three lists as one hash set, filled once: a text may hold very many terms. */
enum { SUBJECT = 1, GENERAL = 2, COPULA = 4 };
#define SET_SLOTS 1024u

static struct {
    const char *word;
    unsigned what;
} set[SET_SLOTS];
static pthread_once_t set_once = PTHREAD_ONCE_INIT;

static uint32_t word_hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)(p[i] | 32)) * 16777619u;
    return h ^ h >> 13;
}

static void set_add(const char *const *list, unsigned what)
{
    for (; *list; list++) {
        size_t n = strlen(*list);
        uint32_t h = word_hash(*list, n);

        while (set[h % SET_SLOTS].word && strcmp(set[h % SET_SLOTS].word, *list) != 0)
            h++;
        set[h % SET_SLOTS].word = *list;
        set[h % SET_SLOTS].what |= what;
    }
}

static void set_fill(void)
{
    set_add(subjects, SUBJECT);
    set_add(general, GENERAL);
    set_add(copulas, COPULA);
}

void pol_special_setup(void)
{
    (void)pthread_once(&set_once, set_fill);
}

static unsigned word_kind(const char *p, size_t n)
{
    for (uint32_t h = word_hash(p, n); set[h % SET_SLOTS].word; h++) {
        if (base_str_ieq((struct base_str){p, n}, base_str_c(set[h % SET_SLOTS].word)))
            return set[h % SET_SLOTS].what;
    }
    return 0;
}

struct sentence {
    size_t a, b;
};

static struct sentence around(const struct pol_scan *s, size_t from, size_t to)
{
    struct sentence o = {from, to};

    while (o.a > 0 && from - o.a < 240 && !sentence_end(s, o.a - 1))
        o.a--;
    while (o.b < s->n && o.b - to < 160 && !sentence_end(s, o.b))
        o.b++;
    return o;
}

static bool capital(const struct pol_scan *s, size_t i)
{
    return s->p[i] >= 'A' && s->p[i] <= 'Z';
}

/* Walks the words of [a, b) and says what was there. */
static void survey(const struct pol_scan *s, size_t a, size_t b, bool *subject, bool *wide,
                   bool *copula)
{
    size_t i = a, caps = 0;
    unsigned kind;

    while (i < b) {
        size_t w = i;

        while (i < b &&
               (pol_is_alpha(s->p[i]) || (unsigned char)s->p[i] >= 0x80 || s->p[i] == '\''))
            i++;
        if (i == w) {
            if (s->p[i] != ' ' && s->p[i] != '-')
                caps = 0;
            i++;
            continue;
        }
        kind = word_kind(s->p + w, i - w);
        *subject = *subject || (kind & SUBJECT);
        *wide = *wide || (kind & GENERAL);
        *copula = *copula || (kind & COPULA);
        caps = capital(s, w) && i - w > 1 ? caps + 1 : 0;
        if (caps >= 2)
            *subject = true;
    }
}

/* "Diagnosis: ..." in a record that names somebody: the value up to the end of its line. */
static void label(struct pol_scan *s, const struct pol_pat *p, size_t to)
{
    size_t a = to, e;

    while (a < s->n && (s->p[a] == ' ' || s->p[a] == '*' || s->p[a] == '"'))
        a++;
    for (e = a; e < s->n && e - a < 100 && !strchr("\n|;\"", s->p[e]) && !sentence_end(s, e); e++)
        ;
    if (e - a < 3 ||
        !(pol_cue_near(s, to, e, CUE_HEALTH | CUE_DOB | CUE_NAME | CUE_PERSON, 0, 400, 200) ||
          pol_person_near(s, to, e)))
        return;
    pol_found(s, a, e, p->type, POL_CONTEXT, NULL, 28);
}

static void term(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct sentence q;
    bool subject = false, wide = false, copula = false, named_before, ignore = false;

    if (p->arg & LABEL) {
        label(s, p, to);
        return;
    }
    if (!pol_word_bounds(s, from, to))
        return;
    q = around(s, from, to);
    survey(s, q.a, from, &subject, &wide, &copula);
    named_before = subject;
    if (!subject && (p->arg & FACT))
        survey(s, to, q.b, &subject, &wide, &ignore); /* "the HIV test of Anna Nowak" */
    if (!subject || (wide && !named_before))
        return;
    if ((p->arg & FACT) && !copula && !(p->arg & PRED))
        return;
    if (q.b < s->n && s->p[q.b] == '?' && wide)
        return;
    if (p->arg & PRED) {
        size_t e = to;

        while (e < q.b && e - to < 60 && !strchr(",;:()", s->p[e]))
            e++;
        while (e > to && s->p[e - 1] == ' ')
            e--;
        to = e;
    }
    pol_found(s, from, to, p->type, POL_CONTEXT, p->subtype, 30);
}

#define T(kind, type, expr)                                                                        \
    {                                                                                              \
        "\\b(?:" expr ")\\b", PAT_SOM | PAT_CASELESS, term, type, NULL, kind, 0                    \
    }

const struct pol_pat pol_pats_special[] = {
    /* health */
    T(PRED, POL_SPECIAL_HEALTH,
      "diagnosed with|suffers? from|suffering from|is being treated for|undergoing chemotherapy|"
      "on sick leave (?:for|with|due)|tested positive for|allergic to"),
    T(PRED, POL_SPECIAL_HEALTH,
      "leidet (?:an|unter)|leide (?:an|unter)|erkrankt an|in behandlung wegen|krankgeschrieben"),
    T(PRED, POL_SPECIAL_HEALTH,
      "atteinte? d[eu']|souffre d[eu']|souffre d'|traitee? pour|en arret maladie"),
    T(PRED, POL_SPECIAL_HEALTH,
      "affett[oa] da|soffre di|malat[oa] di|in cura per|in congedo per|in malattia per"),
    T(PRED, POL_SPECIAL_HEALTH,
      "padece(?: de)?|sufre de|diagnosticad[oa] (?:con|de)|de baja medica|enferm[oa] de"),
    T(PRED, POL_SPECIAL_HEALTH,
      "choruje na|cierpi na|chora na|chory na|zdiagnozowano|rozpoznano|leczy sie|leczyl[a]? sie|"
      "stwierdzono u|przebywa na zwolnieniu|hospitalizowan[ya]|przyjmuje leki"),
    T(PRED, POL_SPECIAL_HEALTH, "lijdt aan|gediagnosticeerd met|onder behandeling voor|ziekgemeld"),
    T(PRED, POL_SPECIAL_HEALTH, "lider av|diagnostiserats med|sjukskriven for"),
    T(FACT, POL_SPECIAL_HEALTH,
      "hiv.?positive|pregnant|disabled|diabet(?:es|ic)|type [12] "
      "diabetes|cancer|tumou?r|leukaemia|leukemia|"
      "depression|bipolar|schizophreni[ac]|epilep(?:sy|tic)|multiple "
      "sclerosis|asthma|alzheimer'?s?|"
      "chemotherapy|miscarriage|addict(?:ed|ion)|alcoholic"),
    T(FACT, POL_SPECIAL_HEALTH,
      "schwanger|schwerbehindert|schwerbehinderung|krebs|diabetes|depressionen?|multiple[rn]? "
      "sklerose|"
      "epilepsie|hiv.?positiv|behinderung"),
    T(FACT, POL_SPECIAL_HEALTH,
      "enceinte|seropositi(?:f|ve)|handicape[e]?|cancer|diabetique|depressi(?:f|ve)|sclerose en "
      "plaques|"
      "epileptique"),
    T(FACT, POL_SPECIAL_HEALTH,
      "incinta|disabile|sieropositiv[oa]|diabetic[oa]|depressione(?: "
      "maggiore)?|tumore|epilettic[oa]|"
      "sclerosi multipla"),
    T(FACT, POL_SPECIAL_HEALTH,
      "embarazada|discapacidad|seropositiv[oa]|diabetic[oa]|cancer|epileptic[oa]|esclerosis "
      "multiple"),
    T(FACT, POL_SPECIAL_HEALTH,
      "w "
      "ciazy|niepelnospraw[a-z]{2,8}|cukrzyc[a-z]{1,3}|nowotwor[a-z]{0,4}|depresj[a-z]{1,3}|"
      "padaczk[a-z]{1,3}|"
      "schizofreni[a-z]{1,3}|stwardnieni[a-z]{1,3} rozsian[a-z]{2,4}|zakazon[ya] "
      "hiv|uzaleznion[yae] od alkoholu|"
      "alkoholizm[a-z]{0,3}|choroba psychiczna|chorob[ey] psychicznej"),
    T(FACT, POL_SPECIAL_HEALTH,
      "zwanger|arbeidsongeschikt|hiv.?positief|diabetes|depressie|kanker|epilepsie|typ 1.?diabetes|"
      "typ 2.?diabetes|gravid"),
    T(PRED, POL_SPECIAL_HEALTH,
      "pozostaje pod (?:stala )?opieka|(?:korzysta z )?rehabilitacji po|na zwolnieniu lekarskim|"
      "przesz(?:edl|la) operacj[a-z]{1,2}|orzeczenie o niepelnosprawnosci|udar(?:ze|u|em)? mozgu|"
      "jest leczon[ya]|poddal[a]? sie leczeniu"),
    {"\\b(?:diagnos[ei]s|medication|procedure|condition|allergies|diagnose|medikation|diagnostic|"
     "diagnosi|diagnostico|diagnoza|rozpoznanie) ?:",
     PAT_CASELESS, term, POL_SPECIAL_HEALTH, NULL, LABEL, 0},
    /* trade union */
    T(PRED, POL_SPECIAL_UNION,
      "(?:do |jest czlon(?:kiem|kinia) )(?:[a-z]{4,20} ){0,2}zwiazku (?:zawodowego|nauczycielstwa)|"
      "delegat(?:ka)? zwiazkow[ya]|dzialacz(?:ka)? (?:zwiazkow[ya]|opzz|nszz)|ochrony zwiazkowej|"
      "w zwiazku zawodowym"),
    T(PRED, POL_SPECIAL_RELIGION,
      "przynaleznosc do kosciola|nalezy do kosciola|swiadek "
      "jehowy|praktykujac[yae]|parafian(?:in|ka)"),
    T(PRED, POL_SPECIAL_ETHNIC, "przynaleznosc do mniejszosci|narodowosci|pochodzenia"),
    T(PRED, POL_SPECIAL_POLITICAL,
      "o pogladach [a-z]{5,20}|wiecach|kandydowal[a]? z listy|popiera partie|glosowal[a]? na"),
    T(PRED, POL_SPECIAL_CRIMINAL,
      "toczy(?:lo)? sie (?:przeciwko|wobec)|odbywal?[a]? kare|(?:krajowym )?rejestrze karnym|"
      "ukaran[ya] za|postawiono (?:mu|jej) zarzut|kar[ey] pozbawienia wolnosci|popelnil[a]?"),
    T(FACT, POL_SPECIAL_UNION,
      "(?:trade )?union (?:member|rep|representative|steward|delegate)|shop steward|member of "
      "(?:the |a )?(?:trade )?union|"
      "gewerkschaftsmitglied|mitglied (?:der|in der|bei) (?:gewerkschaft|ver\\.di|ig metall)|"
      "syndiquee?|deleguee? syndicale?(?: [a-z]{3,5})?|iscritt[oa] al(?:la)? "
      "(?:sindacato|cgil|cisl|uil)|"
      "afiliad[oa] (?:al sindicato|a ccoo|a ugt)|vakbondslid|lid van (?:de )?(?:vakbond|fnv|cnv)|"
      "czlon(?:ek|kiem|kini|kinia) (?:zwiazku zawodowego|nszz|opzz|solidarnosci)|"
      "nalez[ya]l?[a]? do (?:zwiazku zawodowego|nszz)|zwiazkow(?:iec|cem)"),
    /* religion and belief */
    T(FACT, POL_SPECIAL_RELIGION,
      "muslim|jewish|catholic|protestant|hindu|buddhist|atheist|jehovah'?s witness|orthodox "
      "christian|"
      "practi[cs]ing "
      "(?:muslim|jew|catholic)|muslimisch|moslem|muslima|judisch|katholisch|evangelisch|"
      "konfessionslos|"
      "zeuge jehovas|musulmane?|juive?|catholique|protestante?|musulman[oa](?: "
      "practicante)?|ebre[oa]|cattolic[oa]|"
      "judi[oa]|catolic[oa]|katolik(?:iem)?|katoliczk[a-z]{1,2}|muzulman(?:in|inem|ka|ka)|zyd(?:em|"
      "owka)?|"
      "swiadk(?:iem|a) jehowy|wyznania [a-z]{5,20}|moslim|joods|katholiek|praktizierender? "
      "[a-z]{4,10}"),
    /* politics */
    T(FACT, POL_SPECIAL_POLITICAL,
      "(?:a )?member of (?:the )?[a-z]{2,20} party|party member|voted for|votes for|parteimitglied|"
      "mitglied der (?:spd|cdu|csu|fdp|afd|grunen|linken)|wahlt die|encartee?|adherente? (?:du|au) "
      "parti|milite (?:a|au|pour)|"
      "iscritt[oa] al partito|militante (?:de|del)|vota a|afiliad[oa] al partido|"
      "czlon(?:ek|kiem|kini|kinia) partii(?: [a-z]{3,20})?|nalezy do partii|poglad(?:y|ach) "
      "polityczn[a-z]{1,4}|"
      "partijlid|lid van de (?:vvd|pvda|pvv|d66)|stemt op"),
    /* sex life and orientation */
    T(FACT, POL_SPECIAL_ORIENTATION,
      "gay|lesbian|bisexual|homosexual|transgender|a trans "
      "(?:man|woman)|queer|schwul|lesbisch|homosexuell|"
      "bisexuell|homosexuelle?|lesbienne|bisexuelle?|omosessuale|lesbica|bisessuale|lesbiana|"
      "bisexual|"
      "gejem|lesbijk[aei]|homoseksualist[a-z]{0,3}|biseksualn[ya]|orientacj[aei] "
      "(?:homoseksualn[a-z]{1,2}|seksualn[a-z]{1,2})|"
      "osoba transplciowa|homoseksueel|biseksueel|lesbisch"),
    /* origin */
    T(FACT, POL_SPECIAL_ETHNIC,
      "ethnic(?:ally)? (?:origin|roma|kurd|kurdish)|of [a-z]{4,12} (?:descent|ethnicity)|(?:a "
      ")?roma woman|sinti und roma|"
      "ethnische herkunft|kurdischer herkunft|d'origine (?:rom|kurde|maghrebine|ethnique)|origine "
      "etnica|di etnia [a-z]{3,12}|"
      "origen etnico|de etnia [a-z]{3,12}|gitan[oa]|pochodzenia "
      "(?:romskiego|zydowskiego|etnicznego|ukrainskiego)|"
      "narodowosci (?:romskiej|zydowskiej|ukrainskiej|bialoruskiej)|etnische "
      "afkomst|roma.?afkomst|van [a-z]{4,12}.?afkomst"),
    /* genetic and biometric */
    T(FACT, POL_SPECIAL_GENETIC,
      "brca[12](?: mutation)?|genetic (?:test|mutation|disorder)|gene "
      "mutation|gentest|genmutation|test genetique|"
      "mutation genetique|test genetico|mutazione genetica|prueba genetica|badani[a-z]{1,2} "
      "genetyczn[a-z]{1,4}|"
      "mutacj[a-z]{1,2} genu|dna.?test|genetisch onderzoek"),
    T(PRED, POL_SPECIAL_GENETIC, "carries the"),
    T(FACT, POL_SPECIAL_BIOMETRIC,
      "fingerprint (?:template|scan)|face template|iris scan|voice "
      "?print|fingerabdruck(?:e|scan)?|empreintes? digitales?|"
      "impront[ae] digital[ei]|huellas? dactilar(?:es)?|odcisk(?:i|ow|iem)? "
      "palc[a-z]{1,3}|vingerafdruk(?:ken)?"),
    /* criminal convictions and offences */
    T(PRED, POL_SPECIAL_CRIMINAL,
      "convicted of|convicted for|sentenced (?:to|for)|pleaded guilty to|charged with|arrested "
      "for|has a criminal record|"
      "verurteilt wegen|wurde wegen|vorbestraft|angeklagt wegen|condamnee? (?:pour|a)|casier "
      "judiciaire|mise? en examen pour|"
      "condannat[oa] (?:per|a)|precedenti penali|condenad[oa] (?:por|a)|antecedentes penales|"
      "skazan[ya] (?:za|na|prawomocnie|wyrokiem)|byl[a]? karan[ya]|karan[ya] "
      "(?:za|sadownie)|oskarzon[ya] o|podejrzan[ya] o|"
      "zarzut(?:y|em)? (?:popelnienia|z art)|veroordeeld (?:voor|wegens|tot)|strafblad|criminal "
      "record"),
};
const size_t pol_pats_special_n = sizeof(pol_pats_special) / sizeof(pol_pats_special[0]);
