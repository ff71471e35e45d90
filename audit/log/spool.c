/* spool.c - on_failure: spool-to-second-disk. A write error is final for a log; with a spool the
 * records go on, in a second log on another file system, until the first one is opened again.
 *
 * A spool is an ordinary log directory under the folder `spool`, with a key of its own whose vkey
 * the first log's log.open leaf names beforehand. It is made at each open, so that a second disk
 * that does not work is seen then and not on the bad day, and removed at an orderly close when it
 * was not needed. Its records:
 *
 *   0     log.open
 *   1     log.spool {base, log, root, why}: continues the log whose id is `log` at size `base`
 *   2+k   the k-th record, byte for byte, which will be record base+k of the first log
 *   last  log.close, if it was closed in order
 *
 * So the index that a caller is told at the time is the one the record has for good. The batch
 * whose write failed may or may not have become durable in the first log; its leaves are the first
 * the spool takes, so after recovery the first log may hold records base.. already: they must equal
 * the spool's, byte for byte, and are not written twice.
 *
 * Back: spool_replay.c, when the first log is opened again.
 */
#include "audit/log/spool.h"

#include "audit/log/leaf.h"
#include "audit/log/spool_replay.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_SEGMENT (16u << 20)

struct aud_spool {
    struct aud_log *log;
    char dir[AUD_PATH_MAX];
    char vkey[AUD_VKEY_MAX];
    uint64_t base, before; /* in its period; and the records of earlier ones */
    bool begun;
    _Atomic uint64_t taken;
};

struct forward {
    struct aud_spool *spool;
    aud_done_fn done;
    void *ctx;
};

static void warn_same_disk(const struct aud_options *o)
{
    struct stat a, b;

    if (stat(o->directory, &a) == 0 && stat(o->spool, &b) == 0 && a.st_dev == b.st_dev)
        base_warn("audit", "%s is on the same file system as %s: what stops one will stop both",
                  o->spool, o->directory);
}

enum base_status aud_spool_new(const struct aud_options *o, struct aud_spool **out,
                               struct base_err *err)
{
    char id[BASE_UUID_MAX];
    struct aud_options mine = {.origin = o->origin, .ring_leaves = o->ring_leaves};
    struct aud_spool *s = calloc(1, sizeof(*s));
    struct aud_conf conf;
    struct base_err why = {0};
    enum base_status st;

    *out = NULL;
    if (!s)
        return base_err_set(err, BASE_ENOMEM, "no memory for the spool");
    mine.segment_bytes =
        o->segment_bytes && o->segment_bytes < SPOOL_SEGMENT ? o->segment_bytes : SPOOL_SEGMENT;
    mine.checkpoint_ms = o->checkpoint_ms;
    if ((size_t)snprintf(s->dir, sizeof(s->dir), "%s/spool-%s", o->spool, base_uuid7(id)) >=
        sizeof(s->dir) - 256) {
        free(s);
        return base_err_set(err, BASE_LIMIT, "%s: path too long", o->spool);
    }
    mine.directory = s->dir;
    st = aud_log_open(&mine, &s->log, &why);
    if (st == BASE_OK)
        st = aud_conf_load(s->dir, BASE_STR_NULL, &conf, &why);
    if (st == BASE_OK && !aud_vkey_print(&conf.vkey, s->vkey))
        st = base_err_set(&why, BASE_EBUG, "the key cannot be printed");
    if (st != BASE_OK) {
        base_err_set(err, st, "spool: %s", why.text);
        aud_spool_free(s);
        return st;
    }
    warn_same_disk(o);
    *out = s;
    return BASE_OK;
}

void aud_spool_free(struct aud_spool *s)
{
    struct base_err err;

    if (!s)
        return;
    if (s->log && aud_log_close(s->log, &err) != BASE_OK)
        base_error("audit", "the spool did not close in good order: %s", err.text);
    if (!s->begun && s->dir[0])
        aud_spool_remove(s->dir);
    free(s);
}

const char *aud_spool_vkey(const struct aud_spool *s)
{
    return s->vkey;
}

uint64_t aud_spool_taken(const struct aud_spool *s)
{
    return atomic_load(&s->taken);
}

static void hex(struct base_json *j, const char *key, const struct aud_hash *h)
{
    char text[65];

    aud_hash_hex(h, text);
    base_json_kz(j, key, text);
}

/* A leaf that waits for room instead of being refused. */
static enum base_status submit(struct aud_spool *s, struct base_str leaf, aud_done_fn done,
                               void *ctx)
{
    enum base_status st;

    while ((st = aud_log_submit(s->log, leaf, done, ctx)) == BASE_LIMIT)
        usleep(200);
    return st;
}

static enum base_status begin(struct aud_spool *s, const struct aud_core *core, const char *why)
{
    struct aud_hash root;
    struct base_buf b;
    struct base_json j;

    s->base = core->wal.pos.tree.n;
    s->before = core->before;
    aud_range_root(&core->wal.pos.tree, &root);
    base_buf_init(&b, AUD_LEAF_BYTES_MAX);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "base", (int64_t)s->base);
    base_json_kz(&j, "ev", "log.spool");
    hex(&j, "log", &core->conf.id);
    base_json_kz(&j, "req", "");
    hex(&j, "root", &root);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kz(&j, "why", why);
    base_json_obj_end(&j);
    enum base_status st = base_buf_ok(&b) ? submit(s, base_buf_view(&b), NULL, NULL) : BASE_ENOMEM;
    base_buf_release(&b);
    s->begun = st == BASE_OK;
    if (s->begun)
        base_error("audit", "records go to the spool %s from index %" PRIu64 " on", s->dir,
                   s->base);
    return st;
}

static void forwarded(void *ctx, enum base_status st, uint64_t index)
{
    struct forward *f = ctx;

    if (f->done)
        f->done(f->ctx, st,
                st == BASE_OK ? f->spool->before + f->spool->base + index - AUD_SPOOL_OWN
                              : UINT64_MAX);
    free(f);
}

enum base_status aud_spool_take(struct aud_spool *s, const struct aud_core *core, const char *why,
                                struct base_str leaf, aud_done_fn done, void *ctx)
{
    enum base_status st = s->begun ? BASE_OK : begin(s, core, why);
    struct forward *f = st == BASE_OK ? malloc(sizeof(*f)) : NULL;

    if (!f)
        return st == BASE_OK ? BASE_ENOMEM : st;
    *f = (struct forward){.spool = s, .done = done, .ctx = ctx};
    atomic_fetch_add(&s->taken, 1);
    st = submit(s, leaf, forwarded, f);
    if (st != BASE_OK) {
        atomic_fetch_sub(&s->taken, 1);
        free(f);
    }
    return st;
}
