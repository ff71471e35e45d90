/* Goal: files that lack what their family needs are refused by the tensor's or key's name, batches
 * that do not hold are refused as a whole, and the commands say what is wrong. Method: broken files
 * are made from a good one by renaming, retyping and reshaping.
 */
#include "tests/unit/engine_rewrite.h"

#include "engine/cmd/commands.h"

/* ---- misuse ---- */

static void batches_that_do_not_hold(void **state)
{
    (void)state;
    struct fixture f;
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    struct eng_model *m = open_model(&f, ENG_DEVICE_CPU, 1, ENG_ACTIVATIONS_AUTO);
    struct eng_cache *c = new_cache(m, 2, 4), *none;
    struct base_err err;
    float *logits = calloc(8 * f.n_vocab, sizeof(float));
    assert_non_null(logits);
    int32_t tokens[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t seqs[8] = {0, 0, 7}, pos[8] = {5, 6, 8};
    struct eng_batch b = {.n = 5, .tokens = tokens};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_LIMIT);
    assert_non_null(strstr(err.text, "context of 4"));
    b = (struct eng_batch){.n = 3, .tokens = tokens, .seqs = seqs};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    b = (struct eng_batch){.n = 3, .tokens = tokens, .pos = pos};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    assert_non_null(strstr(err.text, "position 8"));
    tokens[2] = (int32_t)f.n_vocab;
    b = (struct eng_batch){.n = 3, .tokens = tokens};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    tokens[2] = -1;
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_len(c, 0), 0); /* nothing was half done */
    assert_int_equal(eng_cache_new(m, 0, 4, &none, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_new(m, 1, 1u << 21, &none, &err), BASE_EINVAL);
    assert_int_equal(eng_cache_new(m, ENG_SEQ_MAX + 1, 4, &none, &err), BASE_EINVAL);
    b = (struct eng_batch){.n = 0};
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_OK);
    /* a start anywhere, and a batch of which no logits are wanted */
    bool want[8] = {false};
    b = (struct eng_batch){.n = 2, .tokens = tokens, .pos = pos, .want = want};
    logits[0] = 42;
    assert_int_equal(eng_forward(m, c, &b, logits, &err), BASE_OK);
    assert_true(logits[0] == 42);
    assert_int_equal(eng_cache_len(c, 0), 2);
    free(logits);
    eng_cache_free(c);
    eng_model_free(m);
    fixture_close(&f);
}

/* ---- files that lack something ---- */

/* Writes a copy of the model with `from` replaced by `to` (same length) after the first `skip`
 * bytes past the place, opens it and expects an error that says `says`. */
static void broken(const char *name, const char *from, size_t at, const void *to, size_t n,
                   const char *says)
{
    char path[] = "/tmp/weir-engine-test-XXXXXX", src[300];
    struct base_buf b;
    struct base_err err = {0};
    struct eng_model *m;
    snprintf(src, sizeof(src), NEAR_DIR "/%s.gguf", name);
    base_buf_init(&b, 8u << 20);
    assert_int_equal(base_file_read(src, &b, &err), BASE_OK);
    size_t i = base_str_find(base_buf_view(&b), base_str_c(from), 0);
    assert_true(i != SIZE_MAX);
    memcpy(b.p + i + at, to, n);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(base_write_all(fd, b.p, b.n, &err), BASE_OK);
    close(fd);
    enum base_status st = eng_model_open(path, NULL, &m, &err);
    unlink(path);
    base_buf_release(&b);
    assert_int_equal(st, BASE_EINVAL);
    assert_null(m);
    if (!strstr(err.text, says) || !strstr(err.text, path))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void files_that_lack_something(void **state)
{
    (void)state;
    /* behind a key: u32 kind, value; behind a tensor's name: u32 dimensions, u64 ne[], u32 type */
    broken("llama", "general.architecture", 32, "llamo", 5, "\"llamo\" is not built in; built in");
    broken("llama", "general.architecture", 0, "General", 7, "does not name its architecture");
    broken("llama", "output_norm.weight", 0, "O", 1, "\"output_norm.weight\" is missing");
    broken("llama", "blk.1.attn_k.weight", 0, "B", 1, "\"blk.1.attn_k.weight\" is missing");
    broken("llama", "blk.2.ffn_down.weight", 0, "B", 1, "\"blk.2.ffn_down.weight\" is missing");
    broken("llama-moe", "blk.0.ffn_gate_inp.weight", 0, "B", 1, "ffn_gate_inp.weight\" is missing");
    broken("qwen3", "blk.0.attn_q_norm.weight", 0, "B", 1, "attn_q_norm.weight\" is missing");
    broken("gpt-oss-mxfp4", "blk.1.attn_sinks.weight", 0, "B", 1, "attn_sinks.weight\" is missing");
    broken("gpt-oss-mxfp4", "blk.0.ffn_up_exps.bias", 22 + 4, "\x10", 1, "bias\" has the shape");
    broken("gpt-oss-mxfp4", "gpt-oss.attention.sliding_window", 0, "G", 1, "window\" is missing");
    broken("llama", "llama.block_count", 0, "L", 1, "\"llama.block_count\" is missing");
    broken("llama", "llama.block_count", 17 + 4, "\0\0\0\0", 4, "block_count\" is out of range");
    broken("llama", "llama.block_count", 17 + 4, "\xff\xff\xff\xff", 4, "is out of range");
    broken("llama", "llama.block_count", 17 + 4, "\x04\0\0\0", 4, "\"blk.3.attn_norm.weight\" is");
    broken("llama", "llama.embedding_length", 22 + 4, "\x80\0\0\0", 4,
           "token_embd.weight\" has the shape");
    broken("llama", "llama.attention.head_count", 26 + 4, "\x03\0\0\0", 4, "does not divide");
    broken("llama", "llama.attention.head_count_kv", 29 + 4, "\x01\0\0\0", 4,
           "attn_k.weight\" has the shape");
    broken("llama", "llama.rope.freq_base", 20 + 4, "\0\0\xc0\x7f", 4, "freq_base\" is no finite");
    broken("llama", "llama.rope.freq_base", 20 + 4, "\0\0\0\0", 4, "freq_base\" must be above 1");
    broken("llama-moe", "llama.expert_used_count", 23 + 4, "\x09\0\0\0", 4, "used_count\" is out");
    broken("llama-moe", "llama.expert_count", 18 + 4, "\x07\0\0\0", 4, "has the shape");
    /* F32 [64] norm said to be I32; [64, 64] said to be [32, 128] */
    broken("llama", "blk.0.attn_norm.weight", 22 + 4 + 8, "\x1a\0\0\0", 4, "type I32, which");
    broken("llama", "blk.0.attn_output.weight", 24 + 4, "\x20\0\0\0\0\0\0\0\x80", 9,
           "has the shape [32, 128");
}

/* ---- the commands ---- */

static int run_logits(const char *file, const char *tokens, const char *out, const char *device)
{
    char *argv[] = {(char *)"logits",   (char *)file,    (char *)"--tokens",
                    (char *)tokens,     (char *)"--out", (char *)out,
                    (char *)"--device", (char *)device,  NULL};
    return eng_cmd_logits(8, argv);
}

static void commands(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-engine-test-XXXXXX";
    struct fixture f;
    struct prompt p;
    struct base_buf b;
    struct base_err err;
    const char *file = NEAR_DIR "/llama.gguf";
    assert_true(fixture_open(&f, NEAR_DIR, "llama"));
    prompt_open(&p, &f, "p1", true);
    close(mkstemp(path));
    /* the first three positions are those of the whole prompt: attention looks back only */
    char tokens[64];
    snprintf(tokens, sizeof(tokens), "%d,%d, %d", p.tokens[0], p.tokens[1], p.tokens[2]);
    assert_int_equal(run_logits(file, tokens, path, "ref"), 0);
    base_buf_init(&b, 1u << 20);
    assert_int_equal(base_file_read(path, &b, &err), BASE_OK);
    unlink(path);
    assert_int_equal(b.n, 3 * f.n_vocab * sizeof(float));
    float *got = malloc(b.n);
    assert_non_null(got);
    memcpy(got, b.p, b.n);
    assert_true(max_diff(got, p.want, 3 * f.n_vocab) <= f.tolerance);
    assert_int_equal(run_logits(file, tokens, path, "cuda"), 2);
    assert_int_equal(run_logits(file, tokens, path, "abacus"), 2);
    assert_int_equal(run_logits(file, "1,,2", path, "ref"), 2);
    assert_int_equal(run_logits(file, "1,999999", path, "ref"), 2);
    assert_int_equal(run_logits("no/such.gguf", "1", path, "ref"), 2);
    assert_int_equal(run_logits(file, "1", "/no/such/dir/out", "ref"), 2);
    assert_int_equal(access(path, F_OK), -1);
    char *info[] = {(char *)"info", (char *)"no/such.gguf", NULL};
    assert_int_equal(eng_cmd_info(2, info), 2);
    assert_int_equal(eng_cmd_info(1, info), 2);
    char *bench[] = {(char *)"bench", (char *)file, (char *)"--pp", (char *)"0", NULL};
    assert_int_equal(eng_cmd_bench(4, bench), 2);
    bench[2] = (char *)"--activations";
    bench[3] = (char *)"int4";
    assert_int_equal(eng_cmd_bench(4, bench), 2);
    char *fine[] = {(char *)"logits",
                    (char *)file,
                    (char *)"--tokens",
                    tokens,
                    (char *)"--activations",
                    (char *)"int32",
                    (char *)"--out",
                    path,
                    NULL};
    assert_int_equal(eng_cmd_logits(8, fine), 2);
    free(got);
    free(p.want);
    base_buf_release(&b);
    fixture_close(&f);
}

static void windows_of_mistral3(void **state)
{
    static struct rewrite w;
    char src[400], path[64];
    struct eng_model *m;
    struct base_err err = {0};
    (void)state;
    snprintf(src, sizeof(src), "%s/models/mistral3.gguf", far_dir());
    if (access(src, R_OK) != 0)
        skip();
    snprintf(path, sizeof(path), "/tmp/weir-window-%ld.gguf", (long)getpid());
    for (uint32_t window = 8; window <= 4096; window += 4088) {
        rewrite_open(&w, src, NULL);
        rewrite_int(&w, "mistral3.attention.sliding_window", ENG_GGUF_U32, window);
        rewrite_all(&w, path);
        rewrite_close(&w);
        enum base_status st = eng_model_open(path, NULL, &m, &err);
        unlink(path);
        assert_int_equal(st, window < 4096 ? BASE_EINVAL : BASE_OK);
        if (st == BASE_OK)
            eng_model_free(m);
        else
            assert_non_null(strstr(err.text, "sliding_window\" is shorter than the context"));
    }
}

/* ---- what a model says of itself ---- */

static void says(const char *dir, const char *name, uint64_t total, uint64_t active, uint64_t token,
                 uint64_t sequence)
{
    struct fixture f;
    assert_true(fixture_open(&f, dir, name));
    struct eng_model *m = open_model(&f, ENG_DEVICE_REF, 1, ENG_ACTIVATIONS_AUTO);
    const struct eng_model_info *i = eng_model_get_info(m);
    if (i->params_total != total || i->params_active != active || i->cache_bytes_token != token ||
        i->cache_bytes_sequence != sequence)
        fail_msg("%s: %llu %llu %llu %llu", name, (unsigned long long)i->params_total,
                 (unsigned long long)i->params_active, (unsigned long long)i->cache_bytes_token,
                 (unsigned long long)i->cache_bytes_sequence);
    /* a cache is what a sequence takes, and its tokens (whole pages of them), and scratch; windows
     * have four times as much, for what stays cached, and compressed keys two pages more */
    uint64_t one = eng_cache_bytes(m, 1, 1024), two = eng_cache_bytes(m, 2, 1024);
    uint64_t most = sequence ? 5 * sequence + 2 * 1152 * token : 1152 * token;
    if (two - one < sequence + 1024 * token || two - one > most + 100)
        fail_msg("%s: a sequence more takes %llu", name, (unsigned long long)(two - one));
    eng_model_free(m);
    fixture_close(&f);
}

/* The numbers follow from the shapes in the fixtures' README; by hand:
 * cache of a token: llama-moe 3 layers (2 + 2) heads of 16; qwen3next 1 of 4 layers (2 + 2) of 32,
 * and in the others 3 * (3 * 128 channels + 4 * 16 * 16), thrice; deepseek2-v2 3 (32 + 16 + 32);
 * deepseek32 3 (24 + 16 + 24 + 64); gemma4-e2b 2 of 6 layers 64, and in 2 with a window of 8 two
 * pages of 64 at most (the other two see keys of those); deepseek4 compressed keys 2 (128 + 64) / 4
 * + 128 / 128, and in rings (128 * 128 + 2 * 8 * 2 * 256), thrice, and 4 windows of 8 as above.
 * active: llama-moe without 6 of 8 experts of 3 * 64 * n_ff; glm4moe-air without 5 of 8, nor its
 * last block; gemma4-e2b without 336 * 96 of layers' embeddings. */
static void what_a_model_says(void **state)
{
    (void)state;
    says(NEAR_DIR, "llama", 170432, 170432, 768, 0);
    says(NEAR_DIR, "llama-moe", 264128, 264128 - 3 * 6 * 3 * 64 * 40, 768, 0);
    if (access(far_dir(), R_OK) != 0) {
        print_message("    not run without fixtures (WEIR_FIXTURES): most families\n");
        return;
    }
    says(far_dir(), "models/qwen3next", 251848, 251848 - 4 * 5 * 3 * 64 * 16, 512,
         4 * 3 * 3 * (3 * 128 + 4 * 16 * 16));
    says(far_dir(), "models/deepseek2-v2", 236320, 236320 - 2 * 7 * 3 * 64 * 24,
         4 * 3 * (32 + 16 + 32), 0);
    says(far_dir(), "models/deepseek32", 231424, 231424 - 2 * 9 * 3 * 64 * 12,
         4 * 3 * (24 + 16 + 24 + 64), 0);
    says(far_dir(), "models/gemma4-e2b", 275158, 275158 - 336 * 96, 4 * 2 * 64, 4 * 2 * 64 * 128);
    says(far_dir(), "models/deepseek4", 354303, 354303 - 4 * 4 * 3 * 64 * 12, 4 * (2 * 192 / 4 + 1),
         4 * 4 * 128 * 128 + 4 * 3 * (128 * 128 + 2 * 2 * 8 * 2 * 128));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_that_do_not_hold),
        cmocka_unit_test(files_that_lack_something),
        cmocka_unit_test(windows_of_mistral3),
        cmocka_unit_test(what_a_model_says),
        cmocka_unit_test(commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
