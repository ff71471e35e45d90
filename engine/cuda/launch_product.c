/* launch_product.c - the launches of round.cu and product_*.cu: which kernel, how many blocks.
 *
 * Runs on the thread that has the device; keeps nothing. Grids are chosen so that all
 * multiprocessors have work; what a row of weights and a row of activations give does not depend on
 * that choice. Errors stick in the device.
 */
#include "engine/cuda/driver.h"
#include "engine/cuda/product.h"

#define ROUND_THREADS 256

static uint32_t planes_of(enum eng_pack_acts kind, uint32_t planes)
{
    if (kind == ENG_ACTS_INT)
        return planes < 2 ? 2 : planes > WEIR_PLANES_MAX ? WEIR_PLANES_MAX : planes;
    return kind == ENG_ACTS_F16 ? 2 : kind == ENG_ACTS_BF16 ? 3 : 0;
}

static size_t padded(size_t n)
{
    return (n + 255) / 256 * 256;
}

/* Of the three parts of a buffer. */
static void acts_sizes(enum eng_pack_acts kind, uint32_t rows, uint32_t n_in, uint32_t planes,
                       size_t size[3])
{
    size_t units = (n_in + (kind == ENG_ACTS_INT ? 63 : 31)) / (kind == ENG_ACTS_INT ? 64 : 32);
    size[0] = padded(rows * units * planes_of(kind, planes) * 64);
    size[1] = kind == ENG_ACTS_INT   ? padded(rows * units * 16)
              : kind == ENG_ACTS_F16 ? padded((size_t)rows * 4)
                                     : 0;
    size[2] = kind == ENG_ACTS_INT ? padded(rows * units * 8) : 0;
}

size_t weir_acts_bytes(enum eng_pack_acts kind, uint32_t rows, uint32_t n_in, uint32_t planes)
{
    size_t size[3];
    acts_sizes(kind, rows, n_in, planes, size);
    return size[0] + size[1] + size[2];
}

struct weir_acts weir_acts_at(enum eng_pack_acts kind, uint32_t rows, uint32_t n_in,
                              uint32_t planes, const float *x, void *buffer)
{
    size_t size[3];
    uint8_t *p = buffer;
    struct weir_acts a = {.x = x, .n_in = n_in, .planes = planes_of(kind, planes)};
    acts_sizes(kind, rows, n_in, planes, size);
    a.units = (n_in + (kind == ENG_ACTS_INT ? 63 : 31)) / (kind == ENG_ACTS_INT ? 64 : 32);
    if (size[0])
        a.q = p;
    if (size[1])
        a.info = (float *)(p + size[0]);
    if (size[2])
        a.half = (float *)(p + size[0] + size[1]);
    return a;
}

void eng_cuda_round(struct eng_cuda *d, enum eng_pack_acts kind, const struct weir_round_args *a)
{
    static const enum eng_cuda_kernel kernel[ENG_ACTS_KINDS] = {
        [ENG_ACTS_F32] = ENG_CUDA_weir_round_f32,
        [ENG_ACTS_INT] = ENG_CUDA_weir_round_int,
        [ENG_ACTS_F16] = ENG_CUDA_weir_round_f16,
        [ENG_ACTS_BF16] = ENG_CUDA_weir_round_bf16,
    };
    struct eng_cuda_dim grid = {a->rows, 1, 1}, block = {ROUND_THREADS, 1, 1};
    if (a->rows)
        eng_cuda_launch(d, kernel[kind], grid, block, 0, a, sizeof(*a));
}

uint32_t weir_mm_rows(uint32_t n_tok)
{
    return n_tok <= WEIR_MV_ROWS ? WEIR_MV_ROWS : WEIR_TILE_ROWS;
}

void weir_mat_from(struct weir_mat *m, const struct eng_pack *p, const void *device)
{
    m->w = device;
    m->mat_bytes = p->mat_bytes;
    m->group_bytes = p->group_bytes;
    m->n_out = p->n_out;
    m->groups = p->groups;
}

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/* Row groups a block: as many as can be with two blocks for each multiprocessor, at least `least`.
 */
static uint32_t groups_a_block(struct eng_cuda *d, const struct weir_mm_args *a, uint32_t slots,
                               uint32_t most, uint32_t least)
{
    uint64_t all = 0, want = 2 * (uint64_t)eng_cuda_get_info(d)->n_sm;
    for (uint32_t i = 0; i < a->n_mats; i++)
        all += a->mat[i].groups;
    while (most > least && all * slots / most < want)
        most /= 2;
    return most;
}

static uint32_t tile_shared(const struct weir_mm_args *a, bool ints)
{
    uint32_t stages = WEIR_TILE_STAGES * WEIR_TILE_ROWS * (a->acts.planes * 64 + (ints ? 16 : 0));
    uint32_t wide = a->tail.on ? 16 : a->pair && a->round.q ? 8 : 0;
    uint32_t room = WEIR_TILE_ROWS * a->warps * wide * 4;
    return stages > room ? stages : room;
}

#define FORM(name, F) [ENG_FORM_##F] = {ENG_CUDA_weir_mv_##name, ENG_CUDA_weir_tile_##name}

static const enum eng_cuda_kernel KERNELS[ENG_FORMS][2] = {
    [ENG_FORM_F32] = {ENG_CUDA_weir_mv_f32, ENG_CUDA_weir_mv_f32},
    FORM(f16, F16),
    FORM(bf16, BF16),
    FORM(q4_0, Q4_0),
    FORM(q4_1, Q4_1),
    FORM(q5_0, Q5_0),
    FORM(q5_1, Q5_1),
    FORM(q8_0, Q8_0),
    FORM(q2_k, Q2_K),
    FORM(q3_k, Q3_K),
    FORM(q4_k, Q4_K),
    FORM(q5_k, Q5_K),
    FORM(q6_k, Q6_K),
    FORM(iq4_nl, IQ4_NL),
    FORM(iq4_xs, IQ4_XS),
    FORM(mxfp4, MXFP4),
    FORM(nvfp4, NVFP4),
};

void eng_cuda_mm(struct eng_cuda *d, enum eng_pack_form form, const struct weir_mm_args *a,
                 uint32_t n_tok, uint32_t slots)
{
    struct weir_mm_args b = *a;
    struct eng_cuda_dim grid = {0, 1, 1}, block = {0, 1, 1};
    const bool tile = n_tok > WEIR_MV_ROWS, rounds = a->pair && a->round.q;
    uint32_t shared = 0;
    b.rows = weir_mm_rows(n_tok);
    if (!n_tok || !a->n_mats || (a->mode != WEIR_MM_EXPERT && !a->n_rows))
        return;
    b.tiles = ceil_div(a->n_rows, b.rows);
    grid.y = a->mode == WEIR_MM_EXPERT ? slots + ceil_div(a->ride_rows, b.rows)
             : a->mode == WEIR_MM_EACH ? slots * b.tiles
                                       : b.tiles;
    if (form == ENG_FORM_F32) {
        b.warps = 1;
        block.x = 256;
    } else if (tile) {
        b.warps = groups_a_block(d, a, grid.y, WEIR_TILE_GROUPS, rounds ? 4 : 2);
        block.x = b.warps * 32;
        shared = tile_shared(&b, eng_pack_layout(form)->acts == ENG_ACTS_INT);
    } else {
        uint32_t least = rounds ? WEIR_MV_GROUPS : a->tail.on ? 2 : 1; /* whole blocks of 32 */
        b.warps = groups_a_block(d, a, grid.y, WEIR_MV_GROUPS, least);
        block.x = b.warps * WEIR_MV_SPLIT * 32;
    }
    for (uint32_t i = 0; i < b.n_mats; i++) {
        b.mat[i].blocks =
            form == ENG_FORM_F32 ? b.mat[i].groups * 4 : ceil_div(b.mat[i].groups, b.warps);
        grid.x += b.mat[i].blocks;
    }
    eng_cuda_launch(d, KERNELS[form][tile], grid, block, shared, &b, sizeof(b));
}

void eng_cuda_glu(struct eng_cuda *d, const struct weir_glu_args *a)
{
    uint64_t all = a->rows * a->n;
    struct eng_cuda_dim grid = {(uint32_t)((all + 255) / 256), 1, 1}, block = {256, 1, 1};
    if (all)
        eng_cuda_launch(d, ENG_CUDA_weir_glu, grid, block, 0, a, sizeof(*a));
}
