/* engine_cuda_sample.c - tokens picked on the device are those that the host's sampler picks.
 *
 * Method: the same rows, parameters and draws go to both; with penalties over many steps, with
 * ties, flat rows (more candidates than fit), rows without a finite logit, top_k on the edge of
 * equals.
 */
#include "tests/unit/engine_cuda_util.h"

#include "engine/cuda/sample.h"
#include "engine/sample/sampler.h"

#define ROWS 64 /* at most */

struct both {
    struct eng_sampling p;
    struct eng_sampler *host[ROWS], *asked[ROWS];
    uint32_t n_vocab, rows, declined;
};

static void fill(float *x, uint32_t n, int kind)
{
    for (uint32_t i = 0; i < n; i++) {
        x[i] = cuda_rndf() * (kind == 0 ? 12 : 3);
        if (kind == 1) /* many ties */
            x[i] = (float)(cuda_rnd() % 6);
        if (kind == 2 && cuda_rnd() % 3 == 0)
            x[i] = cuda_rnd() % 2 ? -INFINITY : NAN;
        if (kind == 3)
            x[i] = -INFINITY;
    }
}

static void step(struct both *b, int kind)
{
    uint32_t n = b->n_vocab, rows = b->rows, n_seen = 0, *id = NULL, *count = NULL;
    cuda_case(rows, kind == 1 || kind == 3 ? "ragged ties" : "ragged");
    float *logits = malloc((size_t)rows * n * 4), *row = malloc((size_t)n * 4);
    struct weir_sampling want[ROWS];
    int32_t token[ROWS];
    fill(logits, rows * n, kind);
    for (uint32_t r = 0; r < rows; r++) {
        struct eng_sampler_ask ask;
        assert_true(eng_sampler_ask(b->asked[r], &ask));
        want[r] = (struct weir_sampling){.draw = ask.draw,
                                         .temperature = ask.p->temperature,
                                         .top_p = ask.p->top_p,
                                         .min_p = ask.p->min_p,
                                         .presence = ask.p->presence,
                                         .frequency = ask.p->frequency,
                                         .repeat = ask.p->repeat,
                                         .top_k = ask.p->top_k,
                                         .seen0 = n_seen,
                                         .seen1 = n_seen + (uint32_t)ask.n_seen};
        id = realloc(id, (n_seen + ask.n_seen + 1) * 4);
        count = realloc(count, (n_seen + ask.n_seen + 1) * 4);
        for (size_t i = 0; i < ask.n_seen; i++, n_seen++) {
            id[n_seen] = (uint32_t)ask.seen[i];
            count[n_seen] = ask.count[ask.seen[i]];
        }
    }
    void *dl = cuda_put(logits, (size_t)rows * n * 4), *dw = cuda_put(want, rows * sizeof(*want));
    void *di = cuda_put(id, n_seen * 4), *dc = cuda_put(count, n_seen * 4);
    void *dt = cuda_put(NULL, rows * sizeof(*token));
    eng_cuda_sample(dev, &(struct weir_sample_args){dl, dw, di, dc, dt, rows, n});
    cuda_get(token, dt, rows * sizeof(*token));
    for (uint32_t r = 0; r < rows; r++) {
        memcpy(row, logits + (size_t)r * n, (size_t)n * 4);
        int32_t same = eng_sampler_pick(b->host[r], row);
        if (token[r] == WEIR_SAMPLE_HOST) {
            b->declined++;
            cuda_get(row, (float *)dl + (size_t)r * n, (size_t)n * 4);
            token[r] = eng_sampler_pick(b->asked[r], row);
        } else {
            eng_sampler_took(b->asked[r], token[r]);
        }
        assert_int_equal(token[r], same);
    }
    const void *dropped[] = {dl, dw, di, dc, dt};
    for (int i = 0; i < 5; i++)
        cuda_drop(dropped[i]);
    free(id);
    free(count);
    free(logits);
    free(row);
}

/* Steps of one set of parameters; how often the device declined. */
static uint32_t run_rows(struct eng_sampling p, uint32_t rows, uint32_t n_vocab, int kind,
                         int steps)
{
    struct both b = {.p = p, .n_vocab = n_vocab, .rows = rows};
    p.seeded = true;
    for (uint32_t r = 0; r < rows; r++) {
        p.seed = 77 + r;
        b.host[r] = eng_sampler_new(&p, n_vocab);
        b.asked[r] = eng_sampler_new(&p, n_vocab);
    }
    for (int i = 0; i < steps; i++)
        step(&b, kind);
    for (uint32_t r = 0; r < rows; r++) {
        eng_sampler_free(b.host[r]);
        eng_sampler_free(b.asked[r]);
    }
    return b.declined;
}

static uint32_t run(struct eng_sampling p, uint32_t n_vocab, int kind, int steps)
{
    return run_rows(p, 3, n_vocab, kind, steps);
}

static const struct eng_sampling plain = {.temperature = 1, .top_p = 1, .repeat = 1};

static struct eng_sampling with(float temperature, uint32_t top_k, float top_p, float min_p)
{
    struct eng_sampling p = plain;
    p.temperature = temperature;
    p.top_k = top_k;
    p.top_p = top_p;
    p.min_p = min_p;
    return p;
}

static void small(void)
{
    for (int kind = 0; kind < 4; kind++) {
        assert_int_equal(run(with(0, 0, 1, 0), 37, kind, 2), 0);
        assert_int_equal(run(with(1, 0, 1, 0), 300, kind, 3), 0);
        assert_int_equal(run(with(0.7f, 5, 0.9f, 0.05f), 300, kind, 3), 0);
        assert_int_equal(run(with(2, 0, 0.5f, 0), 1000, kind, 2), 0);
    }
    run(with(1, 0, 1, 0), 1, 0, 2);
}

static void large(void)
{
    for (int kind = 0; kind < 3; kind++) { /* far more candidates than fit: top_k cuts them */
        assert_int_equal(run(with(1, 40, 0.95f, 0), 5000, kind, 2), 0);
        assert_int_equal(run(with(3, 1024, 1, 0), 4001, kind, 1), 0);
        assert_true(run(with(3, 0, 0.9f, 0), 4001, kind, 1) > 0); /* nothing does: the host's */
        assert_true(run(with(3, 1025, 1, 0), 4001, kind, 1) > 0);
    }
}

static void penalties(void)
{
    struct eng_sampling p = with(0.9f, 20, 1, 0);
    p.presence = 0.5f;
    p.frequency = 0.3f;
    p.repeat = 1.3f;
    assert_int_equal(run(p, 60, 0, 12), 0);
    p.temperature = 0;
    assert_int_equal(run(p, 60, 1, 12), 0);
    p.temperature = 3;
    p.top_k = 0;
    assert_true(run(p, 4001, 1, 4) > 0);
}

static void batches(void)
{
    static const uint32_t some[] = {1, 2, 3, 8, 9, 16, 33, 64};
    for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
        assert_int_equal(run_rows(with(0.8f, 20, 0.9f, 0), some[i], 77, (int)i % 3, 1), 0);
    eng_cuda_sample(dev, &(struct weir_sample_args){.n_vocab = 77});
    cuda_case_none("weir_sample");
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        cuda_seeds(5, name);                                                                       \
    }
TEST(small)
TEST(large)
TEST(penalties)
TEST(batches)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small), cmocka_unit_test(test_large),
                                       cmocka_unit_test(test_penalties),
                                       cmocka_unit_test(test_batches)};
    return cuda_run(tests);
}
