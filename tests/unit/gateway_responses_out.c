/* Goal: OpenAI's Responses dialect writes the events and objects of an answer in the order that
 * OpenAI documents, however an answer comes.
 *
 * Method: canonical events through reply_event; what comes out is parsed again and held against the
 * rules of the protocol by one checker: sequence numbers without gaps, items open, grow and close,
 * the deltas of a part are its text, the last event is the whole.
 */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include <stdarg.h>
#include <stdlib.h>
// clang-format off
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

static const struct gw_dialect *const d = &gw_dialect_openai_responses;

static void is(struct base_str s, const char *z)
{
    if (!base_str_is(s, z))
        fail_msg("\"%.*s\" instead of \"%s\"", BASE_FMT(s), z);
}

static json_t *load(struct base_str s)
{
    json_t *o = gw_json_load(s, false, NULL);
    if (!o)
        fail_msg("no JSON object: %.*s", BASE_FMT(s));
    return o;
}

static struct chat_request asked = {.echo = BASE_STR("{\"parallel_tool_calls\":true,\"tools\":[],"
                                                     "\"tool_choice\":\"auto\"}")};

static struct gw_reply *reply(struct base_arena *a, bool stream, bool late)
{
    struct gw_reply_meta m = {.id = BASE_STR("resp_req1"),
                              .model = BASE_STR("eu/gpt \"x\""),
                              .created_s = 1700000000,
                              .asked = &asked,
                              .pieces_late = late};
    struct gw_reply *r = d->reply_new(a, &m, stream);
    assert_non_null(r);
    return r;
}

#define TEXT(s)    ((struct chat_event){.kind = CHAT_EV_TEXT, .text = BASE_STR(s)})
#define THOUGHT(s) ((struct chat_event){.kind = CHAT_EV_REASONING, .text = BASE_STR(s)})
#define REFUSAL(s) ((struct chat_event){.kind = CHAT_EV_REFUSAL, .text = BASE_STR(s)})
#define CALL(i, n)                                                                                 \
    ((struct chat_event){                                                                          \
        .kind = CHAT_EV_TOOL_CALL, .index = (i), .id = BASE_STR("c" #i), .name = BASE_STR(n)})
#define ARGS(i, s)                                                                                 \
    ((struct chat_event){.kind = CHAT_EV_TOOL_ARGS, .index = (i), .text = BASE_STR(s)})
#define USAGE(i, o)                                                                                \
    ((struct chat_event){.kind = CHAT_EV_USAGE,                                                    \
                         .usage = {.set = true, .input_tokens = (i), .output_tokens = (o)}})
#define FINISH(f) ((struct chat_event){.kind = CHAT_EV_FINISH, .finish = (f)})
#define KIND(k)   ((struct chat_event){.kind = (k)})

#define EVENTS_MAX 1024
#define ITEMS      80

/* What a stream said, checked as it is read. */
struct seen {
    json_t *ev[EVENTS_MAX];
    size_t n;
    char kinds[32768]; /* the types without "response.", a blank behind each */
    json_t *last;      /* the last event's response, or NULL; borrowed */
};

static const char *type_of(const json_t *ev)
{
    return json_string_value(json_object_get(ev, "type"));
}

static void read_events(struct base_str out, struct seen *s)
{
    s->n = 0;
    s->kinds[0] = '\0';
    while (out.n > 0) {
        size_t end = base_str_find(out, BASE_STR("\n\n"), 0);
        size_t line = base_str_find(out, BASE_STR("\n"), 0);
        assert_true(end != SIZE_MAX && line < end && s->n < EVENTS_MAX);
        assert_true(base_str_starts(out, BASE_STR("event: ")));
        struct base_str data = base_str_n(out.p + line + 1, end - line - 1);
        assert_true(base_str_starts(data, BASE_STR("data: ")));
        json_t *ev = load(base_str_n(data.p + 6, data.n - 6));
        is(base_str_n(out.p + 7, line - 7), type_of(ev));
        assert_int_equal(json_integer_value(json_object_get(ev, "sequence_number")), s->n);
        s->ev[s->n++] = ev;
        const char *short_name = type_of(ev);
        if (strncmp(short_name, "response.", 9) == 0)
            short_name += 9;
        size_t used = strlen(s->kinds);
        snprintf(s->kinds + used, sizeof s->kinds - used, "%s ", short_name);
        out = base_str_n(out.p + end + 2, out.n - end - 2);
    }
    s->last = s->n ? json_object_get(s->ev[s->n - 1], "response") : NULL;
}

/* Items open in order, nothing is said of one that is closed, deltas are what the done event says,
 * and the last event holds exactly the items that were done. */
static void check_items(const struct seen *s)
{
    json_t *done[ITEMS] = {0};
    bool open[ITEMS] = {0};
    struct base_buf said[ITEMS][2];
    size_t n = 0;

    for (size_t i = 2; i + 1 < s->n; i++) {
        json_t *ev = s->ev[i];
        const char *type = type_of(ev) + 9;
        size_t at = (size_t)json_integer_value(json_object_get(ev, "output_index"));
        assert_true(at < ITEMS);
        const json_t *place = json_object_get(ev, "content_index");
        if (!place)
            place = json_object_get(ev, "summary_index");
        size_t part = (size_t)json_integer_value(place);
        if (strcmp(type, "output_item.added") == 0) {
            assert_int_equal(at, n);
            open[n] = true;
            base_buf_init(&said[n][0], 1u << 16);
            base_buf_init(&said[n++][1], 1u << 16);
            continue;
        }
        assert_true(at < n && open[at] && part < 2);
        if (strcmp(type, "output_item.done") == 0) {
            open[at] = false;
            done[at] = json_object_get(ev, "item");
        } else if (strstr(type, ".delta")) {
            base_buf_str(&said[at][part], gw_json_get_str(ev, "delta"));
        } else if (strstr(type, "arguments.done")) {
            assert_true(base_str_eq(base_buf_view(&said[at][0]), gw_json_get_str(ev, "arguments")));
        } else if (strstr(type, "input.done")) {
            assert_true(base_str_eq(base_buf_view(&said[at][0]), gw_json_get_str(ev, "input")));
        } else if (strstr(type, "refusal.done")) {
            assert_true(
                base_str_eq(base_buf_view(&said[at][part]), gw_json_get_str(ev, "refusal")));
        } else if (strstr(type, "text.done")) {
            assert_true(base_str_eq(base_buf_view(&said[at][part]), gw_json_get_str(ev, "text")));
        }
    }
    json_t *output = json_object_get(s->last, "output");
    assert_int_equal(json_array_size(output), n);
    for (size_t i = 0; i < n; i++) {
        assert_false(open[i]);
        assert_true(json_equal(done[i], json_array_get(output, i)));
        base_buf_release(&said[i][0]);
        base_buf_release(&said[i][1]);
    }
}

static void seen_free(struct seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        json_decref(s->ev[i]);
}

/* Feeds events, a finish and the end; what came out -> *s, checked. */
static void answer(bool late, const struct chat_event *ev, size_t n, enum chat_finish finish,
                   struct seen *s)
{
    struct base_arena *a = base_arena_new(4u << 20);
    struct base_buf out;
    base_buf_init(&out, 4u << 20);
    struct gw_reply *r = reply(a, true, late);
    const struct chat_event usage = USAGE(9, 4), end = KIND(CHAT_EV_END);
    const struct chat_event fin = FINISH(finish);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(d->reply_event(r, &ev[i], &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &fin, &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &usage, &out, NULL), BASE_OK);
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("response.completed"), 0),
                     SIZE_MAX);
    assert_int_equal(d->reply_event(r, &end, &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &end, &out, NULL), BASE_EBUG);
    read_events(base_buf_view(&out), s);
    check_items(s);
    base_buf_release(&out);
    base_arena_free(a);
}

#define SAID(late, finish, s, ...)                                                                 \
    do {                                                                                           \
        const struct chat_event events_[] = {__VA_ARGS__};                                         \
        answer(late, events_, sizeof events_ / sizeof *events_, finish, s);                        \
    } while (0)

static const json_t *item(const struct seen *s, size_t i)
{
    return json_array_get(json_object_get(s->last, "output"), i);
}

static void test_order_of_a_text(void **state)
{
    struct seen s;
    (void)state;
    SAID(false, CHAT_FINISH_STOP, &s, KIND(CHAT_EV_START), TEXT("Hel\"lo"), TEXT("\n"));
    assert_string_equal(s.kinds, "created in_progress output_item.added content_part.added "
                                 "output_text.delta output_text.delta output_text.done "
                                 "content_part.done output_item.done completed ");
    is(gw_json_get_str(s.last, "status"), "completed");
    is(gw_json_get_str(s.last, "id"), "resp_req1");
    is(gw_json_get_str(s.last, "object"), "response");
    is(gw_json_get_str(s.last, "model"), "eu/gpt \"x\"");
    is(gw_json_get_str(s.last, "tool_choice"), "auto");
    assert_true(json_is_integer(json_object_get(s.last, "completed_at")));
    is(gw_json_get_str(item(&s, 0), "id"), "msg_req1_0");
    const json_t *part = json_array_get(json_object_get(item(&s, 0), "content"), 0);
    is(gw_json_get_str(part, "text"), "Hel\"lo\n");
    const json_t *u = gw_json_get_obj(s.last, "usage");
    assert_int_equal(gw_json_get_count(u, "total_tokens"), 13);
    assert_non_null(gw_json_get_obj(u, "input_tokens_details"));
    assert_non_null(gw_json_get_obj(u, "output_tokens_details"));
    /* the first event has the answer as it is then */
    const json_t *first = json_object_get(s.ev[0], "response");
    is(gw_json_get_str(first, "status"), "in_progress");
    assert_true(json_is_null(json_object_get(first, "usage")));
    assert_int_equal(json_array_size(json_object_get(first, "output")), 0);
    seen_free(&s);
}

static void test_order_of_several_items(void **state)
{
    struct seen s;
    (void)state;
    SAID(false, CHAT_FINISH_TOOL_CALLS, &s, THOUGHT("hm"), THOUGHT("m"), TEXT("so"), REFUSAL("no"),
         CALL(0, "f"), ARGS(0, "{\"a\""), ARGS(0, ":1}"), CALL(1, "g"), ARGS(1, "{}"));
    assert_string_equal(
        s.kinds, "created in_progress output_item.added content_part.added reasoning_text.delta "
                 "reasoning_text.delta reasoning_text.done content_part.done output_item.done "
                 "output_item.added content_part.added output_text.delta content_part.added "
                 "refusal.delta output_text.done content_part.done refusal.done content_part.done "
                 "output_item.done output_item.added function_call_arguments.delta "
                 "function_call_arguments.delta function_call_arguments.done output_item.done "
                 "output_item.added function_call_arguments.delta function_call_arguments.done "
                 "output_item.done completed ");
    is(gw_json_get_str(item(&s, 2), "call_id"), "c0");
    is(gw_json_get_str(item(&s, 2), "arguments"), "{\"a\":1}");
    is(gw_json_get_str(item(&s, 3), "name"), "g");
    is(gw_json_get_str(item(&s, 3), "id"), "fc_req1_3");
    assert_int_equal(json_array_size(json_object_get(item(&s, 1), "content")), 2);
    seen_free(&s);
}

/* A restorer lets go of what it held after the next channel has begun. */
static void test_late_pieces_find_their_item(void **state)
{
    struct seen s;
    (void)state;
    SAID(true, CHAT_FINISH_TOOL_CALLS, &s, THOUGHT("a"), TEXT("x"), CALL(0, "f"), ARGS(0, "{"),
         CALL(1, "g"), THOUGHT("b"), TEXT("y"), ARGS(0, "}"), ARGS(1, "{}"));
    assert_int_equal(json_array_size(json_object_get(s.last, "output")), 4);
    is(gw_json_get_str(json_array_get(json_object_get(item(&s, 0), "content"), 0), "text"), "ab");
    is(gw_json_get_str(json_array_get(json_object_get(item(&s, 1), "content"), 0), "text"), "xy");
    is(gw_json_get_str(item(&s, 2), "arguments"), "{}");
    seen_free(&s);
}

/* Whole answers have thoughts in front, whatever came out of the guard first. */
static void test_thoughts_stand_in_front(void **state)
{
    const struct chat_event ev[] = {TEXT("x"), THOUGHT("m"), FINISH(CHAT_FINISH_STOP),
                                    KIND(CHAT_EV_END)};
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, false, true);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(d->reply_event(r, &ev[i], &out, NULL), BASE_OK);
    json_t *whole = load(base_buf_view(&out));
    const json_t *items = json_object_get(whole, "output");
    assert_int_equal(json_array_size(items), 2);
    is(gw_json_get_str(json_array_get(items, 0), "type"), "reasoning");
    is(gw_json_get_str(json_array_get(items, 1), "type"), "message");
    json_decref(whole);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_a_summary_where_one_was_asked_for(void **state)
{
    struct seen s;
    (void)state;
    asked.reasoning_summary = true;
    SAID(false, CHAT_FINISH_STOP, &s, THOUGHT("hm"), TEXT("x"));
    asked.reasoning_summary = false;
    assert_non_null(strstr(s.kinds, "reasoning_summary_part.added reasoning_summary_text.delta "
                                    "reasoning_summary_text.done reasoning_summary_part.done "));
    const json_t *part = json_array_get(json_object_get(item(&s, 0), "summary"), 0);
    is(gw_json_get_str(part, "type"), "summary_text");
    is(gw_json_get_str(part, "text"), "hm");
    assert_null(json_object_get(item(&s, 0), "content"));
    seen_free(&s);
}

/* The call of a custom tool has an input, which is known when its JSON is whole. */
static void test_calls_of_custom_tools(void **state)
{
    struct chat_tool tool = {.name = BASE_STR("patch"), .freeform = true};
    struct seen s;
    (void)state;
    asked.tools = &tool;
    asked.n_tools = 1;
    for (int late = 0; late < 2; late++) {
        SAID(late, CHAT_FINISH_TOOL_CALLS, &s, CALL(0, "patch"), ARGS(0, "{\"input\":\"a\\"),
             ARGS(0, "n\\u00fc\"}"), CALL(1, "other"), ARGS(1, "{}"), CALL(2, "patch"),
             ARGS(2, "no JSON"));
        is(gw_json_get_str(item(&s, 0), "type"), "custom_tool_call");
        is(gw_json_get_str(item(&s, 0), "input"), "a\n\xc3\xbc");
        is(gw_json_get_str(item(&s, 0), "id"), "ctc_req1_0");
        assert_null(json_object_get(item(&s, 0), "arguments"));
        is(gw_json_get_str(item(&s, 1), "type"), "function_call");
        is(gw_json_get_str(item(&s, 2), "input"), "no JSON");
        assert_non_null(strstr(s.kinds, "custom_tool_call_input.delta custom_tool_call_input.done "
                                        "output_item.done "));
        seen_free(&s);
    }
    asked.tools = NULL;
    asked.n_tools = 0;
}

static void test_how_an_answer_ends(void **state)
{
    static const struct {
        enum chat_finish finish;
        const char *word, *status, *reason;
    } ends[] = {{CHAT_FINISH_STOP, "", "completed", NULL},
                {CHAT_FINISH_STOP_SEQUENCE, "", "completed", NULL},
                {CHAT_FINISH_TOOL_CALLS, "", "completed", NULL},
                {CHAT_FINISH_LENGTH, "", "incomplete", "max_output_tokens"},
                {CHAT_FINISH_CONTENT_FILTER, "", "incomplete", "content_filter"},
                {CHAT_FINISH_OTHER, "eos", "completed", NULL},
                {CHAT_FINISH_OTHER, "insufficient_system_resource", "incomplete",
                 "insufficient_system_resource"}};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        for (int stream = 0; stream < 2; stream++) {
            struct base_arena *a = base_arena_new(1u << 20);
            struct base_buf out;
            struct seen s = {0};
            base_buf_init(&out, 1u << 20);
            struct gw_reply *r = reply(a, stream, false);
            struct chat_event fin = FINISH(ends[i].finish);
            fin.text = base_str_c(ends[i].word);
            assert_int_equal(d->reply_event(r, &TEXT("x"), &out, NULL), BASE_OK);
            assert_int_equal(d->reply_event(r, &fin, &out, NULL), BASE_OK);
            assert_true(stream || out.n == 0); /* nothing before the end */
            assert_int_equal(d->reply_event(r, &KIND(CHAT_EV_END), &out, NULL), BASE_OK);
            if (stream)
                read_events(base_buf_view(&out), &s);
            json_t *whole = stream ? s.last : load(base_buf_view(&out));
            is(gw_json_get_str(whole, "status"), ends[i].status);
            is(gw_json_get_str(json_array_get(json_object_get(whole, "output"), 0), "status"),
               ends[i].status);
            const json_t *details = json_object_get(whole, "incomplete_details");
            if (ends[i].reason)
                is(gw_json_get_str(details, "reason"), ends[i].reason);
            else
                assert_true(json_is_null(details));
            if (stream)
                assert_non_null(strstr(s.kinds, ends[i].reason ? " incomplete " : " completed "));
            else
                json_decref(whole);
            seen_free(&s);
            base_buf_release(&out);
            base_arena_free(a);
        }
    }
}

static void test_an_answer_of_nothing_is_an_empty_message(void **state)
{
    struct seen s;
    (void)state;
    SAID(false, CHAT_FINISH_STOP, &s, TEXT(""), ARGS(0, ""));
    is(gw_json_get_str(item(&s, 0), "type"), "message");
    is(gw_json_get_str(json_array_get(json_object_get(item(&s, 0), "content"), 0), "text"), "");
    seen_free(&s);
}

static void test_a_call_without_arguments(void **state)
{
    struct seen s;
    (void)state;
    SAID(false, CHAT_FINISH_TOOL_CALLS, &s, CALL(0, "f"));
    is(gw_json_get_str(item(&s, 0), "arguments"), "");
    assert_non_null(strstr(s.kinds, "output_item.added function_call_arguments.done "));
    seen_free(&s);
}

/* A model that changes between thought and text all the time does not make items without end. */
static void test_switching_is_bounded(void **state)
{
    struct chat_event ev[200];
    struct seen s;
    (void)state;
    for (size_t i = 0; i < 200; i++)
        ev[i] = i % 2 ? TEXT("x") : THOUGHT("m");
    answer(false, ev, 200, CHAT_FINISH_STOP, &s);
    assert_in_range(json_array_size(json_object_get(s.last, "output")), 64, 66);
    seen_free(&s);
}

static void test_a_cut_stream_says_so_twice(void **state)
{
    const struct chat_event err = {.kind = CHAT_EV_ERROR,
                                   .error = {.status = 502,
                                             .type = BASE_STR("server_error"),
                                             .code = BASE_STR("upstream_error"),
                                             .message = BASE_STR("it broke")}};
    (void)state;
    for (int said = 0; said < 2; said++) {
        struct base_arena *a = base_arena_new(1u << 20);
        struct base_buf out;
        struct seen s;
        base_buf_init(&out, 1u << 20);
        struct gw_reply *r = reply(a, true, false);
        if (said)
            assert_int_equal(d->reply_event(r, &TEXT("x"), &out, NULL), BASE_OK);
        assert_int_equal(d->reply_event(r, &err, &out, NULL), BASE_OK);
        assert_int_equal(d->reply_event(r, &KIND(CHAT_EV_END), &out, NULL), BASE_EBUG);
        read_events(base_buf_view(&out), &s);
        assert_non_null(strstr(s.kinds, "error failed "));
        assert_null(strstr(s.kinds, "completed"));
        const json_t *e = s.ev[s.n - 2];
        is(gw_json_get_str(e, "message"), "it broke");
        is(gw_json_get_str(e, "code"), "upstream_error");
        is(gw_json_get_str(gw_json_get_obj(e, "error"), "message"), "it broke");
        is(gw_json_get_str(s.last, "status"), "failed");
        is(gw_json_get_str(gw_json_get_obj(s.last, "error"), "code"), "server_error");
        seen_free(&s);
        base_buf_release(&out);
        base_arena_free(a);
    }
}

static void test_another_route_starts_again(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, false, false);
    assert_int_equal(d->reply_event(r, &TEXT("first"), &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &KIND(CHAT_EV_START), &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &TEXT("second"), &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &KIND(CHAT_EV_END), &out, NULL), BASE_OK);
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("first"), 0), SIZE_MAX);
    assert_true(base_str_find(base_buf_view(&out), BASE_STR("second"), 0) < out.n);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_what_does_not_fit(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 600);
    struct gw_reply *r = reply(a, true, false);
    assert_int_equal(d->reply_event(r, &TEXT("x"), &out, NULL), BASE_LIMIT);
    base_buf_release(&out);
    base_buf_init(&out, 1u << 20);
    r = reply(a, true, false);
    assert_int_equal(d->reply_event(r, &ARGS(3, "{}"), &out, NULL), BASE_EBUG);
    base_buf_release(&out);
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_a_text),
        cmocka_unit_test(test_order_of_several_items),
        cmocka_unit_test(test_late_pieces_find_their_item),
        cmocka_unit_test(test_thoughts_stand_in_front),
        cmocka_unit_test(test_a_summary_where_one_was_asked_for),
        cmocka_unit_test(test_calls_of_custom_tools),
        cmocka_unit_test(test_how_an_answer_ends),
        cmocka_unit_test(test_an_answer_of_nothing_is_an_empty_message),
        cmocka_unit_test(test_a_call_without_arguments),
        cmocka_unit_test(test_switching_is_bounded),
        cmocka_unit_test(test_a_cut_stream_says_so_twice),
        cmocka_unit_test(test_another_route_starts_again),
        cmocka_unit_test(test_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
