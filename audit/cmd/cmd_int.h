/* cmd_int.h - what the verbs of `weir audit` share: one file a verb, audit/cmd_VERB.c, listed in
 * the table of audit/cmd/cmd.c. argv[0] is the verb; each returns the process's exit code and has
 * its own
 * --help.
 */
#ifndef AUD_CMD_INT_H
#define AUD_CMD_INT_H

#include "audit/content/keyring.h"

enum { AUD_EXIT_HOLDS = 0, AUD_EXIT_FAILS = 1, AUD_EXIT_USAGE = 2 };

/* Prints help to standard output. Returns AUD_EXIT_HOLDS. */
int aud_cmd_help(const char *help);
/* Prints why (may be NULL) and help to standard error. Returns AUD_EXIT_USAGE. */
int aud_cmd_usage(const char *help, const char *why);

int aud_cmd_verify(int argc, char **argv);
int aud_cmd_show(int argc, char **argv);
int aud_cmd_prove(int argc, char **argv);
int aud_cmd_verify_proof(int argc, char **argv);
int aud_cmd_consistency(int argc, char **argv);
int aud_cmd_monitor(int argc, char **argv);
int aud_cmd_witness(int argc, char **argv);
int aud_cmd_query(int argc, char **argv);
int aud_cmd_export(int argc, char **argv);
int aud_cmd_sinks(int argc, char **argv);
int aud_cmd_erase(int argc, char **argv);
int aud_cmd_hold(int argc, char **argv);
int aud_cmd_content(int argc, char **argv);

#endif
