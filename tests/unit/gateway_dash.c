/* Goal: the dashboard's history says what happened when, and its plots are well-formed for any
 * numbers.
 * Method: metrics of two loops moved by hand between takes; a day of takes; quantiles at the edges
 * of buckets; plots of nothing, of gaps, of infinities and of names with markup.
 */
#include "gateway/dash/chart.h"
#include "gateway/dash/history.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct conf_backend backends[] = {
    {.name = "house", .residency = {.on_premises = true}},
    {.name = "abroad"},
};
static const struct conf conf = {.backends = backends, .n_backends = 2};

static struct gw_metrics_shard *shards[2];

static int setup(void **state)
{
    (void)state;
    shards[0] = gw_metrics_shard_new();
    shards[1] = gw_metrics_shard_new();
    return shards[0] && shards[1] ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gw_metrics_shard_free(shards[0]);
    gw_metrics_shard_free(shards[1]);
    return 0;
}

static void test_what_happened_between_two_takes(void **state)
{
    struct gw_history *h = gw_history_new();

    (void)state;
    gw_metrics_request(shards[0], "abroad/m", "hard", 200, 5);
    gw_history_take(h, shards, 2, &conf, 1000);
    assert_int_equal(gw_history_count(h, false), 0); /* what was before is not counted */
    gw_metrics_request(shards[0], "local/x", "commodity", 200, 5);
    gw_metrics_request(shards[1], "local/x", "commodity", 200, 5);
    gw_metrics_request(shards[1], "house/m", "hard", 200, 5);
    gw_metrics_request(shards[0], "abroad/m", "hard", 200, 5);
    gw_metrics_request(shards[0], "abroad2/m", "hard", 200, 5); /* not configured any more */
    gw_metrics_request(shards[0], "none", "hard", 403, 5);
    gw_metrics_add(shards[0], GW_F_DENIED, "rule", NULL, NULL, 1);
    gw_metrics_request(shards[0], "abroad/m", "hard", 502, 5);
    gw_metrics_add(shards[1], GW_F_TOKENS, "local/x", "input", NULL, 30);
    gw_metrics_add(shards[1], GW_F_TOKENS, "local/x", "output", NULL, 7);
    gw_metrics_gauge(shards[0], GW_G_REQUESTS, 3);
    gw_metrics_gauge(shards[1], GW_G_REQUESTS, -1);
    gw_history_take(h, shards, 2, &conf, 2000);
    assert_int_equal(gw_history_count(h, false), 1);
    const struct gw_sample *s = gw_history_at(h, false, 0);
    assert_int_equal(s->n[GW_T_LOCAL], 2);
    assert_int_equal(s->n[GW_T_HOME], 1);
    assert_int_equal(s->n[GW_T_AWAY], 2);
    assert_int_equal(s->n[GW_T_DENIED], 1);
    assert_int_equal(s->n[GW_T_FAILED], 1);
    assert_int_equal(s->n[GW_T_TOKENS_IN], 30);
    assert_int_equal(s->n[GW_T_TOKENS_OUT], 7);
    assert_int_equal(s->in_progress, 2);
    assert_int_equal(s->end_us, 2000);
    assert_int_equal(s->span_s, 10);
    assert_int_equal(gw_history_at(h, true, 0)->span_s, 10);
    gw_history_take(h, shards, 2, &conf, 3000);
    assert_int_equal(gw_history_at(h, false, 1)->n[GW_T_LOCAL], 0);
    gw_history_free(h);
}

static void test_a_day(void **state)
{
    struct gw_history *h = gw_history_new();
    const unsigned takes = 25 * 360; /* 25 hours */
    uint64_t sum = 0;

    (void)state;
    gw_history_take(h, shards, 2, &conf, 0);
    for (unsigned i = 1; i <= takes; i++) {
        gw_metrics_request(shards[i % 2], "local/x", "commodity", 200, 5);
        gw_history_take(h, shards, 2, &conf, (int64_t)i * 10000000);
    }
    assert_int_equal(gw_history_count(h, false), GW_HISTORY_FINE_N);
    assert_int_equal(gw_history_count(h, true), GW_HISTORY_COARSE_N);
    assert_int_equal(gw_history_before(h, false), takes - GW_HISTORY_FINE_N);
    for (size_t i = 0; i < GW_HISTORY_FINE_N; i++) {
        assert_int_equal(gw_history_at(h, false, i)->end_us,
                         (int64_t)(takes - GW_HISTORY_FINE_N + 1 + i) * 10000000);
        assert_int_equal(gw_history_at(h, false, i)->n[GW_T_LOCAL], 1);
    }
    for (size_t i = 0; i < GW_HISTORY_COARSE_N; i++)
        sum += gw_history_at(h, true, i)->n[GW_T_LOCAL];
    assert_int_equal(sum, GW_HISTORY_COARSE_N * 30);
    assert_int_equal(gw_history_at(h, true, GW_HISTORY_COARSE_N - 1)->end_us,
                     (int64_t)takes * 10000000);
    gw_history_free(h);
}

static void test_quantiles(void **state)
{
    uint32_t v[GW_METRICS_BUCKETS] = {0};

    (void)state;
    assert_true(gw_history_quantile(v, 0.5) == 0);
    v[0] = 1;
    assert_true(gw_history_quantile(v, 0.5) == gw_metrics_bucket_s(0));
    v[4] = 1;
    assert_true(gw_history_quantile(v, 0.5) == gw_metrics_bucket_s(0));
    assert_true(gw_history_quantile(v, 0.51) == gw_metrics_bucket_s(4));
    assert_true(gw_history_quantile(v, 1) == gw_metrics_bucket_s(4));
    v[GW_METRICS_BUCKETS - 1] = UINT32_MAX;
    assert_true(gw_history_quantile(v, 0.99) == gw_metrics_bucket_s(GW_METRICS_BUCKETS - 1));
    /* the bound is that of the metrics: 64 us is in the first bucket, 65 in the second */
    uint64_t b[GW_METRICS_BUCKETS];
    gw_metrics_observe(shards[0], GW_H_TTFT, 64);
    gw_metrics_observe(shards[1], GW_H_TTFT, 65);
    gw_metrics_buckets(shards, 2, GW_H_TTFT, b);
    assert_int_equal(b[0], 1);
    assert_int_equal(b[1], 1);
    assert_true(fabs(gw_metrics_bucket_s(1) - 128e-6) < 1e-12);
}

static size_t times(const char *text, const char *what)
{
    size_t n = 0;

    while ((text = strstr(text, what)) != NULL)
        n++, text++;
    return n;
}

static void test_plots(void **state)
{
    const int64_t t[] = {0, 60000000, (int64_t)1e15};
    const double a[] = {1, NAN, 3}, b[] = {INFINITY, -5, 0};
    const struct gw_chart_line lines[] = {{"<a&\"b\">", "c0", a}, {"b", "c1", b}};
    struct gw_chart c = {"T<", "u", t, 3, 10, lines, 2};
    struct base_buf out;

    (void)state;
    base_buf_init(&out, 1 << 20);
    gw_chart_stack(&out, &c);
    assert_true(base_buf_ok(&out));
    assert_int_equal(times(out.p, "<rect"), 2); /* 1 and 3: no number is no bar */
    assert_null(strstr(out.p, "<a&"));
    assert_non_null(strstr(out.p, "&lt;a&amp;&quot;b&quot;&gt;"));
    assert_null(strstr(out.p, "nan"));
    assert_null(strstr(out.p, "inf"));
    base_buf_clear(&out);
    gw_chart_lines(&out, &c);
    assert_int_equal(times(out.p, "<path"), 2);
    assert_int_equal(times(out.p, "M"),
                     3); /* the gap begins a new stroke; nothing is drawn at infinity */
    assert_null(strstr(out.p, "nan"));
    assert_null(strstr(out.p, "inf"));
    base_buf_clear(&out);
    c.n = 0;
    gw_chart_stack(&out, &c);
    gw_chart_lines(&out, &c);
    assert_int_equal(times(out.p, "Nothing yet"), 2);
    assert_int_equal(times(out.p, "<figure>"), times(out.p, "</figure>"));
    base_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_happened_between_two_takes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quantiles, setup, teardown),
        cmocka_unit_test(test_plots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
