/* Goal: experts on both sides while things move. A decode step that is a row of graphs gives the
 * same bits as one that is not, with a fraction of the driver's calls; experts that are sent for a
 * long slice never overwrite what is still read, and nothing is sent twice; experts follow a use
 * that changes, at most one a step, and no step waits for that; a model can be closed, and a device
 * can fail, whatever is under way.
 *
 * Method: the small mixtures of tests/vectors on the emulated device (its streams run late and
 * interleaved at random) with several seeds; logits against the reference, or against the same
 * model with a probe, which keeps steps out of graphs. The device's own counts tell what a step
 * asked for.
 */
#include "tests/unit/engine_fixture.h"

#include "engine/cuda/hybrid.h"
#include "engine/sample/sampler.h"

#include <unistd.h>

static const char *const SEEDS[] = {"1", "2"};

static bool hardware(void)
{
    const char *z = getenv("WEIR_CUDA_TEST");
    return z && !strcmp(z, "hardware");
}

static struct eng_model *open_split(const struct fixture *f, uint32_t slots, uint32_t send_from)
{
    char path[400];
    struct eng_model *m;
    struct base_err err = {0};
    struct eng_model_opts opts = {.device = hardware() ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED,
                                  .n_threads = 2,
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

static void seed(const char *z)
{
    assert_int_equal(setenv("WEIR_EMU_SEED", z, 1), 0);
}

/* ---- graphs ---- */

#define SEQS  8
#define STEPS 4 /* scratch grows, it is there, recorded, replayed: too few for an exchange */

static void look(void *ctx, const struct eng_seen *seen)
{
    (void)seen;
    ++*(int *)ctx;
}

struct outcome {
    float *logits;   /* of all steps */
    int32_t *tokens; /* drawn on the device in the steps behind those */
    struct eng_cuda_calls a_step;
};

/* STEPS steps of n sequences: logits come back, or tokens that were picked. */
static void steps(struct eng_model *m, const struct prompt *p, uint32_t n, bool pick,
                  struct outcome *o)
{
    struct eng_sampling how = {
        .temperature = 0.9f, .top_k = 12, .top_p = 0.9f, .repeat = 1.1f, .seeded = true};
    struct eng_cache *c = new_cache(m, n, CONTEXT);
    size_t row = eng_model_get_info(m)->n_vocab;
    struct eng_sampler *who[SEQS];
    struct eng_cuda_calls before = {0};
    int32_t t[SEQS];
    uint32_t s[SEQS];
    o->logits = calloc(STEPS * n * row, sizeof(float));
    o->tokens = calloc((size_t)STEPS * n, sizeof(*o->tokens));
    assert_true(o->logits && o->tokens);
    for (uint32_t i = 0; i < n; i++) {
        s[i] = i;
        how.seed = 40 + i;
        t[i] = p->tokens[(size_t)i * 3 % p->n];
        assert_non_null(who[i] = eng_sampler_new(&how, (uint32_t)row));
    }
    for (uint32_t k = 0; k < STEPS; k++) {
        struct eng_batch b = {.n = n, .tokens = t, .seqs = s};
        b.who = pick ? who : NULL;
        b.picked = pick ? o->tokens + (size_t)k * n : NULL;
        eng_hybrid_calls(m, &before);
        forward(m, c, b, o->logits + k * n * row);
        eng_hybrid_calls(m, &o->a_step);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(!pick || b.picked[i] >= 0);
            t[i] = pick ? b.picked[i] : p->tokens[(i * 3 + k + 1) % p->n];
        }
    }
    o->a_step.launches -= before.launches;
    o->a_step.copies -= before.copies;
    o->a_step.graphs -= before.graphs;
    o->a_step.waits -= before.waits;
    for (uint32_t i = 0; i < n; i++)
        eng_sampler_free(who[i]);
    eng_cache_free(c);
}

static void same_bits(const char *name, uint32_t n, bool pick)
{
    struct fixture f;
    struct prompt p;
    struct outcome o[2];
    uint32_t layers = 0;
    int seen = 0;
    assert_true(fixture_open(&f, NEAR_DIR, name));
    prompt_open(&p, &f, "p1", true);
    for (int k = 0; k < 2; k++) {
        struct eng_model *m = open_split(&f, 2, 0);
        layers = eng_model_get_info(m)->n_layer;
        if (k == 0)
            eng_model_probe(m, look, &seen);
        steps(m, &p, n, pick, &o[k]);
        eng_model_free(m);
    }
    assert_memory_equal(o[0].tokens, o[1].tokens, STEPS * (size_t)n * sizeof(int32_t));
    assert_memory_equal(o[0].logits, o[1].logits, STEPS * (size_t)n * f.n_vocab * sizeof(float));
    assert_true(seen > 0);
    assert_int_equal(o[0].a_step.graphs, 0);
    assert_int_equal(o[1].a_step.launches, pick ? 1 : 0);
    /* a layer: two graphs, a wait, what the CPU made; beside them the block, tables, the end */
    assert_int_equal(o[1].a_step.graphs, 2 * layers + 1);
    assert_true(o[1].a_step.waits <= layers + 2);
    assert_true(o[1].a_step.copies <= layers + 5);
    print_message("    %s, %u layers, %u sequences%s: %llu launches, %llu copies, %llu waits a "
                  "step; as graphs %llu graphs, %llu launches, %llu copies, %llu waits\n",
                  name, layers, n, pick ? ", picked" : "", (unsigned long long)o[0].a_step.launches,
                  (unsigned long long)o[0].a_step.copies - 2ull * layers, /* the probe's */
                  (unsigned long long)o[0].a_step.waits - 2ull * layers,
                  (unsigned long long)o[1].a_step.graphs, (unsigned long long)o[1].a_step.launches,
                  (unsigned long long)o[1].a_step.copies, (unsigned long long)o[1].a_step.waits);
    for (int k = 0; k < 2; k++) {
        free(o[k].logits);
        free(o[k].tokens);
    }
    free(p.want);
    fixture_close(&f);
}

static void graphs_give_the_same_bits(void **state)
{
    (void)state;
    seed("1");
    same_bits("qwen3moe", 1, false);
    same_bits("qwen3moe", 3, true);
    same_bits("qwen3moe", 8, false);
    same_bits("gpt-oss-mxfp4", 3, false);
}

/* ---- long slices ---- */

/* Bytes of routed experts in the file, of one layer and expert. */
static uint64_t expert_bytes(const struct eng_model *m)
{
    const struct eng_gguf *g = eng_model_gguf(m);
    const struct eng_model_info *info = eng_model_get_info(m);
    uint64_t n = 0;
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const struct eng_tensor *t = eng_gguf_tensor_at(g, i);
        if (base_str_find(t->name, BASE_STR("_exps.weight"), 0) != SIZE_MAX)
            n += t->nbytes;
    }
    return n / info->n_layer / info->n_expert;
}

static void sent_experts(void **state)
{
    static const char *const names[] = {"qwen3moe", "gpt-oss-mxfp4"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t k = 0; k < (i ? 1 : sizeof(SEEDS) / sizeof(SEEDS[0])); k++) {
            struct fixture f;
            struct prompt p;
            struct eng_hybrid_use use;
            seed(SEEDS[k]);
            assert_true(fixture_open(&f, NEAR_DIR, names[i]));
            prompt_open(&p, &f, "p1", true);
            p.n = p.n > 12 ? 12 : p.n;
            struct eng_model *m = open_split(&f, 0, 4);
            struct eng_cache *c = new_cache(m, 1, CONTEXT);
            float *logits = malloc(p.n * f.n_vocab * sizeof(float));
            assert_non_null(logits);
            forward(m, c, (struct eng_batch){.n = p.n, .tokens = p.tokens, .pos = p.pos}, logits);
            /* files of floats within their tolerance; of blocks, activations are rounded too */
            double e = nmse(logits, p.want, p.n * f.n_vocab);
            if (!(e < 1e-6))
                fail_msg("%s, seed %s: nmse %g", names[i], SEEDS[k], e);
            eng_hybrid_get(m, &use);
            assert_true(use.sent > 0 && use.on_cpu == 0 && use.on_device == 0);
            uint64_t met = 0;
            const struct eng_model_info *info = eng_model_get_info(m);
            for (uint32_t l = 0; l < info->n_layer; l++)
                for (uint32_t x = 0; x < info->n_expert; x++)
                    met += eng_model_expert_counts(m, l)[x] != 0;
            double ratio = (double)use.sent_bytes / (double)(met * expert_bytes(m));
            if (k == 0)
                print_message("    %s: %llu experts met, %llu bytes sent: %.3f of what they are in "
                              "the file\n",
                              names[i], (unsigned long long)met, (unsigned long long)use.sent_bytes,
                              ratio);
            assert_true(ratio >= 0.99 && ratio < 1.3); /* tiny rows are padded */
            free(logits);
            eng_cache_free(c);
            eng_model_free(m);
            free(p.want);
            fixture_close(&f);
        }
}

/* ---- moves ---- */

struct phase {
    double first, last; /* share of choices on the device, in the first and the last steps */
    uint64_t moves, waits_least, waits_most;
};

/* `n` steps of these three tokens; what was met where. */
static void use_experts(struct eng_model *m, struct eng_cache *c, int32_t token, uint32_t n,
                        float *logits, struct phase *out)
{
    struct eng_hybrid_use a, b, start, now;
    struct eng_cuda_calls before, after;
    size_t row = eng_model_get_info(m)->n_vocab;
    float *at_first = malloc(row * sizeof(float));
    assert_non_null(at_first);
    *out = (struct phase){.waits_least = UINT64_MAX};
    eng_hybrid_get(m, &start);
    a = start;
    for (uint32_t i = 0; i < n; i++) {
        (void)eng_cache_truncate(c, 0, 0);
        eng_hybrid_get(m, &now);
        eng_hybrid_calls(m, &before);
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &token}, logits);
        eng_hybrid_calls(m, &after);
        eng_hybrid_get(m, &b);
        assert_true(b.moves - now.moves <= 1); /* at most one exchange a step */
        if (i == 0)
            memcpy(at_first, logits, row * sizeof(float));
        assert_true(nmse(logits, at_first, row) < 1e-8); /* wherever its experts are by now */
        uint64_t waits = after.waits - before.waits;
        if (i < 4) /* scratch and graphs come to be */
            continue;
        out->waits_least = waits < out->waits_least ? waits : out->waits_least;
        out->waits_most = waits > out->waits_most ? waits : out->waits_most;
        usleep(500);
        if (i == 4)
            out->first = (double)(b.on_device - start.on_device) /
                         (double)(b.on_device - start.on_device + b.on_cpu - start.on_cpu);
        if (i + 6 == n)
            a = b;
    }
    out->last = (double)(b.on_device - a.on_device) /
                (double)(b.on_device - a.on_device + b.on_cpu - a.on_cpu);
    out->moves = b.moves - start.moves;
    free(at_first);
}

/* What is hot changes: the experts on the device follow, and no step waits for them. */
static void experts_follow_their_use(void **state)
{
    static const int32_t tokens[2] = {17, 60};
    (void)state;
    struct fixture f;
    struct phase ph[2];
    seed("1");
    assert_true(fixture_open(&f, NEAR_DIR, "gpt-oss-mxfp4"));
    struct eng_model *m = open_split(&f, 5, 0);
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    float *logits = malloc(f.n_vocab * sizeof(float));
    assert_non_null(logits);
    for (int i = 0; i < 2; i++) {
        use_experts(m, c, tokens[i], 36, logits, &ph[i]);
        print_message("    phase %d: %.2f of choices on the device at first, %.2f at last, %llu "
                      "moves, %llu to %llu waits a step\n",
                      i, ph[i].first, ph[i].last, (unsigned long long)ph[i].moves,
                      (unsigned long long)ph[i].waits_least, (unsigned long long)ph[i].waits_most);
        assert_true(ph[i].moves > 0 && ph[i].last > ph[i].first + 0.1);
        assert_true(ph[i].waits_least == ph[i].waits_most);
    }
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
    fixture_close(&f);
}

/* Closed after so many steps: moves are then in each of their phases. */
static void closed_while_experts_move(void **state)
{
    static const int32_t token = 60;
    (void)state;
    struct fixture f;
    assert_true(fixture_open(&f, NEAR_DIR, "gpt-oss-mxfp4"));
    for (uint32_t n = 12; n < 17; n += 2) {
        seed(SEEDS[n % 2]);
        struct eng_model *m = open_split(&f, 3, 0);
        struct eng_cache *c = new_cache(m, 1, CONTEXT);
        float *logits = malloc(f.n_vocab * sizeof(float));
        assert_non_null(logits);
        for (uint32_t i = 0; i < n; i++) {
            (void)eng_cache_truncate(c, 0, 0);
            forward(m, c, (struct eng_batch){.n = 1, .tokens = &token}, logits);
        }
        free(logits);
        eng_cache_free(c);
        eng_model_free(m);
    }
    fixture_close(&f);
}

/* A launch that fails ends the step with a sentence, and the model can be closed. */
static void a_device_that_fails(void **state)
{
    static const char *const at[] = {"40", "60"};
    (void)state;
    if (hardware())
        return;
    struct fixture f;
    assert_true(fixture_open(&f, NEAR_DIR, "gpt-oss-mxfp4"));
    seed("1");
    for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
        static const int32_t token = 60;
        struct base_err err = {0};
        assert_int_equal(setenv("WEIR_EMU_FAIL", at[k], 1), 0);
        struct eng_model *m = open_split(&f, 3, 0);
        struct eng_cache *c = new_cache(m, 1, CONTEXT);
        float *logits = malloc(f.n_vocab * sizeof(float));
        assert_non_null(logits);
        enum base_status st = BASE_OK;
        for (uint32_t i = 0; i < 100 && st == BASE_OK; i++) {
            (void)eng_cache_truncate(c, 0, 0);
            struct eng_batch b = {.n = 1, .tokens = &token};
            st = eng_forward(m, c, &b, logits, &err);
        }
        assert_int_equal(st, BASE_EIO);
        assert_non_null(strstr(err.text, "CUDA error 719"));
        assert_true(eng_model_lost(m));
        free(logits);
        eng_cache_free(c);
        eng_model_free(m);
    }
    assert_int_equal(unsetenv("WEIR_EMU_FAIL"), 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent_experts),
        cmocka_unit_test(graphs_give_the_same_bits),
        cmocka_unit_test(experts_follow_their_use),
        cmocka_unit_test(closed_while_experts_move),
        cmocka_unit_test(a_device_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
