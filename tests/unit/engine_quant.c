/* Goal: dequantising is exact to the bit for every type, and rounding activations to 8 and 16 bits
 * is right. Method: block vectors computed by an independent implementation (quantised data and
 * random bit patterns: every code, extreme scales, subnormals), compared as bits; f16 conversion
 * over all 65536 patterns and at its rounding edges; activations against their definition.
 */
#include "engine/model/quant.h"

#include "base/file.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define DIR    "tests/vectors/quant_blocks/"
#define VALUES 1024 /* 2 rows of 512 */

static struct base_buf load(const char *name, const char *ext)
{
    char path[200];
    struct base_buf b;
    struct base_err err = {0};
    snprintf(path, sizeof(path), DIR "%s.%s", name, ext);
    base_buf_init(&b, 1u << 20);
    if (base_file_read(path, &b, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return b;
}

static void check(uint32_t type, const char *which)
{
    const struct eng_type_info *ti = eng_type_info(type);
    char in[16], want[16];
    snprintf(in, sizeof(in), "%s.bin", which);
    snprintf(want, sizeof(want), "%s.f32", which);
    struct base_buf q = load(ti->name, in), f = load(ti->name, want);
    float x[VALUES];
    size_t row = 512 / ti->block_values * ti->block_bytes;
    assert_int_equal(q.n, 2 * row);
    assert_int_equal(f.n, sizeof(x));
    for (size_t r = 0; r < 2; r++)
        eng_dequant_row(type, q.p + r * row, x + r * 512, 512);
    if (memcmp(x, f.p, sizeof(x)) != 0) {
        for (size_t i = 0; i < VALUES; i++)
            if (memcmp(&x[i], f.p + 4 * i, 4) != 0) {
                float y;
                memcpy(&y, f.p + 4 * i, 4);
                fail_msg("%s.%s value %zu: %a, not %a", ti->name, which, i, x[i], y);
            }
    }
    base_buf_release(&q);
    base_buf_release(&f);
}

static void every_type_bit_for_bit(void **state)
{
    static const uint32_t types[] = {
        ENG_F16,  ENG_BF16, ENG_Q4_0, ENG_Q4_1, ENG_Q5_0,   ENG_Q5_1,   ENG_Q8_0,  ENG_Q2_K,
        ENG_Q3_K, ENG_Q4_K, ENG_Q5_K, ENG_Q6_K, ENG_IQ4_NL, ENG_IQ4_XS, ENG_MXFP4, ENG_NVFP4};
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        check(types[i], "q");
        check(types[i], "r");
    }
}

static void type_table(void **state)
{
    (void)state;
    assert_null(eng_type_info(4));
    assert_null(eng_type_info(1000));
    assert_null(eng_type_info(UINT32_MAX));
    assert_string_equal(eng_type_name(10), "Q2_K");
    assert_string_equal(eng_type_name(77), "unknown");
    assert_true(eng_type_info(ENG_Q2_K)->weights);
    assert_false(eng_type_info(16)->weights);
    assert_int_equal(eng_type_info(ENG_Q6_K)->block_bytes, 210);
}

static void f16_there_and_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = eng_f16_to_f32((uint16_t)h);
        if (isnan(f))
            assert_true(isnan(eng_f16_to_f32(eng_f32_to_f16(f))));
        else
            assert_int_equal(eng_f32_to_f16(f), h);
    }
    assert_int_equal(eng_f32_to_f16(65519.9f), 0x7bff);
    assert_int_equal(eng_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(eng_f32_to_f16(1.0f + 0x1p-11f), 0x3c00); /* halfway: to even */
    assert_int_equal(eng_f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02);
    assert_int_equal(eng_f32_to_f16(0x1p-25f), 0);
    assert_int_equal(eng_f32_to_f16(0x1.8p-24f), 2);
    assert_int_equal(eng_f32_to_f16(-0x1p-14f), 0x8400);
}

static void activations(void **state)
{
    (void)state;
    struct base_buf in = load("input", "f32");
    float x[VALUES];
    int8_t q[VALUES];
    struct eng_qinfo info[VALUES / 32];
    assert_int_equal(in.n, sizeof(x));
    memcpy(x, in.p, sizeof(x));
    base_buf_release(&in);
    eng_quant_q8(x, VALUES, q, info);
    for (size_t b = 0; b < VALUES / 32; b++) {
        float max = 0;
        int sum[2] = {0, 0};
        for (size_t i = b * 32; i < b * 32 + 32; i++) {
            max = fmaxf(max, fabsf(x[i]));
            sum[i % 32 / 16] += q[i];
            assert_true(q[i] >= -127);
            assert_true(fabsf(x[i] - info[b].d * q[i]) <= 0.5001f * info[b].d);
        }
        assert_true(fabsf(info[b].d * 127 - max) <= 1e-6f * max);
        assert_true(info[b].ds_lo == info[b].d * (float)sum[0]);
        assert_true(info[b].ds_hi == info[b].d * (float)sum[1]);
        assert_true(info[b].ds == info[b].d * (float)(sum[0] + sum[1]));
    }
    int8_t q2[VALUES / 32 * ENG_Q16_BYTES];
    eng_quant_q16(x, VALUES, q2, info);
    for (size_t b = 0; b < VALUES / 32; b++) {
        const int8_t *p = q2 + b * ENG_Q16_BYTES;
        float max = 0, sum[2] = {0, 0};
        for (size_t i = 0; i < 32; i++) {
            float v = 256.0f * p[i] + p[32 + i] + (float)p[64 + i % 16] / (i < 16 ? 64 : 4);
            max = fmaxf(max, fabsf(x[b * 32 + i]));
            sum[i / 16] += v; /* 64ths below 2^18: exact */
            assert_true(p[i] >= -127 && fabsf(v) <= 127 * 256 + 0.2f);
            assert_true(p[64 + i % 16] >= -34 && p[64 + i % 16] <= 17);
            assert_true(fabsf(x[b * 32 + i] - info[b].d * v) <= 0.16f * info[b].d);
        }
        assert_true(fabsf(info[b].d * 32512 - max) <= 1e-6f * max);
        assert_true(fabsf(info[b].ds_lo - info[b].d * sum[0]) <= 1e-6f * fabsf(info[b].ds_lo));
        assert_true(fabsf(info[b].ds_hi - info[b].d * sum[1]) <= 1e-6f * fabsf(info[b].ds_hi));
        assert_true(fabsf(info[b].ds - (info[b].ds_lo + info[b].ds_hi)) <= 2e-6f * max * 32);
    }
    float tiny[32] = {1e-40f, -1e-39f};
    eng_quant_q8(tiny, 32, q, info);
    assert_true(info[0].d == 0 && q[0] == 0 && q[1] == 0);
    eng_quant_q16(tiny, 32, q2, info);
    assert_true(info[0].d == 0 && q2[0] == 0 && q2[32] == 0 && q2[33] == 0 && q2[64] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_bit_for_bit),
        cmocka_unit_test(type_table),
        cmocka_unit_test(f16_there_and_back),
        cmocka_unit_test(activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
