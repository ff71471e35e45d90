/* content.c - blobs in segments; see content.h.
 *
 * Owns       DIR/content/<number, 20 digits>.seg.
 * Format     a segment is blobs without gaps. A blob is a header of 256 bytes (little endian) and
 *            the ciphertext, padded with zeros to a multiple of 8:
 *              0 u32 0x424C4257 ("WBLB")  4 u32 1 live, 2 destroyed  8 u64 bytes of plaintext
 *             16 i64 stored      24 i64 keep until     32 i64 delete after    (microseconds UTC)
 *             40 u8 kind  41 u8 classes  42 u16 index  44 u32 0
 *             48 id[16]   64 tenant key id[16]  80 subject key id[16]  96 request id[40], zeros
 *            136 wrap nonce[12]  148 wrapped key[32]  180 wrap tag[16]
 *            196 nonce[12]  208 tag[16]  224 zeros[28]  252 u32 crc32c of bytes 0 to 251
 *            The blob's key is 32 random bytes, used once; wrapped under HKDF(SK, id,
 *            "weir/blob-wrap/1"); additional data of both encryptions: "weir/blob/1" or
 *            "weir/key/1", ring id[16], bytes 8 to 135. So a blob cannot stand for another
 *            request, kind, index, time, class, subject or ring.
 *            commit = HMAC(HKDF(key, id, "weir/commit/1"), id || plaintext); ct = SHA-256 of the
 *            ciphertext. Both stand in the log's leaf.
 *            Destroyed: state 2, everything but magic, length, id and time zero, new crc.
 * Invariants a nonce is random and its key is used once, so it cannot repeat; a segment is only
 *            appended to by the process that made it (each begins a new one), and otherwise only
 *            overwritten in place, never copied: what is destroyed has no second place.
 * Fails by   the first error of a write or sync, after which the caller stops using it.
 */
#include "audit/content/content.h"

#include "audit/log/state.h"
#include "audit/log/wal.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER       256u
#define MAGIC        0x424C4257u
#define LIVE         1u
#define DESTROYED    2u
#define SEGMENT_MAX  (64u << 20)
#define BATCH_MAX    (192u << 20)
#define SEGMENTS_MAX 1000000u

struct aud_content {
    char dir[AUD_PATH_MAX];
    int dir_fd;
    uint8_t ring[AUD_ID_BYTES];
    uint64_t current; /* its number; UINT64_MAX: not made yet */
    uint64_t next;    /* number of the next one */
    int fd;           /* of the current one */
    uint64_t end;
    struct base_buf batch;
};

static const char *const kinds[AUD_KINDS] = {"request", "sent", "received", "delivered",
                                             "correction"};

const char *aud_kind_name(enum aud_content_kind k)
{
    return (unsigned)k < AUD_KINDS ? kinds[k] : "?";
}

void aud_classes_json(struct base_json *j, unsigned classes)
{
    static const char *const words[] = {"criminal", "personal", "secret", "special"};
    static const unsigned bits[] = {4, 1, 8, 2};

    base_json_arr(j);
    for (int i = 0; i < 4; i++) {
        if (classes & bits[i])
            base_json_z(j, words[i]);
    }
    if ((classes & 15) == 0)
        base_json_z(j, "none");
    base_json_arr_end(j);
}

static uint64_t padded(uint64_t n)
{
    return (n + 7) / 8 * 8;
}

static void segment_name(uint64_t number, char out[32])
{
    snprintf(out, 32, "%020" PRIu64 ".seg", number);
}

/* ---- a header ---- */

static struct base_str aad(const struct aud_content *c, const char *what, const uint8_t *h,
                           uint8_t out[192])
{
    size_t n = strlen(what);

    memcpy(out, what, n);
    memcpy(out + n, c->ring, AUD_ID_BYTES);
    memcpy(out + n + AUD_ID_BYTES, h + 8, 128);
    return base_str_n(out, n + AUD_ID_BYTES + 128);
}

static bool header_holds(const uint8_t *h)
{
    uint32_t state = aud_get32(h + 4);

    return aud_get32(h) == MAGIC && (state == LIVE || state == DESTROYED) &&
           aud_get64(h + 8) <= AUD_BLOB_BYTES_MAX && aud_get32(h + 252) == base_crc32c(0, h, 252);
}

static void header_read(const uint8_t *h, struct aud_blob *b)
{
    memset(b, 0, sizeof(*b));
    b->n = aud_get64(h + 8);
    b->t = (int64_t)aud_get64(h + 16);
    b->keep_until = (int64_t)aud_get64(h + 24);
    b->delete_after = (int64_t)aud_get64(h + 32);
    b->kind = (enum aud_content_kind)h[40];
    b->classes = h[41];
    b->index = (uint16_t)(h[42] | h[43] << 8);
    memcpy(b->id, h + 48, AUD_ID_BYTES);
    memcpy(b->tenant, h + 64, AUD_ID_BYTES);
    memcpy(b->subject, h + 80, AUD_ID_BYTES);
    memcpy(b->req, h + 96, AUD_REQ_MAX);
}

static void commitment(const uint8_t key[AUD_KEY_BYTES], const uint8_t id[AUD_ID_BYTES],
                       struct base_str plain, struct aud_hash *out)
{
    uint8_t k[AUD_KEY_BYTES];

    aud_hkdf(key, base_str_n(id, AUD_ID_BYTES), "weir/commit/1", k);
    aud_hmac(base_str_n(k, sizeof(k)), base_str_n(id, AUD_ID_BYTES), plain, out->b);
    base_wipe(k, sizeof(k));
}

/* ---- writing ---- */

enum base_status aud_content_add(struct aud_content *c, const struct aud_subject *s,
                                 struct aud_blob *b, struct base_err *err)
{
    uint8_t key[AUD_KEY_BYTES], wrap[AUD_KEY_BYTES], extra[192];
    size_t total = HEADER + (size_t)padded(b->bytes.n), req = strlen(b->req);

    if (b->bytes.n > AUD_BLOB_BYTES_MAX || req > AUD_REQ_MAX)
        return base_err_set(err, BASE_LIMIT, "a blob of %zu bytes is too long", b->bytes.n);
    uint8_t *h = (uint8_t *)base_buf_room(&c->batch, total);
    if (!h)
        return base_err_set(err, BASE_ENOMEM, "no memory to store content");
    memset(h, 0, total);
    base_random(b->id, sizeof(b->id));
    base_random(key, sizeof(key));
    memcpy(b->tenant, s->tenant, AUD_ID_BYTES);
    memcpy(b->subject, s->id, AUD_ID_BYTES);
    b->n = b->bytes.n;
    aud_put32(h, MAGIC);
    aud_put32(h + 4, LIVE);
    aud_put64(h + 8, b->n);
    aud_put64(h + 16, (uint64_t)b->t);
    aud_put64(h + 24, (uint64_t)b->keep_until);
    aud_put64(h + 32, (uint64_t)b->delete_after);
    h[40] = (uint8_t)b->kind;
    h[41] = b->classes;
    h[42] = (uint8_t)b->index;
    h[43] = (uint8_t)(b->index >> 8);
    memcpy(h + 48, b->id, AUD_ID_BYTES);
    memcpy(h + 64, s->tenant, AUD_ID_BYTES);
    memcpy(h + 80, s->id, AUD_ID_BYTES);
    memcpy(h + 96, b->req, req);
    base_random(h + 136, AUD_NONCE_BYTES);
    base_random(h + 196, AUD_NONCE_BYTES);
    aud_hkdf(s->key, base_str_n(b->id, AUD_ID_BYTES), "weir/blob-wrap/1", wrap);
    aud_seal(wrap, h + 136, aad(c, "weir/key/1", h, extra), key, AUD_KEY_BYTES, h + 148, h + 180);
    aud_seal(key, h + 196, aad(c, "weir/blob/1", h, extra), b->bytes.p, b->bytes.n, h + HEADER,
             h + 208);
    aud_put32(h + 252, base_crc32c(0, h, 252));
    aud_sha256(h + HEADER, b->bytes.n, &b->ct);
    commitment(key, b->id, b->bytes, &b->commit);
    base_wipe(key, sizeof(key));
    base_wipe(wrap, sizeof(wrap));
    base_buf_commit(&c->batch, total);
    return BASE_OK;
}

size_t aud_content_pending(const struct aud_content *c)
{
    return c->batch.n;
}

static enum base_status next_segment(struct aud_content *c, struct base_err *err)
{
    char name[32];

    if (c->fd >= 0)
        close(c->fd);
    segment_name(c->next, name);
    c->fd = openat(c->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->fd < 0 || fsync(c->dir_fd) != 0)
        return base_err_sys(err, "%s/%s", c->dir, name);
    c->current = c->next++;
    c->end = 0;
    return BASE_OK;
}

enum base_status aud_content_sync(struct aud_content *c, struct base_err *err)
{
    enum base_status st = BASE_OK;

    if (c->batch.n == 0)
        return BASE_OK;
    if (c->fd < 0 || c->end + c->batch.n > SEGMENT_MAX)
        st = next_segment(c, err);
    for (size_t at = 0; st == BASE_OK && at < c->batch.n;) {
        ssize_t n = pwrite(c->fd, c->batch.p + at, c->batch.n - at, (off_t)(c->end + at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            st = base_err_sys(err, "%s: storing content", c->dir);
        else
            at += (size_t)n;
    }
    if (st == BASE_OK && fdatasync(c->fd) != 0)
        st = base_err_sys(err, "%s: storing content", c->dir);
    c->end += c->batch.n;
    base_buf_clear(&c->batch);
    if (c->batch.cap > (4u << 20)) /* a big one does not stay for ever */
        base_buf_release(&c->batch);
    return st;
}

/* ---- reading ---- */

/* Numbers of the segments in ascending order; *out is the caller's. */
static enum base_status segments(const struct aud_content *c, uint64_t **out, size_t *n,
                                 struct base_err *err)
{
    int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    size_t cap = 0;

    *out = NULL;
    *n = 0;
    if (!d) {
        base_err_sys(err, "%s", c->dir);
        if (fd >= 0)
            close(fd);
        return BASE_EIO;
    }
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        uint64_t number;

        if (strlen(e->d_name) != 24 || strcmp(e->d_name + 20, ".seg") != 0 ||
            !base_str_u64(base_str_n(e->d_name, 20), &number))
            continue;
        if (*n == cap) {
            cap = cap ? 2 * cap : 64;
            uint64_t *more = cap <= SEGMENTS_MAX ? realloc(*out, cap * sizeof(*more)) : NULL;
            if (!more) {
                closedir(d);
                free(*out);
                return base_err_set(err, BASE_LIMIT, "%s: too many segments", c->dir);
            }
            *out = more;
        }
        size_t at = (*n)++; /* insertion: the folder's order is nearly right or nearly random */
        for (; at > 0 && (*out)[at - 1] > number; at--)
            (*out)[at] = (*out)[at - 1];
        (*out)[at] = number;
    }
    closedir(d);
    return BASE_OK;
}

/* The next place at or behind `from` where a header holds; the file's size if there is none. */
static uint64_t resync(int fd, uint64_t from, uint64_t size)
{
    uint8_t h[HEADER];

    for (uint64_t at = from; at + HEADER <= size; at += 8) {
        if (pread(fd, h, sizeof(h), (off_t)at) == (ssize_t)sizeof(h) && header_holds(h))
            return at;
    }
    return size;
}

struct walk {
    int fd;
    uint64_t size, at, number, damaged;
    uint8_t h[HEADER];
};

/* Moves to the next blob: BASE_OK with its header in w->h, BASE_DONE at the end. */
static enum base_status walk_next(struct walk *w, struct base_err *err)
{
    for (;;) {
        if (w->at >= w->size)
            return BASE_DONE;
        ssize_t n = pread(w->fd, w->h, HEADER, (off_t)w->at);
        if (n < 0)
            return base_err_sys(err, "reading content");
        if (n == (ssize_t)HEADER && header_holds(w->h) &&
            w->at + HEADER + padded(aud_get64(w->h + 8)) <= w->size)
            return BASE_OK;
        w->damaged++;
        w->at = resync(w->fd, w->at + 8, w->size);
    }
}

static enum base_status walk_open(const struct aud_content *c, uint64_t number, int flags,
                                  struct walk *w, struct base_err *err)
{
    char name[32];
    struct stat sb;

    segment_name(number, name);
    *w = (struct walk){.number = number};
    w->fd = openat(c->dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (w->fd < 0 || fstat(w->fd, &sb) != 0)
        return base_err_sys(err, "%s/%s", c->dir, name);
    if (!S_ISREG(sb.st_mode))
        return base_err_set(err, BASE_EIO, "%s/%s: is not a file", c->dir, name);
    w->size = (uint64_t)sb.st_size;
    if (w->size > 2 * SEGMENT_MAX) { /* somebody else's: nothing is looked for behind that */
        w->size = 2 * SEGMENT_MAX;
        w->damaged = 1;
    }
    return BASE_OK;
}

enum base_status aud_content_each(struct aud_content *c, aud_blob_fn fn, void *ctx,
                                  uint64_t *damaged, struct base_err *err)
{
    uint64_t *list;
    size_t n;
    enum base_status st = segments(c, &list, &n, err);

    if (damaged)
        *damaged = 0;
    if (st != BASE_OK)
        return st;
    for (size_t i = 0; i < n && st == BASE_OK; i++) {
        struct walk w;

        st = walk_open(c, list[i], O_RDONLY, &w, err);
        while (st == BASE_OK && (st = walk_next(&w, err)) == BASE_OK) {
            struct aud_blob b;
            struct aud_blob_at at = {w.number, w.at, aud_get32(w.h + 4) == LIVE};

            header_read(w.h, &b);
            st = fn(ctx, &b, &at);
            w.at += HEADER + padded(b.n);
        }
        if (st == BASE_DONE)
            st = BASE_OK;
        if (damaged)
            *damaged += w.damaged;
        if (w.fd >= 0)
            close(w.fd);
    }
    free(list);
    return st;
}

/* Header and ciphertext of a live blob; *ct is the caller's (free). */
static enum base_status fetch(struct aud_content *c, const struct aud_blob_at *at,
                              uint8_t h[HEADER], uint8_t **ct, struct base_err *err)
{
    struct walk w;
    enum base_status st = walk_open(c, at->segment, O_RDONLY, &w, err);

    *ct = NULL;
    if (st == BASE_OK && (pread(w.fd, h, HEADER, (off_t)at->offset) != (ssize_t)HEADER ||
                          !header_holds(h) || aud_get32(h + 4) != LIVE))
        st = base_err_set(err, BASE_ENOENT, "there is no live blob at that place");
    size_t n = st == BASE_OK ? (size_t)aud_get64(h + 8) : 0, whole = (size_t)padded(n);
    if (st == BASE_OK && !(*ct = malloc(whole + 1)))
        st = base_err_set(err, BASE_ENOMEM, "no memory to read content");
    if (st == BASE_OK && pread(w.fd, *ct, whole, (off_t)(at->offset + HEADER)) != (ssize_t)whole)
        st = base_err_set(err, BASE_EIO, "%s: a blob is cut", c->dir);
    for (size_t i = n; i < whole && st == BASE_OK; i++) {
        if ((*ct)[i] != 0)
            st = base_err_set(err, BASE_DENIED, "%s: bytes between two blobs", c->dir);
    }
    if (w.fd >= 0)
        close(w.fd);
    return st;
}

enum base_status aud_content_hash(struct aud_content *c, const struct aud_blob_at *at,
                                  struct aud_hash *ct, struct base_err *err)
{
    uint8_t h[HEADER], *bytes = NULL;
    enum base_status st = fetch(c, at, h, &bytes, err);

    if (st == BASE_OK)
        aud_sha256(bytes, (size_t)aud_get64(h + 8), ct);
    free(bytes);
    return st;
}

enum base_status aud_content_read(struct aud_content *c, const struct aud_blob_at *at,
                                  const struct aud_subject *s, struct base_buf *out,
                                  struct aud_hash *commit, struct base_err *err)
{
    uint8_t h[HEADER], key[AUD_KEY_BYTES], wrap[AUD_KEY_BYTES], extra[192], *ct = NULL;
    enum base_status st = fetch(c, at, h, &ct, err);
    size_t n = st == BASE_OK ? (size_t)aud_get64(h + 8) : 0;
    char *room = st == BASE_OK ? base_buf_room(out, n + 1) : NULL;

    if (st == BASE_OK && !room)
        st = base_err_set(err, BASE_LIMIT, "no room to read %zu bytes of content", n);
    if (st == BASE_OK) {
        aud_hkdf(s->key, base_str_n(h + 48, AUD_ID_BYTES), "weir/blob-wrap/1", wrap);
        if (!aud_unseal(wrap, h + 136, aad(c, "weir/key/1", h, extra), h + 148, AUD_KEY_BYTES,
                        h + 180, key) ||
            !aud_unseal(key, h + 196, aad(c, "weir/blob/1", h, extra), ct, n, h + 208, room))
            st = base_err_set(err, BASE_DENIED,
                              "a blob does not authenticate: it was changed, or is another one");
    }
    if (st == BASE_OK) {
        if (commit)
            commitment(key, h + 48, base_str_n(room, n), commit);
        base_buf_commit(out, n);
    }
    base_wipe(key, sizeof(key));
    base_wipe(wrap, sizeof(wrap));
    free(ct);
    return st;
}

/* ---- destroying ---- */

static enum base_status zero(int fd, uint64_t from, uint64_t to, struct base_err *err)
{
    static const uint8_t zeros[65536];

    while (from < to) {
        size_t n = to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);
        ssize_t put = pwrite(fd, zeros, n, (off_t)from);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return base_err_sys(err, "overwriting content");
        from += (uint64_t)put;
    }
    return BASE_OK;
}

static enum base_status destroy_one(const struct walk *w, uint64_t offset, struct base_err *err)
{
    uint8_t h[HEADER], gone[HEADER] = {0};

    if (pread(w->fd, h, HEADER, (off_t)offset) != (ssize_t)HEADER || !header_holds(h))
        return base_err_set(err, BASE_EINVAL, "there is no blob at that place");
    aud_put32(gone, MAGIC);
    aud_put32(gone + 4, DESTROYED);
    memcpy(gone + 8, h + 8, 16); /* length and time */
    memcpy(gone + 48, h + 48, AUD_ID_BYTES);
    aud_put32(gone + 252, base_crc32c(0, gone, 252));
    /* the key first: with it gone the bytes are noise, whatever happens next */
    if (pwrite(w->fd, gone, HEADER, (off_t)offset) != (ssize_t)HEADER || fdatasync(w->fd) != 0)
        return base_err_sys(err, "overwriting content");
    return zero(w->fd, offset + HEADER, offset + HEADER + padded(aud_get64(h + 8)), err);
}

/* Removes the segment if nothing in it is live. */
static enum base_status drop_if_dead(struct aud_content *c, struct walk *w, struct base_err *err)
{
    char name[32];
    enum base_status st;

    w->at = 0;
    while ((st = walk_next(w, err)) == BASE_OK) {
        if (aud_get32(w->h + 4) == LIVE)
            return BASE_OK;
        w->at += HEADER + padded(aud_get64(w->h + 8));
    }
    if (st != BASE_DONE)
        return st;
    if (w->damaged) { /* what does not parse could be anything */
        st = zero(w->fd, 0, w->size, err);
        if (st == BASE_OK && fdatasync(w->fd) != 0)
            st = base_err_sys(err, "%s: overwriting content", c->dir);
        if (st != BASE_OK)
            return st;
    }
    segment_name(w->number, name);
    if (unlinkat(c->dir_fd, name, 0) != 0 || fsync(c->dir_fd) != 0)
        return base_err_sys(err, "%s/%s", c->dir, name);
    return BASE_OK;
}

enum base_status aud_content_destroy(struct aud_content *c, const struct aud_blob_at *v, size_t n,
                                     struct base_err *err)
{
    enum base_status st = BASE_OK;

    for (size_t i = 0; i < n && st == BASE_OK;) {
        struct walk w;
        size_t k = i;

        st = walk_open(c, v[i].segment, O_RDWR, &w, err);
        for (; k < n && v[k].segment == v[i].segment && st == BASE_OK; k++)
            st = destroy_one(&w, v[k].offset, err);
        if (st == BASE_OK && fdatasync(w.fd) != 0)
            st = base_err_sys(err, "%s: overwriting content", c->dir);
        if (st == BASE_OK && v[i].segment != c->current)
            st = drop_if_dead(c, &w, err);
        if (w.fd >= 0)
            close(w.fd);
        i = k;
    }
    return st;
}

/* ---- opening ---- */

/* An interrupted append ends the last segment of the process before: its bytes belong to no leaf
 * and could be somebody's, so they are overwritten before they are cut off. */
static enum base_status cut_tail(struct aud_content *c, uint64_t number, struct base_err *err)
{
    struct walk w;
    uint64_t good = 0;
    enum base_status st = walk_open(c, number, O_RDWR, &w, err);

    while (st == BASE_OK && (st = walk_next(&w, err)) == BASE_OK) {
        w.at += HEADER + padded(aud_get64(w.h + 8));
        good = w.at;
    }
    if (st == BASE_DONE)
        st = BASE_OK;
    if (st == BASE_OK && good < w.size) {
        st = zero(w.fd, good, w.size, err);
        if (st == BASE_OK &&
            (fdatasync(w.fd) != 0 || ftruncate(w.fd, (off_t)good) != 0 || fsync(w.fd) != 0))
            st = base_err_sys(err, "%s: cutting an interrupted write", c->dir);
    }
    if (w.fd >= 0)
        close(w.fd);
    return st;
}

enum base_status aud_content_open(const char *dir, const uint8_t ring[AUD_ID_BYTES], bool make,
                                  struct aud_content **out, struct base_err *err)
{
    struct aud_content *c = calloc(1, sizeof(*c));
    uint64_t *list = NULL;
    size_t n = 0;
    enum base_status st;

    *out = NULL;
    if (!c)
        return base_err_set(err, BASE_ENOMEM, "no memory for the content store");
    c->fd = c->dir_fd = -1;
    c->current = UINT64_MAX;
    base_buf_init(&c->batch, BATCH_MAX);
    memcpy(c->ring, ring, AUD_ID_BYTES);
    st = aud_path(c->dir, dir, "content", err);
    if (st == BASE_OK && make)
        st = base_mkdirs(c->dir, err);
    if (st == BASE_OK) {
        c->dir_fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->dir_fd < 0) {
            st = base_err_sys(err, "%s", c->dir);
            if (errno == ENOENT)
                st = BASE_ENOENT;
        }
    }
    if (st == BASE_OK)
        st = segments(c, &list, &n, err);
    if (st == BASE_OK && n) {
        c->next = list[n - 1] + 1;
        if (make)
            st = cut_tail(c, list[n - 1], err);
    }
    free(list);
    if (st != BASE_OK)
        aud_content_free(c);
    else
        *out = c;
    return st;
}

void aud_content_free(struct aud_content *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    if (c->dir_fd >= 0)
        close(c->dir_fd);
    base_buf_wipe(&c->batch);
    free(c);
}
