/* product_small.cuh - a head's small matrix times up to 8 rows that lie rounded in shared memory,
 * by a block that has just made them.
 *
 * Units of a row group are summed up as weir_mv does, every fourth in a sum of its own and these
 * four in order: the same bits. A warp takes all four, or two or one of them where there are more
 * warps than row groups.
 */
#pragma once

#include "engine/cuda/product.cuh"

/* A block's rows in shared memory: [8][units] of acts, as struct weir_acts has them. */
WEIR_DEVICE struct weir_acts weir_small_acts(uint8_t *room, uint32_t units, uint32_t planes)
{
    struct weir_acts x;
    x.x = nullptr;
    x.q = room;
    x.info = reinterpret_cast<float *>(room + WEIR_MV_ROWS * units * planes * 64);
    x.half = x.info + WEIR_MV_ROWS * units * 4;
    x.ssq = nullptr;
    x.n_in = units * 64;
    x.units = units;
    x.planes = planes;
    x.n_ssq = 0;
    x.eps = 0;
    return x;
}

/* Where such rows are, for products of them: registers are few there. */
struct weir_small {
    const uint8_t *room;
    uint32_t units, planes, n;
};

template <class F>
WEIR_DEVICE void weir_small_unit(const struct weir_small &x, uint32_t u, unsigned lane,
                                 struct weir_unit *v)
{
    const uint32_t last = x.n - 1, g = lane / 4, t = lane % 4;
    const uint8_t *q = x.room + ((g < last ? g : last) * x.units + u) * x.planes * 64 + t * 16;
    const uint8_t *info = x.room + WEIR_MV_ROWS * x.units * x.planes * 64;
    v->q[0] = *reinterpret_cast<const uint4 *>(q);
    v->q[1] = *reinterpret_cast<const uint4 *>(q + 64);
    v->q[2] = make_uint4(0, 0, 0, 0);
    if (x.planes == 3)
        v->q[2] = *reinterpret_cast<const uint4 *>(q + 128);
    WEIR_UNROLL
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t c = 2 * t + i < last ? 2 * t + i : last, at = c * x.units + u;
        v->info[i] = reinterpret_cast<const float4 *>(info)[at];
        if constexpr (F::min && F::span == 16)
            v->half[i] = reinterpret_cast<const float2 *>(info + WEIR_MV_ROWS * x.units * 16)[at];
    }
}

/* The sums first .. end - 1 of a row group: added up in order in sum if first is 0, else each to
 * part[(split - 1) * 32 + lane]. Those that have no unit are left out. */
template <class F, bool AHEAD>
WEIR_DEVICE void weir_small_rows(const uint8_t *w, const struct weir_small &x, uint32_t first,
                                 uint32_t end, unsigned lane, float sum[4], float4 *part)
{
    const uint32_t units = x.units;
    uint32_t s = first, u = first;
    typename F::place at;
    typename F::raw now = {}, next = {};
    float acc[4] = {0, 0, 0, 0};
    if (u >= units)
        return;
    const uint8_t *supers = w + (uint64_t)units * F::unit_bytes;
    if (AHEAD) {
        F::find(at, w + u * F::unit_step, supers, units, lane);
        F::load(now, at, 0, 0);
    }
    WEIR_NO_UNROLL
    for (;;) {
        uint32_t s1 = s, u1 = u + WEIR_MV_SPLIT;
        if (u1 >= units)
            u1 = ++s1;
        const bool more = s1 < end && u1 < units;
        if (!AHEAD) {
            F::find(at, w + u * F::unit_step, supers + u / 4 * F::super_bytes, units, lane);
            F::load(now, at, 0, 0);
        } else if (more) {
            F::find(at, w + u1 * F::unit_step, supers + u1 / 4 * F::super_bytes, units, lane);
            F::load(next, at, 0, 0);
        }
        struct weir_scaled<F> scaled;
        struct weir_unit unit;
        uint32_t code[8];
        weir_small_unit<F>(x, u, lane, &unit);
        F::decode(now, code);
        weir_scale<F>(scaled, now);
        weir_work<F>(acc, code, scaled, unit, x.planes == 3);
        if (s1 != s) {
            if (first)
                part[(s - 1) * 32 + lane] = make_float4(acc[0], acc[1], acc[2], acc[3]);
            WEIR_UNROLL
            for (int i = 0; i < 4; i++) {
                sum[i] += acc[i];
                acc[i] = 0;
            }
        }
        if (!more)
            return;
        if (AHEAD)
            now = next;
        s = s1;
        u = u1;
    }
}

/* The same for a form that is known only now; returns its factor. */
#define WEIR_SMALL_CASE(name, F)                                                                   \
    case ENG_FORM_##F:                                                                             \
        weir_small_rows<weir_form_##name, AHEAD>(w, x, first, end, lane, sum, part);                      \
        return weir_form_##name::factor;
