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
        [CHAT_EV_TOOL_CALL] = "C", [CHAT_EV_TOOL_ARGS] = "A", [CHAT_EV_FINISH] = "F",
        [CHAT_EV_SIGNATURE] = "S", [CHAT_EV_BLOCK] = "B",     [CHAT_EV_CITATION] = "Q"};
    struct base_buf *out = ctx;
    base_buf_printf(out, "%s%.*s%.*s%s%.*s|", name[ev->kind], BASE_FMT(ev->name),
                    BASE_FMT(ev->text), ev->signature.n ? " signed " : "", BASE_FMT(ev->signature));
    return BASE_OK;
}

static bool not_rm(void *ctx, struct base_str name)
{
    (void)ctx;
    return !base_str_is(name, "rm");
}

struct step {
    enum chat_event_kind kind;
    const char *text; /* a call's name, behind a # its signature */
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
        ev.signature = base_str_c(steps[i].text);
        if (ev.kind == CHAT_EV_TOOL_CALL)
            ev.name = base_str_cut(&ev.signature, '#');
        else
            ev.text = base_str_c(steps[i].text);
        if (ev.kind != CHAT_EV_TOOL_CALL)
            ev.signature = BASE_STR_NULL;
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

/* A signature goes behind its thought, and only if it still is the signature of what went out. */
static void test_signatures(void **state)
{
    (void)state;
    static const struct step one[] = {{CHAT_EV_REASONING, "well, ", 0},
                                      {CHAT_EV_REASONING, "hm", 0},
                                      {CHAT_EV_SIGNATURE, "c2ln", 0},
                                      {CHAT_EV_TEXT, "Yes", 1},
                                      {CHAT_EV_FINISH, "", 0}};
    static const struct step changed[] = {{CHAT_EV_REASONING, "it is DE89370400440532013000", 0},
                                          {CHAT_EV_SIGNATURE, "c2ln", 0},
                                          {CHAT_EV_FINISH, "", 0}};
    static const struct step two[] = {
        {CHAT_EV_REASONING, "a", 0}, {CHAT_EV_SIGNATURE, "c2ln", 0}, {CHAT_EV_TEXT, "b", 1},
        {CHAT_EV_REASONING, "c", 2}, {CHAT_EV_SIGNATURE, "c2lu", 0}, {CHAT_EV_FINISH, "", 0}};
    struct base_buf out;
    assert_null(PLAY(one, POL_GUARD_WARN, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Rwell, hm|Sc2ln|TYes|F|");
    base_buf_release(&out);
    assert_null(PLAY(one, POL_GUARD_REDACT, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "TYes|Rwell, hm|Sc2ln|F|");
    base_buf_release(&out);
    assert_null(PLAY(changed, POL_GUARD_REDACT, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Rit is [IBAN withheld]|F|");
    base_buf_release(&out);
    assert_null(PLAY(two, POL_GUARD_REDACT, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Tb|Rac|F|");
    base_buf_release(&out);
    assert_null(PLAY(two, POL_GUARD_WARN, true, BASE_OK, &out, NULL));
    assert_string_equal(out.p, "Ra|Sc2ln|Tb|Rc|Sc2lu|F|");
    base_buf_release(&out);
}

/* Blocks of the upstream's own are judged as arguments are, and for the tool that they use. */
static void test_blocks(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {CHAT_EV_BLOCK, "{\"type\":\"web\",\"x\":[\"DE89370400440532013000\"]}", 0},
        {CHAT_EV_CITATION, "{\"cited_text\":\"AKIAIOSFODNN7EXAMPLQ\"}", 0},
        {CHAT_EV_FINISH, "", 0}};
    static const struct step rm[] = {
        {CHAT_EV_BLOCK, "{\"type\":\"server_tool_use\",\"name\":\"rm\"}", 0},
        {CHAT_EV_FINISH, "", 0}};
    struct base_buf out;
    uint32_t found = 0;
    assert_null(PLAY(steps, POL_GUARD_REDACT, true, BASE_OK, &out, &found));
    assert_int_equal(found, 2);
    assert_null(strstr(out.p, "DE89"));
    assert_null(strstr(out.p, "AKIA"));
    base_buf_release(&out);
    assert_string_equal(PLAY(steps, POL_GUARD_WITHHOLD, true, BASE_OK, &out, NULL),
                        "answer_withheld");
    assert_string_equal(out.p, "");
    base_buf_release(&out);
    assert_string_equal(PLAY(rm, POL_GUARD_WARN, false, BASE_OK, &out, NULL), "tool_denied");
    assert_string_equal(out.p, "");
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

/* A signature goes with its call; one in which something is found is left out, and the answer is
 * not withheld for it: nobody reads it. */
static void test_signatures_of_calls(void **state)
{
    static const enum pol_guard_action all[] = {POL_GUARD_REDACT, POL_GUARD_WITHHOLD};
    static const struct step steps[] = {
        {CHAT_EV_TOOL_CALL, "get#c2ln+/==", 0},
        {CHAT_EV_TOOL_ARGS, "{}", 0},
        {CHAT_EV_TOOL_CALL, "put#to anna.kowalska@example.eu, DE89370400440532013000", 1},
        {CHAT_EV_TOOL_ARGS, "{}", 1},
        {CHAT_EV_FINISH, "", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct base_buf out;
        assert_null(PLAY(steps, all[i], true, BASE_OK, &out, NULL));
        assert_string_equal(out.p, "Cget signed c2ln+/==|A{}|Cput|A{}|F|");
        base_buf_release(&out);
    }
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

/* ---- a value cut between two channels ---- */

struct sides {
    char first[512], second[512]; /* what came out of either side of the cut */
    bool is_second[8];            /* by event kind */
    int calls;
};

static enum base_status two_sides(void *ctx, const struct chat_event *ev)
{
    struct sides *s = ctx;
    s->calls += ev->kind == CHAT_EV_TOOL_CALL;
    if (ev->kind == CHAT_EV_FINISH || ev->kind == CHAT_EV_TOOL_CALL)
        return BASE_OK;
    bool second =
        ev->kind == CHAT_EV_TOOL_ARGS && s->is_second[0] ? s->calls > 1 : s->is_second[ev->kind];
    char *to = second ? s->second : s->first;
    size_t n = strlen(to);
    assert_true(n + ev->text.n < sizeof(s->first));
    memcpy(to + n, ev->text.p, ev->text.n);
    to[n + ev->text.n] = 0;
    return BASE_OK;
}

static void say(struct gw_guard *g, enum chat_event_kind kind, int index, const char *text,
                size_t step, struct sides *out)
{
    char all[600];
    size_t n = (size_t)snprintf(all, sizeof(all),
                                kind == CHAT_EV_TOOL_ARGS ? "{\"k\":7,\"to\":\"%s\"}" : "%s", text);
    if (kind == CHAT_EV_TOOL_ARGS) {
        const struct chat_event call = {
            .kind = CHAT_EV_TOOL_CALL, .index = index, .name = BASE_STR("pay")};
        assert_int_equal(gw_guard_event(g, &call, two_sides, out), BASE_OK);
    }
    for (size_t at = 0; at < n; at += step) {
        const struct chat_event ev = {
            .kind = kind, .index = index, .text = {all + at, n - at < step ? n - at : step}};
        assert_int_equal(gw_guard_event(g, &ev, two_sides, out), BASE_OK);
    }
}

/* The value, cut at `cut`, ends the first channel and begins the second. */
static void cut_between(enum chat_event_kind a, enum chat_event_kind b, const char *value,
                        size_t cut, size_t step, enum pol_guard_action action, const char *pad)
{
    const struct gw_guard_spec spec = {.detector = detector,
                                       .scratch = scratch,
                                       .scan = true,
                                       .action = action,
                                       .types = ~(pol_types)0};
    struct gw_guard *g = gw_guard_new(&spec);
    struct sides out = {.is_second = {[CHAT_EV_TEXT] = b == CHAT_EV_TEXT}};
    const struct chat_event finish = {.kind = CHAT_EV_FINISH};
    char first[300], second[300], joined[1100];
    uint32_t found = 0;
    out.is_second[b] = true;
    out.is_second[0] = a == CHAT_EV_TOOL_ARGS && b == CHAT_EV_TOOL_ARGS;
    snprintf(first, sizeof(first), "%sit is: %.*s", pad, (int)cut, value);
    snprintf(second, sizeof(second), "%s, thanks.%s", value + cut, pad);
    say(g, a, 0, first, step, &out);
    say(g, b, 1, second, step, &out);
    assert_int_equal(gw_guard_event(g, &finish, two_sides, &out), BASE_OK);
    for (int t = 0; t < POL_TYPE_COUNT; t++)
        found += gw_guard_counts(g)[t];
    snprintf(joined, sizeof(joined), "%s%s", out.first, out.second);
    bool bad = found == 0;
    /* what a reader could put together is not there: one of the halves at least is gone */
    char half[300];
    snprintf(half, sizeof(half), "%.*s", (int)cut, value);
    bool whole = strstr(out.first, half) && strstr(out.second, value + cut);
    if (action == POL_GUARD_WITHHOLD)
        bad = bad || !gw_guard_withheld(g) || whole;
    if (action == POL_GUARD_REDACT)
        bad = bad || strstr(joined, value) || (whole && cut > 1 && strlen(value) - cut > 1);
    if (action == POL_GUARD_WARN)
        bad = bad || gw_guard_withheld(g) || strstr(joined, "withheld");
    if (bad)
        fail_msg("%d|%d %s cut at %zu, step %zu, action %d: found %u: \"%s\" \"%s\"", a, b, value,
                 cut, step, action, found, out.first, out.second);
    gw_guard_free(g);
}

static void test_cut_between_channels(void **state)
{
    static const char *const values[] = {"DE89 3704 0044 0532 0130 00", "4111111111111111",
                                         "erika.mustermann@example.com", "+49 170 1234567",
                                         "AKIA"
                                         "IOSFODNN7EXAMPLQ"};
    static const enum chat_event_kind kinds[] = {CHAT_EV_REASONING, CHAT_EV_TEXT, CHAT_EV_REFUSAL,
                                                 CHAT_EV_TOOL_ARGS};
    static const char pad[] = "It was a long day and there is much to tell of it, all of it plain. "
                              "It was a long day and there is much to tell of it, all of it plain. "
                              "It was a long day and there is much to tell of it, all plain here. ";
    (void)state;
    for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
        for (size_t cut = 1; cut < strlen(values[v]); cut++)
            for (int pair = 0; pair < 16; pair++) {
                enum chat_event_kind a = kinds[pair / 4], b = kinds[pair % 4];
                if (a == b && a != CHAT_EV_TOOL_ARGS)
                    continue;
                for (int action = 0; action < 3; action++)
                    cut_between(a, b, values[v], cut,
                                pair % 3 == 0   ? 1
                                : pair % 3 == 1 ? 7
                                                : 999,
                                (enum pol_guard_action)action, (cut + (size_t)pair) % 3 ? "" : pad);
            }
}

/* What two texts make by chance, and what one of them shows by itself, is not counted. */
static void test_no_chance_findings_between_channels(void **state)
{
    static const struct {
        const char *first, *second;
        uint32_t found;
    } cases[] = {{"so the answer is 42", "17 of them are free", 0},
                 {"so I call her Anna", "Schmidt is a smith in German", 0},
                 {"the room is 12", "34567890 people asked", 0},
                 {"version 1.2", "3.4 is out", 0},
                 {"done.", "Hello! How are you?", 0},
                 {"write to a.b@example.com", "now, they say", 1},
                 {"nothing here", "a.b@example.com", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gw_guard_spec spec = {.detector = detector,
                                           .scratch = scratch,
                                           .scan = true,
                                           .action = POL_GUARD_WARN,
                                           .types = ~(pol_types)0 & ~POL_TYPE_BIT(POL_PERSON) &
                                                    ~POL_TYPE_BIT(POL_ORG) &
                                                    ~POL_TYPE_BIT(POL_LOCATION)};
        struct gw_guard *g = gw_guard_new(&spec);
        struct sides out = {.is_second = {[CHAT_EV_TEXT] = true}};
        const struct chat_event finish = {.kind = CHAT_EV_FINISH};
        uint32_t found = 0;
        say(g, CHAT_EV_REASONING, 0, cases[i].first, 5, &out);
        say(g, CHAT_EV_TEXT, 0, cases[i].second, 5, &out);
        assert_int_equal(gw_guard_event(g, &finish, two_sides, &out), BASE_OK);
        for (int t = 0; t < POL_TYPE_COUNT; t++)
            found += gw_guard_counts(g)[t];
        if (found != cases[i].found)
            fail_msg("\"%s\" + \"%s\": %u", cases[i].first, cases[i].second, found);
        gw_guard_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_between_channels),
        cmocka_unit_test(test_no_chance_findings_between_channels),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_channels_between),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_signatures_of_calls),
        cmocka_unit_test(test_forbidden_call),
        cmocka_unit_test(test_withheld_text),
        cmocka_unit_test(test_mixed_fragments_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
