/* responses_tools.c - the `tools` and `tool_choice` of a Responses body -> canonical tools. See
 * responses_parse.c: same rules, same failures, owns nothing.
 *
 * Functions  stand flat here: {"type":"function","name","description","parameters","strict"}.
 *            `strict` goes to `extra` where chat completions keep it, in an inner object
 *            `function`; what else nobody knows is named as dropped.
 * Custom     {"type":"custom","name","description","format"}: a tool that takes text as it is. A
 *            back end is told of a function of one text, `input`; its calls come back as
 *            custom_tool_call (responses.c). A grammar is put behind the description, and
 *            `tools.format` named as dropped: nobody enforces it.
 * Refused    every other type. A provider's own tools (web_search, file_search, computer, mcp,
 *            code_interpreter, image_generation, ...) would be run by the provider, who would
 *            fetch from and send to places that no rule of this gateway has judged; Weir runs none
 *            itself. A request that asks for one is a 400, not an answer without it.
 * Choice     {"type":"allowed_tools"} becomes what it means: the tools that are not in the list are
 *            left out, and its mode is the choice. So it holds at every back end.
 */
#include "gateway/dialect/responses_int.h"

#define BUILT_IN                                                                                   \
    "must be 'function' or 'custom': tools that a provider runs would take data past this "        \
    "gateway's policy; offer a function and run it yourself"

static enum base_status take_strict(const struct gw_px *p, const json_t *v, struct chat_tool *out)
{
    const json_t *strict = json_object_get(v, "strict");

    if (!strict || json_is_null(strict))
        return BASE_OK;
    if (!json_is_boolean(strict))
        return gw_px_bad_type(p, "strict", "must be true or false");
    out->extra = base_arena_printf(p->a, "{\"function\":{\"strict\":%s}}",
                                   json_is_true(strict) ? "true" : "false");
    return out->extra.p ? BASE_OK : gw_px_no_room(p);
}

static enum base_status take_custom(const struct gw_px *p, const json_t *v, struct chat_tool *out)
{
    static const char *const known[] = {"type", "name", "description", "format", NULL};
    const json_t *format = json_object_get(v, "format");
    struct base_str grammar = gw_json_get_str(format, "definition");

    if (gw_json_get_str(v, "name").n == 0)
        return gw_px_bad_type(p, "name", "must be a non-empty string");
    if (format && !json_is_null(format) && !json_is_object(format))
        return gw_px_bad_type(p, "format", "must be an object");
    enum base_status st = gw_px_str(p, json_object_get(v, "name"), "name", &out->name);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(v, "description"), "description", &out->description);
    if (st == BASE_OK && grammar.n > 0) {
        struct base_str syntax = gw_json_get_str(format, "syntax");
        out->description =
            base_arena_printf(p->a, "%.*s\n\nThe input must match this %.*s grammar:\n%.*s",
                              BASE_FMT(out->description), BASE_FMT(syntax), BASE_FMT(grammar));
        if (!out->description.p)
            return gw_px_no_room(p);
        gw_dropped_add(p->dropped, "tools.", "format");
    }
    gw_px_drop(p, v, known, "tools.");
    out->schema = BASE_STR("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                           "\"required\":[\"input\"],\"additionalProperties\":false}");
    out->freeform = true;
    return st;
}

static enum base_status take_tool(const struct gw_px *p, const json_t *v, struct chat_tool *out)
{
    static const char *const known[] = {"type",       "name",   "description",
                                        "parameters", "strict", NULL};
    const json_t *schema = json_object_get(v, "parameters");

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object");
    if (!json_is_string(json_object_get(v, "type")))
        return gw_px_bad_type(p, "type", "must be a string");
    if (base_str_is(gw_json_get_str(v, "type"), "custom"))
        return take_custom(p, v, out);
    if (!base_str_is(gw_json_get_str(v, "type"), "function"))
        return gw_px_bad(p, "unsupported_value", "type", BUILT_IN);
    if (gw_json_get_str(v, "name").n == 0)
        return gw_px_bad_type(p, "name",
                              json_object_get(v, "function")
                                  ? "must stand in the tool itself: this endpoint has no inner "
                                    "'function'"
                                  : "must be a non-empty string");
    if (schema && !json_is_null(schema) && !json_is_object(schema))
        return gw_px_bad_type(p, "parameters", "must be a JSON Schema object");
    enum base_status st = gw_px_str(p, json_object_get(v, "name"), "name", &out->name);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(v, "description"), "description", &out->description);
    if (st == BASE_OK)
        st = take_strict(p, v, out);
    if (st == BASE_OK && json_is_object(schema)) {
        out->schema = gw_json_text(p->a, schema);
        if (!out->schema.p)
            return gw_px_no_room(p);
    }
    gw_px_drop(p, v, known, "tools.");
    return st;
}

/* ---- the choice ---- */

static bool choice_of(struct base_str word, enum chat_tool_choice *out)
{
    if (base_str_is(word, "auto"))
        *out = CHAT_TOOLS_AUTO;
    else if (base_str_is(word, "none"))
        *out = CHAT_TOOLS_NONE;
    else if (base_str_is(word, "required"))
        *out = CHAT_TOOLS_REQUIRED;
    else
        return false;
    return true;
}

static bool is_offered(const struct chat_request *r, struct base_str name)
{
    for (size_t i = 0; i < r->n_tools; i++)
        if (base_str_eq(r->tools[i].name, name))
            return true;
    return false;
}

static bool is_listed(const json_t *list, struct base_str name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (base_str_eq(gw_json_get_str(json_array_get(list, i), "name"), name))
            return true;
    return false;
}

static bool is_ours(struct base_str type)
{
    return base_str_is(type, "function") || base_str_is(type, "custom");
}

/* Leaves only the tools of the list. */
static enum base_status take_allowed(const struct gw_px *p, const json_t *choice,
                                     struct chat_request *r)
{
    const json_t *list = json_object_get(choice, "tools");
    size_t kept = 0;

    if (!choice_of(gw_json_get_str(choice, "mode"), &r->tool_choice) ||
        r->tool_choice == CHAT_TOOLS_NONE)
        return gw_px_bad(p, "invalid_value", "tool_choice.mode", "must be 'auto' or 'required'");
    if (json_array_size(list) == 0)
        return gw_px_bad_type(p, "tool_choice.tools", "must be an array that is not empty");
    if (json_array_size(list) > GW_PX_TOOLS_MAX)
        return gw_px_bad(p, "invalid_value", "tool_choice.tools", "has more than 1024 entries");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (!is_ours(gw_json_get_str(one, "type")))
            return gw_px_bad(p, "unsupported_value", "tool_choice.tools", BUILT_IN);
        if (!is_offered(r, gw_json_get_str(one, "name")))
            return gw_px_bad(p, "invalid_value", "tool_choice.tools",
                             "names a function that is not in 'tools'");
    }
    for (size_t i = 0; i < r->n_tools; i++)
        if (is_listed(list, r->tools[i].name))
            r->tools[kept++] = r->tools[i];
    r->n_tools = kept;
    return BASE_OK;
}

static enum base_status take_tool_choice(const struct gw_px *p, const json_t *root,
                                         struct chat_request *r)
{
    const json_t *v = json_object_get(root, "tool_choice");
    struct base_str type = gw_json_get_str(v, "type");

    if (!v || json_is_null(v))
        return BASE_OK;
    if (!json_is_object(v)) {
        if (!choice_of(gw_json_str(v), &r->tool_choice))
            return gw_px_bad(p, "invalid_value", "tool_choice",
                             "must be 'auto', 'none', 'required' or an object");
        return BASE_OK;
    }
    if (base_str_is(type, "allowed_tools"))
        return take_allowed(p, v, r);
    if (!is_ours(type))
        return gw_px_bad(p, "unsupported_value", "tool_choice.type", BUILT_IN);
    if (gw_json_get_str(v, "name").n == 0)
        return gw_px_bad_type(p, "tool_choice.name", "must be a non-empty string");
    r->tool_choice = CHAT_TOOLS_NAMED;
    return gw_px_str(p, json_object_get(v, "name"), "tool_choice.name", &r->tool_choice_name);
}

enum base_status gw_px_response_tools(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    bool parallel; /* goes on among the further members, as it stands */
    enum base_status st = gw_px_bool(p, json_object_get(root, "parallel_tool_calls"),
                                     "parallel_tool_calls", &parallel);
    if (st == BASE_OK)
        st = gw_px_tools(p, root, r, take_tool);
    if (st == BASE_OK)
        st = take_tool_choice(p, root, r);
    /* Without tools the words mean nothing; chat completions refuse them then. */
    if (r->n_tools == 0 && r->tool_choice <= CHAT_TOOLS_NONE)
        r->tool_choice = CHAT_TOOLS_UNSET;
    return st;
}
