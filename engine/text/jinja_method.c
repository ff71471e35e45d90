/* jinja_method.c - the methods of strings, dicts and lists, and the global functions.
 *
 * Methods are Python's, as far as templates use them; none changes its object (the sandbox that
 * the templates are written for forbids that). raise_exception ends the rendering with the
 * template's own words.
 */
#include "engine/text/jinja_int.h"
#include "engine/text/unicode.h"

#include <stdlib.h>
#include <time.h>

struct jval *j_arg(const struct jargs *a, size_t i, const char *name)
{
    if (i < a->n)
        return &a->v[i];
    for (size_t k = 0; name && k < a->n_kw; k++)
        if (base_str_is(a->kw[k].name, name))
            return &a->kw[k].v;
    return NULL;
}

static bool in_set(const struct jstr *chars, uint32_t c)
{
    if (chars == NULL)
        return (eng_uni_class(c) & ENG_UNI_SPACE) || (c >= 0x1C && c <= 0x1F);
    for (size_t i = 0; i < chars->n;) {
        size_t len;
        if (eng_uni_at(chars->p, i, chars->n, &len) == c)
            return true;
        i += len;
    }
    return false;
}

bool j_strip(struct jenv *e, const struct jstr *s, const struct jstr *chars, bool left, bool right,
             struct jval *out)
{
    size_t from = 0, to = s->n, len;
    if (chars && chars->n > 256)
        return j_fail(e, BASE_LIMIT, "too many characters to strip");
    while (left && from < to && in_set(chars, eng_uni_at(s->p, from, to, &len)))
        from += len;
    while (right && to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)s->p[at] & 0xC0) == 0x80)
            at--;
        if (!in_set(chars, eng_uni_at(s->p, at, to, &len)))
            break;
        to = at;
    }
    return j_work(e, (s->n - (to - from)) * (chars ? chars->n + 1 : 4)) &&
           j_str_sub(e, s, from, to, out);
}

bool j_replace(struct jenv *e, const struct jstr *s, const struct jstr *from, const struct jstr *to,
               int64_t max, struct jval *out)
{
    struct jsb b = {0};
    size_t at = 0;
    if (from->n == 0)
        return j_fail(e, BASE_EINVAL, "nothing to replace");
    while (max != 0) {
        size_t hit = j_find(s, from, at);
        if (hit == SIZE_MAX)
            break;
        if (!j_charge(e, 1) || !j_sb_sub(e, &b, s, at, hit) || !j_sb_str(e, &b, to))
            return false;
        at = hit + from->n;
        max -= max > 0;
    }
    return j_sb_sub(e, &b, s, at, s->n) && j_sb_done(e, &b, out);
}

bool j_case(struct jenv *e, const struct jstr *s, enum jcase how, struct jval *out)
{
    struct jsb b = {0};
    size_t at = 0, from, to;
    bool foreign, start = true;
    while (j_stretch(s, &at, &from, &to, &foreign))
        for (size_t i = from; i < to;) {
            size_t len;
            char buf[4];
            uint32_t c = eng_uni_at(s->p, i, to, &len);
            bool up = how == J_UPPER || (start && how != J_LOWER);
            start = how == J_TITLE && !(eng_uni_class(c) & ENG_UNI_LETTER);
            size_t n = base_utf8_encode(up ? eng_uni_upper(c) : eng_uni_lower(c), buf);
            if (!(n ? j_sb_raw(e, &b, buf, n, foreign) : j_sb_raw(e, &b, s->p + i, len, foreign)))
                return false;
            i += len;
        }
    return j_charge(e, s->n / 16) && j_sb_done(e, &b, out);
}

struct growing {
    struct jval *v;
    size_t n, cap;
};

static bool grow(struct jenv *e, struct growing *g, struct jval v)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 8;
        struct jval *p = j_alloc(e, cap, sizeof(*p));
        if (p == NULL)
            return false;
        if (g->n)
            memcpy(p, g->v, g->n * sizeof(*p));
        g->v = p;
        g->cap = cap;
    }
    g->v[g->n++] = v;
    return j_charge(e, 1);
}

static bool grown(struct jenv *e, struct growing *g, struct jval *out)
{
    struct jlist *l = j_alloc(e, 1, sizeof(*l));
    if (l == NULL)
        return false;
    *l = (struct jlist){.v = g->v, .n = g->n};
    *out = (struct jval){.kind = JV_LIST, .l = l};
    return true;
}

static bool split_space(struct jenv *e, const struct jstr *s, int64_t max, struct jval *out)
{
    struct growing g = {0};
    size_t i = 0, len;
    struct jval part;
    while (i < s->n) {
        while (i < s->n && in_set(NULL, eng_uni_at(s->p, i, s->n, &len)))
            i += len;
        size_t from = i;
        bool rest = max >= 0 && (int64_t)g.n >= max;
        while (i < s->n && (rest || !in_set(NULL, eng_uni_at(s->p, i, s->n, &len)))) {
            (void)eng_uni_at(s->p, i, s->n, &len);
            i += len;
        }
        if (i > from && (!j_str_sub(e, s, from, i, &part) || !grow(e, &g, part)))
            return false;
    }
    return grown(e, &g, out);
}

static bool split(struct jenv *e, const struct jstr *s, const struct jargs *args, bool from_right,
                  struct jval *out)
{
    struct jval *sep = j_arg(args, 0, "sep"), *max = j_arg(args, 1, "maxsplit"), part;
    int64_t left = max && max->kind == JV_INT ? max->i : -1;
    struct growing g = {0};
    if (sep == NULL || sep->kind == JV_NONE)
        return split_space(e, s, left, out);
    if (sep->kind != JV_STR || sep->s->n == 0)
        return j_fail(e, BASE_EINVAL, "split needs a separator");
    size_t at = 0, skip = 0;
    if (from_right && left >= 0) { /* skip the first cuts, so that the last `left` remain */
        size_t cuts = 0;
        for (size_t h = j_find(s, sep->s, 0); h != SIZE_MAX; h = j_find(s, sep->s, h + sep->s->n))
            cuts++;
        skip = cuts > (size_t)left ? cuts - (size_t)left : 0;
        if (!j_charge(e, cuts))
            return false;
    }
    for (size_t from = 0; left != 0;) {
        size_t hit = j_find(s, sep->s, from);
        if (hit == SIZE_MAX)
            break;
        from = hit + sep->s->n;
        if (skip > 0) {
            skip--;
            continue;
        }
        if (!j_str_sub(e, s, at, hit, &part) || !grow(e, &g, part))
            return false;
        at = from;
        left -= left > 0 && !from_right;
    }
    return j_work(e, s->n) && j_str_sub(e, s, at, s->n, &part) && grow(e, &g, part) &&
           grown(e, &g, out);
}

static bool split_lines(struct jenv *e, const struct jstr *s, struct jval *out)
{
    struct growing g = {0};
    struct jval part;
    for (size_t at = 0; at < s->n;) {
        size_t end = at;
        while (end < s->n && s->p[end] != '\n' && s->p[end] != '\r')
            end++;
        if (!j_str_sub(e, s, at, end, &part) || !grow(e, &g, part))
            return false;
        at = end + 1 + (end + 1 < s->n && s->p[end] == '\r' && s->p[end + 1] == '\n');
    }
    return grown(e, &g, out);
}

static bool affix(const struct jstr *s, struct jval v, bool at_end)
{
    return v.kind == JV_STR && v.s->n <= s->n &&
           (v.s->n == 0 || memcmp(at_end ? s->p + s->n - v.s->n : s->p, v.s->p, v.s->n) == 0);
}

static bool starts_or_ends(struct jenv *e, const struct jstr *s, const struct jargs *args,
                           bool at_end, struct jval *out)
{
    struct jval *a = j_arg(args, 0, NULL);
    if (a == NULL || (a->kind != JV_STR && a->kind != JV_LIST))
        return j_fail(e, BASE_EINVAL, "startswith and endswith need a string");
    bool r = affix(s, *a, at_end);
    for (size_t i = 0; a->kind == JV_LIST && i < a->l->n && !r; i++)
        r = affix(s, a->l->v[i], at_end);
    *out = j_bool(r);
    return j_charge(e, a->kind == JV_LIST ? a->l->n + 1 : 1);
}

static bool all_class(const struct jstr *s, unsigned in)
{
    for (size_t i = 0; i < s->n;) {
        size_t len;
        if (!(eng_uni_class(eng_uni_at(s->p, i, s->n, &len)) & in))
            return false;
        i += len;
    }
    return s->n > 0;
}

static bool join_list(struct jenv *e, const struct jstr *sep, struct jval v, struct jval *out)
{
    struct jsb b = {0};
    struct jval *items;
    size_t n;
    if (!j_iter(e, v, &items, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((i > 0 && !j_sb_str(e, &b, sep)) || !j_text(e, &b, items[i]))
            return false;
    return j_sb_done(e, &b, out);
}

static bool count_of(struct jenv *e, const struct jstr *s, const struct jstr *what,
                     struct jval *out)
{
    int64_t n = 0;
    if (what->n == 0)
        return j_fail(e, BASE_EINVAL, "nothing to count");
    for (size_t h = j_find(s, what, 0); h != SIZE_MAX; h = j_find(s, what, h + what->n))
        n++;
    *out = j_int(n);
    return j_charge(e, (size_t)n) && j_work(e, s->n);
}

static bool find_last(struct jenv *e, const struct jstr *s, const struct jstr *what, bool last,
                      struct jval *out)
{
    size_t hit = SIZE_MAX;
    if (!last)
        hit = j_find(s, what, 0);
    for (size_t at = s->n >= what->n ? s->n - what->n + 1 : 0; last && at-- > 0;)
        if (what->n == 0 || memcmp(s->p + at, what->p, what->n) == 0) {
            hit = at;
            break;
        }
    *out = j_int(hit == SIZE_MAX ? -1 : (int64_t)j_chars(s->p, hit));
    return j_work(e, s->n * (last ? 8 : 1));
}

enum method {
    M_NONE,
    M_SPLIT,
    M_RSPLIT,
    M_SPLITLINES,
    M_STRIP,
    M_LSTRIP,
    M_RSTRIP,
    M_REPLACE,
    M_STARTS,
    M_ENDS,
    M_UPPER,
    M_LOWER,
    M_TITLE,
    M_CAPITAL,
    M_JOIN,
    M_FIND,
    M_RFIND,
    M_COUNT,
    M_ISDIGIT,
    M_ISALPHA,
    M_ISSPACE,
    M_RMPREFIX,
    M_RMSUFFIX,
    M_ITEMS,
    M_KEYS,
    M_VALUES,
    M_GET,
    M_INDEX,
    M_COPY
};

static enum method method_of(struct jval self, struct base_str name)
{
    static const struct {
        const char *name;
        enum jkind kind;
        enum method m;
    } methods[] = {{"split", JV_STR, M_SPLIT},
                   {"rsplit", JV_STR, M_RSPLIT},
                   {"splitlines", JV_STR, M_SPLITLINES},
                   {"strip", JV_STR, M_STRIP},
                   {"lstrip", JV_STR, M_LSTRIP},
                   {"rstrip", JV_STR, M_RSTRIP},
                   {"replace", JV_STR, M_REPLACE},
                   {"startswith", JV_STR, M_STARTS},
                   {"endswith", JV_STR, M_ENDS},
                   {"upper", JV_STR, M_UPPER},
                   {"lower", JV_STR, M_LOWER},
                   {"title", JV_STR, M_TITLE},
                   {"capitalize", JV_STR, M_CAPITAL},
                   {"join", JV_STR, M_JOIN},
                   {"find", JV_STR, M_FIND},
                   {"rfind", JV_STR, M_RFIND},
                   {"count", JV_STR, M_COUNT},
                   {"isdigit", JV_STR, M_ISDIGIT},
                   {"isalpha", JV_STR, M_ISALPHA},
                   {"isspace", JV_STR, M_ISSPACE},
                   {"removeprefix", JV_STR, M_RMPREFIX},
                   {"removesuffix", JV_STR, M_RMSUFFIX},
                   {"items", JV_DICT, M_ITEMS},
                   {"keys", JV_DICT, M_KEYS},
                   {"values", JV_DICT, M_VALUES},
                   {"get", JV_DICT, M_GET},
                   {"copy", JV_DICT, M_COPY},
                   {"index", JV_LIST, M_INDEX},
                   {"count", JV_LIST, M_COUNT},
                   {"copy", JV_LIST, M_COPY}};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i].kind == self.kind && base_str_is(name, methods[i].name))
            return methods[i].m;
    return M_NONE;
}

bool j_has_method(struct jval self, struct base_str name)
{
    return method_of(self, name) != M_NONE;
}

static bool dict_parts(struct jenv *e, const struct jdict *d, enum method m, struct jval *out)
{
    if (!j_list_new(e, d->n, out))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        struct jval *to = &out->l->v[i];
        if (m == M_ITEMS) {
            if (!j_list_new(e, 2, to))
                return false;
            to->l->tuple = true;
            to->l->v[0] = d->v[i].k;
            to->l->v[1] = d->v[i].v;
        } else {
            *to = m == M_KEYS ? d->v[i].k : d->v[i].v;
        }
    }
    return j_charge(e, d->n);
}

static bool str_method(struct jenv *e, const struct jstr *s, enum method m,
                       const struct jargs *args, struct jval *out)
{
    struct jval *a = j_arg(args, 0, NULL), *b = j_arg(args, 1, NULL), *c = j_arg(args, 2, "count");
    const struct jstr *x = a && a->kind == JV_STR ? a->s : NULL;
    bool needs = m == M_REPLACE || m == M_FIND || m == M_RFIND || m == M_COUNT || m == M_RMPREFIX ||
                 m == M_RMSUFFIX;
    if (needs && (x == NULL || (m == M_REPLACE && (b == NULL || b->kind != JV_STR))))
        return j_fail(e, BASE_EINVAL, "a method of a string needs a string");
    switch (m) {
    case M_SPLIT:
    case M_RSPLIT:
        return split(e, s, args, m == M_RSPLIT, out);
    case M_SPLITLINES:
        return split_lines(e, s, out);
    case M_STRIP:
    case M_LSTRIP:
    case M_RSTRIP:
        return j_strip(e, s, x, m != M_RSTRIP, m != M_LSTRIP, out);
    case M_REPLACE:
        return j_replace(e, s, x, b->s, c && c->kind == JV_INT ? c->i : -1, out);
    case M_STARTS:
    case M_ENDS:
        return starts_or_ends(e, s, args, m == M_ENDS, out);
    case M_UPPER:
        return j_case(e, s, J_UPPER, out);
    case M_LOWER:
        return j_case(e, s, J_LOWER, out);
    case M_TITLE:
        return j_case(e, s, J_TITLE, out);
    case M_CAPITAL:
        return j_case(e, s, J_CAPITAL, out);
    case M_JOIN:
        return a ? join_list(e, s, *a, out) : j_fail(e, BASE_EINVAL, "join needs a list");
    case M_FIND:
    case M_RFIND:
        return find_last(e, s, x, m == M_RFIND, out);
    case M_COUNT:
        return count_of(e, s, x, out);
    case M_RMPREFIX:
        return j_str_sub(e, s, affix(s, *a, false) ? x->n : 0, s->n, out);
    case M_RMSUFFIX:
        return j_str_sub(e, s, 0, affix(s, *a, true) ? s->n - x->n : s->n, out);
    default:
        *out = j_bool(all_class(s, m == M_ISDIGIT   ? ENG_UNI_NUMBER
                                   : m == M_ISALPHA ? ENG_UNI_LETTER
                                                    : ENG_UNI_SPACE));
        return j_work(e, s->n * 4);
    }
}

static bool list_method(struct jenv *e, struct jval self, enum method m, const struct jargs *args,
                        struct jval *out)
{
    struct jval *a = j_arg(args, 0, NULL);
    int64_t n = 0;
    *out = self;
    if (m == M_COPY)
        return true;
    if (a == NULL)
        return j_fail(e, BASE_EINVAL, "index and count need a value");
    for (size_t i = 0; i < self.l->n; i++) {
        bool same = false;
        if (!j_eq(e, self.l->v[i], *a, &same))
            return false;
        if (same && m == M_INDEX) {
            *out = j_int((int64_t)i);
            return true;
        }
        n += same;
    }
    *out = j_int(n);
    return m == M_COUNT || j_fail(e, BASE_EINVAL, "the value is not in the list");
}

bool j_method(struct jenv *e, struct jval self, struct base_str name, const struct jargs *args,
              struct jval *out)
{
    enum method m = method_of(self, name);
    if (self.kind == JV_STR)
        return str_method(e, self.s, m, args, out);
    if (self.kind == JV_LIST)
        return list_method(e, self, m, args, out);
    if (m == M_GET) {
        struct jval *k = j_arg(args, 0, "key"), *def = j_arg(args, 1, "default"), *v = NULL;
        if (k == NULL)
            return j_fail(e, BASE_EINVAL, "get needs a key");
        if (!j_dict_get(e, self.d, *k, &v))
            return false;
        *out = v ? *v : def ? *def : j_none();
        return true;
    }
    if (m == M_COPY) {
        *out = self;
        return true;
    }
    return dict_parts(e, self.d, m, out);
}

/* ---- global functions ---- */

enum { F_NAMESPACE, F_RANGE, F_RAISE, F_STRFTIME, F_DICT };

int j_func_find(struct base_str name)
{
    static const char *const names[] = {"namespace", "range", "raise_exception", "strftime_now",
                                        "dict"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (base_str_is(name, names[i]))
            return (int)i;
    return -1;
}

static bool make_dict(struct jenv *e, const struct jargs *args, bool ns, struct jval *out)
{
    if (!j_dict_new(e, out))
        return false;
    out->d->ns = ns;
    if (args->n > 0) {
        if (args->v[0].kind != JV_DICT)
            return j_fail(e, BASE_EINVAL, "only a dict can be made into one");
        for (size_t i = 0; i < args->v[0].d->n; i++)
            if (!j_dict_set(e, out->d, args->v[0].d->v[i].k, args->v[0].d->v[i].v))
                return false;
    }
    for (size_t i = 0; i < args->n_kw; i++) {
        struct jval k;
        if (!j_str_new(e, args->kw[i].name.p, args->kw[i].name.n, &k) ||
            !j_dict_set(e, out->d, k, args->kw[i].v))
            return false;
    }
    return true;
}

static bool range(struct jenv *e, const struct jargs *args, struct jval *out)
{
    int64_t a[3] = {0, 0, 1};
    if (args->n < 1 || args->n > 3)
        return j_fail(e, BASE_EINVAL, "range needs one to three numbers");
    for (size_t i = 0; i < args->n; i++) {
        if (args->v[i].kind != JV_INT || args->v[i].i > INT32_MAX || args->v[i].i < -INT32_MAX)
            return j_fail(e, BASE_EINVAL, "range needs integers of a sane size");
        a[args->n == 1 ? 1 : i] = args->v[i].i;
    }
    if (a[2] == 0)
        return j_fail(e, BASE_EINVAL, "the step of a range is 0");
    int64_t n = a[2] > 0 ? (a[1] - a[0] + a[2] - 1) / a[2] : (a[0] - a[1] - a[2] - 1) / -a[2];
    if (n < 0)
        n = 0;
    if (n > J_RANGE_MAX)
        return j_fail(e, BASE_LIMIT, "a range of more than %d", J_RANGE_MAX);
    if (!j_list_new(e, (size_t)n, out))
        return false;
    for (int64_t i = 0; i < n; i++)
        out->l->v[i] = j_int(a[0] + i * a[2]);
    return true;
}

static bool raise(struct jenv *e, const struct jargs *args)
{
    struct jval s;
    if (args->n < 1)
        return j_fail(e, BASE_EINVAL, "raise_exception needs a message");
    if (!j_to_str(e, args->v[0], &s))
        return false;
    e->raised = true;
    (void)base_err_set(e->err, BASE_EINVAL, "%.*s", (int)(s.s->n < 480 ? s.s->n : 480), s.s->p);
    return false;
}

static bool now(struct jenv *e, const struct jargs *args, struct jval *out)
{
    struct jval *f = j_arg(args, 0, NULL);
    char fmt[64], text[256];
    if (f == NULL || f->kind != JV_STR || f->s->n >= sizeof(fmt))
        return j_fail(e, BASE_EINVAL, "strftime_now needs a short format");
    memcpy(fmt, f->s->p, f->s->n);
    fmt[f->s->n] = 0;
    for (const char *p = fmt; *p; p++) { /* directives of one letter, "-" before them at most */
        if (*p != '%')
            continue;
        p += p[1] == '-' ? 2 : 1;
        if (*p == 0 || !strchr("aAbBcdDeFHIjmMpSTuUwWxXyYZ%", *p))
            return j_fail(e, BASE_EINVAL, "strftime_now does not know a directive");
    }
    time_t t = (time_t)e->now_s;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL)
        return j_fail(e, BASE_EINVAL, "the time is out of range");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(text, sizeof(text), fmt, &tm);
#pragma GCC diagnostic pop
    return j_str_new(e, text, n, out);
}

bool j_func(struct jenv *e, int func, const struct jargs *args, struct jval *out)
{
    switch (func) {
    case F_NAMESPACE:
    case F_DICT:
        return make_dict(e, args, func == F_NAMESPACE, out);
    case F_RANGE:
        return range(e, args, out);
    case F_RAISE:
        return raise(e, args);
    default:
        return now(e, args, out);
    }
}
