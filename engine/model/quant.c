/* quant.c - weight types: their sizes, and widening rows to f32.
 *
 * Pure functions; run anywhere. A row is a sequence of blocks; d, m are f16, little endian:
 *
 *   Q4_0   32 values, 18 bytes: d, qs[16]          x = (q - 8) d
 *   Q4_1   32, 20: d, m, qs[16]                    x = q d + m
 *   Q5_0   32, 22: d, u32 qh, qs[16]               x = (q - 16) d, bit j of qh is value j's 5th bit
 *   Q5_1   32, 24: d, m, u32 qh, qs[16]            x = q d + m
 *   Q8_0   32, 34: d, i8 q[32]                     x = q d
 *   Q4_K   256, 144: d, dmin, s[12], qs[128]       8 sub-blocks: x = d sc q - dmin mn
 *   Q5_K   256, 176: d, dmin, s[12], qh[32], qs[128]  the same with a 5th bit
 *   Q6_K   256, 210: ql[128], qh[64], i8 sc[16], d x = d sc (q - 32)
 *   MXFP4  32, 17: u8 e, qs[16]                    x = 2^(e-128) T[q], T = twice the E2M1 values
 *
 * The rarer types are in quant_low.c.
 *
 * In blocks of 32 the low nibble of byte j is value j, the high nibble value j + 16. In Q4_K and
 * Q5_K each 32 bytes hold 64 values: low nibbles the first 32, high nibbles the next. The 6-bit
 * scales and minima of the eight sub-blocks are packed in 12 bytes: sub-blocks 0 to 3 in the low
 * six bits of s[j] and s[j+4]; 4 to 7 in the nibbles of s[j+4] with their upper two bits in the top
 * of s[j-4] and s[j].
 *
 * Every operation here is one that IEEE 754 rounds once and in the order written, so results are
 * the same everywhere (tests hold them to vectors bit for bit); hence no fused
 * multiply-add: the compiler must not contract, as GCC does not for the x86-64 baseline.
 */
#include "engine/model/quant.h"

#include <math.h>
#include <string.h>

static const struct eng_type_info TYPES[] = {
    [ENG_F32] = {"F32", 1, 4, true},         [ENG_F16] = {"F16", 1, 2, true},
    [ENG_Q4_0] = {"Q4_0", 32, 18, true},     [ENG_Q4_1] = {"Q4_1", 32, 20, true},
    [ENG_Q5_0] = {"Q5_0", 32, 22, true},     [ENG_Q5_1] = {"Q5_1", 32, 24, true},
    [ENG_Q8_0] = {"Q8_0", 32, 34, true},     [9] = {"Q8_1", 32, 36, false},
    [ENG_Q2_K] = {"Q2_K", 256, 84, true},    [ENG_Q3_K] = {"Q3_K", 256, 110, true},
    [ENG_Q4_K] = {"Q4_K", 256, 144, true},   [ENG_Q5_K] = {"Q5_K", 256, 176, true},
    [ENG_Q6_K] = {"Q6_K", 256, 210, true},   [15] = {"Q8_K", 256, 292, false},
    [16] = {"IQ2_XXS", 256, 66, false},      [17] = {"IQ2_XS", 256, 74, false},
    [18] = {"IQ3_XXS", 256, 98, false},      [19] = {"IQ1_S", 256, 50, false},
    [ENG_IQ4_NL] = {"IQ4_NL", 32, 18, true}, [21] = {"IQ3_S", 256, 110, false},
    [22] = {"IQ2_S", 256, 82, false},        [ENG_IQ4_XS] = {"IQ4_XS", 256, 136, true},
    [ENG_I8] = {"I8", 1, 1, false},          [ENG_I16] = {"I16", 1, 2, false},
    [ENG_I32] = {"I32", 1, 4, false},        [ENG_I64] = {"I64", 1, 8, false},
    [ENG_F64] = {"F64", 1, 8, false},        [29] = {"IQ1_M", 256, 56, false},
    [ENG_BF16] = {"BF16", 1, 2, true},       [34] = {"TQ1_0", 256, 54, false},
    [35] = {"TQ2_0", 256, 66, false},        [ENG_MXFP4] = {"MXFP4", 32, 17, true},
    [ENG_NVFP4] = {"NVFP4", 64, 36, true},
};

const struct eng_type_info *eng_type_info(uint32_t type)
{
    if (type >= sizeof(TYPES) / sizeof(TYPES[0]) || !TYPES[type].name)
        return NULL;
    return &TYPES[type];
}

const char *eng_type_name(uint32_t type)
{
    const struct eng_type_info *ti = eng_type_info(type);
    return ti ? ti->name : "unknown";
}

float eng_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 1023, u;
    float f;
    if (exp == 31)
        u = sign | 0x7f800000 | man << 13;
    else if (exp)
        u = sign | (exp + 112) << 23 | man << 13;
    else { /* zero or subnormal: man * 2^-24, exact in f32 */
        f = (float)man * 0x1p-24f;
        return sign ? -f : f;
    }
    memcpy(&f, &u, 4);
    return f;
}

uint16_t eng_f32_to_f16(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    u &= 0x7fffffff;
    if (u > 0x7f800000)
        return sign | 0x7e00;
    if (u >= 0x477ff000) /* rounds past 65504 */
        return sign | 0x7c00;
    if (u < 0x38800000) { /* subnormal: let an addition do the rounding */
        float a;
        memcpy(&a, &u, 4);
        a += 0.5f; /* ulp of [0.5, 1) is 2^-24, that of f16 subnormals */
        memcpy(&u, &a, 4);
        return sign | (uint16_t)(u - 0x3f000000);
    }
    u += 0xfff + (u >> 13 & 1);
    return sign | (uint16_t)((u - 0x38000000) >> 13);
}

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static float half(const uint8_t *p)
{
    return eng_f16_to_f32(le16(p));
}

static void dequant_q4(const uint8_t *b, bool has_min, float *x)
{
    float d = half(b), m = has_min ? half(b + 2) : 0;
    const uint8_t *qs = b + (has_min ? 4 : 2);
    for (int j = 0; j < 16; j++) {
        int lo = qs[j] & 15, hi = qs[j] >> 4;
        x[j] = has_min ? (float)lo * d + m : (float)(lo - 8) * d;
        x[j + 16] = has_min ? (float)hi * d + m : (float)(hi - 8) * d;
    }
}

static void dequant_q5(const uint8_t *b, bool has_min, float *x)
{
    float d = half(b), m = has_min ? half(b + 2) : 0;
    const uint8_t *h = b + (has_min ? 4 : 2), *qs = h + 4;
    uint32_t qh = (uint32_t)le16(h) | (uint32_t)le16(h + 2) << 16;
    for (int j = 0; j < 16; j++) {
        int lo = (qs[j] & 15) | (int)(qh >> j & 1) << 4;
        int hi = qs[j] >> 4 | (int)(qh >> (j + 16) & 1) << 4;
        x[j] = has_min ? (float)lo * d + m : (float)(lo - 16) * d;
        x[j + 16] = has_min ? (float)hi * d + m : (float)(hi - 16) * d;
    }
}

void eng_k_scale(const uint8_t *s, int j, int *sc, int *mn)
{
    if (j < 4) {
        *sc = s[j] & 63;
        *mn = s[j + 4] & 63;
    } else {
        *sc = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *mn = s[j + 4] >> 4 | (s[j] >> 6) << 4;
    }
}

static void dequant_q45_k(const uint8_t *b, bool five, float *x)
{
    float d = half(b), dmin = half(b + 2);
    const uint8_t *s = b + 4, *qh = b + 16, *qs = five ? b + 48 : b + 16;
    for (int j = 0; j < 8; j++) {
        int sc, mn;
        eng_k_scale(s, j, &sc, &mn);
        float ds = d * (float)sc, m = dmin * (float)mn;
        for (int l = 0; l < 32; l++) {
            uint8_t byte = qs[j / 2 * 32 + l];
            int q = j & 1 ? byte >> 4 : byte & 15;
            if (five)
                q |= (qh[l] >> j & 1) << 4;
            x[j * 32 + l] = ds * (float)q - m;
        }
    }
}

static void dequant_q6_k(const uint8_t *b, float *x)
{
    float d = half(b + 208);
    for (int h = 0; h < 2; h++) { /* two halves of 128 values */
        const uint8_t *ql = b + h * 64, *qh = b + 128 + h * 32;
        const uint8_t *sc = b + 192 + h * 8;
        for (int g = 0; g < 4; g++) /* groups of 32 */
            for (int l = 0; l < 32; l++) {
                int lo = ql[(g & 1) * 32 + l];
                lo = g < 2 ? lo & 15 : lo >> 4;
                int q = (lo | (qh[l] >> (2 * g) & 3) << 4) - 32;
                int8_t s = (int8_t)sc[g * 2 + l / 16];
                x[h * 128 + g * 32 + l] = d * (float)s * (float)q;
            }
    }
}

static void dequant_mxfp4(const uint8_t *b, float *x)
{
    static const int8_t twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    float d = ldexpf(1.0f, (int)b[0] - 128);
    for (int j = 0; j < 16; j++) {
        x[j] = (float)twice[b[1 + j] & 15] * d;
        x[j + 16] = (float)twice[b[1 + j] >> 4] * d;
    }
}

static void dequant_block(uint32_t type, const uint8_t *b, float *x)
{
    switch (type) {
    case ENG_Q4_0:
    case ENG_Q4_1:
        dequant_q4(b, type == ENG_Q4_1, x);
        break;
    case ENG_Q5_0:
    case ENG_Q5_1:
        dequant_q5(b, type == ENG_Q5_1, x);
        break;
    case ENG_Q8_0: {
        float d = half(b);
        for (int j = 0; j < 32; j++)
            x[j] = (float)(int8_t)b[2 + j] * d;
        break;
    }
    case ENG_Q4_K:
    case ENG_Q5_K:
        dequant_q45_k(b, type == ENG_Q5_K, x);
        break;
    case ENG_Q6_K:
        dequant_q6_k(b, x);
        break;
    case ENG_MXFP4:
        dequant_mxfp4(b, x);
        break;
    default:
        eng_dequant_low(type, b, x);
        break;
    }
}

void eng_dequant_row(uint32_t type, const void *row, float *x, size_t n)
{
    const uint8_t *p = row;
    if (type == ENG_F32) {
        memcpy(x, row, n * 4);
    } else if (type == ENG_F16) {
        for (size_t i = 0; i < n; i++)
            x[i] = half(p + 2 * i);
    } else if (type == ENG_BF16) {
        for (size_t i = 0; i < n; i++) {
            uint32_t u = (uint32_t)le16(p + 2 * i) << 16;
            memcpy(&x[i], &u, 4);
        }
    } else {
        const struct eng_type_info *ti = eng_type_info(type);
        for (size_t i = 0; i < n; i += ti->block_values, p += ti->block_bytes)
            dequant_block(type, p, x + i);
    }
}

void eng_quant_q8(const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    for (size_t b = 0; b < n / ENG_QBLOCK; b++, x += ENG_QBLOCK, q += ENG_QBLOCK) {
        float max = 0;
        int sum[2] = {0, 0};
        for (int j = 0; j < ENG_QBLOCK; j++)
            max = fmaxf(max, fabsf(x[j]));
        /* so small that 127 / max would overflow: nothing is lost by calling it zero */
        float inv = max > 1e-35f ? 127.0f / max : 0, d = inv > 0 ? max / 127.0f : 0;
        for (int j = 0; j < ENG_QBLOCK; j++) {
            q[j] = (int8_t)lrintf(x[j] * inv);
            sum[j / 16] += q[j];
        }
        info[b] = (struct eng_qinfo){d, d * (float)(sum[0] + sum[1]), d * (float)sum[0],
                                     d * (float)sum[1]};
    }
}

/* Two values' 18 bits each: n = 4 x / d rounded, four times the value plus its last two bits
 * (-2..1). Those of x0 go to t's upper part, which counts 16 / 4 = 4 whole steps of x1: x1 gives
 * them back.
 */
static void split_pair(int n0, int n1, int *q0, int *q1, int *t)
{
    *q0 = (n0 + 2 + (1 << 20)) / 4 - (1 << 18); /* the nearest, halves upwards */
    *q1 = (n1 + 2 + (1 << 20)) / 4 - (1 << 18);
    int u = n0 - 4 * *q0, v = n1 - 4 * *q1;
    *q1 -= 4 * u;
    *t = 16 * u + v;
}

static void put_bytes(int v, int8_t *hi, int8_t *lo)
{
    int h = (v + 127 * 256 + 128) / 256 - 127; /* upwards from the middle: lo <= 127 */
    *hi = (int8_t)h;
    *lo = (int8_t)(v - 256 * h);
}

void eng_quant_q16(const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    const float most = 127 * 256;
    for (size_t b = 0; b < n / ENG_QBLOCK; b++, x += ENG_QBLOCK, q += ENG_Q16_BYTES) {
        float max = 0;
        int sum[2] = {0, 0}, sum_t = 0;
        for (int j = 0; j < ENG_QBLOCK; j++)
            max = fmaxf(max, fabsf(x[j]));
        float inv = max > 1e-33f ? most / max : 0, d = inv > 0 ? max / most : 0;
        for (int j = 0; j < 16; j++) {
            int v[2], t;
            split_pair((int)lrintf(x[j] * (4 * inv)), (int)lrintf(x[j + 16] * (4 * inv)), &v[0],
                       &v[1], &t);
            for (int k = 0; k < 2; k++) {
                put_bytes(v[k], &q[j + 16 * k], &q[j + 16 * k + 32]);
                sum[k] += v[k];
            }
            q[64 + j] = (int8_t)t;
            sum_t += t;
        }
        float t_lo = (float)sum_t * 0.015625f, t_hi = (float)sum_t * 0.25f;
        float lo = (float)sum[0] + t_lo, hi = (float)sum[1] + t_hi;
        info[b] = (struct eng_qinfo){d, d * (lo + hi), d * lo, d * hi};
    }
}
