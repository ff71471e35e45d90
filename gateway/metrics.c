/* metrics.c - per-loop shards of figures, and their text for Prometheus.
 *
 * One writer (the loop) per shard, any number of readers. Every figure is a 64-bit relaxed atomic
 * that the writer loads and stores (no locked instruction). A labelled series is claimed by filling
 * its labels and then publishing it with a release store of n_series; readers load that first, so
 * they never see half a label. Series are never removed: their number is bounded, the last slot of
 * each shard being "other".
 *
 * Histograms are powers of two of microseconds, from 64 us to 67 s, exported in seconds with
 * cumulative buckets as the format asks for.
 */
#include "gateway/metrics.h"
#include "audit/audit.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define LABELS_MAX 3
#define TABLE_SIZE 1024u /* power of two, above GW_METRICS_SERIES_MAX */
#define HIST_FIRST 6     /* 2^6 us */
#define HIST_N     21    /* up to 2^26 us, then +Inf */

struct series {
    enum gw_family family;
    char label[LABELS_MAX][GW_METRICS_LABEL_MAX];
    _Atomic uint64_t v;
};

struct hist {
    _Atomic uint64_t bucket[HIST_N + 1]; /* not cumulative; the last is +Inf */
    _Atomic uint64_t sum_us;
};

struct gw_metrics_shard {
    _Atomic uint64_t count[GW_N_COUNT];
    _Atomic int64_t gauge[GW_G_COUNT];
    struct hist hist[GW_H_COUNT];
    atomic_uint n_series;
    uint16_t table[TABLE_SIZE]; /* index + 1; the writer's only */
    struct series series[GW_METRICS_SERIES_MAX];
};

static const struct {
    const char *name, *help;
} count_name[GW_N_COUNT] = {
    [GW_N_CONNECTIONS] = {"weir_connections_total", "Connections accepted."},
    [GW_N_CONNECTIONS_REFUSED] = {"weir_connections_refused_total",
                                  "Connections refused because the limit was reached."},
    [GW_N_TLS_FAILURES] = {"weir_tls_failures_total", "TLS handshakes that failed."},
    [GW_N_MALFORMED] = {"weir_malformed_requests_total",
                        "Requests refused before they reached the pipeline."},
    [GW_N_CLIENT_GONE] = {"weir_client_gone_total",
                          "Clients that left before their answer was complete."},
    [GW_N_AUTH_FAILURES] = {"weir_auth_failures_total", "Requests without a valid key."},
    [GW_N_BYTES_IN] = {"weir_bytes_received_total", "HTTP bytes received."},
    [GW_N_BYTES_OUT] = {"weir_bytes_sent_total", "Response body bytes queued."},
    [GW_N_RELOADS] = {"weir_reloads_total", "Configurations taken over, per worker."},
};

static const struct {
    const char *name, *help;
} gauge_name[GW_G_COUNT] = {
    [GW_G_CONNECTIONS] = {"weir_connections", "Open client connections."},
    [GW_G_REQUESTS] = {"weir_requests_in_progress", "Requests that are being answered."},
};

static const struct {
    const char *name, *help, *label[LABELS_MAX];
} family_name[GW_F_COUNT] = {
    [GW_F_REQUESTS] = {"weir_requests_total",
                       "Requests answered, by route, tier and status.",
                       {"route", "tier", "status"}},
    [GW_F_UPSTREAM_ERRORS] = {"weir_upstream_errors_total",
                              "Attempts that failed, by back end.",
                              {"backend", "reason"}},
    [GW_F_FALLBACKS] = {"weir_fallbacks_total",
                        "Requests that moved on to another candidate.",
                        {"from", "to"}},
    [GW_F_DENIED] = {"weir_denied_total", "Requests denied by policy, by rule.", {"rule"}},
    [GW_F_REDACTIONS] = {"weir_redactions_total", "Values replaced before egress.", {"type"}},
    [GW_F_TOKENS] = {"weir_tokens_total", "Tokens, by route.", {"route", "direction"}},
    [GW_F_SHADOW] = {"weir_shadow_decisions_total",
                     "Decisions of the shadow policy, by how they differ from the one in force.",
                     {"change"}},
    [GW_F_ANSWER_FINDINGS] = {"weir_answer_findings_total",
                              "Values found in answers, by type and what was done.",
                              {"type", "action"}},
    [GW_F_RIGHTS] = {"weir_rights_matches_total",
                     "Requests that name somebody on a list (GDPR Art. 18, 21).",
                     {"list"}},
};

static const struct {
    const char *name, *help;
} hist_name[GW_H_COUNT] = {
    [GW_H_REQUEST] = {"weir_request_seconds", "First byte in to last byte queued."},
    [GW_H_TTFT] = {"weir_first_token_seconds", "Request whole to first content queued."},
    [GW_H_OVERHEAD] = {"weir_overhead_seconds", "Judging a request before it is dispatched."},
    [GW_H_AUDIT_WAIT] = {"weir_audit_wait_seconds", "Waiting for a record to be durable."},
};

struct gw_metrics_shard *gw_metrics_shard_new(void)
{
    return calloc(1, sizeof(struct gw_metrics_shard));
}

void gw_metrics_shard_free(struct gw_metrics_shard *m)
{
    free(m);
}

/* ---- writing: one thread ---- */

static void bump(_Atomic uint64_t *v, uint64_t n)
{
    atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void gw_metrics_count(struct gw_metrics_shard *m, enum gw_count c, uint64_t n)
{
    bump(&m->count[c], n);
}

void gw_metrics_gauge(struct gw_metrics_shard *m, enum gw_gauge g, int64_t delta)
{
    int64_t v = atomic_load_explicit(&m->gauge[g], memory_order_relaxed);
    atomic_store_explicit(&m->gauge[g], v + delta, memory_order_relaxed);
}

static void label_copy(char to[GW_METRICS_LABEL_MAX], const char *from)
{
    snprintf(to, GW_METRICS_LABEL_MAX, "%s", from ? from : "");
}

static bool series_is(const struct series *s, enum gw_family f, const char *const l[LABELS_MAX])
{
    if (s->family != f)
        return false;
    for (int i = 0; i < LABELS_MAX; i++)
        if (strncmp(s->label[i], l[i], GW_METRICS_LABEL_MAX - 1) != 0)
            return false;
    return true;
}

/* FNV-1a over what is stored of the labels. */
static uint32_t series_hash(enum gw_family f, const char *const l[LABELS_MAX])
{
    uint32_t h = 2166136261u ^ (uint32_t)f;
    for (int i = 0; i < LABELS_MAX; i++) {
        for (size_t k = 0; k < GW_METRICS_LABEL_MAX - 1 && l[i][k]; k++)
            h = (h ^ (unsigned char)l[i][k]) * 16777619u;
        h = (h ^ 0xff) * 16777619u;
    }
    return h;
}

static struct series *series_find(struct gw_metrics_shard *m, enum gw_family f,
                                  const char *const l[LABELS_MAX], bool room_for_more)
{
    unsigned n = atomic_load_explicit(&m->n_series, memory_order_relaxed);
    uint32_t at = series_hash(f, l) & (TABLE_SIZE - 1);
    for (; m->table[at]; at = (at + 1) & (TABLE_SIZE - 1))
        if (series_is(&m->series[m->table[at] - 1], f, l))
            return &m->series[m->table[at] - 1];
    if (n >= GW_METRICS_SERIES_MAX || (!room_for_more && n >= GW_METRICS_SERIES_MAX - GW_F_COUNT))
        return NULL;
    struct series *s = &m->series[n];
    s->family = f;
    for (int i = 0; i < LABELS_MAX; i++)
        label_copy(s->label[i], l[i]);
    m->table[at] = (uint16_t)(n + 1);
    atomic_store_explicit(&m->n_series, n + 1, memory_order_release);
    return s;
}

void gw_metrics_add(struct gw_metrics_shard *m, enum gw_family f, const char *l0, const char *l1,
                    const char *l2, uint64_t n)
{
    const char *given[LABELS_MAX] = {l0, l1, l2}, *l[LABELS_MAX], *other[LABELS_MAX];
    for (int i = 0; i < LABELS_MAX; i++) {
        bool used = family_name[f].label[i] != NULL;
        l[i] = used && given[i] ? given[i] : "";
        other[i] = used ? "other" : "";
    }
    struct series *s = series_find(m, f, l, false);
    if (!s)
        s = series_find(m, f, other, true);
    if (s)
        bump(&s->v, n);
}

void gw_metrics_observe(struct gw_metrics_shard *m, enum gw_hist h, uint64_t us)
{
    /* The smallest i with us <= 2^(HIST_FIRST + i). */
    unsigned bits = us > 1 ? 64u - (unsigned)__builtin_clzll(us - 1) : 0;
    unsigned i = bits <= HIST_FIRST ? 0 : bits - HIST_FIRST;
    bump(&m->hist[h].bucket[i < HIST_N ? i : HIST_N], 1);
    bump(&m->hist[h].sum_us, us);
}

void gw_metrics_request(struct gw_metrics_shard *m, const char *route, const char *tier, int status,
                        uint64_t us)
{
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    gw_metrics_add(m, GW_F_REQUESTS, route, tier, text, 1);
    gw_metrics_observe(m, GW_H_REQUEST, us);
}

/* ---- reading ---- */

static uint64_t get(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

uint64_t gw_metrics_count_sum(struct gw_metrics_shard *const *shards, size_t n, enum gw_count c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += get(&shards[i]->count[c]);
    return sum;
}

int64_t gw_metrics_gauge_sum(struct gw_metrics_shard *const *shards, size_t n, enum gw_gauge g)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += atomic_load_explicit(&shards[i]->gauge[g], memory_order_relaxed);
    return sum;
}

#define SHARDS_MAX 64

void gw_metrics_each(struct gw_metrics_shard *const *shards, size_t n, enum gw_family f,
                     void (*fn)(void *ctx, const char *const label[], uint64_t v), void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        unsigned n_series = atomic_load_explicit(&shards[i]->n_series, memory_order_acquire);
        for (unsigned k = 0; k < n_series; k++) {
            const struct series *s = &shards[i]->series[k];
            const char *const label[LABELS_MAX] = {s->label[0], s->label[1], s->label[2]};
            if (s->family == f)
                fn(ctx, label, get(&s->v));
        }
    }
}

_Static_assert(GW_METRICS_BUCKETS == HIST_N + 1, "metrics.h tells how many there are");

void gw_metrics_buckets(struct gw_metrics_shard *const *shards, size_t n, enum gw_hist h,
                        uint64_t out[GW_METRICS_BUCKETS])
{
    for (size_t b = 0; b < GW_METRICS_BUCKETS; b++) {
        out[b] = 0;
        for (size_t i = 0; i < n; i++)
            out[b] += get(&shards[i]->hist[h].bucket[b]);
    }
}

double gw_metrics_bucket_s(size_t i)
{
    return (double)(UINT64_C(1) << (HIST_FIRST + i)) / 1e6;
}

static bool put_head(struct base_buf *out, const char *name, const char *kind, const char *help)
{
    return base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

/* A label value: backslash, quote and newline escaped; other control characters left out. */
static void put_label(struct base_buf *out, const char *name, const char *v, bool first)
{
    base_buf_printf(out, "%s%s=\"", first ? "" : ",", name);
    for (; *v; v++) {
        if (*v == '\\' || *v == '"')
            base_buf_byte(out, '\\');
        if (*v == '\n')
            base_buf_z(out, "\\n");
        else if ((unsigned char)*v >= 0x20)
            base_buf_byte(out, *v);
    }
    base_buf_byte(out, '"');
}

static void put_series(struct base_buf *out, const struct series *s, uint64_t v)
{
    base_buf_printf(out, "%s{", family_name[s->family].name);
    for (int i = 0; i < LABELS_MAX && family_name[s->family].label[i]; i++)
        put_label(out, family_name[s->family].label[i], s->label[i], i == 0);
    base_buf_printf(out, "} %" PRIu64 "\n", v);
}

/* The sum over all shards of the series that equals s. */
static uint64_t series_sum(struct gw_metrics_shard *const *shards, const unsigned *n_series,
                           size_t n, const struct series *s, size_t from, bool *seen_before)
{
    const char *l[LABELS_MAX] = {s->label[0], s->label[1], s->label[2]};
    uint64_t sum = 0;
    *seen_before = false;
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < n_series[i]; k++)
            if (series_is(&shards[i]->series[k], s->family, l)) {
                *seen_before |= i < from;
                sum += get(&shards[i]->series[k].v);
            }
    return sum;
}

static void render_families(struct gw_metrics_shard *const *shards, size_t n, struct base_buf *out)
{
    unsigned n_series[SHARDS_MAX];
    for (size_t i = 0; i < n; i++)
        n_series[i] = atomic_load_explicit(&shards[i]->n_series, memory_order_acquire);
    for (int f = 0; f < GW_F_COUNT; f++) {
        put_head(out, family_name[f].name, "counter", family_name[f].help);
        for (size_t i = 0; i < n; i++)
            for (unsigned k = 0; k < n_series[i]; k++) {
                const struct series *s = &shards[i]->series[k];
                bool seen;
                if ((int)s->family != f)
                    continue;
                uint64_t v = series_sum(shards, n_series, n, s, i, &seen);
                if (!seen)
                    put_series(out, s, v);
            }
    }
}

static void render_hist(struct gw_metrics_shard *const *shards, size_t n, int h,
                        struct base_buf *out)
{
    const char *name = hist_name[h].name;
    uint64_t sum_us = 0, total = 0;
    put_head(out, name, "histogram", hist_name[h].help);
    for (int b = 0; b <= HIST_N; b++) {
        for (size_t i = 0; i < n; i++)
            total += get(&shards[i]->hist[h].bucket[b]);
        if (b < HIST_N)
            base_buf_printf(out, "%s_bucket{le=\"%.6g\"} %" PRIu64 "\n", name,
                            (double)(UINT64_C(1) << (HIST_FIRST + b)) / 1e6, total);
        else
            base_buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, total);
    }
    for (size_t i = 0; i < n; i++)
        sum_us += get(&shards[i]->hist[h].sum_us);
    base_buf_printf(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name, (double)sum_us / 1e6, name,
                    total);
}

bool gw_metrics_render(struct gw_metrics_shard *const *shards, size_t n, struct base_buf *out)
{
    if (n > SHARDS_MAX)
        n = SHARDS_MAX;
    for (int c = 0; c < GW_N_COUNT; c++) {
        put_head(out, count_name[c].name, "counter", count_name[c].help);
        base_buf_printf(out, "%s %" PRIu64 "\n", count_name[c].name,
                        gw_metrics_count_sum(shards, n, (enum gw_count)c));
    }
    for (int g = 0; g < GW_G_COUNT; g++) {
        put_head(out, gauge_name[g].name, "gauge", gauge_name[g].help);
        base_buf_printf(out, "%s %" PRId64 "\n", gauge_name[g].name,
                        gw_metrics_gauge_sum(shards, n, (enum gw_gauge)g));
    }
    render_families(shards, n, out);
    for (int h = 0; h < GW_H_COUNT; h++)
        render_hist(shards, n, h, out);
    return base_buf_ok(out);
}

bool gw_metrics_put(struct base_buf *out, const char *name, const char *kind, const char *help,
                    double v)
{
    return put_head(out, name, kind, help) && base_buf_printf(out, "%s %.17g\n", name, v);
}

bool gw_metrics_put_audit(struct base_buf *out, const struct aud_stats *a)
{
    gw_metrics_put(out, "weir_audit_leaves_total", "counter", "Records written.",
                   (double)a->leaves);
    gw_metrics_put(out, "weir_audit_commits_total", "counter", "Group commits.",
                   (double)a->commits);
    gw_metrics_put(out, "weir_audit_checkpoints_total", "counter", "Checkpoints signed.",
                   (double)a->checkpoints);
    gw_metrics_put(out, "weir_audit_bytes_total", "counter", "Bytes of records written.",
                   (double)a->bytes);
    gw_metrics_put(out, "weir_audit_size_durable", "gauge", "Records that are durable.",
                   (double)a->size_durable);
    gw_metrics_put(out, "weir_audit_size_signed", "gauge",
                   "Records under the last signed checkpoint.", (double)a->size_signed);
    gw_metrics_put(out, "weir_audit_ring_used", "gauge", "Records waiting to be written.",
                   (double)a->ring_used);
    gw_metrics_put(out, "weir_audit_ring_max", "gauge", "How many may wait.", (double)a->ring_max);
    gw_metrics_put(out, "weir_audit_sync_seconds_last", "gauge", "The last fsync's time.",
                   (double)a->sync_us_last / 1e6);
    gw_metrics_put(out, "weir_audit_sync_seconds_max", "gauge", "The longest fsync's time.",
                   (double)a->sync_us_max / 1e6);
    gw_metrics_put(out, "weir_audit_period", "gauge", "The period that is being written.",
                   (double)a->period);
    gw_metrics_put(out, "weir_audit_turn_seconds_last", "gauge",
                   "The writer's time for the last change of period.",
                   (double)a->turn_us_last / 1e6);
    gw_metrics_put(out, "weir_audit_disk_free_bytes", "gauge", "Free on the log's disk.",
                   (double)a->disk_free_bytes);
    gw_metrics_put(out, "weir_audit_disk_stage", "gauge",
                   "0 enough, 1 warn, 2 no content is kept, 3 requests are refused.",
                   (double)a->disk);
    gw_metrics_put(out, "weir_audit_clock_steps_total", "counter",
                   "How often the wall clock was set.", (double)a->clock_steps);
    gw_metrics_put(out, "weir_audit_spooling", "gauge",
                   "1 while the log has failed and the spool takes the records.",
                   a->broken && !a->failed ? 1.0 : 0.0);
    gw_metrics_put(out, "weir_audit_spooled_total", "counter", "Records that went to the spool.",
                   (double)a->spooled);
    return gw_metrics_put(out, "weir_audit_failed", "gauge", "1 when the log has failed for good.",
                          a->failed ? 1.0 : 0.0);
}
