/* Goal: chat_request_slots forgets no place in which a request can carry data.
 * Method: a request with every member filled with its own marker; every marker must be visited,
 * each once, with the kind that its bytes have.
 */
#include "base/chat.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs the four headers above first
#include <cmocka.h>

static struct base_str seen[64];
static enum chat_slot_kind seen_kind[64];
static size_t n_seen;

static enum base_status note(void *ctx, const struct chat_slot *slot)
{
    (void)ctx;
    seen_kind[n_seen] = slot->kind;
    seen[n_seen++] = *slot->text;
    return BASE_OK;
}

static size_t times(const char *marker, enum chat_slot_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < n_seen; i++)
        n += base_str_is(seen[i], marker) && seen_kind[i] == kind;
    return n;
}

static void every_place_is_visited(void **state)
{
    (void)state;
    struct chat_part parts[] = {
        {.kind = CHAT_PART_TEXT, .text = BASE_STR("text"), .extra = BASE_STR("{\"p\":1}")},
        {.kind = CHAT_PART_REASONING, .text = BASE_STR("reasoning")},
        {.kind = CHAT_PART_REFUSAL, .text = BASE_STR("refusal")},
        {.kind = CHAT_PART_TOOL_CALL,
         .text = BASE_STR("{\"args\":1}"),
         .id = BASE_STR("call id"),
         .name = BASE_STR("call name")},
        {.kind = CHAT_PART_TOOL_RESULT, .text = BASE_STR("result"), .id = BASE_STR("result id")},
        {.kind = CHAT_PART_OPAQUE, .raw = BASE_STR("{\"opaque\":1}")},
    };
    struct chat_message msg = {.role = CHAT_USER,
                               .name = BASE_STR("msg name"),
                               .parts = parts,
                               .n_parts = 6,
                               .extra = BASE_STR("{\"m\":1}")};
    struct chat_tool tool = {.name = BASE_STR("tool name"),
                             .description = BASE_STR("tool text"),
                             .schema = BASE_STR("{\"schema\":1}"),
                             .extra = BASE_STR("{\"t\":1}")};
    struct chat_request r = {.messages = &msg,
                             .n_messages = 1,
                             .tools = &tool,
                             .n_tools = 1,
                             .tool_choice_name = BASE_STR("choice"),
                             .stop = {BASE_STR("stop one"), BASE_STR("stop two")},
                             .n_stop = 2,
                             .user = BASE_STR("end user"),
                             .extra = BASE_STR("{\"r\":1}"),
                             .anthropic_beta = BASE_STR("a beta header"),
                             .echo = BASE_STR("{\"what only the caller gets back\":1}")};
    static const char *const texts[] = {"text",      "reasoning", "refusal",      "call id",
                                        "call name", "result",    "result id",    "msg name",
                                        "tool name", "tool text", "choice",       "stop one",
                                        "stop two",  "end user",  "a beta header"};
    static const char *const jsons[] = {"{\"p\":1}", "{\"args\":1}", "{\"opaque\":1}",
                                        "{\"m\":1}", "{\"t\":1}",    "{\"schema\":1}",
                                        "{\"r\":1}"};
    assert_int_equal(chat_request_slots(&r, note, NULL), BASE_OK);
    assert_int_equal(n_seen, sizeof texts / sizeof *texts + sizeof jsons / sizeof *jsons);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(times(texts[i], CHAT_SLOT_TEXT), 1);
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++)
        assert_int_equal(times(jsons[i], CHAT_SLOT_JSON), 1);
    assert_true(chat_request_has_opaque(&r));
    msg.n_parts = 5;
    assert_false(chat_request_has_opaque(&r));
}

static enum base_status stop_at_once(void *ctx, const struct chat_slot *slot)
{
    (void)slot;
    ++*(int *)ctx;
    return BASE_LIMIT;
}

static void the_first_refusal_ends_the_walk(void **state)
{
    (void)state;
    struct chat_part part = {.kind = CHAT_PART_TEXT, .text = BASE_STR("x")};
    struct chat_message m[2] = {{.parts = &part, .n_parts = 1}, {.parts = &part, .n_parts = 1}};
    struct chat_request r = {.messages = m, .n_messages = 2};
    int calls = 0;
    assert_int_equal(chat_request_slots(&r, stop_at_once, &calls), BASE_LIMIT);
    assert_int_equal(calls, 1);
}

static void a_clone_has_its_own_parts_and_no_echo(void **state)
{
    (void)state;
    struct base_arena *a = base_arena_new(1u << 16);
    struct chat_part part = {.kind = CHAT_PART_TEXT, .text = BASE_STR("x")};
    struct chat_message m = {.parts = &part, .n_parts = 1};
    struct chat_request r = {.messages = &m, .n_messages = 1, .echo = BASE_STR("{\"e\":1}")}, c;
    assert_non_null(a);
    assert_int_equal(chat_request_clone(&r, a, &c), BASE_OK);
    c.messages[0].parts[0].text = BASE_STR("y");
    assert_true(base_str_is(part.text, "x"));
    assert_int_equal(c.echo.n, 0);
    assert_true(r.echo.n > 0);
    base_arena_free(a);
}

static void the_families_of_dialects(void **state)
{
    (void)state;
    assert_true(chat_dialect_is_openai(CHAT_DIALECT_OPENAI_CHAT));
    assert_true(chat_dialect_is_openai(CHAT_DIALECT_OPENAI_RESPONSES));
    assert_true(chat_dialect_is_openai(CHAT_DIALECT_OPENAI_COMPLETIONS));
    assert_false(chat_dialect_is_openai(CHAT_DIALECT_ANTHROPIC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_is_visited),
        cmocka_unit_test(the_first_refusal_ends_the_walk),
        cmocka_unit_test(a_clone_has_its_own_parts_and_no_echo),
        cmocka_unit_test(the_families_of_dialects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
