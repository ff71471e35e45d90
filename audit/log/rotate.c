/* rotate.c - from one period to the next without losing or holding up a record.
 *
 * What is slow is done ahead (a zero-filled segment, a key, three small signed files) or afterwards
 * (tiles, the last signatures of the old period, moving files). The writer itself makes log.end
 * durable, log.begin durable in next.part/, renames that to next/ and syncs the folder: three
 * syncs, about what a new segment costs; records wait in the ring meanwhile.
 *
 * Invariants: no record is acknowledged in a period before next/ is durable; nothing follows
 * log.end in its period; the checkpoint inside log.begin is of a size that is durable. Files are
 * moved in two rounds with a sync between them, so that each file of evidence has at any moment
 * exactly one of the two places that aud_read_path looks at: old ones in DIR or periods/NNNN, new
 * ones in next/ or DIR. Errors are final for the log, as everywhere.
 */
#include "audit/log/rotate.h"

#include "audit/log/leaf.h"
#include "audit/log/remote.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const moved[] = {"tile", "witnessed", "wal", "checkpoint", "state", "log.conf"};
#define N_MOVED (sizeof(moved) / sizeof(moved[0]))

static enum base_status sync_dir(const char *dir, const char *name, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, dir, name, err);

    if (st != BASE_OK)
        return st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return base_err_sys(err, "%s", path);
    if (fsync(fd) != 0)
        st = base_err_sys(err, "fsync %s", path);
    close(fd);
    return st;
}

static enum base_status move(const char *dir, const char *from, const char *to,
                             struct base_err *err)
{
    char a[AUD_PATH_MAX], b[AUD_PATH_MAX];
    enum base_status st = aud_path(a, dir, from, err);

    if (st == BASE_OK)
        st = aud_path(b, dir, to, err);
    if (st == BASE_OK && rename(a, b) != 0)
        st = base_err_sys(err, "rename %s to %s", a, b);
    return st;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *f)
{
    (void)sb;
    (void)type;
    (void)f;
    return remove(path);
}

static enum base_status remove_tree(const char *dir, const char *name, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, dir, name, err);

    if (st == BASE_OK && aud_there(dir, name) &&
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        st = base_err_sys(err, "remove %s", path);
    return st;
}

/* ---- prepare ---- */

static enum base_status make_files(struct aud_next *n, const char *part, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct base_buf file;
    struct aud_core view = {.lock_fd = -1}; /* only to take a snapshot of the empty log */
    enum base_status st;

    base_buf_init(&file, AUD_NOTE_MAX);
    st = aud_conf_make(&n->key, (uint64_t)base_wall_us(), &file, &n->wal.log_id, err);
    if (st == BASE_OK)
        st = aud_wal_create(&n->wal, NULL, err);
    if (st == BASE_OK) {
        view.wal.pos = n->wal.pos;
        aud_core_snapshot(&view, &n->empty);
        st = aud_state_save(part, &n->key, &n->empty, err);
    }
    if (st == BASE_OK)
        st = aud_checkpoint_save(part, &n->key, &n->empty, err);
    if (st == BASE_OK)
        st = aud_path(path, part, "log.conf", err);
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&file), 0644, err);
    if (st == BASE_OK)
        st = aud_conf_load(part, BASE_STR_NULL, &n->conf, err);
    base_buf_release(&file);
    return st;
}

enum base_status aud_next_prepare(const struct aud_core *c, struct aud_next *n,
                                  struct base_err *err)
{
    char part[AUD_PATH_MAX], wal[AUD_PATH_MAX], origin[AUD_NAME_MAX + 1];
    struct base_str base;
    uint64_t period;
    enum base_status st = remove_tree(c->dir, AUD_NEXT_PART, err);

    memset(n, 0, sizeof(*n));
    n->wal.fd = n->wal.dir_fd = -1;
    aud_origin_split(c->conf.origin, &base, &period);
    if (st == BASE_OK)
        st = aud_origin_make(base, period + 1, base_wall_us(), origin, err);
    if (st == BASE_OK)
        st = aud_skey_named(&c->key, origin, &n->key, err);
    if (st == BASE_OK)
        st = aud_path(part, c->dir, AUD_NEXT_PART, err);
    if (st == BASE_OK)
        st = aud_path(wal, part, "wal", err);
    if (st == BASE_OK)
        st = base_mkdirs(wal, err);
    if (st == BASE_OK)
        st = aud_wal_init(&n->wal, part, c->wal.segment_bytes, err);
    if (st == BASE_OK)
        st = make_files(n, part, err);
    n->ready = st == BASE_OK;
    if (st != BASE_OK)
        aud_next_release(n);
    return st;
}

void aud_next_release(struct aud_next *n)
{
    aud_wal_release(&n->wal);
    aud_skey_wipe(&n->key);
    n->ready = false;
}

/* ---- begin ---- */

static enum base_status append(struct aud_wal *w, struct base_buf *b, bool made,
                               struct base_err *err)
{
    if (!made)
        return base_err_set(err, BASE_ENOMEM, "no memory for a record of the log");
    for (int tries = 0; tries < 3; tries++) {
        if (aud_wal_leaf(w, base_buf_view(b)) == BASE_OK)
            return BASE_OK;
        enum base_status st = w->buf_leaves ? aud_wal_commit(w, err) : aud_wal_rotate(w, err);
        if (st != BASE_OK)
            return st;
    }
    return base_err_set(err, BASE_LIMIT, "a leaf of %zu bytes does not fit a segment", b->n);
}

/* log.begin and log.carried, durable. */
static enum base_status first_leaves(const struct aud_core *c, struct aud_next *n,
                                     const struct aud_intents *open, const struct aud_state *old,
                                     struct base_err *err)
{
    struct aud_begin begin = {.period = c->period + 1, .before = c->before + old->size};
    struct aud_intent **list = NULL;
    struct base_buf b;
    enum base_status st;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_buf_init(&begin.note, AUD_NOTE_MAX);
    st = aud_checkpoint_note(&c->key, old, &begin.note, err);
    if (st == BASE_OK)
        st = append(&n->wal, &b, aud_leaf_begin(&b, &begin), err);
    if (st == BASE_OK && aud_intents_sorted(open, &list) != BASE_OK)
        st = base_err_set(err, BASE_ENOMEM, "no memory for open intents");
    for (size_t i = 0, k; st == BASE_OK && i < open->n; i += k) {
        base_buf_clear(&b);
        k = aud_leaf_carried(&b, list + i, open->n - i);
        st = append(&n->wal, &b, k > 0, err);
    }
    if (st == BASE_OK)
        st = aud_wal_commit(&n->wal, err);
    free(list);
    base_buf_release(&begin.note);
    base_buf_release(&b);
    return st;
}

enum base_status aud_next_begin(struct aud_core *c, struct aud_next *n,
                                const struct aud_intents *open, struct aud_closing *old,
                                struct base_err *err)
{
    enum base_status st;

    aud_core_snapshot(c, &old->state);
    old->key = c->key;
    old->period = c->period;
    st = first_leaves(c, n, open, &old->state, err);
    if (st == BASE_OK)
        st = move(c->dir, AUD_NEXT_PART, AUD_NEXT, err);
    if (st == BASE_OK)
        st = sync_dir(c->dir, ".", err);
    if (st != BASE_OK)
        return st;
    aud_wal_release(&c->wal);
    c->wal = n->wal;
    c->key = n->key;
    c->conf = n->conf;
    c->before += old->state.size;
    c->period++;
    n->wal.fd = n->wal.dir_fd = -1;
    n->wal.pos.sha = NULL;
    base_buf_init(&n->wal.buf, 0);
    aud_next_release(n);
    return BASE_OK;
}

/* ---- finish ---- */

static enum base_status unlink_in(const char *dir, const char *name, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, dir, name, err);

    if (st == BASE_OK && unlink(path) != 0 && errno != ENOENT)
        st = base_err_sys(err, "unlink %s", path);
    return st;
}

enum base_status aud_next_sign_old(const char *dir, const struct aud_closing *old,
                                   struct aud_tiler *tiler, struct base_err *err)
{
    struct aud_state s = old->state;
    enum base_status st;

    st = unlink_in(dir, "wal/" AUD_WAL_SPARE, err);
    if (st == BASE_OK)
        st = unlink_in(dir, "wal/" AUD_WAL_SPARE_PART, err);
    if (st == BASE_OK)
        st = aud_state_save(dir, &old->key, &s, err);
    while (st == BASE_OK && aud_tiler_size(tiler) < s.size) {
        st = aud_tiler_step(tiler, s.size, UINT64_MAX, err);
        if (st == BASE_AGAIN)
            st = BASE_OK;
    }
    if (st == BASE_OK)
        st = aud_tiler_flush(tiler, err);
    if (st == BASE_OK)
        st = aud_checkpoint_save(dir, &old->key, &s, err);
    if (st == BASE_OK)
        st = aud_tiles_sync(dir, err);
    s.clean = true;
    if (st == BASE_OK)
        st = aud_state_save(dir, &old->key, &s, err);
    return st;
}

static enum base_status move_all(const char *dir, uint64_t old_period, struct base_err *err)
{
    char path[AUD_PATH_MAX], closed[64], from[80], to[80];
    enum base_status st;

    snprintf(closed, sizeof(closed), "periods/%04" PRIu64, old_period);
    st = aud_path(path, dir, closed, err);
    if (st == BASE_OK)
        st = base_mkdirs(path, err);
    /* the first round, while what is in DIR is the old period's: whatever next/ still has a
     * successor for, and tile/ and witnessed, which have none */
    bool first = aud_there(dir, AUD_NEXT "/log.conf") && aud_there(dir, AUD_NEXT "/wal");
    for (size_t i = 0; st == BASE_OK && i < N_MOVED; i++) {
        snprintf(from, sizeof(from), AUD_NEXT "/%s", moved[i]);
        snprintf(to, sizeof(to), "%s/%s", closed, moved[i]);
        if (aud_there(dir, moved[i]) && !aud_there(dir, to) &&
            (aud_there(dir, from) || (i < 2 && first)))
            st = move(dir, moved[i], to, err);
    }
    if (st == BASE_OK)
        st = sync_dir(dir, closed, err);
    if (st == BASE_OK)
        st = sync_dir(dir, "periods", err);
    if (st == BASE_OK)
        st = sync_dir(dir, ".", err);
    for (size_t i = 0; st == BASE_OK && i < N_MOVED; i++) {
        snprintf(from, sizeof(from), AUD_NEXT "/%s", moved[i]);
        if (!aud_there(dir, from))
            continue;
        if (aud_there(dir, moved[i]))
            st = base_err_set(err, BASE_EINVAL, "%s: is there and in " AUD_NEXT "/ and in %s/",
                              moved[i], closed);
        else
            st = move(dir, from, moved[i], err);
    }
    if (st == BASE_OK)
        st = sync_dir(dir, ".", err);
    if (st == BASE_OK)
        st = remove_tree(dir, AUD_NEXT, err);
    return st == BASE_OK ? sync_dir(dir, ".", err) : st;
}

enum base_status aud_next_move(const char *dir, uint64_t old_period, struct base_err *err)
{
    pthread_mutex_lock(&aud_checkpoint_mu);
    enum base_status st = move_all(dir, old_period, err);
    pthread_mutex_unlock(&aud_checkpoint_mu);
    return st;
}

/* ---- at open ---- */

/* Reads the closing period to its end: it must be what log.begin says. */
static enum base_status read_to_end(const char *dir, const struct aud_conf *conf,
                                    const struct aud_checkpoint *end, struct aud_state *out,
                                    struct base_err *err)
{
    struct aud_cursor cur;
    struct aud_core view = {.lock_fd = -1};
    enum base_status st = aud_cursor_open(&cur, dir, end->size - 1, &conf->id, err);

    while (st == BASE_OK && cur.pos.tree.n < end->size)
        st = aud_cursor_next(&cur, err);
    if (st == BASE_OK) {
        view.wal.pos = cur.pos;
        aud_core_snapshot(&view, out);
    }
    if (st == BASE_DONE ||
        (st == BASE_OK && (out->size != end->size || !aud_hash_eq(&out->root, &end->root))))
        st = base_err_set(err, BASE_EINVAL,
                          "%s: does not end with the %" PRIu64 " records that log.begin names",
                          conf->origin, end->size);
    aud_cursor_release(&cur);
    return st;
}

static enum base_status first_leaf(const char *dir, const struct aud_conf *conf,
                                   struct aud_begin *out, struct base_err *err)
{
    struct aud_cursor cur;
    enum base_status st = aud_cursor_open(&cur, dir, 0, &conf->id, err);

    if (st == BASE_OK)
        st = aud_cursor_next(&cur, err);
    if (st == BASE_DONE || (st == BASE_OK && !aud_begin_parse(cur.leaves[0].bytes, out)))
        st = base_err_set(err, BASE_EINVAL, "%s: does not begin with log.begin", conf->origin);
    aud_cursor_release(&cur);
    return st;
}

static enum base_status close_old(const char *dir, const struct aud_conf *conf,
                                  const struct aud_checkpoint *end, struct aud_remote *remote,
                                  struct base_err *err)
{
    struct aud_closing old = {.period = 0};
    struct aud_conf oldc;
    struct aud_state state;
    struct aud_skey base_key;
    enum base_status st = aud_conf_load(dir, BASE_STR_NULL, &oldc, err);

    if (st == BASE_OK)
        st = aud_state_load(dir, &oldc, &state, err);
    if (st != BASE_OK || state.clean)
        return st;
    st = aud_key_take(dir, remote, &base_key, err);
    if (st == BASE_OK && !aud_period_key(&base_key.vkey, &conf->vkey))
        st = base_err_set(err, BASE_EINVAL, "keys/log.key is not the key of log.conf");
    if (st == BASE_OK)
        st = aud_skey_named(&base_key, oldc.origin, &old.key, err);
    if (st == BASE_OK)
        st = read_to_end(dir, &oldc, end, &old.state, err);
    if (st == BASE_OK && old.state.size < state.size)
        st = base_err_set(err, BASE_EINVAL,
                          "%s: %" PRIu64 " records were signed, log.begin has "
                          "%" PRIu64,
                          oldc.origin, state.size, old.state.size);
    struct aud_tiler *t = st == BASE_OK ? aud_tiler_new(dir) : NULL;
    if (st == BASE_OK)
        st = t ? aud_next_sign_old(dir, &old, t, err)
               : base_err_set(err, BASE_ENOMEM, "no memory for tiles");
    aud_tiler_free(t);
    aud_skey_wipe(&base_key);
    aud_skey_wipe(&old.key);
    return st;
}

enum base_status aud_next_settle(const char *dir, struct base_str base, struct aud_remote *remote,
                                 struct base_err *err)
{
    char next[AUD_PATH_MAX], closed[64];
    struct aud_conf conf;
    struct aud_begin begin = {.period = 0};
    struct aud_checkpoint end;
    struct base_str have;
    uint64_t period = 0;
    enum base_status st = remove_tree(dir, AUD_NEXT_PART, err);

    if (st == BASE_OK)
        st = remove_tree(dir, AUD_DROPPED, err);
    if (st == BASE_OK)
        st = aud_path(next, dir, AUD_NEXT, err);
    if (st != BASE_OK || !aud_there(dir, AUD_NEXT))
        return st;
    if (!aud_there(next, "log.conf") && !aud_there(next, "wal"))
        return remove_tree(dir, AUD_NEXT, err); /* all had been moved */
    st = aud_conf_load(next, BASE_STR_NULL, &conf, err);
    if (st == BASE_OK) {
        aud_origin_split(conf.origin, &have, &period);
        if (!base_str_eq(have, base) || period < 2)
            st = base_err_set(err, BASE_EINVAL, AUD_NEXT "/ is the log of %s", conf.origin);
    }
    if (st == BASE_OK)
        st = first_leaf(next, &conf, &begin, err);
    if (st == BASE_OK && begin.period != period)
        st = base_err_set(err, BASE_EINVAL, AUD_NEXT "/: log.begin is of another period");
    if (st == BASE_OK)
        st = aud_begin_checkpoint(&begin, &conf.vkey, &end, err);
    snprintf(closed, sizeof(closed), "periods/%04" PRIu64, period - 1);
    if (st == BASE_OK && aud_there(next, "log.conf") && aud_there(next, "wal") &&
        !aud_there(dir, closed))
        st = close_old(dir, &conf, &end, remote, err);
    if (st == BASE_OK)
        st = aud_next_move(dir, period - 1, err);
    aud_begin_release(&begin);
    return st;
}

/* ---- retention ---- */

enum base_status aud_period_drop(const char *dir, uint64_t period, struct base_err *err)
{
    char closed[64];
    enum base_status st = remove_tree(dir, AUD_DROPPED, err);

    snprintf(closed, sizeof(closed), "periods/%04" PRIu64, period);
    if (st == BASE_OK)
        st = move(dir, closed, AUD_DROPPED, err);
    if (st == BASE_OK)
        st = sync_dir(dir, "periods", err);
    if (st == BASE_OK)
        st = sync_dir(dir, ".", err);
    return st == BASE_OK ? remove_tree(dir, AUD_DROPPED, err) : st;
}
