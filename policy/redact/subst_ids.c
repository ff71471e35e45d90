/* subst_ids.c - substitutes for personal numbers.
 *
 * Each recipe fills the digits so that a part is impossible or kept for tests (a birth two
 * centuries ahead, a department that is none, a range that its register uses for tests) and then
 * looks for last digits with which the scheme's own check holds. A scheme without such a part has
 * no recipe: a number that passes its check might be somebody's, so its values get placeholders.
 * Pure functions; the caller supplies the randomness.
 *
 * Where each part comes from. By the scheme's own rule: PESEL (centuries), EGN, CNP, isikukood and
 * matricule (years far off), NINO (Q is no first letter), SSN (areas from 900 on; tax numbers there
 * have groups from 50 on). Published for tests: NHS numbers from 999 on (nhs-number's
 * documentation), fodselsnummer with months + 80 (Skatteetaten, as in NoCommons' releases), hetu
 * from 900 on (kept for temporary use), Steuer-ID beginning with 0 (ELSTER's check digit document,
 * as in rechtlogisch/steuer-id), BSN from 999900006 to 999999990 (RvIG's list of test numbers,
 * rvig.nl/test-bsn-a-nummers-omnummertabel, kept so that no existing number is tested with; the
 * list numbers them, 999998523 is its 1682nd). By the published values of a part: the NIR's place
 * of birth is a department's code, 01 to 95, 2A, 2B, 97x and 98x, or 91 to 96 and 99 for abroad
 * (service-public.fr F33078, INSEE's official geographic code): 00 is none of them.
 */
#include "policy/detect/checks.h"
#include "policy/detect/detect.h"
#include "policy/detect/schemes.h"
#include "policy/redact/subst.h"

#include <stdio.h>

static void put2(uint8_t *d, unsigned v)
{
    d[0] = (uint8_t)(v / 10);
    d[1] = (uint8_t)(v % 10);
}

static void month_day(uint8_t *d, unsigned add, struct pol_subst_rand *r)
{
    put2(d, 1 + pol_subst_below(r, 12) + add);
    put2(d + 2, 1 + pol_subst_below(r, 28));
}

/* born in the 2200s */
static void pl_pesel(uint8_t *d, struct pol_subst_rand *r)
{
    month_day(d + 2, 60, r);
}

/* months 81 to 92: synthetic persons of the register */
static void no_fnr(uint8_t *d, struct pol_subst_rand *r)
{
    put2(d, 1 + pol_subst_below(r, 28));
    put2(d + 2, 81 + pol_subst_below(r, 12));
}

/* born in the 2100s */
static void ee_ik(uint8_t *d, struct pol_subst_rand *r)
{
    d[0] = (uint8_t)(7 + pol_subst_below(r, 2));
    month_day(d + 3, 0, r);
}

/* born 2060 to 2099 */
static void bg_egn(uint8_t *d, struct pol_subst_rand *r)
{
    put2(d, 60 + pol_subst_below(r, 40));
    month_day(d + 2, 40, r);
}

/* born in the 1800s */
static void ro_cnp(uint8_t *d, struct pol_subst_rand *r)
{
    d[0] = (uint8_t)(3 + pol_subst_below(r, 2));
    put2(d + 1, pol_subst_below(r, 80));
    month_day(d + 3, 0, r);
    put2(d + 7, 1 + pol_subst_below(r, 46));
}

/* department 00 */
static void fr_nir(uint8_t *d, struct pol_subst_rand *r)
{
    d[0] = (uint8_t)(1 + pol_subst_below(r, 2));
    put2(d + 3, 1 + pol_subst_below(r, 12));
    put2(d + 5, 0);
}

/* born 2060 to 2098 */
static void lu_nid(uint8_t *d, struct pol_subst_rand *r)
{
    put2(d, 20);
    put2(d + 2, 60 + pol_subst_below(r, 39));
    month_day(d + 4, 0, r);
}

/* the range of test numbers of the office that manages them, RvIG */
static void nl_bsn(uint8_t *d, struct pol_subst_rand *r)
{
    (void)r;
    put2(d, 99);
    put2(d + 2, 99);
}

/* numbers from 999 on are for tests */
static void gb_nhs(uint8_t *d, struct pol_subst_rand *r)
{
    (void)r;
    put2(d, 99);
    d[2] = 9;
}

/* areas from 900 on are never given out; groups 00 to 49 there are no tax number either */
static void us_ssn(uint8_t *d, struct pol_subst_rand *r)
{
    d[0] = 9;
    d[3] = (uint8_t)pol_subst_below(r, 5);
    d[4] = (uint8_t)(1 + pol_subst_below(r, 9));
    d[5] = (uint8_t)(1 + pol_subst_below(r, 9));
}

static const struct {
    const char *subtype;
    uint8_t digits;
    void (*shape)(uint8_t *d, struct pol_subst_rand *r);
} recipes[] = {
    {"pl_pesel", 11, pl_pesel}, {"no_fnr", 11, no_fnr}, {"ee_ik", 11, ee_ik},
    {"bg_egn", 10, bg_egn},     {"ro_cnp", 13, ro_cnp}, {"fr_nir", 15, fr_nir},
    {"lu_nid", 13, lu_nid},     {"nl_bsn", 9, nl_bsn},  {"gb_nhs", 10, gb_nhs},
    {"us_ssn", 9, us_ssn},
};

static bool check_of(const char *subtype, const uint8_t *d, size_t n)
{
    for (size_t i = 0; i < pol_schemes_n; i++) {
        const struct pol_scheme *s = &pol_schemes[i];

        if (s->digits == n && s->strength != POL_NO_CHECK && strcmp(s->subtype, subtype) == 0)
            return s->check(d);
    }
    return false;
}

/* The last three digits with which the check holds, from a random start. */
static bool settle(const char *subtype, uint8_t *d, size_t n, struct pol_subst_rand *r)
{
    unsigned start = pol_subst_below(r, 1000);

    for (unsigned k = 0; k < 1000; k++) {
        unsigned v = (start + k) % 1000;

        d[n - 3] = (uint8_t)(v / 100);
        put2(d + n - 2, v % 100);
        if (check_of(subtype, d, n))
            return true;
    }
    return false;
}

static bool digits_id(const char *subtype, struct base_str original, struct pol_subst_rand *r,
                      char out[POL_SUBST_MAX])
{
    for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
        size_t n = recipes[i].digits;
        uint8_t d[16];
        char text[16];

        if (strcmp(recipes[i].subtype, subtype) != 0)
            continue;
        for (int tries = 0; tries < 8; tries++) {
            for (size_t k = 0; k < n; k++)
                d[k] = (uint8_t)pol_subst_below(r, 10);
            recipes[i].shape(d, r);
            if (!settle(subtype, d, n, r))
                continue;
            for (size_t k = 0; k < n; k++)
                text[k] = (char)('0' + d[k]);
            return pol_subst_fill(original, text, n, out);
        }
    }
    return false;
}

/* Tax numbers of Germany that begin with 0 are for tests: nine of the ten digits, one twice. */
static bool de_steuer_id(struct base_str original, struct pol_subst_rand *r,
                         char out[POL_SUBST_MAX])
{
    uint8_t d[11] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0};
    char text[11];

    for (unsigned i = 9; i > 1; i--) {
        unsigned j = 1 + pol_subst_below(r, i);
        uint8_t t = d[i];

        d[i] = d[j];
        d[j] = t;
    }
    d[1 + pol_subst_below(r, 4)] = d[5 + pol_subst_below(r, 5)];
    while (d[10] < 9 && !pol_mod11_10(d, 11))
        d[10]++;
    for (int i = 0; i < 11; i++)
        text[i] = (char)('0' + d[i]);
    return pol_mod11_10(d, 11) && pol_subst_fill(original, text, 11, out);
}

/* Individual numbers from 900 on are for temporary use and tests. */
static bool fi_hetu(struct base_str original, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    static const char checks[] = "0123456789ABCDEFHJKLMNPRSTUVWXY";
    unsigned date, serial = 900 + pol_subst_below(r, 100);

    if (original.n != 11)
        return false;
    date = (1 + pol_subst_below(r, 28)) * 10000 + (1 + pol_subst_below(r, 12)) * 100 +
           pol_subst_below(r, 100);
    return snprintf(out, POL_SUBST_MAX, "%06u%c%03u%c", date,
                    pol_is_digit(original.p[6]) ? '-' : original.p[6], serial,
                    checks[((uint64_t)date * 1000 + serial) % 31]) == 11 &&
           (unsigned char)original.p[6] < 0x80 && original.p[6] != '"' && original.p[6] != '\\';
}

/* The prefix QQ is for examples. */
static bool gb_nino(struct base_str original, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    char text[16];

    snprintf(text, sizeof(text), "QQ%06u%c", pol_subst_below(r, 1000000),
             (char)('A' + pol_subst_below(r, 4)));
    return pol_subst_fill(original, text, 9, out);
}

bool pol_subst_id(const char *subtype, struct base_str original, struct pol_subst_rand *r,
                  char out[POL_SUBST_MAX])
{
    if (!subtype)
        return false;
    if (strcmp(subtype, "de_steuer_id") == 0)
        return de_steuer_id(original, r, out);
    if (strcmp(subtype, "fi_hetu") == 0)
        return fi_hetu(original, r, out);
    if (strcmp(subtype, "gb_nino") == 0)
        return gb_nino(original, r, out);
    return digits_id(subtype, original, r, out);
}
