/* limits.c - what a request asks of the model, and what it gets instead where a policy limits it.
 *
 * Owns       nothing. Runs on the loop's thread; gw_limits_read also on the pool's.
 * Reads      the canonical numbers, and of the members that the canonical form has no field for
 *            `reasoning_effort` and `reasoning: {effort}`. Another way to ask for thought
 *            (`thinking`, a `reasoning` with a budget, a word that is unknown) counts as beyond
 *            every limit on effort: nobody gets around it by another spelling.
 *            So does Bedrock's bag of a model's own fields.
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
    bool ok = true;

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
            break;
        case POL_LIMITED_TEMPERATURE:
            r->temperature = v;
            break;
        case POL_LIMITED_TOP_P:
            r->top_p = v;
            break;
        case POL_LIMITED_EFFORT:
            ok = put_effort(q, (unsigned)l->to);
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
        break;
    }
    return r->max_tokens_legacy ? "max_tokens" : "max_completion_tokens";
}

static const char *input_word(const struct chat_request *r)
{
    return r->dialect == CHAT_DIALECT_OPENAI_RESPONSES     ? "input"
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
                                                            : "reasoning_effort";
}
