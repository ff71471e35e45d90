/* Goal: whole models through CUDA's table of operators: logits of the reference and the same greedy
 * text, whatever else is in the batch, with keys and values as floats and as halves, with steps
 * recorded as graphs; and where halves change a choice of experts or keys, only between near
 * equals. Method: the fixtures on the emulated device (WEIR_CUDA_TEST=hardware: on this machine's).
 * One, three or eight sequences read the same prompt, each in a first slice of another length, then
 * a token at a time, all together. With halves, rows whose result a choice between near equals can
 * have moved are told from the others by the CPU's scores (engine/cmd/apart.h): those others are
 * held to the bound, and no choice may differ where the CPU's was clear.
 *
 * Three fixtures by default; WEIR_CUDA_ALL=1: all of them, a test each; WEIR_CUDA_SHARD=K/N: every
 * N-th of those from the K-th (0...) on; WEIR_CUDA_MODELS=NAME,NAME: these.
 */
#include "tests/unit/engine_fixture.h"

#include "engine/cmd/apart.h"

#include <dirent.h>
#include <time.h>

static const char *const FEW[][2] = {{"models", "gpt-oss-mxfp4"},
                                     {"quant_models", "q-llama-Q4_K_M"}};

/* How near, in standard deviations of a token's scores, a choice must be for halves to change it:
 * the widest that any fixture's did is 0.0081 (docs/cuda.md). */
#define MARGIN 0.01
#define HALVES 1e-4 /* normalised squared error of a row */

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

/* What a row must be like: exact to rounding, or as halves and rounded activations allow; and what
 * the worst was like. */
struct bounds {
    double max_abs, nmse;
    const bool *held; /* [positions] those to be held to it; NULL: all */
    double worst_abs, worst_nmse;
};

static void check_row(const struct fixture *f, const struct prompt *p, struct bounds *b,
                      const float *got, size_t at, uint32_t seq)
{
    const float *want = p->want + at * f->n_vocab;
    double d = max_diff(got, want, f->n_vocab), e = nmse(got, want, f->n_vocab);
    assert_true(isfinite(d));
    if (b->held && !b->held[at])
        return;
    b->worst_abs = fmax(b->worst_abs, d);
    b->worst_nmse = fmax(b->worst_nmse, e);
    if (!(b->max_abs > 0 ? d <= b->max_abs : e <= b->nmse))
        fail_msg("%s, sequence %u, position %zu: off by %g, nmse %g", f->base, seq, at, d, e);
}

/* n sequences: a first slice of 4 + s tokens of each, mixed; then one token of each at a time. */
static void together(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                     uint32_t n, struct bounds *b)
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

/* The reference's greedy continuation of p1, wherever its margins allow. */
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
        bool near = json_number_value(json_array_get(margins, i)) < 2 * tolerance;
        int32_t want = (int32_t)json_integer_value(json_array_get(text, i));
        if (!near && next != want)
            fail_msg("%s: token %zu of the greedy text is %d", f->base, i, next);
        compared += !near;
        next = want; /* where two are nearly equal the text goes on as the reference's */
        forward(m, c, (struct eng_batch){.n = 1, .tokens = &next}, logits);
        next = (int32_t)arg_max(logits, f->n_vocab);
    }
    assert_true(json_array_size(text) == 0 || compared > 0 || tolerance > 0.1);
    free(logits);
    eng_cache_free(c);
}

/* ---- near choices ---- */

struct nears {
    uint32_t n_layer;
    uint32_t own[CONTEXT]; /* the layer of a row's first near choice */
};

static void see_gaps(void *ctx, const struct eng_seen *s)
{
    struct nears *n = ctx;
    for (uint32_t t = 0; t < s->n; t++) {
        double gap = fmin(s->expert_gap ? (double)s->expert_gap[t] : INFINITY,
                          s->key_gap ? (double)s->key_gap[t] : INFINITY);
        uint32_t *own = &n->own[s->row0 + t];
        if (gap < MARGIN && s->layer < *own)
            *own = s->layer;
    }
}

/* Which rows' logits no near choice can have moved, by the CPU's scores; returns how many. */
static uint32_t clear_rows(const struct fixture *f, struct eng_model *cpu, const struct prompt *p,
                           bool *held)
{
    struct nears n = {.n_layer = eng_model_get_info(cpu)->n_layer};
    struct eng_cache *c = new_cache(cpu, 1, CONTEXT);
    float *logits = malloc(p->n * f->n_vocab * sizeof(float));
    uint32_t before = n.n_layer, clear = 0;
    assert_non_null(logits);
    for (size_t t = 0; t < p->n; t++)
        n.own[t] = n.n_layer;
    eng_model_probe(cpu, see_gaps, &n);
    forward(cpu, c, (struct eng_batch){.n = p->n, .tokens = p->tokens, .pos = p->pos}, logits);
    eng_model_probe(cpu, NULL, NULL);
    for (size_t t = 0; t < p->n; t++) {
        held[t] = n.own[t] == n.n_layer && before >= n.n_layer - 1;
        clear += held[t];
        before = n.own[t] < before ? n.own[t] : before;
    }
    free(logits);
    eng_cache_free(c);
    return clear;
}

/* The CPU and the device with halves side by side, over both prompts: what no near choice has moved
 * is within the bound, and no clear choice fell the other way. */
static void side_by_side(const struct fixture *f, struct eng_model *cpu, struct eng_model *m)
{
    static const char *const keys[] = {"p1", "p2"};
    struct eng_apart d = {.a = cpu, .b = m, .margin = MARGIN};
    struct base_err err = {0};
    uint64_t wrong = 0, differ = 0, near = 0, keys_near = 0;
    double widest = 0;
    d.ca = new_cache(cpu, 1, CONTEXT);
    d.cb = new_cache(m, 1, CONTEXT);
    assert_int_equal(eng_apart_open(&d, &err), BASE_OK);
    for (int i = 0; i < 2; i++) {
        struct prompt p;
        prompt_open(&p, f, keys[i], true);
        if (eng_apart_run(&d, p.tokens, p.n, p.pos[0], &err) != BASE_OK)
            fail_msg("%s: %s", f->base, err.text);
        free(p.want);
    }
    for (uint32_t l = 0; l < d.n_layer; l++) {
        wrong += d.layers[l].wrong_experts;
        differ += d.layers[l].experts_differ;
        near += d.layers[l].near_experts;
        keys_near += d.layers[l].near_keys;
        widest = fmax(widest, d.layers[l].widest);
        if (d.layers[l].wrong_experts)
            print_error("%s, layer %u: other experts at a gap of %g\n", f->base, l,
                        d.layers[l].narrowest);
    }
    print_message("    halves beside the CPU: %llu of %llu rows held, nmse %.1e; %llu choices of "
                  "experts differ, %llu of them first, at %.1e or nearer; %llu near choices of "
                  "keys\n",
                  (unsigned long long)d.logits.held, (unsigned long long)d.logits.rows,
                  eng_deviation_nmse(&d.logits), (unsigned long long)differ,
                  (unsigned long long)near, widest, (unsigned long long)keys_near);
    assert_int_equal(wrong, 0);
    assert_true(d.logits.held > 0 && eng_deviation_nmse(&d.logits) <= HALVES);
    eng_apart_release(&d);
    eng_cache_free(d.ca);
    eng_cache_free(d.cb);
}

static void halves(const struct fixture *f, const struct prompt *p, bool all)
{
    static const uint32_t seqs[] = {1, 3, 8};
    bool held[CONTEXT];
    struct eng_model *cpu = open_model(f, ENG_DEVICE_CPU, 1, ENG_ACTIVATIONS_INT16),
                     *m = open_here(f, false);
    uint32_t clear = clear_rows(f, cpu, p, held);
    struct bounds b = {.nmse = HALVES, .held = held};
    for (size_t i = 0; i < 3 && all; i++)
        together(f, m, p, seqs[i], &b);
    greedy(f, m, p, 0.15);
    if (all) {
        print_message("    halves: %u of %zu rows are behind clear choices alone, their nmse %.1e "
                      "at most\n",
                      clear, p->n, b.worst_nmse);
        side_by_side(f, cpu, m);
    }
    eng_model_free(m);
    eng_model_free(cpu);
}

/* ---- the fixtures ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run_fixture(const char *dir, const char *name, bool all)
{
    static const uint32_t seqs[] = {1, 3, 8};
    struct fixture f;
    struct prompt p;
    double from = seconds();
    assert_true(fixture_open(&f, dir, name));
    prompt_open(&p, &f, "p1", true);
    struct eng_model *m = open_here(&f, true);
    /* rounded activations meet quantised weights: exact to some 1e-8, not to the float tolerance */
    bool quantised = is_quantised(m);
    struct bounds b = {.max_abs = quantised ? 0 : f.tolerance, .nmse = 1e-6};
    for (size_t i = 0; i < 3; i++)
        if (all || seqs[i] == 3)
            together(&f, m, &p, seqs[i], &b);
    greedy(&f, m, &p, f.tolerance);
    eng_model_free(m);
    print_message("%s: floats: off by %.1e at most (%.1e allowed), nmse %.1e\n", name, b.worst_abs,
                  quantised ? INFINITY : f.tolerance, b.worst_nmse);
    halves(&f, &p, all);
    free(p.want);
    fixture_close(&f);
    if (all)
        print_message("    %.0f s\n", seconds() - from);
    (void)fflush(NULL);
}

/* ---- which ---- */

#define MODELS_MAX 100
struct which {
    char dir[240], name[100];
};
static struct which list[MODELS_MAX];
static size_t n_list;

static void all_of(void **state)
{
    const struct which *w = *state;
    run_fixture(w->dir, w->name, true);
}

static void few(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(FEW) / sizeof(FEW[0]); i++) {
        char dir[240];
        struct fixture f;
        snprintf(dir, sizeof(dir), "%s/%s", far_dir(), FEW[i][0]);
        if (!fixture_open(&f, dir, FEW[i][1])) {
            printf("skipped: %s/%s (set WEIR_FIXTURES)\n", dir, FEW[i][1]);
            continue;
        }
        fixture_close(&f);
        run_fixture(dir, FEW[i][1], false);
    }
    run_fixture(NEAR_DIR, "llama", false);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct which *)a)->name, ((const struct which *)b)->name);
}

static bool find_all(const char *sub)
{
    char dir[240];
    snprintf(dir, sizeof(dir), "%s/%s", far_dir(), sub);
    DIR *d = opendir(dir);
    if (!d) {
        fprintf(stderr, "%s cannot be read: set WEIR_FIXTURES\n", dir);
        return false;
    }
    for (const struct dirent *e; (e = readdir(d)) && n_list < MODELS_MAX;) {
        size_t n = strlen(e->d_name);
        if (n > 5 && n < sizeof(list[0].name) && !strcmp(e->d_name + n - 5, ".gguf")) {
            struct which *w = &list[n_list++];
            snprintf(w->dir, sizeof(w->dir), "%s", dir);
            memcpy(w->name, e->d_name, n - 5);
            w->name[n - 5] = 0;
        }
    }
    closedir(d);
    return true;
}

/* Whether name is one of WEIR_CUDA_MODELS; without it, whether it is the shard's. */
static bool wanted(const char *name, size_t i, unsigned k, unsigned n)
{
    return getenv("WEIR_CUDA_MODELS") ? fixture_wanted(name) : i % n == k;
}

static int run_list(void)
{
    static struct CMUnitTest tests[MODELS_MAX];
    const char *shard = getenv("WEIR_CUDA_SHARD");
    unsigned k = 0, n = 1;
    size_t n_tests = 0;
    if (shard && (sscanf(shard, "%u/%u", &k, &n) != 2 || k >= n)) {
        fprintf(stderr, "WEIR_CUDA_SHARD is K/N, K from 0 to N - 1\n");
        return 2;
    }
    if (!find_all("models") || !find_all("quant_models"))
        return 2;
    qsort(list, n_list, sizeof(list[0]), by_name);
    for (size_t i = 0; i < n_list; i++)
        if (wanted(list[i].name, i, k, n))
            tests[n_tests++] = (struct CMUnitTest){
                .name = list[i].name, .test_func = all_of, .initial_state = &list[i]};
    if (!n_tests) {
        fprintf(stderr, "no fixture is wanted\n");
        return 2;
    }
    return _cmocka_run_group_tests("fixtures", tests, n_tests, NULL, NULL);
}

/* A prompt of 90 tokens, in slices of so many, then five tokens one by one: all logits. */
static float *in_slices(struct eng_model *m, uint32_t slice)
{
    enum { PROMPT = 90, ALL = 95 };
    size_t v = eng_model_get_info(m)->n_vocab;
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    float *out = malloc(ALL * v * sizeof(float));
    int32_t tokens[ALL];
    assert_non_null(out);
    for (int i = 0; i < ALL; i++)
        tokens[i] = 3 + i * 29 % 150;
    for (uint32_t at = 0, n; at < ALL; at += n) {
        n = at >= PROMPT ? 1 : PROMPT - at < slice ? PROMPT - at : slice;
        forward(m, c, (struct eng_batch){.n = n, .tokens = tokens + at}, out + at * v);
    }
    eng_cache_free(c);
    return out;
}

/* Gated DeltaNet in chunks (slices of 16 tokens and more), cut anywhere, and token by token. */
static void recurrent_prompts(void **state)
{
    (void)state;
    char dir[200];
    struct fixture f;
    snprintf(dir, sizeof(dir), "%s/models", far_dir());
    if (!fixture_open(&f, dir, "qwen3next")) {
        printf("skipped: %s/qwen3next (set WEIR_FIXTURES)\n", dir);
        return;
    }
    size_t n = (size_t)95 * f.n_vocab;
    struct eng_model *cpu = open_model(&f, ENG_DEVICE_CPU, 1, ENG_ACTIVATIONS_INT16);
    struct eng_model *m = open_here(&f, true);
    float *want = in_slices(cpu, 90);
    static const uint32_t slices[] = {90, 41, 5};
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
        float *got = in_slices(m, slices[i]);
        double d = max_diff(got, want, n), e = nmse(got, want, n);
        if (!(d <= f.tolerance && e <= 1e-8))
            fail_msg("slices of %u: off by %g, nmse %g", slices[i], d, e);
        free(got);
    }
    free(want);
    eng_model_free(cpu);
    eng_model_free(m);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few),
        cmocka_unit_test(recurrent_prompts),
    };
    if (getenv("WEIR_CUDA_ALL") || getenv("WEIR_CUDA_MODELS"))
        return run_list();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
