/* core.c - what of an open log exists before any thread does: where its write-ahead log stands,
 * leaves of the log's own, and letting go. Blocks on files; no thread of its own.
 */
#include "audit/log/core.h"

#include <string.h>
#include <unistd.h>

void aud_core_snapshot(const struct aud_core *c, struct aud_state *out)
{
    const struct aud_pos *p = &c->wal.pos;

    memset(out, 0, sizeof(*out));
    out->size = p->tree.n;
    aud_range_root(&p->tree, &out->root);
    out->segment = p->segment;
    out->end = p->end;
    aud_pos_sha(p, &out->sha);
}

void aud_core_release(struct aud_core *c)
{
    aud_wal_release(&c->wal);
    aud_skey_wipe(&c->key);
    if (c->lock_fd >= 0)
        close(c->lock_fd); /* and with it the lock */
    c->lock_fd = -1;
}

enum base_status aud_core_append(struct aud_core *c, struct base_str leaf, struct base_err *err)
{
    for (int tries = 0; tries < 3; tries++) {
        if (aud_wal_leaf(&c->wal, leaf) == BASE_OK)
            return BASE_OK;
        enum base_status st =
            c->wal.buf_leaves ? aud_wal_commit(&c->wal, err) : aud_wal_rotate(&c->wal, err);
        if (st != BASE_OK)
            return st;
    }
    return base_err_set(err, BASE_LIMIT, "a leaf of %zu bytes does not fit a segment", leaf.n);
}
