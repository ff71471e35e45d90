/* inflate.h - compressed text. Internal to policy/.
 */
#ifndef POLICY_INFLATE_H
#define POLICY_INFLATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether p[0..n) begins as gzip or zlib data do. */
bool pol_is_deflated(const char *p, size_t n);
/* Inflates into out, at most `most` bytes; returns how many. *cut: there was more. */
size_t pol_inflate(const char *p, size_t n, char *out, size_t most, bool *cut);

#endif
