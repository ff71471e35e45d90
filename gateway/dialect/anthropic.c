/* anthropic.c - chat_events -> Anthropic's message object or its server-sent events.
 *
 * Owns       one struct gw_reply an answer: in the request's arena, its growing buffers released
 *            by the arena's cleanup.
 * Runs on    the connection's loop; no I/O.
 * Blocks     An answer of this dialect is a row of content blocks, each of which is written from
 * its start to its stop before the next one begins, while events of a source may come in any order:
 * servers with two calls at once mix their arguments, and a guard that holds text back lets it out
 * behind the call that came after it. So every piece goes to the block that it belongs to, and
 * pump() writes the first block that is not done as far as it is known, then the next: a text or a
 * thought is done when another block has begun, a call when its arguments are one whole JSON
 * object. What comes behind an unfinished call waits in its own block. With pieces_late no block is
 * done before the finish, there is one of text and one of thoughts, and they stand in this order:
 * thoughts, text, calls. Invariants - nothing is written before the first piece of content, or the
 * finish;
 *            - indexes count from 0 in the order of the starts;
 *            - message_delta and message_stop follow CHAT_EV_END and nothing else (late text may
 *              follow a finish); CHAT_EV_ERROR writes one `error` event, after which SDKs raise;
 *            - usage.input_tokens leaves out what was read from or written to a cache, as there.
 * Format     event: NAME, data: {"type":NAME,...}: message_start, ping, then for each block
 *            content_block_start, content_block_delta.., content_block_stop, then message_delta,
 *            message_stop. A signature is a delta right before its block's stop.
 * Fails by   BASE_LIMIT when out or a collected answer is full; BASE_EBUG for events after the end.
 */
#include "gateway/dialect/anthropic_int.h"

#define ANSWER_BYTES_MAX (64u << 20) /* of one block */
#define BLOCKS_MAX       4096

enum block_kind { THOUGHT, TEXT, RAW, CALL };

struct block {
    enum block_kind kind;
    int call;   /* CALL: the event's index */
    int theirs; /* TEXT, THOUGHT: the index of the upstream's block */
    struct base_str id, name;
    struct base_buf data;  /* what is not written yet; all of it when not streaming */
    struct base_buf seal;  /* THOUGHT: its signature */
    struct base_buf cites; /* TEXT: citations, comma separated; as data */
    bool sealed, started;
    /* CALL: how far its arguments are as JSON */
    unsigned depth;
    bool in_string, escaped, whole;
};

struct gw_reply {
    struct base_arena *a;
    struct gw_reply_meta meta;
    bool stream, begun, ended, finished;
    enum chat_finish finish;
    struct base_str finish_text;
    struct chat_usage usage;
    struct block **blocks;
    size_t n, cap;
    size_t at;    /* the first block that is not done */
    int64_t next; /* index of the next block to start */
    bool any_call;
};

static void reply_release(void *arg)
{
    struct gw_reply *r = arg;
    for (size_t i = 0; i < r->n; i++) {
        base_buf_release(&r->blocks[i]->data);
        base_buf_release(&r->blocks[i]->seal);
        base_buf_release(&r->blocks[i]->cites);
    }
    r->n = r->at = 0;
}

static struct gw_reply *reply_new(struct base_arena *a, const struct gw_reply_meta *meta,
                                  bool stream)
{
    struct gw_reply *r = base_arena_alloc(a, sizeof *r);
    if (!r)
        return NULL;
    r->a = a;
    r->stream = stream;
    r->meta = *meta;
    r->meta.id = base_arena_dup(a, meta->id);
    r->meta.model = base_arena_dup(a, meta->model);
    if (!r->meta.id.p || !r->meta.model.p || base_arena_cleanup(a, reply_release, r) != BASE_OK)
        return NULL;
    return r;
}

/* ---- what both shapes say ---- */

static void put_usage(struct base_json *j, const struct chat_usage *u)
{
    base_json_obj(j);
    base_json_kint(j, "input_tokens", u->input_tokens - u->cached_tokens - u->cache_write_tokens);
    base_json_kint(j, "cache_creation_input_tokens", u->cache_write_tokens);
    base_json_kint(j, "cache_read_input_tokens", u->cached_tokens);
    base_json_kint(j, "output_tokens", u->output_tokens);
    if (u->reasoning_tokens > 0) {
        base_json_key(j, "output_tokens_details");
        base_json_obj(j);
        base_json_kint(j, "thinking_tokens", u->reasoning_tokens);
        base_json_obj_end(j);
    }
    base_json_obj_end(j);
}

static const char *stop_reason(const struct gw_reply *r)
{
    if (!r->finished)
        return NULL;
    switch (r->finish) {
    case CHAT_FINISH_LENGTH:
        return base_str_is(r->finish_text, "model_context_window_exceeded")
                   ? "model_context_window_exceeded"
                   : "max_tokens";
    case CHAT_FINISH_TOOL_CALLS:
        return "tool_use";
    case CHAT_FINISH_CONTENT_FILTER:
        return "refusal";
    case CHAT_FINISH_STOP_SEQUENCE:
        return "stop_sequence";
    case CHAT_FINISH_OTHER:
        if (base_str_is(r->finish_text, "pause_turn"))
            return "pause_turn";
        break;
    case CHAT_FINISH_STOP: /* some servers stop with calls: here that has a name of its own */
        break;
    }
    return r->any_call ? "tool_use" : "end_turn";
}

static void put_stop(struct base_json *j, const struct gw_reply *r)
{
    bool named = r->finished && r->finish == CHAT_FINISH_STOP_SEQUENCE && r->finish_text.n;
    base_json_kz(j, "stop_reason", stop_reason(r));
    base_json_key(j, "stop_sequence");
    if (named)
        base_json_str(j, r->finish_text);
    else
        base_json_null(j);
}

/* The message without its content and what is behind it. */
static void put_head(struct base_json *j, const struct gw_reply *r)
{
    base_json_obj(j);
    base_json_kstr(j, "id", r->meta.id);
    base_json_kz(j, "type", "message");
    base_json_kz(j, "role", "assistant");
    base_json_kstr(j, "model", r->meta.model);
    base_json_key(j, "content");
    base_json_arr(j);
}

/* ---- streams ---- */

static void event_begin(struct base_json *j, struct base_buf *out, const char *name)
{
    base_buf_printf(out, "event: %s\ndata: ", name);
    base_json_init(j, out);
    base_json_obj(j);
    base_json_kz(j, "type", name);
}

static void event_end(struct base_json *j)
{
    base_json_obj_end(j);
    base_buf_z(j->out, "\n\n");
}

static void message_start(struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    if (r->begun)
        return;
    r->begun = true;
    event_begin(&j, out, "message_start");
    base_json_key(&j, "message");
    put_head(&j, r);
    base_json_arr_end(&j);
    base_json_kz(&j, "stop_reason", NULL);
    base_json_kz(&j, "stop_sequence", NULL);
    base_json_key(&j, "usage");
    put_usage(&j, &r->usage);
    base_json_obj_end(&j);
    event_end(&j);
    event_begin(&j, out, "ping");
    event_end(&j);
}

static void block_start(struct gw_reply *r, struct block *b, struct base_buf *out)
{
    struct base_json j;

    message_start(r, out);
    b->started = true;
    event_begin(&j, out, "content_block_start");
    base_json_kint(&j, "index", r->next++);
    base_json_key(&j, "content_block");
    if (b->kind == RAW) {
        base_json_raw(&j, base_buf_view(&b->data));
        base_buf_release(&b->data);
        event_end(&j);
        return;
    }
    base_json_obj(&j);
    if (b->kind == THOUGHT) {
        base_json_kz(&j, "type", "thinking");
        base_json_kz(&j, "thinking", "");
        base_json_kz(&j, "signature", "");
    } else if (b->kind == TEXT) {
        base_json_kz(&j, "type", "text");
        base_json_kz(&j, "text", "");
    } else {
        base_json_kz(&j, "type", "tool_use");
        base_json_kstr(&j, "id", b->id);
        base_json_kstr(&j, "name", b->name);
        base_json_key(&j, "input");
        base_json_raw(&j, BASE_STR("{}"));
    }
    base_json_obj_end(&j);
    event_end(&j);
}

/* One delta of the block that was started last; value is JSON if raw. */
static void delta(const struct gw_reply *r, const char *type, const char *key,
                  struct base_str value, bool raw, struct base_buf *out)
{
    struct base_json j;

    if (value.n == 0)
        return;
    event_begin(&j, out, "content_block_delta");
    base_json_kint(&j, "index", r->next - 1);
    base_json_key(&j, "delta");
    base_json_obj(&j);
    base_json_kz(&j, "type", type);
    base_json_key(&j, key);
    if (raw)
        base_json_raw(&j, value);
    else
        base_json_str(&j, value);
    base_json_obj_end(&j);
    event_end(&j);
}

static void write_pending(const struct gw_reply *r, struct block *b, struct base_buf *out)
{
    static const char *const words[][2] = {[THOUGHT] = {"thinking_delta", "thinking"},
                                           [TEXT] = {"text_delta", "text"},
                                           [RAW] = {"", ""},
                                           [CALL] = {"input_json_delta", "partial_json"}};

    delta(r, words[b->kind][0], words[b->kind][1], base_buf_view(&b->data), false, out);
    base_buf_clear(&b->data);
    /* Each is one JSON object behind its length: see add_citation. */
    for (size_t i = 0; i + sizeof(uint32_t) < b->cites.n;) {
        uint32_t n;
        memcpy(&n, b->cites.p + i, sizeof n);
        delta(r, "citations_delta", "citation", base_str_n(b->cites.p + i + sizeof n, n), true,
              out);
        i += sizeof n + n;
    }
    base_buf_clear(&b->cites);
}

static void block_stop(struct gw_reply *r, struct block *b, struct base_buf *out)
{
    struct base_json j;

    delta(r, "signature_delta", "signature", base_buf_view(&b->seal), false, out);
    event_begin(&j, out, "content_block_stop");
    base_json_kint(&j, "index", r->next - 1);
    event_end(&j);
    base_buf_release(&b->data);
    base_buf_release(&b->seal);
    base_buf_release(&b->cites);
}

static bool is_empty(const struct block *b)
{
    return b->kind != CALL && b->data.n == 0 && b->seal.n == 0 && b->cites.n == 0;
}

/* Writes as much as is certain; last: everything. */
static void pump(struct gw_reply *r, bool last, struct base_buf *out)
{
    while (r->at < r->n) {
        struct block *b = r->blocks[r->at];
        bool done =
            last || (!r->meta.pieces_late && r->at + 1 < r->n && (b->kind != CALL || b->whole));
        bool waits = !last && r->meta.pieces_late && b->kind == CALL;
        if (!b->started && is_empty(b)) {
            if (!done)
                return;
            r->at++; /* announced, and nothing came */
            continue;
        }
        if (waits)
            return;
        if (!b->started)
            block_start(r, b, out);
        write_pending(r, b, out);
        if (!done)
            return;
        block_stop(r, b, out);
        r->at++;
    }
}

static void stream_end(struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    message_start(r, out);
    pump(r, true, out);
    event_begin(&j, out, "message_delta");
    base_json_key(&j, "delta");
    base_json_obj(&j);
    put_stop(&j, r);
    base_json_obj_end(&j);
    base_json_key(&j, "usage");
    put_usage(&j, &r->usage);
    event_end(&j);
    event_begin(&j, out, "message_stop");
    event_end(&j);
}

static void stream_error(const struct gw_reply *r, const struct chat_error *e, struct base_buf *out)
{
    struct base_str id = r->meta.id;
    struct base_json j;

    event_begin(&j, out, "error");
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kz(&j, "type", gw_anthropic_error_type(e->status, e->type));
    base_json_kstr(&j, "message", e->message.n ? e->message : BASE_STR("The answer broke off."));
    if (e->code.n)
        base_json_kstr(&j, "code", e->code);
    base_json_obj_end(&j);
    if (base_str_starts(id, BASE_STR("msg_")))
        base_json_kstr(&j, "request_id", base_str_n(id.p + 4, id.n - 4));
    event_end(&j);
}

/* ---- whole answers ---- */

static void put_citations(struct base_json *j, const struct block *b)
{
    base_json_key(j, "citations");
    base_json_arr(j);
    for (size_t i = 0; i + sizeof(uint32_t) < b->cites.n;) {
        uint32_t n;
        memcpy(&n, b->cites.p + i, sizeof n);
        base_json_raw(j, base_str_n(b->cites.p + i + sizeof n, n));
        i += sizeof n + n;
    }
    base_json_arr_end(j);
}

/* `input` is an object. What a model wrote that is none is handed over as the text it is. */
static void put_input(struct base_json *j, const struct block *b)
{
    struct base_str args = base_str_trim(base_buf_view(&b->data));
    json_t *o = args.n ? gw_json_load(args, true, NULL) : NULL;

    base_json_key(j, "input");
    if (o || args.n == 0) {
        base_json_raw(j, o ? args : BASE_STR("{}"));
    } else {
        base_json_obj(j);
        base_json_kstr(j, "INVALID_JSON", args);
        base_json_obj_end(j);
    }
    json_decref(o);
}

static void put_block(struct base_json *j, const struct block *b)
{
    struct base_str data = base_buf_view(&b->data);

    if (b->kind == RAW) {
        base_json_raw(j, data);
        return;
    }
    base_json_obj(j);
    if (b->kind == THOUGHT) {
        base_json_kz(j, "type", "thinking");
        base_json_kstr(j, "thinking", data);
        base_json_kstr(j, "signature", base_buf_view(&b->seal));
    } else if (b->kind == TEXT) {
        base_json_kz(j, "type", "text");
        base_json_kstr(j, "text", data);
        if (b->cites.n)
            put_citations(j, b);
    } else {
        base_json_kz(j, "type", "tool_use");
        base_json_kstr(j, "id", b->id);
        base_json_kstr(j, "name", b->name);
        put_input(j, b);
    }
    base_json_obj_end(j);
}

static void put_whole(const struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    base_json_init(&j, out);
    put_head(&j, r);
    for (size_t i = 0; i < r->n; i++)
        if (!is_empty(r->blocks[i]))
            put_block(&j, r->blocks[i]);
    base_json_arr_end(&j);
    put_stop(&j, r);
    base_json_key(&j, "usage");
    put_usage(&j, &r->usage);
    base_json_obj_end(&j);
}

/* ---- pieces to blocks ---- */

static int rank(const struct block *b)
{
    return b->kind == THOUGHT ? 0 : b->kind == CALL ? 2 : 1;
}

static struct block *add_block(struct gw_reply *r, enum block_kind kind, int rank_of)
{
    size_t to = r->n;

    if (r->n == BLOCKS_MAX)
        return NULL;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct block **grown = base_arena_array(r->a, cap, sizeof *grown);
        if (!grown)
            return NULL;
        if (r->n)
            memcpy(grown, r->blocks, r->n * sizeof *grown);
        r->blocks = grown;
        r->cap = cap;
    }
    struct block *b = base_arena_alloc(r->a, sizeof *b);
    if (!b)
        return NULL;
    b->kind = kind;
    base_buf_init(&b->data, ANSWER_BYTES_MAX);
    base_buf_init(&b->seal, ANSWER_BYTES_MAX);
    base_buf_init(&b->cites, ANSWER_BYTES_MAX);
    while (r->meta.pieces_late && to > r->at && !r->blocks[to - 1]->started &&
           rank(r->blocks[to - 1]) > rank_of)
        to--;
    memmove(r->blocks + to + 1, r->blocks + to, (r->n - to) * sizeof *r->blocks);
    r->blocks[to] = b;
    r->n++;
    return b;
}

/* The block that a piece of text or of a thought goes on with, or a new one. */
static struct block *prose(struct gw_reply *r, enum block_kind kind, int theirs)
{
    for (size_t i = r->n; i-- > r->at;) {
        struct block *b = r->blocks[i];
        if (b->kind == kind && !b->sealed && (b->theirs == theirs || r->meta.pieces_late))
            return b;
        if (!r->meta.pieces_late)
            break;
    }
    struct block *b = add_block(r, kind, kind == THOUGHT ? 0 : 1);
    if (b)
        b->theirs = theirs;
    return b;
}

/* Follows a fragment of arguments to the end of their object. */
static void follow(struct block *b, struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (b->escaped) {
            b->escaped = false;
        } else if (b->in_string) {
            b->escaped = c == '\\';
            b->in_string = c != '"';
        } else if (c == '"') {
            b->in_string = true;
        } else if (c == '{' || c == '[') {
            b->depth++;
        } else if ((c == '}' || c == ']') && b->depth > 0) {
            b->whole = --b->depth == 0;
        }
    }
}

static bool add_call(struct gw_reply *r, const struct chat_event *ev)
{
    struct block *b = add_block(r, CALL, 2);
    if (!b)
        return false;
    b->call = ev->index;
    b->id = base_arena_dup(r->a, ev->id);
    b->name = base_arena_dup(r->a, ev->name);
    r->any_call = true;
    return true;
}

static enum base_status add_args(struct gw_reply *r, const struct chat_event *ev,
                                 struct base_err *err)
{
    for (size_t i = r->n; i-- > (r->stream ? r->at : 0);) {
        struct block *b = r->blocks[i];
        if (b->kind != CALL || b->call != ev->index)
            continue;
        follow(b, ev->text);
        return base_buf_str(&b->data, ev->text) ? BASE_OK
                                                : base_err_set(err, BASE_LIMIT, "arguments");
    }
    if (base_str_trim(ev->text).n == 0)
        return BASE_OK; /* an end of line behind arguments that were whole */
    return base_err_set(err, BASE_EBUG, "arguments for a tool call that is not open");
}

/* A signature closes the thought before it; one without a thought is of one that is not shown. */
static bool add_seal(struct gw_reply *r, struct base_str seal)
{
    struct block *b = NULL;
    for (size_t i = r->n; i-- > r->at && !b;) {
        if (r->blocks[i]->kind == THOUGHT && !r->blocks[i]->sealed)
            b = r->blocks[i];
        else if (!r->meta.pieces_late)
            break;
    }
    if (!b)
        b = add_block(r, THOUGHT, 0);
    if (!b)
        return false;
    b->sealed = true;
    return base_buf_str(&b->seal, seal);
}

static bool add_raw(struct gw_reply *r, struct base_str json)
{
    bool thought = base_str_find(json, BASE_STR("\"redacted_thinking\""), 0) != SIZE_MAX;
    struct block *b = add_block(r, RAW, thought ? 0 : 1);
    return b && base_buf_str(&b->data, json);
}

static bool add_citation(struct gw_reply *r, struct base_str json)
{
    uint32_t n = (uint32_t)json.n;
    for (size_t i = r->n; i-- > (r->stream ? r->at : 0);) {
        struct block *b = r->blocks[i];
        if (b->kind == TEXT)
            return base_buf_add(&b->cites, &n, sizeof n) && base_buf_str(&b->cites, json);
    }
    if (!r->meta.pieces_late)
        return true;                        /* of a text that is not there */
    struct block *held = prose(r, TEXT, 0); /* its text comes later */
    return held && base_buf_add(&held->cites, &n, sizeof n) && base_buf_str(&held->cites, json);
}

static enum base_status collect(struct gw_reply *r, const struct chat_event *ev,
                                struct base_err *err)
{
    bool thought = ev->kind == CHAT_EV_REASONING, ok = true;
    struct block *b;

    switch (ev->kind) {
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL: /* there are no refusals apart from text here */
        if (ev->text.n == 0 && !(thought && r->meta.pieces_late))
            break;
        b = prose(r, thought ? THOUGHT : TEXT, ev->index);
        ok = b && base_buf_str(&b->data, ev->text);
        break;
    case CHAT_EV_TOOL_CALL:
        ok = add_call(r, ev);
        break;
    case CHAT_EV_TOOL_ARGS:
        return add_args(r, ev, err);
    case CHAT_EV_SIGNATURE:
        ok = add_seal(r, ev->text);
        break;
    case CHAT_EV_BLOCK:
        ok = add_raw(r, ev->text);
        break;
    case CHAT_EV_CITATION:
        ok = add_citation(r, ev->text);
        break;
    case CHAT_EV_VECTOR: /* no answer to a message holds one */
        break;
    case CHAT_EV_USAGE:
        r->usage = ev->usage;
        break;
    case CHAT_EV_FINISH:
        r->finished = true;
        r->finish = ev->finish;
        r->finish_text = base_arena_dup(r->a, ev->text);
        break;
    case CHAT_EV_START:
        if (!r->begun) { /* another route; nothing is written yet */
            reply_release(r);
            r->finished = r->any_call = false;
            r->usage = (struct chat_usage){0};
        }
        break;
    case CHAT_EV_END:
    case CHAT_EV_ERROR:
        r->ended = true;
        break;
    }
    return ok ? BASE_OK : base_err_set(err, BASE_LIMIT, "the answer is too large to collect");
}

static void stream_event(struct gw_reply *r, const struct chat_event *ev, struct base_buf *out)
{
    switch (ev->kind) {
    case CHAT_EV_START:
    case CHAT_EV_USAGE:
    case CHAT_EV_VECTOR:
        break;
    case CHAT_EV_FINISH:
        message_start(r, out);
        pump(r, true, out);
        break;
    case CHAT_EV_END:
        stream_end(r, out);
        break;
    case CHAT_EV_ERROR:
        stream_error(r, &ev->error, out);
        break;
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
        pump(r, r->finished, out);
        break;
    }
}

static enum base_status reply_event(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err)
{
    if (r->ended)
        return base_err_set(err, BASE_EBUG, "an event after the end of an answer");
    enum base_status st = collect(r, ev, err);
    if (st != BASE_OK)
        return st;
    if (r->stream)
        stream_event(r, ev, out);
    else if (ev->kind == CHAT_EV_END)
        put_whole(r, out);
    if (!base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT, "the answer does not fit its buffer");
    return BASE_OK;
}

const struct gw_dialect gw_dialect_anthropic = {.name = "anthropic",
                                                .id_prefix = "msg_",
                                                .id_header = "request-id",
                                                .blocks = true,
                                                .parse = gw_anthropic_parse,
                                                .reply_new = reply_new,
                                                .reply_event = reply_event,
                                                .error_body = gw_anthropic_error_body};
