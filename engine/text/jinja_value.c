/* jinja_value.c - the values of a template and how they read as text.
 *
 * Everything lives in the arena of one rendering. Strings never change; each knows which of its
 * stretches came from outside (`foreign`), and every way of making a string from others goes
 * through the builder here, which carries that knowledge along. What a template sees as str(),
 * repr() and JSON is Python's.
 */
#include "engine/text/jinja_int.h"
#include "engine/text/unicode.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool j_fail(struct jenv *e, enum base_status code, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)base_err_set(e->err, code, "template line %d: %s", e->line, text);
    return false;
}

bool j_charge(struct jenv *e, size_t n)
{
    if (n > (size_t)e->steps || (e->steps -= (int64_t)n) <= 0) {
        e->steps = 0;
        return j_fail(e, BASE_LIMIT, "the template takes too many steps (%d)", J_STEPS_MAX);
    }
    return true;
}

bool j_work(struct jenv *e, size_t bytes)
{
    return bytes < 64 || j_charge(e, bytes / 64);
}

void *j_alloc(struct jenv *e, size_t n, size_t size)
{
    void *p = base_arena_array(e->a, n ? n : 1, size);
    if (p == NULL)
        j_fail(e, BASE_LIMIT, "the template takes too much memory");
    else if (!j_work(e, n * size))
        return NULL;
    return p;
}

static bool str_make(struct jenv *e, const char *p, size_t n, const struct eng_span *foreign,
                     size_t n_foreign, struct jval *out)
{
    struct jstr *s = j_alloc(e, 1, sizeof(*s));
    if (s == NULL)
        return false;
    *s = (struct jstr){p, n, foreign, n_foreign};
    *out = (struct jval){.kind = JV_STR, .s = s};
    return true;
}

bool j_str_new(struct jenv *e, const char *p, size_t n, struct jval *out)
{
    char *c = j_alloc(e, n, 1);
    if (c == NULL)
        return false;
    if (n)
        memcpy(c, p, n);
    return str_make(e, c, n, NULL, 0, out);
}

bool j_str_z(struct jenv *e, const char *z, struct jval *out)
{
    return str_make(e, z, strlen(z), NULL, 0, out);
}

bool j_str_sub(struct jenv *e, const struct jstr *s, size_t from, size_t to, struct jval *out)
{
    size_t n = 0;
    if (from >= to)
        return j_str_z(e, "", out);
    if (from == 0 && to == s->n) {
        *out = (struct jval){.kind = JV_STR, .s = s};
        return true;
    }
    for (size_t i = 0; i < s->n_foreign; i++)
        n += s->foreign[i].from < to && s->foreign[i].to > from;
    struct eng_span *f = NULL;
    if (n > 0) {
        if (!(f = j_alloc(e, n, sizeof(*f))))
            return false;
        n = 0;
        for (size_t i = 0; i < s->n_foreign; i++) {
            struct eng_span x = s->foreign[i];
            if (x.from < to && x.to > from) {
                f[n].from = x.from > from ? x.from - from : 0;
                f[n++].to = (x.to < to ? x.to : to) - from;
            }
        }
    }
    return j_work(e, s->n_foreign * sizeof(*f)) && str_make(e, s->p + from, to - from, f, n, out);
}

bool j_list_new(struct jenv *e, size_t n, struct jval *out)
{
    struct jlist *l = j_alloc(e, 1, sizeof(*l));
    if (l == NULL || !(l->v = j_alloc(e, n, sizeof(*l->v))))
        return false;
    l->n = n;
    *out = (struct jval){.kind = JV_LIST, .l = l};
    return true;
}

bool j_dict_new(struct jenv *e, struct jval *out)
{
    struct jdict *d = j_alloc(e, 1, sizeof(*d));
    *out = (struct jval){.kind = JV_DICT, .d = d};
    return d != NULL;
}

bool j_dict_get(struct jenv *e, const struct jdict *d, struct jval k, struct jval **v)
{
    *v = NULL;
    if (k.kind == JV_STR)
        return j_dict_getz(e, d, base_str_n(k.s->p, k.s->n), v);
    if (k.kind > JV_STR || k.kind == JV_UNDEF)
        return k.kind == JV_UNDEF || j_fail(e, BASE_EINVAL, "a %s cannot be a key", j_kind_name(k));
    for (size_t i = 0; i < d->n; i++) {
        bool same = false;
        if (!j_eq(e, d->v[i].k, k, &same))
            return false;
        if (same) {
            *v = &d->v[i].v;
            return true;
        }
    }
    return true;
}

bool j_dict_getz(struct jenv *e, const struct jdict *d, struct base_str k, struct jval **v)
{
    *v = NULL;
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].k.kind == JV_STR && d->v[i].k.s->n == k.n &&
            memcmp(d->v[i].k.s->p, k.p, k.n) == 0) {
            *v = &d->v[i].v;
            return j_charge(e, 1 + i / 8);
        }
    return j_charge(e, 1 + d->n / 8);
}

bool j_dict_set(struct jenv *e, struct jdict *d, struct jval k, struct jval v)
{
    struct jval *have;
    if (!j_dict_get(e, d, k, &have))
        return false;
    if (have) {
        *have = v;
        return true;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 8;
        struct jpair *p = j_alloc(e, cap, sizeof(*p));
        if (p == NULL)
            return false;
        if (d->n)
            memcpy(p, d->v, d->n * sizeof(*p));
        d->v = p;
        d->cap = cap;
    }
    d->v[d->n++] = (struct jpair){k, v};
    return true;
}

static bool foreign_str(struct jenv *e, const char *p, size_t n, bool foreign, struct jval *out)
{
    struct eng_span *f = NULL;
    if (foreign && n > 0) {
        if (!(f = j_alloc(e, 1, sizeof(*f))))
            return false;
        *f = (struct eng_span){0, n};
    }
    char *c = j_alloc(e, n, 1);
    if (c == NULL)
        return false;
    if (n)
        memcpy(c, p, n);
    return str_make(e, c, n, f, f ? 1 : 0, out);
}

bool j_from_json(struct jenv *e, json_t *j, bool foreign, int depth, struct jval *out)
{
    if (depth > 100)
        return j_fail(e, BASE_LIMIT, "the input is nested too deeply");
    if (!j_charge(e, 1))
        return false;
    switch (json_typeof(j)) {
    case JSON_NULL:
        *out = j_none();
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = j_bool(json_is_true(j));
        return true;
    case JSON_INTEGER:
        *out = j_int(json_integer_value(j));
        return true;
    case JSON_REAL:
        *out = j_float(json_real_value(j));
        return true;
    case JSON_STRING:
        return foreign_str(e, json_string_value(j), json_string_length(j), foreign, out);
    case JSON_ARRAY: {
        size_t n = json_array_size(j);
        if (!j_list_new(e, n, out))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!j_from_json(e, json_array_get(j, i), foreign, depth + 1, &out->l->v[i]))
                return false;
        return true;
    }
    case JSON_OBJECT: {
        const char *key;
        json_t *val;
        size_t n = json_object_size(j);
        if (!j_dict_new(e, out) || !(out->d->v = j_alloc(e, n, sizeof(struct jpair))))
            return false;
        out->d->cap = n ? n : 1;
        json_object_foreach(j, key, val) /* keys are unique already */
        {
            struct jpair *p = &out->d->v[out->d->n++];
            if (!foreign_str(e, key, strlen(key), foreign, &p->k) ||
                !j_from_json(e, val, foreign, depth + 1, &p->v))
                return false;
        }
        return true;
    }
    }
    return j_fail(e, BASE_EBUG, "unknown JSON");
}

/* ---- building text ---- */

static bool room(struct jenv *e, struct jsb *b, size_t n)
{
    if (n > ENG_JINJA_OUTPUT_MAX - b->n)
        return j_fail(e, BASE_LIMIT, "the template makes a text over %u bytes",
                      ENG_JINJA_OUTPUT_MAX);
    if (b->n + n <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->n + n)
        cap *= 2;
    char *p = j_alloc(e, cap, 1);
    if (p == NULL)
        return false;
    if (b->n)
        memcpy(p, b->p, b->n);
    b->p = p;
    b->cap = cap;
    return true;
}

bool j_sb_raw(struct jenv *e, struct jsb *b, const char *p, size_t n, bool foreign)
{
    if (n == 0)
        return true;
    if (!room(e, b, n) || !j_work(e, n))
        return false;
    memcpy(b->p + b->n, p, n);
    if (foreign && b->n_foreign > 0 && b->foreign[b->n_foreign - 1].to == b->n) {
        b->foreign[b->n_foreign - 1].to += n;
    } else if (foreign) {
        if (b->n_foreign == b->cap_foreign) {
            size_t cap = b->cap_foreign ? b->cap_foreign * 2 : 4;
            struct eng_span *f = j_alloc(e, cap, sizeof(*f));
            if (f == NULL)
                return false;
            if (b->n_foreign)
                memcpy(f, b->foreign, b->n_foreign * sizeof(*f));
            b->foreign = f;
            b->cap_foreign = cap;
        }
        b->foreign[b->n_foreign++] = (struct eng_span){b->n, b->n + n};
    }
    b->n += n;
    return true;
}

bool j_sb_z(struct jenv *e, struct jsb *b, const char *z)
{
    return j_sb_raw(e, b, z, strlen(z), false);
}

bool j_stretch(const struct jstr *s, size_t *at, size_t *from, size_t *to, bool *foreign)
{
    if (*at >= s->n)
        return false;
    size_t lo = 0, hi = s->n_foreign; /* the first that ends behind *at */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->foreign[mid].to > *at)
            hi = mid;
        else
            lo = mid + 1;
    }
    *from = *at;
    if (lo == s->n_foreign) {
        *foreign = false;
        *to = s->n;
    } else if (s->foreign[lo].from <= *at) {
        *foreign = true;
        *to = s->foreign[lo].to;
    } else {
        *foreign = false;
        *to = s->foreign[lo].from;
    }
    *at = *to;
    return true;
}

bool j_sb_sub(struct jenv *e, struct jsb *b, const struct jstr *s, size_t from, size_t to)
{
    size_t at = from, x, y;
    bool foreign;
    while (at < to && j_stretch(s, &at, &x, &y, &foreign))
        if (!j_sb_raw(e, b, s->p + x, (y < to ? y : to) - x, foreign))
            return false;
    return true;
}

bool j_sb_str(struct jenv *e, struct jsb *b, const struct jstr *s)
{
    return j_sb_sub(e, b, s, 0, s->n);
}

bool j_sb_done(struct jenv *e, struct jsb *b, struct jval *out)
{
    return str_make(e, b->p ? b->p : "", b->n, b->foreign, b->n_foreign, out);
}

/* ---- truth, order, membership ---- */

bool j_true(struct jval v)
{
    switch (v.kind) {
    case JV_UNDEF:
    case JV_NONE:
        return false;
    case JV_BOOL:
        return v.b;
    case JV_INT:
        return v.i != 0;
    case JV_FLOAT:
        return v.f != 0;
    case JV_STR:
        return v.s->n > 0;
    case JV_LIST:
        return v.l->n > 0;
    case JV_DICT:
        return v.d->ns || v.d->n > 0;
    default:
        return true;
    }
}

static bool is_num(struct jval v)
{
    return v.kind == JV_BOOL || v.kind == JV_INT || v.kind == JV_FLOAT;
}

static double num(struct jval v)
{
    return v.kind == JV_FLOAT ? v.f : v.kind == JV_INT ? (double)v.i : v.b;
}

static int64_t integer(struct jval v)
{
    return v.kind == JV_INT ? v.i : v.b;
}

static bool eq_lists(struct jenv *e, const struct jlist *a, const struct jlist *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; i < a->n && *out; i++)
        if (!j_eq(e, a->v[i], b->v[i], out))
            return false;
    return true;
}

static bool eq_dicts(struct jenv *e, const struct jdict *a, const struct jdict *b, bool *out)
{
    *out = a->n == b->n && a->ns == b->ns && (!a->ns || a == b);
    for (size_t i = 0; i < a->n && *out; i++) {
        struct jval *v;
        if (!j_dict_get(e, b, a->v[i].k, &v))
            return false;
        *out = v != NULL;
        if (v && !j_eq(e, a->v[i].v, *v, out))
            return false;
    }
    return true;
}

bool j_eq(struct jenv *e, struct jval a, struct jval b, bool *out)
{
    bool ok = j_charge(e, 1);
    *out = false;
    if (++e->depth > J_DEPTH_MAX)
        ok = j_fail(e, BASE_LIMIT, "values nested too deeply");
    if (ok && is_num(a) && is_num(b)) {
        if (a.kind != JV_FLOAT && b.kind != JV_FLOAT)
            *out = integer(a) == integer(b);
        else
            *out = num(a) == num(b);
    } else if (ok && a.kind == b.kind) {
        switch (a.kind) {
        case JV_UNDEF:
        case JV_NONE:
            *out = true;
            break;
        case JV_STR:
            *out = a.s->n == b.s->n && (a.s->n == 0 || memcmp(a.s->p, b.s->p, a.s->n) == 0);
            ok = !*out || j_work(e, a.s->n);
            break;
        case JV_LIST:
            ok = eq_lists(e, a.l, b.l, out);
            break;
        case JV_DICT:
            ok = eq_dicts(e, a.d, b.d, out);
            break;
        case JV_MACRO:
            *out = a.m == b.m;
            break;
        default:
            break;
        }
    }
    e->depth--;
    return ok;
}

bool j_cmp(struct jenv *e, struct jval a, struct jval b, int *out)
{
    if (!j_charge(e, 1))
        return false;
    if (is_num(a) && is_num(b)) {
        if (a.kind != JV_FLOAT && b.kind != JV_FLOAT)
            *out = (integer(a) > integer(b)) - (integer(a) < integer(b));
        else
            *out = (num(a) > num(b)) - (num(a) < num(b));
        return true;
    }
    if (a.kind == JV_STR && b.kind == JV_STR) {
        size_t n = a.s->n < b.s->n ? a.s->n : b.s->n;
        int c = n ? memcmp(a.s->p, b.s->p, n) : 0; /* UTF-8 keeps the order of code points */
        *out = c ? c : (a.s->n > b.s->n) - (a.s->n < b.s->n);
        return j_work(e, n);
    }
    if (a.kind == JV_LIST && b.kind == JV_LIST) {
        size_t n = a.l->n < b.l->n ? a.l->n : b.l->n;
        bool ok = ++e->depth <= J_DEPTH_MAX || j_fail(e, BASE_LIMIT, "values nested too deeply");
        *out = 0;
        for (size_t i = 0; ok && i < n && *out == 0; i++)
            ok = j_cmp(e, a.l->v[i], b.l->v[i], out);
        if (*out == 0)
            *out = (a.l->n > b.l->n) - (a.l->n < b.l->n);
        e->depth--;
        return ok;
    }
    return j_fail(e, BASE_EINVAL, "%s and %s have no order", j_kind_name(a), j_kind_name(b));
}

size_t j_find(const struct jstr *s, const struct jstr *needle, size_t from)
{
    if (from > s->n)
        return SIZE_MAX;
    if (needle->n == 0)
        return from;
    const char *p = memmem(s->p + from, s->n - from, needle->p, needle->n);
    return p ? (size_t)(p - s->p) : SIZE_MAX;
}

bool j_contains(struct jenv *e, struct jval hay, struct jval needle, bool *out)
{
    *out = false;
    if (hay.kind == JV_UNDEF)
        return true;
    if (hay.kind == JV_STR) {
        if (needle.kind != JV_STR)
            return j_fail(e, BASE_EINVAL, "a string cannot contain a %s", j_kind_name(needle));
        *out = j_find(hay.s, needle.s, 0) != SIZE_MAX;
        return j_work(e, hay.s->n);
    }
    if (hay.kind == JV_DICT) {
        struct jval *v;
        if (!j_dict_get(e, hay.d, needle, &v))
            return false;
        *out = v != NULL;
        return true;
    }
    if (hay.kind != JV_LIST)
        return j_fail(e, BASE_EINVAL, "a %s contains nothing", j_kind_name(hay));
    for (size_t i = 0; i < hay.l->n && !*out; i++)
        if (!j_eq(e, hay.l->v[i], needle, out))
            return false;
    return true;
}

const char *j_kind_name(struct jval v)
{
    static const char *const names[] = {"undefined value", "none",   "boolean", "integer",
                                        "float",           "string", "list",    "dict",
                                        "macro",           "loop",   "method",  "function"};
    return names[v.kind];
}

bool j_iter(struct jenv *e, struct jval v, struct jval **items, size_t *n)
{
    *n = 0;
    *items = NULL;
    switch (v.kind) {
    case JV_UNDEF:
        return true;
    case JV_LIST:
        *items = v.l->v;
        *n = v.l->n;
        return true;
    case JV_DICT:
        if (!(*items = j_alloc(e, v.d->n, sizeof(**items))))
            return false;
        for (size_t i = 0; i < v.d->n; i++)
            (*items)[i] = v.d->v[i].k;
        *n = v.d->n;
        return true;
    case JV_STR: {
        size_t chars = j_chars(v.s->p, v.s->n), at = 0;
        if (!j_charge(e, chars) || !(*items = j_alloc(e, chars, sizeof(**items))))
            return false;
        for (size_t i = 0; i < chars; i++) {
            size_t len;
            (void)eng_uni_at(v.s->p, at, v.s->n, &len);
            if (!j_str_sub(e, v.s, at, at + len, &(*items)[i]))
                return false;
            at += len;
        }
        *n = chars;
        return true;
    }
    default:
        return j_fail(e, BASE_EINVAL, "a %s cannot be looped over", j_kind_name(v));
    }
}

size_t j_chars(const char *p, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        k += ((unsigned char)p[i] & 0xC0) != 0x80;
    return k;
}

size_t j_char_at(const char *p, size_t n, size_t i)
{
    size_t at = 0;
    for (; at < n; at++)
        if (((unsigned char)p[at] & 0xC0) != 0x80 && i-- == 0)
            return at;
    return n;
}
