/* ops_weight.c - a model's weights on the device: packed (pack.h) by all threads of the pool into
 * pinned memory, a piece at a time, while the piece before is on its way.
 *
 * The gate and the `up` of a gated network are packed as one if they are of one type and shape, so
 * that one product makes both and the activation function: the gate waits for its `up`, which comes
 * next. A tensor that holds both one behind the other is such a pair by itself. What cannot be
 * paired is packed apart.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

#include <stdlib.h>

#define PIECE ((size_t)8 << 20) /* bytes of pinned memory; two of them */

struct job {
    const struct eng_pack *p;
    const struct eng_weight *w, *up; /* up: NULL, w itself (two in one), or the other */
    uint32_t first_mat;              /* matrix 0 is this one of the file's */
    uint32_t mat, group0, group1, per;
    uint8_t *out;
};

static void pack_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct job *j = ctx;
    uint32_t g0 = j->group0 + task * j->per, g1 = g0 + j->per < j->group1 ? g0 + j->per : j->group1;
    const struct eng_weight *w = j->w;
    const uint8_t *rows = w->data + (uint64_t)j->mat * w->n_out * w->row_bytes, *up = NULL;
    (void)thread;
    if (j->up == w)
        up = rows + (uint64_t)w->half * w->row_bytes;
    else if (j->up)
        up = j->up->data + (uint64_t)j->mat * j->up->n_out * j->up->row_bytes;
    eng_pack_rows(j->p, rows, up, w->row_bytes, g0, g1,
                  j->out + (uint64_t)(g0 - j->group0) * j->p->group_bytes);
}

/* Packs all matrices into mem. A row group is at most 16 rows of 2^24 values: PIECE grows to it. */
static enum base_status pack_all(struct eng_gpu *g, struct job *j, uint8_t *mem,
                                 struct base_err *err)
{
    if (eng_cuda_is_paper(g->d))
        return BASE_OK;
    const struct eng_pack *p = j->p;
    size_t piece = p->group_bytes > PIECE ? p->group_bytes : PIECE;
    uint32_t each = (uint32_t)(piece / p->group_bytes), turn = 0;
    uint32_t threads = eng_pool_threads(g->m->pool);
    uint8_t *pinned = eng_cuda_host_alloc(g->d, 2 * piece);
    if (!pinned)
        return base_err_set(err, BASE_ENOMEM, "no pinned memory for weights (%zu bytes)",
                            2 * piece);
    for (uint64_t mat = 0; mat < p->n_mat; mat++)
        for (uint32_t at = 0; at < p->groups; at += each, turn ^= 1) {
            j->mat = j->first_mat + (uint32_t)mat;
            j->group0 = at;
            j->group1 = p->groups - at < each ? p->groups : at + each;
            j->out = pinned + turn * piece;
            uint32_t n = j->group1 - at;
            j->per = (n + 4 * threads - 1) / (4 * threads);
            eng_cuda_fence_wait(g->d, turn);
            eng_pool_run(g->m->pool, (n + j->per - 1) / j->per, pack_task, j);
            eng_cuda_upload(g->d, mem + mat * p->mat_bytes + (uint64_t)at * p->group_bytes, j->out,
                            (size_t)n * p->group_bytes);
            eng_cuda_fence(g->d, turn);
        }
    enum base_status st = eng_cuda_sync(g->d, err);
    eng_cuda_host_free(g->d, pinned);
    return st;
}

/* The host's form is not needed any more. */
static void drop(struct eng_model *m, struct eng_weight *w)
{
    if (!w->own) {
        eng_weight_drop(w->tensor);
    } else {
        m->info.weight_bytes -= w->row_bytes * w->n_out * w->n_mat;
        free(w->own);
    }
    w->own = NULL;
    w->data = NULL;
}

/* Whether w holds routed experts. */
static bool routed(const struct eng_model *m, const struct eng_weight *w)
{
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        if (y->moe && (w == &y->gate || w == &y->up || w == &y->down))
            return true;
    }
    return false;
}

/* Matrices of w, and of up in it if that is given, on g: those of x, which is w's or a share's. */
static enum base_status make_on(struct eng_gpu *g, struct eng_gpu_weight *x, struct eng_weight *w,
                                struct eng_weight *up, uint32_t n_mat, struct base_err *err)
{
    struct job j = {.p = &x->p, .w = w, .up = w->half ? w : up, .first_mat = x->first_mat};
    if (n_mat == 0)
        return BASE_OK;
    enum base_status st = eng_pack_plan(w->type, w->n_in, w->half ? w->half : w->n_out, n_mat,
                                        j.up != NULL, &x->p, err);
    if (st != BASE_OK)
        return st;
    x->g = g;
    x->mem =
        eng_cuda_alloc_as(g->d, routed(g->m, w) ? ENG_USE_EXPERTS : ENG_USE_WEIGHTS, x->p.bytes);
    if (!x->mem)
        return base_err_set(err, BASE_ENOMEM,
                            "%s: out of device memory for weights (%llu MiB more)",
                            eng_cuda_get_info(g->d)->name, (unsigned long long)(x->p.bytes >> 20));
    g->m->info.weight_bytes += x->p.bytes;
    return pack_all(g, &j, x->mem, err);
}

/* A share a device of w, and of up. */
static enum base_status spread(struct eng_gpus *all, struct eng_weight *w, struct eng_weight *up,
                               struct base_err *err)
{
    struct eng_weight *both[2] = {w, up};
    enum base_status st = BASE_OK;
    for (int k = 0; k < 2 && both[k] && st == BASE_OK; k++) {
        struct eng_gpu_weight *x = both[k]->dev;
        x->shares = calloc(all->n, sizeof(*x->shares));
        if (!x->shares)
            st = base_err_set(err, BASE_ENOMEM, "out of memory for a weight");
        for (uint32_t i = 0; i < all->n && st == BASE_OK; i++)
            st = eng_spread_share(all->at[i], both[k], &x->shares[i], err);
    }
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++) {
        const struct eng_weight *share = &((struct eng_gpu_weight *)w->dev)->shares[i];
        st = make_on(all->at[i], share->dev, w, up, share->n_mat, err);
    }
    return st;
}

/* Makes the device's form of w, and of up in it if that is given. */
static enum base_status make(struct eng_model *m, struct eng_weight *w, struct eng_weight *up,
                             struct base_err *err)
{
    struct eng_gpus *all = eng_gpus_of(m);
    struct eng_gpu_weight *x = w->dev;
    enum base_status st = eng_spread_takes(m, w)
                              ? spread(all, w, up, err)
                              : make_on(all->at[all->loading], x, w, up, w->n_mat, err);
    x->waiting = false;
    if (st != BASE_OK)
        return st;
    drop(m, w);
    if (up) {
        ((struct eng_gpu_weight *)up->dev)->in_pair = true;
        drop(m, up);
    }
    return BASE_OK;
}

/* The gate that w, an `up`, belongs to; NULL: it is no `up`. */
static struct eng_weight *gate_of(struct eng_model *m, const struct eng_weight *w)
{
    for (uint32_t i = 0; i < m->hp.n_layer; i++) {
        if (w == &m->layers[i].up)
            return &m->layers[i].gate;
        if (w == &m->layers[i].shared_up)
            return &m->layers[i].shared_gate;
    }
    return NULL;
}

static bool is_gate(const struct eng_model *m, const struct eng_weight *w)
{
    for (uint32_t i = 0; i < m->hp.n_layer; i++)
        if (w == &m->layers[i].gate || w == &m->layers[i].shared_gate)
            return true;
    return false;
}

enum base_status eng_gpu_weight(struct eng_model *m, struct eng_weight *w, struct base_err *err)
{
    struct eng_gpu *home = eng_gpus_of(m)->at[eng_gpus_of(m)->loading];
    if (eng_hybrid_takes(home, w))
        return eng_hybrid_weight(home, w, err);
    struct eng_gpu_weight *x = w->dev = calloc(1, sizeof(*x));
    enum base_status st = BASE_OK;
    if (!x)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a weight");
    if (is_gate(m, w) && !w->half) {
        x->waiting = true;
        return BASE_OK;
    }
    struct eng_weight *gate = gate_of(m, w);
    struct eng_gpu_weight *first = gate ? gate->dev : NULL;
    if (first && first->waiting) {
        bool same = gate->type == w->type && gate->n_in == w->n_in && gate->n_out == w->n_out &&
                    gate->n_mat == w->n_mat && !gate->bias == !w->bias && !gate->scale == !w->scale;
        st = make(m, gate, same ? w : NULL, err);
        if (st != BASE_OK || same)
            return st;
    }
    return make(m, w, NULL, err);
}

void eng_gpu_weight_free(struct eng_model *m, struct eng_weight *w)
{
    struct eng_gpu_weight *x = w->dev;
    if (eng_gpu_first(m) && eng_gpu_first(m)->hybrid) /* then all have it that have layers */
        eng_ops_cpu.weight_free(m, w);
    if (x) {
        if (x->mem)
            eng_cuda_free(x->g->d, x->mem);
        eng_spread_free(eng_gpus_of(m), x);
        free(x);
    }
    w->dev = NULL;
}

uint64_t eng_gpu_weights_planned(const struct eng_model *m, bool experts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(m->gguf); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(m->gguf, i);
        struct eng_pack p;
        if (!experts && base_str_find(t->name, BASE_STR("_exps"), 0) != SIZE_MAX)
            continue;
        if (t->ne[1] < 2 || !eng_type_info(t->type)->weights || t->ne[0] > 1u << 24 ||
            t->ne[1] > 1u << 24 || t->ne[2] > 1u << 20) {
            sum += t->nbytes;
            continue;
        }
        sum += eng_pack_plan(t->type, (uint32_t)t->ne[0], (uint32_t)t->ne[1], (uint32_t)t->ne[2],
                             false, &p, NULL) == BASE_OK
                   ? p.bytes
                   : t->nbytes;
    }
    return sum;
}
