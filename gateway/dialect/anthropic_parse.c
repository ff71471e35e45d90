/* anthropic_parse.c - the body of Anthropic's POST /v1/messages and of its count_tokens ->
 * chat_request.
 *
 * Owns       nothing: the JSON tree lives for the duration of the call, everything kept is copied
 *            into the request's arena.
 * Runs on    the connection's loop or a thread of the pool; no I/O.
 * Invariants every member of the body ends up in exactly one place: a canonical field, the `extra`
 *            object of the level it stood on, or a 400 that names it. Nothing is dropped here.
 * Mapping    - messages: see anthropic_messages.c;
 *            - a tool without `type`, or of type custom, is a function: its input_schema is the
 *              schema, what else it has is `extra`; any other (web_search_20250305, bash_...) has
 *              an empty name and its whole JSON in `extra`;
 *            - tool_choice any is required, tool is named; disable_parallel_tool_use is one_call;
 *            - metadata with nothing but a user_id is `user`; else it stays in `extra`, as a
 *              tool_choice with members that are not known does;
 *            - thinking, output_config, service_tier, container, ... stay in `extra`.
 * Fails by   BASE_EINVAL with api_err (400, param such as "messages[2].content[0].text");
 * BASE_LIMIT (413) when the arena is exhausted.
 */
#include "gateway/dialect/anthropic_int.h"
#include <math.h>

static bool is_one_of(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (strcmp(key, *known) == 0)
            return true;
    return false;
}

/* ---- tools ---- */

static enum base_status take_tool(const struct gw_px *p, const json_t *v, struct chat_tool *out)
{
    static const char *const known[] = {"name", "description", "input_schema", NULL};
    const json_t *type = json_object_get(v, "type"), *schema = json_object_get(v, "input_schema");

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object");
    if (type && !json_is_null(type) && gw_json_str(type).n == 0)
        return gw_px_bad_type(p, "type", "must be a non-empty string");
    if (gw_json_str(type).n && !base_str_is(gw_json_str(type), "custom")) {
        out->extra = gw_json_text(p->a, v);
        return out->extra.p ? BASE_OK : gw_px_no_room(p);
    }
    if (gw_json_get_str(v, "name").n == 0)
        return gw_px_bad_type(p, "name", "must be a non-empty string");
    if (!json_is_object(schema))
        return gw_px_bad_type(p, "input_schema", "must be a JSON Schema object");
    enum base_status st = gw_px_str(p, json_object_get(v, "name"), "name", &out->name);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(v, "description"), "description", &out->description);
    if (st != BASE_OK)
        return st;
    out->schema = gw_json_text(p->a, schema);
    return out->schema.p ? gw_px_extra(p, v, known, &out->extra) : gw_px_no_room(p);
}

/* *keep turns true when the value must stay in `extra`. */
static enum base_status take_tool_choice(const struct gw_px *p, const json_t *root,
                                         struct chat_request *r, bool *keep)
{
    static const char *const words[] = {[CHAT_TOOLS_AUTO] = "auto",
                                        [CHAT_TOOLS_NONE] = "none",
                                        [CHAT_TOOLS_REQUIRED] = "any",
                                        [CHAT_TOOLS_NAMED] = "tool"};
    const json_t *v = json_object_get(root, "tool_choice");
    const json_t *one = json_object_get(v, "disable_parallel_tool_use");
    const json_t *name = json_object_get(v, "name");
    enum chat_tool_choice choice = CHAT_TOOLS_UNSET;

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_object(v))
        return gw_px_bad_type(p, "tool_choice", "must be an object with a 'type'");
    for (int i = CHAT_TOOLS_AUTO; i <= CHAT_TOOLS_NAMED; i++)
        if (base_str_is(gw_json_get_str(v, "type"), words[i]))
            choice = (enum chat_tool_choice)i;
    if (choice == CHAT_TOOLS_UNSET)
        return gw_px_bad(p, "invalid_value", "tool_choice.type",
                         "must be 'auto', 'any', 'tool' or 'none'");
    if (one && !json_is_null(one) && !json_is_boolean(one))
        return gw_px_bad_type(p, "tool_choice.disable_parallel_tool_use", "must be true or false");
    if (choice == CHAT_TOOLS_NAMED && gw_json_str(name).n == 0)
        return gw_px_bad_type(p, "tool_choice.name", "must be a non-empty string");
    size_t known = 1u + (one != NULL) + (choice == CHAT_TOOLS_NAMED);
    if (json_object_size(v) > known) {
        *keep = true; /* members that the canonical form cannot hold: it goes on as it came */
        return BASE_OK;
    }
    r->tool_choice = choice;
    r->one_call = json_is_true(one);
    return choice == CHAT_TOOLS_NAMED ? gw_px_str(p, name, "tool_choice.name", &r->tool_choice_name)
                                      : BASE_OK;
}

/* ---- the rest of the top level ---- */

struct number_rule {
    const char *key;
    size_t offset; /* of the chat_opt_num in chat_request */
    double min, max;
    bool integer;
};

static const struct number_rule number_rules[] = {
    {"max_tokens", offsetof(struct chat_request, max_tokens), 1, 2147483647, true},
    {"temperature", offsetof(struct chat_request, temperature), 0, 1, false},
    {"top_p", offsetof(struct chat_request, top_p), 0, 1, false},
    {"top_k", offsetof(struct chat_request, top_k), 0, 2147483647, true},
};

static enum base_status take_number(const struct gw_px *p, const json_t *root,
                                    const struct number_rule *rule, struct chat_request *r)
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
    *out = (struct chat_opt_num){.set = true, .v = d};
    return BASE_OK;
}

static enum base_status take_stop(const struct gw_px *p, const json_t *root, struct chat_request *r)
{
    const json_t *v = json_object_get(root, "stop_sequences");
    enum base_status st = BASE_OK;

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_array(v))
        return gw_px_bad_type(p, "stop_sequences", "must be an array of strings");
    if (json_array_size(v) > CHAT_STOP_MAX)
        return gw_px_bad(p, "invalid_value", "stop_sequences", "has more than 16 entries");
    for (size_t i = 0; i < json_array_size(v) && st == BASE_OK; i++) {
        const json_t *s = json_array_get(v, i);
        if (gw_json_str(s).n == 0)
            return gw_px_bad_type(p, "stop_sequences", "must be an array of non-empty strings");
        st = gw_px_str(p, s, "stop_sequences", &r->stop[r->n_stop++]);
    }
    return st;
}

static enum base_status take_metadata(const struct gw_px *p, const json_t *root,
                                      struct chat_request *r, bool *keep)
{
    const json_t *v = json_object_get(root, "metadata"), *id = json_object_get(v, "user_id");

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_object(v))
        return gw_px_bad_type(p, "metadata", "must be an object");
    if (id && !json_is_null(id) && !json_is_string(id))
        return gw_px_bad_type(p, "metadata.user_id", "must be a string");
    if (json_object_size(v) > (id != NULL)) {
        *keep = true;
        return BASE_OK;
    }
    return gw_px_str(p, id, "metadata.user_id", &r->user);
}

static enum base_status take_stream(const struct gw_px *p, const json_t *root,
                                    struct chat_request *r)
{
    const json_t *v = json_object_get(root, "stream");

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_boolean(v))
        return gw_px_bad_type(p, "stream", "must be true or false");
    r->stream = json_is_true(v);
    return BASE_OK;
}

static enum base_status take_extra(const struct gw_px *p, const json_t *root, bool keep_choice,
                                   bool keep_metadata, struct chat_request *r)
{
    static const char *const known[] = {"model",    "messages",       "system", "max_tokens",
                                        "metadata", "stop_sequences", "stream", "temperature",
                                        "top_k",    "top_p",          "tools",  "tool_choice",
                                        NULL};
    struct gw_json_extra x;
    const char *key;
    json_t *v, *o = (json_t *)(uintptr_t)root;

    gw_json_extra_init(&x);
    json_object_foreach(o, key, v)
    {
        bool keep = (keep_choice && strcmp(key, "tool_choice") == 0) ||
                    (keep_metadata && strcmp(key, "metadata") == 0);
        if (keep || !is_one_of(key, known))
            gw_json_extra_add(&x, key, v);
    }
    return gw_json_extra_end(&x, p->a, &r->extra) == BASE_OK ? BASE_OK : gw_px_no_room(p);
}

static enum base_status take_top(struct gw_px *p, const json_t *root, bool count,
                                 struct chat_request *r)
{
    bool keep_choice = false, keep_metadata = false;
    enum base_status st = BASE_OK;

    if (gw_json_get_str(root, "model").n == 0)
        st = gw_px_bad(p, "missing_required_parameter", "model", "must be a non-empty string");
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(root, "model"), "model", &r->model);
    for (size_t i = 0; i < sizeof number_rules / sizeof number_rules[0] && st == BASE_OK; i++)
        st = take_number(p, root, &number_rules[i], r);
    if (st == BASE_OK && !count && !r->max_tokens.set)
        st = gw_px_bad(p, "missing_required_parameter", "max_tokens", "is required");
    if (st == BASE_OK)
        st = gw_ax_messages(p, root, r);
    if (st == BASE_OK)
        st = gw_px_tools(p, root, r, take_tool);
    if (st == BASE_OK)
        st = take_tool_choice(p, root, r, &keep_choice);
    if (st == BASE_OK)
        st = take_stop(p, root, r);
    if (st == BASE_OK)
        st = take_metadata(p, root, r, &keep_metadata);
    if (st == BASE_OK)
        st = take_stream(p, root, r);
    if (st == BASE_OK && count && r->stream)
        st = gw_px_bad(p, "invalid_value", "stream", "must be false: a count is one number");
    return st == BASE_OK ? take_extra(p, root, keep_choice, keep_metadata, r) : st;
}

static enum base_status parse(struct base_str body, struct base_arena *a, bool count,
                              struct chat_request *out, struct gw_api_error *api_err)
{
    struct gw_px p = {.a = a,
                      .e = api_err,
                      .list = "messages",
                      .message = -1,
                      .part = -1,
                      .call = -1,
                      .tool = -1};
    struct base_err err;

    *out =
        (struct chat_request){.arena = a, .dialect = CHAT_DIALECT_ANTHROPIC, .count_only = count};
    json_t *root = gw_json_load(body, false, &err);
    if (!root)
        return gw_px_bad(&p, "invalid_json", NULL, err.text);
    enum base_status st = take_top(&p, root, count, out);
    json_decref(root);
    return st;
}

enum base_status gw_anthropic_parse(struct base_str body, struct base_arena *a,
                                    struct chat_request *out, struct gw_api_error *api_err)
{
    return parse(body, a, false, out, api_err);
}

enum base_status gw_anthropic_parse_count(struct base_str body, struct base_arena *a,
                                          struct chat_request *out, struct gw_api_error *api_err)
{
    return parse(body, a, true, out, api_err);
}
