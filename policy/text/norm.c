/* norm.c - undoes the tricks of writing before detectors look.
 *
 * What happens, in one pass over the bytes:
 *   - escapes are decoded where they stand in running text: %40, \u0040 (any number of
 *     backslashes, surrogate pairs), \u{40}, \U00000040, \x40, the short JSON escapes, &#64; &#x40;
 * and a few named entities;
 *   - code points are folded: compatibility forms (full-width, mathematical, circled), decimal
 *     digits of every script, Unicode spaces, hyphens, dots and at signs become ASCII; accents are
 *     taken off; what is invisible (zero-width, soft hyphen, bidi controls, variation selectors,
 *     combining marks) goes;
 *   - "name (at) host (dot) tld" and its cousins become name@host.tld.
 * A second pass, only if Cyrillic or Greek letters were seen, replaces those that look like Latin
 * ones inside runs that also hold Latin letters, or nothing but look-alikes and digits; words that
 * are plainly Cyrillic or Greek stay.
 *
 * Every output byte carries the span of input bytes that it came from, so a finding can be cut out
 * of the original. Text that needs none of this is not copied: 16 bytes at a time are looked at for
 * what might (SSE2; byte by byte elsewhere, with the same result). Bytes that are no UTF-8 become
 * '?', so the result is always valid UTF-8. Output is never longer than FOLD_MAX times one input
 * code point, and the whole is bounded by POL_TEXT_MAX. fold.c knows the code points.
 */
#include "policy/text/norm.h"

#include "base/clock.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FOLD_MAX 24

/* Cyrillic, Greek or Armenian letter. */
static bool foreign(uint32_t cp)
{
    return cp >= 0x0370 && cp < 0x0590;
}

/* ---- the pass ---- */

struct pass {
    struct pol_norm *m;
    const char *in;
    size_t n, i, o;
    bool foreign_seen;
};

static bool room(struct pol_norm *m, size_t need)
{
    size_t cap = m->cap ? m->cap : 4096;
    char *p;
    uint32_t *f;

    if (need <= m->cap)
        return true;
    while (cap < need)
        cap += cap / 2;
    if ((p = realloc(m->own, cap)) == NULL)
        return false;
    m->own = p;
    if ((f = realloc(m->from, cap * sizeof(*f))) == NULL)
        return false;
    m->from = f;
    if ((f = realloc(m->to, cap * sizeof(*f))) == NULL)
        return false;
    m->to = f;
    m->cap = cap;
    return true;
}

/* Appends the fold of cp, which came from input bytes [from, to). */
static void emit(struct pass *s, uint32_t cp, size_t from, size_t to)
{
    char b[32];
    size_t k = pol_norm_fold(cp, b);

    if (foreign(cp))
        s->foreign_seen = true;
    for (size_t j = 0; j < k; j++) {
        s->m->own[s->o] = b[j];
        s->m->from[s->o] = (uint32_t)from;
        s->m->to[s->o] = (uint32_t)to;
        s->o++;
    }
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
}

/* n hex digits at p, or -1. */
static int32_t hexes(const char *p, size_t avail, size_t n)
{
    int32_t v = 0;

    if (avail < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (hex(p[i]) < 0)
            return -1;
        v = v * 16 + hex(p[i]);
    }
    return v;
}

/* The byte behind the '%' at j, and where it ends; -1 if none. "%2540" is what encoding "%40" once
 * more makes of it, so each "25" before two more digits is passed over. */
static int32_t percent_byte(const struct pass *s, size_t j, size_t *end)
{
    const size_t first = ++j;

    while (s->n - j >= 4 && j - first < 32 && s->in[j] == '2' && s->in[j + 1] == '5' &&
           hex(s->in[j + 2]) >= 0 && hex(s->in[j + 3]) >= 0)
        j += 2;
    *end = j + 2;
    return hexes(s->in + j, s->n - j, 2);
}

/* A run of percent-encoded bytes that make one code point. */
static bool take_percent(struct pass *s)
{
    char b[4];
    size_t k = 0, j = s->i, end[5] = {j};
    uint32_t cp;

    while (k < 4 && j < s->n && s->in[j] == '%') {
        int32_t v = percent_byte(s, j, &end[k + 1]);

        if (v < 0)
            break;
        b[k++] = (char)v;
        j = end[k];
        if (k == 1 && (unsigned char)b[0] < 0x80)
            break;
    }
    if (k == 0)
        return false;
    k = base_utf8_decode(b, k, &cp);
    if (k == 0 || (cp < 0x20 && cp != '\n' && cp != '\t'))
        return false;
    emit(s, cp, s->i, end[k]);
    s->i = end[k];
    return true;
}

/* "{40}" at p, as JavaScript, Rust and Swift write it behind \\u: its code point, and *at moved
 * behind it; -1: none. */
static int32_t braced(const char *p, size_t avail, size_t *at)
{
    for (size_t k = 1; k < 8 && k < avail && p[0] == '{'; k++) {
        int32_t v;

        if (p[k] != '}')
            continue;
        v = k > 1 ? hexes(p + 1, k - 1, k - 1) : -1;
        if (v < 0 || v >= 0x110000 || (v >= 0xD800 && v < 0xE000))
            return -1;
        *at += k + 2;
        return v;
    }
    return -1;
}

static bool take_backslash(struct pass *s)
{
    size_t j = s->i;
    int32_t v;

    while (j < s->n && s->in[j] == '\\' && j - s->i < 16)
        j++;
    if (j >= s->n)
        return false;
    if (s->in[j] == 'u' && (v = hexes(s->in + j + 1, s->n - j - 1, 4)) >= 0) {
        j += 5;
        if (v >= 0xD800 && v < 0xDC00) {
            size_t q = j;
            int32_t w;

            while (q < s->n && s->in[q] == '\\' && q - j < 16)
                q++;
            if (q > j && q < s->n && s->in[q] == 'u' &&
                (w = hexes(s->in + q + 1, s->n - q - 1, 4)) >= 0xDC00 && w < 0xE000) {
                v = 0x10000 + ((v - 0xD800) << 10) + (w - 0xDC00);
                j = q + 5;
            }
        }
        if (v >= 0xD800 && v < 0xE000)
            v = '?';
    } else if (s->in[j] == 'u' && (v = braced(s->in + j + 1, s->n - j - 1, &j)) >= 0) {
        ;
    } else if (s->in[j] == 'U' && s->n - j > 3 && s->in[j + 1] == '0' && s->in[j + 2] == '0' &&
               (v = hexes(s->in + j + 3, s->n - j - 3, 6)) >= 0 && v < 0x110000 &&
               !(v >= 0xD800 && v < 0xE000)) {
        j += 9;
    } else if (s->in[j] == 'x' && (v = hexes(s->in + j + 1, s->n - j - 1, 2)) >= 0) {
        j += 3;
    } else {
        const char *e = strchr("nrtbf/\"", s->in[j]);

        if (e == NULL || *e == 0)
            return false;
        v = "\n\n\t  /\""[e - "nrtbf/\""];
        j++;
    }
    emit(s, v ? (uint32_t)v : ' ', s->i, j);
    s->i = j;
    return true;
}

static bool take_entity(struct pass *s)
{
    static const struct {
        const char *name;
        uint32_t cp;
    } names[] = {{"amp;", '&'},     {"commat;", '@'},  {"period;", '.'}, {"nbsp;", ' '},
                 {"hyphen;", '-'},  {"dash;", '-'},    {"lowbar;", '_'}, {"quot;", '"'},
                 {"apos;", '\''},   {"lt;", '<'},      {"gt;", '>'},     {"shy;", 0xAD},
                 {"colon;", ':'},   {"sol;", '/'},     {"num;", '#'},    {"plus;", '+'},
                 {"equals;", '='},  {"zwnj;", 0x200C}, {"zwj;", 0x200D}, {"Tab;", '\t'},
                 {"NewLine;", '\n'}};
    const size_t begin = s->i;
    struct base_str rest = {s->in + begin + 1, s->n - begin - 1};
    size_t j = 1, skip = 0;
    uint32_t v = 0;
    bool is_hex;

    /* "&amp;#64;": encoded more than once */
    while (skip < 64 && base_str_starts(rest, BASE_STR("amp;"))) {
        rest = base_str_n(rest.p + 4, rest.n - 4);
        skip += 4;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (base_str_starts(rest, base_str_c(names[i].name))) {
            s->i = begin + 1 + skip + strlen(names[i].name);
            emit(s, names[i].cp, begin, s->i);
            return true;
        }
    }
    is_hex = rest.n >= 3 && (rest.p[1] | 32) == 'x';
    j += is_hex;
    for (size_t k = 0; rest.n >= 3 && rest.p[0] == '#' && j < rest.n && k < 8; j++, k++) {
        int d = hex(rest.p[j]);

        if (d < 0 || (!is_hex && d > 9))
            break;
        v = v * (is_hex ? 16 : 10) + (uint32_t)d;
    }
    if (v == 0 || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000)) {
        if (skip == 0)
            return false;
        emit(s, '&', begin, begin + 5);
        s->i = begin + 5;
        return true;
    }
    if (j < rest.n && rest.p[j] == ';')
        j++;
    s->i = begin + 1 + skip + j;
    emit(s, v, begin, s->i);
    return true;
}

static bool word_in(struct base_str w, const char *const *list)
{
    for (; *list; list++) {
        if (base_str_ieq(w, base_str_c(*list)))
            return true;
    }
    return false;
}

static bool host_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '_' ||
           (unsigned char)c >= 0x80;
}

static const char *const at_words[] = {"at",  "ät", "arroba", "chiocciola", "malpa",    "małpa",
                                       "a-t", "et", "@",      "zavinac",    "snabel-a", NULL};
static const char *const dot_words[] = {"dot",   "punkt", "point", "punto", "kropka", "punt",
                                        "ponto", "tecka", ".",     "piste", NULL};

/* What an at or dot word may begin with. */
static const uint8_t begins_word[256] = {
    ['a'] = 1, ['A'] = 1, ['c'] = 1, ['C'] = 1, ['d'] = 1, ['D'] = 1, ['e'] = 1, ['E'] = 1,
    ['k'] = 1, ['K'] = 1, ['m'] = 1, ['M'] = 1, ['p'] = 1, ['P'] = 1, ['s'] = 1, ['S'] = 1,
    ['t'] = 1, ['T'] = 1, ['z'] = 1, ['Z'] = 1, ['@'] = 1, ['.'] = 1, [0xc3] = 1};

/* The bracket at i of p[0..n) holds a word for @ or ., and a host's character follows: that sign,
 * and *end is where to go on. Else 0. */
static char bracket_word(const char *p, size_t n, size_t i, size_t *end)
{
    char open = p[i], close = open == '(' ? ')' : open == '[' ? ']' : open == '{' ? '}' : '>';
    size_t j = i + 1, a, b;
    struct base_str w;
    char c;

    while (j < n && p[j] == ' ' && j < i + 3)
        j++;
    if (j >= n || !begins_word[(unsigned char)p[j]])
        return 0;
    for (a = j; j < n && j < a + 12 && p[j] != close && p[j] != ' '; j++)
        ;
    b = j;
    while (j < n && p[j] == ' ' && j < b + 2)
        j++;
    if (j >= n || p[j] != close || b == a)
        return 0;
    w = (struct base_str){p + a, b - a};
    c = word_in(w, at_words) ? '@' : word_in(w, dot_words) ? '.' : 0;
    if (c == 0)
        return 0;
    for (j++; j < n && p[j] == ' ' && j < b + 5; j++)
        ;
    *end = j;
    return j < n && host_char(p[j]) ? c : 0;
}

/* "(at)", "[dot]", "{.}" with the spaces around. */
static bool take_bracket_word(struct pass *s)
{
    size_t a = s->i, j = 0;
    char c = bracket_word(s->in, s->n, a, &j);

    if (c == 0)
        return false;
    while (s->o > 0 && s->m->own[s->o - 1] == ' ' && s->i - s->m->from[s->o - 1] <= 3)
        a = s->m->from[--s->o];
    if (s->o == 0 || !host_char(s->m->own[s->o - 1]))
        return false;
    emit(s, (uint32_t)c, a, j);
    s->i = j;
    return true;
}

/* " at " and " dot " without brackets, only where the whole "x at y dot z" stands. */
static bool take_spoken(struct pass *s)
{
    size_t j = s->i + 1, k, word, end;

    if (s->n - j < 4 || s->o == 0 || !host_char(s->m->own[s->o - 1]))
        return false;
    if (base_str_ieq((struct base_str){s->in + j, 3}, BASE_STR("at "))) {
        for (k = j + 3, word = k; k < s->n && host_char(s->in[k]) && k < word + 64; k++)
            ;
        if (k == word || s->n - k < 6 ||
            !(base_str_ieq((struct base_str){s->in + k, 5}, BASE_STR(" dot ")) ||
              (s->in[k] == ' ' && s->in[k + 1] && strchr("([{<", s->in[k + 1]) &&
               bracket_word(s->in, s->n, k + 1, &end) == '.')))
            return false;
        emit(s, '@', s->i, j + 3);
        s->i = j + 3;
        return true;
    }
    if (s->n - j > 4 && base_str_ieq((struct base_str){s->in + j, 4}, BASE_STR("dot ")) &&
        host_char(s->in[j + 4])) {
        /* only inside an address already begun */
        for (k = s->o; k > 0 && (host_char(s->m->own[k - 1]) || s->m->own[k - 1] == '.'); k--)
            ;
        for (word = j + 4; word < s->n && host_char(s->in[word]) && word < j + 68; word++)
            ;
        if (k == 0 ||
            (s->m->own[k - 1] != '@' &&
             base_str_find((struct base_str){s->in + word, s->n - word < 80 ? s->n - word : 80},
                           BASE_STR("@"), 0) == SIZE_MAX &&
             base_str_find((struct base_str){s->in + word, s->n - word < 80 ? s->n - word : 80},
                           BASE_STR(" at "), 0) == SIZE_MAX))
            return false;
        emit(s, '.', s->i, j + 4);
        s->i = j + 4;
        return true;
    }
    return false;
}

static bool take_special(struct pass *s, char c)
{
    switch (c) {
    case '%':
        return take_percent(s);
    case '\\':
        return take_backslash(s);
    case '&':
        return take_entity(s);
    case '(':
    case '[':
    case '{':
    case '<':
        return take_bracket_word(s);
    case ' ':
        return (s->i + 1 < s->n &&
                ((s->in[s->i + 1] | 32) == 'a' || (s->in[s->i + 1] | 32) == 'd')) &&
               take_spoken(s);
    default:
        return false;
    }
}

/* ---- look-alikes ---- */

static bool run_char(const char *p, size_t n, size_t *len, uint32_t *cp)
{
    *len = base_utf8_decode(p, n, cp);
    if (*len == 0)
        return false;
    if (*cp < 0x80)
        return (*cp >= '0' && *cp <= '9') || ((*cp | 32) >= 'a' && (*cp | 32) <= 'z') ||
               strchr("@._+-", (int)*cp) != NULL;
    return foreign(*cp);
}

static void fold_look_alikes(struct pass *s)
{
    struct pol_norm *m = s->m;
    size_t r = 0, w = 0;

    while (r < s->o) {
        size_t e = r, len = 1, latin = 0, digits = 0, alien = 0, alike = 0, ats = 0;
        uint32_t cp;

        while (e < s->o && run_char(m->own + e, s->o - e, &len, &cp)) {
            latin += cp < 0x80 && (cp | 32) >= 'a' && (cp | 32) <= 'z';
            digits += cp >= '0' && cp <= '9';
            ats += cp == '@';
            alien += cp >= 0x80;
            alike += cp >= 0x80 && pol_norm_latin(cp) != 0;
            e += len;
        }
        if (e == r)
            e = r + (len ? len : 1);
        /* "АС" between colons: an octet of an address */
        bool octet =
            e - r == 4 && ((r > 0 && m->own[r - 1] == ':') || (e < s->o && m->own[e] == ':'));
        bool fold = alien > 0 && alike > 0 &&
                    (latin > 0 || (alike == alien && (digits > 0 || ats || octet)));
        while (r < e) {
            char to = 0;

            len = base_utf8_decode(m->own + r, s->o - r, &cp);
            if (len == 0)
                len = 1;
            else if (fold && cp >= 0x80)
                to = pol_norm_latin(cp);
            for (size_t k = 0; k < (to ? 1 : len); k++, w++) {
                m->own[w] = to ? to : m->own[r + k];
                m->from[w] = m->from[r + k];
                m->to[w] = m->to[r + k];
            }
            r += len;
        }
    }
    s->o = w;
}

/* ---- interface ---- */

/* Classes of bytes: 0 plain, 1 never plain, 2 may begin "(at)", 3 a space, 4 percent. */
static const uint8_t byte_class[256] = {
    ['\\'] = 1, ['&'] = 1, ['('] = 2, ['['] = 2,          ['{'] = 2,
    ['<'] = 2,  [' '] = 3, ['%'] = 4, [0x80 ... 0xff] = 1};

/* A cheap look: is what begins at i worth a closer one? */
static bool odd(const char *p, size_t n, size_t i)
{
    char d = i + 1 < n ? (char)(p[i + 1] | 32) : 0;
    size_t end;

    switch (byte_class[(unsigned char)p[i]]) {
    case 2:
        return bracket_word(p, n, i, &end) != 0;
    case 3:
        return i + 3 < n && ((d == 'a' && (p[i + 2] | 32) == 't' && p[i + 3] == ' ') ||
                             (d == 'd' && (p[i + 2] | 32) == 'o' && (p[i + 3] | 32) == 't'));
    case 4:
        return i + 2 < n && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0;
    default:
        return true;
    }
}

#ifdef __SSE2__
/* One bit for each of the 16 bytes at p that odd() must see; reads 19 bytes. */
static unsigned suspects(const char *p)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)p), low = _mm_set1_epi8(32);
    const __m128i v1 = _mm_or_si128(_mm_loadu_si128((const __m128i *)(p + 1)), low);
    const __m128i v2 = _mm_or_si128(_mm_loadu_si128((const __m128i *)(p + 2)), low);
    const __m128i v3 = _mm_or_si128(_mm_loadu_si128((const __m128i *)(p + 3)), low);
    const __m128i t = _mm_set1_epi8('t');
#define IS(x, c) _mm_cmpeq_epi8(x, _mm_set1_epi8(c))
    __m128i at = _mm_and_si128(IS(v1, 'a'), _mm_cmpeq_epi8(v2, t));
    __m128i dot = _mm_and_si128(_mm_and_si128(IS(v1, 'd'), IS(v2, 'o')), _mm_cmpeq_epi8(v3, t));
    __m128i m = _mm_and_si128(IS(v, ' '), _mm_or_si128(at, dot));

    m = _mm_or_si128(m, _mm_or_si128(IS(v, '%'), IS(v, '&')));
    m = _mm_or_si128(m, _mm_or_si128(IS(v, '('), IS(v, '<')));
    m = _mm_or_si128(m, _mm_or_si128(IS(v, '\\'), IS(_mm_or_si128(v, low), '{')));
#undef IS
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(m, v)); /* its top bit: not ASCII */
}
#endif

/* The end of the plain bytes that begin at i. */
static size_t plain_run(struct base_str t, size_t i)
{
#ifdef __SSE2__
    for (; t.n - i >= 19; i += 16) {
        for (unsigned m = suspects(t.p + i); m; m &= m - 1) {
            size_t k = i + (unsigned)__builtin_ctz(m);

            if (odd(t.p, t.n, k))
                return k;
        }
    }
#endif
    for (; i < t.n; i++) {
        if (byte_class[(unsigned char)t.p[i]] && odd(t.p, t.n, i))
            break;
    }
    return i;
}

/* Copies the input up to `end` as it is. */
static void copy_plain(struct pass *s, size_t end)
{
    size_t n = end - s->i, k = 0;
    uint32_t *from = s->m->from + s->o, *to = s->m->to + s->o;
    uint32_t at = (uint32_t)s->i;

    memcpy(s->m->own + s->o, s->in + s->i, n);
#ifdef __SSE2__
    __m128i v = _mm_add_epi32(_mm_set1_epi32((int)at), _mm_set_epi32(3, 2, 1, 0));

    for (; k + 4 <= n; k += 4) {
        _mm_storeu_si128((__m128i *)(from + k), v);
        _mm_storeu_si128((__m128i *)(to + k), _mm_add_epi32(v, _mm_set1_epi32(1)));
        v = _mm_add_epi32(v, _mm_set1_epi32(4));
    }
#endif
    for (; k < n; k++) {
        from[k] = at + (uint32_t)k;
        to[k] = at + (uint32_t)k + 1;
    }
    s->o += n;
    s->i = end;
}

enum base_status pol_norm_run(struct pol_norm *m, struct base_str text)
{
    struct pass s = {.m = m, .in = text.p, .n = text.n};
    size_t plain;

    m->same = true;
    m->p = text.p ? text.p : "";
    m->n = text.n;
    if (text.n > POL_TEXT_MAX)
        return BASE_LIMIT;
    plain = plain_run(text, 0);
    if (plain == text.n)
        return BASE_OK;
    m->same = false;
    while (s.i < s.n) {
        uint32_t cp;
        size_t k;

        if (!room(m, s.o + (s.n - s.i) + FOLD_MAX + 8))
            return BASE_ENOMEM;
        if (plain > s.i) {
            copy_plain(&s, plain);
            continue;
        }
        if ((unsigned char)text.p[s.i] < 0x80) {
            if (!take_special(&s, text.p[s.i]))
                copy_plain(&s, s.i + 1);
        } else {
            k = base_utf8_decode(text.p + s.i, s.n - s.i, &cp);
            emit(&s, k ? cp : '?', s.i, s.i + (k ? k : 1));
            s.i += k ? k : 1;
        }
        plain = plain_run(text, s.i);
    }
    if (s.foreign_seen)
        fold_look_alikes(&s);
    m->p = m->own;
    m->n = s.o;
    return BASE_OK;
}

void pol_norm_release(struct pol_norm *m)
{
    if (m->own)
        base_wipe(m->own, m->cap);
    free(m->own);
    free(m->from);
    free(m->to);
    memset(m, 0, sizeof(*m));
}
