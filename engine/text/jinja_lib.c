/* jinja_lib.c - the filters of templates: Jinja2's, as far as model files use them. */
#include "engine/text/jinja_int.h"
#include "engine/text/unicode.h"

#include <math.h>
#include <stdlib.h>

/* ---- filters over lists ---- */

static bool list_of(struct jenv *e, struct jval *v, size_t n, struct jval *out)
{
    struct jlist *l = j_alloc(e, 1, sizeof(*l));
    if (l == NULL)
        return false;
    *l = (struct jlist){.v = v, .n = n};
    *out = (struct jval){.kind = JV_LIST, .l = l};
    return true;
}

/* select, reject, selectattr, rejectattr */
static bool choose(struct jenv *e, struct jval v, const struct jargs *args, bool attr, bool keep,
                   struct jval *out)
{
    struct jval *items, *kept;
    size_t n, m = 0, skip = attr ? 1 : 0;
    if (attr && (args->n < 1 || args->v[0].kind != JV_STR))
        return j_fail(e, BASE_EINVAL, "selectattr and rejectattr need an attribute");
    if (args->n > skip && args->v[skip].kind != JV_STR)
        return j_fail(e, BASE_EINVAL, "a test's name is a string");
    if (!j_iter(e, v, &items, &n) || !(kept = j_alloc(e, n, sizeof(*kept))))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct jval x = items[i];
        bool yes;
        if (attr && !j_lookup(e, x, base_str_n(args->v[0].s->p, args->v[0].s->n), &x))
            return false;
        if (args->n > skip) {
            const struct jstr *name = args->v[skip].s;
            struct jargs rest = {args->v + skip + 1, args->n - skip - 1, NULL, 0};
            if (!j_test(e, base_str_n(name->p, name->n), x, &rest, &yes))
                return false;
        } else {
            yes = j_true(x);
        }
        if (yes == keep)
            kept[m++] = items[i];
        if (!j_charge(e, 1))
            return false;
    }
    return list_of(e, kept, m, out);
}

static bool map(struct jenv *e, struct jval v, const struct jargs *args, struct jval *out)
{
    struct jval *items, *to, *attr = NULL, *def = NULL;
    size_t n;
    for (size_t i = 0; i < args->n_kw; i++) {
        if (base_str_is(args->kw[i].name, "attribute"))
            attr = &args->kw[i].v;
        if (base_str_is(args->kw[i].name, "default"))
            def = &args->kw[i].v;
    }
    if ((attr ? attr->kind != JV_STR : args->n < 1 || args->v[0].kind != JV_STR))
        return j_fail(e, BASE_EINVAL, "map needs a filter or an attribute");
    if (!j_iter(e, v, &items, &n) || !(to = j_alloc(e, n, sizeof(*to))))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!j_charge(e, 1))
            return false;
        if (attr) {
            if (!j_lookup(e, items[i], base_str_n(attr->s->p, attr->s->n), &to[i]))
                return false;
            if (to[i].kind == JV_UNDEF && def)
                to[i] = *def;
            continue;
        }
        struct jargs rest = {args->v + 1, args->n - 1, args->kw, args->n_kw};
        const struct jstr *name = args->v[0].s;
        if (!j_filter(e, base_str_n(name->p, name->n), items[i], &rest, &to[i]))
            return false;
    }
    return list_of(e, to, n, out);
}

struct sort_key {
    struct jval key, item;
};

/* Merge sort: stable, n log n, and comparisons may fail. */
static bool merge_sort(struct jenv *e, struct sort_key *v, struct sort_key *tmp, size_t n, int sign)
{
    if (n < 2)
        return true;
    size_t h = n / 2, i = 0, j = h, k = 0;
    if (!merge_sort(e, v, tmp, h, sign) || !merge_sort(e, v + h, tmp, n - h, sign))
        return false;
    while (i < h || j < n) {
        int c = i == h ? 1 : -1;
        if (i < h && j < n) {
            if (!j_cmp(e, v[i].key, v[j].key, &c))
                return false;
            c *= sign;
        }
        tmp[k++] = c <= 0 ? v[i++] : v[j++];
    }
    memcpy(v, tmp, n * sizeof(*v));
    return true;
}

static bool fold(struct jenv *e, struct jval v, bool case_sensitive, struct jval *out)
{
    *out = v;
    return v.kind != JV_STR || case_sensitive || j_case(e, v.s, J_LOWER, out);
}

/* sort, and dictsort over the pairs of a dict */
static bool sort(struct jenv *e, struct jval v, const struct jargs *args, bool dict,
                 struct jval *out)
{
    struct jval *items, *cs, *rev, *attr = NULL, *by = NULL;
    size_t n;
    cs = j_arg(args, dict ? 0 : 1, "case_sensitive");
    rev = j_arg(args, dict ? 2 : 0, "reverse");
    if (dict)
        by = j_arg(args, 1, "by");
    else
        attr = j_arg(args, 2, "attribute");
    bool by_value = by && by->kind == JV_STR && by->s->n == 5 && memcmp(by->s->p, "value", 5) == 0;
    if (dict) {
        if (v.kind != JV_DICT)
            return j_fail(e, BASE_EINVAL, "dictsort needs a dict, not a %s", j_kind_name(v));
        if (!j_method(e, v, BASE_STR("items"), &(struct jargs){0}, &v))
            return false;
    }
    if (!j_iter(e, v, &items, &n))
        return false;
    struct sort_key *k = j_alloc(e, n, sizeof(*k)), *tmp = k ? j_alloc(e, n, sizeof(*tmp)) : NULL;
    struct jval *to = tmp ? j_alloc(e, n, sizeof(*to)) : NULL;
    if (to == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct jval key = dict ? items[i].l->v[by_value] : items[i];
        if (attr && attr->kind == JV_STR &&
            !j_lookup(e, key, base_str_n(attr->s->p, attr->s->n), &key))
            return false;
        if (!fold(e, key, cs && j_true(*cs), &k[i].key))
            return false;
        k[i].item = items[i];
    }
    if (!merge_sort(e, k, tmp, n, rev && j_true(*rev) ? -1 : 1))
        return false;
    for (size_t i = 0; i < n; i++)
        to[i] = k[i].item;
    return list_of(e, to, n, out);
}

static bool unique(struct jenv *e, struct jval v, struct jval *out)
{
    struct jval *items, *to;
    size_t n, m = 0;
    if (!j_iter(e, v, &items, &n) || !(to = j_alloc(e, n, sizeof(*to))))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < m && !seen; k++)
            if (!j_eq(e, to[k], items[i], &seen))
                return false;
        if (!seen)
            to[m++] = items[i];
    }
    return list_of(e, to, m, out);
}

static bool join(struct jenv *e, struct jval v, const struct jargs *args, struct jval *out)
{
    struct jval *sep = j_arg(args, 0, "d"), *attr = j_arg(args, 1, "attribute"), *items;
    struct jsb b = {0};
    size_t n;
    if (!j_iter(e, v, &items, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct jval x = items[i];
        if (attr && attr->kind == JV_STR && !j_lookup(e, x, base_str_n(attr->s->p, attr->s->n), &x))
            return false;
        if ((i > 0 && sep && !j_text(e, &b, *sep)) || !j_text(e, &b, x))
            return false;
    }
    return j_sb_done(e, &b, out);
}

static bool extreme(struct jenv *e, struct jval v, int sign, struct jval *out)
{
    struct jval *items;
    size_t n;
    if (!j_iter(e, v, &items, &n))
        return false;
    *out = n ? items[0] : j_undef();
    for (size_t i = 1; i < n; i++) {
        int c;
        if (!j_cmp(e, items[i], *out, &c))
            return false;
        if (c * sign > 0)
            *out = items[i];
    }
    return true;
}

static bool sum(struct jenv *e, struct jval v, struct jval *out)
{
    struct jval *items;
    size_t n;
    double f = 0;
    int64_t total = 0;
    bool real = false;
    if (!j_iter(e, v, &items, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (items[i].kind == JV_FLOAT) {
            real = true;
            f += items[i].f;
        } else if (items[i].kind != JV_INT || __builtin_add_overflow(total, items[i].i, &total)) {
            return j_fail(e, BASE_EINVAL, "sum needs numbers of a sane size");
        }
    }
    *out = real ? j_float(f + (double)total) : j_int(total);
    return true;
}

static bool reverse(struct jenv *e, struct jval v, struct jval *out)
{
    struct jval *items, *to;
    size_t n;
    if (!j_iter(e, v, &items, &n) || !(to = j_alloc(e, n, sizeof(*to))))
        return false;
    for (size_t i = 0; i < n; i++)
        to[i] = items[n - 1 - i];
    struct jsb b = {0};
    for (size_t i = 0; v.kind == JV_STR && i < n; i++)
        if (!j_sb_str(e, &b, to[i].s))
            return false;
    return v.kind == JV_STR ? j_sb_done(e, &b, out) : list_of(e, to, n, out);
}

/* ---- filters over one value ---- */

static bool length(struct jenv *e, struct jval v, struct jval *out)
{
    if (v.kind == JV_STR)
        *out = j_int((int64_t)j_chars(v.s->p, v.s->n));
    else if (v.kind == JV_LIST || v.kind == JV_DICT)
        *out = j_int((int64_t)(v.kind == JV_LIST ? v.l->n : v.d->n));
    else if (v.kind == JV_UNDEF)
        *out = j_int(0);
    else
        return j_fail(e, BASE_EINVAL, "a %s has no length", j_kind_name(v));
    return v.kind != JV_STR || j_work(e, v.s->n);
}

static bool to_json(struct jenv *e, struct jval v, const struct jargs *args, struct jval *out)
{
    struct jval *indent = j_arg(args, 0, "indent"), *ascii = j_arg(args, SIZE_MAX, "ensure_ascii");
    struct jval *keys = j_arg(args, SIZE_MAX, "sort_keys");
    struct jval *seps = j_arg(args, SIZE_MAX, "separators");
    struct jsb b = {0};
    struct jjson o = {.indent = -1, .item_sep = BASE_STR(", "), .key_sep = BASE_STR(": ")};
    if (indent && indent->kind == JV_INT) {
        o.indent = indent->i < 0 ? 0 : indent->i > 16 ? 16 : (int)indent->i;
        o.item_sep = BASE_STR(",");
    }
    o.ascii = ascii && j_true(*ascii);
    o.sort = keys && j_true(*keys);
    if (seps && seps->kind == JV_LIST && seps->l->n == 2 && seps->l->v[0].kind == JV_STR &&
        seps->l->v[1].kind == JV_STR) {
        o.item_sep = base_str_n(seps->l->v[0].s->p, seps->l->v[0].s->n);
        o.key_sep = base_str_n(seps->l->v[1].s->p, seps->l->v[1].s->n);
    }
    return j_json(e, &b, v, &o, 0) && j_sb_done(e, &b, out);
}

static bool to_number(struct jenv *e, struct jval v, const struct jargs *args, bool real,
                      struct jval *out)
{
    struct jval *def = j_arg(args, 0, "default");
    char buf[64], *end = buf;
    double f = 0;
    bool ok = v.kind == JV_INT || v.kind == JV_BOOL || v.kind == JV_FLOAT;
    if (v.kind == JV_INT && !real) {
        *out = v;
        return true;
    }
    if (ok)
        f = v.kind == JV_FLOAT ? v.f : v.kind == JV_INT ? (double)v.i : v.b;
    if (v.kind == JV_STR) {
        struct base_str s = base_str_trim(base_str_n(v.s->p, v.s->n));
        uint64_t u;
        if (!real && base_str_u64(s, &u) && u <= INT64_MAX) {
            *out = j_int((int64_t)u);
            return true;
        }
        if (s.n > 0 && s.n < sizeof(buf)) {
            memcpy(buf, s.p, s.n);
            buf[s.n] = 0;
            f = strtod(buf, &end);
            ok = *end == 0;
        }
    }
    if (!ok || !isfinite(f) || (!real && fabs(f) > 9e15)) {
        *out = def ? *def : real ? j_float(0) : j_int(0);
        return true;
    }
    (void)e;
    *out = real ? j_float(f) : j_int((int64_t)f);
    return true;
}

static bool round_to(struct jenv *e, struct jval v, const struct jargs *args, struct jval *out)
{
    struct jval *p = j_arg(args, 0, "precision"), *m = j_arg(args, 1, "method");
    if (v.kind != JV_INT && v.kind != JV_FLOAT)
        return j_fail(e, BASE_EINVAL, "a %s cannot be rounded", j_kind_name(v));
    double f = v.kind == JV_INT ? (double)v.i : v.f;
    double scale = pow(10, p && p->kind == JV_INT && p->i > -16 && p->i < 16 ? (double)p->i : 0);
    char how = m && m->kind == JV_STR && m->s->n > 0 ? m->s->p[0] : 'c';
    f *= scale;
    f = how == 'f'                                             ? floor(f)
        : how == 'c' && m && m->kind == JV_STR && m->s->n == 4 ? ceil(f)
                                                               : nearbyint(f);
    *out = j_float(f / scale);
    return true;
}

static bool indent_text(struct jenv *e, const struct jstr *s, const struct jargs *args,
                        struct jval *out)
{
    struct jval *w = j_arg(args, 0, "width"), *f = j_arg(args, 1, "first"),
                *bl = j_arg(args, 2, "blank"), pad;
    bool first = f && j_true(*f), blanks = bl && j_true(*bl);
    struct jsb b = {0}, spaces = {0};
    int64_t width = w && w->kind == JV_INT ? w->i : 4;
    if (width < 0 || width > 256)
        return j_fail(e, BASE_EINVAL, "bad width of an indent");
    if (w && w->kind == JV_STR) {
        pad = *w;
    } else {
        for (int64_t i = 0; i < width; i++)
            if (!j_sb_z(e, &spaces, " "))
                return false;
        if (!j_sb_done(e, &spaces, &pad))
            return false;
    }
    for (size_t at = 0, line = 0; at <= s->n; line++) {
        size_t end = at;
        while (end < s->n && s->p[end] != '\n')
            end++;
        bool pads = line == 0 ? first : blanks || end > at;
        if ((pads && !j_sb_str(e, &b, pad.s)) ||
            !j_sb_sub(e, &b, s, at, end < s->n ? end + 1 : end) || !j_charge(e, 1))
            return false;
        at = end + 1;
    }
    return j_sb_done(e, &b, out);
}

static bool escape(struct jenv *e, const struct jstr *s, struct jval *out)
{
    struct jsb b = {0};
    size_t at = 0, from, to;
    bool foreign;
    while (j_stretch(s, &at, &from, &to, &foreign))
        for (size_t i = from; i < to; i++) {
            const char *r = s->p[i] == '&'    ? "&amp;"
                            : s->p[i] == '<'  ? "&lt;"
                            : s->p[i] == '>'  ? "&gt;"
                            : s->p[i] == '"'  ? "&#34;"
                            : s->p[i] == '\'' ? "&#39;"
                                              : NULL;
            if (!j_sb_raw(e, &b, r ? r : s->p + i, r ? strlen(r) : 1, foreign))
                return false;
        }
    return j_charge(e, s->n / 16) && j_sb_done(e, &b, out);
}

enum filter {
    X_NONE,
    X_ABS,
    X_CAPITALIZE,
    X_LENGTH,
    X_DEFAULT,
    X_DICTSORT,
    X_ESCAPE,
    X_FIRST,
    X_FLOAT,
    X_INDENT,
    X_INT,
    X_ITEMS,
    X_JOIN,
    X_LAST,
    X_LIST,
    X_LOWER,
    X_MAP,
    X_MAX,
    X_MIN,
    X_REJECT,
    X_REJECTATTR,
    X_REPLACE,
    X_REVERSE,
    X_ROUND,
    X_SAFE,
    X_SELECT,
    X_SELECTATTR,
    X_SORT,
    X_STRING,
    X_SUM,
    X_TITLE,
    X_TOJSON,
    X_TRIM,
    X_UNIQUE,
    X_UPPER
};

static enum filter filter_of(struct base_str name)
{
    static const struct {
        const char *name;
        enum filter x;
    } t[] = {{"abs", X_ABS},
             {"capitalize", X_CAPITALIZE},
             {"length", X_LENGTH},
             {"count", X_LENGTH},
             {"default", X_DEFAULT},
             {"d", X_DEFAULT},
             {"dictsort", X_DICTSORT},
             {"escape", X_ESCAPE},
             {"e", X_ESCAPE},
             {"first", X_FIRST},
             {"float", X_FLOAT},
             {"indent", X_INDENT},
             {"int", X_INT},
             {"items", X_ITEMS},
             {"join", X_JOIN},
             {"last", X_LAST},
             {"list", X_LIST},
             {"lower", X_LOWER},
             {"map", X_MAP},
             {"max", X_MAX},
             {"min", X_MIN},
             {"reject", X_REJECT},
             {"rejectattr", X_REJECTATTR},
             {"replace", X_REPLACE},
             {"reverse", X_REVERSE},
             {"round", X_ROUND},
             {"safe", X_SAFE},
             {"select", X_SELECT},
             {"selectattr", X_SELECTATTR},
             {"sort", X_SORT},
             {"string", X_STRING},
             {"sum", X_SUM},
             {"title", X_TITLE},
             {"tojson", X_TOJSON},
             {"trim", X_TRIM},
             {"unique", X_UNIQUE},
             {"upper", X_UPPER}};
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        if (base_str_is(name, t[i].name))
            return t[i].x;
    return X_NONE;
}

/* Those that work on the text of any value. */
static bool text_filter(struct jenv *e, enum filter x, struct jval v, const struct jargs *args,
                        struct jval *out)
{
    struct jval s, *a = j_arg(args, 0, NULL), *b = j_arg(args, 1, NULL),
                   *c = j_arg(args, 2, "count");
    if (!j_to_str(e, v, &s))
        return false;
    switch (x) {
    case X_STRING:
    case X_SAFE:
        *out = s;
        return true;
    case X_TRIM:
        return j_strip(e, s.s, a && a->kind == JV_STR ? a->s : NULL, true, true, out);
    case X_REPLACE:
        if (!a || !b || a->kind != JV_STR || b->kind != JV_STR)
            return j_fail(e, BASE_EINVAL, "replace needs two strings");
        return j_replace(e, s.s, a->s, b->s, c && c->kind == JV_INT ? c->i : -1, out);
    case X_INDENT:
        return indent_text(e, s.s, args, out);
    case X_ESCAPE:
        return escape(e, s.s, out);
    default:
        return j_case(e, s.s,
                      x == X_UPPER   ? J_UPPER
                      : x == X_LOWER ? J_LOWER
                      : x == X_TITLE ? J_TITLE
                                     : J_CAPITAL,
                      out);
    }
}

static bool ends_of(struct jenv *e, struct jval v, bool last, struct jval *out)
{
    struct jval *items;
    size_t n;
    if (!j_iter(e, v, &items, &n))
        return false;
    *out = n == 0 ? j_undef() : items[last ? n - 1 : 0];
    return true;
}

static bool make_list(struct jenv *e, struct jval v, struct jval *out)
{
    struct jval *items;
    size_t n;
    return j_iter(e, v, &items, &n) && list_of(e, items, n, out);
}

static bool items_of(struct jenv *e, struct jval v, struct jval *out)
{
    if (v.kind == JV_UNDEF)
        return j_list_new(e, 0, out);
    if (v.kind != JV_DICT)
        return j_fail(e, BASE_EINVAL, "items needs a dict, not a %s", j_kind_name(v));
    return j_method(e, v, BASE_STR("items"), &(struct jargs){0}, out);
}

static bool absolute(struct jenv *e, struct jval v, struct jval *out)
{
    if (v.kind == JV_FLOAT)
        *out = j_float(fabs(v.f));
    else if (v.kind == JV_INT && v.i != INT64_MIN)
        *out = j_int(v.i < 0 ? -v.i : v.i);
    else
        return j_fail(e, BASE_EINVAL, "abs needs a number");
    return true;
}

bool j_filter(struct jenv *e, struct base_str name, struct jval v, const struct jargs *args,
              struct jval *out)
{
    struct jval *a = j_arg(args, 0, "default_value"), *b = j_arg(args, 1, "boolean");
    enum filter x = filter_of(name);
    if (++e->depth > J_DEPTH_MAX)
        return j_fail(e, BASE_LIMIT, "nested too deeply");
    bool ok = true;
    switch (x) {
    case X_NONE:
        ok = j_fail(e, BASE_EINVAL, "there is no filter '%.*s'", (int)(name.n < 60 ? name.n : 60),
                    name.p);
        break;
    case X_DEFAULT:
        *out = v;
        if (v.kind == JV_UNDEF || (b && j_true(*b) && !j_true(v))) {
            ok = a != NULL || j_str_z(e, "", out);
            if (a)
                *out = *a;
        }
        break;
    case X_ABS:
        ok = absolute(e, v, out);
        break;
    case X_LENGTH:
        ok = length(e, v, out);
        break;
    case X_SORT:
    case X_DICTSORT:
        ok = sort(e, v, args, x == X_DICTSORT, out);
        break;
    case X_FIRST:
    case X_LAST:
        ok = ends_of(e, v, x == X_LAST, out);
        break;
    case X_FLOAT:
    case X_INT:
        ok = to_number(e, v, args, x == X_FLOAT, out);
        break;
    case X_ITEMS:
        ok = items_of(e, v, out);
        break;
    case X_JOIN:
        ok = join(e, v, args, out);
        break;
    case X_LIST:
        ok = make_list(e, v, out);
        break;
    case X_MAP:
        ok = map(e, v, args, out);
        break;
    case X_MAX:
    case X_MIN:
        ok = extreme(e, v, x == X_MAX ? 1 : -1, out);
        break;
    case X_SELECT:
    case X_REJECT:
        ok = choose(e, v, args, false, x == X_SELECT, out);
        break;
    case X_SELECTATTR:
    case X_REJECTATTR:
        ok = choose(e, v, args, true, x == X_SELECTATTR, out);
        break;
    case X_REVERSE:
        ok = reverse(e, v, out);
        break;
    case X_ROUND:
        ok = round_to(e, v, args, out);
        break;
    case X_SUM:
        ok = sum(e, v, out);
        break;
    case X_TOJSON:
        ok = to_json(e, v, args, out);
        break;
    case X_UNIQUE:
        ok = unique(e, v, out);
        break;
    default:
        ok = text_filter(e, x, v, args, out);
    }
    e->depth--;
    return ok;
}
