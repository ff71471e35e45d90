/* Goal: the OpenAI chat dialect reads every kind of request into the right place and nowhere else,
 * refuses malformed ones with a 400 that names the member, and writes answers that OpenAI's SDK
 * accepts (contract: same id/created/model everywhere, role first, usage rules, [DONE] only after
 * the end).
 *
 * Method: bodies as text through gw_dialect_openai_chat.parse; events through reply_event, the
 * output parsed again with jansson and compared member by member. */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include <stdarg.h>
#include <stdlib.h>
// clang-format off
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

static const struct gw_dialect *const d = &gw_dialect_openai_chat;

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

static void parse_ok(struct fx *f, const char *body)
{
    parse(f, body);
    if (f->st != BASE_OK)
        fail_msg("refused: %.*s (%.*s)", BASE_FMT(f->e.message), BASE_FMT(f->e.param));
}

static void is(struct base_str s, const char *z)
{
    if (!base_str_is(s, z))
        fail_msg("\"%.*s\" instead of \"%s\"", BASE_FMT(s), z);
}

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void test_plain(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(&f, "{\"model\":\"auto\",\"messages\":["
                 "{\"role\":\"system\",\"content\":\"be brief\"},"
                 "{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"dev\"}]},"
                 "{\"role\":\"user\",\"name\":\"ann\",\"content\":\"Gr\\u00fc\\u00dfe\"}],"
                 "\"temperature\":0.7,\"top_p\":1,\"max_tokens\":50,\"seed\":7,\"stop\":\"\\n\","
                 "\"presence_penalty\":-1.5,\"frequency_penalty\":2,\"user\":\"u1\",\"n\":1,"
                 "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"top_k\":40}");
    assert_int_equal(f.r.dialect, CHAT_DIALECT_OPENAI_CHAT);
    is(f.r.model, "auto");
    assert_int_equal(f.r.n_messages, 3);
    assert_int_equal(f.r.messages[1].role, CHAT_DEVELOPER);
    is(f.r.messages[1].parts[0].text, "dev");
    is(f.r.messages[2].name, "ann");
    is(f.r.messages[2].parts[0].text, "Gr\xc3\xbc\xc3\x9f"
                                      "e");
    assert_true(f.r.temperature.set && f.r.temperature.v == 0.7);
    assert_true(f.r.top_p.set && f.r.top_p.v == 1);
    assert_true(f.r.max_tokens.set && f.r.max_tokens.v == 50);
    assert_true(f.r.seed.set && f.r.seed.v == 7);
    assert_true(f.r.presence_penalty.v == -1.5 && f.r.frequency_penalty.v == 2);
    assert_true(f.r.top_k.set && f.r.top_k.v == 40);
    assert_false(f.r.min_p.set);
    assert_int_equal(f.r.n_stop, 1);
    is(f.r.stop[0], "\n");
    is(f.r.user, "u1");
    assert_true(f.r.stream && f.r.include_usage);
    assert_int_equal(f.r.extra.n, 0);
    base_arena_free(f.a);
}

static void test_parts(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(&f,
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
             "{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},"
             "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}},"
             "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},"
             "{\"type\":\"hologram\",\"x\":[1,2.5]}]}]}");
    assert_int_equal(f.r.messages[0].n_parts, 4);
    const struct chat_part *p = f.r.messages[0].parts;
    assert_int_equal(p[0].kind, CHAT_PART_TEXT);
    is(p[0].extra, "{\"cache_control\":{\"type\":\"ephemeral\"}}");
    for (int i = 1; i < 4; i++)
        assert_int_equal(p[i].kind, CHAT_PART_OPAQUE);
    is(p[1].raw, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}");
    is(p[3].raw, "{\"type\":\"hologram\",\"x\":[1,2.5]}");
    assert_true(chat_request_has_opaque(&f.r));
    base_arena_free(f.a);
}

static void test_tools(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(
        &f,
        "{\"model\":\"m\",\"messages\":["
        "{\"role\":\"user\",\"content\":\"weather?\"},"
        "{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"audio\":null,"
        "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","
        "\"index\":0,\"function\":{\"name\":\"w\",\"arguments\":\"{\\\"c\\\":1}\"}},"
        "{\"id\":\"c2\",\"type\":\"custom\",\"custom\":{\"name\":\"z\",\"input\":\"q\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"18\"},{\"type\":\"text\",\"text\":\" C\"},{\"type\":\"image_url\",\"image_url\":{}}]}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"dd\","
        "\"parameters\":{\"type\":\"object\"},\"strict\":true},\"x\":1},"
        "{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}],"
        "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}}}");
    const struct chat_message *m = &f.r.messages[1];
    assert_int_equal(m->n_parts, 3);
    assert_int_equal(m->parts[0].kind, CHAT_PART_REASONING);
    is(m->parts[0].text, "hm");
    assert_int_equal(m->parts[1].kind, CHAT_PART_TOOL_CALL);
    is(m->parts[1].id, "c1");
    is(m->parts[1].name, "w");
    is(m->parts[1].text, "{\"c\":1}");
    is(m->parts[1].extra, "{\"index\":0}");
    assert_int_equal(m->parts[2].kind, CHAT_PART_OPAQUE);
    is(m->parts[2].name, "tool_calls");
    is(m->extra, "{\"audio\":null}");
    m = &f.r.messages[2];
    assert_int_equal(m->role, CHAT_TOOL);
    assert_int_equal(m->n_parts, 3);
    assert_int_equal(m->parts[1].kind, CHAT_PART_TOOL_RESULT);
    is(m->parts[1].id, "c1");
    is(m->parts[1].text, " C");
    assert_int_equal(m->parts[2].kind, CHAT_PART_OPAQUE);
    is(m->parts[2].id, "c1");
    assert_int_equal(f.r.n_tools, 2);
    is(f.r.tools[0].schema, "{\"type\":\"object\"}");
    is(f.r.tools[0].description, "dd");
    is(f.r.tools[0].extra, "{\"x\":1,\"function\":{\"strict\":true}}");
    assert_int_equal(f.r.tools[1].name.n, 0);
    is(f.r.tools[1].extra, "{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}");
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_NAMED);
    is(f.r.tool_choice_name, "w");
    base_arena_free(f.a);
}

static void test_extra(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(&f,
             "{\"model\":\"m\",\"logit_bias\":{\"50256\":-100},\"x_new\":[0.1,1e300,\"\\u00e4\"],"
             "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"weight\":1}],"
             "\"seed\":9223372036854775807,\"stream\":true,"
             "\"stream_options\":{\"include_usage\":false,\"include_obfuscation\":false},"
             "\"response_format\":{\"type\":\"json_object\"},"
             "\"tool_choice\":{\"type\":\"allowed_tools\"},\"temperature\":null}");
    is(f.r.extra, "{\"stream_options\":{\"include_obfuscation\":false},"
                  "\"logit_bias\":{\"50256\":-100},\"x_new\":[0.1,1e+300,\"\xc3\xa4\"],"
                  "\"seed\":9223372036854775807,\"response_format\":{\"type\":\"json_object\"},"
                  "\"tool_choice\":{\"type\":\"allowed_tools\"}}");
    is(f.r.messages[0].extra, "{\"weight\":1}");
    assert_false(f.r.seed.set);
    assert_false(f.r.temperature.set);
    assert_false(f.r.include_usage);
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_UNSET);
    base_arena_free(f.a);
    /* a named function with members that the canonical form cannot hold goes on as it came */
    parse_ok(&f, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
                 "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\",\"x\":1}}}");
    is(f.r.extra,
       "{\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\",\"x\":1}}}");
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_UNSET);
    base_arena_free(f.a);
}

/* Bodies that must be refused, and the param that must be named. */
static const struct {
    const char *body, *param;
} bad[] = {
    {"", ""},
    {"   ", ""},
    {"nonsense", ""},
    {"[1]", ""},
    {"\"text\"", ""},
    {"{\"model\":\"m\"", ""},
    {"{\"model\":\"m\"," USER "} trailing", ""},
    {"{\"model\":\"m\",\"model\":\"n\"," USER "}", ""},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"role\":\"system\",\"content\":\"\"}]}",
     ""},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}", ""},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\\u0000\"}]}", ""},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}", ""},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\nb\"}]}", ""},
    {"{\"model\":\"m\",\"seed\":99999999999999999999," USER "}", ""},
    {"{\"model\":\"m\",'messages':[]}", ""},
    {"{" USER "}", "model"},
    {"{\"model\":5," USER "}", "model"},
    {"{\"model\":\"\"," USER "}", "model"},
    {"{\"model\":\"m\"}", "messages"},
    {"{\"model\":\"m\",\"messages\":null}", "messages"},
    {"{\"model\":\"m\",\"messages\":{}}", "messages"},
    {"{\"model\":\"m\",\"messages\":[]}", "messages"},
    {"{\"model\":\"m\",\"messages\":[1]}", "messages[0]"},
    {"{\"model\":\"m\",\"messages\":[{\"content\":\"a\"}]}", "messages[0].role"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"root\",\"content\":\"a\"}]}", "messages[0].role"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages[0].content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":null}]}",
     "messages[0].content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages[0].content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "messages[0].content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":{\"a\":1}}]}",
     "messages[0].content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
     "messages[0].content[0]"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]}",
     "messages[0].content[0].type"},
    {"{\"model\":\"m\",\"messages\":[" /* the second part of the second message */
     "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":["
     "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":3}]}]}",
     "messages[1].content[1].text"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}",
     "messages[0].tool_call_id"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"name\":1}]}",
     "messages[0].name"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":{}}]}",
     "messages[0].tool_calls"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\"}]}]}",
     "messages[0].tool_calls[0].function"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{"
     "\"name\":\"f\",\"arguments\":\"\"}}]}]}",
     "messages[0].tool_calls[0].id"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
     "\"function\":{\"name\":\"f\",\"arguments\":{}}}]}]}",
     "messages[0].tool_calls[0].function.arguments"},
    {"{\"model\":\"m\",\"temperature\":\"hot\"," USER "}", "temperature"},
    {"{\"model\":\"m\",\"temperature\":2.01," USER "}", "temperature"},
    {"{\"model\":\"m\",\"top_p\":-0.1," USER "}", "top_p"},
    {"{\"model\":\"m\",\"max_tokens\":0," USER "}", "max_tokens"},
    {"{\"model\":\"m\",\"max_tokens\":1.5," USER "}", "max_tokens"},
    {"{\"model\":\"m\",\"max_tokens\":1,\"max_completion_tokens\":1," USER "}",
     "max_completion_tokens"},
    {"{\"model\":\"m\",\"seed\":1.5," USER "}", "seed"},
    {"{\"model\":\"m\",\"n\":2," USER "}", "n"},
    {"{\"model\":\"m\",\"n\":\"1\"," USER "}", "n"},
    {"{\"model\":\"m\",\"stream\":\"yes\"," USER "}", "stream"},
    {"{\"model\":\"m\",\"stream_options\":{}," USER "}", "stream_options"},
    {"{\"model\":\"m\",\"stream\":true,\"stream_options\":[]," USER "}", "stream_options"},
    {"{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":1}," USER "}",
     "stream_options.include_usage"},
    {"{\"model\":\"m\",\"stop\":5," USER "}", "stop"},
    {"{\"model\":\"m\",\"stop\":[1]," USER "}", "stop"},
    {"{\"model\":\"m\",\"user\":5," USER "}", "user"},
    {"{\"model\":\"m\",\"tools\":{}," USER "}", "tools"},
    {"{\"model\":\"m\",\"tools\":[{}]," USER "}", "tools[0].type"},
    {"{\"model\":\"m\",\"tools\":[{\"type\":\"function\"}]," USER "}", "tools[0].function"},
    {"{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"function\":{}}]," USER "}",
     "tools[0].function.name"},
    {"{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
     "\"parameters\":[]}}]," USER "}",
     "tools[0].function.parameters"},
    {"{\"model\":\"m\",\"tool_choice\":\"maybe\"," USER "}", "tool_choice"},
    {"{\"model\":\"m\",\"functions\":[]," USER "}", "functions"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fx f;
        parse(&f, bad[i].body);
        if (f.st != BASE_EINVAL || f.e.status != 400)
            fail_msg("accepted: %s", bad[i].body);
        if (!base_str_is(f.e.param, bad[i].param))
            fail_msg("%s: param \"%.*s\"", bad[i].body, BASE_FMT(f.e.param));
        assert_true(f.e.message.n > 10);
        assert_string_equal(f.e.type, "invalid_request_error");
        base_arena_free(f.a);
    }
}

static void test_bounds(void **state)
{
    struct fx f;
    struct base_buf b;
    (void)state;
    for (int depth = 40; depth <= 60; depth++) {
        base_buf_init(&b, 1u << 16);
        base_buf_z(&b, "{\"model\":\"m\"," USER ",\"x\":");
        for (int i = 0; i < depth; i++)
            base_buf_byte(&b, '[');
        for (int i = 0; i < depth; i++)
            base_buf_byte(&b, ']');
        base_buf_byte(&b, '}');
        parse(&f, b.p);
        assert_int_equal(f.st, depth + 1 <= GW_JSON_DEPTH_MAX ? BASE_OK : BASE_EINVAL);
        base_arena_free(f.a);
        base_buf_release(&b);
    }
    /* an arena that is too small is a 413, not a crash */
    base_buf_init(&b, 1u << 20);
    base_buf_z(&b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 100000; i++)
        base_buf_byte(&b, 'x');
    base_buf_z(&b, "\"}]}");
    f.a = base_arena_new(50000);
    f.st = d->parse(base_buf_view(&b), f.a, &f.r, &f.e);
    assert_int_equal(f.st, BASE_LIMIT);
    assert_int_equal(f.e.status, 413);
    base_arena_free(f.a);
    base_buf_release(&b);
}

/* ---- answers ---- */

static struct gw_reply *reply(struct base_arena *a, bool stream, bool usage)
{
    struct gw_reply_meta m = {.id = BASE_STR("chatcmpl-1"),
                              .model = BASE_STR("openai-eu/gpt \"x\""),
                              .created_s = 1700000000,
                              .include_usage = usage};
    struct gw_reply *r = d->reply_new(a, &m, stream);
    assert_non_null(r);
    return r;
}

static void feed(struct gw_reply *r, struct base_buf *out, struct chat_event ev)
{
    assert_int_equal(d->reply_event(r, &ev, out, NULL), BASE_OK);
}

#define TEXT(s) ((struct chat_event){.kind = CHAT_EV_TEXT, .text = BASE_STR(s)})
#define USAGE(i, o)                                                                                \
    ((struct chat_event){.kind = CHAT_EV_USAGE,                                                    \
                         .usage = {.set = true, .input_tokens = (i), .output_tokens = (o)}})
#define FINISH(f) ((struct chat_event){.kind = CHAT_EV_FINISH, .finish = (f)})
#define KIND(k)   ((struct chat_event){.kind = (k)})

/* The n-th "data: " event as JSON (owned), NULL if it is [DONE] or there are fewer. */
static json_t *chunk(const struct base_buf *out, int n)
{
    struct base_str rest = base_buf_view(out);
    for (;;) {
        size_t end = base_str_find(rest, BASE_STR("\n\n"), 0);
        if (end == SIZE_MAX)
            return NULL;
        assert_true(base_str_starts(rest, BASE_STR("data: ")));
        if (n-- == 0)
            return gw_json_load(base_str_n(rest.p + 6, end - 6), false, NULL);
        rest = base_str_n(rest.p + end + 2, rest.n - end - 2);
    }
}

static const json_t *delta_of(const json_t *c)
{
    return json_object_get(json_array_get(json_object_get(c, "choices"), 0), "delta");
}

static void test_stream(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, true, true);
    feed(r, &out, KIND(CHAT_EV_START));
    feed(r, &out, USAGE(9, 1));
    assert_int_equal(out.n, 0); /* nothing said, nothing written: another route may be taken */
    feed(r, &out, (struct chat_event){.kind = CHAT_EV_REASONING, .text = BASE_STR("mm")});
    feed(r, &out, TEXT("Hel\"lo\n"));
    feed(r, &out,
         (struct chat_event){
             .kind = CHAT_EV_TOOL_CALL, .index = 0, .id = BASE_STR("c9"), .name = BASE_STR("fn")});
    feed(r, &out, (struct chat_event){.kind = CHAT_EV_TOOL_ARGS, .text = BASE_STR("{\"a\"")});
    feed(r, &out, FINISH(CHAT_FINISH_TOOL_CALLS));
    feed(r, &out, USAGE(9, 5));
    feed(r, &out, KIND(CHAT_EV_END));

    int n = 0;
    json_t *c;
    for (; (c = chunk(&out, n)) != NULL; n++) {
        is(gw_json_get_str(c, "id"), "chatcmpl-1");
        is(gw_json_get_str(c, "object"), "chat.completion.chunk");
        is(gw_json_get_str(c, "model"), "openai-eu/gpt \"x\"");
        assert_int_equal(json_integer_value(json_object_get(c, "created")), 1700000000);
        const json_t *delta = delta_of(c);
        if (n == 0)
            is(gw_json_get_str(delta, "role"), "assistant");
        if (n == 1)
            is(gw_json_get_str(delta, "reasoning_content"), "mm");
        if (n == 2)
            is(gw_json_get_str(delta, "content"), "Hel\"lo\n");
        const json_t *call = json_array_get(json_object_get(delta, "tool_calls"), 0);
        if (n == 3) {
            is(gw_json_get_str(call, "id"), "c9");
            is(gw_json_get_str(call, "type"), "function");
            is(gw_json_get_str(json_object_get(call, "function"), "name"), "fn");
            is(gw_json_get_str(json_object_get(call, "function"), "arguments"), "");
        }
        if (n == 4) {
            assert_true(json_is_integer(json_object_get(call, "index")));
            assert_null(json_object_get(call, "id"));
            is(gw_json_get_str(json_object_get(call, "function"), "arguments"), "{\"a\"");
        }
        const json_t *choice = json_array_get(json_object_get(c, "choices"), 0);
        if (n == 5)
            is(gw_json_get_str(choice, "finish_reason"), "tool_calls");
        else if (n < 5)
            assert_true(json_is_null(json_object_get(choice, "finish_reason")));
        if (n < 6) {
            assert_true(json_is_null(json_object_get(c, "usage")));
        } else {
            assert_int_equal(json_array_size(json_object_get(c, "choices")), 0);
            assert_int_equal(gw_json_get_count(json_object_get(c, "usage"), "total_tokens"), 14);
        }
        json_decref(c);
    }
    assert_int_equal(n, 7);
    assert_true(base_str_ends(base_buf_view(&out), BASE_STR("}\n\ndata: [DONE]\n\n")));
    assert_int_equal(d->reply_event(r, &KIND(CHAT_EV_END), &out, NULL), BASE_EBUG);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_stream_plain(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, true, false);
    feed(r, &out, TEXT("x"));
    feed(r, &out, FINISH(CHAT_FINISH_STOP_SEQUENCE));
    feed(r, &out, USAGE(1, 1));
    feed(r, &out, KIND(CHAT_EV_END));
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("usage"), 0), SIZE_MAX);
    assert_true(base_str_find(base_buf_view(&out), BASE_STR("\"finish_reason\":\"stop\""), 0) <
                out.n);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_stream_error(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, true, true);
    feed(r, &out, TEXT("x"));
    feed(r, &out,
         (struct chat_event){.kind = CHAT_EV_ERROR,
                             .error = {.status = 502,
                                       .type = BASE_STR("server_error"),
                                       .message = BASE_STR("it broke")}});
    json_t *c = chunk(&out, 2);
    is(gw_json_get_str(json_object_get(c, "error"), "message"), "it broke");
    assert_true(json_is_null(json_object_get(json_object_get(c, "error"), "code")));
    json_decref(c);
    assert_null(chunk(&out, 3));
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("[DONE]"), 0), SIZE_MAX);
    assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("finish_reason\":\""), 0),
                     SIZE_MAX);
    base_buf_release(&out);
    base_arena_free(a);
}

static json_t *whole(struct gw_reply *r, struct base_buf *out)
{
    assert_int_equal(out->n, 0); /* nothing before the end */
    feed(r, out, KIND(CHAT_EV_END));
    json_t *c = gw_json_load(base_buf_view(out), false, NULL);
    assert_non_null(c);
    return c;
}

static void test_whole(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, false, false);
    feed(r, &out, KIND(CHAT_EV_START));
    feed(r, &out, TEXT("lost"));
    feed(r, &out, KIND(CHAT_EV_START)); /* another route: the first one's words are gone */
    feed(r, &out, TEXT("Hel"));
    feed(r, &out, TEXT("lo \xf0\x9f\x98\x80"));
    feed(r, &out, FINISH(CHAT_FINISH_LENGTH));
    feed(r, &out,
         (struct chat_event){.kind = CHAT_EV_USAGE,
                             .usage = {.input_tokens = 10,
                                       .output_tokens = 4,
                                       .cached_tokens = 3,
                                       .reasoning_tokens = 2}});
    json_t *c = whole(r, &out);
    const json_t *choice = json_array_get(json_object_get(c, "choices"), 0);
    const json_t *m = json_object_get(choice, "message");
    is(gw_json_get_str(c, "object"), "chat.completion");
    is(gw_json_get_str(m, "role"), "assistant");
    is(gw_json_get_str(m, "content"), "Hello \xf0\x9f\x98\x80");
    assert_true(json_is_null(json_object_get(m, "refusal")));
    assert_null(json_object_get(m, "tool_calls"));
    is(gw_json_get_str(choice, "finish_reason"), "length");
    const json_t *u = json_object_get(c, "usage");
    assert_int_equal(gw_json_get_count(u, "prompt_tokens"), 10);
    assert_int_equal(
        gw_json_get_count(json_object_get(u, "prompt_tokens_details"), "cached_tokens"), 3);
    assert_int_equal(
        gw_json_get_count(json_object_get(u, "completion_tokens_details"), "reasoning_tokens"), 2);
    json_decref(c);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_whole_tools(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 1u << 20);
    struct gw_reply *r = reply(a, false, false);
    for (int i = 0; i < 20; i++)
        feed(r, &out,
             (struct chat_event){.kind = CHAT_EV_TOOL_CALL,
                                 .index = i,
                                 .id = BASE_STR("id"),
                                 .name = BASE_STR("nm")});
    for (int i = 0; i < 20; i++)
        feed(r, &out,
             (struct chat_event){.kind = CHAT_EV_TOOL_ARGS, .index = i, .text = BASE_STR("{}")});
    assert_int_equal(
        d->reply_event(
            r, &(struct chat_event){.kind = CHAT_EV_TOOL_ARGS, .index = 20, .text = BASE_STR("x")},
            &out, NULL),
        BASE_EBUG);
    feed(r, &out, FINISH(CHAT_FINISH_TOOL_CALLS));
    json_t *c = whole(r, &out);
    const json_t *m = json_object_get(json_array_get(json_object_get(c, "choices"), 0), "message");
    assert_true(json_is_null(json_object_get(m, "content")));
    const json_t *calls = json_object_get(m, "tool_calls");
    assert_int_equal(json_array_size(calls), 20);
    is(gw_json_get_str(json_object_get(json_array_get(calls, 19), "function"), "arguments"), "{}");
    assert_null(json_object_get(c, "usage"));
    json_decref(c);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_error_body(void **state)
{
    struct base_buf out;
    (void)state;
    base_buf_init(&out, 4096);
    d->error_body(&out,
                  &(struct gw_api_error){.status = 403,
                                         .type = "policy_denied",
                                         .code = BASE_STR("rule-1"),
                                         .message = BASE_STR("no \"way\"")},
                  BASE_STR("req"));
    is(base_buf_view(&out), "{\"error\":{\"message\":\"no \\\"way\\\"\",\"type\":\"policy_denied\","
                            "\"param\":null,\"code\":\"rule-1\"}}");
    base_buf_release(&out);
}

static void test_numbers(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1, "1"},
                 {-0.0, "0"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {2.5, "2.5"},
                 {1e300, "1e+300"},
                 {1e15, "1000000000000000"}};
    struct base_buf b;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_buf_init(&b, 64);
        gw_json_put_num(&b, cases[i].v);
        is(base_buf_view(&b), cases[i].text);
        base_buf_release(&b);
    }
}

static void test_dropped(void **state)
{
    struct base_buf b;
    (void)state;
    base_buf_init(&b, 40);
    gw_dropped_add(&b, "", "seed");
    gw_dropped_add(&b, "messages.", "a\r\nb,c");
    gw_dropped_add(&b, "", "seed");
    gw_dropped_extra(&b, "", BASE_STR("{\"x\":1,\"seed\":2}"));
    is(base_buf_view(&b), "seed,messages.a??b?c,x");
    gw_dropped_add(&b, "", "much_too_long_for_what_is_left_of_it");
    is(base_buf_view(&b), "seed,messages.a??b?c,x");
    assert_true(base_buf_ok(&b));
    base_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_tools),        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_bad),          cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_stream),       cmocka_unit_test(test_stream_plain),
        cmocka_unit_test(test_stream_error), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_whole_tools),  cmocka_unit_test(test_error_body),
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
