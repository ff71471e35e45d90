/* metrics_witnesses.c - how far the witnesses of the audit log are, for /metrics. */
#include "audit/witness/witnesses.h"
#include "base/clock.h"
#include "gateway/metrics.h"

#include <inttypes.h>

bool gw_metrics_put_witnesses(struct base_buf *out, struct aud_witnesses *w)
{
    static const struct {
        const char *name, *kind, *help;
    } family[] = {
        {"weir_audit_witness_size", "gauge", "Records of the present period it has signed."},
        {"weir_audit_witness_asked_total", "counter", "Requests to it."},
        {"weir_audit_witness_failed_total", "counter", "Requests without a cosignature."},
        {"weir_audit_witness_refused_total", "counter",
         "Times it said that this log is not the one it knows. Anything but 0 is an alarm."},
        {"weir_audit_witness_up", "gauge", "1 while the last request was good."},
    };
    struct aud_witness_stats t[AUD_WITNESSES_MAX];
    size_t n = AUD_WITNESSES_MAX;
    uint64_t size, lag_us;

    aud_witnesses_stats(w, t, &n, &size, &lag_us);
    if (n == 0)
        return true;
    gw_metrics_put(out, "weir_audit_witnessed_size", "gauge",
                   "Records of the present period that the quorum has signed.", (double)size);
    gw_metrics_put(out, "weir_audit_witness_lag_seconds", "gauge",
                   "How long a checkpoint has waited for the quorum.", (double)lag_us / 1e6);
    for (size_t f = 0; f < sizeof(family) / sizeof(family[0]); f++) {
        base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family[f].name, family[f].help,
                        family[f].name, family[f].kind);
        for (size_t i = 0; i < n; i++) {
            const uint64_t v[] = {t[i].size, t[i].asked, t[i].failed, t[i].refused,
                                  t[i].error[0] == 0};

            base_buf_printf(out, "%s{witness=\"%s\"} %" PRIu64 "\n", family[f].name, t[i].name,
                            v[f]);
        }
    }
    return base_buf_ok(out);
}
