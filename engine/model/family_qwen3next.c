/* family_qwen3next.c - Qwen3-Next, and the mixtures of Qwen3.5 (qwen35moe) (Alibaba).
 *
 * Of each four layers (or as the file says) three are gated DeltaNets (model_delta.c) and one is
 * grouped attention whose outputs are gated by a second half of the queries' projection. RoPE turns
 * a part of each head; the interleaved sections of qwen35moe say which coordinate of a picture a
 * pair turns by, and text has but one. All layers have experts, and a shared one behind a gate.
 *
 * qwen35moe differs in how heads are laid out: the converter has put the value heads of a key head
 * n_key apart; and the gates b and a are two matrices.
 */
#include "engine/model/model_impl.h"

static void read_delta(struct eng_reader *r, struct eng_delta_params *p)
{
    p->n_key = eng_key_int(r, "ssm.group_count", 1, ENG_HEADS_MAX, UINT32_MAX);
    p->dk = eng_key_int(r, "ssm.state_size", 1, 512, UINT32_MAX);
    p->conv = eng_key_int(r, "ssm.conv_kernel", 1, 64, UINT32_MAX);
    p->n_value = eng_key_int(r, "ssm.time_step_rank", 1, ENG_HEADS_MAX, UINT32_MAX);
    if (r->st == BASE_OK && p->n_value % p->n_key)
        eng_key_bad(r, "is no multiple of the number of key heads (ssm.group_count)");
    uint32_t inner = eng_key_int(r, "ssm.inner_size", 1, 1u << 17, UINT32_MAX);
    if (r->st == BASE_OK && (inner % p->n_value || inner / p->n_value > 4096))
        eng_key_bad(r, "does not fit the number of value heads (ssm.time_step_rank)");
    if (r->st != BASE_OK)
        return;
    p->dv = inner / p->n_value;
    p->channels = 2 * p->n_key * p->dk + inner; /* 2^20 + 2^17 at most */
}

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    read_delta(r, &hp->delta);
    uint32_t period = eng_key_int(r, "full_attention_interval", 1, 1024, 4);
    for (uint32_t i = 0; r->st == BASE_OK && i < hp->n_layer; i++)
        if (eng_key_int_at(r, "attention.recurrent_layers", i, 0, 1, (i + 1) % period != 0))
            m->layers[i].mixer = ENG_MIX_DELTA;
}

const struct eng_family eng_family_qwen3next = {.arch = "qwen3next",
                                                .neox = true,
                                                .qk_norm = ENG_QK_NORM_HEAD,
                                                .moe_normalise = true,
                                                .shared_gated = true,
                                                .ffn_norm_is_post_attention = true,
                                                .out_gate = true,
                                                .read = read};
const struct eng_family eng_family_qwen35moe = {.arch = "qwen35moe",
                                                .neox = true,
                                                .qk_norm = ENG_QK_NORM_HEAD,
                                                .moe_normalise = true,
                                                .shared_gated = true,
                                                .ffn_norm_is_post_attention = true,
                                                .out_gate = true,
                                                .delta_tiled = true,
                                                .read = read};
