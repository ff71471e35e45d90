/* notices.c - what somebody should look at now, worst first, each with what to do.
 *
 * Owns       nothing; reads the log's figures, the switches, the configuration in force.
 * Runs on    loop 0; never blocks (each figure is a copy under a short lock).
 */
#include "gateway/app_int.h"
#include "gateway/dash/chart.h"
#include "gateway/dash/dash.h"
#include "gateway/review.h"

#include <inttypes.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>

#define SOON_DAYS    30
#define SINKS_MAX    32
#define LAG_S        300.0
#define SECONDS_DAY  86400
#define WITNESS_LATE 3600000000u

static void notice(struct base_buf *out, bool bad, const char *fmt, ...) BASE_PRINTF(3, 4);
static void notice(struct base_buf *out, bool bad, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    base_buf_printf(out, "<li class=%s>", bad ? "bad" : "warn");
    gw_html_put(out, text);
    base_buf_z(out, "</li>\n");
}

static unsigned of_the_log(struct base_buf *out)
{
    struct aud_stats a;
    unsigned n = 0;

    aud_log_stats(gw_app_own.log, &a);
    if (a.failed)
        n++, notice(out, true,
                    "The log has failed: %s. Nothing is answered until it is mended and "
                    "Weir started again.",
                    a.failure);
    else if (a.broken)
        n++, notice(out, true,
                    "The log has failed: %s. The spool takes the records; start Weir again "
                    "when the disk is mended.",
                    a.failure);
    if (a.disk == AUD_DISK_FULL)
        n++, notice(out, true,
                    "The log's disk is nearly full (%" PRIu64 " MiB free): requests are refused.",
                    a.disk_free_bytes >> 20);
    else if (a.disk != AUD_DISK_OK)
        n++, notice(out, false, "The log's disk fills up: %" PRIu64 " MiB free.",
                    a.disk_free_bytes >> 20);
    if (gw_app_own.remote && !aud_remote_up(gw_app_own.remote))
        n++, notice(out, true, "The process that signs the log is down: checkpoints are late.");
    for (size_t i = 0; i < aud_sinks_count(gw_app_own.sinks) && i < SINKS_MAX; i++) {
        struct aud_sink_stats s;
        aud_sinks_stats(gw_app_own.sinks, i, &s);
        if (s.error[0] || s.lag_s > LAG_S)
            n++, notice(out, false, "The copy %s is %" PRIu64 " records behind%s%s.", s.name,
                        s.lag_records, s.error[0] ? ": " : "", s.error);
    }
    return n;
}

static unsigned of_witnesses(struct base_buf *out)
{
    struct aud_witness_stats w[AUD_WITNESSES_MAX];
    size_t n_w = AUD_WITNESSES_MAX;
    uint64_t size, lag_us;
    unsigned n = 0;

    if (!gw_app_own.witnesses)
        return 0;
    aud_witnesses_stats(gw_app_own.witnesses, w, &n_w, &size, &lag_us);
    for (size_t i = 0; i < n_w && i < AUD_WITNESSES_MAX; i++)
        if (w[i].refused)
            n++, notice(out, true, "The witness %s says that the log does not hold: %s.", w[i].name,
                        w[i].error);
    if (lag_us > WITNESS_LATE)
        n++, notice(out, false,
                    "The newest checkpoint has waited for its witnesses for %" PRIu64 " minutes.",
                    lag_us / 60000000);
    return n;
}

static unsigned of_back_ends(const struct conf *c, struct base_buf *out)
{
    int64_t today = base_wall_us() / 1000000 / SECONDS_DAY;
    unsigned n = 0;

    for (size_t i = 0; i < c->n_backends; i++) {
        const struct conf_backend *b = &c->backends[i];
        const struct conf_residency *r = &b->residency;
        if (r->on_premises)
            continue;
        if (!r->reference)
            n++, notice(out, false, "%s has no transfer reference: it is never used.", b->name);
        else if (r->expires_day < today)
            n++, notice(out, true,
                        "The transfer basis of %s expired on %s: it is not used any more.", b->name,
                        r->expires);
        else if (r->expires_day - today <= SOON_DAYS)
            n++, notice(out, false,
                        "The transfer basis of %s expires on %s, in %" PRId64 " days: renew it.",
                        b->name, r->expires, r->expires_day - today);
        if (r->trains_on_data)
            n++, notice(out, false,
                        "%s trains on data, or does not state that it does not: it gets "
                        "only requests without any.",
                        b->name);
    }
    return n;
}

static unsigned of_orders(struct gw_loop *l, struct base_buf *out)
{
    const struct gw_app_loop *al = l->app;
    const struct gw_policy_state *s = al->switches ? al->switches->state : NULL;
    size_t waiting = gw_reviews_pending(gw_app_own.reviews);
    unsigned n = 0;

    for (size_t i = 0; s && i < s->kills.n; i++) {
        const struct pol_kill *k = &s->kills.v[i];
        n++, notice(out, false, "Switched off since %.*s: %s %.*s (%.*s).", BASE_FMT(k->since),
                    pol_kill_kind_name(k->kind), BASE_FMT(k->value), BASE_FMT(k->reason));
    }
    if (waiting)
        n++, notice(out, false, "%zu answers wait for a human: GET /admin/v1/reviews.", waiting);
    if (al->rights && atomic_load(&al->rights->unreadable))
        n++, notice(out, true,
                    "The lists of people who objected or are restricted cannot be read: "
                    "nothing leaves.");
    if (atomic_load(&gw_app_own.reload_refused))
        n++, notice(out, true,
                    "The last reload was refused (the log says why): an older "
                    "configuration or policy is in force.");
    return n;
}

static unsigned of_the_certificate(struct gw_loop *l, struct base_buf *out)
{
    const X509 *x = SSL_CTX_get0_certificate(l->gen->tls);
    int days = 0, seconds = 0;

    if (!x || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) != 1)
        return 0;
    if (days < 0 || seconds < 0)
        notice(out, true, "This endpoint's TLS certificate has expired: clients refuse it.");
    else if (days <= SOON_DAYS)
        notice(out, false, "This endpoint's TLS certificate expires in %d days.", days);
    else
        return 0;
    return 1;
}

unsigned gw_dash_notices(struct gw_loop *l, struct base_buf *out)
{
    const char *why = "";
    unsigned n = of_the_log(out);

    n += of_witnesses(out);
    n += of_orders(l, out);
    n += of_back_ends(l->gen->conf, out);
    n += of_the_certificate(l, out);
    if (n == 0 && !gw_app_ready(l, &why))
        n++, notice(out, true, "Not ready: %s.", why);
    return n;
}
