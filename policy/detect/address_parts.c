/* address_parts.c - words, numbers, codes and towns as they stand in postal addresses (address.h).
 *
 * Nothing is reported from here. Words are bounded: "rue-rue-rue-..." is no name, and reading it
 * from each rue on takes forever.
 */
#include "policy/detect/address.h"

#define WORD_BYTES 80

size_t pol_addr_spaces(const struct pol_scan *s, size_t i)
{
    while (i < s->n && s->p[i] == ' ')
        i++;
    return i;
}

size_t pol_addr_word_end(const struct pol_scan *s, size_t i)
{
    const size_t most = i + WORD_BYTES;

    while (i < s->n && i < most &&
           (pol_is_word(s->p[i]) || (s->p[i] == '-' && i + 1 < s->n && pol_is_word(s->p[i + 1])) ||
            (s->p[i] == '\'' && i + 1 < s->n && pol_is_alpha(s->p[i + 1]))))
        i++;
    return i;
}

size_t pol_addr_word_start(const struct pol_scan *s, size_t i)
{
    const size_t least = i > WORD_BYTES ? i - WORD_BYTES : 0;

    while (i > least && (pol_is_word(s->p[i - 1]) || s->p[i - 1] == '-' || s->p[i - 1] == '\''))
        i--;
    return i;
}

bool pol_addr_upper_at(const struct pol_scan *s, size_t i)
{
    return i < s->n && s->p[i] >= 'A' && s->p[i] <= 'Z';
}

bool pol_addr_particle(const struct pol_scan *s, size_t a, size_t b)
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
size_t pol_addr_house_number(const struct pol_scan *s, size_t i)
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
size_t pol_addr_postal(const struct pol_scan *s, size_t i)
{
    static const char *const forms[] = {
        /* d digit, A capital, others themselves */
        "dd-ddd", "dddd-ddd", "dddd AA", "ddddAA",   "ddd dd",  "LV-dddd",    "LT-ddddd", "AAd dAA",
        "Ad dAA", "AAdd dAA", "Add dAA", "AAdA dAA", "AdA dAA", "ddddd-dddd", "ddddd",    "dddd"};
    size_t from = i;

    if (pol_addr_upper_at(s, i)) { /* "D-10115", "PL-00-950" */
        size_t k = i;

        while (k - i < 3 && pol_addr_upper_at(s, k))
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
size_t pol_addr_town(const struct pol_scan *s, size_t i)
{
    size_t end = i, n = 0;

    while (n < 4 && i < s->n) {
        size_t e = pol_addr_word_end(s, i);

        if (pol_addr_upper_at(s, i) && e - i > 1 && !pol_is_digit(s->p[e - 1])) {
            end = e;
            n++;
        } else if (n == 0 || !pol_addr_particle(s, i, e)) {
            break;
        }
        if (e >= s->n || s->p[e] != ' ')
            break;
        i = e + 1;
    }
    return end;
}

size_t pol_addr_unit(const struct pol_scan *s, size_t i)
{
    static const char *const words[] = {"apt",     "apartment", "suite", "ste",     "unit",
                                        "flat",    "floor",     "app",   "appt",    "int",
                                        "piso",    "m",         "lok",   "bus",     "etage",
                                        "wohnung", "top",       "scala", "interno", "bat"};
    size_t e = pol_addr_word_end(s, i), k;

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

size_t pol_addr_region(const struct pol_scan *s, size_t i)
{
    size_t e = i, k;

    while (e < s->n && e - i < 3 && pol_addr_upper_at(s, e))
        e++;
    if (e == i || e >= s->n || !strchr(" \n", s->p[e]))
        return i;
    for (k = e; k < s->n && k - e < 16 && strchr(" \n", s->p[k]); k++)
        ;
    e = pol_addr_postal(s, k);
    return e > k ? e : i;
}
