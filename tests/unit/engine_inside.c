/* Goal: what Weir tells of a model's inside is what happened there.
 *
 * Method: the experts' counters against the experts that llama.cpp chose for the same prompt
 * (NAME.json in tests/vectors/models and, where it is at hand, the full set), their sums and the
 * imbalance against hand-made counts; `weir model info --experts` and `weir model diff` as their
 * users call them, standard output read back: equal files do not part, a weight spoilt in the
 * second of three layers shows there and not before, a dense file beside it is refused; with a
 * margin, tokens behind choices that differ by less are left out and those by more are told.
 */
#include "engine/cmd/cmd_experts.h"
#include "engine/cmd/commands.h"
#include "engine/cpu/ops.h"
#include "engine/model/gguf.h"
#include "engine/model/model.h"

#include "base/file.h"
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define DIR   "tests/vectors/models/"
#define MOE   DIR "qwen3moe.gguf"
#define DENSE DIR "llama.gguf"

static void imbalance(void **state)
{
    (void)state;
    assert_true(eng_expert_imbalance((const uint64_t[]){0, 0, 0, 0}, 4) == 0);
    assert_true(eng_expert_imbalance((const uint64_t[]){5, 5, 5, 5}, 4) == 1);
    assert_true(eng_expert_imbalance((const uint64_t[]){0, 8, 0, 0}, 4) == 4);
    assert_true(eng_expert_imbalance((const uint64_t[]){3, 1, 2, 0}, 4) == 2);
    assert_true(eng_expert_imbalance((const uint64_t[]){UINT64_MAX / 4, 0}, 2) == 2);
}

/* Runs prompt p1 of a fixture and holds every layer's counters to the fixture's choices. */
static void counters_of(const char *dir, const char *name, enum eng_device device)
{
    char path[400];
    struct base_err err = {0};
    struct eng_model *m;
    struct eng_cache *c;
    snprintf(path, sizeof(path), "%s/%s.json", dir, name);
    json_t *f = json_load_file(path, 0, NULL);
    if (!f && strcmp(dir, DIR) != 0)
        return; /* the full set of fixtures is not here */
    json_t *tokens = json_object_get(json_object_get(f, "p1"), "tokens");
    json_t *layers = json_object_get(f, "p1_experts_by_layer");
    size_t n = json_array_size(tokens), n_checked = 0;
    assert_true(n > 0 && n <= 64 && json_object_size(layers) > 0);
    int32_t ids[64];
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
    snprintf(path, sizeof(path), "%s/%s.gguf", dir, name);
    struct eng_model_opts opts = {
        .device = device, .n_threads = 2, .activations = ENG_ACTIVATIONS_INT16};
    enum base_status st = eng_model_open(path, &opts, &m, &err);
    if (st != BASE_OK)
        fail_msg("%s", err.text);
    const struct eng_model_info *info = eng_model_get_info(m);
    float *logits = malloc(n * info->n_vocab * sizeof(float));
    assert_non_null(logits);
    assert_int_equal(eng_cache_new(m, 1, 64, &c, &err), BASE_OK);
    for (int round = 1; round <= 2; round++) { /* in two pieces; the counters add up */
        eng_cache_truncate(c, 0, 0);
        struct eng_batch a = {.n = 5, .tokens = ids}, b = {.n = n - 5, .tokens = ids + 5};
        assert_int_equal(eng_forward(m, c, &a, logits, &err), BASE_OK);
        assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_OK);
        for (uint32_t l = 0; l < info->n_layer; l++) {
            char key[16];
            snprintf(key, sizeof(key), "%u", l);
            json_t *chosen = json_object_get(layers, key), *token, *expert;
            const uint64_t *got = eng_model_expert_counts(m, l);
            uint64_t want[128] = {0};
            size_t t, k;
            assert_true((chosen != NULL) == (got != NULL));
            json_array_foreach(chosen, t, token) json_array_foreach(token, k, expert)
                want[json_integer_value(expert)]++;
            for (uint32_t e = 0; got && e < info->n_expert; e++)
                assert_int_equal(got[e], want[e] * (uint64_t)round);
            n_checked += got != NULL;
        }
    }
    assert_true(n_checked > 0);
    assert_null(eng_model_expert_counts(m, info->n_layer));
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
    json_decref(f);
}

static void counters(void **state)
{
    (void)state;
    static const char *const far[] = {"deepseek2-kimi-k2",
                                      "deepseek2-v3",
                                      "deepseek2-lite-nolora",
                                      "deepseek32",
                                      "deepseek4",
                                      "gemma4-moe",
                                      "glm-dsa",
                                      "glm4moe-air",
                                      "granitemoe",
                                      "llama4-scout",
                                      "llama4-maverick",
                                      "mistral4",
                                      "olmoe",
                                      "qwen2moe",
                                      "qwen35moe",
                                      "qwen3next"};
    char dir[300];
    const char *env = getenv("WEIR_FIXTURES");
    snprintf(dir, sizeof(dir), "%s/models", env ? env : "../shared/fixtures");
    counters_of(DIR, "qwen3moe", ENG_DEVICE_REF);
    counters_of(DIR, "qwen3moe", ENG_DEVICE_CPU);
    counters_of(DIR, "llama-moe", ENG_DEVICE_CPU);
    counters_of(DIR, "gpt-oss-mxfp4", ENG_DEVICE_CPU);
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        counters_of(dir, far[i], ENG_DEVICE_CPU);
}

/* ---- the commands ---- */

/* Runs a verb with standard output in a file; *text is the caller's. */
static int run(int (*verb)(int, char **), const char *line, char **text)
{
    char copy[1000], *argv[32], out[] = "/tmp/weir-inside-XXXXXX";
    int argc = 0, fd = mkstemp(out), old = dup(STDOUT_FILENO);
    struct base_buf b;
    struct base_err err;
    assert_true(fd >= 0 && old >= 0);
    snprintf(copy, sizeof(copy), "%s", line);
    struct base_str rest = base_str_c(copy);
    while (rest.p && argc < 31) {
        struct base_str word = base_str_cut(&rest, ' ');
        ((char *)(uintptr_t)word.p)[word.n] = 0;
        argv[argc++] = (char *)(uintptr_t)word.p;
    }
    argv[argc] = NULL;
    fflush(stdout);
    assert_true(dup2(fd, STDOUT_FILENO) >= 0);
    int rc = verb(argc, argv);
    fflush(stdout);
    assert_true(dup2(old, STDOUT_FILENO) >= 0);
    base_buf_init(&b, 4u << 20);
    assert_int_equal(base_file_read(out, &b, &err), BASE_OK);
    unlink(out);
    close(fd);
    close(old);
    *text = strndup(b.p ? b.p : "", b.n);
    base_buf_release(&b);
    return rc;
}

static json_t *run_json(int (*verb)(int, char **), const char *line, int want)
{
    char *text;
    int rc = run(verb, line, &text);
    if (rc != want)
        fail_msg("\"%s\" ended with %d: %s", line, rc, text);
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!o)
        fail_msg("\"%s\" printed no JSON: %s", line, text);
    free(text);
    return o;
}

static void refused(int (*verb)(int, char **), const char *line)
{
    char *text;
    assert_int_equal(run(verb, line, &text), 2);
    assert_string_equal(text, ""); /* what is wrong goes to standard error */
    free(text);
}

static void info_experts(void **state)
{
    (void)state;
    json_t *o = run_json(eng_cmd_info, "info " MOE " --experts --tokens 1,2,3 --tokens 4", 0);
    assert_int_equal(json_integer_value(json_object_get(o, "prompts")), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "tokens")), 4);
    json_t *layers = json_object_get(o, "layers"), *y, *v;
    size_t i, k;
    assert_int_equal(json_array_size(layers), 3);
    json_array_foreach(layers, i, y)
    {
        json_int_t sum = 0, unused = 0, max = 0, n = 0;
        json_array_foreach(json_object_get(y, "counts"), k, v)
        {
            sum += json_integer_value(v);
            unused += json_integer_value(v) == 0;
            max = json_integer_value(v) > max ? json_integer_value(v) : max;
            n++;
        }
        assert_int_equal(n, 12);
        assert_int_equal(sum, 4 * 4);
        assert_int_equal(json_integer_value(json_object_get(y, "choices")), sum);
        assert_int_equal(json_integer_value(json_object_get(y, "unused")), unused);
        double even = (double)sum / 12;
        double imb = json_number_value(json_object_get(y, "imbalance"));
        assert_true(fabs(imb - (double)max / even) < 1e-3);
        json_t *first = json_array_get(json_object_get(y, "busiest"), 0);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(y, "counts"),
                                                           (size_t)json_integer_value(first))),
                         max);
        double h = json_number_value(json_object_get(y, "entropy"));
        assert_true(h > 0 && h <= 1);
    }
    json_decref(o);
    /* texts: as a chat there are more tokens than as they are */
    char path[] = "/tmp/weir-prompts-XXXXXX", line[300];
    int fd = mkstemp(path);
    struct base_err err;
    assert_int_equal(base_write_all(fd, "one two\n\n three\n", 16, &err), BASE_OK);
    close(fd);
    snprintf(line, sizeof(line), "info " MOE " --experts --raw --prompts %s -p four", path);
    o = run_json(eng_cmd_info, line, 0);
    assert_int_equal(json_integer_value(json_object_get(o, "prompts")), 3);
    json_int_t raw = json_integer_value(json_object_get(o, "tokens"));
    json_decref(o);
    snprintf(line, sizeof(line), "info " MOE " --experts --prompts %s -p four", path);
    o = run_json(eng_cmd_info, line, 0);
    assert_true(json_integer_value(json_object_get(o, "tokens")) > raw);
    json_decref(o);
    unlink(path);
    refused(eng_cmd_info, line); /* the prompts are gone */
    refused(eng_cmd_info, "info " MOE " --experts");
    refused(eng_cmd_info, "info " DENSE " --experts --tokens 1");
    refused(eng_cmd_info, "info " MOE " --experts --tokens 1,999999");
    refused(eng_cmd_info, "info " MOE " --experts --tokens 1,,2");
    refused(eng_cmd_info, "info " MOE " --experts --tokens 1 --device cuda");
}

/* What a terminal gets: a line a layer, a mark an expert; or a mark for several. */
static void heat_map(void **state)
{
    (void)state;
    struct base_err err = {0};
    struct eng_model *m;
    struct eng_cache *c;
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    assert_int_equal(eng_model_open(MOE, &opts, &m, &err), BASE_OK);
    float *logits = malloc(eng_model_get_info(m)->n_vocab * sizeof(float));
    assert_int_equal(eng_cache_new(m, 1, 8, &c, &err), BASE_OK);
    int32_t t = 7;
    assert_int_equal(eng_forward(m, c, &(struct eng_batch){.n = 1, .tokens = &t}, logits, &err),
                     BASE_OK);
    for (uint32_t columns = 100; columns >= 52; columns -= 48) {
        struct base_buf out;
        base_buf_init(&out, 1u << 16);
        eng_experts_table(&out, m, columns);
        size_t full = 0, none = 0, at = 0;
        struct base_str s = base_buf_view(&out);
        while ((at = base_str_find(s, BASE_STR("█"), at)) != SIZE_MAX)
            full++, at++;
        at = 0;
        while ((at = base_str_find(s, BASE_STR("·"), at)) != SIZE_MAX)
            none++, at += 2;
        if (columns == 100) { /* one token: 4 of 12 a layer; one dot stands in the heading */
            assert_int_equal(full, 3 * 4);
            assert_int_equal(none, 3 * 8 + 1);
        } else { /* 8 columns of room: two experts in each of six */
            assert_true(full >= 3 * 2 && full <= 3 * 4);
            assert_int_equal(full + none, 3 * 6 + 1);
        }
        base_buf_release(&out);
    }
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
}

static const json_t *layer(const json_t *o, size_t l)
{
    return json_array_get(json_object_get(o, "layers"), l);
}

/* A copy of a file in which one weight of a tensor is another. */
static void spoil(const char *from, const char *tensor, char *to)
{
    struct base_err err = {0};
    struct eng_gguf *g;
    struct base_buf b;
    base_buf_init(&b, 8u << 20);
    assert_int_equal(base_file_read(from, &b, &err), BASE_OK);
    assert_int_equal(eng_gguf_parse(from, (const uint8_t *)b.p, b.n, &g, &err), BASE_OK);
    const struct eng_tensor *t = eng_gguf_tensor(g, tensor);
    assert_non_null(t);
    size_t at = (size_t)((const char *)t->data - b.p);
    eng_gguf_free(g);
    memcpy(b.p + at, &(float){3.0f}, sizeof(float));
    int fd = mkstemp(to);
    assert_true(fd >= 0);
    assert_int_equal(base_write_all(fd, b.p, b.n, &err), BASE_OK);
    close(fd);
    base_buf_release(&b);
}

static void diff_finds_the_layer(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-spoilt-XXXXXX", line[300];
    spoil(MOE, "blk.1.attn_norm.weight", path);
    snprintf(line, sizeof(line), "diff " MOE " %s --tokens 1,2,3,4,5 --device-b ref", path);
    json_t *o = run_json(eng_cmd_diff, line, 1);
    assert_int_equal(json_integer_value(json_object_get(o, "first_divergent_layer")), 1);
    assert_true(json_number_value(json_object_get(layer(o, 0), "max_abs")) == 0);
    assert_true(json_is_false(json_object_get(layer(o, 0), "diverges")));
    assert_int_equal(json_integer_value(json_object_get(layer(o, 0), "experts_differ")), 0);
    assert_true(json_number_value(json_object_get(layer(o, 1), "nmse")) > 1e-6);
    assert_true(json_is_true(json_object_get(layer(o, 2), "diverges")));
    assert_true(json_is_true(json_object_get(json_object_get(o, "logits"), "diverges")));
    json_decref(o);
    /* a bound that wide lets it pass, unless the other one does not */
    snprintf(line, sizeof(line), "diff " MOE " %s --tokens 1,2 --tolerance 1e9", path);
    json_decref(run_json(eng_cmd_diff, line, 0));
    snprintf(line, sizeof(line), "diff " MOE " %s --tokens 1,2 --tolerance 1e9 --max-abs 1e-4",
             path);
    json_decref(run_json(eng_cmd_diff, line, 1));
    unlink(path);
}

static void diff_of_devices(void **state)
{
    (void)state;
    char *tokens = calloc(1, 400);
    for (int i = 0; i < 70; i++) /* more than one piece */
        snprintf(tokens + strlen(tokens), 400 - strlen(tokens), "%s%d", i ? "," : "", i + 3);
    char line[700];
    snprintf(line, sizeof(line), "diff " MOE " " MOE " --tokens %s --tokens 5", tokens);
    json_t *o = run_json(eng_cmd_diff, line, 0);
    const json_t *b = json_object_get(o, "b");
    assert_string_equal(json_string_value(json_object_get(b, "device")), "cpu");
    assert_int_equal(json_integer_value(json_object_get(o, "tokens")), 71);
    assert_true(json_is_null(json_object_get(o, "first_divergent_layer")));
    for (size_t l = 0; l < 3; l++) {
        double e = json_number_value(json_object_get(layer(o, l), "nmse"));
        assert_true(e > 0 && e < 1e-9); /* other orders of summation */
    }
    json_decref(o);
    /* eight bits are not enough for the default bound, and say so */
    const char *q = DIR "q-llama-Q8_0.gguf";
    snprintf(line, sizeof(line), "diff %s %s --tokens %s --activations-b int8", q, q, tokens);
    o = run_json(eng_cmd_diff, line, 1);
    assert_null(json_object_get(layer(o, 0), "experts_differ"));
    json_decref(o);
    snprintf(line, sizeof(line), "diff %s %s --tokens %s --activations-b int16", q, q, tokens);
    json_decref(run_json(eng_cmd_diff, line, 0));
    free(tokens);
    /* a dense file of the same shape: layers compare, choices do not */
    o = run_json(eng_cmd_diff, "diff " MOE " " DENSE " --tokens 1", 1);
    assert_null(json_object_get(layer(o, 0), "experts_differ"));
    json_decref(o);
    refused(eng_cmd_diff, "diff " MOE " " DIR "qwen3.gguf --tokens 1"); /* another vocabulary */
    refused(eng_cmd_diff, "diff " MOE " --tokens 1");
    refused(eng_cmd_diff, "diff " MOE " " MOE);
    refused(eng_cmd_diff, "diff " MOE " " MOE " " MOE " --tokens 1");
    refused(eng_cmd_diff, "diff " MOE " " MOE " --tokens 1 --tolerance -1");
    refused(eng_cmd_diff, "diff " MOE " " MOE " --tokens 1 --device-b tpu");
    refused(eng_cmd_diff, "diff " MOE " no/such.gguf --tokens 1");
}

/* By how much the last chosen expert passes the first that is not, in standard deviations. */
static void gaps_of_experts(void **state)
{
    (void)state;
    struct eng_moe_params p = {.n_expert = 4, .n_used = 2, .gating = ENG_GATE_SOFTMAX_SELECTED};
    const float l[4] = {1, 4, 3, 0}; /* mean 2, variance 2.5 */
    assert_true(fabs((double)eng_route_gap(&p, l, NULL) - 2 / sqrt(2.5)) < 1e-6);
    const float bias[4] = {1.5f, 0, 0, 0}; /* 2.5 4 3 0: now 3 and 2.5 */
    assert_true(fabs((double)eng_route_gap(&p, l, bias) - 0.5 / sqrt(2.171875)) < 1e-6);
    p.n_used = 4;
    assert_true(isinf(eng_route_gap(&p, l, NULL)));
    p.n_used = 2;
    const float same[4] = {3, 3, 3, 3};
    assert_true(eng_route_gap(&p, same, NULL) <= 0);
    /* groups {5, 4}, {5, 3.9}: experts are 5 and 4 with 0 left of the group; groups are 0.1 apart
     */
    struct eng_moe_params g = {.n_expert = 6,
                               .n_used = 1,
                               .n_group = 2,
                               .n_group_used = 1,
                               .gating = ENG_GATE_SOFTMAX_SELECTED};
    const float two[6] = {5, 4, 0, 5, 3.9f, 0}; /* mean 17.9 / 6, variance */
    double mean = 17.9 / 6, var = (25 + 16 + 25 + 3.9 * 3.9) / 6 - mean * mean;
    assert_true(fabs((double)eng_route_gap(&g, two, NULL) - 0.1 / sqrt(var)) < 1e-5);
    g.n_group_used = 2;
    assert_true(eng_route_gap(&g, two, NULL) <= 0); /* 5 and 5 */
}

/* Choices that differ at less than the margin leave rows out; at more they are wrong. */
static void diff_with_a_margin(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-spoilt-XXXXXX", line[700], *tokens = calloc(1, 300);
    for (int i = 0; i < 50; i++)
        snprintf(tokens + strlen(tokens), 300 - strlen(tokens), "%s%d", i ? "," : "", i * 3 + 3);
    spoil(MOE, "blk.1.ffn_gate_inp.weight", path);
    snprintf(line, sizeof(line), "diff " MOE " %s --tokens %s --tolerance 1e9 --margin 1e-6", path,
             tokens);
    json_t *o = run_json(eng_cmd_diff, line, 1); /* one expert's score is another */
    int64_t differ = json_integer_value(json_object_get(layer(o, 1), "experts_differ"));
    assert_int_equal(json_integer_value(json_object_get(layer(o, 0), "experts_differ")), 0);
    assert_true(differ > 5 && differ < 50);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 1), "wrong_experts")), differ);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 1), "held")), 50);
    double narrow = json_number_value(json_object_get(layer(o, 1), "narrowest_wrong"));
    assert_true(narrow > 1e-6 && narrow < 1);
    json_decref(o);
    snprintf(line, sizeof(line), "diff " MOE " %s --tokens %s --tolerance 1e9 --margin 100", path,
             tokens);
    o = run_json(eng_cmd_diff, line, 0);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 1), "near_experts")), differ);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 1), "wrong_experts")), 0);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 0), "held")), 50);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 1), "held")), 50 - differ);
    double widest = json_number_value(json_object_get(layer(o, 1), "widest_near"));
    assert_true(widest > narrow);
    /* attention of the layer behind sees those tokens: all after the first of them are moved */
    int64_t last = json_integer_value(json_object_get(layer(o, 2), "held"));
    assert_true(last < 50 - differ);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "logits"), "held")),
                     last);
    json_decref(o);
    unlink(path);
    free(tokens);
    refused(eng_cmd_diff, "diff " MOE " " MOE " --tokens 1 --margin x");
    refused(eng_cmd_diff, "diff " MOE " " MOE " --tokens 1 --margin 1 --device-a emulated");
}

/* Where an indexer chooses 16 keys, a margin that takes everything for near leaves nothing held of
 * tokens that have more. */
static void near_keys(void **state)
{
    (void)state;
    const char *far = getenv("WEIR_FIXTURES");
    char path[300], line[900];
    snprintf(path, sizeof(path), "%s/models/deepseek32.gguf", far ? far : "../shared/fixtures");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s (set WEIR_FIXTURES)\n", path);
        skip();
    }
    snprintf(line, sizeof(line),
             "diff %s %s --margin 1e9 --tokens "
             "5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34",
             path, path);
    json_t *o = run_json(eng_cmd_diff, line, 0);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 0), "near_keys")), 14);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 0), "held")), 16);
    assert_int_equal(json_integer_value(json_object_get(layer(o, 2), "held")), 16);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "logits"), "held")), 16);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imbalance),
        cmocka_unit_test(counters),
        cmocka_unit_test(info_experts),
        cmocka_unit_test(heat_map),
        cmocka_unit_test(diff_finds_the_layer),
        cmocka_unit_test(diff_of_devices),
        cmocka_unit_test(gaps_of_experts),
        cmocka_unit_test(diff_with_a_margin),
        cmocka_unit_test(near_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
