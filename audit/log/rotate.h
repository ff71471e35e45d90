/* rotate.h - the change from one period to the next, in three steps. Private to audit/.
 *
 * prepare (signer)  next.part/ has everything the new period needs but a record
 * begin (writer)    the old period's log.end is durable; log.begin becomes so in next.part/, which
 *                   then is next/: decided. From here on records go there
 * finish (signer)   the old period is signed to its end, its files go to periods/NNNN/, those of
 *                   next/ take their place
 *
 * A crash before `begin` leaves the old period (and log.end, if it got that far, makes the next
 * open begin again); a crash after it leaves next/, and the next open finishes.
 */
#ifndef AUD_ROTATE_H
#define AUD_ROTATE_H

#include "audit/log/core.h"

/* A period made ahead. */
struct aud_next {
    bool ready;
    struct aud_skey key;
    struct aud_conf conf;
    struct aud_wal wal;
    struct aud_state empty; /* as signed in next.part/: size 0 */
};
enum base_status aud_next_prepare(const struct aud_core *c, struct aud_next *n,
                                  struct base_err *err) BASE_MUST_CHECK;
void aud_next_release(struct aud_next *n);

/* What is left to do for a period that has ended. */
struct aud_closing {
    struct aud_skey key;
    struct aud_state state; /* its last */
    uint64_t period;
};

/* The caller owns c->wal, whose batch is empty and whose last record is log.end. On success c is
 * the new period, n is used up, *old is for aud_next_finish (wipe its key). */
enum base_status aud_next_begin(struct aud_core *c, struct aud_next *n,
                                const struct aud_intents *open, struct aud_closing *old,
                                struct base_err *err) BASE_MUST_CHECK;

/* Signs the old period to its end, with its tiles: tiler stands on it. For a period that ended
 * before a crash too. Its files are still in dir. */
enum base_status aud_next_sign_old(const char *dir, const struct aud_closing *old,
                                   struct aud_tiler *tiler, struct base_err *err) BASE_MUST_CHECK;
/* Moves the files, wherever a crash left them. */
enum base_status aud_next_move(const char *dir, uint64_t old_period,
                               struct base_err *err) BASE_MUST_CHECK;

/* At open, before anything else: finishes a change that was decided (next/ is there) and removes
 * what was only prepared. base: the configured origin. */
enum base_status aud_next_settle(const char *dir, struct base_str base, struct aud_remote *remote,
                                 struct base_err *err) BASE_MUST_CHECK;

/* Removes periods/NNNN: first its name, at once, then its files. */
enum base_status aud_period_drop(const char *dir, uint64_t period,
                                 struct base_err *err) BASE_MUST_CHECK;

#endif
