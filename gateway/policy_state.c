/* policy_state.c - the file of kill switches and of the last revision in force; see policy_state.h.
 *
 * File (JSON, version 1, mode 0600, replaced whole):
 *   {"v":1,"serial":N,"revision":N,"policy":"sha256:..",
 *    "kills":[{"kind","value","reason","by","since"}],
 *    "events":[{"serial","act","kind","value","revision","reason","by","at"}]}
 *
 * A serial is at least the wall clock in microseconds: it goes on rising when the file is lost, so
 * that whoever has told the events up to some serial never mistakes a new one for an old one.
 * Writers lock FILE.lock, not FILE: FILE is replaced. A writer that fails leaves the old file.
 */
#include "gateway/policy_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_BYTES_MAX  (4u << 20)
#define ARENA_BYTES_MAX (32u << 20)

static const char *const acts[] = {"kill", "revive", "rollback", "accept"};

const char *gw_state_act_name(enum gw_state_act a)
{
    return (unsigned)a <= GW_STATE_ACCEPT ? acts[a] : "?";
}

/* ---- reading ---- */

static struct base_str str(struct base_arena *a, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    struct base_str s =
        json_is_string(v) ? base_str_n(json_string_value(v), json_string_length(v)) : BASE_STR("");
    s = base_arena_dup(a, s);
    return s.p ? s : BASE_STR("");
}

static bool read_kills(struct gw_policy_state *s, const json_t *v)
{
    size_t n = json_array_size(v);
    struct pol_kill *k = base_arena_array(s->arena, n + 1, sizeof(*k));
    if (!k || n > GW_STATE_KILLS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i);
        if (!pol_kill_kind_find(str(s->arena, o, "kind"), &k[i].kind))
            return false;
        k[i].value = str(s->arena, o, "value");
        k[i].reason = str(s->arena, o, "reason");
        k[i].since = str(s->arena, o, "since");
        if (k[i].value.n == 0)
            return false;
    }
    s->kills = (struct pol_kills){k, n};
    return true;
}

static bool read_events(struct gw_policy_state *s, const json_t *v)
{
    size_t n = json_array_size(v);
    s->events = base_arena_array(s->arena, n + 1, sizeof(*s->events));
    if (!s->events || n > GW_STATE_EVENTS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i);
        struct gw_state_change *e = &s->events[s->n_events++];
        struct base_str act = str(s->arena, o, "act");
        int a = 0;
        while (a < GW_STATE_ACCEPT && !base_str_is(act, acts[a]))
            a++;
        if (a == GW_STATE_ACCEPT)
            return false;
        *e = (struct gw_state_change){
            .act = (enum gw_state_act)a,
            .value = str(s->arena, o, "value"),
            .revision = (uint32_t)json_integer_value(json_object_get(o, "revision")),
            .reason = str(s->arena, o, "reason"),
            .by = str(s->arena, o, "by"),
            .at = str(s->arena, o, "at"),
            .serial = (uint64_t)json_integer_value(json_object_get(o, "serial"))};
        if (a != GW_STATE_ROLLBACK && !pol_kill_kind_find(str(s->arena, o, "kind"), &e->kind))
            return false;
    }
    return true;
}

static bool read_all(struct gw_policy_state *s, const json_t *root)
{
    const json_t *serial = json_object_get(root, "serial");
    const json_t *revision = json_object_get(root, "revision");
    if (json_integer_value(json_object_get(root, "v")) != 1 || !json_is_integer(serial) ||
        !json_is_array(json_object_get(root, "kills")) ||
        !json_is_array(json_object_get(root, "events")))
        return false;
    s->serial = (uint64_t)json_integer_value(serial);
    s->revision = (uint32_t)json_integer_value(revision);
    s->policy = str(s->arena, root, "policy");
    return read_kills(s, json_object_get(root, "kills")) &&
           read_events(s, json_object_get(root, "events"));
}

enum base_status gw_policy_state_load(const char *path, struct gw_policy_state **out,
                                      struct base_err *err)
{
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct gw_policy_state *s = a ? base_arena_alloc(a, sizeof(*s)) : NULL;
    struct base_err why = {0};
    struct base_buf b;
    json_t *root = NULL;
    *out = NULL;
    base_buf_init(&b, FILE_BYTES_MAX);
    enum base_status st = BASE_OK;
    if (!s) {
        st = base_err_set(err, BASE_ENOMEM, "out of memory");
        goto out;
    }
    s->arena = a;
    st = base_file_read(path, &b, &why);
    if (st != BASE_OK && why.sys == ENOENT) {
        st = BASE_OK;
        goto out;
    }
    if (st != BASE_OK) {
        st = base_err_set(err, st, "%s", why.text);
        goto out;
    }
    s->there = true;
    root = json_loadb(b.p ? b.p : "", b.n, JSON_REJECT_DUPLICATES, NULL);
    if (!root || !read_all(s, root))
        st = base_err_set(err, BASE_EINVAL,
                          "%s does not hold; restore it, or move it away and set the kill switches "
                          "again (weir policy kill)",
                          path);
out:
    json_decref(root);
    base_buf_release(&b);
    if (st == BASE_OK)
        *out = s;
    else
        base_arena_free(a);
    return st;
}

void gw_policy_state_free(struct gw_policy_state *s)
{
    if (s)
        base_arena_free(s->arena);
}

/* ---- writing ---- */

void gw_policy_state_kills_json(struct base_json *j, const struct gw_policy_state *s)
{
    base_json_arr(j);
    for (size_t i = 0; i < s->kills.n; i++) {
        const struct pol_kill *k = &s->kills.v[i];
        base_json_obj(j);
        base_json_kz(j, "kind", pol_kill_kind_name(k->kind));
        base_json_kstr(j, "value", k->value);
        base_json_kstr(j, "reason", k->reason);
        base_json_kstr(j, "since", k->since);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void put_event(struct base_json *j, const struct gw_state_change *e)
{
    base_json_obj(j);
    base_json_kint(j, "serial", (int64_t)e->serial);
    base_json_kz(j, "act", gw_state_act_name(e->act));
    if (e->act != GW_STATE_ROLLBACK) {
        base_json_kz(j, "kind", pol_kill_kind_name(e->kind));
        base_json_kstr(j, "value", e->value);
    }
    base_json_kint(j, "revision", e->revision);
    base_json_kstr(j, "reason", e->reason);
    base_json_kstr(j, "by", e->by);
    base_json_kstr(j, "at", e->at);
    base_json_obj_end(j);
}

/* s as it is now, and event (NULL: none) behind its events. */
static enum base_status write_file(const char *path, const struct gw_policy_state *s,
                                   const struct gw_state_change *event, struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    size_t drop = s->n_events >= GW_STATE_EVENTS_MAX ? s->n_events - GW_STATE_EVENTS_MAX + 1 : 0;
    base_buf_init(&b, FILE_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "v", 1);
    base_json_kint(&j, "serial", (int64_t)s->serial);
    base_json_kint(&j, "revision", s->revision);
    base_json_kstr(&j, "policy", s->policy);
    base_json_key(&j, "kills");
    gw_policy_state_kills_json(&j, s);
    base_json_key(&j, "events");
    base_json_arr(&j);
    for (size_t i = drop; i < s->n_events; i++)
        put_event(&j, &s->events[i]);
    if (event)
        put_event(&j, event);
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    base_buf_byte(&b, '\n');
    enum base_status st = base_buf_ok(&b)
                              ? base_file_replace(path, base_buf_view(&b), 0600, err)
                              : base_err_set(err, BASE_LIMIT, "%s: would become too large", path);
    base_buf_release(&b);
    return st;
}

/* ---- changes ---- */

static size_t find_kill(const struct gw_policy_state *s, enum pol_kill_kind kind,
                        struct base_str value)
{
    size_t i = 0;
    while (i < s->kills.n &&
           !(s->kills.v[i].kind == kind && base_str_eq(s->kills.v[i].value, value)))
        i++;
    return i;
}

static enum base_status kill_one(struct gw_policy_state *s, const struct gw_state_change *c,
                                 struct base_str now, struct base_err *err)
{
    struct pol_kill *v = base_arena_array(s->arena, s->kills.n + 1, sizeof(*v));
    if (find_kill(s, c->kind, c->value) < s->kills.n)
        return base_err_set(err, BASE_DONE, "%s %.*s is switched off already",
                            pol_kill_kind_name(c->kind), BASE_FMT(c->value));
    if (!v || s->kills.n >= GW_STATE_KILLS_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %d kill switches", GW_STATE_KILLS_MAX);
    if (s->kills.n)
        memcpy(v, s->kills.v, s->kills.n * sizeof(*v));
    v[s->kills.n] = (struct pol_kill){c->kind, c->value, c->reason, now};
    s->kills = (struct pol_kills){v, s->kills.n + 1};
    return BASE_OK;
}

static enum base_status revive_one(struct gw_policy_state *s, const struct gw_state_change *c,
                                   struct base_err *err)
{
    size_t at = find_kill(s, c->kind, c->value);
    struct pol_kill *v = base_arena_array(s->arena, s->kills.n + 1, sizeof(*v));
    if (at == s->kills.n)
        return base_err_set(err, BASE_ENOENT, "%s %.*s is not switched off",
                            pol_kill_kind_name(c->kind), BASE_FMT(c->value));
    if (!v)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    memcpy(v, s->kills.v, at * sizeof(*v));
    memcpy(v + at, s->kills.v + at + 1, (s->kills.n - at - 1) * sizeof(*v));
    s->kills = (struct pol_kills){v, s->kills.n - 1};
    return BASE_OK;
}

static bool fits(const struct gw_state_change *c)
{
    return c->value.n <= 200 && c->reason.n <= GW_STATE_TEXT_MAX && c->by.n <= 200 &&
           base_utf8_valid(c->value) && base_utf8_valid(c->reason) && base_utf8_valid(c->by);
}

enum base_status gw_policy_state_change(const char *path, const struct gw_state_change *what,
                                        struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    struct gw_state_change event = *what;
    char now[BASE_RFC3339_MAX];
    int64_t wall = base_wall_us();
    if (!fits(what))
        return base_err_set(err, BASE_EINVAL, "the reason or the name is too long or not UTF-8");
    int fd = base_file_lock(path, err);
    if (fd < 0)
        return BASE_EIO;
    enum base_status st = gw_policy_state_load(path, &s, err);
    if (st != BASE_OK)
        goto out;
    event.at = base_str_c(base_rfc3339(wall, now));
    event.serial = s->serial + 1 > (uint64_t)wall ? s->serial + 1 : (uint64_t)wall;
    switch (what->act) {
    case GW_STATE_KILL:
        st = kill_one(s, what, event.at, err);
        break;
    case GW_STATE_REVIVE:
        st = revive_one(s, what, err);
        break;
    case GW_STATE_ROLLBACK:
        s->revision = what->revision;
        s->policy = BASE_STR("");
        break;
    case GW_STATE_ACCEPT:
        if (s->revision == what->revision && base_str_eq(s->policy, what->policy))
            goto out;
        s->revision = what->revision;
        s->policy = what->policy;
        break;
    }
    if (st != BASE_OK)
        goto out;
    if (what->act != GW_STATE_ACCEPT)
        s->serial = event.serial;
    st = write_file(path, s, what->act == GW_STATE_ACCEPT ? NULL : &event, err);
out:
    gw_policy_state_free(s);
    close(fd);
    return st;
}

/* ---- revisions ---- */

enum base_status gw_policy_state_allows(const struct conf *c, struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    const struct conf_policy *p = &c->policy;
    enum base_status st;
    if (c->n_policy_keys == 0)
        return BASE_OK;
    if (p->revision == 0)
        return base_err_set(err, BASE_DENIED,
                            "a signed policy needs `revision: N`, so that an old one cannot come "
                            "back");
    st = gw_policy_state_load(c->policy_state, &s, err);
    if (st != BASE_OK)
        return st;
    if (p->revision < s->revision)
        st = base_err_set(err, BASE_DENIED,
                          "revision %u is older than %u, which was in force; `weir policy rollback "
                          "--to %u --reason ...` allows it",
                          p->revision, s->revision, p->revision);
    else if (p->revision == s->revision && s->policy.n && !base_str_is(s->policy, p->id))
        st = base_err_set(err, BASE_DENIED,
                          "revision %u was in force with another text: give the new text a higher "
                          "revision",
                          p->revision);
    gw_policy_state_free(s);
    return st;
}

enum base_status gw_policy_state_accept(const struct conf *c, struct base_err *err)
{
    struct gw_state_change what = {
        .act = GW_STATE_ACCEPT, .revision = c->policy.revision, .policy = base_str_c(c->policy.id)};
    return c->n_policy_keys ? gw_policy_state_change(c->policy_state, &what, err) : BASE_OK;
}
