/* plan_size.c - what a model's layers weigh: bytes of the file by what a tensor is for, and of the
 * cache by the layer's kind of attention.
 *
 * Any thread. A tensor is a routed expert's if its name says "_exps" or has a number behind
 * ffn_gate, ffn_up, ffn_down (a tensor an expert, as early Mixtral files have them); a layer's if
 * its name begins with blk.N. Blocks behind the layers that are run (heads that predict several
 * tokens) count with the last layer: nothing of them is read, but they are few.
 */
#include "engine/model/model_impl.h"
#include "engine/plan/plan.h"

#include <stdlib.h>

#define HALF 2   /* bytes of a cached element on a GPU */
#define ROWS 512 /* of a slice, before scratch is sized */

static bool is_routed(struct base_str name)
{
    static const char *const of[] = {".ffn_gate.", ".ffn_up.", ".ffn_down."};
    if (base_str_find(name, BASE_STR("_exps"), 0) != SIZE_MAX)
        return true;
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        size_t at = base_str_find(name, base_str_c(of[i]), 0);
        size_t behind = at == SIZE_MAX ? 0 : at + strlen(of[i]);
        if (behind && behind < name.n && name.p[behind] >= '0' && name.p[behind] <= '9')
            return true;
    }
    return false;
}

/* The layer in "blk.N."; n_layer and more: not one that is run; UINT32_MAX: none. */
static uint32_t layer_of(struct base_str name)
{
    uint32_t l = 0, digits = 0;
    if (name.n < 5 || memcmp(name.p, "blk.", 4) != 0)
        return UINT32_MAX;
    for (size_t i = 4; i < name.n && name.p[i] >= '0' && name.p[i] <= '9' && digits < 6; i++) {
        l = l * 10 + (uint32_t)(name.p[i] - '0');
        digits++;
    }
    return digits ? l : UINT32_MAX;
}

static void add_tensors(const struct eng_gguf *g, struct eng_plan_sizes *z)
{
    bool tied = eng_gguf_tensor(g, "output.weight") == NULL;
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(g, i);
        uint32_t l = layer_of(t->name);
        struct eng_plan_layer *y = &z->layers[l < z->n_layer ? l : z->n_layer - 1];
        if (is_routed(t->name)) {
            y->experts += t->nbytes;
            z->params_experts += t->n_values;
        } else if ((!tied && base_str_is(t->name, "token_embd.weight")) ||
                   base_str_find(t->name, BASE_STR("per_layer_token_embd"), 0) != SIZE_MAX) {
            z->table += t->nbytes; /* a row a token */
        } else if (l == UINT32_MAX) {
            z->head += t->nbytes;
        } else {
            y->dense += t->nbytes;
        }
    }
}

static void cache_of(const struct eng_model *m, uint32_t l, struct eng_plan_layer *out)
{
    const struct eng_hparams *hp = &m->hp;
    const struct eng_layer *y = &m->layers[l];
    bool one = y->mixer == ENG_MIX_LATENT || y->mixer == ENG_MIX_COMPRESS;
    if (y->mixer == ENG_MIX_DELTA) {
        out->state = sizeof(float) * eng_delta_state(&hp->delta);
        return;
    }
    if (y->mixer == ENG_MIX_COMPRESS)
        out->state = sizeof(float) * eng_compress_state(hp, y->ratio);
    /* of latent and compressed attention a value is the beginning of its key */
    out->seen_cell = (uint64_t)HALF * y->n_head_kv * (y->n_dim + (one ? 0 : y->n_vdim));
    out->cell = eng_keeps_keys(m, l) ? out->seen_cell : 0;
    out->window = y->window ? y->window : y->chunk;
    out->ratio = y->ratio;
    if (y->indexed) {
        out->picks = hp->index.top_k;
        out->index_cell = y->picks_as_last ? 0 : (uint64_t)HALF * hp->index.n_dim;
    }
}

/* Layers that look at what an earlier one keeps stay with it, and so do those between. */
static void join(const struct eng_model *m, uint32_t l, struct eng_plan_layer *layers)
{
    const struct eng_layer *y = &m->layers[l];
    uint32_t from = l;
    if (y->mixer != ENG_MIX_DELTA && y->kv_from < from)
        from = y->kv_from;
    if (l && y->indexed && y->picks_as_last)
        from = from < l - 1 ? from : l - 1;
    for (uint32_t i = from + 1; i <= l; i++)
        layers[i].joined = true;
}

enum base_status eng_plan_sizes_of(const struct eng_model *m, struct eng_plan_sizes *out,
                                   struct base_err *err)
{
    const struct eng_hparams *hp = &m->hp;
    *out = (struct eng_plan_sizes){.n_layer = hp->n_layer,
                                   .n_expert = hp->moe.n_expert,
                                   .n_used = hp->moe.n_used,
                                   .params_active = eng_model_get_info(m)->params_active,
                                   .rows = m->s.rows ? m->s.rows : ROWS};
    out->layers = calloc(hp->n_layer, sizeof(*out->layers));
    if (!out->layers)
        return base_err_set(err, BASE_ENOMEM, "out of memory for a plan");
    add_tensors(eng_model_gguf(m), out);
    out->dense = out->head;
    for (uint32_t l = 0; l < out->n_layer; l++) {
        struct eng_plan_layer *y = &out->layers[l];
        cache_of(m, l, y);
        join(m, l, out->layers);
        out->dense += y->dense;
        out->experts += y->experts;
        out->n_moe += y->experts != 0;
    }
    out->n_embd = hp->n_embd;
    if (out->experts == 0)
        out->n_expert = out->n_used = 0;
    return BASE_OK;
}

void eng_plan_sizes_release(struct eng_plan_sizes *z)
{
    free(z->layers);
    z->layers = NULL;
}

static uint64_t pages(uint64_t cells)
{
    return (cells + ENG_PAGE - 1) / ENG_PAGE * ENG_PAGE;
}

uint64_t eng_plan_held(const struct eng_plan_layer *y, uint32_t context, uint32_t rows)
{
    uint64_t cells = context, more = y->ratio ? pages(context / y->ratio) : 0;
    if (y->window && (uint64_t)y->window + rows + ENG_PAGE < cells)
        cells = (uint64_t)y->window + rows + ENG_PAGE;
    uint64_t index = y->ratio ? more : pages(context);
    return pages(cells) * y->cell + more * y->cell + (y->index_cell ? index * y->index_cell : 0) +
           (1 + ENG_NOTED) * y->state;
}

uint64_t eng_plan_seen(const struct eng_plan_layer *y, uint32_t context)
{
    uint64_t cells = y->window && y->window < context ? y->window : context;
    uint64_t more = y->ratio ? context / y->ratio : 0;
    uint64_t index = (y->ratio ? more : context) * y->index_cell;
    if (y->picks && y->ratio)
        more = more < y->picks ? more : y->picks;
    else if (y->picks)
        cells = cells < y->picks ? cells : y->picks;
    return (cells + more) * y->seen_cell + index + 2 * y->state; /* a state is read and written */
}
