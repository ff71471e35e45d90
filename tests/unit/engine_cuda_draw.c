/* engine_cuda_draw.c - a model on a device picks its tokens there, and they are the ones that the
 * host would have picked from the same logits.
 *
 * Method: two caches of one model take the same tokens, one with eng_batch.who and one without; the
 * host's own samplers pick from the second's logits. Several sequences with different parameters,
 * among them one that marks its tokens and one that the device declines (no top_k, hot), long
 * enough that steps have become graphs; prompts of several rows at once.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/model/model.h"
#include "engine/sample/sampler.h"
#include "engine/sample/watermark.h"

#define FILE_NAME "tests/vectors/models/gpt-oss-mxfp4.gguf"
#define SEQS      4
#define STEPS     7

struct side {
    struct eng_cache *cache;
    struct eng_sampler *who[SEQS];
    int32_t token[SEQS];
};

static struct eng_model *model;
static uint32_t n_vocab;
static const struct eng_watermark mark = {.key = {1, 2, 3}, .gamma = 0.5f, .delta = 3};

static int open_model(void **state)
{
    (void)state;
    struct base_err err = {0};
    struct eng_model_opts o = {.device =
                                   cuda_on_hardware() ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED};
    if (eng_model_open(FILE_NAME, &o, &model, &err) != BASE_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    n_vocab = eng_model_get_info(model)->n_vocab;
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    eng_model_free(model);
    return 0;
}

static void side_open(struct side *s)
{
    static const struct eng_sampling p[SEQS] = {
        {.temperature = 0, .top_p = 1, .repeat = 1},
        {.temperature = 0.8f, .top_k = 20, .top_p = 0.9f, .repeat = 1.2f, .presence = -5},
        {.temperature = 1.5f, .top_p = 0.95f, .min_p = 0.02f, .repeat = 1, .frequency = 0.5f},
        {.temperature = 1, .top_p = 1, .repeat = 1},
    };
    struct base_err err = {0};
    assert_int_equal(eng_cache_new(model, SEQS, 64, &s->cache, &err), BASE_OK);
    for (int i = 0; i < SEQS; i++) {
        struct eng_sampling q = p[i];
        q.seeded = true;
        q.seed = 5 + (uint64_t)i;
        s->who[i] = eng_sampler_new(&q, n_vocab);
        s->token[i] = 10 + i;
    }
    eng_sampler_mark(s->who[SEQS - 1], &mark, s->token[SEQS - 1]);
}

static void side_close(struct side *s)
{
    eng_cache_free(s->cache);
    for (int i = 0; i < SEQS; i++)
        eng_sampler_free(s->who[i]);
}

/* One step of all sequences; the first has prompts of `extra` more tokens. */
static void step(struct side *s, bool device, uint32_t extra)
{
    int32_t tokens[SEQS * 8], picked[SEQS];
    uint32_t seqs[SEQS * 8], n = 0;
    bool want[SEQS * 8];
    struct base_err err = {0};
    float *logits = malloc((size_t)SEQS * n_vocab * sizeof(float));
    for (uint32_t i = 0; i < SEQS; i++)
        for (uint32_t k = 0; k <= extra; k++, n++) {
            tokens[n] = k < extra ? (int32_t)(3 * k + i) : s->token[i];
            seqs[n] = i;
            want[n] = k == extra;
        }
    struct eng_batch b = {.n = n, .tokens = tokens, .seqs = seqs, .want = want};
    b.who = device ? s->who : NULL;
    b.picked = picked;
    if (eng_forward(model, s->cache, &b, logits, &err) != BASE_OK)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < SEQS; i++) {
        bool here = device && i < SEQS - 1; /* the marked one is the host's */
        if (device)
            assert_int_equal(picked[i] == ENG_PICK_ROW, !here);
        s->token[i] = here ? picked[i] : eng_sampler_pick(s->who[i], logits + (size_t)i * n_vocab);
        assert_true(s->token[i] >= 0 && (uint32_t)s->token[i] < n_vocab);
    }
    free(logits);
}

static void test_same(void **state)
{
    (void)state;
    struct side host, dev_side;
    side_open(&host);
    side_open(&dev_side);
    for (int i = 0; i < STEPS; i++) {
        step(&host, false, i == 0 ? 3 : 0);
        step(&dev_side, true, i == 0 ? 3 : 0);
        assert_memory_equal(host.token, dev_side.token, sizeof(host.token));
    }
    side_close(&host);
    side_close(&dev_side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
