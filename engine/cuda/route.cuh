/* route.cuh - what the kernels of routing and grouping share: a token's choice by a warp, and the
 * lists of pairs by a block. route.cu says how they go.
 */
#pragma once

#include "engine/cuda/reduce.cuh"
#include "engine/cuda/route.h"

#define GATE_SOFTMAX          1u
#define GATE_SIGMOID          2u
#define GATE_SOFTMAX_SELECTED 3u
#define GATE_SQRT_SOFTPLUS    4u

WEIR_DEVICE float lowest_if_nan(float v)
{
    return v == v ? v : -INFINITY;
}

/* The index of the largest score[i] not yet taken; ties: the lower. A warp calls. */
WEIR_DEVICE uint32_t best_left(const float *score, const uint32_t *taken, uint32_t n)
{
    float best = -INFINITY;
    uint32_t at = 0xffffffffu;
    for (uint32_t i = threadIdx.x % WEIR_LANES; i < n; i += WEIR_LANES) {
        bool left = !(taken[i / 32] >> i % 32 & 1);
        if (left && (at == 0xffffffffu || score[i] > best)) {
            best = score[i];
            at = i;
        }
    }
    for (int step = 16; step > 0; step /= 2) {
        float other = __shfl_xor_sync(WEIR_ALL_LANES, best, step);
        uint32_t from = __shfl_xor_sync(WEIR_ALL_LANES, at, step);
        bool theirs = from != 0xffffffffu &&
                      (at == 0xffffffffu || other > best || (other == best && from < at));
        best = theirs ? other : best;
        at = theirs ? from : at;
    }
    return at;
}

/* v[n] = softmax(v). A warp calls. */
WEIR_DEVICE void softmax(float *v, uint32_t n)
{
    uint32_t lane = threadIdx.x % WEIR_LANES;
    float max = -INFINITY, sum = 0;
    for (uint32_t i = lane; i < n; i += WEIR_LANES)
        max = fmaxf(max, v[i]);
    max = weir_warp_max(max);
    for (uint32_t i = lane; i < n; i += WEIR_LANES) {
        v[i] = expf(v[i] - max);
        sum += v[i];
    }
    float inv = 1.0f / weir_warp_sum(sum);
    for (uint32_t i = lane; i < n; i += WEIR_LANES)
        v[i] *= inv;
    __syncwarp(WEIR_ALL_LANES);
}

/* probs[e]: what a router's logits say of each expert alone. */
WEIR_DEVICE void probabilities(const struct weir_route_args *a, uint32_t t, float *probs)
{
    const float *logits = a->logits + (uint64_t)t * a->n_expert;
    for (uint32_t e = threadIdx.x % WEIR_LANES; e < a->n_expert; e += WEIR_LANES) {
        float l = logits[e];
        if (a->gating == GATE_SIGMOID)
            l = 1.0f / (1.0f + expf(-l));
        else if (a->gating == GATE_SQRT_SOFTPLUS)
            l = sqrtf(l > 20 ? l : log1pf(expf(l)));
        probs[e] = l;
    }
    __syncwarp(WEIR_ALL_LANES);
    if (a->gating == GATE_SOFTMAX)
        softmax(probs, a->n_expert);
}

/* Leaves the n_group_used groups with the largest sums of their two best scores. */
WEIR_DEVICE void limit_groups(const struct weir_route_args *a, float *select, float *best,
                              uint32_t *taken)
{
    uint32_t size = a->n_expert / a->n_group, lane = threadIdx.x % WEIR_LANES;
    for (uint32_t g = lane; g < a->n_group; g += WEIR_LANES) {
        float one = -INFINITY, two = -INFINITY;
        for (uint32_t e = g * size; e < (g + 1) * size; e++) {
            if (select[e] > one) {
                two = one;
                one = select[e];
            } else if (select[e] > two) {
                two = select[e];
            }
        }
        best[g] = lowest_if_nan(size > 1 ? one + two : one);
    }
    for (uint32_t i = lane; i < (a->n_group + 31) / 32; i += WEIR_LANES)
        taken[i] = 0;
    __syncwarp(WEIR_ALL_LANES);
    for (uint32_t k = 0; k < a->n_group_used; k++) {
        uint32_t g = best_left(best, taken, a->n_group);
        __syncwarp(WEIR_ALL_LANES);
        if (lane == 0)
            taken[g / 32] |= 1u << g % 32;
        __syncwarp(WEIR_ALL_LANES);
    }
    for (uint32_t e = lane; e < a->n_expert; e += WEIR_LANES)
        if (!(taken[e / size / 32] >> e / size % 32 & 1))
            select[e] = -INFINITY;
    __syncwarp(WEIR_ALL_LANES);
}

WEIR_DEVICE void choose(const struct weir_route_args *a, const float *probs, float *select,
                        float *best, uint32_t *taken, uint32_t *ids)
{
    uint32_t lane = threadIdx.x % WEIR_LANES;
    for (uint32_t e = lane; e < a->n_expert; e += WEIR_LANES)
        select[e] = lowest_if_nan(probs[e] + (a->bias ? a->bias[e] : 0.0f));
    __syncwarp(WEIR_ALL_LANES);
    if (a->n_group > 1)
        limit_groups(a, select, best, taken);
    for (uint32_t i = lane; i < (a->n_expert + 31) / 32; i += WEIR_LANES)
        taken[i] = 0;
    __syncwarp(WEIR_ALL_LANES);
    for (uint32_t k = 0; k < a->n_used; k++) {
        uint32_t e = best_left(select, taken, a->n_expert);
        __syncwarp(WEIR_ALL_LANES);
        if (lane == 0) {
            taken[e / 32] |= 1u << e % 32;
            ids[k] = e;
        }
        __syncwarp(WEIR_ALL_LANES);
    }
}

/* weights[k] of ids[k]; one lane alone: n_used is small, and the order is the CPU's. */
WEIR_DEVICE void weigh(const struct weir_route_args *a, const float *probs, const uint32_t *ids,
                       float *weights)
{
    float max = -INFINITY, sum = 0, f = 1;
    for (uint32_t k = 0; k < a->n_used; k++)
        max = fmaxf(max, probs[ids[k]]);
    for (uint32_t k = 0; k < a->n_used; k++) {
        float w = probs[ids[k]];
        w = a->gating == GATE_SOFTMAX_SELECTED ? expf(w - max) : w;
        weights[k] = w;
        sum += w;
    }
    if (a->gating == GATE_SOFTMAX_SELECTED) {
        f = 1.0f / sum;
        sum = 1;
    }
    if (a->normalise)
        f /= fmaxf(sum, 6.103515625e-5f);
    if (a->scale != 0)
        f *= a->scale;
    for (uint32_t k = 0; k < a->n_used; k++)
        weights[k] *= f;
}

/* Token t by one warp. room: 2 n_expert + n_group + n_expert / 32 floats of its own. */
WEIR_DEVICE void route_token(const struct weir_route_args *a, uint32_t t, float *room)
{
    float *probs = room, *select = probs + a->n_expert, *best = select + a->n_expert;
    uint32_t *taken = (uint32_t *)(best + a->n_group), *ids = a->ids + (uint64_t)t * a->n_used;
    probabilities(a, t, probs);
    if (a->given) {
        const int32_t *given = a->given + (int64_t)a->token[t] * a->n_used;
        for (uint32_t k = threadIdx.x % WEIR_LANES; k < a->n_used; k += WEIR_LANES)
            ids[k] = (uint32_t)given[k];
    } else {
        choose(a, probs, select, best, taken, ids);
    }
    __syncwarp(WEIR_ALL_LANES);
    if (threadIdx.x % WEIR_LANES == 0)
        weigh(a, probs, ids, a->weights + (uint64_t)t * a->n_used);
    __syncwarp(WEIR_ALL_LANES);
}

WEIR_DEVICE uint32_t room_each(const struct weir_route_args *a)
{
    return 2 * a->n_expert + a->n_group + (a->n_expert + 31) / 32;
}

/* The sum of x over the lanes up to this one. */
WEIR_DEVICE uint32_t up_to_here(uint32_t x)
{
    uint32_t lane = threadIdx.x % WEIR_LANES;
    for (uint32_t step = 1; step < WEIR_LANES; step *= 2) {
        uint32_t before = __shfl_up_sync(WEIR_ALL_LANES, x, step);
        x += lane >= step ? before : 0;
    }
    return x;
}

/* Writes first[e] and lists what has pairs; count[e] is in shared memory and becomes first[e]. A
 * warp. */
WEIR_DEVICE void add_up(const struct weir_group_args *a, uint32_t *count)
{
    uint32_t total = 0, active = 0, tiles = 0, lane = threadIdx.x % WEIR_LANES;
    for (uint32_t e0 = 0; e0 < a->n_expert; e0 += WEIR_LANES) {
        uint32_t e = e0 + lane, n = e < a->n_expert ? count[e] : 0;
        uint32_t mine = (n + a->rows - 1) / a->rows;
        uint32_t end = total + up_to_here(n), tiles_end = tiles + up_to_here(mine);
        uint32_t who = __ballot_sync(WEIR_ALL_LANES, n != 0), first = end - n;
        if (e < a->n_expert)
            a->first[e] = count[e] = first;
        if (n)
            a->active[active + (uint32_t)__popc(who & ((1u << lane) - 1))] = e;
        for (uint32_t k = 0; a->tile_expert && k < mine; k++) {
            a->tile_expert[tiles_end - mine + k] = e;
            a->tile_first[tiles_end - mine + k] = first + k * a->rows;
        }
        active += (uint32_t)__popc(who);
        total = __shfl_sync(WEIR_ALL_LANES, end, 31);
        tiles = __shfl_sync(WEIR_ALL_LANES, tiles_end, 31);
    }
    if (lane == 0) {
        a->first[a->n_expert] = total;
        *a->n_active = active;
        if (a->tile_expert)
            *a->n_tiles = tiles;
    }
}

/* The pairs of expert e, in the order of slots, from first[e] on. A warp calls. */
WEIR_DEVICE void place(const struct weir_group_args *a, uint32_t e)
{
    uint32_t n_pairs = a->n * a->n_used, lane = threadIdx.x % WEIR_LANES, at = a->first[e];
    uint32_t end = a->first[e + 1];
    for (uint32_t i0 = 0; i0 < n_pairs && at < end; i0 += WEIR_LANES) {
        uint32_t i = i0 + lane;
        bool mine = i < n_pairs && a->ids[i] == e;
        uint32_t who = __ballot_sync(WEIR_ALL_LANES, mine);
        if (mine) {
            uint32_t pair = at + (uint32_t)__popc(who & ((1u << lane) - 1));
            a->pair_of[i] = pair;
            a->pair_row[pair] = i / a->n_used;
            if (a->pair_weight)
                a->pair_weight[pair] = a->weights[i];
        }
        at += (uint32_t)__popc(who);
    }
}

/* Places pair i by counting those of its expert before it: for few pairs, a thread each. first[e]
 * is in shared memory. */
WEIR_DEVICE void place_few(const struct weir_group_args *a, const uint32_t *first)
{
    for (uint32_t i = threadIdx.x; i < a->n * a->n_used; i += blockDim.x) {
        uint32_t e = a->ids[i], pair = first[e];
        WEIR_NO_UNROLL
        for (uint32_t k = 0; k < i; k++)
            pair += a->ids[k] == e;
        a->pair_of[i] = pair;
        a->pair_row[pair] = i / a->n_used;
        if (a->pair_weight)
            a->pair_weight[pair] = a->weights[i];
    }
}

/* count: WEIR_EXPERTS_MAX words of shared memory. The whole block. */
WEIR_DEVICE void group_pairs(const struct weir_group_args *a, uint32_t *count, bool few)
{
    for (uint32_t e = threadIdx.x; e < a->n_expert; e += blockDim.x)
        count[e] = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < a->n * a->n_used; i += blockDim.x)
        atomicAdd(&count[a->ids[i]], 1u);
    __syncthreads();
    for (uint32_t e = threadIdx.x; a->choices && e < a->n_expert; e += blockDim.x)
        a->choices[e] += count[e];
    __syncthreads();
    if (threadIdx.x < WEIR_LANES)
        add_up(a, count);
    __syncthreads();
    if (few) {
        place_few(a, count);
        return;
    }
    for (uint32_t i = threadIdx.x / WEIR_LANES; i < *a->n_active; i += blockDim.x / WEIR_LANES)
        place(a, a->active[i]);
}
