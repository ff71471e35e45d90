/* Goal: the indexer's scores on the device are the textbook's, and its choice is exactly the one
 * that the CPU makes of the same scores: the k largest, of equal ones the first, in the order of
 * cells. Method: scores against doubles on pages whose other cells are NaN; choices of scores made
 * to be hard (equal ones, both zeros, negative ones, all the same) against sorting; several
 * schedules.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/index.h"

/* ---- scores ---- */

struct shape {
    uint32_t n_head, n_dim, ratio, top_k;
    bool f32;
    struct {
        uint32_t from, n;
    } run[4];
    bool distant; /* pages stand more than 2^31 bytes behind the beginning of the pool */
};
#define DISTANT (1 << 24) /* pages */

static const struct shape *now;

static double score(const struct shape *s, const float *q, const float *w, const float *k)
{
    double sum = 0;
    for (uint32_t h = 0; h < s->n_head; h++) {
        double dot = 0;
        for (uint32_t i = 0; i < s->n_dim; i++)
            dot += (double)q[h * s->n_dim + i] * (double)k[i];
        sum += dot > 0 ? (double)w[h] * dot : 0;
    }
    return sum;
}

static void scores(void)
{
    const struct shape *s = now;
    enum { STRIDE = 8, MOST = 200 };
    uint32_t seq[MOST], cell[MOST], n = 0, most = 0, few;
    int32_t table[4 * STRIDE];
    struct weir_tile tile[MOST];
    for (uint32_t r = 0; r < 4; r++)
        for (uint32_t i = 0; i < s->run[r].n; i++, n++) {
            seq[n] = r;
            cell[n] = s->run[r].from + i;
            most = (cell[n] + 1) / s->ratio > most ? (cell[n] + 1) / s->ratio : most;
        }
    cuda_case(n, s->distant ? "ragged edge far" : n == 1 ? "ragged first" : "ragged edge");
    size_t each = s->n_dim, rows = 4 * STRIDE * WEIR_PAGE;
    float *k = cuda_floats(rows * each, 1), *q = cuda_floats((size_t)n * s->n_head * s->n_dim, 3);
    float *w = cuda_floats((size_t)n * s->n_head, 1), *got = malloc((size_t)n * most * sizeof *got);
    for (uint32_t r = 0; r < 4; r++)
        for (uint32_t i = 0; i < STRIDE; i++) { /* pages backwards */
            uint32_t keys = (s->run[r].from + s->run[r].n) / s->ratio;
            bool there = i * WEIR_PAGE < keys && keys > s->top_k;
            table[r * STRIDE + i] = there ? (int32_t)(4 * STRIDE - 1 - r * STRIDE - i) : -1;
            for (uint32_t j = 0; j < WEIR_PAGE; j++)
                for (size_t e = 0; e < each; e++) {
                    size_t at = ((4 * STRIDE - 1 - r * STRIDE - i) * WEIR_PAGE + j) * each + e;
                    k[at] = i * WEIR_PAGE + j >= keys ? NAN
                            : s->f32                  ? k[at]
                                                      : (float)(_Float16)k[at];
                }
        }
    uint16_t *half = malloc(rows * each * sizeof *half);
    for (size_t i = 0; i < rows * each; i++) {
        _Float16 x = (_Float16)k[i];
        memcpy(&half[i], &x, sizeof x);
    }
    uint32_t n_tile = eng_cuda_tiles(seq, cell, n, 4, false, tile, &few);
    struct weir_index_args a = {.q = cuda_put(q, (size_t)n * s->n_head * s->n_dim * sizeof *q),
                                .w = cuda_put(w, (size_t)n * s->n_head * sizeof *w),
                                .k = s->f32 ? cuda_put(k, rows * each * 4)
                                            : cuda_put(half, rows * each * 2),
                                .table = cuda_put(table, sizeof table),
                                .tile = cuda_put(tile, n_tile * sizeof *tile),
                                .seq = cuda_put(seq, n * sizeof *seq),
                                .cell = cuda_put(cell, n * sizeof *cell),
                                .scores = cuda_put(NULL, (size_t)n * most * sizeof(float)),
                                .scores_each = most,
                                .stride = STRIDE,
                                .n_head = s->n_head,
                                .n_dim = s->n_dim,
                                .ratio = s->ratio,
                                .top_k = s->top_k};
    uintptr_t far = (uintptr_t)DISTANT * WEIR_PAGE * each * (s->f32 ? 4 : 2);
    const void *k_there = a.k;
    if (s->distant) {
        a.k = (const void *)((uintptr_t)a.k - far);
        for (uint32_t i = 0; i < 4 * STRIDE; i++)
            table[i] += table[i] < 0 ? 0 : DISTANT;
        eng_cuda_upload(dev, (void *)(uintptr_t)a.table, table, sizeof table);
    }
    assert_null(eng_cuda_index_cannot(s->n_dim, s->f32));
    eng_cuda_fill(dev, a.scores, 0x33, (size_t)n * most * sizeof(float));
    eng_cuda_index(dev, &a, n_tile, most, s->f32);
    cuda_get(got, a.scores, (size_t)n * most * sizeof *got);
    for (uint32_t t = 0; t < n; t++) {
        uint32_t keys = (cell[t] + 1) / s->ratio;
        for (uint32_t j = 0; j < most; j++) {
            uint32_t bits, page = 4 * STRIDE - 1 - seq[t] * STRIDE - j / WEIR_PAGE;
            memcpy(&bits, &got[(size_t)t * most + j], sizeof bits);
            if (keys <= s->top_k || j >= keys) {
                assert_int_equal(bits, 0x33333333);
                continue;
            }
            double want = score(s, q + (size_t)t * s->n_head * s->n_dim, w + t * s->n_head,
                                k + (page * WEIR_PAGE + j % WEIR_PAGE) * each);
            cuda_near(got[(size_t)t * most + j], (float)want, s->f32 ? 2e-4f : 8e-2f, "score", j);
        }
    }
    const void *drop[] = {a.q, a.w, k_there, a.table, a.tile, a.seq, a.cell, a.scores};
    for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
        cuda_drop(drop[i]);
    free(k);
    free(q);
    free(w);
    free(got);
    free(half);
}

static void scores_are_right(void **state)
{
    static const struct shape all[] = {
        {8, 32, 1, 16, .f32 = true, .run = {{100, 1}, {3, 1}, {10, 40}, {63, 2}}},
        {19, 36, 1, 5, .f32 = true, .run = {{128, 1}, {5, 1}, {4, 1}, {0, 20}}},
        {64, 128, 1, 20, .run = {{300, 1}, {20, 3}}},
        {17, 40, 1, 5, .run = {{128, 1}, {5, 1}, {4, 1}, {50, 30}}},
        {4, 64, 4, 10, .run = {{511, 1}, {38, 9}, {250, 1}}},
        {4, 64, 4, 10, .f32 = true, .run = {{511, 1}, {38, 9}, {250, 1}}},
        {8, 32, 1, 1, .f32 = true, .run = {{0, 1}}}, /* a first key: there is no choice */
        {8, 32, 1, 3, .f32 = true, .run = {{63, 1}}},
        {8, 32, 1, 3, .f32 = true, .run = {{63, 1}, {64, 1}}},
        {8, 32, 1, 3, .f32 = true, .run = {{62, 8}}},
        {8, 32, 1, 3, .f32 = true, .run = {{56, 16}}},
        {8, 32, 1, 3, .f32 = true, .run = {{31, 33}}},
        {8, 32, 1, 3, .f32 = true, .run = {{10, 64}}},
        {8, 32, 1, 3, .run = {{63, 1}, {64, 1}}},
        {8, 32, 1, 3, .run = {{63, 1}}},
        {8, 32, 1, 3, .run = {{62, 8}}},
        {8, 32, 1, 3, .run = {{56, 16}}},
        {8, 32, 1, 3, .run = {{31, 33}}},
        {8, 32, 1, 3, .run = {{10, 64}}},
        {8, 32, 1, 5, .f32 = true, .run = {{100, 1}, {60, 7}}, .distant = true},
        {8, 32, 1, 5, .run = {{100, 1}, {60, 7}}, .distant = true},
        {2, 16, 1, 100, .f32 = true, .run = {{50, 2}}}}; /* nothing to choose: no launch */
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        now = &all[i];
        cuda_seeds(5, scores);
    }
    struct weir_index_args none = {.n_head = 2, .n_dim = 16, .ratio = 1, .top_k = 1};
    eng_cuda_index(dev, &none, 0, 64, true);
    eng_cuda_index(dev, &none, 0, 64, false);
    cuda_case_none("weir_index_f32");
    cuda_case_none("weir_index_f16");
    assert_non_null(eng_cuda_index_cannot(12, false));
    assert_non_null(eng_cuda_index_cannot(1000, true));
}

/* ---- the choice ---- */

enum { MOST_TOKENS = 64, KEYS = 1300, TOP = 100 };
static uint32_t n_choices = 12;

/* Scores that are hard to tell apart. */
static float hard(uint32_t t)
{
    switch (t % 6) {
    case 0:
        return cuda_rndf();
    case 1:
        return (float)(cuda_rnd() % 7) - 3;
    case 2:
        return cuda_rnd() % 2 ? 0.0f : -0.0f;
    case 3:
        return 5;
    case 4:
        return 1 + (float)(cuda_rnd() % 300) * 1.1920929e-7f;
    default:
        return cuda_rnd() % 50 ? -INFINITY : cuda_rndf() * 1e30f;
    }
}

/* As the CPU orders numbers: -0 before 0. */
static bool larger(float a, float b)
{
    return a > b || (a == b && signbit(b) && !signbit(a));
}

static void choose(void)
{
    static const uint32_t some[12] = {1,   TOP - 1, TOP,  TOP + 1, 511,  512,
                                      513, KEYS,    KEYS, 1024,    KEYS, KEYS};
    const uint32_t TOKENS = n_choices;
    uint32_t keys[MOST_TOKENS], cell[MOST_TOKENS], n_pick[MOST_TOKENS],
        *pick = malloc(TOKENS * TOP * sizeof *pick);
    float *x = malloc(TOKENS * KEYS * sizeof *x);
    cuda_case(TOKENS, TOKENS == 1 ? "ragged first" : "ragged ties edge");
    for (uint32_t t = 0; t < TOKENS; t++) {
        keys[t] = t < 12 ? some[t] : 64 + t % 3;
        cell[t] = 4 * keys[t] + cuda_rnd() % 4 - 1;
        for (uint32_t j = 0; j < KEYS; j++)
            x[t * KEYS + j] = j < keys[t] ? hard(t) : NAN;
    }
    struct weir_choose_args a = {.scores = cuda_put(x, TOKENS * KEYS * sizeof *x),
                                 .cell = cuda_put(cell, TOKENS * 4),
                                 .pick = cuda_put(NULL, TOKENS * TOP * sizeof *pick),
                                 .n_pick = cuda_put(NULL, TOKENS * 4),
                                 .scores_each = KEYS,
                                 .pick_each = TOP,
                                 .ratio = 4,
                                 .top_k = TOP};
    eng_cuda_fill(dev, a.pick, 0xff, TOKENS * TOP * sizeof *pick);
    eng_cuda_choose(dev, &a, TOKENS);
    cuda_get(pick, a.pick, TOKENS * TOP * sizeof *pick);
    cuda_get(n_pick, a.n_pick, TOKENS * 4);
    for (uint32_t t = 0; t < TOKENS; t++) {
        const float *y = x + t * KEYS;
        uint32_t n = 0;
        assert_int_equal(n_pick[t], keys[t] < TOP ? keys[t] : TOP);
        for (uint32_t j = 0; j < keys[t]; j++) {
            uint32_t before = 0; /* keys that come first */
            for (uint32_t i = 0; i < keys[t]; i++)
                before += larger(y[i], y[j]) || (i < j && !larger(y[j], y[i]));
            if (before < TOP)
                assert_int_equal(pick[t * TOP + n++], j);
        }
        assert_int_equal(n, n_pick[t]);
    }
    const void *drop[] = {a.scores, a.cell, a.pick, a.n_pick};
    for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
        cuda_drop(drop[i]);
    free(x);
    free(pick);
}

static void choice_is_exact(void **state)
{
    (void)state;
    cuda_seeds(5, choose);
    for (uint32_t i = 0; i < 8; i++) {
        static const uint32_t sizes[] = {0, 1, 2, 3, 8, 16, 33, 64};
        n_choices = sizes[i];
        choose();
    }
    n_choices = 12;
    cuda_case_none("weir_index_choose");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_are_right),
                                       cmocka_unit_test(choice_is_exact)};
    return cuda_run(tests);
}
