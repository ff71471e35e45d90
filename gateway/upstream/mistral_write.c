/* mistral_write.c - chat_request -> the body of Mistral's POST /chat/completions.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Near OpenAI's, and it refuses (422) every member that it does not know. So the body is written
 * from a list of what it knows; all else is named in `dropped`. What differs:
 *            - max_tokens whichever word the client chose; random_seed; repetition_penalty; no
 *              stream_options (a stream tells its usage unasked), no user, no developer role;
 *            - tool_choice required is `any`;
 *            - ids of tool calls are nine letters and digits: others become nine characters of the
 *              id's SHA-256, the same wherever the id stands, so that answers find their calls;
 *            - thoughts go back as a `thinking` chunk before the text, if the client speaks
 * OpenAI's dialect (another's are signed by who made them);
 *            - a sound is its base64 alone, a file a document_url; images as in OpenAI's dialect.
 * Passed on  from an OpenAI client: response_format, parallel_tool_calls, reasoning_effort,
 *            prediction, metadata, prompt_cache_key, and Mistral's own safe_prompt, prompt_mode,
 *            guardrails, min_tokens, random_seed; `prefix` on an assistant message, `strict` in a
 *            function. From any client reasoning_effort (effort.c), which may be a policy's limit.
 * Fails by   BASE_EINVAL for content that cannot be said there; BASE_LIMIT when body is full.
 */
#include "gateway/upstream/media.h"
#include "gateway/upstream/mistral_int.h"
#include <openssl/sha.h>

#define ID_CHARS 9

struct mx {
    struct chat_request *r;
    struct base_json j;
    struct base_buf *dropped;
    struct base_err *err;
    bool openai; /* the client speaks OpenAI's dialect: extras mean what they say */
};

/* A member that is in known is written, another named. */
static void put_member(struct mx *x, const char *key, const json_t *v, const char *const *known,
                       const char *prefix)
{
    while (known && *known && strcmp(*known, key) != 0)
        known++;
    if (known && *known) {
        base_json_key(&x->j, key);
        base_json_raw(&x->j, BASE_STR_NULL); /* places the comma; the value follows */
        gw_json_put(x->j.out, v);
    } else if (!json_is_null(v)) {
        gw_dropped_add(x->dropped, prefix, key);
    }
}

/* The same for each member of extra. */
static enum base_status put_known(struct mx *x, struct base_str extra, const char *const *known,
                                  const char *prefix)
{
    const char *key;
    json_t *v;

    if (extra.n == 0)
        return BASE_OK;
    json_t *o = gw_json_load(extra, false, x->err);
    if (!o)
        return base_err_set(x->err, BASE_EBUG, "extra members of a request are no JSON object");
    json_object_foreach(o, key, v)
    {
        put_member(x, key, v, x->openai ? known : NULL, prefix);
    }
    json_decref(o);
    return BASE_OK;
}

/* ---- ids ---- */

static void put_id(struct mx *x, const char *key, struct base_str id)
{
    static const char digit[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    unsigned char sum[SHA256_DIGEST_LENGTH];
    char made[ID_CHARS];
    bool good = id.n == ID_CHARS;

    for (size_t i = 0; i < id.n && good; i++)
        good = strchr(digit, id.p[i]) && id.p[i];
    if (good) {
        base_json_kstr(&x->j, key, id);
        return;
    }
    SHA256((const unsigned char *)(id.p ? id.p : ""), id.n, sum);
    for (size_t i = 0; i < ID_CHARS; i++)
        made[i] = digit[(sum[2 * i] << 8 | sum[2 * i + 1]) % (sizeof digit - 1)];
    base_json_kstr(&x->j, key, base_str_n(made, sizeof made));
}

/* ---- content ---- */

static enum base_status put_media(struct mx *x, const struct chat_part *p)
{
    static const char *const type[] = {"image_url", "input_audio", "document_url"};
    struct gw_media m;

    if (p->name.n > 0 || !gw_media_read(p->raw, &m))
        return base_err_set(x->err, BASE_EINVAL,
                            "a content part that is no text, image, sound or file cannot be sent "
                            "to a Mistral upstream");
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", type[m.kind]);
    if (m.kind == GW_MEDIA_AUDIO || m.url.n > 0) {
        base_json_kstr(&x->j, type[m.kind], m.url.n ? m.url : m.data);
    } else { /* base64 without a data: URL around it */
        struct base_buf url;
        base_buf_init(&url, SIZE_MAX / 4);
        base_buf_printf(&url, "data:%.*s;base64,", BASE_FMT(m.mime));
        base_buf_str(&url, m.data);
        base_json_kstr(&x->j, type[m.kind], base_buf_view(&url));
        base_buf_release(&url);
    }
    if (m.kind == GW_MEDIA_FILE && m.name.n)
        base_json_kstr(&x->j, "document_name", m.name);
    base_json_obj_end(&x->j);
    gw_media_release(&m);
    return BASE_OK;
}

static void put_text_chunk(struct mx *x, struct base_str text)
{
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "text");
    base_json_kstr(&x->j, "text", text);
    base_json_obj_end(&x->j);
}

static void put_thinking(struct mx *x, struct base_str text)
{
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "thinking");
    base_json_key(&x->j, "thinking");
    base_json_arr(&x->j);
    put_text_chunk(x, text);
    base_json_arr_end(&x->j);
    base_json_obj_end(&x->j);
}

static bool is_thought(const struct mx *x, const struct chat_part *p)
{
    return x->openai && p->kind == CHAT_PART_REASONING && p->text.n > 0;
}

/* What of a message, or of a call's answer, stands in `content`; calls stand beside it. */
static bool is_content(const struct mx *x, const struct chat_part *p, bool result)
{
    return p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL ||
           (p->kind == CHAT_PART_TOOL_RESULT && result) ||
           (p->kind == CHAT_PART_OPAQUE && p->name.n == 0) || is_thought(x, p);
}

/* parts[0..n) as a string if one text, else as an array of chunks. */
static enum base_status put_content(struct mx *x, const struct chat_part *parts, size_t n,
                                    bool result)
{
    enum base_status st = BASE_OK;
    const struct chat_part *only = NULL;
    size_t picked = 0;

    for (size_t i = 0; i < n; i++) {
        gw_dropped_extra(x->dropped, "messages.content.",
                         parts[i].kind == CHAT_PART_TOOL_CALL ? BASE_STR_NULL : parts[i].extra);
        if (parts[i].is_error)
            gw_dropped_add(x->dropped, "messages.", "is_error");
        if (parts[i].kind == CHAT_PART_REASONING && !is_thought(x, &parts[i]))
            gw_dropped_add(x->dropped, "messages.", "thinking");
        if (is_content(x, &parts[i], result)) {
            only = &parts[i];
            picked++;
        }
    }
    base_json_key(&x->j, "content");
    if (picked == 0 || (picked == 1 && only->kind != CHAT_PART_OPAQUE && !is_thought(x, only))) {
        base_json_str(&x->j, picked ? only->text : BASE_STR(""));
        return BASE_OK;
    }
    base_json_arr(&x->j);
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        if (!is_content(x, &parts[i], result))
            continue;
        if (parts[i].kind == CHAT_PART_OPAQUE)
            st = put_media(x, &parts[i]);
        else if (parts[i].kind == CHAT_PART_REASONING)
            put_thinking(x, parts[i].text);
        else
            put_text_chunk(x, parts[i].text);
    }
    base_json_arr_end(&x->j);
    return st;
}

/* ---- messages ---- */

static enum base_status put_call(struct mx *x, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_OPAQUE)
        return base_err_set(x->err, BASE_EINVAL,
                            "a tool call that is no function cannot be sent to a Mistral upstream");
    gw_dropped_extra(x->dropped, "messages.tool_calls.", p->extra);
    base_json_obj(&x->j);
    put_id(x, "id", p->id);
    base_json_kz(&x->j, "type", "function");
    base_json_key(&x->j, "function");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", p->name);
    base_json_kstr(&x->j, "arguments", p->text.n ? p->text : BASE_STR("{}"));
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    return BASE_OK;
}

static bool is_call(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TOOL_CALL || (p->kind == CHAT_PART_OPAQUE && p->name.n > 0);
}

static enum base_status put_calls(struct mx *x, const struct chat_message *m)
{
    enum base_status st = BASE_OK;
    bool open = false;

    for (size_t i = 0; i < m->n_parts && st == BASE_OK; i++) {
        if (!is_call(&m->parts[i]))
            continue;
        if (!open) {
            base_json_key(&x->j, "tool_calls");
            base_json_arr(&x->j);
        }
        open = true;
        st = put_call(x, &m->parts[i]);
    }
    if (open)
        base_json_arr_end(&x->j);
    return st;
}

/* The answers to calls that m holds, each a message. A tool's message is one, whatever it holds;
 * other dialects have them in a user's turn, with more around. */
static enum base_status put_results(struct mx *x, const struct chat_message *m, size_t *taken)
{
    enum base_status st = BASE_OK;

    *taken = 0;
    for (size_t i = 0, n; i < m->n_parts && st == BASE_OK; i += n) {
        const struct chat_part *first = &m->parts[i];
        n = m->role == CHAT_TOOL ? m->n_parts : 1;
        if (m->role != CHAT_TOOL && first->kind != CHAT_PART_TOOL_RESULT)
            continue;
        while (i + n < m->n_parts && m->parts[i + n].kind == CHAT_PART_TOOL_RESULT &&
               base_str_eq(m->parts[i + n].id, first->id))
            n++;
        base_json_obj(&x->j);
        base_json_kz(&x->j, "role", "tool");
        put_id(x, "tool_call_id", first->id);
        if (m->role == CHAT_TOOL && m->name.n)
            base_json_kstr(&x->j, "name", m->name);
        st = put_content(x, first, n, true);
        base_json_obj_end(&x->j);
        *taken += n;
    }
    return st;
}

static enum base_status put_message(struct mx *x, const struct chat_message *m)
{
    static const char *const prefix[] = {"prefix", NULL};
    size_t taken;
    enum base_status st = put_results(x, m, &taken);
    bool assistant = m->role == CHAT_ASSISTANT;

    if (st != BASE_OK)
        return st;
    if (m->role == CHAT_TOOL || (taken > 0 && taken == m->n_parts)) {
        gw_dropped_extra(x->dropped, "messages.", m->extra);
        return BASE_OK;
    }
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", m->role == CHAT_DEVELOPER ? "system" : chat_role_name(m->role));
    st = put_content(x, m->parts, m->n_parts, false);
    if (m->name.n)
        gw_dropped_add(x->dropped, "messages.", "name");
    if (st == BASE_OK && assistant)
        st = put_calls(x, m);
    if (st == BASE_OK)
        st = put_known(x, m->extra, assistant ? prefix : NULL, "messages.");
    base_json_obj_end(&x->j);
    return st;
}

/* ---- tools ---- */

/* {"function": {...}} of a tool's extra: `strict` is known, the rest is not. */
static enum base_status put_function_extra(struct mx *x, struct base_str extra)
{
    static const char *const strict[] = {"strict", NULL};
    enum base_status st = BASE_OK;
    struct base_buf inner;
    const char *key;
    json_t *v;

    json_t *o = extra.n ? gw_json_load(extra, false, NULL) : NULL;
    json_object_foreach(o, key, v)
    {
        if (strcmp(key, "function") != 0) {
            gw_dropped_add(x->dropped, "tools.", key);
            continue;
        }
        base_buf_init(&inner, SIZE_MAX / 4);
        gw_json_put(&inner, v);
        st = put_known(x, base_buf_view(&inner), strict, "tools.function.");
        base_buf_release(&inner);
    }
    json_decref(o);
    return st;
}

static enum base_status put_tool(struct mx *x, const struct chat_tool *t)
{
    base_json_obj(&x->j);
    base_json_kz(&x->j, "type", "function");
    base_json_key(&x->j, "function");
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", t->name);
    if (t->description.n)
        base_json_kstr(&x->j, "description", t->description);
    base_json_key(&x->j, "parameters"); /* mandatory there */
    base_json_raw(&x->j, t->schema.n ? t->schema : BASE_STR("{\"type\":\"object\"}"));
    enum base_status st = put_function_extra(x, t->extra);
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    return st;
}

static enum base_status put_tools(struct mx *x)
{
    static const char *const choice[] = {
        [CHAT_TOOLS_AUTO] = "auto", [CHAT_TOOLS_NONE] = "none", [CHAT_TOOLS_REQUIRED] = "any"};
    const struct chat_request *r = x->r;
    enum base_status st = BASE_OK;
    size_t functions = 0;

    for (size_t i = 0; i < r->n_tools; i++) {
        functions += r->tools[i].name.n > 0;
        if (r->tools[i].name.n == 0)
            gw_dropped_add(x->dropped, "", "tools");
    }
    if (functions == 0)
        return BASE_OK;
    base_json_key(&x->j, "tools");
    base_json_arr(&x->j);
    for (size_t i = 0; i < r->n_tools && st == BASE_OK; i++)
        if (r->tools[i].name.n > 0)
            st = put_tool(x, &r->tools[i]);
    base_json_arr_end(&x->j);
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

/* ---- the rest ---- */

/* Members of the top level, and effort in whichever dialect's words. */
static enum base_status put_extra(struct mx *x)
{
    static const char *const all[] = {"random_seed",
                                      "response_format",
                                      "parallel_tool_calls",
                                      "prediction",
                                      "metadata",
                                      "prompt_cache_key",
                                      "safe_prompt",
                                      "prompt_mode",
                                      "guardrails",
                                      "min_tokens",
                                      NULL};
    const struct chat_request *r = x->r;
    const char *const *known = x->openai ? all + r->seed.set : NULL; /* one seed is enough */
    struct gw_effort effort;
    const char *key;
    json_t *v;

    if (r->extra.n == 0)
        return BASE_OK;
    json_t *o = gw_json_load(r->extra, false, x->err);
    if (!o)
        return base_err_set(x->err, BASE_EBUG, "extra members of a request are no JSON object");
    gw_effort_read(r, o, &effort);
    if (effort.word.n)
        base_json_kstr(&x->j, "reasoning_effort", effort.word);
    json_object_foreach(o, key, v)
    {
        if (!(effort.word.n && gw_effort_is(r, key, v)))
            put_member(x, key, v, known, "");
    }
    json_decref(o);
    return BASE_OK;
}

static void put_numbers(struct mx *x)
{
    const struct chat_request *r = x->r;
    const struct {
        const char *key, *theirs; /* NULL: none */
        const struct chat_opt_num *n;
    } all[] = {{"max_tokens", "max_tokens", &r->max_tokens},
               {"temperature", "temperature", &r->temperature},
               {"top_p", "top_p", &r->top_p},
               {"top_k", "top_k", &r->top_k},
               {"presence_penalty", "presence_penalty", &r->presence_penalty},
               {"frequency_penalty", "frequency_penalty", &r->frequency_penalty},
               {"repeat_penalty", "repetition_penalty", &r->repeat_penalty},
               {"seed", r->seed.v >= 0 ? "random_seed" : NULL, &r->seed},
               {"min_p", NULL, &r->min_p}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].n->set && all[i].theirs)
            gw_json_knum(&x->j, all[i].theirs, all[i].n->v);
        else if (all[i].n->set)
            gw_dropped_add(x->dropped, "", all[i].key);
    }
}

static enum base_status put_top(struct mx *x, const struct conf_target *t)
{
    struct chat_request *r = x->r;
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
    put_numbers(x);
    if (r->n_stop > 0) {
        base_json_key(&x->j, "stop");
        base_json_arr(&x->j);
        for (size_t i = 0; i < r->n_stop; i++)
            base_json_str(&x->j, r->stop[i]);
        base_json_arr_end(&x->j);
    }
    if (r->one_call && r->n_tools > 0)
        base_json_kbool(&x->j, "parallel_tool_calls", false);
    if (r->user.n)
        gw_dropped_add(x->dropped, "", "user");
    if (r->stream)
        base_json_kbool(&x->j, "stream", true);
    if (st == BASE_OK)
        st = put_extra(x);
    base_json_obj_end(&x->j);
    return st;
}

enum base_status gw_mistral_write(const struct conf_target *t, struct chat_request *r,
                                  struct gw_wire_request *head, struct base_buf *body,
                                  struct base_buf *dropped, struct base_arena *a,
                                  struct base_err *err)
{
    struct mx x = {
        .r = r, .dropped = dropped, .err = err, .openai = chat_dialect_is_openai(r->dialect)};

    *head = (struct gw_wire_request){.path = "/chat/completions"};
    base_json_init(&x.j, body);
    enum base_status st = put_top(&x, t);
    if (st != BASE_OK)
        return st;
    if (!base_buf_ok(body))
        return base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
    if (!t->backend->key)
        return BASE_OK;
    return gw_wire_secret_header(head, a, "Authorization", "Bearer ", t->backend->key, err);
}
