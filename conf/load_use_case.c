/* load_use_case.c - the policy's use cases: purpose, legal basis, AI Act class, references.
 *
 * A use case is what an organisation has entered in its register: why data are handled, on which
 * basis, how the AI Act classes it, and which documents exist for it. Form is checked here: a class
 * that is misspelt would shed its duties, so it is an error. Whether a document that is missing
 * refuses a request depends on the day and is policy's matter.
 */
#include "conf/sections.h"

#define AT(type, member) offsetof(struct type, member)
#define USE_CASES_MAX    1000

bool conf_ai_act_known(struct base_str s)
{
    static const char *const bans[] = {"a", "b", "c", "d", "e", "f", "g", "h", "ba", "bb", NULL};
    const struct base_str ban = BASE_STR("prohibited.5.1."), annex = BASE_STR("annex3.");
    if (base_str_is(s, "minimal") || base_str_is(s, "limited") || base_str_is(s, "prohibited") ||
        base_str_is(s, "annex1"))
        return true;
    if (base_str_starts(s, ban)) {
        for (size_t i = 0; bans[i]; i++)
            if (base_str_is(base_str_n(s.p + ban.n, s.n - ban.n), bans[i]))
                return true;
        return false;
    }
    return base_str_starts(s, annex) && (s.n == annex.n + 1 || s.n == annex.n + 2) &&
           s.p[annex.n] >= '1' && s.p[annex.n] <= '8' &&
           (s.n == annex.n + 1 || (s.p[annex.n + 1] >= 'a' && s.p[annex.n + 1] <= 'e'));
}

void conf_check_ai_act(struct conf_loader *l, const struct conf_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        if (!conf_ai_act_known(base_str_c(names->v[i])) && strcmp(names->v[i], "annex3") != 0)
            conf_problem_add(l->pr, names->pos[i], false,
                             "ai_act: \"%.60s\" is no class of the AI Act: minimal, limited, "
                             "annex3, annex3.N, annex1, prohibited or prohibited.5.1.X",
                             names->v[i]);
}

static void load_ai_act(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (conf_ai_act_known(n->text))
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n,
                   "\"%.*s\" is no class of the AI Act: minimal, limited, annex3.N (1 to 8, with "
                   "a letter perhaps), annex1, prohibited or prohibited.5.1.X",
                   CONF_SHOW(n));
}

static void load_review(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "human_review", .kind = CONF_BOOL};
    struct conf_use_case *u = dst;
    u->review_hold = n->kind == CONF_NODE_SCALAR && base_str_is(n->text, "hold");
    if (u->review_hold || (n->kind == CONF_NODE_SCALAR && base_str_is(n->text, "required")))
        u->human_review = true;
    else
        conf_value(l, n, &field, &u->human_review);
}

/* A point such as 6.1.f: prefix and one letter of first to last. */
static bool is_point(struct base_str s, const char *prefix, char first, char last)
{
    size_t k = strlen(prefix);
    return s.n == k + 1 && memcmp(s.p, prefix, k) == 0 && s.p[k] >= first && s.p[k] <= last;
}

static void load_basis(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    *(const char **)dst = n->text.p;
    if (!is_point(n->text, "6.1.", 'a', 'f') && !is_point(n->text, "9.2.", 'a', 'j'))
        conf_warn(l, n, "\"%.*s\" is no point of GDPR Art. 6(1) (6.1.a to 6.1.f)", CONF_SHOW(n));
}

static void load_not_high(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    if (!conf_is_text(l, n))
        return;
    if (is_point(n->text, "6.3.", 'a', 'd'))
        *(const char **)dst = n->text.p;
    else
        conf_wrong(l, n, "\"%.*s\" is no point of AI Act Art. 6(3): 6.3.a to 6.3.d", CONF_SHOW(n));
}

static void load_exceptions(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "exceptions", .kind = CONF_NAMES_0};
    struct conf_names *names = dst;
    conf_value(l, n, &field, names);
    for (size_t i = 0; i < names->n; i++)
        if (!is_point(base_str_c(names->v[i]), "9.2.", 'a', 'j') && strcmp(names->v[i], "10") != 0)
            conf_problem_add(l->pr, names->pos[i], false,
                             "exceptions: \"%.60s\" is no point of GDPR Art. 9(2) (9.2.a to 9.2.j) "
                             "and not 10",
                             names->v[i]);
}

static void load_references(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field fields[] = {
        {.name = "dpia", .kind = CONF_STR, .offset = AT(conf_use_case, dpia)},
        {.name = "fria", .kind = CONF_STR, .offset = AT(conf_use_case, fria)},
        {.name = "worker_notice", .kind = CONF_STR, .offset = AT(conf_use_case, worker_notice)},
    };
    conf_map(l, n, "references", CONF_FIELDS(fields), dst);
}

static void load_requires(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    static const struct conf_field field = {.name = "requires", .kind = CONF_NAMES_0};
    struct conf_names *names = dst;
    conf_value(l, n, &field, names);
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], "dpia") != 0 && strcmp(names->v[i], "fria") != 0 &&
            strcmp(names->v[i], "worker_notice") != 0)
            conf_problem_add(l->pr, names->pos[i], false,
                             "requires: must be dpia, fria or worker_notice, not \"%.60s\"",
                             names->v[i]);
}

static const struct conf_field fields[] = {
    {.name = "id", .kind = CONF_NAME, .offset = AT(conf_use_case, id), .required = true},
    {.name = "purpose", .kind = CONF_STR, .offset = AT(conf_use_case, purpose)},
    {.name = "legal_basis",
     .kind = CONF_SUB,
     .offset = AT(conf_use_case, legal_basis),
     .fn = load_basis},
    {.name = "exceptions",
     .kind = CONF_SUB,
     .offset = AT(conf_use_case, exceptions),
     .fn = load_exceptions},
    {.name = "ai_act", .kind = CONF_SUB, .offset = AT(conf_use_case, ai_act), .fn = load_ai_act},
    {.name = "not_high_risk",
     .kind = CONF_SUB,
     .offset = AT(conf_use_case, not_high_risk),
     .fn = load_not_high},
    {.name = "human_review", .kind = CONF_SUB, .fn = load_review},
    {.name = "workplace", .kind = CONF_BOOL, .offset = AT(conf_use_case, workplace)},
    {.name = "high_risk", .kind = CONF_BOOL, .offset = AT(conf_use_case, high_risk)},
    {.name = "decides", .kind = CONF_BOOL, .offset = AT(conf_use_case, decides)},
    {.name = "publishes", .kind = CONF_BOOL, .offset = AT(conf_use_case, publishes)},
    {.name = "profiling", .kind = CONF_BOOL, .offset = AT(conf_use_case, profiling)},
    {.name = "references", .kind = CONF_SUB, .fn = load_references},
    {.name = "requires",
     .kind = CONF_SUB,
     .offset = AT(conf_use_case, requires),
     .fn = load_requires},
    {.name = "data", .kind = CONF_NAMES_0, .offset = AT(conf_use_case, data)},
};

static void check(struct conf_loader *l, const struct conf_node *n, const struct conf_use_case *u)
{
    bool annex = u->ai_act && strncmp(u->ai_act, "annex3.", 7) == 0;
    if (u->not_high_risk && !annex)
        conf_wrong(l, n, "%s: not_high_risk goes with ai_act: annex3.N only", u->id);
    if (u->not_high_risk && u->profiling)
        conf_wrong(l, n,
                   "%s: what profiles people is always high-risk under Annex III (AI Act Art. "
                   "6(3), last subparagraph): take not_high_risk out",
                   u->id);
}

void conf_load_use_cases(struct conf_loader *l, const struct conf_node *n, void *dst)
{
    struct conf_policy *p = dst;
    if (n->kind == CONF_NODE_SEQ && n->n == 0)
        return;
    if (!conf_is_list(l, n, USE_CASES_MAX))
        return;
    p->use_cases = conf_array(l, n, n->n, sizeof(*p->use_cases));
    for (const struct conf_node *c = n->child; p->use_cases && c; c = c->next) {
        struct conf_use_case *u = &p->use_cases[p->n_use_cases];
        *u = (struct conf_use_case){.pos = conf_pos(l, c)};
        if (!conf_map_handling(l, c, "this use case", CONF_FIELDS(fields), u, &u->handling))
            continue;
        p->n_use_cases++;
        if (u->id)
            check(l, c, u);
    }
}
