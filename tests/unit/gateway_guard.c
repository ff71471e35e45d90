/* Goal: gateway/guard.c gives an answer's events on in order where nothing is taken out, lets no
 * channel that comes between split a finding, judges tool calls whole, and lets nothing out once
 * the answer is withheld.
 *
 * Method: event lists in, a transcript of what comes out. Tool calls with findings in their
 * arguments, calls of tools that are forbidden, fragments that do not belong to the open call.
 */
#include "gateway/guard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pol_detector *detector;
static struct pol_scratch *scratch;

static int setup(void **state)
{
    struct base_err err;
    (void)state;
    if (pol_detector_new(&detector, &err) != BASE_OK)
        return -1;
    return pol_scratch_new(detector, &scratch, &err) == BASE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pol_scratch_free(scratch);
    pol_detector_free(detector);
    return 0;
}

static enum base_status write_event(void *ctx, const struct chat_event *ev)
{
    static const char *const name[] = {
        [CHAT_EV_TEXT] = "T",      [CHAT_EV_REASONING] = "R", [CHAT_EV_REFUSAL] = "N",
        [CHAT_EV_TOOL_CALL] = "C", [CHAT_EV_TOOL_ARGS] = "A", [CHAT_EV_FINISH] = "F"};
    struct base_buf *out = ctx;
    base_buf_printf(out, "%s%.*s%.*s|", name[ev->kind], BASE_FMT(ev->name), BASE_FMT(ev->text));
    return BASE_OK;
}

static bool not_rm(void *ctx, struct base_str name)
{
    (void)ctx;
    return !base_str_is(name, "rm");
}

struct step {
    enum chat_event_kind kind;
    const char *text; /* a call's name */
    int index;
};

static const char *play(const struct step *steps, size_t n, enum pol_guard_action action, bool scan,
                        enum base_status want, struct base_buf *out, uint32_t *found)
{
    const struct gw_guard_spec spec = {.detector = detector,
                                       .scratch = scratch,
                                       .scan = scan,
                                       .action = action,
                                       .types = ~(pol_types)0,
                                       .tool = not_rm};
    struct gw_guard *g = gw_guard_new(&spec);
    enum base_status st = BASE_OK;
    assert_non_null(g);
    base_buf_init(out, 65536);
    base_buf_z(out, "");
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        struct chat_event ev = {.kind = steps[i].kind, .index = steps[i].index};
        if (ev.kind == CHAT_EV_TOOL_CALL)
            ev.name = base_str_c(steps[i].text);
        else
            ev.text = base_str_c(steps[i].text);
        st = gw_guard_event(g, &ev, write_event, out);
    }
    assert_int_equal(st, want);
    const char *why = gw_guard_withheld(g);
    for (int t = 0; found && t < POL_TYPE_COUNT; t++)
        *found += gw_guard_counts(g)[t];
    gw_guard_free(g);
    return why;
}

#define PLAY(steps, action, scan, want, out, found)                                                \
    play(steps, sizeof(steps) / sizeof(*(steps)), action, scan, want, out, found)

static void test_order(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {CHAT_EV_REASONING, "hm, ", 0}, {CHAT_EV_REASONING, "well", 0},
        {CHAT_EV_TEXT, "Hello", 0},     {CHAT_EV_TEXT, " you", 0},
        {CHAT_EV_TOOL_CALL, "get", 0},  {CHAT_EV_TOOL_ARGS, "{\"a\":", 0},
        {CHAT_EV_TOOL_ARGS, "1}", 0},   {CHAT_EV_TOOL_CALL, "put", 1},
        {CHAT_EV_TOOL_ARGS, "{}", 1},   {CHAT_EV_FINISH, "", 0}};
    struct base_buf out;
    assert_null(PLAY(steps, POL_GUARD_WARN, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Rhm, well|THello you|Cget|A{\"a\":1}|Cput|A{}|F|");
    base_buf_release(&out);
    /* what may yet be part of a finding waits for the finish */
    assert_null(PLAY(steps, POL_GUARD_REDACT, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Cget|A{\"a\":1}|Cput|THello you|Rhm, well|A{}|F|");
    base_buf_release(&out);
    /* without a scan nothing is held */
    assert_null(PLAY(steps, POL_GUARD_REDACT, false, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Rhm, |Rwell|THello|T you|Cget|A{\"a\":|A1}|Cput|A{}|F|");
    base_buf_release(&out);
}

static void test_channels_between(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {CHAT_EV_TEXT, "DE89 3704 0044", 0},  {CHAT_EV_REASONING, "hm", 0},
        {CHAT_EV_TEXT, " 0532", 0},           {CHAT_EV_TOOL_CALL, "get", 0},
        {CHAT_EV_TEXT, " 0130 00 today.", 0}, {CHAT_EV_FINISH, "AKIAIOSFODNN7EXAMPLQ", 0}};
    static const struct step call[] = {{CHAT_EV_TOOL_CALL, "AKIAIOSFODNN7EXAMPLQ", 0},
                                       {CHAT_EV_FINISH, "", 0}};
    struct base_buf out;
    uint32_t found = 0;
    assert_null(PLAY(steps, POL_GUARD_REDACT, true, BASE_OK, &out, &found));
    assert_string_equal(out.p, "Cget|T[IBAN withheld] today.|Rhm|F|");
    assert_int_equal(found, 2);
    base_buf_release(&out);
    assert_null(PLAY(call, POL_GUARD_REDACT, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Cwithheld|F|");
    base_buf_release(&out);
    assert_string_equal(PLAY(call, POL_GUARD_WITHHOLD, true, BASE_OK, &out, NULL),
                        "answer_withheld");
    assert_string_equal(out.p, "");
    base_buf_release(&out);
}

static void test_arguments(void **state)
{
    (void)state;
    static const struct step steps[] = {{CHAT_EV_TOOL_CALL, "pay", 0},
                                        {CHAT_EV_TOOL_ARGS, "{\"to\":\"DE89 3704 00", 0},
                                        {CHAT_EV_TOOL_ARGS, "44 0532 0130 00\",\"n\":1}", 0},
                                        {CHAT_EV_FINISH, "", 0}};
    struct base_buf out;
    uint32_t found = 0;
    assert_null(PLAY(steps, POL_GUARD_REDACT, true, BASE_OK, &out, &found));
    assert_string_equal(out.p, "Cpay|A{\"to\":\"[IBAN_1]\",\"n\":1}|F|");
    assert_int_equal(found, 1);
    base_buf_release(&out);
    found = 0;
    assert_null(PLAY(steps, POL_GUARD_WARN, true, BASE_OK, &out, &found));
    assert_string_equal(out.p, "Cpay|A{\"to\":\"DE89 3704 0044 0532 0130 00\",\"n\":1}|F|");
    assert_int_equal(found, 1);
    base_buf_release(&out);
    assert_string_equal(PLAY(steps, POL_GUARD_WITHHOLD, true, BASE_OK, &out, NULL),
                        "answer_withheld");
    assert_string_equal(out.p, "Cpay|");
    base_buf_release(&out);
}

static void test_forbidden_call(void **state)
{
    (void)state;
    static const struct step steps[] = {{CHAT_EV_TEXT, "I will", 0},
                                        {CHAT_EV_TOOL_CALL, "rm", 0},
                                        {CHAT_EV_TOOL_ARGS, "{\"path\":\"/\"}", 0},
                                        {CHAT_EV_TEXT, "done", 0},
                                        {CHAT_EV_FINISH, "", 0}};
    for (int scan = 0; scan < 2; scan++) {
        struct base_buf out;
        assert_string_equal(PLAY(steps, POL_GUARD_WARN, scan, BASE_OK, &out, NULL), "tool_denied");
        assert_string_equal(out.p, "TI will|");
        base_buf_release(&out);
    }
}

static void test_withheld_text(void **state)
{
    (void)state;
    static const struct step steps[] = {{CHAT_EV_TEXT, "Key: AKIAIOSF", 0},
                                        {CHAT_EV_TEXT, "ODNN7EXAMPLQ.", 0},
                                        {CHAT_EV_REASONING, "oh", 0},
                                        {CHAT_EV_FINISH, "", 0}};
    struct base_buf out;
    assert_string_equal(PLAY(steps, POL_GUARD_WITHHOLD, true, BASE_OK, &out, NULL),
                        "answer_withheld");
    assert_string_equal(out.p, "TKey: |");
    base_buf_release(&out);
}

static void test_mixed_fragments_are_refused(void **state)
{
    (void)state;
    static const struct step steps[] = {{CHAT_EV_TOOL_CALL, "a", 0}, {CHAT_EV_TOOL_ARGS, "{", 1}};
    struct base_buf out;
    assert_null(PLAY(steps, POL_GUARD_WARN, true, BASE_LIMIT, &out, NULL));
    base_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),         cmocka_unit_test(test_channels_between),
        cmocka_unit_test(test_arguments),     cmocka_unit_test(test_forbidden_call),
        cmocka_unit_test(test_withheld_text), cmocka_unit_test(test_mixed_fragments_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
