/* Goal: no answer crashes the parser of any dialect, none makes it keep more than its bounds, and
 * how an answer is cut changes nothing.
 *
 * Method: the first bytes of the input choose dialect, flags and where the answer is cut; the rest
 * is the answer, in which a byte below 0x20 and not white space stands for one of the dialects'
 * marks (so that the fuzzer does not have to spell them). The answer is parsed in one piece and in
 * the chosen pieces: the events must amount to the same. Calls must be numbered without gaps and
 * every name must be one that the parser promises.
 */
#include "engine/text/parse.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const marks[] = {"<think>",       "</think>",
                                    "<tool_call>",   "</tool_call>",
                                    "<function=",    "</function>",
                                    "<parameter=",   "</parameter>",
                                    "<arg_key>",     "</arg_key>",
                                    "<arg_value>",   "</arg_value>",
                                    "{\"name\": \"", "\", \"arguments\": {",
                                    "get_weather",   "city",
                                    "\"}}"};

struct seen {
    struct base_buf b;
    int last;
    uint32_t n_calls;
};

static enum base_status note(void *ctx, const struct eng_parse_event *ev)
{
    struct seen *s = ctx;
    if (ev->kind == ENG_PARSE_CALL) {
        if (ev->index != s->n_calls++ || ev->name.n == 0 || ev->id.n == 0 ||
            !base_utf8_valid(ev->name))
            abort();
        base_buf_byte(&s->b, '\x1e');
        base_buf_str(&s->b, ev->name);
        base_buf_byte(&s->b, '\x1f');
        base_buf_str(&s->b, ev->id);
        s->last = -1;
        return BASE_OK;
    }
    if (ev->text.n == 0 || (ev->kind == ENG_PARSE_ARGS && ev->index + 1 != s->n_calls))
        abort();
    if (s->last != (int)ev->kind)
        base_buf_byte(&s->b, (char)('\x10' + ev->kind));
    s->last = (int)ev->kind;
    base_buf_str(&s->b, ev->text);
    return BASE_OK;
}

/* step 0: in one piece; else pieces of 1 to step bytes, chosen by cuts */
static void run(const struct eng_parse_opts *how, struct base_str in, bool cut, uint32_t step,
                uint32_t cuts, struct seen *s)
{
    struct eng_parse_opts o = *how;
    struct eng_parse *p;
    *s = (struct seen){.last = -1};
    base_buf_init(&s->b, 64u << 20);
    o.event = note;
    o.ctx = s;
    if (eng_parse_new(&o, &p, NULL) != BASE_OK)
        abort();
    enum base_status st = BASE_OK;
    for (size_t at = 0; at < in.n && st == BASE_OK;) {
        size_t n = step == 0 ? in.n : 1 + (cuts = cuts * 1664525u + 1013904223u) % step;
        n = n < in.n - at ? n : in.n - at;
        st = eng_parse_push(p, -1, base_str_n(in.p + at, n), NULL);
        at += n;
    }
    if ((st != BASE_OK && st != BASE_DONE) || eng_parse_end(p, cut, NULL) != BASE_OK ||
        eng_parse_n_calls(p) != s->n_calls)
        abort();
    eng_parse_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *tools;
    static const struct eng_dialect dialects[] = {
        {ENG_THINK_TAGS, ENG_CALLS_HERMES},     {ENG_THINK_TAGS, ENG_CALLS_QWEN_XML},
        {ENG_THINK_TAGS, ENG_CALLS_GLM},        {ENG_THINK_MISTRAL, ENG_CALLS_MISTRAL},
        {ENG_THINK_NONE, ENG_CALLS_LLAMA},      {ENG_THINK_TAGS, ENG_CALLS_DEEPSEEK},
        {ENG_THINK_TAGS, ENG_CALLS_DSML},       {ENG_THINK_NONE, ENG_CALLS_KIMI},
        {ENG_THINK_GEMMA, ENG_CALLS_GEMMA},     {ENG_THINK_NONE, ENG_CALLS_GRANITE},
        {ENG_THINK_HARMONY, ENG_CALLS_HARMONY}, {ENG_THINK_NONE, ENG_CALLS_NONE}};
    struct seen whole, pieces;
    struct base_buf in;
    if (size < 4)
        return 0;
    if (tools == NULL)
        tools =
            json_loads("[{\"function\":{\"name\":\"get_weather\",\"parameters\":{\"properties\":"
                       "{\"city\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"}}}}}]",
                       0, NULL);
    base_buf_init(&in, 8u << 20);
    for (size_t i = 4; i < size; i++) {
        size_t m = data[i] - 0x0eu;
        if (data[i] >= 0x0e && m < sizeof(marks) / sizeof(marks[0]))
            base_buf_z(&in, marks[m]);
        else
            base_buf_byte(&in, (char)data[i]);
    }
    struct eng_parse_opts o = {.dialect = dialects[data[0] % 12],
                               .tools = data[1] & 1 ? NULL : tools,
                               .one_call = data[1] & 2,
                               .in_thought = data[1] & 4};
    run(&o, base_buf_view(&in), data[1] & 8, 0, 0, &whole);
    run(&o, base_buf_view(&in), data[1] & 8, 1 + data[2] % 64, data[3], &pieces);
    if (!base_str_eq(base_buf_view(&whole.b), base_buf_view(&pieces.b)))
        abort();
    base_buf_release(&whole.b);
    base_buf_release(&pieces.b);
    base_buf_release(&in);
    return 0;
}
