/* Goal: gateway/pool.c does every job it took exactly once and tells its loop once; a stopped one
 * is told back at once when it waits; small ones pass large ones, and tenants take turns; what does
 * not fit is refused; an end tells back what there is. */
#include "tests/unit/gateway_util.h"

#include "gateway/metrics.h"
#include "gateway/pool.h"

#include <pthread.h>
#include <time.h>

static struct pol_detector *detector;
static struct gw_loop *loop;
static struct gw_gen gen = {.refs = 1};
static struct gw_metrics_shard *shard;

/* A job that waits until it is let go. */
struct one {
    struct gw_job job;
    atomic_bool started, go;
    int order, told;
    bool ran;
};

static atomic_int finished;

static void nap(void)
{
    const struct timespec ms = {0, 1000000};
    nanosleep(&ms, NULL);
}

static void work(void *ctx, const struct pol_detector *d, struct pol_scratch *s)
{
    struct one *o = ctx;
    struct pol_findings f;
    struct base_err err;
    struct chat_request r = {0};
    atomic_store(&o->started, true);
    while (!atomic_load(&o->go) && !atomic_load(&o->job.stop))
        nap();
    assert_int_equal(pol_scan_request(d, s, &r, &f, &err), BASE_OK);
    o->order = atomic_fetch_add(&finished, 1);
}

static void done(void *ctx, bool ran)
{
    struct one *o = ctx;
    o->told++;
    o->ran = ran;
}

static void submit(struct gw_pool *p, struct one *o, const char *tenant, size_t bytes, bool go)
{
    memset(o, 0, sizeof *o);
    o->job = (struct gw_job){
        .loop = loop, .bytes = bytes, .tenant = tenant, .work = work, .done = done, .ctx = o};
    o->order = -1;
    atomic_init(&o->go, go);
    assert_int_equal(gw_pool_submit(p, &o->job), BASE_OK);
}

static void until_started(struct one *o)
{
    for (int i = 0; i < 10000 && !atomic_load(&o->started); i++)
        nap();
    assert_true(atomic_load(&o->started));
}

/* Runs the loop's posts until o was told. */
static void until_told(struct one *o)
{
    for (int i = 0; i < 10000 && !o->told; i++) {
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
        nap();
    }
    assert_int_equal(o->told, 1);
}

static int setup(void **state)
{
    struct base_err err;
    (void)state;
    shard = gw_metrics_shard_new();
    loop = gw_loop_new(0, &gen, shard, &err);
    return !loop || pol_detector_new(&detector, &err) != BASE_OK;
}

static int teardown(void **state)
{
    (void)state;
    gw_loop_free(loop);
    gw_metrics_shard_free(shard);
    pol_detector_free(detector);
    return 0;
}

static struct gw_pool *pool(unsigned threads)
{
    struct gw_pool *p;
    struct base_err err;
    assert_int_equal(gw_pool_new(detector, threads, &p, &err), BASE_OK);
    return p;
}

static void test_small_pass_large(void **state)
{
    struct gw_pool *p = pool(2);
    struct one large[3], small;
    (void)state;
    for (int i = 0; i < 3; i++)
        submit(p, &large[i], "a", GW_POOL_SMALL_MAX + 1, false);
    until_started(&large[0]);
    submit(p, &small, "a", GW_POOL_SMALL_MAX, true);
    until_told(&small); /* while the one worker that may is busy with the first large one */
    assert_false(atomic_load(&large[1].started));
    for (int i = 0; i < 3; i++)
        atomic_store(&large[i].go, true);
    for (int i = 0; i < 3; i++)
        until_told(&large[i]);
    assert_true(large[0].order < large[1].order && large[1].order < large[2].order);
    gw_pool_free(p);
}

static void test_tenants_take_turns(void **state)
{
    struct gw_pool *p = pool(3);
    struct one a[4], b;
    (void)state;
    for (int i = 0; i < 4; i++)
        submit(p, &a[i], "a", 2 * GW_POOL_SMALL_MAX, false);
    until_started(&a[0]);
    until_started(&a[1]);
    submit(p, &b, "b", 2 * GW_POOL_SMALL_MAX, false); /* behind a[2] and a[3] */
    atomic_store(&a[0].go, true);
    until_started(&b);
    assert_false(atomic_load(&a[2].started));
    for (int i = 1; i < 4; i++)
        atomic_store(&a[i].go, true);
    atomic_store(&b.go, true);
    for (int i = 0; i < 4; i++)
        until_told(&a[i]);
    until_told(&b);
    gw_pool_free(p);
}

static void test_stopped(void **state)
{
    struct gw_pool *p = pool(2);
    struct one running, waiting;
    struct gw_pool_stats s;
    (void)state;
    submit(p, &running, "a", 2 * GW_POOL_SMALL_MAX, false);
    until_started(&running);
    submit(p, &waiting, "a", 2 * GW_POOL_SMALL_MAX, false);
    gw_pool_stop(p, &waiting.job);
    until_told(&waiting);
    assert_false(waiting.ran || atomic_load(&waiting.started));
    gw_pool_stop(p, &running.job);
    until_told(&running);
    assert_true(running.ran);
    gw_pool_stats(p, &s);
    assert_int_equal(s.stopped, 2);
    assert_int_equal(s.waiting + s.running + s.waiting_bytes, 0);
    gw_pool_free(p);
}

/* With one worker for large ones none of them ever runs while another is chosen. */
static void test_a_tenant_with_many_waiting_does_not_keep_another_waiting(void **state)
{
    struct gw_pool *p = pool(2);
    static struct one a[20], b[3];
    (void)state;
    for (int i = 0; i < 20; i++)
        submit(p, &a[i], "a", 2 * GW_POOL_SMALL_MAX, i > 0);
    until_started(&a[0]);
    for (int i = 0; i < 3; i++)
        submit(p, &b[i], "b", 2 * GW_POOL_SMALL_MAX, true);
    atomic_store(&a[0].go, true);
    for (int i = 0; i < 20; i++)
        until_told(&a[i]);
    int first = a[0].order;
    for (int i = 0; i < 3; i++) { /* in turns: b a b a b */
        until_told(&b[i]);
        assert_int_equal(b[i].order, first + 1 + 2 * i);
    }
    gw_pool_free(p);
}

/* What one tenant may have waiting leaves room for the next. */
static void test_a_tenant_does_not_take_all_the_room(void **state)
{
    struct gw_pool *p = pool(2);
    static struct one jobs[GW_POOL_JOBS_MAX];
    struct one more = {.job = {.loop = loop, .tenant = "a", .work = work, .done = done}};
    struct one running;
    int n = 0;
    (void)state;
    submit(p, &running, "a", 2 * GW_POOL_SMALL_MAX, false);
    until_started(&running);
    for (; n < GW_POOL_JOBS_MAX / 2; n++)
        submit(p, &jobs[n], "a", 2 * GW_POOL_SMALL_MAX, false);
    more.job.bytes = 2 * GW_POOL_SMALL_MAX;
    assert_int_equal(gw_pool_submit(p, &more.job), BASE_LIMIT);
    submit(p, &jobs[n++], "b", 2 * GW_POOL_SMALL_MAX, false);
    more.job.tenant = "c"; /* of what is left by then one may have half, in bytes too */
    more.job.bytes = GW_POOL_BYTES_MAX;
    assert_int_equal(gw_pool_submit(p, &more.job), BASE_LIMIT);
    submit(p, &jobs[n++], "c", GW_POOL_BYTES_MAX / 4, false);
    gw_pool_free(p);
    until_told(&running);
    for (int i = 0; i < n; i++)
        until_told(&jobs[i]);
    assert_int_equal(more.told, 0);
}

static void test_full_and_end(void **state)
{
    static const char *const tenants[] = {"a", "b", "c", "d", "e", "f", "g"};
    struct gw_pool *p = pool(2);
    static struct one jobs[GW_POOL_JOBS_MAX + 2];
    struct one more = {.job = {.loop = loop, .tenant = "h", .work = work, .done = done}};
    struct gw_pool_stats s;
    int n = 1;
    (void)state;
    submit(p, &jobs[0], "a", 2 * GW_POOL_SMALL_MAX, false);
    until_started(&jobs[0]);
    for (int t = 0; t < 7; t++)
        for (int k = t < 6 ? GW_POOL_JOBS_MAX >> (t + 1) : 1; k > 0; k--)
            submit(p, &jobs[n++], tenants[t], 2 * GW_POOL_SMALL_MAX, false);
    assert_int_equal(n, GW_POOL_JOBS_MAX + 1);
    assert_int_equal(gw_pool_submit(p, &more.job), BASE_LIMIT);
    for (int i = 1; i <= GW_POOL_JOBS_MAX; i++)
        gw_pool_stop(p, &jobs[i].job);
    submit(p, &jobs[GW_POOL_JOBS_MAX + 1], "a", GW_POOL_BYTES_MAX - 1, false); /* bytes */
    more.job.bytes = 2;
    assert_int_equal(gw_pool_submit(p, &more.job), BASE_LIMIT);
    gw_pool_stats(p, &s);
    assert_int_equal(s.refused, 2);
    gw_pool_free(p); /* one runs, one waits */
    for (int i = 0; i < GW_POOL_JOBS_MAX + 2; i++)
        until_told(&jobs[i]);
    assert_int_equal(more.told, 0);
    assert_true(jobs[0].ran && !jobs[GW_POOL_JOBS_MAX + 1].ran);
}

/* Nobody wants it any more: the scan ends without a result, and fails. */
static void test_a_scan_that_is_stopped_fails(void **state)
{
    struct pol_scratch *s;
    struct base_err err;
    struct pol_spans spans;
    atomic_bool stop = true;
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_str text = BASE_STR("Write to a.b@example.com, IBAN DE89 3704 0044 0532 0130 00.");
    (void)state;
    assert_int_equal(pol_scratch_new(detector, &s, &err), BASE_OK);
    pol_scratch_stop(s, &stop);
    assert_int_equal(pol_scan_text(detector, s, text, a, &spans, &err), BASE_DENIED);
    atomic_store(&stop, false);
    assert_int_equal(pol_scan_text(detector, s, text, a, &spans, &err), BASE_OK);
    assert_int_equal(spans.n, 2);
    pol_scratch_free(s);
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_pass_large),
        cmocka_unit_test(test_tenants_take_turns),
        cmocka_unit_test(test_a_tenant_with_many_waiting_does_not_keep_another_waiting),
        cmocka_unit_test(test_a_tenant_does_not_take_all_the_room),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_full_and_end),
        cmocka_unit_test(test_a_scan_that_is_stopped_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
