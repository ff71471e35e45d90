/* retain.c - periods past the number to keep: which may go, which must stay, and both on record.
 *
 * Runs on the signer's thread, a step at a time. The oldest period goes when more than keep_periods
 * closed ones are there: first a leaf retention.dropped, when that is signed the files. It stays,
 * whatever keep_periods says,
 *   hold         while a legal hold is on any subject: the records may be what is to be preserved.
 *                keys/holds.json is read for that, not the keeper's memory, so a log that is opened
 *                before its keeper drops nothing either; one that cannot be read counts as a hold
 *   record_days  while its last record is younger than the longest record_days of the policy
 * and then a leaf retention.kept says which, once for each period and reason in a process. What
 * stays is looked at again each minute, and at once when a hold ends or the policy changes.
 *
 * The last record's time is taken to be when the next period was made, which is moments before the
 * change, and an hour is added: younger is decided for keeping. A clock that is set forward
 * shortens nothing that is on hold. Any error but an unreadable holds.json fails the log.
 */
#include "audit/log/log_thread.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_US    (60ull * 1000000)
#define SIGNED_US   50000 /* how soon to see whether a leaf is signed */
#define DAY_US      (86400ll * 1000000)
#define MARGIN_US   (3600ll * 1000000)
#define HOLDS_BYTES (16u << 20)

void aud_log_retain_look(struct aud_log *l)
{
    atomic_store(&l->dropping.now, true);
    pthread_mutex_lock(&l->mu);
    pthread_cond_signal(&l->cv);
    pthread_mutex_unlock(&l->mu);
}

void aud_log_record_days(struct aud_log *l, uint32_t days)
{
    atomic_store(&l->dropping.days, days);
    aud_log_retain_look(l);
}

bool aud_retain_due(const struct aud_log *l)
{
    const struct aud_dropping *d = &l->dropping;

    return l->rules.keep > 0 &&
           (atomic_load(&d->now) || (d->again_us && base_mono_us() >= d->again_us));
}

/* How many holds there are. What cannot be read is one. */
static uint64_t holds(const char *dir)
{
    char path[AUD_PATH_MAX];
    struct base_buf b;
    struct base_err err = {0};
    uint64_t n = 1;
    enum base_status st = aud_path(path, dir, "keys/holds.json", &err);

    base_buf_init(&b, HOLDS_BYTES);
    if (st == BASE_OK)
        st = base_file_read(path, &b, &err);
    json_t *root = st == BASE_OK ? json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *list = json_object_get(root, "holds");
    if (json_is_array(list))
        n = json_array_size(list);
    else if (st == BASE_ENOENT)
        n = 0;
    else
        base_error("audit", "%s cannot be read: every period is kept", path);
    json_decref(root);
    base_buf_release(&b);
    return n;
}

/* Why the oldest period stays, and the number that goes with it; NULL: it may go. */
static const char *reason(const struct aud_log *l, const struct aud_conf *after, uint64_t *number)
{
    uint32_t days = atomic_load(&l->dropping.days);
    int64_t age = base_wall_us() - (int64_t)after->created_us - MARGIN_US;

    *number = holds(l->core.dir);
    if (*number > 0)
        return "hold";
    *number = days;
    return days > 0 && age < (int64_t)days * DAY_US ? "record_days" : NULL;
}

/* Says that the period stays, unless that is on record already. */
static enum base_status keep(struct aud_log *l, uint64_t period, const char *origin,
                             const char *why, uint64_t number, struct base_err *err)
{
    struct aud_dropping *d = &l->dropping;
    struct base_buf b;
    enum base_status st = BASE_OK;

    d->again_us = base_mono_us() + AGAIN_US;
    if (d->kept == period && strcmp(d->why, why) == 0)
        return BASE_OK;
    base_buf_init(&b, 1024);
    if (!aud_leaf_kept(&b, period, origin, why, number, l->rules.keep))
        st = base_err_set(err, BASE_ENOMEM, "no memory for a record of the log");
    else if (aud_log_submit(l, base_buf_view(&b), NULL, NULL) == BASE_OK) {
        base_info("audit", "period %llu is kept past keep_periods: %s", (unsigned long long)period,
                  why);
        d->kept = period;
        snprintf(d->why, sizeof(d->why), "%s", why);
    } else {
        d->again_us = base_mono_us() + 1000000; /* the ring is full */
    }
    base_buf_release(&b);
    return st;
}

/* On the writer's thread. */
static void durable(void *ctx, enum base_status st, uint64_t index)
{
    struct aud_dropping *d = ctx;

    if (st == BASE_OK)
        atomic_store(&d->at, index + 1);
}

/* Says that it goes. */
static enum base_status announce(struct aud_log *l, const struct aud_place *at,
                                 const struct aud_conf *conf, struct base_err *err)
{
    struct aud_dropping *d = &l->dropping;
    struct aud_checkpoint cp;
    struct base_buf b;
    enum base_status st = aud_checkpoint_load(at->dir, conf, &cp, NULL, err);

    if (st != BASE_OK)
        return st;
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    if (!aud_leaf_dropped(&b, at->period, conf->origin, cp.size, &cp.root, l->rules.keep))
        st = base_err_set(err, BASE_ENOMEM, "no memory for a record of the log");
    if (st == BASE_OK) {
        atomic_store(&d->at, 0);
        d->period = at->period;
        if (aud_log_submit(l, base_buf_view(&b), durable, d) != BASE_OK) {
            d->period = 0; /* the ring is full: soon again */
            d->again_us = base_mono_us() + 1000000;
        }
    }
    base_buf_release(&b);
    return st;
}

/* The oldest period, when there are more than are kept: it goes or stays. */
static enum base_status look(struct aud_log *l, struct base_err *err)
{
    struct aud_places places;
    struct aud_conf conf, after;
    uint64_t number;
    enum base_status st = aud_places_list(l->core.dir, &places, err);

    l->dropping.again_us = 0;
    if (st == BASE_OK && places.n > (size_t)l->rules.keep + 1) {
        st = aud_conf_load(places.at[0].dir, BASE_STR_NULL, &conf, err);
        if (st == BASE_OK)
            st = aud_conf_load(places.at[1].dir, BASE_STR_NULL, &after, err);
        const char *why = st == BASE_OK ? reason(l, &after, &number) : NULL;
        if (st == BASE_OK)
            st = why ? keep(l, places.at[0].period, conf.origin, why, number, err)
                     : announce(l, &places.at[0], &conf, err);
    }
    aud_places_release(&places);
    return st;
}

enum base_status aud_retain_step(struct aud_log *l, struct base_err *err)
{
    struct aud_dropping *d = &l->dropping;
    uint64_t at = atomic_load(&d->at);

    if (l->rules.keep == 0)
        return BASE_OK;
    if (d->period == 0) {
        bool due = aud_retain_due(l);

        if (d->looked == l->turns + 1 && !due)
            return BASE_OK;
        atomic_store(&d->now, false);
        d->looked = l->turns + 1;
        return look(l, err);
    }
    if (at == 0 || l->signed_before + l->signed_state.size < at) {
        d->again_us = base_mono_us() + SIGNED_US;
        return BASE_OK;
    }
    uint64_t period = d->period;
    d->period = 0;
    atomic_store(&d->now, true); /* there may be another; or this one, if it is held by now */
    if (holds(l->core.dir) > 0)
        return BASE_OK;
    base_info("audit", "period %llu is dropped, as record %llu says", (unsigned long long)period,
              (unsigned long long)at - 1);
    return aud_period_drop(l->core.dir, period, err);
}
