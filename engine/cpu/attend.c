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

/* Block b of 16 keys. */
INLINE const float *key_block(const struct eng_cpu_keys *x, uint32_t n_dim, uint32_t b)
{
    uint32_t each = ENG_PAGE / L;
    return x->k + (size_t)x->pages[b / each] * x->k_page + (size_t)(b % each) * n_dim * L;
}

INLINE const float *value_row(const struct eng_cpu_keys *x, uint32_t n_vdim, uint32_t j)
{
    return x->v + (size_t)x->pages[j / ENG_PAGE] * x->v_page + (size_t)(j % ENG_PAGE) * n_vdim;
}

/* Scaled dot products with the keys of whole blocks around j0..j1; those outside become -INF. */
INLINE float score(const struct eng_query *a, uint32_t first, uint32_t blocks)
{
    float max = a->sink ? *a->sink : -INFINITY;
    for (uint32_t b = 0; b < blocks; b++) {
        const float *k = key_block(&a->keys, a->n_dim, first + b);
        lanes s = {0};
        float *p = a->scores + (size_t)b * L;
        for (uint32_t i = 0; i < a->n_dim; i++)
            s += a->q[i] * *(const lanes *)(k + (size_t)i * L);
        *(lanes *)p = s * a->scale;
        for (uint32_t lane = 0; lane < L; lane++) {
            uint32_t j = (first + b) * L + lane;
            if (j < a->keys.j0 || j >= a->keys.j1)
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
        for (uint32_t j = j0; j < j1;) {                                                           \
            const float *v = value_row(&a->keys, a->n_vdim, j) + at;                               \
            for (uint32_t end = eng_page_end(j, j1); j < end; j++, v += a->n_vdim) {               \
                float w = p[j - from];                                                             \
                for (int c = 0; c < (n); c++)                                                      \
                    s[c] += w * *(const lanes *)(v + c * L);                                       \
            }                                                                                      \
        }                                                                                          \
        for (int c = 0; c < (n); c++)                                                              \
            *(lanes *)(a->out + at + c * L) = s[c] * inv;                                          \
        at += (n)*L;                                                                               \
    } while (0)

INLINE void attend(const struct eng_query *a)
{
    uint32_t j0 = a->keys.j0, j1 = a->keys.j1;
    uint32_t first = j0 / L, blocks = (j1 + L - 1) / L - first, at = 0;
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
        for (uint32_t j = j0; j < j1; j++)
            s += p[j - from] * value_row(&a->keys, a->n_vdim, j)[at];
        a->out[at] = s * inv;
    }
}

/* ---- some keys only ---- */

/* The keys of a query with bits: scores, after softmax weights, and where their values stand, side
 * by side. */
struct some {
    float *p;
    uint32_t *key; /* of the second kind: FAR added */
    uint32_t n;
    float max, inv;
};
#define FAR (1u << 31)

/* Scores of the blocks in which a key counts, one behind another; n: keys, whole blocks. */
INLINE void score_some(const struct eng_query *a, const struct eng_cpu_keys *keys, uint32_t far,
                       struct some *x)
{
    for (uint32_t b = keys->j0 / L; b * L < keys->j1; b++) {
        uint32_t bits = keys->bits[b / 2] >> (b % 2 * L) & 0xffff;
        float *p = x->p + x->n;
        if (!bits)
            continue;
        const float *k = key_block(keys, a->n_dim, b);
        lanes s = {0};
        for (uint32_t i = 0; i < a->n_dim; i++)
            s += a->q[i] * *(const lanes *)(k + (size_t)i * L);
        *(lanes *)p = s * a->scale;
        for (uint32_t lane = 0; lane < L; lane++) {
            x->key[x->n + lane] = far | (b * L + lane);
            if (!(bits >> lane & 1))
                p[lane] = -INFINITY;
            else if (p[lane] > x->max)
                x->max = p[lane];
        }
        x->n += L;
    }
}

/* Softmax, and only the keys that count: those of weight 0 add nothing. */
INLINE void weigh_some(const struct eng_query *a, struct some *x)
{
    lanes sums = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n; i += L) {
        exp_block(x->p + i, x->max);
        sums += *(const lanes *)(x->p + i);
    }
    float sum = a->sink ? expf(*a->sink - x->max) : 0;
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

INLINE const float *some_value(const struct eng_query *a, uint32_t key)
{
    return key & FAR ? value_row(&a->more, a->n_vdim, key & ~FAR)
                     : value_row(&a->keys, a->n_vdim, key);
}

INLINE void attend_some(const struct eng_query *a)
{
    uint32_t room = (a->keys.j1 + L - 1) / L * L + (a->more.j1 + L - 1) / L * L, at = 0;
    struct some x = {.p = a->scores,
                     .key = (uint32_t *)(void *)(a->scores + room),
                     .max = a->sink ? *a->sink : -INFINITY};
    score_some(a, &a->keys, 0, &x);
    score_some(a, &a->more, FAR, &x);
    weigh_some(a, &x);
    for (; at + L <= a->n_vdim; at += L) {
        lanes s = {0};
        for (uint32_t j = 0; j < x.n; j++)
            s += x.p[j] * *(const lanes *)(some_value(a, x.key[j]) + at);
        *(lanes *)(a->out + at) = s * x.inv;
    }
    for (; at < a->n_vdim; at++) {
        float s = 0;
        for (uint32_t j = 0; j < x.n; j++)
            s += x.p[j] * some_value(a, x.key[j])[at];
        a->out[at] = s * x.inv;
    }
}

ENG_VERSIONS(static, attend_all_keys, attend, const struct eng_query)
ENG_VERSIONS(static, attend_some_keys, attend_some, const struct eng_query)

void eng_attend_query(const struct eng_query *a)
{
    if (a->keys.bits)
        attend_some_keys(a);
    else
        attend_all_keys(a);
}
