/* Goal: what leaves for Gemini is what the client meant in Gemini's words, to the address that the
 * configuration alone decides; what comes back becomes the same events however the bytes were cut,
 * never a false end, and a signature goes to and fro without losing a byte.
 *
 * Method: OpenAI bodies are parsed by the dialect and written by the wire; bytes, path, headers and
 * the names of what was dropped are compared with golden ones. Answers are read cut at every byte
 * and in single bytes. Signatures: an answer's events go through the dialect's writer, the message
 * that comes out goes back through the parser and the wire. */
#include "tests/unit/gateway_wire_util.h"

static void write_to(struct fx *f, const char *model, const char *text)
{
    fx_parse(f, text);
    f->b = (struct conf_backend){
        .name = "g", .api = CONF_API_GEMINI, .key = "s3cret", .path = "/v1beta", .host = "h"};
    f->model = (struct conf_remote_model){.name = model};
    fx_write(f);
}

static void golden(const char *model, const char *text, const char *path, const char *body,
                   const char *dropped)
{
    struct fx f;
    write_to(&f, model, text);
    if (f.st != BASE_OK)
        fail_msg("%s", f.err.text);
    is(base_buf_view(&f.body), body);
    is(base_buf_view(&f.dropped), dropped);
    assert_string_equal(f.head.path, path);
    is(fx_header(&f, "x-goog-api-key"), "s3cret");
    assert_false(gw_json_mentions(base_str_c(f.head.path), "s3cret"));
    fx_done(&f);
}

#define CALL(id, args, extra)                                                                      \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":\"" args  \
    "\"}" extra "}"
#define SIGNED ",\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln+/=\"}}"

static void test_everything(void **state)
{
    (void)state;
    golden(
        "gemini-3-flash",
        "{\"model\":\"auto\",\"messages\":["
        "{\"role\":\"system\",\"content\":\"be brief\",\"name\":\"s\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache\":1},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/y.jpg\"}},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
        "\"data:application/pdf;base64,UEQ=\"}}]},"
        "{\"role\":\"developer\",\"content\":\"in French\"},"
        "{\"role\":\"assistant\",\"content\":\"so\",\"reasoning_content\":\"hm\",\"tool_calls\":"
        "[" CALL("c1", "{\\\"c\\\":1}", SIGNED) "," CALL(
            "c2", "",
            ",\"index\":1") "]},"
                            "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"{\\\"t\\\": "
                            "18}\"},"
                            "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":"
                            "\"text\",\"text\":\"x\"},"
                            "{\"type\":\"text\",\"text\":\"y\"}]},{\"role\":\"user\",\"content\":"
                            "\"and?\"}],"
                            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\","
                            "\"description\":\"d\","
                            "\"parameters\":{\"type\":\"object\",\"properties\":{\"c\":{"
                            "\"minimum\":0.5}}},"
                            "\"strict\":true}},{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}],"
                            "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}},"
                            "\"max_completion_tokens\":50,\"temperature\":0.7,\"top_p\":1,"
                            "\"presence_penalty\":0.1,"
                            "\"frequency_penalty\":-2,\"seed\":7,\"top_k\":40,\"min_p\":0.05,"
                            "\"repeat_penalty\":1.1,"
                            "\"stop\":[\"a\",\"b\"],\"user\":\"u\",\"stream\":true,\"reasoning_"
                            "effort\":\"low\","
                            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
                            "\"name\":\"n\",\"schema\":"
                            "{\"type\":\"object\"},\"strict\":true}},\"logit_bias\":{\"1\":-100},"
                            "\"parallel_tool_calls\":false,\"metadata\":null}",
        "/models/gemini-3-flash:streamGenerateContent?alt=sse",
        "{\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"},{\"text\":\"in French\"}]},"
        "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},"
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QUJD\"}},"
        "{\"fileData\":{\"mimeType\":\"image/jpeg\",\"fileUri\":\"https://x.example/y.jpg\"}},"
        "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"QQ==\"}},"
        "{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"UEQ=\"}}]},"
        "{\"role\":\"model\",\"parts\":[{\"text\":\"so\"},{\"functionCall\":{\"id\":\"c1\","
        "\"name\":\"w\",\"args\":{\"c\":1}},\"thoughtSignature\":\"c2ln+/=\"},{\"functionCall\":{"
        "\"id\":\"c2\",\"name\":\"w\",\"args\":{}}}]},"
        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":\"w\","
        "\"response\":{\"t\": 18}}},{\"functionResponse\":{\"id\":\"c2\",\"name\":\"w\","
        "\"response\":{\"output\":\"xy\"}}}]},"
        "{\"role\":\"user\",\"parts\":[{\"text\":\"and?\"}]}],"
        "\"tools\":[{\"functionDeclarations\":[{\"name\":\"w\",\"description\":\"d\","
        "\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"c\":{\"minimum\":0.5}}}}]}"
        "],"
        "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":["
        "\"w\"]}},\"generationConfig\":{\"maxOutputTokens\":50,\"temperature\":0.7,\"topP\":1,"
        "\"topK\":40,\"presencePenalty\":0.1,\"frequencyPenalty\":-2,\"seed\":7,"
        "\"stopSequences\":[\"a\",\"b\"],"
        "\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingLevel\":\"LOW\"},"
        "\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\"}}}",
        "messages.name,messages.content.cache,messages.reasoning_content,"
        "messages.tool_calls.index,tools,tools.function,user,min_p,repeat_penalty,logit_bias,"
        "parallel_tool_calls");
}

#define HI     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HI_OUT "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"

static void test_effort(void **state)
{
    static const struct {
        const char *model, *effort, *config;
    } all[] = {
        {"gemini-3-flash", "none", "\"includeThoughts\":false,\"thinkingLevel\":\"LOW\""},
        {"gemini-3-flash", "max", "\"includeThoughts\":true,\"thinkingLevel\":\"HIGH\""},
        {"gemini-3.1-pro", "minimal", "\"includeThoughts\":true,\"thinkingLevel\":\"LOW\""},
        {"gemini-2.5-flash", "none", "\"includeThoughts\":false,\"thinkingBudget\":0"},
        {"gemini-2.5-flash", "medium", "\"includeThoughts\":true,\"thinkingBudget\":8192"},
        {"gemini-2.5-pro", "none", "\"includeThoughts\":false,\"thinkingBudget\":128"},
        {"gemini-2.0-flash", "low", NULL},
        {"gemini-3-flash", "much", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char in[256], out[256], path[96];
        snprintf(in, sizeof in, "{\"model\":\"a\"," HI ",\"reasoning_effort\":\"%s\"}",
                 all[i].effort);
        snprintf(out, sizeof out, HI_OUT "\"generationConfig\":{%s%s%s}}",
                 all[i].config ? "\"thinkingConfig\":{" : "", all[i].config ? all[i].config : "",
                 all[i].config ? "}" : "");
        snprintf(path, sizeof path, "/models/%s:generateContent", all[i].model);
        golden(all[i].model, in, path, out, all[i].config ? "" : "reasoning_effort");
    }
}

/* An Anthropic client's words, which are also those of a policy's limit on one. */
static void test_effort_of_anthropic(void **state)
{
    static const struct {
        const char *extra, *config, *dropped;
    } all[] = {
        {"{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}}",
         "\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingBudget\":8192}", ""},
        {"{\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"high\"}}",
         "\"thinkingConfig\":{\"includeThoughts\":false,\"thinkingBudget\":0}", ""},
        {"{\"thinking\":{\"type\":\"adaptive\"}}", "\"thinkingConfig\":{\"includeThoughts\":true}",
         ""},
        {"{\"output_config\":{\"effort\":\"low\"}}",
         "\"thinkingConfig\":{\"includeThoughts\":false,\"thinkingBudget\":1024}", ""},
        {"{\"output_config\":{\"effort\":\"low\",\"format\":{}},\"x\":1}",
         "\"thinkingConfig\":{\"includeThoughts\":false,\"thinkingBudget\":1024}",
         "output_config,x"},
        {"{\"thinking\":{\"type\":\"new\"},\"response_format\":{\"type\":\"json_object\"}}", "",
         "thinking,response_format"},
    };
    struct fx f;
    (void)state;
    write_to(&f, "gemini-2.5-flash", "{\"model\":\"a\"," HI "}");
    f.r.dialect = CHAT_DIALECT_ANTHROPIC;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char out[256];
        f.r.extra = base_str_c(all[i].extra);
        fx_write(&f);
        snprintf(out, sizeof out, HI_OUT "\"generationConfig\":{%s}}", all[i].config);
        is(base_buf_view(&f.body), out);
        is(base_buf_view(&f.dropped), all[i].dropped);
    }
    fx_done(&f);
}

/* The name is one segment of the path, whatever it holds. */
static void test_address(void **state)
{
    (void)state;
    golden("../x?key=1#/\xc3\xbc%2f:y", "{\"model\":\"a\"," HI "}",
           "/models/..%2Fx%3Fkey%3D1%23%2F%C3%BC%252f%3Ay:generateContent",
           HI_OUT "\"generationConfig\":{}}", "");
    golden("..", "{\"model\":\"a\"," HI "}", "/models/%2E%2E:generateContent",
           HI_OUT "\"generationConfig\":{}}", "");
    golden("tunedModels/my/x", "{\"model\":\"a\"," HI ",\"stream\":true}",
           "/tunedModels/my%2Fx:streamGenerateContent?alt=sse", HI_OUT "\"generationConfig\":{}}",
           "");
}

static void test_small(void **state)
{
    (void)state;
    /* neighbours merge, empty texts vanish, json_object, a seed that does not fit, no tools left */
    golden("gemini-2.5-flash",
           "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
           "{\"role\":\"user\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"b\"},"
           "{\"role\":\"assistant\",\"content\":\"\"}],\"response_format\":{\"type\":"
           "\"json_object\"},\"seed\":4294967296,\"tools\":[{\"type\":\"custom\"}],"
           "\"tool_choice\":\"auto\"}",
           "/models/gemini-2.5-flash:generateContent",
           "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}],"
           "\"generationConfig\":{\"responseMimeType\":\"application/json\"}}",
           "tools,seed");
}

/* A call without a signature: the third generation wants a word for it, earlier ones do not; only
 * the first call of a turn, of every turn. */
static void test_unsigned(void **state)
{
    static const char talk[] =
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[" CALL("c1", "{}", "") "," CALL(
            "c2", "{}", "") "]},"
                            "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"\"},"
                            "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"[1]\"}]}";
    (void)state;
    for (int k = 0; k < 2; k++) {
        char want[900];
        snprintf(
            want, sizeof want,
            "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},{\"role\":"
            "\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\",\"name\":\"w\",\"args\":{}}%s}"
            ",{\"functionCall\":{\"id\":\"c2\",\"name\":\"w\",\"args\":{}}}]},{\"role\":\"user\","
            "\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":\"w\",\"response\":{"
            "\"output\":\"\"}}},{\"functionResponse\":{\"id\":\"c2\",\"name\":\"w\",\"response\":"
            "{\"output\":\"[1]\"}}}]}],\"generationConfig\":{}}",
            k ? ",\"thoughtSignature\":\"skip_thought_signature_validator\"" : "");
        golden(k ? "gemini-3-pro" : "gemini-2.5-pro", talk,
               k ? "/models/gemini-3-pro:generateContent"
                 : "/models/gemini-2.5-pro:generateContent",
               want, "");
    }
}

/* A signature that redaction has been in is none. */
static void test_broken_signature(void **state)
{
    struct fx f;
    (void)state;
    write_to(
        &f, "gemini-3-pro",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" CALL(
            "c1", "{}",
            ",\"extra_content\":{\"google\":{\"thought_signature\":\"c2[PERSON_1]ln\"}}") "]}]}");
    assert_int_equal(f.st, BASE_OK);
    assert_true(gw_json_mentions(base_buf_view(&f.body),
                                 "\"thoughtSignature\":\"skip_thought_signature_validator\""));
    assert_false(gw_json_mentions(base_buf_view(&f.body), "PERSON"));
    is(base_buf_view(&f.dropped), "messages.tool_calls.extra_content");
    fx_done(&f);
}

static void test_refuses(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":\"only\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\","
        "\"file\":{"
        "\"file_id\":\"f\"}}]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"c9\",\"content\":"
        "\"x\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" CALL("c", "[1]",
                                                                                       "") "]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"x\"}}]},{\"role\":\"user\",\"content\":\"a\"}]}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct fx f;
        write_to(&f, "m", bodies[i]);
        if (f.st != BASE_EINVAL)
            fail_msg("written: %s", bodies[i]);
        assert_int_equal(f.head.n_headers, 0);
        fx_done(&f);
    }
}

/* What another dialect's client may have in one turn: answers, an error and text mixed. */
static void test_mixed_turn(void **state)
{
    struct fx f;
    (void)state;
    write_to(&f, "gemini-2.5-pro",
             "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" CALL(
                 "t1", "{}", "") "]},{\"role\":\"user\",\"content\":\"x\"}]}");
    struct chat_part parts[4] = {
        {.kind = CHAT_PART_TOOL_RESULT,
         .id = BASE_STR("t1"),
         .text = BASE_STR("{\"no\":1}"),
         .is_error = true},
        {.kind = CHAT_PART_OPAQUE,
         .id = BASE_STR("t1"),
         .raw = BASE_STR("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                         "\"image/gif\",\"data\":\"R0\"}}")},
        {.kind = CHAT_PART_TEXT, .text = BASE_STR("and?")},
        {.kind = CHAT_PART_OPAQUE,
         .raw =
             BASE_STR("{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"u.pdf\"}}")}};
    f.r.dialect = CHAT_DIALECT_ANTHROPIC;
    f.r.messages[1].parts = parts;
    f.r.messages[1].n_parts = 4;
    fx_write(&f);
    is(base_buf_view(&f.body),
       "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"t1\",\"name\":"
       "\"w\","
       "\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"t1\","
       "\"name\":"
       "\"w\",\"response\":{\"error\":\"{\\\"no\\\":1}\"}}}]},{\"role\":\"user\",\"parts\":["
       "{\"inlineData\":{\"mimeType\":\"image/gif\",\"data\":\"R0\"}},{\"text\":\"and?\"},"
       "{\"fileData\":{\"mimeType\":\"application/pdf\",\"fileUri\":\"u.pdf\"}}]}],"
       "\"generationConfig\":{}}");
    base_buf_release(&f.body);
    base_buf_init(&f.body, 60);
    fx_write(&f);
    assert_int_equal(f.st, BASE_LIMIT);
    fx_done(&f);
}

/* ---- readers ---- */

#define G(parts, more)                                                                             \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"}" more                \
    ",\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r-1_x\"}"
#define EV(json) "data: " json "\r\n\r\n"
#define USAGE                                                                                      \
    ",\"usageMetadata\":{\"promptTokenCount\":11,\"candidatesTokenCount\":7,\"totalTokenCount\":"  \
    "21,"                                                                                          \
    "\"cachedContentTokenCount\":5,\"thoughtsTokenCount\":3,\"toolUsePromptTokenCount\":2}"

static const char stream[] = EV(G("{\"text\":\"hm\",\"thought\":true}", "")) EV(
    G("{\"text\":\"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"},{\"text\":\"\\u00e4\"},{\"text\":\"\"}",
      ",\"safetyRatings\":[]"))
    EV(G("{\"functionCall\":{\"name\":\"f\",\"args\":{\"x\":1}},\"thoughtSignature\":\"c2ln\"},"
         "{\"functionCall\":{\"id\":\"own\",\"name\":\"g\"}},{\"executableCode\":{}}",
         "")) "data: "
              "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"STOP\"},{"
              "\"index\":1,"
              "\"content\":{\"parts\":[{\"text\":\"other candidate\"}]}}]" USAGE
              "}\r\n\r\n" EV(G("{\"text\":\"late\"}", ""));

static const char stream_events[] =
    "start r-1_x m\nreasoning hm\ntext Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\ntext \xc3\xa4\n"
    "call 0 call_r1x_0 f signed c2ln\nargs 0 {\"x\":1}\ncall 1 own g\nargs 1 {}\n"
    "usage 13 10 5 0 3\ntext late\nfinish 2\nend\n";

static void test_stream(void **state)
{
    (void)state;
    reads(&gw_wire_gemini, true, base_str_c(stream), stream_events);
}

static void test_whole(void **state)
{
    (void)state;
    reads(&gw_wire_gemini, false,
          BASE_STR("{\"candidates\":[{\"content\":{\"parts\":[{\"thought\":true,\"text\":\"r\"},"
                   "{\"text\":\"h\xc3\xa9\",\"thoughtSignature\":\"eA==\"}]},\"finishReason\":"
                   "\"MAX_TOKENS\"}]" USAGE "}"),
          "start  \nreasoning r\ntext h\xc3\xa9\nusage 13 10 5 0 3\nfinish 1\nend\n");
    /* filtered before a word was said */
    reads(&gw_wire_gemini, false,
          BASE_STR("{\"candidates\":[{\"finishReason\":\"SAFETY\",\"index\":0}]}"),
          "start  \nfinish 3\nend\n");
}

static void test_finish_reasons(void **state)
{
    static const struct {
        const char *word, *event;
    } all[] = {{"STOP", "finish 0\nend\n"},
               {"MAX_TOKENS", "finish 1\nend\n"},
               {"SAFETY", "finish 3\nend\n"},
               {"RECITATION", "finish 3\nend\n"},
               {"BLOCKLIST", "finish 3\nend\n"},
               {"PROHIBITED_CONTENT", "finish 3\nend\n"},
               {"SPII", "finish 3\nend\n"},
               {"IMAGE_SAFETY", "finish 3\nend\n"},
               {"LANGUAGE", "finish 5LANGUAGE\nend\n"},
               {"OTHER", "finish 5OTHER\nend\n"},
               {"SHINY_NEW", "finish 5SHINY_NEW\nend\n"},
               {"MALFORMED_FUNCTION_CALL",
                "error 502 1 server_error/MALFORMED_FUNCTION_CALL/The model wrote a tool call that "
                "cannot be read.\n"},
               {"UNEXPECTED_TOOL_CALL",
                "error 502 1 server_error/UNEXPECTED_TOOL_CALL/The model called a tool that it was "
                "not given.\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char body[256], want[256];
        snprintf(body, sizeof body, "{\"candidates\":[{\"finishReason\":\"%s\"}]}", all[i].word);
        snprintf(want, sizeof want, "start  \n%s", all[i].event);
        reads(&gw_wire_gemini, false, base_str_c(body), want);
        snprintf(body, sizeof body, "data: {\"candidates\":[{\"finishReason\":\"%s\"}]}\n\n",
                 all[i].word);
        reads(&gw_wire_gemini, true, base_str_c(body), want);
    }
}

/* Bytes that end before a finishReason are no answer; FINISH_REASON_UNSPECIFIED is none. */
static void test_truncated(void **state)
{
    size_t last = base_str_find(base_str_c(stream), BASE_STR("\"STOP\""), 0);
    (void)state;
    last = base_str_find(base_str_c(stream), BASE_STR("\r\n\r\n"), last);
    for (size_t n = 0; n < last + 3; n++)
        breaks(&gw_wire_gemini, true, base_str_n(stream, n));
    breaks(
        &gw_wire_gemini, true,
        BASE_STR("data: {\"candidates\":[{\"finishReason\":\"FINISH_REASON_UNSPECIFIED\"}]}\n\n"));
    breaks(&gw_wire_gemini, false, BASE_STR("{\"candidates\":[]}"));
    breaks(&gw_wire_gemini, false, BASE_STR("{}"));
}

static void test_malformed(void **state)
{
    static const char *const all[] = {
        "{",
        "[1]",
        "{\"candidates\":5}",
        "{\"candidates\":[{\"content\":{\"parts\":{}}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"\"}}]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":[]}}]"
        "}}"
        "]}",
        "{\"a\":1,\"a\":1}",
        "{\"responseId\":\"\xff\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char event[256];
        breaks(&gw_wire_gemini, false, base_str_c(all[i]));
        snprintf(event, sizeof event, "data: %s\n\n", all[i]);
        breaks(&gw_wire_gemini, true, base_str_c(event));
    }
}

#define BUSY                                                                                       \
    "{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\","            \
    "\"details\":["                                                                                \
    "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[]},"               \
    "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"36.25s\"}]}}"
#define BAD_KEY                                                                                    \
    "{\"error\":{\"code\":400,\"message\":\"API key not valid: AIza\",\"status\":"                 \
    "\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","   \
    "\"reason\":\"API_KEY_INVALID\",\"domain\":\"googleapis.com\"}]}}"

static void test_errors_inside(void **state)
{
    (void)state;
    reads(&gw_wire_gemini, true, BASE_STR(EV(G("{\"text\":\"a\"}", "")) EV(BUSY) EV(G("", ""))),
          "start r-1_x m\ntext a\nerror 429 1 RESOURCE_EXHAUSTED/RESOURCE_EXHAUSTED/quota\n"
          "after 36250 ms\n");
    reads(&gw_wire_gemini, false, BASE_STR("{\"error\":{\"status\":\"UNAVAILABLE\"}}"),
          "error 502 1 UNAVAILABLE/UNAVAILABLE/The upstream reported an error.\n");
    reads(&gw_wire_gemini, true,
          BASE_STR(EV("{\"promptFeedback\":{\"blockReason\":\"SAFETY\",\"safetyRatings\":[]}" USAGE
                      "}")),
          "start  \nusage 13 10 5 0 3\n"
          "error 400 0 invalid_request_error/content_filter/The upstream refused the prompt: "
          "SAFETY.\n");
    reads(&gw_wire_gemini, false,
          BASE_STR("{\"promptFeedback\":{\"blockReason\":\"MODEL_ARMOR\",\"blockReasonMessage\":"
                   "\"why\"}}"),
          "start  \nerror 400 0 invalid_request_error/content_filter/The upstream refused the "
          "prompt: "
          "MODEL_ARMOR: why.\n");
}

static void test_error_parse(void **state)
{
    static const struct {
        int status, as;
        const char *body, *type, *code, *message;
        int retry_ms;
    } all[] = {
        {429, 429, BUSY, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "quota", 36250},
        {429, 429, "[" BUSY "\n]", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "quota", 36250},
        {400, 401, BAD_KEY, "INVALID_ARGUMENT", "API_KEY_INVALID", "API key not valid: AIza", 0},
        {404, 404, "{\"error\":{\"code\":404,\"message\":\"no model\",\"status\":\"NOT_FOUND\"}}",
         "NOT_FOUND", "NOT_FOUND", "no model", 0},
        {503, 503, "<html>", "upstream_error", "", "The upstream answered with HTTP status 503.",
         0},
        {500, 500, "[]", "upstream_error", "", "The upstream answered with HTTP status 500.", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct base_arena *a = base_arena_new(1u << 16);
        struct chat_error e;
        gw_wire_gemini.error_parse(all[i].status, base_str_c(all[i].body), a, &e);
        assert_int_equal(e.status, all[i].as);
        assert_int_equal(e.retryable, all[i].as == 429 || all[i].as >= 500);
        is(e.type, all[i].type);
        is(e.code, all[i].code);
        is(e.message, all[i].message);
        is(e.body, all[i].body);
        assert_int_equal(e.retry_after_ms, all[i].retry_ms);
        base_arena_free(a);
    }
}

static void test_retry_delays(void **state)
{
    static const struct {
        const char *text;
        int ms;
    } all[] = {{"0s", 0},   {"1s", 1000}, {"0.5s", 500}, {"2.0049s", 2004}, {"s", 0},
               {"1.xs", 0}, {"-1s", 0},   {"99999s", 0}, {"5", 0},          {"1.123456789s", 1123}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct base_arena *a = base_arena_new(1u << 16);
        struct chat_error e;
        char body[200];
        snprintf(body, sizeof body,
                 "{\"error\":{\"details\":[{\"@type\":\"x/google.rpc.RetryInfo\",\"retryDelay\":"
                 "\"%s\"}]}}",
                 all[i].text);
        gw_wire_gemini.error_parse(429, base_str_c(body), a, &e);
        if ((int)e.retry_after_ms != all[i].ms)
            fail_msg("%s: %d", all[i].text, (int)e.retry_after_ms);
        base_arena_free(a);
    }
}

/* ---- a signature's way to the client and back ---- */

struct reply {
    struct gw_reply *r;
    struct base_buf out;
};

static enum base_status to_client(void *ctx, const struct chat_event *ev)
{
    struct reply *x = ctx;
    return gw_dialect_openai_chat.reply_event(x->r, ev, &x->out, NULL);
}

static void test_signature_there_and_back(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct gw_reply_meta meta = {.id = BASE_STR("i"), .model = BASE_STR("m")};
    (void)state;
    for (int s = 0; s < 2; s++) {
        struct reply x = {.r = gw_dialect_openai_chat.reply_new(a, &meta, s)};
        base_buf_init(&x.out, 1u << 16);
        struct gw_wire_reader *w = gw_wire_gemini.reader_new(true, to_client, &x);
        enum base_status st = gw_wire_gemini.reader_feed(w, base_str_c(stream), NULL);
        assert_int_equal(st, BASE_OK);
        assert_int_equal(gw_wire_gemini.reader_end(w, NULL), BASE_OK);
        gw_wire_gemini.reader_free(w);
        assert_true(
            gw_json_mentions(base_buf_view(&x.out),
                             "\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}}"));
        if (!s) {
            json_t *answer = gw_json_load(base_buf_view(&x.out), true, NULL);
            struct base_str m = gw_json_text(
                a,
                json_object_get(json_array_get(json_object_get(answer, "choices"), 0), "message"));
            json_decref(answer);
            struct fx f;
            write_to(&f, "gemini-3-pro",
                     base_arena_printf(a, "{\"model\":\"a\",\"messages\":[%.*s]}", BASE_FMT(m)).p);
            assert_int_equal(f.st, BASE_OK);
            assert_true(gw_json_mentions(base_buf_view(&f.body), "\"thoughtSignature\":\"c2ln\""));
            assert_false(gw_json_mentions(base_buf_view(&f.body), "skip_thought"));
            fx_done(&f);
        }
        base_buf_release(&x.out);
    }
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_effort),
        cmocka_unit_test(test_effort_of_anthropic),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_broken_signature),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_mixed_turn),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_finish_reasons),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_errors_inside),
        cmocka_unit_test(test_error_parse),
        cmocka_unit_test(test_retry_delays),
        cmocka_unit_test(test_signature_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
