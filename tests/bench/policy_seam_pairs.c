/* policy_seam_pairs.c - how often two unrelated texts look like one identifier cut in two: each
 * line of standard input is held against the one before it, as two channels of an answer would be
 * (policy/detect/seam.c). Prints the first 20 that are taken for one, and one JSON line.
 *
 * Usage: policy_seam_pairs < LINES
 */
#include "base/clock.h"
#include "policy/detect/seam.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct pol_detector *d = NULL;
    struct pol_scratch *s = NULL;
    struct base_err err = {0};
    struct base_arena *a = base_arena_new(64u << 20);
    char *line = NULL, *before = NULL;
    size_t cap = 0, pairs = 0, hits = 0;

    if (!a || pol_detector_new(&d, &err) != BASE_OK || pol_scratch_new(d, &s, &err) != BASE_OK)
        return 1;
    uint64_t start = base_thread_cpu_us();
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        struct base_str now = base_str_trim(base_str_n(line, (size_t)n));
        struct pol_seam seam;
        bool found = false;

        base_arena_reset(a);
        if (before && pol_seam_find(d, s, base_str_c(before), now, ~(pol_types)0, a, &seam, &found,
                                    &err) != BASE_OK)
            return 1;
        pairs += before != NULL;
        hits += found;
        if (found && hits <= 20)
            printf("%s: ...%.*s | %.*s\n", pol_type_name(seam.type), (int)seam.before,
                   before + strlen(before) - seam.before, (int)seam.after, now.p);
        free(before);
        before = strndup(now.p, now.n);
    }
    printf("{\"pairs\":%zu,\"taken_for_one\":%zu,\"us_a_pair\":%.1f}\n", pairs, hits,
           pairs ? (double)(base_thread_cpu_us() - start) / (double)pairs : 0);
    free(before);
    free(line);
    pol_scratch_free(s);
    pol_detector_free(d);
    base_arena_free(a);
    return 0;
}
