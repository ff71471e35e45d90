/* kern_body.h - the fast operators, written once over a vector of LANES floats.
 *
 * Included by kern_c.c, kern_avx2.c, kern_avx512.c and kern_vnni.c after they have defined, for
 * their instructions:
 *
 *   KERN_NAME, KERN_SYMBOL  "avx2", eng_kernels_avx2
 *   FN                      `static inline` with the target attribute; TARGET that attribute alone
 *   LANES                   8 or 16
 *   ROWS_MAX                activation rows taken at once by the integer product (8 or 4)
 *   vf, vi                  LANES floats; LANES x 4 bytes
 *   vf_zero vf_set1 vf_load vf_store vf_add vf_sub vf_mul vf_div vf_max vf_abs vf_fma(a,b,c)=ab+c
 *   vf_sum vf_top (over the lanes) vf_round vf_pow2 (2^n for whole n >= -126)
 *   vf_f16 vf_bf16 vf_u8 vf_i8 (LANES values at an unaligned address, widened)
 *   vf_store_i8             LANES floats that are whole numbers of -128..127, as bytes
 *   vi_zero vi_load vi_add vi_or, vi_and(x, byte), vi_shr(x, n) vi_shl(x, n) (of 32-bit lanes),
 *   vi_times256 (32-bit lanes), vi_table (bytes 0..15 through eng_mxfp4_codes), vi_float,
 *   vi_dp(acc, u, s)        acc + the sum of 4 unsigned bytes of u times 4 signed bytes of s, a
 * lane vi_dp8                  the same where bytes of u may pass 127
 *
 * Everything is pure and runs on any thread.
 *
 * The integer product: a tile holds 16 rows (tile_pack.c), a lane is a row, so lanes are never
 * added together. For 32 values, the codes are unpacked once into eight registers and multiplied
 * with the int8 activations of up to ROWS_MAX rows, each broadcast four bytes at a time:
 *   y += (sum of code * q) * (d * d_act) + m * (d_act * sum of q)
 * Activations of 16 bits are two such planes, q = 256 hi + lo, over the same unpacked codes. One
 * activation row is the matrix-vector case of token generation, many are that of prompts.
 */
#ifndef ENG_CPU_KERN_BODY_H
#define ENG_CPU_KERN_BODY_H

#include "engine/cpu/tile.h"

#include <math.h>
#include <string.h>

#define UNROLL _Pragma("GCC unroll 12")

/* ---- scalar pieces ---- */

/* e^x: x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 6 (error 2e-7). */
FN vf v_exp(vf x)
{
    x = vf_max(x, vf_set1(-87.0f));
    x = vf_sub(vf_zero(), vf_max(vf_sub(vf_zero(), x), vf_set1(-88.0f)));
    vf n = vf_round(vf_mul(x, vf_set1(1.44269504f)));
    vf r = vf_fma(n, vf_set1(-0.693145752f), x);
    r = vf_fma(n, vf_set1(-1.42860677e-6f), r);
    vf p = vf_set1(1.0f / 720);
    p = vf_fma(p, r, vf_set1(1.0f / 120));
    p = vf_fma(p, r, vf_set1(1.0f / 24));
    p = vf_fma(p, r, vf_set1(1.0f / 6));
    p = vf_fma(p, r, vf_set1(0.5f));
    p = vf_fma(p, r, vf_set1(1.0f));
    p = vf_fma(p, r, vf_set1(1.0f));
    return vf_mul(p, vf_pow2(n));
}

TARGET static void k_rmsnorm(float *y, const float *x, const float *w, size_t n, float eps)
{
    vf s = vf_zero();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf v = vf_load(x + i);
        s = vf_fma(v, v, s);
    }
    float sum = vf_sum(s);
    for (; i < n; i++)
        sum += x[i] * x[i];
    float scale = 1.0f / sqrtf(sum / (float)n + eps);
    for (i = 0; i + LANES <= n; i += LANES)
        vf_store(y + i, vf_mul(vf_mul(vf_load(x + i), vf_set1(scale)), vf_load(w + i)));
    for (; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

TARGET static void k_axpy(float *y, float a, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vf_store(y + i, vf_fma(vf_set1(a), vf_load(x + i), vf_load(y + i)));
    for (; i < n; i++)
        y[i] += a * x[i];
}

TARGET static void k_swiglu(float *g, const float *u, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf v = vf_load(g + i);
        vf e = vf_add(vf_set1(1.0f), v_exp(vf_sub(vf_zero(), v)));
        vf_store(g + i, vf_mul(vf_div(v, e), vf_load(u + i)));
    }
    for (; i < n; i++)
        g[i] = g[i] / (1.0f + expf(-g[i])) * u[i];
}

/* Rounds x, a byte a value in planes = 1, two in 2. */
FN void quant_blocks(int planes, const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    enum { PER = 32 / LANES };
    const float most = planes == 1 ? 127.0f : 127.0f * 256;
    for (size_t b = 0; b < n / ENG_QBLOCK; b++, x += ENG_QBLOCK, q += planes * ENG_QBLOCK) {
        vf max = vf_zero(), sum[2] = {vf_zero(), vf_zero()};
        UNROLL for (int i = 0; i < PER; i++) max = vf_max(max, vf_abs(vf_load(x + i * LANES)));
        float top = vf_top(max), inv = top > (planes == 1 ? 1e-35f : 1e-33f) ? most / top : 0;
        UNROLL for (int i = 0; i < PER; i++)
        {
            vf v = vf_round(vf_mul(vf_load(x + i * LANES), vf_set1(inv)));
            sum[i * 2 / PER] = vf_add(sum[i * 2 / PER], v);
            if (planes == 2) { /* the quarter: upwards from the middle, so that lo <= 127 */
                vf hi = vf_round(vf_mul(vf_add(v, vf_set1(0.25f)), vf_set1(1.0f / 256)));
                vf_store_i8(q + i * LANES, hi);
                vf_store_i8(q + ENG_QBLOCK + i * LANES, vf_fma(hi, vf_set1(-256.0f), v));
            } else {
                vf_store_i8(q + i * LANES, v);
            }
        }
        float d = inv > 0 ? top / most : 0, lo = vf_sum(sum[0]), hi = vf_sum(sum[1]);
        info[b] = (struct eng_qinfo){d, d * (lo + hi), d * lo, d * hi};
    }
}

TARGET static void k_quant8(const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    quant_blocks(1, x, n, q, info);
}

TARGET static void k_quant16(const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    quant_blocks(2, x, n, q, info);
}

/* ---- attention ---- */

/* p[0..n) = exp(scale (p - max)) / sum, p[n..padded) = 0 */
FN void v_softmax(float *p, uint32_t n, uint32_t padded, float scale)
{
    vf top = vf_set1(-INFINITY), s = vf_zero();
    uint32_t i;
    for (i = n; i < padded && i % LANES; i++)
        p[i] = -INFINITY;
    uint32_t end = i;
    for (i = 0; i < end; i += LANES)
        top = vf_max(top, vf_load(p + i));
    vf max = vf_set1(vf_top(top));
    for (i = 0; i < end; i += LANES) {
        /* padding gives e^-87: nothing beside the largest, e^0 */
        vf v = v_exp(vf_mul(vf_sub(vf_load(p + i), max), vf_set1(scale)));
        vf_store(p + i, v);
        s = vf_add(s, v);
    }
    vf inv = vf_set1(1.0f / vf_sum(s));
    for (i = 0; i < end; i += LANES)
        vf_store(p + i, vf_mul(vf_load(p + i), inv));
    for (i = n; i < padded; i++)
        p[i] = 0;
}

/* Scores of n rows (a constant) with the keys 0..n_kv rounded up to whole blocks. */
FN void score_rows(int n, const float *const *q, const float *k, uint32_t n_dim, uint32_t padded,
                   float *scores)
{
    for (uint32_t j = 0; j < padded; j += LANES) {
        const float *kj = k + eng_key_at(n_dim, j, 0);
        vf s[12];
        UNROLL for (int r = 0; r < n; r++) s[r] = vf_zero();
        for (uint32_t i = 0; i < n_dim; i++) {
            vf key = vf_load(kj + (size_t)i * ENG_KEY_BLOCK);
            UNROLL for (int r = 0; r < n; r++) s[r] = vf_fma(key, vf_set1(q[r][i]), s[r]);
        }
        UNROLL for (int r = 0; r < n; r++) vf_store(scores + (size_t)r * padded + j, s[r]);
    }
}

/* out rows = scores times values; n rows, a constant. */
FN void weigh_rows(int n, float *const *out, const float *scores, uint32_t padded, const float *v,
                   uint32_t n_kv, uint32_t n_dim)
{
    uint32_t i = 0;
    for (; i + LANES <= n_dim; i += LANES) {
        vf s[12];
        UNROLL for (int r = 0; r < n; r++) s[r] = vf_zero();
        for (uint32_t j = 0; j < n_kv; j++) {
            vf val = vf_load(v + (size_t)j * n_dim + i);
            UNROLL for (int r = 0; r < n; r++) s[r] =
                vf_fma(val, vf_set1(scores[(size_t)r * padded + j]), s[r]);
        }
        UNROLL for (int r = 0; r < n; r++) vf_store(out[r] + i, s[r]);
    }
    for (; i < n_dim; i++)
        for (int r = 0; r < n; r++) {
            float sum = 0;
            for (uint32_t j = 0; j < n_kv; j++)
                sum += scores[(size_t)r * padded + j] * v[(size_t)j * n_dim + i];
            out[r][i] = sum;
        }
}

FN void attend_rows(int n, const struct eng_attend *a, uint32_t r0)
{
    const float *q[12];
    float *out[12];
    uint32_t n_kv = a->n_kv + (r0 + (uint32_t)n - 1) / a->n_head;
    uint32_t padded = (n_kv + ENG_KEY_BLOCK - 1) / ENG_KEY_BLOCK * ENG_KEY_BLOCK;
    for (int i = 0; i < n; i++) {
        uint32_t r = r0 + (uint32_t)i;
        size_t row = r / a->n_head * a->ldq + (size_t)(r % a->n_head) * a->n_dim;
        q[i] = a->q + row;
        out[i] = a->out + row;
    }
    score_rows(n, q, a->k, a->n_dim, padded, a->scores);
    for (int i = 0; i < n; i++)
        v_softmax(a->scores + (size_t)i * padded, a->n_kv + (r0 + (uint32_t)i) / a->n_head, padded,
                  a->scale);
    weigh_rows(n, out, a->scores, padded, a->v, n_kv, a->n_dim);
}

TARGET static void k_attend(const struct eng_attend *a)
{
    uint32_t rows = a->n_tok * a->n_head, r = 0;
    for (; r + 12 <= rows; r += 12)
        attend_rows(12, a, r);
    for (; r + 8 <= rows; r += 8)
        attend_rows(8, a, r);
    for (; r + 4 <= rows; r += 4)
        attend_rows(4, a, r);
    if (rows - r == 3)
        attend_rows(3, a, r);
    else if (rows - r == 2)
        attend_rows(2, a, r);
    else if (rows - r == 1)
        attend_rows(1, a, r);
}

/* ---- float weights, as they lie in the file ---- */

FN vf v_weight(uint32_t type, const uint8_t *row, uint32_t i)
{
    if (type == ENG_F16)
        return vf_f16(row + 2 * (size_t)i);
    if (type == ENG_BF16)
        return vf_bf16(row + 2 * (size_t)i);
    float f[LANES];
    memcpy(f, row + 4 * (size_t)i, sizeof(f)); /* the file may align it less than a float */
    return vf_load(f);
}

/* no weight rows times na activation rows, both constants of at most 4 */
FN void float_block(uint32_t type, const uint8_t *const *row, const float *const *x, uint32_t n,
                    int no, int na, float *y, size_t ldy)
{
    vf s[4][4];
    uint32_t i = 0;
    UNROLL for (int o = 0; o < no; o++) UNROLL for (int r = 0; r < na; r++) s[o][r] = vf_zero();
    for (; i + LANES <= n; i += LANES) {
        vf w[4];
        UNROLL for (int o = 0; o < no; o++) w[o] = v_weight(type, row[o], i);
        UNROLL for (int r = 0; r < na; r++)
        {
            vf v = vf_load(x[r] + i);
            UNROLL for (int o = 0; o < no; o++) s[o][r] = vf_fma(w[o], v, s[o][r]);
        }
    }
    for (int o = 0; o < no; o++) {
        float tail[LANES];
        uint32_t size = type == ENG_F32 ? 4 : 2;
        eng_dequant_row(type, row[o] + (size_t)i * size, tail, n - i);
        for (int r = 0; r < na; r++) {
            float sum = vf_sum(s[o][r]);
            for (uint32_t t = i; t < n; t++)
                sum += tail[t - i] * x[r][t];
            y[(size_t)r * ldy + (size_t)o] = sum;
        }
    }
}

FN void float_rows(uint32_t type, const struct eng_mm *mm)
{
    const struct eng_weight *w = mm->w;
    const float *bias = w->bias ? w->bias + (size_t)mm->mat * w->n_out : NULL;
    for (uint32_t o = mm->out0; o < mm->out1;) {
        const uint8_t *row[4];
        uint32_t no = mm->out1 - o >= 4 ? 4 : 1;
        for (uint32_t i = 0; i < no; i++)
            row[i] = w->data + ((uint64_t)mm->mat * w->n_out + o + i) * w->row_bytes;
        for (uint32_t r = 0; r < mm->n_rows;) {
            const float *x[4];
            uint32_t na = mm->n_rows - r >= 4 ? 4 : 1;
            for (uint32_t i = 0; i < na; i++)
                x[i] = mm->a->x + (size_t)(mm->rows ? mm->rows[r + i] : r + i) * mm->a->n_in;
            float *y = mm->y + r * mm->ldy + o;
            if (no == 4 && na == 4)
                float_block(type, row, x, w->n_in, 4, 4, y, mm->ldy);
            else if (no == 4)
                float_block(type, row, x, w->n_in, 4, 1, y, mm->ldy);
            else if (na == 4)
                float_block(type, row, x, w->n_in, 1, 4, y, mm->ldy);
            else
                float_block(type, row, x, w->n_in, 1, 1, y, mm->ldy);
            for (uint32_t i = 0; bias && i < na * no; i++)
                y[i / no * mm->ldy + i % no] += bias[o + i % no];
            r += na;
        }
        o += no;
    }
}

TARGET static void k_mm_rows(const struct eng_mm *mm)
{
    switch (mm->w->type) {
    case ENG_F32:
        float_rows(ENG_F32, mm);
        break;
    case ENG_F16:
        float_rows(ENG_F16, mm);
        break;
    case ENG_BF16:
        float_rows(ENG_BF16, mm);
        break;
    default:
        eng_kernels_ref.mm_rows(mm);
        break;
    }
}

/* ---- quantised weights, in tiles ---- */

/* The 32 codes of LANES rows as 8 vectors of four a lane; p: planes, moved on to the first lane. */
FN void unpack(uint32_t type, const uint8_t *p, vi *u)
{
    if (type == ENG_Q8_0) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_load(p + 64 * g);
        return;
    }
    UNROLL for (int h = 0; h < 4; h++)
    {
        vi b = vi_load(p + 64 * h);
        u[h] = vi_and(b, 15);
        u[h + 4] = vi_and(vi_shr(b, 4), 15);
    }
    if (type == ENG_Q5_0 || type == ENG_Q5_1 || type == ENG_Q5_K) {
        vi b = vi_load(p + 256);
        UNROLL for (int g = 0; g < 8; g++) u[g] =
            vi_or(u[g], g < 4 ? vi_and(vi_shl(b, 4 - g), 16) : vi_and(vi_shr(b, g - 4), 16));
    } else if (type == ENG_Q6_K) {
        UNROLL for (int g = 0; g < 8; g++)
        {
            vi b = vi_load(p + 256 + g / 4 * 64);
            int f = 2 * (g & 3);
            b = f < 4 ? vi_shl(b, 4 - f) : vi_shr(b, f - 4);
            u[g] = vi_or(u[g], vi_and(b, 48));
        }
    } else if (type == ENG_MXFP4) {
        UNROLL for (int g = 0; g < 8; g++) u[g] = vi_table(u[g]);
    }
}

/* d and m of LANES rows for one block; Q6_K has a pair for each half. */
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
    } else if (type == ENG_Q6_K) {
        vf d = vf_f16(super + 2 * lane);
        s->d = vf_mul(d, vf_i8(p + lane));
        s->d2 = vf_mul(d, vf_i8(p + 16 + lane));
        s->m = vf_mul(s->d, vf_set1(-32.0f));
        s->m2 = vf_mul(s->d2, vf_set1(-32.0f));
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

/* a, b += the first and second 16 codes times one plane of a row of activations */
FN void block_plane(uint32_t type, const vi *u, const int8_t *q, vi *a, vi *b)
{
    UNROLL for (int g = 0; g < 4; g++)
    {
        if (type == ENG_Q8_0) {
            *a = vi_dp8(*a, u[g], q + 4 * g);
            *b = vi_dp8(*b, u[g + 4], q + 16 + 4 * g);
        } else {
            *a = vi_dp(*a, u[g], q + 4 * g);
            *b = vi_dp(*b, u[g + 4], q + 16 + 4 * g);
        }
    }
}

/* acc += one block times one row of activations. With two planes a lane's sum stays below
 * 255 * 127 * 256 * 32 < 2^28. */
FN vf block_row(uint32_t type, int planes, const vi *u, const struct scales *s, const int8_t *q,
                const struct eng_qinfo *qi, vf acc)
{
    vi a = vi_zero(), b = vi_zero();
    block_plane(type, u, q, &a, &b);
    if (planes == 2) {
        a = vi_times256(a);
        b = vi_times256(b);
        block_plane(type, u, q + ENG_QBLOCK, &a, &b);
    }
    if (type == ENG_Q6_K) {
        acc = vf_fma(vi_float(a), vf_mul(s->d, vf_set1(qi->d)), acc);
        acc = vf_fma(vi_float(b), vf_mul(s->d2, vf_set1(qi->d)), acc);
        acc = vf_fma(s->m, vf_set1(qi->ds_lo), acc);
        return vf_fma(s->m2, vf_set1(qi->ds_hi), acc);
    }
    acc = vf_fma(vi_float(vi_add(a, b)), vf_mul(s->d, vf_set1(qi->d)), acc);
    return vf_fma(s->m, vf_set1(qi->ds), acc);
}

/* LANES outputs of one tile for n (a constant) rows of activations. */
FN void tile_rows(uint32_t type, int planes, int n, const uint8_t *tile, int lane, uint32_t n_in,
                  const int8_t *const *q, const struct eng_qinfo *const *qi, vf *acc)
{
    const struct eng_tile_layout lay = type == ENG_Q8_0    ? (struct eng_tile_layout){32, 512, 0}
                                       : type == ENG_Q4_0  ? (struct eng_tile_layout){32, 256, 0}
                                       : type == ENG_Q4_1  ? (struct eng_tile_layout){64, 256, 0}
                                       : type == ENG_Q5_0  ? (struct eng_tile_layout){32, 320, 0}
                                       : type == ENG_Q5_1  ? (struct eng_tile_layout){64, 320, 0}
                                       : type == ENG_MXFP4 ? (struct eng_tile_layout){64, 256, 0}
                                       : type == ENG_Q4_K  ? (struct eng_tile_layout){32, 256, 64}
                                       : type == ENG_Q5_K  ? (struct eng_tile_layout){32, 320, 64}
                                                           : (struct eng_tile_layout){32, 384, 32};
    const uint8_t *super = tile;
    UNROLL for (int r = 0; r < n; r++) acc[r] = vf_zero();
    for (uint32_t b = 0; b < n_in / 32; b++) {
        vi u[8];
        struct scales s;
        if (lay.super && b % 8 == 0) {
            super = tile;
            tile += lay.super;
        }
        read_scales(type, super, tile, lane, &s);
        unpack(type, tile + lay.scales + 4 * lane, u);
        UNROLL for (int r = 0; r < n; r++) acc[r] = block_row(
            type, planes, u, &s, q[r] + (size_t)b * 32 * (size_t)planes, qi[r] + b, acc[r]);
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
        q[r] = mm->a->q + row * w->n_in * (size_t)planes;
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
TILES_OF(Q4_K)
TILES_OF(Q5_K)
TILES_OF(Q6_K)
TILES_OF(MXFP4)

static void k_mm_tiles(const struct eng_mm *mm)
{
#define BOTH(T) [ENG_##T] = { tiles8_##T, tiles16_##T }
    static void (*const by_type[][ENG_PLANES_MAX])(const struct eng_mm *) = {
        BOTH(Q4_0), BOTH(Q4_1), BOTH(Q5_0), BOTH(Q5_1), BOTH(Q8_0),
        BOTH(Q4_K), BOTH(Q5_K), BOTH(Q6_K), BOTH(MXFP4)};
#undef BOTH
    by_type[mm->w->type][mm->a->planes - 1](mm);
}

const struct eng_kernels KERN_SYMBOL = {
    .name = KERN_NAME,
    .rmsnorm = k_rmsnorm,
    .axpy = k_axpy,
    .swiglu = k_swiglu,
    .attend = k_attend,
    .quant = {NULL, k_quant8, k_quant16},
    .mm_rows = k_mm_rows,
    .mm_tiles = k_mm_tiles,
};

#endif
