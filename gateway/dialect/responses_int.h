/* responses_int.h - what the parts of OpenAI's Responses dialect share. Not for other folders. */
#ifndef GW_DIALECT_RESPONSES_INT_H
#define GW_DIALECT_RESPONSES_INT_H

#include "gateway/dialect/openai_int.h"

/* dialect.h's parse, in responses_parse.c. */
enum base_status gw_responses_parse(struct base_str body, struct base_arena *a,
                                    struct chat_request *out,
                                    struct gw_api_error *api_err) BASE_MUST_CHECK;

/* responses_input.c: root's `instructions` and `input` -> r->messages. */
enum base_status gw_px_input(struct gw_px *p, const json_t *root,
                             struct chat_request *r) BASE_MUST_CHECK;

/* responses_tools.c: root's `tools` and `tool_choice` -> r. */
enum base_status gw_px_response_tools(struct gw_px *p, const json_t *root,
                                      struct chat_request *r) BASE_MUST_CHECK;

/* responses_echo.c: what an answer repeats of root -> r->echo. */
enum base_status gw_px_echo(const struct gw_px *p, const json_t *root,
                            struct chat_request *r) BASE_MUST_CHECK;

/* ---- an answer: responses_items.c ---- */

enum gw_item_kind { GW_ITEM_REASONING, GW_ITEM_MESSAGE, GW_ITEM_CALL };

/* A piece of an item's content: text or refusal of a message, the thoughts of a reasoning item. */
struct gw_item_part {
    int index; /* content_index; -1: not there */
    struct base_buf text;
};

struct gw_item {
    enum gw_item_kind kind;
    bool open;
    struct base_str id;
    struct gw_item_part text, refusal;
    int n_parts;
    int call;                      /* the canonical index of a call */
    struct base_str call_id, name; /* of a call */
    bool freeform;                 /* of a custom tool: args are its input once the item is done */
    struct base_buf args;
};

struct gw_reply {
    struct base_arena *a;
    struct gw_reply_meta meta;
    bool stream, begun, ended, finished;
    bool together; /* items stay open until the finish */
    bool summary;  /* thoughts go out as a summary */
    int64_t seq;
    enum chat_finish finish;
    struct base_str finish_other;
    struct chat_usage usage;
    struct gw_item *items;
    size_t n_items, cap_items;
};

/* Forgets what was collected; also the arena's cleanup. */
void gw_items_release(void *reply);
/* The open item that a piece of this kind belongs to (call: the canonical index of a call), or
 * NULL. */
struct gw_item *gw_items_find(struct gw_reply *r, enum gw_item_kind kind, int call);
/* A new one, last; NULL with err. */
struct gw_item *gw_items_add(struct gw_reply *r, enum gw_item_kind kind, struct base_err *err);
/* What the event that opens a call says of it. False: no room. */
bool gw_items_name_call(struct gw_reply *r, struct gw_item *it, const struct chat_event *ev);
/* A call is complete: of a custom tool's the input takes the place of the arguments. */
void gw_items_close_call(struct gw_item *it);
/* "completed", "incomplete", "in_progress": of an item as the answer stands. */
const char *gw_items_status(const struct gw_reply *r, const struct gw_item *it);

/* One item as an object. whole: with its content, else as it is when it opens. */
void gw_items_put(struct base_json *j, const struct gw_reply *r, const struct gw_item *it,
                  bool whole);
/* One part of a message or reasoning item as an object, with its text or empty. */
void gw_items_put_part(struct base_json *j, const struct gw_reply *r, const struct gw_item *it,
                       const struct gw_item_part *part, bool whole);
/* The whole response object. e: why it failed, or NULL. */
void gw_items_put_response(struct base_json *j, const struct gw_reply *r,
                           const struct chat_error *e);

#endif
