/* family_deepseek2.c - DeepSeek V2, V2-Lite, V3 and R1, Kimi K2 (arXiv 2405.04434, 2412.19437), and
 * Mistral Small 4, which has the same layers and queries that grow with the position.
 *
 * Latent attention: model_attn.c. The file gives a head's length of keys (n_nope without position,
 * then n_rot that turn) and of values; the cache holds n_lora_kv + n_rot per token.
 *
 * YaRN: the authors scale scores instead of cosines. With f the factor, L ten times the file's
 * yarn_log_multiplier (how it is stored) and a(x) = 1 + 0.1 x ln f, cosines are multiplied by
 * c = a(m) / a(L) and scores by (c a(L))^2; m is 1, in deepseek2 L, so that c is 1.
 */
#include "engine/model/model_impl.h"

#include <math.h>

static void read_scale(struct eng_reader *r, struct eng_hparams *hp, uint32_t key_length)
{
    struct base_str type = BASE_STR("none");
    float log_mul = 10 * eng_key_num(r, "rope.scaling.yarn_log_multiplier", 0), cosine = 1, all = 1;
    bool deepseek = base_str_is(base_str_c(hp->family->arch), "deepseek2");
    if (eng_key_str(r, "rope.scaling.type", &type) && base_str_is(type, "yarn")) {
        float step = 0.1f * logf(eng_key_num(r, "rope.scaling.factor", 1));
        all = 1 + step * log_mul;
        cosine = (1 + step * (deepseek && log_mul != 0 ? log_mul : 1)) / all;
    }
    cosine *= eng_key_num(r, "rope.scaling.attn_factor", 1);
    hp->rope[0].mscale = cosine;
    hp->attn_scale = cosine * all * cosine * all / sqrtf((float)key_length);
}

void eng_read_latent(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    uint32_t rot = hp->rope[0].n_rot;
    hp->n_lora_q = eng_key_int(r, "attention.q_lora_rank", 0, 1u << 16, 0);
    hp->n_lora_kv = eng_key_int(r, "attention.kv_lora_rank", 1, 4096, UINT32_MAX);
    /* files before attn_kv_b was split call the lengths of a head as other families do */
    uint32_t key_length = eng_key_int(r, "attention.key_length", 2, 4096, UINT32_MAX);
    hp->n_vhead = eng_key_int(r, "attention.value_length", 1, 4096, UINT32_MAX);
    key_length = eng_key_int(r, "attention.key_length_mla", 2, 4096, key_length);
    hp->n_vhead = eng_key_int(r, "attention.value_length_mla", 1, 4096, hp->n_vhead);
    if (r->st == BASE_OK && key_length <= rot)
        eng_key_bad(r, "leaves nothing without position");
    if (r->st != BASE_OK)
        return;
    hp->n_nope = key_length - rot;
    hp->n_head_kv = 1;
    hp->n_dim = hp->n_lora_kv + rot;
    for (uint32_t i = 0; i < hp->n_layer; i++) {
        m->layers[i].n_head_kv = 1;
        m->layers[i].n_dim = hp->n_dim;
        m->layers[i].n_vdim = hp->n_lora_kv;
    }
    read_scale(r, hp, key_length);
}

const struct eng_family eng_family_deepseek2 = {
    .arch = "deepseek2", .mla = true, .read = eng_read_latent};
const struct eng_family eng_family_mistral4 = {
    .arch = "mistral4", .mla = true, .read = eng_read_latent};
