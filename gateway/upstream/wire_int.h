/* wire_int.h - what the wire readers and writers share. Not for other folders. */
#ifndef GW_UPSTREAM_WIRE_INT_H
#define GW_UPSTREAM_WIRE_INT_H

#include "gateway/dialect/jsonx.h"
#include "gateway/net/http.h"
#include "gateway/upstream/wire.h"

#define GW_WIRE_EVENT_BYTES_MAX (8u << 20)  /* one server-sent event */
#define GW_WIRE_BODY_BYTES_MAX  (64u << 20) /* a whole answer that is not streamed */
#define GW_WIRE_CALLS_MAX       512         /* tool calls or content blocks in one answer */

/* How a dialect reads: both return BASE_OK, BASE_EPROTO with err, or what an emit returned. */
struct gw_wire_reader_ops {
    /* One server-sent event. Sets w->end_seen or calls gw_wire_fail at the dialect's end. */
    enum base_status (*event)(struct gw_wire_reader *w, const struct gw_sse_event *ev,
                              struct base_err *err);
    /* A whole answer: emits everything but END. */
    enum base_status (*body)(struct gw_wire_reader *w, const json_t *root, struct base_err *err);
    /* Or NULL. The stream's bytes are complete, or the body has been read: may emit what was held
     * back until now, set w->end_seen where the dialect has no mark for it, or fail. */
    enum base_status (*complete)(struct gw_wire_reader *w, struct base_err *err);
    const char *end_name; /* "[DONE]", for the message about a cut stream */
    /* Or NULL: for streams that are no server-sent events. Bytes were added to w->body: takes off
     * its front what is whole, until w->end_seen or w->failed. */
    enum base_status (*frames)(struct gw_wire_reader *w, struct base_err *err);
};

struct gw_wire_reader {
    const struct gw_wire_reader_ops *ops;
    chat_event_fn fn;
    void *ctx;
    bool stream;
    bool started;  /* CHAT_EV_START is out */
    bool finished; /* CHAT_EV_FINISH is out */
    bool end_seen; /* the dialect's own end came */
    bool failed;   /* its own error came: `error` says what */
    struct gw_sse_parser sse;
    struct base_buf body;
    struct base_arena *arena; /* ids, the error's texts */
    struct chat_error error;
    struct chat_usage usage;
    int n_calls; /* opened so far */
    /* Dialects that tell the reason before the end keep it here until then: see `complete`. */
    struct base_str finish_word;
    struct base_str
        answer_id; /* the upstream's id of this answer, where calls are named after it */
    /* Anthropic: a block of its own that is being collected, or NULL; where, and its input. */
    json_t *raw;
    int64_t raw_at;
    struct base_buf raw_input;
    /* The upstream's index of a call or block -> ours, -1 none. */
    struct {
        int ours;
        bool args;          /* any arguments came */
        struct base_str id; /* of the call open there */
    } slot[GW_WIRE_CALLS_MAX];
};

/* For gw_wire's function pointers. */
struct gw_wire_reader *gw_wire_reader_new(const struct gw_wire_reader_ops *ops, bool stream,
                                          chat_event_fn fn, void *ctx);
void gw_wire_reader_free(struct gw_wire_reader *w);
enum base_status gw_wire_reader_feed(struct gw_wire_reader *w, struct base_str bytes,
                                     struct base_err *err);
enum base_status gw_wire_reader_end(struct gw_wire_reader *w, struct base_err *err);

/* Emitting. Each returns what the receiver returned. Empty texts are not sent. */
enum base_status gw_wire_start(struct gw_wire_reader *w, struct base_str id, struct base_str model);
enum base_status gw_wire_text(struct gw_wire_reader *w, enum chat_event_kind kind,
                              struct base_str text);
/* The same of the upstream's block `at`. */
enum base_status gw_wire_piece(struct gw_wire_reader *w, enum chat_event_kind kind, int64_t at,
                               struct base_str text);
/* Opens a call at the upstream's index (0 .. GW_WIRE_CALLS_MAX - 1), BASE_EPROTO outside. */
enum base_status gw_wire_call(struct gw_wire_reader *w, int64_t at, struct base_str id,
                              struct base_str name, struct base_err *err);
/* The same with something opaque that the upstream wants back with the call, or empty. */
enum base_status gw_wire_call_signed(struct gw_wire_reader *w, int64_t at, struct base_str id,
                                     struct base_str name, struct base_str signature,
                                     struct base_err *err);
enum base_status gw_wire_args(struct gw_wire_reader *w, int64_t at, struct base_str text,
                              struct base_err *err);
enum base_status gw_wire_usage(struct gw_wire_reader *w);
/* other: as chat_event's text for a FINISH. */
enum base_status gw_wire_finish(struct gw_wire_reader *w, enum chat_finish finish,
                                struct base_str other);
/* The same from the upstream's own word for it: one of known[0..n), or CHAT_FINISH_OTHER. No word,
 * nothing happens. */
struct gw_wire_word {
    const char *word;
    enum chat_finish finish;
};
enum base_status gw_wire_finish_word(struct gw_wire_reader *w, const json_t *word,
                                     const struct gw_wire_word *known, size_t n);
/* The dialect's own error: reader_end will emit it. status 0: told from type and code. */
void gw_wire_fail(struct gw_wire_reader *w, int status, struct base_str type, struct base_str code,
                  struct base_str message);

/* "host" or "host:port", as the Host header has it. False when it does not fit. */
bool gw_wire_host(const struct conf_backend *b, char *out, size_t out_bytes);

/* Fills *out of an upstream's error object; strings copied to a. */
void gw_wire_error_fill(struct base_arena *a, int status, struct base_str type,
                        struct base_str code, struct base_str message, struct chat_error *out);
/* Statuses after which another route may do: 408, 429, 5xx. */
bool gw_wire_retryable(int status);

/* effort.c: how much thought a request asks for. extra: r->extra, parsed. */
struct gw_effort {
    struct base_str word; /* "none" to "max", or what the client wrote; borrowed; empty: no word */
    bool thoughts;        /* the caller wants to see them */
};
void gw_effort_read(const struct chat_request *r, const json_t *extra, struct gw_effort *out);
/* True if that member of r->extra says nothing but what gw_effort_read has read. */
bool gw_effort_is(const struct chat_request *r, const char *key, const json_t *v);

/* name as one segment of a path: everything but unreserved characters as %XX (so that neither a
 * slash nor a question mark gets through, and "." and ".." do not stay what they are). p == NULL
 * when a is exhausted; NUL behind. */
struct base_str gw_wire_escape(struct base_arena *a, struct base_str name);

/* Appends a header to head. The value is copied into a and wiped when a goes. */
enum base_status gw_wire_secret_header(struct gw_wire_request *head, struct base_arena *a,
                                       const char *name, const char *prefix, const char *secret,
                                       struct base_err *err) BASE_MUST_CHECK;
/* Appends a header whose strings outlive the request. */
void gw_wire_header(struct gw_wire_request *head, const char *name, struct base_str value);

#endif
