/* model_family.c - which architectures are built in, and their hyper-parameters from the metadata.
 *
 * Families differ by parameters, not by code: a struct eng_family plus what the file says; those
 * with more to say than flags have a family_NAME.c. Every
 * number is held to a range here, so that later products of dimensions cannot overflow; what is
 * missing or out of range is an error that names the key.
 *
 * RoPE: pair i turns by position * f_i, f_i = base^(-2i/n_rot) / rope_freqs[i]. Linear scaling
 * divides f_i by the factor. YaRN (arXiv 2309.00071) interpolates slow pairs and keeps fast ones:
 * f = (f/factor)(1 - r) + f r, r falling from 1 to 0 between the pairs that turn beta_fast and
 * beta_slow times over the original context, and multiplies cosine and sine by 1 + 0.1 ln(factor).
 */
#include "engine/model/model_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct eng_family llama = {.arch = "llama", .moe_normalise = true},
                               qwen2 = {.arch = "qwen2", .neox = true, .moe_normalise = true},
                               qwen2moe = {.arch = "qwen2moe", .neox = true, .shared_gated = true},
                               qwen3 = {.arch = "qwen3",
                                        .neox = true,
                                        .qk_norm = ENG_QK_NORM_HEAD,
                                        .moe_normalise = true},
                               qwen3moe = {.arch = "qwen3moe",
                                           .neox = true,
                                           .qk_norm = ENG_QK_NORM_HEAD,
                                           .moe_normalise = true},
                               olmoe = {.arch = "olmoe", .neox = true, .qk_norm = ENG_QK_NORM_ALL},
                               granite = {.arch = "granite", .moe_normalise = true},
                               granitemoe = {.arch = "granitemoe", .moe_normalise = true},
                               mistral3 = {.arch = "mistral3", .moe_normalise = true};

/* The families that parameters alone tell apart, then those with a file of their own. */
static const struct eng_family *const FAMILIES[] = {&llama,
                                                    &qwen2,
                                                    &qwen2moe,
                                                    &qwen3,
                                                    &qwen3moe,
                                                    &olmoe,
                                                    &granite,
                                                    &granitemoe,
                                                    &mistral3,
                                                    &eng_family_gpt_oss,
                                                    &eng_family_glm4moe,
                                                    &eng_family_deepseek2,
                                                    &eng_family_mistral4,
                                                    &eng_family_gemma3,
                                                    &eng_family_phi3,
                                                    &eng_family_llama4,
                                                    &eng_family_gemma4,
                                                    &eng_family_qwen3next,
                                                    &eng_family_qwen35moe,
                                                    &eng_family_deepseek32,
                                                    &eng_family_glm_dsa,
                                                    &eng_family_deepseek4};

#define ARCHS                                                                                      \
    "llama, qwen2, qwen2moe, qwen3, qwen3moe, olmoe, granite, granitemoe, mistral3, gpt-oss, "     \
    "glm4moe, deepseek2, mistral4, gemma3, phi3, llama4, gemma4, qwen3next, qwen35moe, "           \
    "deepseek32, glm-dsa, deepseek4"

const char *eng_model_archs(void)
{
    return ARCHS;
}

static const char *key_of(struct eng_reader *r, const char *name)
{
    snprintf(r->key, sizeof(r->key), "%s.%s", r->arch, name);
    return r->key;
}

void eng_key_bad(struct eng_reader *r, const char *what)
{
    if (r->st == BASE_OK)
        r->st =
            base_err_set(r->err, BASE_EINVAL, "%s: \"%s\" %s", eng_gguf_path(r->g), r->key, what);
}

uint32_t eng_key_int(struct eng_reader *r, const char *name, uint32_t min, uint32_t max,
                     uint32_t fallback)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(r->g, key_of(r, name));
    int64_t v = 0, w;
    if (!kv) {
        if (fallback == UINT32_MAX)
            eng_key_bad(r, "is missing");
        return fallback;
    }
    for (uint64_t i = 0; i < kv->n; i++) {
        if (eng_gguf_elem_i64(kv, i, &w) != BASE_OK || (i && w != v)) {
            eng_key_bad(r, i ? "differs between layers, which this build does not support"
                             : "is no integer");
            return min;
        }
        v = w;
    }
    if (kv->n == 0 || v < min || v > max) {
        eng_key_bad(r, "is out of range");
        return min;
    }
    return (uint32_t)v;
}

uint32_t eng_key_int_at(struct eng_reader *r, const char *name, uint32_t layer, uint32_t min,
                        uint32_t max, uint32_t fallback)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(r->g, key_of(r, name));
    int64_t v;
    if (!kv || kv->n == 1)
        return eng_key_int(r, name, min, max, fallback);
    if (layer >= kv->n || eng_gguf_elem_i64(kv, layer, &v) != BASE_OK || v < min || v > max) {
        eng_key_bad(r, "does not hold a value in range for every layer");
        return min;
    }
    return (uint32_t)v;
}

float eng_key_num(struct eng_reader *r, const char *name, float fallback)
{
    float v = fallback;
    enum base_status st = eng_gguf_f32(r->g, key_of(r, name), &v);
    if ((st != BASE_OK && st != BASE_ENOENT) || !isfinite(v))
        eng_key_bad(r, "is no finite number");
    return v;
}

float eng_key_num_at(struct eng_reader *r, const char *name, uint32_t layer, float fallback)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(r->g, key_of(r, name));
    float v = fallback;
    if (kv && (eng_gguf_elem_f32(kv, kv->n == 1 ? 0 : layer, &v) != BASE_OK || !isfinite(v)))
        eng_key_bad(r, "does not hold a finite number for every layer");
    return v;
}

bool eng_key_flag(struct eng_reader *r, const char *name, bool fallback)
{
    bool v = fallback;
    enum base_status st = eng_gguf_bool(r->g, key_of(r, name), &v);
    if (st != BASE_OK && st != BASE_ENOENT)
        eng_key_bad(r, "is no boolean");
    return v;
}

static void read_moe(struct eng_reader *r, struct eng_hparams *hp)
{
    struct eng_moe_params *p = &hp->moe;
    p->n_expert = eng_key_int(r, "expert_count", 0, ENG_EXPERT_MAX, 0);
    if (!p->n_expert)
        return;
    uint32_t most = p->n_expert < ENG_EXPERT_USED_MAX ? p->n_expert : ENG_EXPERT_USED_MAX;
    p->n_used = eng_key_int(r, "expert_used_count", 1, most, UINT32_MAX);
    p->gating = hp->family->gating ? hp->family->gating : ENG_GATE_SOFTMAX;
    p->gating = (enum eng_gating)eng_key_int(r, "expert_gating_func", 1, 4, p->gating);
    p->normalise = eng_key_flag(r, "expert_weights_norm", hp->family->moe_normalise);
    p->scale = eng_key_num(r, "expert_weights_scale", 0);
    p->n_group = eng_key_int(r, "expert_group_count", 0, p->n_expert, 0);
    p->n_group_used = eng_key_int(r, "expert_group_used_count", 0, p->n_group, p->n_group);
    if (p->n_group > 1 && (p->n_expert % p->n_group || !p->n_group_used ||
                           p->n_group_used * (p->n_expert / p->n_group) < p->n_used))
        eng_key_bad(r, "does not fit the number of experts");
    hp->n_dense_lead = eng_key_int(r, "leading_dense_block_count", 0, hp->n_layer, 0);
}

bool eng_key_str(struct eng_reader *r, const char *name, struct base_str *out)
{
    enum base_status st = eng_gguf_str(r->g, key_of(r, name), out);
    if (st != BASE_OK && st != BASE_ENOENT)
        eng_key_bad(r, "is no string");
    return st == BASE_OK;
}

bool eng_key_swa(struct eng_reader *r, uint32_t layer, uint32_t fallback)
{
    const char *name = "attention.sliding_window_pattern";
    const struct eng_gguf_kv *kv = eng_gguf_find(r->g, key_of(r, name));
    int64_t v = fallback;
    if (kv && kv->n > 1) {
        if (layer >= kv->n || eng_gguf_elem_i64(kv, layer, &v) != BASE_OK)
            eng_key_bad(r, "does not hold a value for every layer");
        return v != 0;
    }
    uint32_t period = eng_key_int(r, name, 0, 1024, fallback);
    return period && layer % period < period - 1;
}

static void rope_yarn(struct eng_reader *r, const struct eng_hparams *hp, struct eng_rope_set *set,
                      float base, float factor)
{
    float fast = eng_key_num(r, "rope.scaling.yarn_beta_fast", 32);
    float slow = eng_key_num(r, "rope.scaling.yarn_beta_slow", 1);
    float log_mul = eng_key_num(r, "rope.scaling.yarn_log_multiplier", 0);
    uint32_t ctx =
        eng_key_int(r, "rope.scaling.original_context_length", 1, 1u << 30, hp->n_ctx_train);
    if (!(fast > 0) || !(slow > 0)) {
        eng_key_bad(r, "is not positive");
        return;
    }
    float per = (float)set->n_rot / (2 * logf(base)), turns = (float)ctx / 6.2831853f;
    float low = fmaxf(0, floorf(per * logf(turns / fast)));
    float high = fminf((float)set->n_rot - 1, ceilf(per * logf(turns / slow)));
    for (uint32_t i = 0; i < set->n_rot / 2; i++) {
        float ramp = ((float)i - low) / fmaxf(0.001f, high - low);
        float keep = 1 - fminf(1, fmaxf(0, ramp));
        set->freq[i] *= (1 - keep) / factor + keep;
    }
    set->mscale = 1 + 0.1f * logf(factor);
    if (log_mul != 0)
        set->mscale /= 1 + 0.1f * log_mul * logf(factor);
}

void eng_rope_set_init(struct eng_reader *r, struct eng_rope_set *set, uint32_t n_rot, float base)
{
    *set = (struct eng_rope_set){.n_rot = n_rot, .mscale = 1};
    if (r->st == BASE_OK && !(base > 1))
        eng_key_bad(r, "must be above 1");
    if (r->st == BASE_OK && n_rot % 2)
        eng_key_bad(r, "is odd");
    set->freq = calloc(n_rot / 2 + 1, sizeof(float));
    if (!set->freq) {
        set->n_rot = 0;
        r->st = base_err_set(r->err, BASE_ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < n_rot / 2; i++)
        set->freq[i] = powf(base, -2.0f * (float)i / (float)n_rot);
}

/* The factor by which positions are stretched; 0 after an error. */
static float rope_factor(struct eng_reader *r)
{
    float factor = eng_key_num(r, "rope.scaling.factor", 0);
    if (factor == 0)
        factor = eng_key_num(r, "rope.scale_linear", 1);
    if (!(factor > 0))
        eng_key_bad(r, "must be positive");
    return r->st == BASE_OK ? factor : 0;
}

void eng_rope_set_scale(struct eng_reader *r, const struct eng_hparams *hp,
                        struct eng_rope_set *set, float base)
{
    struct base_str type = BASE_STR("none");
    float factor = rope_factor(r);
    (void)eng_key_str(r, "rope.scaling.type", &type);
    if (r->st != BASE_OK)
        return;
    if (base_str_is(type, "linear"))
        for (uint32_t i = 0; i < set->n_rot / 2; i++)
            set->freq[i] /= factor;
    else if (base_str_is(type, "yarn"))
        rope_yarn(r, hp, set, base, factor);
    else if (!base_str_is(type, "none") && type.n &&
             !(base_str_is(type, "longrope") && hp->family->long_rope))
        eng_key_bad(r, "names a kind of RoPE scaling that this build does not know");
    set->mscale *= eng_key_num(r, "rope.scaling.attn_factor", 1);
}

static void read_rope(struct eng_reader *r, struct eng_hparams *hp)
{
    uint32_t n_rot = eng_key_int(r, "rope.dimension_count", 2, hp->n_dim, hp->n_dim);
    if (n_rot % 2)
        eng_key_bad(r, "is odd");
    float base = eng_key_num(r, "rope.freq_base", 10000);
    eng_rope_set_init(r, &hp->rope[0], n_rot, base);
    eng_rope_set_scale(r, hp, &hp->rope[0], base);
}

static void read_attention(struct eng_reader *r, struct eng_hparams *hp)
{
    hp->n_head = eng_key_int(r, "attention.head_count", 1, ENG_HEADS_MAX, UINT32_MAX);
    hp->n_head_kv =
        hp->family->varied
            ? eng_key_int_at(r, "attention.head_count_kv", 0, 1, ENG_HEADS_MAX, hp->n_head)
            : eng_key_int(r, "attention.head_count_kv", 1, ENG_HEADS_MAX, hp->n_head);
    if (r->st == BASE_OK && hp->n_head % hp->n_head_kv)
        eng_key_bad(r, "does not divide the number of heads");
    hp->n_dim =
        eng_key_int(r, "attention.key_length", 2, 4096, hp->n_embd / (hp->n_head + !hp->n_head));
    if (!hp->family->mla &&
        eng_key_int(r, "attention.value_length", 2, 4096, hp->n_dim) != hp->n_dim)
        eng_key_bad(r, "differs from the keys' length, which this family does not have");
    if (hp->n_dim < 2)
        eng_key_bad(r, "is too small");
    hp->rms_eps = eng_key_num(r, "attention.layer_norm_rms_epsilon", 1e-5f);
    float scale = eng_key_num(r, "attention.scale", 0);
    hp->attn_scale = scale != 0 ? scale : 1.0f / sqrtf((float)hp->n_dim);
    hp->temp_scale = eng_key_num(r, "attention.temperature_scale", 0);
    hp->temp_length = eng_key_int(r, "attention.temperature_length", 0, 1u << 30, 0);
    if (!hp->temp_length)
        hp->temp_length = eng_key_int(r, "rope.scaling.original_context_length", 1, 1u << 30, 8192);
    /* of mistral3 no model has a window that matters, and nothing says which layers it would be of
     */
    uint32_t window = eng_key_int(r, "attention.sliding_window", 0, UINT32_MAX - 1, 0);
    if (window && window < hp->n_ctx_train && base_str_is(base_str_c(hp->family->arch), "mistral3"))
        eng_key_bad(r, "is shorter than the context, which this build does not support");
}

/* Layers as most families have them: all alike. */
static void make_layers(struct eng_reader *r, struct eng_model *m)
{
    const struct eng_hparams *hp = &m->hp;
    m->layers = calloc(hp->n_layer, sizeof(*m->layers));
    if (!m->layers) {
        r->st = base_err_set(r->err, BASE_ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < hp->n_layer; i++)
        m->layers[i] =
            (struct eng_layer){.mixer = hp->family->mla ? ENG_MIX_LATENT : ENG_MIX_GROUPED,
                               .n_head_kv = hp->n_head_kv,
                               .n_dim = hp->n_dim,
                               .n_vdim = hp->n_dim,
                               .temp = hp->temp_scale != 0,
                               .kv_from = i,
                               .moe = hp->moe.n_expert && i >= hp->n_dense_lead};
}

enum base_status eng_hparams_read(struct eng_model *m, struct base_err *err)
{
    struct eng_hparams *hp = &m->hp;
    const struct eng_gguf *g = m->gguf;
    if (eng_gguf_str(g, "general.architecture", &m->info.arch) != BASE_OK)
        return base_err_set(err, BASE_EINVAL,
                            "%s: it does not name its architecture (general.architecture)",
                            eng_gguf_path(g));
    for (size_t i = 0; i < sizeof(FAMILIES) / sizeof(FAMILIES[0]); i++)
        if (base_str_is(m->info.arch, FAMILIES[i]->arch))
            hp->family = FAMILIES[i];
    if (!hp->family)
        return base_err_set(err, BASE_EINVAL,
                            "%s: the architecture \"%.*s\" is not built in; built in are " ARCHS,
                            eng_gguf_path(g), BASE_FMT(m->info.arch));
    hp->n_stream = 1;
    struct eng_reader r = {.g = g, .arch = hp->family->arch, .err = err, .st = BASE_OK};
    hp->n_layer = eng_key_int(&r, "block_count", 1, ENG_LAYERS_MAX, UINT32_MAX);
    if (r.st == BASE_OK) /* blocks behind the last layer that only guess further tokens */
        hp->n_layer -= eng_key_int(&r, "nextn_predict_layers", 0, hp->n_layer - 1, 0);
    hp->n_embd = eng_key_int(&r, "embedding_length", 2, 65536, UINT32_MAX);
    hp->n_ctx_train = eng_key_int(&r, "context_length", 1, 1u << 30, UINT32_MAX);
    hp->embedding_scale = eng_key_num(&r, "embedding_scale", 1);
    hp->residual_scale = eng_key_num(&r, "residual_scale", 1);
    hp->logit_scale = eng_key_num(&r, "logit_scale", 1);
    if (hp->logit_scale == 0)
        hp->logit_scale = 1;
    read_attention(&r, hp);
    read_moe(&r, hp);
    hp->logit_softcap = eng_key_num(&r, "final_logit_softcapping", 0);
    if (eng_key_num(&r, "attn_logit_softcapping", 0) != 0)
        eng_key_bad(&r, "is set, which this build does not support");
    if (r.st == BASE_OK)
        read_rope(&r, hp);
    if (r.st == BASE_OK)
        make_layers(&r, m);
    if (r.st == BASE_OK && hp->family->read)
        hp->family->read(&r, m);
    return r.st;
}
