/* Goal: products whose forms are known only at their launch are right: matrices of several forms in
 * one launch give what each gives alone, to the bit; latent queries are turned, rounded and
 * multiplied by their heads' matrices behind their own product, keys come into the cache; parts of
 * latent attention are joined and multiplied by their heads' matrices. The same on a second launch.
 * Method: plain C in double from what the launch was given, the launches that do the same apart,
 * shapes that fit no slab and no unit, 1 to 64 tokens, five schedules.
 */
#include "tests/unit/engine_cuda_planes.h"
#include "tests/unit/engine_cuda_products.h"

#include "engine/cuda/product_any.h"

/* ---- several forms ---- */

static void mixed(const uint32_t *types, uint32_t count, uint32_t rows)
{
    enum { IN = 512 };
    cuda_case(rows, "ragged");
    static const uint32_t outs[3] = {96, 33, 160};
    struct acts x = make_acts(ENG_Q8_0, rows, IN, rows % 2 ? 3 : 2);
    struct weights w[3];
    float *y[3], *alone[3], *got, *want;
    struct weir_mm_args a = {.acts = x.a, .mode = WEIR_MM_DENSE, .n_rows = rows, .n_mats = count};
    for (uint32_t i = 0; i < count; i++) {
        size_t n = (size_t)rows * outs[i] * 4;
        w[i] = make_weights(types[i], IN, outs[i], 1, false, i == 1);
        y[i] = cuda_put(NULL, n);
        alone[i] = cuda_put(NULL, n);
        a.mat[i] = mat_of(&w[i], y[i], outs[i]);
        struct weir_mm_args one = {.mat = {mat_of(&w[i], alone[i], outs[i])},
                                   .acts = x.a,
                                   .mode = WEIR_MM_DENSE,
                                   .n_rows = rows,
                                   .n_mats = 1};
        eng_cuda_mm(dev, w[i].pack.form, &one, rows, 1);
    }
    eng_cuda_mm(dev, w[0].pack.form, &a, rows, 1);
    for (uint32_t i = 0; i < count; i++) {
        size_t n = (size_t)rows * outs[i] * 4;
        got = malloc(n);
        want = malloc(n);
        cuda_get(got, y[i], n);
        cuda_get(want, alone[i], n);
        assert_memory_equal(got, want, n);
        for (size_t k = 0; k < n / 4; k++) {
            double slack,
                v = dot(&w[i], 0, 0, (uint32_t)(k % outs[i]), x.x + k / outs[i] * IN, &slack);
            cuda_near(got[k], (float)v, (float)(3 * slack_of(x.a.planes) * slack), "mixed", k);
        }
        free(got);
        free(want);
        cuda_drop(y[i]);
        cuda_drop(alone[i]);
        drop_weights(&w[i]);
    }
    drop_acts(&x);
}

static void mixed_once(void)
{
    static const uint32_t a[] = {ENG_Q4_K, ENG_Q4_K, ENG_Q6_K},
                          b[] = {ENG_Q8_0, ENG_IQ4_XS, ENG_Q5_K};
    static const uint32_t rows[] = {1, 2, 8, 9, 16, 64};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mixed(a, 3, rows[i]);
        mixed(b, i % 2 ? 2 : 3, rows[i]);
    }
}

/* ---- queries and their heads' matrices ---- */

enum { SEQS = 3, PAGES = 7 };

struct latent {
    uint32_t n, heads, nope, rot, lora, n_vdim;
    bool f32, neox, temp;
    uint32_t q_type, k_type;
};

/* x[first + i], i < n_rot: turned by cs, as the device does it; one head. */
static void turned(const struct latent *l, const float *cs, const double *x, double *out)
{
    for (uint32_t i = 0; i < l->rot / 2; i++) {
        uint32_t u = l->neox ? i : 2 * i, v = l->neox ? i + l->rot / 2 : 2 * i + 1;
        double c = (double)cs[2 * i], s = (double)cs[2 * i + 1];
        out[u] = x[u] * c - x[v] * s;
        out[v] = x[u] * s + x[v] * c;
    }
}

static double by_position(const struct latent *l, uint32_t at)
{
    return l->temp ? 1 + 0.125 * log(floor((at + 1) / 4.0) + 1) : 1;
}

static float page_value(const void *pages, size_t i, bool f32)
{
    float f;
    uint16_t h;
    if (f32) {
        memcpy(&f, (const float *)pages + i, 4);
        return f;
    }
    memcpy(&h, (const uint16_t *)pages + i, 2);
    return eng_f16_to_f32(h);
}

/* Everything of a launch: on the device, and what was put there. */
struct absorbing {
    struct weights q, k;
    struct acts x;
    float *key, *cs, *norm, *dy, *dout;
    uint32_t seq[64], cell[64], base[SEQS];
    int32_t table[SEQS * 4];
    void *pages;
    size_t n_pages;
    void *dev[16];
    uint32_t n_dev;
    struct weir_any_args a;
};

static void *put(struct absorbing *s, const void *from, size_t n)
{
    return s->dev[s->n_dev++] = cuda_put(from, n);
}

static struct absorbing *absorbing_new(const struct latent *l)
{
    struct absorbing *s = calloc(1, sizeof *s);
    const uint32_t full = l->nope + l->rot, n_dim = l->n_vdim + l->rot;
    s->q = make_weights(l->q_type, l->lora, l->heads * full, 1, false, false);
    s->k = make_weights(l->k_type, l->nope, l->n_vdim, l->heads, false, l->heads % 2);
    s->x = make_acts(l->q_type, l->n, l->lora, 3);
    s->key = cuda_floats((size_t)l->n * n_dim, 2);
    s->cs = cuda_floats((size_t)l->n * l->rot, 1);
    s->norm = cuda_floats(l->n_vdim, 1);
    for (uint32_t t = 0; t < l->n; t++) {
        s->seq[t] = t % SEQS;
        s->cell[t] = 60 + t / SEQS;
    }
    for (uint32_t i = 0; i < SEQS; i++)
        s->base[i] = 5 * i;
    for (uint32_t i = 0; i < SEQS * 4; i++)
        s->table[i] = i % 4 < 2 ? (int32_t)(i / 4 * 2 + i % 4) : -1;
    s->table[2 * 4] = -1; /* no page: nothing is written */
    s->n_pages = (size_t)PAGES * WEIR_PAGE * n_dim * (l->f32 ? 4 : 2);
    s->pages = put(s, NULL, s->n_pages);
    eng_cuda_fill(dev, s->pages, 0x33, s->n_pages);
    s->dy = put(s, NULL, (size_t)l->n * l->heads * full * 4);
    s->dout = put(s, NULL, (size_t)l->n * l->heads * n_dim * 4);
    uint32_t *zeros = calloc(l->heads, 4);
    struct weir_heads_args *h = &s->a.absorb.heads;
    *h = (struct weir_heads_args){
        .q = {.x = s->dy, .n_head = l->heads, .n = full, .cut = l->nope, .n_rot = l->rot},
        .k = {.x = put(s, s->key, (size_t)l->n * n_dim * 4), .n_head = 1, .n = n_dim, .cut = n_dim},
        .cs = put(s, s->cs, (size_t)l->n * l->rot * 4),
        .seq = put(s, s->seq, l->n * 4),
        .cell = put(s, s->cell, l->n * 4),
        .base = put(s, s->base, sizeof s->base),
        .table = put(s, s->table, sizeof s->table),
        .stride = 4,
        .neox = l->neox,
        .eps = 1e-5f,
        .temp_scale = 0.125f,
        .temp_length = 4,
        .temp_offset = 1};
    h->q.x_token = (uint64_t)l->heads * full;
    h->q.x_head = full;
    h->q.rot_at = l->nope;
    h->q.temp = l->temp;
    h->q.out_2 = s->dout + l->n_vdim;
    h->q.out_2_token = (uint64_t)l->heads * n_dim;
    h->q.out_2_head = n_dim;
    h->k.x_token = n_dim;
    h->k.norm = WEIR_NORM_HEAD;
    h->k.n_norm = l->n_vdim;
    h->k.w = put(s, s->norm, l->n_vdim * 4);
    h->k.n_rot = l->rot;
    h->k.rot_at = l->n_vdim;
    h->k.pages = s->pages;
    s->a.absorb.k_b = mat_of(&s->k, s->dout, (uint64_t)l->heads * n_dim);
    s->a.absorb.k_b.step = n_dim;
    s->a.absorb.count = put(s, zeros, l->heads * 4);
    s->a.absorb.n = l->n;
    s->a.absorb.planes = 3;
    s->a.absorb.f32 = l->f32;
    s->a.absorb.on = 1;
    s->a.mm = (struct weir_mm_args){.mat = {mat_of(&s->q, s->dy, (uint64_t)l->heads * full)},
                                    .acts = s->x.a,
                                    .mode = WEIR_MM_DENSE,
                                    .n_rows = l->n,
                                    .n_mats = 1};
    free(zeros);
    return s;
}

static void absorbing_drop(struct absorbing *s)
{
    for (uint32_t i = 0; i < s->n_dev; i++)
        cuda_drop(s->dev[i]);
    drop_weights(&s->q);
    drop_weights(&s->k);
    drop_acts(&s->x);
    free(s->key);
    free(s->cs);
    free(s->norm);
    free(s);
}

static void check_keys(const struct latent *l, const struct absorbing *s)
{
    const uint32_t n_dim = l->n_vdim + l->rot;
    uint8_t *pages = malloc(s->n_pages);
    double x[1024], y[1024];
    cuda_get(pages, s->pages, s->n_pages);
    size_t each = l->f32 ? 4 : 2;
    for (uint32_t t = 0; t < l->n; t++) {
        int32_t page = s->table[s->seq[t] * 4 + s->cell[t] / WEIR_PAGE];
        if (page < 0)
            continue;
        double sum = 0;
        for (uint32_t i = 0; i < n_dim; i++)
            x[i] = (double)s->key[(size_t)t * n_dim + i];
        for (uint32_t i = 0; i < l->n_vdim; i++)
            sum += x[i] * x[i];
        for (uint32_t i = 0; i < l->n_vdim; i++)
            y[i] = x[i] / sqrt(sum / l->n_vdim + 1e-5) * (double)s->norm[i];
        turned(l, s->cs + (size_t)t * l->rot, x + l->n_vdim, y + l->n_vdim);
        for (uint32_t i = 0; i < n_dim; i++) {
            size_t at = ((size_t)page * WEIR_PAGE + s->cell[t] % WEIR_PAGE) * n_dim + i;
            float v = (float)y[i], got = page_value(pages, at, l->f32);
            cuda_near(got, v, l->f32 ? 2e-5f : 2e-5f + fabsf(v) * 6e-4f, "key", at);
            memset(pages + at * each, 0x33, each);
        }
    }
    for (size_t i = 0; i < s->n_pages; i++)
        assert_int_equal(pages[i], 0x33); /* no other cell */
    free(pages);
}

static void check_queries(const struct latent *l, const struct absorbing *s)
{
    const uint32_t full = l->nope + l->rot, n_dim = l->n_vdim + l->rot;
    size_t ny = (size_t)l->n * l->heads * full, no = (size_t)l->n * l->heads * n_dim;
    float *y = malloc(ny * 4), *out = malloc(no * 4), nope[512];
    cuda_get(y, s->dy, ny * 4);
    cuda_get(out, s->dout, no * 4);
    for (size_t i = 0; i < ny; i++) {
        uint32_t o = (uint32_t)(i % (l->heads * full));
        double slack, want = dot(&s->q, 0, 0, o, s->x.x + i / (l->heads * full) * l->lora, &slack);
        cuda_near(y[i], (float)want, (float)(5e-6 * slack), "query", i);
    }
    for (uint32_t r = 0; r < l->n * l->heads; r++) {
        uint32_t t = r / l->heads, h = r % l->heads;
        double by = by_position(l, s->base[s->seq[t]] + s->cell[t]), x[512], turn[512], most = 0;
        for (uint32_t i = 0; i < full; i++)
            x[i] = (double)y[(size_t)r * full + i] * by;
        for (uint32_t i = 0; i < l->nope; i++) {
            nope[i] = (float)x[i];
            most = fmax(most, fabs(x[i]));
        }
        turned(l, s->cs + (size_t)t * l->rot, x + l->nope, turn);
        for (uint32_t i = 0; i < n_dim; i++) {
            double slack = 0,
                   want = i < l->n_vdim ? dot(&s->k, 0, h, i, nope, &slack) : turn[i - l->n_vdim];
            double tol = i < l->n_vdim ? 2e-6 * slack * (most + 1) : 2e-6 * (fabs(by) * 40 + 1);
            cuda_near(out[(size_t)r * n_dim + i], (float)want, (float)tol, "absorbed", i);
        }
    }
    free(y);
    free(out);
}

/* The launches that do the same apart: the same bits up to 8 tokens. */
static void check_apart(const struct latent *l, struct absorbing *s)
{
    const uint32_t full = l->nope + l->rot, n_dim = l->n_vdim + l->rot, rows = l->n * l->heads;
    size_t no = (size_t)rows * n_dim * 4;
    float *one = malloc(no), *two = malloc(no);
    uint8_t *kept = malloc(s->n_pages), *pages = malloc(s->n_pages);
    cuda_get(one, s->dout, no);
    cuda_get(kept, s->pages, s->n_pages);
    void *memory = cuda_put(NULL, weir_acts_bytes(ENG_ACTS_INT, rows, l->nope, 3));
    struct weir_heads_args h = s->a.absorb.heads;
    struct weir_mm_args mm = {.mat = {s->a.absorb.k_b},
                              .acts = weir_acts_at(ENG_ACTS_INT, rows, l->nope, 3, NULL, memory),
                              .mode = WEIR_MM_EACH,
                              .n_rows = l->n,
                              .n_mats = 1};
    h.q_to.ints = mm.acts;
    eng_cuda_fill(dev, s->dout, 0x77, no);
    eng_cuda_fill(dev, s->dy, 0x77, (size_t)rows * full * 4);
    eng_cuda_fill(dev, s->pages, 0x33, s->n_pages);
    eng_cuda_mm(dev, s->q.pack.form, &s->a.mm, l->n, 1);
    eng_cuda_heads(dev, &h, l->n, l->f32);
    eng_cuda_mm(dev, s->k.pack.form, &mm, l->n, l->heads);
    cuda_get(two, s->dout, no);
    cuda_get(pages, s->pages, s->n_pages);
    assert_memory_equal(kept, pages, s->n_pages);
    if (l->n <= WEIR_MV_ROWS)
        assert_memory_equal(one, two, no);
    cuda_drop(memory);
    free(one);
    free(two);
    free(kept);
    free(pages);
}

static void absorb(struct latent l)
{
    cuda_case(l.n, "ragged");
    struct absorbing *s = absorbing_new(&l);
    uint32_t *count = malloc(l.heads * 4), *zeros = calloc(l.heads, 4);
    for (int twice = 0; twice < 2; twice++) { /* counters are as they were */
        eng_cuda_fill(dev, s->dy, 0x77, (size_t)l.n * l.heads * (l.nope + l.rot) * 4);
        eng_cuda_fill(dev, s->dout, 0x77, (size_t)l.n * l.heads * (l.n_vdim + l.rot) * 4);
        eng_cuda_any(dev, &s->a, l.n, 1);
        cuda_get(count, s->a.absorb.count, l.heads * 4);
        assert_memory_equal(count, zeros, l.heads * 4);
    }
    check_queries(&l, s);
    check_keys(&l, s);
    check_apart(&l, s);
    free(count);
    free(zeros);
    absorbing_drop(s);
}

static void absorb_once(void)
{
    /* heads that begin and end within blocks of products, and that several blocks share */
    absorb((struct latent){1, 5, 128, 32, 256, 512, false, false, false, ENG_Q4_K, ENG_Q8_0});
    absorb((struct latent){8, 3, 64, 32, 256, 96, true, true, true, ENG_Q6_K, ENG_Q5_0});
    absorb((struct latent){3, 16, 64, 20, 64, 64, false, false, false, ENG_Q8_0, ENG_Q4_0});
    absorb((struct latent){20, 4, 192, 64, 256, 80, true, false, false, ENG_Q5_K, ENG_Q5_1});
    absorb((struct latent){64, 3, 64, 20, 256, 128, false, true, false, ENG_IQ4_XS, ENG_IQ4_NL});
    absorb((struct latent){9, 2, 128, 64, 64, 48, true, false, true, ENG_Q8_0, ENG_Q8_0});
}

/* ---- parts of attention and their heads' matrices ---- */

static void values(uint32_t type, uint32_t n_tok, uint32_t each, uint32_t heads, uint32_t n_vdim,
                   uint32_t n_out, uint32_t chunks)
{
    cuda_case(n_tok, "ragged"); /* tiles of `each` tokens */
    uint32_t n_tile = (n_tok + each - 1) / each, pad = (each * heads + 15) / 16 * 16;
    size_t rows = (size_t)chunks * n_tile * pad, n = (size_t)heads * n_out;
    struct weights w = make_weights(type, n_vdim, n_out, heads, false, heads % 2);
    struct weir_tile tiles[64];
    float *part = cuda_floats(rows * n_vdim, 2), *ml = malloc(rows * 8);
    for (uint32_t i = 0; i < n_tile; i++)
        tiles[i] = (struct weir_tile){i * each, n_tok - i * each < each ? n_tok - i * each : each};
    for (size_t r = 0; r < rows; r++) {
        bool none = chunks > 1 && r / ((size_t)n_tile * pad) != r % chunks && cuda_rnd() % 3 == 0;
        ml[2 * r] = none ? -INFINITY : cuda_rndf() * 4;
        ml[2 * r + 1] = none ? 0 : 1 + fabsf(cuda_rndf()) * 9;
        for (uint32_t i = 0; none && i < n_vdim; i++)
            part[r * n_vdim + i] = NAN; /* as it was: nobody may look */
    }
    void *dt = cuda_put(tiles, n_tile * sizeof *tiles), *dp = cuda_put(part, rows * n_vdim * 4);
    void *dm = cuda_put(ml, rows * 8);
    void *memory = cuda_put(NULL, weir_acts_bytes(ENG_ACTS_INT, n_tok, (uint32_t)n, 3));
    float *dy = cuda_put(NULL, n_tok * n * 4), *y = malloc(n_tok * n * 4);
    struct weir_values_args a = {.at = {.tile = dt,
                                        .part = dp,
                                        .part_ml = dm,
                                        .n_head_kv = 1,
                                        .group = heads,
                                        .n_vdim = n_vdim,
                                        .chunk = 64,
                                        .n_tile = n_tile,
                                        .rows_pad = pad,
                                        .n_chunk = chunks},
                                 .v_b = mat_of(&w, dy, n),
                                 .n = n_tok,
                                 .planes = 3};
    a.v_b.step = n_out;
    if (n_out % 32 == 0) {
        a.tail = (struct weir_tail){.n_out = (uint32_t)n, .on = 1};
        a.tail.to.ints = weir_acts_at(ENG_ACTS_INT, n_tok, (uint32_t)n, 3, NULL, memory);
    }
    eng_cuda_values(dev, &a);
    cuda_get(y, dy, n_tok * n * 4);
    float *planes = a.tail.on ? planes_get(ENG_ACTS_INT, &a.tail.to.ints, n_tok) : NULL;
    float *row = malloc(n_vdim * 4);
    for (uint32_t t = 0; t < n_tok; t++)
        for (uint32_t h = 0; h < heads; h++) {
            size_t at = (size_t)(t / each) * pad + t % each * heads + h,
                   step = (size_t)n_tile * pad;
            double max = -1e30, sum = 0, most = 0;
            for (uint32_t z = 0; z < chunks; z++)
                max = fmax(max, (double)ml[2 * (at + z * step)]);
            for (uint32_t z = 0; z < chunks; z++)
                if (ml[2 * (at + z * step) + 1] != 0)
                    sum += exp((double)ml[2 * (at + z * step)] - max) *
                           (double)ml[2 * (at + z * step) + 1];
            for (uint32_t i = 0; i < n_vdim; i++) {
                double v = 0;
                for (uint32_t z = 0; z < chunks; z++)
                    if (ml[2 * (at + z * step) + 1] != 0)
                        v += exp((double)ml[2 * (at + z * step)] - max) *
                             (double)part[(at + z * step) * n_vdim + i];
                row[i] = (float)(v / sum);
                most = fmax(most, fabs(v / sum));
            }
            for (uint32_t o = 0; o < n_out; o++) {
                double slack, want = dot(&w, 0, h, o, row, &slack);
                size_t i = t * n + h * n_out + o;
                cuda_near(y[i], (float)want, (float)(3e-6 * slack * (most + 0.1)), "value", i);
                if (planes)
                    cuda_near(planes[i], y[i], 1e-5f * (float)slack, "rounded", i);
            }
        }
    free(row);
    free(planes);
    free(y);
    free(part);
    free(ml);
    cuda_drop(dt);
    cuda_drop(dp);
    cuda_drop(dm);
    cuda_drop(dy);
    cuda_drop(memory);
    drop_weights(&w);
}

static void values_once(void)
{
    values(ENG_Q4_K, 1, 1, 5, 512, 128, 19);
    values(ENG_Q8_0, 8, 1, 4, 512, 128, 3);
    values(ENG_Q6_K, 3, 2, 3, 256, 64, 1);
    values(ENG_Q5_0, 9, 4, 4, 64, 32, 2);
    values(ENG_Q5_1, 64, 1, 2, 128, 48, 5);
    values(ENG_IQ4_XS, 16, 3, 2, 256, 96, 33);
    values(ENG_Q3_K, 2, 1, 3, 512, 256, 4);
    values(ENG_Q5_K, 5, 1, 2, 256, 544, 2);
    values(ENG_Q4_0, 8, 8, 2, 64, 16, 64);
    values(ENG_IQ4_NL, 12, 1, 16, 192, 64, 7);
}

/* ---- nothing to do ---- */

static void none_once(void)
{
    struct weir_any_args any = {.mm = {.n_mats = 1}};
    struct weir_values_args values = {.at = {.group = 3}};
    struct eng_cuda_calls before, after;
    eng_cuda_get_calls(dev, &before);
    eng_cuda_any(dev, &any, 0, 1);
    eng_cuda_values(dev, &values);
    eng_cuda_get_calls(dev, &after);
    assert_int_equal(before.launches, after.launches);
    cuda_case_none("weir_mv_any");
    cuda_case_none("weir_tile_any");
    cuda_case_none("weir_values");
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        cuda_seeds(5, name##_once);                                                                \
    }
TEST(mixed)
TEST(absorb)
TEST(values)
TEST(none)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mixed), cmocka_unit_test(test_absorb),
                                       cmocka_unit_test(test_values), cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, cuda_open, cuda_close);
}
