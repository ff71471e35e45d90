/* kern_tiles.h - the integer product, for weights in tiles; a part of kern_body.h, and like that
 * included more than once.
 *
 * A tile holds 16 rows (tile_pack.c), a lane is a row, so lanes are never added together. For 32
 * values, the codes are unpacked once into eight registers u[g] (values 4g to 4g + 3) and
 * multiplied with the activations of up to ROWS_MAX rows, each broadcast four bytes at a time:
 *
 *     y += (sum of code * q) * (d * d_act) + m * (d_act * sum of q)
 *
 * One activation row is the matrix-vector case of token generation, many are that of prompts.
 *
 * Activations of two bytes are two such products over the same codes, q = 256 hi + lo. Their last
 * two bits stand in t (quant.h), a byte for the values j and j + 16, which counts t / 64 for the
 * first and t / 4 for the second: 16 times as much. One product with codes that are packed
 * likewise, c[j] + 16 c[j + 16], gives both at once, and codes of four bits lie in the tile as just
 * that. Other types multiply t twice, and so do all where vi_dp8 is two products.
 *
 * Sums of a lane are brought to 64ths of a step. They stay below 2^31: 63 * 32520 * 16 * 64 for
 * Q6_K, whose halves are apart, 31 * 32520 * 32 * 64 for five bits. Bytes keep theirs apart.
 */

/* The layout folds into constants where type is one. */
FN bool has_halves(uint32_t type)
{
    return type == ENG_Q6_K || type == ENG_Q2_K || type == ENG_Q3_K || type == ENG_NVFP4;
}

/* Codes that lie in the tile as pairs of nibbles and are used as they are. */
FN bool has_pairs(uint32_t type)
{
    if (!BYTES_AT_ONCE)
        return false;
    return type == ENG_Q4_0 || type == ENG_Q4_1 || type == ENG_Q4_K;
}

/* Codes beyond 128, which some instructions take in two steps. */
FN bool has_bytes(uint32_t type)
{
    return type == ENG_Q8_0 || type == ENG_IQ4_NL || type == ENG_IQ4_XS;
}

/* Two bits for group g from the planes at p, as bits `to` and to + 1. */
FN vi two_bits(const uint8_t *p, int g, int to)
{
    vi b = vi_load(p + g / 4 * 64);
    int from = 2 * (g & 3);
    b = from < to ? vi_shl(b, to - from) : vi_shr(b, from - to);
    return vi_and(b, 3 << to);
}

/* A bit for group g from the plane at p, as bit `to`. */
FN vi one_bit(const uint8_t *p, int g, int to)
{
    vi b = vi_load(p);
    b = g < to ? vi_shl(b, to - g) : vi_shr(b, g - to);
    return vi_and(b, 1 << to);
}

/* The 32 codes of LANES rows as 8 vectors of four a lane; p: planes, moved on to the first lane. */
FN void unpack(uint32_t type, const uint8_t *p, vi *u)
{
    if (type == ENG_Q8_0) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_load(p + 64 * g);
        return;
    }
    if (type == ENG_Q2_K || type == ENG_Q3_K) {
        UNROLL for (int g = 0; g < 8; g++)
        {
            u[g] = two_bits(p, g, 0);
            if (type == ENG_Q3_K)
                u[g] = vi_or(u[g], one_bit(p + 128, g, 2));
        }
        return;
    }
    UNROLL for (int h = 0; h < 4; h++)
    {
        vi b = vi_load(p + 64 * h);
        u[h] = vi_and(b, 15);
        u[h + 4] = vi_and(vi_shr(b, 4), 15);
    }
    if (type == ENG_Q5_0 || type == ENG_Q5_1 || type == ENG_Q5_K) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_or(u[g], one_bit(p + 256, g, 4));
    } else if (type == ENG_Q6_K) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_or(u[g], two_bits(p + 256, g, 4));
    } else if (type == ENG_MXFP4 || type == ENG_NVFP4) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_table(u[g], eng_mxfp4_codes);
    } else if (type == ENG_IQ4_NL || type == ENG_IQ4_XS) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_table(u[g], eng_iq4_codes);
    }
}

/* d and m of LANES rows for one block; a pair for each half where those differ. */
struct scales {
    vf d, m, d2, m2;
};

FN void read_scales(uint32_t type, const uint8_t *super, const uint8_t *p, int lane,
                    struct scales *s)
{
    if (type == ENG_Q4_K || type == ENG_Q5_K) {
        s->d = vf_mul(vf_f16(super + 2 * lane), vf_u8(p + lane));
        s->m = vf_mul(vf_f16(super + 32 + 2 * lane), vf_u8(p + 16 + lane));
        s->m = vf_sub(vf_zero(), s->m);
    } else if (type == ENG_Q2_K) {
        vf d = vf_f16(super + 2 * lane);
        vf m = vf_sub(vf_zero(), vf_f16(super + 32 + 2 * lane));
        s->d = vf_mul(d, vf_u8(p + lane));
        s->d2 = vf_mul(d, vf_u8(p + 16 + lane));
        s->m = vf_mul(m, vf_u8(p + 32 + lane));
        s->m2 = vf_mul(m, vf_u8(p + 48 + lane));
    } else if (type == ENG_Q6_K || type == ENG_Q3_K) {
        vf d = vf_f16(super + 2 * lane), off = vf_set1(type == ENG_Q6_K ? -32.0f : -4.0f);
        s->d = vf_mul(d, vf_i8(p + lane));
        s->d2 = vf_mul(d, vf_i8(p + 16 + lane));
        s->m = vf_mul(s->d, off);
        s->m2 = vf_mul(s->d2, off);
    } else if (type == ENG_NVFP4) {
        s->d = vf_f16(p + 2 * lane);
        s->d2 = vf_f16(p + 32 + 2 * lane);
        s->m = vf_mul(s->d, vf_set1(-12.0f));
        s->m2 = vf_mul(s->d2, vf_set1(-12.0f));
    } else if (type == ENG_IQ4_XS) {
        s->d = vf_mul(vf_f16(super + 2 * lane), vf_i8(p + lane));
        s->m = vf_mul(s->d, vf_set1(-128.0f));
    } else if (type == ENG_MXFP4) {
        s->d = vf_load((const float *)(const void *)(p + 4 * lane));
        s->m = vf_mul(s->d, vf_set1(-12.0f));
    } else {
        s->d = vf_f16(p + 2 * lane);
        if (type == ENG_Q4_1 || type == ENG_Q5_1)
            s->m = vf_f16(p + 32 + 2 * lane);
        else
            s->m = vf_mul(s->d, vf_set1(type == ENG_Q4_0   ? -8.0f
                                        : type == ENG_Q5_0 ? -16.0f
                                                           : -128.0f));
    }
}

/* For sums that are 64 times as large, or with bytes for those of the last bits alone. */
FN void scale_last_bits(uint32_t type, struct scales *s)
{
    const vf less = vf_set1(1.0f / 64);
    if (has_bytes(type)) {
        s->d2 = vf_mul(s->d, less);
        return;
    }
    s->d = vf_mul(s->d, less);
    if (has_halves(type))
        s->d2 = vf_mul(s->d2, less);
}

/* a, b += the first and second 16 codes times one plane of a row of activations */
FN void block_plane(uint32_t type, const vi *u, const int8_t *q, int step, vi *a, vi *b)
{
    UNROLL for (int g = 0; g < 4; g++)
    {
        if (has_bytes(type)) {
            *a = vi_dp8(*a, u[g], q + 4 * g);
            *b = vi_dp8(*b, u[g + 4], q + step + 4 * g);
        } else {
            *a = vi_dp(*a, u[g], q + 4 * g);
            *b = vi_dp(*b, u[g + 4], q + step + 4 * g);
        }
    }
}

/* a, b: the sums with the first two bytes of each activation; both become 64 times as large and
 * take in the last bits. */
FN void take_last_bits(uint32_t type, const vi *u, const vi *packed, const int8_t *t, vi *a, vi *b)
{
    if (has_pairs(type)) { /* all into a */
        *a = vi_times2(vi_add(*a, *b), 6);
        *b = vi_zero();
        UNROLL for (int h = 0; h < 4; h++) *a = vi_dp8(*a, packed[h], t + 4 * h);
        return;
    }
    *a = vi_times2(*a, 6);
    *b = vi_times2(*b, 2);
    block_plane(type, u, t, 0, a, b);
    *b = vi_times2(*b, 4);
}

/* acc += one block times one row of activations. packed: the tile's codes of a type with pairs. */
FN vf block_row(uint32_t type, int planes, const vi *u, const vi *packed, const struct scales *s,
                const int8_t *q, const struct eng_qinfo *qi, vf acc)
{
    vi a = vi_zero(), b = vi_zero();
    block_plane(type, u, q, 16, &a, &b);
    if (planes == 2) {
        a = vi_times2(a, 8);
        b = vi_times2(b, 8);
        block_plane(type, u, q + ENG_QBLOCK, 16, &a, &b);
    }
    if (planes == 2 && has_bytes(type)) { /* no room for 64 times as much */
        vi ta = vi_zero(), tb = vi_zero();
        block_plane(type, u, q + 2 * ENG_QBLOCK, 0, &ta, &tb);
        ta = vi_add(ta, vi_times2(tb, 4));
        acc = vf_fma(vi_float(ta), vf_mul(s->d2, vf_set1(qi->d)), acc);
    } else if (planes == 2) {
        take_last_bits(type, u, packed, q + 2 * ENG_QBLOCK, &a, &b);
    }
    if (has_halves(type)) {
        acc = vf_fma(vi_float(a), vf_mul(s->d, vf_set1(qi->d)), acc);
        acc = vf_fma(vi_float(b), vf_mul(s->d2, vf_set1(qi->d)), acc);
        acc = vf_fma(s->m, vf_set1(qi->ds_lo), acc);
        return vf_fma(s->m2, vf_set1(qi->ds_hi), acc);
    }
    if (planes == 1 || !has_pairs(type))
        a = vi_add(a, b);
    acc = vf_fma(vi_float(a), vf_mul(s->d, vf_set1(qi->d)), acc);
    return vf_fma(s->m, vf_set1(qi->ds), acc);
}

/* LANES outputs of one tile for n (a constant) rows of activations. */
FN void tile_rows(uint32_t type, int planes, int n, const uint8_t *tile, int lane, uint32_t n_in,
                  const int8_t *const *q, const struct eng_qinfo *const *qi, vf *acc)
{
    const struct eng_tile_layout lay = eng_tile_layout(type);
    const size_t step = eng_act_bytes((uint32_t)planes);
    const uint8_t *super = tile;
    UNROLL for (int r = 0; r < n; r++) acc[r] = vf_zero();
    for (uint32_t b = 0; b < n_in / 32; b++) {
        vi u[8], packed[4];
        struct scales s;
        if (lay.super && b % 8 == 0) {
            super = tile;
            tile += lay.super;
        }
        const uint8_t *codes = tile + lay.scales + 4 * lane;
        read_scales(type, super, tile, lane, &s);
        unpack(type, codes, u);
        UNROLL for (int h = 0; h < 4; h++) packed[h] =
            has_pairs(type) ? vi_load(codes + 64 * h) : vi_zero();
        if (planes == 2)
            scale_last_bits(type, &s);
        UNROLL for (int r = 0; r < n; r++) acc[r] =
            block_row(type, planes, u, packed, &s, q[r] + b * step, qi[r] + b, acc[r]);
        tile += lay.scales + lay.planes;
    }
}

FN void store_tile(const struct eng_mm *mm, uint32_t o, uint32_t r, vf acc)
{
    float *y = mm->y + r * mm->ldy + o;
    const float *bias = mm->w->bias ? mm->w->bias + (size_t)mm->mat * mm->w->n_out + o : NULL;
    if (o + LANES <= mm->out1) {
        if (bias)
            acc = vf_add(acc, vf_load(bias));
        vf_store(y, acc);
        return;
    }
    float t[LANES];
    vf_store(t, acc);
    for (uint32_t i = 0; o + i < mm->out1; i++)
        y[i] = t[i] + (bias ? bias[i] : 0);
}

/* All tiles of mm for its rows r0..r0+n. */
FN void tiles_n(uint32_t type, int planes, int n, const struct eng_mm *mm, uint32_t r0)
{
    const struct eng_weight *w = mm->w;
    const int8_t *q[ROWS_MAX];
    const struct eng_qinfo *qi[ROWS_MAX];
    for (int r = 0; r < n; r++) {
        size_t row = mm->rows ? mm->rows[r0 + (uint32_t)r] : r0 + (uint32_t)r;
        q[r] = mm->a->q + row * (w->n_in / 32) * eng_act_bytes((uint32_t)planes);
        qi[r] = mm->a->qi + row * (w->n_in / 32);
    }
    for (uint32_t o = mm->out0; o < mm->out1; o += ENG_TILE) {
        const uint8_t *tile =
            w->tiles + ((uint64_t)mm->mat * w->mat_tiles + o / ENG_TILE) * w->tile_bytes;
        for (int lane = 0; lane < ENG_TILE && o + (uint32_t)lane < mm->out1; lane += LANES) {
            vf acc[ROWS_MAX];
            tile_rows(type, planes, n, tile, lane, w->n_in, q, qi, acc);
            for (int r = 0; r < n; r++)
                store_tile(mm, o + (uint32_t)lane, r0 + (uint32_t)r, acc[r]);
        }
    }
}

FN void tiles_type(uint32_t type, int planes, const struct eng_mm *mm)
{
    uint32_t r = 0;
    for (; r + ROWS_MAX <= mm->n_rows; r += ROWS_MAX)
        tiles_n(type, planes, ROWS_MAX, mm, r);
#if ROWS_MAX > 4
    for (; r + 4 <= mm->n_rows; r += 4)
        tiles_n(type, planes, 4, mm, r);
#endif
    for (; r + 2 <= mm->n_rows; r += 2)
        tiles_n(type, planes, 2, mm, r);
    for (; r < mm->n_rows; r++)
        tiles_n(type, planes, 1, mm, r);
}

#define TILES_OF(T)                                                                                \
    TARGET static void tiles8_##T(const struct eng_mm *mm)                                         \
    {                                                                                              \
        tiles_type(ENG_##T, 1, mm);                                                                \
    }                                                                                              \
    TARGET static void tiles16_##T(const struct eng_mm *mm)                                        \
    {                                                                                              \
        tiles_type(ENG_##T, 2, mm);                                                                \
    }
TILES_OF(Q4_0)
TILES_OF(Q4_1)
TILES_OF(Q5_0)
TILES_OF(Q5_1)
TILES_OF(Q8_0)
TILES_OF(Q2_K)
TILES_OF(Q3_K)
TILES_OF(Q4_K)
TILES_OF(Q5_K)
TILES_OF(Q6_K)
TILES_OF(IQ4_NL)
TILES_OF(IQ4_XS)
TILES_OF(MXFP4)
TILES_OF(NVFP4)

static void k_mm_tiles(const struct eng_mm *mm)
{
#define BOTH(T) [ENG_##T] = { tiles8_##T, tiles16_##T }
    static void (*const by_type[][ENG_PLANES_MAX])(const struct eng_mm *) = {
        BOTH(Q4_0), BOTH(Q4_1), BOTH(Q5_0), BOTH(Q5_1),   BOTH(Q8_0),   BOTH(Q2_K),  BOTH(Q3_K),
        BOTH(Q4_K), BOTH(Q5_K), BOTH(Q6_K), BOTH(IQ4_NL), BOTH(IQ4_XS), BOTH(MXFP4), BOTH(NVFP4)};
#undef BOTH
    by_type[mm->w->type][mm->a->planes - 1](mm);
}
