/* dates.c - dates, and dates of birth.
 *
 * A date of birth is a date behind a cue ("born on"): personal data by itself, slips of scanners
 * read through. Any other date of the calendar with a year of four digits (two, between slashes) is
 * a DATE, which has no class: a rule may name it, to redact it, and nothing else comes of it.
 * Months in words count in fifteen languages, by how they begin.
 */
#include "policy/detect/checks.h"
#include "policy/detect/detect.h"

/* A digit, or a letter that a scan makes of one; -1 for anything else. */
static int slip_digit(char c)
{
    return pol_is_digit(c) ? c - '0' : c == 'O' || c == 'o' ? 0 : c == 'l' || c == 'I' ? 1 : -1;
}

/* Up to four digits at i, slips included if no other letter touches them: the end. */
static size_t date_number(const struct pol_scan *s, size_t i, unsigned *v)
{
    size_t a = i, real = 0;

    *v = 0;
    while (i < s->n && slip_digit(s->p[i]) >= 0 && i - a < 5) {
        real += pol_is_digit(s->p[i]);
        *v = *v * 10 + (unsigned)slip_digit(s->p[i++]);
    }
    if (real > 0 && (i >= s->n || !pol_is_alpha(s->p[i])))
        return i;
    for (i = a, *v = 0; i < s->n && pol_is_digit(s->p[i]) && i - a < 5;)
        *v = *v * 10 + (unsigned)(s->p[i++] - '0');
    return i;
}

/* A date that begins at i: its end, or 0. */
static size_t date_at(const struct pol_scan *s, size_t i)
{
    unsigned v[3] = {0}, k = 0;
    size_t len[3] = {0}, word = 0;

    while (i < s->n && k < 3) {
        size_t a = i;
        bool glued;

        i = date_number(s, i, &v[k]);
        len[k] = i - a;
        if (len[k] == 0) { /* a month by name, once */
            while (i < s->n && (pol_is_alpha(s->p[i]) || (unsigned char)s->p[i] >= 0x80) &&
                   i - a < 24)
                i++;
            if (i - a < 3 || word++)
                return 0;
            v[k] = 1;
            len[k] = 2;
        } else if (len[k] != 1 && len[k] != 2 && len[k] != 4) {
            return 0;
        }
        k++;
        if (k == 3)
            break;
        a = i;
        glued = i < s->n && pol_is_alpha(s->p[k == 1 ? i : i - 1]); /* "8marca1979" */
        while (i < s->n && i - a < 4 && strchr(" ./-,\n", s->p[i]))
            i++;
        if (i == a && !glued)
            return 0;
        if (base_str_starts((struct base_str){s->p + i, s->n - i}, BASE_STR("de ")))
            i += 3;
    }
    if (k < 3 || (i < s->n && pol_is_digit(s->p[i])))
        return 0;
    if (len[0] == 4)
        return v[1] >= 1 && v[1] <= 12 && v[2] >= 1 && v[2] <= 31 ? i : 0;
    return v[0] <= 31 && v[1] <= 31 && (v[0] <= 12 || v[1] <= 12) && len[2] != 1 &&
                   (len[2] == 2 || (v[2] > 1850 && v[2] < 2100))
               ? i
               : 0;
}

void pol_dob_after(struct pol_scan *s, const struct pol_cue_hit *c)
{
    size_t end = c->to + 48 < s->n ? c->to + 48 : s->n;

    for (size_t i = c->to; i < end; i++) {
        size_t e;

        if (!pol_is_word(s->p[i]) || (i > 0 && pol_is_word(s->p[i - 1])))
            continue;
        e = date_at(s, i);
        if (e) {
            pol_found(s, i, e, POL_DOB, POL_CONTEXT, NULL, 74);
            return;
        }
        if (pol_is_digit(s->p[i]))
            return;
    }
}

/* The month that the word [a, e) is or begins with, folded text; 0: none. */
static int month(const struct pol_scan *s, size_t a, size_t e)
{
    /* en de fr es it nl pl pt sv da no cs ro hu fi, each month once for every spelling */
    static const char *const names[12] = {"jan gen ene sty led ian tam",
                                          "feb fev lut uno hel",
                                          "mar mrt maa brz",
                                          "apr avr abr kwi dub huh",
                                          "may mai mag mei maj kve tou",
                                          "jun giu cze cer iun kes juin",
                                          "jul lug lip iul hei juil",
                                          "aug aou ago sie srp elo",
                                          "sep set wrz zar syy sze",
                                          "oct okt out ott paz rij lok",
                                          "nov lis",
                                          "dec dez dic gru pro jou des"};

    if (e - a < 3 || e - a > 12)
        return 0;
    for (int m = 0; m < 12; m++) {
        for (const char *p = names[m]; *p; p += strcspn(p, " "), p += *p == ' ') {
            size_t n = strcspn(p, " ");

            if (e - a >= n && base_str_ieq((struct base_str){s->p + a, n}, (struct base_str){p, n}))
                return m + 1;
        }
    }
    return 0;
}

/* Digits at i: their end. */
static size_t digits_at(const struct pol_scan *s, size_t i, int *v)
{
    size_t a = i;

    for (*v = 0; i < s->n && pol_is_digit(s->p[i]) && i - a < 5; i++)
        *v = *v * 10 + (s->p[i] - '0');
    return i;
}

static size_t word_at(const struct pol_scan *s, size_t i)
{
    while (i < s->n && pol_is_alpha(s->p[i]))
        i++;
    return i;
}

static bool year_ok(int y, size_t n, char sep)
{
    return n == 4 ? y >= 1800 && y < 2200 : n == 2 && sep == '/';
}

/* "2024-03-12", "12.03.2024", "3/12/24": the number [i, e) of value v stands first. */
static size_t numeric(const struct pol_scan *s, size_t i, size_t e, int v)
{
    char sep = e < s->n ? s->p[e] : 0;
    int b, c;
    size_t be, ce;

    if (sep != '.' && sep != '-' && sep != '/')
        return 0;
    be = digits_at(s, e + 1, &b);
    if (be == e + 1 || be - e > 3 || be >= s->n || s->p[be] != sep)
        return 0;
    ce = digits_at(s, be + 1, &c);
    if (e - i == 4)
        return ce > be + 1 && ce - be <= 3 && year_ok(v, 4, sep) && pol_date_ok(v, b, c) ? ce : 0;
    if (e - i > 2 || !year_ok(c, ce - be - 1, sep))
        return 0;
    c += ce - be == 3 ? 2000 : 0;
    return pol_date_ok(c, b, v) || pol_date_ok(c, v, b) ? ce : 0;
}

/* "12 March 2024", "12. März 2024", "1er mai 2024", "12 de marzo de 2024". */
static size_t day_first(const struct pol_scan *s, size_t i, size_t e, int v)
{
    size_t a, w, ye, word, at;
    int y;

    if (e - i > 2 || e >= s->n)
        return 0;
    if (s->p[e] == '.' || s->p[e] == '-')
        e++;
    else if (pol_is_alpha(s->p[e]) && word_at(s, e) - e == 2) /* 1er, 2nd, 3rd, 12th */
        e += 2;
    for (a = e; a < s->n && a - e < 2 && s->p[a] == ' '; a++)
        ;
    if (a < s->n && s->n - a > 3 && memcmp(s->p + a, "de ", 3) == 0)
        a += 3;
    at = a;
    w = word = word_at(s, a);
    if (w - a < 3 || w >= s->n)
        return 0;
    if (s->p[w] == '.' || s->p[w] == ',')
        w++;
    for (a = w; a < s->n && a - w < 2 && (s->p[a] == ' ' || s->p[a] == '-'); a++)
        ;
    if (s->n - a > 3 && memcmp(s->p + a, "de ", 3) == 0)
        a += 3;
    ye = digits_at(s, a, &y);
    return a > w && year_ok(y, ye - a, ' ') && v >= 1 && v <= 31 && month(s, at, word) ? ye : 0;
}

/* "March 12, 2024", "March 12th 2024": the word before the number is the month; *from its start. */
static size_t month_first(const struct pol_scan *s, size_t *from, size_t e, int v)
{
    size_t i = *from, w, a, ye;
    int y;

    if (e - i > 2 || i < 4 || s->p[i - 1] != ' ' || v < 1 || v > 31)
        return 0;
    if (e + 1 < s->n && pol_is_alpha(s->p[e]) && word_at(s, e) - e == 2)
        e += 2;
    for (a = e; a < s->n && a - e < 2 && (s->p[a] == ',' || s->p[a] == ' '); a++)
        ;
    ye = digits_at(s, a, &y);
    if (a == e || !year_ok(y, ye - a, ' '))
        return 0;
    for (w = i - 1; w > 0 && i - w < 12 && pol_is_alpha(s->p[w - 1]); w--)
        ;
    if (month(s, w, i - 1) == 0 || (w > 0 && pol_is_word(s->p[w - 1])))
        return 0;
    *from = w;
    return ye;
}

void pol_date_at(struct pol_scan *s, size_t from)
{
    int v;
    size_t e = digits_at(s, from, &v), to;

    if (e - from > 4 || e >= s->n || (from > 0 && pol_is_word(s->p[from - 1])) ||
        (from > 1 && strchr("-./", s->p[from - 1]) && pol_is_word(s->p[from - 2])))
        return;
    to = numeric(s, from, e, v);
    if (!to)
        to = day_first(s, from, e, v);
    if (!to)
        to = month_first(s, &from, e, v);
    /* "2024-03-12T10:15": a time may follow */
    if (!to || (to < s->n && pol_is_word(s->p[to]) &&
                !(s->p[to] == 'T' && to + 1 < s->n && pol_is_digit(s->p[to + 1]))))
        return;
    if (to + 1 < s->n && strchr("-./", s->p[to]) && pol_is_digit(s->p[to + 1]))
        return; /* a longer number */
    pol_found(s, from, to, POL_DATE, POL_SHAPE, NULL, 4);
}
