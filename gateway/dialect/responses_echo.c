/* responses_echo.c - what the object of a response repeats of its request. See responses_parse.c.
 *
 * The members stand in chat_request.echo as one JSON object and go back to the caller alone, three
 * times in a stream. So they are bounded: past ECHO_MAX what the caller wrote at length stays away
 * (instructions null, tools and metadata empty), and the rest is still a response that every SDK
 * reads. `store` is false whatever was asked: nothing is stored. Owns nothing; no I/O.
 */
#include "gateway/dialect/responses_int.h"

#define ECHO_MAX (256u << 10)

static bool given(const json_t *v)
{
    return v && !json_is_null(v);
}

/* root's member as it came; instead where it is absent. */
static void put_member(struct base_json *j, const json_t *root, const char *key,
                       const char *instead)
{
    const json_t *v = json_object_get(root, key);

    base_json_key(j, key);
    if (given(v)) {
        base_json_raw(j, BASE_STR_NULL); /* places the comma; the value follows */
        gw_json_put(j->out, v);
    } else {
        base_json_raw(j, base_str_c(instead));
    }
}

static void put_optional(struct base_json *j, const json_t *root, const char *key)
{
    if (given(json_object_get(root, key)))
        put_member(j, root, key, "null");
}

static void put_text(struct base_json *j, const json_t *text)
{
    base_json_key(j, "text");
    base_json_obj(j);
    put_member(j, text, "format", "{\"type\":\"text\"}");
    put_optional(j, text, "verbosity");
    base_json_obj_end(j);
}

static void put_reasoning(struct base_json *j, const json_t *reasoning)
{
    base_json_key(j, "reasoning");
    base_json_obj(j);
    put_member(j, reasoning, "effort", "null");
    put_member(j, reasoning, "summary", "null");
    base_json_obj_end(j);
}

/* from: the request, or an empty object: only what has a default then. */
static void put_echo(struct base_json *j, const json_t *from)
{
    base_json_obj(j);
    base_json_kbool(j, "background", false);
    put_member(j, from, "instructions", "null");
    put_member(j, from, "max_output_tokens", "null");
    put_member(j, from, "max_tool_calls", "null");
    put_member(j, from, "metadata", "{}");
    put_member(j, from, "parallel_tool_calls", "true");
    base_json_key(j, "previous_response_id");
    base_json_null(j);
    put_optional(j, from, "prompt_cache_key");
    put_reasoning(j, json_object_get(from, "reasoning"));
    put_optional(j, from, "safety_identifier");
    base_json_kbool(j, "store", false);
    put_member(j, from, "temperature", "null");
    put_text(j, json_object_get(from, "text"));
    put_member(j, from, "tool_choice", "\"auto\"");
    put_member(j, from, "tools", "[]");
    put_member(j, from, "top_logprobs", "0");
    put_member(j, from, "top_p", "null");
    put_member(j, from, "truncation", "\"disabled\"");
    put_optional(j, from, "user");
    base_json_obj_end(j);
}

enum base_status gw_px_echo(const struct gw_px *p, const json_t *root, struct chat_request *r)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, ECHO_MAX);
    base_json_init(&j, &b);
    put_echo(&j, root);
    if (!base_buf_ok(&b)) {
        json_t *none = json_object();
        base_buf_release(&b);
        base_buf_init(&b, ECHO_MAX);
        base_json_init(&j, &b);
        put_echo(&j, none);
        json_decref(none);
    }
    r->echo = base_arena_dup(p->a, base_buf_view(&b));
    base_buf_release(&b);
    return r->echo.p ? BASE_OK : gw_px_no_room(p);
}
