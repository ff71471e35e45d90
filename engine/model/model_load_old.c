/* model_load_old.c - weights as older files have them: experts in a tensor each, and the two
 * matrices of latent attention in one.
 *
 * What the forward pass wants is put together in memory of our own: experts one behind the other,
 * as large as in the file; attn_kv_b as the f32 matrices attn_k_b (transposed) and attn_v_b, which
 * for a quantised file are several times larger: converting the model anew saves that.
 */
#include "engine/model/model_load.h"

#include "engine/model/quant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *take(struct eng_loader *l, uint64_t bytes)
{
    uint8_t *p = bytes < PTRDIFF_MAX ? malloc(bytes) : NULL;
    if (!p && l->st == BASE_OK)
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory for weights (%llu bytes)",
                             eng_gguf_path(l->m->gguf), (unsigned long long)bytes);
    if (p)
        l->m->info.weight_bytes += bytes;
    return p;
}

void eng_load_experts_apart(struct eng_loader *l, struct eng_weight *w, uint32_t layer,
                            const char *name, uint32_t n_in, uint32_t n_out, uint32_t n_mat)
{
    const struct eng_tensor *t[ENG_EXPERT_MAX] = {NULL};
    char full[96];
    for (uint32_t e = 0; e < n_mat; e++) {
        snprintf(full, sizeof(full), "blk.%u.%s.%u.weight", layer, name, e);
        t[e] = eng_load_find(l, full, true);
        if (!t[e] || !eng_load_shape(l, t[e], n_in, n_out, 1))
            return;
        if (t[e]->type != t[0]->type) {
            l->st = base_err_set(l->err, BASE_EINVAL,
                                 "%s: the tensor \"%s\" is of type %s, that of expert 0 is %s",
                                 eng_gguf_path(l->m->gguf), full, eng_type_name(t[e]->type),
                                 eng_type_name(t[0]->type));
            return;
        }
    }
    /* tensors do not overlap: all together are no larger than the file */
    uint8_t *own = take(l, t[0]->nbytes * n_mat);
    if (!own)
        return;
    for (uint32_t e = 0; e < n_mat; e++) {
        memcpy(own + e * t[0]->nbytes, t[e]->data, t[0]->nbytes);
        eng_weight_drop(t[e]);
    }
    *w = (struct eng_weight){.tensor = t[0],
                             .type = t[0]->type,
                             .n_in = n_in,
                             .n_out = n_out,
                             .n_mat = n_mat,
                             .row_bytes = t[0]->row_bytes,
                             .data = own,
                             .own = own};
    l->by_type[w->type & 63] += (uint64_t)n_in * n_out * n_mat;
    eng_load_hand_over(l, w);
}

static struct eng_weight own_f32(const struct eng_tensor *t, uint8_t *own, uint32_t n_in,
                                 uint32_t n_out, uint32_t n_mat)
{
    return (struct eng_weight){.tensor = t,
                               .type = ENG_F32,
                               .n_in = n_in,
                               .n_out = n_out,
                               .n_mat = n_mat,
                               .row_bytes = (uint64_t)n_in * sizeof(float),
                               .data = own,
                               .own = own};
}

void eng_load_kv_b(struct eng_loader *l, struct eng_weight *k, struct eng_weight *v, uint32_t layer,
                   uint32_t n_lora, uint32_t n_nope, uint32_t n_value)
{
    uint32_t heads = l->m->hp.n_head, each = n_nope + n_value;
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.attn_kv_b.weight", layer);
    const struct eng_tensor *t = eng_load_find(l, full, true);
    if (!t || !eng_load_shape(l, t, n_lora, (uint64_t)heads * each, 1))
        return;
    uint64_t bytes = (uint64_t)heads * n_lora * sizeof(float);
    uint8_t *own_k = take(l, bytes * n_nope), *own_v = take(l, bytes * n_value);
    float *row = malloc(n_lora * sizeof(float));
    if (!own_k || !own_v || !row) {
        free(own_k);
        free(own_v);
        free(row);
        if (l->st == BASE_OK)
            l->st =
                base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(l->m->gguf));
        return;
    }
    *k = own_f32(t, own_k, n_nope, n_lora, heads);
    *v = own_f32(t, own_v, n_lora, n_value, heads);
    for (uint32_t h = 0; h < heads; h++)
        for (uint32_t j = 0; j < each; j++) {
            float *keys = (float *)(void *)own_k + (size_t)h * n_lora * n_nope;
            float *values = (float *)(void *)own_v + (size_t)h * n_value * n_lora;
            eng_dequant_row(t->type, t->data + ((uint64_t)h * each + j) * t->row_bytes, row,
                            n_lora);
            for (uint32_t i = 0; i < n_lora; i++)
                if (j < n_nope)
                    keys[(size_t)i * n_nope + j] = row[i];
                else
                    values[(size_t)(j - n_nope) * n_lora + i] = row[i];
        }
    l->by_type[t->type & 63] += t->n_values;
    free(row);
    eng_weight_drop(t);
    eng_load_hand_over(l, k);
    eng_load_hand_over(l, v);
}
