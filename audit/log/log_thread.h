/* log_thread.h - an open log: what its writer thread (log.c) and its signer thread (signer.c,
 * retain.c) share. Private to these.
 */
#ifndef AUD_LOG_THREAD_H
#define AUD_LOG_THREAD_H

#include "audit/log/core.h"
#include "audit/log/rotate.h"
#include "base/ring.h"

#include <pthread.h>
#include <stdatomic.h>

/* When a new period begins, and how many to keep; constant. */
struct aud_turn_rules {
    bool month;
    uint64_t bytes, records;
    uint32_t keep;
};

/* A closed period that is to go: its retention.dropped leaf is on the way, or durable. */
struct aud_dropping {
    uint64_t period;     /* 0: none */
    uint64_t looked;     /* turns + 1 when the periods were last counted */
    _Atomic uint64_t at; /* the leaf's number + 1, when durable */
    uint64_t kept;     /* this period stays for a reason on record: looked at again now and then */
    char why[16];      /* that reason */
    uint64_t again_us; /* when; 0: not */
    _Atomic bool now;  /* at once: what it depends on has changed */
    _Atomic uint32_t days; /* the policy's longest record_days */
};

enum aud_node_kind { AUD_NODE_OTHER, AUD_NODE_INTENT, AUD_NODE_OUTCOME };

struct aud_node {
    aud_done_fn done;
    void *ctx;
    uint32_t n;
    bool own; /* the log's, about itself */
    enum aud_node_kind kind;
    struct base_str req, tenant; /* in bytes; for the other kinds empty */
    char bytes[];
};

struct aud_log {
    struct aud_core core; /* the writer's, after the threads started; dir, key, conf are constant */
    uint32_t leaf_max;
    uint32_t checkpoint_ms;
    struct base_ring *ring;
    pthread_t writer, signer;
    bool writer_on, signer_on;
    _Atomic bool stop;       /* to the writer: drain and end */
    _Atomic bool failed;     /* this log, for good */
    _Atomic bool refusing;   /* failed, and no spool takes over */
    struct aud_spool *spool; /* the writer's; NULL: none */
    struct aud_watch *watch;

    pthread_mutex_t mu; /* everything below */
    pthread_cond_t cv;  /* to the signer: durable moved, or writer_done */
    struct aud_state durable, signed_state;
    bool writer_done;
    uint64_t spare_bytes; /* not 0: the signer shall make a segment of this size ahead */
    uint64_t spare_for;   /* the segment whose successor was asked for last */
    uint64_t spare_at_us; /* ... but not before; 0: at once */
    _Atomic bool no_room; /* the disk had none for it: written by the signer, read by the watch */
    struct aud_stats stats;

    pthread_mutex_t spare_mu; /* wal/spare: the signer makes it, the writer takes it */
    struct aud_tiler *tiler;  /* the signer's */

    struct aud_node *batch[AUD_BATCH_LEAVES]; /* the writer's */
    size_t n_batch;
    struct aud_intents open; /* the writer's: what a new period must be told of */

    /* the change of period (rotate.h): the signer prepares next and says so, the writer begins it
     * and hands closing back */
    struct aud_turn_rules rules;
    struct aud_skey sign_key; /* the signer's: the key of the period it signs */
    struct aud_next next;
    struct aud_closing closing;
    _Atomic bool next_ready;                /* written under mu */
    bool closing_on;                        /* under mu, as the rest */
    uint64_t durable_before, signed_before; /* records of earlier periods, for durable and signed */
    uint64_t period_bytes, turns;
    struct aud_dropping dropping; /* the signer's, but for its atomic */
};

/* Fails the log for good; the first reason is kept. Either thread. */
void aud_log_fail(struct aud_log *l, const char *where, const struct base_err *why);
void *aud_signer_main(void *log);

/* retain.c, on the signer's thread: one step of dropping periods past the number to keep, and
 * (under mu) whether there is reason to take it. */
enum base_status aud_retain_step(struct aud_log *l, struct base_err *err) BASE_MUST_CHECK;
bool aud_retain_due(const struct aud_log *l);

#endif
