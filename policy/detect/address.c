/* address.c - postal addresses: a street, a house number, and what stands around them.
 *
 * Words for streets are cue words (cues_places.c): those before the name (rue, via, calle, ul.,
 * rua), those behind it (Street, Road) and endings of one word (-strasse, -straat, -gatan, utca).
 * From each the name and the house number are read in the order that the language uses; without a
 * number it is no address but a place. A word for a flat ("Apt. 4") finds streets without such a
 * word. What was read is then extended over a flat number, a postal code, a town and a country;
 * below an address that is a line of its own, lines of town and country are places. A postal code
 * alone counts behind a word for it, beside a town that the tagger found, and in the forms that
 * nothing else has.
 *
 * An address is personal data (somebody lives or works there). Wrong ones are mostly addresses of
 * firms, which this does not tell apart.
 */
#include "policy/detect/address.h"

#define NAME_WORDS 6

/* The tagger's finding that begins at i, or NULL. */
static struct pol_cand *named_at(struct pol_scan *s, size_t i)
{
    size_t lo = 0, hi = s->n_names;

    while (lo < hi) { /* the first that ends behind i */
        size_t mid = lo + (hi - lo) / 2;

        if (s->v[mid].to <= i)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n_names && s->v[lo].from == i ? &s->v[lo] : NULL;
}

/* A place at i, "Bolivia", "Saint Vincent and the Grenadines 36907": its end with a code, or i. */
static size_t place(struct pol_scan *s, size_t i)
{
    const struct pol_cand *c = named_at(s, i);
    size_t k, e;

    if (!c || c->type != POL_LOCATION)
        return i;
    k = c->to;
    e = k < s->n && s->p[k] == ' ' ? pol_addr_postal(s, k + 1) : k;
    return e > k + 1 ? e : c->to;
}

/* On the line below there is a place, or a part of a country with a code. */
static bool goes_on(struct pol_scan *s, size_t i)
{
    size_t from = i;

    if (i >= s->n || s->p[i] != '\n')
        return false;
    while (i < s->n && i - from < 16 && strchr(" ,\n", s->p[i]))
        i++;
    return place(s, i) > i || pol_addr_region(s, i) > i;
}

/* Over "Apt 4", "00-950 Warszawa", "Springfield, IL 62704", "Poznan, Poland" behind end. An
 * address within a sentence goes on over line ends; in a letterhead a line is a part of its own. */
static size_t extend(struct pol_scan *s, size_t end, bool inside)
{
    for (int round = 0; round < 6; round++) {
        size_t i = end, lines = 0, e, t;

        while (i < s->n && i - end < (lines ? 16 : 4) &&
               strchr(lines ? " ?>|*," : " ,\n-", s->p[i]))
            lines += s->p[i++] == '\n';
        if (i == end || lines > 1)
            break;
        if ((e = pol_addr_unit(s, i)) > i) {
            end = e;
            continue;
        }
        if ((e = pol_addr_postal(s, i)) > i) {
            t = pol_addr_spaces(s, e);
            t = pol_addr_town(s, t);
            end = t > pol_addr_spaces(s, e) ? t : e;
            continue;
        }
        if ((e = pol_addr_region(s, i)) > i) {
            end = e;
            break;
        }
        if ((inside || !lines) && (e = place(s, i)) > i) {
            end = e;
            continue;
        }
        t = pol_addr_town(s, i);
        if (t == i)
            break;
        if (inside && lines && goes_on(s, t)) {
            end = t;
            continue;
        }
        for (e = t; e < s->n && e - t < 2 && strchr(", ", s->p[e]); e++)
            ;
        if (e + 2 < s->n && pol_addr_upper_at(s, e) && pol_addr_upper_at(s, e + 1) &&
            s->p[e + 2] == ' ')
            e += 3; /* a state */
        if (e == t || pol_addr_postal(s, e) == e)
            break;
        end = pol_addr_postal(s, e);
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

/* Where a line's words begin behind what quotes or indents it ("> ", "??? "). */
static size_t line_words(const struct pol_scan *s, size_t i)
{
    size_t from = i;

    while (i < s->n && i - from < 16 && strchr(" ?>|*#-", s->p[i]))
        i++;
    return i;
}

static bool line_starts(const struct pol_scan *s, size_t at)
{
    size_t i = at;

    while (i > 0 && at - i < 16 && strchr(" ?>|*#-0123456789", s->p[i - 1]))
        i--;
    return i == 0 || s->p[i - 1] == '\n';
}

/* The lines below an address that hold nothing but capitalised words, with a code or without: a
 * town, a country. Above a line with a code also what the tagger took for something else. */
static void block(struct pol_scan *s, size_t end)
{
    size_t from[4], to[4], n = 0, coded = 0;

    for (int line = 0; line < 5 && n < 4; line++) {
        size_t i = end, e, code;

        while (i < s->n && i - end < 4 && strchr(" ,;", s->p[i]))
            i++;
        if (i >= s->n || s->p[i] != '\n')
            break;
        i += i + 1 < s->n && s->p[i + 1] == '\n' && n > 0 ? 2 : 1; /* a country by itself */
        i = line_words(s, i);
        if ((e = pol_addr_unit(s, i)) > i || (e = pol_addr_postal(s, i)) > i) {
            end = e;
            continue;
        }
        e = pol_addr_town(s, i);
        if (e == i)
            break;
        code = e < s->n && s->p[e] == ' ' ? pol_addr_postal(s, e + 1) : e;
        if (code <= e + 1)
            code = e;
        if (code < s->n && s->p[code] != '\n' && s->p[code] != ',')
            break;
        from[n] = i;
        to[n++] = e;
        coded = code > e ? n : coded;
        end = code;
    }
    for (size_t k = 0; k < n; k++) {
        struct pol_cand *c = named_at(s, from[k]);

        if (c && k < coded && c->to <= to[k]) {
            c->type = POL_LOCATION;
            c->level = POL_SHAPE;
            c->rank = 12;
            c->to = (uint32_t)to[k];
        } else if (!already(s, from[k], to[k])) {
            pol_found(s, from[k], to[k], POL_LOCATION, POL_SHAPE, NULL, 12);
        }
    }
}

static void found(struct pol_scan *s, size_t from, size_t to)
{
    bool own = line_starts(s, from);
    size_t end = extend(s, to, !own);

    pol_found(s, from, end, POL_ADDRESS, POL_CONTEXT, NULL, 44);
    if (own)
        block(s, end);
}

/* "79367 Nybyvagen 65", "Edeby 55" right before `end`, on its line: where it begins, or end. */
static size_t plain_street(const struct pol_scan *s, size_t end)
{
    size_t i = end, at = end;
    unsigned capitals = 0, numbers = 0;

    for (int k = 0; k < 7 && i > 0; k++) {
        size_t a = pol_addr_word_start(s, i), h;

        if (a == i)
            break;
        h = pol_addr_house_number(s, a);
        if (pol_is_digit(s->p[a])) {
            if (h != i)
                break;
            numbers++;
            at = a;
            if (capitals > 0 && numbers > 1)
                break;
        } else if (pol_addr_upper_at(s, a)) {
            capitals++;
            at = a;
        } else if (!pol_addr_particle(s, a, i)) {
            break;
        }
        i = a;
        if (i == 0 || (s->p[i - 1] != ' ' && !(s->p[i - 1] == '.' && i > 1)))
            break;
        i--;
        if (i > 0 && s->p[i] == ' ' && s->p[i - 1] == '.')
            i--; /* "P. O. Box" */
    }
    return capitals > 0 && numbers > 0 ? at : end;
}

/* "Edeby 55\n Apt. 297": streets without a word for it, known by the flat's number behind them. */
static void before_unit(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t e = pol_addr_unit(s, c->from), i = c->from, a;

    if (e == c->from || e < c->to)
        return;
    if (line_starts(s, i)) {
        while (i > 0 && c->from - i < 16 && strchr(" ?>|*#-", s->p[i - 1]))
            i--;
        i -= i > 0;
    }
    while (i > 0 && c->from - i < 20 && strchr(" ,", s->p[i - 1]))
        i--;
    a = plain_street(s, i);
    if (a < i && !already(s, a, e))
        found(s, a, e);
}

/* "moved here from Fortaleza", "zamieszkala w Sremie". */
static void lives(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t i = pol_addr_spaces(s, c->to), e = pol_addr_town(s, i);

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
        size_t e = pol_addr_word_end(s, i), h = pol_addr_house_number(s, i);

        if (e == i)
            break;
        if (pol_is_digit(s->p[i])) {
            if (h > i && before == SIZE_MAX &&
                (words > 0 || (pol_addr_upper_at(s, c->from) && extend(s, h, false) > h))) {
                found(s, c->from, h);
                return;
            }
            if (h > i && words > 0 && h - i < 4) { /* "31195 Piazza Rezzonico 35" */
                found(s, before, h);
                return;
            }
            if (words > 0 || e - i > 2)
                break;
        } else if (pol_addr_upper_at(s, i)) {
            words++;
            end = e;
        } else if (!pol_addr_particle(s, i, e)) {
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
    size_t a = pol_addr_word_start(s, c->from), i = c->to, h;

    if (i < s->n && s->p[i] == '.')
        i++;
    i = pol_addr_spaces(s, i);
    h = pol_addr_house_number(s, i);
    if (h == i)
        return;
    bool whole = a == c->from; /* "Lange Strasse": the name is a word of its own */
    for (int k = 0; k < 2 && whole && a > 1 && s->p[a - 1] == ' '; k++) {
        size_t w = pol_addr_word_start(s, a - 1);

        if (w == a - 1 || !pol_addr_upper_at(s, w) || article(s, w, a - 1))
            break;
        a = w;
    }
    if (whole && a == c->from)
        return;
    if (pol_addr_upper_at(s, a) && h - a > 5)
        found(s, a, h);
}

/* "221B Baker Street", "16 North 5th Ave". */
static void name_precedes(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t i = c->from, words = 0, end = c->to;

    if (!pol_addr_upper_at(s, c->from))
        return;
    while (i > 1 && words < 5 && (s->p[i - 1] == ' ' || (s->p[i - 1] == '.' && i > 2))) {
        size_t e = i - 1, a;

        if (s->p[e] == '.' || (e > 0 && s->p[e - 1] == '.'))
            e -= s->p[e] == '.' ? 0 : 1;
        a = pol_addr_word_start(s, e);
        if (a == e)
            return;
        if (pol_is_digit(s->p[a]) && pol_addr_house_number(s, a) >= e && words > 0) {
            if (a > 0 && strchr("/.-:#", s->p[a - 1]))
                return;
            if (end < s->n && s->p[end] == '.')
                end++;
            found(s, a, end);
            return;
        }
        if (!pol_addr_upper_at(s, a) && !pol_is_digit(s->p[a]))
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
    e = pol_addr_postal(s, i);
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
        e = pol_addr_postal(s, a);
        if (e > a && e + 1 == town->from && plain_code(s, a, e)) {
            pol_found(s, a, e, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
            return;
        }
    }
    a = town->to + 1;
    if (a + 3 < s->n && s->p[a - 1] == ' ' && pol_is_digit(s->p[a])) {
        e = pol_addr_postal(s, a);
        if (e > a && plain_code(s, a, e))
            pol_found(s, a, e, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
    }
}

static bool capital_word(const struct pol_scan *s, size_t i)
{
    return pol_addr_upper_at(s, i) && i + 2 < s->n && s->p[i + 1] >= 'a' && s->p[i + 1] <= 'z';
}

/* Forms that are nothing else: "1012 AB Utrecht", "00-950 Warszawa", "SW1A 1AA". */
void pol_postal_at(struct pol_scan *s, size_t at)
{
    size_t e = at, k = 0;

    if (pol_is_digit(s->p[at])) {
        if (at + 8 > s->n || !((s->p[at + 2] == '-' && pol_is_digit(s->p[at + 3])) ||
                               (s->p[at + 4] == '-' && pol_is_digit(s->p[at + 5])) ||
                               (s->p[at + 4] == ' ' && pol_addr_upper_at(s, at + 5) &&
                                pol_addr_upper_at(s, at + 6))))
            return;
        e = pol_addr_postal(s, at);
        if (e > at + 5 && e + 1 < s->n && s->p[e] == ' ' && capital_word(s, e + 1) &&
            pol_stands_alone(s, at, e) &&
            (s->p[at + 2] == '-' || s->p[at + 4] == '-' ||
             (s->p[at + 4] == ' ' && pol_addr_upper_at(s, at + 5))))
            pol_found(s, at, e, POL_POSTAL_CODE, POL_SHAPE, NULL, 14);
        return;
    }
    while (k < 2 && pol_addr_upper_at(s, e))
        k++, e++;
    if (k == 0 || e >= s->n || !pol_is_digit(s->p[e]))
        return;
    e++;
    if (e < s->n && (pol_is_digit(s->p[e]) || pol_addr_upper_at(s, e)))
        e++;
    if (e + 4 > s->n || s->p[e] != ' ' || !pol_is_digit(s->p[e + 1]) ||
        !pol_addr_upper_at(s, e + 2) || !pol_addr_upper_at(s, e + 3) ||
        strchr("CIKMOV", s->p[e + 2]) || strchr("CIKMOV", s->p[e + 3]))
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
        if (c->what & CUE_UNIT)
            before_unit(s, c);
        if (c->what & CUE_POSTAL)
            postal_code(s, c);
        if (c->what & CUE_LIVES)
            lives(s, c);
    }
}
