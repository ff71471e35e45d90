/* log_int.h - the inside of an open log, shared by log.c (threads) and recover.c (opening). */
#ifndef AUD_LOG_INT_H
#define AUD_LOG_INT_H

#include "audit/log/intents.h"
#include "audit/log/period.h"
#include "audit/log/state.h"
#include "audit/log/tiles.h"
#include "audit/log/wal.h"

/* What recovery found and did; for the log.open leaf and the operator. */
struct aud_recovery {
    bool created, was_clean;
    uint64_t cut_bytes; /* of an uncommitted tail */
    uint64_t unknown;   /* outcomes written for interrupted requests */
};

/* The parts that exist before any thread does. */
struct aud_core {
    char dir[AUD_PATH_MAX];
    int lock_fd;
    struct aud_skey key;
    struct aud_conf conf;
    struct aud_wal wal;
    struct aud_state signed_state; /* as on disk */
    uint64_t period;               /* 1 for the first; its first record has number `before` */
    uint64_t before;
    struct aud_recovery recovery;
    const char *spool;         /* where spools are looked for; NULL: nowhere. The caller's */
    struct aud_remote *remote; /* who signs, if not we; or NULL. The caller's */
    const char *spool_vkey;    /* of the one that is ready, for the log.open leaf; or NULL */
};

/* Where the wal stands, as a state to sign. */
void aud_core_snapshot(const struct aud_core *c, struct aud_state *out);
/* Opens or creates; on success the log.open leaf is durable and the caller owns *c (release with
 * aud_core_release, also after a failure). The strings of o stay the caller's while it opens. */
enum base_status aud_core_open(struct aud_core *c, const struct aud_options *o,
                               const char *spool_vkey, struct base_err *err) BASE_MUST_CHECK;
void aud_core_release(struct aud_core *c);
/* Appends one leaf of the log's own to the open batch, committing or rotating as needed. */
enum base_status aud_core_append(struct aud_core *c, struct base_str leaf,
                                 struct base_err *err) BASE_MUST_CHECK;

#endif
