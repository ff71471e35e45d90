/* scheduler_submit.c - from a SUBMIT's JSON to a request with a tokenized prompt; what is wrong
 * with it is the caller's fault and told in words.
 */
#include "engine/serve/scheduler_int.h"

#include "base/clock.h"
#include "conf/conf.h"

static bool number(json_t *o, const char *key, double lo, double hi, double *out)
{
    json_t *v = json_object_get(o, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_number(v))
        return false;
    *out = json_number_value(v);
    return *out >= lo && *out <= hi;
}

static bool sampling_of(json_t *o, struct eng_sampling *p, int64_t *max_tokens, const char **bad)
{
    double temperature = p->temperature, top_k = p->top_k, top_p = p->top_p, min_p = p->min_p;
    double presence = 0, frequency = 0, repeat = 1, seed = -1, max = 0;
    const struct {
        const char *key;
        double lo, hi;
        double *at;
    } f[] = {{"temperature", 0, 100, &temperature},
             {"top_k", 0, 1e9, &top_k},
             {"top_p", 0, 1, &top_p},
             {"min_p", 0, 1, &min_p},
             {"presence_penalty", -100, 100, &presence},
             {"frequency_penalty", -100, 100, &frequency},
             {"repeat_penalty", 0.01, 100, &repeat},
             {"seed", -9.1e15, 9.1e15, &seed},
             {"max_tokens", 1, 1e9, &max}};
    for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
        if (!number(o, f[i].key, f[i].lo, f[i].hi, f[i].at)) {
            *bad = f[i].key;
            return false;
        }
    json_t *js = json_object_get(o, "seed");
    p->temperature = (float)temperature;
    p->top_k = (uint32_t)top_k;
    p->top_p = (float)top_p;
    p->min_p = (float)min_p;
    p->presence = (float)presence;
    p->frequency = (float)frequency;
    p->repeat = (float)repeat;
    p->seeded = json_is_number(js);
    p->seed = p->seeded ? (uint64_t)(int64_t)seed : 0;
    *max_tokens = (int64_t)max;
    return true;
}

static bool stops_of(json_t *o, struct eng_text *t, struct base_err *err)
{
    json_t *v = json_object_get(o, "stop"), *x;
    size_t i;
    if (json_is_string(v))
        return eng_text_add_stop(t, base_str_n(json_string_value(v), json_string_length(v)), err) ==
               BASE_OK;
    json_array_foreach(v, i, x)
    {
        if (!json_is_string(x)) {
            (void)base_err_set(err, BASE_EINVAL, "\"stop\" holds what is no string");
            return false;
        }
        if (eng_text_add_stop(t, base_str_n(json_string_value(x), json_string_length(x)), err) !=
            BASE_OK)
            return false;
    }
    return true;
}

/* What the caller says to the template, but for what is said by other means; a DeepSeek template
 * has its own word for enable_thinking. */
static void template_switches(json_t *v, json_t *switches)
{
    static const char *const ours[] = {"messages",  "tools",     "add_generation_prompt",
                                       "bos_token", "eos_token", "documents"};
    const char *key;
    json_t *x;
    json_object_foreach(switches, key, x)
    {
        bool reserved = false;
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            reserved = reserved || strcmp(key, ours[i]) == 0;
        if (!reserved)
            json_object_set(v, key, x);
    }
    x = json_object_get(v, "enable_thinking");
    if (x && json_object_get(v, "thinking") == NULL)
        json_object_set(v, "thinking", x);
}

/* The object that the template sees: messages and tools, and that an answer is wanted. */
static json_t *template_vars(json_t *submit)
{
    json_t *v = json_object(), *tools = json_object_get(submit, "tools");
    template_switches(v, json_object_get(submit, "template"));
    json_object_set(v, "messages", json_object_get(submit, "messages"));
    if (json_array_size(tools) > 0)
        json_object_set(v, "tools", tools);
    json_object_set_new(v, "add_generation_prompt", json_true());
    return v;
}

/* A prompt as it is: BOS where the file asks for it, and nothing else of ours. */
static enum base_status raw_tokens(struct eng_sched *s, json_t *submit, json_t *prompt,
                                   struct eng_ids *ids, bool *too_long, struct base_err *err)
{
    unsigned flags = json_is_true(json_object_get(submit, "parse_special")) ? ENG_TOK_PARSE : 0;
    enum base_status st = BASE_OK;
    int32_t bos = eng_tok_bos(s->tok);
    if (eng_tok_adds_bos(s->tok) && bos >= 0)
        st = eng_ids_add(ids, bos, err);
    if (st == BASE_OK)
        st = eng_tok_encode(s->tok,
                            base_str_n(json_string_value(prompt), json_string_length(prompt)),
                            flags, ids, err);
    *too_long = st == BASE_LIMIT;
    if (st == BASE_OK && flags && ids->n > 1 && ids->v[0] == bos && ids->v[1] == bos)
        memmove(ids->v, ids->v + 1, --ids->n * sizeof(*ids->v)); /* the caller has written it */
    return st;
}

/* The prompt's tokens, of messages or of a raw prompt. */
static enum base_status prompt_tokens(struct eng_sched *s, struct eng_request *r, json_t *submit,
                                      bool *too_long, struct base_err *err)
{
    json_t *prompt = json_object_get(submit, "prompt");
    r->ids.max = s->n_ctx - 1;
    r->raw = json_is_string(prompt);
    if (r->raw)
        return raw_tokens(s, submit, prompt, &r->ids, too_long, err);
    json_t *vars = template_vars(submit);
    enum base_status st = eng_template_tokens(s->tpl, s->tok, vars, base_wall_us() / 1000000,
                                              &r->ids, &r->in_thought, too_long, err);
    json_decref(vars);
    return st;
}

/* Fills r; on failure tells *status and *type, and the message in err. */
bool sched_prepare(struct eng_sched *s, struct eng_request *r, json_t *submit, int *status,
                   const char **type, struct base_err *err)
{
    struct eng_sampling p = s->defaults;
    int64_t max = 0;
    const char *bad = NULL;
    bool too_long = false;
    *status = 400;
    *type = "invalid_request_error";
    if (!sampling_of(submit, &p, &max, &bad)) {
        (void)base_err_set(err, BASE_EINVAL, "\"%s\" is out of its range", bad);
        return false;
    }
    if (!stops_of(submit, &r->text, err))
        return false;
    enum base_status st = prompt_tokens(s, r, submit, &too_long, err);
    if (too_long) {
        *type = "context_length_exceeded";
        (void)base_err_set(err, st,
                           "the prompt does not fit the model's context of %u tokens; shorten it",
                           s->n_ctx);
        return false;
    }
    if (st == BASE_ENOMEM || st == BASE_EBUG) {
        *status = 500;
        *type = "engine_error";
    }
    if (st != BASE_OK)
        return false;
    if (r->ids.n == 0) {
        (void)base_err_set(err, BASE_EINVAL, "the prompt is empty");
        return false;
    }
    if (sched_out_begin(s, r, submit, err) != BASE_OK) {
        *status = 500;
        *type = "engine_error";
        return false;
    }
    r->n_prompt = (uint32_t)r->ids.n;
    r->ids.max = s->n_ctx;
    uint32_t left = s->n_ctx - r->n_prompt;
    r->max_tokens = max > 0 && max < left ? (uint32_t)max : left;
    r->sampler = eng_sampler_new(&p, s->n_sample);
    if (r->sampler == NULL) {
        *status = 500;
        *type = "engine_error";
        (void)base_err_set(err, BASE_ENOMEM, "no memory for a request");
        return false;
    }
    if (json_is_true(json_object_get(submit, "watermark"))) {
        if (!s->ec->watermark.present) { /* never unmarked text where a mark was asked for */
            (void)base_err_set(err, BASE_EINVAL, "engine.watermark is not configured");
            return false;
        }
        eng_sampler_mark(r->sampler, &s->watermark, r->ids.v[r->n_prompt - 1]);
    }
    return true;
}
