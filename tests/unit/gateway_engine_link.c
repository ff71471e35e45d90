/* Goal: gateway/local/engine_link.c turns requests into SUBMIT frames and the engine's frames into
 * events, keeps deadlines, holds back while paused, and survives any behaviour of the engine.
 *
 * Method: the test is the engine, at the other end of a socketpair in the same thread; events are
 * written down as text and compared. Bad frames are sent one kind at a time: each must end the link
 * and the attempt in a retryable error, never more than one last event.
 */
#include "tests/unit/gateway_util.h"

#include "base/clock.h"
#include "engine/serve/proto.h"
#include "gateway/local/engine_experts.h"
#include "gateway/net/source.h"
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>

static struct event_base *base;
static struct gw_engine_link *link_;
static int engine = -1;
static struct base_buf sent; /* by the gateway */
static struct base_arena *arena;
static struct conf_local_model model = {.name = "m"};
static struct conf_target target = {.local = &model};

struct log {
    struct base_buf text;
    struct gw_attempt *a;
    int last; /* END and ERROR events */
    enum base_status answer;
    int cancel_at; /* cancels at this event */
    int n;
};

static enum base_status on_event(void *ctx, const struct chat_event *ev)
{
    static const char *const names[] = {
        [CHAT_EV_START] = "START",         [CHAT_EV_TEXT] = "TEXT",
        [CHAT_EV_REASONING] = "REASONING", [CHAT_EV_REFUSAL] = "REFUSAL",
        [CHAT_EV_TOOL_CALL] = "TOOL_CALL", [CHAT_EV_TOOL_ARGS] = "ARGS",
        [CHAT_EV_SIGNATURE] = "SIGNATURE", [CHAT_EV_BLOCK] = "BLOCK",
        [CHAT_EV_CITATION] = "CITATION",   [CHAT_EV_USAGE] = "USAGE",
        [CHAT_EV_FINISH] = "FINISH",       [CHAT_EV_END] = "END",
        [CHAT_EV_ERROR] = "ERROR"};
    struct log *l = ctx;
    assert_int_equal(l->last, 0);
    base_buf_printf(&l->text, "%s", names[ev->kind]);
    if (ev->kind == CHAT_EV_TEXT || ev->kind == CHAT_EV_FINISH || ev->kind == CHAT_EV_REASONING)
        base_buf_printf(&l->text, ":%.*s", BASE_FMT(ev->text));
    if (ev->kind == CHAT_EV_TOOL_CALL)
        base_buf_printf(&l->text, ":%d:%.*s:%.*s", ev->index, BASE_FMT(ev->id), BASE_FMT(ev->name));
    if (ev->kind == CHAT_EV_TOOL_ARGS)
        base_buf_printf(&l->text, ":%d:%.*s", ev->index, BASE_FMT(ev->text));
    if (ev->kind == CHAT_EV_START)
        base_buf_printf(&l->text, ":%.*s", BASE_FMT(ev->name));
    if (ev->kind == CHAT_EV_FINISH)
        base_buf_printf(&l->text, ":%s", chat_finish_name(ev->finish));
    if (ev->kind == CHAT_EV_USAGE)
        base_buf_printf(&l->text, ":%d/%d/%d", (int)ev->usage.input_tokens,
                        (int)ev->usage.output_tokens, (int)ev->usage.cached_tokens);
    if (ev->kind == CHAT_EV_ERROR)
        base_buf_printf(&l->text, ":%d:%.*s%s", ev->error.status, BASE_FMT(ev->error.type),
                        ev->error.retryable ? ":retry" : "");
    base_buf_byte(&l->text, ' ');
    l->last += ev->kind == CHAT_EV_END || ev->kind == CHAT_EV_ERROR;
    if (++l->n == l->cancel_at) {
        gw_attempt_cancel(l->a);
        return BASE_OK;
    }
    return l->answer;
}

static void turns(int n)
{
    for (int i = 0; i < n; i++) {
        struct timeval tv = {0, 2000};
        event_base_loopexit(base, &tv);
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
        char buf[65536];
        ssize_t got = engine >= 0 ? recv(engine, buf, sizeof buf, MSG_DONTWAIT) : 0;
        if (got > 0)
            assert_true(base_buf_add(&sent, buf, (size_t)got));
    }
}

static void attach(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    if (engine >= 0)
        close(engine);
    engine = pair[1];
    base_buf_clear(&sent);
    gw_engine_link_attach(link_, pair[0]);
}

static void say_n(enum eng_frame_type type, uint32_t id, struct base_str payload)
{
    struct base_buf b;
    base_buf_init(&b, 1 << 20);
    assert_true(eng_frame_put(&b, type, id, payload));
    assert_int_equal(send(engine, b.p, b.n, MSG_NOSIGNAL), b.n);
    base_buf_release(&b);
}

static void say(enum eng_frame_type type, uint32_t id, const char *payload)
{
    say_n(type, id, base_str_c(payload));
}

/* Takes the next frame that the gateway sent; payload is valid until the next call. */
static struct eng_frame heard(void)
{
    static struct base_buf keep;
    struct eng_frame f;
    size_t used;
    turns(3);
    base_buf_release(&keep);
    base_buf_init(&keep, 1 << 24);
    if (eng_frame_parse(base_buf_view(&sent), &f, &used, NULL) != BASE_OK)
        fail_msg("no frame");
    if (f.payload.n)
        base_buf_str(&keep, f.payload);
    f.payload = base_buf_view(&keep);
    base_buf_shift(&sent, used);
    return f;
}

static struct chat_request request_of(const char *text)
{
    static struct chat_part part;
    static struct chat_message message;
    part = (struct chat_part){.kind = CHAT_PART_TEXT, .text = base_str_c(text)};
    message = (struct chat_message){.role = CHAT_USER, .parts = &part, .n_parts = 1};
    return (struct chat_request){.arena = arena, .messages = &message, .n_messages = 1};
}

static struct gw_attempt *start(struct log *l, struct chat_request *r, uint32_t first_ms,
                                uint32_t total_ms)
{
    struct base_err err;
    memset(l, 0, sizeof *l);
    base_buf_init(&l->text, 1 << 20);
    base_buf_z(&l->text, "");
    struct gw_attempt_spec spec = {.target = &target,
                                   .request = r,
                                   .tenant = BASE_STR("t\"1"),
                                   .first_token_ms = first_ms,
                                   .total_ms = total_ms,
                                   .event = on_event,
                                   .ctx = l};
    l->a = gw_engine_start(link_, &spec, &err);
    assert_non_null(l->a);
    assert_int_equal(l->n, 0); /* never calls back before it returns */
    return l->a;
}

#define FINISH                                                                                     \
    "{\"reason\":\"stop\",\"prompt_tokens\":7,\"completion_tokens\":2,\"cached_tokens\":3}"

static void test_answer(void **state)
{
    (void)state;
    struct log l;
    struct chat_request r = request_of("hi");
    attach();
    start(&l, &r, 1000, 2000);
    struct eng_frame f = heard();
    assert_int_equal(f.type, ENG_FRAME_SUBMIT);
    assert_string_equal(f.payload.p,
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                        "\"stop\":[],\"tenant\":\"t\\\"1\"}");
    say(ENG_FRAME_START, f.id, "{\"model\":\"m\",\"prompt_tokens\":7}");
    say(ENG_FRAME_TEXT, f.id, "Hel");
    say(ENG_FRAME_TEXT, f.id, "lo \xf0\x9f\x98\x80");
    say(ENG_FRAME_TEXT, f.id + 1, "for nobody");
    say(ENG_FRAME_FINISH, f.id, FINISH);
    turns(3);
    assert_string_equal(l.text.p, "START:m TEXT:Hel TEXT:lo \xf0\x9f\x98\x80 FINISH::stop "
                                  "USAGE:7/2/3 END ");
    base_buf_release(&l.text);
    start(&l, &r, 0, 0);
    f = heard();
    say(ENG_FRAME_ERROR, f.id, "{\"status\":429,\"type\":\"queue_full\",\"message\":\"later\"}");
    turns(3);
    assert_string_equal(l.text.p, "ERROR:429:queue_full:retry ");
    base_buf_release(&l.text);
    start(&l, &r, 0, 0);
    f = heard();
    say(ENG_FRAME_FINISH, f.id, "{\"reason\":\"stop_sequence\",\"stop\":\"END\"}");
    turns(3);
    assert_string_equal(l.text.p, "FINISH:END:stop USAGE:0/0/0 END ");
    base_buf_release(&l.text);
}

static void test_calls(void **state)
{
    (void)state;
    struct log l;
    struct chat_request r = request_of("hi");
    attach();
    start(&l, &r, 1000, 2000);
    struct eng_frame f = heard();
    say(ENG_FRAME_REASONING, f.id, "hm");
    say(ENG_FRAME_CALL, f.id, "{\"index\":0,\"id\":\"c0\",\"name\":\"f\"}");
    say_n(ENG_FRAME_ARGS, f.id, BASE_STR("\0\0\0\0{\"a\":"));
    say_n(ENG_FRAME_ARGS, f.id, BASE_STR("\0\0\0\0001}"));
    say(ENG_FRAME_CALL, f.id, "{\"index\":1,\"id\":\"c1\",\"name\":\"g\"}");
    say_n(ENG_FRAME_ARGS, f.id, BASE_STR("\1\0\0\0{}"));
    say(ENG_FRAME_FINISH, f.id,
        "{\"reason\":\"tool_calls\",\"prompt_tokens\":7,\"completion_tokens\":2}");
    turns(3);
    assert_string_equal(l.text.p, "REASONING:hm TOOL_CALL:0:c0:f ARGS:0:{\"a\": ARGS:0:1} "
                                  "TOOL_CALL:1:c1:g ARGS:1:{} FINISH::tool_calls USAGE:7/2/0 END ");
    base_buf_release(&l.text);
    /* numbers that do not follow each other, arguments for another call than the open one, halves
     * of characters, no name: each ends the link */
    static const struct {
        enum eng_frame_type type;
        struct base_str payload;
    } bad[] = {{ENG_FRAME_CALL, BASE_STR("{\"index\":2,\"id\":\"c\",\"name\":\"f\"}")},
               {ENG_FRAME_CALL, BASE_STR("{\"id\":\"c\",\"name\":\"f\"}")},
               {ENG_FRAME_CALL, BASE_STR("{\"index\":1,\"id\":\"c\",\"name\":\"\"}")},
               {ENG_FRAME_CALL, BASE_STR("{\"index\":1,\"name\":\"f\"}")},
               {ENG_FRAME_ARGS, BASE_STR("\1\0\0\0x")},
               {ENG_FRAME_ARGS, BASE_STR("\0\0\0\0")},
               {ENG_FRAME_ARGS, BASE_STR("\0\0\0\0\xc3")},
               {ENG_FRAME_REASONING, BASE_STR("\xc3")},
               {ENG_FRAME_REASONING, BASE_STR("")}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        attach();
        start(&l, &r, 1000, 2000);
        f = heard();
        say(ENG_FRAME_CALL, f.id, "{\"index\":0,\"id\":\"c0\",\"name\":\"f\"}");
        say_n(bad[i].type, f.id, bad[i].payload);
        turns(3);
        if (strcmp(l.text.p, "TOOL_CALL:0:c0:f ERROR:503:engine_restarted:retry ") != 0)
            fail_msg("bad frame %zu: %s", i, l.text.p);
        base_buf_release(&l.text);
    }
}

static void on_dropped(void *ctx, const struct gw_attempt_headers *h)
{
    struct log *l = ctx;
    base_buf_printf(&l->text, "DROPPED:%.*s ", BASE_FMT(h->dropped));
}

static void test_extras(void **state)
{
    (void)state;
    static const struct {
        const char *extra, *want, *dropped;
    } cases[] = {
        {"{\"reasoning_effort\":\"minimal\"}", "\"template\":{\"reasoning_effort\":\"low\"},",
         "DROPPED:tools "},
        {"{\"reasoning_effort\":\"none\"}",
         "\"template\":{\"reasoning_effort\":\"low\",\"enable_thinking\":false},", ""},
        {"{\"reasoning_effort\":\"none\",\"enable_thinking\":true}",
         "\"template\":{\"enable_thinking\":true,\"reasoning_effort\":\"low\"},", ""},
        {"{\"enable_thinking\":false}", "\"template\":{\"enable_thinking\":false},", ""},
        {"{\"enable_thinking\":3}", "\"template\":{},", "DROPPED:enable_thinking "},
        {"{\"chat_template_kwargs\":{\"a\":[1],\"enable_thinking\":true},\"enable_thinking\":"
         "false}",
         "\"template\":{\"a\":[1],\"enable_thinking\":true},", ""},
        {"{\"parallel_tool_calls\":false,\"logit_bias\":{},\"store\":null}",
         "\"template\":{},\"parallel_tool_calls\":false,", "DROPPED:logit_bias "},
        {"{\"parallel_tool_calls\":true,\"reasoning_effort\":\"much\"}", "\"template\":{},",
         "DROPPED:reasoning_effort "}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_request r = request_of("hi");
        struct base_buf want;
        struct log l = {0};
        struct base_err err;
        r.extra = base_str_c(cases[i].extra);
        base_buf_init(&l.text, 1 << 20);
        base_buf_z(&l.text, "");
        base_buf_init(&want, 1 << 20);
        base_buf_printf(&want,
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                        "%s\"stop\":[],\"tenant\":\"\"}",
                        cases[i].want);
        struct gw_attempt_spec spec = {
            .target = &target, .request = &r, .event = on_event, .headers = on_dropped, .ctx = &l};
        attach();
        l.a = gw_engine_start(link_, &spec, &err);
        assert_non_null(l.a);
        struct eng_frame f = heard();
        assert_string_equal(f.payload.p, want.p);
        /* the engine names one thing, and nothing but that */
        say(ENG_FRAME_START, f.id,
            i == 0 ? "{\"model\":\"m\",\"dropped\":\"tools\"}"
                   : "{\"model\":\"m\",\"dropped\":\"a\\r\\nb: c\"}");
        turns(3);
        base_buf_clear(&want);
        base_buf_printf(&want, "%sSTART:m ", cases[i].dropped);
        assert_string_equal(l.text.p, want.p);
        gw_attempt_cancel(l.a);
        base_buf_release(&l.text);
        base_buf_release(&want);
    }
}

static void test_submit(void **state)
{
    (void)state;
    struct chat_part sys[] = {{.kind = CHAT_PART_TEXT, .text = BASE_STR("a")},
                              {.kind = CHAT_PART_TEXT, .text = BASE_STR("b")}};
    struct chat_part call[] = {{.kind = CHAT_PART_REASONING, .text = BASE_STR("hm")},
                               {.kind = CHAT_PART_TOOL_CALL,
                                .id = BASE_STR("c1"),
                                .name = BASE_STR("f"),
                                .text = BASE_STR("{\"x\":1}")}};
    struct chat_part results[] = {
        {.kind = CHAT_PART_TOOL_RESULT, .id = BASE_STR("c1"), .text = BASE_STR("42")},
        {.kind = CHAT_PART_TEXT, .text = BASE_STR("go on")}};
    struct chat_message m[] = {{.role = CHAT_DEVELOPER, .parts = sys, .n_parts = 2},
                               {.role = CHAT_ASSISTANT, .parts = call, .n_parts = 2},
                               {.role = CHAT_USER, .parts = results, .n_parts = 2}};
    struct chat_tool tool = {.name = BASE_STR("f"),
                             .description = BASE_STR("d"),
                             .schema = BASE_STR("{\"type\":\"object\"}")};
    struct chat_request r = {.arena = arena,
                             .messages = m,
                             .n_messages = 3,
                             .tools = &tool,
                             .n_tools = 1,
                             .temperature = {true, 0.5},
                             .top_k = {true, 40},
                             .max_tokens = {true, 16},
                             .seed = {true, 1},
                             .stop = {BASE_STR("###")},
                             .n_stop = 1};
    struct log l;
    attach();
    start(&l, &r, 0, 0);
    struct eng_frame f = heard();
    json_t *got = json_loadb(f.payload.p, f.payload.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *want = json_loads(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"a\\nb\"},"
        "{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"hm\",\"tool_calls\":[{"
        "\"id\":\"c1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"42\"},"
        "{\"role\":\"user\",\"content\":\"go on\"}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}"
        "}}],\"max_tokens\":16,\"temperature\":0.5,\"top_k\":40,\"seed\":1,\"stop\":[\"###\"],"
        "\"tenant\":\"t\\\"1\"}",
        0, NULL);
    assert_non_null(want);
    if (!json_equal(got, want))
        fail_msg("%.*s", BASE_FMT(f.payload));
    json_decref(got);
    json_decref(want);
    gw_attempt_cancel(l.a);
    f = heard();
    assert_int_equal(f.type, ENG_FRAME_CANCEL);
    base_buf_release(&l.text);
    /* what cannot be read as text is refused, and nothing is sent */
    sys[0].kind = CHAT_PART_OPAQUE;
    start(&l, &r, 0, 0);
    turns(3);
    assert_string_equal(l.text.p, "ERROR:400:invalid_request_error ");
    assert_int_equal(sent.n, 0);
    base_buf_release(&l.text);
}

/* The older completions: the prompt and nothing of a conversation. */
static void test_submit_prompt(void **state)
{
    (void)state;
    struct chat_part text = {.kind = CHAT_PART_TEXT, .text = BASE_STR("Once \"upon\"")};
    struct chat_message m = {.role = CHAT_USER, .parts = &text, .n_parts = 1};
    struct chat_request r = {.arena = arena,
                             .dialect = CHAT_DIALECT_OPENAI_COMPLETIONS,
                             .messages = &m,
                             .n_messages = 1,
                             .extra =
                                 BASE_STR("{\"parse_special\":true,\"reasoning_effort\":\"low\"}"),
                             .max_tokens = {true, 16}};
    struct log l;
    attach();
    start(&l, &r, 0, 0);
    struct eng_frame f = heard();
    json_t *got = json_loadb(f.payload.p, f.payload.n, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(got, "prompt")), "Once \"upon\"");
    assert_true(json_is_true(json_object_get(got, "parse_special")));
    assert_null(json_object_get(got, "messages"));
    json_decref(got);
    gw_attempt_cancel(l.a);
    f = heard();
    assert_int_equal(f.type, ENG_FRAME_CANCEL);
    base_buf_release(&l.text);
}

static void test_experts(void **state)
{
    (void)state;
    attach();
    assert_int_equal(gw_engine_link_experts(link_)->n, 0);
    say(ENG_FRAME_EXPERTS, 0,
        "{\"model\":\"m\",\"experts\":2,\"layers\":[{\"layer\":3,\"counts\":[1,7]}]}");
    turns(2);
    const struct gw_experts *x = gw_engine_link_experts(link_);
    assert_int_equal(x->n, 1);
    assert_int_equal(x->models[0].layers[0].counts[1], 7);
    close(engine); /* a new process counts from zero */
    engine = -1;
    turns(2);
    assert_int_equal(gw_engine_link_experts(link_)->n, 0);
}

static void test_status(void **state)
{
    (void)state;
    uint32_t queued, active, slots;
    attach();
    assert_false(gw_engine_link_ready(link_, "m", NULL, NULL, NULL));
    say(ENG_FRAME_STATUS, 0,
        "{\"models\":[{\"name\":\"x\",\"ready\":false},{\"name\":\"m\",\"ready\":true,"
        "\"slots\":4,\"active\":2,\"queued\":9,\"context\":4096,\"expected_wait_ms\":5,"
        "\"cache_tokens\":16384,\"cache_used\":640,\"cache_kept\":128,\"prefix_asked\":90,"
        "\"prefix_hit\":-7,\"evicted\":64,\"preempted\":3,\"experts_on_device\":9,"
        "\"pairs_on_device\":700,\"pairs_on_cpu\":300,\"pairs_sent\":50,\"expert_moves\":4,"
        "\"moved_bytes\":4096,\"sent_bytes\":8192}]}");
    turns(2);
    struct gw_engine_figures f = gw_engine_link_figures(link_, "m");
    assert_int_equal(f.expected_wait_ms, 5);
    assert_true(f.cache_tokens == 16384 && f.cache_used == 640 && f.cache_kept == 128);
    assert_true(f.prefix_asked == 90 && f.prefix_hit == 0 && f.evicted == 64 && f.preempted == 3);
    assert_true(f.experts_on_device == 9 && f.pairs_on_device == 700 && f.pairs_on_cpu == 300);
    assert_true(f.pairs_sent == 50 && f.expert_moves == 4);
    assert_true(f.moved_bytes == 4096 && f.sent_bytes == 8192);
    assert_int_equal(gw_engine_link_figures(link_, "x").cache_tokens, 0);
    assert_true(gw_engine_link_ready(link_, "m", &queued, &active, &slots));
    assert_int_equal(queued, 9);
    assert_int_equal(active, 2);
    assert_int_equal(slots, 4);
    assert_false(gw_engine_link_ready(link_, "x", NULL, NULL, NULL));
    assert_false(gw_engine_link_ready(link_, "y", NULL, NULL, NULL));
    close(engine);
    engine = -1;
    turns(2);
    assert_false(gw_engine_link_ready(link_, "m", NULL, NULL, NULL));
    struct chat_request r = request_of("hi");
    struct gw_attempt_spec spec = {.target = &target, .request = &r, .event = on_event};
    struct base_err err;
    assert_null(gw_engine_start(link_, &spec, &err));
}

static void test_deadlines(void **state)
{
    (void)state;
    struct log l;
    struct chat_request r = request_of("hi");
    attach();
    start(&l, &r, 50, 5000);
    uint32_t id = heard().id;
    say(ENG_FRAME_START, id, "{}"); /* no content yet */
    turns(60);
    assert_string_equal(l.text.p, "START: ERROR:504:first_token_timeout:retry ");
    assert_int_equal(heard().type, ENG_FRAME_CANCEL);
    say(ENG_FRAME_TEXT, id, "late"); /* crossed the cancel: skipped */
    turns(2);
    base_buf_release(&l.text);
    start(&l, &r, 50, 150);
    id = heard().id;
    say(ENG_FRAME_TEXT, id, "x");
    uint64_t from = base_mono_us();
    while (!l.last && base_mono_us() - from < 2000000)
        turns(1);
    assert_string_equal(l.text.p, "TEXT:x ERROR:504:timeout:retry ");
    base_buf_release(&l.text);
}

static void test_cancel(void **state)
{
    (void)state;
    struct chat_request r = request_of("hi");
    attach();
    /* from outside, from inside an event, and by refusing an event */
    for (int how = 0; how < 3; how++) {
        struct log l;
        start(&l, &r, 1000, 1000);
        uint32_t id = heard().id;
        l.cancel_at = how == 1 ? 2 : 0;
        say(ENG_FRAME_TEXT, id, "a");
        turns(2);
        l.answer = how == 2 ? BASE_EIO : BASE_OK;
        if (how == 0)
            gw_attempt_cancel(l.a);
        say(ENG_FRAME_TEXT, id, "b");
        say(ENG_FRAME_TEXT, id, "c");
        say(ENG_FRAME_FINISH, id, FINISH);
        struct eng_frame f = heard();
        assert_int_equal(f.type, ENG_FRAME_CANCEL);
        assert_int_equal(f.id, id);
        assert_string_equal(l.text.p, how == 0 ? "TEXT:a " : "TEXT:a TEXT:b ");
        base_buf_release(&l.text);
    }
}

static void test_pause(void **state)
{
    (void)state;
    struct log l;
    struct chat_request r = request_of("hi");
    attach();
    start(&l, &r, 1000, 5000);
    uint32_t id = heard().id;
    gw_attempt_pause(l.a);
    say(ENG_FRAME_TEXT, id, "a");
    say(ENG_FRAME_TEXT, id, "b");
    say(ENG_FRAME_FINISH, id, FINISH);
    turns(3);
    assert_string_equal(l.text.p, "");
    gw_attempt_resume(l.a);
    assert_string_equal(l.text.p, ""); /* not from inside */
    turns(3);
    assert_string_equal(l.text.p, "TEXT:a TEXT:b FINISH::stop USAGE:7/2/3 END ");
    base_buf_release(&l.text);
    /* held too much */
    start(&l, &r, 1000, 5000);
    id = heard().id;
    gw_attempt_pause(l.a);
    char *big = malloc(500001);
    memset(big, 'x', 500000);
    big[500000] = '\0';
    struct base_buf frame;
    base_buf_init(&frame, 1 << 20);
    assert_true(eng_frame_put(&frame, ENG_FRAME_TEXT, id, base_str_c(big)));
    for (int i = 0; i < 12 && !l.last; i++)
        for (size_t at = 0; at < frame.n;) {
            ssize_t n = send(engine, frame.p + at, frame.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            at += n > 0 ? (size_t)n : 0;
            turns(1);
        }
    assert_string_equal(l.text.p, "ERROR:503:client_too_slow:retry ");
    free(big);
    base_buf_release(&frame);
    base_buf_release(&l.text);
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        enum eng_frame_type type;
        int id; /* 1: the attempt's */
        const char *payload;
    } bad[] = {{ENG_FRAME_TEXT, 1, ""},
               {ENG_FRAME_TEXT, 1, "\xff\xfe"},
               {ENG_FRAME_TEXT, 1, "\xf0\x9f\x98"},
               {ENG_FRAME_TEXT, 0, "x"},
               {ENG_FRAME_START, 1, "nonsense"},
               {ENG_FRAME_FINISH, 1, "{}"},
               {ENG_FRAME_FINISH, 1, "{\"reason\":\"bored\"}"},
               {ENG_FRAME_FINISH, 1, "{\"reason\":\"stop\",\"reason\":\"stop\"}"},
               {ENG_FRAME_ERROR, 1, "{\"status\":200}"},
               {ENG_FRAME_ERROR, 1, "[]"},
               {ENG_FRAME_STATUS, 0, "{}"},
               {ENG_FRAME_STATUS, 0, "{\"models\":[{\"name\":\"\"}]}"},
               {ENG_FRAME_STATUS, 1, "{\"models\":[]}"},
               {ENG_FRAME_EXPERTS, 1, "{\"model\":\"m\",\"experts\":1,\"layers\":[]}"},
               {ENG_FRAME_EXPERTS, 0, "{}"},
               {ENG_FRAME_SUBMIT, 1, "{}"},
               {ENG_FRAME_CANCEL, 1, ""}};
    struct chat_request r = request_of("hi");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct log l;
        attach();
        start(&l, &r, 1000, 1000);
        uint32_t id = heard().id;
        say(bad[i].type, bad[i].id ? id : 0, bad[i].payload);
        turns(3);
        if (strcmp(l.text.p, "ERROR:503:engine_restarted:retry ") != 0)
            fail_msg("bad frame %zu: %s", i, l.text.p);
        char c;
        assert_int_equal(recv(engine, &c, 1, 0), 0); /* the link is closed */
        base_buf_release(&l.text);
    }
    static const char *const raw[] = {"\xff\xff\xff\xff\x13", "\x04\0\0\0\x13",
                                      "\x05\0\0\0\x7f\1\0\0\0"};
    static const size_t raw_n[] = {5, 5, 9};
    for (size_t i = 0; i < 3; i++) {
        struct log l;
        attach();
        start(&l, &r, 1000, 1000);
        (void)heard();
        assert_int_equal(send(engine, raw[i], raw_n[i], MSG_NOSIGNAL), raw_n[i]);
        turns(3);
        assert_string_equal(l.text.p, "ERROR:503:engine_restarted:retry ");
        base_buf_release(&l.text);
    }
}

static void test_restart(void **state)
{
    (void)state;
    struct log l[5];
    struct chat_request r = request_of("hi");
    attach();
    for (int i = 0; i < 5; i++)
        start(&l[i], &r, 1000, 1000);
    attach(); /* a new engine: what ran on the old one ends */
    for (int i = 0; i < 5; i++) {
        assert_string_equal(l[i].text.p, "ERROR:503:engine_restarted:retry ");
        base_buf_release(&l[i].text);
    }
    struct log again;
    start(&again, &r, 1000, 1000);
    say(ENG_FRAME_FINISH, heard().id, FINISH);
    turns(2);
    assert_int_equal(again.last, 1);
    base_buf_release(&again.text);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    link_ = gw_engine_link_new(base);
    arena = base_arena_new(1 << 20);
    base_buf_init(&sent, 1 << 24);
    return base && link_ && arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gw_engine_link_free(link_);
    event_base_free(base);
    base_arena_free(arena);
    base_buf_release(&sent);
    close(engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),        cmocka_unit_test(test_submit),
        cmocka_unit_test(test_submit_prompt), cmocka_unit_test(test_status),
        cmocka_unit_test(test_experts),       cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_cancel),        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_calls),
        cmocka_unit_test(test_extras),        cmocka_unit_test(test_restart)};
    return cmocka_run_group_tests_name("gateway_engine_link", tests, setup, teardown);
}
