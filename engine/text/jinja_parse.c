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
#include "engine/text/jinja_parse.h"

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
        jp_fail(p, "unexpected '%.*s' in a tag", (int)(p->tok.text.n < 40 ? p->tok.text.n : 40),
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
        n = jp_node(p, N_TEXT);
        if (s == NULL)
            jp_fail(p, "it takes too much memory");
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
    jp_fail(p, "a comment has no end");
}

static void open_tag(struct parser *p, char tag)
{
    p->close = tag == '{' ? '}' : '%';
    p->brackets = 0;
    jp_next(p);
}

static struct jnode *statement(struct parser *p);

/* Nodes up to a statement whose name is one of `ends` (separated by spaces); its name is then the
 * current token. ends NULL: to the end of the source. */
static struct jnode *body(struct parser *p, const char *ends)
{
    struct jnode *first = NULL, **tail = &first;
    if (!jp_enter(p))
        return NULL;
    for (;;) {
        char tag;
        struct jnode *t = text_before(p, &tag);
        if (p->failed)
            break;
        if (t)
            jp_append(&tail, t);
        if (tag == 0) {
            if (ends)
                jp_fail(p, "the template ends before {%% %s %%}", ends);
            break;
        }
        if (tag == '#') {
            comment(p);
            continue;
        }
        open_tag(p, tag);
        if (tag == '{') {
            struct jnode *pr = jp_node(p, N_PRINT), *v = jp_expr_list(p, true);
            end_tag(p);
            if (p->failed)
                break;
            pr->a = v;
            jp_append(&tail, pr);
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
            jp_append(&tail, s);
    }
    p->nest--;
    return p->failed ? NULL : first;
}

/* The body up to {% end %}, with that tag. */
static struct jnode *body_to(struct parser *p, const char *end)
{
    end_tag(p);
    struct jnode *b = body(p, end);
    jp_next(p);
    end_tag(p);
    return b;
}

static struct jnode *st_if(struct parser *p)
{
    struct jnode *n = jp_node(p, N_IF), *cond = jp_expr(p);
    end_tag(p);
    struct jnode *kid = body(p, "elif else endif"), *other = NULL;
    if (!p->failed && jp_take_word(p, "elif")) {
        if (jp_enter(p))
            other = st_if(p); /* takes the endif as well */
        p->nest--;
    } else {
        if (!p->failed && jp_take_word(p, "else")) {
            other = jp_node(p, N_ELSE);
            end_tag(p);
            struct jnode *b = body(p, "endif");
            if (!p->failed)
                other->kid = b;
        }
        jp_next(p);
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
    bool paren = jp_take_op(p, "(");
    do {
        struct jnode *t = jp_node(p, E_NAME);
        struct base_str name = jp_want_name(p);
        if (p->failed)
            return NULL;
        t->name = name;
        if (attr && jp_take_op(p, ".")) {
            struct jnode *of = t;
            t = jp_node(p, E_ATTR);
            name = jp_want_name(p);
            if (p->failed)
                return NULL;
            t->a = of;
            t->name = name;
        }
        jp_append(&tail, t);
    } while (jp_take_op(p, ","));
    if (paren)
        jp_want_op(p, ")");
    return first;
}

static struct jnode *st_for(struct parser *p)
{
    struct jnode *n = jp_node(p, N_FOR), *t = targets(p, false), *cond = NULL, *other = NULL;
    jp_want_word(p, "in");
    struct jnode *what = jp_expr_list(p, false);
    if (jp_take_word(p, "if"))
        cond = jp_expr(p);
    if (jp_word(p, "recursive"))
        jp_fail(p, "recursive loops are not built in");
    end_tag(p);
    struct jnode *kid = body(p, "else endfor");
    if (!p->failed && jp_take_word(p, "else")) {
        other = jp_node(p, N_ELSE);
        end_tag(p);
        struct jnode *b = body(p, "endfor");
        if (!p->failed)
            other->kid = b;
    }
    jp_next(p);
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
    struct jnode *n = jp_node(p, E_NAME);
    do
        n = jp_filter(p, n);
    while (!p->failed && jp_take_op(p, "|"));
    return n;
}

static struct jnode *st_set(struct parser *p)
{
    struct jnode *n = jp_node(p, N_SET), *t = targets(p, true);
    if (jp_take_op(p, "=")) {
        struct jnode *v = jp_expr_list(p, true);
        end_tag(p);
        if (!p->failed) {
            n->c = t;
            n->a = v;
        }
        return n;
    }
    struct jnode *f = jp_take_op(p, "|") ? block_filters(p) : NULL;
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
    struct jnode *n = jp_node(p, N_MACRO), *first = NULL, **tail = &first;
    struct base_str name = jp_want_name(p);
    jp_want_op(p, "(");
    while (!p->failed && !jp_op(p, ")")) {
        struct jnode *a = jp_node(p, E_NAME);
        struct base_str an = jp_want_name(p);
        struct jnode *def = jp_take_op(p, "=") ? jp_expr(p) : NULL;
        if (p->failed)
            break;
        a->name = an;
        a->a = def;
        jp_append(&tail, a);
        if (!jp_take_op(p, ","))
            break;
    }
    jp_want_op(p, ")");
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
    struct jnode *n = jp_node(p, N_WITH), *first = NULL, **tail = &first;
    while (!p->failed && p->tok.kind == T_NAME) {
        struct jnode *kw = jp_node(p, E_KW);
        struct base_str name = jp_want_name(p);
        jp_want_op(p, "=");
        struct jnode *v = jp_expr(p);
        if (p->failed)
            break;
        kw->name = name;
        kw->a = v;
        jp_append(&tail, kw);
        if (!jp_take_op(p, ","))
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
    struct jnode *n = jp_node(p, N_TEXT);
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
    jp_fail(p, "{%% raw %%} has no end");
    return n;
}

static struct jnode *st_word(struct parser *p, enum jnode_kind kind)
{
    struct jnode *n = jp_node(p, kind);
    end_tag(p);
    return n;
}

static struct jnode *statement(struct parser *p)
{
    struct base_str name = jp_want_name(p);
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
        struct jnode *n = jp_node(p, N_FILTER), *f = block_filters(p), *b = body_to(p, "endfilter");
        if (!p->failed) {
            n->b = f;
            n->kid = b;
        }
        return n;
    }
    if (base_str_is(name, "generation")) { /* marks what training learns: nothing to us */
        struct jnode *n = jp_node(p, N_BLOCK), *b = body_to(p, "endgeneration");
        if (!p->failed)
            n->kid = b;
        return n;
    }
    jp_fail(p, "{%% %.*s %%} is not built in", (int)(name.n < 40 ? name.n : 40), name.p);
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
