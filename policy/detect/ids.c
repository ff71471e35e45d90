/* ids.c - identifiers with letters in them: personal numbers, identity cards. VAT numbers: vat.c.
 *
 * pol_scan_numbers calls here at every token that holds a digit. The forms below are tried where
 * the token begins and at the short words before it; the functions then test the rest: check
 * letters, dates, lengths by country. (As patterns of the prefilter these forms made it four times
 * slower.) What a passed or failed test means in which context is the same as in numbers.c; `arg`
 * and `arg2` of a pattern are the cues and the countries that announce it.
 */
#include "policy/detect/ids.h"
#include "policy/detect/checks.h"

struct compact {
    char c[40];
    size_t n;
};

/* Letters and digits of [from, to), upper case. */
static struct compact squeeze(const struct pol_scan *s, size_t from, size_t to)
{
    struct compact o = {.n = 0};

    for (size_t i = from; i < to && o.n < sizeof(o.c) - 1; i++) {
        if (pol_is_digit(s->p[i]))
            o.c[o.n++] = s->p[i];
        else if (pol_is_alpha(s->p[i]))
            o.c[o.n++] = (char)(s->p[i] & ~32);
    }
    o.c[o.n] = 0;
    return o;
}

static void digits(const char *c, size_t n, uint8_t *d)
{
    for (size_t i = 0; i < n; i++)
        d[i] = (uint8_t)(c[i] - '0');
}

void pol_id_judge(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to, bool holds,
                  enum pol_strength strength)
{
    if (pol_cue_near(s, from, to, p->arg, p->arg2, 40, 16)) {
        if (holds)
            pol_found(s, from, to, p->type, POL_CONTEXT, p->subtype, 80 - (unsigned)strength);
        else if (pol_cue_leads(s, from, p->arg, 24))
            pol_found(s, from, to, p->type, POL_SHAPE, p->subtype, 45);
        return;
    }
    if (!holds || !pol_stands_alone(s, from, to) || pol_cue_leads(s, from, CUE_ORDER, 24) ||
        (from > 0 && s->p[from - 1] == '#'))
        return;
    if (strength == POL_STRONG || strength == POL_MIDDLE)
        pol_found(s, from, to, p->type, POL_CHECK, p->subtype, 66 - (unsigned)strength);
    else if ((pol_cue_near(s, from, to, CUE_GENERIC, 0, 24, 0) ||
              (from > 0 && s->p[from - 1] == '(')) &&
             pol_person_near(s, from, to))
        pol_found(s, from, to, p->type, strength == POL_NO_CHECK ? POL_SHAPE : POL_CHECK,
                  p->subtype, 52 - (unsigned)strength);
}

static void es_dni(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    unsigned v = 0;
    size_t i = 0;

    if (c.n != 9)
        return;
    if (pol_is_alpha(c.c[0])) {
        v = c.c[0] >= 'X' ? (unsigned)(c.c[0] - 'X') : 0;
        i = 1;
    }
    for (; i < 8; i++)
        v = v * 10 + (unsigned)(c.c[i] - '0');
    pol_id_judge(s, p, from, to, "TRWAGMYFPDXBNJZSQVHLCKE"[v % 23] == c.c[8], POL_MIDDLE);
}

static void it_cf(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    static const uint8_t odd[36] = {1,  0, 5, 7,  9,  13, 15, 17, 19, 21, 1,  0,
                                    5,  7, 9, 13, 15, 17, 19, 21, 2,  4,  18, 20,
                                    11, 3, 6, 8,  12, 14, 16, 10, 22, 25, 24, 23};
    static const char swap[] = "LMNPQRSTUV";
    struct compact c = squeeze(s, from, to);
    int sum = 0, day = 0;

    if (c.n != 16)
        return;
    for (int i = 0; i < 15; i++) {
        int v = pol_is_digit(c.c[i]) ? c.c[i] - '0' : c.c[i] - 'A';

        sum += i % 2 ? v : odd[pol_is_digit(c.c[i]) ? v : v + 10];
    }
    for (int i = 9; i < 11; i++) {
        const char *q = pol_is_digit(c.c[i]) ? NULL : strchr(swap, c.c[i]);

        day = day * 10 + (q ? (int)(q - swap) : c.c[i] - '0');
    }
    pol_id_judge(s, p, from, to,
                 sum % 26 + 'A' == c.c[15] && ((day >= 1 && day <= 31) || (day >= 41 && day <= 71)),
                 POL_STRONG);
}

static void fi_hetu(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    uint8_t d[9];
    unsigned v = 0;

    digits(s->p + from, 6, d);
    digits(s->p + from + 7, 3, d + 6);
    for (int i = 0; i < 9; i++)
        v = v * 10 + d[i];
    pol_id_judge(s, p, from, to,
                 pol_date2_ok(d[4] * 10 + d[5], d[2] * 10 + d[3], d[0] * 10 + d[1]) &&
                     v % 1000 >= 2 &&
                     "0123456789ABCDEFHJKLMNPRSTUVWXY"[v % 31] ==
                         (s->p[from + 10] & ~(s->p[from + 10] > '9' ? 32 : 0)),
                 POL_STRONG);
}

static void gb_nino(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    char two[3] = {c.c[0], c.c[1], 0};
    bool ok = !strchr("DFIQUV", c.c[0]) && !strchr("DFIQUVO", c.c[1]) &&
              !strstr("BG GB KN NK NT TN ZZ", two);

    /* the last letter is often left out: two letters and six digits are many other things */
    if (c.n == 8 && !pol_cue_near(s, from, to, p->arg, p->arg2, 40, 16))
        return;
    pol_id_judge(s, p, from, to, ok, c.n == 9 ? POL_MIDDLE : POL_NO_CHECK);
}

static void ie_pps(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    uint8_t d[7];
    int v;

    if (to < s->n && pol_is_alpha(s->p[to]))
        return; /* the longer match counts */
    digits(c.c, 7, d);
    v = pol_weighted(d, "8765432", 7);
    if (c.n == 9)
        v += 9 * (c.c[8] == 'A' ? 1 : c.c[8] == 'B' ? 2 : c.c[8] == 'H' ? 8 : 0);
    pol_id_judge(s, p, from, to, "WABCDEFGHIJKLMNOPQRSTUV"[v % 23] == c.c[7], POL_MIDDLE);
}

static void cy_tic(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    static const uint8_t odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21};
    int v = 0;

    for (int i = 0; i < 8; i++)
        v += i % 2 ? s->p[from + (size_t)i] - '0' : odd[s->p[from + (size_t)i] - '0'];
    pol_id_judge(s, p, from, to,
                 v % 26 + 'A' == (s->p[to - 1] & ~32) &&
                     !(s->p[from] == '1' && s->p[from + 1] == '2'),
                 POL_MIDDLE);
}

/* "190802+2344", "19190802+2344": born a hundred years ago or more. */
static void se_plus(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    uint8_t d[12];
    int day;

    digits(c.c, c.n, d);
    const uint8_t *v = d + (c.n - 10);
    day = v[4] * 10 + v[5];
    pol_id_judge(s, p, from, to,
                 pol_date2_ok(v[0] * 10 + v[1], v[2] * 10 + v[3], day > 60 ? day - 60 : day) &&
                     pol_luhn(v, 10),
                 POL_MIDDLE);
}

static void unchecked(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    pol_id_judge(s, p, from, to, true, POL_NO_CHECK);
}

static void fr_nir_corsica(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    uint64_t v = 0;
    char dep = c.c[6];

    if (c.n != 15)
        return;
    c.c[5] = '1';
    c.c[6] = dep == 'A' ? '9' : '8';
    for (int i = 0; i < 13; i++)
        v = v * 10 + (uint64_t)(c.c[i] - '0');
    pol_id_judge(s, p, from, to, (int)(97 - v % 97) == (c.c[13] - '0') * 10 + c.c[14] - '0',
                 POL_STRONG);
}

static void de_kvnr(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    uint8_t d[11];

    d[0] = (uint8_t)((c.c[0] - 'A' + 1) / 10);
    d[1] = (uint8_t)((c.c[0] - 'A' + 1) % 10);
    digits(c.c + 1, 9, d + 2);
    pol_id_judge(s, p, from, to, pol_product_sum(d, "1212121212", 10) % 10 == d[10], POL_WEAK);
}

static void de_rvnr(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    uint8_t d[13];
    int day;

    if (c.n != 12)
        return;
    digits(c.c, 8, d);
    d[8] = (uint8_t)((c.c[8] - 'A' + 1) / 10);
    d[9] = (uint8_t)((c.c[8] - 'A' + 1) % 10);
    digits(c.c + 9, 3, d + 10);
    day = d[2] * 10 + d[3];
    pol_id_judge(s, p, from, to,
                 pol_date2_ok(d[6] * 10 + d[7], d[4] * 10 + d[5], day > 50 ? day - 50 : day) &&
                     pol_product_sum(d, "212571212121", 12) % 10 == d[12],
                 POL_STRONG);
}

static void de_card(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    struct pol_pat as = *p;
    size_t n = 0;

    for (size_t i = 0; i < c.n; i++)
        n += pol_is_digit(c.c[i]);
    if (n < 3 || !pol_cue_near(s, from, to, p->arg, 0, 40, 8))
        return;
    if (pol_cue_near(s, from, to, CUE_PASSPORT, 0, 40, 8)) {
        as.type = POL_PASSPORT;
        as.subtype = NULL;
    }
    pol_id_judge(s, &as, from, to, pol_mrz_digit(c.c, 8) == c.c[8] - '0', POL_NO_CHECK);
}

static void pl_dowod(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    static const char w[] = "731973173"; /* the check digit, at position 4, counts with 9 = -1 */
    int sum = 0;

    for (int i = 0; i < 9; i++)
        sum += (pol_is_alpha(c.c[i]) ? c.c[i] - 'A' + 10 : c.c[i] - '0') * (w[i] - '0');
    pol_id_judge(s, p, from, to, sum % 10 == 0, POL_NO_CHECK);
}

static void pt_cc(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    struct compact c = squeeze(s, from, to);
    int sum = 0;

    for (size_t i = 0; i < c.n; i++) {
        int v =
            pol_is_alpha(c.c[c.n - 1 - i]) ? c.c[c.n - 1 - i] - 'A' + 10 : c.c[c.n - 1 - i] - '0';

        if (i % 2)
            v = v * 2 > 9 ? v * 2 - 9 : v * 2;
        sum += v;
    }
    pol_id_judge(s, p, from, to, c.n == 12 && sum % 10 == 0, POL_MIDDLE);
}

/* ---- forms ---- */

/* What each sign of a form stands for. Letters of either case count where the form says so. */
static bool sign_fits(char sign, char c, bool upper_only)
{
    char u = pol_is_alpha(c) && !upper_only ? (char)(c & ~32) : c;
    bool dig = pol_is_digit(c), let = u >= 'A' && u <= 'Z';

    switch (sign) {
    case 'd':
        return dig;
    case 'A':
        return let;
    case 'X':
        return dig || let;
    case 'z':
        return c == '0' || c == '9';
    case 's':
        return dig && c != '0' && c != '5' && c != '6' && c != '9';
    case 'n':
        return let && strchr("XYZKLM", u);
    case 'o':
        return dig || (let && strchr("LMNPQRSTUV", u));
    case 'm':
        return let && strchr("ABCDEHLMPRST", u);
    case 'h':
        return c == '-' || c == '+' || (let && strchr("ABCDEFUVWXY", u));
    case 't':
        return dig || (let && u < 'Z');
    case 'w':
        return let && u <= 'W';
    case 'i':
        return let && strchr("ABCDEFGHIWTX", u);
    case 'g':
        return let && strchr("MGAPLHBZ", u);
    case 'c':
        return u == 'A' || u == 'B';
    case 'k':
        return let && strchr("CFGHJKLMNPRTVWXYZ", u);
    case 'q':
        return dig || (let && strchr("CFGHJKLMNPRTVWXYZ", u));
    case 'e':
        return let && u <= 'D';
    case 'v':
        return dig || (let && u != 'I' && u != 'O' && u != 'Q');
    default:
        return c == sign;
    }
}

/* The end of the form at i, or 0. '_' is one space or hyphen or nothing, ' ' one space or nothing,
 * '~' a space. */
static size_t form_end(const struct pol_scan *s, size_t i, const char *form, bool upper_only)
{
    for (; *form; form++) {
        if (*form == '_' || *form == ' ') {
            i += i < s->n && (s->p[i] == ' ' || (*form == '_' && s->p[i] == '-'));
            continue;
        }
        if (i >= s->n || !sign_fits(*form == '~' ? ' ' : *form, s->p[i], upper_only))
            return 0;
        i++;
    }
    return i < s->n && pol_is_word(s->p[i]) && (unsigned char)s->p[i] < 0x80 ? 0 : i;
}

/* "33U 392000 5820000", "33U UU 92000 20000": UTM and MGRS, which have no I and no O. */
static void grid(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (s->p[i] == 'I' || s->p[i] == 'O')
            return;
    }
    if (pol_stands_alone(s, from, to))
        pol_found(s, from, to, p->type, POL_SHAPE, NULL, 66);
}

static void vin(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t d = 0;

    for (size_t i = from; i < to; i++)
        d += pol_is_digit(s->p[i]);
    if (d >= 3 && d <= 15 && pol_cue_near(s, from, to, CUE_VIN, 0, 40, 12))
        pol_found(s, from, to, p->type, POL_CONTEXT, NULL, 70);
}

/* expr is a form; PAT_CASELESS: letters of either case. */
#define IDX(form, fn, sub, cues, where)                                                            \
    {                                                                                              \
        form, PAT_CASELESS, fn, POL_NATIONAL_ID, sub, cues, where                                  \
    }

static const struct pol_pat digit_first[] = {
    IDX("dddddddd_A", es_dni, "es_dni", CUE_NATID, IN_ES),
    IDX("dd.ddd.ddd_A", es_dni, "es_dni", CUE_NATID, IN_ES),
    IDX("ddddddhdddt", fi_hetu, "fi_hetu", CUE_NATID, IN_FI),
    IDX("dddddddw", ie_pps, "ie_pps", CUE_NATID, IN_IE),
    IDX("dddddddwi", ie_pps, "ie_pps", CUE_NATID, IN_IE),
    {"zdddddddA", 0, cy_tic, POL_TAX_ID, "cy_tic", CUE_TAX, IN_CY},
    {"dddddddg", 0, unchecked, POL_NATIONAL_ID, "mt_id", CUE_NATID | CUE_IDCARD, IN_MT},
    IDX("s dd dd 2c ddd ddd dd", fr_nir_corsica, "fr_nir", CUE_NATID, IN_FR),
    IDX("dd dddddd A ddd", de_rvnr, "de_rvnr", CUE_NATID, IN_DE),
    {"dddddddd d XAd", PAT_CASELESS, pt_cc, POL_NATIONAL_ID_CARD, "pt_cc", CUE_IDCARD | CUE_NATID,
     IN_PT},
    {"ddA~dddddd~ddddddd", 0, grid, POL_GPS, NULL, 0, 0},
    {"dA~dddddd~ddddddd", 0, grid, POL_GPS, NULL, 0, 0},
    {"ddA~AA~dddd~dddd", 0, grid, POL_GPS, NULL, 0, 0},
    {"ddA~AA~ddddd~ddddd", 0, grid, POL_GPS, NULL, 0, 0},
    {"ddA~AA~dddddddd", 0, grid, POL_GPS, NULL, 0, 0},
    {"ddA~AA~dddddddddd", 0, grid, POL_GPS, NULL, 0, 0},
    IDX("dddddd+dddd", se_plus, "se_pnr", CUE_NATID, IN_SE),
    IDX("dddddddd+dddd", se_plus, "se_pnr", CUE_NATID, IN_SE),
    {"vvvvvvvvvvvvvvvvv", 0, vin, POL_VIN, NULL, 0, 0},
};

static const struct pol_pat letter_first[] = {
    IDX("n_ddddddd_A", es_dni, "es_nie", CUE_NATID, IN_ES),
    IDX("AAAAAAoomooAoooA", it_cf, "it_cf", CUE_NATID | CUE_TAX, IN_IT),
    IDX("AAA~AAA~oomoo~AoooA", it_cf, "it_cf", CUE_NATID | CUE_TAX, IN_IT),
    {"AA dd dd dd e", 0, gb_nino, POL_NATIONAL_ID, "gb_nino", CUE_NATID, IN_GB},
    {"AA dd dd dd", 0, gb_nino, POL_NATIONAL_ID, "gb_nino", CUE_NATID, IN_GB},
    {"Addddddddd", PAT_CASELESS, de_kvnr, POL_HEALTH_ID, "de_kvnr", CUE_HEALTH, IN_DE},
    {"kqqqqqqqd", 0, de_card, POL_NATIONAL_ID_CARD, "de_id_card", CUE_IDCARD | CUE_PASSPORT, IN_DE},
    {"AAA_dddddd", PAT_CASELESS, pl_dowod, POL_NATIONAL_ID_CARD, "pl_dowod", CUE_IDCARD, IN_PL},
    {"vvvvvvvvvvvvvvvvv", 0, vin, POL_VIN, NULL, 0, 0},
};

/* A token begins at i. */
static void forms_at(struct pol_scan *s, size_t i)
{
    bool digit = pol_is_digit(s->p[i]);
    const struct pol_pat *v = digit ? digit_first : letter_first;
    size_t n = digit ? sizeof(digit_first) / sizeof(digit_first[0])
                     : sizeof(letter_first) / sizeof(letter_first[0]);

    for (size_t k = 0; k < n; k++) {
        size_t e = form_end(s, i, v[k].expr, !(v[k].flags & PAT_CASELESS));

        if (e)
            v[k].fn(s, &v[k], i, e);
    }
    if (i + 8 < s->n && (digit || pol_is_alpha(s->p[i + 1])))
        pol_vat_at(s, i);
}

/* Digits enough for any form ahead, and a letter? Cheap, and false for nearly all numbers. */
static bool promising(const struct pol_scan *s, size_t i)
{
    size_t end = i + 20 < s->n ? i + 20 : s->n, d = 0;
    bool letter = false;

    for (; i < end; i++) {
        char c = s->p[i];

        if (pol_is_digit(c))
            d++;
        else if (pol_is_alpha(c))
            letter = true;
        else if (c == '-' || c == '+')
            letter = letter || d == 6 || d == 8;
        else if (c != ' ' && c != '.')
            break;
    }
    return d >= 6 && letter;
}

/* "EMP-1234", "EMP1234": common enough to need no cue. */
static void employee(struct pol_scan *s, size_t i)
{
    size_t a = i + 3, e;

    if (a >= s->n || memcmp(s->p + i, "EMP", 3) != 0)
        return;
    a += s->p[a] == '-' || s->p[a] == '_';
    for (e = a; e < s->n && pol_is_digit(s->p[e]); e++)
        ;
    if (e - a >= 3 && e - a <= 9 && pol_word_bounds(s, i, e))
        pol_found(s, i, e, POL_EMPLOYEE_ID, POL_SHAPE, NULL, 41);
}

void pol_ids_at(struct pol_scan *s, size_t run)
{
    size_t i = run, end = run;

    while (end < s->n && (pol_is_digit(s->p[end]) || pol_is_alpha(s->p[end])))
        end++;
    if (end - run >= 26)
        pol_wallet_at(s, run, end);
    if (end - run >= 20 && end - run <= 28 && end + 8 < s->n && strchr(".-_", s->p[end]))
        pol_secret_at(s, run, end);
    employee(s, run);
    if (end - run == 16 || promising(s, run))
        forms_at(s, run);
    if (end - run > 2 && run + 15 < s->n && pol_is_alpha(s->p[run]) &&
        pol_is_alpha(s->p[run + 1]) && pol_is_digit(s->p[run + 2]))
        pol_iban_at(s, run);
    for (int k = 0; k < 2 && i > 1 && (s->p[i - 1] == ' ' || s->p[i - 1] == '-'); k++) {
        size_t e = i - 1, a = e; /* "ABC 123456": up to two short words before */

        while (a > 0 && e - a < 4 && pol_is_alpha(s->p[a - 1]))
            a--;
        if (a == e || e - a > 3 || (a > 0 && pol_is_word(s->p[a - 1])))
            return;
        employee(s, a);
        if (promising(s, a))
            forms_at(s, a);
        i = a;
    }
}
