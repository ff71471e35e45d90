/* family_gemma4.c - Gemma 4: dense, E2B and E4B, and the mixture 26B-A4B (Google).
 *
 * As Gemma 3, except: windowed and full layers have heads of different lengths and numbers; full
 * ones divide their frequencies (rope_freqs) and may use the keys, before norm and turn, as values;
 * values are normed without weights; scores are not scaled; each layer scales the residual stream
 * behind it. Layers with experts have a dense FFN beside them. In E2B and E4B each layer has an
 * embedding of the tokens (model_side.c), and the last layers see the keys and values of the last
 * layer of their kind that has some, windowed or full.
 */
#include "engine/model/model_impl.h"

#include <math.h>

/* Layer i sees the keys of the last of the first n layers that is windowed or full as it is. */
static void share_keys(struct eng_reader *r, struct eng_model *m, uint32_t i, uint32_t n)
{
    struct eng_layer *y = &m->layers[i];
    while (n > 0 && m->layers[n - 1].window != y->window)
        n--;
    y->kv_from = n - 1;
    if (n == 0 || m->layers[n - 1].n_head_kv != y->n_head_kv) {
        (void)eng_key_int(r, "attention.shared_kv_layers", 0, UINT32_MAX - 1, 0);
        eng_key_bad(r, "leaves a layer no layer of its kind to share keys with");
        y->kv_from = i;
    }
}

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    uint32_t window = eng_key_int(r, "attention.sliding_window", 1, 1u << 30, UINT32_MAX);
    uint32_t dim = eng_key_int(r, "attention.key_length_swa", 2, 4096, UINT32_MAX);
    if (eng_key_int(r, "attention.value_length_swa", 2, 4096, dim) != dim)
        eng_key_bad(r, "differs from the keys' length");
    uint32_t rot = eng_key_int(r, "rope.dimension_count_swa", 2, dim, dim);
    float base = eng_key_num(r, "rope.freq_base_swa", 10000);
    hp->n_side = eng_key_int(r, "embedding_length_per_layer_input", 0, 4096, 0);
    uint32_t shared = eng_key_int(r, "attention.shared_kv_layers", 0, hp->n_layer - 1, 0);
    if (r->st != BASE_OK)
        return;
    eng_rope_set_init(r, &hp->rope[1], rot, base);
    hp->embedding_scale = sqrtf((float)hp->n_embd);
    hp->attn_scale = 1;
    for (uint32_t i = 0; i < hp->n_layer; i++) {
        struct eng_layer *y = &m->layers[i];
        y->n_head_kv =
            eng_key_int_at(r, "attention.head_count_kv", i, 1, ENG_HEADS_MAX, hp->n_head);
        if (hp->n_head % y->n_head_kv)
            eng_key_bad(r, "does not divide the number of heads");
        if (eng_key_swa(r, i, UINT32_MAX)) {
            y->window = window;
            y->rope = 1;
            y->n_dim = y->n_vdim = dim;
        }
        if (i >= hp->n_layer - shared)
            share_keys(r, m, i, hp->n_layer - shared);
    }
}

const struct eng_family eng_family_gemma4 = {.arch = "gemma4",
                                             .neox = true,
                                             .qk_norm = ENG_QK_NORM_HEAD,
                                             .moe_normalise = true,
                                             .act = ENG_ACT_GELU,
                                             .varied = true,
                                             .value_norm = true,
                                             .parallel = true,
                                             .sandwich = true,
                                             .read = read};
