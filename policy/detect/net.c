/* net.c - addresses of the net: e-mail, IPv4, IPv6, MAC.
 *
 * The prefilter finds an anchor (an at sign, four dotted numbers, two colons); the functions here
 * read outwards from it. Loopback, unspecified, broadcast and netmask addresses name nobody and are
 * not reported; private ranges are: inside a company they point at one desk.
 */
#include "policy/detect/detect.h"

#include <arpa/inet.h>

static bool local_char(char c)
{
    return pol_is_word(c) || c == '.' || c == '+' || c == '-' || c == '%' || c == '\'';
}

static bool domain_char(char c)
{
    return pol_is_digit(c) || pol_is_alpha(c) || c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

static void email(struct pol_scan *s, const struct pol_pat *pat, size_t from, size_t to)
{
    size_t at = to - 1, a = at, b = to, tld;

    (void)from;
    while (a > 0 && at - a < 64 && local_char(s->p[a - 1]))
        a--;
    while (a < at && (s->p[a] == '.' || s->p[a] == '-' || s->p[a] == '\'' || s->p[a] == '%'))
        a++;
    while (b < s->n && b - to < 255 && domain_char(s->p[b]))
        b++;
    while (b > to && (s->p[b - 1] == '.' || s->p[b - 1] == '-'))
        b--;
    if (a == at || b == to || s->p[to] == '.' || s->p[to] == '-')
        return;
    for (tld = b; tld > to && s->p[tld - 1] != '.'; tld--)
        ;
    if (tld == to || b - tld < 2 || pol_is_digit(s->p[tld]) || s->p[tld - 1] != '.')
        return;
    if (base_str_is((struct base_str){s->p + a, at - a}, "git") && b < s->n && s->p[b] == ':')
        return; /* git@host:path is a repository */
    pol_found(s, a, b, pat->type, POL_SHAPE, NULL, 70);
}

void pol_ipv4_at(struct pol_scan *s, size_t from)
{
    unsigned v[4] = {0};
    size_t to = from;

    for (int k = 0; k < 4; k++) {
        size_t a = to;

        while (to < s->n && pol_is_digit(s->p[to]) && to - a < 4)
            v[k] = v[k] * 10 + (unsigned)(s->p[to++] - '0');
        if (to == a || v[k] > 255 || (k < 3 && (to >= s->n || s->p[to++] != '.')))
            return;
    }
    if (!pol_word_bounds(s, from, to) || (from > 1 && s->p[from - 1] == '.') ||
        (to + 1 < s->n && s->p[to] == '.' && pol_is_digit(s->p[to + 1])) ||
        (from > 1 && s->p[from - 1] == '-' && pol_is_word(s->p[from - 2])))
        return;
    if (v[0] == 0 || v[0] == 127 || v[0] == 255 || pol_cue_leads(s, from, CUE_VERSION, 12))
        return;
    pol_found(s, from, to, POL_IP, POL_SHAPE, "ipv4", 55);
}

static bool hex_char(char c)
{
    return pol_is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static void ipv6(struct pol_scan *s, const struct pol_pat *pat, size_t from, size_t to)
{
    char text[48];
    unsigned char bin[16];
    size_t a = to, b = to, digits = 0, groups = 1;

    (void)from;
    while (a > 0 && to - a < 45 && (hex_char(s->p[a - 1]) || s->p[a - 1] == ':'))
        a--;
    while (b < s->n && b - a < 46 && (hex_char(s->p[b]) || s->p[b] == ':' || s->p[b] == '.'))
        b++;
    while (b > a &&
           (s->p[b - 1] == '.' || (s->p[b - 1] == ':' && (b < a + 2 || s->p[b - 2] != ':'))))
        b--;
    while (a < b && s->p[a] == ':' && s->p[a + 1] != ':')
        a++;
    if (b - a < 6 || b - a > 45 || !pol_word_bounds(s, a, b))
        return;
    for (size_t i = a; i < b; i++) {
        digits += pol_is_digit(s->p[i]);
        groups += s->p[i] == ':';
    }
    memcpy(text, s->p + a, b - a);
    text[b - a] = 0;
    if (digits == 0 || groups < 3 || inet_pton(AF_INET6, text, bin) != 1)
        return;
    if (b < s->n && s->p[b] == '%') { /* zone */
        b++;
        while (b < s->n && pol_is_word(s->p[b]))
            b++;
    }
    pol_found(s, a, b, pat->type, POL_SHAPE, "ipv6", 61);
}

static void mac(struct pol_scan *s, const struct pol_pat *pat, size_t from, size_t to)
{
    size_t zeros = 0, fs = 0;

    if ((from > 0 && (s->p[from - 1] == ':' || s->p[from - 1] == '-')) ||
        (to < s->n && (s->p[to] == ':' || s->p[to] == '-')) || !pol_word_bounds(s, from, to))
        return;
    for (size_t i = from; i < to; i++) {
        zeros += s->p[i] == '0';
        fs += (s->p[i] | 32) == 'f';
    }
    if (zeros == 12 || fs == 12)
        return;
    pol_found(s, from, to, pat->type, POL_SHAPE, NULL, 62);
}

const struct pol_pat pol_pats_net[] = {
    {"@", 0, email, POL_EMAIL, NULL, 0, 0},
    {"[0-9a-f]:[0-9a-f]{1,4}:", PAT_CASELESS, ipv6, POL_IP, NULL, 0, 0},
    {"::[0-9a-f]", PAT_CASELESS, ipv6, POL_IP, NULL, 0, 0},
    {"\\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\\b", PAT_SOM | PAT_CASELESS, mac, POL_MAC, NULL, 0, 0},
    {"\\b(?:[0-9a-f]{2}-){5}[0-9a-f]{2}\\b", PAT_SOM | PAT_CASELESS, mac, POL_MAC, NULL, 0, 0},
    {"\\b[0-9a-f]{4}\\.[0-9a-f]{4}\\.[0-9a-f]{4}\\b", PAT_SOM | PAT_CASELESS, mac, POL_MAC, NULL, 0,
     0},
};
const size_t pol_pats_net_n = sizeof(pol_pats_net) / sizeof(pol_pats_net[0]);
