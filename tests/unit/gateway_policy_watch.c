/* Goal: gateway/policy_watch.c asks for a reload when bytes are others, and only then: not while
 * they are being written, but in the end though somebody keeps touching them; also when the time of
 * the change was set back. Method: files in a folder, a clock of the test's own. */
#include "tests/unit/gateway_util.h"

#include "gateway/policy_watch.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], file[96], other[96];
static struct conf conf;
static struct gw_watch watch;
static uint64_t now_us;

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Looks once a quarter of a second; how often a reload was due in that many looks. */
static int looks(int n, const char *touched)
{
    int due = 0;
    for (int i = 0; i < n; i++) {
        const struct timespec times[2] = {{i + 1, 0}, {1000000 + i, 0}};
        if (touched)
            assert_int_equal(utimensat(AT_FDCWD, touched, times, 0), 0);
        now_us += GW_WATCH_POLL_MS * 1000u;
        due += gw_watch_due(&watch, &conf, now_us);
    }
    return due;
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/weir-watch-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/policy.yaml", dir);
    snprintf(other, sizeof other, "%s/tables.yaml", dir);
    put(file, "one");
    put(other, "table");
    conf = (struct conf){0};
    conf.policy.file = file;
    conf.tables.file = other;
    assert_int_equal(EVP_Digest("one", 3, conf.policy.sha256, NULL, EVP_sha256(), NULL), 1);
    watch = (struct gw_watch){0};
    now_us = 1;
    assert_int_equal(looks(4, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(other);
    return rmdir(dir);
}

static void test_other_bytes_once(void **state)
{
    (void)state;
    put(file, "two");
    assert_int_equal(looks(1, NULL), 0); /* not settled */
    assert_int_equal(looks(8, NULL), 1);
    put(file, "two");
    assert_int_equal(looks(8, NULL), 0);
    assert_int_equal(looks(60, other), 0); /* touched, and the same */
    assert_int_equal(unlink(file), 0);
    assert_int_equal(looks(8, NULL), 1);
    put(file, "two");
    assert_int_equal(looks(8, NULL), 1);
}

static void test_who_keeps_touching_holds_nothing_off(void **state)
{
    (void)state;
    put(file, "two");
    assert_int_equal(looks(GW_WATCH_LATEST_MS / GW_WATCH_POLL_MS, other), 0);
    assert_int_equal(looks(1, other), 1);
    assert_int_equal(looks(60, other), 0);
}

static void test_a_time_set_back(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(stat(file, &st), 0);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    put(file, "two"); /* as long as before */
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
    assert_int_equal(looks(8, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_other_bytes_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_keeps_touching_holds_nothing_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_time_set_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
