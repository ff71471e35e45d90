/* model_load.c - a model's weights: finding tensors, checking shapes, handing them to the device.
 *
 * A matrix goes to the table's weight() as it lies in the mapped file; what the device makes of it
 * is its own affair (cpu/table.c, for one). Norms, biases and the like are small: they are widened
 * to f32 in memory of our own, whatever is computed from them is, and then the device takes them
 * over.
 *
 * Fails with the tensor's name, its shape and the shape wanted. Everything taken is released by
 * eng_weights_free, also after a failure half way.
 */
#include "engine/model/model_load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct eng_tensor *eng_load_find(struct eng_loader *l, const char *name, bool required)
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

bool eng_load_shape(struct eng_loader *l, const struct eng_tensor *t, uint64_t n_in, uint64_t n_out,
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
float *eng_load_floats(struct eng_loader *l, const char *name, uint64_t n_in, uint64_t n_out,
                       bool required)
{
    const struct eng_tensor *t = eng_load_find(l, name, required);
    if (!t || !eng_load_shape(l, t, n_in, n_out, 1))
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

/* One of ours becomes the device's. */
static void vector(struct eng_loader *l, void **x, uint64_t bytes)
{
    struct base_err why = {0};
    if (!*x || l->st != BASE_OK)
        return;
    enum base_status st = l->m->ops->vector(l->m, x, bytes, &why);
    if (st != BASE_OK)
        l->st = base_err_set(l->err, st, "%s: %s", eng_gguf_path(l->m->gguf), why.text);
}

void eng_load_hand_over(struct eng_loader *l, struct eng_weight *w)
{
    struct base_err why = {0};
    enum base_status st;
    if (l->st != BASE_OK)
        return;
    vector(l, (void **)(void *)&w->bias, (uint64_t)w->n_mat * w->n_out * sizeof(float));
    vector(l, (void **)(void *)&w->scale, w->n_mat * sizeof(float));
    if (l->st == BASE_OK && (st = l->m->ops->weight(l->m, w, &why)) != BASE_OK)
        l->st = base_err_set(l->err, st, "%s: %s", eng_gguf_path(l->m->gguf), why.text);
}

/* X.scale beside X.weight, a factor of each matrix's products. */
static void load_scale(struct eng_loader *l, struct eng_weight *w, const char *name)
{
    char other[96];
    struct base_str s = base_str_c(name), end = BASE_STR("weight");
    if (l->m->hp.family->parallel && strstr(name, "ffn_gate_inp"))
        return; /* a norm's weights: see load_parallel */
    snprintf(other, sizeof(other), "%.*sscale", (int)(s.n - end.n), name);
    w->scale = eng_load_floats(l, other, w->n_mat, 1, false);
}

/* Beside X.weight, X.bias: the part of it that belongs to these rows. */
static void load_bias(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t row0,
                      uint32_t n_rows)
{
    char other[96];
    struct base_str s = base_str_c(name), end = BASE_STR("weight");
    snprintf(other, sizeof(other), "%.*sbias", (int)(s.n - end.n), name);
    w->bias = eng_load_floats(l, other, n_rows, w->n_mat, false);
    if (w->bias && row0)
        memmove(w->bias, w->bias + row0, w->n_out * sizeof(float));
    if (w->bias && w->scale && l->st == BASE_OK) /* which of them comes first? */
        l->st = base_err_set(l->err, BASE_EINVAL,
                             "%s: the tensor \"%s\" stands beside a scale, which this build does "
                             "not support",
                             eng_gguf_path(l->m->gguf), other);
}

/* half: as in struct eng_weight. */
static void load_rows(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                      const uint32_t rows[3], uint32_t n_mat, uint32_t half)
{
    const struct eng_tensor *t = eng_load_find(l, name, true);
    if (!t || !eng_load_shape(l, t, n_in, rows[2], n_mat))
        return;
    *w = (struct eng_weight){.tensor = t,
                             .type = t->type,
                             .n_in = n_in,
                             .n_out = rows[1],
                             .n_mat = n_mat,
                             .half = half,
                             .row_bytes = t->row_bytes,
                             .data = t->data + rows[0] * t->row_bytes};
    l->by_type[t->type & 63] += (uint64_t)n_in * rows[1] * n_mat;
    load_scale(l, w, name);
    load_bias(l, w, name, rows[0], rows[2]);
    eng_load_hand_over(l, w);
}

void eng_load_rows(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                   uint32_t row0, uint32_t n_out, uint32_t n_rows, uint32_t n_mat)
{
    load_rows(l, w, name, n_in, (uint32_t[3]){row0, n_out, n_rows}, n_mat, 0);
}

void eng_load_weight(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                     uint32_t n_out, uint32_t n_mat)
{
    eng_load_rows(l, w, name, n_in, 0, n_out, n_out, n_mat);
}

void eng_load_stack(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in,
                    uint32_t n_out, uint32_t n_mat)
{
    const struct eng_tensor *t = eng_load_find(l, name, true);
    if (!t || !eng_load_shape(l, t, n_in, (uint64_t)n_out * n_mat, 1))
        return;
    *w = (struct eng_weight){.tensor = t,
                             .type = t->type,
                             .n_in = n_in,
                             .n_out = n_out,
                             .n_mat = n_mat,
                             .row_bytes = t->row_bytes,
                             .data = t->data};
    l->by_type[t->type & 63] += t->n_values;
    eng_load_hand_over(l, w);
}

void eng_layer_weight(struct eng_loader *l, struct eng_weight *w, uint32_t layer, const char *name,
                      uint32_t n_in, uint32_t n_out, uint32_t n_mat)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    eng_load_weight(l, w, full, n_in, n_out, n_mat);
}

void eng_layer_merged(struct eng_loader *l, struct eng_weight *w, uint32_t layer, const char *name,
                      uint32_t n_in, uint32_t half, uint32_t n_mat)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    load_rows(l, w, full, n_in, (uint32_t[3]){0, 2 * half, 2 * half}, n_mat, half);
}

float *eng_layer_floats(struct eng_loader *l, uint32_t layer, const char *name, uint64_t n,
                        bool required)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s", layer, name);
    return eng_load_floats(l, full, n, 1, required);
}

bool eng_layer_has(const struct eng_loader *l, uint32_t layer, const char *name)
{
    char full[96];
    snprintf(full, sizeof(full), "blk.%u.%s", layer, name);
    return eng_gguf_tensor(l->m->gguf, full) != NULL;
}

/* rope_freqs.weight divides the first set's frequencies; rope_factors_short and _long those of the
 * sets for short and for long contexts. */
static void load_rope(struct eng_loader *l)
{
    struct eng_hparams *hp = &l->m->hp;
    static const char *const names[2] = {"rope_factors_short.weight", "rope_factors_long.weight"};
    for (int k = 0; k < (hp->n_ctx_long ? 2 : 1) && l->st == BASE_OK; k++) {
        struct eng_rope_set *set = &hp->rope[k];
        const char *name = hp->n_ctx_long ? names[k] : "rope_freqs.weight";
        float *factors = eng_load_floats(l, name, set->n_rot / 2, 1, hp->n_ctx_long != 0);
        for (uint32_t i = 0; factors && i < set->n_rot / 2; i++)
            set->freq[i] /= factors[i];
        free(factors);
    }
}

/* A table of which single rows are read, where they lie: one of n_in values per token. */
static void load_table(struct eng_loader *l, struct eng_weight *w, const char *name, uint32_t n_in)
{
    const struct eng_hparams *hp = &l->m->hp;
    const struct eng_tensor *t = eng_load_find(l, name, true);
    char other[96];
    snprintf(other, sizeof(other), "%.*sscale", (int)(strlen(name) - 6), name);
    if (!t || !eng_load_shape(l, t, n_in, hp->n_vocab, 1))
        return;
    if (eng_gguf_tensor(l->m->gguf, other)) {
        l->st = base_err_set(l->err, BASE_EINVAL,
                             "%s: \"%s\" is there, which this build does not support",
                             eng_gguf_path(l->m->gguf), other);
        return;
    }
    *w = (struct eng_weight){.tensor = t,
                             .type = t->type,
                             .n_in = n_in,
                             .n_out = hp->n_vocab,
                             .n_mat = 1,
                             .row_bytes = t->row_bytes,
                             .data = t->data};
    struct base_err why = {0};
    enum base_status st = l->m->ops->table(l->m, w, &why);
    if (st != BASE_OK)
        l->st = base_err_set(l->err, st, "%s: %s", eng_gguf_path(l->m->gguf), why.text);
}

/* What is handed over from now on is of this place. */
static void loading(struct eng_loader *l, uint32_t place)
{
    if (l->m->ops->loading)
        l->m->ops->loading(l->m, place);
}

static void load_ends(struct eng_loader *l)
{
    struct eng_model *m = l->m;
    struct eng_hparams *hp = &m->hp;
    const struct eng_tensor *t = eng_load_find(l, "token_embd.weight", true);
    if (!t)
        return;
    if (t->ne[1] > 1u << 24 || t->ne[0] != hp->n_embd || t->n_values != t->ne[0] * t->ne[1]) {
        (void)eng_load_shape(l, t, hp->n_embd, 0, 1);
        return;
    }
    hp->n_vocab = (uint32_t)t->ne[1];
    loading(l, 0);
    load_table(l, &m->embd, "token_embd.weight", hp->n_embd);
    if (hp->n_side) {
        load_table(l, &m->side_embd, "per_layer_token_embd.weight", hp->n_layer * hp->n_side);
        eng_load_weight(l, &m->side_proj, "per_layer_model_proj.weight", hp->n_embd,
                        hp->n_layer * hp->n_side, 1);
        m->side_norm = eng_load_floats(l, "per_layer_proj_norm.weight", hp->n_side, 1, true);
    }
    m->output_norm = eng_load_floats(l, "output_norm.weight", hp->n_embd, 1, true);
    bool tied = eng_gguf_tensor(m->gguf, "output.weight") == NULL;
    loading(l, eng_place_of(m, hp->n_layer - 1));
    eng_load_weight(l, &m->output, tied ? "token_embd.weight" : "output.weight", hp->n_embd,
                    hp->n_vocab, 1);
    load_rope(l);
    if (hp->n_stream > 1)
        eng_load_hyper(l, &m->hyper, "output_hc_", hp->n_stream, 1);
    uint32_t dim = hp->n_stream > 1 ? hp->n_stream * hp->n_embd : 0;
    for (uint32_t i = 0; i < hp->n_layer; i++)
        dim = m->layers[i].n_dim > dim ? m->layers[i].n_dim : dim;
    m->n_ones = dim;
    m->ones = malloc(dim * sizeof(float));
    if (!m->ones && l->st == BASE_OK)
        l->st = base_err_set(l->err, BASE_ENOMEM, "%s: out of memory", eng_gguf_path(m->gguf));
    for (uint32_t i = 0; m->ones && i < dim; i++)
        m->ones[i] = 1;
}

/* Parameters in the file, and those that one token meets: of an expert tensor its share; nothing of
 * tables of which it takes a row, nor of blocks that are not run. */
static void count_parameters(struct eng_model *m)
{
    const struct eng_hparams *hp = &m->hp;
    struct eng_model_info *info = &m->info;
    for (size_t i = 0; i < eng_gguf_n_tensors(m->gguf); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(m->gguf, i);
        char name[96], *end = NULL;
        uint64_t active = t->n_values;
        snprintf(name, sizeof(name), "%.*s", BASE_FMT(t->name));
        bool block = strncmp(name, "blk.", 4) == 0;
        unsigned long layer = block ? strtoul(name + 4, &end, 10) : 0;
        bool apart = block && strncmp(end, ".ffn_", 5) == 0 && strpbrk(end + 5, ".") &&
                     strpbrk(end + 5, ".")[1] >= '0' && strpbrk(end + 5, ".")[1] <= '9';
        if (!eng_type_info(t->type)->weights)
            continue; /* a table of numbers, not of weights */
        if (layer >= hp->n_layer || strcmp(name, "per_layer_token_embd.weight") == 0)
            active = 0;
        else if (hp->moe.n_expert && (strstr(name, "_exps.") || apart))
            active = active * hp->moe.n_used / hp->moe.n_expert;
        info->params_total += t->n_values;
        info->params_active += active;
    }
}

static void fill_info(struct eng_loader *l)
{
    struct eng_model *m = l->m;
    struct eng_model_info *info = &m->info;
    const struct eng_hparams *hp = &m->hp;
    count_parameters(m);
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
    info->n_residual = hp->n_embd * hp->n_stream;
    info->n_head = hp->n_head;
    info->n_head_kv = hp->n_head_kv;
    info->n_head_dim = hp->n_dim;
    info->n_expert = hp->moe.n_expert;
    info->n_expert_used = hp->moe.n_used;
    info->file_bytes = eng_gguf_file_bytes(m->gguf);
    eng_cache_describe(m, info);
}

/* Vectors that belong to no layer, and the places where they belong. */
static size_t model_vectors(struct eng_model *m, struct eng_vector *v, uint32_t *place)
{
    const struct eng_hparams *hp = &m->hp;
    uint32_t last = eng_place_of(m, hp->n_layer - 1);
    const struct {
        void *at;
        uint64_t n;
        uint32_t place;
    } all[] = {
        {&m->output_norm, hp->n_embd, last},
        {&m->ones, m->n_ones, ENG_EVERYWHERE},
        {&m->side_norm, hp->n_side, 0},
        {&m->hyper.base, hp->n_stream, last},
        {&m->hyper.scale, 1, last},
        {&m->hp.rope[0].freq, hp->rope[0].n_rot / 2, ENG_EVERYWHERE},
        {&m->hp.rope[1].freq, hp->rope[1].n_rot / 2, ENG_EVERYWHERE},
    };
    size_t n = sizeof(all) / sizeof(all[0]);
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct eng_vector){(void **)all[i].at, all[i].n};
        place[i] = all[i].place;
    }
    return n;
}

/* After all that is computed from vectors on the host: they become the device's. */
static void hand_over_vectors(struct eng_loader *l)
{
    struct eng_vector v[ENG_VECTORS_MAX];
    uint32_t place[ENG_VECTORS_MAX];
    size_t n = model_vectors(l->m, v, place);
    for (size_t i = 0; i < n; i++) {
        loading(l, place[i]);
        vector(l, v[i].at, v[i].n * 4);
    }
    for (uint32_t k = 0; k < l->m->hp.n_layer; k++) {
        loading(l, eng_place_of(l->m, k));
        n = eng_layer_vectors(l->m, &l->m->layers[k], v);
        for (size_t i = 0; i < n; i++)
            vector(l, v[i].at, v[i].n * 4);
    }
}

enum base_status eng_weights_load(struct eng_model *m, struct base_err *err)
{
    struct eng_loader l = {.m = m, .err = err, .st = BASE_OK};
    load_ends(&l);
    for (uint32_t i = 0; i < m->hp.n_layer && l.st == BASE_OK; i++) {
        loading(&l, eng_place_of(m, i));
        eng_layer_load(&l, &m->layers[i], i);
    }
    if (l.st == BASE_OK)
        hand_over_vectors(&l);
    if (l.st == BASE_OK)
        fill_info(&l);
    return l.st;
}

void eng_weight_release(struct eng_model *m, struct eng_weight *w)
{
    m->ops->weight_free(m, w);
    m->ops->give(m, w->bias);
    m->ops->give(m, w->scale);
    free(w->own);
    *w = (struct eng_weight){0};
}

void eng_vectors_release(struct eng_model *m, const struct eng_vector *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        m->ops->give(m, *v[i].at);
        *v[i].at = NULL;
    }
}

void eng_weights_free(struct eng_model *m)
{
    struct eng_vector v[ENG_VECTORS_MAX];
    uint32_t place[ENG_VECTORS_MAX];
    for (uint32_t i = 0; m->layers && i < m->hp.n_layer; i++)
        eng_layer_release(m, &m->layers[i]);
    eng_vectors_release(m, v, model_vectors(m, v, place));
    eng_weight_release(m, &m->embd);
    eng_weight_release(m, &m->side_embd);
    eng_weight_release(m, &m->output);
    eng_weight_release(m, &m->side_proj);
    eng_weight_release(m, &m->hyper.fn);
    free(m->layers);
    m->layers = NULL;
}
