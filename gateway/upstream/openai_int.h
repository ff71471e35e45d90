/* openai_int.h - the halves of the OpenAI wire. Not for other folders. */
#ifndef GW_UPSTREAM_OPENAI_INT_H
#define GW_UPSTREAM_OPENAI_INT_H

#include "gateway/upstream/wire_int.h"

/* wire.h's write, in openai_write.c. */
enum base_status gw_openai_write(const struct conf_target *t, struct chat_request *r,
                                 struct gw_wire_request *head, struct base_buf *body,
                                 struct base_buf *dropped, struct base_arena *a,
                                 struct base_err *err) BASE_MUST_CHECK;

/* The body alone, for those who share it: azure.c. */
enum base_status gw_openai_write_body(const struct conf_target *t, struct chat_request *r,
                                      struct base_buf *body, struct base_buf *dropped,
                                      struct base_err *err) BASE_MUST_CHECK;
/* azure.c: the path of a call ("/chat/completions") as its back end's form of address wants it.
 * NULL when a is exhausted. */
const char *gw_azure_address(const struct conf_target *t, const char *call, struct base_arena *a);
/* openai_read.c, for the same and for mistral_read.c. */
struct gw_wire_reader *gw_openai_reader_new(bool stream, chat_event_fn fn, void *ctx);
void gw_openai_error_parse(int status, struct base_str body, struct base_arena *a,
                           struct chat_error *out);

#endif
