/* Goal: an attempt ends exactly once, in time, whatever the upstream does; connections are reused
 * only when that is right; nothing of the key shows in what a client sees.
 *
 * Method: tests/e2e/standin/standin.py (real TLS, a CA of its own) runs as a child; attempts go to
 * it through gw_upstream_start on a loop in this process. What it should do stands in the prompt
 * ("[[standin: die=3]]"); what reached it stands in its record, which the tests read. Without
 * python3 or openssl the file says so and skips. */
#include "base/clock.h"
#include "base/file.h"
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/upstream.h"
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
// clang-format off
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#define KEY "sk-canary-0123456789"

static char folder[] = "/tmp/weir-upstream-XXXXXX";
static struct event_base *loop;

enum { OPENAI, ANTHROPIC, STANDINS };

static struct standin {
    const char *dialect;
    enum conf_api api;
    pid_t pid;
    int port;
    char certs[128], ca[160], record[128];
} standins[STANDINS] = {{.dialect = "openai", .api = CONF_API_OPENAI},
                        {.dialect = "anthropic", .api = CONF_API_ANTHROPIC}};

/* Starts one and reads its port; false when it cannot be started here. */
static bool standin_start(struct standin *s)
{
    int out[2];
    char line[32] = "";

    snprintf(s->certs, sizeof s->certs, "%s/%s", folder, s->dialect);
    snprintf(s->ca, sizeof s->ca, "%s/%s/ca.pem", folder, s->dialect);
    snprintf(s->record, sizeof s->record, "%s/%s.jsonl", folder, s->dialect);
    if (pipe(out) != 0)
        return false;
    s->pid = fork();
    if (s->pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        const char *path = getenv("WEIR_STANDIN");
        execlp("python3", "python3", path ? path : "tests/e2e/standin/standin.py", "--dialect",
               s->dialect, "--host", "0.0.0.0", "--cert-dir", s->certs, "--record", s->record,
               (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    for (size_t n = 0; n < sizeof line - 1; n++)
        if (read(out[0], line + n, 1) != 1 || line[n] == '\n')
            break;
    close(out[0]);
    s->port = atoi(line);
    return s->port > 0;
}

/* ---- one attempt and what came of it ---- */

struct
try {
    struct base_arena *a;
    struct chat_request r;
    struct conf_target t;
    struct gw_attempt_spec spec;
    struct gw_attempt *attempt;
    struct gw_upstreams *u;
    struct base_buf text, args;
    struct chat_usage usage;
    enum chat_finish finish;
    int starts, texts, ends, errors, headers;
    char retry_after[16], rate[64], dropped[128];
    struct {
        int status;
        bool retryable;
        char type[64], message[300], body[300];
    } error;
    /* what to do from inside the callback, at the n-th text */
    int cancel_at, deny_at, pause_at;
    bool free_at_end;
    uint64_t began_ms, first_ms, took_ms;
    struct event *resume;
};

static uint64_t now_ms(void)
{
    return base_mono_us() / 1000;
}

static void put(char *to, size_t n, struct base_str s)
{
    snprintf(to, n, "%.*s", BASE_FMT(s));
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct try *t = arg;
    (void)fd, (void)what;
    gw_attempt_resume(t->attempt);
}

static void over(struct try *t)
{
    t->took_ms = now_ms() - t->began_ms;
    if (t->free_at_end) {
        gw_upstreams_free(t->u);
        t->u = NULL;
    }
    event_base_loopbreak(loop);
}

static enum base_status on_text(struct try *t, const struct chat_event *ev)
{
    base_buf_str(&t->text, ev->text);
    if (t->texts++ == 0)
        t->first_ms = now_ms() - t->began_ms;
    if (t->texts == t->cancel_at) {
        gw_attempt_cancel(t->attempt);
        over(t);
    }
    if (t->texts == t->deny_at) {
        over(t);
        return BASE_DENIED;
    }
    if (t->texts == t->pause_at) {
        gw_attempt_pause(t->attempt);
        event_add(t->resume, &(struct timeval){0, 300000});
    }
    return BASE_OK;
}

static enum base_status on_event(void *ctx, const struct chat_event *ev)
{
    struct try *t = ctx;

    assert_int_equal(t->ends + t->errors, 0); /* nothing after the end */
    switch (ev->kind) {
    case CHAT_EV_START:
        t->starts++;
        break;
    case CHAT_EV_TEXT:
        return on_text(t, ev);
    case CHAT_EV_TOOL_ARGS:
        base_buf_str(&t->args, ev->text);
        break;
    case CHAT_EV_USAGE:
        t->usage = ev->usage;
        break;
    case CHAT_EV_FINISH:
        t->finish = ev->finish;
        break;
    case CHAT_EV_END:
        t->ends++;
        over(t);
        break;
    case CHAT_EV_ERROR:
        t->errors++;
        t->error.status = ev->error.status;
        t->error.retryable = ev->error.retryable;
        put(t->error.type, sizeof t->error.type, ev->error.type);
        put(t->error.message, sizeof t->error.message, ev->error.message);
        put(t->error.body, sizeof t->error.body, ev->error.body);
        over(t);
        break;
    case CHAT_EV_REASONING:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_TOOL_CALL:
        break;
    case CHAT_EV_VECTOR:
        fail_msg("a vector in the answer to a chat");
    }
    return BASE_OK;
}

static void on_headers(void *ctx, const struct gw_attempt_headers *h)
{
    struct try *t = ctx;
    t->headers++;
    put(t->retry_after, sizeof t->retry_after, h->retry_after);
    if (h->n_rate)
        put(t->rate, sizeof t->rate, h->rate_name[0]);
    put(t->dropped, sizeof t->dropped, h->dropped);
}

static struct conf_remote_model model = {.name = "gpt-x"};

static struct conf_backend backend_of(const struct standin *s)
{
    return (struct conf_backend){.name = s->dialect,
                                 .api = s->api,
                                 .tls = true,
                                 .host = "127.0.0.1",
                                 .port = s->port,
                                 .path = "/v1",
                                 .key = KEY,
                                 .ca = s->ca};
}

static struct gw_upstreams *pool_for(struct conf_backend *b)
{
    struct conf c = {.backends = b, .n_backends = 1};
    struct base_err err;
    struct gw_upstreams *u = gw_upstreams_new(loop, &c, &err);
    if (!u)
        fail_msg("%s", err.text);
    return u;
}

/* Prepares and starts; body is the text of one user message. */
static void start(struct try *t, struct gw_upstreams *u, const struct conf_backend *b,
                  const char *text, bool stream)
{
    struct gw_api_error e;
    struct base_buf body;
    struct base_err err;

    t->a = base_arena_new(64u << 20);
    t->u = u;
    base_buf_init(&t->text, 64u << 20);
    base_buf_init(&t->args, 1u << 20);
    base_buf_init(&body, 64u << 20);
    base_buf_printf(&body,
                    "{\"model\":\"m\",\"stream\":%s,\"messages\":[{\"role\":\"user\","
                    "\"content\":\"%s\"}],\"tools\":[{\"type\":\"function\",\"function\":"
                    "{\"name\":\"look\"}}],\"x_extra\":1}",
                    stream ? "true" : "false", text);
    assert_int_equal(gw_dialect_openai_chat.parse(base_buf_view(&body), t->a, &t->r, &e), BASE_OK);
    base_buf_release(&body);
    t->t = (struct conf_target){.text = "be/gpt-x", .backend = b, .model = &model};
    t->spec.target = &t->t;
    t->spec.request = &t->r;
    t->spec.request_id = BASE_STR("req-1");
    if (!t->spec.first_token_ms)
        t->spec.first_token_ms = 8000;
    if (!t->spec.total_ms)
        t->spec.total_ms = 15000;
    t->spec.event = on_event;
    t->spec.headers = on_headers;
    t->spec.ctx = t;
    t->resume = evtimer_new(loop, on_resume, t);
    t->began_ms = now_ms();
    t->attempt = gw_upstream_start(u, &t->spec, &err);
    if (!t->attempt)
        fail_msg("%s", err.text);
    assert_int_equal(t->starts + t->errors + t->ends, 0); /* never before it returns */
}

static void finish(struct try *t)
{
    base_buf_release(&t->text);
    base_buf_release(&t->args);
    event_free(t->resume);
    base_arena_free(t->a);
}

static void on_spun(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    event_base_loopbreak(loop);
}

/* Runs the loop until an attempt is over, ms at most. */
static void spin(uint32_t ms)
{
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000 * 1000)};
    struct event *e = evtimer_new(loop, on_spun, NULL);
    event_add(e, &tv);
    event_base_dispatch(loop);
    event_free(e);
}

static void run(struct try *t, struct gw_upstreams *u, const struct conf_backend *b,
                const char *text, bool stream)
{
    start(t, u, b, text, stream);
    spin(20000);
    assert_true(t->ends + t->errors <= 1);
    if (t->u)
        assert_int_equal(gw_upstreams_active(t->u), 0);
    if (strstr(t->error.message, KEY) || strstr(t->error.body, KEY))
        fail_msg("the key shows: %s %s", t->error.message, t->error.body);
}

static void ended(const struct try *t, const char *answer)
{
    if (t->ends != 1)
        fail_msg("no end: %d %s %s", t->error.status, t->error.type, t->error.message);
    if (answer)
        assert_true(base_str_is(base_buf_view(&t->text), answer));
}

static void failed(const struct try *t, int status, const char *type, bool retryable)
{
    assert_int_equal(t->ends, 0);
    assert_int_equal(t->errors, 1);
    if (t->error.status != status || strcmp(t->error.type, type) != 0)
        fail_msg("%d %s %s", t->error.status, t->error.type, t->error.message);
    assert_int_equal(t->error.retryable, retryable);
    assert_true(t->error.message[0] != '\0');
}

/* The last n lines of the record as JSON, oldest first (owned by the array). */
static json_t *recorded(const struct standin *s)
{
    struct base_buf b;
    json_t *all = json_array();
    base_buf_init(&b, 256u << 20);
    assert_int_equal(base_file_read(s->record, &b, NULL), BASE_OK);
    struct base_str rest = base_buf_view(&b);
    while (rest.p) {
        struct base_str line = base_str_cut(&rest, '\n');
        json_t *v = line.n ? json_loadb(line.p, line.n, 0, NULL) : NULL;
        if (v)
            json_array_append_new(all, v);
    }
    base_buf_release(&b);
    return all;
}

static const json_t *last(const json_t *all, size_t back)
{
    assert_true(json_array_size(all) > back);
    return json_array_get(all, json_array_size(all) - 1 - back);
}

/* ---- answers ---- */

static void test_stream_and_whole(void **state)
{
    (void)state;
    for (int k = 0; k < STANDINS; k++) {
        struct conf_backend b = backend_of(&standins[k]);
        struct gw_upstreams *u = pool_for(&b);
        for (int stream = 0; stream < 2; stream++) {
            struct try t = {0};
            run(&t, u, &b, "Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 <EMAIL_1>", stream);
            ended(&t, "STAND-IN ANSWER: Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 <EMAIL_1>");
            assert_int_equal(t.starts, 1);
            assert_int_equal(t.headers, 1);
            assert_true(t.usage.input_tokens > 0 && t.usage.output_tokens > 0);
            assert_int_equal(t.finish, CHAT_FINISH_STOP);
            assert_true(strstr(t.rate, "ratelimit") != NULL);
            assert_string_equal(t.dropped, k == ANTHROPIC ? "x_extra" : "");
            finish(&t);
        }
        gw_upstreams_free(u);
    }
}

static void test_what_is_sent(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    struct try t = {0};
    (void)state;
    run(&t, u, &b, "hello", true);
    ended(&t, "STAND-IN ANSWER: hello");
    json_t *all = recorded(&standins[OPENAI]);
    const json_t *r = last(all, 0), *h = json_object_get(r, "headers");
    assert_string_equal(json_string_value(json_object_get(r, "path")), "/v1/chat/completions");
    char host[32];
    snprintf(host, sizeof host, "127.0.0.1:%d", b.port);
    assert_string_equal(json_string_value(json_object_get(h, "host")), host);
    assert_string_equal(json_string_value(json_object_get(h, "accept-encoding")), "identity");
    assert_string_equal(json_string_value(json_object_get(h, "x-client-request-id")), "req-1");
    assert_int_equal(json_object_size(h), 8); /* and nothing else */
    const json_t *body = json_object_get(r, "body");
    assert_string_equal(json_string_value(json_object_get(body, "model")), "gpt-x");
    assert_int_equal(json_integer_value(json_object_get(body, "x_extra")), 1);
    json_decref(all);
    finish(&t);
    gw_upstreams_free(u);
}

static void test_tools(void **state)
{
    (void)state;
    for (int k = 0; k < STANDINS; k++) {
        struct conf_backend b = backend_of(&standins[k]);
        struct gw_upstreams *u = pool_for(&b);
        for (int stream = 0; stream < 2; stream++) {
            struct try t = {0};
            run(&t, u, &b, "[[standin: tools]]find it", stream);
            ended(&t, "");
            assert_int_equal(t.finish, CHAT_FINISH_TOOL_CALLS);
            assert_non_null(strstr(t.args.p, "find it"));
            finish(&t);
        }
        gw_upstreams_free(u);
    }
}

static void test_split(void **state)
{
    (void)state;
    for (int k = 0; k < STANDINS; k++) {
        struct conf_backend b = backend_of(&standins[k]);
        struct gw_upstreams *u = pool_for(&b);
        struct try t = {0};
        run(&t, u, &b, "[[standin: split]]\xf0\x9f\x98\x80\xc3\xa9", true);
        ended(&t, "STAND-IN ANSWER: \xf0\x9f\x98\x80\xc3\xa9");
        finish(&t);
        gw_upstreams_free(u);
    }
}

static void test_large_request(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    struct try t = {0};
    size_t n = 3u << 20;
    char *text = malloc(n + 1);
    (void)state;
    memset(text, 'x', n);
    memcpy(text + n - 24, "[[standin: status=413]]E", 24);
    text[n] = '\0';
    run(&t, u, &b, text, false);
    failed(&t, 413, "server_error", false);
    json_t *all = recorded(&standins[OPENAI]);
    assert_true(json_string_length(json_object_get(last(all, 0), "body_text")) > n);
    json_decref(all);
    free(text);
    finish(&t);
    gw_upstreams_free(u);
}

/* ---- connections ---- */

static int64_t member(const json_t *r, const char *key)
{
    return json_integer_value(json_object_get(r, key));
}

static void test_pool(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    (void)state;
    const char *texts[] = {"one", "[[standin: status=500]]two", "[[standin: close]]three", "four"};
    for (int i = 0; i < 4; i++) {
        struct try t = {0};
        run(&t, u, &b, texts[i], i % 2 == 0);
        assert_int_equal(t.errors, i == 1);
        finish(&t);
        spin(100); /* [DONE] may be here before HTTP's last chunk: let it drain */
    }
    json_t *all = recorded(&standins[OPENAI]);
    /* an error's connection serves on; after "Connection: close" a new one resumes the session */
    for (int i = 1; i <= 3; i++)
        assert_int_equal(member(last(all, (size_t)i), "connection"),
                         member(last(all, 3), "connection"));
    assert_int_equal(member(last(all, 1), "request_on_connection"), 3);
    assert_int_equal(member(last(all, 0), "request_on_connection"), 1);
    assert_true(json_is_true(json_object_get(last(all, 0), "resumed")));
    assert_false(json_is_true(json_object_get(last(all, 3), "resumed")));
    json_decref(all);
    gw_upstreams_free(u);
}

static void test_stale_connection(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    struct try first = {0}, second = {0};
    (void)state;
    run(&first, u, &b, "one", true);
    ended(&first, NULL);
    spin(100);
    run(&second, u, &b, "[[standin: drop-reused]]two", true);
    ended(&second, "STAND-IN ANSWER: two");
    json_t *all = recorded(&standins[OPENAI]);
    /* it arrived twice: on the old connection, which died unanswered, and on a fresh one */
    assert_int_equal(member(last(all, 1), "request_on_connection"), 2);
    assert_int_equal(member(last(all, 0), "request_on_connection"), 1);
    assert_string_equal(json_string_value(json_object_get(last(all, 1), "body_text")),
                        json_string_value(json_object_get(last(all, 0), "body_text")));
    json_decref(all);
    finish(&first);
    finish(&second);
    gw_upstreams_free(u);
}

static void test_end_before_http_end(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    struct try t = {0}, next = {0};
    (void)state;
    run(&t, u, &b, "[[standin: linger]]x", true);
    ended(&t, "STAND-IN ANSWER: x");
    assert_true(t.took_ms < 2500); /* the last chunk comes after 3 s */
    run(&next, u, &b, "y", true);  /* on another connection: that one is not free */
    ended(&next, "STAND-IN ANSWER: y");
    finish(&t);
    finish(&next);
    gw_upstreams_free(u);
}

static void test_many(void **state)
{
    struct conf_backend b = backend_of(&standins[ANTHROPIC]);
    struct gw_upstreams *u = pool_for(&b);
    struct try t[20];
    (void)state;
    memset(t, 0, sizeof t);
    for (int i = 0; i < 20; i++)
        start(&t[i], u, &b, "[[standin: drip=0.005]]all at once", true);
    assert_int_equal(gw_upstreams_active(u), 20);
    uint64_t until = now_ms() + 15000;
    while (gw_upstreams_active(u) > 0 && now_ms() < until)
        spin(1000);
    for (int i = 0; i < 20; i++) {
        ended(&t[i], "STAND-IN ANSWER: all at once");
        finish(&t[i]);
    }
    gw_upstreams_free(u);
}

static void test_names(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    (void)state;
    b.host = "localhost"; /* /etc/hosts, and ::1 may come first, where nobody listens */
    struct gw_upstreams *u = pool_for(&b);
    for (int i = 0; i < 2; i++) {
        struct try t = {0};
        run(&t, u, &b, "by name", true);
        ended(&t, "STAND-IN ANSWER: by name");
        finish(&t);
    }
    gw_upstreams_free(u);

    b.host = "no-such-host.invalid";
    u = pool_for(&b);
    struct try t = {0};
    run(&t, u, &b, "x", true);
    failed(&t, 0, "upstream_unreachable", true);
    assert_true(t.took_ms < 6000);
    finish(&t);
    /* freed while a lookup is in flight (or has just failed, where there is no network) */
    struct try again = {0};
    start(&again, u, &b, "x", true);
    spin(1);
    int before = again.errors;
    gw_upstreams_free(u);
    spin(100);
    assert_int_equal(again.errors, before);
    assert_int_equal(again.ends, 0);
    finish(&again);
}

/* ---- failures ---- */

static void test_failures(void **state)
{
    static const struct {
        const char *text;
        bool stream;
        int status;
        const char *type;
        bool retryable;
        int texts; /* at least */
    } all[] = {
        {"[[standin: status=429, retry-after=7]]", true, 429, "rate_limit_error", true, 0},
        {"[[standin: status=500]]", true, 500, "server_error", true, 0},
        {"[[standin: status=503]]", false, 503, "server_error", true, 0},
        {"[[standin: status=400]]", false, 400, "invalid_request_error", false, 0},
        {"[[standin: status=409]]", false, 409, "server_error", false, 0},
        {"[[standin: status=401]]", true, 401, "authentication_error", false, 0},
        {"[[standin: redirect]]", true, 502, "upstream_protocol", true, 0},
        {"[[standin: status=204]]", true, 502, "upstream_protocol", true, 0},
        {"[[standin: gzip]]", false, 502, "upstream_protocol", true, 0},
        {"[[standin: garbage]]", true, 502, "upstream_protocol", true, 0},
        {"[[standin: bad-json]]", true, 502, "upstream_protocol", true, 1},
        {"[[standin: bad-json]]", false, 502, "upstream_protocol", true, 0},
        {"[[standin: truncate]]", true, 502, "upstream_protocol", true, 1},
        {"[[standin: die=0]]", true, 502, "upstream_protocol", true, 0},
        {"[[standin: die=3]]", true, 502, "upstream_protocol", true, 1},
        {"[[standin: die=3]]", false, 502, "upstream_protocol", true, 0},
        {"[[standin: error-event]]", true, 500, "server_error", true, 1},
    };
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct try t = {0};
        run(&t, u, &b, all[i].text, all[i].stream);
        failed(&t, all[i].status, all[i].type, all[i].retryable);
        if (t.texts < all[i].texts)
            fail_msg("%s: %d texts", all[i].text, t.texts);
        assert_true(t.took_ms < 3000);
        if (all[i].status == 429) {
            assert_string_equal(t.retry_after, "7");
            assert_non_null(strstr(t.error.body, "\"error\": {"));
        }
        if (all[i].status == 401)
            assert_string_equal(t.error.body, "");
        finish(&t);
    }
    gw_upstreams_free(u);
}

static void test_deadlines(void **state)
{
    static const struct {
        const char *text;
        uint32_t first_ms, total_ms;
        uint64_t min_ms, max_ms;
        bool stream;
        int texts;
    } all[] = {
        {"[[standin: hang]]", 300, 9000, 290, 1500, true, 0},
        {"[[standin: hang-head]]", 300, 9000, 290, 1500, false, 0},
        {"[[standin: drip=0.05,long=400]]", 5000, 700, 690, 2000, true, 1},
        {"[[standin: drip=1.5]]", 2000, 2300, 1900, 3500, true, 0},
    };
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct try t = {0};
        t.spec.first_token_ms = all[i].first_ms;
        t.spec.total_ms = all[i].total_ms;
        run(&t, u, &b, all[i].text, all[i].stream);
        failed(&t, 504, "upstream_timeout", true);
        if (t.took_ms < all[i].min_ms || t.took_ms > all[i].max_ms)
            fail_msg("%s: %u ms", all[i].text, (unsigned)t.took_ms);
        assert_true(t.texts >= all[i].texts);
        finish(&t);
    }
    gw_upstreams_free(u);
}

/* Silence in the middle of an answer: the stand-in is stopped. */
static void test_stall(void **state)
{
    struct conf_backend b = backend_of(&standins[ANTHROPIC]);
    struct gw_upstreams *u = pool_for(&b);
    struct try t = {0};
    (void)state;
    t.spec.first_token_ms = 900;
    start(&t, u, &b, "[[standin: drip=0.02,long=300]]x", true);
    spin(600);
    assert_true(t.texts > 0 && t.errors == 0);
    kill(standins[ANTHROPIC].pid, SIGSTOP);
    spin(5000);
    kill(standins[ANTHROPIC].pid, SIGCONT);
    failed(&t, 504, "upstream_timeout", true);
    assert_true(t.took_ms < 3500);
    finish(&t);
    gw_upstreams_free(u);
}

static void test_unreachable(void **state)
{
    (void)state;
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct try refused = {0}, ca = {0}, name = {0};
    b.port = 1;
    struct gw_upstreams *u = pool_for(&b);
    run(&refused, u, &b, "x", true);
    failed(&refused, 0, "upstream_unreachable", true);
    finish(&refused);
    gw_upstreams_free(u);

    b = backend_of(&standins[OPENAI]);
    b.ca = standins[ANTHROPIC].ca; /* another CA than the one that signed */
    u = pool_for(&b);
    run(&ca, u, &b, "x", true);
    failed(&ca, 0, "upstream_unreachable", true);
    assert_non_null(strstr(ca.error.message, "TLS"));
    finish(&ca);
    gw_upstreams_free(u);

    b = backend_of(&standins[OPENAI]);
    b.host = "127.0.0.2"; /* the same server, under a name that its certificate lacks */
    u = pool_for(&b);
    json_t *before = recorded(&standins[OPENAI]);
    run(&name, u, &b, "x", true);
    failed(&name, 0, "upstream_unreachable", true);
    assert_non_null(strstr(name.error.message, "mismatch"));
    json_t *after = recorded(&standins[OPENAI]);
    assert_int_equal(json_array_size(after), json_array_size(before)); /* nothing was sent */
    json_decref(before);
    json_decref(after);
    finish(&name);
    gw_upstreams_free(u);

    b = backend_of(&standins[OPENAI]);
    b.ca = "/nonexistent/ca.pem";
    struct conf c = {.backends = &b, .n_backends = 1};
    struct base_err err = {.text = ""};
    assert_null(gw_upstreams_new(loop, &c, &err));
    assert_true(err.text[0] != '\0');
}

/* ---- the receiver ---- */

static void test_cancel(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    (void)state;
    struct try at_once = {0};
    start(&at_once, u, &b, "never sent", true);
    gw_attempt_cancel(at_once.attempt);
    spin(200);
    assert_int_equal(at_once.errors + at_once.ends + at_once.headers, 0);
    finish(&at_once);

    struct try inside = {.cancel_at = 2}, denied = {.deny_at = 2};
    run(&inside, u, &b, "[[standin: drip=0.01,long=100]]x", true);
    assert_int_equal(inside.texts, 2);
    assert_int_equal(inside.errors + inside.ends, 0);
    finish(&inside);
    run(&denied, u, &b, "[[standin: drip=0.01,long=100]]x", true);
    assert_int_equal(denied.texts, 2);
    assert_int_equal(denied.errors + denied.ends, 0);
    finish(&denied);

    struct try whole = {.cancel_at = 1}; /* all events of a whole answer come in one call */
    run(&whole, u, &b, "x", false);
    assert_int_equal(whole.texts, 1);
    assert_int_equal(whole.errors + whole.ends, 0);
    finish(&whole);
    /* none of those connections serves again */
    struct try next = {0};
    run(&next, u, &b, "next", true);
    json_t *all = recorded(&standins[OPENAI]);
    assert_int_equal(member(last(all, 0), "request_on_connection"), 1);
    json_decref(all);
    finish(&next);
    gw_upstreams_free(u);
}

static void test_pause(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    struct gw_upstreams *u = pool_for(&b);
    struct try t = {.pause_at = 3};
    (void)state;
    t.spec.first_token_ms = 250; /* the silence is ours: it must not count */
    run(&t, u, &b, "[[standin: drip=0.01,long=30]]x", true);
    ended(&t, NULL);
    assert_true(t.took_ms >= 300);
    finish(&t);
    gw_upstreams_free(u);
}

static void test_free_inside(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]);
    (void)state;
    const char *texts[] = {"x", "[[standin: status=500]]", "[[standin: die=2]]"};
    for (int i = 0; i < 3; i++) {
        struct gw_upstreams *u = pool_for(&b);
        struct try other = {0}, t = {.free_at_end = true};
        start(&other, u, &b, "[[standin: hang]]", true);
        run(&t, u, &b, texts[i], true);
        assert_int_equal(t.ends + t.errors, 1);
        spin(50);
        assert_int_equal(other.ends + other.errors, 0); /* cancelled with the pool */
        finish(&other);
        finish(&t);
    }
}

static void test_not_startable(void **state)
{
    struct conf_backend b = backend_of(&standins[OPENAI]), strange = b;
    struct gw_upstreams *u = pool_for(&b);
    struct conf_target t = {.text = "be/x", .backend = &strange, .model = &model};
    struct chat_request r = {.dialect = CHAT_DIALECT_OPENAI_CHAT};
    struct gw_attempt_spec spec = {
        .target = &t, .request = &r, .event = on_event, .total_ms = 1, .first_token_ms = 1};
    struct base_err err;
    (void)state;
    assert_null(gw_upstream_start(u, &spec, &err)); /* a back end of another configuration */
    assert_int_equal(err.code, BASE_ENOENT);
    t.backend = &b;
    b.api = CONF_API_BEDROCK;
    assert_null(gw_upstream_start(u, &spec, &err));
    assert_int_equal(err.code, BASE_EINVAL);
    gw_upstreams_free(u);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder))
        return -1;
    loop = event_base_new();
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    char command[64] = "";
    (void)state;
    for (int k = 0; k < STANDINS; k++) {
        if (standins[k].pid > 0) {
            kill(standins[k].pid, SIGKILL);
            waitpid(standins[k].pid, NULL, 0);
        }
    }
    event_base_free(loop);
    snprintf(command, sizeof command, "%s", folder);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", command, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_and_whole),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_tools),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_large_request),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_stale_connection),
        cmocka_unit_test(test_end_before_http_end),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_free_inside),
        cmocka_unit_test(test_not_startable),
    };
    if (setup(NULL) != 0)
        return 1;
    for (int k = 0; k < STANDINS; k++) {
        if (!standin_start(&standins[k])) {
            printf("skipped: the stand-in does not start (python3 and openssl are needed, and the "
                   "repository's root as the working directory, or WEIR_STANDIN)\n");
            teardown(NULL);
            return 0;
        }
    }
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    teardown(NULL);
    return rc;
}
