/* responses.c - canonical events as OpenAI's response: one object, or typed events.
 *
 * Owns       struct gw_reply: state in the request's arena, and the buffers of its items.
 * Runs on    the loop; no I/O.
 * Events     response.created, response.in_progress; for each item response.output_item.added, its
 *            parts and deltas, their done events, response.output_item.done; last
 *            response.completed or response.incomplete with the whole object. Every event has its
 *            name in the `event:` line and as `type`, and a sequence_number from 0 without gaps.
 *            There is no [DONE].
 * Order      an item is done before the next one opens. Where pieces may come late (a restorer or
 *            a guard holds them back: pieces_late) all stay open until the finish, each with its
 *            own output_index, and are done in that order. So they do once an answer has
 *            SWITCHES_MAX items, so that a model which changes between thought and text at every
 *            token does not make an item of each.
 * Invariants - nothing is written before the first content: another route may still be taken;
 *            - response.completed follows CHAT_EV_END and nothing else;
 *            - CHAT_EV_ERROR in a stream writes `error`, on which the SDKs raise, and then
 *              response.failed, which others wait for.
 * Fails by   BASE_LIMIT when out or an item is full; BASE_EBUG for events after the end.
 */
#include "gateway/dialect/responses_int.h"

#define SWITCHES_MAX 64

static struct gw_reply *reply_new(struct base_arena *a, const struct gw_reply_meta *meta,
                                  bool stream)
{
    struct gw_reply *r = base_arena_alloc(a, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct gw_reply){.a = a, .meta = *meta, .stream = stream};
    r->meta.id = base_arena_dup(a, meta->id);
    r->meta.model = base_arena_dup(a, meta->model);
    r->together = meta->pieces_late;
    r->summary = meta->asked && meta->asked->reasoning_summary;
    if (!r->meta.id.p || !r->meta.model.p || base_arena_cleanup(a, gw_items_release, r) != BASE_OK)
        return NULL;
    return r;
}

/* ---- events on the wire: begun, members written by the caller, ended ---- */

static void event_begin(struct gw_reply *r, const char *type, struct base_json *j,
                        struct base_buf *out)
{
    base_buf_printf(out, "event: %s\ndata: ", type);
    base_json_init(j, out);
    base_json_obj(j);
    base_json_kz(j, "type", type);
    base_json_kint(j, "sequence_number", r->seq++);
}

static void event_end(struct base_json *j)
{
    base_json_obj_end(j);
    base_buf_z(j->out, "\n\n");
}

static void put_response_event(struct gw_reply *r, const char *type, const struct chat_error *e,
                               struct base_buf *out)
{
    struct base_json j;
    event_begin(r, type, &j, out);
    base_json_key(&j, "response");
    gw_items_put_response(&j, r, e);
    event_end(&j);
}

static int64_t index_of(const struct gw_reply *r, const struct gw_item *it)
{
    return it - r->items;
}

static void put_item_event(struct gw_reply *r, const struct gw_item *it, bool done,
                           struct base_buf *out)
{
    struct base_json j;
    event_begin(r, done ? "response.output_item.done" : "response.output_item.added", &j, out);
    base_json_kint(&j, "output_index", index_of(r, it));
    base_json_key(&j, "item");
    gw_items_put(&j, r, it, done);
    event_end(&j);
}

/* item_id, output_index and, for part, the name of its index with the index. */
static void put_place(const struct gw_reply *r, struct base_json *j, const struct gw_item *it,
                      const struct gw_item_part *part)
{
    bool summary = it->kind == GW_ITEM_REASONING && r->summary;
    base_json_kstr(j, "item_id", it->id);
    base_json_kint(j, "output_index", index_of(r, it));
    if (part)
        base_json_kint(j, summary ? "summary_index" : "content_index", part->index);
}

static void put_part_event(struct gw_reply *r, const struct gw_item *it,
                           const struct gw_item_part *part, bool done, struct base_buf *out)
{
    struct base_json j;
    bool summary = it->kind == GW_ITEM_REASONING && r->summary;
    event_begin(r,
                summary ? done ? "response.reasoning_summary_part.done"
                               : "response.reasoning_summary_part.added"
                : done  ? "response.content_part.done"
                        : "response.content_part.added",
                &j, out);
    put_place(r, &j, it, part);
    base_json_key(&j, "part");
    gw_items_put_part(&j, r, it, part, done);
    event_end(&j);
}

/* A delta of a part, or the whole of it when done. */
static void put_text_event(struct gw_reply *r, const struct gw_item *it,
                           const struct gw_item_part *part, bool done, struct base_str text,
                           struct base_buf *out)
{
    const bool refusal = part == &it->refusal, thought = it->kind == GW_ITEM_REASONING;
    const char *name = !thought     ? refusal ? "response.refusal" : "response.output_text"
                       : r->summary ? "response.reasoning_summary_text"
                                    : "response.reasoning_text";
    struct base_json j;
    char type[64];

    snprintf(type, sizeof type, "%s.%s", name, done ? "done" : "delta");
    event_begin(r, type, &j, out);
    put_place(r, &j, it, part);
    base_json_kstr(&j, !done ? "delta" : refusal ? "refusal" : "text", text);
    if (!thought && !refusal) {
        base_json_key(&j, "logprobs");
        base_json_arr(&j);
        base_json_arr_end(&j);
    }
    event_end(&j);
}

static void put_args_event(struct gw_reply *r, const struct gw_item *it, bool done,
                           struct base_str text, struct base_buf *out)
{
    struct base_json j;
    if (it->freeform)
        event_begin(r,
                    done ? "response.custom_tool_call_input.done"
                         : "response.custom_tool_call_input.delta",
                    &j, out);
    else
        event_begin(r,
                    done ? "response.function_call_arguments.done"
                         : "response.function_call_arguments.delta",
                    &j, out);
    put_place(r, &j, it, NULL);
    if (done && !it->freeform)
        base_json_kstr(&j, "name", it->name);
    base_json_kstr(&j, !done ? "delta" : it->freeform ? "input" : "arguments", text);
    event_end(&j);
}

/* ---- items open and close; out is written only in streams ---- */

static void begin(struct gw_reply *r, struct base_buf *out)
{
    if (r->begun)
        return;
    r->begun = true;
    if (!r->stream)
        return;
    put_response_event(r, "response.created", NULL, out);
    put_response_event(r, "response.in_progress", NULL, out);
}

static void close_part(struct gw_reply *r, const struct gw_item *it,
                       const struct gw_item_part *part, struct base_buf *out)
{
    put_text_event(r, it, part, true, base_buf_view(&part->text), out);
    put_part_event(r, it, part, true, out);
}

static void close_item(struct gw_reply *r, struct gw_item *it, struct base_buf *out)
{
    it->open = false;
    if (it->kind == GW_ITEM_CALL)
        gw_items_close_call(it);
    if (!r->stream)
        return;
    if (it->freeform && it->args.n > 0) /* known only now: its JSON was no text yet */
        put_args_event(r, it, false, base_buf_view(&it->args), out);
    if (it->kind == GW_ITEM_CALL)
        put_args_event(r, it, true, base_buf_view(&it->args), out);
    for (int i = 0; i < it->n_parts; i++)
        close_part(r, it, it->text.index == i ? &it->text : &it->refusal, out);
    put_item_event(r, it, true, out);
}

static void close_all(struct gw_reply *r, struct base_buf *out)
{
    for (size_t i = 0; i < r->n_items; i++)
        if (r->items[i].open)
            close_item(r, &r->items[i], out);
}

/* The item that is to take a piece: the open one of its kind, or a new one. */
static struct gw_item *item_for(struct gw_reply *r, enum gw_item_kind kind, struct base_buf *out,
                                struct base_err *err)
{
    struct gw_item *it = gw_items_find(r, kind, -1);
    begin(r, out);
    if (it)
        return it;
    if (!r->together && r->n_items >= SWITCHES_MAX)
        r->together = true;
    else if (!r->together)
        close_all(r, out);
    it = gw_items_add(r, kind, err);
    if (it && kind != GW_ITEM_CALL && r->stream)
        put_item_event(r, it, false, out);
    return it;
}

static enum base_status add_text(struct gw_reply *r, const struct chat_event *ev,
                                 struct base_buf *out, struct base_err *err)
{
    if (ev->text.n == 0)
        return BASE_OK;
    enum gw_item_kind kind = ev->kind == CHAT_EV_REASONING ? GW_ITEM_REASONING : GW_ITEM_MESSAGE;
    struct gw_item *it = item_for(r, kind, out, err);
    if (!it)
        return BASE_LIMIT;
    struct gw_item_part *part = ev->kind == CHAT_EV_REFUSAL ? &it->refusal : &it->text;
    if (part->index < 0) {
        part->index = it->n_parts++;
        if (r->stream)
            put_part_event(r, it, part, false, out);
    }
    if (r->stream)
        put_text_event(r, it, part, false, ev->text, out);
    return base_buf_str(&part->text, ev->text)
               ? BASE_OK
               : base_err_set(err, BASE_LIMIT, "the answer is too large to collect");
}

static enum base_status add_call(struct gw_reply *r, const struct chat_event *ev,
                                 struct base_buf *out, struct base_err *err)
{
    begin(r, out);
    if (!r->together)
        close_all(r, out);
    struct gw_item *it = gw_items_add(r, GW_ITEM_CALL, err);
    if (!it)
        return BASE_LIMIT;
    if (!gw_items_name_call(r, it, ev))
        return base_err_set(err, BASE_LIMIT, "no room for the answer's tool calls");
    if (r->stream)
        put_item_event(r, it, false, out);
    return BASE_OK;
}

static enum base_status add_args(struct gw_reply *r, const struct chat_event *ev,
                                 struct base_buf *out, struct base_err *err)
{
    struct gw_item *it = gw_items_find(r, GW_ITEM_CALL, ev->index);

    if (ev->text.n == 0)
        return BASE_OK;
    if (!it)
        return base_err_set(err, BASE_EBUG, "arguments for a tool call that is not open");
    if (r->stream && !it->freeform)
        put_args_event(r, it, false, ev->text, out);
    return base_buf_str(&it->args, ev->text)
               ? BASE_OK
               : base_err_set(err, BASE_LIMIT, "the answer is too large to collect");
}

/* ---- how it ends ---- */

/* Nothing more will come. An answer of nothing at all is one empty message: who reads the first
 * item finds one. */
static enum base_status settle(struct gw_reply *r, struct base_buf *out, struct base_err *err)
{
    begin(r, out);
    if (r->n_items == 0) {
        struct gw_item *it = item_for(r, GW_ITEM_MESSAGE, out, err);
        if (!it)
            return BASE_LIMIT;
        it->text.index = it->n_parts++;
        if (r->stream)
            put_part_event(r, it, &it->text, false, out);
    }
    close_all(r, out);
    return BASE_OK;
}

static enum base_status end(struct gw_reply *r, struct base_buf *out, struct base_err *err)
{
    enum base_status st = settle(r, out, err);
    struct base_json j;

    if (st != BASE_OK)
        return st;
    r->ended = true;
    if (!r->stream) {
        base_json_init(&j, out);
        gw_items_put_response(&j, r, NULL);
        return BASE_OK;
    }
    bool cut = strcmp(gw_items_status(r, &r->items[r->n_items - 1]), "completed") != 0;
    put_response_event(r, cut ? "response.incomplete" : "response.completed", NULL, out);
    return BASE_OK;
}

static void put_word(struct base_json *j, const char *key, struct base_str word)
{
    base_json_key(j, key);
    if (word.n)
        base_json_str(j, word);
    else
        base_json_null(j);
}

/* As documented the words stand in the event itself; as sent by OpenAI, and looked for by its SDKs,
 * in an object `error`. */
static void broken(struct gw_reply *r, const struct chat_error *e, struct base_buf *out)
{
    struct base_str message = e->message.n ? e->message : BASE_STR("The answer broke off.");
    struct base_json j;

    r->ended = true;
    if (!r->stream)
        return;
    begin(r, out);
    event_begin(r, "error", &j, out);
    put_word(&j, "code", e->code);
    base_json_kstr(&j, "message", message);
    put_word(&j, "param", BASE_STR_NULL);
    base_json_key(&j, "error");
    base_json_obj(&j);
    base_json_kstr(&j, "type", e->type.n ? e->type : BASE_STR("server_error"));
    put_word(&j, "code", e->code);
    base_json_kstr(&j, "message", message);
    put_word(&j, "param", BASE_STR_NULL);
    base_json_obj_end(&j);
    event_end(&j);
    put_response_event(r, "response.failed", e, out);
}

/* Another route answers from the beginning: nothing is written yet. */
static void start_again(struct gw_reply *r)
{
    if (r->begun && r->stream)
        return;
    r->begun = r->finished = false;
    r->usage = (struct chat_usage){0};
    gw_items_release(r);
}

static enum base_status reply_event(struct gw_reply *r, const struct chat_event *ev,
                                    struct base_buf *out, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (r->ended)
        return base_err_set(err, BASE_EBUG, "an event after the end of an answer");
    switch (ev->kind) {
    case CHAT_EV_START:
        start_again(r);
        break;
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
        st = add_text(r, ev, out, err);
        break;
    case CHAT_EV_TOOL_CALL:
        st = add_call(r, ev, out, err);
        break;
    case CHAT_EV_TOOL_ARGS:
        st = add_args(r, ev, out, err);
        break;
    case CHAT_EV_SIGNATURE: /* Anthropic's own: this dialect has no place for them */
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR:
        break;
    case CHAT_EV_USAGE:
        r->usage = ev->usage;
        r->usage.set = true;
        break;
    case CHAT_EV_FINISH:
        r->finished = true;
        r->finish = ev->finish;
        r->finish_other = base_arena_dup(r->a, ev->text);
        st = settle(r, out, err);
        break;
    case CHAT_EV_END:
        st = end(r, out, err);
        break;
    case CHAT_EV_ERROR:
        broken(r, &ev->error, out);
        break;
    }
    if (st == BASE_OK && !base_buf_ok(out))
        return base_err_set(err, BASE_LIMIT, "the answer does not fit its buffer");
    return st;
}

const struct gw_dialect gw_dialect_openai_responses = {.name = "openai-responses",
                                                       .id_prefix = "resp_",
                                                       .parse = gw_responses_parse,
                                                       .reply_new = reply_new,
                                                       .reply_event = reply_event,
                                                       .error_body = gw_openai_error_body};
