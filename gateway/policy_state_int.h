/* policy_state_int.h - what policy_state.c (the file) and policy_floor.c (revisions) share. */
#ifndef GW_POLICY_STATE_INT_H
#define GW_POLICY_STATE_INT_H

#include "gateway/policy_state.h"

/* s as it is now, with `more` behind its events. Under the file's lock. */
enum base_status gw_policy_state_write(const char *path, const struct gw_policy_state *s,
                                       const struct gw_state_change *more, size_t n_more,
                                       struct base_err *err) BASE_MUST_CHECK;

#endif
