/* gemini_write.c - chat_request -> the body of Gemini's POST /models/NAME:generateContent.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Address    /models/NAME:generateContent, or :streamGenerateContent?alt=sse for a stream; NAME is
 *            escaped (tunedModels/NAME keeps its slash). The key goes as x-goog-api-key, never into
 *            the address.
 * Mapping    - system and developer messages, wherever they stand, are the parts of
 *              systemInstruction;
 *            - the rest becomes contents of role user and model: neighbours of one role are one
 *              content with all their parts; the answers to a turn's calls are a content of their
 *              own, as the API counts them against the calls;
 *            - a call is functionCall with its id, its arguments as `args`; a tool's answer is
 *              functionResponse with the id and the name of the call that it answers: a JSON object
 *              as it is, any other text as {"output": TEXT}, an error as {"error": TEXT};
 *            - a call's thought signature stands in its `extra` as extra_content.google.
 *              thought_signature, where the answer put it, and goes back byte for byte. From the
 *              third generation on the API refuses a turn whose first call has none: a call that
 *              another model made, or whose client lost it, gets the word that Google documents for
 *              that (skip_thought_signature_validator), and so does one in which redaction has
 *              replaced something, as chance finds names in any noise;
 *            - images, sounds and files are inlineData or, given by address, fileData;
 *            - tools are functionDeclarations with parametersJsonSchema; tool_choice required is
 *              mode ANY, a named one ANY with that name.
 * Invariants whatever has no counterpart is named in `dropped`; empty texts are left out.
 * Fails by   BASE_EINVAL for what cannot be said there at all and would change the meaning: content
 *            of other kinds, calls whose arguments are no JSON object, a tool's answer without its
 *            call, no message left to send.
 */
#include "gateway/upstream/gemini_int.h"
#include "gateway/upstream/media.h"

#define NO_SIGNATURE "skip_thought_signature_validator"

enum turn { TURN_NONE = -1, TURN_USER, TURN_MODEL, TURN_RESULTS };

struct gx {
    struct chat_request *r;
    struct base_json j;
    struct base_buf *dropped;
    struct base_err *err;
    struct base_str model;
    enum turn turn;
    size_t message;   /* being written */
    bool signed_call; /* the open turn holds a call */
    struct base_str result_id;
    struct base_buf result; /* the texts of the tool's answer being collected */
    struct base_str result_name;
    bool result_open, result_error;
};

static bool is_system(const struct chat_message *m)
{
    return m->role == CHAT_SYSTEM || m->role == CHAT_DEVELOPER;
}

static enum base_status no(struct gx *x, const char *what)
{
    return base_err_set(x->err, BASE_EINVAL, "%s cannot be sent to a Gemini upstream", what);
}

/* ---- a tool's answer: collected until another part comes ---- */

static void result_close(struct gx *x)
{
    if (!x->result_open)
        return;
    x->result_open = false;
    struct base_str text = base_buf_view(&x->result);
    json_t *o = x->result_error ? NULL : gw_json_load(text, false, NULL);
    base_json_obj(&x->j);
    base_json_key(&x->j, "functionResponse");
    base_json_obj(&x->j);
    if (x->result_id.n)
        base_json_kstr(&x->j, "id", x->result_id);
    base_json_kstr(&x->j, "name", x->result_name);
    base_json_key(&x->j, "response");
    if (o) {
        base_json_raw(&x->j, base_str_trim(text));
    } else {
        base_json_obj(&x->j);
        base_json_kstr(&x->j, x->result_error ? "error" : "output", text);
        base_json_obj_end(&x->j);
    }
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    json_decref(o);
}

static void turn_close(struct gx *x)
{
    if (x->turn == TURN_NONE)
        return;
    result_close(x);
    x->turn = TURN_NONE;
    base_json_arr_end(&x->j);
    base_json_obj_end(&x->j);
}

static void turn_open(struct gx *x, enum turn turn)
{
    if (x->turn == turn)
        return;
    turn_close(x);
    x->turn = turn;
    x->signed_call = false;
    base_json_obj(&x->j);
    base_json_kz(&x->j, "role", turn == TURN_MODEL ? "model" : "user");
    base_json_key(&x->j, "parts");
    base_json_arr(&x->j);
}

/* The name of the call with that id, the nearest one before this message. */
static struct base_str name_of_call(const struct gx *x, struct base_str id)
{
    for (size_t i = x->message; i > 0; i--) {
        const struct chat_message *m = &x->r->messages[i - 1];
        for (size_t k = m->n_parts; k > 0; k--)
            if (m->parts[k - 1].kind == CHAT_PART_TOOL_CALL && base_str_eq(m->parts[k - 1].id, id))
                return m->parts[k - 1].name;
    }
    return x->r->messages[x->message].name;
}

/* Opens the answer of that call unless it is open. */
static enum base_status result_open(struct gx *x, const struct chat_part *p)
{
    if (x->result_open && base_str_eq(x->result_id, p->id))
        return BASE_OK;
    turn_open(x, TURN_RESULTS);
    result_close(x);
    x->result_name = name_of_call(x, p->id);
    if (x->result_name.n == 0)
        return no(x, "a tool's answer to a call that is not in the conversation");
    x->result_id = p->id;
    x->result_open = true;
    x->result_error = false;
    base_buf_clear(&x->result);
    return BASE_OK;
}

/* ---- parts ---- */

static void put_text(struct gx *x, struct base_str text)
{
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "text", text);
    base_json_obj_end(&x->j);
}

/* What an address ends in, where the type is not said. */
static struct base_str type_by_name(struct base_str name)
{
    static const struct {
        const char *end, *type;
    } all[] = {{".png", "image/png"},   {".jpg", "image/jpeg"},       {".jpeg", "image/jpeg"},
               {".webp", "image/webp"}, {".gif", "image/gif"},        {".pdf", "application/pdf"},
               {".mp3", "audio/mp3"},   {".wav", "audio/wav"},        {".mp4", "video/mp4"},
               {".txt", "text/plain"},  {".json", "application/json"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (base_str_ends(name, base_str_c(all[i].end)))
            return base_str_c(all[i].type);
    return BASE_STR_NULL;
}

static enum base_status put_media(struct gx *x, enum turn turn, const struct chat_part *p)
{
    struct gw_media m;

    if (p->name.n > 0 || !gw_media_read(p->raw, &m))
        return no(x, "a content part that is no text, image, sound or file");
    struct base_str type = m.mime;
    if (type.n == 0)
        type = type_by_name(m.data.n ? m.name : m.url);
    turn_open(x, turn);
    base_json_obj(&x->j);
    base_json_key(&x->j, m.data.n ? "inlineData" : "fileData");
    base_json_obj(&x->j);
    if (type.n)
        base_json_kstr(&x->j, "mimeType", type);
    base_json_kstr(&x->j, m.data.n ? "data" : "fileUri", m.data.n ? m.data : m.url);
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
    gw_media_release(&m);
    return BASE_OK;
}

static bool is_base64(struct base_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("+/-_=", c))))
            return false;
    }
    return true;
}

/* extra of a call -> its signature; what else is in there is named. The string is borrowed from the
 * returned tree. */
static json_t *take_signature(struct gx *x, struct base_str extra, struct base_str *out)
{
    json_t *o =
        gw_json_mentions(extra, "\"thought_signature\"") ? gw_json_load(extra, false, NULL) : NULL;
    const char *key;
    json_t *v;

    *out = gw_json_get_str(gw_json_get_obj(gw_json_get_obj(o, "extra_content"), "google"),
                           "thought_signature");
    if (!is_base64(*out)) { /* redaction found something in it: it says nothing any more */
        *out = BASE_STR_NULL;
        gw_dropped_add(x->dropped, "messages.tool_calls.", "extra_content");
    }
    if (!o)
        gw_dropped_extra(x->dropped, "messages.tool_calls.", extra);
    json_object_foreach(o, key, v)
    {
        if (strcmp(key, "extra_content") != 0)
            gw_dropped_add(x->dropped, "messages.tool_calls.", key);
    }
    return o;
}

static enum base_status put_call(struct gx *x, const struct chat_part *p)
{
    struct base_str args = base_str_trim(p->text), signature;
    json_t *o = NULL;

    if (args.n > 0 && !(o = gw_json_load(args, false, NULL)))
        return no(x, "a tool call whose arguments are no JSON object");
    json_decref(o);
    o = take_signature(x, p->extra, &signature);
    turn_open(x, TURN_MODEL);
    if (signature.n == 0 && !x->signed_call && gw_gemini_is_new(x->model))
        signature = BASE_STR(NO_SIGNATURE);
    x->signed_call = true;
    base_json_obj(&x->j);
    base_json_key(&x->j, "functionCall");
    base_json_obj(&x->j);
    if (p->id.n)
        base_json_kstr(&x->j, "id", p->id);
    base_json_kstr(&x->j, "name", p->name);
    base_json_key(&x->j, "args");
    base_json_raw(&x->j, args.n ? args : BASE_STR("{}"));
    base_json_obj_end(&x->j);
    if (signature.n)
        base_json_kstr(&x->j, "thoughtSignature", signature);
    base_json_obj_end(&x->j);
    json_decref(o);
    return BASE_OK;
}

static enum base_status put_result(struct gx *x, const struct chat_part *p)
{
    enum base_status st = result_open(x, p);

    gw_dropped_extra(x->dropped, "messages.content.", p->extra);
    if (st != BASE_OK)
        return st;
    if (p->kind == CHAT_PART_OPAQUE)
        return put_media(x, TURN_RESULTS, p);
    x->result_error = x->result_error || p->is_error;
    base_buf_str(&x->result, p->text);
    return base_buf_ok(&x->result)
               ? BASE_OK
               : base_err_set(x->err, BASE_LIMIT, "a tool's answer is too large");
}

static enum base_status put_part(struct gx *x, enum chat_role role, const struct chat_part *p)
{
    enum turn turn = role == CHAT_ASSISTANT ? TURN_MODEL : TURN_USER;

    if (p->kind == CHAT_PART_TOOL_RESULT ||
        (p->kind == CHAT_PART_OPAQUE && role == CHAT_TOOL && p->id.n > 0))
        return put_result(x, p);
    switch (p->kind) {
    case CHAT_PART_TEXT:
    case CHAT_PART_REFUSAL:
        gw_dropped_extra(x->dropped, "messages.content.", p->extra);
        if (p->text.n == 0)
            return BASE_OK;
        turn_open(x, turn);
        put_text(x, p->text);
        return BASE_OK;
    case CHAT_PART_REASONING:
        gw_dropped_add(x->dropped, "messages.", "reasoning_content");
        return BASE_OK;
    case CHAT_PART_TOOL_CALL:
        return put_call(x, p);
    case CHAT_PART_OPAQUE:
        return put_media(x, turn, p);
    case CHAT_PART_TOOL_RESULT:
        break;
    }
    return BASE_OK;
}

/* ---- messages ---- */

static enum base_status put_system(struct gx *x)
{
    bool open = false;

    for (size_t i = 0; i < x->r->n_messages; i++) {
        const struct chat_message *m = &x->r->messages[i];
        for (size_t k = 0; is_system(m) && k < m->n_parts; k++) {
            if (m->parts[k].kind == CHAT_PART_OPAQUE)
                return no(x, "a system message that holds more than text");
            gw_dropped_extra(x->dropped, "messages.content.", m->parts[k].extra);
            if (m->parts[k].text.n == 0)
                continue;
            if (!open) {
                base_json_key(&x->j, "systemInstruction");
                base_json_obj(&x->j);
                base_json_key(&x->j, "parts");
                base_json_arr(&x->j);
            }
            open = true;
            put_text(x, m->parts[k].text);
        }
    }
    if (open) {
        base_json_arr_end(&x->j);
        base_json_obj_end(&x->j);
    }
    return BASE_OK;
}

static enum base_status put_contents(struct gx *x)
{
    enum base_status st = BASE_OK;

    base_json_key(&x->j, "contents");
    base_json_arr(&x->j);
    size_t before = x->j.out->n;
    for (size_t i = 0; i < x->r->n_messages && st == BASE_OK; i++) {
        const struct chat_message *m = &x->r->messages[i];
        x->message = i;
        if (m->name.n && m->role != CHAT_TOOL)
            gw_dropped_add(x->dropped, "messages.", "name");
        gw_dropped_extra(x->dropped, "messages.", m->extra);
        for (size_t k = 0; k < m->n_parts && st == BASE_OK && !is_system(m); k++)
            st = put_part(x, m->role, &m->parts[k]);
    }
    turn_close(x);
    if (st == BASE_OK && x->j.out->n == before)
        st = base_err_set(x->err, BASE_EINVAL,
                          "a Gemini upstream needs at least one user message that is not empty");
    base_json_arr_end(&x->j);
    return st;
}

/* ---- tools ---- */

static void put_tool(struct gx *x, const struct chat_tool *t)
{
    base_json_obj(&x->j);
    base_json_kstr(&x->j, "name", t->name);
    if (t->description.n)
        base_json_kstr(&x->j, "description", t->description);
    if (t->schema.n) {
        base_json_key(&x->j, "parametersJsonSchema");
        base_json_raw(&x->j, t->schema);
    }
    gw_dropped_extra(x->dropped, "tools.", t->extra);
    base_json_obj_end(&x->j);
}

static void put_choice(struct gx *x)
{
    static const char *const mode[] = {[CHAT_TOOLS_AUTO] = "AUTO",
                                       [CHAT_TOOLS_NONE] = "NONE",
                                       [CHAT_TOOLS_REQUIRED] = "ANY",
                                       [CHAT_TOOLS_NAMED] = "ANY"};
    if (x->r->tool_choice == CHAT_TOOLS_UNSET)
        return;
    base_json_key(&x->j, "toolConfig");
    base_json_obj(&x->j);
    base_json_key(&x->j, "functionCallingConfig");
    base_json_obj(&x->j);
    base_json_kz(&x->j, "mode", mode[x->r->tool_choice]);
    if (x->r->tool_choice == CHAT_TOOLS_NAMED) {
        base_json_key(&x->j, "allowedFunctionNames");
        base_json_arr(&x->j);
        base_json_str(&x->j, x->r->tool_choice_name);
        base_json_arr_end(&x->j);
    }
    base_json_obj_end(&x->j);
    base_json_obj_end(&x->j);
}

static void put_tools(struct gx *x)
{
    bool any = false;

    for (size_t i = 0; i < x->r->n_tools; i++) {
        any = any || x->r->tools[i].name.n > 0;
        if (x->r->tools[i].name.n == 0)
            gw_dropped_add(x->dropped, "", "tools");
    }
    if (!any)
        return;
    base_json_key(&x->j, "tools");
    base_json_arr(&x->j);
    base_json_obj(&x->j);
    base_json_key(&x->j, "functionDeclarations");
    base_json_arr(&x->j);
    for (size_t i = 0; i < x->r->n_tools; i++)
        if (x->r->tools[i].name.n > 0)
            put_tool(x, &x->r->tools[i]);
    base_json_arr_end(&x->j);
    base_json_obj_end(&x->j);
    base_json_arr_end(&x->j);
    put_choice(x);
}

static const char *address(struct base_arena *a, struct base_str model, bool stream)
{
    const struct base_str tuned = BASE_STR("tunedModels/");
    bool own = base_str_starts(model, tuned);
    struct base_str name =
        gw_wire_escape(a, own ? base_str_n(model.p + tuned.n, model.n - tuned.n) : model);

    if (!name.p)
        return NULL;
    return base_arena_printf(a, "/%s/%.*s:%s", own ? "tunedModels" : "models", BASE_FMT(name),
                             stream ? "streamGenerateContent?alt=sse" : "generateContent")
        .p;
}

enum base_status gw_gemini_write(const struct conf_target *t, struct chat_request *r,
                                 struct gw_wire_request *head, struct base_buf *body,
                                 struct base_buf *dropped, struct base_arena *a,
                                 struct base_err *err)
{
    struct gx x = {.r = r,
                   .dropped = dropped,
                   .err = err,
                   .model = base_str_c(t->model->name),
                   .turn = TURN_NONE};

    *head = (struct gw_wire_request){.path = address(a, x.model, r->stream)};
    if (!head->path)
        return base_err_set(err, BASE_LIMIT, "no room for the upstream's request");
    base_json_init(&x.j, body);
    base_buf_init(&x.result, SIZE_MAX / 4); /* the request holds it, and is bounded */
    base_json_obj(&x.j);
    enum base_status st = put_system(&x);
    if (st == BASE_OK)
        st = put_contents(&x);
    base_buf_release(&x.result);
    if (st == BASE_OK)
        put_tools(&x);
    if (st == BASE_OK && r->one_call)
        gw_dropped_add(dropped, "", "disable_parallel_tool_use");
    if (st == BASE_OK && r->user.n)
        gw_dropped_add(dropped, "", "user");
    if (st == BASE_OK)
        st = gw_gemini_config(&x.j, x.model, r, dropped, err);
    base_json_obj_end(&x.j);
    if (st != BASE_OK)
        return st;
    if (!base_buf_ok(body))
        return base_err_set(err, BASE_LIMIT, "the request for %s is too large", t->text);
    if (!t->backend->key)
        return BASE_OK;
    return gw_wire_secret_header(head, a, "x-goog-api-key", "", t->backend->key, err);
}
