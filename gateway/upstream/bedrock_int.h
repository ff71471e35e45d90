/* bedrock_int.h - the halves of the Bedrock wire. Not for other folders. */
#ifndef GW_UPSTREAM_BEDROCK_INT_H
#define GW_UPSTREAM_BEDROCK_INT_H

#include "gateway/upstream/wire_int.h"

/* wire.h's write, in bedrock_write.c. */
enum base_status gw_bedrock_write(const struct conf_target *t, struct chat_request *r,
                                  struct gw_wire_request *head, struct base_buf *body,
                                  struct base_buf *dropped, struct base_arena *a,
                                  struct base_err *err) BASE_MUST_CHECK;
/* bedrock_auth.c: path and authentication of a request whose body is complete. action: what stands
 * behind the model's id ("converse"). */
enum base_status gw_bedrock_authorise(const struct conf_target *t, const char *action,
                                      struct base_str body, struct gw_wire_request *head,
                                      struct base_arena *a, struct base_err *err) BASE_MUST_CHECK;
/* bedrock_error.c: wire.h's error_parse and error_head; and an exception of a stream -> w's. */
void gw_bedrock_error_parse(int status, struct base_str body, struct base_arena *a,
                            struct chat_error *out);
void gw_bedrock_error_head(const struct gw_http_head *h, struct base_arena *a,
                           struct chat_error *out);
void gw_bedrock_exception(struct gw_wire_reader *w, struct base_str type, struct base_str payload);

#endif
