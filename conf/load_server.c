/* load_server.c - the sections server, engine and audit.
 *
 * Tables and the few checks that are about more than one value. Defaults are set by load.c before
 * (conf_defaults_yaml shows them). Fails by telling problems; see fields.c.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)

/* ---- server ---- */

static void load_tls(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "certificate",
         .kind = CONF_PATH,
         .offset = AT(conf_server, tls_certificate),
         .required = true},
        {.name = "key", .kind = CONF_PATH, .offset = AT(conf_server, tls_key), .required = true},
        {.name = "self_signed", .kind = CONF_BOOL, .offset = AT(conf_server, tls_self_signed)},
        {.name = "client_ca", .kind = CONF_FILE, .offset = AT(conf_server, tls_client_ca)},
    };
    struct conf_server *s = dst;
    if (!conf_map(l, n, "tls", CONF_FIELDS(fields), s))
        return;
    const struct conf_node *files[2] = {NULL, NULL};
    for (const struct conf_node *c = n->child; c; c = c->next) {
        if (base_str_is(c->key, "certificate") && s->tls_certificate)
            files[0] = c;
        else if (base_str_is(c->key, "key") && s->tls_key)
            files[1] = c;
    }
    if (!files[0] || !files[1])
        return;
    const char *why[2], *paths[2] = {s->tls_certificate, s->tls_key};
    bool there[2];
    for (int i = 0; i < 2; i++)
        there[i] = conf_file_readable(paths[i], &why[i]);
    bool made_later = s->tls_self_signed && strcmp(why[0] ? why[0] : "", "no such file") == 0 &&
                      strcmp(why[1] ? why[1] : "", "no such file") == 0;
    for (int i = 0; i < 2 && !made_later; i++) {
        if (there[i])
            continue;
        if (s->tls_self_signed && there[1 - i])
            conf_wrong(l, files[i],
                       "%.*s: %s, but the other file of the pair is there; put it back, or take "
                       "that one away and a new pair is made",
                       CONF_SHOW(files[i]), why[i]);
        else
            conf_wrong(l, files[i], "%.*s: %s%s", CONF_SHOW(files[i]), why[i],
                       s->tls_self_signed ? "" : "; self_signed: true makes a pair at first start");
    }
}

static void load_limits(struct conf_loader *l, const struct conf_node *n, void *dst)
{
#define LIMIT(member, low, high)                                                                   \
    {                                                                                              \
        .name = #member, .kind = CONF_UINT, .offset = AT(conf_limits, member), .min = (low),       \
        .max = (high)                                                                              \
    }
    static const struct conf_field fields[] = {
        LIMIT(header_bytes, 256, 1048576), LIMIT(body_bytes, 1, 1073741824),
        LIMIT(connections, 1, 1000000),    LIMIT(idle_s, 1, 86400),
        LIMIT(header_s, 1, 3600),          LIMIT(body_s, 1, 3600),
        LIMIT(first_token_s, 1, 86400),    LIMIT(total_s, 1, 86400),
        LIMIT(drain_s, 1, 3600),
    };
#undef LIMIT
    struct conf_limits *lim = dst;
    bool first_token_given = false;
    if (!conf_map(l, n, "limits", CONF_FIELDS(fields), lim))
        return;
    for (const struct conf_node *c = n->child; c; c = c->next)
        first_token_given |= base_str_is(c->key, "first_token_s");
    if (lim->first_token_s <= lim->total_s)
        return;
    if (first_token_given)
        conf_wrong(l, n, "first_token_s (%u) is longer than total_s (%u)", lim->first_token_s,
                   lim->total_s);
    else
        lim->first_token_s = lim->total_s; /* the default gives way */
}

void conf_load_server(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "listen",
         .kind = CONF_SUB,
         .offset = AT(conf_server, listen),
         .fn = conf_load_address},
        {.name = "admin",
         .kind = CONF_SUB,
         .offset = AT(conf_server, admin),
         .fn = conf_load_address},
        {.name = "tls", .kind = CONF_SUB, .required = true, .fn = load_tls},
        {.name = "workers",
         .kind = CONF_AUTO_UINT,
         .offset = AT(conf_server, workers),
         .min = 1,
         .max = 256},
        {.name = "limits", .kind = CONF_SUB, .offset = AT(conf_server, limits), .fn = load_limits},
    };
    struct conf_server *s = dst;
    s->pos = conf_pos(l, n);
    if (!conf_map(l, n, "server", CONF_FIELDS(fields), s))
        return;
    if (s->listen.port == s->admin.port && strcmp(s->listen.host, s->admin.host) == 0)
        for (const struct conf_node *c = n->child; c; c = c->next)
            if (base_str_is(c->key, "admin") || (base_str_is(c->key, "listen") && !c->next))
                conf_wrong(l, c, "listen and admin are the same address (%s:%d)", s->listen.host,
                           s->listen.port);
}

/* ---- engine ---- */

static const char *const devices[] = {"auto", "cpu", "cuda", "emulated", NULL};
static const char *const splits[] = {"auto", "layers", "experts", NULL};
static const char *const cublas[] = {"auto", "off", "required", NULL};

static void load_local_price(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_local_model *m = dst;
    conf_load_price(l, n, &m->price_input);
    m->has_price = true;
}

static void load_model_file(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    const char *path = conf_path(l, n, n->text), *why;
    if (path && !conf_file_readable(path, &why))
        conf_wrong(l, n, "%.*s: %s; `make demo` fetches the demo model", CONF_SHOW_PATH(n), why);
    *(const char **)dst = path;
}

static void load_models(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "name", .kind = CONF_NAME, .offset = AT(conf_local_model, name), .required = true},
        {.name = "file",
         .kind = CONF_SUB,
         .offset = AT(conf_local_model, file),
         .required = true,
         .fn = load_model_file},
        {.name = "context",
         .kind = CONF_UINT,
         .offset = AT(conf_local_model, context),
         .min = 64,
         .max = 1048576},
        {.name = "slots",
         .kind = CONF_UINT,
         .offset = AT(conf_local_model, slots),
         .min = 1,
         .max = 256},
        {.name = "cache_tokens",
         .kind = CONF_UINT,
         .offset = AT(conf_local_model, cache_tokens),
         .min = 64,
         .max = 268435456},
        {.name = "price", .kind = CONF_SUB, .fn = load_local_price},
    };
    struct conf_engine *e = dst;
    if (!conf_is_list(l, n, 64))
        return;
    e->models = conf_array(l, n, n->n, sizeof(*e->models));
    for (const struct conf_node *c = n->child; e->models && c; c = c->next) {
        struct conf_local_model *m = &e->models[e->n_models];
        *m = (struct conf_local_model){.pos = conf_pos(l, c), .context = 4096, .slots = 4};
        if (!conf_map(l, c, "this model", CONF_FIELDS(fields), m) || !m->name)
            continue;
        bool twice = false;
        for (size_t i = 0; i < e->n_models && !twice; i++)
            twice = strcmp(e->models[i].name, m->name) == 0;
        if (twice)
            conf_problem_add(l->pr, m->pos, false, "a second model is named \"%s\"", m->name);
        else
            e->n_models++;
    }
}

static void load_watermark(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "key", .kind = CONF_PATH, .offset = AT(conf_watermark, key), .required = true},
        {.name = "gamma",
         .kind = CONF_NUM,
         .offset = AT(conf_watermark, gamma),
         .min = 0.05,
         .max = 0.95},
        {.name = "delta",
         .kind = CONF_NUM,
         .offset = AT(conf_watermark, delta),
         .min = 0.1,
         .max = 10},
    };
    struct conf_watermark *w = dst;
    *w = (struct conf_watermark){.present = true, .pos = conf_pos(l, n), .gamma = 0.25, .delta = 2};
    conf_map(l, n, "watermark", CONF_FIELDS(fields), w);
}

void conf_load_engine(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "device", .kind = CONF_WORD, .offset = AT(conf_engine, device), .words = devices},
        {.name = "cublas", .kind = CONF_WORD, .offset = AT(conf_engine, cublas), .words = cublas},
        {.name = "gpus", .kind = CONF_UINT, .offset = AT(conf_engine, gpus), .min = 1, .max = 16},
        {.name = "split", .kind = CONF_WORD, .offset = AT(conf_engine, split), .words = splits},
        {.name = "threads",
         .kind = CONF_AUTO_UINT,
         .offset = AT(conf_engine, threads),
         .min = 1,
         .max = 1024},
        {.name = "queue",
         .kind = CONF_UINT,
         .offset = AT(conf_engine, queue),
         .min = 0,
         .max = 65536},
        {.name = "watermark",
         .kind = CONF_SUB,
         .offset = AT(conf_engine, watermark),
         .fn = load_watermark},
        {.name = "models", .kind = CONF_SUB, .required = true, .fn = load_models},
    };
    struct conf_engine *e = dst;
    e->present = true;
    e->pos = conf_pos(l, n);
    conf_map(l, n, "engine", CONF_FIELDS(fields), e);
}

/* ---- audit ---- */

/* A C2SP key name: no blanks, no plus sign (signed notes could not be parsed otherwise). */
static void load_origin(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    bool good = n->text.n <= 200;
    for (size_t i = 0; good && i < n->text.n; i++)
        good = n->text.p[i] > 0x20 && n->text.p[i] < 0x7f && n->text.p[i] != '+';
    if (good)
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n,
                   "\"%.*s\" is no origin: a name such as weir.example/gw1, at most 200 "
                   "characters, no blanks, no plus sign",
                   CONF_SHOW(n));
}

void conf_load_audit(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const char *const failures[] = {"refuse", "spool-to-second-disk", NULL};
    static const char *const signers[] = {"gateway", "process", NULL};
    static const char *const periods[] = {"none", "month", NULL};
    static const struct conf_field fields[] = {
        {.name = "directory",
         .kind = CONF_PATH,
         .offset = AT(conf_audit, directory),
         .required = true},
        {.name = "origin",
         .kind = CONF_SUB,
         .offset = AT(conf_audit, origin),
         .required = true,
         .fn = load_origin},
        {.name = "on_failure",
         .kind = CONF_WORD,
         .offset = AT(conf_audit, on_failure),
         .words = failures},
        {.name = "content",
         .kind = CONF_SUB,
         .offset = AT(conf_audit, content),
         .fn = conf_load_content},
        {.name = "master",
         .kind = CONF_SUB,
         .offset = AT(conf_audit, master),
         .fn = conf_load_master},
        {.name = "spool", .kind = CONF_PATH, .offset = AT(conf_audit, spool)},
        {.name = "signer", .kind = CONF_WORD, .offset = AT(conf_audit, signer), .words = signers},
        {.name = "signer_directory", .kind = CONF_PATH, .offset = AT(conf_audit, signer_directory)},
        {.name = "queue",
         .kind = CONF_UINT,
         .offset = AT(conf_audit, queue),
         .min = 16,
         .max = 1048576},
        {.name = "segment_mib",
         .kind = CONF_UINT,
         .offset = AT(conf_audit, segment_mib),
         .min = 1,
         .max = 1024},
        {.name = "disk", .kind = CONF_SUB, .offset = AT(conf_audit, disk), .fn = conf_load_disk},
        {.name = "sinks", .kind = CONF_SUB, .fn = conf_load_sinks},
        {.name = "period", .kind = CONF_WORD, .offset = AT(conf_audit, period), .words = periods},
        {.name = "period_records",
         .kind = CONF_UINT,
         .offset = AT(conf_audit, period_records),
         .min = 0,
         .max = 4000000000u},
        {.name = "period_mib",
         .kind = CONF_UINT,
         .offset = AT(conf_audit, period_mib),
         .min = 0,
         .max = 4000000000u},
        {.name = "keep_periods",
         .kind = CONF_UINT,
         .offset = AT(conf_audit, keep_periods),
         .min = 0,
         .max = 100000},
        {.name = "witnesses", .kind = CONF_SUB, .fn = conf_load_witnesses},
        {.name = "quorum",
         .kind = CONF_UINT,
         .offset = AT(conf_audit, quorum),
         .min = 1,
         .max = 16},
    };
    struct conf_audit *a = dst;
    a->pos = conf_pos(l, n);
    if (!conf_map(l, n, "audit", CONF_FIELDS(fields), a))
        return;
    for (const struct conf_node *c = n->child; c; c = c->next)
        if (base_str_is(c->key, "keep_periods"))
            a->keep_pos = conf_pos(l, c);
    /* The one that is written, the one made ahead, and what comes until somebody makes room. */
    if (a->disk.refuse_all_mib && a->disk.refuse_all_mib < 2 * a->segment_mib)
        conf_problem_add(l->pr, a->disk.pos.line ? a->disk.pos : a->pos, true,
                         "refuse_all_mib: %u leaves no room for two segments of the log (%u MiB "
                         "each): raise it, or lower segment_mib",
                         a->disk.refuse_all_mib, a->segment_mib);
    if (a->on_failure == CONF_AUDIT_SPOOL && !a->spool)
        conf_wrong(l, n, "on_failure: spool-to-second-disk needs spool: FOLDER, on another disk");
    if (a->on_failure != CONF_AUDIT_SPOOL && a->spool)
        conf_wrong(l, n, "spool: is only used with on_failure: spool-to-second-disk");
    if (a->signer == CONF_SIGNER_PROCESS && !a->signer_directory)
        conf_wrong(l, n, "signer: process needs signer_directory: FOLDER, outside of directory");
    if (a->signer != CONF_SIGNER_PROCESS && a->signer_directory)
        conf_wrong(l, n, "signer_directory: is only used with signer: process");
    if (a->quorum > a->n_witnesses)
        conf_wrong(l, n, "quorum: %u of %zu witnesses can never sign", a->quorum, a->n_witnesses);
}
