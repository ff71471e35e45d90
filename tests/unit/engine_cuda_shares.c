/* Goal: several devices with experts of each layer beside those that the CPU computes (--gpus with
 * experts that do not all fit) give what one such device gives: by layers to the bit as long as no
 * expert moves, by experts within the same tolerances; in graphs and out of them, whichever experts
 * are where, while they move on every device, and when they are sent for a long slice. What the
 * devices hold and what they computed is accounted for to the byte and to the pair; any device's
 * failure ends the step and the model, and nothing else.
 *
 * Method: the fixtures with experts on two and three emulated devices (WEIR_CUDA_TEST=hardware: as
 * many as this machine has), half of the experts in slots; as the tests of one device do it
 * (engine_cuda_hybrid.h). A few by default; WEIR_CUDA_ALL=1: all that have experts, by layers and
 * by experts, on two and three devices, at 1, 3 and 8 sequences.
 */
#include "tests/unit/engine_cuda_hybrid.h"

#include "engine/cuda/hybrid_int.h"

#include <stdlib.h>

static const struct devices ONE = {1, ENG_SPLIT_LAYERS};
static const struct devices LAYERS2 = {2, ENG_SPLIT_LAYERS}, LAYERS3 = {3, ENG_SPLIT_LAYERS};
static const struct devices EXPERTS2 = {2, ENG_SPLIT_EXPERTS}, EXPERTS3 = {3, ENG_SPLIT_EXPERTS};

static void open_near(struct fixture *f, struct prompt *p, const char *name)
{
    assert_true(fixture_open(f, NEAR_DIR, name));
    prompt_open(p, f, "p1", true);
}

static void close_near(struct fixture *f, struct prompt *p)
{
    free(p->want);
    fixture_close(f);
}

/* ---- whole models ---- */

static void models(void **state)
{
    static const struct devices all[] = {LAYERS2, LAYERS3, EXPERTS2, EXPERTS3};
    char dir[300];
    (void)state;
    if (!getenv("WEIR_CUDA_ALL")) {
        run_fixture(NEAR_DIR, "qwen3moe", LAYERS3);
        run_fixture(NEAR_DIR, "gpt-oss-mxfp4", EXPERTS2);
        return;
    }
    snprintf(dir, sizeof(dir), "%s/models", far_dir());
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
        for (size_t i = 0;
             fixture_wanted(name) && has_experts(dir, name) && i < sizeof(all) / sizeof(all[0]);
             i++)
            run_fixture(dir, name, all[i]);
    }
    closedir(d);
}

/* ---- the same bits ---- */

#define SEQS 8
#define STEPS                                                                                      \
    5 /* scratch grows, it is there, recorded, replayed twice: too few for an exchange             \
       */

static void look(void *ctx, const struct eng_seen *seen)
{
    (void)seen;
    ++*(int *)ctx;
}

/* n sequences read three tokens each at once, then STEPS times one: all their rows. */
static float *rows_of(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                      uint32_t n, size_t *count)
{
    struct eng_cache *c = new_cache(m, n, CONTEXT);
    size_t row = f->n_vocab, at = 0;
    float *out = malloc((3 + STEPS) * n * row * sizeof(float));
    int32_t tokens[3 * SEQS];
    uint32_t seqs[3 * SEQS];
    assert_non_null(out);
    for (uint32_t k = 0; k <= STEPS; k++) {
        uint32_t each = k ? 1 : 3;
        for (uint32_t i = 0; i < n * each; i++) {
            seqs[i] = i / each;
            tokens[i] = p->tokens[(5 * seqs[i] + i % each + 3 * k) % p->n];
        }
        forward(m, c, (struct eng_batch){.n = n * each, .tokens = tokens, .seqs = seqs}, out + at);
        at += n * each * row;
    }
    eng_cache_free(c);
    *count = at;
    return out;
}

/* On these devices in graphs against: the same without graphs, to the bit; one device, to the bit
 * by layers, else as near as sums of another order are. */
static void same(const char *name, struct devices on, uint32_t n)
{
    struct fixture f;
    struct prompt p;
    float *rows[3];
    size_t count[3];
    int seen = 0;
    open_near(&f, &p, name);
    for (int k = 0; k < 3; k++) {
        struct eng_model *m = open_split(&f, k < 2 ? on : ONE, 5, 0);
        if (k == 1) /* which keeps steps out of graphs */
            eng_model_probe(m, look, &seen);
        rows[k] = rows_of(&f, m, &p, n, &count[k]);
        struct eng_hybrid_use use;
        eng_hybrid_get(m, &use);
        assert_int_equal(use.moves, 0);
        assert_true(use.on_device > 0 && use.on_cpu > 0);
        assert_int_equal(use.slots, 5);
        eng_model_free(m);
    }
    assert_int_equal(count[0], count[1]);
    assert_int_equal(count[0], count[2]);
    assert_true(seen > 0);
    assert_memory_equal(rows[0], rows[1], count[0] * sizeof(float));
    double e = nmse(rows[0], rows[2], count[0]);
    if (on.split == ENG_SPLIT_LAYERS)
        assert_memory_equal(rows[0], rows[2], count[0] * sizeof(float));
    else if (!(e < 1e-10))
        fail_msg("%s: nmse %g", name, e);
    for (int k = 0; k < 3; k++)
        free(rows[k]);
    close_near(&f, &p);
}

static void as_on_one_device(void **state)
{
    (void)state;
    same("qwen3moe", LAYERS2, 1);
    same("qwen3moe", LAYERS3, 3);
    same("qwen3moe", EXPERTS3, 8);
    same("gpt-oss-mxfp4", LAYERS2, 8);
    same("gpt-oss-mxfp4", EXPERTS2, 1);
    setenv("WEIR_CUDA_PEERS", "no", 1); /* by way of pinned memory */
    same("qwen3moe", LAYERS2, 3);
    same("qwen3moe", EXPERTS3, 3);
    unsetenv("WEIR_CUDA_PEERS");
}

/* ---- what is where ---- */

/* Slots of each device, experts of all, and every pair counted once. */
static void accounts(void **state)
{
    static const struct devices all[] = {LAYERS2, LAYERS3, EXPERTS2, EXPERTS3};
    struct fixture f;
    struct prompt p;
    (void)state;
    open_near(&f, &p, "qwen3moe");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (uint32_t slots = 1; slots <= 7; slots += 3) {
            struct eng_model *m = open_split(&f, all[i], slots, 0);
            const struct eng_model_info *info = eng_model_get_info(m);
            struct eng_hybrid_use use;
            size_t n;
            free(rows_of(&f, m, &p, 2, &n));
            eng_hybrid_get(m, &use);
            assert_int_equal(use.slots, slots);
            assert_int_equal(use.on_device + use.on_cpu + use.sent,
                             n / f.n_vocab * info->n_expert_used * info->n_layer);
            uint64_t counted = 0, bytes = 0;
            for (uint32_t l = 0; l < info->n_layer; l++) {
                const struct eng_hybrid *h = eng_hybrid_of_layer(m, l);
                uint32_t of_layer = 0;
                for (uint32_t e = 0; e < info->n_expert; e++)
                    counted += eng_model_expert_counts(m, l)[e];
                for (uint32_t s = 0; s < h->n_shares; s++) {
                    of_layer += h->share[s].slots;
                    bytes += h->share[s].slots * h->layers[l].expert_bytes;
                }
                assert_int_equal(of_layer, slots);
                assert_int_equal(h->n_shares, all[i].split == ENG_SPLIT_EXPERTS ? all[i].n : 1);
                assert_int_equal(h->g->place, eng_place_of(m, l));
            }
            assert_int_equal(counted, use.on_device + use.on_cpu);
            uint64_t experts = 0;
            struct eng_model_memory on;
            for (uint32_t d = 0; eng_model_memory_of(m, d, &on); d++) {
                uint64_t sum = 0;
                for (int u = 0; u < ENG_USES; u++)
                    sum += on.by[u];
                assert_int_equal(sum, on.used);
                assert_true(on.used <= on.reserved && on.by[ENG_USE_SCRATCH] > 0);
                /* by experts the first has all but these, and what every layer needs */
                assert_true((on.by[ENG_USE_WEIGHTS] > 50000) ==
                            (d == 0 || all[i].split == ENG_SPLIT_LAYERS));
                assert_true(on.from_host > on.by[ENG_USE_WEIGHTS]);
                experts += on.by[ENG_USE_EXPERTS];
            }
            assert_int_equal(experts, use.slot_bytes);
            assert_true(use.slot_bytes >= bytes && use.slot_bytes < bytes + (64u << 10));
            eng_model_free(m);
        }
    close_near(&f, &p);
}

/* What a step copies is counted on every device and each way, alike whether its launches are asked
 * for one by one, recorded, or replayed. */
static void bytes_of_a_step(void **state)
{
    static const struct devices all[] = {LAYERS2, EXPERTS3};
    struct fixture f;
    struct prompt p;
    (void)state;
    open_near(&f, &p, "qwen3moe");
    float *logits = malloc(f.n_vocab * sizeof(float));
    assert_non_null(logits);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct eng_model *m = open_split(&f, all[i], 12, 0); /* the CPU has no part in it */
        struct eng_cache *c = new_cache(m, 1, CONTEXT);
        struct eng_model_memory last[3] = {0}, now, step[3] = {0};
        for (uint32_t k = 0; k < 6; k++) {
            forward(m, c, (struct eng_batch){.n = 1, .tokens = p.tokens + k}, logits);
            for (uint32_t d = 0; eng_model_memory_of(m, d, &now); d++) {
                struct eng_model_memory was = last[d];
                last[d] = now;
                now.from_host -= was.from_host;
                now.to_host -= was.to_host;
                now.from_devices -= was.from_devices;
                assert_true(k < 2 ||
                            (now.from_host == step[d].from_host && now.to_host == step[d].to_host &&
                             now.from_devices == step[d].from_devices));
                step[d] = now;
            }
        }
        uint64_t row = eng_model_get_info(m)->n_embd * sizeof(float);
        if (all[i].split == ENG_SPLIT_LAYERS)
            assert_int_equal(step[1].from_devices, row); /* the residual stream, once */
        else
            assert_true(step[1].from_devices > 0 && step[2].from_devices > 0 &&
                        step[0].from_devices == 2 * 3 * row); /* sums of two, in three layers */
        assert_true(step[0].from_host > 0 && step[0].to_host > 0);
        eng_cache_free(c);
        eng_model_free(m);
    }
    free(logits);
    close_near(&f, &p);
}

/* What does not fit goes to the CPU by itself: with so little memory that the planner leaves some
 * experts out, also where one device has more than the others. */
static void by_what_fits(void **state)
{
    static const struct devices all[] = {LAYERS2, EXPERTS3};
    static const char *const mib[] = {"512.65", "512.95,512.2"};
    struct fixture f;
    struct prompt p;
    (void)state;
    if (getenv("WEIR_CUDA_TEST"))
        return;
    char *before = getenv("WEIR_EMU_MEMORY_MIB");
    before = before ? strdup(before) : NULL;
    open_near(&f, &p, "qwen3moe");
    struct bounds b = {f.tolerance, 0};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char path[400];
        struct eng_model *m = NULL;
        struct base_err err = {0};
        struct eng_hybrid_use use;
        struct eng_model_opts o = {.device = ENG_DEVICE_EMULATED,
                                   .n_threads = 1,
                                   .activations = ENG_ACTIVATIONS_INT16,
                                   .kv_f32 = true,
                                   .n_gpus = all[i].n,
                                   .split = all[i].split,
                                   .n_seq = 3,
                                   .n_ctx = CONTEXT};
        snprintf(path, sizeof(path), "%s.gguf", f.base);
        setenv("WEIR_EMU_MEMORY_MIB", mib[i], 1);
        if (eng_model_open(path, &o, &m, &err) != BASE_OK)
            fail_msg("%s", err.text);
        together(&f, m, &p, 3, 6, false, &b);
        eng_hybrid_get(m, &use);
        print_message("    %u devices by %s: %u of %u experts of each layer fit\n", all[i].n,
                      all[i].split ? "experts" : "layers", use.slots, use.n_expert);
        assert_int_equal(use.n_expert, 12);
        assert_true(use.slots > 0);
        eng_model_free(m);
    }
    if (before)
        setenv("WEIR_EMU_MEMORY_MIB", before, 1);
    else
        unsetenv("WEIR_EMU_MEMORY_MIB");
    free(before);
    close_near(&f, &p);
}

/* ---- moves ---- */

/* One prompt again and again: its experts come to every device, and what it says stays. */
static void moves_on_every_device(void **state)
{
    static const struct devices all[] = {LAYERS2, EXPERTS2};
    struct fixture f;
    struct prompt p;
    (void)state;
    open_near(&f, &p, "qwen3moe");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct eng_model *m = open_split(&f, all[i], 4, 0);
        struct eng_cache *c = new_cache(m, 1, CONTEXT);
        float *logits = malloc(p.n * f.n_vocab * sizeof(float));
        struct bounds b = {f.tolerance, 0};
        const uint32_t last = eng_model_get_info(m)->n_layer - 1;
        const struct eng_hybrid *h[2] = {eng_hybrid_of_layer(m, 0), eng_hybrid_of_layer(m, last)};
        bool moved = false, apart = all[i].split == ENG_SPLIT_LAYERS;
        assert_non_null(logits);
        assert_true((h[0] != h[1]) == apart);
        for (int k = 0; k < 400 && !moved; k++) {
            uint64_t before[2] = {h[0]->use.moves, h[1]->use.moves};
            (void)eng_cache_truncate(c, 0, 0);
            forward(m, c, (struct eng_batch){.n = 3, .tokens = p.tokens, .pos = p.pos}, logits);
            for (size_t t = 0; t < 3; t++)
                check_row(&f, &p, &b, logits + t * f.n_vocab, t);
            for (int s = 0; s < 2; s++) /* at most one exchange a step and device of layers */
                assert_true(h[s]->use.moves - before[s] <= 1);
            uint32_t there = 0; /* devices whose slots an expert has come to */
            for (uint32_t l = 0; l <= last; l++)
                for (uint32_t s = 0; s < h[l == last]->slots; s++)
                    if (eng_hybrid_of_layer(m, l)->hot.layers[l].expert_in[s] != s)
                        there |= 1u << (apart ? eng_place_of(m, l)
                                              : (uint32_t)(eng_hybrid_share_of((void *)h[0], s) -
                                                           h[0]->share));
            moved = there == 3;
            usleep(1000);
        }
        assert_true(moved);
        free(logits);
        eng_cache_free(c);
        eng_model_free(m);
    }
    close_near(&f, &p);
}

/* Experts of a long slice: by layers to the layer's device alone, by experts to all of them. */
static void sent_to_devices(void **state)
{
    static const struct devices all[] = {LAYERS2, EXPERTS3};
    struct fixture f;
    struct prompt p;
    (void)state;
    open_near(&f, &p, "qwen3moe");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct eng_model *m = open_split(&f, all[i], i ? 0 : 3, 4);
        struct bounds b = {f.tolerance, 0};
        struct eng_hybrid_use use;
        together(&f, m, &p, 1, p.n, false, &b);
        together(&f, m, &p, 1, 6, false, &b); /* then the CPU computes */
        eng_hybrid_get(m, &use);
        assert_true(use.sent > 0 && use.on_cpu > 0 && use.sent_bytes > 0);
        const struct eng_hybrid *h = eng_hybrid_of_layer(m, 0);
        for (uint32_t s = 0; s < h->n_shares; s++)
            assert_non_null(h->share[s].stage);
        eng_model_free(m);
    }
    close_near(&f, &p);
}

/* ---- a device fails ---- */

static void a_device_fails(void **state)
{
    static const struct devices all[] = {LAYERS2, EXPERTS2};
    struct fixture f;
    struct prompt p;
    uint32_t failed = 0;
    (void)state;
    if (getenv("WEIR_CUDA_TEST"))
        return;
    open_near(&f, &p, "qwen3moe");
    float *logits = malloc(8 * f.n_vocab * sizeof(float));
    assert_non_null(logits);
    for (uint32_t at = 7; at < 200; at += 16) {
        char number[16];
        struct base_err err = {0};
        snprintf(number, sizeof(number), "%u", at);
        setenv("WEIR_EMU_FAIL", number, 1);
        struct eng_model *m = open_split(&f, all[at / 16 % 2], 5, at / 32 % 2 ? 4 : 0);
        struct eng_cache *c = new_cache(m, 2, CONTEXT);
        enum base_status st = BASE_OK;
        for (uint32_t i = 0; i < 6 && st == BASE_OK; i++) {
            static const uint32_t seqs[] = {0, 1, 0, 0, 0, 0};
            struct eng_batch b = {.n = i ? 2 : 6, .tokens = p.tokens + 2 * i, .seqs = seqs};
            st = eng_forward(m, c, &b, logits, &err);
        }
        if (st != BASE_OK) {
            struct eng_batch b = {.n = 1, .tokens = p.tokens};
            failed++;
            assert_int_equal(st, BASE_EIO);
            assert_non_null(strstr(err.text, "unspecified launch failure"));
            assert_true(eng_model_lost(m));
            assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EIO);
        }
        eng_cache_free(c);
        eng_model_free(m);
    }
    unsetenv("WEIR_EMU_FAIL");
    assert_true(failed >= 8);
    free(logits);
    close_near(&f, &p);
}

static void wrong_places(void **state)
{
    struct fixture f;
    struct prompt p;
    struct base_err err;
    (void)state;
    open_near(&f, &p, "qwen3moe");
    struct eng_model *m = open_split(&f, EXPERTS3, 4, 0);
    assert_int_equal(eng_hybrid_put(m, 0, 5, 0, &err), BASE_EINVAL); /* no cache yet: no slots */
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    assert_int_equal(eng_hybrid_put(m, 2, 5, 3, &err), BASE_OK);
    assert_int_equal(eng_hybrid_put(m, 2, 5, 0, &err), BASE_EINVAL); /* it has one */
    assert_int_equal(eng_hybrid_put(m, 0, 6, 4, &err), BASE_EINVAL);
    assert_int_equal(eng_hybrid_put(m, 3, 6, 1, &err), BASE_EINVAL);
    eng_cache_free(c);
    eng_model_free(m);
    close_near(&f, &p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_places),    cmocka_unit_test(accounts),
        cmocka_unit_test(bytes_of_a_step), cmocka_unit_test(as_on_one_device),
        cmocka_unit_test(by_what_fits),    cmocka_unit_test(moves_on_every_device),
        cmocka_unit_test(sent_to_devices), cmocka_unit_test(a_device_fails),
        cmocka_unit_test(models),
    };
    setenv("WEIR_EMU_DEVICES", "3", 1);
    cmocka_set_test_filter(getenv("WEIR_TEST_FILTER")); /* NULL: all */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
