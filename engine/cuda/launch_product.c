/* launch_product.c - the launches of round.cu and product_*.cu: which kernel, how many blocks.
 *
 * Runs on the thread that has the device; keeps nothing. Grids are chosen so that all
 * multiprocessors have work; what a row of weights and a row of activations give does not depend on
 * that choice. Errors stick in the device.
 */
#include "engine/cuda/driver.h"
#include "engine/cuda/product_any.h"

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
    m->form = p->form;
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

/* How a product is launched. */
struct plan {
    struct eng_cuda_dim grid, block;
    uint32_t shared;
    bool tile;
};

/* Fills in what of *b the launch sets. False: there is nothing to do. */
static bool plan(struct eng_cuda *d, enum eng_pack_form form, struct weir_mm_args *b,
                 uint32_t n_tok, uint32_t slots, struct plan *p)
{
    const bool rounds = b->pair && b->round.q;
    *p = (struct plan){.grid = {0, 1, 1}, .block = {0, 1, 1}, .tile = n_tok > WEIR_MV_ROWS};
    b->rows = weir_mm_rows(n_tok);
    if (!n_tok || !b->n_mats || (b->mode != WEIR_MM_EXPERT && !b->n_rows))
        return false;
    b->tiles = ceil_div(b->n_rows, b->rows);
    p->grid.y = b->mode == WEIR_MM_EXPERT ? slots + ceil_div(b->ride_rows, b->rows)
                : b->mode == WEIR_MM_EACH ? slots * b->tiles
                                          : b->tiles;
    if (form == ENG_FORM_F32) {
        b->warps = 1;
        p->block.x = 256;
    } else if (p->tile) {
        b->warps = groups_a_block(d, b, p->grid.y, WEIR_TILE_GROUPS, rounds ? 4 : 2);
        p->block.x = b->warps * 32;
        p->shared = tile_shared(b, eng_pack_layout(form)->acts == ENG_ACTS_INT);
    } else {
        uint32_t least = rounds ? WEIR_MV_GROUPS : b->tail.on ? 2 : 1; /* whole blocks of 32 */
        b->warps = groups_a_block(d, b, p->grid.y, WEIR_MV_GROUPS, least);
        p->block.x = b->warps * WEIR_MV_SPLIT * 32;
    }
    for (uint32_t i = 0; i < b->n_mats; i++) {
        b->mat[i].blocks =
            form == ENG_FORM_F32 ? b->mat[i].groups * 4 : ceil_div(b->mat[i].groups, b->warps);
        p->grid.x += b->mat[i].blocks;
    }
    return true;
}

/* Whether a launch has matrices of another form than its first. */
static bool mixed(const struct weir_mm_args *a)
{
    bool other = a->ride_rows && a->mat[1].form != a->mat[0].form;
    for (uint32_t i = 1; i < a->n_mats; i++)
        other |= a->mat[i].form != a->mat[0].form;
    return other;
}

void eng_cuda_mm(struct eng_cuda *d, enum eng_pack_form form, const struct weir_mm_args *a,
                 uint32_t n_tok, uint32_t slots)
{
    struct weir_mm_args b = *a;
    struct plan p;
    if (mixed(a)) {
        struct weir_any_args any = {.mm = *a};
        eng_cuda_any(d, &any, n_tok, slots);
    } else if (plan(d, form, &b, n_tok, slots, &p)) {
        eng_cuda_launch(d, KERNELS[form][p.tile], p.grid, p.block, p.shared, &b, sizeof(b));
    }
}

/* ---- forms known at the launch ---- */

bool eng_cuda_any_takes(enum eng_pack_form form)
{
    return form == ENG_FORM_Q8_0 || form == ENG_FORM_Q4_K || form == ENG_FORM_Q5_K ||
           form == ENG_FORM_Q6_K || form == ENG_FORM_IQ4_XS;
}

bool eng_cuda_absorb_takes(enum eng_pack_form k_b)
{
    return k_b == ENG_FORM_Q4_0 || k_b == ENG_FORM_Q5_0 || k_b == ENG_FORM_Q5_1 ||
           k_b == ENG_FORM_Q8_0 || k_b == ENG_FORM_IQ4_NL;
}

bool eng_cuda_values_takes(enum eng_pack_form v_b)
{
    return eng_cuda_absorb_takes(v_b) || v_b == ENG_FORM_Q3_K || v_b == ENG_FORM_Q4_K ||
           v_b == ENG_FORM_Q5_K || v_b == ENG_FORM_Q6_K || v_b == ENG_FORM_IQ4_XS;
}

/* Bytes of shared memory for 8 rows of n values, rounded (weir_small_acts). */
static uint32_t small_bytes(uint32_t n, uint32_t planes)
{
    return WEIR_MV_ROWS * (n / 64) * (planes * 64 + 24);
}

#define KEY_WARPS 4u

void eng_cuda_any(struct eng_cuda *d, const struct weir_any_args *a, uint32_t n_tok, uint32_t slots)
{
    struct weir_any_args b = *a;
    struct weir_absorb *k = &b.absorb;
    struct plan p;
    if (!plan(d, (enum eng_pack_form)a->mm.mat[0].form, &b.mm, n_tok, slots, &p))
        return;
    if (k->on) {
        uint32_t warps = p.block.x / 32, n = k->heads.q.n;
        uint32_t heads = small_bytes(k->heads.q.cut, k->planes) + warps * n * 4;
        k->key_warps = warps < KEY_WARPS ? warps : KEY_WARPS;
        k->first_key = p.grid.x;
        p.grid.x += k->heads.k.n_head ? ceil_div(k->n, k->key_warps) : 0;
        uint32_t keys = k->key_warps * k->heads.k.n * 4;
        p.shared = heads > p.shared ? heads : p.shared;
        p.shared = keys > p.shared ? keys : p.shared;
    }
    p.shared = p.shared ? p.shared : 16; /* the kernels name it whether it is used or not */
    eng_cuda_launch(d, p.tile ? ENG_CUDA_weir_tile_any : ENG_CUDA_weir_mv_any, p.grid, p.block,
                    p.shared, &b, sizeof(b));
}

void eng_cuda_values(struct eng_cuda *d, const struct weir_values_args *a)
{
    uint32_t threads = WEIR_MV_THREADS;
    uint32_t shared = small_bytes(a->at.n_vdim, a->planes) + WEIR_MV_ROWS * a->v_b.n_out * 4 +
                      threads / 32 * (WEIR_MV_SPLIT - 1) * 32 * 16 / 2;
    eng_cuda_launch(d, ENG_CUDA_weir_values,
                    (struct eng_cuda_dim){a->at.group, ceil_div(a->n, WEIR_MV_ROWS), a->n ? 1 : 0},
                    (struct eng_cuda_dim){threads, 1, 1}, shared, a, sizeof(*a));
}

void eng_cuda_glu(struct eng_cuda *d, const struct weir_glu_args *a)
{
    uint64_t all = a->rows * a->n;
    struct eng_cuda_dim grid = {(uint32_t)((all + 255) / 256), 1, 1}, block = {256, 1, 1};
    if (all)
        eng_cuda_launch(d, ENG_CUDA_weir_glu, grid, block, 0, a, sizeof(*a));
}
