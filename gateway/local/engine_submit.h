/* engine_submit.h - a request for the engine as JSON. */
#ifndef GW_ENGINE_SUBMIT_H
#define GW_ENGINE_SUBMIT_H

#include "base/buf.h"
#include "gateway/net/source.h"

/* Appends the SUBMIT payload for spec (its target is a local model), and to dropped the names of
 * what it cannot carry, comma separated (for x-weir-dropped). False: out is full. */
bool gw_engine_submit(struct base_buf *out, struct base_buf *dropped,
                      const struct gw_attempt_spec *spec);

#endif
