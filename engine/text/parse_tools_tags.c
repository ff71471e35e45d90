/* parse_tools_tags.c - calls that name each argument in tags: Qwen3-Coder, GLM, DeepSeek V3.2.
 *
 *   Qwen      <tool_call> <function=NAME> { <parameter=KEY> newline VALUE newline </parameter> }...
 *             </function> </tool_call>; models leave <tool_call> out now and then
 *   GLM       <tool_call>NAME newline { <arg_key>KEY</arg_key> <arg_value>VALUE</arg_value> }...
 *             </tool_call>
 *   DeepSeek  <｜DSML｜function_calls> { <｜DSML｜invoke name="NAME">
 *             { <｜DSML｜parameter name="KEY" string="true|false">VALUE</｜DSML｜parameter> }...
 *             </｜DSML｜invoke> }... </｜DSML｜function_calls>  (V4: tool_calls)
 *
 * The arguments' JSON is put together here. A value is text or JSON, and the tags do not say which
 * (DeepSeek's do): the tool's schema does. Text of an argument that is declared a string goes out
 * as it comes, quoted; any other value waits for its end (VALUE_MAX bytes, then it is a string) and
 * is JSON if it reads as JSON, else a string. True, False and None are what templates write for
 * true, false and null.
 */
#include "engine/text/parse_int.h"

enum { K_TEXT, K_OR_NULL, K_JSON, K_ANY };

enum {
    T_START,
    T_NAME,
    T_NAME_REST, /* behind DeepSeek's name, up to '>' */
    T_ARGS,      /* between arguments */
    T_KEY,
    T_ATTR, /* behind DeepSeek's key, up to '>' */
    T_MID,  /* between GLM's key and value */
    T_VALUE,
    T_AFTER /* behind a call */
};

/* ---- the arguments' JSON ---- */

static int kind_of(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"), *x;
    size_t i;
    if (json_is_string(type))
        return strcmp(json_string_value(type), "string") == 0 ? K_TEXT : K_ANY;
    bool text = false, null = false;
    json_array_foreach(type, i, x)
    {
        const char *z = json_string_value(x);
        if (z && strcmp(z, "string") == 0)
            text = true;
        else if (z && strcmp(z, "null") == 0)
            null = true;
        else
            return K_ANY;
    }
    const json_t *all = type ? NULL : json_object_get(schema, "enum");
    json_array_foreach(all, i, x)
    {
        if (!json_is_string(x))
            return K_ANY;
        text = true;
    }
    return text ? (null ? K_OR_NULL : K_TEXT) : K_ANY;
}

static void quote(struct eng_parse *p, struct base_str s)
{
    parse_args_z(p, "\"");
    for (size_t i = 0; i < s.n; i++)
        parse_args_escaped(p, (uint8_t)s.p[i]);
    parse_args_z(p, "\"");
}

static void call_args_begin(struct eng_parse *p)
{
    p->n_args = 0;
    parse_args_z(p, "{");
}

/* The key is complete. kind < 0: as the schema says. */
static void value_begins(struct eng_parse *p, int kind, bool strip_line)
{
    struct base_str key = base_str_trim(base_buf_view(&p->key));
    p->arg_kind = kind < 0 ? kind_of(parse_schema(p, key)) : kind;
    p->first = strip_line;
    p->nl = false;
    base_buf_clear(&p->val);
    if (p->n_args++ > 0)
        parse_args_z(p, ", ");
    quote(p, key);
    parse_args_z(p, ": ");
    if (p->arg_kind == K_TEXT)
        parse_args_z(p, "\"");
    p->ms = T_VALUE;
}

static void value_put(struct eng_parse *p, uint8_t c)
{
    if (p->arg_kind == K_TEXT) {
        parse_args_escaped(p, c);
        return;
    }
    if (p->val.n < VALUE_MAX && parse_add(p, &p->val, c))
        return;
    parse_args_z(p, "\"");
    for (size_t i = 0; i < p->val.n; i++)
        parse_args_escaped(p, (uint8_t)p->val.p[i]);
    p->arg_kind = K_TEXT;
    parse_args_escaped(p, c);
}

/* lines: one line end in front and one behind belong to the tags. */
static void value_byte(struct eng_parse *p, int a, bool lines)
{
    bool first = p->first;
    p->first = false;
    if (lines && a == '\n' && first)
        return;
    if (p->nl)
        value_put(p, '\n');
    p->nl = lines && a == '\n';
    if (!p->nl)
        value_put(p, (uint8_t)a);
}

static bool is_json(struct base_str s)
{
    json_t *v = s.n > 0 && s.p[0] != '"' ? json_loadb(s.p, s.n, JSON_DECODE_ANY, NULL) : NULL;
    bool ok = v != NULL;
    json_decref(v);
    return ok;
}

static void value_ends(struct eng_parse *p)
{
    struct base_str all = base_buf_view(&p->val), s = base_str_trim(all);
    bool declared =
        p->arg_kind == K_OR_NULL || parse_schema(p, base_str_trim(base_buf_view(&p->key))) != NULL;
    p->ms = T_ARGS;
    p->nl = false;
    if (p->arg_kind == K_TEXT)
        parse_args_z(p, "\"");
    else if (p->arg_kind == K_JSON)
        parse_args(p, s.n ? s.p : "null", s.n ? s.n : 4);
    else if (base_str_is(s, "null") || (declared && base_str_is(s, "None")))
        parse_args_z(p, "null");
    else if (p->arg_kind == K_ANY && declared && base_str_is(s, "True"))
        parse_args_z(p, "true");
    else if (p->arg_kind == K_ANY && declared && base_str_is(s, "False"))
        parse_args_z(p, "false");
    else if (p->arg_kind == K_ANY && is_json(s))
        parse_args(p, s.p, s.n);
    else
        quote(p, all);
}

static void args_end(struct eng_parse *p)
{
    if (p->ms == T_VALUE)
        value_ends(p);
    parse_args_z(p, "}");
    parse_call_close(p);
    p->ms = T_AFTER;
}

/* The call is over although its closing mark has not come. */
static enum took broken_off(struct eng_parse *p)
{
    if (!p->named)
        return FAIL;
    args_end(p);
    return END_AGAIN;
}

static void tags_end(struct eng_parse *p, bool cut)
{
    if (!cut)
        args_end(p);
}

static enum took name_byte(struct eng_parse *p, int a)
{
    return p->name.n < NAME_BYTES && parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
}

static enum took name_over(struct eng_parse *p)
{
    struct base_str s = base_str_trim(base_buf_view(&p->name));
    if (s.n > 0)
        memmove(p->name.p, s.p, s.n);
    p->name.n = s.n;
    if (!parse_call_open(p))
        return FAIL;
    call_args_begin(p);
    p->ms = T_ARGS;
    return TOOK;
}

static enum took key_byte(struct eng_parse *p, int a)
{
    return p->key.n < 1024 && parse_add(p, &p->key, (uint8_t)a) ? TOOK : broken_off(p);
}

static void key_begins(struct eng_parse *p)
{
    p->ms = T_KEY;
    base_buf_clear(&p->key);
}

/* ---- Qwen ---- */

static void qwen_begin(struct eng_parse *p, int a)
{
    p->gate = IS(a, M_FN);
    p->ms = IS(a, M_FN) ? T_NAME : T_START;
}

static enum took qwen_mark(struct eng_parse *p, int a)
{
    if (p->ms == T_VALUE) {
        if (!IS(a, M_PARAM_END))
            return LITERAL;
        value_ends(p);
        return TOOK;
    }
    if (IS(a, M_FN) && (p->ms == T_START || p->ms == T_AFTER)) {
        p->ms = T_NAME;
        base_buf_clear(&p->name);
        return TOOK;
    }
    if (IS(a, M_PARAM) && p->ms == T_ARGS) {
        key_begins(p);
        return TOOK;
    }
    if (IS(a, M_FN_END) && p->ms == T_ARGS) {
        args_end(p);
        return TOOK;
    }
    if (IS(a, M_TC_END) && p->ms == T_AFTER)
        return END;
    if (IS(a, M_TC_END) && p->ms == T_ARGS) {
        args_end(p);
        return END;
    }
    if (p->ms == T_AFTER)
        return END_AGAIN;
    return p->named ? broken_off(p) : IS(a, M_TC) ? FAIL_AGAIN : FAIL;
}

static enum took qwen_step(struct eng_parse *p, int a)
{
    if (a >= MARK_0)
        return qwen_mark(p, a);
    switch (p->ms) {
    case T_NAME:
        return a == '>' ? name_over(p) : name_byte(p, a);
    case T_KEY:
        if (a != '>')
            return key_byte(p, a);
        value_begins(p, -1, true);
        return TOOK;
    case T_VALUE:
        value_byte(p, a, true);
        return TOOK;
    case T_AFTER:
        return parse_is_ws(a) ? TOOK : END_AGAIN;
    default:
        return parse_is_ws(a) ? TOOK : broken_off(p);
    }
}

static uint64_t qwen_marks(const struct eng_parse *p)
{
    return p->ms == T_VALUE                    ? BIT(M_PARAM_END)
           : p->ms == T_NAME || p->ms == T_KEY ? BIT(M_TC)
                                               : ~(uint64_t)0;
}

const struct machine parse_qwen_xml = {qwen_begin, qwen_step, qwen_marks, tags_end};

/* ---- GLM ---- */

static enum took glm_mark(struct eng_parse *p, int a)
{
    switch (p->ms) {
    case T_START:
        if (IS(a, M_TC))
            return FAIL_AGAIN;
        if ((!IS(a, M_KEY) && !IS(a, M_TC_END)) || name_over(p) != TOOK)
            return FAIL;
        return glm_mark(p, a);
    case T_ARGS:
        if (IS(a, M_KEY)) {
            key_begins(p);
            return TOOK;
        }
        if (!IS(a, M_TC_END))
            return broken_off(p);
        args_end(p);
        return END;
    case T_KEY:
        if (!IS(a, M_KEY_END))
            return LITERAL;
        p->ms = T_MID;
        return TOOK;
    case T_MID:
        value_begins(p, -1, false);
        return IS(a, M_VALUE) ? TOOK : broken_off(p);
    default:
        if (!IS(a, M_VALUE_END))
            return LITERAL;
        value_ends(p);
        return TOOK;
    }
}

static enum took glm_step(struct eng_parse *p, int a)
{
    if (a >= MARK_0)
        return glm_mark(p, a);
    switch (p->ms) {
    case T_START:
        if (a == '\n' && p->name.n > 0)
            return name_over(p);
        return parse_is_ws(a) && p->name.n == 0 ? TOOK : name_byte(p, a);
    case T_KEY:
        return key_byte(p, a);
    case T_VALUE:
        value_byte(p, a, false);
        return TOOK;
    case T_MID:
        if (parse_is_ws(a))
            return TOOK;
        value_begins(p, -1, false);
        return broken_off(p);
    default:
        return parse_is_ws(a) ? TOOK : broken_off(p);
    }
}

static uint64_t glm_marks(const struct eng_parse *p)
{
    switch (p->ms) {
    case T_KEY:
        return BIT(M_KEY_END);
    case T_MID:
        return BIT(M_VALUE);
    case T_VALUE:
        return BIT(M_VALUE_END);
    default:
        return BIT(M_KEY) | BIT(M_TC) | BIT(M_TC_END);
    }
}

const struct machine parse_glm = {NULL, glm_step, glm_marks, tags_end};

/* ---- DeepSeek V3.2 ---- */

static enum took dsml_mark(struct eng_parse *p, int a)
{
    bool outer = p->ms == T_START || p->ms == T_AFTER;
    if (p->ms == T_VALUE) {
        if (!IS(a, M_DSML_PAR_END))
            return LITERAL;
        value_ends(p);
        return TOOK;
    }
    if (outer && IS(a, M_DSML_INV)) {
        p->ms = T_NAME;
        base_buf_clear(&p->name);
        return TOOK;
    }
    if (outer && (IS(a, M_DSML_FC_END) || IS(a, M_DSML_TC_END)))
        return p->ms == T_AFTER ? END : FAIL;
    if (p->ms == T_ARGS && IS(a, M_DSML_PAR)) {
        key_begins(p);
        return TOOK;
    }
    if (p->ms == T_ARGS && IS(a, M_DSML_INV_END)) {
        args_end(p);
        return TOOK;
    }
    return p->ms == T_AFTER ? END_AGAIN : broken_off(p);
}

static enum took attr_step(struct eng_parse *p, int a)
{
    if (a != '>') {
        if (p->val.n < 256)
            (void)parse_add(p, &p->val, (uint8_t)a);
        return TOOK;
    }
    struct base_str s = base_buf_view(&p->val);
    int kind = base_str_find(s, BASE_STR("string=\"true\""), 0) != SIZE_MAX    ? K_TEXT
               : base_str_find(s, BASE_STR("string=\"false\""), 0) != SIZE_MAX ? K_JSON
                                                                               : -1;
    value_begins(p, kind, false);
    return TOOK;
}

static enum took dsml_step(struct eng_parse *p, int a)
{
    if (a >= MARK_0)
        return dsml_mark(p, a);
    switch (p->ms) {
    case T_NAME:
        if (a == '"')
            p->ms = T_NAME_REST;
        return a == '"' ? TOOK : name_byte(p, a);
    case T_NAME_REST:
        return a == '>' ? name_over(p) : parse_is_ws(a) ? TOOK : FAIL;
    case T_KEY:
        if (a != '"')
            return key_byte(p, a);
        p->ms = T_ATTR;
        base_buf_clear(&p->val);
        return TOOK;
    case T_ATTR:
        return attr_step(p, a);
    case T_VALUE:
        value_byte(p, a, false);
        return TOOK;
    case T_AFTER:
        return parse_is_ws(a) ? TOOK : END_AGAIN;
    default:
        return parse_is_ws(a) ? TOOK : broken_off(p);
    }
}

static uint64_t dsml_marks(const struct eng_parse *p)
{
    switch (p->ms) {
    case T_VALUE:
        return BIT(M_DSML_PAR_END);
    case T_NAME:
    case T_NAME_REST:
    case T_KEY:
    case T_ATTR:
        return 0;
    default:
        return ~(uint64_t)0;
    }
}

const struct machine parse_dsml = {NULL, dsml_step, dsml_marks, tags_end};
