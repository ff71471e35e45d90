/* gemini_int.h - the halves of Gemini's wire. Not for other folders. */
#ifndef GW_UPSTREAM_GEMINI_INT_H
#define GW_UPSTREAM_GEMINI_INT_H

#include "gateway/upstream/wire_int.h"

/* wire.h's write, in gemini_write.c. */
enum base_status gw_gemini_write(const struct conf_target *t, struct chat_request *r,
                                 struct gw_wire_request *head, struct base_buf *body,
                                 struct base_buf *dropped, struct base_arena *a,
                                 struct base_err *err) BASE_MUST_CHECK;
/* gemini_config.c: `generationConfig`, from numbers and from what an OpenAI client puts beside them
 * (response_format, reasoning_effort). Names the rest of r->extra in dropped. model is the name at
 * the provider. */
enum base_status gw_gemini_config(struct base_json *j, struct base_str model,
                                  const struct chat_request *r, struct base_buf *dropped,
                                  struct base_err *err) BASE_MUST_CHECK;
/* True for models of the third generation and later: levels of thought instead of budgets, and
 * signatures that are asked for. */
bool gw_gemini_is_new(struct base_str model);

#endif
