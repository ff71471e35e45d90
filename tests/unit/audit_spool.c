/* Goal: when the log fails for good, its records go on in a spool on another disk, keep the index
 * they were promised, and come back at the next open; a spool that does not fit stops the open.
 * And: the watchman sees a disk that fills up and a clock that was set.
 * Method: this program defines pwrite, fdatasync, statvfs and clock_gettime itself; a write to a
 * file under the folder `sick` fails from a chosen moment on, before or after the bytes arrived.
 */
#include "tests/unit/audit_util.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>

static char sick[UT_PATH];
static atomic_bool sick_write, sick_sync;
static _Atomic uint64_t free_bytes = UINT64_MAX;
static _Atomic int64_t wall_shift_s;

static bool is_sick(int fd)
{
    char link[64], path[1024];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    return n > 0 && sick[0] && strncmp(path, sick, strlen(sick)) == 0 && path[strlen(sick)] == '/';
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t off)
{
    if (atomic_load(&sick_write) && is_sick(fd)) {
        errno = ENOSPC;
        return -1;
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, p, n, off);
}

int fdatasync(int fd)
{
    if (atomic_load(&sick_sync) && is_sick(fd)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int statvfs(const char *path, struct statvfs *v)
{
    (void)path;
    memset(v, 0, sizeof(*v));
    v->f_frsize = 4096;
    v->f_bavail = (fsblkcnt_t)(atomic_load(&free_bytes) / 4096);
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, id, t);

    if (id == CLOCK_REALTIME)
        t->tv_sec += (time_t)atomic_load(&wall_shift_s);
    return rc;
}

static struct aud_options options(const char *dir, const char *spool)
{
    return (struct aud_options){.directory = dir,
                                .origin = UT_ORIGIN,
                                .segment_bytes = 65536,
                                .checkpoint_ms = 5,
                                .spool = spool};
}

static struct aud_log *open_it(const struct aud_options *o)
{
    struct aud_log *l = NULL;
    struct base_err err = {0};

    if (aud_log_open(o, &l, &err) != BASE_OK)
        fail_msg("open: %s", err.text);
    return l;
}

static int spools(const char *dir, const char *suffix, char first[UT_PATH])
{
    DIR *d = opendir(dir);
    int n = 0;

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        bool done = strstr(e->d_name, ".replayed") != NULL;

        if (e->d_name[0] != '.' && done == (suffix[0] != 0)) {
            n++;
            if (first)
                ut_join(first, dir, e->d_name);
        }
    }
    if (d)
        closedir(d);
    return n;
}

struct seen {
    uint64_t n, at[64];
    char req[64][32], ev[64][32];
};

static void member(struct base_str leaf, const char *key, char out[32])
{
    char want[32];

    snprintf(want, sizeof(want), "\"%s\":\"", key);
    const char *p = memmem(leaf.p, leaf.n, want, strlen(want));
    size_t n = 0;
    out[0] = 0;
    for (p = p ? p + strlen(want) : NULL; p && *p != '"' && n < 31; p++)
        out[n++] = *p;
    out[n] = 0;
}

static enum base_status see(void *ctx, uint64_t index, struct base_str leaf)
{
    struct seen *s = ctx;

    if (s->n < 64) {
        s->at[s->n] = index;
        member(leaf, "req", s->req[s->n]);
        member(leaf, "ev", s->ev[s->n]);
        s->n++;
    }
    return BASE_OK;
}

static void must_stand_at(const char *dir, uint64_t index, const char *ev, const char *req)
{
    struct seen s = {0};

    assert_int_equal(aud_each(dir, 0, see, &s, NULL), BASE_OK);
    assert_true(index < s.n);
    assert_string_equal(s.ev[index], ev);
    assert_string_equal(s.req[index], req);
}

static int count_ev(const char *dir, const char *ev)
{
    struct seen s = {0};
    int n = 0;

    assert_int_equal(aud_each(dir, 0, see, &s, NULL), BASE_OK);
    for (uint64_t i = 0; i < s.n; i++)
        n += strcmp(s.ev[i], ev) == 0;
    return n;
}

/* The story: an intent, then the disk breaks, its outcome and another request, then a restart. */
static void story(bool arrives, bool orderly)
{
    char dir[UT_PATH], spool[UT_PATH], copy[UT_PATH], leaf[256], one[UT_PATH];
    uint64_t at[4] = {0};
    struct aud_stats st;
    struct base_err err = {0};
    struct aud_verify_report r;

    ut_dir(dir);
    ut_dir(spool);
    ut_dir(copy);
    struct aud_options o = options(dir, spool);
    struct aud_log *l = open_it(&o);
    assert_int_equal(spools(spool, "", NULL), 1);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "a", 1), &at[0]), BASE_OK);
    ut_wait_signed(l, at[0] + 1);
    snprintf(sick, sizeof(sick), "%s", dir);
    atomic_store(arrives ? &sick_sync : &sick_write, true);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.outcome", "a", 2), &at[1]), BASE_OK);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "b", 3), &at[2]), BASE_OK);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "c", 4), &at[3]), BASE_OK);
    for (int i = 1; i < 4; i++)
        assert_int_equal(at[i], at[0] + (uint64_t)i);
    aud_log_stats(l, &st);
    assert_true(st.broken && !st.failed);
    assert_int_equal(st.spooled, 3);
    if (!orderly) { /* as a kill would leave both: copied while open */
        char to[UT_PATH];

        ut_copy(dir, copy);
        assert_int_equal(spools(spool, "", one), 1);
        ut_join(to, copy, "the-spool");
        ut_copy(one, to);
    }
    assert_int_equal(aud_log_close(l, &err), BASE_EIO);
    atomic_store(&sick_sync, false);
    atomic_store(&sick_write, false);
    assert_int_equal(spools(spool, "", one), 1);
    ut_must_hold(one, NULL); /* by itself: an outcome whose intent is in the other log */
    ut_must_hold(dir, NULL);
    if (!orderly) {
        char from[UT_PATH];

        ut_join(from, copy, "the-spool");
        ut_copy(from, one);
        ut_copy(copy, dir);
    }
    l = open_it(&o);
    ut_close(l);
    ut_must_hold(dir, &r);
    assert_int_equal(r.intents, 3);
    assert_int_equal(r.outcomes, 3);
    assert_int_equal(r.unknown_outcomes, 2); /* b and c never ended */
    must_stand_at(dir, at[0], "req.intent", "a");
    must_stand_at(dir, at[1], "req.outcome", "a");
    must_stand_at(dir, at[2], "req.intent", "b");
    must_stand_at(dir, at[3], "req.intent", "c");
    must_stand_at(dir, at[3] + 1, "log.replayed", "");
    assert_int_equal(spools(spool, "", NULL), 0);
    assert_int_equal(spools(spool, ".replayed", NULL), 1);
    l = open_it(&o); /* and only once */
    ut_close(l);
    assert_int_equal(count_ev(dir, "log.replayed"), 1);
    ut_rm(dir);
    ut_rm(spool);
    ut_rm(copy);
}

static void test_failed_write(void **state)
{
    (void)state;
    story(false, true);
}

static void test_failed_sync_that_arrived(void **state)
{
    (void)state;
    story(true, true);
}

static void test_process_dies_while_it_spools(void **state)
{
    (void)state;
    story(false, false);
    story(true, false);
}

/* Died between log.replayed and the rename: nothing comes twice. */
static void test_replayed_but_not_set_aside(void **state)
{
    char dir[UT_PATH], spool[UT_PATH], one[UT_PATH], back[UT_PATH], leaf[256];
    struct base_err err;

    (void)state;
    ut_dir(dir);
    ut_dir(spool);
    struct aud_options o = options(dir, spool);
    struct aud_log *l = open_it(&o);
    snprintf(sick, sizeof(sick), "%s", dir);
    atomic_store(&sick_write, true);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.refused", "x", 1), NULL), BASE_OK);
    assert_int_equal(aud_log_close(l, &err), BASE_EIO);
    atomic_store(&sick_write, false);
    ut_close(open_it(&o));
    assert_int_equal(spools(spool, ".replayed", one), 1);
    snprintf(back, sizeof(back), "%.*s", (int)(strlen(one) - strlen(".replayed")), one);
    assert_int_equal(rename(one, back), 0);
    ut_close(open_it(&o));
    assert_int_equal(count_ev(dir, "log.replayed"), 1);
    assert_int_equal(count_ev(dir, "req.refused"), 1);
    ut_must_hold(dir, NULL);
    ut_rm(dir);
    ut_rm(spool);
}

static void test_a_spool_that_does_not_fit(void **state)
{
    char dir[UT_PATH], spool[UT_PATH], copy[UT_PATH], leaf[256];
    struct base_err err;
    struct aud_log *l;

    (void)state;
    ut_dir(dir);
    ut_dir(spool);
    ut_dir(copy);
    struct aud_options o = options(dir, spool);
    l = open_it(&o);
    ut_fill(l, "r", 2);
    ut_close(l);
    ut_copy(dir, copy);
    l = open_it(&o);
    ut_fill(l, "s", 2);
    snprintf(sick, sizeof(sick), "%s", dir);
    atomic_store(&sick_write, true);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.refused", "x", 1), NULL), BASE_OK);
    assert_int_equal(aud_log_close(l, &err), BASE_EIO);
    atomic_store(&sick_write, false);
    ut_copy(copy, dir); /* rolled back to before what the spool continues */
    assert_int_equal(aud_log_open(&o, &l, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "records are gone"));
    ut_rm(dir);
    ut_rm(spool);
    ut_rm(copy);
}

static void test_a_spool_of_another_log_is_left_alone(void **state)
{
    char dir[UT_PATH], spool[UT_PATH], leaf[256];
    struct base_err err;

    (void)state;
    ut_dir(dir);
    ut_dir(spool);
    struct aud_options o = options(dir, spool);
    struct aud_log *l = open_it(&o);
    snprintf(sick, sizeof(sick), "%s", dir);
    atomic_store(&sick_write, true);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.refused", "x", 1), NULL), BASE_OK);
    assert_int_equal(aud_log_close(l, &err), BASE_EIO);
    atomic_store(&sick_write, false);
    ut_rm(dir);
    ut_close(open_it(&o)); /* a fresh log in its place */
    ut_close(open_it(&o));
    assert_int_equal(spools(spool, "", NULL), 1);
    assert_int_equal(count_ev(dir, "log.replayed"), 0);
    ut_rm(dir);
    ut_rm(spool);
}

static void test_both_disks_fail(void **state)
{
    char dir[UT_PATH], spool[UT_PATH], leaf[256];
    struct aud_stats st;
    struct base_err err;

    (void)state;
    ut_dir(dir);
    ut_dir(spool);
    struct aud_options o = options(dir, spool);
    struct aud_log *l = open_it(&o);
    snprintf(sick, sizeof(sick), "%.*s", (int)(strrchr(dir, '/') - dir), dir); /* all of it */
    atomic_store(&sick_write, true);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.refused", "x", 1), NULL), BASE_EIO);
    for (int i = 0; i < 100; i++) {
        aud_log_stats(l, &st);
        if (st.failed)
            break;
        (void)!aud_log_submit(l, base_str_c(leaf), NULL, NULL);
        usleep(10000);
    }
    assert_true(st.failed);
    assert_int_equal(aud_log_submit(l, base_str_c(leaf), NULL, NULL), BASE_EIO);
    assert_int_equal(aud_log_close(l, &err), BASE_EIO);
    atomic_store(&sick_write, false);
    ut_rm(dir);
    ut_rm(spool);
}

/* ---- the watchman ---- */

static void wait_disk(struct aud_log *l, enum aud_disk want)
{
    for (int i = 0; i < 500 && aud_log_disk(l) != want; i++)
        usleep(10000);
    assert_int_equal(aud_log_disk(l), want);
}

static void wait_ev(const char *dir, const char *ev, int n)
{
    for (int i = 0; i < 500 && count_ev(dir, ev) < n; i++)
        usleep(10000);
    assert_int_equal(count_ev(dir, ev), n);
}

static void test_disk_and_clock(void **state)
{
    char dir[UT_PATH];
    struct aud_stats st;

    (void)state;
    ut_dir(dir);
    struct aud_options o = options(dir, NULL);
    o.watch = true;
    o.disk_warn_bytes = 1000u << 20;
    o.disk_content_bytes = 500u << 20;
    o.disk_refuse_bytes = 100u << 20;
    atomic_store(&free_bytes, 2000ull << 20);
    struct aud_log *l = open_it(&o);
    assert_int_equal(aud_log_disk(l), AUD_DISK_OK);
    atomic_store(&free_bytes, 900ull << 20);
    wait_disk(l, AUD_DISK_WARN);
    atomic_store(&free_bytes, 90ull << 20); /* straight to the last */
    wait_disk(l, AUD_DISK_FULL);
    atomic_store(&free_bytes, 104ull << 20); /* a little above: it stays */
    atomic_store(&wall_shift_s, -3600);
    wait_ev(dir, "log.clock", 1);
    assert_int_equal(aud_log_disk(l), AUD_DISK_FULL);
    atomic_store(&free_bytes, 400ull << 20);
    wait_disk(l, AUD_DISK_NO_CONTENT);
    atomic_store(&free_bytes, 3000ull << 20);
    atomic_store(&wall_shift_s, 7200);
    wait_disk(l, AUD_DISK_OK);
    wait_ev(dir, "log.clock", 2);
    wait_ev(dir, "log.disk", 4);
    aud_log_stats(l, &st);
    assert_int_equal(st.clock_steps, 2);
    assert_int_equal(st.disk_free_bytes, 3000ull << 20);
    atomic_store(&wall_shift_s, 0);
    ut_close(l);
    struct aud_verify_report r;
    ut_must_hold(dir, &r);
    assert_true(r.time_back_us_max > 3000000000ull); /* shown, and no reason to refuse */
    ut_rm(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_write),
        cmocka_unit_test(test_failed_sync_that_arrived),
        cmocka_unit_test(test_process_dies_while_it_spools),
        cmocka_unit_test(test_replayed_but_not_set_aside),
        cmocka_unit_test(test_a_spool_that_does_not_fit),
        cmocka_unit_test(test_a_spool_of_another_log_is_left_alone),
        cmocka_unit_test(test_both_disks_fail),
        cmocka_unit_test(test_disk_and_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
