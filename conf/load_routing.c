/* load_routing.c - the section routing, and the targets that its lists name.
 *
 * Read after all other sections, whatever their order in the file. conf_targets_make lists every
 * target there is ("local/NAME", "BACKEND/NAME"); routing's entries are copies of those, so that a
 * target's pointers are never half set. Fails by telling problems; see fields.c.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)
#define ALIASES_MAX      1000

/* ---- all targets ---- */

static void add_target(struct conf_loader *l, const struct conf_node *root, const char *owner,
                       const char *name, struct conf_target t)
{
    struct conf_targets *all = &l->c->targets;
    struct base_str text = base_arena_printf(l->a, "%s/%s", owner, name);
    if (!text.p) {
        conf_wrong(l, root, "the file needs too much memory");
        return;
    }
    t.text = text.p;
    all->v[all->n++] = t;
}

void conf_targets_make(struct conf_loader *l, const struct conf_node *root)
{
    struct conf *c = l->c;
    size_t n = c->engine.n_models;
    for (size_t i = 0; i < c->n_backends; i++)
        n += c->backends[i].n_models;
    c->targets.v = conf_array(l, root, n, sizeof(*c->targets.v));
    if (!c->targets.v)
        return;
    for (size_t i = 0; i < c->engine.n_models; i++) {
        const struct conf_local_model *m = &c->engine.models[i];
        add_target(l, root, "local", m->name, (struct conf_target){.pos = m->pos, .local = m});
    }
    for (size_t i = 0; i < c->n_backends; i++) {
        const struct conf_backend *b = &c->backends[i];
        for (size_t k = 0; b->name && k < b->n_models; k++) {
            const struct conf_remote_model *m = &b->models[k];
            struct conf_target t = {.pos = m->pos, .backend = b, .model = m};
            add_target(l, root, b->name, m->name, t);
        }
    }
}

static const struct conf_target *find(const struct conf *c, struct base_str name)
{
    for (size_t i = 0; i < c->targets.n; i++)
        if (base_str_is(name, c->targets.v[i].text))
            return &c->targets.v[i];
    return NULL;
}

enum base_status conf_target_find(const struct conf *c, struct base_str name,
                                  struct conf_target *out)
{
    const struct conf_target *t = find(c, name);
    if (!t)
        return BASE_ENOENT;
    *out = *t;
    out->pos = (struct conf_pos){0};
    return BASE_OK;
}

const struct conf_alias *conf_alias_find(const struct conf *c, struct base_str name)
{
    for (size_t i = 0; i < c->routing.n_aliases; i++)
        if (base_str_is(name, c->routing.aliases[i].name))
            return &c->routing.aliases[i];
    return NULL;
}

/* ---- routing ---- */

static void dangling(struct conf_loader *l, const struct conf_node *n)
{
    const struct conf *c = l->c;
    if (base_str_starts(n->text, BASE_STR("local/")) && !c->engine.present) {
        conf_wrong(l, n, "\"%.*s\": there is no engine section, so nothing is local/",
                   CONF_SHOW(n));
        return;
    }
    if (!memchr(n->text.p, '/', n->text.n)) {
        conf_wrong(l, n, "\"%.*s\" is no target: write local/NAME or BACKEND/NAME", CONF_SHOW(n));
        return;
    }
    const char *near = NULL;
    const char **words = conf_array(l, n, c->targets.n + 1, sizeof(*words));
    for (size_t i = 0; words && i < c->targets.n; i++)
        words[i] = c->targets.v[i].text;
    if (words)
        near = conf_nearest(n->text, words);
    if (near)
        conf_wrong(l, n, "\"%.*s\" is not defined; did you mean \"%s\"?", CONF_SHOW(n), near);
    else
        conf_wrong(l, n, "\"%.*s\" is not defined: no model of that name in engine or backends",
                   CONF_SHOW(n));
}

static void add_to_list(struct conf_loader *l, const struct conf_node *n, struct conf_targets *list)
{
    if (!conf_is_text(l, n))
        return;
    const struct conf_target *t = find(l->c, n->text);
    if (!t) {
        dangling(l, n);
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->v[i].text, t->text) == 0) {
            conf_wrong(l, n, "\"%s\" stands in this list twice", t->text);
            return;
        }
    }
    list->v[list->n] = *t;
    list->v[list->n++].pos = conf_pos(l, n);
}

static void load_targets(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_targets *list = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, CONF_TARGETS_MAX))
        return;
    list->v = conf_array(l, n, n->n, sizeof(*list->v));
    for (const struct conf_node *k = n->child; list->v && k; k = k->next)
        add_to_list(l, k, list);
}

/* aliases: { NAME: TARGET or [TARGET, ...] } */
static void load_aliases(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_routing *r = dst;
    if (n->bad)
        return;
    if (n->kind != CONF_NODE_MAP || n->n > ALIASES_MAX) {
        conf_wrong(l, n, "must be a mapping of at most %d names to targets", ALIASES_MAX);
        return;
    }
    r->aliases = conf_array(l, n, n->n, sizeof(*r->aliases));
    for (const struct conf_node *k = n->child; r->aliases && k; k = k->next) {
        struct conf_pos pos = {l->file, k->key_line, k->key_col};
        bool good = k->key.n > 0 && k->key.n <= 128;
        for (size_t i = 0; good && i < k->key.n; i++)
            good = k->key.p[i] > 0x20 && k->key.p[i] < 0x7f;
        if (!good) {
            conf_problem_add(l->pr, pos, false,
                             "an alias is named by at most 128 visible characters");
            continue;
        }
        if (base_str_is(k->key, "auto") || find(l->c, k->key)) {
            conf_problem_add(l->pr, pos, false, "the alias \"%.60s\" hides %s", k->key.p,
                             base_str_is(k->key, "auto") ? "the word auto" : "a target");
            continue;
        }
        struct conf_alias *a = &r->aliases[r->n_aliases];
        *a = (struct conf_alias){.pos = pos, .name = k->key.p};
        if (k->kind == CONF_NODE_SCALAR) {
            a->targets.v = conf_array(l, k, 1, sizeof(*a->targets.v));
            if (a->targets.v)
                add_to_list(l, k, &a->targets);
        } else if (conf_is_list(l, k, CONF_TARGETS_MAX)) {
            load_targets(l, k, &a->targets);
        }
        r->n_aliases++;
    }
}

static bool makes_vectors(const struct conf_target *t)
{
    return t->model && t->model->embeddings;
}

/* All of list is of that kind; and vectors of different models have nothing to do with each other,
 * so that falling back from one to another would spoil what is kept of them. */
static void check_list(struct conf_loader *l, const struct conf_targets *list, bool vectors,
                       const char *what)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct conf_target *t = &list->v[i];
        if (makes_vectors(t) != vectors)
            conf_problem_add(l->pr, t->pos, false,
                             vectors ? "\"%s\" answers chats: %s lists models with kind: embeddings"
                                     : "\"%s\" makes vectors (kind: embeddings): %s answers chats",
                             t->text, what);
        else if (vectors && i > 0 && strcmp(t->model->name, list->v[0].model->name) != 0)
            conf_problem_add(l->pr, t->pos, true,
                             "\"%s\" stands behind \"%s\": vectors of different models cannot be "
                             "compared, and which of them answers changes from request to request",
                             t->text, list->v[0].text);
    }
}

static void check_kinds(struct conf_loader *l, const struct conf_routing *r)
{
    check_list(l, &r->commodity, false, "commodity");
    check_list(l, &r->hard, false, "hard");
    check_list(l, &r->embeddings, true, "routing.embeddings");
    for (size_t i = 0; i < r->n_aliases; i++) {
        const struct conf_targets *t = &r->aliases[i].targets;
        if (t->n > 0)
            check_list(l, t, makes_vectors(&t->v[0]), "this alias");
    }
}

void conf_load_routing(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const char *const denied[] = {"local", "deny", NULL};
    static const char *const overflow[] = {"queue", "hard", "reject", NULL};
    static const struct conf_field fields[] = {
        {.name = "commodity",
         .kind = CONF_SUB,
         .offset = AT(conf_routing, commodity),
         .fn = load_targets},
        {.name = "hard", .kind = CONF_SUB, .offset = AT(conf_routing, hard), .fn = load_targets},
        {.name = "embeddings",
         .kind = CONF_SUB,
         .offset = AT(conf_routing, embeddings),
         .fn = load_targets},
        {.name = "aliases", .kind = CONF_SUB, .fn = load_aliases},
        {.name = "threshold", .kind = CONF_NUM, .offset = AT(conf_routing, threshold), .max = 1},
        {.name = "target_quality",
         .kind = CONF_NUM,
         .offset = AT(conf_routing, target_quality),
         .min = 0.01,
         .max = 1},
        {.name = "when_hard_is_denied",
         .kind = CONF_WORD,
         .offset = AT(conf_routing, when_hard_is_denied),
         .words = denied},
        {.name = "overflow",
         .kind = CONF_WORD,
         .offset = AT(conf_routing, overflow),
         .words = overflow},
    };
    struct conf_routing *r = dst;
    size_t before = l->pr->n_errors;
    r->pos = conf_pos(l, n);
    if (!conf_map(l, n, "routing", CONF_FIELDS(fields), r))
        return;
    const struct conf_node *threshold = NULL, *quality = NULL;
    for (const struct conf_node *c = n->child; c; c = c->next) {
        if (base_str_is(c->key, "threshold"))
            threshold = c;
        else if (base_str_is(c->key, "target_quality"))
            quality = c;
    }
    if (threshold && quality)
        conf_wrong(l, quality, "threshold and target_quality exclude each other: keep one");
    if (!r->commodity.n && !r->hard.n && !r->embeddings.n && l->pr->n_errors == before)
        conf_wrong(l, n, "neither commodity nor hard names a target: nothing could answer");
    check_kinds(l, r);
}
