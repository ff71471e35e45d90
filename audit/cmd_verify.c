/* cmd_verify.c - `weir audit verify`: the report of aud_verify, for people and as JSON. */
#include "audit/audit.h"
#include "audit/cmd_int.h"
#include "base/json.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static const char help_text[] =
    "usage: weir audit verify DIR [--vkey KEY] [--json]\n"
    "  0 if everything in DIR holds, 1 and the first index that does not\n"
    "  --vkey KEY  the log's public key from elsewhere; without it the key in log.conf is\n"
    "              taken, which whoever rewrote the whole log could have replaced\n"
    "  --json      the report as one JSON object\n";

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

int aud_cmd_verify(int argc, char **argv)
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
            return aud_cmd_help(help_text);
        } else {
            return aud_cmd_usage(help_text, NULL);
        }
    }
    if (optind + 1 != argc)
        return aud_cmd_usage(help_text, "verify needs one DIR");
    if (aud_verify(argv[optind], vkey, &r, &err) != BASE_OK) {
        fprintf(stderr, "weir audit verify: %s\n", err.text);
        return AUD_EXIT_USAGE;
    }
    if (json)
        verify_json(&r);
    else
        verify_text(&r);
    return r.holds ? AUD_EXIT_HOLDS : AUD_EXIT_FAILS;
}
