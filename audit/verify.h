/* verify.h - the parts of the verifier that two files share. Private to audit/. */
#ifndef AUD_VERIFY_H
#define AUD_VERIFY_H

#include "audit/audit.h"
#include "audit/merkle.h"

struct ver_tiles;

/* Says what does not hold, once: later calls are ignored. Returns false, for `return ver_bad(...)`.
 */
bool ver_bad(struct aud_verify_report *r, uint64_t index, const char *fmt, ...) BASE_PRINTF(3, 4);

struct ver_tiles *ver_tiles_new(const char *dir, struct aud_verify_report *r);
void ver_tiles_free(struct ver_tiles *t);
/* The next leaf, in order. False: a tile that is there does not match (said in the report). */
bool ver_tiles_leaf(struct ver_tiles *t, struct base_str leaf, const struct aud_hash *h);
/* The partial tiles, and (unless live) that tile/ holds nothing beyond the log. */
bool ver_tiles_end(struct ver_tiles *t, bool live);

#endif
