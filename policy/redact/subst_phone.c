/* subst_phone.c - telephone numbers that ring nowhere.
 *
 * From the ranges that regulators keep for films and examples. Read on 2026-11-22, each in a source
 * other than this program's authors' memory:
 *   DE  Bundesnetzagentur, Amtsblatt 7/2021, Mitteilung 148/2021, as reported by teltarif.de 84487
 *   GB  Ofcom, numbers for drama: 01632 960xxx, 020 7946 0xxx, 07700 900xxx, as used for examples
 *       all over gov.uk's services
 *   FR  Arcep, decision 2018-0881: 01 99 00, 02 61 91, 03 53 01, 04 65 71, 05 36 49, 06 39 98
 *   IE  ComReg: 020 91, SE PTS: 08-465 004 00 to 99 and 070-174 06 05 to 99, press of 2020-09-07
 *   AU  02 5550 xxxx, US and CA 555-0100 to 0199: style guides for documentation
 * Others that are said to exist could not be confirmed and are not used. The country code and
 * the separators stay as written; where the range's numbers are shorter or longer, the end is cut
 * or continued. A country without such a range has no substitute here. Pure functions.
 */
#include "policy/detect/detect.h"
#include "policy/redact/subst.h"

#include <stdio.h>

struct range {
    const char *country, *prefix; /* prefix without the trunk zero */
    uint8_t tail;                 /* digits that are free */
    bool mobile;
};

static const struct range ranges[] = {
    {"49", "3023125", 3, false}, {"49", "6990009", 3, false}, {"49", "4066969", 3, false},
    {"49", "2214710", 3, false}, {"49", "8999998", 3, false}, {"44", "2079460", 3, false},
    {"44", "1632960", 3, false}, {"44", "7700900", 3, true},  {"33", "19900", 4, false},
    {"33", "26191", 4, false},   {"33", "35301", 4, false},   {"33", "46571", 4, false},
    {"33", "53649", 4, false},   {"33", "63998", 4, true},    {"353", "2091", 5, false},
    {"46", "8465004", 2, false}, {"46", "70174063", 1, true}, {"46", "70174067", 1, true},
    {"61", "25550", 4, false},   {"1", "20255501", 2, false}, {"1", "30355501", 2, false},
    {"1", "40455501", 2, false}, {"1", "51255501", 2, false}, {"1", "61755501", 2, false},
};

#define RANGES (sizeof(ranges) / sizeof(ranges[0]))

/* A range of the country, of the same kind (fixed, mobile) where it has both. */
static const struct range *choose(const char *country, bool mobile, struct pol_subst_rand *r)
{
    const struct range *fit[RANGES];
    unsigned n = 0;

    for (int same = 1; same >= 0 && n == 0; same--) {
        for (size_t i = 0; i < RANGES; i++) {
            if (strcmp(ranges[i].country, country) == 0 && (!same || ranges[i].mobile == mobile))
                fit[n++] = &ranges[i];
        }
    }
    return n ? fit[pol_subst_below(r, n)] : NULL;
}

/* The groups of digits of a number written without a country code tell the country, or do not. */
static const char *country_of(const char *shape, const char *digits)
{
    if (strcmp(shape, "22222") == 0 && digits[0] == '0' && digits[1] != '0')
        return "33";
    if (shape[0] == '5' && shape[1] && strlen(digits) == 11 && digits[0] == '0' && digits[1] == '7')
        return "44";
    if (strcmp(shape, "334") == 0 && digits[0] >= '2' && digits[3] >= '2')
        return "1";
    return NULL;
}

/* Separators as in the original; digits that are left over go to the end. */
static bool lay_out(struct base_str original, const char *digits, char out[POL_SUBST_MAX])
{
    size_t k = 0, n = strlen(digits), o = 0;

    for (size_t i = 0; i < original.n && k < n && o + 1 < POL_SUBST_MAX; i++)
        out[o++] = pol_is_digit(original.p[i]) ? digits[k++] : original.p[i];
    while (k < n && o + 1 < POL_SUBST_MAX)
        out[o++] = digits[k++];
    out[o] = 0;
    return k == n;
}

bool pol_subst_phone(struct base_str original, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    char digits[20], shape[20] = "", made[40];
    const char *country = NULL, *lead = "";
    const struct range *range;
    size_t n = 0, groups = 0, at = 0;

    for (size_t i = 0; i < original.n; i++) {
        char c = original.p[i];

        if (!pol_is_digit(c)) {
            if (!strchr(" +()-./", c))
                return false;
            continue;
        }
        if (n + 1 >= sizeof(digits))
            return false;
        digits[n++] = c;
        if (i == 0 || !pol_is_digit(original.p[i - 1]))
            shape[groups++] = '0';
        if (shape[groups - 1] < '9')
            shape[groups - 1]++;
    }
    digits[n] = shape[groups] = 0;
    if (n < 7)
        return false;
    if (memchr(original.p, '+', original.n) || strncmp(digits, "00", 2) == 0) {
        at = digits[0] == '0' ? 2 : 0;
        lead = at ? "00" : "";
        for (size_t i = 0; i < RANGES && !country; i++) {
            if (strncmp(digits + at, ranges[i].country, strlen(ranges[i].country)) == 0)
                country = ranges[i].country;
        }
        at += country ? strlen(country) : 0;
    } else {
        country = country_of(shape, digits);
    }
    if (!country)
        return false;
    bool trunk = digits[at] == '0', spelled = at > 0;
    bool mobile =
        ((strcmp(country, "44") == 0 || strcmp(country, "46") == 0) && digits[at + trunk] == '7') ||
        (strcmp(country, "33") == 0 && strchr("67", digits[at + trunk]));
    range = choose(country, mobile, r);
    if (!range)
        return false;
    unsigned span = 1;
    for (int i = 0; i < range->tail; i++)
        span *= 10;
    snprintf(made, sizeof(made), "%s%s%s%s%0*u", lead, spelled ? country : "", trunk ? "0" : "",
             range->prefix, range->tail, pol_subst_below(r, span));
    return lay_out(original, made, out);
}
