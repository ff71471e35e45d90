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

#include "engine/cuda/product_end.cuh"
#include "engine/cuda/product_forms.cuh"

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

template <class F> WEIR_DEVICE constexpr bool weir_is_f16()
{
    if constexpr (F::floats)
        return !F::bf16;
    else
        return false;
}

/* What is left of a sum: F16's power of two of the column, the form's constant, the row's RMS. */
template <bool HALVES>
WEIR_DEVICE void weir_last_factor(const struct weir_mm_args &a, const struct weir_job &j,
                                  uint32_t c, const float *inverse, float v[4], float factor)
{
    WEIR_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        float by = factor;
        if constexpr (HALVES)
            by = c + i < j.n ? a.acts.info[weir_act_row(a, j, c + i)] : 0.0f;
        if (a.acts.ssq)
            by *= inverse[c + i];
        v[i] *= by;
        v[2 + i] *= by;
    }
}

/* Every WEIR_MV_SPLIT-th unit of a row group from `split` on. */
template <class F>
WEIR_DEVICE void weir_mv_loop(const struct weir_mm_args &a, const struct weir_job &j,
                              uint32_t group, uint32_t split, unsigned lane, float acc[4])
{
    const uint32_t units = a.acts.units, planes = weir_planes_of<F>(a);
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

/* The splits' sums added up in order, and what becomes of them. All warps; HALVES: weights are F16,
 * by: the form's factor. */
template <bool HALVES>
WEIR_DEVICE void weir_mv_end(const struct weir_mm_args &a, float acc[4], float by)
{
    WEIR_SHARED(float4, part, WEIR_MV_GROUPS * (WEIR_MV_SPLIT - 1) * 32);
    WEIR_SHARED(float, room, WEIR_MV_ROWS *WEIR_MV_GROUPS * 16);
    WEIR_SHARED(float, inverse, WEIR_MV_ROWS);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned own = warp / WEIR_MV_SPLIT, split = warp % WEIR_MV_SPLIT;
    struct weir_job j = {};
    if (split)
        part[(own * (WEIR_MV_SPLIT - 1) + split - 1) * 32 + lane] =
            make_float4(acc[0], acc[1], acc[2], acc[3]);
    uint32_t most = WEIR_MV_ROWS; /* the job anew: kept, it would take registers from the loop */
    weir_hide(most);
    weir_find(a, most, &j);
    const uint32_t group = j.group + own;
    const bool live = group < a.mat[j.which].groups;
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
        weir_last_factor<HALVES>(a, j, lane % 4 * 2, inverse, acc, by);
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

/* a.warps row groups, WEIR_MV_SPLIT warps each. */
template <class F> WEIR_DEVICE void weir_mv(const struct weir_mm_args &a)
{
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned own = warp / WEIR_MV_SPLIT, split = warp % WEIR_MV_SPLIT;
    struct weir_job j = {};
    if (!weir_find(a, WEIR_MV_ROWS, &j))
        return;
    float acc[4] = {0, 0, 0, 0};
    if (j.group + own < a.mat[j.which].groups && split < a.acts.units)
        weir_mv_loop<F>(a, j, j.group + own, split, lane, acc);
    weir_mv_end<weir_is_f16<F>()>(a, acc, F::factor);
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

#define WEIR_TILE_COLS (WEIR_TILE_ROWS / 8)

/* All units of a warp's row group; rows: the activations' of each column. The whole block. */
template <class F>
WEIR_DEVICE void weir_tile_loop(const struct weir_mm_args &a, const struct weir_job &j,
                                const uint32_t *rows, uint8_t *stages, float acc[WEIR_TILE_COLS][4])
{
    const unsigned lane = threadIdx.x % 32;
    const uint32_t units = a.acts.units, planes = weir_planes_of<F>(a);
    const uint32_t stage_bytes = WEIR_TILE_ROWS * (planes * 64 + (F::floats ? 0 : 16));
    const uint32_t group = j.group + threadIdx.x / 32;
    for (uint32_t s = 0; s < WEIR_TILE_STAGES - 1; s++) {
        if (s < units)
            weir_stage_fill<F>(a, rows, j.n, s, stages + s * stage_bytes);
        weir_cp_async_commit();
    }
    const uint8_t *w = weir_group_at(a, j, group < a.mat[j.which].groups ? group : j.group);
    typename F::place at;
    typename F::raw ahead[F::tile_ahead] = {};
    F::find(at, w, w + (uint64_t)units * F::unit_bytes, units, lane);
    WEIR_UNROLL
    for (uint32_t d = 0; d < F::tile_ahead; d++)
        if (d < units)
            F::load(ahead[d], at, d, 0);
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
        for (int k = 0; k < WEIR_TILE_COLS; k++) {
            if ((uint32_t)k * 8 >= j.n)
                break;
            struct weir_unit x;
            weir_stage_load<F>(a, rows, j.n, u, stages + u % WEIR_TILE_STAGES * stage_bytes,
                               (uint32_t)k, lane, &x);
            weir_work<F>(acc[k], code, scaled, x, planes == 3);
        }
    }
}

/* What becomes of the sums; room: the stages, which are read no more behind the barrier in here.
 * All warps. */
template <bool HALVES>
WEIR_DEVICE void weir_tile_end(const struct weir_mm_args &a, const struct weir_job &j, float *room,
                               float acc[WEIR_TILE_COLS][4], float by)
{
    WEIR_SHARED(float, inverse, WEIR_TILE_ROWS);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t group = j.group + warp;
    const bool live = group < a.mat[j.which].groups;
    const bool rounds = a.pair && a.round.q, tail = a.tail.on && (j.which == 0 || a.tail.pair_of);
    const uint32_t wide = tail ? 16 : 8, per = a.warps * wide;
    if (a.acts.ssq)
        weir_row_factors(a, j, inverse);
    if (rounds || tail || a.acts.ssq)
        __syncthreads();
    WEIR_UNROLL
    for (int k = 0; k < WEIR_TILE_COLS; k++) {
        if ((uint32_t)k * 8 >= j.n)
            break;
        uint32_t c = (uint32_t)k * 8 + lane % 4 * 2;
        weir_last_factor<HALVES>(a, j, c, inverse, acc[k], by);
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

/* The activations' row of each of a tile's columns. All warps; a barrier. */
WEIR_DEVICE void weir_tile_rows(const struct weir_mm_args &a, const struct weir_job &j,
                                uint32_t *rows)
{
    for (uint32_t c = threadIdx.x; c < WEIR_TILE_ROWS; c += blockDim.x)
        rows[c] = weir_act_row(a, j, c < j.n ? c : 0);
    __syncthreads();
}

/* A warp a row group; a.warps of them. Dynamic shared memory: weir_tile_bytes(). */
template <class F> WEIR_DEVICE void weir_tile(const struct weir_mm_args &a)
{
    WEIR_DYNAMIC(uint8_t, stages);
    WEIR_SHARED(uint32_t, rows, WEIR_TILE_ROWS);
    struct weir_job j = {};
    if (!weir_find(a, WEIR_TILE_ROWS, &j))
        return;
    weir_tile_rows(a, j, rows);
    float acc[WEIR_TILE_COLS][4] = {};
    weir_tile_loop<F>(a, j, rows, stages, acc);
    weir_tile_end<weir_is_f16<F>()>(a, j, reinterpret_cast<float *>(stages), acc, F::factor);
}

#define WEIR_PRODUCT(form)                                                                         \
    WEIR_KERNEL(weir_mv_##form, struct weir_mm_args, WEIR_MV_THREADS)                              \
    {                                                                                              \
        weir_mv<weir_form_##form>(a);                                                              \
    }                                                                                              \
    WEIR_KERNEL(weir_tile_##form, struct weir_mm_args, WEIR_TILE_THREADS)                          \
    {                                                                                              \
        weir_tile<weir_form_##form>(a);                                                            \
    }
