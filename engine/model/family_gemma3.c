/* family_gemma3.c - Gemma 3, dense (Google, arXiv 2503.19786).
 *
 * Embeddings times the root of their length; norms before and behind both halves of a layer; of
 * each six layers (or as the file says) all but the last see a window and turn by a base of their
 * own. Weights of norms hold their +1 already.
 */
#include "engine/model/model_impl.h"

#include <math.h>

#define LAYERS_27B 62 /* the one size whose queries are scaled by another length than a head's */

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    uint32_t window = eng_key_int(r, "attention.sliding_window", 1, 1u << 30, UINT32_MAX);
    float base = eng_key_num(r, "rope.freq_base_swa", 10000);
    eng_rope_set_init(r, &hp->rope[1], hp->rope[0].n_rot, base);
    hp->embedding_scale = sqrtf((float)hp->n_embd);
    uint32_t length = hp->n_layer == LAYERS_27B ? hp->n_embd / hp->n_head : hp->n_dim;
    hp->attn_scale = 1 / sqrtf((float)length);
    for (uint32_t i = 0; i < hp->n_layer; i++)
        if (eng_key_swa(r, i, 6)) {
            m->layers[i].window = window;
            m->layers[i].rope = 1;
        }
}

const struct eng_family eng_family_gemma3 = {.arch = "gemma3",
                                             .neox = true,
                                             .qk_norm = ENG_QK_NORM_HEAD,
                                             .act = ENG_ACT_GELU,
                                             .sandwich = true,
                                             .read = read};
