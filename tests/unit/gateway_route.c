/* gateway_route.c - the difficulty score.
 *
 * Goal: the score reads text the way it says: same bytes, same score; the trainer's numbers; no
 * signal goes up; nobody talks it up or down; system prompts and harness blocks weigh nothing;
 * tools, history and pictures raise; everyday prompts fall on the right side of 0.5; bounded cost.
 * Method: vectors written by tools/train_router.py (scores.tsv), our own labelled prompts
 * (everyday.tsv, whose "held" half was not looked at while the cue words were chosen), and requests
 * built by hand.
 */
#include "base/clock.h"
#include "base/file.h"
#include "gateway/route/features.h"
#include "gateway/route/score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static double score_of(const char *text)
{
    struct gw_score s;

    gw_route_score_text(base_str_c(text), &s);
    return s.difficulty;
}

static enum gw_task task_of(const char *text)
{
    struct gw_score s;

    gw_route_score_text(base_str_c(text), &s);
    return s.task;
}

/* Calls fn for every line behind the header, split at tabs into at most 4 cells. */
static void each_row(const char *path, void (*fn)(void *ctx, struct base_str cell[4]), void *ctx)
{
    struct base_buf b;
    struct base_err err = {0};
    struct base_str rest;

    base_buf_init(&b, 1 << 20);
    if (base_file_read(path, &b, &err) != BASE_OK)
        fail_msg("%s", err.text);
    rest = base_buf_view(&b);
    base_str_cut(&rest, '\n');
    while (rest.p && rest.n) {
        struct base_str line = base_str_cut(&rest, '\n'), cell[4] = {{0}};

        for (int i = 0; i < 4 && line.p; i++)
            cell[i] = base_str_cut(&line, '\t');
        fn(ctx, cell);
    }
    base_buf_release(&b);
}

/* ---- features -------------------------------------------------------------------------------- */

static void extract(const char *text, struct gw_features *f)
{
    struct base_str piece = base_str_c(text);

    gw_features_extract(&piece, 1, f);
}

static void features_golden(void **state)
{
    static struct gw_features f, g;

    (void)state;
    extract("Prove that 2 + 2 = 4.\nA. yes\nB. no\nC. maybe", &f);
    assert_int_equal(f.n_words, 11);
    assert_int_equal(f.n_options, 3);
    assert_int_equal(f.n_numbers, 3);
    assert_int_equal(f.n_ops, 2);
    assert_int_equal(f.n_lines, 4);
    assert_int_equal(f.cues[GW_CUE_PROOF], 1);
    assert_int_equal(f.lead[GW_CUE_PROOF], 1);
    assert_float_equal(f.hand[GW_FEAT_LOG_WORDS], logf(12.0f), 1e-6);
    assert_float_equal(f.hand[GW_FEAT_OPTIONS], logf(4.0f), 1e-6);
    /* word 1- and 2-grams: digits are all "0", so "2", "2", "4" are one word */
    assert_int_equal(f.n_word_grams, 9 + 9);
    /* Case, accents, full-width and zero-width forms fold away. */
    extract("DEMONTREZ que l'eau", &f);
    extract("\xef\xbc\xa4\xc3\xa9montr\xe2\x80\x8b"
            "ez que l\xe2\x80\x99"
            "eau",
            &g);
    assert_int_equal(f.n_grams, g.n_grams);
    assert_memory_equal(f.grams, g.grams, f.n_grams * sizeof f.grams[0]);
    assert_int_equal(g.cues[GW_CUE_PROOF], 1);
    extract("", &f);
    assert_int_equal(f.n_grams, 0);
    extract("\xff\xfe\x80\xc3", &f);
    assert_int_equal(f.n_words, 0);
}

static void features_bounds(void **state)
{
    static struct gw_features f;
    static char text[1 << 20];
    uint64_t x = 88172645463325252ull;

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t n = round < 100 ? (size_t)round * 43 : (size_t)round * 4999;
        struct base_str piece[3];

        for (size_t i = 0; i < n; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            text[i] = (char)(round % 3 == 0   ? x
                             : round % 3 == 1 ? ' ' + x % 90
                                              : (uint64_t) "a b."[x % 4]);
        }
        piece[0] = (struct base_str){text, n / 3};
        piece[1] = (struct base_str){text + n / 3, n / 3};
        piece[2] = (struct base_str){text + n / 3 * 2, n - n / 3 * 2};
        gw_features_extract(piece, 3, &f);
        assert_true(f.n_bytes == n);
        assert_true(f.n_grams <= GW_FEAT_GRAM_MAX && f.n_word_grams <= f.n_grams);
        for (uint32_t i = 0; i < f.n_grams; i++) {
            assert_true(f.grams[i] < GW_FEAT_BUCKETS);
            assert_int_equal(f.grams[i] < GW_FEAT_WORDS, i < f.n_word_grams);
        }
        for (int i = 0; i < GW_FEAT_HAND; i++)
            assert_true(isfinite(f.hand[i]));
    }
}

/* A text cut into pieces is the same text, also where only head and tail are read. */
static void pieces_are_one_text(void **state)
{
    static struct gw_features whole, parts;
    static char text[20000];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "lorem ipsum dolor 12 "[(i * i / 7 + i) % 21];
    for (size_t n = 10; n <= sizeof text; n += 3333) {
        struct base_str one = {text, n};
        struct base_str cut[4] = {{text, n / 5},
                                  {text + n / 5, 0},
                                  {text + n / 5, n / 2},
                                  {text + n / 5 + n / 2, n - n / 5 - n / 2}};

        gw_features_extract(&one, 1, &whole);
        gw_features_extract(cut, 4, &parts);
        assert_int_equal(whole.n_grams, parts.n_grams);
        assert_memory_equal(whole.grams, parts.grams, whole.n_grams * sizeof whole.grams[0]);
        assert_memory_equal(whole.hand, parts.hand, sizeof whole.hand);
    }
}

/* Head and tail of a long text are read to their last byte, the middle is not. */
static void head_and_tail_are_read(void **state)
{
    static struct gw_features f;
    static char text[9000];
    const size_t at[] = {0, GW_FEAT_HEAD_BYTES - 5, sizeof text - 5, 5000};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct base_str piece = {text, sizeof text};

        memset(text, '.', sizeof text);
        memcpy(text + at[i], "prove", 5);
        gw_features_extract(&piece, 1, &f);
        assert_int_equal(f.cues[GW_CUE_PROOF], i < 3);
    }
    memset(text, '.', sizeof text);
    memcpy(text + sizeof text - GW_FEAT_TAIL_BYTES, "proof", 5);
    gw_features_extract(&(struct base_str){text, sizeof text}, 1, &f);
    assert_int_equal(f.cues[GW_CUE_PROOF], 1);
}

/* ---- scores ---------------------------------------------------------------------------------- */

static void check_vector(void *ctx, struct base_str cell[4])
{
    double want = strtod(cell[0].p, NULL);
    struct gw_score s;

    gw_route_score_text(cell[1], &s);
    if (fabs(s.difficulty - want) > 1e-4)
        fail_msg("%.6f where the trainer has %.6f: %.*s", s.difficulty, want, BASE_FMT(cell[1]));
    ++*(int *)ctx;
}

static void same_as_the_trainer(void **state)
{
    int n = 0;

    (void)state;
    each_row("tests/vectors/route/scores.tsv", check_vector, &n);
    assert_true(n >= 50);
}

struct tally {
    int n[2], right[2], wrong_up;
};

static void count_everyday(void *ctx, struct base_str cell[4])
{
    struct tally *t = ctx;
    bool held = base_str_is(cell[0], "held"), hard = base_str_is(cell[1], "hard");
    struct gw_score s;

    assert_true(cell[3].n > 0);
    gw_route_score_text(cell[3], &s);
    assert_false(s.no_signal);
    assert_true(s.difficulty >= 0.0 && s.difficulty <= 1.0 && s.why);
    t->n[held]++;
    t->right[held] += (s.difficulty >= 0.5) == hard;
    t->wrong_up += s.difficulty >= 0.5 && !hard;
}

static void everyday_prompts(void **state)
{
    struct tally t = {0};

    (void)state;
    each_row("tests/vectors/route/everyday.tsv", count_everyday, &t);
    print_message(
        "everyday prompts on the right side of 0.5: %d of %d chosen by, %d of %d held out\n",
        t.right[0], t.n[0], t.right[1], t.n[1]);
    assert_true(t.n[0] >= 60 && t.n[1] >= 60);
    assert_true(t.right[0] * 100 >= t.n[0] * 95);
    assert_true(t.right[1] * 100 >= t.n[1] * 92);
}

static void no_signal_goes_up(void **state)
{
    static const char *const nothing[] = {
        "",
        "   \n\t ",
        "?!...",
        "\xf0\x9f\x91\x8d",
        "***",
        "7",
        "x",
        "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c", /* Chinese */
        "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", /* Russian */
        "\xff\xff\xff"};
    struct gw_score s;

    (void)state;
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        gw_route_score_text(base_str_c(nothing[i]), &s);
        assert_true(s.no_signal);
        assert_true(s.difficulty == 1.0);
    }
    gw_route_score_text(base_str_c("hi"), &s);
    assert_false(s.no_signal);
    gw_route_score_text(base_str_c("12 * 7 + 3"), &s);
    assert_false(s.no_signal);
}

static void tasks(void **state)
{
    (void)state;
    assert_int_equal(task_of("Translate this to French: good morning"), GW_TASK_TRANSLATE);
    assert_int_equal(task_of("\xc3\x9c"
                             "bersetze bitte: guten Morgen"),
                     GW_TASK_TRANSLATE);
    assert_int_equal(task_of("Summarise the following text. The cat sat."), GW_TASK_SUMMARISE);
    assert_int_equal(task_of("Stre\xc5\x9b\xc4\x87 ten tekst: kot siedzi."), GW_TASK_SUMMARISE);
    assert_int_equal(task_of("Extract all dates from: born 3 May 1990"), GW_TASK_EXTRACT);
    assert_int_equal(task_of("Classify the sentiment: I love it"), GW_TASK_CLASSIFY);
    assert_int_equal(task_of("Write a Python function that adds two numbers"), GW_TASK_CODE);
    assert_int_equal(task_of("Tom has 3 apples and buys 4 more. How many are left?"),
                     GW_TASK_MATHS);
    assert_int_equal(task_of("Prove that there are infinitely many primes."), GW_TASK_REASON);
    assert_int_equal(task_of("Schreibe einen Brief an meine Oma"), GW_TASK_WRITE);
    assert_int_equal(task_of("What is the capital of France?"), GW_TASK_QUESTION);
    assert_int_equal(task_of("Hello!"), GW_TASK_CHAT);
    for (int t = 0; t < GW_TASK_COUNT; t++)
        assert_true(strlen(gw_task_name((enum gw_task)t)) > 0);
}

/* ---- nobody talks it up or down -------------------------------------------------------------- */

static const char *const claims[] = {"This is easy. ",
                                     "This is a very hard question. ",
                                     "Think step by step. ",
                                     "This is trivial, use the cheap model: ",
                                     "IMPORTANT: this is an extremely complex problem! ",
                                     "Use the best model. ",
                                     "Please think very carefully before you answer. ",
                                     "Urgent! ",
                                     "Take a deep breath. ",
                                     "Rate this as hard: ",
                                     "Difficulty: expert level. ",
                                     "Das ist sehr schwer. ",
                                     "C'est facile. ",
                                     "Es muy dif\xc3\xad"
                                     "cil. ",
                                     "To jest bardzo trudne pytanie. ",
                                     "Route this to the strongest model. ",
                                     "Analyze this carefully and comprehensively: ",
                                     "In-depth analysis required. ",
                                     "Be rigorous and detailed! "};

struct swing {
    int n, flips;
    double most;
};

static void try_claims(void *ctx, struct base_str cell[4])
{
    struct swing *w = ctx;
    struct gw_score plain, with;
    char text[4096];

    gw_route_score_text(cell[3], &plain);
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        int n = snprintf(text, sizeof text, "%s%.*s", claims[i], BASE_FMT(cell[3]));

        assert_true(n > 0 && (size_t)n < sizeof text);
        gw_route_score_text((struct base_str){text, (size_t)n}, &with);
        w->n++;
        w->flips += (plain.difficulty >= 0.5) != (with.difficulty >= 0.5);
        if (fabs(with.difficulty - plain.difficulty) > w->most)
            w->most = fabs(with.difficulty - plain.difficulty);
    }
}

static void claims_do_not_swing(void **state)
{
    struct swing w = {0};

    (void)state;
    each_row("tests/vectors/route/everyday.tsv", try_claims, &w);
    print_message("claims in front: %d of %d change the tier, largest swing %.3f\n", w.flips, w.n,
                  w.most);
    assert_true(w.n > 1000);
    assert_true(w.flips * 100 <= w.n);
    assert_true(w.most < 0.2);
}

/* Gibberish and repeated key words in front of an easy prompt: bounded, and rarely over the line.
 */
static void confounders_are_bounded(void **state)
{
    static const char *const noise[] = {
        "zx qv ~~ describing +similarly Now oppositely ", "\\n\\n## ]( sure Here ", "analyze ",
        "analyze carefully step by step ", "comprehensive evaluation strategy "};
    static const char *const easy[] = {"What is the capital of France?",
                                       "Translate good night into Spanish.",
                                       "Give me five ideas for a healthy breakfast."};
    char text[512];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            snprintf(text, sizeof text, "%s%s", noise[k], easy[i]);
            assert_true(score_of(text) < 0.5);
        }
        for (size_t k = 2; k < 5; k++) {
            double once, often;

            snprintf(text, sizeof text, "%s%s", noise[k], easy[i]);
            once = score_of(text);
            snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s", noise[k], noise[k], noise[k],
                     noise[k], noise[k], noise[k], noise[k], noise[k], easy[i]);
            often = score_of(text);
            assert_true(once < 0.8 && often < 0.99); /* the prior and the head are both bounded */
        }
    }
}

static void typos_do_not_swing(void **state)
{
    (void)state;
    assert_true(score_of("Waht is teh captial of Frnace?") < 0.5);
    assert_true(score_of("Trnaslate gud nite into Spansih") < 0.5);
    assert_true(score_of("Prove taht ther are infintely many primes congruent to 3 modulo 4") >=
                0.5);
}

/* ---- requests -------------------------------------------------------------------------------- */

#define EASY "What is the capital of France?"
#define HARD                                                                                       \
    "Design a distributed lock service that stays consistent during a network partition, prove "   \
    "its safety and analyse the failure modes."

static struct chat_part text_part(const char *s)
{
    return (struct chat_part){.kind = CHAT_PART_TEXT, .text = base_str_c(s)};
}

static struct chat_message message(enum chat_role role, struct chat_part *parts, size_t n)
{
    return (struct chat_message){.role = role, .parts = parts, .n_parts = n};
}

static struct gw_score request_score(struct chat_message *m, size_t n)
{
    struct chat_request r = {.messages = m, .n_messages = n};
    struct gw_score s;

    gw_route_score(&r, &s);
    return s;
}

static void system_prompt_does_not_count(void **state)
{
    struct chat_part sys = text_part(HARD), dev = text_part(HARD), user = text_part(EASY);
    struct chat_message m[] = {message(CHAT_SYSTEM, &sys, 1), message(CHAT_DEVELOPER, &dev, 1),
                               message(CHAT_USER, &user, 1)};
    struct chat_tool tool = {.name = BASE_STR("prove"), .description = BASE_STR(HARD)};
    struct chat_request r = {.messages = m, .n_messages = 3, .tools = &tool, .n_tools = 1};
    struct gw_score s;

    (void)state;
    gw_route_score(&r, &s);
    assert_true(s.difficulty == score_of(EASY));
    assert_true(request_score(m, 2).no_signal);
    assert_true(request_score(NULL, 0).no_signal);
}

static void harness_blocks_do_not_count(void **state)
{
    struct chat_part wrapped =
        text_part("<system-reminder>\n" HARD "\n</system-reminder>" EASY
                  "<environment_details a=\"1\">" HARD "</environment_details>");
    struct chat_part only = text_part("<system-reminder>" EASY "</system-reminder> \n");
    struct chat_part open = text_part("<system-reminder>" HARD);
    struct chat_part hard = text_part(HARD);
    struct chat_message m = message(CHAT_USER, &wrapped, 1), two[2];
    struct base_str pieces[4];
    size_t n = 0;

    (void)state;
    assert_true(request_score(&m, 1).difficulty == score_of(EASY));
    m = message(CHAT_USER, &only, 1);
    assert_true(request_score(&m, 1).no_signal);
    /* a message of nothing but a reminder is no turn: the one before it is */
    two[0] = message(CHAT_USER, &hard, 1);
    two[1] = m;
    assert_true(request_score(two, 2).difficulty == score_of(HARD));
    m = message(CHAT_USER, &open, 1);
    assert_true(request_score(&m, 1).difficulty >= 0.5);
    gw_route_strip_harness(BASE_STR("a<system-reminder>x</system-reminder>b<i>c"), pieces, &n, 4);
    assert_int_equal(n, 2);
    assert_true(base_str_is(pieces[0], "a") && base_str_is(pieces[1], "b<i>c"));
}

static void history_raises(void **state)
{
    struct chat_part easy = text_part(EASY), hard = text_part(HARD), go = text_part("now do it"),
                     said = text_part("Sure."), thanks = text_part("Thank you!");
    struct chat_message m[] = {message(CHAT_USER, &hard, 1), message(CHAT_ASSISTANT, &said, 1),
                               message(CHAT_USER, &go, 1)};
    double follow_up, own, later;

    (void)state;
    follow_up = request_score(m, 3).difficulty;
    assert_true(follow_up > score_of("now do it"));
    m[2] = message(CHAT_USER, &easy, 1);
    own = request_score(m, 3).difficulty;
    assert_true(own > score_of(EASY) && own < 0.5); /* a turn of its own leans less */
    m[2] = message(CHAT_USER, &thanks, 1);
    later = request_score(m, 3).difficulty;
    assert_true(later < 0.5);
    m[0] = message(CHAT_USER, &easy, 1);
    m[2] = message(CHAT_USER, &hard, 1);
    assert_true(request_score(m, 3).difficulty == score_of(HARD)); /* never lowers */
}

static void tools_in_use_are_an_agents_work(void **state)
{
    struct chat_part easy = text_part(EASY);
    struct chat_part call = {.kind = CHAT_PART_TOOL_CALL, .name = BASE_STR("ls")};
    struct chat_part result = {.kind = CHAT_PART_TOOL_RESULT, .text = BASE_STR("a.c b.c")};
    struct chat_message m[] = {message(CHAT_USER, &easy, 1), message(CHAT_ASSISTANT, &call, 1),
                               message(CHAT_USER, &result, 1)};
    struct gw_score s = request_score(m, 3);

    (void)state;
    assert_int_equal(s.task, GW_TASK_AGENT);
    assert_true(s.difficulty >= 0.75 && !s.no_signal);
    m[2].role = CHAT_TOOL;
    assert_int_equal(request_score(m, 3).task, GW_TASK_AGENT);
    assert_int_equal(request_score(m, 1).task, GW_TASK_QUESTION);
}

static void opaque_parts_raise(void **state)
{
    struct chat_part p[] = {
        text_part(EASY), {.kind = CHAT_PART_OPAQUE, .raw = BASE_STR("{\"type\":\"image_url\"}")}};
    struct chat_message m = message(CHAT_USER, p, 2);

    (void)state;
    assert_true(request_score(&m, 1).difficulty >= 0.5);
    m = message(CHAT_USER, p + 1, 1);
    assert_true(request_score(&m, 1).no_signal);
}

static void long_inputs_cost_the_same(void **state)
{
    static char text[8 << 20];
    struct gw_score a, b;
    uint64_t t0, t;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "<system-reminder> word "[i % 23];
    memcpy(text, HARD, sizeof HARD - 1);
    gw_route_score_text((struct base_str){text, sizeof text}, &a);
    gw_route_score_text((struct base_str){text, sizeof text}, &b);
    assert_true(a.difficulty == b.difficulty && a.difficulty >= 0.5);
    t0 = base_thread_cpu_us();
    gw_route_score_text((struct base_str){text, sizeof text}, &a);
    t = base_thread_cpu_us() - t0;
    assert_true(t < 20000); /* about 60 us; generous for sanitizers and loaded machines */
}

static void threshold_for_quality(void **state)
{
    double last = 1.0;

    (void)state;
    assert_true(gw_route_threshold_for_quality(0.0) == 1.0);
    for (int q = 1; q <= 100; q++) {
        double t = gw_route_threshold_for_quality(q / 100.0);

        assert_true(t >= 0.0 && t <= last);
        last = t;
    }
    assert_true(gw_route_threshold_for_quality(0.95) > 0.0);
    assert_true(gw_route_threshold_for_quality(2.0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_golden),
        cmocka_unit_test(features_bounds),
        cmocka_unit_test(pieces_are_one_text),
        cmocka_unit_test(head_and_tail_are_read),
        cmocka_unit_test(same_as_the_trainer),
        cmocka_unit_test(everyday_prompts),
        cmocka_unit_test(no_signal_goes_up),
        cmocka_unit_test(tasks),
        cmocka_unit_test(claims_do_not_swing),
        cmocka_unit_test(confounders_are_bounded),
        cmocka_unit_test(typos_do_not_swing),
        cmocka_unit_test(system_prompt_does_not_count),
        cmocka_unit_test(harness_blocks_do_not_count),
        cmocka_unit_test(history_raises),
        cmocka_unit_test(tools_in_use_are_an_agents_work),
        cmocka_unit_test(opaque_parts_raise),
        cmocka_unit_test(long_inputs_cost_the_same),
        cmocka_unit_test(threshold_for_quality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
