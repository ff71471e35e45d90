/* period.c - what joins the periods of a log: origins, the joining leaves, the places of the files.
 *
 * Period 1 has the configured origin; period N, begun in month YYYY-MM (UTC), has origin
 * BASE/YYYY-MM.N. All have the same key pair under their own name, so an auditor or a witness that
 * knows one verifier key knows them all. The last leaf of a period is log.end and names the next
 * origin; the first leaf of the next is log.begin and holds the last checkpoint of the old; then
 * log.carried leaves name the requests that were open, so that each period can be read alone.
 *
 *   DIR/{log.conf,state,checkpoint,wal,tile}   the current period
 *   DIR/periods/0001/...                       the closed ones
 *   DIR/next/...                               while a change of period is under way (rotate.c)
 *
 * Strings of requests and tenants go through here as they stand in their leaves, still escaped.
 */
#include "audit/log/period.h"

#include "base/clock.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CARRIED_BYTES 4096u

/* ---- origins ---- */

static bool all_digits(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

void aud_origin_split(const char *origin, struct base_str *base, uint64_t *period)
{
    struct base_str whole = base_str_c(origin);
    const char *slash = strrchr(origin, '/'), *dot = strrchr(origin, '.');
    uint64_t n;

    *base = whole;
    *period = 1;
    if (!slash || slash == origin || !dot || dot - slash != 8 || slash[5] != '-')
        return;
    struct base_str number = base_str_c(dot + 1);
    if (!all_digits(base_str_n(slash + 1, 4)) || !all_digits(base_str_n(slash + 6, 2)) ||
        number.n > 6 || !all_digits(number) || number.p[0] == '0' || !base_str_u64(number, &n) ||
        n < 2)
        return;
    base->n = (size_t)(slash - origin);
    *period = n;
}

enum base_status aud_origin_make(struct base_str base, uint64_t period, int64_t t_us,
                                 char out[AUD_NAME_MAX + 1], struct base_err *err)
{
    char when[BASE_RFC3339_MAX];
    int n = snprintf(out, AUD_NAME_MAX + 1, "%.*s/%.7s.%" PRIu64, BASE_FMT(base),
                     base_rfc3339(t_us, when), period);

    if (n < 0 || n > AUD_NAME_MAX || period >= AUD_PERIODS_MAX)
        return base_err_set(err, BASE_LIMIT, "the origin is too long for another period");
    return BASE_OK;
}

bool aud_period_key(const struct aud_vkey *trusted, const struct aud_vkey *k)
{
    struct base_str a, b;
    uint64_t n;

    aud_origin_split(trusted->name, &a, &n);
    aud_origin_split(k->name, &b, &n);
    return base_str_eq(a, b) && memcmp(trusted->pub, k->pub, sizeof(k->pub)) == 0;
}

/* ---- leaves ---- */

static json_t *load(struct base_str leaf, const char *ev)
{
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES, NULL);
    const char *have = json_string_value(json_object_get(o, "ev"));

    if (have && strcmp(have, ev) == 0)
        return o;
    json_decref(o);
    return NULL;
}

bool aud_begin_parse(struct base_str leaf, struct aud_begin *out)
{
    json_t *o = load(leaf, "log.begin");
    const json_t *period = json_object_get(o, "period"), *before = json_object_get(o, "before");
    const json_t *note = json_object_get(o, "checkpoint");
    bool ok = json_is_integer(period) && json_is_integer(before) && json_is_string(note) &&
              json_integer_value(period) >= 2 && json_integer_value(before) >= 1;

    memset(out, 0, sizeof(*out));
    base_buf_init(&out->note, AUD_LEAF_BYTES_MAX);
    if (ok) {
        out->period = (uint64_t)json_integer_value(period);
        out->before = (uint64_t)json_integer_value(before);
        ok = base_buf_add(&out->note, json_string_value(note), json_string_length(note));
    }
    if (!ok)
        base_buf_release(&out->note);
    json_decref(o);
    return ok;
}

void aud_begin_release(struct aud_begin *b)
{
    base_buf_release(&b->note);
}

enum base_status aud_begin_checkpoint(const struct aud_begin *b, const struct aud_vkey *trusted,
                                      struct aud_checkpoint *cp, struct base_err *err)
{
    struct base_str note = base_buf_view(&b->note), rest = note, text, mine, theirs;
    struct base_str origin = base_str_cut(&rest, '\n');
    struct aud_vkey k;
    uint64_t period;
    struct base_err why;

    if (!aud_name_valid(origin) ||
        aud_vkey_named(trusted, origin, &k) != BASE_OK) /* the same key under that name */
        return base_err_set(err, BASE_EINVAL, "log.begin: not a checkpoint");
    aud_origin_split(k.name, &theirs, &period);
    uint64_t ignored;
    aud_origin_split(trusted->name, &mine, &ignored);
    if (!base_str_eq(mine, theirs) || period + 1 != b->period)
        return base_err_set(err, BASE_EINVAL,
                            "log.begin: continues %s, which is not the period before %" PRIu64,
                            k.name, b->period);
    enum base_status st = aud_note_verify(note, &k, &text, NULL, &why);
    if (st == BASE_OK)
        st = aud_checkpoint_parse(text, cp, &why);
    return st == BASE_OK ? BASE_OK : base_err_set(err, st, "log.begin: %s", why.text);
}

static bool name_member(const json_t *o, const char *key, char out[AUD_NAME_MAX + 1])
{
    const json_t *m = json_object_get(o, key);
    struct base_str s = base_str_n(json_string_value(m), json_string_length(m));

    if (!json_is_string(m) || !aud_name_valid(s))
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return true;
}

bool aud_dropped_parse(struct base_str leaf, struct aud_dropped *out)
{
    json_t *o = load(leaf, "retention.dropped");
    const json_t *period = json_object_get(o, "period"), *records = json_object_get(o, "records");
    const json_t *root = json_object_get(o, "root");
    bool ok = json_is_integer(period) && json_is_integer(records) && json_is_string(root) &&
              name_member(o, "origin", out->origin) &&
              aud_b64_decode(base_str_c(json_string_value(root)), out->root.b, AUD_HASH_BYTES) ==
                  AUD_HASH_BYTES;

    out->period = (uint64_t)json_integer_value(period);
    out->records = (uint64_t)json_integer_value(records);
    json_decref(o);
    return ok;
}

bool aud_end_parse(struct base_str leaf, char next[AUD_NAME_MAX + 1])
{
    json_t *o = load(leaf, "log.end");
    bool ok = name_member(o, "next", next);

    json_decref(o);
    return ok;
}

static void common(struct base_json *j)
{
    base_json_kz(j, "req", "");
    base_json_kint(j, "t", base_wall_us());
    base_json_kz(j, "tenant", "");
    base_json_kint(j, "v", 1);
    base_json_obj_end(j);
}

bool aud_leaf_begin(struct base_buf *out, const struct aud_begin *b)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kint(&j, "before", (int64_t)b->before);
    base_json_kstr(&j, "checkpoint", base_buf_view(&b->note));
    base_json_kz(&j, "ev", "log.begin");
    base_json_kint(&j, "period", (int64_t)b->period);
    common(&j);
    return base_buf_ok(out);
}

bool aud_leaf_end(struct base_buf *out, const char *next_origin)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "log.end");
    base_json_kz(&j, "next", next_origin);
    common(&j);
    return base_buf_ok(out);
}

size_t aud_leaf_carried(struct base_buf *out, struct aud_intent *const *list, size_t n)
{
    struct base_json j;
    size_t i = 0;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "log.carried");
    base_json_key(&j, "open");
    base_json_arr(&j);
    for (; i < n && (i == 0 || out->n < CARRIED_BYTES); i++) {
        const struct aud_intent *e = list[i];

        base_json_obj(&j);
        base_json_kint(&j, "intent", (int64_t)e->index);
        base_buf_printf(out, ",\"req\":\"%.*s\",\"tenant\":\"%.*s\"", (int)e->n_req, e->text,
                        (int)e->n_tenant, e->text + e->n_req);
        base_json_obj_end(&j);
    }
    base_json_arr_end(&j);
    common(&j);
    return base_buf_ok(out) ? i : 0;
}

bool aud_leaf_dropped(struct base_buf *out, uint64_t period, const char *origin, uint64_t records,
                      const struct aud_hash *root, uint32_t keep)
{
    struct base_json j;
    struct base_buf b;

    base_buf_init(&b, 64);
    aud_b64_encode(&b, root->b, AUD_HASH_BYTES);
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "retention.dropped");
    base_json_kint(&j, "keep_periods", keep);
    base_json_kz(&j, "origin", origin);
    base_json_kint(&j, "period", (int64_t)period);
    base_json_kint(&j, "records", (int64_t)records);
    base_json_kz(&j, "req", "");
    base_json_kstr(&j, "root", base_buf_view(&b));
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    bool ok = base_buf_ok(&b) && base_buf_ok(out);
    base_buf_release(&b);
    return ok;
}

bool aud_leaf_kept(struct base_buf *out, uint64_t period, const char *origin, const char *why,
                   uint64_t number, uint32_t keep)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "retention.kept");
    if (strcmp(why, "hold") == 0)
        base_json_kint(&j, "holds", (int64_t)number);
    base_json_kint(&j, "keep_periods", keep);
    base_json_kz(&j, "origin", origin);
    base_json_kint(&j, "period", (int64_t)period);
    if (strcmp(why, "hold") != 0)
        base_json_kint(&j, "record_days", (int64_t)number);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kz(&j, "why", why);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

static bool take(struct base_str *rest, const char *lit)
{
    struct base_str l = base_str_c(lit);

    if (!base_str_starts(*rest, l))
        return false;
    *rest = base_str_n(rest->p + l.n, rest->n - l.n);
    return true;
}

/* A string's inside, up to the quote that ends it. */
static bool take_string(struct base_str *rest, struct base_str *out)
{
    size_t i = 0;

    while (i < rest->n && rest->p[i] != '"')
        i += rest->p[i] == '\\' ? 2 : 1;
    if (i >= rest->n)
        return false;
    *out = base_str_n(rest->p, i);
    *rest = base_str_n(rest->p + i + 1, rest->n - i - 1);
    return true;
}

bool aud_carried_each(struct base_str leaf,
                      bool (*fn)(void *ctx, uint64_t intent, struct base_str req,
                                 struct base_str tenant),
                      void *ctx)
{
    struct base_str rest = leaf, req, tenant;
    uint64_t intent;

    if (!take(&rest, "{\"ev\":\"log.carried\",\"open\":["))
        return false;
    for (bool more = true; more;) {
        size_t n = 0;

        if (!take(&rest, "{\"intent\":"))
            return false;
        while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
            n++;
        if (!base_str_u64(base_str_n(rest.p, n), &intent))
            return false;
        rest = base_str_n(rest.p + n, rest.n - n);
        if (!take(&rest, ",\"req\":\"") || !take_string(&rest, &req) ||
            !take(&rest, ",\"tenant\":\"") || !take_string(&rest, &tenant) || !take(&rest, "}") ||
            !fn(ctx, intent, req, tenant))
            return false;
        more = take(&rest, ",");
    }
    return take(&rest, "],\"req\":\"\",");
}

/* ---- places ---- */

static int by_period(const void *a, const void *b)
{
    const struct aud_place *x = a, *y = b;

    return x->period < y->period ? -1 : x->period > y->period;
}

static enum base_status add(struct aud_places *p, uint64_t period, const char *dir,
                            const char *name, struct base_err *err)
{
    if (p->n >= AUD_PERIODS_MAX)
        return base_err_set(err, BASE_LIMIT, "%s: too many periods", dir);
    if ((p->n & (p->n - 1)) == 0) {
        struct aud_place *more = realloc(p->at, (p->n ? 2 * p->n : 1) * sizeof(*more));

        if (!more)
            return base_err_set(err, BASE_ENOMEM, "no memory to list the periods");
        p->at = more;
    }
    p->at[p->n].period = period;
    enum base_status st = aud_path(p->at[p->n].dir, dir, name, err);
    if (st == BASE_OK)
        p->n++;
    return st;
}

static enum base_status list_closed(const char *dir, struct aud_places *out, struct base_err *err)
{
    char path[AUD_PATH_MAX], name[64];
    enum base_status st = aud_path(path, dir, "periods", err);
    DIR *d = st == BASE_OK ? opendir(path) : NULL;

    if (st == BASE_OK && !d)
        return errno == ENOENT ? BASE_OK : base_err_sys(err, "%s", path);
    for (struct dirent *e = d ? readdir(d) : NULL; e && st == BASE_OK; e = readdir(d)) {
        uint64_t n;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bool number = base_str_u64(base_str_c(e->d_name), &n);
        snprintf(name, sizeof(name), "%04" PRIu64, number ? n : 0);
        if (!number || n == 0 || strcmp(name, e->d_name) != 0) {
            st = base_err_set(err, BASE_EINVAL, "periods/%.64s does not belong here", e->d_name);
        } else {
            snprintf(name, sizeof(name), "periods/%04" PRIu64, n);
            st = add(out, n, dir, name, err);
        }
    }
    if (d)
        closedir(d);
    return st;
}

enum base_status aud_places_list(const char *dir, struct aud_places *out, struct base_err *err)
{
    char next[AUD_PATH_MAX];
    struct stat sb;
    struct aud_conf conf;
    struct base_str base;
    uint64_t period;

    memset(out, 0, sizeof(*out));
    enum base_status st = list_closed(dir, out, err);
    if (st == BASE_OK && out->n > 0)
        qsort(out->at, out->n, sizeof(*out->at), by_period);
    if (st != BASE_OK || !aud_there(dir, AUD_NEXT))
        return st == BASE_OK ? add(out, 0, dir, ".", err) : st;
    out->changing = true;
    st = aud_path(next, dir, AUD_NEXT, err);
    if (st == BASE_OK && stat(next, &sb) == 0 && !S_ISDIR(sb.st_mode))
        st = base_err_set(err, BASE_EIO, "%s: is not a folder", next);
    if (st == BASE_OK)
        st = aud_conf_load(next, BASE_STR_NULL, &conf, err);
    if (st != BASE_OK)
        return st == BASE_ENOENT ? base_err_set(err, BASE_EINVAL, AUD_NEXT ": log.conf is missing")
                                 : st;
    aud_origin_split(conf.origin, &base, &period);
    if (out->n == 0 || out->at[out->n - 1].period != period - 1)
        st = add(out, 0, dir, ".", err); /* no file of it has been moved yet */
    return st == BASE_OK ? add(out, 0, dir, AUD_NEXT, err) : st;
}

void aud_places_release(struct aud_places *p)
{
    free(p->at);
    memset(p, 0, sizeof(*p));
}
