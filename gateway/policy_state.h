/* policy_state.h - what outlives a policy file: kill switches, and the last revision in force.
 *
 * One small JSON file (`policy_state`, beside the keys unless the configuration says otherwise),
 * replaced whole under a lock, so that `weir policy kill` works with the gateway running or not.
 * All of it may block: command line, main thread and switch watcher, never a loop.
 */
#ifndef GW_POLICY_STATE_H
#define GW_POLICY_STATE_H

#include "conf/conf.h"
#include "policy/policy.h"

#define GW_STATE_EVENTS_MAX 1000 /* of the past, kept in the file */
#define GW_STATE_KILLS_MAX  1000
#define GW_STATE_TEXT_MAX   400 /* bytes of a reason */

enum gw_state_act { GW_STATE_KILL, GW_STATE_REVIVE, GW_STATE_ROLLBACK, GW_STATE_ACCEPT };

/* One change: asked for, or told afterwards. Strings are borrowed. */
struct gw_state_change {
    enum gw_state_act act;
    enum pol_kill_kind kind; /* KILL, REVIVE */
    struct base_str value;   /* KILL, REVIVE: what it is about */
    uint32_t revision;       /* ROLLBACK, ACCEPT */
    struct base_str policy;  /* ACCEPT: "sha256:..." */
    struct base_str reason, by;
    struct base_str at; /* RFC 3339; set when told */
    uint64_t serial;    /* set when told */
};

/* A snapshot; immutable. */
struct gw_policy_state {
    struct base_arena *arena;
    bool there; /* the file exists */
    struct pol_kills kills;
    uint64_t serial;   /* of the newest event; never goes back, not even when the file is lost */
    uint32_t revision; /* no signed policy below it is accepted; 0: none was */
    struct base_str policy;
    struct gw_state_change *events; /* oldest first */
    size_t n_events;
};

/* A file that is not there is an empty state. BASE_EINVAL: it does not hold. */
enum base_status gw_policy_state_load(const char *path, struct gw_policy_state **out,
                                      struct base_err *err) BASE_MUST_CHECK;
void gw_policy_state_free(struct gw_policy_state *s);
/* Locks, reads, changes, writes. BASE_DONE: it is switched off already; BASE_ENOENT: nothing to
 * switch on again. ACCEPT of what is in force already changes nothing. */
enum base_status gw_policy_state_change(const char *path, const struct gw_state_change *what,
                                        struct base_err *err) BASE_MUST_CHECK;
/* Where signatures are asked for: whether c's policy may come after what was in force. BASE_DENIED
 * with the reason and the way out. */
enum base_status gw_policy_state_allows(const struct conf *c, struct base_err *err) BASE_MUST_CHECK;
/* Remembers c's policy as the one in force (where signatures are asked for). */
enum base_status gw_policy_state_accept(const struct conf *c, struct base_err *err) BASE_MUST_CHECK;
/* Switches as a JSON list. */
void gw_policy_state_kills_json(struct base_json *j, const struct gw_policy_state *s);
const char *gw_state_act_name(enum gw_state_act a); /* "kill", "revive", "rollback" */

#endif
