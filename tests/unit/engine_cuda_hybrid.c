/* Goal: a model whose experts are partly on the device and partly on the CPU gives what it gives
 * whole: logits within tolerance and the same greedy text, whichever experts are where, while they
 * change places, and when they are sent for a long slice.
 * Method: the fixtures with experts on the emulated device (WEIR_CUDA_TEST=hardware: on this
 * machine's) with half of the experts in slots, with none, one and all; sequences together, each
 * step checked against the reference; experts moved by force between steps, and by their use in a
 * run long enough. A few fixtures by default; WEIR_CUDA_ALL=1: all that have experts.
 */
#include "tests/unit/engine_cuda_hybrid.h"

static const struct devices ONE = {1, ENG_SPLIT_LAYERS};
static const char *const FEW[] = {"gpt-oss-mxfp4"};

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
                run_fixture(dir, name, ONE);
        }
        closedir(d);
        return;
    }
    for (size_t i = 0; i < sizeof(FEW) / sizeof(FEW[0]); i++)
        if (has_experts(dir, FEW[i]))
            run_fixture(dir, FEW[i], ONE);
        else
            printf("skipped: %s/%s (set WEIR_FIXTURES)\n", dir, FEW[i]);
    run_fixture(NEAR_DIR, "qwen3moe", ONE);
}

/* One prompt again and again: its experts come to the device by themselves. */
static void moves_by_use(void **state)
{
    (void)state;
    struct fixture f;
    struct prompt p;
    assert_true(fixture_open(&f, NEAR_DIR, "qwen3moe"));
    prompt_open(&p, &f, "p1", true);
    struct eng_model *m = open_split(&f, ONE, 4, 0);
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
    struct eng_model *m = open_split(&f, ONE, 4, 0);
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
