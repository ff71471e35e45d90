/* openai_parse.c - OpenAI's POST /v1/chat/completions body -> chat_request.
 *
 * Owns       nothing: the JSON tree lives for the duration of the call, everything kept is copied
 *            into the request's arena.
 * Runs on    the connection's loop; no I/O.
 * Invariants every member of the body ends up in exactly one place: a canonical field, the `extra`
 *            object of the level it stood on, or a 400 that names it. Nothing is dropped here.
 *            A part that is not text (image, audio, file, unknown) is CHAT_PART_OPAQUE.
 * Mapping    - a tool message becomes one CHAT_PART_TOOL_RESULT a text part, all with its id
 *              (an opaque part in it carries the id too);
 *            - a call's or tool's `extra` holds the members of the outer object; unknown members of
 *              its inner `function` object stand there under "function";
 *            - an entry of `tools` that is no function has an empty name and its whole JSON in
 *              `extra`; an entry of `tool_calls` that is no function is an opaque part named
 *              "tool_calls";
 *            - `stream_options` without include_usage, a `tool_choice` that is neither a word nor a
 *              function, a seed beyond 2^53 stay in `extra`.
 * Fails by   BASE_EINVAL with api_err in OpenAI's words (400, param such as
 *            "messages[2].content"); BASE_LIMIT (413) when the arena is exhausted.
 */
#include "gateway/dialect/openai_int.h"
#include <math.h>

/* "messages[2].content[0]" + field */
static struct base_str param_of(const struct gw_px *p, const char *field)
{
    const char *list = p->list ? p->list : "messages", *parts = p->parts ? p->parts : "content";
    char where[80] = "";
    int n = 0;

    if (p->tool >= 0)
        n = snprintf(where, sizeof where, "tools[%d]", p->tool);
    else if (p->in_system)
        n = snprintf(where, sizeof where, "system[%d]", p->part);
    else if (p->call >= 0)
        n = snprintf(where, sizeof where, "%s[%d].tool_calls[%d]", list, p->message, p->call);
    else if (p->part >= 0 && p->nested)
        n = snprintf(where, sizeof where, "%s[%d].%s[%d].content[%u]", list, p->message, parts,
                     p->part, p->nested - 1);
    else if (p->part >= 0)
        n = snprintf(where, sizeof where, "%s[%d].%s[%d]", list, p->message, parts, p->part);
    else if (p->message >= 0)
        n = snprintf(where, sizeof where, "%s[%d]", list, p->message);
    if (!field)
        return base_arena_dup(p->a, base_str_n(where, (size_t)n));
    return base_arena_printf(p->a, "%s%s%s", where, n > 0 ? "." : "", field);
}

enum base_status gw_px_bad(const struct gw_px *p, const char *code, const char *field,
                           const char *what)
{
    struct base_str param = param_of(p, field);
    *p->e = (struct gw_api_error){.status = 400,
                                  .type = "invalid_request_error",
                                  .code = base_str_c(code),
                                  .param = param,
                                  .message = base_arena_printf(p->a, "Invalid request: %s%.*s%s%s.",
                                                               param.n ? "'" : "", BASE_FMT(param),
                                                               param.n ? "' " : "", what)};
    return BASE_EINVAL;
}

enum base_status gw_px_bad_type(const struct gw_px *p, const char *field, const char *what)
{
    return gw_px_bad(p, "invalid_type", field, what);
}

enum base_status gw_px_no_room(const struct gw_px *p)
{
    *p->e = (struct gw_api_error){.status = 413,
                                  .type = "invalid_request_error",
                                  .code = BASE_STR("request_too_large"),
                                  .message = BASE_STR("The request is too large to process.")};
    return BASE_LIMIT;
}

/* Copies a string member into the arena. *out stays as it is when v is absent or null. */
enum base_status gw_px_str(const struct gw_px *p, const json_t *v, const char *field,
                           struct base_str *out)
{
    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_string(v))
        return gw_px_bad_type(p, field, "must be a string");
    *out = base_arena_dup(p->a, gw_json_str(v));
    return out->p ? BASE_OK : gw_px_no_room(p);
}

bool gw_px_is_one_of(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (strcmp(key, *known) == 0)
            return true;
    return false;
}

/* Everything in obj that known does not name -> *out. */
enum base_status gw_px_extra(const struct gw_px *p, const json_t *obj, const char *const *known,
                             struct base_str *out)
{
    struct gw_json_extra x;
    const char *key;
    json_t *v;
    json_t *o = (json_t *)(uintptr_t)obj;

    gw_json_extra_init(&x);
    json_object_foreach(o, key, v)
    {
        if (!gw_px_is_one_of(key, known))
            gw_json_extra_add(&x, key, v);
    }
    return gw_json_extra_end(&x, p->a, out) == BASE_OK ? BASE_OK : gw_px_no_room(p);
}

void gw_px_drop(const struct gw_px *p, const json_t *obj, const char *const *known,
                const char *prefix)
{
    const char *key;
    json_t *v;
    json_t *o = (json_t *)(uintptr_t)obj;

    json_object_foreach(o, key, v)
    {
        if (!json_is_null(v) && !gw_px_is_one_of(key, known))
            gw_dropped_add(p->dropped, prefix, key);
    }
}

/* As gw_px_extra for an object with an inner `function` object: see Mapping above. */
enum base_status gw_px_function_extra(const struct gw_px *p, const json_t *obj, const json_t *inner,
                                      const char *const *outer_known,
                                      const char *const *inner_known, struct base_str *out)
{
    struct base_str unknown = BASE_STR_NULL;
    enum base_status st = gw_px_extra(p, inner, inner_known, &unknown);
    if (st == BASE_OK)
        st = gw_px_extra(p, obj, outer_known, out);
    if (st != BASE_OK || unknown.n == 0)
        return st;
    *out = out->n ? base_arena_printf(p->a, "%.*s,\"function\":%.*s}", (int)(out->n - 1), out->p,
                                      BASE_FMT(unknown))
                  : base_arena_printf(p->a, "{\"function\":%.*s}", BASE_FMT(unknown));
    return out->p ? BASE_OK : gw_px_no_room(p);
}

/* ---- tools ---- */

static enum base_status take_tool(const struct gw_px *p, const json_t *v, struct chat_tool *out)
{
    static const char *const outer[] = {"type", "function", NULL};
    static const char *const inner[] = {"name", "description", "parameters", NULL};

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object");
    if (!json_is_string(json_object_get(v, "type")))
        return gw_px_bad_type(p, "type", "must be a string");
    if (!base_str_is(gw_json_get_str(v, "type"), "function")) {
        out->extra = gw_json_text(p->a, v);
        return out->extra.p ? BASE_OK : gw_px_no_room(p);
    }
    const json_t *f = gw_json_get_obj(v, "function");
    if (!f)
        return gw_px_bad_type(p, "function", "must be an object");
    if (gw_json_get_str(f, "name").n == 0)
        return gw_px_bad_type(p, "function.name", "must be a non-empty string");
    const json_t *schema = json_object_get(f, "parameters");
    if (schema && !json_is_null(schema) && !json_is_object(schema))
        return gw_px_bad_type(p, "function.parameters", "must be a JSON Schema object");
    enum base_status st = gw_px_str(p, json_object_get(f, "name"), "function.name", &out->name);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(f, "description"), "function.description",
                       &out->description);
    if (st == BASE_OK && json_is_object(schema)) {
        out->schema = gw_json_text(p->a, schema);
        st = out->schema.p ? BASE_OK : gw_px_no_room(p);
    }
    return st == BASE_OK ? gw_px_function_extra(p, v, f, outer, inner, &out->extra) : st;
}

enum base_status gw_px_tools(struct gw_px *p, const json_t *root, struct chat_request *r,
                             enum base_status (*take)(const struct gw_px *p, const json_t *v,
                                                      struct chat_tool *out))
{
    const json_t *v = json_object_get(root, "tools");
    enum base_status st = BASE_OK;

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_array(v))
        return gw_px_bad_type(p, "tools", "must be an array");
    if (json_array_size(v) > GW_PX_TOOLS_MAX)
        return gw_px_bad(p, "invalid_value", "tools", "has more than 1024 entries");
    r->tools = base_arena_array(p->a, json_array_size(v), sizeof *r->tools);
    if (!r->tools)
        return gw_px_no_room(p);
    r->n_tools = json_array_size(v);
    for (size_t i = 0; i < r->n_tools && st == BASE_OK; i++) {
        p->tool = (int)i;
        st = take(p, json_array_get(v, i), &r->tools[i]);
    }
    p->tool = -1;
    return st;
}

/* *keep turns true when the value must stay in `extra`. */
static enum base_status take_tool_choice(const struct gw_px *p, const json_t *root,
                                         struct chat_request *r, bool *keep)
{
    const json_t *v = json_object_get(root, "tool_choice");
    struct base_str s = gw_json_str(v);

    if (!v || json_is_null(v))
        return BASE_OK;
    if (json_is_object(v)) {
        const json_t *f = gw_json_get_obj(v, "function");
        struct base_str name = gw_json_get_str(f, "name");
        if (!base_str_is(gw_json_get_str(v, "type"), "function")) {
            *keep = true; /* allowed_tools, custom, ...: not ours to read */
            return BASE_OK;
        }
        if (name.n == 0)
            return gw_px_bad_type(p, "tool_choice.function.name", "must be a non-empty string");
        if (json_object_size(v) > 2 || json_object_size(f) > 1) {
            *keep = true; /* members that the canonical form cannot hold: it goes on as it came */
            return BASE_OK;
        }
        r->tool_choice = CHAT_TOOLS_NAMED;
        return gw_px_str(p, json_object_get(f, "name"), "tool_choice.function.name",
                         &r->tool_choice_name);
    }
    if (base_str_is(s, "auto"))
        r->tool_choice = CHAT_TOOLS_AUTO;
    else if (base_str_is(s, "none"))
        r->tool_choice = CHAT_TOOLS_NONE;
    else if (base_str_is(s, "required"))
        r->tool_choice = CHAT_TOOLS_REQUIRED;
    else
        return gw_px_bad(p, "invalid_value", "tool_choice",
                         "must be 'auto', 'none', 'required' or an object");
    return BASE_OK;
}

/* ---- the rest of the top level ---- */

const struct gw_px_number gw_px_numbers[GW_PX_NUMBERS] = {
    {"temperature", offsetof(struct chat_request, temperature), 0, 2, false},
    {"top_p", offsetof(struct chat_request, top_p), 0, 1, false},
    {"presence_penalty", offsetof(struct chat_request, presence_penalty), -2, 2, false},
    {"frequency_penalty", offsetof(struct chat_request, frequency_penalty), -2, 2, false},
    /* not OpenAI's own, but what compatible servers take */
    {"top_k", offsetof(struct chat_request, top_k), -1, 2147483647, true},
    {"min_p", offsetof(struct chat_request, min_p), 0, 1, false},
    {"repeat_penalty", offsetof(struct chat_request, repeat_penalty), 0, 100, false},
};

static const struct gw_px_number own_numbers[] = {
    {"max_tokens", offsetof(struct chat_request, max_tokens), 1, 2147483647, true},
    {"max_completion_tokens", offsetof(struct chat_request, max_tokens), 1, 2147483647, true}};

enum base_status gw_px_number(const struct gw_px *p, const json_t *root,
                              const struct gw_px_number *rule, struct chat_request *r)
{
    struct chat_opt_num *out = (struct chat_opt_num *)((char *)r + rule->offset);
    const json_t *v = json_object_get(root, rule->key);

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_number(v))
        return gw_px_bad_type(p, rule->key,
                              rule->integer ? "must be an integer" : "must be a number");
    double d = json_number_value(v);
    if (rule->integer && d != floor(d))
        return gw_px_bad_type(p, rule->key, "must be an integer");
    if (d < rule->min || d > rule->max) {
        struct base_str what =
            base_arena_printf(p->a, "must be between %.10g and %.10g", rule->min, rule->max);
        return gw_px_bad(p, "invalid_value", rule->key, what.p ? what.p : "is out of range");
    }
    if (out->set)
        return gw_px_bad(p, "invalid_value", rule->key,
                         "and 'max_tokens' say the same thing: send only one of them");
    *out = (struct chat_opt_num){.set = true, .v = d};
    if (strcmp(rule->key, "max_tokens") == 0)
        r->max_tokens_legacy = true;
    return BASE_OK;
}

enum base_status gw_px_bool(const struct gw_px *p, const json_t *v, const char *field, bool *out)
{
    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_boolean(v))
        return gw_px_bad_type(p, field, "must be true or false");
    *out = json_is_true(v);
    return BASE_OK;
}

/* A double holds integers up to 2^53; a larger seed goes on unread. */
enum base_status gw_px_seed(const struct gw_px *p, const json_t *root, struct chat_request *r,
                            bool *keep)
{
    const json_t *v = json_object_get(root, "seed");
    const json_int_t exact = (json_int_t)1 << 53;

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_integer(v))
        return gw_px_bad_type(p, "seed", "must be an integer");
    if (json_integer_value(v) > exact || json_integer_value(v) < -exact)
        *keep = true;
    else
        r->seed = (struct chat_opt_num){.set = true, .v = (double)json_integer_value(v)};
    return BASE_OK;
}

enum base_status gw_px_stop(const struct gw_px *p, const json_t *root, struct chat_request *r)
{
    const json_t *v = json_object_get(root, "stop");
    enum base_status st = BASE_OK;

    if (!v || json_is_null(v))
        return BASE_OK;
    if (json_is_string(v)) {
        r->n_stop = 1;
        return gw_px_str(p, v, "stop", &r->stop[0]);
    }
    if (!json_is_array(v))
        return gw_px_bad_type(p, "stop", "must be a string or an array of strings");
    if (json_array_size(v) > CHAT_STOP_MAX)
        return gw_px_bad(p, "invalid_value", "stop", "has more than 16 entries");
    for (size_t i = 0; i < json_array_size(v) && st == BASE_OK; i++) {
        if (!json_is_string(json_array_get(v, i)))
            return gw_px_bad_type(p, "stop", "must be a string or an array of strings");
        st = gw_px_str(p, json_array_get(v, i), "stop", &r->stop[r->n_stop++]);
    }
    return st;
}

enum base_status gw_px_stream(const struct gw_px *p, const json_t *root, struct chat_request *r,
                              struct gw_json_extra *x)
{
    static const char *const known[] = {"include_usage", NULL};
    const json_t *o = json_object_get(root, "stream_options");
    enum base_status st = gw_px_bool(p, json_object_get(root, "stream"), "stream", &r->stream);

    if (st != BASE_OK || !o || json_is_null(o))
        return st;
    if (!json_is_object(o))
        return gw_px_bad_type(p, "stream_options", "must be an object");
    if (!r->stream)
        return gw_px_bad(p, "invalid_value", "stream_options",
                         "is only allowed when 'stream' is true");
    st = gw_px_bool(p, json_object_get(o, "include_usage"), "stream_options.include_usage",
                    &r->include_usage);
    json_t *rest = st == BASE_OK ? json_copy((json_t *)(uintptr_t)o) : NULL;
    if (rest) {
        json_object_del(rest, known[0]);
        if (json_object_size(rest) > 0)
            gw_json_extra_add(x, "stream_options", rest);
        json_decref(rest);
    }
    return st;
}

static enum base_status take_unsupported(const struct gw_px *p, const json_t *root)
{
    static const char *const old[] = {"functions", "function_call", NULL};
    const json_t *n = json_object_get(root, "n");

    if (n && !json_is_null(n)) {
        if (!json_is_integer(n))
            return gw_px_bad_type(p, "n", "must be an integer");
        if (json_integer_value(n) != 1)
            return gw_px_bad(p, "unsupported_value", "n",
                             "must be 1: this gateway gives one choice a request");
    }
    for (const char *const *k = old; *k; k++)
        if (json_object_get(root, *k) && !json_is_null(json_object_get(root, *k)))
            return gw_px_bad(p, "unsupported_value", *k,
                             "is not supported: use 'tools' and 'tool_choice', which replaced it");
    return BASE_OK;
}

static enum base_status take_top(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    static const char *const known[] = {"model",
                                        "messages",
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
                                        "max_tokens",
                                        "max_completion_tokens",
                                        "stop",
                                        "user",
                                        "n",
                                        "functions",
                                        "function_call",
                                        NULL};
    bool keep_choice = false, keep_seed = false;
    struct gw_json_extra x;
    const char *key;
    json_t *v;

    gw_json_extra_init(&x);
    enum base_status st = BASE_OK;
    if (gw_json_get_str(root, "model").n == 0)
        st = gw_px_bad(p, "missing_required_parameter", "model", "must be a non-empty string");
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "model"), "model", &r->model);
    if (st == BASE_OK)
        st = take_unsupported(p, root);
    if (st == BASE_OK)
        st = gw_px_messages(p, root, r);
    if (st == BASE_OK)
        st = gw_px_tools(p, root, r, take_tool);
    if (st == BASE_OK)
        st = take_tool_choice(p, root, r, &keep_choice);
    for (size_t i = 0; i < GW_PX_NUMBERS && st == BASE_OK; i++)
        st = gw_px_number(p, root, &gw_px_numbers[i], r);
    for (size_t i = 0; i < sizeof own_numbers / sizeof *own_numbers && st == BASE_OK; i++)
        st = gw_px_number(p, root, &own_numbers[i], r);
    if (st == BASE_OK)
        st = gw_px_seed(p, root, r, &keep_seed);
    if (st == BASE_OK)
        st = gw_px_stop(p, root, r);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "user"), "user", &r->user);
    if (st == BASE_OK)
        st = gw_px_stream(p, root, r, &x);
    if (st == BASE_OK) {
        json_t *o = (json_t *)(uintptr_t)root;
        json_object_foreach(o, key, v)
        {
            bool keep = (keep_choice && strcmp(key, "tool_choice") == 0) ||
                        (keep_seed && strcmp(key, "seed") == 0);
            if (keep || !gw_px_is_one_of(key, known))
                gw_json_extra_add(&x, key, v);
        }
    }
    enum base_status ended = gw_json_extra_end(&x, p->a, &r->extra);
    if (st == BASE_OK && ended != BASE_OK)
        st = gw_px_no_room(p);
    return st;
}

enum base_status gw_openai_parse(struct base_str body, struct base_arena *a,
                                 struct chat_request *out, struct gw_api_error *api_err)
{
    struct gw_px p = {.a = a, .e = api_err, .message = -1, .part = -1, .call = -1, .tool = -1};
    struct base_err err;

    *out = (struct chat_request){.arena = a, .dialect = CHAT_DIALECT_OPENAI_CHAT};
    json_t *root = gw_json_load(body, false, &err);
    if (!root)
        return gw_px_bad(&p, "invalid_json", NULL, err.text);
    enum base_status st = take_top(&p, root, out);
    json_decref(root);
    return st;
}
