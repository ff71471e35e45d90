/* cmd_prove.c - `weir audit prove`: the inclusion proof of one record against its period's
 * published checkpoint, checked before it is printed. From a few tiles, or from the records if
 * those are missing (proof.c).
 */
#include "audit/audit.h"
#include "audit/cmd/cmd_int.h"
#include "audit/log/reader.h"
#include "audit/verify/proof.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char help_text[] =
    "usage: weir audit prove DIR NUMBER [--without-leaf]     (or --index NUMBER)\n"
    "  A C2SP tlog-proof on standard output: the record itself as `extra`, its index, the hashes, "
    "the\n"
    "  checkpoint of its period with whatever witnesses have signed it. `weir audit verify-proof`\n"
    "  checks it with no log at hand. --without-leaf: to be given to somebody who has the "
    "record.\n";

static enum base_status print(const struct aud_where *at, uint64_t index,
                              const struct aud_checkpoint *cp, struct base_str note, bool with_leaf,
                              struct base_buf *out, struct base_err *err)
{
    struct aud_hash proof[AUD_PROOF_MAX];
    struct base_buf leaf;
    size_t n = 0;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    enum base_status st = aud_proof_inclusion(at->dir, index, cp, proof, &n, &leaf, err);
    if (st == BASE_OK) {
        base_buf_z(out, "c2sp.org/tlog-proof@v1\n");
        if (with_leaf) {
            base_buf_z(out, "extra ");
            aud_b64_encode(out, leaf.p, leaf.n);
            base_buf_byte(out, '\n');
        }
        base_buf_printf(out, "index %" PRIu64 "\n", index);
        aud_proof_print(out, proof, n);
        base_buf_byte(out, '\n');
        base_buf_str(out, note);
    }
    base_buf_release(&leaf);
    return st;
}

enum base_status aud_prove(const char *dir, uint64_t number, bool with_leaf, struct base_buf *out,
                           struct base_err *err)
{
    struct aud_where *at = calloc(1, sizeof(*at));
    struct aud_checkpoint cp;
    struct base_buf note;

    base_buf_init(&note, AUD_NOTE_MAX);
    enum base_status st =
        at ? aud_where_number(dir, number, at, err) : base_err_set(err, BASE_ENOMEM, "no memory");
    if (st == BASE_OK)
        st = aud_checkpoint_load(at->dir, &at->conf, &cp, &note, err);
    if (st == BASE_OK && number - at->before >= cp.size)
        st = base_err_set(err, BASE_ENOENT,
                          "record %" PRIu64 " is not under the checkpoint (%" PRIu64 " records)",
                          number, at->before + cp.size);
    if (st == BASE_OK)
        st = print(at, number - at->before, &cp, base_buf_view(&note), with_leaf, out, err);
    base_buf_release(&note);
    free(at);
    return st;
}

static int prove_in(const char *dir, uint64_t number, bool with_leaf)
{
    struct base_buf b;
    struct base_err err = {0};
    int rc = AUD_EXIT_USAGE;

    base_buf_init(&b, AUD_PROVE_BYTES_MAX);
    enum base_status st = aud_prove(dir, number, with_leaf, &b, &err);
    if (st != BASE_OK) {
        fprintf(stderr, "weir audit prove: %s\n", err.text);
        rc = st == BASE_EINVAL ? AUD_EXIT_FAILS : AUD_EXIT_USAGE;
    } else if (base_buf_ok(&b) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0) {
        rc = AUD_EXIT_HOLDS;
    }
    base_buf_release(&b);
    return rc;
}

int aud_cmd_prove(int argc, char **argv)
{
    static const struct option options[] = {{"index", required_argument, NULL, 'i'},
                                            {"without-leaf", no_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *number = NULL;
    bool with_leaf = true;
    uint64_t n;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h')
            return aud_cmd_help(help_text);
        if (c == 'w')
            with_leaf = false;
        else if (c == 'i')
            number = optarg;
        else
            return aud_cmd_usage(help_text, NULL);
    }
    if (optind + 2 == argc && !number)
        number = argv[optind + 1];
    else if (optind + 1 != argc || !number)
        return aud_cmd_usage(help_text, "prove needs one DIR and one NUMBER");
    if (!base_str_u64(base_str_c(number), &n))
        return aud_cmd_usage(help_text, "NUMBER is the record's number, as `show` prints it");
    return prove_in(argv[optind], n, with_leaf);
}
