/* index.h - the indexer of sparse attention on a CUDA device: scores of keys, and the choice of the
 * cells that a token sees (model_index.c says what for). Its keys and queries are normed, turned
 * and put into pages by weir_heads.
 *
 * The choice is a list in ascending order, not bits: attention then loads the keys that count and
 * no others. Of equal scores the first cells are taken.
 */
#ifndef ENG_CUDA_INDEX_H
#define ENG_CUDA_INDEX_H

#include "engine/cuda/attend.h"

/* scores[t][j] = sum over heads of w[t][h] max(0, q[t][h] . k[j]) for the n keys that token t's
 * sequence has: (cell + 1) / ratio. Tokens with n <= top_k have no need of scores and get none. */
struct weir_index_args {
    const float *q, *w; /* [tokens][n_head][n_dim], [tokens][n_head] */
    const void *k;      /* [page][WEIR_PAGE][n_dim] */
    const int32_t *table;
    const struct weir_tile *tile;
    const uint32_t *seq, *cell;
    float *scores; /* [tokens][scores_each] */
    uint64_t scores_each;
    uint32_t stride, n_head, n_dim, ratio, top_k;
    uint32_t ld; /* of rows in shared memory, in elements */
};

/* pick[t][0..n_pick[t]): the top_k cells with the largest scores, or all n. */
struct weir_choose_args {
    const float *scores;
    const uint32_t *cell;
    uint32_t *pick, *n_pick;
    uint64_t scores_each;
    uint32_t pick_each, ratio, top_k;
};

#define WEIR_INDEX_HEADS 16 /* that a block takes at a time */

/* launch_heads.c. n_tile tiles of eng_cuda_tiles (of few rows and of many alike); n_keys: no token
 * has more. NULL or why lengths cannot be taken, as eng_cuda_attend_cannot. */
const char *eng_cuda_index_cannot(uint32_t n_dim, bool f32);
void eng_cuda_index(struct eng_cuda *d, const struct weir_index_args *a, uint32_t n_tile,
                    uint32_t n_keys, bool f32);
void eng_cuda_choose(struct eng_cuda *d, const struct weir_choose_args *a, uint32_t n_tok);

#endif
