/* Goal: OpenAI's older completions: a prompt becomes one user message and nothing else, what cannot
 * be done is refused by name, and answers have the shape that the SDK types.
 *
 * Method: bodies through parse, events through reply_event, the output parsed again. */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include <stdarg.h>
#include <stdlib.h>
// clang-format off
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

static const struct gw_dialect *const d = &gw_dialect_openai_completions;

struct fx {
    struct base_arena *a;
    struct chat_request r;
    struct gw_api_error e;
    enum base_status st;
};

static void parse(struct fx *f, const char *body)
{
    f->a = base_arena_new(1u << 20);
    assert_non_null(f->a);
    f->e = (struct gw_api_error){0};
    f->st = d->parse(base_str_c(body), f->a, &f->r, &f->e);
}

static void is(struct base_str s, const char *z)
{
    if (!base_str_is(s, z))
        fail_msg("\"%.*s\" instead of \"%s\"", BASE_FMT(s), z);
}

static void test_prompt(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"prompt\":\"Once\",\"stop\":\"x\",\"stream\":true,\"temperature\":1,"
        "\"x\":1,"
        "\"stream_options\":{\"include_usage\":true},\"user\":\"u\",\"n\":1,\"best_of\":1,\"echo\":"
        "false}",
        "{\"model\":\"m\",\"prompt\":[\"Once\"],\"stop\":[\"x\"],\"stream\":true,\"temperature\":1,"
        "\"stream_options\":{\"include_usage\":true},\"user\":\"u\",\"suffix\":null,\"x\":1}"};
    struct fx f;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        parse(&f, bodies[i]);
        assert_int_equal(f.st, BASE_OK);
        assert_int_equal(f.r.dialect, CHAT_DIALECT_OPENAI_COMPLETIONS);
        assert_int_equal(f.r.n_messages, 1);
        assert_int_equal(f.r.messages[0].role, CHAT_USER);
        assert_int_equal(f.r.messages[0].n_parts, 1);
        is(f.r.messages[0].parts[0].text, "Once");
        assert_true(f.r.max_tokens.set && f.r.max_tokens.v == 16);
        assert_true(f.r.stream && f.r.include_usage && f.r.temperature.v == 1);
        is(f.r.stop[0], "x");
        is(f.r.user, "u");
        is(f.r.extra, "{\"x\":1}");
        base_arena_free(f.a);
    }
    parse(&f, "{\"model\":\"m\",\"prompt\":\"\",\"max_tokens\":99,\"parse_special\":true}");
    assert_int_equal(f.st, BASE_OK);
    assert_true(f.r.max_tokens.v == 99);
    is(f.r.extra, "{\"parse_special\":true}");
    base_arena_free(f.a);
}

static void test_refusals_name_the_member(void **state)
{
    static const char *const cases[][2] = {
        {"\"x\":1", "prompt"},
        {"\"prompt\":null", "prompt"},
        {"\"prompt\":7", "prompt"},
        {"\"prompt\":{}", "prompt"},
        {"\"prompt\":[]", "prompt"},
        {"\"prompt\":[1,2]", "prompt"},
        {"\"prompt\":[[1,2]]", "prompt"},
        {"\"prompt\":[\"a\",\"b\"]", "prompt"},
        {"\"prompt\":[\"a\",1]", "prompt"},
        {"\"prompt\":[{}]", "prompt"},
        {"\"prompt\":\"x\",\"n\":2", "n"},
        {"\"prompt\":\"x\",\"n\":\"1\"", "n"},
        {"\"prompt\":\"x\",\"best_of\":2", "best_of"},
        {"\"prompt\":\"x\",\"echo\":true", "echo"},
        {"\"prompt\":\"x\",\"echo\":1", "echo"},
        {"\"prompt\":\"x\",\"suffix\":\"s\"", "suffix"},
        {"\"prompt\":\"x\",\"logprobs\":0", "logprobs"},
        {"\"prompt\":\"x\",\"messages\":[]", "messages"},
        {"\"prompt\":\"x\",\"input\":\"x\"", "input"},
        {"\"prompt\":\"x\",\"tools\":[]", "tools"},
        {"\"prompt\":\"x\",\"max_completion_tokens\":5", "max_completion_tokens"},
        {"\"prompt\":\"x\",\"parse_special\":1", "parse_special"},
        {"\"prompt\":\"x\",\"max_tokens\":0", "max_tokens"},
        {"\"prompt\":\"x\",\"temperature\":-1", "temperature"},
        {"\"prompt\":\"x\",\"stream_options\":{}", "stream_options"},
    };
    struct fx f;
    char body[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\",%s}", cases[i][0]);
        parse(&f, body);
        if (f.st != BASE_EINVAL || f.e.status != 400 || !base_str_is(f.e.param, cases[i][1]))
            fail_msg("%s: %d %.*s", body, f.st, BASE_FMT(f.e.param));
        base_arena_free(f.a);
    }
    parse(&f, "{\"prompt\":\"x\"}");
    is(f.e.param, "model");
    base_arena_free(f.a);
    parse(&f, "[]");
    is(f.e.code, "invalid_json");
    base_arena_free(f.a);
}

/* ---- answers ---- */

static struct gw_reply *reply(struct base_arena *a, bool stream, bool usage)
{
    struct gw_reply_meta m = {.id = BASE_STR("cmpl-1"),
                              .model = BASE_STR("local/m"),
                              .created_s = 1700000000,
                              .include_usage = usage};
    struct gw_reply *r = d->reply_new(a, &m, stream);
    assert_non_null(r);
    return r;
}

/* Thoughts, text, a call that nobody asked for, and the end. */
static void say(struct gw_reply *r, struct base_buf *out, enum chat_finish finish)
{
    const struct chat_event ev[] = {
        {.kind = CHAT_EV_START},
        {.kind = CHAT_EV_REASONING, .text = BASE_STR("hidden")},
        {.kind = CHAT_EV_TEXT, .text = BASE_STR("upon \"a")},
        {.kind = CHAT_EV_TEXT, .text = BASE_STR("")},
        {.kind = CHAT_EV_REFUSAL, .text = BASE_STR(" time")},
        {.kind = CHAT_EV_TOOL_CALL, .id = BASE_STR("c"), .name = BASE_STR("hidden")},
        {.kind = CHAT_EV_FINISH, .finish = finish},
        {.kind = CHAT_EV_USAGE, .usage = {.set = true, .input_tokens = 2, .output_tokens = 3}},
        {.kind = CHAT_EV_END}};
    for (size_t i = 0; i < sizeof ev / sizeof *ev; i++)
        assert_int_equal(d->reply_event(r, &ev[i], out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &ev[8], out, NULL), BASE_EBUG);
}

static void test_whole(void **state)
{
    static const struct {
        enum chat_finish finish;
        const char *word;
    } ends[] = {{CHAT_FINISH_STOP, "stop"},
                {CHAT_FINISH_LENGTH, "length"},
                {CHAT_FINISH_CONTENT_FILTER, "content_filter"},
                {CHAT_FINISH_TOOL_CALLS, "stop"}};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct base_arena *a = base_arena_new(1u << 20);
        struct base_buf out;
        base_buf_init(&out, 1u << 20);
        say(reply(a, false, false), &out, ends[i].finish);
        json_t *o = gw_json_load(base_buf_view(&out), false, NULL);
        const json_t *c = json_array_get(json_object_get(o, "choices"), 0);
        is(gw_json_get_str(o, "object"), "text_completion");
        is(gw_json_get_str(o, "id"), "cmpl-1");
        is(gw_json_get_str(c, "text"), "upon \"a time");
        is(gw_json_get_str(c, "finish_reason"), ends[i].word);
        assert_true(json_is_null(json_object_get(c, "logprobs")));
        assert_int_equal(gw_json_get_count(gw_json_get_obj(o, "usage"), "total_tokens"), 5);
        json_decref(o);
        base_buf_release(&out);
        base_arena_free(a);
    }
}

static void test_stream(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    struct base_str rest;
    int n = 0;
    (void)state;
    base_buf_init(&out, 1u << 20);
    say(reply(a, true, true), &out, CHAT_FINISH_LENGTH);
    for (rest = base_buf_view(&out); !base_str_is(rest, "data: [DONE]\n\n"); n++) {
        size_t end = base_str_find(rest, BASE_STR("\n\n"), 0);
        assert_true(end != SIZE_MAX && base_str_starts(rest, BASE_STR("data: ")));
        json_t *o = gw_json_load(base_str_n(rest.p + 6, end - 6), false, NULL);
        const json_t *c = json_array_get(json_object_get(o, "choices"), 0);
        is(gw_json_get_str(o, "object"), "text_completion");
        if (n < 2)
            is(gw_json_get_str(c, "text"), n ? " time" : "upon \"a");
        if (n == 2)
            is(gw_json_get_str(c, "finish_reason"), "length");
        else if (c)
            assert_true(json_is_null(json_object_get(c, "finish_reason")));
        assert_int_equal(json_is_null(json_object_get(o, "usage")), n < 3);
        json_decref(o);
        rest = base_str_n(rest.p + end + 2, rest.n - end - 2);
    }
    assert_int_equal(n, 4);
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("hidden"), 0), SIZE_MAX);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_cut_stream(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    const struct chat_event text = {.kind = CHAT_EV_TEXT, .text = BASE_STR("x")},
                            err = {.kind = CHAT_EV_ERROR, .error.message = BASE_STR("it broke")};
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, true, false);
    assert_int_equal(d->reply_event(r, &text, &out, NULL), BASE_OK);
    assert_int_equal(d->reply_event(r, &err, &out, NULL), BASE_OK);
    assert_true(base_str_find(base_buf_view(&out), BASE_STR("\"error\":{\"message\":\"it broke\""),
                              0) < out.n);
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("[DONE]"), 0), SIZE_MAX);
    base_buf_release(&out);
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prompt),     cmocka_unit_test(test_refusals_name_the_member),
        cmocka_unit_test(test_whole),      cmocka_unit_test(test_stream),
        cmocka_unit_test(test_cut_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
