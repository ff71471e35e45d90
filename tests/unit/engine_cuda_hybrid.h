/* engine_cuda_hybrid.h - fixtures whose experts are partly on devices and partly on the CPU, for
 * the tests of one device and of several. */
#ifndef TEST_ENGINE_CUDA_HYBRID_H
#define TEST_ENGINE_CUDA_HYBRID_H

#include "tests/unit/engine_fixture.h"

#include "engine/cuda/hybrid.h"

#include <dirent.h>
#include <unistd.h>

static inline enum eng_device device(void)
{
    const char *z = getenv("WEIR_CUDA_TEST");
    return z && !strcmp(z, "hardware") ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED;
}

/* Over how many devices, and how. */
struct devices {
    uint32_t n;
    enum eng_split split;
};

static inline struct eng_model *open_split(const struct fixture *f, struct devices on,
                                           uint32_t slots, uint32_t send_from)
{
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    struct eng_model_opts opts = {.device = device(),
                                  .n_threads = 1,
                                  .activations = ENG_ACTIVATIONS_INT16,
                                  .kv_f32 = true,
                                  .n_gpus = on.n,
                                  .split = on.split,
                                  .split_experts = true,
                                  .gpu_experts = slots,
                                  .send_from = send_from};
    snprintf(path, sizeof(path), "%s.gguf", f->base);
    if (eng_model_open(path, &opts, &m, &err) == BASE_OK)
        return m;
    if (!strstr(err.text, "cannot be cut")) /* fewer layers than devices */
        fail_msg("%s", err.text);
    print_message("%s: %s\n", f->base, err.text);
    return NULL;
}

struct bounds {
    double max_abs, nmse;
};

static inline void check_row(const struct fixture *f, const struct prompt *p,
                             const struct bounds *b, const float *got, size_t at)
{
    const float *want = p->want + at * f->n_vocab;
    double d = max_diff(got, want, f->n_vocab), e = nmse(got, want, f->n_vocab);
    if (!(b->max_abs > 0 ? d <= b->max_abs : e <= b->nmse))
        fail_msg("%s, position %zu: off by %g, nmse %g", f->base, at, d, e);
}

/* An expert without a slot takes the slot of another, in each layer that has experts. */
static inline void shift(struct eng_model *m, uint32_t turn)
{
    const struct eng_model_info *info = eng_model_get_info(m);
    struct eng_hybrid_use use;
    struct base_err err;
    eng_hybrid_get(m, &use);
    uint32_t moved = 0;
    for (uint32_t l = 0; l < info->n_layer; l++)
        for (uint32_t e = 0; e < info->n_expert; e++)
            if (eng_hybrid_put(m, l, (e + turn) % info->n_expert, (turn + l) % use.slots, &err) ==
                BASE_OK) {
                moved++;
                break;
            }
    assert_true(moved > 0);
}

/* n sequences read the prompt: `first` tokens of each at once, then one at a time; with `move`
 * experts change places before every step. */
static inline void together(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                            uint32_t n, size_t first, bool move, const struct bounds *b)
{
    struct eng_cache *c = new_cache(m, n, CONTEXT);
    float *logits = malloc(n * p->n * f->n_vocab * sizeof(float));
    int32_t tokens[512];
    uint32_t seqs[512], pos[512];
    size_t at[512], done = 0;
    assert_non_null(logits);
    for (uint32_t turn = 0; done < p->n; turn++) {
        size_t k = 0, more = done ? 1 : first < p->n ? first : p->n;
        for (uint32_t s = 0; s < n; s++)
            for (size_t i = 0; i < more; i++) {
                tokens[k] = p->tokens[done + i];
                pos[k] = p->pos[done + i];
                seqs[k] = s;
                at[k++] = done + i;
            }
        if (move)
            shift(m, turn);
        forward(m, c, (struct eng_batch){.n = k, .tokens = tokens, .seqs = seqs, .pos = pos},
                logits);
        for (size_t i = 0; i < k; i++)
            check_row(f, p, b, logits + i * f->n_vocab, at[i]);
        done += more;
    }
    free(logits);
    eng_cache_free(c);
}

/* The reference's greedy continuation of p1, as far as its margins allow, experts moving. */
static inline void greedy(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                          double tolerance)
{
    json_t *text = json_object_get(f->exact, "greedy16_after_p1");
    json_t *margins = json_object_get(f->exact, "greedy16_margins");
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    float *logits = malloc(p->n * f->n_vocab * sizeof(float));
    assert_non_null(logits);
    forward(m, c, (struct eng_batch){.n = p->n, .tokens = p->tokens, .pos = p->pos}, logits);
    int32_t next = (int32_t)arg_max(logits + (p->n - 1) * f->n_vocab, f->n_vocab);
    for (size_t i = 0; i < json_array_size(text); i++) {
        if (json_number_value(json_array_get(margins, i)) < 2 * tolerance)
            break;
        if (next != json_integer_value(json_array_get(text, i)))
            fail_msg("%s: token %zu of the greedy text is %d", f->base, i, next);
        shift(m, (uint32_t)i);
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &next}, logits);
        next = (int32_t)arg_max(logits, f->n_vocab);
    }
    free(logits);
    eng_cache_free(c);
}

/* Pairs of all layers are on_device, on_cpu or sent. */
static inline struct eng_hybrid_use use_of(const struct eng_model *m, uint32_t slots)
{
    struct eng_hybrid_use use;
    eng_hybrid_get(m, &use);
    assert_int_equal(use.slots, slots);
    assert_int_equal(use.n_expert, eng_model_get_info(m)->n_expert);
    return use;
}

static inline void run_fixture(const char *dir, const char *name, struct devices on)
{
    struct fixture f;
    struct prompt p;
    assert_true(fixture_open(&f, dir, name));
    prompt_open(&p, &f, "p1", true);
    struct eng_model *m = open_split(&f, on, 0, 0);
    if (!m) {
        free(p.want);
        fixture_close(&f);
        return;
    }
    uint32_t n = eng_model_get_info(m)->n_expert;
    bool quantised = is_quantised(m);
    struct bounds b = {quantised ? 0 : f.tolerance, 1e-6};
    together(&f, m, &p, 1, p.n, false, &b); /* all experts on the CPU */
    struct eng_hybrid_use use = use_of(m, 0);
    assert_true(use.on_cpu > 0 && use.on_device == 0 && use.sent == 0);
    eng_model_free(m);
    m = open_split(&f, on, n / 2, 0);
    together(&f, m, &p, 3, 18, false, &b);
    use = use_of(m, n / 2);
    assert_true(use.on_cpu > 0 && use.on_device > 0 && use.sent == 0);
    uint64_t before = use.moves;
    if (getenv("WEIR_CUDA_ALL"))
        together(&f, m, &p, 8, p.n > 8 ? p.n - 3 : 1, true, &b);
    together(&f, m, &p, 1, 16, true, &b);
    greedy(&f, m, &p, quantised ? 0.02 : f.tolerance);
    assert_true(use_of(m, n / 2).moves > before + p.n - 16);
    eng_model_free(m);
    m = open_split(&f, on, n / 2, 8); /* slices of 8 tokens send what is not there */
    together(&f, m, &p, 2, p.n, false, &b);
    use = use_of(m, n / 2);
    assert_true(use.sent > 0 && use.on_device > 0 && use.on_cpu == 0);
    eng_model_free(m);
    free(p.want);
    fixture_close(&f);
    print_message("%s: %u experts, %u devices by %s\n", name, n, on.n,
                  on.split == ENG_SPLIT_LAYERS ? "layers" : "experts");
    (void)fflush(NULL);
}

static inline bool has_experts(const char *dir, const char *name)
{
    char path[600];
    struct eng_model *m;
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    snprintf(path, sizeof(path), "%s/%s.gguf", dir, name);
    if (eng_model_open(path, &opts, &m, NULL) != BASE_OK)
        return false;
    bool any = eng_model_get_info(m)->n_expert > 1;
    eng_model_free(m);
    return any;
}

#endif
