/* Goal: whatever call on the log's files fails, and wherever the process dies, the log says FAILED
 * (not "ok" and not twice), recovers, verifies, and has every leaf that was acknowledged.
 * Method: this program defines open, openat, pwrite, write, fdatasync, fsync, rename, renameat,
 * unlink, unlinkat, link, ftruncate, mkdir and close itself, so the library calls these. A
 * child runs the same story (create, append over several segments, close); the k-th call of it
 * fails with EIO or ENOSPC, is cut in half, or kills the process, for every k until a run gets
 * through untouched. It is told for a new log, for one that has just crashed, and for one with a
 * spool and a file sink beside it; there nothing that was acknowledged may be missing even when the
 * log itself has failed on the way, and what the sink wrote and its cursor must agree. Two modes
 * model the disk: LOST is an fdatasync that fails and takes the unsynced pages with it; POWER is a
 * death after which nothing unsynced of the write-ahead log is on disk. Afterwards the parent looks
 * at the directory.
 */
#include "tests/unit/audit_util.h"

#include "audit/sinks/sinks.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum mode { OFF, FAIL_EIO, FAIL_ENOSPC, HALF, LOST, POWER, DIE };

/* In the child; shared with the parent. */
struct shared {
    _Atomic int mode;
    _Atomic long at;             /* the call that is hit */
    _Atomic long calls;          /* made so far */
    _Atomic bool hit, hit_write; /* hit_write: not just an open */
    _Atomic uint64_t acked, acked_after_failed;
    _Atomic bool submit_ok_after_failed;
    _Atomic bool failed_seen;
    _Atomic bool closed_ok;
    _Atomic uint64_t spooled;
    _Atomic uint64_t index_of[16]; /* of each leaf of the story that was acknowledged, else 0 */
};
static struct shared *sh;

/* What was written by pwrite and not synced yet, by descriptor. */
#define FDS 64
static struct {
    off_t from, to;
} dirty[FDS];
static pthread_mutex_t dirty_mu = PTHREAD_MUTEX_INITIALIZER;

static void dirty_note(int fd, off_t off, size_t n)
{
    if (!sh || fd < 0 || fd >= FDS || atomic_load(&sh->mode) == OFF)
        return;
    pthread_mutex_lock(&dirty_mu);
    if (dirty[fd].to == dirty[fd].from)
        dirty[fd].from = dirty[fd].to = off;
    if (off < dirty[fd].from)
        dirty[fd].from = off;
    if (off + (off_t)n > dirty[fd].to)
        dirty[fd].to = off + (off_t)n;
    pthread_mutex_unlock(&dirty_mu);
}

static void dirty_clear(int fd, bool lost)
{
    static const char zeros[16384];

    if (fd < 0 || fd >= FDS)
        return;
    pthread_mutex_lock(&dirty_mu);
    off_t n = dirty[fd].to - dirty[fd].from;
    if (lost && n > 0 && n <= (off_t)sizeof(zeros))
        (void)!syscall(SYS_pwrite64, fd, zeros, (size_t)n, dirty[fd].from);
    dirty[fd].from = dirty[fd].to = 0;
    pthread_mutex_unlock(&dirty_mu);
}

/* -1: the call shall fail (errno is set); 0: go on; 1: do half of it, then fail */
static int fate_of(bool writes)
{
    if (!sh || atomic_load(&sh->mode) == OFF)
        return 0;
    if (atomic_fetch_add(&sh->calls, 1) + 1 != atomic_load(&sh->at))
        return 0;
    atomic_store(&sh->hit, true);
    atomic_store(&sh->hit_write, writes);
    switch (atomic_load(&sh->mode)) {
    case POWER:
        for (int fd = 0; fd < FDS; fd++)
            dirty_clear(fd, true);
        _exit(9);
    case DIE:
        _exit(9);
    case HALF:
        errno = EIO;
        return 1;
    case FAIL_ENOSPC:
        errno = ENOSPC;
        return -1;
    default:
        errno = EIO;
        return -1;
    }
}

static int fate(void)
{
    return fate_of(true);
}

/* Some opens may fail and nothing is lost (a tile that is compared before it is rewritten); all
 * that is asked then is that the log is whole. */
int open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    return fate_of(false) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    return fate_of(false) ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t off)
{
    int f = fate();

    if (f > 0 && n > 1)
        (void)!syscall(SYS_pwrite64, fd, p, n / 2, off);
    if (!f)
        dirty_note(fd, off, n);
    return f ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, p, n, off);
}

ssize_t write(int fd, const void *p, size_t n)
{
    int f = fd > 2 ? fate() : 0;

    if (f > 0 && n > 1)
        (void)!syscall(SYS_write, fd, p, n / 2);
    return f ? -1 : (ssize_t)syscall(SYS_write, fd, p, n);
}

/* The library may go on after these: what matters is already safe, or is tried again. */
int close(int fd)
{
    int f = fd > 2 ? fate_of(false) : 0;
    int rc = (int)syscall(SYS_close, fd); /* Linux closes it, whatever it says */

    return f ? -1 : rc;
}

int unlink(const char *path)
{
    return fate_of(false) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
    return fate_of(false) ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

int link(const char *a, const char *b)
{
    return fate() ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, 0);
}

int ftruncate(int fd, off_t n)
{
    return fate() ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int mkdir(const char *path, mode_t mode)
{
    return fate_of(false) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static int any_sync(int fd, long call)
{
    int f = fate();

    dirty_clear(fd, f && atomic_load(&sh->mode) == LOST);
    return f ? -1 : (int)syscall(call, fd);
}

int fdatasync(int fd)
{
    return any_sync(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return any_sync(fd, SYS_fsync);
}

int syncfs(int fd)
{
    return any_sync(fd, SYS_syncfs);
}

int rename(const char *a, const char *b)
{
    return fate() ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, a, AT_FDCWD, b);
}

int renameat(int da, const char *a, int db, const char *b)
{
    return fate() ? -1 : (int)syscall(SYS_renameat, da, a, db, b);
}

#define STORY 16

static void story_leaf(char out[1600], int i)
{
    char pad[1200];

    memset(pad, 'x', sizeof(pad));
    snprintf(out, 1600,
             "{\"ev\":\"%s\",\"n\":%d,\"pad\":\"%.*s\",\"req\":\"s%d\",\"t\":%d,\"tenant\":\"a\","
             "\"v\":1}",
             i % 2 ? "req.outcome" : "req.intent", i, 1100, pad, i / 2, 1000 + i);
}

/* A spool and a copy in a file, under beside/. */
static struct aud_sinks *beside_start(struct aud_log *l, const char *dir, const char *beside)
{
    static char path[UT_PATH];
    static struct conf_sink file = {.name = "copy",
                                    .type = CONF_SINK_FILE,
                                    .path = path,
                                    .batch = 3,
                                    .tries = 2,
                                    .timeout_s = 1,
                                    .rotate_mib = 1};
    struct conf_audit c = {.directory = dir, .origin = UT_ORIGIN, .sinks = &file, .n_sinks = 1};
    struct aud_sinks *s = NULL;

    ut_join(path, beside, "copy.jsonl");
    return aud_sinks_start(l, &c, &s, NULL) == BASE_OK ? s : NULL;
}

/* Never returns. beside: NULL, or where spool and copy are. */
static void story(const char *dir, const char *beside)
{
    struct aud_options o = {.directory = dir,
                            .origin = UT_ORIGIN,
                            .segment_bytes = 8192,
                            .checkpoint_ms = 1,
                            .spool = beside};
    struct aud_sinks *sinks = NULL;
    struct aud_log *l;
    struct aud_stats s;
    char leaf[1600];

    if (aud_log_open(&o, &l, NULL) != BASE_OK)
        _exit(0);
    if (beside)
        sinks = beside_start(l, dir, beside);
    for (int i = 0; i < STORY; i++) {
        uint64_t index = 0;

        aud_log_stats(l, &s);
        if (s.failed)
            atomic_store(&sh->failed_seen, true);
        story_leaf(leaf, i);
        enum base_status st = ut_append(l, leaf, &index);
        if (st == BASE_OK && s.failed)
            atomic_fetch_add(&sh->acked_after_failed, 1);
        if (st != BASE_OK)
            break;
        atomic_store(&sh->acked, index + 1);
        atomic_store(&sh->index_of[i], index);
        if (i % 4 == 3)
            usleep(1500); /* let the signer in */
    }
    aud_log_stats(l, &s);
    if (s.failed) {
        atomic_store(&sh->failed_seen, true);
        if (aud_log_submit(l, base_str_c(leaf), NULL, NULL) == BASE_OK)
            atomic_store(&sh->submit_ok_after_failed, true);
    }
    atomic_store(&sh->spooled, s.spooled);
    aud_sinks_stop(sinks, 50);
    atomic_store(&sh->closed_ok, aud_log_close(l, NULL) == BASE_OK);
    _exit(0);
}

struct check {
    uint64_t leaves, found;
};

static enum base_status check_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct check *c = ctx;
    char want[1600];

    for (int i = 0; i < STORY; i++) {
        if (index > 0 && atomic_load(&sh->index_of[i]) == index) {
            story_leaf(want, i);
            assert_true(base_str_is(leaf, want));
            c->found++;
        }
    }
    c->leaves++;
    return BASE_OK;
}

/* Returns false when the story was not hit any more. */
static bool one_run(const char *dir, const char *image, enum mode mode, long at)
{
    uint64_t acked_leaves = 0;
    struct base_err err = {0};
    struct aud_verify_report r;
    struct check c = {0};
    char conf[UT_PATH];
    int status;

    if (image)
        ut_copy(image, dir);
    else
        ut_rm(dir);
    memset(sh, 0, sizeof(*sh));
    atomic_store(&sh->at, at);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        atomic_store(&sh->mode, mode);
        story(dir, NULL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    atomic_store(&sh->mode, OFF);
    bool hit = atomic_load(&sh->hit);
    uint64_t acked = atomic_load(&sh->acked);

    /* A segment made ahead that finds no room is tried again: then the story went through whole. */
    bool survived = mode == FAIL_ENOSPC && atomic_load(&sh->closed_ok) && acked >= STORY;
    if (hit && atomic_load(&sh->hit_write) && !survived &&
        mode < POWER) { /* the log noticed, and did not go on as if nothing were */
        assert_false(atomic_load(&sh->closed_ok));
        assert_int_equal(atomic_load(&sh->acked_after_failed), 0);
        assert_false(atomic_load(&sh->submit_ok_after_failed));
    }
    ut_join(conf, dir, "log.conf");
    if (access(conf, F_OK) == 0) {
        if (!ut_holds(dir, &r))
            fail_msg("mode %d call %ld: does not hold: %s", mode, at, r.problem);
        assert_true(r.leaves >= acked);
    } else {
        assert_int_equal(acked, 0);
    }
    if (ut_try_open(dir, &err) != BASE_OK)
        fail_msg("mode %d call %ld: recovery: %s", mode, at, err.text);
    if (!ut_holds(dir, &r))
        fail_msg("mode %d call %ld: after recovery: %s", mode, at, r.problem);
    assert_int_equal(r.open_intents, 0);
    assert_int_equal(aud_each(dir, 0, check_leaf, &c, NULL), BASE_OK);
    assert_int_equal(c.leaves, r.leaves);
    for (int i = 0; i < STORY; i++)
        acked_leaves += atomic_load(&sh->index_of[i]) > 0;
    assert_int_equal(c.found, acked_leaves);
    assert_true(c.leaves >= acked);
    return hit;
}

static void sweep(enum mode mode, const char *name)
{
    char dir[UT_PATH], from[UT_PATH], image[UT_PATH], leaf[256];
    long at = 1, at_image = 1;

    ut_dir(dir);
    while (one_run(dir, NULL, mode, at))
        at++;
    /* the same on top of a crash that left an open intent and a torn batch */
    ut_dir(from);
    ut_dir(image);
    struct aud_log *l = ut_open(from, 8192, 600000);
    ut_fill(l, "before", 2);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "cut off", 9), NULL), BASE_OK);
    assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", "torn", 10), NULL), BASE_OK);
    ut_copy(from, image);
    ut_close(l);
    char path[UT_PATH];
    ut_join(path, image, "wal/00000000000000000000.wal");
    struct base_buf b = ut_read(path);
    size_t end = b.n;
    while (end > 0 && b.p[end - 1] == 0)
        end--;
    memset(b.p + end - 90, 0, 90); /* into the last leaf */
    ut_write(path, b.p, b.n);
    base_buf_release(&b);
    while (one_run(dir, image, mode, at_image))
        at_image++;
    print_message("%s: %ld calls of a new log, %ld of a recovered one, each hit once\n", name,
                  at - 1, at_image - 1);
    assert_true(at > 60 && at_image > 60); /* the story is long enough to mean something */
    ut_rm(dir);
    ut_rm(from);
    ut_rm(image);
}

/* ---- with a spool and a sink beside the log ---- */

/* Line by line: what the sink wrote is what the log has, and all that its cursor promises. */
static void check_copy(const char *dir, const char *beside)
{
    char path[UT_PATH], *seen;
    struct base_buf b;
    uint64_t next = 0, index;

    ut_join(path, dir, "sinks/copy.cursor");
    if (access(path, F_OK) == 0) {
        b = ut_read(path);
        const char *at = memmem(b.p, b.n, "\nnext ", 6);
        assert_non_null(at);
        next = strtoull(at + 6, NULL, 10);
        base_buf_release(&b);
    }
    seen = calloc(1, 65536);
    assert_non_null(seen);
    ut_join(path, beside, "copy.jsonl");
    if (access(path, F_OK) == 0) {
        b = ut_read(path);
        struct base_str rest = base_buf_view(&b), line;
        while (rest.p && (line = base_str_cut(&rest, '\n')).n && rest.p) {
            assert_int_equal(sscanf(line.p, "{\"index\":%" SCNu64 ",", &index), 1);
            assert_true(index < 65536);
            seen[index] = 1;
        }
        base_buf_release(&b);
    }
    for (uint64_t i = 0; i < next; i++)
        assert_true(seen[i]);
    free(seen);
}

static bool one_run_beside(const char *dir, const char *beside, enum mode mode, long at)
{
    struct aud_options o = {
        .directory = dir, .origin = UT_ORIGIN, .segment_bytes = 8192, .spool = beside};
    struct aud_verify_report r;
    struct base_err err = {0};
    struct check c = {0};
    struct aud_log *l;
    uint64_t acked = 0;
    int status;

    ut_rm(dir);
    ut_rm(beside);
    mkdir(beside, 0700);
    memset(sh, 0, sizeof(*sh));
    atomic_store(&sh->at, at);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        atomic_store(&sh->mode, mode);
        story(dir, beside);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status))
        fail_msg("mode %d call %ld: signal %d", mode, at, WTERMSIG(status));
    atomic_store(&sh->mode, OFF);
    check_copy(dir, beside);
    if (aud_log_open(&o, &l, &err) != BASE_OK)
        fail_msg("mode %d call %ld: recovery: %s", mode, at, err.text);
    ut_close(l);
    if (!ut_holds(dir, &r))
        fail_msg("mode %d call %ld: after recovery: %s", mode, at, r.problem);
    assert_int_equal(aud_each(dir, 0, check_leaf, &c, NULL), BASE_OK);
    for (int i = 0; i < STORY; i++)
        acked += atomic_load(&sh->index_of[i]) > 0;
    if (c.found != acked) /* each at the very index its caller was told */
        fail_msg("mode %d call %ld: %d of %d acknowledged leaves are there", mode, at, (int)c.found,
                 (int)acked);
    return atomic_load(&sh->hit);
}

static void test_spool_and_sink(void **state)
{
    static const enum mode modes[] = {FAIL_EIO, FAIL_ENOSPC, HALF, LOST, POWER, DIE};
    const char *every = getenv("WEIR_FAULT_STRIDE");
    long stride = every ? strtol(every, NULL, 10) : 11, points = 0, spooled = 0;
    char dir[UT_PATH], beside[UT_PATH];

    (void)state;
    ut_dir(dir);
    ut_dir(beside);
    for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
        long at = 1 + (long)m;
        for (; one_run_beside(dir, beside, modes[m], at); at += stride > 0 ? stride : 1) {
            points++;
            spooled += atomic_load(&sh->spooled) > 0;
        }
    }
    print_message("spool and sink: %ld points hit, the spool took over in %ld of them\n", points,
                  spooled);
    assert_true(points > 1200 / stride && spooled > 60 / stride);
    ut_rm(dir);
    ut_rm(beside);
}

static void test_eio(void **state)
{
    (void)state;
    sweep(FAIL_EIO, "EIO");
}

static void test_enospc(void **state)
{
    (void)state;
    sweep(FAIL_ENOSPC, "ENOSPC");
}

static void test_half(void **state)
{
    (void)state;
    sweep(HALF, "short write, then EIO");
}

static void test_lost(void **state)
{
    (void)state;
    sweep(LOST, "EIO, a failed sync loses the pages");
}

static void test_power(void **state)
{
    (void)state;
    sweep(POWER, "power fails, what was not synced is gone");
}

static void test_die(void **state)
{
    (void)state;
    sweep(DIE, "process dies");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eio),
        cmocka_unit_test(test_enospc),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_die),
        cmocka_unit_test(test_spool_and_sink),
    };

    sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sh == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
