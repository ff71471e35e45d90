/* parse.h - from what a model writes to text, reasoning and tool calls, as it comes.
 *
 * Every family marks its thoughts and its tool calls in its own way. A dialect says which way; it
 * is read off the template that the file carries, never guessed from an answer. A file whose
 * template shows no known marks has the dialect "text": everything is text.
 *
 * A mark counts only as the special token that the vocabulary has for it. Where the vocabulary has
 * none, the mark is looked for in the text.
 */
#ifndef ENG_PARSE_H
#define ENG_PARSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include <jansson.h>

struct eng_tok;
struct eng_parse;

/* How thoughts are marked. */
enum eng_think {
    ENG_THINK_NONE,
    ENG_THINK_TAGS,    /* <think>...</think> */
    ENG_THINK_MISTRAL, /* [THINK]...[/THINK] */
    ENG_THINK_GEMMA,   /* <|channel>thought\n...<channel|> */
    ENG_THINK_HARMONY  /* channels: with ENG_CALLS_HARMONY only */
};

/* How tool calls are written. */
enum eng_calls {
    ENG_CALLS_NONE,
    ENG_CALLS_HERMES,   /* <tool_call>{"name":,"arguments":}</tool_call> */
    ENG_CALLS_QWEN_XML, /* <tool_call><function=NAME><parameter=KEY>...: Qwen3-Coder, Qwen3.5 */
    ENG_CALLS_GLM,      /* <tool_call>NAME<arg_key>K</arg_key><arg_value>V</arg_value>... */
    ENG_CALLS_MISTRAL,  /* [TOOL_CALLS][{...}] and [TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...} */
    ENG_CALLS_LLAMA,    /* {"name":,"parameters":} or [name(key="value")] as the whole answer */
    ENG_CALLS_DEEPSEEK, /* <｜tool▁call▁begin｜>...: R1, V3 (fenced) and V3.1 */
    ENG_CALLS_DSML,     /* <｜DSML｜invoke name="...">: V3.2 and V4 */
    ENG_CALLS_KIMI,     /* <|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...} */
    ENG_CALLS_GEMMA,    /* <|tool_call>call:NAME{key:<|"|>value<|"|>}<tool_call|> */
    ENG_CALLS_GRANITE,  /* <|tool_call|>[{...}] */
    ENG_CALLS_HARMONY   /* a message to=functions.NAME */
};

struct eng_dialect {
    enum eng_think think;
    enum eng_calls calls;
};

#define ENG_DIALECT_NAME_MAX 32

/* The dialect that a template's source shows. Pure. */
struct eng_dialect eng_dialect_of(struct base_str template_source);
/* "harmony", "think+hermes", "hermes", "think", "text", ... */
void eng_dialect_name(struct eng_dialect d, char out[ENG_DIALECT_NAME_MAX]);
/* The reverse; false for a name that is none. */
bool eng_dialect_parse(struct base_str name, struct eng_dialect *out);
/* Does a prompt that ends like this leave a thought open? */
bool eng_dialect_opened(struct eng_dialect d, struct base_str prompt);

enum eng_parse_kind {
    ENG_PARSE_TEXT,      /* text */
    ENG_PARSE_REASONING, /* text */
    ENG_PARSE_CALL,      /* index, id, name: a call opens; the one before it is closed */
    ENG_PARSE_ARGS /* index, text: a piece of the arguments, JSON text if the model wrote it */
};

/* Borrowed for the call. text may end within a UTF-8 sequence. */
struct eng_parse_event {
    enum eng_parse_kind kind;
    uint32_t index;
    struct base_str text, id, name;
};

typedef enum base_status (*eng_parse_fn)(void *ctx, const struct eng_parse_event *ev);

#define ENG_PARSE_CALLS_MAX 128 /* further ones are text */

struct eng_parse_opts {
    struct eng_dialect dialect;
    const struct eng_tok *tok; /* NULL: all marks are looked for in the text. Outlives the parser */
    json_t *tools;   /* the request's, OpenAI's form; without any, only Harmony's calls are calls.
                        A reference is taken */
    bool one_call;   /* the answer ends with its first call (parallel_tool_calls: false) */
    bool in_thought; /* the prompt has opened one: eng_dialect_opened */
    uint64_t seed;   /* of the ids that calls get where the model gives none */
    eng_parse_fn event;
    void *ctx;
};

/* *out is owned by the caller; one thread at a time. BASE_ENOMEM. */
enum base_status eng_parse_new(const struct eng_parse_opts *o, struct eng_parse **out,
                               struct base_err *err) BASE_MUST_CHECK;
void eng_parse_free(struct eng_parse *p); /* NULL is fine */

/* One token and the text it stands for (id -1: text alone). Events are delivered before it returns;
 * what they amount to does not depend on how the text is cut. BASE_DONE: the answer is complete,
 * nothing more is to be generated. Errors: the callback's, BASE_ENOMEM. */
enum base_status eng_parse_push(struct eng_parse *p, int32_t id, struct base_str text,
                                struct base_err *err) BASE_MUST_CHECK;
/* The end. cut: the model did not end by itself; an open call then stays as it is. What was held
 * back comes out; a call that never got as far as its name comes out as the text it is. */
enum base_status eng_parse_end(struct eng_parse *p, bool cut, struct base_err *err) BASE_MUST_CHECK;
uint32_t eng_parse_n_calls(const struct eng_parse *p);
bool eng_parse_thinks(const struct eng_parse *p); /* in a thought now */

#endif
