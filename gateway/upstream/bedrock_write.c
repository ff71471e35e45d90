/* bedrock_write.c - chat_request -> the body of Bedrock's Converse and ConverseStream.
 *
 * Owns       nothing.
 * Runs on    the loop; pure but for the clock in the signature (bedrock_auth.c).
 * Mapping    - system and developer messages, wherever they stand, are blocks of `system`;
 *            - the rest becomes alternating user and assistant turns: neighbours of one role are
 *              one turn with all their blocks; a tool's answer is a toolResult of a user turn; a
 *              call is a toolUse of an assistant turn, its arguments as `input`; empty texts are
 *              left out (the API refuses them);
 *            - thinking goes back as reasoningContent, only with the signature that its maker gave;
 *            - where an Anthropic client marked a block for the cache, a cachePoint follows it;
 *            - tools: `parameters` is inputSchema.json; tool_choice required is `any`. There is no
 *              `none`: without any call in the conversation the tools stay behind, else the choice
 *              is named as dropped;
 *            - max_tokens, temperature, top_p and stop are inferenceConfig; top_k goes into
 *              additionalModelRequestFields under the name that the model's maker has for it, for
 *              Anthropic's models `thinking` and the beta header too;
 *            - response_format of type json_schema is outputConfig.textFormat;
 *            - Bedrock's own top-level members (own_members) that a client wrote go along.
 * Invariants whatever has no counterpart is named in `dropped`; nothing is clipped or invented.
 * Fails by   BASE_EINVAL for what cannot be said there and would change the meaning: images by
 *            address, other media, calls whose arguments are no JSON object, nothing left to send.
 */
#include "gateway/upstream/bedrock_int.h"

struct bx {
    struct chat_request *r;
    const struct conf_target *t;
    struct base_json j;
    struct base_buf *dropped;
    struct base_err *err;
    bool claude;    /* one of Anthropic's models */
    bool anthropic; /* a client of Anthropic's dialect: its extras are known here */
    int turn;       /* the role of the open turn: CHAT_USER, CHAT_ASSISTANT, or -1 */
    bool result;    /* a toolResult's content is open */
    bool result_is_error;
    struct base_str result_id;
    json_t *extra; /* the request's, parsed, or NULL */
};

static const char *const own_members[] = {"guardrailConfig", "performanceConfig", "requestMetadata",
                                          "serviceTier"};

/* Members of extra that have no place; the one that marks a cache point is used. */
static void drop_extra(struct bx *x, const char *prefix, struct base_str extra)
{
    const char *key;
    json_t *v;

    if (extra.n == 0)
        return;
    json_t *o = gw_json_load(extra, false, NULL);
    json_object_foreach(o, key, v)
    {
        if (!(x->anthropic && (strcmp(key, "cache_control") == 0 || strcmp(key, "signature") == 0)))
            gw_dropped_add(x->dropped, prefix, key);
    }
    json_decref(o);
}

static void put_cache_point(struct bx *x, struct base_str extra)
{
    if (!x->anthropic || !gw_json_mentions(extra, "\"cache_control\""))
        return;
    base_json_obj(&x->j);
    base_json_key(&x->j, "cachePoint");
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "default");
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
}

static bool is_system(const struct chat_message *m)
{
    return m->role == CHAT_SYSTEM || m->role == CHAT_DEVELOPER;
}

/* ---- blocks ---- */

static void result_close(struct bx *x)
{
    if (!x->result)
        return;
    x->result = false;
    base_json_arr_end(&x->j);
    if (x->result_is_error)
        base_json_kz(&x->j, "status", "error");
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
}

static void turn_close(struct bx *x)
{
    if (x->turn < 0)
        return;
    result_close(x);
    x->turn = -1;
    base_json_arr_end(&x->j);
    base_json_obj_end(&x->j);
}

static void turn_open(struct bx *x, enum chat_role role)
{
    if (x->turn == (int)role)
        return;
    turn_close(x);
    x->turn = (int)role;
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", role == CHAT_ASSISTANT ? "assistant" : "user");
    base_json_key(&x->j, "content");
    base_json_arr(&x->j);
}

static void put_text(struct bx *x, const struct chat_part *p)
{
    drop_extra(x, "messages.content.", p->extra);
    if (p->text.n == 0)
        return;
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "text", p->text);
    base_json_obj_end(&x->j);
    if (!x->result)
        put_cache_point(x, p->extra);
}

/* "image/png" and base64 -> an image block. */
static bool put_image_data(struct bx *x, struct base_str type, struct base_str data)
{
    static const char *const formats[] = {"png", "jpeg", "gif", "webp"};

    if (!base_str_starts(type, BASE_STR("image/")) || data.n == 0)
        return false;
    struct base_str format = base_str_n(type.p + 6, type.n - 6);
    if (base_str_is(format, "jpg"))
        format = BASE_STR("jpeg");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (!base_str_is(format, formats[i]))
            continue;
        base_json_obj(&x->j);
        base_json_key(&x->j, "image");
        base_json_obj(&x->j);
        base_json_kstr(&x->j, "format", format);
        base_json_key(&x->j, "source");
        base_json_obj(&x->j);
        base_json_kstr(&x->j, "bytes", data);
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
        return true;
    }
    return false;
}

/* OpenAI's image_url with a data: URL, or Anthropic's image block with its bytes. */
static enum base_status put_opaque(struct bx *x, const struct chat_part *p)
{
    json_t *o = gw_json_load(p->raw, false, NULL);
    const json_t *source = gw_json_get_obj(o, "source");
    struct base_str url = gw_json_get_str(gw_json_get_obj(o, "image_url"), "url");
    size_t mark = base_str_find(url, BASE_STR(";base64,"), 0);
    bool good = false;

    if (base_str_starts(url, BASE_STR("data:")) && mark != SIZE_MAX)
        good = put_image_data(x, base_str_n(url.p + 5, mark - 5),
                              base_str_n(url.p + mark + 8, url.n - mark - 8));
    else if (base_str_is(gw_json_get_str(source, "type"), "base64"))
        good = put_image_data(x, gw_json_get_str(source, "media_type"),
                              gw_json_get_str(source, "data"));
    json_decref(o);
    return good ? BASE_OK
                : base_err_set(x->err, BASE_EINVAL,
                               "a content part that is neither text nor a png, jpeg, gif or webp "
                               "image given as base64 cannot be sent to a Bedrock upstream");
}

static enum base_status put_call(struct bx *x, const struct chat_part *p)
{
    struct base_str input = base_str_trim(p->text);
    json_t *o = NULL;

    if (input.n > 0 && !(o = gw_json_load(input, false, NULL)))
        return base_err_set(x->err, BASE_EINVAL,
                            "a tool call whose arguments are no JSON object cannot be sent to a "
                            "Bedrock upstream");
    json_decref(o);
    turn_open(x, CHAT_ASSISTANT);
    base_json_obj(&x->j);
    base_json_key(&x->j, "toolUse");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "toolUseId", p->id);
    base_json_kstr(&x->j, "name", p->name);
    base_json_key(&x->j, "input");
    base_json_raw(&x->j, input.n ? input : BASE_STR("{}"));
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    drop_extra(x, "messages.tool_calls.", p->extra);
    return BASE_OK;
}

/* Results of one call, one after the other, are one block. */
static enum base_status put_result(struct bx *x, const struct chat_part *p)
{
    if (!(x->result && x->turn == CHAT_USER && base_str_eq(x->result_id, p->id))) {
        if (x->turn >= 0)
            result_close(x);
        turn_open(x, CHAT_USER);
        base_json_obj(&x->j);
        base_json_key(&x->j, "toolResult");
        base_json_obj(&x->j);
        base_json_kstr(&x->j, "toolUseId", p->id);
        base_json_key(&x->j, "content");
        base_json_arr(&x->j);
        x->result = true;
        x->result_id = p->id;
        x->result_is_error = false;
    }
    x->result_is_error = x->result_is_error || p->is_error;
    if (p->kind == CHAT_PART_OPAQUE)
        return put_opaque(x, p);
    put_text(x, p);
    return BASE_OK;
}

static void put_reasoning(struct bx *x, const struct chat_part *p)
{
    json_t *o =
        gw_json_mentions(p->extra, "\"signature\"") ? gw_json_load(p->extra, false, NULL) : NULL;
    struct base_str signature = gw_json_get_str(o, "signature");

    if (signature.n == 0) {
        gw_dropped_add(x->dropped, "messages.", "reasoning_content");
    } else {
        turn_open(x, CHAT_ASSISTANT);
        base_json_obj(&x->j);
        base_json_key(&x->j, "reasoningContent");
        base_json_obj(&x->j);
        base_json_key(&x->j, "reasoningText");
        base_json_obj(&x->j);
        base_json_kstr(&x->j, "text", p->text);
        base_json_kstr(&x->j, "signature", signature);
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
    }
    json_decref(o);
}

static enum base_status put_part(struct bx *x, enum chat_role role, const struct chat_part *p)
{
    bool in_result = p->kind == CHAT_PART_TOOL_RESULT ||
                     (p->kind == CHAT_PART_OPAQUE && role == CHAT_TOOL && p->id.n > 0);
    if (in_result)
        return put_result(x, p);
    if (x->turn >= 0)
        result_close(x);
    if (role == CHAT_TOOL)
        role = CHAT_USER;
    switch (p->kind) {
    case CHAT_PART_REASONING:
        put_reasoning(x, p);
        return BASE_OK;
    case CHAT_PART_TOOL_CALL:
        return put_call(x, p);
    case CHAT_PART_OPAQUE:
        turn_open(x, role);
        return put_opaque(x, p);
    default:
        if (p->text.n > 0)
            turn_open(x, role);
        put_text(x, p);
        return BASE_OK;
    }
}

/* ---- messages ---- */

static enum base_status put_system(struct bx *x)
{
    bool any = false;

    for (size_t i = 0; i < x->r->n_messages; i++) {
        const struct chat_message *m = &x->r->messages[i];
        for (size_t k = 0; is_system(m) && k < m->n_parts; k++) {
            if (m->parts[k].kind == CHAT_PART_OPAQUE)
                return base_err_set(x->err, BASE_EINVAL,
                                    "a system message for a Bedrock upstream can hold text only");
            if (m->parts[k].text.n > 0 && !any) {
                any = true;
                base_json_key(&x->j, "system");
                base_json_arr(&x->j);
            }
            put_text(x, &m->parts[k]);
        }
    }
    if (any)
        base_json_arr_end(&x->j);
    return BASE_OK;
}

static enum base_status put_messages(struct bx *x)
{
    enum base_status st = BASE_OK;

    base_json_key(&x->j, "messages");
    base_json_arr(&x->j);
    size_t before = x->j.out->n;
    for (size_t i = 0; i < x->r->n_messages && st == BASE_OK; i++) {
        const struct chat_message *m = &x->r->messages[i];
        if (m->name.n)
            gw_dropped_add(x->dropped, "messages.", "name");
        gw_dropped_extra(x->dropped, "messages.", m->extra);
        for (size_t k = 0; !is_system(m) && k < m->n_parts && st == BASE_OK; k++)
            st = put_part(x, m->role, &m->parts[k]);
    }
    turn_close(x);
    if (st == BASE_OK && x->j.out->n == before)
        st = base_err_set(x->err, BASE_EINVAL,
                          "a Bedrock upstream needs at least one message that is not empty and "
                          "not a system message");
    base_json_arr_end(&x->j);
    return st;
}

/* ---- tools ---- */

static bool conversation_has_tools(const struct chat_request *r)
{
    for (size_t i = 0; i < r->n_messages; i++)
        for (size_t k = 0; k < r->messages[i].n_parts; k++)
            if (r->messages[i].parts[k].kind == CHAT_PART_TOOL_CALL ||
                r->messages[i].parts[k].kind == CHAT_PART_TOOL_RESULT)
                return true;
    return false;
}

/* Of an OpenAI tool's `function` the member `strict` has a counterpart; the rest stays behind. */
static void put_tool_extra(struct bx *x, const struct chat_tool *t)
{
    json_t *o = t->extra.n ? gw_json_load(t->extra, false, NULL) : NULL;
    const json_t *strict = json_object_get(json_object_get(o, "function"), "strict");
    const char *key;
    json_t *v;

    if (json_is_boolean(strict))
        base_json_kbool(&x->j, "strict", json_is_true(strict));
    json_object_foreach(o, key, v)
    {
        bool used =
            strcmp(key, "function") == 0 && json_is_boolean(strict) && json_object_size(v) == 1;
        if (!used && !(x->anthropic && strcmp(key, "cache_control") == 0))
            gw_dropped_add(x->dropped, "tools.", key);
    }
    json_decref(o);
}

static void put_tool(struct bx *x, const struct chat_tool *t)
{
    base_json_obj(&x->j);
    base_json_key(&x->j, "toolSpec");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", t->name);
    if (t->description.n)
        base_json_kstr(&x->j, "description", t->description);
    base_json_key(&x->j, "inputSchema");
    base_json_obj(&x->j);
    base_json_key(&x->j, "json");
    base_json_raw(&x->j, t->schema.n ? t->schema : BASE_STR("{\"type\":\"object\"}"));
    base_json_obj_end(&x->j);
    put_tool_extra(x, t);
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    put_cache_point(x, t->extra);
}

static void put_tool_choice(struct bx *x)
{
    static const char *const word[] = {
        [CHAT_TOOLS_AUTO] = "auto", [CHAT_TOOLS_REQUIRED] = "any", [CHAT_TOOLS_NAMED] = "tool"};
    enum chat_tool_choice choice = x->r->tool_choice;

    if (choice == CHAT_TOOLS_NONE)
        gw_dropped_add(x->dropped, "", "tool_choice");
    if (choice == CHAT_TOOLS_UNSET || choice == CHAT_TOOLS_NONE)
        return;
    base_json_key(&x->j, "toolChoice");
    base_json_obj(&x->j);
    base_json_key(&x->j, word[choice]);
    base_json_obj(&x->j);
    if (choice == CHAT_TOOLS_NAMED)
        base_json_kstr(&x->j, "name", x->r->tool_choice_name);
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
}

static void put_tools(struct bx *x)
{
    const struct chat_request *r = x->r;
    bool any = false;

    if (r->tool_choice == CHAT_TOOLS_NONE && !conversation_has_tools(r))
        return; /* no tools is what it means */
    for (size_t i = 0; i < r->n_tools; i++) {
        if (r->tools[i].name.n == 0)
            gw_dropped_add(x->dropped, "", "tools");
        any = any || r->tools[i].name.n > 0;
    }
    if (!any)
        return;
    base_json_key(&x->j, "toolConfig");
    base_json_obj(&x->j);
    base_json_key(&x->j, "tools");
    base_json_arr(&x->j);
    for (size_t i = 0; i < r->n_tools; i++)
        if (r->tools[i].name.n > 0)
            put_tool(x, &r->tools[i]);
    base_json_arr_end(&x->j);
    put_tool_choice(x);
    base_json_obj_end(&x->j);
}

/* ---- numbers and the rest ---- */

static void put_inference(struct bx *x)
{
    const struct chat_request *r = x->r;
    const struct {
        const char *key;
        const struct chat_opt_num *n;
    } gone[] = {{"min_p", &r->min_p},
                {"presence_penalty", &r->presence_penalty},
                {"frequency_penalty", &r->frequency_penalty},
                {"repeat_penalty", &r->repeat_penalty},
                {"seed", &r->seed}};

    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (gone[i].n->set)
            gw_dropped_add(x->dropped, "", gone[i].key);
    if (!r->max_tokens.set && !r->temperature.set && !r->top_p.set && r->n_stop == 0)
        return;
    base_json_key(&x->j, "inferenceConfig");
    base_json_obj(&x->j);
    if (r->max_tokens.set)
        gw_json_knum(&x->j, "maxTokens", r->max_tokens.v);
    if (r->temperature.set)
        gw_json_knum(&x->j, "temperature", r->temperature.v);
    if (r->top_p.set)
        gw_json_knum(&x->j, "topP", r->top_p.v);
    if (r->n_stop > 0) {
        base_json_key(&x->j, "stopSequences");
        base_json_arr(&x->j);
        for (size_t i = 0; i < r->n_stop; i++)
            base_json_str(&x->j, r->stop[i]);
        base_json_arr_end(&x->j);
    }
    base_json_obj_end(&x->j);
}

/* What the model's maker calls top_k, or NULL. */
static const char *top_k_name(const char *model)
{
    return strstr(model, "anthropic.") ? "top_k" : strstr(model, "cohere.") ? "k" : NULL;
}

static void put_beta(struct bx *x)
{
    struct base_str rest = x->r->anthropic_beta;

    if (!x->claude || rest.n == 0)
        return;
    base_json_key(&x->j, "anthropic_beta");
    base_json_arr(&x->j);
    while (rest.p) {
        struct base_str one = base_str_trim(base_str_cut(&rest, ','));
        if (one.n)
            base_json_str(&x->j, one);
    }
    base_json_arr_end(&x->j);
}

static void put_raw(struct bx *x, const char *key, const json_t *v)
{
    base_json_key(&x->j, key);
    base_json_raw(&x->j, BASE_STR_NULL);
    gw_json_put(x->j.out, v);
}

/* additionalModelRequestFields: the client's own, and what only the model's maker has a name for.
 */
static void put_additional(struct bx *x)
{
    const json_t *own = gw_json_get_obj(x->extra, "additionalModelRequestFields");
    const json_t *thinking = x->claude ? gw_json_get_obj(x->extra, "thinking") : NULL;
    const char *k_name = top_k_name(x->t->model->name), *key;
    json_t *v;

    if (x->r->top_k.set && !k_name)
        gw_dropped_add(x->dropped, "", "top_k");
    bool top_k = x->r->top_k.set && k_name && !json_object_get(own, k_name);
    bool beta = x->claude && x->r->anthropic_beta.n && !json_object_get(own, "anthropic_beta");
    if (json_object_size(own) == 0 && !thinking && !top_k && !beta)
        return;
    base_json_key(&x->j, "additionalModelRequestFields");
    base_json_obj(&x->j);
    if (top_k)
        gw_json_knum(&x->j, k_name, x->r->top_k.v);
    if (beta)
        put_beta(x);
    if (thinking)
        put_raw(x, "thinking", thinking);
    json_object_foreach((json_t *)(uintptr_t)own, key, v)
    {
        if (!(thinking && strcmp(key, "thinking") == 0))
            put_raw(x, key, v);
    }
    base_json_obj_end(&x->j);
}

/* response_format { type: json_schema }: outputConfig. False if it is of another kind. */
static bool put_format(struct bx *x)
{
    const json_t *f = gw_json_get_obj(x->extra, "response_format");
    const json_t *js = gw_json_get_obj(f, "json_schema");
    const json_t *schema = gw_json_get_obj(js, "schema");
    struct base_buf text;

    if (base_str_is(gw_json_get_str(f, "type"), "text"))
        return true;
    if (!base_str_is(gw_json_get_str(f, "type"), "json_schema") || !schema)
        return false;
    base_buf_init(&text, 1u << 20);
    gw_json_put(&text, schema);
    static const char *const open[] = {"outputConfig", "textFormat"};
    for (size_t i = 0; i < 2; i++) {
        base_json_key(&x->j, open[i]);
        base_json_obj(&x->j);
    }
    base_json_kz(&x->j, "type", "json_schema");
    base_json_key(&x->j, "structure");
    base_json_obj(&x->j);
    base_json_key(&x->j, "jsonSchema");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "schema", base_buf_view(&text));
    if (gw_json_get_str(js, "name").n)
        base_json_kstr(&x->j, "name", gw_json_get_str(js, "name"));
    if (gw_json_get_str(js, "description").n)
        base_json_kstr(&x->j, "description", gw_json_get_str(js, "description"));
    for (size_t i = 0; i < 4; i++)
        base_json_obj_end(&x->j);
    base_buf_release(&text);
    return true;
}

static bool is_own(const char *key)
{
    for (size_t i = 0; i < sizeof own_members / sizeof own_members[0]; i++)
        if (strcmp(key, own_members[i]) == 0)
            return true;
    return false;
}

static void put_extra(struct bx *x)
{
    bool format = put_format(x);
    const char *key;
    json_t *v;

    put_additional(x);
    json_object_foreach(x->extra, key, v)
    {
        if (is_own(key) && json_is_object(v))
            put_raw(x, key, v);
        else if (!(strcmp(key, "additionalModelRequestFields") == 0 && json_is_object(v)) &&
                 !(strcmp(key, "thinking") == 0 && x->claude && json_is_object(v)) &&
                 !(strcmp(key, "response_format") == 0 && format))
            gw_dropped_add(x->dropped, "", key);
    }
    if (x->r->user.n)
        gw_dropped_add(x->dropped, "", "user");
}

static enum base_status put_top(struct bx *x)
{
    base_json_obj(&x->j);
    enum base_status st = put_system(x);
    if (st == BASE_OK)
        st = put_messages(x);
    if (st != BASE_OK)
        return st;
    put_tools(x);
    if (x->r->one_call && x->r->n_tools > 0)
        gw_dropped_add(x->dropped, "", "parallel_tool_calls");
    if (!x->claude)
        gw_wire_dropped_anthropic(x->r, x->dropped);
    put_inference(x);
    put_extra(x);
    base_json_obj_end(&x->j);
    return BASE_OK;
}

enum base_status gw_bedrock_write(const struct conf_target *t, struct chat_request *r,
                                  struct gw_wire_request *head, struct base_buf *body,
                                  struct base_buf *dropped, struct base_arena *a,
                                  struct base_err *err)
{
    struct bx x = {.r = r,
                   .t = t,
                   .dropped = dropped,
                   .err = err,
                   .claude = strstr(t->model->name, "anthropic.") != NULL,
                   .anthropic = r->dialect == CHAT_DIALECT_ANTHROPIC,
                   .turn = -1};

    *head = (struct gw_wire_request){.path = NULL};
    if (r->extra.n && !(x.extra = gw_json_load(r->extra, false, NULL)))
        return base_err_set(err, BASE_EBUG, "extra members of a request are no JSON object");
    base_json_init(&x.j, body);
    enum base_status st = put_top(&x);
    json_decref(x.extra);
    if (st != BASE_OK)
        return st;
    if (!base_buf_ok(body))
        return base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
    return gw_bedrock_authorise(t, r->stream ? "converse-stream" : "converse", base_buf_view(body),
                                head, a, err);
}
