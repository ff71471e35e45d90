/* product_end.cuh - what a block of a product works on, and what becomes of its outputs: bias,
 * scale, activation function, rounding, and the tails of struct weir_tail. The same for every form.
 */
#pragma once

#include "engine/cuda/arrive.cuh"
#include "engine/cuda/round.cuh"

/* What a block works on. */
struct weir_job {
    uint32_t which;    /* matrix of the launch */
    uint32_t group;    /* first row group */
    uint32_t mat;      /* expert, or head */
    uint32_t first, n; /* rows (pairs) first .. first + n */
};

/* False: there is nothing here for the block. rows: that a block takes. */
WEIR_DEVICE bool weir_find(const struct weir_mm_args &a, uint32_t rows, struct weir_job *j)
{
    uint32_t b = blockIdx.x, i = 0, end = a.n_rows;
    while (i + 1 < a.n_mats && b >= a.mat[i].blocks)
        b -= a.mat[i++].blocks;
    j->which = i;
    j->group = b * a.warps;
    j->mat = 0;
    j->first = blockIdx.y * rows;
    if (a.mode == WEIR_MM_EACH) {
        j->mat = blockIdx.y / a.tiles;
        j->first = blockIdx.y % a.tiles * rows;
    } else if (a.mode == WEIR_MM_EXPERT) {
        const uint32_t tiles = *a.n_tiles;
        if (blockIdx.y >= tiles) { /* those that ride along */
            const uint32_t at = (blockIdx.y - tiles) * rows;
            if (at >= a.ride_rows)
                return false;
            j->which = 1;
            j->first = a.ride_first + at;
            j->n = a.ride_rows - at < rows ? a.ride_rows - at : rows;
            return true;
        }
        j->mat = a.tile_expert[blockIdx.y];
        j->first = a.tile_first[blockIdx.y];
#if defined(WEIR_BUG_43) /* every tile of an expert begins with its first pair */
        j->first = a.pair_first[j->mat];
#endif
        end = a.pair_first[j->mat + 1];
    }
    j->n = end - j->first < rows ? end - j->first : rows;
    return true;
}

/* Row of the activations that column c of the job has. */
WEIR_DEVICE uint32_t weir_act_row(const struct weir_mm_args &a, const struct weir_job &j,
                                  uint32_t c)
{
    uint32_t r = j.first + c;
    if (a.mode == WEIR_MM_EACH)
        return j.mat * a.n_rows + r;
    if (a.mode == WEIR_MM_EXPERT && j.which)
        return a.pair_row ? r - a.ride_first : r;
    return a.mode == WEIR_MM_EXPERT && a.pair_row ? a.pair_row[r] : r;
}

WEIR_DEVICE const uint8_t *weir_group_at(const struct weir_mm_args &a, const struct weir_job &j,
                                         uint32_t group)
{
    const struct weir_mat &m = a.mat[j.which];
#if defined(WEIR_BUG_48) /* an offset of 32 bits */
    return m.w + (uint32_t)(j.mat * m.mat_bytes) + group * m.group_bytes;
#else
    return m.w + j.mat * m.mat_bytes + group * m.group_bytes;
#endif
}

/* ---- the end of a product ---- */

WEIR_DEVICE float weir_activate(uint32_t act, float clamp, float by, float g, float u)
{
    g *= by;
    u *= by;
    if (clamp > 0) {
        g = fminf(g, clamp);
        u = fmaxf(-clamp, fminf(u, clamp));
    }
    if (act == WEIR_ACT_SILU)
        return g / (1.0f + expf(-g)) * u;
    if (act == WEIR_ACT_GELU)
        return 0.5f * g * (1.0f + tanhf(0.79788456f * (g + 0.044715f * g * g * g))) * u;
    g = fminf(g, 7.0f);
    u = fmaxf(-7.0f, fminf(u, 7.0f));
    return g / (1.0f + expf(-1.702f * g)) * (u + 1.0f);
}

/* (v + bias) * scale */
WEIR_DEVICE float weir_bias(float v, const float *bias, const float *scale, uint32_t mat,
                            uint32_t step, uint32_t o)
{
    if (bias)
        v += bias[(uint64_t)mat * step + o];
    return scale ? v * scale[mat] : v;
}

/* Output o of a pair, whose gate and up are g and u. row: the pair's. */
WEIR_DEVICE float weir_pair_value(const struct weir_mm_args &a, const struct weir_job &j,
                                  uint32_t row, uint32_t o, float g, float u)
{
    const struct weir_mat &m = a.mat[j.which];
    g = weir_bias(g, m.bias, m.scale, j.mat, m.bias_step, o);
    u = weir_bias(u, m.bias_up, m.scale_up, j.mat, m.bias_step, o);
    return weir_activate(a.act, a.clamp, a.in_weight ? a.in_weight[row] : 1.0f, g, u);
}

/* A lane's four sums of a row group (columns c and c + 1, rows g and g + 8) to y, and to room,
 * [columns][per] from output `at` on, if that is not NULL. */
WEIR_DEVICE void weir_finish(const struct weir_mm_args &a, const struct weir_job &j, uint32_t group,
                             uint32_t c, unsigned g, const float v[4], float *room, uint32_t per,
                             uint32_t at)
{
    const struct weir_mat &m = a.mat[j.which];
    WEIR_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        if (c + i >= j.n)
            continue;
        uint32_t row = j.first + c + i;
        float *y = m.y + row * m.ldy + (a.mode == WEIR_MM_EACH ? j.mat * m.step : 0);
        if (a.pair) {
            uint32_t o = group * 8 + g;
            float h = 0;
            if (o < m.n_out) {
                h = weir_pair_value(a, j, row, o, v[i], v[2 + i]);
                if (m.y)
                    y[o] = h;
            }
            if (room)
                room[(c + i) * per + at + g] = h;
            continue;
        }
        WEIR_UNROLL
        for (uint32_t k = 0; k < 2; k++) {
            uint32_t o = group * 16 + g + 8 * k;
            float h = 0;
            if (o < m.n_out) {
                h = weir_bias(v[2 * k + i], m.bias, m.scale, j.mat, m.bias_step, o);
                if (m.y)
                    y[o] = h;
            }
            if (room)
                room[(c + i) * per + at + g + 8 * k] = h;
        }
    }
}

/* Rounds a block's outputs, room[columns][per] from output `from` on, for the next product. All
 * warps of the block; per is a multiple of 32, and what lies past n_out in room is 0. */
WEIR_DEVICE void weir_round_outputs(const struct weir_mm_args &a, const struct weir_job &j,
                                    const float *room, uint32_t per, uint32_t from)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const uint32_t blocks = per / 32, all = a.round.units * 2;
    for (uint32_t i = warp; i < j.n * blocks; i += warps) {
        uint32_t c = i / blocks, k = i % blocks, block = from / 32 + k;
        if (block < all)
            weir_round_block(a.round, j.first + c, block, lane, room[c * per + k * 32 + lane]);
    }
    /* a unit's second half, where the row ends in the first and no block comes behind this one */
    if (from + per < all * 32 && from + per >= a.mat[j.which].n_out)
        for (uint32_t c = warp; c < j.n; c += warps)
            weir_round_block(a.round, j.first + c, all - 1, lane, 0.0f);
}

/* 1 / RMS of the rows of a job's columns, where that is still to be applied. All warps. */
WEIR_DEVICE void weir_row_factors(const struct weir_mm_args &a, const struct weir_job &j,
                                  float *inverse)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    WEIR_NO_UNROLL
    for (uint32_t c = warp; c < j.n; c += warps) {
        const float *s = a.acts.ssq + (uint64_t)weir_act_row(a, j, c) * a.acts.n_ssq;
        float sum = 0;
        for (uint32_t i = lane; i < a.acts.n_ssq; i += 32)
            sum += s[i];
        sum = weir_warp_sum(sum);
        if (lane == 0)
            inverse[c] = 1.0f / sqrtf(sum / (float)a.acts.n_in + a.acts.eps);
    }
}

/* Output 32 block + lane of a row, v of struct weir_tail. */
WEIR_DEVICE void weir_tail_block(const struct weir_tail &t, uint32_t row, uint32_t block,
                                 unsigned lane, float v)
{
    const uint32_t o = block * 32 + lane;
    const uint64_t at = (uint64_t)row * t.n_out + o;
    const bool there = o < t.n_out;
    if (there && t.more)
        v += t.more[at];
    if (there && t.x) {
        v = (t.x[at] + t.scale * v) * t.out_scale;
        t.x[at] = v;
    }
    v = there ? v : 0.0f;
    if (t.ssq) {
        float sum = weir_warp_sum(v * v);
        if (lane == 0 && block * 32 < t.n_out)
#if defined(WEIR_BUG_54) /* sums of squares by one block less */
            t.ssq[(uint64_t)row * (t.n_out / 32) + block] = sum;
#else
            t.ssq[(uint64_t)row * ((t.n_out + 31) / 32) + block] = sum;
#endif
    }
    if (there && t.norm)
        v *= t.norm[o];
    if (there && t.z)
        t.z[at] = v;
    weir_put_planes(t.to, row, block, lane, v);
}

/* The last block that gives these `blocks` times 32 outputs adds up the pairs of every token, AHEAD
 * of a lane's at once. */
template <int AHEAD>
WEIR_DEVICE void weir_tail_combine(const struct weir_mm_args &a, uint32_t first, uint32_t blocks)
{
    const struct weir_tail &t = a.tail;
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const uint32_t all = t.n * blocks;
    WEIR_NO_UNROLL
    for (uint32_t i0 = warp; i0 < all; i0 += AHEAD * warps) {
        float v[AHEAD];
        WEIR_UNROLL
        for (int u = 0; u < AHEAD; u++)
            v[u] = 0;
        for (uint32_t k = 0; k < t.n_used; k++) {
            WEIR_UNROLL
            for (int u = 0; u < AHEAD; u++) {
                uint32_t i = i0 + (uint32_t)u * warps, slot = i / blocks * t.n_used + k;
                uint32_t o = (first + i % blocks) * 32 + lane;
                if (i >= all || o >= t.n_out)
                    continue;
                float y = a.mat[0].y[(uint64_t)t.pair_of[slot] * a.mat[0].ldy + o];
                v[u] += t.weights ? t.weights[slot] * y : y;
            }
        }
        WEIR_UNROLL
        for (int u = 0; u < AHEAD; u++) {
            uint32_t i = i0 + (uint32_t)u * warps;
            if (i < all)
                weir_tail_block(t, i / blocks, first + i % blocks, lane, v[u]);
        }
    }
}

/* What is left to do with a block's outputs, room[columns][per] from output `from` on. All warps;
 * per is a multiple of 32, and what lies past n_out in room is 0. */
template <int AHEAD>
WEIR_DEVICE void weir_tail_outputs(const struct weir_mm_args &a, const struct weir_job &j,
                                   const float *room, uint32_t per, uint32_t from)
{
    const struct weir_tail &t = a.tail;
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const uint32_t n_out = a.mat[0].n_out, first = from / 32;
    /* blocks that the row has; where planes have units of two, there may be one of zeros more */
    const bool end = from + per >= n_out;
    const uint32_t own = (n_out + 31) / 32, units = t.to.ints.q ? t.to.ints.units * 2 : 0;
    const uint32_t past = end && a.mode != WEIR_MM_EACH && units > own ? units : own;
    const uint32_t blocks = end ? past - first : per / 32;
    if (t.pair_of) {
#if defined(WEIR_BUG_55) /* slabs of outputs that share a counter */
        if (weir_arrive(t.count, *a.n_tiles + (a.ride_rows + a.rows - 1) / a.rows))
#else
        if (weir_arrive(t.count + first, *a.n_tiles + (a.ride_rows + a.rows - 1) / a.rows))
#endif
            weir_tail_combine<AHEAD>(a, first, blocks);
        return;
    }
    const uint32_t shift = a.mode == WEIR_MM_EACH ? j.mat * n_out / 32 : 0;
    WEIR_NO_UNROLL
    for (uint32_t i = warp; i < j.n * blocks; i += warps) {
        uint32_t c = i / blocks, k = i % blocks;
        float v = k * 32 < per ? room[c * per + k * 32 + lane] : 0.0f;
        weir_tail_block(t, j.first + c, shift + first + k, lane, v);
    }
}
