/* history.h - how the last hour and the last day went: what the dashboard draws.
 *
 * Every ten seconds loop 0 takes the difference of the metrics to the ones before. An hour of such
 * samples is kept, and a day of samples of five minutes; nothing is written anywhere, so a start
 * begins anew (what must last is in the audit log). Loop 0's thread only.
 */
#ifndef GW_DASH_HISTORY_H
#define GW_DASH_HISTORY_H

#include "conf/conf.h"
#include "gateway/metrics.h"

#define GW_HISTORY_FINE_S   10
#define GW_HISTORY_FINE_N   360 /* an hour */
#define GW_HISTORY_COARSE_S 300
#define GW_HISTORY_COARSE_N 288 /* a day */

enum gw_trace {
    GW_T_LOCAL,  /* answered by the local engine */
    GW_T_HOME,   /* by a back end on premises */
    GW_T_AWAY,   /* by one that is not */
    GW_T_DENIED, /* by policy */
    GW_T_FAILED, /* any other error */
    GW_T_TOKENS_IN,
    GW_T_TOKENS_OUT,
    GW_T_REDACTIONS,
    GW_T_FALLBACKS,
    GW_T_BACKEND_ERRORS,
    GW_T_COUNT
};

struct gw_sample {
    int64_t end_us;  /* wall clock */
    uint32_t span_s; /* that it covers; a coarse one that is being filled: so far */
    uint64_t n[GW_T_COUNT];
    uint32_t in_progress;               /* at the end; the most of a coarse one */
    uint32_t first[GW_METRICS_BUCKETS]; /* GW_H_TTFT */
    uint32_t own[GW_METRICS_BUCKETS];   /* GW_H_OVERHEAD */
};

struct gw_history;

struct gw_history *gw_history_new(void); /* NULL: no memory */
void gw_history_free(struct gw_history *h);
/* Adds a sample of what has happened since the last call; the first call only remembers. c tells
 * which back end is on premises. */
void gw_history_take(struct gw_history *h, struct gw_metrics_shard *const *shards, size_t n,
                     const struct conf *c, int64_t wall_us);
/* The samples there are, oldest first; borrowed until the next take. coarse: of five minutes, the
 * last of them still being filled. */
size_t gw_history_count(const struct gw_history *h, bool coarse);
/* How many samples were taken before the oldest that is there: with it, groups of samples keep
 * their bounds while the ring turns. */
uint64_t gw_history_before(const struct gw_history *h, bool coarse);
const struct gw_sample *gw_history_at(const struct gw_history *h, bool coarse, size_t i);
/* The upper bound in seconds of the bucket that holds the q-th part of v; 0 when v is empty. */
double gw_history_quantile(const uint32_t v[GW_METRICS_BUCKETS], double q);

#endif
