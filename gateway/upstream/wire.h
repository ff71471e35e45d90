/* wire.h - the wire formats that providers speak: canonical request -> bytes, bytes -> events.
 *
 * Pure translators, NAME_write.c and NAME_read.c each: openai (also openai-compatible, and with
 * azure.c Azure's), anthropic, gemini, mistral; wire.c holds what the readers share, media.c what
 * the writers say images with. transport.c carries the bytes.
 */
#ifndef GW_UPSTREAM_WIRE_H
#define GW_UPSTREAM_WIRE_H

#include "base/chat.h"
#include "base/json.h"
#include "conf/conf.h"
#include "gateway/net/http.h"

struct gw_wire_request {
    const char *path; /* appended to the back end's path: "/chat/completions"; static or in the
                         arena, what came from outside the code escaped */
    const char *header_name[8];      /* auth and version headers */
    struct base_str header_value[8]; /* secret values among them */
    size_t n_headers;
};

struct gw_wire_reader; /* turns one response into events */

struct gw_wire {
    const char *name;
    /* Fills *head and appends the JSON body. dropped gets the names of canonical or extra fields
     * that this wire cannot carry, comma separated (for x-weir-dropped). */
    enum base_status (*write)(const struct conf_target *t, struct chat_request *r,
                              struct gw_wire_request *head, struct base_buf *body,
                              struct base_buf *dropped, struct base_arena *a, struct base_err *err);
    /* stream: the response is SSE; else one JSON body. Events go to fn(ctx). */
    struct gw_wire_reader *(*reader_new)(bool stream, chat_event_fn fn, void *ctx);
    void (*reader_free)(struct gw_wire_reader *w);
    /* Body bytes as they come. BASE_DONE: the dialect's own end (or its own error event) has been
     * seen, call reader_end now, further bytes are of no interest. Any other status but BASE_OK
     * ends the attempt (EPROTO: the upstream broke its dialect; otherwise what fn returned). */
    enum base_status (*reader_feed)(struct gw_wire_reader *w, struct base_str bytes,
                                    struct base_err *err);
    /* The body is complete: emits CHAT_EV_END, or CHAT_EV_ERROR if the answer carried the
     * dialect's own error; or emits nothing and returns BASE_EPROTO if the dialect's own end was
     * missing (a stream without [DONE] / message_stop is truncated, never a success). */
    enum base_status (*reader_end)(struct gw_wire_reader *w, struct base_err *err);
    /* A non-2xx response's body -> *out, all of it (strings in a): status, retryable, and body with
     * the verbatim bytes. Never fails: what it cannot read it describes. */
    void (*error_parse)(int status, struct base_str body, struct base_arena *a,
                        struct chat_error *out);
    /* Or NULL. Behind error_parse, with the response's head: for dialects that name an error there.
     * May change all of *out (strings in a); never fails. */
    void (*error_head)(const struct gw_http_head *h, struct base_arena *a, struct chat_error *out);
    /* Or NULL: a streamed answer's content type, where it is not server-sent events. Nothing else
     * is accepted then. */
    const char *stream_type;
};

extern const struct gw_wire gw_wire_openai;
extern const struct gw_wire gw_wire_anthropic;
extern const struct gw_wire gw_wire_gemini;
extern const struct gw_wire gw_wire_azure_openai;
extern const struct gw_wire gw_wire_mistral;
extern const struct gw_wire gw_wire_bedrock;
extern const struct gw_wire gw_wire_cohere;
/* Counts the tokens of a request (chat_request.count_only) instead of having it answered. */
extern const struct gw_wire gw_wire_anthropic_count;
/* Names what a request of Anthropic's dialect has in ways that no other one has: betas, and an
 * answer that is to go on from the assistant's last words. */
void gw_wire_dropped_anthropic(const struct chat_request *r, struct base_buf *dropped);
/* NULL when the api has no call that counts. */
const struct gw_wire *gw_wire_count_for(enum conf_api api);
/* embed.c: for requests with `embed`. NULL when the api has no call for vectors. */
const struct gw_wire *gw_wire_embed_for(enum conf_api api);
/* NULL when the api has no translator yet (the configuration check says so). */
const struct gw_wire *gw_wire_for(enum conf_api api);

#endif
