/* family_gpt_oss.c - gpt-oss 20b and 120b (OpenAI, arXiv 2508.10925).
 *
 * Grouped attention with biases and, per head, a sink; every other layer, from the first on, sees a
 * sliding window only. YaRN on all layers. Experts chosen by logits (with a bias) and weighted by a
 * softmax over those chosen; biases on all three of their matrices, and a clamped activation.
 */
#include "engine/model/model_impl.h"

static void read(struct eng_reader *r, struct eng_model *m)
{
    uint32_t window = eng_key_int(r, "attention.sliding_window", 1, 1u << 30, UINT32_MAX);
    for (uint32_t i = 0; i < m->hp.n_layer; i++)
        if (eng_key_swa(r, i, 2))
            m->layers[i].window = window;
}

const struct eng_family eng_family_gpt_oss = {.arch = "gpt-oss",
                                              .neox = true,
                                              .gating = ENG_GATE_SOFTMAX_SELECTED,
                                              .act = ENG_ACT_OAI,
                                              .sinks = true,
                                              .ffn_norm_is_post_attention = true,
                                              .read = read};
