/* wal.c - appending to the write-ahead log. Owned by the writer thread alone (and by recovery
 * before that thread exists).
 *
 * A segment is a file of fixed size, zero-filled and synced before its first record, so that
 * fdatasync has data to flush and no metadata. Records are frames behind a header; a batch of LEAF
 * frames counts only together with the COMMIT frame that ends it. One pwrite and one fdatasync per
 * batch; the next batch is not begun before the previous one is durable, so at most one batch can
 * ever be torn. When a batch does not fit any more the segment gets a SEAL and the next one starts
 * with the compact range of the tree so far and the SHA-256 of the sealed one.
 *
 * Any error from write, fdatasync or rename is final: the page cache may have dropped what it
 * could not write, and a second fdatasync would lie. The caller fails the log.
 */
#include "audit/log/wal.h"

#include "base/clock.h"
#include "base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const uint8_t zeros[65536];

static enum base_status pwrite_all(int fd, const void *p, size_t n, uint64_t off, const char *what,
                                   struct base_err *err)
{
    const uint8_t *b = p;

    while (n > 0) {
        ssize_t k = pwrite(fd, b, n, (off_t)off);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            if (k == 0)
                errno = EIO;
            return base_err_sys(err, "write %s", what);
        }
        b += k;
        n -= (size_t)k;
        off += (uint64_t)k;
    }
    return BASE_OK;
}

static enum base_status zero_fill(int fd, uint64_t from, uint64_t to, const char *what,
                                  struct base_err *err)
{
    enum base_status st = BASE_OK;

    while (from < to && st == BASE_OK) {
        size_t n = to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);

        st = pwrite_all(fd, zeros, n, from, what, err);
        from += n;
    }
    return st;
}

/* What this process may still write there; without an answer, enough. */
static uint64_t room(int dir_fd)
{
    struct statvfs v;

    if (fstatvfs(dir_fd, &v) != 0)
        return UINT64_MAX;
    return (uint64_t)(geteuid() == 0 ? v.f_bfree : v.f_bavail) * v.f_frsize;
}

/* A failure that a full disk is to blame for says so, with figures and the way out. */
static enum base_status tell_room(int dir_fd, uint64_t bytes, enum base_status st,
                                  struct base_err *err)
{
    if (st == BASE_OK || !err || (err->sys != ENOSPC && err->sys != EDQUOT))
        return st;
    int sys = err->sys;
    unsigned long long mib = room(dir_fd) >> 20;
    char text[sizeof(err->text)];
    memcpy(text, err->text, sizeof(text));
    st = base_err_set(err, st,
                      "%.200s: the log's disk has no room for a segment of %llu MiB (%llu MiB are "
                      "free): make room, or make segments smaller (audit: segment_mib)",
                      text, (unsigned long long)(bytes >> 20), mib);
    err->sys = sys;
    return st;
}

enum base_status aud_wal_init(struct aud_wal *w, const char *dir, uint64_t segment_bytes,
                              struct base_err *err)
{
    char path[4096];

    memset(w, 0, sizeof(*w));
    w->fd = -1;
    w->dir_fd = -1;
    w->segment_bytes = segment_bytes;
    base_buf_init(&w->buf, AUD_BATCH_MAX + 256);
    aud_pos_init(&w->pos);
    if ((size_t)snprintf(path, sizeof(path), "%s/wal", dir) >= sizeof(path))
        return base_err_set(err, BASE_LIMIT, "%s: path too long", dir);
    w->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir_fd < 0)
        return base_err_sys(err, "%s", path);
    return BASE_OK;
}

void aud_wal_release(struct aud_wal *w)
{
    if (w->fd >= 0)
        close(w->fd);
    if (w->dir_fd >= 0)
        close(w->dir_fd);
    w->fd = w->dir_fd = -1;
    base_buf_release(&w->buf);
    aud_pos_release(&w->pos);
}

enum base_status aud_wal_spare(int dir_fd, uint64_t bytes, struct base_err *err)
{
    struct stat sb;
    enum base_status st;

    if (fstatat(dir_fd, AUD_WAL_SPARE, &sb, 0) == 0 && (uint64_t)sb.st_size == bytes)
        return BASE_OK;
    if (room(dir_fd) < bytes) { /* not even for a moment is the disk filled up for others */
        errno = ENOSPC;
        st = base_err_sys(err, "wal/" AUD_WAL_SPARE);
        return tell_room(dir_fd, bytes, st, err);
    }
    int fd = openat(dir_fd, AUD_WAL_SPARE_PART, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return base_err_sys(err, "wal/" AUD_WAL_SPARE_PART);
    st = zero_fill(fd, 0, bytes, "wal/" AUD_WAL_SPARE_PART, err);
    if (st == BASE_OK && fsync(fd) != 0)
        st = base_err_sys(err, "fsync wal/" AUD_WAL_SPARE_PART);
    if (close(fd) != 0 && st == BASE_OK)
        st = base_err_sys(err, "close wal/" AUD_WAL_SPARE_PART);
    if (st == BASE_OK && renameat(dir_fd, AUD_WAL_SPARE_PART, dir_fd, AUD_WAL_SPARE) != 0)
        st = base_err_sys(err, "rename wal/" AUD_WAL_SPARE);
    if (st != BASE_OK) /* the room that it has taken is needed by others */
        (void)unlinkat(dir_fd, AUD_WAL_SPARE_PART, 0);
    return tell_room(dir_fd, bytes, st, err);
}

enum base_status aud_wal_create(struct aud_wal *w, const struct aud_hash *prev,
                                struct base_err *err)
{
    struct aud_header h = {.segment_bytes = w->segment_bytes,
                           .created_us = base_wall_us(),
                           .open_index = w->open_index,
                           .log_id = w->log_id,
                           .before = w->pos.tree};
    uint8_t raw[AUD_HEADER_MAX];
    char name[AUD_SEGMENT_NAME + 1];
    enum base_status st;

    if (prev)
        h.prev = *prev;
    base_random(&h.salt, sizeof(h.salt));
    size_t n = aud_header_encode(&h, raw);
    aud_segment_name(h.before.n, name);
    st = aud_wal_spare(w->dir_fd, w->segment_bytes, err);
    if (st != BASE_OK)
        return st;
    int fd = openat(w->dir_fd, AUD_WAL_SPARE, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return base_err_sys(err, "wal/" AUD_WAL_SPARE);
    st = pwrite_all(fd, raw, n, 0, name, err);
    if (st == BASE_OK && fdatasync(fd) != 0)
        st = base_err_sys(err, "fdatasync wal/%s", name);
    if (st == BASE_OK && renameat(w->dir_fd, AUD_WAL_SPARE, w->dir_fd, name) != 0)
        st = base_err_sys(err, "rename wal/%s", name);
    if (st == BASE_OK && fsync(w->dir_fd) != 0)
        st = base_err_sys(err, "fsync wal/");
    if (st != BASE_OK) {
        close(fd);
        return st;
    }
    if (w->fd >= 0)
        close(w->fd);
    w->fd = fd;
    w->salt = h.salt;
    w->current_bytes = h.segment_bytes;
    w->pos.segment = h.before.n;
    w->pos.end = n;
    w->pos.crc = h.crc;
    BASE_BUG_ON(EVP_DigestInit_ex(w->pos.sha, EVP_sha256(), NULL) != 1 ||
                EVP_DigestUpdate(w->pos.sha, raw, n) != 1);
    return BASE_OK;
}

enum base_status aud_wal_attach(struct aud_wal *w, const struct aud_header *h, struct aud_pos *pos,
                                uint64_t dirty_end, struct base_err *err)
{
    char name[AUD_SEGMENT_NAME + 1];
    enum base_status st = BASE_OK;
    struct stat sb;

    aud_segment_name(h->before.n, name);
    w->fd = openat(w->dir_fd, name, O_RDWR | O_CLOEXEC);
    if (w->fd < 0 || fstat(w->fd, &sb) != 0)
        return base_err_sys(err, "wal/%s", name);
    if (dirty_end > pos->end)
        st = zero_fill(w->fd, pos->end, dirty_end, name, err);
    if (st == BASE_OK && (uint64_t)sb.st_size < h->segment_bytes)
        st = zero_fill(w->fd, (uint64_t)sb.st_size, h->segment_bytes, name, err);
    if (st == BASE_OK && fsync(w->fd) != 0)
        st = base_err_sys(err, "fsync wal/%s", name);
    w->salt = h->salt;
    w->current_bytes = h->segment_bytes;
    aud_pos_release(&w->pos);
    w->pos = *pos;
    pos->sha = NULL;
    return tell_room(w->dir_fd, h->segment_bytes, st, err);
}

static void frame_add(struct aud_wal *w, enum aud_frame_type type, uint64_t index, const void *p,
                      uint32_t n)
{
    uint8_t f[AUD_FRAME_BYTES] = {0};

    aud_put32(f, AUD_FRAME_MAGIC ^ (uint32_t)w->salt);
    f[4] = (uint8_t)type;
    aud_put32(f + 8, n);
    aud_put64(f + 12, index);
    w->buf_crc = base_crc32c(w->buf_crc, f, 20);
    w->buf_crc = base_crc32c(w->buf_crc, p, n);
    aud_put32(f + 20, w->buf_crc);
    base_buf_add(&w->buf, f, sizeof(f));
    base_buf_add(&w->buf, p, n);
}

enum base_status aud_wal_leaf(struct aud_wal *w, struct base_str leaf)
{
    struct aud_hash h;
    uint64_t need = w->buf.n + 2 * (uint64_t)AUD_FRAME_BYTES + leaf.n + AUD_COMMIT_BYTES;

    if (need > AUD_BATCH_MAX || w->buf_leaves >= AUD_BATCH_LEAVES ||
        w->pos.end + need + AUD_FRAME_BYTES + AUD_SEAL_BYTES > w->current_bytes)
        return BASE_LIMIT;
    if (w->buf_leaves == 0) {
        w->buf_crc = w->pos.crc;
        w->buf_tree = w->pos.tree;
    }
    frame_add(w, AUD_FRAME_LEAF, w->buf_tree.n, leaf.p, (uint32_t)leaf.n);
    aud_leaf_hash(leaf.p, leaf.n, &h);
    aud_range_add(&w->buf_tree, &h);
    w->buf_leaves++;
    return BASE_OK;
}

/* Writes w->buf at the end and syncs; on success the position moves behind it. */
static enum base_status flush(struct aud_wal *w, struct base_err *err)
{
    enum base_status st;

    if (!base_buf_ok(&w->buf))
        return base_err_set(err, BASE_ENOMEM, "no memory for a batch of the log");
    st = pwrite_all(w->fd, w->buf.p, w->buf.n, w->pos.end, "wal segment", err);
    if (st != BASE_OK)
        return st;
    uint64_t t0 = base_mono_us();
    if (fdatasync(w->fd) != 0)
        return base_err_sys(err, "fdatasync wal segment");
    w->sync_us_last = base_mono_us() - t0;
    if (w->sync_us_last > w->sync_us_max)
        w->sync_us_max = w->sync_us_last;
    w->syncs++;
    BASE_BUG_ON(EVP_DigestUpdate(w->pos.sha, w->buf.p, w->buf.n) != 1);
    w->pos.end += w->buf.n;
    w->pos.crc = w->buf_crc;
    w->pos.tree = w->buf_tree;
    base_buf_clear(&w->buf);
    w->buf_leaves = 0;
    return BASE_OK;
}

enum base_status aud_wal_commit(struct aud_wal *w, struct base_err *err)
{
    uint8_t c[AUD_COMMIT_BYTES] = {0};
    struct aud_hash root;

    if (w->buf_leaves == 0)
        return BASE_OK;
    aud_put32(c, w->buf_leaves);
    aud_put64(c + 8, w->buf_tree.n);
    aud_range_root(&w->buf_tree, &root);
    memcpy(c + 16, root.b, 32);
    frame_add(w, AUD_FRAME_COMMIT, w->buf_tree.n, c, sizeof(c));
    return flush(w, err);
}

enum base_status aud_wal_rotate(struct aud_wal *w, struct base_err *err)
{
    uint8_t s[AUD_SEAL_BYTES];
    struct aud_hash h;
    enum base_status st;

    BASE_BUG_ON(w->buf_leaves != 0);
    w->buf_crc = w->pos.crc;
    w->buf_tree = w->pos.tree;
    aud_put64(s, w->pos.tree.n);
    aud_range_root(&w->pos.tree, &h);
    memcpy(s + 8, h.b, 32);
    frame_add(w, AUD_FRAME_SEAL, w->pos.tree.n, s, sizeof(s));
    st = flush(w, err);
    if (st != BASE_OK)
        return st;
    aud_pos_sha(&w->pos, &h);
    return aud_wal_create(w, &h, err);
}
