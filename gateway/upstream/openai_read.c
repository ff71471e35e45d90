/* openai_read.c - OpenAI's chat completions, streamed or whole -> chat_events. Azure's are the
 * same, Mistral's and other servers' nearly.
 *
 * Owns       nothing beyond the reader (wire.c).
 * Runs on    the attempt's loop.
 * Invariants - a stream is complete when `data: [DONE]` came; a finish_reason alone is not enough;
 *            - only choice 0 is read (one choice is asked for);
 *            - an `error` object, in a chunk or instead of an answer, ends it as CHAT_EV_ERROR;
 *            - usage chunks replace one another; they may come before or after the finish;
 *            - a chunk without choices that comes first and has no id (Azure's verdict on the
 *              prompt) is not the start of the answer;
 *            - finish_reason "error" is an error, not an end.
 * Tolerated  what compatible servers do: `reasoning` for `reasoning_content`, content as an array
 *            of text parts, tool calls without index or id or with all indices 0, arguments as an
 *            object, unknown members; Mistral's content as chunks, thoughts among them, an id
 *            that is the word null, and {"object": "error"} in place of {"error": ...}.
 * Fails by   BASE_EPROTO naming the member that is wrong.
 */
#include "gateway/upstream/openai_int.h"

/* ---- the pieces of a message or delta ---- */

static void read_usage(struct gw_wire_reader *w, const json_t *u)
{
    const json_t *in = gw_json_get_obj(u, "prompt_tokens_details");
    const json_t *out = gw_json_get_obj(u, "completion_tokens_details");

    w->usage =
        (struct chat_usage){.set = true,
                            .input_tokens = gw_json_get_count(u, "prompt_tokens"),
                            .output_tokens = gw_json_get_count(u, "completion_tokens"),
                            .cached_tokens = gw_json_get_count(in, "cached_tokens"),
                            .cache_write_tokens = gw_json_get_count(in, "cache_write_tokens"),
                            .reasoning_tokens = gw_json_get_count(out, "reasoning_tokens")};
}

static bool absent(const json_t *v)
{
    return !v || json_is_null(v);
}

/* {"type": "thinking", "thinking": [{"type": "text", "text": ...}]}, or a text. */
static enum base_status read_thinking(struct gw_wire_reader *w, const json_t *v)
{
    enum base_status st = gw_wire_text(w, CHAT_EV_REASONING, gw_json_str(v));

    for (size_t i = 0; i < json_array_size(v) && st == BASE_OK; i++)
        st = gw_wire_text(w, CHAT_EV_REASONING, gw_json_get_str(json_array_get(v, i), "text"));
    return st;
}

/* A member that is text, null, absent, or an array of text parts. */
static enum base_status read_text(struct gw_wire_reader *w, const json_t *v,
                                  enum chat_event_kind kind, const char *name, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (absent(v))
        return BASE_OK;
    if (json_is_string(v))
        return gw_wire_text(w, kind, gw_json_str(v));
    if (!json_is_array(v))
        return base_err_set(err, BASE_EPROTO, "the upstream's %s is no text", name);
    for (size_t i = 0; i < json_array_size(v) && st == BASE_OK; i++) {
        const json_t *part = json_array_get(v, i);
        if (base_str_is(gw_json_get_str(part, "type"), "text"))
            st = gw_wire_text(w, kind, gw_json_get_str(part, "text"));
        else if (base_str_is(gw_json_get_str(part, "type"), "thinking"))
            st = read_thinking(w, json_object_get(part, "thinking"));
    }
    return st;
}

/* Which slot a call belongs to: its index, or its place where the server gives none. */
static int64_t slot_of(const json_t *call, size_t place)
{
    const json_t *index = json_object_get(call, "index");
    return json_is_integer(index) ? json_integer_value(index) : (int64_t)place;
}

static enum base_status read_args(struct gw_wire_reader *w, int64_t at, const json_t *v,
                                  struct base_err *err)
{
    if (absent(v))
        return BASE_OK;
    if (json_is_string(v))
        return gw_wire_args(w, at, gw_json_str(v), err);
    if (!json_is_object(v))
        return base_err_set(err, BASE_EPROTO, "the upstream's tool arguments are no text");
    struct base_buf b;
    base_buf_init(&b, GW_WIRE_EVENT_BYTES_MAX);
    gw_json_put(&b, v);
    enum base_status st = gw_wire_args(w, at, base_buf_view(&b), err);
    base_buf_release(&b);
    return st;
}

static enum base_status read_call(struct gw_wire_reader *w, const json_t *call, size_t place,
                                  struct base_err *err)
{
    const json_t *f = gw_json_get_obj(call, "function");
    struct base_str id = gw_json_get_str(call, "id"), name = gw_json_get_str(f, "name");
    int64_t at = slot_of(call, place);
    enum base_status st = BASE_OK;

    if (base_str_is(id, "null"))
        id = BASE_STR_NULL; /* what Mistral's servers say for none */
    if (!json_is_object(call) || at < 0 || at >= GW_WIRE_CALLS_MAX)
        return base_err_set(err, BASE_EPROTO, "the upstream's tool call has a bad index");
    /* Servers that number every call 0 give each a new id. */
    bool other = id.n > 0 && name.n > 0 && !base_str_eq(id, w->slot[at].id);
    if (w->slot[at].ours < 0 || other) {
        if (name.n == 0)
            return base_err_set(err, BASE_EPROTO, "the upstream's tool call has no name");
        st = gw_wire_call(w, at, id, name, err);
    }
    return st == BASE_OK ? read_args(w, at, json_object_get(f, "arguments"), err) : st;
}

static enum base_status read_message(struct gw_wire_reader *w, const json_t *m,
                                     struct base_err *err)
{
    const json_t *reasoning = json_object_get(m, "reasoning_content");
    const json_t *calls = json_object_get(m, "tool_calls");

    if (absent(reasoning))
        reasoning = json_object_get(m, "reasoning");
    enum base_status st = BASE_OK;
    if (json_is_string(reasoning))
        st = gw_wire_text(w, CHAT_EV_REASONING, gw_json_str(reasoning));
    if (st == BASE_OK)
        st = read_text(w, json_object_get(m, "content"), CHAT_EV_TEXT, "content", err);
    if (st == BASE_OK)
        st = read_text(w, json_object_get(m, "refusal"), CHAT_EV_REFUSAL, "refusal", err);
    if (st == BASE_OK && !absent(calls) && !json_is_array(calls))
        return base_err_set(err, BASE_EPROTO, "the upstream's tool_calls are no array");
    for (size_t i = 0; i < json_array_size(calls) && st == BASE_OK; i++)
        st = read_call(w, json_array_get(calls, i), i, err);
    return st;
}

static const struct gw_wire_word finish_words[] = {{"stop", CHAT_FINISH_STOP},
                                                   {"length", CHAT_FINISH_LENGTH},
                                                   {"model_length", CHAT_FINISH_LENGTH},
                                                   {"tool_calls", CHAT_FINISH_TOOL_CALLS},
                                                   {"function_call", CHAT_FINISH_TOOL_CALLS},
                                                   {"content_filter", CHAT_FINISH_CONTENT_FILTER}};

/* ---- errors ---- */

/* {"error": {...}} or {"error": "text"} -> its words; code may be a number. */
struct words {
    struct base_str type, code, message;
    char number[24];
};

static void error_words(const json_t *e, struct words *out)
{
    *out = (struct words){.message = gw_json_str(e)};
    if (!json_is_object(e))
        return;
    out->type = gw_json_get_str(e, "type");
    out->code = gw_json_get_str(e, "code");
    out->message = gw_json_get_str(e, "message");
    if (json_is_integer(json_object_get(e, "code"))) {
        long long n = json_integer_value(json_object_get(e, "code"));
        int len = snprintf(out->number, sizeof out->number, "%lld", n);
        out->code = base_str_n(out->number, (size_t)len);
    }
}

/* True if root carries an error (the SDKs' own test: the member is there and not falsy). */
static bool read_error(struct gw_wire_reader *w, const json_t *root)
{
    const json_t *e = json_object_get(root, "error");
    struct words x;

    if (base_str_is(gw_json_get_str(root, "object"), "error"))
        e = root;
    if (!json_is_object(e) && gw_json_str(e).n == 0)
        return false;
    error_words(e, &x);
    gw_wire_fail(w, 0, x.type, x.code,
                 x.message.n ? x.message : BASE_STR("The upstream reported an error."));
    return true;
}

void gw_openai_error_parse(int status, struct base_str body, struct base_arena *a,
                           struct chat_error *out)
{
    struct words x = {0};
    json_t *root = body.n ? gw_json_load(body, true, NULL) : NULL;

    if (root) {
        const json_t *e = json_object_get(root, "error");
        error_words(e ? e : root, &x);
        if (x.message.n == 0)
            x.message = gw_json_get_str(root, "message");
        if (x.message.n == 0)
            x.message = gw_json_get_str(root, "detail");
    }
    gw_wire_error_fill(a, status, x.type, x.code, x.message, out);
    out->body = base_arena_dup(a, body);
    json_decref(root);
}

/* ---- the two shapes ---- */

static enum base_status read_choice(struct gw_wire_reader *w, const json_t *root,
                                    const char *member, struct base_err *err)
{
    const json_t *choices = json_object_get(root, "choices");
    enum base_status st = BASE_OK;

    if (!absent(choices) && !json_is_array(choices))
        return base_err_set(err, BASE_EPROTO, "the upstream's choices are no array");
    for (size_t i = 0; i < json_array_size(choices) && st == BASE_OK; i++) {
        const json_t *c = json_array_get(choices, i);
        if (json_integer_value(json_object_get(c, "index")) != 0)
            continue;
        if (base_str_is(gw_json_get_str(c, "finish_reason"), "error")) {
            gw_wire_fail(w, 502, BASE_STR("server_error"), BASE_STR_NULL,
                         BASE_STR("The upstream broke off its answer."));
            return BASE_OK; /* before its message: nothing of a whole answer is given out */
        }
        st = read_message(w, gw_json_get_obj(c, member), err);
        if (st == BASE_OK)
            st = gw_wire_finish_word(w, json_object_get(c, "finish_reason"), finish_words,
                                     sizeof finish_words / sizeof *finish_words);
    }
    return st;
}

static enum base_status read_event(struct gw_wire_reader *w, const struct gw_sse_event *ev,
                                   struct base_err *err)
{
    struct base_err why;

    if (base_str_starts(ev->data, BASE_STR("[DONE]"))) {
        w->end_seen = true;
        return BASE_OK;
    }
    if (base_str_trim(ev->data).n == 0)
        return BASE_OK;
    json_t *root = gw_json_load(ev->data, true, &why);
    if (!root)
        return base_err_set(err, BASE_EPROTO, "the upstream's stream: %s", why.text);
    enum base_status st = BASE_OK;
    if (!read_error(w, root)) {
        const json_t *usage = gw_json_get_obj(root, "usage");
        if (gw_json_get_str(root, "id").n || json_array_size(json_object_get(root, "choices")))
            st = gw_wire_start(w, gw_json_get_str(root, "id"), gw_json_get_str(root, "model"));
        if (st == BASE_OK)
            st = read_choice(w, root, "delta", err);
        if (st == BASE_OK && usage) {
            read_usage(w, usage);
            st = gw_wire_usage(w);
        }
    }
    json_decref(root);
    return st;
}

static enum base_status read_body(struct gw_wire_reader *w, const json_t *root,
                                  struct base_err *err)
{
    if (read_error(w, root))
        return BASE_OK;
    const json_t *first = json_array_get(json_object_get(root, "choices"), 0);
    if (!gw_json_get_obj(first, "message"))
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has no choices[0].message");
    enum base_status st =
        gw_wire_start(w, gw_json_get_str(root, "id"), gw_json_get_str(root, "model"));
    if (st == BASE_OK)
        st = read_choice(w, root, "message", err);
    const json_t *usage = gw_json_get_obj(root, "usage");
    if (st == BASE_OK && usage) {
        read_usage(w, usage);
        st = gw_wire_usage(w);
    }
    return st;
}

static const struct gw_wire_reader_ops reader_ops = {
    .event = read_event, .body = read_body, .end_name = "[DONE]"};

struct gw_wire_reader *gw_openai_reader_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&reader_ops, stream, fn, ctx);
}

const struct gw_wire gw_wire_openai = {.name = "openai",
                                       .write = gw_openai_write,
                                       .reader_new = gw_openai_reader_new,
                                       .reader_free = gw_wire_reader_free,
                                       .reader_feed = gw_wire_reader_feed,
                                       .reader_end = gw_wire_reader_end,
                                       .error_parse = gw_openai_error_parse};
