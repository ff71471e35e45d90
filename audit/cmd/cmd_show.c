/* cmd_show.c - `weir audit show`: the records, a line each. Nothing that it prints for people can
 * move a terminal; --json prints the leaf's own bytes.
 */
#include "audit/audit.h"
#include "audit/cmd/cmd_int.h"
#include "audit/log/leaf.h"
#include "base/clock.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const char help_text[] =
    "usage: weir audit show DIR [--from N] [--limit N] [--req ID] [--json]\n"
    "  one line a record; --json: one JSON object a line, {\"index\",\"leaf\"}\n";

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
    static const char *const keys[] = {"status", "route", "http",    "tokens_in", "tokens_out",
                                       "ms",     "why",   "unknown", "field",     "record"};
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

int aud_cmd_show(int argc, char **argv)
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
            return aud_cmd_help(help_text);
        default:
            return aud_cmd_usage(help_text, NULL);
        }
        if (!ok)
            return aud_cmd_usage(help_text, "--from and --limit take a number");
    }
    if (optind + 1 != argc)
        return aud_cmd_usage(help_text, "show needs one DIR");
    enum base_status st = aud_each(argv[optind], from, show_leaf, &s, &err);
    if (st == BASE_OK || st == BASE_DONE)
        return fflush(stdout) == 0 ? AUD_EXIT_HOLDS : AUD_EXIT_USAGE;
    if (err.text[0])
        fprintf(stderr, "weir audit show: %s\n", err.text);
    return st == BASE_EINVAL ? AUD_EXIT_FAILS : AUD_EXIT_USAGE;
}
