/* gpus.c - the devices of a model: opened, planned for, and a step's way from one to the next.
 *
 * Split by layers, a device has a range of layers with their cache and scratch. A step begins on
 * the first; where the next layer is another device's, the residual stream (and what layers get of
 * the tokens' own embeddings) is sent there, and the step goes on with that device's scratch. What
 * the host knows of the step was brought to all of them at its beginning. Nothing waits on the
 * host: a device begins when what it needs has come (driver_peer.c). Logits and sampling are on the
 * device of the last layer.
 *
 * Split by experts, the first device has all layers but for the experts, and each device some of
 * every layer's (ops_spread.c).
 *
 * Which layers or experts go where is the planner's word (engine/plan), with the memory that each
 * device has free: `weir model plan` says the same beforehand. Vectors that every layer needs
 * (angles' frequencies, norms without weights) are on every device; the model knows the first one's
 * copy.
 *
 * A decode step is one graph over all devices (ops_step.c): the first begins recording, the others
 * take part from where they wait for one that does.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"
#include "engine/plan/plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- placement ---- */

/* What is asked of the planner: the devices' free memory, and the cache that was announced. */
static struct eng_plan_ask ask_of(const struct eng_model *m, const struct eng_gpus *all)
{
    struct eng_plan_ask ask = {.n_gpu = all->n,
                               .split = m->opts.split == ENG_SPLIT_EXPERTS ? ENG_PLAN_BY_EXPERTS
                                                                           : ENG_PLAN_BY_LAYERS,
                               .context = m->opts.n_ctx ? m->opts.n_ctx : 4096,
                               .parallel = m->opts.n_seq ? m->opts.n_seq : 1,
                               .cache_tokens = m->opts.n_tokens};
    for (uint32_t i = 0; i < all->n; i++)
        ask.gpu[i].bytes = eng_cuda_get_info(all->at[i]->d)->memory_free;
    return ask;
}

static enum base_status cut_layers(struct eng_model *m, struct eng_gpus *all,
                                   const struct eng_plan *p, struct base_err *err)
{
    for (uint32_t i = 0; i < all->n; i++) {
        all->first_layer[i] = p->device[i].layer0;
        if (p->device[i].n_layers == 0)
            return base_err_set(err, BASE_EINVAL,
                                "the model's %u layers cannot be cut into %u parts: take fewer "
                                "GPUs",
                                m->hp.n_layer, all->n);
    }
    return BASE_OK;
}

static enum base_status cut_experts(struct eng_model *m, struct eng_gpus *all,
                                    const struct eng_plan *p, struct base_err *err)
{
    if (m->hp.moe.n_expert == 0)
        return base_err_set(err, BASE_EINVAL,
                            "the model has no experts to split: take --split layers");
    all->spread = true;
    for (uint32_t i = 0; i < all->n; i++)
        all->first_expert[i + 1] = all->first_expert[i] + p->device[i].experts;
    return BASE_OK;
}

/* Experts on devices and on the CPU: as many as were asked for, or as there is room for. */
static enum base_status share_experts(struct eng_model *m, struct eng_gpus *all,
                                      const struct eng_plan *p, struct base_err *err)
{
    struct eng_hybrid_want want = {.slots = m->split_experts ? m->gpu_experts : ENG_EXPERTS_ALL,
                                   .fit = m->split_experts ? m->split_fit : true,
                                   .send_from =
                                       m->split_experts ? m->send_from : ENG_HYBRID_SEND_FROM,
                                   .spread = all->spread};
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < all->n; i++)
        want.parts[i] = p->device[i].experts;
    for (uint32_t i = 0; i < (all->spread ? 1 : all->n) && st == BASE_OK; i++)
        st = eng_hybrid_new(all->at[i], &want, err);
    return st;
}

/* As the planner says; one device has everything. */
static enum base_status place(struct eng_model *m, struct eng_gpus *all, struct base_err *err)
{
    struct eng_plan_sizes z;
    struct eng_plan p;
    for (uint32_t i = 0; i <= all->n; i++)
        all->first_layer[i] = i ? m->hp.n_layer : 0;
    if (all->n == 1)
        return BASE_OK;
    enum base_status st = eng_plan_sizes_of(m, &z, err);
    if (st != BASE_OK)
        return st;
    struct eng_plan_ask ask = ask_of(m, all);
    eng_plan(&z, &ask, &p);
    eng_plan_sizes_release(&z);
    if (p.fit == ENG_PLAN_NONE)
        return base_err_set(err, BASE_ENOMEM,
                            "the model does not fit on %u GPUs: %llu MiB are missing", all->n,
                            (unsigned long long)(p.missing >> 20));
    st = ask.split == ENG_PLAN_BY_LAYERS ? cut_layers(m, all, &p, err)
                                         : cut_experts(m, all, &p, err);
    if (st == BASE_OK && m->hp.moe.n_expert && (p.fit == ENG_PLAN_HYBRID || m->split_experts))
        st = share_experts(m, all, &p, err);
    return st;
}

enum base_status eng_gpus_open(struct eng_model *m, struct base_err *err)
{
    enum eng_cuda_kind kind =
        m->device == ENG_DEVICE_EMULATED ? ENG_CUDA_EMULATED : ENG_CUDA_HARDWARE;
    const struct eng_gpus *like = m->paper_of ? eng_gpus_of(m->paper_of) : NULL;
    struct eng_gpus *all = m->dev = calloc(1, sizeof(*all));
    uint32_t n = m->opts.n_gpus ? m->opts.n_gpus : 1;
    if (!all)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a device");
    if (n > ENG_PLACES_MAX)
        return base_err_set(err, BASE_EINVAL, "at most %d GPUs, not %u", ENG_PLACES_MAX, n);
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < n && st == BASE_OK; i++) {
        struct eng_gpu *g = all->at[all->n] = calloc(1, sizeof(*g));
        if (!g)
            return base_err_set(err, BASE_ENOMEM, "out of memory for a device");
        *g = (struct eng_gpu){.m = m, .set = all, .place = all->n++};
        if (!like)
            st = eng_cuda_open(kind, m->opts.gpus_told ? m->opts.gpu[i] : i, &g->d, err);
        else if (!(g->d = eng_cuda_paper(like->at[i]->d)))
            st = base_err_set(err, BASE_ENOMEM, "out of memory for a device");
        if (st == BASE_OK && like)
            g->blas = like->at[i]->blas; /* that there is one; not used */
        else if (st == BASE_OK)
            st = eng_gpu_blas_open(g, err);
    }
    all->now = all->at[0];
    if (st != BASE_OK || !like)
        return st == BASE_OK ? place(m, all, err) : st;
    all->spread = like->spread;
    memcpy(all->first_layer, like->first_layer, sizeof(all->first_layer));
    memcpy(all->first_expert, like->first_expert, sizeof(all->first_expert));
    return BASE_OK;
}

void eng_gpus_close(struct eng_model *m)
{
    struct eng_gpus *all = eng_gpus_of(m);
    if (!all)
        return;
    if (all->n && all->at[0]->d)
        eng_gpu_graphs_drop(all, NULL);
    for (uint32_t i = 0; i < all->n; i++)
        if (all->at[i]->d)
            eng_gpu_step_free(all->at[i]);
    for (uint32_t i = all->n; i-- > 0;) {
        eng_cuda_close(all->at[i]->d);
        free(all->at[i]);
    }
    free(all);
    m->dev = NULL;
}

/* ---- addresses ---- */

struct eng_gpu *eng_gpu_at(const struct eng_model *m, const void *p)
{
    const struct eng_gpus *all = eng_gpus_of(m);
    for (uint32_t i = 0; all && p && i < all->n; i++)
        if (all->at[i]->d && eng_cuda_owns(all->at[i]->d, p))
            return all->at[i];
    return NULL;
}

const float *eng_gpu_copy(const struct eng_gpu *g, const float *x)
{
    const struct eng_gpus *all = g->set;
    uint32_t place = g->place;
#if defined(WEIR_BUG_102) /* the first device's address for all */
    place = 0;
#endif
    for (uint32_t i = 0; g->place && x && i < all->n_copies; i++)
        if (all->copies[i].at[0] == x)
            return all->copies[i].at[place];
    return x;
}

/* ---- a step's way ---- */

/* What a layer leaves for the next, besides what is in the cache. */
static uint32_t carried(const struct eng_model *m, const struct eng_scratch *to,
                        const struct eng_scratch *from, uint32_t n, struct eng_cuda_piece out[2])
{
    size_t x = (size_t)m->hp.n_stream * m->hp.n_embd * sizeof(float);
    size_t inputs = (size_t)m->hp.n_layer * m->hp.n_side * sizeof(float);
    out[0] = (struct eng_cuda_piece){to->x, from->x, n * x};
    out[1] = (struct eng_cuda_piece){to->inputs, from->inputs, n * inputs};
    return inputs ? 2 : 1;
}

enum base_status eng_gpu_link(struct eng_gpu *from, struct eng_gpu *to, struct base_err *err)
{
    struct eng_model *m = to->m;
    struct eng_scratch *s = eng_scratch_at(m, to->place);
    struct eng_cuda_piece p[2];
    size_t bytes = 0;
    for (uint32_t i = carried(m, s, s, m->s.rows, p); i-- > 0;)
        bytes += p[i].n;
    return eng_cuda_link(to->d, from->d, bytes, err);
}

void eng_gpu_layer(struct eng_fwd *f)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    struct eng_gpu *from = all->now, *to = all->at[eng_place_of(f->m, f->layer)];
    struct eng_scratch *s = eng_scratch_at(f->m, to->place);
    struct eng_cuda_piece p[2];
    if (from == to)
        return;
    eng_gpu_settle(f);
    eng_cuda_send(to->d, from->d, p, carried(f->m, s, f->s, f->n, p));
    all->now = to;
    f->s = s;
    f->in = f->m->hp.n_stream > 1 ? s->in : s->x;
    eng_gpu_angles(f);
}
