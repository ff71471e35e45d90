/* verify.c - the offline verifier: reads a log directory and says whether it holds.
 *
 * Shares with the writer the hash, the note format and the four small files; the segments, frames,
 * batches and leaves it reads with code of its own, from docs/audit-format.md, so that one mistake
 * does not hide in both. One segment is in memory at a time. It writes nothing.
 *
 * Order of work: log.conf, checkpoint, state (signatures, and that they belong together); then each
 * segment: header, place in the chain, every frame (salt, cumulative checksum, index), every batch
 * (count, root), every leaf (JSON, members, order of intent and outcome), tiles where there are
 * any; at the signed sizes the roots and the hash of the segment so far; behind the end, zeros. The
 * first thing that does not hold stops it and is named with its file and, where there is one, its
 * index.
 *
 * A log may be open while it is read. The signed files are read before the segments, and a segment
 * from its end backwards, so what is seen is never newer at a later place than at an earlier one;
 * if something does not hold and the state has changed meanwhile, everything is read again.
 */
#include "audit/verify.h"

#include "audit/intents.h"
#include "audit/state.h"
#include "base/crc32c.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRIES 3

struct ver {
    const char *dir;
    struct aud_verify_report *r;
    struct aud_conf conf;
    struct aud_checkpoint cp;
    struct aud_state state;
    bool live;
    bool cp_seen, state_seen, ended;
    struct aud_range tree;  /* of all committed leaves so far */
    struct aud_hash sealed; /* SHA-256 of the last sealed segment */
    struct aud_intents open;
    bool spool; /* record 1 says that this log continues another: its intents may stand there */
    struct ver_tiles *tiles;
    uint64_t last_t;
    /* the segment being read */
    char name[AUD_SEGMENT_NAME + 5];
    uint8_t *p;
    size_t n;
    struct aud_header h;
};

bool ver_bad(struct aud_verify_report *r, uint64_t index, const char *fmt, ...)
{
    va_list ap;

    if (!r->holds)
        return false;
    r->holds = false;
    r->first_bad = index;
    va_start(ap, fmt);
    vsnprintf(r->problem, sizeof(r->problem), fmt, ap);
    va_end(ap);
    return false;
}

/* ---- the signed files ---- */

static bool load_signed(struct ver *v, const char *vkey)
{
    struct base_err why = {0};
    struct aud_verify_report *r = v->r;

    if (aud_conf_load(v->dir, base_str_c(vkey), &v->conf, &why) != BASE_OK)
        return ver_bad(r, UINT64_MAX, "%s", why.text);
    snprintf(r->origin, sizeof(r->origin), "%s", v->conf.origin);
    aud_vkey_print(&v->conf.vkey, r->vkey);
    for (int i = 0; i < RETRIES; i++) { /* a log that is being closed shows both a moment apart */
        if (aud_checkpoint_load(v->dir, &v->conf, &v->cp, NULL, &why) != BASE_OK ||
            aud_state_load(v->dir, &v->conf, &v->state, &why) != BASE_OK)
            return ver_bad(r, UINT64_MAX, "%s", why.text);
        if (!v->state.clean || v->state.size == v->cp.size)
            break;
    }
    r->size_signed = v->cp.size;
    aud_hash_hex(&v->cp.root, r->root_hex);
    if (v->cp.size > v->state.size || (v->state.clean && v->cp.size != v->state.size) ||
        (v->cp.size == v->state.size && !aud_hash_eq(&v->cp.root, &v->state.root)))
        return ver_bad(r, UINT64_MAX,
                       "checkpoint (size %" PRIu64 ") and state (size %" PRIu64
                       ") do not belong together",
                       v->cp.size, v->state.size);
    return true;
}

/* ---- leaves ---- */

static bool str_member(const json_t *o, const char *key, struct base_str *out)
{
    const json_t *s = json_object_get(o, key);

    if (!json_is_string(s))
        return false;
    *out = base_str_n(json_string_value(s), json_string_length(s));
    return true;
}

static bool request_order(struct ver *v, uint64_t i, const json_t *o, struct base_str ev,
                          struct base_str req, struct base_str tenant)
{
    struct aud_verify_report *r = v->r;
    struct base_str status;

    if (base_str_is(ev, "req.intent")) {
        if (req.n == 0 || aud_intents_find(&v->open, req))
            return ver_bad(r, i, "%s: index %" PRIu64 ": a second intent for request %.*s", v->name,
                           i, BASE_FMT(req));
        if (aud_intents_add(&v->open, req, tenant, i, 0) != BASE_OK)
            return ver_bad(r, i, "%s: index %" PRIu64 ": too many open intents", v->name, i);
        r->intents++;
    } else if (base_str_is(ev, "req.outcome")) {
        if (!aud_intents_remove(&v->open, req) && !v->spool)
            return ver_bad(r, i,
                           "%s: index %" PRIu64 ": an outcome without an open intent (request "
                           "%.*s)",
                           v->name, i, BASE_FMT(req));
        r->outcomes++;
        if (str_member(o, "status", &status) && base_str_is(status, "unknown"))
            r->unknown_outcomes++;
    } else if (base_str_is(ev, "log.spool") && i == 1) {
        v->spool = true;
    } else if (base_str_is(ev, "req.fallback") && !aud_intents_find(&v->open, req) && !v->spool) {
        return ver_bad(r, i, "%s: index %" PRIu64 ": a fallback without an open intent", v->name,
                       i);
    }
    return true;
}

static bool check_leaf(struct ver *v, uint64_t i, struct base_str leaf)
{
    json_error_t why;
    struct base_str ev, req, tenant;
    bool ok = false;
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);

    if (!json_is_object(o)) {
        ver_bad(v->r, i, "%s: index %" PRIu64 ": the record is not a JSON object", v->name, i);
        goto out;
    }
    const json_t *t = json_object_get(o, "t");
    if (json_integer_value(json_object_get(o, "v")) < 1 || json_integer_value(t) < 1 ||
        !str_member(o, "ev", &ev) || !str_member(o, "req", &req) ||
        !str_member(o, "tenant", &tenant)) {
        ver_bad(v->r, i, "%s: index %" PRIu64 ": the record lacks one of v, t, ev, req, tenant",
                v->name, i);
        goto out;
    }
    uint64_t now = (uint64_t)json_integer_value(t);
    if (now < v->last_t && v->last_t - now > v->r->time_back_us_max)
        v->r->time_back_us_max = v->last_t - now;
    if (now > v->last_t)
        v->last_t = now;
    ok = request_order(v, i, o, ev, req, tenant);
out:
    json_decref(o);
    return ok;
}

/* ---- segments ---- */

static uint64_t le(const uint8_t *p, int bytes)
{
    uint64_t x = 0;

    while (bytes-- > 0)
        x = x << 8 | p[bytes];
    return x;
}

/* Reads the whole segment, last part first. */
static enum base_status load_segment(struct ver *v, uint64_t first, struct base_err *err)
{
    char path[AUD_PATH_MAX];
    struct stat sb;
    enum base_status st;

    memcpy(v->name, "wal/", 5);
    aud_segment_name(first, v->name + 4);
    free(v->p);
    v->p = NULL;
    v->n = 0;
    st = aud_path(path, v->dir, v->name, err);
    if (st != BASE_OK)
        return st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &sb) != 0) {
        st = base_err_sys(err, "%s", path);
    } else if (sb.st_size < 0 || (uint64_t)sb.st_size > AUD_SEGMENT_MAX) {
        ver_bad(v->r, first, "%s: longer than any segment may be", v->name);
    } else {
        v->n = (size_t)sb.st_size;
        v->p = calloc(1, v->n + 1);
        if (!v->p)
            st = base_err_set(err, BASE_ENOMEM, "no memory to read %s", path);
    }
    for (size_t at = v->n; st == BASE_OK && at > 0;) {
        size_t k = at < 1048576 ? at : 1048576;
        ssize_t got = pread(fd, v->p + at - k, k, (off_t)(at - k));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            st = base_err_sys(err, "%s", path);
        at -= k; /* a file that got shorter meanwhile shows as zeros */
    }
    if (fd >= 0)
        close(fd);
    return st;
}

static bool check_header(struct ver *v, uint64_t first, bool last)
{
    struct aud_verify_report *r = v->r;
    const uint8_t *p = v->p;
    uint64_t k = (uint64_t)__builtin_popcountll(first);
    uint64_t bytes = 132 + 32 * k;

    if (v->n < bytes || memcmp(p, "WEIRWAL\n", 8) != 0 || le(p + 8, 4) != 1 ||
        le(p + 12, 4) != bytes || le(p + 24, 8) != first || le(p + 56, 4) != k ||
        le(p + 60, 4) != 0 || le(p + bytes - 4, 4) != base_crc32c(0, p, bytes - 4) ||
        !aud_header_parse(p, v->n, &v->h))
        return ver_bad(r, first, "%s: index %" PRIu64 ": the segment's header does not hold",
                       v->name, first);
    uint64_t size = le(p + 16, 8);
    if (v->n != size && (!last || v->state.clean || v->n > size))
        return ver_bad(r, first, "%s: has %zu bytes, its header says %" PRIu64, v->name, v->n,
                       size);
    if (memcmp(p + 64, v->conf.id.b, 32) != 0)
        return ver_bad(r, first, "%s: belongs to another log.conf", v->name);
    if (first != v->tree.n || memcmp(p + 96, v->sealed.b, 32) != 0 ||
        memcmp(p + 128, v->tree.h, 32 * k) != 0)
        return ver_bad(r, first < v->tree.n ? first : v->tree.n,
                       "%s: does not continue the segment before it", v->name);
    return true;
}

/* At a COMMIT that ends at offset `end`: the signed roots. */
static bool check_signed(struct ver *v, uint64_t end)
{
    struct aud_verify_report *r = v->r;
    struct aud_hash root, sha;

    if (v->tree.n != v->cp.size && v->tree.n != v->state.size)
        return true;
    aud_range_root(&v->tree, &root);
    if (v->tree.n == v->cp.size && !v->cp_seen) {
        v->cp_seen = true;
        if (!aud_hash_eq(&root, &v->cp.root))
            return ver_bad(r, UINT64_MAX,
                           "%s: the records up to size %" PRIu64
                           " do not have the root that checkpoint signed",
                           v->name, v->cp.size);
    }
    if (v->tree.n == v->state.size && !v->state_seen && v->h.before.n == v->state.segment) {
        v->state_seen = true;
        if (!aud_hash_eq(&root, &v->state.root))
            return ver_bad(r, UINT64_MAX,
                           "%s: the records up to size %" PRIu64
                           " do not have the root that state signed",
                           v->name, v->state.size);
        aud_sha256(v->p, end, &sha);
        if (end != v->state.end || !aud_hash_eq(&sha, &v->state.sha))
            return ver_bad(r, v->h.before.n, "%s: was changed after state was signed", v->name);
    }
    return true;
}

/* One frame at offset at; false when there is none that is valid. */
struct frame {
    uint8_t type;
    uint32_t length;
    uint64_t index;
    const uint8_t *body;
};

static bool read_frame(const struct ver *v, size_t at, uint32_t *crc, struct frame *f)
{
    if (at > v->n || v->n - at < 24)
        return false;
    const uint8_t *p = v->p + at;
    f->type = p[4];
    f->length = (uint32_t)le(p + 8, 4);
    f->index = le(p + 12, 8);
    f->body = p + 24;
    if (le(p, 4) != (0x4D524657u ^ (v->h.salt & 0xffffffffu)) || p[5] || p[6] || p[7] ||
        f->length > v->n - at - 24)
        return false;
    uint32_t c = base_crc32c(base_crc32c(*crc, p, 20), f->body, f->length);
    if (c != le(p + 20, 4))
        return false;
    *crc = c;
    return true;
}

/* The leaves of a batch whose COMMIT was found good. */
static bool take_batch(struct ver *v, size_t from, uint32_t count)
{
    size_t at = from;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = (uint32_t)le(v->p + at + 8, 4);
        uint64_t index = le(v->p + at + 12, 8);
        struct base_str leaf = base_str_n(v->p + at + 24, len);
        struct aud_hash h;

        aud_leaf_hash(leaf.p, leaf.n, &h);
        if (!ver_tiles_leaf(v->tiles, leaf, &h) || !check_leaf(v, index, leaf))
            return false;
        at += 24 + len;
    }
    v->r->leaves += count;
    return true;
}

/* What follows offset end, where no valid batch starts. */
static bool check_end(struct ver *v, size_t end, uint64_t next, bool sealed, bool last)
{
    size_t tail = v->n;

    while (tail > end && v->p[tail - 1] == 0)
        tail--;
    if (!sealed && !last)
        return ver_bad(v->r, next, "%s: index %" PRIu64 " (offset %zu) does not hold", v->name,
                       next, end);
    if (tail == end)
        return true;
    if (sealed || v->state.clean)
        return ver_bad(v->r, next,
                       "%s: index %" PRIu64 " (offset %zu) does not hold: stray bytes "
                       "behind the last record",
                       v->name, next, end);
    if (tail - end > AUD_BATCH_MAX || !aud_tail_torn(v->p + end, tail - end, end, &v->h, next))
        return ver_bad(v->r, next,
                       "%s: index %" PRIu64
                       " (offset %zu) does not hold, and is not the rest of an "
                       "interrupted write",
                       v->name, next, end);
    v->r->uncommitted_bytes = tail - end;
    return true;
}

/* The frame at offset at is not valid and was signed. next: the index that is due if it is a leaf;
 * if it is a COMMIT, none of its batch counts and the first of that is named. */
static bool bad_frame(struct ver *v, size_t at, uint64_t next)
{
    const uint8_t *p = v->p + at;
    bool whole = v->n - at >= 24;
    uint64_t index = next;

    if (whole && (p[4] == 2 || (p[4] != 1 && le(p + 8, 4) == 48)))
        index = v->tree.n;
    return ver_bad(v->r, index,
                   "%s: index %" PRIu64 " (offset %zu) does not hold; %" PRIu64
                   " records were signed",
                   v->name, index, at, v->state.size);
}

/* The frames of a segment, batch by batch. */
static bool check_frames(struct ver *v, bool last)
{
    size_t at = v->h.bytes, start = at;
    uint32_t crc = v->h.crc, count = 0;
    struct aud_range tree = v->tree;
    struct aud_hash root;
    struct frame f;
    bool sealed = false;

    if (!check_signed(v, at))
        return false;
    while (!sealed && read_frame(v, at, &crc, &f)) {
        size_t next = at + 24 + f.length;

        if (f.index != tree.n || next - start > AUD_BATCH_MAX || f.length > AUD_LEAF_BYTES_MAX)
            return ver_bad(v->r, tree.n, "%s: index %" PRIu64 " (offset %zu) is out of order",
                           v->name, tree.n, at);
        at = next;
        if (f.type == 1) {
            struct aud_hash h;

            aud_leaf_hash(f.body, f.length, &h);
            aud_range_add(&tree, &h);
            count++;
            continue;
        }
        aud_range_root(&tree, &root);
        sealed = f.type == 3;
        const uint8_t *hash = f.body + (sealed ? 8 : 16);
        if (sealed ? count != 0 || f.length != 40 || le(f.body, 8) != tree.n
                   : f.type != 2 || count == 0 || f.length != 48 || le(f.body, 4) != count ||
                         le(f.body + 4, 4) != 0 || le(f.body + 8, 8) != tree.n)
            return ver_bad(v->r, v->tree.n, "%s: index %" PRIu64 ": the end of its batch is wrong",
                           v->name, v->tree.n);
        if (memcmp(hash, root.b, 32) != 0)
            return ver_bad(v->r, v->tree.n,
                           "%s: index %" PRIu64 ": its batch does not have the root that was "
                           "recorded",
                           v->name, v->tree.n);
        if (!take_batch(v, start, count))
            return false;
        v->tree = tree;
        start = at;
        count = 0;
        if (!sealed && !check_signed(v, at))
            return false;
    }
    if (sealed)
        aud_sha256(v->p, at, &v->sealed);
    else if (tree.n < v->state.size || (count > 0 && v->tree.n < v->state.size))
        return bad_frame(v, at, tree.n);
    v->ended = !sealed;
    return check_end(v, start, v->tree.n, sealed, last);
}

static enum base_status check_segments(struct ver *v, struct base_err *err)
{
    uint64_t *list = NULL;
    size_t n = 0;
    struct base_err why;
    enum base_status st = aud_segments_list(v->dir, &list, &n, &why);

    if (st == BASE_EIO && why.sys != ENOENT) {
        return base_err_set(err, st, "%s", why.text);
    } else if (st != BASE_OK || n == 0) {
        ver_bad(v->r, 0, "%s", st != BASE_OK ? why.text : "wal/: there is no segment");
        free(list);
        return BASE_OK;
    }
    for (size_t i = 0; i < n && st == BASE_OK && v->r->holds; i++) {
        if (list[i] != v->tree.n) {
            ver_bad(v->r, v->tree.n, "wal/: the segment that holds index %" PRIu64 " is missing",
                    v->tree.n);
            break;
        }
        st = load_segment(v, list[i], err);
        if (st == BASE_OK && v->r->holds && check_header(v, list[i], i + 1 == n))
            check_frames(v, i + 1 == n);
    }
    free(list);
    return st;
}

static void check_rest(struct ver *v)
{
    struct aud_verify_report *r = v->r;
    uint64_t signed_size = v->state.size > v->cp.size ? v->state.size : v->cp.size;

    if (v->tree.n < signed_size)
        ver_bad(r, v->tree.n, "%s: index %" PRIu64 " is missing; %" PRIu64 " records were signed",
                v->name, v->tree.n, signed_size);
    else if (!v->cp_seen || !v->state_seen)
        ver_bad(r, UINT64_MAX, "%s: no batch ends where %s says (size %" PRIu64 ")", v->name,
                v->cp_seen ? "state" : "checkpoint", v->cp_seen ? v->state.size : v->cp.size);
    else if (v->state.clean && (v->tree.n != v->state.size || !v->ended))
        ver_bad(r, v->state.size, "%s: index %" PRIu64 " was added after the log was closed",
                v->name, v->state.size);
    else
        ver_tiles_end(v->tiles, v->live);
    r->open_intents = v->open.n;
    r->clean = v->state.clean;
}

/* True when a process has the log open. */
static bool is_live(const char *dir)
{
    char path[AUD_PATH_MAX];
    bool live = false;

    if (aud_path(path, dir, "LOCK", NULL) != BASE_OK)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        live = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
    }
    return live;
}

static enum base_status verify_once(const char *dir, const char *vkey,
                                    struct aud_verify_report *out, struct base_err *err)
{
    struct ver v = {.dir = dir, .r = out, .live = is_live(dir)};
    enum base_status st = BASE_OK;

    memset(out, 0, sizeof(*out));
    out->holds = true;
    out->first_bad = UINT64_MAX;
    out->live = v.live;
    out->own_vkey = !vkey;
    aud_range_init(&v.tree);
    aud_intents_init(&v.open);
    v.tiles = ver_tiles_new(dir, out);
    if (!v.tiles)
        return base_err_set(err, BASE_ENOMEM, "no memory to verify");
    if (load_signed(&v, vkey))
        st = check_segments(&v, err);
    if (st == BASE_OK && out->holds)
        check_rest(&v);
    aud_intents_release(&v.open);
    ver_tiles_free(v.tiles);
    free(v.p);
    return st;
}

static void state_bytes(const char *dir, struct base_buf *b)
{
    char path[AUD_PATH_MAX];

    base_buf_clear(b);
    if (aud_path(path, dir, "state", NULL) == BASE_OK && base_file_read(path, b, NULL) != BASE_OK)
        base_buf_clear(b);
}

enum base_status aud_verify(const char *directory, const char *vkey, struct aud_verify_report *out,
                            struct base_err *err)
{
    struct base_buf before, after;
    struct aud_vkey parsed;
    struct stat sb;
    char conf[AUD_PATH_MAX], wal[AUD_PATH_MAX];
    enum base_status st = BASE_OK;

    if (vkey && (st = aud_vkey_parse(base_str_c(vkey), &parsed, err)) != BASE_OK)
        return st;
    if ((st = aud_path(conf, directory, "log.conf", err)) != BASE_OK ||
        (st = aud_path(wal, directory, "wal", err)) != BASE_OK)
        return st;
    if (stat(conf, &sb) != 0 && stat(wal, &sb) != 0)
        return base_err_set(err, BASE_ENOENT, "%s: there is no log here", directory);
    base_buf_init(&before, AUD_NOTE_MAX);
    base_buf_init(&after, AUD_NOTE_MAX);
    for (int i = 0; i < RETRIES; i++) {
        state_bytes(directory, &before);
        st = verify_once(directory, vkey, out, err);
        if (st != BASE_OK || out->holds)
            break;
        state_bytes(directory, &after);
        if (base_str_eq(base_buf_view(&before), base_buf_view(&after)))
            break;
    }
    base_buf_release(&before);
    base_buf_release(&after);
    return st;
}

enum base_status aud_each(const char *directory, uint64_t from, aud_leaf_fn fn, void *ctx,
                          struct base_err *err)
{
    struct aud_cursor c;
    enum base_status st = aud_cursor_open(&c, directory, from, NULL, err);

    while (st == BASE_OK) {
        st = aud_cursor_next(&c, err);
        for (size_t i = 0; st == BASE_OK && i < c.n_leaves; i++) {
            if (c.leaves[i].index >= from)
                st = fn(ctx, c.leaves[i].index, c.leaves[i].bytes);
        }
    }
    aud_cursor_release(&c);
    return st == BASE_DONE ? BASE_OK : st;
}
