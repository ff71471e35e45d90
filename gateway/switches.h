/* switches.h - kill switches in a running gateway: from the file to every loop within a second.
 *
 * A thread of its own watches the state file (policy_state.h) and publishes each new snapshot to
 * the loops by post; a loop decides with the snapshot that it holds and never waits. What was done
 * is recorded afterwards: a switch does not wait for its record, as a revoked key does not.
 */
#ifndef GW_SWITCHES_H
#define GW_SWITCHES_H

#include "audit/audit.h"
#include "gateway/child.h"
#include "gateway/policy_state.h"

/* One snapshot, shared by the loops. */
struct gw_switches_ref {
    atomic_int refs;
    struct gw_policy_state *state;
};
void gw_switches_unref(struct gw_switches_ref *s);

/* Main thread, once each. start refuses when switches were in force and their file is gone. */
enum base_status gw_switches_start(struct gw_child *child, const char *path, const char *log_dir,
                                   struct aud_log *log, struct base_err *err) BASE_MUST_CHECK;
void gw_switches_stop(void);
/* The newest snapshot, with a reference for the caller. Any thread, between start and stop. */
struct gw_switches_ref *gw_switches_now(void);

/* After a reload: tells which switches have lost what they were about (a back end renamed). */
void gw_switches_warn(const struct conf *c);

/* The admin side: /admin/v1/kill. Loop 0. */
void gw_switches_admin(struct gw_server_request *r, struct base_str rest);

#endif
