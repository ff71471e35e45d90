/* spool_replay.h - the way back from a spool into the log that it continues. Private to audit/. */
#ifndef AUD_SPOOL_REPLAY_H
#define AUD_SPOOL_REPLAY_H

#include "audit/log/core.h"

#define AUD_SPOOL_OWN 2 /* log.open and log.spool stand before the records */

/* Removes the folder of a spool. Blocks. */
void aud_spool_remove(const char *dir);
/* While a log is opened: appends what spools under c->spool hold for this log, note()ing each leaf,
 * and sets those aside. */
enum base_status aud_spool_replay(struct aud_core *c,
                                  enum base_status (*note)(void *ctx,
                                                           const struct aud_leaf_ref *ref,
                                                           struct base_err *err),
                                  void *ctx, struct base_err *err) BASE_MUST_CHECK;

#endif
