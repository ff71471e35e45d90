/* record.h - what the gateway writes into the audit log: tickets and leaves.
 *
 * A leaf is one JSON object in a closed profile: keys sorted, integers and strings, no content of a
 * request and no hash of it (short prompts can be guessed from a hash). Everything a loop records
 * goes through gw_record; the answer waits for its ticket.
 */
#ifndef GW_RECORD_H
#define GW_RECORD_H

#include "audit/audit.h"
#include "gateway/net/loop.h"
#include "gateway/request_types.h"

struct gw_recorder; /* one a loop; its thread only */

struct gw_recorder *gw_recorder_new(struct gw_loop *l, struct aud_log *log);
/* Tickets that are still under way finish by themselves (their posts run in gw_loop_free). */
void gw_recorder_free(struct gw_recorder *r);

/* Submits leaf and calls fn(ctx, ...) on the loop's thread once it is durable or the log has
 * failed; never from inside this call. On an error (ring full: BASE_LIMIT; log failed: BASE_EIO;
 * BASE_ENOMEM) fn is not called. *out (may be NULL) stays valid until fn is called. */
struct gw_ticket;
typedef void (*gw_recorded_fn)(void *ctx, enum base_status st, uint64_t index);
enum base_status gw_record(struct gw_recorder *r, struct base_str leaf, gw_recorded_fn fn,
                           void *ctx, struct gw_ticket **out) BASE_MUST_CHECK;
/* The caller no longer waits: fn will not be called. The leaf may still become durable. */
void gw_ticket_forget(struct gw_ticket *t);

/* How full the log's disk is; never blocks. */
enum aud_disk gw_record_disk(const struct gw_recorder *r);

/* The leaves of a request. They append to out; false if it does not fit AUD_LEAF_BYTES_MAX. */
bool gw_leaf_refused(struct base_buf *out, const char *req_id, struct base_str tenant,
                     const char *key_id, int status, const char *type, const char *why);
/* Currency units per million tokens of a route; 0 where the configuration gives none. */
void gw_target_prices(const struct conf_target *t, double *in, double *out);
/* ev: "req.intent" or, for a later candidate, "req.fallback". */
bool gw_leaf_intent(struct base_buf *out, const struct gw_request *q, const char *ev);
bool gw_leaf_outcome(struct base_buf *out, const struct gw_request *q);

#endif
