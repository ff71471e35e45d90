/* fold.c - one code point as detectors see it.
 *
 * Compatibility forms (full-width, mathematical, circled), decimal digits of every script, Unicode
 * spaces, hyphens, dots and at signs become ASCII; accents are taken off; what is invisible
 * (zero-width, soft hyphen, bidi controls, variation selectors, combining marks) goes. utf8proc
 * does the decomposition; what it says about code points below TABLE_MAX is cached in one table
 * that is filled once and then only read, by any thread.
 */
#include "policy/text/norm.h"

#include <pthread.h>
#include <utf8proc.h>

#define TABLE_MAX 0x3100u

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

char pol_norm_latin(uint32_t cp)
{
    for (size_t i = 0; i < sizeof(look_alike) / sizeof(look_alike[0]); i++) {
        if (look_alike[i].cp == cp)
            return look_alike[i].to;
    }
    return 0;
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
