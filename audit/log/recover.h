/* recover.h - opening a log: a new one, or what the last process left. Private to audit/. */
#ifndef AUD_RECOVER_H
#define AUD_RECOVER_H

#include "audit/log/core.h"

/* Opens or creates; on success the log.open leaf is durable and the caller owns *c (release with
 * aud_core_release, also after a failure). The strings of o stay the caller's while it opens. */
enum base_status aud_core_open(struct aud_core *c, const struct aud_options *o,
                               const char *spool_vkey, struct base_err *err) BASE_MUST_CHECK;

#endif
