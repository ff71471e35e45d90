/* ver.h - the parts of the verifier that its files share. Private to audit/.
 *
 *   ver.c            the first thing that does not hold
 *   verify.c         the chain of periods, the signed files of each, the entry
 *   verify_wal.c     one period's segments: headers, frames, checksums, SHA-256, the end
 *   verify_read.c    a segment in windows, its end first where it may still grow
 *   verify_leaf.c    trees, roots, records and their order, on a thread of its own
 *   verify_json.c    what a record must be
 *   verify_tiles.c   tile/ against the records
 */
#ifndef AUD_VER_H
#define AUD_VER_H

#include "audit/audit.h"
#include "audit/log/intents.h"
#include "audit/log/merkle.h"
#include "audit/log/period.h"

/* ---- what does not hold ---- */

/* Says what does not hold, once: later calls are ignored. index is a record number. Returns false,
 * for `return ver_bad(...)`. */
bool ver_bad(struct aud_verify_report *r, uint64_t index, const char *fmt, ...) BASE_PRINTF(3, 4);

/* ---- records ---- */

struct ver_record {
    uint64_t v, t;
    struct base_str ev, req, tenant, status; /* as they stand, still escaped */
};
/* Is text what a record must be (docs/audit-format.md, "Leaves")? Written apart from leaf.c, which
 * guards the other end. */
bool ver_record_scan(struct base_str text, struct ver_record *out);

/* A size at which the log must have a root, because somebody signed it. */
struct ver_point {
    uint64_t size;
    struct aud_hash root;
    const char *who; /* "checkpoint", "state", ... */
    bool seen;
};
#define VER_POINTS_MAX 16

/* ---- the chain ---- */

struct ver_chain {
    struct aud_verify_report *r;
    const struct aud_verify_options *o;
    struct aud_vkey key; /* trusted; under any period's name */
    struct base_err io;  /* why something could not be read */
    bool live, changing;
    unsigned kept_seen;      /* of the caller's checkpoints */
    uint64_t period, before; /* of the period being read; before it: this many records */
    bool first;              /* it is the first that is there */
    bool open_known;         /* every earlier period was read: open is exact */
    struct aud_intents open;
    uint64_t last_t;
    bool spool; /* record 1 says that this log continues another: its intents may stand there */
    /* the period before: what it was, if it was read */
    struct aud_conf prev_conf;
    uint64_t prev_size;
    struct aud_hash prev_root;
    char next_origin[AUD_NAME_MAX + 1]; /* what its log.end says */
    /* the newest period that is gone, if one is: a leaf must say that it was dropped */
    struct {
        bool missing, allowed;
        uint64_t period;
        struct aud_checkpoint cp;
        uint64_t at; /* the number of that leaf */
    } gone;
};

/* One period while it is read. */
struct ver {
    struct ver_chain *chain;
    struct aud_verify_report *r;
    const char *dir; /* its place */
    char label[32];  /* "", "periods/0001/" or "next/" */
    struct aud_conf conf;
    struct aud_state state;
    bool last;  /* it is the current one */
    bool clean; /* nothing may follow */
    struct ver_point point[VER_POINTS_MAX];
    size_t n_points;
    uint64_t signed_size;
    struct ver_tiles *tiles;
    struct ver_leaves *leaves;
    bool ended; /* its last leaf is log.end */
    /* kept by verify_wal.c */
    char name[AUD_SEGMENT_NAME + 40];
    struct aud_header h;
    uint64_t size;          /* behind the last COMMIT */
    struct aud_hash sealed; /* SHA-256 of the last sealed segment */
    bool open_end;          /* the last segment has no SEAL */
    bool state_seen;
};

/* All segments of the period. An error when one cannot be read; else see the report. */
enum base_status ver_segments(struct ver *v, struct base_err *err) BASE_MUST_CHECK;

/* ---- one segment's bytes ---- */

struct ver_file {
    int fd;
    uint64_t n;
    uint64_t tail_off; /* from here on the bytes were read ahead, the last first */
    uint8_t *tail;
    size_t tail_n; /* up to the last one that is not zero */
};
enum base_status ver_file_open(struct ver_file *f, const char *path,
                               struct base_err *err) BASE_MUST_CHECK;
/* Takes everything from offset `from` on into memory, backwards: what is seen is never newer at a
 * later place than at an earlier one. */
enum base_status ver_file_tail(struct ver_file *f, uint64_t from,
                               struct base_err *err) BASE_MUST_CHECK;
enum base_status ver_file_read(const struct ver_file *f, uint64_t off, uint8_t *p, size_t n,
                               struct base_err *err) BASE_MUST_CHECK;
/* Behind the last byte from `from` on that is not zero; from when there is none. */
enum base_status ver_file_last(const struct ver_file *f, uint64_t from, uint64_t *end,
                               struct base_err *err) BASE_MUST_CHECK;
void ver_file_close(struct ver_file *f);

/* ---- the thread that reads records ---- */

#define VER_BLOCK_BYTES (2u * 1048576u)

struct ver_block {
    uint8_t *p;
    size_t n; /* whole batches */
    char name[AUD_SEGMENT_NAME + 40];
};

/* NULL: no memory. The thread starts with the first large block. */
struct ver_leaves *ver_leaves_new(struct ver *v);
/* An empty block of VER_BLOCK_BYTES; waits for one. NULL when a record did not hold. */
struct ver_block *ver_leaves_block(struct ver_leaves *l);
/* Hands it over: whole batches whose frames are valid and in order. */
void ver_leaves_put(struct ver_leaves *l, struct ver_block *b);
/* Waits until everything handed over was read; false when a record did not hold. */
bool ver_leaves_wait(struct ver_leaves *l);
/* After the last block: waits, and checks what only the end of a period can show. */
bool ver_leaves_end(struct ver_leaves *l);
const struct aud_range *ver_leaves_tree(const struct ver_leaves *l); /* after a wait */
void ver_leaves_free(struct ver_leaves *l);

/* ---- tiles ---- */

struct ver_tiles;

/* label stands before the names in messages; before: the number of the period's first record. */
struct ver_tiles *ver_tiles_new(const char *dir, const char *label, uint64_t before,
                                struct aud_verify_report *r);
void ver_tiles_free(struct ver_tiles *t);
/* The next leaf, in order. False: a tile that is there does not match (said in the report). */
bool ver_tiles_leaf(struct ver_tiles *t, struct base_str leaf, const struct aud_hash *h);
/* The partial tiles, and (unless live) that tile/ holds nothing beyond the log. */
bool ver_tiles_end(struct ver_tiles *t, bool live);

#endif
