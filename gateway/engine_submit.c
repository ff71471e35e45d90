/* engine_submit.c - a canonical request as the engine's SUBMIT payload (engine/proto.h).
 *
 * Pure; any thread. The engine knows one conversation form, OpenAI's with plain string contents:
 * the text parts of a message are joined by newlines, tool results become messages of their own,
 * developers speak as the system does, reasoning of earlier turns is left out. Opaque parts are the
 * caller's to refuse.
 */
#include "gateway/engine_submit.h"
#include "base/json.h"
#include "engine/proto.h"

/* The text of a message: its text and refusal parts, a line apart. Reasoning of earlier turns is
 * not part of the conversation. */
static void put_content(struct base_json *j, const struct chat_message *m, struct base_buf *tmp)
{
    bool any = false;
    base_buf_clear(tmp);
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct chat_part *p = &m->parts[i];
        if (p->kind != CHAT_PART_TEXT && p->kind != CHAT_PART_REFUSAL)
            continue;
        if (any)
            base_buf_byte(tmp, '\n');
        base_buf_str(tmp, p->text);
        any = true;
    }
    base_json_kstr(j, "content", base_buf_view(tmp));
}

static void put_tool_calls(struct base_json *j, const struct chat_message *m)
{
    base_json_key(j, "tool_calls");
    base_json_arr(j);
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct chat_part *p = &m->parts[i];
        if (p->kind != CHAT_PART_TOOL_CALL)
            continue;
        base_json_obj(j);
        base_json_kstr(j, "id", p->id);
        base_json_kz(j, "type", "function");
        base_json_key(j, "function");
        base_json_obj(j);
        base_json_kstr(j, "name", p->name);
        base_json_kstr(j, "arguments", p->text);
        base_json_obj_end(j);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

/* One canonical message: first its tool results, one message each, then what else it says. */
static void put_message(struct base_json *j, const struct chat_message *m, struct base_buf *tmp)
{
    size_t n_results = 0, n_calls = 0, n_text = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct chat_part *p = &m->parts[i];
        n_calls += p->kind == CHAT_PART_TOOL_CALL;
        n_text += p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL;
        if (p->kind != CHAT_PART_TOOL_RESULT)
            continue;
        n_results++;
        base_json_obj(j);
        base_json_kz(j, "role", "tool");
        base_json_kstr(j, "tool_call_id", p->id);
        if (p->name.n)
            base_json_kstr(j, "name", p->name);
        base_json_kstr(j, "content", p->text);
        base_json_obj_end(j);
    }
    if (n_results > 0 && n_calls == 0 && n_text == 0)
        return;
    base_json_obj(j);
    base_json_kz(j, "role", m->role == CHAT_DEVELOPER ? "system" : chat_role_name(m->role));
    if (m->name.n)
        base_json_kstr(j, "name", m->name);
    put_content(j, m, tmp);
    if (n_calls)
        put_tool_calls(j, m);
    base_json_obj_end(j);
}

static void put_tools(struct base_json *j, const struct chat_request *r)
{
    base_json_key(j, "tools");
    base_json_arr(j);
    for (size_t i = 0; i < r->n_tools; i++) {
        const struct chat_tool *t = &r->tools[i];
        base_json_obj(j);
        base_json_kz(j, "type", "function");
        base_json_key(j, "function");
        base_json_obj(j);
        base_json_kstr(j, "name", t->name);
        if (t->description.n)
            base_json_kstr(j, "description", t->description);
        if (t->schema.n) {
            base_json_key(j, "parameters");
            base_json_raw(j, t->schema);
        }
        base_json_obj_end(j);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static void put_int(struct base_json *j, const char *key, struct chat_opt_num v)
{
    if (v.set && v.v >= -9.0e15 && v.v <= 9.0e15)
        base_json_kint(j, key, (int64_t)v.v);
}

static void put_num(struct base_json *j, const char *key, struct chat_opt_num v)
{
    if (!v.set)
        return;
    base_json_key(j, key);
    base_json_num(j, v.v, 6);
}

bool gw_engine_submit(struct base_buf *out, const struct gw_attempt_spec *spec)
{
    const struct chat_request *r = spec->request;
    struct base_json j;
    struct base_buf tmp;
    base_buf_init(&tmp, ENG_FRAME_MAX);
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "model", spec->target->local->name);
    base_json_key(&j, "messages");
    base_json_arr(&j);
    for (size_t i = 0; i < r->n_messages; i++)
        put_message(&j, &r->messages[i], &tmp);
    base_json_arr_end(&j);
    if (r->n_tools && r->tool_choice != CHAT_TOOLS_NONE)
        put_tools(&j, r);
    put_int(&j, "max_tokens", r->max_tokens);
    put_num(&j, "temperature", r->temperature);
    put_int(&j, "top_k", r->top_k);
    put_num(&j, "top_p", r->top_p);
    put_num(&j, "min_p", r->min_p);
    put_num(&j, "presence_penalty", r->presence_penalty);
    put_num(&j, "frequency_penalty", r->frequency_penalty);
    put_num(&j, "repeat_penalty", r->repeat_penalty);
    put_int(&j, "seed", r->seed);
    base_json_key(&j, "stop");
    base_json_arr(&j);
    for (size_t i = 0; i < r->n_stop; i++)
        base_json_str(&j, r->stop[i]);
    base_json_arr_end(&j);
    base_json_kstr(&j, "tenant", spec->tenant);
    if (spec->watermark)
        base_json_kbool(&j, "watermark", true);
    base_json_obj_end(&j);
    bool ok = base_buf_ok(out) && base_buf_ok(&tmp);
    base_buf_release(&tmp);
    return ok;
}
