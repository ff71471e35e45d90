/* schemes.c - personal and tax numbers made of digits only: their checks and canonical forms.
 *
 * Pure functions over digit values. Each check is the whole test of a scheme: fixed digits, the
 * date inside where there is one, then the check digits, after the registers' published formulas.
 * How a candidate is judged from strength, form and context is pol_scan_numbers' business.
 */
#include "policy/detect/schemes.h"

#include "policy/detect/checks.h"
#include "policy/words/cues.h"

static int two(const uint8_t *d)
{
    return d[0] * 10 + d[1];
}

static uint64_t number(const uint8_t *d, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v * 10 + d[i];
    return v;
}

static bool same_digits(const uint8_t *d, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (d[i] != d[0])
            return false;
    }
    return true;
}

static bool at_svnr(const uint8_t *d)
{
    int m = two(d + 6), sum = d[0] * 3 + d[1] * 7 + d[2] * 9 + pol_weighted(d + 4, "584216", 6);

    return d[0] != 0 &&
           (m > 12 && m <= 15 ? two(d + 4) <= 31 : pol_date2_ok(two(d + 8), m, two(d + 4))) &&
           sum % 11 == d[3];
}

/* The tax office's number. */
static bool at_abgabenkonto(const uint8_t *d)
{
    return d[0] + d[1] > 0 && (10 - pol_product_sum(d, "12121212", 8) % 10) % 10 == d[8];
}

static bool be_nn(const uint8_t *d)
{
    int m = two(d + 2), day = two(d + 4), key = (int)number(d + 9, 2);
    uint64_t v = number(d, 9);

    m -= m > 40 ? 40 : m > 20 ? 20 : 0;
    if (m > 12 || day > 31 || (m && day && !pol_date2_ok(two(d), m, day)))
        return false;
    return key == (int)(97 - v % 97) || key == (int)(97 - (2000000000ull + v) % 97);
}

static bool bg_egn(const uint8_t *d)
{
    int m = two(d + 2), y = 1900 + two(d);

    if (m > 40)
        m -= 40, y += 100;
    else if (m > 20)
        m -= 20, y -= 100;
    return pol_date_ok(y, m, two(d + 4)) && pol_weighted(d, "2485A9736", 9) % 11 % 10 == d[9];
}

/* Foreigners' number: weights 21, 19, 17, 13, 11, 9, 7, 3, 1. */
static bool bg_lnch(const uint8_t *d)
{
    static const uint8_t w[] = {21, 19, 17, 13, 11, 9, 7, 3, 1};
    int sum = 0;

    for (int i = 0; i < 9; i++)
        sum += d[i] * w[i];
    return !same_digits(d, 10) && sum % 10 == d[9];
}

static bool ch_ahv(const uint8_t *d)
{
    return d[0] == 7 && d[1] == 5 && d[2] == 6 && pol_weighted(d, "1313131313131", 13) % 10 == 0;
}

static bool cz_rc(const uint8_t *d)
{
    int m = two(d + 2);

    m -= m > 70 ? 70 : m > 50 ? 50 : m > 20 ? 20 : 0;
    return pol_date2_ok(two(d), m, two(d + 4)) && number(d, 9) % 11 % 10 == d[9];
}

static bool cz_rc9(const uint8_t *d)
{
    int m = two(d + 2);

    m -= m > 50 ? 50 : 0;
    return two(d) < 54 && pol_date_ok(1900 + two(d), m, two(d + 4));
}

static bool de_steuer_id(const uint8_t *d)
{
    int seen[10] = {0}, many = 0;

    for (int i = 0; i < 10; i++)
        seen[d[i]]++;
    for (int i = 0; i < 10; i++) {
        if (seen[i] > 3)
            return false;
        many += seen[i] > 1;
    }
    return d[0] != 0 && many == 1 && pol_mod11_10(d, 11);
}

static bool dk_cpr(const uint8_t *d)
{
    return pol_date2_ok(two(d + 4), two(d + 2), two(d));
}

static bool ee_lt(const uint8_t *d)
{
    int s = pol_weighted(d, "1234567891", 10) % 11;

    if (d[0] < 1 || d[0] > 8 ||
        !pol_date_ok(1800 + (d[0] - 1) / 2 * 100 + two(d + 1), two(d + 3), two(d + 5)))
        return false;
    if (s == 10)
        s = pol_weighted(d, "3456789123", 10) % 11 % 10;
    return s == d[10];
}

/* Lithuania's numbers without a birth date: they begin with 9. */
static bool lt_ak9(const uint8_t *d)
{
    int s = pol_weighted(d, "1234567891", 10) % 11;

    if (s == 10)
        s = pol_weighted(d, "3456789123", 10) % 11 % 10;
    return d[0] == 9 && s == d[10];
}

static bool fr_nir(const uint8_t *d)
{
    int m = two(d + 3);

    return d[0] != 0 && d[0] < 9 && d[0] != 5 && d[0] != 6 &&
           ((m >= 1 && m <= 12) || (m >= 20 && m <= 42) || m >= 50) &&
           (int)(97 - number(d, 13) % 97) == two(d + 13);
}

static bool fr_spi(const uint8_t *d)
{
    return d[0] <= 3 && number(d, 10) % 511 == number(d + 10, 3);
}

static bool gb_nhs(const uint8_t *d)
{
    return !same_digits(d, 10) && pol_weighted(d, "A98765432", 9) % 11 != 1 &&
           (11 - pol_weighted(d, "A98765432", 9) % 11) % 11 == d[9];
}

static bool gb_utr(const uint8_t *d)
{
    return "21987654321"[pol_weighted(d + 1, "6789A5432", 9) % 11] == d[0] + '0';
}

static bool gr_afm(const uint8_t *d)
{
    int s = 0;

    for (int i = 0; i < 8; i++)
        s += d[i] << (8 - i);
    return !same_digits(d, 9) && s % 11 % 10 == d[8];
}

static bool gr_amka(const uint8_t *d)
{
    return pol_date2_ok(two(d + 4), two(d + 2), two(d)) && pol_luhn(d, 11);
}

static bool hr_oib(const uint8_t *d)
{
    return pol_mod11_10(d, 11);
}

static bool hu_tax(const uint8_t *d)
{
    uint64_t days = number(d + 1, 5);

    /* days since 1867-01-01: births 1900 (12053) to today's children (60000) */
    return d[0] == 8 && days > 12000 && days < 60000 &&
           pol_weighted(d, "123456789", 9) % 11 == d[9];
}

static bool hu_taj(const uint8_t *d)
{
    return !same_digits(d, 9) && pol_weighted(d, "37373737", 8) % 10 == d[8];
}

static bool hu_szemelyi(const uint8_t *d)
{
    static const char *const up = "123456789A", *const down = "A987654321";

    return d[0] >= 1 && d[0] <= 8 && pol_date2_ok(two(d + 1), two(d + 3), two(d + 5)) &&
           (pol_weighted(d, up, 10) % 11 == d[10] || pol_weighted(d, down, 10) % 11 == d[10]);
}

static bool is_kt(const uint8_t *d)
{
    int day = two(d) > 40 ? two(d) - 40 : two(d);

    return (d[9] == 9 || d[9] == 0 || d[9] == 8) && pol_date2_ok(two(d + 4), two(d + 2), day) &&
           pol_weighted(d, "327654321", 9) % 11 == 0;
}

static bool it_iva(const uint8_t *d)
{
    int prov = (int)number(d + 7, 3);

    return ((prov >= 1 && prov <= 100) || prov == 120 || prov == 121 || prov == 888 ||
            prov == 999) &&
           number(d, 7) > 0 && pol_luhn(d, 11);
}

static bool lu_nid(const uint8_t *d)
{
    uint8_t v[12];

    memcpy(v, d, 11);
    v[11] = d[12];
    return number(d, 4) >= 1850 && number(d, 4) <= 2099 &&
           pol_date_ok((int)number(d, 4), two(d + 4), two(d + 6)) && pol_luhn(d, 12) &&
           pol_verhoeff(v, 12);
}

static bool lv_pk(const uint8_t *d)
{
    int s = (1 + pol_weighted(d, "A584216379", 10)) % 11 % 10;

    if (two(d) == 32)
        return true;
    return d[6] <= 2 && pol_date2_ok(two(d + 4), two(d + 2), two(d)) && s == d[10];
}

static bool nl_bsn(const uint8_t *d)
{
    int s = pol_weighted(d, "98765432", 8) - d[8];

    return !same_digits(d, 9) && s > 0 && s % 11 == 0;
}

static bool no_fnr(const uint8_t *d)
{
    int day = two(d), m = two(d + 2), a = pol_weighted(d, "376189452", 9) % 11,
        b = pol_weighted(d, "5432765432", 10) % 11;

    day -= day > 40 ? 40 : 0;
    m -= m > 80 ? 80 : m > 40 ? 40 : 0;
    return pol_date2_ok(two(d + 4), m, day) && (11 - a) % 11 == d[9] && (11 - b) % 11 == d[10];
}

/* Norwegian help numbers of hospitals: no date, both check digits. */
static bool no_fh(const uint8_t *d)
{
    int a = pol_weighted(d, "376189452", 9) % 11, b = pol_weighted(d, "5432765432", 10) % 11;

    return d[0] >= 8 && (11 - a) % 11 == d[9] && (11 - b) % 11 == d[10];
}

static bool pl_pesel(const uint8_t *d)
{
    static const int century[] = {1900, 2000, 2100, 2200, 1800};
    int m = two(d + 2);

    return pol_date_ok(century[m / 20] + two(d), m % 20, two(d + 4)) &&
           (10 - pol_weighted(d, "1379137913", 10) % 10) % 10 == d[10];
}

static bool pl_nip(const uint8_t *d)
{
    return d[0] != 0 && pol_weighted(d, "657234567", 9) % 11 == d[9];
}

static bool pt_nif(const uint8_t *d)
{
    int c = 11 - pol_weighted(d, "98765432", 8) % 11;

    return d[0] != 0 && (c >= 10 ? 0 : c) == d[8];
}

static bool ro_cnp(const uint8_t *d)
{
    int s = pol_weighted(d, "279146358279", 12) % 11, jj = two(d + 7);

    return d[0] != 0 && pol_date2_ok(two(d + 1), two(d + 3), two(d + 5)) &&
           ((jj >= 1 && jj <= 52) || jj == 70 || (jj >= 80 && jj <= 83)) &&
           (s == 10 ? 1 : s) == d[12];
}

static bool se_pnr10(const uint8_t *d)
{
    int day = two(d + 4) > 60 ? two(d + 4) - 60 : two(d + 4);

    return pol_date2_ok(two(d), two(d + 2), day) && pol_luhn(d, 10);
}

static bool se_pnr12(const uint8_t *d)
{
    return (two(d) >= 18 && two(d) <= 20) && se_pnr10(d + 2);
}

static bool si_emso(const uint8_t *d)
{
    int y = (int)number(d + 4, 3), s = pol_weighted(d, "765432765432", 12) % 11;

    y += y >= 800 ? 1000 : 2000;
    return pol_date_ok(y, two(d + 2), two(d)) && (11 - s) % 11 == d[12] && s != 1;
}

static bool us_ssn(const uint8_t *d)
{
    int area = (int)number(d, 3);

    return area != 0 && area != 666 && two(d + 3) != 0 && number(d + 5, 4) != 0;
}

static bool any(const uint8_t *d)
{
    (void)d;
    return true;
}

#define ID POL_NATIONAL_ID

/* Longer forms first among those of one country; the order decides between equals. */
const struct pol_scheme pol_schemes[] = {
    {"be_nn", ID, 11, POL_STRONG, CUE_NATID, IN_BE, be_nn,
     "|11|2.2.2-3.2|2.2.2-3-2|6-3-2|6 3 2|2 2 2 3 2|6-3.2|"},
    {"ee_ik", ID, 11, POL_STRONG, CUE_NATID, IN_EE | IN_LT, ee_lt, "|11|"},
    {"no_fnr", ID, 11, POL_STRONG, CUE_NATID, IN_NO, no_fnr, "|11|6 5|"},
    {"no_fnr", ID, 11, POL_STRONG, CUE_NATID, IN_NO, no_fh, "|11|6 5|"},
    {"gr_amka", ID, 11, POL_STRONG, CUE_NATID, IN_GR, gr_amka, "|11|6 5|"},
    {"de_steuer_id", ID, 11, POL_STRONG, CUE_NATID | CUE_TAX, IN_DE, de_steuer_id, "|11|2 3 3 3|"},
    {"pl_pesel", ID, 11, POL_MIDDLE, CUE_NATID, IN_PL, pl_pesel, "|11|6 5|"},
    {"hu_szemelyi", ID, 11, POL_MIDDLE, CUE_NATID, IN_HU, hu_szemelyi, "|1-6-4|1 6 4|"},
    {"lv_pk", ID, 11, POL_WEAK, CUE_NATID, IN_LV, lv_pk, "|6-5|11|"},
    {"hr_oib", ID, 11, POL_WEAK, CUE_NATID, IN_HR, hr_oib, "|11|"},
    {"it_iva", POL_VAT_ID, 11, POL_WEAK, CUE_VAT | CUE_TAX, IN_IT, it_iva, "|11|"},
    {"fr_nir", ID, 15, POL_MIDDLE, CUE_NATID, IN_FR, fr_nir, "|15|13 2|1 2 2 2 3 3 2|"},
    {"ro_cnp", ID, 13, POL_STRONG, CUE_NATID, IN_RO, ro_cnp, "|13|"},
    {"si_emso", ID, 13, POL_STRONG, CUE_NATID, IN_SI | IN_HR, si_emso, "|13|"},
    {"lu_nid", ID, 13, POL_STRONG, CUE_NATID, IN_LU, lu_nid, "|13|8 5|4 2 2 3 2|"},
    {"ch_ahv", ID, 13, POL_STRONG, CUE_NATID, IN_CH, ch_ahv, "|3.4.4.2|13|3 4 4 2|"},
    {"fr_spi", POL_TAX_ID, 13, POL_WEAK, CUE_TAX, IN_FR, fr_spi, "|13|2 2 3 3 3|"},
    {"se_pnr", ID, 12, POL_STRONG, CUE_NATID, IN_SE, se_pnr12, "|8-4|12|"},
    {"se_pnr", ID, 10, POL_MIDDLE, CUE_NATID, IN_SE, se_pnr10, "|6-4|10|"},
    {"is_kt", ID, 10, POL_STRONG, CUE_NATID, IN_IS, is_kt, "|6-4|10|"},
    {"cz_rc", ID, 10, POL_MIDDLE, CUE_NATID, IN_CZ | IN_SK, cz_rc, "|6/4|10|"},
    {"cz_rc", ID, 9, POL_NO_CHECK, CUE_NATID, IN_CZ | IN_SK, cz_rc9, "|6/3|"},
    {"dk_cpr", ID, 10, POL_MIDDLE, CUE_NATID, IN_DK, dk_cpr, "|6-4|"},
    {"dk_cpr", ID, 10, POL_WEAK, CUE_NATID, IN_DK, dk_cpr, "|6 4|10|"},
    {"bg_egn", ID, 10, POL_MIDDLE, CUE_NATID, IN_BG, bg_egn, "|10|"},
    {"at_svnr", ID, 10, POL_MIDDLE, CUE_NATID, IN_AT, at_svnr, "|4 6|10|4-6|"},
    {"hu_adoazonosito", POL_TAX_ID, 10, POL_MIDDLE, CUE_TAX, IN_HU, hu_tax, "|10|"},
    {"gb_nhs", POL_HEALTH_ID, 10, POL_WEAK, CUE_HEALTH, IN_GB, gb_nhs, "|3 3 4|10|3-3-4|"},
    {"pl_nip", POL_TAX_ID, 10, POL_WEAK, CUE_TAX, IN_PL, pl_nip,
     "|3-3-2-2|3-2-2-3|10|3 3 2 2|3 2 2 3|"},
    {"gb_utr", POL_TAX_ID, 10, POL_WEAK, CUE_TAX, IN_GB, gb_utr, "|10|5 5|"},
    {"nl_bsn", ID, 9, POL_WEAK, CUE_NATID, IN_NL, nl_bsn, "|9|4.2.3|4 2 3|3 3 3|3.3.3|"},
    {"pt_nif", POL_TAX_ID, 9, POL_WEAK, CUE_TAX | CUE_NATID, IN_PT, pt_nif, "|9|3 3 3|"},
    {"gr_afm", POL_TAX_ID, 9, POL_WEAK, CUE_TAX, IN_GR, gr_afm, "|9|"},
    {"hu_taj", ID, 9, POL_WEAK, CUE_NATID | CUE_HEALTH, IN_HU, hu_taj, "|9|3 3 3|3-3-3|"},
    {"bg_lnch", ID, 10, POL_WEAK, CUE_NATID, IN_BG, bg_lnch, "|10|"},
    {"at_abgabenkonto", POL_TAX_ID, 9, POL_WEAK, CUE_TAX, IN_AT, at_abgabenkonto,
     "|2-3/4|2 3/4|2-7|9|"},
    {"lt_ak", ID, 11, POL_WEAK, CUE_NATID, IN_LT, lt_ak9, "|11|"},
    {"us_ssn", ID, 9, POL_MIDDLE, CUE_NATID, IN_US, us_ssn, "|3-2-4|"},
    {"us_ssn", ID, 9, POL_NO_CHECK, CUE_NATID, IN_US, any, "|3-2-4|3 2 4|9|"},
    {"de_steuernummer", POL_TAX_ID, 10, POL_NO_CHECK, CUE_TAX, IN_DE, any, "|2/3/5|3/3/4|"},
    {"de_steuernummer", POL_TAX_ID, 11, POL_NO_CHECK, CUE_TAX, IN_DE, any, "|3/3/5|3/4/4|11|"},
};

const size_t pol_schemes_n = sizeof(pol_schemes) / sizeof(pol_schemes[0]);
