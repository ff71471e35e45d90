/* cmd_sinks.c - `weir audit sinks DIR`: how far each copy of the log is, from the cursor files.
 *
 * Works with and without a running gateway; what it shows of a running one is at most a second old.
 */
#include "audit/cmd/cmd_int.h"

#include "audit/log/reader.h"
#include "audit/log/state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: weir audit sinks DIR [--json]\n"
    "  one line a sink: the first record its target does not have for sure, how many are behind\n"
    "  it, how many were refused for good (DIR/sinks/NAME.dead.jsonl), and the last error\n";

struct row {
    char name[256], type[32], error[300];
    uint64_t next, sent, dead;
    int64_t error_us;
};

/* How many records the log has now, in all its periods. */
static enum base_status log_size(const char *dir, uint64_t *size, struct base_err *err)
{
    const struct aud_leaf_ref *leaves;
    struct aud_reader *r;
    size_t n;
    enum base_status st = aud_reader_open(dir, UINT64_MAX, &r, err);

    if (st != BASE_OK)
        return st;
    while ((st = aud_reader_next(r, &leaves, &n, err)) == BASE_OK)
        *size = n ? leaves[n - 1].index + 1 : *size;
    aud_reader_close(r);
    return st == BASE_DONE ? BASE_OK : st;
}

static bool line(struct base_str *rest, const char *key, struct base_str *v)
{
    struct base_str l = base_str_cut(rest, '\n');

    *v = l;
    return base_str_is(base_str_cut(v, ' '), key) && v->p;
}

static bool parse(struct base_str rest, struct row *r)
{
    struct base_str v;
    uint64_t us;

    if (!base_str_is(base_str_cut(&rest, '\n'), "weir-sink/1") || !line(&rest, "origin", &v) ||
        !line(&rest, "type", &v))
        return false;
    snprintf(r->type, sizeof(r->type), "%.*s", BASE_FMT(v));
    if (!line(&rest, "next", &v) || !base_str_u64(v, &r->next) || !line(&rest, "sent", &v) ||
        !base_str_u64(v, &r->sent) || !line(&rest, "dead", &v) || !base_str_u64(v, &r->dead))
        return false;
    if (rest.p && line(&rest, "error", &v) && base_str_u64(base_str_cut(&v, ' '), &us)) {
        r->error_us = (int64_t)us;
        snprintf(r->error, sizeof(r->error), "%.*s", BASE_FMT(v));
    }
    return true;
}

static void show(const struct row *r, uint64_t size, bool json)
{
    uint64_t lag = size > r->next ? size - r->next : 0;
    char when[BASE_RFC3339_MAX];
    struct base_buf b;
    struct base_json j;

    if (!json) {
        printf("%-20s %-9s next %" PRIu64 "  lag %" PRIu64 "  sent %" PRIu64 "  dead %" PRIu64,
               r->name, r->type, r->next, lag, r->sent, r->dead);
        if (r->error[0])
            printf("  error %s %s", base_rfc3339(r->error_us, when), r->error);
        putchar('\n');
        return;
    }
    base_buf_init(&b, 65536);
    base_json_init(&j, &b);
    base_json_obj(&j);
    base_json_kint(&j, "dead", (int64_t)r->dead);
    if (r->error[0]) {
        base_json_kz(&j, "error", r->error);
        base_json_kint(&j, "error_us", r->error_us);
    }
    base_json_kint(&j, "lag", (int64_t)lag);
    base_json_kz(&j, "name", r->name);
    base_json_kint(&j, "next", (int64_t)r->next);
    base_json_kint(&j, "sent", (int64_t)r->sent);
    base_json_kz(&j, "type", r->type);
    base_json_obj_end(&j);
    printf("%.*s\n", BASE_FMT(base_buf_view(&b)));
    base_buf_release(&b);
}

static int is_cursor(const struct dirent *e)
{
    return base_str_ends(base_str_c(e->d_name), BASE_STR(".cursor"));
}

static int show_all(const char *dir, bool json)
{
    char folder[AUD_PATH_MAX], path[AUD_PATH_MAX + 300];
    struct dirent **list = NULL;
    struct base_err err = {0};
    uint64_t size = 0;
    int rc = AUD_EXIT_HOLDS;

    if (log_size(dir, &size, &err) != BASE_OK || aud_path(folder, dir, "sinks", &err) != BASE_OK) {
        fprintf(stderr, "weir audit sinks: %s\n", err.text);
        return AUD_EXIT_USAGE;
    }
    int n = scandir(folder, &list, is_cursor, alphasort);
    if (n < 0 && errno != ENOENT) {
        fprintf(stderr, "weir audit sinks: %s: %s\n", folder, strerror(errno));
        return AUD_EXIT_USAGE;
    }
    for (int i = 0; i < n; i++) {
        struct row r = {0};
        struct base_buf b;

        base_buf_init(&b, 65536);
        snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        snprintf(r.name, sizeof(r.name), "%.*s", (int)(strlen(list[i]->d_name) - 7),
                 list[i]->d_name);
        if (base_file_read(path, &b, &err) == BASE_OK && parse(base_buf_view(&b), &r)) {
            show(&r, size, json);
        } else {
            fprintf(stderr, "weir audit sinks: %s is malformed\n", path);
            rc = AUD_EXIT_FAILS;
        }
        base_buf_release(&b);
        free(list[i]);
    }
    free(list);
    if (n <= 0 && !json)
        fprintf(stderr, "weir audit sinks: this log has no sinks\n");
    return rc;
}

int aud_cmd_sinks(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h')
            return aud_cmd_help(help);
        if (c != 'j')
            return aud_cmd_usage(help, NULL);
        json = true;
    }
    if (optind + 1 != argc)
        return aud_cmd_usage(help, "sinks needs one DIR");
    return show_all(argv[optind], json);
}
