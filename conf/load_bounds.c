/* load_bounds.c - `limits` of a rule or a use case, and what a policy's test asks of the model.
 *
 *   limits: { output_tokens: 1024, temperature: 0.7, top_p: [0.1, 0.9], effort: medium,
 *             input_bytes: 200000, models: [local/smollm2, "openai-eu/gpt-*"], beyond: clamp }
 *
 * One number for temperature or top_p is the most; a list of two is from and to. `beyond` says what
 * becomes of a request that asks for more: refuse (where nothing is stated) or clamp. input_bytes
 * and models cannot be clamped: what is too long is refused whatever `beyond` says, and a model
 * that is not named does not answer. Strings go to the configuration's arena; runs where conf_load
 * runs.
 */
#include "conf/sections.h"

#include <math.h>

#define AT(type, member) offsetof(struct type, member)
#define TOKENS_MAX       2147483647.0

static const char *const efforts[] = {"none", "minimal", "low", "medium",
                                      "high", "xhigh",   "max", NULL};

unsigned conf_effort_find(struct base_str word)
{
    for (unsigned i = 0; efforts[i]; i++)
        if (base_str_is(word, efforts[i]))
            return i + 1;
    return 0;
}

const char *conf_effort_name(unsigned effort)
{
    return effort >= 1 && effort <= 7 ? efforts[effort - 1] : "other";
}

int64_t conf_micro(double v)
{
    double m = floor(v * CONF_MICRO + 0.5);
    return m < -9e15 ? -9000000000000000 : m > 9e15 ? 9000000000000000 : (int64_t)m;
}

static void load_effort(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "effort", .kind = CONF_WORD, .words = efforts};
    int word = -1;
    conf_value(l, n, &field, &word);
    *(unsigned *)dst = (unsigned)(word + 1);
}

/* A number, or two. */
static void range(struct conf_loader *l, const struct conf_node *n, double max,
                  struct conf_range *out)
{
    const struct conf_field field = {.name = "limit", .kind = CONF_NUM, .max = max};
    double v[2] = {-1, -1};

    if (n->kind == CONF_NODE_SCALAR) {
        v[0] = 0;
        conf_value(l, n, &field, &v[1]);
    } else {
        if (!conf_is_list(l, n, 2))
            return;
        if (n->n != 2) {
            conf_wrong(l, n, "must be one number, the most, or [from, to]");
            return;
        }
        conf_value(l, n->child, &field, &v[0]);
        conf_value(l, n->child->next, &field, &v[1]);
        if (v[0] >= 0 && v[1] >= 0 && v[0] > v[1])
            conf_wrong(l, n, "is from more to less: write [from, to]");
    }
    if (v[0] >= 0 && v[1] >= v[0])
        *out = (struct conf_range){true, conf_micro(v[0]), conf_micro(v[1])};
}

static void load_temperature(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    range(l, n, 2, dst);
}

static void load_top_p(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    range(l, n, 1, dst);
}

static void load_beyond(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const char *const words[] = {"refuse", "clamp", NULL};
    static const struct conf_field field = {.name = "beyond", .kind = CONF_WORD, .words = words};
    int word = 0;
    conf_value(l, n, &field, &word);
    *(bool *)dst = word == 1;
}

void conf_load_bounds(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "output_tokens",
         .kind = CONF_UINT,
         .offset = AT(conf_bounds, output_tokens),
         .min = 1,
         .max = TOKENS_MAX},
        {.name = "input_bytes",
         .kind = CONF_UINT,
         .offset = AT(conf_bounds, input_bytes),
         .min = 1,
         .max = TOKENS_MAX},
        {.name = "temperature",
         .kind = CONF_SUB,
         .offset = AT(conf_bounds, temperature),
         .fn = load_temperature},
        {.name = "top_p", .kind = CONF_SUB, .offset = AT(conf_bounds, top_p), .fn = load_top_p},
        {.name = "effort", .kind = CONF_SUB, .offset = AT(conf_bounds, effort), .fn = load_effort},
        {.name = "models", .kind = CONF_NAMES, .offset = AT(conf_bounds, models)},
        {.name = "beyond", .kind = CONF_SUB, .offset = AT(conf_bounds, clamp), .fn = load_beyond},
    };
    struct conf_bounds *b = dst;

    b->present = true;
    b->pos = conf_pos(l, n);
    size_t before = l->pr->n_errors;
    if (!conf_map(l, n, "limits", CONF_FIELDS(fields), b) || l->pr->n_errors > before)
        return;
    bool clamped = b->output_tokens || b->temperature.set || b->top_p.set || b->effort;
    if (!clamped && !b->input_bytes && !b->models.n)
        conf_wrong(l, n,
                   "says nothing: it needs output_tokens, temperature, top_p, effort, input_bytes "
                   "or models");
    else if (!clamped && b->clamp)
        conf_wrong(l, n, "has nothing that could be clamped: input_bytes and models only refuse");
}

static void load_micro(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "number", .kind = CONF_NUM, .max = 2};
    double v = -1;
    conf_value(l, n, &field, &v);
    if (v >= 0)
        *(int64_t *)dst = conf_micro(v);
}

static void load_count(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "number", .kind = CONF_UINT, .max = TOKENS_MAX};
    uint32_t v = UINT32_MAX;
    conf_value(l, n, &field, &v);
    if (v != UINT32_MAX)
        *(int64_t *)dst = v;
}

void conf_load_asks(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "output_tokens",
         .kind = CONF_SUB,
         .offset = AT(conf_asks, output_tokens),
         .fn = load_count},
        {.name = "input_bytes",
         .kind = CONF_SUB,
         .offset = AT(conf_asks, input_bytes),
         .fn = load_count},
        {.name = "temperature",
         .kind = CONF_SUB,
         .offset = AT(conf_asks, temperature),
         .fn = load_micro},
        {.name = "top_p", .kind = CONF_SUB, .offset = AT(conf_asks, top_p), .fn = load_micro},
        {.name = "effort", .kind = CONF_SUB, .offset = AT(conf_asks, effort), .fn = load_effort},
    };
    if (conf_map(l, n, "asks", CONF_FIELDS(fields), dst) && n->n == 0)
        conf_wrong(l, n, "asks for nothing");
}
