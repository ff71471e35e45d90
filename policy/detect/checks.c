/* checks.c - checksums and calendars. See checks.h; nothing here knows about text or types. */
#include "policy/detect/checks.h"

bool pol_luhn(const uint8_t *d, size_t n)
{
    int sum = 0;

    for (size_t i = 0; i < n; i++) {
        int v = d[n - 1 - i] * (i % 2 ? 2 : 1);

        sum += v > 9 ? v - 9 : v;
    }
    return n > 1 && sum % 10 == 0;
}

bool pol_mod11_10(const uint8_t *d, size_t n)
{
    int p = 10;

    for (size_t i = 0; i + 1 < n; i++) {
        int s = (p + d[i]) % 10;

        p = 2 * (s ? s : 10) % 11;
    }
    return (11 - p) % 10 == d[n - 1];
}

bool pol_verhoeff(const uint8_t *d, size_t n)
{
    static const uint8_t mul[10][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
        {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
        {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
        {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
        {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
    static const uint8_t perm[8][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
        {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
        {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
        {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
    int c = 0;

    for (size_t i = 0; i < n; i++)
        c = mul[c][perm[i % 8][d[n - 1 - i]]];
    return c == 0;
}

int pol_weighted(const uint8_t *d, const char *w, size_t n)
{
    int sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += d[i] * (w[i] >= 'A' ? w[i] - 'A' + 10 : w[i] - '0');
    return sum;
}

int pol_product_sum(const uint8_t *d, const char *w, size_t n)
{
    int sum = 0;

    for (size_t i = 0; i < n; i++) {
        int v = d[i] * (w[i] - '0');

        sum += v / 10 + v % 10;
    }
    return sum;
}

bool pol_date_ok(int y, int m, int d)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && leap);
}

bool pol_date2_ok(int yy, int m, int d)
{
    return pol_date_ok(1900 + yy, m, d) || pol_date_ok(2000 + yy, m, d);
}

int pol_mrz_digit(const char *p, size_t n)
{
    int sum = 0;

    for (size_t i = 0; i < n; i++) {
        int v = p[i] == '<'                  ? 0
                : p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
                : p[i] >= 'A' && p[i] <= 'Z' ? p[i] - 'A' + 10
                                             : -1;
        if (v < 0)
            return -1;
        sum += v * (i % 3 == 0 ? 7 : i % 3 == 1 ? 3 : 1);
    }
    return sum % 10;
}

int pol_mod97(struct base_str s, size_t rotate)
{
    int r = 0;

    if (rotate > s.n)
        return -1;
    for (size_t k = 0; k < s.n; k++) {
        char c = s.p[(k + rotate) % s.n];

        if (c >= '0' && c <= '9')
            r = (r * 10 + (c - '0')) % 97;
        else if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
            r = (r * 100 + ((c | 32) - 'a' + 10)) % 97;
        else
            return -1;
    }
    return r;
}

size_t pol_iban_length(const char cc[2])
{
    static const char table[] =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29"
        "ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20"
        "LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29"
        "PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20"
        "YE30";
    char a = (char)(cc[0] & ~32), b = (char)(cc[1] & ~32);

    for (size_t i = 0; i + 4 < sizeof(table); i += 4) {
        if (table[i] == a && table[i + 1] == b)
            return (size_t)(table[i + 2] - '0') * 10 + (size_t)(table[i + 3] - '0');
    }
    return 0;
}

bool pol_iban_ok(struct base_str s)
{
    return s.n >= 15 && pol_iban_length(s.p) == s.n && s.p[2] >= '0' && s.p[2] <= '9' &&
           s.p[3] >= '0' && s.p[3] <= '9' && pol_mod97(s, 4) == 1;
}

const char *pol_card_network(const uint8_t *d, size_t n)
{
    int two, four, six;

    if (n < 12 || n > 19)
        return NULL;
    two = d[0] * 10 + d[1];
    four = two * 100 + d[2] * 10 + d[3];
    six = four * 100 + d[4] * 10 + d[5];
    if (d[0] == 4 && (n == 13 || n == 16 || n == 19))
        return "visa";
    if (n == 16 && ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)))
        return "mastercard";
    if (n == 15 && (two == 34 || two == 37))
        return "amex";
    if (n >= 14 &&
        ((four >= 3000 && four <= 3059) || four / 10 == 309 || two == 36 || two == 38 || two == 39))
        return "diners";
    if (n >= 16 && (four == 6011 || (four >= 6440 && four <= 6499) || two == 65 ||
                    (six >= 622126 && six <= 622925)))
        return "discover";
    if (n == 15 && (four == 2131 || four == 1800))
        return "jcb";
    if (n >= 16 && four >= 3528 && four <= 3589)
        return "jcb";
    if (n >= 16 && two == 62)
        return "unionpay";
    if (n == 16 && four == 5019)
        return "dankort";
    if (two == 50 || (two >= 56 && two <= 58) || d[0] == 6)
        return "maestro";
    return NULL;
}
