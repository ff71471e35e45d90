/* engine_cuda_products.h - what the tests of products share: random weights of every type, packed
 * and on the device, and their products in double.
 */
#ifndef ENGINE_CUDA_PRODUCTS_H
#define ENGINE_CUDA_PRODUCTS_H

#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/pack.h"
#include "engine/cuda/product.h"

static const uint32_t TYPES[] = {ENG_F32,  ENG_F16,    ENG_BF16,   ENG_Q4_0,  ENG_Q4_1, ENG_Q5_0,
                                 ENG_Q5_1, ENG_Q8_0,   ENG_Q2_K,   ENG_Q3_K,  ENG_Q4_K, ENG_Q5_K,
                                 ENG_Q6_K, ENG_IQ4_NL, ENG_IQ4_XS, ENG_MXFP4, ENG_NVFP4};
#define N_TYPES (sizeof TYPES / sizeof TYPES[0])

/* The case of a product of so many rows, by what its sizes are. */
static inline void product_case(uint32_t n_in, uint32_t n_out, uint32_t rows, const char *more)
{
    char z[60];
    snprintf(z, sizeof z, "%s%s", n_in % 64 || n_out % 128 || rows % 8 ? "ragged " : "", more);
    cuda_case(rows, z);
}

static inline void half_at(uint8_t *p, float f)
{
    uint16_t h = eng_f32_to_f16(f);
    p[0] = (uint8_t)h;
    p[1] = (uint8_t)(h >> 8);
}

/* n values of a row of `type`: every code occurs; scales are such that values are near 1. */
static inline void random_row(uint32_t type, uint8_t *row, size_t n)
{
    const struct eng_type_info *ti = eng_type_info(type);
    size_t blocks = n / ti->block_values, bytes = blocks * ti->block_bytes;
    for (size_t i = 0; i < bytes; i++)
        row[i] = (uint8_t)(cuda_rnd() >> 7);
    for (size_t b = 0; b < blocks; b++) {
        uint8_t *p = row + b * ti->block_bytes;
        float s = (0.5f + (float)(cuda_rnd() % 1000) / 1000.0f) * (cuda_rnd() & 1 ? 1.0f : -1.0f);
        float m = cuda_rndf();
        switch (type) {
        case ENG_F32:
            m = cuda_rndf();
            memcpy(p, &m, 4);
            break;
        case ENG_F16:
            half_at(p, m);
            break;
        case ENG_BF16:
            p[1] = (uint8_t)(0x3e | (cuda_rnd() & 0x81)); /* 2^-3 to 4, either sign */
            break;
        case ENG_Q4_0:
            half_at(p, s / 8);
            break;
        case ENG_Q4_1:
            half_at(p, s / 15);
            half_at(p + 2, m);
            break;
        case ENG_Q5_0:
            half_at(p, s / 16);
            break;
        case ENG_Q5_1:
            half_at(p, s / 31);
            half_at(p + 2, m);
            break;
        case ENG_Q8_0:
            half_at(p, s / 127);
            break;
        case ENG_Q2_K:
            half_at(p + 80, s / 45);
            half_at(p + 82, m / 15);
            break;
        case ENG_Q3_K:
            half_at(p + 108, s / 128);
            break;
        case ENG_Q4_K:
            half_at(p, s / 900);
            half_at(p + 2, m / 63);
            break;
        case ENG_Q5_K:
            half_at(p, s / 1900);
            half_at(p + 2, m / 63);
            break;
        case ENG_Q6_K:
            half_at(p + 208, s / 4000);
            break;
        case ENG_IQ4_NL:
            half_at(p, s / 127);
            break;
        case ENG_IQ4_XS:
            half_at(p, s / 4000);
            break;
        case ENG_MXFP4:
            p[0] = (uint8_t)(123 + cuda_rnd() % 6);
            break;
        case ENG_NVFP4:
            for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(cuda_rnd() % 56);
            break;
        default:
            fail_msg("no such type");
        }
    }
}

/* Weights: rows as in the file, as floats, packed on the device. */
struct weights {
    struct eng_pack pack;
    uint64_t row_bytes;
    uint8_t *rows[2]; /* [n_mat][n_out], of a pair: gate, up */
    float *w[2];
    uint8_t *device;
    float *bias[2], *dev_bias[2];   /* [n_mat][n_out] */
    float *scale[2], *dev_scale[2]; /* [n_mat] */
};

static inline struct weights make_weights(uint32_t type, uint32_t n_in, uint32_t n_out,
                                          uint32_t n_mat, bool pair, bool bias)
{
    struct weights w = {0};
    struct base_err err = {0};
    if (eng_pack_plan(type, n_in, n_out, n_mat, pair, &w.pack, &err))
        fail_msg("%s", err.text);
    const struct eng_type_info *ti = eng_type_info(type);
    w.row_bytes = (uint64_t)n_in / ti->block_values * ti->block_bytes;
    size_t rows = (size_t)n_out * n_mat;
    for (int h = 0; h < 1 + pair; h++) {
        w.rows[h] = malloc(rows * w.row_bytes);
        w.w[h] = malloc(rows * n_in * sizeof(float));
        assert_non_null(w.rows[h]);
        assert_non_null(w.w[h]);
        for (size_t r = 0; r < rows; r++) {
            random_row(type, w.rows[h] + r * w.row_bytes, n_in);
            eng_dequant_row(type, w.rows[h] + r * w.row_bytes, w.w[h] + r * n_in, n_in);
        }
        if (bias) {
            w.bias[h] = cuda_floats(rows, 2);
            w.dev_bias[h] = cuda_put(w.bias[h], rows * sizeof(float));
            w.scale[h] = cuda_floats(n_mat, 1.5f);
            w.dev_scale[h] = cuda_put(w.scale[h], n_mat * sizeof(float));
        }
    }
    uint8_t *packed = malloc(w.pack.bytes);
    assert_non_null(packed);
    memset(packed, 0xa5, w.pack.bytes);
    for (uint32_t m = 0; m < n_mat; m++) {
        uint64_t at = (uint64_t)m * n_out * w.row_bytes;
        uint32_t half = w.pack.groups / 2; /* in two parts: any cut gives the same */
        uint8_t *to = packed + m * w.pack.mat_bytes;
        eng_pack_rows(&w.pack, w.rows[0] + at, pair ? w.rows[1] + at : NULL, w.row_bytes, 0, half,
                      to);
        eng_pack_rows(&w.pack, w.rows[0] + at, pair ? w.rows[1] + at : NULL, w.row_bytes, half,
                      w.pack.groups, to + half * w.pack.group_bytes);
    }
    w.device = cuda_put(packed, w.pack.bytes);
    free(packed);
    return w;
}

static inline void drop_weights(struct weights *w)
{
    for (int h = 0; h < 2; h++) {
        free(w->rows[h]);
        free(w->w[h]);
        free(w->bias[h]);
        free(w->scale[h]);
        if (w->dev_bias[h])
            cuda_drop(w->dev_bias[h]);
        if (w->dev_scale[h])
            cuda_drop(w->dev_scale[h]);
    }
    cuda_drop(w->device);
}

/* The launch's view of them. */
static inline struct weir_mat mat_of(const struct weights *w, float *y, uint64_t ldy)
{
    struct weir_mat m = {.y = y,
                         .ldy = ldy,
                         .bias = w->dev_bias[0],
                         .bias_up = w->dev_bias[1],
                         .scale = w->dev_scale[0],
                         .scale_up = w->dev_scale[1],
                         .bias_step = w->pack.n_out};
    weir_mat_from(&m, &w->pack, w->device);
    return m;
}

/* W x of half h, matrix m, output o, with bias and scale; *slack: a bound for what rounding x and
 * summing in f32 may change, to be multiplied by the largest |x|. */
static inline double dot(const struct weights *w, int h, uint32_t m, uint32_t o, const float *x,
                         double *slack)
{
    const float *r = w->w[h] + ((size_t)m * w->pack.n_out + o) * w->pack.n_in;
    double sum = 0, size = 0, by = 1;
    for (uint32_t i = 0; i < w->pack.n_in; i++) {
        sum += (double)r[i] * (double)x[i];
        size += fabs((double)r[i]);
    }
    if (w->bias[h]) {
        sum += (double)w->bias[h][(size_t)m * w->pack.n_out + o];
        by = (double)w->scale[h][m];
    }
    *slack = (size + 1) * fabs(by);
    return sum * by;
}

/* Of each |w|: one half of a step, and sums. */
static inline double slack_of(uint32_t planes)
{
    return planes == 2 ? 1.7e-5 : 1.5e-6;
}

/* Activations on the device, rounded as `type` wants them. */
struct acts {
    float *x; /* here */
    float *dev_x;
    uint8_t *buffer;
    struct weir_acts a;
    uint32_t rows;
};

static inline struct acts make_acts(uint32_t type, uint32_t rows, uint32_t n_in, uint32_t planes)
{
    struct eng_pack p;
    if (eng_pack_plan(type, n_in, 1, 1, false, &p, NULL))
        fail_msg("cannot be packed");
    enum eng_pack_acts kind = eng_pack_layout(p.form)->acts;
    struct acts a = {.rows = rows};
    a.x = cuda_floats((size_t)rows * n_in, 3);
    a.dev_x = cuda_put(a.x, (size_t)rows * n_in * sizeof(float));
    a.buffer = cuda_put(NULL, weir_acts_bytes(kind, rows, n_in, planes));
    a.a = weir_acts_at(kind, rows, n_in, planes, a.dev_x, a.buffer);
    struct weir_round_args r = {.x = a.dev_x, .out = a.a, .rows = rows};
    if (kind != ENG_ACTS_F32)
        eng_cuda_round(dev, kind, &r);
    return a;
}

static inline void drop_acts(struct acts *a)
{
    free(a->x);
    cuda_drop(a->dev_x);
    cuda_drop(a->buffer);
}

#endif
