/* index.c - the derived index: verified, brought up to the signed size, or made anew.
 *
 * Owns       DIR/index.sqlite (mode 0600; deletable at any time, another process may hold it: then
 *            an index in memory is made instead).
 * Runs on    the thread of the command; blocks on files.
 * Invariants rows come from records that a full verification has just accepted; the compact range
 *            of the current period's tree is carried along and its root compared with the
 *            checkpoint's, so an index made of another history is noticed and made again; so is one
 *            of an earlier period, or of periods that are gone. The numbers of rows are kept beside
 *            the rows, and the SHA-256 of the file beside the file (index.sqlite.sum): damage and
 *            careless edits are noticed. An index made up with care, its sum with it, is not: who
 *            needs proof asks for a fresh index.
 * Fails by   BASE_EINVAL when the log does not hold, after which nothing is answered.
 */
#include "audit/query/index.h"

#include "audit/log/merkle.h"
#include "audit/log/state.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PER_TRANSACTION 20000u
#define SIGNED_MS       3000u /* how long a live log gets to sign what was there when we asked */

struct aud_index {
    bool changed; /* the file needs a new sum when it is closed */
    sqlite3 *db;
    struct aud_rows *rows;
    struct aud_cover cover;
    char path[AUD_PATH_MAX];
    struct aud_hash log_id; /* of the current period: another one means another index */
    struct mark {
        uint64_t first, next;  /* numbers of the records in the index */
        struct aud_range tree; /* of those in the current period */
    } at;
    uint64_t current; /* number of the current period's first record */
    unsigned in_transaction;
    struct base_err *err;
};

enum base_status aud_index_exec(sqlite3 *db, const char *sql, struct base_err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        return BASE_OK;
    return base_err_set(err, rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? BASE_EINVAL : BASE_EIO,
                        "index: %s", sqlite3_errmsg(db));
}

sqlite3 *aud_index_db(struct aud_index *ix)
{
    return ix->db;
}

const struct aud_cover *aud_index_cover(const struct aud_index *ix)
{
    return &ix->cover;
}

/* ts(microseconds): RFC 3339, or NULL. */
static void sql_ts(sqlite3_context *c, int n, sqlite3_value **v)
{
    char when[BASE_RFC3339_MAX];

    (void)n;
    if (sqlite3_value_type(v[0]) != SQLITE_INTEGER)
        sqlite3_result_null(c);
    else
        sqlite3_result_text(c, base_rfc3339(sqlite3_value_int64(v[0]), when), -1, SQLITE_TRANSIENT);
}

/* ---- the file ---- */

static enum base_status db_open(struct aud_index *ix, const char *path, struct base_err *err)
{
    if (strcmp(path, ":memory:") != 0) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return base_err_sys(err, "%s", path);
        close(fd);
    }
    if (sqlite3_open_v2(path, &ix->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        return base_err_set(err, BASE_EIO, "%s: %s", path,
                            ix->db ? sqlite3_errmsg(ix->db) : "no memory");
    sqlite3_busy_timeout(ix->db, 200);
    sqlite3_create_function(ix->db, "ts", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_ts, NULL,
                            NULL);
    /* derived: after a power failure it is made again, so nothing is synced; what is deleted is
     * overwritten, and temporary tables stay in memory */
    return aud_index_exec(ix->db,
                          "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY;"
                          "PRAGMA synchronous=OFF; PRAGMA secure_delete=ON; PRAGMA temp_store=2",
                          err);
}

static void db_close(struct aud_index *ix)
{
    aud_rows_free(ix->rows);
    ix->rows = NULL;
    sqlite3_close(ix->db);
    ix->db = NULL;
}

static bool one(struct aud_index *ix, const char *sql, sqlite3_stmt **s)
{
    return sqlite3_prepare_v2(ix->db, sql, -1, s, NULL) == SQLITE_OK &&
           sqlite3_step(*s) == SQLITE_ROW;
}

static bool meta_blob(struct aud_index *ix, const char *key, void *out, size_t n)
{
    sqlite3_stmt *s = NULL;
    char sql[100];

    snprintf(sql, sizeof(sql), "SELECT v FROM meta WHERE k='%s'", key);
    bool ok = one(ix, sql, &s) && (size_t)sqlite3_column_bytes(s, 0) == n;
    if (ok)
        memcpy(out, sqlite3_column_blob(s, 0), n);
    sqlite3_finalize(s);
    return ok;
}

static enum base_status meta_put(struct aud_index *ix, const char *key, const void *p, size_t n,
                                 struct base_err *err)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(ix->db, "INSERT OR REPLACE INTO meta VALUES(?1,?2)", -1, &s,
                                 NULL) == SQLITE_OK;

    if (ok) {
        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_blob(s, 2, p, (int)n, SQLITE_STATIC);
        ok = sqlite3_step(s) == SQLITE_DONE;
    }
    sqlite3_finalize(s);
    return ok ? BASE_OK : base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(ix->db));
}

/* How many rows each table has; what is kept beside the rows. */
static bool count_rows(struct aud_index *ix, uint64_t out[5])
{
    static const char *const sql[5] = {"SELECT count(*) FROM request",
                                       "SELECT count(*) FROM attempt",
                                       "SELECT count(*) FROM refusal", "SELECT count(*) FROM event",
                                       "SELECT count(*) FROM content"};

    for (int i = 0; i < 5; i++) {
        sqlite3_stmt *s = NULL;
        bool ok = one(ix, sql[i], &s);

        out[i] = ok ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
        sqlite3_finalize(s);
        if (!ok)
            return false;
    }
    return true;
}

static enum base_status meta_save(struct aud_index *ix, struct base_err *err)
{
    uint64_t rows[5];
    enum base_status st;

    if (!count_rows(ix, rows))
        return base_err_set(err, BASE_EIO, "index: %s", sqlite3_errmsg(ix->db));
    st = meta_put(ix, "rows", rows, sizeof(rows), err);
    if (st == BASE_OK)
        st = meta_put(ix, "at", &ix->at, sizeof(ix->at), err);
    return st;
}

/* Is what stands in the file an index of this log, whole, and not ahead of the signed size? */
static bool usable(struct aud_index *ix)
{
    uint64_t kept[5], there[5], schema;
    struct aud_hash id;

    return meta_blob(ix, "schema", &schema, sizeof(schema)) && schema == AUD_INDEX_SCHEMA &&
           meta_blob(ix, "log", &id, sizeof(id)) && aud_hash_eq(&id, &ix->log_id) &&
           meta_blob(ix, "at", &ix->at, sizeof(ix->at)) && ix->at.first == ix->cover.first &&
           ix->at.next >= ix->current && ix->at.next - ix->current == ix->at.tree.n &&
           ix->at.next <= ix->cover.end && meta_blob(ix, "rows", kept, sizeof(kept)) &&
           count_rows(ix, there) && memcmp(kept, there, sizeof(kept)) == 0;
}

static enum base_status create(struct aud_index *ix, struct base_err *err)
{
    const uint64_t schema = AUD_INDEX_SCHEMA;
    enum base_status st = aud_index_exec(ix->db, aud_index_schema, err);

    memset(&ix->at, 0, sizeof(ix->at));
    ix->at.first = ix->at.next = ix->cover.first;
    aud_range_init(&ix->at.tree);
    if (st == BASE_OK)
        st = meta_put(ix, "schema", &schema, sizeof(schema), err);
    if (st == BASE_OK)
        st = meta_put(ix, "log", &ix->log_id, sizeof(ix->log_id), err);
    return st == BASE_OK ? meta_save(ix, err) : st;
}

/* ---- the sum ---- */

static bool file_sum(const char *path, char hex[AUD_HEX_MAX])
{
    static const size_t piece = 1 << 20;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t *buf = malloc(piece);
    struct aud_hash h;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (c && buf && fd >= 0 && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1) {
        while ((n = read(fd, buf, piece)) > 0)
            BASE_BUG_ON(EVP_DigestUpdate(c, buf, (size_t)n) != 1);
        BASE_BUG_ON(EVP_DigestFinal_ex(c, h.b, NULL) != 1);
    }
    if (fd >= 0)
        close(fd);
    EVP_MD_CTX_free(c);
    free(buf);
    if (n == 0)
        aud_hash_hex(&h, hex);
    return n == 0;
}

static bool sum_holds(const struct aud_index *ix)
{
    char path[AUD_PATH_MAX + 8], now[AUD_HEX_MAX];
    struct base_buf kept;

    snprintf(path, sizeof(path), "%s.sum", ix->path);
    base_buf_init(&kept, 256);
    bool ok = base_file_read(path, &kept, NULL) == BASE_OK && file_sum(ix->path, now) &&
              base_str_is(base_str_trim(base_buf_view(&kept)), now);
    base_buf_release(&kept);
    return ok;
}

/* With the database closed: a second descriptor on an open one would drop SQLite's locks. */
static void sum_save(const struct aud_index *ix)
{
    char path[AUD_PATH_MAX + 8], now[AUD_HEX_MAX];
    struct base_err err;

    snprintf(path, sizeof(path), "%s.sum", ix->path);
    if (!file_sum(ix->path, now) || base_file_replace(path, base_str_c(now), 0600, &err) != BASE_OK)
        unlink(path); /* then it is made again the next time */
}

/* ---- filling ---- */

static enum base_status on_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct aud_index *ix = ctx;
    struct aud_hash h;
    enum base_status st = BASE_OK;

    if (index >= ix->cover.end)
        return BASE_DONE;
    if (index != ix->at.next)
        return base_err_set(ix->err, BASE_EINVAL, "the records are not in order");
    if (ix->in_transaction == 0)
        st = aud_index_exec(ix->db, "BEGIN", ix->err);
    if (st == BASE_OK)
        st = aud_rows_add(ix->rows, index, leaf, ix->err);
    if (st != BASE_OK)
        return st;
    ix->at.next++;
    if (index >= ix->current) {
        aud_leaf_hash(leaf.p, leaf.n, &h);
        aud_range_add(&ix->at.tree, &h);
    }
    if (++ix->in_transaction < PER_TRANSACTION)
        return BASE_OK;
    ix->in_transaction = 0;
    st = meta_save(ix, ix->err);
    return st == BASE_OK ? aud_index_exec(ix->db, "COMMIT", ix->err) : st;
}

static enum base_status fill(struct aud_index *ix, struct base_err *err)
{
    char root[AUD_HEX_MAX];
    struct aud_hash h;
    enum base_status st = aud_rows_new(ix->db, &ix->rows, err);

    ix->err = err;
    ix->in_transaction = 0;
    if (st == BASE_OK && ix->at.next < ix->cover.end)
        st = aud_each(ix->cover.dir, ix->at.next, on_leaf, ix, err);
    if (st == BASE_DONE)
        st = BASE_OK;
    if (st == BASE_OK && ix->in_transaction) {
        st = meta_save(ix, err);
        if (st == BASE_OK)
            st = aud_index_exec(ix->db, "COMMIT", err);
    }
    if (st != BASE_OK)
        return st;
    aud_range_root(&ix->at.tree, &h);
    if (ix->at.next != ix->cover.end || ix->at.tree.n != ix->cover.size ||
        strcmp(aud_hash_hex(&h, root), ix->cover.root) != 0)
        return base_err_set(err, BASE_EINVAL, "the index is of another history than the log");
    return BASE_OK;
}

static enum base_status try_file(struct aud_index *ix, bool anew, struct base_err *err)
{
    if (anew && unlink(ix->path) != 0 && errno != ENOENT)
        return base_err_sys(err, "%s", ix->path);
    if (!anew && !sum_holds(ix))
        return base_err_set(err, BASE_EINVAL, "%s is missing or damaged", ix->path);
    enum base_status st = db_open(ix, ix->path, err);
    if (st == BASE_OK && !anew && !usable(ix))
        st =
            base_err_set(err, BASE_EINVAL, "%s is not an index of this log as it is now", ix->path);
    if (st == BASE_OK && anew)
        st = create(ix, err);
    uint64_t before = ix->at.next;
    if (st == BASE_OK)
        st = fill(ix, err);
    if (st != BASE_OK)
        db_close(ix);
    ix->changed = st == BASE_OK && (anew || ix->at.next != before);
    return st;
}

static enum base_status in_memory(struct aud_index *ix, struct base_err *err)
{
    enum base_status st = db_open(ix, ":memory:", err);

    ix->cover.fresh = true;
    if (st == BASE_OK)
        st = create(ix, err);
    return st == BASE_OK ? fill(ix, err) : st;
}

/* ---- opening ---- */

static enum base_status verify_first(struct aud_index *ix, const char *dir, const char *vkey,
                                     struct base_err *err)
{
    struct aud_cover *c = &ix->cover;
    struct aud_verify_report r;
    struct aud_conf conf;
    struct aud_checkpoint cp;
    enum base_status st = aud_verify(dir, vkey, &r, err);

    if (st != BASE_OK)
        return st;
    if (!r.holds)
        return base_err_set(err, BASE_EINVAL, "%s does not hold, so nothing is answered: %s", dir,
                            r.problem);
    if ((size_t)snprintf(c->dir, sizeof(c->dir), "%s", dir) >= sizeof(c->dir))
        return base_err_set(err, BASE_LIMIT, "%s: path too long", dir);
    snprintf(c->origin, sizeof(c->origin), "%s", r.origin);
    snprintf(c->vkey, sizeof(c->vkey), "%s", r.vkey);
    c->own_vkey = r.own_vkey;
    c->live = r.live;
    st = aud_conf_load(dir, base_str_c(r.vkey), &conf, err);
    /* a live log goes on and signs what is durable within a second: what was there when we asked is
     * in the answer. What counts is the checkpoint then read, which the records must lead to. */
    uint64_t until = base_mono_us() + SIGNED_MS * 1000ull;
    for (bool again = true; st == BASE_OK && again;) {
        base_buf_clear(&c->checkpoint);
        st = aud_checkpoint_load(dir, &conf, &cp, &c->checkpoint, err);
        again = st == BASE_OK && r.live && cp.size < r.leaves - r.leaves_before_current &&
                base_mono_us() < until;
        if (again)
            usleep(50000);
    }
    if (st != BASE_OK)
        return st;
    c->size = cp.size;
    c->first = r.before;
    ix->current = r.before + r.leaves_before_current;
    c->end = ix->current + cp.size;
    c->not_signed = r.before + r.leaves > c->end ? r.before + r.leaves - c->end : 0;
    c->periods = r.periods;
    c->dropped = r.dropped;
    aud_hash_hex(&cp.root, c->root);
    ix->log_id = conf.id;
    return BASE_OK;
}

static enum base_status open_once(struct aud_index *ix, const char *dir, const char *vkey,
                                  bool fresh, struct base_err *err)
{
    enum base_status st = verify_first(ix, dir, vkey, err);
    struct base_err why;

    if (st != BASE_OK)
        return st;
    if (fresh)
        return in_memory(ix, err);
    bool done = try_file(ix, false, &why) == BASE_OK;
    if (!done && why.code == BASE_EINVAL)
        done = try_file(ix, true, &why) == BASE_OK;
    /* another process at it, a folder that may not be written: the answer does not need the file */
    return done ? BASE_OK : in_memory(ix, err);
}

enum base_status aud_index_open(const char *dir, const char *vkey, bool fresh,
                                struct aud_index **out, struct base_err *err)
{
    struct aud_index *ix = calloc(1, sizeof(*ix));
    enum base_status st;

    *out = NULL;
    if (!ix)
        return base_err_set(err, BASE_ENOMEM, "no memory for the index");
    base_buf_init(&ix->cover.checkpoint, AUD_NOTE_MAX);
    st = aud_path(ix->path, dir, AUD_INDEX_FILE, err);
    if (st == BASE_OK)
        st = open_once(ix, dir, vkey, fresh, err);
    if (st == BASE_EINVAL && ix->cover.live) { /* a live log may just have begun another period */
        db_close(ix);
        st = open_once(ix, dir, vkey, fresh, err);
    }
    if (st != BASE_OK) {
        aud_index_free(ix);
        return st;
    }
    *out = ix;
    return BASE_OK;
}

void aud_index_free(struct aud_index *ix)
{
    if (!ix)
        return;
    db_close(ix);
    if (ix->changed)
        sum_save(ix);
    base_buf_release(&ix->cover.checkpoint);
    free(ix);
}

void aud_cover_json(struct base_json *j, const struct aud_cover *c)
{
    base_json_obj(j);
    base_json_kstr(j, "checkpoint", base_buf_view(&c->checkpoint));
    base_json_kint(j, "dropped_periods", (int64_t)c->dropped);
    base_json_kint(j, "first_index", (int64_t)c->first);
    base_json_kz(j, "index", c->fresh ? "made from the records for this answer" : "derived file");
    base_json_kint(j, "last_index", (int64_t)c->end - 1);
    base_json_kint(j, "not_signed_yet", (int64_t)c->not_signed);
    base_json_kz(j, "origin", c->origin);
    base_json_kint(j, "periods", (int64_t)c->periods);
    base_json_kz(j, "root", c->root);
    base_json_kint(j, "size", (int64_t)c->size);
    base_json_kbool(j, "verified", true);
    base_json_kz(j, "vkey", c->vkey);
    base_json_kz(j, "vkey_from", c->own_vkey ? "the log itself" : "the caller");
    base_json_obj_end(j);
}
