/* jinja_expr.c - expressions of templates, by recursive descent, loosest operator first.
 *
 * Jinja2's grammar: a if b else c; or; and; not; comparisons in chains; + and -; ~; * / // %; **;
 * signs; then .name [item] (call) |filter and "is" tests behind a value. Every operator that nests
 * the tree counts against the depth, so that the walk over the tree is bounded as well.
 */
#include "engine/text/jinja_parse.h"

static struct jnode *unary(struct parser *p, bool filters);

static struct jnode *constant(struct parser *p, struct jval v)
{
    struct jnode *n = jp_node(p, E_CONST);
    if (!p->failed)
        n->val = v;
    return n;
}

static struct jnode *string_const(struct parser *p)
{
    struct base_buf b;
    struct jstr *s = base_arena_alloc(p->a, sizeof(*s));
    base_buf_init(&b, ENG_JINJA_SOURCE_MAX);
    while (p->tok.kind == T_STR) { /* neighbours join */
        base_buf_str(&b, p->tok.text);
        jp_next(p);
    }
    struct base_str copy = base_arena_dup(p->a, base_buf_view(&b));
    base_buf_release(&b);
    if (s == NULL || copy.p == NULL) {
        jp_fail(p, "it takes too much memory");
        return jp_node(p, E_CONST);
    }
    s->p = copy.p;
    s->n = copy.n;
    return constant(p, (struct jval){.kind = JV_STR, .s = s});
}

/* Arguments up to and with ')'. */
static struct jnode *arguments(struct parser *p)
{
    struct jnode *first = NULL, **tail = &first;
    while (!p->failed && !jp_op(p, ")")) {
        if (jp_op(p, "*") || jp_op(p, "**")) {
            jp_fail(p, "* arguments are not built in");
            break;
        }
        struct jnode *a = jp_expr(p);
        if (!p->failed && a->kind == E_NAME && jp_op(p, "=")) {
            jp_next(p);
            struct jnode *kw = jp_node(p, E_KW);
            struct jnode *v = jp_expr(p);
            if (p->failed)
                break;
            kw->name = a->name;
            kw->a = v;
            a = kw;
        }
        if (p->failed)
            break;
        jp_append(&tail, a);
        if (!jp_take_op(p, ","))
            break;
    }
    jp_want_op(p, ")");
    return first;
}

static struct jnode *dict(struct parser *p)
{
    struct jnode *d = jp_node(p, E_DICT), *first = NULL, **tail = &first;
    while (!p->failed && !jp_op(p, "}")) {
        struct jnode *k = jp_expr(p);
        jp_want_op(p, ":");
        struct jnode *v = jp_expr(p);
        if (p->failed)
            break;
        jp_append(&tail, k);
        jp_append(&tail, v);
        if (!jp_take_op(p, ","))
            break;
    }
    jp_want_op(p, "}");
    if (!p->failed)
        d->kid = first;
    return d;
}

/* Items up to `close`; in "( )" a single one without a comma is no tuple. */
static struct jnode *items(struct parser *p, const char *close, bool paren)
{
    struct jnode *l = jp_node(p, E_LIST), *first = NULL, **tail = &first;
    bool comma = false;
    while (!p->failed && !jp_op(p, close)) {
        struct jnode *v = jp_expr(p);
        if (p->failed)
            break;
        jp_append(&tail, v);
        if (!jp_take_op(p, ","))
            break;
        comma = true;
    }
    jp_want_op(p, close);
    if (p->failed)
        return l;
    if (paren && first && !comma)
        return first;
    l->kid = first;
    l->op = paren;
    return l;
}

static struct jnode *primary(struct parser *p)
{
    struct token t = p->tok;
    switch (t.kind) {
    case T_STR:
        return string_const(p);
    case T_INT:
        jp_next(p);
        return constant(p, (struct jval){.kind = JV_INT, .i = t.i});
    case T_FLOAT:
        jp_next(p);
        return constant(p, (struct jval){.kind = JV_FLOAT, .f = t.f});
    case T_NAME: {
        jp_next(p);
        if (base_str_is(t.text, "true") || base_str_is(t.text, "True"))
            return constant(p, j_bool(true));
        if (base_str_is(t.text, "false") || base_str_is(t.text, "False"))
            return constant(p, j_bool(false));
        if (base_str_is(t.text, "none") || base_str_is(t.text, "None"))
            return constant(p, j_none());
        struct jnode *n = jp_node(p, E_NAME);
        if (!p->failed)
            n->name = t.text;
        return n;
    }
    default:
        if (jp_take_op(p, "("))
            return items(p, ")", true);
        if (jp_take_op(p, "["))
            return items(p, "]", false);
        if (jp_take_op(p, "{"))
            return dict(p);
        jp_fail(p, "expected a value");
        return jp_node(p, E_CONST);
    }
}

static struct jnode *subscript(struct parser *p, struct jnode *of)
{
    struct jnode *n = jp_node(p, E_ITEM), *part[3] = {NULL, NULL, NULL};
    int colons = 0;
    while (!p->failed && !jp_op(p, "]")) {
        if (jp_take_op(p, ":")) {
            if (++colons > 2)
                jp_fail(p, "too many ':' in a slice");
        } else if (part[colons] != NULL) {
            break;
        } else {
            part[colons] = jp_expr(p);
        }
    }
    jp_want_op(p, "]");
    if (p->failed)
        return n;
    if (colons == 0 && part[0] == NULL)
        jp_fail(p, "an empty index");
    n->kind = colons ? E_SLICE : E_ITEM;
    n->a = of;
    n->b = part[0];
    n->c = part[1];
    n->d = part[2];
    return n;
}

/* .name [x] (args), any number; each level nests the tree by one. */
static struct jnode *postfix(struct parser *p, struct jnode *n)
{
    int added = 0;
    while (!p->failed && p->tok.kind == T_OP) {
        struct jnode *m = n;
        if (jp_take_op(p, ".")) {
            m = jp_node(p, E_ATTR);
            struct base_str name = p->tok.text;
            if (p->tok.kind == T_INT) {
                struct jnode *i = constant(p, j_int(p->tok.i));
                jp_next(p);
                if (!p->failed) {
                    m->kind = E_ITEM;
                    m->b = i;
                }
            } else {
                name = jp_want_name(p);
            }
            if (!p->failed) {
                m->a = n;
                m->name = name;
            }
        } else if (jp_take_op(p, "[")) {
            m = subscript(p, n);
        } else if (jp_take_op(p, "(")) {
            m = jp_node(p, E_CALL);
            struct jnode *args = arguments(p);
            if (!p->failed) {
                m->a = n;
                m->kid = args;
            }
        } else {
            break;
        }
        n = m;
        added++;
        jp_enter(p);
    }
    p->nest -= added;
    return n;
}

struct jnode *jp_filter(struct parser *p, struct jnode *of)
{
    struct jnode *f = jp_node(p, E_FILTER);
    struct base_str name = jp_want_name(p);
    struct jnode *args = jp_take_op(p, "(") ? arguments(p) : NULL;
    if (!p->failed) {
        f->a = of;
        f->name = name;
        f->kid = args;
    }
    return f;
}

static bool starts_value(const struct parser *p)
{
    static const char *const not_a_value[] = {"else", "or", "and", "if", "is", "in", "not"};
    if (p->tok.kind == T_STR || p->tok.kind == T_INT || p->tok.kind == T_FLOAT)
        return true;
    for (size_t i = 0; i < sizeof(not_a_value) / sizeof(not_a_value[0]); i++)
        if (jp_word(p, not_a_value[i]))
            return false;
    return p->tok.kind == T_NAME || jp_op(p, "[") || jp_op(p, "{");
}

static struct jnode *test(struct parser *p, struct jnode *of)
{
    bool negate = jp_take_word(p, "not");
    struct jnode *t = jp_node(p, E_TEST), *args = NULL;
    struct base_str name = p->tok.kind == T_OP ? p->tok.text : BASE_STR_NULL;
    if (name.n == 0)
        name = jp_want_name(p);
    else
        jp_next(p);
    if (jp_take_op(p, "("))
        args = arguments(p);
    else if (starts_value(p))
        args = postfix(p, primary(p));
    if (!p->failed) {
        t->a = of;
        t->name = name;
        t->kid = args;
        t->op = negate;
    }
    return t;
}

static struct jnode *filters_of(struct parser *p, struct jnode *n)
{
    int added = 0;
    while (!p->failed) {
        if (jp_take_op(p, "|")) {
            n = jp_filter(p, n);
        } else if (jp_take_word(p, "is")) {
            n = test(p, n);
        } else if (jp_op(p, "(") || jp_op(p, ".") || jp_op(p, "[")) {
            n = postfix(p, n);
        } else {
            break;
        }
        added++;
        jp_enter(p);
    }
    p->nest -= added;
    return n;
}

static struct jnode *unary(struct parser *p, bool filters)
{
    struct jnode *n;
    if (!jp_enter(p))
        return jp_node(p, E_CONST);
    if (jp_take_op(p, "-")) {
        n = jp_node(p, E_NEG);
        struct jnode *a = unary(p, false);
        if (!p->failed)
            n->a = a;
    } else if (jp_take_op(p, "+")) {
        n = unary(p, false);
    } else {
        n = postfix(p, primary(p));
    }
    if (filters)
        n = filters_of(p, n);
    p->nest--;
    return n;
}

/* The binary operators, loosest first; a level's operators associate to the left. */
static const struct {
    const char *text;
    enum jop op;
    int level;
} binary_ops[] = {{"+", J_ADD, 0}, {"-", J_SUB, 0},       {"~", J_CAT, 1}, {"*", J_MUL, 2},
                  {"/", J_DIV, 2}, {"//", J_FLOORDIV, 2}, {"%", J_MOD, 2}, {"**", J_POW, 3}};

static struct jnode *binary(struct parser *p, int level)
{
    if (level > 3)
        return unary(p, true);
    struct jnode *n = binary(p, level + 1);
    int added = 0;
    while (!p->failed) {
        size_t k = 0, count = sizeof(binary_ops) / sizeof(binary_ops[0]);
        while (k < count && !(binary_ops[k].level == level && jp_op(p, binary_ops[k].text)))
            k++;
        if (k == count)
            break;
        jp_next(p);
        struct jnode *b = jp_node(p, E_BIN), *right = binary(p, level + 1);
        if (p->failed)
            break;
        b->op = (int)binary_ops[k].op;
        b->a = n;
        b->b = right;
        n = b;
        added++;
        jp_enter(p);
    }
    p->nest -= added;
    return n;
}

static struct jnode *compare(struct parser *p)
{
    static const struct {
        const char *text;
        enum jop op;
    } ops[] = {{"==", J_EQ}, {"!=", J_NE}, {"<", J_LT}, {"<=", J_LE}, {">", J_GT}, {">=", J_GE}};
    struct jnode *n = binary(p, 0), *first = NULL, **tail = &first;
    while (!p->failed) {
        int found = -1;
        for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
            if (jp_op(p, ops[k].text))
                found = (int)ops[k].op;
        if (found >= 0) {
            jp_next(p);
        } else if (jp_take_word(p, "in")) {
            found = J_IN;
        } else if (jp_word(p, "not")) {
            jp_next(p);
            jp_want_word(p, "in");
            found = J_NOT_IN;
        } else {
            break;
        }
        struct jnode *c = jp_node(p, E_CMP), *right = binary(p, 0);
        if (p->failed)
            break;
        c->op = found;
        c->a = right;
        jp_append(&tail, c);
    }
    if (first == NULL || p->failed)
        return n;
    struct jnode *c = jp_node(p, E_CMP);
    if (!p->failed) {
        c->a = n;
        c->kid = first;
    }
    return c;
}

static struct jnode *negation(struct parser *p)
{
    if (!jp_word(p, "not"))
        return compare(p);
    jp_next(p);
    struct jnode *n = jp_node(p, E_NOT);
    if (jp_enter(p)) {
        struct jnode *a = negation(p);
        if (!p->failed)
            n->a = a;
    }
    p->nest--;
    return n;
}

static struct jnode *logic(struct parser *p, bool is_or)
{
    struct jnode *n = is_or ? logic(p, false) : negation(p);
    int added = 0;
    while (!p->failed && jp_take_word(p, is_or ? "or" : "and")) {
        struct jnode *b = jp_node(p, is_or ? E_OR : E_AND);
        struct jnode *right = is_or ? logic(p, false) : negation(p);
        if (p->failed)
            break;
        b->a = n;
        b->b = right;
        n = b;
        added++;
        jp_enter(p);
    }
    p->nest -= added;
    return n;
}

static struct jnode *expr_cond(struct parser *p, bool with_if)
{
    struct jnode *n = jp_node(p, E_CONST);
    if (jp_enter(p)) {
        n = logic(p, true);
        int added = 0;
        while (with_if && !p->failed && jp_take_word(p, "if")) {
            struct jnode *c = jp_node(p, E_COND), *cond = logic(p, true);
            struct jnode *other = jp_take_word(p, "else") ? jp_expr(p) : NULL;
            if (p->failed)
                break;
            c->a = n;
            c->b = cond;
            c->c = other;
            n = c;
            added++;
            jp_enter(p);
        }
        p->nest -= added;
    }
    p->nest--;
    return n;
}

struct jnode *jp_expr(struct parser *p)
{
    return expr_cond(p, true);
}

/* a, b, c as a tuple; one alone is itself. */
struct jnode *jp_expr_list(struct parser *p, bool with_if)
{
    struct jnode *n = expr_cond(p, with_if);
    if (p->failed || !jp_op(p, ","))
        return n;
    struct jnode *l = jp_node(p, E_LIST), *first = NULL, **tail = &first;
    jp_append(&tail, n);
    while (!p->failed && jp_take_op(p, ",") && p->tok.kind != T_END) {
        struct jnode *v = expr_cond(p, with_if);
        if (!p->failed)
            jp_append(&tail, v);
    }
    if (!p->failed) {
        l->kid = first;
        l->op = 1;
    }
    return l;
}
