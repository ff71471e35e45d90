/* jinja_lex.c - the tokens within a template's tags, and the parser's small tools.
 *
 * Names, numbers, strings with Python's escapes, operators. "}}" and "%}" end a tag only where no
 * bracket is open, as in Jinja2, so that dicts may close with "}}".
 */
#include "engine/text/jinja_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void jp_fail(struct parser *p, const char *fmt, ...)
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

struct jnode *jp_node(struct parser *p, enum jnode_kind kind)
{
    static struct jnode spare; /* returned after a failure; never written to */
    struct jnode *n = base_arena_alloc(p->a, sizeof(*n));
    if (n == NULL) {
        jp_fail(p, "it takes too much memory");
        return &spare;
    }
    n->kind = kind;
    n->line = p->line;
    return n;
}

bool jp_enter(struct parser *p)
{
    if (++p->nest > JP_NEST_MAX)
        jp_fail(p, "nested too deeply");
    return !p->failed;
}

void jp_append(struct jnode ***tail, struct jnode *n)
{
    **tail = n;
    *tail = &n->next;
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
            jp_fail(p, "bad \\%c escape in a string", c);
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
        jp_fail(p, "a string has no end");
        return;
    }
    char *out = base_arena_alloc(p->a, end - p->at + 1);
    if (out == NULL) {
        jp_fail(p, "it takes too much memory");
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
        jp_fail(p, "bad number");
}

/* Reads the next token of the tag into p->tok; T_END at the tag's end, which stays unread. */
void jp_next(struct parser *p)
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
        jp_fail(p, "a tag has no end");
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
        jp_fail(p, "unexpected character '%c'", *s >= 32 && *s < 127 ? *s : '?');
    }
}

bool jp_op(const struct parser *p, const char *z)
{
    return p->tok.kind == T_OP && base_str_is(p->tok.text, z);
}

bool jp_word(const struct parser *p, const char *z)
{
    return p->tok.kind == T_NAME && base_str_is(p->tok.text, z);
}

bool jp_take_op(struct parser *p, const char *z)
{
    if (!jp_op(p, z))
        return false;
    jp_next(p);
    return true;
}

bool jp_take_word(struct parser *p, const char *z)
{
    if (!jp_word(p, z))
        return false;
    jp_next(p);
    return true;
}

void jp_want_op(struct parser *p, const char *z)
{
    if (!jp_take_op(p, z))
        jp_fail(p, "expected '%s'", z);
}

void jp_want_word(struct parser *p, const char *z)
{
    if (!jp_take_word(p, z))
        jp_fail(p, "expected '%s'", z);
}

struct base_str jp_want_name(struct parser *p)
{
    struct base_str s = p->tok.text;
    if (p->tok.kind != T_NAME)
        jp_fail(p, "expected a name");
    jp_next(p);
    return s;
}
