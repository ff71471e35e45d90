/* family_deepseek32.c - DeepSeek V3.2 (arXiv 2512.02556) and GLM-5 (glm-dsa, Zhipu AI).
 *
 * The layers of DeepSeek V3 (family_deepseek2.c), but attention sees at most top_k keys, which an
 * indexer picks (cpu/index.c). Its heads turn in pairs that lie half a head apart in DeepSeek's,
 * adjacent in GLM's. In GLM-5.2 some layers have no indexer and see what the last one picked; files
 * may say which, or it follows from the context length, by which that release is told.
 */
#include "engine/model/model_impl.h"

#define CONTEXT_GLM52 (1u << 20)

static void read_index(struct eng_reader *r, struct eng_hparams *hp)
{
    hp->index.n_head = eng_key_int(r, "attention.indexer.head_count", 1, ENG_HEADS_MAX, UINT32_MAX);
    hp->index.n_dim =
        eng_key_int(r, "attention.indexer.key_length", hp->rope[0].n_rot, 4096, UINT32_MAX);
    hp->index.top_k = eng_key_int(r, "attention.indexer.top_k", 1, 1u << 20, UINT32_MAX);
    if (r->st == BASE_OK && !hp->n_lora_q) /* the indexer's queries are made of the latent ones */
        (void)eng_key_int(r, "attention.q_lora_rank", 1, 1u << 16, UINT32_MAX);
}

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    bool glm = base_str_is(base_str_c(hp->family->arch), "glm-dsa");
    eng_read_latent(r, m);
    read_index(r, hp);
    hp->index.neox = !glm;
    for (uint32_t i = 0; i < hp->n_layer; i++) {
        bool full = !glm || hp->n_ctx_train < CONTEXT_GLM52 || i < 2 || i % 4 == 2;
        full = eng_key_int_at(r, "attention.indexer.types", i, 0, 1, full);
        m->layers[i].indexed = true;
        m->layers[i].picks_as_last = !full;
        if (i == 0 && !full)
            eng_key_bad(r, "gives the first layer no indexer");
    }
}

const struct eng_family eng_family_deepseek32 = {.arch = "deepseek32", .mla = true, .read = read};
const struct eng_family eng_family_glm_dsa = {
    .arch = "glm-dsa", .mla = true, .gating = ENG_GATE_SIGMOID, .read = read};
