/* anthropic_messages.c - `system` and `messages` of Anthropic's body -> chat_messages. See
 * anthropic_parse.c, of which this is the larger half: same rules, same failures, owns nothing.
 *
 * Mapping    - `system`, a string or text blocks, is the first message, of role CHAT_SYSTEM;
 *            - a tool_result block is a message of role CHAT_TOOL: a CHAT_PART_TOOL_RESULT for each
 *              text in it (one that is empty, if there is none), an opaque part for everything
 *              else, all with its tool_use_id and is_error; what else stands on the block
 *              (cache_control) is that message's `extra`. Blocks before and after it are messages
 *              of the user. The writer for Anthropic's upstream makes one turn of them again;
 *            - thinking is CHAT_PART_REASONING, its signature in `extra`; redacted_thinking the
 *              same without a text, its `data` in `extra`: both are strings that are scanned;
 *            - image, document, search_result, the blocks of server tools and whatever is not known
 *              are opaque.
 */
#include "gateway/dialect/anthropic_int.h"

/* The parts of one message of the body, handed out one by one: the array is made once, so that many
 * small messages of ours in a large one of theirs do not cost its square. */
struct slices {
    struct chat_part *next;
    size_t left;
};

static struct chat_part *new_part(struct slices *s, struct chat_message *m)
{
    if (s->left == 0)
        return NULL;
    if (m->n_parts == 0)
        m->parts = s->next;
    m->n_parts++;
    s->left--;
    return s->next++;
}

static enum base_status take_text(const struct gw_px *p, const json_t *v, const char *field,
                                  const char *const *known, struct chat_part *out)
{
    const json_t *s = json_object_get(v, field);
    if (!json_is_string(s))
        return gw_px_bad_type(p, field, "must be a string");
    enum base_status st = gw_px_str(p, s, field, &out->text);
    return st == BASE_OK ? gw_px_extra(p, v, known, &out->extra) : st;
}

static enum base_status take_opaque(const struct gw_px *p, const json_t *v, struct chat_part *out)
{
    out->kind = CHAT_PART_OPAQUE;
    out->raw = gw_json_text(p->a, v);
    return out->raw.p ? BASE_OK : gw_px_no_room(p);
}

static const char *const text_known[] = {"type", "text", NULL};

/* The type of a block, or empty with p->e filled. */
static struct base_str type_of(const struct gw_px *p, const json_t *v, enum base_status *st)
{
    struct base_str type = gw_json_get_str(v, "type");
    if (!json_is_object(v))
        *st = gw_px_bad_type(p, NULL, "must be an object with a 'type'");
    else if (type.n == 0)
        *st = gw_px_bad(p, "missing_required_parameter", "type", "must be a non-empty string");
    return type;
}

/* ---- tool results ---- */

static enum base_status take_result_part(const struct gw_px *p, const json_t *v,
                                         struct chat_part *out)
{
    enum base_status st = BASE_OK;
    struct base_str type = type_of(p, v, &st);
    if (st != BASE_OK)
        return st;
    if (!base_str_is(type, "text"))
        return take_opaque(p, v, out);
    out->kind = CHAT_PART_TOOL_RESULT;
    return take_text(p, v, "text", text_known, out);
}

static enum base_status take_result(struct gw_px *p, const json_t *v, struct chat_message *m)
{
    static const char *const known[] = {"type", "tool_use_id", "content", "is_error", NULL};
    const json_t *content = json_object_get(v, "content"), *error = json_object_get(v, "is_error");
    size_t n = json_array_size(content);
    struct base_str id = BASE_STR_NULL;

    m->role = CHAT_TOOL;
    if (gw_json_get_str(v, "tool_use_id").n == 0)
        return gw_px_bad_type(p, "tool_use_id", "must be a non-empty string");
    if (content && !json_is_null(content) && !json_is_string(content) && !json_is_array(content))
        return gw_px_bad_type(p, "content", "must be a string or an array of content blocks");
    if (error && !json_is_null(error) && !json_is_boolean(error))
        return gw_px_bad_type(p, "is_error", "must be true or false");
    enum base_status st = gw_px_str(p, json_object_get(v, "tool_use_id"), "tool_use_id", &id);
    m->n_parts = n ? n : 1;
    m->parts = base_arena_array(p->a, m->n_parts, sizeof *m->parts);
    if (!m->parts)
        return gw_px_no_room(p);
    m->parts[0].kind = CHAT_PART_TOOL_RESULT;
    if (st == BASE_OK && json_is_string(content))
        st = gw_px_str(p, content, "content", &m->parts[0].text);
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        p->nested = (unsigned)i + 1;
        st = take_result_part(p, json_array_get(content, i), &m->parts[i]);
    }
    if (st != BASE_OK)
        return st;
    p->nested = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        m->parts[i].id = id;
        m->parts[i].is_error = json_is_true(error);
    }
    return gw_px_extra(p, v, known, &m->extra);
}

/* ---- other blocks ---- */

static enum base_status take_call(const struct gw_px *p, const json_t *v, struct chat_part *out)
{
    static const char *const known[] = {"type", "id", "name", "input", NULL};
    const json_t *input = json_object_get(v, "input");

    out->kind = CHAT_PART_TOOL_CALL;
    if (gw_json_get_str(v, "id").n == 0)
        return gw_px_bad_type(p, "id", "must be a non-empty string");
    if (gw_json_get_str(v, "name").n == 0)
        return gw_px_bad_type(p, "name", "must be a non-empty string");
    if (!json_is_object(input))
        return gw_px_bad_type(p, "input", "must be an object");
    enum base_status st = gw_px_str(p, json_object_get(v, "id"), "id", &out->id);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(v, "name"), "name", &out->name);
    if (st != BASE_OK)
        return st;
    out->text = gw_json_text(p->a, input);
    return out->text.p ? gw_px_extra(p, v, known, &out->extra) : gw_px_no_room(p);
}

static enum base_status take_thinking(const struct gw_px *p, const json_t *v, bool redacted,
                                      struct chat_part *out)
{
    static const char *const known[] = {"type", "thinking", NULL};
    static const char *const redacted_known[] = {"type", NULL};
    const char *seal = redacted ? "data" : "signature";

    out->kind = CHAT_PART_REASONING;
    if (!json_is_string(json_object_get(v, seal)))
        return gw_px_bad_type(p, seal, "must be a string");
    return redacted ? gw_px_extra(p, v, redacted_known, &out->extra)
                    : take_text(p, v, "thinking", known, out);
}

static enum base_status take_block(struct gw_px *p, const json_t *v, struct base_str type,
                                   bool assistant, struct chat_part *out)
{
    bool call = base_str_is(type, "tool_use"), thinking = base_str_is(type, "thinking");
    bool redacted = base_str_is(type, "redacted_thinking");

    if (base_str_is(type, "text")) {
        out->kind = CHAT_PART_TEXT;
        return take_text(p, v, "text", text_known, out);
    }
    if ((call || thinking || redacted) && !assistant)
        return gw_px_bad(p, "invalid_value", "type",
                         "is a block that only messages of the role assistant hold");
    if (call)
        return take_call(p, v, out);
    if (thinking || redacted)
        return take_thinking(p, v, redacted, out);
    return take_opaque(p, v, out);
}

/* ---- messages ---- */

static struct chat_message *new_message(struct chat_request *r, enum chat_role role)
{
    struct chat_message *m = &r->messages[r->n_messages++];
    m->role = role;
    return m;
}

static enum base_status take_content(struct gw_px *p, const json_t *content, bool assistant,
                                     struct chat_request *r, struct base_str extra)
{
    enum chat_role role = assistant ? CHAT_ASSISTANT : CHAT_USER;
    struct slices s = {.left = json_is_array(content) ? json_array_size(content) : 1};
    struct chat_message *m = assistant || !json_is_array(content) ? new_message(r, role) : NULL;
    enum base_status st = BASE_OK;
    struct base_str unplaced = extra;

    s.next = base_arena_array(p->a, s.left, sizeof *s.next);
    if (!s.next)
        return gw_px_no_room(p);
    if (json_is_string(content))
        st = gw_px_str(p, content, "content", &new_part(&s, m)->text); /* kind 0: a text */
    for (size_t i = 0; i < json_array_size(content) && st == BASE_OK; i++) {
        const json_t *v = json_array_get(content, i);
        p->part = (int)i;
        struct base_str type = type_of(p, v, &st);
        if (st != BASE_OK)
            break;
        if (base_str_is(type, "tool_result")) {
            if (assistant)
                return gw_px_bad(p, "invalid_value", "type",
                                 "is a block that only messages of the role user hold");
            st = take_result(p, v, new_message(r, CHAT_TOOL));
            m = NULL;
            continue;
        }
        if (!m)
            m = new_message(r, role);
        st = take_block(p, v, type, assistant, new_part(&s, m));
        m->extra = unplaced.n ? unplaced : m->extra;
        unplaced = BASE_STR_NULL;
    }
    if (st != BASE_OK)
        return st;
    p->part = -1;
    if (m && unplaced.n) {
        m->extra = unplaced;
        unplaced = BASE_STR_NULL;
    }
    return unplaced.n ? gw_px_bad(p, "invalid_value", NULL,
                                  "holds members that a message with tool results alone has no "
                                  "place for")
                      : BASE_OK;
}

static enum base_status take_message(struct gw_px *p, const json_t *m, struct chat_request *r)
{
    static const char *const known[] = {"role", "content", NULL};
    struct base_str role = gw_json_get_str(m, "role"), extra = BASE_STR_NULL;
    const json_t *content = json_object_get(m, "content");

    if (!json_is_object(m))
        return gw_px_bad_type(p, NULL, "must be an object");
    if (role.n == 0)
        return gw_px_bad_type(p, "role", "must be a string");
    bool assistant = base_str_is(role, "assistant");
    if (!assistant && !base_str_is(role, "user"))
        return gw_px_bad(p, "invalid_value", "role",
                         "must be user or assistant; a system prompt goes into 'system'");
    if (!json_is_string(content) && !json_is_array(content))
        return gw_px_bad_type(p, "content", "must be a string or an array of content blocks");
    if (!assistant && json_array_size(content) == 0 && gw_json_str(content).n == 0)
        return gw_px_bad(p, "invalid_value", "content", "must not be empty");
    enum base_status st = gw_px_extra(p, m, known, &extra);
    return st == BASE_OK ? take_content(p, content, assistant, r, extra) : st;
}

static enum base_status take_system(struct gw_px *p, const json_t *v, struct chat_request *r)
{
    size_t n = json_array_size(v);
    enum base_status st = BASE_OK;

    if (!v || json_is_null(v) || (json_is_array(v) && n == 0))
        return BASE_OK;
    if (!json_is_string(v) && !json_is_array(v))
        return gw_px_bad_type(p, "system", "must be a string or an array of text blocks");
    struct chat_message *m = new_message(r, CHAT_SYSTEM);
    m->n_parts = n ? n : 1;
    m->parts = base_arena_array(p->a, m->n_parts, sizeof *m->parts);
    if (!m->parts)
        return gw_px_no_room(p);
    if (json_is_string(v))
        return gw_px_str(p, v, "system", &m->parts[0].text);
    p->in_system = true;
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        const json_t *block = json_array_get(v, i);
        p->part = (int)i;
        struct base_str type = type_of(p, block, &st);
        if (st == BASE_OK && !base_str_is(type, "text"))
            st = gw_px_bad(p, "invalid_value", "type", "must be 'text': system holds nothing else");
        if (st == BASE_OK)
            st = take_text(p, block, "text", text_known, &m->parts[i]);
    }
    if (st == BASE_OK) {
        p->part = -1;
        p->in_system = false;
    }
    return st;
}

/* Each block may become a message of its own at most, and leave one of the user's behind it. */
static size_t messages_at_most(const json_t *v)
{
    size_t n = 1;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *content = json_object_get(json_array_get(v, i), "content");
        n += json_is_array(content) ? json_array_size(content) + 1 : 1;
    }
    return n;
}

enum base_status gw_ax_messages(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    const json_t *v = json_object_get(root, "messages");

    if (!v)
        return gw_px_bad(p, "missing_required_parameter", "messages", "is required");
    if (!json_is_array(v))
        return gw_px_bad_type(p, "messages", "must be an array");
    if (json_array_size(v) == 0)
        return gw_px_bad(p, "invalid_value", "messages", "must not be empty");
    r->messages = base_arena_array(p->a, messages_at_most(v), sizeof *r->messages);
    if (!r->messages)
        return gw_px_no_room(p);
    enum base_status st = take_system(p, json_object_get(root, "system"), r);
    for (size_t i = 0; i < json_array_size(v) && st == BASE_OK; i++) {
        p->message = (int)i;
        st = take_message(p, json_array_get(v, i), r);
    }
    if (st == BASE_OK)
        p->message = -1;
    return st;
}
