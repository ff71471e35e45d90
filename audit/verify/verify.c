/* verify.c - the offline verifier: reads a log directory and says whether it holds.
 *
 * Shares with the writer the hash, the note format, the four small files and the places of periods;
 * the segments, frames, batches and leaves it reads with code of its own (verify.h lists the
 * files), from docs/audit-format.md, so that one mistake does not hide in both. It writes nothing
 * and needs constant memory.
 *
 * Order of work, period by period, oldest first: log.conf, checkpoint, state (signatures, and that
 * they belong together); every segment; at the signed sizes the roots; behind the end, zeros; tiles
 * where there are any. A later period must begin with the last checkpoint of the one before it; if
 * the oldest that is there is not the first, a record must say that those before it were dropped.
 * The first thing that does not hold stops it and is named with its file and, where there is one,
 * its record.
 *
 * A log may be open while it is read, and may change its period meanwhile: if something does not
 * hold and the signed files have changed since, everything is read again, and a few times also when
 * they have not: what stands wrong for good is as wrong a moment later.
 */
#include "audit/verify/ver.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRIES      10
#define LIVE_RETRIES 3 /* also when no signed file has changed: files move one after the other */
#define RETRY_MS     40

/* A file that is missing or wrong does not hold; one that cannot be read says nothing. */
static bool not_read(struct ver *v, const struct base_err *why)
{
    if (why->code != BASE_EIO)
        return ver_bad(v->r, UINT64_MAX, "%s%s", v->label, why->text);
    base_err_set(&v->chain->io, BASE_EIO, "%s", why->text);
    return false;
}

/* ---- the signed files of a period ---- */

static bool add_point(struct ver *v, const struct aud_checkpoint *cp, const char *who)
{
    if (v->n_points == VER_POINTS_MAX)
        return ver_bad(v->r, UINT64_MAX, "too many checkpoints to compare");
    v->point[v->n_points++] = (struct ver_point){.size = cp->size, .root = cp->root, .who = who};
    if (cp->size > v->signed_size)
        v->signed_size = cp->size;
    return true;
}

/* Checkpoints that the caller kept, as far as they are of this period. */
static bool add_kept(struct ver *v)
{
    const struct aud_verify_options *o = v->chain->o;
    struct aud_checkpoint cp;
    struct base_str text;
    struct base_err why;

    for (unsigned i = 0; i < o->n_checkpoints; i++) {
        struct base_str rest = o->checkpoint[i];

        if (!base_str_is(base_str_cut(&rest, '\n'), v->conf.origin))
            continue;
        if (aud_note_verify(o->checkpoint[i], &v->conf.vkey, &text, NULL, &why) != BASE_OK ||
            aud_checkpoint_parse(text, &cp, &why) != BASE_OK)
            return ver_bad(v->r, UINT64_MAX, "the checkpoint that was kept: %s", why.text);
        v->chain->kept_seen++;
        if (!add_point(v, &cp, "the checkpoint that was kept"))
            return false;
    }
    return true;
}

/* How many of the caller's witnesses have signed a checkpoint file of this place. */
static bool cosigned(struct ver *v, const char *name, struct aud_checkpoint *cp, unsigned *n,
                     struct base_err *why)
{
    const struct aud_verify_options *o = v->chain->o;
    struct base_buf note;
    struct aud_vkey k;

    *n = 0;
    base_buf_init(&note, AUD_NOTE_MAX);
    enum base_status st = aud_checkpoint_file(v->dir, name, &v->conf, cp, &note, why);
    for (unsigned i = 0; st == BASE_OK && i < o->n_witnesses; i++) {
        bool has = false;

        st = aud_wkey_parse(base_str_c(o->witness[i]), &k, why);
        if (st == BASE_OK)
            st = aud_cosigned(base_buf_view(&note), &k, &has, NULL, why);
        *n += has;
    }
    base_buf_release(&note);
    if (st == BASE_ENOENT && strcmp(name, "checkpoint") != 0)
        return true; /* witnessed is there once a quorum has signed */
    return st == BASE_OK || not_read(v, why);
}

/* checkpoint, or the newest one that enough witnesses have signed, must have its quorum. */
static bool check_quorum(struct ver *v, const struct aud_checkpoint *cp)
{
    const struct aud_verify_options *o = v->chain->o;
    unsigned need = o->quorum ? o->quorum : o->n_witnesses, n;
    struct aud_checkpoint old = {.size = 0};
    struct base_err why = {0};

    if (!cosigned(v, "witnessed", &old, &n, &why) || (old.size && !add_point(v, &old, "witnessed")))
        return false;
    if (o->n_witnesses == 0)
        return true;
    bool enough = old.size && n >= need;
    if (v->last && enough) {
        v->r->witnessed = old.size;
        v->r->cosigned = n;
    }
    if (!cosigned(v, "checkpoint", &old, &n, &why))
        return false;
    if (!v->last) {
        v->r->unwitnessed += !enough && n < need;
        return true;
    }
    if (n >= need) {
        v->r->witnessed = cp->size;
        v->r->cosigned = n;
    }
    return v->r->cosigned >= need ||
           ver_bad(v->r, UINT64_MAX, "checkpoint: %u of %u witnesses have signed, %u must", n,
                   o->n_witnesses, need);
}

static bool load_signed(struct ver *v)
{
    struct base_err why = {0};
    struct aud_verify_report *r = v->r;
    struct aud_checkpoint cp = {.size = 0};
    struct ver_chain *c = v->chain;

    if (aud_conf_load(v->dir, BASE_STR_NULL, &v->conf, &why) != BASE_OK)
        return not_read(v, &why);
    if (!c->key.name[0])
        c->key = v->conf.vkey;
    if (!aud_period_key(&c->key, &v->conf.vkey))
        return ver_bad(r, UINT64_MAX, "%slog.conf: the vkey is not the one given", v->label);
    for (int i = 0; i < RETRIES; i++) { /* a log that is being closed shows both a moment apart */
        if (aud_checkpoint_load(v->dir, &v->conf, &cp, NULL, &why) != BASE_OK ||
            aud_state_load(v->dir, &v->conf, &v->state, &why) != BASE_OK)
            return not_read(v, &why);
        if (!v->state.clean || v->state.size == cp.size)
            break;
    }
    if (cp.size > v->state.size || (v->state.clean && cp.size != v->state.size) ||
        (cp.size == v->state.size && !aud_hash_eq(&cp.root, &v->state.root)))
        return ver_bad(r, UINT64_MAX,
                       "%scheckpoint (size %" PRIu64 ") and %sstate (size %" PRIu64
                       ") do not belong together",
                       v->label, cp.size, v->label, v->state.size);
    if (v->last) {
        r->leaves_before_current = r->leaves;
        snprintf(r->origin, sizeof(r->origin), "%s", v->conf.origin);
        aud_vkey_print(&v->conf.vkey, r->vkey);
        r->size_signed = cp.size;
        aud_hash_hex(&cp.root, r->root_hex);
    }
    v->clean = v->state.clean;
    struct aud_checkpoint st = {.size = v->state.size, .root = v->state.root};
    return add_point(v, &cp, "checkpoint") && add_point(v, &st, "state") && add_kept(v) &&
           check_quorum(v, &cp);
}

/* Is it the period that is due here, as far as its origin says? */
static bool check_origin(struct ver *v, const struct aud_place *at)
{
    struct ver_chain *c = v->chain;
    struct base_str base;
    uint64_t period;

    aud_origin_split(v->conf.origin, &base, &period);
    if (at->period && at->period != period)
        return ver_bad(v->r, UINT64_MAX, "%slog.conf: is that of period %" PRIu64, v->label,
                       period);
    if (!c->first && period != c->period + 1)
        return ver_bad(v->r, UINT64_MAX, "periods/%04" PRIu64 " is missing", c->period + 1);
    if (!c->first && strcmp(v->conf.origin, c->next_origin) != 0)
        return ver_bad(v->r, UINT64_MAX, "%slog.conf: %s should follow, as log.end says", v->label,
                       c->next_origin);
    c->period = period;
    if (c->first)
        c->open_known = period == 1;
    return true;
}

/* ---- after the last segment ---- */

static bool check_rest(struct ver *v)
{
    struct aud_verify_report *r = v->r;
    struct ver_chain *c = v->chain;

    if (v->size < v->signed_size)
        return ver_bad(r, c->before + v->size,
                       "%s: index %" PRIu64 " is missing; %" PRIu64 " records were signed", v->name,
                       v->size, v->signed_size);
    for (size_t i = 0; i < v->n_points; i++) {
        if (!v->point[i].seen)
            return ver_bad(r, UINT64_MAX, "%s: no batch ends where %s%s says (size %" PRIu64 ")",
                           v->name, v->label, v->point[i].who, v->point[i].size);
    }
    if (!v->state_seen)
        return ver_bad(r, UINT64_MAX, "%s: no batch ends where %sstate says (size %" PRIu64 ")",
                       v->name, v->label, v->state.size);
    if (v->clean && (v->size != v->state.size || !v->open_end))
        return ver_bad(r, c->before + v->state.size,
                       "%s: index %" PRIu64 " was added after the log was closed", v->name,
                       v->state.size);
    if (!v->last && !v->ended)
        return ver_bad(r, c->before + v->size, "%s: does not end with log.end", v->name);
    if (!v->last && !v->clean && !c->changing)
        return ver_bad(r, UINT64_MAX, "%sstate: the period has ended and was not closed", v->label);
    return ver_tiles_end(v->tiles, c->live);
}

/* ---- one period, and all of them ---- */

static enum base_status check_period(struct ver_chain *c, const struct aud_places *places, size_t i,
                                     struct base_err *err)
{
    const struct aud_place *at = &places->at[i];
    struct ver v = {.chain = c, .r = c->r, .dir = at->dir, .last = i + 1 == places->n};
    enum base_status st = BASE_OK;

    if (at->period)
        snprintf(v.label, sizeof(v.label), "periods/%04" PRIu64 "/", at->period);
    else if (v.last && c->changing)
        snprintf(v.label, sizeof(v.label), AUD_NEXT "/");
    if (!load_signed(&v) || !check_origin(&v, at)) {
        if (c->io.code != BASE_OK)
            *err = c->io;
        return c->io.code;
    }
    v.tiles = ver_tiles_new(at->dir, v.label, c->before, c->r);
    v.leaves = v.tiles ? ver_leaves_new(&v) : NULL;
    if (!v.leaves)
        st = base_err_set(err, BASE_ENOMEM, "no memory to verify");
    if (st == BASE_OK && c->r->holds)
        st = ver_segments(&v, err);
    if (st == BASE_OK && v.leaves && ver_leaves_end(v.leaves) && c->r->holds)
        check_rest(&v);
    if (v.leaves && st == BASE_OK)
        aud_range_root(ver_leaves_tree(v.leaves), &c->prev_root);
    c->prev_conf = v.conf;
    c->prev_size = v.size;
    c->before += v.size;
    c->first = false;
    c->r->clean = v.clean;
    c->r->periods++;
    ver_leaves_free(v.leaves);
    ver_tiles_free(v.tiles);
    return st;
}

static enum base_status check_chain(const char *dir, struct ver_chain *c, struct base_err *err)
{
    struct aud_places places;
    struct base_err why;
    struct aud_verify_report *r = c->r;
    enum base_status st = aud_places_list(dir, &places, &why);

    if (st == BASE_EINVAL)
        ver_bad(r, UINT64_MAX, "%s", why.text);
    else if (st != BASE_OK)
        base_err_set(err, st, "%s", why.text);
    c->changing = places.changing;
    for (size_t i = 0; st == BASE_OK && r->holds && i < places.n; i++)
        st = check_period(c, &places, i, err);
    aud_places_release(&places);
    if (r->holds && c->gone.missing) {
        r->dropped = c->gone.period;
        r->dropped_at = c->gone.at;
        if (!c->gone.allowed)
            ver_bad(r, UINT64_MAX,
                    "periods/%04" PRIu64 " is missing, and no record says that it was dropped",
                    c->gone.period);
    }
    if (st == BASE_OK && r->holds && c->kept_seen < c->o->n_checkpoints)
        ver_bad(r, UINT64_MAX, "a checkpoint that was kept is of no period that is here");
    r->open_intents = c->open.n;
    return st == BASE_EINVAL ? BASE_OK : st;
}

/* True when a process has the log open. */
static bool is_live(const char *dir)
{
    char path[AUD_PATH_MAX];
    bool live = false;

    if (aud_path(path, dir, "LOCK", NULL) != BASE_OK)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        live = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
    }
    return live;
}

static enum base_status verify_once(const char *dir, const struct aud_verify_options *o,
                                    const struct aud_vkey *key, struct aud_verify_report *out,
                                    struct base_err *err)
{
    struct ver_chain c = {.r = out, .o = o, .live = is_live(dir), .first = true};
    enum base_status st;

    memset(out, 0, sizeof(*out));
    out->holds = true;
    out->first_bad = UINT64_MAX;
    out->live = c.live;
    out->own_vkey = !o->vkey;
    if (o->vkey)
        c.key = *key;
    aud_intents_init(&c.open);
    st = check_chain(dir, &c, err);
    aud_intents_release(&c.open);
    return st;
}

/* What changes when a live log goes on or changes its period. */
static void sign_of_life(const char *dir, struct base_buf *b)
{
    static const char *const names[] = {"state", "log.conf", AUD_NEXT "/log.conf"};
    char path[AUD_PATH_MAX];

    base_buf_clear(b);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        base_buf_byte(b, '|');
        if (aud_path(path, dir, names[i], NULL) == BASE_OK)
            (void)!base_file_read_regular(path, b, NULL);
    }
}

/* Every kept checkpoint must be of some period of this log. */
static enum base_status check_kept(const struct aud_verify_options *o, const struct aud_vkey *key,
                                   struct base_err *err)
{
    for (unsigned i = 0; i < o->n_checkpoints; i++) {
        struct base_str rest = o->checkpoint[i], origin = base_str_cut(&rest, '\n');
        struct aud_vkey k;

        if (aud_vkey_named(key, origin, &k) != BASE_OK)
            return base_err_set(err, BASE_EINVAL, "not a checkpoint");
        if (o->vkey && !aud_period_key(key, &k))
            return base_err_set(err, BASE_EINVAL, "the checkpoint is of another log (%s)", k.name);
    }
    return BASE_OK;
}

enum base_status aud_verify_with(const char *directory, const struct aud_verify_options *o,
                                 struct aud_verify_report *out, struct base_err *err)
{
    struct base_buf before, after;
    struct aud_vkey key = {.name = ""};
    struct stat sb;
    char conf[AUD_PATH_MAX], wal[AUD_PATH_MAX];
    enum base_status st = BASE_OK;

    if (o->vkey && (st = aud_vkey_parse(base_str_c(o->vkey), &key, err)) != BASE_OK)
        return st;
    if ((st = aud_wkeys_parse(o->witness, o->n_witnesses, NULL, err)) != BASE_OK ||
        (st = check_kept(o, &key, err)) != BASE_OK ||
        (st = aud_path(conf, directory, "log.conf", err)) != BASE_OK ||
        (st = aud_path(wal, directory, "wal", err)) != BASE_OK)
        return st;
    if (stat(conf, &sb) != 0 && stat(wal, &sb) != 0 && !aud_there(directory, AUD_NEXT))
        return base_err_set(err, BASE_ENOENT, "%s: there is no log here", directory);
    base_buf_init(&before, 4 * AUD_NOTE_MAX);
    base_buf_init(&after, 4 * AUD_NOTE_MAX);
    const struct timespec pause = {0, RETRY_MS * 1000000L};
    for (int i = 0; i < RETRIES; i++) {
        sign_of_life(directory, &before);
        st = verify_once(directory, o, &key, out, err);
        if (st == BASE_OK && out->holds)
            break;
        sign_of_life(directory, &after);
        bool same = base_str_eq(base_buf_view(&before), base_buf_view(&after));
        if (same && !(out->live && i < LIVE_RETRIES))
            break;
        nanosleep(&pause, NULL);
    }
    base_buf_release(&before);
    base_buf_release(&after);
    return st;
}

enum base_status aud_verify(const char *directory, const char *vkey, struct aud_verify_report *out,
                            struct base_err *err)
{
    struct aud_verify_options o = {.vkey = vkey};

    return aud_verify_with(directory, &o, out, err);
}
