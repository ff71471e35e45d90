/* leaf.h - what may become a leaf, checked without allocating, on the submitting thread. Private to
 * audit/.
 */
#ifndef AUD_LEAF_H
#define AUD_LEAF_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The members every leaf has, borrowed from its bytes (strings still escaped). */
struct aud_leaf {
    uint64_t v;
    uint64_t t; /* microseconds UTC */
    struct base_str ev, req, tenant;
    bool has_attempt;
    uint64_t attempt;
};

/* True if s is one JSON object (RFC 8259, valid UTF-8, no key twice in an object, keys without
 * escapes, at most 32 deep, numbers of at most 32 characters that fit) with integer v >= 1 and
 * t >= 1 and strings ev, req, tenant. Linear in s but for objects with many keys. */
bool aud_leaf_parse(struct base_str s, struct aud_leaf *out);

#endif
