/* openai.c - chat_events -> OpenAI's chat.completion object or its server-sent chunks.
 *
 * Owns       one struct gw_reply an answer: in the request's arena, its growing buffers released
 *            by the arena's cleanup.
 * Runs on    the connection's loop; no I/O.
 * Invariants - all chunks carry the same id, created and model (the prefix is rendered once);
 *            - the role chunk comes right before the first chunk that says something, so that an
 *              attempt that fails before its first content has written nothing;
 *            - "data: [DONE]" follows CHAT_EV_END and nothing else; CHAT_EV_ERROR writes one
 *              `error` object, after which the SDKs raise;
 *            - finish_reason is only what an event said, null otherwise;
 *            - a second CHAT_EV_START (another route; nothing is written yet) forgets what the
 * first said. Format     chunk:
 * {"id","object":"chat.completion.chunk","created","model","choices":[{"index":0,
 *            "delta":{...},"logprobs":null,"finish_reason":...}],"usage":null}; `usage` stands
 * there only with stream_options.include_usage, and a last chunk with choices [] carries it.
 *            Reasoning goes out as `reasoning_content`, as open models' servers do.
 * Fails by   BASE_LIMIT when out or a collected answer is full; BASE_EBUG for events after the end.
 */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/openai_int.h"

#define ANSWER_BYTES_MAX (64u << 20) /* of each of text, reasoning, refusal and tool arguments */
#define CALLS_MAX        512

struct call {
    struct base_str id, name, signature;
    struct base_buf args;
};

struct gw_reply {
    struct base_arena *a;
    struct gw_reply_meta meta;
    bool stream, role_sent, ended, finished;
    struct base_str prefix; /* of every chunk, up to and with "choices":[ */
    enum chat_finish finish;
    struct base_str finish_other;
    struct chat_usage usage;
    struct base_buf text, reasoning, refusal; /* not streaming */
    struct call *calls;
    size_t n_calls, cap_calls;
};

/* Forgets what was collected; also the arena's cleanup. */
static void reply_release(void *arg)
{
    struct gw_reply *r = arg;
    base_buf_release(&r->text);
    base_buf_release(&r->reasoning);
    base_buf_release(&r->refusal);
    for (size_t i = 0; i < r->n_calls; i++)
        base_buf_release(&r->calls[i].args);
    r->n_calls = 0;
}

static bool render_prefix(struct gw_reply *r)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, 1u << 20);
    base_buf_z(&b, "data: ");
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kstr(&j, "id", r->meta.id);
    base_json_kz(&j, "object", "chat.completion.chunk");
    base_json_kint(&j, "created", r->meta.created_s);
    base_json_kstr(&j, "model", r->meta.model);
    base_json_key(&j, "choices");
    base_json_arr(&j);
    if (base_buf_ok(&b))
        r->prefix = base_arena_dup(r->a, base_buf_view(&b));
    base_buf_release(&b);
    return r->prefix.p != NULL;
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
    base_buf_init(&r->text, ANSWER_BYTES_MAX);
    base_buf_init(&r->reasoning, ANSWER_BYTES_MAX);
    base_buf_init(&r->refusal, ANSWER_BYTES_MAX);
    if (!r->meta.id.p || !r->meta.model.p || (stream && !render_prefix(r)) ||
        base_arena_cleanup(a, reply_release, r) != BASE_OK)
        return NULL;
    return r;
}

void gw_openai_put_usage(struct base_json *j, const struct chat_usage *u)
{
    base_json_obj(j);
    base_json_kint(j, "prompt_tokens", u->input_tokens);
    base_json_kint(j, "completion_tokens", u->output_tokens);
    base_json_kint(j, "total_tokens", u->input_tokens + u->output_tokens);
    base_json_key(j, "prompt_tokens_details");
    base_json_obj(j);
    base_json_kint(j, "cached_tokens", u->cached_tokens);
    if (u->cache_write_tokens > 0)
        base_json_kint(j, "cache_write_tokens", u->cache_write_tokens);
    base_json_obj_end(j);
    base_json_key(j, "completion_tokens_details");
    base_json_obj(j);
    base_json_kint(j, "reasoning_tokens", u->reasoning_tokens);
    base_json_obj_end(j);
    base_json_obj_end(j);
}

static void put_finish(struct base_json *j, const struct gw_reply *r)
{
    base_json_key(j, "finish_reason");
    if (!r->finished)
        base_json_null(j);
    else if (r->finish == CHAT_FINISH_OTHER && r->finish_other.n > 0)
        base_json_str(j, r->finish_other);
    else
        base_json_z(j, chat_finish_name(r->finish));
}

/* ---- streams ---- */

/* A chunk is begun, its delta written by the caller, and ended. */
static void chunk_begin(const struct gw_reply *r, struct base_json *j, struct base_buf *out)
{
    base_buf_str(out, r->prefix);
    base_json_init(j, out);
    base_json_obj(j);
    base_json_kint(j, "index", 0);
    base_json_key(j, "delta");
    base_json_obj(j);
}

static void chunk_end(const struct gw_reply *r, struct base_json *j, bool with_finish)
{
    base_json_obj_end(j);
    base_json_key(j, "logprobs");
    base_json_null(j);
    if (with_finish) {
        put_finish(j, r);
    } else {
        base_json_key(j, "finish_reason");
        base_json_null(j);
    }
    base_json_obj_end(j);
    base_buf_z(j->out, r->meta.include_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void chunk_role(struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    if (r->role_sent)
        return;
    r->role_sent = true;
    chunk_begin(r, &j, out);
    base_json_kz(&j, "role", "assistant");
    base_json_kz(&j, "content", "");
    chunk_end(r, &j, false);
}

static void chunk_text(struct gw_reply *r, const char *key, struct base_str text,
                       struct base_buf *out)
{
    struct base_json j;

    if (text.n == 0)
        return;
    chunk_role(r, out);
    chunk_begin(r, &j, out);
    base_json_kstr(&j, key, text);
    chunk_end(r, &j, false);
}

/* Where Google's own imitation of this dialect puts it, and where the clients that know of it look:
 * they send it back with the call. */
static void put_signature(struct base_json *j, struct base_str signature)
{
    if (signature.n == 0)
        return;
    base_json_key(j, "extra_content");
    base_json_obj(j);
    base_json_key(j, "google");
    base_json_obj(j);
    base_json_kstr(j, "thought_signature", signature);
    base_json_obj_end(j);
    base_json_obj_end(j);
}

static void chunk_call(struct gw_reply *r, const struct chat_event *ev, struct base_buf *out)
{
    bool opens = ev->kind == CHAT_EV_TOOL_CALL;
    struct base_json j;

    if (!opens && ev->text.n == 0)
        return;
    chunk_role(r, out);
    chunk_begin(r, &j, out);
    base_json_key(&j, "tool_calls");
    base_json_arr(&j);
    base_json_obj(&j);
    base_json_kint(&j, "index", ev->index);
    if (opens) {
        base_json_kstr(&j, "id", ev->id);
        base_json_kz(&j, "type", "function");
    }
    base_json_key(&j, "function");
    base_json_obj(&j);
    if (opens)
        base_json_kstr(&j, "name", ev->name);
    base_json_kstr(&j, "arguments", opens ? BASE_STR("") : ev->text);
    base_json_obj_end(&j);
    if (opens)
        put_signature(&j, ev->signature);
    base_json_obj_end(&j);
    base_json_arr_end(&j);
    chunk_end(r, &j, false);
}

static void chunk_finish(struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    chunk_role(r, out);
    chunk_begin(r, &j, out);
    chunk_end(r, &j, true);
}

static void stream_end(struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    if (r->meta.include_usage && r->usage.set) {
        base_buf_str(out, r->prefix);
        base_buf_z(out, "],\"usage\":");
        base_json_init(&j, out);
        gw_openai_put_usage(&j, &r->usage);
        base_buf_z(out, "}\n\n");
    }
    base_buf_z(out, "data: [DONE]\n\n");
}

static void put_error(struct base_buf *out, struct base_str message, struct base_str type,
                      struct base_str param, struct base_str code)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kstr(&j, "message", message);
    base_json_kstr(&j, "type", type);
    base_json_key(&j, "param");
    if (param.n > 0)
        base_json_str(&j, param);
    else
        base_json_null(&j);
    base_json_key(&j, "code");
    if (code.n > 0)
        base_json_str(&j, code);
    else
        base_json_null(&j);
    base_json_obj_end(&j);
    base_json_obj_end(&j);
}

void gw_openai_stream_error(const struct chat_error *e, struct base_buf *out)
{
    base_buf_z(out, "data: ");
    put_error(out, e->message.n ? e->message : BASE_STR("The answer broke off."),
              e->type.n ? e->type : BASE_STR("server_error"), BASE_STR_NULL, e->code);
    base_buf_z(out, "\n\n");
}

static void stream_event(struct gw_reply *r, const struct chat_event *ev, struct base_buf *out)
{
    switch (ev->kind) {
    case CHAT_EV_START:
    case CHAT_EV_USAGE:
    case CHAT_EV_SIGNATURE: /* Anthropic's own: this dialect has no place for them */
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR:
        break;
    case CHAT_EV_TEXT:
        chunk_text(r, "content", ev->text, out);
        break;
    case CHAT_EV_REASONING:
        chunk_text(r, "reasoning_content", ev->text, out);
        break;
    case CHAT_EV_REFUSAL:
        chunk_text(r, "refusal", ev->text, out);
        break;
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
        chunk_call(r, ev, out);
        break;
    case CHAT_EV_FINISH:
        chunk_finish(r, out);
        break;
    case CHAT_EV_END:
        chunk_role(r, out);
        stream_end(r, out);
        break;
    case CHAT_EV_ERROR:
        gw_openai_stream_error(&ev->error, out);
        break;
    }
}

/* ---- whole answers ---- */

static enum base_status collect_call(struct gw_reply *r, const struct chat_event *ev,
                                     struct base_err *err)
{
    if (r->n_calls == CALLS_MAX)
        return base_err_set(err, BASE_LIMIT, "more than %d tool calls in an answer", CALLS_MAX);
    if (r->n_calls == r->cap_calls) {
        size_t cap = r->cap_calls ? r->cap_calls * 2 : 8;
        struct call *grown = base_arena_array(r->a, cap, sizeof *grown);
        if (!grown)
            return base_err_set(err, BASE_LIMIT, "no room for the answer's tool calls");
        if (r->n_calls)
            memcpy(grown, r->calls, r->n_calls * sizeof *grown);
        r->calls = grown;
        r->cap_calls = cap;
    }
    struct call *c = &r->calls[r->n_calls++];
    c->id = base_arena_dup(r->a, ev->id);
    c->name = base_arena_dup(r->a, ev->name);
    c->signature = base_arena_dup(r->a, ev->signature);
    base_buf_init(&c->args, ANSWER_BYTES_MAX);
    return BASE_OK;
}

static enum base_status collect(struct gw_reply *r, const struct chat_event *ev,
                                struct base_err *err)
{
    bool ok = true;

    switch (ev->kind) {
    case CHAT_EV_TEXT:
        ok = base_buf_str(&r->text, ev->text);
        break;
    case CHAT_EV_REASONING:
        ok = base_buf_str(&r->reasoning, ev->text);
        break;
    case CHAT_EV_REFUSAL:
        ok = base_buf_str(&r->refusal, ev->text);
        break;
    case CHAT_EV_TOOL_CALL:
        return collect_call(r, ev, err);
    case CHAT_EV_TOOL_ARGS:
        if (ev->index < 0 || (size_t)ev->index >= r->n_calls)
            return base_err_set(err, BASE_EBUG, "arguments for a tool call that is not open");
        ok = base_buf_str(&r->calls[ev->index].args, ev->text);
        break;
    case CHAT_EV_START:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR:
    case CHAT_EV_USAGE:
    case CHAT_EV_FINISH:
    case CHAT_EV_END:
    case CHAT_EV_ERROR:
        break;
    }
    return ok ? BASE_OK : base_err_set(err, BASE_LIMIT, "the answer is too large to collect");
}

static void put_calls(struct base_json *j, const struct gw_reply *r)
{
    base_json_key(j, "tool_calls");
    base_json_arr(j);
    for (size_t i = 0; i < r->n_calls; i++) {
        base_json_obj(j);
        base_json_kstr(j, "id", r->calls[i].id);
        base_json_kz(j, "type", "function");
        base_json_key(j, "function");
        base_json_obj(j);
        base_json_kstr(j, "name", r->calls[i].name);
        base_json_kstr(j, "arguments", base_buf_view(&r->calls[i].args));
        base_json_obj_end(j);
        put_signature(j, r->calls[i].signature);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void put_message(struct base_json *j, const struct gw_reply *r)
{
    base_json_obj(j);
    base_json_kz(j, "role", "assistant");
    base_json_key(j, "content");
    if (r->text.n > 0 || (r->n_calls == 0 && r->refusal.n == 0))
        base_json_str(j, base_buf_view(&r->text));
    else
        base_json_null(j);
    base_json_key(j, "refusal");
    if (r->refusal.n > 0)
        base_json_str(j, base_buf_view(&r->refusal));
    else
        base_json_null(j);
    if (r->reasoning.n > 0)
        base_json_kstr(j, "reasoning_content", base_buf_view(&r->reasoning));
    if (r->n_calls > 0)
        put_calls(j, r);
    base_json_obj_end(j);
}

static void put_whole(const struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kstr(&j, "id", r->meta.id);
    base_json_kz(&j, "object", "chat.completion");
    base_json_kint(&j, "created", r->meta.created_s);
    base_json_kstr(&j, "model", r->meta.model);
    base_json_key(&j, "choices");
    base_json_arr(&j);
    base_json_obj(&j);
    base_json_kint(&j, "index", 0);
    base_json_key(&j, "message");
    put_message(&j, r);
    base_json_key(&j, "logprobs");
    base_json_null(&j);
    put_finish(&j, r);
    base_json_obj_end(&j);
    base_json_arr_end(&j);
    if (r->usage.set) {
        base_json_key(&j, "usage");
        gw_openai_put_usage(&j, &r->usage);
    }
    base_json_obj_end(&j);
}

/* ---- both ---- */

/* What every event changes in the state, whether or not it writes something. */
static void note(struct gw_reply *r, const struct chat_event *ev)
{
    switch (ev->kind) {
    case CHAT_EV_START:
        if (!r->role_sent) {
            r->finished = false;
            r->usage = (struct chat_usage){0};
            reply_release(r);
        }
        break;
    case CHAT_EV_USAGE:
        r->usage = ev->usage;
        r->usage.set = true;
        break;
    case CHAT_EV_FINISH:
        r->finished = true;
        r->finish = ev->finish;
        r->finish_other = base_arena_dup(r->a, ev->text);
        break;
    case CHAT_EV_END:
    case CHAT_EV_ERROR:
        r->ended = true;
        break;
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR:
        break;
    }
}

static enum base_status reply_event(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err)
{
    if (r->ended)
        return base_err_set(err, BASE_EBUG, "an event after the end of an answer");
    note(r, ev);
    if (r->stream) {
        stream_event(r, ev, out);
    } else {
        enum base_status st = collect(r, ev, err);
        if (st != BASE_OK)
            return st;
        if (ev->kind == CHAT_EV_END)
            put_whole(r, out);
    }
    if (!base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT, "the answer does not fit its buffer");
    return BASE_OK;
}

void gw_openai_error_body(struct base_buf *out, const struct gw_api_error *e,
                          struct base_str req_id)
{
    (void)req_id; /* OpenAI's error body has no place for it; the x-request-id header does */
    put_error(out, e->message, base_str_c(e->type), e->param, e->code);
}

const struct gw_dialect gw_dialect_openai_chat = {.name = "openai-chat",
                                                  .id_prefix = "chatcmpl-",
                                                  .parse = gw_openai_parse,
                                                  .reply_new = reply_new,
                                                  .reply_event = reply_event,
                                                  .error_body = gw_openai_error_body};
