/* statement_features.c - what the model of statement.c sees of a sentence and of the hints in it.
 *
 * Each feature is hashed to a row of the model; two that meet in one row share its weight. The
 * numbers before each (1, 2, 20 ...) keep kinds of features apart. A change here needs the model
 * trained anew. Runs wherever a text is scanned; no memory but the caller's.
 */
#include "policy/detect/statement.h"

static uint32_t mix(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t h = (a + 1) * 0x9E3779B1u;

    h = (h ^ b) * 0x85EBCA6Bu;
    h ^= h >> 15;
    h = (h ^ c) * 0xC2B2AE35u;
    return h ^ h >> 13;
}

static const enum pol_type lanes[POL_STMT_LANES] = {
    POL_TYPE_COUNT,        POL_SPECIAL_HEALTH,      POL_SPECIAL_RELIGION, POL_SPECIAL_UNION,
    POL_SPECIAL_POLITICAL, POL_SPECIAL_ORIENTATION, POL_SPECIAL_ETHNIC,   POL_SPECIAL_BIOMETRIC,
    POL_SPECIAL_GENETIC,   POL_SPECIAL_CRIMINAL};

unsigned pol_stmt_lane(enum pol_type type)
{
    for (unsigned k = 1; k < POL_STMT_LANES; k++) {
        if (lanes[k] == type)
            return k;
    }
    return 0;
}

enum pol_type pol_stmt_lane_type(unsigned lane)
{
    return lanes[lane];
}

/* ---- the sentence ---- */

static void put(struct pol_stmt_view *v, size_t word, uint32_t h)
{
    if (v->n < POL_WIDE_FEATURES) {
        v->word[v->n] = (uint8_t)word;
        v->rows[v->n++] = h * 2654435761u >> (32 - POL_WIDE_BITS);
    }
}

/* What is said, whatever the language; pairs, too. */
static void put_concepts(const struct pol_clause *c, struct pol_stmt_view *v, unsigned who)
{
    uint8_t set[12];
    size_t n = 0;
    unsigned last = 0;

    for (size_t i = 0; i < c->n_w; i++) {
        for (unsigned k = 0; k < 2 && c->w[i].says[k]; k++) {
            unsigned x = c->w[i].says[k];

            put(v, i, mix(60, x, 0));
            put(v, i, mix(61, x, last));
            put(v, i, mix(62, x, who));
            if (c->n_h > 0)
                put(v, i, mix(63, x, c->h[0].type));
            if (n < sizeof(set) && !memchr(set, (int)x, n))
                set[n++] = (uint8_t)x;
        }
        last = c->w[i].says[0] ? c->w[i].says[0] : last;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            put(v, POL_STMT_WORDS,
                mix(64, set[i] < set[j] ? set[i] : set[j], set[i] < set[j] ? set[j] : set[i]));
    }
}

void pol_stmt_wide(const struct pol_clause *c, struct pol_stmt_view *v)
{
    unsigned who = c->named + 2u * c->named_before + 4u * !!(c->kinds & WORD_SUBJECT) +
                   8u * !!(c->kinds & WORD_SELF) + 16u * !!(c->kinds & WORD_OWNER);
    unsigned hinted = 0, n_h = 0;

    v->n = 0;
    put(v, POL_STMT_WORDS, mix(0, 0, 0));
    put(v, POL_STMT_WORDS,
        mix(3, c->asked,
            c->n_w < 6    ? 0
            : c->n_w < 12 ? 1
            : c->n_w < 25 ? 2
                          : 3));
    put(v, POL_STMT_WORDS, mix(4, who, 0));
    put(v, POL_STMT_WORDS, mix(5, c->named, c->asked));
    for (size_t i = 0; i < c->n_w && i < 64; i++) {
        const struct pol_stmt_word *w = &c->w[i];

        put(v, i, mix(1, w->key, 0));
        if (!w->name && w->to - w->from > 6)
            put(v, i, mix(7, w->full, 0));
        if (!w->name && w->to - w->from > 4)
            put(v, i, mix(8, w->head, 0));
        if (w->tail)
            put(v, i, mix(9, w->tail, 0));
        put(v, i, mix(2, w->key, i ? c->w[i - 1].key : 5));
    }
    if (c->n_w > 0)
        put(v, 0, mix(6, c->w[0].key, c->n_w > 1 ? c->w[1].key : 0));
    for (size_t i = 0; i < c->n_h; i++) {
        const struct pol_stmt_hit *h = &c->h[i];

        hinted |= 1u << pol_stmt_lane((enum pol_type)h->type);
        n_h++;
        put(v, POL_STMT_WORDS, mix(10, h->type, h->kind));
        put(v, POL_STMT_WORDS, mix(11, h->id, h->type));
        put(v, POL_STMT_WORDS, mix(12, h->type, who));
        put(v, POL_STMT_WORDS, mix(13, h->type, h->rule));
    }
    put(v, POL_STMT_WORDS, mix(14, n_h < 4 ? n_h : 4, who));
    put(v, POL_STMT_WORDS, mix(15, hinted, 0));
    for (unsigned k = 1; k < POL_STMT_LANES; k++) {
        if (c->before >> k & 1)
            put(v, POL_STMT_WORDS, mix(16, k, hinted >> k & 1));
    }
    put_concepts(c, v, who);
}

/* ---- a hit ---- */

static void add(struct pol_stmt_view *v, uint32_t h)
{
    if (v->n < POL_STMT_FEATURES)
        v->rows[v->n++] = h * 2654435761u >> (32 - POL_STMT_BITS);
}

static unsigned near(size_t d)
{
    return d < 2 ? 0 : d < 4 ? 1 : d < 8 ? 2 : 3;
}

void pol_stmt_narrow(const struct pol_clause *c, const struct pol_stmt_hit *h,
                     struct pol_stmt_view *v)
{
    size_t at = 0, behind;
    unsigned before = 0, who = 0, after = 0, since = 0;
    uint32_t prev[4] = {3, 3, 3, 3}, next[3] = {3, 3, 3};

    v->n = 0;
    while (at < c->n_w && c->w[at].to <= h->from)
        at++;
    behind = at;
    while (behind < c->n_w && c->w[behind].from < h->to)
        behind++;
    for (size_t i = 0; i < at; i++) {
        before |= c->w[i].kind;
        if (c->w[i].name == POL_NAME_PERSON || (c->w[i].kind & (WORD_SUBJECT | WORD_SELF))) {
            who = c->w[i].name == POL_NAME_PERSON ? 1 : c->w[i].kind & WORD_SELF ? 2 : 3;
            since = near(at - i);
        }
    }
    for (size_t i = behind; i < c->n_w && !after; i++)
        after = c->w[i].name == POL_NAME_PERSON ? 1 + near(i - behind) : 0;
    for (size_t k = 0; k < 4 && k < at; k++)
        prev[k] = c->w[at - 1 - k].key;
    for (size_t k = 0; k < 3 && behind + k < c->n_w; k++)
        next[k] = c->w[behind + k].key;
    add(v, mix(20, h->type, h->kind));
    add(v, mix(21, h->id, 0));
    add(v, mix(22, h->kind, h->rule));
    add(v, mix(23, who, since));
    add(v, mix(24, who * 8 + after, before));
    add(v, mix(25, who * 8 + after, h->type));
    add(v, mix(27, who * 8 + after, h->kind));
    add(v, mix(28, h->type * 8u + since, h->kind));
    add(v, mix(26, who * 8 + after, c->named_before * 2u + c->asked));
    for (size_t k = 0; k < 4; k++)
        add(v, mix(30 + (uint32_t)k, prev[k], 0));
    for (size_t k = 0; k < 3; k++)
        add(v, mix(40 + (uint32_t)k, next[k], 0));
    add(v, mix(50, prev[0], prev[1]));
    add(v, mix(51, prev[0], next[0]));
    add(v, mix(52, next[0], next[1]));
    add(v, mix(53, prev[0], h->type));
    add(v, mix(54, h->id, who));
    add(v, mix(55, at > 0 ? c->w[at - 1].kind : 0, behind < c->n_w ? c->w[behind].kind : 0));
    add(v, mix(56, h->id, next[0]));
    add(v, mix(57, at < c->n_w ? c->w[at].name : 3, h->type));
}
