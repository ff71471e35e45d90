/* launch_rows.c - from shapes to grids: the kernels of rows.h, route.h, hyper.h and sample.h.
 *
 * Runs on the thread of the device; nothing blocks. A row's block has as many threads as the row
 * has elements, within limits: few for a short row, never more than a block may have.
 */
#include "engine/cuda/driver.h"
#include "engine/cuda/hyper.h"
#include "engine/cuda/route.h"
#include "engine/cuda/rows.h"
#include "engine/cuda/sample.h"
#include "engine/cuda/spread.h"

#define LANES        32u
#define FLAT_THREADS 256u /* of kernels whose threads take one element each */
#define ROW_THREADS  1024u
#define ROUTE_WARPS  4u
#define ROUTE_SHARED (40u << 10) /* bytes of a block beside its own arrays */
#define FEW_TOKENS   16u         /* that one block routes and groups */
#define FEW_WARPS    8u

static struct eng_cuda_dim dim(uint32_t x, uint32_t y)
{
    return (struct eng_cuda_dim){x, y, 1};
}

static uint32_t blocks(uint64_t n, uint32_t per)
{
    return (uint32_t)((n + per - 1) / per);
}

/* Whole warps, at most as many threads as elements or `most`. */
static uint32_t threads(uint32_t n, uint32_t most)
{
    uint32_t t = blocks(n, LANES) * LANES;
    return t < most ? t : most;
}

void eng_cuda_embed(struct eng_cuda *d, const struct weir_embed_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_embed, dim(blocks(a->n_embd, FLAT_THREADS), a->n),
                    dim(FLAT_THREADS, 1), 0, a, sizeof(*a));
}

void eng_cuda_angles(struct eng_cuda *d, const struct weir_angles_args *a)
{
    uint64_t pairs = (uint64_t)a->n * (a->n_rot / 2);
    eng_cuda_launch(d, ENG_CUDA_weir_angles, dim(blocks(pairs, FLAT_THREADS), 1),
                    dim(FLAT_THREADS, 1), 0, a, sizeof(*a));
}

void eng_cuda_norm(struct eng_cuda *d, const struct weir_norm_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_norm, dim(a->n, 1), dim(threads(a->n_in, ROW_THREADS), 1), 0,
                    a, sizeof(*a));
}

void eng_cuda_join(struct eng_cuda *d, const struct weir_join_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_join, dim(a->n, 1), dim(threads(a->n_embd, ROW_THREADS), 1), 0,
                    a, sizeof(*a));
}

void eng_cuda_gather(struct eng_cuda *d, const struct weir_gather_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_gather, dim(blocks(a->n_in, FLAT_THREADS), a->n),
                    dim(FLAT_THREADS, 1), 0, a, sizeof(*a));
}

void eng_cuda_logits(struct eng_cuda *d, const struct weir_logits_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_logits, dim(blocks(a->n_vocab, FLAT_THREADS), a->n),
                    dim(FLAT_THREADS, 1), 0, a, sizeof(*a));
}

void eng_cuda_side_in(struct eng_cuda *d, const struct weir_side_in_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_side_in, dim(a->n_layer, a->n),
                    dim(threads(a->n_side, FLAT_THREADS), 1), 0, a, sizeof(*a));
}

void eng_cuda_side_gate(struct eng_cuda *d, const struct weir_side_gate_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_side_gate, dim(blocks(a->n_side, FLAT_THREADS), a->n),
                    dim(FLAT_THREADS, 1), 0, a, sizeof(*a));
}

/* Bytes of shared memory that a warp needs for routing. */
static uint32_t route_room(const struct weir_route_args *a)
{
    return (2 * a->n_expert + a->n_group + (a->n_expert + 31) / 32) * 4;
}

static uint32_t route_warps(const struct weir_route_args *a, uint32_t most)
{
    uint32_t fit = ROUTE_SHARED / route_room(a);
    return fit < most ? fit : most;
}

void eng_cuda_route(struct eng_cuda *d, const struct weir_route_args *a)
{
    uint32_t warps = route_warps(a, ROUTE_WARPS);
    eng_cuda_launch(d, ENG_CUDA_weir_route, dim(blocks(a->n, warps), 1), dim(warps * LANES, 1),
                    warps * route_room(a), a, sizeof(*a));
}

void eng_cuda_group(struct eng_cuda *d, const struct weir_group_args *a)
{
    uint32_t wide = a->n * a->n_used > a->n_expert ? a->n * a->n_used : a->n_expert;
    eng_cuda_launch(d, ENG_CUDA_weir_group, dim(a->n ? 1 : 0, 1),
                    dim(threads(wide, ROW_THREADS), 1), 0, a, sizeof(*a));
}

void eng_cuda_route_group(struct eng_cuda *d, const struct weir_route_args *r,
                          const struct weir_group_args *g)
{
    if (r->n > FEW_TOKENS) {
        eng_cuda_route(d, r);
        eng_cuda_group(d, g);
        return;
    }
    struct weir_route_group_args a = {*r, *g};
    uint32_t warps = route_warps(r, r->n < FEW_WARPS ? FEW_WARPS : r->n);
    eng_cuda_launch(d, ENG_CUDA_weir_route_group, dim(r->n ? 1 : 0, 1), dim(warps * LANES, 1),
                    warps * route_room(r), &a, sizeof(a));
}

void eng_cuda_router(struct eng_cuda *d, const struct weir_router_args *a)
{
    struct weir_router_args b = *a;
    b.mm.rows = WEIR_MV_ROWS;
    b.mm.warps = 1;
    b.mm.tiles = blocks(a->route.n, WEIR_MV_ROWS);
    b.mm.mat[0].blocks = a->mm.mat[0].groups * 4;
    b.warps = route_warps(&a->route, WEIR_MV_ROWS);
    eng_cuda_launch(d, ENG_CUDA_weir_router, dim(b.mm.mat[0].blocks, b.mm.tiles), dim(256, 1),
                    b.warps * route_room(&a->route), &b, sizeof(b));
}

void eng_cuda_hyper_in(struct eng_cuda *d, const struct weir_hyper_in_args *a)
{
    uint32_t most = threads(a->n_embd, ROW_THREADS);
    eng_cuda_launch(d, ENG_CUDA_weir_hyper_in, dim(a->n, 1), dim(most, 1), 0, a, sizeof(*a));
}

void eng_cuda_hyper_out(struct eng_cuda *d, const struct weir_hyper_out_args *a)
{
    uint32_t most = threads(a->n_embd, ROW_THREADS);
    eng_cuda_launch(d, ENG_CUDA_weir_hyper_out, dim(a->n, 1), dim(most, 1), 0, a, sizeof(*a));
}

void eng_cuda_spread_tiles(struct eng_cuda *d, const struct weir_spread_tiles_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_spread_tiles, dim(1, 1),
                    dim(threads(a->n_here, FLAT_THREADS), 1), 0, a, sizeof(*a));
}

void eng_cuda_spread_sum(struct eng_cuda *d, const struct weir_spread_sum_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_spread_sum, dim(blocks(a->n_embd, FLAT_THREADS), a->n),
                    dim(FLAT_THREADS, 1), 0, a, sizeof(*a));
}

void eng_cuda_sample(struct eng_cuda *d, const struct weir_sample_args *a)
{
    eng_cuda_launch(d, ENG_CUDA_weir_sample, dim(a->n, 1), dim(ROW_THREADS, 1), 0, a, sizeof(*a));
}
