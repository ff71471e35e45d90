/* sinks.h - copies of the log for others: files, syslog, PostgreSQL, Kafka, object stores,
 * OpenTelemetry.
 *
 * Each sink has a thread of its own that reads the durable log by a cursor and hands every record
 * to its target at least once, in order; a target that is slow or away delays nobody but itself.
 */
#ifndef AUD_SINKS_H
#define AUD_SINKS_H

#include "audit/audit.h"
#include "conf/conf.h"

struct aud_sinks;

/* Starts what c->sinks lists (copied). log must stay open until aud_sinks_stop. Blocks on files, on
 * no network. BASE_EINVAL when a cursor file does not fit the log or a library is missing. */
enum base_status aud_sinks_start(struct aud_log *log, const struct conf_audit *c,
                                 struct aud_sinks **out, struct base_err *err) BASE_MUST_CHECK;
/* Gives them up to drain_ms to hand over what is durable, then ends them where they are; saves the
 * cursors. Blocks. NULL is fine. */
void aud_sinks_stop(struct aud_sinks *s, uint32_t drain_ms);

struct aud_sink_stats {
    char name[65], type[16];
    uint64_t next;        /* the first index that the target does not have for sure */
    uint64_t lag_records; /* durable and not handed over */
    double lag_s;         /* age of the oldest of those */
    uint64_t sent, errors, dead;
    char error[256]; /* the last one, "" after a success */
    int64_t error_us;
};
size_t aud_sinks_count(const struct aud_sinks *s);                               /* s may be NULL */
void aud_sinks_stats(struct aud_sinks *s, size_t i, struct aud_sink_stats *out); /* any thread */

#endif
