/* jsonwalk.h - the leaves of a JSON slot: reading them all, and rewriting some. Internal to
 * policy/.
 */
#ifndef POLICY_JSONWALK_H
#define POLICY_JSONWALK_H

#include "base/arena.h"
#include "base/chat.h"
#include "base/err.h"
#include "base/str.h"

#define POL_JSON_DEPTH_MAX 256

/* Called for every object key, string and number of a document, in document order. Numbers come
 * as they would be written. Anything but BASE_OK stops the walk and is returned. */
typedef enum base_status (*pol_json_leaf_fn)(void *ctx, struct base_str text, bool is_key,
                                             bool is_number);
/* BASE_EINVAL: no valid JSON (any JSON value is allowed at the top), or past the depth. */
enum base_status pol_json_leaves(struct base_str json, pol_json_leaf_fn fn, void *ctx,
                                 struct base_err *err) BASE_MUST_CHECK;

/* As above; raw is where the leaf stands in json, quotes included, and *repl may be set to what
 * stands there instead (a number becomes a string). The document is written anew to *out in the
 * arena only if something was replaced; else *out = json.
 */
typedef enum base_status (*pol_json_edit_fn)(void *ctx, struct base_str text, struct base_str raw,
                                             bool is_key, bool is_number, struct base_str *repl);
enum base_status pol_json_edit(struct base_str json, pol_json_edit_fn fn, void *ctx,
                               struct base_arena *a, struct base_str *out,
                               struct base_err *err) BASE_MUST_CHECK;

/* The digits to look for data in a number: those before the point of one that is written with a
 * point or an exponent ("4.111e15"), else text itself. Points into text or buf. */
struct base_str pol_json_digits(struct base_str text, char buf[32]);

/* The request's seed as text if it has as many digits as somebody's number may have, else empty. */
#define POL_SEED_TEXT_MAX 32
struct base_str pol_seed_text(const struct chat_request *r, char buf[POL_SEED_TEXT_MAX]);

#endif
