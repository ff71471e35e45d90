/* load_content.c - audit.master and audit.content: which content is kept, for how long, under whose
 * key.
 *
 * Off unless switched on, rule by rule: a rule names tenants and data classes, and what is not
 * named is not kept. Durations are numbers with a unit (90s, 12h, 30d). Fails by telling problems;
 * see fields.c.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)
#define RULES_MAX        200
#define ARGV_MAX         32
#define SECONDS_MAX      (100ll * 366 * 86400)

const char *const conf_content_classes[] = {"none",     "personal", "special",
                                            "criminal", "secret",   NULL};
const char *const conf_content_kinds[] = {"request", "sent", "received", "delivered", NULL};

/* ---- the master key ---- */

static void load_pkcs11(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "module", .kind = CONF_PATH, .offset = AT(conf_master, module), .required = true},
        {.name = "token", .kind = CONF_STR, .offset = AT(conf_master, token), .required = true},
        {.name = "key", .kind = CONF_STR, .offset = AT(conf_master, key), .required = true},
        {.name = "pin_file",
         .kind = CONF_PATH,
         .offset = AT(conf_master, pin_file),
         .required = true},
    };
    struct conf_master *m = dst;
    m->kind = CONF_MASTER_PKCS11;
    conf_map(l, n, "pkcs11", CONF_FIELDS(fields), m);
}

static void load_argv(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_master *m = dst;
    size_t at = 0;
    m->kind = CONF_MASTER_COMMAND;
    if (!conf_is_list(l, n, ARGV_MAX))
        return;
    m->argv = conf_array(l, n, n->n + 1, sizeof(*m->argv));
    for (const struct conf_node *c = n->child; m->argv && c; c = c->next)
        if (conf_is_text(l, c))
            m->argv[at++] = c->text.p;
    if (m->argv && at && m->argv[0][0] != '/')
        conf_wrong(l, n, "the command must be an absolute path: no search path is trusted with it");
}

void conf_load_master(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "file", .kind = CONF_PATH, .offset = AT(conf_master, file)},
        {.name = "pkcs11", .kind = CONF_SUB, .fn = load_pkcs11},
        {.name = "command", .kind = CONF_SUB, .fn = load_argv},
        {.name = "timeout_ms",
         .kind = CONF_UINT,
         .offset = AT(conf_master, timeout_ms),
         .min = 100,
         .max = 60000},
    };
    struct conf_master *m = dst;
    if (!conf_map(l, n, "master", CONF_FIELDS(fields), m))
        return;
    if (!!m->file + !!m->module + !!m->argv > 1)
        conf_wrong(l, n, "says more than one of file, pkcs11 and command");
}

/* ---- the rules ---- */

static void load_duration(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', 31622400}};
    uint64_t v;
    if (!conf_is_text(l, n))
        return;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (n->text.n < 2 || n->text.p[n->text.n - 1] != units[i].unit ||
            !base_str_u64(base_str_n(n->text.p, n->text.n - 1), &v) ||
            v > (uint64_t)(SECONDS_MAX / units[i].s))
            continue;
        *(int64_t *)dst = (int64_t)v * units[i].s;
        return;
    }
    conf_wrong(l, n, "\"%.*s\" is no duration: a number and one of s m h d w y, such as 30d",
               CONF_SHOW(n));
}

/* A list of words as bits in their order. */
static void load_bits(struct conf_loader *l, const struct conf_node *n, const char *const *words,
                      const char *what, uint32_t *bits)
{
    if (!conf_is_list(l, n, 16))
        return;
    for (const struct conf_node *c = n->child; c; c = c->next) {
        bool known = false;
        if (!conf_is_text(l, c))
            continue;
        for (uint32_t i = 0; words[i] && !known; i++)
            if (base_str_is(c->text, words[i])) {
                known = true;
                *bits |= 1u << i;
            }
        if (!known) {
            const char *near = conf_nearest(c->text, words);
            conf_wrong(l, c, "\"%.*s\" is no %s%s%s%s", CONF_SHOW(c), what,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        }
    }
}

static void load_data(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    load_bits(l, n, conf_content_classes, "data class", dst);
}

static void load_keep(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    load_bits(l, n, conf_content_kinds, "kind of content", dst);
}

static void load_rules(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "tenant",
         .kind = CONF_NAMES,
         .offset = AT(conf_content_rule, tenant),
         .required = true},
        {.name = "data",
         .kind = CONF_SUB,
         .offset = AT(conf_content_rule, classes),
         .required = true,
         .fn = load_data},
        {.name = "keep", .kind = CONF_SUB, .offset = AT(conf_content_rule, kinds), .fn = load_keep},
        {.name = "minimum",
         .kind = CONF_SUB,
         .offset = AT(conf_content_rule, minimum_s),
         .fn = load_duration},
        {.name = "maximum",
         .kind = CONF_SUB,
         .offset = AT(conf_content_rule, maximum_s),
         .required = true,
         .fn = load_duration},
    };
    struct conf_content *c = dst;
    if (!conf_is_list(l, n, RULES_MAX))
        return;
    c->rules = conf_array(l, n, n->n, sizeof(*c->rules));
    for (const struct conf_node *k = n->child; c->rules && k; k = k->next) {
        struct conf_content_rule *r = &c->rules[c->n_rules];
        *r = (struct conf_content_rule){.pos = conf_pos(l, k)};
        if (!conf_map(l, k, "this content rule", CONF_FIELDS(fields), r))
            continue;
        if (r->kinds == 0)
            r->kinds = 15;
        if (r->maximum_s < r->minimum_s)
            conf_wrong(l, k, "keeps at least longer than at most");
        if (r->maximum_s == 0)
            conf_wrong(l, k, "maximum: 0 keeps nothing: leave the rule out");
        c->n_rules++;
    }
}

void conf_load_content(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const char *const failures[] = {"refuse", "continue", NULL};
    static const struct conf_field fields[] = {
        {.name = "on_failure",
         .kind = CONF_WORD,
         .offset = AT(conf_content, on_failure),
         .words = failures},
        {.name = "blob_mib",
         .kind = CONF_UINT,
         .offset = AT(conf_content, blob_mib),
         .min = 1,
         .max = 64},
        {.name = "queue_mib",
         .kind = CONF_UINT,
         .offset = AT(conf_content, queue_mib),
         .min = 1,
         .max = 4096},
        {.name = "sweep",
         .kind = CONF_SUB,
         .offset = AT(conf_content, sweep_s),
         .fn = load_duration},
        {.name = "rules", .kind = CONF_SUB, .required = true, .fn = load_rules},
    };
    static const struct conf_field word = {.name = "content", .kind = CONF_BOOL};
    struct conf_content *c = dst;
    if (n->kind != CONF_NODE_MAP) {
        bool on = false;
        conf_value(l, n, &word, &on);
        if (on)
            conf_wrong(l, n,
                       "content: on does not say whose and which; write content: { rules: [ { "
                       "tenant: [acme], data: [none, personal], maximum: 30d } ] }");
        return;
    }
    if (!conf_map(l, n, "content", CONF_FIELDS(fields), c))
        return;
    if (c->sweep_s < 1)
        conf_wrong(l, n, "sweep: 1s at least");
    if (c->queue_mib < c->blob_mib * 2)
        conf_wrong(l, n, "queue_mib must hold at least two blobs (blob_mib is %u)", c->blob_mib);
}
