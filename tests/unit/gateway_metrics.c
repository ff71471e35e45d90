/* Goal: figures add up over shards, stay bounded whatever the labels, and render as Prometheus
 * text.
 *
 * Method: known increments on two shards, then the rendered lines are looked for; a flood of labels
 * must end in "other" without losing a count; a writer thread races a reader (for TSan).
 */
#include "audit/audit.h"
#include "gateway/metrics.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_metrics_shard *shard[2];
static struct base_buf out;

static void render(void)
{
    base_buf_clear(&out);
    assert_true(gw_metrics_render(shard, 2, &out));
}

static void has(const char *line)
{
    if (!strstr(out.p, line))
        fail_msg("no line %s in\n%s", line, out.p);
}

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        shard[i] = gw_metrics_shard_new();
    base_buf_init(&out, 1 << 20);
    return shard[0] && shard[1] ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        gw_metrics_shard_free(shard[i]);
    base_buf_release(&out);
    return 0;
}

static void test_sums(void **state)
{
    (void)state;
    gw_metrics_count(shard[0], GW_N_CONNECTIONS, 2);
    gw_metrics_count(shard[1], GW_N_CONNECTIONS, 3);
    gw_metrics_gauge(shard[0], GW_G_REQUESTS, 5);
    gw_metrics_gauge(shard[1], GW_G_REQUESTS, -1);
    gw_metrics_request(shard[0], "local/a", "commodity", 200, 100);
    gw_metrics_request(shard[1], "local/a", "commodity", 200, 100000);
    gw_metrics_request(shard[1], "b/x", "hard", 502, 1);
    gw_metrics_add(shard[0], GW_F_DENIED, "a \"quoted\" \\ rule\n", "ignored", NULL, 4);
    gw_metrics_add(shard[0], GW_F_UPSTREAM_ERRORS, "b", NULL, NULL, 1);
    render();
    has("# TYPE weir_connections_total counter\nweir_connections_total 5\n");
    has("weir_requests_in_progress 4\n");
    has("weir_requests_total{route=\"local/a\",tier=\"commodity\",status=\"200\"} 2\n");
    has("weir_requests_total{route=\"b/x\",tier=\"hard\",status=\"502\"} 1\n");
    has("weir_denied_total{rule=\"a \\\"quoted\\\" \\\\ rule\\n\"} 4\n");
    has("weir_upstream_errors_total{backend=\"b\",reason=\"\"} 1\n");
    /* 1 us and 100 us and 100 ms: cumulative buckets */
    has("# TYPE weir_request_seconds histogram\n");
    has("weir_request_seconds_bucket{le=\"6.4e-05\"} 1\n");
    has("weir_request_seconds_bucket{le=\"0.000128\"} 2\n");
    has("weir_request_seconds_bucket{le=\"0.065536\"} 2\n");
    has("weir_request_seconds_bucket{le=\"0.131072\"} 3\n");
    has("weir_request_seconds_bucket{le=\"+Inf\"} 3\n");
    has("weir_request_seconds_sum 0.100101\n");
    has("weir_request_seconds_count 3\n");
    assert_int_equal(gw_metrics_count_sum(shard, 2, GW_N_CONNECTIONS), 5);
    assert_int_equal(gw_metrics_gauge_sum(shard, 2, GW_G_REQUESTS), 4);
    /* each series once, though both shards have it */
    assert_null(strstr(strstr(out.p, "status=\"200\"") + 1, "status=\"200\""));
}

static void test_edges(void **state)
{
    (void)state;
    /* bucket edges belong to their bucket; what is beyond the last goes to +Inf only */
    gw_metrics_observe(shard[0], GW_H_TTFT, 0);
    gw_metrics_observe(shard[0], GW_H_TTFT, 64);
    gw_metrics_observe(shard[0], GW_H_TTFT, 65);
    gw_metrics_observe(shard[0], GW_H_TTFT, UINT64_C(1) << 26);
    gw_metrics_observe(shard[0], GW_H_TTFT, (UINT64_C(1) << 26) + 1);
    render();
    has("weir_first_token_seconds_bucket{le=\"6.4e-05\"} 2\n");
    has("weir_first_token_seconds_bucket{le=\"0.000128\"} 3\n");
    has("weir_first_token_seconds_bucket{le=\"67.1089\"} 4\n");
    has("weir_first_token_seconds_bucket{le=\"+Inf\"} 5\n");
}

static void test_bounded(void **state)
{
    (void)state;
    char label[200];
    for (int i = 0; i < 5000; i++) {
        snprintf(label, sizeof label, "%0*d", i % 150 + 1, i);
        gw_metrics_add(shard[0], GW_F_FALLBACKS, label, "x", NULL, 1);
    }
    render();
    assert_true(out.n < 200000);
    unsigned long long sum = 0, n = 0;
    for (char *p = out.p; (p = strstr(p, "weir_fallbacks_total{")); p++, n++)
        sum += strtoull(strchr(p, '}') + 1, NULL, 10);
    assert_true(n <= GW_METRICS_SERIES_MAX);
    assert_int_equal(sum, 5000);
    has("weir_fallbacks_total{from=\"other\",to=\"other\"} ");
    /* other families still find their "other" */
    gw_metrics_add(shard[0], GW_F_TOKENS, "late", "in", NULL, 7);
    render();
    has("weir_tokens_total{route=\"other\",direction=\"other\"} 7\n");
}

static void *write_on(void *arg)
{
    char label[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(label, sizeof label, "%d", i % 40);
        gw_metrics_add(arg, GW_F_REDACTIONS, label, NULL, NULL, 1);
        gw_metrics_observe(arg, GW_H_OVERHEAD, (uint64_t)i);
    }
    return NULL;
}

static void test_race(void **state)
{
    (void)state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, write_on, shard[1]), 0);
    for (int i = 0; i < 20; i++)
        render();
    pthread_join(t, NULL);
    render();
    has("weir_redactions_total{type=\"39\"} 50\n");
    has("weir_overhead_seconds_count 2000\n");
}

static void test_audit(void **state)
{
    (void)state;
    struct aud_stats a = {.leaves = 12, .size_durable = 12, .sync_us_max = 1500, .failed = true};
    base_buf_clear(&out);
    assert_true(gw_metrics_put_audit(&out, &a));
    has("weir_audit_leaves_total 12\n");
    has("weir_audit_sync_seconds_max 0.0015\n");
    has("weir_audit_failed 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_race, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit, setup, teardown)};
    return cmocka_run_group_tests_name("gateway_metrics", tests, NULL, NULL);
}
