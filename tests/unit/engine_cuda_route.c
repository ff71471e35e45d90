/* engine_cuda_route.c - routing and grouping on the device against the CPU's (cpu/ops_ref.c).
 *
 * Method: every gating, with and without bias, groups, normalising and given experts, on expert
 * counts around a warp and up to the largest; scores with ties, infinities and NaN; 0 to 70 tokens.
 * Choices must be the same, weights the same to rounding. Groups are checked by their definition.
 */
#include "tests/unit/engine_cuda_products.h"

#include "engine/cpu/ops.h"
#include "engine/cuda/route.h"

static float *scores(uint32_t n, int kind)
{
    float *x = cuda_floats(n, 3);
    for (uint32_t i = 0; i < n; i++) {
        if (kind == 1) /* many ties */
            x[i] = (float)(cuda_rnd() % 4);
        if (kind == 2 && cuda_rnd() % 7 == 0)
            x[i] = cuda_rnd() % 2 ? -INFINITY : 80;
    }
    return x;
}

static void route_once(struct eng_moe_params p, uint32_t n, int kind, bool bias, bool given)
{
    cuda_case(n, kind == 1 ? "ragged ties" : "ragged");
    float *logits = scores(n * p.n_expert, kind), *b = cuda_floats(p.n_expert, 0.5f);
    uint32_t slots = n * p.n_used, *ids = malloc(slots * 4 + 4), *want = malloc(slots * 4 + 4);
    float *w = malloc(slots * 4 + 4), *want_w = malloc(slots * 4 + 4);
    int32_t *table = malloc(8 * p.n_used * 4), *token = malloc(n * 4 + 4);
    for (uint32_t i = 0; i < 8 * p.n_used; i++)
        table[i] = (int32_t)(cuda_rnd() % p.n_expert);
    for (uint32_t t = 0; t < n; t++) {
        token[t] = (int32_t)(cuda_rnd() % 8);
        for (uint32_t k = 0; k < p.n_used; k++)
            want[t * p.n_used + k] = (uint32_t)table[(uint32_t)token[t] * p.n_used + k];
        if (given)
            eng_route_given(&p, logits + t * p.n_expert, want + t * p.n_used,
                            want_w + t * p.n_used);
        else
            eng_route(&p, logits + t * p.n_expert, bias ? b : NULL, want + t * p.n_used,
                      want_w + t * p.n_used);
    }
    void *dl = cuda_put(logits, (size_t)n * p.n_expert * 4), *db = cuda_put(b, p.n_expert * 4);
    void *dg = cuda_put(table, 8 * p.n_used * 4), *dt = cuda_put(token, n * 4);
    void *di = cuda_put(NULL, slots * 4), *dw = cuda_put(NULL, slots * 4);
    eng_cuda_route(dev,
                   &(struct weir_route_args){dl, bias ? db : NULL, given ? dg : NULL, dt, di, dw, n,
                                             p.n_expert, p.n_used, p.n_group, p.n_group_used,
                                             (uint32_t)p.gating, p.normalise, p.scale});
    cuda_get(ids, di, slots * 4);
    cuda_get(w, dw, slots * 4);
    for (uint32_t i = 0; i < slots; i++) {
        if (ids[i] != want[i])
            fail_msg("slot %u of %u: expert %u instead of %u", i, slots, ids[i], want[i]);
        cuda_near(w[i], want_w[i], 2e-6f * (1 + fabsf(want_w[i])), "weight", i);
    }
    const void *dropped[] = {dl, db, dg, dt, di, dw};
    for (int i = 0; i < 6; i++)
        cuda_drop(dropped[i]);
    free(logits);
    free(b);
    free(ids);
    free(want);
    free(w);
    free(want_w);
    free(table);
    free(token);
}

static void routing(void)
{
    static const uint32_t experts[] = {2, 5, 8, 31, 32, 33, 64, 128, 256, 1024};
    for (size_t k = 0; k < sizeof(experts) / sizeof(*experts); k++)
        for (int gating = 1; gating <= 4; gating++) {
            uint32_t n = experts[k], used = n < 8 ? n / 2 : 1 + cuda_rnd() % 8;
            struct eng_moe_params p = {.n_expert = n,
                                       .n_used = used,
                                       .gating = (enum eng_gating)gating,
                                       .normalise = (k + (size_t)gating) % 2,
                                       .scale = k % 3 ? 2.5f : 0};
            for (int kind = 0; kind < 2; kind++)
                route_once(p, 1 + cuda_rnd() % 6, kind, gating % 2, false);
            if (n % 8 == 0 && n <= 256) {
                p.n_group = 8;
                p.n_group_used = (used + n / 8 - 1) / (n / 8) + 2;
                p.n_group_used = p.n_group_used > 8 ? 8 : p.n_group_used;
                route_once(p, 3, 0, true, false);
                route_once(p, 3, 1, false, false);
                p.n_group = 0;
            }
            route_once(p, 4, 0, false, true);
        }
    struct eng_moe_params most = {.n_expert = 1024, .n_used = 64, .gating = ENG_GATE_SOFTMAX};
    route_once(most, 2, 0, true, false);
    struct eng_moe_params all = {
        .n_expert = 6, .n_used = 6, .gating = ENG_GATE_SOFTMAX_SELECTED, .normalise = true};
    route_once(all, 70, 2, true, false);
    route_once(all, 0, 0, true, false);
    cuda_case_none("weir_route");
    static const uint32_t some[] = {1, 2, 3, 8, 9, 16, 33, 64};
    for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
        route_once((struct eng_moe_params){.n_expert = 33, .n_used = 4, .gating = 1}, some[i], 1,
                   false, false);
}

/* Scores that are no numbers still give distinct experts that exist. */
static void no_numbers(void)
{
    enum { N = 3, E = 40, K = 5 };
    float logits[N * E], w[N * K];
    uint32_t ids[N * K];
    for (int i = 0; i < N * E; i++)
        logits[i] = i / E == 0 ? NAN : i / E == 1 && i % E != 7 ? NAN : -INFINITY;
    void *dl = cuda_put(logits, sizeof(logits)), *di = cuda_put(NULL, sizeof(ids));
    void *dw = cuda_put(NULL, sizeof(w));
    eng_cuda_route(dev, &(struct weir_route_args){.logits = dl,
                                                  .ids = di,
                                                  .weights = dw,
                                                  .n = N,
                                                  .n_expert = E,
                                                  .n_used = K,
                                                  .gating = ENG_GATE_SIGMOID});
    cuda_get(ids, di, sizeof(ids));
    for (int t = 0; t < N; t++)
        for (int k = 0; k < K; k++) {
            assert_true(ids[t * K + k] < E);
            for (int other = 0; other < k; other++)
                assert_int_not_equal(ids[t * K + k], ids[t * K + other]);
        }
    cuda_drop(dl);
    cuda_drop(di);
    cuda_drop(dw);
}

/* ---- grouping ---- */

struct grouped {
    uint32_t *first, *pair_of, *pair_row, *active, n_active, *tile_expert, *tile_first, n_tiles;
    float *pair_weight;
};

static void check_groups(const struct grouped *g, const uint32_t *ids, const float *weights,
                         uint32_t n, uint32_t used, uint32_t experts, uint32_t rows)
{
    uint32_t at = 0, active = 0, tile = 0;
    for (uint32_t e = 0; e < experts; e++) {
        uint32_t start = at;
        assert_int_equal(g->first[e], at);
        for (uint32_t i = 0; i < n * used; i++) {
            if (ids[i] != e)
                continue;
            assert_int_equal(g->pair_of[i], at);
            assert_int_equal(g->pair_row[at], i / used);
            cuda_near(g->pair_weight[at], weights[i], 0, "pair_weight", at);
            at++;
        }
        if (at > start)
            assert_int_equal(g->active[active++], e);
        for (uint32_t from = start; from < at; from += rows, tile++) {
            assert_int_equal(g->tile_expert[tile], e);
            assert_int_equal(g->tile_first[tile], from);
        }
    }
    assert_int_equal(g->first[experts], at);
    assert_int_equal(g->n_active, active);
    assert_int_equal(g->n_tiles, tile);
    assert_true(tile <= weir_tiles_max(n * used, experts, rows));
}

static void group_once(uint32_t n, uint32_t used, uint32_t experts, int kind)
{
    cuda_case(n, kind ? "ragged one" : "ragged");
    uint32_t slots = n * used, rows = 16, tiles = weir_tiles_max(slots, experts, rows);
    uint32_t *ids = malloc(slots * 4 + 4);
    float *weights = cuda_floats(slots, 1);
    uint64_t *choices = calloc(experts, 8), counted = 0;
    for (uint32_t i = 0; i < slots; i++)
        ids[i] = kind == 0   ? cuda_rnd() % experts
                 : kind == 1 ? experts - 1
                             : i % used * 3 % experts;
    struct grouped g = {.first = malloc(experts * 4 + 4),
                        .pair_of = malloc(slots * 4 + 4),
                        .pair_row = malloc(slots * 4 + 4),
                        .active = malloc(experts * 4),
                        .tile_expert = malloc(tiles * 4 + 4),
                        .tile_first = malloc(tiles * 4 + 4),
                        .pair_weight = malloc(slots * 4 + 4)};
    for (uint32_t e = 0; e < experts; e++)
        choices[e] = (uint64_t)UINT32_MAX - 1 + e;
    struct weir_group_args a = {.ids = cuda_put(ids, slots * 4),
                                .first = cuda_put(NULL, experts * 4 + 4),
                                .pair_of = cuda_put(NULL, slots * 4),
                                .pair_row = cuda_put(NULL, slots * 4),
                                .pair_weight = cuda_put(NULL, slots * 4),
                                .weights = cuda_put(weights, slots * 4),
                                .active = cuda_put(NULL, experts * 4),
                                .n_active = cuda_put(NULL, 4),
                                .tile_expert = cuda_put(NULL, tiles * 4),
                                .tile_first = cuda_put(NULL, tiles * 4),
                                .n_tiles = cuda_put(NULL, 4),
                                .choices = cuda_put(choices, experts * 8),
                                .n = n,
                                .n_used = used,
                                .n_expert = experts,
                                .rows = rows};
    eng_cuda_group(dev, &a);
    cuda_get(g.first, a.first, experts * 4 + 4);
    cuda_get(g.pair_of, a.pair_of, slots * 4);
    cuda_get(g.pair_row, a.pair_row, slots * 4);
    cuda_get(g.pair_weight, a.pair_weight, slots * 4);
    cuda_get(&g.n_active, a.n_active, 4);
    cuda_get(&g.n_tiles, a.n_tiles, 4);
    cuda_get(g.active, a.active, g.n_active * 4);
    cuda_get(g.tile_expert, a.tile_expert, g.n_tiles * 4);
    cuda_get(g.tile_first, a.tile_first, g.n_tiles * 4);
    check_groups(&g, ids, weights, n, used, experts, rows);
    cuda_get(choices, a.choices, experts * 8);
    for (uint32_t e = 0; e < experts; e++)
        counted += choices[e] - ((uint64_t)UINT32_MAX - 1 + e);
    assert_int_equal(counted, slots);
    const void *dropped[] = {a.ids,         a.first,      a.pair_of, a.pair_row,
                             a.pair_weight, a.weights,    a.active,  a.n_active,
                             a.tile_expert, a.tile_first, a.n_tiles, a.choices};
    for (int i = 0; i < 12; i++)
        cuda_drop(dropped[i]);
    void *freed[] = {ids,        weights,  choices,       g.first,      g.pair_of,
                     g.pair_row, g.active, g.tile_expert, g.tile_first, g.pair_weight};
    for (int i = 0; i < 10; i++)
        free(freed[i]);
}

static void grouping(void)
{
    static const uint32_t tokens[] = {1, 2, 3, 8, 31, 64, 200};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++)
        for (int kind = 0; kind < 3; kind++) {
            group_once(tokens[i], 4, 33, kind);
            group_once(tokens[i], 1, 2, kind);
        }
    group_once(9, 8, 1024, 0);
    group_once(5, 64, 256, 2);
}

/* One launch for both gives what two give. */
static void both_once(uint32_t n, uint32_t used, uint32_t experts, bool given, bool one)
{
    cuda_case(n, one ? "ragged one ties" : "ragged ties");
    uint32_t slots = n * used;
    size_t bytes[] = {slots * 4, slots * 4, experts * 4 + 4, slots * 4, slots * 4, experts * 4, 4};
    float *logits = scores(n * experts, 1);
    for (uint32_t i = 0; one && i < n * experts; i++)
        logits[i] = i % experts < used ? 9 : 0; /* all choose the same */
    int32_t *table = malloc(4 * used * 4), *token = malloc(n * 4);
    for (uint32_t i = 0; i < 4 * used; i++)
        table[i] = (int32_t)(i % experts);
    for (uint32_t t = 0; t < n; t++)
        token[t] = (int32_t)(t % 4);
    void *dl = cuda_put(logits, (size_t)n * experts * 4), *on[2][7];
    void *dg = cuda_put(table, 4 * used * 4), *dt = cuda_put(token, n * 4);
    for (int way = 0; way < 2; way++) {
        for (int i = 0; i < 7; i++)
            on[way][i] = cuda_put(NULL, bytes[i]);
        struct weir_route_args r = {.logits = dl,
                                    .given = given ? dg : NULL,
                                    .token = dt,
                                    .ids = on[way][0],
                                    .weights = on[way][1],
                                    .n = n,
                                    .n_expert = experts,
                                    .n_used = used,
                                    .gating = ENG_GATE_SOFTMAX,
                                    .normalise = 1};
        struct weir_group_args g = {.ids = on[way][0],
                                    .first = on[way][2],
                                    .pair_of = on[way][3],
                                    .pair_row = on[way][4],
                                    .active = on[way][5],
                                    .n_active = on[way][6],
                                    .n = n,
                                    .n_used = used,
                                    .n_expert = experts,
                                    .rows = 8};
        if (way == 0) {
            eng_cuda_route(dev, &r);
            eng_cuda_group(dev, &g);
        } else {
            eng_cuda_route_group(dev, &r, &g);
        }
    }
    for (int i = 6; i >= 0; i--) {
        uint32_t *a = malloc(bytes[i] + 4), *b = malloc(bytes[i] + 4);
        cuda_get(a, on[0][i], bytes[i]);
        cuda_get(b, on[1][i], bytes[i]);
        bytes[5] = i == 6 ? a[0] * 4 : bytes[5]; /* behind the active ones stands nothing */
        assert_memory_equal(a, b, bytes[i]);
        free(a);
        free(b);
        cuda_drop(on[0][i]);
        cuda_drop(on[1][i]);
    }
    cuda_drop(dl);
    cuda_drop(dg);
    cuda_drop(dt);
    free(logits);
    free(table);
    free(token);
}

static void both(void)
{
    both_once(1, 4, 32, false, false);
    both_once(3, 8, 128, false, false);
    both_once(16, 2, 8, false, false);
    both_once(16, 8, 1024, false, false);
    both_once(17, 8, 256, false, false);
    both_once(5, 3, 40, true, false);
    for (uint32_t n = 1; n <= 16; n++)
        both_once(n, 1 + n % 4, 9, false, n % 3 == 0);
    struct weir_route_args r = {.n_expert = 4, .n_used = 2};
    struct weir_group_args g = {.n_expert = 4, .n_used = 2, .rows = 8};
    eng_cuda_route_group(dev, &r, &g);
    eng_cuda_group(dev, &g);
    cuda_case_none("weir_route_group");
    cuda_case_none("weir_group");
}

/* A launch of its own for the product, one for the choices and one for the lists, or all in one:
 * the same bytes, also when it is done again. */
static void router_once(uint32_t n, uint32_t used, uint32_t experts, uint32_t n_in)
{
    cuda_case(n, "ragged");
    uint32_t slots = n * used, tiles = weir_tiles_max(slots, experts, 8), last[2][2];
    size_t bytes[] = {(size_t)n * experts * 4,
                      slots * 4,
                      slots * 4,
                      experts * 4 + 4,
                      slots * 4,
                      slots * 4,
                      slots * 4,
                      tiles * 4,
                      tiles * 4,
                      experts * 8};
    struct weights w = make_weights(ENG_F32, n_in, experts, 1, false, true);
    struct acts x = make_acts(ENG_F32, n, n_in, 3);
    void *on[2][10], *two[2][2], *active = cuda_put(NULL, experts * 4);
    uint32_t zeros[16] = {0}, after[16], *count = cuda_put(zeros, sizeof zeros);
    for (int way = 0; way < 2; way++) {
        for (int i = 0; i < 10; i++) {
            on[way][i] = cuda_put(NULL, bytes[i]);
            eng_cuda_fill(dev, on[way][i], 0, bytes[i]);
        }
        two[way][0] = cuda_put(NULL, 4);
        two[way][1] = cuda_put(NULL, 4);
        struct weir_mm_args mm = {.mat = {mat_of(&w, on[way][0], experts)},
                                  .acts = x.a,
                                  .n_mats = 1,
                                  .mode = WEIR_MM_DENSE,
                                  .n_rows = n};
        struct weir_route_args r = {.logits = on[way][0],
                                    .ids = on[way][1],
                                    .weights = on[way][2],
                                    .n = n,
                                    .n_expert = experts,
                                    .n_used = used,
                                    .gating = ENG_GATE_SIGMOID,
                                    .normalise = 1};
        struct weir_group_args g = {.ids = on[way][1],
                                    .weights = on[way][2],
                                    .first = on[way][3],
                                    .pair_of = on[way][4],
                                    .pair_row = on[way][5],
                                    .pair_weight = on[way][6],
                                    .tile_expert = on[way][7],
                                    .tile_first = on[way][8],
                                    .choices = on[way][9],
                                    .active = active,
                                    .n_active = two[way][0],
                                    .n_tiles = two[way][1],
                                    .n = n,
                                    .n_used = used,
                                    .n_expert = experts,
                                    .rows = 8};
        struct weir_router_args all = {.mm = mm, .route = r, .group = g, .count = count};
        for (int twice = 0; twice < 2; twice++) {
            if (way) {
                eng_cuda_router(dev, &all);
                continue;
            }
            eng_cuda_mm(dev, ENG_FORM_F32, &mm, n, 0);
            eng_cuda_route(dev, &r);
            eng_cuda_group(dev, &g);
        }
        cuda_get(&last[way][0], two[way][0], 4);
        cuda_get(&last[way][1], two[way][1], 4);
    }
    assert_memory_equal(last[0], last[1], sizeof last[0]);
    for (int i = 0; i < 10; i++) {
        uint8_t *a = malloc(bytes[i]), *b = malloc(bytes[i]);
        cuda_get(a, on[0][i], bytes[i]);
        cuda_get(b, on[1][i], bytes[i]);
        if (memcmp(a, b, bytes[i]))
            fail_msg("%u tokens, %u experts: array %d differs", n, experts, i);
        free(a);
        free(b);
        cuda_drop(on[0][i]);
        cuda_drop(on[1][i]);
    }
    cuda_get(after, count, sizeof after);
    assert_memory_equal(after, zeros, sizeof after);
    for (int way = 0; way < 2; way++) {
        cuda_drop(two[way][0]);
        cuda_drop(two[way][1]);
    }
    cuda_drop(active);
    cuda_drop(count);
    drop_acts(&x);
    drop_weights(&w);
}

static void router(void)
{
    router_once(1, 4, 32, 36);
    router_once(2, 3, 7, 28);
    router_once(3, 8, 128, 64);
    router_once(8, 2, 5, 20);
    router_once(9, 8, 256, 12);
    router_once(16, 6, 160, 20);
    router_once(33, 1, 40, 35);
    router_once(64, 8, 1024, 4);
    struct weir_router_args none = {.mm = {.mat = {{.groups = 1}}, .n_mats = 1},
                                    .route = {.n_expert = 4, .n_used = 2},
                                    .group = {.n_expert = 4, .n_used = 2, .rows = 8}};
    eng_cuda_router(dev, &none);
    cuda_case_none("weir_router");
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        cuda_seeds(5, name);                                                                       \
    }
TEST(routing)
TEST(no_numbers)
TEST(grouping)
TEST(both)
TEST(router)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_routing),
                                       cmocka_unit_test(test_no_numbers),
                                       cmocka_unit_test(test_grouping), cmocka_unit_test(test_both),
                                       cmocka_unit_test(test_router)};
    return cuda_run(tests);
}
