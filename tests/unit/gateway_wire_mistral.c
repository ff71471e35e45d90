/* Goal: what leaves for Mistral holds nothing that it refuses, and its answers are read in all
 * their shapes; what leaves for Azure is OpenAI's body at Azure's address with Azure's header.
 *
 * Method: as gateway_wire.c: golden bytes for what is written, events at every cut for what is
 * read, error bodies in every shape that the API has. */
#include "tests/unit/gateway_wire_util.h"

static void golden(struct fx *f, const char *body, const char *dropped)
{
    if (f->st != BASE_OK)
        fail_msg("%s", f->err.text);
    is(base_buf_view(&f->body), body);
    is(base_buf_view(&f->dropped), dropped);
}

static void write_mistral(struct fx *f, const char *text)
{
    fx_parse(f, text);
    f->b = (struct conf_backend){
        .name = "mi", .api = CONF_API_MISTRAL, .key = "s3cret", .path = "/v1", .host = "h"};
    f->model = (struct conf_remote_model){.name = "mistral-x"};
    fx_write(f);
}

static void test_mistral_everything(void **state)
{
    struct fx f;
    (void)state;
    write_mistral(
        &f,
        "{\"model\":\"auto\",\"messages\":["
        "{\"role\":\"developer\",\"content\":\"be brief\",\"name\":\"s\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache\":1},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
        "\"data:application/pdf;base64,UEQ=\"}}],\"weight\":0.1},"
        "{\"role\":\"assistant\",\"content\":\"so\",\"reasoning_content\":\"hm\",\"tool_calls\":["
        "{\"id\":\"call_abcdefghijkl\",\"type\":\"function\",\"function\":{\"name\":\"w\","
        "\"arguments\":\"{\\\"c\\\":1}\"},\"index\":0},{\"id\":\"D681PevKs\",\"type\":\"function\","
        "\"function\":{\"name\":\"w\",\"arguments\":\"\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"call_abcdefghijkl\",\"content\":\"18 "
        "C\",\"name\":\"w\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"D681PevKs\",\"content\":\"x\"},"
        "{\"role\":\"assistant\",\"content\":\"It is\",\"prefix\":true,\"audio\":null}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\","
        "\"parameters\":{\"type\":\"object\"},\"strict\":true,\"odd\":1}},{\"type\":\"function\","
        "\"function\":{\"name\":\"v\"}},{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}],"
        "\"tool_choice\":\"required\",\"max_completion_tokens\":50,\"temperature\":0.7,\"top_p\":1,"
        "\"presence_penalty\":0.1,\"frequency_penalty\":-2,\"seed\":7,\"top_k\":40,\"min_p\":0.05,"
        "\"repeat_penalty\":1.1,\"stop\":[\"a\",\"b\"],\"user\":\"u\",\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false},"
        "\"logit_bias\":{\"1\":-100},\"response_format\":{\"type\":\"json_object\"},"
        "\"safe_prompt\":true,\"parallel_tool_calls\":false,\"service_tier\":\"flex\","
        "\"random_seed\":9,\"store\":null}");
    golden(
        &f,
        "{\"model\":\"mistral-x\",\"messages\":["
        "{\"role\":\"system\",\"content\":\"be brief\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,QUJD\"},"
        "{\"type\":\"input_audio\",\"input_audio\":\"QQ==\"},"
        "{\"type\":\"document_url\",\"document_url\":\"data:application/pdf;base64,UEQ=\","
        "\"document_name\":\"a.pdf\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":"
        "\"text\",\"text\":\"hm\"}]},{\"type\":\"text\",\"text\":\"so\"}],\"tool_calls\":["
        "{\"id\":\"Xe8iQXbl8\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":"
        "\"{\\\"c\\\":1}\"}},{\"id\":\"D681PevKs\",\"type\":\"function\",\"function\":{\"name\":"
        "\"w\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"Xe8iQXbl8\",\"name\":\"w\",\"content\":\"18 C\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"D681PevKs\",\"content\":\"x\"},"
        "{\"role\":\"assistant\",\"content\":\"It is\",\"prefix\":true}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\","
        "\"parameters\":{\"type\":\"object\"},\"strict\":true}},{\"type\":\"function\","
        "\"function\":"
        "{\"name\":\"v\",\"parameters\":{\"type\":\"object\"}}}],\"tool_choice\":\"any\","
        "\"max_tokens\":50,\"temperature\":0.7,\"top_p\":1,\"top_k\":40,\"presence_penalty\":0.1,"
        "\"frequency_penalty\":-2,\"repetition_penalty\":1.1,\"random_seed\":7,"
        "\"stop\":[\"a\",\"b\"],\"stream\":true,\"response_format\":{\"type\":\"json_object\"},"
        "\"safe_prompt\":true,\"parallel_tool_calls\":false}",
        "messages.name,messages.content.cache,messages.weight,messages.tool_calls.index,tools,"
        "tools.function.odd,min_p,user,stream_options,logit_bias,service_tier,random_seed");
    assert_string_equal(f.head.path, "/chat/completions");
    is(fx_header(&f, "Authorization"), "Bearer s3cret");
    fx_done(&f);
}

static void test_mistral_small(void **state)
{
    struct fx f;
    (void)state;
    write_mistral(&f,
                  "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                  "\"max_tokens\":9,\"seed\":-3,\"random_seed\":5,\"tool_choice\":{\"type\":"
                  "\"function\",\"function\":{\"name\":\"w\"}},\"tools\":[{\"type\":\"function\","
                  "\"function\":{\"name\":\"w\"}}]}");
    golden(
        &f,
        "{\"model\":\"mistral-x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"parameters\":{\"type\":"
        "\"object\"}}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}},"
        "\"max_tokens\":9}",
        "seed,random_seed");
    fx_done(&f);
    write_mistral(&f, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                      "\"file\",\"file\":{\"file_id\":\"f\"}}]}]}");
    assert_int_equal(f.st, BASE_EINVAL);
    fx_done(&f);
    /* ids of other lengths or with other characters are not passed on */
    static const char *const ids[] = {"", "abcdefgh", "abcdefghij", "abcd_fghi", "abcd\xc3\xa9ghi"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "{\"model\":\"a\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"%s\","
                 "\"content\":\"x\"}]}",
                 ids[i]);
        write_mistral(&f, text);
        assert_int_equal(f.st, BASE_OK);
        size_t at = base_str_find(base_buf_view(&f.body), BASE_STR("_id\":\""), 0);
        struct base_str id = base_str_n(f.body.p + at + 6, f.body.n - at - 6);
        id = base_str_cut(&id, '"');
        assert_int_equal(id.n, 9);
        for (size_t k = 0; k < id.n; k++)
            assert_true((id.p[k] >= '0' && id.p[k] <= '9') || (id.p[k] >= 'a' && id.p[k] <= 'z') ||
                        (id.p[k] >= 'A' && id.p[k] <= 'Z'));
        fx_done(&f);
    }
    /* broken by what edited it: an error of ours */
    write_mistral(&f, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
    f.r.extra = BASE_STR("{\"a\":");
    fx_write(&f);
    assert_int_equal(f.st, BASE_EBUG);
    base_buf_release(&f.body);
    base_buf_init(&f.body, 30);
    f.r.extra = BASE_STR_NULL;
    fx_write(&f);
    assert_int_equal(f.st, BASE_LIMIT);
    fx_done(&f);
}

/* A turn of another dialect: its answers become messages of their own, its extras stay behind. */
static void test_mistral_from_other(void **state)
{
    struct fx f;
    (void)state;
    write_mistral(&f, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                      "{\"role\":\"assistant\",\"content\":\"b\"}],"
                      "\"response_format\":{\"type\":\"json_object\"}}");
    struct chat_part user[] = {
        {.kind = CHAT_PART_TEXT, .text = BASE_STR("before")},
        {.kind = CHAT_PART_TOOL_RESULT, .id = BASE_STR("toolu_1"), .text = BASE_STR("18")},
        {.kind = CHAT_PART_TOOL_RESULT,
         .id = BASE_STR("toolu_2"),
         .text = BASE_STR("bad"),
         .is_error = true},
        {.kind = CHAT_PART_OPAQUE,
         .raw = BASE_STR("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                         "\"image/gif\",\"data\":\"R0\\\"\"}}")}};
    struct chat_part model[] = {{.kind = CHAT_PART_REASONING, .text = BASE_STR("signed")},
                                {.kind = CHAT_PART_TEXT, .text = BASE_STR("b")}};
    f.r.dialect = CHAT_DIALECT_ANTHROPIC;
    f.r.messages[0].parts = user;
    f.r.messages[0].n_parts = 4;
    f.r.messages[1].parts = model;
    f.r.messages[1].n_parts = 2;
    fx_write(&f);
    golden(&f,
           "{\"model\":\"mistral-x\",\"messages\":["
           "{\"role\":\"tool\",\"tool_call_id\":\"cMe7QkhLm\",\"content\":\"18\"},"
           "{\"role\":\"tool\",\"tool_call_id\":\"MQWp9ZJHS\",\"content\":\"bad\"},"
           "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"before\"},"
           "{\"type\":\"image_url\",\"image_url\":\"data:image/gif;base64,R0\\\"\"}]},"
           "{\"role\":\"assistant\",\"content\":\"b\"}]}",
           "messages.is_error,messages.thinking,response_format");
    fx_done(&f);
}

/* Effort in each dialect's words, a policy's limit among them. */
static void test_mistral_effort(void **state)
{
    static const struct {
        enum chat_dialect dialect;
        const char *extra, *effort, *dropped;
    } all[] = {
        {CHAT_DIALECT_OPENAI_CHAT, "{\"reasoning_effort\":\"high\"}", "high", ""},
        {CHAT_DIALECT_ANTHROPIC, "{\"output_config\":{\"effort\":\"low\"}}", "low", ""},
        {CHAT_DIALECT_ANTHROPIC, "{\"thinking\":{\"type\":\"disabled\"}}", "none", ""},
        {CHAT_DIALECT_ANTHROPIC,
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":100000},\"x\":1}", "max", "x"},
        {CHAT_DIALECT_ANTHROPIC, "{\"thinking\":{\"type\":\"adaptive\"}}", NULL, "thinking"}};
    struct fx f;
    (void)state;
    write_mistral(&f, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char out[256];
        f.r.dialect = all[i].dialect;
        f.r.extra = base_str_c(all[i].extra);
        fx_write(&f);
        snprintf(
            out, sizeof out,
            "{\"model\":\"mistral-x\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]%s%s%s}",
            all[i].effort ? ",\"reasoning_effort\":\"" : "", all[i].effort ? all[i].effort : "",
            all[i].effort ? "\"" : "");
        golden(&f, out, all[i].dropped);
    }
    fx_done(&f);
}

#define M(delta, finish)                                                                           \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{"      \
    "\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]"
#define USAGE ",\"usage\":{\"prompt_tokens\":11,\"total_tokens\":18,\"completion_tokens\":7}"

static const char mistral_stream[] =
    M("{\"role\":\"assistant\",\"content\":\"\"}", "null") "}\n\n" M(
        "{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":"
        "\"Gr\xc3\xbc\"}"
        "]}]}",
        "null") "}\n\n" M("{\"content\":[{\"type\":\"thinking\",\"thinking\":\"\xc3\x9f\"},{"
                          "\"type\":\"reference\","
                          "\"reference_ids\":[1]},{\"type\":\"text\",\"text\":\"so\"}]}",
                          "null") "}\n\n" M("{\"content\":\" it \xf0\x9f\x98\x80\"}",
                                            "null") "}\n\n" M("{\"content\":\"\",\"tool_calls\":[{"
                                                              "\"id\":\"D681PevKs\",\"function\":{"
                                                              "\"name\":\"f\","
                                                              "\"arguments\":\"{\\\"x\\\": "
                                                              "1}\"},\"index\":0},{\"id\":\"null\","
                                                              "\"function\":{\"name\":\"g\","
                                                              "\"arguments\":{\"y\":[2]}},"
                                                              "\"index\":1}]}",
                                                              "\"tool_calls\"") USAGE
    "}\n\n"
    "data: [DONE]\n\n";

static void test_mistral_stream(void **state)
{
    (void)state;
    reads(
        &gw_wire_mistral, true, base_str_c(mistral_stream),
        "start i m\nreasoning Gr\xc3\xbc\nreasoning \xc3\x9f\ntext so\ntext  it \xf0\x9f\x98\x80\n"
        "call 0 D681PevKs f\nargs 0 {\"x\": 1}\ncall 1 call_1 g\nargs 1 {\"y\":[2]}\nfinish 2\n"
        "usage 11 7 0 0 0\nend\n");
    for (size_t n = 0; n + 1 < strlen(mistral_stream); n++)
        breaks(&gw_wire_mistral, true, base_str_n(mistral_stream, n));
}

static void test_mistral_ends(void **state)
{
    (void)state;
    reads(
        &gw_wire_mistral, false,
        BASE_STR("{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":"
                 "\"h\",\"tool_calls\":null},\"finish_reason\":\"model_length\"}]" USAGE "}"),
        "start i m\ntext h\nfinish 1\nusage 11 7 0 0 0\nend\n");
    reads(
        &gw_wire_mistral, false,
        BASE_STR("{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":"
                 "\"h\"},\"finish_reason\":\"error\"}]}"),
        "start i m\nerror 502 1 server_error//The upstream broke off its answer.\n");
    reads(&gw_wire_mistral, true,
          BASE_STR(M("{\"content\":\"a\"}", "\"error\"") "}\n\ndata: [DONE]\n\n"),
          "start i m\nerror 502 1 server_error//The upstream broke off its answer.\n");
    reads(
        &gw_wire_mistral, true,
        BASE_STR("data: {\"object\":\"error\",\"message\":\"busy\",\"type\":\"server_error\"}\n\n"),
        "error 500 1 server_error//busy\n");
}

static void test_mistral_errors(void **state)
{
    static const struct {
        int status;
        const char *body, *type, *code, *message;
    } all[] = {
        {422,
         "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"messages\",0,\"name\"],"
         "\"msg\":\"Extra inputs are not permitted\",\"input\":\"n\"},{\"loc\":[],\"msg\":\"x\"}]}",
         "upstream_error", "", "body.messages.0.name: Extra inputs are not permitted; x"},
        {422,
         "{\"object\":\"error\",\"message\":{\"detail\":[{\"loc\":[\"body\",\"user\"],\"msg\":"
         "\"no\"}]},"
         "\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}",
         "invalid_request_error", "", "body.user: no"},
        {400,
         "{\"object\":\"error\",\"message\":\"Invalid model: "
         "x\",\"type\":\"invalid_model\",\"param\":"
         "null,\"code\":\"1500\"}",
         "invalid_model", "1500", "Invalid model: x"},
        {401, "{\"detail\":\"Unauthorized\"}", "upstream_error", "", "Unauthorized"},
        {429, "{\"message\":\"Requests rate limit exceeded\",\"request_id\":\"r\"}",
         "upstream_error", "", "Requests rate limit exceeded"},
        {502, "{\"error\":{\"message\":\"proxy\",\"type\":\"t\"}}", "t", "", "proxy"},
        {422, "{\"detail\":[]}", "upstream_error", "",
         "The upstream answered with HTTP status 422."},
        {503, "<html>", "upstream_error", "", "The upstream answered with HTTP status 503."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct base_arena *a = base_arena_new(1u << 16);
        struct chat_error e;
        gw_wire_mistral.error_parse(all[i].status, base_str_c(all[i].body), a, &e);
        assert_int_equal(e.status, all[i].status);
        is(e.type, all[i].type);
        is(e.code, all[i].code);
        is(e.message, all[i].message);
        is(e.body, all[i].body);
        base_arena_free(a);
    }
}

/* ---- azure-openai ---- */

static void write_azure(struct fx *f, const char *path, const char *version, const char *model)
{
    fx_parse(f, "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                "\"max_completion_tokens\":9,\"stream\":true,\"data_sources\":[1]}");
    f->b = (struct conf_backend){.name = "az",
                                 .api = CONF_API_AZURE_OPENAI,
                                 .key = "s3cret",
                                 .path = path,
                                 .api_version = version,
                                 .host = "h"};
    f->model = (struct conf_remote_model){.name = model};
    fx_write(f);
}

static void test_azure_addresses(void **state)
{
    static const struct {
        const char *path, *version, *model, *want;
    } all[] = {
        {"/openai/v1", NULL, "my gpt", "/chat/completions"},
        {"/openai/v1", "preview", "gpt", "/chat/completions?api-version=preview"},
        {"", "2024-10-21", "gpt-4o",
         "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"},
        {"/openai", "2024-10-21", "gpt",
         "/deployments/gpt/chat/completions?api-version=2024-10-21"},
        {"/apim", "2025-01-01-preview", "a/b?c#",
         "/openai/deployments/a%2Fb%3Fc%23/chat/completions?api-version=2025-01-01-preview"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct fx f;
        char body[300];
        write_azure(&f, all[i].path, all[i].version, all[i].model);
        snprintf(
            body, sizeof body,
            "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
            "\"max_completion_tokens\":9,\"stream\":true,\"stream_options\":{\"include_usage\":"
            "true},\"data_sources\":[1]}",
            all[i].model);
        golden(&f, body, "");
        assert_string_equal(f.head.path, all[i].want);
        is(fx_header(&f, "api-key"), "s3cret");
        assert_null(fx_header(&f, "Authorization").p);
        fx_done(&f);
    }
}

/* Clients of another dialect get what OpenAI's own models take. */
static void test_azure_from_other(void **state)
{
    struct fx f;
    (void)state;
    write_azure(&f, "/openai/v1", NULL, "m");
    f.r.dialect = CHAT_DIALECT_ANTHROPIC;
    f.r.top_k = (struct chat_opt_num){true, 5};
    fx_write(&f);
    golden(
        &f,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"max_completion_tokens\":9,\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
        "top_k,data_sources");
    fx_done(&f);
}

static void test_azure_answers(void **state)
{
    (void)state;
    reads(&gw_wire_azure_openai, true,
          BASE_STR(
              "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
              "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{}}]}\n\n"
              "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
              "\"assistant\",\"content\":\"\"},\"content_filter_results\":{}}]}\n\n"
              "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{"
              "\"content\":\"so\"}}]}\n\n"
              "data: {\"id\":\"\",\"model\":\"\",\"choices\":[{\"index\":0,\"finish_reason\":null,"
              "\"content_filter_offsets\":{\"check_offset\":1}}]}\n\n"
              "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"
              "\"finish_reason\":\"content_filter\"}]}\n\n"
              "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
              "\"completion_tokens\":4}}\n\ndata: [DONE]\n\n"),
          "start i m\ntext so\nfinish 3\nusage 3 4 0 0 0\nend\n");
    struct base_arena *a = base_arena_new(1u << 16);
    struct chat_error e;
    gw_wire_azure_openai.error_parse(
        400,
        BASE_STR("{\"error\":{\"message\":\"The response was filtered\",\"type\":null,\"param\":"
                 "\"prompt\",\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":"
                 "\"ResponsibleAIPolicyViolation\"}}}"),
        a, &e);
    is(e.code, "content_filter");
    is(e.message, "The response was filtered");
    assert_false(e.retryable);
    gw_wire_azure_openai.error_parse(
        401, BASE_STR("{\"statusCode\":401,\"message\":\"Unauthorized\"}"), a, &e);
    is(e.message, "Unauthorized");
    gw_wire_azure_openai.error_parse(
        404, BASE_STR("{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"none\"}}"), a, &e);
    is(e.code, "DeploymentNotFound");
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistral_everything), cmocka_unit_test(test_mistral_effort),
        cmocka_unit_test(test_mistral_small),      cmocka_unit_test(test_mistral_from_other),
        cmocka_unit_test(test_mistral_stream),     cmocka_unit_test(test_mistral_ends),
        cmocka_unit_test(test_mistral_errors),     cmocka_unit_test(test_azure_addresses),
        cmocka_unit_test(test_azure_from_other),   cmocka_unit_test(test_azure_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
