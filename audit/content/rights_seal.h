/* rights_seal.h - the log's master key wraps the key of the lists of people (conf/rights.h), as it
 * wraps tenants' keys.
 */
#ifndef AUD_RIGHTS_SEAL_H
#define AUD_RIGHTS_SEAL_H

#include "base/err.h"
#include "conf/conf.h"

/* From now on in this process. master is borrowed for as long as that lasts. The master key is
 * opened when it is needed and let go at once. */
void aud_rights_seal(const char *dir, const struct conf_master *master);
/* For a long-lived process, before its keeper opens: seals, has the key of the lists ready, and
 * for a token or a command (which it then asks never again) makes it if there is none, so that
 * master need not outlive the call. */
enum base_status aud_rights_ready(const char *dir, const struct conf_master *master,
                                  struct base_err *err) BASE_MUST_CHECK;

#endif
