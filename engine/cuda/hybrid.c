/* hybrid.c - slots for experts on the device: how many, what is in them, and how an expert gets
 * there. hybrid.h says what it is all for.
 *
 * Routed experts are handed over to the CPU's table when the model is loaded (tiles in host memory;
 * the file stays mapped, and a move reads it again). Slots come with the first cache: one arena for
 * all layers, as large as there is memory, after a part has been set aside for what steps take as
 * they go. A layer's part of the arena: the slots' matrices of its gate (and up, if these are
 * packed as a pair), of up, of down, then biases and scales in the order of slots. Kernels are
 * given slots as if they were experts, so nothing in them knows of any of this.
 *
 * Memory: about the file's experts once more in the host (tiles), plus the arena on the device.
 */
#include "engine/cuda/hybrid_int.h"

#include <stdlib.h>
#include <string.h>

#define ASIDE ((size_t)512 << 20) /* device memory for steps; less on small devices */

/* ---- which weights ---- */

static struct eng_hybrid_part *part_of(const struct eng_gpu *g, const struct eng_weight *w)
{
    struct eng_hybrid *h = g->hybrid;
    for (uint32_t i = 0; h && i < g->m->hp.n_layer; i++) {
        const struct eng_layer *y = &g->m->layers[i];
        const struct eng_weight *of[PARTS] = {&y->gate, &y->up, &y->down};
        for (int k = 0; y->moe && k < PARTS; k++)
            if (w == of[k]) {
                h->layers[i].moe = true;
                return &h->layers[i].part[k];
            }
    }
    return NULL;
}

bool eng_hybrid_takes(const struct eng_gpu *g, const struct eng_weight *w)
{
    return part_of(g, w) != NULL;
}

enum base_status eng_hybrid_new(struct eng_gpu *g, uint32_t slots, bool fit, uint32_t send_from,
                                struct base_err *err)
{
    const struct eng_hparams *hp = &g->m->hp;
    struct eng_hybrid *h = calloc(1, sizeof(*h));
    if (h)
        h->layers = calloc(hp->n_layer, sizeof(*h->layers));
    if (!h || !h->layers) {
        free(h);
        return base_err_set(err, BASE_ENOMEM, "out of memory for experts' places");
    }
    g->hybrid = h;
    h->g = g;
    h->slots = slots;
    h->fit = fit;
    h->send_from = send_from;
    h->n_expert = hp->moe.n_expert;
    h->n_used = hp->moe.n_used;
    return eng_hot_new(hp->n_layer, h->n_expert, &h->hot, err);
}

enum base_status eng_hybrid_weight(struct eng_gpu *g, struct eng_weight *w, struct base_err *err)
{
    struct eng_hybrid_part *p = part_of(g, w);
    p->model = w;
    p->rows = w->data;
    if (w->own) /* put together from several tensors: there is no file to read it from again */
        return BASE_OK;
    return eng_ops_cpu.weight(g->m, w, err);
}

/* ---- building ---- */

/* n floats of the device, in host memory; *out NULL if from is. */
static enum base_status fetch(struct eng_hybrid *h, const float *from, size_t n, float **out,
                              struct base_err *err)
{
    *out = NULL;
    if (!from)
        return BASE_OK;
    *out = malloc(n * sizeof(float));
    if (!*out)
        return base_err_set(err, BASE_ENOMEM, "out of memory for experts' biases");
    eng_cuda_download(h->g->d, *out, from, n * sizeof(float));
    return eng_cuda_sync(h->g->d, err);
}

static enum base_status plan_part(struct eng_hybrid_part *p, bool pair, uint32_t n_mat,
                                  struct base_err *err)
{
    const struct eng_weight *w = p->model;
    return eng_pack_plan(w->type, w->n_in, w->half ? w->half : w->n_out, n_mat, pair, &p->packed.p,
                         err);
}

/* Shapes of a layer's slots, as if there were one. */
static enum base_status plan_layer(struct eng_hybrid *h, struct eng_hybrid_layer *y,
                                   struct base_err *err)
{
    const struct eng_weight *gate = y->part[GATE].model, *up = y->part[UP].model;
    bool merged = gate->half != 0;
    bool same = !merged && up && gate->type == up->type && gate->n_in == up->n_in &&
                gate->n_out == up->n_out && !gate->bias == !up->bias && !gate->scale == !up->scale;
    enum base_status st = plan_part(&y->part[GATE], merged || same, 1, err);
    y->part[UP].in_pair = same;
    if (st == BASE_OK && up && !merged && !same)
        st = plan_part(&y->part[UP], false, 1, err);
    if (st == BASE_OK)
        st = plan_part(&y->part[DOWN], false, 1, err);
    y->expert_bytes = 0;
    for (int k = 0; st == BASE_OK && k < PARTS; k++) {
        struct eng_hybrid_part *p = &y->part[k];
        if (!p->model)
            continue;
        size_t outs = (size_t)p->model->n_out * h->n_expert;
        y->expert_bytes += p->packed.p.bytes;
        p->cpu = *p->model;
        st = fetch(h, p->model->bias, outs, &p->cpu.bias, err);
        if (st == BASE_OK)
            st = fetch(h, p->model->scale, h->n_expert, &p->cpu.scale, err);
    }
    return st;
}

/* Bytes of a layer's part of the arena with so many slots; where its pieces are if at is given. */
static uint64_t lay_out(struct eng_hybrid_layer *y, uint32_t slots, uint8_t *at)
{
    uint64_t n = 0;
    for (int k = 0; k < PARTS; k++) {
        struct eng_hybrid_part *p = &y->part[k];
        if (!p->model)
            continue;
        uint64_t bias = p->model->bias ? eng_hybrid_piece(4ull * slots * p->model->n_out) : 0;
        uint64_t scale = p->model->scale ? eng_hybrid_piece(4ull * slots) : 0;
        uint64_t weights = p->in_pair ? 0 : eng_hybrid_piece(p->packed.p.mat_bytes * slots);
        if (at) {
            p->packed.mem = p->in_pair ? NULL : at + n;
            p->packed.in_pair = p->in_pair;
            p->packed.p.n_mat = slots;
            p->packed.p.bytes = p->packed.p.mat_bytes * slots;
            p->bias = bias ? (float *)(void *)(at + n + weights) : NULL;
            p->scale = scale ? (float *)(void *)(at + n + weights + bias) : NULL;
            p->gpu = *p->model;
            p->gpu.n_mat = slots;
            p->gpu.bias = p->bias;
            p->gpu.scale = p->scale;
            p->gpu.dev = &p->packed;
        }
        n += weights + bias + scale;
    }
    return n;
}

static uint64_t arena_of(struct eng_hybrid *h, uint32_t slots, uint8_t *at)
{
    uint64_t n = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].moe)
            n += lay_out(&h->layers[l], slots, at ? at + n : NULL);
    return n;
}

/* The largest number of slots for which there is memory, down from what was asked for. */
static enum base_status take_arena(struct eng_hybrid *h, struct base_err *err)
{
    struct eng_cuda *d = h->g->d;
    bool fit = h->fit;
    uint32_t slots = h->slots > h->n_expert ? h->n_expert : h->slots;
    uint32_t step = h->n_expert / 64 ? h->n_expert / 64 : 1;
    size_t aside_bytes = eng_cuda_get_info(d)->memory / 16;
    void *aside = eng_cuda_alloc(d, aside_bytes < ASIDE ? aside_bytes : ASIDE);
    if (!aside && fit)
        slots = 0;
    for (; slots; slots = slots > step ? slots - step : 0) {
        h->arena = eng_cuda_alloc(d, arena_of(h, slots, NULL));
        if (h->arena || !fit)
            break;
    }
    eng_cuda_free(d, aside);
    if (slots && !h->arena)
        return base_err_set(err, BASE_ENOMEM,
                            "%s: out of device memory for %u experts of each layer (%llu MiB)",
                            eng_cuda_get_info(d)->name, slots,
                            (unsigned long long)(arena_of(h, slots, NULL) >> 20));
    h->slots = slots;
    if (slots)
        h->arena_bytes = arena_of(h, slots, h->arena);
    h->g->m->info.weight_bytes += h->arena_bytes;
    return BASE_OK;
}

/* ---- an expert's way to the device ---- */

void eng_hybrid_pack(const struct eng_hybrid_layer *y, uint32_t expert, uint8_t *out)
{
    for (int k = 0; k < PARTS; k++) {
        const struct eng_hybrid_part *p = &y->part[k];
        const struct eng_weight *w = p->model;
        if (!w || p->in_pair)
            continue;
        const uint8_t *rows = p->rows + (uint64_t)expert * w->n_out * w->row_bytes, *up = NULL;
        if (w->half)
            up = rows + (uint64_t)w->half * w->row_bytes;
        else if (k == GATE && y->part[UP].in_pair)
            up = y->part[UP].rows + (uint64_t)expert * w->n_out * w->row_bytes;
        eng_pack_rows(&p->packed.p, rows, up, w->row_bytes, 0, p->packed.p.groups, out);
        out += p->packed.p.mat_bytes;
    }
}

void eng_hybrid_put_at(struct eng_hybrid *h, struct eng_hybrid_layer *y, bool staged,
                       enum eng_hybrid_way way, uint32_t expert, uint32_t at, const uint8_t *packed)
{
    struct eng_cuda *d = h->g->d;
    for (int k = 0; k < PARTS; k++) {
        struct eng_hybrid_part *p = &y->part[k];
        const struct eng_weight *w = p->model, *to = staged ? &p->staged : &p->gpu;
        if (!w)
            continue;
        const struct eng_gpu_weight *x = to->dev;
        if (!p->in_pair) {
            (way == ENG_WAY_UP       ? eng_cuda_upload
             : way == ENG_WAY_BESIDE ? eng_cuda_upload_beside
                                     : eng_cuda_copy)(d, (uint8_t *)x->mem + x->p.mat_bytes * at,
                                                      packed, x->p.mat_bytes);
            packed += x->p.mat_bytes;
        }
        if (w->bias)
            eng_cuda_copy(d, to->bias + (size_t)at * w->n_out, w->bias + (size_t)expert * w->n_out,
                          w->n_out * sizeof(float));
        if (w->scale)
            eng_cuda_copy(d, to->scale + at, w->scale + expert, sizeof(float));
    }
}

/* The first experts of each layer into its slots; two pieces of pinned memory in turn. */
static enum base_status fill_slots(struct eng_hybrid *h, struct base_err *err)
{
    struct eng_cuda *d = h->g->d;
    uint64_t most = 0;
    uint32_t turn = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].expert_bytes > most)
            most = h->layers[l].expert_bytes;
    uint8_t *pinned = eng_cuda_host_alloc(d, 2 * most);
    if (!pinned)
        return base_err_set(err, BASE_ENOMEM, "no pinned memory for experts (%llu bytes)",
                            (unsigned long long)(2 * most));
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++) {
        struct eng_hybrid_layer *y = &h->layers[l];
        for (uint32_t e = 0; y->moe && e < h->slots; e++, turn ^= 1) {
            eng_cuda_fence_wait(d, turn);
            eng_hybrid_pack(y, e, pinned + turn * most);
            eng_hybrid_put_at(h, y, false, ENG_WAY_UP, e, e, pinned + turn * most);
            eng_cuda_fence(d, turn);
        }
    }
    enum base_status st = eng_cuda_sync(d, err);
    eng_cuda_host_free(d, pinned);
    return st;
}

enum base_status eng_hybrid_build(struct eng_gpu *g, struct base_err *err)
{
    struct eng_hybrid *h = g->hybrid;
    enum base_status st = BASE_OK;
    if (h->built)
        return BASE_OK;
    for (uint32_t l = 0; st == BASE_OK && l < g->m->hp.n_layer; l++)
        if (h->layers[l].moe && !h->hot.layers[l].slot_of) {
            st = plan_layer(h, &h->layers[l], err);
            if (st == BASE_OK)
                st = eng_hot_layer_new(&h->hot, l, err);
        }
    if (st == BASE_OK)
        st = take_arena(h, err);
    if (st == BASE_OK)
        st = eng_hot_slots(&h->hot, h->slots, err);
    if (st == BASE_OK)
        st = fill_slots(h, err);
    h->built = st == BASE_OK;
    h->cpu = *g->m;
    h->cpu.s = (struct eng_scratch){.rows = g->m->s.rows, .pairs = g->m->s.pairs};
    h->use = (struct eng_hybrid_use){
        .slots = h->slots, .n_expert = h->n_expert, .slot_bytes = h->arena_bytes};
    if (st == BASE_OK && h->slots && h->slots < h->n_expert)
        st = eng_hybrid_move_open(h, err);
    return st;
}

void eng_hybrid_free(struct eng_gpu *g)
{
    struct eng_hybrid *h = g->hybrid;
    if (!h)
        return;
    eng_hybrid_move_close(h);
    eng_hybrid_scratch_free(h);
    eng_cuda_free(g->d, h->arena);
    for (uint32_t l = 0; l < g->m->hp.n_layer; l++) {
        struct eng_hybrid_layer *y = &h->layers[l];
        for (int k = 0; k < PARTS; k++) {
            free(y->part[k].cpu.bias);
            free(y->part[k].cpu.scale);
        }
    }
    eng_hot_release(&h->hot);
    free(h->layers);
    free(h);
    g->hybrid = NULL;
}

void eng_hybrid_get(const struct eng_model *m, struct eng_hybrid_use *out)
{
    const struct eng_gpu *g = m->ops == &eng_ops_cpu ? NULL : eng_gpu_first(m);
    *out = g && g->hybrid ? g->hybrid->use : (struct eng_hybrid_use){0};
}

void eng_hybrid_calls(const struct eng_model *m, struct eng_cuda_calls *out)
{
    const struct eng_gpu *g = m->ops == &eng_ops_cpu ? NULL : eng_gpu_first(m);
    *out = (struct eng_cuda_calls){0};
    if (g && g->d)
        eng_cuda_get_calls(g->d, out);
}
