/* family_llama4.c - Llama 4 Scout and Maverick (Meta).
 *
 * Three layers of four turn queries and keys and see their own chunk of 8192 positions only; in
 * Scout they are then normed, without weights. Every fourth has no positions, sees everything, and
 * its queries grow with the position. One expert a token, chosen by its logit: its input is
 * multiplied by the logit's sigmoid, its output just added, as is a shared expert's.
 */
#include "engine/model/model_impl.h"

#define CHUNK              8192
#define EXPERTS_NOT_NORMED 128 /* Maverick, told by its number of experts: no key says so */

static void read(struct eng_reader *r, struct eng_model *m)
{
    struct eng_hparams *hp = &m->hp;
    uint32_t step = eng_key_int(r, "interleave_moe_layer_step", 0, 1024, UINT32_MAX);
    bool chunks = eng_key_int(r, "attention.sliding_window", 0, 1u << 30, CHUNK) != 0;
    if (r->st == BASE_OK && !hp->moe.n_expert) {
        (void)eng_key_int(r, "expert_count", 1, ENG_EXPERT_MAX, UINT32_MAX);
        return;
    }
    hp->temp_scale = 0.1f;
    hp->temp_length = CHUNK;
    hp->temp_offset = 1;
    for (uint32_t i = 0; i < hp->n_layer; i++) {
        struct eng_layer *y = &m->layers[i];
        bool turns = !chunks || (i + 1) % 4 != 0;
        y->rope = turns ? 0 : -1;
        y->temp = !turns;
        y->chunk = chunks && eng_key_swa(r, i, 4) ? CHUNK : 0;
        y->post_qk_norm = turns && hp->moe.n_expert != EXPERTS_NOT_NORMED;
        y->moe = step && (i + 1) % step == 0;
    }
}

const struct eng_family eng_family_llama4 = {
    .arch = "llama4", .gating = ENG_GATE_SIGMOID, .weigh_input = true, .read = read};
