/* Goal: what products do with their outputs besides writing them is right: they join the residual
 * stream, with what else joins it and its factors; sums of squares, norms that the next products
 * finish, rounding; pairs of experts added up by the last block, a shared expert riding along; the
 * same on a second launch, whatever the order of blocks.
 * Method: plain C in double from the dequantised weights and the rows as they were; shapes that
 * fit no slab and no unit, few rows and tiles of them, five schedules.
 */
#include "tests/unit/engine_cuda_planes.h"
#include "tests/unit/engine_cuda_products.h"

/* Everything a tail can write. */
struct ends {
    uint32_t rows, n_out, blocks;
    float *x, *more, *norm; /* here, as they were */
    float *dx, *dmore, *dnorm, *dz, *dssq;
    void *ints, *bf16;
    struct weir_tail t;
};

static struct ends make_ends(uint32_t rows, uint32_t n_out, bool more)
{
    struct ends e = {.rows = rows, .n_out = n_out, .blocks = (n_out + 31) / 32};
    size_t n = (size_t)rows * n_out;
    e.x = cuda_floats(n, 3);
    e.more = cuda_floats(n, 2);
    e.norm = cuda_floats(n_out, 2);
    e.dx = cuda_put(e.x, n * 4);
    e.dmore = cuda_put(e.more, n * 4);
    e.dnorm = cuda_put(e.norm, n_out * 4);
    e.dz = cuda_put(NULL, n * 4);
    e.dssq = cuda_put(NULL, (size_t)rows * e.blocks * 4);
    e.ints = cuda_put(NULL, weir_acts_bytes(ENG_ACTS_INT, rows, n_out, 3));
    e.bf16 = cuda_put(NULL, weir_acts_bytes(ENG_ACTS_BF16, rows, n_out, 3));
    e.t = (struct weir_tail){.more = more ? e.dmore : NULL,
                             .x = e.dx,
                             .ssq = e.dssq,
                             .norm = e.dnorm,
                             .z = e.dz,
                             .n_out = n_out,
                             .n = rows,
                             .scale = 0.75f,
                             .out_scale = 1.25f,
                             .on = 1};
    e.t.to.ints = weir_acts_at(ENG_ACTS_INT, rows, n_out, 3, NULL, e.ints);
    e.t.to.bf16 = weir_acts_at(ENG_ACTS_BF16, rows, n_out, 3, NULL, e.bf16);
    return e;
}

static void drop_ends(struct ends *e)
{
    const void *all[] = {e->dx, e->dmore, e->dnorm, e->dz, e->dssq, e->ints, e->bf16};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cuda_drop(all[i]);
    free(e->x);
    free(e->more);
    free(e->norm);
}

/* y[rows][n_out]: what the product gave, slack its error; e->x becomes what the stream is then. */
static void check_ends(struct ends *e, const double *y, const double *slack, const char *what)
{
    size_t n = (size_t)e->rows * e->n_out;
    float *x = malloc(n * 4), *z = malloc(n * 4), *ssq = malloc((size_t)e->rows * e->blocks * 4);
    cuda_get(x, e->dx, n * 4);
    cuda_get(z, e->dz, n * 4);
    cuda_get(ssq, e->dssq, (size_t)e->rows * e->blocks * 4);
    float *ints = planes_get(ENG_ACTS_INT, &e->t.to.ints, e->rows);
    float *bf16 = planes_get(ENG_ACTS_BF16, &e->t.to.bf16, e->rows);
    for (uint32_t r = 0; r < e->rows; r++)
        for (uint32_t b = 0; b < e->blocks; b++) {
            double sum = 0;
            float most = 0;
            for (uint32_t o = b * 32; o < e->n_out && o < b * 32 + 32; o++) {
                size_t at = (size_t)r * e->n_out + o;
                double v = y[at] + (e->t.more ? (double)e->more[at] : 0);
                v = ((double)e->x[at] + 0.75 * v) * 1.25;
                float tol = (float)(slack[at] + 4e-7 * fabs(v) + 1e-6);
                cuda_near(x[at], (float)v, tol, what, at);
                cuda_near(z[at], x[at] * e->norm[o], 0, "normed", at);
                cuda_near(bf16[at], z[at], 0, "bf16", at);
                sum += (double)x[at] * (double)x[at];
                most = fmaxf(most, fabsf(z[at]));
            }
            for (uint32_t o = b * 32; o < e->n_out && o < b * 32 + 32; o++)
                cuda_near(ints[(size_t)r * e->n_out + o], z[(size_t)r * e->n_out + o],
                          most * 2.5e-7f, "planes", o);
            cuda_near(ssq[r * e->blocks + b], (float)sum, (float)(sum * 1e-6), "squares", b);
        }
    memcpy(e->x, x, n * 4);
    free(x);
    free(z);
    free(ssq);
    free(ints);
    free(bf16);
}

/* A product of the stream, normed: with what is left of the norm done by the product. */
static void check_next(const struct ends *e, uint32_t type)
{
    enum { OUT = 21 };
    struct weights w = make_weights(type, e->n_out, OUT, 1, false, true);
    enum eng_pack_acts kind = eng_pack_layout(w.pack.form)->acts;
    float y[OUT], *dy = cuda_put(NULL, (size_t)e->rows * OUT * 4);
    double *row = malloc(e->n_out * sizeof *row);
    float *normed = malloc(e->n_out * 4);
    struct weir_acts acts = kind == ENG_ACTS_INT ? e->t.to.ints
                            : kind == ENG_ACTS_BF16
                                ? e->t.to.bf16
                                : weir_acts_at(kind, e->rows, e->n_out, 0, e->dz, NULL);
    acts.ssq = e->dssq;
    acts.n_ssq = e->blocks;
    acts.eps = 1e-5f;
    struct weir_mm_args a = {.mat = {mat_of(&w, dy, OUT)},
                             .acts = acts,
                             .n_mats = 1,
                             .mode = WEIR_MM_DENSE,
                             .n_rows = e->rows};
    eng_cuda_mm(dev, w.pack.form, &a, e->rows, 0);
    for (uint32_t r = 0; r < e->rows; r++) {
        double sum = 0, most = 0, slack;
        for (uint32_t i = 0; i < e->n_out; i++)
            sum += (double)e->x[(size_t)r * e->n_out + i] * (double)e->x[(size_t)r * e->n_out + i];
        for (uint32_t i = 0; i < e->n_out; i++) {
            normed[i] = (float)((double)e->x[(size_t)r * e->n_out + i] * (double)e->norm[i] /
                                sqrt(sum / e->n_out + 1e-5));
            most = fmax(most, fabs((double)normed[i]));
        }
        cuda_get(y, dy + (size_t)r * OUT, sizeof y);
        for (uint32_t o = 0; o < OUT; o++) {
            double want = dot(&w, 0, 0, o, normed, &slack);
            cuda_near(y[o], (float)want, (float)(1.5e-6 * slack * (most + 1)), "next", o);
        }
    }
    free(row);
    free(normed);
    cuda_drop(dy);
    drop_weights(&w);
}

/* ---- dense ---- */

static void dense(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t rows, bool more)
{
    struct weights w = make_weights(type, n_in, n_out, 1, false, true);
    struct acts x = make_acts(type, rows, n_in, 3);
    struct ends e = make_ends(rows, n_out, more);
    double *y = malloc((size_t)rows * n_out * sizeof *y);
    double *slack = malloc((size_t)rows * n_out * sizeof *slack);
    for (size_t i = 0; i < (size_t)rows * n_out; i++) {
        y[i] = dot(&w, 0, 0, (uint32_t)(i % n_out), x.x + i / n_out * n_in, &slack[i]);
        slack[i] *= 5e-6;
    }
    struct weir_mm_args a = {.mat = {mat_of(&w, NULL, n_out)},
                             .acts = x.a,
                             .tail = e.t,
                             .n_mats = 1,
                             .mode = WEIR_MM_DENSE,
                             .n_rows = rows};
    eng_cuda_mm(dev, w.pack.form, &a, rows, 0);
    check_ends(&e, y, slack, eng_type_name(type));
    check_next(&e, ENG_F32);
    if (n_out % 32 == 0)
        check_next(&e, rows % 2 ? ENG_Q8_0 : ENG_MXFP4);
    check_next(&e, ENG_BF16);
    free(y);
    free(slack);
    drop_ends(&e);
    drop_acts(&x);
    drop_weights(&w);
}

static void dense_once(void)
{
    dense(ENG_Q4_K, 256, 160, 1, false);
    dense(ENG_BF16, 70, 83, 8, true);
    dense(ENG_MXFP4, 96, 96, 3, true);
    dense(ENG_F16, 40, 5, 2, false);
    dense(ENG_Q8_0, 64, 224, 9, true);
    dense(ENG_Q6_K, 256, 96, 33, false);
    dense(ENG_BF16, 64, 300, 64, true);
    dense(ENG_IQ4_NL, 32, 33, 70, false);
}

/* ---- a matrix a head, rounded as one row ---- */

static void heads(uint32_t n_head, uint32_t n_out, uint32_t rows)
{
    struct weights w = make_weights(ENG_Q8_0, 64, n_out, n_head, false, false);
    struct acts x = make_acts(ENG_Q8_0, rows * n_head, 64, 3);
    uint32_t n = n_head * n_out;
    void *memory = cuda_put(NULL, weir_acts_bytes(ENG_ACTS_INT, rows, n, 3));
    struct weir_acts to = weir_acts_at(ENG_ACTS_INT, rows, n, 3, NULL, memory);
    struct weir_mm_args a = {.mat = {mat_of(&w, NULL, n)},
                             .acts = x.a,
                             .tail = {.n_out = n, .to.ints = to, .on = 1},
                             .n_mats = 1,
                             .mode = WEIR_MM_EACH,
                             .n_rows = rows};
    a.mat[0].step = n_out;
    eng_cuda_mm(dev, w.pack.form, &a, rows, n_head);
    float *got = planes_get(ENG_ACTS_INT, &to, rows);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < n; i++) {
            double slack;
            double want = dot(&w, 0, i / n_out, i % n_out,
                              x.x + ((size_t)(i / n_out) * rows + r) * 64, &slack);
            cuda_near(got[(size_t)r * n + i], (float)want, (float)(8e-6 * slack), "head", i);
        }
    free(got);
    cuda_drop(memory);
    drop_acts(&x);
    drop_weights(&w);
}

static void heads_once(void)
{
    heads(3, 128, 1);
    heads(4, 32, 7);
    heads(2, 96, 21);
    heads(3, 64, 64);
}

/* ---- pairs of experts ---- */

/* n_tok tokens with n_used experts each of n_expert, in pairs as route.h lists them. */
struct lists {
    uint32_t n, n_tiles, *row, *expert, *pair_of, *first, *tile_expert, *tile_first;
    void *dev[6];
};

static struct lists make_lists(uint32_t n_tok, uint32_t n_used, uint32_t n_expert)
{
    struct lists l = {.n = n_tok * n_used};
    uint32_t at = 0, rows = weir_mm_rows(n_tok), start = cuda_rnd() % n_expert;
    uint32_t **all[] = {&l.row, &l.expert, &l.pair_of, &l.tile_expert, &l.tile_first};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = malloc((l.n + 1) * 4);
    l.first = malloc((n_expert + 1) * 4);
    for (uint32_t e = 0; e < n_expert; e++) {
        l.first[e] = at;
        for (uint32_t i = 0; i < l.n; i++) /* slot k of token t: another for each k */
            if ((start + i / n_used * 3 % n_expert + i % n_used) % n_expert == e) {
                l.row[at] = i / n_used;
                l.expert[at] = e;
                l.pair_of[i] = at++;
            }
        for (uint32_t i = l.first[e]; i < at; i += rows) {
            l.tile_expert[l.n_tiles] = e;
            l.tile_first[l.n_tiles++] = i;
        }
    }
    l.first[n_expert] = at;
    const void *from[] = {l.row, l.pair_of, l.first, l.tile_expert, l.tile_first, &l.n_tiles};
    size_t words[] = {l.n, l.n, n_expert + 1, l.n_tiles, l.n_tiles, 1};
    for (int i = 0; i < 6; i++)
        l.dev[i] = cuda_put(from[i], words[i] * 4);
    return l;
}

static void drop_lists(struct lists *l)
{
    uint32_t *all[] = {l->row, l->expert, l->pair_of, l->first, l->tile_expert, l->tile_first};
    for (int i = 0; i < 6; i++) {
        free(all[i]);
        cuda_drop(l->dev[i]);
    }
}

static void experts(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t n_tok, uint32_t n_used,
                    bool weigh, bool ride)
{
    enum { E = 6 };
    struct weights w = make_weights(type, n_in, n_out, E, false, true);
    struct weights own = make_weights(type, n_in, n_out, 1, false, true);
    struct lists l = make_lists(n_tok, n_used, E);
    struct acts x = make_acts(type, l.n + n_tok, n_in, 3); /* by pair, then the shared expert's */
    struct ends e = make_ends(n_tok, n_out, ride);
    size_t n = (size_t)n_tok * n_out, counts = (n_out + 31) / 32;
    float *weights = cuda_floats(l.n, 1), *dw = cuda_put(weights, l.n * 4);
    float *dy = cuda_put(NULL, (size_t)l.n * n_out * 4);
    uint32_t *zeros = calloc(counts, 4), *count = cuda_put(zeros, counts * 4);
    double *y = calloc(n, sizeof *y), *slack = calloc(n, sizeof *slack), s;
    for (uint32_t i = 0; i < l.n; i++)
        for (uint32_t o = 0; o < n_out; o++) {
            uint32_t pair = l.pair_of[i];
            double by = weigh ? (double)weights[i] : 1;
            size_t at = (size_t)(i / n_used) * n_out + o;
            y[at] += by * dot(&w, 0, l.expert[pair], o, x.x + (size_t)pair * n_in, &s);
            slack[at] += 5e-6 * s;
        }
    for (size_t i = 0; ride && i < n; i++) {
        y[i] += dot(&own, 0, 0, (uint32_t)(i % n_out), x.x + (l.n + i / n_out) * n_in, &s) -
                (double)e.more[i]; /* which it overwrites */
        slack[i] += 5e-6 * s;
    }
    struct weir_mm_args a = {.mat = {mat_of(&w, dy, n_out)},
                             .acts = x.a,
                             .tile_expert = l.dev[3],
                             .tile_first = l.dev[4],
                             .n_tiles = l.dev[5],
                             .pair_first = l.dev[2],
                             .tail = e.t,
                             .n_mats = 1,
                             .mode = WEIR_MM_EXPERT};
    a.tail.pair_of = l.dev[1];
    a.tail.weights = weigh ? dw : NULL;
    a.tail.n_used = n_used;
    a.tail.count = count;
    if (ride) {
        uintptr_t shift = (uintptr_t)l.n * n_out * sizeof(float);
        a.mat[1] = mat_of(&own, (float *)((uintptr_t)e.dmore - shift), n_out);
        a.ride_first = l.n;
        a.ride_rows = n_tok;
    }
    for (int twice = 0; twice < 2; twice++) { /* counters are as they were */
        eng_cuda_upload(dev, e.dx, e.x, n * 4);
        eng_cuda_mm(dev, w.pack.form, &a, n_tok, l.n_tiles + 3);
    }
    check_ends(&e, y, slack, eng_type_name(type));
    uint32_t *after = malloc(counts * 4);
    cuda_get(after, count, counts * 4);
    assert_memory_equal(after, zeros, counts * 4);
    free(after);
    free(zeros);
    free(weights);
    free(y);
    free(slack);
    cuda_drop(dw);
    cuda_drop(dy);
    cuda_drop(count);
    drop_ends(&e);
    drop_acts(&x);
    drop_lists(&l);
    drop_weights(&w);
    drop_weights(&own);
}

static void experts_once(void)
{
    experts(ENG_MXFP4, 96, 96, 1, 4, true, false);
    experts(ENG_Q4_K, 256, 160, 8, 3, true, true);
    experts(ENG_Q8_0, 64, 83, 5, 2, false, false);
    experts(ENG_Q4_0, 64, 300, 20, 4, true, true);
    experts(ENG_BF16, 32, 70, 64, 2, true, false);
}

/* ---- a pair that rides ---- */

static void pair_rides(uint32_t n_tok)
{
    enum { E = 6, USED = 2, IN = 64, FF = 96 };
    struct weights w = make_weights(ENG_Q8_0, IN, FF, E, true, true);
    struct weights own = make_weights(ENG_Q8_0, IN, FF, 1, true, true);
    struct lists l = make_lists(n_tok, USED, E);
    struct acts x = make_acts(ENG_Q8_0, n_tok, IN, 3);
    uint32_t rows = l.n + n_tok;
    void *memory = cuda_put(NULL, weir_acts_bytes(ENG_ACTS_INT, rows, FF, 3));
    struct weir_acts to = weir_acts_at(ENG_ACTS_INT, rows, FF, 3, NULL, memory);
    struct weir_mm_args a = {.mat = {mat_of(&w, NULL, FF), mat_of(&own, NULL, FF)},
                             .acts = x.a,
                             .tile_expert = l.dev[3],
                             .tile_first = l.dev[4],
                             .n_tiles = l.dev[5],
                             .pair_first = l.dev[2],
                             .pair_row = l.dev[0],
                             .ride_first = l.n,
                             .ride_rows = n_tok,
                             .round = to,
                             .n_mats = 1,
                             .pair = 1,
                             .act = WEIR_ACT_SILU,
                             .mode = WEIR_MM_EXPERT};
    eng_cuda_mm(dev, w.pack.form, &a, n_tok, l.n_tiles + 2);
    float *got = planes_get(ENG_ACTS_INT, &to, rows);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t o = 0; o < FF; o++) {
            const struct weights *m = r < l.n ? &w : &own;
            uint32_t e = r < l.n ? l.expert[r] : 0, t = r < l.n ? l.row[r] : r - l.n;
            double sg, su, g = dot(m, 0, e, o, x.x + (size_t)t * IN, &sg);
            double u = dot(m, 1, e, o, x.x + (size_t)t * IN, &su);
            double slack = 1e-5 * (1.2 * sg * (fabs(u) + 1) + su * (fabs(g) + 1));
            cuda_near(got[(size_t)r * FF + o], (float)(g / (1 + exp(-g)) * u), (float)slack + 1e-4f,
                      "hidden", o);
        }
    free(got);
    cuda_drop(memory);
    drop_acts(&x);
    drop_lists(&l);
    drop_weights(&w);
    drop_weights(&own);
}

static void pair_rides_once(void)
{
    pair_rides(1);
    pair_rides(8);
    pair_rides(19);
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        cuda_seeds(5, name##_once);                                                                \
    }
TEST(dense)
TEST(heads)
TEST(experts)
TEST(pair_rides)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dense), cmocka_unit_test(test_heads),
                                       cmocka_unit_test(test_experts),
                                       cmocka_unit_test(test_pair_rides)};
    return cmocka_run_group_tests(tests, cuda_open, cuda_close);
}
