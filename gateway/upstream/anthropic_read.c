/* anthropic_read.c - Anthropic's messages, streamed or whole -> chat_events.
 *
 * Owns       nothing beyond the reader (wire.c). A block's index is its slot; only tool_use blocks
 *            have one of ours.
 * Own blocks Of a kind that has no events here (redacted thinking, what server tools do) a block is
 *            collected and given out whole, as CHAT_EV_BLOCK, at its stop.
 * Runs on    the attempt's loop.
 * Format     message_start, then for each block content_block_start, _delta.., _stop, then
 *            message_delta (stop_reason, usage), message_stop. `ping` and event types that are not
 *            known are skipped; `error` ends the answer. What counts is the data's own `type`.
 * Invariants - complete only after message_stop;
 *            - usage in message_delta is cumulative: its members replace what message_start said;
 *            - input_tokens there excludes cached tokens: ours is the sum of all three;
 *            - a call without any arguments ends with "{}", as OpenAI's clients expect.
 * Fails by   BASE_EPROTO for JSON that is none and for blocks that were never opened.
 */
#include "gateway/upstream/anthropic_int.h"

/* Replaces what u names and keeps the rest. cache_read and cache_write are part of the input. */
static void read_usage(struct gw_wire_reader *w, const json_t *u)
{
    struct chat_usage *to = &w->usage;
    int64_t plain = to->input_tokens - to->cached_tokens - to->cache_write_tokens;

    if (json_is_number(json_object_get(u, "input_tokens")))
        plain = gw_json_get_count(u, "input_tokens");
    if (json_is_number(json_object_get(u, "cache_read_input_tokens")))
        to->cached_tokens = gw_json_get_count(u, "cache_read_input_tokens");
    if (json_is_number(json_object_get(u, "cache_creation_input_tokens")))
        to->cache_write_tokens = gw_json_get_count(u, "cache_creation_input_tokens");
    if (json_is_number(json_object_get(u, "output_tokens")))
        to->output_tokens = gw_json_get_count(u, "output_tokens");
    if (gw_json_get_obj(u, "output_tokens_details"))
        to->reasoning_tokens =
            gw_json_get_count(gw_json_get_obj(u, "output_tokens_details"), "thinking_tokens");
    to->input_tokens = plain + to->cached_tokens + to->cache_write_tokens;
}

static const struct gw_wire_word finish_words[] = {{"end_turn", CHAT_FINISH_STOP},
                                                   {"max_tokens", CHAT_FINISH_LENGTH},
                                                   {"tool_use", CHAT_FINISH_TOOL_CALLS},
                                                   {"refusal", CHAT_FINISH_CONTENT_FILTER}};

static void read_error(struct gw_wire_reader *w, const json_t *root)
{
    const json_t *e = gw_json_get_obj(root, "error");
    struct base_str message = gw_json_get_str(e, "message");

    gw_wire_fail(w, 0, gw_json_get_str(e, "type"), BASE_STR_NULL,
                 message.n ? message : BASE_STR("The upstream reported an error."));
}

/* A call's input that came whole, as arguments. */
static enum base_status read_input(struct gw_wire_reader *w, int64_t at, const json_t *input,
                                   struct base_err *err)
{
    struct base_buf b;

    if (!json_is_object(input) || json_object_size(input) == 0)
        return BASE_OK;
    base_buf_init(&b, GW_WIRE_EVENT_BYTES_MAX);
    gw_json_put(&b, input);
    enum base_status st = gw_wire_args(w, at, base_buf_view(&b), err);
    base_buf_release(&b);
    return st;
}

/* JSON of the upstream's own as an event. */
static enum base_status give_json(struct gw_wire_reader *w, enum chat_event_kind kind, int64_t at,
                                  const json_t *v)
{
    struct base_buf b;
    if (!json_is_object(v))
        return BASE_OK;
    base_buf_init(&b, GW_WIRE_BODY_BYTES_MAX);
    gw_json_put(&b, v);
    enum base_status st = gw_wire_piece(w, kind, at, base_buf_view(&b));
    base_buf_release(&b);
    return st;
}

static void raw_drop(struct gw_wire_reader *w)
{
    json_decref(w->raw);
    w->raw = NULL;
    base_buf_clear(&w->raw_input);
}

static enum base_status raw_close(struct gw_wire_reader *w, struct base_err *err)
{
    enum base_status st = BASE_OK;
    json_t *input = w->raw_input.n ? gw_json_load(base_buf_view(&w->raw_input), true, NULL) : NULL;
    if (w->raw_input.n && !input)
        st = base_err_set(err, BASE_EPROTO, "the input of a block of the upstream's is no JSON");
    if (input)
        json_object_set_new(w->raw, "input", input);
    if (st == BASE_OK)
        st = give_json(w, CHAT_EV_BLOCK, w->raw_at, w->raw);
    raw_drop(w);
    return st;
}

/* The end of a block: a call has some arguments by now, or it has none. */
static enum base_status close_block(struct gw_wire_reader *w, int64_t at, struct base_err *err)
{
    if (w->raw && w->raw_at == at)
        return raw_close(w, err);
    if (at < 0 || at >= GW_WIRE_CALLS_MAX || w->slot[at].ours < 0 || w->slot[at].args)
        return BASE_OK;
    return gw_wire_args(w, at, BASE_STR("{}"), err);
}

static enum base_status read_text(struct gw_wire_reader *w, int64_t at, const json_t *block)
{
    const json_t *cites = json_object_get(block, "citations");
    enum base_status st = gw_wire_piece(w, CHAT_EV_TEXT, at, gw_json_get_str(block, "text"));
    for (size_t i = 0; i < json_array_size(cites) && st == BASE_OK; i++)
        st = give_json(w, CHAT_EV_CITATION, at, json_array_get(cites, i));
    return st;
}

static enum base_status open_block(struct gw_wire_reader *w, int64_t at, const json_t *block,
                                   struct base_err *err)
{
    struct base_str type = gw_json_get_str(block, "type");

    if (at < 0 || at >= GW_WIRE_CALLS_MAX)
        return base_err_set(err, BASE_EPROTO, "the upstream's content block has a bad index");
    if (base_str_is(type, "text"))
        return read_text(w, at, block);
    if (base_str_is(type, "thinking")) {
        enum base_status said =
            gw_wire_piece(w, CHAT_EV_REASONING, at, gw_json_get_str(block, "thinking"));
        return said == BASE_OK
                   ? gw_wire_text(w, CHAT_EV_SIGNATURE, gw_json_get_str(block, "signature"))
                   : said;
    }
    if (!base_str_is(type, "tool_use")) {
        raw_drop(w);
        w->raw = json_deep_copy(block); /* its own: members are set in it */
        w->raw_at = at;
        return w->raw || !block ? BASE_OK : BASE_ENOMEM;
    }
    if (w->slot[at].ours >= 0 || gw_json_get_str(block, "name").n == 0)
        return base_err_set(err, BASE_EPROTO, "the upstream's tool call is malformed");
    enum base_status st =
        gw_wire_call(w, at, gw_json_get_str(block, "id"), gw_json_get_str(block, "name"), err);
    return st == BASE_OK ? read_input(w, at, json_object_get(block, "input"), err) : st;
}

static enum base_status read_delta(struct gw_wire_reader *w, int64_t at, const json_t *delta,
                                   struct base_err *err)
{
    struct base_str type = gw_json_get_str(delta, "type");

    if (base_str_is(type, "text_delta"))
        return gw_wire_piece(w, CHAT_EV_TEXT, at, gw_json_get_str(delta, "text"));
    if (base_str_is(type, "thinking_delta"))
        return gw_wire_piece(w, CHAT_EV_REASONING, at, gw_json_get_str(delta, "thinking"));
    if (base_str_is(type, "signature_delta"))
        return gw_wire_text(w, CHAT_EV_SIGNATURE, gw_json_get_str(delta, "signature"));
    if (base_str_is(type, "citations_delta"))
        return give_json(w, CHAT_EV_CITATION, at, json_object_get(delta, "citation"));
    if (!base_str_is(type, "input_json_delta"))
        return BASE_OK; /* of a kind that is not known */
    if (w->raw && w->raw_at == at)
        return base_buf_str(&w->raw_input, gw_json_get_str(delta, "partial_json"))
                   ? BASE_OK
                   : base_err_set(err, BASE_EPROTO, "the input of an upstream's block is too long");
    return gw_wire_args(w, at, gw_json_get_str(delta, "partial_json"), err);
}

static enum base_status read_start(struct gw_wire_reader *w, const json_t *message)
{
    const json_t *usage = gw_json_get_obj(message, "usage");
    enum base_status st =
        gw_wire_start(w, gw_json_get_str(message, "id"), gw_json_get_str(message, "model"));

    if (st == BASE_OK && usage) {
        read_usage(w, usage);
        st = gw_wire_usage(w);
    }
    return st;
}

/* Why the answer ends, of a message or of a message_delta's delta. */
static enum base_status read_stop(struct gw_wire_reader *w, const json_t *from)
{
    const json_t *reason = json_object_get(from, "stop_reason");
    struct base_str word = gw_json_str(reason);

    if (base_str_is(word, "stop_sequence"))
        return gw_wire_finish(w, CHAT_FINISH_STOP_SEQUENCE, gw_json_get_str(from, "stop_sequence"));
    if (base_str_is(word, "model_context_window_exceeded"))
        return gw_wire_finish(w, CHAT_FINISH_LENGTH, word);
    return gw_wire_finish_word(w, reason, finish_words, sizeof finish_words / sizeof *finish_words);
}

static enum base_status read_message_delta(struct gw_wire_reader *w, const json_t *root)
{
    const json_t *usage = gw_json_get_obj(root, "usage");
    enum base_status st = BASE_OK;

    if (usage) {
        read_usage(w, usage);
        st = gw_wire_usage(w);
    }
    if (st == BASE_OK)
        st = read_stop(w, gw_json_get_obj(root, "delta"));
    return st;
}

static enum base_status dispatch(struct gw_wire_reader *w, const json_t *root, struct base_err *err)
{
    struct base_str type = gw_json_get_str(root, "type");
    const json_t *index = json_object_get(root, "index");
    int64_t at = json_is_integer(index) ? json_integer_value(index) : -1;

    if (base_str_is(type, "error")) {
        read_error(w, root);
        return BASE_OK;
    }
    if (base_str_is(type, "message_start"))
        return read_start(w, gw_json_get_obj(root, "message"));
    if (base_str_is(type, "content_block_start"))
        return open_block(w, at, gw_json_get_obj(root, "content_block"), err);
    if (base_str_is(type, "content_block_delta"))
        return read_delta(w, at, gw_json_get_obj(root, "delta"), err);
    if (base_str_is(type, "content_block_stop"))
        return close_block(w, at, err);
    if (base_str_is(type, "message_delta"))
        return read_message_delta(w, root);
    if (base_str_is(type, "message_stop"))
        w->end_seen = true;
    return BASE_OK;
}

static enum base_status read_event(struct gw_wire_reader *w, const struct gw_sse_event *ev,
                                   struct base_err *err)
{
    struct base_err why;

    if (base_str_trim(ev->data).n == 0)
        return BASE_OK;
    json_t *root = gw_json_load(ev->data, true, &why);
    if (!root)
        return base_err_set(err, BASE_EPROTO, "the upstream's stream: %s", why.text);
    enum base_status st = dispatch(w, root, err);
    json_decref(root);
    return st;
}

static enum base_status read_body(struct gw_wire_reader *w, const json_t *root,
                                  struct base_err *err)
{
    const json_t *content = json_object_get(root, "content");
    enum base_status st;

    if (base_str_is(gw_json_get_str(root, "type"), "error")) {
        read_error(w, root);
        return BASE_OK;
    }
    if (!json_is_array(content))
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has no content");
    st = read_start(w, root);
    for (size_t i = 0; i < json_array_size(content) && st == BASE_OK; i++) {
        st = open_block(w, (int64_t)i, json_array_get(content, i), err);
        if (st == BASE_OK)
            st = close_block(w, (int64_t)i, err);
    }
    if (st == BASE_OK)
        st = read_stop(w, root);
    return st;
}

static void error_parse(int status, struct base_str body, struct base_arena *a,
                        struct chat_error *out)
{
    json_t *root = body.n ? gw_json_load(body, true, NULL) : NULL;
    const json_t *e = gw_json_get_obj(root, "error");

    gw_wire_error_fill(a, status, gw_json_get_str(e, "type"), BASE_STR_NULL,
                       gw_json_get_str(e, "message"), out);
    out->body = base_arena_dup(a, body);
    json_decref(root);
}

static const struct gw_wire_reader_ops reader_ops = {
    .event = read_event, .body = read_body, .end_name = "message_stop"};

static struct gw_wire_reader *reader_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&reader_ops, stream, fn, ctx);
}

const struct gw_wire gw_wire_anthropic = {.name = "anthropic",
                                          .write = gw_anthropic_write,
                                          .reader_new = reader_new,
                                          .reader_free = gw_wire_reader_free,
                                          .reader_feed = gw_wire_reader_feed,
                                          .reader_end = gw_wire_reader_end,
                                          .error_parse = error_parse};

/* ---- counts ---- */

static enum base_status read_count(struct gw_wire_reader *w, const json_t *root,
                                   struct base_err *err)
{
    if (base_str_is(gw_json_get_str(root, "type"), "error")) {
        read_error(w, root);
        return BASE_OK;
    }
    if (!json_is_integer(json_object_get(root, "input_tokens")))
        return base_err_set(err, BASE_EPROTO, "the upstream's count holds no input_tokens");
    w->usage = (struct chat_usage){.input_tokens = gw_json_get_count(root, "input_tokens")};
    return gw_wire_usage(w);
}

static const struct gw_wire_reader_ops count_ops = {
    .event = read_event, .body = read_count, .end_name = "message_stop"};

static struct gw_wire_reader *count_reader_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&count_ops, stream, fn, ctx);
}

const struct gw_wire gw_wire_anthropic_count = {.name = "anthropic-count",
                                                .write = gw_anthropic_write,
                                                .reader_new = count_reader_new,
                                                .reader_free = gw_wire_reader_free,
                                                .reader_feed = gw_wire_reader_feed,
                                                .reader_end = gw_wire_reader_end,
                                                .error_parse = error_parse};
