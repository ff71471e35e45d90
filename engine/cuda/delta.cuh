/* delta.cuh - what delta.cu and delta_chunk.cu share: gates, and where the chunks' scratch is.
 */
#pragma once

#include "engine/cuda/delta.h"
#include "engine/cuda/device.cuh"

/* The logarithm of a state's decay at token t, and how much of its value the state takes. */
WEIR_DEVICE float2 delta_log_gates(const struct weir_delta_args &a, uint32_t t, uint32_t h)
{
    float b, x;
    if (a.gate_each) {
        const float *g = a.beta + (uint64_t)t * 2 * a.n_value + h / a.gate_each * 2 * a.gate_each;
        b = g[h % a.gate_each];
        x = g[a.gate_each + h % a.gate_each];
    } else {
        b = a.beta[(uint64_t)t * a.n_value + h];
        x = a.alpha[(uint64_t)t * a.n_value + h];
    }
    x += a.dt[h];
    x = x > 20.0f ? x : log1pf(expf(x));
    return make_float2(a.decay[h] * x, 1.0f / (1.0f + expf(-b)));
}

/* Of a chunk and key head: keys and queries [C][dp / 2], keys turned round [dp][C / 2]: two values
 * in two planes each (x: rounded, y: what that left). dp: dk filled up to a multiple of 16. */
struct weir_delta_key {
    uint2 *k, *q, *turned;
};

/* Of a chunk and value head: T and P [C][C / 2] likewise; of each token G, beta, G of the last over
 * its own. */
struct weir_delta_head {
    uint2 *t, *p;
    float4 *gates;
};

WEIR_DEVICE struct weir_delta_key weir_delta_key_at(const struct weir_delta_args &a, uint32_t chunk,
                                                    uint32_t key)
{
    uint64_t part = (uint64_t)((a.dk + 15) / 16 * 16) * (WEIR_DELTA_CHUNK / 2);
    struct weir_delta_key s;
    s.k = static_cast<uint2 *>(a.scratch) + ((uint64_t)chunk * a.n_key + key) * 3 * part;
    s.q = s.k + part;
    s.turned = s.q + part;
    return s;
}

WEIR_DEVICE struct weir_delta_head weir_delta_head_at(const struct weir_delta_args &a,
                                                      uint32_t chunk, uint32_t h)
{
    const uint64_t pairs = WEIR_DELTA_CHUNK * WEIR_DELTA_CHUNK / 2;
    uint64_t part = (uint64_t)((a.dk + 15) / 16 * 16) * (WEIR_DELTA_CHUNK / 2);
    struct weir_delta_head s;
    s.t = static_cast<uint2 *>(a.scratch) + (uint64_t)a.n_chunk * a.n_key * 3 * part +
          ((uint64_t)chunk * a.n_value + h) * (2 * pairs + 2 * WEIR_DELTA_CHUNK);
    s.p = s.t + pairs;
    s.gates = reinterpret_cast<float4 *>(s.p + pairs);
    return s;
}
