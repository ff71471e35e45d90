/* rights.c - the lists of restricted and objecting people as a file; see rights.h.
 *
 * Files      DIR/keys/rights.json (mode 0600, replaced whole): one line of JSON and one line of 64
 *            hexadecimal digits, the HMAC of the first under the key. The JSON:
 *              {"v":1,"serial":N,
 *               "entries":[{"id","list","kind","reason","approver","by","since","expires"?,
 *                           "tags":[..],"forms":[{"way","n","quick","mac"}]}],
 *               "events":[{"serial","act","id","list","kind","reason","approver","by","at",
 *                          "expires"?}]}
 *            DIR/keys/rights.key: the key, wrapped by the log's master key (rights_key.c), made
 *            with the first entry and never changed: without it no hash can be compared with
 *            anything.
 *            DIR/keys/rights.seen: {"v":1,"serial":N,"entries":K}, what the log has been told: a
 *            file with a smaller serial was rolled back, and is refused.
 * Bounds     CONF_RIGHTS_MAX entries, CONF_RIGHTS_EVENTS_MAX events, 64 MiB.
 * Fails by   BASE_EINVAL for a file that does not hold: nothing is repaired here.
 */
#include "conf/rights_int.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_BYTES_MAX  (64u << 20)
#define ARENA_BYTES_MAX (256u << 20)

static const struct {
    unsigned bit;
    const char *name;
} lists[] = {{CONF_RIGHTS_RESTRICTED, "restricted"},
             {CONF_RIGHTS_OBJECTED, "objected"},
             {CONF_RIGHTS_UNREADABLE, "unreadable"}};

const char *conf_rights_name(unsigned bit)
{
    for (size_t i = 0; i < 3; i++)
        if (lists[i].bit == bit)
            return lists[i].name;
    return NULL;
}

unsigned conf_rights_find(struct base_str word)
{
    for (size_t i = 0; i < 2; i++)
        if (base_str_is(word, lists[i].name))
            return lists[i].bit;
    return 0;
}

bool rights_path_of(const char *dir, const char *name, char *out, size_t bytes)
{
    return (size_t)snprintf(out, bytes, "%s/keys/%s", dir, name) < bytes;
}

bool conf_rights_path(const char *dir, char *out, size_t bytes)
{
    return rights_path_of(dir, "rights.json", out, bytes);
}

/* ---- hexadecimal ---- */

bool rights_unhex(struct base_str s, uint8_t *out, size_t n)
{
    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (d < 0)
            return false;
        out[i / 2] = (uint8_t)(i & 1 ? out[i / 2] << 4 | d : d);
    }
    return true;
}

/* ---- what the log has been told ---- */

void conf_rights_seen(const char *dir, uint64_t *serial, uint64_t *entries)
{
    char path[PATH_MAX];
    struct base_buf b;
    json_t *root = NULL;

    *serial = *entries = 0;
    base_buf_init(&b, 4096);
    if (rights_path_of(dir, "rights.seen", path, sizeof(path)) &&
        base_file_read(path, &b, NULL) == BASE_OK)
        root = json_loadb(b.p, b.n, 0, NULL);
    *serial = (uint64_t)json_integer_value(json_object_get(root, "serial"));
    *entries = (uint64_t)json_integer_value(json_object_get(root, "entries"));
    json_decref(root);
    base_buf_release(&b);
}

enum base_status conf_rights_seen_write(const char *dir, uint64_t serial, size_t entries,
                                        struct base_err *err)
{
    char path[PATH_MAX], text[128];

    snprintf(text, sizeof(text), "{\"v\":1,\"serial\":%llu,\"entries\":%zu}\n",
             (unsigned long long)serial, entries);
    if (!rights_path_of(dir, "rights.seen", path, sizeof(path)))
        return base_err_set(err, BASE_LIMIT, "%s: the path is too long", dir);
    return base_file_replace(path, base_str_c(text), 0600, err);
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

/* What entries and events share. */
static bool read_entry(struct base_arena *a, const json_t *o, struct conf_rights_entry *e)
{
    e->id = str(a, o, "id");
    e->list = conf_rights_find(str(a, o, "list"));
    e->kind = str(a, o, "kind");
    e->reason = str(a, o, "reason");
    e->approver = str(a, o, "approver");
    e->by = str(a, o, "by");
    e->expires = str(a, o, "expires");
    e->expires_day = INT64_MAX;
    if (e->expires.n)
        e->expires_day = base_days_from_date(e->expires.p, e->expires.n);
    return e->list && e->id.n && e->expires_day >= 0;
}

static bool read_hash(const json_t *f, size_t entry, struct rights_hash *h)
{
    uint8_t quick[8];
    const json_t *way = json_object_get(f, "way"), *q = json_object_get(f, "quick"),
                 *m = json_object_get(f, "mac");
    json_int_t n = json_integer_value(json_object_get(f, "n"));

    if (json_string_length(way) != 1 || !strchr("itla", json_string_value(way)[0]) || n < 1 ||
        n > CONF_RIGHTS_CANON_MAX ||
        !rights_unhex(base_str_n(json_string_value(q), json_string_length(q)), quick, 8) ||
        !rights_unhex(base_str_n(json_string_value(m), json_string_length(m)), h->mac, 32))
        return false;
    h->way = json_string_value(way)[0];
    h->n = (uint8_t)n;
    h->entry = (uint32_t)entry;
    h->quick = 0;
    for (int i = 0; i < 8; i++)
        h->quick = h->quick << 8 | quick[i];
    return true;
}

static bool read_entries(struct conf_rights *r, const json_t *v)
{
    size_t n = json_array_size(v), hashes = 0;

    for (size_t i = 0; i < n; i++)
        hashes += json_array_size(json_object_get(json_array_get(v, i), "forms"));
    r->v = base_arena_array(r->arena, n + 1, sizeof(*r->v));
    r->hashes = base_arena_array(r->arena, hashes + 1, sizeof(*r->hashes));
    if (!r->v || !r->hashes || n > CONF_RIGHTS_MAX || hashes > n * RIGHTS_FORMS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i), *forms = json_object_get(o, "forms"),
                     *tags = json_object_get(o, "tags");
        struct conf_rights_entry *e = &r->v[i];

        e->since = str(r->arena, o, "since");
        if (!read_entry(r->arena, o, e) || json_array_size(forms) == 0)
            return false;
        r->words = r->words || base_str_is(e->kind, "name");
        for (size_t k = 0; k < json_array_size(forms); k++)
            if (!read_hash(json_array_get(forms, k), i, &r->hashes[r->n_hashes++]))
                return false;
        e->tags = base_arena_array(r->arena, json_array_size(tags) + 1, sizeof(*e->tags));
        if (!e->tags || json_array_size(tags) > CONF_RIGHTS_TAGS_MAX)
            return false;
        for (; e->n_tags < json_array_size(tags); e->n_tags++) {
            const json_t *t = json_array_get(tags, e->n_tags);
            e->tags[e->n_tags] =
                base_arena_dup(r->arena, base_str_n(json_string_value(t), json_string_length(t)));
        }
    }
    r->n = n;
    return true;
}

static bool read_events(struct conf_rights *r, const json_t *v)
{
    size_t n = json_array_size(v);

    r->events = base_arena_array(r->arena, n + 1, sizeof(*r->events));
    if (!r->events || n > CONF_RIGHTS_EVENTS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i);
        struct conf_rights_event *e = &r->events[i];
        struct base_str act = str(r->arena, o, "act");

        e->removed = base_str_is(act, "remove");
        e->serial = (uint64_t)json_integer_value(json_object_get(o, "serial"));
        e->what.since = str(r->arena, o, "at");
        if (!read_entry(r->arena, o, &e->what) || (!e->removed && !base_str_is(act, "add")))
            return false;
    }
    r->n_events = n;
    return true;
}

static enum base_status wrong(struct base_err *err, const char *path, const char *what)
{
    return base_err_set(err, BASE_EINVAL,
                        "%s: %s; put back the copy of it, with rights.key and rights.seen beside "
                        "it, that belongs together",
                        path, what);
}

static enum base_status read_file(struct conf_rights *r, struct base_str text, const char *path,
                                  struct base_err *err)
{
    uint8_t is[32], says[32];
    struct base_str rest = text, line = base_str_cut(&rest, '\n');
    json_t *root = NULL;
    enum base_status st = BASE_OK;

    rights_mac(r->key, "weir/rights/file/1", line, is);
    if (!rights_unhex(base_str_trim(rest), says, 32) ||
        !base_str_eq_secret(base_str_n(is, 32), base_str_n(says, 32)))
        return wrong(err, path, "it was changed or cut, or rights.key is another one");
    root = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
    r->serial = (uint64_t)json_integer_value(json_object_get(root, "serial"));
    if (json_integer_value(json_object_get(root, "v")) != 1 ||
        !read_entries(r, json_object_get(root, "entries")) ||
        !read_events(r, json_object_get(root, "events")) || !rights_index(r))
        st = wrong(err, path, "it does not hold");
    json_decref(root);
    return st;
}

enum base_status conf_rights_load(const char *dir, struct conf_rights **out, struct base_err *err)
{
    char path[PATH_MAX], key[PATH_MAX];
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct conf_rights *r = a ? base_arena_alloc(a, sizeof(*r)) : NULL;
    struct base_err why = {0};
    struct base_buf b;
    uint64_t serial, entries;
    enum base_status st;

    *out = NULL;
    base_buf_init(&b, FILE_BYTES_MAX);
    if (!r || !rights_path_of(dir, "rights.json", path, sizeof(path)) ||
        !rights_path_of(dir, "rights.key", key, sizeof(key))) {
        st = base_err_set(err, BASE_ENOMEM, "out of memory, or %s is too long", dir);
        goto out;
    }
    r->arena = a;
    conf_rights_seen(dir, &serial, &entries);
    st = base_file_read_regular(path, &b, &why);
    if (st == BASE_ENOENT) {
        st = serial ? wrong(err, path, "it is gone") : BASE_OK;
        goto out;
    }
    if (st != BASE_OK) {
        st = base_err_set(err, st, "%s", why.text);
        goto out;
    }
    r->there = true;
    st = rights_read_key(r, key, err);
    if (st == BASE_OK)
        st = read_file(r, base_buf_view(&b), path, err);
    if (st == BASE_OK && r->serial < serial)
        st = wrong(err, path, "it is older than what was in force");
out:
    base_buf_release(&b);
    if (st == BASE_OK)
        *out = r;
    else if (r)
        conf_rights_free(r);
    else
        base_arena_free(a);
    return st;
}

void conf_rights_free(struct conf_rights *r)
{
    if (!r)
        return;
    base_wipe(r->key, sizeof(r->key));
    base_wipe(r->sip, sizeof(r->sip));
    base_arena_free(r->arena);
}

bool conf_rights_there(const struct conf_rights *r)
{
    return r->there;
}

uint64_t conf_rights_serial(const struct conf_rights *r)
{
    return r->serial;
}

size_t conf_rights_n(const struct conf_rights *r)
{
    return r->n;
}

const struct conf_rights_entry *conf_rights_at(const struct conf_rights *r, size_t i)
{
    return &r->v[i];
}

size_t conf_rights_events(const struct conf_rights *r, const struct conf_rights_event **out)
{
    *out = r->events;
    return r->n_events;
}

size_t conf_rights_count(const struct conf_rights *r, unsigned list, int64_t today)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += r->v[i].list == list && conf_rights_holds(&r->v[i], today);
    return n;
}
