/* attend.c - attention of one query where the blocked kernels (cpu/ops.h) do not fit: windows
 * that begin behind the first key, sinks, values narrower than keys, keys that an indexer picked.
 *
 * A pure function; any thread, on its own output. One plain C body over vectors of 16 lanes, the
 * width of a block of keys, compiled for several instruction sets; both devices use it.
 *
 * A sink is one more logit of the softmax whose value is zero: with s the sink and m the maximum
 * of it and all others, p_j = exp(l_j - m) / (exp(s - m) + sum_i exp(l_i - m)).
 */
#include "engine/cpu/table.h"
#include "engine/lanes.h"

#include <math.h>
#include <string.h>

/* p[lane] = exp(p[lane] - max), to about 2^-22: 2^n times a polynomial on +-ln(2)/2. */
INLINE void exp_block(float *p, float max)
{
    lanes x = *(lanes *)p - max;
    ints low = x < -87.0f;
    x = (lanes)((~low & (ints)x) | (low & (ints)((lanes){0} - 87.0f)));
    lanes n = x * 1.44269504f - 0.5f; /* x <= 0: conversion towards zero rounds to nearest */
    ints ni = __builtin_convertvector(n, ints);
    n = __builtin_convertvector(ni, lanes);
    lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
    lanes e = r * 1.3981999507e-3f + 8.3334519073e-3f;
    e = e * r + 4.1665795894e-2f;
    e = e * r + 1.6666665459e-1f;
    e = e * r + 5.0000001201e-1f;
    e = e * r * r + r + 1.0f;
    *(lanes *)p = (lanes)((~low & (ints)(e * (lanes)((ni + 127) << 23))));
}

/* Scaled dot products with the keys of whole blocks around j0..j1; those outside become -INF. */
INLINE float score(const struct eng_query *a, uint32_t first, uint32_t blocks)
{
    float max = a->sink ? *a->sink : -INFINITY;
    for (uint32_t b = 0; b < blocks; b++) {
        const float *k = a->k + (size_t)(first + b) * a->n_dim * L;
        lanes s = {0};
        float *p = a->scores + (size_t)b * L;
        for (uint32_t i = 0; i < a->n_dim; i++)
            s += a->q[i] * *(const lanes *)(k + (size_t)i * L);
        *(lanes *)p = s * a->scale;
        for (uint32_t lane = 0; lane < L; lane++) {
            uint32_t j = (first + b) * L + lane;
            if (j < a->j0 || j >= a->j1)
                p[lane] = -INFINITY;
            else if (p[lane] > max)
                max = p[lane];
        }
    }
    return max;
}

/* out[at..at + n * L) = sum_j p[j] v[j] / sum */
#define WEIGH(n)                                                                                   \
    do {                                                                                           \
        lanes s[n];                                                                                \
        memset(s, 0, sizeof(s));                                                                   \
        for (uint32_t j = a->j0; j < a->j1; j++) {                                                 \
            const float *v = a->v + (size_t)j * a->n_vdim + at;                                    \
            float w = p[j - from];                                                                 \
            for (int c = 0; c < (n); c++)                                                          \
                s[c] += w * *(const lanes *)(v + c * L);                                           \
        }                                                                                          \
        for (int c = 0; c < (n); c++)                                                              \
            *(lanes *)(a->out + at + c * L) = s[c] * inv;                                          \
        at += (n)*L;                                                                               \
    } while (0)

INLINE void attend(const struct eng_query *a)
{
    uint32_t first = a->j0 / L, blocks = (a->j1 + L - 1) / L - first, at = 0;
    float max = score(a, first, blocks);
    lanes sums = {0};
    for (uint32_t b = 0; b < blocks; b++) {
        exp_block(a->scores + (size_t)b * L, max);
        sums += *(const lanes *)(a->scores + (size_t)b * L);
    }
    float sum = a->sink ? expf(*a->sink - max) : 0;
    for (uint32_t lane = 0; lane < L; lane++)
        sum += sums[lane];
    float inv = 1 / sum;
    const float *p = a->scores;
    uint32_t from = first * L;
    while (at + 4 * L <= a->n_vdim)
        WEIGH(4);
    while (at + L <= a->n_vdim)
        WEIGH(1);
    for (; at < a->n_vdim; at++) {
        float s = 0;
        for (uint32_t j = a->j0; j < a->j1; j++)
            s += p[j - from] * a->v[(size_t)j * a->n_vdim + at];
        a->out[at] = s * inv;
    }
}

/* ---- some keys only ---- */

/* The keys of a query with bits: scores, after softmax weights, and their indexes, side by side. */
struct some {
    float *p;
    uint32_t *key;
    uint32_t n;
    float inv;
};

/* Scores of the blocks in which a key counts, one behind another; n: keys, whole blocks. */
INLINE float score_some(const struct eng_query *a, struct some *x)
{
    float max = a->sink ? *a->sink : -INFINITY;
    for (uint32_t b = a->j0 / L; b * L < a->j1; b++) {
        if (b * L == a->gap0 && a->gap1 > a->gap0)
            b = a->gap1 / L;
        if (b * L >= a->j1)
            break;
        uint32_t bits = a->bits[b / 2] >> (b % 2 * L) & 0xffff;
        float *p = x->p + x->n;
        if (!bits)
            continue;
        const float *k = a->k + (size_t)b * a->n_dim * L;
        lanes s = {0};
        for (uint32_t i = 0; i < a->n_dim; i++)
            s += a->q[i] * *(const lanes *)(k + (size_t)i * L);
        *(lanes *)p = s * a->scale;
        for (uint32_t lane = 0; lane < L; lane++) {
            x->key[x->n + lane] = b * L + lane;
            if (!(bits >> lane & 1))
                p[lane] = -INFINITY;
            else if (p[lane] > max)
                max = p[lane];
        }
        x->n += L;
    }
    return max;
}

/* Softmax, and only the keys that count: those of weight 0 add nothing. */
INLINE void weigh_some(const struct eng_query *a, struct some *x, float max)
{
    lanes sums = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n; i += L) {
        exp_block(x->p + i, max);
        sums += *(const lanes *)(x->p + i);
    }
    float sum = a->sink ? expf(*a->sink - max) : 0;
    for (uint32_t lane = 0; lane < L; lane++)
        sum += sums[lane];
    x->inv = 1 / sum;
    for (uint32_t i = 0; i < x->n; i++)
        if (x->p[i] != 0) {
            x->p[n] = x->p[i];
            x->key[n++] = x->key[i];
        }
    x->n = n;
}

INLINE void attend_some(const struct eng_query *a)
{
    uint32_t room = (a->j1 + L - 1) / L * L, at = 0;
    struct some x = {.p = a->scores, .key = (uint32_t *)(void *)(a->scores + room)};
    float max = score_some(a, &x);
    weigh_some(a, &x, max);
    for (; at + L <= a->n_vdim; at += L) {
        lanes s = {0};
        for (uint32_t j = 0; j < x.n; j++)
            s += x.p[j] * *(const lanes *)(a->v + (size_t)x.key[j] * a->n_vdim + at);
        *(lanes *)(a->out + at) = s * x.inv;
    }
    for (; at < a->n_vdim; at++) {
        float s = 0;
        for (uint32_t j = 0; j < x.n; j++)
            s += x.p[j] * a->v[(size_t)x.key[j] * a->n_vdim + at];
        a->out[at] = s * x.inv;
    }
}

ENG_VERSIONS(static, attend_all_keys, attend, const struct eng_query)
ENG_VERSIONS(static, attend_some_keys, attend_some, const struct eng_query)

void eng_attend_query(const struct eng_query *a)
{
    if (a->bits)
        attend_some_keys(a);
    else
        attend_all_keys(a);
}
