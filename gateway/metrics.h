/* metrics.h - counters, gauges and histograms, one shard a loop, rendered for Prometheus.
 *
 * A shard is written by its loop only (plain increments through relaxed atomics: no lock, no
 * shared cache line) and read by whoever renders. Labelled families hold at most
 * GW_METRICS_SERIES_MAX series a shard; what does not fit is counted under "other", so nothing that
 * a client sends can make the output grow. Give labels from configuration or fixed sets only.
 */
#ifndef GW_METRICS_H
#define GW_METRICS_H

#include "base/buf.h"
#include <stdint.h>

#define GW_METRICS_SERIES_MAX 512
#define GW_METRICS_LABEL_MAX  64

struct gw_metrics_shard;

enum gw_count {
    GW_N_CONNECTIONS,         /* accepted */
    GW_N_CONNECTIONS_REFUSED, /* over server.limits.connections */
    GW_N_TLS_FAILURES,
    GW_N_MALFORMED,   /* requests that the server refused by itself */
    GW_N_CLIENT_GONE, /* before the answer was complete */
    GW_N_AUTH_FAILURES,
    GW_N_BYTES_IN,
    GW_N_BYTES_OUT,
    GW_N_RELOADS,
    GW_N_COUNT
};

enum gw_gauge { GW_G_CONNECTIONS, GW_G_REQUESTS, GW_G_COUNT };

/* Families with labels; the names of the labels in brackets. */
enum gw_family {
    GW_F_REQUESTS,        /* weir_requests_total [route tier status] */
    GW_F_UPSTREAM_ERRORS, /* weir_upstream_errors_total [backend reason] */
    GW_F_FALLBACKS,       /* weir_fallbacks_total [from to] */
    GW_F_DENIED,          /* weir_denied_total [rule] */
    GW_F_REDACTIONS,      /* weir_redactions_total [type] */
    GW_F_TOKENS,          /* weir_tokens_total [route direction] */
    GW_F_ANSWER_FINDINGS, /* weir_answer_findings_total [type action] */
    GW_F_SHADOW,          /* weir_shadow_decisions_total [change] */
    GW_F_RIGHTS,          /* weir_rights_matches_total [list] */
    GW_F_COUNT
};

enum gw_hist {
    GW_H_REQUEST,    /* weir_request_seconds: first byte in to last byte queued */
    GW_H_TTFT,       /* weir_first_token_seconds: request whole to first content queued */
    GW_H_OVERHEAD,   /* weir_overhead_seconds: auth, scan, score, decide (CPU before dispatch) */
    GW_H_AUDIT_WAIT, /* weir_audit_wait_seconds: submit to durable */
    GW_H_COUNT
};

struct gw_metrics_shard *gw_metrics_shard_new(void); /* NULL: no memory */
void gw_metrics_shard_free(struct gw_metrics_shard *m);

/* The owning loop's thread only. Labels beyond a family's number are ignored; NULL is "". */
void gw_metrics_count(struct gw_metrics_shard *m, enum gw_count c, uint64_t n);
void gw_metrics_gauge(struct gw_metrics_shard *m, enum gw_gauge g, int64_t delta);
void gw_metrics_add(struct gw_metrics_shard *m, enum gw_family f, const char *l0, const char *l1,
                    const char *l2, uint64_t n);
void gw_metrics_observe(struct gw_metrics_shard *m, enum gw_hist h, uint64_t us);
/* For whole requests: GW_F_REQUESTS with status as text, and GW_H_REQUEST. */
void gw_metrics_request(struct gw_metrics_shard *m, const char *route, const char *tier, int status,
                        uint64_t us);

/* Sums the shards and appends Prometheus text (version 0.0.4). Any thread. */
bool gw_metrics_render(struct gw_metrics_shard *const *shards, size_t n, struct base_buf *out);
/* One figure with HELP and TYPE lines; kind "counter" or "gauge". */
bool gw_metrics_put(struct base_buf *out, const char *name, const char *kind, const char *help,
                    double v);
/* The audit log's figures. */
struct aud_stats;
bool gw_metrics_put_audit(struct base_buf *out, const struct aud_stats *a);
/* One series a sink of lag, errors and dead letters; s may be NULL. */
struct aud_sinks;
bool gw_metrics_put_sinks(struct base_buf *out, struct aud_sinks *s);
struct aud_witnesses;
bool gw_metrics_put_witnesses(struct base_buf *out, struct aud_witnesses *w);

/* Calls fn(ctx, label, v) for every series of a family. A series that several shards have comes
 * once a shard. label has three entries, "" where the family has fewer; borrowed. Any thread. */
void gw_metrics_each(struct gw_metrics_shard *const *shards, size_t n, enum gw_family f,
                     void (*fn)(void *ctx, const char *const label[], uint64_t v), void *ctx);
/* Observations a bucket, not cumulative; the last has no upper bound. Any thread. */
#define GW_METRICS_BUCKETS 22
void gw_metrics_buckets(struct gw_metrics_shard *const *shards, size_t n, enum gw_hist h,
                        uint64_t out[GW_METRICS_BUCKETS]);
double gw_metrics_bucket_s(size_t i); /* its upper bound; of the last: twice the one before */

/* For the dashboard: the sum of one counter or gauge over the shards. */
uint64_t gw_metrics_count_sum(struct gw_metrics_shard *const *shards, size_t n, enum gw_count c);
int64_t gw_metrics_gauge_sum(struct gw_metrics_shard *const *shards, size_t n, enum gw_gauge g);

#endif
