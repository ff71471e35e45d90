/* spread.h - experts of a layer that lie on several devices: each device's tiles, and the sums of
 * what they give.
 *
 * As rows.h: the structs are the kernels' arguments (spread.cu), the functions put launches into
 * the device's stream (launch_rows.c).
 */
#ifndef ENG_CUDA_SPREAD_H
#define ENG_CUDA_SPREAD_H

#include <stdint.h>

struct eng_cuda;

#define WEIR_SPREAD_DEVICES 16u

/* Of pairs sorted by expert (route.h), the tiles of experts expert0.. expert0 + n_here - 1, which
 * are numbered from 0 in tile_expert; else as weir_group_args lists them. */
struct weir_spread_tiles_args {
    const uint32_t *first; /* [n_expert + 1] */
    uint32_t *tile_expert, *tile_first, *n_tiles;
    uint32_t expert0, n_here, rows;
};

/* out[t] = the sum over the slots of token t, in order, whose expert is one of expert0.. expert0 +
 * n_here - 1, of weights[t][k] * y[pair_of[t][k]] (1 without weights); then + others[0][t] + ... in
 * order. */
struct weir_spread_sum_args {
    const float *y;                /* [n * n_used][n_embd]; rows of other experts are not read */
    const uint32_t *ids, *pair_of; /* [n][n_used] */
    const float *weights;          /* [n][n_used] or NULL */
    float *out;                    /* [n][n_embd] */
    const float *others[WEIR_SPREAD_DEVICES];
    uint32_t n, n_used, n_embd, expert0, n_here, n_others;
};

void eng_cuda_spread_tiles(struct eng_cuda *d, const struct weir_spread_tiles_args *a);
void eng_cuda_spread_sum(struct eng_cuda *d, const struct weir_spread_sum_args *a);

#endif
