/* responses_items.c - what an answer consists of in OpenAI's Responses dialect: its items and the
 * object around them. responses.c turns events into them.
 *
 * Owns       the buffers of the items, until the request's arena is reset.
 * Runs on    the loop; no I/O.
 * Format {"id":"resp_..","object":"response","created_at","status","error","incomplete_details",
 *            "model","output":[items],"usage", and what chat_request.echo repeats}. Items:
 *            - {"id":"rs_..","type":"reasoning","summary":[],"content":[{"type":"reasoning_text",
 *              "text"}]}; the same text as "summary":[{"type":"summary_text"}] where a summary was
 *              asked for;
 *            - {"id":"msg_..","type":"message","role":"assistant","content":[output_text,
 * refusal]};
 *            - {"id":"fc_..","type":"function_call","call_id","name","arguments"};
 *            - {"id":"ctc_..","type":"custom_tool_call","call_id","name","input"}.
 * Invariants an item's place in `output` is its output_index, from the moment it opens; ids are the
 *            request's with that place behind.
 */
#include "base/clock.h"
#include "gateway/dialect/responses_int.h"

#define ANSWER_BYTES_MAX (64u << 20) /* of each piece of content */
#define ITEMS_MAX        1024

void gw_items_release(void *reply)
{
    struct gw_reply *r = reply;
    for (size_t i = 0; i < r->n_items; i++) {
        base_buf_release(&r->items[i].text.text);
        base_buf_release(&r->items[i].refusal.text);
        base_buf_release(&r->items[i].args);
    }
    r->n_items = 0;
}

struct gw_item *gw_items_find(struct gw_reply *r, enum gw_item_kind kind, int call)
{
    for (size_t i = r->n_items; i > 0; i--) {
        struct gw_item *it = &r->items[i - 1];
        if (it->open && it->kind == kind && (kind != GW_ITEM_CALL || it->call == call))
            return it;
    }
    return NULL;
}

static bool grow(struct gw_reply *r)
{
    if (r->n_items < r->cap_items)
        return true;
    size_t cap = r->cap_items ? r->cap_items * 2 : 8;
    struct gw_item *grown = base_arena_array(r->a, cap, sizeof *grown);
    if (!grown)
        return false;
    if (r->n_items)
        memcpy(grown, r->items, r->n_items * sizeof *grown);
    r->items = grown;
    r->cap_items = cap;
    return true;
}

struct gw_item *gw_items_add(struct gw_reply *r, enum gw_item_kind kind, struct base_err *err)
{
    static const char *const prefix[] = {
        [GW_ITEM_REASONING] = "rs_", [GW_ITEM_MESSAGE] = "msg_", [GW_ITEM_CALL] = "fc_"};
    struct base_str id = r->meta.id;

    if (r->n_items == ITEMS_MAX) {
        base_err_set(err, BASE_LIMIT, "more than %d items in an answer", ITEMS_MAX);
        return NULL;
    }
    if (base_str_starts(id, BASE_STR("resp_")))
        id = base_str_n(id.p + 5, id.n - 5);
    struct base_str own =
        base_arena_printf(r->a, "%s%.*s_%zu", prefix[kind], BASE_FMT(id), r->n_items);
    if (!own.p || !grow(r)) {
        base_err_set(err, BASE_LIMIT, "no room for the answer's items");
        return NULL;
    }
    struct gw_item *it = &r->items[r->n_items++];
    *it = (struct gw_item){
        .kind = kind, .open = true, .id = own, .text.index = -1, .refusal.index = -1};
    base_buf_init(&it->text.text, ANSWER_BYTES_MAX);
    base_buf_init(&it->refusal.text, ANSWER_BYTES_MAX);
    base_buf_init(&it->args, ANSWER_BYTES_MAX);
    return it;
}

static bool is_freeform(const struct gw_reply *r, struct base_str name)
{
    const struct chat_request *q = r->meta.asked;
    for (size_t i = 0; q && i < q->n_tools; i++)
        if (q->tools[i].freeform && base_str_eq(q->tools[i].name, name))
            return true;
    return false;
}

bool gw_items_name_call(struct gw_reply *r, struct gw_item *it, const struct chat_event *ev)
{
    it->call = ev->index;
    it->call_id = base_arena_dup(r->a, ev->id);
    it->name = base_arena_dup(r->a, ev->name);
    it->freeform = is_freeform(r, ev->name);
    if (it->freeform)
        it->id = base_arena_printf(r->a, "ctc_%.*s", (int)(it->id.n - 3), it->id.p + 3);
    return it->id.p && it->call_id.p && it->name.p;
}

void gw_items_close_call(struct gw_item *it)
{
    json_t *o = it->freeform ? gw_json_load(base_buf_view(&it->args), true, NULL) : NULL;
    const json_t *input = json_object_get(o, "input");
    if (json_is_string(input)) { /* else it is what the model wrote */
        base_buf_clear(&it->args);
        base_buf_str(&it->args, gw_json_str(input)); /* never longer than its JSON */
    }
    json_decref(o);
}

/* ---- how it stands ---- */

/* The words of compatible servers for an answer that was cut. */
static const char *cut_reason(const struct gw_reply *r)
{
    static const char *const cut[] = {"insufficient_system_resource", "abort", "error",
                                      "network_error", NULL};
    if (!r->finished)
        return NULL;
    switch (r->finish) {
    case CHAT_FINISH_LENGTH:
        return "max_output_tokens";
    case CHAT_FINISH_CONTENT_FILTER:
        return "content_filter";
    case CHAT_FINISH_OTHER:
        for (const char *const *w = cut; *w; w++)
            if (base_str_is(r->finish_other, *w))
                return *w;
        break;
    case CHAT_FINISH_STOP:
    case CHAT_FINISH_TOOL_CALLS:
    case CHAT_FINISH_STOP_SEQUENCE:
        break;
    }
    return NULL;
}

const char *gw_items_status(const struct gw_reply *r, const struct gw_item *it)
{
    bool last = it == &r->items[r->n_items - 1];
    if (it->open)
        return "in_progress";
    return last && cut_reason(r) ? "incomplete" : "completed";
}

/* ---- objects ---- */

void gw_items_put_part(struct base_json *j, const struct gw_reply *r, const struct gw_item *it,
                       const struct gw_item_part *part, bool whole)
{
    struct base_str text = whole ? base_buf_view(&part->text) : BASE_STR("");

    base_json_obj(j);
    if (it->kind == GW_ITEM_REASONING) {
        base_json_kz(j, "type", r->summary ? "summary_text" : "reasoning_text");
        base_json_kstr(j, "text", text);
    } else if (part == &it->refusal) {
        base_json_kz(j, "type", "refusal");
        base_json_kstr(j, "refusal", text);
    } else {
        base_json_kz(j, "type", "output_text");
        base_json_key(j, "annotations");
        base_json_arr(j);
        base_json_arr_end(j);
        base_json_key(j, "logprobs");
        base_json_arr(j);
        base_json_arr_end(j);
        base_json_kstr(j, "text", text);
    }
    base_json_obj_end(j);
}

/* The parts that are there, in the order of their indices. */
static void put_parts(struct base_json *j, const char *key, const struct gw_reply *r,
                      const struct gw_item *it, bool whole)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (int i = 0; whole && i < it->n_parts; i++)
        gw_items_put_part(j, r, it, it->text.index == i ? &it->text : &it->refusal, true);
    base_json_arr_end(j);
}

void gw_items_put(struct base_json *j, const struct gw_reply *r, const struct gw_item *it,
                  bool whole)
{
    static const char *const type[] = {[GW_ITEM_REASONING] = "reasoning",
                                       [GW_ITEM_MESSAGE] = "message",
                                       [GW_ITEM_CALL] = "function_call"};

    base_json_obj(j);
    base_json_kstr(j, "id", it->id);
    base_json_kz(j, "type", it->freeform ? "custom_tool_call" : type[it->kind]);
    base_json_kz(j, "status", gw_items_status(r, it));
    switch (it->kind) {
    case GW_ITEM_REASONING:
        put_parts(j, "summary", r, it, whole && r->summary);
        if (!r->summary)
            put_parts(j, "content", r, it, whole);
        break;
    case GW_ITEM_MESSAGE:
        base_json_kz(j, "role", "assistant");
        put_parts(j, "content", r, it, whole);
        break;
    case GW_ITEM_CALL:
        base_json_kstr(j, "call_id", it->call_id);
        base_json_kstr(j, "name", it->name);
        base_json_kstr(j, it->freeform ? "input" : "arguments",
                       whole ? base_buf_view(&it->args) : BASE_STR(""));
        break;
    }
    base_json_obj_end(j);
}

static void put_usage(struct base_json *j, const struct gw_reply *r)
{
    const struct chat_usage *u = &r->usage;

    base_json_key(j, "usage");
    if (!u->set || !r->ended) {
        base_json_null(j);
        return;
    }
    base_json_obj(j);
    base_json_kint(j, "input_tokens", u->input_tokens);
    base_json_key(j, "input_tokens_details");
    base_json_obj(j);
    base_json_kint(j, "cached_tokens", u->cached_tokens);
    base_json_kint(j, "cache_write_tokens", u->cache_write_tokens);
    base_json_obj_end(j);
    base_json_kint(j, "output_tokens", u->output_tokens);
    base_json_key(j, "output_tokens_details");
    base_json_obj(j);
    base_json_kint(j, "reasoning_tokens", u->reasoning_tokens);
    base_json_obj_end(j);
    base_json_kint(j, "total_tokens", u->input_tokens + u->output_tokens);
    base_json_obj_end(j);
}

/* OpenAI's list of codes here is closed: the words of the failure stand in the message. */
static void put_error(struct base_json *j, const struct chat_error *e)
{
    base_json_key(j, "error");
    if (!e) {
        base_json_null(j);
        return;
    }
    base_json_obj(j);
    base_json_kz(j, "code", e->status == 429 ? "rate_limit_exceeded" : "server_error");
    base_json_kstr(j, "message", e->message.n ? e->message : BASE_STR("The answer broke off."));
    base_json_obj_end(j);
}

/* In a stream the places are given. Else thoughts stand in front, as the model had them: a guard
 * may have let go of the text first. */
static void put_output(struct base_json *j, const struct gw_reply *r)
{
    bool sort = r->together && !r->stream;

    base_json_key(j, "output");
    base_json_arr(j);
    for (size_t i = 0; r->ended && i < r->n_items; i++)
        if (!sort || r->items[i].kind == GW_ITEM_REASONING)
            gw_items_put(j, r, &r->items[i], true);
    for (size_t i = 0; r->ended && sort && i < r->n_items; i++)
        if (r->items[i].kind != GW_ITEM_REASONING)
            gw_items_put(j, r, &r->items[i], true);
    base_json_arr_end(j);
}

void gw_items_put_response(struct base_json *j, const struct gw_reply *r,
                           const struct chat_error *e)
{
    const char *reason = r->ended && !e ? cut_reason(r) : NULL;
    const struct base_str echo = r->meta.asked ? r->meta.asked->echo : BASE_STR_NULL;
    bool good = r->ended && !e && !reason;

    base_json_obj(j);
    base_json_kstr(j, "id", r->meta.id);
    base_json_kz(j, "object", "response");
    base_json_kint(j, "created_at", r->meta.created_s);
    base_json_kz(j, "status",
                 good     ? "completed"
                 : e      ? "failed"
                 : reason ? "incomplete"
                          : "in_progress");
    if (good)
        base_json_kint(j, "completed_at", base_wall_us() / 1000000);
    put_error(j, e);
    base_json_key(j, "incomplete_details");
    if (reason) {
        base_json_obj(j);
        base_json_kz(j, "reason", reason);
        base_json_obj_end(j);
    } else {
        base_json_null(j);
    }
    base_json_kstr(j, "model", r->meta.model);
    put_output(j, r);
    put_usage(j, r);
    if (echo.n > 2) /* the members between its braces */
        base_json_raw(j, base_str_n(echo.p + 1, echo.n - 2));
    base_json_obj_end(j);
}
