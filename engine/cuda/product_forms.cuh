/* product_forms.cuh - how a lane gets codes and scales out of a packed unit, per form (pack.c has
 * the bytes).
 *
 * A form is a kind of codes and a kind of scales. weir_form<C, S>::raw is what a lane loads of a
 * unit, in registers; decode() makes the eight words of signed bytes that mma takes; scales() gives
 * scale and minimum of its two rows for one span of values. Pure functions of registers; only
 * load() touches memory, 16 bytes a lane for the codes.
 */
#pragma once

#include "engine/cuda/device.cuh"
#include "engine/cuda/product.h"

enum weir_codes {
    WEIR_S4, /* 16 times -8..7 */
    WEIR_U4,
    WEIR_T4, /* E2M1: four times their value */
    WEIR_N4, /* the steps of IQ4 */
    WEIR_S5, /* 8 times -16..15 */
    WEIR_U5,
    WEIR_S6, /* 4 times -32..31 */
    WEIR_S8,
    WEIR_U2,
    WEIR_S3 /* 32 times -4..3 */
};

enum weir_scales {
    WEIR_SC_H,    /* f16 every 32 */
    WEIR_SC_HM,   /* f16 scale and minimum every 32 */
    WEIR_SC_E8,   /* a power of two every 32 */
    WEIR_SC_E4,   /* E4M3 every 16 */
    WEIR_SC_I8,   /* i8 every 32, f16 every 256 */
    WEIR_SC_K,    /* u8 scale and minimum every 32, f16 of both every 256 */
    WEIR_SC_I16,  /* i8 every 16, f16 every 256 */
    WEIR_SC_KM16, /* u8 scale and minimum every 16, f16 of both every 256 */
    WEIR_SC_NONE  /* floats */
};

WEIR_DEVICE void weir_load4(uint32_t *r, const uint8_t *p)
{
    uint4 v = __ldg(reinterpret_cast<const uint4 *>(p));
    r[0] = v.x;
    r[1] = v.y;
    r[2] = v.z;
    r[3] = v.w;
}

template <int N> WEIR_DEVICE void weir_load_words(uint32_t *r, const uint8_t *p)
{
    if constexpr (N == 4) {
        weir_load4(r, p);
    } else if constexpr (N == 2) {
        uint2 v = __ldg(reinterpret_cast<const uint2 *>(p));
        r[0] = v.x;
        r[1] = v.y;
    } else {
        r[0] = __ldg(reinterpret_cast<const unsigned *>(p));
    }
}

WEIR_DEVICE float weir_byte(uint32_t w, int i)
{
    return (float)(w >> (8 * i) & 255);
}

WEIR_DEVICE float weir_sbyte(uint32_t w, int i)
{
    return (float)(int8_t)(w >> (8 * i));
}

/* Up by `by`, or down if that is negative; known when compiled. */
WEIR_DEVICE uint32_t weir_move(uint32_t x, int by)
{
    return by >= 0 ? x << by : x >> -by;
}

template <int C, int S> struct weir_form {
    static constexpr int codes = C;
    static constexpr bool floats = false;
    static constexpr bool power =
        S == WEIR_SC_E8 || S == WEIR_SC_E4; /* bfloat16 holds its values */
    static constexpr int span = S == WEIR_SC_E4 || S == WEIR_SC_I16 || S == WEIR_SC_KM16 ? 16 : 32;
    static constexpr int spans = 64 / span;
    static constexpr bool min = S == WEIR_SC_HM || S == WEIR_SC_K || S == WEIR_SC_KM16;
    static constexpr int code_words = C == WEIR_S8 ? 8 : C == WEIR_U2 || C == WEIR_S3 ? 2 : 4;
    static constexpr bool one = C == WEIR_S5 || C == WEIR_U5 || C == WEIR_S3; /* a bit more */
    static constexpr bool two = C == WEIR_S6;                                 /* two bits more */
    static constexpr int scale_words = S == WEIR_SC_HM || S == WEIR_SC_KM16 ? 4
                                       : S == WEIR_SC_E8 || S == WEIR_SC_I8 ? 1
                                                                            : 2;
    static constexpr int super_words = S == WEIR_SC_K || S == WEIR_SC_KM16   ? 2
                                       : S == WEIR_SC_I8 || S == WEIR_SC_I16 ? 1
                                                                             : 0;
    static constexpr uint32_t unit_bytes =
        code_words * 128 + one * 128 + two * 256 + scale_words * 32;
    static constexpr float factor = C == WEIR_S4      ? 0.0625f
                                    : C == WEIR_S5    ? 0.125f
                                    : C == WEIR_S6    ? 0.25f
                                    : C == WEIR_S3    ? 0.03125f
                                    : S == WEIR_SC_E4 ? 64.0f
                                                      : 1.0f;

    static constexpr uint32_t unit_step = unit_bytes; /* from a unit to the next */
    static constexpr uint32_t super_bytes = 32 * super_words;
    /* Units of weights that a warp has on their way, in weir_mv (an even number) and in weir_tile:
     * what registers allow. */
    static constexpr int words = code_words + scale_words + super_words + one + 2 * two;
    static constexpr uint32_t ahead = words <= 6 && span == 32 ? 4 : 2;
    static constexpr uint32_t tile_ahead = words <= 6 && span == 32 ? 2 : 1;

    struct raw {
        uint32_t c[code_words];
        uint32_t more[2];
        uint32_t sc[scale_words];
        uint32_t sup[2];
    };

    /* Where a lane's parts of a unit are. */
    struct place {
        const uint8_t *code, *more, *scale, *super;
    };
    static __device__ __forceinline__ void find(place &p, const uint8_t *unit, const uint8_t *super,
                                                uint32_t units, unsigned lane)
    {
        (void)units;
        p.code = unit + lane * (code_words == 2 ? 8 : 16);
        p.more = unit + code_words * 128 + lane * (two ? 8 : 4);
        p.scale = unit + unit_bytes - 32 * scale_words + lane / 4 * (4 * scale_words);
        p.super = super + lane / 4 * (4 * super_words);
    }
    static __device__ __forceinline__ void advance(place &p, uint32_t units, uint32_t supers)
    {
        p.code += units * unit_bytes;
        p.more += units * unit_bytes;
        p.scale += units * unit_bytes;
        p.super += supers * super_bytes;
        weir_hide(p.code);
        weir_hide(p.scale);
        if constexpr (one || two)
            weir_hide(p.more);
        if constexpr (super_words > 0)
            weir_hide(p.super);
    }
    /* The unit so many units, and supers, behind p. */
    static __device__ __forceinline__ void load(raw &r, const place &p, uint32_t units,
                                                uint32_t supers)
    {
        const uint32_t at = units * unit_bytes;
        if constexpr (code_words == 2) {
            weir_load_words<2>(r.c, p.code + at);
        } else {
            weir_load4(r.c, p.code + at);
            if constexpr (code_words == 8)
                weir_load4(r.c + 4, p.code + at + 512);
        }
        if constexpr (one)
            weir_load_words<1>(r.more, p.more + at);
        if constexpr (two)
            weir_load_words<2>(r.more, p.more + at);
        weir_load_words<scale_words>(r.sc, p.scale + at);
        if constexpr (super_words > 0)
            weir_load_words<super_words>(r.sup, p.super + supers * super_bytes);
    }

    static __device__ __forceinline__ void decode(const raw &r, uint32_t a[8])
    {
        WEIR_UNROLL
        for (int i = 0; i < 8; i++) {
            int q = i / 2, b = i / 4, j = i % 4;
            if constexpr (C == WEIR_S8) {
                a[i] = r.c[i];
            } else if constexpr (C == WEIR_S4) {
                a[i] = (i & 1 ? r.c[q] : r.c[q] << 4) & 0xf0f0f0f0u;
            } else if constexpr (C == WEIR_U4) {
                a[i] = (i & 1 ? r.c[q] >> 4 : r.c[q]) & 0x0f0f0f0fu;
            } else if constexpr (C == WEIR_U5) {
                a[i] = ((i & 1 ? r.c[q] >> 4 : r.c[q]) & 0x0f0f0f0fu) |
                       (weir_move(r.more[0], 4 - i) & 0x10101010u);
            } else if constexpr (C == WEIR_S5) {
                a[i] = ((i & 1 ? r.c[q] >> 1 : r.c[q] << 3) & 0x78787878u) |
                       (r.more[0] << (7 - i) & 0x80808080u);
            } else if constexpr (C == WEIR_S6) {
                a[i] = ((i & 1 ? r.c[q] >> 2 : r.c[q] << 2) & 0x3c3c3c3cu) |
                       (r.more[b] << (6 - 2 * j) & 0xc0c0c0c0u);
            } else if constexpr (C == WEIR_U2) {
                a[i] = r.c[b] >> (2 * j) & 0x03030303u;
            } else if constexpr (C == WEIR_S3) {
                a[i] = (weir_move(r.c[b], 5 - 2 * j) & 0x60606060u) |
                       (r.more[0] << (7 - i) & 0x80808080u);
            } else if constexpr (C == WEIR_T4) {
                /* prmt gives 0 for positive bytes where a selector's top bit is set: one looks up
                 * twice the values of positive codes, one the negatives of the others in 7 bits */
                uint32_t w = i & 1 ? r.c[q] >> 16 : r.c[q];
                uint32_t p = weir_prmt(0x06040200u, 0x18100c08u, w);
#if defined(WEIR_BUG_49) /* positive and negative codes not told apart */
                uint32_t m = weir_prmt(0x7d7e7f00u, 0x74787a7cu, w & 0x77777777u);
#else
                uint32_t m = weir_prmt(0x7d7e7f00u, 0x74787a7cu, w ^ 0x88888888u);
#endif
                a[i] = p + (m << 1);
            } else {
                uint32_t w = i & 1 ? r.c[q] >> 16 : r.c[q], s = w & 0x7777u;
                uint32_t lo = weir_prmt(0xbfad9881u, 0xf6eaddcfu, s);
                uint32_t hi = weir_prmt(0x26190d01u, 0x71594535u, s);
                a[i] = weir_prmt(lo, hi, (w >> 1 & 0x4444u) | 0x3210u);
            }
        }
    }

    /* Of values span * s .. of the unit: d[0], m[0] of row g, d[1], m[1] of row g + 8. A weight is
     * code * d + m. */
    static __device__ __forceinline__ void scales(const raw &r, int s, float d[2], float m[2])
    {
        WEIR_UNROLL
        for (int i = 0; i < 2; i++) {
            m[i] = 0;
            if constexpr (S == WEIR_SC_H) {
                d[i] = weir_h2f((uint16_t)(r.sc[i] >> (16 * s)));
            } else if constexpr (S == WEIR_SC_HM) {
                d[i] = weir_h2f((uint16_t)(r.sc[2 * i] >> (16 * s)));
                m[i] = weir_h2f((uint16_t)(r.sc[2 * i + 1] >> (16 * s)));
            } else if constexpr (S == WEIR_SC_E8) {
                d[i] = __uint_as_float((r.sc[0] >> (8 * (2 * i + s)) & 255) << 23);
            } else if constexpr (S == WEIR_SC_E4) {
                d[i] = weir_h2f((uint16_t)((r.sc[i] >> (8 * s) & 255) << 7));
            } else if constexpr (S == WEIR_SC_I8) {
                d[i] = weir_h2f((uint16_t)(r.sup[0] >> (16 * i))) * weir_sbyte(r.sc[0], 2 * i + s);
            } else if constexpr (S == WEIR_SC_K) {
                d[i] = weir_h2f((uint16_t)r.sup[i]) * weir_byte(r.sc[i], s);
                m[i] = -weir_h2f((uint16_t)(r.sup[i] >> 16)) * weir_byte(r.sc[i], 2 + s);
            } else if constexpr (S == WEIR_SC_I16) {
                d[i] = weir_h2f((uint16_t)(r.sup[0] >> (16 * i))) * weir_sbyte(r.sc[i], s);
            } else if constexpr (S == WEIR_SC_KM16) {
                d[i] = weir_h2f((uint16_t)r.sup[i]) * weir_byte(r.sc[2 * i], s);
                m[i] = -weir_h2f((uint16_t)(r.sup[i] >> 16)) * weir_byte(r.sc[2 * i + 1], s);
            }
        }
    }
};

/* F16 and BF16: rows as they are. A lane's 16 bytes of a row are the A fragments of two m16n8k16
 * whose columns stand in another order, which is that of the activations. */
template <bool B> struct weir_form_half {
    static constexpr bool floats = true, bf16 = B, min = false;
    static constexpr int span = 32, spans = 0;
    static constexpr uint32_t planes = B ? 3 : 2;
    static constexpr uint32_t unit_bytes = 1024, super_bytes = 0, unit_step = 64;
    static constexpr float factor = 1.0f;
    static constexpr uint32_t ahead = 2, tile_ahead = 1;
    struct raw {
        uint32_t c[8];
    };
    struct place {
        const uint8_t *low, *high; /* of rows g and g + 8 */
    };
    static __device__ __forceinline__ void find(place &p, const uint8_t *unit, const uint8_t *super,
                                                uint32_t units, unsigned lane)
    {
        (void)super;
        p.low = unit + (uint64_t)(lane / 4) * (units * 64) + lane % 4 * 16;
        p.high = p.low + (uint64_t)8 * (units * 64);
    }
    static __device__ __forceinline__ void advance(place &p, uint32_t units, uint32_t supers)
    {
        (void)supers;
        p.low += units * unit_step;
        p.high += units * unit_step;
        weir_hide(p.low);
        weir_hide(p.high);
    }
    static __device__ __forceinline__ void load(raw &r, const place &p, uint32_t units,
                                                uint32_t supers)
    {
        (void)supers;
        weir_load4(r.c, p.low + units * unit_step);
        weir_load4(r.c + 4, p.high + units * unit_step);
    }
    static __device__ __forceinline__ void decode(const raw &r, uint32_t a[8])
    {
        WEIR_UNROLL
        for (int i = 0; i < 8; i++)
            a[i] = r.c[i % 2 * 4 + i / 4 * 2 + i % 4 / 2];
    }
};

typedef weir_form<WEIR_S4, WEIR_SC_H> weir_form_q4_0;
typedef weir_form<WEIR_U4, WEIR_SC_HM> weir_form_q4_1;
typedef weir_form<WEIR_S5, WEIR_SC_H> weir_form_q5_0;
typedef weir_form<WEIR_U5, WEIR_SC_HM> weir_form_q5_1;
typedef weir_form<WEIR_S8, WEIR_SC_H> weir_form_q8_0;
typedef weir_form<WEIR_U2, WEIR_SC_KM16> weir_form_q2_k;
typedef weir_form<WEIR_S3, WEIR_SC_I16> weir_form_q3_k;
typedef weir_form<WEIR_U4, WEIR_SC_K> weir_form_q4_k;
typedef weir_form<WEIR_U5, WEIR_SC_K> weir_form_q5_k;
typedef weir_form<WEIR_S6, WEIR_SC_I16> weir_form_q6_k;
typedef weir_form<WEIR_N4, WEIR_SC_H> weir_form_iq4_nl;
typedef weir_form<WEIR_N4, WEIR_SC_I8> weir_form_iq4_xs;
typedef weir_form<WEIR_T4, WEIR_SC_E8> weir_form_mxfp4;
typedef weir_form<WEIR_T4, WEIR_SC_E4> weir_form_nvfp4;
typedef weir_form_half<false> weir_form_f16;
typedef weir_form_half<true> weir_form_bf16;
