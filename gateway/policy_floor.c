/* policy_floor.c - signed files do not go back: which revisions are still taken.
 *
 * For each signed file (policy, transfer tables, duties) the newest revision that was in force is a
 * floor. It is kept twice: in the state file, which an operator can lose, and in the log's folder
 * (policy_seen.h). The higher one counts, unless the state file holds an event `rollback` that is
 * newer than what the other remembers: going back is an act with a name and a reason, never a file
 * that vanished. `rollback --to 0` takes all floors away, and with them the need for signatures.
 *
 * Fails closed: a signed file without `revision`, one that is older, another text of the same
 * number, and a configuration that has lost its policy_keys are refused with the way out.
 */
#include "gateway/policy_seen.h"
#include "gateway/policy_state_int.h"

#include "base/file.h"

#include <unistd.h>

static const char *const files[GW_GOVERNED] = {"the policy", "the transfer tables", "the duties"};
static const char *const of_files[GW_GOVERNED] = {"", " of the transfer tables", " of the duties"};

static bool rolled_back(const struct gw_policy_state *s, enum gw_governed of, uint64_t since)
{
    for (size_t i = 0; i < s->n_events; i++) {
        const struct gw_state_change *e = &s->events[i];
        if (e->act == GW_STATE_ROLLBACK && e->serial > since && (e->of == of || e->revision == 0))
            return true;
    }
    return false;
}

/* What counts of the two. */
static struct gw_floor floor_of(const struct gw_policy_state *s, const struct gw_policy_seen *seen,
                                enum gw_governed of)
{
    struct gw_floor f = s->floors[of];
    if (!seen || rolled_back(s, of, seen->floors[of].at))
        return f;
    const struct gw_floor *other = &seen->floors[of];
    return other->revision > f.revision || (other->revision == f.revision && !f.id.n) ? *other : f;
}

enum base_status gw_policy_state_floor(const struct conf *c, enum gw_governed of,
                                       struct gw_floor *out, struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    enum base_status st = gw_policy_state_load(c->policy_state, &s, err);
    if (st != BASE_OK)
        return st;
    struct gw_policy_seen *seen = gw_policy_seen_load(c->audit.directory);
    *out = floor_of(s, seen, of);
    out->id = BASE_STR(""); /* its bytes go with the snapshots */
    gw_policy_seen_free(seen);
    gw_policy_state_free(s);
    return BASE_OK;
}

/* What c brings; 0 and "" where it has no such file. */
static struct gw_floor brought(const struct conf *c, enum gw_governed of)
{
    switch (of) {
    case GW_GOV_TABLES:
        return (struct gw_floor){.revision = c->tables.revision, .id = base_str_c(c->tables.id)};
    case GW_GOV_DUTIES:
        return (struct gw_floor){.revision = c->duties.revision, .id = base_str_c(c->duties.id)};
    default:
        return (struct gw_floor){.revision = c->policy.revision, .id = base_str_c(c->policy.id)};
    }
}

static bool present(const struct conf *c, enum gw_governed of)
{
    return of == GW_GOV_TABLES ? c->tables.present : of == GW_GOV_DUTIES ? c->duties.present : true;
}

static enum base_status allows(const struct conf *c, const struct gw_policy_state *s,
                               const struct gw_policy_seen *seen, enum gw_governed of,
                               struct base_err *err)
{
    struct gw_floor f = floor_of(s, seen, of), now = brought(c, of);
    if (!present(c, of))
        return BASE_OK;
    if (now.revision == 0)
        return base_err_set(err, BASE_DENIED,
                            "%s: what is signed needs `revision: N`, so that an old text cannot "
                            "come back",
                            files[of]);
    if (now.revision < f.revision)
        return base_err_set(err, BASE_DENIED,
                            "revision %u%s is older than %u, which was in force; `weir policy "
                            "rollback --of %s --to %u --reason ...` allows it",
                            now.revision, of_files[of], f.revision, gw_governed_name(of),
                            now.revision);
    if (now.revision == f.revision && f.id.n && !base_str_eq(f.id, now.id))
        return base_err_set(err, BASE_DENIED,
                            "revision %u%s was in force with another text: give the new text a "
                            "higher revision",
                            now.revision, of_files[of]);
    return BASE_OK;
}

static enum base_status all_allowed(const struct conf *c, const struct gw_policy_state *s,
                                    const struct gw_policy_seen *seen, struct base_err *err)
{
    enum base_status st = BASE_OK;
    for (int i = 0; c->n_policy_keys && i < GW_GOVERNED && st == BASE_OK; i++)
        st = allows(c, s, seen, (enum gw_governed)i, err);
    if (c->n_policy_keys == 0 && floor_of(s, seen, GW_GOV_POLICY).revision)
        st = base_err_set(err, BASE_DENIED,
                          "signatures were asked for, and the configuration has no policy_keys any "
                          "more; `weir policy rollback --to 0 --reason ...` does without them");
    return st;
}

bool gw_policy_state_names(const struct conf *c, enum pol_kill_kind kind, struct base_str value)
{
    struct conf_target t;
    bool found = false;
    switch (kind) {
    case POL_KILL_BACKEND:
        for (size_t i = 0; i < c->n_backends && !found; i++)
            found = c->backends[i].name && base_str_is(value, c->backends[i].name);
        return found || base_str_is(value, "local");
    case POL_KILL_MODEL:
        return conf_target_find(c, value, &t) == BASE_OK;
    case POL_KILL_COUNTRY:
        return conf_place_known(value) && !base_str_is(value, "on_premises");
    case POL_KILL_BASIS:
        for (int b = CONF_BASIS_NONE + 1; b <= CONF_BASIS_LAST && !found; b++)
            found = base_str_is(value, conf_basis_name((enum conf_basis)b));
        return found;
    case POL_KILL_USE_CASE:
        return conf_use_case_known(c, value);
    }
    return false;
}

enum base_status gw_policy_state_allows(const struct conf *c, struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    if (!c->policy_state) /* a policy on its own, without a configuration */
        return BASE_OK;
    enum base_status st = gw_policy_state_load(c->policy_state, &s, err);
    if (st != BASE_OK) /* who may not read it and asks for no signature has no business with it */
        return c->n_policy_keys ? st : BASE_OK;
    struct gw_policy_seen *seen = gw_policy_seen_load(c->audit.directory);
    st = all_allowed(c, s, seen, err);
    gw_policy_seen_free(seen);
    gw_policy_state_free(s);
    return st;
}

/* Sets the floors of s to what c brings; true if one of them changed. */
static bool set_floors(const struct conf *c, struct gw_policy_state *s)
{
    bool changed = false;
    for (int i = 0; i < GW_GOVERNED; i++) {
        struct gw_floor now = brought(c, (enum gw_governed)i), *f = &s->floors[i];
        if (!present(c, (enum gw_governed)i))
            continue;
        changed = changed || f->revision != now.revision || !base_str_eq(f->id, now.id);
        now.at = s->serial;
        *f = now;
    }
    return changed;
}

enum base_status gw_policy_state_accept(const struct conf *c, struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    if (c->n_policy_keys == 0)
        return BASE_OK;
    int fd = base_file_lock(c->policy_state, err);
    if (fd < 0)
        return BASE_EIO;
    enum base_status st = gw_policy_state_load(c->policy_state, &s, err);
    struct gw_policy_seen *seen = gw_policy_seen_load(c->audit.directory);
    if (st == BASE_OK)
        st = all_allowed(c, s, seen, err);
    if (st == BASE_OK && set_floors(c, s))
        st = gw_policy_state_write(c->policy_state, s, NULL, 0, err);
    if (st == BASE_OK)
        st = gw_policy_seen_floors(c->audit.directory, s->floors, err);
    gw_policy_seen_free(seen);
    gw_policy_state_free(s);
    close(fd);
    return st;
}
