/* audit.h - the append-only log: what the gateway did, in an order nobody can quietly change.
 *
 * Loops call aud_log_submit with finished leaf bytes and get a callback when the leaf is durable;
 * one writer thread owns the files. Everything else (verify, show) works on a directory, offline.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define AUD_LEAF_BYTES_MAX 32768

struct aud_log;
struct aud_remote;

struct aud_options {
    const char *directory;
    const char *origin;     /* C2SP checkpoint origin = key name */
    uint32_t ring_leaves;   /* bound of the queue; 0 = default (4096) */
    uint32_t segment_bytes; /* 0 = as the log's last one has it, 64 MiB in a new log */
    uint32_t checkpoint_ms; /* at most this long between durable and signed; 0 = default */
    const char *spool;      /* on failure records go on in a log under this folder; NULL: refused */
    /* free bytes at or below which a stage begins; 0: never */
    uint64_t disk_warn_bytes, disk_content_bytes, disk_refuse_bytes;
    struct aud_remote
        *remote; /* the process that signs (remote.h), if not this one; the caller's */
    bool watch;  /* look at the disk and the clock while it is open */
    /* a new period begins when one of these is reached; 0: never for that reason */
    bool period_month; /* another month, UTC */
    uint64_t period_bytes, period_records;
    uint32_t keep_periods; /* closed ones to keep; older ones are dropped, recorded; 0: all */
    uint32_t record_days;  /* as aud_log_record_days says, from the start */
};

/* The longest record_days of the policy in force (0: none): no period is dropped while its last
 * record is younger. Any thread; also after a reload. aud_log_retain_look: a legal hold was set or
 * released, what is kept is looked at again. */
void aud_log_record_days(struct aud_log *l, uint32_t days);
void aud_log_retain_look(struct aud_log *l);

/* The stages of a disk that fills up, each with those before it. */
enum aud_disk {
    AUD_DISK_OK,
    AUD_DISK_WARN,
    AUD_DISK_NO_CONTENT, /* no content may be kept any more */
    AUD_DISK_FULL        /* no new request may be let in */
};

/* Opens or creates the log, recovers it (cuts an uncommitted tail, rebuilds the tree, compares with
 * the last signed state; refuses rollback, fork and damage with BASE_EINVAL), writes
 * req.outcome{status:"unknown"} for intents without outcome, starts the writer thread. Blocks. */
enum base_status aud_log_open(const struct aud_options *o, struct aud_log **out,
                              struct base_err *err) BASE_MUST_CHECK;
/* Drains the ring, signs a checkpoint over every record, stops the thread, wipes the key. Blocks.
 */
enum base_status aud_log_close(struct aud_log *l, struct base_err *err);

/* index, here and everywhere outside one tree: the number of the record in the whole log, i.e. its
 * place in its period's tree plus the records of all periods before.
 * Told once for each submitted leaf, ON THE WRITER THREAD: it must only hand over (push to a loop's
 * queue and wake it) and never block. status BASE_OK: durable, index is final. Else the log has
 * failed and the leaf may or may not exist. */
typedef void (*aud_done_fn)(void *ctx, enum base_status status, uint64_t index);

/* Queues a copy of leaf (one JSON object, at most AUD_LEAF_BYTES_MAX). Any thread, never blocks.
 * BASE_LIMIT: the ring is full (answer 503 with retry-after); BASE_EIO: the log has FAILED for
 * good; in both cases done is not called. */
enum base_status aud_log_submit(struct aud_log *l, struct base_str leaf, aud_done_fn done,
                                void *ctx) BASE_MUST_CHECK;

struct aud_stats {
    uint64_t leaves, commits, syncs, checkpoints, bytes;
    uint64_t size_durable, size_signed;
    uint64_t ring_used, ring_max;
    uint64_t sync_us_last, sync_us_max;
    uint64_t period, turn_us_last; /* the writer's time for the last change of period */
    enum aud_disk disk;
    uint64_t disk_free_bytes, clock_steps;
    bool broken;      /* this log has failed for good: nothing more is written to it */
    uint64_t spooled; /* records that went to the spool instead */
    bool failed;      /* nothing is recorded any more: broken, and no spool takes over */
    char failure[256];
};
void aud_log_stats(struct aud_log *l, struct aud_stats *out); /* any thread */
/* The disk's stage. Any thread, one atomic load. */
enum aud_disk aud_log_disk(const struct aud_log *l);

/* ---- offline ---- */

#define AUD_WITNESSES_MAX 16

struct aud_verify_report {
    uint64_t leaves, size_signed, intents, outcomes, unknown_outcomes, open_intents;
    uint64_t before;                /* the number of the first record that is there */
    uint64_t leaves_before_current; /* of leaves: in the periods before the current one */
    uint64_t periods;               /* that were read */
    uint64_t dropped;               /* earlier ones that a record says were dropped, and which */
    uint64_t dropped_at;            /* record says so */
    uint64_t witnessed;   /* size in the current period that enough witnesses have signed */
    unsigned cosigned;    /* by how many */
    uint64_t contents;    /* leaves that name stored content */
    bool spool;           /* it continues another log, beside which the content stands */
    uint64_t unwitnessed; /* closed periods without so many; only where witnesses were given */
    char origin[256], root_hex[65], vkey[512];
    uint64_t uncommitted_bytes; /* behind the last COMMIT: the rest of an interrupted write */
    uint64_t time_back_us_max;  /* the largest step back between leaves; index order is the truth */
    bool clean;    /* closed in order; else records may be durable and not signed yet */
    bool live;     /* a process had the log open */
    bool own_vkey; /* checked only against the key in the log's own log.conf */
    bool holds;
    uint64_t first_bad; /* the first record that does not hold; UINT64_MAX if not about a record */
    char problem[512];  /* in plain words, names the file */
};

struct aud_verify_options {
    const char *vkey; /* any period's; NULL: the one in log.conf (and the report says so) */
    const char *witness[AUD_WITNESSES_MAX]; /* vkeys, cosignature/v1 */
    unsigned n_witnesses;
    unsigned quorum; /* so many of them must have signed; 0: as many as there are */
    /* checkpoints kept from earlier: notes; each must be this log's and be contained in it */
    struct base_str checkpoint[8];
    unsigned n_checkpoints;
};

/* Checks all of a directory, every period of it: signatures, every frame, every leaf, trees, tiles
 * where they are there, order, intents and outcomes, what joins the periods. size_signed, origin,
 * root and vkey are of the current period. BASE_OK when it could be checked (see holds); an error
 * when it could not be read at all. */
enum base_status aud_verify_with(const char *directory, const struct aud_verify_options *o,
                                 struct aud_verify_report *out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The same with a vkey alone. */
enum base_status aud_verify(const char *directory, const char *vkey, struct aud_verify_report *out,
                            struct base_err *err) BASE_MUST_CHECK;

/* Calls fn for each leaf from index `from` on, in order, through all periods that are there; stops
 * when fn returns other than BASE_OK. */
typedef enum base_status (*aud_leaf_fn)(void *ctx, uint64_t index, struct base_str leaf);
enum base_status aud_each(const char *directory, uint64_t from, aud_leaf_fn fn, void *ctx,
                          struct base_err *err) BASE_MUST_CHECK;

#endif
