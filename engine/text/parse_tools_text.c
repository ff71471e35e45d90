/* parse_tools_text.c - arguments that are no JSON, turned into JSON as they come: Python's of
 * Llama 4 and Gemma 4's own.
 *
 *   Python  key='text', n=3, flag=True, list=[1, 2], map={'a': None})
 *   Gemma   call:NAME{key:<|"|>text<|"|>,n:3,flag:true,list:[1,2],map:{a:<|"|>b<|"|>}}
 *
 * Brackets and separators are the same in JSON; strings are quoted anew, bare keys are quoted, and
 * a bare word is what JSON makes of it (True, False and None in their Python spelling too), or else
 * a string. A positional argument of Python gets the name arg0, arg1, ...
 */
#include "engine/text/parse_int.h"

#include <stdio.h>

static void quote(struct eng_parse *p, struct base_str s)
{
    parse_args_z(p, "\"");
    for (size_t i = 0; i < s.n; i++)
        parse_args_escaped(p, (uint8_t)s.p[i]);
    parse_args_z(p, "\"");
}

/* The bare word in p->val, if any. */
static void flush_word(struct eng_parse *p)
{
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};
    struct base_str s = base_str_trim(base_buf_view(&p->val));
    if (s.n == 0) {
        base_buf_clear(&p->val);
        return;
    }
    bool done = false;
    for (size_t i = 0; i < 3 && !done; i++)
        if (base_str_is(s, words[i][0])) {
            parse_args_z(p, words[i][1]);
            done = true;
        }
    if (!done) {
        json_t *v = json_loadb(s.p, s.n, JSON_DECODE_ANY, NULL);
        if (v)
            parse_args(p, s.p, s.n);
        else
            quote(p, s);
        json_decref(v);
    }
    base_buf_clear(&p->val);
}

static void word_byte(struct eng_parse *p, uint8_t c)
{
    if (p->val.n < VALUE_MAX)
        (void)parse_add(p, &p->val, c);
}

static void push(struct eng_parse *p, bool object)
{
    p->kinds = p->kinds << 1 | (object ? 1 : 0);
    p->depth++;
    p->want_key = object;
    parse_args_z(p, object ? "{" : "[");
}

static void pop(struct eng_parse *p)
{
    flush_word(p);
    parse_args_z(p, p->kinds & 1 ? "}" : "]");
    p->kinds >>= 1;
    p->depth--;
    p->want_key = false;
}

/* Ends what is open, when the model did not. */
static void close_all(struct eng_parse *p)
{
    if (p->str)
        parse_args_z(p, "\"");
    p->str = 0;
    if (p->want_key && p->key.n > 0) {
        quote(p, base_str_trim(base_buf_view(&p->key)));
        parse_args_z(p, ":null");
    }
    while (p->depth > 0)
        pop(p);
}

static void begin(struct eng_parse *p)
{
    p->kinds = p->depth = p->n_args = 0;
    p->str = 0;
    p->esc = false;
    base_buf_clear(&p->key);
    base_buf_clear(&p->val);
    push(p, true);
}

/* ---- Python ---- */

void python_begin(struct eng_parse *p)
{
    begin(p);
}

void python_finish(struct eng_parse *p)
{
    close_all(p);
}

static void python_string_byte(struct eng_parse *p, uint8_t c)
{
    if (!p->esc) {
        if (c == '\\')
            p->esc = true;
        else if (c == p->str) {
            p->str = 0;
            parse_args_z(p, "\"");
        } else
            parse_args_escaped(p, c);
        return;
    }
    char two[2] = {'\\', (char)c};
    p->esc = false;
    if (c == '\'')
        parse_args_z(p, "'");
    else if (c == 'x')
        parse_args_z(p, "\\u00");
    else if (c != 0 && strchr("\"\\nrtbfu", c))
        parse_args(p, two, 2);
    else if (c != '\n') {
        parse_args_z(p, "\\\\");
        parse_args_escaped(p, c);
    }
}

static void python_key(struct eng_parse *p, struct base_str key)
{
    if (p->n_args++ > 0)
        parse_args_z(p, ", ");
    quote(p, key);
    parse_args_z(p, ": ");
    base_buf_clear(&p->key);
    p->want_key = false;
}

/* A value stands where a keyword was expected: it gets a name. */
static void positional(struct eng_parse *p)
{
    char z[24];
    snprintf(z, sizeof(z), "arg%u", p->n_args);
    struct base_buf was = p->key;
    p->key = (struct base_buf){.max = was.max};
    python_key(p, base_str_c(z));
    base_buf_add(&p->val, was.p ? was.p : "", was.n);
    base_buf_clear(&was);
    p->key = was;
}

static enum took python_keyword(struct eng_parse *p, uint8_t c)
{
    bool blank = base_str_trim(base_buf_view(&p->key)).n == 0;
    if (c == '=') {
        python_key(p, base_str_trim(base_buf_view(&p->key)));
        return TOOK;
    }
    if (blank && (parse_is_ws(c) || c == ','))
        return TOOK;
    if (c == ')' && blank) {
        p->depth = 0;
        parse_args_z(p, "}");
        return END;
    }
    if (c != 0 && strchr("'\"[({,)", c)) {
        positional(p);
        return python_step(p, c);
    }
    if (p->key.n < 1024)
        (void)parse_add(p, &p->key, c);
    return TOOK;
}

enum took python_step(struct eng_parse *p, uint8_t c)
{
    if (p->str) {
        python_string_byte(p, c);
        return TOOK;
    }
    if (p->depth == 1 && p->want_key)
        return python_keyword(p, c);
    switch (c) {
    case '\'':
    case '"':
        p->str = c;
        parse_args_z(p, "\"");
        return TOOK;
    case '(':
    case '[':
    case '{':
        if (p->depth >= DEPTH_MAX - 1)
            break;
        push(p, c == '{');
        p->want_key = false;
        return TOOK;
    case ')':
    case ']':
    case '}':
        pop(p);
        return p->depth == 0 ? END : TOOK;
    case ',':
        flush_word(p);
        if (p->depth == 1)
            p->want_key = true;
        else
            parse_args_z(p, ", ");
        return TOOK;
    case ':':
        flush_word(p);
        parse_args_z(p, ": ");
        return TOOK;
    default:
        break;
    }
    if (p->val.n > 0 || !parse_is_ws(c))
        word_byte(p, c);
    return TOOK;
}

/* ---- Gemma ---- */

enum { G_NAME, G_ARGS, G_TAIL };

static enum took gemma_mark(struct eng_parse *p, int a)
{
    if (IS(a, M_GQUOTE) && p->ms == G_ARGS && p->str != '"') {
        if (!p->str && p->want_key)
            base_buf_clear(&p->key);
        p->str = p->str ? 0 : 1;
        parse_args_z(p, "\"");
        return TOOK;
    }
    if (IS(a, M_GTC_END) && p->ms != G_NAME) {
        if (p->ms == G_ARGS)
            close_all(p);
        return END;
    }
    if (IS(a, M_GTC_END))
        return FAIL;
    if (IS(a, M_GTC)) {
        if (p->ms == G_ARGS)
            close_all(p);
        return p->named ? END_AGAIN : FAIL_AGAIN;
    }
    return LITERAL;
}

static void gemma_value_byte(struct eng_parse *p, uint8_t c)
{
    switch (c) {
    case '"':
        p->str = '"';
        parse_args_z(p, "\"");
        return;
    case '{':
    case '[':
        if (p->depth >= DEPTH_MAX - 1)
            break;
        push(p, c == '{');
        return;
    case '}':
    case ']':
        pop(p);
        return;
    case ',':
        flush_word(p);
        parse_args_z(p, ",");
        p->want_key = p->kinds & 1;
        return;
    default:
        break;
    }
    if (p->val.n > 0 || !parse_is_ws(c))
        word_byte(p, c);
}

static void gemma_key_byte(struct eng_parse *p, uint8_t c)
{
    struct base_str key = base_str_trim(base_buf_view(&p->key));
    if (c == ':') {
        if (key.n > 0)
            quote(p, key);
        parse_args_z(p, ":");
        base_buf_clear(&p->key);
        p->want_key = false;
    } else if (c == '}' && key.n == 0) {
        pop(p);
    } else if (c == '"') {
        p->str = '"';
        parse_args_z(p, "\"");
    } else if (c != ',' && p->key.n < 1024) {
        (void)parse_add(p, &p->key, c);
    }
}

static void gemma_args_byte(struct eng_parse *p, uint8_t c)
{
    char z = (char)c;
    if (p->str == '"') { /* JSON's own string */
        parse_args(p, &z, 1);
        if (!p->esc && c == '"')
            p->str = 0;
        p->esc = c == '\\' && !p->esc;
    } else if (p->str) {
        parse_args_escaped(p, c);
    } else if (p->want_key) {
        gemma_key_byte(p, c);
    } else {
        gemma_value_byte(p, c);
    }
    if (p->depth == 0)
        p->ms = G_TAIL;
}

static enum took gemma_step(struct eng_parse *p, int a)
{
    static const char call[] = "call:";
    if (a >= MARK_0)
        return gemma_mark(p, a);
    if (p->ms == G_ARGS) {
        gemma_args_byte(p, (uint8_t)a);
        return TOOK;
    }
    if (p->ms == G_TAIL)
        return parse_is_ws(a) ? TOOK : END_AGAIN;
    if (a == '{') {
        if (p->name.n <= sizeof(call) - 1)
            return FAIL;
        memmove(p->name.p, p->name.p + sizeof(call) - 1, p->name.n - sizeof(call) + 1);
        p->name.n -= sizeof(call) - 1;
        if (!parse_call_open(p))
            return FAIL;
        begin(p);
        p->ms = G_ARGS;
        return TOOK;
    }
    if (p->name.n == 0 && parse_is_ws(a))
        return TOOK;
    if (p->name.n < sizeof(call) - 1 && a != call[p->name.n])
        return FAIL;
    return p->name.n < NAME_BYTES && parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
}

static uint64_t gemma_marks(const struct eng_parse *p)
{
    if (p->ms == G_ARGS && p->str)
        return p->str == '"' ? 0 : BIT(M_GQUOTE);
    return BIT(M_GTC) | BIT(M_GTC_END) | (p->ms == G_ARGS ? BIT(M_GQUOTE) : 0);
}

static void gemma_end(struct eng_parse *p, bool cut)
{
    if (!cut && p->ms == G_ARGS)
        close_all(p);
}

const struct machine parse_gemma = {NULL, gemma_step, gemma_marks, gemma_end};
