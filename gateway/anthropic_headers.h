/* anthropic_headers.h - the request headers that only Anthropic's clients send. */
#ifndef GW_ANTHROPIC_HEADERS_H
#define GW_ANTHROPIC_HEADERS_H

#include "gateway/request_types.h"

/* After the body is parsed into q->chat: takes anthropic-beta into it, and refuses versions of the
 * interface that Weir does not speak. Touches only q; any thread that has the request to itself.
 * False: q->error is set. */
bool gw_anthropic_headers(struct gw_request *q) BASE_MUST_CHECK;

#endif
