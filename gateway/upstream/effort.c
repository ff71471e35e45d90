/* effort.c - how much thought a request asks for, whichever dialect says it: one word for writers
 * whose API has words or budgets of its own.
 *
 * Owns       nothing.
 * Runs on    the loop; pure.
 * Reads      reasoning_effort of OpenAI's dialects (the Responses API's is translated before);
 *            Anthropic's thinking {type, budget_tokens} and output_config {effort}. A policy's
 * limit on effort stands in the same members (gateway/limits.c), so who ignores this ignores it.
 * Budgets    become words at the steps of limits.c: low to 1024 tokens, medium to 8192, high to
 *            24576, xhigh to 49152, max above. A limit in words stays a limit.
 */
#include "gateway/upstream/wire_int.h"

static struct base_str word_of(int64_t budget)
{
    static const struct {
        int64_t to;
        const char *word;
    } steps[] = {{1024, "low"}, {8192, "medium"}, {24576, "high"}, {49152, "xhigh"}};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (budget <= steps[i].to)
            return base_str_c(steps[i].word);
    return BASE_STR("max");
}

static void read_anthropic(const json_t *extra, struct gw_effort *out)
{
    const json_t *think = gw_json_get_obj(extra, "thinking");
    struct base_str type = gw_json_get_str(think, "type");
    int64_t budget = gw_json_get_count(think, "budget_tokens");

    out->word = gw_json_get_str(gw_json_get_obj(extra, "output_config"), "effort");
    if (base_str_is(type, "disabled"))
        out->word = BASE_STR("none");
    else if (base_str_is(type, "enabled") && budget > 0)
        out->word = word_of(budget);
    out->thoughts = base_str_is(type, "enabled") || base_str_is(type, "adaptive");
}

void gw_effort_read(const struct chat_request *r, const json_t *extra, struct gw_effort *out)
{
    *out = (struct gw_effort){.word = gw_json_get_str(extra, "reasoning_effort")};
    if (r->dialect == CHAT_DIALECT_ANTHROPIC)
        read_anthropic(extra, out);
    else
        out->thoughts = out->word.n > 0 && !base_str_is(out->word, "none");
}

bool gw_effort_is(const struct chat_request *r, const char *key, const json_t *v)
{
    if (r->dialect != CHAT_DIALECT_ANTHROPIC)
        return strcmp(key, "reasoning_effort") == 0;
    return strcmp(key, "thinking") == 0 ||
           (strcmp(key, "output_config") == 0 && json_object_size(v) == 1 &&
            json_object_get(v, "effort"));
}
