/* cohere_write.c - chat_request -> the body of Cohere's POST /v2/chat.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Mapping    - system and developer messages, wherever they stand, are joined with an empty line
 *              into one system message, first;
 *            - a tool's answer is a tool message, a call an entry of tool_calls; a thought that led
 *              to calls is tool_plan, another one a thinking part;
 *            - top_p is `p`, top_k `k`, stop `stop_sequences`; max_tokens, temperature, seed and
 * the two penalties keep their names;
 *            - tool_choice none and required are NONE and REQUIRED; a named tool is that tool
 * alone, required; `strict` of any tool is strict_tools;
 *            - response_format json_schema is json_object with json_schema; reasoning_effort none
 * is thinking disabled, and Anthropic's budget_tokens is token_budget;
 *            - Cohere's own members (own_members) that a client wrote go along.
 * Invariants whatever has no counterpart is named in `dropped`; nothing is clipped or invented.
 * Fails by   BASE_EINVAL for content that is neither text nor an image, and for nothing to send.
 */
#include "gateway/upstream/cohere_int.h"

struct cx {
    struct chat_request *r;
    struct base_json j;
    struct base_buf *dropped;
    struct base_err *err;
    bool openai; /* the client speaks one of OpenAI's dialects */
    bool any;    /* a message that is no system message */
    json_t *extra;
};

static const char *const own_members[] = {"documents", "citation_options", "safety_mode",
                                          "priority"};

static bool is_system(const struct chat_message *m)
{
    return m->role == CHAT_SYSTEM || m->role == CHAT_DEVELOPER;
}

/* ---- messages ---- */

static void open_message(struct cx *x, const char *role)
{
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", role);
}

static enum base_status put_system(struct cx *x)
{
    struct base_buf all;
    enum base_status st = BASE_OK;

    base_buf_init(&all, SIZE_MAX / 4);
    for (size_t i = 0; i < x->r->n_messages && st == BASE_OK; i++) {
        const struct chat_message *m = &x->r->messages[i];
        for (size_t k = 0; is_system(m) && k < m->n_parts; k++) {
            const struct chat_part *p = &m->parts[k];
            if (p->kind == CHAT_PART_OPAQUE)
                st = base_err_set(x->err, BASE_EINVAL,
                                  "a system message for a Cohere upstream can hold text only");
            if (k == 0 && all.n > 0 && p->text.n > 0)
                base_buf_z(&all, "\n\n");
            base_buf_str(&all, p->text);
            gw_dropped_extra(x->dropped, "messages.content.", p->extra);
        }
    }
    if (st == BASE_OK && all.n > 0) {
        open_message(x, "system");
        base_json_kstr(&x->j, "content", base_buf_view(&all));
        base_json_obj_end(&x->j);
    }
    base_buf_release(&all);
    return st;
}

static void put_text(struct cx *x, const char *type, struct base_str text)
{
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", type);
    base_json_kstr(&x->j, type, text);
    base_json_obj_end(&x->j);
}

/* OpenAI's image part has Cohere's form; Anthropic's becomes one with a data: URL. */
static enum base_status put_opaque(struct cx *x, const struct chat_part *p)
{
    json_t *o = gw_json_load(p->raw, false, NULL);
    const json_t *image = gw_json_get_obj(o, "image_url"), *source = gw_json_get_obj(o, "source");
    struct base_str type = gw_json_get_str(source, "media_type");
    struct base_str data = gw_json_get_str(source, "data");
    bool own = base_str_is(gw_json_get_str(o, "type"), "image_url") && image;
    bool theirs = base_str_starts(type, BASE_STR("image/")) && data.n > 0;

    if (own || theirs) {
        base_json_obj(&x->j);
        base_json_kz(&x->j, "type", "image_url");
        base_json_key(&x->j, "image_url");
        if (own) {
            base_json_raw(&x->j, BASE_STR_NULL);
            gw_json_put(x->j.out, image);
        } else {
            base_json_obj(&x->j);
            struct base_buf url;
            base_buf_init(&url, p->raw.n + 64);
            base_buf_printf(&url, "data:%.*s;base64,", BASE_FMT(type));
            base_buf_str(&url, data);
            base_json_kstr(&x->j, "url", base_buf_view(&url));
            base_buf_release(&url);
            base_json_obj_end(&x->j);
        }
        base_json_obj_end(&x->j);
    }
    json_decref(o);
    return own || theirs ? BASE_OK
                         : base_err_set(x->err, BASE_EINVAL,
                                        "a content part that is neither text nor an image cannot "
                                        "be sent to a Cohere upstream");
}

static bool is_content(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL ||
           p->kind == CHAT_PART_TOOL_RESULT || (p->kind == CHAT_PART_OPAQUE && p->name.n == 0);
}

/* Content parts of parts[0..n): one text as a string, else a list. thoughts: those too. */
static enum base_status put_content(struct cx *x, const struct chat_part *parts, size_t n,
                                    bool thoughts)
{
    const struct chat_part *only = NULL;
    enum base_status st = BASE_OK;
    size_t picked = 0;

    for (size_t i = 0; i < n; i++) {
        bool pick = is_content(&parts[i]) || (thoughts && parts[i].kind == CHAT_PART_REASONING);
        only = pick ? &parts[i] : only;
        picked += pick;
    }
    if (picked == 0)
        return BASE_OK;
    base_json_key(&x->j, "content");
    if (picked == 1 && only->kind != CHAT_PART_OPAQUE && only->kind != CHAT_PART_REASONING) {
        gw_dropped_extra(x->dropped, "messages.content.", only->extra);
        base_json_str(&x->j, only->text);
        return BASE_OK;
    }
    base_json_arr(&x->j);
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        const struct chat_part *p = &parts[i];
        if (p->kind == CHAT_PART_REASONING && thoughts)
            put_text(x, "thinking", p->text);
        else if (p->kind == CHAT_PART_OPAQUE && is_content(p))
            st = put_opaque(x, p);
        else if (is_content(p))
            put_text(x, "text", p->text);
        if (is_content(p))
            gw_dropped_extra(x->dropped, "messages.content.", p->extra);
    }
    base_json_arr_end(&x->j);
    return st;
}

static void put_call(struct cx *x, const struct chat_part *p)
{
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "id", p->id);
    base_json_kz(&x->j, "type", "function");
    base_json_key(&x->j, "function");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", p->name);
    base_json_kstr(&x->j, "arguments", p->text.n ? p->text : BASE_STR("{}"));
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    gw_dropped_extra(x->dropped, "messages.tool_calls.", p->extra);
}

static void put_plan(struct cx *x, const struct chat_message *m)
{
    struct base_buf all;

    base_buf_init(&all, SIZE_MAX / 4);
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].kind == CHAT_PART_REASONING)
            base_buf_str(&all, m->parts[i].text);
    if (all.n > 0)
        base_json_kstr(&x->j, "tool_plan", base_buf_view(&all));
    base_buf_release(&all);
}

static enum base_status put_assistant(struct cx *x, const struct chat_message *m)
{
    size_t calls = 0, thoughts = 0;

    for (size_t i = 0; i < m->n_parts; i++) {
        if (m->parts[i].kind == CHAT_PART_OPAQUE && m->parts[i].name.n > 0)
            return base_err_set(x->err, BASE_EINVAL,
                                "a call of another kind than function cannot be sent to a Cohere "
                                "upstream");
        calls += m->parts[i].kind == CHAT_PART_TOOL_CALL;
        thoughts += m->parts[i].kind == CHAT_PART_REASONING;
    }
    if (thoughts > 0 && !x->openai) /* signed by another maker */
        gw_dropped_add(x->dropped, "messages.", "thinking");
    open_message(x, "assistant");
    if (calls > 0) {
        if (x->openai)
            put_plan(x, m);
        base_json_key(&x->j, "tool_calls");
        base_json_arr(&x->j);
        for (size_t i = 0; i < m->n_parts; i++)
            if (m->parts[i].kind == CHAT_PART_TOOL_CALL)
                put_call(x, &m->parts[i]);
        base_json_arr_end(&x->j);
    }
    enum base_status st = put_content(x, m->parts, m->n_parts, x->openai && calls == 0);
    base_json_obj_end(&x->j);
    return st;
}

static bool in_result(const struct chat_message *m, const struct chat_part *p)
{
    return p->kind == CHAT_PART_TOOL_RESULT || m->role == CHAT_TOOL;
}

/* A user's or a tool's turn: the runs of results, each a tool message, and what stands between. */
static enum base_status put_turn(struct cx *x, const struct chat_message *m)
{
    enum base_status st = BASE_OK;
    size_t n;

    for (size_t i = 0; i < m->n_parts && st == BASE_OK; i += n) {
        const struct chat_part *first = &m->parts[i];
        bool result = in_result(m, first);
        for (n = 1; i + n < m->n_parts && in_result(m, &m->parts[i + n]) == result; n++)
            if (result && !base_str_eq(m->parts[i + n].id, first->id))
                break;
        open_message(x, result ? "tool" : "user");
        if (result)
            base_json_kstr(&x->j, "tool_call_id", first->id);
        for (size_t k = 0; k < n; k++)
            if (first[k].is_error)
                gw_dropped_add(x->dropped, "messages.", "is_error");
        st = put_content(x, first, n, false);
        base_json_obj_end(&x->j);
    }
    return st;
}

static enum base_status put_messages(struct cx *x)
{
    base_json_key(&x->j, "messages");
    base_json_arr(&x->j);
    enum base_status st = put_system(x);
    for (size_t i = 0; i < x->r->n_messages && st == BASE_OK; i++) {
        const struct chat_message *m = &x->r->messages[i];
        if (m->name.n)
            gw_dropped_add(x->dropped, "messages.", "name");
        gw_dropped_extra(x->dropped, "messages.", m->extra);
        if (is_system(m))
            continue;
        x->any = true;
        st = m->role == CHAT_ASSISTANT ? put_assistant(x, m) : put_turn(x, m);
    }
    base_json_arr_end(&x->j);
    if (st == BASE_OK && !x->any)
        st = base_err_set(x->err, BASE_EINVAL,
                          "a Cohere upstream needs at least one message that is no system message");
    return st;
}

/* ---- tools ---- */

static bool chosen(const struct cx *x, const struct chat_tool *t)
{
    return t->name.n > 0 &&
           (x->r->tool_choice != CHAT_TOOLS_NAMED || base_str_eq(t->name, x->r->tool_choice_name));
}

static bool put_tool(struct cx *x, const struct chat_tool *t)
{
    json_t *o = t->extra.n ? gw_json_load(t->extra, false, NULL) : NULL;
    const json_t *strict = json_object_get(json_object_get(o, "function"), "strict");
    bool is_strict = json_is_true(strict);
    const char *key;
    json_t *v;

    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "function");
    base_json_key(&x->j, "function");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", t->name);
    if (t->description.n)
        base_json_kstr(&x->j, "description", t->description);
    base_json_key(&x->j, "parameters");
    base_json_raw(&x->j, t->schema.n ? t->schema : BASE_STR("{\"type\":\"object\"}"));
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    json_object_foreach(o, key, v)
    {
        if (!(strcmp(key, "function") == 0 && strict && json_object_size(v) == 1))
            gw_dropped_add(x->dropped, "tools.", key);
    }
    json_decref(o);
    return is_strict;
}

static void put_tools(struct cx *x)
{
    const struct chat_request *r = x->r;
    bool strict = false, any = false;

    for (size_t i = 0; i < r->n_tools; i++) {
        if (r->tools[i].name.n == 0)
            gw_dropped_add(x->dropped, "", "tools");
        any = any || chosen(x, &r->tools[i]);
    }
    if (any) {
        base_json_key(&x->j, "tools");
        base_json_arr(&x->j);
        for (size_t i = 0; i < r->n_tools; i++)
            if (chosen(x, &r->tools[i]))
                strict = put_tool(x, &r->tools[i]) || strict;
        base_json_arr_end(&x->j);
    }
    if (strict)
        base_json_kbool(&x->j, "strict_tools", true);
    if (any && r->tool_choice == CHAT_TOOLS_NONE)
        base_json_kz(&x->j, "tool_choice", "NONE");
    else if (any && (r->tool_choice == CHAT_TOOLS_REQUIRED || r->tool_choice == CHAT_TOOLS_NAMED))
        base_json_kz(&x->j, "tool_choice", "REQUIRED");
}

/* ---- numbers and the rest ---- */

static void put_numbers(struct cx *x)
{
    const struct chat_request *r = x->r;
    const struct {
        const char *key, *name; /* ours; theirs, NULL: none */
        const struct chat_opt_num *n;
    } all[] = {{"max_tokens", "max_tokens", &r->max_tokens},
               {"temperature", "temperature", &r->temperature},
               {"top_p", "p", &r->top_p},
               {"top_k", "k", &r->top_k},
               {"seed", "seed", &r->seed},
               {"frequency_penalty", "frequency_penalty", &r->frequency_penalty},
               {"presence_penalty", "presence_penalty", &r->presence_penalty},
               {"min_p", NULL, &r->min_p},
               {"repeat_penalty", NULL, &r->repeat_penalty}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].n->set && all[i].name)
            gw_json_knum(&x->j, all[i].name, all[i].n->v);
        else if (all[i].n->set)
            gw_dropped_add(x->dropped, "", all[i].key);
    }
    if (r->n_stop == 0)
        return;
    base_json_key(&x->j, "stop_sequences");
    base_json_arr(&x->j);
    for (size_t i = 0; i < r->n_stop; i++)
        base_json_str(&x->j, r->stop[i]);
    base_json_arr_end(&x->j);
}

static void put_raw(struct cx *x, const char *key, const json_t *v)
{
    base_json_key(&x->j, key);
    base_json_raw(&x->j, BASE_STR_NULL);
    gw_json_put(x->j.out, v);
}

/* False if f is of a kind that has no counterpart. */
static bool put_format(struct cx *x, const json_t *f)
{
    const json_t *js = gw_json_get_obj(f, "json_schema"), *schema = gw_json_get_obj(js, "schema");
    bool theirs = base_str_is(gw_json_get_str(f, "type"), "json_schema") && schema;

    if (!theirs && !base_str_is(gw_json_get_str(f, "type"), "json_object") &&
        !base_str_is(gw_json_get_str(f, "type"), "text"))
        return false;
    if (!theirs) {
        put_raw(x, "response_format", f);
        return true;
    }
    base_json_key(&x->j, "response_format");
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "json_object");
    put_raw(x, "json_schema", schema);
    base_json_obj_end(&x->j);
    return true;
}

/* Cohere's `thinking`, or Anthropic's, which differs in the budget's name. */
static bool put_thinking(struct cx *x, const json_t *v)
{
    const json_t *budget = json_object_get(v, "token_budget");

    if (!json_is_object(v))
        return false;
    if (!budget)
        budget = json_object_get(v, "budget_tokens");
    base_json_key(&x->j, "thinking");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "type", gw_json_get_str(v, "type"));
    if (json_is_integer(budget))
        base_json_kint(&x->j, "token_budget", json_integer_value(budget));
    base_json_obj_end(&x->j);
    return true;
}

/* One further member of the request. False: it has no place there. */
static bool put_member(struct cx *x, const char *key, const json_t *v)
{
    if (strcmp(key, "response_format") == 0)
        return put_format(x, v);
    if (strcmp(key, "thinking") == 0)
        return put_thinking(x, v);
    if (strcmp(key, "reasoning_effort") == 0 && base_str_is(gw_json_str(v), "none") &&
        !json_object_get(x->extra, "thinking")) {
        base_json_key(&x->j, "thinking");
        base_json_raw(&x->j, BASE_STR("{\"type\":\"disabled\"}"));
        return true;
    }
    for (size_t i = 0; i < sizeof own_members / sizeof own_members[0]; i++) {
        if (strcmp(key, own_members[i]) == 0) {
            put_raw(x, key, v);
            return true;
        }
    }
    return strcmp(key, "stream_options") == 0; /* usage always comes */
}

static enum base_status put_top(struct cx *x, const struct conf_target *t)
{
    const char *key;
    json_t *v;

    base_json_obj(&x->j);
    base_json_kz(&x->j, "model", t->model->name);
    enum base_status st = put_messages(x);
    if (st != BASE_OK)
        return st;
    put_tools(x);
    if (x->r->one_call && x->r->n_tools > 0)
        gw_dropped_add(x->dropped, "", "parallel_tool_calls");
    put_numbers(x);
    if (x->r->stream)
        base_json_kbool(&x->j, "stream", true);
    json_object_foreach(x->extra, key, v)
    {
        if (!put_member(x, key, v))
            gw_dropped_add(x->dropped, "", key);
    }
    if (x->r->user.n)
        gw_dropped_add(x->dropped, "", "user");
    base_json_obj_end(&x->j);
    return BASE_OK;
}

enum base_status gw_cohere_write(const struct conf_target *t, struct chat_request *r,
                                 struct gw_wire_request *head, struct base_buf *body,
                                 struct base_buf *dropped, struct base_arena *a,
                                 struct base_err *err)
{
    struct cx x = {
        .r = r, .dropped = dropped, .err = err, .openai = chat_dialect_is_openai(r->dialect)};

    *head = (struct gw_wire_request){.path = "/chat"};
    if (r->extra.n && !(x.extra = gw_json_load(r->extra, false, NULL)))
        return base_err_set(err, BASE_EBUG, "extra members of a request are no JSON object");
    base_json_init(&x.j, body);
    enum base_status st = put_top(&x, t);
    json_decref(x.extra);
    if (st != BASE_OK)
        return st;
    if (!base_buf_ok(body))
        return base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
    if (!t->backend->key)
        return BASE_OK;
    return gw_wire_secret_header(head, a, "Authorization", "Bearer ", t->backend->key, err);
}
