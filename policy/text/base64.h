/* base64.h - text that hides in runs of base64 or hexadecimal. Internal to policy/.
 */
#ifndef POLICY_BASE64_H
#define POLICY_BASE64_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Bytes at..(the next piece's at) of the text came out of the run [from, to) of the input. */
struct pol_b64_piece {
    uint32_t at, from, to;
};

/* What was decoded: pieces in a row, an empty line between. Memory is kept between runs. */
struct pol_b64 {
    char *text;
    size_t n, cap;
    struct pol_b64_piece *v;
    size_t n_v, cap_v;
    char *raw; /* one run, decoded */
    size_t cap_raw;
    size_t budget; /* bytes that may yet be inflated */
    bool cut;      /* compressed data held more than that: not all was read */
};

/* Decodes every run of base64, base64url or hexadecimal in in (normalised text, at most
 * POL_TEXT_MAX bytes) that holds text, and runs in that. BASE_ENOMEM. */
enum base_status pol_b64_collect(struct pol_b64 *b, struct base_str in) BASE_MUST_CHECK;
/* A character of one of the alphabets, padding apart. */
bool pol_b64_char(char c);
/* Decodes [from, to) into out, which has room for it; returns the length. */
size_t pol_b64_decode(struct base_str in, size_t from, size_t to, char *out);
/* The end of the text (valid UTF-8 without control characters) that begins at i of n bytes. */
size_t pol_b64_text_end(const char *p, size_t n, size_t i);
/* The piece that byte i of the text lies in, or the one before the empty line that it lies in;
 * n_v > 0. */
const struct pol_b64_piece *pol_b64_piece_at(const struct pol_b64 *b, size_t i);
void pol_b64_release(struct pol_b64 *b); /* wipes */

#endif
