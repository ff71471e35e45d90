/* Goal: what leaves for a provider is exactly what the client meant and nothing of ours; what comes
 * back becomes the same events however the bytes were cut, and never a false end.
 *
 * Method: OpenAI bodies are parsed by the dialect and written by each wire; the bytes are compared
 * with golden ones. Answers are given to the readers whole and cut at every byte and in single
 * bytes; all transcripts of events must be equal to the expected one. Cut and malformed answers
 * must end in EPROTO, answers with an error object in CHAT_EV_ERROR. */
#include "gateway/dialect/dialect.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/upstream/wire.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// clang-format off
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

static const struct conf_remote_model model = {.name = "gpt-x"};

struct fx {
    struct base_arena *a;
    struct chat_request r;
    struct conf_backend b;
    struct conf_target t;
    struct gw_wire_request head;
    struct base_buf body, dropped;
    struct base_err err;
    enum base_status st;
};

static void write_as(struct fx *f, enum conf_api api, const char *text, bool other_dialect)
{
    struct gw_api_error e = {0};

    f->a = base_arena_new(1u << 20);
    if (gw_dialect_openai_chat.parse(base_str_c(text), f->a, &f->r, &e) != BASE_OK)
        fail_msg("%.*s", BASE_FMT(e.message));
    if (other_dialect)
        f->r.dialect = CHAT_DIALECT_ANTHROPIC;
    f->b = (struct conf_backend){.name = "be", .api = api, .key = "s3cret"};
    f->t = (struct conf_target){.text = "be/gpt-x", .backend = &f->b, .model = &model};
    base_buf_init(&f->body, 1u << 20);
    base_buf_init(&f->dropped, 1024);
    f->st = gw_wire_for(api)->write(&f->t, &f->r, &f->head, &f->body, &f->dropped, f->a, &f->err);
}

static void done(struct fx *f)
{
    base_buf_release(&f->body);
    base_buf_release(&f->dropped);
    base_arena_free(f->a);
}

static void is(struct base_str s, const char *z)
{
    if (!base_str_is(s, z))
        fail_msg("\n%.*s\ninstead of\n%s", BASE_FMT(s), z);
}

static void golden(enum conf_api api, const char *text, const char *body, const char *dropped)
{
    struct fx f;
    write_as(&f, api, text, false);
    if (f.st != BASE_OK)
        fail_msg("%s", f.err.text);
    is(base_buf_view(&f.body), body);
    is(base_buf_view(&f.dropped), dropped);
    done(&f);
}

static struct base_str header(const struct fx *f, const char *name)
{
    for (size_t i = 0; i < f->head.n_headers; i++)
        if (strcmp(f->head.header_name[i], name) == 0)
            return f->head.header_value[i];
    return BASE_STR_NULL;
}

/* Everything a client may say, in the order in which it is written: the round trip is exact. */
static const char everything[] =
    "{\"model\":\"auto\",\"messages\":["
    "{\"role\":\"system\",\"content\":\"be brief\",\"name\":\"s\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache\":1},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}}],"
    "\"weight\":0.1},"
    "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\",\"refusal\":\"no\","
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"w\","
    "\"arguments\":\"{\\\"c\\\":1}\",\"strict\":true},\"index\":0}],\"audio\":null},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"18 C\"},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
    "{\"type\":\"text\",\"text\":\"y\"}]}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"c\":{\"minimum\":0.5}}},"
    "\"strict\":true}},{\"type\":\"custom\",\"custom\":{\"name\":\"z\"}}],"
    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}},"
    "\"max_completion_tokens\":50,\"temperature\":0.7,\"top_p\":1,\"presence_penalty\":0.1,"
    "\"frequency_penalty\":-2,\"seed\":7,\"top_k\":40,\"min_p\":0.05,\"repeat_penalty\":1.1,"
    "\"stop\":[\"a\",\"b\"],\"user\":\"u\",\"stream\":true,"
    "\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false},"
    "\"logit_bias\":{\"1\":-100},\"response_format\":{\"type\":\"json_object\"},\"x\":[1,2.5]}";

static void test_openai_round_trip(void **state)
{
    struct fx f;
    (void)state;
    write_as(&f, CONF_API_OPENAI, everything, false);
    assert_int_equal(f.st, BASE_OK);
    struct base_buf want;
    base_buf_init(&want, 1u << 16);
    size_t at = base_str_find(base_str_c(everything), BASE_STR("auto"), 0);
    base_buf_add(&want, everything, at);
    base_buf_z(&want, "gpt-x");
    base_buf_z(&want, everything + at + 4);
    is(base_buf_view(&f.body), want.p);
    is(base_buf_view(&f.dropped), "");
    assert_string_equal(f.head.path, "/chat/completions");
    is(header(&f, "Authorization"), "Bearer s3cret");
    base_buf_release(&want);
    done(&f);
}

static void test_openai_small(void **state)
{
    (void)state;
    golden(CONF_API_OPENAI_COMPATIBLE,
           "{\"model\":\"auto\",\"max_completion_tokens\":9,\"logprobs\":true,"
           "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}",
           "{\"model\":\"gpt-x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
           "\"max_completion_tokens\":9,\"logprobs\":true}",
           "logprobs");
    golden(CONF_API_OPENAI,
           "{\"model\":\"auto\",\"max_tokens\":9,"
           "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
           "{\"model\":\"gpt-x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
           "\"max_tokens\":9}",
           "");
    golden(CONF_API_OPENAI,
           "{\"model\":\"a\",\"stream\":true,\"stop\":\"x\",\"tool_choice\":\"none\","
           "\"messages\":[{\"role\":\"developer\",\"content\":\"\"}]}",
           "{\"model\":\"gpt-x\",\"messages\":[{\"role\":\"developer\",\"content\":\"\"}],"
           "\"tool_choice\":\"none\",\"stop\":\"x\",\"stream\":true,"
           "\"stream_options\":{\"include_usage\":true}}",
           "");
}

/* A request of another dialect: extras stay behind and are named; user turns are taken apart. */
static void test_openai_from_other(void **state)
{
    struct fx f;
    (void)state;
    write_as(&f, CONF_API_OPENAI,
             "{\"model\":\"a\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"t1\","
             "\"content\":\"18\",\"deep\":1}],\"top_k\":5,\"top_a\":1}",
             true);
    assert_int_equal(f.st, BASE_OK);
    struct chat_part parts[3] = {
        {.kind = CHAT_PART_TOOL_RESULT, .id = BASE_STR("t1"), .text = BASE_STR("18")},
        {.kind = CHAT_PART_TOOL_RESULT,
         .id = BASE_STR("t2"),
         .text = BASE_STR("bad"),
         .is_error = true},
        {.kind = CHAT_PART_TEXT, .text = BASE_STR("and?"), .extra = BASE_STR("{\"cc\":1}")}};
    f.r.messages[0].role = CHAT_USER;
    f.r.messages[0].parts = parts;
    f.r.messages[0].n_parts = 3;
    base_buf_clear(&f.body);
    base_buf_clear(&f.dropped);
    assert_int_equal(gw_wire_openai.write(&f.t, &f.r, &f.head, &f.body, &f.dropped, f.a, &f.err),
                     BASE_OK);
    is(base_buf_view(&f.body), "{\"model\":\"gpt-x\",\"messages\":["
                               "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"18\"},"
                               "{\"role\":\"tool\",\"tool_call_id\":\"t2\",\"content\":\"bad\"},"
                               "{\"role\":\"user\",\"content\":\"and?\"}]}");
    is(base_buf_view(&f.dropped),
       "messages.is_error,messages.content.cc,messages.deep,top_k,top_a");
    /* an opaque part in another dialect's form cannot be said */
    parts[2] = (struct chat_part){.kind = CHAT_PART_OPAQUE, .raw = BASE_STR("{}")};
    assert_int_equal(gw_wire_openai.write(&f.t, &f.r, &f.head, &f.body, &f.dropped, f.a, &f.err),
                     BASE_EINVAL);
    done(&f);
}

static void test_anthropic_everything(void **state)
{
    struct fx f;
    (void)state;
    write_as(&f, CONF_API_ANTHROPIC, everything, false);
    if (f.st != BASE_OK)
        fail_msg("%s", f.err.text);
    is(base_buf_view(&f.body),
       "{\"model\":\"gpt-x\",\"max_tokens\":50,\"temperature\":0.7,\"top_p\":1,\"top_k\":40,"
       "\"system\":\"be brief\",\"messages\":["
       "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\","
       "\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"QUJD\"}}]},"
       "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"no\"},"
       "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"w\",\"input\":{\"c\":1}}]},"
       "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
       "\"content\":[{\"type\":\"text\",\"text\":\"18 C\"}]},{\"type\":\"tool_result\","
       "\"tool_use_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
       "{\"type\":\"text\",\"text\":\"y\"}]}]}],"
       "\"tools\":[{\"name\":\"w\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\","
       "\"properties\":{\"c\":{\"minimum\":0.5}}}}],"
       "\"tool_choice\":{\"type\":\"tool\",\"name\":\"w\"},"
       "\"stop_sequences\":[\"a\",\"b\"],\"metadata\":{\"user_id\":\"u\"},\"stream\":true}");
    is(base_buf_view(&f.dropped),
       "min_p,presence_penalty,frequency_penalty,repeat_penalty,seed,messages.name,"
       "messages.weight,messages.content.cache,messages.audio,messages.reasoning_content,"
       "messages.tool_calls.index,messages.tool_calls.function,tools,tools.function,"
       "stream_options,logit_bias,response_format,x");
    assert_string_equal(f.head.path, "/messages");
    is(header(&f, "x-api-key"), "s3cret");
    is(header(&f, "anthropic-version"), "2023-06-01");
    done(&f);
}

static void test_anthropic_small(void **state)
{
    (void)state;
    /* systems join wherever they stand, neighbours merge, empty texts vanish */
    golden(CONF_API_ANTHROPIC,
           "{\"model\":\"a\",\"parallel_tool_calls\":false,\"tool_choice\":\"required\","
           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"messages\":["
           "{\"role\":\"system\",\"content\":\"one\"},{\"role\":\"user\",\"content\":\"a\"},"
           "{\"role\":\"user\",\"content\":\"\"},{\"role\":\"developer\",\"content\":\"two\"},"
           "{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":\"c\","
           "\"tool_calls\":[{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"f\","
           "\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":\"\"},"
           "{\"role\":\"user\",\"content\":\"d\"}]}",
           "{\"model\":\"gpt-x\",\"max_tokens\":4096,\"system\":\"one\\n\\ntwo\",\"messages\":["
           "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
           "{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":["
           "{\"type\":\"text\",\"text\":\"c\"},{\"type\":\"tool_use\",\"id\":\"i\","
           "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
           "{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"content\":[]},"
           "{\"type\":\"text\",\"text\":\"d\"}]}],\"tools\":[{\"name\":\"f\","
           "\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"any\","
           "\"disable_parallel_tool_use\":true}}",
           "");
}

static void test_anthropic_refuses(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":\"only\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
        "\"input_audio\":{}}]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"x\"}}]},{\"role\":\"user\",\"content\":\"a\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}]}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\"}}]}]}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct fx f;
        write_as(&f, CONF_API_ANTHROPIC, bodies[i], false);
        if (f.st != BASE_EINVAL)
            fail_msg("written: %s", bodies[i]);
        assert_int_equal(f.head.n_headers, 0);
        done(&f);
    }
}

static void test_limits(void **state)
{
    struct fx f;
    (void)state;
    write_as(&f, CONF_API_OPENAI, everything, false);
    base_buf_release(&f.body);
    base_buf_init(&f.body, 100);
    assert_int_equal(gw_wire_openai.write(&f.t, &f.r, &f.head, &f.body, &f.dropped, f.a, &f.err),
                     BASE_LIMIT);
    base_buf_release(&f.body);
    base_buf_init(&f.body, 100);
    assert_int_equal(gw_wire_anthropic.write(&f.t, &f.r, &f.head, &f.body, &f.dropped, f.a, &f.err),
                     BASE_LIMIT);
    /* what edited extra broke it: an error of ours, not a broken body */
    base_buf_release(&f.body);
    base_buf_init(&f.body, 1u << 16);
    f.r.extra = BASE_STR("{\"a\":");
    assert_int_equal(gw_wire_openai.write(&f.t, &f.r, &f.head, &f.body, &f.dropped, f.a, &f.err),
                     BASE_EBUG);
    done(&f);
}

/* ---- readers ---- */

struct log {
    struct base_buf b;
    int stop_after; /* events; 0: never */
};

static enum base_status on_event(void *ctx, const struct chat_event *ev)
{
    static const char *const kinds[] = {
        [CHAT_EV_START] = "start",         [CHAT_EV_TEXT] = "text",
        [CHAT_EV_REASONING] = "reasoning", [CHAT_EV_REFUSAL] = "refusal",
        [CHAT_EV_TOOL_CALL] = "call",      [CHAT_EV_TOOL_ARGS] = "args",
        [CHAT_EV_SIGNATURE] = "signature", [CHAT_EV_BLOCK] = "block",
        [CHAT_EV_CITATION] = "citation",   [CHAT_EV_USAGE] = "usage",
        [CHAT_EV_FINISH] = "finish",       [CHAT_EV_END] = "end",
        [CHAT_EV_ERROR] = "error",         [CHAT_EV_VECTOR] = "vector"};
    struct log *l = ctx;

    base_buf_printf(&l->b, "%s", kinds[ev->kind]);
    switch (ev->kind) {
    case CHAT_EV_START:
        base_buf_printf(&l->b, " %.*s %.*s", BASE_FMT(ev->id), BASE_FMT(ev->text));
        break;
    case CHAT_EV_TEXT:
    case CHAT_EV_REASONING:
    case CHAT_EV_REFUSAL:
    case CHAT_EV_SIGNATURE:
    case CHAT_EV_BLOCK:
    case CHAT_EV_CITATION:
    case CHAT_EV_VECTOR: /* a chat's answer has none: named, and so told apart from what is due */
        base_buf_printf(&l->b, " %.*s", BASE_FMT(ev->text));
        assert_true(base_utf8_valid(ev->text));
        break;
    case CHAT_EV_TOOL_CALL:
        base_buf_printf(&l->b, " %d %.*s %.*s", ev->index, BASE_FMT(ev->id), BASE_FMT(ev->name));
        break;
    case CHAT_EV_TOOL_ARGS:
        base_buf_printf(&l->b, " %d %.*s", ev->index, BASE_FMT(ev->text));
        break;
    case CHAT_EV_USAGE:
        base_buf_printf(&l->b, " %d %d %d %d %d", (int)ev->usage.input_tokens,
                        (int)ev->usage.output_tokens, (int)ev->usage.cached_tokens,
                        (int)ev->usage.cache_write_tokens, (int)ev->usage.reasoning_tokens);
        break;
    case CHAT_EV_FINISH:
        base_buf_printf(&l->b, " %d%.*s", (int)ev->finish, BASE_FMT(ev->text));
        break;
    case CHAT_EV_ERROR:
        base_buf_printf(&l->b, " %d %d %.*s/%.*s/%.*s", ev->error.status, ev->error.retryable,
                        BASE_FMT(ev->error.type), BASE_FMT(ev->error.code),
                        BASE_FMT(ev->error.message));
        break;
    case CHAT_EV_END:
        break;
    }
    base_buf_byte(&l->b, '\n');
    return l->stop_after && --l->stop_after == 0 ? BASE_DENIED : BASE_OK;
}

/* Feeds bytes cut at `cut` (or into single bytes when it is SIZE_MAX). */
static enum base_status read_cut(const struct gw_wire *wire, bool stream, struct base_str bytes,
                                 size_t cut, struct log *l)
{
    struct base_err err;
    struct gw_wire_reader *w = wire->reader_new(stream, on_event, l);
    enum base_status st = BASE_OK;
    size_t at = 0;

    assert_non_null(w);
    base_buf_init(&l->b, 1u << 20);
    while (at < bytes.n && st == BASE_OK) {
        size_t n = cut == SIZE_MAX ? 1 : at < cut ? cut - at : bytes.n - at;
        if (n > bytes.n - at)
            n = bytes.n - at;
        st = wire->reader_feed(w, base_str_n(bytes.p + at, n), &err);
        at += n;
    }
    if (st == BASE_OK || st == BASE_DONE)
        st = wire->reader_end(w, &err);
    wire->reader_free(w);
    return st;
}

static void reads(const struct gw_wire *wire, bool stream, const char *bytes, const char *events)
{
    struct base_str all = base_str_c(bytes);
    for (size_t cut = 0; cut <= all.n; cut++) {
        struct log l = {.stop_after = 0};
        enum base_status st = read_cut(wire, stream, all, cut == 0 ? SIZE_MAX : cut, &l);
        if (st != BASE_OK)
            fail_msg("cut at %zu: %s", cut, base_status_name(st));
        is(base_buf_view(&l.b), events);
        base_buf_release(&l.b);
    }
}

#define O(delta)                                                                                   \
    "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" delta "}]}\n\n"

static const char openai_stream[] =
    ": hello\r\n\r\n"
    "data: "
    "{\"id\":\"i\",\"model\":\"m\",\"choices\":[],\"prompt_filter_results\":[]}\r\n\r\n" O(
        "{\"role\":\"assistant\",\"content\":\"\"}") O("{\"reasoning_content\":\"hm\"}")
        O("{\"content\":\"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"}")
            O("{\"content\":\"\\u00e4\\n\",\"odd\":[1]}")
                O("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\","
                  "\"function\":{\"name\":"
                  "\"f\",\"arguments\":\"\"}}]}")
                    O("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{"
                      "\\\"x\\\"\"}}]}")
                        O("{\"tool_calls\":[{\"index\":3,\"id\":\"b\",\"function\":{"
                          "\"name\":\"g\",\"arguments\":"
                          "\"{}\"}},{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]"
                          "}") "data: "
                               "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_"
                               "reason\":\"tool_calls\"}]}\n\n"
                               "data: "
                               "{\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
                               "\"completion_tokens\":7,"
                               "\"prompt_tokens_details\":{\"cached_tokens\":5,\"cache_"
                               "write_tokens\":2},"
                               "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}"
                               "\n\n"
                               "data: [DONE]\n\n";

static void test_openai_stream(void **state)
{
    (void)state;
    reads(&gw_wire_openai, true, openai_stream,
          "start i m\nreasoning hm\ntext Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\n"
          "text \xc3\xa4\n\n"
          "call 0 a f\nargs 0 {\"x\"\ncall 1 b g\nargs 1 {}\nargs 0 :1}\n"
          "finish 2\nusage 11 7 5 2 3\nend\n");
}

static void test_openai_tolerance(void **state)
{
    (void)state;
    /* all calls numbered 0, an object as arguments, no ids, content as parts, `reasoning` */
    reads(&gw_wire_openai, true,
          O("{\"reasoning\":\"r\"}") O("{\"content\":[{\"type\":\"text\",\"text\":\"t\"}]}")
              O("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                "\"arguments\":{\"x\":1}}}]}")
                  O("{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\","
                    "\"arguments\":\"{}\"}}]}")
                      O("{\"tool_calls\":[{\"index\":1,\"function\":{\"name\":\"g\",\"arguments\":"
                        "null}}]}") "data: "
                                    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"eos\"},{"
                                    "\"index\":1,\"delta\":{"
                                    "\"content\":\"other choice\"}}]}\n\n"
                                    "data:[DONE]\n\n",
          "start i m\nreasoning r\ntext t\ncall 0 a f\nargs 0 {\"x\":1}\ncall 1 b f\nargs 1 {}\n"
          "call 2 call_2 g\nfinish 5eos\nend\n");
}

static void test_openai_whole(void **state)
{
    (void)state;
    reads(&gw_wire_openai, false,
          "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
          "\"assistant\",\"content\":\"h\xc3\xa9\",\"refusal\":\"no\",\"reasoning_content\":\"r\","
          "\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":"
          "\"g\",\"arguments\":\"\"}}]},\"finish_reason\":\"length\"}],\"usage\":{"
          "\"prompt_tokens\":3,\"completion_tokens\":4}}",
          "start i m\nreasoning r\ntext h\xc3\xa9\nrefusal no\ncall 0 a f\nargs 0 {}\ncall 1 b g\n"
          "finish 1\nusage 3 4 0 0 0\nend\n");
}

static const char anthropic_stream[] =
    "event: message_start\n"
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"content\":[],"
    "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":3,"
    "\"cache_read_input_tokens\":20,\"output_tokens\":1}}}\n\n"
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
    "\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
    "\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,"
    "\"delta\":{\"type\":\"text_delta\",\"text\":\"\xf0\x9f\x98\x80\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "event: shiny_new\ndata: {\"type\":\"shiny_new\",\"x\":1}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,"
    "\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,"
    "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,"
    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,"
    "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,"
    "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":4,"
    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":4}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"tool_use\"},\"usage\":{\"output_tokens\":42}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static void test_anthropic_stream(void **state)
{
    (void)state;
    reads(&gw_wire_anthropic, true, anthropic_stream,
          "start i m\nusage 33 1 20 3 0\nreasoning hm\nsignature c2ln\ntext \xf0\x9f\x98\x80\n"
          "block {\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}}\n"
          "call 0 t1 f\n"
          "args 0 {\"a\":1}\ncall 1 t2 g\nargs 1 {}\nusage 33 42 20 3 0\nfinish 2\nend\n");
}

static void test_anthropic_whole(void **state)
{
    (void)state;
    reads(&gw_wire_anthropic, false,
          "{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":["
          "{\"type\":\"thinking\",\"thinking\":\"r\",\"signature\":\"x\"},{\"type\":\"text\","
          "\"text\":\"hi\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\":["
          "1]}},{\"type\":\"tool_use\",\"id\":\"u\",\"name\":\"g\",\"input\":{}}],"
          "\"stop_reason\":\"pause_turn\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}",
          "start i m\nusage 5 6 0 0 0\nreasoning r\nsignature x\ntext hi\ncall 0 t f\nargs 0 "
          "{\"a\":[1]}\n"
          "call 1 u g\nargs 1 {}\nfinish 5pause_turn\nend\n");
}

static void test_stop_reasons(void **state)
{
    static const struct {
        const char *word;
        enum chat_finish finish;
        bool told; /* the word itself goes along */
    } all[] = {{"end_turn", CHAT_FINISH_STOP, false},
               {"max_tokens", CHAT_FINISH_LENGTH, false},
               {"stop_sequence", CHAT_FINISH_STOP_SEQUENCE, false},
               {"refusal", CHAT_FINISH_CONTENT_FILTER, false},
               {"model_context_window_exceeded", CHAT_FINISH_LENGTH, true}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char body[256], want[128];
        snprintf(body, sizeof body, "{\"content\":[],\"stop_reason\":\"%s\"}", all[i].word);
        snprintf(want, sizeof want, "start  \nfinish %d%s\nend\n", (int)all[i].finish,
                 all[i].told ? all[i].word : "");
        reads(&gw_wire_anthropic, false, body, want);
    }
}

/* What only a client of the same dialect has a use for: whole, and where it stands. */
static void test_anthropics_own(void **state)
{
    (void)state;
    reads(&gw_wire_anthropic, false,
          "{\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"ZGF0\"},"
          "{\"type\":\"text\",\"text\":\"a\",\"citations\":[{\"c\":1},{\"c\":2}]},"
          "{\"type\":\"web_search_tool_result\",\"content\":[{\"t\":1}]}],"
          "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"X\","
          "\"usage\":{\"output_tokens\":6,\"output_tokens_details\":{\"thinking_tokens\":4}}}",
          "start  \nusage 0 6 0 0 4\n"
          "block {\"type\":\"redacted_thinking\",\"data\":\"ZGF0\"}\n"
          "text a\ncitation {\"c\":1}\ncitation {\"c\":2}\n"
          "block {\"type\":\"web_search_tool_result\",\"content\":[{\"t\":1}]}\n"
          "finish 4X\nend\n");
    reads(&gw_wire_anthropic_count, false, "{\"input_tokens\":17}",
          "start  \nusage 17 0 0 0 0\nend\n");
}

/* START is first whatever the upstream says first, and comes once. */
static void test_late_start(void **state)
{
    (void)state;
    reads(&gw_wire_anthropic, true,
          "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
          "\"tool_use\",\"id\":\"t\",\"name\":\"f\"}}\n\n"
          "data: {\"type\":\"message_start\",\"message\":{\"id\":\"late\"}}\n\n"
          "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
          "data: {\"type\":\"message_stop\"}\n\n",
          "start  \ncall 0 t f\nargs 0 {}\nend\n");
}

/* Every cut of a stream before its end is EPROTO, and no END and no ERROR is emitted. */
static void test_truncated(void **state)
{
    static const struct {
        const struct gw_wire *wire;
        const char *bytes;
    } all[] = {{&gw_wire_openai, openai_stream}, {&gw_wire_anthropic, anthropic_stream}};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        /* the last two bytes end the event; without them it is lost */
        for (size_t n = 0; n + 1 < strlen(all[k].bytes); n++) {
            struct log l = {.stop_after = 0};
            enum base_status st = read_cut(all[k].wire, true, base_str_n(all[k].bytes, n), n, &l);
            if (st != BASE_EPROTO)
                fail_msg("%s cut after %zu: %s", all[k].wire->name, n, base_status_name(st));
            assert_false(gw_json_mentions(base_buf_view(&l.b), "end\n"));
            base_buf_release(&l.b);
        }
    }
}

static void test_malformed(void **state)
{
    static const struct {
        const struct gw_wire *wire;
        bool stream;
        const char *bytes;
    } all[] = {
        {&gw_wire_openai, true, "data: {\n\n"},
        {&gw_wire_openai, true, "data: [1]\n\n"},
        {&gw_wire_openai, true, "data: {\"choices\":5}\n\n"},
        {&gw_wire_openai, true, "data: {\"id\":\"\xff\"}\n\n"},
        {&gw_wire_openai, true, "data: {\"id\":\"a\",\"id\":\"b\"}\n\n"},
        {&gw_wire_openai, true, O("{\"content\":5}")},
        {&gw_wire_openai, true, O("{\"tool_calls\":{}}")},
        {&gw_wire_openai, true, O("{\"tool_calls\":[5]}")},
        {&gw_wire_openai, true, O("{\"tool_calls\":[{\"index\":-1}]}")},
        {&gw_wire_openai, true,
         O("{\"tool_calls\":[{\"index\":512,\"function\":{\"name\":\"f\"}}]}")},
        {&gw_wire_openai, true, O("{\"tool_calls\":[{\"index\":0,\"function\":{}}]}")},
        {&gw_wire_openai, true,
         O("{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":5}}]}")},
        {&gw_wire_openai, false, ""},
        {&gw_wire_openai, false, "<html>"},
        {&gw_wire_openai, false, "{}"},
        {&gw_wire_openai, false, "{\"choices\":[]}"},
        {&gw_wire_openai, false, "{\"choices\":[{}]}"},
        {&gw_wire_openai, false, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]"},
        {&gw_wire_anthropic, true, "data: {\n\n"},
        {&gw_wire_anthropic, true, "data: 5\n\n"},
        {&gw_wire_anthropic, true,
         "data: {\"type\":\"content_block_start\",\"index\":-1,\"content_block\":{}}\n\n"},
        {&gw_wire_anthropic, true,
         "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
         "\"tool_use\"}}\n\n"},
        {&gw_wire_anthropic, true,
         "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"input_json_delta\","
         "\"partial_json\":\"x\"}}\n\n"},
        {&gw_wire_anthropic, false, "{}"},
        {&gw_wire_anthropic, false, "{\"content\":\"text\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct log l = {.stop_after = 0};
        enum base_status st = read_cut(all[i].wire, all[i].stream, base_str_c(all[i].bytes),
                                       strlen(all[i].bytes), &l);
        if (st != BASE_EPROTO)
            fail_msg("%s: %s", all[i].bytes, base_status_name(st));
        assert_false(gw_json_mentions(base_buf_view(&l.b), "end\n"));
        base_buf_release(&l.b);
    }
}

static void test_errors_inside(void **state)
{
    (void)state;
    reads(&gw_wire_openai, true,
          O("{\"content\":\"a\"}") "data: "
                                   "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\","
                                   "\"code\":null}}\n\n" O(
                                       "{\"content\":\"never seen\"}") "data: [DONE]\n\n",
          "start i m\ntext a\nerror 500 1 server_error//busy\n");
    reads(&gw_wire_openai, true, "data: {\"error\":{\"message\":\"slow\",\"code\":429}}\n\n",
          "error 429 1 upstream_error/429/slow\n");
    reads(&gw_wire_openai, false, "{\"error\":\"context_length exceeded\"}",
          "error 502 1 upstream_error//context_length exceeded\n");
    reads(&gw_wire_anthropic, true,
          "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
          "\"message\":\"Overloaded\"}}\n\n",
          "error 529 1 overloaded_error//Overloaded\n");
    reads(&gw_wire_anthropic, false,
          "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x\"}}",
          "error 400 0 invalid_request_error//x\n");
}

/* A receiver that wants no more is asked nothing more, and its answer comes back. */
static void test_receiver_stops(void **state)
{
    (void)state;
    for (int n = 1; n <= 5; n++) {
        struct log l = {.stop_after = n};
        assert_int_equal(
            read_cut(&gw_wire_openai, true, base_str_c(openai_stream), sizeof openai_stream, &l),
            BASE_DENIED);
        int lines = 0;
        for (size_t i = 0; i < l.b.n; i++)
            lines += l.b.p[i] == '\n';
        assert_true(lines >= n && lines <= n + 1);
        base_buf_release(&l.b);
    }
}

static void test_error_parse(void **state)
{
    static const struct {
        const struct gw_wire *wire;
        int status;
        const char *body, *type, *code, *message;
        bool retryable;
    } all[] = {
        {&gw_wire_openai, 429, "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"c\"}}", "t",
         "c", "m", true},
        {&gw_wire_openai, 400, "{\"error\":{\"message\":\"m\",\"code\":400}}", "upstream_error",
         "400", "m", false},
        {&gw_wire_openai, 404, "{\"detail\":\"gone\"}", "upstream_error", "", "gone", false},
        {&gw_wire_openai, 409, "{}", "upstream_error", "",
         "The upstream answered with HTTP status 409.", false},
        {&gw_wire_openai, 503, "<html>", "upstream_error", "",
         "The upstream answered with HTTP status 503.", true},
        {&gw_wire_openai, 408, "", "upstream_error", "",
         "The upstream answered with HTTP status 408.", true},
        {&gw_wire_anthropic, 529,
         "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"o\"}}",
         "overloaded_error", "", "o", true},
        {&gw_wire_anthropic, 401, "\xff", "upstream_error", "",
         "The upstream answered with HTTP status 401.", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct base_arena *a = base_arena_new(1u << 16);
        struct chat_error e;
        all[i].wire->error_parse(all[i].status, base_str_c(all[i].body), a, &e);
        assert_int_equal(e.status, all[i].status);
        assert_int_equal(e.retryable, all[i].retryable);
        is(e.type, all[i].type);
        is(e.code, all[i].code);
        is(e.message, all[i].message);
        is(e.body, all[i].body);
        base_arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openai_round_trip),
        cmocka_unit_test(test_openai_small),
        cmocka_unit_test(test_openai_from_other),
        cmocka_unit_test(test_anthropic_everything),
        cmocka_unit_test(test_anthropic_small),
        cmocka_unit_test(test_anthropic_refuses),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_openai_stream),
        cmocka_unit_test(test_openai_tolerance),
        cmocka_unit_test(test_openai_whole),
        cmocka_unit_test(test_anthropic_stream),
        cmocka_unit_test(test_anthropic_whole),
        cmocka_unit_test(test_anthropics_own),
        cmocka_unit_test(test_stop_reasons),
        cmocka_unit_test(test_late_start),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_errors_inside),
        cmocka_unit_test(test_receiver_stops),
        cmocka_unit_test(test_error_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
