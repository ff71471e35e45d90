/* mistral_int.h - the halves of Mistral's wire. Not for other folders. */
#ifndef GW_UPSTREAM_MISTRAL_INT_H
#define GW_UPSTREAM_MISTRAL_INT_H

#include "gateway/upstream/wire_int.h"

/* wire.h's write, in mistral_write.c. */
enum base_status gw_mistral_write(const struct conf_target *t, struct chat_request *r,
                                  struct gw_wire_request *head, struct base_buf *body,
                                  struct base_buf *dropped, struct base_arena *a,
                                  struct base_err *err) BASE_MUST_CHECK;

#endif
