/* load.c - a configuration file and its policy file into one struct conf, or every reason why not.
 *
 * Owns the struct conf it returns: all of it lives in one arena, freed as a whole by conf_free,
 * which wipes the keys first. Blocks on files; runs at start, on SIGHUP (in a thread that is no
 * loop) and in the command line's tools. Touches no network and changes nothing.
 *
 * Order: read, parse, sections in file order, then what refers to other sections (routing), then
 * the policy file. Nothing stops at the first problem except a syntax error in that file. A
 * configuration with an error is never returned, so whoever holds a struct conf may rely on every
 * check here: a reload takes the whole new one or keeps the old one.
 */
#include "conf/load.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX (96u << 20) /* 100k nodes, each with its text, fit */
#define AT(member)      offsetof(struct conf, member)

/* Reads a whole file into the arena; tells and returns false when that fails. */
static bool read_file(struct conf_loader *l, struct conf_pos told_at, const char *shown,
                      const char *path, struct base_str *out, uint8_t sha256[32])
{
    struct base_buf b;
    struct base_err err = {0};
    base_buf_init(&b, CONF_FILE_BYTES_MAX);
    enum base_status st = base_file_read(path, &b, &err);
    if (st == BASE_LIMIT)
        conf_problem_add(l->pr, told_at, false, "%s: larger than %u bytes", shown,
                         CONF_FILE_BYTES_MAX);
    else if (st != BASE_OK && err.sys == ENOENT)
        conf_problem_add(l->pr, told_at, false, "%s: no such file", shown);
    else if (st != BASE_OK)
        conf_problem_add(l->pr, told_at, false, "%s", err.text);
    if (st != BASE_OK)
        goto out;
    *out = base_arena_dup(l->a, base_buf_view(&b));
    if (!out->p || EVP_Digest(out->p, out->n, sha256, NULL, EVP_sha256(), NULL) != 1) {
        conf_problem_add(l->pr, told_at, false, "%s: not enough memory", shown);
        st = BASE_ENOMEM;
    }
out:
    base_buf_wipe(&b);
    return st == BASE_OK;
}

/* The absolute folder of path, without links; NULL when it does not exist. */
static const char *folder_of(struct base_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct base_str dir = !slash          ? BASE_STR(".")
                          : slash == path ? BASE_STR("/")
                                          : base_str_n(path, (size_t)(slash - path));
    const char *z = base_arena_dupz(a, dir);
    char real[PATH_MAX];
    if (!z || !realpath(z, real))
        return NULL;
    return base_arena_dupz(a, base_str_c(strcmp(real, "/") == 0 ? "" : real));
}

static void keep_routing(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)dst;
    l->routing = n;
}

static void keep_policy(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)dst;
    l->policy = n;
}

static const struct conf_field root_fields[] = {
    {.name = "server",
     .kind = CONF_SUB,
     .offset = AT(server),
     .required = true,
     .fn = conf_load_server},
    {.name = "keys", .kind = CONF_PATH, .offset = AT(keys_file), .required = true},
    {.name = "engine", .kind = CONF_SUB, .offset = AT(engine), .fn = conf_load_engine},
    {.name = "backends", .kind = CONF_SUB, .fn = conf_load_backends},
    {.name = "routing", .kind = CONF_SUB, .required = true, .fn = keep_routing},
    {.name = "policy", .kind = CONF_SUB, .required = true, .fn = keep_policy},
    {.name = "audit",
     .kind = CONF_SUB,
     .offset = AT(audit),
     .required = true,
     .fn = conf_load_audit},
};

/* ---- defaults ---- */

static const char defaults_yaml[] =
    "# What holds where weir.yaml says nothing. Keys without a default are not listed.\n"
    "server:\n"
    "  listen: 127.0.0.1:8443\n"
    "  admin: 127.0.0.1:9443\n"
    "  tls: { self_signed: false }\n"
    "  workers: auto                 # one a core\n"
    "  limits:\n"
    "    header_bytes: 16384\n"
    "    body_bytes: 33554432        # a body over it is a 413\n"
    "    connections: 4096\n"
    "    idle_s: 75                  # between two requests of a connection\n"
    "    header_s: 10\n"
    "    body_s: 60\n"
    "    first_token_s: 60           # an upstream's first content\n"
    "    total_s: 600                # a whole request\n"
    "    drain_s: 10                 # after SIGTERM\n"
    "engine:                         # where there is one\n"
    "  device: auto\n"
    "  threads: auto                 # one a core\n"
    "  queue: 64                     # waiting requests a model\n"
    "  # of each model: context: 4096, slots: 4, price: { input: 0, output: 0 }\n"
    "backends: []\n"
    "  # of each: residency: { trains_on_data: true, transfer: { basis: none } }\n"
    "  # of each model: price: { input: 0, output: 0 }\n"
    "routing:\n"
    "  commodity: []\n"
    "  hard: []\n"
    "  aliases: {}\n"
    "  threshold: 0.5\n"
    "  when_hard_is_denied: local\n"
    "  overflow: queue\n"
    "audit:\n"
    "  on_failure: refuse\n"
    "  content: off\n"
    "  signer: gateway\n"
    "  queue: 4096                   # records that may wait to be written\n"
    "  disk: { warn_mib: 1024, refuse_content_mib: 512, refuse_all_mib: 192 }\n"
    "  sinks: []\n"
    "  # of each: format: leaf, batch: 500, tries: 5, timeout_s: 10; file: rotate_mib: 256, keep: "
    "0\n";

const char *conf_defaults_yaml(void)
{
    return defaults_yaml;
}

static void set_defaults(struct conf *c)
{
    c->server.listen = (struct conf_address){"127.0.0.1", 8443};
    c->server.admin = (struct conf_address){"127.0.0.1", 9443};
    c->server.limits = (struct conf_limits){
        .header_bytes = 16384,
        .body_bytes = 33554432,
        .connections = 4096,
        .idle_s = 75,
        .header_s = 10,
        .body_s = 60,
        .first_token_s = 60,
        .total_s = 600,
        .drain_s = 10,
    };
    c->engine.queue = 64;
    c->routing.threshold = 0.5;
    c->audit.queue = 4096;
    c->audit.disk =
        (struct conf_disk){.warn_mib = 1024, .refuse_content_mib = 512, .refuse_all_mib = 192};
}

/* ---- loading ---- */

/* The policy that l->policy names: l is turned to that file and back. */
static void load_policy_file(struct conf_loader *l)
{
    static const char hex[] = "0123456789abcdef";
    const struct conf_node *n = l->policy;
    struct conf_policy *p = &l->c->policy;
    if (!n || !conf_is_text(l, n))
        return;
    const char *path = conf_path(l, n, n->text), *why;
    if (!path)
        return;
    if (!conf_file_readable(path, &why)) {
        conf_wrong(l, n, "%.*s: %s", CONF_SHOW(n), why);
        return;
    }
    /* Shown as the main file is: beside it, the way it was named. */
    const char *slash = strrchr(l->file, '/');
    struct base_str shown = base_str_c(path);
    if (n->raw.p[0] != '/' && !n->expanded)
        shown = base_arena_printf(l->a, "%.*s%s", slash ? (int)(slash - l->file + 1) : 0, l->file,
                                  n->raw.p);
    struct base_str text;
    if (!shown.p || !read_file(l, conf_pos(l, n), shown.p, path, &text, p->sha256))
        return;
    p->file = path;
    memcpy(p->id, "sha256:", 7);
    for (size_t i = 0; i < 32; i++) {
        p->id[7 + 2 * i] = hex[p->sha256[i] >> 4];
        p->id[8 + 2 * i] = hex[p->sha256[i] & 15];
    }
    struct conf_loader pl = *l;
    pl.file = shown.p;
    pl.folder = folder_of(l->a, path);
    const struct conf_node *root = conf_yaml_parse(text, pl.file, false, l->a, l->pr);
    if (root)
        conf_load_policy(&pl, root);
}

static void load_all(struct conf_loader *l, const char *file)
{
    struct conf *c = l->c;
    struct base_str text;
    struct conf_pos whole = {l->file, 0, 0};
    if (!read_file(l, (struct conf_pos){0}, file, file, &text, c->sha256))
        return;
    l->folder = folder_of(l->a, file);
    const char *slash = strrchr(file, '/');
    struct base_str abs =
        base_arena_printf(l->a, "%s/%s", l->folder ? l->folder : "", slash ? slash + 1 : file);
    if (!l->folder || !abs.p) {
        conf_problem_add(l->pr, whole, false, "its folder cannot be reached");
        return;
    }
    c->file = abs.p;
    const struct conf_node *root = conf_yaml_parse(text, l->file, true, l->a, l->pr);
    base_wipe((char *)(uintptr_t)text.p, text.n); /* a key may stand in it */
    if (!root || !conf_map(l, root, "the configuration", CONF_FIELDS(root_fields), c))
        return;
    conf_targets_make(l, root);
    if (l->routing)
        conf_load_routing(l, l->routing, &c->routing);
    load_policy_file(l);
}

enum base_status conf_load_partial(const char *file, struct conf **out,
                                   struct conf_problems *problems)
{
    *out = NULL;
    *problems = (struct conf_problems){0};
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct conf *c = a ? base_arena_alloc(a, sizeof(*c)) : NULL;
    const char *shown = a ? base_arena_dupz(a, base_str_c(file)) : NULL;
    if (!c || !shown) {
        conf_problem_add(problems, (struct conf_pos){0}, false, "not enough memory");
        base_arena_free(a);
        return BASE_ENOMEM;
    }
    c->arena = a;
    set_defaults(c);
    struct conf_loader l = {.c = c, .a = a, .pr = problems, .file = shown};
    load_all(&l, file);
    conf_problems_sort(problems);
    *out = c;
    return problems->n_errors ? BASE_EINVAL : BASE_OK;
}

enum base_status conf_load(const char *file, struct conf **out, struct conf_problems *problems)
{
    struct conf *c;
    enum base_status st = conf_load_partial(file, &c, problems);
    if (st != BASE_OK)
        conf_free(c);
    *out = st == BASE_OK ? c : NULL;
    return st;
}

bool conf_policy_sound(const struct conf *c, const struct conf_problems *problems)
{
    if (!c->policy.pos.file)
        return false;
    for (size_t i = 0; i < problems->n; i++) {
        const struct conf_problem *p = &problems->v[i];
        if (!p->warning && p->pos.file && strcmp(p->pos.file, c->policy.pos.file) == 0)
            return false;
    }
    return true;
}

enum base_status conf_load_keys_file(const char *file, char *path, size_t path_bytes,
                                     struct conf_problems *problems)
{
    static const struct conf_field field = {.name = "keys", .kind = CONF_PATH};
    *problems = (struct conf_problems){0};
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct conf_problems rest = {0}; /* what does not concern keys */
    struct conf_loader l = {.a = a, .pr = problems, .file = file};
    struct base_str text;
    uint8_t sha256[32];
    const char *keys = NULL;
    if (!a || !read_file(&l, (struct conf_pos){0}, file, file, &text, sha256))
        goto out;
    l.folder = folder_of(a, file);
    const struct conf_node *root = conf_yaml_parse(text, file, true, a, &rest), *n = NULL;
    if (root && root->kind == CONF_NODE_MAP)
        for (n = root->child; n && !base_str_is(n->key, "keys"); n = n->next)
            ;
    if (n && l.folder)
        conf_value(&l, n, &field, &keys);
    if (!keys)
        conf_problem_add(problems, (struct conf_pos){file, 1, 1}, false,
                         "the key \"keys\" cannot be read: `weir check` tells more");
    base_wipe((char *)(uintptr_t)text.p, text.n);
out:
    if (keys && strlen(keys) >= path_bytes)
        conf_problem_add(problems, (struct conf_pos){file, 1, 1}, false, "keys: path too long");
    bool good = keys && problems->n_errors == 0;
    if (good)
        memcpy(path, keys, strlen(keys) + 1);
    conf_problems_release(&rest);
    base_arena_free(a);
    return good ? BASE_OK : BASE_EINVAL;
}

static void wipe(const char **z)
{
    if (*z)
        base_wipe((char *)(uintptr_t)*z, strlen(*z));
    *z = NULL;
}

void conf_secrets_wipe(struct conf *c)
{
    for (size_t i = 0; i < c->n_backends; i++)
        wipe(&c->backends[i].key);
    for (size_t i = 0; i < c->audit.n_sinks; i++) {
        struct conf_sink *s = &c->audit.sinks[i];
        wipe(&s->password);
        wipe(&s->access_key);
        wipe(&s->secret_key);
        wipe(&s->authorization);
    }
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    conf_secrets_wipe(c);
    base_arena_free(c->arena);
}
