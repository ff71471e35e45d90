/* Goal: gateway/net/server.c and response.c serve requests one at a time and in order, frame
 * answers rightly, keep every deadline and limit, notice a client that leaves, and drain.
 *
 * Method: one loop in the test's own thread, plain TCP (TLS is gateway_conn's subject), a handler
 * whose behaviour the path chooses, and raw client sockets that are read and written between turns.
 */
#include "tests/unit/gateway_util.h"

#include "base/clock.h"
#include "gateway/net/server.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

static struct gw_loop *loop;
static struct conf conf;
static struct gw_gen gen;
static int listener = -1;
static struct sockaddr_in addr;

/* What the handler saw. */
static struct gw_server_request *held;
static int n_requests, n_gone, n_drained, n_refused, last_refused, n_heads;
static char last_body[256];

static void turn(void)
{
    struct timeval tv = {0, 10000};
    event_base_loopexit(loop->base, &tv);
    event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
}

#define WAIT(cond)                                                                                 \
    do {                                                                                           \
        uint64_t until = base_mono_us() + 8000000;                                                 \
        while (!(cond)) {                                                                          \
            if (base_mono_us() > until)                                                            \
                fail_msg("waited in vain for %s", #cond);                                          \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

/* ---- the handler ---- */

static bool on_head(struct gw_server_request *r)
{
    n_heads++;
    if (!base_str_is(r->head->path, "/no-body"))
        return true;
    gw_resp_send(r, 401, "text/plain", BASE_STR_NULL, BASE_STR("no"));
    return false;
}

static void stream(struct gw_server_request *r)
{
    assert_int_equal(gw_resp_start(r, 200, BASE_STR("X-A: b\r\n"), -1), BASE_OK);
    assert_int_equal(gw_resp_write(r, BASE_STR("one ")), BASE_OK);
    assert_int_equal(gw_resp_write(r, BASE_STR("two")), BASE_OK);
}

static void on_request(struct gw_server_request *r)
{
    struct base_str path = r->head->path;
    n_requests++;
    snprintf(last_body, sizeof last_body, "%.*s", BASE_FMT(r->body));
    if (base_str_is(path, "/hold")) {
        held = r;
    } else if (base_str_is(path, "/stream")) {
        stream(r);
        gw_resp_end(r);
    } else if (base_str_is(path, "/broken")) {
        stream(r);
        gw_resp_abort(r);
    } else if (base_str_is(path, "/short")) {
        assert_int_equal(gw_resp_start(r, 200, BASE_STR_NULL, 10), BASE_OK);
        assert_int_equal(gw_resp_write(r, BASE_STR("12345")), BASE_OK);
        gw_resp_end(r);
    } else if (base_str_is(path, "/health")) {
        gw_resp_health(r, false, "because", BASE_STR_NULL);
    } else {
        struct base_str t =
            base_arena_printf(r->arena, "%.*s %.*s", BASE_FMT(path), BASE_FMT(r->body));
        gw_resp_send(r, 200, "text/plain", BASE_STR("X-A: b\r\n"), t);
    }
}

static void on_gone(struct gw_server_request *r)
{
    n_gone++;
    assert_false(gw_resp_alive(r));
    assert_ptr_equal(r, held);
}

static void on_drained(struct gw_server_request *r)
{
    (void)r;
    n_drained++;
}

static void on_refused(struct gw_loop *l, int status, const char *id, const char *peer,
                       const char *why)
{
    assert_ptr_equal(l, loop);
    assert_int_equal(strlen(id), 36);
    assert_true(strncmp(peer, "127.0.0.1:", 10) == 0);
    assert_true(strlen(why) > 0);
    n_refused++;
    last_refused = status;
}

static const struct gw_server_ops ops = {.head = on_head,
                                         .request = on_request,
                                         .gone = on_gone,
                                         .drained = on_drained,
                                         .refused = on_refused};

/* ---- the client ---- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int in = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(in >= 0);
    gw_server_accepted(loop->server, in, false);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static char heard[1 << 16];
static size_t heard_n;

/* Reads what is there; true at the end of the connection. */
static bool hear(int fd)
{
    for (;;) {
        ssize_t n = recv(fd, heard + heard_n, sizeof heard - 1 - heard_n, 0);
        if (n <= 0) {
            heard[heard_n] = '\0';
            return n == 0 || (errno != EAGAIN && errno != EINTR);
        }
        heard_n += (size_t)n;
    }
}

static void forget(void)
{
    heard_n = 0;
    heard[0] = '\0';
}

static size_t count(const char *needle)
{
    size_t n = 0;
    for (const char *p = heard; (p = strstr(p, needle)); p++)
        n++;
    return n;
}

#define EXPECT(fd, text) WAIT((hear(fd), strstr(heard, text)))
#define EXPECT_END(fd)   WAIT(hear(fd))

static void reset(void)
{
    forget();
    held = NULL;
    n_requests = n_gone = n_drained = n_refused = last_refused = n_heads = 0;
}

/* ---- tests ---- */

static void test_keep_alive(void **state)
{
    (void)state;
    reset();
    int fd = dial();
    say(fd, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(fd, "\r\n\r\n/a ");
    assert_int_equal(strncmp(heard, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_non_null(strstr(heard, "\r\nContent-Length: 3\r\n"));
    assert_non_null(strstr(heard, "\r\nX-A: b\r\n"));
    assert_non_null(strstr(heard, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(heard, "\r\nx-request-id: 0"));
    assert_non_null(strstr(heard, "\r\nDate: "));
    assert_null(strstr(heard, "Connection:"));
    forget();
    say(fd, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT(fd, "/b hello");
    forget();
    say(fd, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\n\r\n");
    EXPECT(fd, "/c abc");
    forget();
    say(fd, "GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_END(fd);
    assert_non_null(strstr(heard, "Connection: close\r\n"));
    assert_non_null(strstr(heard, "/d "));
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
    assert_int_equal(n_requests, 4);
    assert_int_equal(n_gone, 0);
}

static void test_every_split(void **state)
{
    (void)state;
    static const char m[] = "POST /s HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    reset();
    int fd = dial();
    for (size_t at = 1; at < sizeof m - 1; at++) {
        forget();
        assert_int_equal(send(fd, m, at, 0), at);
        turn();
        assert_int_equal(send(fd, m + at, sizeof m - 1 - at, 0), sizeof m - 1 - at);
        EXPECT(fd, "/s body");
    }
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_pipelined(void **state)
{
    (void)state;
    reset();
    int fd = dial();
    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
            "GET /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
    WAIT(held);
    for (int i = 0; i < 3; i++)
        turn();
    assert_int_equal(n_requests, 1); /* the next waits for the answer */
    gw_resp_send(held, 200, "text/plain", BASE_STR_NULL, BASE_STR("first"));
    EXPECT(fd, "/4 ");
    char *first = strstr(heard, "first"), *second = strstr(heard, "/2 "),
         *third = strstr(heard, "one "), *fourth = strstr(heard, "/4 ");
    assert_true(first < second && second < third && third < fourth);
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_framing(void **state)
{
    (void)state;
    reset();
    int fd = dial();
    say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(fd, "0\r\n\r\n");
    assert_non_null(strstr(heard, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(heard, "\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"));
    forget();
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n"
            "GET /y HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(fd, "/y ");
    assert_null(strstr(heard, "/x "));
    assert_null(strstr(heard, "one "));
    assert_int_equal(count("Content-Length: 3\r\n"), 2);
    close(fd);
    forget();
    /* HTTP/1.0: an unknown length ends with the connection */
    fd = dial();
    say(fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_END(fd);
    assert_non_null(strstr(heard, "Connection: close\r\n"));
    assert_non_null(strstr(heard, "\r\n\r\none two"));
    assert_null(strstr(heard, "chunked"));
    close(fd);
    forget();
    fd = dial();
    say(fd, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT(fd, "/a ");
    assert_non_null(strstr(heard, "Connection: keep-alive\r\n"));
    forget();
    say(fd, "GET /health HTTP/1.0\r\n\r\n");
    EXPECT_END(fd);
    assert_non_null(strstr(heard, "503 Service"));
    assert_non_null(strstr(heard, "{\"status\":\"unavailable\",\"why\":\"because\"}"));
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_one_write(void **state)
{
    (void)state;
    reset();
    int fd = dial();
    say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    WAIT(n_requests);
    struct pollfd p = {fd, POLLIN, 0};
    while (poll(&p, 1, 0) == 0)
        turn();
    ssize_t n = recv(fd, heard, sizeof heard - 1, 0);
    assert_true(n > 0);
    heard[n] = '\0';
    assert_non_null(strstr(heard, "one ")); /* head and first bytes came as one segment */
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_broken_off(void **state)
{
    (void)state;
    reset();
    int fd = dial();
    say(fd, "GET /broken HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_END(fd);
    assert_non_null(strstr(heard, "one "));
    assert_null(strstr(heard, "0\r\n\r\n"));
    close(fd);
    forget();
    fd = dial();
    say(fd, "GET /short HTTP/1.1\r\nHost: h\r\n\r\nGET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_END(fd);
    assert_non_null(strstr(heard, "12345"));
    assert_int_equal(n_requests, 2);
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *m;
        int status;
    } bad[] = {
        {"GET / HTTP/1.1\nHost: h\n\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 413},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[32];
        reset();
        int fd = dial();
        say(fd, bad[i].m);
        EXPECT_END(fd);
        snprintf(line, sizeof line, "HTTP/1.1 %d ", bad[i].status);
        assert_int_equal(strncmp(heard, line, strlen(line)), 0);
        assert_non_null(strstr(heard, "Connection: close\r\n"));
        assert_non_null(strstr(heard, "{\"error\":{\"message\":"));
        assert_int_equal(n_requests, 0);
        assert_int_equal(n_refused, 1);
        assert_int_equal(last_refused, bad[i].status);
        close(fd);
    }
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_head_hook(void **state)
{
    (void)state;
    reset();
    int fd = dial();
    /* refused by its head: the body is neither read nor taken for a request */
    say(fd, "POST /no-body HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n"
            "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_END(fd);
    assert_non_null(strstr(heard, "401 Unauthorized"));
    assert_int_equal(n_requests, 0);
    close(fd);
    forget();
    /* without a body the connection may go on */
    fd = dial();
    say(fd, "GET /no-body HTTP/1.1\r\nHost: h\r\n\r\nGET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(fd, "/ok ");
    assert_non_null(strstr(heard, "401 Unauthorized"));
    close(fd);
    forget();
    fd = dial();
    say(fd, "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "hi");
    EXPECT(fd, "/e hi");
    close(fd);
    forget();
    fd = dial();
    say(fd, "POST /no-body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
            "Content-Length: 2\r\n\r\n");
    EXPECT_END(fd);
    assert_null(strstr(heard, "100 Continue"));
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_gone(void **state)
{
    (void)state;
    reset();
    for (int how = 0; how < 3; how++) {
        int fd = dial();
        held = NULL;
        say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        WAIT(held);
        if (how > 0) {
            assert_int_equal(gw_resp_start(held, 200, BASE_STR_NULL, -1), BASE_OK);
            assert_int_equal(gw_resp_write(held, BASE_STR("some")), BASE_OK);
            EXPECT(fd, "some");
        }
        close(fd);
        WAIT(n_gone == how + 1);
        assert_int_equal(gw_server_connections(loop->server), 0);
        assert_int_equal(gw_server_requests(loop->server), 1);
        /* the request lives on until its end is said */
        assert_non_null(base_arena_alloc(held->arena, 100));
        if (how == 0)
            assert_int_equal(gw_resp_start(held, 200, BASE_STR_NULL, 2), BASE_EIO);
        assert_int_equal(gw_resp_write(held, BASE_STR("late")), BASE_EIO);
        if (how == 2)
            gw_resp_abort(held);
        else
            gw_resp_end(held);
        assert_int_equal(gw_server_requests(loop->server), 0);
        forget();
    }
}

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *m;
        int refused;
    } slow[] = {{"", 0},
                {"GET / HTTP/1.1\r\nHos", 408},
                {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc", 408}};
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        reset();
        int fd = dial();
        if (*slow[i].m)
            say(fd, slow[i].m);
        uint64_t from = base_mono_us();
        EXPECT_END(fd);
        assert_in_range(base_mono_us() - from, 900000, 2500000);
        assert_int_equal(last_refused, slow[i].refused);
        close(fd);
    }
    /* idle after an answer */
    reset();
    int fd = dial();
    say(fd, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(fd, "/a ");
    uint64_t from = base_mono_us();
    EXPECT_END(fd);
    assert_in_range(base_mono_us() - from, 900000, 2500000);
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_back_pressure(void **state)
{
    (void)state;
    static char block[100000];
    memset(block, 'x', sizeof block);
    reset();
    int fd = dial();
    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    WAIT(held);
    assert_int_equal(gw_resp_start(held, 200, BASE_STR_NULL, -1), BASE_OK);
    size_t sent = 0;
    enum base_status st = BASE_OK;
    while (st == BASE_OK) {
        st = gw_resp_write(held, base_str_n(block, sizeof block));
        sent += st == BASE_OK ? sizeof block : 0;
        assert_true(sent <= GW_RESP_OUT_MAX);
    }
    assert_int_equal(st, BASE_LIMIT);
    assert_true(gw_resp_full(held));
    size_t got = 0;
    while (!n_drained) {
        ssize_t n = recv(fd, heard, sizeof heard, 0);
        got += n > 0 ? (size_t)n : 0;
        turn();
    }
    assert_false(gw_resp_full(held));
    /* a client that reads no more is cut by the deadline, and the handler hears of it */
    for (st = BASE_OK; st == BASE_OK;)
        st = gw_resp_write(held, base_str_n(block, sizeof block));
    WAIT(n_gone == 1);
    gw_resp_end(held);
    assert_true(got < sent);
    close(fd);
    WAIT(gw_server_connections(loop->server) == 0);
}

static void test_too_many(void **state)
{
    (void)state;
    int fd[8];
    reset();
    conf.server.limits.connections = 4;
    for (int i = 0; i < 5; i++) {
        forget();
        fd[i] = dial();
        say(fd[i], "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT(fd[i], "\r\n\r\n");
        assert_int_equal(strncmp(heard, i < 4 ? "HTTP/1.1 200" : "HTTP/1.1 503", 12), 0);
    }
    assert_non_null(strstr(heard, "Retry-After: 1\r\n"));
    assert_int_equal(last_refused, 503);
    for (int i = 0; i < 5; i++)
        close(fd[i]);
    WAIT(gw_server_connections(loop->server) == 0);
    conf.server.limits.connections = 100;
}

/* ---- posts ---- */

static struct gw_post posts[1000];
static int order[1000], n_posted;

static void on_post(struct gw_loop *l, void *arg)
{
    assert_ptr_equal(l, loop);
    order[n_posted++] = *(int *)arg;
}

static void *poster(void *arg)
{
    static int number[1000];
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        number[i] = i;
        posts[i].fn = on_post;
        posts[i].arg = &number[i];
        gw_loop_post(loop, &posts[i]);
    }
    return NULL;
}

static void test_posts(void **state)
{
    (void)state;
    pthread_t t;
    n_posted = 0;
    assert_int_equal(pthread_create(&t, NULL, poster, NULL), 0);
    WAIT(n_posted == 1000);
    pthread_join(t, NULL);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(order[i], i);
}

/* ---- the end ---- */

static int n_done;

static void on_done(void *arg)
{
    (void)arg;
    n_done++;
}

static void test_drain(void **state)
{
    (void)state;
    reset();
    int idle = dial(), busy = dial(), stuck;
    say(idle, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(idle, "/a ");
    say(busy, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    WAIT(held);
    struct gw_server_request *first = held;
    held = NULL;
    stuck = dial();
    say(stuck, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    WAIT(held);
    struct gw_server_request *second = held;
    gw_server_drain(loop->server, 1000, on_done, NULL);
    EXPECT_END(idle);
    assert_int_equal(n_done, 0);
    forget();
    gw_resp_send(first, 200, "text/plain", BASE_STR_NULL, BASE_STR("finished"));
    EXPECT_END(busy);
    assert_non_null(strstr(heard, "finished"));
    assert_non_null(strstr(heard, "Connection: close"));
    assert_int_equal(n_gone, 0);
    held = second;
    WAIT(n_gone == 1); /* the drain time is over */
    assert_int_equal(n_done, 0);
    gw_resp_end(second);
    WAIT(n_done == 1);
    close(idle);
    close(busy);
    close(stuck);
}

static int setup(void **state)
{
    (void)state;
    struct base_err err;
    signal(SIGPIPE, SIG_IGN);
    conf.server.limits = (struct conf_limits){.header_bytes = 4096,
                                              .body_bytes = 65536,
                                              .connections = 100,
                                              .idle_s = 1,
                                              .header_s = 1,
                                              .body_s = 1};
    gen.conf = &conf;
    atomic_init(&gen.refs, 1000); /* never freed: it is not from the heap */
    struct gw_metrics_shard *shard = gw_metrics_shard_new();
    loop = gw_loop_new(0, &gen, shard, &err);
    loop->server = gw_server_new(loop, &ops, &ops, &err);
    listener = listen_loopback(&addr);
    return loop->server ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct gw_metrics_shard *shard = loop->metrics;
    gw_server_free(loop->server);
    gw_loop_free(loop);
    gw_metrics_shard_free(shard);
    close(listener);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),    cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_pipelined),     cmocka_unit_test(test_framing),
        cmocka_unit_test(test_one_write),     cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_malformed),     cmocka_unit_test(test_head_hook),
        cmocka_unit_test(test_gone),          cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_posts),         cmocka_unit_test(test_drain)};
    return cmocka_run_group_tests_name("gateway_server", tests, setup, teardown);
}
