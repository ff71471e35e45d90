/* address.c - postal addresses: a street, a house number, and what stands around them.
 *
 * Words for streets are cue words (cues_places.c): those before the name (rue, via, calle, ul.,
 * rua), those behind it (Street, Road) and endings of one word (-strasse, -straat, -gatan, utca).
 * From each the name and the house number are read in the order that the language uses; without a
 * number it is no address but a place. What was read is then extended over a flat number, a postal
 * code and a town, in either order, over at most one line end. A postal code alone counts behind a
 * word for it, beside a town that the tagger found, and in the forms that nothing else has.
 *
 * An address is personal data (somebody lives or works there). Wrong ones are mostly addresses of
 * firms, which this does not tell apart.
 */
#include "policy/detect/detect.h"

#define NAME_WORDS 6
#define WORD_BYTES                                                                                 \
    80 /* "rue-rue-rue-..." is no name, and reading it from each rue on takes forever */

static size_t spaces(const struct pol_scan *s, size_t i)
{
    while (i < s->n && s->p[i] == ' ')
        i++;
    return i;
}

static size_t word_end(const struct pol_scan *s, size_t i)
{
    const size_t most = i + WORD_BYTES;

    while (i < s->n && i < most &&
           (pol_is_word(s->p[i]) || (s->p[i] == '-' && i + 1 < s->n && pol_is_word(s->p[i + 1])) ||
            (s->p[i] == '\'' && i + 1 < s->n && pol_is_alpha(s->p[i + 1]))))
        i++;
    return i;
}

static size_t word_start(const struct pol_scan *s, size_t i)
{
    const size_t least = i > WORD_BYTES ? i - WORD_BYTES : 0;

    while (i > least && (pol_is_word(s->p[i - 1]) || s->p[i - 1] == '-' || s->p[i - 1] == '\''))
        i--;
    return i;
}

static bool upper_at(const struct pol_scan *s, size_t i)
{
    return i < s->n && s->p[i] >= 'A' && s->p[i] <= 'Z';
}

static bool particle(const struct pol_scan *s, size_t a, size_t b)
{
    static const char *const words[] = {"de",  "la",  "du",  "des", "del", "della", "dei", "degli",
                                        "di",  "da",  "do",  "dos", "das", "d",     "l",   "van",
                                        "den", "der", "het", "y",   "e",   "von",   "sw",  "gen",
                                        "ks",  "los", "las", "les", "le",  "dello", "al",  "zum"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (base_str_ieq((struct base_str){s->p + a, b - a}, base_str_c(words[i])))
            return true;
    }
    return false;
}

/* "12", "12a", "12/4", "12-14", "4 bis": its end, or i. */
static size_t house_number(const struct pol_scan *s, size_t i)
{
    size_t a = i;

    while (i < s->n && pol_is_digit(s->p[i]) && i - a < 6)
        i++;
    if (i == a || i - a > 5)
        return a;
    for (int k = 0; k < 2 && i + 1 < s->n && strchr("/-", s->p[i]) && pol_is_digit(s->p[i + 1]);
         k++) {
        size_t b = ++i;

        while (i < s->n && pol_is_digit(s->p[i]))
            i++;
        if (i - b > 4)
            return a;
    }
    if (i < s->n && pol_is_alpha(s->p[i]) && (i + 1 >= s->n || !pol_is_word(s->p[i + 1])))
        i++;
    if (i < s->n && (pol_is_word(s->p[i]) ||
                     (strchr(".,:%", s->p[i]) && i + 1 < s->n && pol_is_digit(s->p[i + 1]))))
        return a;
    return i;
}

/* ---- postal codes and towns ---- */

/* A postal code of some country at i: its end, or i. */
static size_t postal(const struct pol_scan *s, size_t i)
{
    static const char *const forms[] = {
        /* d digit, A capital, others themselves */
        "dd-ddd", "dddd-ddd", "dddd AA", "ddddAA",   "ddd dd",  "LV-dddd",    "LT-ddddd", "AAd dAA",
        "Ad dAA", "AAdd dAA", "Add dAA", "AAdA dAA", "AdA dAA", "ddddd-dddd", "ddddd",    "dddd"};
    size_t from = i;

    if (upper_at(s, i)) { /* "D-10115", "PL-00-950" */
        size_t k = i;

        while (k - i < 3 && upper_at(s, k))
            k++;
        if (k < s->n && s->p[k] == '-' && k - i <= 2 && k + 1 < s->n && pol_is_digit(s->p[k + 1]))
            from = k + 1;
    }
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        const char *form = forms[f];
        size_t k = 0;

        while (form[k] && from + k < s->n) {
            char c = s->p[from + k];

            if (form[k] == 'd'   ? !pol_is_digit(c)
                : form[k] == 'A' ? !(c >= 'A' && c <= 'Z')
                                 : c != form[k])
                break;
            k++;
        }
        if (!form[k] && (from + k >= s->n || !pol_is_word(s->p[from + k])))
            return from + k;
    }
    return i;
}

/* One to four capitalised words with small ones between: the end, or i. */
static size_t town(const struct pol_scan *s, size_t i)
{
    size_t end = i, n = 0;

    while (n < 4 && i < s->n) {
        size_t e = word_end(s, i);

        if (upper_at(s, i) && e - i > 1 && !pol_is_digit(s->p[e - 1])) {
            end = e;
            n++;
        } else if (n == 0 || !particle(s, i, e)) {
            break;
        }
        if (e >= s->n || s->p[e] != ' ')
            break;
        i = e + 1;
    }
    return end;
}

static size_t unit(const struct pol_scan *s, size_t i)
{
    static const char *const words[] = {"apt",     "apartment", "suite", "ste",     "unit",
                                        "flat",    "floor",     "app",   "appt",    "int",
                                        "piso",    "m",         "lok",   "bus",     "etage",
                                        "wohnung", "top",       "scala", "interno", "bat"};
    size_t e = word_end(s, i), k;

    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        if (!base_str_ieq((struct base_str){s->p + i, e - i}, base_str_c(words[w])))
            continue;
        k = e;
        while (k < s->n && k - e < 3 && strchr(". #", s->p[k]))
            k++;
        e = k;
        while (k < s->n && k - e < 6 && (pol_is_digit(s->p[k]) || pol_is_alpha(s->p[k])))
            k++;
        return k > e && (pol_is_digit(s->p[e]) || k - e < 3) ? k : i;
    }
    return i;
}

/* Over "Apt 4", "00-950 Warszawa", "Springfield, IL 62704" behind end. */
static size_t extend(const struct pol_scan *s, size_t end)
{
    for (int round = 0; round < 3; round++) {
        size_t i = end, lines = 0, e, t;

        while (i < s->n && i - end < 4 && strchr(" ,\n-", s->p[i]))
            lines += s->p[i++] == '\n';
        if (i == end || lines > 1)
            break;
        if ((e = unit(s, i)) > i) {
            end = e;
            continue;
        }
        if ((e = postal(s, i)) > i) {
            t = spaces(s, e);
            t = town(s, t);
            end = t > spaces(s, e) ? t : e;
            continue;
        }
        t = town(s, i);
        if (t == i)
            break;
        for (e = t; e < s->n && e - t < 2 && strchr(", ", s->p[e]); e++)
            ;
        if (e + 2 < s->n && upper_at(s, e) && upper_at(s, e + 1) && s->p[e + 2] == ' ')
            e += 3; /* a state */
        if (e == t || postal(s, e) == e)
            break;
        end = postal(s, e);
    }
    return end;
}

/* ---- streets ---- */

static bool already(const struct pol_scan *s, size_t from, size_t to)
{
    for (size_t i = s->n_v; i-- > s->n_names;) {
        if (s->v[i].from < to && from < s->v[i].to)
            return true;
    }
    return pol_named_within(s, from, to, true);
}

/* The lines below an address that hold nothing but capitalised words: a town, a country. */
static void block(struct pol_scan *s, size_t end)
{
    for (int line = 0; line < 4; line++) {
        size_t i = end, e;

        while (i < s->n && i - end < 4 && strchr(" ,;", s->p[i]))
            i++;
        if (i >= s->n || s->p[i] != '\n')
            return;
        for (i++; i < s->n && i - end < 16 && s->p[i] == ' ';)
            i++;
        if ((e = unit(s, i)) > i || (e = postal(s, i)) > i) {
            end = e;
            continue;
        }
        e = town(s, i);
        if (e == i || (e < s->n && s->p[e] != '\n' && s->p[e] != ','))
            return;
        if (!already(s, i, e))
            pol_found(s, i, e, POL_LOCATION, POL_SHAPE, NULL, 12);
        end = e;
    }
}

static void found(struct pol_scan *s, size_t from, size_t to)
{
    size_t end = extend(s, to);

    pol_found(s, from, end, POL_ADDRESS, POL_CONTEXT, NULL, 44);
    block(s, end);
}

/* "moved here from Fortaleza", "zamieszkala w Sremie". */
static void lives(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t i = spaces(s, c->to), e = town(s, i);

    if (e > i + 2 && i > c->to && i - c->to < 3 && !pol_named_within(s, i, e, true))
        pol_found(s, i, e, POL_LOCATION, POL_SHAPE, NULL, 12);
}

/* The number right before "rue": where it begins, or SIZE_MAX. */
static size_t number_before(const struct pol_scan *s, size_t from)
{
    size_t b = from, e;

    while (b > 0 && from - b < 3 && (s->p[b - 1] == ' ' || s->p[b - 1] == ','))
        b--;
    if (b > 4 && s->p[b - 4] == ' ' &&
        (base_str_ieq((struct base_str){s->p + b - 3, 3}, BASE_STR("bis")) ||
         base_str_ieq((struct base_str){s->p + b - 3, 3}, BASE_STR("ter"))))
        b -= 4;
    for (e = b; b > 0 && e - b < 5 && pol_is_digit(s->p[b - 1]);)
        b--;
    return b < e && e < from && (b == 0 || (!pol_is_word(s->p[b - 1]) && s->p[b - 1] != '.'))
               ? b
               : SIZE_MAX;
}

/* Over ", n. " and the like between a name and its number. */
static size_t number_sign(const struct pol_scan *s, size_t i)
{
    size_t w = i;

    if (i + 2 >= s->n || (s->p[i] | 32) != 'n')
        return i;
    for (w++; w < s->n && w - i < 5 && strchr("ro. ", s->p[w]);)
        w++;
    return w < s->n && pol_is_digit(s->p[w]) ? w : i;
}

/* "rue de la Paix 12", "12, rue de la Paix", "ul. 3 Maja 5/7". */
static void name_follows(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t i = c->to, end = 0, words = 0, before = number_before(s, c->from);

    while (i < s->n && i - c->to < 3 && (s->p[i] == '.' || s->p[i] == ' '))
        i++;
    for (int k = 0; k < NAME_WORDS && i < s->n; k++) {
        size_t e = word_end(s, i), h = house_number(s, i);

        if (e == i)
            break;
        if (pol_is_digit(s->p[i])) {
            if (h > i && before == SIZE_MAX &&
                (words > 0 || (upper_at(s, c->from) && extend(s, h) > h))) {
                found(s, c->from, h);
                return;
            }
            if (words > 0 || e - i > 2)
                break;
        } else if (upper_at(s, i)) {
            words++;
            end = e;
        } else if (!particle(s, i, e)) {
            break;
        }
        for (i = e; i < s->n && i - e < 6 && strchr(" .,'", s->p[i]);)
            i++;
        if (words > 0)
            i = number_sign(s, i);
    }
    if (words > 0 && before != SIZE_MAX)
        found(s, before, end);
    else if (words > 0)
        pol_found(s, c->from, end, POL_LOCATION, POL_SHAPE, NULL, 13);
}

static bool article(const struct pol_scan *s, size_t a, size_t b)
{
    static const char *const words[] = {"der", "die", "das", "den", "dem", "ein", "de",
                                        "het", "een", "een", "az",  "a",   "en",  "den"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (base_str_ieq((struct base_str){s->p + a, b - a}, base_str_c(words[i])))
            return true;
    }
    return false;
}

/* "Hauptstrasse 12", "Lange Strasse 4", "Kossuth utca 8". */
static void number_follows(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t a = word_start(s, c->from), i = c->to, h;

    if (i < s->n && s->p[i] == '.')
        i++;
    i = spaces(s, i);
    h = house_number(s, i);
    if (h == i)
        return;
    bool whole = a == c->from; /* "Lange Strasse": the name is a word of its own */
    for (int k = 0; k < 2 && whole && a > 1 && s->p[a - 1] == ' '; k++) {
        size_t w = word_start(s, a - 1);

        if (w == a - 1 || !upper_at(s, w) || article(s, w, a - 1))
            break;
        a = w;
    }
    if (whole && a == c->from)
        return;
    if (upper_at(s, a) && h - a > 5)
        found(s, a, h);
}

/* "221B Baker Street", "16 North 5th Ave". */
static void name_precedes(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t i = c->from, words = 0, end = c->to;

    if (!upper_at(s, c->from))
        return;
    while (i > 1 && words < 5 && (s->p[i - 1] == ' ' || (s->p[i - 1] == '.' && i > 2))) {
        size_t e = i - 1, a;

        if (s->p[e] == '.' || (e > 0 && s->p[e - 1] == '.'))
            e -= s->p[e] == '.' ? 0 : 1;
        a = word_start(s, e);
        if (a == e)
            return;
        if (pol_is_digit(s->p[a]) && house_number(s, a) >= e && words > 0) {
            if (a > 0 && strchr("/.-:#", s->p[a - 1]))
                return;
            if (end < s->n && s->p[end] == '.')
                end++;
            found(s, a, end);
            return;
        }
        if (!upper_at(s, a) && !pol_is_digit(s->p[a]))
            return;
        words++;
        i = a;
    }
}

static void postal_code(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t i = c->to, e;

    while (i < s->n && i - c->to < 5 && strchr(" :.=\"'|", s->p[i]))
        i++;
    e = postal(s, i);
    if (e > i)
        pol_found(s, i, e, POL_POSTAL_CODE, POL_CONTEXT, NULL, 43);
}

/* Four or five digits ("43015", "840 24") that a place's name stands beside: no year. */
static bool plain_code(const struct pol_scan *s, size_t a, size_t e)
{
    size_t digits = 0;

    for (size_t i = a; i < e; i++)
        digits += pol_is_digit(s->p[i]);
    if (digits == 4 && e - a == 4 &&
        ((s->p[a] == '1' && s->p[a + 1] == '9') || (s->p[a] == '2' && s->p[a + 1] == '0')))
        return false;
    return digits >= 4 && pol_stands_alone(s, a, e);
}

/* "10115 Berlin", "Costamezzana 43015": a code with the town that the tagger found beside it. */
static void beside_town(struct pol_scan *s, const struct pol_cand *town)
{
    size_t a = town->from, e;

    if (a > 4 && s->p[a - 1] == ' ') {
        for (a--; a > 0 && town->from - a < 9 &&
                  (pol_is_digit(s->p[a - 1]) || strchr(" -", s->p[a - 1]));)
            a--;
        while (a < town->from && !pol_is_digit(s->p[a]))
            a++;
        e = postal(s, a);
        if (e > a && e + 1 == town->from && plain_code(s, a, e)) {
            pol_found(s, a, e, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
            return;
        }
    }
    a = town->to + 1;
    if (a + 3 < s->n && s->p[a - 1] == ' ' && pol_is_digit(s->p[a])) {
        e = postal(s, a);
        if (e > a && plain_code(s, a, e))
            pol_found(s, a, e, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
    }
}

static bool capital_word(const struct pol_scan *s, size_t i)
{
    return upper_at(s, i) && i + 2 < s->n && s->p[i + 1] >= 'a' && s->p[i + 1] <= 'z';
}

/* Forms that are nothing else: "1012 AB Utrecht", "00-950 Warszawa", "SW1A 1AA". */
void pol_postal_at(struct pol_scan *s, size_t at)
{
    size_t e = at, k = 0;

    if (pol_is_digit(s->p[at])) {
        if (at + 8 > s->n || !((s->p[at + 2] == '-' && pol_is_digit(s->p[at + 3])) ||
                               (s->p[at + 4] == '-' && pol_is_digit(s->p[at + 5])) ||
                               (s->p[at + 4] == ' ' && upper_at(s, at + 5) && upper_at(s, at + 6))))
            return;
        e = postal(s, at);
        if (e > at + 5 && e + 1 < s->n && s->p[e] == ' ' && capital_word(s, e + 1) &&
            pol_stands_alone(s, at, e) &&
            (s->p[at + 2] == '-' || s->p[at + 4] == '-' ||
             (s->p[at + 4] == ' ' && upper_at(s, at + 5))))
            pol_found(s, at, e, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
        return;
    }
    while (k < 2 && upper_at(s, e))
        k++, e++;
    if (k == 0 || e >= s->n || !pol_is_digit(s->p[e]))
        return;
    e++;
    if (e < s->n && (pol_is_digit(s->p[e]) || upper_at(s, e)))
        e++;
    if (e + 4 > s->n || s->p[e] != ' ' || !pol_is_digit(s->p[e + 1]) || !upper_at(s, e + 2) ||
        !upper_at(s, e + 3) || strchr("CIKMOV", s->p[e + 2]) || strchr("CIKMOV", s->p[e + 3]))
        return;
    if (pol_stands_alone(s, at, e + 4))
        pol_found(s, at, e + 4, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
}

void pol_scan_address(struct pol_scan *s)
{
    for (size_t i = 0; i < s->n_names; i++) {
        const struct pol_cand town = s->v[i];

        if (town.type == POL_LOCATION)
            beside_town(s, &town);
    }
    for (size_t i = 0; i < s->n_cues; i++) {
        const struct pol_cue_hit *c = &s->cues[i];

        if (c->what & CUE_STREET_PRE)
            name_follows(s, c);
        if (c->what & CUE_STREET_END)
            number_follows(s, c);
        if (c->what & CUE_STREET_POST)
            name_precedes(s, c);
        if (c->what & CUE_POSTAL)
            postal_code(s, c);
        if (c->what & CUE_LIVES)
            lives(s, c);
    }
}
