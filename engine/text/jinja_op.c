/* jinja_op.c - attributes, items, slices and operators of templates' values, as Python has them. */
#include "engine/text/jinja_int.h"

#include <math.h>

/* ---- attributes, items, slices ---- */

static bool loop_attr(struct jenv *e, const struct jloop *l, struct base_str name, struct jval *out)
{
    static const char *const names[] = {"index",  "index0", "revindex", "revindex0",
                                        "length", "depth",  "depth0"};
    const int64_t vals[] = {(int64_t)l->i + 1,
                            (int64_t)l->i,
                            (int64_t)(l->n - l->i),
                            (int64_t)(l->n - l->i) - 1,
                            (int64_t)l->n,
                            l->depth,
                            l->depth - 1};
    (void)e;
    for (size_t k = 0; k < sizeof(vals) / sizeof(vals[0]); k++)
        if (base_str_is(name, names[k])) {
            *out = j_int(vals[k]);
            return true;
        }
    *out = j_undef();
    if (base_str_is(name, "first"))
        *out = j_bool(l->i == 0);
    else if (base_str_is(name, "last"))
        *out = j_bool(l->i + 1 == l->n);
    else if (base_str_is(name, "previtem") && l->i > 0)
        *out = l->v[l->i - 1];
    else if (base_str_is(name, "nextitem") && l->i + 1 < l->n)
        *out = l->v[l->i + 1];
    return true;
}

bool j_getattr(struct jenv *e, struct jval v, struct base_str name, bool item_first,
               struct jval *out)
{
    struct jval *item = NULL;
    *out = j_undef();
    if (v.kind == JV_UNDEF)
        return j_fail(e, BASE_EINVAL, "an undefined value has no attribute '%.*s'",
                      (int)(name.n < 60 ? name.n : 60), name.p);
    if (v.kind == JV_LOOP)
        return loop_attr(e, v.loop, name, out);
    if (v.kind == JV_DICT && (item_first || v.d->ns || !j_has_method(v, name))) {
        if (!j_dict_getz(e, v.d, name, &item))
            return false;
        if (item) {
            *out = *item;
            return true;
        }
    }
    if (!j_has_method(v, name))
        return j_charge(e, 1);
    struct jmethod *m = j_alloc(e, 1, sizeof(*m));
    if (m == NULL)
        return false;
    *m = (struct jmethod){v, name};
    *out = (struct jval){.kind = JV_METHOD, .method = m};
    return true;
}

bool j_lookup(struct jenv *e, struct jval v, struct base_str path, struct jval *out)
{
    while (path.p) {
        struct base_str part = base_str_cut(&path, '.');
        uint64_t i;
        if (v.kind == JV_LIST && base_str_u64(part, &i))
            v = i < v.l->n ? v.l->v[i] : j_undef();
        else if (!j_getattr(e, v, part, true, &v))
            return false;
    }
    *out = v;
    return true;
}

static bool index_of(struct jenv *e, struct jval i, size_t n, size_t *at, bool *inside)
{
    if (i.kind != JV_INT && i.kind != JV_BOOL)
        return j_fail(e, BASE_EINVAL, "a %s is no index", j_kind_name(i));
    int64_t k = i.kind == JV_INT ? i.i : i.b;
    if (k < 0)
        k += (int64_t)n;
    *inside = k >= 0 && k < (int64_t)n;
    *at = *inside ? (size_t)k : 0;
    return true;
}

bool j_get_item(struct jenv *e, struct jval v, struct jval i, struct jval *out)
{
    size_t at;
    bool inside;
    *out = j_undef();
    if (v.kind == JV_DICT) {
        struct jval *item;
        if (!j_dict_get(e, v.d, i, &item))
            return false;
        if (item) {
            *out = *item;
            return true;
        }
    }
    if (i.kind == JV_STR)
        return j_getattr(e, v, base_str_n(i.s->p, i.s->n), true, out);
    if (v.kind == JV_LIST) {
        if (!index_of(e, i, v.l->n, &at, &inside))
            return false;
        if (inside)
            *out = v.l->v[at];
        return true;
    }
    if (v.kind == JV_STR) {
        if (!j_work(e, v.s->n) || !index_of(e, i, j_chars(v.s->p, v.s->n), &at, &inside))
            return false;
        if (!inside)
            return true;
        size_t from = j_char_at(v.s->p, v.s->n, at);
        size_t len = j_char_at(v.s->p + from, v.s->n - from, 1);
        return j_str_sub(e, v.s, from, from + len, out);
    }
    return v.kind == JV_DICT || j_fail(e, BASE_EINVAL, "a %s has no items", j_kind_name(v));
}

/* Python's slice.indices: where to start, how many, in which steps. */
static void slice_bounds(size_t len, const int64_t *start, const int64_t *stop, int64_t step,
                         int64_t *from, size_t *count)
{
    int64_t n = (int64_t)len, lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1;
    int64_t a = start ? *start : step > 0 ? lo : hi, b = stop ? *stop : step > 0 ? hi : lo;
    if (start)
        a = a < 0 ? (a + n < lo ? lo : a + n) : a > hi ? hi : a;
    if (stop)
        b = b < 0 ? (b + n < lo ? lo : b + n) : b > hi ? hi : b;
    *from = a;
    *count = 0;
    if (step > 0 && a < b)
        *count = (size_t)((b - a - 1) / step) + 1;
    else if (step < 0 && a > b)
        *count = (size_t)((a - b - 1) / -step) + 1;
}

static bool slice_of(struct jenv *e, struct jval v, const int64_t *start, const int64_t *stop,
                     int64_t step, struct jval *out)
{
    int64_t from;
    size_t count;
    if (v.kind == JV_LIST) {
        slice_bounds(v.l->n, start, stop, step, &from, &count);
        if (!j_list_new(e, count, out) || !j_charge(e, count / 8))
            return false;
        for (size_t i = 0; i < count; i++)
            out->l->v[i] = v.l->v[from + (int64_t)i * step];
        return true;
    }
    if (v.kind != JV_STR)
        return j_fail(e, BASE_EINVAL, "a %s cannot be cut into slices", j_kind_name(v));
    size_t chars = j_chars(v.s->p, v.s->n);
    slice_bounds(chars, start, stop, step, &from, &count);
    if (!j_work(e, v.s->n))
        return false;
    if (step == 1 || count == 0) {
        size_t a = j_char_at(v.s->p, v.s->n, (size_t)from);
        return j_str_sub(e, v.s, a, a + j_char_at(v.s->p + a, v.s->n - a, count), out);
    }
    struct jval *c;
    struct jsb b = {0};
    size_t n;
    if (!j_iter(e, v, &c, &n))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!j_sb_str(e, &b, c[from + (int64_t)i * step].s))
            return false;
    return j_sb_done(e, &b, out);
}

bool j_slice(struct jenv *e, const struct jnode *n, struct jval *out)
{
    const struct jnode *parts[3] = {n->b, n->c, n->d};
    int64_t at[3] = {0, 0, 1};
    bool given[3] = {false, false, false};
    struct jval v;
    if (!j_eval(e, n->a, &v))
        return false;
    for (int i = 0; i < 3; i++) {
        struct jval x = j_none();
        if (parts[i] && !j_eval(e, parts[i], &x))
            return false;
        if (x.kind == JV_NONE)
            continue;
        if (x.kind != JV_INT || x.i > INT32_MAX || x.i < -INT32_MAX)
            return j_fail(e, BASE_EINVAL, "bad slice");
        at[i] = x.i;
        given[i] = true;
    }
    if (at[2] == 0)
        return j_fail(e, BASE_EINVAL, "the step of a slice is 0");
    return slice_of(e, v, given[0] ? &at[0] : NULL, given[1] ? &at[1] : NULL, at[2], out);
}

/* ---- operators ---- */

static bool numeric(struct jval v)
{
    return v.kind == JV_INT || v.kind == JV_FLOAT || v.kind == JV_BOOL;
}

static double as_double(struct jval v)
{
    return v.kind == JV_FLOAT ? v.f : v.kind == JV_INT ? (double)v.i : v.b;
}

static bool arith_int(struct jenv *e, enum jop op, int64_t a, int64_t b, struct jval *out)
{
    int64_t r = 0;
    bool over = false;
    switch (op) {
    case J_ADD:
        over = __builtin_add_overflow(a, b, &r);
        break;
    case J_SUB:
        over = __builtin_sub_overflow(a, b, &r);
        break;
    case J_MUL:
        over = __builtin_mul_overflow(a, b, &r);
        break;
    case J_FLOORDIV:
    case J_MOD:
        if (b == 0)
            return j_fail(e, BASE_EINVAL, "division by zero");
        if (b == -1) {
            over = op == J_FLOORDIV && __builtin_sub_overflow(0, a, &r);
            break;
        }
        r = op == J_MOD ? a % b : a / b;
        if ((a % b != 0) && ((a < 0) != (b < 0)))
            r += op == J_MOD ? b : -1;
        break;
    default: { /* J_POW, b >= 0 */
        r = 1;
        for (int64_t i = 0; i < b && !over && r != 0; i++) {
            over = i > 64 && a != 1 && a != -1 && a != 0;
            over = over || __builtin_mul_overflow(r, a, &r);
            if (!j_charge(e, 1))
                return false;
        }
    }
    }
    *out = j_int(r);
    return !over || j_fail(e, BASE_LIMIT, "a number is too large");
}

static bool arith(struct jenv *e, enum jop op, struct jval a, struct jval b, struct jval *out)
{
    if (a.kind != JV_FLOAT && b.kind != JV_FLOAT && op != J_DIV &&
        !(op == J_POW && as_double(b) < 0))
        return arith_int(e, op, a.kind == JV_INT ? a.i : a.b, b.kind == JV_INT ? b.i : b.b, out);
    double x = as_double(a), y = as_double(b);
    if (y == 0 && (op == J_DIV || op == J_FLOORDIV || op == J_MOD))
        return j_fail(e, BASE_EINVAL, "division by zero");
    switch (op) {
    case J_ADD:
        x += y;
        break;
    case J_SUB:
        x -= y;
        break;
    case J_MUL:
        x *= y;
        break;
    case J_DIV:
        x /= y;
        break;
    case J_FLOORDIV:
        x = floor(x / y);
        break;
    case J_MOD:
        x -= y * floor(x / y);
        break;
    default:
        x = pow(x, y);
    }
    *out = j_float(x);
    return true;
}

static bool repeat(struct jenv *e, const struct jstr *s, int64_t times, struct jval *out)
{
    struct jsb b = {0};
    for (int64_t i = 0; i < times && s->n > 0; i++)
        if (!j_charge(e, 1) || !j_sb_str(e, &b, s))
            return false;
    return j_sb_done(e, &b, out);
}

bool j_binary(struct jenv *e, enum jop op, struct jval a, struct jval b, struct jval *out)
{
    struct jsb sb = {0};
    if (op == J_CAT)
        return j_text(e, &sb, a) && j_text(e, &sb, b) && j_sb_done(e, &sb, out);
    if (numeric(a) && numeric(b))
        return arith(e, op, a, b, out);
    if (op == J_ADD && a.kind == JV_STR && b.kind == JV_STR)
        return j_sb_str(e, &sb, a.s) && j_sb_str(e, &sb, b.s) && j_sb_done(e, &sb, out);
    if (op == J_ADD && a.kind == JV_LIST && b.kind == JV_LIST) {
        if (!j_list_new(e, a.l->n + b.l->n, out))
            return false;
        if (a.l->n)
            memcpy(out->l->v, a.l->v, a.l->n * sizeof(a));
        if (b.l->n)
            memcpy(out->l->v + a.l->n, b.l->v, b.l->n * sizeof(b));
        out->l->tuple = a.l->tuple;
        return true;
    }
    if (op == J_MUL && a.kind == JV_STR && b.kind == JV_INT)
        return repeat(e, a.s, b.i, out);
    return j_fail(e, BASE_EINVAL, "%s and %s cannot be combined so", j_kind_name(a),
                  j_kind_name(b));
}

bool j_compare(struct jenv *e, enum jop op, struct jval a, struct jval b, bool *out)
{
    int c = 0;
    if (op == J_EQ || op == J_NE) {
        bool ok = j_eq(e, a, b, out);
        *out = *out == (op == J_EQ);
        return ok;
    }
    if (op == J_IN || op == J_NOT_IN) {
        bool ok = j_contains(e, b, a, out);
        *out = *out == (op == J_IN);
        return ok;
    }
    if (!j_cmp(e, a, b, &c))
        return false;
    *out = op == J_LT ? c < 0 : op == J_LE ? c <= 0 : op == J_GT ? c > 0 : c >= 0;
    return true;
}

bool j_negate(struct jenv *e, struct jval v, struct jval *out)
{
    if (v.kind == JV_FLOAT) {
        *out = j_float(-v.f);
        return true;
    }
    if (v.kind != JV_INT && v.kind != JV_BOOL)
        return j_fail(e, BASE_EINVAL, "a %s has no negative", j_kind_name(v));
    return arith_int(e, J_SUB, 0, v.kind == JV_INT ? v.i : v.b, out);
}
