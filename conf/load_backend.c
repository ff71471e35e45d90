/* load_backend.c - the section backends: who may be asked outside and what they cost.
 *
 * Where they are and on which basis is load_residency.c's. Keys are secrets: no message quotes
 * them, conf_free wipes them.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)
#define BACKENDS_MAX     64
#define MODELS_MAX       256

static const char *const apis[] = {
    "openai",  "openai-compatible", "anthropic", "gemini", "azure-openai",
    "bedrock", "mistral",           "cohere",    NULL};
const char *conf_api_name(enum conf_api a)
{
    return (unsigned)a <= CONF_API_COHERE ? apis[a] : "?";
}

void conf_load_price(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "input", .kind = CONF_NUM, .required = true, .max = 1e6},
        {.name = "output",
         .kind = CONF_NUM,
         .offset = sizeof(double),
         .required = true,
         .max = 1e6},
    };
    conf_map(l, n, "price", CONF_FIELDS(fields), dst);
}

static void load_api(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "api", .kind = CONF_WORD, .words = apis};
    int *api = dst;
    if (!conf_is_text(l, n))
        return;
    conf_value(l, n, &field, api);
}

static void load_key(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    for (size_t i = 0; i < n->text.n; i++) {
        if (n->text.p[i] <= 0x20 || n->text.p[i] >= 0x7f) {
            conf_wrong(l, n, "the key holds a blank or a character that a header cannot carry");
            return;
        }
    }
    if (!n->expanded)
        conf_warn(l, n,
                  "a secret stands in the file itself; ${NAME} takes it from the environment");
    *(const char **)dst = n->text.p;
}

/* The model's name at the provider: anything visible, slashes included ("org/model"). */
static void load_remote_name(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 128;
    for (size_t i = 0; good && i < n->text.n; i++)
        good = n->text.p[i] > 0x20 && n->text.p[i] < 0x7f && n->text.p[i] != '"';
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no model name: at most 128 visible characters", CONF_SHOW(n));
}

static void load_model_kind(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const char *const words[] = {"chat", "embeddings", NULL};
    static const struct conf_field field = {.name = "kind", .kind = CONF_WORD, .words = words};
    int kind = 0;

    conf_value(l, n, &field, &kind);
    *(bool *)dst = kind == 1;
}

static void load_models(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "name",
         .kind = CONF_SUB,
         .offset = AT(conf_remote_model, name),
         .required = true,
         .fn = load_remote_name},
        {.name = "price",
         .kind = CONF_SUB,
         .offset = AT(conf_remote_model, price_input),
         .fn = conf_load_price},
        {.name = "context",
         .kind = CONF_UINT,
         .offset = AT(conf_remote_model, context),
         .min = 1,
         .max = 100e6},
        {.name = "kind",
         .kind = CONF_SUB,
         .offset = AT(conf_remote_model, embeddings),
         .fn = load_model_kind},
    };
    struct conf_backend *b = dst;
    if (!conf_is_list(l, n, MODELS_MAX))
        return;
    b->models = conf_array(l, n, n->n, sizeof(*b->models));
    for (const struct conf_node *c = n->child; b->models && c; c = c->next) {
        struct conf_remote_model *m = &b->models[b->n_models];
        *m = (struct conf_remote_model){.pos = conf_pos(l, c)};
        if (!conf_map(l, c, "this model", CONF_FIELDS(fields), m) || !m->name)
            continue;
        bool twice = false;
        for (size_t i = 0; i < b->n_models && !twice; i++)
            twice = strcmp(b->models[i].name, m->name) == 0;
        if (twice)
            conf_problem_add(l->pr, m->pos, false, "a second model is named \"%s\"", m->name);
        else
            b->n_models++;
    }
}

/* ---- the list ---- */

/* Models that make vectors are asked by a call of their own, which not every API has here. */
static void check_kinds(struct conf_loader *l, const struct conf_backend *b)
{
    for (size_t i = 0; i < b->n_models; i++) {
        const struct conf_remote_model *m = &b->models[i];
        if (!m->embeddings)
            continue;
        if (b->api == CONF_API_ANTHROPIC || b->api == CONF_API_GEMINI)
            conf_problem_add(l->pr, m->pos, false,
                             "kind: embeddings is not built for api %s; it is for openai, "
                             "openai-compatible, azure-openai, mistral, cohere and bedrock",
                             conf_api_name(b->api));
        else if (b->api == CONF_API_BEDROCK && !strstr(m->name, "cohere.embed") &&
                 !strstr(m->name, "titan-embed-text"))
            conf_problem_add(l->pr, m->pos, false,
                             "kind: embeddings on bedrock is built for models with cohere.embed or "
                             "titan-embed-text in their id");
    }
}

static void load_backend(struct conf_loader *l, const struct conf_node *n, struct conf_backend *b)
{
    static const struct conf_field fields[] = {
        {.name = "name", .kind = CONF_NAME, .offset = AT(conf_backend, name), .required = true},
        {.name = "api",
         .kind = CONF_SUB,
         .offset = AT(conf_backend, api),
         .required = true,
         .fn = load_api},
        {.name = "url", .kind = CONF_SUB, .required = true, .fn = conf_load_url},
        {.name = "key", .kind = CONF_SUB, .offset = AT(conf_backend, key), .fn = load_key},
        {.name = "ca", .kind = CONF_FILE, .offset = AT(conf_backend, ca)},
        {.name = "api_version", .kind = CONF_STR, .offset = AT(conf_backend, api_version)},
        {.name = "models", .kind = CONF_SUB, .required = true, .fn = load_models},
        {.name = "residency",
         .kind = CONF_SUB,
         .offset = AT(conf_backend, residency),
         .required = true,
         .fn = conf_load_residency},
    };
    enum { FIELDS = sizeof fields / sizeof fields[0] };
    struct conf_field all[FIELDS + CONF_AWS_FIELDS];
    memcpy(all, fields, sizeof fields);
    memcpy(all + FIELDS, conf_aws_fields, sizeof conf_aws_fields);
    b->pos = conf_pos(l, n);
    b->path = "";
    conf_residency_init(&b->residency);
    if (conf_map(l, n, "this back end", CONF_FIELDS(all), b)) {
        conf_check_api(l, n, b);
        conf_aws_check(l, n, b);
        check_kinds(l, b);
    }
    for (const struct conf_node *c = n->child; n->kind == CONF_NODE_MAP && c; c = c->next) {
        if (base_str_is(c->key, "name") && b->name && strcmp(b->name, "local") == 0) {
            conf_wrong(l, c, "the name local is taken by the engine");
            b->name = NULL;
        } else if (base_str_is(c->key, "ca") && b->url && !b->tls) {
            conf_wrong(l, c, "has no effect with http://");
        }
    }
}

void conf_load_backends(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf *c = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return; /* nothing may leave: a fine configuration */
    if (!conf_is_list(l, n, BACKENDS_MAX))
        return;
    c->backends = conf_array(l, n, n->n, sizeof(*c->backends));
    for (const struct conf_node *k = n->child; c->backends && k; k = k->next) {
        struct conf_backend *b = &c->backends[c->n_backends++];
        load_backend(l, k, b);
        for (size_t i = 0; b->name && i + 1 < c->n_backends; i++)
            if (c->backends[i].name && strcmp(c->backends[i].name, b->name) == 0)
                conf_problem_add(l->pr, b->pos, false, "a second back end is named \"%s\"",
                                 b->name);
    }
}
