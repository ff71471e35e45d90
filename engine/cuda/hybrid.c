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

/* So many of `all` as this part is of the whole, what was given before left out. */
static uint32_t part_of_all(uint32_t all, const uint32_t *parts, uint32_t n, uint32_t at)
{
    uint64_t sum = 0, before = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += parts[i];
    for (uint32_t i = 0; i < at; i++)
        before += parts[i];
    if (sum == 0)
        return all * (at + 1) / n - all * at / n;
    return (uint32_t)(all * (before + parts[at]) / sum - all * before / sum);
}

enum base_status eng_hybrid_new(struct eng_gpu *g, const struct eng_hybrid_want *want,
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
    h->n_expert = hp->moe.n_expert;
    h->n_used = hp->moe.n_used;
    h->fit = want->fit;
    h->send_from = want->send_from;
    h->slots = want->slots > h->n_expert ? h->n_expert : want->slots;
    h->n_shares = want->spread ? g->set->n : 1;
    bool fill = want->fit && want->slots == ENG_EXPERTS_ALL; /* each as many as it has room for */
    for (uint32_t i = 0; i < h->n_shares; i++) {
        h->share[i].g = g->set->at[want->spread ? i : g->place];
        h->share[i].slots =
            fill || !want->spread ? h->slots : part_of_all(h->slots, want->parts, h->n_shares, i);
        h->share[i].mats = calloc(hp->n_layer, sizeof(*h->share[i].mats));
        if (!h->share[i].mats)
            return base_err_set(err, BASE_ENOMEM, "out of memory for experts' places");
    }
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

static enum base_status plan_part(struct eng_hybrid_part *p, bool pair, struct base_err *err)
{
    const struct eng_weight *w = p->model;
    return eng_pack_plan(w->type, w->n_in, w->half ? w->half : w->n_out, 1, pair, &p->p, err);
}

/* Shapes of a layer's slots, as if there were one. */
static enum base_status plan_layer(struct eng_hybrid *h, struct eng_hybrid_layer *y,
                                   struct base_err *err)
{
    const struct eng_weight *gate = y->part[GATE].model, *up = y->part[UP].model;
    bool merged = gate->half != 0;
    bool same = !merged && up && gate->type == up->type && gate->n_in == up->n_in &&
                gate->n_out == up->n_out && !gate->bias == !up->bias && !gate->scale == !up->scale;
    enum base_status st = plan_part(&y->part[GATE], merged || same, err);
    y->part[UP].in_pair = same;
    if (st == BASE_OK && up && !merged && !same)
        st = plan_part(&y->part[UP], false, err);
    if (st == BASE_OK)
        st = plan_part(&y->part[DOWN], false, err);
    y->expert_bytes = 0;
    for (int k = 0; st == BASE_OK && k < PARTS; k++) {
        struct eng_hybrid_part *p = &y->part[k];
        if (!p->model)
            continue;
        size_t outs = (size_t)p->model->n_out * h->n_expert;
        y->expert_bytes += p->p.bytes;
        p->cpu = *p->model;
        st = fetch(h, p->model->bias, outs, &p->cpu.bias, err);
        if (st == BASE_OK)
            st = fetch(h, p->model->scale, h->n_expert, &p->cpu.scale, err);
    }
    return st;
}

/* Bytes of a layer's part of a share's arena with so many slots; where its pieces are, if at is
 * given. */
static uint64_t lay_out(const struct eng_hybrid_layer *y, struct eng_hybrid_mats mats[PARTS],
                        uint32_t slots, uint8_t *at)
{
    uint64_t n = 0;
    for (int k = 0; k < PARTS; k++) {
        const struct eng_hybrid_part *p = &y->part[k];
        struct eng_hybrid_mats *o = &mats[k];
        if (!p->model)
            continue;
        uint64_t bias = p->model->bias ? eng_hybrid_piece(4ull * slots * p->model->n_out) : 0;
        uint64_t scale = p->model->scale ? eng_hybrid_piece(4ull * slots) : 0;
        uint64_t weights = p->in_pair ? 0 : eng_hybrid_piece(p->p.mat_bytes * slots);
        if (at) {
            o->packed = (struct eng_gpu_weight){.p = p->p, .in_pair = p->in_pair};
            o->packed.mem = p->in_pair ? NULL : at + n;
            o->packed.p.n_mat = slots;
            o->packed.p.bytes = p->p.mat_bytes * slots;
            o->gpu = *p->model;
            o->gpu.n_mat = slots;
            o->gpu.bias = bias ? (float *)(void *)(at + n + weights) : NULL;
            o->gpu.scale = scale ? (float *)(void *)(at + n + weights + bias) : NULL;
            o->gpu.dev = &o->packed;
        }
        n += weights + bias + scale;
    }
    return n;
}

static uint64_t arena_of(struct eng_hybrid *h, struct eng_hybrid_share *s, uint32_t slots,
                         uint8_t *at)
{
    uint64_t n = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].moe)
            n += lay_out(&h->layers[l], s->mats[l], slots, at ? at + n : NULL);
    return n;
}

/* The largest number of slots for which the device has memory, down from what was asked for. */
static enum base_status take_arena(struct eng_hybrid *h, struct eng_hybrid_share *s, uint32_t most,
                                   struct base_err *err)
{
    struct eng_cuda *d = s->g->d;
    uint32_t slots = s->slots < most ? s->slots : most;
    uint32_t step = h->n_expert / 64 ? h->n_expert / 64 : 1;
    size_t aside_bytes = eng_cuda_get_info(d)->memory / 16;
    void *aside = eng_cuda_alloc(d, aside_bytes < ASIDE ? aside_bytes : ASIDE);
    if (!aside && h->fit)
        slots = 0;
    for (; slots; slots = slots > step ? slots - step : 0) {
        s->arena = eng_cuda_alloc_as(d, ENG_USE_EXPERTS, arena_of(h, s, slots, NULL));
        if (s->arena || !h->fit)
            break;
    }
    eng_cuda_free(d, aside);
    if (slots && !s->arena)
        return base_err_set(err, BASE_ENOMEM,
                            "%s: out of device memory for %u experts of each layer (%llu MiB)",
                            eng_cuda_get_info(d)->name, slots,
                            (unsigned long long)(arena_of(h, s, slots, NULL) >> 20));
    s->slots = slots;
    if (slots)
        s->arena_bytes = arena_of(h, s, slots, s->arena);
    h->g->m->info.weight_bytes += s->arena_bytes;
    return BASE_OK;
}

/* Of every device that takes part. */
static enum base_status take_arenas(struct eng_hybrid *h, struct base_err *err)
{
    enum base_status st = BASE_OK;
    bool any = false;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        any = any || h->layers[l].moe;
    uint32_t left = any ? h->slots : 0;
    h->slots = 0;
    for (uint32_t i = 0; i < h->n_shares && st == BASE_OK; i++) {
        struct eng_hybrid_share *s = &h->share[i];
        st = take_arena(h, s, left - h->slots, err);
        s->first_slot = h->slots;
        h->slots += s->slots;
        h->use.slot_bytes += s->arena_bytes;
    }
    return st;
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
        eng_pack_rows(&p->p, rows, up, w->row_bytes, 0, p->p.groups, out);
        out += p->p.mat_bytes;
    }
}

/* n floats of expert `expert`, of the layer's device, which may be another. */
static void put_floats(const struct eng_hybrid *h, const struct eng_hybrid_share *s, float *to,
                       const float *device, const float *host, uint32_t expert, size_t n)
{
    bool here = s->g == h->g;
#if defined(WEIR_BUG_105) /* another device's biases as if they were this one's */
    here = true;
#endif
    if (here)
        eng_cuda_copy(s->g->d, to, device + expert * n, n * sizeof(float));
    else
        eng_cuda_upload(s->g->d, to, host + expert * n, n * sizeof(float));
}

void eng_hybrid_put_at(struct eng_hybrid *h, struct eng_hybrid_share *s, uint32_t layer,
                       bool staged, enum eng_hybrid_way way, uint32_t expert, uint32_t at,
                       const uint8_t *packed)
{
    struct eng_cuda *d = s->g->d;
    for (int k = 0; k < PARTS; k++) {
        const struct eng_hybrid_part *p = &h->layers[layer].part[k];
        const struct eng_hybrid_mats *o = &s->mats[layer][k];
        const struct eng_weight *w = p->model, *to = staged ? &o->staged : &o->gpu;
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
            put_floats(h, s, to->bias + (size_t)at * w->n_out, w->bias, p->cpu.bias, expert,
                       w->n_out);
        if (w->scale)
            put_floats(h, s, to->scale + at, w->scale, p->cpu.scale, expert, 1);
    }
}

/* The first experts of each layer into a device's slots; two pieces of pinned memory in turn. */
static enum base_status fill_slots(struct eng_hybrid *h, struct eng_hybrid_share *s,
                                   struct base_err *err)
{
    struct eng_cuda *d = s->g->d;
    uint64_t most = 0;
    uint32_t turn = 0;
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].expert_bytes > most)
            most = h->layers[l].expert_bytes;
    if (most == 0 || s->slots == 0)
        return BASE_OK;
    uint8_t *pinned = eng_cuda_host_alloc(d, 2 * most);
    if (!pinned)
        return base_err_set(err, BASE_ENOMEM, "no pinned memory for experts (%llu bytes)",
                            (unsigned long long)(2 * most));
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++) {
        const struct eng_hybrid_layer *y = &h->layers[l];
        for (uint32_t i = 0; y->moe && i < s->slots; i++, turn ^= 1) {
            uint32_t e = s->first_slot + i;
            eng_cuda_fence_wait(d, turn);
            eng_hybrid_pack(y, e, pinned + turn * most);
            eng_hybrid_put_at(h, s, l, false, ENG_WAY_UP, e, i, pinned + turn * most);
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
        st = take_arenas(h, err);
    if (st == BASE_OK)
        st = eng_hot_slots(&h->hot, h->slots, err);
    for (uint32_t i = 0; i < h->n_shares && st == BASE_OK; i++)
        st = fill_slots(h, &h->share[i], err);
    h->built = st == BASE_OK;
    h->cpu = *g->m;
    h->cpu.s = (struct eng_scratch){.rows = g->m->s.rows, .pairs = g->m->s.pairs};
    h->use.slots = h->slots;
    h->use.n_expert = h->n_expert;
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
    for (uint32_t i = 0; i < h->n_shares; i++) {
        if (h->share[i].g)
            eng_cuda_free(h->share[i].g->d, h->share[i].arena);
        free(h->share[i].mats);
    }
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

/* ---- what has happened ---- */

struct eng_hybrid *eng_hybrid_of_layer(const struct eng_model *m, uint32_t layer)
{
    const struct eng_gpus *all = m->ops == &eng_ops_cpu || !m->dev ? NULL : eng_gpus_of(m);
    return all && layer < m->hp.n_layer ? all->at[eng_place_of(m, layer)]->hybrid : NULL;
}

/* Whether any layer with experts is of this device. */
static bool has_experts(const struct eng_hybrid *h)
{
    for (uint32_t l = 0; l < h->g->m->hp.n_layer; l++)
        if (h->layers[l].moe)
            return true;
    return false;
}

void eng_hybrid_get(const struct eng_model *m, struct eng_hybrid_use *out)
{
    const struct eng_gpus *all = m->ops->host || !m->dev ? NULL : eng_gpus_of(m);
    *out = (struct eng_hybrid_use){0};
    for (uint32_t i = 0; all && i < all->n; i++) {
        const struct eng_hybrid *h = all->at[i]->hybrid;
        if (!h || !has_experts(h))
            continue;
        const struct eng_hybrid_use *u = &h->use;
        out->slots = out->n_expert && out->slots < u->slots ? out->slots : u->slots;
        out->n_expert = h->use.n_expert;
        out->on_device += u->on_device;
        out->on_cpu += u->on_cpu;
        out->sent += u->sent;
        out->moves += u->moves;
        out->moved_bytes += u->moved_bytes;
        out->sent_bytes += u->sent_bytes;
        out->slot_bytes += u->slot_bytes;
    }
}

void eng_hybrid_calls(const struct eng_model *m, struct eng_cuda_calls *out)
{
    const struct eng_gpus *all = m->ops->host || !m->dev ? NULL : eng_gpus_of(m);
    *out = (struct eng_cuda_calls){0};
    for (uint32_t i = 0; all && i < all->n; i++) {
        struct eng_cuda_calls c = {0};
        if (all->at[i]->d)
            eng_cuda_get_calls(all->at[i]->d, &c);
        out->launches += c.launches;
        out->copies += c.copies;
        out->graphs += c.graphs;
        out->waits += c.waits;
        out->fences += c.fences;
        out->bytes_up += c.bytes_up;
        out->bytes_down += c.bytes_down;
        out->bytes_peer += c.bytes_peer;
    }
}
