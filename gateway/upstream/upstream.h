/* upstream.h - what upstream/ offers beyond gateway/net/source.h. */
#ifndef GW_UPSTREAM_H
#define GW_UPSTREAM_H

#include "gateway/net/source.h"

/* Names of the fields that the attempt's wire could not carry, comma separated, or empty. Known as
 * soon as gw_upstream_start has returned; valid until the attempt ends. a: from gw_upstream_start.
 */
struct base_str gw_upstream_dropped(const struct gw_attempt *a);

#endif
