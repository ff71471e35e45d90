/* jinja_parse.h - what the parser's three files share; nobody else includes it.
 *
 * jinja_lex.c reads tokens, jinja_expr.c expressions, jinja_parse.c text and statements. The first
 * failure is noted in the parser; from then on every function returns at once, and no node is
 * written to any more (jp_node then gives a spare one that is shared).
 */
#ifndef ENG_JINJA_PARSE_H
#define ENG_JINJA_PARSE_H

#include "engine/text/jinja_int.h"

#define JP_NEST_MAX 120

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

void jp_fail(struct parser *p, const char *fmt, ...) BASE_PRINTF(2, 3);
struct jnode *jp_node(struct parser *p, enum jnode_kind kind);
/* One level deeper, or failure; leave with p->nest-- in either case. */
bool jp_enter(struct parser *p);
void jp_append(struct jnode ***tail, struct jnode *n);

/* Reads the next token of the tag into p->tok; T_END at the tag's end, which stays unread. */
void jp_next(struct parser *p);
bool jp_op(const struct parser *p, const char *z);
bool jp_word(const struct parser *p, const char *z);
bool jp_take_op(struct parser *p, const char *z);
bool jp_take_word(struct parser *p, const char *z);
void jp_want_op(struct parser *p, const char *z);
void jp_want_word(struct parser *p, const char *z);
struct base_str jp_want_name(struct parser *p);

struct jnode *jp_expr(struct parser *p);
/* a, b, c as a tuple; one alone is itself. with_if false: an "if"
 * ends it (for loops). */
struct jnode *jp_expr_list(struct parser *p, bool with_if);
/* name(arguments) behind a '|', applied to `of` */
struct jnode *jp_filter(struct parser *p, struct jnode *of);

#endif
