/* core.h - the inside of an open log, shared by log.c (threads), recover.c (opening), rotate.c
 * (periods) and spool_replay.c. Private to audit/; the thread that opened it or the log's writer.
 */
#ifndef AUD_CORE_H
#define AUD_CORE_H

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
/* Closes what aud_core_open (recover.h) opened, and with it the lock. */
void aud_core_release(struct aud_core *c);
/* Appends one leaf of the log's own to the open batch, committing or rotating as needed. */
enum base_status aud_core_append(struct aud_core *c, struct base_str leaf,
                                 struct base_err *err) BASE_MUST_CHECK;

#endif
