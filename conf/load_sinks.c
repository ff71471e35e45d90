/* load_sinks.c - audit.sinks and audit.disk: who gets copies of the log, and what happens as the
 * disk fills.
 *
 * Each sink is a mapping whose `type` says which keys it may have; there is one table a type. TLS
 * is on unless the target is this machine itself, and what a configuration does not name is not
 * called: a sink has no default host. Fails by telling problems; see fields.c.
 */
#include "conf/sections.h"

#include <openssl/evp.h>

#define AT(member) offsetof(struct conf_sink, member)
#define SINKS_MAX  32

static const char *const types[] = {"file", "syslog", "postgres", "kafka", "s3", "otlp", NULL};
static const char *const formats[] = {"leaf", "ocsf", NULL};
static const char *const locks[] = {"none", "governance", "compliance", NULL};

static void load_url(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_sink *s = dst;
    struct conf_backend b = {0};
    conf_load_url(l, n, &b);
    s->url = b.url;
    s->host = b.host;
    s->tls = b.tls;
}

static void load_brokers(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_sink *s = dst;
    if (!conf_is_list(l, n, 64))
        return;
    struct conf_address *v = conf_array(l, n, n->n, sizeof(*v));
    for (const struct conf_node *c = n->child; v && c; c = c->next) {
        conf_load_address(l, c, &v[s->n_brokers]);
        if (v[s->n_brokers].host)
            s->n_brokers++;
    }
    s->brokers = v;
}

/* SQL identifiers are quoted where they are used; this keeps them printable and short. */
static void load_table(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 120;
    unsigned dots = 0;
    for (size_t i = 0; good && i < n->text.n; i++) {
        char ch = n->text.p[i];
        dots += ch == '.';
        good = (ch >= 'a' && ch <= 'z') || ch == '_' || (ch >= '0' && ch <= '9') || ch == '.';
    }
    if (good && dots <= 1)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no table: lower case letters, digits and _, or SCHEMA.TABLE",
                   CONF_SHOW(n));
}

/* A path inside a bucket: what stands in a URL as it is. */
static void load_prefix(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 200 && n->text.p[0] != '/' && n->text.p[n->text.n - 1] != '/';
    for (size_t i = 0; good && i < n->text.n; i++) {
        char ch = n->text.p[i];
        good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
               strchr("-_./", ch);
    }
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "must be letters, digits and - _ . / without a slash at its ends");
}

/* What is sent as a header: one line of printable text. It may be a secret: never shown. */
static void load_header(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 4096;
    for (size_t i = 0; good && i < n->text.n; i++)
        good = n->text.p[i] >= 0x20 && n->text.p[i] < 0x7f;
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "must be one line of printable ASCII");
}

#define COMMON                                                                                     \
    {.name = "name", .kind = CONF_NAME, .offset = AT(name), .required = true},                     \
        {.name = "type", .kind = CONF_WORD, .offset = AT(type), .required = true, .words = types}, \
        {.name = "batch", .kind = CONF_UINT, .offset = AT(batch), .min = 1, .max = 4000},          \
        {.name = "tries", .kind = CONF_UINT, .offset = AT(tries), .min = 1, .max = 1000},          \
    {                                                                                              \
        .name = "timeout_s", .kind = CONF_UINT, .offset = AT(timeout_s), .min = 1, .max = 300      \
    }
#define FORMAT                                                                                     \
    {                                                                                              \
        .name = "format", .kind = CONF_WORD, .offset = AT(format), .words = formats                \
    }
#define TLS                                                                                        \
    {.name = "tls", .kind = CONF_BOOL, .offset = AT(tls)},                                         \
        {.name = "ca", .kind = CONF_FILE, .offset = AT(ca)},                                       \
        {.name = "certificate", .kind = CONF_FILE, .offset = AT(certificate)},                     \
    {                                                                                              \
        .name = "key", .kind = CONF_FILE, .offset = AT(certificate_key)                            \
    }
#define ADDRESS                                                                                    \
    {                                                                                              \
        .name = "address", .kind = CONF_SUB, .offset = AT(address), .required = true,              \
        .fn = conf_load_address                                                                    \
    }
#define TEXT(member, must)                                                                         \
    {                                                                                              \
        .name = #member, .kind = CONF_STR, .offset = AT(member), .required = (must)                \
    }

static const struct conf_field file_fields[] = {
    COMMON,
    FORMAT,
    {.name = "path", .kind = CONF_PATH, .offset = AT(path), .required = true},
    {.name = "rotate_mib", .kind = CONF_UINT, .offset = AT(rotate_mib), .min = 1, .max = 65536},
    {.name = "keep", .kind = CONF_UINT, .offset = AT(keep), .min = 0, .max = 100000},
};
static const struct conf_field syslog_fields[] = {COMMON, FORMAT, TLS, ADDRESS};
static const struct conf_field postgres_fields[] = {
    COMMON,
    TLS,
    ADDRESS,
    TEXT(database, true),
    TEXT(user, true),
    TEXT(password, false),
    {.name = "table", .kind = CONF_SUB, .offset = AT(table), .fn = load_table},
};
static const struct conf_field kafka_fields[] = {
    COMMON,
    FORMAT,
    TLS,
    {.name = "brokers", .kind = CONF_SUB, .required = true, .fn = load_brokers},
    {.name = "topic", .kind = CONF_NAME, .offset = AT(topic), .required = true},
    TEXT(user, false),
    TEXT(password, false),
};
static const struct conf_field s3_fields[] = {
    COMMON,
    FORMAT,
    {.name = "url", .kind = CONF_SUB, .required = true, .fn = load_url},
    {.name = "ca", .kind = CONF_FILE, .offset = AT(ca)},
    {.name = "bucket", .kind = CONF_NAME, .offset = AT(bucket), .required = true},
    {.name = "prefix", .kind = CONF_SUB, .offset = AT(prefix), .fn = load_prefix},
    {.name = "region", .kind = CONF_NAME, .offset = AT(region), .required = true},
    TEXT(access_key, true),
    TEXT(secret_key, true),
    {.name = "lock", .kind = CONF_WORD, .offset = AT(lock), .words = locks},
    {.name = "retain_days", .kind = CONF_UINT, .offset = AT(retain_days), .min = 1, .max = 36500},
};
static const struct conf_field otlp_fields[] = {
    COMMON,
    {.name = "url", .kind = CONF_SUB, .required = true, .fn = load_url},
    {.name = "ca", .kind = CONF_FILE, .offset = AT(ca)},
    {.name = "authorization", .kind = CONF_SUB, .offset = AT(authorization), .fn = load_header},
};

static const struct {
    const char *what;
    const struct conf_field *fields;
    size_t n;
} tables[] = {
    [CONF_SINK_FILE] = {"this file sink", CONF_FIELDS(file_fields)},
    [CONF_SINK_SYSLOG] = {"this syslog sink", CONF_FIELDS(syslog_fields)},
    [CONF_SINK_POSTGRES] = {"this postgres sink", CONF_FIELDS(postgres_fields)},
    [CONF_SINK_KAFKA] = {"this kafka sink", CONF_FIELDS(kafka_fields)},
    [CONF_SINK_S3] = {"this s3 sink", CONF_FIELDS(s3_fields)},
    [CONF_SINK_OTLP] = {"this otlp sink", CONF_FIELDS(otlp_fields)},
};

static void check_sink(struct conf_loader *l, const struct conf_node *n, const struct conf_sink *s)
{
    bool here = !s->address.host || conf_is_loopback(s->address.host);
    for (size_t i = 0; i < s->n_brokers; i++)
        here = here && conf_is_loopback(s->brokers[i].host);
    bool by_url = s->type == CONF_SINK_S3 || s->type == CONF_SINK_OTLP;
    if (!s->tls && !here && !by_url)
        conf_wrong(l, n, "tls: off is possible to loopback only");
    if (!s->tls && s->ca)
        conf_wrong(l, n, "ca: is of no use without TLS");
    if (!s->certificate != !s->certificate_key)
        conf_wrong(l, n, "certificate and key belong together");
    if (s->type == CONF_SINK_KAFKA && !s->user != !s->password)
        conf_wrong(l, n, "user and password belong together");
    if (s->lock != CONF_LOCK_NONE && s->retain_days == 0)
        conf_wrong(l, n, "lock needs retain_days");
    if (s->lock == CONF_LOCK_NONE && s->retain_days)
        conf_wrong(l, n, "retain_days needs lock: governance or lock: compliance");
}

static bool load_sink(struct conf_loader *l, const struct conf_node *n, struct conf_sink *s)
{
    const struct conf_node *type = n->kind == CONF_NODE_MAP ? n->child : NULL;
    struct conf_sink probe = {0};
    static const struct conf_field word = {.name = "type", .kind = CONF_WORD, .words = types};

    while (type && !base_str_is(type->key, "type"))
        type = type->next;
    if (!type || type->kind != CONF_NODE_SCALAR || type->bad) {
        conf_wrong(l, n, "a sink needs a type: file, syslog, postgres, kafka, s3 or otlp");
        return false;
    }
    size_t before = l->pr->n_errors;
    int t = 0;
    conf_value(l, type, &word, &t);
    if (l->pr->n_errors != before)
        return false;
    probe.type = (enum conf_sink_type)t;
    *s = (struct conf_sink){.pos = conf_pos(l, n),
                            .batch = 500,
                            .tries = 5,
                            .timeout_s = 10,
                            .tls = true,
                            .rotate_mib = 256,
                            .table = "weir_audit"};
    if (!conf_map(l, n, tables[probe.type].what, tables[probe.type].fields, tables[probe.type].n,
                  s) ||
        l->pr->n_errors != before)
        return false;
    check_sink(l, n, s);
    return s->name != NULL;
}

static void digest(EVP_MD_CTX *c, const struct conf_node *n)
{
    const uint64_t shape[3] = {n->kind, n->n, n->text.n};
    EVP_DigestUpdate(c, shape, sizeof(shape));
    EVP_DigestUpdate(c, n->key.p ? n->key.p : "", n->key.n + (n->key.p != NULL));
    EVP_DigestUpdate(c, n->text.p ? n->text.p : "", n->text.n);
    for (const struct conf_node *k = n->child; k; k = k->next)
        digest(c, k);
}

void conf_load_sinks(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_audit *a = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, SINKS_MAX))
        return;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1) {
        digest(md, n);
        EVP_DigestFinal_ex(md, a->sinks_id, NULL);
    }
    EVP_MD_CTX_free(md);
    a->sinks = conf_array(l, n, n->n, sizeof(*a->sinks));
    for (const struct conf_node *c = n->child; a->sinks && c; c = c->next) {
        struct conf_sink *s = &a->sinks[a->n_sinks];
        if (!load_sink(l, c, s))
            continue;
        bool twice = false;
        for (size_t i = 0; i < a->n_sinks && !twice; i++)
            twice = strcmp(a->sinks[i].name, s->name) == 0;
        if (twice)
            conf_problem_add(l->pr, s->pos, false, "a second sink is named \"%s\"", s->name);
        else
            a->n_sinks++;
    }
}

void conf_load_disk(struct conf_loader *l, const struct conf_node *n, void *dst)
{
#define STAGE(member)                                                                              \
    {                                                                                              \
        .name = #member, .kind = CONF_UINT, .offset = offsetof(struct conf_disk, member),          \
        .min = 0, .max = 2000000000                                                                \
    }
    static const struct conf_field fields[] = {STAGE(warn_mib), STAGE(refuse_content_mib),
                                               STAGE(refuse_all_mib)};
#undef STAGE
    struct conf_disk *d = dst;
    d->pos = conf_pos(l, n);
    if (!conf_map(l, n, "disk", CONF_FIELDS(fields), d))
        return;
    uint32_t warn = d->warn_mib ? d->warn_mib : UINT32_MAX;
    uint32_t content = d->refuse_content_mib ? d->refuse_content_mib : warn;
    if (content > warn || d->refuse_all_mib > content)
        conf_wrong(l, n,
                   "the stages come one after the other: warn_mib (%u) >= refuse_content_mib (%u) "
                   ">= refuse_all_mib (%u); 0 turns one off",
                   d->warn_mib, d->refuse_content_mib, d->refuse_all_mib);
}
