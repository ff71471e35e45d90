/* policy_state.c - the file of kill switches and of the last revisions in force.
 *
 * File (JSON, version 1, mode 0600, replaced whole):
 *   {"v":1,"serial":N,"revision":N,"policy":"sha256:..","tables":{"revision","id","at"},
 *    "duties":{..},"kills":[{"kind","value","reason","since"}],
 *    "events":[{"serial","act","kind","value","of","revision","reason","by","at"}]}
 *
 * A serial is at least the wall clock in microseconds: it goes on rising when the file is lost, so
 * that whoever has told the events up to some serial never mistakes a new one for an old one.
 * What a file forgets (lost, edited, an old copy put back) is not thereby undone: a switch goes by
 * an event `revive` that is newer than what was known, a revision by an event `rollback`. Revisions
 * are policy_floor.c's.
 * Writers lock FILE.lock, not FILE: FILE is replaced. A writer that fails leaves the old file.
 */
#include "gateway/policy_state_int.h"

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

static const char *const acts[] = {"kill", "revive", "rollback"};
static const char *const governed[] = {"policy", "tables", "duties"};

const char *gw_state_act_name(enum gw_state_act a)
{
    return (unsigned)a <= GW_STATE_ROLLBACK ? acts[a] : "?";
}

const char *gw_governed_name(enum gw_governed g)
{
    return (unsigned)g < GW_GOVERNED ? governed[g] : "?";
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

bool gw_policy_state_kills_read(const json_t *v, struct base_arena *a, struct pol_kills *out)
{
    size_t n = json_array_size(v);
    struct pol_kill *k = n <= GW_STATE_KILLS_MAX ? base_arena_array(a, n + 1, sizeof(*k)) : NULL;
    if (!k || !json_is_array(v))
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i);
        if (!pol_kill_kind_find(str(a, o, "kind"), &k[i].kind))
            return false;
        k[i].value = str(a, o, "value");
        k[i].reason = str(a, o, "reason");
        k[i].since = str(a, o, "since");
        if (k[i].value.n == 0)
            return false;
    }
    *out = (struct pol_kills){k, n};
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
        while (a <= GW_STATE_ROLLBACK && !base_str_is(act, acts[a]))
            a++;
        if (a > GW_STATE_ROLLBACK)
            return false;
        *e = (struct gw_state_change){
            .act = (enum gw_state_act)a,
            .value = str(s->arena, o, "value"),
            .revision = (uint32_t)json_integer_value(json_object_get(o, "revision")),
            .reason = str(s->arena, o, "reason"),
            .by = str(s->arena, o, "by"),
            .at = str(s->arena, o, "at"),
            .serial = (uint64_t)json_integer_value(json_object_get(o, "serial"))};
        struct base_str of = str(s->arena, o, "of");
        while (of.n && !base_str_is(of, governed[e->of]))
            if (++e->of == GW_GOVERNED)
                return false;
        if (a != GW_STATE_ROLLBACK && !pol_kill_kind_find(str(s->arena, o, "kind"), &e->kind))
            return false;
    }
    return true;
}

static bool read_revision(const json_t *v, uint32_t *out)
{
    json_int_t n = json_integer_value(v);
    *out = (uint32_t)n;
    return json_is_integer(v) && n >= 0 && n <= UINT32_MAX;
}

/* The policy's stand in the root, where they stood before the tables had any. */
static bool read_floors(struct gw_policy_state *s, const json_t *root)
{
    s->floors[GW_GOV_POLICY].id = str(s->arena, root, "policy");
    if (!read_revision(json_object_get(root, "revision"), &s->floors[GW_GOV_POLICY].revision))
        return false;
    for (int i = GW_GOV_POLICY + 1; i < GW_GOVERNED; i++) {
        const json_t *o = json_object_get(root, governed[i]);
        if (o && !read_revision(json_object_get(o, "revision"), &s->floors[i].revision))
            return false;
        s->floors[i].id = str(s->arena, o, "id");
    }
    return true;
}

static bool read_all(struct gw_policy_state *s, const json_t *root)
{
    const json_t *serial = json_object_get(root, "serial");
    if (json_integer_value(json_object_get(root, "v")) != 1 || !json_is_integer(serial) ||
        json_integer_value(serial) < 0 || !json_is_array(json_object_get(root, "events")))
        return false;
    s->serial = (uint64_t)json_integer_value(serial);
    return read_floors(s, root) &&
           gw_policy_state_kills_read(json_object_get(root, "kills"), s->arena, &s->kills) &&
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
    st = base_file_read_regular(path, &b, &why); /* a pipe would stop the watcher for good */
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

void gw_floor_json(struct base_json *j, const struct gw_floor *f)
{
    base_json_obj(j);
    base_json_kint(j, "revision", f->revision);
    base_json_kstr(j, "id", f->id);
    base_json_kint(j, "at", (int64_t)f->at);
    base_json_obj_end(j);
}

void gw_policy_state_kills_json(struct base_json *j, const struct pol_kills *kills)
{
    base_json_arr(j);
    for (size_t i = 0; i < kills->n; i++) {
        const struct pol_kill *k = &kills->v[i];
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
    if (e->act == GW_STATE_ROLLBACK && e->of != GW_GOV_POLICY)
        base_json_kz(j, "of", governed[e->of]);
    base_json_kint(j, "revision", e->revision);
    base_json_kstr(j, "reason", e->reason);
    base_json_kstr(j, "by", e->by);
    base_json_kstr(j, "at", e->at);
    base_json_obj_end(j);
}

enum base_status gw_policy_state_write(const char *path, const struct gw_policy_state *s,
                                       const struct gw_state_change *more, size_t n_more,
                                       struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    size_t all = s->n_events + n_more;
    size_t drop = all > GW_STATE_EVENTS_MAX ? all - GW_STATE_EVENTS_MAX : 0;
    base_buf_init(&b, FILE_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "v", 1);
    base_json_kint(&j, "serial", (int64_t)s->serial);
    base_json_kint(&j, "revision", s->floors[GW_GOV_POLICY].revision);
    base_json_kstr(&j, "policy", s->floors[GW_GOV_POLICY].id);
    for (int i = GW_GOV_POLICY + 1; i < GW_GOVERNED; i++) {
        base_json_key(&j, governed[i]);
        gw_floor_json(&j, &s->floors[i]);
    }
    base_json_key(&j, "kills");
    gw_policy_state_kills_json(&j, &s->kills);
    base_json_key(&j, "events");
    base_json_arr(&j);
    for (size_t i = drop; i < s->n_events; i++)
        put_event(&j, &s->events[i]);
    for (size_t i = drop > s->n_events ? drop - s->n_events : 0; i < n_more; i++)
        put_event(&j, &more[i]);
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

/* Shown on terminals. */
static bool is_line(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0))
            return false;
    }
    return base_utf8_valid(s);
}

static bool fits(const struct gw_state_change *c)
{
    return c->value.n <= 200 && c->reason.n <= GW_STATE_TEXT_MAX && c->by.n <= 200 &&
           is_line(c->value) && is_line(c->reason) && is_line(c->by);
}

static uint64_t next_serial(const struct gw_policy_state *s, int64_t wall)
{
    return s->serial + 1 > (uint64_t)wall ? s->serial + 1 : (uint64_t)wall;
}

enum base_status gw_policy_state_change(const char *path, const struct gw_state_change *what,
                                        struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    struct gw_state_change event = *what;
    char now[BASE_RFC3339_MAX];
    int64_t wall = base_wall_us();
    if (!fits(what))
        return base_err_set(err, BASE_EINVAL,
                            "the reason or the name is too long, or not one line of UTF-8 text");
    int fd = base_file_lock(path, err);
    if (fd < 0)
        return BASE_EIO;
    enum base_status st = gw_policy_state_load(path, &s, err);
    if (st != BASE_OK)
        goto out;
    event.at = base_str_c(base_rfc3339(wall, now));
    s->serial = event.serial = next_serial(s, wall);
    switch (what->act) {
    case GW_STATE_KILL:
        st = kill_one(s, what, event.at, err);
        break;
    case GW_STATE_REVIVE:
        st = revive_one(s, what, err);
        break;
    case GW_STATE_ROLLBACK:
        for (int i = 0; i < GW_GOVERNED; i++)
            if (what->revision == 0 || i == (int)what->of)
                s->floors[i] = (struct gw_floor){.revision = what->revision, .id = BASE_STR("")};
        break;
    }
    if (st == BASE_OK)
        st = gw_policy_state_write(path, s, &event, 1, err);
out:
    gw_policy_state_free(s);
    close(fd);
    return st;
}

/* ---- what a file has forgotten ---- */

/* known was in force at `serial` and still is, as far as s tells. */
static bool forgotten(const struct gw_policy_state *s, const struct pol_kill *known,
                      uint64_t serial)
{
    if (find_kill(s, known->kind, known->value) < s->kills.n)
        return false;
    for (size_t i = 0; i < s->n_events; i++) {
        const struct gw_state_change *e = &s->events[i];
        if (e->act == GW_STATE_REVIVE && e->serial > serial && e->kind == known->kind &&
            base_str_eq(e->value, known->value))
            return false;
    }
    return true;
}

bool gw_policy_state_lost(const struct gw_policy_state *s, const struct pol_kills *known,
                          uint64_t serial)
{
    bool any = false;
    for (size_t i = 0; i < known->n && !any; i++)
        any = forgotten(s, &known->v[i], serial);
    return any;
}

enum base_status gw_policy_state_restore(const char *path, const struct pol_kills *known,
                                         uint64_t serial, struct base_err *err)
{
    struct gw_policy_state *s = NULL;
    struct gw_state_change *back = NULL;
    size_t n = 0;
    char now[BASE_RFC3339_MAX];
    int64_t wall = base_wall_us();
    int fd = base_file_lock(path, err);
    if (fd < 0)
        return BASE_EIO;
    enum base_status st = gw_policy_state_load(path, &s, err);
    if (st == BASE_OK && !(back = base_arena_array(s->arena, known->n + 1, sizeof(*back))))
        st = base_err_set(err, BASE_ENOMEM, "out of memory");
    base_rfc3339(wall, now);
    if (st == BASE_OK && s->serial < serial)
        s->serial = serial;
    for (size_t i = 0; st == BASE_OK && i < known->n; i++) {
        const struct pol_kill *k = &known->v[i];
        if (!forgotten(s, k, serial))
            continue;
        back[n] = (struct gw_state_change){.act = GW_STATE_KILL,
                                           .kind = k->kind,
                                           .value = k->value,
                                           .reason = k->reason,
                                           .by = BASE_STR("weir: put back, the file had lost it"),
                                           .at = base_str_c(now)};
        s->serial = back[n].serial = next_serial(s, wall);
        st = kill_one(s, &back[n++], k->since, err);
    }
    if (st == BASE_OK && n)
        st = gw_policy_state_write(path, s, back, n, err);
    gw_policy_state_free(s);
    close(fd);
    return st;
}
