/* Goal: the accounts of pages never hand one page to two who would write it, find exactly the
 * prefixes that are there, never another tenant's, and lose no page. Method: random calls on a
 * cache of many shapes (windows, chunks, compressed keys, states), with memory of its own in which
 * every cell holds what was computed there: a number made of all tokens up to it. After every call
 * each sequence must find in its pages the numbers of its own tokens; a naive model that keeps
 * whole token lists says what a prefix lookup may find. In the end nothing may be held.
 *
 * WEIR_PAGES_ROUNDS: rounds per shape (default 4,000).
 */
#include "engine/model/pages.h"
#include "engine/model/pages_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define SEQS    6
#define TENANTS 3

/* ---- what pages hold ---- */

struct bed {
    struct eng_pages *p;
    struct eng_pages_ask ask;
    struct eng_page_group groups[4];
    uint64_t *mem[4];    /* [n_pages][ENG_PAGE] */
    uint64_t *states;    /* [slots] */
    int32_t *held[SEQS]; /* tokens of each sequence */
    uint32_t len[SEQS], base[SEQS];
    int tenant[SEQS]; /* -1: none */
    uint64_t copies;
};

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

/* What is computed from tokens[0..n): a number that depends on all of them. */
static uint64_t content(const int32_t *tokens, uint32_t n, uint32_t base)
{
    uint64_t h = 0x1234 + base;
    for (uint32_t i = 0; i < n; i++)
        h = mix(h, (uint64_t)tokens[i] + 1);
    return h;
}

static void copy_page(void *ctx, uint32_t group, uint32_t dst, uint32_t src, uint32_t n)
{
    struct bed *b = ctx;
    assert_true(dst != src && n <= ENG_PAGE);
    assert_true(dst < b->groups[group].n_pages && src < b->groups[group].n_pages);
    memcpy(b->mem[group] + (size_t)dst * ENG_PAGE, b->mem[group] + (size_t)src * ENG_PAGE,
           n * sizeof(uint64_t));
    for (uint32_t i = n; i < ENG_PAGE; i++) /* of the rest nobody may see anything */
        b->mem[group][(size_t)dst * ENG_PAGE + i] = 0xdead;
    b->copies++;
}

static void copy_state(void *ctx, uint32_t dst, uint32_t src)
{
    struct bed *b = ctx;
    assert_true(dst < b->ask.n_seq + b->ask.n_notes && src < b->ask.n_seq + b->ask.n_notes);
    b->states[dst] = b->states[src];
}

/* Every slot is free, a sequence's, or a note's. */
static void check_slots(const struct bed *b)
{
    uint32_t n = b->p->n_free_slots;
    for (uint32_t s = 0; s < SEQS; s++)
        n += b->p->seqs[s].slot != ENG_NO_MARK;
    for (uint32_t i = 0; i < b->p->n_slots; i++)
        n += b->p->notes[i].page >= 0;
    assert_int_equal(n, b->p->n_slots);
}

static void bed_open(struct bed *b, const struct eng_page_group *groups, uint32_t n_groups,
                     uint32_t n_ctx, uint32_t n_first, uint32_t n_notes)
{
    struct base_err err = {0};
    *b = (struct bed){.ask = {.n_seq = SEQS,
                              .n_ctx = n_ctx,
                              .n_groups = n_groups,
                              .groups = b->groups,
                              .n_notes = n_notes,
                              .copy = copy_page,
                              .copy_state = copy_state}};
    memcpy(b->groups, groups, n_groups * sizeof(*groups));
    b->groups[0].n_pages = n_first;
    for (uint32_t g = 0; g < n_groups; g++) {
        if (g)
            b->groups[g].n_pages = eng_pages_least(&b->groups[g], SEQS, n_ctx, 200) + 3;
        b->mem[g] = calloc((size_t)b->groups[g].n_pages * ENG_PAGE, sizeof(uint64_t));
        assert_non_null(b->mem[g]);
    }
    b->states = calloc(SEQS + n_notes, sizeof(uint64_t));
    b->ask.ctx = b;
    b->ask.groups = b->groups;
    for (int s = 0; s < SEQS; s++) {
        b->held[s] = calloc(n_ctx, sizeof(int32_t));
        assert_non_null(b->held[s]);
        b->tenant[s] = -1;
    }
    assert_int_equal(eng_pages_new(&b->ask, &b->p, &err), BASE_OK);
}

static void bed_close(struct bed *b)
{
    struct eng_pages_counts n;
    for (uint32_t s = 0; s < SEQS; s++)
        (void)eng_pages_truncate(b->p, s, 0);
    for (uint32_t g = 0; g < b->ask.n_groups; g++) { /* no leak of pages */
        eng_pages_count(b->p, g, &n);
        assert_int_equal(n.used, 0);
        assert_int_equal(n.free + n.cached, n.total);
    }
    eng_pages_clear(b->p);
    for (uint32_t g = 0; g < b->ask.n_groups; g++) {
        eng_pages_count(b->p, g, &n);
        assert_int_equal(n.free, n.total);
    }
    assert_int_equal(b->p->n_free_slots, b->p->n_slots); /* nor of states */
    for (uint32_t i = 0; i < b->p->n_tenants; i++)       /* nor of names */
        assert_null(b->p->tenants[i].name);
    eng_pages_free(b->p);
    for (uint32_t g = 0; g < b->ask.n_groups; g++)
        free(b->mem[g]);
    for (int s = 0; s < SEQS; s++)
        free(b->held[s]);
    free(b->states);
}

/* ---- what must hold after every call ---- */

/* Every cell that the next token of seq would see holds what its own tokens gave. */
static void check_seq(struct bed *b, uint32_t s)
{
    uint64_t h = 0x1234 + b->base[s];
    assert_int_equal(eng_pages_len(b->p, s), b->len[s]);
    for (uint32_t i = 0; i < b->len[s]; i++) {
        h = mix(h, (uint64_t)b->held[s][i] + 1);
        for (uint32_t g = 0; g < b->ask.n_groups; g++) {
            const struct eng_page_group *t = &eng_pages_groups(b->p)[g];
            if ((i + 1) % t->per)
                continue;
            uint32_t c = (i + 1) / t->per - 1;
            int32_t page = t->table[s * t->max_pages + c / ENG_PAGE];
            uint32_t first = t->per == 1 ? eng_pages_first(t, b->base[s], b->len[s]) : 0;
            if (c < first / ENG_PAGE * ENG_PAGE) { /* behind the window: let go */
                assert_int_equal(page, -1);
                continue;
            }
            assert_in_range(page, 0, t->n_pages - 1);
            if (c >= first && b->mem[g][(size_t)page * ENG_PAGE + c % ENG_PAGE] != h)
                fail_msg("sequence %u, group %u, cell %u of %u: not its own", s, g, c, b->len[s]);
        }
    }
    if (b->ask.n_notes && b->len[s])
        assert_true(b->states[eng_pages_slot(b->p, s)] == h);
}

static void check_group(struct bed *b, uint32_t g)
{
    const struct group *x = &b->p->groups[g];
    const struct eng_page_group *t = &b->p->tables[g];
    uint32_t *refs = calloc(t->n_pages, sizeof(*refs)), *nodes = calloc(t->n_pages, sizeof(*nodes));
    uint32_t n_free = 0, n_cached = 0, listed = 0;
    assert_true(refs && nodes);
    for (size_t i = 0; i < (size_t)SEQS * t->max_pages; i++)
        if (t->table[i] >= 0)
            refs[t->table[i]]++;
    for (uint32_t i = 0; i < b->groups[0].n_pages; i++) {
        const struct node *d = &b->p->nodes[i];
        if (d->tenant < 0)
            continue;
        if (g == 0)
            nodes[i]++;
        else if (d->more[g] >= 0)
            nodes[d->more[g]]++;
        if (g == 0 && d->parent >= 0) /* parents are full, of the same tenant, and there */
            assert_true(b->p->nodes[d->parent].tenant == d->tenant &&
                        b->p->nodes[d->parent].n == ENG_PAGE);
        if (g == 0 && d->parent >= 0 && x->pages[i].refs)
            assert_true(x->pages[d->parent].refs > 0);
    }
    for (uint32_t i = 0; i < t->n_pages; i++) {
        assert_int_equal(x->pages[i].refs, refs[i]);
        assert_int_equal(x->pages[i].nodes, nodes[i]);
        assert_true(x->pages[i].kept <= x->pages[i].written);
        n_free += !refs[i] && !nodes[i];
        n_cached += !refs[i] && nodes[i];
    }
    for (int32_t i = x->oldest; i >= 0; i = x->pages[i].newer)
        listed++;
    assert_int_equal(x->n_free, n_free);
    assert_int_equal(x->n_cached, n_cached);
    assert_int_equal(listed, n_cached);
    free(refs);
    free(nodes);
}

static void check(struct bed *b, bool all)
{
    for (uint32_t s = 0; all && s < SEQS; s++)
        check_seq(b, s);
    for (uint32_t g = 0; all && g < b->ask.n_groups; g++)
        check_group(b, g);
    check_slots(b);
}

/* ---- the calls ---- */

static uint32_t seed = 1;
static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

/* seq grows by n tokens, computed as a step would. */
static void grow(struct bed *b, uint32_t s, const int32_t *tokens, uint32_t n, uint32_t note_at)
{
    uint32_t more[SEQS] = {0}, mark;
    more[s] = n;
    if (b->len[s] + n > b->ask.n_ctx || !eng_pages_fits(b->p, more))
        return;
    uint64_t h = content(b->held[s], b->len[s], b->base[s]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t cell = eng_pages_add(b->p, s, tokens[i], i == note_at, &mark);
        assert_int_equal(cell, b->len[s]);
        b->held[s][b->len[s]++] = tokens[i];
        h = mix(h, (uint64_t)tokens[i] + 1);
        for (uint32_t g = 0; g < b->ask.n_groups; g++) {
            const struct eng_page_group *t = &eng_pages_groups(b->p)[g];
            if ((cell + 1) % t->per)
                continue;
            uint32_t c = (cell + 1) / t->per - 1;
            int32_t page = t->table[s * t->max_pages + c / ENG_PAGE];
            assert_in_range(page, 0, t->n_pages - 1);
            b->mem[g][(size_t)page * ENG_PAGE + c % ENG_PAGE] = h;
        }
        if (b->ask.n_notes)
            b->states[eng_pages_slot(b->p, s)] = h;
        if (mark != ENG_NO_MARK)
            b->states[mark] = h;
    }
    eng_pages_commit(b->p, s);
}

/* What anybody of this tenant has ever computed: a list of whole token lists. */
struct seen {
    int32_t *tokens;
    uint32_t n;
    int tenant;
};
#define SEEN_MAX 4000
static struct seen seen[SEEN_MAX];
static uint32_t n_seen;

static void remember(struct bed *b, uint32_t s)
{
    if (b->tenant[s] < 0 || b->len[s] == 0)
        return;
    assert_true(n_seen < SEEN_MAX);
    seen[n_seen] = (struct seen){malloc(b->len[s] * sizeof(int32_t)), b->len[s], b->tenant[s]};
    assert_non_null(seen[n_seen].tokens);
    memcpy(seen[n_seen++].tokens, b->held[s], b->len[s] * sizeof(int32_t));
}

/* The most that a lookup could find: of this tenant, closed or running. */
static uint32_t most_common(struct bed *b, int tenant, const int32_t *tokens, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < n_seen + SEQS; i++) {
        bool live = i >= n_seen;
        uint32_t s = i - n_seen, k = 0;
        const int32_t *t = live ? b->held[s] : seen[i].tokens;
        uint32_t m = live ? b->len[s] : seen[i].n;
        if ((live ? b->tenant[s] : seen[i].tenant) != tenant)
            continue;
        while (k < n && k < m && t[k] == tokens[k])
            k++;
        best = k > best ? k : best;
    }
    return best;
}

static const char *const NAMES[TENANTS] = {"red", "green", "blue"};

static void open_seq(struct bed *b, uint32_t s, int tenant, const int32_t *tokens, uint32_t n)
{
    uint32_t common;
    remember(b, s);
    b->len[s] = 0;
    b->tenant[s] = -1;
    uint32_t most = most_common(b, tenant, tokens, n);
    uint32_t kept = eng_pages_open(b->p, s, NAMES[tenant], tokens, n, &common);
    assert_true(kept <= common && common <= most && most <= n);
    memcpy(b->held[s], tokens, kept * sizeof(int32_t));
    b->len[s] = kept;
    b->tenant[s] = tenant;
    b->base[s] = 0;
}

/* Prompts that share beginnings at any place. */
static uint32_t make_prompt(int32_t *out, uint32_t n_ctx)
{
    uint32_t n = 0, parts = 1 + pick(3);
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t len = 1 + pick(i ? 90 : 150), kind = pick(3);
        for (uint32_t k = 0; k < len && n + 1 < n_ctx; k++)
            out[n++] = (int32_t)(i * 1000 + kind * 100 + k % 50);
    }
    return n;
}

static void one_call(struct bed *b, int32_t *room)
{
    uint32_t s = pick(SEQS), n;
    switch (pick(10)) {
    case 0:
    case 1:
        n = make_prompt(room, b->ask.n_ctx);
        open_seq(b, s, (int)pick(TENANTS), room, n);
        if (b->len[s] < n)
            grow(b, s, room + b->len[s], n - b->len[s], pick(n));
        break;
    case 2:
        remember(b, s);
        eng_pages_close(b->p, s);
        b->len[s] = b->base[s] = 0;
        b->tenant[s] = -1;
        break;
    case 3: { /* cut anywhere */
        n = pick(b->len[s] + 2);
        uint32_t can = eng_pages_keepable(b->p, s, n);
        remember(b, s);
        assert_int_equal(eng_pages_truncate(b->p, s, n), can);
        assert_true(can <= n && can <= b->len[s]);
        b->len[s] = can;
        if (can == 0)
            b->base[s] = 0, b->tenant[s] = -1;
        break;
    }
    case 4: {
        uint32_t from = pick(SEQS);
        if (from == s)
            break;
        n = pick(b->len[from] + 2);
        remember(b, s);
        uint32_t got = eng_pages_share(b->p, s, from, n);
        assert_true(got <= n);
        memcpy(b->held[s], b->held[from], got * sizeof(int32_t));
        b->len[s] = got;
        b->base[s] = got ? b->base[from] : 0;
        b->tenant[s] = -1;
        break;
    }
    case 6: { /* two ask the same at the same time, and take turns */
        uint32_t other = pick(SEQS), half;
        int tenant = (int)pick(TENANTS);
        if (other == s)
            break;
        n = make_prompt(room, b->ask.n_ctx);
        open_seq(b, s, tenant, room, n);
        open_seq(b, other, tenant, room, n);
        half = pick(n);
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t q = i % 2 ? other : s, end = i / 2 ? n : half;
            if (b->len[q] < end)
                grow(b, q, room + b->len[q], end - b->len[q], pick(n));
        }
        break;
    }
    case 5: /* one that begins elsewhere */
        if (b->len[s] == 0) {
            b->base[s] = pick(100);
            if (b->base[s])
                b->tenant[s] = -1;
            eng_pages_begin(b->p, s, b->base[s]);
        }
        break;
    default:
        n = 1 + pick(pick(4) ? 3 : 130);
        for (uint32_t i = 0; i < n; i++)
            room[i] = (int32_t)pick(pick(3) ? 2 : 1000);
        grow(b, s, room, n, pick(4) ? n : pick(n));
        break;
    }
}

static void shape(const struct eng_page_group *groups, uint32_t n_groups, uint32_t n_ctx,
                  uint32_t n_first, uint32_t n_notes)
{
    struct bed b;
    const char *env = getenv("WEIR_PAGES_ROUNDS");
    unsigned long rounds = env ? strtoul(env, NULL, 10) : 4000;
    int32_t *room = calloc(n_ctx + 200, sizeof(*room));
    assert_non_null(room);
    bed_open(&b, groups, n_groups, n_ctx, n_first, n_notes);
    b.ask.ctx = &b;
    for (unsigned long r = 0; r < rounds; r++) {
        if (n_seen + 2 * SEQS > SEEN_MAX) { /* all is forgotten, by both */
            eng_pages_clear(b.p);
            for (uint32_t s = 0; s < SEQS; s++) {
                b.len[s] = b.base[s] = 0;
                b.tenant[s] = -1;
            }
            while (n_seen)
                free(seen[--n_seen].tokens);
        }
        one_call(&b, room);
        check(&b, r % 7 == 0 || r < 100);
    }
    const struct eng_pages_sums *x = eng_pages_sums(b.p);
    print_message(
        "    %u groups, %u pages, %u notes: of %llu tokens asked for %llu hit, %llu pages "
        "evicted, %llu copied, %llu merged\n",
        n_groups, n_first, n_notes, (unsigned long long)x->asked, (unsigned long long)x->hit,
        (unsigned long long)x->evicted, (unsigned long long)x->copied,
        (unsigned long long)x->merged);
    assert_true(x->hit > 0 && x->copied > 0 && x->evicted > 0);
    bed_close(&b);
    while (n_seen)
        free(seen[--n_seen].tokens);
    free(room);
}

static void keys_and_values(void **state)
{
    static const struct eng_page_group g[] = {{.per = 1}};
    (void)state;
    shape(g, 1, 700, 60, 0);
    shape(g, 1, 700, 24, 0);
    shape(g, 1, 64, 8, 0);
    shape(g, 1, 5, 6, 0);
}

static void windows(void **state)
{
    static const struct eng_page_group g[] = {{.per = 1}, {.window = 100, .per = 1}};
    static const struct eng_page_group h[] = {
        {.per = 1}, {.window = 3, .per = 1}, {.chunk = 96, .per = 1}};
    (void)state;
    shape(g, 2, 700, 40, 0);
    shape(h, 3, 700, 40, 0);
}

static void compressed(void **state)
{
    static const struct eng_page_group g[] = {
        {.per = 1}, {.window = 70, .per = 1}, {.per = 4}, {.per = 128}};
    (void)state;
    shape(g, 4, 700, 40, 12);
}

static void states(void **state)
{
    static const struct eng_page_group g[] = {{.per = 1}};
    static const struct eng_page_group h[] = {{.per = 1}, {.window = 64, .per = 1}};
    (void)state;
    shape(g, 1, 700, 40, 12);
    shape(g, 1, 700, 40, 1);
    shape(h, 2, 700, 30, 12);
}

/* Of two conversations that ended, the older one goes first, and of each its end; what somebody has
 * begun anew stays. */
static void the_oldest_goes_first(void **state)
{
    static const struct eng_page_group g[] = {{.per = 1}};
    enum { LEN = 5 * ENG_PAGE };
    int32_t one[LEN], two[LEN], other[LEN];
    uint32_t common;
    struct bed b;
    (void)state;
    bed_open(&b, g, 1, 700, 12, 0);
    for (int i = 0; i < LEN; i++) {
        one[i] = i;
        two[i] = 1000 + i;
        other[i] = 2000 + i;
    }
    open_seq(&b, 0, 0, one, LEN);
    grow(&b, 0, one, LEN, LEN);
    eng_pages_close(b.p, 0);
    open_seq(&b, 0, 0, two, LEN);
    grow(&b, 0, two, LEN, LEN);
    eng_pages_close(b.p, 0); /* ten of twelve pages are cached */
    b.len[0] = 0;
    open_seq(&b, 1, 1, other, LEN);
    grow(&b, 1, other, 4 * ENG_PAGE, LEN); /* takes the two that are free, and two more */
    assert_int_equal(eng_pages_open(b.p, 2, NAMES[0], one, LEN, &common), 3 * ENG_PAGE);
    assert_int_equal(eng_pages_open(b.p, 3, NAMES[0], two, LEN, &common), LEN);
    (void)eng_pages_truncate(b.p, 3, 0); /* used later than `one`, and nobody's */
    b.tenant[1] = 1;
    grow(&b, 1, other + 4 * ENG_PAGE, ENG_PAGE, LEN);
    assert_int_equal(eng_pages_open(b.p, 3, NAMES[0], two, LEN, &common), 4 * ENG_PAGE);
    assert_int_equal(common, 4 * ENG_PAGE);
    uint32_t more[SEQS] = {0};
    more[1] = ENG_PAGE; /* 5 + 3 + 4 pages are in use: all */
    assert_false(eng_pages_fits(b.p, more));
    eng_pages_close(b.p, 2);
    assert_true(eng_pages_fits(b.p, more));
    for (uint32_t s = 0; s < SEQS; s++)
        b.len[s] = 0;
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values),
        cmocka_unit_test(windows),
        cmocka_unit_test(compressed),
        cmocka_unit_test(states),
        cmocka_unit_test(the_oldest_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
