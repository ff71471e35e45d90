/* dialect.h - the wire formats that clients speak: bytes <-> canonical request and events.
 *
 * Pure translators: no I/O, no policy. A parser keeps every member it does not know in `extra`; a
 * writer turns events into the dialect's stream (SSE) or one JSON body.
 */
#ifndef GW_DIALECT_H
#define GW_DIALECT_H

#include "base/chat.h"
#include "base/json.h"

/* What goes wrong before or instead of an answer, in dialect-neutral form. */
struct gw_api_error {
    int status;           /* HTTP */
    const char *type;     /* OpenAI's word: invalid_request_error, authentication_error,
                             policy_denied, rate_limit_error, server_error, ... */
    struct base_str code; /* machine-readable, may be empty (-> null) */
    struct base_str param;
    struct base_str message;
};

/* Facts about the answer that the dialect's envelope shows. */
struct gw_reply_meta {
    struct base_str id;    /* the dialect's id_prefix and the request id */
    struct base_str model; /* what is shown as model: the route */
    int64_t created_s;
    bool include_usage;               /* streams: send the usage chunk */
    const struct chat_request *asked; /* as the caller sent it; outlives the writer */
    /* Pieces of one channel (text, reasoning, the arguments of a call) may come after another
     * channel has begun, up to the finish: a restorer or a guard holds some back. */
    bool pieces_late;
};

struct gw_reply; /* writer state for one answer */

struct gw_dialect {
    const char *name;
    const char *id_prefix; /* of an answer's id: "chatcmpl-", ... */
    bool blocks;           /* an answer is a row of blocks, one after the other: see answer.c */
    const char *id_header; /* what its SDKs read the request's id from, beside x-request-id; NULL:
                              nothing else */
    /* body: the whole HTTP body. On BASE_EINVAL *api_err is filled (400, param named). The strings
     * of *out live in a. */
    enum base_status (*parse)(struct base_str body, struct base_arena *a, struct chat_request *out,
                              struct gw_api_error *api_err);
    struct gw_reply *(*reply_new)(struct base_arena *a, const struct gw_reply_meta *meta,
                                  bool stream);
    /* Appends the bytes that ev turns into (streams: zero or more whole SSE events; not streaming:
     * nothing until CHAT_EV_END, then the whole JSON body). CHAT_EV_ERROR in a stream writes the
     * dialect's own error event and no terminator that could be taken for success. */
    enum base_status (*reply_event)(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err);
    /* Appends the whole body of an error answer; req_id shows where the dialect has a place for
     * it. */
    void (*error_body)(struct base_buf *out, const struct gw_api_error *e, struct base_str req_id);
};

extern const struct gw_dialect gw_dialect_openai_chat;
extern const struct gw_dialect gw_dialect_openai_responses;
extern const struct gw_dialect gw_dialect_openai_completions;
extern const struct gw_dialect gw_dialect_openai_embeddings; /* /v1/embeddings */
extern const struct gw_dialect gw_dialect_anthropic;
extern const struct gw_dialect gw_dialect_anthropic_count; /* /v1/messages/count_tokens */

#endif
