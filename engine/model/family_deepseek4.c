/* family_deepseek4.c - DeepSeek V4.
 *
 * Several residual streams, mixed anew around each half of a layer (model_hyper.c). Attention has
 * one key a token, which is its value too, seen through a window, and of older tokens compressed
 * keys (model_compress.c). Layers without those turn by the plain base, those with them by a second
 * one, stretched by YaRN without its factor for cosines. The first layers take the experts of a
 * token from a table, all weigh them by sqrt(softplus) and clamp gate and up.
 */
#include "engine/model/model_impl.h"

#include <stdlib.h>

static void read_sizes(struct eng_reader *r, struct eng_hparams *hp)
{
    hp->n_lora_q = eng_key_int(r, "attention.q_lora_rank", 1, 1u << 16, UINT32_MAX);
    hp->n_out_group = eng_key_int(r, "attention.output_group_count", 1, hp->n_head, UINT32_MAX);
    if (r->st == BASE_OK && hp->n_head % hp->n_out_group)
        eng_key_bad(r, "does not divide the number of heads");
    hp->n_out_lora = eng_key_int(r, "attention.output_lora_rank", 1, 1u << 14, UINT32_MAX);
    hp->n_stream = eng_key_int(r, "hyper_connection.count", 2, ENG_STREAMS_MAX, UINT32_MAX);
    hp->n_sinkhorn = eng_key_int(r, "hyper_connection.sinkhorn_iterations", 1, 1000, UINT32_MAX);
    hp->hyper_eps = eng_key_num(r, "hyper_connection.epsilon", 1e-6f);
    hp->n_hash = eng_key_int(r, "hash_layer_count", 0, hp->n_layer, 0);
    hp->index.n_head = eng_key_int(r, "attention.indexer.head_count", 1, ENG_HEADS_MAX, UINT32_MAX);
    hp->index.n_dim =
        eng_key_int(r, "attention.indexer.key_length", hp->rope[0].n_rot, 4096, UINT32_MAX);
    hp->index.top_k = eng_key_int(r, "attention.indexer.top_k", 1, 1u << 20, UINT32_MAX);
    if (eng_key_int(r, "attention.head_count_kv", 1, 1, 1) != 1)
        hp->n_head_kv = 1;
}

static void read_ropes(struct eng_reader *r, struct eng_hparams *hp)
{
    uint32_t rot = hp->rope[0].n_rot;
    float base = eng_key_num(r, "rope.freq_base", 10000);
    float second = eng_key_num(r, "attention.compress_rope_freq_base", base);
    free(hp->rope[0].freq);
    eng_rope_set_init(r, &hp->rope[0], rot, base);
    eng_rope_set_init(r, &hp->rope[1], rot, second);
    eng_rope_set_scale(r, hp, &hp->rope[1], second);
    hp->rope[1].mscale = 1;
}

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    uint32_t window = eng_key_int(r, "attention.sliding_window", 1, 1u << 30, UINT32_MAX);
    read_sizes(r, hp);
    read_ropes(r, hp);
    if (r->st == BASE_OK && !hp->moe.n_expert)
        (void)eng_key_int(r, "expert_count", 1, ENG_EXPERT_MAX, UINT32_MAX);
    for (uint32_t i = 0; r->st == BASE_OK && i < hp->n_layer; i++) {
        struct eng_layer *y = &m->layers[i];
        y->mixer = ENG_MIX_COMPRESS;
        y->n_head_kv = 1;
        y->window = window;
        y->ratio = eng_key_int_at(r, "attention.compress_ratios", i, 0, ENG_RATIO_FAR, UINT32_MAX);
        if (y->ratio && y->ratio != ENG_RATIO_NEAR && y->ratio != ENG_RATIO_FAR)
            eng_key_bad(r, "has a value other than 0, 4 and 128");
        y->rope = y->ratio != 0;
        y->indexed = y->ratio == ENG_RATIO_NEAR;
        y->clamp = eng_key_num_at(r, "swiglu_clamp_exp", i, 0);
        y->shared_clamp = eng_key_num_at(r, "swiglu_clamp_shexp", i, y->clamp);
    }
}

const struct eng_family eng_family_deepseek4 = {.arch = "deepseek4",
                                                .moe_normalise = true,
                                                .gating = ENG_GATE_SQRT_SOFTPLUS,
                                                .qk_norm = ENG_QK_NORM_HEAD,
                                                .sinks = true,
                                                .read = read};
