/* engine.h - the engine's process and its command-line faces; see proto.h for the wire.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "base/err.h"
#include "conf/conf.h"

/* The engine child's main: loads c's models (telling progress in the log), serves the links (one
 * connected stream socket per gateway worker, given as fds) and returns when all links are closed
 * or SIGTERM came. Runs as the only user of its process. Returns the exit status. */
int eng_process_main(const struct conf *c, const int *fds, size_t n_fds);

/* `weir model VERB ...`: argv[0] is the verb. Returns the exit status (0, 1, 2). */
int eng_model_command(int argc, char **argv);

#endif
