/* verify_wal.c - the segments of one period: headers, place in the chain, frames, checksums, the
 * SHA-256 of each, what follows the end. Written from docs/audit-format.md apart from the writer
 * and from cursor.c, so that one mistake does not hide in both.
 *
 * Reads a segment in blocks of 2 MiB, checks the frames of whole batches and hands the block to the
 * thread of verify_leaf.c, which hashes and reads the records while the next block is read and
 * hashed here. What that thread finds lies before anything that is found here at the same time, so
 * it is waited for before anything is said.
 */
#include "audit/verify/ver.h"

#include "base/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A segment while it is read. */
struct seg {
    struct ver *v;
    struct ver_file f;
    uint64_t at; /* behind the last whole batch */
    uint32_t crc;
    bool sealed, last;
    EVP_MD_CTX *sha; /* over [0, at) */
};

static uint64_t le(const uint8_t *p, int bytes)
{
    uint64_t x = 0;

    while (bytes-- > 0)
        x = x << 8 | p[bytes];
    return x;
}

/* The record with index i of this period, as a number in the whole log. */
static uint64_t number(const struct ver *v, uint64_t i)
{
    return v->chain->before + i;
}

static void sha_so_far(const struct seg *s, struct aud_hash *out)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    BASE_BUG_ON(!c || EVP_MD_CTX_copy_ex(c, s->sha) != 1 ||
                EVP_DigestFinal_ex(c, out->b, NULL) != 1);
    EVP_MD_CTX_free(c);
}

static bool check_header(struct seg *s, const uint8_t *p, size_t n, uint64_t first)
{
    struct ver *v = s->v;
    struct aud_verify_report *r = v->r;
    uint64_t k = (uint64_t)__builtin_popcountll(first);
    uint64_t bytes = 132 + 32 * k;

    if (n < bytes || memcmp(p, "WEIRWAL\n", 8) != 0 || le(p + 8, 4) != 1 ||
        le(p + 12, 4) != bytes || le(p + 24, 8) != first || le(p + 56, 4) != k ||
        le(p + 60, 4) != 0 || le(p + bytes - 4, 4) != base_crc32c(0, p, bytes - 4) ||
        !aud_header_parse(p, n, &v->h))
        return ver_bad(r, number(v, first),
                       "%s: index %" PRIu64 ": the segment's header does not hold", v->name, first);
    uint64_t size = le(p + 16, 8);
    if (s->f.n != size && (!s->last || v->clean || s->f.n > size))
        return ver_bad(r, number(v, first), "%s: has %" PRIu64 " bytes, its header says %" PRIu64,
                       v->name, s->f.n, size);
    if (memcmp(p + 64, v->conf.id.b, 32) != 0)
        return ver_bad(r, number(v, first), "%s: belongs to another log.conf", v->name);
    if (first != v->size || memcmp(p + 96, v->sealed.b, 32) != 0 ||
        memcmp(p + 128, ver_leaves_tree(v->leaves)->h, 32 * k) != 0)
        return ver_bad(r, number(v, first < v->size ? first : v->size),
                       "%s: does not continue the segment before it", v->name);
    s->at = v->h.bytes;
    s->crc = v->h.crc;
    BASE_BUG_ON(EVP_DigestUpdate(s->sha, p, bytes) != 1);
    return true;
}

/* Behind a COMMIT, or the header: is it where state says the log was signed, and is all before it
 * as it was? (The roots of the signed sizes are checked with the records.) */
static bool state_fits(struct seg *s)
{
    struct ver *v = s->v;
    struct aud_hash sha;

    if (v->size != v->state.size || v->state_seen || v->h.before.n != v->state.segment)
        return true;
    v->state_seen = true;
    sha_so_far(s, &sha);
    return s->at == v->state.end && aud_hash_eq(&sha, &v->state.sha);
}

struct frame {
    uint8_t type;
    uint32_t length;
    uint64_t index;
    const uint8_t *body;
};

/* The frame at p[0..n); false when there is none that is valid. */
static bool read_frame(const struct ver *v, const uint8_t *p, size_t n, uint32_t *crc,
                       struct frame *f)
{
    if (n < 24)
        return false;
    f->type = p[4];
    f->length = (uint32_t)le(p + 8, 4);
    f->index = le(p + 12, 8);
    f->body = p + 24;
    if (le(p, 4) != (0x4D524657u ^ (v->h.salt & 0xffffffffu)) || p[5] || p[6] || p[7] ||
        f->length > n - 24)
        return false;
    uint32_t c = base_crc32c(base_crc32c(*crc, p, 20), f->body, f->length);
    if (c != le(p + 20, 4))
        return false;
    *crc = c;
    return true;
}

/* What was found in a block. */
struct found {
    size_t end;        /* behind the last whole batch (or SEAL) */
    size_t at;         /* of the frame that is not valid */
    uint64_t next;     /* the index that is due there */
    uint32_t leaves;   /* of the batch that was begun */
    const char *wrong; /* a valid frame that may not stand here: why; said once the records before
                          it were read */
    uint64_t wrong_at;
};

/* A COMMIT or SEAL behind `count` leaves, its root apart. */
static bool end_fits(const struct frame *f, uint32_t count, uint64_t size)
{
    if (f->type == 3)
        return count == 0 && f->length == 40 && le(f->body, 8) == size;
    return f->type == 2 && count > 0 && count <= AUD_BATCH_LEAVES && f->length == 48 &&
           le(f->body, 4) == count && le(f->body + 4, 4) == 0 && le(f->body + 8, 8) == size;
}

/* The frames of p[0..n), which starts at s->at. Moves s and v->size behind each batch. */
static void read_frames(struct seg *s, const uint8_t *p, size_t n, struct found *o)
{
    struct ver *v = s->v;
    uint32_t crc = s->crc;
    struct frame f;

    *o = (struct found){.next = v->size};
    while (!s->sealed && read_frame(v, p + o->at, n - o->at, &crc, &f)) {
        size_t next = o->at + 24 + f.length;

        if (f.index != o->next || next - o->end > AUD_BATCH_MAX || f.length > AUD_LEAF_BYTES_MAX) {
            o->wrong = "is out of order";
            o->wrong_at = o->next;
            return;
        }
        o->at = next;
        if (f.type == 1) {
            o->leaves++;
            o->next++;
            continue;
        }
        if (!end_fits(&f, o->leaves, o->next)) {
            o->wrong = "the end of its batch is wrong";
            o->wrong_at = v->size;
            return;
        }
        BASE_BUG_ON(EVP_DigestUpdate(s->sha, p + o->end, o->at - o->end) != 1);
        s->sealed = f.type == 3;
        s->at += o->at - o->end;
        s->crc = crc;
        v->size = o->next;
        o->end = o->at;
        o->leaves = 0;
        if (!s->sealed && !state_fits(s)) {
            o->wrong = "was changed after state was signed";
            o->wrong_at = v->h.before.n;
            return;
        }
    }
}

/* The frame that is not valid, of which p[0..n) are the first 24 bytes, was signed. If it is a
 * COMMIT none of its batch counts, and the first of that is named. */
static bool bad_frame(struct seg *s, const uint8_t *p, size_t n, const struct found *o)
{
    struct ver *v = s->v;
    uint64_t index = o->next;

    if (n == 24 && (p[4] == 2 || (p[4] != 1 && le(p + 8, 4) == 48)))
        index = v->size;
    return ver_bad(v->r, number(v, index),
                   "%s: index %" PRIu64 " (offset %" PRIu64 ") does not hold; %" PRIu64
                   " records were signed",
                   v->name, index, s->at + o->at - o->end, v->signed_size);
}

/* Nothing valid follows s->at. */
static enum base_status check_end(struct seg *s, struct base_err *err)
{
    struct ver *v = s->v;
    uint64_t tail, next = v->size;
    enum base_status st = BASE_OK;
    uint8_t *p = NULL;

    if (!s->sealed && !s->last) {
        ver_bad(v->r, number(v, next), "%s: index %" PRIu64 " (offset %" PRIu64 ") does not hold",
                v->name, next, s->at);
        return BASE_OK;
    }
    st = ver_file_last(&s->f, s->at, &tail, err);
    if (st != BASE_OK || tail == s->at)
        return st;
    if (s->sealed || v->clean) {
        ver_bad(v->r, number(v, next),
                "%s: index %" PRIu64 " (offset %" PRIu64 ") does not hold: stray bytes behind the "
                "last record",
                v->name, next, s->at);
        return BASE_OK;
    }
    if (tail - s->at <= AUD_BATCH_MAX) {
        p = malloc((size_t)(tail - s->at));
        if (!p)
            return base_err_set(err, BASE_ENOMEM, "no memory to read %s", v->name);
        st = ver_file_read(&s->f, s->at, p, (size_t)(tail - s->at), err);
    }
    if (st == BASE_OK &&
        (v->ended || !p || !aud_tail_torn(p, (size_t)(tail - s->at), s->at, &v->h, next)))
        ver_bad(v->r, number(v, next),
                "%s: index %" PRIu64 " (offset %" PRIu64 ") does not hold, and is not the rest of "
                "an interrupted write",
                v->name, next, s->at);
    else if (st == BASE_OK)
        v->r->uncommitted_bytes = tail - s->at;
    free(p);
    return st;
}

/* One block from s->at on. *more: something valid was there, and there may be more. */
static enum base_status read_block(struct seg *s, struct ver_block *b, bool *more,
                                   struct base_err *err)
{
    struct ver *v = s->v;
    struct found o;
    uint8_t head[24] = {0}; /* the block is not ours any more once it is handed over */
    uint64_t left = s->f.n > s->at ? s->f.n - s->at : 0;
    size_t n = left < VER_BLOCK_BYTES ? (size_t)left : VER_BLOCK_BYTES;
    enum base_status st = ver_file_read(&s->f, s->at, b->p, n, err);

    memcpy(b->name, v->name, sizeof(b->name));
    b->n = 0;
    if (st == BASE_OK) {
        read_frames(s, b->p, n, &o);
        b->n = o.end;
    }
    size_t k = st == BASE_OK && n - o.at < 24 ? n - o.at : 24;
    if (st == BASE_OK)
        memcpy(head, b->p + o.at, k);
    ver_leaves_put(v->leaves, b);
    if (st != BASE_OK)
        return st;
    *more = o.end > 0 && !o.wrong;
    if (*more)
        return BASE_OK;
    if (o.wrong) {
        if (ver_leaves_wait(v->leaves))
            ver_bad(v->r, number(v, o.wrong_at), "%s: index %" PRIu64 ": %s", v->name, o.wrong_at,
                    o.wrong);
    } else if (s->last && (o.next < v->signed_size || (o.leaves > 0 && v->size < v->signed_size)) &&
               ver_leaves_wait(v->leaves)) {
        bad_frame(s, head, k, &o);
    }
    return BASE_OK;
}

/* Everything behind the header. */
static enum base_status read_blocks(struct seg *s, struct base_err *err)
{
    struct ver *v = s->v;
    enum base_status st = BASE_OK;
    bool more = true;

    if (!state_fits(s)) {
        ver_bad(v->r, number(v, v->h.before.n),
                "%s: index %" PRIu64 ": was changed after state was signed", v->name,
                v->h.before.n);
        return BASE_OK;
    }
    while (more && !s->sealed && st == BASE_OK) {
        struct ver_block *b = ver_leaves_block(v->leaves);

        if (!b)
            break; /* a record did not hold */
        st = read_block(s, b, &more, err);
    }
    return st;
}

static enum base_status check_segment(struct ver *v, uint64_t first, bool last,
                                      struct base_err *err)
{
    char path[AUD_PATH_MAX];
    uint8_t head[AUD_HEADER_MAX];
    struct seg s = {.v = v, .last = last, .f.fd = -1};
    enum base_status st;

    snprintf(v->name, sizeof(v->name), "wal/%020" PRIu64 ".wal", first);
    st = aud_read_path(path, v->dir, v->name, err);
    if (st == BASE_OK)
        st = ver_file_open(&s.f, path, err);
    snprintf(v->name, sizeof(v->name), "%swal/%020" PRIu64 ".wal", v->label, first);
    if (st != BASE_OK)
        return st;
    if (s.f.n > AUD_SEGMENT_MAX) {
        ver_bad(v->r, number(v, first), "%s: longer than any segment may be", v->name);
        goto out;
    }
    s.sha = EVP_MD_CTX_new();
    BASE_BUG_ON(!s.sha || EVP_DigestInit_ex(s.sha, EVP_sha256(), NULL) != 1);
    if (last)
        st = ver_file_tail(&s.f, v->state.segment == first ? v->state.end : AUD_HEADER_MAX, err);
    size_t n = s.f.n < sizeof(head) ? (size_t)s.f.n : sizeof(head);
    if (st == BASE_OK)
        st = ver_file_read(&s.f, 0, head, n, err);
    if (st != BASE_OK || !check_header(&s, head, n, first))
        goto out;
    st = read_blocks(&s, err);
    if (st == BASE_OK && ver_leaves_wait(v->leaves) && v->r->holds)
        st = check_end(&s, err);
    if (s.sealed)
        sha_so_far(&s, &v->sealed);
    v->open_end = !s.sealed;
out:
    EVP_MD_CTX_free(s.sha);
    ver_file_close(&s.f);
    return st;
}

enum base_status ver_segments(struct ver *v, struct base_err *err)
{
    uint64_t *list = NULL;
    size_t n = 0;
    struct base_err why;
    enum base_status st = aud_segments_list(v->dir, &list, &n, &why);

    if (st == BASE_EIO && why.sys != ENOENT) {
        return base_err_set(err, st, "%s", why.text);
    } else if (st != BASE_OK || n == 0) {
        ver_bad(v->r, number(v, 0), "%s%s", v->label,
                st == BASE_EINVAL ? why.text : "wal/: there is no segment");
        free(list);
        return BASE_OK;
    }
    for (size_t i = 0; i < n && st == BASE_OK && v->r->holds; i++) {
        if (list[i] != v->size) {
            ver_bad(v->r, number(v, v->size),
                    "%swal/: the segment that holds index %" PRIu64 " is missing", v->label,
                    v->size);
            break;
        }
        st = check_segment(v, list[i], i + 1 == n, err);
    }
    free(list);
    return st;
}
