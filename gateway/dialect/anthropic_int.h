/* anthropic_int.h - what the parts of Anthropic's client dialect share. Not for other folders. */
#ifndef GW_DIALECT_ANTHROPIC_INT_H
#define GW_DIALECT_ANTHROPIC_INT_H

#include "gateway/dialect/openai_int.h" /* gw_px: a parse in progress is the same for all */

/* dialect.h's parse, in anthropic_parse.c: of a message and of a count. */
enum base_status gw_anthropic_parse(struct base_str body, struct base_arena *a,
                                    struct chat_request *out,
                                    struct gw_api_error *api_err) BASE_MUST_CHECK;
enum base_status gw_anthropic_parse_count(struct base_str body, struct base_arena *a,
                                          struct chat_request *out,
                                          struct gw_api_error *api_err) BASE_MUST_CHECK;

/* anthropic_messages.c: root's `system` and `messages` -> r->messages. */
enum base_status gw_ax_messages(struct gw_px *p, const json_t *root, struct chat_request *r);

/* anthropic_errors.c: dialect.h's error_body; and the dialect's word for an error in a stream. */
void gw_anthropic_error_body(struct base_buf *out, const struct gw_api_error *e,
                             struct base_str req_id);
const char *gw_anthropic_error_type(int status, struct base_str ours);

#endif
