/* cohere_read.c - Cohere's v2 chat, streamed or whole -> chat_events.
 *
 * Owns       nothing beyond the reader (wire.c). A call's index is its slot.
 * Runs on    the attempt's loop.
 * Format     server-sent events whose data has a `type`: message-start, content-start / -delta /
 *            -end (text or thinking), tool-plan-delta, tool-call-start / -delta / -end, citation-*,
 *            message-end (finish_reason, usage). Types that are not known are skipped.
 * Invariants - complete only after message-end;
 *            - finish_reason ERROR and TIMEOUT are errors, not ends;
 *            - a tool plan is a thought;
 *            - tokens are what is billed where that is told: the model's own count has Cohere's
 *              preamble in it;
 *            - a call without any arguments ends with "{}", as OpenAI's clients expect.
 * Fails by   BASE_EPROTO for JSON that is none and for calls that were never opened.
 */
#include "gateway/upstream/cohere_int.h"

static const struct gw_wire_word finish_words[] = {
    {"COMPLETE", CHAT_FINISH_STOP},        {"STOP_SEQUENCE", CHAT_FINISH_STOP_SEQUENCE},
    {"MAX_TOKENS", CHAT_FINISH_LENGTH},    {"ERROR_LIMIT", CHAT_FINISH_LENGTH},
    {"TOOL_CALL", CHAT_FINISH_TOOL_CALLS}, {"ERROR_TOXIC", CHAT_FINISH_CONTENT_FILTER}};

/* Whole numbers that come as 12.0. */
static int64_t count(const json_t *o, const char *key)
{
    double v = json_number_value(json_object_get(o, key));
    return v > 0 && v < 1e15 ? (int64_t)v : 0;
}

static enum base_status read_usage(struct gw_wire_reader *w, const json_t *u)
{
    const json_t *from = gw_json_get_obj(u, "billed_units");

    if (!u)
        return BASE_OK;
    if (!json_object_get(from, "input_tokens") && !json_object_get(from, "output_tokens"))
        from = gw_json_get_obj(u, "tokens");
    w->usage.input_tokens = count(from, "input_tokens");
    w->usage.output_tokens = count(from, "output_tokens");
    w->usage.cached_tokens = count(u, "cached_tokens");
    return gw_wire_usage(w);
}

/* finish_reason and usage of end, which also names what went wrong. */
static enum base_status read_end(struct gw_wire_reader *w, const json_t *end)
{
    const json_t *word = json_object_get(end, "finish_reason");
    struct base_str s = gw_json_str(word), why = gw_json_get_str(end, "error");

    if (base_str_is(s, "ERROR") || base_str_is(s, "TIMEOUT") || why.n > 0) {
        gw_wire_fail(w, base_str_is(s, "TIMEOUT") ? 504 : 500, s, s,
                     why.n ? why : BASE_STR("The upstream's answer broke off."));
        return BASE_OK;
    }
    enum base_status st =
        gw_wire_finish_word(w, word, finish_words, sizeof finish_words / sizeof *finish_words);
    return st == BASE_OK ? read_usage(w, gw_json_get_obj(end, "usage")) : st;
}

static enum base_status read_content(struct gw_wire_reader *w, const json_t *c)
{
    enum base_status st = gw_wire_text(w, CHAT_EV_REASONING, gw_json_get_str(c, "thinking"));
    return st == BASE_OK ? gw_wire_text(w, CHAT_EV_TEXT, gw_json_get_str(c, "text")) : st;
}

static enum base_status read_call(struct gw_wire_reader *w, int64_t at, const json_t *call,
                                  struct base_err *err)
{
    const json_t *f = gw_json_get_obj(call, "function");

    if (at < 0 || at >= GW_WIRE_CALLS_MAX || w->slot[at].ours >= 0 ||
        gw_json_get_str(f, "name").n == 0)
        return base_err_set(err, BASE_EPROTO, "the upstream's tool call is malformed");
    enum base_status st =
        gw_wire_call(w, at, gw_json_get_str(call, "id"), gw_json_get_str(f, "name"), err);
    return st == BASE_OK ? gw_wire_args(w, at, gw_json_get_str(f, "arguments"), err) : st;
}

static enum base_status close_call(struct gw_wire_reader *w, int64_t at, struct base_err *err)
{
    if (at < 0 || at >= GW_WIRE_CALLS_MAX || w->slot[at].ours < 0 || w->slot[at].args)
        return BASE_OK;
    return gw_wire_args(w, at, BASE_STR("{}"), err);
}

/* ---- streams ---- */

static enum base_status dispatch(struct gw_wire_reader *w, const json_t *root, struct base_err *err)
{
    struct base_str type = gw_json_get_str(root, "type");
    const json_t *delta = gw_json_get_obj(root, "delta");
    const json_t *message = gw_json_get_obj(delta, "message");
    const json_t *call = gw_json_get_obj(message, "tool_calls");
    const json_t *index = json_object_get(root, "index");
    int64_t at = json_is_integer(index) ? json_integer_value(index) : -1;

    if (type.n == 0 && gw_json_get_str(root, "message").n > 0) {
        gw_wire_fail(w, 0, BASE_STR_NULL, BASE_STR_NULL, gw_json_get_str(root, "message"));
        return BASE_OK;
    }
    if (base_str_is(type, "message-start"))
        return gw_wire_start(w, gw_json_get_str(root, "id"), BASE_STR_NULL);
    if (base_str_is(type, "content-start") || base_str_is(type, "content-delta"))
        return read_content(w, gw_json_get_obj(message, "content"));
    if (base_str_is(type, "tool-plan-delta"))
        return gw_wire_text(w, CHAT_EV_REASONING, gw_json_get_str(message, "tool_plan"));
    if (base_str_is(type, "tool-call-start"))
        return read_call(w, at, call, err);
    if (base_str_is(type, "tool-call-delta"))
        return gw_wire_args(w, at, gw_json_get_str(gw_json_get_obj(call, "function"), "arguments"),
                            err);
    if (base_str_is(type, "tool-call-end"))
        return close_call(w, at, err);
    if (!base_str_is(type, "message-end"))
        return BASE_OK;
    w->end_seen = true;
    return read_end(w, delta);
}

static enum base_status read_event(struct gw_wire_reader *w, const struct gw_sse_event *ev,
                                   struct base_err *err)
{
    struct base_err why;
    struct base_str data = base_str_trim(ev->data);

    if (data.n == 0 || base_str_is(data, "[DONE]"))
        return BASE_OK;
    json_t *root = gw_json_load(data, true, &why);
    if (!root)
        return base_err_set(err, BASE_EPROTO, "the upstream's stream: %s", why.text);
    enum base_status st = dispatch(w, root, err);
    json_decref(root);
    return st;
}

/* ---- whole answers ---- */

static enum base_status read_body(struct gw_wire_reader *w, const json_t *root,
                                  struct base_err *err)
{
    const json_t *message = gw_json_get_obj(root, "message");
    const json_t *content = json_object_get(message, "content");
    const json_t *calls = json_object_get(message, "tool_calls");

    if (!message)
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has no message");
    if (json_array_size(calls) > GW_WIRE_CALLS_MAX)
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has too many tool calls");
    enum base_status st = gw_wire_start(w, gw_json_get_str(root, "id"), BASE_STR_NULL);
    if (st == BASE_OK)
        st = gw_wire_text(w, CHAT_EV_REASONING, gw_json_get_str(message, "tool_plan"));
    for (size_t i = 0; i < json_array_size(content) && st == BASE_OK; i++)
        st = read_content(w, json_array_get(content, i));
    for (size_t i = 0; i < json_array_size(calls) && st == BASE_OK; i++) {
        st = read_call(w, (int64_t)i, json_array_get(calls, i), err);
        if (st == BASE_OK)
            st = close_call(w, (int64_t)i, err);
    }
    return st == BASE_OK ? read_end(w, root) : st;
}

void gw_cohere_error_parse(int status, struct base_str body, struct base_arena *a,
                           struct chat_error *out)
{
    json_t *root = body.n ? gw_json_load(body, true, NULL) : NULL;

    gw_wire_error_fill(a, status, BASE_STR_NULL, BASE_STR_NULL, gw_json_get_str(root, "message"),
                       out);
    if (status == 498) { /* Cohere's own number for a key that is not valid */
        out->status = 401;
        out->retryable = false;
    }
    out->body = base_arena_dup(a, body);
    json_decref(root);
}

static const struct gw_wire_reader_ops reader_ops = {
    .event = read_event, .body = read_body, .end_name = "message-end"};

static struct gw_wire_reader *reader_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&reader_ops, stream, fn, ctx);
}

const struct gw_wire gw_wire_cohere = {.name = "cohere",
                                       .write = gw_cohere_write,
                                       .reader_new = reader_new,
                                       .reader_free = gw_wire_reader_free,
                                       .reader_feed = gw_wire_reader_feed,
                                       .reader_end = gw_wire_reader_end,
                                       .error_parse = gw_cohere_error_parse};
