/* hints.c - finds the words of hints_health.c, hints_belief.c, hints_life.c, and of hints_people.c
 * and hints_world.c, in a text.
 *
 * They are many thousand stems in fourteen languages, and most texts that are scanned for an
 * identifier only need none of them, so they are no part of the prefilter: they are looked up a
 * word at a time while statements are judged. A hash of the word's first bytes is carried along,
 * and a bit set says at each length whether any stem has that hash; a table of open addresses then
 * names the stems, which are compared exactly. The stem that is looked up ends at the first '*' or
 * space of the hint; what follows is compared in the text.
 *
 * The table is filled once (pol_hints_setup) and read-only afterwards. Nothing here allocates.
 */
#include "policy/detect/hints.h"

#include <pthread.h>

#define SLOTS      (1u << 15)
#define SEEN_BITS  (1u << 17)
#define POOL_BYTES (1u << 19)
#define STEM_LEAST 1
#define WORD_MAX   40 /* letters that '*' takes */

struct stem {
    uint32_t at;   /* in the pool, the whole hint */
    uint32_t hash; /* of its first bytes */
    uint8_t n;     /* of the hint */
    uint8_t key;   /* bytes that are hashed; 0: free */
    uint8_t type, strong;
    bool caps;
};

static struct stem table[SLOTS];
static uint32_t seen[SEEN_BITS / 32];
static char pool[POOL_BYTES];
static size_t pool_n;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
}

static uint32_t step(uint32_t h, unsigned char c)
{
    return (h ^ c) * 16777619u;
}

static uint32_t spread(uint32_t h)
{
    return (h ^ h >> 15) * 2246822519u;
}

static void add(struct base_str word, const struct pol_hint_words *list)
{
    size_t from = pool_n, k = 0;
    uint32_t h = 2166136261u, slot;
    bool caps = true;

    for (size_t i = 0; i < word.n;) {
        uint32_t cp;
        size_t used = base_utf8_decode(word.p + i, word.n - i, &cp);

        BASE_BUG_ON(pool_n + 32 > POOL_BYTES);
        pool_n += pol_norm_fold(cp, pool + pool_n);
        i += used ? used : 1;
    }
    for (size_t i = from; i < pool_n; i++) {
        caps = caps && !(pool[i] >= 'a' && pool[i] <= 'z');
        pool[i] = (char)lower(pool[i]);
    }
    BASE_BUG_ON(pool_n - from > 255);
    while (from + k < pool_n && pool[from + k] != '*' && pool[from + k] != ' ')
        h = step(h, (unsigned char)pool[from + k++]);
    BASE_BUG_ON(k < STEM_LEAST);
    h = spread(h);
    seen[h % SEEN_BITS / 32] |= 1u << h % 32;
    for (slot = h % SLOTS; table[slot].key; slot = (slot + 1) % SLOTS)
        ;
    table[slot] = (struct stem){.at = (uint32_t)from,
                                .hash = h,
                                .n = (uint8_t)(pool_n - from),
                                .key = (uint8_t)k,
                                .type = list->type,
                                .strong = list->strong,
                                .caps = caps};
}

static void fill(void)
{
    const struct {
        const struct pol_hint_words *v;
        size_t n;
    } lists[] = {{pol_hints_health, pol_hints_health_n},
                 {pol_hints_belief, pol_hints_belief_n},
                 {pol_hints_life, pol_hints_life_n},
                 {pol_hints_people, pol_hints_people_n},
                 {pol_hints_world, pol_hints_world_n}};
    size_t used = 0;

    for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
        for (size_t i = 0; i < lists[k].n; i++) {
            for (const char *w = lists[k].v[i].words; *w;) {
                size_t n = strcspn(w, "|");

                add((struct base_str){w, n}, &lists[k].v[i]);
                BASE_BUG_ON(++used > SLOTS / 2);
                w += n + (w[n] == '|');
            }
        }
    }
}

void pol_hints_setup(void)
{
    (void)pthread_once(&once, fill);
}

static bool letter(char c)
{
    return pol_is_alpha(c) || (unsigned char)c >= 0x80;
}

/* The end of the hint in the text, or 0. */
static size_t match(const struct pol_scan *s, size_t at, const struct stem *e)
{
    const char *w = pool + e->at;
    size_t i = at;

    for (size_t k = 0; k < e->n; k++) {
        if (w[k] == '*') {
            for (size_t m = 0; i < s->n && letter(s->p[i]) && m < WORD_MAX; m++)
                i++;
        } else if (w[k] == ' ') {
            if (i >= s->n || !strchr(" \n-_", s->p[i]))
                return 0;
            while (i < s->n && i - at < 255 && (s->p[i] == ' ' || s->p[i] == '\n'))
                i++;
            i += i < s->n && (s->p[i] == '-' || s->p[i] == '_');
        } else {
            if (i >= s->n || lower(s->p[i]) != (unsigned char)w[k] ||
                (e->caps && s->p[i] >= 'a' && s->p[i] <= 'z'))
                return 0;
            i++;
        }
    }
    return i < s->n && pol_is_word(s->p[i]) && s->p[i] != '_' ? 0 : i;
}

size_t pol_hints_at(const struct pol_scan *s, size_t from, struct pol_hint out[POL_HINT_TYPES])
{
    uint32_t h = 2166136261u;
    size_t n = 0;

    for (size_t k = 0; from + k < s->n && k < WORD_MAX; k++) {
        char c = s->p[from + k];
        uint32_t f;

        if (c == ' ' || c == '\n')
            break;
        h = step(h, lower(c));
        f = spread(h);
        if (k + 1 < STEM_LEAST || !(seen[f % SEEN_BITS / 32] >> f % 32 & 1))
            continue;
        for (uint32_t slot = f % SLOTS; table[slot].key; slot = (slot + 1) % SLOTS) {
            const struct stem *e = &table[slot];
            size_t to, j = 0;

            if (e->hash != f || e->key != k + 1 || (to = match(s, from, e)) == 0)
                continue;
            while (j < n && out[j].type != e->type)
                j++;
            if (j == POL_HINT_TYPES)
                continue;
            if (j < n && out[j].to > to)
                continue;
            out[j] = (struct pol_hint){
                .to = (uint32_t)to, .id = e->hash ^ e->n, .type = e->type, .strong = e->strong};
            n += j == n;
        }
    }
    return n;
}
