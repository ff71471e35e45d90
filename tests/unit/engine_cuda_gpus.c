/* Goal: a model on several devices of one host gives what it gives on one: by layers to the bit (of
 * quantised weights to the rounding of rows where the device changes: there the norm is a launch of
 * its own), by experts to rounding; whatever else is in the batch, in graphs and out of them, where
 * devices reach each other's memory and where they do not. What cannot be is refused in one
 * sentence; a device that fails ends the step and the model, and nothing else.
 *
 * Method: fixtures on the emulated devices (WEIR_EMU_DEVICES=3), over two and three of them. One,
 * three and eight sequences read a prompt, each in a first slice of another length, then a token at
 * a time together, and then what they say next; the same with one device beside it. The emulator
 * ends the program if a kernel touches memory of a device that it does not reach, or if a call is
 * made with another device's context. The kernels of spread.h by themselves against plain C. Two
 * fixtures, at three sequences, by default; WEIR_CUDA_ALL=1: all of them, or those that
 * WEIR_CUDA_MODELS=NAME,NAME names. On hardware
 * (WEIR_CUDA_TEST=hardware) as many devices as there are.
 */
#include "tests/unit/engine_cuda_util.h"
#include "tests/unit/engine_fixture.h"

#include "engine/cuda/spread.h"

#include <dirent.h>

static const char *const FEW[] = {"qwen3moe", "deepseek4"};
static bool whole;    /* all fixtures, and all numbers of sequences */
#define MORE_TOKENS 4 /* that follow the prompt: the third and later steps are graphs */
static double worst_diff, worst_nmse; /* of a fixture */
static size_t n_rows;                 /* that were compared */

static struct eng_model *open_on(const struct fixture *f, uint32_t n_gpus, enum eng_split split,
                                 struct base_err *err)
{
    char path[400];
    struct eng_model *m = NULL;
    struct eng_model_opts opts = {.device =
                                      cuda_on_hardware() ? ENG_DEVICE_CUDA : ENG_DEVICE_EMULATED,
                                  .n_threads = 1,
                                  .activations = ENG_ACTIVATIONS_INT16,
                                  .kv_f32 = true, /* halves would make steps of rounding */
                                  .n_gpus = n_gpus,
                                  .split = split,
                                  .n_seq = 8,
                                  .n_ctx = CONTEXT};
    snprintf(path, sizeof(path), "%s.gguf", f->base);
    if (eng_model_open(path, &opts, &m, err) != BASE_OK)
        return NULL;
    return m;
}

/* All rows that n sequences give: their prompts, first slices of another length each, then a token
 * of each at a time, then the likeliest ones. Returns how many floats. */
static size_t rows_of(const struct fixture *f, struct eng_model *m, const struct prompt *p,
                      uint32_t n, float *out)
{
    struct eng_cache *c = new_cache(m, n, CONTEXT);
    int32_t tokens[CONTEXT];
    uint32_t seqs[CONTEXT], pos[CONTEXT], len[8] = {0};
    size_t k = 0, at = 0, all = whole && p->n > 12 ? 12 : 7, step = f->n_vocab;
    for (uint32_t s = 0; s < n; s++)
        for (; len[s] < (whole ? 4 : 2) + s && len[s] < all; len[s]++, k++) {
            tokens[k] = p->tokens[len[s]];
            seqs[k] = s;
            pos[k] = p->pos[len[s]];
        }
    for (uint32_t more = 0; more <= MORE_TOKENS && k > 0;) {
        struct eng_batch b = {.n = k, .tokens = tokens, .seqs = seqs, .pos = pos};
        forward(m, c, b, out + at);
        const float *last = out + at;
        size_t before = k;
        at += k * step;
        k = 0;
        for (uint32_t s = 0; s < n; s++) /* those that still read */
            if (len[s] < all) {
                tokens[k] = p->tokens[len[s]];
                seqs[k] = s;
                pos[k++] = p->pos[len[s]++];
            }
        if (k)
            continue;
        more++;
        for (uint32_t s = 0; s < n; s++, k++) { /* a row of every sequence in the last step? */
            size_t row = before;
            while (row > 0 && seqs[row - 1] != s)
                row--;
            tokens[k] = row ? (int32_t)arg_max(last + (row - 1) * step, f->n_vocab) : p->tokens[0];
            pos[k] = p->pos[0] + len[s]++;
        }
        for (uint32_t s = 0; s < n; s++)
            seqs[s] = s;
    }
    eng_cache_free(c);
    return at;
}

static bool starts_layers(const char *text)
{
    return strstr(text, "cannot be cut") != NULL;
}

/* One split against one device. */
static void compare(const struct fixture *f, const struct prompt *p, struct eng_model *one,
                    uint32_t n_gpus, enum eng_split split)
{
    static const uint32_t seqs[] = {1, 3, 8};
    struct base_err err = {0};
    struct eng_model *m = open_on(f, n_gpus, split, &err);
    size_t room = (size_t)(8 * 16 + 8 * MORE_TOKENS + 8 * 16) * f->n_vocab;
    float *a = malloc(room * sizeof(float)), *b = malloc(room * sizeof(float));
    assert_non_null(a);
    assert_non_null(b);
    if (!m && split == ENG_SPLIT_LAYERS && starts_layers(err.text)) {
        print_message("%s: %s\n", f->base, err.text);
    } else if (!m) {
        fail_msg("%s: %s", f->base, err.text);
    }
    for (size_t i = 0; m && i < 3; i++) {
        if (!whole && seqs[i] != 3)
            continue;
        size_t n = rows_of(f, one, p, seqs[i], a);
        assert_int_equal(rows_of(f, m, p, seqs[i], b), n);
        assert_true(n <= room);
        double d = max_diff(a, b, n), e = nmse(b, a, n);
        n_rows += n / f->n_vocab;
        worst_diff = d > worst_diff ? d : worst_diff;
        worst_nmse = e > worst_nmse ? e : worst_nmse;
        bool bits = split == ENG_SPLIT_LAYERS && !is_quantised(one);
        if (bits ? memcmp(a, b, n * sizeof(float)) != 0 : !(e <= 1e-11))
            fail_msg("%s on %u devices by %s, %u sequences: off by %g, nmse %g", f->base, n_gpus,
                     split ? "experts" : "layers", seqs[i], d, e);
    }
    eng_model_free(m);
    free(a);
    free(b);
}

static void run_fixture(const char *name)
{
    char dir[240];
    struct fixture f;
    struct prompt p;
    struct base_err err = {0};
    snprintf(dir, sizeof(dir), "%s/models", far_dir());
    if (!fixture_open(&f, dir, name)) {
        printf("skipped: %s/%s (set WEIR_FIXTURES)\n", dir, name);
        return;
    }
    prompt_open(&p, &f, "p1", true);
    worst_diff = worst_nmse = 0;
    n_rows = 0;
    struct eng_model *one = open_on(&f, 1, ENG_SPLIT_LAYERS, &err);
    if (!one)
        fail_msg("%s", err.text);
    bool moe = eng_model_get_info(one)->n_expert > 0;
    for (uint32_t n = 2; n <= 3; n++) {
        compare(&f, &p, one, n, ENG_SPLIT_LAYERS);
        if (moe && (whole || n == 3))
            compare(&f, &p, one, n, ENG_SPLIT_EXPERTS);
    }
    eng_model_free(one);
    setenv("WEIR_CUDA_PEERS", "no", 1); /* by way of pinned memory */
    one = open_on(&f, 1, ENG_SPLIT_LAYERS, &err);
    assert_non_null(one);
    compare(&f, &p, one, 2, ENG_SPLIT_LAYERS);
    if (moe)
        compare(&f, &p, one, 2, ENG_SPLIT_EXPERTS);
    eng_model_free(one);
    unsetenv("WEIR_CUDA_PEERS");
    free(p.want);
    fixture_close(&f);
    print_message("%s: %zu rows, off by %.2g, nmse %.2g\n", name, n_rows, worst_diff, worst_nmse);
    (void)fflush(NULL);
}

static void models(void **state)
{
    char dir[240];
    const char *all = getenv("WEIR_CUDA_ALL");
    (void)state;
    whole = all && *all;
    for (size_t i = 0; !whole && i < sizeof(FEW) / sizeof(FEW[0]); i++)
        run_fixture(FEW[i]);
    if (!whole)
        return;
    snprintf(dir, sizeof(dir), "%s/models", far_dir());
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        char name[100];
        size_t n = strlen(e->d_name);
        if (n <= 5 || n >= sizeof(name) || strcmp(e->d_name + n - 5, ".gguf") != 0)
            continue;
        memcpy(name, e->d_name, n - 5);
        name[n - 5] = 0;
        if (fixture_wanted(name))
            run_fixture(name);
    }
    closedir(d);
}

static void says(const struct fixture *f, uint32_t n_gpus, enum eng_split split, const char *what)
{
    struct base_err err = {0};
    struct eng_model *m = open_on(f, n_gpus, split, &err);
    if (m || !strstr(err.text, what))
        fail_msg("on %u devices: \"%s\" instead of \"%s\"", n_gpus, err.text, what);
}

static void refuses(void **state)
{
    struct fixture f;
    (void)state;
    if (cuda_on_hardware())
        return;
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    says(&f, 2, ENG_SPLIT_EXPERTS, "has no experts to split");
    says(&f, 4, ENG_SPLIT_LAYERS, "this machine has 3 CUDA devices");
    setenv("WEIR_EMU_DEVICES", "16", 1);
    says(&f, 16, ENG_SPLIT_LAYERS, "cannot be cut into 16 parts");
    says(&f, 17, ENG_SPLIT_LAYERS, "at most 16 GPUs");
    setenv("WEIR_EMU_DEVICES", "3", 1);
    fixture_close(&f);
}

/* Whatever launch fails, on whichever device: the step fails, the model is lost, and goes. */
static void a_device_fails(void **state)
{
    struct fixture f;
    char number[16];
    (void)state;
    if (cuda_on_hardware())
        return;
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    float *logits = malloc((size_t)8 * f.n_vocab * sizeof(float));
    assert_non_null(logits);
    uint32_t failed = 0;
    for (uint32_t at = 5; at < 60; at += 6) {
        struct base_err err = {0};
        int32_t tokens[2] = {1, 2};
        snprintf(number, sizeof(number), "%u", at);
        setenv("WEIR_EMU_FAIL", number, 1);
        struct eng_model *m = open_on(&f, 2, ENG_SPLIT_LAYERS, &err);
        assert_non_null(m);
        struct eng_cache *c = new_cache(m, 1, CONTEXT);
        struct eng_batch b = {.n = 2, .tokens = tokens};
        enum base_status st = BASE_OK;
        for (int i = 0; i < 4 && st == BASE_OK; i++)
            st = eng_forward(m, c, &b, logits, &err);
        if (st != BASE_OK) {
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
    fixture_close(&f);
}

/* ---- the kernels of spread.h ---- */

static void kernel_test(void)
{
    enum { N = 7, USED = 3, EXPERTS = 9, EMBD = 300, ROWS = 2 };
    uint32_t ids[N * USED], pair_of[N * USED], first[EXPERTS + 1] = {0}, n_tiles = 0;
    uint32_t tile_expert[64], tile_first[64];
    float weights[N * USED];
    float *y = cuda_floats((size_t)N * USED * EMBD, 1), *other = cuda_floats((size_t)N * EMBD, 1);
    float *got = cuda_floats((size_t)N * EMBD, 0);
    for (uint32_t i = 0; i < N * USED; i++) {
        ids[i] = (i / USED + i % USED * 4) % EXPERTS;
        weights[i] = cuda_rndf();
    }
    uint32_t pair = 0;
    for (uint32_t e = 0; e < EXPERTS; e++) {
        first[e] = pair;
        for (uint32_t i = 0; i < N * USED; i++)
            if (ids[i] == e)
                pair_of[i] = pair++;
    }
    first[EXPERTS] = pair;
    static const uint32_t range[][2] = {{0, 9}, {0, 4}, {4, 5}, {8, 1}};
    struct weir_spread_sum_args a = {.y = cuda_put(y, (size_t)N * USED * EMBD * 4),
                                     .ids = cuda_put(ids, sizeof(ids)),
                                     .pair_of = cuda_put(pair_of, sizeof(pair_of)),
                                     .weights = cuda_put(weights, sizeof(weights)),
                                     .out = cuda_put(NULL, (size_t)N * EMBD * 4),
                                     .others = {cuda_put(other, (size_t)N * EMBD * 4)},
                                     .n = N,
                                     .n_used = USED,
                                     .n_embd = EMBD};
    struct weir_spread_tiles_args t = {.first = cuda_put(first, sizeof(first)),
                                       .tile_expert = cuda_put(NULL, sizeof(tile_expert)),
                                       .tile_first = cuda_put(NULL, sizeof(tile_first)),
                                       .n_tiles = cuda_put(NULL, sizeof(n_tiles)),
                                       .rows = ROWS};
    for (size_t r = 0; r < 4; r++) {
        a.expert0 = t.expert0 = range[r][0];
        a.n_here = t.n_here = range[r][1];
        a.n_others = r % 2;
        eng_cuda_spread_sum(dev, &a);
        cuda_get(got, a.out, (size_t)N * EMBD * 4);
        for (uint32_t i = 0; i < N * EMBD; i++) {
            double sum = 0;
            for (uint32_t k = 0; k < USED; k++) {
                uint32_t slot = i / EMBD * USED + k;
                if (ids[slot] >= a.expert0 && ids[slot] < a.expert0 + a.n_here)
                    sum += (double)weights[slot] * y[pair_of[slot] * EMBD + i % EMBD];
            }
            cuda_near(got[i], (float)(sum + (a.n_others ? other[i] : 0)), 1e-5f, "sum", i);
        }
        eng_cuda_spread_tiles(dev, &t);
        cuda_get(&n_tiles, t.n_tiles, sizeof(n_tiles));
        assert_in_range(n_tiles, 0, 63);
        cuda_get(tile_expert, t.tile_expert, n_tiles * 4 + !n_tiles);
        cuda_get(tile_first, t.tile_first, n_tiles * 4 + !n_tiles);
        uint32_t at = 0;
        for (uint32_t e = 0; e < t.n_here; e++)
            for (uint32_t p = first[t.expert0 + e]; p < first[t.expert0 + e + 1]; p += ROWS, at++) {
                assert_int_equal(tile_expert[at], e);
                assert_int_equal(tile_first[at], p);
            }
        assert_int_equal(n_tiles, at);
    }
    const void *const all[] = {a.y,         a.ids,   a.pair_of,     a.weights,    a.out,
                               a.others[0], t.first, t.tile_expert, t.tile_first, t.n_tiles};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cuda_drop(all[i]);
    free(y);
    free(other);
    free(got);
}

static void kernels(void **state)
{
    (void)state;
    cuda_seeds(5, kernel_test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kernels, cuda_open, cuda_close),
        cmocka_unit_test(models),
        cmocka_unit_test(refuses),
        cmocka_unit_test(a_device_fails),
    };
    setenv("WEIR_EMU_DEVICES", "3", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
