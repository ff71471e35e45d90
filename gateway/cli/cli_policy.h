/* cli_policy.h - the verbs of `weir policy`, one file each; cli.h has what all commands share. */
#ifndef GW_CLI_POLICY_H
#define GW_CLI_POLICY_H

#include "gateway/cli/cli.h"

/* Which policy a verb works on: a configuration's, or files on their own. */
struct gw_cli_policy {
    const char *conf, *policy, *tables, *duties; /* as given on the command line; NULL: not */
};

/* Loads and compiles; NULL after telling what is wrong. *c owns what the policy borrows. */
struct pol_policy *gw_cli_policy_load(const char *verb, const struct gw_cli_policy *from,
                                      struct conf **c);

int gw_cli_policy_eval(int argc, char **argv);
int gw_cli_policy_diff(int argc, char **argv);
int gw_cli_policy_keygen(int argc, char **argv);
int gw_cli_policy_sign(int argc, char **argv);
int gw_cli_policy_verify(int argc, char **argv);
int gw_cli_policy_kill(int argc, char **argv);
int gw_cli_policy_revive(int argc, char **argv);
int gw_cli_policy_kills(int argc, char **argv);
int gw_cli_policy_rollback(int argc, char **argv);

#endif
