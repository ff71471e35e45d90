/* openai_int.h - what the parsers and writers of OpenAI's dialects (chat completions, responses,
 * completions) share. Not for other folders.
 */
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
    const char *list;              /* what holds messages, NULL: "messages" */
    const char *parts;             /* what holds parts, NULL: "content" */
    int message, part, call, tool; /* where we are; -1: not there */
    struct base_buf *dropped;      /* names of members that are not carried; NULL: all are */
    bool in_system;                /* Anthropic: `part` is one of `system` */
    unsigned nested; /* Anthropic: 1 + where in the part's own content; 0: not in it */
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

/* Names the members of obj that known does not name, behind prefix, in p->dropped. */
void gw_px_drop(const struct gw_px *p, const json_t *obj, const char *const *known,
                const char *prefix);

/* One number of the top level. */
struct gw_px_number {
    const char *key;
    size_t offset; /* of the chat_opt_num in chat_request */
    double min, max;
    bool integer;
};
enum base_status gw_px_number(const struct gw_px *p, const json_t *root,
                              const struct gw_px_number *rule, struct chat_request *r);
/* Those that every dialect has, and those that compatible servers take beside them. */
#define GW_PX_NUMBERS 7
extern const struct gw_px_number gw_px_numbers[GW_PX_NUMBERS];

enum base_status gw_px_bool(const struct gw_px *p, const json_t *v, const char *field, bool *out);
/* *keep turns true when the seed must stay in `extra`: a double cannot hold it. */
enum base_status gw_px_seed(const struct gw_px *p, const json_t *root, struct chat_request *r,
                            bool *keep);
enum base_status gw_px_stop(const struct gw_px *p, const json_t *root, struct chat_request *r);
/* `stream` and `stream_options`; what of the latter is not include_usage is added to x. */
enum base_status gw_px_stream(const struct gw_px *p, const json_t *root, struct chat_request *r,
                              struct gw_json_extra *x);
bool gw_px_is_one_of(const char *key, const char *const *known);

#define GW_PX_TOOLS_MAX 1024 /* of a request */
/* root's `tools` -> r->tools, each by take. */
enum base_status gw_px_tools(struct gw_px *p, const json_t *root, struct chat_request *r,
                             enum base_status (*take)(const struct gw_px *p, const json_t *v,
                                                      struct chat_tool *out));

/* openai_messages.c: root's `messages` -> r->messages. */
enum base_status gw_px_messages(struct gw_px *p, const json_t *root, struct chat_request *r);

/* ---- answers (openai.c) ---- */

/* Appends {"error": {...}}, the body of an error in each of these dialects. */
void gw_openai_error_body(struct base_buf *out, const struct gw_api_error *e,
                          struct base_str req_id);
/* Appends the same as an event of a stream. */
void gw_openai_stream_error(const struct chat_error *e, struct base_buf *out);
/* The value of `usage` in chat completions and completions. */
void gw_openai_put_usage(struct base_json *j, const struct chat_usage *u);

#endif
