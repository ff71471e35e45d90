/* route.h - which experts a token goes to, and which tokens go to an expert.
 *
 * As rows.h: the structs are the kernels' arguments (route.cu), the functions put launches into the
 * device's stream (launch_rows.c).
 */
#ifndef ENG_CUDA_ROUTE_H
#define ENG_CUDA_ROUTE_H

#include "engine/cuda/product.h"

#include <stdint.h>

struct eng_cuda;

#define WEIR_EXPERTS_MAX 1024u
#define WEIR_USED_MAX    64u

/* The routing of eng_route() (engine/cpu/ops.h): gating is an enum eng_gating, ties go to the lower
 * expert, a score that is no number counts as the lowest. Softmax sums in another order than the
 * CPU's: weights agree to rounding. With `given` the experts of a token are those of the row of its
 * id, and only weights are made. */
struct weir_route_args {
    const float *logits;  /* [n][n_expert] */
    const float *bias;    /* [n_expert] or NULL; for the choice alone */
    const int32_t *given; /* [n_vocab][n_used] or NULL */
    const int32_t *token; /* [n]; only with given */
    uint32_t *ids;        /* [n][n_used] by falling score */
    float *weights;       /* [n][n_used] */
    uint32_t n, n_expert, n_used, n_group, n_group_used, gating, normalise;
    float scale; /* of the weights, 0: 1 */
};

/* The (token, slot) pairs by expert. Pairs of one expert stand together, experts in order; within
 * an expert pairs stand in the order of tokens. `active` lists experts with pairs, in order, and
 * tiles of at most `rows` pairs each, for products that take a tile a block: tile i holds the pairs
 * tile_first[i] <= p < tile_first[i] + rows, as far as they are of expert tile_expert[i]. */
struct weir_group_args {
    const uint32_t *ids;            /* [n][n_used] */
    uint32_t *first;                /* [n_expert + 1] first pair of an expert */
    uint32_t *pair_of;              /* [n][n_used] pair of a slot */
    uint32_t *pair_row;             /* [n * n_used] token of a pair */
    float *pair_weight;             /* [n * n_used] weight of a pair; NULL: not wanted */
    const float *weights;           /* [n][n_used]; with pair_weight */
    uint32_t *active, *n_active;    /* [n_expert], [1] */
    uint32_t *tile_expert;          /* [weir_tiles_max()] or NULL: not wanted */
    uint32_t *tile_first, *n_tiles; /* with tile_expert */
    uint64_t *choices;              /* [n_expert] grows by the pairs of each; NULL: not counted */
    uint32_t n, n_used, n_expert, rows;
};

/* Both in one launch. */
struct weir_route_group_args {
    struct weir_route_args route;
    struct weir_group_args group;
};

/* All of it: logits = the product mm of F32 weights, then both, of the same tokens. */
struct weir_router_args {
    struct weir_mm_args mm;
    struct weir_route_args route;
    struct weir_group_args group;
    uint32_t *count; /* [(n + 7) / 8 + 1] zero */
    uint32_t warps;  /* that route; set by the launch */
};

/* Tiles that n_pairs pairs can make at most. */
static inline uint32_t weir_tiles_max(uint32_t n_pairs, uint32_t n_expert, uint32_t rows)
{
    uint32_t experts = n_pairs < n_expert ? n_pairs : n_expert;
    return experts + n_pairs / rows;
}

void eng_cuda_route(struct eng_cuda *d, const struct weir_route_args *a);
/* r first, then g, of the same tokens: one launch where few tokens make that worth it (a block then
 * does both), else two. n * n_used at most 2^20. */
void eng_cuda_route_group(struct eng_cuda *d, const struct weir_route_args *r,
                          const struct weir_group_args *g);
/* mm: as eng_cuda_mm takes it, F32, dense, one matrix. n at most WEIR_ROUTER_TOKENS. */
#define WEIR_ROUTER_TOKENS 64u
void eng_cuda_router(struct eng_cuda *d, const struct weir_router_args *a);
/* n * n_used at most 2^20. */
void eng_cuda_group(struct eng_cuda *d, const struct weir_group_args *a);

#endif
