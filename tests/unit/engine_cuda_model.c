/* Goal: whole models through CUDA's table of operators: logits of the reference and the same greedy
 * text, whatever else is in the batch, with keys and values as floats and as halves, with steps
 * recorded as graphs; and what is said when memory ends or the device fails.
 * Method: the fixtures on the emulated device (WEIR_CUDA_TEST=hardware: on this machine's). One,
 * three or eight sequences read the same prompt, each in a first slice of another length, then a
 * token at a time, all together. Three fixtures by default; WEIR_CUDA_ALL=1: all of them.
 */
#include "tests/unit/engine_fixture.h"

#include <dirent.h>

static const char *const FEW[] = {"gpt-oss-mxfp4"};
static const char *const FEW_QUANTISED[] = {"q-llama-Q4_K_M"};
/* These are too long for every run at every number of sequences. */
static const char *const LONG[] = {"deepseek2-lite-nolora"};

static enum eng_device device(void)
{
    const char *z = getenv("WEIR_CUDA_TEST");
    return z && !strcmp(z, "hardware") ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED;
}

static struct eng_model *open_here(const struct fixture *f, bool kv_f32)
{
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    struct eng_model_opts opts = {
        .device = device(), .n_threads = 1, .activations = ENG_ACTIVATIONS_INT16, .kv_f32 = kv_f32};
    snprintf(path, sizeof(path), "%s.gguf", f->base);
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    return m;
}

/* What a row must be like: exact to rounding, or as halves and rounded activations allow. */
struct bounds {
    double max_abs, nmse;
};

static void check_row(const struct fixture *f, const struct prompt *p, const struct bounds *b,
                      const float *got, size_t at, uint32_t seq)
{
    const float *want = p->want + at * f->n_vocab;
    double d = max_diff(got, want, f->n_vocab), e = nmse(got, want, f->n_vocab);
    if (!(b->max_abs > 0 ? d <= b->max_abs : e <= b->nmse))
        fail_msg("%s, sequence %u, position %zu: off by %g, nmse %g", f->base, seq, at, d, e);
}

/* n sequences: a first slice of 4 + s tokens of each, mixed; then one token of each at a time. */
static void together(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                     uint32_t n, const struct bounds *b)
{
    struct eng_cache *c = new_cache(m, n, CONTEXT);
    float *logits = malloc((size_t)n * (p->n + n) * f->n_vocab * sizeof(float));
    int32_t tokens[512];
    uint32_t seqs[512], pos[512], len[8] = {0};
    size_t at[512], k = 0;
    assert_non_null(logits);
    for (uint32_t i = 0; i < 4 + n; i++)
        for (uint32_t s = 0; s < n; s++)
            if (i < 4 + s) {
                tokens[k] = p->tokens[i];
                seqs[k] = s;
                pos[k] = p->pos[i];
                at[k++] = i;
                len[s]++;
            }
    while (k > 0) {
        struct eng_batch step = {.n = k, .tokens = tokens, .seqs = seqs, .pos = pos};
        forward(m, c, step, logits);
        for (size_t i = 0; i < k; i++)
            check_row(f, p, b, logits + i * f->n_vocab, at[i], seqs[i]);
        k = 0;
        for (uint32_t s = 0; s < n; s++)
            if (len[s] < p->n) {
                tokens[k] = p->tokens[len[s]];
                seqs[k] = s;
                pos[k] = p->pos[len[s]];
                at[k++] = len[s]++;
            }
    }
    free(logits);
    eng_cache_free(c);
}

/* The reference's greedy continuation of p1, as far as its margins allow. */
static void greedy(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                   double tolerance)
{
    json_t *text = json_object_get(f->exact, "greedy16_after_p1");
    json_t *margins = json_object_get(f->exact, "greedy16_margins");
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    float *logits = malloc(p->n * f->n_vocab * sizeof(float));
    size_t compared = 0;
    assert_non_null(logits);
    forward(m, c, (struct eng_batch){.n = p->n, .tokens = p->tokens, .pos = p->pos}, logits);
    int32_t next = (int32_t)arg_max(logits + (p->n - 1) * f->n_vocab, f->n_vocab);
    for (size_t i = 0; i < json_array_size(text); i++) {
        if (json_number_value(json_array_get(margins, i)) < 2 * tolerance)
            break;
        if (next != json_integer_value(json_array_get(text, i)))
            fail_msg("%s: token %zu of the greedy text is %d", f->base, i, next);
        compared++;
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &next}, logits);
        next = (int32_t)arg_max(logits, f->n_vocab);
    }
    assert_true(json_array_size(text) == 0 || compared > 0 || tolerance > 0.1);
    free(logits);
    eng_cache_free(c);
}

static bool in(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], name))
            return true;
    return false;
}

static void run_fixture(const char *dir, const char *name, bool all)
{
    static const uint32_t seqs[] = {1, 3, 8};
    struct fixture f;
    struct prompt p;
    assert_true(fixture_open(&f, dir, name));
    prompt_open(&p, &f, "p1", true);
    struct eng_model *m = open_here(&f, true);
    /* rounded activations meet quantised weights: exact to some 1e-8, not to the float tolerance */
    bool quantised = is_quantised(m);
    struct bounds b = {quantised ? 0 : f.tolerance, 1e-6};
    for (size_t i = 0; i < 3; i++)
        if (all ? !in(LONG, 1, name) || i < 1 : seqs[i] == 3)
            together(&f, m, &p, seqs[i], &b);
    greedy(&f, m, &p, quantised ? 0.02 : f.tolerance);
    eng_model_free(m);
    /* halves move some experts of the one with 27 layers: nothing to hold it to */
    if (!in(LONG, 1, name)) {
        m = open_here(&f, false);
        b = (struct bounds){0, 1e-4};
        if (all)
            together(&f, m, &p, 3, &b);
        greedy(&f, m, &p, 0.15);
        eng_model_free(m);
    }
    free(p.want);
    fixture_close(&f);
    print_message("%s\n", name);
    (void)fflush(NULL);
}

static void run_all(const char *sub)
{
    char dir[200];
    snprintf(dir, sizeof(dir), "%s/%s", far_dir(), sub);
    DIR *d = opendir(dir);
    if (!d)
        fail_msg("%s cannot be read: set WEIR_FIXTURES", dir);
    for (const struct dirent *e; (e = readdir(d));) {
        char name[256];
        size_t n = strlen(e->d_name);
        if (n > 5 && n < sizeof(name) && !strcmp(e->d_name + n - 5, ".gguf")) {
            memcpy(name, e->d_name, n - 5);
            name[n - 5] = 0;
            run_fixture(dir, name, true);
        }
    }
    closedir(d);
}

static void models(void **state)
{
    (void)state;
    char dir[200];
    if (getenv("WEIR_CUDA_ALL")) {
        run_all("models");
        run_all("quant_models");
        return;
    }
    for (size_t i = 0; i < sizeof(FEW) / sizeof(FEW[0]); i++) {
        struct fixture f;
        snprintf(dir, sizeof(dir), "%s/models", far_dir());
        if (!fixture_open(&f, dir, FEW[i])) {
            printf("skipped: %s/%s (set WEIR_FIXTURES)\n", dir, FEW[i]);
            continue;
        }
        fixture_close(&f);
        run_fixture(dir, FEW[i], false);
    }
    snprintf(dir, sizeof(dir), "%s/quant_models", far_dir());
    struct fixture f;
    if (fixture_open(&f, dir, FEW_QUANTISED[0])) {
        fixture_close(&f);
        run_fixture(dir, FEW_QUANTISED[0], false);
    }
    run_fixture(NEAR_DIR, "llama", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
