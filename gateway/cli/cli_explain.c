/* cli_explain.c - `weir explain`: what would happen to a request, and why. Nothing is sent.
 *
 * The body may be of any dialect that clients speak: --api names it, else its members tell.
 *
 * The same steps as gateway/request.c takes up to the decision, with the same functions: parse, key
 * and headers, scan, score, plan, decide. The engine counts as ready and idle, because explaining
 * is about the rules and not about this minute's load.
 */
#include "audit/content/rights_seal.h"
#include "gateway/cli/cli.h"
#include "gateway/limits.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/keys.h"
#include "gateway/policy_state.h"

#include <stdio.h>

#define REQUEST_BYTES_MAX (256u << 20)

struct explain_args {
    const char *file, *key, *tier, *use_case, *region, *tenant, *api;
    bool tree;
};

/* What the key named --key declares. */
static enum base_status use_key(const struct conf *c, const char *name, struct base_arena *a,
                                struct pol_facts *f, struct base_err *err)
{
    struct gw_keys *keys;
    enum base_status st = gw_keys_load(c->keys_file, &keys, err);
    if (st != BASE_OK)
        return st;
    const struct gw_key *k = NULL;
    for (size_t i = 0; i < gw_keys_count(keys) && !k; i++) {
        const struct gw_key *o = gw_keys_at(keys, i);
        if (!o->revoked && (strcmp(o->name, name) == 0 || strcmp(o->id, name) == 0))
            k = o;
    }
    if (!k)
        st = base_err_set(err, BASE_ENOENT, "no key in force is named %s", name);
    else if (k->use_case && !f->use_case.n)
        f->use_case = base_arena_dup(a, base_str_c(k->use_case));
    else if (k->use_case)
        f->key_use_case = base_arena_dup(a, base_str_c(k->use_case));
    if (k)
        f->declared_classes |= k->classes;
    if (k && !f->tenant.n)
        f->tenant = base_arena_dup(a, base_str_c(k->tenant));
    gw_keys_free(keys);
    return st;
}

/* As the gateway does, with the lists of people as they are now. */
static enum base_status scan(const struct conf *c, const struct pol_detector *d,
                             struct pol_scratch *s, int64_t today, struct chat_request *r,
                             struct pol_findings *out, struct base_err *err)
{
    struct conf_rights *lists = NULL;
    struct base_err why;
    aud_rights_seal(c->audit.directory, &c->audit.master);
    bool readable = conf_rights_load(c->audit.directory, &lists, &why) == BASE_OK;
    enum base_status st = pol_scan_request_rights(d, s, lists, today, r, out, err);
    if (!readable) {
        fprintf(stderr, "%s\n", why.text);
        out->rights |= CONF_RIGHTS_UNREADABLE;
    }
    conf_rights_free(lists);
    return st;
}

static enum base_status decide(const struct conf *c, const struct pol_policy *p,
                               const struct explain_args *args, struct chat_request *r,
                               struct base_arena *a, struct base_buf *out, struct base_err *err)
{
    struct pol_detector *d = NULL;
    struct pol_scratch *s = NULL;
    struct gw_policy_state *state = NULL;
    struct pol_facts f = {.use_case = base_str_c(args->use_case),
                          .region = base_str_c(args->region),
                          .tenant = base_str_c(args->tenant),
                          .today = base_wall_us() / 1000000 / 86400};
    struct pol_decision decision;
    struct gw_score score = {0};
    struct gw_plan plan;
    enum base_status st = args->key ? use_key(c, args->key, a, &f, err) : BASE_OK;
    if (st == BASE_OK && f.use_case.n && !conf_use_case_known(c, f.use_case))
        st = base_err_set(err, BASE_EINVAL, "the use case \"%.*s\" is not in the policy's list",
                          BASE_FMT(f.use_case));
    if (st != BASE_OK || (st = pol_detector_new(&d, err)) != BASE_OK ||
        (st = pol_scratch_new(d, &s, err)) != BASE_OK ||
        (st = scan(c, d, s, f.today, r, &f.findings, err)) != BASE_OK)
        goto out;
    if (!r->embed)
        gw_route_score(r, &score);
    gw_limits_read(r, &f.asks);
    struct gw_plan_ask ask = {.model = r->model,
                              .tier_header = base_str_c(args->tier),
                              .score = &score,
                              .embed = r->embed};
    if ((st = gw_plan(c, &ask, &plan, err)) != BASE_OK)
        goto out;
    gw_plan_facts(&plan, &score, &f);
    if ((st = gw_policy_state_load(c->policy_state, &state, err)) != BASE_OK)
        goto out;
    f.kills = &state->kills;
    if ((st = pol_decide_tree(p, &f, a, &decision, err)) != BASE_OK)
        goto out;
    struct base_json j;
    base_json_init(&j, out);
    if (args->tree) {
        base_json_obj(&j);
        base_json_key(&j, "decision");
    }
    pol_decision_json(&j, p, &f, &decision);
    if (args->tree) {
        base_json_key(&j, "tree");
        pol_tree_json(&j, p, &f, &decision);
        base_json_obj_end(&j);
    }
    base_buf_byte(out, '\n');
    if (!base_buf_ok(out))
        st = base_err_set(err, BASE_LIMIT, "the decision is too long to print");
out:
    gw_policy_state_free(state);
    pol_scratch_free(s);
    pol_detector_free(d);
    return st;
}

/* The names of --api, and a member that only bodies of that dialect have. */
static const struct {
    const char *api, *member;
    const struct gw_dialect *dialect;
} apis[] = {{"chat", "messages", &gw_dialect_openai_chat},
            {"embeddings", "encoding_format", &gw_dialect_openai_embeddings},
            {"responses", "input", &gw_dialect_openai_responses},
            {"completions", "prompt", &gw_dialect_openai_completions},
            {"messages", "system", &gw_dialect_anthropic}};

/* NULL after telling that --api is none. What no member tells is chat: its parser says what is
 * wrong. */
static const struct gw_dialect *dialect_for(const char *api, struct base_str body)
{
    const struct gw_dialect *d = api ? NULL : apis[0].dialect;
    json_t *o = api ? NULL : gw_json_load(body, false, NULL);
    for (size_t i = sizeof apis / sizeof *apis; i-- > 0;)
        if (api ? strcmp(api, apis[i].api) == 0 : json_object_get(o, apis[i].member) != NULL)
            d = apis[i].dialect;
    json_decref(o);
    if (!d)
        gw_cli_fail(
            "explain: --api is chat, responses, completions, embeddings or messages, not %s", api);
    return d;
}

/* The body on standard input, parsed; false after telling what is wrong. */
static bool read_request(const struct conf *c, const char *api_name, struct base_arena *a,
                         struct chat_request *r)
{
    struct base_buf body;
    struct base_err err = {0};
    struct gw_api_error api = {0};
    bool good = false;
    base_buf_init(&body, c->server.limits.body_bytes);
    enum base_status st = base_fd_read_all(0, &body, &err);
    if (st == BASE_LIMIT) {
        gw_cli_fail("explain: the body is larger than server.limits.body_bytes (%u): a 413",
                    c->server.limits.body_bytes);
        goto out;
    }
    if (st != BASE_OK) {
        gw_cli_fail("explain: %s", err.text);
        goto out;
    }
    struct base_str text = base_arena_dup(a, base_buf_view(&body));
    const struct gw_dialect *d = dialect_for(api_name, text);
    if (!d)
        goto out;
    st = text.p ? d->parse(text, a, r, &api) : BASE_ENOMEM;
    if (st == BASE_EINVAL)
        gw_cli_fail("explain: the request would be refused with %d: %.*s", api.status,
                    BASE_FMT(api.message));
    else if (st != BASE_OK)
        gw_cli_fail("explain: the request does not fit in memory");
    good = st == BASE_OK;
out:
    base_buf_wipe(&body);
    return good;
}

int gw_cli_explain(int argc, char **argv)
{
    struct explain_args args = {0};
    const struct gw_cli_opt opts[] = {
        {"-c", &args.file, NULL},
        {"--key", &args.key, NULL},
        {"--tier", &args.tier, NULL},
        {"--use-case", &args.use_case, NULL},
        {"--region", &args.region, NULL},
        {"--tenant", &args.tenant, NULL},
        {"--tree", NULL, &args.tree},
        {"--api", &args.api, NULL},
        {0},
    };
    if (!gw_cli_parse("explain", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    if (!args.file)
        return gw_cli_fail("explain: say which configuration: weir explain -c FILE < BODY");
    struct pol_policy *policy = NULL;
    struct base_arena *a = NULL;
    struct base_err err = {0};
    struct base_buf out;
    int status;
    base_buf_init(&out, 16u << 20);
    struct conf *c = gw_cli_load(args.file, false, &policy, &status);
    if (!c)
        goto out;
    status = GW_CLI_BAD;
    a = base_arena_new(REQUEST_BYTES_MAX);
    struct chat_request r = {0};
    if (!a) {
        gw_cli_fail("explain: not enough memory");
        goto out;
    }
    if (!read_request(c, args.api, a, &r))
        goto out;
    if (decide(c, policy, &args, &r, a, &out, &err) != BASE_OK) {
        gw_cli_fail("explain: %s", err.text);
        goto out;
    }
    fwrite(out.p, 1, out.n, stdout);
    status = fflush(stdout) == 0 ? 0 : GW_CLI_BAD;
out:
    base_buf_wipe(&out);
    base_arena_free(a);
    pol_policy_free(policy);
    conf_free(c);
    return status;
}
