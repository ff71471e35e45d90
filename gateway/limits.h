/* limits.h - what a request asks of the model, for the policy; and what the policy makes of it
 * (policy/decide/limits.c). Loop thread or pool: whoever has the request to itself.
 */
#ifndef GW_LIMITS_H
#define GW_LIMITS_H

#include "gateway/request_types.h"

/* What r asks: output tokens, sampling, effort, and how many bytes of text it holds. */
void gw_limits_read(struct chat_request *r, struct pol_asks *out);
/* Puts what the decision allows into q->sent. False: no memory. */
bool gw_limits_apply(struct gw_request *q) BASE_MUST_CHECK;
/* x-weir-limited: temperature=0.7,output_tokens=512 */
void gw_limits_header(const struct gw_request *q, struct base_buf *out);
/* The caller's own name for what a limit is about, or NULL. */
const char *gw_limits_param(const struct gw_request *q);

#endif
