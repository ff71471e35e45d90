/* Goal: a model whose experts are partly on the device and partly on the CPU gives what it gives
 * whole: logits within tolerance and the same greedy text, whichever experts are where, while they
 * change places, and when they are sent for a long slice.
 * Method: the fixtures with experts on the emulated device (WEIR_CUDA_TEST=hardware: on this
 * machine's) with half of the experts in slots, with none, one and all; sequences together, each
 * step checked against the reference; experts moved by force between steps, and by their use in a
 * run long enough. A few fixtures by default; WEIR_CUDA_ALL=1: all that have experts.
 */
#include "tests/unit/engine_fixture.h"

#include "engine/cuda/hybrid.h"

#include <dirent.h>
#include <unistd.h>

static const char *const FEW[] = {"gpt-oss-mxfp4"};

static enum eng_device device(void)
{
    const char *z = getenv("WEIR_CUDA_TEST");
    return z && !strcmp(z, "hardware") ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED;
}

static struct eng_model *open_split(const struct fixture *f, uint32_t slots, uint32_t send_from)
{
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    struct eng_model_opts opts = {.device = device(),
                                  .n_threads = 1,
                                  .activations = ENG_ACTIVATIONS_INT16,
                                  .kv_f32 = true,
                                  .split_experts = true,
                                  .gpu_experts = slots,
                                  .send_from = send_from};
    snprintf(path, sizeof(path), "%s.gguf", f->base);
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return m;
}

struct bounds {
    double max_abs, nmse;
};

static void check_row(const struct fixture *f, const struct prompt *p, const struct bounds *b,
                      const float *got, size_t at)
{
    const float *want = p->want + at * f->n_vocab;
    double d = max_diff(got, want, f->n_vocab), e = nmse(got, want, f->n_vocab);
    if (!(b->max_abs > 0 ? d <= b->max_abs : e <= b->nmse))
        fail_msg("%s, position %zu: off by %g, nmse %g", f->base, at, d, e);
}

/* An expert without a slot takes the slot of another, in each layer that has experts. */
static void shift(struct eng_model *m, uint32_t turn)
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
static void together(const struct fixture *f, struct eng_model *m, const struct prompt *p,
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
static void greedy(const struct fixture *f, struct eng_model *m, const struct prompt *p,
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
static struct eng_hybrid_use use_of(const struct eng_model *m, uint32_t slots)
{
    struct eng_hybrid_use use;
    eng_hybrid_get(m, &use);
    assert_int_equal(use.slots, slots);
    assert_int_equal(use.n_expert, eng_model_get_info(m)->n_expert);
    return use;
}

static void run_fixture(const char *dir, const char *name)
{
    struct fixture f;
    struct prompt p;
    assert_true(fixture_open(&f, dir, name));
    prompt_open(&p, &f, "p1", true);
    struct eng_model *m = open_split(&f, 0, 0);
    uint32_t n = eng_model_get_info(m)->n_expert;
    bool quantised = is_quantised(m);
    struct bounds b = {quantised ? 0 : f.tolerance, 1e-6};
    together(&f, m, &p, 1, p.n, false, &b); /* all experts on the CPU */
    struct eng_hybrid_use use = use_of(m, 0);
    assert_true(use.on_cpu > 0 && use.on_device == 0 && use.sent == 0);
    eng_model_free(m);
    m = open_split(&f, n / 2, 0);
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
    m = open_split(&f, n / 2, 8); /* slices of 8 tokens send what is not there */
    together(&f, m, &p, 2, p.n, false, &b);
    use = use_of(m, n / 2);
    assert_true(use.sent > 0 && use.on_device > 0 && use.on_cpu == 0);
    eng_model_free(m);
    free(p.want);
    fixture_close(&f);
    print_message("%s: %u experts\n", name, n);
}

static bool has_experts(const char *dir, const char *name)
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

static void models(void **state)
{
    (void)state;
    char dir[300];
    snprintf(dir, sizeof(dir), "%s/models", far_dir());
    if (getenv("WEIR_CUDA_ALL")) {
        DIR *d = opendir(dir);
        if (!d)
            fail_msg("%s cannot be read: set WEIR_FIXTURES", dir);
        for (const struct dirent *e; (e = readdir(d));) {
            char name[256];
            size_t n = strlen(e->d_name);
            if (n < 6 || n >= sizeof(name) || strcmp(e->d_name + n - 5, ".gguf") != 0)
                continue;
            memcpy(name, e->d_name, n - 5);
            name[n - 5] = 0;
            if (has_experts(dir, name))
                run_fixture(dir, name);
        }
        closedir(d);
        return;
    }
    for (size_t i = 0; i < sizeof(FEW) / sizeof(FEW[0]); i++)
        if (has_experts(dir, FEW[i]))
            run_fixture(dir, FEW[i]);
        else
            printf("skipped: %s/%s (set WEIR_FIXTURES)\n", dir, FEW[i]);
    run_fixture(NEAR_DIR, "qwen3moe");
}

/* One prompt again and again: its experts come to the device by themselves. */
static void moves_by_use(void **state)
{
    (void)state;
    struct fixture f;
    struct prompt p;
    assert_true(fixture_open(&f, NEAR_DIR, "qwen3moe"));
    prompt_open(&p, &f, "p1", true);
    struct eng_model *m = open_split(&f, 4, 0);
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    float *logits = malloc(p.n * f.n_vocab * sizeof(float));
    assert_non_null(logits);
    struct bounds b = {f.tolerance, 0};
    struct eng_hybrid_use use = {0};
    for (int i = 0; i < 400 && use.moves < 3; i++) {
        (void)eng_cache_truncate(c, 0, 0);
        forward(m, c, (struct eng_batch){.n = 3, .tokens = p.tokens, .pos = p.pos}, logits);
        for (size_t t = 0; t < 3; t++)
            check_row(&f, &p, &b, logits + t * f.n_vocab, t);
        eng_hybrid_get(m, &use);
        usleep(1000);
    }
    assert_true(use.moves >= 3);
    assert_true(use.slot_bytes > 0);
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
    free(p.want);
    fixture_close(&f);
}

static void wrong_places(void **state)
{
    (void)state;
    struct fixture f;
    struct base_err err;
    struct eng_hybrid_use use;
    assert_true(fixture_open(&f, NEAR_DIR, "qwen3moe"));
    struct eng_model *m = open_split(&f, 4, 0);
    assert_int_equal(eng_hybrid_put(m, 0, 5, 0, &err), BASE_EINVAL); /* no cache yet: no slots */
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    assert_int_equal(eng_hybrid_put(m, 0, 5, 0, &err), BASE_OK);
    assert_int_equal(eng_hybrid_put(m, 0, 5, 1, &err), BASE_EINVAL); /* it has one */
    assert_int_equal(eng_hybrid_put(m, 0, 6, 4, &err), BASE_EINVAL);
    assert_int_equal(eng_hybrid_put(m, 99, 6, 1, &err), BASE_EINVAL);
    assert_int_equal(eng_hybrid_put(m, 0, 99, 1, &err), BASE_EINVAL);
    eng_cache_free(c);
    eng_model_free(m);
    m = open_model(&f, ENG_DEVICE_REF, 1, ENG_ACTIVATIONS_AUTO);
    eng_hybrid_get(m, &use);
    assert_int_equal(use.slots, 0);
    eng_model_free(m);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_places),
        cmocka_unit_test(moves_by_use),
        cmocka_unit_test(models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
