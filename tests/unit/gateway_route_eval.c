/* gateway_route_eval.c - `weir eval router`.
 *
 * Goal: the printed measures are RouteLLM's, the scores file is complete and in order, and a bad
 * row is refused with its line number and status 2. Method: the command runs on a table made here,
 * in two passes: the first only for its scores; from these outcomes are invented (perfect,
 * reversed, noisy), and the printed measures are compared with a plain second implementation of the
 * definitions (a loop over edges and rows, nothing sorted or shared).
 */
#include "base/file.h"
#include "gateway/route/route.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS 60
#define HEADER                                                                                     \
    "id\tdataset\tdomain\tweak_score\tstrong_score\tweak_out_chars\tstrong_out_chars\tprompt\n"

static char data_path[] = "/tmp/weir-eval-data-XXXXXX";
static char scores_path[] = "/tmp/weir-eval-scores-XXXXXX";
static char out_path[] = "/tmp/weir-eval-out-XXXXXX";

static int setup(void **state)
{
    int a = mkstemp(data_path), b = mkstemp(scores_path), c = mkstemp(out_path);

    (void)state;
    if (a < 0 || b < 0 || c < 0)
        return -1;
    close(a);
    close(b);
    close(c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(data_path) | unlink(scores_path) | unlink(out_path);
}

/* Runs the command on `table`; what it prints goes to out_path. */
static int run(struct base_str table, bool with_scores)
{
    char *argv[] = {(char *)"router", (char *)"--data", data_path, (char *)"--scores", scores_path};
    int keep_out = dup(STDOUT_FILENO), keep_err = dup(STDERR_FILENO), fd, rc;
    struct base_err err = {0};

    if (base_file_replace(data_path, table, 0600, &err) != BASE_OK)
        fail_msg("%s", err.text);
    fflush(stdout);
    fd = open(out_path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0 && keep_out >= 0 && keep_err >= 0);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    rc = gw_route_eval_command(with_scores ? 5 : 3, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(keep_out, STDOUT_FILENO);
    dup2(keep_err, STDERR_FILENO);
    close(fd);
    close(keep_out);
    close(keep_err);
    return rc;
}

static void slurp(const char *path, struct base_buf *b)
{
    struct base_err err = {0};

    base_buf_init(b, 1 << 20);
    if (base_file_read(path, b, &err) != BASE_OK)
        fail_msg("%s", err.text);
}

/* A table of ROWS prompts of varied kind with the given outcomes. */
static void make_table(struct base_buf *b, const double *weak, const double *strong)
{
    static const char *const stem[] = {"What is the capital of country number %d?",
                                       "Prove that %d is not a perfect square, and generalise.",
                                       "Tom has %d apples and eats 2.\\nHow many are left?",
                                       "Write a function\\tthat prints %d lines \\\\ done."};

    base_buf_init(b, 1 << 20);
    base_buf_z(b, HEADER);
    for (int i = 0; i < ROWS; i++) {
        char text[128];

        snprintf(text, sizeof text, "%s", stem[i % 4]);
        base_buf_printf(b, "r%d\tset-%c\td\t%g\t%g\t-1\t-1\t", i, i < ROWS - 3 ? 'a' : 'b', weak[i],
                        strong[i]);
        for (const char *p = text; *p; p++) {
            if (p[0] == '%' && p[1] == 'd') {
                base_buf_printf(b, "%d%.*s", i * i * 7 + 3, i % 9, " and more");
                p++;
            } else {
                base_buf_byte(b, *p);
            }
        }
        base_buf_byte(b, '\n');
    }
    assert_true(base_buf_ok(b));
}

static void read_scores(double *score)
{
    struct base_buf b;
    struct base_str rest;
    char id[16];

    slurp(scores_path, &b);
    rest = base_buf_view(&b);
    assert_true(base_str_is(base_str_cut(&rest, '\n'), "id\tscore"));
    for (int i = 0; i < ROWS; i++) {
        struct base_str line = base_str_cut(&rest, '\n'), name = base_str_cut(&line, '\t');

        snprintf(id, sizeof id, "r%d", i);
        assert_true(base_str_is(name, id));
        score[i] = strtod(line.p, NULL);
        assert_true(score[i] >= 0.0 && score[i] <= 1.0);
    }
    assert_int_equal(rest.n, 0);
    base_buf_release(&b);
}

/* ---- a second implementation of the measures ------------------------------------------------- */

static double edge_of(const double *s, int n, int e)
{
    double pos = e / 10.0 * (n - 1), lo = -1, hi = -1;
    int k = (int)pos;

    for (int i = 0; i < n; i++) { /* the k-th and the next in order, by counting */
        int below = 0, same = 0;

        for (int j = 0; j < n; j++) {
            below += s[j] < s[i];
            same += s[j] == s[i];
        }
        if (below <= k && k < below + same)
            lo = s[i];
        if (below <= k + 1 && k + 1 < below + same)
            hi = s[i];
    }
    return k + 1 < n ? lo + (pos - k) * (hi - lo) : lo;
}

static void plain(const double *s, const double *w, const double *t, int n, double *auc,
                  double *apgr, double *cpt50)
{
    double x[11], y[11], weak = 0, strong = 0, area = 0, pairs = 0, won = 0, want;

    for (int i = 0; i < n; i++) {
        weak += w[i] / n;
        strong += t[i] / n;
        for (int j = 0; j < n; j++) {
            if (w[i] < 0.5 && w[j] >= 0.5) {
                pairs++;
                won += s[i] > s[j] ? 1.0 : s[i] == s[j] ? 0.5 : 0.0;
            }
        }
    }
    for (int e = 0; e < 11; e++) {
        double edge = edge_of(s, n, e);

        x[10 - e] = y[10 - e] = 0;
        for (int i = 0; i < n; i++) {
            bool up = e == 10 ? s[i] > edge : s[i] >= edge;

            x[10 - e] += up / (double)n;
            y[10 - e] += (up ? t[i] : w[i]) / n;
        }
    }
    for (int e = 1; e < 11; e++)
        area += (x[e] - x[e - 1]) * (y[e] + y[e - 1]) / 2;
    *auc = won / pairs;
    *apgr = (area - weak * (x[10] - x[0])) / ((strong - weak) * (x[10] - x[0]));
    want = weak + 0.5 * (strong - weak);
    *cpt50 = 100;
    for (int e = 1; e < 11; e++) {
        if (y[e] >= want) {
            *cpt50 = 100 * (x[e - 1] + (want - y[e - 1]) / (y[e] - y[e - 1]) * (x[e] - x[e - 1]));
            break;
        }
    }
}

static double number(const char *key, const char *set)
{
    struct base_buf b;
    struct base_str rest;
    double v = NAN;
    bool found = false;

    slurp(out_path, &b);
    rest = base_buf_view(&b);
    while (rest.p && rest.n) {
        struct base_str line = base_str_cut(&rest, '\n');
        json_t *j = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);

        assert_non_null(j);
        if (strcmp(json_string_value(json_object_get(j, "dataset")), set) == 0) {
            json_t *x = json_object_get(j, key);

            assert_non_null(x);
            found = true;
            v = json_is_number(x) ? json_number_value(x) : NAN;
        }
        json_decref(j);
    }
    assert_true(found);
    base_buf_release(&b);
    return v;
}

static void measures_agree(void **state)
{
    double weak[ROWS], strong[ROWS], score[ROWS], auc, apgr, cpt50;
    struct base_buf b;

    (void)state;
    for (int i = 0; i < ROWS; i++) {
        weak[i] = i % 2;
        strong[i] = 1;
    }
    make_table(&b, weak, strong);
    assert_int_equal(run(base_buf_view(&b), true), 0);
    base_buf_release(&b);
    read_scores(score);
    for (int pass = 0; pass < 3; pass++) { /* perfect, reversed, noisy */
        double middle = edge_of(score, ROWS - 3, 5);

        for (int i = 0; i < ROWS; i++) {
            bool hard = score[i] > middle;

            weak[i] = pass == 0 ? !hard : pass == 1 ? hard : (i * 7 + hard) % 3 > 0;
            strong[i] = pass == 2 ? (i * 5) % 7 > 0 : 1;
        }
        make_table(&b, weak, strong);
        assert_int_equal(run(base_buf_view(&b), true), 0);
        base_buf_release(&b);
        plain(score, weak, strong, ROWS - 3, &auc, &apgr, &cpt50);
        assert_float_equal(number("n", "set-a"), ROWS - 3, 0);
        assert_float_equal(number("auc", "set-a"), auc, 1e-4);
        assert_float_equal(number("apgr", "set-a"), apgr, 1e-4);
        assert_float_equal(number("cpt50", "set-a"), cpt50, 1e-2);
        assert_true(number("us_per_prompt", "set-a") > 0);
        assert_true(number("cpt80", "set-a") >= number("cpt50", "set-a"));
        if (pass == 0)
            assert_float_equal(auc, 1.0, 0);
        if (pass == 1)
            assert_float_equal(auc, 0.0, 0);
    }
    assert_float_equal(number("n", "set-b"), 3, 0);
}

/* -1 is "unknown": scored and written, but not measured; nothing to measure is null. */
static void unknown_outcomes(void **state)
{
    double weak[ROWS], strong[ROWS], score[ROWS];
    struct base_buf b;

    (void)state;
    for (int i = 0; i < ROWS; i++) {
        weak[i] = i >= ROWS - 3 ? -1 : i % 2;
        strong[i] = 1;
    }
    make_table(&b, weak, strong);
    assert_int_equal(run(base_buf_view(&b), true), 0);
    base_buf_release(&b);
    read_scores(score);
    assert_float_equal(number("n", "set-b"), 0, 0);
    assert_true(isnan(number("auc", "set-b")) && isnan(number("apgr", "set-b")));
}

static void bad_rows(void **state)
{
    static const struct {
        const char *table, *line;
    } bad[] = {
        {"", ":1: no column"},
        {"id\tdataset\n", ":1: no column \"weak_score\""},
        {HEADER, ": no rows"},
        {HEADER "a\ts\td\t1\t1\t1\t1\tok\nb\ts\td\t1\t1\t1\n", ":3: 6 columns"},
        {HEADER "a\ts\td\t1\t1\t1\t1\tok\textra\n", ":2: 9 columns"},
        {HEADER "a\ts\td\tx\t1\t1\t1\tok\n", ":2: a score"},
        {HEADER "a\ts\td\t1\tnan\t1\t1\tok\n", ":2: a score"},
        {HEADER "a\ts\td\t-2\t1\t1\t1\tok\n", ":2: a score"},
        {HEADER "a\ts\td\t1\t\t1\t1\tok\n", ":2: a score"},
        {HEADER "\ts\td\t1\t1\t1\t1\tok\n", ":2: empty id"},
        {HEADER "a\t\td\t1\t1\t1\t1\tok\n", ":2: empty data set"},
        {HEADER "a\ts\td\t1\t1\t1\t1\tbad \\x escape\n", ":2: the prompt"},
        {HEADER "a\ts\td\t1\t1\t1\t1\tbad \\", ":2: the prompt"},
        {HEADER "a\ts\td\t1\t1\t1\t1\t\xff\n", ":2: the prompt"},
        {HEADER "\n", ":2: 1 columns"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base_buf said;

        assert_int_equal(run(base_str_c(bad[i].table), false), 2);
        slurp(out_path, &said);
        if (base_str_find(base_buf_view(&said), base_str_c(bad[i].line), 0) == SIZE_MAX)
            fail_msg("case %zu said: %.*s", i, BASE_FMT(said));
        base_buf_release(&said);
    }
}

static void bad_usage(void **state)
{
    char *no_data[] = {(char *)"router"};
    char *twice[] = {(char *)"--data", (char *)"x", (char *)"--data", (char *)"y"};
    char *missing[] = {(char *)"router", (char *)"--data", (char *)"/nonexistent/x.tsv"};
    char *odd[] = {(char *)"router", (char *)"--data", data_path, (char *)"--scores"};

    (void)state;
    assert_int_equal(gw_route_eval_command(1, no_data), 2);
    assert_int_equal(gw_route_eval_command(4, twice), 2);
    assert_int_equal(gw_route_eval_command(3, missing), 2);
    assert_int_equal(gw_route_eval_command(4, odd), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_agree),
        cmocka_unit_test(unknown_outcomes),
        cmocka_unit_test(bad_rows),
        cmocka_unit_test(bad_usage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
