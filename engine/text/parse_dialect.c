/* parse_dialect.c - the marks of each dialect, and which dialect a template shows.
 *
 * A template writes earlier turns the way the model wrote them, so the marks that its source holds
 * are those to look for in an answer. Each test below is for a string that no other dialect's
 * template has. The order matters in two places: GLM and Qwen3-Coder share <tool_call> with Hermes
 * and are told apart by what stands within; Gemma 4's <|tool_call> differs from Granite's
 * <|tool_call|> in its last bytes.
 */
#include "engine/text/parse_int.h"

#include <stdio.h>

#define BAR  "\xef\xbd\x9c" /* U+FF5C */
#define BLK  "\xe2\x96\x81" /* U+2581 */
#define DSML BAR "DSML" BAR

static const char *const texts[M_COUNT] = {
    [M_THINK] = "<think>",
    [M_THINK_END] = "</think>",
    [M_MTHINK] = "[THINK]",
    [M_MTHINK_END] = "[/THINK]",
    [M_GCHAN] = "<|channel>",
    [M_GCHAN_END] = "<channel|>",
    [M_TC] = "<tool_call>",
    [M_TC_END] = "</tool_call>",
    [M_FN] = "<function=",
    [M_FN_END] = "</function>",
    [M_PARAM] = "<parameter=",
    [M_PARAM_END] = "</parameter>",
    [M_KEY] = "<arg_key>",
    [M_KEY_END] = "</arg_key>",
    [M_VALUE] = "<arg_value>",
    [M_VALUE_END] = "</arg_value>",
    [M_TCALLS] = "[TOOL_CALLS]",
    [M_CALL_ID] = "[CALL_ID]",
    [M_ARGS] = "[ARGS]",
    [M_DCALLS] = "<" BAR "tool" BLK "calls" BLK "begin" BAR ">",
    [M_DCALLS_END] = "<" BAR "tool" BLK "calls" BLK "end" BAR ">",
    [M_DCALL] = "<" BAR "tool" BLK "call" BLK "begin" BAR ">",
    [M_DCALL_END] = "<" BAR "tool" BLK "call" BLK "end" BAR ">",
    [M_DSEP] = "<" BAR "tool" BLK "sep" BAR ">",
    [M_DSML_FC] = "<" DSML "function_calls>",
    [M_DSML_FC_END] = "</" DSML "function_calls>",
    [M_DSML_TC] = "<" DSML "tool_calls>",
    [M_DSML_TC_END] = "</" DSML "tool_calls>",
    [M_DSML_INV] = "<" DSML "invoke name=\"",
    [M_DSML_INV_END] = "</" DSML "invoke>",
    [M_DSML_PAR] = "<" DSML "parameter name=\"",
    [M_DSML_PAR_END] = "</" DSML "parameter>",
    [M_KSEC] = "<|tool_calls_section_begin|>",
    [M_KSEC_END] = "<|tool_calls_section_end|>",
    [M_KCALL] = "<|tool_call_begin|>",
    [M_KARG] = "<|tool_call_argument_begin|>",
    [M_KCALL_END] = "<|tool_call_end|>",
    [M_GTC] = "<|tool_call>",
    [M_GTC_END] = "<tool_call|>",
    [M_GQUOTE] = "<|\"|>",
    [M_GRESP] = "<|tool_response>",
    [M_GRANITE] = "<|tool_call|>",
    [M_PYTAG] = "<|python_tag|>",
    [M_PYSTART] = "<|python_start|>",
    [M_PYEND] = "<|python_end|>",
    [M_HSTART] = "<|start|>",
    [M_HCHAN] = "<|channel|>",
    [M_HMSG] = "<|message|>",
    [M_HCON] = "<|constrain|>",
    [M_HEND] = "<|end|>",
    [M_HCALL] = "<|call|>",
    [M_HRET] = "<|return|>",
    [M_USER] = "<|user|>",
    [M_OBS] = "<|observation|>",
};

struct base_str parse_mark_text(enum mark m)
{
    return base_str_c(texts[m]);
}

uint64_t parse_marks_of(struct eng_dialect d)
{
    static const uint64_t think[] = {
        [ENG_THINK_NONE] = 0,
        [ENG_THINK_TAGS] = BIT(M_THINK) | BIT(M_THINK_END),
        [ENG_THINK_MISTRAL] = BIT(M_MTHINK) | BIT(M_MTHINK_END),
        [ENG_THINK_GEMMA] = BIT(M_GCHAN) | BIT(M_GCHAN_END),
        [ENG_THINK_HARMONY] = 0,
    };
    static const uint64_t calls[] = {
        [ENG_CALLS_NONE] = 0,
        [ENG_CALLS_HERMES] = BIT(M_TC) | BIT(M_TC_END),
        [ENG_CALLS_QWEN_XML] =
            BIT(M_TC) | BIT(M_TC_END) | BIT(M_FN) | BIT(M_FN_END) | BIT(M_PARAM) | BIT(M_PARAM_END),
        [ENG_CALLS_GLM] = BIT(M_TC) | BIT(M_TC_END) | BIT(M_KEY) | BIT(M_KEY_END) | BIT(M_VALUE) |
                          BIT(M_VALUE_END) | BIT(M_USER) | BIT(M_OBS),
        [ENG_CALLS_MISTRAL] = BIT(M_TCALLS) | BIT(M_CALL_ID) | BIT(M_ARGS),
        [ENG_CALLS_LLAMA] = BIT(M_PYTAG) | BIT(M_PYSTART) | BIT(M_PYEND),
        [ENG_CALLS_DEEPSEEK] =
            BIT(M_DCALLS) | BIT(M_DCALLS_END) | BIT(M_DCALL) | BIT(M_DCALL_END) | BIT(M_DSEP),
        [ENG_CALLS_DSML] = BIT(M_DSML_FC) | BIT(M_DSML_FC_END) | BIT(M_DSML_TC) |
                           BIT(M_DSML_TC_END) | BIT(M_DSML_INV) | BIT(M_DSML_INV_END) |
                           BIT(M_DSML_PAR) | BIT(M_DSML_PAR_END),
        [ENG_CALLS_KIMI] =
            BIT(M_KSEC) | BIT(M_KSEC_END) | BIT(M_KCALL) | BIT(M_KARG) | BIT(M_KCALL_END),
        [ENG_CALLS_GEMMA] = BIT(M_GTC) | BIT(M_GTC_END) | BIT(M_GQUOTE) | BIT(M_GRESP),
        [ENG_CALLS_GRANITE] = BIT(M_GRANITE),
        [ENG_CALLS_HARMONY] = BIT(M_HSTART) | BIT(M_HCHAN) | BIT(M_HMSG) | BIT(M_HCON) |
                              BIT(M_HEND) | BIT(M_HCALL) | BIT(M_HRET),
    };
    return think[d.think] | calls[d.calls];
}

static bool has(struct base_str s, const char *what)
{
    return base_str_find(s, base_str_c(what), 0) != SIZE_MAX;
}

static bool shows(struct base_str s, enum mark m)
{
    return base_str_find(s, parse_mark_text(m), 0) != SIZE_MAX;
}

struct eng_dialect eng_dialect_of(struct base_str t)
{
    struct eng_dialect d = {ENG_THINK_NONE, ENG_CALLS_NONE};
    if (shows(t, M_HSTART) && shows(t, M_HCHAN) && shows(t, M_HMSG))
        return (struct eng_dialect){ENG_THINK_HARMONY, ENG_CALLS_HARMONY};
    if (shows(t, M_MTHINK))
        d.think = ENG_THINK_MISTRAL;
    else if (shows(t, M_GCHAN))
        d.think = ENG_THINK_GEMMA;
    else if (shows(t, M_THINK) || shows(t, M_THINK_END))
        d.think = ENG_THINK_TAGS;
    if (has(t, DSML) || has(t, "dsml_token"))
        d.calls = ENG_CALLS_DSML;
    else if (shows(t, M_DCALL))
        d.calls = ENG_CALLS_DEEPSEEK;
    else if (shows(t, M_KCALL))
        d.calls = ENG_CALLS_KIMI;
    else if (shows(t, M_GTC))
        d.calls = ENG_CALLS_GEMMA;
    else if (shows(t, M_GRANITE))
        d.calls = ENG_CALLS_GRANITE;
    else if (shows(t, M_TCALLS))
        d.calls = ENG_CALLS_MISTRAL;
    else if (shows(t, M_KEY))
        d.calls = ENG_CALLS_GLM;
    else if (shows(t, M_FN))
        d.calls = ENG_CALLS_QWEN_XML;
    else if (shows(t, M_TC))
        d.calls = ENG_CALLS_HERMES;
    else if (shows(t, M_PYTAG) || shows(t, M_PYSTART) ||
             (has(t, "\"parameters\": ") &&
              (has(t, "<|start_header_id|>") || has(t, "<|header_start|>"))))
        d.calls = ENG_CALLS_LLAMA;
    return d;
}

static const char *const think_names[] = {"", "think", "mistral-think", "gemma-thought", "harmony"};
static const char *const calls_names[] = {"",        "hermes", "qwen-xml", "glm",
                                          "mistral", "llama",  "deepseek", "dsml",
                                          "kimi",    "gemma",  "granite",  "harmony"};

void eng_dialect_name(struct eng_dialect d, char out[ENG_DIALECT_NAME_MAX])
{
    const char *t = think_names[d.think], *c = calls_names[d.calls];
    if (d.calls == ENG_CALLS_HARMONY)
        t = "";
    if (!*t && !*c)
        c = "text";
    snprintf(out, ENG_DIALECT_NAME_MAX, "%s%s%s", t, *t && *c ? "+" : "", c);
}

bool eng_dialect_parse(struct base_str name, struct eng_dialect *out)
{
    for (int t = ENG_THINK_NONE; t <= ENG_THINK_HARMONY; t++)
        for (int c = ENG_CALLS_NONE; c <= ENG_CALLS_HARMONY; c++) {
            char z[ENG_DIALECT_NAME_MAX];
            struct eng_dialect d = {(enum eng_think)t, (enum eng_calls)c};
            if ((t == ENG_THINK_HARMONY) != (c == ENG_CALLS_HARMONY))
                continue;
            eng_dialect_name(d, z);
            if (base_str_is(name, z)) {
                *out = d;
                return true;
            }
        }
    return false;
}

bool eng_dialect_opened(struct eng_dialect d, struct base_str prompt)
{
    struct base_str end = base_str_trim(prompt);
    switch (d.think) {
    case ENG_THINK_TAGS:
        return base_str_ends(end, parse_mark_text(M_THINK));
    case ENG_THINK_MISTRAL:
        return base_str_ends(end, parse_mark_text(M_MTHINK));
    case ENG_THINK_GEMMA:
        return base_str_ends(end, BASE_STR("<|channel>thought"));
    case ENG_THINK_NONE:
    case ENG_THINK_HARMONY: /* a prompt that ends within a channel: harmony_begin looks there */
        break;
    }
    return false;
}
