/* openai_int.h - what the parts of OpenAI's chat dialect share. Not for other folders. */
#ifndef GW_DIALECT_OPENAI_INT_H
#define GW_DIALECT_OPENAI_INT_H

#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include <stdio.h>

/* dialect.h's parse, in openai_parse.c. */
enum base_status gw_openai_parse(struct base_str body, struct base_arena *a,
                                 struct chat_request *out,
                                 struct gw_api_error *api_err) BASE_MUST_CHECK;

/* ---- a parse in progress ---- */

struct gw_px {
    struct base_arena *a;
    struct gw_api_error *e;
    int message, part, call, tool; /* where we are; -1: not there */
};

/* Fill p->e and return BASE_EINVAL: a 400 that names field at the place p is at (NULL: the place
 * itself). what is put behind the name. */
enum base_status gw_px_bad(const struct gw_px *p, const char *code, const char *field,
                           const char *what);
enum base_status gw_px_bad_type(const struct gw_px *p, const char *field, const char *what);
/* Fills p->e with a 413 and returns BASE_LIMIT: the arena is exhausted. */
enum base_status gw_px_no_room(const struct gw_px *p);
/* Copies a string into the arena; *out stays as it is when v is absent or null. */
enum base_status gw_px_str(const struct gw_px *p, const json_t *v, const char *field,
                           struct base_str *out);
/* Members of obj that known (NULL-terminated) does not name -> *out, one JSON object or empty. */
enum base_status gw_px_extra(const struct gw_px *p, const json_t *obj, const char *const *known,
                             struct base_str *out);
/* The same for an object with an inner `function` object: see Mapping in openai_parse.c. */
enum base_status gw_px_function_extra(const struct gw_px *p, const json_t *obj, const json_t *inner,
                                      const char *const *outer_known,
                                      const char *const *inner_known, struct base_str *out);

/* openai_messages.c: root's `messages` -> r->messages. */
enum base_status gw_px_messages(struct gw_px *p, const json_t *root, struct chat_request *r);

#endif
