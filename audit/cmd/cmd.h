/* cmd.h - `weir audit VERB DIR ...`, offline commands on a log directory. */
#ifndef AUD_CMD_H
#define AUD_CMD_H

#include "audit/content/keeper.h"

/* argv[0] is the verb: verify, show, prove; export, erase and witness say that they are not built.
 * Data goes to standard output, prose to standard error. Returns the exit code: 0 done, 1 the log
 * (or what was asked) does not hold, 2 bad usage or a directory that cannot be read. Blocks. */
int aud_command(int argc, char **argv);

/* The tags under which the log knows a subject: through the gateway that has the log open, or with
 * the keys in DIR (config: where their master is, or NULL). */
enum base_status aud_cmd_tags(const char *dir, const char *config, const char *subject,
                              const char *tenant, char (*tags)[AUD_TAG_HEX], size_t max, size_t *n,
                              struct base_err *err) BASE_MUST_CHECK;

#endif
