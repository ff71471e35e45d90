/* keeper_int.h - the keeper's inside: keeper.c (thread, keeping), keeper_orders.c (orders as others
 * give them), erase.c (erasure, retention), hold.c (legal holds).
 */
#ifndef AUD_KEEPER_INT_H
#define AUD_KEEPER_INT_H

#include "audit/content/keeper.h"

#include "audit/log/append.h"
#include "audit/log/state.h"
#include "base/json.h"
#include "base/ring.h"
#include "conf/rights.h"

#include <pthread.h>
#include <stdatomic.h>

#define AUD_HOLDS_MAX 10000

/* A blob as leaves name it; keeper.c. */
void aud_blob_json(struct base_json *j, const struct aud_blob *b);

struct aud_hold {
    uint8_t lookup[AUD_ID_BYTES], id[AUD_ID_BYTES]; /* of the subject's key */
    char tag[AUD_TAG_HEX];
    char tenant[AUD_TENANT_BYTES + 1];
    char reason[257], who[129];
    int64_t since;
};

struct aud_keeper {
    char dir[AUD_PATH_MAX];
    struct aud_log *log;
    struct conf_master master;
    struct aud_keyring *ring;
    struct aud_content *content;
    struct aud_hold *holds;
    size_t n_holds;

    struct base_ring *queue;
    pthread_t thread;
    bool thread_on;
    _Atomic bool stop, failed;
    _Atomic uint64_t waiting_bytes, items;
    uint64_t queue_bytes_max, blob_bytes_max;

    void (*erased)(void *ctx, const struct aud_erasure *what);
    void *erased_ctx;

    pthread_mutex_t mu; /* rules and stats */
    struct base_arena *rules_arena;
    struct conf_content rules;
    struct aud_keeper_stats stats;
    uint64_t sweep_at_us;
};

/* An order: runs on the keeper's thread while its caller waits. */
struct aud_call {
    enum base_status (*fn)(struct aud_keeper *k, void *arg, struct base_err *err);
    void *arg;
    struct base_err *err;
    enum base_status st;
    pthread_mutex_t mu;
    pthread_cond_t cv;
    bool done;
    void (*later)(struct aud_call *c); /* nobody waits: told instead, and owns the call */
};

/* Runs fn on the keeper's thread and waits for it. Not from a loop, nor from that thread. */
enum base_status aud_keeper_order(struct aud_keeper *k,
                                  enum base_status (*fn)(struct aud_keeper *k, void *arg,
                                                         struct base_err *err),
                                  void *arg, struct base_err *err) BASE_MUST_CHECK;
/* Queues c, whose `later` is called on the keeper's thread. BASE_LIMIT: the queue is full. */
enum base_status aud_keeper_post(struct aud_keeper *k, struct aud_call *c) BASE_MUST_CHECK;

/* For good: a failed write leaves what is on disk unknown until the next open. */
void aud_keeper_fail(struct aud_keeper *k, const char *where, const struct base_err *why);

/* ---- erase.c and hold.c, on the keeper's thread (or before it runs) ---- */

enum base_status aud_holds_load(struct aud_keeper *k, struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_erase_recover(struct aud_keeper *k, struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_erase_run(struct aud_keeper *k, const struct aud_erasure *what,
                               struct aud_erased *out, struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_hold_run(struct aud_keeper *k, const char *subject, const char *tenant,
                              const char *reason, bool release, const char *who,
                              struct base_err *err) BASE_MUST_CHECK;
/* True if the subject's key of this id is under a hold. */
bool aud_held(const struct aud_keeper *k, const uint8_t id[AUD_ID_BYTES]);
/* The lists (bits) of conf/rights.h that the content of a blob names somebody of; restrict.c. */
unsigned aud_rights_of(const struct conf_rights *lists, struct base_str plain, int64_t today);
enum base_status aud_sweep_run(struct aud_keeper *k, uint64_t *deleted,
                               struct base_err *err) BASE_MUST_CHECK;

#endif
