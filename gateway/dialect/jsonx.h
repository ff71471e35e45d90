/* jsonx.h - JSON from outside, for the translators of dialect/ and upstream/.
 *
 * jansson parses, with the rules that hold for everything from outside: one object, no duplicate
 * keys, valid UTF-8, bounded depth. The other half writes: json_t back to text without loss of
 * precision, members of an `extra` object into an object being written, names into a list of what
 * was dropped. No state; any thread.
 */
#ifndef GW_DIALECT_JSONX_H
#define GW_DIALECT_JSONX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include <jansson.h>

/* Nesting that a body may have; tool schemas rarely pass 20. */
#define GW_JSON_DEPTH_MAX 48

/* An owned JSON object, or NULL with err (BASE_EINVAL; the text names line, column and what is
 * wrong, never content). nul_ok: strings may hold \u0000 (answers), else that is an error. */
json_t *gw_json_load(struct base_str text, bool nul_ok, struct base_err *err);

/* A string value's bytes, borrowed from v; {NULL, 0} when v is NULL or no string. */
struct base_str gw_json_str(const json_t *v);
/* obj[key] of the kind asked for; 0, empty or NULL when absent or of another kind. */
struct base_str gw_json_get_str(const json_t *obj, const char *key);
const json_t *gw_json_get_obj(const json_t *obj, const char *key);
int64_t gw_json_get_count(const json_t *obj, const char *key); /* negative counts as absent */

/* True if word stands anywhere in text: a cheap test before parsing. */
bool gw_json_mentions(struct base_str text, const char *word);

/* Appends v as compact JSON: members in their order, reals in the shortest form that reads back
 * as the same double. False when out is full. */
bool gw_json_put(struct base_buf *out, const json_t *v);
/* The same into an arena; p == NULL when it is exhausted. */
struct base_str gw_json_text(struct base_arena *a, const json_t *v);
/* Appends a finite number: integers without a point, else the shortest exact form. */
bool gw_json_put_num(struct base_buf *out, double v);
/* key and number as a member of the object being written. */
void gw_json_knum(struct base_json *j, const char *key, double v);

/* Collects members into an `extra` object, text only. */
struct gw_json_extra {
    struct base_buf b;
};
void gw_json_extra_init(struct gw_json_extra *x);
void gw_json_extra_add(struct gw_json_extra *x, const char *key, const json_t *v);
/* The object as text in a, empty when nothing was added; BASE_LIMIT when out of room. Releases x
 * in any case. */
enum base_status gw_json_extra_end(struct gw_json_extra *x, struct base_arena *a,
                                   struct base_str *out) BASE_MUST_CHECK;

/* Writes the members of extra (a JSON object as text, or empty) into the object being written,
 * except those named in skip (NULL-terminated, may be NULL). BASE_EBUG when extra does not parse:
 * what edited it broke it. */
enum base_status gw_json_merge(struct base_json *j, struct base_str extra, const char *const *skip,
                               struct base_err *err) BASE_MUST_CHECK;

/* Appends prefix and name to the comma-separated list, once, in characters that a header may
 * carry. Past the buffer's maximum the list is cut: it informs, nothing depends on it. */
void gw_dropped_add(struct base_buf *dropped, const char *prefix, const char *name);
/* The same for every member of extra. */
void gw_dropped_extra(struct base_buf *dropped, const char *prefix, struct base_str extra);

#endif
