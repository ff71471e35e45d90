/* Goal: /v1/embeddings says to each provider what the client meant, and gives the client exactly
 * the vectors that came back, or an error; never another's, never fewer.
 *
 * Method: bodies parsed by the dialect and written by each wire, compared with golden ones; answers
 * in numbers and base64, out of order, short, ragged and broken, read by the wires and written by
 * the dialect in both encodings. */
#include "tests/unit/gateway_wire_util.h"

struct em {
    struct base_arena *a;
    struct chat_request r;
    struct gw_api_error e;
    struct conf_backend b;
    struct conf_remote_model m;
    struct conf_target t;
    struct gw_wire_request head;
    struct base_buf body, dropped, out;
    struct gw_reply *reply;
    struct base_err err;
    enum base_status st;
};

static void em_parse(struct em *f, const char *text)
{
    *f = (struct em){.a = base_arena_new(4u << 20)};
    f->st = gw_dialect_openai_embeddings.parse(base_str_c(text), f->a, &f->r, &f->e);
    base_buf_init(&f->body, 1u << 20);
    base_buf_init(&f->dropped, 1024);
    base_buf_init(&f->out, 1u << 20);
}

static void em_done(struct em *f)
{
    base_buf_release(&f->body);
    base_buf_release(&f->dropped);
    base_buf_release(&f->out);
    base_arena_free(f->a);
}

static void write_to(struct em *f, enum conf_api api, const char *model)
{
    f->b = (struct conf_backend){.name = "be", .api = api, .key = "k", .host = "h", .path = "/v1"};
    f->m = (struct conf_remote_model){.name = model, .embeddings = true};
    f->t = (struct conf_target){.text = "be/m", .backend = &f->b, .model = &f->m};
    base_buf_clear(&f->body);
    base_buf_clear(&f->dropped);
    f->st =
        gw_wire_embed_for(api)->write(&f->t, &f->r, &f->head, &f->body, &f->dropped, f->a, &f->err);
}

static void golden(enum conf_api api, const char *model, const char *text, const char *path,
                   const char *body, const char *dropped)
{
    struct em f;
    em_parse(&f, text);
    if (f.st != BASE_OK)
        fail_msg("%.*s", BASE_FMT(f.e.message));
    write_to(&f, api, model);
    if (f.st != BASE_OK)
        fail_msg("%s", f.err.text);
    assert_string_equal(f.head.path, path);
    is(base_buf_view(&f.body), body);
    is(base_buf_view(&f.dropped), dropped);
    em_done(&f);
}

static const char two[] = "{\"model\":\"auto\",\"input\":[\"a\",\"b\"],\"dimensions\":3,\"user\":"
                          "\"u\",\"encoding_format\":\"float\",\"x\":[1]}";

static void test_written(void **state)
{
    (void)state;
    golden(CONF_API_OPENAI, "m", two, "/embeddings",
           "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\",\"dimensions\":"
           "3,\"user\":\"u\",\"x\":[1]}",
           "");
    golden(CONF_API_OPENAI_COMPATIBLE, "m", two, "/embeddings",
           "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":3,\"user\":\"u\",\"x\":[1]}",
           "");
    golden(CONF_API_AZURE_OPENAI, "m", two, "/embeddings",
           "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\",\"dimensions\":"
           "3,\"user\":\"u\",\"x\":[1]}",
           "");
    golden(CONF_API_MISTRAL, "m", two, "/embeddings",
           "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"output_dimension\":3}", "x,user");
    golden(CONF_API_COHERE, "m", two, "/embed",
           "{\"model\":\"m\",\"input_type\":\"search_document\",\"texts\":[\"a\",\"b\"],"
           "\"embedding_types\":[\"float\"],\"output_dimension\":3,\"truncate\":\"NONE\"}",
           "x,user");
    golden(CONF_API_BEDROCK, "cohere.embed-x", two, "/model/cohere.embed-x/invoke",
           "{\"input_type\":\"search_document\",\"texts\":[\"a\",\"b\"],\"embedding_types\":["
           "\"float\"],\"output_dimension\":3,\"truncate\":\"NONE\"}",
           "x,user");
    golden(CONF_API_BEDROCK, "amazon.titan-embed-text-v2:0",
           "{\"model\":\"a\",\"input\":\"t\",\"dimensions\":256,\"normalize\":false}",
           "/model/amazon.titan-embed-text-v2%3A0/invoke",
           "{\"inputText\":\"t\",\"dimensions\":256,\"normalize\":false}", "");
    golden(CONF_API_OPENAI, "m", "{\"model\":\"a\",\"input\":[1,2],\"encoding_format\":\"base64\"}",
           "/embeddings", "{\"model\":\"m\",\"input\":[1,2],\"encoding_format\":\"base64\"}", "");
    golden(CONF_API_OPENAI_COMPATIBLE, "m", "{\"model\":\"a\",\"input\":[[1],\"t\"]}",
           "/embeddings", "{\"model\":\"m\",\"input\":[[1],\"t\"]}", "");
    assert_null(gw_wire_embed_for(CONF_API_ANTHROPIC));
    assert_null(gw_wire_embed_for(CONF_API_GEMINI));
}

/* Texts are slots, tokens make the request one that nobody can read. */
static enum base_status count_slot(void *ctx, const struct chat_slot *slot)
{
    *(int *)ctx += slot->kind == CHAT_SLOT_TEXT ? 1 : 100;
    return BASE_OK;
}

static void test_slots(void **state)
{
    struct em f;
    int n = 0;
    (void)state;
    em_parse(&f, two);
    assert_int_equal(chat_request_slots(&f.r, count_slot, &n), BASE_OK);
    assert_int_equal(n, 103); /* a, b, user; the further members */
    assert_false(chat_request_has_opaque(&f.r));
    em_done(&f);
    em_parse(&f, "{\"model\":\"a\",\"input\":[[1,2]]}");
    assert_true(chat_request_has_opaque(&f.r));
    write_to(&f, CONF_API_COHERE, "m");
    assert_int_equal(f.st, BASE_EINVAL);
    write_to(&f, CONF_API_MISTRAL, "m");
    assert_int_equal(f.st, BASE_EINVAL);
    write_to(&f, CONF_API_BEDROCK, "amazon.titan-embed-text-v2:0");
    assert_int_equal(f.st, BASE_EINVAL);
    em_done(&f);
    em_parse(&f, two);
    write_to(&f, CONF_API_BEDROCK, "amazon.titan-embed-text-v2:0");
    assert_int_equal(f.st, BASE_EINVAL); /* two texts */
    em_done(&f);
}

static void test_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"model\":\"a\"}",
        "{\"model\":\"a\",\"input\":null}",
        "{\"model\":\"a\",\"input\":\"\"}",
        "{\"model\":\"a\",\"input\":[]}",
        "{\"model\":\"a\",\"input\":[\"\"]}",
        "{\"model\":\"a\",\"input\":[\"a\",[]]}",
        "{\"model\":\"a\",\"input\":[-1]}",
        "{\"model\":\"a\",\"input\":[1,\"a\"]}",
        "{\"model\":\"a\",\"input\":5}",
        "{\"model\":\"a\",\"input\":\"a\",\"dimensions\":0}",
        "{\"model\":\"a\",\"input\":\"a\",\"dimensions\":1.5}",
        "{\"model\":\"a\",\"input\":\"a\",\"encoding_format\":\"int8\"}",
        "{\"model\":\"a\",\"input\":\"a\",\"encoding_format\":5}",
        "{\"model\":5,\"input\":\"a\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct em f;
        em_parse(&f, bodies[i]);
        if (f.st != BASE_EINVAL || f.e.status != 400 || f.e.message.n == 0)
            fail_msg("%s", bodies[i]);
        em_done(&f);
    }
}

/* ---- answers ---- */

static enum base_status to_reply(void *ctx, const struct chat_event *ev)
{
    struct em *f = ctx;
    return gw_dialect_openai_embeddings.reply_event(f->reply, ev, &f->out, &f->err);
}

/* What the client gets of an answer; the status of whatever failed first. */
static enum base_status answer(struct em *f, enum conf_api api, const char *text)
{
    const struct gw_wire *w = gw_wire_embed_for(api);
    struct gw_reply_meta meta = {.id = BASE_STR("i"), .model = BASE_STR("be/m"), .asked = &f->r};

    f->reply = gw_dialect_openai_embeddings.reply_new(f->a, &meta, false);
    struct gw_wire_reader *reader = w->reader_new(false, to_reply, f);
    enum base_status st = BASE_OK;
    for (size_t i = 0; text[i] && st == BASE_OK; i++)
        st = w->reader_feed(reader, base_str_n(text + i, 1), &f->err);
    if (st == BASE_OK)
        st = w->reader_end(reader, &f->err);
    w->reader_free(reader);
    return st;
}

static void becomes(enum conf_api api, const char *ask, const char *text, const char *want)
{
    struct em f;
    em_parse(&f, ask);
    if (answer(&f, api, text) != BASE_OK)
        fail_msg("%s: %s", text, f.err.text);
    is(base_buf_view(&f.out), want);
    em_done(&f);
}

#define ROW(i, v) "{\"object\":\"embedding\",\"index\":" i ",\"embedding\":" v "}"
#define LIST(rows, n)                                                                              \
    "{\"object\":\"list\",\"data\":[" rows "],\"model\":\"be/m\",\"usage\":{\"prompt_tokens\":" n  \
    ",\"total_tokens\":" n "}}"
#define TWO    "{\"model\":\"a\",\"input\":[\"a\",\"b\"]}"
#define TWO_64 "{\"model\":\"a\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}"

static void test_answers(void **state)
{
    (void)state;
    /* 1, -2.5 and 0.1f as float32 */
    becomes(CONF_API_OPENAI, TWO,
            "{\"data\":[{\"index\":1,\"embedding\":\"zczMPQAAIMA=\"},{\"index\":0,\"embedding\":"
            "\"AACAPwAAIMA=\"}],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}",
            LIST(ROW("0", "[1,-2.5]") "," ROW("1", "[0.100000001,-2.5]"), "7"));
    becomes(CONF_API_OPENAI, TWO_64,
            "{\"data\":[{\"embedding\":[1,-2.5]},{\"embedding\":[0.1,-2.5]}]}",
            LIST(ROW("0", "\"AACAPwAAIMA=\"") "," ROW("1", "\"zczMPQAAIMA=\""), "0"));
    /* more digits than a float32 has are kept */
    becomes(CONF_API_OPENAI_COMPATIBLE, "{\"model\":\"a\",\"input\":\"a\"}",
            "{\"data\":[{\"index\":0,\"embedding\":[0.1234567890123,1e-5,-0.0]}],\"usage\":{"
            "\"total_tokens\":3}}",
            LIST(ROW("0", "[0.1234567890123,1e-05,-0]"), "3"));
    becomes(CONF_API_COHERE, TWO,
            "{\"id\":\"i\",\"embeddings\":{\"float\":[[1,2],[3,4]]},\"meta\":{\"billed_units\":{"
            "\"input_tokens\":9.0}}}",
            LIST(ROW("0", "[1,2]") "," ROW("1", "[3,4]"), "9"));
    becomes(CONF_API_BEDROCK, TWO, "{\"embeddings\":[[1,2],[3,4]]}",
            LIST(ROW("0", "[1,2]") "," ROW("1", "[3,4]"), "0"));
    becomes(CONF_API_BEDROCK, "{\"model\":\"a\",\"input\":[\"a\"]}",
            "{\"embedding\":[1,2],\"inputTextTokenCount\":4}", LIST(ROW("0", "[1,2]"), "4"));
}

static void test_wrong_answers(void **state)
{
    static const struct {
        enum conf_api api;
        const char *text;
    } all[] = {{CONF_API_OPENAI, ""},
               {CONF_API_OPENAI, "{}"},
               {CONF_API_OPENAI, "{\"data\":[]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":[1]},{\"embedding\":[1,2]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":[]},{\"embedding\":[]}]}"},
               {CONF_API_OPENAI,
                "{\"data\":[{\"embedding\":[1]},{\"embedding\":[1]},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI,
                "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}"},
               {CONF_API_OPENAI,
                "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":2,\"embedding\":[1]}]}"},
               {CONF_API_OPENAI,
                "{\"data\":[{\"index\":-1,\"embedding\":[1]},{\"index\":1,\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":[\"a\"]},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":[1e39]},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI,
                "{\"data\":[{\"embedding\":\"AADAfw==\"},{\"embedding\":[1]}]}"}, /* NaN */
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":\"AACAPw\"},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":\"AACA\"},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":\"!!!!\"},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[{\"embedding\":\"====\"},{\"embedding\":[1]}]}"},
               {CONF_API_OPENAI, "{\"data\":[5,6]}"},
               {CONF_API_COHERE, "{\"embeddings\":{\"int8\":[[1]]}}"},
               {CONF_API_COHERE, "{\"embeddings\":[[1]]}"},
               {CONF_API_COHERE, "{\"embeddings\":[[1],5]}"},
               {CONF_API_BEDROCK, "{\"embedding\":[1]}"},
               {CONF_API_BEDROCK, "{\"embedding\":5}"}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct em f;
        em_parse(&f, i % 2 ? TWO : TWO_64);
        if (answer(&f, all[i].api, all[i].text) != BASE_EPROTO)
            fail_msg("%s", all[i].text);
        assert_false(gw_json_mentions(base_buf_view(&f.out), "usage"));
        em_done(&f);
    }
    struct em f;
    em_parse(&f, TWO_64);
    base_buf_release(&f.out);
    base_buf_init(&f.out, 100);
    assert_int_equal(answer(&f, CONF_API_OPENAI,
                            "{\"data\":[{\"embedding\":[1,2,3,4,5,6]},{\"embedding\":[1]}]}"),
                     BASE_LIMIT);
    em_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_written), cmocka_unit_test(test_slots),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_wrong_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
