/* compress.cu - keys made of several tokens.
 *
 * Two launches a layer. First, for every token that completes a key, a block makes it: what it
 * needs of this batch is read from what the matrices gave, what is older from the sequence's ring,
 * which nobody writes yet. Then the rings take the batch's tokens; a thread has one element of all
 * slots and writes the noted copies first, so that no thread reads what another wrote.
 */
#include "engine/cuda/compress.h"
#include "engine/cuda/device.cuh"

#define THREADS 128

/* Cosine and sine of any angle up to 2^30: reduced and evaluated in doubles, a few per key. */
WEIR_DEVICE float2 key_angle(float angle)
{
    double x = angle, turns = rint(x * 0.63661977236758134308);
    double r = x - turns * 1.57079632679489655800 - turns * 6.12323399573676603587e-17, q = r * r;
    double s =
        r * (1 + q * (-1.0 / 6 +
                      q * (1.0 / 120 + q * (-1.0 / 5040 +
                                            q * (1.0 / 362880 + q * (-1.0 / 39916800 +
                                                                     q * (1.0 / 6227020800.0)))))));
    double c =
        1 + q * (-0.5 +
                 q * (1.0 / 24 + q * (-1.0 / 720 +
                                      q * (1.0 / 40320 + q * (-1.0 / 3628800 +
                                                              q * (1.0 / 479001600.0 +
                                                                   q * (-1.0 / 87178291200.0)))))));
    uint32_t quarter = (uint32_t)(int32_t)turns & 3;
    float a = (float)(quarter & 1 ? s : c), b = (float)(quarter & 1 ? c : s);
    return make_float2(quarter == 1 || quarter == 2 ? -a : a, quarter >= 2 ? -b : b);
}

/* Position p of a run: the row of the batch that has it, -1 where the ring has it. */
WEIR_DEVICE int32_t key_row(const struct weir_compress_args &a, uint32_t entry, uint32_t first_cell,
                            uint32_t p)
{
    return p >= first_cell ? (int32_t)a.order.token[entry + p - first_cell] : -1;
}

/* u and g of position p: element i. */
WEIR_DEVICE float2 key_part(const struct weir_compress_args &a, const struct weir_ring &r,
                            const float *state, int32_t row, uint32_t p, uint32_t i)
{
    if (row < 0) {
        const float *u = state + (uint64_t)(p % a.size) * 2 * r.width;
        return make_float2(u[i], u[r.width + i]);
    }
    uint64_t at = (uint64_t)row * r.width + i;
    return make_float2(r.u[at], r.g[at] + r.place[(uint64_t)(p % a.ratio) * r.width + i]);
}

/* Channel c of the key whose last token is at pos. rows: of the positions from `from` on. */
WEIR_DEVICE float key_channel(const struct weir_compress_args &a, const struct weir_ring &r,
                              const float *state, const int32_t *rows, uint32_t from, uint32_t pos,
                              uint32_t c)
{
    float max = -__uint_as_float(0x7f800000u), sum = 0, out = 0;
    for (uint32_t p = from; p <= pos; p++) {
        uint32_t i = r.width > r.length && p + a.ratio > pos ? r.length + c : c;
        max = fmaxf(max, key_part(a, r, state, rows[p - from], p, i).y);
    }
    for (uint32_t p = from; p <= pos; p++) {
        uint32_t i = r.width > r.length && p + a.ratio > pos ? r.length + c : c;
        float2 ug = key_part(a, r, state, rows[p - from], p, i);
        float e = expf(ug.y - max);
        sum += e;
        out += e * ug.x;
    }
    return out / sum;
}

/* 1 / rms of key[n], by the whole block; the parts of warps in their order. */
WEIR_DEVICE float key_rms(const float *key, uint32_t n, float eps)
{
    WEIR_SHARED(float, part, THREADS / 32);
    float sum = 0;
    for (uint32_t i = threadIdx.x; i < n; i += THREADS)
        sum += key[i] * key[i];
    sum = weir_warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < THREADS / 32; i++)
        sum += part[i];
    return 1.0f / sqrtf(sum / (float)n + eps);
}

WEIR_DEVICE void key_put(float *to, float x)
{
    *to = x;
}

WEIR_DEVICE void key_put(uint16_t *to, float x)
{
    *to = weir_f2h(x);
}

/* blockIdx: x entry, y ring. */
template <typename T> WEIR_DEVICE void make_key(const struct weir_compress_args &a)
{
    WEIR_DYNAMIC(float, key);
    WEIR_SHARED(int32_t, rows, WEIR_RING_MOST);
    const struct weir_ring &r = blockIdx.y ? a.ring[1] : a.ring[0];
    uint32_t t = a.order.token[blockIdx.x], pos = a.cell[t], seq = a.seq[t];
    if ((pos + 1) % a.ratio)
        return;
    uint32_t entry = a.order.first[a.order.run[blockIdx.x]];
    uint32_t first_cell = a.cell[a.order.token[entry]];
    uint32_t n = pos + 1 < a.size ? pos + 1 : a.size, from = pos + 1 - n;
    const float *state = r.state + a.states.slot[t] * a.states.each;
    for (uint32_t i = threadIdx.x; i < n; i += THREADS)
        rows[i] = key_row(a, entry, first_cell, from + i);
    __syncthreads();
    for (uint32_t c = threadIdx.x; c < r.length; c += THREADS)
        key[c] = key_channel(a, r, state, rows, from, pos, c);
    __syncthreads();
    float scale = key_rms(key, r.length, a.eps);
    uint32_t cell = pos / a.ratio, plain = r.length - a.n_rot;
    int32_t page = r.table[(uint64_t)seq * r.stride + cell / WEIR_PAGE];
    if (page < 0)
        return;
    T *to = static_cast<T *>(r.pages) + ((uint64_t)page * WEIR_PAGE + cell % WEIR_PAGE) * r.length;
    for (uint32_t i = threadIdx.x; i < plain; i += THREADS)
        key_put(to + i, key[i] * scale * r.norm[i]);
    float first = (float)(pos + 1 - a.ratio);
    for (uint32_t i = threadIdx.x; i < a.n_rot / 2; i += THREADS) {
        uint32_t at = plain + 2 * i;
        float2 c = key_angle(first * a.freq[i]);
        float x = key[at] * scale * r.norm[at], y = key[at + 1] * scale * r.norm[at + 1];
        key_put(to + at, x * c.x - y * c.y);
        key_put(to + at + 1, x * c.y + y * c.x);
    }
}

WEIR_KERNEL(weir_compress_f32, struct weir_compress_args, THREADS)
{
    make_key<float>(a);
}

WEIR_KERNEL(weir_compress_f16, struct weir_compress_args, THREADS)
{
    make_key<uint16_t>(a);
}

/* Element i of slot `slot` behind position pos; false where no token was there yet. */
WEIR_DEVICE bool ring_slot(const struct weir_compress_args &a, const struct weir_ring &r,
                           const float *live, uint32_t entry, uint32_t first_cell, uint32_t pos,
                           uint32_t slot, uint32_t i, float *x)
{
    uint32_t back = (pos + a.size - slot) % a.size;
    if (back > pos)
        return false;
    uint32_t p = pos - back;
#if defined(WEIR_BUG_70) /* the run's first token looked for in the ring */
    if (p <= first_cell) {
#else
    if (p < first_cell) {
#endif
        *x = live[(uint64_t)slot * 2 * r.width + i];
        return true;
    }
    uint64_t row = a.order.token[entry + p - first_cell];
    if (i < r.width)
        *x = r.u[row * r.width + i];
    else
        *x = r.g[row * r.width + i - r.width] +
             r.place[(uint64_t)(p % a.ratio) * r.width + i - r.width];
    return true;
}

/* blockIdx: x run, y ring, z elements. */
WEIR_KERNEL(weir_compress_ring, struct weir_compress_args, THREADS)
{
    const struct weir_ring &r = blockIdx.y ? a.ring[1] : a.ring[0];
    uint32_t i = blockIdx.z * THREADS + threadIdx.x;
    if (i >= 2 * r.width)
        return;
    uint32_t entry = a.order.first[blockIdx.x], past = a.order.first[blockIdx.x + 1];
    uint32_t first = a.order.token[entry], first_cell = a.cell[first];
    float *live = r.state + a.states.slot[first] * a.states.each, x;
    for (uint32_t e = entry; e < past; e++) {
        uint32_t mark = a.states.mark[a.order.token[e]];
        float *copy = r.state + mark * a.states.each;
        for (uint32_t slot = 0; mark != WEIR_NO_MARK && slot < a.size; slot++)
            if (ring_slot(a, r, live, entry, first_cell, first_cell + e - entry, slot, i, &x))
                copy[(uint64_t)slot * 2 * r.width + i] = x;
    }
    uint32_t n = past - entry < a.size ? past - entry : a.size;
    for (uint32_t e = past - n; e < past; e++) {
        uint32_t pos = first_cell + e - entry, slot = pos % a.size;
        if (ring_slot(a, r, live, entry, first_cell, pos, slot, i, &x))
            live[(uint64_t)slot * 2 * r.width + i] = x;
    }
}

/* A warp a head. blockIdx: x token, y heads. */
WEIR_KERNEL(weir_turn_back, struct weir_turn_back_args, THREADS)
{
    uint32_t t = blockIdx.x, head = blockIdx.y * (THREADS / 32) + threadIdx.x / 32;
    if (head >= a.n_head)
        return;
    uint32_t each = a.n_head / a.n_group, plain = a.n_dim - a.n_rot;
    const float *x = a.x + ((uint64_t)t * a.n_head + head) * a.n_dim;
    float *y = a.y + (((uint64_t)(head / each) * a.n_tok + t) * each + head % each) * a.n_dim;
    const float2 *cs = reinterpret_cast<const float2 *>(a.cs + (uint64_t)t * a.n_rot);
    for (uint32_t i = threadIdx.x % 32; i < plain; i += 32)
        y[i] = x[i];
    for (uint32_t i = threadIdx.x % 32; i < a.n_rot / 2; i += 32) {
        float u = x[plain + 2 * i], v = x[plain + 2 * i + 1];
        y[plain + 2 * i] = u * cs[i].x + v * cs[i].y;
        y[plain + 2 * i + 1] = v * cs[i].x - u * cs[i].y;
    }
}
