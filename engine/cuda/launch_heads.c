/* launch_heads.c - from shapes to grids: heads, indexer, compressed keys, delta rule.
 *
 * Launches only, and one pure function; any thread that may use the device.
 */
#include "engine/cuda/delta.h"
#include "engine/cuda/driver.h"
#include "engine/cuda/heads.h"
#include "engine/cuda/index.h"

#define THREADS     128u
#define WARPS       4u
#define STATIC_ROOM 2048u

static uint32_t blocks(uint32_t n, uint32_t each)
{
    return (n + each - 1) / each;
}

static void launch(struct eng_cuda *d, enum eng_cuda_kernel k, uint32_t x, uint32_t y, uint32_t z,
                   uint32_t shared, const void *args, size_t size)
{
    eng_cuda_launch(d, k, (struct eng_cuda_dim){x, y, z}, (struct eng_cuda_dim){THREADS, 1, 1},
                    shared, args, size);
}

void eng_cuda_heads(struct eng_cuda *d, const struct weir_heads_args *a, uint32_t n_tok, bool f32)
{
    struct weir_heads_args b = *a;
    b.n_tok = n_tok;
    uint32_t blocks_v = blocks(a->v.n_head, WEIR_HEADS_WARPS);
    b.blocks_q = blocks(a->q.n_head, WEIR_HEADS_WARPS);
    b.blocks_k = blocks(a->k.n_head, WEIR_HEADS_WARPS);
    b.room = a->q.n_head ? a->q.n : 0;
    b.room = a->k.n_head && a->k.n > b.room ? a->k.n : b.room;
    b.room = a->v.n_head && a->v.n > b.room ? a->v.n : b.room;
    launch(d, f32 ? ENG_CUDA_weir_heads_f32 : ENG_CUDA_weir_heads_f16, n_tok,
           b.blocks_q + b.blocks_k + blocks_v, 1, WEIR_HEADS_WARPS * b.room * 4, &b, sizeof(b));
}

/* ---- indexer ---- */

static uint32_t index_shared(uint32_t n_dim, bool f32, uint32_t *ld)
{
    *ld = f32 ? blocks(n_dim, 4) * 4 + 4 : blocks(n_dim, 16) * 16 + 8;
    return (WEIR_PAGE + WEIR_INDEX_HEADS) * *ld * (f32 ? 4 : 2);
}

const char *eng_cuda_index_cannot(uint32_t n_dim, bool f32)
{
    uint32_t ld;
    if (!f32 && n_dim % 8)
        return "an indexer's keys of halves that are no multiple of 8 elements";
    if (n_dim > 1024 || index_shared(n_dim, f32, &ld) + STATIC_ROOM > WEIR_SHARED_MOST)
        return "an indexer's keys too long for a block's shared memory";
    return NULL;
}

void eng_cuda_index(struct eng_cuda *d, const struct weir_index_args *a, uint32_t n_tile,
                    uint32_t n_keys, bool f32)
{
    struct weir_index_args b = *a;
    uint32_t shared = index_shared(a->n_dim, f32, &b.ld);
    if (n_keys > a->top_k)
        launch(d, f32 ? ENG_CUDA_weir_index_f32 : ENG_CUDA_weir_index_f16, n_tile,
               blocks(n_keys, WEIR_PAGE), 1, shared, &b, sizeof(b));
}

void eng_cuda_choose(struct eng_cuda *d, const struct weir_choose_args *a, uint32_t n_tok)
{
    eng_cuda_launch(d, ENG_CUDA_weir_index_choose, (struct eng_cuda_dim){n_tok, 1, 1},
                    (struct eng_cuda_dim){512, 1, 1}, 0, a, sizeof(*a));
}

/* ---- states ---- */

uint32_t eng_cuda_order(const uint32_t *seq, uint32_t n, uint32_t *token, uint32_t *run,
                        uint32_t *first)
{
    uint32_t n_run = 0, made = 0;
    for (uint32_t t = 0; t < n; t++) {
        bool seen = false;
        for (uint32_t i = 0; i < n_run && !seen; i++)
            seen = seq[token[first[i]]] == seq[t];
        if (seen)
            continue;
        first[n_run] = made;
        for (uint32_t i = t; i < n; i++)
            if (seq[i] == seq[t]) {
                run[made] = n_run;
                token[made++] = i;
            }
        n_run++;
    }
    first[n_run] = made;
    return n_run;
}

void eng_cuda_compress(struct eng_cuda *d, const struct weir_compress_args *a, uint32_t n_ring,
                       bool f32)
{
    uint32_t length = a->ring[0].length, width = a->ring[0].width;
    if (n_ring > 1 && a->ring[1].length > length)
        length = a->ring[1].length;
    if (n_ring > 1 && a->ring[1].width > width)
        width = a->ring[1].width;
    launch(d, f32 ? ENG_CUDA_weir_compress_f32 : ENG_CUDA_weir_compress_f16, a->order.n, n_ring, 1,
           length * 4, a, sizeof(*a));
    launch(d, ENG_CUDA_weir_compress_ring, a->order.n_run, n_ring, blocks(2 * width, THREADS), 0, a,
           sizeof(*a));
}

void eng_cuda_turn_back(struct eng_cuda *d, const struct weir_turn_back_args *a)
{
    launch(d, ENG_CUDA_weir_turn_back, a->n_tok, blocks(a->n_head, WARPS), 1, 0, a, sizeof(*a));
}

uint32_t eng_cuda_delta_chunks(const uint32_t *token, const uint32_t *first, uint32_t n_run,
                               const uint32_t *mark, uint32_t *chunk, uint32_t *longs,
                               uint32_t *chunked, uint32_t *n_long)
{
    uint32_t n = 0;
    *n_long = 0;
    for (uint32_t r = 0; r < n_run; r++) {
        uint32_t all = first[r + 1] - first[r], most = all / WEIR_DELTA_CHUNK_LEAST, at = n,
                 len = 0;
        chunked[r] = 0;
        for (uint32_t e = first[r]; e < first[r + 1] && n - at <= most; e++) {
            len++;
            if (len < WEIR_DELTA_CHUNK && mark[token[e]] == WEIR_NO_MARK && e + 1 < first[r + 1])
                continue;
            if (n - at < most) {
                chunk[2 * n] = e + 1 - len;
                chunk[2 * n + 1] = len;
            }
            n++;
            len = 0;
        }
        if (n - at > most) { /* too many for so few tokens: one by one */
            n = at;
            continue;
        }
        chunked[r] = 1;
        longs[3 * *n_long] = r;
        longs[3 * *n_long + 1] = at;
        longs[3 * *n_long + 2] = n;
        (*n_long)++;
    }
    return n;
}

bool eng_cuda_delta_can(uint32_t dk)
{
    return dk <= WEIR_DELTA_CHUNK_DK;
}

size_t eng_cuda_delta_scratch(const struct weir_delta_args *a, uint32_t n_chunk)
{
    size_t keys = (size_t)((a->dk + 15) / 16 * 16) * (WEIR_DELTA_CHUNK / 2) * 3 * 8;
    size_t heads = (size_t)WEIR_DELTA_CHUNK * (WEIR_DELTA_CHUNK * 8 + 16);
    return n_chunk * (a->n_key * keys + a->n_value * heads);
}

void eng_cuda_delta(struct eng_cuda *d, const struct weir_delta_args *a)
{
    enum eng_cuda_kernel k = a->dk <= 128   ? ENG_CUDA_weir_delta_step_128
                             : a->dk <= 256 ? ENG_CUDA_weir_delta_step_256
                                            : ENG_CUDA_weir_delta_step_512;
    uint32_t columns = blocks(a->dv, WEIR_DELTA_COLUMNS);
    uint32_t values = blocks(a->n_value * a->dv, THREADS);
    launch(d, ENG_CUDA_weir_delta_conv, a->order.n, 2 * a->n_key + values, 1, 0, a, sizeof(*a));
    launch(d, k, a->n_value + blocks(blocks(a->channels, THREADS), columns), columns,
           a->order.n_run, 0, a, sizeof(*a));
    if (a->n_long) {
        eng_cuda_launch(d, ENG_CUDA_weir_delta_pairs,
                        (struct eng_cuda_dim){a->n_chunk, a->n_key, 1},
                        (struct eng_cuda_dim){2 * WEIR_DELTA_CHUNK, 1, 1}, 0, a, sizeof(*a));
        eng_cuda_launch(d, ENG_CUDA_weir_delta_chunk,
                        (struct eng_cuda_dim){
                            a->n_value, blocks(a->dv, WEIR_DELTA_CHUNK_THREADS / 2), a->n_long},
                        (struct eng_cuda_dim){WEIR_DELTA_CHUNK_THREADS, 1, 1}, 0, a, sizeof(*a));
    }
}

void eng_cuda_delta_gate(struct eng_cuda *d, const struct weir_delta_gate_args *a, uint32_t n_tok)
{
    launch(d, ENG_CUDA_weir_delta_gate, n_tok, blocks(a->n_value, WARPS), 1, 0, a, sizeof(*a));
}
