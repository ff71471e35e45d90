/* Goal: gateway/net/conn.c carries bytes both ways over TLS and TCP, under back-pressure, tells
 * every end of a connection for what it is, and may be freed at any moment.
 *
 * Method: both ends are gw_conns (or a raw socket, to misbehave) on one event_base in one thread,
 * so every run is the same; each test turns the loop until it has seen what it waits for, or a
 * deadline.
 */
#include "tests/unit/gateway_util.h"

#include "base/clock.h"
#include "gateway/net/conn.h"

static const struct gw_conn_limits roomy = {1 << 20, 8 << 20, 1 << 18};

struct end {
    struct gw_conn *c;
    struct base_buf got;
    int opened, drained, ended, data_calls;
    enum gw_conn_end why;
    struct base_err err;
    bool echo, hold; /* hold: takes nothing */
    int free_in;     /* 1 open, 2 data, 3 end: frees itself there */
};

static struct event_base *base;
static struct tls_files files;
static SSL_CTX *server_ctx, *client_ctx;

static void free_now(struct end *e)
{
    gw_conn_free(e->c);
    e->c = NULL;
}

static void on_open(void *ctx)
{
    struct end *e = ctx;
    e->opened++;
    if (e->free_in == 1)
        free_now(e);
}

static void on_data(void *ctx, struct base_buf *in)
{
    struct end *e = ctx;
    e->data_calls++;
    if (e->hold)
        return;
    if (e->free_in == 2) {
        free_now(e);
        return;
    }
    if (e->echo) {
        if (gw_conn_write(e->c, base_buf_view(in)) != BASE_OK)
            return;
        base_buf_shift(in, in->n);
        if (gw_conn_full(e->c))
            gw_conn_pause(e->c);
        return;
    }
    assert_true(base_buf_str(&e->got, base_buf_view(in)));
    base_buf_shift(in, in->n);
}

static void on_drained(void *ctx)
{
    struct end *e = ctx;
    e->drained++;
    if (e->echo)
        gw_conn_resume(e->c);
}

static void on_end(void *ctx, enum gw_conn_end why, const struct base_err *err)
{
    struct end *e = ctx;
    assert_int_equal(e->ended, 0);
    e->ended++;
    e->why = why;
    if (err)
        e->err = *err;
    if (e->free_in == 3)
        free_now(e);
}

static const struct gw_conn_ops ops = {on_open, on_data, on_drained, on_end};

static void turn(void)
{
    struct timeval tv = {0, 20000};
    event_base_loopexit(base, &tv);
    event_base_loop(base, EVLOOP_ONCE);
}

#define WAIT(cond)                                                                                 \
    do {                                                                                           \
        uint64_t until = base_mono_us() + 5000000;                                                 \
        while (!(cond)) {                                                                          \
            if (base_mono_us() > until)                                                            \
                fail_msg("waited in vain for %s", #cond);                                          \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

static void end_init(struct end *e)
{
    memset(e, 0, sizeof *e);
    base_buf_init(&e->got, 16 << 20);
}

static void end_release(struct end *e)
{
    gw_conn_free(e->c);
    base_buf_release(&e->got);
}

/* Two connected ends; the server side accepts at once (loopback completes in connect). */
static void join(struct end *client, struct end *server, bool tls, const char *name,
                 const struct gw_conn_limits *limits)
{
    struct sockaddr_in addr;
    int l = listen_loopback(&addr);
    end_init(client);
    end_init(server);
    client->c =
        gw_conn_connect(base, (struct sockaddr *)&addr, sizeof addr, tls ? client_ctx : NULL,
                        tls ? name : NULL, NULL, limits, &ops, client);
    assert_non_null(client->c);
    int fd = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    server->c = gw_conn_accept(base, fd, tls ? server_ctx : NULL, limits, &ops, server);
    assert_non_null(server->c);
    close(l);
}

static char *pattern(size_t n)
{
    char *p = malloc(n);
    assert_non_null(p);
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (char)(x >> 24);
    }
    return p;
}

/* ---- bytes ---- */

static void echo_through(bool tls)
{
    /* Limits far smaller than what goes through, so every stop and start is used. */
    static const struct gw_conn_limits tight = {5000, 70000, 20000};
    struct end client, server;
    const size_t n = 3000000;
    char *p = pattern(n);
    size_t sent = 0;
    join(&client, &server, tls, "localhost", &tight);
    server.echo = true;
    WAIT(client.opened && server.opened);
    while (client.got.n < n) {
        while (sent < n && !gw_conn_full(client.c)) {
            size_t k = n - sent < 7777 ? n - sent : 7777;
            assert_int_equal(gw_conn_write(client.c, base_str_n(p + sent, k)), BASE_OK);
            sent += k;
        }
        turn();
        assert_true(gw_conn_out_pending(server.c) <= tight.out_max);
        assert_false(client.ended || server.ended);
    }
    assert_int_equal(client.got.n, n);
    assert_memory_equal(client.got.p, p, n);
    assert_true(client.drained > 0);
    assert_true(strncmp(gw_conn_peer(server.c), "127.0.0.1:", 10) == 0);
    free(p);
    end_release(&client);
    end_release(&server);
}

static void test_echo(void **state)
{
    (void)state;
    echo_through(false);
    echo_through(true);
}

static int app_records;

static void count_records(int write_p, int version, int type, const void *buf, size_t n, SSL *ssl,
                          void *arg)
{
    (void)version, (void)ssl, (void)arg;
    /* The header of an encrypted record that arrives. */
    if (!write_p && type == SSL3_RT_HEADER && n >= 5 && ((const unsigned char *)buf)[0] == 23)
        app_records++;
}

static void test_coalesced(void **state)
{
    (void)state;
    struct end client, server;
    join(&client, &server, true, "127.0.0.1", &roomy);
    WAIT(client.opened && server.opened);
    for (int i = 0; i < 3; i++)
        turn(); /* session tickets are out of the way */
    SSL_set_msg_callback(gw_conn_ssl(client.c), count_records);
    for (int i = 0; i < 10; i++)
        assert_int_equal(gw_conn_write(server.c, BASE_STR("ten writes, one record ")), BASE_OK);
    WAIT(client.got.n == 230);
    assert_int_equal(app_records, 1);
    end_release(&client);
    end_release(&server);
}

static void test_pause(void **state)
{
    (void)state;
    struct end client, server;
    join(&client, &server, true, "localhost", &roomy);
    WAIT(client.opened && server.opened);
    gw_conn_pause(client.c);
    assert_int_equal(gw_conn_write(server.c, BASE_STR("hello")), BASE_OK);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(client.data_calls, 0);
    gw_conn_resume(client.c);
    WAIT(client.got.n == 5);
    /* what the user leaves is offered again on resume, without new bytes */
    client.hold = true;
    assert_int_equal(gw_conn_write(server.c, BASE_STR("again")), BASE_OK);
    WAIT(client.data_calls == 2);
    client.hold = false;
    gw_conn_resume(client.c);
    WAIT(client.got.n == 10);
    end_release(&client);
    end_release(&server);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct gw_conn_limits tight = {1000, 1000, 500};
    struct end client, server;
    char *p = pattern(4000);
    join(&client, &server, true, "localhost", &tight);
    WAIT(client.opened && server.opened);
    assert_int_equal(gw_conn_write(client.c, base_str_n(p, 1001)), BASE_LIMIT);
    assert_int_equal(gw_conn_out_pending(client.c), 0);
    assert_int_equal(gw_conn_write(client.c, base_str_n(p, 1000)), BASE_OK);
    assert_true(gw_conn_full(client.c));
    assert_int_equal(gw_conn_write(client.c, base_str_n(p, 1)), BASE_LIMIT);
    /* a user that takes nothing: input stops at in_max, and goes on when it is taken */
    server.hold = true;
    for (int sent = 1000; sent < 3000; turn())
        if (gw_conn_out_pending(client.c) == 0) {
            assert_int_equal(gw_conn_write(client.c, base_str_n(p + sent, 1000)), BASE_OK);
            sent += 1000;
        }
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(server.got.n, 0);
    server.hold = false;
    gw_conn_resume(server.c);
    WAIT(server.got.n == 3000);
    assert_memory_equal(server.got.p, p, 3000);
    free(p);
    end_release(&client);
    end_release(&server);
}

/* ---- ends ---- */

static void test_good_end(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct end client, server;
        join(&client, &server, tls, "localhost", &roomy);
        WAIT(client.opened && server.opened);
        assert_int_equal(gw_conn_write(server.c, BASE_STR("bye")), BASE_OK);
        gw_conn_close_after_write(server.c);
        assert_int_equal(gw_conn_write(server.c, BASE_STR("late")), BASE_EIO);
        WAIT(client.ended);
        assert_int_equal(client.why, GW_CONN_EOF);
        assert_int_equal(client.got.n, 3);
        assert_int_equal(server.ended, 0); /* lingers until the peer closes too */
        free_now(&client);
        WAIT(server.ended);
        assert_int_equal(server.why, GW_CONN_EOF);
        end_release(&client);
        end_release(&server);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    struct end client, server;
    join(&client, &server, true, "localhost", &roomy);
    WAIT(client.opened && server.opened);
    free_now(&server); /* FIN without close_notify */
    WAIT(client.ended);
    assert_int_equal(client.why, GW_CONN_RESET);
    assert_int_equal(gw_conn_write(client.c, BASE_STR("x")), BASE_EIO);
    end_release(&client);
    end_release(&server);
}

static void test_names(void **state)
{
    (void)state;
    struct end client, server;
    join(&client, &server, true, "other.example", &roomy);
    WAIT(client.ended && server.ended);
    assert_int_equal(client.why, GW_CONN_REFUSED);
    assert_int_equal(client.opened, 0);
    assert_non_null(strstr(client.err.text, "ostname mismatch"));
    end_release(&client);
    end_release(&server);
    join(&client, &server, true, "127.0.0.2", &roomy);
    WAIT(client.ended);
    assert_int_equal(client.why, GW_CONN_REFUSED);
    end_release(&client);
    end_release(&server);
    join(&client, &server, true, "127.0.0.1", &roomy);
    WAIT(client.opened && server.opened);
    end_release(&client);
    end_release(&server);
    /* a CA that did not sign it */
    SSL_CTX *keep = client_ctx;
    struct base_err err;
    client_ctx = gw_tls_client_new(NULL, &err);
    assert_non_null(client_ctx);
    join(&client, &server, true, "localhost", &roomy);
    WAIT(client.ended);
    assert_int_equal(client.why, GW_CONN_REFUSED);
    assert_int_equal(client.opened, 0);
    end_release(&client);
    end_release(&server);
    SSL_CTX_free(client_ctx);
    client_ctx = keep;
}

static void test_refused(void **state)
{
    (void)state;
    struct sockaddr_in addr;
    struct end e;
    close(listen_loopback(&addr)); /* a port on which nobody listens */
    end_init(&e);
    e.c = gw_conn_connect(base, (struct sockaddr *)&addr, sizeof addr, client_ctx, "localhost",
                          NULL, &roomy, &ops, &e);
    assert_non_null(e.c);
    assert_int_equal(e.ended, 0); /* never from inside connect */
    WAIT(e.ended);
    assert_int_equal(e.why, GW_CONN_REFUSED);
    end_release(&e);
}

/* A raw socket that connects to a server-side conn. */
static int raw_join(struct end *server, bool tls)
{
    struct sockaddr_in addr;
    int l = listen_loopback(&addr), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    end_init(server);
    int in = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server->c = gw_conn_accept(base, in, tls ? server_ctx : NULL, &roomy, &ops, server);
    assert_non_null(server->c);
    close(l);
    return fd;
}

static void test_deadlines(void **state)
{
    (void)state;
    struct end server;
    int fd = raw_join(&server, true); /* says nothing */
    uint64_t from = base_mono_us();
    gw_conn_deadline(server.c, 100);
    WAIT(server.ended);
    assert_int_equal(server.why, GW_CONN_TIMEOUT);
    assert_in_range(base_mono_us() - from, 90000, 1000000);
    end_release(&server);
    close(fd);
    /* a later deadline replaces an earlier one, and zero clears it */
    fd = raw_join(&server, false);
    from = base_mono_us();
    gw_conn_deadline(server.c, 50);
    gw_conn_deadline(server.c, 200);
    WAIT(server.ended);
    assert_in_range(base_mono_us() - from, 190000, 1000000);
    end_release(&server);
    close(fd);
    fd = raw_join(&server, false);
    gw_conn_deadline(server.c, 50);
    gw_conn_deadline(server.c, 0);
    from = base_mono_us();
    while (base_mono_us() - from < 150000)
        turn();
    assert_int_equal(server.ended, 0);
    end_release(&server);
    close(fd);
}

static void test_no_tls(void **state)
{
    (void)state;
    struct end server;
    int fd = raw_join(&server, true);
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    WAIT(server.ended);
    assert_int_equal(server.why, GW_CONN_REFUSED);
    assert_int_equal(server.opened, 0);
    end_release(&server);
    close(fd);
}

static void test_freed_inside(void **state)
{
    (void)state;
    for (int where = 1; where <= 3; where++)
        for (int tls = 0; tls < 2; tls++) {
            struct end client, server;
            join(&client, &server, tls, "localhost", &roomy);
            server.free_in = where;
            WAIT(client.opened);
            if (gw_conn_write(client.c, BASE_STR("x")) == BASE_OK)
                gw_conn_close_after_write(client.c);
            WAIT(server.c == NULL);
            WAIT(client.ended);
            end_release(&client);
            end_release(&server);
        }
}

static int setup(void **state)
{
    (void)state;
    struct base_err err;
    tls_files_make(&files);
    server_ctx = gw_tls_server_new(&files.server, &err);
    client_ctx = gw_tls_client_new(files.cert, &err);
    base = event_base_new();
    return server_ctx && client_ctx && base ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    event_base_free(base);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    tls_files_remove(&files);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),        cmocka_unit_test(test_coalesced),
        cmocka_unit_test(test_pause),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_good_end),    cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deadlines),   cmocka_unit_test(test_no_tls),
        cmocka_unit_test(test_freed_inside)};
    return cmocka_run_group_tests_name("gateway_conn", tests, setup, teardown);
}
