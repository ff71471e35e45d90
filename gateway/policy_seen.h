/* policy_seen.h - what the log's folder remembers of the policy state: FOLDER/keys/policy.seen.
 *
 * The state file (policy_state.h) lies where an operator can edit it, lose it, or put an old copy
 * back. This is the second place: what was switched off, and which revisions were in force, as the
 * gateway last knew. It is no evidence (that is the log's matter) and its loss stops nothing; with
 * it, a state file that has forgotten something is noticed.
 */
#ifndef GW_POLICY_SEEN_H
#define GW_POLICY_SEEN_H

#include "gateway/policy_state.h"

/* A snapshot. */
struct gw_policy_seen {
    struct base_arena *arena;
    uint64_t serial;        /* of the last event that the log was told */
    size_t n_kills;         /* in force then */
    struct pol_kills kills; /* which; empty where a former version wrote the file */
    struct gw_floor floors[GW_GOVERNED];
};

/* Never NULL but when memory is out; what is missing or does not hold is empty. Blocks. */
struct gw_policy_seen *gw_policy_seen_load(const char *log_dir);
void gw_policy_seen_free(struct gw_policy_seen *s);
/* Writes one half and keeps the other. The gateway's threads only; blocks. */
enum base_status gw_policy_seen_told(const char *log_dir, uint64_t serial,
                                     const struct pol_kills *kills,
                                     struct base_err *err) BASE_MUST_CHECK;
enum base_status gw_policy_seen_floors(const char *log_dir,
                                       const struct gw_floor floors[GW_GOVERNED],
                                       struct base_err *err) BASE_MUST_CHECK;

#endif
