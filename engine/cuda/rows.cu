/* rows.cu - the kernels of rows.h: one token's row at a time.
 *
 * A thread takes the same elements of its row in every pass, so that what it wrote it may read
 * again without a barrier; sums over a row go through the block (reduce.cuh). Rows are read once
 * from memory, and again from the caches: a row is 8 to 32 KiB.
 */
#include "engine/cuda/reduce.cuh"
#include "engine/cuda/round.cuh"
#include "engine/cuda/rows.h"

#define ROW_THREADS 1024 /* at most; launch_rows.c takes fewer for short rows */

WEIR_KERNEL(weir_embed, struct weir_embed_args, 256)
{
    uint32_t t = blockIdx.y;
    const float *row = a.rows + (uint64_t)t * a.n_embd;
    float *x = a.x + (uint64_t)t * a.n_stream * a.n_embd;
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= a.n_embd)
        return;
    float v = row[i] * a.scale;
    for (uint32_t s = 0; s < a.n_stream; s++)
        x[(uint64_t)s * a.n_embd + i] = v;
}

/* Cosine and sine of an angle of any size, by its quarter turns and the Taylor series of what is
 * left (at most pi / 4: the first term left out is below 1e-12), in double precision. The
 * compiler's own keep a table on the stack for large angles. */
WEIR_DEVICE void turn(float angle, float *c, float *s)
{
    double quarters = rint((double)angle * 0.63661977236758134);
    double r = fma(-quarters, 1.5707963267948966, (double)angle), q = r * r;
    double sine =
        r *
        (1 + q * (-1.0 / 6 + q * (1.0 / 120 +
                                  q * (-1.0 / 5040 + q * (1.0 / 362880 + q * (-1.0 / 39916800))))));
    double cosine =
        1 + q * (-0.5 + q * (1.0 / 24 +
                             q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800 +
                                                                       q * (1.0 / 479001600))))));
    int32_t turns = (int32_t)quarters & 3;
    float a = (float)(turns & 1 ? sine : cosine), b = (float)(turns & 1 ? cosine : sine);
    *c = turns == 1 || turns == 2 ? -a : a;
    *s = turns >= 2 ? -b : b;
}

WEIR_KERNEL(weir_angles, struct weir_angles_args, 256)
{
    uint32_t half = a.n_rot / 2, i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= half * a.n)
        return;
    uint32_t t = i / half, k = i % half;
    float *cs = a.cs + (uint64_t)t * a.n_rot + 2 * k, c, s;
    turn((float)a.pos[t] * a.freq[k], &c, &s);
    cs[0] = c * a.mscale;
    cs[1] = s * a.mscale;
}

/* 1 / sqrt(mean of squares + eps) of a row; all threads of the block. */
WEIR_DEVICE float inverse_rms(const float *x, uint32_t n, float eps, float *room)
{
    float sum = 0;
    for (uint32_t i = threadIdx.x; i < n; i += blockDim.x)
        sum += x[i] * x[i];
    return 1.0f / sqrtf(weir_block_sum(sum, room) / (float)n + eps);
}

WEIR_KERNEL(weir_norm, struct weir_norm_args, ROW_THREADS)
{
    WEIR_SHARED(float, room, WEIR_WARPS_MAX);
    const float *x = a.x + (uint64_t)blockIdx.x * a.n_in;
    float *y = a.y + (uint64_t)blockIdx.x * a.n_in;
    float inv = inverse_rms(x, a.n_in, a.eps, room);
    for (uint32_t i = threadIdx.x; i < a.n_in; i += blockDim.x)
        y[i] = a.w ? x[i] * inv * a.w[i] : x[i] * inv;
}

/* Element i of what the half gave token t, before norms. */
WEIR_DEVICE float given(const struct weir_join_args *a, uint32_t t, uint32_t i)
{
    if (!a->pair_of)
        return a->add[(uint64_t)t * a->n_embd + i];
    float sum = 0;
    for (uint32_t k = 0; k < a->n_used; k++) {
        uint64_t slot = (uint64_t)t * a->n_used + k;
        float v = a->add[(uint64_t)a->pair_of[slot] * a->n_embd + i];
        sum += a->weights ? a->weights[slot] * v : v;
    }
    return sum;
}

/* The shared expert's weight for token t; all threads of the block. */
WEIR_DEVICE float shared_weight(const struct weir_join_args *a, uint32_t t, float *room)
{
    float dot = 0;
    if (!a->gate_w)
        return 1;
    for (uint32_t i = threadIdx.x; i < a->n_embd; i += blockDim.x)
        dot += a->gate_x[(uint64_t)t * a->n_embd + i] * a->gate_w[i];
    return 1.0f / (1.0f + expf(-weir_block_sum(dot, room)));
}

/* v of rows.h into a.v, if there are norms on the way. */
WEIR_DEVICE void prepare(const struct weir_join_args *a, uint32_t t, float *room)
{
    float *v = a->v + (uint64_t)t * a->n_embd;
    for (uint32_t i = threadIdx.x; i < a->n_embd; i += blockDim.x)
        v[i] = given(a, t, i);
    if (a->norm_a) {
        float inv = inverse_rms(v, a->n_embd, a->eps, room);
        for (uint32_t i = threadIdx.x; i < a->n_embd; i += blockDim.x)
            v[i] = v[i] * inv * a->norm_a[i];
    }
    for (uint32_t i = threadIdx.x; a->side && i < a->n_embd; i += blockDim.x)
        v[i] += a->side[(uint64_t)t * a->n_embd + i];
    if (a->norm_b) {
        float inv = inverse_rms(v, a->n_embd, a->eps, room);
        for (uint32_t i = threadIdx.x; i < a->n_embd; i += blockDim.x)
            v[i] = v[i] * inv * a->norm_b[i];
    }
}

WEIR_KERNEL(weir_join, struct weir_join_args, ROW_THREADS)
{
    WEIR_SHARED(float, room, WEIR_WARPS_MAX);
    uint32_t t = blockIdx.x;
    float *x = a.x + (uint64_t)t * a.n_stream * a.n_embd;
    bool prepared = a.norm_a || a.norm_b;
    float w = a.shared ? shared_weight(&a, t, room) : 0;
    if (prepared)
        prepare(&a, t, room);
    for (uint32_t i = threadIdx.x; i < a.n_embd; i += blockDim.x) {
        uint64_t at = (uint64_t)t * a.n_embd + i;
        float v = prepared ? a.v[at] : given(&a, t, i);
        if (!prepared && a.side)
            v += a.side[at];
        for (uint32_t s = 0; s < a.n_stream; s++) {
            float *to = x + (uint64_t)s * a.n_embd + i;
            float part = a.take ? a.take[(uint64_t)t * a.take_step + s] : a.scale;
            float sum = *to + part * v;
            if (a.shared)
                sum += w * part * a.shared[at];
            *to = a.out_scale != 0 ? sum * a.out_scale : sum;
        }
    }
    if (!a.next_norm)
        return;
    /* what a warp rounds at once is a whole block of 32, past the row's end too */
    float inv = inverse_rms(x, a.n_embd, a.eps, room);
    uint32_t end = a.round.q ? a.round.units * 64 : a.n_embd;
    for (uint32_t i = threadIdx.x; i < end; i += blockDim.x) {
        float y = i < a.n_embd ? x[i] * inv * a.next_norm[i] : 0.0f;
        if (a.y && i < a.n_embd)
            a.y[(uint64_t)t * a.n_embd + i] = y;
        if (a.round.q)
            weir_round_block(a.round, t, i / WEIR_LANES, threadIdx.x % WEIR_LANES, y);
    }
}

WEIR_KERNEL(weir_gather, struct weir_gather_args, 256)
{
    uint32_t r = blockIdx.y, i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < a.n_in)
        a.dst[(uint64_t)r * a.n_in + i] = a.src[(uint64_t)a.index[r] * a.n_in + i];
}

WEIR_KERNEL(weir_logits, struct weir_logits_args, 256)
{
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    float *x = a.x + (uint64_t)blockIdx.y * a.n_vocab;
    if (i >= a.n_vocab)
        return;
    float v = x[i] / a.divide;
    x[i] = a.softcap != 0 ? a.softcap * tanhf(v / a.softcap) : v;
}

/* One block a token and layer. */
WEIR_KERNEL(weir_side_in, struct weir_side_in_args, 256)
{
    WEIR_SHARED(float, room, WEIR_WARPS_MAX);
    uint64_t at = ((uint64_t)blockIdx.y * a.n_layer + blockIdx.x) * a.n_side;
    float *x = a.x + at, in = 1.0f / sqrtf((float)a.n_embd), own = sqrtf((float)a.n_side);
    for (uint32_t i = threadIdx.x; i < a.n_side; i += blockDim.x)
        x[i] *= in;
    float inv = inverse_rms(x, a.n_side, a.eps, room);
    for (uint32_t i = threadIdx.x; i < a.n_side; i += blockDim.x)
        x[i] = (x[i] * inv * a.norm[i] + a.own[at + i] * own) * sqrtf(0.5f);
}

WEIR_KERNEL(weir_side_gate, struct weir_side_gate_args, 256)
{
    uint32_t t = blockIdx.y, i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= a.n_side)
        return;
    float *g = a.g + (uint64_t)t * a.n_side + i, x = *g;
    float gelu = 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    *g = gelu * a.inputs[((uint64_t)t * a.n_layer + a.layer) * a.n_side + i];
}
