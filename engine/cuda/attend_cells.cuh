/* attend_cells.cuh - which cells a block of attention goes through, and where they stand: shared by
 * the kernels on tensor cores and those on plain multiply-adds.
 */
#pragma once

#include "engine/cuda/attend.h"
#include "engine/cuda/device.cuh"

#define WEIR_NEG_INF (-__uint_as_float(0x7f800000u))

/* A block's part of the work: a tile's rows from row0 on, a key head, and two ranges of cells (of
 * places in a list, where there is one). */
struct attend_work {
    uint32_t t0, row0, rows; /* rows: of the tile */
    uint32_t head_kv, part;  /* part: the index of row 0 in the partial results */
    uint32_t seq;
    uint32_t near_lo, near_hi, far_hi; /* far ranges begin at far_lo, of a chunk */
    uint32_t far_lo;
};

/* One of the two ranges, with no index into an array: that would put it into local memory. */
struct attend_range {
    const void *k, *v;
    const int32_t *table;
    const uint32_t *pick;
    uint32_t lo, hi;
};

WEIR_DEVICE struct attend_range attend_range_of(const struct weir_attend_args &a,
                                                const struct attend_work *w, bool far)
{
    struct attend_range r;
    r.k = far ? a.far.k : a.near.k;
    r.v = far ? a.far.v : a.near.v;
    r.table = far ? a.far.table + (uint64_t)w->seq * a.far.stride
                  : a.near.table + (uint64_t)w->seq * a.near.stride;
    r.pick = far ? a.far.pick : a.near.pick;
    if (r.pick)
        r.pick += (uint64_t)w->t0 * (far ? a.far.pick_each : a.near.pick_each);
    r.lo = far ? w->far_lo : w->near_lo;
    r.hi = far ? w->far_hi : w->near_hi;
    return r;
}

/* The first cell that a token sees. */
WEIR_DEVICE uint32_t attend_first(const struct weir_attend_args &a, uint32_t t)
{
    uint32_t cell = a.cell[t];
    if (a.near.pick)
        return 0;
    if (a.window)
#if defined(WEIR_BUG_67) /* a window of one cell more */
        return cell >= a.window ? cell - a.window : 0;
#else
        return cell >= a.window ? cell - a.window + 1 : 0;
#endif
    if (a.n_chunk_pos) {
        uint32_t base = a.base[a.seq[t]];
        uint32_t start = (base + cell) / a.n_chunk_pos * a.n_chunk_pos;
        return start > base ? start - base : 0;
    }
    return 0;
}

/* One past the last near cell, and one past the last far cell. */
WEIR_DEVICE uint32_t attend_near_end(const struct weir_attend_args &a, uint32_t t)
{
    return a.near.pick ? a.near.n_pick[t] : a.cell[t] + 1;
}

WEIR_DEVICE uint32_t attend_far_end(const struct weir_attend_args &a, uint32_t t)
{
    if (!a.far.k)
        return 0;
    return a.far.pick ? a.far.n_pick[t] : (a.cell[t] + 1) / a.ratio;
}

/* Narrows a range to chunk z, counted from the chunk in which it begins. Returns how many it has.
 */
WEIR_DEVICE uint32_t attend_chunk(uint32_t *lo, uint32_t *hi, uint32_t z, uint32_t chunk)
{
    if (*hi <= *lo)
        return 0;
    uint32_t first = *lo / chunk, n = (*hi - 1) / chunk - first + 1;
    uint32_t from = (first + z) * chunk;
    if (z >= n) {
        *hi = *lo;
        return n;
    }
    *lo = *lo > from ? *lo : from;
    *hi = *hi < from + chunk ? *hi : from + chunk;
    return n;
}

/* blockIdx: x tile, y key head and block of rows, z chunk. False: nothing to do. */
WEIR_DEVICE bool attend_begin(const struct weir_attend_args &a, uint32_t rows_each,
                              struct attend_work *w)
{
    struct weir_tile tile = a.tile[blockIdx.x];
    w->t0 = tile.t0;
    w->rows = tile.n * a.group;
    w->head_kv = blockIdx.y / a.row_blocks;
    w->row0 = blockIdx.y % a.row_blocks * rows_each;
    if (w->row0 >= w->rows)
        return false;
    w->part =
        ((blockIdx.z * a.n_tile + blockIdx.x) * a.n_head_kv + w->head_kv) * a.rows_pad + w->row0;
    uint32_t past = w->row0 + rows_each < w->rows ? w->row0 + rows_each : w->rows;
    uint32_t first = tile.t0 + w->row0 / a.group, last = tile.t0 + (past - 1) / a.group;
    w->seq = a.seq[first];
    w->near_lo = attend_first(a, first);
    w->near_hi = attend_near_end(a, last);
    w->far_lo = 0;
    w->far_hi = attend_far_end(a, last);
    if (a.chunk) {
        uint32_t span = w->near_hi - w->near_lo + w->far_hi;
        uint32_t chunk = (span / a.parts + WEIR_PAGE) / WEIR_PAGE * WEIR_PAGE;
        chunk = chunk > a.chunk ? chunk : a.chunk;
        uint32_t near = attend_chunk(&w->near_lo, &w->near_hi, blockIdx.z, chunk);
        if (blockIdx.z < near)
            w->far_hi = 0;
        else
            (void)attend_chunk(&w->far_lo, &w->far_hi, blockIdx.z - near, chunk);
    }
    return true;
}

/* Tiles of kt cells that cover a range; they begin at multiples of kt. */
WEIR_DEVICE uint32_t attend_tiles(uint32_t lo, uint32_t hi, uint32_t kt)
{
    return hi > lo ? (hi - lo / kt * kt + kt - 1) / kt : 0;
}

/* Where place j of a range stands: the index of its row among all rows of a pool; -1 where it is
 * none of the range's or its page is gone. */
WEIR_DEVICE int64_t attend_row(const struct weir_attend_args &a, const struct attend_range *r,
                               uint32_t head_kv, uint32_t j)
{
    if (j < r->lo || j >= r->hi)
        return -1;
    uint32_t cell = r->pick ? r->pick[j] : j;
#if defined(WEIR_BUG_68) /* the last cell of a page looked for in the next */
    int32_t page = r->table[(cell + 1) / WEIR_PAGE];
#else
    int32_t page = r->table[cell / WEIR_PAGE];
#endif
    if (page < 0)
        return -1;
    return ((int64_t)page * a.n_head_kv + head_kv) * WEIR_PAGE + cell % WEIR_PAGE;
}

/* What a row sees: near places lo <= j < hi, far places j < far. */
struct attend_seen {
    uint32_t lo, hi, far;
};

WEIR_DEVICE struct attend_seen attend_seen_of(const struct weir_attend_args &a,
                                              const struct attend_work *w, uint32_t row)
{
    struct attend_seen s = {0, 0, 0};
    if (w->row0 + row < w->rows) {
        uint32_t t = w->t0 + (w->row0 + row) / a.group;
        s.lo = attend_first(a, t);
        s.hi = attend_near_end(a, t);
        s.far = attend_far_end(a, t);
    }
    return s;
}

/* The places that count for a row, within what the block goes through. */
WEIR_DEVICE void attend_within(const struct attend_range *r, const struct attend_seen *s, bool far,
                               uint32_t *lo, uint32_t *hi)
{
    uint32_t from = far ? 0 : s->lo, to = far ? s->far : s->hi;
    *lo = from > r->lo ? from : r->lo;
    *hi = to < r->hi ? to : r->hi;
}

WEIR_DEVICE float attend_sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* What a row's sum is multiplied by in the end, the sink counted in. */
WEIR_DEVICE float attend_factor(const float *sinks, uint32_t head, float max, float sum)
{
#if defined(WEIR_BUG_66) /* the sink forgotten */
    sinks = NULL;
#endif
    if (!sinks)
        return 1.0f / sum;
    float sink = sinks[head], top = fmaxf(sink, max);
    float less = expf(max - top);
    return less / (sum * less + expf(sink - top));
}
