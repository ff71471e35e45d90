/* completions.c - OpenAI's older POST /v1/completions: a prompt, and text that goes on from it.
 *
 * Owns       struct gw_reply: state in the request's arena and one buffer for a whole answer.
 * Runs on    the loop or a thread of the pool (parse), the loop (answers); no I/O.
 * Prompt     one user message with one text part, which policy and routing see as any other. A
 * local model gets it as it is, without its chat template; a back end that only chats gets it as
 * that user message, and x-weir-dropped says raw_prompt. Tokens' spellings are plain text unless
 * `parse_special` is true (local models; not OpenAI's). Refused    several prompts or choices (n,
 * best_of), echo, suffix, logprobs; ids of tokens, which no policy can read. Default    max_tokens
 * is 16, as OpenAI says. Format
 * {"id":"cmpl-..","object":"text_completion","created","model","choices":[{"text",
 *            "index":0,"logprobs":null,"finish_reason"}],"usage"}; a stream's chunks are the same
 *            without usage, then with stream_options.include_usage one with choices [] and it, then
 *            [DONE]. Thoughts have no place and are left out; a refusal is text.
 * Fails by   as openai_parse.c and openai.c.
 */
#include "gateway/dialect/openai_int.h"

#define ANSWER_BYTES_MAX   (64u << 20)
#define MAX_TOKENS_DEFAULT 16

/* ---- requests ---- */

static enum base_status take_prompt(const struct gw_px *p, const json_t *root,
                                    struct chat_request *r)
{
    const json_t *v = json_object_get(root, "prompt");
    const json_t *first = json_array_get(v, 0);

    if (!v || json_is_null(v))
        return gw_px_bad(p, "missing_required_parameter", "prompt", "is required");
    if (json_is_integer(first) || json_is_array(first))
        return gw_px_bad(p, "unsupported_value", "prompt",
                         "must be text: ids of tokens cannot be examined for personal data");
    if (json_array_size(v) > 1)
        return gw_px_bad(p, "unsupported_value", "prompt",
                         "must be one: send a request for each of several prompts");
    if (first)
        v = first;
    if (!json_is_string(v))
        return gw_px_bad_type(p, "prompt", "must be a string or an array of one string");
    r->messages = base_arena_array(p->a, 1, sizeof *r->messages);
    struct chat_part *part = base_arena_array(p->a, 1, sizeof *part);
    if (!r->messages || !part)
        return gw_px_no_room(p);
    *part = (struct chat_part){.kind = CHAT_PART_TEXT};
    r->messages[0] = (struct chat_message){.role = CHAT_USER, .parts = part, .n_parts = 1};
    r->n_messages = 1;
    return gw_px_str(p, v, "prompt", &part->text);
}

/* One choice, without what is said about its tokens or around it. */
static enum base_status take_refused(const struct gw_px *p, const json_t *root)
{
    static const char *const ones[] = {"n", "best_of", NULL};
    static const char *const chats[] = {
        "messages", "input",           "tools",      "tool_choice",        "functions",
        "audio",    "function_call",   "modalities", "web_search_options", "max_completion_tokens",
        "suffix",   "response_format", "logprobs",   "top_logprobs",       NULL};
    bool flag = false;

    for (const char *const *k = ones; *k; k++) {
        const json_t *v = json_object_get(root, *k);
        if (v && !json_is_null(v) && (!json_is_integer(v) || json_integer_value(v) != 1))
            return gw_px_bad(p, "unsupported_value", *k,
                             "must be 1: this gateway gives one choice a request");
    }
    for (const char *const *k = chats; *k; k++) {
        const json_t *v = json_object_get(root, *k);
        if (v && !json_is_null(v))
            return gw_px_bad(p, "unsupported_parameter", *k,
                             "is not supported here: see /v1/chat/completions or /v1/responses");
    }
    enum base_status st = gw_px_bool(p, json_object_get(root, "echo"), "echo", &flag);
    if (st == BASE_OK && flag)
        return gw_px_bad(p, "unsupported_value", "echo",
                         "must be false: put your prompt in front of the answer yourself");
    return st == BASE_OK
               ? gw_px_bool(p, json_object_get(root, "parse_special"), "parse_special", &flag)
               : st;
}

static enum base_status take_known(struct gw_px *p, const json_t *root, struct chat_request *r,
                                   struct gw_json_extra *x, bool *keep_seed)
{
    static const struct gw_px_number max = {"max_tokens", offsetof(struct chat_request, max_tokens),
                                            1, 2147483647, true};
    enum base_status st = take_refused(p, root);

    if (st == BASE_OK && gw_json_get_str(root, "model").n == 0)
        st = gw_px_bad(p, "missing_required_parameter", "model", "must be a non-empty string");
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "model"), "model", &r->model);
    if (st == BASE_OK)
        st = take_prompt(p, root, r);
    for (size_t i = 0; i < GW_PX_NUMBERS && st == BASE_OK; i++)
        st = gw_px_number(p, root, &gw_px_numbers[i], r);
    if (st == BASE_OK)
        st = gw_px_number(p, root, &max, r);
    if (!r->max_tokens.set)
        r->max_tokens = (struct chat_opt_num){true, MAX_TOKENS_DEFAULT};
    if (st == BASE_OK)
        st = gw_px_seed(p, root, r, keep_seed);
    if (st == BASE_OK)
        st = gw_px_stop(p, root, r);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "user"), "user", &r->user);
    return st == BASE_OK ? gw_px_stream(p, root, r, x) : st;
}

static enum base_status take_top(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    static const char *const known[] = {"model",
                                        "prompt",
                                        "stream",
                                        "stream_options",
                                        "temperature",
                                        "top_p",
                                        "top_k",
                                        "min_p",
                                        "presence_penalty",
                                        "frequency_penalty",
                                        "repeat_penalty",
                                        "seed",
                                        "max_tokens",
                                        "stop",
                                        "user",
                                        "n",
                                        "best_of",
                                        "echo",
                                        NULL};
    json_t *o = (json_t *)(uintptr_t)root;
    struct gw_json_extra x;
    bool keep_seed = false;
    const char *key;
    json_t *v;

    gw_json_extra_init(&x);
    enum base_status st = take_known(p, root, r, &x, &keep_seed);
    if (st == BASE_OK) {
        json_object_foreach(o, key, v)
        {
            bool keep = keep_seed && strcmp(key, "seed") == 0;
            if (keep || (!json_is_null(v) && !gw_px_is_one_of(key, known)))
                gw_json_extra_add(&x, key, v);
        }
    }
    enum base_status ended = gw_json_extra_end(&x, p->a, &r->extra);
    return st == BASE_OK && ended != BASE_OK ? gw_px_no_room(p) : st;
}

static enum base_status parse(struct base_str body, struct base_arena *a, struct chat_request *out,
                              struct gw_api_error *api_err)
{
    struct gw_px p = {.a = a, .e = api_err, .message = -1, .part = -1, .call = -1, .tool = -1};
    struct base_err err;

    *out = (struct chat_request){.arena = a, .dialect = CHAT_DIALECT_OPENAI_COMPLETIONS};
    json_t *root = gw_json_load(body, false, &err);
    if (!root)
        return gw_px_bad(&p, "invalid_json", NULL, err.text);
    enum base_status st = take_top(&p, root, out);
    json_decref(root);
    return st;
}

/* ---- answers ---- */

struct gw_reply {
    struct base_arena *a;
    struct gw_reply_meta meta;
    bool stream, ended, finished;
    enum chat_finish finish;
    struct chat_usage usage;
    struct base_buf text; /* not streaming */
};

static void reply_release(void *arg)
{
    struct gw_reply *r = arg;
    base_buf_release(&r->text);
}

static struct gw_reply *reply_new(struct base_arena *a, const struct gw_reply_meta *meta,
                                  bool stream)
{
    struct gw_reply *r = base_arena_alloc(a, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct gw_reply){.a = a, .meta = *meta, .stream = stream};
    r->meta.id = base_arena_dup(a, meta->id);
    r->meta.model = base_arena_dup(a, meta->model);
    base_buf_init(&r->text, ANSWER_BYTES_MAX);
    if (!r->meta.id.p || !r->meta.model.p || base_arena_cleanup(a, reply_release, r) != BASE_OK)
        return NULL;
    return r;
}

static const char *finish_word(const struct gw_reply *r)
{
    if (!r->finished)
        return NULL;
    if (r->finish == CHAT_FINISH_TOOL_CALLS)
        return "stop";
    return chat_finish_name(r->finish);
}

/* An object as far as its choices: begun, to be ended by the caller. choice: with one. */
static void put_begin(struct base_json *j, const struct gw_reply *r, bool choice,
                      struct base_str text, const char *finish)
{
    base_json_obj(j);
    base_json_kstr(j, "id", r->meta.id);
    base_json_kz(j, "object", "text_completion");
    base_json_kint(j, "created", r->meta.created_s);
    base_json_kstr(j, "model", r->meta.model);
    base_json_key(j, "choices");
    base_json_arr(j);
    if (choice) {
        base_json_obj(j);
        base_json_kstr(j, "text", text);
        base_json_kint(j, "index", 0);
        base_json_key(j, "logprobs");
        base_json_null(j);
        base_json_kz(j, "finish_reason", finish);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void put_chunk(const struct gw_reply *r, struct base_str text, const char *finish,
                      struct base_buf *out)
{
    struct base_json j;

    base_buf_z(out, "data: ");
    base_json_init(&j, out);
    put_begin(&j, r, true, text, finish);
    if (r->meta.include_usage) {
        base_json_key(&j, "usage");
        base_json_null(&j);
    }
    base_json_obj_end(&j);
    base_buf_z(out, "\n\n");
}

static void stream_end(const struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    if (r->meta.include_usage && r->usage.set) {
        base_buf_z(out, "data: ");
        base_json_init(&j, out);
        put_begin(&j, r, false, BASE_STR_NULL, NULL);
        base_json_key(&j, "usage");
        gw_openai_put_usage(&j, &r->usage);
        base_json_obj_end(&j);
        base_buf_z(out, "\n\n");
    }
    base_buf_z(out, "data: [DONE]\n\n");
}

static void put_whole(const struct gw_reply *r, struct base_buf *out)
{
    struct base_json j;

    base_json_init(&j, out);
    put_begin(&j, r, true, base_buf_view(&r->text), finish_word(r));
    if (r->usage.set) {
        base_json_key(&j, "usage");
        gw_openai_put_usage(&j, &r->usage);
    }
    base_json_obj_end(&j);
}

static bool add_text(struct gw_reply *r, struct base_str text, struct base_buf *out)
{
    if (text.n == 0)
        return true;
    if (!r->stream)
        return base_buf_str(&r->text, text);
    put_chunk(r, text, NULL, out);
    return true;
}

static void end(struct gw_reply *r, struct base_buf *out)
{
    r->ended = true;
    if (r->stream)
        stream_end(r, out);
    else
        put_whole(r, out);
}

static enum base_status reply_event(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err)
{
    bool fits = true;

    if (r->ended)
        return base_err_set(err, BASE_EBUG, "an event after the end of an answer");
    switch (ev->kind) {
    case CHAT_EV_START: /* another route: nothing is written yet */
        base_buf_clear(&r->text);
        r->finished = false;
        r->usage = (struct chat_usage){0};
        break;
    case CHAT_EV_TEXT:
    case CHAT_EV_REFUSAL:
        fits = add_text(r, ev->text, out);
        break;
    case CHAT_EV_REASONING:
    case CHAT_EV_TOOL_CALL:
    case CHAT_EV_TOOL_ARGS:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR:
        break;
    case CHAT_EV_USAGE:
        r->usage = ev->usage;
        r->usage.set = true;
        break;
    case CHAT_EV_FINISH:
        r->finished = true;
        r->finish = ev->finish;
        if (r->stream)
            put_chunk(r, BASE_STR(""), finish_word(r), out);
        break;
    case CHAT_EV_END:
        end(r, out);
        break;
    case CHAT_EV_ERROR:
        r->ended = true;
        if (r->stream)
            gw_openai_stream_error(&ev->error, out);
        break;
    }
    if (!fits || !base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT, "the answer does not fit its buffer");
    return BASE_OK;
}

const struct gw_dialect gw_dialect_openai_completions = {.name = "openai-completions",
                                                         .id_prefix = "cmpl-",
                                                         .parse = parse,
                                                         .reply_new = reply_new,
                                                         .reply_event = reply_event,
                                                         .error_body = gw_openai_error_body};
