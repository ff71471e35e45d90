/* delta.cu - gated DeltaNet: convolution, the states' steps token by token (of prompts in chunks:
 * delta_chunk.cu), gated norm.
 *
 * The convolution reads the run's own inputs, and the state only for what came before the run: so
 * all tokens go at once. The steps of a head run in order: a block holds WEIR_DELTA_COLUMNS columns
 * of one head's state in registers through a whole run, for no column depends on another. Eight
 * lanes have a column each and four such groups share its rows; sums meet by shuffles. Further
 * blocks of the same launch move the convolution's inputs into the state, which by then nobody
 * reads.
 */
#include "engine/cuda/delta.cuh"

#define THREADS 128

/* What the convolution sees of channel c, `back` tokens before entry e of a run from `entry` on. */
WEIR_DEVICE float delta_input(const struct weir_delta_args &a, uint32_t entry, uint32_t e,
                              uint32_t back, uint32_t c)
{
    if (e - entry >= back)
        return a.x[(uint64_t)a.order.token[e - back] * a.channels + c];
    uint32_t first = a.order.token[entry], keep = a.conv - 1;
    if (a.cell[first] == 0)
        return 0;
    const float *state = a.states.at + (uint64_t)a.states.slot[first] * a.states.each;
    return state[(uint64_t)c * keep + keep - (back - (e - entry))];
}

WEIR_DEVICE float delta_silu(float x)
{
    return x / (1.0f + expf(-x));
}

/* blockIdx: x entry; y a head of queries or keys, then THREADS channels of values each. */
WEIR_KERNEL(weir_delta_conv, struct weir_delta_args, THREADS)
{
    WEIR_SHARED(float, part, THREADS / 32);
    uint32_t e = blockIdx.x, entry = a.order.first[a.order.run[e]], t = a.order.token[e];
    bool unit = blockIdx.y < 2 * a.n_key;
    uint32_t from =
        unit ? blockIdx.y * a.dk : 2 * a.n_key * a.dk + (blockIdx.y - 2 * a.n_key) * THREADS;
    uint32_t past = from + (unit ? a.dk : THREADS);
    past = past < a.channels ? past : a.channels;
    float *u = a.u + (uint64_t)t * a.channels, sum = 0;
    for (uint32_t c = from + threadIdx.x; c < past; c += THREADS) {
        const float *w = a.conv_w + (uint64_t)c * a.conv;
        float x = a.x[(uint64_t)t * a.channels + c] * w[a.conv - 1];
        for (uint32_t j = 0; j + 1 < a.conv; j++)
            x += delta_input(a, entry, e, a.conv - 1 - j, c) * w[j];
        x = delta_silu(x);
        u[c] = x;
        sum += x * x;
    }
    if (!unit)
        return;
    sum = weir_warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < THREADS / 32; i++)
        sum += part[i];
    float scale = 1.0f / fmaxf(sqrtf(sum), a.eps);
    for (uint32_t c = from + threadIdx.x; c < past; c += THREADS)
        u[c] *= scale;
}

/* The convolution's part of the states behind a run: channel c. */
WEIR_DEVICE void delta_keep(const struct weir_delta_args &a, uint32_t run, uint32_t c)
{
    uint32_t entry = a.order.first[run], past = a.order.first[run + 1], keep = a.conv - 1;
    float *live = a.states.at + (uint64_t)c * keep;
    for (uint32_t e = entry; e < past; e++) {
        uint32_t mark = a.states.mark[a.order.token[e]];
        float *copy = live + (uint64_t)mark * a.states.each;
        for (uint32_t j = 0; mark != WEIR_NO_MARK && j < keep; j++)
            copy[j] = delta_input(a, entry, e, keep - 1 - j, c);
    }
    live += (uint64_t)a.states.slot[a.order.token[entry]] * a.states.each;
    for (uint32_t j = 0; j < keep; j++) /* reads ahead of what it has written */
        live[j] = delta_input(a, entry, past - 1, keep - 1 - j, c);
}

/* How a state decays, and how much of a token's value it takes. */
WEIR_DEVICE float2 delta_gates(const struct weir_delta_args &a, uint32_t t, uint32_t h)
{
    float2 g = delta_log_gates(a, t, h);
    return make_float2(expf(g.x), g.y);
}

/* A token's key and query of a head to shared memory: row i at i / R * (R + 4) + i % R. */
template <int R>
WEIR_DEVICE void delta_stage(const struct weir_delta_args &a, uint32_t t, uint32_t key, float *to)
{
    const float *q = a.u + (uint64_t)t * a.channels + (uint64_t)key * a.dk;
    const float *k = q + (uint64_t)a.n_key * a.dk;
    for (uint32_t i = threadIdx.x; i < a.dk; i += THREADS) {
        uint32_t at = i / R * (R + 4) + i % R;
        to[at] = k[i];
        to[4 * (R + 4) + at] = q[i];
    }
}

/* Sum over the four lanes that share a column. */
WEIR_DEVICE float delta_sum(float x)
{
    x += __shfl_xor_sync(0xffffffffu, x, 8);
    return x + __shfl_xor_sync(0xffffffffu, x, 16);
}

/* One token: the thread's rows of its column; returns what the column gives. */
template <int R>
WEIR_DEVICE float delta_token(float s[R], const float *k, const float *q, float decay, float beta,
                              float v)
{
    float d = 0, o = 0;
    WEIR_UNROLL
    for (int i = 0; i < R; i += 4) {
        float4 x = *reinterpret_cast<const float4 *>(k + i);
        s[i] *= decay;
        s[i + 1] *= decay;
        s[i + 2] *= decay;
        s[i + 3] *= decay;
        d += x.x * s[i] + x.y * s[i + 1] + x.z * s[i + 2] + x.w * s[i + 3];
    }
    d = beta * (v - delta_sum(d));
    WEIR_UNROLL
    for (int i = 0; i < R; i += 4) {
        float4 x = *reinterpret_cast<const float4 *>(k + i);
        float4 y = *reinterpret_cast<const float4 *>(q + i);
        s[i] += x.x * d;
        s[i + 1] += x.y * d;
        s[i + 2] += x.z * d;
        s[i + 3] += x.w * d;
        o += y.x * s[i] + y.y * s[i + 1] + y.z * s[i + 2] + y.w * s[i + 3];
    }
    return delta_sum(o);
}

template <int R>
WEIR_DEVICE void delta_copy(const float s[R], float *to, uint32_t row0, uint32_t dk, uint32_t dv)
{
    to += (uint64_t)row0 * dv;
    WEIR_UNROLL
    for (int i = 0; i < R; i++, to += dv)
        if (row0 + i < dk)
            *to = s[i];
}

/* The columns of blockIdx.y of head h through a run. */
template <int R>
WEIR_DEVICE void delta_head(const struct weir_delta_args &a, uint32_t run, uint32_t h)
{
    WEIR_SHARED(float, kq, 2 * 2 * 4 * (R + 4));
    uint32_t lane = threadIdx.x % 32, part = lane / 8;
    uint32_t col = blockIdx.y * WEIR_DELTA_COLUMNS + threadIdx.x / 32 * 8 + lane % 8;
    uint32_t entry = a.order.first[run], past = a.order.first[run + 1];
    uint32_t first = a.order.token[entry];
    uint32_t key = a.tiled ? h % a.n_key : h / (a.n_value / a.n_key);
    float *slots =
        a.states.at + (uint64_t)a.channels * (a.conv - 1) + (uint64_t)h * a.dk * a.dv + col;
    float *live = slots + (uint64_t)a.states.slot[first] * a.states.each;
    bool there = col < a.dv, fresh = a.cell[first] == 0;
    float s[R], scale = 1.0f / sqrtf((float)a.dk);
    const float *from = live + (uint64_t)(part * R) * a.dv;
    WEIR_UNROLL
    for (int i = 0; i < R; i++, from += a.dv)
        s[i] = there && !fresh && part * R + i < a.dk ? *from : 0;
    for (uint32_t i = threadIdx.x; i < 2 * 2 * 4 * (R + 4); i += THREADS)
        kq[i] = 0;
    __syncthreads();
    delta_stage<R>(a, first, key, kq);
    WEIR_NO_UNROLL
    for (uint32_t e = entry; e < past; e++) {
        const float *k = kq + (e - entry) % 2 * 8 * (R + 4) + part * (R + 4);
        uint32_t t = a.order.token[e], mark = a.states.mark[t];
#if !defined(WEIR_BUG_65) /* a token's key used before it has come */
        __syncthreads();
#endif
        if (e + 1 < past)
            delta_stage<R>(a, a.order.token[e + 1], key, kq + (e + 1 - entry) % 2 * 8 * (R + 4));
        float2 g = delta_gates(a, t, h);
        float v = 0;
        if (there)
            v = a.u[(uint64_t)t * a.channels + 2 * a.n_key * a.dk + (uint64_t)h * a.dv + col];
        float o = delta_token<R>(s, k, k + 4 * (R + 4), g.x, g.y, v);
        if (there && part == 0)
            a.out[((uint64_t)t * a.n_value + h) * a.dv + col] = o * scale;
        if (there && mark != WEIR_NO_MARK)
            delta_copy<R>(s, slots + (uint64_t)mark * a.states.each, part * R, a.dk, a.dv);
    }
    if (there)
        delta_copy<R>(s, live, part * R, a.dk, a.dv);
}

/* blockIdx: x head, then channels; y columns of a head; z run. */
template <int R> WEIR_DEVICE void delta_step(const struct weir_delta_args &a)
{
    if (blockIdx.x < a.n_value) {
        if (!a.n_long || !a.chunked[blockIdx.z]) /* else: delta_chunk.cu */
            delta_head<R>(a, blockIdx.z, blockIdx.x);
        return;
    }
    uint32_t block = (blockIdx.x - a.n_value) * gridDim.y + blockIdx.y;
    uint32_t c = block * THREADS + threadIdx.x;
    if (c < a.channels)
        delta_keep(a, blockIdx.z, c);
}

WEIR_KERNEL(weir_delta_step_128, struct weir_delta_args, THREADS)
{
    delta_step<32>(a);
}

WEIR_KERNEL(weir_delta_step_256, struct weir_delta_args, THREADS)
{
    delta_step<64>(a);
}

WEIR_KERNEL(weir_delta_step_512, struct weir_delta_args, THREADS)
{
    delta_step<128>(a);
}

/* A warp a head. blockIdx: x token, y heads. */
WEIR_KERNEL(weir_delta_gate, struct weir_delta_gate_args, THREADS)
{
    uint32_t lane = threadIdx.x % 32, head = blockIdx.y * (THREADS / 32) + threadIdx.x / 32;
    if (head >= a.n_value)
        return;
    uint64_t at = ((uint64_t)blockIdx.x * a.n_value + head) * a.dv;
    float sum = 0;
    for (uint32_t i = lane; i < a.dv; i += 32)
        sum += a.x[at + i] * a.x[at + i];
    float scale = 1.0f / sqrtf(weir_warp_sum(sum) / (float)a.dv + a.eps);
    for (uint32_t i = lane; i < a.dv; i += 32)
        a.x[at + i] = a.x[at + i] * scale * a.norm[i] * delta_silu(a.z[at + i]);
}
