/* recover.c - opening a log: creating it, or reading what the last process left and going on.
 *
 * Runs once, on the caller's thread, before the writer exists; owns the whole directory under
 * flock(LOCK). The order of creation is key, first segment, state, checkpoint, log.conf: log.conf
 * is the mark that the log exists, and from then on everything else must. Recovery reads the
 * write-ahead log from the oldest place that matters (the signed size, the published checkpoint,
 * the last log.open), checks every frame and root on the way, and refuses with BASE_EINVAL when
 *   - a file of evidence is missing, malformed or not signed by this log's key,
 *   - the log is shorter than what was signed (rollback) or has another root there (fork),
 *   - anything but the rest of one interrupted write follows the last COMMIT (damage),
 *   - anything at all follows an orderly close.
 * Nothing is written before all of that held. Then the uncommitted tail is zeroed and synced, and
 * intents without outcome get req.outcome{"status":"unknown"}, log.open last: so everything before
 * a log.open is settled and later recoveries need not look there.
 */
#include "audit/log/recover.h"

#include "audit/log/leaf.h"
#include "audit/log/remote.h"
#include "audit/log/rotate.h"
#include "audit/log/spool_replay.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(const struct aud_core *c, const char *name)
{
    char path[AUD_PATH_MAX];
    struct stat sb;

    return aud_path(path, c->dir, name, NULL) == BASE_OK && stat(path, &sb) == 0;
}

static enum base_status make_dir(const struct aud_core *c, const char *name, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, c->dir, name, err);

    return st == BASE_OK ? base_mkdirs(path, err) : st;
}

static enum base_status lock(struct aud_core *c, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, c->dir, "LOCK", err);

    if (st != BASE_OK)
        return st;
    c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock_fd < 0)
        return base_err_sys(err, "%s", path);
    /* a verifier holds it for an instant to see whether the log is open: do not take that for one
     */
    for (int tries = 0; flock(c->lock_fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK)
            return base_err_sys(err, "%s", path);
        if (tries == 20)
            return base_err_set(err, BASE_DENIED, "%s: another process has this log open", path);
        usleep(10000);
    }
    return BASE_OK;
}

/* What an interrupted atomic replace left behind, and segments made ahead and never used. */
static void sweep(const struct aud_core *c)
{
    static const char *const stems[] = {"state.", "checkpoint.", "log.conf."};
    DIR *d = opendir(c->dir);

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
            if (strncmp(e->d_name, stems[i], strlen(stems[i])) == 0)
                unlinkat(dirfd(d), e->d_name, 0);
        }
    }
    if (d)
        closedir(d);
    unlinkat(c->wal.dir_fd, AUD_WAL_SPARE, 0);
    unlinkat(c->wal.dir_fd, AUD_WAL_SPARE_PART, 0);
}

/* ---- creating ---- */

/* Without log.conf there may only be the beginnings of a creation that was interrupted. */
static enum base_status check_unborn(const struct aud_core *c, struct base_err *err)
{
    uint64_t *list;
    size_t n;
    struct aud_cursor cur;
    enum base_status st = aud_segments_list(c->dir, &list, &n, err);

    if (st != BASE_OK)
        return st;
    uint64_t first = n ? list[0] : 0;
    free(list);
    if (n == 0)
        return BASE_OK;
    st = aud_cursor_open(&cur, c->dir, 0, NULL, err);
    if (st == BASE_OK)
        st = aud_cursor_next(&cur, err);
    aud_cursor_release(&cur);
    if (st == BASE_DONE && n == 1 && first == 0)
        return BASE_OK;
    return base_err_set(err, BASE_EINVAL, "%s: log.conf is missing but wal/ has records", c->dir);
}

/* The folders above a new log may be as new as it is: without their entries on disk a power failure
 * would take the log with it. */
static enum base_status sync_above(const struct aud_core *c, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    enum base_status st = aud_path(path, c->dir, ".", err);

    for (int up = 0; st == BASE_OK && up < 4; up++) {
        size_t n = strlen(path);

        snprintf(path + n, sizeof(path) - n, "/..");
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            break;                             /* not ours to read, so not ours to have made */
        if (fsync(fd) != 0 && errno != EINVAL) /* some file systems have no sync of folders */
            st = base_err_sys(err, "fsync %s", path);
        close(fd);
    }
    return st;
}

static enum base_status create(struct aud_core *c, const char *origin, struct base_err *err)
{
    char path[AUD_PATH_MAX], name[AUD_SEGMENT_NAME + 1];
    struct base_buf file;
    struct aud_state s = {0};
    enum base_status st = check_unborn(c, err);

    if (st != BASE_OK)
        return st;
    base_buf_init(&file, AUD_NOTE_MAX);
    aud_segment_name(0, name);
    unlinkat(c->wal.dir_fd, name, 0);
    st = c->remote || exists(c, "keys/log.key") ? aud_key_take(c->dir, c->remote, &c->key, err)
                                                : aud_key_make(c->dir, origin, &c->key, err);
    if (st == BASE_OK && strcmp(c->key.vkey.name, origin) != 0)
        st = base_err_set(err, BASE_EINVAL, "keys/log.key belongs to %s", c->key.vkey.name);
    if (st == BASE_OK)
        st = aud_conf_make(&c->key, (uint64_t)base_wall_us(), &file, &c->wal.log_id, err);
    if (st == BASE_OK)
        st = aud_wal_create(&c->wal, NULL, err);
    if (st == BASE_OK) {
        aud_core_snapshot(c, &s);
        st = aud_state_save(c->dir, &c->key, &s, err);
    }
    if (st == BASE_OK)
        st = aud_checkpoint_save(c->dir, &c->key, &s, err);
    if (st == BASE_OK)
        st = aud_path(path, c->dir, "log.conf", err);
    if (st == BASE_OK)
        st = base_file_replace(path, base_buf_view(&file), 0644, err);
    if (st == BASE_OK)
        st = sync_above(c, err);
    if (st == BASE_OK)
        st = aud_conf_load(c->dir, BASE_STR_NULL, &c->conf, err);
    c->signed_state = s;
    c->period = 1;
    c->recovery.created = true;
    base_buf_release(&file);
    return st;
}

/* ---- reading what is there ---- */

struct scan {
    struct aud_core *core;
    struct aud_checkpoint cp;
    struct aud_cursor cur;
    struct aud_intents open;
    bool state_seen, cp_seen;
    uint64_t last_open; /* index of the last log.open */
    bool spooling;      /* that process had a spool ready: the log may go on there */
    bool ended;         /* the last leaf is log.end */
};

static enum base_status load_signed(struct scan *s, const char *origin, struct base_err *err)
{
    struct aud_core *c = s->core;
    struct aud_state *state = &c->signed_state;
    struct aud_skey key = {.seed = {0}};
    struct base_str base;
    enum base_status st = aud_conf_load(c->dir, BASE_STR_NULL, &c->conf, err);

    if (st == BASE_OK) {
        aud_origin_split(c->conf.origin, &base, &c->period);
        if (!base_str_is(base, origin))
            return base_err_set(err, BASE_EINVAL, "%s is the log of %.*s, not of %s", c->dir,
                                BASE_FMT(base), origin);
        st = aud_key_take(c->dir, c->remote, &key, err);
    }
    if (st == BASE_OK) /* the key's file has the first period's name */
        st = aud_skey_named(&key, c->conf.origin, &c->key, err);
    if (st == BASE_OK && (strcmp(key.vkey.name, origin) != 0 ||
                          memcmp(&c->key.vkey, &c->conf.vkey, sizeof(c->conf.vkey)) != 0))
        st = base_err_set(err, BASE_EINVAL, "keys/log.key is not the key of log.conf");
    aud_skey_wipe(&key);
    if (st == BASE_OK)
        st = aud_state_load(c->dir, &c->conf, state, err);
    if (st == BASE_OK)
        st = aud_checkpoint_load(c->dir, &c->conf, &s->cp, NULL, err);
    if (st == BASE_ENOENT) /* a missing file of evidence is damage, not a fresh start */
        return base_err_set(err, BASE_EINVAL, "%s: log.conf, state, checkpoint or key is missing",
                            c->dir);
    if (st != BASE_OK)
        return st;
    if (s->cp.size > state->size || (state->clean && s->cp.size != state->size) ||
        (s->cp.size == state->size && !aud_hash_eq(&s->cp.root, &state->root)))
        return base_err_set(err, BASE_EINVAL,
                            "checkpoint (size %" PRIu64 ") and state (size %" PRIu64
                            ") do not belong together",
                            s->cp.size, state->size);
    return BASE_OK;
}

/* From which leaf the write-ahead log must be read. */
static enum base_status scan_from(struct scan *s, uint64_t *from, struct base_err *err)
{
    const struct aud_core *c = s->core;
    struct aud_cursor last;
    enum base_status st = aud_cursor_open(&last, c->dir, UINT64_MAX, &c->conf.id, err);

    *from = c->signed_state.segment;
    if (st == BASE_OK && last.header.open_index < *from)
        *from = last.header.open_index;
    if (s->cp.size == 0)
        *from = 0;
    else if (s->cp.size - 1 < *from)
        *from = s->cp.size - 1;
    aud_cursor_release(&last);
    return st;
}

static bool note_carried(void *ctx, uint64_t intent, struct base_str req, struct base_str tenant)
{
    struct scan *s = ctx;

    return !aud_intents_find(&s->open, req) &&
           aud_intents_add(&s->open, req, tenant, intent, 0) == BASE_OK;
}

static enum base_status note_leaf(void *scan, const struct aud_leaf_ref *ref, struct base_err *err)
{
    struct scan *s = scan;
    struct aud_leaf l;
    enum base_status st = BASE_OK;

    if (s->ended)
        return base_err_set(err, BASE_EINVAL, "index %" PRIu64 " follows log.end", ref->index);

    if (!aud_leaf_parse(ref->bytes, &l))
        return base_err_set(err, BASE_EINVAL, "the leaf at index %" PRIu64 " is malformed",
                            ref->index);
    if (base_str_is(l.ev, "log.open")) {
        aud_intents_clear(&s->open);
        s->last_open = ref->index;
        s->spooling = memmem(ref->bytes.p, ref->bytes.n, "\"spool\":\"", 9) != NULL;
    } else if (base_str_is(l.ev, "log.end")) {
        s->ended = true;
    } else if (base_str_is(l.ev, "log.carried")) {
        if (!aud_carried_each(ref->bytes, note_carried, s))
            st = base_err_set(err, BASE_EINVAL, "the leaf at index %" PRIu64 " is malformed",
                              ref->index);
    } else if (base_str_is(l.ev, "req.outcome")) {
        aud_intents_remove(&s->open, l.req);
    } else if (base_str_is(l.ev, "req.intent") && !aud_intents_find(&s->open, l.req)) {
        st = aud_intents_add(&s->open, l.req, l.tenant, s->core->before + ref->index, 0);
        if (st != BASE_OK)
            base_err_set(err, st, "too many open intents");
    }
    return st;
}

static enum base_status fork_at(const char *what, uint64_t size, struct base_err *err)
{
    return base_err_set(err, BASE_EINVAL,
                        "the log does not have the root that %s signed at size %" PRIu64
                        ": fork or damage",
                        what, size);
}

/* At a COMMIT: does the signed history pass through here? */
static enum base_status compare(struct scan *s, struct base_err *err)
{
    const struct aud_state *state = &s->core->signed_state;
    const struct aud_pos *p = &s->cur.pos;
    struct aud_hash root, sha;

    aud_range_root(&p->tree, &root);
    if (p->tree.n == s->cp.size) {
        s->cp_seen = true;
        if (!aud_hash_eq(&root, &s->cp.root))
            return fork_at("checkpoint", s->cp.size, err);
    }
    /* a state is only ever signed behind a COMMIT, or behind the header of the first segment */
    if (p->tree.n == state->size && p->segment == state->segment && !s->state_seen) {
        s->state_seen = true;
        aud_pos_sha(p, &sha);
        if (!aud_hash_eq(&root, &state->root))
            return fork_at("state", state->size, err);
        if (p->end != state->end || !aud_hash_eq(&sha, &state->sha))
            return base_err_set(err, BASE_EINVAL,
                                "wal/%020" PRIu64 ".wal was changed after it was signed",
                                p->segment);
    }
    return BASE_OK;
}

static enum base_status scan_all(struct scan *s, struct base_err *err)
{
    const struct aud_state *state = &s->core->signed_state;
    uint64_t from;
    enum base_status st = scan_from(s, &from, err);

    if (st == BASE_OK)
        st = aud_cursor_open(&s->cur, s->core->dir, from, &s->core->conf.id, err);
    if (st == BASE_OK)
        st = compare(s, err);
    while (st == BASE_OK) {
        st = aud_cursor_next(&s->cur, err);
        if (st != BASE_OK)
            break;
        for (size_t i = 0; i < s->cur.n_leaves && st == BASE_OK; i++)
            st = note_leaf(s, &s->cur.leaves[i], err);
        if (st == BASE_OK)
            st = compare(s, err);
    }
    if (st != BASE_DONE)
        return st;
    uint64_t have = s->cur.pos.tree.n;
    if (have < state->size || have < s->cp.size)
        return base_err_set(err, BASE_EINVAL,
                            "wal/%020" PRIu64 ".wal does not hold at index %" PRIu64 ": %" PRIu64
                            " records were signed (rollback or damage)",
                            s->cur.pos.segment, have, state->size);
    if (!s->state_seen || !s->cp_seen)
        return fork_at(s->state_seen ? "checkpoint" : "state", state->size, err);
    if (state->clean && (have != state->size || s->cur.pos.end != state->end))
        return base_err_set(err, BASE_EINVAL, "records were added after the log was closed");
    return BASE_OK;
}

/* ---- going on ---- */

static enum base_status append_unknown(struct aud_core *c, const struct aud_intent *in,
                                       struct base_buf *b, struct base_err *err)
{
    struct base_json j;

    base_buf_clear(b);
    base_json_init(&j, b);
    base_json_obj(&j);
    base_json_kz(&j, "ev", "req.outcome");
    base_json_kint(&j, "intent", (int64_t)in->index);
    /* kept as they stood in the intent: still escaped */
    base_buf_printf(b, ",\"req\":\"%.*s\"", (int)in->n_req, in->text);
    base_json_kz(&j, "status", "unknown");
    base_json_kint(&j, "t", base_wall_us());
    base_buf_printf(b, ",\"tenant\":\"%.*s\"", (int)in->n_tenant, in->text + in->n_req);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    if (!base_buf_ok(b))
        return base_err_set(err, BASE_ENOMEM, "no memory for an outcome");
    return aud_core_append(c, base_buf_view(b), err);
}

static enum base_status append_open(struct aud_core *c, struct base_buf *b, struct base_err *err)
{
    struct base_json j;

    base_buf_clear(b);
    base_json_init(&j, b);
    base_json_obj(&j);
    base_json_kbool(&j, "clean", c->recovery.created || c->recovery.was_clean);
    base_json_kint(&j, "cut_bytes", (int64_t)c->recovery.cut_bytes);
    base_json_kz(&j, "ev", "log.open");
    base_json_kint(&j, "pid", getpid());
    base_json_kz(&j, "req", "");
    if (c->spool_vkey)
        base_json_kz(&j, "spool", c->spool_vkey);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "unknown", (int64_t)c->recovery.unknown);
    base_json_kint(&j, "v", 1);
    base_json_obj_end(&j);
    if (!base_buf_ok(b))
        return base_err_set(err, BASE_ENOMEM, "no memory for log.open");
    return aud_core_append(c, base_buf_view(b), err);
}

/* Unknown outcomes, then log.open; durable when it returns. */
static enum base_status announce(struct aud_core *c, const struct aud_intents *open,
                                 struct base_err *err)
{
    struct aud_intent **list = NULL;
    struct base_buf b;
    enum base_status st = BASE_OK;

    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    c->recovery.unknown = open ? open->n : 0;
    if (open && aud_intents_sorted(open, &list) != BASE_OK)
        st = base_err_set(err, BASE_ENOMEM, "no memory for open intents");
    for (size_t i = 0; st == BASE_OK && open && i < open->n; i++)
        st = append_unknown(c, list[i], &b, err);
    if (st == BASE_OK)
        st = append_open(c, &b, err);
    if (st == BASE_OK)
        st = aud_wal_commit(&c->wal, err);
    if (st == BASE_OK)
        c->wal.open_index = c->wal.pos.tree.n - 1;
    free(list);
    base_buf_release(&b);
    return st;
}

/* The period had ended when the process did: the next one, now. */
static enum base_status go_on(struct aud_core *c, const struct aud_intents *open,
                              struct base_err *err)
{
    struct aud_next next;
    struct aud_closing old = {.period = 0};
    struct aud_tiler *t = NULL;
    enum base_status st = aud_next_prepare(c, &next, err);

    if (st != BASE_OK)
        return st;
    c->signed_state = next.empty;
    st = aud_next_begin(c, &next, open, &old, err);
    if (st == BASE_OK && !(t = aud_tiler_new(c->dir)))
        st = base_err_set(err, BASE_ENOMEM, "no memory for tiles");
    if (st == BASE_OK)
        st = aud_next_sign_old(c->dir, &old, t, err);
    if (st == BASE_OK)
        st = aud_next_move(c->dir, old.period, err);
    aud_tiler_free(t);
    aud_next_release(&next);
    aud_skey_wipe(&old.key);
    return st;
}

static enum base_status take_over(struct scan *s, struct base_err *err)
{
    struct aud_core *c = s->core;
    char name[AUD_SEGMENT_NAME + 1 + 4];
    uint64_t dirty;
    struct aud_hash sha;
    enum base_status st;

    snprintf(name, sizeof(name), "wal/");
    aud_segment_name(s->cur.pos.segment, name + 4);
    c->recovery.was_clean = c->signed_state.clean;
    st = aud_tail_check(s->cur.fd, name, &s->cur.header, s->cur.pos.end, s->cur.pos.tree.n,
                        c->signed_state.clean || s->cur.sealed, &dirty, err);
    if (st == BASE_OK && c->signed_state.clean && s->cur.file_bytes != s->cur.header.segment_bytes)
        st = base_err_set(err, BASE_EINVAL, "%s: was cut short", name);
    if (st != BASE_OK)
        return st;
    if (s->spooling && !c->signed_state.clean && !c->spool)
        return base_err_set(err, BASE_EINVAL,
                            "%s was not closed in order and may go on in a spool: start weir serve "
                            "once with on_failure: spool-to-second-disk and the same spool folder",
                            c->dir);
    sweep(c);
    if (c->signed_state.clean) { /* before the first new byte: nothing may follow a clean state */
        c->signed_state.clean = false;
        st = aud_state_save(c->dir, &c->key, &c->signed_state, err);
        if (st != BASE_OK)
            return st;
    }
    c->recovery.cut_bytes = dirty - s->cur.pos.end;
    c->wal.open_index = s->last_open ? s->last_open : s->cur.header.open_index;
    bool sealed = s->cur.sealed;
    st = aud_wal_attach(&c->wal, &s->cur.header, &s->cur.pos, dirty, err);
    if (st == BASE_OK && sealed) {
        aud_pos_sha(&c->wal.pos, &sha);
        st = aud_wal_create(&c->wal, &sha, err);
    }
    if (st == BASE_OK && c->spool)
        st = aud_spool_replay(c, note_leaf, s, err);
    if (st == BASE_OK && s->ended)
        st = go_on(c, &s->open, err);
    if (st == BASE_OK)
        st = announce(c, &s->open, err);
    return st;
}

/* How many records the periods before this one have. */
static enum base_status load_before(struct aud_core *c, struct base_err *err)
{
    struct aud_cursor cur;
    struct aud_begin begin;

    if (c->period == 1)
        return BASE_OK;
    enum base_status st = aud_cursor_open(&cur, c->dir, 0, &c->conf.id, err);
    if (st == BASE_OK)
        st = aud_cursor_next(&cur, err);
    if (st == BASE_DONE || (st == BASE_OK && !aud_begin_parse(cur.leaves[0].bytes, &begin)))
        st = base_err_set(err, BASE_EINVAL, "%s: does not begin with log.begin", c->conf.origin);
    if (st == BASE_OK) {
        c->before = begin.before;
        aud_begin_release(&begin);
    }
    aud_cursor_release(&cur);
    return st;
}

static enum base_status recover(struct aud_core *c, const char *origin, bool as_before,
                                struct base_err *err)
{
    struct scan s = {.core = c};
    enum base_status st;

    s.cur.fd = -1;
    aud_intents_init(&s.open);
    st = load_signed(&s, origin, err);
    c->wal.log_id = c->conf.id;
    if (st == BASE_OK)
        st = load_before(c, err);
    if (st == BASE_OK)
        st = scan_all(&s, err);
    if (st == BASE_OK && as_before)
        c->wal.segment_bytes = s.cur.header.segment_bytes;
    if (st == BASE_OK)
        st = take_over(&s, err);
    aud_intents_release(&s.open);
    aud_cursor_release(&s.cur);
    return st;
}

enum base_status aud_core_open(struct aud_core *c, const struct aud_options *o,
                               const char *spool_vkey, struct base_err *err)
{
    uint64_t segment = o->segment_bytes ? o->segment_bytes : 67108864, period;
    struct base_str base;
    enum base_status st;

    memset(c, 0, sizeof(*c));
    c->lock_fd = -1;
    c->wal.fd = c->wal.dir_fd = -1;
    c->spool = o->spool;
    c->remote = o->remote;
    c->spool_vkey = spool_vkey;
    if (!o->origin || !aud_name_valid(base_str_c(o->origin)))
        return base_err_set(err, BASE_EINVAL,
                            "origin must be printable ASCII without spaces and '+', 1 to %d bytes",
                            AUD_NAME_MAX);
    aud_origin_split(o->origin, &base, &period);
    if (period != 1)
        return base_err_set(err, BASE_EINVAL,
                            "origin must not end in /YYYY-MM.N: later periods get such names");
    if (segment < AUD_SEGMENT_MIN || segment > AUD_SEGMENT_MAX)
        return base_err_set(err, BASE_EINVAL, "segment size must be %u to %u bytes",
                            AUD_SEGMENT_MIN, AUD_SEGMENT_MAX);
    if ((size_t)snprintf(c->dir, sizeof(c->dir), "%s", o->directory) >= sizeof(c->dir) - 256)
        return base_err_set(err, BASE_LIMIT, "%s: path too long", o->directory);
    st = base_mkdirs(c->dir, err);
    if (st == BASE_OK)
        st = lock(c, err);
    if (st == BASE_OK)
        st = aud_next_settle(c->dir, base_str_c(o->origin), o->remote, err);
    bool born = st == BASE_OK && exists(c, "log.conf");
    if (st == BASE_OK && !born) {
        st = make_dir(c, "wal", err);
        if (st == BASE_OK)
            st = make_dir(c, "keys", err);
    }
    if (st == BASE_OK)
        st = aud_wal_init(&c->wal, c->dir, segment, err);
    if (st != BASE_OK)
        return st;
    if (born)
        return recover(c, o->origin, o->segment_bytes == 0, err);
    sweep(c);
    st = create(c, o->origin, err);
    return st == BASE_OK ? announce(c, NULL, err) : st;
}
