/* cursor.c - reading committed batches in order, for recovery, tiles, `show` and `prove`.
 *
 * A cursor belongs to one thread and reads through a window of the file. It hands out a batch only
 * when every frame of it has the segment's salt and the right cumulative checksum and its COMMIT is
 * there with the right count and root; the tree is carried along, so the root is really checked.
 * Whatever does not parse ends the committed part: whether that end is honest (zeros, or the rest
 * of a torn batch) is for aud_tail_check to say, and whether it came too early is for whoever knows
 * the signed size. Between segments the chain is checked: first index, tree before, hash of the
 * last.
 */
#include "audit/log/place.h"
#include "audit/log/wal.h"

#include "base/crc32c.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (2u * AUD_BATCH_MAX)

static enum base_status pread_some(int fd, uint8_t *p, size_t n, uint64_t off, size_t *got,
                                   struct base_err *err)
{
    *got = 0;
    while (*got < n) {
        ssize_t k = pread(fd, p + *got, n - *got, (off_t)(off + *got));

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return base_err_sys(err, "read wal segment");
        if (k == 0)
            break;
        *got += (size_t)k;
    }
    return BASE_OK;
}

static enum base_status segment_open(struct aud_cursor *c, size_t at, struct base_err *err)
{
    char path[AUD_PATH_MAX], name[AUD_SEGMENT_NAME + 1], inside[AUD_SEGMENT_NAME + 5];
    uint8_t raw[AUD_HEADER_MAX];
    struct stat sb;
    size_t got;
    enum base_status st;

    aud_segment_name(c->segments[at], name);
    snprintf(inside, sizeof(inside), "wal/%s", name);
    st = aud_read_path(path, c->dir, inside, err);
    if (st != BASE_OK)
        return st;
    int fd;
    st = base_file_open_regular(path, &fd, err);
    if (st != BASE_OK)
        return st;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = fd;
    if (fstat(fd, &sb) != 0)
        return base_err_sys(err, "%s", path);
    c->file_bytes = (uint64_t)sb.st_size;
    st = pread_some(fd, raw, sizeof(raw), 0, &got, err);
    if (st != BASE_OK)
        return st;
    if (!aud_header_parse(raw, got, &c->header) || c->header.before.n != c->segments[at])
        return base_err_set(err, BASE_EINVAL, "wal/%s: the header does not hold", name);
    if (c->file_bytes > c->header.segment_bytes)
        return base_err_set(err, BASE_EINVAL, "wal/%s: longer than its header says", name);
    c->at = at;
    c->sealed = false;
    c->buf_n = 0;
    c->pos.segment = c->segments[at];
    c->pos.end = c->header.bytes;
    c->pos.crc = c->header.crc;
    c->pos.tree = c->header.before;
    BASE_BUG_ON(EVP_DigestInit_ex(c->pos.sha, EVP_sha256(), NULL) != 1 ||
                EVP_DigestUpdate(c->pos.sha, raw, c->header.bytes) != 1);
    return BASE_OK;
}

enum base_status aud_cursor_open(struct aud_cursor *c, const char *dir, uint64_t from,
                                 const struct aud_hash *log_id, struct base_err *err)
{
    enum base_status st;
    size_t at = 0;

    memset(c, 0, sizeof(*c));
    c->fd = -1;
    aud_pos_init(&c->pos);
    if ((size_t)snprintf(c->dir, sizeof(c->dir), "%s", dir) >= sizeof(c->dir))
        return base_err_set(err, BASE_LIMIT, "%s: path too long", dir);
    c->buf = malloc(WINDOW);
    c->leaves = calloc(AUD_BATCH_LEAVES, sizeof(*c->leaves));
    if (!c->buf || !c->leaves)
        return base_err_set(err, BASE_ENOMEM, "no memory to read the log");
    st = aud_segments_list(dir, &c->segments, &c->n_segments, err);
    if (st != BASE_OK)
        return st;
    if (c->n_segments == 0 || c->segments[0] != 0)
        return base_err_set(err, BASE_EINVAL, "%s/wal: the first segment is missing", dir);
    while (at + 1 < c->n_segments && c->segments[at + 1] <= from)
        at++;
    st = segment_open(c, at, err);
    if (st == BASE_OK && log_id && !aud_hash_eq(log_id, &c->header.log_id))
        st = base_err_set(err, BASE_EINVAL, "wal/%020llu.wal belongs to another log.conf",
                          (unsigned long long)c->segments[at]);
    return st;
}

void aud_cursor_release(struct aud_cursor *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->segments);
    free(c->buf);
    free(c->leaves);
    aud_pos_release(&c->pos);
    memset(c, 0, sizeof(*c));
    c->fd = -1;
}

/* A frame at p[0..n): 1 whole and valid (crc moved on), 0 not. */
static bool frame_at(const struct aud_cursor *c, const uint8_t *p, size_t n, uint32_t *crc,
                     uint8_t *type, uint64_t *index, uint32_t *length)
{
    if (n < AUD_FRAME_BYTES || aud_get32(p) != (AUD_FRAME_MAGIC ^ (uint32_t)c->header.salt) ||
        (aud_get32(p + 4) >> 8) != 0)
        return false;
    *type = p[4];
    *length = aud_get32(p + 8);
    *index = aud_get64(p + 12);
    if (*length > AUD_LEAF_BYTES_MAX || *length > n - AUD_FRAME_BYTES)
        return false;
    uint32_t k = base_crc32c(*crc, p, 20);
    k = base_crc32c(k, p + AUD_FRAME_BYTES, *length);
    if (k != aud_get32(p + 20))
        return false;
    *crc = k;
    return true;
}

/* Parses one batch (or a SEAL) at the window's start. True: c->pos moved behind it. */
static bool batch_parse(struct aud_cursor *c, const uint8_t *p, size_t n)
{
    uint32_t crc = c->pos.crc, length;
    struct aud_range tree = c->pos.tree;
    struct aud_hash h;
    size_t at = 0, k = 0;
    uint64_t index;
    uint8_t type;

    if (n > AUD_BATCH_MAX)
        n = AUD_BATCH_MAX;
    for (;; at += AUD_FRAME_BYTES + length) {
        const uint8_t *body = p + at + AUD_FRAME_BYTES;

        if (!frame_at(c, p + at, n - at, &crc, &type, &index, &length) || index != tree.n)
            return false;
        if (type == AUD_FRAME_LEAF) {
            if (k >= AUD_BATCH_LEAVES)
                return false;
            aud_leaf_hash(body, length, &h);
            c->leaves[k++] = (struct aud_leaf_ref){index, base_str_n(body, length)};
            aud_range_add(&tree, &h);
            continue;
        }
        aud_range_root(&tree, &h);
        if (type == AUD_FRAME_COMMIT) {
            if (k == 0 || length != AUD_COMMIT_BYTES || aud_get32(body) != k ||
                aud_get32(body + 4) != 0 || aud_get64(body + 8) != tree.n ||
                memcmp(body + 16, h.b, 32) != 0)
                return false;
        } else {
            if (type != AUD_FRAME_SEAL || k != 0 || length != AUD_SEAL_BYTES ||
                aud_get64(body) != tree.n || memcmp(body + 8, h.b, 32) != 0)
                return false;
            c->sealed = true;
        }
        break;
    }
    at += AUD_FRAME_BYTES + length;
    BASE_BUG_ON(EVP_DigestUpdate(c->pos.sha, p, at) != 1);
    c->pos.end += at;
    c->pos.crc = crc;
    c->pos.tree = tree;
    c->n_leaves = k;
    return true;
}

/* Moves on to the segment behind a SEAL. BASE_DONE: not there yet. */
static enum base_status next_segment(struct aud_cursor *c, struct base_err *err)
{
    struct aud_pos old = c->pos;
    struct aud_hash sha, log_id = c->header.log_id;
    enum base_status st;

    if (c->at + 1 >= c->n_segments) { /* a live log may have grown since the list was made */
        uint64_t *list;
        size_t n;

        st = aud_segments_list(c->dir, &list, &n, err);
        if (st != BASE_OK)
            return st;
        free(c->segments);
        c->segments = list;
        c->n_segments = n;
        if (c->at + 1 >= n)
            return BASE_DONE;
    }
    aud_pos_sha(&c->pos, &sha);
    st = segment_open(c, c->at + 1, err);
    if (st != BASE_OK)
        return st;
    struct aud_hash a, b;
    aud_range_root(&old.tree, &a);
    aud_range_root(&c->pos.tree, &b);
    if (c->pos.tree.n != old.tree.n || !aud_hash_eq(&a, &b) ||
        !aud_hash_eq(&c->header.prev, &sha) || !aud_hash_eq(&c->header.log_id, &log_id))
        return base_err_set(err, BASE_EINVAL,
                            "wal/%020llu.wal does not continue the segment before it",
                            (unsigned long long)c->pos.segment);
    return BASE_OK;
}

enum base_status aud_cursor_next(struct aud_cursor *c, struct base_err *err)
{
    enum base_status st;

    for (;;) {
        if (c->sealed) {
            st = next_segment(c, err);
            if (st != BASE_OK)
                return st;
        }
        bool inside = c->pos.end >= c->buf_off && c->pos.end < c->buf_off + c->buf_n;
        size_t skip = inside ? (size_t)(c->pos.end - c->buf_off) : 0;

        if (!inside || !batch_parse(c, c->buf + skip, c->buf_n - skip)) {
            st = pread_some(c->fd, c->buf, WINDOW, c->pos.end, &c->buf_n, err);
            if (st != BASE_OK)
                return st;
            c->buf_off = c->pos.end;
            if (!batch_parse(c, c->buf, c->buf_n)) {
                c->buf_n = 0; /* look again next time */
                if (c->at + 1 < c->n_segments)
                    return base_err_set(err, BASE_EINVAL,
                                        "wal/%020llu.wal does not hold at index %llu (offset %llu)",
                                        (unsigned long long)c->pos.segment,
                                        (unsigned long long)c->pos.tree.n,
                                        (unsigned long long)c->pos.end);
                return BASE_DONE;
            }
        }
        if (!c->sealed)
            return BASE_OK;
    }
}

/* ---- the tail ---- */

/* A batch after the one that should start at next_index is proof that this one was durable.
 * p[0..n) ends with the last byte that is not zero, so the root in its last COMMIT may be cut. */
static bool later_batch(const uint8_t *p, size_t n, const struct aud_header *h, uint64_t next_index)
{
    const size_t need = AUD_FRAME_BYTES + 16; /* count and size stand before the root */
    uint8_t magic[5];

    aud_put32(magic, AUD_FRAME_MAGIC ^ (uint32_t)h->salt);
    magic[4] = AUD_FRAME_COMMIT;
    for (size_t i = 0; i + need <= n; i++) {
        const uint8_t *f = memmem(p + i, n - i, magic, sizeof(magic));

        if (!f || (size_t)(f - p) + need > n)
            return false;
        i = (size_t)(f - p);
        uint64_t size = aud_get64(f + AUD_FRAME_BYTES + 8);
        uint32_t count = aud_get32(f + AUD_FRAME_BYTES);
        if (aud_get32(f + 8) == AUD_COMMIT_BYTES && aud_get64(f + 12) == size && count <= size &&
            size - count > next_index)
            return true;
    }
    return false;
}

/* Does p[0..n), whose last byte is not zero, start like the frame that would come next? */
static bool frame_begins(const uint8_t *p, size_t n, const struct aud_header *h,
                         uint64_t next_index)
{
    uint8_t f[20] = {0};

    aud_put32(f, AUD_FRAME_MAGIC ^ (uint32_t)h->salt);
    f[4] = n > 4 && p[4] == AUD_FRAME_SEAL ? AUD_FRAME_SEAL : AUD_FRAME_LEAF;
    aud_put64(f + 12, next_index);
    if (memcmp(p, f, n < 8 ? n : 8) != 0)
        return false;
    if (n > 12 && (aud_get32(p + 8) == 0 || aud_get32(p + 8) > AUD_LEAF_BYTES_MAX))
        return false;
    return n <= 12 || memcmp(p + 12, f + 12, (n < 20 ? n : 20) - 12) == 0;
}

#define TORN_DENSE 4 /* bytes that are not zero */

bool aud_tail_torn(const uint8_t *p, size_t n, uint64_t end, const struct aud_header *h,
                   uint64_t next_index)
{
    size_t sector = 512 - (size_t)(end % 512), last = n < sector ? n : sector, count = 0;
    uint64_t sector_of = 0;
    unsigned bits = 0;
    bool begins = true;

    if (p[0] != 0) { /* what did arrive of the first sector must begin like the frame due here */
        while (p[last - 1] == 0)
            last--;
        return frame_begins(p, last, h, next_index) && !later_batch(p, n, h, next_index);
    }
    /* the first sector did not arrive and later ones did, or a recovery was interrupted while it
     * zeroed the tail: what is left is dense, a flipped bit is not; but of the last sector the
     * write may have had a few bytes only, which then stand at its beginning (one bit alone is
     * taken for a flipped one even there) */
    for (size_t i = 0; i < n; i++) {
        uint64_t at = end + i;
        if (p[i] == 0)
            continue;
        begins = begins && at % 512 < TORN_DENSE - 1 && at / 512 > end / 512 &&
                 (count == 0 || at / 512 == sector_of);
        sector_of = at / 512;
        bits += (unsigned)__builtin_popcount(p[i]);
        count++;
    }
    return (count >= TORN_DENSE || (bits > 1 && begins)) && !later_batch(p, n, h, next_index);
}

enum base_status aud_tail_check(int fd, const char *name, const struct aud_header *h, uint64_t end,
                                uint64_t next_index, bool clean, uint64_t *dirty_end,
                                struct base_err *err)
{
    uint64_t off = h->segment_bytes, last = end;
    size_t got = 0;
    enum base_status st = BASE_OK;
    uint8_t *buf = malloc(AUD_BATCH_MAX);

    *dirty_end = end;
    if (!buf)
        return base_err_set(err, BASE_ENOMEM, "no memory to read the log");
    while (off > end && last == end) { /* backwards, to the last byte that is not zero */
        size_t n = off - end < AUD_BATCH_MAX ? (size_t)(off - end) : AUD_BATCH_MAX;

        off -= n;
        st = pread_some(fd, buf, n, off, &got, err);
        if (st != BASE_OK)
            goto out;
        for (size_t i = got; i > 0 && last == end; i--) {
            if (buf[i - 1] != 0)
                last = off + i;
        }
    }
    if (last == end)
        goto out;
    *dirty_end = last;
    if (clean || last - end > AUD_BATCH_MAX) {
        st = base_err_set(err, BASE_EINVAL, "%s: stray bytes behind the last record (offset %llu)",
                          name, (unsigned long long)(last - 1));
        goto out;
    }
    st = pread_some(fd, buf, (size_t)(last - end), end, &got, err);
    if (st == BASE_OK && !aud_tail_torn(buf, got, end, h, next_index))
        st = base_err_set(err, BASE_EINVAL,
                          "%s: what follows offset %llu is not the rest of an interrupted write",
                          name, (unsigned long long)end);
out:
    free(buf);
    return st;
}
