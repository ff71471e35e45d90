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
#include "conf/sections.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX (96u << 20) /* 100k nodes, each with its text, fit */
#define MONTH_DAYS_MAX  31u
#define AT(member)      offsetof(struct conf, member)

/* Reads a whole file into the arena; tells and returns false when that fails. regular: a pipe that
 * somebody put in its place would stop a reload for good. */
static bool read_file(struct conf_loader *l, struct conf_pos told_at, const char *shown,
                      const char *path, bool regular, struct base_str *out, uint8_t sha256[32])
{
    struct base_buf b;
    struct base_err err = {0};
    base_buf_init(&b, CONF_FILE_BYTES_MAX);
    enum base_status st =
        regular ? base_file_read_regular(path, &b, &err) : base_file_read(path, &b, &err);
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

static void keep_shadow(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)dst;
    l->shadow = n;
}

static void keep_tables(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)dst;
    l->tables = n;
}

static void keep_duties(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)dst;
    l->duties = n;
}

static void keep_policy_keys(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    (void)dst;
    l->policy_keys = n;
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
    {.name = "policy_shadow", .kind = CONF_SUB, .fn = keep_shadow},
    {.name = "policy_keys", .kind = CONF_SUB, .fn = keep_policy_keys},
    {.name = "policy_state", .kind = CONF_PATH, .offset = AT(policy_state)},
    {.name = "policy_watch", .kind = CONF_BOOL, .offset = AT(policy_watch)},
    {.name = "transfer_tables", .kind = CONF_SUB, .fn = keep_tables},
    {.name = "duties", .kind = CONF_SUB, .fn = keep_duties},
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
    "  device: auto                  # auto | cpu | cuda; auto: a GPU that is worth it, else cpu\n"
    "  gpus: 1                       # of each model, up to 16; not given: 1, with auto the best\n"
    "  split: auto                   # auto | layers | experts: what each of several GPUs takes\n"
    "  cublas: auto                  # auto | off | required; of a GPU: docs/cuda.md\n"
    "  threads: auto                 # one a core\n"
    "  queue: 64                     # waiting requests a model\n"
    "  # of each model: context: 4096, slots: 4, price: { input: 0, output: 0 }\n"
    "  # and cache_tokens: 16384, of all slots together (default: slots times context)\n"
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
    "policy_watch: false             # true: policy files are taken when they change\n"
    "policy_state: policy-state.json # beside the file that `keys` names\n"
    "# without policy_keys no signature is asked for; without transfer_tables a basis of adequacy\n"
    "# or dpf is taken at its word; without duties no document is asked for by date\n"
    "audit:\n"
    "  on_failure: refuse\n"
    "  content: off                  # where it is on: blob_mib: 8, queue_mib: 64, sweep: 60s\n"
    "  signer: gateway\n"
    "  queue: 4096                   # records that may wait to be written\n"
    "  segment_mib: 64               # of the log's files; one or two are made whole ahead\n"
    "  disk: { warn_mib: 1024, refuse_content_mib: 512, refuse_all_mib: 192 }\n"
    "  period: none                  # month: a new chained log each month (UTC)\n"
    "  period_records: 0             # also after so many records, or MiB; 0: not for that reason\n"
    "  period_mib: 0\n"
    "  keep_periods: 0               # closed periods to keep; 0: all\n"
    "  witnesses: []                 # quorum: all of them\n"
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
    c->audit.segment_mib = 64;
    c->audit.master.timeout_ms = 5000;
    c->audit.content = (struct conf_content){.blob_mib = 8, .queue_mib = 64, .sweep_s = 60};
    c->audit.disk =
        (struct conf_disk){.warn_mib = 1024, .refuse_content_mib = 512, .refuse_all_mib = 192};
}

/* ---- loading ---- */

/* Another file that the configuration names at n, read for what is in it: l is turned to that file
 * and back. */
struct other {
    const char *file;
    uint8_t *sha256;
    char *id; /* 80 bytes */
    const char *signed_by;
    const struct conf_node *root;
    struct conf_loader l;
};

static void id_print(char id[80], const uint8_t sha256[32])
{
    static const char hex[] = "0123456789abcdef";
    memcpy(id, "sha256:", 7);
    for (size_t i = 0; i < 32; i++) {
        id[7 + 2 * i] = hex[sha256[i] >> 4];
        id[8 + 2 * i] = hex[sha256[i] & 15];
    }
    id[71] = 0;
}

/* shown: how problems name the file. */
static bool read_other(struct conf_loader *l, const struct conf_node *n, const char *shown,
                       const char *path, bool must_be_file, bool must_sign, struct other *o)
{
    struct base_str text;
    if (!read_file(l, conf_pos(l, n), shown, path, must_be_file, &text, o->sha256))
        return false;
    o->file = path;
    id_print(o->id, o->sha256);
    if (must_sign && !conf_policy_signed(l, n, path, text, &o->signed_by))
        return false;
    o->l = *l;
    o->l.file = shown;
    o->l.folder = folder_of(l->a, path);
    o->root = conf_yaml_parse(text, shown, false, l->a, l->pr);
    return o->root != NULL;
}

static bool open_other(struct conf_loader *l, const struct conf_node *n, bool must_sign,
                       struct other *o)
{
    if (!n || !conf_is_text(l, n))
        return false;
    const char *path = conf_path(l, n, n->text), *why;
    if (!path)
        return false;
    if (!conf_file_readable(path, &why)) {
        conf_wrong(l, n, "%.*s: %s", CONF_SHOW(n), why);
        return false;
    }
    /* Shown as the main file is: beside it, the way it was named. */
    const char *slash = strrchr(l->file, '/');
    struct base_str shown = base_str_c(path);
    if (n->raw.p[0] != '/' && !n->expanded)
        shown = base_arena_printf(l->a, "%.*s%s", slash ? (int)(slash - l->file + 1) : 0, l->file,
                                  n->raw.p);
    return shown.p && read_other(l, n, shown.p, path, true, must_sign, o);
}

static void load_one_policy(struct conf_loader *l, const struct conf_node *n, bool must_sign,
                            struct conf_policy *p)
{
    struct other o = {.sha256 = p->sha256, .id = p->id};
    if (open_other(l, n, must_sign, &o))
        conf_load_policy(&o.l, o.root, p);
    p->file = o.file;
    p->signed_by = o.signed_by;
}

/* The files that the configuration names, after the configuration itself. */
static void load_others(struct conf_loader *l)
{
    struct conf *c = l->c;
    struct other t = {.sha256 = c->tables.sha256, .id = c->tables.id};
    struct other d = {.sha256 = c->duties.sha256, .id = c->duties.id};
    if (l->policy_keys)
        conf_load_policy_keys(l, l->policy_keys);
    load_one_policy(l, l->policy, true, &c->policy);
    if (l->shadow) {
        c->has_shadow = true;
        load_one_policy(l, l->shadow, false, &c->shadow);
    }
    if (l->tables && open_other(l, l->tables, true, &t))
        conf_load_tables(&t.l, t.root, &c->tables);
    c->tables.file = t.file;
    if (l->duties && open_other(l, l->duties, true, &d))
        conf_load_duties(&d.l, d.root, &c->duties);
    c->duties.file = d.file;
}

/* Where kill switches and the last revision are kept: beside the keys, unless it is said. */
static void default_state(struct conf_loader *l)
{
    struct conf *c = l->c;
    if (c->policy_state || !c->keys_file)
        return;
    const char *slash = strrchr(c->keys_file, '/');
    struct base_str s = base_arena_printf(
        l->a, "%.*spolicy-state.json", slash ? (int)(slash - c->keys_file + 1) : 0, c->keys_file);
    c->policy_state = s.p;
}

/* Months are the only periods whose length is known beforehand: the newest record of the oldest one
 * that is kept is at most keep_periods months old when the period goes. */
static void check_retention(struct conf_loader *l)
{
    const struct conf_audit *a = &l->c->audit;
    const struct conf_retention *r = conf_longest_retention(&l->c->policy);
    if (a->keep_periods == 0 || a->period != CONF_PERIOD_MONTH || !r ||
        (uint64_t)a->keep_periods * MONTH_DAYS_MAX >= r->record_days)
        return;
    conf_problem_add(l->pr, a->keep_pos, false,
                     "keep_periods: %u months (at most %u days) is shorter than the %u record_days "
                     "of retention class \"%s\" (%s:%d): say %u or more, or 0 for all",
                     a->keep_periods, a->keep_periods * MONTH_DAYS_MAX, r->record_days, r->id,
                     r->pos.file ? r->pos.file : "policy", r->pos.line,
                     (r->record_days + MONTH_DAYS_MAX - 1) / MONTH_DAYS_MAX);
}

static void load_all(struct conf_loader *l, const char *file)
{
    struct conf *c = l->c;
    struct base_str text;
    struct conf_pos whole = {l->file, 0, 0};
    if (!read_file(l, (struct conf_pos){0}, file, file, false, &text, c->sha256))
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
    default_state(l);
    load_others(l);
    check_retention(l);
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

/* One file that was named on its own. */
static struct other other_alone(struct conf_loader *l, const char *file, uint8_t *sha256, char *id)
{
    static const struct conf_node nowhere = {.kind = CONF_NODE_SCALAR};
    struct other o = {.sha256 = sha256, .id = id};
    struct conf_problems *pr = l->pr;
    struct conf_loader here = *l;
    here.file = NULL; /* positions of the command line: none */
    if (!read_other(&here, &nowhere, file, file, false, false, &o) && pr->n_errors == 0)
        conf_problem_add(pr, (struct conf_pos){file, 0, 0}, false, "it cannot be read");
    return o;
}

enum base_status conf_load_policy_only(const char *policy, const char *tables, const char *duties,
                                       struct conf **out, struct conf_problems *problems)
{
    *out = NULL;
    *problems = (struct conf_problems){0};
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct conf *c = a ? base_arena_alloc(a, sizeof(*c)) : NULL;
    if (!c) {
        conf_problem_add(problems, (struct conf_pos){0}, false, "not enough memory");
        base_arena_free(a);
        return BASE_ENOMEM;
    }
    c->arena = a;
    set_defaults(c);
    struct conf_loader l = {.c = c, .a = a, .pr = problems};
    struct other p = other_alone(&l, policy, c->policy.sha256, c->policy.id);
    if (p.root)
        conf_load_policy(&p.l, p.root, &c->policy);
    c->policy.file = p.file;
    if (tables) {
        struct other t = other_alone(&l, tables, c->tables.sha256, c->tables.id);
        if (t.root)
            conf_load_tables(&t.l, t.root, &c->tables);
    }
    if (duties) {
        struct other d = other_alone(&l, duties, c->duties.sha256, c->duties.id);
        if (d.root)
            conf_load_duties(&d.l, d.root, &c->duties);
    }
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

bool conf_policy_sound(const struct conf_policy *policy, const struct conf_problems *problems)
{
    if (!policy->pos.file)
        return false;
    for (size_t i = 0; i < problems->n; i++) {
        const struct conf_problem *p = &problems->v[i];
        if (!p->warning && p->pos.file && strcmp(p->pos.file, policy->pos.file) == 0)
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
    if (!a || !read_file(&l, (struct conf_pos){0}, file, file, false, &text, sha256))
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

enum base_status conf_load_audit_only(const char *file, struct conf **out,
                                      struct conf_problems *problems)
{
    *problems = (struct conf_problems){0};
    *out = NULL;
    struct base_arena *a = base_arena_new(ARENA_BYTES_MAX);
    struct conf *c = a ? base_arena_alloc(a, sizeof(*c)) : NULL;
    struct conf_problems rest = {0}; /* what does not concern the log */
    struct conf_loader l = {.c = c, .a = a, .pr = problems, .file = file};
    struct base_str text;
    if (!c || !read_file(&l, (struct conf_pos){0}, file, file, false, &text, l.c->sha256))
        goto out;
    c->arena = a;
    set_defaults(c);
    l.folder = folder_of(a, file);
    const struct conf_node *root = conf_yaml_parse(text, file, true, a, &rest), *n = NULL;
    if (root && root->kind == CONF_NODE_MAP)
        for (n = root->child; n && !base_str_is(n->key, "audit"); n = n->next)
            ;
    if (n && l.folder)
        conf_load_audit(&l, n, &c->audit);
    if (!c->audit.directory)
        conf_problem_add(problems, (struct conf_pos){file, 1, 1}, false,
                         "the section \"audit\" cannot be read: `weir check` tells more");
    base_wipe((char *)(uintptr_t)text.p, text.n);
out:
    conf_problems_release(&rest);
    if (c && problems->n_errors == 0 && c->audit.directory) {
        *out = c;
        return BASE_OK;
    }
    base_arena_free(a);
    return BASE_EINVAL;
}

void conf_secrets_wipe(struct conf *c)
{
    for (size_t i = 0; i < c->n_backends; i++) {
        struct conf_backend *b = &c->backends[i];
        wipe(&b->key);
        wipe(&b->access_key);
        wipe(&b->secret_key);
        wipe(&b->session_token);
    }
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
