/* Goal: packed weights are the file's, in the places that the kernels read, for every type the
 * engine computes with, and sizes are what pack.h says.
 * Method: a reader of its own that follows a lane's words (pack.c's table) back to each weight,
 * compared as bits with eng_dequant_row; whatever packing does not fill with weights must be zero.
 * Runs without a device.
 */
#include "tests/unit/engine_cuda_products.h"

static uint32_t bits(const uint8_t *p, uint32_t at, uint32_t n)
{
    uint32_t v = 0;
    for (uint32_t i = 0; i < n; i++)
        v |= (uint32_t)(p[(at + i) / 8] >> ((at + i) % 8) & 1) << i;
    return v;
}

static float half_of(const uint8_t *p)
{
    return eng_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

static int is_signed(uint32_t code, uint32_t n)
{
    return code >> (n - 1) ? (int)code - (1 << n) : (int)code;
}

static const int8_t TWICE[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
static const int8_t STEPS[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                 1,    13,   25,  38,  53,  69,  89,  113};

/* Value k of slot s of the row group at `group`. */
static float unpacked(const struct eng_pack *p, const uint8_t *group, uint32_t s, uint32_t k)
{
    const struct eng_pack_layout *y = eng_pack_layout(p->form);
    const uint8_t *unit = group + (uint64_t)(k / y->unit_values) * y->unit_bytes;
    const uint8_t *super =
        group + (uint64_t)p->units * y->unit_bytes + (uint64_t)(k / 256) * y->super_bytes;
    uint32_t v = k % y->unit_values, g = s % 8, h = s / 8;
    float f;
    if (p->form == ENG_FORM_F32) {
        memcpy(&f, unit + s * 128 + v * 4, 4);
        return f;
    }
    if (y->unit_values == 32) { /* row by row */
        uint16_t u;
        memcpy(&u, group + (uint64_t)s * p->units * 64 + (uint64_t)k * 2, 2);
        uint32_t wide = (uint32_t)u << 16;
        memcpy(&f, &wide, 4);
        return p->form == ENG_FORM_BF16 ? f : eng_f16_to_f32(u);
    }
    /* which lane, which of its eight words, which byte */
    uint32_t lane = 4 * g + v % 16 / 4, b = v / 32, j = h + v % 32 / 16 * 2, i = 4 * b + j,
             x = v % 4;
    const uint8_t *four = unit + 16 * lane, *sc = unit + y->unit_bytes;
#define NIBBLE bits(four, i / 2 * 32 + 8 * x + 4 * (i & 1), 4)
#define SEQ    bits(four, i / 2 * 32 + 16 * (i & 1) + 4 * x, 4)
#define FIFTH  (bits(unit + 512 + 4 * lane, 8 * x + i, 1) << 4)
    uint32_t s32 = v / 32, s16 = v / 16;
#define SCALES(each) (sc - 16 * (each) + g * 2 * (each) + h * (each))
    switch (p->form) {
    case ENG_FORM_Q4_0:
        return (float)is_signed(NIBBLE, 4) * half_of(SCALES(4) + 2 * s32);
    case ENG_FORM_Q4_1:
        return (float)NIBBLE * half_of(SCALES(8) + 2 * s32) + half_of(SCALES(8) + 4 + 2 * s32);
    case ENG_FORM_Q5_0:
        return (float)is_signed(NIBBLE | FIFTH, 5) * half_of(SCALES(4) + 2 * s32);
    case ENG_FORM_Q5_1:
        return (float)(NIBBLE | FIFTH) * half_of(SCALES(8) + 2 * s32) +
               half_of(SCALES(8) + 4 + 2 * s32);
    case ENG_FORM_Q8_0:
        return (float)(int8_t)unit[512 * b + 16 * lane + 4 * j + x] * half_of(SCALES(4) + 2 * s32);
    case ENG_FORM_Q2_K:
        return half_of(super + g * 8 + h * 4) * (float)SCALES(8)[s16] *
                   (float)bits(unit + 8 * lane + 4 * b, 8 * x + 2 * j, 2) -
               half_of(super + g * 8 + h * 4 + 2) * (float)SCALES(8)[4 + s16];
    case ENG_FORM_Q3_K:
        return half_of(super + g * 4 + h * 2) * (float)(int8_t)SCALES(4)[s16] *
               (float)is_signed(bits(unit + 8 * lane + 4 * b, 8 * x + 2 * j, 2) |
                                    bits(unit + 256 + 4 * lane, 8 * x + i, 1) << 2,
                                3);
    case ENG_FORM_Q4_K:
    case ENG_FORM_Q5_K:
        return half_of(super + g * 8 + h * 4) * (float)SCALES(4)[s32] *
                   (float)(NIBBLE | (p->form == ENG_FORM_Q5_K ? FIFTH : 0)) -
               half_of(super + g * 8 + h * 4 + 2) * (float)SCALES(4)[2 + s32];
    case ENG_FORM_Q6_K:
        return half_of(super + g * 4 + h * 2) * (float)(int8_t)SCALES(4)[s16] *
               (float)is_signed(NIBBLE | bits(unit + 512 + 8 * lane + 4 * b, 8 * x + 2 * j, 2) << 4,
                                6);
    case ENG_FORM_IQ4_NL:
        return half_of(SCALES(4) + 2 * s32) * (float)STEPS[SEQ];
    case ENG_FORM_IQ4_XS:
        return half_of(super + g * 4 + h * 2) * (float)(int8_t)SCALES(2)[s32] * (float)STEPS[SEQ];
    case ENG_FORM_MXFP4: { /* the exponent of f32, for four times the values: twice TWICE */
        uint32_t e = (uint32_t)SCALES(2)[s32] << 23;
        memcpy(&f, &e, 4);
        return f * 2 * (float)TWICE[SEQ];
    }
    default: /* E4M3 as the bits of a half 256 times smaller; a weight is half of it by TWICE */
        return eng_f16_to_f32((uint16_t)(SCALES(4)[s16] << 7)) * 128 * (float)TWICE[SEQ];
    }
}

static void same(float a, float b, const struct eng_pack *p, uint32_t row, uint32_t k)
{
    if (memcmp(&a, &b, 4) != 0 && !(a == 0 && b == 0))
        fail_msg("%s: row %u, value %u: %a instead of %a", eng_type_name(p->type), row, k,
                 (double)a, (double)b);
}

static void packs(uint32_t type, uint32_t n_in, uint32_t n_out, bool pair)
{
    struct eng_pack p;
    struct base_err err = {0};
    if (eng_pack_plan(type, n_in, n_out, 1, pair, &p, &err))
        fail_msg("%s", err.text);
    const struct eng_type_info *ti = eng_type_info(type);
    uint64_t row_bytes = (uint64_t)n_in / ti->block_values * ti->block_bytes;
    uint8_t *rows = malloc(2 * n_out * row_bytes), *out = malloc(p.bytes);
    float *want = malloc(n_in * sizeof *want);
    assert_non_null(rows);
    assert_non_null(out);
    assert_non_null(want);
    for (uint32_t r = 0; r < 2 * n_out; r++)
        random_row(type, rows + r * row_bytes, n_in);
    memset(out, 0x5a, p.bytes);
    eng_pack_rows(&p, rows, pair ? rows + n_out * row_bytes : NULL, row_bytes, 0, p.groups, out);
    uint32_t whole = p.units * eng_pack_layout(p.form)->unit_values;
    for (uint32_t g = 0; g < p.groups; g++)
        for (uint32_t s = 0; s < 16; s++) {
            uint32_t r = pair ? 8 * g + s % 8 : 16 * g + s;
            if (r < n_out)
                eng_dequant_row(type, rows + (r + (pair && s >= 8 ? n_out : 0)) * row_bytes, want,
                                n_in);
            for (uint32_t k = 0; k < whole; k++) {
                float w = r < n_out && k < n_in ? want[k] : 0;
                same(unpacked(&p, out + g * p.group_bytes, s, k), w, &p, r, k);
            }
        }
    free(rows);
    free(out);
    free(want);
}

static void every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t block = eng_type_info(TYPES[i])->block_values;
        packs(TYPES[i], block == 1 ? 37 : 3 * block, 21, false);
        packs(TYPES[i], block == 1 ? 64 : 8 * block, 16, false);
        packs(TYPES[i], block == 1 ? 5 : block, 13, true);
    }
}

/* MXFP4's smallest exponents become 0 and the largest stays; NVFP4's "no number" is 0. */
static void ends_of_scales(void **state)
{
    (void)state;
    uint8_t mx[5][17] = {{0}}, nv[36];
    static const uint8_t e[5] = {0, 2, 3, 254, 255};
    struct eng_pack p;
    for (int i = 0; i < 5; i++) {
        mx[i][0] = e[i];
        mx[i][1] = 0xf7; /* value 0: 12, value 16: -12, in units of 2^(e - 128) */
    }
    assert_int_equal(eng_pack_plan(ENG_MXFP4, 32, 5, 1, false, &p, NULL), BASE_OK);
    uint8_t *out = malloc(p.bytes);
    assert_non_null(out);
    eng_pack_rows(&p, mx[0], NULL, 17, 0, 1, out);
    for (uint32_t r = 0; r < 5; r++) {
        float want = e[r] > 2 ? ldexpf(12, e[r] - 128) : 0;
        same(unpacked(&p, out, r, 0), want, &p, r, 0);
        same(unpacked(&p, out, r, 16), -want, &p, r, 16);
    }
    free(out);
    memset(nv, 0x77, sizeof nv); /* 12 everywhere */
    nv[0] = 0x7f;
    nv[1] = 0xff;
    nv[2] = 0;
    nv[3] = 0x85;
    assert_int_equal(eng_pack_plan(ENG_NVFP4, 64, 1, 1, false, &p, NULL), BASE_OK);
    out = malloc(p.bytes);
    assert_non_null(out);
    eng_pack_rows(&p, nv, NULL, 36, 0, 1, out);
    float x[64];
    eng_dequant_row(ENG_NVFP4, nv, x, 64);
    for (uint32_t k = 0; k < 64; k++)
        same(unpacked(&p, out, 0, k), x[k], &p, 0, k);
    free(out);
}

static void sizes(void **state)
{
    (void)state;
    /* what pack.h promises of each type: bytes over the file's, in thousandths */
    static const uint16_t over[] = {1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1190,
                                    1036, 1028, 1023, 1000, 1000, 1015, 1000, 1000};
    for (size_t i = 0; i < N_TYPES; i++) {
        struct eng_pack p;
        const struct eng_type_info *ti = eng_type_info(TYPES[i]);
        assert_int_equal(eng_pack_plan(TYPES[i], 4096, 256, 3, false, &p, NULL), BASE_OK);
        uint64_t file = 4096ull / ti->block_values * ti->block_bytes * 256 * 3;
        if ((p.bytes * 1000 + file / 2) / file != over[i])
            fail_msg("%s: %llu bytes for %llu", ti->name, (unsigned long long)p.bytes,
                     (unsigned long long)file);
        assert_int_equal(p.group_bytes % 32, 0);
        assert_int_equal(p.bytes, 3 * p.mat_bytes);
    }
}

static void what_cannot_be_packed(void **state)
{
    (void)state;
    struct eng_pack p;
    struct base_err err = {0};
    assert_int_equal(eng_pack_plan(ENG_I32, 32, 16, 1, false, &p, &err), BASE_EINVAL);
    assert_string_equal(err.text, "weights of type I32 cannot be computed with");
    assert_int_equal(eng_pack_plan(16, 256, 16, 1, false, &p, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "IQ2_XXS"));
    assert_int_equal(eng_pack_plan(UINT32_MAX, 256, 16, 1, false, &p, &err), BASE_EINVAL);
    assert_int_equal(eng_pack_plan(ENG_Q4_0, 33, 16, 1, false, &p, &err), BASE_EINVAL);
    assert_int_equal(eng_pack_plan(ENG_Q4_K, 128, 16, 1, false, &p, &err), BASE_EINVAL);
    assert_int_equal(eng_pack_plan(ENG_Q4_0, 0, 16, 1, false, &p, &err), BASE_EINVAL);
    assert_int_equal(eng_pack_plan(ENG_Q4_0, 32, 0, 1, false, &p, &err), BASE_EINVAL);
    assert_int_equal(eng_pack_plan(ENG_Q4_0, 32, 16, 0, false, &p, &err), BASE_EINVAL);
    assert_int_equal(eng_pack_plan(ENG_F32, 1u << 24, 1u << 24, 1, false, &p, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "too large"));
    assert_int_equal(eng_pack_plan(ENG_F32, 1, 1, 1, false, &p, &err), BASE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(ends_of_scales),
        cmocka_unit_test(sizes),
        cmocka_unit_test(what_cannot_be_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
