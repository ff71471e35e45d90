/* pack.c - from rows of a GGUF file to the order that the kernels read.
 *
 * Pure; runs at load on any thread. Everything written is written in full: what stands for no
 * weight is zero.
 *
 * A row group is 16 rows; slot s of it is row 16 group + s, or of a pair: slots 0 to 7 are rows
 * 8 group + s of the gate, slots 8 to 15 the same rows of `up`. Lane l = 4 g + t of a warp holds of
 * a unit of 64 values, for g = slot modulo 8, eight words of four values: word i = 4 b + j (b:
 * values 0-31 or 32-63 of the unit; j: bit 0 = slot g or g + 8, bit 1 = values 16 on) has values
 * 32 b + 16 (j / 2) + 4 t + 0..3. That is the A fragment of two m16n8k32.
 *
 *   a unit, 64 values     codes: of each lane, lanes adjacent                       scales, of each
 * g Q4_0                  16 bytes: low nibbles of word q are word 2q, high 2q + 1   f16 x 4 IQ4_NL
 * 16: as MXFP4                                               f16 x 4 Q4_1                  16: as
 * Q4_0                                                f16 x 8 Q5_0                  16: as Q4_0;
 * then 4 a lane: bit 8 y + i: byte y of word i  f16 x 4 Q5_1                  the same f16 x 8 Q8_0
 * 16: words 0-3; then 16 a lane: words 4-7                   f16 x 4 Q2_K                  8: bits
 * 8 y + 2 j of word b: byte y of word 4 b + j        u8 x 16 Q3_K                  the same; then 4
 * a lane as Q5_0                            i8 x 8 Q4_K                  16: as Q4_0 u8 x 8 Q5_K
 * 16, 4: as Q5_0                                             u8 x 8 Q6_K                  16: as
 * Q4_0; then 8 a lane: as Q2_K                        i8 x 8 IQ4_XS                16: as MXFP4 i8
 * x 4 MXFP4                 16: nibbles 0-3 of word q: word 2q, nibbles 4-7: 2q + 1    u8 x 4 NVFP4
 * the same                                                   u8 x 8
 *
 * Scales of a g: those of slot g in the order of the values, then those of slot g + 8. With minima,
 * a slot's minima follow its scales. MXFP4's are exponents less 2, so that they are those of f32
 * and the codes may be four times the E2M1 values. Types with blocks of 256 have, behind the units
 * of a row group and for every four units, f16 of each g: slot g's d (Q2_K Q4_K Q5_K: d, dmin),
 * slot g + 8's.
 *
 * Codes are signed where the type is symmetric: Q4_0 q - 8 in 4 bits, Q5_0 q - 16 in 5, Q6_K q - 32
 * in 6, Q3_K -4..3 in 3. Kernels take them in the upper bits of a byte, that is 16, 8, 4 or 32
 * times their value, and correct it once, at the end.
 *
 * F16, BF16: a unit is 32 values; the rows as they are, slot by slot, each filled up to whole
 * units: a plain matrix, which cuBLAS takes too. Lane 4 g + t has values 8 t to 8 t + 7 of rows g
 * and g + 8: as good as any other order for an mma whose B has the same. F32: a unit is 32 values,
 * slot by slot.
 */
#include "engine/cuda/pack.h"

#include <string.h>

#define SLOTS 16

static const struct eng_pack_layout LAYOUTS[ENG_FORMS] = {
    [ENG_FORM_F32] = {ENG_ACTS_F32, 32, 2048, 0},
    [ENG_FORM_F16] = {ENG_ACTS_F16, 32, 1024, 0},
    [ENG_FORM_BF16] = {ENG_ACTS_BF16, 32, 1024, 0},
    [ENG_FORM_Q4_0] = {ENG_ACTS_INT, 64, 512 + 64, 0},
    [ENG_FORM_Q4_1] = {ENG_ACTS_INT, 64, 512 + 128, 0},
    [ENG_FORM_Q5_0] = {ENG_ACTS_INT, 64, 512 + 128 + 64, 0},
    [ENG_FORM_Q5_1] = {ENG_ACTS_INT, 64, 512 + 128 + 128, 0},
    [ENG_FORM_Q8_0] = {ENG_ACTS_INT, 64, 1024 + 64, 0},
    [ENG_FORM_Q2_K] = {ENG_ACTS_INT, 64, 256 + 128, 64},
    [ENG_FORM_Q3_K] = {ENG_ACTS_INT, 64, 256 + 128 + 64, 32},
    [ENG_FORM_Q4_K] = {ENG_ACTS_INT, 64, 512 + 64, 64},
    [ENG_FORM_Q5_K] = {ENG_ACTS_INT, 64, 512 + 128 + 64, 64},
    [ENG_FORM_Q6_K] = {ENG_ACTS_INT, 64, 512 + 256 + 64, 32},
    [ENG_FORM_IQ4_NL] = {ENG_ACTS_INT, 64, 512 + 64, 0},
    [ENG_FORM_IQ4_XS] = {ENG_ACTS_INT, 64, 512 + 32, 32},
    [ENG_FORM_MXFP4] = {ENG_ACTS_INT, 64, 512 + 32, 0},
    [ENG_FORM_NVFP4] = {ENG_ACTS_INT, 64, 512 + 64, 0},
};

const struct eng_pack_layout *eng_pack_layout(enum eng_pack_form form)
{
    return &LAYOUTS[form];
}

static bool form_of(uint32_t type, enum eng_pack_form *form)
{
    static const uint8_t forms[] = {
        [ENG_F32] = ENG_FORM_F32 + 1,       [ENG_F16] = ENG_FORM_F16 + 1,
        [ENG_BF16] = ENG_FORM_BF16 + 1,     [ENG_Q4_0] = ENG_FORM_Q4_0 + 1,
        [ENG_Q4_1] = ENG_FORM_Q4_1 + 1,     [ENG_Q5_0] = ENG_FORM_Q5_0 + 1,
        [ENG_Q5_1] = ENG_FORM_Q5_1 + 1,     [ENG_Q8_0] = ENG_FORM_Q8_0 + 1,
        [ENG_Q2_K] = ENG_FORM_Q2_K + 1,     [ENG_Q3_K] = ENG_FORM_Q3_K + 1,
        [ENG_Q4_K] = ENG_FORM_Q4_K + 1,     [ENG_Q5_K] = ENG_FORM_Q5_K + 1,
        [ENG_Q6_K] = ENG_FORM_Q6_K + 1,     [ENG_IQ4_NL] = ENG_FORM_IQ4_NL + 1,
        [ENG_IQ4_XS] = ENG_FORM_IQ4_XS + 1, [ENG_MXFP4] = ENG_FORM_MXFP4 + 1,
        [ENG_NVFP4] = ENG_FORM_NVFP4 + 1,
    };
    if (type >= sizeof(forms) || !forms[type])
        return false;
    *form = (enum eng_pack_form)(forms[type] - 1);
    return true;
}

#define SIDE_MAX  (1u << 24)
#define BYTES_MAX (1ull << 40)

enum base_status eng_pack_plan(uint32_t type, uint32_t n_in, uint32_t n_out, uint32_t n_mat,
                               bool pair, struct eng_pack *out, struct base_err *err)
{
    struct eng_pack p = {.type = type, .pair = pair, .n_in = n_in, .n_out = n_out, .n_mat = n_mat};
    if (!form_of(type, &p.form))
        return base_err_set(err, BASE_EINVAL, "weights of type %s cannot be computed with",
                            eng_type_name(type));
    const struct eng_pack_layout *y = &LAYOUTS[p.form];
    if (!n_in || !n_out || !n_mat || n_in > SIDE_MAX || n_out > SIDE_MAX || n_mat > SIDE_MAX ||
        n_in % eng_type_info(type)->block_values)
        return base_err_set(err, BASE_EINVAL, "%u matrices of %s, %u by %u, cannot be packed",
                            n_mat, eng_type_name(type), n_out, n_in);
    uint32_t rows = pair ? SLOTS / 2 : SLOTS;
    p.units = (n_in + y->unit_values - 1) / y->unit_values;
    p.groups = (n_out + rows - 1) / rows;
    p.group_bytes =
        (uint64_t)p.units * y->unit_bytes + (uint64_t)((p.units + 3) / 4) * y->super_bytes;
    p.mat_bytes = p.group_bytes * p.groups; /* below 2^20 units * 2^11 bytes * 2^21 groups */
    if (p.mat_bytes > BYTES_MAX / n_mat)
        return base_err_set(err, BASE_EINVAL, "%u matrices of %s, %u by %u, are too large", n_mat,
                            eng_type_name(type), n_out, n_in);
    p.bytes = p.mat_bytes * n_mat;
    *out = p;
    return BASE_OK;
}

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* ---- one row's 64 values: codes and scales ---- */

/* What a slot has of a unit: codes as signed or unsigned numbers, scales as they will lie. */
struct piece {
    uint8_t code[64];
    uint8_t scale[8]; /* and minima */
    uint8_t super[4];
};

static void codes_of_nibbles(const uint8_t *qs, uint8_t *code)
{
    for (int i = 0; i < 16; i++) {
        code[i] = qs[i] & 15;
        code[i + 16] = qs[i] >> 4;
    }
}

/* One block of 32 values of row block b is half h of the piece. */
static void read_32(uint32_t type, const uint8_t *b, uint32_t h, struct piece *p)
{
    uint8_t *code = p->code + 32 * h;
    uint32_t qh;
    switch (type) {
    case ENG_Q4_0:
        codes_of_nibbles(b + 2, code);
        for (int i = 0; i < 32; i++)
            code[i] ^= 8;
        memcpy(p->scale + 2 * h, b, 2);
        break;
    case ENG_IQ4_NL:
        codes_of_nibbles(b + 2, code);
        memcpy(p->scale + 2 * h, b, 2);
        break;
    case ENG_Q4_1:
        codes_of_nibbles(b + 4, code);
        memcpy(p->scale + 2 * h, b, 2);
        memcpy(p->scale + 4 + 2 * h, b + 2, 2);
        break;
    case ENG_Q5_0:
    case ENG_Q5_1:
        memcpy(p->scale + 2 * h, b, 2);
        if (type == ENG_Q5_1)
            memcpy(p->scale + 4 + 2 * h, b + 2, 2);
        b += type == ENG_Q5_1 ? 4 : 2;
        qh = (uint32_t)le16(b) | (uint32_t)le16(b + 2) << 16;
        codes_of_nibbles(b + 4, code);
        for (int i = 0; i < 32; i++)
            code[i] = (uint8_t)((code[i] | (qh >> i & 1) << 4) ^ (type == ENG_Q5_0 ? 16 : 0));
        break;
    case ENG_Q8_0:
        memcpy(code, b + 2, 32);
        memcpy(p->scale + 2 * h, b, 2);
        break;
    default: /* MXFP4 */
        codes_of_nibbles(b + 1, code);
        p->scale[h] = b[0] > 2 ? (uint8_t)(b[0] - 2) : 0;
        break;
    }
}

static void read_nvfp4(const uint8_t *b, struct piece *p)
{
    for (uint32_t i = 0; i < 64; i++) {
        uint8_t byte = b[4 + i / 16 * 8 + i % 8];
        p->code[i] = i % 16 < 8 ? byte & 15 : byte >> 4;
    }
    for (uint32_t i = 0; i < 4; i++) /* eng_nvfp4_scale(): "no number" counts as 0, signs do not */
        p->scale[i] = b[i] == 0x7f ? 0 : b[i] & 0x7f;
}

/* Bytes of two bits each: values 32 j .. 32 j + 31 of a block of 256. */
static uint8_t two_bits(const uint8_t *qs, uint32_t j, uint32_t i)
{
    return qs[j / 4 * 32 + i] >> (2 * (j & 3)) & 3;
}

/* Quarter q (64 values) of a block of 256. */
static void read_256(uint32_t type, const uint8_t *b, uint32_t q, struct piece *p)
{
    for (uint32_t h = 0; h < 2; h++) {
        uint32_t j = 2 * q + h; /* which 32 values of the block */
        uint8_t *code = p->code + 32 * h;
        int sc, mn;
        switch (type) {
        case ENG_Q2_K:
            for (uint32_t i = 0; i < 32; i++)
                code[i] = two_bits(b + 16, j, i);
            for (uint32_t k = 0; k < 2; k++) {
                p->scale[2 * h + k] = b[2 * j + k] & 15;
                p->scale[4 + 2 * h + k] = b[2 * j + k] >> 4;
            }
            memcpy(p->super, b + 80, 4);
            break;
        case ENG_Q3_K:
            for (uint32_t i = 0; i < 32; i++)
                code[i] = (uint8_t)((two_bits(b + 32, j, i) | (b[i] >> j & 1) << 2) ^ 4);
            for (uint32_t k = 0; k < 2; k++)
                p->scale[2 * h + k] = (uint8_t)eng_q3_k_scale(b + 96, (int)(2 * j + k));
            memcpy(p->super, b + 108, 2);
            break;
        case ENG_Q4_K:
        case ENG_Q5_K: {
            const uint8_t *qs = b + (type == ENG_Q5_K ? 48 : 16) + j / 2 * 32;
            for (uint32_t i = 0; i < 32; i++) {
                code[i] = j & 1 ? qs[i] >> 4 : qs[i] & 15;
                if (type == ENG_Q5_K)
                    code[i] |= (uint8_t)((b[16 + i] >> j & 1) << 4);
            }
            eng_k_scale(b + 4, (int)j, &sc, &mn);
            p->scale[h] = (uint8_t)sc;
            p->scale[2 + h] = (uint8_t)mn;
            memcpy(p->super, b, 4);
            break;
        }
        case ENG_Q6_K: {
            const uint8_t *ql = b + j / 4 * 64 + (j & 1) * 32;
            for (uint32_t i = 0; i < 32; i++)
                code[i] =
                    (uint8_t)(((j & 2 ? ql[i] >> 4 : ql[i] & 15) | two_bits(b + 128, j, i) << 4) ^
                              32);
            memcpy(p->scale + 2 * h, b + 192 + 2 * j, 2);
            memcpy(p->super, b + 208, 2);
            break;
        }
        default: /* IQ4_XS */
            codes_of_nibbles(b + 8 + 16 * j, code);
            p->scale[h] = (uint8_t)eng_iq4_xs_scale(b, (int)j);
            memcpy(p->super, b, 2);
            break;
        }
    }
}

/* Unit u of a row; p is zero. */
static void read_piece(const struct eng_pack *k, const uint8_t *row, uint32_t u, struct piece *p)
{
    const struct eng_type_info *ti = eng_type_info(k->type);
    if (ti->block_values == 256) {
        read_256(k->type, row + (uint64_t)(u / 4) * ti->block_bytes, u % 4, p);
    } else if (k->type == ENG_NVFP4) {
        read_nvfp4(row + (uint64_t)u * ti->block_bytes, p);
    } else {
        for (uint32_t h = 0; h < 2 && u * 64 + h * 32 < k->n_in; h++)
            read_32(k->type, row + (uint64_t)(2 * u + h) * ti->block_bytes, h, p);
    }
}

/* ---- fragments ---- */

static void put_bits(uint8_t *base, uint32_t bit, uint32_t v)
{
    base[bit / 8] |= (uint8_t)(v << (bit % 8));
}

/* The codes of a slot into the unit's parts. */
static void put_codes(enum eng_pack_form form, const uint8_t *code, uint32_t slot, uint8_t *unit)
{
    for (uint32_t v = 0; v < 64; v++) {
        uint32_t t = v % 16 / 4, y = v % 4, lane = slot % 8 * 4 + t;
        uint32_t b = v / 32, j = slot / 8 + v % 32 / 16 * 2, i = 4 * b + j, c = code[v];
        uint8_t *four = unit + 16 * lane, *two = unit, *one = unit + 512;
        switch (form) {
        case ENG_FORM_Q8_0:
            unit[512 * b + 16 * lane + 4 * j + y] = (uint8_t)c;
            continue;
        case ENG_FORM_IQ4_NL:
        case ENG_FORM_IQ4_XS:
        case ENG_FORM_MXFP4:
        case ENG_FORM_NVFP4:
            put_bits(four + i / 2 * 4, 16 * (i & 1) + 4 * y, c);
            continue;
        case ENG_FORM_Q2_K:
        case ENG_FORM_Q3_K:
            one = unit + 256;
            break;
        default:
            put_bits(four + i / 2 * 4, 8 * y + 4 * (i & 1), c & 15);
            two = unit + 512;
            c >>= 4;
            break;
        }
        if (form == ENG_FORM_Q2_K || form == ENG_FORM_Q3_K || form == ENG_FORM_Q6_K) {
            put_bits(two + 8 * lane + 4 * b, 8 * y + 2 * j, c & 3);
            c >>= 2;
        }
        if (form == ENG_FORM_Q3_K || form == ENG_FORM_Q5_0 || form == ENG_FORM_Q5_1 ||
            form == ENG_FORM_Q5_K)
            put_bits(one + 4 * lane, 8 * y + i, c & 1);
    }
}

/* Row `slot` of a group, or NULL where there is none. */
static const uint8_t *row_of(const struct eng_pack *p, const uint8_t *rows, const uint8_t *up,
                             uint64_t row_bytes, uint32_t group, uint32_t slot)
{
    uint32_t r = p->pair ? group * 8 + slot % 8 : group * SLOTS + slot;
    if (r >= p->n_out)
        return NULL;
    return (p->pair && slot >= 8 ? up : rows) + r * row_bytes;
}

static void pack_ints(const struct eng_pack *p, const uint8_t *row, uint32_t slot, uint8_t *out)
{
    const struct eng_pack_layout *y = &LAYOUTS[p->form];
    uint32_t each; /* bytes of a slot's scales in a unit */
    switch (p->form) {
    case ENG_FORM_Q4_1:
    case ENG_FORM_Q5_1:
    case ENG_FORM_Q2_K:
        each = 8;
        break;
    case ENG_FORM_IQ4_XS:
    case ENG_FORM_MXFP4:
        each = 2;
        break;
    default:
        each = 4;
        break;
    }
    uint32_t sup = y->super_bytes / SLOTS;
    uint8_t *supers = out + (uint64_t)p->units * y->unit_bytes;
    for (uint32_t u = 0; u < p->units; u++) {
        uint8_t *unit = out + (uint64_t)u * y->unit_bytes;
        struct piece piece = {0};
        read_piece(p, row, u, &piece);
        put_codes(p->form, piece.code, slot, unit);
        memcpy(unit + y->unit_bytes - SLOTS * each + slot % 8 * 2 * each + slot / 8 * each,
               piece.scale, each);
        if (sup)
            memcpy(supers + (uint64_t)(u / 4) * y->super_bytes + slot % 8 * 2 * sup +
                       slot / 8 * sup,
                   piece.super, sup);
    }
}

static void pack_halves(const struct eng_pack *p, const uint8_t *row, uint32_t slot, uint8_t *out)
{
    memcpy(out + (uint64_t)slot * p->units * 64, row, 2 * (uint64_t)p->n_in);
}

static void pack_floats(const struct eng_pack *p, const uint8_t *row, uint32_t slot, uint8_t *out)
{
    for (uint32_t u = 0; u < p->units; u++) {
        uint32_t n = p->n_in - u * 32 < 32 ? p->n_in - u * 32 : 32;
        memcpy(out + (uint64_t)u * 2048 + slot * 128, row + (uint64_t)u * 128, n * 4);
    }
}

void eng_pack_rows(const struct eng_pack *p, const uint8_t *rows, const uint8_t *up,
                   uint64_t row_bytes, uint32_t group0, uint32_t group1, uint8_t *out)
{
    for (uint32_t g = group0; g < group1; g++, out += p->group_bytes) {
        memset(out, 0, p->group_bytes);
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            const uint8_t *row = row_of(p, rows, up, row_bytes, g, slot);
            if (!row)
                continue;
            if (LAYOUTS[p->form].acts == ENG_ACTS_INT)
                pack_ints(p, row, slot, out);
            else if (p->form == ENG_FORM_F32)
                pack_floats(p, row, slot, out);
            else
                pack_halves(p, row, slot, out);
        }
    }
}
