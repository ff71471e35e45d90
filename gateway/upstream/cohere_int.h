/* cohere_int.h - the halves of the Cohere wire. Not for other folders. */
#ifndef GW_UPSTREAM_COHERE_INT_H
#define GW_UPSTREAM_COHERE_INT_H

#include "gateway/upstream/wire_int.h"

/* wire.h's write, in cohere_write.c. */
enum base_status gw_cohere_write(const struct conf_target *t, struct chat_request *r,
                                 struct gw_wire_request *head, struct base_buf *body,
                                 struct base_buf *dropped, struct base_arena *a,
                                 struct base_err *err) BASE_MUST_CHECK;
/* {"id","message"}: wire.h's error_parse, in cohere_read.c. */
void gw_cohere_error_parse(int status, struct base_str body, struct base_arena *a,
                           struct chat_error *out);

#endif
