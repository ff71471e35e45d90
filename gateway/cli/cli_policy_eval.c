/* cli_policy_eval.c - `weir policy eval`: facts in, decisions out, one line each.
 *
 * The function that decides for the gateway, on facts that somebody wrote down: for rehearsing a
 * policy, for an auditor who checks a recorded decision, for comparing with another evaluator.
 * Reads standard input line by line; nothing is kept between lines; nothing is sent.
 */
#include "gateway/cli/cli_policy.h"

#include "policy/decide/facts.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_BYTES_MAX  (1u << 20)
#define ARENA_BYTES_MAX (64u << 20)
#define OUT_BYTES_MAX   (64u << 20)

struct run {
    const struct conf *c;
    const struct pol_policy *p;
    struct base_arena *a;
    struct base_buf out;
    bool tree;
};

static const struct conf_target *find(void *ctx, struct base_str name)
{
    const struct run *r = ctx;
    for (size_t i = 0; i < r->c->targets.n; i++)
        if (base_str_is(name, r->c->targets.v[i].text))
            return &r->c->targets.v[i];
    return NULL;
}

static bool answer(struct run *r, const json_t *line, struct base_err *err)
{
    struct pol_facts f;
    struct pol_decision d;
    struct base_json j;
    const json_t *id = json_object_get(line, "id");
    enum base_status st = pol_facts_parse(line, NULL, find, r, r->a, &f, err);
    if (st == BASE_OK)
        st = r->tree ? pol_decide_tree(r->p, &f, r->a, &d, err)
                     : pol_decide(r->p, &f, r->a, &d, err);
    if (st != BASE_OK)
        return false;
    base_buf_clear(&r->out);
    base_json_init(&j, &r->out);
    base_json_obj(&j);
    if (json_is_string(id))
        base_json_kstr(&j, "id", base_str_n(json_string_value(id), json_string_length(id)));
    else if (json_is_integer(id))
        base_json_kint(&j, "id", json_integer_value(id));
    base_json_key(&j, "decision");
    pol_decision_json(&j, r->p, &f, &d);
    if (r->tree) {
        base_json_key(&j, "tree");
        pol_tree_json(&j, r->p, &f, &d);
    }
    base_json_obj_end(&j);
    base_buf_byte(&r->out, '\n');
    if (base_buf_ok(&r->out) && fwrite(r->out.p, 1, r->out.n, stdout) == r->out.n)
        return true;
    base_err_set(err, BASE_EIO, "cannot write the answer");
    return false;
}

/* The next line; of one that is too long the first LINE_BYTES_MAX + 1 bytes. False at the end. */
static bool next_line(char *line, size_t *n)
{
    int c = 0;
    *n = 0;
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (*n <= LINE_BYTES_MAX)
            line[(*n)++] = (char)c;
    }
    return c != EOF || *n;
}

/* False if a line does not hold. */
static bool each_line(struct run *r)
{
    char *line = malloc(LINE_BYTES_MAX + 1);
    size_t number = 0, n;
    bool good = line != NULL;
    if (!line)
        gw_cli_fail("policy eval: not enough memory");
    while (line && next_line(line, &n)) {
        struct base_err err = {0};
        json_error_t e;
        number++;
        if (base_str_trim(base_str_n(line, n)).n == 0)
            continue;
        json_t *v = n > LINE_BYTES_MAX ? NULL : json_loadb(line, n, JSON_REJECT_DUPLICATES, &e);
        if (!v)
            gw_cli_fail("policy eval: line %zu is no JSON object of at most %u bytes", number,
                        LINE_BYTES_MAX);
        else if (!answer(r, v, &err))
            gw_cli_fail("policy eval: line %zu: %s", number, err.text);
        good = good && v && !err.text[0];
        json_decref(v);
        base_arena_reset(r->a);
    }
    free(line);
    return good && !ferror(stdin) && fflush(stdout) == 0;
}

int gw_cli_policy_eval(int argc, char **argv)
{
    struct gw_cli_policy from = {0};
    struct run r = {0};
    struct conf *c = NULL;
    const struct gw_cli_opt opts[] = {
        {"-c", &from.conf, NULL},         {"--policy", &from.policy, NULL},
        {"--tables", &from.tables, NULL}, {"--duties", &from.duties, NULL},
        {"--tree", NULL, &r.tree},        {0}};
    if (!gw_cli_parse("policy eval", argc, argv, opts, NULL, 0))
        return GW_CLI_BAD;
    struct pol_policy *p = gw_cli_policy_load("eval", &from, &c);
    if (!p)
        return GW_CLI_BAD;
    r.c = c;
    r.p = p;
    r.a = base_arena_new(ARENA_BYTES_MAX);
    base_buf_init(&r.out, OUT_BYTES_MAX);
    int status = GW_CLI_BAD;
    if (!r.a)
        gw_cli_fail("policy eval: not enough memory");
    else if (each_line(&r))
        status = 0;
    base_buf_release(&r.out);
    base_arena_free(r.a);
    pol_policy_free(p);
    conf_free(c);
    return status;
}
