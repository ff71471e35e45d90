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

#define MARGIN ((size_t)256 << 20) /* of device memory, for scratch and the smallest cache */

_Static_assert(ENG_USES == ENG_CUDA_USES && ENG_USE_SCRATCH == 0, "what memory is for");

static struct eng_gpu *gpu(const struct eng_model *m)
{
    return eng_gpu_first(m);
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
    size_t margin = i->emulated ? 0 : MARGIN + eng_gpu_blas_planned(g);
    bool moe = m->hp.moe.n_expert != 0;
    g->weights = eng_gpu_weights_planned(m, true);
    if (moe && m->split_experts)
        return eng_hybrid_new(g,
                              &(struct eng_hybrid_want){.slots = m->gpu_experts,
                                                        .fit = m->split_fit,
                                                        .send_from = m->send_from},
                              err);
    if (g->weights + margin <= i->memory_free)
        return BASE_OK;
    if (moe && eng_gpu_weights_planned(m, false) + margin <= i->memory_free)
        return eng_hybrid_new(g,
                              &(struct eng_hybrid_want){.slots = ENG_EXPERTS_ALL,
                                                        .fit = true,
                                                        .send_from = ENG_HYBRID_SEND_FROM},
                              err);
    return base_err_set(err, BASE_ENOMEM,
                        "%s has %zu MiB free; the weights of this model need %llu MiB and %zu "
                        "beside them",
                        i->name, i->memory_free >> 20, (unsigned long long)(g->weights >> 20),
                        MARGIN >> 20);
}

static enum base_status gpu_open(struct eng_model *m, struct base_err *err)
{
    m->kv_bytes = m->kv_f32 ? 4 : 2;
    enum base_status st = check_lengths(m, err);
    if (st == BASE_OK)
        st = eng_gpus_open(m, err);
    if (st == BASE_OK && eng_gpus_of(m)->n == 1 && !m->paper_of)
        st = make_room(gpu(m), err);
    return st == BASE_OK ? eng_gpus_reserve(m, err) : st;
}

static bool gpu_lost(const struct eng_model *m)
{
    const struct eng_gpus *all = eng_gpus_of(m);
    bool lost = false;
    for (uint32_t i = 0; i < all->n; i++)
        lost = lost || eng_cuda_lost(all->at[i]->d);
    return lost;
}

static bool gpu_memory(const struct eng_model *m, uint32_t place, struct eng_model_memory *out)
{
    const struct eng_gpus *all = eng_gpus_of(m);
    struct eng_cuda_memory n;
    struct eng_cuda_calls c;
    if (place >= all->n)
        return false;
    const struct eng_cuda *d = all->at[place]->d;
    eng_cuda_memory(d, &n);
    eng_cuda_get_calls(d, &c);
    *out = (struct eng_model_memory){.name = eng_cuda_get_info(d)->name,
                                     .ordinal = eng_cuda_get_info(d)->ordinal,
                                     .reserved = n.reserved,
                                     .used = n.used,
                                     .peak = n.peak,
                                     .from_host = c.bytes_up,
                                     .to_host = c.bytes_down,
                                     .from_devices = c.bytes_peer};
    for (uint32_t u = 0; u < ENG_USES; u++)
        out->by[u] = n.by[u];
    return true;
}

static void gpu_close(struct eng_model *m)
{
    const struct eng_gpus *all = eng_gpus_of(m);
    for (uint32_t i = 0; all && i < all->n; i++)
        eng_hybrid_free(all->at[i]);
    eng_gpus_close(m);
}

static uint32_t gpu_places(const struct eng_model *m)
{
    return m->dev ? eng_gpus_of(m)->n : 1;
}

static uint32_t gpu_place_of(const struct eng_model *m, uint32_t l)
{
    const struct eng_gpus *all = eng_gpus_of(m);
    uint32_t p = 0;
    while (all && p + 1 < all->n && l >= all->first_layer[p + 1])
        p++;
    return p;
}

static void gpu_loading(struct eng_model *m, uint32_t place)
{
    eng_gpus_of(m)->loading = place;
}

/* ---- memory ---- */

static enum base_status gpu_take(const struct eng_model *m, uint32_t place, enum eng_memory_use use,
                                 uint64_t bytes, void **out, struct base_err *err)
{
    struct eng_cuda *d = eng_gpus_of(m)->at[place]->d;
    *out = eng_cuda_alloc_as(d, use, bytes ? bytes : 1);
    if (*out)
        return BASE_OK;
    return base_err_set(err, BASE_ENOMEM, "%s: out of device memory (%llu bytes)",
                        eng_cuda_get_info(d)->name, (unsigned long long)bytes);
}

static void gpu_give(const struct eng_model *m, void *p)
{
    struct eng_gpus *all = eng_gpus_of(m);
    struct eng_gpu *g = eng_gpu_at(m, p);
    if (!g) {
        free(p); /* a vector that never became the device's */
        return;
    }
    for (uint32_t i = 0; i < all->n_copies; i++)
        for (uint32_t k = 1; all->copies[i].at[0] == p && k < all->n; k++) {
            eng_cuda_free(all->at[k]->d, all->copies[i].at[k]);
            all->copies[i].at[k] = NULL;
        }
    eng_cuda_free(g->d, p);
}

static void gpu_upload(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    eng_cuda_upload(eng_gpu_at(m, dst)->d, dst, src, bytes);
}

static void gpu_download(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    struct eng_cuda *d = eng_gpu_at(m, src)->d;
    if (gpu(m)->f) /* a probe wants what was put off */
        eng_gpu_settle(gpu(m)->f);
    eng_cuda_download(d, dst, src, bytes);
    if (!eng_cuda_wait(d))
        memset(dst, 0, bytes);
}

static void gpu_copy(const struct eng_model *m, void *dst, const void *src, uint64_t bytes)
{
    eng_cuda_copy(eng_gpu_at(m, dst)->d, dst, src, bytes);
}

static void gpu_zero(const struct eng_model *m, void *dst, uint64_t bytes)
{
    eng_cuda_fill(eng_gpu_at(m, dst)->d, dst, 0, bytes);
}

static enum base_status gpu_vector(struct eng_model *m, void **x, uint64_t bytes,
                                   struct base_err *err)
{
    struct eng_gpus *all = eng_gpus_of(m);
    bool shared = all->loading == ENG_EVERYWHERE && all->n > 1;
    uint32_t first = all->loading == ENG_EVERYWHERE ? 0 : all->loading;
    struct eng_gpu_copies c = {{0}};
    enum base_status st = BASE_OK;
    for (uint32_t p = first; p < (shared ? all->n : first + 1) && st == BASE_OK; p++) {
        st = gpu_take(m, p, ENG_USE_WEIGHTS, bytes, &c.at[p], err);
        if (st == BASE_OK)
            eng_cuda_upload(all->at[p]->d, c.at[p], *x, bytes);
    }
    if (st == BASE_OK && shared && all->n_copies == ENG_GPU_COPIES)
        st = base_err_set(err, BASE_EBUG, "more vectors for all devices than there is room for");
    if (st != BASE_OK) {
        for (uint32_t p = 0; p < all->n; p++)
            eng_cuda_free(all->at[p]->d, c.at[p]);
        return st;
    }
    if (shared)
        all->copies[all->n_copies++] = c;
    free(*x);
    *x = c.at[first];
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
    const struct eng_gpus *all = eng_gpus_of(c->m);
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++)
        if (all->at[i]->hybrid)
            st = eng_hybrid_build(all->at[i], err);
    return st;
}

static void gpu_cache_close(struct eng_cache *c)
{
    eng_gpu_graphs_drop(eng_gpus_of(c->m), c);
}

static void gpu_choices(const struct eng_model *m)
{
    const struct eng_gpus *all = eng_gpus_of(m);
    size_t n = (size_t)m->hp.n_layer * m->hp.moe.n_expert;
    uint64_t *now = malloc(n * sizeof(*now));
    for (uint32_t p = 0; now && p < all->n; p++) {
        uint64_t *counted = all->at[p]->choices;
        if (!counted)
            continue;
        gpu_download(m, now, counted, n * sizeof(*now));
        gpu_zero(m, counted, n * sizeof(*now));
        for (size_t i = 0; i < n; i++)
            m->choices[i] += now[i];
    }
    free(now);
}

const struct eng_ops eng_ops_cuda = {
    .name = "cuda",
    .values_in_keys = true,
    .open = gpu_open,
    .lost = gpu_lost,
    .memory = gpu_memory,
    .close = gpu_close,
    .places = gpu_places,
    .place_of = gpu_place_of,
    .loading = gpu_loading,
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
    .layer = eng_gpu_layer,
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
