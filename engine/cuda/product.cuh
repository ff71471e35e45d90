/* product.cuh - W x for packed weights, as templates over the form; product_*.cu make kernels of
 * them.
 *
 * Both paths turn the product around: weight rows are the 16 rows of an mma, activation rows its 8
 * columns. Lane 4 g + t of a warp ends with rows g and g + 8 of its row group for columns 2t and
 * 2t + 1.
 *
 * weir_mv (up to 8 rows): no shared memory and no barrier until the end. Four warps share a row
 * group, each every fourth unit, with two or four more units of weights and one of activations on
 * their way into registers while one is worked on; the four sums are added in order.
 *
 * weir_tile (64 rows): a block's warps share the activations of a unit, which cp.async brings three
 * stages deep in the order of the B fragments (a lane's 16 bytes beside those of the next lane: no
 * bank conflict and no padding). Weights come straight from memory into registers, one or two
 * units ahead, and are decoded once for all 64 columns. Columns past the tile's rows cost nothing:
 * groups of 8 that are empty are left out.
 */
#pragma once

#include "engine/cuda/arrive.cuh"
#include "engine/cuda/product_forms.cuh"
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

/* ---- a unit of weights times a unit of activations ---- */

/* Activations of a unit in registers: planes of column g; of columns 2t, 2t + 1 scales and sums. */
struct weir_unit {
    uint4 q[WEIR_PLANES_MAX];
    float4 info[2];
    float2 half[2];
};

WEIR_DEVICE uint32_t weir_word(const uint4 &v, int i)
{
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

WEIR_DEVICE float weir_word(const float4 &v, int i)
{
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

/* Scales and minima of a unit, by span: of rows g and g + 8. */
template <class F> struct weir_scaled {
    float d[F::spans ? F::spans : 1][2], m[F::spans ? F::spans : 1][2];
};

template <class F> WEIR_DEVICE void weir_scale(struct weir_scaled<F> &k, const typename F::raw &r)
{
    if constexpr (!F::floats) {
        WEIR_UNROLL
        for (int s = 0; s < F::spans; s++)
            F::scales(r, s, k.d[s], k.m[s]);
    }
}

/* acc += sums of span s times scales. w: the unit's A fragments. */
template <class F>
WEIR_DEVICE void weir_span(float acc[4], const uint32_t w[8], const struct weir_scaled<F> &k,
                           const struct weir_unit &x, bool three, int s)
{
    constexpr bool wide = F::span == 32;
#if defined(WEIR_BUG_45) /* the scale of the other block */
    const int b = wide ? 2 * s : s, block = wide ? 1 - s : s / 2;
#else
    const int b = wide ? 2 * s : s, block = wide ? s : s / 2;
#endif
    int32_t sum[4], low[4];
    float f[4];
    uint32_t q[WEIR_PLANES_MAX][2];
    WEIR_UNROLL
    for (int p = 0; p < WEIR_PLANES_MAX; p++) {
        q[p][0] = weir_word(x.q[p], b);
        q[p][1] = wide ? weir_word(x.q[p], b + 1) : 0;
    }
    if constexpr (wide)
        weir_mma_s8_new(sum, w + 4 * s, q[0]);
    else
        weir_mma_s8_k16_new(sum, w + 2 * s, q[0][0]);
    WEIR_UNROLL
    for (int i = 0; i < 4; i++)
        sum[i] *= 256;
    if constexpr (wide)
        weir_mma_s8(sum, w + 4 * s, q[1]);
    else
        weir_mma_s8_k16(sum, w + 2 * s, q[1][0]);
    WEIR_UNROLL
    for (int i = 0; i < 4; i++)
        f[i] = (float)sum[i];
    if (three) {
        if constexpr (wide)
            weir_mma_s8_new(low, w + 4 * s, q[2]);
        else
            weir_mma_s8_k16_new(low, w + 2 * s, q[2][0]);
        WEIR_UNROLL
        for (int i = 0; i < 4; i++)
            f[i] += (float)low[i] * 0.00390625f;
    }
    WEIR_UNROLL
    for (int i = 0; i < 4; i++) {
        acc[i] += k.d[s][i / 2] * weir_word(x.info[i % 2], block) * f[i];
        if constexpr (F::min) {
            float total = weir_word(x.info[i % 2], 2 + block);
            if constexpr (!wide) {
                float first = block ? x.half[i % 2].y : x.half[i % 2].x;
#if defined(WEIR_BUG_46) /* a minimum times the sum of the other half */
                total = s % 2 ? first : total - first;
#else
                total = s % 2 ? total - first : first;
#endif
            }
            acc[i] += k.m[s][i / 2] * total;
        }
    }
}

template <class F>
WEIR_DEVICE void weir_work(float acc[4], const uint32_t w[8], const struct weir_scaled<F> &k,
                           const struct weir_unit &x, bool three)
{
    if constexpr (F::floats) {
        (void)k;
        (void)three;
        WEIR_UNROLL
        for (uint32_t p = 0; p < F::planes; p++) {
            WEIR_UNROLL
            for (int h = 0; h < 2; h++) {
                uint32_t q[2] = {weir_word(x.q[p], 2 * h), weir_word(x.q[p], 2 * h + 1)};
                if constexpr (F::bf16)
                    weir_mma_bf16(acc, w + 4 * h, q);
                else
                    weir_mma_f16(acc, w + 4 * h, q);
            }
        }
    } else {
        WEIR_UNROLL
        for (int s = 0; s < F::spans; s++)
            weir_span<F>(acc, w, k, x, three, s);
    }
}

/* Planes that activations have: fixed for floats. */
template <class F> WEIR_DEVICE uint32_t weir_planes_of(const struct weir_mm_args &a)
{
    if constexpr (F::floats)
        return F::planes;
    else
        return a.acts.planes;
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

/* ---- up to 8 rows ---- */

struct weir_lane_acts { /* where a lane finds the activations of its next unit */
    const uint8_t *q;
    const float4 *info[2];
    const float2 *half[2];
};

/* Columns that are not there are the last one again: loads need no condition and no zeros, and take
 * no bytes that are not taken anyway. */
template <class F>
WEIR_DEVICE void weir_lane_find(const struct weir_mm_args &a, const struct weir_job &j,
                                unsigned lane, uint32_t unit, struct weir_lane_acts *x)
{
    const uint32_t last = j.n - 1, g = lane / 4, t = lane % 4;
    const uint64_t units = a.acts.units;
    x->q = a.acts.q +
           (weir_act_row(a, j, g < last ? g : last) * units + unit) * (a.acts.planes * 64) + t * 16;
    WEIR_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t c = 2 * t + i < last ? 2 * t + i : last;
        uint64_t at = weir_act_row(a, j, c) * units + unit;
        x->info[i] = reinterpret_cast<const float4 *>(a.acts.info) + at;
        x->half[i] = reinterpret_cast<const float2 *>(a.acts.half) + at;
    }
}

/* Takes them and goes on to the warp's next unit. */
template <class F>
WEIR_DEVICE void weir_lane_load(struct weir_lane_acts &x, uint32_t planes, struct weir_unit *u)
{
    u->q[0] = __ldg(reinterpret_cast<const uint4 *>(x.q));
    u->q[1] = __ldg(reinterpret_cast<const uint4 *>(x.q + 64));
    if (planes == 3)
        u->q[2] = __ldg(reinterpret_cast<const uint4 *>(x.q + 128));
    x.q += WEIR_MV_SPLIT * 64 * planes;
    weir_hide(x.q);
    if constexpr (!F::floats) {
        WEIR_UNROLL
        for (uint32_t i = 0; i < 2; i++) {
            u->info[i] = __ldg(x.info[i]);
            x.info[i] += WEIR_MV_SPLIT;
            weir_hide(x.info[i]);
            if constexpr (F::min && F::span == 16) {
                u->half[i] = __ldg(x.half[i]);
                x.half[i] += WEIR_MV_SPLIT;
            }
        }
    }
}

/* What is left of a sum: F16's power of two of the column, the forms' constant, the row's RMS. */
template <class F>
WEIR_DEVICE void weir_last_factor(const struct weir_mm_args &a, const struct weir_job &j,
                                  uint32_t c, const float *inverse, float v[4])
{
    WEIR_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        float by = F::factor;
        if constexpr (F::floats) {
            if constexpr (!F::bf16)
                by = c + i < j.n ? a.acts.info[weir_act_row(a, j, c + i)] : 0.0f;
        }
        if (a.acts.ssq)
            by *= inverse[c + i];
        v[i] *= by;
        v[2 + i] *= by;
    }
}

/* a.warps row groups, WEIR_MV_SPLIT warps each. */
template <class F> WEIR_DEVICE void weir_mv(const struct weir_mm_args &a)
{
    WEIR_SHARED(float4, part, WEIR_MV_GROUPS * (WEIR_MV_SPLIT - 1) * 32);
    WEIR_SHARED(float, room, WEIR_MV_ROWS *WEIR_MV_GROUPS * 16);
    WEIR_SHARED(float, inverse, WEIR_MV_ROWS);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned own = warp / WEIR_MV_SPLIT, split = warp % WEIR_MV_SPLIT;
    const uint32_t units = a.acts.units, planes = weir_planes_of<F>(a);
    struct weir_job j;
    if (!weir_find(a, WEIR_MV_ROWS, &j))
        return;
    const uint32_t group = j.group + own;
    const bool live = group < a.mat[j.which].groups;
    float acc[4] = {0, 0, 0, 0};
    if (live && split < units) {
        const uint8_t *w = weir_group_at(a, j, group);
        typename F::place at;
        typename F::raw ahead[F::ahead] = {};
        struct weir_lane_acts x;
        struct weir_unit unit[2] = {};
        uint32_t left = (units - split + WEIR_MV_SPLIT - 1) / WEIR_MV_SPLIT; /* of this warp */
        F::find(at, w + split * F::unit_step, w + (uint64_t)units * F::unit_bytes, units, lane);
        weir_lane_find<F>(a, j, lane, split, &x);
        WEIR_UNROLL
        for (uint32_t d = 0; d < F::ahead; d++)
            if (d < left)
                F::load(ahead[d], at, d * WEIR_MV_SPLIT, d);
        weir_lane_load<F>(x, planes, &unit[0]);
        for (;;) {
            F::advance(at, F::ahead * WEIR_MV_SPLIT, F::ahead);
            WEIR_UNROLL
            for (uint32_t d = 0; d < F::ahead; d++) {
                struct weir_scaled<F> scaled;
                uint32_t code[8];
                if (d + 1 < left)
                    weir_lane_load<F>(x, planes, &unit[(d + 1) % 2]);
                F::decode(ahead[d], code);
                weir_scale<F>(scaled, ahead[d]);
                if (d + F::ahead < left)
                    F::load(ahead[d], at, d * WEIR_MV_SPLIT, d);
                weir_work<F>(acc, code, scaled, unit[d % 2], planes == 3);
#if defined(WEIR_BUG_41) /* the last unit of a row left out */
                if (d + 2 >= left)
                    break;
#endif
                if (d + 1 >= left)
                    break;
            }
            if (left <= F::ahead)
                break;
            left -= F::ahead;
        }
    }
    if (split)
        part[(own * (WEIR_MV_SPLIT - 1) + split - 1) * 32 + lane] =
            make_float4(acc[0], acc[1], acc[2], acc[3]);
    uint32_t most = WEIR_MV_ROWS; /* the job anew: kept, it would take registers from the loop */
    weir_hide(most);
    weir_find(a, most, &j);
    if (a.acts.ssq)
        weir_row_factors(a, j, inverse);
#if !defined(WEIR_BUG_47) /* sums added before they are there */
    __syncthreads();
#endif
    const bool rounds = a.pair && a.round.q, tail = a.tail.on && (j.which == 0 || a.tail.pair_of);
    if (split == 0) {
        WEIR_UNROLL
        for (uint32_t s = 0; s < WEIR_MV_SPLIT - 1; s++) {
            float4 v = part[(own * (WEIR_MV_SPLIT - 1) + s) * 32 + lane];
            acc[0] += v.x;
            acc[1] += v.y;
            acc[2] += v.z;
            acc[3] += v.w;
        }
        weir_last_factor<F>(a, j, lane % 4 * 2, inverse, acc);
        if (live || rounds || tail)
            weir_finish(a, j, group, lane % 4 * 2, lane / 4, acc, rounds || tail ? room : nullptr,
                        tail ? a.warps * 16 : WEIR_MV_GROUPS * 8, own * (tail ? 16 : 8));
    }
    if (rounds || tail)
        __syncthreads();
    if (rounds)
        weir_round_outputs(a, j, room, WEIR_MV_GROUPS * 8, j.group * 8);
    else if (tail)
        weir_tail_outputs<1>(a, j, room, a.warps * 16, j.group * 16);
}

/* ---- tiles of 64 rows ---- */

/* One stage of a tile's activations: planes [64][64 bytes] each, then info [64][16 bytes]. */
template <class F>
WEIR_DEVICE void weir_stage_fill(const struct weir_mm_args &a, const uint32_t *rows, uint32_t n,
                                 uint32_t unit, uint8_t *stage)
{
    const uint32_t planes = weir_planes_of<F>(a);
    const uint64_t units = a.acts.units;
    for (uint32_t i = threadIdx.x; i < WEIR_TILE_ROWS * 4; i += blockDim.x) {
        uint32_t c = i / 4;
        const uint8_t *q = a.acts.q + (rows[c] * units + unit) * planes * 64 + i % 4 * 16;
        for (uint32_t p = 0; p < planes; p++)
            weir_cp_async16(stage + p * (WEIR_TILE_ROWS * 64) + i * 16, q + p * 64, c < n);
    }
    if constexpr (!F::floats)
        for (uint32_t c = threadIdx.x; c < WEIR_TILE_ROWS; c += blockDim.x)
            weir_cp_async16(stage + planes * (WEIR_TILE_ROWS * 64) + c * 16,
                            a.acts.info + (rows[c] * units + unit) * 4, c < n);
}

/* Columns 8 k .. of a stage. */
template <class F>
WEIR_DEVICE void weir_stage_load(const struct weir_mm_args &a, const uint32_t *rows, uint32_t n,
                                 uint32_t unit, const uint8_t *stage, uint32_t k, unsigned lane,
                                 struct weir_unit *u)
{
    const uint32_t planes = weir_planes_of<F>(a);
    const uint8_t *q = stage + k * 512 + lane * 16;
    u->q[0] = *reinterpret_cast<const uint4 *>(q);
    u->q[1] = *reinterpret_cast<const uint4 *>(q + WEIR_TILE_ROWS * 64);
    if (planes == 3)
        u->q[2] = *reinterpret_cast<const uint4 *>(q + 2 * (WEIR_TILE_ROWS * 64));
    else
        u->q[2] = make_uint4(0, 0, 0, 0);
    if constexpr (!F::floats) {
        WEIR_UNROLL
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t c = k * 8 + lane % 4 * 2 + i;
            u->info[i] =
                *reinterpret_cast<const float4 *>(stage + planes * (WEIR_TILE_ROWS * 64) + c * 16);
            if constexpr (F::min && F::span == 16) {
                u->half[i] = make_float2(0, 0);
                if (c < n)
                    u->half[i] = __ldg(reinterpret_cast<const float2 *>(a.acts.half) +
                                       (uint64_t)rows[c] * a.acts.units + unit);
            }
        }
    }
}

/* A warp a row group; a.warps of them. Dynamic shared memory: weir_tile_bytes(). */
template <class F> WEIR_DEVICE void weir_tile(const struct weir_mm_args &a)
{
    WEIR_DYNAMIC(uint8_t, stages);
    WEIR_SHARED(uint32_t, rows, WEIR_TILE_ROWS);
    WEIR_SHARED(float, inverse, WEIR_TILE_ROWS);
    constexpr int COLS = WEIR_TILE_ROWS / 8;
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t units = a.acts.units, planes = weir_planes_of<F>(a);
    const uint32_t stage_bytes = WEIR_TILE_ROWS * (planes * 64 + (F::floats ? 0 : 16));
    struct weir_job j;
    if (!weir_find(a, WEIR_TILE_ROWS, &j))
        return;
    const uint32_t group = j.group + warp;
    const bool live = group < a.mat[j.which].groups;
    for (uint32_t c = threadIdx.x; c < WEIR_TILE_ROWS; c += blockDim.x)
        rows[c] = weir_act_row(a, j, c < j.n ? c : 0);
    __syncthreads();
    for (uint32_t s = 0; s < WEIR_TILE_STAGES - 1; s++) {
        if (s < units)
            weir_stage_fill<F>(a, rows, j.n, s, stages + s * stage_bytes);
        weir_cp_async_commit();
    }
    const uint8_t *w = weir_group_at(a, j, live ? group : j.group);
    typename F::place at;
    typename F::raw ahead[F::tile_ahead] = {};
    F::find(at, w, w + (uint64_t)units * F::unit_bytes, units, lane);
    WEIR_UNROLL
    for (uint32_t d = 0; d < F::tile_ahead; d++)
        if (d < units)
            F::load(ahead[d], at, d, 0);
    float acc[COLS][4] = {};
    for (uint32_t u = 0; u < units; u++) {
        struct weir_scaled<F> scaled;
        uint32_t code[8];
        F::decode(ahead[0], code);
        weir_scale<F>(scaled, ahead[0]);
        WEIR_UNROLL
        for (uint32_t d = 1; d < F::tile_ahead; d++)
            ahead[d - 1] = ahead[d];
        if (u + F::tile_ahead < units)
            F::load(ahead[F::tile_ahead - 1], at, F::tile_ahead, (u + F::tile_ahead) / 4);
        F::advance(at, 1, 0);
        weir_cp_async_wait(WEIR_TILE_STAGES - 2);
#if !defined(WEIR_BUG_42)
        __syncthreads(); /* the stage is there for all, and none still reads the one filled next */
#endif
#if defined(WEIR_BUG_44) /* a stage filled that is still read */
        uint32_t fill = u + WEIR_TILE_STAGES;
#else
        uint32_t fill = u + WEIR_TILE_STAGES - 1;
#endif
        if (fill < units)
            weir_stage_fill<F>(a, rows, j.n, fill, stages + fill % WEIR_TILE_STAGES * stage_bytes);
        weir_cp_async_commit();
        WEIR_UNROLL
        for (int k = 0; k < COLS; k++) {
            if ((uint32_t)k * 8 >= j.n)
                break;
            struct weir_unit x;
            weir_stage_load<F>(a, rows, j.n, u, stages + u % WEIR_TILE_STAGES * stage_bytes,
                               (uint32_t)k, lane, &x);
            weir_work<F>(acc[k], code, scaled, x, planes == 3);
        }
    }
    const bool rounds = a.pair && a.round.q, tail = a.tail.on && (j.which == 0 || a.tail.pair_of);
    const uint32_t wide = tail ? 16 : 8, per = a.warps * wide;
    float *room = reinterpret_cast<float *>(stages);
    if (a.acts.ssq)
        weir_row_factors(a, j, inverse);
    if (rounds || tail || a.acts.ssq)
        __syncthreads();
    WEIR_UNROLL
    for (int k = 0; k < COLS; k++) {
        if ((uint32_t)k * 8 >= j.n)
            break;
        uint32_t c = (uint32_t)k * 8 + lane % 4 * 2;
        weir_last_factor<F>(a, j, c, inverse, acc[k]);
        if (live || rounds || tail)
            weir_finish(a, j, group, c, lane / 4, acc[k], rounds || tail ? room : nullptr, per,
                        warp * wide);
    }
    if (rounds || tail)
        __syncthreads();
    if (rounds)
        weir_round_outputs(a, j, room, per, j.group * 8);
    else if (tail)
        weir_tail_outputs<4>(a, j, room, per, j.group * 16);
}

#define WEIR_PRODUCT_AS(kernel, form)                                                              \
    kernel(weir_mv_##form, struct weir_mm_args, WEIR_MV_THREADS)                                   \
    {                                                                                              \
        weir_mv<weir_form_##form>(a);                                                              \
    }                                                                                              \
    kernel(weir_tile_##form, struct weir_mm_args, WEIR_TILE_THREADS)                               \
    {                                                                                              \
        weir_tile<weir_form_##form>(a);                                                            \
    }
#define WEIR_PRODUCT(form) WEIR_PRODUCT_AS(WEIR_KERNEL, form)
