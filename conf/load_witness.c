/* load_witness.c - audit.witnesses: who countersigns the log's checkpoints, and how many must.
 *
 * A witness is reached by https (plain http only on this machine itself) under a name and a key
 * that its owner gave; nothing is called that is not named here. Fails by telling problems; see
 * fields.c.
 */
#include "conf/sections.h"

#define AT(member)    offsetof(struct conf_witness, member)
#define WITNESSES_MAX 16

static void load_url(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_witness *w = dst;
    struct conf_backend b = {0};
    conf_load_url(l, n, &b);
    w->url = b.url;
}

static void load_vkey(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    struct base_str rest = n->text, name = base_str_cut(&rest, '+');
    struct base_str id = rest.p ? base_str_cut(&rest, '+') : BASE_STR_NULL;
    if (name.n == 0 || id.n != 8 || rest.n != 44)
        conf_wrong(l, n,
                   "\"%.*s\" is no witness's verifier key: NAME+8 hexadecimal digits+base64, as "
                   "`weir audit witness DIR --init --name NAME` prints it",
                   CONF_SHOW(n));
    else
        *(const char **)dst = n->text.p;
}

static bool load_one(struct conf_loader *l, const struct conf_node *n, struct conf_witness *w)
{
    static const struct conf_field fields[] = {
        {.name = "name", .kind = CONF_NAME, .offset = AT(name), .required = true},
        {.name = "url", .kind = CONF_SUB, .required = true, .fn = load_url},
        {.name = "vkey", .kind = CONF_SUB, .offset = AT(vkey), .required = true, .fn = load_vkey},
        {.name = "ca", .kind = CONF_FILE, .offset = AT(ca)},
    };
    w->pos = conf_pos(l, n);
    return conf_map(l, n, "a witness", CONF_FIELDS(fields), w) && w->name && w->url && w->vkey;
}

void conf_load_witnesses(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_audit *a = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, WITNESSES_MAX))
        return;
    a->witnesses = conf_array(l, n, n->n, sizeof(*a->witnesses));
    for (const struct conf_node *c = n->child; a->witnesses && c; c = c->next) {
        struct conf_witness *w = &a->witnesses[a->n_witnesses];
        if (!load_one(l, c, w))
            continue;
        bool twice = false;
        for (size_t i = 0; i < a->n_witnesses && !twice; i++)
            twice = strcmp(a->witnesses[i].name, w->name) == 0 ||
                    strcmp(a->witnesses[i].vkey, w->vkey) == 0;
        if (twice)
            conf_problem_add(l->pr, w->pos, false, "witness \"%s\" is there twice", w->name);
        else
            a->n_witnesses++;
    }
}
