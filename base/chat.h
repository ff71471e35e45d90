/* chat.h - the canonical chat request and the canonical stream of events.
 *
 * One chat_request goes in and a stream of chat_events comes back, whichever model answers and
 * whichever dialect the client speaks: a client dialect translates wire -> chat_request and
 * events -> wire; an upstream translates chat_request -> its wire and its wire -> events. N
 * dialects and M upstreams cost N + M translators.
 *
 * Ownership: everything a chat_request points to lives in the request's arena. A chat_event and all
 * it points to is borrowed by the callee for the duration of the call. One thread at a time.
 */
#ifndef BASE_CHAT_H
#define BASE_CHAT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Whose wire format the client speaks. Unknown fields pass through only to an upstream that speaks
 * the same family: see chat_dialect_is_openai. */
enum chat_dialect {
    CHAT_DIALECT_OPENAI_CHAT,
    CHAT_DIALECT_ANTHROPIC,
    CHAT_DIALECT_OPENAI_RESPONSES,
    CHAT_DIALECT_OPENAI_COMPLETIONS, /* one user message: the prompt, for local models without the
                                        model's chat template */
    CHAT_DIALECT_OPENAI_EMBEDDINGS   /* `embed` */
};

enum chat_role { CHAT_SYSTEM, CHAT_DEVELOPER, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL };

enum chat_part_kind {
    CHAT_PART_TEXT,        /* text */
    CHAT_PART_REASONING,   /* text; signature in `extra` */
    CHAT_PART_TOOL_CALL,   /* id, name, text = the arguments as JSON text */
    CHAT_PART_TOOL_RESULT, /* id, text; is_error */
    CHAT_PART_REFUSAL,     /* text */
    CHAT_PART_OPAQUE       /* image, audio, file, anything not understood: raw = the JSON of it.
                              Its content cannot be scanned: policy keeps such requests home */
};

struct chat_part {
    enum chat_part_kind kind;
    bool is_error;
    struct base_str text;
    struct base_str id;
    struct base_str name;
    struct base_str raw;   /* CHAT_PART_OPAQUE: one JSON value */
    struct base_str extra; /* members not understood, as a JSON object, or empty */
};

struct chat_message {
    enum chat_role role;
    struct base_str name;
    struct chat_part *parts;
    size_t n_parts;
    struct base_str extra; /* members not understood, as a JSON object, or empty */
};

struct chat_tool {
    struct base_str name;
    struct base_str description;
    struct base_str schema; /* JSON Schema of the parameters as JSON text; may be empty */
    struct base_str extra;
    bool freeform; /* Responses: a custom tool. To a model it is a function of one text, "input" */
};

enum chat_tool_choice {
    CHAT_TOOLS_UNSET,
    CHAT_TOOLS_AUTO,
    CHAT_TOOLS_NONE,
    CHAT_TOOLS_REQUIRED,
    CHAT_TOOLS_NAMED
};

/* A number that may be absent. */
struct chat_opt_num {
    bool set;
    double v;
};

#define CHAT_STOP_MAX 16

struct chat_request {
    struct base_arena *arena; /* owns everything below; borrowed here */
    enum chat_dialect dialect;
    struct base_str model;         /* as asked: "auto", "local/NAME", "BACKEND/NAME" or an alias */
    struct chat_message *messages; /* system prompts are messages of role CHAT_SYSTEM, first */
    size_t n_messages;
    struct chat_tool *tools;
    size_t n_tools;
    enum chat_tool_choice tool_choice;
    struct base_str tool_choice_name; /* CHAT_TOOLS_NAMED */
    bool one_call;                    /* Anthropic: disable_parallel_tool_use */
    bool count_only;                  /* the number of its tokens is asked for, no answer */
    bool embed;        /* vectors are asked for, no answer: each message is one input of one part,
                          text or (an array of tokens) opaque */
    bool embed_one;    /* the one input did not stand in a list */
    bool embed_base64; /* the client wants float32s in base64, not numbers */
    struct chat_opt_num dimensions; /* of each vector */
    bool stream;
    bool include_usage; /* OpenAI: stream_options.include_usage */
    struct chat_opt_num temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty,
        repeat_penalty, seed, max_tokens;
    bool reasoning_summary; /* Responses: thoughts go back as a summary */
    bool max_tokens_legacy; /* OpenAI: the client wrote max_tokens, not max_completion_tokens */
    struct base_str stop[CHAT_STOP_MAX];
    size_t n_stop;
    struct base_str user;           /* the client's end-user id */
    struct base_str extra;          /* top-level members not understood: a JSON object, or empty */
    struct base_str anthropic_beta; /* header to pass on, or empty */
    struct base_str echo;    /* members of the answer that repeat the request, as a JSON object for
                                the reply writer of this dialect alone. No slot: it goes back to the
                                caller who wrote it and to nobody else, and a clone has none */
    struct base_str dropped; /* names of members that the parser could not carry, comma separated */
};

/* Every place in a request where text or JSON can carry data. The visitor may replace *slot (with
 * bytes in the request's arena); policy scans and redacts through this and nothing else, so a
 * place that is not visited here is a hole. */
enum chat_slot_kind { CHAT_SLOT_TEXT, CHAT_SLOT_JSON };

struct chat_slot {
    enum chat_slot_kind kind;
    struct base_str *text;
    enum chat_role role; /* CHAT_SYSTEM for tools, user id and extra */
    const char *where;   /* static: "content", "name", "tool_args", "tool_result", "tool_schema",
                            "tool_description", "user", "extra", "stop", "opaque", "beta" */
    size_t message;      /* index, or SIZE_MAX outside messages */
};

typedef enum base_status (*chat_slot_fn)(void *ctx, const struct chat_slot *slot);
/* Visits every slot in document order; stops at and returns the first status that is not BASE_OK.
 * Opaque parts are visited as JSON (their strings still count; that they exist is a fact apart). */
enum base_status chat_request_slots(struct chat_request *r, chat_slot_fn fn, void *ctx);
/* Copies r into *out so that replacing slots of one leaves the other alone: the arrays are new (in
 * arena), the strings are shared; `echo` is left out, since no slot would redact it. */
enum base_status chat_request_clone(const struct chat_request *r, struct base_arena *arena,
                                    struct chat_request *out) BASE_MUST_CHECK;
/* True if a part is CHAT_PART_OPAQUE. */
bool chat_request_has_opaque(const struct chat_request *r);

enum chat_event_kind {
    CHAT_EV_START,     /* id (upstream's), model: once, first; may come before any content */
    CHAT_EV_TEXT,      /* text: a piece of the answer; always whole UTF-8 sequences. index: which
                          block of the upstream's it is of, where it has blocks, else 0 */
    CHAT_EV_REASONING, /* text; index as for TEXT */
    CHAT_EV_REFUSAL,   /* text */
    CHAT_EV_TOOL_CALL, /* index, id, name: a new call opens; signature */
    CHAT_EV_TOOL_ARGS, /* index, text: a fragment of its arguments (JSON text) */
    CHAT_EV_SIGNATURE, /* text: what the maker of the thought that has just ended signed it with */
    CHAT_EV_BLOCK,     /* text: a whole content block of the upstream's own dialect, JSON, that has
                          no event here; only a client of the same dialect has a use for it */
    CHAT_EV_CITATION,  /* text: a citation for the text before it, JSON of the upstream's dialect */
    CHAT_EV_USAGE,     /* usage; may come more than once, the last one counts */
    CHAT_EV_FINISH,    /* finish: once; USAGE may follow it. text: see enum chat_finish */
    CHAT_EV_END,       /* the stream is complete in good order: exactly once, last */
    CHAT_EV_ERROR,     /* error: instead of END, last. Before content: another route may be tried */
    CHAT_EV_VECTOR     /* index, vector: what one input of an `embed` request became; in order */
};

enum chat_finish {
    CHAT_FINISH_STOP,
    CHAT_FINISH_LENGTH,
    CHAT_FINISH_TOOL_CALLS,
    CHAT_FINISH_CONTENT_FILTER,
    CHAT_FINISH_STOP_SEQUENCE, /* OpenAI says "stop"; the sequence in text, where it is known */
    CHAT_FINISH_OTHER          /* name in text */
};

struct chat_usage {
    bool set;
    int64_t input_tokens; /* all of the prompt, cached parts included */
    int64_t output_tokens;
    int64_t cached_tokens; /* of input: read from a cache */
    int64_t cache_write_tokens;
    int64_t reasoning_tokens; /* of output */
};

/* What went wrong with a route. status is an HTTP status where the peer gave one, else 0. */
struct chat_error {
    int status;
    bool retryable;       /* connection fault, 408, 429, 5xx, deadline: another route may do */
    struct base_str type; /* the peer's words, or ours: "upstream_unreachable", ... */
    struct base_str code;
    struct base_str
        message;          /* fit to be shown to the client: never a key, never a URL's userinfo */
    struct base_str body; /* the peer's error body, verbatim, where there is one */
    uint64_t retry_after_ms; /* when the body says so; 0: it does not */
};

struct chat_event {
    enum chat_event_kind kind;
    int index;
    struct base_str text;
    struct base_str id;
    struct base_str name;
    struct base_str
        signature; /* opaque: its maker wants it back with what it stands on; or empty */
    enum chat_finish finish;
    struct chat_usage usage;
    struct chat_error error;
    const double *vector; /* finite numbers */
    size_t n_vector;
};

/* Receives events in order. BASE_OK to go on; anything else asks the source to cancel. */
typedef enum base_status (*chat_event_fn)(void *ctx, const struct chat_event *ev);

/* True if `extra` members and opaque parts stand in the form of OpenAI's chat completions: so they
 * do for each of OpenAI's dialects, whose parsers translate what they call otherwise. */
bool chat_dialect_is_openai(enum chat_dialect d);

const char *chat_role_name(enum chat_role r);     /* OpenAI's words */
const char *chat_finish_name(enum chat_finish f); /* OpenAI's words */

#endif
