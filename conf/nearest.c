/* nearest.c - "did you mean": of some words the one that a misspelt one was perhaps meant to be.
 * Pure; any thread.
 */
#include "conf/conf.h"

#define NEAR_BYTES_MAX 40

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edit distance with transpositions of neighbours counted as one (optimal string alignment,
 * Damerau 1964): the slips of a keyboard. */
static size_t distance(struct base_str a, struct base_str b)
{
    size_t rows[3][NEAR_BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t same = a.p[i - 1] == b.p[j - 1] ? 0 : 1;
            now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + same);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        size_t *t = before;
        before = last;
        last = now;
        now = t;
    }
    return last[b.n];
}

const char *conf_nearest(struct base_str s, const char *const *words)
{
    const char *best = NULL;
    if (s.n == 0 || s.n > NEAR_BYTES_MAX)
        return NULL;
    size_t best_distance = s.n / 3 + 1; /* of a short word little may differ */
    for (; *words; words++) {
        struct base_str w = base_str_c(*words);
        if (w.n > NEAR_BYTES_MAX)
            continue;
        if (base_str_ieq(s, w))
            return *words;
        size_t d = distance(s, w);
        if (d < best_distance || (d == best_distance && !best && d < w.n)) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}
