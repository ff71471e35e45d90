/* special.c - special categories (GDPR Art. 9) and criminal data (Art. 10) as statements on a
 * person.
 *
 * A word alone says nothing: "what are the symptoms of diabetes" is a question about the world. The
 * prefilter finds the terms (special_terms.c, one set of literals with the cue words); here they
 * are judged, by the sentence around them and by the names that the tagger found: PRED   a
 * predicate that only a person takes ("suffers from", "was convicted of"): a name, a pronoun or a
 * person's role ("the tenant") stands before it in the sentence, or the sentence before it names
 * somebody (languages that drop the pronoun); FACT   a fact word ("HIV-positive", "union member"):
 * likewise, and "is", "has", "her" between the two; or it follows "my", "her"; or somebody is named
 * right behind it; CLIN   names of illnesses, drugs and examinations: as FACT but of a named person
 * or of the writer ("a woman with asthma" in an exam question is nobody); or anywhere in a record:
 *          somebody is named nearby and the words of medical files stand around;
 *   LABEL  "Diagnosis: ..." with somebody named nearby: the value up to the end of its line;
 *   dose   "Lisinopril 10 mg" with somebody named nearby.
 * Sentences that ask about the world ("what", "how", "statistics") count only if they name
 * somebody. The span reported is the term and, for predicates, the words up to the end of the
 * clause. docs/detectors.md says how much of all this is missed.
 */
#include "policy/detect/special.h"

#include "policy/detect/detect.h"
#include "policy/detect/hints.h"

#include <pthread.h>
#include <stdlib.h>

#define CLAUSE_MAX    60
#define RECORD_BEFORE 1500
#define RECORD_AFTER  600

/* ---- the small words, as one hash set filled once ---- */

#define SET_SLOTS 4096u

struct small {
    const char *word;
    uint8_t n;
    uint8_t what;
};

static struct small set[SET_SLOTS];
static pthread_once_t set_once = PTHREAD_ONCE_INIT;

static uint32_t word_hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)(p[i] | 32)) * 16777619u;
    return h ^ h >> 13;
}

static struct small *slot(const char *p, size_t n)
{
    for (uint32_t h = word_hash(p, n);; h++) {
        struct small *e = &set[h % SET_SLOTS];

        if (!e->word || base_str_ieq((struct base_str){p, n}, (struct base_str){e->word, e->n}))
            return e;
    }
}

static void set_fill(void)
{
    size_t used = 0;

    for (size_t i = 0; i < pol_small_words_n; i++) {
        const char *w = pol_small_words[i].words;

        while (*w) {
            size_t n = strcspn(w, "|");
            struct small *e = slot(w, n);

            used += e->word == NULL;
            BASE_BUG_ON(used > SET_SLOTS / 2);
            e->word = w;
            e->n = (uint8_t)n;
            e->what |= (uint8_t)pol_small_words[i].what;
            w += n + (w[n] == '|');
        }
    }
}

void pol_special_setup(void)
{
    (void)pthread_once(&set_once, set_fill);
}

unsigned pol_small_kind(const struct pol_scan *s, size_t from, size_t to)
{
    const struct small *e = slot(s->p + from, to - from);

    if (!e->word)
        return 0;
    if (to - from == 1 && s->p[from] == 'i') /* "and" in half of Europe; the writer is "I" */
        return 0;
    return e->what;
}

/* ---- sentences ---- */

/* "ul. Krucza", "zam. w": a short word with a full stop ends nothing. */
static bool abbreviation(const struct pol_scan *s, size_t dot)
{
    size_t i = dot;

    while (i > 0 && dot - i < 5 && pol_is_word(s->p[i - 1]))
        i--;
    return dot - i < 4 && dot > i && !pol_is_digit(s->p[dot - 1]);
}

bool pol_sentence_end(const struct pol_scan *s, size_t i)
{
    char c = s->p[i];

    if (c == '\n' || c == '!' || c == '?')
        return true;
    if (c != '.' || (i + 1 < s->n && s->p[i + 1] != ' ' && s->p[i + 1] != '\n'))
        return false;
    return !abbreviation(s, i) &&
           !(i + 2 < s->n && s->p[i + 2] >= 'a' && s->p[i + 2] <= 'z' && s->p[i + 1] == ' ');
}

/* ---- who is spoken of ---- */

bool pol_named_within(const struct pol_scan *s, size_t from, size_t to, bool full)
{
    size_t lo = 0, hi = s->n_names;

    while (lo < hi) { /* the first name that ends behind from */
        size_t mid = lo + (hi - lo) / 2;

        if (s->v[mid].to <= from)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < s->n_names && s->v[lo].from < to; lo++) {
        if (s->v[lo].type == POL_PERSON && (!full || s->v[lo].level == POL_CONTEXT))
            return true;
    }
    return false;
}

struct survey {
    bool named;   /* a person's name */
    bool subject; /* that, or a pronoun, or a role */
    bool self;    /* the writer */
    bool wide, copula;
    bool owner; /* the last word is "my", "her" */
};

/* Walks the words of [a, b). */
static struct survey survey(const struct pol_scan *s, size_t a, size_t b)
{
    struct survey o = {.named = pol_named_within(s, a, b, false)};
    bool pending = false; /* "il", "el", "on": pronouns only if a verb follows */
    size_t i = a;

    while (i < b) {
        size_t w = i;
        unsigned kind;

        while (i < b && (pol_is_alpha(s->p[i]) || (unsigned char)s->p[i] >= 0x80))
            i++;
        if (i == w) {
            i++;
            continue;
        }
        kind = pol_small_kind(s, w, i);
        if (pending)
            o.subject = o.subject || (kind & WORD_COPULA);
        pending = i - w == 2 && (s->p[w] | 32) != 'e' && (kind & WORD_SUBJECT) &&
                  (base_str_ieq((struct base_str){s->p + w, 2}, BASE_STR("il")) ||
                   base_str_ieq((struct base_str){s->p + w, 2}, BASE_STR("on")));
        pending = pending || base_str_ieq((struct base_str){s->p + w, i - w}, BASE_STR("el"));
        o.subject = o.subject || (!pending && (kind & WORD_SUBJECT));
        o.self = o.self || (kind & WORD_SELF);
        o.wide = o.wide || (kind & WORD_GENERAL);
        o.copula = o.copula || (kind & WORD_COPULA);
        o.owner = kind & WORD_OWNER;
    }
    if (pending) /* the term itself is the verb: "il souffre de" */
        o.subject = true;
    o.subject = o.subject || o.named;
    return o;
}

/* Somebody's file: a full name nearby, and medical words or numbers around. */
static bool in_record(const struct pol_scan *s, size_t from, size_t to, bool any)
{
    size_t a = from > RECORD_BEFORE ? from - RECORD_BEFORE : 0;
    size_t b = to + RECORD_AFTER < s->n ? to + RECORD_AFTER : s->n;

    if (!pol_named_within(s, a, b, true))
        return false;
    for (size_t k = pol_cue_after(s, b + POL_CUE_BYTES); !any && k-- > 0;) {
        if (s->cues[k].to <= a)
            break;
        if (s->cues[k].from < b && (s->cues[k].what & (CUE_HEALTH | CUE_PATIENT)))
            return true;
    }
    return any;
}

/* ---- findings ---- */

static bool empty_value(struct base_str v)
{
    static const char *const words[] = {"none",    "no",    "n/a",  "na",    "null",   "nil",
                                        "unknown", "keine", "nein", "aucun", "aucune", "nessuna",
                                        "ninguna", "brak",  "geen", "nie",   "\"\"",   "-",
                                        "not",     "true",  "false"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (base_str_ieq(v, base_str_c(words[i])))
            return true;
    }
    return false;
}

/* "Diagnosis: ..." in a record that names somebody: the value up to the end of its line. */
static void label(struct pol_scan *s, const struct pol_cue_hit *h, enum pol_type type)
{
    size_t a = h->to, e;

    while (a < s->n && a - h->to < 4 && strchr(" *\"'", s->p[a]))
        a++;
    if (a >= s->n || (s->p[a] != ':' && s->p[a] != '|' && s->p[a] != '='))
        return;
    for (a++; a < s->n && strchr(" *\"'\t", s->p[a]); a++)
        ;
    for (e = a; e < s->n && e - a < 100 && !strchr("\n|;\"", s->p[e]) && !pol_sentence_end(s, e);
         e++)
        ;
    while (e > a && (s->p[e - 1] == ' ' || s->p[e - 1] == ','))
        e--;
    if (e - a < 3 || empty_value((struct base_str){s->p + a, e - a}))
        return;
    if (in_record(s, a, e, true) ||
        (type == POL_SPECIAL_HEALTH &&
         pol_cue_near(s, h->from, e, CUE_HEALTH | CUE_DOB, 0, 400, 200)))
        pol_found(s, a, e, type, POL_CONTEXT, NULL, 28);
}

size_t pol_clause_end(const struct pol_scan *s, size_t to, size_t end)
{
    size_t e = to;

    while (e < end && e - to < CLAUSE_MAX && !strchr(",;:()", s->p[e]))
        e++;
    if (e - to == CLAUSE_MAX) /* whole words */
        while (e > to && s->p[e - 1] != ' ')
            e--;
    while (e > to && s->p[e - 1] == ' ')
        e--;
    return e;
}

bool pol_term_said(const struct pol_scan *s, unsigned kind, size_t from, size_t to, size_t a,
                   size_t b)
{
    struct survey before = survey(s, a, from), behind;

    if (kind == TERM_CLIN && in_record(s, from, to, false))
        return true;
    if (before.wide && !before.named)
        return false;
    if (kind == TERM_PRED)
        return before.subject || pol_named_within(s, a > 250 ? a - 250 : 0, a, true);
    if (kind == TERM_CLIN && !before.named && !before.self)
        return before.subject && before.copula &&
               pol_named_within(s, from > RECORD_BEFORE ? from - RECORD_BEFORE : 0, from, true);
    if (before.subject && before.copula)
        return true;
    if (before.owner)
        return true;
    behind = survey(s, to, b); /* "the HIV test of Anna Nowak" */
    return behind.named && (before.copula || kind == TERM_FACT) && b - to > 3 &&
           pol_named_within(s, to, to + 24 < b ? to + 24 : b, false);
}

/* "Lisinopril 10mg": the drug's name and the number stand before the unit. */
static void dose(struct pol_scan *s, size_t unit, size_t to)
{
    size_t i = unit, w;

    while (i > 0 && s->p[i - 1] == ' ' && unit - i < 2)
        i--;
    if (i == 0 || !pol_is_digit(s->p[i - 1]))
        return;
    while (i > 0 && to - i < 20 && (pol_is_digit(s->p[i - 1]) || strchr(".,", s->p[i - 1])))
        i--;
    while (i > 0 && s->p[i - 1] == ' ')
        i--;
    w = i;
    while (w > 0 && i - w < 30 && (pol_is_alpha(s->p[w - 1]) || s->p[w - 1] == '-'))
        w--;
    if (i - w >= 4 && pol_word_bounds(s, w, to) && in_record(s, w, to, true))
        pol_found(s, w, to, POL_SPECIAL_HEALTH, POL_CONTEXT, NULL, 29);
}

void pol_scan_special(struct pol_scan *s, const struct pol_cue_hit *hits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct pol_terms *t = &pol_terms[hits[i].what];

        if (t->kind == TERM_DOSE)
            dose(s, hits[i].from, hits[i].to);
        else if (t->kind == TERM_LABEL)
            label(s, &hits[i], (enum pol_type)t->type);
    }
    pol_scan_statements(s, hits, n);
}
