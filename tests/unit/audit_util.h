/* audit_util.h - what the tests of audit/ share: scratch directories, whole files, appending and
 * waiting. Header only; every function is static inline because not every test uses every one. */
#ifndef TESTS_AUDIT_UTIL_H
#define TESTS_AUDIT_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UT_ORIGIN "audit.example/test"
#define UT_PATH   512

static inline void ut_dir(char out[UT_PATH])
{
    const char *tmp = getenv("TMPDIR");

    /* what is tested here is order and content, not the disk: memory is faster by far */
    if (!tmp)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(out, UT_PATH, "%s/weir-audit-XXXXXX", tmp);
    assert_non_null(mkdtemp(out));
}

static inline int ut_rm_one(const char *path, const struct stat *sb, int type, struct FTW *f)
{
    (void)sb;
    (void)type;
    (void)f;
    return remove(path);
}

static inline void ut_rm(const char *dir)
{
    nftw(dir, ut_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void ut_join(char out[UT_PATH], const char *dir, const char *name)
{
    assert_true((size_t)snprintf(out, UT_PATH, "%s/%s", dir, name) < UT_PATH);
}

static inline struct base_buf ut_read(const char *path)
{
    struct base_buf b;

    base_buf_init(&b, 80u << 20);
    assert_int_equal(base_file_read(path, &b, NULL), BASE_OK);
    return b;
}

static inline void ut_write(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(base_write_all(fd, p, n, NULL), BASE_OK);
    close(fd);
}

static inline void ut_copy_file(const char *from, const char *to)
{
    struct base_buf b = ut_read(from);

    ut_write(to, b.p, b.n);
    base_buf_release(&b);
}

/* Copies a log directory, tile/ left out. */
static inline void ut_copy(const char *from, const char *to)
{
    static const char *const files[] = {"log.conf", "checkpoint", "state", "keys/log.key"};
    char a[UT_PATH], b[UT_PATH], wal[UT_PATH];

    ut_rm(to);
    mkdir(to, 0700);
    ut_join(b, to, "keys");
    mkdir(b, 0700);
    ut_join(b, to, "wal");
    mkdir(b, 0700);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        ut_join(a, from, files[i]);
        ut_join(b, to, files[i]);
        ut_copy_file(a, b);
    }
    ut_join(wal, from, "wal");
    DIR *d = opendir(wal);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        char name[300];

        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "wal/%s", e->d_name);
        ut_join(a, from, name);
        ut_join(b, to, name);
        ut_copy_file(a, b);
    }
    closedir(d);
}

/* ---- a log, used synchronously ---- */

struct ut_wait {
    pthread_mutex_t mu;
    pthread_cond_t cv;
    unsigned done, failed;
    uint64_t last_index;
};

static inline void ut_done(void *ctx, enum base_status st, uint64_t index)
{
    struct ut_wait *w = ctx;

    pthread_mutex_lock(&w->mu);
    w->done++;
    if (st == BASE_OK)
        w->last_index = index;
    else
        w->failed++;
    pthread_cond_signal(&w->cv);
    pthread_mutex_unlock(&w->mu);
}

/* Submits one leaf and waits; BASE_EIO when it was not made durable. */
static inline enum base_status ut_append(struct aud_log *l, const char *leaf, uint64_t *index)
{
    struct ut_wait w = {.mu = PTHREAD_MUTEX_INITIALIZER, .cv = PTHREAD_COND_INITIALIZER};
    enum base_status st = aud_log_submit(l, base_str_c(leaf), ut_done, &w);

    if (st != BASE_OK)
        return st;
    pthread_mutex_lock(&w.mu);
    while (w.done == 0)
        pthread_cond_wait(&w.cv, &w.mu);
    pthread_mutex_unlock(&w.mu);
    if (index)
        *index = w.last_index;
    return w.failed ? BASE_EIO : BASE_OK;
}

static inline const char *ut_leaf(char out[256], const char *ev, const char *req, int n)
{
    snprintf(out, 256, "{\"ev\":\"%s\",\"n\":%d,\"req\":\"%s\",\"t\":%d,\"tenant\":\"a\",\"v\":1}",
             ev, n, req, 1000 + n);
    return out;
}

static inline struct aud_log *ut_open(const char *dir, uint32_t segment, uint32_t checkpoint_ms)
{
    struct aud_options o = {.directory = dir,
                            .origin = UT_ORIGIN,
                            .segment_bytes = segment,
                            .checkpoint_ms = checkpoint_ms};
    struct aud_log *l = NULL;
    struct base_err err = {0};

    if (aud_log_open(&o, &l, &err) != BASE_OK)
        fail_msg("open: %s", err.text);
    return l;
}

static inline void ut_close(struct aud_log *l)
{
    struct base_err err = {0};

    if (aud_log_close(l, &err) != BASE_OK)
        fail_msg("close: %s", err.text);
}

/* n requests, intent and outcome each. */
static inline void ut_fill(struct aud_log *l, const char *prefix, int n)
{
    char leaf[256], req[64];

    for (int i = 0; i < n; i++) {
        snprintf(req, sizeof(req), "%s-%d", prefix, i);
        assert_int_equal(ut_append(l, ut_leaf(leaf, "req.intent", req, 2 * i), NULL), BASE_OK);
        assert_int_equal(ut_append(l, ut_leaf(leaf, "req.outcome", req, 2 * i + 1), NULL), BASE_OK);
    }
}

/* Until `size` records are signed and published; the machine may be busy. */
static inline void ut_wait_signed(struct aud_log *l, uint64_t size)
{
    struct aud_stats s;

    for (int i = 0; i < 3000; i++) {
        aud_log_stats(l, &s);
        if (s.size_signed >= size)
            return;
        usleep(10000);
    }
    fail_msg("nothing was signed in 30 s");
}

static inline bool ut_holds(const char *dir, struct aud_verify_report *r)
{
    struct aud_verify_report mine;
    struct base_err err = {0};

    if (!r)
        r = &mine;
    if (aud_verify(dir, NULL, r, &err) != BASE_OK)
        return false;
    return r->holds;
}

static inline void ut_must_hold(const char *dir, struct aud_verify_report *r)
{
    struct aud_verify_report mine;

    if (!r)
        r = &mine;
    if (!ut_holds(dir, r))
        fail_msg("does not hold: %s", r->problem);
}

/* BASE_OK or why a second open refuses; closes again. */
static inline enum base_status ut_try_open(const char *dir, struct base_err *err)
{
    struct aud_options o = {.directory = dir, .origin = UT_ORIGIN, .segment_bytes = 8192};
    struct aud_log *l;
    enum base_status st = aud_log_open(&o, &l, err);

    if (st == BASE_OK)
        ut_close(l);
    return st;
}

#endif
