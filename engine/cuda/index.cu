/* index.cu - scores of an indexer's keys, and which of them count.
 *
 * Scores: a block takes a page of keys and the tokens of a tile, one after the other. Floats: a
 * thread has a key and half of the heads. Halves: m16n8k16 with heads as rows; a row of queries is
 * scaled by a power of two, which its weight takes back, for max(0, x) does not mind.
 *
 * The choice: the k-th largest score, found a byte at a time from counts of the bytes, then one
 * pass in the order of cells. Counts are integers, so nothing depends on the order of threads.
 */
#include "engine/cuda/device.cuh"
#include "engine/cuda/index.h"

#define THREADS 128
#define HEADS   WEIR_INDEX_HEADS

/* How many keys token t has, 0 where it sees them all. */
WEIR_DEVICE uint32_t index_keys(const struct weir_index_args &a, uint32_t t)
{
    uint32_t n = (a.cell[t] + 1) / a.ratio;
    return n > a.top_k ? n : 0;
}

/* The page of a block: NULL where no token of its tile needs it. */
template <typename T>
WEIR_DEVICE const T *index_page(const struct weir_index_args &a, struct weir_tile tile,
                                uint32_t *rows)
{
    uint32_t most = index_keys(a, tile.t0 + tile.n - 1), first = blockIdx.y * WEIR_PAGE;
    if (first >= most)
        return NULL;
    int32_t page = a.table[(uint64_t)a.seq[tile.t0] * a.stride + blockIdx.y];
    if (page < 0)
        return NULL;
    *rows = most - first < WEIR_PAGE ? most - first : WEIR_PAGE;
    return static_cast<const T *>(a.k) + (uint64_t)page * WEIR_PAGE * a.n_dim;
}

/* ---- floats ---- */

/* Heads h.. of a token, zeros behind the last. */
WEIR_DEVICE void index_queries(const struct weir_index_args &a, uint32_t t, uint32_t h, float *q)
{
    const float *from = a.q + ((uint64_t)t * a.n_head + h) * a.n_dim;
    uint32_t n = (a.n_head - h < HEADS ? a.n_head - h : HEADS) * a.n_dim;
    for (uint32_t i = threadIdx.x; i < HEADS * a.n_dim; i += THREADS)
        q[i / a.n_dim * a.ld + i % a.n_dim] = i < n ? from[i] : 0;
}

/* The thread's heads of the HEADS in q over its key. */
WEIR_DEVICE float index_dot(const struct weir_index_args &a, const float *q, const float *k,
                            uint32_t t, uint32_t h, uint32_t part)
{
    float sum = 0;
    for (uint32_t g = part * HEADS / 2; g < (part + 1) * HEADS / 2; g += 4) {
        float s[4] = {0, 0, 0, 0};
        WEIR_NO_UNROLL
        for (uint32_t i = 0; i < a.ld - 4; i += 4) {
            float4 y = *reinterpret_cast<const float4 *>(k + i);
            WEIR_UNROLL
            for (int e = 0; e < 4; e++) {
                float4 x = *reinterpret_cast<const float4 *>(q + (g + e) * a.ld + i);
                s[e] += x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w;
            }
        }
        WEIR_UNROLL
        for (int e = 0; e < 4; e++)
            if (h + g + e < a.n_head && s[e] > 0)
                sum += a.w[(uint64_t)t * a.n_head + h + g + e] * s[e];
    }
    return sum;
}

WEIR_KERNEL(weir_index_f32, struct weir_index_args, THREADS)
{
    WEIR_DYNAMIC(float, shared);
    WEIR_SHARED(float, half, WEIR_PAGE);
    struct weir_tile tile = a.tile[blockIdx.x];
    uint32_t rows = 0, key = threadIdx.x % WEIR_PAGE, part = threadIdx.x / WEIR_PAGE;
    const float *page = index_page<float>(a, tile, &rows);
    if (!page)
        return;
    float *q = shared, *k = shared + HEADS * a.ld;
    for (uint32_t i = threadIdx.x; i < (HEADS + WEIR_PAGE) * a.ld; i += THREADS)
        shared[i] = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < rows * a.n_dim; i += THREADS)
        k[i / a.n_dim * a.ld + i % a.n_dim] = page[i];
    for (uint32_t t = tile.t0; t < tile.t0 + tile.n; t++) {
        float sum = 0;
        for (uint32_t h = 0; h < a.n_head; h += HEADS) {
            index_queries(a, t, h, q);
            __syncthreads();
            sum += index_dot(a, q, k + key * a.ld, t, h, part);
            __syncthreads();
        }
        if (part)
            half[key] = sum;
        __syncthreads();
        uint32_t j = blockIdx.y * WEIR_PAGE + key;
        if (!part && j < index_keys(a, t))
            a.scores[(uint64_t)t * a.scores_each + j] = sum + half[key];
    }
}

/* ---- halves ---- */

/* Heads h.. of a token as halves, and what their weights become. */
WEIR_DEVICE void index_halves(const struct weir_index_args &a, uint32_t t, uint32_t h, uint16_t *q,
                              float *weight)
{
    uint32_t lane = threadIdx.x % 32;
    for (uint32_t r = threadIdx.x / 32; r < HEADS; r += THREADS / 32) {
        bool there = h + r < a.n_head;
        const float *from = a.q + ((uint64_t)t * a.n_head + h + r) * a.n_dim;
        float most = 0;
        for (uint32_t i = lane; there && i < a.n_dim; i += 32)
            most = fmaxf(most, fabsf(from[i]));
        most = weir_warp_max(most);
        uint32_t e = __float_as_uint(most) >> 23;
        e = e < 2 ? 2 : e > 251 ? 251 : e;
        float up = __uint_as_float((253 - e) << 23);
        for (uint32_t i = lane; i < a.ld - 8; i += 32)
            q[r * a.ld + i] = weir_f2h(there && i < a.n_dim ? from[i] * up : 0);
        if (lane == 0)
            weight[r] =
                there ? a.w[(uint64_t)t * a.n_head + h + r] * __uint_as_float((e + 1) << 23) : 0;
    }
}

/* sum[tile of 8 keys][column] += weight max(0, q k), over the 16 heads in q. */
WEIR_DEVICE void index_mma(const uint16_t *q, const uint16_t *keys, uint32_t ld,
                           const float *weight, float sum[2][2])
{
    uint32_t lane = threadIdx.x % 32;
    float s[2][4];
    WEIR_UNROLL
    for (int n = 0; n < 2; n++)
        s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
    for (uint32_t i = 0; i < ld - 8; i += 16) {
        uint32_t x[4], y[4]; /* y: keys 0-7 of columns 0-7, 8-15, then keys 8-15 */
        weir_ldmatrix_x4(x, q + lane % 16 * ld + i + lane / 16 * 8);
        weir_ldmatrix_x4(y, keys + (lane / 16 * 8 + lane % 8) * ld + i + lane / 8 % 2 * 8);
        weir_mma_f16(s[0], x, y);
        weir_mma_f16(s[1], x, y + 2);
    }
    float low = weight[lane / 4], high = weight[lane / 4 + 8];
    WEIR_UNROLL
    for (int n = 0; n < 2; n++)
        WEIR_UNROLL
    for (int e = 0; e < 2; e++)
        sum[n][e] += low * fmaxf(s[n][e], 0) + high * fmaxf(s[n][e + 2], 0);
}

WEIR_KERNEL(weir_index_f16, struct weir_index_args, THREADS)
{
    WEIR_DYNAMIC(uint16_t, shared);
    WEIR_SHARED(float, weight, HEADS);
    struct weir_tile tile = a.tile[blockIdx.x];
    uint32_t rows = 0, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint16_t *page = index_page<uint16_t>(a, tile, &rows);
    if (!page)
        return;
    uint16_t *q = shared, *k = shared + HEADS * a.ld;
    for (uint32_t i = threadIdx.x; i < WEIR_PAGE * (a.ld / 8); i += THREADS) {
        uint32_t r = i / (a.ld / 8), c = i % (a.ld / 8) * 8;
        uint4 x = make_uint4(0, 0, 0, 0);
        if (r < rows && c < a.n_dim)
            x = *reinterpret_cast<const uint4 *>(page + r * a.n_dim + c);
        *reinterpret_cast<uint4 *>(k + r * a.ld + c) = x;
    }
    for (uint32_t t = tile.t0; t < tile.t0 + tile.n; t++) {
        float sum[2][2] = {{0, 0}, {0, 0}};
        for (uint32_t h = 0; h < a.n_head; h += HEADS) {
            __syncthreads();
            index_halves(a, t, h, q, weight);
            __syncthreads();
            index_mma(q, k + warp * 16 * a.ld, a.ld, weight, sum);
        }
        WEIR_UNROLL
        for (int n = 0; n < 4; n++) {
            float x = sum[n / 2][n % 2];
            x += __shfl_xor_sync(0xffffffffu, x, 4);
            x += __shfl_xor_sync(0xffffffffu, x, 8);
            x += __shfl_xor_sync(0xffffffffu, x, 16);
            uint32_t j = blockIdx.y * WEIR_PAGE + warp * 16 + n / 2 * 8 + lane % 4 * 2 + n % 2;
            if (lane < 4 && j < index_keys(a, t))
                a.scores[(uint64_t)t * a.scores_each + j] = x;
        }
    }
}

/* ---- the choice ---- */

#define CHOOSE 512

/* A number that orders as the float does; of what is no number, some place. */
WEIR_DEVICE uint32_t index_order(float x)
{
    uint32_t u = __float_as_uint(x);
    return u >> 31 ? ~u : u | 0x80000000u;
}

/* By a warp: the byte in which the k-th largest falls, of counts by byte; what is above it leaves
 * k.
 */
WEIR_DEVICE void index_byte(const uint32_t *count, uint32_t *byte, uint32_t *k)
{
    uint32_t lane = threadIdx.x, sum = 0; /* lane 0 has the highest eight */
    for (uint32_t i = 0; i < 8; i++)
        sum += count[255 - lane * 8 - i];
    uint32_t upto = sum;
    for (int step = 1; step < 32; step *= 2) {
        uint32_t x = __shfl_up_sync(0xffffffffu, upto, step);
        upto += lane >= (uint32_t)step ? x : 0;
    }
    uint32_t above = upto - sum, want = *k;
    __syncwarp(0xffffffffu);
    if (above >= want || upto < want)
        return;
    uint32_t at = 255 - lane * 8;
    while (want - above > count[at])
        above += count[at--];
    *byte = at;
    *k = want - above;
}

/* The k-th largest of n scores; *equal: how many of that value are among the k. */
WEIR_DEVICE uint32_t index_kth(const float *x, uint32_t n, uint32_t k, uint32_t *equal)
{
    WEIR_SHARED(uint32_t, count, 256);
    WEIR_SHARED(uint32_t, at, 2); /* byte, k */
    uint32_t found = 0, mask = 0;
    if (threadIdx.x == 0)
        at[1] = k;
    for (int shift = 24; shift >= 0; shift -= 8) {
        if (threadIdx.x < 256)
            count[threadIdx.x] = 0;
        __syncthreads();
        for (uint32_t i = threadIdx.x; i < n; i += CHOOSE) {
            uint32_t o = index_order(x[i]);
            if ((o & mask) == found)
                atomicAdd(&count[o >> shift & 255], 1u);
        }
        __syncthreads();
        if (threadIdx.x < 32)
            index_byte(count, &at[0], &at[1]);
        __syncthreads();
        found |= at[0] << shift;
        mask |= 255u << shift;
        __syncthreads();
    }
    *equal = at[1];
    return found;
}

/* blockIdx: x token. */
WEIR_KERNEL(weir_index_choose, struct weir_choose_args, CHOOSE)
{
    WEIR_SHARED(uint32_t, above, CHOOSE / 32);
    WEIR_SHARED(uint32_t, same, CHOOSE / 32);
    uint32_t t = blockIdx.x, n = (a.cell[t] + 1) / a.ratio, lane = threadIdx.x % 32;
    uint32_t *pick = a.pick + (uint64_t)t * a.pick_each;
    if (threadIdx.x == 0)
        a.n_pick[t] = n < a.top_k ? n : a.top_k;
    if (n <= a.top_k) {
        for (uint32_t i = threadIdx.x; i < n; i += CHOOSE)
            pick[i] = i;
        return;
    }
    const float *x = a.scores + (uint64_t)t * a.scores_each;
    uint32_t equal, last = index_kth(x, n, a.top_k, &equal), n_above = 0, n_same = 0;
    for (uint32_t i = threadIdx.x; i - threadIdx.x < n; i += CHOOSE) {
        uint32_t o = i < n ? index_order(x[i]) : 0;
        bool up = i < n && o > last, eq = i < n && o == last;
        uint32_t ups = __ballot_sync(0xffffffffu, up), eqs = __ballot_sync(0xffffffffu, eq);
        if (lane == 0) {
            above[threadIdx.x / 32] = __popc(ups);
            same[threadIdx.x / 32] = __popc(eqs);
        }
        __syncthreads();
        uint32_t u = n_above, e = n_same;
        for (uint32_t w = 0; w < CHOOSE / 32; w++) {
            if (w == threadIdx.x / 32) {
                u += __popc(ups & ((1u << lane) - 1));
                e += __popc(eqs & ((1u << lane) - 1));
#if defined(WEIR_BUG_71) /* one too many of equal scores */
                if (up || (eq && e <= equal))
#else
                if (up || (eq && e < equal))
#endif
                    pick[u + (e < equal ? e : equal)] = i;
            }
            if (w < threadIdx.x / 32) {
                u += above[w];
                e += same[w];
            }
            n_above += above[w];
            n_same += same[w];
        }
        __syncthreads();
    }
}
