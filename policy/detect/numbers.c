/* numbers.c - every run of digits in a text, judged against all schemes.
 *
 * A chain is a sequence of digit groups with one separator (space . - /) between neighbours; it
 * begins and ends where no letter or digit touches it. Within a chain every window of whole groups
 * is a candidate: its digits are the number, its grouping ("3-3-2-2") is its signature. A window
 * in the middle of a chain counts only between spaces, so that the tail of a UUID, a decimal, a
 * version or an address never does.
 *
 * How a window is judged for a scheme:
 *   announced (a cue of its kind and country near)      check holds: CONTEXT; canonical form and
 *                                                       the cue leads directly: SHAPE
 *   the number of a thing is announced (order, ticket)  nothing
 *   not announced, strong or middle check               CHECK, in canonical form only
 *   not announced, weak check                           CHECK, in canonical form, and only behind
 *                                                       a word for "number" or in brackets, with
 *                                                       a person's name near
 * Grouping that is not canonical counts only when announced. Windows have at most GROUPS_MAX
 * groups, more than PLAIN_GROUPS only where a cue is near: a table of small numbers costs little.
 *
 * A second pass (pol_scan_slips) reads numbers in which a scanner took digits for letters.
 */
#include "policy/detect/checks.h"
#include "policy/detect/detect.h"
#include "policy/detect/schemes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define GROUPS_MAX   20
#define PLAIN_GROUPS 7
#define CHAIN_MAX    256 /* groups looked at in one go; a longer chain is cut */
#define DIGITS_MAX   19
#define IBAN_MAX     34

struct group {
    uint32_t at;
    uint8_t n;
    char sep; /* behind it, 0 at the end */
};

struct window {
    uint8_t d[DIGITS_MAX + 1];
    size_t n, from, to;
    char sig[64]; /* "|3-3-2-2|" */
    size_t sig_n;
};

#define ANNOUNCES                                                                                  \
    (CUE_NATID | CUE_TAX | CUE_VAT | CUE_HEALTH | CUE_CARD | CUE_PHONE | CUE_DEVICE | CUE_IDCARD)

static bool bracketed(const struct pol_scan *s, size_t from)
{
    return from > 0 && (s->p[from - 1] == '(' || s->p[from - 1] == '[');
}

static void judge(struct pol_scan *s, const struct pol_scheme *c, const struct window *w)
{
    bool canonical = strstr(c->forms, w->sig) != NULL;
    bool holds = c->check(w->d);
    bool announced = pol_cue_near(s, w->from, w->to, c->cues, c->where, 40, 16);

    if (announced) {
        if (holds && (canonical || w->n >= 9))
            pol_found(s, w->from, w->to, c->type, POL_CONTEXT, c->subtype,
                      c->strength == POL_NO_CHECK ? 60 : 80 - (unsigned)c->strength);
        else if (canonical && pol_cue_leads(s, w->from, c->cues, 24))
            pol_found(s, w->from, w->to, c->type, POL_SHAPE, c->subtype, 45);
        return;
    }
    if (holds && !canonical && c->strength != POL_NO_CHECK && w->n >= 9 &&
        strstr(w->sig + 1, "-") == NULL && pol_stands_alone(s, w->from, w->to) &&
        pol_cue_leads(s, w->from, CUE_GENERIC, 24) && pol_person_near(s, w->from, w->to)) {
        pol_found(s, w->from, w->to, c->type, POL_SHAPE, c->subtype, 40); /* broken in a scan */
        return;
    }
    if (!holds || !canonical || c->strength == POL_NO_CHECK ||
        !pol_stands_alone(s, w->from, w->to) || pol_cue_leads(s, w->from, CUE_ORDER, 24))
        return;
    if (c->strength == POL_STRONG || c->strength == POL_MIDDLE) {
        bool home = pol_cue_near(s, w->from, w->to, CUE_GENERIC, c->where, 24, 0);

        pol_found(s, w->from, w->to, c->type, POL_CHECK, c->subtype,
                  (c->strength == POL_STRONG ? 65u : 60u) + (home ? 3u : 0u));
        return;
    }
    if ((pol_cue_near(s, w->from, w->to, CUE_GENERIC, 0, 24, 0) || bracketed(s, w->from)) &&
        pol_person_near(s, w->from, w->to)) {
        bool home = pol_cue_near(s, w->from, w->to, CUE_GENERIC, c->where, 24, 0);

        pol_found(s, w->from, w->to, c->type, POL_CHECK, c->subtype, home ? 57 : 50);
    }
}

static void window_add(struct window *w, const struct pol_scan *s, const struct group *g, char sep)
{
    if (sep)
        w->sig[w->sig_n++] = sep;
    if (g->n >= 10)
        w->sig[w->sig_n++] = (char)('0' + g->n / 10);
    w->sig[w->sig_n++] = (char)('0' + g->n % 10);
    w->sig[w->sig_n] = '|';
    w->sig[w->sig_n + 1] = 0;
    for (size_t i = 0; i < g->n; i++)
        w->d[w->n++] = (uint8_t)(s->p[g->at + i] - '0');
    w->to = g->at + g->n;
}

/* What a window may end at inside a chain. */
static bool open_sep(char c)
{
    return c == ' ' || c == '\n';
}

static void windows(struct pol_scan *s, const struct group *g, size_t n, bool cued)
{
    for (size_t i = 0; i < n; i++) {
        struct window w = {.from = g[i].at, .sig = "|", .sig_n = 1};
        size_t most = cued ? GROUPS_MAX : PLAIN_GROUPS;

        if (i > 0 && !open_sep(g[i - 1].sep))
            continue;
        for (size_t k = i; k < n && k < i + most; k++) {
            if (w.n + g[k].n > DIGITS_MAX)
                break;
            window_add(&w, s, &g[k], k > i ? g[k - 1].sep : 0);
            if (w.n < 9 || (g[k].sep != 0 && !open_sep(g[k].sep)))
                continue;
            for (size_t c = 0; c < pol_schemes_n; c++) {
                if (pol_schemes[c].digits == w.n)
                    judge(s, &pol_schemes[c], &w);
            }
            if (w.n >= 12)
                pol_card_at(s, w.d, w.n, w.from, w.to, w.sig);
        }
    }
}

/* What a letter inside a number was: the digit, or 0. */
static const char slips[256] = {['O'] = '0', ['o'] = '0', ['l'] = '1', ['I'] = '1',
                                ['S'] = '5', ['B'] = '8', ['Z'] = '2', ['b'] = '6'};

static bool separates(char c)
{
    return c == ' ' || c == '.' || c == '-' || c == '/' || c == '\n' || c == '\r';
}

/* Reads the chain at i; returns its end. */
static size_t chain(struct pol_scan *s, size_t i)
{
    struct group g[CHAIN_MAX];
    size_t n = 0, from = i, total = 0;

    while (n < CHAIN_MAX) {
        size_t a = i;

        while (i < s->n && pol_is_digit(s->p[i]))
            i++;
        if (i < s->n && pol_is_word(s->p[i])) { /* glued to letters: no group */
            s->slips = s->slips || slips[(unsigned char)s->p[i]];
            if (n > 0)
                pol_ids_at(s, a);
            if (n > 0 && !open_sep(g[n - 1].sep))
                g[n - 1].sep = 'x';
            else if (n > 0)
                g[n - 1].sep = 0;
            while (i < s->n && pol_is_word(s->p[i]))
                i++;
            break;
        }
        if (i - a > 60) {
            if (n > 0)
                g[n - 1].sep = 'x';
            break;
        }
        g[n].at = (uint32_t)a;
        g[n].n = (uint8_t)(i - a);
        g[n].sep = 0;
        total += i - a;
        n++;
        if (i + 1 < s->n && separates(s->p[i]) && pol_is_digit(s->p[i + 1])) {
            g[n - 1].sep = s->p[i] == '\r' ? '\n' : s->p[i];
            i++;
            continue;
        }
        if (i + 3 < s->n && separates(s->p[i]) && s->p[i + 1] == '\r' && s->p[i + 2] == '\n' &&
            pol_is_digit(s->p[i + 3])) {
            g[n - 1].sep = '\n';
            i += 3;
            continue;
        }
        if (i + 2 < s->n && separates(s->p[i]) && open_sep(s->p[i + 1]) &&
            pol_is_digit(s->p[i + 2])) { /* "7.0.0.1.\n1.0": a line broken in it */
            g[n - 1].sep = '\n';
            i += 2;
            continue;
        }
        if (i + 1 < s->n && (s->p[i] == '-' || s->p[i] == '/' || s->p[i] == '_') &&
            pol_is_word(s->p[i + 1]))
            g[n - 1].sep = 'x'; /* goes on as something else */
        break;
    }
    if (total >= 4 && i + 1 < s->n && slips[(unsigned char)s->p[i + 1]])
        s->slips = true;
    if (total >= 9)
        windows(s, g, n, n > PLAIN_GROUPS && pol_cue_near(s, from, i, ANNOUNCES, 0, 40, 0));
    return i;
}

/* What a number or a telephone number may begin with. */
static const uint8_t starts[256] = {['0' ... '9'] = 1, ['+'] = 2, ['('] = 2};

/* The next place from i on where a number may begin, or n. */
static size_t next_start(const char *p, size_t i, size_t n)
{
#ifdef __SSE2__
    for (; n - i >= 16; i += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        /* unsigned v - '0' <= 9, as a saturating difference of zero */
        __m128i m =
            _mm_cmpeq_epi8(_mm_subs_epu8(_mm_sub_epi8(v, _mm_set1_epi8('0')), _mm_set1_epi8(9)),
                           _mm_setzero_si128());
        unsigned bits;

        m = _mm_or_si128(m, _mm_cmpeq_epi8(v, _mm_set1_epi8('+')));
        m = _mm_or_si128(m, _mm_cmpeq_epi8(v, _mm_set1_epi8('(')));
        if ((bits = (unsigned)_mm_movemask_epi8(m)) != 0)
            return i + (unsigned)__builtin_ctz(bits);
    }
#endif
    while (i < n && !starts[(unsigned char)p[i]])
        i++;
    return i;
}

/* ---- slips of scanners ---- */

/* The run of letters and digits at i: its end; *wrong letters that are slips, *right digits;
 * -1 in *wrong if another letter is in it. */
static size_t slip_run(const char *p, size_t i, size_t n, int *wrong, size_t *right)
{
    *wrong = 0;
    *right = 0;
    for (; i < n && pol_is_word(p[i]); i++) {
        if (pol_is_digit(p[i]))
            ++*right;
        else if (slips[(unsigned char)p[i]] && *wrong >= 0)
            ++*wrong;
        else
            *wrong = -1;
    }
    return i;
}

/* The groups from i on that could be one number: its end. Digits and slips are counted. */
static size_t slip_chain(const char *p, size_t i, size_t n, size_t prefix, size_t *wrong,
                         size_t *right)
{
    size_t end = i;

    *wrong = *right = 0;
    for (size_t g = 0; g < GROUPS_MAX && i < n; g++) {
        size_t digits;
        int bad;
        size_t e = slip_run(p, i + (g == 0 ? prefix : 0), n, &bad, &digits);

        if (e == i || bad < 0 || (digits == 0 && e - i > 1) || e - i > IBAN_MAX)
            break;
        *wrong += (size_t)bad;
        *right += digits;
        end = e;
        if (e + 1 >= n || !separates(p[e]))
            break;
        i = e + 1;
    }
    return end;
}

/* "DE", "PL" in front of a VAT number or an IBAN. */
static size_t country_prefix(const struct pol_scan *s, size_t i)
{
    return i + 4 < s->n && s->p[i] >= 'A' && s->p[i] <= 'Z' && s->p[i + 1] >= 'A' &&
                   s->p[i + 1] <= 'Z' && (pol_is_digit(s->p[i + 2]) || pol_is_digit(s->p[i + 3]))
               ? 2
               : 0;
}

static void again(struct pol_scan *t, size_t i, size_t prefix)
{
    if (prefix) {
        pol_iban_at(t, i);
        pol_ids_at(t, i);
        return;
    }
    (void)pol_phone_at(t, i > 0 && t->p[i - 1] == '+' ? i - 1 : i);
    (void)chain(t, i);
}

/* "83b7649715", "6.4.8.3.7.2.l.5.9.3": read once more with the letters as the digits that they
 * look like. Only what is announced, or stands by somebody's name, counts, and what needs neither.
 */
void pol_scan_slips(struct pol_scan *s, char *shadow)
{
    bool copied = false;
    size_t i = 0;

    for (;;) {
        size_t wrong, right, e, had = s->n_v, prefix, least = i;

        i = next_start(s->p, i, s->n);
        if (i >= s->n)
            return;
        if (!pol_is_digit(s->p[i])) {
            i++;
            continue;
        }
        while (i > least && pol_is_word(s->p[i - 1])) /* the token's beginning */
            i--;
        prefix = country_prefix(s, i);
        e = slip_chain(s->p, i, s->n, prefix, &wrong, &right);
        /* "S40127550" is a letter and a number: a slip stands among digits */
        if (wrong > 0 && wrong * 2 <= right + 1 && right >= 5 && wrong + right >= 8 &&
            (prefix || pol_is_digit(s->p[i]))) {
            struct pol_scan t = *s;

            if (!copied)
                memcpy(shadow, s->p, s->n);
            copied = true;
            for (size_t k = i + prefix; k < e; k++) {
                if (slips[(unsigned char)shadow[k]])
                    shadow[k] = slips[(unsigned char)shadow[k]];
            }
            t.p = shadow;
            again(&t, i, prefix);
            s->v = t.v;
            s->cap = t.cap;
            s->truncated = t.truncated;
            for (size_t k = had; k < t.n_v; k++) {
                if (t.v[k].level == POL_CONTEXT || t.v[k].type == POL_IBAN ||
                    t.v[k].type == POL_PHONE || pol_person_near(s, t.v[k].from, t.v[k].to))
                    s->v[had++] = t.v[k];
            }
            s->n_v = had;
        }
        i = e > i ? e : i + 1;
        while (i < s->n && pol_is_word(s->p[i]))
            i++;
    }
}

void pol_scan_numbers(struct pol_scan *s)
{
    size_t i = 0;

    for (;;) {
        size_t e, run;

        i = next_start(s->p, i, s->n);
        if (i >= s->n)
            return;
        if (starts[(unsigned char)s->p[i]] == 2) {
            if (s->p[i] == '+' && i > 0 && pol_is_word(s->p[i - 1]))
                pol_plus_code_at(s, i);
            e = pol_phone_at(s, i);
            i = e ? e : i + 1;
            continue;
        }
        for (run = i; run > 0 && pol_is_word(s->p[run - 1]); run--)
            ;
        if ((unsigned char)s->p[run] < 0x80 && s->p[run] != '_') {
            pol_ids_at(s, run);
            pol_postal_at(s, run);
        }
        if (run < i) {
            s->slips = s->slips || slips[(unsigned char)s->p[i - 1]];
            for (; i < s->n && pol_is_word(s->p[i]); i++)
                s->slips = s->slips || slips[(unsigned char)s->p[i]];
            continue;
        }
        for (e = i; e < s->n && pol_is_digit(s->p[e]); e++)
            ;
        if (e + 5 < s->n && s->p[e] == '.' && e - i <= 3 && pol_is_digit(s->p[e + 1]))
            pol_ipv4_at(s, i);
        if (e - i <= 4)
            pol_date_at(s, i);
        (void)pol_phone_at(s, i);
        e = chain(s, i);
        for (; i < e;
             i++) { /* the lines that it went over: a telephone number below a town's code */
            if (s->p[i] == '\n' && i + 1 < e && pol_is_digit(s->p[i + 1]))
                (void)pol_phone_at(s, i + 1);
        }
    }
}
