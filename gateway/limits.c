/* limits.c - what a request asks of the model, and what it gets instead where a policy limits it.
 *
 * Owns       nothing. Runs on the loop's thread; gw_limits_read also on the pool's.
 * Reads      the canonical numbers, and of the members that the canonical form has no field for
 *            `reasoning_effort` and `reasoning: {effort}`. Another way to ask for thought
 *            (`thinking`, a `reasoning` with a budget, a word that is unknown) counts as beyond
 *            every limit on effort: nobody gets around it by another spelling.
 *            So does Bedrock's bag of a model's own fields.
 * Anthropic  its `thinking` is how much thought is asked for: none where it is disabled, else the
 *            least effort whose budget (budget_of, below) holds its budget_tokens, and adaptive is
 *            as much as output_config.effort says, or beyond every limit without it. Of both the
 *            greater counts. What is limited is written in the same words, and within max_tokens,
 *            which that interface demands.
 * Writes     only q->sent, the copy that an attempt gets: q->chat stays what the caller wrote, and
 *            a fallback is decided from that again.
 */
#include "gateway/limits.h"
#include "gateway/dialect/jsonx.h"

static const char *const effort_members[] = {"reasoning_effort",
                                             "reasoning",
                                             "thinking",
                                             "thinking_budget",
                                             "enable_thinking",
                                             "additionalModelRequestFields",
                                             NULL};

static enum base_status add_bytes(void *ctx, const struct chat_slot *slot)
{
    *(int64_t *)ctx += (int64_t)slot->text->n;
    return BASE_OK;
}

static struct pol_num number(const struct chat_opt_num *n, bool micro)
{
    return (struct pol_num){n->set, n->set ? micro ? conf_micro(n->v) : (int64_t)n->v : 0};
}

/* Of a member that is about thinking: 0 where it asks for nothing. */
static unsigned effort_of(const char *key, const json_t *v)
{
    const json_t *word = json_is_object(v) ? json_object_get(v, "effort") : v;
    bool effort = strcmp(key, "reasoning_effort") == 0 ||
                  (strcmp(key, "reasoning") == 0 && json_is_object(v) && json_object_size(v) == 1);
    unsigned e = 0;

    if (json_is_null(v))
        return 0;
    if (effort && json_is_string(word))
        e = conf_effort_find(gw_json_str(word));
    return e ? e : POL_EFFORT_OTHER;
}

/* ---- Anthropic's words ---- */

#define BUDGET_LEAST 1024 /* what the interface takes */

/* Tokens of thought that an effort stands for; 0: it is switched off. The steps are those by which
 * gateways between the two interfaces translate; none of them is anybody's promise. */
static int64_t budget_of(unsigned effort)
{
    static const int64_t budgets[] = {0, 0, 0, 1024, 8192, 24576, 49152, INT64_MAX};
    return budgets[effort < 8 ? effort : 7];
}

static unsigned thinking_of(const json_t *v)
{
    struct base_str type = gw_json_get_str(v, "type");
    const json_t *budget = json_object_get(v, "budget_tokens");

    if (!v || json_is_null(v) || base_str_is(type, "disabled"))
        return 0;
    for (unsigned e = 3; base_str_is(type, "enabled") && json_is_integer(budget) && e < 8; e++)
        if (json_integer_value(budget) <= budget_of(e))
            return e;
    return POL_EFFORT_OTHER;
}

/* Members that are about thought in other dialects; a local model would hear of some. */
static bool other_words(json_t *extra, bool take_out)
{
    bool any = false;
    for (const char *const *m = effort_members; *m; m++) {
        const json_t *v = strcmp(*m, "thinking") == 0 ? NULL : json_object_get(extra, *m);
        any = any || (v && !json_is_null(v));
        if (v && take_out)
            json_object_del(extra, *m);
    }
    return any;
}

static unsigned asked_effort(json_t *extra)
{
    const json_t *think = json_object_get(extra, "thinking");
    const json_t *config = json_object_get(extra, "output_config");
    const json_t *word = json_object_get(config, "effort");
    bool adaptive = base_str_is(gw_json_get_str(think, "type"), "adaptive");
    unsigned said = 0, thought = thinking_of(think);

    if (word && !json_is_null(word)) {
        said = json_is_string(word) ? conf_effort_find(gw_json_str(word)) : 0;
        said = said ? said : POL_EFFORT_OTHER;
    }
    if (config && !json_is_object(config) && !json_is_null(config))
        said = POL_EFFORT_OTHER;
    if (adaptive && said)
        thought = 0;
    if (other_words(extra, false))
        return POL_EFFORT_OTHER;
    return thought > said ? thought : said;
}

/* output_config.effort, where it is said or has to be, within effort. */
static bool put_config(json_t *extra, unsigned effort, bool needed)
{
    json_t *config = json_object_get(extra, "output_config");
    struct base_str word = gw_json_get_str(config, "effort");
    unsigned least = conf_effort_find(BASE_STR("low")), said = conf_effort_find(word);

    effort = effort > least ? effort : least; /* the least that it has a word for */
    if ((word.n == 0 && !needed) || (said && said <= effort))
        return true;
    if (!json_is_object(config) &&
        json_object_set_new(extra, "output_config", config = json_object()) != 0)
        return false;
    return json_object_set_new(config, "effort", json_string(conf_effort_name(effort))) == 0;
}

/* thinking within effort (0: no limit) and below max_tokens (0: no limit); off where nothing is
 * left of it, or where it is of a kind that is not known. */
static bool put_thinking(json_t *extra, unsigned effort, int64_t max_tokens)
{
    json_t *think = json_object_get(extra, "thinking"), *budget;
    bool adaptive = base_str_is(gw_json_get_str(think, "type"), "adaptive");
    int64_t most = effort ? budget_of(effort) : INT64_MAX;

    if (max_tokens && most >= max_tokens)
        most = max_tokens - 1;
    if (effort && !put_config(extra, effort, adaptive))
        return false;
    if (!think || json_is_null(think) || base_str_is(gw_json_get_str(think, "type"), "disabled"))
        return true;
    budget = json_object_get(think, "budget_tokens");
    if (adaptive && (!effort || budget_of(effort) > 0))
        return true;
    if (base_str_is(gw_json_get_str(think, "type"), "enabled") && json_is_integer(budget)) {
        if (json_integer_value(budget) <= most)
            return true;
        if (most >= BUDGET_LEAST)
            return json_object_set_new(think, "budget_tokens", json_integer(most)) == 0;
    } else if (!effort) {
        return true;
    }
    return json_object_set_new(extra, "thinking", json_pack("{s:s}", "type", "disabled")) == 0;
}

/* effort 0: only the budget is held below max_tokens. */
static bool put_anthropic(struct gw_request *q, unsigned effort)
{
    struct base_err err;
    json_t *extra = q->sent.extra.n ? gw_json_load(q->sent.extra, true, &err) : json_object();
    const struct chat_opt_num *max = &q->sent.max_tokens;
    if (effort && extra)
        (void)other_words(extra, true);
    bool ok = extra && put_thinking(extra, effort, max->set ? (int64_t)max->v : 0);

    if (ok)
        q->sent.extra = json_object_size(extra) ? gw_json_text(q->arena, extra) : BASE_STR_NULL;
    ok = ok && (q->sent.extra.p || json_object_size(extra) == 0);
    json_decref(extra);
    return ok;
}

/* ---- both ---- */

void gw_limits_read(struct chat_request *r, struct pol_asks *out)
{
    struct base_err err;
    json_t *extra = NULL;

    *out = (struct pol_asks){.output_tokens = number(&r->max_tokens, false),
                             .temperature = number(&r->temperature, true),
                             .top_p = number(&r->top_p, true)};
    enum base_status st = chat_request_slots(r, add_bytes, &out->input_bytes);
    if (st != BASE_OK)
        out->input_bytes = INT64_MAX;
    if (r->dialect == CHAT_DIALECT_ANTHROPIC) {
        extra = r->extra.n ? gw_json_load(r->extra, true, &err) : NULL;
        out->effort = asked_effort(extra);
        json_decref(extra);
        return;
    }
    for (const char *const *m = effort_members; *m && !extra; m++)
        if (gw_json_mentions(r->extra, *m))
            extra = gw_json_load(r->extra, true, &err);
    for (const char *const *m = effort_members; *m && extra; m++) {
        const json_t *v = json_object_get(extra, *m);
        unsigned e = v ? effort_of(*m, v) : 0;
        out->effort = e > out->effort ? e : out->effort;
    }
    json_decref(extra);
}

static bool put_effort(struct gw_request *q, unsigned effort)
{
    struct base_err err;
    json_t *extra = gw_json_load(q->sent.extra, true, &err);
    bool ok = extra != NULL;

    for (const char *const *m = effort_members; ok && *m; m++)
        json_object_del(extra, *m);
    ok = ok &&
         json_object_set_new(extra, "reasoning_effort", json_string(conf_effort_name(effort))) == 0;
    if (ok)
        q->sent.extra = gw_json_text(q->arena, extra);
    json_decref(extra);
    return ok && q->sent.extra.p;
}

bool gw_limits_apply(struct gw_request *q)
{
    const struct conf_backend *b = q->decision.target->backend;
    struct chat_request *r = &q->sent;
    bool ok = true, anthropic = r->dialect == CHAT_DIALECT_ANTHROPIC;

    for (size_t i = 0; i < q->decision.n_limited && ok; i++) {
        const struct pol_limited *l = &q->decision.limited[i];
        const struct chat_opt_num v = {
            true, l->field == POL_LIMITED_TOKENS ? (double)l->to : (double)l->to / CONF_MICRO};
        switch (l->field) {
        case POL_LIMITED_TOKENS:
            /* A server that is only compatible may not know the newer word. */
            if (!l->asked)
                r->max_tokens_legacy = b && b->api == CONF_API_OPENAI_COMPATIBLE;
            r->max_tokens = v;
            ok = !anthropic || put_anthropic(q, 0);
            break;
        case POL_LIMITED_TEMPERATURE:
            r->temperature = v;
            break;
        case POL_LIMITED_TOP_P:
            r->top_p = v;
            break;
        case POL_LIMITED_EFFORT:
            ok = anthropic ? put_anthropic(q, (unsigned)l->to) : put_effort(q, (unsigned)l->to);
            break;
        case POL_LIMITED_MAX:
            break;
        }
    }
    return ok;
}

void gw_limits_header(const struct gw_request *q, struct base_buf *out)
{
    char text[24];

    for (size_t i = 0; q->decided && i < q->decision.n_limited; i++) {
        const struct pol_limited *l = &q->decision.limited[i];
        pol_limited_text(l->field, l->to, text);
        base_buf_printf(out, "%s%s=%s", i ? "," : "x-weir-limited: ", pol_limited_name(l->field),
                        text);
    }
    if (q->decided && q->decision.n_limited)
        base_buf_z(out, "\r\n");
}

/* What the caller's dialect calls them. */
static const char *tokens_word(const struct chat_request *r)
{
    switch (r->dialect) {
    case CHAT_DIALECT_OPENAI_RESPONSES:
        return "max_output_tokens";
    case CHAT_DIALECT_ANTHROPIC:
    case CHAT_DIALECT_OPENAI_COMPLETIONS:
        return "max_tokens";
    case CHAT_DIALECT_OPENAI_CHAT:
    case CHAT_DIALECT_OPENAI_EMBEDDINGS:
        break;
    }
    return r->max_tokens_legacy ? "max_tokens" : "max_completion_tokens";
}

static const char *input_word(const struct chat_request *r)
{
    return r->dialect == CHAT_DIALECT_OPENAI_RESPONSES     ? "input"
           : r->embed                                      ? "input"
           : r->dialect == CHAT_DIALECT_OPENAI_COMPLETIONS ? "prompt"
                                                           : "messages";
}

const char *gw_limits_param(const struct gw_request *q)
{
    const char *p = q->decision.deny_param;

    if (!p || !q->decision.deny_rule)
        return NULL;
    if (strcmp(p, "output_tokens") == 0)
        return tokens_word(&q->chat);
    if (strcmp(p, "input_bytes") == 0)
        return input_word(&q->chat);
    if (strcmp(p, "effort") != 0)
        return p;
    return q->chat.dialect == CHAT_DIALECT_OPENAI_RESPONSES ? "reasoning.effort"
           : q->chat.dialect == CHAT_DIALECT_ANTHROPIC      ? "thinking"
                                                            : "reasoning_effort";
}
