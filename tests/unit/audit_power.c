/* Goal: whatever a power failure leaves of the writes that were not synced, the log recovers,
 * verifies, and has every leaf that was acknowledged; a sink's cursor promises nothing its file
 * lacks.
 * Method: this program defines the file calls itself and records what the log does with them: every
 * write with its bytes, every sync, every change of a name, and each acknowledgement among them.
 * From that record crash states are made: a random moment; what was synced by then is there; of
 * what was not, each sector of 512 bytes is kept or lost on its own, and each change of a name
 * whose folder was not synced is kept or lost (files in order, as a prefix, or any of them). Each
 * state is laid out in a folder, opened, and checked. WEIR_POWER_STATES says how many (1000 unless
 * given), WEIR_POWER_SEED which.
 */
#include "tests/unit/audit_util.h"

#include "audit/sinks/sinks.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#define OPS_MAX   20000
#define FILES_MAX 2000
#define FDS       256
#define SECTOR    512
#define LEAVES    40

enum kind { WRITE, SYNC, LINK, RENAME, UNLINK, SYNCDIR, SYNCALL, TRUNC, ACK };

struct op {
    enum kind kind;
    int file;       /* WRITE, SYNC, LINK, TRUNC */
    uint64_t off;   /* WRITE, TRUNC; ACK: index */
    size_t n;       /* WRITE */
    uint8_t *bytes; /* WRITE */
    char *path, *to;
};

static char root[UT_PATH];
static atomic_bool recording;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct op ops[OPS_MAX];
static size_t n_ops;
static struct {
    char *path; /* where it is now; NULL: gone */
    uint64_t size;
} files[FILES_MAX];
static int n_files;
static struct {
    int file; /* -1: not ours */
    bool dir, append;
    uint64_t at;
    char path[UT_PATH];
} fds[FDS];

/* ---- recording ---- */

/* Names in the record; one list, freed at the end. */
static char **kept_names;
static size_t n_kept_names;

static char *name_of(const char *s)
{
    kept_names = realloc(kept_names, (n_kept_names + 1) * sizeof(*kept_names));
    assert_non_null(kept_names);
    kept_names[n_kept_names] = strdup(s);
    assert_non_null(kept_names[n_kept_names]);
    return kept_names[n_kept_names++];
}

static bool full_path(int dir, const char *path, char out[UT_PATH])
{
    char link[64];

    if (path[0] == '/') {
        snprintf(out, UT_PATH, "%s", path);
    } else {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        ssize_t n = dir == AT_FDCWD ? -1 : readlink(link, out, UT_PATH - 1);
        if (n < 0)
            return false;
        snprintf(out + n, UT_PATH - (size_t)n, "/%s", path);
    }
    return strncmp(out, root, strlen(root)) == 0 && out[strlen(root)] == '/';
}

static struct op *add(enum kind k)
{
    assert_true(n_ops < OPS_MAX);
    ops[n_ops] = (struct op){.kind = k, .file = -1};
    return &ops[n_ops++];
}

static int file_at(const char *path)
{
    for (int i = n_files - 1; i >= 0; i--)
        if (files[i].path && strcmp(files[i].path, path) == 0)
            return i;
    return -1;
}

static int do_open(int dir, const char *path, int flags, int mode)
{
    char full[UT_PATH];
    bool ours = atomic_load(&recording) && full_path(dir, path, full);

    pthread_mutex_lock(&mu);
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0 && fd < FDS)
        fds[fd].file = -1;
    if (fd >= 0 && fd < FDS && ours) {
        fds[fd].dir = (flags & O_DIRECTORY) != 0;
        fds[fd].append = (flags & O_APPEND) != 0;
        fds[fd].at = 0;
        snprintf(fds[fd].path, UT_PATH, "%s", full);
        if (!fds[fd].dir) {
            int f = file_at(full);
            if (f < 0 && (flags & O_CREAT)) {
                f = n_files++;
                assert_true(n_files < FILES_MAX);
                files[f].path = name_of(full);
                struct op *o = add(LINK);
                o->file = f;
                o->path = name_of(full);
            } else if (f >= 0 && (flags & O_TRUNC)) {
                files[f].size = 0;
                add(TRUNC)->file = f;
            }
            fds[fd].file = f;
        }
    }
    pthread_mutex_unlock(&mu);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    return do_open(dir, path, flags, mode);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS) {
        pthread_mutex_lock(&mu);
        fds[fd].file = -1;
        fds[fd].path[0] = 0;
        pthread_mutex_unlock(&mu);
    }
    return (int)syscall(SYS_close, fd);
}

static void wrote(int fd, const void *p, size_t n, uint64_t off)
{
    struct op *o = add(WRITE);

    o->file = fds[fd].file;
    o->off = off;
    o->n = n;
    o->bytes = malloc(n + 1);
    assert_non_null(o->bytes);
    memcpy(o->bytes, p, n);
    if (off + n > files[o->file].size)
        files[o->file].size = off + n;
}

static bool ours(int fd)
{
    return fd >= 0 && fd < FDS && fds[fd].file >= 0 && atomic_load(&recording);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t off)
{
    pthread_mutex_lock(&mu);
    ssize_t k = (ssize_t)syscall(SYS_pwrite64, fd, p, n, off);
    if (k > 0 && ours(fd))
        wrote(fd, p, (size_t)k, (uint64_t)off);
    pthread_mutex_unlock(&mu);
    return k;
}

ssize_t write(int fd, const void *p, size_t n)
{
    pthread_mutex_lock(&mu);
    ssize_t k = (ssize_t)syscall(SYS_write, fd, p, n);
    if (k > 0 && ours(fd)) {
        uint64_t off = fds[fd].append ? files[fds[fd].file].size : fds[fd].at;
        wrote(fd, p, (size_t)k, off);
        fds[fd].at = off + (uint64_t)k;
    }
    pthread_mutex_unlock(&mu);
    return k;
}

static int any_sync(int fd)
{
    pthread_mutex_lock(&mu);
    if (ours(fd))
        add(SYNC)->file = fds[fd].file;
    else if (fd >= 0 && fd < FDS && atomic_load(&recording) && fds[fd].dir && fds[fd].path[0])
        add(SYNCDIR)->path = name_of(fds[fd].path);
    pthread_mutex_unlock(&mu);
    return 0;
}

int fdatasync(int fd)
{
    return any_sync(fd);
}

int fsync(int fd)
{
    return any_sync(fd);
}

int syncfs(int fd)
{
    (void)fd;
    pthread_mutex_lock(&mu);
    if (atomic_load(&recording))
        add(SYNCALL);
    pthread_mutex_unlock(&mu);
    return 0;
}

int ftruncate(int fd, off_t n)
{
    pthread_mutex_lock(&mu);
    if (ours(fd)) {
        struct op *o = add(TRUNC);
        o->file = fds[fd].file;
        o->off = (uint64_t)n;
        files[o->file].size = (uint64_t)n;
    }
    int rc = (int)syscall(SYS_ftruncate, fd, n);
    pthread_mutex_unlock(&mu);
    return rc;
}

int renameat(int da, const char *a, int db, const char *b)
{
    char from[UT_PATH], to[UT_PATH];

    pthread_mutex_lock(&mu);
    int rc = (int)syscall(SYS_renameat, da, a, db, b);
    if (rc == 0 && atomic_load(&recording) && full_path(da, a, from) && full_path(db, b, to)) {
        int f = file_at(from), old = file_at(to);
        if (old >= 0)
            files[old].path = NULL;
        if (f >= 0)
            files[f].path = name_of(to);
        struct op *o = add(RENAME);
        o->file = f;
        o->path = name_of(from);
        o->to = name_of(to);
    }
    pthread_mutex_unlock(&mu);
    return rc;
}

int rename(const char *a, const char *b)
{
    return renameat(AT_FDCWD, a, AT_FDCWD, b);
}

int unlinkat(int dir, const char *path, int flags)
{
    char full[UT_PATH];

    pthread_mutex_lock(&mu);
    int rc = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (rc == 0 && !flags && atomic_load(&recording) && full_path(dir, path, full)) {
        int f = file_at(full);
        if (f >= 0)
            files[f].path = NULL;
        struct op *o = add(UNLINK);
        o->file = f;
        o->path = name_of(full);
    }
    pthread_mutex_unlock(&mu);
    return rc;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* ---- the story ---- */

static void leaf_of(char out[1600], int i)
{
    char pad[1200];

    memset(pad, 'a' + i % 26, sizeof(pad));
    snprintf(out, 1600,
             "{\"ev\":\"%s\",\"n\":%d,\"pad\":\"%.*s\",\"req\":\"p%d\",\"t\":%d,\"tenant\":\"a\","
             "\"v\":1}",
             i % 2 ? "req.outcome" : "req.intent", i, 200 + i * 37 % 900, pad, i / 2, 1000 + i);
}

static struct aud_sinks *copy_start(struct aud_log *l, const char *dir)
{
    static char path[UT_PATH];
    static struct conf_sink file = {.name = "copy",
                                    .type = CONF_SINK_FILE,
                                    .path = path,
                                    .batch = 4,
                                    .tries = 2,
                                    .timeout_s = 1,
                                    .rotate_mib = 1};
    struct conf_audit c = {.directory = dir, .origin = UT_ORIGIN, .sinks = &file, .n_sinks = 1};
    struct aud_sinks *s;

    ut_join(path, dir, "copy.jsonl");
    assert_int_equal(aud_sinks_start(l, &c, &s, NULL), BASE_OK);
    return s;
}

/* Two lives of the log, several segments each, the first ended in order. */
static void tell_story(const char *dir)
{
    char leaf[1600];
    uint64_t index = 0;

    for (int life = 0; life < 2; life++) {
        struct aud_log *l = ut_open(dir, 8192, 2);
        struct aud_sinks *s = copy_start(l, dir);
        for (int i = life * LEAVES / 2; i < (life + 1) * LEAVES / 2; i++) {
            leaf_of(leaf, i);
            assert_int_equal(ut_append(l, leaf, &index), BASE_OK);
            pthread_mutex_lock(&mu);
            struct op *o = add(ACK);
            o->off = index;
            o->n = (size_t)i;
            pthread_mutex_unlock(&mu);
            if (i % 5 == 4)
                usleep(3000);
        }
        usleep(250000); /* the sink's cursor is saved at most five times a second */
        aud_sinks_stop(s, 100);
        ut_close(l);
    }
}

/* ---- crash states ---- */

static uint64_t seed;

static uint32_t dice(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

struct content {
    uint8_t *p;
    size_t n, cap;
};

static void put(struct content *c, const uint8_t *p, size_t n, uint64_t off)
{
    if (off + n > c->cap) {
        size_t cap = (size_t)(off + n) * 2;
        c->p = realloc(c->p, cap);
        assert_non_null(c->p);
        memset(c->p + c->cap, 0, cap - c->cap);
        c->cap = cap;
    }
    memcpy(c->p + off, p, n);
    if (off + n > c->n)
        c->n = (size_t)(off + n);
}

static void cut(struct content *c, uint64_t n)
{
    if (c->n > n)
        memset(c->p + n, 0, c->n - (size_t)n);
    c->n = n < c->n ? (size_t)n : c->n;
}

/* What the write left, if each sector is on disk with `keep` of 100. */
static void put_torn(struct content *c, const struct op *o, uint32_t keep)
{
    uint64_t at = o->off, end = o->off + o->n;

    while (at < end) {
        uint64_t to = (at / SECTOR + 1) * SECTOR;

        if (to > end)
            to = end;
        if (dice(100) < keep)
            put(c, o->bytes + (at - o->off), (size_t)(to - at), at);
        at = to;
    }
}

static bool in_folder(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    while (n > 2 && strcmp(folder + n - 2, "/.") == 0)
        n -= 2;
    return strncmp(path, folder, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

struct disk {
    struct content file[FILES_MAX];
    int name_of[FILES_MAX]; /* file -> index in names, -1 */
    char *name[FILES_MAX];  /* path -> file, as on disk */
    int at[FILES_MAX];
    int n;
};

static int name_slot(struct disk *d, const char *path)
{
    for (int i = 0; i < d->n; i++)
        if (strcmp(d->name[i], path) == 0)
            return i;
    assert_true(d->n < FILES_MAX);
    d->name[d->n] = strdup(path);
    d->at[d->n] = -1;
    return d->n++;
}

static void apply_name(struct disk *d, const struct op *o)
{
    int from = name_slot(d, o->path);

    if (o->kind == LINK)
        d->at[from] = o->file;
    else if (o->kind == UNLINK)
        d->at[from] = -1;
    else {
        d->at[name_slot(d, o->to)] = o->file;
        if (d->at[from] == o->file)
            d->at[from] = -1;
    }
}

static bool is_name(enum kind k)
{
    return k == LINK || k == RENAME || k == UNLINK;
}

/* Is ops[i] on disk for sure when ops[0..upto) were done? */
static bool synced(size_t i, size_t upto)
{
    for (size_t k = i + 1; k < upto; k++) {
        if (ops[k].kind == SYNCALL)
            return true;
        if (is_name(ops[i].kind)) {
            if (ops[k].kind == SYNCDIR &&
                in_folder(ops[i].to ? ops[i].to : ops[i].path, ops[k].path))
                return true;
        } else if (ops[k].kind == SYNC && ops[k].file == ops[i].file) {
            return true;
        }
    }
    return false;
}

static void make_folders(const char *path)
{
    char part[UT_PATH];

    for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
        mkdir(part, 0700);
    }
}

/* The disk after a power failure behind ops[0..upto), laid out under `to`. */
static void lay_out(size_t upto, const char *to)
{
    static const uint32_t regime[] = {0, 100, 50, 10, 90};
    struct disk *d = calloc(1, sizeof(*d));
    uint32_t keep = regime[dice(5)], names = dice(4); /* names: none, all, a prefix, any */
    bool lost = false;

    assert_non_null(d);
    for (size_t i = 0; i < upto; i++) {
        const struct op *o = &ops[i];

        if (o->kind == WRITE) {
            if (synced(i, upto))
                put(&d->file[o->file], o->bytes, o->n, o->off);
            else
                put_torn(&d->file[o->file], o, keep);
        } else if (o->kind == TRUNC) {
            if (synced(i, upto) || dice(100) < keep)
                cut(&d->file[o->file], o->off);
        } else if (is_name(o->kind)) {
            bool sure = synced(i, upto);
            bool there = sure || names == 1 || (names == 2 && !lost) || (names == 3 && dice(2));

            if (names == 2 && !sure && dice(8) == 0)
                lost = true;
            if (there)
                apply_name(d, o);
        }
    }
    for (int i = 0; i < d->n; i++) {
        char path[UT_PATH];

        if (d->at[i] < 0)
            continue;
        snprintf(path, sizeof(path), "%s%s", to, d->name[i] + strlen(root));
        make_folders(path);
        ut_write(path, d->file[d->at[i]].p ? (char *)d->file[d->at[i]].p : "", d->file[d->at[i]].n);
    }
    for (int i = 0; i < d->n; i++)
        free(d->name[i]);
    for (int i = 0; i < n_files; i++)
        free(d->file[i].p);
    free(d);
}

/* ---- checking ---- */

struct check {
    size_t upto;
    uint64_t found, leaves;
};

static enum base_status check_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct check *c = ctx;
    char want[1600];

    for (size_t i = 0; i < c->upto; i++) {
        if (ops[i].kind == ACK && ops[i].off == index) {
            leaf_of(want, (int)ops[i].n);
            assert_true(base_str_is(leaf, want));
            c->found++;
        }
    }
    c->leaves = index + 1;
    return BASE_OK;
}

static void check_copy(const char *dir, size_t state)
{
    char path[UT_PATH], seen[1000] = {0};
    uint64_t next, index;
    struct base_buf b;

    ut_join(path, dir, "sinks/copy.cursor");
    if (access(path, F_OK) != 0)
        return;
    b = ut_read(path);
    const char *at = memmem(b.p, b.n, "\nnext ", 6);
    if (!at)
        fail_msg("state %zu: a torn cursor", state);
    next = strtoull(at + 6, NULL, 10);
    base_buf_release(&b);
    ut_join(path, dir, "copy.jsonl");
    if (access(path, F_OK) == 0) {
        b = ut_read(path);
        struct base_str rest = base_buf_view(&b), line;
        while (rest.p && (line = base_str_cut(&rest, '\n')).p && rest.p)
            if (sscanf(line.p ? line.p : "", "{\"index\":%" SCNu64 ",", &index) == 1 &&
                index < sizeof(seen))
                seen[index] = 1;
        base_buf_release(&b);
    }
    for (uint64_t i = 0; i < next; i++)
        if (!seen[i])
            fail_msg("state %zu: the cursor says %d, record %d is not in the copy", state,
                     (int)next, (int)i);
}

static void check_state(const char *dir, size_t upto, size_t state)
{
    struct check c = {.upto = upto};
    struct base_err err = {0};
    struct aud_verify_report r;
    char conf[UT_PATH];
    uint64_t acked = 0;

    for (size_t i = 0; i < upto; i++)
        acked += ops[i].kind == ACK;
    ut_join(conf, dir, "log.conf");
    if (access(conf, F_OK) != 0 && acked > 0)
        fail_msg("state %zu: %d leaves were acknowledged and there is no log", state, (int)acked);
    check_copy(dir, state);
    if (ut_try_open(dir, &err) != BASE_OK)
        fail_msg("state %zu (after operation %zu): recovery: %s", state, upto, err.text);
    if (!ut_holds(dir, &r))
        fail_msg("state %zu (after operation %zu): after recovery: %s", state, upto, r.problem);
    assert_int_equal(r.open_intents, 0);
    assert_int_equal(aud_each(dir, 0, check_leaf, &c, NULL), BASE_OK);
    if (c.found != acked)
        fail_msg("state %zu: %d of %d acknowledged leaves are there", state, (int)c.found,
                 (int)acked);
}

static void test_power(void **state)
{
    const char *n = getenv("WEIR_POWER_STATES"), *s = getenv("WEIR_POWER_SEED");
    size_t states = n ? strtoull(n, NULL, 10) : 1000, writes = 0, acks = 0;
    char crash[UT_PATH], dir[UT_PATH];

    (void)state;
    seed = s ? strtoull(s, NULL, 10) : 20261122;
    for (int i = 0; i < FDS; i++)
        fds[i].file = -1;
    ut_dir(root);
    ut_join(dir, root, "log");
    atomic_store(&recording, true);
    tell_story(dir);
    atomic_store(&recording, false);
    for (size_t i = 0; i < n_ops; i++) {
        writes += ops[i].kind == WRITE;
        acks += ops[i].kind == ACK;
    }
    assert_int_equal(acks, LEAVES);
    ut_dir(crash);
    for (size_t i = 0; i < states; i++) {
        /* the last one: everything was done, and then the power failed */
        size_t upto = i == 0 ? n_ops : 1 + dice((uint32_t)n_ops);

        ut_rm(crash);
        mkdir(crash, 0700);
        ut_join(dir, crash, "log");
        mkdir(dir, 0700);
        lay_out(upto, crash);
        check_state(dir, upto, i);
    }
    print_message("%zu crash states of %zu operations (%zu writes), all recovered\n", states, n_ops,
                  writes);
    ut_rm(crash);
    ut_rm(root);
    for (size_t i = 0; i < n_kept_names; i++)
        free(kept_names[i]);
    free(kept_names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
