/* spool_replay.c - records come back from a spool (spool.c has what one is). Runs while the first
 * log is opened, on that thread, before its writer exists.
 *
 * The next open of the first log appends the rest, then log.replayed {base, leaves, root,
 * spool, why}, and renames the spool to NAME.replayed, which is kept until somebody deletes it. A
 * crash in between repeats nothing: what is there is compared, not appended. A spool of another log
 * is left alone; one that does not fit (the first log is shorter than base, or has another root
 * there) stops the open: something was taken away.
 */
#include "audit/log/spool_replay.h"

#include "audit/log/leaf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_DONE ".replayed"

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *f)
{
    (void)sb;
    (void)type;
    (void)f;
    return remove(path);
}

/* log.conf first: what dies on the way leaves nothing that looks like a log. */
void aud_spool_remove(const char *dir)
{
    char conf[AUD_PATH_MAX + 16];

    snprintf(conf, sizeof(conf), "%s/log.conf", dir);
    unlink(conf);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct replay {
    struct aud_core *core;
    enum base_status (*note)(void *ctx, const struct aud_leaf_ref *ref, struct base_err *err);
    void *ctx;
    const char *dir, *name; /* of the spool */
    uint64_t base, had;     /* had: the first log's size before */
    uint64_t taken;         /* leaves seen */
    bool begun, already;
    struct aud_hash root; /* of the first log at base */
    char why[300];
    struct aud_cursor old; /* the first log, from base on */
    size_t old_at;
    bool old_open;
};

/* Leaf `index` of the first log; indexes ascend. NULL: none or unreadable. */
static const struct aud_leaf_ref *old_leaf(struct replay *r, uint64_t index)
{
    for (;;) {
        for (; r->old_at < r->old.n_leaves; r->old_at++) {
            if (r->old.leaves[r->old_at].index == index)
                return &r->old.leaves[r->old_at];
        }
        r->old_at = 0;
        if (aud_cursor_next(&r->old, NULL) != BASE_OK) {
            r->old.n_leaves = 0;
            return NULL;
        }
    }
}

/* Is the first log, at base, what the spool says it continues? */
static enum base_status check_base(struct replay *r, struct base_err *err)
{
    struct aud_hash root;
    enum base_status st;

    if (r->base > r->had)
        return base_err_set(err, BASE_EINVAL,
                            "the spool %s continues this log at record %" PRIu64
                            " but it has %" PRIu64 ": records are gone (rollback or damage)",
                            r->name, r->base, r->had);
    st = aud_cursor_open(&r->old, r->core->dir, r->base, NULL, err);
    r->old_open = true;
    while (st == BASE_OK && r->old.pos.tree.n < r->base)
        st = aud_cursor_next(&r->old, err);
    aud_range_root(&r->old.pos.tree, &root);
    r->old_at = r->old.n_leaves; /* what was read stands before base */
    if (st != BASE_OK || r->old.pos.tree.n != r->base || !aud_hash_eq(&root, &r->root))
        return base_err_set(err, BASE_EINVAL,
                            "the spool %s continues a log with another root at size %" PRIu64
                            ": fork or damage",
                            r->name, r->base);
    return BASE_OK;
}

static bool begin_parse(struct replay *r, struct base_str leaf, bool *ours)
{
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES, NULL);
    const char *ev = json_string_value(json_object_get(o, "ev"));
    const char *log = json_string_value(json_object_get(o, "log"));
    const char *root = json_string_value(json_object_get(o, "root"));
    const char *why = json_string_value(json_object_get(o, "why"));
    const json_t *base = json_object_get(o, "base");
    char id[65];
    bool ok = ev && log && root && why && json_is_integer(base) && strcmp(ev, "log.spool") == 0 &&
              strlen(root) == 64 && json_integer_value(base) >= 0;

    if (ok) {
        aud_hash_hex(&r->core->conf.id, id);
        *ours = strcmp(id, log) == 0;
        r->base = (uint64_t)json_integer_value(base);
        snprintf(r->why, sizeof(r->why), "%s", why);
        for (size_t i = 0; i < 32 && ok; i++) {
            unsigned byte;

            ok = sscanf(root + 2 * i, "%2x", &byte) == 1;
            r->root.b[i] = (uint8_t)byte;
        }
    }
    json_decref(o);
    return ok;
}

static enum base_status replay_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct replay *r = ctx;
    uint64_t to = r->base + r->taken;
    struct aud_leaf l;
    struct base_err err;

    if (index < AUD_SPOOL_OWN)
        return BASE_OK;
    if (!aud_leaf_parse(leaf, &l))
        return BASE_EINVAL;
    if (base_str_is(l.ev, "log.close"))
        return BASE_DONE; /* the spool's own */
    if (to < r->had) {
        const struct aud_leaf_ref *old = old_leaf(r, to);

        if (!old || !base_str_eq(old->bytes, leaf)) {
            base_error("audit", "record %" PRIu64 " of the log is not the one in the spool %s", to,
                       r->name);
            return BASE_EINVAL;
        }
    } else {
        const struct aud_leaf_ref ref = {to, leaf};

        if (aud_core_append(r->core, leaf, &err) != BASE_OK ||
            r->note(r->ctx, &ref, &err) != BASE_OK) {
            base_error("audit", "%s", err.text);
            return BASE_EIO;
        }
    }
    r->taken++;
    return BASE_OK;
}

/* Was log.replayed for this spool written before the last process died? */
static bool already_replayed(struct replay *r)
{
    const struct aud_leaf_ref *l;
    uint64_t at = r->base + r->taken;
    char want[400];

    snprintf(want, sizeof(want), "\"spool\":\"%s\"", r->name);
    for (; at < r->had && (l = old_leaf(r, at)) != NULL; at++) {
        if (memmem(l->bytes.p, l->bytes.n, "\"ev\":\"log.replayed\"", 19) &&
            memmem(l->bytes.p, l->bytes.n, want, strlen(want)))
            return true;
    }
    return false;
}

static enum base_status say_replayed(struct replay *r, const struct aud_verify_report *v,
                                     struct base_err *err)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "base", (int64_t)r->base);
    base_json_kz(&j, "ev", "log.replayed");
    base_json_kint(&j, "leaves", (int64_t)r->taken);
    base_json_kz(&j, "req", "");
    base_json_kz(&j, "root", v->root_hex);
    base_json_kint(&j, "size", (int64_t)v->size_signed);
    base_json_kz(&j, "spool", r->name);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kz(&j, "why", r->why);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&b) ? aud_core_append(r->core, base_buf_view(&b), err)
                                          : base_err_set(err, BASE_ENOMEM, "no memory for a leaf");
    base_buf_release(&b);
    return st == BASE_OK ? aud_wal_commit(&r->core->wal, err) : st;
}

struct first {
    struct base_buf begin;
    uint64_t n;
};

static enum base_status first_leaves(void *ctx, uint64_t index, struct base_str leaf)
{
    struct first *f = ctx;

    f->n = index + 1;
    if (index == 1)
        base_buf_str(&f->begin, leaf);
    return index < 1 ? BASE_OK : BASE_DONE;
}

static enum base_status set_aside(const char *dir, const char *name, struct base_err *err)
{
    char from[AUD_PATH_MAX], to[AUD_PATH_MAX + 16];
    enum base_status st = aud_path(from, dir, name, err);

    if (st != BASE_OK)
        return st;
    snprintf(to, sizeof(to), "%s" SPOOL_DONE, from);
    if (rename(from, to) != 0)
        return base_err_sys(err, "rename %s", from);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        st = base_err_sys(err, "fsync %s", dir);
    if (fd >= 0)
        close(fd);
    return st;
}

/* One spool: its records into the log. */
static enum base_status replay_one(struct replay *r, struct base_err *err)
{
    struct aud_verify_report v;
    struct base_err why = {0};
    enum base_status st = aud_verify(r->dir, NULL, &v, &why);

    if (st != BASE_OK || !v.holds)
        return base_err_set(err, BASE_EINVAL, "the spool %s does not hold: %s", r->dir,
                            st != BASE_OK ? why.text : v.problem);
    st = check_base(r, err);
    if (st != BASE_OK)
        return st;
    st = aud_each(r->dir, 0, replay_leaf, r, &why);
    if (st != BASE_OK && st != BASE_DONE)
        return base_err_set(err, BASE_EINVAL, "the spool %s cannot be replayed: %s", r->dir,
                            why.text[0] ? why.text : "see the line before");
    if (!already_replayed(r)) {
        st = say_replayed(r, &v, err);
        if (st != BASE_OK)
            return st;
        base_warn("audit", "%" PRIu64 " records came back from the spool %s", r->taken, r->name);
    }
    return BASE_OK;
}

/* A process (this one too) has it open. */
static bool in_use(const char *dir)
{
    char path[AUD_PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/LOCK", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return held;
}

/* One entry of the spool folder. */
static enum base_status look_at(struct replay *r, const char *folder, struct base_err *err)
{
    struct first f = {.n = 0};
    char path[AUD_PATH_MAX], conf[AUD_PATH_MAX + 16];
    struct stat sb;
    bool ours = false;
    enum base_status st = aud_path(path, folder, r->name, err);

    if (st != BASE_OK)
        return st;
    if (in_use(path))
        return BASE_OK;
    r->dir = path;
    snprintf(conf, sizeof(conf), "%s/log.conf", path);
    struct base_err why = {0};
    base_buf_init(&f.begin, AUD_LEAF_BYTES_MAX);
    bool there = stat(conf, &sb) == 0;
    bool broken = there && aud_each(path, 0, first_leaves, &f, &why) == BASE_EINVAL;
    bool closed = f.n == 2 && f.begin.n && memmem(f.begin.p, f.begin.n, "\"log.close\"", 11);
    if (broken || (f.n > 1 && !closed)) {
        if (f.n < 2 || !begin_parse(r, base_buf_view(&f.begin), &ours))
            st = base_err_set(err, BASE_EINVAL, "%s is no spool that can be read: %.200s", path,
                              broken ? why.text : "it does not begin with log.spool");
        else if (ours)
            st = replay_one(r, err);
        else
            base_warn("audit", "%s is the spool of another log; left alone", path);
        if (st == BASE_OK && ours)
            st = set_aside(folder, r->name, err);
    } else { /* made ahead by a process that died, and never needed */
        aud_spool_remove(path);
    }
    base_buf_release(&f.begin);
    if (r->old_open)
        aud_cursor_release(&r->old);
    return st;
}

static int is_spool(const struct dirent *e)
{
    return strncmp(e->d_name, "spool-", 6) == 0 && !strstr(e->d_name, SPOOL_DONE);
}

enum base_status aud_spool_replay(struct aud_core *c,
                                  enum base_status (*note)(void *ctx,
                                                           const struct aud_leaf_ref *ref,
                                                           struct base_err *err),
                                  void *ctx, struct base_err *err)
{
    struct dirent **list = NULL;
    enum base_status st = BASE_OK;
    int n = scandir(c->spool, &list, is_spool, alphasort); /* UUIDv7: oldest first */

    if (n < 0 && errno != ENOENT)
        return base_err_sys(err, "%s", c->spool);
    for (int i = 0; i < n; i++) {
        struct replay r = {.core = c, .note = note, .ctx = ctx, .name = list[i]->d_name};

        r.had = c->wal.pos.tree.n;
        if (st == BASE_OK)
            st = look_at(&r, c->spool, err);
    }
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
    return st;
}
