/* tile_pack.c - from rows as they lie in the file to tiles of 16 rows.
 *
 * Runs once per weight at load, on any thread; pure but for its output.
 *
 * Every type is brought to one form: a value is code * d + m with unsigned codes, d and m fixed for
 * 32 values of a row, or for 16 where the table has two. A tile holds, for each 32 values along the
 * rows, first the scales of its 16 rows, then the codes in planes of 64 bytes, byte 4r + b of a
 * plane being about row r and one of the values 4g + b of a group g of four:
 *
 *   codes of 4 bits and more: planes h = 0..3; low nibble: group h, high nibble: group h + 4
 *   5 bits, one more plane:   bit g is the fifth bit of group g
 *   6 bits, two more planes:  plane p, bits 2f and 2f + 1: the upper bits of group 4p + f
 *   8 bits: eight planes, one a group, instead of all these
 *   2 bits: two planes: plane p, bits 2f and 2f + 1: group 4p + f
 *   3 bits, one more plane:   bit g is the third bit of group g
 *
 *   type         scales before each 32 values               once before each 256   code      m
 *   Q4_0         f16 d[16]                                  -                      q         -8 d
 *   Q5_0         f16 d[16]                                  -                      q         -16 d
 *   Q8_0         f16 d[16]                                  -                      q + 128   -128 d
 *   Q4_1 Q5_1    f16 d[16], f16 m[16]                       -                      q         m
 *   MXFP4        f32 d[16]                                  -                      index     -12 d
 *   NVFP4        f16 d[16] (values 0-15), f16 d[16]         -                      index     -12 d
 *   IQ4_NL       f16 d[16]                                  -                      index     -128 d
 *   IQ4_XS       i8 sc[16]                                  f16 d[16]              index     -128 d
 *   Q4_K Q5_K    u8 sc[16], u8 mn[16]                       f16 d[16], dmin[16]    q         -dmin
 * mn Q6_K Q3_K    i8 sc[16] (values 0-15), i8 sc[16]         f16 d[16]              q         -32,
 * -4 d Q2_K         u8 sc[16] (values 0-15), sc[16], mn, mn    f16 d[16], dmin[16]    q -dmin mn
 *
 * d is times sc where there is one; an index goes through a table of codes (kernels.c). The size is
 * that of the file's rows, plus a few percent, and up to a third for Q2_K.
 */
#include "engine/cpu/tile.h"

#include <math.h>
#include <string.h>

uint64_t eng_tile_bytes(uint32_t type, uint32_t n_in)
{
    const struct eng_tile_layout t = eng_tile_layout(type);
    if (n_in % 32)
        return 0;
    return (uint64_t)(n_in / 32) * (t.scales + t.planes) + (uint64_t)(n_in / 256) * t.super;
}

/* The codes of values 32j.. of a block (j = 0 but for the K types). */
static void read_codes(uint32_t type, const uint8_t *b, uint32_t j, uint8_t *code)
{
    uint32_t qh = 0;
    switch (type) {
    case ENG_Q2_K:
    case ENG_Q3_K: {
        const uint8_t *qs = b + (type == ENG_Q3_K ? 32 : 16) + j / 4 * 32;
        for (int i = 0; i < 32; i++) {
            code[i] = qs[i] >> (2 * (j & 3)) & 3;
            if (type == ENG_Q3_K)
                code[i] |= (uint8_t)((b[i] >> j & 1) << 2);
        }
        return;
    }
    case ENG_NVFP4: /* blocks of 16: low nibbles, then high ones */
        for (int i = 0; i < 32; i++) {
            uint8_t byte = b[4 + 16 * j + (uint32_t)(i / 16 * 8 + i % 8)];
            code[i] = i % 16 < 8 ? byte & 15 : byte >> 4;
        }
        return;
    case ENG_Q8_0:
        for (int i = 0; i < 32; i++)
            code[i] = b[2 + i] ^ 0x80;
        return;
    case ENG_Q6_K: {
        const uint8_t *ql = b + j / 4 * 64 + (j & 1) * 32, *h = b + 128 + j / 4 * 32;
        for (int i = 0; i < 32; i++)
            code[i] =
                (uint8_t)((j & 2 ? ql[i] >> 4 : ql[i] & 15) | (h[i] >> (2 * (j & 3)) & 3) << 4);
        return;
    }
    case ENG_Q4_K:
    case ENG_Q5_K: {
        const uint8_t *qs = b + (type == ENG_Q5_K ? 48 : 16) + j / 2 * 32;
        for (int i = 0; i < 32; i++) {
            code[i] = j & 1 ? qs[i] >> 4 : qs[i] & 15;
            if (type == ENG_Q5_K)
                code[i] |= (uint8_t)((b[16 + i] >> j & 1) << 4);
        }
        return;
    }
    default:
        break;
    }
    if (type == ENG_Q5_0 || type == ENG_Q5_1) {
        b += type == ENG_Q5_1 ? 4 : 2;
        qh = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        b += 4;
    } else {
        b += type == ENG_MXFP4 ? 1 : type == ENG_Q4_1 ? 4 : type == ENG_IQ4_XS ? 8 + 16 * j : 2;
    }
    for (int i = 0; i < 16; i++) {
        code[i] = (uint8_t)((b[i] & 15) | (qh >> i & 1) << 4);
        code[i + 16] = (uint8_t)(b[i] >> 4 | (qh >> (i + 16) & 1) << 4);
    }
}

static uint32_t word(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void put_word(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

/* Spreads 32 codes of row r over the planes at p. Works on the four codes of a group at once: masks
 * keep shifted bits within their byte, so the order of bytes in a word does not matter. */
static void write_codes(uint32_t type, const uint8_t *code, uint32_t r, uint8_t *p)
{
    const uint32_t nibble = 0x0f0f0f0f, two = 0x03030303, one = 0x01010101;
    uint32_t top[2] = {0, 0};
    p += 4 * r;
    for (uint32_t g = 0; type == ENG_Q8_0 && g < 8; g++)
        put_word(p + 64 * g, word(code + 4 * g));
    if (type == ENG_Q8_0)
        return;
    if (type == ENG_Q2_K || type == ENG_Q3_K) {
        uint32_t high = 0;
        for (uint32_t g = 0; g < 8; g++) {
            top[g / 4] |= (word(code + 4 * g) & two) << (2 * (g & 3));
            high |= (word(code + 4 * g) >> 2 & one) << g;
        }
        put_word(p, top[0]);
        put_word(p + 64, top[1]);
        if (type == ENG_Q3_K)
            put_word(p + 128, high);
        return;
    }
    for (uint32_t h = 0; h < 4; h++)
        put_word(p + 64 * h, (word(code + 4 * h) & nibble) | (word(code + 16 + 4 * h) & nibble)
                                                                 << 4);
    for (uint32_t g = 0; type == ENG_Q6_K && g < 8; g++)
        top[g / 4] |= (word(code + 4 * g) >> 4 & two) << (2 * (g & 3));
    for (uint32_t g = 0; type != ENG_Q6_K && g < 8; g++)
        top[0] |= (word(code + 4 * g) >> 4 & one) << g;
    if (type == ENG_Q6_K)
        put_word(p + 320, top[1]);
    if (type == ENG_Q6_K || eng_tile_layout(type).planes > 256)
        put_word(p + 256, top[0]);
}

/* The scales of row r for values 32j.. of a block, to s; those of the whole block to super. */
static void write_scales(uint32_t type, const uint8_t *b, uint32_t j, uint32_t r, uint8_t *s,
                         uint8_t *super)
{
    switch (type) {
    case ENG_Q4_1:
    case ENG_Q5_1:
        memcpy(s + 2 * r, b, 2);
        memcpy(s + 32 + 2 * r, b + 2, 2);
        break;
    case ENG_MXFP4: {
        float d = ldexpf(1.0f, (int)b[0] - 128);
        memcpy(s + 4 * r, &d, 4);
        break;
    }
    case ENG_Q4_K:
    case ENG_Q5_K: {
        int sc, mn;
        eng_k_scale(b + 4, (int)j, &sc, &mn);
        s[r] = (uint8_t)sc;
        s[16 + r] = (uint8_t)mn;
        memcpy(super + 2 * r, b, 2);
        memcpy(super + 32 + 2 * r, b + 2, 2);
        break;
    }
    case ENG_Q2_K:
        for (uint32_t h = 0; h < 2; h++) {
            s[16 * h + r] = b[2 * j + h] & 15;
            s[32 + 16 * h + r] = b[2 * j + h] >> 4;
        }
        memcpy(super + 2 * r, b + 80, 2);
        memcpy(super + 32 + 2 * r, b + 82, 2);
        break;
    case ENG_Q3_K:
        for (uint32_t h = 0; h < 2; h++)
            s[16 * h + r] = (uint8_t)eng_q3_k_scale(b + 96, (int)(2 * j + h));
        memcpy(super + 2 * r, b + 108, 2);
        break;
    case ENG_IQ4_XS:
        s[r] = (uint8_t)eng_iq4_xs_scale(b, (int)j);
        memcpy(super + 2 * r, b, 2);
        break;
    case ENG_NVFP4:
        for (uint32_t h = 0; h < 2; h++) { /* four bits of mantissa: exact in f16 */
            uint16_t d = eng_f32_to_f16(eng_nvfp4_scale(b[2 * j + h]));
            memcpy(s + 32 * h + 2 * r, &d, 2);
        }
        break;
    case ENG_Q6_K:
        s[r] = b[192 + 2 * j];
        s[16 + r] = b[192 + 2 * j + 1];
        memcpy(super + 2 * r, b + 208, 2);
        break;
    default:
        memcpy(s + 2 * r, b, 2);
        break;
    }
}

void eng_tile_pack(const struct eng_weight *w, uint32_t mat, uint32_t tile)
{
    const struct eng_tile_layout t = eng_tile_layout(w->type);
    const struct eng_type_info *ti = eng_type_info(w->type);
    uint8_t *out = w->tiles + ((uint64_t)mat * w->mat_tiles + tile) * w->tile_bytes, *super = NULL;
    uint32_t per_block = ti->block_values / 32, row0 = tile * ENG_TILE;
    memset(out, 0, w->tile_bytes);
    for (uint32_t i = 0; i < w->n_in / 32; i++) {
        uint32_t j = i % per_block;
        if (t.super && j == 0) {
            super = out;
            out += t.super;
        }
        for (uint32_t r = 0; r < ENG_TILE && row0 + r < w->n_out; r++) {
            const uint8_t *b = w->data + ((uint64_t)mat * w->n_out + row0 + r) * w->row_bytes +
                               (uint64_t)(i / per_block) * ti->block_bytes;
            uint8_t code[32];
            read_codes(w->type, b, j, code);
            write_scales(w->type, b, j, r, out, super);
            write_codes(w->type, code, r, out + t.scales);
        }
        out += t.scales + t.planes;
    }
}
