/* load_residency.c - where a back end is, who runs it and on which basis data may go there.
 *
 * Fails closed: a back end without a location is an error, one that does not say whether it trains
 * on data is taken to do so, a sub-processor has to say where it is. Whether a transfer basis
 * suffices is policy's decision for every request; here only warnings say early what will be
 * refused. The same reader serves the configuration's back ends and those that a policy's tests
 * make up.
 */
#include "conf/sections.h"

#include "base/clock.h"

#define AT(type, member)   offsetof(struct type, member)
#define SUB_PROCESSORS_MAX 200

static const char *const bases[] = {"none", "dpa", "adequacy",   "dpf",
                                    "scc",  "bcr", "derogation", NULL};

const char *conf_basis_name(enum conf_basis b)
{
    return (unsigned)b <= CONF_BASIS_LAST ? bases[b] : "?";
}

void conf_residency_init(struct conf_residency *r)
{
    *r = (struct conf_residency){
        .retention_days = -1, .trains_on_data = true, .expires_day = INT64_MAX};
}

void conf_load_date(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_date *d = dst;
    if (!conf_is_text(l, n))
        return;
    int64_t day = base_days_from_date(n->text.p, n->text.n);
    if (day < 0)
        conf_wrong(l, n, "\"%.*s\" is no date: write YYYY-MM-DD", CONF_SHOW(n));
    else
        *d = (struct conf_date){n->text.p, day};
}

static void load_expires(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_residency *r = dst;
    struct conf_date d = {0};
    conf_load_date(l, n, &d);
    if (!d.text)
        return;
    r->expires = d.text;
    r->expires_day = d.day;
    if (!l->in_policy && d.day < base_wall_us() / 1000000 / 86400)
        conf_warn(l, n, "the transfer basis expired on %s: policy will refuse this back end",
                  r->expires);
}

static void load_checked(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_residency *r = dst;
    struct conf_date d = {0};
    conf_load_date(l, n, &d);
    r->checked = d.text;
    r->checked_day = d.day;
    if (d.text && !l->in_policy && d.day > base_wall_us() / 1000000 / 86400)
        conf_wrong(l, n, "%s is still to come: nothing was checked then", d.text);
}

/* A point of Art. 49(1), first subparagraph, (a) to (g), or its second subparagraph. */
static void load_derogation(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (n->text.n == 6 && memcmp(n->text.p, "49.1.", 5) == 0 && n->text.p[5] >= 'a' &&
        n->text.p[5] <= 'g')
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no derogation: 49.1.a to 49.1.g", CONF_SHOW(n));
}

static void warn_transfer(struct conf_loader *l, const struct conf_node *n,
                          const struct conf_residency *r)
{
    if (r->basis != CONF_BASIS_NONE && !r->reference)
        conf_warn(l, n, "the transfer has no reference: policy will refuse this back end");
    if (r->basis == CONF_BASIS_DEROGATION && (!r->derogation || !r->approver || !r->expires))
        conf_warn(l, n,
                  "a derogation needs derogation, approver, reference and expires: policy will "
                  "refuse this back end");
    if (r->basis != CONF_BASIS_DEROGATION && (r->derogation || r->approver))
        conf_wrong(l, n, "derogation and approver go with basis: derogation only");
}

static void load_transfer(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "basis",
         .kind = CONF_WORD,
         .offset = AT(conf_residency, basis),
         .required = true,
         .words = bases},
        {.name = "reference", .kind = CONF_STR, .offset = AT(conf_residency, reference)},
        {.name = "expires", .kind = CONF_SUB, .fn = load_expires},
        {.name = "checked_on", .kind = CONF_SUB, .fn = load_checked},
        {.name = "assessment", .kind = CONF_STR, .offset = AT(conf_residency, assessment)},
        {.name = "scope", .kind = CONF_STR, .offset = AT(conf_residency, scope)},
        {.name = "derogation",
         .kind = CONF_SUB,
         .offset = AT(conf_residency, derogation),
         .fn = load_derogation},
        {.name = "approver", .kind = CONF_STR, .offset = AT(conf_residency, approver)},
    };
    struct conf_residency *r = dst;
    if (conf_map(l, n, "transfer", CONF_FIELDS(fields), r))
        warn_transfer(l, n, r);
}

static void load_sub_processors(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "name",
         .kind = CONF_STR,
         .offset = AT(conf_sub_processor, name),
         .required = true},
        {.name = "location",
         .kind = CONF_PLACES,
         .offset = AT(conf_sub_processor, location),
         .required = true},
    };
    struct conf_residency *r = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, SUB_PROCESSORS_MAX))
        return;
    r->sub_processors = conf_array(l, n, n->n, sizeof(*r->sub_processors));
    for (const struct conf_node *c = n->child; r->sub_processors && c; c = c->next) {
        struct conf_sub_processor *s = &r->sub_processors[r->n_sub_processors];
        *s = (struct conf_sub_processor){.pos = conf_pos(l, c)};
        if (!conf_map(l, c, "this sub-processor", CONF_FIELDS(fields), s) || !s->name)
            continue;
        for (size_t i = 0; i < s->location.n; i++)
            if (strcmp(s->location.v[i], "on_premises") == 0)
                conf_wrong(l, c, "a sub-processor is not on premises");
        r->n_sub_processors++;
    }
}

const struct conf_field conf_residency_fields[CONF_RESIDENCY_FIELDS] = {
    {.name = "location",
     .kind = CONF_PLACES,
     .offset = AT(conf_residency, location),
     .required = true},
    {.name = "entity", .kind = CONF_STR, .offset = AT(conf_residency, entity)},
    {.name = "retention_days",
     .kind = CONF_INT,
     .offset = AT(conf_residency, retention_days),
     .max = 36500},
    {.name = "trains_on_data", .kind = CONF_BOOL, .offset = AT(conf_residency, trains_on_data)},
    {.name = "transfer", .kind = CONF_SUB, .fn = load_transfer},
    {.name = "certifications", .kind = CONF_NAMES_0, .offset = AT(conf_residency, certifications)},
    {.name = "sub_processors", .kind = CONF_SUB, .fn = load_sub_processors},
};

void conf_residency_check(struct conf_loader *l, const struct conf_node *n,
                          struct conf_residency *r)
{
    bool home = false;
    r->pos = conf_pos(l, n);
    for (size_t i = 0; i < r->location.n; i++)
        home |= strcmp(r->location.v[i], "on_premises") == 0;
    r->on_premises = home && r->location.n == 1;
    for (const struct conf_node *c = n->child; c; c = c->next)
        if (home && !r->on_premises && base_str_is(c->key, "location"))
            conf_wrong(l, c, "on_premises stands alone: a back end is here or elsewhere");
    if (!l->in_policy && r->location.n && !home && r->basis == CONF_BASIS_NONE)
        conf_warn(l, n, "off premises without a transfer basis: policy will refuse this back end");
}

void conf_load_residency(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (conf_map(l, n, "residency", conf_residency_fields, CONF_RESIDENCY_FIELDS, dst))
        conf_residency_check(l, n, dst);
}
