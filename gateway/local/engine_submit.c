/* engine_submit.c - a canonical request as the engine's SUBMIT payload (engine/serve/proto.h).
 *
 * Pure; any thread. The engine knows one conversation form, OpenAI's with plain string contents:
 * the text parts of a message are joined by newlines, tool results become messages of their own,
 * developers speak as the system does. Thoughts of earlier turns go along: templates keep them as
 * long as the model was trained to see them (between a call and its result) and drop the rest.
 * Opaque parts are the caller's to refuse.
 *
 * A client of OpenAI's older completions gives a prompt: it goes as "prompt", one text, and the
 * engine leaves the model's template out.
 *
 * Members that OpenAI has no place for in the canonical form: reasoning_effort, enable_thinking and
 * chat_template_kwargs become variables of the model's template, parallel_tool_calls: false ends an
 * answer with its first call. Of Anthropic's, thinking switches the model's thoughts and
 * output_config.effort is the effort; a budget of tokens for thoughts is not kept. A tool choice is
 * not forced on a local model, only followed in what is offered: "none" offers no tool, a named one
 * offers that tool alone. Whatever is not carried is named in `dropped`.
 */
#include "gateway/local/engine_submit.h"
#include "base/json.h"
#include "engine/serve/proto.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/wire.h"

/* The text of a message: its text and refusal parts, a line apart; its thoughts beside it. */
static void put_content(struct base_json *j, const struct chat_message *m, struct base_buf *tmp)
{
    for (int thought = 0; thought < 2; thought++) {
        bool any = false;
        base_buf_clear(tmp);
        for (size_t i = 0; i < m->n_parts; i++) {
            const struct chat_part *p = &m->parts[i];
            if (thought ? p->kind != CHAT_PART_REASONING
                        : p->kind != CHAT_PART_TEXT && p->kind != CHAT_PART_REFUSAL)
                continue;
            if (any)
                base_buf_byte(tmp, '\n');
            base_buf_str(tmp, p->text);
            any = true;
        }
        if (any || !thought)
            base_json_kstr(j, thought ? "reasoning_content" : "content", base_buf_view(tmp));
    }
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

/* key: "tools" are shown to the model, "calls" only tell how its calls are read. */
static void put_tools(struct base_json *j, const char *key, const struct chat_request *r)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < r->n_tools; i++) {
        const struct chat_tool *t = &r->tools[i];
        if (t->name.n == 0 ||
            (r->tool_choice == CHAT_TOOLS_NAMED && !base_str_eq(t->name, r->tool_choice_name)))
            continue;
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

/* OpenAI's scale has more steps than models have; the words are those that templates know. */
static void put_effort(struct base_json *j, struct base_str effort, bool switched,
                       struct base_buf *dropped)
{
    static const char *const steps[][2] = {
        {"none", "low"},  {"minimal", "low"}, {"low", "low"}, {"medium", "medium"},
        {"high", "high"}, {"xhigh", "high"},  {"max", "high"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (!base_str_is(effort, steps[i][0]))
            continue;
        base_json_kz(j, "reasoning_effort", steps[i][1]);
        if (i == 0 && !switched)
            base_json_kbool(j, "enable_thinking", false);
        return;
    }
    gw_dropped_add(dropped, "", "reasoning_effort");
}

/* Anthropic's words for thought: the switch, and how much. */
static void put_thinking(struct base_json *j, const json_t *o, bool own_switch, bool own_effort,
                         struct base_buf *dropped)
{
    const json_t *think = gw_json_get_obj(o, "thinking"), *v;
    const json_t *config = gw_json_get_obj(o, "output_config");
    struct base_str effort = gw_json_get_str(config, "effort");
    const char *key;
    if (think && !own_switch)
        base_json_kbool(j, "enable_thinking",
                        !base_str_is(gw_json_get_str(think, "type"), "disabled"));
    if (effort.n && !own_effort)
        put_effort(j, effort, true, dropped);
    for (int i = 0; i < 2; i++) {
        json_t *from = (json_t *)(uintptr_t)(i ? config : think);
        json_object_foreach(from, key, v)
        {
            if (strcmp(key, i ? "effort" : "type") != 0)
                gw_dropped_add(dropped, i ? "output_config." : "thinking.", key);
        }
    }
}

/* Top-level members that the canonical form has no place for. */
static void put_extra(struct base_json *j, const struct chat_request *r, struct base_buf *dropped)
{
    json_t *o = r->extra.n ? gw_json_load(r->extra, true, NULL) : NULL;
    json_t *args = json_object_get(o, "chat_template_kwargs"), *v;
    json_t *think = json_object_get(o, "enable_thinking");
    const char *key;
    bool raw = r->dialect == CHAT_DIALECT_OPENAI_COMPLETIONS; /* no template to tell */
    bool own_effort = json_object_get(args, "reasoning_effort") != NULL;
    bool own_switch = json_object_get(args, "enable_thinking") != NULL;
    base_json_key(j, "template");
    base_json_obj(j);
    json_object_foreach(json_is_object(args) ? args : NULL, key, v)
    {
        base_json_key(j, key);
        base_json_raw(j, BASE_STR_NULL); /* places the comma; the value follows */
        gw_json_put(j->out, v);
    }
    if (json_is_boolean(think) && !own_switch)
        base_json_kbool(j, "enable_thinking", json_is_true(think));
    bool anthropic = r->dialect == CHAT_DIALECT_ANTHROPIC;
    if (anthropic)
        put_thinking(j, o, own_switch || json_is_boolean(think), own_effort, dropped);
    v = anthropic ? NULL : json_object_get(o, "reasoning_effort");
    if (json_is_string(v) && !own_effort)
        put_effort(j, gw_json_str(v), own_switch || json_is_boolean(think), dropped);
    base_json_obj_end(j);
    if (json_is_false(json_object_get(o, "parallel_tool_calls")) && !r->one_call)
        base_json_kbool(j, "parallel_tool_calls", false);
    json_object_foreach(o, key, v)
    {
        bool words = strcmp(key, "thinking") == 0 || strcmp(key, "output_config") == 0;
        if (anthropic && words && json_is_object(v))
            continue; /* what of them is not carried has been named */
        bool carried = raw ? strcmp(key, "parse_special") == 0
                       : strcmp(key, "chat_template_kwargs") == 0 ? json_is_object(v)
                       : strcmp(key, "enable_thinking") == 0      ? json_is_boolean(v)
                       : strcmp(key, "reasoning_effort") == 0     ? json_is_string(v) && !anthropic
                       : strcmp(key, "parallel_tool_calls") == 0  ? json_is_boolean(v)
                                                                  : false;
        if (!carried && !json_is_null(v))
            gw_dropped_add(dropped, "", key);
    }
    json_decref(o);
}

/* The conversation, or the prompt as it is. */
static void put_asked(struct base_json *j, const struct chat_request *r, struct base_buf *tmp)
{
    if (r->dialect == CHAT_DIALECT_OPENAI_COMPLETIONS && r->n_messages == 1 &&
        r->messages[0].n_parts == 1) {
        json_t *o = gw_json_mentions(r->extra, "\"parse_special\"")
                        ? gw_json_load(r->extra, true, NULL)
                        : NULL;
        base_json_kstr(j, "prompt", r->messages[0].parts[0].text);
        if (json_is_true(json_object_get(o, "parse_special")))
            base_json_kbool(j, "parse_special", true);
        json_decref(o);
        return;
    }
    base_json_key(j, "messages");
    base_json_arr(j);
    for (size_t i = 0; i < r->n_messages; i++)
        put_message(j, &r->messages[i], tmp);
    base_json_arr_end(j);
}

static void name_dropped(const struct chat_request *r, struct base_buf *dropped)
{
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct chat_message *m = &r->messages[i];
        gw_dropped_extra(dropped, "messages.", m->extra);
        for (size_t k = 0; k < m->n_parts; k++)
            gw_dropped_extra(dropped,
                             m->parts[k].kind == CHAT_PART_TOOL_CALL ? "messages.tool_calls."
                                                                     : "messages.content.",
                             m->parts[k].extra);
    }
    for (size_t i = 0; i < r->n_tools; i++)
        if (r->tools[i].name.n == 0)
            gw_dropped_add(dropped, "", "tools");
        else
            gw_dropped_extra(dropped, "tools.", r->tools[i].extra);
    if (r->tool_choice == CHAT_TOOLS_REQUIRED || r->tool_choice == CHAT_TOOLS_NAMED)
        gw_dropped_add(dropped, "", "tool_choice");
}

bool gw_engine_submit(struct base_buf *out, struct base_buf *dropped,
                      const struct gw_attempt_spec *spec)
{
    const struct chat_request *r = spec->request;
    struct base_json j;
    struct base_buf tmp;
    base_buf_init(&tmp, ENG_FRAME_MAX);
    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "model", spec->target->local->name);
    put_asked(&j, r, &tmp);
    if (r->n_tools && r->tool_choice != CHAT_TOOLS_NONE)
        put_tools(&j, "tools", r);
    if (spec->asked && spec->asked->tool_choice != CHAT_TOOLS_NONE)
        put_tools(&j, "calls", spec->asked);
    if (r->extra.n)
        put_extra(&j, r, dropped);
    if (r->one_call)
        base_json_kbool(&j, "parallel_tool_calls", false);
    if (r->count_only)
        base_json_kbool(&j, "count", true);
    gw_wire_dropped_anthropic(r, dropped);
    name_dropped(r, dropped);
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
