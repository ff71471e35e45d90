/* template.c - the way from a request to a prompt: normalise, render, say who wrote what.
 *
 * Everything in the request is foreign text to the template, roles, names and tool schemas
 * included. What the template itself wrote, and the model's own BOS and EOS, may become special
 * tokens; nothing else (see jinja.h and eng_tok_encode_mixed).
 */
#include "engine/text/template.h"

#include "base/arena.h"
#include "engine/model/gguf.h"

#include <stdlib.h>

const char ENG_TEMPLATE_CHATML[] =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const char ENG_TEMPLATE_PLAIN[] = "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}"
                                  "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

struct eng_template {
    struct eng_jinja *jinja;
    struct base_arena *arena;
    struct base_str bos, eos;
    struct eng_dialect dialect;
    bool short_ids; /* it refuses call ids of any length but SHORT_ID */
    bool takes_tools;
    bool wants_thinking; /* it reads an earlier thought as `thinking` */
};

enum base_status eng_template_new(struct base_str source, struct base_str bos, struct base_str eos,
                                  struct eng_template **out, struct base_err *err)
{
    *out = NULL;
    struct base_arena *a = base_arena_new(1u << 20);
    struct eng_template *t = a ? base_arena_alloc(a, sizeof(*t)) : NULL;
    enum base_status st = BASE_OK;
    if (t == NULL) {
        base_arena_free(a);
        return base_err_set(err, BASE_ENOMEM, "no memory for a template");
    }
    t->arena = a;
    t->bos = base_arena_dup(a, bos);
    t->eos = base_arena_dup(a, eos);
    t->dialect = eng_dialect_of(source);
    t->short_ids = base_str_find(source, BASE_STR("with length 9"), 0) != SIZE_MAX;
    t->takes_tools = base_str_find(source, BASE_STR("tools"), 0) != SIZE_MAX;
    t->wants_thinking = base_str_find(source, BASE_STR("message.thinking"), 0) != SIZE_MAX;
    if (t->bos.p == NULL || t->eos.p == NULL)
        st = base_err_set(err, BASE_ENOMEM, "no memory for a template");
    else
        st = eng_jinja_parse(source, &t->jinja, err);
    if (st != BASE_OK)
        base_arena_free(a);
    else
        *out = t;
    return st;
}

enum base_status eng_template_from_gguf(const struct eng_gguf *g, const struct eng_tok *tok,
                                        struct eng_template **out, bool *own, struct base_err *err)
{
    struct base_str source;
    *own = eng_gguf_str(g, "tokenizer.chat_template", &source) == BASE_OK;
    if (!*own && eng_tok_find(tok, BASE_STR("<|im_start|>")) >= 0 &&
        eng_tok_find(tok, BASE_STR("<|im_end|>")) >= 0)
        source = base_str_c(ENG_TEMPLATE_CHATML);
    else if (!*own)
        source = base_str_c(ENG_TEMPLATE_PLAIN);
    return eng_template_new(source, eng_tok_text(tok, eng_tok_bos(tok)),
                            eng_tok_text(tok, eng_tok_eos(tok)), out, err);
}

void eng_template_free(struct eng_template *t)
{
    if (t == NULL)
        return;
    eng_jinja_free(t->jinja);
    base_arena_free(t->arena);
}

struct eng_dialect eng_template_dialect(const struct eng_template *t)
{
    return t->dialect;
}

bool eng_template_takes_tools(const struct eng_template *t)
{
    return t->takes_tools;
}

static bool parse_arguments(json_t *calls)
{
    size_t i;
    json_t *call;
    json_array_foreach(calls, i, call)
    {
        json_t *f = json_object_get(call, "function");
        json_t *a = json_object_get(f ? f : call, "arguments");
        if (!json_is_string(a))
            continue;
        json_t *v = json_loadb(json_string_value(a), json_string_length(a),
                               JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        if (v && json_object_set_new(f ? f : call, "arguments", v) != 0)
            return false;
    }
    return true;
}

/* Mistral's templates raise for ids that are not SHORT_ID long; calls that other models have made
 * have such. The same id always becomes the same short one. */
#define SHORT_ID 9

static bool shorten_id(json_t *o, const char *key)
{
    static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const json_t *v = json_object_get(o, key);
    char id[SHORT_ID];
    if (!json_is_string(v) || json_string_length(v) == SHORT_ID)
        return true;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < json_string_length(v); i++)
        h = (h ^ (uint8_t)json_string_value(v)[i]) * 0x100000001b3u;
    h ^= h >> 29;
    for (size_t i = 0; i < SHORT_ID; i++, h /= 62)
        id[i] = set[h % 62];
    return json_object_set_new(o, key, json_stringn(id, SHORT_ID)) == 0;
}

static bool shorten_ids(json_t *m)
{
    size_t i;
    json_t *call;
    bool ok = shorten_id(m, "tool_call_id");
    json_array_foreach(json_object_get(m, "tool_calls"), i, call)
    {
        ok = ok && shorten_id(call, "id");
    }
    return ok;
}

/* gpt-oss' template has its own word for an earlier thought, and takes it in a call's message only
 * where there is no text beside it. */
static bool name_thought(json_t *m)
{
    json_t *thought = json_object_get(m, "reasoning_content");
    bool calls = json_array_size(json_object_get(m, "tool_calls")) > 0;
    if (!json_is_string(thought) || json_object_get(m, "thinking") ||
        (calls && json_string_length(json_object_get(m, "content")) > 0))
        return true;
    return json_object_set(m, "thinking", thought) == 0;
}

static bool normalise(const struct eng_template *t, json_t *vars)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(vars, "messages"), i, m)
    {
        if ((t->short_ids && !shorten_ids(m)) || (t->wants_thinking && !name_thought(m)))
            return false;
        if (json_is_null(json_object_get(m, "content")) &&
            json_object_set_new(m, "content", json_string("")) != 0)
            return false;
        if (!parse_arguments(json_object_get(m, "tool_calls")))
            return false;
    }
    return json_object_get(vars, "enable_thinking") != NULL ||
           json_object_set_new(vars, "enable_thinking", json_true()) == 0;
}

/* The first two messages, system and user, made one; false if they are not that. */
static bool fold_system(json_t *vars)
{
    json_t *ms = json_object_get(vars, "messages");
    json_t *sys = json_array_get(ms, 0), *user = json_array_get(ms, 1);
    json_t *a = json_object_get(sys, "content"), *b = json_object_get(user, "content");
    const char *r0 = json_string_value(json_object_get(sys, "role"));
    const char *r1 = json_string_value(json_object_get(user, "role"));
    if (!r0 || !r1 || strcmp(r0, "system") != 0 || strcmp(r1, "user") != 0 || !json_is_string(a) ||
        !json_is_string(b))
        return false;
    struct base_buf both;
    base_buf_init(&both, ENG_JINJA_OUTPUT_MAX);
    base_buf_add(&both, json_string_value(a), json_string_length(a));
    base_buf_byte(&both, '\n');
    base_buf_add(&both, json_string_value(b), json_string_length(b));
    bool ok = base_buf_ok(&both) &&
              json_object_set_new(user, "content", json_stringn(both.p, both.n)) == 0 &&
              json_array_remove(ms, 0) == 0;
    base_buf_release(&both);
    return ok;
}

enum base_status eng_template_render(const struct eng_template *t, json_t *request, int64_t now_s,
                                     struct eng_rendered *out, struct base_err *err)
{
    *out = (struct eng_rendered){0};
    if (!json_is_object(request) || !json_is_array(json_object_get(request, "messages")))
        return base_err_set(err, BASE_EINVAL, "\"messages\" is not a list");
    json_t *vars = json_deep_copy(request);
    if (vars == NULL || !normalise(t, vars)) {
        json_decref(vars);
        return base_err_set(err, BASE_ENOMEM, "no memory for the messages");
    }
    enum base_status st = eng_jinja_render(t->jinja, vars, t->bos, t->eos, now_s, out, err);
    if (st == BASE_EINVAL && fold_system(vars)) {
        struct eng_rendered again;
        if (eng_jinja_render(t->jinja, vars, t->bos, t->eos, now_s, &again, NULL) == BASE_OK) {
            eng_rendered_release(out);
            *out = again;
            st = BASE_OK;
        } else {
            eng_rendered_release(&again);
        }
    }
    json_decref(vars);
    return st;
}

/* Does the prompt end with a mark that the template itself wrote? */
static bool opens_thought(const struct eng_template *t, const struct eng_rendered *r)
{
    struct base_str text = base_buf_view(&r->text);
    size_t from = r->n_foreign > 0 ? r->foreign[r->n_foreign - 1].to : 0;
    return from <= text.n &&
           eng_dialect_opened(t->dialect, base_str_n(text.p + from, text.n - from));
}

enum base_status eng_template_tokens(const struct eng_template *t, const struct eng_tok *tok,
                                     json_t *request, int64_t now_s, struct eng_ids *ids,
                                     bool *in_thought, bool *too_long, struct base_err *err)
{
    struct eng_rendered r;
    size_t from = ids->n;
    int32_t bos = eng_tok_bos(tok);
    bool limit = false;
    enum base_status st = eng_template_render(t, request, now_s, &r, err);
    if (st == BASE_OK) {
        st = eng_tok_encode_mixed(tok, base_buf_view(&r.text), r.foreign, r.n_foreign, 0, ids, err);
        if (st == BASE_OK && eng_tok_adds_bos(tok) && (ids->n == from || ids->v[from] != bos)) {
            st = eng_ids_add(ids, bos, err);
            if (st == BASE_OK) {
                memmove(ids->v + from + 1, ids->v + from, (ids->n - from - 1) * sizeof(*ids->v));
                ids->v[from] = bos;
            }
        }
        limit = st == BASE_LIMIT;
    }
    if (too_long)
        *too_long = limit;
    if (in_thought)
        *in_thought = st == BASE_OK && opens_thought(t, &r);
    eng_rendered_release(&r);
    return st;
}
