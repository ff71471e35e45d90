/* vat.c - VAT numbers: the prefix of a country, its form, its check.
 *
 * pol_ids_at calls here at tokens that may begin one. A number whose country is known by its prefix
 * and whose check holds counts without any cue; numbers of traders are those of persons. Norway's
 * stands before MVA and Switzerland's before MWST, TVA, IVA or TPV. Formulas: the registers', as
 * collected in the project's notes on recognisers; what has no published check needs a cue.
 */
#include "policy/detect/checks.h"
#include "policy/detect/ids.h"

struct vat {
    const char *cc;
    const char *body; /* d digit, l letter, * either */
};

static const struct vat vat_forms[] = {
    {"AT", "ldddddddd"},    {"BE", "dddddddddd"}, {"BG", "ddddddddd"},   {"BG", "dddddddddd"},
    {"CY", "ddddddddl"},    {"CZ", "dddddddd"},   {"CZ", "ddddddddd"},   {"CZ", "dddddddddd"},
    {"DE", "ddddddddd"},    {"DK", "dddddddd"},   {"EE", "ddddddddd"},   {"EL", "ddddddddd"},
    {"ES", "*ddddddd*"},    {"FI", "dddddddd"},   {"FR", "**ddddddddd"}, {"GB", "ddddddddd"},
    {"GB", "dddddddddddd"}, {"XI", "ddddddddd"},  {"HR", "ddddddddddd"}, {"HU", "dddddddd"},
    {"IE", "d*dddddl"},     {"IE", "dddddddll"},  {"IT", "ddddddddddd"}, {"LT", "ddddddddd"},
    {"LT", "dddddddddddd"}, {"LU", "dddddddd"},   {"LV", "ddddddddddd"}, {"MT", "dddddddd"},
    {"NL", "dddddddddldd"}, {"PL", "dddddddddd"}, {"PT", "ddddddddd"},   {"RO", "dddddddddd"},
    {"RO", "ddddddddd"},    {"RO", "dddddddd"},   {"RO", "ddddddd"},     {"RO", "dddddd"},
    {"SE", "dddddddddddd"}, {"SI", "dddddddd"},   {"SK", "dddddddddd"},
};

static bool scheme_holds(const char *subtype, size_t n, const uint8_t *d)
{
    for (size_t i = 0; i < pol_schemes_n; i++) {
        if (pol_schemes[i].digits == n && strcmp(pol_schemes[i].subtype, subtype) == 0)
            return pol_schemes[i].check(d);
    }
    return false;
}

static uint64_t value(const uint8_t *d, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v * 10 + d[i];
    return v;
}

static bool vat_fr(const char *b, const uint8_t *d)
{
    uint64_t siren = value(d + 2, 9);

    if (!pol_luhn(d + 2, 9) && siren / 100000 != 3560) /* La Poste's own rule is left out */
        return false;
    if (!pol_is_digit(b[0]) || !pol_is_digit(b[1]))
        return true;
    return (siren * 100 + 12) % 97 == value(d, 2);
}

static bool vat_nl(const char *b, const uint8_t *d)
{
    char all[14] = {'N', 'L'};

    memcpy(all + 2, b, 12);
    return b[9] == 'B' &&
           (scheme_holds("nl_bsn", 9, d) || pol_mod97((struct base_str){all, 14}, 0) == 1);
}

static bool bg9(const uint8_t *d)
{
    int s = pol_weighted(d, "12345678", 8) % 11;

    if (s == 10)
        s = pol_weighted(d, "3456789A", 8) % 11 % 10;
    return s == d[8];
}

/* Neither a citizen nor a foreigner of the register: firms' branches and others. */
static bool bg_other(const uint8_t *d)
{
    return (11 - pol_weighted(d, "432765432", 9) % 11) % 11 == d[9];
}

static bool cy(const char *b, const uint8_t *d)
{
    static const uint8_t odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21};
    int v = 0;

    for (int i = 0; i < 8; i++)
        v += i % 2 ? d[i] : odd[d[i]];
    return v % 26 + 'A' == b[8] && !(d[0] == 1 && d[1] == 2);
}

static bool cz8(const uint8_t *d)
{
    int c = 11 - pol_weighted(d, "8765432", 7) % 11;

    return d[0] != 9 && (c == 11 ? 1 : c % 10) == d[7];
}

/* A person's (DNI, NIE, K L M) by its letter, a firm's by its control digit or letter. */
static bool es(const char *b, const uint8_t *d)
{
    uint64_t v = value(d, 8);
    int s = 0, c;

    if (pol_is_digit(b[0]))
        return "TRWAGMYFPDXBNJZSQVHLCKE"[v % 23] == b[8];
    v = value(d + 1, 7);
    if (strchr("XYZ", b[0]))
        return "TRWAGMYFPDXBNJZSQVHLCKE"[(v + (uint64_t)(b[0] - 'X') * 10000000) % 23] == b[8];
    if (strchr("KLM", b[0]))
        return "TRWAGMYFPDXBNJZSQVHLCKE"[v % 23] == b[8];
    for (int i = 1; i < 8; i++)
        s += i % 2 ? d[i] * 2 / 10 + d[i] * 2 % 10 : d[i];
    c = (10 - s % 10) % 10;
    return pol_is_digit(b[8]) ? c == d[8] : "JABCDEFGHI"[c] == b[8];
}

static bool ie(const char *b, size_t n, const uint8_t *d)
{
    static const char letters[] = "WABCDEFGHIJKLMNOPQRSTUV";
    int v;

    if (!pol_is_digit(b[1])) { /* the old form: a letter in the second place */
        v = d[0] * 2;
        for (int i = 2; i < 7; i++)
            v += d[i] * (9 - i);
        return letters[v % 23] == b[7];
    }
    v = pol_weighted(d, "8765432", 7);
    if (n == 9)
        v += 9 * (b[8] >= 'A' && b[8] <= 'I' ? b[8] - 'A' + 1 : 0);
    return letters[v % 23] == b[7];
}

static bool lt(const uint8_t *d, size_t n)
{
    int s = 0;

    for (size_t i = 0; i + 1 < n; i++)
        s += d[i] * (int)(1 + i % 9);
    if (s % 11 == 10) {
        s = 0;
        for (size_t i = 0; i + 1 < n; i++)
            s += d[i] * (int)(1 + (i + 2) % 9);
    }
    return s % 11 % 10 == d[n - 1];
}

static bool ro(const uint8_t *d, size_t n)
{
    static const uint8_t w[] = {7, 5, 3, 2, 1, 7, 5, 3, 2};
    int s = 0;

    for (size_t i = 0; i + 1 < n; i++)
        s += d[i] * w[9 - (n - 1) + i];
    return s * 10 % 11 % 10 == d[n - 1];
}

/* b: the characters behind the country; d: their values, letters as 0. */
static bool vat_check(const char *cc, const char *b, size_t n, const uint8_t *d)
{
    uint16_t key = (uint16_t)(cc[0] << 8 | cc[1]);
    int s;

#define CC(a, z) ((uint16_t)((a) << 8 | (z)))
    switch (key) {
    case CC('A', 'T'):
        return b[0] == 'U' && (10 - (pol_product_sum(d + 1, "1212121", 7) + 4) % 10) % 10 == d[8];
    case CC('B', 'G'):
        return n == 9
                   ? bg9(d)
                   : scheme_holds("bg_egn", 10, d) || scheme_holds("bg_lnch", 10, d) || bg_other(d);
    case CC('C', 'Y'):
        return cy(b, d);
    case CC('C', 'Z'):
        return n == 8 ? cz8(d) : scheme_holds("cz_rc", n, d);
    case CC('E', 'S'):
        return es(b, d);
    case CC('I', 'E'):
        return ie(b, n, d);
    case CC('L', 'T'):
        return d[n - 2] == 1 && lt(d, n);
    case CC('L', 'V'):
        return d[0] > 3 ? pol_weighted(d, "91483A25761", 11) % 11 == 3
                        : scheme_holds("lv_pk", 11, d);
    case CC('N', 'O'):
        return pol_weighted(d, "327654321", 9) % 11 == 0;
    case CC('R', 'O'):
        return ro(d, n);
    case CC('B', 'E'):
        return d[0] <= 1 && (value(d, 8) + value(d + 8, 2)) % 97 == 0;
    case CC('D', 'E'):
        return d[0] != 0 && pol_mod11_10(d, 9);
    case CC('D', 'K'):
        return pol_weighted(d, "27654321", 8) % 11 == 0;
    case CC('E', 'E'):
        return pol_weighted(d, "371371371", 9) % 10 == 0;
    case CC('E', 'L'):
        return scheme_holds("gr_afm", 9, d);
    case CC('F', 'I'):
        return pol_weighted(d, "79A58421", 8) % 11 == 0;
    case CC('F', 'R'):
        return vat_fr(b, d);
    case CC('G', 'B'):
    case CC('X', 'I'):
        s = pol_weighted(d, "8765432", 7) + 10 * d[7] + d[8];
        return s % 97 == 0 || s % 97 == 42 || s % 97 == 55;
    case CC('H', 'R'):
        return pol_mod11_10(d, 11);
    case CC('H', 'U'):
        return pol_weighted(d, "97319731", 8) % 10 == 0;
    case CC('I', 'T'):
        return scheme_holds("it_iva", 11, d);
    case CC('L', 'U'):
        return value(d, 6) % 89 == value(d + 6, 2);
    case CC('M', 'T'):
        return pol_weighted(d, "346789A1", 8) % 37 == 0;
    case CC('N', 'L'):
        return vat_nl(b, d);
    case CC('P', 'L'):
        return scheme_holds("pl_nip", 10, d);
    case CC('P', 'T'):
        return scheme_holds("pt_nif", 9, d);
    case CC('S', 'E'):
        return pol_luhn(d, 10) && d[10] == 0 && d[11] == 1;
    case CC('S', 'I'):
        return (11 - pol_weighted(d, "8765432", 7) % 11) % 10 == d[7];
    case CC('S', 'K'):
        return value(d, 10) % 11 == 0;
    default:
        return false;
    }
#undef CC
}

/* The end of one of the words at i, a space before it allowed; 0: none. */
static size_t word_of(const struct pol_scan *s, size_t i, const char *const *words, size_t n)
{
    i += i < s->n && s->p[i] == ' ';
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(words[k]);

        if (s->n - i >= len && memcmp(s->p + i, words[k], len) == 0 &&
            (i + len == s->n || !pol_is_word(s->p[i + len])))
            return i + len;
    }
    return 0;
}

/* Reads the signs of a form from i on, single separators passed over; the end, or 0. */
static size_t fits(const struct pol_scan *s, size_t i, const char *form, char *b, uint8_t *d)
{
    size_t k = 0, want = strlen(form);

    for (; i < s->n && k < want; i++) {
        char c = s->p[i];
        bool dig = pol_is_digit(c), let = pol_is_alpha(c);

        if ((c == ' ' || c == '.' || c == '-') && i > 0 && i + 1 < s->n && s->p[i - 1] != c)
            continue;
        if (!(dig && form[k] != 'l') && !(let && form[k] != 'd'))
            break;
        b[k] = (char)(let ? c & ~32 : c);
        d[k++] = (uint8_t)(dig ? c - '0' : 0);
    }
    return k == want ? i : 0;
}

static bool ends(const struct pol_scan *s, size_t e)
{
    return e > 0 && (e >= s->n || !pol_is_word(s->p[e]));
}

/* "CHE-116.281.710 MWST": a number of firms and of traders; strong by its three letters. */
static void swiss(struct pol_scan *s, struct pol_pat *as, size_t from)
{
    static const char *const behind[] = {"MWST", "TVA", "IVA", "TPV"};
    uint8_t d[16] = {0};
    char b[16];
    size_t e = fits(s, from + 3, "ddddddddd", b, d), more;

    if (!ends(s, e))
        return;
    as->subtype = "ch_vat";
    more = word_of(s, e, behind, 4);
    pol_id_judge(s, as, from, more ? more : e,
                 (11 - pol_weighted(d, "54327654", 8) % 11) % 11 == d[8], POL_MIDDLE);
}

/* "NO 998 105 315 MVA", with or without the NO; without the MVA only behind a cue. */
static bool norwegian(struct pol_scan *s, struct pol_pat *as, size_t from, size_t at)
{
    static const char *const behind[] = {"MVA"};
    uint8_t d[16] = {0};
    char b[16];
    size_t e = fits(s, at, "ddddddddd", b, d), more = e ? word_of(s, e, behind, 1) : 0;

    if (!e || (!more && (from == at || !ends(s, e))))
        return false;
    as->subtype = "no_vat";
    pol_id_judge(s, as, from, more ? more : e, vat_check("NO", b, 9, d),
                 more ? POL_MIDDLE : POL_NO_CHECK);
    return true;
}

void pol_vat_at(struct pol_scan *s, size_t from)
{
    static const char *const names[] = {"at_vat", "be_vat", "de_vat", "fr_vat", "it_vat",
                                        "nl_vat", "pl_vat", "es_vat", "pt_vat", "ie_vat"};
    struct pol_pat as = {"", 0, NULL, POL_VAT_ID, NULL, CUE_VAT | CUE_TAX, 0};
    char cc[3] = {(char)(s->p[from] & ~32), (char)(s->p[from + 1] & ~32), 0};

    if (from > 0 && pol_is_word(s->p[from - 1]))
        return;
    if (pol_is_digit(s->p[from])) {
        (void)norwegian(s, &as, from, from);
        return;
    }
    if (strcmp(cc, "CH") == 0 && (s->p[from + 2] & ~32) == 'E') {
        swiss(s, &as, from);
        return;
    }
    if (strcmp(cc, "NO") == 0 && norwegian(s, &as, from, from + 2))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((names[i][0] & ~32) == cc[0] && (names[i][1] & ~32) == cc[1])
            as.subtype = names[i];
    }
    for (size_t f = 0; f < sizeof(vat_forms) / sizeof(vat_forms[0]); f++) {
        uint8_t d[16] = {0};
        char b[16];
        size_t n = strlen(vat_forms[f].body), e;

        if (memcmp(vat_forms[f].cc, cc, 2) != 0)
            continue;
        e = fits(s, from + 2, vat_forms[f].body, b, d);
        if (!ends(s, e))
            continue;
        /* "RO838342": too short to be told from any code */
        pol_id_judge(s, &as, from, e, vat_check(cc, b, n, d), n < 8 ? POL_NO_CHECK : POL_MIDDLE);
        return;
    }
}
