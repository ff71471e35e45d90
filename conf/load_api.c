/* load_api.c - what each provider's API asks of a back end beyond being well formed.
 *
 * Every provider wants its own form of address, and what is wrong with one shows only in the first
 * answer, as a 404 in somebody else's words. So the forms are checked here, where the file, the
 * line and the remedy can be named:
 *
 *   gemini         https://generativelanguage.googleapis.com/v1beta, or Vertex AI's
 *                  https://REGION-aiplatform.googleapis.com/v1/projects/P/locations/REGION
 *                  /publishers/google
 *   azure-openai   https://NAME.openai.azure.com/openai/v1, or without a path and with
 *                  api_version: 2024-10-21 (the form with /openai/deployments/NAME)
 *   mistral        https://api.mistral.ai/v1
 *   cohere         https://api.cohere.com/v2
 *   bedrock        load_aws.c
 *
 * Hosts that are not the provider's own (a proxy, a private endpoint) may have any path in front,
 * so only what can never be right is refused there. No message quotes a URL: a password may be in
 * it.
 */
#include "conf/sections.h"

/* Where a member of the back end stands; the back end itself where it has none. */
static const struct conf_node *member(const struct conf_node *n, const char *key)
{
    for (const struct conf_node *c = n->child; c; c = c->next)
        if (base_str_is(c->key, key))
            return c;
    return n;
}

static bool ends(const char *text, const char *with)
{
    return base_str_ends(base_str_c(text), base_str_c(with));
}

static bool mentions(const char *text, const char *word)
{
    return base_str_find(base_str_c(text), base_str_c(word), 0) != SIZE_MAX;
}

/* The whole address of a call where its beginning belongs. */
static bool is_call(const char *path)
{
    return ends(path, "/chat/completions") || ends(path, "/messages") || ends(path, "/chat") ||
           mentions(path, "/models/") || ends(path, ":generateContent") ||
           ends(path, ":streamGenerateContent");
}

/* ---- gemini ---- */

/* Where Google's regions in Europe and America are. Its names for them: data, as of 2026. */
static const struct {
    const char *region, *place;
} regions[] = {{"europe-west1", "BE"},      {"europe-west2", "GB"},  {"europe-west3", "DE"},
               {"europe-west4", "NL"},      {"europe-west6", "CH"},  {"europe-west8", "IT"},
               {"europe-west9", "FR"},      {"europe-west10", "DE"}, {"europe-west12", "IT"},
               {"europe-north1", "FI"},     {"europe-north2", "SE"}, {"europe-central2", "PL"},
               {"europe-southwest1", "ES"}, {"us-central1", "US"},   {"us-east1", "US"},
               {"us-east4", "US"},          {"us-east5", "US"},      {"us-south1", "US"},
               {"us-west1", "US"},          {"us-west4", "US"}};

/* True if residency.location may mean that place: it, or the EU or EEA for all but two of those. */
static bool located(const struct conf_backend *b, const char *place)
{
    bool outside = strcmp(place, "GB") == 0 || strcmp(place, "CH") == 0 || strcmp(place, "US") == 0;

    for (size_t i = 0; i < b->residency.location.n; i++) {
        const char *at = b->residency.location.v[i];
        if (strcmp(at, place) == 0 ||
            (!outside && (strcmp(at, "EU") == 0 || strcmp(at, "EEA") == 0)))
            return true;
    }
    return b->residency.location.n == 0; /* missing: told already */
}

/* Vertex AI's addresses name a region, twice; the other one of Google's names none. */
static void check_region(struct conf_loader *l, const struct conf_node *n,
                         const struct conf_backend *b)
{
    static const char vertex[] = "-aiplatform.googleapis.com", mark[] = "/locations/";
    const struct conf_node *url = member(n, "url"), *where = member(n, "residency");
    struct base_str region = base_str_c(b->host), path = base_str_c(b->path);
    size_t at = base_str_find(path, BASE_STR("/locations/"), 0);

    if (strcmp(b->host, "generativelanguage.googleapis.com") == 0) {
        if (b->residency.location.n == 1 && !located(b, "US"))
            conf_warn(l, where,
                      "Google names no region for generativelanguage.googleapis.com: "
                      "residency.location must hold every place where it may answer");
        return;
    }
    if (!ends(b->host, vertex))
        return;
    region.n -= sizeof vertex - 1;
    struct base_str rest =
        at == SIZE_MAX ? BASE_STR_NULL
                       : base_str_n(path.p + at + sizeof mark - 1, path.n - at - (sizeof mark - 1));
    struct base_str second = base_str_cut(&rest, '/');
    if (second.n > 0 && !base_str_eq(second, region))
        conf_wrong(l, url, "names one region in the host, %.*s, and another in the path, %.*s",
                   BASE_FMT(region), BASE_FMT(second));
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        if (base_str_is(region, regions[i].region) && !located(b, regions[i].place))
            conf_warn(l, where, "%s is in %s, which residency.location does not say",
                      regions[i].region, regions[i].place);
}

static void check_gemini(struct conf_loader *l, const struct conf_node *n,
                         const struct conf_backend *b)
{
    static const char *const good[] = {"/v1beta", "/v1", "/v1alpha", "/v1beta1",
                                       "/publishers/google"};
    const struct conf_node *url = member(n, "url"), *models = member(n, "models");
    bool fine = !ends(b->host, ".googleapis.com");

    for (size_t i = 0; i < sizeof good / sizeof *good && !fine; i++)
        fine = ends(b->path, good[i]);
    if (ends(b->path, "/openai"))
        conf_wrong(
            l, url,
            "ends in /openai, where Google speaks OpenAI's dialect: leave that out, or write "
            "api: openai-compatible");
    else if (!fine)
        conf_wrong(l, url,
                   "must end in the API's version, as in "
                   "https://generativelanguage.googleapis.com/v1beta, or in /publishers/google");
    else
        check_region(l, n, b);
    if (models->kind != CONF_NODE_SEQ)
        return;
    for (const struct conf_node *c = models->child; c; c = c->next) {
        const struct conf_node *name = c->kind == CONF_NODE_MAP ? member(c, "name") : c;
        if (name->kind == CONF_NODE_SCALAR && base_str_starts(name->text, BASE_STR("models/")))
            conf_wrong(l, name, "\"%.*s\": leave out models/", CONF_SHOW(name));
    }
}

/* ---- azure-openai ---- */

/* YYYY-MM-DD or YYYY-MM-DD-preview */
static bool is_version(const char *z)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? z[i] < '0' || z[i] > '9' : z[i] != form[i])
            return false;
    return z[10] == '\0' || strcmp(z + 10, "-preview") == 0;
}

static void check_version(struct conf_loader *l, const struct conf_node *at,
                          const struct conf_backend *b)
{
    if (ends(b->path, "/v1")) {
        if (strcmp(b->api_version, "preview") != 0 && strcmp(b->api_version, "v1") != 0)
            conf_wrong(
                l, at,
                "with a URL that ends in /v1 only preview or v1 is possible: leave it out, or "
                "end the URL at the host");
    } else if (!is_version(b->api_version)) {
        conf_wrong(l, at, "\"%.*s\" is no version of Azure's API: write it as 2024-10-21",
                   CONF_SHOW(at));
    } else if (strcmp(b->api_version, "2024-09-01") < 0) {
        conf_wrong(l, at,
                   "versions before 2024-10-21 cannot tell the tokens of a stream nor take "
                   "max_completion_tokens");
    }
}

static void check_azure(struct conf_loader *l, const struct conf_node *n,
                        const struct conf_backend *b)
{
    const struct conf_node *url = member(n, "url");

    if (mentions(b->path, "/deployments"))
        conf_wrong(l, url,
                   "leave out /openai/deployments/NAME: a model's name here is its deployment's");
    else if (b->api_version)
        check_version(l, member(n, "api_version"), b);
    else if (!ends(b->path, "/v1"))
        conf_wrong(l, url,
                   "must end in /openai/v1; or add api_version: 2024-10-21 for addresses with "
                   "/openai/deployments/");
}

/* ---- all ---- */

void conf_check_api(struct conf_loader *l, const struct conf_node *n, const struct conf_backend *b)
{
    if (!base_str_is(member(n, "api")->text, conf_api_name(b->api)))
        return; /* missing or unknown: told already */
    bool azure = b->api == CONF_API_AZURE_OPENAI;
    bool cloud = azure || b->api == CONF_API_GEMINI || b->api == CONF_API_MISTRAL ||
                 b->api == CONF_API_COHERE;

    if (b->api_version && !azure)
        conf_wrong(l, member(n, "api_version"), "belongs to api: azure-openai only");
    if (!b->url)
        return;
    if (cloud && !b->key)
        conf_warn(l, n,
                  "no key: %s answers nobody without one, unless something in between adds it",
                  conf_api_name(b->api));
    if (is_call(b->path) && !(azure && mentions(b->path, "/deployments")))
        conf_wrong(l, member(n, "url"),
                   "is the address of a call: end it before that, Weir adds the rest");
    else if (azure)
        check_azure(l, n, b);
    else if (b->api == CONF_API_GEMINI)
        check_gemini(l, n, b);
    else if (b->api == CONF_API_MISTRAL && strcmp(b->host, "api.mistral.ai") == 0 &&
             strcmp(b->path, "/v1") != 0)
        conf_wrong(l, member(n, "url"), "must be https://api.mistral.ai/v1");
    else if (b->api == CONF_API_COHERE &&
             (ends(b->host, ".cohere.com") || ends(b->host, ".cohere.ai")) &&
             strcmp(b->path, "/v2") != 0)
        conf_wrong(l, member(n, "url"), "must end in /v2, as in https://api.cohere.com/v2");
}
