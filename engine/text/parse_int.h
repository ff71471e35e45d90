/* parse_int.h - what the parser's files share; nobody else includes it.
 *
 * The core (parse.c) turns tokens into atoms: bytes, and marks (MARK_0 + enum mark). It owns text
 * and thoughts. When a mark opens a call, the dialect's machine gets the atoms until it says END or
 * FAIL. Until the machine has called parse_call_open, the core keeps everything since the opening
 * mark in `raw`, so that a failed call can come out as the text it was.
 */
#ifndef ENG_PARSE_INT_H
#define ENG_PARSE_INT_H

#include "engine/text/parse.h"

enum mark {
    M_THINK,
    M_THINK_END,
    M_MTHINK,
    M_MTHINK_END,
    M_GCHAN,
    M_GCHAN_END,
    M_TC,
    M_TC_END,
    M_FN,
    M_FN_END,
    M_PARAM,
    M_PARAM_END,
    M_KEY,
    M_KEY_END,
    M_VALUE,
    M_VALUE_END,
    M_TCALLS,
    M_CALL_ID,
    M_ARGS,
    M_DCALLS,
    M_DCALLS_END,
    M_DCALL,
    M_DCALL_END,
    M_DSEP,
    M_DSML_FC,
    M_DSML_FC_END,
    M_DSML_TC,
    M_DSML_TC_END,
    M_DSML_INV,
    M_DSML_INV_END,
    M_DSML_PAR,
    M_DSML_PAR_END,
    M_KSEC,
    M_KSEC_END,
    M_KCALL,
    M_KARG,
    M_KCALL_END,
    M_GTC,
    M_GTC_END,
    M_GQUOTE,
    M_GRESP,
    M_GRANITE,
    M_PYTAG,
    M_PYSTART,
    M_PYEND,
    M_HSTART,
    M_HCHAN,
    M_HMSG,
    M_HCON,
    M_HEND,
    M_HCALL,
    M_HRET,
    M_USER,
    M_OBS,
    M_COUNT
};

#define MARK_0      256
#define IS(a, mark) ((a) == MARK_0 + (int)(mark))
#define BIT(mark)   ((uint64_t)1 << (mark))

/* What a machine made of an atom. */
enum took {
    TOOK,       /* it is part of the call */
    LITERAL,    /* this mark means nothing here: give me its bytes */
    FAIL,       /* no call: what was kept, this atom included, is text */
    FAIL_AGAIN, /* no call: what was kept is text, and this atom is to be looked at anew */
    END,        /* the calls are over with this atom */
    END_AGAIN   /* the calls were over before this atom */
};

struct machine {
    void (*begin)(struct eng_parse *p,
                  int atom); /* the atom that opened it; raw holds it. NULL: none */
    enum took (*step)(struct eng_parse *p, int atom);
    uint64_t (*marks)(const struct eng_parse *p); /* those that count in text now */
    void (*end)(struct eng_parse *p, bool cut);   /* an open call at the end; may be NULL */
};

/* One JSON value, byte by byte: where does it end? */
struct vscan {
    uint32_t depth;
    bool started, str, esc, scalar;
};
enum vstep { V_MORE, V_LAST, V_PAST }; /* goes on; ends with this byte; ended before it */

/* One {"name":..., "arguments":...} */
struct oscan {
    int state;
    struct vscan v;
    bool have_name, have_args, skip_is_args, esc;
    uint8_t hex; /* digits of a \u escape still to come */
    uint32_t cp, high;
    size_t args_from, args_to; /* in raw, of arguments that came before the name */
};

enum state { S_TEXT, S_THOUGHT, S_CALL, S_HARMONY };
enum phase { P_START, P_BODY, P_AFTER_CALL }; /* of S_TEXT */

#define RAW_MAX    (256u << 10) /* of a call without a name */
#define VALUE_MAX  (1u << 20)   /* of an argument whose type shows at its end */
#define NAME_BYTES 256u
#define WS_MAX     256u
#define DEPTH_MAX  64u

struct eng_parse {
    struct eng_parse_opts o;
    enum base_status st;
    uint64_t known;         /* marks of the dialect */
    uint64_t soft;          /* those of them that the vocabulary has no token for */
    uint64_t control;       /* those whose token is a control token */
    int32_t token[M_COUNT]; /* -1: none */
    enum state state;
    enum phase phase;
    bool strip;         /* line ends at the start of the text belong to the thought's end */
    bool fresh;         /* nothing of the thought has come yet */
    bool stop;          /* the answer is complete */
    bool lexing, relex; /* the byte comes from the matcher; it is to go through it again */
    uint8_t label;      /* bytes of Gemma's "thought\n" seen, +1; 0: not looked for */
    struct base_buf hold, ws, raw;
    struct base_buf out; /* of out_kind, not yet delivered */
    enum eng_parse_kind out_kind;

    const struct machine *m;
    bool named; /* the call has been announced */
    uint32_t n_calls;
    uint64_t rng;
    struct base_buf name, id, key, val;

    /* the machines' own */
    int ms;      /* state */
    bool gate;   /* only the request's own tools count */
    bool listed; /* within [ ] */
    bool bare;   /* opened without a mark */
    int arg_kind;
    uint32_t n_args;
    bool first, nl;
    struct vscan v;
    struct oscan obj;
    uint64_t kinds; /* open containers, innermost in bit 0: 1 is an object */
    uint32_t depth;
    int str; /* Python's or Gemma's string: its quote */
    bool esc, want_key;
    /* Harmony */
    struct base_buf head;
    int channel;
    bool any_text, any_thought, need_gap;
};

/* parse_dialect.c */
struct base_str parse_mark_text(enum mark m);
uint64_t parse_marks_of(struct eng_dialect d);

/* parse_call.c */
#define PARSE_OUT_MAX (4u << 20)
void parse_deliver(struct eng_parse *p); /* what waits */
void parse_emit(struct eng_parse *p, enum eng_parse_kind kind, const char *bytes, size_t n);
void parse_args(struct eng_parse *p, const char *bytes, size_t n);
void parse_args_z(struct eng_parse *p, const char *z);
/* A byte of a JSON string's inside. */
void parse_args_escaped(struct eng_parse *p, uint8_t byte);
/* Announces the call whose name is in p->name (and id in p->id, or made). False: it cannot be one
 * (no valid name; not the request's own though it must be; too many). */
bool parse_call_open(struct eng_parse *p);
void parse_call_close(struct eng_parse *p);
bool parse_is_tool(const struct eng_parse *p, struct base_str name);
/* The JSON Schema of an argument of the tool named in p->name; NULL if none is known. */
const json_t *parse_schema(const struct eng_parse *p, struct base_str key);
bool parse_add(struct eng_parse *p, struct base_buf *b, uint8_t byte); /* false: over its bound */
static inline bool parse_is_ws(int a)
{
    return a == ' ' || a == '\n' || a == '\r' || a == '\t';
}

/* parse_json.c */
enum vstep vscan_step(struct vscan *v, uint8_t byte);
void oscan_init(struct eng_parse *p);
/* TOOK, FAIL, or END with the closing brace; the call is announced and its arguments delivered. */
enum took oscan_step(struct eng_parse *p, uint8_t byte);
bool oscan_in_string(const struct eng_parse *p);
void oscan_finish(struct eng_parse *p); /* a named call whose object is over, or never will be */

/* parse_tools_*.c, parse_harmony.c: what each is for is in enum eng_calls */
extern const struct machine parse_hermes, parse_mistral, parse_llama, parse_deepseek, parse_kimi,
    parse_qwen_xml, parse_glm, parse_dsml, parse_gemma;
/* parse_tools_text.c: the parentheses of a call in Python; END with the closing one. */
void python_begin(struct eng_parse *p);
enum took python_step(struct eng_parse *p, uint8_t byte);
void python_finish(struct eng_parse *p);
void harmony_begin(struct eng_parse *p);
bool harmony_step(struct eng_parse *p, int atom);
uint64_t harmony_marks(const struct eng_parse *p);
void harmony_end(struct eng_parse *p, bool cut);

#endif
