/* bedrock_read.c - Bedrock's Converse and ConverseStream answers -> chat_events.
 *
 * Owns       nothing beyond the reader (wire.c); a frame that is not whole yet waits in its body.
 * Runs on    the attempt's loop.
 * Format     a stream is frames of application/vnd.amazon.eventstream (eventstream.c), each with
 * one JSON object: messageStart, contentBlockStart / -Delta / -Stop by contentBlockIndex,
 *            messageStop (stopReason), metadata (usage). Exceptions are frames too. Event types
 * that are not known are skipped. Invariants - complete after metadata; or, should that be missing,
 * when HTTP's message ends behind messageStop. Never without messageStop, and never with half a
 * frame left over;
 *            - totalTokens counts what was read from and written to a cache, inputTokens does not:
 *              ours is the total less the output;
 *            - a call without any arguments ends with "{}", as OpenAI's clients expect;
 *            - an answer that the service itself calls malformed is an error, not an end.
 * Fails by   BASE_EPROTO for frames and JSON that do not hold and for blocks never opened.
 */
#include "gateway/upstream/bedrock_int.h"
#include "gateway/upstream/eventstream.h"

static const struct gw_wire_word finish_words[] = {
    {"end_turn", CHAT_FINISH_STOP},
    {"max_tokens", CHAT_FINISH_LENGTH},
    {"model_context_window_exceeded", CHAT_FINISH_LENGTH},
    {"stop_sequence", CHAT_FINISH_STOP_SEQUENCE},
    {"tool_use", CHAT_FINISH_TOOL_CALLS},
    {"guardrail_intervened", CHAT_FINISH_CONTENT_FILTER},
    {"content_filtered", CHAT_FINISH_CONTENT_FILTER}};

static enum base_status read_stop(struct gw_wire_reader *w, const json_t *root)
{
    const json_t *word = json_object_get(root, "stopReason");

    if (base_str_starts(gw_json_str(word), BASE_STR("malformed_"))) {
        gw_wire_fail(w, 502, gw_json_str(word), gw_json_str(word),
                     BASE_STR("The model's answer was malformed."));
        return BASE_OK;
    }
    return gw_wire_finish_word(w, word, finish_words, sizeof finish_words / sizeof *finish_words);
}

static enum base_status read_usage(struct gw_wire_reader *w, const json_t *u)
{
    struct chat_usage *to = &w->usage;

    if (!u)
        return BASE_OK;
    int64_t plain = gw_json_get_count(u, "inputTokens"),
            total = gw_json_get_count(u, "totalTokens");
    to->output_tokens = gw_json_get_count(u, "outputTokens");
    to->cached_tokens = gw_json_get_count(u, "cacheReadInputTokens");
    to->cache_write_tokens = gw_json_get_count(u, "cacheWriteInputTokens");
    to->input_tokens = total - to->output_tokens >= plain
                           ? total - to->output_tokens
                           : plain + to->cached_tokens + to->cache_write_tokens;
    return gw_wire_usage(w);
}

/* ---- blocks ---- */

static enum base_status open_call(struct gw_wire_reader *w, int64_t at, const json_t *call,
                                  struct base_err *err)
{
    if (json_object_get(call, "type"))
        return BASE_OK; /* a tool that the service runs itself */
    if (at < 0 || at >= GW_WIRE_CALLS_MAX || w->slot[at].ours >= 0 ||
        gw_json_get_str(call, "name").n == 0)
        return base_err_set(err, BASE_EPROTO, "the upstream's tool call is malformed");
    return gw_wire_call(w, at, gw_json_get_str(call, "toolUseId"), gw_json_get_str(call, "name"),
                        err);
}

static bool is_call(const struct gw_wire_reader *w, int64_t at)
{
    return at >= 0 && at < GW_WIRE_CALLS_MAX && w->slot[at].ours >= 0;
}

static enum base_status close_block(struct gw_wire_reader *w, int64_t at, struct base_err *err)
{
    if (!is_call(w, at) || w->slot[at].args)
        return BASE_OK;
    return gw_wire_args(w, at, BASE_STR("{}"), err);
}

/* Its text and what it is signed with; a stream sends one or the other, the signature last. */
static enum base_status put_thought(struct gw_wire_reader *w, const json_t *thought)
{
    enum base_status st = gw_wire_text(w, CHAT_EV_REASONING, gw_json_get_str(thought, "text"));

    if (st == BASE_OK)
        st = gw_wire_text(w, CHAT_EV_SIGNATURE, gw_json_get_str(thought, "signature"));
    return st;
}

static enum base_status read_delta(struct gw_wire_reader *w, int64_t at, const json_t *delta,
                                   struct base_err *err)
{
    const json_t *call = gw_json_get_obj(delta, "toolUse");
    const json_t *thought = gw_json_get_obj(delta, "reasoningContent");

    if (call) /* of a call that was not opened: a server's own tool */
        return is_call(w, at) ? gw_wire_args(w, at, gw_json_get_str(call, "input"), err) : BASE_OK;
    if (thought)
        return put_thought(w, thought);
    return gw_wire_text(w, CHAT_EV_TEXT, gw_json_get_str(delta, "text"));
}

/* ---- streams ---- */

static enum base_status dispatch(struct gw_wire_reader *w, struct base_str type, const json_t *root,
                                 struct base_err *err)
{
    const json_t *index = json_object_get(root, "contentBlockIndex");
    int64_t at = json_is_integer(index) ? json_integer_value(index) : -1;

    if (base_str_is(type, "messageStart"))
        return gw_wire_start(w, BASE_STR_NULL, BASE_STR_NULL);
    if (base_str_is(type, "contentBlockStart")) {
        const json_t *call = gw_json_get_obj(gw_json_get_obj(root, "start"), "toolUse");
        return call ? open_call(w, at, call, err) : BASE_OK;
    }
    if (base_str_is(type, "contentBlockDelta"))
        return read_delta(w, at, gw_json_get_obj(root, "delta"), err);
    if (base_str_is(type, "contentBlockStop"))
        return close_block(w, at, err);
    if (base_str_is(type, "messageStop"))
        return read_stop(w, root);
    if (!base_str_is(type, "metadata"))
        return BASE_OK;
    w->end_seen = w->finished;
    return read_usage(w, gw_json_get_obj(root, "usage"));
}

static enum base_status read_frame(struct gw_wire_reader *w, const struct gw_es_frame *f,
                                   struct base_err *err)
{
    struct base_err why;

    if (base_str_is(f->message_type, "exception")) {
        gw_bedrock_exception(w, f->exception_type, f->payload);
        return BASE_OK;
    }
    if (base_str_is(f->message_type, "error")) {
        gw_wire_fail(w, 0, f->error_code, f->error_code,
                     f->error_message.n ? f->error_message
                                        : BASE_STR("The upstream reported an error."));
        return BASE_OK;
    }
    if (!base_str_is(f->message_type, "event"))
        return base_err_set(err, BASE_EPROTO, "a frame of the upstream's stream is no event");
    json_t *root = gw_json_load(f->payload, true, &why);
    if (!root)
        return base_err_set(err, BASE_EPROTO, "the upstream's stream: %s", why.text);
    enum base_status st = dispatch(w, f->event_type, root, err);
    json_decref(root);
    return st;
}

static enum base_status read_frames(struct gw_wire_reader *w, struct base_err *err)
{
    struct base_str rest = base_buf_view(&w->body);
    enum base_status st = BASE_OK;

    while (st == BASE_OK && !w->end_seen && !w->failed) {
        struct gw_es_frame f;
        size_t used;
        st = gw_es_frame_read(rest, &f, &used, err);
        if (st != BASE_OK)
            break;
        st = read_frame(w, &f, err);
        rest = base_str_n(rest.p + used, rest.n - used);
    }
    base_buf_shift(&w->body, w->body.n - rest.n);
    return st == BASE_AGAIN ? BASE_OK : st;
}

static enum base_status complete(struct gw_wire_reader *w, struct base_err *err)
{
    if (!w->stream || w->end_seen)
        return BASE_OK;
    if (w->body.n > 0)
        return base_err_set(err, BASE_EPROTO, "the upstream's stream ended within a frame");
    w->end_seen = w->finished;
    return BASE_OK;
}

/* ---- whole answers ---- */

static enum base_status read_block(struct gw_wire_reader *w, int64_t at, const json_t *block,
                                   struct base_err *err)
{
    const json_t *call = gw_json_get_obj(block, "toolUse");
    const json_t *thought = gw_json_get_obj(block, "reasoningContent");
    const json_t *cited = json_object_get(gw_json_get_obj(block, "citationsContent"), "content");
    enum base_status st;

    if (thought)
        return put_thought(w, gw_json_get_obj(thought, "reasoningText"));
    if (!call) {
        st = gw_wire_text(w, CHAT_EV_TEXT, gw_json_get_str(block, "text"));
        for (size_t i = 0; i < json_array_size(cited) && st == BASE_OK; i++)
            st = gw_wire_text(w, CHAT_EV_TEXT, gw_json_get_str(json_array_get(cited, i), "text"));
        return st;
    }
    st = open_call(w, at, call, err);
    const json_t *input = json_object_get(call, "input");
    if (st == BASE_OK && is_call(w, at) && json_object_size(input) > 0) {
        struct base_buf b;
        base_buf_init(&b, GW_WIRE_EVENT_BYTES_MAX);
        gw_json_put(&b, input);
        st = gw_wire_args(w, at, base_buf_view(&b), err);
        base_buf_release(&b);
    }
    return st == BASE_OK ? close_block(w, at, err) : st;
}

static enum base_status read_body(struct gw_wire_reader *w, const json_t *root,
                                  struct base_err *err)
{
    const json_t *message = gw_json_get_obj(gw_json_get_obj(root, "output"), "message");
    const json_t *content = json_object_get(message, "content");
    enum base_status st;

    if (!json_is_array(content) || json_array_size(content) > GW_WIRE_CALLS_MAX)
        return base_err_set(err, BASE_EPROTO,
                            "the upstream's answer has no output.message.content");
    st = gw_wire_start(w, BASE_STR_NULL, BASE_STR_NULL);
    for (size_t i = 0; i < json_array_size(content) && st == BASE_OK; i++)
        st = read_block(w, (int64_t)i, json_array_get(content, i), err);
    if (st == BASE_OK)
        st = read_stop(w, root);
    return st == BASE_OK && !w->failed ? read_usage(w, gw_json_get_obj(root, "usage")) : st;
}

static const struct gw_wire_reader_ops reader_ops = {
    .body = read_body, .complete = complete, .end_name = "messageStop", .frames = read_frames};

static struct gw_wire_reader *reader_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&reader_ops, stream, fn, ctx);
}

const struct gw_wire gw_wire_bedrock = {.name = "bedrock",
                                        .write = gw_bedrock_write,
                                        .reader_new = reader_new,
                                        .reader_free = gw_wire_reader_free,
                                        .reader_feed = gw_wire_reader_feed,
                                        .reader_end = gw_wire_reader_end,
                                        .error_parse = gw_bedrock_error_parse,
                                        .error_head = gw_bedrock_error_head,
                                        .stream_type = "application/vnd.amazon.eventstream"};
