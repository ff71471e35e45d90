/* responses_parse.c - OpenAI's POST /v1/responses body -> chat_request.
 *
 * Owns       nothing: the JSON tree lives for the duration of the call, everything kept is copied
 *            into the request's arena.
 * Runs on    the connection's loop or a thread of the pool; no I/O.
 * Parts      this file: the top level. responses_input.c: items. responses_tools.c: tools.
 *            responses_echo.c: what the answer repeats.
 * Mapping    what chat completions call otherwise stands in `extra` as they call it, so that every
 *            wire that understands them understands this dialect too:
 *            - instructions: a system message, first;
 *            - text.format: response_format; text.verbosity: verbosity; reasoning.effort:
 *              reasoning_effort; max_output_tokens: max_tokens;
 *            - members that nobody knows go on under their own names, as in chat completions.
 * Refused    what would need state here or at a provider (previous_response_id, conversation,
 *            background, prompt templates, references to items): Weir keeps no responses. So are
 *            members of chat completions that mean something here under another name, and
 *            moderation, since an answer without the check that was asked for must not pass.
 * Named      in `dropped`: members that only tell how a response is stored, shown or counted. A
 *            response is never stored, here or at a back end, whatever `store` says.
 * Fails by   BASE_EINVAL with api_err (400, param such as "input[2].content[0].type"); BASE_LIMIT
 *            (413) when the arena is exhausted.
 */
#include "gateway/dialect/responses_int.h"

#define DROPPED_BYTES 512

static const struct {
    const char *key, *code, *why;
} refused[] = {
    {"previous_response_id", "unsupported_parameter",
     "is not supported: this gateway keeps no responses; send the whole conversation in 'input'"},
    {"conversation", "unsupported_parameter",
     "is not supported: this gateway keeps no conversations; send the whole conversation in "
     "'input'"},
    {"prompt", "unsupported_parameter",
     "is not supported: prompt templates are kept at the provider; send the text itself in "
     "'instructions' and 'input'"},
    {"moderation", "unsupported_parameter",
     "is not supported: no back end would check it; the policy of this gateway checks requests and "
     "answers"},
    {"messages", "unknown_parameter", "is not a parameter of this endpoint: use 'input'"},
    {"max_tokens", "unknown_parameter",
     "is not a parameter of this endpoint: use 'max_output_tokens'"},
    {"max_completion_tokens", "unknown_parameter",
     "is not a parameter of this endpoint: use 'max_output_tokens'"},
    {"response_format", "unknown_parameter",
     "is not a parameter of this endpoint: use 'text.format'"},
    {"reasoning_effort", "unknown_parameter",
     "is not a parameter of this endpoint: use 'reasoning.effort'"},
    {"verbosity", "unknown_parameter", "is not a parameter of this endpoint: use 'text.verbosity'"},
    {"functions", "unknown_parameter", "is not a parameter of this endpoint: use 'tools'"},
    {"function_call", "unknown_parameter",
     "is not a parameter of this endpoint: use 'tool_choice'"},
    {"web_search_options", "unknown_parameter",
     "is not a parameter of this endpoint, and no built-in tool runs behind this gateway"},
    {"n", "unknown_parameter", "is not a parameter of this endpoint"},
    {"audio", "unknown_parameter", "is not a parameter of this endpoint"},
    {"modalities", "unknown_parameter", "is not a parameter of this endpoint"},
    {"logprobs", "unknown_parameter", "is not a parameter of this endpoint"},
};

static enum base_status take_refused(const struct gw_px *p, const json_t *root)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const json_t *v = json_object_get(root, refused[i].key);
        if (v && !json_is_null(v))
            return gw_px_bad(p, refused[i].code, refused[i].key, refused[i].why);
    }
    return BASE_OK;
}

/* Members with a form but without an effect here. */
static enum base_status take_unstored(const struct gw_px *p, const json_t *root)
{
    static const char *const named[] = {"context_management", "prompt_cache_options", NULL};
    const json_t *include = json_object_get(root, "include");
    const json_t *truncation = json_object_get(root, "truncation");
    bool background = false, store = false;
    struct base_str word = gw_json_str(truncation);

    enum base_status st =
        gw_px_bool(p, json_object_get(root, "background"), "background", &background);
    if (st == BASE_OK && background)
        return gw_px_bad(p, "unsupported_value", "background",
                         "must be false: this gateway keeps no responses to come back for");
    if (st == BASE_OK)
        st = gw_px_bool(p, json_object_get(root, "store"), "store", &store);
    if (st != BASE_OK)
        return st;
    if (include && !json_is_null(include) && !json_is_array(include))
        return gw_px_bad_type(p, "include", "must be an array of strings");
    if (truncation && !json_is_null(truncation) && !base_str_is(word, "auto") &&
        !base_str_is(word, "disabled"))
        return gw_px_bad(p, "invalid_value", "truncation", "must be 'auto' or 'disabled'");
    if (store)
        gw_dropped_add(p->dropped, "", "store");
    if (json_array_size(include) > 0)
        gw_dropped_add(p->dropped, "", "include");
    if (base_str_is(word, "auto"))
        gw_dropped_add(p->dropped, "", "truncation");
    for (const char *const *k = named; *k; k++)
        if (json_object_get(root, *k) && !json_is_null(json_object_get(root, *k)))
            gw_dropped_add(p->dropped, "", *k);
    return BASE_OK;
}

/* A count that changes nothing here, but must be one. */
static enum base_status check_count(const struct gw_px *p, const json_t *root, const char *key,
                                    bool name_it)
{
    const json_t *v = json_object_get(root, key);

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return gw_px_bad_type(p, key, "must be an integer that is not negative");
    if (name_it && json_integer_value(v) > 0)
        gw_dropped_add(p->dropped, "", key);
    return BASE_OK;
}

/* {"type": "json_schema", "name", "schema", ...} -> chat completions' response_format. */
static enum base_status take_format(const struct gw_px *p, const json_t *format,
                                    struct gw_json_extra *x)
{
    struct base_str type = gw_json_get_str(format, "type");

    if (!json_is_object(format))
        return gw_px_bad_type(p, "text.format", "must be an object");
    if (base_str_is(type, "text"))
        return BASE_OK;
    if (base_str_is(type, "json_object")) {
        json_t *only = json_pack("{s:s}", "type", "json_object");
        if (only)
            gw_json_extra_add(x, "response_format", only);
        json_decref(only);
        return only ? BASE_OK : gw_px_no_room(p);
    }
    if (!base_str_is(type, "json_schema"))
        return gw_px_bad(p, "invalid_value", "text.format.type",
                         "must be 'text', 'json_object' or 'json_schema'");
    if (gw_json_get_str(format, "name").n == 0)
        return gw_px_bad_type(p, "text.format.name", "must be a non-empty string");
    if (!gw_json_get_obj(format, "schema"))
        return gw_px_bad_type(p, "text.format.schema", "must be a JSON Schema object");
    json_t *inner = json_copy((json_t *)(uintptr_t)format);
    if (!inner)
        return gw_px_no_room(p);
    json_object_del(inner, "type");
    json_t *outer = json_pack("{s:s,s:o}", "type", "json_schema", "json_schema", inner);
    if (outer)
        gw_json_extra_add(x, "response_format", outer);
    json_decref(outer);
    return outer ? BASE_OK : gw_px_no_room(p);
}

static enum base_status take_text(const struct gw_px *p, const json_t *root,
                                  struct gw_json_extra *x)
{
    static const char *const known[] = {"format", "verbosity", NULL};
    const json_t *t = json_object_get(root, "text");
    const json_t *format = json_object_get(t, "format"), *v = json_object_get(t, "verbosity");

    if (!t || json_is_null(t))
        return BASE_OK;
    if (!json_is_object(t))
        return gw_px_bad_type(p, "text", "must be an object");
    if (v && !json_is_null(v)) {
        if (!json_is_string(v))
            return gw_px_bad_type(p, "text.verbosity", "must be a string");
        gw_json_extra_add(x, "verbosity", v);
    }
    gw_px_drop(p, t, known, "text.");
    return !format || json_is_null(format) ? BASE_OK : take_format(p, format, x);
}

static enum base_status take_reasoning(const struct gw_px *p, const json_t *root,
                                       struct chat_request *r, struct gw_json_extra *x)
{
    static const char *const known[] = {"effort", "summary", "generate_summary", NULL};
    const json_t *t = json_object_get(root, "reasoning");
    const json_t *effort = json_object_get(t, "effort");

    if (!t || json_is_null(t))
        return BASE_OK;
    if (!json_is_object(t))
        return gw_px_bad_type(p, "reasoning", "must be an object");
    for (const char *const *k = known + 1; *k; k++) {
        const json_t *v = json_object_get(t, *k);
        if (!v || json_is_null(v))
            continue;
        if (!json_is_string(v))
            return gw_px_bad_type(p, "reasoning.summary", "must be a string");
        r->reasoning_summary = true;
    }
    if (effort && !json_is_null(effort)) {
        if (!json_is_string(effort))
            return gw_px_bad_type(p, "reasoning.effort", "must be a string");
        gw_json_extra_add(x, "reasoning_effort", effort);
    }
    gw_px_drop(p, t, known, "reasoning.");
    return BASE_OK;
}

static enum base_status take_stream(const struct gw_px *p, const json_t *root,
                                    struct chat_request *r)
{
    static const char *const known[] = {"include_obfuscation", NULL};
    const json_t *o = json_object_get(root, "stream_options");
    enum base_status st = gw_px_bool(p, json_object_get(root, "stream"), "stream", &r->stream);

    if (st != BASE_OK || !o || json_is_null(o))
        return st;
    if (!json_is_object(o))
        return gw_px_bad_type(p, "stream_options", "must be an object");
    if (json_is_true(json_object_get(o, known[0])))
        gw_dropped_add(p->dropped, "stream_options.", known[0]);
    gw_px_drop(p, o, known, "stream_options.");
    return BASE_OK;
}

static const char *const known[] = {"model",
                                    "input",
                                    "instructions",
                                    "tools",
                                    "tool_choice",
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
                                    "stop",
                                    "max_output_tokens",
                                    "max_tool_calls",
                                    "top_logprobs",
                                    "user",
                                    "text",
                                    "reasoning",
                                    "background",
                                    "store",
                                    "include",
                                    "truncation",
                                    "context_management",
                                    "prompt_cache_options",
                                    NULL};

/* The members that have a field or a translation. */
static enum base_status take_known(struct gw_px *p, const json_t *root, struct chat_request *r,
                                   struct gw_json_extra *x, bool *keep_seed)
{
    static const struct gw_px_number max = {
        "max_output_tokens", offsetof(struct chat_request, max_tokens), 1, 2147483647, true};
    enum base_status st = take_refused(p, root);

    if (st == BASE_OK && gw_json_get_str(root, "model").n == 0)
        st = gw_px_bad(p, "missing_required_parameter", "model", "must be a non-empty string");
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "model"), "model", &r->model);
    if (st == BASE_OK)
        st = take_unstored(p, root);
    if (st == BASE_OK)
        st = gw_px_input(p, root, r);
    if (st == BASE_OK)
        st = gw_px_response_tools(p, root, r);
    for (size_t i = 0; i < GW_PX_NUMBERS && st == BASE_OK; i++)
        st = gw_px_number(p, root, &gw_px_numbers[i], r);
    if (st == BASE_OK)
        st = gw_px_number(p, root, &max, r);
    if (st == BASE_OK)
        st = check_count(p, root, "top_logprobs", true);
    if (st == BASE_OK) /* counts calls of built-in tools, of which there are none */
        st = check_count(p, root, "max_tool_calls", false);
    if (st == BASE_OK)
        st = gw_px_seed(p, root, r, keep_seed);
    if (st == BASE_OK)
        st = gw_px_stop(p, root, r);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "user"), "user", &r->user);
    if (st == BASE_OK)
        st = take_stream(p, root, r);
    if (st == BASE_OK)
        st = take_text(p, root, x);
    return st == BASE_OK ? take_reasoning(p, root, r, x) : st;
}

static enum base_status take_top(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    const json_t *meta = json_object_get(root, "metadata");
    json_t *o = (json_t *)(uintptr_t)root;
    struct gw_json_extra x;
    bool keep_seed = false;
    const char *key;
    json_t *v;

    gw_json_extra_init(&x);
    enum base_status st = take_known(p, root, r, &x, &keep_seed);
    if (st == BASE_OK && meta && !json_is_null(meta) && !json_is_object(meta))
        st = gw_px_bad_type(p, "metadata", "must be an object of strings");
    if (st == BASE_OK) {
        json_object_foreach(o, key, v)
        {
            bool keep = keep_seed && strcmp(key, "seed") == 0;
            bool idle = r->n_tools == 0 && strcmp(key, "parallel_tool_calls") == 0;
            if (keep || (!idle && !json_is_null(v) && !gw_px_is_one_of(key, known)))
                gw_json_extra_add(&x, key, v);
        }
    }
    enum base_status ended = gw_json_extra_end(&x, p->a, &r->extra);
    if (st == BASE_OK && ended != BASE_OK)
        st = gw_px_no_room(p);
    return st == BASE_OK ? gw_px_echo(p, root, r) : st;
}

enum base_status gw_responses_parse(struct base_str body, struct base_arena *a,
                                    struct chat_request *out, struct gw_api_error *api_err)
{
    struct base_buf dropped;
    struct gw_px p = {.a = a,
                      .e = api_err,
                      .list = "input",
                      .message = -1,
                      .part = -1,
                      .call = -1,
                      .tool = -1,
                      .dropped = &dropped};
    struct base_err err;

    *out = (struct chat_request){.arena = a, .dialect = CHAT_DIALECT_OPENAI_RESPONSES};
    json_t *root = gw_json_load(body, false, &err);
    if (!root)
        return gw_px_bad(&p, "invalid_json", NULL, err.text);
    base_buf_init(&dropped, DROPPED_BYTES);
    enum base_status st = take_top(&p, root, out);
    out->dropped = base_arena_dup(a, base_buf_view(&dropped));
    base_buf_release(&dropped);
    json_decref(root);
    return st;
}
