/* cli_policy.c - `weir policy VERB`: finds the verb; loading that the verbs share.
 *
 * No state. A policy is loaded either as part of a configuration (-c) or as a file on its own, with
 * the dated tables that are to count.
 */
#include "gateway/cli/cli_policy.h"

#include <stdio.h>

struct pol_policy *gw_cli_policy_load(const char *verb, const struct gw_cli_policy *from,
                                      struct conf **c)
{
    struct conf_problems problems = {0};
    struct pol_policy *p = NULL;
    int status;

    *c = NULL;
    if (!from->conf == !from->policy) {
        gw_cli_fail("policy %s: say which policy: -c FILE or --policy FILE", verb);
        return NULL;
    }
    if (from->conf) {
        *c = gw_cli_load(from->conf, false, &p, &status);
        return p;
    }
    if (conf_load_policy_only(from->policy, from->tables, from->duties, c, &problems) == BASE_OK)
        p = pol_policy_new(*c, &problems);
    gw_cli_print_problems(&problems, stderr, NULL);
    conf_problems_release(&problems);
    if (!p) {
        conf_free(*c);
        *c = NULL;
    }
    return p;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"eval", gw_cli_policy_eval},         {"diff", gw_cli_policy_diff},
    {"keygen", gw_cli_policy_keygen},     {"sign", gw_cli_policy_sign},
    {"verify", gw_cli_policy_verify},     {"kill", gw_cli_policy_kill},
    {"revive", gw_cli_policy_revive},     {"list", gw_cli_policy_kills},
    {"rollback", gw_cli_policy_rollback},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

int gw_cli_policy(int argc, char **argv)
{
    const char *names[N_VERBS + 1];

    if (argc < 1)
        return gw_cli_fail("policy: say what; `weir help policy` shows the verbs");
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(argv[0], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
        names[i] = verbs[i].name;
    }
    names[N_VERBS] = NULL;
    const char *near = conf_nearest(base_str_c(argv[0]), names);
    return near ? gw_cli_fail("policy: there is no verb \"%s\"; did you mean %s?", argv[0], near)
                : gw_cli_fail("policy: there is no verb \"%s\"; `weir help policy` lists them",
                              argv[0]);
}
