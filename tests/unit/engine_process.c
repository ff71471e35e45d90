/* engine_process.c - the engine's process as the gateway sees it.
 *
 * Method: a child runs eng_process_main on tests/vectors/models/llama.gguf (random weights, a real
 * vocabulary) with two links; the test speaks frames over them: answers, several at once, equal
 * answers alone and in company, cancel, a full queue, bad payloads, hostile frames on one link
 * while the other is served, a reader that does not read, SIGTERM and SIGKILL. Every wait has a
 * deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "engine/engine.h"
#include "engine/serve/proto.h"

#define MODEL   "tests/vectors/models/llama.gguf"
#define WAIT_MS 20000

struct peer {
    int fd;
    struct base_buf in;
    size_t used;
};

struct engine {
    pid_t pid;
    struct peer p[2];
};

static void start(struct engine *e, uint32_t slots, uint32_t queue, const char *file)
{
    int a[2], b[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b), 0);
    e->pid = fork();
    assert_true(e->pid >= 0);
    if (e->pid == 0) {
        struct conf_local_model m[2] = {
            {.name = "tiny", .file = file, .context = 256, .slots = slots},
            {.name = "gone", .file = "/nonexistent/x.gguf", .context = 256, .slots = 1}};
        struct conf c = {.engine = {.present = true,
                                    .device = CONF_DEVICE_CPU,
                                    .threads = 1,
                                    .queue = queue,
                                    .models = m,
                                    .n_models = 2}};
        int fds[2] = {a[1], b[1]};
        close(a[0]);
        close(b[0]);
        base_log_level_set(BASE_LOG_ERROR);
        (void)!freopen("/dev/null", "w", stderr); /* it complains about the second model */
        _exit(eng_process_main(&c, fds, 2));
    }
    close(a[1]);
    close(b[1]);
    e->p[0] = (struct peer){.fd = a[0]};
    e->p[1] = (struct peer){.fd = b[0]};
    base_buf_init(&e->p[0].in, 64u << 20);
    base_buf_init(&e->p[1].in, 64u << 20);
}

static int stop(struct engine *e, int sig)
{
    int status = -1;
    for (int i = 0; i < 2; i++) {
        if (sig == 0 && e->p[i].fd >= 0)
            close(e->p[i].fd);
        base_buf_release(&e->p[i].in);
    }
    if (sig)
        kill(e->pid, sig);
    uint64_t end = base_mono_us() + WAIT_MS * 1000ull;
    pid_t got = 0;
    while (base_mono_us() < end && (got = waitpid(e->pid, &status, WNOHANG)) == 0)
        usleep(2000);
    if (got == 0) {
        kill(e->pid, SIGKILL);
        waitpid(e->pid, &status, 0);
        fail_msg("the engine did not end");
    }
    for (int i = 0; i < 2; i++)
        if (sig && e->p[i].fd >= 0)
            close(e->p[i].fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* All of b, then releases it. */
static void send_all(struct peer *p, struct base_buf *b)
{
    for (size_t at = 0; at < b->n;) {
        ssize_t n = send(p->fd, b->p + at, b->n - at, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += (size_t)n;
    }
    base_buf_release(b);
}

static void put(struct peer *p, enum eng_frame_type type, uint32_t id, const char *payload)
{
    struct base_buf b;
    base_buf_init(&b, ENG_FRAME_MAX * 2);
    assert_true(eng_frame_put(&b, type, id, base_str_c(payload)));
    send_all(p, &b);
}

/* The next frame; false at the end of the link. Fails the test at the deadline. */
static bool next(struct peer *p, struct eng_frame *f)
{
    uint64_t end = base_mono_us() + WAIT_MS * 1000ull;
    base_buf_shift(&p->in, p->used);
    p->used = 0;
    for (;;) {
        struct base_err err;
        enum base_status st = eng_frame_parse(base_buf_view(&p->in), f, &p->used, &err);
        if (st == BASE_OK)
            return true;
        assert_int_equal(st, BASE_AGAIN);
        struct pollfd pf = {.fd = p->fd, .events = POLLIN};
        if (base_mono_us() > end || poll(&pf, 1, WAIT_MS) <= 0)
            fail_msg("no frame came");
        char *to = base_buf_room(&p->in, 65536);
        assert_non_null(to);
        ssize_t n = recv(p->fd, to, 65536, 0);
        if (n <= 0)
            return false;
        base_buf_commit(&p->in, (size_t)n);
    }
}

/* Skips STATUS and EXPERTS. */
static bool next_of(struct peer *p, struct eng_frame *f)
{
    do
        if (!next(p, f))
            return false;
    while (f->type == ENG_FRAME_STATUS || f->type == ENG_FRAME_EXPERTS);
    return true;
}

static json_t *json_of(const struct eng_frame *f)
{
    json_t *o = json_loadb(f->payload.p, f->payload.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    return o;
}

static void want_error(struct peer *p, uint32_t id, int status, const char *type)
{
    struct eng_frame f;
    assert_true(next_of(p, &f));
    if (f.type != ENG_FRAME_ERROR || f.id != id)
        fail_msg("frame %d of %u: %.*s", (int)f.type, f.id, BASE_FMT(f.payload));
    json_t *o = json_of(&f);
    assert_int_equal(json_integer_value(json_object_get(o, "status")), status);
    assert_string_equal(json_string_value(json_object_get(o, "type")), type);
    assert_true(json_string_length(json_object_get(o, "message")) > 0);
    json_decref(o);
}

/* Waits for STATUS to say that the model is ready. */
static void wait_ready(struct peer *p)
{
    struct eng_frame f;
    bool ready = false, reason = false;
    while (!ready || !reason) {
        assert_true(next(p, &f));
        assert_int_equal(f.type, ENG_FRAME_STATUS);
        json_t *o = json_of(&f), *ms = json_object_get(o, "models"), *m = json_array_get(ms, 0);
        assert_string_equal(json_string_value(json_object_get(m, "name")), "tiny");
        ready = json_is_true(json_object_get(m, "ready"));
        const char *why = json_string_value(json_object_get(json_array_get(ms, 1), "reason"));
        reason = why && strstr(why, "/nonexistent/x.gguf");
        json_decref(o);
    }
}

static const char *chat(char buf[1024], const char *text, const char *more)
{
    snprintf(buf, 1024,
             "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],"
             "\"tenant\":\"t\"%s}",
             text, more);
    return buf;
}

struct answer {
    char text[4096];
    size_t n;
    char reason[32];
    int64_t prompt, completion, cached;
    bool started, done;
};

/* Reads frames until all of `n` answers (ids 1..n) are done. */
static void collect(struct peer *p, struct answer *a, uint32_t n)
{
    uint32_t left = n;
    while (left > 0) {
        struct eng_frame f;
        assert_true(next_of(p, &f));
        assert_true(f.id >= 1 && f.id <= n);
        struct answer *x = &a[f.id - 1];
        assert_false(x->done);
        if (f.type == ENG_FRAME_START) {
            assert_false(x->started);
            x->started = true;
        } else if (f.type == ENG_FRAME_TEXT) {
            assert_true(x->started && f.payload.n > 0 && base_utf8_valid(f.payload));
            assert_true(x->n + f.payload.n < sizeof(x->text));
            memcpy(x->text + x->n, f.payload.p, f.payload.n);
            x->n += f.payload.n;
        } else {
            if (f.type != ENG_FRAME_FINISH)
                fail_msg("frame %d: %.*s", (int)f.type, BASE_FMT(f.payload));
            json_t *o = json_of(&f);
            snprintf(x->reason, sizeof(x->reason), "%s",
                     json_string_value(json_object_get(o, "reason")));
            x->prompt = json_integer_value(json_object_get(o, "prompt_tokens"));
            x->completion = json_integer_value(json_object_get(o, "completion_tokens"));
            x->cached = json_integer_value(json_object_get(o, "cached_tokens"));
            assert_true(json_is_integer(json_object_get(o, "generate_ms")));
            json_decref(o);
            x->done = true;
            left--;
        }
    }
}

static void test_answers(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    static struct answer alone[6], both[6], again[1];
    memset(alone, 0, sizeof(alone));
    memset(both, 0, sizeof(both));
    start(&e, 2, 16, MODEL);
    wait_ready(&e.p[0]);
    static const char *const texts[6] = {
        "hello", "one two three", "x", "what is this about", "abc abc abc abc abc abc abc abc",
        "end"};
    const char *more = ",\"temperature\":0,\"max_tokens\":24";
    for (uint32_t i = 0; i < 6; i++) {
        put(&e.p[0], ENG_FRAME_SUBMIT, i + 1, chat(buf, texts[i], more));
        static struct answer one[6];
        memset(one, 0, sizeof(one));
        while (!one[i].done) {
            struct eng_frame f;
            assert_true(next_of(&e.p[0], &f));
            assert_int_equal(f.id, i + 1);
            if (f.type == ENG_FRAME_TEXT) {
                memcpy(one[i].text + one[i].n, f.payload.p, f.payload.n);
                one[i].n += f.payload.n;
            } else if (f.type == ENG_FRAME_FINISH) {
                one[i].done = true;
            } else {
                assert_int_equal(f.type, ENG_FRAME_START);
            }
        }
        alone[i] = one[i];
        assert_true(alone[i].n > 0);
    }
    for (uint32_t i = 0; i < 6; i++) /* two run, four wait; both links */
        put(&e.p[0], ENG_FRAME_SUBMIT, i + 1, chat(buf, texts[i], more));
    put(&e.p[1], ENG_FRAME_SUBMIT, 1, chat(buf, texts[3], more));
    collect(&e.p[0], both, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(both[i].completion == 24 || strcmp(both[i].reason, "stop") == 0);
        assert_int_equal(both[i].n, alone[i].n);
        assert_memory_equal(both[i].text, alone[i].text, alone[i].n);
    }
    memset(again, 0, sizeof(again));
    collect(&e.p[1], again, 1); /* STATUS frames come first; ids are each link's own */
    assert_memory_equal(again[0].text, alone[3].text, alone[3].n);
    /* the same prompt once more: all of it but its last token is in the cache */
    memset(again, 0, sizeof(again));
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, texts[5], more));
    collect(&e.p[0], again, 1);
    memset(again, 0, sizeof(again));
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, texts[5], more));
    collect(&e.p[0], again, 1);
    assert_int_equal(again[0].cached, again[0].prompt - 1);
    assert_memory_equal(again[0].text, alone[5].text, alone[5].n);
    /* another tenant finds nothing of it */
    memset(again, 0, sizeof(again));
    put(&e.p[0], ENG_FRAME_SUBMIT, 1,
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"end\"}],\"tenant\":"
        "\"u\",\"temperature\":0,\"max_tokens\":24}");
    collect(&e.p[0], again, 1);
    assert_int_equal(again[0].cached, 0);
    assert_memory_equal(again[0].text, alone[5].text, alone[5].n);
    assert_int_equal(stop(&e, 0), 0); /* links closed: it ends by itself */
}

static void test_stop_string(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024], more[256];
    static struct answer a[1], b[1];
    memset(a, 0, sizeof(a));
    memset(b, 0, sizeof(b));
    start(&e, 1, 4, MODEL);
    wait_ready(&e.p[0]);
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "q", ",\"temperature\":0,\"max_tokens\":32"));
    collect(&e.p[0], a, 1);
    size_t mid = a[0].n / 2; /* a plain character from the middle stops it */
    while (mid < a[0].n &&
           (a[0].text[mid] < 33 || a[0].text[mid] == 127 || strchr("\"\\", a[0].text[mid])))
        mid++;
    if (mid == a[0].n) {
        print_message("skipped: the model's text has no plain character\n");
    } else {
        char word[2] = {a[0].text[mid], 0};
        size_t first = (size_t)((char *)memchr(a[0].text, word[0], a[0].n) - a[0].text);
        snprintf(more, sizeof(more), ",\"temperature\":0,\"max_tokens\":32,\"stop\":[\"%s\"]",
                 word);
        put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "q", more));
        collect(&e.p[0], b, 1);
        assert_string_equal(b[0].reason, "stop_sequence");
        assert_int_equal(b[0].n, first);
        assert_memory_equal(b[0].text, a[0].text, first);
    }
    assert_int_equal(stop(&e, SIGTERM), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    start(&e, 1, 4, MODEL);
    wait_ready(&e.p[0]);
    struct peer *p = &e.p[0];
    static const struct {
        const char *json;
        int status;
        const char *type;
    } bad[] = {
        {"", 400, "invalid_request_error"},
        {"[1]", 400, "invalid_request_error"},
        {"{\"model\":\"tiny\",\"model\":\"tiny\"}", 400, "invalid_request_error"},
        {"{\"model\":5}", 400, "invalid_request_error"},
        {"{\"model\":\"huge\",\"messages\":[]}", 404, "model_not_found"},
        {"{\"model\":\"gone\",\"messages\":[]}", 503, "model_not_ready"},
        {"{\"model\":\"tiny\"}", 400, "invalid_request_error"},
        {"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"temperature\":"
         "\"hot\"}",
         400, "invalid_request_error"},
        {"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":"
         "0}",
         400, "invalid_request_error"},
        {"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"top_p\":1.5}",
         400, "invalid_request_error"},
        {"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"stop\":[1]}",
         400, "invalid_request_error"},
        {"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":[1]}]}", 400,
         "invalid_request_error"},
        {"{\"model\":\"tiny\",\"messages\":[1,2]}", 400, "invalid_request_error"},
    };
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(p, ENG_FRAME_SUBMIT, i + 1, bad[i].json);
        want_error(p, i + 1, bad[i].status, bad[i].type);
    }
    char *big = malloc(300000);
    assert_non_null(big);
    int n = snprintf(big, 300000,
                     "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    memset(big + n, 'y', 200000);
    snprintf(big + n + 200000, 100, "\"}]}");
    put(p, ENG_FRAME_SUBMIT, 99, big);
    want_error(p, 99, 400, "context_length_exceeded");
    free(big);
    static struct answer a[1];
    memset(a, 0, sizeof(a));
    put(p, ENG_FRAME_SUBMIT, 1, chat(buf, "still there?", ",\"max_tokens\":3,\"seed\":1"));
    collect(p, a, 1);
    assert_true(a[0].done);
    assert_int_equal(stop(&e, SIGTERM), 0);
}

static void test_queue_and_cancel(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    struct eng_frame f;
    start(&e, 1, 2, MODEL);
    wait_ready(&e.p[0]);
    struct peer *p = &e.p[0];
    /* Bias towards long answers: the model's weights are random, its EOS is unlikely. */
    /* In one go: a busy machine must not let the engine end an answer between two frames. */
    struct base_buf all;
    bool ok = true;
    base_buf_init(&all, ENG_FRAME_MAX * 2);
    for (uint32_t id = 1; id <= 3; id++)
        ok = ok && eng_frame_put(&all, ENG_FRAME_SUBMIT, id,
                                 base_str_c(chat(buf, "go on", ",\"temperature\":0")));
    ok = ok && eng_frame_put(&all, ENG_FRAME_SUBMIT, 4, base_str_c(chat(buf, "no room", "")));
    const uint32_t gone_ids[] = {2, 77, 1}; /* 77 is unknown: nothing happens */
    for (size_t i = 0; i < 3; i++)
        ok = ok && eng_frame_put(&all, ENG_FRAME_CANCEL, gone_ids[i], BASE_STR(""));
    assert_true(ok);
    send_all(p, &all);
    bool full = false, gone[4] = {false};
    int64_t made = -1;
    while (!gone[3]) {
        assert_true(next_of(p, &f));
        if (f.type == ENG_FRAME_ERROR) {
            assert_int_equal(f.id, 4);
            json_t *o = json_of(&f);
            assert_int_equal(json_integer_value(json_object_get(o, "status")), 429);
            assert_string_equal(json_string_value(json_object_get(o, "type")), "queue_full");
            json_decref(o);
            full = true;
        } else if (f.type == ENG_FRAME_FINISH) {
            json_t *o = json_of(&f);
            const char *why = json_string_value(json_object_get(o, "reason"));
            assert_true(f.id <= 3 && !gone[f.id]);
            gone[f.id] = true;
            if (f.id < 3)
                assert_string_equal(why, "cancelled");
            if (f.id == 3)
                made = json_integer_value(json_object_get(o, "completion_tokens"));
            json_decref(o);
        } else {
            assert_false(f.id <= 3 && gone[f.id]); /* nothing behind FINISH */
        }
    }
    assert_true(full && gone[1] && gone[2] && made > 0);
    assert_int_equal(stop(&e, SIGTERM), 0);
}

static void test_hostile_link(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"\0\0\0\0", 4},
               {"\xff\xff\xff\xff\1", 5},
               {"\5\0\0\0\7\1\0\0\0", 9},   /* unknown type */
               {"\5\0\0\0\22\1\0\0\0", 9},  /* TEXT from the gateway */
               {"\6\0\0\0\2\1\0\0\0x", 10}, /* CANCEL with a payload */
               {"GET / HTTP/1.1\r\n\r\n", 18}};
    char buf[1024];
    for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
        struct engine e;
        struct eng_frame f;
        static struct answer a[1];
        memset(a, 0, sizeof(a));
        start(&e, 2, 4, MODEL);
        wait_ready(&e.p[0]);
        put(&e.p[1], ENG_FRAME_SUBMIT, 1, chat(buf, "mine", ",\"temperature\":0"));
        if (i < sizeof(bad) / sizeof(bad[0]))
            assert_int_equal(send(e.p[1].fd, bad[i].bytes, bad[i].n, MSG_NOSIGNAL), bad[i].n);
        else
            put(&e.p[1], ENG_FRAME_SUBMIT, 1, chat(buf, "twice", "")); /* an id in use */
        while (next(&e.p[1], &f))                                      /* until the link ends */
            ;
        put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "yours", ",\"max_tokens\":4"));
        collect(&e.p[0], a, 1);
        assert_true(a[0].done);
        assert_int_equal(stop(&e, SIGTERM), 0);
    }
}

/* One link sends and sends and never reads; the other is served all the same. */
static void test_deaf_link(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    static struct answer a[1];
    memset(a, 0, sizeof(a));
    start(&e, 1, 4, MODEL);
    wait_ready(&e.p[0]);
    struct base_buf b;
    base_buf_init(&b, 64u << 20);
    /* Each is answered by an error several times its size; a MiB of those may wait in the engine,
     * and some more in the sockets: kernels differ in how much. */
    for (uint32_t i = 1; i <= 1000000; i++)
        assert_true(eng_frame_put(&b, ENG_FRAME_SUBMIT, i, BASE_STR("[]")));
    size_t at = 0;
    for (int quiet = 0; at < b.n && quiet < 20;) {
        ssize_t n = send(e.p[1].fd, b.p + at, b.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        quiet = n > 0 ? 0 : quiet + 1;
        at += n > 0 ? (size_t)n : 0;
        usleep(n > 0 ? 0 : 10000);
    }
    assert_true(at < b.n); /* pushed back */
    base_buf_release(&b);
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "hear me", ",\"max_tokens\":4"));
    collect(&e.p[0], a, 1);
    assert_true(a[0].done);
    assert_int_equal(stop(&e, SIGTERM), 0);
}

static void test_ends(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    struct eng_frame f;
    start(&e, 1, 4, MODEL);
    wait_ready(&e.p[0]);
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "one", ",\"temperature\":0"));
    put(&e.p[0], ENG_FRAME_SUBMIT, 2, chat(buf, "two", ",\"temperature\":0"));
    assert_true(next_of(&e.p[0], &f)); /* START */
    kill(e.pid, SIGTERM);
    bool told[3] = {false};
    while (next_of(&e.p[0], &f)) {
        told[f.id] = told[f.id] || f.type == ENG_FRAME_ERROR || f.type == ENG_FRAME_FINISH;
        assert_true(f.id == 1 || f.id == 2);
    }
    assert_true(told[1] && told[2]);
    assert_int_equal(stop(&e, SIGTERM), 0);
    start(&e, 1, 4, MODEL);
    wait_ready(&e.p[0]);
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "one", ",\"temperature\":0"));
    assert_true(next_of(&e.p[0], &f));
    kill(e.pid, SIGKILL);
    while (next_of(&e.p[0], &f)) /* the link ends, nothing hangs */
        ;
    assert_int_equal(stop(&e, SIGKILL), 128 + SIGKILL);
}

static void test_no_model(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    start(&e, 1, 4, "README.md");
    put(&e.p[0], ENG_FRAME_SUBMIT, 5, chat(buf, "x", ""));
    want_error(&e.p[0], 5, 503, "model_not_ready");
    assert_int_equal(stop(&e, 0), 0);
}

/* After work on a model with experts, each link is told what was chosen: all of it, also when the
 * engine has gone to sleep meanwhile. */
static void test_experts(void **state)
{
    (void)state;
    struct engine e;
    char buf[1024];
    static struct answer a[1];
    memset(a, 0, sizeof(a));
    start(&e, 1, 4, "tests/vectors/models/llama-moe.gguf");
    wait_ready(&e.p[0]);
    put(&e.p[0], ENG_FRAME_SUBMIT, 1, chat(buf, "one", ",\"temperature\":0,\"max_tokens\":4"));
    collect(&e.p[0], a, 1);
    json_int_t want = (json_int_t)(a[0].prompt + a[0].completion - 1) * 2, sum = 0;
    for (int p = 0; p < 2; p++) {
        do { /* the first may have come before the end of the answer */
            struct eng_frame f;
            assert_true(next(&e.p[p], &f));
            if (f.type != ENG_FRAME_EXPERTS)
                continue;
            json_t *o = json_of(&f), *y, *v;
            size_t l, k;
            assert_string_equal(json_string_value(json_object_get(o, "model")), "tiny");
            assert_int_equal(json_integer_value(json_object_get(o, "experts")), 8);
            assert_int_equal(json_integer_value(json_object_get(o, "used")), 2);
            assert_int_equal(json_array_size(json_object_get(o, "layers")), 3);
            json_array_foreach(json_object_get(o, "layers"), l, y)
            {
                assert_int_equal(json_integer_value(json_object_get(y, "layer")), l);
                assert_int_equal(json_array_size(json_object_get(y, "counts")), 8);
                sum = 0;
                json_array_foreach(json_object_get(y, "counts"), k, v) sum += json_integer_value(v);
                if (l == 0)
                    assert_true(sum <= want);
                if (l == 0 && sum < want)
                    break;
            }
            sum = l == 3 ? want : 0;
            json_decref(o);
        } while (sum < want);
        sum = 0;
    }
    assert_int_equal(stop(&e, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_stop_string),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_queue_and_cancel),
        cmocka_unit_test(test_hostile_link), cmocka_unit_test(test_deaf_link),
        cmocka_unit_test(test_ends),         cmocka_unit_test(test_no_model),
        cmocka_unit_test(test_experts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
