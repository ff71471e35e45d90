/* verify_read.c - the bytes of one segment for the verifier, in windows: memory is constant but for
 * what was not signed yet when the signed files were read.
 *
 * Only the last segment of a log that is open can change while it is read, and only behind its last
 * signed byte. That part is read backwards into memory first: a record that is written meanwhile is
 * then either seen whole with everything before it, or not at all.
 */
#include "audit/verify/ver.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 1048576u

/* Fills p; what is behind the end of the file (it may have been cut meanwhile) is zeros. */
static enum base_status read_at(int fd, uint64_t off, uint8_t *p, size_t n, struct base_err *err)
{
    while (n > 0) {
        ssize_t k = pread(fd, p, n, (off_t)off);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return base_err_sys(err, "read a segment");
        if (k == 0) {
            memset(p, 0, n);
            break;
        }
        p += k;
        n -= (size_t)k;
        off += (uint64_t)k;
    }
    return BASE_OK;
}

enum base_status ver_file_open(struct ver_file *f, const char *path, struct base_err *err)
{
    struct stat sb;

    memset(f, 0, sizeof(*f));
    enum base_status st = base_file_open_regular(path, &f->fd, err);
    if (st != BASE_OK)
        return st;
    if (fstat(f->fd, &sb) != 0)
        return base_err_sys(err, "%s", path);
    f->n = f->tail_off = sb.st_size > 0 ? (uint64_t)sb.st_size : 0;
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return BASE_OK;
}

void ver_file_close(struct ver_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->tail);
    memset(f, 0, sizeof(*f));
    f->fd = -1;
}

/* The length of p[0..n) without the zeros at its end. */
static size_t trimmed(const uint8_t *p, size_t n)
{
    while (n >= 8) {
        uint64_t w;

        memcpy(&w, p + n - 8, 8);
        if (w != 0)
            break;
        n -= 8;
    }
    while (n > 0 && p[n - 1] == 0)
        n--;
    return n;
}

enum base_status ver_file_tail(struct ver_file *f, uint64_t from, struct base_err *err)
{
    uint64_t at = f->n;
    enum base_status st = BASE_OK;
    uint8_t *chunk = malloc(CHUNK);

    if (!chunk)
        return base_err_set(err, BASE_ENOMEM, "no memory to read a segment");
    if (from > f->n)
        from = f->n;
    while (at > from && st == BASE_OK) {
        size_t n = at - from < CHUNK ? (size_t)(at - from) : CHUNK;

        at -= n;
        st = read_at(f->fd, at, chunk, n, err);
        if (st != BASE_OK)
            break;
        if (!f->tail) {
            size_t keep = trimmed(chunk, n);

            if (keep == 0)
                continue;
            f->tail_n = (size_t)(at - from) + keep;
            f->tail = malloc(f->tail_n);
            if (!f->tail)
                st = base_err_set(err, BASE_ENOMEM, "no memory to read a segment");
            n = keep;
        }
        if (f->tail)
            memcpy(f->tail + (at - from), chunk, n);
    }
    f->tail_off = from;
    free(chunk);
    return st;
}

enum base_status ver_file_read(const struct ver_file *f, uint64_t off, uint8_t *p, size_t n,
                               struct base_err *err)
{
    if (off < f->tail_off) {
        size_t k = f->tail_off - off < n ? (size_t)(f->tail_off - off) : n;
        enum base_status st = read_at(f->fd, off, p, k, err);

        if (st != BASE_OK || k == n)
            return st;
        p += k;
        n -= k;
        off += k;
    }
    uint64_t in = off - f->tail_off;
    size_t have = in < f->tail_n ? f->tail_n - (size_t)in : 0;
    if (have > n)
        have = n;
    if (have)
        memcpy(p, f->tail + in, have);
    memset(p + have, 0, n - have);
    return BASE_OK;
}

enum base_status ver_file_last(const struct ver_file *f, uint64_t from, uint64_t *end,
                               struct base_err *err)
{
    uint64_t at = f->n;
    uint8_t *chunk = malloc(CHUNK);
    enum base_status st = BASE_OK;

    *end = from;
    if (!chunk)
        return base_err_set(err, BASE_ENOMEM, "no memory to read a segment");
    while (at > from && *end == from && st == BASE_OK) {
        size_t n = at - from < CHUNK ? (size_t)(at - from) : CHUNK;

        at -= n;
        st = ver_file_read(f, at, chunk, n, err);
        if (st == BASE_OK) {
            size_t keep = trimmed(chunk, n);

            if (keep > 0)
                *end = at + keep;
        }
    }
    free(chunk);
    return st;
}
