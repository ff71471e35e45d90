/* fold.c - the bytes that the features are taken from: head and tail of a text, in one plain form.
 *
 * Of a long text only its start and its end are read, so that cost is bounded whatever comes.
 * Folding makes what looks alike be alike: lower case, Latin accents off, full-width forms to
 * ASCII, typographic quotes and dashes to plain ones, zero-width characters and combining marks
 * gone, invalid UTF-8 to spaces. Pure functions of the bytes, no locale; they cannot fail.
 */
#include "gateway/route/fold.h"

size_t gw_fold_sample(const struct base_str *pc, size_t n, char *raw, uint64_t *total)
{
    uint64_t all = 0, at = 0;
    size_t out = 0;

    n = n > GW_FEAT_PIECES_MAX ? GW_FEAT_PIECES_MAX : n;
    for (size_t i = 0; i < n; i++)
        all += pc[i].n;
    *total = all;
    for (size_t i = 0; i < n; at += pc[i].n, i++) {
        uint64_t lo, hi = at + pc[i].n, tail = all - GW_FEAT_TAIL_BYTES;

        if (all <= GW_FEAT_TEXT_BYTES) {
            if (pc[i].n)
                memcpy(raw + out, pc[i].p, pc[i].n);
            out += pc[i].n;
            continue;
        }
        if (at < GW_FEAT_HEAD_BYTES) {
            uint64_t end = hi < GW_FEAT_HEAD_BYTES ? hi : GW_FEAT_HEAD_BYTES;

            if (end > at)
                memcpy(raw + out, pc[i].p, (size_t)(end - at));
            out += (size_t)(end - at);
        }
        lo = at > tail ? at : tail;
        if (hi > lo) {
            memcpy(raw + out, pc[i].p + (lo - at), (size_t)(hi - lo));
            out += (size_t)(hi - lo);
        }
    }
    return out;
}

/* U+00C0..U+017F without their accents; '\0' stands for a sequence handled apart. */
static const char latin_fold[] = "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty"
                                 "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
                                 "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* Writes the folded form of one code point at out; returns its length (never above n, the length
 * of the original). 0 drops it. */
static size_t fold_cp(uint32_t cp, const char *in, size_t n, char *out)
{
    if (cp >= 0xc0 && cp <= 0x17f && cp != 0xd7 && cp != 0xf7) {
        char c = latin_fold[cp - 0xc0];

        if (cp == 0xdf) {
            out[0] = out[1] = 's';
            return 2;
        }
        if (cp == 0xc6 || cp == 0xe6 || cp == 0x152 || cp == 0x153) {
            out[0] = cp >= 0x152 ? 'o' : 'a';
            out[1] = 'e';
            return 2;
        }
        out[0] = c;
        return 1;
    }
    if (cp >= 0xff01 && cp <= 0xff5e) { /* full-width ASCII */
        char c = (char)(cp - 0xfee0);

        out[0] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return 1;
    }
    if ((cp >= 0x200b && cp <= 0x200f) || cp == 0xfeff || cp == 0xad || cp == 0x2060)
        return 0;
    if (cp == 0x2018 || cp == 0x2019) {
        out[0] = '\'';
        return 1;
    }
    if (cp == 0x201c || cp == 0x201d || cp == 0xab || cp == 0xbb || cp == 0x201e) {
        out[0] = '"';
        return 1;
    }
    if (cp == 0x2013 || cp == 0x2014 || cp == 0x2212) {
        out[0] = '-';
        return 1;
    }
    if (cp == 0xa0 || cp == 0xd7 || cp == 0xf7 || (cp >= 0x2000 && cp <= 0x206f)) {
        out[0] = cp == 0xd7 ? '*' : cp == 0xf7 ? '/' : ' ';
        return 1;
    }
    if ((cp >= 0x391 && cp <= 0x3a9) || (cp >= 0x410 && cp <= 0x42f)) /* Greek, Cyrillic capitals */
        return base_utf8_encode(cp + 32, out);
    memcpy(out, in, n);
    return n;
}

size_t gw_fold(const char *raw, size_t n, char *out)
{
    size_t o = 0;

    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)raw[i];
        uint32_t cp;
        size_t k;

        if (c < 0x80) {
            out[o++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
            i++;
            continue;
        }
        k = base_utf8_decode(raw + i, n - i, &cp);
        if (k == 0) {
            out[o++] = ' ';
            i++;
            continue;
        }
        if (cp == 0x301 || (cp >= 0x300 && cp <= 0x36f)) { /* combining marks */
            i += k;
            continue;
        }
        o += fold_cp(cp, raw + i, k, out + o);
        i += k;
    }
    return o;
}
