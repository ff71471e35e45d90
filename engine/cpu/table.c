/* table.c - the CPU's table of operators: memory, weights, and which function is which operator.
 *
 * One table for the fast kernels and for the textbook ones: m->kernels says which. Device addresses
 * are host addresses; a step's operators run as they are called and cannot fail, so end() has
 * nothing to tell.
 *
 * Weights stay where they lie in the mapped file, except that for the fast kernels quantised ones
 * are copied once into the order that those like (tile.h; about the same size), and the file's
 * pages given back to the system.
 */
#include "engine/cpu/table.h"
#include "engine/cpu/tile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE (1u << 21)

static enum base_status cpu_open(struct eng_model *m, struct base_err *err)
{
    (void)err;
    m->kv_bytes = sizeof(float);
    return BASE_OK;
}

static void cpu_close(struct eng_model *m)
{
    (void)m;
}

/* ---- memory ---- */

/* Large pieces are the system's own pages, which it hands out when they are first written. */
static enum base_status cpu_take(const struct eng_model *m, uint32_t place, enum eng_memory_use use,
                                 uint64_t bytes, void **out, struct base_err *err)
{
    (void)use;
    void *p = NULL;
    *out = NULL;
    (void)m;
    (void)place;
    if (bytes > PTRDIFF_MAX || posix_memalign(&p, 256, bytes ? bytes : 1) != 0)
        return base_err_set(err, BASE_ENOMEM, "out of memory (%llu bytes)",
                            (unsigned long long)bytes);
    *out = p;
    return BASE_OK;
}

static void cpu_give(const struct eng_model *m, void *p)
{
    (void)m;
    free(p);
}

static void cpu_copy(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    (void)m;
    memcpy(dst, src, bytes);
}

static void cpu_zero(const struct eng_model *m, void *dst, uint64_t bytes)
{
    (void)m;
    memset(dst, 0, bytes);
}

static enum base_status cpu_vector(struct eng_model *m, void **x, uint64_t bytes,
                                   struct base_err *err)
{
    (void)m;
    (void)x;
    (void)bytes;
    (void)err;
    return BASE_OK;
}

/* ---- weights ---- */

#define TILES_PER_TASK 16

static void pack_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct eng_weight *w = ctx;
    uint64_t end = (uint64_t)(task + 1) * TILES_PER_TASK;
    (void)thread;
    for (uint64_t i = (uint64_t)task * TILES_PER_TASK; i < end && i < w->mat_tiles * w->n_mat; i++)
        eng_tile_pack(w, (uint32_t)(i / w->mat_tiles), (uint32_t)(i % w->mat_tiles));
}

void eng_weight_drop(const struct eng_tensor *t)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t a = ((uintptr_t)t->data + page - 1) / page * page;
    uintptr_t b = ((uintptr_t)t->data + t->nbytes) / page * page;
    if (b > a)
        (void)madvise((void *)a, b - a, MADV_DONTNEED);
}

static enum base_status cpu_weight(struct eng_model *m, struct eng_weight *w, struct base_err *err)
{
    w->mat_tiles = (w->n_out + ENG_TILE - 1) / ENG_TILE;
    w->tile_bytes = eng_tile_bytes(w->type, w->n_in);
    /* kernels begin at whole tiles: a second half that does not leaves the matrix as it is */
    if (!m->kernels->mm_tiles || !w->tile_bytes || w->half % ENG_TILE)
        return BASE_OK;
    size_t bytes = w->tile_bytes * w->mat_tiles * w->n_mat;
    void *p = NULL;
    if (posix_memalign(&p, bytes >= HUGE_PAGE ? HUGE_PAGE : 64, bytes) != 0)
        return base_err_set(err, BASE_ENOMEM, "out of memory for weights (%zu bytes)", bytes);
    if (bytes >= HUGE_PAGE)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    w->tiles = p;
    w->rounded = true;
    /* n_out is below 2^24 and n_mat below 2^10: at most 2^26 tiles */
    uint64_t tasks = (w->mat_tiles * w->n_mat + TILES_PER_TASK - 1) / TILES_PER_TASK;
    for (uint64_t t = 0; tasks > ENG_TASKS_MAX && t < tasks; t++)
        pack_task(w, (uint32_t)t, 0);
    if (tasks <= ENG_TASKS_MAX)
        eng_pool_run(m->pool, (uint32_t)tasks, pack_task, w);
    m->info.weight_bytes += bytes;
    if (!w->own)
        eng_weight_drop(w->tensor);
    else
        m->info.weight_bytes -= w->row_bytes * w->n_out * w->n_mat;
    free(w->own);
    w->own = NULL;
    w->data = NULL;
    return BASE_OK;
}

static void cpu_weight_free(struct eng_model *m, struct eng_weight *w)
{
    (void)m;
    free(w->tiles);
    w->tiles = NULL;
}

static enum base_status cpu_table(struct eng_model *m, struct eng_weight *w, struct base_err *err)
{
    (void)m;
    (void)w;
    (void)err;
    return BASE_OK;
}

static void cpu_acts_bytes(const struct eng_model *m, uint64_t values, uint64_t *q, uint64_t *qi)
{
    *q = values / ENG_QBLOCK * eng_act_bytes(m->planes);
    *qi = values / ENG_QBLOCK * sizeof(struct eng_qinfo);
}

static uint32_t cpu_head_rows(const struct eng_model *m)
{
    (void)m;
    return 0;
}

/* ---- caches ---- */

/* Scores of one thread's attention, in floats. */
static uint64_t scores_of(const struct eng_model *m, uint32_t n_ctx)
{
    uint64_t rows = ENG_ATTEND_ROWS, cells = eng_cells(n_ctx);
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        if (y->mixer != ENG_MIX_DELTA && m->hp.n_head / y->n_head_kv > rows)
            rows = m->hp.n_head / y->n_head_kv;
        if (eng_cells(n_ctx) + eng_more_cells(y, n_ctx) > cells)
            cells = eng_cells(n_ctx) + eng_more_cells(y, n_ctx);
    }
    return cells * rows + 2 * ENG_KEY_BLOCK;
}

static uint64_t cpu_cache_bytes(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    (void)n_seq;
    return 4 * (uint64_t)eng_pool_threads(m->pool) * scores_of(m, n_ctx);
}

static void cpu_cache_close(struct eng_cache *c)
{
    struct eng_cpu_scratch *x = c->dev;
    if (x)
        free(x->scores);
    free(x);
    c->dev = NULL;
}

static enum base_status cpu_cache_open(struct eng_cache *c, struct base_err *err)
{
    struct eng_cpu_scratch *x = c->dev = calloc(1, sizeof(*x));
    if (x) {
        x->each = (size_t)scores_of(c->m, c->n_ctx);
        x->scores = calloc(x->each * eng_pool_threads(c->m->pool), sizeof(*x->scores));
    }
    if (!x || !x->scores)
        return base_err_set(err, BASE_ENOMEM, "out of memory for scores");
    return BASE_OK;
}

static void cpu_choices(const struct eng_model *m)
{
    (void)m; /* group() adds to them itself */
}

static enum base_status cpu_end(struct eng_fwd *f, struct base_err *err)
{
    (void)f;
    (void)err;
    return BASE_OK;
}

const struct eng_ops eng_ops_cpu = {
    .name = "cpu",
    .host = true,
    .open = cpu_open,
    .close = cpu_close,
    .take = cpu_take,
    .give = cpu_give,
    .upload = cpu_copy,
    .download = cpu_copy,
    .copy = cpu_copy,
    .zero = cpu_zero,
    .weight = cpu_weight,
    .weight_free = cpu_weight_free,
    .table = cpu_table,
    .vector = cpu_vector,
    .acts_bytes = cpu_acts_bytes,
    .head_rows = cpu_head_rows,
    .cache_open = cpu_cache_open,
    .cache_close = cpu_cache_close,
    .cache_bytes = cpu_cache_bytes,
    .choices = cpu_choices,
    .begin = eng_cpu_begin,
    .end = cpu_end,
    .embed = eng_cpu_embed,
    .keep = eng_cpu_keep,
    .scale = eng_cpu_scale,
    .head = eng_cpu_head,
    .prepare = eng_cpu_prepare,
    .norm = eng_cpu_norm,
    .linear = eng_cpu_linear,
    .linear_each = eng_cpu_linear_each,
    .assign = eng_cpu_assign,
    .add = eng_cpu_add,
    .residual = eng_cpu_residual,
    .ungate = eng_cpu_ungate,
    .gate = eng_cpu_gate,
    .heads = eng_cpu_heads,
    .attend = eng_cpu_attend,
    .latent_split = eng_cpu_latent_split,
    .latent_gather = eng_cpu_latent_gather,
    .index = eng_cpu_index,
    .squeeze = eng_cpu_squeeze,
    .pick = eng_cpu_pick,
    .regroup = eng_cpu_regroup,
    .delta_conv = eng_cpu_delta_conv,
    .delta_step = eng_cpu_delta_step,
    .delta_gate = eng_cpu_delta_gate,
    .route = eng_cpu_route,
    .group = eng_cpu_group,
    .ffn = eng_cpu_ffn,
    .combine = eng_cpu_combine,
    .shared = eng_cpu_shared,
    .hyper_in = eng_cpu_hyper_in,
    .hyper_out = eng_cpu_hyper_out,
    .side_inputs = eng_cpu_side_inputs,
    .side_gate = eng_cpu_side_gate,
};
