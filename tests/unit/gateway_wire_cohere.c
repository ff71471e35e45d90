/* Goal: what goes to Cohere is what the client meant, to the byte; what comes back becomes the same
 * events however the bytes are cut, and never a false end.
 *
 * Method: golden bodies; answers read whole, cut at every byte and in single bytes; cut streams
 * must end in EPROTO, answers that say they failed in CHAT_EV_ERROR. */
#include "tests/unit/gateway_wire_util.h"

static void write_to(struct fx *f, const char *text)
{
    fx_parse(f, text);
    f->b = (struct conf_backend){.name = "be", .api = CONF_API_COHERE, .key = "s3cret"};
    f->model = (struct conf_remote_model){.name = "command-x"};
    fx_write(f);
}

static void golden(const char *text, const char *body, const char *dropped)
{
    struct fx f;
    write_to(&f, text);
    if (f.st != BASE_OK)
        fail_msg("%s", f.err.text);
    is(base_buf_view(&f.body), body);
    is(base_buf_view(&f.dropped), dropped);
    assert_string_equal(f.head.path, "/chat");
    is(fx_header(&f, "Authorization"), "Bearer s3cret");
    fx_done(&f);
}

static const char everything[] =
    "{\"model\":\"auto\",\"messages\":["
    "{\"role\":\"system\",\"content\":\"be brief\",\"name\":\"s\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache\":1},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/a.png\",\"detail\":"
    "\"low\"}}]},{\"role\":\"developer\",\"content\":\"two\"},"
    "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\","
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"w\","
    "\"arguments\":\"{\\\"c\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{"
    "\"name\":\"v\",\"arguments\":\"\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"18 C\"},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
    "{\"type\":\"text\",\"text\":\"y\"}]},"
    "{\"role\":\"assistant\",\"content\":\"ok\",\"reasoning_content\":\"so\"},"
    "{\"role\":\"user\",\"content\":\"and?\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\","
    "\"parameters\":{\"type\":\"object\"},\"strict\":true}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"v\"}},"
    "{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}],\"tool_choice\":\"required\","
    "\"max_tokens\":50,\"temperature\":0.7,\"top_p\":0.9,\"top_k\":40,\"seed\":7,"
    "\"presence_penalty\":0.1,\"min_p\":0.05,\"stop\":[\"a\",\"b\"],\"user\":\"u\",\"stream\":true,"
    "\"stream_options\":{\"include_usage\":true,\"x\":1},\"logit_bias\":{\"1\":-100},"
    "\"documents\":[{\"id\":\"d\"}],\"safety_mode\":\"STRICT\",\"thinking\":{\"type\":\"enabled\","
    "\"budget_tokens\":9},\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
    "\"n\",\"schema\":{\"type\":\"object\"}}}}";

static void test_everything(void **state)
{
    (void)state;
    golden(everything,
           "{\"model\":\"command-x\",\"messages\":[{\"role\":\"system\",\"content\":\"be "
           "brief\\n\\ntwo\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
           "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/a.png\",\"detail\":"
           "\"low\"}}]},{\"role\":\"assistant\",\"tool_plan\":\"hm\",\"tool_calls\":[{\"id\":"
           "\"c1\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":"
           "\"{\\\"c\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"v\","
           "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"18 "
           "C\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\","
           "\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}]},{\"role\":\"assistant\","
           "\"content\":[{\"type\":\"thinking\",\"thinking\":\"so\"},{\"type\":\"text\",\"text\":"
           "\"ok\"}]},{\"role\":\"user\",\"content\":\"and?\"}],\"tools\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"w\",\"description\":\"d\",\"parameters\":{\"type\":"
           "\"object\"}}},{\"type\":\"function\",\"function\":{\"name\":\"v\",\"parameters\":{"
           "\"type\":\"object\"}}}],\"strict_tools\":true,\"tool_choice\":\"REQUIRED\","
           "\"max_tokens\":50,\"temperature\":0.7,\"p\":0.9,\"k\":40,\"seed\":7,"
           "\"presence_penalty\":0.1,\"stop_sequences\":[\"a\",\"b\"],\"stream\":true,"
           "\"documents\":[{\"id\":\"d\"}],\"safety_mode\":\"STRICT\",\"thinking\":{\"type\":"
           "\"enabled\",\"token_budget\":9},\"response_format\":{\"type\":\"json_object\","
           "\"json_schema\":{\"type\":\"object\"}}}",
           "messages.name,messages.content.cache,tools,min_p,logit_bias,user");
}

static void test_small(void **state)
{
    (void)state;
    golden("{\"model\":\"a\",\"reasoning_effort\":\"none\",\"response_format\":{\"type\":"
           "\"json_object\"},\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}},"
           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":"
           "\"function\",\"function\":{\"name\":\"g\"}}],"
           "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
           "{\"model\":\"command-x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{"
           "\"type\":\"object\"}}}],\"tool_choice\":\"REQUIRED\",\"thinking\":{\"type\":"
           "\"disabled\"},\"response_format\":{\"type\":\"json_object\"}}",
           "");
    golden("{\"model\":\"a\",\"reasoning_effort\":\"high\",\"tool_choice\":\"none\",\"tools\":[{"
           "\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"messages\":[{\"role\":\"tool\","
           "\"tool_call_id\":\"i\",\"content\":\"\"}],\"response_format\":{\"type\":\"grammar\"}}",
           "{\"model\":\"command-x\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"i\","
           "\"content\":\"\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
           "\"parameters\":{\"type\":\"object\"}}}],\"tool_choice\":\"NONE\"}",
           "reasoning_effort,response_format");
}

static void test_from_anthropic(void **state)
{
    struct fx f;
    struct chat_part said[] = {{.kind = CHAT_PART_REASONING,
                                .text = BASE_STR("hm"),
                                .extra = BASE_STR("{\"signature\":\"c2ln\"}")},
                               {.kind = CHAT_PART_TEXT, .text = BASE_STR("t")}};
    struct chat_part asks[] = {
        {.kind = CHAT_PART_TOOL_RESULT,
         .id = BASE_STR("t1"),
         .text = BASE_STR("bad"),
         .is_error = true},
        {.kind = CHAT_PART_TOOL_RESULT, .id = BASE_STR("t2"), .text = BASE_STR("good")},
        {.kind = CHAT_PART_TEXT, .text = BASE_STR("q")},
        {.kind = CHAT_PART_OPAQUE,
         .raw = BASE_STR("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                         "\"image/p\\\"ng\",\"data\":\"QUJD\"}}")}};
    struct chat_message all[] = {{.role = CHAT_ASSISTANT, .parts = said, .n_parts = 2},
                                 {.role = CHAT_USER, .parts = asks, .n_parts = 4}};

    (void)state;
    write_to(&f, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}");
    f.r.dialect = CHAT_DIALECT_ANTHROPIC;
    f.r.messages = all;
    f.r.n_messages = 2;
    fx_write(&f);
    assert_int_equal(f.st, BASE_OK);
    is(base_buf_view(&f.body),
       "{\"model\":\"command-x\",\"messages\":[{\"role\":\"assistant\",\"content\":\"t\"},"
       "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"bad\"},{\"role\":\"tool\","
       "\"tool_call_id\":\"t2\",\"content\":\"good\"},{\"role\":\"user\",\"content\":[{\"type\":"
       "\"text\",\"text\":\"q\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
       "\"data:image/p\\\"ng;base64,QUJD\"}}]}]}");
    is(base_buf_view(&f.dropped), "messages.thinking,messages.is_error");
    fx_done(&f);
}

static void test_refuses(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":\"only\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
        "\"input_audio\":{}}]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"x\"}}]},{\"role\":\"user\",\"content\":\"a\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\","
        "\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]}]}"};
    struct fx f;
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        write_to(&f, bodies[i]);
        if (f.st != BASE_EINVAL)
            fail_msg("written: %s", bodies[i]);
        fx_done(&f);
    }
    write_to(&f, everything);
    base_buf_release(&f.body);
    base_buf_init(&f.body, 100);
    fx_write(&f);
    assert_int_equal(f.st, BASE_LIMIT);
    f.r.extra = BASE_STR("{\"a\":");
    fx_write(&f);
    assert_int_equal(f.st, BASE_EBUG);
    fx_done(&f);
}

/* ---- answers ---- */

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define MESSAGE(inner) ",\"delta\":{\"message\":{" inner "}}"

static const char stream[] = EV(
    "message-start",
    ",\"id\":\"i\"" MESSAGE(
        "\"role\":\"assistant\","
        "\"content\":[]")) EV("content-start",
                              ",\"index\":0" MESSAGE(
                                  "\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}"))
    EV("content-delta", ",\"index\":0" MESSAGE("\"content\":{\"thinking\":\"hm\"}")) EV(
        "content-end",
        ",\"index\":0") EV("content-start",
                           ",\"index\":1" MESSAGE("\"content\":{\"type\":\"text\",\"text\":\"\"}"))
        EV("content-delta", ",\"index\":1" MESSAGE("\"content\":{\"text\":\"Gr\xc3\xbc\xc3\x9f "
                                                   "\xf0\x9f\x98\x80\"}"))
            EV("citation-start",
               ",\"index\":0" MESSAGE(
                   "\"citations\":{\"start\":0,\"end\":2}")) EV("citation-end",
                                                                ",\"index\":0") EV("content-end",
                                                                                   ",\"index\":1")
                EV("tool-plan-delta", MESSAGE("\"tool_plan\":\"I will\"")) EV(
                    "tool-call-start",
                    ",\"index\":0" MESSAGE("\"tool_calls\":{\"id\":\"t1\",\"type\":\"function\","
                                           "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}"))
                    EV("tool-call-delta",
                       ",\"index\":0" MESSAGE("\"tool_calls\":{\"function\":{\"arguments\":"
                                              "\"{\\\"a\\\":1}\"}}")) EV("tool-call-end",
                                                                         ",\"index\":0")
                        EV("tool-call-start",
                           ",\"index\":1" MESSAGE(
                               "\"tool_calls\":{\"id\":\"t2\",\"type\":\"function\","
                               "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}"))
                            EV("tool-call-end", ",\"index\":1") EV("brand-new", ",\"x\":1") EV(
                                "message-end",
                                ",\"id\":\"i\",\"delta\":{\"finish_reason\":\"TOOL_CALL\","
                                "\"usage\":{"
                                "\"billed_units\":{\"input_tokens\":11.0,\"output_tokens\":7},"
                                "\"tokens\":{"
                                "\"input_tokens\":99,\"output_tokens\":9},\"cached_tokens\":5}}");

static void test_stream(void **state)
{
    (void)state;
    reads(&gw_wire_cohere, true, base_str_c(stream),
          "start i \nreasoning hm\ntext Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\nreasoning I will\n"
          "call 0 t1 f\nargs 0 {\"a\":1}\ncall 1 t2 g\nargs 1 {}\nfinish 2\nusage 11 7 5 0 0\n"
          "end\n");
    for (size_t n = 0; n + 1 < sizeof stream - 1; n++)
        breaks(&gw_wire_cohere, true, base_str_n(stream, n));
    breaks(&gw_wire_cohere, true, BASE_STR("data: [DONE]\n\n"));
}

static void test_whole(void **state)
{
    (void)state;
    reads(
        &gw_wire_cohere, false,
        BASE_STR("{\"id\":\"i\",\"finish_reason\":\"COMPLETE\",\"message\":{\"role\":"
                 "\"assistant\",\"tool_plan\":\"p\",\"content\":[{\"type\":\"thinking\","
                 "\"thinking\":\"r\"},{\"type\":\"text\",\"text\":\"h\xc3\xa9\"}],\"tool_calls\":["
                 "{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
                 "\"{}\"}},{\"id\":\"u\",\"type\":\"function\",\"function\":{\"name\":\"g\"}}],"
                 "\"citations\":[]},\"usage\":{\"billed_units\":{},\"tokens\":{\"input_tokens\":5,"
                 "\"output_tokens\":6}}}"),
        "start i \nreasoning p\nreasoning r\ntext h\xc3\xa9\ncall 0 t f\nargs 0 {}\ncall 1 u g\n"
        "args 1 {}\nfinish 0\nusage 5 6 0 0 0\nend\n");
    static const struct {
        const char *word, *events;
    } all[] = {
        {"STOP_SEQUENCE", "start  \nfinish 4\nend\n"},
        {"MAX_TOKENS", "start  \nfinish 1\nend\n"},
        {"TOOL_CALL", "start  \nfinish 2\nend\n"},
        {"NOVEL", "start  \nfinish 5NOVEL\nend\n"},
        {"TIMEOUT", "start  \nerror 504 1 TIMEOUT/TIMEOUT/The upstream's answer broke off.\n"},
        {"ERROR", "start  \nerror 500 1 ERROR/ERROR/The upstream's answer broke off.\n"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"message\":{},\"finish_reason\":\"%s\"}", all[i].word);
        reads(&gw_wire_cohere, false, base_str_c(body), all[i].events);
    }
}

static void test_broken(void **state)
{
    (void)state;
    reads(&gw_wire_cohere, true,
          BASE_STR(EV("message-end", ",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"gpu\"}")),
          "error 500 1 ERROR/ERROR/gpu\n");
    reads(&gw_wire_cohere, true, BASE_STR("data: {\"message\":\"too many tokens\"}\n\n"),
          "error 502 1 upstream_error//too many tokens\n");
    static const char *const streams[] = {
        "data: {\n\n",
        "data: [1]\n\n",
        EV("tool-call-delta",
           ",\"index\":0" MESSAGE("\"tool_calls\":{\"function\":{\"arguments\":\"x\"}}")),
        EV("tool-call-start",
           ",\"index\":-1" MESSAGE("\"tool_calls\":{\"function\":{\"name\":\"f\"}}")),
        EV("tool-call-start",
           ",\"index\":512" MESSAGE("\"tool_calls\":{\"function\":{\"name\":\"f\"}}")),
        EV("tool-call-start", ",\"index\":0" MESSAGE("\"tool_calls\":{\"function\":{}}"))};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        breaks(&gw_wire_cohere, true, base_str_c(streams[i]));
    static const char *const bodies[] = {"", "{}", "<html>", "{\"message\":5}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        breaks(&gw_wire_cohere, false, base_str_c(bodies[i]));
    struct base_arena *a = base_arena_new(1u << 16);
    struct chat_error e;
    gw_wire_cohere.error_parse(429, BASE_STR("{\"id\":\"x\",\"message\":\"slow\"}"), a, &e);
    is(e.message, "slow");
    assert_true(e.retryable);
    gw_wire_cohere.error_parse(498, BASE_STR("{\"message\":\"invalid token\"}"), a, &e);
    assert_int_equal(e.status, 401);
    gw_wire_cohere.error_parse(503, BASE_STR("<html>"), a, &e);
    is(e.message, "The upstream answered with HTTP status 503.");
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),     cmocka_unit_test(test_small),
        cmocka_unit_test(test_from_anthropic), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_stream),         cmocka_unit_test(test_whole),
        cmocka_unit_test(test_broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
