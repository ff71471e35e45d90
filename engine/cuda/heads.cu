/* heads.cu - norms, rotation, temperature and page writes of heads: a warp a head.
 *
 * A block's warps take WEIR_HEADS_WARPS heads of one kind of one token; a head lies in shared
 * memory from the load to the last store, and only its own warp touches it.
 */
#include "engine/cuda/heads.cuh"

#define THREADS (32 * WEIR_HEADS_WARPS)

/* The same of all heads of a token, by the whole block; the parts of warps in their order. */
WEIR_DEVICE float head_rms_all(const struct weir_head_kind &p, uint32_t t, float eps)
{
    WEIR_SHARED(float, part, WEIR_HEADS_WARPS);
    uint32_t n = p.n_head * p.n;
    float sum = 0;
    for (uint32_t i = threadIdx.x; i < n; i += THREADS) {
        float x = p.x[(uint64_t)t * p.x_token + (uint64_t)(i / p.n) * p.x_head + i % p.n];
        sum += x * x;
    }
    sum = weir_warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < WEIR_HEADS_WARPS; i++)
        sum += part[i];
    return 1.0f / sqrtf(sum / (float)n + eps);
}

/* blockIdx: x token, y heads: of queries, then of keys, then of values. */
template <typename T> WEIR_DEVICE void heads(const struct weir_heads_args &a)
{
    WEIR_DYNAMIC(float, room);
    uint32_t t = blockIdx.x, block = blockIdx.y, warp = threadIdx.x / 32;
    bool is_q = block < a.blocks_q, is_k = !is_q && block < a.blocks_q + a.blocks_k;
    const struct weir_head_kind &p = is_q ? a.q : is_k ? a.k : a.v;
    block -= is_q ? 0 : is_k ? a.blocks_q : a.blocks_q + a.blocks_k;
    float all = 0, *x = room + warp * a.room;
    if (p.norm == WEIR_NORM_ALL)
        all = head_rms_all(p, t, a.eps);
    uint32_t head = block * WEIR_HEADS_WARPS + warp;
    if (head >= p.n_head)
        return;
    head_run<T>(a, p, t, head, all, x);
    if (is_q && (a.q_to.ints.q || a.q_to.bf16.q))
        for (uint32_t b = 0; b < p.cut / 32; b++)
            weir_put_planes(a.q_to, (uint64_t)head * a.n_tok + t, b, threadIdx.x % 32,
                            x[b * 32 + threadIdx.x % 32]);
}

WEIR_KERNEL(weir_heads_f32, struct weir_heads_args, THREADS)
{
    heads<float>(a);
}

WEIR_KERNEL(weir_heads_f16, struct weir_heads_args, THREADS)
{
    heads<uint16_t>(a);
}
