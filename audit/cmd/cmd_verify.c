/* cmd_verify.c - `weir audit verify`: the report of aud_verify, for people and as JSON. */
#include "audit/audit.h"
#include "audit/cmd/cmd_int.h"
#include "audit/content/keeper.h"
#include "audit/log/note.h"
#include "base/file.h"
#include "base/json.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static const char help_text[] =
    "usage: weir audit verify DIR... [--vkey KEY] [--witness VKEY]... [--quorum N]\n"
    "                         [--checkpoint FILE]... [--without-content] [--json]\n"
    "  0 if everything in DIR holds, through all its periods; 1 and the first record that does\n"
    "  not; 2 if it could not be read. With several DIRs: a line for each, the worst code.\n"
    "  --vkey KEY         the log's public key from elsewhere; without it the key in log.conf is\n"
    "                     taken, which whoever rewrote the whole log could have replaced\n"
    "  --witness VKEY     a witness that must have signed a checkpoint of the current period\n"
    "  --quorum N         so many of the witnesses are enough (default: all)\n"
    "  --checkpoint FILE  a checkpoint kept from earlier, which the log must still contain\n"
    "  Encrypted content is checked against what the records say: what they say is kept must be\n"
    "  there, unchanged.\n"
    "  --without-content  do not ask for it: DIR is a copy of the log alone\n"
    "  --json             the report as one JSON object a line\n";

void aud_verify_json(struct base_buf *b, const struct aud_verify_report *r,
                     const struct aud_content_report *c)
{
    struct base_json j;

    base_json_init(&j, b);
    base_json_obj(&j);
    base_json_kbool(&j, "holds", r->holds);
    base_json_kint(&j, "leaves", (int64_t)r->leaves);
    base_json_kint(&j, "before", (int64_t)r->before);
    base_json_kint(&j, "periods", (int64_t)r->periods);
    base_json_kint(&j, "dropped_periods", (int64_t)r->dropped);
    base_json_kint(&j, "witnessed", (int64_t)r->witnessed);
    base_json_kint(&j, "cosigned", (int64_t)r->cosigned);
    base_json_kint(&j, "unwitnessed_periods", (int64_t)r->unwitnessed);
    base_json_kint(&j, "contents", (int64_t)r->contents);
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
    if (c) {
        base_json_key(&j, "content");
        base_json_obj(&j);
        base_json_kint(&j, "damaged", (int64_t)c->damaged);
        base_json_kint(&j, "destroyed", (int64_t)c->destroyed);
        base_json_kint(&j, "kept", (int64_t)c->live);
        base_json_kint(&j, "recorded", (int64_t)c->recorded);
        base_json_kint(&j, "unrecorded", (int64_t)c->unrecorded);
        base_json_obj_end(&j);
    }
    base_json_kz(&j, "origin", r->origin);
    base_json_kz(&j, "root", r->root_hex);
    base_json_kz(&j, "vkey", r->vkey);
    if (!r->holds) {
        if (r->first_bad != UINT64_MAX)
            base_json_kint(&j, "first_bad", (int64_t)r->first_bad);
        base_json_kz(&j, "problem", r->problem);
    }
    base_json_obj_end(&j);
    base_buf_byte(b, '\n');
}

static void verify_json(const struct aud_verify_report *r, const struct aud_content_report *c)
{
    struct base_buf b;

    base_buf_init(&b, 65536);
    aud_verify_json(&b, r, c);
    printf("%.*s", BASE_FMT(base_buf_view(&b)));
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
           r->leaves, r->origin, r->leaves_before_current + r->size_signed, r->root_hex);
    if (r->periods > 1)
        printf("periods: %" PRIu64 ", each beginning with the last checkpoint of the one before\n",
               r->periods);
    if (r->dropped)
        printf("note: periods up to %" PRIu64 " (%" PRIu64
               " records) were dropped, as record %" PRIu64 " says\n",
               r->dropped, r->before, r->dropped_at);
    if (r->cosigned)
        printf("witnesses: %u have signed size %" PRIu64 " of the current period\n", r->cosigned,
               r->witnessed);
    if (r->unwitnessed)
        printf("note: %" PRIu64
               " closed period(s) have too few cosignatures: that their records are "
               "those of\n      their time only a checkpoint kept from then can tell\n",
               r->unwitnessed);
    printf("requests: %" PRIu64 " intents, %" PRIu64 " outcomes (%" PRIu64
           " unknown after a crash), %" PRIu64 " open\n",
           r->intents, r->outcomes, r->unknown_outcomes, r->open_intents);
    uint64_t covered = r->leaves_before_current + r->size_signed;
    if (r->leaves > covered)
        printf("note: the last %" PRIu64 " records are consistent but not signed yet\n",
               r->leaves - covered);
    if (r->uncommitted_bytes)
        printf("note: %" PRIu64 " bytes of an interrupted write follow; never acknowledged\n",
               r->uncommitted_bytes);
    if (r->time_back_us_max > 1000000)
        printf("note: record times step back by up to %" PRIu64 " ms; the order is the index\n",
               r->time_back_us_max / 1000);
    if (r->own_vkey)
        printf("note: checked with the key in log.conf itself: %s\n", r->vkey);
}

static void content_text(const struct aud_content_report *c)
{
    printf("content: %" PRIu64 " blobs kept as recorded, %" PRIu64
           " destroyed, each named by a record\n",
           c->live, c->destroyed);
    if (c->unrecorded)
        printf("note: %" PRIu64
               " stored blobs are named by no record that is there (an interrupted "
               "request, a dropped period)\n",
               c->unrecorded);
    if (c->damaged)
        printf("note: %" PRIu64 " places in content/ do not parse\n", c->damaged);
}

/* What of the command line is not for aud_verify_with. */
struct how {
    bool json, many, without_content;
};

enum base_status aud_verify_content(const char *dir, bool without, struct aud_verify_report *r,
                                    struct aud_content_report *c, bool *any, struct base_err *err)
{
    char path[4200];
    struct stat sb;
    bool there = (size_t)snprintf(path, sizeof(path), "%s/content", dir) < sizeof(path) &&
                 stat(path, &sb) == 0;

    *any = r->holds && !without && (there || (r->contents && !r->spool));
    if (!*any)
        return BASE_OK;
    enum base_status st = aud_content_check(dir, c, err);
    if (st == BASE_OK && !c->holds) {
        r->holds = false;
        r->first_bad = c->first_bad;
        snprintf(r->problem, sizeof(r->problem), "%.400s%s", c->problem,
                 c->absent
                     ? "; there is no DIR/content (--without-content if you were not given it)"
                     : "");
    }
    return st;
}

static int verify_one(const char *dir, const struct aud_verify_options *o, const struct how *how)
{
    struct aud_verify_report r;
    struct aud_content_report c = {0};
    struct base_err err = {0};
    bool any = false;

    if (aud_verify_with(dir, o, &r, &err) != BASE_OK ||
        aud_verify_content(dir, how->without_content, &r, &c, &any, &err) != BASE_OK) {
        fprintf(stderr, "weir audit verify: %s\n", err.text);
        if (how->json && how->many)
            printf("{\"error\":true}\n");
        return AUD_EXIT_USAGE;
    }
    if (how->many && !how->json)
        printf("%s: ", dir);
    if (how->json)
        verify_json(&r, any ? &c : NULL);
    else
        verify_text(&r);
    if (!how->json && any && r.holds)
        content_text(&c);
    else if (!how->json && r.holds && r.contents)
        printf("note: %" PRIu64
               " records name stored content; it was not looked at, so nothing is said of it\n",
               r.contents);
    return r.holds ? AUD_EXIT_HOLDS : AUD_EXIT_FAILS;
}

/* One option; false: not understood, said. */
static bool verify_option(int c, struct aud_verify_options *o, struct base_buf *kept,
                          struct how *how)
{
    struct base_err err;
    uint64_t n;

    switch (c) {
    case 'k':
        o->vkey = optarg;
        return true;
    case 'j':
        how->json = true;
        return true;
    case 'n':
        how->without_content = true;
        return true;
    case 'w':
        if (o->n_witnesses < AUD_WITNESSES_MAX) {
            o->witness[o->n_witnesses++] = optarg;
            return true;
        }
        aud_cmd_usage(help_text, "too many witnesses");
        return false;
    case 'q':
        if (base_str_u64(base_str_c(optarg), &n) && n >= 1 && n <= AUD_WITNESSES_MAX) {
            o->quorum = (unsigned)n;
            return true;
        }
        aud_cmd_usage(help_text, "--quorum takes a number");
        return false;
    case 'c':
        if (o->n_checkpoints == sizeof(o->checkpoint) / sizeof(o->checkpoint[0])) {
            aud_cmd_usage(help_text, "too many checkpoints");
            return false;
        }
        base_buf_init(&kept[o->n_checkpoints], AUD_NOTE_MAX);
        if (base_file_read(optarg, &kept[o->n_checkpoints], &err) != BASE_OK) {
            fprintf(stderr, "weir audit verify: %s\n", err.text);
            return false;
        }
        o->checkpoint[o->n_checkpoints] = base_buf_view(&kept[o->n_checkpoints]);
        o->n_checkpoints++;
        return true;
    default:
        aud_cmd_usage(help_text, NULL);
        return false;
    }
}

int aud_cmd_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"vkey", required_argument, NULL, 'k'},   {"witness", required_argument, NULL, 'w'},
        {"quorum", required_argument, NULL, 'q'}, {"checkpoint", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},         {"without-content", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    struct aud_verify_options o = {.vkey = NULL};
    struct base_buf kept[8] = {{0}};
    struct how how = {.json = false};
    int rc = AUD_EXIT_HOLDS;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            rc = aud_cmd_help(help_text);
            goto out;
        }
        if (!verify_option(c, &o, kept, &how)) {
            rc = AUD_EXIT_USAGE;
            goto out;
        }
    }
    if (optind == argc)
        rc = aud_cmd_usage(help_text, "verify needs a DIR");
    else if (o.quorum > o.n_witnesses)
        rc = aud_cmd_usage(help_text, "--quorum is more than there are --witness");
    bool usable = rc == AUD_EXIT_HOLDS;
    how.many = argc - optind > 1;
    for (int i = optind; i < argc && usable; i++) {
        int one = verify_one(argv[i], &o, &how);

        rc = one > rc ? one : rc;
    }
out:
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        base_buf_release(&kept[i]);
    return rc;
}
