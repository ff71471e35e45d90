/* launch_attend.c - from a batch to the launches of attention: tiles, kernels, shared memory.
 *
 * Which kernel takes a tile depends on the lengths of keys and values, on the type of cells and on
 * whether its run has few rows or many; never on what else is in the batch. Few: up to FEW_ROWS
 * rows, or one token; such tiles are cut along the keys as well. Many: tiles of up to MANY_ROWS
 * rows that go through all keys in one block.
 *
 * Pure, and launches only; any thread that may use the device.
 */
#include "engine/cuda/attend.h"
#include "engine/cuda/driver.h"

#define FEW_ROWS    16u
#define MANY_ROWS   64u
#define ENDS        3u    /* of a near and a far range */
#define CHUNK       256u  /* cells, where there are many */
#define MMA_KEYS    32u   /* KT of attend_mma.cuh */
#define FMA_KEYS    16u   /* of attend_fma.cuh */
#define STATIC_ROOM 2048u /* bytes of shared memory that kernels have beside the dynamic part */

/* A kernel, and what of it the host must know. */
struct kernel {
    enum eng_cuda_kernel k;
    uint32_t rows, threads, keys;
    uint32_t weights; /* bytes of shared memory for the softmax' weights */
    uint32_t bytes;   /* of an element in shared memory */
    bool mma;
    bool joins; /* parts, by the last block of a row; else another launch does, of more blocks */
};

static uint32_t up(uint32_t n, uint32_t to)
{
    return (n + to - 1) / to * to;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- tiles ---- */

uint32_t eng_cuda_tiles(const uint32_t *seq, const uint32_t *cell, uint32_t n, uint32_t group,
                        bool alone, struct weir_tile *out, uint32_t *n_few)
{
    uint32_t most = alone || group > MANY_ROWS ? 1 : MANY_ROWS / group, made = 0;
    *n_few = 0;
    for (int many = 0; many < 2; many++)
        for (uint32_t t = 0, end; t < n; t = end) {
            for (end = t + 1; end < n && seq[end] == seq[t] && cell[end] == cell[end - 1] + 1;)
                end++;
            bool few = end - t == 1 || (end - t) * group <= FEW_ROWS;
            for (uint32_t at = t; few == !many && at < end; at += most) {
                out[made++] = (struct weir_tile){at, end - at < most ? end - at : most};
                *n_few += few;
            }
        }
    return made;
}

uint32_t eng_cuda_attend_chunk(uint32_t n_ctx)
{
    uint32_t n = up(n_ctx / 16 + 1, WEIR_PAGE);
    return n < CHUNK ? n : CHUNK;
}

/* Into how many chunks long rows are cut, but for ENDS: where a range begins and ends within one.
 */
static uint32_t parts_of(uint32_t group)
{
    return group > FEW_ROWS ? 16 : 32;
}

/* Chunks that a row of few can have. */
static uint32_t chunks_of(const struct eng_cuda_attend *p)
{
    const struct weir_attend_args *a = &p->a;
    uint32_t span = larger(a->window, a->n_chunk_pos), near, far = 0;
    uint32_t all = (p->n_cells + a->chunk - 1) / a->chunk;
    if (a->near.pick)
        near = (a->near.pick_each + a->chunk - 1) / a->chunk;
    else /* FEW_ROWS tokens; it may begin and end within a chunk */
        near = span && span < p->n_cells ? (span + FEW_ROWS) / a->chunk + 2 : all;
    near = near < all ? near : all;
    if (a->far.k)
        far = ((a->far.pick ? a->far.pick_each : p->n_cells / a->ratio) + a->chunk - 1) / a->chunk;
    uint32_t most = parts_of(a->group) + ENDS;
    return near + far < 1 ? 1 : near + far < most ? near + far : most;
}

/* ---- kernels ---- */

static struct kernel mma_kernel(uint32_t n_vdim, bool small)
{
    struct kernel k = {.keys = MMA_KEYS, .bytes = 2, .mma = true};
    if (small) {
        k.k = n_vdim <= 128   ? ENG_CUDA_weir_attend_mma_16x128
              : n_vdim <= 256 ? ENG_CUDA_weir_attend_mma_16x256
                              : ENG_CUDA_weir_attend_mma_16x512;
        k.rows = 16;
        k.joins = n_vdim <= 256;
        k.threads = 128;
    } else {
        k.k = n_vdim <= 128   ? ENG_CUDA_weir_attend_mma_64x128
              : n_vdim <= 256 ? ENG_CUDA_weir_attend_mma_64x256
                              : ENG_CUDA_weir_attend_mma_32x512;
        k.rows = n_vdim <= 256 ? 64 : 32;
        k.threads = n_vdim <= 128 ? 128 : 256;
    }
    if (small || n_vdim > 128)
        k.weights = k.rows * (MMA_KEYS + 8) * 2;
    return k;
}

static struct kernel fma_kernel(uint32_t n_vdim, bool f32)
{
    struct kernel k = {.rows = 8, .threads = 128, .keys = FMA_KEYS, .bytes = 4};
    if (f32)
        k.k = n_vdim <= 128   ? ENG_CUDA_weir_attend_f32_128
              : n_vdim <= 256 ? ENG_CUDA_weir_attend_f32_256
                              : ENG_CUDA_weir_attend_f32_512;
    else
        k.k = n_vdim <= 128   ? ENG_CUDA_weir_attend_f16_128
              : n_vdim <= 256 ? ENG_CUDA_weir_attend_f16_256
                              : ENG_CUDA_weir_attend_f16_512;
    return k;
}

/* Lanes that share a row of so many loads: a power of two. */
static uint32_t lanes_of(uint32_t loads)
{
    uint32_t n = 1;
    while (n < loads && n < 32)
        n *= 2;
    return n;
}

/* Lays out shared memory; returns how much, more than there is if it does not fit. */
static uint32_t lay_out(const struct kernel *k, bool own, bool f32, struct weir_attend_args *a)
{
    uint32_t wide = f32 ? 4 : 8; /* elements of 16 bytes in a page */
    a->lanes_k = lanes_of(a->n_dim % wide ? a->n_dim : a->n_dim / wide);
    a->lanes_v = lanes_of(a->n_vdim % wide ? a->n_vdim : a->n_vdim / wide);
    a->ld_k = k->mma ? up(a->n_dim, 32) + 8 : up(a->n_dim, 4) + 4;
    a->ld_v = !own ? a->ld_k : k->mma ? up(a->n_vdim, 16) + 8 : up(a->n_vdim, 4);
    a->at_k = k->rows * a->ld_k * k->bytes;
    a->stage = k->keys * a->ld_k * k->bytes;
    a->at_v = own ? a->stage : 0;
    if (own)
        a->stage += k->keys * a->ld_v * k->bytes;
    uint32_t once = a->at_k + a->stage + k->weights;
    a->stages = k->mma && once + a->stage + STATIC_ROOM <= WEIR_SHARED_MOST ? 2 : 1;
    a->at_p = a->at_k + a->stages * a->stage;
    return a->at_p + k->weights;
}

/* The kernel for a's lengths, and how it lays out shared memory; *shared is that memory's size. The
 * longest keys and values leave room for 16 rows only. */
static struct kernel kernel_of(struct weir_attend_args *a, bool own, bool f32, bool few,
                               uint32_t *shared)
{
    bool mma = !f32 && a->n_dim % 8 == 0 && a->n_vdim % 8 == 0;
    bool small = few && a->group <= FEW_ROWS;
    struct kernel k = mma ? mma_kernel(a->n_vdim, small) : fma_kernel(a->n_vdim, f32);
    *shared = lay_out(&k, own, f32, a);
    if (mma && !small && *shared + STATIC_ROOM > WEIR_SHARED_MOST) {
        k = mma_kernel(a->n_vdim, true);
        *shared = lay_out(&k, own, f32, a);
    }
    a->row_blocks = (larger(few ? FEW_ROWS : MANY_ROWS, a->group) + k.rows - 1) / k.rows;
    a->rows_pad = a->row_blocks * k.rows;
    a->parts = parts_of(a->group);
    return k;
}

const char *eng_cuda_attend_cannot(uint32_t n_dim, uint32_t n_vdim, bool own_values, bool f32)
{
    if (n_vdim > 512)
        return "values of more than 512 elements";
    if (n_dim > 1024 || (!own_values && n_vdim > n_dim))
        return "keys of more than 1024 elements, or shorter than values that are part of them";
    for (int few = 0; few < 2; few++) {
        struct weir_attend_args a = {.n_dim = n_dim, .n_vdim = n_vdim, .group = 1};
        uint32_t shared;
        (void)kernel_of(&a, own_values, f32, few, &shared);
        if (shared + STATIC_ROOM > WEIR_SHARED_MOST)
            return "keys and values too long for a block's shared memory";
    }
    return NULL;
}

size_t eng_cuda_attend_counters(const struct eng_cuda_attend *p, uint32_t n)
{
    struct weir_attend_args a = p->a;
    uint32_t shared;
    (void)kernel_of(&a, a.near.v != NULL, p->f32, true, &shared);
    return (size_t)n * a.n_head_kv * a.row_blocks;
}

/* Rows of few go through parts where they are cut, and where they are rounded. */
static bool in_parts(const struct eng_cuda_attend *p)
{
    return chunks_of(p) > 1 || p->a.to.ints.q || p->a.to.bf16.q || p->leave;
}

size_t eng_cuda_attend_scratch(const struct eng_cuda_attend *p)
{
    struct weir_attend_args a = p->a;
    uint32_t shared;
    (void)kernel_of(&a, a.near.v != NULL, p->f32, true, &shared);
    if (!in_parts(p))
        return 0;
    return (size_t)chunks_of(p) * p->n_few * a.n_head_kv * a.rows_pad * (a.n_vdim + 2) *
           sizeof(float);
}

/* The tiles of one sort. */
static void attend(struct eng_cuda *d, const struct eng_cuda_attend *p, bool few)
{
    struct weir_attend_args a = p->a;
    uint32_t shared;
    struct kernel k = kernel_of(&a, a.near.v != NULL, p->f32, few, &shared);
    bool parts = few && in_parts(p);
    a.n_tile = few ? p->n_few : p->n_many;
    a.tile += few ? 0 : p->n_few;
    a.n_chunk = few ? chunks_of(p) : 1;
    if (!parts)
        a.chunk = 0;
    size_t rows = (size_t)a.n_chunk * a.n_tile * a.n_head_kv * a.rows_pad;
    a.part = p->scratch;
    a.part_ml = parts ? a.part + rows * a.n_vdim : NULL;
    if (!k.joins || p->leave)
        a.count = NULL;
    if (p->leave)
        *p->leave = a;
    eng_cuda_launch(d, k.k, (struct eng_cuda_dim){a.n_tile, a.n_head_kv * a.row_blocks, a.n_chunk},
                    (struct eng_cuda_dim){k.threads, 1, 1}, shared, &a, sizeof(a));
    if (parts && !a.count && !p->leave)
        eng_cuda_launch(d, ENG_CUDA_weir_attend_join,
                        (struct eng_cuda_dim){a.n_tile, a.n_head_kv * larger(FEW_ROWS, a.group), 1},
                        (struct eng_cuda_dim){128, 1, 1}, 0, &a, sizeof(a));
}

void eng_cuda_attend(struct eng_cuda *d, const struct eng_cuda_attend *p)
{
    if (p->n_few)
        attend(d, p, true);
    if (p->n_many)
        attend(d, p, false);
}
