/* ops_spread.c - experts of every layer spread over the devices of a model (--split experts).
 *
 * The first device has all layers but for the experts; device i has experts first_expert[i] to
 * first_expert[i + 1] - 1 of each. Behind the router the first one sends each of the others the
 * rows that experts see, with what was chosen for them; each sorts the pairs as the first does,
 * lists its own experts' tiles (spread.h), runs their products, and adds up per token, in the order
 * of slots, what its own experts gave. Those sums, a row a token, come back, and the first device
 * adds them to its own in the order of devices. So results do not depend on timing; against one
 * device they differ by the rounding of that other order.
 *
 * Nothing waits on the host: a decode step is one graph over all devices.
 *
 * A spread weight's matrices lie in shares (struct eng_gpu_weight): one a device, with its own
 * experts' biases and scales.
 */
#include "engine/cuda/spread.h"
#include "engine/cuda/table.h"

#include <stdlib.h>
#include <string.h>

static uint32_t experts_of(const struct eng_gpus *all, uint32_t place)
{
    return all->first_expert[place + 1] - all->first_expert[place];
}

/* ---- weights ---- */

bool eng_spread_takes(const struct eng_model *m, const struct eng_weight *w)
{
    for (uint32_t i = 0; eng_gpus_of(m)->spread && i < m->hp.n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        if (y->moe && (w == &y->gate || w == &y->up || w == &y->down))
            return true;
    }
    return false;
}

/* n floats of the first device's from `at` on, on g; *out NULL where x is. */
static enum base_status take_floats(struct eng_gpu *g, const float *x, size_t at, size_t n,
                                    float **out, struct base_err *err)
{
    struct eng_cuda *first = g->set->at[0]->d;
    float *host = malloc(n * sizeof(*host) + 1);
    *out = NULL;
    if (!x || n == 0) {
        free(host);
        return BASE_OK;
    }
    *out = eng_cuda_alloc_as(g->d, ENG_USE_EXPERTS, n * sizeof(float));
    enum base_status st = BASE_OK;
    if (!host || !*out)
        st = base_err_set(err, BASE_ENOMEM, "out of memory for experts' biases");
    if (st == BASE_OK && !eng_cuda_is_paper(first)) {
        eng_cuda_download(first, host, x + at, n * sizeof(*host));
        st = eng_cuda_sync(first, err);
    }
    if (st == BASE_OK)
        eng_cuda_upload(g->d, *out, host, n * sizeof(*host));
    free(host);
    return st;
}

enum base_status eng_spread_share(struct eng_gpu *g, struct eng_weight *w, struct eng_weight *share,
                                  struct base_err *err)
{
    uint32_t first = g->set->first_expert[g->place], n = experts_of(g->set, g->place);
    struct eng_gpu_weight *x = calloc(1, sizeof(*x));
    *share = *w;
    share->dev = x;
    share->n_mat = n;
    share->bias = share->scale = NULL;
    if (!x)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a weight");
    x->g = g;
    x->first_mat = first;
    enum base_status st =
        take_floats(g, w->bias, (size_t)first * w->n_out, (size_t)n * w->n_out, &share->bias, err);
    return st == BASE_OK ? take_floats(g, w->scale, first, n, &share->scale, err) : st;
}

void eng_spread_free(struct eng_gpus *all, struct eng_gpu_weight *x)
{
    for (uint32_t i = 0; x->shares && i < all->n; i++) {
        struct eng_weight *w = &x->shares[i];
        struct eng_gpu_weight *own = w->dev;
        struct eng_cuda *d = all->at[i]->d;
        eng_cuda_free(d, w->bias);
        eng_cuda_free(d, w->scale);
        if (own)
            eng_cuda_free(d, own->mem);
        free(own);
    }
    free(x->shares);
}

/* ---- a step ---- */

uint32_t eng_spread_there(const struct eng_fwd *f, const struct eng_scratch *to, const float *rows,
                          uint32_t n, struct eng_cuda_piece out[3])
{
    size_t pairs = (size_t)n * f->m->hp.moe.n_used * sizeof(uint32_t);
    out[0] = (struct eng_cuda_piece){to->xn, rows, (size_t)n * f->m->hp.n_embd * sizeof(float)};
    out[1] = (struct eng_cuda_piece){to->ids, f->s->ids, pairs};
    out[2] = (struct eng_cuda_piece){to->weights, f->s->weights, pairs};
    return 3;
}

enum base_status eng_spread_link(struct eng_fwd *f, struct base_err *err)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    struct eng_cuda *first = all->at[0]->d;
    struct eng_cuda_piece p[3];
    enum base_status st = BASE_OK;
    size_t bytes = 0;
    for (uint32_t i = eng_spread_there(f, f->s, f->s->xn, f->s->rows, p); i-- > 0;)
        bytes += p[i].n;
    for (uint32_t i = 1; i < all->n && st == BASE_OK; i++) {
        st = eng_cuda_link(all->at[i]->d, first, bytes, err);
        if (st == BASE_OK)
            st = eng_cuda_link(first, all->at[i]->d, p[0].n, err);
    }
    return st;
}

static void own_tiles(struct eng_gpu *g)
{
    struct weir_group_args *p = &g->grouped;
    struct weir_spread_tiles_args a = {.first = p->first,
                                       .tile_expert = p->tile_expert,
                                       .tile_first = p->tile_first,
                                       .n_tiles = p->n_tiles,
                                       .expert0 = g->set->first_expert[g->place],
                                       .n_here = experts_of(g->set, g->place),
                                       .rows = p->rows};
    eng_cuda_spread_tiles(g->d, &a);
    p->first += a.expert0;
    p->n_expert = a.n_here;
}

/* The products of this device's experts, whose rows are prepared; f is at it. */
static void run_own(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct eng_ffn own = *j;
    if (experts_of(g->set, g->place) == 0 || g->st != BASE_OK)
        return;
    own_tiles(g);
    own.gate = &((const struct eng_gpu_weight *)j->gate->dev)->shares[g->place];
    own.down = &((const struct eng_gpu_weight *)j->down->dev)->shares[g->place];
    if (!j->merged)
        own.up = &((const struct eng_gpu_weight *)j->up->dev)->shares[g->place];
    eng_gpu_ffn_here(f, &own);
}

static void sum(struct eng_fwd *f, uint32_t n_others, float *const *others)
{
    struct eng_gpu *g = eng_gpu_of(f);
    struct weir_spread_sum_args a = {.y = f->s->hy,
                                     .ids = f->s->ids,
                                     .pair_of = f->s->pair_of,
                                     .weights = f->m->hp.family->weigh_input ? NULL : f->s->weights,
                                     .out = f->s->proj,
                                     .n = f->n,
                                     .n_used = f->m->hp.moe.n_used,
                                     .n_embd = f->m->hp.n_embd,
                                     .expert0 = g->set->first_expert[g->place],
                                     .n_here = experts_of(g->set, g->place),
                                     .n_others = n_others};
    for (uint32_t i = 0; i < n_others; i++)
        a.others[i] = others[i];
    if (g->st == BASE_OK)
        eng_cuda_spread_sum(g->d, &a);
}

/* Another device's part, from the rows that were sent to it to its sums. */
static void run_other(const struct eng_fwd *f, const struct eng_ffn *j, uint32_t place)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    struct eng_gpu *g = all->now = all->at[place];
    struct eng_fwd other = *f;
    other.s = eng_scratch_at(f->m, place);
    g->a = (struct eng_gpu_acts){.x = other.s->xn, .n_rows = f->n, .n_in = f->m->hp.n_embd};
    if (eng_gpu_group_args(&other))
        eng_cuda_group(g->d, &g->grouped);
    run_own(&other, j);
    sum(&other, 0, NULL);
    all->now = all->at[0];
}

void eng_spread_ffn(struct eng_fwd *f, const struct eng_ffn *j)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    struct eng_gpu *g = all->at[0];
    struct eng_cuda_piece p[3];
    eng_gpu_normed(f);
    for (uint32_t i = 1; i < all->n; i++)
        if (experts_of(all, i))
            eng_cuda_send(all->at[i]->d, g->d, p,
                          eng_spread_there(f, eng_scratch_at(f->m, i), g->a.x, f->n, p));
    for (uint32_t i = 1; i < all->n; i++)
        if (experts_of(all, i))
            run_other(f, j, i);
    run_own(f, j);
}

void eng_spread_combine(struct eng_fwd *f)
{
    struct eng_gpus *all = eng_gpus_of(f->m);
    struct eng_gpu *g = all->at[0];
    size_t each = (size_t)f->s->rows * f->m->hp.n_embd;
    float *room = eng_gpu_room(g, &g->land, (all->n - 1) * each * sizeof(float));
    float *others[ENG_PLACES_MAX];
    uint32_t n = 0;
    for (uint32_t i = 1; i < all->n && room; i++) {
        if (experts_of(all, i) == 0)
            continue;
        others[n] = room + n * each;
        struct eng_cuda_piece p = {others[n], eng_scratch_at(f->m, i)->proj,
                                   (size_t)f->n * f->m->hp.n_embd * sizeof(float)};
        eng_cuda_send(g->d, all->at[i]->d, &p, 1);
        n++;
    }
    sum(f, n, others);
}
