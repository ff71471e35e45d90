/* rights.h - people who are restricted or objected, in a running gateway: from the file to every
 * loop within a second.
 *
 * A thread of its own watches the file (conf/rights.h) and publishes each new snapshot to the loops
 * by post; a loop scans with the snapshot that it holds and never waits. What was changed is
 * recorded afterwards, without the identifier.
 */
#ifndef GW_RIGHTS_H
#define GW_RIGHTS_H

#include "audit/content/keeper.h"
#include "conf/rights.h"
#include "gateway/child.h"

/* One snapshot, shared by the loops. */
struct gw_rights_ref {
    atomic_int refs;
    struct conf_rights *lists;
    atomic_bool
        unreadable; /* the file does not hold now; lists are the last that did: nothing leaves */
};
struct gw_rights_ref *gw_rights_ref(struct gw_rights_ref *s);
void gw_rights_unref(struct gw_rights_ref *s);

/* Main thread, once each. start refuses lists that do not hold. */
enum base_status gw_rights_start(struct gw_child *child, const char *log_dir, struct aud_log *log,
                                 struct base_err *err) BASE_MUST_CHECK;
/* From then on the admin side can look for what is kept of somebody. keeper outlives stop. */
void gw_rights_keeper(struct aud_keeper *keeper);
void gw_rights_stop(void);
/* The newest snapshot, with a reference for the caller. Any thread, between start and stop. */
struct gw_rights_ref *gw_rights_now(void);

void gw_rights_metrics(struct gw_rights_ref *s, struct base_buf *out);

/* The admin side: /admin/v1/rights. Loop 0. */
void gw_rights_admin(struct gw_server_request *r, struct base_str rest);

/* `weir rights add|remove|list|check`. */
int gw_cli_rights(int argc, char **argv);

#endif
