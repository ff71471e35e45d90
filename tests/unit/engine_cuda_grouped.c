/* Goal: products by expert are right, gate and up in one launch with every activation, clamps,
 * weights of inputs, biases and factors by expert; outputs rounded on the way for the next product
 * are the bytes that rounding them afterwards gives; whatever tokens choose, all of them one expert
 * or none of them another.
 * Method: random choices of experts, sorted here; a whole mixture of experts (gate, up, activation,
 * down) in double from the dequantised weights.
 */
#include "tests/unit/engine_cuda_products.h"

enum choice { RANDOM, ONE, FIRST_AND_LAST };

/* Pairs by expert, as route.h lays them out. */
struct pairs {
    uint32_t n, n_expert, n_tiles;
    uint32_t *row, *expert; /* [n] here */
    uint32_t *dev_row, *dev_first, *dev_tile_expert, *dev_tile_first, *dev_n_tiles;
    float *weight, *dev_weight;
};

static struct pairs make_pairs(uint32_t n_tok, uint32_t n_used, uint32_t n_expert, enum choice how)
{
    struct pairs p = {.n = n_tok * n_used, .n_expert = n_expert};
    uint32_t *first = calloc(n_expert + 1, sizeof *first), rows = weir_mm_rows(n_tok), at = 0;
    uint32_t *tile_expert = malloc((p.n + 1) * 4), *tile_first = malloc((p.n + 1) * 4);
    uint8_t *used = calloc((size_t)n_tok * n_expert + 1, 1);
    p.row = malloc((p.n + 1) * 4);
    p.expert = malloc((p.n + 1) * 4);
    assert_non_null(first);
    assert_non_null(tile_expert);
    assert_non_null(tile_first);
    assert_non_null(used);
    assert_non_null(p.row);
    assert_non_null(p.expert);
    for (uint32_t t = 0; t < n_tok; t++)
        for (uint32_t k = 0; k < n_used; k++) {
            uint32_t e = how == ONE              ? n_expert - 2
                         : how == FIRST_AND_LAST ? (cuda_rnd() & 1) * (n_expert - 1)
                                                 : cuda_rnd() % n_expert;
            while (used[t * n_expert + e])
                e = (e + 1) % n_expert;
            used[t * n_expert + e] = 1;
        }
    for (uint32_t e = 0; e < n_expert; e++) {
        first[e] = at;
        for (uint32_t t = 0; t < n_tok; t++)
            if (used[t * n_expert + e]) {
                p.row[at] = t;
                p.expert[at++] = e;
            }
        for (uint32_t i = first[e]; i < at; i += rows) {
            tile_expert[p.n_tiles] = e;
            tile_first[p.n_tiles++] = i;
        }
    }
    first[n_expert] = at;
    p.weight = cuda_floats(p.n, 2);
    p.dev_weight = cuda_put(p.weight, p.n * 4);
    p.dev_row = cuda_put(p.row, p.n * 4);
    p.dev_first = cuda_put(first, (n_expert + 1) * 4);
    p.dev_tile_expert = cuda_put(tile_expert, p.n_tiles * 4);
    p.dev_tile_first = cuda_put(tile_first, p.n_tiles * 4);
    p.dev_n_tiles = cuda_put(&p.n_tiles, 4);
    free(first);
    free(tile_expert);
    free(tile_first);
    free(used);
    return p;
}

static void drop_pairs(struct pairs *p)
{
    const void *all[] = {p->dev_row,        p->dev_first,   p->dev_tile_expert,
                         p->dev_tile_first, p->dev_n_tiles, p->dev_weight};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cuda_drop(all[i]);
    free(p->row);
    free(p->expert);
    free(p->weight);
}

/* The most tiles that a host that does not know the choice must provide for. */
static uint32_t slots_of(const struct pairs *p, uint32_t rows)
{
    return (p->n < p->n_expert ? p->n : p->n_expert) + p->n / rows;
}

static double activated(uint32_t act, float clamp, double by, double g, double u)
{
    g *= by;
    u *= by;
    if (clamp > 0) {
        g = fmin(g, (double)clamp);
        u = fmax(-(double)clamp, fmin(u, (double)clamp));
    }
    if (act == WEIR_ACT_SILU)
        return g / (1 + exp(-g)) * u;
    if (act == WEIR_ACT_GELU)
        return 0.5 * g * (1 + tanh(0.79788456 * (g + 0.044715 * g * g * g))) * u;
    g = fmin(g, 7);
    u = fmax(-7, fmin(u, 7));
    return g / (1 + exp(-1.702 * g)) * (u + 1);
}

struct mix {
    uint32_t type, n_embd, n_ff, n_expert, n_used, n_tok;
    uint32_t act;
    enum choice how;
    float clamp;
    bool weigh, bias;
};

static void set_pairs(struct weir_mm_args *a, const struct pairs *p)
{
    a->mode = WEIR_MM_EXPERT;
    a->tile_expert = p->dev_tile_expert;
    a->tile_first = p->dev_tile_first;
    a->n_tiles = p->dev_n_tiles;
    a->pair_first = p->dev_first;
}

static void check_hidden(const struct mix *m, const struct weights *gu, const struct pairs *p,
                         const struct acts *x, const float *h)
{
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t o = 0; o < m->n_ff; o++) {
            double sg, su, by = m->weigh ? (double)p->weight[i] : 1;
            const float *row = x->x + (size_t)p->row[i] * m->n_embd;
            double g = dot(gu, 0, p->expert[i], o, row, &sg);
            double u = dot(gu, 1, p->expert[i], o, row, &su);
            double want = activated(m->act, m->clamp, by, g, u);
            /* each activation's slope is below 1.2 in g and about |g| in u */
            double slack =
                5e-6 * fabs(by) * (1.2 * sg * (fabs(u * by) + 1) + su * (fabs(g * by) + 1));
            double got = (double)h[(size_t)i * m->n_ff + o];
            if (!(fabs(got - want) <= slack + 1e-6))
                fail_msg("%s, activation %u, %u tokens: pair %u, hidden %u: %.9g, not %.9g",
                         eng_type_name(m->type), m->act, m->n_tok, i, o, got, want);
        }
}

/* Rounds the hidden rows again, by the kernel for it, and holds them against those that the product
 * rounded. */
static void check_rounded(const struct mix *m, const struct pairs *p, const float *dev_h,
                          const uint8_t *rounded, const struct weir_acts *at)
{
    size_t n = weir_acts_bytes(ENG_ACTS_INT, p->n, m->n_ff, at->planes);
    uint8_t *again = cuda_put(NULL, n), *want = malloc(n), *got = malloc(n);
    assert_non_null(want);
    assert_non_null(got);
    struct weir_round_args r = {
        .x = dev_h,
        .out = weir_acts_at(ENG_ACTS_INT, p->n, m->n_ff, at->planes, dev_h, again),
        .rows = p->n};
    eng_cuda_fill(dev, again, 0x11, n); /* between the parts, too */
    eng_cuda_round(dev, ENG_ACTS_INT, &r);
    cuda_get(want, again, n);
    cuda_get(got, rounded, n);
    for (size_t i = 0; i < n; i++)
        if (want[i] != got[i])
            fail_msg("%s: byte %zu of %zu of the rounded rows: %u, not %u", eng_type_name(m->type),
                     i, n, got[i], want[i]);
    free(want);
    free(got);
    cuda_drop(again);
}

static void mixture(struct mix m)
{
    product_case(m.n_embd, m.n_ff, m.n_tok, m.how == RANDOM ? "" : "one");
    struct weights gu = make_weights(m.type, m.n_embd, m.n_ff, m.n_expert, true, m.bias);
    struct weights down = make_weights(m.type, m.n_ff, m.n_embd, m.n_expert, false, m.bias);
    struct pairs p = make_pairs(m.n_tok, m.n_used, m.n_expert, m.how);
    struct acts x = make_acts(m.type, m.n_tok, m.n_embd, 3);
    enum eng_pack_acts kind = eng_pack_layout(gu.pack.form)->acts;
    size_t h_bytes = (size_t)p.n * m.n_ff * 4, y_bytes = (size_t)p.n * m.n_embd * 4;
    size_t r_bytes = weir_acts_bytes(kind, p.n, m.n_ff, 3);
    float *h = malloc(h_bytes + 1), *y = malloc(y_bytes + 1);
    assert_non_null(h);
    assert_non_null(y);
    float *dh = cuda_put(NULL, h_bytes), *dy = cuda_put(NULL, y_bytes);
    uint8_t *rounded = cuda_put(NULL, r_bytes);
    struct weir_acts at = weir_acts_at(kind, p.n, m.n_ff, 3, dh, rounded);
    struct weir_mm_args a = {.mat = {mat_of(&gu, dh, m.n_ff)},
                             .acts = x.a,
                             .pair_row = p.dev_row,
                             .in_weight = m.weigh ? p.dev_weight : NULL,
                             .clamp = m.clamp,
                             .n_mats = 1,
                             .act = m.act,
                             .pair = 1};
    uint32_t slots = slots_of(&p, weir_mm_rows(m.n_tok));
    set_pairs(&a, &p);
    if (kind == ENG_ACTS_INT) {
        eng_cuda_fill(dev, rounded, 0x11, r_bytes);
        a.round = at;
    }
    eng_cuda_mm(dev, gu.pack.form, &a, m.n_tok, slots);
    if (kind == ENG_ACTS_F16 || kind == ENG_ACTS_BF16) {
        struct weir_round_args r = {.x = dh, .out = at, .rows = p.n};
        eng_cuda_round(dev, kind, &r);
    }
    struct weir_mm_args b = {.mat = {mat_of(&down, dy, m.n_embd)}, .acts = at, .n_mats = 1};
    set_pairs(&b, &p);
    eng_cuda_mm(dev, down.pack.form, &b, m.n_tok, slots);
    cuda_get(h, dh, h_bytes);
    cuda_get(y, dy, y_bytes);
    check_hidden(&m, &gu, &p, &x, h);
    if (kind == ENG_ACTS_INT)
        check_rounded(&m, &p, dh, rounded, &at);
    for (uint32_t i = 0; i < p.n; i++) {
        float most = 0;
        for (uint32_t k = 0; k < m.n_ff; k++)
            most = fmaxf(most, fabsf(h[(size_t)i * m.n_ff + k]));
        for (uint32_t o = 0; o < m.n_embd; o++) {
            double slack;
            double want = dot(&down, 0, p.expert[i], o, h + (size_t)i * m.n_ff, &slack);
            cuda_near(y[(size_t)i * m.n_embd + o], (float)want,
                      (float)(1.5e-6 * slack * ((double)most + 1)), eng_type_name(m.type), o);
        }
    }
    const void *all[] = {dh, dy, rounded};
    for (size_t i = 0; i < 3; i++)
        cuda_drop(all[i]);
    free(h);
    free(y);
    drop_acts(&x);
    drop_pairs(&p);
    drop_weights(&gu);
    drop_weights(&down);
}

/* Five schedules: few tokens in some, a tile of them in others. */
static uint32_t turn;

static void type_once(void)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t block = eng_type_info(TYPES[i])->block_values;
        struct mix m = {.type = TYPES[i],
                        .n_embd = block == 1     ? 36
                                  : block == 256 ? 256
                                                 : 64,
                        .n_ff = block == 1     ? 20
                                : block == 256 ? 256
                                : block == 64  ? 64
                                               : 96,
                        .n_expert = 5,
                        .n_used = 2,
                        .n_tok = (turn + i) % 2 ? 3
                                 : block == 256 ? 9
                                                : 20,
                        .act = (uint32_t)i % 3,
                        .bias = i & 1};
        mixture(m);
    }
    turn++;
}

static void every_type(void **state)
{
    (void)state;
    cuda_seeds(5, type_once);
}

/* Every activation with and without what goes around it, over few and many tokens. */
static void around_once(void)
{
    for (uint32_t act = 0; act < 3; act++) {
        struct mix m = {.type = act == 2 ? ENG_MXFP4 : ENG_Q8_0,
                        .n_embd = 64,
                        .n_ff = 96,
                        .n_expert = 6,
                        .n_used = 3,
                        .n_tok = act == 1 ? 7 : 11,
                        .act = act,
                        .clamp = act == 0 ? 1.5f : 0,
                        .weigh = act != 2,
                        .bias = act != 1};
        mixture(m);
    }
}

static void activations(void **state)
{
    (void)state;
    cuda_seeds(5, around_once);
}

/* All to one expert, and to the first and last alone, for every type. */
static void one_of(uint32_t type, uint32_t n_tok, enum choice how)
{
    uint32_t block = eng_type_info(type)->block_values, n = block == 1 ? 20 : block;
    struct mix m = {.type = type,
                    .n_embd = n,
                    .n_ff = n,
                    .n_expert = 4,
                    .n_used = how == ONE ? 1 : 2,
                    .n_tok = n_tok,
                    .how = how};
    mixture(m);
}

static void crowded(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i++) {
        one_of(TYPES[i], 3, i % 2 ? ONE : FIRST_AND_LAST);
        one_of(TYPES[i], 12, i % 2 ? FIRST_AND_LAST : ONE);
    }
}

static void choices(void **state)
{
    static const uint32_t toks[] = {1, 8, 9, 64, 150};
    (void)state;
    for (size_t i = 0; i < 5; i++)
        for (int how = RANDOM; how <= FIRST_AND_LAST; how++) {
            struct mix m = {.type = ENG_Q4_0,
                            .n_embd = 32,
                            .n_ff = 32,
                            .n_expert = 7,
                            .n_used = how == ONE ? 1 : 2,
                            .n_tok = toks[i],
                            .how = (enum choice)how};
            mixture(m);
        }
}

static void gates_apart(void **state)
{
    static const uint32_t some[] = {1, 2, 3, 8, 9, 16, 33, 64};
    (void)state;
    for (size_t k = 0; k < sizeof some / sizeof some[0]; k++) {
        uint32_t rows = some[k], n = 21;
        cuda_case(rows, "ragged");
        float *g = cuda_floats(rows * n, 4), *u = cuda_floats(rows * n, 4);
        float *got = malloc(rows * n * 4), *dg = cuda_put(g, rows * n * 4);
        float *du = cuda_put(u, rows * n * 4);
        assert_non_null(got);
        eng_cuda_glu(dev, &(struct weir_glu_args){
                              .g = dg, .u = du, .rows = rows, .n = n, .act = (uint32_t)k % 3});
        cuda_get(got, dg, rows * n * 4);
        for (uint32_t i = 0; i < rows * n; i++) {
            double want = activated((uint32_t)k % 3, 0, 1, (double)g[i], (double)u[i]);
            cuda_near(got[i], (float)want, 2e-6f * (1 + fabsf((float)want)), "glu", i);
        }
        free(g);
        free(u);
        free(got);
        cuda_drop(dg);
        cuda_drop(du);
    }
}

/* Gate and up in one tensor, up's rows behind the gate's, as some files have them; and gates and
 * ups of two types, multiplied apart. */
static void merged_and_apart(void **state)
{
    enum { IN = 64, FF = 24, TOK = 3 };
    (void)state;
    struct weights w = make_weights(ENG_Q5_0, IN, 2 * FF, 1, false, false);
    struct acts x = make_acts(ENG_Q5_0, TOK, IN, 3);
    struct eng_pack p;
    assert_int_equal(eng_pack_plan(ENG_Q5_0, IN, FF, 1, true, &p, NULL), BASE_OK);
    uint8_t *packed = malloc(p.bytes);
    assert_non_null(packed);
    eng_pack_rows(&p, w.rows[0], w.rows[0] + FF * w.row_bytes, w.row_bytes, 0, p.groups, packed);
    uint8_t *dp = cuda_put(packed, p.bytes);
    float y[TOK][FF], z[TOK][2 * FF], g[TOK][FF], u[TOK][FF];
    float *dy = cuda_put(NULL, sizeof y), *dz = cuda_put(NULL, sizeof z);
    struct weir_mm_args a = {.mat = {{.y = dy, .ldy = FF}},
                             .acts = x.a,
                             .n_mats = 1,
                             .n_rows = TOK,
                             .act = WEIR_ACT_GELU,
                             .clamp = 2,
                             .pair = 1};
    weir_mat_from(&a.mat[0], &p, dp);
    eng_cuda_mm(dev, p.form, &a, TOK, 0);
    struct weir_mm_args b = {
        .mat = {mat_of(&w, dz, 2 * FF)}, .acts = x.a, .n_mats = 1, .n_rows = TOK};
    eng_cuda_mm(dev, w.pack.form, &b, TOK, 0);
    cuda_get(y, dy, sizeof y);
    cuda_get(z, dz, sizeof z);
    for (uint32_t t = 0; t < TOK; t++) {
        memcpy(g[t], z[t], sizeof g[t]);
        memcpy(u[t], z[t] + FF, sizeof u[t]);
    }
    float *dg = cuda_put(g, sizeof g), *du = cuda_put(u, sizeof u);
    struct weir_glu_args glu = {
        .g = dg, .u = du, .rows = TOK, .n = FF, .act = WEIR_ACT_GELU, .clamp = 2};
    eng_cuda_glu(dev, &glu);
    cuda_get(g, dg, sizeof g);
    for (uint32_t i = 0; i < TOK * FF; i++) {
        float was = z[i / FF][i % FF], up = z[i / FF][FF + i % FF];
        cuda_near(y[i / FF][i % FF], g[i / FF][i % FF], 1e-6f, "apart", i);
        cuda_near(g[i / FF][i % FF], (float)activated(WEIR_ACT_GELU, 2, 1, (double)was, (double)up),
                  1e-5f, "glu", i);
    }
    const void *all[] = {dp, dy, dz, dg, du};
    for (size_t i = 0; i < 5; i++)
        cuda_drop(all[i]);
    free(packed);
    drop_acts(&x);
    drop_weights(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),       cmocka_unit_test(activations),
        cmocka_unit_test(choices),          cmocka_unit_test(crowded),
        cmocka_unit_test(merged_and_apart), cmocka_unit_test(gates_apart),
    };
    return cuda_run(tests);
}
