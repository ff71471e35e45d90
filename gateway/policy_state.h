/* policy_state.h - what outlives a policy file: kill switches, and the last revisions in force.
 *
 * One small JSON file (`policy_state`, beside the keys unless the configuration says otherwise),
 * replaced whole under a lock, so that `weir policy kill` works with the gateway running or not.
 * All of it may block: command line, main thread and switch watcher, never a loop.
 */
#ifndef GW_POLICY_STATE_H
#define GW_POLICY_STATE_H

#include "base/json.h"
#include "conf/conf.h"
#include "policy/policy.h"

#include <jansson.h>

#define GW_STATE_EVENTS_MAX 1000 /* of the past, kept in the file */
#define GW_STATE_KILLS_MAX  1000
#define GW_STATE_TEXT_MAX   400 /* bytes of a reason */

enum gw_state_act { GW_STATE_KILL, GW_STATE_REVIVE, GW_STATE_ROLLBACK };

/* The signed files. */
enum gw_governed { GW_GOV_POLICY, GW_GOV_TABLES, GW_GOV_DUTIES, GW_GOVERNED };

/* The newest text of one of them that was in force: nothing older is taken. */
struct gw_floor {
    uint32_t revision;  /* 0: none was */
    struct base_str id; /* "sha256:..."; empty after a rollback: any text of that number */
    uint64_t at;        /* serial of the newest event then */
};

/* One change: asked for, or told afterwards. Strings are borrowed. */
struct gw_state_change {
    enum gw_state_act act;
    enum pol_kill_kind kind; /* KILL, REVIVE */
    struct base_str value;   /* KILL, REVIVE: what it is about */
    uint32_t revision;       /* ROLLBACK; 0: unsigned texts as well, of all files */
    enum gw_governed of;     /* ROLLBACK */
    struct base_str reason, by;
    struct base_str at; /* RFC 3339; set when told */
    uint64_t serial;    /* set when told */
};

/* A snapshot; immutable. */
struct gw_policy_state {
    struct base_arena *arena;
    bool there; /* the file exists */
    struct pol_kills kills;
    uint64_t serial; /* of the newest event; never goes back, not even when the file is lost */
    struct gw_floor floors[GW_GOVERNED];
    struct gw_state_change *events; /* oldest first */
    size_t n_events;
};

/* A file that is not there is an empty state. BASE_EINVAL: it does not hold. */
enum base_status gw_policy_state_load(const char *path, struct gw_policy_state **out,
                                      struct base_err *err) BASE_MUST_CHECK;
void gw_policy_state_free(struct gw_policy_state *s);
/* Locks, reads, changes, writes. BASE_DONE: it is switched off already; BASE_ENOENT: nothing to
 * switch on again. */
enum base_status gw_policy_state_change(const char *path, const struct gw_state_change *what,
                                        struct base_err *err) BASE_MUST_CHECK;
/* True if one of `known`, which were in force at `serial`, is neither in s nor taken back in it. */
bool gw_policy_state_lost(const struct gw_policy_state *s, const struct pol_kills *known,
                          uint64_t serial);
/* Writes those back into the file (also where there is none), each with an event. */
enum base_status gw_policy_state_restore(const char *path, const struct pol_kills *known,
                                         uint64_t serial, struct base_err *err) BASE_MUST_CHECK;
/* Whether the configuration has anything that such a switch would stop. */
bool gw_policy_state_names(const struct conf *c, enum pol_kill_kind kind, struct base_str value);
/* The revision of a file below which nothing is taken, from the state file and from what the log's
 * folder remembers of it (policy_seen.h). 0: none. */
enum base_status gw_policy_state_floor(const struct conf *c, enum gw_governed of,
                                       struct gw_floor *out, struct base_err *err) BASE_MUST_CHECK;
/* Whether c's signed files may come after what was in force, and whether signatures that were asked
 * for are still asked for. BASE_DENIED with the reason and the way out. */
enum base_status gw_policy_state_allows(const struct conf *c, struct base_err *err) BASE_MUST_CHECK;
/* The same under the file's lock, and remembers c's signed files as those in force. */
enum base_status gw_policy_state_accept(const struct conf *c, struct base_err *err) BASE_MUST_CHECK;
/* Switches as a JSON list. */
void gw_policy_state_kills_json(struct base_json *j, const struct pol_kills *kills);
/* Reads such a list; false if it is none, or more than GW_STATE_KILLS_MAX. */
bool gw_policy_state_kills_read(const json_t *v, struct base_arena *a,
                                struct pol_kills *out) BASE_MUST_CHECK;
void gw_floor_json(struct base_json *j, const struct gw_floor *f); /* {"revision","id","at"} */
const char *gw_state_act_name(enum gw_state_act a); /* "kill", "revive", "rollback" */
const char *gw_governed_name(enum gw_governed g);   /* "policy", "tables", "duties" */

#endif
