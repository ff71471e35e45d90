/* openai_int.h - what the two halves of OpenAI's chat dialect share. Not for other folders. */
#ifndef GW_DIALECT_OPENAI_INT_H
#define GW_DIALECT_OPENAI_INT_H

#include "gateway/dialect/dialect.h"
#include <stdio.h>

/* dialect.h's parse, in openai_parse.c. */
enum base_status gw_openai_parse(struct base_str body, struct base_arena *a,
                                 struct chat_request *out,
                                 struct gw_api_error *api_err) BASE_MUST_CHECK;

#endif
