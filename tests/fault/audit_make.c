/* audit_make.c - makes a small log for tests that take it apart: audit_make DIR ORIGIN PREFIX
 * REQUESTS SEGMENT_BYTES PERIOD_RECORDS clean|crash|lines
 *
 * Each request is an intent, now and then a fallback, and an outcome; every ninth has no outcome.
 * PERIOD_RECORDS 0: one period. crash: ends without closing, some records behind the last signed
 * size. lines: each line of standard input is a record too. An existing keys/log.key in DIR is
 * used.
 */
#include "audit/log/append.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool put(struct aud_log *l, const char *ev, const char *prefix, uint64_t i, const char *more)
{
    char leaf[1024];
    struct base_err err;

    snprintf(leaf, sizeof(leaf),
             "{\"ev\":\"%s\",%s\"req\":\"%s-%" PRIu64 "\",\"t\":%" PRId64
             ",\"tenant\":\"te\\u00e9\",\"v\":1}",
             ev, more, prefix, i, base_wall_us());
    if (aud_log_append(l, base_str_c(leaf), NULL, &err) == BASE_OK)
        return true;
    fprintf(stderr, "audit_make: %s\n", err.text);
    return false;
}

static bool request(struct aud_log *l, const char *prefix, uint64_t i)
{
    return put(l, "req.intent", prefix, i, "\"decision\":{\"a\":[1,2.5,null],\"b\":{}},") &&
           (i % 5 != 0 || put(l, "req.fallback", prefix, i, "\"after\":{\"http\":503},")) &&
           (i % 9 == 8 || put(l, "req.outcome", prefix, i, "\"http\":200,\"status\":\"ok\","));
}

static bool lines(struct aud_log *l)
{
    static char line[AUD_LEAF_BYTES_MAX + 2];
    struct base_err err;

    while (fgets(line, sizeof(line), stdin)) {
        struct base_str s = base_str_c(line);

        s.n -= s.n > 0 && s.p[s.n - 1] == '\n';
        if (aud_log_append(l, s, NULL, &err) != BASE_OK)
            fprintf(stderr, "audit_make: %s\n", err.text);
    }
    return !ferror(stdin);
}

int main(int argc, char **argv)
{
    struct aud_options o = {.checkpoint_ms = 1};
    struct aud_log *l;
    struct base_err err;
    struct aud_stats s;
    uint64_t n, segment;

    if (argc != 8 || !base_str_u64(base_str_c(argv[4]), &n) ||
        !base_str_u64(base_str_c(argv[5]), &segment) ||
        !base_str_u64(base_str_c(argv[6]), &o.period_records)) {
        fprintf(stderr, "usage: audit_make DIR ORIGIN PREFIX REQUESTS SEGMENT_BYTES "
                        "PERIOD_RECORDS clean|crash|lines\n");
        return 2;
    }
    bool crash = strcmp(argv[7], "crash") == 0;
    o.directory = argv[1];
    o.origin = argv[2];
    o.segment_bytes = (uint32_t)segment;
    if (aud_log_open(&o, &l, &err) != BASE_OK) {
        fprintf(stderr, "audit_make: %s\n", err.text);
        return 1;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!request(l, argv[3], i))
            return 1;
        if (o.period_records)
            usleep(1000); /* periods change between two requests */
    }
    if (strcmp(argv[7], "lines") == 0 && !lines(l))
        return 1;
    if (crash) {
        do { /* what came so far is signed, what comes now perhaps not */
            usleep(1000);
            aud_log_stats(l, &s);
        } while (s.size_signed < s.size_durable);
        for (uint64_t i = n; i < n + 4; i++)
            (void)request(l, argv[3], i);
        _exit(0);
    }
    if (aud_log_close(l, &err) != BASE_OK) {
        fprintf(stderr, "audit_make: %s\n", err.text);
        return 1;
    }
    return 0;
}
