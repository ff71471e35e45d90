/* serve.h - what the process that has a log open does for others on the machine: the requests of
 * its control socket. */
#ifndef AUD_SERVE_H
#define AUD_SERVE_H

#include "audit/audit.h"

struct aud_serve;

struct aud_keeper;

/* Starts the control socket of dir. log and keeper outlive it. Any thread; blocks. */
enum base_status aud_serve_start(const char *dir, struct aud_log *log, struct aud_keeper *keeper,
                                 struct aud_serve **out, struct base_err *err) BASE_MUST_CHECK;
/* Before the log is closed. NULL is fine. */
void aud_serve_stop(struct aud_serve *s);

#endif
