/* Goal: what goes to Bedrock is what the client meant, to the byte and under a valid proof; what
 * comes back becomes the same events however its frames are cut, and never a false end.
 *
 * Method: golden bodies; frames made here with their checksums (one is a known answer that
 * botocore's reader accepts), read whole, cut at every byte and in single bytes; every bit of a
 * stream flipped in turn must be noticed; cut streams must end in EPROTO. */
#include "base/sigv4.h"
#include "gateway/upstream/bedrock_int.h"
#include "gateway/upstream/eventstream.h"
#include "tests/unit/gateway_wire_util.h"

/* ---- the request ---- */

static void write_to(struct fx *f, const char *model, const char *text)
{
    fx_parse(f, text);
    f->b = (struct conf_backend){.name = "be",
                                 .api = CONF_API_BEDROCK,
                                 .tls = true,
                                 .host = "bedrock-runtime.eu-central-1.amazonaws.com",
                                 .port = 443,
                                 .path = "",
                                 .region = "eu-central-1",
                                 .service = "bedrock",
                                 .access_key = "AKIDEXAMPLE",
                                 .secret_key = "s3cret/key",
                                 .session_token = "t0ken=="};
    f->model = (struct conf_remote_model){.name = model};
    fx_write(f);
}

static void golden(const char *model, const char *text, const char *body, const char *dropped)
{
    struct fx f;
    write_to(&f, model, text);
    if (f.st != BASE_OK)
        fail_msg("%s", f.err.text);
    is(base_buf_view(&f.body), body);
    is(base_buf_view(&f.dropped), dropped);
    fx_done(&f);
}

static const char everything[] =
    "{\"model\":\"auto\",\"messages\":["
    "{\"role\":\"system\",\"content\":\"be brief\",\"name\":\"s\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache\":1},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpg;base64,QUJD\"}}]},"
    "{\"role\":\"user\",\"content\":\"more\"},"
    "{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"hm\","
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"w\","
    "\"arguments\":\"{\\\"c\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{"
    "\"name\":\"v\",\"arguments\":\"\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"18 C\"},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
    "{\"type\":\"text\",\"text\":\"y\"}]},{\"role\":\"user\",\"content\":\"and?\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":true}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"v\"}},"
    "{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}],"
    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}},"
    "\"max_completion_tokens\":50,\"temperature\":0.7,\"top_p\":1,\"presence_penalty\":0.1,"
    "\"seed\":7,\"top_k\":40,\"stop\":[\"a\",\"b\"],\"user\":\"u\",\"logit_bias\":{\"1\":-100},"
    "\"guardrailConfig\":{\"guardrailIdentifier\":\"g\",\"guardrailVersion\":\"1\"},"
    "\"additionalModelRequestFields\":{\"x\":[1]},"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{"
    "\"type\":\"object\"}}}}";

#define EVERYTHING_HEAD                                                                            \
    "{\"system\":[{\"text\":\"be brief\"}],\"messages\":[{\"role\":\"user\",\"content\":["         \
    "{\"text\":\"a\"},{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"QUJD\"}}},"          \
    "{\"text\":\"more\"}]},{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":"      \
    "\"c1\",\"name\":\"w\",\"input\":{\"c\":1}}},{\"toolUse\":{\"toolUseId\":\"c2\",\"name\":"     \
    "\"v\",\"input\":{}}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":"       \
    "\"c1\",\"content\":[{\"text\":\"18 C\"}]}},{\"toolResult\":{\"toolUseId\":\"c2\","            \
    "\"content\":[{\"text\":\"x\"},{\"text\":\"y\"}]}},{\"text\":\"and?\"}]}],\"toolConfig\":{"    \
    "\"tools\":[{\"toolSpec\":{\"name\":\"w\",\"description\":\"d\",\"inputSchema\":{\"json\":{"   \
    "\"type\":\"object\",\"properties\":{}}},\"strict\":true}},{\"toolSpec\":{\"name\":\"v\","     \
    "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}],\"toolChoice\":{\"tool\":{\"name\":"      \
    "\"w\"}}},\"inferenceConfig\":{\"maxTokens\":50,\"temperature\":0.7,\"topP\":1,"               \
    "\"stopSequences\":[\"a\",\"b\"]},\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\"," \
    "\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\"}\",\"name\":"        \
    "\"n\"}}}},"
#define EVERYTHING_TAIL                                                                            \
    "\"guardrailConfig\":{\"guardrailIdentifier\":\"g\",\"guardrailVersion\":\"1\"}}"

static void test_everything(void **state)
{
    (void)state;
    golden("eu.anthropic.claude-x-v1:0", everything,
           EVERYTHING_HEAD
           "\"additionalModelRequestFields\":{\"top_k\":40,\"x\":[1]}," EVERYTHING_TAIL,
           "messages.name,messages.content.cache,messages.reasoning_content,tools,"
           "presence_penalty,seed,logit_bias,user");
    golden("amazon.nova-pro-v1:0", everything,
           EVERYTHING_HEAD "\"additionalModelRequestFields\":{\"x\":[1]}," EVERYTHING_TAIL,
           "messages.name,messages.content.cache,messages.reasoning_content,tools,"
           "presence_penalty,seed,top_k,logit_bias,user");
}

static void test_small(void **state)
{
    (void)state;
    golden("m", "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}", "");
    /* a choice of none without any call: no tools; with one: tools, and the choice is named */
    golden("m",
           "{\"model\":\"a\",\"tool_choice\":\"none\",\"tools\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"f\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}",
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"h\"}]}]}", "");
    golden("m",
           "{\"model\":\"a\",\"tool_choice\":\"none\",\"tools\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"f\"}}],\"messages\":[{\"role\":\"tool\",\"tool_call_id\":"
           "\"i\",\"content\":\"\"}]}",
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"i\","
           "\"content\":[]}}]}],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
           "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}}",
           "tool_choice");
    golden("m",
           "{\"model\":\"a\",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"f\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],"
           "\"thinking\":{\"type\":\"enabled\"},\"requestMetadata\":5}",
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"h\"}]}],\"toolConfig\":{"
           "\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":"
           "\"object\"}}}}],\"toolChoice\":{\"any\":{}}}}",
           "thinking,requestMetadata");
}

/* What a client of Anthropic's dialect says: cache marks, signed thoughts, errors of tools. */
static void test_from_anthropic(void **state)
{
    struct fx f;
    struct chat_part parts[] = {
        {.kind = CHAT_PART_TEXT,
         .text = BASE_STR("q"),
         .extra = BASE_STR("{\"cache_control\":{\"type\":\"ephemeral\"},\"odd\":1}")},
        {.kind = CHAT_PART_OPAQUE,
         .raw = BASE_STR("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                         "\"image/png\",\"data\":\"QUJD\"}}")}};
    struct chat_part said[] = {{.kind = CHAT_PART_REASONING,
                                .text = BASE_STR("hm"),
                                .extra = BASE_STR("{\"signature\":\"c2ln\"}")},
                               {.kind = CHAT_PART_TOOL_CALL,
                                .id = BASE_STR("t"),
                                .name = BASE_STR("f"),
                                .text = BASE_STR("{}")}};
    struct chat_part result[] = {{.kind = CHAT_PART_TOOL_RESULT,
                                  .id = BASE_STR("t"),
                                  .text = BASE_STR("bad"),
                                  .is_error = true}};
    struct chat_message all[] = {{.role = CHAT_USER, .parts = parts, .n_parts = 2},
                                 {.role = CHAT_ASSISTANT, .parts = said, .n_parts = 2},
                                 {.role = CHAT_USER, .parts = result, .n_parts = 1}};

    (void)state;
    write_to(&f, "anthropic.claude-x",
             "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],"
             "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9}}");
    f.r.dialect = CHAT_DIALECT_ANTHROPIC;
    f.r.messages = all;
    f.r.n_messages = 3;
    f.r.anthropic_beta = BASE_STR("one, two");
    fx_write(&f);
    assert_int_equal(f.st, BASE_OK);
    is(base_buf_view(&f.body),
       "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"},{\"cachePoint\":{\"type\":"
       "\"default\"}},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"QUJD\"}}}]},"
       "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":"
       "\"hm\",\"signature\":\"c2ln\"}}},{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\","
       "\"input\":{}}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t\","
       "\"content\":[{\"text\":\"bad\"}],\"status\":\"error\"}}]}],"
       "\"additionalModelRequestFields\":{\"anthropic_beta\":[\"one\",\"two\"],\"thinking\":{"
       "\"type\":\"enabled\",\"budget_tokens\":9}}}");
    is(base_buf_view(&f.dropped), "messages.content.odd");
    fx_done(&f);
}

static void test_refuses(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":\"only\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"https://example.com/a.png\"}}]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"data:image/tiff;base64,QUJD\"}}]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"x\"}}]},{\"role\":\"user\",\"content\":\"a\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}]}]}"};
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

/* The path escapes the id, the signature holds for what is sent, and the token goes along. */
static void test_signed(void **state)
{
    struct fx f;
    char sum[65], *date;
    struct base_buf want;

    (void)state;
    write_to(&f, "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x-v1:0",
             "{\"model\":\"a\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":"
             "\"hi\"}]}");
    assert_string_equal(f.head.path, "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3A"
                                     "inference-profile%2Feu.x-v1%3A0/converse-stream");
    date = base_arena_dupz(f.a, fx_header(&f, "X-Amz-Date"));
    base_sigv4_body(base_buf_view(&f.body), sum);
    const struct base_sigv4_header h[] = {
        {"content-type", BASE_STR("application/json")},
        {"host", BASE_STR("bedrock-runtime.eu-central-1.amazonaws.com")},
        {"x-amz-date", base_str_c(date)},
        {"x-amz-security-token", BASE_STR("t0ken==")}};
    const struct base_sigv4 in = {.method = "POST",
                                  .path = base_str_c(f.head.path),
                                  .date = date,
                                  .region = "eu-central-1",
                                  .service = "bedrock",
                                  .access_key = "AKIDEXAMPLE",
                                  .secret_key = "s3cret/key",
                                  .headers = h,
                                  .n_headers = 4,
                                  .body_sha256 = sum};
    base_buf_init(&want, 4096);
    assert_int_equal(base_sigv4_sign(&in, &want, NULL), BASE_OK);
    is(fx_header(&f, "Authorization"), want.p);
    is(fx_header(&f, "X-Amz-Security-Token"), "t0ken==");
    for (size_t i = 0; i < f.head.n_headers; i++)
        assert_false(gw_json_mentions(f.head.header_value[i], "s3cret"));
    base_buf_release(&want);

    f.b.key = "bedrock-api-key-x";
    f.b.access_key = f.b.secret_key = f.b.session_token = NULL;
    f.r.stream = false;
    f.model.name = "m";
    fx_write(&f);
    assert_string_equal(f.head.path, "/model/m/converse");
    is(fx_header(&f, "Authorization"), "Bearer bedrock-api-key-x");
    assert_null(fx_header(&f, "X-Amz-Date").p);
    fx_done(&f);
}

static void test_limits(void **state)
{
    struct fx f;
    (void)state;
    write_to(&f, "m", everything);
    base_buf_release(&f.body);
    base_buf_init(&f.body, 100);
    fx_write(&f);
    assert_int_equal(f.st, BASE_LIMIT);
    f.r.extra = BASE_STR("{\"a\":");
    fx_write(&f);
    assert_int_equal(f.st, BASE_EBUG);
    fx_done(&f);
}

/* ---- frames ---- */

static void put32(struct base_buf *b, uint32_t v)
{
    const char p[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    base_buf_add(b, p, 4);
}

static void put_header(struct base_buf *b, const char *name, const char *value)
{
    size_t n = strlen(value);
    base_buf_byte(b, (char)strlen(name));
    base_buf_z(b, name);
    base_buf_byte(b, 7);
    base_buf_byte(b, (char)(n >> 8));
    base_buf_byte(b, (char)n);
    base_buf_z(b, value);
}

/* A frame of these headers (as bytes) and payload. */
static void put_frame(struct base_buf *out, struct base_str headers, struct base_str payload)
{
    size_t start = out->n;
    put32(out, (uint32_t)(16 + headers.n + payload.n));
    put32(out, (uint32_t)headers.n);
    put32(out, gw_es_crc32(0, base_str_n(out->p + start, 8)));
    base_buf_str(out, headers);
    base_buf_str(out, payload);
    put32(out, gw_es_crc32(0, base_str_n(out->p + start, out->n - start)));
}

static void put_event(struct base_buf *out, const char *message, const char *name, const char *type,
                      const char *payload)
{
    struct base_buf h;
    base_buf_init(&h, 4096);
    /* headers of every type of value, which are skipped */
    static const char skipped[] = "\1a\0\1b\1\1c\2x\1d\3xx\1e\4xxxx\1f\5xxxxxxxx\1g\6\0\3abc"
                                  "\1h\10xxxxxxxx\1i\11xxxxxxxxxxxxxxxx";
    base_buf_add(&h, skipped, sizeof skipped - 1);
    put_header(&h, name, type);
    put_header(&h, ":content-type", "application/json");
    put_header(&h, ":message-type", message);
    put_frame(out, base_buf_view(&h), base_str_c(payload));
    base_buf_release(&h);
}

static void ev(struct base_buf *out, const char *type, const char *payload)
{
    put_event(out, "event", ":event-type", type, payload);
}

static void test_frames(void **state)
{
    /* made by other code than ours, and accepted by botocore's reader */
    static const char known[] =
        "\x00\x00\x00\x7a\x00\x00\x00\x51\xca\x2c\x46\x65\x0b\x3a\x65\x76\x65\x6e\x74\x2d\x74\x79"
        "\x70\x65\x07\x00\x0b\x6d\x65\x73\x73\x61\x67\x65\x53\x74\x6f\x70\x0d\x3a\x63\x6f\x6e\x74"
        "\x65\x6e\x74\x2d\x74\x79\x70\x65\x07\x00\x10\x61\x70\x70\x6c\x69\x63\x61\x74\x69\x6f\x6e"
        "\x2f\x6a\x73\x6f\x6e\x0d\x3a\x6d\x65\x73\x73\x61\x67\x65\x2d\x74\x79\x70\x65\x07\x00\x05"
        "\x65\x76\x65\x6e\x74\x7b\x22\x73\x74\x6f\x70\x52\x65\x61\x73\x6f\x6e\x22\x3a\x22\x65\x6e"
        "\x64\x5f\x74\x75\x72\x6e\x22\x7d\x5f\xbf\x09\xfc";
    struct gw_es_frame f;
    size_t used, n = sizeof known - 1;

    (void)state;
    assert_int_equal(gw_es_crc32(0, BASE_STR("123456789")), 0xcbf43926);
    assert_int_equal(gw_es_crc32(gw_es_crc32(0, BASE_STR("1234")), BASE_STR("56789")), 0xcbf43926);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(gw_es_frame_read(base_str_n(known, i), &f, &used, NULL), BASE_AGAIN);
        assert_int_equal(used, 0);
    }
    assert_int_equal(gw_es_frame_read(base_str_n(known, n), &f, &used, NULL), BASE_OK);
    assert_int_equal(used, n);
    is(f.event_type, "messageStop");
    is(f.message_type, "event");
    is(f.payload, "{\"stopReason\":\"end_turn\"}");
    assert_null(f.exception_type.p);
    /* a flip of any bit is noticed, whether or not the rest has come */
    char bad[sizeof known];
    for (size_t bit = 0; bit < n * 8; bit++) {
        memcpy(bad, known, sizeof bad);
        bad[bit / 8] = (char)(bad[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(gw_es_frame_read(base_str_n(bad, n), &f, &used, NULL), BASE_EPROTO);
        if (bit < 96)
            assert_int_equal(gw_es_frame_read(base_str_n(bad, 12), &f, &used, NULL), BASE_EPROTO);
    }
}

/* Frames whose checksums hold and which are wrong all the same. */
static void test_bad_frames(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } headers[] = {{"\0\7\0\1x", 5},
                   {"\5:ab", 4},
                   {"\1a", 2},
                   {"\1a\12", 3},
                   {"\1a\7\0", 4},
                   {"\1a\7\0\5abcd", 9},
                   {"\1a\5xxx", 6},
                   {"\15:message-type\6\0\5event", 22},
                   {"\15:message-type\0", 15},
                   {"\13:event-type\7\0\1a\13:event-type\7\0\1b", 32}};
    struct base_buf b;
    struct gw_es_frame f;
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        base_buf_init(&b, 4096);
        put_frame(&b, base_str_n(headers[i].p, headers[i].n), BASE_STR("{}"));
        if (gw_es_frame_read(base_buf_view(&b), &f, &used, NULL) != BASE_EPROTO)
            fail_msg("headers %zu", i);
        base_buf_release(&b);
    }
    static const uint32_t lengths[][2] = {{0, 0},
                                          {15, 0},
                                          {16, 1},
                                          {100, 85},
                                          {0xffffffff, 0},
                                          {16u << 20 | 1, 0},
                                          {1u << 20, 129u << 10},
                                          {20, 0xfffffff0}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        base_buf_init(&b, 4096);
        put32(&b, lengths[i][0]);
        put32(&b, lengths[i][1]);
        put32(&b, gw_es_crc32(0, base_buf_view(&b)));
        if (gw_es_frame_read(base_buf_view(&b), &f, &used, NULL) != BASE_EPROTO)
            fail_msg("lengths %zu", i);
        base_buf_release(&b);
    }
}

/* ---- answers ---- */

static void whole_stream(struct base_buf *b)
{
    base_buf_init(b, 1u << 20);
    ev(b, "messageStart", "{\"role\":\"assistant\",\"p\":\"abc\"}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"hm\"}}}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"redactedContent\":\"QUJD\"}}}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"c2ln\"}}}");
    ev(b, "contentBlockStop", "{\"contentBlockIndex\":0}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"}}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":1,\"delta\":{\"citation\":{\"title\":\"t\"}}}");
    ev(b, "contentBlockStop", "{\"contentBlockIndex\":1}");
    ev(b, "somethingNew", "{\"x\":1}");
    ev(b, "contentBlockStart",
       "{\"contentBlockIndex\":2,\"start\":{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"web\","
       "\"type\":\"server_tool_use\"}}}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}");
    ev(b, "contentBlockStop", "{\"contentBlockIndex\":2}");
    ev(b, "contentBlockStart",
       "{\"contentBlockIndex\":3,\"start\":{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\"}}}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{\"input\":\"{\\\"a\\\"\"}}}");
    ev(b, "contentBlockDelta",
       "{\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{\"input\":\":1}\"}}}");
    ev(b, "contentBlockStop", "{\"contentBlockIndex\":3}");
    ev(b, "contentBlockStart",
       "{\"contentBlockIndex\":4,\"start\":{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\"}}}");
    ev(b, "contentBlockStop", "{\"contentBlockIndex\":4}");
    ev(b, "messageStop", "{\"stopReason\":\"tool_use\"}");
}

static const char stream_events[] =
    "start  \nreasoning hm\nsignature c2ln\ntext Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\ncall 0 t1 "
    "f\nargs 0 {\"a\"\n"
    "args 0 :1}\ncall 1 t2 g\nargs 1 {}\nfinish 2\n";

static void test_stream(void **state)
{
    struct base_buf b;
    char want[600];

    (void)state;
    whole_stream(&b);
    /* metadata missing: HTTP's end will do */
    snprintf(want, sizeof want, "%send\n", stream_events);
    reads(&gw_wire_bedrock, true, base_buf_view(&b), want);
    ev(&b, "metadata",
       "{\"usage\":{\"inputTokens\":11,\"outputTokens\":7,\"totalTokens\":41,"
       "\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":3},\"metrics\":{\"latencyMs\":1}}");
    snprintf(want, sizeof want, "%susage 34 7 20 3 0\nend\n", stream_events);
    reads(&gw_wire_bedrock, true, base_buf_view(&b), want);
    base_buf_release(&b);
}

/* Every cut before messageStop is whole, and every one within a frame, is EPROTO. */
static void test_truncated(void **state)
{
    struct base_buf b, with;

    (void)state;
    whole_stream(&b);
    for (size_t n = 0; n < b.n; n++)
        breaks(&gw_wire_bedrock, true, base_str_n(b.p, n));
    base_buf_init(&with, 1u << 20);
    base_buf_str(&with, base_buf_view(&b));
    ev(&with, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":1,\"totalTokens\":2}}");
    for (size_t n = b.n + 1; n < with.n; n++)
        breaks(&gw_wire_bedrock, true, base_str_n(with.p, n));
    base_buf_release(&with);
    /* metadata without a stop is no end */
    base_buf_clear(&b);
    ev(&b, "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}");
    ev(&b, "metadata", "{}");
    breaks(&gw_wire_bedrock, true, base_buf_view(&b));
    base_buf_release(&b);
}

static void test_malformed(void **state)
{
    static const struct {
        const char *type, *payload;
    } all[] = {{"messageStart", "{"},
               {"messageStart", "[1]"},
               {"messageStart", ""},
               {"x", "{\"a\":1,\"a\":2}"},
               {"contentBlockStart", "{\"contentBlockIndex\":-1,\"start\":{\"toolUse\":{\"name\":"
                                     "\"f\"}}}"},
               {"contentBlockStart", "{\"contentBlockIndex\":512,\"start\":{\"toolUse\":{\"name\":"
                                     "\"f\"}}}"},
               {"contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{}}}"}};
    struct base_buf b;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        base_buf_init(&b, 1u << 16);
        ev(&b, all[i].type, all[i].payload);
        breaks(&gw_wire_bedrock, true, base_buf_view(&b));
        base_buf_release(&b);
    }
    base_buf_init(&b, 1u << 16);
    put_event(&b, "odd", ":event-type", "messageStart", "{}");
    breaks(&gw_wire_bedrock, true, base_buf_view(&b));
    base_buf_release(&b);
    static const char *const bodies[] = {"", "{}", "{\"output\":{\"message\":{\"content\":5}}}",
                                         "<html>", "{\"output\":{\"message\":{\"content\":[]}}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        breaks(&gw_wire_bedrock, false, base_str_c(bodies[i]));
}

static void test_whole(void **state)
{
    (void)state;
    reads(
        &gw_wire_bedrock, false,
        BASE_STR("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
                 "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"r\",\"signature\":\"x\"}}},"
                 "{\"text\":\"h\xc3\xa9\"},{\"citationsContent\":{\"content\":[{\"text\":\"c\"}]}},"
                 "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{\"a\":[1]}}},"
                 "{\"toolUse\":{\"toolUseId\":\"u\",\"name\":\"g\",\"input\":{}}}]}},"
                 "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":5,\"outputTokens\":6,"
                 "\"totalTokens\":11},\"metrics\":{\"latencyMs\":9}}"),
        "start  \nreasoning r\nsignature x\ntext h\xc3\xa9\ntext c\ncall 0 t f\nargs 0 "
        "{\"a\":[1]}\ncall 1 u "
        "g\nargs 1 {}\nfinish 2\nusage 5 6 0 0 0\nend\n");
    static const struct {
        const char *word, *events;
    } all[] = {{"end_turn", "start  \nfinish 0\nend\n"},
               {"max_tokens", "start  \nfinish 1\nend\n"},
               {"model_context_window_exceeded", "start  \nfinish 1\nend\n"},
               {"stop_sequence", "start  \nfinish 4\nend\n"},
               {"guardrail_intervened", "start  \nfinish 3\nend\n"},
               {"content_filtered", "start  \nfinish 3\nend\n"},
               {"novel", "start  \nfinish 5novel\nend\n"},
               {"malformed_model_output",
                "start  \nerror 502 1 malformed_model_output/"
                "malformed_model_output/The model's answer was malformed.\n"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char body[200];
        snprintf(body, sizeof body,
                 "{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":\"%s\"}", all[i].word);
        reads(&gw_wire_bedrock, false, base_str_c(body), all[i].events);
    }
}

static void test_exceptions(void **state)
{
    struct base_buf b;

    (void)state;
    base_buf_init(&b, 1u << 16);
    ev(&b, "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}");
    put_event(&b, "exception", ":exception-type", "modelStreamErrorException",
              "{\"message\":\"broke\",\"originalStatusCode\":500}");
    ev(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    reads(
        &gw_wire_bedrock, true, base_buf_view(&b),
        "start  \ntext a\nerror 424 1 modelStreamErrorException/modelStreamErrorException/broke\n");
    base_buf_clear(&b);
    put_event(&b, "exception", ":exception-type", "validationException", "{\"message\":\"no\"}");
    reads(&gw_wire_bedrock, true, base_buf_view(&b),
          "error 400 0 validationException/validationException/no\n");
    base_buf_clear(&b);
    put_event(&b, "exception", ":exception-type", "throttlingException", "not json");
    reads(&gw_wire_bedrock, true, base_buf_view(&b),
          "error 429 1 throttlingException/throttlingException/The upstream reported an error.\n");
    base_buf_clear(&b);
    put_event(&b, "error", ":error-code", "InternalFailure", "");
    reads(&gw_wire_bedrock, true, base_buf_view(&b),
          "error 502 1 InternalFailure/InternalFailure/The upstream reported an error.\n");
    base_buf_release(&b);
}

/* ---- errors by their head ---- */

static void error_is(int status, const char *type_header, const char *date, const char *body,
                     int want_status, bool retryable, const char *type, const char *message)
{
    struct base_arena *a = base_arena_new(1u << 16);
    struct gw_http_head *h = base_arena_alloc(a, sizeof *h);
    struct chat_error e;

    h->status = status;
    if (type_header)
        h->headers[h->n_headers++] =
            (struct gw_http_header){BASE_STR("x-amzn-ErrorType"), base_str_c(type_header)};
    if (date)
        h->headers[h->n_headers++] = (struct gw_http_header){BASE_STR("Date"), base_str_c(date)};
    gw_wire_bedrock.error_parse(status, base_str_c(body), a, &e);
    gw_wire_bedrock.error_head(h, a, &e);
    assert_int_equal(e.status, want_status);
    assert_int_equal(e.retryable, retryable);
    is(e.type, type);
    if (!gw_json_mentions(e.message, message))
        fail_msg("%.*s instead of %s", BASE_FMT(e.message), message);
    if (want_status == 403)
        assert_int_equal(e.body.n, 0);
    base_arena_free(a);
}

static void test_errors(void **state)
{
    (void)state;
    error_is(429, "ThrottlingException:http://internal.amazon.com/coral/", NULL,
             "{\"message\":\"Too many requests\"}", 429, true, "ThrottlingException", "Too many");
    error_is(429, "ModelNotReadyException", NULL, "{\"message\":\"m\"}", 429, true,
             "ModelNotReadyException", "m");
    error_is(424, "ModelErrorException", NULL, "{\"message\":\"m\"}", 424, true,
             "ModelErrorException", "m");
    error_is(503, "ServiceUnavailableException", NULL, "<html>", 503, true,
             "ServiceUnavailableException", "HTTP status 503");
    error_is(400, "ValidationException", NULL, "{\"Message\":\"bad\"}", 400, false,
             "ValidationException", "bad");
    error_is(400, "ServiceQuotaExceededException", NULL, "{}", 400, true,
             "ServiceQuotaExceededException", "400");
    error_is(400, NULL, NULL, "{\"__type\":\"com.amazon.coral.service#ThrottlingException\"}", 400,
             false, "ThrottlingException", "400");
    error_is(404, NULL, NULL, "{\"message\":\"gone\"}", 404, false, "upstream_error", "gone");
    error_is(403, "InvalidSignatureException", "Thu, 01 Jan 1970 00:00:10 GMT",
             "{\"message\":\"Signature expired: 20261122T1 is now earlier than 20261122T2\"}", 403,
             false, "InvalidSignatureException", "s ahead of the upstream's. AWS accepts");
    error_is(403, "InvalidSignatureException", "Fri, 31 Dec 9999 23:59:59 GMT",
             "{\"message\":\"Signature not yet current: 2 is still later than 1\"}", 403, false,
             "InvalidSignatureException", "s behind the upstream's. AWS accepts");
    error_is(403, "RequestExpired", NULL, "{}", 403, false, "RequestExpired", "clock (NTP)");
    error_is(403, "InvalidSignatureException", NULL,
             "{\"message\":\"The request signature we calculated ... x-amz-security-token:t0ken\"}",
             403, false, "InvalidSignatureException", "secret_key does not belong to access_key");
    error_is(403, "ExpiredTokenException", NULL, "{\"message\":\"x\"}", 403, false,
             "ExpiredTokenException", "session_token for the upstream has expired");
    error_is(403, "UnrecognizedClientException", NULL, "{\"message\":\"x\"}", 403, false,
             "UnrecognizedClientException", "does not know");
    error_is(403, "AccessDeniedException", NULL,
             "{\"message\":\"User: arn:aws:iam::123456789012:user/x is not authorized\"}", 403,
             false, "AccessDeniedException", "may not use this model there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),     cmocka_unit_test(test_small),
        cmocka_unit_test(test_from_anthropic), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_signed),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_frames),         cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_stream),         cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_whole),
        cmocka_unit_test(test_exceptions),     cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
