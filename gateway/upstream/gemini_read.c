/* gemini_read.c - Gemini's GenerateContentResponse, streamed or whole -> chat_events.
 *
 * Owns       nothing beyond the reader (wire.c).
 * Runs on    the attempt's loop.
 * Format     a stream is a row of such objects, each with a further piece; a whole answer is one.
 *            {"candidates":[{"content":{"parts":[...]},"finishReason"}],"usageMetadata",
 *             "modelVersion","responseId"}; a part is a text (a thought with "thought": true) or a
 *            functionCall, perhaps with a thoughtSignature.
 * Invariants - there is no mark for the end: an answer is whole when its bytes are and a
 *              finishReason (or the prompt's blockReason) came; the finish is held until then, as
 *              more may follow the reason;
 *            - only candidate 0 is read (one is asked for);
 *            - usage is cumulative: the last one counts. Thoughts are counted beside the
 * candidate's tokens there, here they are part of the output;
 *            - calls without an id get one that is made of the answer's, so that those of several
 *              turns differ. A call comes whole, its arguments in one piece;
 *            - a signature goes out with its call only: on texts it is optional;
 *            - STOP after a call is "tool_calls".
 * Fails by   BASE_EPROTO naming what is wrong; as the dialect's own error: {"error": ...}, a
 * blocked prompt (400 content_filter), a call that the service itself could not read (502, another
 *            route may do better).
 */
#include "gateway/upstream/gemini_int.h"

#define MANY(a) (sizeof(a) / sizeof *(a))

static void read_usage(struct gw_wire_reader *w, const json_t *u)
{
    int64_t thoughts = gw_json_get_count(u, "thoughtsTokenCount");

    w->usage = (struct chat_usage){.set = true,
                                   .input_tokens = gw_json_get_count(u, "promptTokenCount") +
                                                   gw_json_get_count(u, "toolUsePromptTokenCount"),
                                   .output_tokens =
                                       gw_json_get_count(u, "candidatesTokenCount") + thoughts,
                                   .cached_tokens = gw_json_get_count(u, "cachedContentTokenCount"),
                                   .reasoning_tokens = thoughts};
}

/* ---- errors ---- */

/* A google.protobuf.Duration, "36s" or "0.5s", in milliseconds. */
static uint64_t duration_ms(struct base_str s)
{
    uint64_t whole = 0, ms = 0, unit = 100;
    struct base_str rest = s;

    if (s.n < 2 || s.n > 16 || s.p[s.n - 1] != 's')
        return 0;
    rest.n--;
    struct base_str seconds = base_str_cut(&rest, '.');
    if (!base_str_u64(seconds, &whole) || whole > 86400)
        return 0;
    for (size_t i = 0; rest.p && i < rest.n && unit; i++, unit /= 10) {
        if (rest.p[i] < '0' || rest.p[i] > '9')
            return 0;
        ms += (uint64_t)(rest.p[i] - '0') * unit;
    }
    return whole * 1000 + ms;
}

/* A google.rpc.Status: its words, and what its details add. */
struct status {
    struct base_str type, reason, message;
    uint64_t retry_ms;
    int code;
};

static void read_status(const json_t *e, struct status *out)
{
    const json_t *details = json_object_get(e, "details");
    json_int_t code = json_integer_value(json_object_get(e, "code"));

    *out = (struct status){.type = gw_json_get_str(e, "status"),
                           .message = gw_json_get_str(e, "message"),
                           .code = code >= 400 && code <= 599 ? (int)code : 0};
    for (size_t i = 0; i < json_array_size(details); i++) {
        const json_t *d = json_array_get(details, i);
        struct base_str type = gw_json_get_str(d, "@type");
        if (base_str_ends(type, BASE_STR("google.rpc.RetryInfo")))
            out->retry_ms = duration_ms(gw_json_get_str(d, "retryDelay"));
        else if (base_str_ends(type, BASE_STR("google.rpc.ErrorInfo")))
            out->reason = gw_json_get_str(d, "reason");
    }
    /* A key that is none comes as a 400, as if the caller had written something wrong. */
    if (base_str_is(out->reason, "API_KEY_INVALID"))
        out->code = 401;
    if (out->reason.n == 0)
        out->reason = out->type;
}

/* True if root is an error in place of an answer. */
static bool read_error(struct gw_wire_reader *w, const json_t *root)
{
    const json_t *e = gw_json_get_obj(root, "error");
    struct status x;

    if (!e)
        return false;
    read_status(e, &x);
    gw_wire_fail(w, x.code, x.type, x.reason,
                 x.message.n ? x.message : BASE_STR("The upstream reported an error."));
    w->error.retry_after_ms = x.retry_ms;
    return true;
}

/* The body may stand in an array of one, as streams without SSE have it. */
static json_t *load_error(struct base_str body)
{
    struct base_str s = base_str_trim(body);

    if (s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = base_str_n(s.p + 1, s.n - 2);
    return s.n ? gw_json_load(s, true, NULL) : NULL;
}

static void error_parse(int status, struct base_str body, struct base_arena *a,
                        struct chat_error *out)
{
    json_t *root = load_error(body);
    struct status x;

    read_status(gw_json_get_obj(root, "error"), &x);
    if (status == 400 && x.code == 401)
        status = 401;
    gw_wire_error_fill(a, status, x.type, x.reason, x.message, out);
    out->retry_after_ms = x.retry_ms;
    out->body = base_arena_dup(a, body);
    json_decref(root);
}

/* ---- parts ---- */

/* call_ID_N, of letters and digits of the answer's id. */
static struct base_str make_id(const struct gw_wire_reader *w, char out[64])
{
    struct base_str from = w->answer_id;
    size_t n = 5;

    if (from.n == 0)
        return BASE_STR_NULL; /* wire.c makes one */
    memcpy(out, "call_", n);
    for (size_t i = 0; i < from.n && n < 32; i++) {
        char c = from.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            out[n++] = c;
    }
    n += (size_t)snprintf(out + n, 64 - n, "_%d", w->n_calls);
    return base_str_n(out, n);
}

static enum base_status read_call(struct gw_wire_reader *w, const json_t *call,
                                  struct base_str signature, struct base_err *err)
{
    const json_t *args = json_object_get(call, "args");
    struct base_str id = gw_json_get_str(call, "id"), name = gw_json_get_str(call, "name");
    char made[64];

    if (name.n == 0)
        return base_err_set(err, BASE_EPROTO, "the upstream's tool call has no name");
    if (args && !json_is_null(args) && !json_is_object(args))
        return base_err_set(err, BASE_EPROTO, "the upstream's tool arguments are no object");
    int64_t at = w->n_calls;
    enum base_status st =
        gw_wire_call_signed(w, at, id.n ? id : make_id(w, made), name, signature, err);
    if (st != BASE_OK)
        return st;
    struct base_buf b;
    base_buf_init(&b, GW_WIRE_BODY_BYTES_MAX);
    if (json_is_object(args))
        gw_json_put(&b, args);
    else
        base_buf_z(&b, "{}");
    st = gw_wire_args(w, at, base_buf_view(&b), err);
    base_buf_release(&b);
    return st;
}

static enum base_status read_part(struct gw_wire_reader *w, const json_t *part,
                                  struct base_err *err)
{
    const json_t *call = gw_json_get_obj(part, "functionCall");
    bool thought = json_is_true(json_object_get(part, "thought"));

    if (call)
        return read_call(w, call, gw_json_get_str(part, "thoughtSignature"), err);
    return gw_wire_text(w, thought ? CHAT_EV_REASONING : CHAT_EV_TEXT,
                        gw_json_get_str(part, "text"));
}

/* Reasons that are failures: what the model said cannot be used. */
static const struct {
    const char *word, *message;
} failures[] = {{"MALFORMED_FUNCTION_CALL", "The model wrote a tool call that cannot be read."},
                {"UNEXPECTED_TOOL_CALL", "The model called a tool that it was not given."},
                {"TOO_MANY_TOOL_CALLS", "The model called more tools than the upstream allows."},
                {"MALFORMED_RESPONSE", "The model's answer cannot be read."},
                {"MISSING_THOUGHT_SIGNATURE",
                 "A tool call in the conversation has lost its thought signature."},
                {"PUP_LIMITED_DISABLED", "The gateway's account with the upstream is limited."}};

/* True if the reason says that what the model wrote is of no use. */
static bool read_failure(struct gw_wire_reader *w, struct base_str reason)
{
    for (size_t i = 0; i < MANY(failures); i++) {
        if (base_str_is(reason, failures[i].word)) {
            gw_wire_fail(w, 502, BASE_STR("server_error"), reason, base_str_c(failures[i].message));
            return true;
        }
    }
    return false;
}

static enum base_status read_candidate(struct gw_wire_reader *w, const json_t *c,
                                       struct base_err *err)
{
    const json_t *parts = json_object_get(gw_json_get_obj(c, "content"), "parts");
    struct base_str reason = gw_json_get_str(c, "finishReason");
    enum base_status st = BASE_OK;

    if (parts && !json_is_null(parts) && !json_is_array(parts))
        return base_err_set(err, BASE_EPROTO, "the upstream's parts are no array");
    if (read_failure(w, reason))
        return BASE_OK; /* before its parts: nothing of a whole answer is given out */
    for (size_t i = 0; i < json_array_size(parts) && st == BASE_OK; i++)
        st = read_part(w, json_array_get(parts, i), err);
    if (reason.n && !base_str_is(reason, "FINISH_REASON_UNSPECIFIED"))
        w->finish_word = base_arena_dup(w->arena, reason);
    return st;
}

/* ---- how it ends ---- */

static const struct gw_wire_word finish_words[] = {
    {"STOP", CHAT_FINISH_STOP},
    {"MAX_TOKENS", CHAT_FINISH_LENGTH},
    {"CONTINUATION", CHAT_FINISH_LENGTH},
    {"SAFETY", CHAT_FINISH_CONTENT_FILTER},
    {"RECITATION", CHAT_FINISH_CONTENT_FILTER},
    {"BLOCKLIST", CHAT_FINISH_CONTENT_FILTER},
    {"PROHIBITED_CONTENT", CHAT_FINISH_CONTENT_FILTER},
    {"SPII", CHAT_FINISH_CONTENT_FILTER},
    {"MODEL_ARMOR", CHAT_FINISH_CONTENT_FILTER},
    {"ESCALATION", CHAT_FINISH_CONTENT_FILTER},
    {"IMAGE_SAFETY", CHAT_FINISH_CONTENT_FILTER},
    {"IMAGE_PROHIBITED_CONTENT", CHAT_FINISH_CONTENT_FILTER},
    {"IMAGE_RECITATION", CHAT_FINISH_CONTENT_FILTER}};

static enum base_status complete(struct gw_wire_reader *w, struct base_err *err)
{
    struct base_str word = w->finish_word;

    if (word.n == 0 && w->stream)
        return BASE_OK; /* reader_end tells what is missing */
    if (word.n == 0)
        return base_err_set(err, BASE_EPROTO, "the upstream's answer has no finishReason");
    w->end_seen = true;
    for (size_t i = 0; i < MANY(finish_words); i++) {
        if (!base_str_is(word, finish_words[i].word))
            continue;
        bool tools = i == 0 && w->n_calls > 0;
        return gw_wire_finish(w, tools ? CHAT_FINISH_TOOL_CALLS : finish_words[i].finish,
                              BASE_STR_NULL);
    }
    return gw_wire_finish(w, CHAT_FINISH_OTHER, word);
}

/* The prompt was refused: there is no answer, and there will be none. */
static void read_feedback(struct gw_wire_reader *w, const json_t *root)
{
    const json_t *feedback = gw_json_get_obj(root, "promptFeedback");
    struct base_str reason = gw_json_get_str(feedback, "blockReason");
    struct base_str more = gw_json_get_str(feedback, "blockReasonMessage");

    if (reason.n == 0 || base_str_is(reason, "BLOCKED_REASON_UNSPECIFIED"))
        return;
    struct base_str message =
        base_arena_printf(w->arena, "The upstream refused the prompt: %.*s%s%.*s.",
                          BASE_FMT(reason), more.n ? ": " : "", BASE_FMT(more));
    gw_wire_fail(w, 400, BASE_STR("invalid_request_error"), BASE_STR("content_filter"), message);
}

static enum base_status read_response(struct gw_wire_reader *w, const json_t *root,
                                      struct base_err *err)
{
    const json_t *candidates = json_object_get(root, "candidates");
    const json_t *usage = gw_json_get_obj(root, "usageMetadata");
    struct base_str id = gw_json_get_str(root, "responseId");

    if (read_error(w, root))
        return BASE_OK;
    if (candidates && !json_is_null(candidates) && !json_is_array(candidates))
        return base_err_set(err, BASE_EPROTO, "the upstream's candidates are no array");
    if (w->answer_id.n == 0)
        w->answer_id = base_arena_dup(w->arena, id);
    enum base_status st = gw_wire_start(w, id, gw_json_get_str(root, "modelVersion"));
    for (size_t i = 0; i < json_array_size(candidates) && st == BASE_OK; i++) {
        const json_t *c = json_array_get(candidates, i);
        if (json_integer_value(json_object_get(c, "index")) == 0)
            st = read_candidate(w, c, err);
    }
    if (st == BASE_OK && usage) {
        read_usage(w, usage);
        st = gw_wire_usage(w);
    }
    if (st == BASE_OK)
        read_feedback(w, root);
    return st;
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
    enum base_status st = read_response(w, root, err);
    json_decref(root);
    return st;
}

static const struct gw_wire_reader_ops reader_ops = {
    .event = read_event, .body = read_response, .complete = complete, .end_name = "a finishReason"};

static struct gw_wire_reader *reader_new(bool stream, chat_event_fn fn, void *ctx)
{
    return gw_wire_reader_new(&reader_ops, stream, fn, ctx);
}

const struct gw_wire gw_wire_gemini = {.name = "gemini",
                                       .write = gw_gemini_write,
                                       .reader_new = reader_new,
                                       .reader_free = gw_wire_reader_free,
                                       .reader_feed = gw_wire_reader_feed,
                                       .reader_end = gw_wire_reader_end,
                                       .error_parse = error_parse};
