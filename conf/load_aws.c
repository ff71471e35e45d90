/* load_aws.c - what a back end of api bedrock has beside the others: whose signature, for where.
 *
 * Either `key` (a Bedrock API key, sent as a bearer token) or access_key and secret_key (requests
 * are signed, Signature Version 4), with session_token where they are temporary. `region` is part
 * of what is signed; it may be left out where the url names it. All of it is taken from the
 * configuration alone: no instance metadata, no shared credentials file, no ambient environment.
 */
#include "conf/sections.h"

#define AT(member) offsetof(struct conf_backend, member)

/* A secret that goes into a header or an HMAC: printable ASCII without blanks. */
static void load_secret(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    const size_t max = 8192; /* session tokens are some 1,000 bytes and may grow */

    if (!conf_is_text(l, n))
        return;
    for (size_t i = 0; i < n->text.n; i++) {
        if (n->text.p[i] <= 0x20 || n->text.p[i] >= 0x7f) {
            conf_wrong(l, n, "holds a blank or a character that a header cannot carry");
            return;
        }
    }
    if (n->text.n > max) {
        conf_wrong(l, n, "is longer than %zu bytes", max);
        return;
    }
    if (!n->expanded)
        conf_warn(l, n,
                  "a secret stands in the file itself; ${NAME} takes it from the environment");
    *(const char **)dst = n->text.p;
}

static void load_secret_key(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (conf_is_text(l, n) && n->text.n > 128)
        conf_wrong(l, n, "is longer than 128 bytes: no AWS secret access key");
    else
        load_secret(l, n, dst);
}

/* "AKIA..." and "ASIA...": an id, not a secret, but nobody's business either. */
static void load_access_key(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 128;
    for (size_t i = 0; good && i < n->text.n; i++) {
        char ch = n->text.p[i];
        good = (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
               ch == '_';
    }
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "must be letters and digits, such as AKIA...");
}

/* A region or a service as it stands in a signature's scope. */
static void load_scope(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 40;
    for (size_t i = 0; good && i < n->text.n; i++) {
        char ch = n->text.p[i];
        good = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-';
    }
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "must be small letters, digits and hyphens, such as eu-central-1");
}

const struct conf_field conf_aws_fields[CONF_AWS_FIELDS] = {
    {.name = "region", .kind = CONF_SUB, .offset = AT(region), .fn = load_scope},
    {.name = "service", .kind = CONF_SUB, .offset = AT(service), .fn = load_scope},
    {.name = "access_key", .kind = CONF_SUB, .offset = AT(access_key), .fn = load_access_key},
    {.name = "secret_key", .kind = CONF_SUB, .offset = AT(secret_key), .fn = load_secret_key},
    {.name = "session_token", .kind = CONF_SUB, .offset = AT(session_token), .fn = load_secret},
};

static const struct conf_node *child(const struct conf_node *n, const char *key)
{
    for (const struct conf_node *c = n->child; n->kind == CONF_NODE_MAP && c; c = c->next)
        if (base_str_is(c->key, key))
            return c;
    return NULL;
}

/* "bedrock-runtime.eu-central-1.amazonaws.com" -> "eu-central-1"; also the FIPS, dual-stack, VPC
 * and China forms. Empty for any other host. */
static struct base_str region_of(const char *host)
{
    struct base_str rest = base_str_c(host), label = BASE_STR_NULL;

    if (base_str_find(rest, BASE_STR(".amazonaws.com"), 0) == SIZE_MAX &&
        base_str_find(rest, BASE_STR(".api.aws"), 0) == SIZE_MAX)
        return BASE_STR_NULL;
    while (rest.p) {
        label = base_str_cut(&rest, '.');
        if (base_str_starts(label, BASE_STR("bedrock-runtime")))
            return base_str_cut(&rest, '.');
    }
    return BASE_STR_NULL;
}

static bool located(const struct conf_backend *b, const char *place)
{
    for (size_t i = 0; i < b->residency.location.n; i++)
        if (strcmp(b->residency.location.v[i], place) == 0)
            return true;
    return false;
}

/* Cross-region inference profiles answer from a whole geography, whatever region is asked. */
static void check_profiles(struct conf_loader *l, const struct conf_backend *b)
{
    static const struct {
        const char *prefix, *place, *where;
    } known[] = {{"eu.", "EU", "several regions of the European Union"},
                 {"us.", "US", "regions of the United States"},
                 {"us-gov.", "US", "regions of the United States"},
                 {"global.", NULL, "any commercial region of the world"},
                 {"apac.", NULL, "regions of Asia and the Pacific"},
                 {"jp.", "JP", "regions of Japan"},
                 {"au.", "AU", "regions of Australia"},
                 {"ca.", "CA", "regions of Canada"}};

    for (size_t m = 0; m < b->n_models; m++) {
        const char *name = b->models[m].name;
        const char *arn = strstr(name, "inference-profile/");
        struct base_str id = base_str_c(arn ? strchr(arn, '/') + 1 : name);
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            if (!base_str_starts(id, base_str_c(known[i].prefix)) ||
                (known[i].place && located(b, known[i].place)))
                continue;
            if (i == 0 && (located(b, "EEA") || b->residency.location.n > 1))
                continue; /* the countries one by one */
            conf_problem_add(l->pr, b->models[m].pos, true,
                             "the inference profile %s is answered in %s; residency.location of "
                             "this back end must say all of the places",
                             name, known[i].where);
        }
    }
}

static void check_credentials(struct conf_loader *l, const struct conf_node *n,
                              const struct conf_backend *b)
{
    const struct conf_node *secret = child(n, "secret_key"), *access = child(n, "access_key");

    if (b->key && access)
        conf_wrong(l, access, "either key (a Bedrock API key) or access_key and secret_key");
    else if (access && !secret)
        conf_wrong(l, access, "secret_key is missing");
    if (secret && !access)
        conf_wrong(l, secret, "access_key is missing");
    if (child(n, "session_token") && !access)
        conf_wrong(l, child(n, "session_token"), "belongs to an access_key, and there is none");
    if (!child(n, "key") && !access && !secret)
        conf_problem_add(l->pr, b->pos, false,
                         "api bedrock needs key (a Bedrock API key), or access_key and secret_key");
}

void conf_aws_check(struct conf_loader *l, const struct conf_node *n, struct conf_backend *b)
{
    const struct conf_node *api = child(n, "api");

    if (!api || !base_str_is(api->text, conf_api_name(b->api)))
        return; /* no api that is known: told already */
    if (b->api != CONF_API_BEDROCK) {
        for (size_t i = 0; i < CONF_AWS_FIELDS; i++)
            if (child(n, conf_aws_fields[i].name))
                conf_wrong(l, child(n, conf_aws_fields[i].name), "is for api bedrock only, not %s",
                           conf_api_name(b->api));
        return;
    }
    struct base_str named = b->host ? region_of(b->host) : BASE_STR_NULL;
    if (b->region && named.n && !base_str_is(named, b->region))
        conf_wrong(l, child(n, "region"), "%s, but the url is in %.*s", b->region, BASE_FMT(named));
    if (!b->region && named.n && !child(n, "region"))
        b->region = conf_strdup(l, n, named);
    if (!b->region && b->access_key && b->host && !child(n, "region"))
        conf_problem_add(l->pr, b->pos, false,
                         "region is missing: it is part of the signature, and the url does not "
                         "name one");
    if (!b->service)
        b->service = "bedrock";
    if (b->path && b->path[0] && child(n, "url"))
        conf_wrong(l, child(n, "url"),
                   "the url of api bedrock has no path: https://bedrock-runtime.REGION.amazonaws."
                   "com");
    check_credentials(l, n, b);
    for (size_t i = 0; i < b->n_models; i++)
        if (strcmp(b->models[i].name, ".") == 0 || strcmp(b->models[i].name, "..") == 0)
            conf_problem_add(l->pr, b->models[i].pos, false, "\"%s\" is no model id",
                             b->models[i].name);
    check_profiles(l, b);
}
