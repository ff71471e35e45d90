/* jsonx.c - JSON from outside. See jsonx.h.
 *
 * Owns       nothing; every function works on its arguments.
 * Invariants the depth of a document is checked on its bytes before jansson sees them, so the
 *            recursion here (gw_json_put) is bounded by GW_JSON_DEPTH_MAX; numbers keep their
 *            value: integers are 64 bits wide, reals are written so that they read back equal.
 * Fails by   BASE_EINVAL with jansson's reason and the place. jansson's texts end in `near '...'`,
 *            which quotes the document: that part is cut off, since errors carry no content.
 */
#include "gateway/dialect/jsonx.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_MAX ((int64_t)1 << 53)

/* Braces and brackets outside strings never nest deeper than max. */
static bool depth_within(struct base_str s, unsigned max)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max)
                return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *gw_json_load(struct base_str text, bool nul_ok, struct base_err *err)
{
    json_error_t je;

    if (text.n == 0) {
        base_err_set(err, BASE_EINVAL, "the body is empty; a JSON object is expected");
        return NULL;
    }
    if (!depth_within(text, GW_JSON_DEPTH_MAX)) {
        base_err_set(err, BASE_EINVAL, "JSON nested deeper than %d levels", GW_JSON_DEPTH_MAX);
        return NULL;
    }
    json_t *v =
        json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | (nul_ok ? JSON_ALLOW_NUL : 0), &je);
    if (!v) {
        struct base_str why = base_str_c(je.text);
        size_t cut = base_str_find(why, BASE_STR(" near "), 0);
        if (cut != SIZE_MAX)
            why.n = cut;
        base_err_set(err, BASE_EINVAL, "not valid JSON (line %d, column %d): %.*s", je.line,
                     je.column, BASE_FMT(why));
        return NULL;
    }
    if (!json_is_object(v)) {
        json_decref(v);
        base_err_set(err, BASE_EINVAL, "a JSON object is expected");
        return NULL;
    }
    return v;
}

struct base_str gw_json_str(const json_t *v)
{
    if (!json_is_string(v))
        return BASE_STR_NULL;
    return base_str_n(json_string_value(v), json_string_length(v));
}

struct base_str gw_json_get_str(const json_t *obj, const char *key)
{
    return gw_json_str(json_object_get(obj, key));
}

const json_t *gw_json_get_obj(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_object(v) ? v : NULL;
}

int64_t gw_json_get_count(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    int64_t n = 0;

    if (json_is_integer(v))
        n = json_integer_value(v);
    else if (json_is_real(v) && json_real_value(v) >= 0 && json_real_value(v) < 9e15)
        n = (int64_t)json_real_value(v);
    /* bounded, so that sums of what a stranger counted cannot overflow */
    return n > 0 ? n < COUNT_MAX ? n : COUNT_MAX : 0;
}

bool gw_json_mentions(struct base_str text, const char *word)
{
    return text.n > 0 && base_str_find(text, base_str_c(word), 0) != SIZE_MAX;
}

/* The fewest digits that read back as the same double: 15 do for most, 17 for all. */
static int real_text(char text[40], double v)
{
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, 40, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return n;
}

bool gw_json_put_num(struct base_buf *out, double v)
{
    char text[40];

    if (!isfinite(v))
        return base_buf_z(out, "null");
    if (v == floor(v) && fabs(v) < 9007199254740992.0)
        return base_buf_printf(out, "%.0f", v == 0 ? 0.0 : v);
    int n = real_text(text, v);
    return base_buf_add(out, text, (size_t)n);
}

static bool put_real(struct base_buf *out, double v)
{
    char text[40];
    int n = real_text(text, v);
    bool ok = base_buf_add(out, text, (size_t)n);

    if (!strpbrk(text, ".e"))
        ok = base_buf_z(out, ".0") && ok; /* 1.0 stays a real */
    return ok;
}

static bool put_array(struct base_buf *out, const json_t *v)
{
    bool ok = base_buf_byte(out, '[');
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i > 0)
            base_buf_byte(out, ',');
        ok = gw_json_put(out, json_array_get(v, i));
    }
    return base_buf_byte(out, ']') && ok;
}

static bool put_object(struct base_buf *out, const json_t *v)
{
    const char *key;
    json_t *member;
    bool first = true;
    /* jansson's iterators want a pointer to non-const and change nothing through it. */
    json_t *obj = (json_t *)(uintptr_t)v;

    base_buf_byte(out, '{');
    json_object_foreach(obj, key, member)
    {
        if (!first)
            base_buf_byte(out, ',');
        first = false;
        base_json_quote(out, base_str_c(key));
        base_buf_byte(out, ':');
        gw_json_put(out, member);
    }
    base_buf_byte(out, '}');
    return base_buf_ok(out);
}

bool gw_json_put(struct base_buf *out, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return put_object(out, v);
    case JSON_ARRAY:
        return put_array(out, v);
    case JSON_STRING:
        return base_json_quote(out, gw_json_str(v));
    case JSON_INTEGER:
        return base_buf_printf(out, "%lld", (long long)json_integer_value(v));
    case JSON_REAL:
        return put_real(out, json_real_value(v));
    case JSON_TRUE:
        return base_buf_z(out, "true");
    case JSON_FALSE:
        return base_buf_z(out, "false");
    case JSON_NULL:
        break;
    }
    return base_buf_z(out, "null");
}

struct base_str gw_json_text(struct base_arena *a, const json_t *v)
{
    struct base_buf b;
    struct base_str out = BASE_STR_NULL;

    base_buf_init(&b, SIZE_MAX / 4); /* what holds v bounds it; the arena bounds the result */
    if (gw_json_put(&b, v))
        out = base_arena_dup(a, base_buf_view(&b));
    base_buf_release(&b);
    return out;
}

void gw_json_knum(struct base_json *j, const char *key, double v)
{
    char text[48];
    struct base_buf b;

    base_json_key(j, key);
    base_buf_init(&b, sizeof text);
    gw_json_put_num(&b, v);
    base_json_raw(j, base_buf_view(&b));
    base_buf_release(&b);
}

void gw_json_extra_init(struct gw_json_extra *x)
{
    base_buf_init(&x->b, SIZE_MAX / 4);
}

void gw_json_extra_add(struct gw_json_extra *x, const char *key, const json_t *v)
{
    base_buf_byte(&x->b, x->b.n == 0 ? '{' : ',');
    base_json_quote(&x->b, base_str_c(key));
    base_buf_byte(&x->b, ':');
    gw_json_put(&x->b, v);
}

enum base_status gw_json_extra_end(struct gw_json_extra *x, struct base_arena *a,
                                   struct base_str *out)
{
    enum base_status st = BASE_OK;

    *out = BASE_STR_NULL;
    if (x->b.n > 0) {
        base_buf_byte(&x->b, '}');
        *out = base_arena_dup(a, base_buf_view(&x->b));
        if (!out->p || !base_buf_ok(&x->b))
            st = BASE_LIMIT;
    }
    base_buf_release(&x->b);
    return st;
}

static bool listed(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

enum base_status gw_json_merge(struct base_json *j, struct base_str extra, const char *const *skip,
                               struct base_err *err)
{
    const char *key;
    json_t *member;

    if (extra.n == 0)
        return BASE_OK;
    json_t *obj = gw_json_load(extra, false, err);
    if (!obj)
        return base_err_set(err, BASE_EBUG, "extra members of a request are no JSON object");
    json_object_foreach(obj, key, member)
    {
        if (listed(skip, key))
            continue;
        base_json_key(j, key);
        base_json_raw(j, BASE_STR_NULL); /* places the comma; the value follows */
        gw_json_put(j->out, member);
    }
    json_decref(obj);
    return BASE_OK;
}

void gw_dropped_add(struct base_buf *dropped, const char *prefix, const char *name)
{
    char word[96];
    size_t n = 0;

    for (const char *p = prefix; *p && n < 31; p++)
        word[n++] = *p;
    for (const char *p = name; *p && n < sizeof word - 1; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || *p == '.';
        word[n++] = plain ? *p : '?';
    }
    word[n] = '\0';

    struct base_str rest = base_buf_view(dropped);
    while (rest.p && rest.n > 0)
        if (base_str_is(base_str_cut(&rest, ','), word))
            return;
    if (dropped->n + n + 1 > dropped->max)
        return;
    if (dropped->n > 0)
        base_buf_byte(dropped, ',');
    base_buf_add(dropped, word, n);
}

void gw_dropped_extra(struct base_buf *dropped, const char *prefix, struct base_str extra)
{
    const char *key;
    json_t *member;
    json_t *obj = extra.n ? gw_json_load(extra, false, NULL) : NULL;

    if (!obj)
        return;
    json_object_foreach(obj, key, member)
    {
        gw_dropped_add(dropped, prefix, key);
    }
    json_decref(obj);
}
