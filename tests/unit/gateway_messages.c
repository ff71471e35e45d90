/* Goal: Anthropic's client dialect puts every part of a request into its place, and makes of any
 * order of events a stream that its clients can read, which says the same as the whole answer.
 *
 * Method: bodies and what becomes of them, in the canonical form and written for an upstream of the
 * same dialect (what went in comes out); some thousand random orders of events, as a stream held to
 * the dialect's rules (gateway_messages_check.h), put together as a client does and compared with
 * the whole answer. Malformed bodies: tests/e2e/test_malformed.py. */
#include "gateway/dialect/dialect.h"
#include "gateway/upstream/wire.h"
#include "tests/unit/gateway_messages_check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void is(struct base_str s, const char *z)
{
    if (!base_str_is(s, z))
        fail_msg("\"%.*s\" instead of \"%s\"", BASE_FMT(s), z);
}

static struct base_arena *parse(const char *body, struct chat_request *r)
{
    struct base_arena *a = base_arena_new(4u << 20);
    struct gw_api_error e = {0};
    assert_non_null(a);
    if (gw_dialect_anthropic.parse(base_str_c(body), a, r, &e) != BASE_OK)
        fail_msg("refused: %.*s", BASE_FMT(e.message));
    return a;
}

/* ---- requests ---- */

#define EVERYTHING                                                                                 \
    "{\"model\":\"claude-x\",\"max_tokens\":9,\"temperature\":0.5,\"top_p\":0.9,\"top_k\":4,"      \
    "\"system\":[{\"type\":\"text\",\"text\":\"S1\",\"cache_control\":{\"type\":\"ephemeral\"}},"  \
    "{\"type\":\"text\",\"text\":\"S2\"}],\"messages\":["                                          \
    "{\"role\":\"user\",\"content\":\"U1\"},"                                                      \
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"T\","              \
    "\"signature\":\"c2ln+/==\"},{\"type\":\"redacted_thinking\",\"data\":\"ZGF0\"},"              \
    "{\"type\":\"text\",\"text\":\"A1\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","     \
    "\"input\":{\"a\":[1,\"x\"]},\"cache_control\":{\"type\":\"ephemeral\"}}]},"                   \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","            \
    "\"is_error\":true,\"cache_control\":{\"type\":\"ephemeral\"},\"content\":["                   \
    "{\"type\":\"text\",\"text\":\"R1\"},{\"type\":\"image\",\"source\":{\"type\":\"url\"}}]},"    \
    "{\"type\":\"text\",\"text\":\"U2\"}]}],"                                                      \
    "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},"     \
    "\"strict\":true},{\"type\":\"bash_20250124\",\"name\":\"bash\"}],"                            \
    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"       \
    "\"stop_sequences\":[\"x\",\"y\"],\"metadata\":{\"user_id\":\"u\"},\"stream\":true,"           \
    "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}"

static void test_every_part_has_its_place(void **state)
{
    struct chat_request r;
    (void)state;
    struct base_arena *a = parse(EVERYTHING, &r);
    assert_int_equal(r.dialect, CHAT_DIALECT_ANTHROPIC);
    assert_int_equal(r.n_messages, 5);
    static const enum chat_role roles[] = {CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL,
                                           CHAT_USER};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(r.messages[i].role, roles[i]);
    is(r.messages[0].parts[1].text, "S2");
    is(r.messages[0].parts[0].extra, "{\"cache_control\":{\"type\":\"ephemeral\"}}");
    const struct chat_part *p = r.messages[2].parts;
    assert_int_equal(r.messages[2].n_parts, 4);
    assert_true(p[0].kind == CHAT_PART_REASONING && p[1].kind == CHAT_PART_REASONING);
    is(p[0].extra, "{\"signature\":\"c2ln+/==\"}");
    is(p[1].extra, "{\"data\":\"ZGF0\"}");
    assert_int_equal(p[1].text.n, 0);
    assert_int_equal(p[3].kind, CHAT_PART_TOOL_CALL);
    is(p[3].text, "{\"a\":[1,\"x\"]}");
    p = r.messages[3].parts;
    assert_true(p[0].kind == CHAT_PART_TOOL_RESULT && p[0].is_error);
    assert_true(p[1].kind == CHAT_PART_OPAQUE && base_str_is(p[1].id, "t1"));
    is(r.messages[3].extra, "{\"cache_control\":{\"type\":\"ephemeral\"}}");
    is(r.messages[4].parts[0].text, "U2");
    assert_int_equal(r.n_tools, 2);
    assert_int_equal(r.tools[1].name.n, 0);
    assert_true(r.tool_choice == CHAT_TOOLS_NAMED && r.one_call && r.stream && r.n_stop == 2);
    is(r.user, "u");
    is(r.extra, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}");
    base_arena_free(a);
}

static json_t *written(struct chat_request *r, struct base_buf *dropped)
{
    static const struct conf_remote_model model = {.name = "claude-x"};
    const struct conf_backend b = {.name = "b", .api = CONF_API_ANTHROPIC};
    const struct conf_target t = {.text = "b/claude-x", .backend = &b, .model = &model};
    struct gw_wire_request head;
    struct base_buf body;
    struct base_err err;
    base_buf_init(&body, 1u << 20);
    base_buf_init(dropped, 1024);
    if (gw_wire_anthropic.write(&t, r, &head, &body, dropped, r->arena, &err) != BASE_OK)
        fail_msg("not written: %s", err.text);
    json_t *v = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    base_buf_release(&body);
    return v;
}

/* What the interface takes in two forms is one here. */
static void one_form(json_t *root)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(root, "messages"), i, m)
    {
        json_t *c = json_object_get(m, "content");
        if (json_is_string(c))
            json_object_set_new(
                m, "content",
                json_pack("[{s:s,s:s}]", "type", "text", "text", json_string_value(c)));
    }
}

static void test_the_same_dialect_gets_what_came(void **state)
{
    struct chat_request r;
    struct base_buf dropped;
    (void)state;
    struct base_arena *a = parse(EVERYTHING, &r);
    json_t *got = written(&r, &dropped), *want = json_loads(EVERYTHING, 0, NULL);
    one_form(want);
    if (!json_equal(got, want))
        fail_msg("%s\ninstead of\n%s", json_dumps(got, JSON_SORT_KEYS),
                 json_dumps(want, JSON_SORT_KEYS));
    assert_int_equal(dropped.n, 0);
    json_decref(got);
    json_decref(want);
    base_buf_release(&dropped);
    base_arena_free(a);
}

static void test_a_seal_that_was_changed_is_not_sent(void **state)
{
    struct chat_request r;
    struct base_buf dropped;
    (void)state;
    struct base_arena *a = parse(
        "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"T\","
        "\"signature\":\"c2[PERSON_1]ln\"},{\"type\":\"redacted_thinking\",\"data\":\"[X_1]\"},"
        "{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"user\",\"content\":\"c\",\"x\":1}]}",
        &r);
    json_t *got = written(&r, &dropped);
    json_t *turn = json_array_get(json_object_get(got, "messages"), 1);
    assert_int_equal(json_array_size(json_object_get(turn, "content")), 1);
    turn = json_array_get(json_object_get(got, "messages"), 2);
    assert_int_equal(json_integer_value(json_object_get(turn, "x")), 1);
    is(base_buf_view(&dropped), "messages.thinking");
    json_decref(got);
    base_buf_release(&dropped);
    base_arena_free(a);
}

static void test_a_count_holds_what_a_count_takes(void **state)
{
    struct chat_request r;
    struct gw_api_error e = {0};
    struct base_buf dropped;
    (void)state;
    struct base_arena *a = base_arena_new(1u << 20);
    assert_int_equal(
        gw_dialect_anthropic_count.parse(
            BASE_STR("{\"model\":\"m\",\"system\":\"s\",\"service_tier\":\"auto\","
                     "\"metadata\":{\"user_id\":\"u\"},\"temperature\":1,\"thinking\":{},"
                     "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"),
            a, &r, &e),
        BASE_OK);
    json_t *got = written(&r, &dropped);
    static const char *const want[] = {"model", "system", "messages", "thinking"};
    assert_int_equal(json_object_size(got), 4);
    for (size_t i = 0; i < 4; i++)
        assert_non_null(json_object_get(got, want[i]));
    json_decref(got);
    base_buf_release(&dropped);
    base_arena_free(a);
}

/* Results, text and results again in one turn, many of them: no more memory than there are. */
static void test_many_small_blocks(void **state)
{
    struct base_buf b;
    struct chat_request r;
    (void)state;
    base_buf_init(&b, 4u << 20);
    base_buf_z(&b, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
                   "\"content\":[{\"type\":\"text\",\"text\":\"0\"}");
    for (int i = 1; i < 4000; i++)
        base_buf_printf(&b,
                        ",{\"type\":\"tool_result\",\"tool_use_id\":\"t%d\"},"
                        "{\"type\":\"text\",\"text\":\"%d\"}",
                        i, i);
    base_buf_z(&b, "]}]}");
    struct base_arena *a = parse(b.p, &r);
    assert_int_equal(r.n_messages, 7999);
    for (size_t i = 0; i < r.n_messages; i++) {
        assert_int_equal(r.messages[i].role, i % 2 ? CHAT_TOOL : CHAT_USER);
        assert_int_equal(r.messages[i].n_parts, 1);
    }
    is(r.messages[7998].parts[0].text, "3999");
    base_buf_release(&b);
    base_arena_free(a);
}

/* ---- answers ---- */

static struct gw_reply *reply(struct base_arena *a, bool stream, bool late)
{
    const struct gw_reply_meta meta = {
        .id = BASE_STR("msg_7"), .model = BASE_STR("local/m"), .pieces_late = late};
    struct gw_reply *w = gw_dialect_anthropic.reply_new(a, &meta, stream);
    assert_non_null(w);
    return w;
}

static void play(const struct chat_event *ev, size_t n, bool stream, bool late,
                 struct base_buf *out)
{
    struct base_arena *a = base_arena_new(4u << 20);
    struct gw_reply *w = reply(a, stream, late);
    struct base_err err;
    base_buf_init(out, 4u << 20);
    for (size_t i = 0; i < n; i++)
        if (gw_dialect_anthropic.reply_event(w, &ev[i], out, &err) != BASE_OK)
            fail_msg("event %zu: %s", i, err.text);
    base_arena_free(a);
}

static uint64_t seed;
static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

#define EVENTS 40

/* Any order that a source, a guard and restorers can give. */
static size_t random_events(struct chat_event ev[EVENTS + 8])
{
    static const char *const args[] = {"{\"a\":", "[1,\"}{\"", "],\"b\":{}}", "{}",
                                       "{\"x\":\"\\\"\"}"};
    size_t n = 0;
    int calls = 0, part[EVENTS] = {0};
    ev[n++] = (struct chat_event){.kind = CHAT_EV_START};
    for (unsigned left = pick(EVENTS - 2); left > 0; left--) {
        unsigned what = pick(10);
        int of = calls ? (int)pick((unsigned)calls) : 0;
        struct chat_event *e = &ev[n];
        *e = (struct chat_event){.text = BASE_STR("txt"), .index = (int)pick(2)};
        if (what < 3)
            e->kind = CHAT_EV_TEXT;
        else if (what == 3)
            e->kind = CHAT_EV_REASONING;
        else if (what == 4)
            e->kind = CHAT_EV_SIGNATURE;
        else if (what == 5)
            *e = (struct chat_event){.kind = CHAT_EV_BLOCK,
                                     .text = BASE_STR("{\"type\":\"redacted_thinking\"}")};
        else if (what == 6)
            *e = (struct chat_event){.kind = CHAT_EV_CITATION, .text = BASE_STR("{\"c\":1}")};
        else if (what == 7)
            *e = (struct chat_event){.kind = CHAT_EV_TOOL_CALL,
                                     .index = calls++,
                                     .id = BASE_STR("t"),
                                     .name = BASE_STR("f")};
        else if (calls && part[of] < 3)
            *e = (struct chat_event){
                .kind = CHAT_EV_TOOL_ARGS, .index = of, .text = base_str_c(args[part[of]++])};
        else
            continue;
        n++;
    }
    if (pick(4))
        ev[n++] = (struct chat_event){.kind = CHAT_EV_FINISH, .finish = (enum chat_finish)pick(6)};
    if (pick(8) == 0) /* some servers say more behind it */
        ev[n++] = (struct chat_event){.kind = CHAT_EV_TEXT, .text = BASE_STR("late")};
    if (pick(2))
        ev[n++] = (struct chat_event){
            .kind = CHAT_EV_USAGE, .usage = {.set = true, .input_tokens = 9, .output_tokens = 3}};
    return n;
}

/* All texts, then all calls: a piece that comes when its block is done, behind the finish, stands
 * in another place of a stream, and is there all the same. */
static void flat(const json_t *content, struct base_buf *out)
{
    size_t i;
    const json_t *b;
    json_t *all = (json_t *)(uintptr_t)content;
    for (int calls = 0; calls < 2; calls++)
        json_array_foreach(all, i, b)
        {
            if (!calls)
                base_buf_str(out, gw_json_get_str(b, "text"));
            else if (json_object_get(b, "input"))
                gw_json_put(out, b);
        }
}

static void test_any_order_of_events_is_a_stream(void **state)
{
    (void)state;
    for (seed = 1; seed < 8001;) {
        uint64_t from = seed;
        struct chat_event ev[EVENTS + 8];
        struct base_buf stream, whole, a, b;
        struct messages_check c;
        size_t n = random_events(ev);
        bool late = pick(2);
        ev[n++] = (struct chat_event){.kind = CHAT_EV_END};
        play(ev, n, true, late, &stream);
        play(ev, n, false, late, &whole);
        messages_check(&c, base_buf_view(&stream));
        assert_true(c.stopped);
        json_t *v = gw_json_load(base_buf_view(&whole), true, NULL);
        assert_non_null(v);
        base_buf_init(&a, 1u << 20);
        base_buf_init(&b, 1u << 20);
        flat(c.content, &a);
        flat(json_object_get(v, "content"), &b);
        if (!base_str_eq(base_buf_view(&a), base_buf_view(&b)))
            fail_msg("seed %llu: %.*s\n%.*s", (unsigned long long)from, BASE_FMT(base_buf_view(&a)),
                     BASE_FMT(base_buf_view(&b)));
        base_buf_release(&a);
        base_buf_release(&b);
        json_decref(v);
        messages_check_free(&c);
        base_buf_release(&stream);
        base_buf_release(&whole);
        seed = from + 1;
    }
}

#define EV(k, ...)                                                                                 \
    {                                                                                              \
        .kind = CHAT_EV_##k, __VA_ARGS__                                                           \
    }
#define TEXT_OF(s) .text = BASE_STR(s)

static void test_mixed_calls_come_one_after_the_other(void **state)
{
    const struct chat_event ev[] = {
        EV(START),
        EV(TOOL_CALL, .index = 0, .id = BASE_STR("a"), .name = BASE_STR("f")),
        EV(TOOL_CALL, .index = 1, .id = BASE_STR("b"), .name = BASE_STR("g")),
        EV(TOOL_ARGS, .index = 1, TEXT_OF("{\"y\":")),
        EV(TOOL_ARGS, .index = 0, TEXT_OF("{\"x\":")),
        EV(TEXT, TEXT_OF("said between")),
        EV(TOOL_ARGS, .index = 1, TEXT_OF("2}")),
        EV(TOOL_ARGS, .index = 0, TEXT_OF("1}")),
        EV(FINISH, .finish = CHAT_FINISH_STOP),
        EV(END)};
    struct base_buf out;
    struct messages_check c;
    (void)state;
    play(ev, sizeof ev / sizeof *ev, true, false, &out);
    messages_check(&c, base_buf_view(&out));
    json_t *want =
        json_loads("[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{\"x\":1}},"
                   "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\",\"input\":{\"y\":2}},"
                   "{\"type\":\"text\",\"text\":\"said between\"}]",
                   0, NULL);
    assert_true(json_equal(c.content, want));
    /* a server that calls tools and says "stop": here that has a name of its own */
    assert_true(base_str_find(base_buf_view(&out), BASE_STR("\"stop_reason\":\"tool_use\""), 0) !=
                SIZE_MAX);
    json_decref(want);
    messages_check_free(&c);
    base_buf_release(&out);
}

static void test_held_pieces_stand_in_order(void **state)
{
    /* as a guard that holds text lets it out: the thought's and the text's ends behind the call */
    const struct chat_event ev[] = {
        EV(START),
        EV(REASONING, TEXT_OF("")),
        EV(TEXT, TEXT_OF("Te")),
        EV(TOOL_CALL, .index = 0, .id = BASE_STR("a"), .name = BASE_STR("f")),
        EV(TEXT, TEXT_OF("xt")),
        EV(REASONING, TEXT_OF("hm")),
        EV(SIGNATURE, TEXT_OF("c2ln")),
        EV(TOOL_ARGS, .index = 0, TEXT_OF("{}")),
        EV(FINISH, .finish = CHAT_FINISH_TOOL_CALLS),
        EV(END)};
    struct base_buf out;
    struct messages_check c;
    (void)state;
    play(ev, sizeof ev / sizeof *ev, true, true, &out);
    messages_check(&c, base_buf_view(&out));
    json_t *want = json_loads("[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},"
                              "{\"type\":\"text\",\"text\":\"Text\"},"
                              "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}]",
                              0, NULL);
    if (!json_equal(c.content, want))
        fail_msg("%s", json_dumps(c.content, 0));
    json_decref(want);
    messages_check_free(&c);
    base_buf_release(&out);
}

/* All of the text and of the thought is held until after the call: they stand before it still. */
static void test_held_whole(void **state)
{
    const struct chat_event ev[] = {
        EV(START),
        EV(REASONING, TEXT_OF("")), /* told of before any of it is let out */
        EV(TOOL_CALL, .index = 0, .id = BASE_STR("a"), .name = BASE_STR("f")),
        EV(TEXT, TEXT_OF("t")),
        EV(REASONING, TEXT_OF("r")),
        EV(TOOL_ARGS, .index = 0, TEXT_OF("{}")),
        EV(FINISH, .finish = CHAT_FINISH_TOOL_CALLS),
        EV(END)};
    static const char *const order[] = {"thinking", "text", "tool_use"};
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        struct base_buf out;
        play(ev, sizeof ev / sizeof *ev, stream, true, &out);
        size_t at = 0;
        for (int i = 0; i < 3; i++) {
            char word[32];
            snprintf(word, sizeof word, "{\"type\":\"%s\"", order[i]);
            size_t found = base_str_find(base_buf_view(&out), base_str_c(word), at);
            if (found == SIZE_MAX || (i == 0 && !stream && found > 200))
                fail_msg("no %s in its place: %s", order[i], out.p);
            at = found;
        }
        base_buf_release(&out);
    }
}

static void test_text_is_written_as_it_comes(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct gw_reply *w = reply(a, true, false);
    struct base_buf out;
    struct base_err err;
    (void)state;
    base_buf_init(&out, 65536);
    const struct chat_event usage =
        EV(USAGE, .usage = {.set = true, .input_tokens = 10, .cached_tokens = 4});
    assert_int_equal(gw_dialect_anthropic.reply_event(w, &usage, &out, &err), BASE_OK);
    assert_int_equal(out.n, 0); /* an attempt that fails now has written nothing */
    static const char *const pieces[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        const struct chat_event e = EV(TEXT, .text = base_str_c(pieces[i]));
        base_buf_clear(&out);
        assert_int_equal(gw_dialect_anthropic.reply_event(w, &e, &out, &err), BASE_OK);
        assert_true(base_str_find(base_buf_view(&out), BASE_STR("text_delta"), 0) != SIZE_MAX);
        assert_int_equal(base_str_find(base_buf_view(&out), BASE_STR("\"input_tokens\":6"), 0) ==
                             SIZE_MAX,
                         i > 0);
    }
    const struct chat_event error = EV(ERROR, .error = {.status = 529, .message = BASE_STR("no")});
    base_buf_clear(&out);
    assert_int_equal(gw_dialect_anthropic.reply_event(w, &error, &out, &err), BASE_OK);
    is(base_buf_view(&out), "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                            "\"overloaded_error\",\"message\":\"no\"},\"request_id\":\"7\"}\n\n");
    assert_int_equal(gw_dialect_anthropic.reply_event(w, &usage, &out, &err), BASE_EBUG);
    base_buf_release(&out);
    base_arena_free(a);
}

static void test_stop_reasons(void **state)
{
    static const struct {
        enum chat_finish finish;
        const char *text, *want;
    } all[] = {{CHAT_FINISH_STOP, "", "\"stop_reason\":\"end_turn\",\"stop_sequence\":null"},
               {CHAT_FINISH_LENGTH, "", "\"stop_reason\":\"max_tokens\""},
               {CHAT_FINISH_LENGTH, "model_context_window_exceeded",
                "\"stop_reason\":\"model_context_window_exceeded\""},
               {CHAT_FINISH_TOOL_CALLS, "", "\"stop_reason\":\"tool_use\""},
               {CHAT_FINISH_CONTENT_FILTER, "", "\"stop_reason\":\"refusal\""},
               {CHAT_FINISH_STOP_SEQUENCE, "X",
                "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"X\""},
               {CHAT_FINISH_OTHER, "pause_turn", "\"stop_reason\":\"pause_turn\""},
               {CHAT_FINISH_OTHER, "tired", "\"stop_reason\":\"end_turn\""}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int stream = 0; stream < 2; stream++) {
            const struct chat_event ev[] = {
                EV(START), EV(FINISH, .finish = all[i].finish, .text = base_str_c(all[i].text)),
                EV(END)};
            struct base_buf out;
            play(ev, 3, stream, false, &out);
            if (base_str_find(base_buf_view(&out), base_str_c(all[i].want), 0) == SIZE_MAX)
                fail_msg("%s not in %s", all[i].want, out.p);
            base_buf_release(&out);
        }
}

static void test_a_count_is_one_number_or_an_error(void **state)
{
    struct base_arena *a = base_arena_new(1u << 20);
    struct base_buf out;
    struct base_err err;
    (void)state;
    for (int told = 0; told < 2; told++) {
        const struct chat_event usage = EV(USAGE, .usage = {.set = true, .input_tokens = 42});
        const struct chat_event end = EV(END);
        const struct gw_reply_meta meta = {.id = BASE_STR("msg_7"), .model = BASE_STR("m")};
        struct gw_reply *w = gw_dialect_anthropic_count.reply_new(a, &meta, false);
        base_buf_init(&out, 1024);
        if (told)
            assert_int_equal(gw_dialect_anthropic_count.reply_event(w, &usage, &out, &err),
                             BASE_OK);
        assert_int_equal(gw_dialect_anthropic_count.reply_event(w, &end, &out, &err),
                         told ? BASE_OK : BASE_EPROTO);
        is(base_buf_view(&out), told ? "{\"input_tokens\":42}" : "");
        base_buf_release(&out);
    }
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_has_its_place),
        cmocka_unit_test(test_the_same_dialect_gets_what_came),
        cmocka_unit_test(test_a_seal_that_was_changed_is_not_sent),
        cmocka_unit_test(test_a_count_holds_what_a_count_takes),
        cmocka_unit_test(test_many_small_blocks),
        cmocka_unit_test(test_any_order_of_events_is_a_stream),
        cmocka_unit_test(test_mixed_calls_come_one_after_the_other),
        cmocka_unit_test(test_held_pieces_stand_in_order),
        cmocka_unit_test(test_held_whole),
        cmocka_unit_test(test_text_is_written_as_it_comes),
        cmocka_unit_test(test_stop_reasons),
        cmocka_unit_test(test_a_count_is_one_number_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
