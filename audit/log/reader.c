/* reader.c - following a log through its periods.
 *
 * One cursor on one period. When that period has ended and its log.end was handed out, the places
 * of the periods are looked up again and the next one is opened; when files are moved under it (a
 * change of period is three renames a file), what fails is tried again where the files are now.
 * Record numbers go on over periods: a period's log.begin says how many came before it.
 */
#include "audit/log/reader.h"

#include "audit/log/leaf.h"
#include "audit/log/period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES        20
#define TRIES_DAMAGE 3 /* what is wrong that often, with nothing being moved, is damaged */

struct aud_reader {
    char dir[AUD_PATH_MAX];
    struct aud_cursor cur;
    bool open;
    struct aud_conf conf;
    uint64_t before; /* of the period that is open */
    uint64_t next;   /* the number of the next record to hand out */
    bool ended;      /* log.end of the open period was handed out */
};

/* The number of a place's first record. */
static enum base_status place_before(const char *dir, const struct aud_conf *conf, uint64_t *before,
                                     struct base_err *err)
{
    struct aud_cursor c;
    struct aud_begin b;
    struct base_str base;
    uint64_t period;

    *before = 0;
    aud_origin_split(conf->origin, &base, &period);
    if (period == 1)
        return BASE_OK;
    enum base_status st = aud_cursor_open(&c, dir, 0, &conf->id, err);
    if (st == BASE_OK)
        st = aud_cursor_next(&c, err);
    if (st == BASE_DONE || (st == BASE_OK && !aud_begin_parse(c.leaves[0].bytes, &b)))
        st = base_err_set(err, BASE_EINVAL, "%s: does not begin with log.begin", conf->origin);
    if (st == BASE_OK) {
        *before = b.before;
        aud_begin_release(&b);
    }
    aud_cursor_release(&c);
    return st;
}

/* Hands out r->cur's batches from the one that holds r->next on. */
static enum base_status skip_to_next(struct aud_reader *r, struct base_err *err)
{
    enum base_status st;

    do
        st = aud_cursor_next(&r->cur, err);
    while (st == BASE_OK && r->before + r->cur.leaves[r->cur.n_leaves - 1].index < r->next);
    return st;
}

/* Opens the newest period whose first record is not behind r->next; if there is none any more, the
 * oldest. */
static enum base_status find_once(struct aud_reader *r, struct base_err *err)
{
    struct aud_places places;
    enum base_status st = aud_places_list(r->dir, &places, err);

    for (size_t i = places.n; st == BASE_OK && i-- > 0;) {
        st = aud_conf_load(places.at[i].dir, BASE_STR_NULL, &r->conf, err);
        if (st == BASE_OK)
            st = place_before(places.at[i].dir, &r->conf, &r->before, err);
        if (st != BASE_OK || (r->before > r->next && i > 0))
            continue;
        if (r->next < r->before)
            r->next = r->before;
        st = aud_cursor_open(&r->cur, places.at[i].dir, r->next - r->before, &r->conf.id, err);
        r->open = true;
        break;
    }
    aud_places_release(&places);
    return st;
}

static void pause_for_moves(void)
{
    const struct timespec pause = {0, 10000000};

    nanosleep(&pause, NULL);
}

static enum base_status find(struct aud_reader *r, struct base_err *err)
{
    enum base_status st;

    for (int i = 0;; i++) {
        bool moving = aud_there(r->dir, AUD_NEXT);

        if (r->open)
            aud_cursor_release(&r->cur);
        r->open = false;
        st = find_once(r, err);
        if (st == BASE_OK || i == TRIES)
            return st;
        /* looked at before and after: the move may have ended while it was in the way */
        if (!moving && !aud_there(r->dir, AUD_NEXT) && i >= TRIES_DAMAGE)
            return st;
        pause_for_moves();
    }
}

enum base_status aud_reader_open(const char *dir, uint64_t from, struct aud_reader **out,
                                 struct base_err *err)
{
    struct aud_reader *r = calloc(1, sizeof(*r));

    *out = NULL;
    if (!r || (size_t)snprintf(r->dir, sizeof(r->dir), "%s", dir) >= sizeof(r->dir) - 256) {
        free(r);
        return base_err_set(err, r ? BASE_LIMIT : BASE_ENOMEM, "%s: cannot be followed", dir);
    }
    r->next = from;
    enum base_status st = find(r, err);
    if (st != BASE_OK) {
        aud_reader_close(r);
        return st;
    }
    *out = r;
    return BASE_OK;
}

/* Has the log gone on elsewhere: is the open period not the current one any more? */
static bool gone_on(const struct aud_reader *r)
{
    struct aud_places places;
    struct aud_conf last;
    bool other = false;

    if (aud_places_list(r->dir, &places, NULL) == BASE_OK && places.n > 0 &&
        aud_conf_load(places.at[places.n - 1].dir, BASE_STR_NULL, &last, NULL) == BASE_OK)
        other = !aud_hash_eq(&last.id, &r->conf.id);
    aud_places_release(&places);
    return other;
}

/* Three things end a cursor: there is no more (wait), its period is not the current one any more
 * (open the next), and an error, which may be damage or files that were moved under it (look where
 * they are now, and only then believe it). A cursor behind a SEAL looks for the next segment by its
 * period's place, and finds another period's segments there once that was moved: it may wait in
 * vain, so it asks too. */
static enum base_status next_once(struct aud_reader *r, struct base_err *err)
{
    enum base_status st = r->open ? aud_cursor_next(&r->cur, err) : BASE_DONE;

    if (st == BASE_OK || (st == BASE_DONE && r->open && !r->ended && !r->cur.sealed))
        return st;
    if (st == BASE_DONE && !gone_on(r))
        return BASE_DONE;
    for (int i = 0; i < TRIES_DAMAGE; i++) {
        if (i > 0)
            pause_for_moves();
        st = find(r, err);
        if (st == BASE_OK)
            st = skip_to_next(r, err);
        if (st == BASE_OK || st == BASE_DONE)
            break;
    }
    r->ended = false;
    return st;
}

enum base_status aud_reader_next(struct aud_reader *r, const struct aud_leaf_ref **leaves,
                                 size_t *n, struct base_err *err)
{
    enum base_status st = next_once(r, err);
    struct aud_leaf l;

    *n = 0;
    if (st != BASE_OK)
        return st;
    for (size_t i = 0; i < r->cur.n_leaves; i++)
        r->cur.leaves[i].index += r->before;
    *leaves = r->cur.leaves;
    *n = r->cur.n_leaves;
    const struct aud_leaf_ref *last = &r->cur.leaves[*n - 1];
    r->ended =
        last->bytes.n < 1024 && aud_leaf_parse(last->bytes, &l) && base_str_is(l.ev, "log.end");
    r->next = last->index + 1;
    return BASE_OK;
}

const char *aud_reader_origin(const struct aud_reader *r)
{
    return r->conf.origin;
}

uint64_t aud_reader_before(const struct aud_reader *r)
{
    return r->before;
}

void aud_reader_close(struct aud_reader *r)
{
    if (!r)
        return;
    if (r->open)
        aud_cursor_release(&r->cur);
    free(r);
}

static enum base_status where(const char *dir, const char *origin, uint64_t number,
                              struct aud_where *out, struct base_err *err)
{
    struct aud_places places;
    bool found = false;
    enum base_status st = aud_places_list(dir, &places, err);

    for (size_t i = places.n; st == BASE_OK && !found && i-- > 0;) {
        memcpy(out->dir, places.at[i].dir, sizeof(out->dir));
        out->last = i + 1 == places.n;
        st = aud_conf_load(out->dir, BASE_STR_NULL, &out->conf, err);
        if (st == BASE_OK)
            st = place_before(out->dir, &out->conf, &out->before, err);
        found = st == BASE_OK &&
                (origin ? strcmp(out->conf.origin, origin) == 0 : out->before <= number);
    }
    aud_places_release(&places);
    if (st == BASE_OK && !found)
        st = base_err_set(err, BASE_ENOENT, "it is in a period that is not here");
    return st;
}

enum base_status aud_where_number(const char *dir, uint64_t number, struct aud_where *out,
                                  struct base_err *err)
{
    return where(dir, NULL, number, out, err);
}

enum base_status aud_where_origin(const char *dir, const char *origin, struct aud_where *out,
                                  struct base_err *err)
{
    return where(dir, origin, 0, out, err);
}

enum base_status aud_each(const char *directory, uint64_t from, aud_leaf_fn fn, void *ctx,
                          struct base_err *err)
{
    struct aud_reader *r;
    const struct aud_leaf_ref *leaf;
    size_t n;
    enum base_status st = aud_reader_open(directory, from, &r, err);

    while (st == BASE_OK) {
        st = aud_reader_next(r, &leaf, &n, err);
        for (size_t i = 0; st == BASE_OK && i < n; i++) {
            if (leaf[i].index >= from)
                st = fn(ctx, leaf[i].index, leaf[i].bytes);
        }
    }
    aud_reader_close(r);
    return st == BASE_DONE ? BASE_OK : st;
}
