/* bank.c - IBANs, BICs, payment cards, device numbers that share the cards' check.
 *
 * An IBAN (ISO 13616) has its country's length and a remainder of 1 modulo 97; in groups of any
 * size with spaces or hyphens between. A card (ISO/IEC 7812) has a network's leading digits, a
 * length that goes with it and a Luhn check; only contiguous or in the groups that cards carry.
 * Luhn lets one random number in ten through, so wide prefixes (Maestro) and device numbers need
 * a cue, and a number announced as that of an order never counts. Behind a word that leads straight
 * to it ("card", "IBAN") a mistyped one is found as well, at level shape: it is as personal.
 */
#include "policy/detect/checks.h"
#include "policy/detect/detect.h"

/* "IBAN transfer to GB66ABCD60311476": the word says what it is meant to be, whatever its length.
 */
static void misspelled(struct pol_scan *s, size_t from)
{
    size_t i = from, digits = 0;

    while (i < s->n && i - from < 35 && (pol_is_digit(s->p[i]) || pol_is_alpha(s->p[i]))) {
        if (s->p[i] >= 'a' && s->p[i] <= 'z')
            return;
        digits += pol_is_digit(s->p[i++]);
    }
    if (i - from >= 12 && digits >= 8 && pol_word_bounds(s, from, i) &&
        pol_cue_leads(s, from, CUE_ACCOUNT, 24))
        pol_found(s, from, i, POL_IBAN, POL_SHAPE, NULL, 44);
}

void pol_iban_at(struct pol_scan *s, size_t from)
{
    char v[36];
    size_t want = pol_iban_length(s->p + from), n = 0, i = from;
    bool cue;

    if (want == 0 || (from > 0 && pol_is_word(s->p[from - 1])))
        return;
    while (i < s->n && n < want) {
        char c = s->p[i];

        if (pol_is_digit(c) || pol_is_alpha(c))
            v[n++] = (char)(pol_is_alpha(c) ? c & ~32 : c);
        else if (c == '\r' && i + 1 < s->n && s->p[i + 1] == '\n')
            ;
        else if ((c != ' ' && c != '-' && c != '.' && c != '\n') || i + 1 >= s->n ||
                 !(pol_is_digit(s->p[i + 1]) || pol_is_alpha(s->p[i + 1])))
            break;
        i++;
    }
    cue = pol_cue_near(s, from, i, CUE_ACCOUNT, 0, 40, 0);
    if (n == want && (i >= s->n || !pol_is_word(s->p[i])) && pol_iban_ok((struct base_str){v, n})) {
        pol_found(s, from, i, POL_IBAN, cue ? POL_CONTEXT : POL_CHECK, NULL, 90);
        return;
    }
    if (n == want && (i >= s->n || !pol_is_word(s->p[i])) &&
        pol_cue_leads(s, from, CUE_ACCOUNT, 24))
        pol_found(s, from, i, POL_IBAN, POL_SHAPE, NULL, 50);
    if (n != want)
        misspelled(s, from);
}

void pol_card_at(struct pol_scan *s, const uint8_t *d, size_t n, size_t from, size_t to,
                 const char *sig)
{
    static const char forms[] =
        "|12|13|14|15|16|17|18|19|4 4 4 4|4-4-4-4|4.4.4.4|4 6 5|4-6-5|4 6 4|"
        "4-6-4|4 4 4 4 3|2 6 6 1|2-6-6-1|";
    const char *net = pol_card_network(d, n);
    bool canonical = strstr(forms, sig) != NULL, luhn = pol_luhn(d, n);
    bool cue = pol_cue_near(s, from, to, CUE_CARD, 0, 32, 12);

    if (n == 15 && luhn && pol_cue_near(s, from, to, CUE_DEVICE, 0, 24, 8)) {
        pol_found(s, from, to, POL_DEVICE_ID, POL_CONTEXT, "imei", 82);
        return;
    }
    if (luhn && cue && (net || (n >= 13 && canonical))) {
        pol_found(s, from, to, POL_CREDIT_CARD, POL_CONTEXT, net, 82);
        return;
    }
    if (net && luhn && canonical && n >= 13 && strcmp(net, "maestro") != 0 &&
        pol_stands_alone(s, from, to) && !pol_cue_leads(s, from, CUE_ORDER, 24)) {
        pol_found(s, from, to, POL_CREDIT_CARD, POL_CHECK, net, 72);
        return;
    }
    /* mistyped, but called a card's in so many words and with hyphens: spaced
     * groups are what examples of wrong numbers have */
    if (net && canonical && strchr(sig, '-') && (n >= 15 || (n == 12 && luhn)) &&
        pol_word_bounds(s, from, to) && pol_cue_leads(s, from, CUE_CARD, 24))
        pol_found(s, from, to, POL_CREDIT_CARD, POL_SHAPE, net, 44);
}

/* ISO 3166 codes of countries that have banks but no IBAN, and banks of people here. */
static bool bic_country(const char *cc)
{
    static const char others[] =
        "US CA AU NZ JP CN HK SG IN ZA MX KR TH MY ID PH VN TW AR CL CO PE "
        "MA NG KE AM KG UZ ";

    return pol_iban_length(cc) != 0 || strstr(others, (char[]){cc[0], cc[1], ' ', 0}) != NULL;
}

/* Behind "BIC", "SWIFT": four letters of the bank, a country, two of the place, three of a branch.
 * Eight capitals alone are many words, so there is none without a cue. */
void pol_bic_after(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t a = c->to, n = 0;

    while (a < s->n && a - c->to < 24 &&
           !(s->p[a] >= 'A' && s->p[a] <= 'Z' && !pol_is_word(s->p[a - 1])))
        a += 1;
    if (a >= s->n || a - c->to >= 24)
        return;
    while (a + n < s->n && n < 12 &&
           (pol_is_digit(s->p[a + n]) || (s->p[a + n] >= 'A' && s->p[a + n] <= 'Z')))
        n++;
    for (size_t i = 0; i < n && i < 6; i++) {
        if (pol_is_digit(s->p[a + i]))
            return;
    }
    if ((n == 8 || n == 11) && pol_word_bounds(s, a, a + n) && bic_country(s->p + a + 4))
        pol_found(s, a, a + n, POL_BIC, POL_CONTEXT, NULL, 60);
}

/* "%B4111...^NAME^2712...": the first track of a card, number, name and all. */
static void track(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    uint8_t d[20];
    size_t n = 0, i = from + 2;

    for (; i < s->n && pol_is_digit(s->p[i]) && n < 19; i++)
        d[n++] = (uint8_t)(s->p[i] - '0');
    while (to < s->n && s->p[to] != '?' && (unsigned char)s->p[to] >= ' ' && to - from < 90)
        to++;
    if (n >= 12 && pol_luhn(d, n))
        pol_found(s, from, to < s->n && s->p[to] == '?' ? to + 1 : to, p->type, POL_CHECK,
                  p->subtype, 84);
}

/* "CVV 123": worth as much as the number it belongs to. */
static void cvv(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to - 3, b = to;

    (void)from;
    b += b < s->n && pol_is_digit(s->p[b]);
    if (pol_word_bounds(s, a, b))
        pol_found(s, a, b, p->type, POL_CONTEXT, p->subtype, 62);
}

const struct pol_pat pol_pats_bank[] = {
    {"%[Bb][0-9]{12,19}\\^[^^\\n]{2,26}\\^[0-9]{4}", PAT_SOM, track, POL_CREDIT_CARD, "track", 0,
     0},
    {"\\b(?:cvv2?|cvc2?|card verification (?:code|value)|kartenprufnummer|prufziffer|cryptogramme)"
     "(?: ?[:=#]| is| ist| est| code)? ?[0-9]{3}",
     PAT_CASELESS, cvv, POL_CREDIT_CARD, "cvv", 0, 0},
};
const size_t pol_pats_bank_n = sizeof(pol_pats_bank) / sizeof(pol_pats_bank[0]);
