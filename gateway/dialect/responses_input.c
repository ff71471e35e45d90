/* responses_input.c - `instructions` and `input` of a Responses body -> chat_messages. See
 * responses_parse.c: same rules, same failures, owns nothing.
 *
 * Items      - a message is a message; its `id`, `status` and `phase` only mean something to who
 *              keeps items, and stay behind;
 *            - what the model said in one turn stands in several items here and in one message in
 *              the canonical form: neighbours among reasoning, function_call and an assistant's
 *              messages become one assistant message with all their parts. So parallel calls stay
 *              together in front of their outputs, as every back end wants them;
 *            - reasoning: its content, or where there is none its summary; encrypted_content is
 *              the provider's own and is dropped. Thoughts with nothing said or called behind them
 *              are left out, and named: no back end takes them alone;
 *            - function_call_output: a tool message, a result a text part.
 *            - custom_tool_call and its output: a call with {"input": text} and its result.
 * Parts      input_text, output_text, refusal. Images, files and audio become opaque parts in the
 *            form of chat completions (image_url, file, input_audio); what refers to something
 *            stored or to be fetched as a file (file_id, file_url) is refused.
 * Refused    item_reference and items of tools that a provider runs: their content is not here.
 */
#include "gateway/dialect/responses_int.h"

#define ITEMS_MAX 65536

enum item { ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL, ITEM_CUSTOM, ITEM_OUTPUT };

static enum base_status item_of(const struct gw_px *p, const json_t *v, enum item *out)
{
    static const struct {
        const char *type;
        enum item item;
    } kinds[] = {{"message", ITEM_MESSAGE},
                 {"reasoning", ITEM_REASONING},
                 {"function_call", ITEM_CALL},
                 {"custom_tool_call", ITEM_CUSTOM},
                 {"custom_tool_call_output", ITEM_OUTPUT},
                 {"function_call_output", ITEM_OUTPUT}};
    const json_t *type = json_object_get(v, "type");

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object");
    if (!type && json_object_get(v, "role")) {
        *out = ITEM_MESSAGE;
        return BASE_OK;
    }
    if (base_str_is(gw_json_str(type), "item_reference") || (!type && json_object_get(v, "id")))
        return gw_px_bad(p, "unsupported_value", "type",
                         "must not be 'item_reference': this gateway keeps no items; send the "
                         "item itself");
    if (!json_is_string(type))
        return gw_px_bad_type(p, "type", "must be a string");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (base_str_is(gw_json_str(type), kinds[i].type)) {
            *out = kinds[i].item;
            return BASE_OK;
        }
    }
    return gw_px_bad(
        p, "unsupported_value", "type",
        "must be 'message', 'reasoning', 'function_call', 'custom_tool_call' or the output "
        "of a call: items of tools that a provider runs are not supported");
}

static bool is_assistants(enum item item, const json_t *v)
{
    return item == ITEM_REASONING || item == ITEM_CALL || item == ITEM_CUSTOM ||
           (item == ITEM_MESSAGE && base_str_is(gw_json_get_str(v, "role"), "assistant"));
}

/* ---- parts ---- */

static enum base_status opaque(const struct gw_px *p, json_t *raw, struct base_str id,
                               struct chat_part *out)
{
    *out = (struct chat_part){.kind = CHAT_PART_OPAQUE, .id = id};
    if (raw)
        out->raw = gw_json_text(p->a, raw);
    json_decref(raw);
    return out->raw.p ? BASE_OK : gw_px_no_room(p);
}

static enum base_status take_image(const struct gw_px *p, const json_t *v, struct base_str id,
                                   struct chat_part *out)
{
    static const char *const known[] = {"type", "image_url", "detail", "file_id", NULL};
    const json_t *url = json_object_get(v, "image_url"), *detail = json_object_get(v, "detail");

    if (gw_json_get_str(v, "file_id").n > 0)
        return gw_px_bad(p, "unsupported_value", "file_id",
                         "is not supported: this gateway keeps no files; send 'image_url'");
    if (gw_json_str(url).n == 0)
        return gw_px_bad_type(p, "image_url", "must be a non-empty string");
    if (detail && !json_is_null(detail) && !json_is_string(detail))
        return gw_px_bad_type(p, "detail", "must be a string");
    json_t *inner = json_object();
    if (!inner || json_object_set(inner, "url", (json_t *)(uintptr_t)url) != 0 ||
        (json_is_string(detail) &&
         json_object_set(inner, "detail", (json_t *)(uintptr_t)detail) != 0)) {
        json_decref(inner);
        return gw_px_no_room(p);
    }
    gw_px_drop(p, v, known, "input.content.");
    return opaque(p, json_pack("{s:s,s:o}", "type", "image_url", "image_url", inner), id, out);
}

static enum base_status take_file(const struct gw_px *p, const json_t *v, struct base_str id,
                                  struct chat_part *out)
{
    static const char *const known[] = {"type",    "filename", "file_data",
                                        "file_id", "file_url", NULL};
    json_t *inner = NULL;

    if (gw_json_get_str(v, "file_id").n > 0)
        return gw_px_bad(p, "unsupported_value", "file_id",
                         "is not supported: this gateway keeps no files; send 'file_data'");
    if (gw_json_get_str(v, "file_url").n > 0)
        return gw_px_bad(p, "unsupported_value", "file_url",
                         "is not supported: nothing is fetched here; send 'file_data'");
    if (gw_json_get_str(v, "file_data").n == 0)
        return gw_px_bad_type(p, "file_data", "must be a non-empty string");
    inner = json_copy((json_t *)(uintptr_t)v);
    if (!inner)
        return gw_px_no_room(p);
    const char *key;
    void *next;
    json_t *m;
    json_object_foreach_safe(inner, next, key, m)
    {
        if (strcmp(key, "filename") != 0 && strcmp(key, "file_data") != 0)
            json_object_del(inner, key);
    }
    gw_px_drop(p, v, known, "input.content.");
    return opaque(p, json_pack("{s:s,s:o}", "type", "file", "file", inner), id, out);
}

static enum base_status take_text(const struct gw_px *p, const json_t *v, const char *field,
                                  enum chat_part_kind kind, struct base_str id,
                                  struct chat_part *out)
{
    static const char *const known[] = {"type", "text", "refusal", "annotations", "logprobs", NULL};

    if (!json_is_string(json_object_get(v, field)))
        return gw_px_bad_type(p, field, "must be a string");
    *out = (struct chat_part){.kind = kind, .id = id};
    if (json_array_size(json_object_get(v, "annotations")) > 0)
        gw_dropped_add(p->dropped, "input.content.", "annotations");
    gw_px_drop(p, v, known, "input.content.");
    return gw_px_str(p, json_object_get(v, field), field, &out->text);
}

/* One element of an array content. as_result: it is the output of a call, id. */
static enum base_status take_part(const struct gw_px *p, const json_t *v, bool as_result,
                                  struct base_str id, struct chat_part *out)
{
    struct base_str type = gw_json_get_str(v, "type");

    if (!json_is_object(v))
        return gw_px_bad_type(p, NULL, "must be an object with a 'type'");
    if (type.n == 0)
        return gw_px_bad(p, "missing_required_parameter", "type", "must be a non-empty string");
    if (base_str_is(type, "input_text") || (!as_result && base_str_is(type, "output_text")))
        return take_text(p, v, "text", as_result ? CHAT_PART_TOOL_RESULT : CHAT_PART_TEXT, id, out);
    if (!as_result && base_str_is(type, "refusal"))
        return take_text(p, v, "refusal", CHAT_PART_REFUSAL, id, out);
    if (base_str_is(type, "input_image"))
        return take_image(p, v, id, out);
    if (base_str_is(type, "input_file"))
        return take_file(p, v, id, out);
    if (base_str_is(type, "input_audio") && gw_json_get_obj(v, "input_audio"))
        return opaque(p, json_copy((json_t *)(uintptr_t)v), id, out);
    return gw_px_bad(p, "unsupported_value", "type",
                     as_result ? "must be 'input_text', 'input_image' or 'input_file'"
                               : "must be 'input_text', 'output_text', 'refusal', 'input_image', "
                                 "'input_file' or 'input_audio'");
}

static enum base_status take_content(struct gw_px *p, const json_t *content, const char *field,
                                     bool as_result, struct base_str id, struct chat_message *m)
{
    enum base_status st = BASE_OK;

    if (json_is_string(content)) {
        struct chat_part *part = &m->parts[m->n_parts++];
        *part = (struct chat_part){.kind = as_result ? CHAT_PART_TOOL_RESULT : CHAT_PART_TEXT,
                                   .id = id};
        return gw_px_str(p, content, field, &part->text);
    }
    p->parts = field;
    for (size_t i = 0; i < json_array_size(content) && st == BASE_OK; i++) {
        p->part = (int)i;
        st = take_part(p, json_array_get(content, i), as_result, id, &m->parts[m->n_parts++]);
    }
    if (st == BASE_OK)
        p->part = -1;
    return st;
}

/* ---- items ---- */

static enum base_status take_message(struct gw_px *p, const json_t *v, struct chat_message *m)
{
    static const char *const known[] = {"type", "role", "content", "id", "status", "phase", NULL};
    static const struct {
        const char *word;
        enum chat_role role;
    } roles[] = {{"user", CHAT_USER},
                 {"assistant", CHAT_ASSISTANT},
                 {"system", CHAT_SYSTEM},
                 {"developer", CHAT_DEVELOPER}};
    const json_t *content = json_object_get(v, "content");
    struct base_str role = gw_json_get_str(v, "role");
    size_t i = 0, n = sizeof roles / sizeof *roles;

    while (i < n && !base_str_is(role, roles[i].word))
        i++;
    if (i == n)
        return gw_px_bad(p, "invalid_value", "role",
                         "must be one of user, assistant, system, developer");
    m->role = roles[i].role;
    if (!json_is_string(content) && !json_is_array(content))
        return gw_px_bad_type(p, "content", "must be a string or an array of content parts");
    if (json_is_array(content) && json_array_size(content) == 0 && m->role != CHAT_ASSISTANT)
        return gw_px_bad(p, "invalid_value", "content", "must not be an empty array");
    if (gw_json_get_str(v, "phase").n > 0)
        gw_dropped_add(p->dropped, "input.", "phase");
    gw_px_drop(p, v, known, "input.");
    return take_content(p, content, "content", false, BASE_STR_NULL, m);
}

/* Text -> {"input": text}, as the function that a custom tool is to a model gets it. */
static enum base_status take_freeform(const struct gw_px *p, const json_t *input,
                                      struct base_str *out)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, SIZE_MAX / 4);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kstr(&j, "input", gw_json_str(input));
    base_json_obj_end(&j);
    if (base_buf_ok(&b))
        *out = base_arena_dup(p->a, base_buf_view(&b));
    base_buf_release(&b);
    return out->p ? BASE_OK : gw_px_no_room(p);
}

static enum base_status take_call(const struct gw_px *p, const json_t *v, bool custom,
                                  struct chat_message *m)
{
    static const char *const known[] = {"type",      "id",     "call_id", "name",
                                        "arguments", "status", NULL};
    static const char *const custom_known[] = {"type",  "id",     "call_id", "name",
                                               "input", "status", NULL};
    const char *field = custom ? "input" : "arguments";
    struct chat_part *out = &m->parts[m->n_parts++];

    if (gw_json_get_str(v, "call_id").n == 0)
        return gw_px_bad_type(p, "call_id", "must be a non-empty string");
    if (gw_json_get_str(v, "name").n == 0)
        return gw_px_bad_type(p, "name", "must be a non-empty string");
    if (!json_is_string(json_object_get(v, field)))
        return gw_px_bad_type(p, field, custom ? "must be a string" : "must be a string of JSON");
    gw_px_drop(p, v, custom ? custom_known : known, "input.");
    *out = (struct chat_part){.kind = CHAT_PART_TOOL_CALL};
    enum base_status st = gw_px_str(p, json_object_get(v, "call_id"), "call_id", &out->id);
    if (st == BASE_OK)
        st = gw_px_str(p, json_object_get(v, "name"), "name", &out->name);
    if (st == BASE_OK && custom)
        return take_freeform(p, json_object_get(v, field), &out->text);
    return st == BASE_OK ? gw_px_str(p, json_object_get(v, field), field, &out->text) : st;
}

/* The list of texts that tells most of a reasoning item. */
static const json_t *thoughts_of(const json_t *v)
{
    const json_t *content = json_object_get(v, "content");
    return json_array_size(content) > 0 ? content : json_object_get(v, "summary");
}

static enum base_status take_reasoning(const struct gw_px *p, const json_t *v,
                                       struct chat_message *m)
{
    static const char *const known[] = {"type", "id", "summary", "content", "status", NULL};
    static const char *const lists[] = {"summary", "content"};

    for (size_t i = 0; i < 2; i++) {
        const json_t *l = json_object_get(v, lists[i]);
        if (l && !json_is_null(l) && !json_is_array(l))
            return gw_px_bad_type(p, lists[i], "must be an array");
    }
    gw_px_drop(p, v, known, "input.");
    const json_t *list = thoughts_of(v);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_object_get(json_array_get(list, i), "text");
        struct chat_part *out = &m->parts[m->n_parts++];
        if (!json_is_string(text))
            return gw_px_bad_type(p, "summary", "and 'content' must hold objects with a 'text'");
        *out = (struct chat_part){.kind = CHAT_PART_REASONING};
        enum base_status st = gw_px_str(p, text, "text", &out->text);
        if (st != BASE_OK)
            return st;
    }
    return BASE_OK;
}

static enum base_status take_output(struct gw_px *p, const json_t *v, struct chat_message *m)
{
    static const char *const known[] = {"type", "id", "call_id", "output", "status", NULL};
    const json_t *output = json_object_get(v, "output");
    struct base_str id = BASE_STR_NULL;

    m->role = CHAT_TOOL;
    if (gw_json_get_str(v, "call_id").n == 0)
        return gw_px_bad_type(p, "call_id", "must be a non-empty string");
    if (!json_is_string(output) && !json_is_array(output))
        return gw_px_bad_type(p, "output", "must be a string or an array of content parts");
    gw_px_drop(p, v, known, "input.");
    enum base_status st = gw_px_str(p, json_object_get(v, "call_id"), "call_id", &id);
    if (st == BASE_OK)
        st = take_content(p, output, "output", true, id, m);
    if (st == BASE_OK && m->n_parts == 0) /* a call that gave nothing is answered all the same */
        m->parts[m->n_parts++] = (struct chat_part){.kind = CHAT_PART_TOOL_RESULT, .id = id};
    return st;
}

static size_t parts_of(enum item item, const json_t *v)
{
    size_t n = item == ITEM_MESSAGE     ? json_array_size(json_object_get(v, "content"))
               : item == ITEM_OUTPUT    ? json_array_size(json_object_get(v, "output"))
               : item == ITEM_REASONING ? json_array_size(thoughts_of(v))
                                        : 0;
    return n ? n : 1;
}

static enum base_status take_item(struct gw_px *p, enum item item, const json_t *v,
                                  struct chat_message *m)
{
    switch (item) {
    case ITEM_MESSAGE:
        return take_message(p, v, m);
    case ITEM_REASONING:
        return take_reasoning(p, v, m);
    case ITEM_CALL:
    case ITEM_CUSTOM:
        return take_call(p, v, item == ITEM_CUSTOM, m);
    case ITEM_OUTPUT:
        break;
    }
    return take_output(p, v, m);
}

static bool says_something(const struct chat_message *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].kind != CHAT_PART_REASONING)
            return true;
    return false;
}

/* The items from at on that are one message -> *m; *n of them. */
static enum base_status take_turn(struct gw_px *p, const json_t *list, size_t at,
                                  struct chat_message *m, size_t *n)
{
    size_t parts = 0, end = at;
    enum item item = ITEM_MESSAGE;
    enum base_status st = BASE_OK;

    do {
        const json_t *v = json_array_get(list, end);
        p->message = (int)end;
        st = item_of(p, v, &item);
        if (st != BASE_OK)
            return st;
        if (end > at && !is_assistants(item, v))
            break;
        parts += parts_of(item, v);
        end++;
        if (!is_assistants(item, v))
            break;
    } while (end < json_array_size(list));
    *m = (struct chat_message){.role = CHAT_ASSISTANT};
    m->parts = base_arena_array(p->a, parts, sizeof *m->parts);
    if (!m->parts)
        return gw_px_no_room(p);
    for (size_t i = at; i < end && st == BASE_OK; i++) {
        const json_t *v = json_array_get(list, i);
        p->message = (int)i;
        st = item_of(p, v, &item);
        if (st == BASE_OK)
            st = take_item(p, item, v, m);
    }
    *n = end - at;
    return st;
}

static enum base_status one_text(const struct gw_px *p, const json_t *v, const char *field,
                                 enum chat_role role, struct chat_message *m)
{
    *m = (struct chat_message){
        .role = role, .parts = base_arena_array(p->a, 1, sizeof *m->parts), .n_parts = 1};
    if (!m->parts)
        return gw_px_no_room(p);
    m->parts[0] = (struct chat_part){.kind = CHAT_PART_TEXT};
    return gw_px_str(p, v, field, &m->parts[0].text);
}

static enum base_status take_items(struct gw_px *p, const json_t *list, struct chat_request *r)
{
    enum base_status st = BASE_OK;
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list) && st == BASE_OK; i += n) {
        struct chat_message *m = &r->messages[r->n_messages];
        st = take_turn(p, list, i, m, &n);
        if (st == BASE_OK && m->role == CHAT_ASSISTANT && !says_something(m)) {
            if (m->n_parts > 0)
                gw_dropped_add(p->dropped, "input.", "reasoning");
            continue;
        }
        r->n_messages++;
    }
    p->message = -1;
    return st;
}

enum base_status gw_px_input(struct gw_px *p, const json_t *root, struct chat_request *r)
{
    const json_t *v = json_object_get(root, "input");
    const json_t *instructions = json_object_get(root, "instructions");
    enum base_status st = BASE_OK;

    if (!v || json_is_null(v))
        return gw_px_bad(p, "missing_required_parameter", "input", "is required");
    if (!json_is_string(v) && !json_is_array(v))
        return gw_px_bad_type(p, "input", "must be a string or an array of items");
    if (json_is_array(v) && json_array_size(v) == 0)
        return gw_px_bad(p, "invalid_value", "input", "must not be empty");
    if (json_array_size(v) > ITEMS_MAX)
        return gw_px_bad(p, "invalid_value", "input", "has more than 65536 items");
    r->messages = base_arena_array(p->a, json_array_size(v) + 2, sizeof *r->messages);
    if (!r->messages)
        return gw_px_no_room(p);
    if (instructions && !json_is_null(instructions)) {
        if (!json_is_string(instructions))
            return gw_px_bad_type(p, "instructions", "must be a string");
        if (gw_json_str(instructions).n > 0)
            st = one_text(p, instructions, "instructions", CHAT_SYSTEM,
                          &r->messages[r->n_messages++]);
    }
    if (st == BASE_OK && json_is_string(v))
        return one_text(p, v, "input", CHAT_USER, &r->messages[r->n_messages++]);
    if (st == BASE_OK)
        st = take_items(p, v, r);
    if (st == BASE_OK && r->n_messages == 0)
        return gw_px_bad(p, "invalid_value", "input",
                         "must hold a message or the output of a function");
    return st;
}
