/* auditor.h - the log and the policy in force, read over the admin listener by auditors and
 * administrators. Loop 0's thread; the reading itself is on a thread of its own.
 *
 *   POST /admin/v1/corrections {"req","subject","field","text"}    {"index":N}; admins only
 *   GET /admin/v1/policy                           what is in force, with the policy's text
 *   GET /admin/v1/audit/verify                     the report of weir audit verify, as JSON
 *   GET /admin/v1/audit/checkpoint                 {"checkpoint","origin","vkey"}
 *   GET /admin/v1/audit/proof?number=N             a tlog-proof
 *   GET /admin/v1/audit/records?number=N&limit=K   JSON lines; 100 unless told, at most 10,000
 *   GET /admin/v1/audit/query?FILTERS              JSON lines (format=html); the filters of weir
 *   GET /admin/v1/audit/export?report=R&FILTERS    audit query with `_` or `-`, but for `subject`
 */
#ifndef GW_AUDITOR_H
#define GW_AUDITOR_H

#include "gateway/keys.h"
#include "gateway/net/server.h"

/* rest: behind "/admin/v1/audit", or of "policy". The role has been looked at; the record of it is
 * made here. */
void gw_auditor_audit(struct gw_server_request *r, struct base_str rest);
void gw_auditor_policy(struct gw_server_request *r, struct base_str rest);
void gw_auditor_correct(struct gw_server_request *r, struct base_str rest);
/* No more of it: a reading under way is let go. Main thread, before the log closes. */
void gw_auditor_stop(void);

#endif
