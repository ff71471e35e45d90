/* rights_change.c - changing the lists of restricted and objecting people; the file's form and its
 * bounds stand in rights.c.
 *
 * Owns       nothing. Blocks on files: command line, watcher, never a loop.
 * Order      lock, read, change, replace: a crash leaves the old file or the new one. The key is
 *            made, durable, before the first entry.
 * Invariants an identifier is hashed here and nowhere written; what it was is wiped with the forms.
 * Fails by   leaving the file as it is.
 */
#include "conf/rights_int.h"

#include "base/clock.h"
#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_BYTES_MAX (64u << 20)

/* ---- writing ---- */

static void put_entry(struct base_json *j, const struct conf_rights_entry *e)
{
    base_json_kstr(j, "id", e->id);
    base_json_kz(j, "list", conf_rights_name(e->list));
    base_json_kstr(j, "kind", e->kind);
    base_json_kstr(j, "reason", e->reason);
    base_json_kstr(j, "approver", e->approver);
    base_json_kstr(j, "by", e->by);
    if (e->expires.n)
        base_json_kstr(j, "expires", e->expires);
}

void conf_rights_entry_json(struct base_json *j, const struct conf_rights_entry *e, int64_t today)
{
    base_json_obj(j);
    put_entry(j, e);
    base_json_kstr(j, "since", e->since);
    base_json_kbool(j, "in_force", conf_rights_holds(e, today));
    base_json_obj_end(j);
}

void conf_rights_json(struct base_json *j, const struct conf_rights *r, int64_t today)
{
    base_json_arr(j);
    for (size_t i = 0; i < r->n; i++)
        conf_rights_entry_json(j, &r->v[i], today);
    base_json_arr_end(j);
}

/* Hashes lie in the order of their entries; *at walks over them. */
static void put_hashes(struct base_json *j, const struct conf_rights *r, size_t entry, size_t *at)
{
    base_json_key(j, "forms");
    base_json_arr(j);
    for (; *at < r->n_hashes && r->hashes[*at].entry == entry; ++*at) {
        const struct rights_hash *h = &r->hashes[*at];
        char quick[20], mac[65], way[2] = {h->way, 0};

        snprintf(quick, sizeof(quick), "%016llx", (unsigned long long)h->quick);
        rights_to_hex(h->mac, 32, mac);
        base_json_obj(j);
        base_json_kz(j, "way", way);
        base_json_kint(j, "n", h->n);
        base_json_kz(j, "quick", quick);
        base_json_kz(j, "mac", mac);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void put_events(struct base_json *j, const struct conf_rights *r)
{
    size_t from = r->n_events > CONF_RIGHTS_EVENTS_MAX ? r->n_events - CONF_RIGHTS_EVENTS_MAX : 0;

    base_json_key(j, "events");
    base_json_arr(j);
    for (size_t i = from; i < r->n_events; i++) {
        const struct conf_rights_event *e = &r->events[i];

        base_json_obj(j);
        base_json_kint(j, "serial", (int64_t)e->serial);
        base_json_kz(j, "act", e->removed ? "remove" : "add");
        put_entry(j, &e->what);
        base_json_kstr(j, "at", e->what.since);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static enum base_status write_file(const char *path, const struct conf_rights *r,
                                   struct base_err *err)
{
    struct base_buf b;
    struct base_json j;
    uint8_t mac[32];
    char hex[65];
    size_t at = 0;

    base_buf_init(&b, FILE_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "v", 1);
    base_json_kint(&j, "serial", (int64_t)r->serial);
    base_json_key(&j, "entries");
    base_json_arr(&j);
    for (size_t i = 0; i < r->n; i++) {
        const struct conf_rights_entry *e = &r->v[i];

        base_json_obj(&j);
        put_entry(&j, e);
        base_json_kstr(&j, "since", e->since);
        base_json_key(&j, "tags");
        base_json_arr(&j);
        for (size_t k = 0; k < e->n_tags; k++)
            base_json_str(&j, e->tags[k]);
        base_json_arr_end(&j);
        put_hashes(&j, r, i, &at);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    put_events(&j, r);
    base_json_obj_end(&j);
    rights_mac(r->key, "weir/rights/file/1", base_buf_view(&b), mac);
    rights_to_hex(mac, 32, hex);
    base_buf_printf(&b, "\n%s\n", hex);
    enum base_status st = base_buf_ok(&b)
                              ? base_file_replace(path, base_buf_view(&b), 0600, err)
                              : base_err_set(err, BASE_LIMIT, "%s: would become too large", path);
    base_buf_release(&b);
    return st;
}

/* ---- changes ---- */

static enum base_status fits(const struct conf_rights_change *c, struct base_err *err)
{
    const struct base_str texts[] = {c->reason, c->approver, c->by};

    if (c->list != CONF_RIGHTS_RESTRICTED && c->list != CONF_RIGHTS_OBJECTED)
        return base_err_set(err, BASE_EINVAL, "the list is restricted or objected");
    if (c->reason.n == 0 || c->approver.n == 0)
        return base_err_set(err, BASE_EINVAL, "a reason and an approver are needed");
    for (size_t i = 0; i < 3; i++)
        if (texts[i].n > (i ? CONF_RIGHTS_NAME_MAX : CONF_RIGHTS_TEXT_MAX) ||
            !base_utf8_valid(texts[i]))
            return base_err_set(err, BASE_EINVAL,
                                "a reason has at most %d bytes of UTF-8, an approver %d",
                                CONF_RIGHTS_TEXT_MAX, CONF_RIGHTS_NAME_MAX);
    if (c->expires.n && (c->expires.n != 10 || base_days_from_date(c->expires.p, 10) < 0))
        return base_err_set(err, BASE_EINVAL, "expires is a date: YYYY-MM-DD");
    if (c->n_tags > CONF_RIGHTS_TAGS_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %d names in the log", CONF_RIGHTS_TAGS_MAX);
    return c->id.n && c->remove ? BASE_OK : conf_rights_fit(c->identifier, err);
}

/* The entry of that list that the change is about, or r->n. */
static size_t entry_of(const struct conf_rights *r, const struct conf_rights_change *c)
{
    size_t hits[64], n;

    if (c->remove && c->id.n) {
        size_t i = 0;
        while (i < r->n && !(base_str_eq(r->v[i].id, c->id) && r->v[i].list == c->list))
            i++;
        return i;
    }
    n = conf_rights_of(r, c->identifier, hits, 64);
    for (size_t i = 0; i < n; i++)
        if (r->v[hits[i]].list == c->list)
            return hits[i];
    return r->n;
}

static enum base_status add(struct conf_rights *r, const struct conf_rights_change *c,
                            const struct conf_rights_entry *e, struct base_err *err)
{
    struct conf_rights_entry *v = base_arena_array(r->arena, r->n + 1, sizeof(*v));
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind = "";
    size_t n = rights_forms(c->identifier, forms, &kind);
    struct rights_hash *h = base_arena_array(r->arena, r->n_hashes + RIGHTS_FORMS_MAX, sizeof(*h));

    if (!v || !h || r->n >= CONF_RIGHTS_MAX) {
        base_wipe(forms, sizeof(forms));
        return base_err_set(err, BASE_LIMIT, "more than %d entries", CONF_RIGHTS_MAX);
    }
    if (r->n)
        memcpy(v, r->v, r->n * sizeof(*v));
    if (r->n_hashes)
        memcpy(h, r->hashes, r->n_hashes * sizeof(*h));
    v[r->n] = *e;
    for (size_t i = 0; i < n; i++) {
        rights_hash_form(r, &forms[i], &h[r->n_hashes]);
        h[r->n_hashes++].entry = (uint32_t)r->n;
    }
    base_wipe(forms, sizeof(forms));
    r->hashes = h;
    r->v = v;
    r->n++;
    return BASE_OK;
}

enum base_status conf_rights_one(struct base_str identifier, struct conf_rights **out,
                                 struct base_err *err)
{
    struct base_arena *a = base_arena_new(4u << 20);
    struct conf_rights *r = a ? base_arena_alloc(a, sizeof(*r)) : NULL;
    const struct conf_rights_change c = {.identifier = identifier};
    const struct conf_rights_entry e = {.list = CONF_RIGHTS_OBJECTED, .expires_day = INT64_MAX};
    enum base_status st = conf_rights_fit(identifier, err);

    *out = NULL;
    if (!r) {
        base_arena_free(a);
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    }
    r->arena = a;
    r->words = true;
    base_random(r->key, sizeof(r->key));
    base_random(r->sip, sizeof(r->sip));
    if (st == BASE_OK)
        st = add(r, &c, &e, err);
    if (st == BASE_OK && !rights_index(r))
        st = base_err_set(err, BASE_ENOMEM, "out of memory");
    if (st == BASE_OK)
        *out = r;
    else
        conf_rights_free(r);
    return st;
}

bool conf_rights_canon(struct base_str identifier, char out[CONF_RIGHTS_CANON_MAX + 2])
{
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind;
    size_t n = rights_forms(identifier, forms, &kind);

    if (n)
        snprintf(out, CONF_RIGHTS_CANON_MAX + 2, "%.*s", (int)forms[0].n - 1, forms[0].text + 1);
    base_wipe(forms, sizeof(forms));
    return n > 0;
}

static void drop(struct conf_rights *r, size_t entry)
{
    size_t k = 0;

    for (size_t i = 0; i < r->n_hashes; i++) {
        struct rights_hash h = r->hashes[i];

        if (h.entry == entry)
            continue;
        h.entry -= h.entry > entry;
        r->hashes[k++] = h;
    }
    r->n_hashes = k;
    memmove(r->v + entry, r->v + entry + 1, (r->n - entry - 1) * sizeof(*r->v));
    r->n--;
}

static enum base_status apply(struct conf_rights *r, const struct conf_rights_change *c,
                              char id[CONF_RIGHTS_ID_MAX], struct base_err *err)
{
    struct conf_rights_entry e = {.list = c->list,
                                  .reason = c->reason,
                                  .approver = c->approver,
                                  .by = c->by,
                                  .expires = c->expires,
                                  .tags = (struct base_str *)(uintptr_t)c->tags,
                                  .n_tags = c->n_tags};
    struct conf_rights_event *ev = base_arena_array(r->arena, r->n_events + 1, sizeof(*ev));
    struct rights_form forms[RIGHTS_FORMS_MAX];
    const char *kind = "";
    char *now = base_arena_alloc(r->arena, BASE_RFC3339_MAX);
    int64_t wall = base_wall_us();
    size_t at = entry_of(r, c);
    enum base_status st = BASE_OK;

    if (!ev || !now)
        return base_err_set(err, BASE_ENOMEM, "out of memory");
    e.since = base_str_c(base_rfc3339(wall, now));
    if (c->remove && at == r->n)
        return base_err_set(err, BASE_ENOENT, "it is not listed as %s", conf_rights_name(c->list));
    if (!c->remove && at < r->n && conf_rights_holds(&r->v[at], wall / 86400000000))
        return base_err_set(err, BASE_DONE, "it is listed as %s already (%.*s)",
                            conf_rights_name(c->list), BASE_FMT(r->v[at].id));
    if (c->remove) {
        e.id = r->v[at].id;
        e.kind = r->v[at].kind;
        e.expires = r->v[at].expires;
        drop(r, at);
    } else {
        uint8_t raw[6];
        if (at < r->n) /* its day is over: a new one takes its place */
            drop(r, at);
        base_random(raw, sizeof(raw));
        memcpy(id, "r-", 2);
        rights_to_hex(raw, sizeof(raw), id + 2);
        e.id = base_str_c(id);
        (void)rights_forms(c->identifier, forms, &kind);
        base_wipe(forms, sizeof(forms));
        e.kind = base_str_c(kind);
        st = add(r, c, &e, err);
    }
    if (c->remove)
        snprintf(id, CONF_RIGHTS_ID_MAX, "%.*s", BASE_FMT(e.id));
    r->serial = r->serial + 1 > (uint64_t)wall ? r->serial + 1 : (uint64_t)wall;
    if (r->n_events)
        memcpy(ev, r->events, r->n_events * sizeof(*ev));
    ev[r->n_events++] =
        (struct conf_rights_event){.removed = c->remove, .what = e, .serial = r->serial};
    r->events = ev;
    return st;
}

enum base_status conf_rights_change(const char *dir, const struct conf_rights_change *c,
                                    char id[CONF_RIGHTS_ID_MAX], struct base_err *err)
{
    char path[PATH_MAX], key[PATH_MAX];
    struct conf_rights *r = NULL;
    enum base_status st = fits(c, err);

    id[0] = 0;
    if (st != BASE_OK)
        return st;
    if (!rights_path_of(dir, "rights.json", path, sizeof(path)) ||
        !rights_path_of(dir, "rights.key", key, sizeof(key)))
        return base_err_set(err, BASE_LIMIT, "%s: the path is too long", dir);
    int fd = base_file_lock(path, err);
    if (fd < 0)
        return BASE_EIO;
    st = conf_rights_load(dir, &r, err);
    if (st == BASE_OK && !r->there)
        st = rights_make_key(key, r, err);
    if (st == BASE_OK)
        st = apply(r, c, id, err);
    if (st == BASE_OK)
        st = write_file(path, r, err);
    conf_rights_free(r);
    close(fd);
    return st;
}
