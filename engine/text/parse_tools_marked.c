/* parse_tools_marked.c - calls whose name and arguments stand between marks: DeepSeek, Kimi.
 *
 *   DeepSeek V3.1    <｜tool▁calls▁begin｜> { <｜tool▁call▁begin｜> NAME <｜tool▁sep｜> JSON
 *                    <｜tool▁call▁end｜> }... <｜tool▁calls▁end｜>
 *   DeepSeek R1, V3  the same with TYPE <｜tool▁sep｜> NAME newline ```json newline JSON newline
 * ``` Kimi K2          <|tool_calls_section_begin|> { <|tool_call_begin|> functions.NAME:NUMBER
 *                    <|tool_call_argument_begin|> JSON <|tool_call_end|> }...
 *                    <|tool_calls_section_end|>; all of functions.NAME:NUMBER is the call's id
 *
 * The mark around all calls may be missing. Behind the arguments' last bracket only white space and
 * the fence's end are taken away; anything else still belongs to the arguments.
 */
#include "engine/text/parse_int.h"

enum {
    D_BETWEEN,
    D_WORD,  /* Kimi's id; DeepSeek's name or type */
    D_SEP,   /* behind the separator */
    D_LINE,  /* R1's name */
    D_FENCE, /* "```json" */
    D_ARGS,
    D_TAIL /* behind the arguments' end */
};

static bool is_kimi(const struct eng_parse *p)
{
    return p->o.dialect.calls == ENG_CALLS_KIMI;
}

static void call_begins(struct eng_parse *p)
{
    p->ms = D_WORD;
    base_buf_clear(&p->val);
    base_buf_clear(&p->name);
    base_buf_clear(&p->id);
}

static void marked_begin(struct eng_parse *p, int a)
{
    if (IS(a, M_KCALL) || IS(a, M_DCALL))
        call_begins(p);
}

static enum took open_call(struct eng_parse *p, struct base_str name)
{
    name = base_str_trim(name);
    base_buf_clear(&p->name);
    base_buf_str(&p->name, name);
    p->v = (struct vscan){0};
    p->ms = D_ARGS;
    return parse_call_open(p) ? TOOK : FAIL;
}

/* functions.NAME:NUMBER -> NAME */
static enum took kimi_name(struct eng_parse *p)
{
    struct base_str id = base_str_trim(base_buf_view(&p->val)), s = id;
    bool whole = base_str_starts(s, BASE_STR("functions."));
    if (whole)
        s = base_str_n(s.p + 10, s.n - 10);
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] >= '0' && s.p[colon - 1] <= '9')
        colon--;
    if (colon > 0 && colon < s.n && s.p[colon - 1] == ':') {
        s.n = colon - 1;
        base_buf_str(&p->id, id);
    }
    return open_call(p, s);
}

static void args_over(struct eng_parse *p)
{
    if (!p->v.started)
        parse_args_z(p, "{}");
    parse_call_close(p);
}

static enum took marked_mark(struct eng_parse *p, int a)
{
    bool begins = IS(a, M_KCALL) || IS(a, M_DCALL);
    bool ends = IS(a, M_KCALL_END) || IS(a, M_DCALL_END);
    bool all_end = IS(a, M_KSEC_END) || IS(a, M_DCALLS_END);
    if (p->ms == D_BETWEEN) {
        if (begins) {
            call_begins(p);
            return TOOK;
        }
        return all_end ? (p->n_calls > 0 ? END : FAIL) : FAIL;
    }
    if (p->ms == D_WORD && IS(a, M_KARG))
        return kimi_name(p);
    if (p->ms == D_WORD && IS(a, M_DSEP)) {
        p->ms = D_SEP;
        return TOOK;
    }
    if (p->ms == D_SEP && ends) {
        if (open_call(p, base_buf_view(&p->val)) != TOOK)
            return FAIL;
        args_over(p);
        p->ms = D_BETWEEN;
        return TOOK;
    }
    if (!p->named)
        return begins || all_end ? FAIL_AGAIN : FAIL;
    if (!ends && !begins && !all_end)
        return LITERAL;
    args_over(p);
    if (begins)
        call_begins(p);
    else
        p->ms = D_BETWEEN;
    return all_end ? END : TOOK;
}

static enum took args_byte(struct eng_parse *p, int a)
{
    char c = (char)a;
    if (p->ms == D_TAIL) {
        if (parse_is_ws(a) || (a == '`' && !is_kimi(p)))
            return TOOK;
        p->ms = D_ARGS; /* more than one value: the caller's to judge */
        p->v = (struct vscan){.started = true, .depth = 1};
        parse_args(p, &c, 1);
        return TOOK;
    }
    enum vstep s = vscan_step(&p->v, (uint8_t)a);
    if (p->v.started && s != V_PAST)
        parse_args(p, &c, 1);
    if (s != V_MORE)
        p->ms = D_TAIL;
    return s == V_PAST ? args_byte(p, a) : TOOK;
}

static enum took marked_step(struct eng_parse *p, int a)
{
    if (a >= MARK_0)
        return marked_mark(p, a);
    switch (p->ms) {
    case D_BETWEEN:
        if (parse_is_ws(a))
            return TOOK;
        return p->n_calls > 0 && base_str_trim(base_buf_view(&p->raw)).n == 1 ? END_AGAIN : FAIL;
    case D_WORD:
        return p->val.n < NAME_BYTES && parse_add(p, &p->val, (uint8_t)a) ? TOOK : FAIL;
    case D_SEP:
        if (parse_is_ws(a))
            return TOOK;
        if (a == '{')
            return open_call(p, base_buf_view(&p->val)) == TOOK ? args_byte(p, a) : FAIL;
        p->ms = D_LINE;
        return parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
    case D_LINE:
        if (a != '\n')
            return p->name.n < NAME_BYTES && parse_add(p, &p->name, (uint8_t)a) ? TOOK : FAIL;
        p->ms = D_FENCE;
        p->depth = 0;
        return TOOK;
    case D_FENCE:
        if (a == '{') {
            base_buf_clear(&p->val);
            base_buf_str(&p->val, base_buf_view(&p->name));
            return open_call(p, base_buf_view(&p->val)) == TOOK ? args_byte(p, a) : FAIL;
        }
        return ++p->depth < 32 && (parse_is_ws(a) || strchr("`json", a)) ? TOOK : FAIL;
    default:
        return args_byte(p, a);
    }
}

static uint64_t marked_marks(const struct eng_parse *p)
{
    return p->ms == D_ARGS && p->v.str ? 0 : ~(uint64_t)0;
}

static void marked_end(struct eng_parse *p, bool cut)
{
    if (!cut && !p->v.started)
        parse_args_z(p, "{}");
}

const struct machine parse_deepseek = {marked_begin, marked_step, marked_marks, marked_end};
const struct machine parse_kimi = {marked_begin, marked_step, marked_marks, marked_end};
