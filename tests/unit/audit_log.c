/* Goal: many producers, one order; full rings push back; a process killed at any moment has lost
 * nothing that it acknowledged.
 * Method: eight threads that submit at full speed and check what comes back; a ring of two; and a
 * loop in which a child appends, reports every acknowledged index through a pipe and is killed with
 * SIGKILL at a random moment, after which the parent reads the log that is left.
 */
#include "tests/unit/audit_util.h"

#include "base/ring.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

/* ---- the ring alone ---- */

#define RING_ITEMS 20000

static void *ring_producer(void *arg)
{
    struct base_ring *r = arg;

    for (uintptr_t i = 1; i <= RING_ITEMS; i++) {
        while (!base_ring_push(r, (void *)i))
            sched_yield();
        base_ring_ring(r);
    }
    return NULL;
}

static void test_ring(void **state)
{
    struct base_ring *r = base_ring_new(50);
    pthread_t t[4];
    uint64_t sum = 0, n = 0;

    (void)state;
    assert_non_null(r);
    assert_int_equal(base_ring_capacity(r), 64);
    for (uintptr_t i = 1; i <= 64; i++)
        assert_true(base_ring_push(r, (void *)i));
    assert_false(base_ring_push(r, r)); /* full */
    assert_int_equal(base_ring_used(r), 64);
    for (uintptr_t i = 1; i <= 64; i++)
        assert_ptr_equal(base_ring_pop(r), (void *)i);
    assert_null(base_ring_pop(r));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, ring_producer, r), 0);
    while (n < 4 * RING_ITEMS) { /* a lost wake-up would show as a test that takes for ever */
        void *p = base_ring_pop(r);

        if (!p) {
            base_ring_wait(r, 60000);
            continue;
        }
        sum += (uintptr_t)p;
        n++;
    }
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(sum, 4ull * RING_ITEMS * (RING_ITEMS + 1) / 2);
    base_ring_free(r);
}

/* ---- producers ---- */

#define PRODUCERS 8
#define LEAVES    1500

struct producer {
    struct aud_log *log;
    int id;
    _Atomic unsigned acked, refused;
    uint64_t last; /* on the writer's thread only */
    _Atomic bool disorder;
    unsigned pushed_back;
};

static void producer_done(void *ctx, enum base_status st, uint64_t index)
{
    struct producer *p = ctx;

    if (st != BASE_OK) {
        atomic_fetch_add(&p->refused, 1);
        return;
    }
    if (atomic_load(&p->acked) > 0 && index <= p->last)
        atomic_store(&p->disorder, true);
    p->last = index;
    atomic_fetch_add(&p->acked, 1);
}

static void *producer_main(void *arg)
{
    struct producer *p = arg;
    char leaf[256], req[32];

    for (int i = 0; i < LEAVES; i++) {
        snprintf(req, sizeof(req), "p%d-%d", p->id, i / 2);
        ut_leaf(leaf, i % 2 ? "req.outcome" : "req.intent", req, i);
        for (;;) {
            enum base_status st = aud_log_submit(p->log, base_str_c(leaf), producer_done, p);

            if (st == BASE_OK)
                break;
            p->pushed_back += st == BASE_LIMIT;
            sched_yield();
        }
    }
    return NULL;
}

static void run_producers(uint32_t ring, bool expect_push_back)
{
    char dir[UT_PATH];
    struct aud_options o = {.directory = dir,
                            .origin = UT_ORIGIN,
                            .ring_leaves = ring,
                            .segment_bytes = 1u << 20,
                            .checkpoint_ms = 5};
    struct producer p[PRODUCERS];
    pthread_t t[PRODUCERS];
    struct aud_log *l;
    struct aud_verify_report r;
    struct aud_stats s;
    unsigned pushed_back = 0;

    ut_dir(dir);
    assert_int_equal(aud_log_open(&o, &l, NULL), BASE_OK);
    for (int i = 0; i < PRODUCERS; i++) {
        memset(&p[i], 0, sizeof(p[i]));
        p[i].log = l;
        p[i].id = i;
        assert_int_equal(pthread_create(&t[i], NULL, producer_main, &p[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(t[i], NULL);
    aud_log_stats(l, &s);
    assert_false(s.failed);
    ut_close(l); /* drains */
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(p[i].acked, LEAVES);
        assert_int_equal(p[i].refused, 0);
        assert_false(p[i].disorder);
        pushed_back += p[i].pushed_back;
    }
    if (expect_push_back)
        assert_true(pushed_back > 0);
    ut_must_hold(dir, &r);
    assert_int_equal(r.leaves, PRODUCERS * LEAVES + 2);
    assert_int_equal(r.open_intents, 0);
    ut_rm(dir);
}

static void test_producers(void **state)
{
    (void)state;
    run_producers(0, false);
}

static void test_ring_full(void **state)
{
    (void)state;
    run_producers(2, true);
}

/* ---- kill -9 ---- */

#define ROUNDS 25

struct ack {
    uint64_t index;
    int n;
};

struct child_leaf {
    int fd, n;
};

static void child_done(void *ctx, enum base_status st, uint64_t index)
{
    struct child_leaf *c = ctx;
    struct ack a = {index, c->n};

    if (st == BASE_OK && write(c->fd, &a, sizeof(a)) != (ssize_t)sizeof(a))
        _exit(3);
    free(c);
}

static void child_run(const char *dir, int fd, int base)
{
    struct aud_options o = {
        .directory = dir, .origin = UT_ORIGIN, .segment_bytes = 65536, .checkpoint_ms = 3};
    struct aud_log *l;
    char leaf[256], req[32];

    if (aud_log_open(&o, &l, NULL) != BASE_OK)
        _exit(4);
    for (int i = 0; i < 1000000; i++) {
        struct child_leaf *c = malloc(sizeof(*c));

        if (!c)
            _exit(5);
        *c = (struct child_leaf){fd, base + i};
        snprintf(req, sizeof(req), "k%d-%d", base, i / 2);
        ut_leaf(leaf, i % 2 ? "req.outcome" : "req.intent", req, base + i);
        if (aud_log_submit(l, base_str_c(leaf), child_done, c) != BASE_OK) {
            free(c); /* the ring is full */
            i--;
            usleep(100);
        } else if (i % 16 == 0) {
            usleep(50);
        }
    }
    _exit(6);
}

struct check_acks {
    const struct ack *acks;
    size_t n, at;
};

static enum base_status check_ack(void *ctx, uint64_t index, struct base_str leaf)
{
    struct check_acks *c = ctx;
    char want[32];

    while (c->at < c->n && c->acks[c->at].index == index) {
        snprintf(want, sizeof(want), "\"n\":%d,", c->acks[c->at].n);
        assert_true(base_str_find(leaf, base_str_c(want), 0) != SIZE_MAX);
        c->at++;
    }
    return BASE_OK;
}

static void test_kill_9(void **state)
{
    char dir[UT_PATH];
    size_t total = 0, cap = 1u << 20, unknown = 0;
    struct ack *acks = malloc(cap * sizeof(*acks));
    struct aud_verify_report r;
    unsigned seed = 7;

    (void)state;
    assert_non_null(acks);
    ut_dir(dir);
    for (int round = 0; round < ROUNDS; round++) {
        int fd[2], status;

        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fd[0]);
            child_run(dir, fd[1], round * 1000000);
        }
        close(fd[1]);
        struct timespec until, now;
        long ms = 20 + rand_r(&seed) % 60;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += ms * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        bool killed = false;
        for (;;) { /* drain the pipe, so that the child never waits for us; kill when it is time */
            ssize_t k = read(fd[0], &acks[total], sizeof(*acks));

            if (k <= 0)
                break; /* the child is gone and its last report is read */
            assert_int_equal(k, sizeof(*acks));
            assert_true(++total < cap);
            clock_gettime(CLOCK_MONOTONIC, &now);
            if (!killed && (now.tv_sec > until.tv_sec ||
                            (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec))) {
                kill(pid, SIGKILL);
                killed = true;
            }
        }
        close(fd[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ut_must_hold(dir, &r); /* as the crash left it */
        unknown = r.unknown_outcomes;
    }
    struct check_acks c = {acks, total, 0};
    assert_int_equal(aud_each(dir, 0, check_ack, &c, NULL), BASE_OK);
    assert_int_equal(c.at, total); /* every acknowledged leaf, at its index */
    ut_close(ut_open(dir, 65536, 5));
    ut_must_hold(dir, &r);
    assert_int_equal(r.open_intents, 0);
    print_message("kill -9: %d rounds, %zu acknowledged leaves, all there; %zu unknown outcomes\n",
                  ROUNDS, total, unknown);
    free(acks);
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_producers),
        cmocka_unit_test(test_ring_full),
        cmocka_unit_test(test_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
