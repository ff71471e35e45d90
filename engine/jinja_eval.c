/* jinja_eval.c - walking a template's tree.
 *
 * Scopes are Jinja2's: a loop's body, a macro and a with block have their own, an if has none; a
 * name that nothing defines is an undefined value, which prints as nothing and is false, but has no
 * attributes. A macro sees the scope in which it was defined. break and continue unwind through
 * `flow`; errors through return values.
 *
 * Every node costs a step, every nested evaluation a level of depth: both are bounded.
 */
#include "engine/jinja_int.h"

#include <math.h>
#include <stdlib.h>

/* ---- names ---- */

static bool define(struct jenv *e, struct base_str name, struct jval v)
{
    size_t steps = 1;
    for (struct jvar *x = e->scope->vars; x; x = x->next, steps++)
        if (base_str_eq(x->name, name)) {
            x->v = v;
            return j_charge(e, steps / 4 + 1);
        }
    struct jvar *x = j_alloc(e, 1, sizeof(*x));
    if (x == NULL)
        return false;
    *x = (struct jvar){name, v, e->scope->vars};
    e->scope->vars = x;
    return j_charge(e, steps / 4 + 1);
}

static bool lookup(struct jenv *e, struct base_str name, struct jval *out)
{
    size_t steps = 1;
    for (struct jscope *s = e->scope; s; s = s->up)
        for (struct jvar *x = s->vars; x; x = x->next, steps++)
            if (base_str_eq(x->name, name)) {
                *out = x->v;
                return j_charge(e, steps / 4 + 1);
            }
    int f = j_func_find(name);
    *out = f >= 0 ? (struct jval){.kind = JV_FUNC, .func = f} : j_undef();
    return j_charge(e, steps / 4 + 1);
}

static bool push_scope(struct jenv *e, struct jscope *up)
{
    struct jscope *s = j_alloc(e, 1, sizeof(*s));
    if (s == NULL)
        return false;
    s->up = up;
    s->loop_depth = up ? up->loop_depth : 0;
    e->scope = s;
    return true;
}

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

static bool get_item(struct jenv *e, struct jval v, struct jval i, struct jval *out)
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

static bool slice(struct jenv *e, const struct jnode *n, struct jval *out)
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

static bool binary(struct jenv *e, enum jop op, struct jval a, struct jval b, struct jval *out)
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

static bool compare(struct jenv *e, enum jop op, struct jval a, struct jval b, bool *out)
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

static bool compare_chain(struct jenv *e, const struct jnode *n, struct jval *out)
{
    struct jval a, b;
    bool r = true;
    if (!j_eval(e, n->a, &a))
        return false;
    for (const struct jnode *k = n->kid; k && r; k = k->next) {
        if (!j_eval(e, k->a, &b) || !compare(e, (enum jop)k->op, a, b, &r))
            return false;
        a = b;
    }
    *out = j_bool(r);
    return true;
}

/* ---- calls ---- */

static bool eval_args(struct jenv *e, const struct jnode *kid, struct jargs *args)
{
    size_t n = 0, n_kw = 0;
    for (const struct jnode *k = kid; k; k = k->next)
        k->kind == E_KW ? n_kw++ : n++;
    *args = (struct jargs){0};
    if (n && !(args->v = j_alloc(e, n, sizeof(*args->v))))
        return false;
    if (n_kw && !(args->kw = j_alloc(e, n_kw, sizeof(*args->kw))))
        return false;
    for (const struct jnode *k = kid; k; k = k->next) {
        if (k->kind == E_KW) {
            args->kw[args->n_kw].name = k->name;
            if (!j_eval(e, k->a, &args->kw[args->n_kw++].v))
                return false;
        } else if (!j_eval(e, k, &args->v[args->n++])) {
            return false;
        }
    }
    return true;
}

/* Runs body with its output going into a text of its own. */
static bool captured(struct jenv *e, const struct jnode *body, struct jval *out)
{
    struct jsb b = {0}, *old = e->out;
    e->out = &b;
    bool ok = j_exec(e, body);
    e->out = old;
    return ok && j_sb_done(e, &b, out);
}

static bool call_macro(struct jenv *e, const struct jmacro *m, const struct jargs *args,
                       struct jval *out)
{
    struct jscope *old = e->scope;
    size_t i = 0, used = 0;
    if (!push_scope(e, m->scope))
        return false;
    bool ok = true;
    for (const struct jnode *p = m->node->c; p && ok; p = p->next, i++) {
        struct jval v = j_undef();
        bool given = i < args->n;
        if (given)
            v = args->v[i];
        for (size_t k = 0; k < args->n_kw; k++)
            if (base_str_eq(args->kw[k].name, p->name)) {
                v = args->kw[k].v;
                given = true;
                used++;
            }
        if (!given && p->a)
            ok = j_eval(e, p->a, &v);
        ok = ok && define(e, p->name, v);
    }
    if (ok && (args->n > i || used < args->n_kw))
        ok = j_fail(e, BASE_EINVAL, "macro '%.*s' does not take these arguments",
                    (int)(m->node->name.n < 60 ? m->node->name.n : 60), m->node->name.p);
    ok = ok && captured(e, m->node->kid, out);
    if (e->flow != J_GO)
        e->flow = J_GO;
    e->scope = old;
    return ok;
}

bool j_call(struct jenv *e, struct jval f, const struct jargs *args, struct jval *out)
{
    if (f.kind == JV_MACRO)
        return call_macro(e, f.m, args, out);
    if (f.kind == JV_METHOD)
        return j_method(e, f.method->self, f.method->name, args, out);
    if (f.kind == JV_FUNC)
        return j_func(e, f.func, args, out);
    return j_fail(e, BASE_EINVAL, "a %s cannot be called", j_kind_name(f));
}

static bool call(struct jenv *e, const struct jnode *n, struct jval *out)
{
    struct jval f;
    struct jargs args;
    if (!j_eval(e, n->a, &f))
        return false;
    if (f.kind == JV_UNDEF)
        return j_fail(e, BASE_EINVAL, "'%.*s' is undefined",
                      (int)(n->a->name.n < 60 ? n->a->name.n : 60),
                      n->a->name.p ? n->a->name.p : "");
    if (!eval_args(e, n->kid, &args))
        return false;
    e->line = n->line;
    return j_call(e, f, &args, out);
}

/* ---- expressions ---- */

static bool literal(struct jenv *e, const struct jnode *n, struct jval *out)
{
    if (n->kind == E_DICT) {
        if (!j_dict_new(e, out))
            return false;
        for (const struct jnode *k = n->kid; k; k = k->next->next) {
            struct jval key, v;
            if (!j_eval(e, k, &key) || !j_eval(e, k->next, &v) || !j_dict_set(e, out->d, key, v))
                return false;
        }
        return true;
    }
    size_t count = 0;
    for (const struct jnode *k = n->kid; k; k = k->next)
        count++;
    if (!j_list_new(e, count, out))
        return false;
    out->l->tuple = n->op != 0;
    count = 0;
    for (const struct jnode *k = n->kid; k; k = k->next)
        if (!j_eval(e, k, &out->l->v[count++]))
            return false;
    return true;
}

static bool negate(struct jenv *e, struct jval v, struct jval *out)
{
    if (v.kind == JV_FLOAT) {
        *out = j_float(-v.f);
        return true;
    }
    if (v.kind != JV_INT && v.kind != JV_BOOL)
        return j_fail(e, BASE_EINVAL, "a %s has no negative", j_kind_name(v));
    return arith_int(e, J_SUB, 0, v.kind == JV_INT ? v.i : v.b, out);
}

static bool filter_or_test(struct jenv *e, const struct jnode *n, struct jval *out)
{
    struct jval v;
    struct jargs args;
    bool r = false;
    if (!j_eval(e, n->a, &v) || !eval_args(e, n->kid, &args))
        return false;
    e->line = n->line;
    if (n->kind == E_FILTER)
        return j_filter(e, n->name, v, &args, out);
    if (!j_test(e, n->name, v, &args, &r))
        return false;
    *out = j_bool(r != (n->op != 0));
    return true;
}

static bool eval_node(struct jenv *e, const struct jnode *n, struct jval *out)
{
    struct jval a, b;
    switch (n->kind) {
    case E_CONST:
        *out = n->val;
        return true;
    case E_NAME:
        return lookup(e, n->name, out);
    case E_LIST:
    case E_DICT:
        return literal(e, n, out);
    case E_BIN:
        return j_eval(e, n->a, &a) && j_eval(e, n->b, &b) && binary(e, (enum jop)n->op, a, b, out);
    case E_AND:
    case E_OR:
        if (!j_eval(e, n->a, out))
            return false;
        return j_true(*out) == (n->kind == E_OR) || j_eval(e, n->b, out);
    case E_NOT:
        if (!j_eval(e, n->a, &a))
            return false;
        *out = j_bool(!j_true(a));
        return true;
    case E_NEG:
        return j_eval(e, n->a, &a) && negate(e, a, out);
    case E_CMP:
        return compare_chain(e, n, out);
    case E_COND:
        if (!j_eval(e, n->b, &a))
            return false;
        if (j_true(a))
            return j_eval(e, n->a, out);
        *out = j_undef();
        return n->c == NULL || j_eval(e, n->c, out);
    case E_ATTR:
        if (!j_eval(e, n->a, &a))
            return false;
        e->line = n->line;
        return j_getattr(e, a, n->name, false, out);
    case E_ITEM:
        if (!j_eval(e, n->a, &a) || !j_eval(e, n->b, &b))
            return false;
        e->line = n->line;
        return get_item(e, a, b, out);
    case E_SLICE:
        return slice(e, n, out);
    case E_CALL:
        return call(e, n, out);
    case E_FILTER:
    case E_TEST:
        return filter_or_test(e, n, out);
    default:
        return j_fail(e, BASE_EBUG, "no expression");
    }
}

bool j_eval(struct jenv *e, const struct jnode *n, struct jval *out)
{
    bool ok = j_charge(e, 1);
    e->line = n->line;
    if (++e->depth > J_DEPTH_MAX)
        ok = ok && j_fail(e, BASE_LIMIT, "nested too deeply");
    ok = ok && eval_node(e, n, out);
    e->depth--;
    return ok;
}

/* ---- statements ---- */

static bool assign(struct jenv *e, const struct jnode *t, struct jval v)
{
    if (t->kind == E_NAME)
        return define(e, t->name, v);
    struct jval ns, key;
    if (!j_eval(e, t->a, &ns))
        return false;
    if (ns.kind != JV_DICT || !ns.d->ns)
        return j_fail(e, BASE_EINVAL, "only a namespace's attributes can be set");
    return j_str_new(e, t->name.p, t->name.n, &key) && j_dict_set(e, ns.d, key, v);
}

static bool assign_all(struct jenv *e, const struct jnode *t, struct jval v)
{
    struct jval *items;
    size_t n, i = 0;
    if (t->next == NULL)
        return assign(e, t, v);
    if (!j_iter(e, v, &items, &n))
        return false;
    for (; t; t = t->next, i++)
        if (i >= n)
            break;
        else if (!assign(e, t, items[i]))
            return false;
    return (t == NULL && i == n) ||
           j_fail(e, BASE_EINVAL, "the number of values does not fit the number of names");
}

static bool for_items(struct jenv *e, const struct jnode *n, struct jval **items, size_t *count)
{
    struct jval v;
    if (!j_eval(e, n->a, &v) || !j_iter(e, v, items, count))
        return false;
    if (n->b == NULL)
        return true;
    struct jval *kept = j_alloc(e, *count, sizeof(*kept));
    struct jscope *old = e->scope;
    size_t m = 0;
    bool ok = kept != NULL;
    for (size_t i = 0; i < *count && ok; i++) {
        struct jval cond = j_undef();
        ok = push_scope(e, old) && assign_all(e, n->c, (*items)[i]) && j_eval(e, n->b, &cond);
        if (ok && j_true(cond))
            kept[m++] = (*items)[i];
        e->scope = old;
    }
    *items = kept;
    *count = m;
    return ok;
}

static bool exec_for(struct jenv *e, const struct jnode *n)
{
    struct jval *items;
    size_t count;
    if (!for_items(e, n, &items, &count))
        return false;
    if (count == 0)
        return n->d == NULL || j_exec(e, n->d->kid);
    struct jscope *old = e->scope;
    struct jloop *loop = j_alloc(e, 1, sizeof(*loop));
    bool ok = loop != NULL;
    if (ok)
        *loop = (struct jloop){items, count, 0, old->loop_depth + 1};
    for (size_t i = 0; i < count && ok; i++) {
        ok = push_scope(e, old);
        if (!ok)
            break;
        loop->i = i;
        e->scope->loop_depth = loop->depth;
        ok = assign_all(e, n->c, items[i]) &&
             define(e, BASE_STR("loop"), (struct jval){.kind = JV_LOOP, .loop = loop}) &&
             j_exec(e, n->kid);
        e->scope = old;
        if (e->flow == J_DO_BREAK) {
            e->flow = J_GO;
            break;
        }
        e->flow = J_GO;
    }
    e->scope = old;
    return ok;
}

/* The block's text through its filters: they stand over E_NAME "", which a scope gives meaning. */
static bool filtered(struct jenv *e, const struct jnode *filters, struct jval *v)
{
    struct jscope *old = e->scope;
    bool ok = push_scope(e, old) && define(e, BASE_STR_NULL, *v) && j_eval(e, filters, v);
    e->scope = old;
    return ok;
}

static bool exec_with(struct jenv *e, const struct jnode *n)
{
    struct jscope *old = e->scope;
    struct jargs args;
    bool ok = eval_args(e, n->c, &args) && push_scope(e, old);
    for (size_t i = 0; i < args.n_kw && ok; i++)
        ok = define(e, args.kw[i].name, args.kw[i].v);
    ok = ok && j_exec(e, n->kid);
    e->scope = old;
    return ok;
}

static bool exec_node(struct jenv *e, const struct jnode *n)
{
    struct jval v;
    switch (n->kind) {
    case N_TEXT:
        return j_sb_str(e, e->out, n->val.s);
    case N_PRINT:
        return j_eval(e, n->a, &v) && j_text(e, e->out, v);
    case N_IF:
        for (; n; n = n->b) {
            if (n->kind == N_ELSE)
                return j_exec(e, n->kid);
            if (!j_eval(e, n->a, &v))
                return false;
            if (j_true(v))
                return j_exec(e, n->kid);
        }
        return true;
    case N_FOR:
        return exec_for(e, n);
    case N_SET:
        return j_eval(e, n->a, &v) && assign_all(e, n->c, v);
    case N_SETBLOCK:
        return captured(e, n->kid, &v) && (n->b == NULL || filtered(e, n->b, &v)) &&
               assign_all(e, n->c, v);
    case N_FILTER:
        return captured(e, n->kid, &v) && filtered(e, n->b, &v) && j_text(e, e->out, v);
    case N_MACRO: {
        struct jmacro *m = j_alloc(e, 1, sizeof(*m));
        if (m == NULL)
            return false;
        *m = (struct jmacro){n, e->scope};
        return define(e, n->name, (struct jval){.kind = JV_MACRO, .m = m});
    }
    case N_WITH:
        return exec_with(e, n);
    case N_BLOCK:
        return j_exec(e, n->kid);
    case N_BREAK:
    case N_CONTINUE:
        e->flow = n->kind == N_BREAK ? J_DO_BREAK : J_DO_CONTINUE;
        return true;
    default:
        return j_fail(e, BASE_EBUG, "no statement");
    }
}

bool j_exec(struct jenv *e, const struct jnode *n)
{
    bool ok = true;
    if (++e->depth > J_DEPTH_MAX)
        ok = j_fail(e, BASE_LIMIT, "nested too deeply");
    for (; n && ok && e->flow == J_GO; n = n->next) {
        e->line = n->line;
        ok = j_charge(e, 1) && exec_node(e, n);
    }
    e->depth--;
    return ok;
}

/* ---- the whole ---- */

static bool give(struct jenv *e, const char *name, struct base_str s)
{
    struct jval v;
    return j_str_new(e, s.p, s.n, &v) && define(e, base_str_c(name), v);
}

static bool render(struct jenv *e, const struct eng_jinja *t, json_t *vars, struct base_str bos,
                   struct base_str eos)
{
    struct jval in;
    if (!push_scope(e, NULL) || !j_from_json(e, vars, true, 0, &in))
        return false;
    for (size_t i = 0; in.kind == JV_DICT && i < in.d->n; i++) {
        const struct jstr *k = in.d->v[i].k.s;
        if (!define(e, base_str_n(k->p, k->n), in.d->v[i].v))
            return false;
    }
    e->steps = J_STEPS_MAX; /* reading the input is not the template's doing */
    return give(e, "bos_token", bos) && give(e, "eos_token", eos) && push_scope(e, e->scope) &&
           j_exec(e, t->root);
}

enum base_status eng_jinja_render(const struct eng_jinja *t, json_t *vars, struct base_str bos,
                                  struct base_str eos, int64_t now_s, struct eng_rendered *out,
                                  struct base_err *err)
{
    struct base_err own = {0};
    struct jsb b = {0};
    struct jenv e = {.err = err ? err : &own, .steps = INT32_MAX, .out = &b, .now_s = now_s};
    *out = (struct eng_rendered){0};
    base_buf_init(&out->text, ENG_JINJA_OUTPUT_MAX + 1);
    e.a = base_arena_new(256u << 20);
    if (e.a == NULL)
        return base_err_set(err, BASE_ENOMEM, "no memory for a template");
    enum base_status st = BASE_OK;
    if (!render(&e, t, vars, bos, eos)) {
        st = e.err->code != BASE_OK ? e.err->code : BASE_EBUG;
        out->raised = e.raised;
    } else if (!base_buf_add(&out->text, b.p ? b.p : "", b.n)) {
        st = base_err_set(err, BASE_ENOMEM, "no memory for the prompt");
    } else if (b.n_foreign > 0) {
        out->foreign = malloc(b.n_foreign * sizeof(*out->foreign));
        if (out->foreign == NULL) {
            st = base_err_set(err, BASE_ENOMEM, "no memory for the prompt");
        } else {
            memcpy(out->foreign, b.foreign, b.n_foreign * sizeof(*out->foreign));
            out->n_foreign = b.n_foreign;
        }
    }
    base_arena_free(e.a);
    return st;
}

void eng_rendered_release(struct eng_rendered *r)
{
    base_buf_release(&r->text);
    free(r->foreign);
    r->foreign = NULL;
    r->n_foreign = 0;
}
