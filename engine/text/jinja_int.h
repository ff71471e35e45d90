/* jinja_int.h - what the interpreter's files share; nobody else includes it.
 *
 * jinja_parse.c (with _lex, _expr) makes the tree, jinja_eval.c (_op) walks it, jinja_value.c holds
 * the values, jinja_text.c their texts, jinja_lib.c (_test, _method) the filters, tests, methods
 * and functions. Functions return false after having set the environment's error, which then
 * unwinds.
 */
#ifndef ENG_JINJA_INT_H
#define ENG_JINJA_INT_H

#include "base/arena.h"
#include "engine/text/jinja.h"

enum jkind {
    JV_UNDEF,
    JV_NONE,
    JV_BOOL,
    JV_INT,
    JV_FLOAT,
    JV_STR,
    JV_LIST, /* tuples too */
    JV_DICT, /* namespaces too */
    JV_MACRO,
    JV_LOOP,
    JV_METHOD,
    JV_FUNC
};

/* Immutable text; foreign: the stretches that came from outside, ascending. */
struct jstr {
    const char *p;
    size_t n;
    const struct eng_span *foreign;
    size_t n_foreign;
};

struct jval {
    enum jkind kind;
    union {
        bool b;
        int64_t i;
        double f;
        const struct jstr *s;
        struct jlist *l;
        struct jdict *d;
        struct jmacro *m;
        struct jloop *loop;
        struct jmethod *method;
        int func;
    };
};

struct jlist {
    struct jval *v;
    size_t n;
    bool tuple;
};

struct jpair {
    struct jval k, v;
};

struct jdict {
    struct jpair *v;
    size_t n, cap;
    bool ns; /* a namespace: may be assigned to */
};

struct jloop {
    const struct jval *v;
    size_t n, i;
    int depth;
};

struct jmethod {
    struct jval self;
    struct base_str name;
};

struct jvar {
    struct base_str name;
    struct jval v;
    struct jvar *next;
};

struct jscope {
    struct jvar *vars;
    struct jscope *up;
    int loop_depth;
};

struct jmacro {
    const struct jnode *node;
    struct jscope *scope;
};

enum jnode_kind {
    N_TEXT,     /* val */
    N_PRINT,    /* a */
    N_IF,       /* a; kid; b = the next branch: N_IF or N_ELSE */
    N_ELSE,     /* kid */
    N_FOR,      /* c = targets; a = what; b = condition; kid; d = N_ELSE */
    N_SET,      /* c = targets; a = value */
    N_SETBLOCK, /* c = target; kid; b = filters over E_NAME "" */
    N_MACRO,    /* name; c = parameters (E_NAME, a = default); kid */
    N_FILTER,   /* b = filters over E_NAME ""; kid */
    N_WITH,     /* c = E_KW list; kid */
    N_BLOCK,    /* kid: generation */
    N_BREAK,
    N_CONTINUE,
    E_CONST, /* val */
    E_NAME,  /* name */
    E_LIST,  /* kid; op = 1: tuple */
    E_DICT,  /* kid: key, value, key, ... */
    E_BIN,   /* op; a, b */
    E_AND,
    E_OR,
    E_NOT,
    E_NEG,
    E_CMP,    /* a; kid: E_CMP nodes with op and a */
    E_COND,   /* a if b else c (may be NULL) */
    E_ATTR,   /* a . name */
    E_ITEM,   /* a [ b ] */
    E_SLICE,  /* a [ b : c : d ] */
    E_CALL,   /* a ( kid ) */
    E_FILTER, /* a | name ( kid ) */
    E_TEST,   /* a is name ( kid ); op = 1: not */
    E_KW      /* name = a */
};

enum jop {
    J_ADD,
    J_SUB,
    J_MUL,
    J_DIV,
    J_FLOORDIV,
    J_MOD,
    J_POW,
    J_CAT,
    J_EQ,
    J_NE,
    J_LT,
    J_LE,
    J_GT,
    J_GE,
    J_IN,
    J_NOT_IN
};

struct jnode {
    enum jnode_kind kind;
    int op, line;
    struct jnode *a, *b, *c, *d;
    struct jnode *kid, *next;
    struct base_str name;
    struct jval val;
};

struct eng_jinja {
    struct base_arena *arena;
    struct jnode *root;
};

/* A text being built. */
struct jsb {
    char *p;
    size_t n, cap;
    struct eng_span *foreign;
    size_t n_foreign, cap_foreign;
};

enum jflow { J_GO, J_DO_BREAK, J_DO_CONTINUE };

struct jenv {
    struct base_arena *a;
    struct base_err *err;
    bool raised;
    int64_t steps; /* left */
    int depth;
    int line;
    struct jsb *out;
    enum jflow flow;
    int64_t now_s;
    struct jscope *scope;
};

struct jkw {
    struct base_str name;
    struct jval v;
};

struct jargs {
    struct jval *v;
    size_t n;
    struct jkw *kw;
    size_t n_kw;
};

/* ---- jinja_value.c, jinja_text.c ---- */
bool j_fail(struct jenv *e, enum base_status code, const char *fmt, ...) BASE_PRINTF(3, 4);
bool j_charge(struct jenv *e, size_t n);   /* n steps */
bool j_work(struct jenv *e, size_t bytes); /* what looking at so many bytes costs */
void *j_alloc(struct jenv *e, size_t n, size_t size);

static inline struct jval j_undef(void)
{
    return (struct jval){.kind = JV_UNDEF};
}
static inline struct jval j_none(void)
{
    return (struct jval){.kind = JV_NONE};
}
static inline struct jval j_bool(bool b)
{
    return (struct jval){.kind = JV_BOOL, .b = b};
}
static inline struct jval j_int(int64_t i)
{
    return (struct jval){.kind = JV_INT, .i = i};
}
static inline struct jval j_float(double f)
{
    return (struct jval){.kind = JV_FLOAT, .f = f};
}

bool j_str_new(struct jenv *e, const char *p, size_t n, struct jval *out); /* copies */
bool j_str_z(struct jenv *e, const char *z, struct jval *out);             /* static text */
bool j_str_sub(struct jenv *e, const struct jstr *s, size_t from, size_t to, struct jval *out);
bool j_list_new(struct jenv *e, size_t n, struct jval *out);
bool j_dict_new(struct jenv *e, struct jval *out);
bool j_dict_set(struct jenv *e, struct jdict *d, struct jval k, struct jval v);
/* Finds k; *v NULL if it is not there. */
bool j_dict_get(struct jenv *e, const struct jdict *d, struct jval k, struct jval **v);
bool j_dict_getz(struct jenv *e, const struct jdict *d, struct base_str k, struct jval **v);
bool j_from_json(struct jenv *e, json_t *j, bool foreign, int depth, struct jval *out);

bool j_sb_raw(struct jenv *e, struct jsb *b, const char *p, size_t n, bool foreign);
bool j_sb_z(struct jenv *e, struct jsb *b, const char *z);
bool j_sb_sub(struct jenv *e, struct jsb *b, const struct jstr *s, size_t from, size_t to);
bool j_sb_str(struct jenv *e, struct jsb *b, const struct jstr *s);
bool j_sb_done(struct jenv *e, struct jsb *b, struct jval *out);
/* The next stretch of s from *at on that is all foreign or all not. */
bool j_stretch(const struct jstr *s, size_t *at, size_t *from, size_t *to, bool *foreign);

bool j_true(struct jval v);
bool j_eq(struct jenv *e, struct jval a, struct jval b, bool *out);
bool j_cmp(struct jenv *e, struct jval a, struct jval b, int *out); /* fails if not comparable */
bool j_contains(struct jenv *e, struct jval hay, struct jval needle, bool *out);
bool j_text(struct jenv *e, struct jsb *b, struct jval v); /* str(v) */
bool j_to_str(struct jenv *e, struct jval v, struct jval *out);
struct jjson {
    bool ascii, sort;
    int indent; /* -1: on one line */
    struct base_str item_sep, key_sep;
};
bool j_json(struct jenv *e, struct jsb *b, struct jval v, const struct jjson *o, int depth);
const char *j_kind_name(struct jval v);
/* What a loop goes over, as a list. */
bool j_iter(struct jenv *e, struct jval v, struct jval **items, size_t *n);
size_t j_chars(const char *p, size_t n);             /* code points */
size_t j_char_at(const char *p, size_t n, size_t i); /* byte offset of code point i */

/* ---- jinja_eval.c, jinja_op.c ---- */
bool j_eval(struct jenv *e, const struct jnode *n, struct jval *out);
bool j_exec(struct jenv *e, const struct jnode *first);
bool j_call(struct jenv *e, struct jval f, const struct jargs *args, struct jval *out);
bool j_getattr(struct jenv *e, struct jval v, struct base_str name, bool item_first,
               struct jval *out);
bool j_lookup(struct jenv *e, struct jval v, struct base_str path, struct jval *out);
bool j_get_item(struct jenv *e, struct jval v, struct jval i, struct jval *out);
bool j_slice(struct jenv *e, const struct jnode *n, struct jval *out);
bool j_binary(struct jenv *e, enum jop op, struct jval a, struct jval b, struct jval *out);
bool j_compare(struct jenv *e, enum jop op, struct jval a, struct jval b, bool *out);
bool j_negate(struct jenv *e, struct jval v, struct jval *out);

/* ---- jinja_lib.c, jinja_test.c, jinja_method.c ---- */
struct jval *j_arg(const struct jargs *a, size_t i, const char *name); /* NULL: not given */
bool j_filter(struct jenv *e, struct base_str name, struct jval v, const struct jargs *args,
              struct jval *out);
bool j_test(struct jenv *e, struct base_str name, struct jval v, const struct jargs *args,
            bool *out);
bool j_method(struct jenv *e, struct jval self, struct base_str name, const struct jargs *args,
              struct jval *out);
bool j_has_method(struct jval self, struct base_str name);
int j_func_find(struct base_str name); /* -1: none */
bool j_func(struct jenv *e, int func, const struct jargs *args, struct jval *out);
bool j_strip(struct jenv *e, const struct jstr *s, const struct jstr *chars, bool left, bool right,
             struct jval *out);
bool j_replace(struct jenv *e, const struct jstr *s, const struct jstr *from, const struct jstr *to,
               int64_t max, struct jval *out);
enum jcase { J_UPPER, J_LOWER, J_TITLE, J_CAPITAL };
bool j_case(struct jenv *e, const struct jstr *s, enum jcase how, struct jval *out);
/* First place of needle in s at or after from; SIZE_MAX: none. Linear. */
size_t j_find(const struct jstr *s, const struct jstr *needle, size_t from);

#define J_DEPTH_MAX 250
#define J_STEPS_MAX 8000000
#define J_RANGE_MAX 100000

#endif
