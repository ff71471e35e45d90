/* base64.c - finds runs of base64 or hexadecimal in a text and takes out of them what is text.
 *
 * A run is RUN_MIN characters or more of the two alphabets (RFC 4648 sections 4 and 5) with its
 * padding; lines of one length, 40 or more and whole groups of four, are one run, as mail and
 * base64(1) wrap them. Something else may be glued to its front ("/path/QUJD"), so it is decoded
 * from each of its first four characters. What counts as text is a stretch of STRETCH_MIN bytes of
 * valid UTF-8 without control characters: random bytes hold one every 5 MB or so, hexadecimal,
 * keys and paths practically never. Behind the head of a data: URL of an image, a sound, a film or
 * a font, text must make up four fifths of the whole: the comments in a picture are no message, but
 * a message that only says it is a picture is one.
 *
 * What was decoded is looked through once more for runs, and that once more (LEVELS in all); text
 * in UTF-16 is read as such; a run of hexadecimal is decoded as that, too; gzip and zlib data in a
 * run are inflated (inflate.c).
 *
 * Runs in linear time: a level takes at most 3 times what the one before it gave, and nothing is
 * taken past GROWTH_MAX times the input. What is inflated is at most INFLATE_MAX times the input
 * and INFLATE_LEAST in all; past that `cut` says that not everything was read.
 */
#include "policy/text/base64.h"

#include "base/buf.h"

#include "base/clock.h"
#include "policy/text/inflate.h"

#include <stdlib.h>

#define RUN_MIN       22 /* 16 bytes: a card number; 24 characters with their padding */
#define STRETCH_MIN   16
#define WRAP_MIN      40
#define LEVELS        3
#define GROWTH_MAX    4
#define HEX_MIN       32
#define INFLATE_MAX   8
#define INFLATE_LEAST (256u << 10)

/* 1 + the value of a character, 0 for none. */
static const uint8_t sextet[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
    ['-'] = 63, ['_'] = 64};

bool pol_b64_char(char c)
{
    return sextet[(unsigned char)c] != 0;
}

/* Where the next run begins, or in.n: the last of RUN_MIN characters is looked at first. */
static size_t next_run(struct base_str in, size_t i)
{
    while (in.n - i >= RUN_MIN) {
        size_t k = i + RUN_MIN;

        while (k > i && pol_b64_char(in.p[k - 1]))
            k--;
        if (k == i)
            return i;
        i = k;
    }
    return in.n;
}

static size_t line_end(struct base_str in, size_t i)
{
    while (i < in.n && pol_b64_char(in.p[i]))
        i++;
    return i;
}

/* The end of the run that begins at i, lines joined, padding included. */
static size_t run_end(struct base_str in, size_t i)
{
    size_t e = line_end(in, i), line = e - i;

    while (line >= WRAP_MIN && line % 4 == 0) {
        size_t a = e, b;

        a += a < in.n && in.p[a] == '\r';
        if (a >= in.n || in.p[a] != '\n')
            break;
        b = line_end(in, ++a);
        if (b == a || b - a > line || (b < in.n && in.p[b] == ' '))
            break;
        e = b;
        if (b - a < line)
            break;
    }
    for (int k = 0; k < 2 && e < in.n && in.p[e] == '='; k++)
        e++;
    return e;
}

size_t pol_b64_decode(struct base_str in, size_t from, size_t to, char *out)
{
    uint32_t v = 0;
    unsigned bits = 0;
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        unsigned c = sextet[(unsigned char)in.p[i]];

        if (c == 0) /* a line's end, padding */
            continue;
        v = v << 6 | (c - 1);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(v >> bits);
        }
    }
    return n;
}

size_t pol_b64_text_end(const char *p, size_t n, size_t i)
{
    while (i < n) {
        unsigned char c = (unsigned char)p[i];
        uint32_t cp = c;
        size_t k = c < 0x80 ? 1 : base_utf8_decode(p + i, n - i, &cp);

        if (k == 0 || (cp < 0x20 && c != '\n' && c != '\t' && c != '\r') ||
            (cp >= 0x7f && cp < 0xa0))
            break;
        i += k;
    }
    return i;
}

/* Is what stands at i the data of a data: URL that says it is no text? */
static bool says_binary(struct base_str in, size_t i)
{
    static const char *const kinds[] = {"image/", "audio/", "video/", "font/"};
    size_t a = i, floor = i > 128 ? i - 128 : 0;

    if (i < 8 || memcmp(in.p + i - 8, ";base64,", 8) != 0)
        return false;
    while (a > floor && in.p[a - 1] != '"' && (unsigned char)in.p[a - 1] > ' ') {
        a--;
        if (i - a < 11 || !base_str_ieq(base_str_n(in.p + a, 5), BASE_STR("data:")))
            continue;
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            struct base_str kind = base_str_c(kinds[k]);

            if (base_str_ieq(base_str_n(in.p + a + 5, kind.n), kind))
                return true;
        }
        return false;
    }
    return false;
}

/* Text in UTF-16, of either order, made UTF-8 in place: its length, or n if it is none. Such text
 * is told by the zeros in four of five of its units; what needs more than two bytes becomes '?'. */
static size_t narrow(char *p, size_t n)
{
    size_t zeros[2] = {0}, o = 0, units = n / 2, high;

    for (size_t i = 0; i < units * 2; i++)
        zeros[i % 2] += p[i] == 0;
    if (units < STRETCH_MIN || (zeros[0] < units / 5 * 4 && zeros[1] < units / 5 * 4))
        return n;
    high = zeros[1] > zeros[0] ? 1 : 0;
    for (size_t i = 0; i < units; i++) {
        unsigned v = (unsigned char)p[2 * i + high] * 256u + (unsigned char)p[2 * i + 1 - high];

        if (v == 0xFEFF)
            continue;
        if (v >= 0x80 && v < 0x800)
            p[o++] = (char)(0xC0 | v >> 6);
        p[o++] = (char)(v < 0x80 ? v : v < 0x800 ? 0x80 | (v & 63) : '?');
    }
    return o;
}

/* Notes each stretch of text among n bytes of raw, as what [from, to) of the input holds; *whole:
 * they are one. */
static enum base_status stretches(struct pol_b64 *b, size_t n, size_t least, size_t from, size_t to,
                                  bool *whole)
{
    size_t e;

    n = narrow(b->raw, n);
    *whole = false;
    for (size_t i = 0; i < n; i = e + 1) {
        e = pol_b64_text_end(b->raw, n, i);
        if (e - i < least)
            continue;
        if (!base_grow((void **)&b->text, &b->cap, b->n + (e - i) + 2, 1) ||
            !base_grow((void **)&b->v, &b->cap_v, b->n_v + 1, sizeof(*b->v)))
            return BASE_ENOMEM;
        b->v[b->n_v++] = (struct pol_b64_piece){(uint32_t)b->n, (uint32_t)from, (uint32_t)to};
        memcpy(b->text + b->n, b->raw + i, e - i);
        memcpy(b->text + b->n + (e - i), "\n\n", 2);
        b->n += e - i + 2;
        *whole = i == 0 && e == n;
    }
    return BASE_OK;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
}

/* Decodes a run that is nothing but hexadecimal into raw; its length, or 0. */
static size_t decode_hex(struct base_str run, char *out)
{
    size_t i = run.n > 2 && run.p[0] == '0' && (run.p[1] | 32) == 'x' ? 2 : 0, n = 0;

    if (run.n - i < HEX_MIN || (run.n - i) % 2 != 0)
        return 0;
    for (; i < run.n; i += 2) {
        int a = hex_value(run.p[i]), c = hex_value(run.p[i + 1]);

        if (a < 0 || c < 0)
            return 0;
        out[n++] = (char)(a * 16 + c);
    }
    return n;
}

/* Inflates the n bytes of raw if they are compressed, in place; returns the new length. */
static enum base_status unpack(struct pol_b64 *b, size_t *n)
{
    char *out;
    size_t most = b->budget, got;
    bool cut;

    if (!pol_is_deflated(b->raw, *n))
        return BASE_OK;
    if (most == 0) {
        b->cut = true;
        return BASE_OK;
    }
    most = most / 1100 > *n ? *n * 1100 : most; /* deflate packs 1032 to 1 at best */
    if ((out = malloc(most)) == NULL)
        return BASE_ENOMEM;
    got = pol_inflate(b->raw, *n, out, most, &cut);
    if (got > 0 && !base_grow((void **)&b->raw, &b->cap_raw, got, 1)) {
        base_wipe(out, most);
        free(out);
        return BASE_ENOMEM;
    }
    if (got > 0) {
        memcpy(b->raw, out, got);
        *n = got;
        b->budget -= got;
    }
    b->cut = b->cut || cut;
    base_wipe(out, got);
    free(out);
    return BASE_OK;
}

/* Takes the text out of one run, which is what [from, to) of the input holds. */
static enum base_status take(struct pol_b64 *b, struct base_str run, bool binary, size_t from,
                             size_t to)
{
    enum base_status st = BASE_OK;
    bool whole = false;
    size_t n;

    if (!base_grow((void **)&b->raw, &b->cap_raw, run.n, 1))
        return BASE_ENOMEM;
    if ((n = decode_hex(run, b->raw)) > 0 && (st = unpack(b, &n)) == BASE_OK)
        st = stretches(b, n, STRETCH_MIN, from, to, &whole);
    for (size_t shift = 0; shift < 4 && st == BASE_OK && !whole; shift++) {
        n = pol_b64_decode(run, shift, run.n, b->raw);
        if (pol_is_deflated(b->raw, n) && (st = unpack(b, &n)) != BASE_OK)
            break;
        st = stretches(b, n, binary && n / 5 * 4 > STRETCH_MIN ? n / 5 * 4 : STRETCH_MIN, from, to,
                       &whole);
    }
    return st;
}

/* The runs in the text that was taken out since `piece`, decoded in their turn. */
static enum base_status again(struct pol_b64 *b, size_t piece, size_t most)
{
    enum base_status st = BASE_OK;
    char *copy = NULL;
    size_t cap = 0, last = b->n_v;

    for (; piece < last && st == BASE_OK && b->n < most; piece++) {
        const struct pol_b64_piece of = b->v[piece];
        size_t n = (piece + 1 < last ? b->v[piece + 1].at : b->n) - of.at;

        if (piece + 1 == last && b->n_v > last)
            n = b->v[last].at - of.at;
        if (!base_grow((void **)&copy, &cap, n, 1)) {
            st = BASE_ENOMEM;
            break;
        }
        memcpy(copy, b->text + of.at, n); /* the text moves when it grows */
        struct base_str in = {copy, n};
        for (size_t i = next_run(in, 0), e; i < n && st == BASE_OK; i = next_run(in, e)) {
            e = run_end(in, i);
            st = take(b, base_str_n(copy + i, e - i), says_binary(in, i), of.from, of.to);
        }
    }
    if (copy)
        base_wipe(copy, cap);
    free(copy);
    return st;
}

enum base_status pol_b64_collect(struct pol_b64 *b, struct base_str in)
{
    enum base_status st = BASE_OK;
    size_t done = 0, most = in.n * GROWTH_MAX;

    b->n = b->n_v = 0;
    b->cut = false;
    b->budget = in.n * INFLATE_MAX + INFLATE_LEAST;
    for (size_t i = next_run(in, 0); i < in.n && st == BASE_OK; i = next_run(in, i)) {
        size_t e = run_end(in, i);

        st = take(b, base_str_n(in.p + i, e - i), says_binary(in, i), i, e);
        i = e;
    }
    for (int level = 1; level < LEVELS && st == BASE_OK && done < b->n_v; level++) {
        size_t first = done;

        done = b->n_v;
        st = again(b, first, most);
    }
    return st;
}

const struct pol_b64_piece *pol_b64_piece_at(const struct pol_b64 *b, size_t i)
{
    size_t lo = 0, hi = b->n_v;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (b->v[mid].at <= i)
            lo = mid;
        else
            hi = mid;
    }
    return &b->v[lo];
}

void pol_b64_release(struct pol_b64 *b)
{
    if (b->text)
        base_wipe(b->text, b->cap);
    if (b->raw)
        base_wipe(b->raw, b->cap_raw);
    free(b->text);
    free(b->raw);
    free(b->v);
    memset(b, 0, sizeof(*b));
}
