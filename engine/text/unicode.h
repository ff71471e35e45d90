/* unicode.h - the character classes that tokenizers and templates ask about.
 *
 * Backed by libutf8proc's tables (general category), with the White_Space property spelled out
 * since no category says it. Pure, any thread.
 */
#ifndef ENG_UNICODE_H
#define ENG_UNICODE_H

#include "base/str.h"

enum {
    ENG_UNI_LETTER = 1,  /* \p{L} */
    ENG_UNI_CASED = 2,   /* Lu, Ll or Lt: always with ENG_UNI_LETTER */
    ENG_UNI_MARK = 4,    /* \p{M} */
    ENG_UNI_NUMBER = 8,  /* \p{N} */
    ENG_UNI_PUNCT = 16,  /* \p{P} */
    ENG_UNI_SYMBOL = 32, /* \p{S} */
    ENG_UNI_SPACE = 64,  /* \s: the White_Space property */
    ENG_UNI_UPPER = 128, /* Lu or Lt */
    ENG_UNI_LOWER = 256  /* Ll */
};

/* The classes of a code point as a set of the bits above; 0 for anything else. */
unsigned eng_uni_class(uint32_t cp);
/* \p{Han}, which libutf8proc has no table of: Unicode's Scripts.txt, version 17. */
bool eng_uni_is_han(uint32_t cp);
uint32_t eng_uni_lower(uint32_t cp);
uint32_t eng_uni_upper(uint32_t cp);

/* Stands for a byte that begins no valid UTF-8 sequence: belongs to no class. */
#define ENG_UNI_BAD 0xFFFFFFFFu

/* The code point at p[i] (i < n); *len is its length in bytes, 1 for a bad byte. */
static inline uint32_t eng_uni_at(const char *p, size_t i, size_t n, size_t *len)
{
    unsigned char c = (unsigned char)p[i];
    if (c < 0x80) {
        *len = 1;
        return c;
    }
    uint32_t cp = ENG_UNI_BAD;
    *len = base_utf8_decode(p + i, n - i, &cp);
    if (*len == 0) {
        *len = 1;
        return ENG_UNI_BAD;
    }
    return cp;
}

#endif
