/* delta_chunk.cu - gated DeltaNet's steps for prompts, WEIR_DELTA_CHUNK tokens at a time.
 *
 * A token i of a chunk has key k, query q, value v, gate b, and G_i, the product of the decays from
 * the chunk's first token to i. With S the state before the chunk, what the tokens add is
 *
 *   d_i = b_i (v_i - G_i S'k_i - sum over j < i of G_i/G_j (k_i k_j) d_j)
 *
 * so that D = T R, with R_i = b_i (v_i - G_i S'k_i) and T the inverse of I + A, A_ij = b_i G_i/G_j
 * (k_i k_j) below the diagonal; and
 *
 *   o_i = G_i S'q_i + sum over j <= i of P_ij d_j, P_ij = G_i/G_j (q_i k_j)
 *   S  <- G_n S + sum over j of G_n/G_j k_j d_j'
 *
 * which is what one token after the other gives, but for rounding. Only the last two lines and R go
 * from chunk to chunk; T and P are the same for all columns of a state and need no state.
 *
 * weir_delta_pairs: a block a chunk and key head: keys and queries as planes of bfloat16, their
 * products with one another, and T and P of the value heads that have that key. T is made in f32:
 * blocks of 16 on the diagonal by substitution, then the blocks under them.
 *
 * weir_delta_chunk: a warp has 16 columns of a head's state through a run, turned round: rows of
 * an mma are columns of the state, so that its sums are, as they lie in registers, the left operand
 * of the next product. Right operands come from the scratch as lanes take them, 8 bytes that are
 * two values in two planes. No shared memory, no barrier.
 *
 * Numbers: each f32 is two bfloat16 (16 bits), a product is three mma, sums are f32. Ratios of G
 * are of differences of logarithms and never above 1.
 *
 * A chunk ends where a state is to be noted, so the notes are exact chunk ends.
 */
#include "engine/cuda/delta.cuh"

#define C       WEIR_DELTA_CHUNK
#define THREADS (2 * C) /* a warp 16 tokens */
#define PAIRS   (C / 2)
#define TILES   (C / 8)
#define BELOW   (16 * (C - 16) / THREADS) /* values of T that a thread makes under the diagonal */

/* Two floats as two bfloat16 each: what rounding leaves is rounded again. */
WEIR_DEVICE uint2 split2(float x, float y)
{
    uint32_t hi = weir_f2b2(x, y);
    float2 back = weir_b2f2(hi);
    return make_uint2(hi, weir_f2b2(x - back.x, y - back.y));
}

/* Operands of an mma in two planes. */
struct left {
    uint32_t hi[4], lo[4];
};

WEIR_DEVICE void left_of(struct left *a, int i, float x, float y)
{
    uint2 v = split2(x, y);
    a->hi[i] = v.x;
    a->lo[i] = v.y;
}

/* From sums of 16 rows and columns 16 k..: tiles c[2k] and c[2k + 1]. */
WEIR_DEVICE void left_from(struct left *a, const float x[4], const float y[4])
{
    left_of(a, 0, x[0], x[1]);
    left_of(a, 1, x[2], x[3]);
    left_of(a, 2, y[0], y[1]);
    left_of(a, 3, y[2], y[3]);
}

/* d += a b; b: values 2t, 2t + 1 and 2t + 8, 2t + 9 of column g. */
WEIR_DEVICE void multiply(float d[4], const struct left &a, uint2 b0, uint2 b1)
{
    uint32_t hi[2] = {b0.x, b1.x}, lo[2] = {b0.y, b1.y};
    weir_mma_bf16(d, a.lo, hi);
    weir_mma_bf16(d, a.hi, lo);
    weir_mma_bf16(d, a.hi, hi);
}

/* ---- what does not depend on the state ---- */

/* A chunk's keys or queries to `to`, [C][dp / 2]; zeros past its tokens and past dk. */
WEIR_DEVICE void put_rows(const struct weir_delta_args &a, uint32_t entry, uint32_t n,
                          uint32_t channel, uint32_t dp, uint2 *to, uint2 *shared, uint32_t ld)
{
    for (uint32_t e = threadIdx.x; e < C * dp / 2; e += THREADS) {
        uint32_t i = e / (dp / 2), k = e % (dp / 2);
        float x = 0, y = 0;
        if (i < n) {
            const float *u =
                a.u + (uint64_t)a.order.token[entry + i] * a.channels + channel + 2 * k;
            x = 2 * k < a.dk ? u[0] : 0.0f;
            y = 2 * k + 1 < a.dk ? u[1] : 0.0f;
        }
        uint2 v = split2(x, y);
        to[e] = v;
        shared[i * ld + k] = v;
    }
}

/* Sums of rows 16 warp.. with all tokens up to them: tiles of 8. */
WEIR_DEVICE void products(float sum[TILES][4], const uint2 *left, const uint2 *right, uint32_t ld,
                          uint32_t steps)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    const uint2 *row = left + (warp * 16 + g) * ld + t;
    WEIR_NO_UNROLL
    for (uint32_t s = 0; s < steps; s++) {
        struct left x;
        WEIR_UNROLL
        for (int i = 0; i < 4; i++) {
            uint2 v = row[(i % 2 * 8) * ld + 8 * s + i / 2 * 4];
            x.hi[i] = v.x;
            x.lo[i] = v.y;
        }
        WEIR_UNROLL
        for (uint32_t j = 0; j < TILES; j++) {
            if (j > 2 * warp + 1)
                break;
            const uint2 *b = right + (8 * j + g) * ld + 8 * s + t;
            multiply(sum[j], x, b[0], b[4]);
        }
    }
}

/* t = the inverse of I + m, [C][C + 1] both; m below the diagonal is read, t is written there and
 * on it, and is 0 above. */
WEIR_DEVICE void invert(const float *m, float *t)
{
    const uint32_t tid = threadIdx.x, ld = C + 1;
    for (uint32_t e = tid; e < C * ld; e += THREADS)
        t[e] = 0;
    __syncthreads();
    if (tid < C) { /* column tid, of the 16 rows of its block */
        uint32_t at = tid / 16 * 16, c = tid % 16;
        float x[16];
        WEIR_UNROLL
        for (uint32_t i = 0; i < 16; i++) {
            float s = 0;
            WEIR_UNROLL
            for (uint32_t j = 0; j < i; j++)
                s += m[(at + i) * ld + at + j] * x[j];
            x[i] = i == c ? 1.0f : i < c ? 0.0f : -s;
            t[(at + i) * ld + tid] = x[i];
        }
    }
    __syncthreads();
    WEIR_NO_UNROLL
    for (uint32_t b = 16; b < C; b += 16) { /* rows b.. b + 15, columns before b */
        const uint32_t all = 16 * b;
        float x[BELOW];
        for (int step = 0; step < 2; step++) {
            WEIR_UNROLL
            for (uint32_t k = 0; k < BELOW; k++) {
                uint32_t e = tid + k * THREADS, i = b + e / b, j = e % b;
                float s = 0;
                if (e < all && step == 0)
                    for (uint32_t l = j / 16 * 16; l < b; l++)
                        s += m[i * ld + l] * t[l * ld + j];
                if (e < all && step == 1)
                    for (uint32_t l = b; l <= i; l++)
                        s -= t[i * ld + l] * t[l * ld + j];
                x[k] = s;
            }
            __syncthreads();
            WEIR_UNROLL
            for (uint32_t k = 0; k < BELOW; k++) {
                uint32_t e = tid + k * THREADS;
                if (e < all)
                    t[(b + e / b) * ld + e % b] = x[k];
            }
            __syncthreads();
        }
    }
}

/* T and P of value head h; `room`: 2 C (C + 1) floats of shared memory. */
WEIR_DEVICE void head_pairs(const struct weir_delta_args &a, uint32_t chunk, uint32_t entry,
                            uint32_t n, uint32_t h, const float kk[TILES][4],
                            const float qk[TILES][4], float *room, float *logs, float *betas)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, tid = threadIdx.x;
    const uint32_t ld = C + 1;
    struct weir_delta_head s = weir_delta_head_at(a, chunk, h);
    float own = 0;
#if !defined(WEIR_BUG_93) /* keys, or the head before, overwritten while others read them */
    __syncthreads();
#endif
    if (tid < C) {
        float2 g = make_float2(0, 0);
        if (tid < n)
            g = delta_log_gates(a, a.order.token[entry + tid], h);
        betas[tid] = g.y;
        room[tid] = g.x;
    }
    __syncthreads();
    if (tid < C)
        for (uint32_t i = 0; i <= tid; i++)
            own += room[i];
    if (tid < C)
        logs[tid] = own;
    __syncthreads();
    if (tid < C)
        s.gates[tid] = make_float4(expf(own), betas[tid], expf(logs[n - 1] - own), 0);
    WEIR_UNROLL
    for (uint32_t j = 0; j < TILES; j++) {
        WEIR_UNROLL
        for (uint32_t r = 0; r < 2; r++) {
            uint32_t i = warp * 16 + lane / 4 + 8 * r, c = 8 * j + 2 * (lane % 4);
            float p[2] = {0, 0};
            WEIR_UNROLL
            for (uint32_t k = 0; k < 2; k++) {
                float by = c + k <= i && i < n ? expf(logs[i] - logs[c + k]) : 0.0f;
                if (by > 0.0f)
                    p[k] = by * qk[j][2 * r + k];
                bool before = c + k < i;
                room[i * ld + c + k] = before && by > 0.0f ? betas[i] * by * kk[j][2 * r + k] : 0;
            }
            s.p[i * PAIRS + c / 2] = split2(p[0], p[1]);
        }
    }
    __syncthreads();
    float *t = room + C * ld;
    invert(room, t);
    for (uint32_t e = tid; e < C * PAIRS; e += THREADS) {
        uint32_t i = e / PAIRS, k = e % PAIRS * 2;
        s.t[e] = split2(t[i * ld + k], t[i * ld + k + 1]);
    }
}

/* blockIdx: x chunk, y key head. */
WEIR_KERNEL(weir_delta_pairs, struct weir_delta_args, THREADS)
{
    WEIR_SHARED(uint2, rows, C * (WEIR_DELTA_CHUNK_DK / 2 + 4));
    WEIR_SHARED(float, logs, 2 * C);
    const uint32_t chunk = blockIdx.x, key = blockIdx.y;
    const uint32_t entry = a.chunk[2 * chunk], n = a.chunk[2 * chunk + 1];
    const uint32_t dp = (a.dk + 15) / 16 * 16, ld = dp / 2 + 4, each = a.n_value / a.n_key;
    struct weir_delta_key s = weir_delta_key_at(a, chunk, key);
    float kk[TILES][4] = {}, qk[TILES][4] = {};
    put_rows(a, entry, n, (a.n_key + key) * a.dk, dp, s.k, rows, ld);
    __syncthreads();
    products(kk, rows, rows, ld, dp / 16);
    for (uint32_t e = threadIdx.x; e < dp * PAIRS; e += THREADS) { /* keys turned round */
        uint32_t d = e / PAIRS, j = e % PAIRS * 2, up = d % 2 * 16;
        uint2 x = rows[j * ld + d / 2], y = rows[(j + 1) * ld + d / 2];
        s.turned[e] = make_uint2((x.x >> up & 0xffff) | (y.x >> up & 0xffff) << 16,
                                 (x.y >> up & 0xffff) | (y.y >> up & 0xffff) << 16);
    }
    /* queries: a warp's own 16 rows meet all keys, so they go through registers */
    {
        const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
        WEIR_NO_UNROLL
        for (uint32_t k = 0; k < dp / 16; k++) {
            struct left x;
            WEIR_UNROLL
            for (uint32_t i = 0; i < 4; i++) {
                uint32_t row = warp * 16 + g + i % 2 * 8, at = 8 * k + t + i / 2 * 4;
                float v[2] = {0, 0};
                if (row < n) {
                    const float *u = a.u + (uint64_t)a.order.token[entry + row] * a.channels +
                                     key * a.dk + 2 * at;
                    v[0] = 2 * at < a.dk ? u[0] : 0.0f;
                    v[1] = 2 * at + 1 < a.dk ? u[1] : 0.0f;
                }
                uint2 w = split2(v[0], v[1]);
                s.q[row * (dp / 2) + at] = w;
                x.hi[i] = w.x;
                x.lo[i] = w.y;
            }
            WEIR_UNROLL
            for (uint32_t j = 0; j < TILES; j++) {
                if (j > 2 * warp + 1)
                    break;
                const uint2 *b = rows + (8 * j + g) * ld + 8 * k + t;
                multiply(qk[j], x, b[0], b[4]);
            }
        }
    }
    for (uint32_t r = 0; r < each; r++)
        head_pairs(a, chunk, entry, n, a.tiled ? key + r * a.n_key : key * each + r, kk, qk,
                   reinterpret_cast<float *>(rows), logs, logs + C);
}

/* ---- what does ---- */

/* A warp's 16 columns of a state, turned round: tile k has rows 8 k.. of the state, of which a lane
 * has rows 2 t and 2 t + 1 of columns g and g + 8. at: a state's row 0, the lane's first column. */
template <typename F>
WEIR_DEVICE void state_each(const struct weir_delta_args &a, float *at, uint32_t col, F value)
{
    const uint32_t t = threadIdx.x % 4;
    at += (uint64_t)(2 * t) * a.dv;
    WEIR_UNROLL
    for (uint32_t k = 0; k < WEIR_DELTA_CHUNK_DK / 8; k++) {
        weir_hide(at); /* else all addresses would wait in registers through the chunks */
        WEIR_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            if (8 * k + 2 * t + i % 2 < a.dk && col + i / 2 * 8 < a.dv)
                value(k, i, at + i % 2 * a.dv + i / 2 * 8);
        at += (uint64_t)8 * a.dv;
    }
}

WEIR_DEVICE void state_out(const struct weir_delta_args &a,
                           const float s[WEIR_DELTA_CHUNK_DK / 8][4], float *to, uint32_t col)
{
    state_each(a, to, col, [&](uint32_t k, uint32_t i, float *p) { *p = s[k][i]; });
}

/* x += the columns' products with the rows (keys or queries) of a chunk. */
WEIR_DEVICE void state_rows(float x[TILES][4], const float s[WEIR_DELTA_CHUNK_DK / 8][4],
                            const uint2 *rows, uint32_t dp, uint32_t n)
{
    const unsigned lane = threadIdx.x % 32;
    rows += (uint64_t)(lane / 4) * (dp / 2) + lane % 4;
    WEIR_UNROLL
    for (uint32_t k = 0; k < WEIR_DELTA_CHUNK_DK / 16; k++) {
        struct left w;
        if (16 * k >= dp)
            break;
        left_from(&w, s[2 * k], s[2 * k + 1]);
        WEIR_UNROLL
        for (uint32_t j = 0; j < TILES; j++) {
            if (8 * j >= n)
                break;
            const uint2 *b = rows + j * 4 * dp + 8 * k;
            weir_hide(b);
            multiply(x[j], w, __ldg(b), __ldg(b + 4));
        }
    }
}

/* O = S Q + P D, to where outputs go. */
WEIR_DEVICE void chunk_outputs(const struct weir_delta_args &a, const struct weir_delta_key &kq,
                               const struct weir_delta_head &hd, uint32_t entry, uint32_t n,
                               uint32_t h, uint32_t col, const float s[WEIR_DELTA_CHUNK_DK / 8][4],
                               const float d[TILES][4])
{
    const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    float o[TILES][4] = {};
    state_rows(o, s, kq.q, (a.dk + 15) / 16 * 16, n);
    WEIR_UNROLL
    for (uint32_t j = 0; j < TILES; j++) {
        WEIR_UNROLL
        for (uint32_t i = 0; i < 4; i++)
            o[j][i] *= __ldg(hd.gates + 8 * j + 2 * t + i % 2).x;
    }
    WEIR_UNROLL
    for (uint32_t k = 0; k < TILES / 2; k++) {
        struct left w;
        left_from(&w, d[2 * k], d[2 * k + 1]);
        WEIR_UNROLL
        for (uint32_t j = 2 * k; j < TILES; j++) {
            const uint2 *b = hd.p + (8 * j + g) * PAIRS + 8 * k + t;
            weir_hide(b);
            multiply(o[j], w, __ldg(b), __ldg(b + 4));
        }
    }
    float scale = 1.0f / sqrtf((float)a.dk);
    WEIR_UNROLL
    for (uint32_t j = 0; j < TILES; j++) {
        WEIR_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t at = 8 * j + 2 * t + i % 2, c = col + i / 2 * 8;
            if (at < n && c < a.dv)
                a.out[((uint64_t)a.order.token[entry + at] * a.n_value + h) * a.dv + c] =
                    o[j][i] * scale;
        }
    }
}

/* One chunk of a warp's columns. col: the lane's first; its second is 8 on. */
WEIR_DEVICE void chunk_step(const struct weir_delta_args &a, uint32_t chunk, uint32_t key,
                            uint32_t h, uint32_t col, float s[WEIR_DELTA_CHUNK_DK / 8][4])
{
    const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const uint32_t entry = a.chunk[2 * chunk], n = a.chunk[2 * chunk + 1];
    const uint32_t dp = (a.dk + 15) / 16 * 16;
    const struct weir_delta_key kq = weir_delta_key_at(a, chunk, key);
    const struct weir_delta_head hd = weir_delta_head_at(a, chunk, h);
    float x[TILES][4] = {}, d[TILES][4] = {};
    state_rows(x, s, kq.k, dp, n);
    WEIR_UNROLL
    for (uint32_t j = 0; j < TILES; j++) {
        WEIR_UNROLL
        for (uint32_t i = 0; i < 4; i++) { /* R */
            uint32_t at = 8 * j + 2 * t + i % 2, c = col + i / 2 * 8;
            float v = 0;
            float4 f = __ldg(hd.gates + at);
            if (at < n && c < a.dv)
                v = a.u[(uint64_t)a.order.token[entry + at] * a.channels + 2 * a.n_key * a.dk +
                        (uint64_t)h * a.dv + c];
#if defined(WEIR_BUG_94) /* the state not decayed before a token takes its value from it */
            x[j][i] = f.y * (v - x[j][i]);
#else
            x[j][i] = f.y * (v - f.x * x[j][i]);
#endif
        }
    }
    WEIR_UNROLL
    for (uint32_t k = 0; k < TILES / 2; k++) { /* D = T R */
        struct left w;
        left_from(&w, x[2 * k], x[2 * k + 1]);
        WEIR_UNROLL
        for (uint32_t j = 2 * k; j < TILES; j++) {
            const uint2 *b = hd.t + (8 * j + g) * PAIRS + 8 * k + t;
            weir_hide(b);
            multiply(d[j], w, __ldg(b), __ldg(b + 4));
        }
    }
    chunk_outputs(a, kq, hd, entry, n, h, col, s, d);
    float last = __ldg(hd.gates + n - 1).x;
    WEIR_UNROLL
    for (uint32_t k = 0; k < WEIR_DELTA_CHUNK_DK / 8; k++)
        for (uint32_t i = 0; i < 4; i++)
            s[k][i] *= last;
    WEIR_UNROLL
    for (uint32_t k = 0; k < TILES / 2; k++) {
        struct left w;
        WEIR_UNROLL
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t at = 16 * k + i / 4 * 8 + 2 * t + i % 2;
            d[2 * k + i / 4][i % 4] *= __ldg(hd.gates + at).z;
        }
        left_from(&w, d[2 * k], d[2 * k + 1]);
        WEIR_UNROLL
        for (uint32_t j = 0; j < WEIR_DELTA_CHUNK_DK / 8; j++) {
            if (8 * j >= dp)
                break;
            const uint2 *b = kq.turned + (8 * j + g) * PAIRS + 8 * k + t;
            weir_hide(b);
            multiply(s[j], w, __ldg(b), __ldg(b + 4));
        }
    }
}

/* blockIdx: x head; y columns, 16 a warp; z run of those that go in chunks. */
WEIR_KERNEL(weir_delta_chunk, struct weir_delta_args, WEIR_DELTA_CHUNK_THREADS)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t h = blockIdx.x, *run = a.longs + 3 * blockIdx.z;
    const uint32_t col = (blockIdx.y * (WEIR_DELTA_CHUNK_THREADS / 32) + warp) * 16 + lane / 4;
    const uint32_t key = a.tiled ? h % a.n_key : h / (a.n_value / a.n_key);
    const uint32_t first = a.order.token[a.order.first[run[0]]];
    float *slots =
        a.states.at + (uint64_t)a.channels * (a.conv - 1) + (uint64_t)h * a.dk * a.dv + col;
    float *live = slots + (uint64_t)a.states.slot[first] * a.states.each;
    const bool fresh = a.cell[first] == 0;
    float s[WEIR_DELTA_CHUNK_DK / 8][4];
    WEIR_UNROLL
    for (uint32_t k = 0; k < WEIR_DELTA_CHUNK_DK / 8; k++)
        for (uint32_t i = 0; i < 4; i++)
            s[k][i] = 0;
    if (!fresh)
        state_each(a, live, col, [&](uint32_t k, uint32_t i, float *p) { s[k][i] = *p; });
    WEIR_NO_UNROLL
    for (uint32_t chunk = run[1]; chunk < run[2]; chunk++) {
        chunk_step(a, chunk, key, h, col, s);
        uint32_t end = a.order.token[a.chunk[2 * chunk] + a.chunk[2 * chunk + 1] - 1];
        uint32_t mark = a.states.mark[end];
        if (mark != WEIR_NO_MARK)
            state_out(a, s, slots + (uint64_t)mark * a.states.each, col);
    }
    state_out(a, s, live, col);
}
