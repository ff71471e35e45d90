/* Goal: an identifier that is cut between two messages of a request, or between a text and a value
 * of a tool call, is found wherever the cut is; what two texts make by chance is not. Method: every
 * cut of some identifiers; a request with such a cut must be unscannable. */
#include "policy/detect/seam.h"

#include "base/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pol_detector *det;
static struct pol_scratch *scratch;
static struct base_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = base_arena_new(16 << 20);
    return pol_detector_new(&det, NULL) != BASE_OK ||
           pol_scratch_new(det, &scratch, NULL) != BASE_OK || !arena;
}

static int teardown(void **state)
{
    (void)state;
    pol_scratch_free(scratch);
    pol_detector_free(det);
    base_arena_free(arena);
    return 0;
}

struct turn {
    enum chat_role role;
    const char *text;
};

static struct pol_findings scan(const struct turn *v, size_t n)
{
    struct chat_part parts[8] = {{0}};
    struct chat_message messages[8] = {{0}};
    struct chat_request r = {.arena = arena, .messages = messages, .n_messages = n};
    struct pol_findings out;
    struct base_err err;

    for (size_t i = 0; i < n; i++) {
        parts[i].kind = v[i].role == CHAT_TOOL ? CHAT_PART_TOOL_RESULT : CHAT_PART_TEXT;
        parts[i].text = base_str_c(v[i].text);
        messages[i].role = v[i].role;
        messages[i].parts = &parts[i];
        messages[i].n_parts = 1;
    }
    assert_int_equal(pol_scan_request(det, scratch, &r, &out, &err), BASE_OK);
    base_arena_reset(arena);
    return out;
}

static const char *const values[] = {"DE89 3704 0044 0532 0130 00", "4111111111111111",
                                     "erika.mustermann@example.com", "+49 170 1234567"};

static void cut_between_messages(void **state)
{
    char first[200], second[200];
    (void)state;
    for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
        for (size_t cut = 1; cut < strlen(values[v]); cut++) {
            snprintf(first, sizeof(first), "It is %.*s", (int)cut, values[v]);
            snprintf(second, sizeof(second), "%s, I think.", values[v] + cut);
            const struct turn next[] = {{CHAT_USER, first}, {CHAT_ASSISTANT, second}};
            const struct turn again[] = {
                {CHAT_USER, first}, {CHAT_ASSISTANT, "Go on."}, {CHAT_USER, second}};
            const struct turn tools[] = {
                {CHAT_USER, "Look."}, {CHAT_TOOL, first}, {CHAT_TOOL, second}};
            struct pol_findings f[3] = {scan(next, 2), scan(again, 3), scan(tools, 3)};
            for (int i = 0; i < 3; i++)
                if (!(f[i].classes & POL_CLASS_PERSONAL) || f[i].types == 0)
                    fail_msg("%s cut at %zu, %d", values[v], cut, i);
        }
    }
}

static void cut_between_json_results(void **state)
{
    char first[200], second[200];
    (void)state;
    for (size_t cut = 3; cut + 3 < strlen(values[0]); cut++) {
        snprintf(first, sizeof(first), "{\"rows\":[{\"n\":1,\"a\":\"%.*s\"}]}", (int)cut,
                 values[0]);
        snprintf(second, sizeof(second), "{\"ok\":true,\"rows\":[{\"n\":1,\"b\":\"%s\"}]}",
                 values[0] + cut);
        const struct turn v[] = {{CHAT_USER, "Look."}, {CHAT_TOOL, first}, {CHAT_TOOL, second}};
        struct pol_findings f = scan(v, 3);
        /* " 0044 0532 0130 00" is a telephone number by itself, and dealt with as such */
        if (!(f.unscannable && (f.types & POL_TYPE_BIT(POL_IBAN))) &&
            !(f.types & POL_TYPE_BIT(POL_PHONE)))
            fail_msg("cut at %zu", cut);
    }
}

static void nothing_by_chance(void **state)
{
    static const struct turn v[] = {{CHAT_SYSTEM, "You are helpful."},
                                    {CHAT_USER, "How much is 17 times 4"},
                                    {CHAT_ASSISTANT, "68"},
                                    {CHAT_USER, "and 12345678 more?"},
                                    {CHAT_ASSISTANT, "The answer is 12345746"},
                                    {CHAT_USER, "90 of them are mine, said Anna"},
                                    {CHAT_ASSISTANT, "Schmidt is a name, too"}};
    (void)state;
    struct pol_findings f = scan(v, 7);
    assert_false(f.unscannable);
    assert_int_equal(f.classes & ~(unsigned)POL_CLASS_PERSONAL, 0);
    assert_int_equal(f.types & (POL_TYPE_BIT(POL_NATIONAL_ID) | POL_TYPE_BIT(POL_PHONE) |
                                POL_TYPE_BIT(POL_CREDIT_CARD)),
                     0);
}

/* A value is found, and replaced, in its place; what stands beside it stays. */
static void a_value_of_a_call(void **state)
{
    struct pol_seam_call c = {
        .before = BASE_STR("pay to DE89 3704 0044"), .types = ~(pol_types)0, .redact = true};
    struct base_str out;
    struct base_err err;
    (void)state;
    assert_int_equal(
        pol_seam_args(det, scratch, &c,
                      BASE_STR("{\"n\":7,\"who\":\"Bob\",\"rest\":\" 0532 0130 00 now\"}"), arena,
                      &out, &err),
        BASE_OK);
    assert_true(c.found);
    assert_int_equal(c.seam.type, POL_IBAN);
    assert_int_equal(c.seam.before, 14);
    assert_true(base_str_is(out, "{\"n\":7,\"who\":\"Bob\",\"rest\":\"[IBAN withheld] now\"}"));
    assert_true(base_str_is(base_str_n(c.tail, c.n_tail), " 0532 0130 00 now"));
    assert_int_equal(pol_seam_args(det, scratch, &c, BASE_STR("no json"), arena, &out, &err),
                     BASE_OK);
    assert_false(c.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_between_messages),
        cmocka_unit_test(cut_between_json_results),
        cmocka_unit_test(nothing_by_chance),
        cmocka_unit_test(a_value_of_a_call),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
