/* model_load.c - a model's weights: finding tensors, checking shapes, repacking.
 *
 * Matrices are used where they lie in the mapped file, except that on the fast CPU path quantised
 * ones are copied once into the order that the kernels like (cpu/tile.h; about the same size), and
 * the file's pages given back to the system. Norms and biases are small and copied as f32.
 *
 * Fails with the tensor's name, its shape and the shape wanted. Everything taken is released by
 * eng_weights_free, also after a failure half way.
 */
#include "engine/cpu/tile.h"
#include "engine/model_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct loader {
    struct eng_model *m;
    struct base_err *err;
    enum base_status st;  /* the first failure sticks */
    uint64_t by_type[64]; /* values per type, to name the file's quantisation */
};

static const struct eng_tensor *find(struct loader *l, const char *name, bool required)
{
    const struct eng_tensor *t = eng_gguf_tensor(l->m->gguf, name);
    if (!t && required && l->st == BASE_OK)
        l->st = base_err_set(l->err, BASE_EINVAL, "%s: the tensor \"%s\" is missing",
                             eng_gguf_path(l->m->gguf), name);
    if (t && !eng_type_info(t->type)->weights && l->st == BASE_OK)
        l->st =
            base_err_set(l->err, BASE_EINVAL,
                         "%s: the tensor \"%s\" is of type %s, which this build cannot compute "
                         "with; take F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, "
                         "IQ4_NL, IQ4_XS, MXFP4 or NVFP4",
                         eng_gguf_path(l->m->gguf), name, eng_type_name(t->type));
    return l->st == BASE_OK ? t : NULL;
}

static bool check_shape(struct loader *l, const struct eng_tensor *t, uint64_t n_in, uint64_t n_out,
                        uint64_t n_mat)
{
    if (t->ne[0] == n_in && t->ne[1] == n_out && t->ne[2] == n_mat && t->ne[3] == 1)
        return true;
    l->st = base_err_set(l->err, BASE_EINVAL,
                         "%s: the tensor \"%.*s\" has the shape [%llu, %llu, %llu, %llu] where "
                         "[%llu, %llu, %llu, 1] is needed",
                         eng_gguf_path(l->m->gguf), BASE_FMT(t->name), (unsigned long long)t->ne[0],
                         (unsigned long long)t->ne[1], (unsigned long long)t->ne[2],
                         (unsigned long long)t->ne[3], (unsigned long long)n_in,
                         (unsigned long long)n_out, (unsigned long long)n_mat);
    return false;
}

/* A tensor of n values as f32 of our own; NULL if absent. */
static float *load_floats(struct loader *l, const char *name, uint64_t n_in, uint64_t n_out,
                          bool required)
{
    const struct eng_tensor *t = find(l, name, required);
    if (!t || !check_shape(l, t, n_in, n_out, 1))
        return NULL;
    float *x = malloc(n_in * n_out * sizeof(*x));
    if (!x) {
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(l->m->gguf));
        return NULL;
    }
    for (uint64_t r = 0; r < n_out; r++)
        eng_dequant_row(t->type, t->data + r * t->row_bytes, x + r * n_in, n_in);
    return x;
}

#define TILES_PER_TASK 16

static void pack_task(void *ctx, uint32_t task, uint32_t thread)
{
    const struct eng_weight *w = ctx;
    uint64_t end = (uint64_t)(task + 1) * TILES_PER_TASK;
    (void)thread;
    for (uint64_t i = (uint64_t)task * TILES_PER_TASK; i < end && i < w->mat_tiles * w->n_mat; i++)
        eng_tile_pack(w, (uint32_t)(i / w->mat_tiles), (uint32_t)(i % w->mat_tiles));
}

/* Gives the mapped pages that only this tensor covers back to the system; they are read again from
 * the file if ever needed. */
static void drop_pages(const struct eng_tensor *t)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t a = ((uintptr_t)t->data + page - 1) / page * page;
    uintptr_t b = ((uintptr_t)t->data + t->nbytes) / page * page;
    if (b > a)
        (void)madvise((void *)a, b - a, MADV_DONTNEED);
}

static void repack(struct loader *l, struct eng_weight *w)
{
    struct eng_model *m = l->m;
    w->mat_tiles = (w->n_out + ENG_TILE - 1) / ENG_TILE;
    w->tile_bytes = eng_tile_bytes(w->type, w->n_in);
    if (!m->kernels->mm_tiles || !w->tile_bytes)
        return;
    size_t bytes = w->tile_bytes * w->mat_tiles * w->n_mat;
    void *p = NULL;
    if (posix_memalign(&p, bytes >= 1u << 21 ? 1u << 21 : 64, bytes) != 0) {
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory for weights (%zu bytes)",
                             eng_gguf_path(m->gguf), bytes);
        return;
    }
    if (bytes >= 1u << 21)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    w->tiles = p;
    /* n_out is below 2^24 and n_mat below 2^10: at most 2^26 tiles */
    uint64_t tasks = (w->mat_tiles * w->n_mat + TILES_PER_TASK - 1) / TILES_PER_TASK;
    for (uint64_t t = 0; tasks > ENG_TASKS_MAX && t < tasks; t++)
        pack_task(w, (uint32_t)t, 0);
    if (tasks <= ENG_TASKS_MAX)
        eng_pool_run(m->pool, (uint32_t)tasks, pack_task, w);
    drop_pages(w->tensor);
    m->info.weight_bytes += bytes;
}

/* X.scale beside X.weight, a factor of each matrix's products. */
static void load_scale(struct loader *l, struct eng_weight *w, const char *name)
{
    char other[96];
    struct base_str s = base_str_c(name), end = BASE_STR("weight");
    if (l->m->hp.family->parallel && strstr(name, "ffn_gate_inp"))
        return; /* a norm's weights: see load_parallel */
    snprintf(other, sizeof(other), "%.*sscale", (int)(s.n - end.n), name);
    w->scale = load_floats(l, other, w->n_mat, 1, false);
}

/* Rows row0..row0 + n_out of each of n_mat matrices with n_rows rows. If those are not all, there
 * must be one matrix only. */
static void load_rows(struct loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                      uint32_t row0, uint32_t n_out, uint32_t n_rows, uint32_t n_mat)
{
    const struct eng_tensor *t = find(l, name, true);
    if (!t || !check_shape(l, t, n_in, n_rows, n_mat))
        return;
    *w = (struct eng_weight){.tensor = t,
                             .type = t->type,
                             .n_in = n_in,
                             .n_out = n_out,
                             .n_mat = n_mat,
                             .row_bytes = t->row_bytes,
                             .data = t->data + row0 * t->row_bytes};
    l->by_type[t->type & 63] += (uint64_t)n_in * n_out * n_mat;
    load_scale(l, w, name);
    repack(l, w);
}

static void load_weight(struct loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                        uint32_t n_out, uint32_t n_mat)
{
    load_rows(l, w, name, n_in, 0, n_out, n_out, n_mat);
}

/* blk.LAYER.NAME.weight and, if there, blk.LAYER.NAME.bias */
static void layer_weight(struct loader *l, struct eng_weight *w, uint32_t layer, const char *name,
                         uint32_t n_in, uint32_t n_out, uint32_t n_mat)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    load_weight(l, w, full, n_in, n_out, n_mat);
    snprintf(full, sizeof(full), "blk.%u.%s.bias", layer, name);
    if (w->tensor && l->st == BASE_OK)
        w->bias = load_floats(l, full, n_out, n_mat, false);
    if (w->bias && w->scale && l->st == BASE_OK) /* which of them comes first? */
        l->st = base_err_set(l->err, BASE_EINVAL,
                             "%s: the tensor \"%s\" stands beside a scale, which this build does "
                             "not support",
                             eng_gguf_path(l->m->gguf), full);
}

static float *layer_floats(struct loader *l, uint32_t layer, const char *name, uint64_t n,
                           bool required)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s", layer, name);
    return load_floats(l, full, n, 1, required);
}

static bool has(const struct loader *l, uint32_t layer, const char *name)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s", layer, name);
    return eng_gguf_tensor(l->m->gguf, full) != NULL;
}

static void load_latent(struct loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    uint32_t d = hp->n_embd, rot = y->n_dim - y->n_vdim, q_out = hp->n_head * (hp->n_nope + rot);
    if (hp->n_lora_q) {
        layer_weight(l, &y->q_a, i, "attn_q_a", d, hp->n_lora_q, 1);
        y->q_a_norm = layer_floats(l, i, "attn_q_a_norm.weight", hp->n_lora_q, true);
        layer_weight(l, &y->q, i, "attn_q_b", hp->n_lora_q, q_out, 1);
    } else {
        layer_weight(l, &y->q, i, "attn_q", d, q_out, 1);
    }
    layer_weight(l, &y->kv_a, i, "attn_kv_a_mqa", d, y->n_dim, 1);
    y->kv_a_norm = layer_floats(l, i, "attn_kv_a_norm.weight", y->n_vdim, true);
    layer_weight(l, &y->k_b, i, "attn_k_b", hp->n_nope, y->n_vdim, hp->n_head);
    layer_weight(l, &y->v_b, i, "attn_v_b", y->n_vdim, hp->n_vhead, hp->n_head);
    layer_weight(l, &y->o, i, "attn_output", hp->n_head * hp->n_vhead, d, 1);
}

static void load_attention(struct loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    const struct eng_family *fam = hp->family;
    uint32_t d = hp->n_embd, q_out = hp->n_head * y->n_dim, kv_out = y->n_head_kv * y->n_dim;
    char full[96];
    y->attn_norm = layer_floats(l, i, "attn_norm.weight", d, true);
    if (fam->sandwich)
        y->post_attn_norm = layer_floats(l, i, "post_attention_norm.weight", d, true);
    if (fam->sinks)
        y->sinks = layer_floats(l, i, "attn_sinks.weight", hp->n_head, true);
    if (fam->mla) {
        load_latent(l, y, i);
        return;
    }
    if (fam->fused && has(l, i, "attn_qkv.weight")) {
        snprintf(full, sizeof(full), "blk.%u.attn_qkv.weight", i);
        load_rows(l, &y->q, full, d, 0, q_out, q_out + 2 * kv_out, 1);
        load_rows(l, &y->k, full, d, q_out, kv_out, q_out + 2 * kv_out, 1);
        load_rows(l, &y->v, full, d, q_out + kv_out, kv_out, q_out + 2 * kv_out, 1);
    } else {
        layer_weight(l, &y->q, i, "attn_q", d, q_out, 1);
        layer_weight(l, &y->k, i, "attn_k", d, kv_out, 1);
        if (!fam->value_norm || has(l, i, "attn_v.weight"))
            layer_weight(l, &y->v, i, "attn_v", d, kv_out, 1);
    }
    layer_weight(l, &y->o, i, "attn_output", q_out, d, 1);
    if (fam->qk_norm != ENG_QK_NORM_NONE) {
        bool all = fam->qk_norm == ENG_QK_NORM_ALL, must = !fam->qk_norm_optional;
        must |= has(l, i, "attn_q_norm.weight") != has(l, i, "attn_k_norm.weight");
        y->q_norm = layer_floats(l, i, "attn_q_norm.weight", all ? q_out : y->n_dim, must);
        y->k_norm = layer_floats(l, i, "attn_k_norm.weight", all ? kv_out : y->n_dim, must);
    }
}

/* The width of an FFN is what its tensor says; bounded, so that sizes of scratch stay sane.
 * merged: the tensor holds two matrices of that width. */
static uint32_t width_of(struct loader *l, uint32_t layer, const char *name, bool merged)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    const struct eng_tensor *t = find(l, full, true);
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

/* Kernels begin at whole tiles: a merged matrix whose second half does not is left as it is. */
static void untile(struct loader *l, struct eng_weight *w, uint32_t half)
{
    if (half % ENG_TILE == 0 || !w->tiles)
        return;
    l->m->info.weight_bytes -= w->tile_bytes * w->mat_tiles * w->n_mat;
    free(w->tiles);
    w->tiles = NULL;
}

static void load_experts(struct loader *l, struct eng_layer *y, uint32_t i)
{
    struct eng_model *m = l->m;
    const struct eng_hparams *hp = &m->hp;
    uint32_t d = hp->n_embd, e = hp->moe.n_expert, ff;
    y->merged = has(l, i, "ffn_gate_up_exps.weight");
    ff = width_of(l, i, y->merged ? "ffn_gate_up_exps" : "ffn_up_exps", y->merged);
    y->n_ff = ff;
    layer_weight(l, &y->router, i, "ffn_gate_inp", d, e, 1);
    y->router_bias = layer_floats(l, i, "exp_probs_b.bias", e, false);
    if (y->merged) {
        layer_weight(l, &y->gate, i, "ffn_gate_up_exps", d, 2 * ff, e);
        untile(l, &y->gate, ff);
    } else {
        layer_weight(l, &y->gate, i, "ffn_gate_exps", d, ff, e);
        layer_weight(l, &y->up, i, "ffn_up_exps", d, ff, e);
    }
    layer_weight(l, &y->down, i, "ffn_down_exps", ff, d, e);
    y->shared = has(l, i, "ffn_up_shexp.weight") || hp->family->shared_gated;
    if (!y->shared)
        return;
    ff = width_of(l, i, "ffn_up_shexp", false);
    layer_weight(l, &y->shared_gate, i, "ffn_gate_shexp", d, ff, 1);
    layer_weight(l, &y->shared_up, i, "ffn_up_shexp", d, ff, 1);
    layer_weight(l, &y->shared_down, i, "ffn_down_shexp", ff, d, 1);
    if (hp->family->shared_gated)
        y->shared_scale = layer_floats(l, i, "ffn_gate_inp_shexp.weight", d, true);
}

/* The dense FFN beside the experts, in the place of a shared one, and the norms around both. The
 * router sees the residual stream normed, over the root of its length, times the file's scale. */
static void load_parallel(struct loader *l, struct eng_layer *y, uint32_t i)
{
    uint32_t d = l->m->hp.n_embd, ff = width_of(l, i, "ffn_up", false);
    layer_weight(l, &y->shared_gate, i, "ffn_gate", d, ff, 1);
    layer_weight(l, &y->shared_up, i, "ffn_up", d, ff, 1);
    layer_weight(l, &y->shared_down, i, "ffn_down", ff, d, 1);
    y->post_norm_1 = layer_floats(l, i, "post_ffw_norm_1.weight", d, true);
    y->pre_norm_2 = layer_floats(l, i, "pre_ffw_norm_2.weight", d, true);
    y->post_norm_2 = layer_floats(l, i, "post_ffw_norm_2.weight", d, true);
    y->router_norm = layer_floats(l, i, "ffn_gate_inp.scale", d, true);
    for (uint32_t k = 0; y->router_norm && k < d; k++)
        y->router_norm[k] /= sqrtf((float)d);
}

static void load_ffn(struct loader *l, struct eng_layer *y, uint32_t i)
{
    const struct eng_family *fam = l->m->hp.family;
    uint32_t d = l->m->hp.n_embd, ff;
    y->ffn_norm = layer_floats(
        l, i, fam->ffn_norm_is_post_attention ? "post_attention_norm.weight" : "ffn_norm.weight", d,
        true);
    if (fam->sandwich)
        y->post_ffn_norm = layer_floats(l, i, "post_ffw_norm.weight", d, true);
    if (fam->varied) {
        float *scale = layer_floats(l, i, "layer_output_scale.weight", 1, false);
        y->out_scale = scale ? *scale : 0;
        free(scale);
    }
    if (y->moe) {
        load_experts(l, y, i);
        if (fam->parallel && l->st == BASE_OK)
            load_parallel(l, y, i);
        return;
    }
    y->merged = fam->fused && !has(l, i, "ffn_gate.weight");
    ff = width_of(l, i, "ffn_up", y->merged);
    y->n_ff = ff;
    if (y->merged) {
        layer_weight(l, &y->gate, i, "ffn_up", d, 2 * ff, 1);
        untile(l, &y->gate, ff);
    } else {
        layer_weight(l, &y->gate, i, "ffn_gate", d, ff, 1);
        layer_weight(l, &y->up, i, "ffn_up", d, ff, 1);
    }
    layer_weight(l, &y->down, i, "ffn_down", ff, d, 1);
}

/* rope_freqs.weight divides the first set's frequencies; rope_factors_short and _long those of the
 * sets for short and for long contexts. */
static void load_rope(struct loader *l)
{
    struct eng_hparams *hp = &l->m->hp;
    static const char *const names[2] = {"rope_factors_short.weight", "rope_factors_long.weight"};
    for (int k = 0; k < (hp->n_ctx_long ? 2 : 1) && l->st == BASE_OK; k++) {
        struct eng_rope_set *set = &hp->rope[k];
        const char *name = hp->n_ctx_long ? names[k] : "rope_freqs.weight";
        float *factors = load_floats(l, name, set->n_rot / 2, 1, hp->n_ctx_long != 0);
        for (uint32_t i = 0; factors && i < set->n_rot / 2; i++)
            set->freq[i] /= factors[i];
        free(factors);
    }
}

static void load_ends(struct loader *l)
{
    struct eng_model *m = l->m;
    struct eng_hparams *hp = &m->hp;
    const struct eng_tensor *t = find(l, "token_embd.weight", true);
    if (!t)
        return;
    if (t->ne[1] > 1u << 24 || t->ne[0] != hp->n_embd || t->n_values != t->ne[0] * t->ne[1]) {
        (void)check_shape(l, t, hp->n_embd, 0, 1);
        return;
    }
    if (eng_gguf_tensor(m->gguf, "token_embd.scale")) {
        l->st = base_err_set(l->err, BASE_EINVAL,
                             "%s: \"token_embd.scale\" is there, which this build does not support",
                             eng_gguf_path(m->gguf));
        return;
    }
    hp->n_vocab = (uint32_t)t->ne[1];
    m->embd = (struct eng_weight){.tensor = t,
                                  .type = t->type,
                                  .n_in = hp->n_embd,
                                  .n_out = hp->n_vocab,
                                  .n_mat = 1,
                                  .row_bytes = t->row_bytes,
                                  .data = t->data};
    m->output_norm = load_floats(l, "output_norm.weight", hp->n_embd, 1, true);
    bool tied = eng_gguf_tensor(m->gguf, "output.weight") == NULL;
    load_weight(l, &m->output, tied ? "token_embd.weight" : "output.weight", hp->n_embd,
                hp->n_vocab, 1);
    load_rope(l);
    uint32_t dim = 0;
    for (uint32_t i = 0; i < hp->n_layer; i++)
        dim = m->layers[i].n_dim > dim ? m->layers[i].n_dim : dim;
    m->ones = malloc(dim * sizeof(float));
    if (!m->ones && l->st == BASE_OK)
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(m->gguf));
    for (uint32_t i = 0; m->ones && i < dim; i++)
        m->ones[i] = 1;
}

static void fill_info(struct loader *l)
{
    struct eng_model *m = l->m;
    struct eng_model_info *info = &m->info;
    const struct eng_hparams *hp = &m->hp;
    uint64_t routed = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(m->gguf); i++)
        info->params_total += eng_gguf_tensor_at(m->gguf, i)->n_values;
    for (uint32_t i = 0; i < hp->n_layer; i++) {
        const struct eng_layer *y = &m->layers[i];
        if (y->moe)
            routed += (uint64_t)hp->n_embd * y->n_ff * 3 * hp->moe.n_expert;
    }
    info->params_active = info->params_total - routed;
    if (routed)
        info->params_active += routed / hp->moe.n_expert * hp->moe.n_used;
    uint32_t best = 0;
    for (uint32_t i = 1; i < 64; i++)
        if (l->by_type[i] > l->by_type[best])
            best = i;
    info->quant = eng_type_name(best);
    (void)eng_gguf_str(m->gguf, "general.name", &info->name);
    info->n_vocab = hp->n_vocab;
    info->n_ctx_train = hp->n_ctx_train;
    info->n_layer = hp->n_layer;
    info->n_embd = hp->n_embd;
    info->n_head = hp->n_head;
    info->n_head_kv = hp->n_head_kv;
    info->n_head_dim = hp->n_dim;
    info->n_expert = hp->moe.n_expert;
    info->n_expert_used = hp->moe.n_used;
    info->file_bytes = eng_gguf_file_bytes(m->gguf);
}

enum base_status eng_weights_load(struct eng_model *m, struct base_err *err)
{
    struct loader l = {.m = m, .err = err, .st = BASE_OK};
    load_ends(&l);
    for (uint32_t i = 0; i < m->hp.n_layer && l.st == BASE_OK; i++) {
        load_attention(&l, &m->layers[i], i);
        load_ffn(&l, &m->layers[i], i);
    }
    if (l.st == BASE_OK)
        fill_info(&l);
    return l.st;
}

static void weight_release(struct eng_weight *w)
{
    free(w->tiles);
    free(w->bias);
    free(w->scale);
}

void eng_weights_free(struct eng_model *m)
{
    for (uint32_t i = 0; m->layers && i < m->hp.n_layer; i++) {
        struct eng_layer *y = &m->layers[i];
        struct eng_weight *w[] = {&y->q_a,         &y->kv_a,      &y->k_b,        &y->v_b,
                                  &y->q,           &y->k,         &y->v,          &y->o,
                                  &y->router,      &y->gate,      &y->up,         &y->down,
                                  &y->shared_gate, &y->shared_up, &y->shared_down};
        for (size_t j = 0; j < sizeof(w) / sizeof(w[0]); j++)
            weight_release(w[j]);
        float *f[] = {y->attn_norm,    y->ffn_norm,    y->q_norm,         y->k_norm,
                      y->router_bias,  y->sinks,       y->post_attn_norm, y->post_ffn_norm,
                      y->shared_scale, y->q_a_norm,    y->kv_a_norm,      y->router_norm,
                      y->pre_norm_2,   y->post_norm_1, y->post_norm_2};
        for (size_t j = 0; j < sizeof(f) / sizeof(f[0]); j++)
            free(f[j]);
    }
    weight_release(&m->output);
    free(m->output_norm);
    free(m->layers);
    m->layers = NULL;
}
