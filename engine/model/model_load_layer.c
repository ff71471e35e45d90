/* model_load_layer.c - the weights of one layer: which tensors it has, and their shapes.
 *
 * What a layer needs follows from the family and the hyper-parameters; what is optional is looked
 * for by name. Shapes are those that the forward pass relies on, without exception.
 */
#include "engine/model/model_load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void load_index(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    const struct eng_index_params *p = &hp->index;
    struct eng_index *x = y->index = calloc(1, sizeof(*x));
    if (!x) {
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(l->m->gguf));
        return;
    }
    eng_layer_weight(l, &x->q, i, "indexer.attn_q_b", hp->n_lora_q, p->n_head * p->n_dim, 1);
    eng_layer_weight(l, &x->k, i, "indexer.attn_k", hp->n_embd, p->n_dim, 1);
    eng_layer_weight(l, &x->proj, i, "indexer.proj", hp->n_embd, p->n_head, 1);
    x->k_norm = eng_layer_floats(l, i, "indexer.k_norm.weight", p->n_dim, true);
    x->k_norm_bias = eng_layer_floats(l, i, "indexer.k_norm.bias", p->n_dim, true);
}

static void load_latent(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    uint32_t d = hp->n_embd, rot = y->n_dim - y->n_vdim, q_out = hp->n_head * (hp->n_nope + rot);
    if (hp->n_lora_q) {
        eng_layer_weight(l, &y->q_a, i, "attn_q_a", d, hp->n_lora_q, 1);
        y->q_a_norm = eng_layer_floats(l, i, "attn_q_a_norm.weight", hp->n_lora_q, true);
        eng_layer_weight(l, &y->q, i, "attn_q_b", hp->n_lora_q, q_out, 1);
    } else {
        eng_layer_weight(l, &y->q, i, "attn_q", d, q_out, 1);
    }
    eng_layer_weight(l, &y->kv_a, i, "attn_kv_a_mqa", d, y->n_dim, 1);
    y->kv_a_norm = eng_layer_floats(l, i, "attn_kv_a_norm.weight", y->n_vdim, true);
    if (!eng_layer_has(l, i, "attn_k_b.weight") && eng_layer_has(l, i, "attn_kv_b.weight")) {
        eng_load_kv_b(l, &y->k_b, &y->v_b, i, y->n_vdim, hp->n_nope, hp->n_vhead);
    } else {
        eng_layer_weight(l, &y->k_b, i, "attn_k_b", hp->n_nope, y->n_vdim, hp->n_head);
        eng_layer_weight(l, &y->v_b, i, "attn_v_b", y->n_vdim, hp->n_vhead, hp->n_head);
    }
    eng_layer_weight(l, &y->o, i, "attn_output", hp->n_head * hp->n_vhead, d, 1);
    if (y->indexed && !y->picks_as_last)
        load_index(l, y, i);
}

static void load_squeeze(struct eng_loader *l, struct eng_squeeze *x, uint32_t i, const char *name,
                         uint32_t length, uint32_t ratio)
{
    uint32_t width = ratio == ENG_RATIO_NEAR ? 2 * length : length, d = l->m->hp.n_embd;
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s_kv.weight", i, name);
    eng_load_weight(l, &x->kv, full, d, width, 1);
    snprintf(full, sizeof(full), "blk.%u.%s_gate.weight", i, name);
    eng_load_weight(l, &x->gate, full, d, width, 1);
    snprintf(full, sizeof(full), "blk.%u.%s_ape.weight", i, name);
    x->place = eng_load_floats(l, full, width, ratio, true);
    snprintf(full, sizeof(full), "blk.%u.%s_norm.weight", i, name);
    x->norm = eng_load_floats(l, full, length, 1, true);
}

static void load_compress(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    uint32_t d = hp->n_embd, wide = hp->n_out_group * hp->n_out_lora;
    char full[96];
    struct eng_compress *x = y->compress = calloc(1, sizeof(*x));
    if (!x) {
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(l->m->gguf));
        return;
    }
    eng_layer_weight(l, &y->q_a, i, "attn_q_a", d, hp->n_lora_q, 1);
    y->q_a_norm = eng_layer_floats(l, i, "attn_q_a_norm.weight", hp->n_lora_q, true);
    eng_layer_weight(l, &y->q, i, "attn_q_b", hp->n_lora_q, hp->n_head * hp->n_dim, 1);
    eng_layer_weight(l, &y->k, i, "attn_kv", d, hp->n_dim, 1);
    y->k_norm = eng_layer_floats(l, i, "attn_kv_a_norm.weight", hp->n_dim, true);
    snprintf(full, sizeof(full), "blk.%u.attn_output_a.weight", i);
    eng_load_stack(l, &x->out_a, full, hp->n_head / hp->n_out_group * hp->n_dim, hp->n_out_lora,
                   hp->n_out_group);
    eng_layer_weight(l, &y->o, i, "attn_output_b", wide, d, 1);
    if (y->ratio)
        load_squeeze(l, &x->keys, i, "attn_compressor", hp->n_dim, y->ratio);
    if (y->indexed) {
        const struct eng_index_params *p = &hp->index;
        load_squeeze(l, &x->index, i, "indexer_compressor", p->n_dim, y->ratio);
        y->index = calloc(1, sizeof(*y->index));
        if (!y->index)
            return;
        eng_layer_weight(l, &y->index->proj, i, "indexer.proj", d, p->n_head, 1);
        eng_layer_weight(l, &y->index->q, i, "indexer.attn_q_b", hp->n_lora_q, p->n_head * p->n_dim,
                         1);
    }
}

static void load_delta(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_delta_params *p = &l->m->hp.delta;
    uint32_t d = l->m->hp.n_embd, inner = p->n_value * p->dv;
    char full[96];
    struct eng_delta *x = y->delta = calloc(1, sizeof(*x));
    if (!x) {
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(l->m->gguf));
        return;
    }
    eng_layer_weight(l, &x->qkv, i, "attn_qkv", d, p->channels, 1);
    eng_layer_weight(l, &x->gate, i, "attn_gate", d, inner, 1);
    if (!l->m->hp.family->delta_tiled) {
        eng_layer_weight(l, &x->ba, i, "ssm_ba", d, 2 * p->n_value, 1);
    } else {
        eng_layer_weight(l, &x->beta, i, "ssm_beta", d, p->n_value, 1);
        eng_layer_weight(l, &x->alpha, i, "ssm_alpha", d, p->n_value, 1);
    }
    eng_layer_weight(l, &x->out, i, "ssm_out", inner, d, 1);
    snprintf(full, sizeof(full), "blk.%u.ssm_conv1d.weight", i);
    x->conv = eng_load_floats(l, full, p->conv, p->channels, true);
    x->dt = eng_layer_floats(l, i, "ssm_dt.bias", p->n_value, true);
    x->a = eng_layer_floats(l, i, "ssm_a", p->n_value, true);
    x->norm = eng_layer_floats(l, i, "ssm_norm.weight", p->dv, true);
}

static void load_attention(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    const struct eng_family *fam = hp->family;
    uint32_t d = hp->n_embd, q_out = hp->n_head * y->n_dim, kv_out = y->n_head_kv * y->n_dim;
    char full[96];
    y->attn_norm = eng_layer_floats(l, i, "attn_norm.weight", d, true);
    if (fam->sandwich)
        y->post_attn_norm = eng_layer_floats(l, i, "post_attention_norm.weight", d, true);
    if (fam->sinks)
        y->sinks = eng_layer_floats(l, i, "attn_sinks.weight", hp->n_head, true);
    if (y->mixer == ENG_MIX_LATENT) {
        load_latent(l, y, i);
        return;
    }
    if (y->mixer == ENG_MIX_DELTA) {
        load_delta(l, y, i);
        return;
    }
    if (y->mixer == ENG_MIX_COMPRESS) {
        load_compress(l, y, i);
        return;
    }
    bool one = eng_layer_has(l, i, "attn_qkv.weight") ||
               (fam->fused && !eng_layer_has(l, i, "attn_q.weight"));
    if (one && !fam->out_gate) {
        snprintf(full, sizeof(full), "blk.%u.attn_qkv.weight", i);
        eng_load_rows(l, &y->q, full, d, 0, q_out, q_out + 2 * kv_out, 1);
        eng_load_rows(l, &y->k, full, d, q_out, kv_out, q_out + 2 * kv_out, 1);
        eng_load_rows(l, &y->v, full, d, q_out + kv_out, kv_out, q_out + 2 * kv_out, 1);
    } else {
        eng_layer_weight(l, &y->q, i, "attn_q", d, fam->out_gate ? 2 * q_out : q_out, 1);
        if (y->kv_from == i)
            eng_layer_weight(l, &y->k, i, "attn_k", d, kv_out, 1);
        if (y->kv_from == i && (!fam->value_norm || eng_layer_has(l, i, "attn_v.weight")))
            eng_layer_weight(l, &y->v, i, "attn_v", d, kv_out, 1);
    }
    eng_layer_weight(l, &y->o, i, "attn_output", q_out, d, 1);
    if (fam->qk_norm != ENG_QK_NORM_NONE) {
        bool all = fam->qk_norm == ENG_QK_NORM_ALL, must = !fam->qk_norm_optional;
        must |=
            eng_layer_has(l, i, "attn_q_norm.weight") != eng_layer_has(l, i, "attn_k_norm.weight");
        y->q_norm = eng_layer_floats(l, i, "attn_q_norm.weight", all ? q_out : y->n_dim, must);
        if (y->kv_from == i)
            y->k_norm = eng_layer_floats(l, i, "attn_k_norm.weight", all ? kv_out : y->n_dim, must);
    }
}

/* The width of an FFN is what its tensor says; bounded, so that sizes of scratch stay sane.
 * merged: the tensor holds two matrices of that width. */
static uint32_t width_of(struct eng_loader *l, uint32_t layer, const char *name, bool merged)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    const struct eng_tensor *t = eng_load_find(l, full, true);
    if (!t)
        return 0;
    if (t->ne[1] > 1u << 20 || (merged && t->ne[1] % 2)) {
        l->st = base_err_set(l->err, BASE_EINVAL, "%s: the tensor \"%s\" is too wide, or odd",
                             eng_gguf_path(l->m->gguf), full);
        return 0;
    }
    uint32_t ff = (uint32_t)t->ne[1] / (merged ? 2 : 1);
    if (ff > l->m->n_ff_max)
        l->m->n_ff_max = ff;
    return ff;
}

/* The table that gives each token its experts. */
static void load_hash(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    uint64_t n = (uint64_t)hp->n_vocab * hp->moe.n_used;
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.ffn_gate_tid2eid.weight", i);
    const struct eng_tensor *t = eng_gguf_tensor(l->m->gguf, full);
    if (!t || t->type != ENG_I32) {
        if (l->st == BASE_OK)
            l->st =
                base_err_set(l->err, BASE_EINVAL, "%s: the tensor \"%s\" is %s",
                             eng_gguf_path(l->m->gguf), full, t ? "not of type I32" : "missing");
        return;
    }
    if (l->st != BASE_OK || !eng_load_shape(l, t, hp->moe.n_used, hp->n_vocab, 1))
        return;
    y->hash = malloc(n * sizeof(*y->hash));
    if (!y->hash) {
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(l->m->gguf));
        return;
    }
    memcpy(y->hash, t->data, n * sizeof(*y->hash));
    for (uint64_t k = 0; k < n; k++)
        if (y->hash[k] < 0 || (uint32_t)y->hash[k] >= hp->moe.n_expert) {
            l->st = base_err_set(l->err, BASE_EINVAL, "%s: the tensor \"%s\" names an expert %d",
                                 eng_gguf_path(l->m->gguf), full, y->hash[k]);
            return;
        }
}

static void load_experts(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    struct eng_model *m = l->m;
    const struct eng_hparams *hp = &m->hp;
    uint32_t d = hp->n_embd, e = hp->moe.n_expert, ff;
    bool apart =
        !eng_layer_has(l, i, "ffn_down_exps.weight") && eng_layer_has(l, i, "ffn_down.0.weight");
    y->merged = eng_layer_has(l, i, "ffn_gate_up_exps.weight");
    ff = width_of(l, i,
                  y->merged ? "ffn_gate_up_exps"
                  : apart   ? "ffn_up.0"
                            : "ffn_up_exps",
                  y->merged);
    y->n_ff = ff;
    eng_layer_weight(l, &y->router, i, "ffn_gate_inp", d, e, 1);
    if (i < hp->n_hash)
        load_hash(l, y, i);
    else
        y->router_bias = eng_layer_floats(l, i, "exp_probs_b.bias", e, false);
    if (apart) {
        eng_load_experts_apart(l, &y->gate, i, "ffn_gate", d, ff, e);
        eng_load_experts_apart(l, &y->up, i, "ffn_up", d, ff, e);
        eng_load_experts_apart(l, &y->down, i, "ffn_down", ff, d, e);
    } else if (y->merged) {
        eng_layer_merged(l, &y->gate, i, "ffn_gate_up_exps", d, ff, e);
    } else {
        eng_layer_weight(l, &y->gate, i, "ffn_gate_exps", d, ff, e);
        eng_layer_weight(l, &y->up, i, "ffn_up_exps", d, ff, e);
    }
    if (!apart)
        eng_layer_weight(l, &y->down, i, "ffn_down_exps", ff, d, e);
    y->shared = eng_layer_has(l, i, "ffn_up_shexp.weight") || hp->family->shared_gated;
    if (!y->shared)
        return;
    ff = width_of(l, i, "ffn_up_shexp", false);
    eng_layer_weight(l, &y->shared_gate, i, "ffn_gate_shexp", d, ff, 1);
    eng_layer_weight(l, &y->shared_up, i, "ffn_up_shexp", d, ff, 1);
    eng_layer_weight(l, &y->shared_down, i, "ffn_down_shexp", ff, d, 1);
    if (hp->family->shared_gated)
        y->shared_scale = eng_layer_floats(l, i, "ffn_gate_inp_shexp.weight", d, true);
}

/* The dense FFN beside the experts, in the place of a shared one, and the norms around both. The
 * router sees the residual stream normed, over the root of its length, times the file's scale. */
static void load_parallel(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    uint32_t d = l->m->hp.n_embd, ff = width_of(l, i, "ffn_up", false);
    eng_layer_weight(l, &y->shared_gate, i, "ffn_gate", d, ff, 1);
    eng_layer_weight(l, &y->shared_up, i, "ffn_up", d, ff, 1);
    eng_layer_weight(l, &y->shared_down, i, "ffn_down", ff, d, 1);
    y->post_norm_1 = eng_layer_floats(l, i, "post_ffw_norm_1.weight", d, true);
    y->pre_norm_2 = eng_layer_floats(l, i, "pre_ffw_norm_2.weight", d, true);
    y->post_norm_2 = eng_layer_floats(l, i, "post_ffw_norm_2.weight", d, true);
    y->router_norm = eng_layer_floats(l, i, "ffn_gate_inp.scale", d, true);
    for (uint32_t k = 0; y->router_norm && k < d; k++)
        y->router_norm[k] /= sqrtf((float)d);
}

static void load_ffn(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_family *fam = l->m->hp.family;
    uint32_t d = l->m->hp.n_embd, ff;
    y->ffn_norm = eng_layer_floats(
        l, i, fam->ffn_norm_is_post_attention ? "post_attention_norm.weight" : "ffn_norm.weight", d,
        true);
    if (fam->sandwich)
        y->post_ffn_norm = eng_layer_floats(l, i, "post_ffw_norm.weight", d, true);
    if (fam->varied) {
        float *scale = eng_layer_floats(l, i, "layer_output_scale.weight", 1, false);
        y->out_scale = scale ? *scale : 0;
        free(scale);
    }
    if (y->moe) {
        load_experts(l, y, i);
        if (fam->parallel && l->st == BASE_OK)
            load_parallel(l, y, i);
        return;
    }
    y->merged = fam->fused && !eng_layer_has(l, i, "ffn_gate.weight");
    ff = width_of(l, i, "ffn_up", y->merged);
    y->n_ff = ff;
    if (y->merged) {
        eng_layer_merged(l, &y->gate, i, "ffn_up", d, ff, 1);
    } else {
        eng_layer_weight(l, &y->gate, i, "ffn_gate", d, ff, 1);
        eng_layer_weight(l, &y->up, i, "ffn_up", d, ff, 1);
    }
    eng_layer_weight(l, &y->down, i, "ffn_down", ff, d, 1);
}

static void load_side(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    eng_layer_weight(l, &y->side_gate, i, "inp_gate", hp->n_embd, hp->n_side, 1);
    eng_layer_weight(l, &y->side_out, i, "proj", hp->n_side, hp->n_embd, 1);
    y->side_norm = eng_layer_floats(l, i, "post_norm.weight", hp->n_embd, true);
}

void eng_layer_load(struct eng_loader *l, struct eng_layer *y, uint32_t i)
{
    load_attention(l, y, i);
    load_ffn(l, y, i);
    if (l->m->hp.n_side)
        load_side(l, y, i);
    for (int k = 0; l->m->hp.n_stream > 1 && k < 2; k++) {
        char prefix[64];
        uint32_t n = l->m->hp.n_stream;
        snprintf(prefix, sizeof(prefix), "blk.%u.hc_%s_", i, k ? "ffn" : "attn");
        eng_load_hyper(l, &y->hyper[k], prefix, (2 + n) * n, 3);
    }
}

void eng_load_hyper(struct eng_loader *l, struct eng_hyper *h, const char *prefix, uint32_t n_mix,
                    uint32_t n_scale)
{
    const struct eng_hparams *hp = &l->m->hp;
    char full[96];
    snprintf(full, sizeof(full), "%sfn.weight", prefix);
    eng_load_weight(l, &h->fn, full, hp->n_stream * hp->n_embd, n_mix, 1);
    snprintf(full, sizeof(full), "%sbase.weight", prefix);
    h->base = eng_load_floats(l, full, n_mix, 1, true);
    snprintf(full, sizeof(full), "%sscale.weight", prefix);
    h->scale = eng_load_floats(l, full, n_scale, 1, true);
}

/* ---- what a layer owns ---- */

static size_t part_vectors(const struct eng_hparams *hp, struct eng_layer *y, struct eng_vector *v)
{
    uint32_t mixes = (2 + hp->n_stream) * hp->n_stream, near = hp->n_dim, own = hp->index.n_dim;
    size_t n = 0;
    for (int k = 0; k < 2; k++) {
        v[n++] = (struct eng_vector){(void **)(void *)&y->hyper[k].base, mixes};
        v[n++] = (struct eng_vector){(void **)(void *)&y->hyper[k].scale, 3};
    }
    if (y->index) {
        v[n++] = (struct eng_vector){(void **)(void *)&y->index->k_norm, own};
        v[n++] = (struct eng_vector){(void **)(void *)&y->index->k_norm_bias, own};
    }
    if (y->delta) {
        const struct eng_delta_params *p = &hp->delta;
        uint64_t conv = (uint64_t)p->channels * p->conv;
        v[n++] = (struct eng_vector){(void **)(void *)&y->delta->conv, conv};
        v[n++] = (struct eng_vector){(void **)(void *)&y->delta->dt, p->n_value};
        v[n++] = (struct eng_vector){(void **)(void *)&y->delta->a, p->n_value};
        v[n++] = (struct eng_vector){(void **)(void *)&y->delta->norm, p->dv};
    }
    if (y->compress) {
        struct eng_compress *x = y->compress;
        uint64_t place = (uint64_t)y->ratio * eng_width_of(near, y->ratio);
        v[n++] = (struct eng_vector){(void **)(void *)&x->keys.place, place};
        v[n++] = (struct eng_vector){(void **)(void *)&x->keys.norm, near};
        place = (uint64_t)y->ratio * eng_width_of(own, y->ratio);
        v[n++] = (struct eng_vector){(void **)(void *)&x->index.place, place};
        v[n++] = (struct eng_vector){(void **)(void *)&x->index.norm, own};
    }
    return n;
}

size_t eng_layer_vectors(struct eng_model *m, struct eng_layer *y, struct eng_vector *v)
{
    const struct eng_hparams *hp = &m->hp;
    uint32_t d = hp->n_embd;
    bool all = hp->family->qk_norm == ENG_QK_NORM_ALL;
    const struct eng_vector own[] = {
        {(void **)(void *)&y->attn_norm, d},
        {(void **)(void *)&y->ffn_norm, d},
        {(void **)(void *)&y->post_attn_norm, d},
        {(void **)(void *)&y->post_ffn_norm, d},
        {(void **)(void *)&y->q_norm, (uint64_t)(all ? hp->n_head : 1) * y->n_dim},
        {(void **)(void *)&y->k_norm, (uint64_t)(all ? y->n_head_kv : 1) * y->n_dim},
        {(void **)(void *)&y->sinks, hp->n_head},
        {(void **)(void *)&y->router_norm, d},
        {(void **)(void *)&y->pre_norm_2, d},
        {(void **)(void *)&y->post_norm_1, d},
        {(void **)(void *)&y->post_norm_2, d},
        {(void **)(void *)&y->q_a_norm, hp->n_lora_q},
        {(void **)(void *)&y->kv_a_norm, y->n_vdim},
        {(void **)(void *)&y->router_bias, hp->moe.n_expert},
        {(void **)(void *)&y->shared_scale, d},
        {(void **)(void *)&y->side_norm, d},
        {(void **)(void *)&y->hash, (uint64_t)hp->n_vocab * hp->moe.n_used}};
    memcpy(v, own, sizeof(own));
    return sizeof(own) / sizeof(own[0]) + part_vectors(hp, y, v + sizeof(own) / sizeof(own[0]));
}

static void parts_release(struct eng_model *m, struct eng_layer *y)
{
    struct eng_weight *w[16];
    size_t n = 0;
    if (y->compress) {
        struct eng_compress *x = y->compress;
        w[n++] = &x->out_a;
        w[n++] = &x->keys.kv;
        w[n++] = &x->keys.gate;
        w[n++] = &x->index.kv;
        w[n++] = &x->index.gate;
    }
    if (y->delta) {
        struct eng_delta *x = y->delta;
        w[n++] = &x->qkv;
        w[n++] = &x->gate;
        w[n++] = &x->out;
        w[n++] = &x->ba;
        w[n++] = &x->beta;
        w[n++] = &x->alpha;
    }
    if (y->index) {
        w[n++] = &y->index->q;
        w[n++] = &y->index->k;
        w[n++] = &y->index->proj;
    }
    for (size_t i = 0; i < n; i++)
        eng_weight_release(m, w[i]);
    free(y->compress);
    free(y->delta);
    free(y->index);
}

void eng_layer_release(struct eng_model *m, struct eng_layer *y)
{
    struct eng_weight *w[] = {&y->q_a,         &y->kv_a,        &y->k_b,         &y->v_b,
                              &y->q,           &y->k,           &y->v,           &y->o,
                              &y->router,      &y->gate,        &y->up,          &y->down,
                              &y->shared_gate, &y->shared_up,   &y->shared_down, &y->side_gate,
                              &y->side_out,    &y->hyper[0].fn, &y->hyper[1].fn};
    struct eng_vector v[ENG_VECTORS_MAX];
    for (size_t j = 0; j < sizeof(w) / sizeof(w[0]); j++)
        eng_weight_release(m, w[j]);
    eng_vectors_release(m, v, eng_layer_vectors(m, y, v));
    parts_release(m, y);
}
