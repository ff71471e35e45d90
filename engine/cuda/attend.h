/* attend.h - attention on pages of keys and values, on a CUDA device: what kernels take, and the
 * host functions that launch them (launch_attend.c).
 *
 * Pages: WEIR_PAGE cells each. Keys of a layer stand as [page][n_head_kv][WEIR_PAGE][n_dim], values
 * as [page][n_head_kv][WEIR_PAGE][n_vdim]; elements are halves or floats. A table names, per
 * sequence, the page of its cells 64 i to 64 i + 63; -1 where there is none, and such a page is
 * never touched. Cell j of a sequence is its token j; base[seq] is the position of cell 0.
 *
 * A token at cell c sees the cells first(c) <= j <= c: all, those of its window, or those of its
 * chunk of positions; or, with a list, the cells that the list names. Behind them it may see cells
 * of a second set of pages ("far": the compressed keys of DeepSeek V4), the first (c + 1) / ratio
 * or those that a list names.
 *
 * Work: tiles, each of tokens that follow one another in one sequence (weir_tile). Tiles of few
 * rows (rows: tokens times query heads of a key head) are cut along the keys, too, in up to about
 * `parts` chunks of at least `chunk` cells, which are joined in ascending order: by the block that
 * is the last to have its part, or, where that would be a lot for a few blocks, in a second launch.
 * Where a chunk begins depends on the tile alone, so a token's result does not depend on what else
 * is in the batch; it does depend, in the last bits, on whether its run was long or short.
 *
 * Halves whose rows are multiples of 16 bytes go through tensor cores (attend_mma.cuh): queries are
 * rounded to halves, each row scaled by a power of two first; weights of the softmax as well; sums
 * are floats. Everything else goes through plain multiply-adds of floats (attend_fma.cuh).
 */
#ifndef ENG_CUDA_ATTEND_H
#define ENG_CUDA_ATTEND_H

#include "engine/cuda/product.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_PAGE          64
#define WEIR_ATTEND_CHUNKS 64           /* parts of a row at most */
#define WEIR_SHARED_MOST   (99u * 1024) /* that every GPU from sm_80 on gives a block */

/* Tokens t0.. of the batch, n of them, in one sequence at consecutive cells. */
struct weir_tile {
    uint32_t t0, n;
};

/* A set of pages. */
struct weir_cells {
    const void *k, *v;      /* v NULL: a cell's value is the beginning of its key */
    const int32_t *table;   /* [n_seq][stride] */
    const uint32_t *pick;   /* [tokens][pick_each] cells in ascending order, or NULL: no list */
    const uint32_t *n_pick; /* [tokens] */
    uint32_t stride, pick_each;
};

struct weir_attend_args {
    struct weir_cells near, far; /* far.k NULL: none */
    const float *q;              /* head h of token t at q + t q_token + h q_head */
    const struct weir_tile *tile;
    const uint32_t *seq, *cell, *base; /* [tokens], [tokens], [n_seq] */
    const float *sinks;                /* [n_head] or NULL */
    const float *gate;                 /* outputs are multiplied by its sigmoid; or NULL */
    float *out;
    float *part;    /* [chunks][tiles][n_head_kv][rows_pad][n_vdim], not yet divided; or unused */
    float *part_ml; /* [chunks][tiles][n_head_kv][rows_pad][2]: largest score, sum of weights */
    uint64_t q_token, q_head, gate_token, gate_head, out_token, out_head;
    /* Rows of few, cut or not: outputs rounded, head h of token t to row t to_token + h to_head
     * from value 32 h to_at on, `out` is then not written. n_vdim is a multiple of 32. */
    struct weir_planes to;
    uint32_t to_token, to_head, to_at;
    uint32_t *count; /* a word for each tile, key head and block of rows; zero. NULL: parts are
                        joined by a launch of their own */
    float scale;
    uint32_t n_head_kv, group; /* group: query heads of a key head */
    uint32_t n_dim, n_vdim;
    uint32_t window, n_chunk_pos, ratio; /* 0: none; ratio of far cells without a list */
    uint32_t chunk;                      /* cells at least, a multiple of 64; 0: rows not cut */
    /* what eng_cuda_attend fills in: */
    uint32_t n_tile, rows_pad, row_blocks, parts, n_chunk;
    uint32_t ld_k, ld_v;                      /* elements between rows in shared memory */
    uint32_t at_k, at_v, at_p, stage, stages; /* bytes: stages, values in one, weights */
    uint32_t lanes_k, lanes_v;                /* that load a row */
};

/* ---- the host's side: launch_attend.c ---- */

struct eng_cuda;

/* Attention of a layer over the tiles that eng_cuda_tiles made. */
struct eng_cuda_attend {
    struct weir_attend_args a; /* all up to `chunk`, part and part_ml excepted */
    bool f32;                  /* cells are floats, else halves */
    uint32_t n_few, n_many;    /* tiles */
    uint32_t n_cells;          /* no sequence of the batch has more: bounds the launch's grid and
                                  the scratch, changes no result; n_ctx will do */
    void *scratch;             /* device memory of eng_cuda_attend_scratch bytes */
    /* Not NULL: parts are left as they are, for whoever is given these arguments (product_any.h).
     * Only rows of few, of one key head. */
    struct weir_attend_args *leave;
};

/* Cuts a batch of n tokens into tiles for layers in which `group` query heads share a key head:
 * first those of few rows, *n_few of them, then the others; returns how many in all. out has room
 * for n tiles. alone: a tile a token, as attention with lists needs. Pure. */
uint32_t eng_cuda_tiles(const uint32_t *seq, const uint32_t *cell, uint32_t n, uint32_t group,
                        bool alone, struct weir_tile *out, uint32_t *n_few);
/* What `chunk` should be for sequences of up to n_ctx tokens. Pure; constant for a cache. */
uint32_t eng_cuda_attend_chunk(uint32_t n_ctx);
/* Words that p->a.count needs for n tiles. Pure. */
size_t eng_cuda_attend_counters(const struct eng_cuda_attend *p, uint32_t n);
/* Bytes that p->scratch needs; p->scratch itself is not looked at. Pure. */
size_t eng_cuda_attend_scratch(const struct eng_cuda_attend *p);
/* NULL, or in half a sentence why there is no kernel for these lengths ("keys of ..."). Static;
 * own_values: values stand apart from keys. Pure. */
const char *eng_cuda_attend_cannot(uint32_t n_dim, uint32_t n_vdim, bool own_values, bool f32);
/* One to three launches; does not block. Errors stick in d. */
void eng_cuda_attend(struct eng_cuda *d, const struct eng_cuda_attend *p);

#endif
