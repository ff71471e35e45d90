/* reach.h - records that the command line leaves: through the gateway that has the log open, or by
 * opening the log itself. Private to audit/ and the command line. Blocks.
 */
#ifndef AUD_REACH_H
#define AUD_REACH_H

#include "audit/audit.h"
#include "base/json.h"

/* Opens a log that nobody has open, by its own log.conf, as its directory's owner (a process of
 * root becomes that user for good, or the gateway could not write its own log any more).
 * BASE_ENOENT when there is no signing key: a copy. */
enum base_status aud_offline_open(const char *dir, struct aud_log **out,
                                  struct base_err *err) BASE_MUST_CHECK;

/* Who this process is, as "uid 0 (root)". */
#define AUD_WHO_MAX 128
char *aud_who(char out[AUD_WHO_MAX]);

/* The leaf of a reading. question: a JSON object. */
bool aud_leaf_read(struct base_buf *out, const char *who, const char *what,
                   struct base_str question, uint64_t rows);

/* Records a reading before it happens. *how is static text for the user: how it was recorded, or
 * that it was not because DIR is a copy without a key. */
enum base_status aud_reach_read(const char *dir, const char *what, struct base_str question,
                                uint64_t rows, const char **how,
                                struct base_err *err) BASE_MUST_CHECK;

#endif
