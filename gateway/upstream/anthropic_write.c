/* anthropic_write.c - chat_request -> the body of Anthropic's POST /messages.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Mapping    - system and developer messages, wherever they stand, are joined with an empty line
 *              into `system`;
 *            - the rest becomes alternating user and assistant turns: neighbours of one role are
 *              one turn with all their blocks; a tool's answer is a tool_result block of a user
 *              turn; a call is a tool_use block of an assistant turn, its arguments as `input`;
 *            - empty texts are left out (the API refuses them);
 *            - tools: `parameters` is `input_schema`; tool_choice required is `any`;
 *              parallel_tool_calls false is disable_parallel_tool_use;
 *            - `user` is metadata.user_id; max_tokens is mandatory there: 4096 when absent;
 *            - OpenAI's image_url becomes an image block (base64 or url);
 *            - a client of the same dialect finds what it sent: system blocks with what stands on
 *              them, tool results with their members, thoughts with their signatures;
 *            - to be counted (count_only) goes what has a place in a count, and nothing else.
 * Invariants whatever has no counterpart is named in `dropped`; nothing is clipped or invented.
 * Fails by   BASE_EINVAL for what cannot be said there at all and would change the meaning: content
 *            of other kinds, calls whose arguments are no JSON object, no message left to send.
 */
#include "gateway/upstream/anthropic_int.h"

#define MAX_TOKENS_DEFAULT 4096

struct ax {
    struct chat_request *r;
    struct base_json j;
    struct base_buf *dropped;
    struct base_err *err;
    bool same;   /* the client speaks Anthropic's own dialect: extras and opaque blocks fit */
    int turn;    /* the role of the open turn: CHAT_USER, CHAT_ASSISTANT, or -1 */
    bool result; /* a tool_result block is open */
    struct base_str result_id;
    struct base_str result_extra; /* what stands on the tool_result block itself */
};

static enum base_status merge(struct ax *x, struct base_str extra, const char *prefix)
{
    if (x->same)
        return gw_json_merge(&x->j, extra, NULL, x->err);
    gw_dropped_extra(x->dropped, prefix, extra);
    return BASE_OK;
}

static bool is_system(const struct chat_message *m)
{
    return m->role == CHAT_SYSTEM || m->role == CHAT_DEVELOPER;
}

/* ---- blocks ---- */

static void result_close(struct ax *x)
{
    if (!x->result)
        return;
    x->result = false;
    base_json_arr_end(&x->j);
    base_json_obj_end(&x->j);
}

static void turn_close(struct ax *x)
{
    if (x->turn < 0)
        return;
    result_close(x);
    x->turn = -1;
    base_json_arr_end(&x->j);
    base_json_obj_end(&x->j);
}

/* Opens a turn of that role, with members of its own. */
static enum base_status turn_begin(struct ax *x, enum chat_role role, struct base_str extra)
{
    enum base_status st;

    turn_close(x);
    x->turn = (int)role;
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", role == CHAT_ASSISTANT ? "assistant" : "user");
    st = gw_json_merge(&x->j, extra, NULL, x->err);
    base_json_key(&x->j, "content");
    base_json_arr(&x->j);
    return st;
}

/* Opens a turn of that role unless it is open. */
static void turn_open(struct ax *x, enum chat_role role)
{
    if (x->turn != (int)role && turn_begin(x, role, BASE_STR_NULL) != BASE_OK)
        x->j.out->failed = true; /* nothing was to be merged: cannot be */
}

static enum base_status put_text(struct ax *x, enum chat_role role, struct base_str text,
                                 struct base_str extra)
{
    if (text.n == 0)
        return BASE_OK;
    turn_open(x, role);
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "text");
    base_json_kstr(&x->j, "text", text);
    enum base_status st = merge(x, extra, "messages.content.");
    base_json_obj_end(&x->j);
    return st;
}

/* "data:image/png;base64,AAAA" -> type and data. */
static bool data_url(struct base_str url, struct base_str *type, struct base_str *data)
{
    if (!base_str_starts(url, BASE_STR("data:")))
        return false;
    size_t mark = base_str_find(url, BASE_STR(";base64,"), 0);
    if (mark == SIZE_MAX)
        return false;
    *type = base_str_n(url.p + 5, mark - 5);
    *data = base_str_n(url.p + mark + 8, url.n - mark - 8);
    return type->n > 0;
}

/* An OpenAI image part as an image block. */
static bool put_image(struct ax *x, struct base_str raw)
{
    json_t *o = gw_json_load(raw, false, NULL);
    struct base_str url = gw_json_get_str(gw_json_get_obj(o, "image_url"), "url"), type, data;
    bool image = base_str_is(gw_json_get_str(o, "type"), "image_url") && url.n > 0;

    if (image) {
        base_json_obj(&x->j);
        base_json_kz(&x->j, "type", "image");
        base_json_key(&x->j, "source");
        base_json_obj(&x->j);
        if (data_url(url, &type, &data)) {
            base_json_kz(&x->j, "type", "base64");
            base_json_kstr(&x->j, "media_type", type);
            base_json_kstr(&x->j, "data", data);
        } else {
            base_json_kz(&x->j, "type", "url");
            base_json_kstr(&x->j, "url", url);
        }
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
    }
    json_decref(o);
    return image;
}

static enum base_status put_opaque(struct ax *x, enum chat_role role, const struct chat_part *p)
{
    turn_open(x, role);
    if (x->same) {
        base_json_raw(&x->j, p->raw);
        return BASE_OK;
    }
    if (p->name.n == 0 && put_image(x, p->raw))
        return BASE_OK;
    return base_err_set(x->err, BASE_EINVAL,
                        "a content part that is neither text nor an image cannot be sent to an "
                        "Anthropic upstream");
}

static enum base_status put_call(struct ax *x, const struct chat_part *p)
{
    struct base_str input = base_str_trim(p->text);
    json_t *o = NULL;

    if (input.n > 0 && !(o = gw_json_load(input, false, NULL)))
        return base_err_set(x->err, BASE_EINVAL,
                            "a tool call whose arguments are no JSON object cannot be sent to an "
                            "Anthropic upstream");
    json_decref(o);
    turn_open(x, CHAT_ASSISTANT);
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "tool_use");
    base_json_kstr(&x->j, "id", p->id);
    base_json_kstr(&x->j, "name", p->name);
    base_json_key(&x->j, "input");
    base_json_raw(&x->j, input.n ? input : BASE_STR("{}"));
    enum base_status st = merge(x, p->extra, "messages.tool_calls.");
    base_json_obj_end(&x->j);
    return st;
}

/* Results of one call, one after the other, are one block. */
static enum base_status put_result(struct ax *x, const struct chat_part *p)
{
    enum base_status st;

    if (!(x->result && x->turn == CHAT_USER && base_str_eq(x->result_id, p->id))) {
        if (x->turn >= 0)
            result_close(x);
        turn_open(x, CHAT_USER);
        base_json_obj(&x->j);
        base_json_kz(&x->j, "type", "tool_result");
        base_json_kstr(&x->j, "tool_use_id", p->id);
        if (p->is_error)
            base_json_kbool(&x->j, "is_error", true);
        st = merge(x, x->result_extra, "messages.content.");
        if (st != BASE_OK)
            return st;
        base_json_key(&x->j, "content");
        base_json_arr(&x->j);
        x->result = true;
        x->result_id = p->id;
    }
    if (p->kind == CHAT_PART_OPAQUE)
        return put_opaque(x, CHAT_USER, p);
    return put_text(x, CHAT_USER, p->text, p->extra);
}

/* What a provider seals is base64. Where something was found in it that had to be replaced it holds
 * no more. */
static bool is_seal(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            !strchr("+/=-_", s.p[i]))
            return false;
    return s.n > 0;
}

/* Thinking goes back only with the signature that its maker gave it, or sealed as a whole. */
static enum base_status put_reasoning(struct ax *x, const struct chat_part *p)
{
    json_t *o = x->same && p->extra.n ? gw_json_load(p->extra, false, NULL) : NULL;
    bool sealed = p->text.n == 0 && is_seal(gw_json_get_str(o, "data"));
    bool known = sealed || is_seal(gw_json_get_str(o, "signature"));

    json_decref(o);
    if (!known) {
        gw_dropped_add(x->dropped, "messages.", x->same ? "thinking" : "reasoning_content");
        return BASE_OK;
    }
    turn_open(x, CHAT_ASSISTANT);
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", sealed ? "redacted_thinking" : "thinking");
    if (!sealed)
        base_json_kstr(&x->j, "thinking", p->text);
    enum base_status st = merge(x, p->extra, "messages.");
    base_json_obj_end(&x->j);
    return st;
}

static enum base_status put_part(struct ax *x, enum chat_role role, const struct chat_part *p)
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
    case CHAT_PART_TEXT:
    case CHAT_PART_REFUSAL:
        return put_text(x, role, p->text, p->extra);
    case CHAT_PART_REASONING:
        return put_reasoning(x, p);
    case CHAT_PART_TOOL_CALL:
        return put_call(x, p);
    case CHAT_PART_OPAQUE:
        return put_opaque(x, role, p);
    case CHAT_PART_TOOL_RESULT:
        break;
    }
    return BASE_OK;
}

/* ---- messages ---- */

/* Of the same dialect: as blocks, since a cache is told by what stands on one. */
static enum base_status put_system_blocks(struct ax *x, const struct chat_message *m)
{
    enum base_status st = BASE_OK;

    base_json_key(&x->j, "system");
    base_json_arr(&x->j);
    for (size_t k = 0; k < m->n_parts && st == BASE_OK; k++) {
        base_json_obj(&x->j);
        base_json_kz(&x->j, "type", "text");
        base_json_kstr(&x->j, "text", m->parts[k].text);
        st = gw_json_merge(&x->j, m->parts[k].extra, NULL, x->err);
        base_json_obj_end(&x->j);
    }
    base_json_arr_end(&x->j);
    return st;
}

static enum base_status put_system(struct ax *x)
{
    struct base_buf all;
    enum base_status st = BASE_OK;

    if (x->same && x->r->n_messages > 0 && x->r->messages[0].role == CHAT_SYSTEM &&
        (x->r->messages[0].n_parts > 1 || x->r->messages[0].parts[0].extra.n))
        return put_system_blocks(x, &x->r->messages[0]);
    base_buf_init(&all, SIZE_MAX / 4);
    for (size_t i = 0; i < x->r->n_messages && st == BASE_OK; i++) {
        const struct chat_message *m = &x->r->messages[i];
        if (!is_system(m))
            continue;
        if (all.n > 0)
            base_buf_z(&all, "\n\n");
        for (size_t k = 0; k < m->n_parts && st == BASE_OK; k++) {
            base_buf_str(&all, m->parts[k].text);
            gw_dropped_extra(x->dropped, "messages.content.", m->parts[k].extra);
            if (m->parts[k].kind == CHAT_PART_OPAQUE)
                st = base_err_set(x->err, BASE_EINVAL,
                                  "a system message for an Anthropic upstream can hold text only");
        }
        if (m->name.n)
            gw_dropped_add(x->dropped, "messages.", "name");
        gw_dropped_extra(x->dropped, "messages.", m->extra);
    }
    if (all.n > 0)
        base_json_kstr(&x->j, "system", base_buf_view(&all));
    base_buf_release(&all);
    return st;
}

static enum base_status put_messages(struct ax *x)
{
    enum base_status st = BASE_OK;
    size_t before;

    base_json_key(&x->j, "messages");
    base_json_arr(&x->j);
    before = x->j.out->n;
    for (size_t i = 0; i < x->r->n_messages && st == BASE_OK; i++) {
        const struct chat_message *m = &x->r->messages[i];
        if (is_system(m))
            continue;
        if (m->name.n)
            gw_dropped_add(x->dropped, "messages.", "name");
        x->result_extra = m->role == CHAT_TOOL && x->same ? m->extra : BASE_STR_NULL;
        bool apart = x->same && m->role != CHAT_TOOL && m->extra.n; /* a turn of its own */
        if (apart)
            st = turn_begin(x, m->role, m->extra);
        else if (!x->same)
            gw_dropped_extra(x->dropped, "messages.", m->extra);
        for (size_t k = 0; k < m->n_parts && st == BASE_OK; k++)
            st = put_part(x, m->role, &m->parts[k]);
        if (apart)
            turn_close(x);
    }
    turn_close(x);
    if (st == BASE_OK && x->j.out->n == before)
        st = base_err_set(x->err, BASE_EINVAL,
                          "an Anthropic upstream needs at least one user message that is not "
                          "empty");
    base_json_arr_end(&x->j);
    return st;
}

/* ---- tools and the rest ---- */

/* "parallel_tool_calls": false among the client's extras. */
static bool one_call_only(const struct chat_request *r)
{
    if (!gw_json_mentions(r->extra, "\"parallel_tool_calls\""))
        return false;
    json_t *o = gw_json_load(r->extra, false, NULL);
    bool only = json_is_false(json_object_get(o, "parallel_tool_calls"));
    json_decref(o);
    return only;
}

static void put_tool_choice(struct ax *x)
{
    static const char *const word[] = {[CHAT_TOOLS_AUTO] = "auto",
                                       [CHAT_TOOLS_NONE] = "none",
                                       [CHAT_TOOLS_REQUIRED] = "any",
                                       [CHAT_TOOLS_NAMED] = "tool"};
    enum chat_tool_choice choice = x->r->tool_choice;
    bool single = x->r->one_call || (!x->same && one_call_only(x->r));

    if (choice == CHAT_TOOLS_UNSET && !single)
        return;
    base_json_key(&x->j, "tool_choice");
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", choice == CHAT_TOOLS_UNSET ? "auto" : word[choice]);
    if (choice == CHAT_TOOLS_NAMED)
        base_json_kstr(&x->j, "name", x->r->tool_choice_name);
    if (single && choice != CHAT_TOOLS_NONE)
        base_json_kbool(&x->j, "disable_parallel_tool_use", true);
    base_json_obj_end(&x->j);
}

static enum base_status put_tool(struct ax *x, const struct chat_tool *t)
{
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", t->name);
    if (t->description.n)
        base_json_kstr(&x->j, "description", t->description);
    base_json_key(&x->j, "input_schema");
    base_json_raw(&x->j, t->schema.n ? t->schema : BASE_STR("{\"type\":\"object\"}"));
    enum base_status st = merge(x, t->extra, "tools.");
    base_json_obj_end(&x->j);
    return st;
}

static enum base_status put_tools(struct ax *x)
{
    enum base_status st = BASE_OK;
    bool any = false;

    for (size_t i = 0; i < x->r->n_tools; i++) {
        any = any || x->same || x->r->tools[i].name.n > 0;
        if (!x->same && x->r->tools[i].name.n == 0)
            gw_dropped_add(x->dropped, "", "tools");
    }
    if (!any)
        return BASE_OK;
    base_json_key(&x->j, "tools");
    base_json_arr(&x->j);
    for (size_t i = 0; i < x->r->n_tools && st == BASE_OK; i++) {
        const struct chat_tool *t = &x->r->tools[i];
        if (t->name.n > 0)
            st = put_tool(x, t);
        else if (x->same)
            base_json_raw(&x->j, t->extra);
    }
    base_json_arr_end(&x->j);
    put_tool_choice(x);
    return st;
}

static void put_numbers(struct ax *x)
{
    const struct chat_request *r = x->r;
    const struct {
        const char *key;
        const struct chat_opt_num *n;
        bool sent;
    } all[] = {{"temperature", &r->temperature, true},
               {"top_p", &r->top_p, true},
               {"top_k", &r->top_k, true},
               {"min_p", &r->min_p, false},
               {"presence_penalty", &r->presence_penalty, false},
               {"frequency_penalty", &r->frequency_penalty, false},
               {"repeat_penalty", &r->repeat_penalty, false},
               {"seed", &r->seed, false}};

    if (r->count_only)
        return;
    gw_json_knum(&x->j, "max_tokens", r->max_tokens.set ? r->max_tokens.v : MAX_TOKENS_DEFAULT);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!all[i].n->set)
            continue;
        if (all[i].sent)
            gw_json_knum(&x->j, all[i].key, all[i].n->v);
        else
            gw_dropped_add(x->dropped, "", all[i].key);
    }
}

/* Extras of the top level: all named, but for the one that has a counterpart. */
static enum base_status put_extra(struct ax *x)
{
    const char *key;
    json_t *v;

    static const char *const no_count[] = {
        "container", "context_management", "inference_geo", "mcp_servers",
        "metadata",  "service_tier",       "speed",         NULL};

    if (x->same)
        return gw_json_merge(&x->j, x->r->extra, x->r->count_only ? no_count : NULL, x->err);
    json_t *o = x->r->extra.n ? gw_json_load(x->r->extra, false, NULL) : NULL;
    json_object_foreach(o, key, v)
    {
        if (strcmp(key, "parallel_tool_calls") != 0 || (json_is_false(v) && x->r->n_tools == 0))
            gw_dropped_add(x->dropped, "", key);
    }
    json_decref(o);
    return BASE_OK;
}

static enum base_status put_top(struct ax *x, const struct conf_target *t)
{
    const struct chat_request *r = x->r;

    base_json_obj(&x->j);
    base_json_kz(&x->j, "model", t->model->name);
    put_numbers(x);
    enum base_status st = put_system(x);
    if (st == BASE_OK)
        st = put_messages(x);
    if (st == BASE_OK)
        st = put_tools(x);
    if (st != BASE_OK)
        return st;
    if (r->n_stop > 0 && !r->count_only) {
        base_json_key(&x->j, "stop_sequences");
        base_json_arr(&x->j);
        for (size_t i = 0; i < r->n_stop; i++)
            base_json_str(&x->j, r->stop[i]);
        base_json_arr_end(&x->j);
    }
    if (r->user.n && !r->count_only) {
        base_json_key(&x->j, "metadata");
        base_json_obj(&x->j);
        base_json_kstr(&x->j, "user_id", r->user);
        base_json_obj_end(&x->j);
    }
    if (r->stream)
        base_json_kbool(&x->j, "stream", true);
    st = put_extra(x);
    base_json_obj_end(&x->j);
    return st;
}

/* Names of betas, as they came; redaction leaves brackets. */
static bool is_beta(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            !strchr("-_.,", s.p[i]))
            return false;
    return true;
}

enum base_status gw_anthropic_write(const struct conf_target *t, struct chat_request *r,
                                    struct gw_wire_request *head, struct base_buf *body,
                                    struct base_buf *dropped, struct base_arena *a,
                                    struct base_err *err)
{
    struct ax x = {.r = r,
                   .dropped = dropped,
                   .err = err,
                   .same = r->dialect == CHAT_DIALECT_ANTHROPIC,
                   .turn = -1};

    *head =
        (struct gw_wire_request){.path = r->count_only ? "/messages/count_tokens" : "/messages"};
    base_json_init(&x.j, body);
    enum base_status st = put_top(&x, t);
    if (st != BASE_OK)
        return st;
    if (!base_buf_ok(body))
        return base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
    gw_wire_header(head, "anthropic-version", BASE_STR("2023-06-01"));
    if (r->anthropic_beta.n && is_beta(r->anthropic_beta))
        gw_wire_header(head, "anthropic-beta", r->anthropic_beta);
    else if (r->anthropic_beta.n) /* what was found in it is gone, and so is what it meant */
        gw_dropped_add(dropped, "", "anthropic-beta");
    if (!t->backend->key)
        return BASE_OK;
    return gw_wire_secret_header(head, a, "x-api-key", "", t->backend->key, err);
}
