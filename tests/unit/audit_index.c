/* Goal: the index is nothing but the log: whatever happens to its file, the answers are those of a
 * fresh one; and what is printed of it acts on nobody.
 * Method: a small log of known records; the index file is deleted, overwritten, cut, taken from
 * another log, robbed of rows, and asked again.
 */
#include "tests/unit/audit_util.h"

#include "audit/log/merkle.h"
#include "audit/query/ask.h"

#define N_REQUESTS 40

/* A routed request: odd ones go to the US, every fourth is about subject "s1". */
static void put_request(struct aud_log *l, int i)
{
    char leaf[2048];
    bool away = i % 2;

    snprintf(leaf, sizeof(leaf),
             "{\"decision\":{\"outcome\":\"route\",\"route\":\"%s\",\"data\":[\"%s\"],"
             "\"findings\":[{\"type\":\"EMAIL\",\"count\":2}],\"difficulty\":0.25,"
             "\"rules\":[\"r-1\"]},\"ev\":\"req.intent\",\"key\":\"k\",\"req\":\"q-%d\",%s"
             "\"t\":%d000000,\"tenant\":\"a\",\"to\":{\"backend\":\"b\",\"basis\":\"dpf\","
             "\"entity\":\"E Inc\",\"location\":[\"%s\"],\"on_premises\":%s},\"v\":1}",
             away ? "us/x" : "local/m", away ? "none" : "personal", i,
             i % 4 == 1 ? "\"subj\":\"s1\"," : "", 1000 + i, away ? "US" : "on_premises",
             away ? "false" : "true");
    assert_int_equal(ut_append(l, leaf, NULL), BASE_OK);
    snprintf(leaf, sizeof(leaf),
             "{\"cost_micro\":%d,\"ev\":\"req.outcome\",\"req\":\"q-%d\",\"route\":\"%s\","
             "\"status\":\"ok\",\"t\":%d000001,\"tenant\":\"a\",\"tokens_in\":3,\"v\":1}",
             away ? 7 : 0, i, away ? "us/x" : "local/m", 1000 + i);
    assert_int_equal(ut_append(l, leaf, NULL), BASE_OK);
}

static void make_log(const char *dir, int from, int to)
{
    struct aud_log *l = ut_open(dir, 16384, 20);

    for (int i = from; i < to; i++)
        put_request(l, i);
    ut_close(l);
}

/* The number of requests that a question selects. */
static uint64_t ask(const char *dir, const struct aud_ask *a, bool fresh)
{
    struct aud_index *ix;
    struct base_err err = {0};
    uint64_t n = 0;

    if (aud_index_open(dir, NULL, fresh, &ix, &err) != BASE_OK)
        fail_msg("index: %s", err.text);
    if (aud_ask_select(ix, a, &n, &err) != BASE_OK)
        fail_msg("select: %s", err.text);
    assert_int_equal(aud_index_cover(ix)->not_signed, 0);
    aud_index_free(ix);
    return n;
}

static void test_filters(void **state)
{
    char dir[UT_PATH];

    (void)state;
    ut_dir(dir);
    make_log(dir, 0, N_REQUESTS);
    const struct {
        struct aud_ask a;
        uint64_t n;
    } asked[] = {
        {{0}, 40},
        {{.left = true}, 20},
        {{.outside = "EEA"}, 20},
        {{.location = "US"}, 20},
        {{.location = "U"}, 0},
        {{.location = "EU"}, 0},
        {{.entity = "E Inc"}, 20},
        {{.basis = "dpf"}, 20},
        {{.basis = "scc"}, 0},
        {{.data = "personal"}, 20},
        {{.data = "person"}, 0},
        {{.since = 1010000000, .until = 1020000000}, 10},
        {{.subject = "x", .subjects = {"s1"}, .n_subjects = 1}, 10},
        {{.subject = "x"}, 0}, /* a subject without a tag is nobody, not everybody */
        {{.route = "us/x", .limit = 3}, 3},
        {{.tenant = "b"}, 0},
        {{.tenant = "' OR 1 --"}, 0},
        {{.rule = "r-1", .status = "ok"}, 40},
        {{.rule = "r"}, 0},
        {{.req = "q-7"}, 1},
    };
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        assert_int_equal(ask(dir, &asked[i].a, false), asked[i].n);
        assert_int_equal(ask(dir, &asked[i].a, true), asked[i].n);
    }
    ut_rm(dir);
}

/* The rows as text, to compare answers. */
static struct base_buf rows(const char *dir, bool fresh)
{
    struct aud_index *ix;
    struct base_err err = {0};
    struct aud_ask a = {0};
    struct aud_out o;
    struct base_buf b;
    uint64_t n;
    FILE *f = tmpfile();

    assert_non_null(f);
    base_buf_init(&b, 16u << 20);
    assert_int_equal(aud_index_open(dir, NULL, fresh, &ix, &err), BASE_OK);
    assert_int_equal(aud_ask_select(ix, &a, &n, &err), BASE_OK);
    aud_out_begin(&o, f, AUD_CSV, "t", false);
    assert_int_equal(aud_report_query(ix, &a, &o, &err), BASE_OK);
    aud_index_free(ix);
    rewind(f);
    assert_int_equal(base_fd_read_all(fileno(f), &b, &err), BASE_OK);
    fclose(f);
    return b;
}

static void must_equal_fresh(const char *dir)
{
    struct base_buf a = rows(dir, false), b = rows(dir, true);

    assert_true(a.n > 100 && base_str_eq(base_buf_view(&a), base_buf_view(&b)));
    base_buf_release(&a);
    base_buf_release(&b);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_the_file_may_be_anything(void **state)
{
    char dir[UT_PATH], other[UT_PATH], path[UT_PATH], from[UT_PATH];

    (void)state;
    ut_dir(dir);
    ut_dir(other);
    make_log(dir, 0, 20);
    make_log(other, 5, 25);
    ut_join(path, dir, AUD_INDEX_FILE);
    ut_join(from, other, AUD_INDEX_FILE);
    must_equal_fresh(dir); /* made */
    make_log(dir, 20, 30);
    must_equal_fresh(dir); /* goes on */
    struct base_buf good = ut_read(path);
    assert_int_equal(unlink(path), 0);
    must_equal_fresh(dir); /* missing */
    ut_write(path, "this is no database, it is a text that somebody left here", 57);
    must_equal_fresh(dir);
    ut_write(path, "", 0);
    must_equal_fresh(dir);
    ut_write(path, good.p, good.n / 2); /* cut */
    must_equal_fresh(dir);
    for (size_t at = 100; at < good.n; at += good.n / 9) { /* a page is overwritten */
        memset(good.p + at, 0x5a, 64);
        ut_write(path, good.p, good.n);
        must_equal_fresh(dir);
    }
    base_buf_release(&good);
    must_equal_fresh(other);
    ut_copy_file(from, path); /* of another log */
    must_equal_fresh(dir);
    sql(path, "DELETE FROM request WHERE req='q-7'");
    must_equal_fresh(dir);
    sql(path, "UPDATE request SET tenant='b' WHERE req='q-8'");
    must_equal_fresh(dir);
    sql(path, "DELETE FROM attempt WHERE on_premises=0");
    must_equal_fresh(dir);
    sql(path, "UPDATE meta SET v=x'00' WHERE k='tree'");
    must_equal_fresh(dir);
    sql(path, "DROP TABLE event");
    must_equal_fresh(dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* cannot be opened: the answer does without */
    must_equal_fresh(dir);
    ut_rm(dir);
    ut_rm(other);
}

static void test_a_log_that_does_not_hold_answers_nothing(void **state)
{
    char dir[UT_PATH], path[UT_PATH];
    struct aud_index *ix;
    struct base_err err = {0};

    (void)state;
    ut_dir(dir);
    make_log(dir, 0, 10);
    must_equal_fresh(dir);
    ut_join(path, dir, "wal/00000000000000000000.wal");
    struct base_buf b = ut_read(path);
    char *hit = memmem(b.p, b.n, "\"q-3\"", 5);
    assert_non_null(hit);
    hit[3] = '4';
    ut_write(path, b.p, b.n);
    base_buf_release(&b);
    assert_int_equal(aud_index_open(dir, NULL, false, &ix, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "does not hold"));
    assert_int_equal(aud_index_open(dir, NULL, true, &ix, &err), BASE_EINVAL);
    ut_rm(dir);
}

/* An index that was right for a history that the log does not have (an older copy put back, grown
 * differently): the root tells. */
static void test_another_history_of_the_same_log(void **state)
{
    char dir[UT_PATH], copy[UT_PATH], a[UT_PATH], b[UT_PATH];

    (void)state;
    ut_dir(dir);
    ut_dir(copy);
    make_log(dir, 0, 5);
    ut_copy(dir, copy);
    make_log(dir, 5, 20);
    make_log(copy, 20, 40);
    must_equal_fresh(dir);
    must_equal_fresh(copy);
    ut_join(a, dir, AUD_INDEX_FILE);
    ut_join(b, copy, AUD_INDEX_FILE);
    ut_copy_file(a, b);
    must_equal_fresh(copy);
    ut_rm(dir);
    ut_rm(copy);
}

static struct base_buf printed(void (*fn)(FILE *, struct base_str), const char *text)
{
    struct base_buf b;
    FILE *f = tmpfile();

    assert_non_null(f);
    base_buf_init(&b, 65536);
    fn(f, base_str_c(text));
    rewind(f);
    assert_int_equal(base_fd_read_all(fileno(f), &b, NULL), BASE_OK);
    fclose(f);
    return b;
}

static void test_printing_is_safe(void **state)
{
    static const struct {
        const char *in, *csv, *html;
    } t[] = {
        {"plain", "\"plain\"", "plain"},
        {"=1+1", "\"'=1+1\"", "=1+1"},
        {"+1", "\"'+1\"", "+1"},
        {"-1", "\"'-1\"", "-1"},
        {"@SUM(A1)", "\"'@SUM(A1)\"", "@SUM(A1)"},
        {"  =1", "\"'  =1\"", "  =1"},
        {"\t=1", "\"'\t=1\"", "?=1"},
        {"a=1", "\"a=1\"", "a=1"},
        {"say \"x\"", "\"say \"\"x\"\"\"", "say &quot;x&quot;"},
        {"<b>&'", "\"<b>&'\"", "&lt;b&gt;&amp;&#39;"},
        {"a\nb", "\"a\nb\"", "a\nb"},
        {"", "\"\"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct base_buf c = printed(aud_csv, t[i].in), h = printed(aud_html, t[i].in);

        assert_true(base_str_is(base_buf_view(&c), t[i].csv));
        assert_true(base_str_is(base_buf_view(&h), t[i].html));
        base_buf_release(&c);
        base_buf_release(&h);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *z;
        int64_t us; /* -1: no time */
    } t[] = {
        {"1970-01-02", 86400000000},
        {"1970-01-01T00:00:10Z", 10000000},
        {"1970-01-01T01:00:00.5Z", 3600000000},
        {"90s", 1000000000000 - 90000000},
        {"1d", 1000000000000 - 86400000000},
        {"2026-02-30", -1},
        {"1970-01-01T25:00:00Z", -1},
        {"1970-01-01T00:00:10", -1},
        {"1970-01-01T00:00:10.x5Z", -1},
        {"d", -1},
        {"", -1},
        {"yesterday", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        int64_t us = -1;

        assert_int_equal(aud_time_parse(t[i].z, 1000000000000, &us), t[i].us != -1);
        if (t[i].us != -1)
            assert_true(us == t[i].us);
    }
}

static void test_places(void **state)
{
    const char *in[] = {"EU", "DE"}, *eea[] = {"EU", "NO"}, *out[] = {"DE", "US"},
               *home[] = {"on_premises"}, *gb[] = {"GB"};
    (void)state;
    assert_true(aud_places_inside(in, 2, false) && aud_places_inside(in, 2, true));
    assert_true(!aud_places_inside(eea, 2, false) && aud_places_inside(eea, 2, true));
    assert_true(!aud_places_inside(out, 2, true) && aud_places_inside(home, 1, false));
    assert_true(!aud_places_inside(gb, 1, true) && !aud_places_inside(NULL, 0, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_the_file_may_be_anything),
        cmocka_unit_test(test_a_log_that_does_not_hold_answers_nothing),
        cmocka_unit_test(test_another_history_of_the_same_log),
        cmocka_unit_test(test_printing_is_safe),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
