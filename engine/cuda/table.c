/* table.c - CUDA's table of operators: the device of a model, its memory, and which function is
 * which operator.
 *
 * Keys and values are halves in the cache, unless the model was opened with 32-bit ones. Before
 * anything is taken, open() compares what the file's weights will need with what the device has
 * free, so that a model that cannot fit says so at once. Norms, biases and the like become the
 * device's by a copy; the table of embeddings stays in the host's memory (ops_step.c).
 *
 * An error of the device itself stays: every later step fails with it (driver.h), and the process
 * that runs the engine ends so that its supervisor starts another (process.c).
 */
#include "engine/cuda/table.h"
#include "engine/cuda/hybrid.h"

#include <stdlib.h>
#include <string.h>

#define SEND_FROM 256                 /* tokens of a slice: docs/cuda-model.md */
#define MARGIN    ((size_t)256 << 20) /* of device memory, for scratch and the smallest cache */

static struct eng_gpu *gpu(const struct eng_model *m)
{
    return m->dev;
}

/* Lengths that kernels do not take. */
static enum base_status check_lengths(const struct eng_model *m, struct base_err *err)
{
    bool f32 = m->kv_bytes == 4;
    for (uint32_t l = 0; l < m->hp.n_layer; l++) {
        const struct eng_layer *y = &m->layers[l];
        const char *why = NULL;
        if (y->mixer != ENG_MIX_DELTA)
            why = eng_cuda_attend_cannot(y->n_dim, y->n_vdim, y->mixer == ENG_MIX_GROUPED, f32);
        if (!why && y->indexed)
            why = eng_cuda_index_cannot(m->hp.index.n_dim, f32);
        if (why)
            return base_err_set(err, BASE_EINVAL,
                                "this model does not run on a CUDA device: layer %u has %s", l,
                                why);
    }
    return BASE_OK;
}

/* Whether the weights will fit, all of them or without experts of the layers (hybrid.h). */
static enum base_status make_room(struct eng_gpu *g, struct base_err *err)
{
    const struct eng_cuda_info *i = eng_cuda_get_info(g->d);
    const struct eng_model *m = g->m;
    size_t margin = i->emulated ? 0 : MARGIN;
    bool moe = m->hp.moe.n_expert != 0;
    g->weights = eng_gpu_weights_planned(m, true);
    if (moe && m->split_experts)
        return eng_hybrid_new(g, m->gpu_experts, m->send_from, err);
    if (g->weights + margin <= i->memory_free)
        return BASE_OK;
    if (moe && eng_gpu_weights_planned(m, false) + margin <= i->memory_free)
        return eng_hybrid_new(g, ENG_EXPERTS_FIT, SEND_FROM, err);
    return base_err_set(err, BASE_ENOMEM,
                        "%s has %zu MiB free; the weights of this model need %llu MiB and %zu "
                        "beside them",
                        i->name, i->memory_free >> 20, (unsigned long long)(g->weights >> 20),
                        MARGIN >> 20);
}

static enum base_status gpu_open(struct eng_model *m, struct base_err *err)
{
    struct eng_gpu *g = calloc(1, sizeof(*g));
    if (!g)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a device");
    m->dev = g;
    g->m = m;
    m->kv_bytes = m->kv_f32 ? 4 : 2;
    enum base_status st = check_lengths(m, err);
    if (st == BASE_OK)
        st = eng_cuda_open(m->device == ENG_DEVICE_EMULATED ? ENG_CUDA_EMULATED : ENG_CUDA_HARDWARE,
                           &g->d, err);
    if (st != BASE_OK)
        return st;
    return make_room(g, err);
}

static bool gpu_lost(const struct eng_model *m)
{
    return eng_cuda_lost(gpu(m)->d);
}

static void gpu_close(struct eng_model *m)
{
    struct eng_gpu *g = gpu(m);
    if (!g)
        return;
    eng_hybrid_free(g);
    if (g->d)
        eng_gpu_step_free(g);
    eng_cuda_close(g->d);
    free(g->taken);
    free(g);
    m->dev = NULL;
}

/* ---- memory ---- */

static enum base_status gpu_take(const struct eng_model *m, uint64_t bytes, void **out,
                                 struct base_err *err)
{
    struct eng_gpu *g = gpu(m);
    *out = NULL;
    if (g->n_taken == g->cap_taken) {
        size_t cap = g->cap_taken ? 2 * g->cap_taken : 256;
        void **more = realloc(g->taken, cap * sizeof(*more));
        if (!more)
            return base_err_set(err, BASE_ENOMEM, "out of memory for a list of %zu pieces", cap);
        g->taken = more;
        g->cap_taken = cap;
    }
    *out = eng_cuda_alloc(g->d, bytes ? bytes : 1);
    if (*out)
        g->taken[g->n_taken++] = *out;
    else
        return base_err_set(err, BASE_ENOMEM, "%s: out of device memory (%llu bytes)",
                            eng_cuda_get_info(gpu(m)->d)->name, (unsigned long long)bytes);
    return BASE_OK;
}

static void gpu_give(const struct eng_model *m, void *p)
{
    struct eng_gpu *g = gpu(m);
    for (size_t i = g ? g->n_taken : 0; p && i-- > 0;)
        if (g->taken[i] == p) {
            g->taken[i] = g->taken[--g->n_taken];
            eng_cuda_free(g->d, p);
            return;
        }
    free(p); /* a vector that never became the device's */
}

static void gpu_upload(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    eng_cuda_upload(gpu(m)->d, dst, src, bytes);
}

static void gpu_download(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    if (gpu(m)->f) /* a probe wants what was put off */
        eng_gpu_settle(gpu(m)->f);
    eng_cuda_download(gpu(m)->d, dst, src, bytes);
    if (!eng_cuda_wait(gpu(m)->d))
        memset(dst, 0, bytes);
}

static void gpu_copy(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    eng_cuda_copy(gpu(m)->d, dst, src, bytes);
}

static void gpu_zero(const struct eng_model *m, void *dst, uint64_t bytes)
{
    eng_cuda_fill(gpu(m)->d, dst, 0, bytes);
}

static enum base_status gpu_vector(struct eng_model *m, void **x, uint64_t bytes,
                                   struct base_err *err)
{
    void *p;
    enum base_status st = gpu_take(m, bytes, &p, err);
    if (st != BASE_OK)
        return st;
    eng_cuda_upload(gpu(m)->d, p, *x, bytes);
    free(*x);
    *x = p;
    return BASE_OK;
}

static enum base_status gpu_table(struct eng_model *m, struct eng_weight *w, struct base_err *err)
{
    (void)m;
    (void)w;
    (void)err;
    return BASE_OK;
}

static void gpu_acts_bytes(const struct eng_model *m, uint64_t values, uint64_t *q, uint64_t *qi)
{
    (void)m; /* rounded activations have memory of the table's own */
    (void)values;
    *q = *qi = 0;
}

static uint64_t gpu_cache_bytes(const struct eng_model *m, uint32_t n_seq, uint32_t n_ctx)
{
    (void)m;
    (void)n_seq;
    (void)n_ctx;
    return 0;
}

static enum base_status gpu_cache_open(struct eng_cache *c, struct base_err *err)
{
    struct eng_gpu *g = gpu(c->m);
    return g->hybrid ? eng_hybrid_build(g, err) : BASE_OK;
}

static void gpu_cache_close(struct eng_cache *c)
{
    eng_gpu_graphs_drop(gpu(c->m), c);
}

static void gpu_choices(const struct eng_model *m)
{
    struct eng_gpu *g = gpu(m);
    size_t n = (size_t)m->hp.n_layer * m->hp.moe.n_expert;
    uint64_t *now = g->choices ? malloc(n * sizeof(*now)) : NULL;
    if (!now)
        return;
    gpu_download(m, now, g->choices, n * sizeof(*now));
    gpu_zero(m, g->choices, n * sizeof(*now));
    for (size_t i = 0; i < n; i++)
        m->choices[i] += now[i];
    free(now);
}

const struct eng_ops eng_ops_cuda = {
    .name = "cuda",
    .values_in_keys = true,
    .open = gpu_open,
    .lost = gpu_lost,
    .close = gpu_close,
    .take = gpu_take,
    .give = gpu_give,
    .upload = gpu_upload,
    .download = gpu_download,
    .copy = gpu_copy,
    .zero = gpu_zero,
    .weight = eng_gpu_weight,
    .weight_free = eng_gpu_weight_free,
    .table = gpu_table,
    .vector = gpu_vector,
    .acts_bytes = gpu_acts_bytes,
    .head_rows = eng_gpu_head_rows,
    .cache_open = gpu_cache_open,
    .cache_close = gpu_cache_close,
    .cache_bytes = gpu_cache_bytes,
    .choices = gpu_choices,
    .begin = eng_gpu_begin,
    .end = eng_gpu_end,
    .embed = eng_gpu_embed,
    .keep = eng_gpu_keep,
    .scale = eng_gpu_scale,
    .head = eng_gpu_head,
    .draw = eng_gpu_draw,
    .prepare = eng_gpu_prepare,
    .norm = eng_gpu_norm,
    .linear = eng_gpu_linear,
    .linear_each = eng_gpu_linear_each,
    .assign = eng_gpu_assign,
    .add = eng_gpu_add,
    .residual = eng_gpu_residual,
    .ungate = eng_gpu_nothing,
    .gate = eng_gpu_nothing,
    .heads = eng_gpu_heads,
    .attend = eng_gpu_attend,
    .latent_split = eng_gpu_latent_split,
    .latent_gather = eng_gpu_nothing,
    .index = eng_gpu_index,
    .squeeze = eng_gpu_squeeze,
    .pick = eng_gpu_pick,
    .regroup = eng_gpu_regroup,
    .delta_conv = eng_gpu_nothing,
    .delta_step = eng_gpu_delta_step,
    .delta_gate = eng_gpu_delta_gate,
    .route = eng_gpu_route,
    .group = eng_gpu_group,
    .ffn = eng_gpu_ffn,
    .combine = eng_gpu_combine,
    .shared = eng_gpu_shared,
    .hyper_in = eng_gpu_hyper_in,
    .hyper_out = eng_gpu_hyper_out,
    .side_inputs = eng_gpu_side_inputs,
    .side_gate = eng_gpu_side_gate,
};
