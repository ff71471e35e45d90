/* cmd.h - `weir audit VERB DIR ...`, offline commands on a log directory. */
#ifndef AUD_CMD_H
#define AUD_CMD_H

/* argv[0] is the verb: verify, show, prove; export, erase and witness say that they are not built.
 * Data goes to standard output, prose to standard error. Returns the exit code: 0 done, 1 the log
 * (or what was asked) does not hold, 2 bad usage or a directory that cannot be read. Blocks. */
int aud_command(int argc, char **argv);

#endif
