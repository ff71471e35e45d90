/* Goal: products of packed weights of every type with rounded activations are right, for shapes
 * that fit no tile, for one row and many, several matrices in a launch, a matrix a head, and
 * addresses past 2^31 bytes; a row gives the same whichever others are there.
 * Method: random weights and rows; the product in double of the dequantised weights and the rows as
 * they were, within what rounding may change at most.
 */
#include "tests/unit/engine_cuda_products.h"

static uint32_t columns_of(uint32_t type, uint32_t which)
{
    static const uint32_t thirds[] = {32, 96, 1312}, wholes[] = {256, 768, 1280},
                          fours[] = {64, 192, 1344}, any[] = {5, 100, 421};
    uint32_t block = eng_type_info(type)->block_values;
    return (block == 256 ? wholes : block == 64 ? fours : block == 32 ? thirds : any)[which];
}

/* One product of `rows` rows; the outputs to got, if not NULL. */
static void dense(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t rows, uint32_t planes)
{
    product_case(n_in, n_out, rows, "");
    struct weights w = make_weights(type, n_in, n_out, 1, false, false);
    struct acts x = make_acts(type, rows, n_in, planes);
    size_t bytes = (size_t)rows * n_out * sizeof(float);
    float *y = malloc(bytes), *dy = cuda_put(NULL, bytes);
    assert_non_null(y);
    struct weir_mm_args a = {.mat = {mat_of(&w, dy, n_out)},
                             .acts = x.a,
                             .n_mats = 1,
                             .mode = WEIR_MM_DENSE,
                             .n_rows = rows};
    eng_cuda_mm(dev, w.pack.form, &a, rows, 0);
    cuda_get(y, dy, bytes);
    double eps = slack_of(eng_pack_layout(w.pack.form)->acts == ENG_ACTS_INT ? planes : 3);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t o = 0; o < n_out; o++) {
            double slack, want = dot(&w, 0, 0, o, x.x + (size_t)r * n_in, &slack);
            float got = y[(size_t)r * n_out + o];
            if (!(fabs((double)got - want) <= 3 * eps * slack))
                fail_msg("%s %u x %u, %u rows, %u planes: [%u][%u] is %.9g, not %.9g (within %.3g)",
                         eng_type_name(type), n_out, n_in, rows, planes, r, o, (double)got, want,
                         3 * eps * slack);
        }
    free(y);
    cuda_drop(dy);
    drop_acts(&x);
    drop_weights(&w);
}

/* Five schedules; each takes one of the three shapes of every type, all are taken. */
static uint32_t turn;

static void few_rows(void)
{
    static const uint32_t rows[] = {1, 8, 3}, outs[] = {17, 1, 83};
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t k = (turn + (uint32_t)i) % 3;
        dense(TYPES[i], columns_of(TYPES[i], k), outs[k], rows[k], 3);
    }
    turn++;
}

static void every_type_few_rows(void **state)
{
    (void)state;
    cuda_seeds(5, few_rows);
}

static void many_rows(void)
{
    static const uint32_t rows[] = {9, 33, 70}, outs[] = {130, 16, 37};
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t k = (turn + (uint32_t)i) % 3;
        dense(TYPES[i], columns_of(TYPES[i], k), outs[k], rows[k], 3);
    }
    turn++;
}

static void every_type_many_rows(void **state)
{
    (void)state;
    cuda_seeds(5, many_rows);
}

static void every_number_of_planes(void **state)
{
    static const uint32_t types[] = {ENG_Q4_0, ENG_Q2_K, ENG_Q4_K, ENG_Q6_K, ENG_MXFP4, ENG_NVFP4};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (uint32_t planes = 2; planes <= 3; planes++) {
            dense(types[i], 256, 20, 5, planes);
            dense(types[i], 256, 20, 12, planes);
        }
}

static void every_batch(void **state)
{
    (void)state;
    for (uint32_t rows = 1; rows <= 64; rows++)
        dense(rows & 1 ? ENG_Q4_K : ENG_MXFP4, 256, 24, rows, 2);
    static const uint32_t some[] = {1, 2, 3, 5, 8, 9, 16, 17, 33, 64};
    for (size_t i = 0; i < N_TYPES; i++)
        for (size_t k = 0; k < sizeof some / sizeof some[0]; k++)
            dense(TYPES[i], columns_of(TYPES[i], 0), 17, some[k], 3);
}

/* Nobody's rows are rounded and multiplied: nothing is written. */
static void none_of(uint32_t type)
{
    struct weights w = make_weights(type, 256, 16, 1, false, false);
    char name[2][40], y[16], want[16];
    memset(want, 7, sizeof want);
    char *dy = cuda_put(want, sizeof want);
    struct weir_mm_args a = {.mat = {mat_of(&w, (float *)(void *)dy, 16)}, .n_mats = 1};
    struct weir_round_args r = {.x = (const float *)(const void *)dy};
    eng_cuda_round(dev, eng_pack_layout(w.pack.form)->acts, &r);
    eng_cuda_mm(dev, w.pack.form, &a, 0, 0);
    cuda_get(y, dy, sizeof y);
    assert_memory_equal(y, want, sizeof y);
    snprintf(name[0], sizeof name[0], "weir_mv_%s", eng_type_name(type));
    snprintf(name[1], sizeof name[1], "weir_tile_%s", eng_type_name(type));
    for (int i = 0; i < 2; i++) {
        for (char *z = name[i]; *z; z++)
            *z = (char)(*z >= 'A' && *z <= 'Z' ? *z + 32 : *z);
        cuda_case_none(name[i]);
    }
    cuda_drop(dy);
    drop_weights(&w);
}

static void none_once(void)
{
    static const char *const rounds[] = {"weir_round_int", "weir_round_f16", "weir_round_bf16",
                                         "weir_round_f32"};
    for (size_t i = 0; i < N_TYPES; i++)
        none_of(TYPES[i]);
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++)
        cuda_case_none(rounds[i]);
    float x[4] = {7, 7, 7, 7}, *g = cuda_put(x, sizeof x);
    eng_cuda_glu(dev, &(struct weir_glu_args){.g = g, .u = g, .n = 4});
    cuda_get(x, g, sizeof x);
    cuda_near(x[0], 7, 0, "glu", 0);
    cuda_drop(g);
    cuda_case_none("weir_glu");
}

static void no_rows(void **state)
{
    (void)state;
    cuda_seeds(5, none_once);
}

/* q, k and v in a launch, with biases and factors. */
static void three(uint32_t type, uint32_t n_in, uint32_t rows)
{
    static const uint32_t outs[] = {70, 16, 5};
    product_case(n_in, 70, rows, "");
    struct weights w[3];
    struct acts x = make_acts(type, rows, n_in, 3);
    struct weir_mm_args a = {.acts = x.a, .n_mats = 3, .mode = WEIR_MM_DENSE, .n_rows = rows};
    float *dy[3];
    for (uint32_t i = 0; i < 3; i++) {
        w[i] = make_weights(type, n_in, outs[i], 1, false, true);
        dy[i] = cuda_put(NULL, (size_t)rows * (outs[i] + i) * sizeof(float));
        a.mat[i] = mat_of(&w[i], dy[i], outs[i] + i); /* rows apart by more than they are long */
    }
    eng_cuda_mm(dev, w[0].pack.form, &a, rows, 0);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t r = 0; r < rows; r++) {
            float y[70];
            cuda_get(y, dy[i] + (size_t)r * (outs[i] + i), outs[i] * sizeof(float));
            for (uint32_t o = 0; o < outs[i]; o++) {
                double slack, want = dot(&w[i], 0, 0, o, x.x + (size_t)r * n_in, &slack);
                cuda_near(y[o], (float)want, (float)(5e-6 * slack), "y", o);
            }
        }
        drop_weights(&w[i]);
        cuda_drop(dy[i]);
    }
    drop_acts(&x);
}

static void three_once(void)
{
    three(ENG_Q4_0, 160, 2);
    three(ENG_F32, 35, 11);
    three(ENG_BF16, 70, 5);
    three(ENG_Q6_K, 256, 13);
    three(ENG_MXFP4, 160, 10);
}

static void three_matrices(void **state)
{
    (void)state;
    cuda_seeds(5, three_once);
}

/* A matrix a head: rows g * n .. of the activations, outputs of head g from g * step on. */
static void each(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t heads, uint32_t rows)
{
    product_case(n_in, n_out, rows, "");
    struct weights w = make_weights(type, n_in, n_out, heads, false, false);
    struct acts x = make_acts(type, rows * heads, n_in, 3);
    uint32_t step = n_out + 3, ldy = step * heads + 1;
    size_t bytes = (size_t)rows * ldy * sizeof(float);
    float *y = malloc(bytes), *dy = cuda_put(NULL, bytes);
    assert_non_null(y);
    for (size_t i = 0; i < bytes / 4; i++)
        y[i] = 77;
    eng_cuda_upload(dev, dy, y, bytes);
    struct weir_mm_args a = {.mat = {mat_of(&w, dy, ldy)},
                             .acts = x.a,
                             .n_mats = 1,
                             .mode = WEIR_MM_EACH,
                             .n_rows = rows};
    a.mat[0].step = step;
    eng_cuda_mm(dev, w.pack.form, &a, rows, heads);
    cuda_get(y, dy, bytes);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < ldy; i++) {
            float got = y[(size_t)r * ldy + i];
            uint32_t g = i / step, o = i % step;
            if (g == heads || o >= n_out) {
                cuda_near(got, 77, 0, "between the heads", i);
                continue;
            }
            double slack, want = dot(&w, 0, g, o, x.x + ((size_t)g * rows + r) * n_in, &slack);
            cuda_near(got, (float)want, (float)(5e-6 * slack), "head", i);
        }
    free(y);
    cuda_drop(dy);
    drop_acts(&x);
    drop_weights(&w);
}

static void each_once(void)
{
    each(ENG_Q8_0, 96, 33, 3, 1);
    each(ENG_F16, 40, 20, 4, 7);
    each(ENG_F32, 24, 10, 3, 19);
    each(ENG_Q4_0, 64, 50, 5, 21);
    each(ENG_Q8_0, 64, 18, 2, 66);
}

static void a_matrix_a_head(void **state)
{
    (void)state;
    cuda_seeds(5, each_once);
}

/* What row r of n gives, in the same path. */
static void alone_and_together(uint32_t type, uint32_t n_in, uint32_t few, uint32_t many)
{
    enum { OUT = 37 };
    struct weights w = make_weights(type, n_in, OUT, 1, false, false);
    struct acts x = make_acts(type, many, n_in, 2);
    float *y[2], *dy[2];
    for (int i = 0; i < 2; i++) {
        uint32_t rows = i ? many : few;
        product_case(n_in, OUT, rows, "");
        size_t bytes = (size_t)rows * OUT * sizeof(float);
        y[i] = malloc(bytes);
        assert_non_null(y[i]);
        dy[i] = cuda_put(NULL, bytes);
        struct weir_mm_args a = {.mat = {mat_of(&w, dy[i], OUT)},
                                 .acts = x.a,
                                 .n_mats = 1,
                                 .mode = WEIR_MM_DENSE,
                                 .n_rows = rows};
        eng_cuda_mm(dev, w.pack.form, &a, rows, 0);
        cuda_get(y[i], dy[i], bytes);
    }
    assert_memory_equal(y[0], y[1], (size_t)few * OUT * sizeof(float));
    for (int i = 0; i < 2; i++) {
        free(y[i]);
        cuda_drop(dy[i]);
    }
    drop_acts(&x);
    drop_weights(&w);
}

static void rows_do_not_meet(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i += 3) {
        alone_and_together(TYPES[i], columns_of(TYPES[i], 2), 1, 8);
        alone_and_together(TYPES[i], columns_of(TYPES[i], 2), 9, 67);
    }
}

/* p less n bytes: where an array would begin whose bytes from n on are those at p. */
static void *before(const void *p, uint64_t n)
{
    return (void *)((uintptr_t)p - n);
}

/* Matrix 5, row 3 of the outputs and row 3 of the activations lie where 32 bits do not reach. */
static void far_away(uint32_t type, uint32_t rows)
{
    enum { OUT = 20, MAT = 5 };
    const uint64_t far = 3ull << 31;
    const uint32_t IN = columns_of(type, 0);
    product_case(IN, OUT, rows, "far");
    struct weights w = make_weights(type, IN, OUT, 1, false, false);
    struct acts x = make_acts(type, rows, IN, 3);
    bool ints = eng_pack_layout(w.pack.form)->acts == ENG_ACTS_INT;
    uint32_t first[MAT + 2] = {0}, expert = MAT, start = 0, n = 1;
    first[MAT + 1] = rows;
    const uint32_t far_row = 2000000000; /* times the bytes of a row */
    uint32_t *of = malloc(rows * sizeof *of);
    assert_non_null(of);
    for (uint32_t r = 0; r < rows; r++)
        of[r] = far_row + r;
    float *y = malloc((size_t)rows * OUT * sizeof(float));
    assert_non_null(y);
    float *dy = cuda_put(NULL, (size_t)rows * OUT * sizeof(float));
    uint32_t *d_first = cuda_put(first, sizeof first), *d_expert = cuda_put(&expert, 4);
    uint32_t *d_start = cuda_put(&start, 4), *d_n = cuda_put(&n, 4), *d_of = cuda_put(of, rows * 4);
    struct weir_mm_args a = {.mat = {mat_of(&w, dy, OUT)},
                             .acts = x.a,
                             .tile_expert = d_expert,
                             .tile_first = d_start,
                             .n_tiles = d_n,
                             .pair_first = d_first,
                             .pair_row = d_of,
                             .n_mats = 1,
                             .mode = WEIR_MM_EXPERT};
    a.mat[0].mat_bytes = far / MAT / 16 * 16;
    a.mat[0].w = before(w.device, a.mat[0].mat_bytes * MAT);
    a.acts.x = before(x.a.x, (uint64_t)far_row * IN * 4);
    a.acts.q = before(x.a.q, (uint64_t)far_row * x.a.units * x.a.planes * 64);
    a.acts.info = before(x.a.info, (uint64_t)far_row * (ints ? x.a.units * 16 : 4));
    if (x.a.half) /* forms without a least value have none */
        a.acts.half = before(x.a.half, (uint64_t)far_row * x.a.units * 8);
    eng_cuda_mm(dev, w.pack.form, &a, rows, 1);
    cuda_get(y, dy, (size_t)rows * OUT * sizeof(float));
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t o = 0; o < OUT; o++) {
            double slack, want = dot(&w, 0, 0, o, x.x + (size_t)r * IN, &slack);
            cuda_near(y[r * OUT + o], (float)want, (float)(5e-6 * slack), eng_type_name(type), o);
        }
    const void *all[] = {dy, d_first, d_expert, d_start, d_n, d_of};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cuda_drop(all[i]);
    free(of);
    free(y);
    drop_acts(&x);
    drop_weights(&w);
}

static void far_away_once(void)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        far_away(TYPES[i], 2);
        far_away(TYPES[i], 30);
    }
}

static void past_two_gigabytes(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the emulator lies low in memory then, and UBSan objects to addresses before nought */
#endif
    cuda_seeds(5, far_away_once);
}

/* ---- rounding ---- */

static void norm_and_rounding(enum eng_pack_acts kind, uint32_t rows, uint32_t n_in, bool in_place)
{
    float *x = cuda_floats((size_t)rows * n_in, 5), *norm = cuda_floats(n_in, 2);
    size_t bytes = (size_t)rows * n_in * sizeof(float);
    cuda_case(rows, "ragged");
    float *dx = cuda_put(x, bytes), *dn = cuda_put(norm, n_in * sizeof(float));
    float *dy = in_place ? dx : cuda_put(NULL, bytes), *y = malloc(bytes);
    uint8_t *buffer = cuda_put(NULL, weir_acts_bytes(kind, rows, n_in, 3));
    assert_non_null(y);
    struct weir_round_args a = {.x = dx,
                                .norm = dn,
                                .y = dy,
                                .out = weir_acts_at(kind, rows, n_in, 3, dx, buffer),
                                .rows = rows,
                                .eps = 1e-5f};
    eng_cuda_round(dev, kind, &a);
    cuda_get(y, dy, bytes);
    for (uint32_t r = 0; r < rows; r++) {
        double sum = 0;
        for (uint32_t i = 0; i < n_in; i++)
            sum += (double)x[r * n_in + i] * (double)x[r * n_in + i];
        double by = 1 / sqrt(sum / n_in + 1e-5);
        for (uint32_t i = 0; i < n_in; i++) {
            double want = (double)x[r * n_in + i] * by * (double)norm[i];
            cuda_near(y[r * n_in + i], (float)want, (float)(2e-6 * fabs(want)), "normed", i);
        }
    }
    free(x);
    free(y);
    free(norm);
    cuda_drop(dx);
    cuda_drop(dn);
    cuda_drop(buffer);
    if (!in_place)
        cuda_drop(dy);
}

static void norms(void **state)
{
    (void)state;
    for (int kind = 0; kind < ENG_ACTS_KINDS; kind++) {
        norm_and_rounding((enum eng_pack_acts)kind, 3, 96, false);
        norm_and_rounding((enum eng_pack_acts)kind, 2, 320, true);
    }
    norm_and_rounding(ENG_ACTS_F32, 1, 37, true);
    static const uint32_t some[] = {1, 2, 3, 8, 9, 16, 33, 64};
    for (int kind = 0; kind < ENG_ACTS_KINDS; kind++)
        for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
            norm_and_rounding((enum eng_pack_acts)kind, some[i], 36, i & 1);
}

/* Bytes of a row put together again are the row, to half of a step; sums are those of the bytes. */
static void planes_hold(uint32_t planes)
{
    enum { ROWS = 3, IN = 160, UNITS = 3 };
    float x[ROWS][IN];
    for (int i = 0; i < ROWS * IN; i++)
        x[i / IN][i % IN] = cuda_rndf() * (float)(1 << cuda_rnd() % 8);
    x[1][5] = -1e30f; /* the others of its block vanish beside it */
    for (int i = 64; i < 96; i++)
        x[2][i] = 1e-32f; /* too small to be held */
    size_t n = weir_acts_bytes(ENG_ACTS_INT, ROWS, IN, planes);
    uint8_t *buffer = cuda_put(NULL, n), *got = malloc(n);
    assert_non_null(got);
    float *dx = cuda_put(x, sizeof x);
    struct weir_round_args a = {
        .x = dx, .out = weir_acts_at(ENG_ACTS_INT, ROWS, IN, planes, dx, buffer), .rows = ROWS};
    assert_int_equal(a.out.units, UNITS);
    eng_cuda_round(dev, ENG_ACTS_INT, &a);
    cuda_get(got, buffer, n);
    const float *info = (const float *)(got + ((uint8_t *)a.out.info - buffer));
    const float *half = (const float *)(got + ((uint8_t *)a.out.half - buffer));
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t b = 0; b < UNITS * 2; b++) {
            uint32_t at = r * UNITS + b / 2;
            float d = info[at * 4 + b % 2];
            double sums[2] = {0, 0}, max = 0;
            for (uint32_t k = 0; k < 32; k++) {
                double v = 0, unit = 1;
                for (uint32_t p = 0; p < planes; p++) {
                    int8_t byte = (int8_t)got[(at * planes + p) * 64 + k % 16 / 4 * 16 + b % 2 * 8 +
                                              k / 16 * 4 + k % 4];
                    v = v * 256 + byte;
                    unit = p == 2 ? 1.0 / 256 : 1;
                }
                v *= unit * (double)d;
                sums[k / 16] += v;
                double want = b * 32 + k < IN ? (double)x[r][b * 32 + k] : 0;
                max = fmax(max, fabs(want));
                double step = planes == 3 ? (double)d / 256 : (double)d;
                /* with three planes a step is the last bit of an f32: products round there, too */
                if (!(fabs(v - want) <= (planes == 3 ? 1.6 : 0.51) * step + 1e-30))
                    fail_msg("%u planes, row %u, block %u, value %u: %.9g, not %.9g", planes, r, b,
                             k, v, want);
            }
            double slack = 1e-6 * 32 * max;
            assert_true(fabs((double)info[at * 4 + 2 + b % 2] - sums[0] - sums[1]) <= slack);
            assert_true(fabs((double)half[at * 2 + b % 2] - sums[0]) <= slack);
        }
    free(got);
    cuda_drop(dx);
    cuda_drop(buffer);
}

static void rounding_once(void)
{
    for (uint32_t planes = 2; planes <= 3; planes++)
        planes_hold(planes);
}

static void rounding(void **state)
{
    (void)state;
    cuda_seeds(5, rounding_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding),
        cmocka_unit_test(norms),
        cmocka_unit_test(every_type_few_rows),
        cmocka_unit_test(every_type_many_rows),
        cmocka_unit_test(every_number_of_planes),
        cmocka_unit_test(every_batch),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(three_matrices),
        cmocka_unit_test(a_matrix_a_head),
        cmocka_unit_test(rows_do_not_meet),
        cmocka_unit_test(past_two_gigabytes),
    };
    return cuda_run(tests);
}
