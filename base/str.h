/* str.h - strings that carry their length. A base_str borrows its bytes; it need not end in NUL
 * and may hold any byte. Passed by value. {NULL, 0} is the empty string.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct base_str {
    const char *p;
    size_t n;
};

#define BASE_STR(lit)                                                                              \
    ((struct base_str){(lit), sizeof(lit) - 1}) /* for string literals                          */
#define BASE_STR_NULL ((struct base_str){NULL, 0})
#define BASE_FMT(s)   (int)(s).n, (s).p ? (s).p : "" /* for printf's %.*s */

static inline struct base_str base_str_c(const char *z)
{
    return (struct base_str){z, z ? strlen(z) : 0};
}

static inline struct base_str base_str_n(const void *p, size_t n)
{
    return (struct base_str){(const char *)p, n};
}

static inline bool base_str_eq(struct base_str a, struct base_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool base_str_is(struct base_str a, const char *z)
{
    return base_str_eq(a, base_str_c(z));
}

/* ASCII case-insensitive comparison. */
bool base_str_ieq(struct base_str a, struct base_str b);
bool base_str_starts(struct base_str s, struct base_str prefix);
bool base_str_ends(struct base_str s, struct base_str suffix);
/* Index of the first occurrence at or after from, or SIZE_MAX. */
size_t base_str_find(struct base_str s, struct base_str needle, size_t from);
/* Without leading and trailing ASCII space, \t, \r, \n. */
struct base_str base_str_trim(struct base_str s);
/* Splits at the first sep: returns the part before it and moves *rest behind it. At the end the
 * whole rest is returned and rest->p becomes NULL. */
struct base_str base_str_cut(struct base_str *rest, char sep);
/* Whole string as decimal, no sign, no spaces, no overflow; false leaves *out alone. */
bool base_str_u64(struct base_str s, uint64_t *out);
/* Constant-time comparison for secrets (time depends on the lengths only). */
bool base_str_eq_secret(struct base_str a, struct base_str b);

/* UTF-8: decodes the code point at p[0..n), stores it and returns its length in bytes; an invalid
 * or cut sequence (RFC 3629: no overlong forms, no surrogates) returns 0. */
size_t base_utf8_decode(const char *p, size_t n, uint32_t *cp);
/* Encodes cp into out[4]; returns the length, 0 if cp is no scalar value. */
size_t base_utf8_encode(uint32_t cp, char out[4]);
bool base_utf8_valid(struct base_str s);
/* How many bytes at the end of s are the start of a sequence that more input could complete
 * (0 to 3): streams hold those back. */
size_t base_utf8_partial_tail(struct base_str s);

#endif
