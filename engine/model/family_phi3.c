/* family_phi3.c - Phi-3, Phi-3.5 and Phi-4 dense (Microsoft, arXiv 2404.14219).
 *
 * One matrix for queries, keys and values, one for gate and up. Files for long contexts have two
 * sets of RoPE divisors: which one holds depends on the context that the cache is made for, not on
 * the tokens in it, so that cached keys stay valid. A sliding window that the file names is not
 * applied: as in llama.cpp, whose logits are the reference; the models' own window is as long as
 * their context or nearly.
 */
#include "engine/model/model_impl.h"

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    if (!eng_gguf_tensor(r->g, "rope_factors_long.weight") &&
        !eng_gguf_tensor(r->g, "rope_factors_short.weight"))
        return;
    hp->n_ctx_long =
        eng_key_int(r, "rope.scaling.original_context_length", 1, 1u << 30, hp->n_ctx_train);
    eng_rope_set_init(r, &hp->rope[1], hp->rope[0].n_rot, eng_key_num(r, "rope.freq_base", 10000));
    hp->rope[1].mscale = hp->rope[0].mscale;
}

const struct eng_family eng_family_phi3 = {
    .arch = "phi3", .neox = true, .fused = true, .long_rope = true, .read = read};
