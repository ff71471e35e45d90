/* model_family.c - which architectures are built in, and their hyper-parameters from the metadata.
 *
 * Families differ by parameters, not by code: a row of FAMILIES plus what the file says. Every
 * number is held to a range here, so that later products of dimensions cannot overflow; what is
 * missing or out of range is an error that names the key.
 *
 * RoPE: pair i turns by position * f_i, f_i = base^(-2i/n_rot) / rope_freqs[i]. Linear scaling
 * divides f_i by the factor. YaRN (arXiv 2309.00071) interpolates slow pairs and keeps fast ones:
 * f = (f/factor)(1 - r) + f r, r falling from 1 to 0 between the pairs that turn beta_fast and
 * beta_slow times over the original context, and multiplies cosine and sine by 1 + 0.1 ln(factor).
 */
#include "engine/model_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct eng_family FAMILIES[] = {
    {"llama", false, ENG_QK_NORM_NONE, true, false},
    {"qwen2", true, ENG_QK_NORM_NONE, true, false},
    {"qwen2moe", true, ENG_QK_NORM_NONE, false, true},
    {"qwen3", true, ENG_QK_NORM_HEAD, true, false},
    {"qwen3moe", true, ENG_QK_NORM_HEAD, true, false},
    {"olmoe", true, ENG_QK_NORM_ALL, false, false},
    {"granite", false, ENG_QK_NORM_NONE, true, false},
    {"granitemoe", false, ENG_QK_NORM_NONE, true, false},
    {"mistral3", false, ENG_QK_NORM_NONE, true, false},
};

#define ARCHS "llama, qwen2, qwen2moe, qwen3, qwen3moe, olmoe, granite, granitemoe, mistral3"

const char *eng_model_archs(void)
{
    return ARCHS;
}

/* Reading keys of the form ARCH.NAME; the first failure sticks. */
struct reader {
    const struct eng_gguf *g;
    const char *arch;
    struct base_err *err;
    enum base_status st;
    char key[160];
};

static const char *key_of(struct reader *r, const char *name)
{
    snprintf(r->key, sizeof(r->key), "%s.%s", r->arch, name);
    return r->key;
}

static void bad(struct reader *r, const char *what)
{
    if (r->st == BASE_OK)
        r->st =
            base_err_set(r->err, BASE_EINVAL, "%s: \"%s\" %s", eng_gguf_path(r->g), r->key, what);
}

/* An integer in min..max; absent: fallback, or an error if that is UINT32_MAX. Arrays (one value
 * per layer) are taken if all elements agree. */
static uint32_t get_int(struct reader *r, const char *name, uint32_t min, uint32_t max,
                        uint32_t fallback)
{
    const struct eng_gguf_kv *kv = eng_gguf_find(r->g, key_of(r, name));
    int64_t v = 0, w;
    if (!kv) {
        if (fallback == UINT32_MAX)
            bad(r, "is missing");
        return fallback;
    }
    for (uint64_t i = 0; i < kv->n; i++) {
        if (eng_gguf_elem_i64(kv, i, &w) != BASE_OK || (i && w != v)) {
            bad(r,
                i ? "differs between layers, which this build does not support" : "is no integer");
            return min;
        }
        v = w;
    }
    if (kv->n == 0 || v < min || v > max) {
        bad(r, "is out of range");
        return min;
    }
    return (uint32_t)v;
}

static float get_num(struct reader *r, const char *name, float fallback)
{
    float v = fallback;
    enum base_status st = eng_gguf_f32(r->g, key_of(r, name), &v);
    if ((st != BASE_OK && st != BASE_ENOENT) || !isfinite(v))
        bad(r, "is no finite number");
    return v;
}

static bool get_flag(struct reader *r, const char *name, bool fallback)
{
    bool v = fallback;
    enum base_status st = eng_gguf_bool(r->g, key_of(r, name), &v);
    if (st != BASE_OK && st != BASE_ENOENT)
        bad(r, "is no boolean");
    return v;
}

static void read_moe(struct reader *r, struct eng_hparams *hp)
{
    struct eng_moe_params *p = &hp->moe;
    p->n_expert = get_int(r, "expert_count", 0, ENG_EXPERT_MAX, 0);
    if (!p->n_expert)
        return;
    uint32_t most = p->n_expert < ENG_EXPERT_USED_MAX ? p->n_expert : ENG_EXPERT_USED_MAX;
    p->n_used = get_int(r, "expert_used_count", 1, most, UINT32_MAX);
    p->gating = (enum eng_gating)get_int(r, "expert_gating_func", 1, 4, ENG_GATE_SOFTMAX);
    p->normalise = get_flag(r, "expert_weights_norm", hp->family->moe_normalise);
    p->scale = get_num(r, "expert_weights_scale", 0);
    p->n_group = get_int(r, "expert_group_count", 0, p->n_expert, 0);
    p->n_group_used = get_int(r, "expert_group_used_count", 0, p->n_group, p->n_group);
    if (p->n_group > 1 && (p->n_expert % p->n_group || !p->n_group_used ||
                           p->n_group_used * (p->n_expert / p->n_group) < p->n_used))
        bad(r, "does not fit the number of experts");
    hp->n_dense_lead = get_int(r, "leading_dense_block_count", 0, hp->n_layer, 0);
}

static void rope_yarn(struct reader *r, struct eng_hparams *hp, float base, float factor)
{
    float fast = get_num(r, "rope.scaling.yarn_beta_fast", 32);
    float slow = get_num(r, "rope.scaling.yarn_beta_slow", 1);
    float log_mul = get_num(r, "rope.scaling.yarn_log_multiplier", 0);
    uint32_t ctx = get_int(r, "rope.scaling.original_context_length", 1, 1u << 30, hp->n_ctx_train);
    if (!(fast > 0) || !(slow > 0)) {
        bad(r, "is not positive");
        return;
    }
    float per = (float)hp->n_rot / (2 * logf(base)), turns = (float)ctx / 6.2831853f;
    float low = fmaxf(0, floorf(per * logf(turns / fast)));
    float high = fminf((float)hp->n_rot - 1, ceilf(per * logf(turns / slow)));
    for (uint32_t i = 0; i < hp->n_rot / 2; i++) {
        float ramp = ((float)i - low) / fmaxf(0.001f, high - low);
        float keep = 1 - fminf(1, fmaxf(0, ramp));
        hp->rope_freq[i] *= (1 - keep) / factor + keep;
    }
    hp->rope_mscale = 1 + 0.1f * logf(factor);
    if (log_mul != 0)
        hp->rope_mscale /= 1 + 0.1f * log_mul * logf(factor);
}

static void read_rope(struct reader *r, struct eng_hparams *hp)
{
    hp->n_rot = get_int(r, "rope.dimension_count", 2, hp->n_dim, hp->n_dim);
    if (hp->n_rot % 2)
        bad(r, "is odd");
    float base = get_num(r, "rope.freq_base", 10000);
    if (!(base > 1))
        bad(r, "must be above 1");
    hp->rope_freq = calloc(hp->n_rot / 2 + 1, sizeof(float));
    if (!hp->rope_freq) {
        r->st = base_err_set(r->err, BASE_ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < hp->n_rot / 2; i++)
        hp->rope_freq[i] = powf(base, -2.0f * (float)i / (float)hp->n_rot);
    hp->rope_mscale = 1;
    struct base_str type = BASE_STR("none");
    float factor = get_num(r, "rope.scaling.factor", 0);
    if (eng_gguf_str(r->g, key_of(r, "rope.scaling.type"), &type) == BASE_EINVAL)
        bad(r, "is no string");
    if (factor == 0)
        factor = get_num(r, "rope.scale_linear", 1);
    if (!(factor > 0))
        bad(r, "must be positive");
    if (r->st != BASE_OK)
        return;
    if (base_str_is(type, "linear"))
        for (uint32_t i = 0; i < hp->n_rot / 2; i++)
            hp->rope_freq[i] /= factor;
    else if (base_str_is(type, "yarn"))
        rope_yarn(r, hp, base, factor);
    else if (!base_str_is(type, "none") && type.n)
        bad(r, "names a kind of RoPE scaling that this build does not know");
    hp->rope_mscale *= get_num(r, "rope.scaling.attn_factor", 1);
}

static void read_attention(struct reader *r, struct eng_hparams *hp)
{
    hp->n_head = get_int(r, "attention.head_count", 1, 4096, UINT32_MAX);
    hp->n_head_kv = get_int(r, "attention.head_count_kv", 1, 4096, hp->n_head);
    if (r->st == BASE_OK && hp->n_head % hp->n_head_kv)
        bad(r, "does not divide the number of heads");
    hp->n_dim =
        get_int(r, "attention.key_length", 2, 4096, hp->n_embd / (hp->n_head + !hp->n_head));
    if (get_int(r, "attention.value_length", 2, 4096, hp->n_dim) != hp->n_dim)
        bad(r, "differs from the keys' length, which this family does not have");
    if (hp->n_dim < 2)
        bad(r, "is too small");
    hp->rms_eps = get_num(r, "attention.layer_norm_rms_epsilon", 1e-5f);
    float scale = get_num(r, "attention.scale", 0);
    hp->attn_scale = scale != 0 ? scale : 1.0f / sqrtf((float)hp->n_dim);
    hp->temp_scale = get_num(r, "attention.temperature_scale", 0);
    hp->temp_length = get_int(r, "attention.temperature_length", 0, 1u << 30, 0);
    if (!hp->temp_length)
        hp->temp_length = get_int(r, "rope.scaling.original_context_length", 1, 1u << 30, 8192);
    if (get_int(r, "attention.sliding_window", 0, UINT32_MAX - 1, 0) &&
        base_str_is(base_str_c(hp->family->arch), "mistral3"))
        bad(r, "is set, which this build does not support");
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
        if (base_str_is(m->info.arch, FAMILIES[i].arch))
            hp->family = &FAMILIES[i];
    if (!hp->family)
        return base_err_set(err, BASE_EINVAL,
                            "%s: the architecture \"%.*s\" is not built in; built in are " ARCHS,
                            eng_gguf_path(g), BASE_FMT(m->info.arch));
    struct reader r = {.g = g, .arch = hp->family->arch, .err = err, .st = BASE_OK};
    hp->n_layer = get_int(&r, "block_count", 1, 1024, UINT32_MAX);
    hp->n_embd = get_int(&r, "embedding_length", 2, 65536, UINT32_MAX);
    hp->n_ctx_train = get_int(&r, "context_length", 1, 1u << 30, UINT32_MAX);
    hp->embedding_scale = get_num(&r, "embedding_scale", 1);
    hp->residual_scale = get_num(&r, "residual_scale", 1);
    hp->logit_scale = get_num(&r, "logit_scale", 1);
    if (hp->logit_scale == 0)
        hp->logit_scale = 1;
    read_attention(&r, hp);
    read_moe(&r, hp);
    if (r.st == BASE_OK)
        read_rope(&r, hp);
    return r.st;
}
