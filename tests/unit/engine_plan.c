/* Goal: engine/plan/plan.c accounts for every byte of a file once, never plans beyond a card, finds
 * the exact size at which a model stops to fit, on one card and on several, and its bounds are
 * bytes over bandwidth.
 *
 * Method: models of the vectors and of the fixtures; cards of every size around the edges; figures
 * by hand on the smaller files.
 */
#include "engine/cuda/driver.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_counts.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RESERVE (512ull << 20)

struct file {
    struct eng_model *m;
    const struct eng_model_info *info;
    struct eng_plan_sizes z;
    uint64_t bytes; /* of all tensors */
};

static struct file load(const char *path)
{
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct file f = {0};
    struct base_err err;
    if (eng_model_open(path, &opts, &f.m, &err) != BASE_OK ||
        eng_plan_sizes_of(f.m, &f.z, &err) != BASE_OK)
        fail_msg("%s", err.text);
    f.info = eng_model_get_info(f.m);
    for (size_t i = 0; i < eng_gguf_n_tensors(eng_model_gguf(f.m)); i++)
        f.bytes += eng_gguf_tensor_at(eng_model_gguf(f.m), i)->nbytes;
    return f;
}

static void unload(struct file *f)
{
    eng_plan_sizes_release(&f->z);
    eng_model_free(f->m);
}

static struct eng_plan_ask ask_of(uint64_t gpu, uint32_t n_gpu)
{
    struct eng_plan_ask ask = {
        .n_gpu = n_gpu, .cpu_bytes_s = 1e10, .cpu_ops_s = 1e11, .context = 128, .parallel = 2};
    for (uint32_t i = 0; i < n_gpu; i++)
        ask.gpu[i] = (struct eng_plan_gpu){
            .bytes = gpu, .bytes_s = 1e12, .pcie_bytes_s = 3e10, .flops = 1e14};
    return ask;
}

static struct eng_plan plan(const struct file *f, uint64_t gpu)
{
    struct eng_plan_ask ask = ask_of(gpu, 1);
    struct eng_plan p;
    eng_plan(&f->z, &ask, &p);
    return p;
}

static void test_mixture(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    struct eng_plan p = plan(&f, 80ull << 30);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(p.would, ENG_AUTO_CUDA);
    assert_int_equal(f.z.dense + f.z.table + f.z.experts, f.bytes);
    assert_true(f.z.experts > 0 && f.z.table > 0);
    assert_int_equal(p.cache,
                     2 * (f.info->cache_bytes_token / 2 * 128 + f.info->cache_bytes_sequence));
    assert_int_equal(p.on_gpu, f.info->n_expert);
    assert_true(p.hit == 1);
    assert_int_equal(p.gpu_total, f.z.dense + p.cache + p.reserve + f.z.experts);
    /* by hand: one token reads all but the routed experts, of those used / all, and the cache */
    double want = (double)f.z.dense + (double)f.z.experts * f.z.n_used / f.z.n_expert +
                  (double)(f.info->cache_bytes_token / 2 * 128 + f.info->cache_bytes_sequence);
    assert_true(fabs((double)p.step[0].gpu - want) < 2);
    assert_int_equal(p.step[0].host, 0);
    assert_true(fabs(p.step[0].tok_s - 1e12 / want) < 1e-3 * p.step[0].tok_s);
    /* more sequences share weights: never slower in all, never more than b times as fast */
    for (size_t i = 1; i < ENG_PLAN_BATCHES; i++) {
        assert_true(p.step[i].tok_s > p.step[0].tok_s);
        assert_true(p.step[i].tok_s <= p.step[0].tok_s * eng_plan_batches[i] * 1.001);
    }
    unload(&f);
}

static void test_edges(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    struct eng_plan all = plan(&f, 80ull << 30);
    uint64_t fixed = f.z.dense + all.cache + RESERVE;
    struct eng_plan p = plan(&f, fixed - 1);
    assert_int_equal(p.fit, ENG_PLAN_NONE);
    assert_int_equal(p.missing, 1);
    assert_int_equal(p.would, ENG_AUTO_CPU);
    assert_true(p.step[0].tok_s == 0);
    p = plan(&f, fixed);
    assert_int_equal(p.fit, ENG_PLAN_HYBRID);
    assert_int_equal(p.would, ENG_AUTO_CPU); /* handing over costs more than reading so little */
    assert_int_equal(p.on_gpu, 0);
    assert_true(p.hit == 0);
    assert_true(p.step[0].host > 0 && p.step[2].host > p.step[0].host);
    p = plan(&f, fixed + f.z.experts);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    uint32_t before = 0;
    for (uint64_t n = 0; n < f.z.experts; n += f.z.experts / 50) {
        p = plan(&f, fixed + n);
        assert_int_equal(p.fit, ENG_PLAN_HYBRID);
        assert_true(p.gpu_total <= fixed + n);
        assert_int_equal(p.gpu_total + p.host_total, fixed + f.z.experts + f.z.table);
        assert_true(p.on_gpu >= before && p.on_gpu < f.info->n_expert);
        assert_true(fabs(p.hit - (double)p.on_gpu / f.z.n_expert) < 1e-9);
        before = p.on_gpu;
    }
    assert_true(before > 0);
    unload(&f);
}

static void test_dense(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/llama.gguf");
    struct eng_plan p = plan(&f, 24ull << 30);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(f.z.experts, 0);
    assert_int_equal(f.z.n_expert, 0);
    assert_int_equal(f.z.dense + f.z.table, f.bytes);
    assert_int_equal(p.host_total, f.z.table);
    unload(&f);
}

/* Whatever the cards: every layer on one of them, nothing beyond any, nothing lost. */
static void check_several(const struct file *f, uint64_t gpu, uint32_t n, enum eng_plan_split split)
{
    struct eng_plan_ask ask = ask_of(gpu, n);
    struct eng_plan p;
    ask.split = split;
    eng_plan(&f->z, &ask, &p);
    if (p.fit == ENG_PLAN_NONE) {
        assert_true(p.missing > 0);
        return;
    }
    uint64_t dense = 0, experts = 0, cache = 0;
    uint32_t layers = 0, per_layer = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct eng_plan_device *d = &p.device[i];
        assert_true(d->total <= gpu);
        assert_int_equal(d->total, d->dense + d->cache + d->expert_bytes + d->reserve);
        if (split == ENG_PLAN_BY_LAYERS)
            assert_int_equal(d->layer0, layers);
        layers += d->n_layers;
        per_layer += d->experts;
        dense += d->dense;
        cache += d->cache;
        experts += d->expert_bytes;
    }
    assert_int_equal(dense, f->z.dense);
    assert_int_equal(cache, p.cache);
    if (split == ENG_PLAN_BY_LAYERS)
        assert_int_equal(layers, f->z.n_layer);
    else
        assert_int_equal(per_layer, p.on_gpu);
    assert_int_equal(experts + p.host_total, f->z.experts + f->z.table);
    assert_int_equal(p.fit == ENG_PLAN_ALL, experts == f->z.experts);
}

static void test_several(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/gpt-oss-mxfp4.gguf");
    uint64_t all = f.z.dense + f.z.experts + (4ull << 20);
    for (uint32_t n = 1; n <= 5; n++)
        for (uint64_t room = 0; room < all; room += all / 40) {
            check_several(&f, RESERVE + room, n, ENG_PLAN_BY_LAYERS);
            check_several(&f, RESERVE + room, n, ENG_PLAN_BY_EXPERTS);
        }
    /* two of the same card, just as much as is needed in all and a layer more: it fits, by halves
     */
    struct eng_plan_ask ask = ask_of(RESERVE + all, 2);
    struct eng_plan p;
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(p.device[0].n_layers, 1);
    assert_int_equal(p.device[1].n_layers, 1);
    ask.split = ENG_PLAN_BY_EXPERTS;
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(p.device[0].experts + p.device[1].experts, f.z.n_expert);
    assert_true(p.device[1].experts > 0 && p.device[1].cache == 0);
    unload(&f);
}

static void test_windows(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/gpt-oss-mxfp4.gguf"); /* every other one: 8 keys */
    const struct eng_plan_layer *near = &f.z.layers[0], *all = &f.z.layers[1];
    assert_int_equal(near->window, 8);
    assert_int_equal(all->window, 0);
    assert_int_equal(near->cell,
                     2 * 3 * (16 + 16)); /* three heads of 16, keys and values, halves */
    assert_int_equal(eng_plan_seen(near, 100000), 8 * near->cell);
    assert_int_equal(eng_plan_seen(all, 100000), 100000 * all->cell);
    assert_int_equal(eng_plan_held(all, 100000, 512), 100032 * all->cell);
    assert_int_equal(eng_plan_held(near, 100000, 512), (8 + 512 + 64 + 56) * near->cell);
    assert_int_equal(eng_plan_held(near, 10, 512), 64 * near->cell);
    unload(&f);
}

static void test_latent(void **state)
{
    (void)state;
    const char *dir = getenv("WEIR_FIXTURES");
    char path[512];
    snprintf(path, sizeof(path), "%s/models/deepseek2-v3.gguf", dir ? dir : "../shared/fixtures");
    if (access(path, R_OK) != 0)
        skip();
    struct file f = load(path); /* a key of 24 + 8, no values */
    assert_int_equal(f.z.layers[0].cell, 2 * 32);
    unload(&f);
    snprintf(path, sizeof(path), "%s/models/deepseek32.gguf", dir ? dir : "../shared/fixtures");
    f = load(path); /* an indexer's keys beside it */
    assert_true(f.z.layers[0].index_cell > 0 && f.z.layers[0].picks > 0);
    assert_int_equal(eng_plan_seen(&f.z.layers[0], 100000),
                     f.z.layers[0].picks * f.z.layers[0].seen_cell +
                         100000 * f.z.layers[0].index_cell);
    unload(&f);
}

static void test_hot(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    uint32_t n = f.z.n_expert, half = n / 2;
    uint64_t *counts = calloc((size_t)f.z.n_layer * n, sizeof(*counts));
    struct eng_plan_ask ask = ask_of(0, 1);
    struct eng_plan even, p;
    assert_non_null(counts);
    ask.gpu[0].bytes = 80ull << 30;
    eng_plan(&f.z, &ask, &p);
    ask.gpu[0].bytes = f.z.dense + p.cache + RESERVE + f.z.experts / n * half;
    eng_plan(&f.z, &ask, &even);
    assert_int_equal(even.on_gpu, half);
    assert_true(fabs(even.hit - 0.5) < 1e-9);
    for (uint32_t l = 0; l < f.z.n_layer; l++) /* odd experts nine times as often as even ones */
        for (uint32_t e = 0; e < n; e++)
            counts[l * n + e] = e % 2 ? 900 : 100;
    ask.counts = counts;
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.on_gpu, half);
    assert_true(fabs(p.hit - 0.9) < 1e-9);
    assert_true(p.step[0].host < even.step[0].host && p.step[0].tok_s > even.step[0].tok_s);
    free(counts);
    unload(&f);
}

static void test_prompt(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    struct eng_plan_ask ask = ask_of(0, 1);
    struct eng_plan p;
    ask.gpu[0].bytes = f.z.dense + plan(&f, 80ull << 30).cache + RESERVE;
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.on_gpu, 0);
    assert_int_equal(p.prompt.slice, f.z.rows);
    assert_true(p.prompt.off_bytes > 0 && p.prompt.off_bytes <= f.z.experts);
    /* PCIe is faster than the CPU's memory here: from the least number of tokens on */
    assert_int_equal(p.prompt.stream_from, 32);
    assert_true(p.prompt.stream_tok_s >= p.prompt.cpu_tok_s);
    ask.gpu[0].pcie_bytes_s = 1e3;
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.prompt.stream_from, 0);
    /* where the CPU's arithmetic decides there is a number of tokens at which it turns */
    ask.gpu[0].pcie_bytes_s = 5e9;
    ask.cpu_ops_s = 4e10;
    eng_plan(&f.z, &ask, &p);
    assert_true(p.prompt.stream_from > 32);
    ask.slice = p.prompt.stream_from;
    eng_plan(&f.z, &ask, &p);
    assert_true(p.prompt.stream_tok_s >= p.prompt.cpu_tok_s);
    ask.slice = p.prompt.stream_from - 1;
    eng_plan(&f.z, &ask, &p);
    assert_true(p.prompt.stream_tok_s <= p.prompt.cpu_tok_s);
    unload(&f);
}

static void test_auto_and_host(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    struct eng_plan_ask ask = ask_of(f.z.dense + plan(&f, 80ull << 30).cache + RESERVE, 1);
    struct eng_plan p;
    ask.cpu_bytes_s = 1e13; /* memory faster than the card's */
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.fit, ENG_PLAN_HYBRID);
    assert_int_equal(p.would, ENG_AUTO_CPU);
    ask.host_bytes = p.host_total;
    eng_plan(&f.z, &ask, &p);
    assert_false(p.host_short);
    ask.host_bytes = p.host_total - 1;
    eng_plan(&f.z, &ask, &p);
    assert_true(p.host_short);
    unload(&f);
}

static struct eng_plan_choice choose(const struct file *f, const struct eng_plan_ask *ask,
                                     struct eng_plan_limits limits)
{
    struct eng_plan_choice c;
    eng_plan_choose(&f->z, ask, &limits, &c);
    return c;
}

/* The best set is these cards in this order. */
static void takes(const struct eng_plan_choice *c, enum eng_plan_split split, uint32_t n,
                  const uint32_t *cards)
{
    const struct eng_plan_set *s = &c->set[c->best];
    assert_int_equal(s->n, n);
    assert_int_equal(s->split, split);
    assert_memory_equal(s->gpu, cards, n * sizeof(*cards));
    assert_int_equal(c->ask.n_gpu, n);
    assert_int_equal(c->plan.fit, s->fit);
}

/* Which of several cards are taken: one that holds all rather than two; the faster of two; both
 * where one is too small, and the CPU's experts become cards' so; never one that has no room for
 * anything; by experts where reading them is most of the work. */
static void test_which_cards(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    for (uint32_t l = 0; l < f.z.n_layer; l++) { /* of gigabytes, nearly all of it experts */
        f.z.layers[l].dense *= 64;
        f.z.layers[l].experts *= 16384;
    }
    f.z.dense *= 64;
    f.z.head *= 64;
    f.z.experts *= 16384;
    const struct eng_plan_limits any = {0}, one = {.gpus = 1}, layers = {.layers_only = true};
    const uint64_t whole = f.z.dense + f.z.experts + (2ull << 30), some = f.z.experts / 4 * 3;
    struct eng_plan_ask ask = ask_of(whole, 3);
    ask.parallel = 1;
    struct eng_plan_choice c = choose(&f, &ask, layers);
    takes(&c, ENG_PLAN_BY_LAYERS, 1, (uint32_t[]){0});
    assert_int_equal(c.set[c.next].n, 2);
    assert_true(c.set[c.next].tok_s < c.set[c.best].tok_s);
    ask.gpu[2].bytes_s = 3e12; /* the fastest, whatever its number */
    c = choose(&f, &ask, layers);
    takes(&c, ENG_PLAN_BY_LAYERS, 1, (uint32_t[]){2});
    ask.gpu[1].bytes = 300 << 20; /* less than what it must keep free */
    c = choose(&f, &ask, any);
    for (uint32_t i = 0; i < c.n_sets; i++)
        for (uint32_t k = 0; k < c.set[i].n; k++)
            assert_true(c.set[i].gpu[k] != 1 || c.set[i].fit == ENG_PLAN_NONE);
    for (uint32_t i = 0; i < 3; i++)
        ask.gpu[i] = (struct eng_plan_gpu){
            .bytes = some, .bytes_s = i == 1 ? 2e12 : 1e12, .pcie_bytes_s = 3e10, .flops = 1e14};
    ask.gpu[2].bytes = 100 << 20;
    c = choose(&f, &ask, layers);
    takes(&c, ENG_PLAN_BY_LAYERS, 2, (uint32_t[]){1, 0});
    assert_int_equal(c.plan.fit, ENG_PLAN_ALL);
    assert_int_equal(c.set[c.next].fit, ENG_PLAN_HYBRID);
    c = choose(&f, &ask, one);
    takes(&c, ENG_PLAN_BY_LAYERS, 1, (uint32_t[]){1});
    assert_int_equal(c.plan.would, ENG_AUTO_HYBRID);
    ask.parallel = 64; /* all experts are read in every step: by both cards at the same time */
    ask.gpu[1].bytes_s = 1e12;
    c = choose(&f, &ask, any);
    takes(&c, ENG_PLAN_BY_EXPERTS, 2, (uint32_t[]){0, 1});
    ask.gpu[0].bytes_s = 0; /* not known: what fits, with the fewest cards */
    c = choose(&f, &ask, any);
    assert_int_equal(c.plan.fit, ENG_PLAN_ALL);
    assert_int_equal(c.set[c.best].n, 2);
    for (uint32_t i = 0; i < 3; i++)
        ask.gpu[i].bytes = 520 << 20;
    c = choose(&f, &ask, any);
    assert_int_equal(c.plan.fit, ENG_PLAN_NONE);
    assert_int_equal(c.plan.would, ENG_AUTO_CPU);
    assert_true(c.plan.missing > 0 && c.next == ENG_PLAN_SETS);
    unload(&f);
}

/* device: auto weighs the CPU: what tips it is bandwidth, PCIe, and how much there is to read. */
static void test_weighed(void **state)
{
    (void)state;
    struct file f = load("tests/vectors/models/qwen3moe.gguf");
    struct eng_plan p;
    for (uint32_t l = 0; l < f.z.n_layer; l++) { /* a model of gigabytes of the same shape */
        f.z.layers[l].dense *= 4096;
        f.z.layers[l].experts *= 4096;
    }
    f.z.dense *= 4096;
    f.z.experts *= 4096;
    f.z.head *= 4096;
    struct eng_plan_ask ask = ask_of(80ull << 30, 1);
    ask.parallel = 1; /* as step[0] is */
    eng_plan(&f.z, &ask, &p);
    uint64_t half = f.z.dense + p.cache + RESERVE + f.z.experts / 2;
    assert_int_equal(p.would, ENG_AUTO_CUDA);
    assert_true(p.weigh.gpu_tok_s > 0 && p.weigh.gpu_tok_s < p.step[0].tok_s);
    assert_true(p.weigh.cpu_tok_s > 0 && p.weigh.cpu_tok_s < p.step[0].cpu_s);
    double alone = p.weigh.cpu_tok_s;
    ask.gpu[0].bytes = half;
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.fit, ENG_PLAN_HYBRID);
    assert_int_equal(p.would, ENG_AUTO_HYBRID);
    assert_true(fabs(p.weigh.cpu_tok_s - alone) < 1e-6 * alone && p.weigh.gpu_tok_s > alone);
    double fast = p.weigh.gpu_tok_s;
    ask.gpu[0].pcie_bytes_s = 1e4; /* a link that takes as long as the experts themselves */
    eng_plan(&f.z, &ask, &p);
    assert_true(p.weigh.gpu_tok_s < fast);
    assert_int_equal(p.would, ENG_AUTO_CPU);
    ask.gpu[0].pcie_bytes_s = 3e10;
    ask.gpu[0].bytes_s = 1e9; /* a card slower than the host's memory */
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.would, ENG_AUTO_CPU);
    ask.gpu[0].bytes = 80ull << 30; /* even if everything fits there */
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.fit, ENG_PLAN_ALL);
    assert_int_equal(p.would, ENG_AUTO_CPU);
    ask.gpu[0].bytes_s = 0; /* not known: it goes where it fits */
    eng_plan(&f.z, &ask, &p);
    assert_int_equal(p.would, ENG_AUTO_CUDA);
    assert_true(p.weigh.gpu_tok_s == 0);
    /* a cache that is bounded takes less */
    ask.parallel = 8;
    eng_plan(&f.z, &ask, &p);
    uint64_t whole = p.cache;
    ask.cache_tokens = (uint64_t)ask.context * 2;
    eng_plan(&f.z, &ask, &p);
    assert_true(p.cache < whole / 3 && p.cache > whole / 5);
    unload(&f);
}

static void put_file(const char *folder, const char *name, const char *content)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(content, f) >= 0 && fclose(f) == 0);
}

/* A PCIe link as the system describes it: the width it has, the speed it can have. */
static void test_bus(void **state)
{
    (void)state;
    char root[] = "/tmp/weir-bus-XXXXXX", at[200] = "";
    static const char *const parts[] = {"bus", "pci", "devices", "0001:41:00.0"};
    assert_non_null(mkdtemp(root));
    snprintf(at, sizeof(at), "%s", root);
    for (size_t i = 0; i < 4; i++) {
        size_t n = strlen(at);
        snprintf(at + n, sizeof(at) - n, "/%s", parts[i]);
        assert_int_equal(mkdir(at, 0700), 0);
    }
    assert_true(eng_cuda_bus(root, 1, 0x41, 0) == 0); /* nothing is said */
    put_file(at, "max_link_speed", "32.0 GT/s PCIe\n");
    assert_true(eng_cuda_bus(root, 1, 0x41, 0) == 0);
    put_file(at, "current_link_width", "8\n");
    put_file(at, "current_link_speed", "2.5 GT/s PCIe\n"); /* it idles */
    assert_true(fabs(eng_cuda_bus(root, 1, 0x41, 0) - 32e9) < 1);
    assert_true(eng_cuda_bus(root, 0, 0x41, 0) == 0); /* another device */
    put_file(at, "max_link_speed", "Unknown\n");
    assert_true(eng_cuda_bus(root, 1, 0x41, 0) == 0);
    char file[300];
    static const char *const files[] = {"max_link_speed", "current_link_width",
                                        "current_link_speed"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%s/%s", at, files[i]);
        assert_int_equal(unlink(file), 0);
    }
    for (size_t i = 4; i-- > 0;) {
        assert_int_equal(rmdir(at), 0);
        *strrchr(at, '/') = 0;
    }
    assert_int_equal(rmdir(root), 0);
}

static void test_cards(void **state)
{
    (void)state;
    const struct eng_card *c;
    size_t n = 0;
    for (; (c = eng_card_at(n)); n++) {
        assert_ptr_equal(eng_card_find(base_str_c(c->name)), c);
        assert_true(c->bytes > 20ull << 30 && c->bytes_s > 1e11 && c->flops > 1e13);
    }
    assert_true(n >= 10);
    assert_ptr_equal(eng_card_find(BASE_STR("a100-80")), eng_card_find(BASE_STR("a100")));
    assert_null(eng_card_find(BASE_STR("voodoo2")));
}

static void with_counts(const char *text, enum base_status want, const char *says)
{
    char path[] = "/tmp/weir-counts-XXXXXX";
    struct base_err err = {0};
    uint64_t *counts = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum base_status st = eng_plan_counts_read(path, 2, 3, &counts, &err);
    unlink(path);
    assert_int_equal(st, want);
    if (want == BASE_OK) {
        assert_int_equal(counts[0], 0);
        assert_int_equal(counts[3], 7);
        assert_int_equal(counts[5], 9);
    } else {
        assert_null(counts);
        assert_non_null(strstr(err.text, says));
    }
    free(counts);
}

static void test_counts_file(void **state)
{
    (void)state;
    with_counts("{\"layers\":[{\"layer\":1,\"counts\":[7,0,9]}]}", BASE_OK, "");
    with_counts("{\"layers\":[{\"layer\":2,\"counts\":[7,0,9]}]}", BASE_EINVAL, "none of this");
    with_counts("{\"layers\":[{\"layer\":1,\"counts\":[7,0]}]}", BASE_EINVAL, "none of this");
    with_counts("{\"layers\":[{\"layer\":1,\"counts\":[7,0,-9]}]}", BASE_EINVAL, "count 2");
    with_counts("{\"layers\":[]}", BASE_EINVAL, "--experts");
    with_counts("[]", BASE_EINVAL, "--experts");
    with_counts("{", BASE_EINVAL, "--experts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixture),       cmocka_unit_test(test_edges),
        cmocka_unit_test(test_dense),         cmocka_unit_test(test_several),
        cmocka_unit_test(test_windows),       cmocka_unit_test(test_latent),
        cmocka_unit_test(test_hot),           cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_auto_and_host), cmocka_unit_test(test_weighed),
        cmocka_unit_test(test_bus),           cmocka_unit_test(test_cards),
        cmocka_unit_test(test_counts_file),   cmocka_unit_test(test_which_cards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
