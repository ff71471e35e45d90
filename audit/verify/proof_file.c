/* proof_file.c - reading a tlog-proof that may come from anywhere. Every line has one form only;
 * what is not covered by the proof (`extra`) is only ever used as the record whose hash is proven.
 */
#include "audit/verify/proof_file.h"

#include "audit/audit.h"
#include "audit/log/period.h"
#include "audit/verify/proof.h"

#include <stdlib.h>

static bool take_extra(struct aud_proof_file *p, struct base_str b64)
{
    base_buf_init(&p->leaf, AUD_LEAF_BYTES_MAX);
    char *room = base_buf_room(&p->leaf, AUD_LEAF_BYTES_MAX);
    size_t n = room ? aud_b64_decode(b64, (uint8_t *)room, AUD_LEAF_BYTES_MAX) : SIZE_MAX;

    if (n == SIZE_MAX)
        return false;
    base_buf_commit(&p->leaf, n);
    p->has_leaf = true;
    return true;
}

enum base_status aud_proof_file_parse(struct base_str file, struct aud_proof_file *p,
                                      struct base_err *err)
{
    static const struct base_str extra = {"extra ", 6}, index = {"index ", 6};
    struct base_str rest = file, line = base_str_cut(&rest, '\n');

    if (!base_str_is(line, "c2sp.org/tlog-proof@v1") || !rest.p)
        return base_err_set(err, BASE_EINVAL, "not a tlog-proof");
    line = base_str_cut(&rest, '\n');
    if (base_str_starts(line, extra)) {
        if (!take_extra(p, base_str_n(line.p + 6, line.n - 6)))
            return base_err_set(err, BASE_EINVAL, "the proof's extra line is malformed");
        line = rest.p ? base_str_cut(&rest, '\n') : BASE_STR_NULL;
    }
    struct base_str number = base_str_n(line.p + 6, line.n >= 6 ? line.n - 6 : 0);
    if (!line.p || !base_str_starts(line, index) || !rest.p ||
        (number.n > 1 && number.p[0] == '0') || !base_str_u64(number, &p->index))
        return base_err_set(err, BASE_EINVAL, "the proof's index is malformed");
    size_t end = rest.n && rest.p[0] == '\n' ? 0 : base_str_find(rest, BASE_STR("\n\n"), 0);
    if (end == SIZE_MAX || !aud_proof_parse(base_str_n(rest.p, end), p->proof, &p->n))
        return base_err_set(err, BASE_EINVAL, "a hash of the proof is malformed");
    size_t skip = end == 0 ? 1 : end + 2;
    p->note = base_str_n(rest.p + skip, rest.n - skip);
    return BASE_OK;
}

enum base_status aud_proof_file_verify(struct aud_proof_file *p, const struct aud_vkey *log,
                                       const struct aud_vkey *witness, unsigned n_witnesses,
                                       unsigned quorum, struct base_err *err)
{
    struct base_str rest = p->note, origin = base_str_cut(&rest, '\n'), text;
    struct aud_vkey k;
    struct aud_hash leaf;
    unsigned have = 0;

    if (!p->has_leaf)
        return base_err_set(err, BASE_EINVAL, "the proof has no record: give it with --leaf FILE");
    if (aud_vkey_named(log, origin, &k) != BASE_OK || !aud_period_key(log, &k))
        return base_err_set(err, BASE_EINVAL, "the checkpoint is of another log");
    enum base_status st = aud_note_verify(p->note, &k, &text, NULL, err);
    if (st == BASE_OK)
        st = aud_checkpoint_parse(text, &p->cp, err);
    for (unsigned i = 0; st == BASE_OK && i < n_witnesses; i++) {
        bool has;

        st = aud_cosigned(p->note, &witness[i], &has, NULL, err);
        have += st == BASE_OK && has;
    }
    if (st != BASE_OK)
        return st;
    if (have < quorum)
        return base_err_set(err, BASE_EINVAL, "%u of %u witnesses have signed, %u must", have,
                            n_witnesses, quorum);
    aud_leaf_hash(p->leaf.p ? p->leaf.p : "", p->leaf.n, &leaf);
    if (!aud_inclusion_verify(p->index, p->cp.size, &leaf, p->proof, p->n, &p->cp.root))
        return base_err_set(err, BASE_EINVAL, "the record is not in the log at index %llu",
                            (unsigned long long)p->index);
    return BASE_OK;
}
