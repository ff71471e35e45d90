/* wal.h - the write-ahead log's format, its writer and its reader. Private to audit/.
 *
 * Format: docs/audit-format.md. The writer belongs to one thread; a cursor belongs to one thread;
 * both block on files. Offsets and sizes are bytes.
 */
#ifndef AUD_WAL_H
#define AUD_WAL_H

#include "audit/audit.h"
#include "audit/log/merkle.h"

#include <openssl/evp.h>

#define AUD_WAL_MAGIC      "WEIRWAL\n"
#define AUD_WAL_VERSION    1u
#define AUD_FRAME_MAGIC    0x4D524657u /* "WFRM", little endian */
#define AUD_FRAME_BYTES    24u
#define AUD_COMMIT_BYTES   48u
#define AUD_SEAL_BYTES     40u
#define AUD_HEADER_FIXED   132u /* header without the range's hashes, crc included */
#define AUD_HEADER_MAX     (AUD_HEADER_FIXED + 64u * 32u)
#define AUD_BATCH_MAX      524288u /* all frames of one batch, COMMIT included */
#define AUD_BATCH_LEAVES   4096u
#define AUD_SEGMENT_MIN    8192u
#define AUD_SEGMENT_MAX    1073741824u
#define AUD_SEGMENT_NAME   24 /* "00000000000000000000.wal" */
#define AUD_SEGMENTS_MAX   1000000u
#define AUD_WAL_SPARE      "spare"
#define AUD_WAL_SPARE_PART "spare.part"

enum aud_frame_type { AUD_FRAME_LEAF = 1, AUD_FRAME_COMMIT = 2, AUD_FRAME_SEAL = 3 };

struct aud_header {
    uint64_t segment_bytes;
    uint64_t salt;
    int64_t created_us;
    uint64_t open_index;     /* the log.open leaf of the process that made the segment */
    struct aud_hash log_id;  /* SHA-256 of the file log.conf */
    struct aud_hash prev;    /* SHA-256 of the previous segment up to the end of its SEAL */
    struct aud_range before; /* the tree before the first leaf; before.n is the first index */
    uint32_t bytes;          /* of the header itself */
    uint32_t crc;
};

void aud_put32(uint8_t *p, uint32_t v);
void aud_put64(uint8_t *p, uint64_t v);
uint32_t aud_get32(const uint8_t *p);
uint64_t aud_get64(const uint8_t *p);

/* Encodes into out (AUD_HEADER_MAX bytes) and fills h->bytes and h->crc; returns the length. */
size_t aud_header_encode(struct aud_header *h, uint8_t *out);
bool aud_header_parse(const uint8_t *p, size_t n, struct aud_header *h);
/* "00000000000000000042.wal" */
void aud_segment_name(uint64_t first, char out[AUD_SEGMENT_NAME + 1]);
bool aud_segment_parse(const char *name, uint64_t *first);
/* First indexes of the segments in DIR/wal in ascending order; *out is the caller's (free). Any
 * other entry but the spare is BASE_EINVAL. */
enum base_status aud_segments_list(const char *dir, uint64_t **out, size_t *n,
                                   struct base_err *err) BASE_MUST_CHECK;

/* Where a log stands: everything needed to go on writing behind a COMMIT (or to sign it). */
struct aud_pos {
    uint64_t segment; /* first index of the segment */
    uint64_t end;     /* offset behind the last COMMIT (or SEAL) */
    uint32_t crc;     /* cumulative */
    struct aud_range tree;
    EVP_MD_CTX *sha; /* SHA-256 over the segment's bytes [0, end); owned */
};
void aud_pos_init(struct aud_pos *p);
void aud_pos_release(struct aud_pos *p);
void aud_pos_sha(const struct aud_pos *p, struct aud_hash *out);

/* ---- writer ---- */

struct aud_wal {
    int dir_fd;             /* wal/ */
    int fd;                 /* current segment */
    uint64_t segment_bytes; /* for new segments */
    uint64_t current_bytes; /* of the current one */
    uint64_t salt;
    uint64_t open_index;
    struct aud_hash log_id;
    struct aud_pos pos;
    struct base_buf buf; /* frames of the open batch */
    uint32_t buf_crc;
    struct aud_range buf_tree;
    uint32_t buf_leaves;
    uint64_t syncs, sync_us_last, sync_us_max;
};

enum base_status aud_wal_init(struct aud_wal *w, const char *dir, uint64_t segment_bytes,
                              struct base_err *err) BASE_MUST_CHECK;
void aud_wal_release(struct aud_wal *w);
/* Makes and opens the segment that starts at w->pos.tree.n; prev is NULL for the first. */
enum base_status aud_wal_create(struct aud_wal *w, const struct aud_hash *prev,
                                struct base_err *err) BASE_MUST_CHECK;
/* Opens an existing segment to append at pos (moved in), zeroing [pos->end, dirty_end) first. */
enum base_status aud_wal_attach(struct aud_wal *w, const struct aud_header *h, struct aud_pos *pos,
                                uint64_t dirty_end, struct base_err *err) BASE_MUST_CHECK;
/* Adds a leaf to the open batch. BASE_LIMIT: the batch or segment is full: commit first (and if
 * the batch is empty, rotate). */
enum base_status aud_wal_leaf(struct aud_wal *w, struct base_str leaf) BASE_MUST_CHECK;
/* Writes the batch with its COMMIT and makes it durable. After an error the writer is of no more
 * use: what is on disk is unknown until recovery has looked. */
enum base_status aud_wal_commit(struct aud_wal *w, struct base_err *err) BASE_MUST_CHECK;
/* Seals the current segment and goes on in a new one. The batch must be empty. */
enum base_status aud_wal_rotate(struct aud_wal *w, struct base_err *err) BASE_MUST_CHECK;
/* Makes wal/spare, zero-filled and durable, if it is not there. Any one thread at a time. */
enum base_status aud_wal_spare(int dir_fd, uint64_t bytes, struct base_err *err) BASE_MUST_CHECK;

/* ---- reader ---- */

struct aud_leaf_ref {
    uint64_t index;
    struct base_str bytes; /* valid until the next call */
};

struct aud_cursor {
    char dir[4096];
    uint64_t *segments;
    size_t n_segments, at; /* at: which segment is open */
    int fd;
    uint64_t file_bytes;
    struct aud_header header;
    struct aud_pos pos;
    bool sealed;  /* the open segment ended with its SEAL */
    uint8_t *buf; /* window [buf_off, buf_off + buf_n) of the file */
    uint64_t buf_off;
    size_t buf_n;
    struct aud_leaf_ref *leaves;
    size_t n_leaves;
};

/* Opens at the start of the segment that holds index `from` (its first index is <= from).
 * Checks headers and that the segment belongs to log_id when log_id is not NULL. */
enum base_status aud_cursor_open(struct aud_cursor *c, const char *dir, uint64_t from,
                                 const struct aud_hash *log_id,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The next committed batch into c->leaves; c->pos then stands behind it. BASE_DONE: no further
 * valid COMMIT (call again later on a live log); BASE_EINVAL: the chain of segments is damaged. */
enum base_status aud_cursor_next(struct aud_cursor *c, struct base_err *err) BASE_MUST_CHECK;
void aud_cursor_release(struct aud_cursor *c);

/* What stands behind the last COMMIT of the last segment. clean: the log was closed in order, so
 * nothing may. Otherwise the rest of one batch may (see docs/audit-format.md, "the tail"):
 * *dirty_end is then the offset behind its last non-zero byte, or end when there is none. */
enum base_status aud_tail_check(int fd, const char *name, const struct aud_header *h, uint64_t end,
                                uint64_t next_index, bool clean, uint64_t *dirty_end,
                                struct base_err *err) BASE_MUST_CHECK;

/* Its judgement on p[0..n), the bytes from offset `end` to the last one that is not zero (n > 0):
 * can they be the rest of one interrupted batch? */
bool aud_tail_torn(const uint8_t *p, size_t n, uint64_t end, const struct aud_header *h,
                   uint64_t next_index);

#endif
