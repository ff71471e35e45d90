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
 *   vi_times2(x, n) (32-bit lanes times 2^n), vi_table(x, t) (bytes 0..15 through t), vi_float,
 *   vi_dp(acc, u, s)  acc + the sum of 4 unsigned bytes of u times 4 signed bytes of s, per lane
 *   vi_dp8             the same where bytes of u may pass 127
 *   BYTES_AT_ONCE      1 if vi_dp8 costs no more than vi_dp
 *
 * Everything is pure and runs on any thread.
 *
 * The product of quantised weights is in kern_tiles.h.
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

TARGET static void k_quant8(const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    enum { PER = 32 / LANES };
    for (size_t b = 0; b < n / ENG_QBLOCK; b++, x += ENG_QBLOCK, q += ENG_QBLOCK) {
        vf max = vf_zero(), sum[2] = {vf_zero(), vf_zero()};
        UNROLL for (int i = 0; i < PER; i++) max = vf_max(max, vf_abs(vf_load(x + i * LANES)));
        float top = vf_top(max), inv = top > 1e-35f ? 127.0f / top : 0;
        UNROLL for (int i = 0; i < PER; i++)
        {
            vf v = vf_round(vf_mul(vf_load(x + i * LANES), vf_set1(inv)));
            sum[i * 2 / PER] = vf_add(sum[i * 2 / PER], v);
            vf_store_i8(q + i * LANES, v);
        }
        float d = inv > 0 ? top / 127.0f : 0, lo = vf_sum(sum[0]), hi = vf_sum(sum[1]);
        info[b] = (struct eng_qinfo){d, d * (lo + hi), d * lo, d * hi};
    }
}

FN void store_16(int8_t *hi, int8_t *lo, vf v)
{
    /* the quarter: upwards from the middle, so that lo <= 127 */
    vf h = vf_round(vf_mul(vf_add(v, vf_set1(0.25f)), vf_set1(1.0f / 256)));
    vf_store_i8(hi, h);
    vf_store_i8(lo, vf_fma(h, vf_set1(-256.0f), v));
}

/* As eng_quant_q16: every product below is exact, so all versions give the same bytes. */
TARGET static void k_quant16(const float *x, size_t n, int8_t *q, struct eng_qinfo *info)
{
    enum { HALF = 16 / LANES };
    const float most = 127.0f * 256;
    for (size_t b = 0; b < n / ENG_QBLOCK; b++, x += ENG_QBLOCK, q += ENG_Q16_BYTES) {
        vf max = vf_zero(), sum[2] = {vf_zero(), vf_zero()}, sum_t = vf_zero();
        UNROLL for (int i = 0; i < 2 * HALF; i++) max = vf_max(max, vf_abs(vf_load(x + i * LANES)));
        float top = vf_top(max), inv = top > 1e-33f ? most / top : 0;
        UNROLL for (int i = 0; i < HALF; i++)
        {
            int8_t *p = q + i * LANES;
            vf n0 = vf_round(vf_mul(vf_load(x + i * LANES), vf_set1(4 * inv)));
            vf n1 = vf_round(vf_mul(vf_load(x + 16 + i * LANES), vf_set1(4 * inv)));
            vf q0 = vf_round(vf_fma(n0, vf_set1(0.25f), vf_set1(0.125f)));
            vf q1 = vf_round(vf_fma(n1, vf_set1(0.25f), vf_set1(0.125f)));
            vf u = vf_fma(q0, vf_set1(-4.0f), n0), v = vf_fma(q1, vf_set1(-4.0f), n1);
            vf t = vf_fma(u, vf_set1(16.0f), v);
            q1 = vf_fma(u, vf_set1(-4.0f), q1);
            store_16(p, p + 32, q0);
            store_16(p + 16, p + 48, q1);
            vf_store_i8(p + 64, t);
            sum[0] = vf_add(sum[0], q0);
            sum[1] = vf_add(sum[1], q1);
            sum_t = vf_add(sum_t, t);
        }
        float d = inv > 0 ? top / most : 0, ts = vf_sum(sum_t);
        float t_lo = ts * 0.015625f, t_hi = ts * 0.25f;
        float lo = vf_sum(sum[0]) + t_lo, hi = vf_sum(sum[1]) + t_hi;
        info[b] = (struct eng_qinfo){d, d * (lo + hi), d * lo, d * hi};
    }
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

/* What comes next begins here, in steps of so many floats: the hardware does not see a page's end.
 */
FN void fetch_ahead(const float *p, size_t step)
{
    for (int i = 0; i < 16; i++)
        __builtin_prefetch(p + (size_t)i * step);
}

/* Scores of n rows (a constant) with the keys 0..n_kv rounded up to whole blocks. */
FN void score_rows(int n, const float *const *q, const struct eng_attend *a, uint32_t padded)
{
    for (uint32_t j = 0; j < padded; j += LANES) {
        const float *page = a->k + (size_t)a->pages[j / ENG_PAGE] * a->k_page;
        const float *kj = page + eng_key_at(a->n_dim, j % ENG_PAGE, 0);
        if (j % ENG_PAGE == 0 && j + ENG_PAGE < padded)
            fetch_ahead(a->k + (size_t)a->pages[j / ENG_PAGE + 1] * a->k_page, 16);
        vf s[12];
        UNROLL for (int r = 0; r < n; r++) s[r] = vf_zero();
        for (uint32_t i = 0; i < a->n_dim; i++) {
            vf key = vf_load(kj + (size_t)i * ENG_KEY_BLOCK);
            UNROLL for (int r = 0; r < n; r++) s[r] = vf_fma(key, vf_set1(q[r][i]), s[r]);
        }
        UNROLL for (int r = 0; r < n; r++) vf_store(a->scores + (size_t)r * padded + j, s[r]);
    }
}

/* out rows = scores times values; n rows, a constant. */
FN void weigh_rows(int n, float *const *out, const struct eng_attend *a, uint32_t padded,
                   uint32_t n_kv)
{
    uint32_t i = 0, n_dim = a->n_dim;
    for (; i + LANES <= n_dim; i += LANES) {
        vf s[12];
        UNROLL for (int r = 0; r < n; r++) s[r] = vf_zero();
        for (uint32_t j = 0; j < n_kv;) {
            const float *v = a->v + (size_t)a->pages[j / ENG_PAGE] * a->v_page + i;
            uint32_t end = eng_page_end(j, n_kv);
            if (end < n_kv)
                fetch_ahead(a->v + (size_t)a->pages[end / ENG_PAGE] * a->v_page + i, n_dim);
            for (; j < end; j++, v += n_dim) {
                vf val = vf_load(v);
                UNROLL for (int r = 0; r < n; r++) s[r] =
                    vf_fma(val, vf_set1(a->scores[(size_t)r * padded + j]), s[r]);
            }
        }
        UNROLL for (int r = 0; r < n; r++) vf_store(out[r] + i, s[r]);
    }
    for (; i < n_dim; i++)
        for (int r = 0; r < n; r++) {
            float sum = 0;
            for (uint32_t j = 0; j < n_kv; j++) {
                const float *page = a->v + (size_t)a->pages[j / ENG_PAGE] * a->v_page;
                sum += a->scores[(size_t)r * padded + j] * page[(size_t)(j % ENG_PAGE) * n_dim + i];
            }
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
    score_rows(n, q, a, padded);
    for (int i = 0; i < n; i++)
        v_softmax(a->scores + (size_t)i * padded, a->n_kv + (r0 + (uint32_t)i) / a->n_head, padded,
                  a->scale);
    weigh_rows(n, out, a, padded, n_kv);
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

#include "engine/cpu/kern_tiles.h"

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
