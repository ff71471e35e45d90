/* parse_tools_json.c - calls that are JSON objects: Hermes, Mistral, Granite, Llama.
 *
 *   Hermes   <tool_call> OBJECT... </tool_call>
 *   Mistral  [TOOL_CALLS] LIST            or, from 2025 on, repeated for each call:
 *            [TOOL_CALLS] NAME [CALL_ID] ID [ARGS] VALUE     ([CALL_ID] ID may be missing)
 *   Granite  <|tool_call|> LIST
 *   Llama    OBJECT ; OBJECT... as the whole answer, or behind <|python_tag|>; Llama 4 also
 *            [name(key=value, ...), ...], which parse_tools_text.c reads
 *
 * OBJECT is {"name": ..., "arguments" or "parameters": ...}; LIST is [OBJECT, ...] or one OBJECT.
 * Llama's opens without a mark, so there it must name one of the request's own tools; any other
 * text that begins with a brace is let go at the first byte that tells.
 *
 * What stands behind a complete call and is no further call is text.
 */
#include "engine/text/parse_int.h"

enum {
    J_START,
    J_OBJECT,
    J_AFTER, /* behind a call */
    J_NEXT,  /* behind a separator: another must follow */
    J_NAME,  /* Mistral's name before its marks */
    J_ID,
    J_ARGS,
    J_IDENT, /* a name before a parenthesis */
    J_PYTHON
};

static enum took object_begins(struct eng_parse *p, int a)
{
    p->ms = J_OBJECT;
    oscan_init(p);
    return oscan_step(p, (uint8_t)a);
}

static enum took object_step(struct eng_parse *p, int a)
{
    enum took t = oscan_step(p, (uint8_t)a);
    if (t == FAIL && p->named) {
        oscan_finish(p);
        return END_AGAIN;
    }
    if (t != END)
        return t;
    p->ms = J_AFTER;
    return TOOK;
}

static void json_end(struct eng_parse *p, bool cut)
{
    if (cut)
        return;
    if (p->ms == J_OBJECT)
        oscan_finish(p);
    else if (p->ms == J_PYTHON)
        python_finish(p);
    else if (p->ms == J_ARGS && !p->v.started)
        parse_args_z(p, "{}");
}

/* ---- Hermes ---- */

static enum took hermes_step(struct eng_parse *p, int a)
{
    if (IS(a, M_TC) || IS(a, M_TC_END)) {
        bool closes = IS(a, M_TC_END), done = p->named || p->ms == J_AFTER;
        if (p->named)
            oscan_finish(p);
        return closes ? (done ? END : FAIL) : done ? END_AGAIN : FAIL_AGAIN;
    }
    if (a >= MARK_0)
        return LITERAL;
    if (p->ms == J_OBJECT)
        return object_step(p, a);
    if (parse_is_ws(a))
        return TOOK;
    return a == '{' ? object_begins(p, a) : FAIL;
}

static uint64_t hermes_marks(const struct eng_parse *p)
{
    return p->ms == J_OBJECT && oscan_in_string(p) ? 0 : BIT(M_TC) | BIT(M_TC_END);
}

const struct machine parse_hermes = {NULL, hermes_step, hermes_marks, json_end};

/* ---- Mistral and Granite ---- */

static enum took name_over(struct eng_parse *p)
{
    struct base_str s = base_str_trim(base_buf_view(&p->name));
    if (s.p != p->name.p && s.n > 0)
        memmove(p->name.p, s.p, s.n);
    p->name.n = s.n;
    if (!parse_call_open(p))
        return FAIL;
    p->ms = J_ARGS;
    p->v = (struct vscan){0};
    return TOOK;
}

static enum took args_step(struct eng_parse *p, int a)
{
    char c = (char)a;
    enum vstep s = vscan_step(&p->v, (uint8_t)a);
    if (!p->v.started)
        return TOOK; /* white space in front */
    if (s != V_PAST)
        parse_args(p, &c, 1);
    if (s == V_MORE)
        return TOOK;
    parse_call_close(p);
    p->ms = J_AFTER;
    return s == V_PAST ? END_AGAIN : TOOK;
}

static enum took mistral_mark(struct eng_parse *p, int a)
{
    if (IS(a, M_ARGS) && (p->ms == J_NAME || p->ms == J_ID))
        return name_over(p);
    if (IS(a, M_CALL_ID) && p->ms == J_NAME) {
        p->ms = J_ID;
        base_buf_clear(&p->id);
        return TOOK;
    }
    if (IS(a, M_TCALLS) && p->ms == J_AFTER && !p->listed) {
        p->ms = J_START;
        base_buf_clear(&p->name);
        return TOOK;
    }
    if (!IS(a, M_TCALLS))
        return LITERAL;
    if (p->named) {
        if (p->ms == J_ARGS && !p->v.started)
            parse_args_z(p, "{}");
        return END_AGAIN;
    }
    return p->ms == J_AFTER ? END_AGAIN : FAIL_AGAIN;
}

static enum took list_step(struct eng_parse *p, int a)
{
    if (parse_is_ws(a))
        return TOOK;
    if (p->ms == J_AFTER) {
        if (!p->listed)
            return END_AGAIN;
        if (a == ',') {
            p->ms = J_NEXT;
            base_buf_clear(&p->raw);
            return TOOK;
        }
        return a == ']' ? END : END_AGAIN;
    }
    if (a == '{')
        return object_begins(p, a);
    if (p->ms == J_NEXT)
        return a == ']' && p->n_calls > 0 ? END : FAIL;
    if (a == '[') {
        p->listed = true;
        p->ms = J_NEXT;
        return TOOK;
    }
    if (p->o.dialect.calls != ENG_CALLS_MISTRAL)
        return FAIL;
    p->ms = J_NAME;
    base_buf_clear(&p->name);
    return parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
}

static enum took mistral_step(struct eng_parse *p, int a)
{
    if (a >= MARK_0)
        return mistral_mark(p, a);
    switch (p->ms) {
    case J_OBJECT:
        return object_step(p, a);
    case J_ARGS:
        return args_step(p, a);
    case J_NAME:
        if (a != '{')
            return p->name.n < NAME_BYTES && parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
        return name_over(p) == TOOK ? args_step(p, a) : FAIL;
    case J_ID:
        return p->id.n < NAME_BYTES && parse_add(p, &p->id, (uint8_t)a) ? TOOK : FAIL;
    default:
        return list_step(p, a);
    }
}

static uint64_t mistral_marks(const struct eng_parse *p)
{
    if ((p->ms == J_OBJECT && oscan_in_string(p)) || (p->ms == J_ARGS && p->v.str))
        return 0;
    return BIT(M_TCALLS) | (p->ms == J_NAME || p->ms == J_ID ? BIT(M_ARGS) | BIT(M_CALL_ID) : 0);
}

const struct machine parse_mistral = {NULL, mistral_step, mistral_marks, json_end};

/* ---- Llama ---- */

static bool ident_byte(int a, bool first)
{
    return (a >= 'a' && a <= 'z') || (a >= 'A' && a <= 'Z') || a == '_' ||
           (!first && ((a >= '0' && a <= '9') || a == '.' || a == '-'));
}

static void llama_begin(struct eng_parse *p, int a)
{
    if (a >= MARK_0)
        return;
    p->bare = p->gate = true;
    p->listed = a == '[';
    if (a == '[')
        p->ms = J_NEXT;
    else
        (void)object_begins(p, a); /* its brace cannot fail */
}

static enum took ident_step(struct eng_parse *p, int a)
{
    struct base_str s = base_buf_view(&p->name);
    if (ident_byte(a, false) && s.n < NAME_BYTES)
        return parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
    if (a != '(')
        return FAIL;
    if (!p->listed && base_str_ends(s, BASE_STR(".call"))) /* Llama 3's built-in tools */
        p->name.n -= 5;
    if (!parse_call_open(p))
        return FAIL;
    p->ms = J_PYTHON;
    python_begin(p);
    return TOOK;
}

static enum took llama_after(struct eng_parse *p, int a)
{
    if (parse_is_ws(a))
        return TOOK;
    if (a == (p->listed ? ',' : ';')) {
        p->ms = J_NEXT;
        base_buf_clear(&p->raw);
        return TOOK;
    }
    if (a != ']' || !p->listed)
        return END_AGAIN;
    p->listed = false;
    base_buf_clear(&p->raw);
    return TOOK;
}

static enum took llama_step(struct eng_parse *p, int a)
{
    if (a >= MARK_0) {
        if (!IS(a, M_PYEND) || p->ms != J_AFTER)
            return p->ms == J_AFTER ? END_AGAIN : LITERAL;
        return END;
    }
    enum took t;
    switch (p->ms) {
    case J_OBJECT:
        return object_step(p, a);
    case J_AFTER:
        return llama_after(p, a);
    case J_IDENT:
        return ident_step(p, a);
    case J_PYTHON:
        t = python_step(p, (uint8_t)a);
        if (t == END) {
            parse_call_close(p);
            p->ms = J_AFTER;
            t = TOOK;
        }
        return t;
    default: /* J_START, J_NEXT */
        if (parse_is_ws(a))
            return TOOK;
        if (a == '{')
            return object_begins(p, a);
        if (a == '[' && p->ms == J_START) {
            p->listed = true;
            p->ms = J_NEXT;
            return TOOK;
        }
        if (!ident_byte(a, true))
            return FAIL;
        p->ms = J_IDENT;
        base_buf_clear(&p->name);
        return parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
    }
}

static uint64_t llama_marks(const struct eng_parse *p)
{
    return p->ms == J_AFTER ? BIT(M_PYEND) | BIT(M_PYTAG) | BIT(M_PYSTART) : 0;
}

const struct machine parse_llama = {llama_begin, llama_step, llama_marks, json_end};
