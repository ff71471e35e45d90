/* load_handling.c - what rules and use cases ask of the answering side: tools, answers,
 * obligations, retention; limits are in load_bounds.c.
 *
 * Read by the same tables for both, so that a use case can ask for whatever a rule can. Words are
 * checked here (an obligation that nobody knows could not be kept); how what applies is united is
 * policy's matter. Strings go to the configuration's arena; runs where conf_load runs.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)
#define RETENTIONS_MAX   100
#define DAYS_MAX         36500

const char *const conf_obligations[] = {"label-output", "label-decision", "notice", "provenance",
                                        "watermark",    "human-review",   NULL};

static const char *const answers_words[] = {"pass", "warn", "redact", "withhold", NULL};

const char *conf_answers_name(enum conf_answers a)
{
    return (unsigned)a <= CONF_ANSWERS_WITHHOLD ? answers_words[a] : "?";
}

static void load_allow(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "allow", .kind = CONF_NAMES_0, .offset = AT(conf_handling, tools_allow)};
    struct conf_handling *h = dst;
    h->has_tools_allow = true;
    conf_value(l, n, &field, h);
}

static void load_tools(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "allow", .kind = CONF_SUB, .fn = load_allow},
        {.name = "deny", .kind = CONF_NAMES, .offset = AT(conf_handling, tools_deny)},
    };
    if (conf_map(l, n, "tools", CONF_FIELDS(fields), dst) && n->n == 0)
        conf_wrong(l, n, "says nothing: it needs allow or deny");
}

static void load_action(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {
        .name = "answers", .kind = CONF_WORD, .words = answers_words};
    struct conf_handling *h = dst;
    int word = CONF_ANSWERS_PASS;
    conf_value(l, n, &field, &word);
    h->answers = (enum conf_answers)word;
}

/* A word, or { action: WORD, data: [classes and types] }. */
static void load_answers(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "action", .kind = CONF_SUB, .required = true, .fn = load_action},
        {.name = "data", .kind = CONF_NAMES, .offset = AT(conf_handling, answers_data)},
    };
    if (n->kind == CONF_NODE_SCALAR)
        load_action(l, n, dst);
    else
        conf_map(l, n, "answers", CONF_FIELDS(fields), dst);
}

static void load_obligations(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "obligations", .kind = CONF_NAMES_0};
    struct conf_names *names = dst;
    conf_value(l, n, &field, names);
    for (const struct conf_node *c = n->kind == CONF_NODE_SEQ ? n->child : NULL; c; c = c->next) {
        bool known = c->kind != CONF_NODE_SCALAR || c->text.n == 0;
        for (size_t i = 0; conf_obligations[i] && !known; i++)
            known = base_str_is(c->text, conf_obligations[i]);
        const char *near = known ? NULL : conf_nearest(c->text, conf_obligations);
        if (!known)
            conf_wrong(
                l, c,
                "\"%.*s\" is no obligation: label-output, label-decision, notice, provenance, "
                "watermark or human-review%s%s%s",
                CONF_SHOW(c), near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
}

static void load_retention(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    const struct conf_policy *p = l->policy_now;
    if (!conf_is_text(l, n))
        return;
    for (size_t i = 0; i < p->n_retentions; i++) {
        if (!base_str_is(n->text, p->retentions[i].id))
            continue;
        *(const struct conf_retention **)dst = &p->retentions[i];
        return;
    }
    conf_wrong(l, n, "\"%.*s\" is not among the policy's retention_classes", CONF_SHOW(n));
}

const struct conf_field conf_handling_fields[CONF_HANDLING_FIELDS] = {
    {.name = "tools", .kind = CONF_SUB, .fn = load_tools},
    {.name = "answers", .kind = CONF_SUB, .fn = load_answers},
    {.name = "obligations",
     .kind = CONF_SUB,
     .offset = AT(conf_handling, obligations),
     .fn = load_obligations},
    {.name = "retention",
     .kind = CONF_SUB,
     .offset = AT(conf_handling, retention),
     .fn = load_retention},
    {.name = "limits",
     .kind = CONF_SUB,
     .offset = AT(conf_handling, limits),
     .fn = conf_load_bounds},
};

bool conf_handling_says(const struct conf_handling *h)
{
    return h->has_tools_allow || h->tools_deny.n || h->answers != CONF_ANSWERS_PASS ||
           h->obligations.n || h->retention || h->limits.present;
}

void conf_load_retentions(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "id", .kind = CONF_NAME, .offset = AT(conf_retention, id), .required = true},
        {.name = "record_days",
         .kind = CONF_UINT,
         .offset = AT(conf_retention, record_days),
         .max = DAYS_MAX},
        {.name = "content_days",
         .kind = CONF_UINT,
         .offset = AT(conf_retention, content_days),
         .max = DAYS_MAX},
    };
    struct conf_policy *p = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, RETENTIONS_MAX))
        return;
    p->retentions = conf_array(l, n, n->n, sizeof(*p->retentions));
    for (const struct conf_node *c = n->child; p->retentions && c; c = c->next) {
        struct conf_retention *r = &p->retentions[p->n_retentions];
        *r = (struct conf_retention){.pos = conf_pos(l, c)};
        if (!conf_map(l, c, "this retention class", CONF_FIELDS(fields), r) || !r->id)
            continue;
        bool twice = false;
        for (size_t i = 0; i < p->n_retentions && !twice; i++)
            twice = strcmp(p->retentions[i].id, r->id) == 0;
        if (twice)
            conf_wrong(l, c, "a second retention class is named \"%s\"", r->id);
        else
            p->n_retentions++;
    }
}

const struct conf_retention *conf_longest_retention(const struct conf_policy *p)
{
    const struct conf_retention *longest = NULL;
    for (size_t i = 0; i < p->n_retentions; i++)
        if (!longest || p->retentions[i].record_days > longest->record_days)
            longest = &p->retentions[i];
    return longest;
}

bool conf_map_handling(struct conf_loader *l, const struct conf_node *n, const char *what,
                       const struct conf_field *fields, size_t n_fields, void *dst,
                       struct conf_handling *h)
{
    struct conf_field both[CONF_HANDLING_FIELDS + 24];
    BASE_BUG_ON(n_fields > 24);
    memcpy(both, fields, n_fields * sizeof(*fields));
    for (size_t i = 0; i < CONF_HANDLING_FIELDS; i++) {
        both[n_fields + i] = conf_handling_fields[i];
        both[n_fields + i].offset += (size_t)((char *)h - (char *)dst); /* h is a part of *dst */
    }
    return conf_map(l, n, what, both, n_fields + CONF_HANDLING_FIELDS, dst);
}
