/* proof.c - the hashes of proofs. A proof is a list of subtree hashes (merkle.h gives which leaves
 * each covers). A subtree is cut into perfect ones; a perfect one of 2^k leaves is 2^(k mod 8)
 * neighbours in one tile of level k/8, so a proof reads a few files, whatever the size of the log.
 * Tiles are derived and may be missing: then all records are read once and all subtrees hashed in
 * that pass. What comes out is checked against the signed roots before anybody sees it, so a wrong
 * tile can do no harm (the records are asked then).
 */
#include "audit/verify/proof.h"

#include "audit/log/tiles.h"
#include "audit/log/wal.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- from tiles ---- */

/* Hashes [slot, slot + count) of tile n of level l, in a log of `size` leaves. */
static bool tile_hashes(const char *dir, uint64_t size, unsigned l, uint64_t n, unsigned slot,
                        unsigned count, struct aud_range *out)
{
    char name[AUD_TILE_NAME_MAX], path[AUD_PATH_MAX];
    struct base_buf b;
    bool ok = false;

    base_buf_init(&b, AUD_TILE_WIDTH * sizeof(struct aud_hash) + 1);
    for (int i = 0; i < 2 && !ok; i++) { /* the full tile, or the partial one of this size */
        uint64_t have = size;

        for (unsigned k = 0; k < l; k++)
            have /= AUD_TILE_WIDTH;
        unsigned width = i == 0 ? AUD_TILE_WIDTH : (unsigned)(have % AUD_TILE_WIDTH);
        if (width == 0)
            break;
        aud_tile_name(l, n, width, name);
        base_buf_clear(&b);
        ok = aud_path(path, dir, name, NULL) == BASE_OK &&
             base_file_read(path, &b, NULL) == BASE_OK &&
             b.n >= (size_t)(slot + count) * sizeof(struct aud_hash);
    }
    for (unsigned i = 0; ok && i < count; i++) {
        struct aud_hash h;

        memcpy(h.b, b.p + (size_t)(slot + i) * sizeof(h), sizeof(h));
        aud_range_add(out, &h);
    }
    base_buf_release(&b);
    return ok;
}

/* A perfect subtree: 2^k leaves from lo on. */
static bool perfect(const char *dir, uint64_t size, uint64_t lo, unsigned k, struct aud_hash *out)
{
    struct aud_range r;
    unsigned l = k / 8, count = 1u << (k % 8);

    if (l >= AUD_TILE_LEVELS)
        return false;
    uint64_t first = lo >> (8 * l); /* among the entries of that level */
    aud_range_init(&r);
    if (!tile_hashes(dir, size, l, first / AUD_TILE_WIDTH, (unsigned)(first % AUD_TILE_WIDTH),
                     count, &r))
        return false;
    aud_range_root(&r, out);
    return true;
}

/* The tree hash of leaves [lo, hi), which is a subtree of the tree of `size`. */
static bool from_tiles(const char *dir, uint64_t size, struct aud_span s, struct aud_hash *out)
{
    struct aud_hash part[64];
    size_t n = 0;
    uint64_t at = s.lo;

    if (s.hi == s.lo)
        return false;
    while (at < s.hi) { /* largest first: they are aligned, because lo is */
        unsigned k = 63 - (unsigned)__builtin_clzll(s.hi - at);

        if (!perfect(dir, size, at, k, &part[n++]))
            return false;
        at += 1ull << k;
    }
    *out = part[--n];
    while (n > 0)
        aud_node_hash(&part[--n], out, out);
    return true;
}

/* ---- from the records ---- */

struct pass {
    struct aud_range r[AUD_PROOF_MAX + 1];
    struct aud_hash leaf;
};

static enum base_status records(const char *dir, uint64_t index, uint64_t size,
                                const struct aud_span *span, size_t n, struct pass *p,
                                struct base_buf *leaf, struct base_err *err)
{
    struct aud_cursor *c = calloc(1, sizeof(*c));
    struct aud_hash h;
    enum base_status st;

    if (!c)
        return base_err_set(err, BASE_ENOMEM, "no memory to read the log");
    for (size_t i = 0; i < n; i++)
        aud_range_init(&p->r[i]);
    st = aud_cursor_open(c, dir, n == 0 ? index : 0, NULL, err);
    while (st == BASE_OK) {
        st = aud_cursor_next(c, err);
        for (size_t k = 0; st == BASE_OK && k < c->n_leaves; k++) {
            const struct aud_leaf_ref *ref = &c->leaves[k];

            if (ref->index >= size) {
                st = BASE_DONE;
                break;
            }
            aud_leaf_hash(ref->bytes.p, ref->bytes.n, &h);
            for (size_t i = 0; i < n; i++) {
                if (ref->index >= span[i].lo && ref->index < span[i].hi)
                    aud_range_add(&p->r[i], &h);
            }
            if (ref->index == index) {
                p->leaf = h;
                if (leaf) {
                    base_buf_clear(leaf);
                    base_buf_str(leaf, ref->bytes);
                }
                if (n == 0)
                    st = BASE_DONE;
            }
        }
    }
    aud_cursor_release(c);
    free(c);
    return st == BASE_DONE ? BASE_OK : st;
}

/* All spans: from tiles, or (force) from the records. */
static enum base_status hashes(const char *dir, uint64_t size, const struct aud_span *span,
                               size_t n, bool force, struct aud_hash *out, struct base_err *err)
{
    bool ok = !force;
    enum base_status st = BASE_OK;

    for (size_t i = 0; i < n && ok; i++)
        ok = from_tiles(dir, size, span[i], &out[i]);
    if (ok)
        return BASE_OK;
    struct pass *p = calloc(1, sizeof(*p));
    if (!p)
        return base_err_set(err, BASE_ENOMEM, "no memory for a proof");
    st = records(dir, UINT64_MAX, size, span, n, p, NULL, err);
    for (size_t i = 0; st == BASE_OK && i < n; i++)
        aud_range_root(&p->r[i], &out[i]);
    free(p);
    return st;
}

static enum base_status wrong_root(struct base_err *err)
{
    return base_err_set(err, BASE_EINVAL, "the records do not have the signed root; run verify");
}

enum base_status aud_proof_inclusion(const char *dir, uint64_t index,
                                     const struct aud_checkpoint *cp,
                                     struct aud_hash proof[AUD_PROOF_MAX], size_t *n,
                                     struct base_buf *leaf, struct base_err *err)
{
    struct aud_span span[AUD_PROOF_MAX];
    struct pass *p = calloc(1, sizeof(*p));
    enum base_status st = BASE_OK;

    *n = aud_inclusion_spans(index, cp->size, span);
    if (!p || *n == SIZE_MAX) {
        free(p);
        return base_err_set(err, p ? BASE_EINVAL : BASE_ENOMEM,
                            "index %" PRIu64 " is not under the checkpoint (%" PRIu64 " records)",
                            index, cp->size);
    }
    st = records(dir, index, cp->size, NULL, 0, p, leaf, err);
    for (int force = 0; st == BASE_OK && force < 2; force++) {
        st = hashes(dir, cp->size, span, *n, force, proof, err);
        if (st == BASE_OK && aud_inclusion_verify(index, cp->size, &p->leaf, proof, *n, &cp->root))
            goto out;
    }
    if (st == BASE_OK)
        st = wrong_root(err);
out:
    free(p);
    return st;
}

enum base_status aud_proof_consistency(const char *dir, uint64_t m, const struct aud_hash *old_root,
                                       const struct aud_checkpoint *cp,
                                       struct aud_hash proof[AUD_PROOF_MAX], size_t *n,
                                       struct base_err *err)
{
    struct aud_span span[AUD_PROOF_MAX];
    enum base_status st = BASE_OK;

    *n = 0;
    if (m > cp->size)
        return base_err_set(err, BASE_EINVAL,
                            "the log has %" PRIu64 " records, the old checkpoint %" PRIu64
                            ": it was rolled back",
                            cp->size, m);
    if (m > 0 && m < cp->size)
        *n = aud_consistency_spans(m, cp->size, span);
    for (int force = 0; st == BASE_OK && force < 2; force++) {
        st = hashes(dir, cp->size, span, *n, force, proof, err);
        if (st == BASE_OK && aud_consistency_verify(m, cp->size, old_root, &cp->root, proof, *n))
            return BASE_OK;
    }
    return st == BASE_OK ? base_err_set(err, BASE_EINVAL,
                                        "the log at size %" PRIu64 " does not extend size %" PRIu64
                                        ": fork or damage",
                                        cp->size, m)
                         : st;
}

enum base_status aud_proof_root(const char *dir, uint64_t m, const struct aud_checkpoint *cp,
                                struct aud_hash *root, struct base_err *err)
{
    struct aud_range r;
    struct aud_span whole = {0, m};

    aud_range_init(&r);
    aud_range_root(&r, root);
    if (m == 0)
        return BASE_OK;
    if (m > cp->size)
        return base_err_set(err, BASE_EINVAL, "the log has only %" PRIu64 " records", cp->size);
    return hashes(dir, cp->size, &whole, 1, false, root, err);
}

void aud_proof_print(struct base_buf *out, const struct aud_hash *proof, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        aud_b64_encode(out, proof[i].b, AUD_HASH_BYTES);
        base_buf_byte(out, '\n');
    }
}

bool aud_proof_parse(struct base_str lines, struct aud_hash proof[AUD_PROOF_MAX], size_t *n)
{
    *n = 0;
    while (lines.p && lines.n > 0) {
        struct base_str line = base_str_cut(&lines, '\n');

        if (*n == 63 || aud_b64_decode(line, proof[*n].b, AUD_HASH_BYTES) != AUD_HASH_BYTES)
            return false;
        ++*n;
    }
    return true;
}
