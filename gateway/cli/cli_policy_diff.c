/* cli_policy_diff.c - `weir policy diff A B --log DIR`: which recorded decisions would change.
 *
 * Each decision in the log is taken again twice, from the facts that the log holds (no content is
 * in them): under policy A and under policy B. What differs is counted by kind; what would newly be
 * denied and what would newly leave is shown first. The back ends are those of the time: each
 * configuration that was in force has its conf.backend leaves. Where A is the policy that decided,
 * its outcome has to come out again; where it does not, that is told, because then the rehearsal
 * cannot be trusted.
 *
 * Memory: the counts, the examples kept, and the back ends seen (bounded). Reads the log, changes
 * nothing.
 */
#include "gateway/cli/cli_policy.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "policy/decide/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX (64u << 20)
#define KEPT_BYTES_MAX  (256u << 20)
#define BACKENDS_MAX    100000u
#define EXAMPLES_MAX    1000u
#define EXAMPLES_SHOWN  20u

struct example {
    uint64_t index;
    const char *req, *use_case, *data, *before, *after, *reason;
    enum pol_change change;
};

struct diff {
    const struct pol_policy *a, *b;
    const char *a_id;
    int64_t since_us;
    struct base_arena *scratch, *kept;
    json_t *backends;     /* "sha256:...|name" -> integer index in targets */
    const char *conf_now; /* of the leaf in hand */
    const struct conf_backend **known;
    size_t n_known, cap_known;
    uint64_t decisions, replayed, no_facts, by_a, not_reproduced;
    uint64_t count[POL_CHANGE_SAME + 1];
    struct example examples[EXAMPLES_MAX];
    size_t n_examples, examples_of[POL_CHANGE_SAME + 1];
    size_t limit;
    char problem[300];
};

static enum base_status keep_backend(struct diff *d, const json_t *leaf)
{
    const char *conf = json_string_value(json_object_get(leaf, "conf"));
    const char *name = json_string_value(json_object_get(leaf, "backend"));
    struct conf_backend *b = base_arena_alloc(d->kept, sizeof(*b));
    struct base_err err;
    char key[256];
    if (!conf || !name || !b || d->n_known >= BACKENDS_MAX)
        return BASE_OK;
    snprintf(key, sizeof(key), "%.80s|%.120s", conf, name);
    if (json_object_get(d->backends, key))
        return BASE_OK;
    b->name = base_arena_dupz(d->kept, base_str_c(name));
    if (!b->name ||
        !pol_residency_parse(json_object_get(leaf, "residency"), d->kept, &b->residency, &err))
        return BASE_OK; /* its decisions then count as without facts */
    if (d->n_known == d->cap_known) {
        size_t cap = d->cap_known ? d->cap_known * 2 : 64;
        const struct conf_backend **v =
            base_arena_array(d->kept, cap, sizeof(struct conf_backend *));
        if (!v)
            return BASE_ENOMEM;
        if (d->n_known)
            memcpy(v, d->known, d->n_known * sizeof(*v));
        d->known = v;
        d->cap_known = cap;
    }
    d->known[d->n_known] = b;
    return json_object_set_new(d->backends, key, json_integer((json_int_t)d->n_known++)) == 0
               ? BASE_OK
               : BASE_ENOMEM;
}

static const struct conf_target *find(void *ctx, struct base_str name)
{
    static const struct conf_local_model home = {.name = "home"};
    struct diff *d = ctx;
    struct conf_target *t = base_arena_alloc(d->scratch, sizeof(*t));
    struct base_str rest = name, backend = base_str_cut(&rest, '/');
    char key[256];
    if (!t || !(t->text = base_arena_dupz(d->scratch, name)))
        return NULL;
    if (base_str_is(backend, "local")) {
        t->local = &home;
        return t;
    }
    snprintf(key, sizeof(key), "%.80s|%.*s", d->conf_now, (int)(backend.n > 120 ? 120 : backend.n),
             backend.p);
    const json_t *at = json_object_get(d->backends, key);
    if (!at)
        return NULL;
    t->backend = d->known[json_integer_value(at)];
    return t;
}

static const char *route_of(const struct pol_decision *d)
{
    return d->routed ? d->target->text : "denied";
}

static const char *outcome(struct diff *d, const struct pol_decision *x)
{
    const char *word = x->routed ? x->target->text : x->deny_rule;
    return base_arena_printf(d->kept, "%s%s", x->routed ? "" : "denied by ", word).p;
}

static void keep_example(struct diff *d, uint64_t index, const json_t *leaf,
                         const struct pol_facts *f, const struct pol_decision *a,
                         const struct pol_decision *b, enum pol_change change)
{
    struct base_buf data;
    struct base_json j;
    if (d->n_examples == EXAMPLES_MAX || d->examples_of[change] >= d->limit)
        return;
    struct example *e = &d->examples[d->n_examples];
    base_buf_init(&data, 200);
    base_json_init(&j, &data);
    pol_classes_json(&j, a->classes);
    *e = (struct example){.index = index,
                          .req = base_arena_dupz(
                              d->kept, base_str_c(json_string_value(json_object_get(leaf, "req")))),
                          .use_case = base_arena_dupz(d->kept, f->use_case),
                          .data = base_arena_dupz(d->kept, base_buf_view(&data)),
                          .before = outcome(d, a),
                          .after = outcome(d, b),
                          .reason = base_arena_dupz(d->kept, base_str_c(b->reason)),
                          .change = change};
    base_buf_release(&data);
    if (!e->req || !e->data || !e->before || !e->after || !e->reason)
        return; /* the counts are still right */
    d->n_examples++;
    d->examples_of[change]++;
}

/* The recorded decision came out again under the policy that made it. */
static void check_reproduced(struct diff *d, const json_t *decision, const struct pol_decision *a)
{
    const char *policy = json_string_value(json_object_get(decision, "policy"));
    const char *route = json_string_value(json_object_get(decision, "route"));
    if (!policy || strcmp(policy, d->a_id) != 0)
        return;
    d->by_a++;
    d->not_reproduced += strcmp(route ? route : "denied", route_of(a)) != 0;
}

static enum base_status one_decision(struct diff *d, uint64_t index, const json_t *leaf)
{
    const json_t *facts = json_object_get(leaf, "facts");
    const json_t *decision = json_object_get(leaf, "decision");
    const char *conf = json_string_value(json_object_get(leaf, "conf"));
    struct pol_facts f;
    struct pol_decision a, b;
    struct base_err err = {0};
    d->decisions++;
    d->conf_now = conf ? conf : "";
    if (!facts || pol_facts_parse(facts, decision, find, d, d->scratch, &f, &err) != BASE_OK) {
        d->no_facts++;
        return BASE_OK;
    }
    f.tenant = base_str_c(json_string_value(json_object_get(leaf, "tenant")));
    if (pol_decide(d->a, &f, d->scratch, &a, &err) != BASE_OK ||
        pol_decide(d->b, &f, d->scratch, &b, &err) != BASE_OK) {
        snprintf(d->problem, sizeof(d->problem), "record %" PRIu64 ": %.200s", index, err.text);
        return BASE_ENOMEM;
    }
    d->replayed++;
    check_reproduced(d, decision, &a);
    enum pol_change change = pol_decision_compare(&f, &a, &b);
    d->count[change]++;
    if (change != POL_CHANGE_SAME)
        keep_example(d, index, leaf, &f, &a, &b, change);
    return BASE_OK;
}

static enum base_status on_leaf(void *ctx, uint64_t index, struct base_str text)
{
    struct diff *d = ctx;
    enum base_status st = BASE_OK;
    json_t *leaf = json_loadb(text.p, text.n, 0, NULL);
    const char *ev = json_string_value(json_object_get(leaf, "ev"));
    if (ev && strcmp(ev, "conf.backend") == 0)
        st = keep_backend(d, leaf);
    else if (ev && (strcmp(ev, "req.intent") == 0 || strcmp(ev, "req.fallback") == 0) &&
             json_integer_value(json_object_get(leaf, "t")) >= d->since_us)
        st = one_decision(d, index, leaf);
    json_decref(leaf);
    base_arena_reset(d->scratch);
    return st;
}

/* ---- what comes of it ---- */

static void put_example(struct base_json *j, const struct example *e)
{
    base_json_obj(j);
    base_json_kint(j, "index", (int64_t)e->index);
    base_json_kz(j, "req", e->req);
    base_json_kz(j, "change", pol_change_name(e->change));
    base_json_kz(j, "before", e->before);
    base_json_kz(j, "after", e->after);
    base_json_kz(j, "use_case", e->use_case && e->use_case[0] ? e->use_case : NULL);
    base_json_key(j, "data");
    base_json_raw(j, base_str_c(e->data));
    base_json_kz(j, "reason", e->reason);
    base_json_obj_end(j);
}

static bool print_json(const struct diff *d, const char *b_id)
{
    struct base_buf out;
    struct base_json j;
    base_buf_init(&out, 64u << 20);
    base_json_init(&j, &out);
    base_json_obj(&j);
    base_json_kz(&j, "a", d->a_id);
    base_json_kz(&j, "b", b_id);
    base_json_kint(&j, "decisions", (int64_t)d->decisions);
    base_json_kint(&j, "replayed", (int64_t)d->replayed);
    base_json_kint(&j, "without_facts", (int64_t)d->no_facts);
    base_json_kint(&j, "decided_by_a", (int64_t)d->by_a);
    base_json_kint(&j, "not_reproduced", (int64_t)d->not_reproduced);
    base_json_key(&j, "changes");
    base_json_obj(&j);
    for (int i = 0; i <= POL_CHANGE_SAME; i++)
        base_json_kint(&j, pol_change_name((enum pol_change)i), (int64_t)d->count[i]);
    base_json_obj_end(&j);
    base_json_key(&j, "examples");
    base_json_arr(&j);
    for (int i = 0; i < POL_CHANGE_SAME; i++)
        for (size_t k = 0; k < d->n_examples; k++)
            if (d->examples[k].change == (enum pol_change)i)
                put_example(&j, &d->examples[k]);
    base_json_arr_end(&j);
    base_json_obj_end(&j);
    base_buf_byte(&out, '\n');
    bool good = base_buf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n;
    base_buf_release(&out);
    return good && fflush(stdout) == 0;
}

/* What stands in a record is text, never a command to the terminal. */
static void print_word(const char *z, const char *behind)
{
    for (; *z; z++) {
        unsigned char c = (unsigned char)*z, next = (unsigned char)z[1];
        bool high = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 to U+009F */

        putchar(c < 0x20 || c == 0x7f || high ? '?' : c);
        z += high;
    }
    fputs(behind, stdout);
}

static void print_example(const struct example *e)
{
    print_word(pol_change_name(e->change), "  ");
    print_word(e->req, "  ");
    print_word(e->data, "  ");
    print_word(e->before, " -> ");
    print_word(e->after, ": ");
    print_word(e->reason, "\n");
}

static bool print_table(const struct diff *d)
{
    printf("%" PRIu64 " decisions in the log, %" PRIu64 " taken again", d->decisions, d->replayed);
    if (d->no_facts)
        printf(", %" PRIu64 " without the facts for it", d->no_facts);
    putchar('\n');
    if (d->by_a)
        printf("%" PRIu64 " of them were decided by A; %" PRIu64 " came out otherwise this time\n",
               d->by_a, d->not_reproduced);
    for (int i = 0; i <= POL_CHANGE_SAME; i++)
        if (d->count[i] || i <= POL_CHANGE_NEWLY_LEAVES)
            printf("  %-15s %" PRIu64 "\n", pol_change_name((enum pol_change)i), d->count[i]);
    for (int i = 0; i < POL_CHANGE_SAME; i++)
        for (size_t k = 0; k < d->n_examples; k++) {
            const struct example *e = &d->examples[k];
            if (e->change == (enum pol_change)i)
                print_example(e);
        }
    return fflush(stdout) == 0;
}

static bool make(struct diff *d)
{
    d->scratch = base_arena_new(ARENA_BYTES_MAX);
    d->kept = base_arena_new(KEPT_BYTES_MAX);
    d->backends = json_object();
    return d->scratch && d->kept && d->backends;
}

static int run(struct diff *d, const char *log, const char *b_id, bool json, bool strict)
{
    struct base_err err = {0};
    if (!make(d))
        return gw_cli_fail("policy diff: not enough memory");
    if (aud_each(log, 0, on_leaf, d, &err) != BASE_OK)
        return gw_cli_fail("policy diff: %s", d->problem[0] ? d->problem : err.text);
    if (!(json ? print_json(d, b_id) : print_table(d)))
        return gw_cli_fail("policy diff: cannot write");
    bool bad = d->count[POL_CHANGE_NEWLY_DENIED] || d->count[POL_CHANGE_NEWLY_LEAVES] ||
               d->count[POL_CHANGE_LESS_REDACTED] || d->not_reproduced;
    return strict && bad ? GW_CLI_HOLDS_NOT : 0;
}

int gw_cli_policy_diff(int argc, char **argv)
{
    const char *files[2] = {0}, *log = NULL, *since = NULL, *limit = NULL;
    struct gw_cli_policy from[2] = {{0}, {0}};
    struct conf *c[2] = {NULL, NULL};
    struct pol_policy *p[2] = {NULL, NULL};
    bool json = false, strict = false;
    uint64_t most = EXAMPLES_SHOWN;
    int64_t day = 0;
    const struct gw_cli_opt opts[] = {{"--log", &log, NULL},
                                      {"--since", &since, NULL},
                                      {"--limit", &limit, NULL},
                                      {"--tables", &from[0].tables, NULL},
                                      {"--duties", &from[0].duties, NULL},
                                      {"--json", NULL, &json},
                                      {"--strict", NULL, &strict},
                                      {0}};
    if (!gw_cli_parse("policy diff", argc, argv, opts, files, 2))
        return GW_CLI_BAD;
    if (!files[1] || !log)
        return gw_cli_fail("policy diff: weir policy diff A.yaml B.yaml --log DIR");
    if (since && (day = base_days_from_date(since, strlen(since))) < 0)
        return gw_cli_fail("policy diff: --since takes a day, YYYY-MM-DD");
    if (limit && !base_str_u64(base_str_c(limit), &most))
        return gw_cli_fail("policy diff: --limit takes a number");
    struct diff *d = calloc(1, sizeof(*d));
    int status = GW_CLI_BAD;
    for (int i = 0; d && i < 2; i++) {
        from[i] = (struct gw_cli_policy){
            .policy = files[i], .tables = from[0].tables, .duties = from[0].duties};
        p[i] = gw_cli_policy_load("diff", &from[i], &c[i]);
    }
    if (d && p[0] && p[1]) {
        d->a = p[0];
        d->b = p[1];
        d->a_id = c[0]->policy.id;
        d->since_us = day * 86400000000;
        d->limit = most;
        status = run(d, log, c[1]->policy.id, json, strict);
        json_decref(d->backends);
        base_arena_free(d->scratch);
        base_arena_free(d->kept);
    } else if (!d) {
        gw_cli_fail("policy diff: not enough memory");
    }
    for (int i = 0; i < 2; i++) {
        pol_policy_free(p[i]);
        conf_free(c[i]);
    }
    free(d);
    return status;
}
