/* sample.cu - the kernel of sample.h: a block a row.
 *
 *   penalties -> the likeliest token -> how many are within reach of it (SPAN temperatures) ->
 *   if too many, the top_k-th largest by four passes over 8 bits each -> those tokens, in order of
 *   id, into shared memory -> sorted -> the draw
 *
 * Logits are compared as unsigned integers in the same order (key_of). A row is read from memory
 * once and then comes from the second-level cache: 800 KiB at most.
 */
#include "engine/cuda/reduce.cuh"
#include "engine/cuda/sample.h"

#define SPAN           24.0f
#define SAMPLE_THREADS 1024u
#define NO_TOKEN       0xffffffffu

struct room {
    uint32_t hist[256];
    uint32_t warp[WEIR_WARPS_MAX];
    uint32_t best, n, key, left;
    float logit[WEIR_SAMPLE_MAX];
    uint32_t id[WEIR_SAMPLE_MAX];
};

WEIR_DEVICE bool finite(float v)
{
    return v - v == 0;
}

/* Larger floats have larger keys; what is not finite has key 0. */
WEIR_DEVICE uint32_t key_of(float v)
{
    uint32_t bits = __float_as_uint(v);
    if (!finite(v))
        return 0;
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

WEIR_DEVICE void penalise(const struct weir_sample_args *a, const struct weir_sampling *p,
                          float *row)
{
    for (uint32_t i = p->seen0 + threadIdx.x; i < p->seen1; i += blockDim.x) {
        float x = row[a->seen_id[i]];
        if (p->repeat > 0)
            x = x > 0 ? x / p->repeat : x * p->repeat;
        row[a->seen_id[i]] = x - p->presence - p->frequency * (float)a->seen_count[i];
    }
    __syncthreads();
}

/* The likeliest token (ties: the lowest id) into r->best; NO_TOKEN if there is none. */
WEIR_DEVICE void likeliest(const float *row, uint32_t n, struct room *r)
{
    uint32_t warp = threadIdx.x / WEIR_LANES, lane = threadIdx.x % WEIR_LANES, at = NO_TOKEN;
    uint32_t best = 0;
    for (uint32_t i = threadIdx.x; i < n; i += blockDim.x) {
        uint32_t k = key_of(row[i]);
        if (k > best) {
            best = k;
            at = i;
        }
    }
    for (int half = 0; half < 2; half++) {
        for (int step = 16; step > 0; step /= 2) {
            uint32_t other = __shfl_xor_sync(WEIR_ALL_LANES, best, step);
            uint32_t from = __shfl_xor_sync(WEIR_ALL_LANES, at, step);
            bool theirs = other > best || (other == best && from < at);
            best = theirs ? other : best;
            at = theirs ? from : at;
        }
        if (half == 0 && lane == 0) {
            r->hist[warp] = best;
            r->warp[warp] = at;
        }
        __syncthreads();
        if (half == 0) {
            bool there = lane < blockDim.x / WEIR_LANES;
            best = there ? r->hist[lane] : 0;
            at = there ? r->warp[lane] : NO_TOKEN;
        }
    }
    if (threadIdx.x == 0)
        r->best = at;
    __syncthreads();
}

/* How many keys are at least `key`. */
WEIR_DEVICE uint32_t count_from(const float *row, uint32_t n, uint32_t key, struct room *r)
{
    uint32_t c = 0;
    if (threadIdx.x == 0)
        r->n = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < n; i += blockDim.x)
        c += key_of(row[i]) >= key;
    atomicAdd(&r->n, c);
    __syncthreads();
    return r->n;
}

/* The key of the k-th largest logit, and in r->left how many with exactly that key are among the k
 * largest. */
WEIR_DEVICE uint32_t kth_key(const float *row, uint32_t n, uint32_t k, struct room *r)
{
    uint32_t prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        __syncthreads();
        if (threadIdx.x < 256)
            r->hist[threadIdx.x] = 0;
        __syncthreads();
        for (uint32_t i = threadIdx.x; i < n; i += blockDim.x) {
            uint32_t key = key_of(row[i]);
            if (shift == 24 || key >> (shift + 8) == prefix >> (shift + 8))
                atomicAdd(&r->hist[key >> shift & 255], 1u);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            uint32_t b = 255;
            while (b > 0 && r->hist[b] < k) {
                k -= r->hist[b];
                b--;
            }
            r->key = prefix | b << shift;
            r->left = k;
        }
        __syncthreads();
        prefix = r->key;
        k = r->left; /* read before the next round writes it: behind its first barrier */
    }
    return prefix;
}

/* The tokens with keys above `key`, and the first `left` of those with that key, by rising id.
 * Returns how many. Each warp takes a stretch of the row: it counts, all add up, it writes. */
WEIR_DEVICE uint32_t collect(const float *row, uint32_t n, uint32_t key, uint32_t left,
                             struct room *r)
{
    uint32_t warps = blockDim.x / WEIR_LANES, warp = threadIdx.x / WEIR_LANES;
    uint32_t lane = threadIdx.x % WEIR_LANES, below = (1u << lane) - 1;
    uint32_t per = (n + warps * WEIR_LANES - 1) / (warps * WEIR_LANES) * WEIR_LANES;
    uint32_t from = warp * per, to = from + per < n ? from + per : n, above = 0, equal = 0;
    for (uint32_t i = from; i < to; i += WEIR_LANES) {
        uint32_t k = i + lane < to ? key_of(row[i + lane]) : 0;
        above += (uint32_t)__popc(__ballot_sync(WEIR_ALL_LANES, k > key));
        equal += (uint32_t)__popc(__ballot_sync(WEIR_ALL_LANES, k == key));
    }
    __syncthreads();
    if (lane == 0) {
        r->hist[warp] = above;
        r->hist[WEIR_WARPS_MAX + warp] = equal;
    }
    __syncthreads();
    uint32_t at = 0, total = 0, mine = 0; /* mine: how many equal ones this warp may take */
    for (uint32_t w = 0; w < warps; w++) {
        uint32_t same = r->hist[WEIR_WARPS_MAX + w], take = same < left ? same : left;
        at += w < warp ? r->hist[w] + take : 0;
        mine = w == warp ? take : mine;
        total += r->hist[w] + take;
        left -= take;
    }
    for (uint32_t i = from; i < to; i += WEIR_LANES) {
        float v = i + lane < to ? row[i + lane] : 0;
        uint32_t k = i + lane < to ? key_of(v) : 0;
        uint32_t same = __ballot_sync(WEIR_ALL_LANES, k == key);
        bool take = k > key || (k == key && (uint32_t)__popc(same & below) < mine);
        uint32_t who = __ballot_sync(WEIR_ALL_LANES, take),
                 place = at + (uint32_t)__popc(who & below);
        if (take && place < WEIR_SAMPLE_MAX) {
            r->logit[place] = v;
            r->id[place] = i + lane;
        }
        uint32_t used = (uint32_t)__popc(same);
        mine -= used < mine ? used : mine;
        at += (uint32_t)__popc(who);
    }
    __syncthreads();
    return total < WEIR_SAMPLE_MAX ? total : WEIR_SAMPLE_MAX;
}

/* Falling logits, rising ids among equals: a bitonic sort of WEIR_SAMPLE_MAX places, one a thread.
 */
WEIR_DEVICE void sort(struct room *r, uint32_t n)
{
    uint32_t i = threadIdx.x;
    if (i >= n) {
        r->logit[i] = -INFINITY;
        r->id[i] = NO_TOKEN;
    }
    __syncthreads();
    for (uint32_t size = 2; size <= WEIR_SAMPLE_MAX; size *= 2)
        for (uint32_t step = size / 2; step > 0; step /= 2) {
            uint32_t j = i ^ step;
            if (j > i) {
                bool after = r->logit[i] < r->logit[j] ||
                             (r->logit[i] == r->logit[j] && r->id[i] > r->id[j]);
                if (after == ((i & size) == 0)) {
                    float l = r->logit[i];
                    uint32_t id = r->id[i];
                    r->logit[i] = r->logit[j];
                    r->id[i] = r->id[j];
                    r->logit[j] = l;
                    r->id[j] = id;
                }
            }
            __syncthreads();
        }
}

/* One of the first n; by one thread, in the order in which the host adds. logit[] are relative
 * probabilities by now. */
WEIR_DEVICE int32_t draw(const struct weir_sampling *p, const struct room *r, uint32_t n)
{
    double total = 0, kept = 0;
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++)
        total += r->logit[i];
    while (m < n && (m == 0 || (kept < p->top_p * total && r->logit[m] >= p->min_p)))
        kept += r->logit[m++];
    double at = p->draw * kept;
    for (uint32_t i = 0; i < m; i++) {
        at -= r->logit[i];
        if (at < 0)
            return (int32_t)r->id[i];
    }
    return (int32_t)r->id[m - 1];
}

WEIR_KERNEL(weir_sample, struct weir_sample_args, SAMPLE_THREADS)
{
    WEIR_SHARED(struct room, room, 1);
    struct room *r = &room[0];
    const struct weir_sampling *p = a.rows + blockIdx.x;
    float *row = a.logits + (uint64_t)blockIdx.x * a.n_vocab;
    int32_t *token = a.token + blockIdx.x;
    penalise(&a, p, row);
    likeliest(row, a.n_vocab, r);
    uint32_t best = r->best;
    if (best == NO_TOKEN || p->temperature == 0) {
        if (threadIdx.x == 0)
            *token = best == NO_TOKEN ? -1 : (int32_t)best;
        return;
    }
    float top = row[best];
    uint32_t floor_key = key_of(top - SPAN * p->temperature);
    floor_key = floor_key ? floor_key : 1; /* no floor: all that is finite */
    uint32_t n = count_from(row, a.n_vocab, floor_key, r);
    bool many = n > WEIR_SAMPLE_MAX;
    if (many && (p->top_k == 0 || p->top_k > WEIR_SAMPLE_MAX)) {
        if (threadIdx.x == 0)
            *token = WEIR_SAMPLE_HOST;
        return;
    }
    uint32_t key = many ? kth_key(row, a.n_vocab, p->top_k, r) : floor_key;
    n = collect(row, a.n_vocab, key, many ? r->left : NO_TOKEN, r);
    sort(r, n);
    if (p->top_k > 0 && n > p->top_k)
        n = p->top_k;
    if (threadIdx.x < n)
        r->logit[threadIdx.x] = expf((r->logit[threadIdx.x] - top) / p->temperature);
    __syncthreads();
    if (threadIdx.x == 0)
        *token = draw(p, r, n);
}
