/* openai_write.c - chat_request -> the body of OpenAI's POST /chat/completions.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Invariants - a client that speaks the same dialect finds every member it sent in what leaves:
 *              canonical fields under their own names, everything else merged back where it stood.
 *              `model` becomes the target's name, and stream_options.include_usage is always asked
 *              for, since usage is metered whether or not the client wants to see it;
 *            - members come from the request alone: nothing of the gateway's own is ever added;
 *            - for a client of another dialect `extra` members stay behind and are named in
 *              `dropped`.
 * Choices    - the client's own spelling of max_tokens or max_completion_tokens goes on; for a
 *              client of another dialect OpenAI gets the newer one, compatible servers the older;
 *            - a user turn that mixes tool results and text (other dialects allow it) becomes tool
 *              messages followed by a user message;
 *            - a single text without extra members goes as a plain string.
 * Fails by   BASE_EINVAL when an opaque part came in another dialect's form; BASE_LIMIT when body
 *            is full.
 */
#include "gateway/upstream/media.h"
#include "gateway/upstream/openai_int.h"

struct wx {
    struct chat_request *r;
    struct base_json j;
    struct base_buf *dropped;
    struct base_err *err;
    bool same;     /* the client speaks a dialect of this family: extras go along */
    bool thoughts; /* reasoning_content of earlier turns goes along */
};

static enum base_status merge(struct wx *x, struct base_str extra, const char *const *skip,
                              const char *prefix)
{
    if (x->same)
        return gw_json_merge(&x->j, extra, skip, x->err);
    gw_dropped_extra(x->dropped, prefix, extra);
    return BASE_OK;
}

/* `extra` of a call or tool keeps unknown members of its inner `function` under that name. */
static enum base_status merge_function(struct wx *x, struct base_str extra)
{
    enum base_status st = BASE_OK;

    if (!x->same || extra.n == 0 || !gw_json_mentions(extra, "\"function\""))
        return BASE_OK;
    json_t *o = gw_json_load(extra, false, x->err);
    if (!o)
        return base_err_set(x->err, BASE_EBUG, "extra members of a tool are no JSON object");
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(o, "function"), key, v)
    {
        base_json_key(&x->j, key);
        base_json_raw(&x->j, BASE_STR_NULL);
        gw_json_put(x->j.out, v);
    }
    json_decref(o);
    return st;
}

static const char *const function_only[] = {"function", NULL};

static bool is_content(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TEXT || (p->kind == CHAT_PART_OPAQUE && p->name.n == 0);
}

static bool is_call(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TOOL_CALL || (p->kind == CHAT_PART_OPAQUE && p->name.n > 0);
}

/* An image or a file of another dialect, that stands in a user's message. */
static bool put_media(struct wx *x, const struct chat_part *p)
{
    struct gw_media m;
    struct base_buf url;

    if (p->id.n > 0 || p->name.n > 0 || !gw_media_read(p->raw, &m))
        return false;
    bool image = m.kind == GW_MEDIA_IMAGE;
    bool good = m.kind != GW_MEDIA_AUDIO && (image || m.data.n > 0);
    if (good) {
        base_buf_init(&url, SIZE_MAX / 4); /* the request holds it, and is bounded */
        if (m.data.n > 0)
            base_buf_printf(&url, "data:%.*s;base64,", BASE_FMT(m.mime));
        base_buf_str(&url, m.data.n > 0 ? m.data : m.url);
        base_json_obj(&x->j);
        base_json_kz(&x->j, "type", image ? "image_url" : "file");
        base_json_key(&x->j, image ? "image_url" : "file");
        base_json_obj(&x->j);
        if (!image)
            base_json_kstr(&x->j, "filename", m.name.n ? m.name : BASE_STR("document"));
        base_json_kstr(&x->j, image ? "url" : "file_data", base_buf_view(&url));
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
        base_buf_release(&url);
        if (json_object_size(m.root) > 2)
            gw_dropped_add(x->dropped, "messages.content.", "cache_control");
    }
    gw_media_release(&m);
    return good;
}

static enum base_status put_opaque(struct wx *x, const struct chat_part *p)
{
    if (!x->same && put_media(x, p))
        return BASE_OK;
    if (!x->same)
        return base_err_set(x->err, BASE_EINVAL,
                            "a content part that is not text cannot be sent to this upstream");
    base_json_raw(&x->j, p->raw);
    return BASE_OK;
}

static enum base_status put_part(struct wx *x, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_OPAQUE)
        return put_opaque(x, p);
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "text");
    base_json_kstr(&x->j, "text", p->text);
    enum base_status st = merge(x, p->extra, NULL, "messages.content.");
    base_json_obj_end(&x->j);
    return st;
}

/* The parts that `pick` chooses, as a string if one plain text, else as an array. */
static enum base_status put_content(struct wx *x, const struct chat_part *parts, size_t n,
                                    bool (*pick)(const struct chat_part *))
{
    enum base_status st = BASE_OK;
    const struct chat_part *only = NULL;
    size_t picked = 0;

    for (size_t i = 0; i < n; i++) {
        if (pick(&parts[i])) {
            only = &parts[i];
            picked++;
        }
    }
    base_json_key(&x->j, "content");
    if (picked == 0) {
        base_json_null(&x->j);
        return BASE_OK;
    }
    if (picked == 1 && only->kind != CHAT_PART_OPAQUE && (only->extra.n == 0 || !x->same)) {
        gw_dropped_extra(x->dropped, "messages.content.", only->extra);
        base_json_str(&x->j, only->text);
        return BASE_OK;
    }
    base_json_arr(&x->j);
    for (size_t i = 0; i < n && st == BASE_OK; i++)
        if (pick(&parts[i]))
            st = put_part(x, &parts[i]);
    base_json_arr_end(&x->j);
    return st;
}

static enum base_status put_call(struct wx *x, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_OPAQUE)
        return put_opaque(x, p);
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "id", p->id);
    base_json_kz(&x->j, "type", "function");
    base_json_key(&x->j, "function");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", p->name);
    base_json_kstr(&x->j, "arguments", p->text.n ? p->text : BASE_STR("{}"));
    enum base_status st = merge_function(x, p->extra);
    base_json_obj_end(&x->j);
    if (st == BASE_OK)
        st = merge(x, p->extra, function_only, "messages.tool_calls.");
    base_json_obj_end(&x->j);
    return st;
}

static bool any_part(const struct chat_part *p)
{
    (void)p;
    return true;
}

/* A tool's answer: parts[0..n) are results of one call, opaque parts among them. */
static enum base_status put_result(struct wx *x, const struct chat_message *m,
                                   const struct chat_part *parts, size_t n)
{
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", "tool");
    base_json_kstr(&x->j, "tool_call_id", parts[0].id);
    for (size_t i = 0; i < n; i++)
        if (parts[i].is_error)
            gw_dropped_add(x->dropped, "messages.", "is_error");
    enum base_status st = put_content(x, parts, n, any_part);
    if (m->role == CHAT_TOOL) {
        if (m->name.n)
            base_json_kstr(&x->j, "name", m->name);
        if (st == BASE_OK)
            st = merge(x, m->extra, NULL, "messages.");
    }
    base_json_obj_end(&x->j);
    return st;
}

/* All text of one kind, joined, as a member; nothing if there is none. */
static void put_joined(struct wx *x, const struct chat_message *m, enum chat_part_kind kind,
                       const char *key)
{
    struct base_buf all;
    bool any = false;

    base_buf_init(&all, SIZE_MAX / 4);
    for (size_t i = 0; i < m->n_parts; i++) {
        if (m->parts[i].kind == kind) {
            any = true;
            base_buf_str(&all, m->parts[i].text);
        }
    }
    if (any)
        base_json_kstr(&x->j, key, base_buf_view(&all));
    base_buf_release(&all);
}

static enum base_status put_assistant_rest(struct wx *x, const struct chat_message *m)
{
    enum base_status st = BASE_OK;
    size_t calls = 0;

    for (size_t i = 0; i < m->n_parts; i++) {
        calls += is_call(&m->parts[i]);
        if (m->parts[i].kind == CHAT_PART_REASONING && !x->thoughts)
            gw_dropped_add(x->dropped, x->same ? "input." : "messages.",
                           x->same ? "reasoning" : "thinking");
    }
    if (x->thoughts)
        put_joined(x, m, CHAT_PART_REASONING, "reasoning_content");
    put_joined(x, m, CHAT_PART_REFUSAL, "refusal");
    if (calls == 0)
        return BASE_OK;
    base_json_key(&x->j, "tool_calls");
    base_json_arr(&x->j);
    for (size_t i = 0; i < m->n_parts && st == BASE_OK; i++)
        if (is_call(&m->parts[i]))
            st = put_call(x, &m->parts[i]);
    base_json_arr_end(&x->j);
    return st;
}

/* The runs of results in a message, each a tool message. Returns how many parts they were. */
static enum base_status put_results(struct wx *x, const struct chat_message *m, size_t *taken)
{
    enum base_status st = BASE_OK;
    size_t i = 0;

    *taken = 0;
    while (i < m->n_parts && st == BASE_OK) {
        const struct chat_part *first = &m->parts[i];
        size_t n = 1;
        if (first->kind != CHAT_PART_TOOL_RESULT) {
            /* a tool message that holds opaque parts only still answers its call */
            if (m->role != CHAT_TOOL) {
                i++;
                continue;
            }
        }
        while (i + n < m->n_parts && ((m->parts[i + n].kind == CHAT_PART_TOOL_RESULT &&
                                       base_str_eq(m->parts[i + n].id, first->id)) ||
                                      (m->role == CHAT_TOOL)))
            n++;
        st = put_result(x, m, first, n);
        *taken += n;
        i += n;
    }
    return st;
}

static enum base_status put_message(struct wx *x, const struct chat_message *m)
{
    size_t taken;
    enum base_status st = put_results(x, m, &taken);

    if (st != BASE_OK || m->role == CHAT_TOOL || (taken > 0 && taken == m->n_parts))
        return st;
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", chat_role_name(m->role));
    st = put_content(x, m->parts, m->n_parts, is_content);
    if (m->name.n)
        base_json_kstr(&x->j, "name", m->name);
    if (st == BASE_OK && m->role == CHAT_ASSISTANT)
        st = put_assistant_rest(x, m);
    if (st == BASE_OK)
        st = merge(x, m->extra, NULL, "messages.");
    base_json_obj_end(&x->j);
    return st;
}

static enum base_status put_tool(struct wx *x, const struct chat_tool *t)
{
    if (t->name.n == 0) { /* not a function: the whole entry stands in extra */
        if (x->same)
            base_json_raw(&x->j, t->extra);
        else
            gw_dropped_add(x->dropped, "", "tools");
        return BASE_OK;
    }
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "function");
    base_json_key(&x->j, "function");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", t->name);
    if (t->description.n)
        base_json_kstr(&x->j, "description", t->description);
    if (t->schema.n) {
        base_json_key(&x->j, "parameters");
        base_json_raw(&x->j, t->schema);
    }
    enum base_status st = merge_function(x, t->extra);
    base_json_obj_end(&x->j);
    if (st == BASE_OK)
        st = merge(x, t->extra, function_only, "tools.");
    base_json_obj_end(&x->j);
    return st;
}

static enum base_status put_tools(struct wx *x)
{
    static const char *const choice[] = {[CHAT_TOOLS_AUTO] = "auto",
                                         [CHAT_TOOLS_NONE] = "none",
                                         [CHAT_TOOLS_REQUIRED] = "required",
                                         [CHAT_TOOLS_NAMED] = NULL};
    const struct chat_request *r = x->r;
    enum base_status st = BASE_OK;

    if (r->n_tools > 0) {
        base_json_key(&x->j, "tools");
        base_json_arr(&x->j);
        for (size_t i = 0; i < r->n_tools && st == BASE_OK; i++)
            st = put_tool(x, &r->tools[i]);
        base_json_arr_end(&x->j);
    }
    if (r->one_call && r->n_tools > 0)
        base_json_kbool(&x->j, "parallel_tool_calls", false);
    if (r->tool_choice == CHAT_TOOLS_NAMED) {
        base_json_key(&x->j, "tool_choice");
        base_json_obj(&x->j);
        base_json_kz(&x->j, "type", "function");
        base_json_key(&x->j, "function");
        base_json_obj(&x->j);
        base_json_kstr(&x->j, "name", r->tool_choice_name);
        base_json_obj_end(&x->j);
        base_json_obj_end(&x->j);
    } else if (r->tool_choice != CHAT_TOOLS_UNSET) {
        base_json_kz(&x->j, "tool_choice", choice[r->tool_choice]);
    }
    return st;
}

/* top_k, min_p and repeat_penalty are not OpenAI's. A client of OpenAI's dialect that sends them
 * gets OpenAI's own answer to that; one of another dialect cannot know. */
static void put_numbers(struct wx *x, enum conf_api api)
{
    const struct chat_request *r = x->r;
    bool openai = api == CONF_API_OPENAI || api == CONF_API_AZURE_OPENAI;
    bool limits = x->same || !openai;
    bool own = r->dialect == CHAT_DIALECT_OPENAI_CHAT; /* who chose between the two words */
    bool modern = own ? !r->max_tokens_legacy : openai;
    const struct {
        const char *key;
        const struct chat_opt_num *n;
        bool sent;
    } all[] = {{modern ? "max_completion_tokens" : "max_tokens", &r->max_tokens, true},
               {"temperature", &r->temperature, true},
               {"top_p", &r->top_p, true},
               {"presence_penalty", &r->presence_penalty, true},
               {"frequency_penalty", &r->frequency_penalty, true},
               {"seed", &r->seed, true},
               {"top_k", &r->top_k, limits},
               {"min_p", &r->min_p, limits},
               {"repeat_penalty", &r->repeat_penalty, limits}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!all[i].n->set)
            continue;
        if (all[i].sent)
            gw_json_knum(&x->j, all[i].key, all[i].n->v);
        else
            gw_dropped_add(x->dropped, "", all[i].key);
    }
}

/* extra as an owned object if it can hold that key, else NULL: spares a parse. */
static json_t *load_if(struct base_str extra, const char *quoted_key)
{
    if (!gw_json_mentions(extra, quoted_key))
        return NULL;
    return gw_json_load(extra, false, NULL);
}

/* What the client said beside include_usage stands in extra as a whole object. */
static enum base_status put_stream(struct wx *x)
{
    enum base_status st = BASE_OK;

    if (!x->r->stream)
        return BASE_OK;
    base_json_kbool(&x->j, "stream", true);
    base_json_key(&x->j, "stream_options");
    base_json_obj(&x->j);
    base_json_kbool(&x->j, "include_usage", true);
    json_t *o = x->same ? load_if(x->r->extra, "\"stream_options\"") : NULL;
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(o, "stream_options"), key, v)
    {
        base_json_key(&x->j, key);
        base_json_raw(&x->j, BASE_STR_NULL);
        gw_json_put(x->j.out, v);
    }
    json_decref(o);
    base_json_obj_end(&x->j);
    return st;
}

/* Metadata are labels of stored answers. Nothing is stored for a client of the Responses API, and
 * OpenAI refuses them then; those of chat completions are their sender's own business. */
static void name_unstored(struct wx *x)
{
    json_t *o = load_if(x->r->extra, "\"metadata\"");
    if (json_object_size(json_object_get(o, "metadata")) > 0)
        gw_dropped_add(x->dropped, "", "metadata");
    json_decref(o);
}

static enum base_status put_top(struct wx *x, const struct conf_target *t)
{
    static const char *const chat_written[] = {"stream_options", NULL};
    /* OpenAI refuses it where there are no tools: policy may have taken them all */
    static const char *const toolless[] = {"stream_options", "parallel_tool_calls", NULL};
    static const char *const completions[] = {"stream_options", "parse_special", NULL};
    static const char *const unstored[] = {"stream_options", "metadata", NULL};
    static const char *const idle[] = {"stream_options", "metadata", "parallel_tool_calls", NULL};
    struct chat_request *r = x->r;
    bool responses = r->dialect == CHAT_DIALECT_OPENAI_RESPONSES;
    enum base_status st = BASE_OK;

    base_json_obj(&x->j);
    base_json_kz(&x->j, "model", t->model->name);
    base_json_key(&x->j, "messages");
    base_json_arr(&x->j);
    for (size_t i = 0; i < r->n_messages && st == BASE_OK; i++)
        st = put_message(x, &r->messages[i]);
    base_json_arr_end(&x->j);
    if (st == BASE_OK)
        st = put_tools(x);
    put_numbers(x, t->backend->api);
    if (r->n_stop == 1) {
        base_json_kstr(&x->j, "stop", r->stop[0]);
    } else if (r->n_stop > 1) {
        base_json_key(&x->j, "stop");
        base_json_arr(&x->j);
        for (size_t i = 0; i < r->n_stop; i++)
            base_json_str(&x->j, r->stop[i]);
        base_json_arr_end(&x->j);
    }
    if (r->user.n)
        base_json_kstr(&x->j, "user", r->user);
    if (st == BASE_OK)
        st = put_stream(x);
    if (st == BASE_OK)
        st = merge(x, r->extra,
                   responses && r->n_tools == 0                    ? idle
                   : responses                                     ? unstored
                   : r->dialect == CHAT_DIALECT_OPENAI_COMPLETIONS ? completions
                   : r->n_tools == 0                               ? toolless
                                                                   : chat_written,
                   "");
    if (responses)
        name_unstored(x);
    else if (r->n_tools == 0 && gw_json_mentions(r->extra, "\"parallel_tool_calls\""))
        gw_dropped_add(x->dropped, "", "parallel_tool_calls");
    base_json_obj_end(&x->j);
    return st;
}

/* Answers carry text, tools and usage, not log probabilities or audio: say so. */
static void name_unanswered(const struct chat_request *r, struct base_buf *dropped)
{
    json_t *o = load_if(r->extra, "\"logprobs\"");
    if (json_is_true(json_object_get(o, "logprobs")))
        gw_dropped_add(dropped, "", "logprobs");
    json_decref(o);
    o = load_if(r->extra, "\"audio\"");
    if (json_is_object(json_object_get(o, "audio")))
        gw_dropped_add(dropped, "", "audio");
    json_decref(o);
}

enum base_status gw_openai_write_body(const struct conf_target *t, struct chat_request *r,
                                      struct base_buf *body, struct base_buf *dropped,
                                      struct base_err *err)
{
    struct wx x = {
        .r = r, .dropped = dropped, .err = err, .same = chat_dialect_is_openai(r->dialect)};

    /* A client of the Responses API hands back every item it got, thoughts included; OpenAI's own
     * models never gave any in this form and refuse the member. */
    x.thoughts =
        x.same &&
        !(r->dialect == CHAT_DIALECT_OPENAI_RESPONSES &&
          (t->backend->api == CONF_API_OPENAI || t->backend->api == CONF_API_AZURE_OPENAI));
    base_json_init(&x.j, body);
    enum base_status st = put_top(&x, t);
    if (st != BASE_OK)
        return st;
    if (x.same)
        name_unanswered(r, dropped);
    if (!base_buf_ok(body))
        return base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
    return BASE_OK;
}

enum base_status gw_openai_write(const struct conf_target *t, struct chat_request *r,
                                 struct gw_wire_request *head, struct base_buf *body,
                                 struct base_buf *dropped, struct base_arena *a,
                                 struct base_err *err)
{
    *head = (struct gw_wire_request){.path = "/chat/completions"};
    enum base_status st = gw_openai_write_body(t, r, body, dropped, err);
    if (st != BASE_OK || !t->backend->key)
        return st;
    return gw_wire_secret_header(head, a, "Authorization", "Bearer ", t->backend->key, err);
}
