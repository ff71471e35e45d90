/* cli.h - what the commands of `weir` share. Private to the command line: each runs alone in its
 * process, may block, prints data to standard output and prose to standard error, and returns the
 * exit status: 0 done, 1 the thing checked does not hold, 2 bad usage, configuration or input.
 */
#ifndef GW_CLI_H
#define GW_CLI_H

#include "base/buf.h"
#include "conf/conf.h"
#include "gateway/route/plan.h"
#include "policy/policy.h"

#define GW_CLI_HOLDS_NOT 1
#define GW_CLI_BAD       2

/* One option: a value ("--name V", "--name=V") or, with flag, a switch. */
struct gw_cli_opt {
    const char *name; /* with its dashes */
    const char **value;
    bool *flag;
};

/* Reads argv[0..argc) by the table (ended by a NULL name). False after telling what is wrong. More
 * than `words` words that are no options are refused; those there are go to word[]. */
bool gw_cli_parse(const char *command, int argc, char **argv, const struct gw_cli_opt *opts,
                  const char **word, int words);
/* "weir: " and the text, to standard error. Returns GW_CLI_BAD. */
int gw_cli_fail(const char *fmt, ...) BASE_PRINTF(1, 2);
/* True if escapes may be written to fd: a terminal, and NO_COLOR is not set. */
bool gw_cli_colour(int fd);
/* Prints errors to the one stream and warnings to the other (FILE *; NULL: not at all). */
void gw_cli_print_problems(const struct conf_problems *p, void *errors, void *warnings);
/* Loads file and compiles its policy (policy NULL: not wanted): all problems of both to standard
 * error, warnings only if asked for. NULL with the exit status in *status. */
struct conf *gw_cli_load(const char *file, bool warnings, struct pol_policy **policy, int *status);
/* The configuration as far as it can be read, for what has to work though it has errors; NULL after
 * telling. Of it only the path at `needs` (an offset in struct conf, of a const char *) is known to
 * be there; `what` says in words what it tells the place of. */
struct conf *gw_cli_open(const char *verb, const char *file, size_t needs, const char *what);
/* The account that runs the command. */
void gw_cli_who(char who[64]);

int gw_cli_check(int argc, char **argv);
int gw_cli_explain(int argc, char **argv);
int gw_cli_key(int argc, char **argv);
int gw_cli_policy(int argc, char **argv);
int gw_cli_report(int argc, char **argv);

#endif
