/* gemini_config.c - `generationConfig`: how Gemini is to answer.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Mapping    - numbers under their own names; a seed beyond 32 bits, min_p and repeat_penalty have
 *              no counterpart;
 *            - response_format json_object is responseMimeType application/json; json_schema is
 *              that and responseJsonSchema, the schema as it came;
 *            - effort (effort.c), of a client or of a policy's limit, is thinkingConfig: a level
 *              from the third generation on, a budget in tokens for 2.5 (by Google's own table for
 *              OpenAI's clients), nothing for models that do not think. "none" is the least that
 *              every model takes: LOW (some know no MINIMAL), and 128 tokens for 2.5's pro models,
 *              which cannot stop thinking.
 * Invariants whatever is not said is named in `dropped`.
 */
#include "gateway/upstream/gemini_int.h"

static bool says(struct base_str s, const char *word)
{
    return gw_json_mentions(s, word);
}

bool gw_gemini_is_new(struct base_str model)
{
    return !says(model, "gemini-1") && !says(model, "gemini-2") && !says(model, "gemma");
}

static void put_numbers(struct base_json *j, const struct chat_request *r, struct base_buf *dropped)
{
    bool small = r->seed.v >= -2147483648.0 && r->seed.v <= 2147483647.0;
    const struct {
        const char *key;
        const char *theirs; /* NULL: none */
        const struct chat_opt_num *n;
    } all[] = {{"max_tokens", "maxOutputTokens", &r->max_tokens},
               {"temperature", "temperature", &r->temperature},
               {"top_p", "topP", &r->top_p},
               {"top_k", "topK", &r->top_k},
               {"presence_penalty", "presencePenalty", &r->presence_penalty},
               {"frequency_penalty", "frequencyPenalty", &r->frequency_penalty},
               {"seed", small ? "seed" : NULL, &r->seed},
               {"min_p", NULL, &r->min_p},
               {"repeat_penalty", NULL, &r->repeat_penalty}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].n->set && all[i].theirs)
            gw_json_knum(j, all[i].theirs, all[i].n->v);
        else if (all[i].n->set)
            gw_dropped_add(dropped, "", all[i].key);
    }
}

/* The whole of response_format, or false. */
static bool put_format(struct base_json *j, const json_t *format)
{
    struct base_str type = gw_json_get_str(format, "type");
    const json_t *schema = gw_json_get_obj(gw_json_get_obj(format, "json_schema"), "schema");

    if (base_str_is(type, "text"))
        return true;
    if (!base_str_is(type, "json_object") && !(base_str_is(type, "json_schema") && schema))
        return false;
    base_json_kz(j, "responseMimeType", "application/json");
    if (base_str_is(type, "json_object"))
        return true;
    base_json_key(j, "responseJsonSchema");
    base_json_raw(j, BASE_STR_NULL); /* places the comma; the value follows */
    gw_json_put(j->out, schema);
    return true;
}

struct effort {
    const char *word;
    const char *level;
    int budget;
};

static bool put_effort(struct base_json *j, struct base_str model, const struct gw_effort *asked)
{
    static const struct effort all[] = {{"none", "LOW", 0},      {"minimal", "LOW", 512},
                                        {"low", "LOW", 1024},    {"medium", "MEDIUM", 8192},
                                        {"high", "HIGH", 24576}, {"xhigh", "HIGH", 24576},
                                        {"max", "HIGH", 24576}};
    const struct effort *e = NULL;
    bool levels = gw_gemini_is_new(model);

    for (size_t i = 0; i < sizeof all / sizeof all[0] && !e; i++)
        if (base_str_is(asked->word, all[i].word))
            e = &all[i];
    if ((!e && (asked->word.n > 0 || !asked->thoughts)) || (!levels && !says(model, "gemini-2.5")))
        return false;
    base_json_key(j, "thinkingConfig");
    base_json_obj(j);
    base_json_kbool(j, "includeThoughts", asked->thoughts);
    if (e && levels)
        base_json_kz(j, "thinkingLevel", e->level);
    else if (e)
        base_json_kint(j, "thinkingBudget", e == all && says(model, "pro") ? 128 : e->budget);
    base_json_obj_end(j);
    return true;
}

/* What else stands at the top level: what has a counterpart is put, the rest named. */
static enum base_status put_extra(struct base_json *j, struct base_str model,
                                  const struct chat_request *r, struct base_buf *dropped,
                                  struct base_err *err)
{
    struct gw_effort effort;
    const char *key;
    json_t *v;

    if (r->extra.n == 0)
        return BASE_OK;
    json_t *o = gw_json_load(r->extra, false, err);
    if (!o)
        return base_err_set(err, BASE_EBUG, "extra members of a request are no JSON object");
    gw_effort_read(r, o, &effort);
    bool thinks = put_effort(j, model, &effort);
    json_object_foreach(o, key, v)
    {
        bool put = strcmp(key, "response_format") == 0 && chat_dialect_is_openai(r->dialect)
                       ? put_format(j, v)
                       : thinks && gw_effort_is(r, key, v);
        if (!put && !json_is_null(v))
            gw_dropped_add(dropped, "", key);
    }
    json_decref(o);
    return BASE_OK;
}

enum base_status gw_gemini_config(struct base_json *j, struct base_str model,
                                  const struct chat_request *r, struct base_buf *dropped,
                                  struct base_err *err)
{
    base_json_key(j, "generationConfig");
    base_json_obj(j);
    put_numbers(j, r, dropped);
    if (r->n_stop > 0) {
        base_json_key(j, "stopSequences");
        base_json_arr(j);
        for (size_t i = 0; i < r->n_stop; i++)
            base_json_str(j, r->stop[i]);
        base_json_arr_end(j);
    }
    enum base_status st = put_extra(j, model, r, dropped, err);
    base_json_obj_end(j);
    return st;
}
