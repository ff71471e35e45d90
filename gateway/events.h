/* events.h - leaves about the gateway itself: start, stop, reload, keys made and revoked.
 *
 * All of it runs on threads that may block (main thread, key watcher), and each call returns when
 * its leaves are durable.
 */
#ifndef GW_EVENTS_H
#define GW_EVENTS_H

#include "audit/audit.h"
#include "conf/conf.h"
#include "gateway/keys.h"

/* "admin.start" and "admin.stop". conf_id: "sha256:..." of the configuration file. */
enum base_status gw_event_start(struct aud_log *l, const struct conf *c, const char *conf_id,
                                struct base_err *err) BASE_MUST_CHECK;
enum base_status gw_event_stop(struct aud_log *l, struct base_err *err) BASE_MUST_CHECK;
/* "admin.reload": now NULL when it was refused, then why says so (it may not hold a secret). */
enum base_status gw_event_reload(struct aud_log *l, const struct conf *old, const struct conf *now,
                                 const char *why, struct base_err *err) BASE_MUST_CHECK;
/* "conf.backend", one a back end: what is known of it under this configuration, so that a decision
 * can be taken again from the log alone. */
enum base_status gw_event_backends(struct aud_log *l, const struct conf *c, const char *conf_id,
                                   struct base_err *err) BASE_MUST_CHECK;
/* "key.new" and "key.revoked" for every key that the log has not heard of, or not as revoked. What
 * it has heard of stands in keys/keys.seen of the log's directory, replaced after the leaves are
 * durable: a crash in between repeats a leaf, it never loses one. */
enum base_status gw_event_keys(struct aud_log *l, const char *log_dir, const struct gw_keys *keys,
                               struct base_err *err) BASE_MUST_CHECK;

#endif
