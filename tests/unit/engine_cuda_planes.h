/* engine_cuda_planes.h - rounded activations of the device as floats again, for tests. */
#ifndef ENGINE_CUDA_PLANES_TEST_H
#define ENGINE_CUDA_PLANES_TEST_H

#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/product.h"

/* Bytes of planes: 64 values a unit, see struct weir_acts. */
static inline double planes_int(const struct weir_acts *a, const uint8_t *q, const float *info,
                                uint32_t row, uint32_t i)
{
    uint32_t k = i % 32, b = i / 32 % 2;
    size_t at = (size_t)row * a->units + i / 64;
    double v = 0, unit = 1;
    for (uint32_t p = 0; p < a->planes; p++, unit /= 256)
        v += unit *
             (int8_t)q[(at * a->planes + p) * 64 + k % 16 / 4 * 16 + b * 8 + k / 16 * 4 + k % 4];
    return v * (double)info[at * 4 + b] * 256;
}

static inline double planes_bf16(const struct weir_acts *a, const uint8_t *q, uint32_t row,
                                 uint32_t i)
{
    double v = 0;
    for (uint32_t p = 0; p < 3; p++) {
        uint16_t h;
        memcpy(&h, q + ((size_t)row * a->units + i / 32) * 192 + p * 64 + i % 32 * 2, sizeof h);
        uint32_t w = (uint32_t)h << 16;
        float f;
        memcpy(&f, &w, sizeof f);
        v += (double)f;
    }
    return v;
}

/* The first `rows` rows of planes in device memory, [rows][n_in], for free(). */
static inline float *planes_get(enum eng_pack_acts kind, const struct weir_acts *a, uint32_t rows)
{
    size_t nq = (size_t)rows * a->units * a->planes * 64, ni = (size_t)rows * a->units * 4;
    uint8_t *q = malloc(nq);
    float *info = malloc(ni * sizeof *info), *x = malloc((size_t)rows * a->n_in * sizeof *x);
    assert_true(q && info && x);
    cuda_get(q, a->q, nq);
    if (kind == ENG_ACTS_INT)
        cuda_get(info, a->info, ni * sizeof *info);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < a->n_in; i++)
            x[(size_t)r * a->n_in + i] = (float)(kind == ENG_ACTS_INT ? planes_int(a, q, info, r, i)
                                                                      : planes_bf16(a, q, r, i));
    free(q);
    free(info);
    return x;
}

#endif
