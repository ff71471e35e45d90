/* Goal: a disk without room for a segment of the log is said in words that help, fills up no
 * further for trying, and ends nothing that can go on: new requests are refused until there is
 * room, what is under way is recorded, and the log goes on by itself. Method: this program defines
 * fstatvfs, so the library reads from `room` how much is free; the log's own figures, its files and
 * the verifier are looked at. */
#include "tests/unit/audit_util.h"

#include <stdatomic.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#define SEGMENT 65536u

static _Atomic uint64_t room;

int fstatvfs(int fd, struct statvfs *v)
{
    (void)fd;
    memset(v, 0, sizeof(*v));
    v->f_frsize = 1;
    v->f_bfree = v->f_bavail = atomic_load(&room);
    return 0;
}

static bool there(const char *dir, const char *name)
{
    char path[UT_PATH];
    struct stat sb;

    ut_join(path, dir, name);
    return stat(path, &sb) == 0;
}

static uint64_t bytes_of_last_segment(const char *dir)
{
    char path[UT_PATH];
    uint64_t largest = 0;
    struct stat sb;

    ut_join(path, dir, "wal");
    DIR *d = opendir(path);
    char last[300] = "";
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (strstr(e->d_name, ".wal") && strcmp(e->d_name, last) > 0)
            snprintf(last, sizeof(last), "%s", e->d_name);
    }
    closedir(d);
    char file[UT_PATH + 300];
    snprintf(file, sizeof(file), "%s/%s", path, last);
    if (stat(file, &sb) == 0)
        largest = (uint64_t)sb.st_size;
    return largest;
}

static void test_no_room_at_the_start(void **state)
{
    struct aud_options o = {.origin = UT_ORIGIN, .segment_bytes = 4u << 20};
    struct aud_log *l = NULL;
    struct base_err err = {0};
    char dir[UT_PATH];
    (void)state;

    ut_dir(dir);
    o.directory = dir;
    atomic_store(&room, 3u << 20);
    assert_int_not_equal(aud_log_open(&o, &l, &err), BASE_OK);
    if (!strstr(err.text, "segment of 4 MiB (3 MiB are free)") || !strstr(err.text, "segment_mib"))
        fail_msg("%s", err.text);
    assert_false(there(dir, "wal/spare.part"));
    atomic_store(&room, UINT32_MAX); /* and nothing is left that keeps it from starting later */
    l = ut_open(dir, SEGMENT, 3);
    ut_close(l);
    ut_rm(dir);
}

static enum aud_disk stage_after(struct aud_log *l, enum aud_disk want)
{
    enum aud_disk now = aud_log_disk(l);

    for (int i = 0; i < 3000 && now != want; i++) {
        usleep(10000);
        now = aud_log_disk(l);
    }
    return now;
}

static void test_no_room_while_running(void **state)
{
    struct aud_options o = {
        .origin = UT_ORIGIN, .segment_bytes = SEGMENT, .checkpoint_ms = 3, .watch = true};
    struct aud_verify_report r;
    struct aud_stats stats;
    struct aud_log *l = NULL;
    struct base_err err = {0};
    char dir[UT_PATH];
    (void)state;

    ut_dir(dir);
    o.directory = dir;
    atomic_store(&room, UINT32_MAX);
    assert_int_equal(aud_log_open(&o, &l, &err), BASE_OK);
    assert_int_equal(aud_log_disk(l), AUD_DISK_OK);
    atomic_store(&room, SEGMENT - 1);
    ut_fill(l, "half", SEGMENT * 5 / 8 / 360); /* half of it and more: the next one is due */
    assert_int_equal(stage_after(l, AUD_DISK_FULL), AUD_DISK_FULL);
    aud_log_stats(l, &stats);
    assert_false(stats.broken);
    assert_false(there(dir, "wal/spare") || there(dir, "wal/spare.part"));
    ut_fill(l, "under-way", 10);
    atomic_store(&room, UINT32_MAX);
    assert_int_equal(stage_after(l, AUD_DISK_OK), AUD_DISK_OK);
    assert_true(there(dir, "wal/spare"));
    ut_fill(l, "more", SEGMENT / 160); /* into the next one */
    ut_close(l);
    ut_must_hold(dir, &r);
    ut_rm(dir);
}

/* Who opens the log without its configuration, a command beside no gateway, makes segments of the
 * size that the log has. */
static void test_the_size_goes_on(void **state)
{
    struct aud_options o = {.origin = UT_ORIGIN};
    struct aud_verify_report r;
    struct aud_log *l;
    struct base_err err = {0};
    char dir[UT_PATH];
    (void)state;

    ut_dir(dir);
    o.directory = dir;
    atomic_store(&room, UINT32_MAX);
    l = ut_open(dir, SEGMENT, 3);
    ut_fill(l, "first", 5);
    ut_close(l);
    assert_int_equal(aud_log_open(&o, &l, &err), BASE_OK);
    ut_fill(l, "second", SEGMENT / 80);
    ut_close(l);
    assert_int_equal(bytes_of_last_segment(dir), SEGMENT);
    ut_must_hold(dir, &r);
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_room_at_the_start),
        cmocka_unit_test(test_no_room_while_running),
        cmocka_unit_test(test_the_size_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
