/* norm.c - undoes the tricks of writing before detectors look.
 *
 * What happens, in one pass over the bytes:
 *   - escapes are decoded where they stand in running text: %40, \u0040 (any number of
 *     backslashes, surrogate pairs), \x40, the short JSON escapes, &#64; &#x40; and a few named
 *     entities;
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
 * of the original. Text that needs none of this is not copied. Bytes that are no UTF-8 become '?',
 * so the result is always valid UTF-8. Output is never longer than FOLD_MAX times one input
 * code point, and the whole is bounded by POL_TEXT_MAX.
 *
 * utf8proc does the Unicode decomposition; what it says about code points below TABLE_MAX is
 * cached in one table at start.
 */
#include "policy/norm.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <utf8proc.h>

#define TABLE_MAX 0x3100u
#define FOLD_MAX  24

struct fold {
    uint8_t n; /* 0 drop; 0xff ask utf8proc */
    char b[7];
};

static struct fold fold_table[TABLE_MAX];
static pthread_once_t fold_once = PTHREAD_ONCE_INIT;

/* Code points of the digit zero, each followed by its one to nine (Unicode category Nd). */
static const uint32_t digit_zero[] = {
    0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,
    0x0C66,  0x0CE6,  0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,
    0x17E0,  0x1810,  0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,
    0x1C50,  0xA620,  0xA8D0,  0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0x104A0,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0,
    0x11730, 0x118E0, 0x11C50, 0x16A60, 0x16B50, 0x1E950};

/* Letters that Unicode does not decompose, and signs that stand in for ASCII ones. */
static const struct {
    uint32_t cp;
    const char *to;
} special_fold[] = {
    {0x00DF, "ss"}, {0x1E9E, "SS"},  {0x00E6, "ae"}, {0x00C6, "AE"}, {0x0153, "oe"}, {0x0152, "OE"},
    {0x00F8, "o"},  {0x00D8, "O"},   {0x0142, "l"},  {0x0141, "L"},  {0x0111, "d"},  {0x0110, "D"},
    {0x00F0, "d"},  {0x00D0, "D"},   {0x00FE, "th"}, {0x00DE, "TH"}, {0x0131, "i"},  {0x0127, "h"},
    {0x0126, "H"},  {0x014B, "n"},   {0x0167, "t"},  {0x0192, "f"},  {0x0261, "g"},  {0x0251, "a"},
    {0x2024, "."},  {0x3002, "."},   {0xFF61, "."},  {0xFE52, "."},  {0x2027, "."},  {0x06D4, "."},
    {0x2025, ".."}, {0x2026, "..."}, {0x2010, "-"},  {0x2011, "-"},  {0x2012, "-"},  {0x2013, "-"},
    {0x2014, "-"},  {0x2015, "-"},   {0x2043, "-"},  {0x2212, "-"},  {0x02D7, "-"},  {0xFE58, "-"},
    {0xFE63, "-"},  {0xFF0D, "-"},   {0x30FC, "-"},  {0x2018, "'"},  {0x2019, "'"},  {0x201C, "\""},
    {0x201D, "\""}, {0x201E, "\""},  {0x00AB, "\""}, {0x00BB, "\""}, {0x2044, "/"},  {0x2215, "/"},
    {0x29F8, "/"},  {0xFE6B, "@"},   {0x24D0, "a"},  {0x2236, ":"},  {0xA789, ":"},  {0x2028, "\n"},
    {0x2029, "\n"}, {0x0085, "\n"},  {0x3164, ""},   {0x2800, ""},   {0x115F, ""},   {0x00B7, "."},
    {0x2219, "."},  {0x22C5, "."},   {0x3000, " "},  {0x1680, " "},  {0x202F, " "},  {0x205F, " "},
    {0x00A0, " "},  {0x00BA, "o"},   {0x00AA, "a"},  {0x2116, "No"}, {0x24EA, "0"},  {0x24FF, "0"},
    {0x0138, "k"},  {0x00B4, "'"},
};

/* Cyrillic and Greek letters that are drawn like Latin ones. */
static const struct {
    uint16_t cp;
    char to;
} look_alike[] = {
    {0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'},
    {0x039A, 'K'}, {0x039C, 'M'}, {0x039D, 'N'}, {0x039F, 'O'}, {0x03A1, 'P'}, {0x03A4, 'T'},
    {0x03A5, 'Y'}, {0x03A7, 'X'}, {0x03B1, 'a'}, {0x03B9, 'i'}, {0x03BA, 'k'}, {0x03BD, 'v'},
    {0x03BF, 'o'}, {0x03C1, 'p'}, {0x03C5, 'u'}, {0x03C7, 'x'}, {0x03F2, 'c'}, {0x03F3, 'j'},
    {0x0405, 'S'}, {0x0406, 'I'}, {0x0408, 'J'}, {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'},
    {0x0417, '3'}, {0x041A, 'K'}, {0x041C, 'M'}, {0x041D, 'H'}, {0x041E, 'O'}, {0x0420, 'P'},
    {0x0421, 'C'}, {0x0422, 'T'}, {0x0423, 'Y'}, {0x0425, 'X'}, {0x0430, 'a'}, {0x0432, 'b'},
    {0x0435, 'e'}, {0x043A, 'k'}, {0x043C, 'm'}, {0x043D, 'h'}, {0x043E, 'o'}, {0x0440, 'p'},
    {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'},
    {0x0458, 'j'}, {0x04AE, 'Y'}, {0x04BB, 'h'}, {0x04C0, 'I'}, {0x04CF, 'l'}, {0x0501, 'd'},
    {0x051B, 'q'}, {0x051C, 'W'}, {0x051D, 'w'}, {0x0585, 'o'}, {0x0578, 'n'},
};

static char like_latin(uint32_t cp)
{
    for (size_t i = 0; i < sizeof(look_alike) / sizeof(look_alike[0]); i++) {
        if (look_alike[i].cp == cp)
            return look_alike[i].to;
    }
    return 0;
}

/* Cyrillic, Greek or Armenian letter. */
static bool foreign(uint32_t cp)
{
    return (cp >= 0x0370 && cp < 0x0590);
}

static bool invisible(uint32_t cp)
{
    return cp == 0x00AD || cp == 0x034F || cp == 0x061C || (cp >= 0x180B && cp <= 0x180F) ||
           (cp >= 0x200B && cp <= 0x200F) || (cp >= 0x202A && cp <= 0x202E) ||
           (cp >= 0x2060 && cp <= 0x206F) || (cp >= 0xFE00 && cp <= 0xFE0F) || cp == 0xFEFF ||
           (cp >= 0xFFF9 && cp <= 0xFFFB) || (cp >= 0xE0000 && cp <= 0xE0FFF);
}

static size_t put(const char *z, char *out)
{
    size_t n = strlen(z);

    memcpy(out, z, n);
    return n;
}

static size_t fold_slow(uint32_t cp, char *out)
{
    utf8proc_int32_t buf[8];
    utf8proc_ssize_t k;
    size_t n = 0;
    int last = 0;

    if (invisible(cp))
        return 0;
    for (size_t i = 0; i < sizeof(special_fold) / sizeof(special_fold[0]); i++) {
        if (special_fold[i].cp == cp)
            return put(special_fold[i].to, out);
    }
    for (size_t i = 0; i < sizeof(digit_zero) / sizeof(digit_zero[0]); i++) {
        if (cp >= digit_zero[i] && cp < digit_zero[i] + 10) {
            out[0] = (char)('0' + (cp - digit_zero[i]));
            return 1;
        }
    }
    k = utf8proc_decompose_char(
        (utf8proc_int32_t)cp, buf, 8,
        UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE, &last);
    if (k < 0 || k > 6) /* ligatures that open into whole phrases stay as they are */
        return base_utf8_encode(cp, out);
    for (utf8proc_ssize_t i = 0; i < k; i++) {
        uint32_t c = (uint32_t)buf[i];
        size_t s;

        if (c == cp) {
            n += base_utf8_encode(c, out + n);
            continue;
        }
        for (s = 0; s < sizeof(special_fold) / sizeof(special_fold[0]); s++) {
            if (special_fold[s].cp == c)
                break;
        }
        n += s < sizeof(special_fold) / sizeof(special_fold[0]) ? put(special_fold[s].to, out + n)
                                                                : base_utf8_encode(c, out + n);
    }
    return n;
}

static void fold_fill(void)
{
    for (uint32_t cp = 0; cp < TABLE_MAX; cp++) {
        char b[32];
        size_t n;

        if (cp < 0x80) {
            fold_table[cp].n = 1;
            fold_table[cp].b[0] = (char)cp;
            continue;
        }
        if (cp < 0xA0 && cp != 0x85) {
            fold_table[cp].n = 0; /* C1 controls */
            continue;
        }
        n = fold_slow(cp, b);
        if (n > sizeof(fold_table[cp].b)) {
            fold_table[cp].n = 0xff;
            continue;
        }
        fold_table[cp].n = (uint8_t)n;
        memcpy(fold_table[cp].b, b, n);
    }
}

void pol_norm_setup(void)
{
    (void)pthread_once(&fold_once, fold_fill);
}

size_t pol_norm_fold(uint32_t cp, char *out)
{
    if (cp < TABLE_MAX && fold_table[cp].n != 0xff) {
        memcpy(out, fold_table[cp].b, sizeof(fold_table[cp].b));
        return fold_table[cp].n;
    }
    return fold_slow(cp, out);
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

/* A run of percent-encoded bytes that make one code point. */
static bool take_percent(struct pass *s)
{
    char b[4];
    size_t k = 0, j = s->i;
    uint32_t cp;

    while (k < 4 && j < s->n && s->in[j] == '%') {
        int32_t v = hexes(s->in + j + 1, s->n - j - 1, 2);

        if (v < 0)
            break;
        b[k++] = (char)v;
        j += 3;
        if (k == 1 && (unsigned char)b[0] < 0x80)
            break;
    }
    if (k == 0)
        return false;
    k = base_utf8_decode(b, k, &cp);
    if (k == 0 || (cp < 0x20 && cp != '\n' && cp != '\t'))
        return false;
    emit(s, cp, s->i, s->i + 3 * k);
    s->i += 3 * k;
    return true;
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
    struct base_str rest = {s->in + s->i + 1, s->n - s->i - 1};
    size_t j = 1;
    uint32_t v = 0;
    bool is_hex;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (base_str_starts(rest, base_str_c(names[i].name))) {
            size_t end = s->i + 1 + strlen(names[i].name);

            emit(s, names[i].cp, s->i, end);
            s->i = end;
            return true;
        }
    }
    if (rest.n < 3 || rest.p[0] != '#')
        return false;
    is_hex = (rest.p[1] | 32) == 'x';
    j += is_hex;
    for (size_t k = 0; j < rest.n && k < 8; j++, k++) {
        int d = hex(rest.p[j]);

        if (d < 0 || (!is_hex && d > 9))
            break;
        v = v * (is_hex ? 16 : 10) + (uint32_t)d;
    }
    if (v == 0 || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000))
        return false;
    if (j < rest.n && rest.p[j] == ';')
        j++;
    emit(s, v, s->i, s->i + 1 + j);
    s->i += 1 + j;
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

/* "(at)", "[dot]", "{.}" with the spaces around. */
static bool take_bracket_word(struct pass *s)
{
    char open = s->in[s->i];
    char close = open == '(' ? ')' : open == '[' ? ']' : open == '{' ? '}' : '>';
    size_t j = s->i + 1, a, b;
    struct base_str w;
    char c;

    while (j < s->n && s->in[j] == ' ' && j < s->i + 3)
        j++;
    for (a = j; j < s->n && j < a + 12 && s->in[j] != close && s->in[j] != ' '; j++)
        ;
    b = j;
    while (j < s->n && s->in[j] == ' ' && j < b + 2)
        j++;
    if (j >= s->n || s->in[j] != close || b == a)
        return false;
    w = (struct base_str){s->in + a, b - a};
    c = word_in(w, at_words) ? '@' : word_in(w, dot_words) ? '.' : 0;
    if (c == 0)
        return false;
    for (j++; j < s->n && s->in[j] == ' ' && j < b + 5; j++)
        ;
    if (j >= s->n || !host_char(s->in[j]))
        return false;
    a = s->i;
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
    size_t j = s->i + 1, k, word;

    if (s->n - j < 4 || s->o == 0 || !host_char(s->m->own[s->o - 1]))
        return false;
    if (base_str_ieq((struct base_str){s->in + j, 3}, BASE_STR("at "))) {
        for (k = j + 3, word = k; k < s->n && host_char(s->in[k]) && k < word + 64; k++)
            ;
        if (k == word || s->n - k < 6 ||
            !base_str_ieq((struct base_str){s->in + k, 5}, BASE_STR(" dot ")))
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
            alike += cp >= 0x80 && like_latin(cp) != 0;
            e += len;
        }
        if (e == r)
            e = r + (len ? len : 1);
        bool fold =
            alien > 0 && alike > 0 && (latin > 0 || (alike == alien && (digits > 1 || ats)));
        while (r < e) {
            char to = 0;

            len = base_utf8_decode(m->own + r, s->o - r, &cp);
            if (len == 0)
                len = 1;
            else if (fold && cp >= 0x80)
                to = like_latin(cp);
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

/* Index of the first byte that is not plain, or n. */
static size_t plain_prefix(struct base_str t)
{
    static const bool odd[256] = {['%'] = 1, ['\\'] = 1, ['&'] = 1};
    size_t i;

    for (i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];

        if (c >= 0x80 || odd[c])
            return i;
        if (c == ' ' || c == '(' || c == '[' || c == '{' || c == '<') {
            /* possible "(at)", " at ", " dot " */
            char d = i + 1 < t.n ? (char)(t.p[i + 1] | 32) : 0;

            if (c != ' ' || ((d == 'a' || d == 'd') && i + 3 < t.n &&
                             ((t.p[i + 2] | 32) == 't' || (t.p[i + 2] | 32) == 'o')))
                return i;
        }
    }
    return t.n;
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
    plain = plain_prefix(text);
    if (plain == text.n)
        return BASE_OK;
    if (!room(m, text.n + FOLD_MAX + 8))
        return BASE_ENOMEM;
    m->same = false;
    for (; s.i < plain; s.i++, s.o++) {
        m->own[s.o] = text.p[s.i];
        m->from[s.o] = (uint32_t)s.i;
        m->to[s.o] = (uint32_t)s.i + 1;
    }
    while (s.i < s.n) {
        char c = text.p[s.i];
        uint32_t cp;
        size_t k;

        if (!room(m, s.o + (s.n - s.i) + FOLD_MAX + 8))
            return BASE_ENOMEM;
        if ((unsigned char)c < 0x80) {
            if (take_special(&s, c))
                continue;
            m->own[s.o] = c;
            m->from[s.o] = (uint32_t)s.i;
            m->to[s.o++] = (uint32_t)++s.i;
            continue;
        }
        k = base_utf8_decode(text.p + s.i, s.n - s.i, &cp);
        emit(&s, k ? cp : '?', s.i, s.i + (k ? k : 1));
        s.i += k ? k : 1;
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
