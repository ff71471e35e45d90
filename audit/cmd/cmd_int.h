/* cmd_int.h - what the verbs of `weir audit` share: one file a verb, audit/cmd_VERB.c, listed in
 * the table of audit/cmd/cmd.c. argv[0] is the verb; each returns the process's exit code and has
 * its own
 * --help.
 */
#ifndef AUD_CMD_INT_H
#define AUD_CMD_INT_H

#include "audit/audit.h"
#include "audit/content/keeper.h"
#include "audit/verify/proof.h"

enum { AUD_EXIT_HOLDS = 0, AUD_EXIT_FAILS = 1, AUD_EXIT_USAGE = 2 };

/* Prints help to standard output. Returns AUD_EXIT_HOLDS. */
int aud_cmd_help(const char *help);
/* Prints why (may be NULL) and help to standard error. Returns AUD_EXIT_USAGE. */
int aud_cmd_usage(const char *help, const char *why);

/* ---- what commands and the admin listener (look.c) share ---- */

/* Content beside the log: what is wrong with it, or missing, makes the report not hold. Not looked
 * at where no record names any, where it stands beside another log, and where the caller says so.
 */
enum base_status aud_verify_content(const char *dir, bool without, struct aud_verify_report *r,
                                    struct aud_content_report *c, bool *any,
                                    struct base_err *err) BASE_MUST_CHECK;
/* The report as one line of JSON; c may be NULL. */
void aud_verify_json(struct base_buf *b, const struct aud_verify_report *r,
                     const struct aud_content_report *c);
#define AUD_PROVE_BYTES_MAX (2 * AUD_LEAF_BYTES_MAX + AUD_PROOF_BYTES_MAX)
/* The tlog-proof of a record. BASE_ENOENT: no such record, or not under the checkpoint yet. */
enum base_status aud_prove(const char *dir, uint64_t number, bool with_leaf, struct base_buf *out,
                           struct base_err *err) BASE_MUST_CHECK;

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
int aud_cmd_correct(int argc, char **argv);

#endif
