/* load_law.c - the dated tables: adequacy decisions, the DPF list, duties with the day they apply.
 *
 * What the law says changes without a release of this program, so it stands in files of its own,
 * each row with its source and the day on which somebody last looked. Nothing here decides: policy/
 * compares the dates with the day of the request. Age is told as a warning when the files are read,
 * so that a table nobody looks after does not go unnoticed before it starts to refuse.
 */
#include "conf/sections.h"

#include "base/clock.h"

#define AT(type, member) offsetof(struct type, member)
#define ROWS_MAX         10000
#define AGE_DAYS_MAX     36500

/* ---- transfer tables ---- */

static void load_until(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_date *d = dst;
    if (n->kind == CONF_NODE_SCALAR && base_str_is(n->text, "none"))
        *d = (struct conf_date){NULL, INT64_MAX};
    else
        conf_load_date(l, n, d);
}

/* A day on which somebody looked. */
static void load_checked(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_date d = {0};
    conf_load_date(l, n, &d);
    if (!d.text)
        return;
    *(struct conf_date *)dst = d;
    if (d.day > base_wall_us() / 1000000 / 86400)
        conf_wrong(l, n, "%s is still to come: nothing was checked then", d.text);
}

static void load_country(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (n->text.n == 2 && conf_place_known(n->text) && !base_str_is(n->text, "EU"))
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no country: an ISO 3166 code such as CH", CONF_SHOW(n));
}

/* Shared by adequacy rows and the framework: offsets are those of struct conf_adequacy. */
static const struct conf_field decision_fields[] = {
    {.name = "country",
     .kind = CONF_SUB,
     .offset = AT(conf_adequacy, country),
     .required = true,
     .fn = load_country},
    {.name = "decision", .kind = CONF_STR, .offset = AT(conf_adequacy, decision), .required = true},
    {.name = "source", .kind = CONF_STR, .offset = AT(conf_adequacy, source), .required = true},
    {.name = "scope", .kind = CONF_STR, .offset = AT(conf_adequacy, scope)},
    {.name = "checked_on",
     .kind = CONF_SUB,
     .offset = AT(conf_adequacy, checked),
     .required = true,
     .fn = load_checked},
    {.name = "valid_until",
     .kind = CONF_SUB,
     .offset = AT(conf_adequacy, until),
     .required = true,
     .fn = load_until},
};

static void load_adequacy(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_tables *t = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, ROWS_MAX))
        return;
    t->adequacy = conf_array(l, n, n->n, sizeof(*t->adequacy));
    for (const struct conf_node *c = n->child; t->adequacy && c; c = c->next) {
        struct conf_adequacy *a = &t->adequacy[t->n_adequacy];
        *a = (struct conf_adequacy){.pos = conf_pos(l, c)};
        if (!conf_map(l, c, "this adequacy decision", CONF_FIELDS(decision_fields), a) ||
            !a->country)
            continue;
        bool twice = false;
        for (size_t i = 0; i < t->n_adequacy && !twice; i++)
            twice = strcmp(t->adequacy[i].country, a->country) == 0;
        if (twice)
            conf_wrong(l, c, "a second row for %s", a->country);
        else
            t->n_adequacy++;
    }
}

static void load_listed(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "entity", .kind = CONF_STR, .offset = AT(conf_listing, entity), .required = true},
        {.name = "source", .kind = CONF_STR, .offset = AT(conf_listing, source), .required = true},
        {.name = "checked_on",
         .kind = CONF_SUB,
         .offset = AT(conf_listing, checked),
         .required = true,
         .fn = load_checked},
        {.name = "valid_until",
         .kind = CONF_SUB,
         .offset = AT(conf_listing, until),
         .required = true,
         .fn = load_until},
    };
    struct conf_tables *t = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, ROWS_MAX))
        return;
    t->listings = conf_array(l, n, n->n, sizeof(*t->listings));
    for (const struct conf_node *c = n->child; t->listings && c; c = c->next) {
        struct conf_listing *e = &t->listings[t->n_listings];
        *e = (struct conf_listing){.pos = conf_pos(l, c)};
        if (!conf_map(l, c, "this listing", CONF_FIELDS(fields), e) || !e->entity)
            continue;
        bool twice = false;
        for (size_t i = 0; i < t->n_listings && !twice; i++)
            twice = strcmp(t->listings[i].entity, e->entity) == 0;
        if (twice)
            conf_wrong(l, c, "a second listing of \"%.60s\": which of the two counts?", e->entity);
        else
            t->n_listings++;
    }
}

static void load_dpf(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_tables *t = dst;
    t->dpf = (struct conf_adequacy){.pos = conf_pos(l, n)};
    t->has_dpf = conf_map(l, n, "dpf", CONF_FIELDS(decision_fields), &t->dpf) && t->dpf.country;
}

static void load_stale(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "warn_after_days",
         .kind = CONF_INT,
         .offset = AT(conf_tables, warn_days),
         .min = 1,
         .max = AGE_DAYS_MAX},
        {.name = "refuse_after_days",
         .kind = CONF_INT,
         .offset = AT(conf_tables, refuse_days),
         .max = AGE_DAYS_MAX},
    };
    conf_map(l, n, "stale", CONF_FIELDS(fields), dst);
}

static void warn_age(struct conf_loader *l, const struct conf_tables *t, struct conf_pos pos,
                     const char *what, const struct conf_date *checked,
                     const struct conf_date *until)
{
    int64_t today = base_wall_us() / 1000000 / 86400;
    if (until->text && today > until->day)
        conf_problem_add(l->pr, pos, true,
                         "%.60s: its last day was %s: what relies on it is refused", what,
                         until->text);
    else if (checked->text && t->refuse_days && today - checked->day > t->refuse_days)
        conf_problem_add(l->pr, pos, true,
                         "%.60s: last checked on %s, more than %d days ago: what relies on it is "
                         "refused",
                         what, checked->text, (int)t->refuse_days);
    else if (checked->text && today - checked->day > t->warn_days)
        conf_problem_add(l->pr, pos, true, "%.60s: last checked on %s, more than %d days ago", what,
                         checked->text, (int)t->warn_days);
}

void conf_load_tables(struct conf_loader *l, const struct conf_node *root, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "version",
         .kind = CONF_INT,
         .offset = AT(conf_tables, version),
         .required = true,
         .min = 1,
         .max = 1},
        {.name = "revision",
         .kind = CONF_UINT,
         .offset = AT(conf_tables, revision),
         .min = 1,
         .max = 2e9},
        {.name = "stale", .kind = CONF_SUB, .fn = load_stale},
        {.name = "adequacy", .kind = CONF_SUB, .fn = load_adequacy},
        {.name = "dpf", .kind = CONF_SUB, .fn = load_dpf},
        {.name = "dpf_listed", .kind = CONF_SUB, .fn = load_listed},
    };
    struct conf_tables *t = dst;
    t->warn_days = 90;
    t->refuse_days = 365;
    t->present = true;
    conf_map(l, root, "the transfer tables", CONF_FIELDS(fields), t);
    for (size_t i = 0; i < t->n_adequacy; i++)
        warn_age(l, t, t->adequacy[i].pos, t->adequacy[i].country, &t->adequacy[i].checked,
                 &t->adequacy[i].until);
    if (t->has_dpf)
        warn_age(l, t, t->dpf.pos, "dpf", &t->dpf.checked, &t->dpf.until);
    for (size_t i = 0; i < t->n_listings; i++)
        warn_age(l, t, t->listings[i].pos, t->listings[i].entity, &t->listings[i].checked,
                 &t->listings[i].until);
}

/* ---- duties ---- */

static const char *const needs_words[] = {
    "dpia",  "fria", "worker_notice", "human_review", "label", "decision_label", "label_or_review",
    "never", NULL};

const char *conf_needs_name(enum conf_duty_needs n)
{
    return (unsigned)n <= CONF_NEEDS_NEVER ? needs_words[n] : "?";
}

static void load_needs(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "needs", .kind = CONF_WORD, .words = needs_words};
    int word = CONF_NEEDS_DPIA;
    conf_value(l, n, &field, &word);
    *(enum conf_duty_needs *)dst = (enum conf_duty_needs)word;
}

static void check_duty(struct conf_loader *l, const struct conf_node *n, const struct conf_duty *d)
{
    bool any = d->ai_act.n || d->organisation.n || d->workplace || d->high_risk || d->decides ||
               d->publishes;
    if (!any)
        conf_wrong(l, n, "the duty %s has no condition: it would hold for every use case", d->id);
    conf_check_ai_act(l, &d->ai_act);
    for (size_t i = 0; i < d->organisation.n; i++)
        if (strcmp(d->organisation.v[i], "public_body") != 0 &&
            strcmp(d->organisation.v[i], "public_service") != 0)
            conf_problem_add(l->pr, d->organisation.pos[i], false,
                             "organisation: must be public_body or public_service, not \"%.60s\"",
                             d->organisation.v[i]);
}

static void load_duty_list(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "id", .kind = CONF_NAME, .offset = AT(conf_duty, id), .required = true},
        {.name = "article", .kind = CONF_STR, .offset = AT(conf_duty, article), .required = true},
        {.name = "source", .kind = CONF_STR, .offset = AT(conf_duty, source), .required = true},
        {.name = "needs",
         .kind = CONF_SUB,
         .offset = AT(conf_duty, needs),
         .required = true,
         .fn = load_needs},
        {.name = "applies_from",
         .kind = CONF_SUB,
         .offset = AT(conf_duty, from),
         .required = true,
         .fn = conf_load_date},
        {.name = "checked_on",
         .kind = CONF_SUB,
         .offset = AT(conf_duty, checked),
         .required = true,
         .fn = load_checked},
        {.name = "ai_act", .kind = CONF_NAMES, .offset = AT(conf_duty, ai_act)},
        {.name = "organisation", .kind = CONF_NAMES, .offset = AT(conf_duty, organisation)},
        {.name = "workplace", .kind = CONF_BOOL, .offset = AT(conf_duty, workplace)},
        {.name = "high_risk", .kind = CONF_BOOL, .offset = AT(conf_duty, high_risk)},
        {.name = "decides", .kind = CONF_BOOL, .offset = AT(conf_duty, decides)},
        {.name = "publishes", .kind = CONF_BOOL, .offset = AT(conf_duty, publishes)},
    };
    struct conf_duties *d = dst;
    if (!conf_is_list(l, n, ROWS_MAX))
        return;
    d->v = conf_array(l, n, n->n, sizeof(*d->v));
    for (const struct conf_node *c = n->child; d->v && c; c = c->next) {
        struct conf_duty *one = &d->v[d->n];
        *one = (struct conf_duty){.pos = conf_pos(l, c)};
        if (!conf_map(l, c, "this duty", CONF_FIELDS(fields), one) || !one->id)
            continue;
        check_duty(l, c, one);
        for (size_t i = 0; i < d->n; i++)
            if (strcmp(d->v[i].id, one->id) == 0)
                conf_wrong(l, c, "a second duty is named \"%s\"", one->id);
        d->n++;
    }
}

void conf_load_duties(struct conf_loader *l, const struct conf_node *root, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "version",
         .kind = CONF_INT,
         .offset = AT(conf_duties, version),
         .required = true,
         .min = 1,
         .max = 1},
        {.name = "revision",
         .kind = CONF_UINT,
         .offset = AT(conf_duties, revision),
         .min = 1,
         .max = 2e9},
        {.name = "duties", .kind = CONF_SUB, .required = true, .fn = load_duty_list},
    };
    struct conf_duties *d = dst;
    d->present = true;
    conf_map(l, root, "the duties", CONF_FIELDS(fields), d);
}
