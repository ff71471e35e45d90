/* attend_mma.cuh - flash attention on tensor cores, over pages of halves.
 *
 * A block takes 16 WR rows (tokens times the query heads of one key head) through a range of cells,
 * KT at a time: keys and values of a tile come by cp.async, 16 bytes a lane, into one or two stages
 * of shared memory. WR x WC warps: warp (r, c) multiplies rows 16 r.. with the keys of the tile
 * that are c's, and then weights of the whole tile with the values' columns that are c's, in pairs
 * of eight: pairs c, c + WC, ...; so 16 NP WC columns is the widest value. With WC = 1 the weights
 * stay in registers; else they meet in shared memory.
 *
 * Softmax runs along: every row has the largest score so far and sums relative to it.
 *
 * Padding: columns of queries and keys up to the next multiple of 32 are zeros; rows of cells that
 * are not there as well, and their scores are -inf.
 *
 * Fragments of m16n8k16, with g = lane / 4 and q = lane % 4: of scores and sums a lane holds rows g
 * and g + 8, columns 2 q and 2 q + 1 of each eight.
 */
#pragma once

#include "engine/cuda/attend_join.cuh"

#define KT 32

WEIR_DEVICE uint32_t mma_lane()
{
    return threadIdx.x % 32;
}

/* Rows of queries into shared memory, as halves scaled by a power of two that factor[] undoes. */
template <int ROWS, int WARPS>
WEIR_DEVICE void mma_queries(const struct weir_attend_args &a, const struct attend_work *w,
                             uint16_t *q, float *factor)
{
    uint32_t lane = mma_lane();
    for (uint32_t r = threadIdx.x / 32; r < ROWS; r += WARPS) {
        uint16_t *to = q + r * a.ld_k;
        uint32_t row = w->row0 + r, wide = a.ld_k - 8;
        bool there = row < w->rows;
        uint64_t at = 0;
        if (there)
            at = (uint64_t)(w->t0 + row / a.group) * a.q_token +
                 (uint64_t)(w->head_kv * a.group + row % a.group) * a.q_head;
        float most = 0;
        for (uint32_t i = 4 * lane; there && i < a.n_dim; i += 128) {
            float4 x = *reinterpret_cast<const float4 *>(a.q + at + i);
            most = fmaxf(most, fmaxf(fmaxf(fabsf(x.x), fabsf(x.y)), fmaxf(fabsf(x.z), fabsf(x.w))));
        }
        most = weir_warp_max(most);
        /* 2^e > most >= 2^(e - 1): then the largest is just below 1 */
        uint32_t e = __float_as_uint(most) >> 23;
        e = e < 2 ? 2 : e > 251 ? 251 : e;
        float up = __uint_as_float((253 - e) << 23);
        for (uint32_t i = 4 * lane; i < wide; i += 128) {
            float4 x = make_float4(0, 0, 0, 0);
            if (there && i < a.n_dim)
                x = *reinterpret_cast<const float4 *>(a.q + at + i);
            uint2 h;
            h.x = weir_f2h2(x.x * up, x.y * up);
            h.y = weir_f2h2(x.z * up, x.w * up);
            *reinterpret_cast<uint2 *>(to + i) = h;
        }
        if (lane == 0)
            factor[r] = a.scale * __uint_as_float((e + 1) << 23);
    }
}

/* Rows of n elements of a tile, on their way into shared memory. */
WEIR_DEVICE void mma_rows(const struct weir_attend_args &a, const struct attend_range *g,
                          uint32_t head_kv, uint32_t start, const void *pool, uint32_t n,
                          uint16_t *to, uint32_t ld, uint32_t lanes, uint32_t threads)
{
    const uint16_t *from = static_cast<const uint16_t *>(pool);
    uint32_t each = threads / lanes, at = threadIdx.x % lanes;
    for (uint32_t r = threadIdx.x / lanes; r < KT; r += each) {
        int64_t row = attend_row(a, g, head_kv, start + r);
        const uint16_t *src = row < 0 ? from : from + (uint64_t)row * n;
        for (uint32_t i = 8 * at; i < n; i += 8 * lanes)
            weir_cp_async16(to + r * ld + i, src + (row < 0 ? 0 : i), row >= 0);
    }
}

WEIR_DEVICE void mma_load(const struct weir_attend_args &a, const struct attend_work *w,
                          uint32_t it, uint32_t near_tiles, unsigned char *stage, uint32_t threads)
{
    bool far = it >= near_tiles;
    struct attend_range g = attend_range_of(a, w, far);
    uint32_t start = g.lo / KT * KT + (far ? it - near_tiles : it) * KT;
    mma_rows(a, &g, w->head_kv, start, g.k, a.n_dim, reinterpret_cast<uint16_t *>(stage), a.ld_k,
             a.lanes_k, threads);
    if (g.v)
        mma_rows(a, &g, w->head_kv, start, g.v, a.n_vdim,
                 reinterpret_cast<uint16_t *>(stage + a.at_v), a.ld_v, a.lanes_v, threads);
}

/* Zeros behind keys and values, in every stage: the loads leave them alone. */
WEIR_DEVICE void mma_pad(const struct weir_attend_args &a, unsigned char *stages, uint32_t threads)
{
    uint32_t rows = a.stages * KT;
    bool own = a.at_v != 0;
    for (uint32_t r = threadIdx.x; r < rows; r += threads) {
        unsigned char *stage = stages + r / KT * a.stage;
        uint16_t *k = reinterpret_cast<uint16_t *>(stage) + r % KT * a.ld_k;
        for (uint32_t i = a.n_dim; i < a.ld_k - 8; i += 8)
            *reinterpret_cast<uint4 *>(k + i) = make_uint4(0, 0, 0, 0);
        uint16_t *v = reinterpret_cast<uint16_t *>(stage + a.at_v) + r % KT * a.ld_v;
        for (uint32_t i = a.n_vdim; own && i < a.ld_v - 8; i += 8)
            *reinterpret_cast<uint4 *>(v + i) = make_uint4(0, 0, 0, 0);
    }
}

/* s[tiles of 8 keys] = q k^T for 16 rows; keys: the warp's first row of them. */
template <int NS>
WEIR_DEVICE void mma_scores(const uint16_t *q, const uint16_t *keys, uint32_t ld, float s[NS][4])
{
    uint32_t lane = mma_lane();
    /* of queries: rows 0-7, 8-15, both of columns 0-7, then of 8-15 */
    const uint16_t *qa = q + lane % 16 * ld + lane / 16 * 8;
    WEIR_UNROLL
    for (int n = 0; n < NS; n++)
        s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
    for (uint32_t i = 0; i < ld - 8; i += 32) {
        uint32_t x[2][4];
        weir_ldmatrix_x4(x[0], qa + i);
        weir_ldmatrix_x4(x[1], qa + i + 16);
        WEIR_UNROLL
        for (int n = 0; n < NS; n++) {
            uint32_t y[4]; /* of eight keys: columns 0-7, 8-15, 16-23, 24-31 */
            weir_ldmatrix_x4(y, keys + (n * 8 + lane % 8) * ld + i + lane / 8 * 8);
            weir_mma_f16(s[n], x[0], y);
            weir_mma_f16(s[n], x[1], y + 2);
        }
    }
}

/* Largest over the four lanes that share a row. */
WEIR_DEVICE float mma_quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
#if defined(WEIR_BUG_72) /* the largest of half of the lanes */
    return x;
#else
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
#endif
}

WEIR_DEVICE float mma_quad_sum(float x)
{
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/* What a warp carries from tile to tile; [2]: rows g and g + 8. */
template <int NP> struct mma_state {
    float max[2], sum[2];
    float o[NP][2][4];
};

/* o = o * less + weights * values, weights of KT keys as fragments of A. */
template <int WC, int NP>
WEIR_DEVICE void mma_values(struct mma_state<NP> *st, const float less[2],
                            const uint32_t p[KT / 16][4], const uint16_t *v, uint32_t ld,
                            uint32_t c, uint32_t n_vdim)
{
    uint32_t lane = mma_lane();
    WEIR_UNROLL
    for (int i = 0; i < NP; i++) {
        uint32_t col = (c + i * WC) * 16;
        if (col >= n_vdim)
            break;
        WEIR_UNROLL
        for (int j = 0; j < 2; j++) {
#if defined(WEIR_BUG_61) /* sums not rescaled when a larger score comes */
            (void)less;
#else
            st->o[i][j][0] *= less[0];
            st->o[i][j][1] *= less[0];
            st->o[i][j][2] *= less[1];
            st->o[i][j][3] *= less[1];
#endif
        }
        WEIR_UNROLL
        for (int k = 0; k < KT / 16; k++) {
            uint32_t y[4]; /* keys 0-7, 8-15 of columns 0-7, then of columns 8-15 */
            weir_ldmatrix_x4_trans(y, v + (k * 16 + lane % 16) * ld + col + lane / 16 * 8);
            weir_mma_f16(st->o[i][0], p[k], y);
            weir_mma_f16(st->o[i][1], p[k], y + 2);
        }
    }
}

/* The sums of row half `half` to where they go. */
template <int WC, int NP>
WEIR_DEVICE void mma_write(const struct weir_attend_args &a, const struct attend_work *w,
                           const struct mma_state<NP> *st, int half, float sum, uint32_t row,
                           uint32_t c)
{
    uint32_t q = mma_lane() % 4;
    if (w->row0 + row >= w->rows)
        return;
    uint32_t t = w->t0 + (w->row0 + row) / a.group;
    uint32_t head = w->head_kv * a.group + (w->row0 + row) % a.group;
    float *out = a.out + (uint64_t)t * a.out_token + (uint64_t)head * a.out_head;
    float factor = 1;
    if (a.chunk) {
        out = a.part + (uint64_t)(w->part + row) * a.n_vdim;
        if (c == 0 && q == 0) {
            a.part_ml[2 * (uint64_t)(w->part + row)] = st->max[half];
            a.part_ml[2 * (uint64_t)(w->part + row) + 1] = sum;
        }
        if (sum == 0) /* nothing here that the row sees; the join does not look */
            return;
    } else {
        factor = attend_factor(a.sinks, head, st->max[half], sum);
    }
    const float *gate = NULL;
    if (a.gate && !a.chunk)
        gate = a.gate + (uint64_t)t * a.gate_token + (uint64_t)head * a.gate_head;
    WEIR_UNROLL
    for (int i = 0; i < NP; i++)
        WEIR_UNROLL
    for (int j = 0; j < 2; j++) {
        uint32_t col = (c + i * WC) * 16 + j * 8 + q * 2;
        if (col >= a.n_vdim)
            continue;
        float2 o = make_float2(st->o[i][j][2 * half] * factor, st->o[i][j][2 * half + 1] * factor);
        if (gate) {
            o.x *= attend_sigmoid(gate[col]);
            o.y *= attend_sigmoid(gate[col + 1]);
        }
        *reinterpret_cast<float2 *>(out + col) = o;
    }
}

/* One tile: scores, weights, sums. */
template <int WR, int WC, int NP>
WEIR_DEVICE void mma_tile(const struct weir_attend_args &a, const struct attend_work *w,
                          struct mma_state<NP> *st, const struct attend_seen seen[2],
                          const float factor[2], bool far, uint32_t at, const uint16_t *q,
                          const unsigned char *stage, uint16_t *weights, float *tops)
{
    constexpr int NS = KT / WC / 8;
    uint32_t lane = mma_lane(), warp = threadIdx.x / 32, r = warp / WC, c = warp % WC;
    float s[NS][4], top[2] = {WEIR_NEG_INF, WEIR_NEG_INF}, less[2];
    const uint16_t *keys = reinterpret_cast<const uint16_t *>(stage) + c * (KT / WC) * a.ld_k;
    struct attend_range g = attend_range_of(a, w, far);
    uint32_t start = g.lo / KT * KT + at * KT, lo[2], hi[2];
    attend_within(&g, &seen[0], far, &lo[0], &hi[0]);
    attend_within(&g, &seen[1], far, &lo[1], &hi[1]);
    mma_scores<NS>(q + r * 16 * a.ld_k, keys, a.ld_k, s);
    WEIR_UNROLL
    for (int n = 0; n < NS; n++)
        WEIR_UNROLL
    for (int e = 0; e < 4; e++) {
        uint32_t j = start + c * (KT / WC) + n * 8 + lane % 4 * 2 + e % 2;
        s[n][e] = j >= lo[e / 2] && j < hi[e / 2] ? s[n][e] * factor[e / 2] : WEIR_NEG_INF;
        top[e / 2] = fmaxf(top[e / 2], s[n][e]);
    }
    top[0] = mma_quad_max(top[0]);
    top[1] = mma_quad_max(top[1]);
    if (WC > 1) {
        if (lane % 4 == 0) {
            tops[c * 16 * WR + r * 16 + lane / 4] = top[0];
            tops[c * 16 * WR + r * 16 + lane / 4 + 8] = top[1];
        }
        __syncthreads();
        WEIR_UNROLL
        for (int i = 0; i < WC; i++) {
            top[0] = fmaxf(top[0], tops[i * 16 * WR + r * 16 + lane / 4]);
            top[1] = fmaxf(top[1], tops[i * 16 * WR + r * 16 + lane / 4 + 8]);
        }
    }
    WEIR_UNROLL
    for (int h = 0; h < 2; h++) {
        float max = fmaxf(st->max[h], top[h]);
        float from = max == WEIR_NEG_INF ? 0 : max;
        less[h] = expf(st->max[h] - from);
        st->max[h] = max;
        st->sum[h] *= less[h];
        WEIR_UNROLL
        for (int n = 0; n < NS; n++) {
            s[n][2 * h] = expf(s[n][2 * h] - from);
            s[n][2 * h + 1] = expf(s[n][2 * h + 1] - from);
            st->sum[h] += s[n][2 * h] + s[n][2 * h + 1];
        }
    }
    uint32_t p[KT / 16][4];
    if (WC == 1) { /* what is a score's fragment of C is a weight's of A */
        WEIR_UNROLL
        for (int k = 0; k < KT / 16; k++)
            WEIR_UNROLL
        for (int e = 0; e < 4; e++)
            p[k][e] = weir_f2h2(s[(2 * k + e / 2) % NS][e % 2 * 2],
                                s[(2 * k + e / 2) % NS][e % 2 * 2 + 1]);
    } else {
        uint16_t *mine = weights + r * 16 * (KT + 8);
        WEIR_UNROLL
        for (int n = 0; n < NS; n++) {
            uint32_t col = c * (KT / WC) + n * 8 + lane % 4 * 2;
            *reinterpret_cast<uint32_t *>(mine + lane / 4 * (KT + 8) + col) =
                weir_f2h2(s[n][0], s[n][1]);
            *reinterpret_cast<uint32_t *>(mine + (lane / 4 + 8) * (KT + 8) + col) =
                weir_f2h2(s[n][2], s[n][3]);
        }
        __syncthreads();
        WEIR_UNROLL
        for (int k = 0; k < KT / 16; k++)
            weir_ldmatrix_x4(p[k], mine + lane % 16 * (KT + 8) + k * 16 + lane / 16 * 8);
    }
    mma_values<WC, NP>(st, less, p, reinterpret_cast<const uint16_t *>(stage + a.at_v), a.ld_v, c,
                       a.n_vdim);
}

template <int WR, int WC, int NP> WEIR_DEVICE void attend_mma(const struct weir_attend_args &a)
{
    constexpr int ROWS = 16 * WR, THREADS = 32 * WR * WC;
    WEIR_DYNAMIC(unsigned char, shared);
    WEIR_SHARED(float, factors, ROWS);
    WEIR_SHARED(float, tops, ROWS *WC);
    struct attend_work w;
    if (!attend_begin(a, ROWS, &w))
        return;
    uint16_t *q = reinterpret_cast<uint16_t *>(shared);
    uint16_t *weights = reinterpret_cast<uint16_t *>(shared + a.at_p);
    unsigned char *stages = shared + a.at_k;
    uint32_t near = attend_tiles(w.near_lo, w.near_hi, KT);
    uint32_t n = near + attend_tiles(w.far_lo, w.far_hi, KT);
    uint32_t lane = mma_lane(), warp = threadIdx.x / 32, r = warp / WC, c = warp % WC;
    if (n)
        mma_load(a, &w, 0, near, stages, THREADS);
    weir_cp_async_commit();
    mma_pad(a, stages, THREADS);
    mma_queries<ROWS, THREADS / 32>(a, &w, q, factors);
    struct mma_state<NP> st;
    struct attend_seen seen[2];
    float factor[2];
    WEIR_UNROLL
    for (int i = 0; i < NP; i++)
        WEIR_UNROLL
    for (int j = 0; j < 8; j++)
        st.o[i][j / 4][j % 4] = 0;
    __syncthreads();
    WEIR_UNROLL
    for (int h = 0; h < 2; h++) {
        st.max[h] = WEIR_NEG_INF;
        st.sum[h] = 0;
        seen[h] = attend_seen_of(a, &w, r * 16 + lane / 4 + h * 8);
        factor[h] = factors[r * 16 + lane / 4 + h * 8];
    }
    for (uint32_t it = 0; it < n; it++) {
        if (a.stages > 1) {
            if (it + 1 < n)
                mma_load(a, &w, it + 1, near, stages + (it + 1) % 2 * a.stage, THREADS);
            weir_cp_async_commit();
#if !defined(WEIR_BUG_69) /* a tile used before its copies have landed */
            weir_cp_async_wait(1);
#endif
        } else {
            weir_cp_async_wait(0);
        }
#if !defined(WEIR_BUG_62) /* no barrier between the arrival of a tile and its use */
        __syncthreads();
#endif
        mma_tile<WR, WC, NP>(a, &w, &st, seen, factor, it >= near, it >= near ? it - near : it, q,
                             stages + it % a.stages * a.stage, weights, tops);
        __syncthreads();
        if (a.stages == 1 && it + 1 < n) {
            mma_load(a, &w, it + 1, near, stages, THREADS);
            weir_cp_async_commit();
        }
    }
    float sum[2] = {mma_quad_sum(st.sum[0]), mma_quad_sum(st.sum[1])};
    if (WC > 1) {
        if (lane % 4 == 0) {
            tops[c * ROWS + r * 16 + lane / 4] = sum[0];
            tops[c * ROWS + r * 16 + lane / 4 + 8] = sum[1];
        }
        __syncthreads();
        sum[0] = sum[1] = 0;
        WEIR_UNROLL
        for (int i = 0; i < WC; i++) {
            sum[0] += tops[i * ROWS + r * 16 + lane / 4];
            sum[1] += tops[i * ROWS + r * 16 + lane / 4 + 8];
        }
    }
    mma_write<WC, NP>(a, &w, &st, 0, sum[0], r * 16 + lane / 4, c);
    mma_write<WC, NP>(a, &w, &st, 1, sum[1], r * 16 + lane / 4 + 8, c);
    if (WR == 1 && NP <= 4) /* where registers allow it */
        attend_arrive(a, &w, ROWS);
}
