/* cmd.c - the command line face of the log: verify, show, prove. Runs offline on a directory, needs
 * no key, writes only to standard output (data) and standard error (prose).
 */
#include "audit/cmd.h"

#include "audit/audit.h"
#include "audit/leaf.h"
#include "audit/state.h"
#include "base/clock.h"
#include "base/json.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_HOLDS = 0, EXIT_FAILS = 1, EXIT_USAGE = 2 };

static const char usage_text[] =
    "usage: weir audit verify DIR [--vkey KEY] [--json]\n"
    "       weir audit show   DIR [--from N] [--limit N] [--req ID] [--json]\n"
    "       weir audit prove  DIR --index N        a C2SP tlog-proof for the auditor\n"
    "  verify   0 if everything in DIR holds, 1 and the first index that does not\n"
    "           --vkey KEY  the log's public key from elsewhere; without it the key in log.conf\n"
    "                       is taken, which whoever rewrote the whole log could have replaced\n"
    "  show     one line a record; --json: one JSON object a line, {\"index\",\"leaf\"}\n"
    "  prove    the inclusion proof of one record against the published checkpoint\n";

static int usage(const char *why)
{
    if (why)
        fprintf(stderr, "weir audit: %s\n", why);
    fputs(usage_text, stderr);
    return EXIT_USAGE;
}

/* ---- verify ---- */

static void verify_json(const struct aud_verify_report *r)
{
    struct base_buf b;
    struct base_json j;

    base_buf_init(&b, 65536);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kbool(&j, "holds", r->holds);
    base_json_kint(&j, "leaves", (int64_t)r->leaves);
    base_json_kint(&j, "size_signed", (int64_t)r->size_signed);
    base_json_kint(&j, "intents", (int64_t)r->intents);
    base_json_kint(&j, "outcomes", (int64_t)r->outcomes);
    base_json_kint(&j, "unknown_outcomes", (int64_t)r->unknown_outcomes);
    base_json_kint(&j, "open_intents", (int64_t)r->open_intents);
    base_json_kint(&j, "uncommitted_bytes", (int64_t)r->uncommitted_bytes);
    base_json_kint(&j, "time_back_us_max", (int64_t)r->time_back_us_max);
    base_json_kbool(&j, "clean", r->clean);
    base_json_kbool(&j, "live", r->live);
    base_json_kbool(&j, "own_vkey", r->own_vkey);
    base_json_kz(&j, "origin", r->origin);
    base_json_kz(&j, "root", r->root_hex);
    base_json_kz(&j, "vkey", r->vkey);
    if (!r->holds) {
        if (r->first_bad != UINT64_MAX)
            base_json_kint(&j, "first_bad", (int64_t)r->first_bad);
        base_json_kz(&j, "problem", r->problem);
    }
    base_json_obj_end(&j);
    printf("%.*s\n", BASE_FMT(base_buf_view(&b)));
    base_buf_release(&b);
}

static void verify_text(const struct aud_verify_report *r)
{
    if (!r->holds) {
        if (r->first_bad != UINT64_MAX)
            printf("DOES NOT HOLD at index %" PRIu64 ": %s\n", r->first_bad, r->problem);
        else
            printf("DOES NOT HOLD: %s\n", r->problem);
        return;
    }
    printf("holds: %" PRIu64 " records of %s, %" PRIu64 " under the signed checkpoint, root %s\n",
           r->leaves, r->origin, r->size_signed, r->root_hex);
    printf("requests: %" PRIu64 " intents, %" PRIu64 " outcomes (%" PRIu64
           " unknown after a crash), %" PRIu64 " open\n",
           r->intents, r->outcomes, r->unknown_outcomes, r->open_intents);
    if (r->leaves > r->size_signed)
        printf("note: the last %" PRIu64 " records are consistent but not signed yet\n",
               r->leaves - r->size_signed);
    if (r->uncommitted_bytes)
        printf("note: %" PRIu64 " bytes of an interrupted write follow; never acknowledged\n",
               r->uncommitted_bytes);
    if (r->time_back_us_max > 1000000)
        printf("note: record times step back by up to %" PRIu64 " ms; the order is the index\n",
               r->time_back_us_max / 1000);
    if (r->own_vkey)
        printf("note: checked with the key in log.conf itself: %s\n", r->vkey);
}

static int cmd_verify(int argc, char **argv)
{
    static const struct option options[] = {{"vkey", required_argument, NULL, 'k'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *vkey = NULL;
    bool json = false;
    struct aud_verify_report r;
    struct base_err err = {0};

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'k') {
            vkey = optarg;
        } else if (c == 'j') {
            json = true;
        } else if (c == 'h') {
            fputs(usage_text, stdout);
            return EXIT_HOLDS;
        } else {
            return usage(NULL);
        }
    }
    if (optind + 1 != argc)
        return usage("verify needs one DIR");
    if (aud_verify(argv[optind], vkey, &r, &err) != BASE_OK) {
        fprintf(stderr, "weir audit verify: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (json)
        verify_json(&r);
    else
        verify_text(&r);
    return r.holds ? EXIT_HOLDS : EXIT_FAILS;
}

/* ---- show ---- */

struct show {
    uint64_t left;
    struct base_str req; /* empty: all */
    bool json;
};

static void show_member(const json_t *o, const char *key)
{
    const json_t *m = json_object_get(o, key);

    if (json_is_string(m) && json_string_length(m) > 0) {
        printf("  %s=", key);
        for (const char *c = json_string_value(m); *c; c++) /* nothing that moves a terminal */
            putchar((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
    } else if (json_is_integer(m)) {
        printf("  %s=%" PRId64, key, (int64_t)json_integer_value(m));
    }
}

static void show_line(uint64_t index, struct base_str leaf, const struct aud_leaf *l)
{
    static const char *const keys[] = {"status",     "route", "http", "tokens_in",
                                       "tokens_out", "ms",    "why",  "unknown"};
    char when[BASE_RFC3339_MAX];
    json_t *o = json_loadb(leaf.p, leaf.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const json_t *d = json_object_get(o, "decision");

    printf("%8" PRIu64 "  %s  %-12.*s", index, base_rfc3339((int64_t)l->t, when), BASE_FMT(l->ev));
    show_member(o, "req");
    show_member(o, "tenant");
    show_member(d, "outcome");
    show_member(d, "route");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        show_member(o, keys[i]);
    putchar('\n');
    json_decref(o);
}

static enum base_status show_leaf(void *ctx, uint64_t index, struct base_str leaf)
{
    struct show *s = ctx;
    struct aud_leaf l;

    if (s->left == 0)
        return BASE_DONE;
    if (!aud_leaf_parse(leaf, &l)) {
        fprintf(stderr, "weir audit show: index %" PRIu64 " is not a leaf; run verify\n", index);
        return BASE_EINVAL;
    }
    if (s->req.n && !base_str_eq(l.req, s->req))
        return BASE_OK;
    s->left--;
    if (s->json)
        printf("{\"index\":%" PRIu64 ",\"leaf\":%.*s}\n", index, BASE_FMT(leaf));
    else
        show_line(index, leaf, &l);
    return BASE_OK;
}

static int cmd_show(int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'f'}, {"limit", required_argument, NULL, 'l'},
        {"req", required_argument, NULL, 'r'},  {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    struct show s = {.left = UINT64_MAX};
    struct base_err err = {0};
    uint64_t from = 0;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool ok = true;

        switch (c) {
        case 'f':
            ok = base_str_u64(base_str_c(optarg), &from);
            break;
        case 'l':
            ok = base_str_u64(base_str_c(optarg), &s.left);
            break;
        case 'r':
            s.req = base_str_c(optarg);
            break;
        case 'j':
            s.json = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return EXIT_HOLDS;
        default:
            return usage(NULL);
        }
        if (!ok)
            return usage("--from and --limit take a number");
    }
    if (optind + 1 != argc)
        return usage("show needs one DIR");
    enum base_status st = aud_each(argv[optind], from, show_leaf, &s, &err);
    if (st == BASE_OK || st == BASE_DONE)
        return fflush(stdout) == 0 ? EXIT_HOLDS : EXIT_USAGE;
    if (err.text[0])
        fprintf(stderr, "weir audit show: %s\n", err.text);
    return st == BASE_EINVAL ? EXIT_FAILS : EXIT_USAGE;
}

/* ---- prove ---- */

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
        return EXIT_FAILS;
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
    return ok ? EXIT_HOLDS : EXIT_USAGE;
}

static int prove_in(const char *dir, uint64_t index)
{
    struct aud_conf conf;
    struct aud_checkpoint cp;
    struct base_buf note;
    struct base_err err = {0};
    struct prove *p = calloc(1, sizeof(*p));
    int rc = EXIT_USAGE;

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
        rc = st == BASE_EINVAL ? EXIT_FAILS : EXIT_USAGE;
    }
out:
    base_buf_release(&note);
    free(p);
    return rc;
}

static int cmd_prove(int argc, char **argv)
{
    static const struct option options[] = {{"index", required_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    uint64_t index = UINT64_MAX;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage_text, stdout);
            return EXIT_HOLDS;
        }
        if (c != 'i')
            return usage(NULL);
        if (!base_str_u64(base_str_c(optarg), &index))
            return usage("--index takes a number");
    }
    if (optind + 1 != argc || index == UINT64_MAX)
        return usage("prove needs one DIR and --index N");
    return prove_in(argv[optind], index);
}

int aud_command(int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "";

    optind = 0; /* start over, whoever used getopt before */
    if (strcmp(verb, "verify") == 0)
        return cmd_verify(argc, argv);
    if (strcmp(verb, "show") == 0)
        return cmd_show(argc, argv);
    if (strcmp(verb, "prove") == 0)
        return cmd_prove(argc, argv);
    if (strcmp(verb, "export") == 0 || strcmp(verb, "erase") == 0 || strcmp(verb, "witness") == 0) {
        fprintf(stderr, "weir audit %s: not built yet\n", verb);
        return EXIT_USAGE;
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 || strcmp(verb, "help") == 0) {
        fputs(usage_text, stdout);
        return EXIT_HOLDS;
    }
    return usage(argc > 0 ? "no such command" : NULL);
}
