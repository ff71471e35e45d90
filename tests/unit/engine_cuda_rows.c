/* engine_cuda_rows.c - kernels of rows.h and hyper.h against sums in double precision.
 *
 * Method: random rows of lengths that are no multiple of a warp or a block, 0 to 9 tokens, every
 * option of joining alone and all together; several schedules of the emulator.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/hyper.h"
#include "engine/cuda/rows.h"

#define TOL 2e-5f

static double inv_rms(const double *x, uint32_t n, double eps)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return 1 / sqrt(sum / n + eps);
}

static void compare(const float *got, const double *want, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        cuda_near(got[i], (float)want[i], TOL * (1 + (float)fabs(want[i])), what, i);
}

static const uint32_t sizes[] = {2, 31, 32, 33, 64, 257, 1000, 1025, 2880};

static const uint32_t batches[] = {1, 2, 3, 8, 9, 16, 33, 64};
#define N_SIZES   (sizeof(sizes) / sizeof(*sizes))
#define N_BATCHES (sizeof(batches) / sizeof(*batches))

static void embed_and_norm(void)
{
    for (size_t k = 0; k < N_SIZES + N_BATCHES; k++) {
        uint32_t d = k < N_SIZES ? sizes[k] : 65, streams = 1 + (uint32_t)k % 4;
        uint32_t n = k < N_SIZES ? 1 + (uint32_t)k % 5 : batches[k - N_SIZES];
        cuda_case(n, "ragged");
        float *rows = cuda_floats((size_t)n * d, 2), *w = cuda_floats(d, 1);
        float *got = malloc((size_t)n * streams * d * 4);
        void *dr = cuda_put(rows, (size_t)n * d * 4), *dw = cuda_put(w, (size_t)d * 4);
        void *dx = cuda_put(NULL, (size_t)n * streams * d * 4);
        eng_cuda_embed(dev, &(struct weir_embed_args){dr, dx, n, d, streams, 1.5f});
        cuda_get(got, dx, (size_t)n * streams * d * 4);
        for (size_t i = 0; i < (size_t)n * streams * d; i++)
            cuda_near(got[i], 1.5f * rows[i / ((size_t)streams * d) * d + i % d], 0, "x", i);
        for (int with = 0; with < 2; with++) {
            double *want = malloc((size_t)n * d * sizeof(double));
            eng_cuda_norm(dev, &(struct weir_norm_args){dr, with ? dw : NULL, dx, n, d, 0.01f});
            cuda_get(got, dx, (size_t)n * d * 4);
            for (size_t i = 0; i < (size_t)n * d; i++)
                want[i] = rows[i];
            for (uint32_t t = 0; t < n; t++) {
                double inv = inv_rms(want + (size_t)t * d, d, 0.01);
                for (uint32_t i = 0; i < d; i++)
                    want[(size_t)t * d + i] *= inv * (with ? w[i] : 1);
            }
            compare(got, want, (size_t)n * d, "norm");
            free(want);
        }
        eng_cuda_norm(dev, &(struct weir_norm_args){dr, dw, dr, n, d, 0.01f}); /* in place */
        float *again = malloc((size_t)n * d * 4);
        eng_cuda_norm(dev, &(struct weir_norm_args){dx, NULL, dx, 0, d, 0.01f}); /* nobody */
        eng_cuda_embed(dev, &(struct weir_embed_args){dr, dr, 0, d, streams, 1.5f});
        cuda_case_none("weir_norm");
        cuda_case_none("weir_embed");
        cuda_get(again, dr, (size_t)n * d * 4);
        eng_cuda_upload(dev, dr, rows, (size_t)n * d * 4);
        eng_cuda_norm(dev, &(struct weir_norm_args){dr, dw, dx, n, d, 0.01f});
        cuda_get(got, dx, (size_t)n * d * 4);
        assert_memory_equal(got, again, (size_t)n * d * 4);
        free(again);
        free(got);
        free(rows);
        free(w);
        cuda_drop(dr);
        cuda_drop(dw);
        cuda_drop(dx);
    }
}

static void angles_of(uint32_t n)
{
    enum { N = 64, ROT = 66 };
    uint32_t pos[N] = {0, 1, 2, 100, 4095, 131071, 1048575};
    float freq[ROT / 2], got[N * ROT];
    for (uint32_t t = 7; t < N; t++)
        pos[t] = cuda_rnd() % 100000;
    for (int i = 0; i < ROT / 2; i++)
        freq[i] = powf(10000, -2.0f * (float)i / ROT);
    cuda_case(n, "ragged");
    void *dp = cuda_put(pos, n * 4), *df = cuda_put(freq, sizeof(freq));
    void *dc = cuda_put(NULL, n * ROT * 4);
    eng_cuda_angles(dev, &(struct weir_angles_args){dp, df, dc, n, ROT, 1.25f});
    cuda_get(got, dc, n * ROT * 4);
    for (uint32_t i = 0; i < n * ROT; i++) {
        float angle = (float)pos[i / ROT] * freq[i % ROT / 2];
        cuda_near(got[i], 1.25f * (float)(i % 2 ? sin((double)angle) : cos((double)angle)), 1e-6f,
                  "cs", (size_t)i);
    }
    cuda_drop(dp);
    cuda_drop(df);
    cuda_drop(dc);
}

static void angles(void)
{
    for (size_t k = 0; k < N_BATCHES; k++)
        angles_of(batches[k]);
    angles_of(7);
    angles_of(0);
    cuda_case_none("weir_angles");
}

/* ---- joining ---- */

enum {
    PAIRS = 1,
    WEIGHTS = 2,
    NORM_A = 4,
    SIDE = 8,
    NORM_B = 16,
    SHARED = 32,
    GATE = 64,
    NEXT = 128
};

struct join {
    uint32_t n, d, streams, used;
    int with;
    float *x, *add, *weights, *norm_a, *side, *norm_b, *shared, *gate_x, *gate_w, *take, *next;
    uint32_t *pair;
};

/* v, in doubles */
static void join_v(const struct join *j, uint32_t t, double *v)
{
    for (uint32_t i = 0; i < j->d; i++) {
        v[i] = j->with & PAIRS ? 0 : j->add[(size_t)t * j->d + i];
        for (uint32_t k = 0; j->with & PAIRS && k < j->used; k++) {
            size_t slot = (size_t)t * j->used + k;
            v[i] += (j->with & WEIGHTS ? j->weights[slot] : 1.0) *
                    (double)j->add[(size_t)j->pair[slot] * j->d + i];
        }
    }
    double inv = inv_rms(v, j->d, 1e-3);
    for (uint32_t i = 0; j->with & NORM_A && i < j->d; i++)
        v[i] *= inv * j->norm_a[i];
    for (uint32_t i = 0; j->with & SIDE && i < j->d; i++)
        v[i] += j->side[(size_t)t * j->d + i];
    inv = inv_rms(v, j->d, 1e-3);
    for (uint32_t i = 0; j->with & NORM_B && i < j->d; i++)
        v[i] *= inv * j->norm_b[i];
}

static void join_want(const struct join *j, double *x, double *y)
{
    double *v = malloc(j->d * sizeof(*v));
    for (uint32_t t = 0; t < j->n; t++) {
        double g = 0, *row = x + (size_t)t * j->streams * j->d;
        join_v(j, t, v);
        for (uint32_t i = 0; i < j->d; i++)
            g += (double)j->gate_x[(size_t)t * j->d + i] * j->gate_w[i];
        g = j->with & GATE ? 1 / (1 + exp(-g)) : 1;
        for (uint32_t i = 0; i < j->streams * j->d; i++) {
            double part = j->streams > 1 ? j->take[t * 20 + i / j->d] : 0.5;
            row[i] += part * v[i % j->d];
            if (j->with & SHARED)
                row[i] += part * g * j->shared[(size_t)t * j->d + i % j->d];
            row[i] *= j->streams == 1 ? 0.75 : 1;
        }
        double inv = inv_rms(row, j->d, 1e-3);
        for (uint32_t i = 0; i < j->d; i++)
            y[(size_t)t * j->d + i] = row[i] * inv * j->next[i];
    }
    free(v);
}

static void join_once(struct join *j)
{
    cuda_case(j->n, "ragged");
    size_t nd = (size_t)j->n * j->d, nx = nd * j->streams, rows = j->n * j->used;
    j->x = cuda_floats(nx, 1);
    j->add = cuda_floats(rows * j->d, 1);
    j->weights = cuda_floats(rows, 1);
    j->pair = malloc(rows * 4);
    for (uint32_t i = 0; i < rows; i++) /* every pair once, out of order */
        j->pair[i] = (i * 5 + 3) % (uint32_t)rows;
    float **all[] = {&j->norm_a, &j->side,   &j->norm_b, &j->shared,
                     &j->gate_x, &j->gate_w, &j->next};
    void *on[7];
    for (int i = 0; i < 7; i++) {
        *all[i] = cuda_floats(nd, 0.3f);
        on[i] = cuda_put(*all[i], nd * 4);
    }
    j->take = cuda_floats((size_t)j->n * 20, 1);
    void *dx = cuda_put(j->x, nx * 4), *da = cuda_put(j->add, rows * j->d * 4);
    void *dw = cuda_put(j->weights, rows * 4), *dp = cuda_put(j->pair, rows * 4);
    void *dt = cuda_put(j->take, (size_t)j->n * 80), *dv = cuda_put(NULL, nd * 4);
    void *dy = cuda_put(NULL, nd * 4);
    bool one = j->streams == 1;
    struct weir_join_args a = {.x = dx,
                               .add = da,
                               .pair_of = j->with & PAIRS ? dp : NULL,
                               .weights = j->with & WEIGHTS ? dw : NULL,
                               .norm_a = j->with & NORM_A ? on[0] : NULL,
                               .side = j->with & SIDE ? on[1] : NULL,
                               .norm_b = j->with & NORM_B ? on[2] : NULL,
                               .shared = j->with & SHARED ? on[3] : NULL,
                               .gate_x = j->with & GATE ? on[4] : NULL,
                               .gate_w = j->with & GATE ? on[5] : NULL,
                               .take = one ? NULL : dt,
                               .next_norm = j->with & NEXT && one ? on[6] : NULL,
                               .y = dy,
                               .v = dv,
                               .n = j->n,
                               .n_embd = j->d,
                               .n_stream = j->streams,
                               .n_used = j->used,
                               .take_step = 20,
                               .scale = one ? 0.5f : 1,
                               .out_scale = one ? 0.75f : 0,
                               .eps = 1e-3f};
    eng_cuda_join(dev, &a);
    double *want = malloc(nx * sizeof(*want)), *want_y = malloc(nd * sizeof(*want_y));
    for (size_t i = 0; i < nx; i++)
        want[i] = j->x[i];
    join_want(j, want, want_y);
    cuda_get(j->x, dx, nx * 4);
    compare(j->x, want, nx, "joined");
    if (a.next_norm) {
        cuda_get(j->add, dy, nd * 4);
        compare(j->add, want_y, nd, "next");
    }
    free(want);
    free(want_y);
    for (int i = 0; i < 7; i++) {
        cuda_drop(on[i]);
        free(*all[i]);
    }
    const void *dropped[] = {dx, da, dw, dp, dt, dv, dy};
    for (int i = 0; i < 7; i++)
        cuda_drop(dropped[i]);
    free(j->x);
    free(j->add);
    free(j->weights);
    free(j->pair);
    free(j->take);
}

static void joins(void)
{
    for (int bit = 0; bit < 9; bit++) /* each option alone, and none */
        join_once(&(struct join){.n = 2, .d = 65, .streams = 1, .used = 3, .with = 1 << bit & 255});
    for (uint32_t streams = 1; streams <= 4; streams += 3)
        for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k += 2)
            join_once(&(struct join){
                .n = 1 + (uint32_t)k, .d = sizes[k], .streams = streams, .used = 4, .with = 255});
    join_once(&(struct join){.n = 3, .d = 96, .streams = 1, .used = 1, .with = SHARED | NEXT});
    for (size_t k = 0; k < N_BATCHES; k++)
        join_once(&(struct join){
            .n = batches[k], .d = 37, .streams = k & 1 ? 2 : 1, .used = 3, .with = 255});
    eng_cuda_join(dev, &(struct weir_join_args){.n_embd = 37, .n_stream = 1, .scale = 1});
    cuda_case_none("weir_join");
}

/* Rounding on the way gives the bytes that rounding afterwards gives. */
static void join_and_round(void)
{
    for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++)
        for (uint32_t planes = 1; planes <= 3; planes++) {
            uint32_t d = sizes[k], n = 3;
            size_t bytes = weir_acts_bytes(ENG_ACTS_INT, n, d, planes);
            float *x = cuda_floats((size_t)n * d, 5), *w = cuda_floats(d, 1);
            void *dx = cuda_put(x, (size_t)n * d * 4), *da = cuda_put(x, (size_t)n * d * 4);
            void *dw = cuda_put(w, (size_t)d * 4), *dy = cuda_put(NULL, (size_t)n * d * 4);
            void *on[2] = {cuda_put(NULL, bytes), cuda_put(NULL, bytes)};
            uint8_t *got[2] = {malloc(bytes), malloc(bytes)};
            memset(got[0], 0, bytes);
            eng_cuda_upload(dev, on[0], got[0], bytes); /* what is only there for alignment */
            eng_cuda_upload(dev, on[1], got[0], bytes);
            struct weir_join_args a = {.x = dx,
                                       .add = da,
                                       .next_norm = dw,
                                       .y = dy,
                                       .round = weir_acts_at(ENG_ACTS_INT, n, d, planes, dy, on[0]),
                                       .n = n,
                                       .n_embd = d,
                                       .n_stream = 1,
                                       .scale = 0.25f,
                                       .eps = 1e-3f};
            eng_cuda_join(dev, &a);
            struct weir_round_args r = {
                .x = dy, .out = weir_acts_at(ENG_ACTS_INT, n, d, planes, dy, on[1]), .rows = n};
            eng_cuda_round(dev, ENG_ACTS_INT, &r);
            for (int i = 0; i < 2; i++)
                cuda_get(got[i], on[i], bytes);
            assert_memory_equal(got[0], got[1], bytes);
            for (int i = 0; i < 2; i++) {
                cuda_drop(on[i]);
                free(got[i]);
            }
            cuda_drop(dx);
            cuda_drop(da);
            cuda_drop(dw);
            cuda_drop(dy);
            free(x);
            free(w);
        }
}

/* ---- the small ones ---- */

static void gather_and_logits_of(uint32_t n)
{
    enum { N = 65, D = 300 };
    float *x = malloc(N * D * 4), *got = malloc(N * D * 4);
    uint32_t index[N];
    assert_true(x && got);
    cuda_case(n, "ragged");
    for (uint32_t i = 0; i < N; i++)
        index[i] = (i * 7 + 4) % N;
    for (int i = 0; i < N * D; i++)
        x[i] = cuda_rndf() * 40;
    void *dx = cuda_put(x, N * D * 4), *di = cuda_put(index, sizeof(index));
    void *dy = cuda_put(NULL, n * D * 4);
    eng_cuda_gather(dev, &(struct weir_gather_args){dx, dy, di, n, D});
    cuda_get(got, dy, n * D * 4);
    for (uint32_t r = 0; r < n; r++)
        assert_memory_equal(got + r * D, x + index[r] * D, D * 4);
    eng_cuda_logits(dev, &(struct weir_logits_args){dy, n, D, 2, 0});
    cuda_get(got, dy, n * D * 4);
    for (uint32_t i = 0; i < n * D; i++)
        cuda_near(got[i], x[index[i / D] * D + i % D] / 2, 0, "divided", i);
    eng_cuda_logits(dev, &(struct weir_logits_args){dy, n, D, 1, 5});
    cuda_get(got, dy, n * D * 4);
    for (uint32_t i = 0; i < n * D; i++) {
        double v = x[index[i / D] * D + i % D] / 2;
        cuda_near(got[i], (float)(5 * tanh(v / 5)), 1e-5f, "capped", i);
    }
    cuda_drop(dx);
    cuda_drop(di);
    cuda_drop(dy);
    free(x);
    free(got);
}

static void gather_and_logits(void)
{
    for (size_t k = 0; k < N_BATCHES; k++)
        gather_and_logits_of(batches[k]);
    gather_and_logits_of(0);
    cuda_case_none("weir_gather");
    cuda_case_none("weir_logits");
}

static void sides_of(uint32_t n)
{
    enum { MOST = 64, L = 4, S = 40 };
    const uint32_t ALL = n * L * S;
    cuda_case(n, "ragged");
    float *x = cuda_floats(ALL, 3), *own = cuda_floats(ALL, 1), *norm = cuda_floats(S, 1);
    float *g = cuda_floats(n * S, 2), *got = malloc(MOST * L * S * 4);
    void *dx = cuda_put(x, ALL * 4), *down = cuda_put(own, ALL * 4), *dn = cuda_put(norm, S * 4);
    void *dg = cuda_put(g, n * S * 4);
    eng_cuda_side_in(dev, &(struct weir_side_in_args){dx, down, dn, n, L, S, 64, 1e-3f});
    cuda_get(got, dx, ALL * 4);
    double *want = malloc(MOST * L * S * 8), *want_g = malloc(MOST * S * 8);
    assert_true(got && want && want_g);
    for (uint32_t r = 0; r < n * L; r++) {
        double row[S];
        for (uint32_t i = 0; i < S; i++)
            row[i] = x[r * S + i] / 8.0;
        double inv = inv_rms(row, S, 1e-3);
        for (uint32_t i = 0; i < S; i++)
            want[r * S + i] = (row[i] * inv * norm[i] + own[r * S + i] * sqrt(S)) * sqrt(0.5);
    }
    compare(got, want, ALL, "inputs");
    eng_cuda_side_gate(dev, &(struct weir_side_gate_args){dg, dx, n, L, S, 2});
    for (uint32_t i = 0; i < n * S; i++) {
        double v = g[i];
        want_g[i] = 0.5 * v * (1 + tanh(0.79788456 * (v + 0.044715 * v * v * v))) *
                    want[(i / S * L + 2) * S + i % S];
    }
    cuda_get(got, dg, n * S * 4);
    compare(got, want_g, n * S, "gated");
    free(x);
    free(own);
    free(norm);
    free(g);
    free(got);
    free(want);
    free(want_g);
    cuda_drop(dx);
    cuda_drop(down);
    cuda_drop(dn);
    cuda_drop(dg);
}

static void sides(void)
{
    for (size_t k = 0; k < N_BATCHES; k++)
        sides_of(batches[k]);
    sides_of(0);
    cuda_case_none("weir_side_in");
    cuda_case_none("weir_side_gate");
}

/* ---- streams ---- */

static void want_hyper(uint32_t n, uint32_t d, double *m, double *x, double *in)
{
    double *c = m + 2 * n, old[8];
    for (uint32_t i = 0; i < n; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < n; k++)
            sum += c[i * n + k] = exp(c[i * n + k]);
        for (uint32_t k = 0; k < n; k++)
            c[i * n + k] = c[i * n + k] / sum + 1e-6;
    }
    for (int it = 0; it < 6; it++)
        for (int cols = it == 0; cols < 2; cols++)
            for (uint32_t i = 0; i < n; i++) {
                double sum = 1e-6;
                for (uint32_t k = 0; k < n; k++)
                    sum += c[cols ? k * n + i : i * n + k];
                for (uint32_t k = 0; k < n; k++)
                    c[cols ? k * n + i : i * n + k] /= sum;
            }
    for (uint32_t i = 0; i < d; i++) {
        in[i] = 0;
        for (uint32_t s = 0; s < n; s++) {
            old[s] = x[s * d + i];
            in[i] += (1 / (1 + exp(-m[s])) + 1e-6) * old[s];
        }
        for (uint32_t to = 0; to < n; to++) {
            x[to * d + i] = 0;
            for (uint32_t s = 0; s < n; s++)
                x[to * d + i] += c[s * n + to] * old[s];
        }
    }
}

static void streams_of(uint32_t n, uint32_t d, uint32_t rows)
{
    uint32_t all = (2 + n) * n;
    cuda_case(rows, "ragged");
    float *mix = cuda_floats(rows * all, 1), *base = cuda_floats(all, 1),
          scale[3] = {0.7f, 1.1f, 0.4f};
    float *x = cuda_floats(rows * n * d, 1), *in = malloc(rows * d * 4);
    double *wx = malloc(rows * n * d * 8), *wi = malloc(rows * d * 8), m[80], take[64 * 8];
    for (uint32_t t = 0; t < rows; t++) {
        for (uint32_t i = 0; i < all; i++)
            m[i] = (double)mix[t * all + i] * scale[i < n ? 0 : i < 2 * n ? 1 : 2] + base[i];
        for (uint32_t i = 0; i < n; i++)
            take[t * 8 + i] = 2 / (1 + exp(-m[n + i]));
        for (uint32_t i = 0; i < n * d; i++)
            wx[t * n * d + i] = x[t * n * d + i];
        want_hyper(n, d, m, wx + (size_t)t * n * d, wi + (size_t)t * d);
    }
    void *dm = cuda_put(mix, rows * all * 4), *db = cuda_put(base, all * 4);
    void *ds = cuda_put(scale, 12), *dx = cuda_put(x, rows * n * d * 4);
    void *di = cuda_put(NULL, rows * d * 4);
    eng_cuda_hyper_in(dev, &(struct weir_hyper_in_args){dm, db, ds, dx, di, rows, n, d, 6, 1e-6f});
    cuda_get(x, dx, rows * n * d * 4);
    compare(x, wx, rows * n * d, "streams");
    cuda_get(in, di, rows * d * 4);
    compare(in, wi, rows * d, "in");
    float *got = malloc(rows * all * 4);
    cuda_get(got, dm, rows * all * 4);
    for (uint32_t t = 0; t < rows; t++)
        compare(got + t * all, take + t * 8, n, "take");
    free(got);
    eng_cuda_upload(dev, dm, mix, rows * n * 4); /* as [rows][n] */
    eng_cuda_hyper_out(dev, &(struct weir_hyper_out_args){dm, db, ds, dx, di, rows, n, d, 1e-6f});
    cuda_get(in, di, rows * d * 4);
    for (uint32_t i = 0; i < rows * d; i++) {
        wi[i] = 0;
        for (uint32_t s = 0; s < n; s++)
            wi[i] += (1 / (1 + exp(-((double)mix[i / d * n + s] * scale[0] + base[s]))) + 1e-6) *
                     x[(i / d * n + s) * d + i % d];
    }
    compare(in, wi, rows * d, "out");
    const void *dropped[] = {dm, db, ds, dx, di};
    for (int i = 0; i < 5; i++)
        cuda_drop(dropped[i]);
    free(mix);
    free(base);
    free(x);
    free(in);
    free(wx);
    free(wi);
}

static void streams(void)
{
    for (uint32_t n = 2; n <= 8; n += 3)
        for (uint32_t d = 30; d < 1200; d += 1100)
            streams_of(n, d, 3);
    for (size_t k = 0; k < N_BATCHES; k++)
        streams_of(4, 33, batches[k]);
    streams_of(4, 33, 0);
    cuda_case_none("weir_hyper_in");
    cuda_case_none("weir_hyper_out");
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        cuda_seeds(5, name);                                                                       \
    }
TEST(embed_and_norm)
TEST(angles)
TEST(joins)
TEST(join_and_round)
TEST(gather_and_logits)
TEST(sides)
TEST(streams)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embed_and_norm),
        cmocka_unit_test(test_angles),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_join_and_round),
        cmocka_unit_test(test_gather_and_logits),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_streams),
    };
    return cuda_run(tests);
}
