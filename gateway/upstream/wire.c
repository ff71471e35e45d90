/* wire.c - what all wire readers share: events or one body in, chat_events out.
 *
 * Owns       one struct gw_wire_reader an answer, with its SSE parser, collected body and arena.
 * Runs on    the attempt's loop.
 * Invariants START comes once and first, FINISH once; nothing follows the dialect's end; END is
 *            emitted by gw_wire_reader_end alone, and only if the dialect's own end was seen.
 *            Calls are numbered 0..n in the order in which they open, whatever the upstream's
 *            numbers are.
 * Fails by   BASE_EPROTO for what the dialect does not allow; the receiver's own status otherwise.
 */
#include "base/clock.h"
#include "gateway/upstream/wire_int.h"
#include <stdlib.h>

struct gw_wire_reader *gw_wire_reader_new(const struct gw_wire_reader_ops *ops, bool stream,
                                          chat_event_fn fn, void *ctx)
{
    struct gw_wire_reader *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->arena = base_arena_new(1u << 20);
    if (!w->arena) {
        free(w);
        return NULL;
    }
    w->ops = ops;
    w->stream = stream;
    w->fn = fn;
    w->ctx = ctx;
    gw_sse_parser_init(&w->sse, GW_WIRE_EVENT_BYTES_MAX);
    base_buf_init(&w->body, GW_WIRE_BODY_BYTES_MAX);
    base_buf_init(&w->raw_input, GW_WIRE_EVENT_BYTES_MAX);
    for (size_t i = 0; i < GW_WIRE_CALLS_MAX; i++)
        w->slot[i].ours = -1;
    return w;
}

void gw_wire_reader_free(struct gw_wire_reader *w)
{
    if (!w)
        return;
    gw_sse_parser_release(&w->sse);
    base_buf_release(&w->body);
    base_buf_release(&w->raw_input);
    json_decref(w->raw);
    base_arena_free(w->arena);
    free(w);
}

static bool at_end(const struct gw_wire_reader *w)
{
    return w->end_seen || w->failed;
}

enum base_status gw_wire_reader_feed(struct gw_wire_reader *w, struct base_str bytes,
                                     struct base_err *err)
{
    if (!w->stream || w->ops->frames) {
        if (!base_buf_str(&w->body, bytes))
            return base_err_set(err, BASE_EPROTO, "the upstream's answer is larger than %u bytes",
                                GW_WIRE_BODY_BYTES_MAX);
        enum base_status st = w->stream && !at_end(w) ? w->ops->frames(w, err) : BASE_OK;
        return st == BASE_OK && w->stream && at_end(w) ? BASE_DONE : st;
    }
    while (!at_end(w)) {
        struct gw_sse_event ev;
        enum base_status st = gw_sse_next(&w->sse, &bytes, &ev, err);
        if (st == BASE_AGAIN)
            return BASE_OK;
        if (st != BASE_OK)
            return base_err_set(err, BASE_EPROTO, "a server-sent event passes %u bytes",
                                GW_WIRE_EVENT_BYTES_MAX);
        st = w->ops->event(w, &ev, err);
        if (st != BASE_OK)
            return st;
    }
    return BASE_DONE;
}

enum base_status gw_wire_reader_end(struct gw_wire_reader *w, struct base_err *err)
{
    if (!w->stream && !at_end(w)) {
        struct base_err why;
        json_t *root = gw_json_load(base_buf_view(&w->body), true, &why);
        if (!root)
            return base_err_set(err, BASE_EPROTO, "the upstream's answer: %s", why.text);
        enum base_status st = w->ops->body(w, root, err);
        json_decref(root);
        if (st != BASE_OK)
            return st;
        w->end_seen = true;
    }
    if (!w->failed && w->ops->complete) {
        enum base_status st = w->ops->complete(w, err);
        if (st != BASE_OK)
            return st;
    }
    if (w->failed)
        return w->fn(w->ctx, &(struct chat_event){.kind = CHAT_EV_ERROR, .error = w->error});
    if (!w->end_seen)
        return base_err_set(err, BASE_EPROTO, "the upstream's stream ended without %s",
                            w->ops->end_name);
    return w->fn(w->ctx, &(struct chat_event){.kind = CHAT_EV_END});
}

enum base_status gw_wire_start(struct gw_wire_reader *w, struct base_str id, struct base_str model)
{
    if (w->started)
        return BASE_OK;
    w->started = true;
    return w->fn(w->ctx, &(struct chat_event){.kind = CHAT_EV_START, .id = id, .text = model});
}

/* START is first even where the upstream says something before its own start. */
static enum base_status emit(struct gw_wire_reader *w, const struct chat_event *ev)
{
    enum base_status st = gw_wire_start(w, BASE_STR_NULL, BASE_STR_NULL);
    return st == BASE_OK ? w->fn(w->ctx, ev) : st;
}

enum base_status gw_wire_text(struct gw_wire_reader *w, enum chat_event_kind kind,
                              struct base_str text)
{
    return gw_wire_piece(w, kind, 0, text);
}

enum base_status gw_wire_piece(struct gw_wire_reader *w, enum chat_event_kind kind, int64_t at,
                               struct base_str text)
{
    int index = at >= 0 && at < GW_WIRE_CALLS_MAX ? (int)at : 0;
    if (text.n == 0)
        return BASE_OK;
    return emit(w, &(struct chat_event){.kind = kind, .index = index, .text = text});
}

enum base_status gw_wire_call(struct gw_wire_reader *w, int64_t at, struct base_str id,
                              struct base_str name, struct base_err *err)
{
    return gw_wire_call_signed(w, at, id, name, BASE_STR_NULL, err);
}

enum base_status gw_wire_call_signed(struct gw_wire_reader *w, int64_t at, struct base_str id,
                                     struct base_str name, struct base_str signature,
                                     struct base_err *err)
{
    char made[32];

    if (at < 0 || at >= GW_WIRE_CALLS_MAX || w->n_calls >= GW_WIRE_CALLS_MAX)
        return base_err_set(err, BASE_EPROTO, "the upstream numbers a tool call %lld",
                            (long long)at);
    if (id.n == 0) {
        /* Some servers give none; clients need one to answer the call. */
        int n = snprintf(made, sizeof made, "call_%d", w->n_calls);
        id = base_str_n(made, (size_t)n);
    }
    w->slot[at].ours = w->n_calls++;
    w->slot[at].args = false;
    w->slot[at].id = base_arena_dup(w->arena, id);
    return emit(w, &(struct chat_event){.kind = CHAT_EV_TOOL_CALL,
                                        .index = w->slot[at].ours,
                                        .id = id,
                                        .name = name,
                                        .signature = signature});
}

enum base_status gw_wire_args(struct gw_wire_reader *w, int64_t at, struct base_str text,
                              struct base_err *err)
{
    if (text.n == 0)
        return BASE_OK;
    if (at < 0 || at >= GW_WIRE_CALLS_MAX || w->slot[at].ours < 0)
        return base_err_set(err, BASE_EPROTO, "arguments for a tool call that was not opened");
    w->slot[at].args = true;
    return emit(w, &(struct chat_event){
                       .kind = CHAT_EV_TOOL_ARGS, .index = w->slot[at].ours, .text = text});
}

enum base_status gw_wire_usage(struct gw_wire_reader *w)
{
    w->usage.set = true;
    return emit(w, &(struct chat_event){.kind = CHAT_EV_USAGE, .usage = w->usage});
}

enum base_status gw_wire_finish(struct gw_wire_reader *w, enum chat_finish finish,
                                struct base_str other)
{
    if (w->finished)
        return BASE_OK;
    w->finished = true;
    return emit(w, &(struct chat_event){.kind = CHAT_EV_FINISH, .finish = finish, .text = other});
}

enum base_status gw_wire_finish_word(struct gw_wire_reader *w, const json_t *word,
                                     const struct gw_wire_word *known, size_t n)
{
    struct base_str s = gw_json_str(word);

    if (s.n == 0)
        return BASE_OK;
    for (size_t i = 0; i < n; i++)
        if (base_str_is(s, known[i].word))
            return gw_wire_finish(w, known[i].finish, BASE_STR_NULL);
    return gw_wire_finish(w, CHAT_FINISH_OTHER, s);
}

/* An HTTP status for an error that came without one, in a stream. */
static int status_of(struct base_str type, struct base_str code)
{
    static const struct {
        const char *word;
        int status;
    } known[] = {{"rate_limit", 429},  {"insufficient_quota", 429}, {"overloaded", 529},
                 {"invalid_req", 400}, {"authentication", 401},     {"permission", 403},
                 {"not_found", 404},   {"context_length", 400},     {"content_filter", 400},
                 {"timeout", 504},     {"server_error", 500},       {"api_error", 500}};
    uint64_t n;

    if (base_str_u64(code, &n) && n >= 400 && n <= 599)
        return (int)n;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (gw_json_mentions(type, known[i].word) || gw_json_mentions(code, known[i].word))
            return known[i].status;
    return 502;
}

void gw_wire_fail(struct gw_wire_reader *w, int status, struct base_str type, struct base_str code,
                  struct base_str message)
{
    w->failed = true;
    gw_wire_error_fill(w->arena, status > 0 ? status : status_of(type, code), type, code, message,
                       &w->error);
}

bool gw_wire_retryable(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

void gw_wire_error_fill(struct base_arena *a, int status, struct base_str type,
                        struct base_str code, struct base_str message, struct chat_error *out)
{
    *out = (struct chat_error){.status = status, .retryable = gw_wire_retryable(status)};
    out->type = base_arena_dup(a, type.n ? type : BASE_STR("upstream_error"));
    out->code = base_arena_dup(a, code);
    out->message = message.n
                       ? base_arena_dup(a, message)
                       : base_arena_printf(a, "The upstream answered with HTTP status %d.", status);
}

struct secret {
    char *p;
    size_t n;
};

static void wipe_secret(void *arg)
{
    struct secret *s = arg;
    base_wipe(s->p, s->n);
}

enum base_status gw_wire_secret_header(struct gw_wire_request *head, struct base_arena *a,
                                       const char *name, const char *prefix, const char *secret,
                                       struct base_err *err)
{
    struct secret *s = base_arena_alloc(a, sizeof *s);
    size_t prefix_n = strlen(prefix), secret_n = strlen(secret);

    if (s)
        s->p = base_arena_alloc(a, prefix_n + secret_n + 1);
    if (!s || !s->p || base_arena_cleanup(a, wipe_secret, s) != BASE_OK)
        return base_err_set(err, BASE_LIMIT, "no room for the upstream's request");
    s->n = prefix_n + secret_n;
    memcpy(s->p, prefix, prefix_n);
    memcpy(s->p + prefix_n, secret, secret_n);
    gw_wire_header(head, name, base_str_n(s->p, s->n));
    return BASE_OK;
}

void gw_wire_header(struct gw_wire_request *head, const char *name, struct base_str value)
{
    BASE_BUG_ON(head->n_headers == sizeof head->header_name / sizeof head->header_name[0]);
    head->header_name[head->n_headers] = name;
    head->header_value[head->n_headers++] = value;
}

struct base_str gw_wire_escape(struct base_arena *a, struct base_str name)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = name.n < 4096 ? base_arena_alloc(a, name.n * 3 + 1) : NULL;
    size_t n = 0;

    for (size_t i = 0; out && i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '~' || (c == '.' && name.n > 2);
        if (plain) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return base_str_n(out, n);
}

bool gw_wire_host(const struct conf_backend *b, char *out, size_t out_bytes)
{
    bool v6 = strchr(b->host, ':') != NULL;
    int n;

    if (b->port == (b->tls ? 443 : 80))
        n = snprintf(out, out_bytes, v6 ? "[%s]" : "%s", b->host);
    else
        n = snprintf(out, out_bytes, v6 ? "[%s]:%d" : "%s:%d", b->host, b->port);
    return n >= 0 && (size_t)n < out_bytes;
}

void gw_wire_dropped_anthropic(const struct chat_request *r, struct base_buf *dropped)
{
    if (r->dialect != CHAT_DIALECT_ANTHROPIC)
        return;
    if (r->anthropic_beta.n)
        gw_dropped_add(dropped, "", "anthropic-beta");
    if (r->n_messages > 0 && r->messages[r->n_messages - 1].role == CHAT_ASSISTANT)
        gw_dropped_add(dropped, "messages.", "prefill");
}

const struct gw_wire *gw_wire_count_for(enum conf_api api)
{
    return api == CONF_API_ANTHROPIC ? &gw_wire_anthropic_count : NULL;
}

const struct gw_wire *gw_wire_for(enum conf_api api)
{
    switch (api) {
    case CONF_API_OPENAI:
    case CONF_API_OPENAI_COMPATIBLE:
        return &gw_wire_openai;
    case CONF_API_ANTHROPIC:
        return &gw_wire_anthropic;
    case CONF_API_GEMINI:
        return &gw_wire_gemini;
    case CONF_API_AZURE_OPENAI:
        return &gw_wire_azure_openai;
    case CONF_API_MISTRAL:
        return &gw_wire_mistral;
    case CONF_API_BEDROCK:
        return &gw_wire_bedrock;
    case CONF_API_COHERE:
        return &gw_wire_cohere;
    }
    return NULL;
}
