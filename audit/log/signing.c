/* signing.c - the process that holds the signing key and nothing else.
 *
 * Started by the supervisor with one socket, to the gateway. It loads (or makes) the key in its own
 * folder, closes everything else and gives up every system call but those to read and answer that
 * socket and to replace one file (seccomp): no network, no other process, no programs.
 *
 * It signs three texts only, all about trees it has followed itself: log.conf of a tree that is
 * still empty, and state and checkpoint of the size and root it holds. The root is never taken from
 * the asker: the keeper is given leaf hashes and computes it. So what it signs for an origin always
 * extends what it signed before, and a gateway that is taken over can add to the log but never make
 * two histories of it. What was signed stands in directory/signed, synced before the signature
 * leaves. Of a log's periods each number is signed under one name, in order, so that even a tree
 * which is no longer kept cannot be begun again:
 *
 *   weir-signing/1
 *   <origin> <size> <hex of the compact range's hashes, or ->       the newest AUD_TREES trees
 */
#include "audit/log/remote.h"

#include "audit/log/period.h"
#include "audit/log/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define AUD_TREES 4 /* a period, the one before, the next: and one to spare */

struct tree {
    char origin[AUD_NAME_MAX + 1];
    struct aud_range signed_, told; /* told: leaves that came since */
};

struct keeper {
    char dir[AUD_PATH_MAX];
    struct aud_skey key;
    struct tree tree[AUD_TREES]; /* newest first */
    size_t n;
    uint8_t *frame;
};

/* ---- what was signed ---- */

static enum base_status save(struct keeper *k, struct base_err *err)
{
    char path[AUD_PATH_MAX], hex[65];
    struct base_buf b;
    enum base_status st = aud_path(path, k->dir, "signed", err);

    base_buf_init(&b, 65536);
    base_buf_z(&b, "weir-signing/1\n");
    for (size_t i = 0; i < k->n; i++) {
        base_buf_printf(&b, "%s %" PRIu64 " ", k->tree[i].origin, k->tree[i].signed_.n);
        for (unsigned h = 0; h < aud_range_count(&k->tree[i].signed_); h++) {
            aud_hash_hex(&k->tree[i].signed_.h[h], hex);
            base_buf_z(&b, hex);
        }
        base_buf_z(&b, k->tree[i].signed_.n ? "\n" : "-\n");
    }
    if (st == BASE_OK && !base_buf_ok(&b))
        st = base_err_set(err, BASE_ENOMEM, "no memory");
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&b), 0600, err);
    base_buf_release(&b);
    return st;
}

static bool parse_tree(struct base_str line, struct tree *t)
{
    struct base_str origin = base_str_cut(&line, ' '), size = base_str_cut(&line, ' ');

    if (!aud_name_valid(origin) || !base_str_u64(size, &t->signed_.n))
        return false;
    memcpy(t->origin, origin.p, origin.n);
    unsigned count = aud_range_count(&t->signed_);
    if (line.n != (count ? count * 64 : 1))
        return false;
    for (unsigned i = 0; i < count * 32; i++) {
        unsigned byte;

        if (sscanf(line.p + 2 * (size_t)i, "%2x", &byte) != 1)
            return false;
        t->signed_.h[i / 32].b[i % 32] = (uint8_t)byte;
    }
    t->told = t->signed_;
    return true;
}

static enum base_status load(struct keeper *k, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf b;
    struct base_str rest;
    enum base_status st = aud_path(path, k->dir, "signed", err);

    base_buf_init(&b, 65536);
    if (st != BASE_OK || access(path, F_OK) != 0)
        return st;
    st = base_file_read(path, &b, err);
    rest = base_buf_view(&b);
    if (st == BASE_OK && !base_str_is(base_str_cut(&rest, '\n'), "weir-signing/1"))
        st = base_err_set(err, BASE_EINVAL, "%s is malformed", path);
    while (st == BASE_OK && rest.p && rest.n) {
        if (k->n == AUD_TREES || !parse_tree(base_str_cut(&rest, '\n'), &k->tree[k->n]))
            st = base_err_set(err, BASE_EINVAL, "%s is malformed", path);
        else
            k->n++;
    }
    base_buf_release(&b);
    return st;
}

static struct tree *tree_of(struct keeper *k, struct base_str origin)
{
    for (size_t i = 0; i < k->n; i++)
        if (base_str_is(origin, k->tree[i].origin))
            return &k->tree[i];
    return NULL;
}

/* Which period of the key's log it is: 1 for the key's own origin, 0 for none. */
static uint64_t period_of(const struct keeper *k, struct base_str origin)
{
    char name[AUD_NAME_MAX + 1];
    struct base_str base;
    uint64_t n;

    if (!aud_name_valid(origin))
        return 0;
    if (base_str_is(origin, k->key.vkey.name))
        return 1;
    snprintf(name, sizeof(name), "%.*s", BASE_FMT(origin));
    aud_origin_split(name, &base, &n);
    return n >= 2 && base_str_is(base, k->key.vkey.name) ? n : 0;
}

/* A period is begun once, under one name, and only after those before it: so a tree that we had to
 * forget cannot be signed again from its start. True: t, of which nothing is signed, may be. */
static bool may_begin(const struct keeper *k, const struct tree *t)
{
    uint64_t n = period_of(k, base_str_c(t->origin));

    for (size_t i = 0; i < k->n; i++) {
        if (k->tree[i].signed_.n > 0 && period_of(k, base_str_c(k->tree[i].origin)) >= n)
            return false;
    }
    return true;
}

static struct tree *tree_new(struct keeper *k, struct base_str origin)
{
    if (k->n == AUD_TREES) { /* one goes of which nothing is signed, or else the oldest */
        size_t out = k->n - 1;

        for (size_t i = 0; i < k->n; i++) {
            if (k->tree[i].signed_.n == 0)
                out = i;
        }
        k->n--;
        memmove(&k->tree[out], &k->tree[out + 1], (k->n - out) * sizeof(k->tree[0]));
    }
    memmove(&k->tree[1], &k->tree[0], k->n * sizeof(k->tree[0]));
    k->n++;
    memset(&k->tree[0], 0, sizeof(k->tree[0]));
    memcpy(k->tree[0].origin, origin.p, origin.n);
    return &k->tree[0];
}

/* ---- signing ---- */

static bool line(struct base_str *rest, const char *key, struct base_str *v)
{
    struct base_str l = rest->p ? base_str_cut(rest, '\n') : BASE_STR_NULL;

    *v = l;
    return base_str_is(base_str_cut(v, ' '), key) && v->p;
}

static bool next(struct base_str *rest, struct base_str *v)
{
    *v = rest->p ? base_str_cut(rest, '\n') : BASE_STR_NULL;
    return v->p != NULL;
}

/* May text be signed? *origin is whose tree it is about. */
static const char *judge(struct keeper *k, struct base_str text, char origin_z[AUD_NAME_MAX + 1])
{
    struct base_str rest = text, head = base_str_cut(&rest, '\n'), origin = head, size, root, v;
    struct aud_hash want = {{0}}, told;
    char mine[AUD_VKEY_MAX];
    uint64_t n = 0;
    struct tree *t;

    bool conf = base_str_is(head, "weir-audit-log/1");
    bool state = base_str_is(head, "weir-audit-state/1");
    if ((conf || state) && !line(&rest, "origin", &origin))
        return "a malformed text";
    if (!period_of(k, origin))
        return "not an origin of this key";
    snprintf(origin_z, AUD_NAME_MAX + 1, "%.*s", BASE_FMT(origin));
    t = tree_of(k, origin);
    if (conf) {
        struct aud_skey named;
        struct base_err err;

        if (t && t->signed_.n > 0)
            return "that log exists already";
        if (aud_skey_named(&k->key, origin_z, &named, &err) != BASE_OK ||
            !aud_vkey_print(&named.vkey, mine))
            return "a malformed text";
        aud_skey_wipe(&named);
        return line(&rest, "vkey", &v) && base_str_is(v, mine) ? NULL : "another key";
    }
    if (state ? !line(&rest, "size", &size) || !line(&rest, "root", &root)
              : !next(&rest, &size) || !next(&rest, &root) || rest.n != 0)
        return "a malformed text";
    if (!base_str_u64(size, &n) || aud_b64_decode(root, want.b, 32) != 32)
        return "a malformed text";
    if (!t)
        t = tree_new(k, origin);
    if (n < t->signed_.n)
        return "a size before the one that was signed";
    if (n == t->signed_.n)
        t->told = t->signed_;
    if (n != t->told.n)
        return "a size whose leaves were not told";
    if (n > 0 && t->signed_.n == 0 && !may_begin(k, t))
        return "a period that is not newer than those that were signed";
    aud_range_root(&t->told, &told);
    return aud_hash_eq(&told, &want) ? NULL : "another root than the leaves have";
}

static enum base_status sign_text(struct keeper *k, struct base_str text, uint8_t sig[64],
                                  const char **why, struct base_err *err)
{
    char origin[AUD_NAME_MAX + 1];
    struct tree *t;

    *why = judge(k, text, origin);
    if (*why)
        return BASE_OK;
    t = tree_of(k, base_str_c(origin));
    if (t && t->told.n != t->signed_.n) {
        t->signed_ = t->told;
        enum base_status st = save(k, err); /* before the signature leaves */
        if (st != BASE_OK)
            return st;
    }
    return aud_skey_sign(&k->key, text, sig, err);
}

/* ---- frames ---- */

static bool read_all(int fd, uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t got = read(fd, p, n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool answer(int fd, char type, const void *p, size_t n)
{
    uint8_t head[5];

    aud_put32(head, (uint32_t)n + 1);
    head[4] = (uint8_t)type;
    return base_write_all(fd, head, 5, NULL) == BASE_OK &&
           base_write_all(fd, p, n, NULL) == BASE_OK;
}

static bool refuse(int fd, const char *why)
{
    base_error("signer", "refused: %s", why);
    return answer(fd, 'e', why, strlen(why));
}

static bool on_extend(struct keeper *k, int fd, const uint8_t *p, size_t n)
{
    if (n < 9)
        return refuse(fd, "a malformed frame");
    uint64_t from = aud_get64(p);
    size_t hashes = 0, name = 8;

    /* the origin is what stands behind the hashes: it is no longer than a name and printable */
    hashes = (n - 8) / 32;
    for (; hashes > 0; hashes--) {
        name = 8 + hashes * 32;
        if (name < n && period_of(k, base_str_n(p + name, n - name)))
            break;
    }
    if (hashes == 0)
        return refuse(fd, "a malformed frame");
    struct base_str origin = base_str_n(p + name, n - name);
    struct tree *t = tree_of(k, origin);
    if (!t)
        t = tree_new(k, origin);
    if (from == t->signed_.n)
        t->told = t->signed_;
    if (from != t->told.n)
        return refuse(fd, "leaves that do not follow");
    for (size_t i = 0; i < hashes; i++) {
        struct aud_hash h;

        memcpy(h.b, p + 8 + 32 * i, 32);
        aud_range_add(&t->told, &h);
    }
    return answer(fd, 'x', "", 0);
}

static bool on_frame(struct keeper *k, int fd, char type, const uint8_t *p, size_t n)
{
    uint8_t out[32 + AUD_NAME_MAX];
    struct base_err err = {0};
    const char *why = NULL;

    if (type == 'H') {
        size_t name = strlen(k->key.vkey.name);

        memcpy(out, k->key.vkey.pub, 32);
        memcpy(out + 32, k->key.vkey.name, name);
        return answer(fd, 'h', out, 32 + name);
    }
    if (type == 'Q') {
        const struct tree *t = tree_of(k, base_str_n(p, n));

        aud_put64(out, t ? t->signed_.n : 0);
        return answer(fd, 'q', out, 8);
    }
    if (type == 'X')
        return on_extend(k, fd, p, n);
    if (type != 'S')
        return refuse(fd, "an unknown question");
    if (sign_text(k, base_str_n(p, n), out, &why, &err) != BASE_OK) {
        base_error("signer", "%s", err.text);
        return false; /* what is on disk is unknown: start again and read it */
    }
    return why ? refuse(fd, why) : answer(fd, 's', out, 64);
}

/* ---- the process ---- */

static bool shut_in(int fd)
{
    static const int calls[] = {
        SCMP_SYS(read),          SCMP_SYS(write),
        SCMP_SYS(close),         SCMP_SYS(fsync),
        SCMP_SYS(openat),        SCMP_SYS(open),
        SCMP_SYS(rename),        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),     SCMP_SYS(unlink),
        SCMP_SYS(fstat),         SCMP_SYS(newfstatat),
        SCMP_SYS(lseek),         SCMP_SYS(mmap),
        SCMP_SYS(munmap),        SCMP_SYS(brk),
        SCMP_SYS(mprotect),      SCMP_SYS(futex),
        SCMP_SYS(getrandom),     SCMP_SYS(madvise),
        SCMP_SYS(exit),          SCMP_SYS(exit_group),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
        SCMP_SYS(getpid),        SCMP_SYS(gettid),
        SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(fchmod),        SCMP_SYS(rseq),
        SCMP_SYS(fdatasync),     SCMP_SYS(access),
        SCMP_SYS(faccessat2),    SCMP_SYS(restart_syscall),
        SCMP_SYS(geteuid),       SCMP_SYS(fchown)}; /* base_file_replace keeps a file's owner */
    const struct rlimit none = {0, 0};
    scmp_filter_ctx f;
    bool ok = true;

    if (fd != 3 && (dup2(fd, 3) != 3 || close(fd) != 0))
        return false;
    (void)close_range(4, ~0u, 0);
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return false;
    f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    for (size_t i = 0; f && i < sizeof(calls) / sizeof(calls[0]) && ok; i++)
        ok = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    /* a log line asks whether standard error is a terminal */
    ok = f && ok &&
         seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TCGETS)) == 0;
    ok = ok && seccomp_load(f) == 0;
    if (f)
        seccomp_release(f);
    return ok;
}

static enum base_status prepare(struct keeper *k, const char *directory, const char *origin,
                                struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, directory, "keys", err);

    snprintf(k->dir, sizeof(k->dir), "%s", directory);
    if (st == BASE_OK)
        st = base_mkdirs(path, err);
    if (st == BASE_OK)
        st = aud_path(path, directory, "keys/log.key", err);
    if (st == BASE_OK)
        st = access(path, F_OK) == 0 ? aud_key_load(directory, &k->key, err)
                                     : aud_key_make(directory, origin, &k->key, err);
    if (st == BASE_OK && strcmp(k->key.vkey.name, origin) != 0)
        st = base_err_set(err, BASE_EINVAL, "%s belongs to %s", path, k->key.vkey.name);
    if (st == BASE_OK)
        st = load(k, err);
    k->frame = malloc(AUD_REMOTE_FRAME_MAX);
    if (st == BASE_OK && !k->frame)
        st = base_err_set(err, BASE_ENOMEM, "no memory");
    return st;
}

int aud_signing_main(const char *directory, const char *origin, int fd, bool lock_down)
{
    struct keeper *k = calloc(1, sizeof(*k));
    struct base_err err = {0};
    uint8_t head[5];
    int rc = 1;

    if (!k || prepare(k, directory, origin, &err) != BASE_OK) {
        base_error("signer", "%s", k ? err.text : "no memory");
        rc = 2;
        goto out;
    }
    signal(SIGPIPE, SIG_IGN);
    if (lock_down) {
        char warm[BASE_RFC3339_MAX]; /* whatever libc reads once, it reads now */

        (void)base_rfc3339(base_wall_us(), warm);
        base_info("signer", "holds the key of %s; ready since %s", origin, warm);
        if (!shut_in(fd)) {
            base_error("signer", "cannot give up its rights: %s", strerror(errno));
            goto out;
        }
        fd = 3;
    }
    while (read_all(fd, head, 5)) {
        uint32_t n = aud_get32(head);

        if (n < 1 || n > AUD_REMOTE_FRAME_MAX || !read_all(fd, k->frame, n - 1) ||
            !on_frame(k, fd, (char)head[4], k->frame, n - 1))
            goto out;
    }
    rc = 0;
out:
    if (k) {
        aud_skey_wipe(&k->key);
        free(k->frame);
    }
    free(k);
    return rc;
}
