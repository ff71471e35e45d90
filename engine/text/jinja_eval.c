/* jinja_eval.c - walking a template's tree.
 *
 * Scopes are Jinja2's: a loop's body, a macro and a with block have their own, an if has none; a
 * name that nothing defines is an undefined value, which prints as nothing and is false, but has no
 * attributes. A macro sees the scope in which it was defined. break and continue unwind through
 * `flow`; errors through return values.
 *
 * Every node costs a step, every nested evaluation a level of depth: both are bounded.
 */
#include "engine/text/jinja_int.h"

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

static bool compare_chain(struct jenv *e, const struct jnode *n, struct jval *out)
{
    struct jval a, b;
    bool r = true;
    if (!j_eval(e, n->a, &a))
        return false;
    for (const struct jnode *k = n->kid; k && r; k = k->next) {
        if (!j_eval(e, k->a, &b) || !j_compare(e, (enum jop)k->op, a, b, &r))
            return false;
        a = b;
    }
    *out = j_bool(r);
    return true;
}

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
        return j_eval(e, n->a, &a) && j_eval(e, n->b, &b) &&
               j_binary(e, (enum jop)n->op, a, b, out);
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
        return j_eval(e, n->a, &a) && j_negate(e, a, out);
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
        return j_get_item(e, a, b, out);
    case E_SLICE:
        return j_slice(e, n, out);
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
