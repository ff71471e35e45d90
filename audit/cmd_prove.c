/* cmd_prove.c - `weir audit prove`: the inclusion proof of one record, from the records themselves
 * (the tiles are not needed), checked before it is printed.
 */
#include "audit/audit.h"
#include "audit/cmd_int.h"
#include "audit/merkle.h"
#include "audit/state.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char help_text[] =
    "usage: weir audit prove DIR --index N\n"
    "  a C2SP tlog-proof: the inclusion proof of one record against the published checkpoint\n";

/* All hashes of a proof in one pass: each span is a subtree, collected in a compact range. */
struct prove {
    uint64_t index, size;
    struct aud_span span[AUD_PROOF_MAX];
    struct aud_range part[AUD_PROOF_MAX];
    size_t n;
    struct aud_hash leaf;
};

static enum base_status prove_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct prove *p = ctx;
    struct aud_hash h;

    if (index >= p->size)
        return BASE_DONE;
    aud_leaf_hash(leaf.p, leaf.n, &h);
    if (index == p->index)
        p->leaf = h;
    for (size_t i = 0; i < p->n; i++) {
        if (index >= p->span[i].lo && index < p->span[i].hi)
            aud_range_add(&p->part[i], &h);
    }
    return BASE_OK;
}

static int prove_print(const struct prove *p, const struct aud_checkpoint *cp,
                       const struct base_buf *note)
{
    struct aud_hash proof[AUD_PROOF_MAX];
    struct base_buf b;

    for (size_t i = 0; i < p->n; i++)
        aud_range_root(&p->part[i], &proof[i]);
    if (!aud_inclusion_verify(p->index, cp->size, &p->leaf, proof, p->n, &cp->root)) {
        fprintf(stderr, "weir audit prove: the records do not have the signed root; run verify\n");
        return AUD_EXIT_FAILS;
    }
    base_buf_init(&b, 2 * AUD_NOTE_MAX);
    base_buf_printf(&b, "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", p->index);
    for (size_t i = 0; i < p->n; i++) {
        aud_b64_encode(&b, proof[i].b, AUD_HASH_BYTES);
        base_buf_byte(&b, '\n');
    }
    base_buf_byte(&b, '\n');
    base_buf_str(&b, base_buf_view(note));
    bool ok = base_buf_ok(&b) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    base_buf_release(&b);
    return ok ? AUD_EXIT_HOLDS : AUD_EXIT_USAGE;
}

static int prove_in(const char *dir, uint64_t index)
{
    struct aud_conf conf;
    struct aud_checkpoint cp;
    struct base_buf note;
    struct base_err err = {0};
    struct prove *p = calloc(1, sizeof(*p));
    int rc = AUD_EXIT_USAGE;

    base_buf_init(&note, AUD_NOTE_MAX);
    if (!p || aud_conf_load(dir, BASE_STR_NULL, &conf, &err) != BASE_OK ||
        aud_checkpoint_load(dir, &conf, &cp, &note, &err) != BASE_OK) {
        fprintf(stderr, "weir audit prove: %s\n", p ? err.text : "no memory");
        goto out;
    }
    if (index >= cp.size) {
        fprintf(stderr,
                "weir audit prove: index %" PRIu64 " is not under the checkpoint (%" PRIu64
                " records)\n",
                index, cp.size);
        goto out;
    }
    p->index = index;
    p->size = cp.size;
    p->n = aud_inclusion_spans(index, cp.size, p->span);
    enum base_status st = aud_each(dir, 0, prove_leaf, p, &err);
    if (st == BASE_OK || st == BASE_DONE) {
        rc = prove_print(p, &cp, &note);
    } else {
        fprintf(stderr, "weir audit prove: %s\n", err.text);
        rc = st == BASE_EINVAL ? AUD_EXIT_FAILS : AUD_EXIT_USAGE;
    }
out:
    base_buf_release(&note);
    free(p);
    return rc;
}

int aud_cmd_prove(int argc, char **argv)
{
    static const struct option options[] = {{"index", required_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    uint64_t index = UINT64_MAX;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            return aud_cmd_help(help_text);
        }
        if (c != 'i')
            return aud_cmd_usage(help_text, NULL);
        if (!base_str_u64(base_str_c(optarg), &index))
            return aud_cmd_usage(help_text, "--index takes a number");
    }
    if (optind + 1 != argc || index == UINT64_MAX)
        return aud_cmd_usage(help_text, "prove needs one DIR and --index N");
    return prove_in(argv[optind], index);
}
