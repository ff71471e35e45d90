/* engine_cuda_spread.c - the kernels of spread.h: a device's tiles among all pairs, and its share
 * of the sums of a token's experts.
 *
 * Method: every part of the experts that a device can have, choices of all sorts (all to one
 * expert, none to those here), sums in double in the same order, 0 to 64 tokens, memory of pairs of
 * other devices poisoned; several schedules.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/spread.h"

enum { EXPERTS = 37, USED = 3, MOST = 64 };
static const uint32_t sizes[] = {0, 1, 2, 3, 8, 9, 16, 33, 64};
#define N_SIZES (sizeof(sizes) / sizeof(*sizes))

/* Pairs of n tokens by expert; kind 1: all to the same. */
static void sort_pairs(uint32_t n, int kind, uint32_t *ids, uint32_t *first, uint32_t *pair_of)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < n * USED; i++)
        ids[i] = kind == 1 ? EXPERTS - 1 - i % USED : cuda_rnd() % EXPERTS;
    for (uint32_t e = 0; e < EXPERTS; e++) {
        first[e] = at;
        for (uint32_t i = 0; i < n * USED; i++)
            if (ids[i] == e)
                pair_of[i] = at++;
    }
    first[EXPERTS] = at;
}

static void tiles_of(uint32_t n, int kind, uint32_t expert0, uint32_t here, uint32_t rows)
{
    uint32_t ids[MOST * USED], first[EXPERTS + 1], pair_of[MOST * USED];
    uint32_t expert[MOST * USED + 1], from[MOST * USED + 1], n_tiles, want = 0;
    sort_pairs(n, kind, ids, first, pair_of);
    cuda_case(n, kind == 1 ? "ragged one" : "ragged");
    struct weir_spread_tiles_args a = {.first = cuda_put(first, sizeof(first)),
                                       .tile_expert = cuda_put(NULL, sizeof(expert)),
                                       .tile_first = cuda_put(NULL, sizeof(from)),
                                       .n_tiles = cuda_put(NULL, 4),
                                       .expert0 = expert0,
                                       .n_here = here,
                                       .rows = rows};
    eng_cuda_spread_tiles(dev, &a);
    cuda_get(&n_tiles, a.n_tiles, 4);
    assert_true(n_tiles <= MOST * USED);
    cuda_get(expert, a.tile_expert, n_tiles * 4);
    cuda_get(from, a.tile_first, n_tiles * 4);
    for (uint32_t e = 0; e < here; e++)
        for (uint32_t at = first[expert0 + e]; at < first[expert0 + e + 1]; at += rows, want++) {
            assert_true(want < n_tiles);
            assert_int_equal(expert[want], e);
            assert_int_equal(from[want], at);
        }
    assert_int_equal(n_tiles, want);
    const void *drop[] = {a.first, a.tile_expert, a.tile_first, a.n_tiles};
    for (size_t i = 0; i < 4; i++)
        cuda_drop(drop[i]);
}

static void tiles(void)
{
    for (size_t i = 0; i < N_SIZES; i++)
        for (int kind = 0; kind < 2; kind++) {
            tiles_of(sizes[i], kind, 0, 19, 8);
            tiles_of(sizes[i], kind, 19, 18, 64);
            tiles_of(sizes[i], kind, 36, 1, 8);
        }
}

static void sum_of(uint32_t n, int kind, uint32_t expert0, uint32_t here, uint32_t n_others,
                   bool weighed)
{
    enum { EMBD = 301 };
    uint32_t ids[MOST * USED], first[EXPERTS + 1], pair_of[MOST * USED];
    sort_pairs(n, kind, ids, first, pair_of);
    float *y = cuda_floats(MOST * USED * EMBD, 2), *w = cuda_floats(MOST * USED, 1);
    float *others[3], *got = malloc(MOST * EMBD * sizeof(*got));
    assert_non_null(got);
    for (uint32_t p = 0; p < n * USED; p++) /* those of others are read by nobody */
        if (p < first[expert0] || p >= first[expert0 + here])
            for (uint32_t i = 0; i < EMBD; i++)
                y[p * EMBD + i] = NAN;
    cuda_case(n, kind == 1 ? "ragged one" : "ragged");
    struct weir_spread_sum_args a = {.y = cuda_put(y, n * USED * EMBD * 4),
                                     .ids = cuda_put(ids, n * USED * 4),
                                     .pair_of = cuda_put(pair_of, n * USED * 4),
                                     .weights = cuda_put(w, n * USED * 4),
                                     .out = cuda_put(NULL, n * EMBD * 4),
                                     .n = n,
                                     .n_used = USED,
                                     .n_embd = EMBD,
                                     .expert0 = expert0,
                                     .n_here = here,
                                     .n_others = n_others};
    const void *drop[] = {a.y, a.ids, a.pair_of, a.weights, a.out};
    for (uint32_t o = 0; o < 3; o++) {
        others[o] = cuda_floats(MOST * EMBD, 1);
        a.others[o] = o < n_others ? cuda_put(others[o], n * EMBD * 4) : NULL;
    }
    if (!weighed)
        a.weights = NULL;
    eng_cuda_spread_sum(dev, &a);
    cuda_get(got, a.out, n * EMBD * 4);
    for (uint32_t i = 0; i < n * EMBD; i++) {
        double want = 0;
        for (uint32_t k = 0; k < USED; k++) {
            uint32_t slot = i / EMBD * USED + k;
            if (ids[slot] >= expert0 && ids[slot] < expert0 + here)
                want +=
                    (weighed ? (double)w[slot] : 1) * (double)y[pair_of[slot] * EMBD + i % EMBD];
        }
        for (uint32_t o = 0; o < n_others; o++)
            want += (double)others[o][i];
        cuda_near(got[i], (float)want, 2e-6f * (2 + fabsf((float)want)), "sum", i);
    }
    for (size_t i = 0; i < 5; i++)
        cuda_drop(drop[i]);
    for (uint32_t o = 0; o < 3; o++) {
        if (o < n_others)
            cuda_drop(a.others[o]);
        free(others[o]);
    }
    free(y);
    free(w);
    free(got);
}

static void sums(void)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        sum_of(sizes[i], 0, 0, 19, (uint32_t)i % 4, i & 1);
        sum_of(sizes[i], 1, 36, 1, 1, true);
        sum_of(sizes[i], 1, 0, 19, 2, false); /* nobody chose those here */
    }
    cuda_case_none("weir_spread_sum");
}

static void test_tiles(void **state)
{
    (void)state;
    cuda_seeds(5, tiles);
}

static void test_sums(void **state)
{
    (void)state;
    cuda_seeds(5, sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tiles), cmocka_unit_test(test_sums)};
    return cuda_run(tests);
}
