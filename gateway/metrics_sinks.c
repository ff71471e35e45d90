/* metrics_sinks.c - the figures of the audit log's sinks, for Prometheus.
 *
 * Runs on the loop that renders; each figure is a copy taken under the sink's own short lock.
 * Names of sinks come from the configuration (letters, digits, . _ : -), so they need no escaping.
 */
#include "audit/sinks/sinks.h"
#include "gateway/metrics.h"

#include <inttypes.h>

#define SINKS_MAX 32

bool gw_metrics_put_sinks(struct base_buf *out, struct aud_sinks *s)
{
    static const struct {
        const char *name, *kind, *help;
    } family[] = {
        {"weir_audit_sink_lag_records", "gauge", "Durable records that the sink's target lacks."},
        {"weir_audit_sink_lag_seconds", "gauge", "Age of the oldest of those."},
        {"weir_audit_sink_sent_total", "counter", "Records handed over."},
        {"weir_audit_sink_errors_total", "counter", "Attempts that failed."},
        {"weir_audit_sink_dead_total", "counter", "Records in the sink's dead-letter file."},
        {"weir_audit_sink_up", "gauge", "1 while the last attempt did not fail."},
    };
    struct aud_sink_stats t[SINKS_MAX];
    size_t n = aud_sinks_count(s);

    if (n > SINKS_MAX)
        n = SINKS_MAX;
    for (size_t i = 0; i < n; i++)
        aud_sinks_stats(s, i, &t[i]);
    for (size_t f = 0; n > 0 && f < sizeof(family) / sizeof(family[0]); f++) {
        base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family[f].name, family[f].help,
                        family[f].name, family[f].kind);
        for (size_t i = 0; i < n; i++) {
            const uint64_t whole[] = {t[i].lag_records, 0,         t[i].sent,
                                      t[i].errors,      t[i].dead, t[i].error[0] == 0};

            base_buf_printf(out, "%s{sink=\"%s\",type=\"%s\"} ", family[f].name, t[i].name,
                            t[i].type);
            if (f == 1)
                base_buf_printf(out, "%.3f\n", t[i].lag_s);
            else
                base_buf_printf(out, "%" PRIu64 "\n", whole[f]);
        }
    }
    return base_buf_ok(out);
}
