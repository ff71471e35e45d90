/* Goal: what a probe sees of a model on the device is what each layer put out, though the device
 * puts off what joins the residual stream.
 * Method: fixtures with a dense first layer, with experts, norms behind each half, and with several
 * streams: the residual stream behind every layer beside the CPU's.
 */
#include "tests/unit/engine_fixture.h"

#define N 9

struct seen {
    float *x; /* [n_layer][N][n_residual] */
    size_t n;
};

static void keep(void *ctx, const struct eng_seen *seen)
{
    struct seen *s = ctx;
    size_t floats = s->n; /* of a row */
    assert_int_equal(seen->n, N);
    memcpy(s->x + (size_t)seen->layer * N * floats, seen->x, N * floats * sizeof *seen->x);
}

static void layers(const char *dir, const char *name)
{
    static const int32_t tokens[N] = {3, 14, 15, 9, 26, 5, 35, 8, 97};
    struct fixture f;
    struct seen s[2];
    size_t all = 0;
    if (!fixture_open(&f, dir, name))
        return; /* the full set is not everywhere */
    for (int i = 0; i < 2; i++) {
        char path[400];
        struct eng_model *m;
        struct base_err err = {0};
        struct eng_model_opts opts = {.device = i ? ENG_DEVICE_EMULATED : ENG_DEVICE_CPU,
                                      .n_threads = 1,
                                      .activations = ENG_ACTIVATIONS_INT16,
                                      .kv_f32 = true};
        snprintf(path, sizeof path, "%s.gguf", f.base);
        if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
            fail_msg("%s", err.text);
        const struct eng_model_info *info = eng_model_get_info(m);
        all = (size_t)info->n_layer * N * info->n_residual;
        s[i].n = info->n_residual;
        s[i].x = calloc(all, sizeof(float));
        struct eng_cache *c = new_cache(m, 1, 64);
        float *logits = malloc((size_t)N * f.n_vocab * sizeof *logits);
        struct eng_batch b = {.n = N, .tokens = tokens};
        eng_model_probe(m, keep, &s[i]);
        assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_OK);
        free(logits);
        eng_cache_free(c);
        eng_model_free(m);
    }
    double most = 0, off = 0;
    for (size_t j = 0; j < all; j++) {
        most = fmax(most, fabs((double)s[0].x[j]));
        off = fmax(off, fabs((double)s[0].x[j] - (double)s[1].x[j]));
    }
    if (!(most > 0 && off < 2e-3 * most))
        fail_msg("%s: layers differ by %g of %g", name, off, most);
    free(s[0].x);
    free(s[1].x);
    fixture_close(&f);
}

static void probes(void **state)
{
    char dir[400];
    (void)state;
    snprintf(dir, sizeof dir, "%s/models", far_dir());
    layers(NEAR_DIR, "llama");
    layers(NEAR_DIR, "gpt-oss-mxfp4");
    layers(dir, "deepseek2-v3");
    layers(dir, "gemma3");
    layers(dir, "deepseek4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(probes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
