/* quant_low.c - the rarer block types: K-quants of two and three bits, the IQ4 types with a table
 * of unequal steps, and NVIDIA's four-bit floats. quant.c says how rows and blocks go together.
 *
 *   Q2_K    256 values, 84 bytes: s[16], qs[64], d, dmin   x = d (s & 15) q - dmin (s >> 4)
 *   Q3_K    256, 110: hmask[32], qs[64], s[12], d          x = d (sc - 32) (q - 4, or q if its
 *                                                          bit in hmask is set)
 *   IQ4_NL  32, 18: d, qs[16]                              x = d T[q]
 *   IQ4_XS  256, 136: d, u16 sh, sl[4], qs[128]            x = d (sc - 32) T[q]
 *   NVFP4   64, 36: u8 e[4], qs[32]                        x = e / 2 * twice the E2M1 values
 *
 * Q2_K and Q3_K have a scale every 16 values; each 32 bytes of qs hold 128 values, two bits at a
 * time: the low pairs are the first 32. Q3_K's 6-bit scales: the low halves of s[0..8) are the low
 * nibbles of scales 0 to 7, the high halves those of 8 to 15; s[8 + j % 4] has the upper two bits
 * of scale j at bit 2 (j / 4). IQ4_XS has a scale every 32 values: nibble i of sl and bits 2i of
 * sh. NVFP4 has a scale every 16 values, 4 bits of exponent (bias 7) and 3 of mantissa.
 */
#include "engine/model/quant.h"

#include <math.h>

static const int8_t STEPS[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                 1,    13,   25,  38,  53,  69,  89,  113};

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void q2_k(const uint8_t *b, float *x)
{
    float d = eng_f16_to_f32(le16(b + 80)), dmin = eng_f16_to_f32(le16(b + 82));
    for (int i = 0; i < 16; i++) {
        float scale = d * (float)(b[i] & 15), min = dmin * (float)(b[i] >> 4);
        const uint8_t *qs = b + 16 + i / 8 * 32 + i % 2 * 16;
        for (int l = 0; l < 16; l++)
            x[i * 16 + l] = scale * (float)(qs[l] >> (i % 8 / 2 * 2) & 3) - min;
    }
}

int eng_q3_k_scale(const uint8_t *s, int i)
{
    return ((i < 8 ? s[i] & 15 : s[i - 8] >> 4) | (s[8 + i % 4] >> (i / 4 * 2) & 3) << 4) - 32;
}

static void q3_k(const uint8_t *b, float *x)
{
    float d = eng_f16_to_f32(le16(b + 108));
    for (int i = 0; i < 16; i++) {
        float scale = d * (float)eng_q3_k_scale(b + 96, i);
        const uint8_t *qs = b + 32 + i / 8 * 32 + i % 2 * 16, *high = b + i % 2 * 16;
        for (int l = 0; l < 16; l++) {
            int q = qs[l] >> (i % 8 / 2 * 2) & 3;
            x[i * 16 + l] = scale * (float)(high[l] >> (i / 2) & 1 ? q : q - 4);
        }
    }
}

static void steps(const uint8_t *qs, float d, float *x)
{
    for (int j = 0; j < 16; j++) {
        x[j] = d * (float)STEPS[qs[j] & 15];
        x[j + 16] = d * (float)STEPS[qs[j] >> 4];
    }
}

int eng_iq4_xs_scale(const uint8_t *b, int i)
{
    return ((b[4 + i / 2] >> (i % 2 * 4) & 15) | (le16(b + 2) >> (2 * i) & 3) << 4) - 32;
}

static void iq4_xs(const uint8_t *b, float *x)
{
    float d = eng_f16_to_f32(le16(b));
    for (int i = 0; i < 8; i++)
        steps(b + 8 + i * 16, d * (float)eng_iq4_xs_scale(b, i), x + i * 32);
}

float eng_nvfp4_scale(uint8_t e)
{
    int exp = e >> 3 & 15, man = e & 7;
    if (e == 0x7f) /* no number */
        return 0;
    return exp ? ldexpf((float)(8 + man), exp - 11) : ldexpf((float)man, -10);
}

static void nvfp4(const uint8_t *b, float *x)
{
    static const int8_t twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    for (int i = 0; i < 4; i++) {
        float d = eng_nvfp4_scale(b[i]);
        const uint8_t *qs = b + 4 + i * 8;
        for (int j = 0; j < 8; j++) {
            x[i * 16 + j] = (float)twice[qs[j] & 15] * d;
            x[i * 16 + j + 8] = (float)twice[qs[j] >> 4] * d;
        }
    }
}

void eng_dequant_low(uint32_t type, const uint8_t *b, float *x)
{
    switch (type) {
    case ENG_Q2_K:
        q2_k(b, x);
        break;
    case ENG_Q3_K:
        q3_k(b, x);
        break;
    case ENG_IQ4_NL:
        steps(b + 2, eng_f16_to_f32(le16(b)), x);
        break;
    case ENG_IQ4_XS:
        iq4_xs(b, x);
        break;
    case ENG_NVFP4:
        nvfp4(b, x);
        break;
    default:
        break;
    }
}
