/* Goal: OpenAI's Responses dialect reads every kind of request into the right place and nowhere
 * else, and refuses what it cannot mean with a 400 that names the member.
 *
 * Method: bodies as text through parse.
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

static json_t *load(struct base_str s)
{
    json_t *o = gw_json_load(s, false, NULL);
    if (!o)
        fail_msg("no JSON object: %.*s", BASE_FMT(s));
    return o;
}

/* ---- requests ---- */

static void test_plain(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(&f,
             "{\"model\":\"auto\",\"instructions\":\"be brief\",\"input\":\"hi\",\"stream\":true,"
             "\"temperature\":0.5,\"top_p\":1,\"max_output_tokens\":50,\"user\":\"u\",\"seed\":3,"
             "\"stop\":[\"a\",\"b\"],\"top_k\":4,\"x_future\":{\"a\":1}}");
    assert_int_equal(f.r.dialect, CHAT_DIALECT_OPENAI_RESPONSES);
    assert_int_equal(f.r.n_messages, 2);
    assert_int_equal(f.r.messages[0].role, CHAT_SYSTEM);
    is(f.r.messages[0].parts[0].text, "be brief");
    assert_int_equal(f.r.messages[1].role, CHAT_USER);
    is(f.r.messages[1].parts[0].text, "hi");
    assert_true(f.r.stream && f.r.temperature.v == 0.5 && f.r.top_p.v == 1 && f.r.top_k.v == 4);
    assert_true(f.r.max_tokens.v == 50 && f.r.seed.v == 3 && f.r.n_stop == 2);
    assert_false(f.r.max_tokens_legacy);
    is(f.r.user, "u");
    is(f.r.extra, "{\"x_future\":{\"a\":1}}");
    assert_int_equal(f.r.dropped.n, 0);
    base_arena_free(f.a);
}

static void test_translated_members(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(
        &f,
        "{\"model\":\"m\",\"input\":\"x\",\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\","
        "\"mode\":\"pro\"},\"text\":{\"verbosity\":\"high\",\"format\":{\"type\":"
        "\"json_schema\",\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\"}}},"
        "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"parallel_tool_calls\":false,"
        "\"metadata\":{\"k\":\"v\"},\"store\":true,"
        "\"include\":[\"reasoning.encrypted_content\"],\"truncation\":\"auto\","
        "\"top_logprobs\":3,\"max_tool_calls\":4,\"background\":false,"
        "\"previous_response_id\":null,\"prompt_cache_options\":{\"mode\":\"implicit\"}}");
    json_t *extra = load(f.r.extra);
    is(gw_json_get_str(extra, "reasoning_effort"), "low");
    is(gw_json_get_str(extra, "verbosity"), "high");
    const json_t *format = gw_json_get_obj(extra, "response_format");
    is(gw_json_get_str(format, "type"), "json_schema");
    const json_t *schema = gw_json_get_obj(format, "json_schema");
    is(gw_json_get_str(schema, "name"), "n");
    assert_true(json_is_true(json_object_get(schema, "strict")));
    assert_null(json_object_get(schema, "type"));
    assert_true(json_is_false(json_object_get(extra, "parallel_tool_calls")));
    is(gw_json_get_str(gw_json_get_obj(extra, "metadata"), "k"), "v");
    assert_int_equal(json_object_size(extra), 5);
    assert_true(f.r.reasoning_summary);
    is(f.r.dropped, "store,include,truncation,prompt_cache_options,top_logprobs,reasoning.mode");
    json_decref(extra);
    base_arena_free(f.a);
}

#define ASSISTANT_TURN                                                                             \
    "{\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"s\"}" \
    "],"                                                                                           \
    "\"content\":[{\"type\":\"reasoning_text\",\"text\":\"c1\"},{\"type\":\"reasoning_text\","     \
    "\"text\":\"c2\"}]},{\"type\":\"message\",\"id\":\"msg\",\"status\":\"completed\",\"role\":"   \
    "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"t\",\"annotations\":[],"      \
    "\"logprobs\":[]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"type\":\"function_call\","    \
    "\"id\":\"fc\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_"  \
    "call\","                                                                                      \
    "\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"{\\\"a\\\":1}\"}"

static void test_items_of_one_turn_are_one_message(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(
        &f, "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"q\"}," ASSISTANT_TURN
            ",{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"o1\"},"
            "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":["
            "{\"type\":\"input_text\",\"text\":\"o2\"},{\"type\":\"input_text\",\"text\":\"o3\"}]},"
            "{\"role\":\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"d\"}]}]}");
    assert_int_equal(f.r.n_messages, 5);
    const struct chat_message *m = &f.r.messages[1];
    assert_int_equal(m->role, CHAT_ASSISTANT);
    assert_int_equal(m->n_parts, 6);
    static const enum chat_part_kind kinds[] = {CHAT_PART_REASONING, CHAT_PART_REASONING,
                                                CHAT_PART_TEXT,      CHAT_PART_REFUSAL,
                                                CHAT_PART_TOOL_CALL, CHAT_PART_TOOL_CALL};
    static const char *const texts[] = {"c1", "c2", "t", "no", "{}", "{\"a\":1}"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(m->parts[i].kind, kinds[i]);
        is(m->parts[i].text, texts[i]);
        assert_int_equal(m->parts[i].extra.n, 0);
    }
    is(m->parts[5].id, "c2");
    is(m->parts[5].name, "g");
    assert_int_equal(f.r.messages[2].role, CHAT_TOOL);
    is(f.r.messages[2].parts[0].id, "c1");
    is(f.r.messages[2].parts[0].text, "o1");
    assert_int_equal(f.r.messages[3].n_parts, 2);
    assert_int_equal(f.r.messages[3].parts[1].kind, CHAT_PART_TOOL_RESULT);
    is(f.r.messages[3].parts[1].id, "c2");
    assert_int_equal(f.r.messages[4].role, CHAT_DEVELOPER);
    assert_int_equal(f.r.dropped.n, 0);
    base_arena_free(f.a);
}

static void test_thoughts_alone_are_left_out(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(
        &f, "{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"id\":\"r\",\"summary\":["
            "{\"type\":\"summary_text\",\"text\":\"s\"}]},{\"role\":\"user\",\"content\":\"q\"}]}");
    assert_int_equal(f.r.n_messages, 1);
    assert_int_equal(f.r.messages[0].role, CHAT_USER);
    is(f.r.dropped, "input.reasoning");
    base_arena_free(f.a);
    parse(&f, "{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[]}]}");
    assert_int_equal(f.st, BASE_EINVAL);
    is(f.e.param, "input");
    base_arena_free(f.a);
}

static void test_what_is_no_text_is_opaque(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(
        &f,
        "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA\",\"detail\":\"low\"},"
        "{\"type\":\"input_file\",\"filename\":\"a\",\"file_data\":\"b\",\"detail\":\"low\"},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"c\",\"format\":\"mp3\"}}]},"
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":["
        "{\"type\":\"input_image\",\"image_url\":\"https://h.example/x\",\"file_id\":null}]}]}");
    const struct chat_part *p = f.r.messages[0].parts;
    assert_true(chat_request_has_opaque(&f.r));
    is(p[0].raw, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA\","
                 "\"detail\":\"low\"}}");
    is(p[1].raw, "{\"type\":\"file\",\"file\":{\"filename\":\"a\",\"file_data\":\"b\"}}");
    is(p[2].raw, "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"c\",\"format\":\"mp3\"}}");
    is(f.r.messages[2].parts[0].raw,
       "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h.example/x\"}}");
    is(f.r.messages[2].parts[0].id, "c");
    is(f.r.dropped, "input.content.detail");
    base_arena_free(f.a);
}

#define F(name) "{\"type\":\"function\",\"name\":\"" name "\",\"parameters\":{\"type\":\"object\"}}"

static void test_tools(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(&f,
             "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
             "\"description\":\"D\",\"strict\":true,\"parameters\":{\"a\":1},\"x\":2}," F(
                 "g") "],"
                      "\"tool_choice\":{\"type\":\"function\",\"name\":\"g\"}}");
    assert_int_equal(f.r.n_tools, 2);
    is(f.r.tools[0].name, "f");
    is(f.r.tools[0].description, "D");
    is(f.r.tools[0].schema, "{\"a\":1}");
    is(f.r.tools[0].extra, "{\"function\":{\"strict\":true}}");
    assert_int_equal(f.r.tools[1].extra.n, 0);
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_NAMED);
    is(f.r.tool_choice_name, "g");
    is(f.r.dropped, "tools.x");
    base_arena_free(f.a);
    parse_ok(
        &f, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[" F("a") "," F("b") "," F(
                "c") "],"
                     "\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":["
                     "{\"type\":\"function\",\"name\":\"c\"},{\"type\":\"function\",\"name\":\"a\"}"
                     "]}}");
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_REQUIRED);
    assert_int_equal(f.r.n_tools, 2);
    is(f.r.tools[0].name, "a");
    is(f.r.tools[1].name, "c");
    assert_int_equal(f.r.extra.n, 0);
    base_arena_free(f.a);
}

/* A tool that takes text is a function of one text to a model, and its calls are calls. */
static void test_custom_tools(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(
        &f,
        "{\"model\":\"m\",\"tools\":[{\"type\":\"custom\",\"name\":\"patch\",\"description\":\"D\","
        "\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"start: x\"}},"
        "{\"type\":\"custom\",\"name\":\"say\",\"format\":{\"type\":\"text\"}}],"
        "\"tool_choice\":{\"type\":\"custom\",\"name\":\"say\"},\"input\":["
        "{\"role\":\"user\",\"content\":\"q\"},{\"type\":\"custom_tool_call\",\"id\":\"ctc\","
        "\"call_id\":\"c\",\"name\":\"say\",\"input\":\"a \\\"b\\\"\"},"
        "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"o\"}]}");
    assert_int_equal(f.r.n_tools, 2);
    assert_true(f.r.tools[0].freeform && f.r.tools[1].freeform);
    is(f.r.tools[0].description, "D\n\nThe input must match this lark grammar:\nstart: x");
    assert_int_equal(f.r.tools[1].description.n, 0);
    json_t *schema = load(f.r.tools[1].schema);
    assert_non_null(gw_json_get_obj(gw_json_get_obj(schema, "properties"), "input"));
    json_decref(schema);
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_NAMED);
    is(f.r.tool_choice_name, "say");
    is(f.r.messages[1].parts[0].text, "{\"input\":\"a \\\"b\\\"\"}");
    assert_int_equal(f.r.messages[1].parts[0].kind, CHAT_PART_TOOL_CALL);
    assert_int_equal(f.r.messages[2].role, CHAT_TOOL);
    is(f.r.messages[2].parts[0].text, "o");
    is(f.r.dropped, "tools.format");
    base_arena_free(f.a);
}

/* Agents send these whether or not they have tools. */
static void test_words_about_no_tools_mean_nothing(void **state)
{
    struct fx f;
    (void)state;
    parse_ok(&f, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[],\"tool_choice\":\"auto\","
                 "\"parallel_tool_calls\":true}");
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_UNSET);
    assert_int_equal(f.r.extra.n, 0);
    base_arena_free(f.a);
    parse_ok(&f, "{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":\"required\"}");
    assert_int_equal(f.r.tool_choice, CHAT_TOOLS_REQUIRED);
    base_arena_free(f.a);
}

struct refusal {
    const char *body, *param;
};

/* Put behind {"model":"m", */
static const struct refusal refusals[] = {
    {"\"input\":[]", "input"},
    {"\"input\":5", "input"},
    {"\"x\":1", "input"},
    {"\"input\":null", "input"},
    {"\"input\":\"x\",\"instructions\":[]", "instructions"},
    {"\"input\":[5]", "input[0]"},
    {"\"input\":[{}]", "input[0].type"},
    {"\"input\":[{\"type\":7}]", "input[0].type"},
    {"\"input\":[{\"id\":\"msg_1\"}]", "input[0].type"},
    {"\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]", "input[0].type"},
    {"\"input\":[{\"role\":\"user\",\"content\":\"x\"},{\"type\":\"mcp_call\"}]", "input[1].type"},
    {"\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"f\"}]",
     "input[0].input"},
    {"\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]", "input[0].role"},
    {"\"input\":[{\"role\":\"user\"}]", "input[0].content"},
    {"\"input\":[{\"role\":\"user\",\"content\":[]}]", "input[0].content"},
    {"\"input\":[{\"role\":\"user\",\"content\":[7]}]", "input[0].content[0]"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{}]}]", "input[0].content[0].type"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]",
     "input[0].content[0].type"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\"}]}]",
     "input[0].content[0].text"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"}]}]",
     "input[0].content[0].file_id"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]",
     "input[0].content[0].image_url"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_url\":\"f\"}]}]",
     "input[0].content[0].file_url"},
    {"\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}]",
     "input[0].call_id"},
    {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":{}}]",
     "input[0].arguments"},
    {"\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\"}]", "input[0].output"},
    {"\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[{\"type\":"
     "\"output_text\",\"text\":\"x\"}]}]",
     "input[0].output[0].type"},
    {"\"input\":[{\"type\":\"reasoning\",\"summary\":{}}]", "input[0].summary"},
    {"\"input\":[{\"type\":\"reasoning\",\"summary\":[5]}]", "input[0].summary"},
    {"\"input\":\"x\",\"previous_response_id\":\"r\"", "previous_response_id"},
    {"\"input\":\"x\",\"conversation\":{\"id\":\"c\"}", "conversation"},
    {"\"input\":\"x\",\"prompt\":{\"id\":\"p\"}", "prompt"},
    {"\"input\":\"x\",\"moderation\":{\"model\":\"m\"}", "moderation"},
    {"\"input\":\"x\",\"background\":true", "background"},
    {"\"input\":\"x\",\"background\":1", "background"},
    {"\"input\":\"x\",\"store\":1", "store"},
    {"\"input\":\"x\",\"include\":\"a\"", "include"},
    {"\"input\":\"x\",\"truncation\":\"some\"", "truncation"},
    {"\"input\":\"x\",\"messages\":[]", "messages"},
    {"\"input\":\"x\",\"max_tokens\":5", "max_tokens"},
    {"\"input\":\"x\",\"max_completion_tokens\":5", "max_completion_tokens"},
    {"\"input\":\"x\",\"response_format\":{}", "response_format"},
    {"\"input\":\"x\",\"reasoning_effort\":\"low\"", "reasoning_effort"},
    {"\"input\":\"x\",\"web_search_options\":{}", "web_search_options"},
    {"\"input\":\"x\",\"functions\":[]", "functions"},
    {"\"input\":\"x\",\"n\":1", "n"},
    {"\"input\":\"x\",\"max_output_tokens\":0", "max_output_tokens"},
    {"\"input\":\"x\",\"temperature\":3", "temperature"},
    {"\"input\":\"x\",\"top_logprobs\":-1", "top_logprobs"},
    {"\"input\":\"x\",\"max_tool_calls\":\"2\"", "max_tool_calls"},
    {"\"input\":\"x\",\"metadata\":[]", "metadata"},
    {"\"input\":\"x\",\"stream\":\"yes\"", "stream"},
    {"\"input\":\"x\",\"stream_options\":1", "stream_options"},
    {"\"input\":\"x\",\"text\":1", "text"},
    {"\"input\":\"x\",\"text\":{\"format\":7}", "text.format"},
    {"\"input\":\"x\",\"text\":{\"format\":{\"type\":\"grammar\"}}", "text.format.type"},
    {"\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}", "text.format.name"},
    {"\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}",
     "text.format.schema"},
    {"\"input\":\"x\",\"text\":{\"verbosity\":1}", "text.verbosity"},
    {"\"input\":\"x\",\"reasoning\":\"low\"", "reasoning"},
    {"\"input\":\"x\",\"reasoning\":{\"effort\":1}", "reasoning.effort"},
    {"\"input\":\"x\",\"parallel_tool_calls\":\"no\"", "parallel_tool_calls"},
    {"\"input\":\"x\",\"tools\":{}", "tools"},
    {"\"input\":\"x\",\"tools\":[7]", "tools[0]"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type"},
    {"\"input\":\"x\",\"tools\":[" F("f") ",{\"type\":\"mcp\"}]", "tools[1].type"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"custom\"}]", "tools[0].name"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"f\",\"format\":1}]",
     "tools[0].format"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]",
     "tools[0].name"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":[]}]",
     "tools[0].parameters"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"strict\":1}]",
     "tools[0].strict"},
    {"\"input\":\"x\",\"tool_choice\":\"maybe\"", "tool_choice"},
    {"\"input\":\"x\",\"tool_choice\":{\"type\":\"file_search\"}", "tool_choice.type"},
    {"\"input\":\"x\",\"tool_choice\":{\"type\":\"function\"}", "tool_choice.name"},
    {"\"input\":\"x\",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"none\"}",
     "tool_choice.mode"},
    {"\"input\":\"x\",\"tools\":[" F("f") "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":"
                                          "\"auto\",\"tools\":[{\"type\":\"function\",\"name\":"
                                          "\"g\"}]}",
     "tool_choice.tools"},
};

static void test_refusals_name_the_member(void **state)
{
    struct fx f;
    char body[1024];
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\",%s}", refusals[i].body);
        parse(&f, body);
        if (f.st != BASE_EINVAL || f.e.status != 400)
            fail_msg("accepted: %s", body);
        if (!base_str_is(f.e.param, refusals[i].param))
            fail_msg("%s: param %.*s", body, BASE_FMT(f.e.param));
        assert_true(f.e.message.n > 10 && f.e.code.n > 0);
        base_arena_free(f.a);
    }
    parse(&f, "{\"input\":\"x\"}");
    is(f.e.param, "model");
    base_arena_free(f.a);
    parse(&f, "{\"model\":\"m\",\"input\":\"x\",\"input\":\"y\"}");
    is(f.e.code, "invalid_json");
    base_arena_free(f.a);
}

static void test_bounds(void **state)
{
    struct base_buf b;
    struct fx f;
    (void)state;
    base_buf_init(&b, 8u << 20);
    base_buf_z(&b, "{\"model\":\"m\",\"input\":[");
    for (int i = 0; i < 65537; i++)
        base_buf_z(&b, i ? ",{\"role\":\"user\",\"content\":\"x\"}"
                         : "{\"role\":\"user\",\"content\":\"x\"}");
    base_buf_z(&b, "]}");
    f.a = base_arena_new(64u << 20);
    f.st = d->parse(base_buf_view(&b), f.a, &f.r, &f.e);
    assert_int_equal(f.st, BASE_EINVAL);
    is(f.e.param, "input");
    base_arena_free(f.a);
    /* an arena that is too small is a 413 wherever it ends */
    base_buf_clear(&b);
    base_buf_z(&b,
               "{\"model\":\"m\",\"instructions\":\"i\",\"input\":[" ASSISTANT_TURN
               ",{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"u\"}]}],"
               "\"tools\":[" F("f") "],\"text\":{\"format\":{\"type\":\"json_object\"}}}");
    int refused = 0;
    for (size_t room = 256; room < 8192; room += 64) {
        f.a = base_arena_new(room);
        if (!f.a)
            continue;
        f.e = (struct gw_api_error){0};
        f.st = d->parse(base_buf_view(&b), f.a, &f.r, &f.e);
        refused += f.st == BASE_LIMIT && f.e.status == 413;
        assert_true(f.st == BASE_OK || (f.st == BASE_LIMIT && f.e.status == 413));
        base_arena_free(f.a);
    }
    assert_true(refused > 3);
    base_buf_release(&b);
}

static void test_echo_is_bounded(void **state)
{
    struct base_buf b;
    struct fx f;
    (void)state;
    parse_ok(&f, "{\"model\":\"m\",\"input\":\"x\",\"instructions\":\"i\",\"temperature\":0.25,"
                 "\"store\":true,"
                 "\"metadata\":{\"a\":\"b\"},\"tools\":[" F("f") "],\"tool_choice\":\"auto\"}");
    json_t *e = load(f.r.echo);
    is(gw_json_get_str(e, "instructions"), "i");
    assert_true(json_is_false(json_object_get(e, "store")));
    assert_true(json_real_value(json_object_get(e, "temperature")) == 0.25);
    assert_int_equal(json_array_size(json_object_get(e, "tools")), 1);
    json_decref(e);
    base_arena_free(f.a);

    base_buf_init(&b, 1u << 20);
    base_buf_z(&b, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[" F("f") "],\"instructions\":\"");
    for (int i = 0; i < 300000; i++)
        base_buf_byte(&b, 'x');
    base_buf_z(&b, "\"}");
    f.a = base_arena_new(4u << 20);
    assert_int_equal(d->parse(base_buf_view(&b), f.a, &f.r, &f.e), BASE_OK);
    assert_true(f.r.echo.n < 1000);
    e = load(f.r.echo);
    assert_true(json_is_null(json_object_get(e, "instructions")));
    assert_int_equal(json_array_size(json_object_get(e, "tools")), 0);
    assert_true(json_is_true(json_object_get(e, "parallel_tool_calls")));
    json_decref(e);
    base_arena_free(f.a);
    base_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_translated_members),
        cmocka_unit_test(test_items_of_one_turn_are_one_message),
        cmocka_unit_test(test_thoughts_alone_are_left_out),
        cmocka_unit_test(test_what_is_no_text_is_opaque),
        cmocka_unit_test(test_tools),
        cmocka_unit_test(test_custom_tools),
        cmocka_unit_test(test_words_about_no_tools_mean_nothing),
        cmocka_unit_test(test_refusals_name_the_member),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_echo_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
