/* facts.c - the facts of a decision from JSON: for rehearsal, for tests; facts_json.c writes them.
 * Nothing in them is content.
 *
 * Whole facts (`weir policy eval` reads them):
 *   {"today":"2026-11-22","tier":"hard","difficulty":0.7,"task":"code","pinned":false,
 *    "unscannable":false,"found":["personal"],"declared":["secret"],
 *    "findings":[{"type":"IBAN","level":"check","count":1}],"use_case":"support",
 *    "key_use_case":"x","tenant":"acme","region":"EU",
 *    "candidates":[{"backend":"openai-eu/gpt-x","available":true,"unavailable":"text",
 *                   "residency":{...}}],
 *    "rights":["restricted","objected","unreadable"],
 *    "asks":{"output_tokens":512,"temperature":0.7,"top_p":1,"effort":"low","input_bytes":123},
 *    "kills":[{"kind":"country","value":"US","reason":"..","since":".."}]}
 * A candidate local/NAME without residency is a model of our own engine. Every member has a
 * default: absent lists are empty, absent words "none of it", `found` follows from the findings'
 * types, tier commodity, available true. Unknown members are refused.
 *
 * In a leaf most of it stands in the decision beside it, so `facts` there holds only the rest; what
 * a back end was stands in the conf.backend leaf of the same configuration. Reading takes both.
 *
 * Parsing is for the command line and for tests, never on a loop. Sizes are bounded by the caller's
 * arena and POL_CANDIDATES_MAX.
 */
#include "policy/decide/facts.h"

#include "base/clock.h"
#include "policy/decide/decide_int.h"

#include <stdarg.h>
#include <stdio.h>

#define KILLS_MAX          1000
#define RETENTION_DAYS_MAX 36500 /* as in a configuration */

struct in {
    struct base_arena *a;
    struct base_err *err;
    bool failed;
};

static void wrong(struct in *in, const char *fmt, ...) BASE_PRINTF(2, 3);

static void wrong(struct in *in, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!in->failed)
        base_err_set(in->err, BASE_EINVAL, "%s", text);
    in->failed = true;
}

/* A string member as arena bytes; empty when absent. */
static struct base_str str(struct in *in, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (!v || json_is_null(v))
        return BASE_STR("");
    if (!json_is_string(v)) {
        wrong(in, "%s must be a string", key);
        return BASE_STR("");
    }
    struct base_str s =
        base_arena_dup(in->a, base_str_n(json_string_value(v), json_string_length(v)));
    if (!s.p)
        wrong(in, "%s: out of memory", key);
    return s.p ? s : BASE_STR("");
}

static const char *opt_str(struct in *in, const json_t *o, const char *key)
{
    struct base_str s = str(in, o, key);

    return s.n ? s.p : NULL;
}

static bool flag(struct in *in, const json_t *o, const char *key, bool def)
{
    const json_t *v = json_object_get(o, key);

    if (!v)
        return def;
    if (!json_is_boolean(v))
        wrong(in, "%s must be true or false", key);
    return json_is_true(v);
}

static void known(struct in *in, const json_t *o, const char *const *keys)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        size_t i = 0;

        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (!keys[i])
            wrong(in, "unknown member \"%.60s\"", key);
    }
}

/* A list of strings; n == 0 when absent. */
static const char **list(struct in *in, const json_t *o, const char *key, size_t *n)
{
    const json_t *v = json_object_get(o, key);
    const char **out = NULL;

    *n = 0;
    if (!v)
        return NULL;
    if (!json_is_array(v) ||
        !(out = base_arena_array(in->a, json_array_size(v) + 1, sizeof(*out)))) {
        wrong(in, "%s must be a list", key);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *s = json_array_get(v, i);
        char *z =
            json_is_string(s)
                ? base_arena_dupz(in->a, base_str_n(json_string_value(s), json_string_length(s)))
                : NULL;

        if (!z) {
            wrong(in, "%s must be a list of strings", key);
            *n = 0;
            return NULL;
        }
        out[(*n)++] = z;
    }
    return out;
}

static unsigned classes(struct in *in, const json_t *o, const char *key)
{
    size_t n;
    const char **v = list(in, o, key, &n);
    unsigned all = 0, one;

    for (size_t i = 0; i < n; i++) {
        if (pol_class_find(base_str_c(v[i]), &one))
            all |= one;
        else
            wrong(in, "\"%.60s\" is no data class", v[i]);
    }
    return all;
}

static unsigned rights(struct in *in, const json_t *o)
{
    size_t n;
    const char **v = list(in, o, "rights", &n);
    unsigned all = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned one = conf_rights_find(base_str_c(v[i]));

        if (strcmp(v[i], conf_rights_name(CONF_RIGHTS_UNREADABLE)) == 0)
            one = CONF_RIGHTS_UNREADABLE;
        if (!one)
            wrong(in, "\"%.60s\" is no list of people", v[i]);
        all |= one;
    }
    return all;
}

static void date(struct in *in, const json_t *o, const char *key, const char **text, int64_t *day)
{
    const char *z = opt_str(in, o, key);

    if (!z)
        return;
    *day = base_days_from_date(z, strlen(z));
    if (*day < 0)
        wrong(in, "%s is no date: YYYY-MM-DD", key);
    if (text)
        *text = z;
}

static void transfer(struct in *in, const json_t *t, struct conf_residency *r)
{
    static const char *const keys[] = {"basis",      "reference",  "expires",
                                       "checked_on", "assessment", "derogation",
                                       "approver",   "scope",      NULL};
    const char *basis;
    int b = 0;

    if (!t)
        return;
    if (!json_is_object(t)) {
        wrong(in, "%s must be an object", "transfer");
        return;
    }
    known(in, t, keys);
    basis = opt_str(in, t, "basis");
    while (basis && b <= CONF_BASIS_LAST && strcmp(basis, conf_basis_name((enum conf_basis)b)) != 0)
        b++;
    if (b > CONF_BASIS_LAST)
        wrong(in, "\"%.60s\" is no transfer basis", basis);
    else
        r->basis = (enum conf_basis)b;
    r->reference = opt_str(in, t, "reference");
    date(in, t, "expires", &r->expires, &r->expires_day);
    date(in, t, "checked_on", &r->checked, &r->checked_day);
    r->assessment = opt_str(in, t, "assessment");
    r->derogation = opt_str(in, t, "derogation");
    r->approver = opt_str(in, t, "approver");
    r->scope = opt_str(in, t, "scope");
}

static void sub_processors(struct in *in, const json_t *v, struct conf_residency *r)
{
    size_t n = json_array_size(v);

    if (n == 0)
        return;
    r->sub_processors = base_arena_array(in->a, n, sizeof(*r->sub_processors));
    if (!r->sub_processors)
        wrong(in, "%s: out of memory", "sub_processors");
    for (size_t i = 0; r->sub_processors && i < n; i++) {
        struct conf_sub_processor *s = &r->sub_processors[r->n_sub_processors++];
        const json_t *o = json_array_get(v, i);

        s->name = opt_str(in, o, "name");
        s->location.v = list(in, o, "location", &s->location.n);
        if (!s->name)
            wrong(in, "a %s without a name", "sub-processor");
    }
}

bool pol_residency_parse(const json_t *o, struct base_arena *a, struct conf_residency *r,
                         struct base_err *err)
{
    static const char *const keys[] = {
        "location",       "entity",         "retention_days", "trains_on_data",
        "certifications", "sub_processors", "transfer",       NULL};
    struct in in = {a, err, false};
    const json_t *days = json_object_get(o, "retention_days");

    *r = (struct conf_residency){
        .retention_days = -1, .trains_on_data = true, .expires_day = INT64_MAX};
    if (!json_is_object(o)) {
        wrong(&in, "%s must be an object", "residency");
        return false;
    }
    known(&in, o, keys);
    r->location.v = list(&in, o, "location", &r->location.n);
    for (size_t i = 0; i < r->location.n; i++) {
        struct pol_places p = {{0}};

        if (!pol_places_add(&p, base_str_c(r->location.v[i])))
            wrong(&in, "\"%.60s\" is no place", r->location.v[i]);
    }
    r->on_premises = r->location.n == 1 && strcmp(r->location.v[0], "on_premises") == 0;
    r->entity = opt_str(&in, o, "entity");
    if (days && (!json_is_integer(days) || json_integer_value(days) < 0 ||
                 json_integer_value(days) > RETENTION_DAYS_MAX))
        wrong(&in, "%s must be a number of days", "retention_days");
    else if (days)
        r->retention_days = (int32_t)json_integer_value(days);
    r->trains_on_data = flag(&in, o, "trains_on_data", true);
    r->certifications.v = list(&in, o, "certifications", &r->certifications.n);
    sub_processors(&in, json_object_get(o, "sub_processors"), r);
    transfer(&in, json_object_get(o, "transfer"), r);
    return !in.failed;
}

static void findings(struct in *in, const json_t *v, struct pol_findings *f)
{
    for (size_t i = 0; i < json_array_size(v) && f->n < POL_TYPE_COUNT; i++) {
        const json_t *o = json_array_get(v, i), *count = json_object_get(o, "count");
        struct base_str type = str(in, o, "type"), level = str(in, o, "level");
        struct pol_finding *one = &f->v[f->n];
        enum pol_type t;

        if (!pol_type_find(type, &t)) {
            wrong(in, "\"%.60s\" is no type", type.p);
            continue;
        }
        one->type = t;
        one->level = base_str_is(level, "context") ? POL_CONTEXT
                     : base_str_is(level, "check") ? POL_CHECK
                                                   : POL_SHAPE;
        one->count = json_is_integer(count) ? (uint32_t)json_integer_value(count) : 1;
        f->types |= POL_TYPE_BIT(t);
        f->classes |= pol_type_class(t);
        f->n++;
    }
}

/* A target made up of the facts alone. */
static const struct conf_target *made_up(struct in *in, const char *name, const json_t *residency)
{
    struct conf_target *t = base_arena_alloc(in->a, sizeof(*t));
    struct conf_backend *b = base_arena_alloc(in->a, sizeof(*b));
    const char *slash = strchr(name, '/');

    if (!t || !b) {
        wrong(in, "%s: out of memory", name);
        return NULL;
    }
    t->text = name;
    t->backend = b;
    b->name = slash ? base_arena_dupz(in->a, base_str_n(name, (size_t)(slash - name))) : name;
    if (!b->name)
        wrong(in, "%s: out of memory", name);
    if (!pol_residency_parse(residency, in->a, &b->residency, in->err))
        in->failed = true;
    return t;
}

static const struct conf_target *our_own(struct in *in, const char *name)
{
    static const struct conf_local_model model = {.name = "local"};
    struct conf_target *t = base_arena_alloc(in->a, sizeof(*t));

    if (t)
        *t = (struct conf_target){.text = name, .local = &model};
    return t;
}

static bool is_unavailable(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *z = json_string_value(json_array_get(names, i));

        if (z && strcmp(z, name) == 0)
            return true;
    }
    return false;
}

static void candidates(struct in *in, const json_t *v, const json_t *facts, pol_find_fn find,
                       void *ctx, struct pol_facts *f)
{
    size_t n = json_array_size(v);
    struct pol_candidate *c = base_arena_array(in->a, n + 1, sizeof(*c));

    if (!c || n > POL_CANDIDATES_MAX) {
        wrong(in, "too many %s", "candidates");
        return;
    }
    f->candidates = c;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i), *r = json_object_get(o, "residency");
        const char *name = opt_str(in, o, "backend");

        if (!name) {
            wrong(in, "a %s without backend", "candidate");
            return;
        }
        c[i].target = r ? made_up(in, name, r) : find ? find(ctx, base_str_c(name)) : NULL;
        if (!c[i].target && !r && base_str_starts(base_str_c(name), BASE_STR("local/")))
            c[i].target = our_own(in, name);
        if (!c[i].target) {
            wrong(in, "nothing is known of the back end %.80s: give its residency", name);
            return;
        }
        c[i].available = flag(in, o, "available", true) &&
                         !is_unavailable(json_object_get(facts, "unavailable"), name);
        c[i].unavailable = opt_str(in, o, "unavailable");
        f->n_candidates++;
    }
}

static void kills(struct in *in, const json_t *v, struct pol_facts *f)
{
    size_t n = json_array_size(v);
    struct pol_kills *k = base_arena_alloc(in->a, sizeof(*k));
    struct pol_kill *one = base_arena_array(in->a, n + 1, sizeof(*one));

    if (!k || !one || n > KILLS_MAX) {
        wrong(in, "too many %s", "kills");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(v, i);
        struct base_str kind = str(in, o, "kind");

        if (!pol_kill_kind_find(kind, &one[i].kind))
            wrong(in, "\"%.60s\" is no kind of kill switch", kind.p);
        one[i].value = str(in, o, "value");
        one[i].reason = str(in, o, "reason");
        one[i].since = str(in, o, "since");
    }
    *k = (struct pol_kills){one, n};
    f->kills = k;
}

/* A count, or with a scale a number in that many parts; `micro`: the same as leaves have it. */
static struct pol_num number(struct in *in, const json_t *o, const char *key, const char *micro)
{
    const json_t *v = json_object_get(o, key), *m = micro ? json_object_get(o, micro) : NULL;
    struct pol_num n = {.set = v || m};

    if ((v && !(micro ? json_is_number(v) : json_is_integer(v))) || (m && !json_is_integer(m)) ||
        (v && m))
        wrong(in, "asks: %s is no number", key);
    if (m)
        n.v = json_integer_value(m);
    else if (v)
        n.v = micro ? conf_micro(json_number_value(v)) : json_integer_value(v);
    if (n.v < 0)
        wrong(in, "asks: %s is less than nothing", key);
    return n;
}

static void asks(struct in *in, const json_t *o, struct pol_asks *a)
{
    static const char *const keys[] = {"output_tokens", "temperature", "temperature_micro", "top_p",
                                       "top_p_micro",   "effort",      "input_bytes",       NULL};
    const struct base_str word = str(in, o, "effort");

    if (!o)
        return;
    if (!json_is_object(o)) {
        wrong(in, "%s must be an object", "asks");
        return;
    }
    known(in, o, keys);
    a->output_tokens = number(in, o, "output_tokens", NULL);
    a->temperature = number(in, o, "temperature", "temperature_micro");
    a->top_p = number(in, o, "top_p", "top_p_micro");
    a->input_bytes = number(in, o, "input_bytes", NULL).v;
    a->effort = word.n ? conf_effort_find(word) : 0;
    if (word.n && !a->effort)
        a->effort = POL_EFFORT_OTHER;
}

enum base_status pol_facts_parse(const json_t *facts, const json_t *decision, pol_find_fn find,
                                 void *ctx, struct base_arena *a, struct pol_facts *f,
                                 struct base_err *err)
{
    static const char *const keys[] = {
        "id",         "today",       "tier",     "difficulty", "task",   "pinned", "unscannable",
        "found",      "declared",    "findings", "use_case",   "tenant", "region", "key_use_case",
        "candidates", "unavailable", "kills",    "rights",     "asks",   NULL};
    struct in in = {a, err, false};
    const json_t *both[2] = {facts, decision}, *got[6] = {0};
    static const char *const shared[] = {"tier",     "difficulty", "task",
                                         "findings", "use_case",   "candidates"};

    *f = (struct pol_facts){0};
    if (!json_is_object(facts))
        return base_err_set(err, BASE_EINVAL, "the facts must be an object");
    known(&in, facts, keys);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 2 && !got[i]; k++)
            got[i] = both[k] && json_object_get(both[k], shared[i]) ? both[k] : NULL;
    }
    struct base_str tier = str(&in, got[0], "tier");
    f->tier = base_str_is(tier, "hard") ? POL_TIER_HARD : POL_TIER_COMMODITY;
    if (tier.n && !base_str_is(tier, "hard") && !base_str_is(tier, "commodity"))
        wrong(&in, "tier must be commodity or hard, not \"%.40s\"", tier.p);
    f->difficulty = json_number_value(json_object_get(got[1], "difficulty"));
    f->task = opt_str(&in, got[2], "task");
    findings(&in, json_object_get(got[3], "findings"), &f->findings);
    f->findings.classes |= classes(&in, facts, "found");
    f->findings.classes = pol_classes_close(f->findings.classes);
    f->findings.unscannable = flag(&in, facts, "unscannable", false);
    f->findings.rights = rights(&in, facts);
    f->declared_classes = classes(&in, facts, "declared");
    f->use_case = str(&in, got[4], "use_case");
    f->key_use_case = str(&in, facts, "key_use_case");
    f->tenant = str(&in, facts, "tenant");
    f->region = str(&in, facts, "region");
    f->pinned = flag(&in, facts, "pinned", false);
    f->today = -1;
    date(&in, facts, "today", NULL, &f->today);
    if (f->today < 0)
        wrong(&in, "%s is missing: the day that it is decided on, YYYY-MM-DD", "today");
    asks(&in, json_object_get(facts, "asks"), &f->asks);
    kills(&in, json_object_get(facts, "kills"), f);
    candidates(&in, json_object_get(got[5], "candidates"), facts, find, ctx, f);
    return in.failed ? BASE_EINVAL : BASE_OK;
}
