/* other.c - travel documents, wallets, vehicles, and values that a cue announces.
 *
 * Machine-readable zones (ICAO 9303) count with two good check digits; wallet addresses with their
 * own checksums (base58check, bech32) or Ethereum's fixed shape. pol_scan_keyed reads what follows
 * a cue such as "passport no." or "born on": those values have no check, the cue is all there is.
 */
#include "policy/detect/checks.h"
#include "policy/detect/detect.h"

#include <openssl/sha.h>

/* ---- machine-readable zones ---- */

static bool mrz_char(char c)
{
    return (c >= 'A' && c <= 'Z') || pol_is_digit(c) || c == '<';
}

static size_t mrz_line(const struct pol_scan *s, size_t at)
{
    size_t i = at;

    while (i < s->n && i - at < 46 && mrz_char(s->p[i]))
        i++;
    return i - at;
}

static size_t next_line(const struct pol_scan *s, size_t end)
{
    size_t i = end;

    while (i < s->n && i < end + 6 && strchr(" \r\n\t|", s->p[i]))
        i++;
    return i;
}

static int good(const char *p, size_t n, size_t check)
{
    return pol_is_digit(p[check]) && pol_mrz_digit(p, n) == p[check] - '0';
}

static void mrz(struct pol_scan *s, const struct pol_pat *pat, size_t from, size_t to)
{
    size_t a = to, n, b, m;
    const char *l;
    int ok;

    (void)from;
    while (a > 0 && to - a < 46 && mrz_char(s->p[a - 1]))
        a--;
    for (size_t i = a; i + 2 < to; i++) {
        if (s->p[i] == '<' && s->p[i + 1] == '<')
            return; /* not the first pair of this line */
    }
    n = mrz_line(s, a);
    l = s->p + a;
    if (n != 30 && n != 36 && n != 44)
        return;
    b = next_line(s, a + n);
    m = mrz_line(s, b);
    if (n != 30 && m == n && pol_is_alpha(l[0])) { /* TD3, TD2: names first, then the numbers */
        const char *q = s->p + b;

        ok = good(q, 9, 9) + good(q + 13, 6, 19 - 13) + good(q + 21, 6, 27 - 21);
        if (ok >= 2) {
            pol_found(s, a, b + m, pat->type, POL_CHECK, n == 44 ? "td3" : "td2", 97);
            return;
        }
    }
    if (n != 30) { /* the line of numbers alone */
        ok = good(l, 9, 9) + good(l + 13, 6, 6) + good(l + 21, 6, 6);
        if (ok >= 2)
            pol_found(s, a, a + n, pat->type, POL_CHECK, n == 44 ? "td3" : "td2", 96);
        return;
    }
    ok = good(l + 5, 9, 9);
    if (m == 30) {
        const char *q = s->p + b;
        size_t c = next_line(s, b + m), k = mrz_line(s, c);

        ok += good(q, 6, 6) + good(q + 8, 6, 6);
        if (ok >= 2)
            pol_found(s, a, k == 30 ? c + k : b + m, pat->type, POL_CHECK, "td1", 97);
    }
}

/* ---- wallets ---- */

static bool base58check(const char *p, size_t n, size_t want)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    uint8_t bin[40] = {0}, h[32];

    if (want > sizeof(bin))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *q = strchr(alphabet, p[i]);
        uint32_t carry;

        if (!q)
            return false;
        carry = (uint32_t)(q - alphabet);
        for (size_t k = want; k > 0; k--) {
            carry += (uint32_t)bin[k - 1] * 58;
            bin[k - 1] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return false;
    }
    SHA256(bin, want - 4, h);
    SHA256(h, 32, h);
    return memcmp(h, bin + want - 4, 4) == 0;
}

static void base58(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    while (to < s->n && to - from < 64 && (pol_is_digit(s->p[to]) || pol_is_alpha(s->p[to])))
        to++;
    if (!pol_word_bounds(s, from, to))
        return;
    if (p->type == POL_CRYPTO) {
        if (to - from <= 35 && base58check(s->p + from, to - from, 25))
            pol_found(s, from, to, p->type, POL_CHECK, p->subtype, 85);
    } else if (base58check(s->p + from, to - from, 37) || base58check(s->p + from, to - from, 38)) {
        pol_found(s, from, to, p->type, POL_CHECK, p->subtype, 95);
    }
}

static void bech32(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    static const uint32_t gen[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint8_t v[128];
    size_t n = 0, sep;
    uint32_t c = 1;

    while (to < s->n && to - from < 90 && (pol_is_digit(s->p[to]) || pol_is_alpha(s->p[to])))
        to++;
    if (!pol_word_bounds(s, from, to))
        return;
    for (sep = from; sep < to && s->p[sep] != '1'; sep++)
        ;
    for (size_t i = from; i < sep; i++)
        v[n++] = (uint8_t)((s->p[i] | 32) >> 5);
    v[n++] = 0;
    for (size_t i = from; i < sep; i++)
        v[n++] = (s->p[i] | 32) & 31;
    for (size_t i = sep + 1; i < to; i++) {
        const char *q = strchr(alphabet, pol_is_alpha(s->p[i]) ? s->p[i] | 32 : s->p[i]);

        if (!q || !*q)
            return;
        v[n++] = (uint8_t)(q - alphabet);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t top = c >> 25;

        c = (c & 0x1ffffff) << 5 ^ v[i];
        for (int k = 0; k < 5; k++)
            c ^= top >> k & 1 ? gen[k] : 0;
    }
    if (c == 1 || c == 0x2bc830a3)
        pol_found(s, from, to, p->type, POL_CHECK, p->subtype, 85);
}

static void ethereum(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    for (size_t i = from + 2; i < to; i++) {
        if (!pol_is_digit(s->p[i]) && ((s->p[i] | 32) < 'a' || (s->p[i] | 32) > 'f'))
            return;
    }
    pol_found(s, from, to, p->type, POL_SHAPE, p->subtype, 85);
}

/* A token of 26 letters and digits or more. */
void pol_wallet_at(struct pol_scan *s, size_t from, size_t to)
{
    static const struct pol_pat btc = {"", 0, base58, POL_CRYPTO, "btc", 0, 0};
    static const struct pol_pat wif = {"", 0, base58, POL_SECRET, "btc_wif", 0, 0};
    static const struct pol_pat seg = {"", 0, bech32, POL_CRYPTO, "btc", 0, 0};
    static const struct pol_pat eth = {"", 0, ethereum, POL_CRYPTO, "eth", 0, 0};
    struct base_str t = {s->p + from, to - from};
    char c = t.p[0];

    if ((c == '1' || c == '3') && t.n <= 35)
        base58(s, &btc, from, to);
    else if ((c == '5' || c == 'K' || c == 'L') && t.n >= 51)
        base58(s, &wif, from, to);
    else if (base_str_ieq((struct base_str){t.p, 3}, BASE_STR("bc1")) ||
             base_str_ieq((struct base_str){t.p, 3}, BASE_STR("tb1")) ||
             base_str_ieq((struct base_str){t.p, 4}, BASE_STR("ltc1")))
        bech32(s, &seg, from, to);
    else if (t.n == 42 && c == '0' && (t.p[1] | 32) == 'x')
        ethereum(s, &eth, from, to);
}

/* ---- announced values ---- */

/* Past words such as "number", "is" and signs; *assigned: a ':' or '=' was there; *said: "is". */
static size_t filler(const struct pol_scan *s, size_t i, bool *assigned, bool *said)
{
    static const char *const verbs[] = {"is", "was", "ist", "lautet", "est", "jest", "es"};
    static const char *const words[] = {
        "number", "no",    "nr",     "num",  "id",  "is",    "nummer", "numero", "n",   "was",
        "of",     "numer", "lautet", "ist",  "the", "my",    "card",   "code",   "und", "o",
        "seria",  "i",     "est",    "jest", "es",  "werte", "nb",     "plate"};
    size_t end = i + 40 < s->n ? i + 40 : s->n;

    while (i < end) {
        size_t a = i;
        bool known = false;

        if (strchr(" \t:#.=|\"'*(-\n", s->p[i])) {
            *assigned = *assigned || s->p[i] == ':' || s->p[i] == '=' || s->p[i] == '|';
            i++;
            continue;
        }
        if (i + 1 < end && s->p[i] == '\xc2' && s->p[i + 1] == '\xb0') { /* "n°" */
            i += 2;
            continue;
        }
        while (i < end && pol_is_alpha(s->p[i]))
            i++;
        for (size_t w = 0; w < sizeof(verbs) / sizeof(verbs[0]); w++)
            *said = *said || base_str_ieq((struct base_str){s->p + a, i - a}, base_str_c(verbs[w]));
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
            known = known || base_str_ieq((struct base_str){s->p + a, i - a}, base_str_c(words[w]));
        if (!known || (i < end && pol_is_word(s->p[i]) && s->p[i] != '\xc2'))
            return a;
    }
    return i;
}

struct keyed {
    uint32_t cue;
    enum pol_type type;
    uint8_t digits, least, most, spaces; /* least digits, length, how many spaces inside */
    bool needs_sign;                     /* ':' or '=' must stand between */
};

static const struct keyed keyed_types[] = {
    {CUE_PASSPORT, POL_PASSPORT, 4, 6, 12, 1, false},
    {CUE_IDCARD, POL_NATIONAL_ID_CARD, 4, 6, 16, 6, false},
    {CUE_DRIVER, POL_DRIVER_LICENSE, 4, 6, 18, 1, false},
    {CUE_HEALTH, POL_HEALTH_ID, 4, 5, 20, 1, false},
    {CUE_EMPLOYEE, POL_EMPLOYEE_ID, 3, 4, 16, 0, false},
    {CUE_ACCOUNT, POL_BANK_ACCOUNT, 7, 7, 60, 30, false},
    {CUE_CARD, POL_CREDIT_CARD, 0, 8, 28, 4, false},
    {CUE_NATID, POL_NATIONAL_ID, 6, 6, 18, 1, true},
    {CUE_TAX, POL_TAX_ID, 6, 8, 18, 1, true},
    {CUE_VAT, POL_VAT_ID, 6, 8, 18, 0, true},
    {CUE_PLATE, POL_LICENSE_PLATE, 1, 4, 11, 2, false},
    {CUE_DEVICE, POL_DEVICE_ID, 6, 8, 40, 0, false},
    {CUE_USER, POL_USERNAME, 0, 3, 40, 0, true},
};

/* Behind the rest of an inflected cue word. */
static size_t word_end(const struct pol_scan *s, size_t i)
{
    while (i < s->n && i > 0 && pol_is_alpha(s->p[i - 1]) && pol_is_alpha(s->p[i]))
        i++;
    return i;
}

/* "4532********7890", "987-XX-XXXX": hidden in part, still somebody's. */
static bool masked(struct pol_scan *s, const struct keyed *k, size_t a)
{
    size_t i = a, digits = 0, marks = 0, run = 0;

    while (a > 0 && a - 1 < i && s->p[a - 1] == '*') /* the filler took them for emphasis */
        a--;
    for (i = a; i < s->n && i - a < 28; i++) {
        char c = s->p[i];

        if (pol_is_digit(c))
            digits++;
        else if (c == '*' || c == 'X' || c == 'x')
            marks++;
        else if (!(strchr(" -", c) && i > a && i + 1 < s->n &&
                   (pol_is_digit(s->p[i + 1]) || strchr("*Xx", s->p[i + 1]))))
            break;
        else
            run++;
    }
    if (digits < 3 || marks < 3 || run > 4 || digits + marks < 8 || i - a >= 28 ||
        (i < s->n && pol_is_word(s->p[i])))
        return false;
    pol_found(s, a, i, k->type, POL_SHAPE, "masked", 41);
    return true;
}

/* "VAT: 1.234.567,89", "12345678 EUR": a sum of money, no number of anybody. */
static bool money(const struct pol_scan *s, size_t a, size_t i)
{
    static const char *const signs[] = {"EUR", "USD", "GBP",          "CHF",     "PLN",
                                        "SEK", "NOK", "DKK",          "CZK",     "HUF",
                                        "RON", "$",   "\xe2\x82\xac", "\xc2\xa3"};
    struct base_str v = {s->p + a, i - a};

    for (size_t k = a; k < i; k++) {
        if (!pol_is_digit(s->p[k]) && s->p[k] != '.' && s->p[k] != ' ')
            return false;
    }
    if (v.n > 3 && v.p[v.n - 3] == '.')
        return true;
    if (i + 2 < s->n && s->p[i] == ',' && pol_is_digit(s->p[i + 1]) && pol_is_digit(s->p[i + 2]) &&
        (i + 3 >= s->n || !pol_is_digit(s->p[i + 3])))
        return true;
    i += i < s->n && s->p[i] == ' ';
    for (size_t k = 0; k < sizeof(signs) / sizeof(signs[0]); k++) {
        if (base_str_starts(base_str_n(s->p + i, s->n - i), base_str_c(signs[k])))
            return true;
    }
    return false;
}

static void keyed_value(struct pol_scan *s, const struct pol_cue_hit *c, const struct keyed *k)
{
    bool sign = false, said = false;
    size_t a = filler(s, word_end(s, c->to), &sign, &said), i = a, digits = 0, spaces = 0,
           slips = 0, lower = 0;

    if (i < s->n && s->p[i] == '@' && k->cue == CUE_USER)
        i++;
    if (i > 0 && strchr("'\"", s->p[i - 1]))
        sign = true;
    if ((k->cue & (CUE_CARD | CUE_NATID | CUE_ACCOUNT)) && masked(s, k, a))
        return;
    if (k->cue == CUE_CARD)
        return; /* whole ones: bank.c */
    while (i < s->n && i - a <= k->most) {
        char ch = s->p[i];

        if (pol_is_digit(ch) || pol_is_alpha(ch)) {
            digits += pol_is_digit(ch);
            slips += ch == 'l' || ch == 'O' || ch == 'I' || ch == 'o';
            lower += ch >= 'a' && ch <= 'z' && ch != 'l' && ch != 'o';
        } else if (ch == '\n' && k->cue == CUE_IDCARD && i - a < 10 && digits > 0 && i + 3 < s->n &&
                   pol_is_digit(s->p[i + 1]) && pol_is_digit(s->p[i + 2])) {
            spaces++; /* a scan broke the line in it */
        } else if (ch == ' ' && spaces < k->spaces && i + 1 < s->n &&
                   (pol_is_digit(s->p[i + 1]) ||
                    (s->p[i + 1] >= 'A' && s->p[i + 1] <= 'Z' && i + 2 < s->n &&
                     !(s->p[i + 2] >= 'a' && s->p[i + 2] <= 'z')))) {
            spaces++;
        } else if (!(strchr("-/._", ch) && i + 1 < s->n &&
                     (pol_is_digit(s->p[i + 1]) || pol_is_alpha(s->p[i + 1])))) {
            break;
        }
        i++;
    }
    if (digits >= 4 && slips <= 5) { /* 1 read as l, 0 as O */
        digits += slips;
        sign = sign || digits >= 9;
    }
    /* "her BSN is 05419153" */
    if (said && digits >= 7 && lower == 0 && (k->cue & (CUE_NATID | CUE_TAX | CUE_VAT)))
        sign = true;
    /* "L6ZVXRPK2": the nine signs of a card or passport, letters and a digit at the end */
    if ((k->cue & (CUE_IDCARD | CUE_PASSPORT)) && digits >= 1 && lower == 0 && spaces == 0 &&
        i - a == 9 && pol_is_digit(s->p[i - 1]))
        digits = k->digits;
    /* "PAN: ABPCJ4567R": capitals and digits in one piece, announced as a value */
    if (digits >= 3 && lower == 0 && i - a >= 9 && spaces == 0 && sign &&
        (k->cue & (CUE_TAX | CUE_ACCOUNT)))
        digits = k->digits;
    if (i - a > k->most || i - a < k->least || digits < k->digits || (k->needs_sign && !sign) ||
        (i < s->n && pol_is_word(s->p[i])) || (i < s->n && s->p[i] == '@' && k->cue != CUE_USER))
        return;
    if (k->cue != CUE_USER && k->cue != CUE_DEVICE && lower > 3)
        return; /* a word, not a number */
    if ((k->cue & (CUE_VAT | CUE_TAX)) && money(s, a, i))
        return;
    pol_found(s, a, i, k->type, POL_CONTEXT, NULL, 42);
}

void pol_scan_keyed(struct pol_scan *s)
{
    for (size_t i = 0; i < s->n_cues; i++) {
        const struct pol_cue_hit *c = &s->cues[i];

        if (c->what & CUE_DOB)
            pol_dob_after(s, c);
        if (c->what & CUE_BIC)
            pol_bic_after(s, c);
        for (size_t k = 0; k < sizeof(keyed_types) / sizeof(keyed_types[0]); k++) {
            if (c->what & keyed_types[k].cue)
                keyed_value(s, c, &keyed_types[k]);
        }
    }
}

/* A login name in an address: "?user=jane77". */
static void login(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t i = to;

    (void)from;
    while (i < s->n && i - to < 64 &&
           (pol_is_word(s->p[i]) || s->p[i] == '.' || s->p[i] == '-' || s->p[i] == '%'))
        i++;
    if (i > to + 2 && i - to < 64)
        pol_found(s, to, i, p->type, POL_CONTEXT, NULL, 43);
}

/* India's payment addresses: name@bank without a domain. */
static void upi(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t i = from;

    while (i > 0 && from - i < 64 &&
           (pol_is_word(s->p[i - 1]) || s->p[i - 1] == '.' || s->p[i - 1] == '-'))
        i--;
    if (from - i >= 3)
        pol_found(s, i, to, p->type, POL_SHAPE, p->subtype, 60);
}

const struct pol_pat pol_pats_other[] = {
    {"[?&](?:user|username|user_name|userid|user_id|login|account)=", PAT_CASELESS, login,
     POL_USERNAME, NULL, 0, 0},
    {"@(?:ok(?:sbi|axis|icici|hdfcbank)|ybl|paytm|upi|apl|ibl|axl)\\b", PAT_SOM | PAT_CASELESS, upi,
     POL_BANK_ACCOUNT, "upi", 0, 0},
    {"<<", 0, mrz, POL_PASSPORT_MRZ, NULL, 0, 0},
};
const size_t pol_pats_other_n = sizeof(pol_pats_other) / sizeof(pol_pats_other[0]);
