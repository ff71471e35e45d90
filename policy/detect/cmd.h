/* cmd.h - `weir scan`: the detectors on the command line. */
#ifndef POLICY_CMD_H
#define POLICY_CMD_H

/* weir scan [-c FILE] < JSONL: {"id","text"} a line in, {"id","data","spans"} a line out, on
 * standard output. argv[0] is "scan". Returns the exit code: 0, or 2 on bad usage, an unreadable
 * configuration or a bad line (named on standard error; the others are still done). */
int pol_scan_command(int argc, char **argv);

#endif
