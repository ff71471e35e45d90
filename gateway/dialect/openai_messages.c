/* openai_messages.c - the `messages` of OpenAI's chat body -> chat_messages. See openai_parse.c, of
 * which this is the larger half: same rules, same failures, owns nothing.
 */
#include "gateway/dialect/openai_int.h"

static enum base_status take_opaque(const struct gw_px *p, const json_t *v, struct base_str name,
                                    struct base_str id, struct chat_part *out)
{
    *out = (struct chat_part){
        .kind = CHAT_PART_OPAQUE, .name = name, .id = id, .raw = gw_json_text(p->a, v)};
    return out->raw.p ? BASE_OK : gw_px_no_room(p);
}

/* ---- messages ---- */

/* One element of an array content. as_result: the message is a tool's; id is its call. */
static enum base_status take_part(const struct gw_px *p, const json_t *v, bool as_result,
                                  struct base_str id, struct chat_part *out)
{
    static const char *const text_known[] = {"type", "text", NULL};
    static const char *const refusal_known[] = {"type", "refusal", NULL};

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object with a 'type'");
    struct base_str type = gw_json_get_str(v, "type");
    if (type.n == 0)
        return gw_px_bad(p, "missing_required_parameter", "type", "must be a non-empty string");
    bool text = base_str_is(type, "text");
    bool refusal = base_str_is(type, "refusal") && !as_result;
    if (!text && !refusal)
        return take_opaque(p, v, BASE_STR_NULL, id, out);

    const char *field = text ? "text" : "refusal";
    const json_t *s = json_object_get(v, field);
    if (!json_is_string(s))
        return gw_px_bad_type(p, field, "must be a string");
    *out = (struct chat_part){.kind = refusal     ? CHAT_PART_REFUSAL
                                      : as_result ? CHAT_PART_TOOL_RESULT
                                                  : CHAT_PART_TEXT,
                              .id = as_result ? id : BASE_STR_NULL};
    enum base_status st = gw_px_str(p, s, field, &out->text);
    return st == BASE_OK ? gw_px_extra(p, v, text ? text_known : refusal_known, &out->extra) : st;
}

static enum base_status take_content(struct gw_px *p, const json_t *content, bool as_result,
                                     struct base_str id, struct chat_message *m)
{
    enum base_status st = BASE_OK;

    if (json_is_string(content)) {
        struct chat_part *part = &m->parts[m->n_parts++];
        part->kind = as_result ? CHAT_PART_TOOL_RESULT : CHAT_PART_TEXT;
        part->id = as_result ? id : BASE_STR_NULL;
        return gw_px_str(p, content, "content", &part->text);
    }
    for (size_t i = 0; i < json_array_size(content) && st == BASE_OK; i++) {
        p->part = (int)i;
        st = take_part(p, json_array_get(content, i), as_result, id, &m->parts[m->n_parts++]);
    }
    if (st == BASE_OK)
        p->part = -1;
    return st;
}

static enum base_status take_call(const struct gw_px *p, const json_t *v, struct chat_part *out)
{
    static const char *const outer[] = {"id", "type", "function", NULL};
    static const char *const inner[] = {"name", "arguments", NULL};

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object");
    const json_t *type = json_object_get(v, "type");
    if (type && !json_is_string(type))
        return gw_px_bad_type(p, "type", "must be a string");
    if (type && !base_str_is(gw_json_str(type), "function"))
        return take_opaque(p, v, BASE_STR("tool_calls"), BASE_STR_NULL, out);
    const json_t *f = gw_json_get_obj(v, "function");
    if (!f)
        return gw_px_bad_type(p, "function", "must be an object");
    if (!json_is_string(json_object_get(v, "id")))
        return gw_px_bad_type(p, "id", "must be a string");
    if (gw_json_get_str(f, "name").n == 0)
        return gw_px_bad_type(p, "function.name", "must be a non-empty string");
    if (!json_is_string(json_object_get(f, "arguments")))
        return gw_px_bad_type(p, "function.arguments", "must be a string of JSON");
    out->kind = CHAT_PART_TOOL_CALL;
    enum base_status st = gw_px_str(p, json_object_get(v, "id"), "id", &out->id);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(f, "name"), "function.name", &out->name);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(f, "arguments"), "function.arguments", &out->text);
    return st == BASE_OK ? gw_px_function_extra(p, v, f, outer, inner, &out->extra) : st;
}

static enum base_status take_text_member(const struct gw_px *p, const json_t *m, const char *field,
                                         enum chat_part_kind kind, struct chat_message *out)
{
    const json_t *v = json_object_get(m, field);
    if (!v || json_is_null(v))
        return BASE_OK;
    struct chat_part *part = &out->parts[out->n_parts++];
    part->kind = kind;
    return gw_px_str(p, v, field, &part->text);
}

static bool role_of(struct base_str s, enum chat_role *out)
{
    for (enum chat_role r = CHAT_SYSTEM; r <= CHAT_TOOL; r++) {
        if (base_str_is(s, chat_role_name(r))) {
            *out = r;
            return true;
        }
    }
    return false;
}

/* An assistant's reasoning, refusal and calls stand beside its content. */
static enum base_status take_assistant(struct gw_px *p, const json_t *m, const json_t *content,
                                       const json_t *calls, struct chat_message *out)
{
    enum base_status st = take_text_member(p, m, "reasoning_content", CHAT_PART_REASONING, out);
    if (st == BASE_OK)
        st = take_content(p, content, false, BASE_STR_NULL, out);
    if (st == BASE_OK)
        st = take_text_member(p, m, "refusal", CHAT_PART_REFUSAL, out);
    for (size_t i = 0; i < json_array_size(calls) && st == BASE_OK; i++) {
        p->call = (int)i;
        st = take_call(p, json_array_get(calls, i), &out->parts[out->n_parts++]);
    }
    if (st == BASE_OK)
        p->call = -1;
    return st;
}

static enum base_status check_content(const struct gw_px *p, enum chat_role role, const json_t *m,
                                      const json_t *content)
{
    if (content && !json_is_null(content) && !json_is_string(content) && !json_is_array(content))
        return gw_px_bad_type(p, "content", "must be a string or an array of content parts");
    bool has = json_is_string(content) || json_array_size(content) > 0;
    if (has || role == CHAT_ASSISTANT)
        return BASE_OK;
    if (json_is_array(content))
        return gw_px_bad(p, "invalid_value", "content", "must not be an empty array");
    return gw_px_bad(p, "missing_required_parameter", "content",
                     json_object_get(m, "content") ? "must not be null for this role"
                                                   : "is required");
}

static enum base_status take_message(struct gw_px *p, const json_t *m, struct chat_message *out)
{
    static const char *const known[] = {"role", "content", "name", NULL};
    static const char *const assistant_known[] = {
        "role", "content", "name", "tool_calls", "refusal", "reasoning_content", NULL};
    static const char *const tool_known[] = {"role", "content", "name", "tool_call_id", NULL};

    if (!json_is_object(m))
        return gw_px_bad_type(p, NULL, "must be an object");
    if (!json_is_string(json_object_get(m, "role")))
        return gw_px_bad_type(p, "role", "must be a string");
    if (!role_of(gw_json_get_str(m, "role"), &out->role))
        return gw_px_bad(p, "invalid_value", "role",
                         "must be one of system, developer, user, assistant, tool");
    bool assistant = out->role == CHAT_ASSISTANT, tool = out->role == CHAT_TOOL;
    const json_t *content = json_object_get(m, "content");
    const json_t *calls = assistant ? json_object_get(m, "tool_calls") : NULL;
    enum base_status st = check_content(p, out->role, m, content);
    if (st != BASE_OK)
        return st;
    if (calls && !json_is_null(calls) && !json_is_array(calls))
        return gw_px_bad_type(p, "tool_calls", "must be an array");

    size_t parts = json_array_size(content) + json_array_size(calls) + 3;
    out->parts = base_arena_array(p->a, parts, sizeof *out->parts);
    if (!out->parts)
        return gw_px_no_room(p);
    st = gw_px_str(p, json_object_get(m, "name"), "name", &out->name);
    if (st == BASE_OK && tool) {
        struct base_str id = BASE_STR_NULL;
        if (!json_is_string(json_object_get(m, "tool_call_id")))
            return gw_px_bad_type(p, "tool_call_id", "must be a string");
        st = gw_px_str(p, json_object_get(m, "tool_call_id"), "tool_call_id", &id);
        if (st == BASE_OK)
            st = take_content(p, content, true, id, out);
    } else if (st == BASE_OK) {
        st = assistant ? take_assistant(p, m, content, calls, out)
                       : take_content(p, content, false, BASE_STR_NULL, out);
    }
    if (st != BASE_OK)
        return st;
    return gw_px_extra(p, m, assistant ? assistant_known : tool ? tool_known : known, &out->extra);
}

enum base_status gw_px_messages(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    const json_t *v = json_object_get(root, "messages");
    enum base_status st = BASE_OK;

    if (!v)
        return gw_px_bad(p, "missing_required_parameter", "messages", "is required");
    if (!json_is_array(v))
        return gw_px_bad_type(p, "messages", "must be an array");
    if (json_array_size(v) == 0)
        return gw_px_bad(p, "invalid_value", "messages", "must not be empty");
    r->messages = base_arena_array(p->a, json_array_size(v), sizeof *r->messages);
    if (!r->messages)
        return gw_px_no_room(p);
    r->n_messages = json_array_size(v);
    for (size_t i = 0; i < r->n_messages && st == BASE_OK; i++) {
        p->message = (int)i;
        st = take_message(p, json_array_get(v, i), &r->messages[i]);
    }
    p->message = -1;
    return st;
}
