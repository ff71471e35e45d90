/* cmd_proof.c - `weir audit verify-proof` and `weir audit consistency`: what an auditor does with a
 * proof, and how one between two checkpoints is made.
 *
 *   c2sp.org/tlog-proof@v1            weir-audit-consistency/1
 *   extra <base64 of the record>      old <size>
 *   index <n>                         new <size>
 *   <hash>...                         <hash>...
 *   (empty)                           (empty)
 *   <checkpoint>                      <the new checkpoint>
 */
#include "audit/audit.h"
#include "audit/cmd/cmd_int.h"
#include "audit/log/period.h"
#include "audit/log/reader.h"
#include "audit/verify/proof.h"
#include "audit/verify/proof_file.h"
#include "base/file.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char proof_help[] =
    "usage: weir audit verify-proof FILE --vkey KEY [--witness VKEY]... [--quorum N] [--leaf "
    "FILE]\n"
    "  0 if the proof holds: the record (printed on standard output) is in the log that KEY "
    "signs.\n"
    "  --vkey KEY      the log's key, of any period\n"
    "  --witness VKEY  a witness that must have signed the proof's checkpoint; --quorum N of them\n"
    "  --leaf FILE     the record, for a proof made --without-leaf; its exact bytes\n"
    "  FILE may be -, standard input.\n";

static const char consistency_help[] =
    "usage: weir audit consistency DIR OLD [NEW] [--vkey KEY]\n"
    "  OLD and NEW are files with checkpoints of one period of the log; NEW is the period's newest "
    "if\n"
    "  it is not given. 0 and a consistency proof on standard output if NEW extends OLD, else 1.\n";

static enum base_status slurp(const char *file, size_t max, struct base_buf *out,
                              struct base_err *err)
{
    base_buf_init(out, max);
    return strcmp(file, "-") == 0 ? base_fd_read_all(0, out, err) : base_file_read(file, out, err);
}

/* ---- verify-proof ---- */

struct proof_options {
    const char *vkey, *leaf;
    const char *witness[AUD_WITNESSES_MAX];
    unsigned n_witnesses, quorum;
};

static int check_proof(const char *file, const struct proof_options *o)
{
    struct base_buf b, leaf;
    struct base_err err = {0};
    struct aud_proof_file *p = calloc(1, sizeof(*p));
    int rc = AUD_EXIT_USAGE;

    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    enum base_status st = slurp(file, 4 * AUD_LEAF_BYTES_MAX + AUD_PROOF_BYTES_MAX, &b, &err);
    if (st == BASE_OK && o->leaf)
        st = base_file_read(o->leaf, &leaf, &err);
    if (st != BASE_OK || !p) {
        fprintf(stderr, "weir audit verify-proof: %s\n", p ? err.text : "no memory");
        goto out;
    }
    struct aud_vkey log, w[AUD_WITNESSES_MAX];
    st = aud_vkey_parse(base_str_c(o->vkey), &log, &err);
    if (st == BASE_OK)
        st = aud_wkeys_parse(o->witness, o->n_witnesses, w, &err);
    if (st != BASE_OK) {
        fprintf(stderr, "weir audit verify-proof: %s\n", err.text);
        goto out;
    }
    st = aud_proof_file_parse(base_buf_view(&b), p, &err);
    if (st == BASE_OK && o->leaf) {
        base_buf_clear(&p->leaf);
        base_buf_str(&p->leaf, base_buf_view(&leaf));
        p->has_leaf = true;
    }
    if (st == BASE_OK)
        st = aud_proof_file_verify(p, &log, w, o->n_witnesses,
                                   o->quorum ? o->quorum : o->n_witnesses, &err);
    if (st != BASE_OK) {
        printf("DOES NOT HOLD: %s\n", err.text);
        rc = AUD_EXIT_FAILS;
        goto out;
    }
    fprintf(stderr, "holds: index %" PRIu64 " of the %" PRIu64 " records of %s%s\n", p->index,
            p->cp.size, p->cp.origin, o->n_witnesses ? ", countersigned" : "");
    printf("%.*s\n", BASE_FMT(base_buf_view(&p->leaf)));
    rc = fflush(stdout) == 0 ? AUD_EXIT_HOLDS : AUD_EXIT_USAGE;
out:
    if (p)
        base_buf_release(&p->leaf);
    free(p);
    base_buf_release(&b);
    base_buf_release(&leaf);
    return rc;
}

int aud_cmd_verify_proof(int argc, char **argv)
{
    static const struct option options[] = {
        {"vkey", required_argument, NULL, 'k'},   {"witness", required_argument, NULL, 'w'},
        {"quorum", required_argument, NULL, 'q'}, {"leaf", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    struct proof_options o = {.vkey = NULL};
    uint64_t n = 0;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h')
            return aud_cmd_help(proof_help);
        if (c == 'k')
            o.vkey = optarg;
        else if (c == 'l')
            o.leaf = optarg;
        else if (c == 'w' && o.n_witnesses < AUD_WITNESSES_MAX)
            o.witness[o.n_witnesses++] = optarg;
        else if (c != 'q' || !base_str_u64(base_str_c(optarg), &n) || n == 0 ||
                 n > AUD_WITNESSES_MAX)
            return aud_cmd_usage(proof_help, NULL);
    }
    o.quorum = (unsigned)n;
    if (optind + 1 != argc || !o.vkey)
        return aud_cmd_usage(proof_help, "verify-proof needs one FILE and --vkey KEY");
    if (o.quorum > o.n_witnesses)
        return aud_cmd_usage(proof_help, "--quorum is more than there are --witness");
    return check_proof(argv[optind], &o);
}

/* ---- consistency ---- */

/* A checkpoint file of the log whose key is trusted: BASE_EINVAL if it is not. */
static enum base_status load_note(const char *file, const struct aud_vkey *trusted,
                                  struct base_buf *note, struct aud_checkpoint *cp,
                                  struct base_err *err)
{
    struct base_str rest, origin, text;
    struct aud_vkey k;
    struct base_err why = {0};
    enum base_status st = slurp(file, AUD_NOTE_MAX, note, err);

    if (st != BASE_OK)
        return st;
    rest = base_buf_view(note);
    origin = base_str_cut(&rest, '\n');
    if (aud_vkey_named(trusted, origin, &k) != BASE_OK || !aud_period_key(trusted, &k))
        return base_err_set(err, BASE_EINVAL, "%s: not a checkpoint of this log", file);
    st = aud_note_verify(base_buf_view(note), &k, &text, NULL, &why);
    if (st == BASE_OK)
        st = aud_checkpoint_parse(text, cp, &why);
    return st == BASE_OK ? BASE_OK : base_err_set(err, st, "%s: %s", file, why.text);
}

static enum base_status make_consistency(const char *dir, const char *old_file,
                                         const char *new_file, const char *vkey,
                                         struct base_buf *out, struct base_err *err)
{
    struct aud_where *at = calloc(1, sizeof(*at));
    struct aud_hash proof[AUD_PROOF_MAX];
    struct aud_checkpoint old, cp;
    struct base_buf old_note = {0}, note = {0};
    struct aud_vkey trusted;
    size_t n = 0;
    enum base_status st = at ? aud_where_number(dir, UINT64_MAX, at, err) : BASE_ENOMEM;

    if (st == BASE_OK)
        st = vkey ? aud_vkey_parse(base_str_c(vkey), &trusted, err) : BASE_OK;
    if (st == BASE_OK && !vkey)
        trusted = at->conf.vkey;
    if (st == BASE_OK)
        st = load_note(old_file, &trusted, &old_note, &old, err);
    if (st == BASE_OK)
        st = aud_where_origin(dir, old.origin, at, err);
    if (st == BASE_OK && new_file) {
        st = load_note(new_file, &trusted, &note, &cp, err);
    } else if (st == BASE_OK) {
        base_buf_init(&note, AUD_NOTE_MAX);
        st = aud_checkpoint_load(at->dir, &at->conf, &cp, &note, err);
    }
    if (st == BASE_OK && strcmp(cp.origin, old.origin) != 0)
        st = base_err_set(err, BASE_EINVAL, "the two checkpoints are of different periods");
    if (st == BASE_OK)
        st = aud_proof_consistency(at->dir, old.size, &old.root, &cp, proof, &n, err);
    if (st == BASE_OK) {
        base_buf_printf(out, "weir-audit-consistency/1\nold %" PRIu64 "\nnew %" PRIu64 "\n",
                        old.size, cp.size);
        aud_proof_print(out, proof, n);
        base_buf_byte(out, '\n');
        base_buf_str(out, base_buf_view(&note));
    }
    base_buf_release(&old_note);
    base_buf_release(&note);
    free(at);
    return st;
}

int aud_cmd_consistency(int argc, char **argv)
{
    static const struct option options[] = {{"vkey", required_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *vkey = NULL;
    struct base_buf out;
    struct base_err err = {0};
    int rc = AUD_EXIT_HOLDS;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h')
            return aud_cmd_help(consistency_help);
        if (c != 'k')
            return aud_cmd_usage(consistency_help, NULL);
        vkey = optarg;
    }
    if (argc - optind != 2 && argc - optind != 3)
        return aud_cmd_usage(consistency_help, "consistency needs DIR and OLD");
    base_buf_init(&out, AUD_PROOF_BYTES_MAX);
    enum base_status st =
        make_consistency(argv[optind], argv[optind + 1],
                         optind + 3 == argc ? argv[optind + 2] : NULL, vkey, &out, &err);
    if (st == BASE_OK && base_buf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n &&
        fflush(stdout) == 0) {
        rc = AUD_EXIT_HOLDS;
    } else {
        fprintf(stderr, "weir audit consistency: %s\n", st == BASE_OK ? "cannot write" : err.text);
        rc = st == BASE_EINVAL ? AUD_EXIT_FAILS : AUD_EXIT_USAGE;
    }
    base_buf_release(&out);
    return rc;
}
