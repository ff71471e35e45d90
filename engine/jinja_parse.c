/* jinja_parse.c - a template's source to its tree, by recursive descent.
 *
 * The source is text with tags in it: {{ expression }}, {% statement %}, {# comment #}. White
 * space around tags follows Jinja2 with trim_blocks and lstrip_blocks: a newline right behind a
 * statement or comment goes away, so do blanks between the start of a line and such a tag; "-" at
 * an edge takes all white space on that side, "+" keeps it. One newline at the very end goes away.
 *
 * Within a tag, tokens are read one at a time. Nesting of the tree is bounded, so neither this
 * parser nor the walk over its tree can run out of stack. All memory is the tree's arena.
 */
#include "engine/jinja_int.h"
#include "engine/unicode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NEST_MAX 120

enum tok_kind { T_END, T_NAME, T_STR, T_INT, T_FLOAT, T_OP };

struct token {
    enum tok_kind kind;
    struct base_str text; /* name, operator, or the value of a string */
    int64_t i;
    double f;
};

struct parser {
    struct base_arena *a;
    struct base_err *err;
    const char *p;
    size_t n, at;
    int line;
    bool line_start; /* what was read last ended a line */
    char close;      /* in a tag: '%' or '}' */
    int brackets;    /* open in this tag: "}}" may then close dicts */
    struct token tok;
    int nest;
    bool failed;
};

static void fail(struct parser *p, const char *fmt, ...) BASE_PRINTF(2, 3);

static void fail(struct parser *p, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    if (p->failed)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    p->failed = true;
    p->tok = (struct token){0};
    (void)base_err_set(p->err, BASE_EINVAL, "template line %d: %s", p->line, text);
}

static struct jnode *node(struct parser *p, enum jnode_kind kind)
{
    static struct jnode spare; /* returned after a failure; never written to */
    struct jnode *n = base_arena_alloc(p->a, sizeof(*n));
    if (n == NULL) {
        fail(p, "it takes too much memory");
        return &spare;
    }
    n->kind = kind;
    n->line = p->line;
    return n;
}

/* ---- tokens ---- */

static bool is_name(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static size_t escape(struct parser *p, size_t i, char *out, size_t *n)
{
    static const char from[] = "ntrbfva\\'\"", to[] = "\n\t\r\b\f\v\a\\'\"";
    char c = p->p[i];
    const char *k = c ? strchr(from, c) : NULL;
    if (k) {
        out[(*n)++] = to[k - from];
        return i + 1;
    }
    if (c == '\n')
        return i + 1;
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits) {
        uint32_t cp = 0;
        size_t d = 0;
        for (; d < digits && i + 1 + d < p->n; d++) {
            char h = p->p[i + 1 + d];
            int v = h >= '0' && h <= '9'   ? h - '0'
                    : h >= 'a' && h <= 'f' ? h - 'a' + 10
                    : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                           : -1;
            if (v < 0)
                break;
            cp = cp * 16 + (uint32_t)v;
        }
        char buf[4];
        size_t len = d == digits ? base_utf8_encode(cp, buf) : 0;
        if (len == 0) {
            fail(p, "bad \\%c escape in a string", c);
            return i + 1;
        }
        memcpy(out + *n, buf, len);
        *n += len;
        return i + 1 + digits;
    }
    out[(*n)++] = '\\';
    out[(*n)++] = c;
    return i + 1;
}

static void string_token(struct parser *p, char quote)
{
    size_t end = p->at + 1, n = 0;
    while (end < p->n && p->p[end] != quote)
        end += p->p[end] == '\\' ? 2 : 1;
    if (end >= p->n) {
        fail(p, "a string has no end");
        return;
    }
    char *out = base_arena_alloc(p->a, end - p->at + 1);
    if (out == NULL) {
        fail(p, "it takes too much memory");
        return;
    }
    for (size_t i = p->at + 1; i < end && !p->failed;) {
        if (p->p[i] == '\n')
            p->line++;
        if (p->p[i] == '\\')
            i = escape(p, i + 1, out, &n);
        else
            out[n++] = p->p[i++];
    }
    p->at = end + 1;
    p->tok = (struct token){.kind = T_STR, .text = base_str_n(out, n)};
}

static void number_token(struct parser *p)
{
    char buf[64];
    size_t n = 0;
    bool dot = false;
    while (p->at < p->n && n < sizeof(buf) - 1) {
        char c = p->p[p->at];
        bool sign = (c == '+' || c == '-') && n > 0 && (buf[n - 1] == 'e' || buf[n - 1] == 'E');
        if (c == '.' && !dot && p->at + 1 < p->n && p->p[p->at + 1] >= '0' &&
            p->p[p->at + 1] <= '9')
            dot = true;
        else if ((c == 'e' || c == 'E') && n > 0)
            dot = true;
        else if (!(c >= '0' && c <= '9') && c != '_' && !sign)
            break;
        if (c != '_')
            buf[n++] = c;
        p->at++;
    }
    buf[n] = 0;
    char *end;
    p->tok = (struct token){.kind = dot ? T_FLOAT : T_INT};
    if (dot) {
        p->tok.f = strtod(buf, &end);
    } else {
        uint64_t v = 0;
        bool ok = base_str_u64(base_str_n(buf, n), &v) && v <= INT64_MAX;
        p->tok.i = (int64_t)v;
        end = ok ? buf + n : buf;
    }
    if (*end != 0)
        fail(p, "bad number");
}

/* Reads the next token of the tag into p->tok; T_END at the tag's end, which stays unread. */
static void next(struct parser *p)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "//", "**", "+", "-", "*",
                                      "/",  "%",  "~",  "<",  ">",  "=",  "(", ")", "[",
                                      "]",  "{",  "}",  ",",  ":",  ".",  "|"};
    if (p->failed)
        return;
    while (p->at < p->n && strchr(" \t\r\n", p->p[p->at]) && p->p[p->at]) {
        p->line += p->p[p->at] == '\n';
        p->at++;
    }
    if (p->at >= p->n) {
        fail(p, "a tag has no end");
        return;
    }
    const char *s = p->p + p->at;
    size_t left = p->n - p->at;
    size_t sign = *s == '-' || *s == '+';
    if (p->brackets == 0 && left >= 2 + sign && s[sign] == p->close && s[sign + 1] == '}') {
        p->tok = (struct token){.kind = T_END};
        return;
    }
    if (*s == '"' || *s == '\'') {
        string_token(p, *s);
    } else if (*s >= '0' && *s <= '9') {
        number_token(p);
    } else if (is_name(*s, true)) {
        size_t n = 1;
        while (n < left && is_name(s[n], false))
            n++;
        p->at += n;
        p->tok = (struct token){.kind = T_NAME, .text = base_str_n(s, n)};
    } else {
        for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            size_t n = strlen(ops[k]);
            if (left < n || memcmp(s, ops[k], n) != 0)
                continue;
            p->at += n;
            p->tok = (struct token){.kind = T_OP, .text = base_str_n(ops[k], n)};
            p->brackets += strchr("([{", *s) != NULL;
            p->brackets -= strchr(")]}", *s) != NULL;
            return;
        }
        fail(p, "unexpected character '%c'", *s >= 32 && *s < 127 ? *s : '?');
    }
}

static bool op(const struct parser *p, const char *z)
{
    return p->tok.kind == T_OP && base_str_is(p->tok.text, z);
}

static bool word(const struct parser *p, const char *z)
{
    return p->tok.kind == T_NAME && base_str_is(p->tok.text, z);
}

static bool take_op(struct parser *p, const char *z)
{
    if (!op(p, z))
        return false;
    next(p);
    return true;
}

static bool take_word(struct parser *p, const char *z)
{
    if (!word(p, z))
        return false;
    next(p);
    return true;
}

static void want_op(struct parser *p, const char *z)
{
    if (!take_op(p, z))
        fail(p, "expected '%s'", z);
}

static void want_word(struct parser *p, const char *z)
{
    if (!take_word(p, z))
        fail(p, "expected '%s'", z);
}

static struct base_str want_name(struct parser *p)
{
    struct base_str s = p->tok.text;
    if (p->tok.kind != T_NAME)
        fail(p, "expected a name");
    next(p);
    return s;
}

/* ---- expressions ---- */

static struct jnode *expr(struct parser *p);
static struct jnode *unary(struct parser *p, bool filters);

static bool enter(struct parser *p)
{
    if (++p->nest > NEST_MAX)
        fail(p, "nested too deeply");
    return !p->failed;
}

static struct jnode *constant(struct parser *p, struct jval v)
{
    struct jnode *n = node(p, E_CONST);
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
        next(p);
    }
    struct base_str copy = base_arena_dup(p->a, base_buf_view(&b));
    base_buf_release(&b);
    if (s == NULL || copy.p == NULL) {
        fail(p, "it takes too much memory");
        return node(p, E_CONST);
    }
    s->p = copy.p;
    s->n = copy.n;
    return constant(p, (struct jval){.kind = JV_STR, .s = s});
}

static void append(struct jnode ***tail, struct jnode *n)
{
    **tail = n;
    *tail = &n->next;
}

/* Arguments up to and with ')'. */
static struct jnode *arguments(struct parser *p)
{
    struct jnode *first = NULL, **tail = &first;
    while (!p->failed && !op(p, ")")) {
        if (op(p, "*") || op(p, "**")) {
            fail(p, "* arguments are not built in");
            break;
        }
        struct jnode *a = expr(p);
        if (!p->failed && a->kind == E_NAME && op(p, "=")) {
            next(p);
            struct jnode *kw = node(p, E_KW);
            struct jnode *v = expr(p);
            if (p->failed)
                break;
            kw->name = a->name;
            kw->a = v;
            a = kw;
        }
        if (p->failed)
            break;
        append(&tail, a);
        if (!take_op(p, ","))
            break;
    }
    want_op(p, ")");
    return first;
}

static struct jnode *dict(struct parser *p)
{
    struct jnode *d = node(p, E_DICT), *first = NULL, **tail = &first;
    while (!p->failed && !op(p, "}")) {
        struct jnode *k = expr(p);
        want_op(p, ":");
        struct jnode *v = expr(p);
        if (p->failed)
            break;
        append(&tail, k);
        append(&tail, v);
        if (!take_op(p, ","))
            break;
    }
    want_op(p, "}");
    if (!p->failed)
        d->kid = first;
    return d;
}

/* Items up to `close`; in "( )" a single one without a comma is no tuple. */
static struct jnode *items(struct parser *p, const char *close, bool paren)
{
    struct jnode *l = node(p, E_LIST), *first = NULL, **tail = &first;
    bool comma = false;
    while (!p->failed && !op(p, close)) {
        struct jnode *v = expr(p);
        if (p->failed)
            break;
        append(&tail, v);
        if (!take_op(p, ","))
            break;
        comma = true;
    }
    want_op(p, close);
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
        next(p);
        return constant(p, (struct jval){.kind = JV_INT, .i = t.i});
    case T_FLOAT:
        next(p);
        return constant(p, (struct jval){.kind = JV_FLOAT, .f = t.f});
    case T_NAME: {
        next(p);
        if (base_str_is(t.text, "true") || base_str_is(t.text, "True"))
            return constant(p, j_bool(true));
        if (base_str_is(t.text, "false") || base_str_is(t.text, "False"))
            return constant(p, j_bool(false));
        if (base_str_is(t.text, "none") || base_str_is(t.text, "None"))
            return constant(p, j_none());
        struct jnode *n = node(p, E_NAME);
        if (!p->failed)
            n->name = t.text;
        return n;
    }
    default:
        if (take_op(p, "("))
            return items(p, ")", true);
        if (take_op(p, "["))
            return items(p, "]", false);
        if (take_op(p, "{"))
            return dict(p);
        fail(p, "expected a value");
        return node(p, E_CONST);
    }
}

static struct jnode *subscript(struct parser *p, struct jnode *of)
{
    struct jnode *n = node(p, E_ITEM), *part[3] = {NULL, NULL, NULL};
    int colons = 0;
    while (!p->failed && !op(p, "]")) {
        if (take_op(p, ":")) {
            if (++colons > 2)
                fail(p, "too many ':' in a slice");
        } else if (part[colons] != NULL) {
            break;
        } else {
            part[colons] = expr(p);
        }
    }
    want_op(p, "]");
    if (p->failed)
        return n;
    if (colons == 0 && part[0] == NULL)
        fail(p, "an empty index");
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
        if (take_op(p, ".")) {
            m = node(p, E_ATTR);
            struct base_str name = p->tok.text;
            if (p->tok.kind == T_INT) {
                struct jnode *i = constant(p, j_int(p->tok.i));
                next(p);
                if (!p->failed) {
                    m->kind = E_ITEM;
                    m->b = i;
                }
            } else {
                name = want_name(p);
            }
            if (!p->failed) {
                m->a = n;
                m->name = name;
            }
        } else if (take_op(p, "[")) {
            m = subscript(p, n);
        } else if (take_op(p, "(")) {
            m = node(p, E_CALL);
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
        enter(p);
    }
    p->nest -= added;
    return n;
}

static struct jnode *filter(struct parser *p, struct jnode *of)
{
    struct jnode *f = node(p, E_FILTER);
    struct base_str name = want_name(p);
    struct jnode *args = take_op(p, "(") ? arguments(p) : NULL;
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
        if (word(p, not_a_value[i]))
            return false;
    return p->tok.kind == T_NAME || op(p, "[") || op(p, "{");
}

static struct jnode *test(struct parser *p, struct jnode *of)
{
    bool negate = take_word(p, "not");
    struct jnode *t = node(p, E_TEST), *args = NULL;
    struct base_str name = p->tok.kind == T_OP ? p->tok.text : BASE_STR_NULL;
    if (name.n == 0)
        name = want_name(p);
    else
        next(p);
    if (take_op(p, "("))
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
        if (take_op(p, "|")) {
            n = filter(p, n);
        } else if (take_word(p, "is")) {
            n = test(p, n);
        } else if (op(p, "(") || op(p, ".") || op(p, "[")) {
            n = postfix(p, n);
        } else {
            break;
        }
        added++;
        enter(p);
    }
    p->nest -= added;
    return n;
}

static struct jnode *unary(struct parser *p, bool filters)
{
    struct jnode *n;
    if (!enter(p))
        return node(p, E_CONST);
    if (take_op(p, "-")) {
        n = node(p, E_NEG);
        struct jnode *a = unary(p, false);
        if (!p->failed)
            n->a = a;
    } else if (take_op(p, "+")) {
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
        while (k < count && !(binary_ops[k].level == level && op(p, binary_ops[k].text)))
            k++;
        if (k == count)
            break;
        next(p);
        struct jnode *b = node(p, E_BIN), *right = binary(p, level + 1);
        if (p->failed)
            break;
        b->op = (int)binary_ops[k].op;
        b->a = n;
        b->b = right;
        n = b;
        added++;
        enter(p);
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
            if (op(p, ops[k].text))
                found = (int)ops[k].op;
        if (found >= 0) {
            next(p);
        } else if (take_word(p, "in")) {
            found = J_IN;
        } else if (word(p, "not")) {
            next(p);
            want_word(p, "in");
            found = J_NOT_IN;
        } else {
            break;
        }
        struct jnode *c = node(p, E_CMP), *right = binary(p, 0);
        if (p->failed)
            break;
        c->op = found;
        c->a = right;
        append(&tail, c);
    }
    if (first == NULL || p->failed)
        return n;
    struct jnode *c = node(p, E_CMP);
    if (!p->failed) {
        c->a = n;
        c->kid = first;
    }
    return c;
}

static struct jnode *negation(struct parser *p)
{
    if (!word(p, "not"))
        return compare(p);
    next(p);
    struct jnode *n = node(p, E_NOT);
    if (enter(p)) {
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
    while (!p->failed && take_word(p, is_or ? "or" : "and")) {
        struct jnode *b = node(p, is_or ? E_OR : E_AND);
        struct jnode *right = is_or ? logic(p, false) : negation(p);
        if (p->failed)
            break;
        b->a = n;
        b->b = right;
        n = b;
        added++;
        enter(p);
    }
    p->nest -= added;
    return n;
}

static struct jnode *expr_cond(struct parser *p, bool with_if)
{
    struct jnode *n = node(p, E_CONST);
    if (enter(p)) {
        n = logic(p, true);
        int added = 0;
        while (with_if && !p->failed && take_word(p, "if")) {
            struct jnode *c = node(p, E_COND), *cond = logic(p, true);
            struct jnode *other = take_word(p, "else") ? expr(p) : NULL;
            if (p->failed)
                break;
            c->a = n;
            c->b = cond;
            c->c = other;
            n = c;
            added++;
            enter(p);
        }
        p->nest -= added;
    }
    p->nest--;
    return n;
}

static struct jnode *expr(struct parser *p)
{
    return expr_cond(p, true);
}

/* a, b, c as a tuple; one alone is itself. */
static struct jnode *expr_list(struct parser *p, bool with_if)
{
    struct jnode *n = expr_cond(p, with_if);
    if (p->failed || !op(p, ","))
        return n;
    struct jnode *l = node(p, E_LIST), *first = NULL, **tail = &first;
    append(&tail, n);
    while (!p->failed && take_op(p, ",") && p->tok.kind != T_END) {
        struct jnode *v = expr_cond(p, with_if);
        if (!p->failed)
            append(&tail, v);
    }
    if (!p->failed) {
        l->kid = first;
        l->op = 1;
    }
    return l;
}

/* ---- text and tags ---- */

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static void skip_to(struct parser *p, size_t to)
{
    for (; p->at < to; p->at++)
        p->line += p->p[p->at] == '\n';
}

/* Behind a tag: what the edge sign and trim_blocks take away. */
static void after_tag(struct parser *p, char sign, bool trims)
{
    p->line_start = false;
    if (sign == '-') {
        size_t to = p->at;
        while (to < p->n && blank(p->p[to]))
            to++;
        p->line_start = to > p->at && p->p[to - 1] == '\n';
        skip_to(p, to);
    } else if (trims && sign != '+' && p->at < p->n && p->p[p->at] == '\n') {
        skip_to(p, p->at + 1);
        p->line_start = true;
    }
}

/* The tag's end, when the tokens have come to T_END. */
static void end_tag(struct parser *p)
{
    if (p->failed)
        return;
    if (p->tok.kind != T_END) {
        fail(p, "unexpected '%.*s' in a tag", (int)(p->tok.text.n < 40 ? p->tok.text.n : 40),
             p->tok.text.p ? p->tok.text.p : "");
        return;
    }
    char sign = p->p[p->at];
    bool has = sign == '-' || sign == '+';
    p->at += 2 + has;
    after_tag(p, has ? sign : 0, p->close == '%');
}

/* Where the next tag opens, or n. */
static size_t tag_at(const struct parser *p, size_t from)
{
    for (size_t i = from; i + 1 < p->n; i++)
        if (p->p[i] == '{' && (p->p[i + 1] == '{' || p->p[i + 1] == '%' || p->p[i + 1] == '#'))
            return i;
    return p->n;
}

/* Takes the text before the next tag (white space control applied); NULL if nothing is left of it.
 * Leaves p->at behind the opening of the tag and says in *tag which one: '{', '%', '#' or 0. */
static struct jnode *text_before(struct parser *p, char *tag)
{
    size_t from = p->at, open = tag_at(p, from), to = open;
    *tag = 0;
    struct jnode *n = NULL;
    size_t sign = 0;
    if (open < p->n) {
        *tag = p->p[open + 1];
        char s = open + 2 < p->n ? p->p[open + 2] : 0;
        sign = s == '-' || s == '+';
        if (s == '-') {
            while (to > from && blank(p->p[to - 1]))
                to--;
        } else if (s != '+' && *tag != '{') {
            size_t bol = to;
            while (bol > from && (p->p[bol - 1] == ' ' || p->p[bol - 1] == '\t'))
                bol--;
            if (bol > from ? p->p[bol - 1] == '\n' : p->line_start)
                to = bol;
        }
    } else if (to > from && p->p[to - 1] == '\n') {
        to--; /* keep_trailing_newline is off */
    }
    if (to > from) {
        struct jstr *s = base_arena_alloc(p->a, sizeof(*s));
        n = node(p, N_TEXT);
        if (s == NULL)
            fail(p, "it takes too much memory");
        if (!p->failed) {
            s->p = p->p + from;
            s->n = to - from;
            n->val = (struct jval){.kind = JV_STR, .s = s};
        }
    }
    skip_to(p, open < p->n ? open + 2 + sign : p->n);
    return n;
}

static void comment(struct parser *p)
{
    for (size_t i = p->at; i + 1 < p->n; i++)
        if (p->p[i] == '#' && p->p[i + 1] == '}') {
            char sign = i > p->at ? p->p[i - 1] : 0;
            skip_to(p, i + 2);
            after_tag(p, sign == '-' || sign == '+' ? sign : 0, true);
            return;
        }
    fail(p, "a comment has no end");
}

static void open_tag(struct parser *p, char tag)
{
    p->close = tag == '{' ? '}' : '%';
    p->brackets = 0;
    next(p);
}

static struct jnode *statement(struct parser *p);

/* Nodes up to a statement whose name is one of `ends` (separated by spaces); its name is then the
 * current token. ends NULL: to the end of the source. */
static struct jnode *body(struct parser *p, const char *ends)
{
    struct jnode *first = NULL, **tail = &first;
    if (!enter(p))
        return NULL;
    for (;;) {
        char tag;
        struct jnode *t = text_before(p, &tag);
        if (p->failed)
            break;
        if (t)
            append(&tail, t);
        if (tag == 0) {
            if (ends)
                fail(p, "the template ends before {%% %s %%}", ends);
            break;
        }
        if (tag == '#') {
            comment(p);
            continue;
        }
        open_tag(p, tag);
        if (tag == '{') {
            struct jnode *pr = node(p, N_PRINT), *v = expr_list(p, true);
            end_tag(p);
            if (p->failed)
                break;
            pr->a = v;
            append(&tail, pr);
            continue;
        }
        struct base_str rest = base_str_c(ends);
        bool over = false;
        while (rest.p && rest.n)
            over = base_str_eq(base_str_cut(&rest, ' '), p->tok.text) || over;
        if (over && p->tok.kind == T_NAME)
            break;
        struct jnode *s = statement(p);
        if (p->failed)
            break;
        if (s)
            append(&tail, s);
    }
    p->nest--;
    return p->failed ? NULL : first;
}

/* The body up to {% end %}, with that tag. */
static struct jnode *body_to(struct parser *p, const char *end)
{
    end_tag(p);
    struct jnode *b = body(p, end);
    next(p);
    end_tag(p);
    return b;
}

static struct jnode *st_if(struct parser *p)
{
    struct jnode *n = node(p, N_IF), *cond = expr(p);
    end_tag(p);
    struct jnode *kid = body(p, "elif else endif"), *other = NULL;
    if (!p->failed && take_word(p, "elif")) {
        if (enter(p))
            other = st_if(p); /* takes the endif as well */
        p->nest--;
    } else {
        if (!p->failed && take_word(p, "else")) {
            other = node(p, N_ELSE);
            end_tag(p);
            struct jnode *b = body(p, "endif");
            if (!p->failed)
                other->kid = b;
        }
        next(p);
        end_tag(p);
    }
    if (!p->failed) {
        n->a = cond;
        n->kid = kid;
        n->b = other;
    }
    return n;
}

/* a, b or (a, b) as E_NAME nodes, or ns.attr as one E_ATTR */
static struct jnode *targets(struct parser *p, bool attr)
{
    struct jnode *first = NULL, **tail = &first;
    bool paren = take_op(p, "(");
    do {
        struct jnode *t = node(p, E_NAME);
        struct base_str name = want_name(p);
        if (p->failed)
            return NULL;
        t->name = name;
        if (attr && take_op(p, ".")) {
            struct jnode *of = t;
            t = node(p, E_ATTR);
            name = want_name(p);
            if (p->failed)
                return NULL;
            t->a = of;
            t->name = name;
        }
        append(&tail, t);
    } while (take_op(p, ","));
    if (paren)
        want_op(p, ")");
    return first;
}

static struct jnode *st_for(struct parser *p)
{
    struct jnode *n = node(p, N_FOR), *t = targets(p, false), *cond = NULL, *other = NULL;
    want_word(p, "in");
    struct jnode *what = expr_list(p, false);
    if (take_word(p, "if"))
        cond = expr(p);
    if (word(p, "recursive"))
        fail(p, "recursive loops are not built in");
    end_tag(p);
    struct jnode *kid = body(p, "else endfor");
    if (!p->failed && take_word(p, "else")) {
        other = node(p, N_ELSE);
        end_tag(p);
        struct jnode *b = body(p, "endfor");
        if (!p->failed)
            other->kid = b;
    }
    next(p);
    end_tag(p);
    if (!p->failed) {
        n->c = t;
        n->a = what;
        n->b = cond;
        n->kid = kid;
        n->d = other;
    }
    return n;
}

/* | a | b(…) applied to the text of a block, which stands as E_NAME "" */
static struct jnode *block_filters(struct parser *p)
{
    struct jnode *n = node(p, E_NAME);
    do
        n = filter(p, n);
    while (!p->failed && take_op(p, "|"));
    return n;
}

static struct jnode *st_set(struct parser *p)
{
    struct jnode *n = node(p, N_SET), *t = targets(p, true);
    if (take_op(p, "=")) {
        struct jnode *v = expr_list(p, true);
        end_tag(p);
        if (!p->failed) {
            n->c = t;
            n->a = v;
        }
        return n;
    }
    struct jnode *f = take_op(p, "|") ? block_filters(p) : NULL;
    struct jnode *b = body_to(p, "endset");
    if (!p->failed) {
        n->kind = N_SETBLOCK;
        n->c = t;
        n->b = f;
        n->kid = b;
    }
    return n;
}

static struct jnode *st_macro(struct parser *p)
{
    struct jnode *n = node(p, N_MACRO), *first = NULL, **tail = &first;
    struct base_str name = want_name(p);
    want_op(p, "(");
    while (!p->failed && !op(p, ")")) {
        struct jnode *a = node(p, E_NAME);
        struct base_str an = want_name(p);
        struct jnode *def = take_op(p, "=") ? expr(p) : NULL;
        if (p->failed)
            break;
        a->name = an;
        a->a = def;
        append(&tail, a);
        if (!take_op(p, ","))
            break;
    }
    want_op(p, ")");
    struct jnode *b = body_to(p, "endmacro");
    if (!p->failed) {
        n->name = name;
        n->c = first;
        n->kid = b;
    }
    return n;
}

static struct jnode *st_with(struct parser *p)
{
    struct jnode *n = node(p, N_WITH), *first = NULL, **tail = &first;
    while (!p->failed && p->tok.kind == T_NAME) {
        struct jnode *kw = node(p, E_KW);
        struct base_str name = want_name(p);
        want_op(p, "=");
        struct jnode *v = expr(p);
        if (p->failed)
            break;
        kw->name = name;
        kw->a = v;
        append(&tail, kw);
        if (!take_op(p, ","))
            break;
    }
    struct jnode *b = body_to(p, "endwith");
    if (!p->failed) {
        n->c = first;
        n->kid = b;
    }
    return n;
}

static struct jnode *st_raw(struct parser *p)
{
    struct jnode *n = node(p, N_TEXT);
    end_tag(p);
    for (size_t i = p->at; !p->failed && i + 1 < p->n; i++) {
        size_t k = i + 2;
        if (p->p[i] != '{' || p->p[i + 1] != '%')
            continue;
        k += k < p->n && p->p[k] == '-';
        while (k < p->n && blank(p->p[k]))
            k++;
        if (p->n - k < 6 || memcmp(p->p + k, "endraw", 6) != 0)
            continue;
        struct jstr *s = base_arena_alloc(p->a, sizeof(*s));
        if (s == NULL)
            break;
        s->p = p->p + p->at;
        s->n = i - p->at;
        n->val = (struct jval){.kind = JV_STR, .s = s};
        skip_to(p, k + 6);
        open_tag(p, '%');
        end_tag(p);
        return n;
    }
    fail(p, "{%% raw %%} has no end");
    return n;
}

static struct jnode *st_word(struct parser *p, enum jnode_kind kind)
{
    struct jnode *n = node(p, kind);
    end_tag(p);
    return n;
}

static struct jnode *statement(struct parser *p)
{
    struct base_str name = want_name(p);
    if (p->failed)
        return NULL;
    if (base_str_is(name, "if"))
        return st_if(p);
    if (base_str_is(name, "for"))
        return st_for(p);
    if (base_str_is(name, "set"))
        return st_set(p);
    if (base_str_is(name, "macro"))
        return st_macro(p);
    if (base_str_is(name, "with"))
        return st_with(p);
    if (base_str_is(name, "raw"))
        return st_raw(p);
    if (base_str_is(name, "break"))
        return st_word(p, N_BREAK);
    if (base_str_is(name, "continue"))
        return st_word(p, N_CONTINUE);
    if (base_str_is(name, "filter")) {
        struct jnode *n = node(p, N_FILTER), *f = block_filters(p), *b = body_to(p, "endfilter");
        if (!p->failed) {
            n->b = f;
            n->kid = b;
        }
        return n;
    }
    if (base_str_is(name, "generation")) { /* marks what training learns: nothing to us */
        struct jnode *n = node(p, N_BLOCK), *b = body_to(p, "endgeneration");
        if (!p->failed)
            n->kid = b;
        return n;
    }
    fail(p, "{%% %.*s %%} is not built in", (int)(name.n < 40 ? name.n : 40), name.p);
    return NULL;
}

enum base_status eng_jinja_parse(struct base_str source, struct eng_jinja **out,
                                 struct base_err *err)
{
    *out = NULL;
    if (source.n > ENG_JINJA_SOURCE_MAX)
        return base_err_set(err, BASE_LIMIT, "a template of %zu bytes is too large", source.n);
    if (!base_utf8_valid(source))
        return base_err_set(err, BASE_EINVAL, "the template is not UTF-8");
    struct base_arena *a = base_arena_new(128u << 20);
    struct eng_jinja *t = a ? base_arena_alloc(a, sizeof(*t)) : NULL;
    char *src = t ? base_arena_alloc(a, source.n + 1) : NULL;
    if (src == NULL) {
        base_arena_free(a);
        return base_err_set(err, BASE_ENOMEM, "no memory for a template");
    }
    size_t n = 0;
    for (size_t i = 0; i < source.n; i++) { /* any line end is \n */
        if (source.p[i] == '\r' && i + 1 < source.n && source.p[i + 1] == '\n')
            continue;
        src[n++] = source.p[i] == '\r' ? '\n' : source.p[i];
    }
    struct parser p = {.a = a, .err = err, .p = src, .n = n, .line = 1, .line_start = true};
    t->arena = a;
    t->root = body(&p, NULL);
    if (p.failed) {
        base_arena_free(a);
        return BASE_EINVAL;
    }
    *out = t;
    return BASE_OK;
}

void eng_jinja_free(struct eng_jinja *t)
{
    if (t)
        base_arena_free(t->arena);
}
