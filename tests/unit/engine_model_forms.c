/* Goal: a model gives the same logits, to the bit, in whatever form its file has it: in one piece
 * or split into several, experts in one tensor or in one each, queries, keys and values apart or in
 * one, the matrices of latent attention apart or in one; and what is wrong with the parts of a
 * split file is told by that file's name. Method: other forms are written from fixtures
 * (engine_rewrite.h) and held against the fixture itself, on both devices. Forms that no fixture in
 * the repository can be made into need the full set (WEIR_FIXTURES).
 */
#include "tests/unit/engine_rewrite.h"

#include "engine/model/quant.h"

static char dir[64];

static void path_of(char out[160], const char *name)
{
    snprintf(out, 160, "%s/%s", dir, name);
}

/* The logits of p1 as rows of n_vocab. */
static float *logits_of(const char *path, enum eng_device device, const struct prompt *p,
                        uint32_t n_vocab)
{
    struct eng_model_opts opts = {
        .device = device, .n_threads = 1, .activations = ENG_ACTIVATIONS_INT8};
    struct eng_model *m;
    struct base_err err = {0};
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    float *out = malloc(p->n * n_vocab * sizeof(float));
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    assert_non_null(out);
    forward(m, c, (struct eng_batch){.n = p->n, .tokens = p->tokens}, out);
    eng_cache_free(c);
    eng_model_free(m);
    return out;
}

/* path holds the model of the fixture in another form. */
static void same_as(const char *path, const char *from, const char *name)
{
    struct fixture f;
    struct prompt p;
    char original[400];
    assert_true(fixture_open(&f, from, name));
    prompt_open(&p, &f, "p1", true);
    snprintf(original, sizeof(original), "%s.gguf", f.base);
    for (int d = 0; d < 2; d++) {
        enum eng_device device = d ? ENG_DEVICE_REF : ENG_DEVICE_CPU;
        float *want = logits_of(original, device, &p, f.n_vocab);
        float *got = logits_of(path, device, &p, f.n_vocab);
        assert_true(max_diff(got, want, p.n * f.n_vocab) <= 0);
        free(want);
        free(got);
    }
    free(p.want);
    fixture_close(&f);
}

static void source(char out[400], const char *from, const char *name)
{
    snprintf(out, 400, "%s/%s.gguf", from, name);
}

static bool no_far(const char *name)
{
    char path[400];
    source(path, far_dir(), name);
    if (access(path, R_OK) == 0)
        return false;
    print_message("    not run without %s (WEIR_FIXTURES)\n", path);
    return true;
}

/* ---- split files ---- */

static void part_keys(struct rewrite *k, uint32_t no, uint32_t count, uint32_t tensors)
{
    memset(k, 0, sizeof(*k));
    base_buf_init(&k->kv, 4096);
    rewrite_int(k, "split.no", ENG_GGUF_U16, no);
    rewrite_int(k, "split.count", ENG_GGUF_U16, count);
    rewrite_int(k, "split.tensors.count", ENG_GGUF_I32, tensors);
}

/* Part i (from 0) of three, written to `name`; claims: what its keys say. */
static void write_part(const struct rewrite *w, const char *name, uint32_t i, uint32_t says_no,
                       uint32_t says_count, uint32_t says_tensors)
{
    static struct rewrite k;
    char path[160];
    size_t first = i * (w->n / 3), n = i == 2 ? w->n - first : w->n / 3;
    part_keys(&k, says_no, says_count, says_tensors);
    path_of(path, name);
    rewrite_write(w, path, first, n, i == 0, &k);
    base_buf_release(&k.kv);
}

static void write_parts(const struct rewrite *w)
{
    static const char *const names[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                        "m-00003-of-00003.gguf"};
    for (uint32_t i = 0; i < 3; i++)
        write_part(w, names[i], i, i, 3, (uint32_t)w->n);
}

static void refused(const char *name, const char *says, const char *file)
{
    char path[160];
    struct eng_model *m;
    struct base_err err = {0};
    path_of(path, name);
    enum base_status st = eng_model_open(path, NULL, &m, &err);
    if (st == BASE_OK)
        eng_model_free(m);
    assert_true(st == BASE_EINVAL || st == BASE_ENOENT);
    if (!strstr(err.text, says) || !strstr(err.text, file))
        fail_msg("\"%s\" does not say \"%s\" of %s", err.text, says, file);
}

static void split_files(void **state)
{
    static struct rewrite w;
    char path[160], other[160];
    (void)state;
    rewrite_open(&w, NEAR_DIR "/llama.gguf", NULL);
    write_parts(&w);
    path_of(path, "m-00001-of-00003.gguf");
    same_as(path, NEAR_DIR, "llama");

    refused("m-00002-of-00003.gguf", "this is part 2 of 3", "m-00002-of-00003.gguf");
    path_of(path, "m-00002-of-00003.gguf");
    path_of(other, "gone");
    assert_int_equal(rename(path, other), 0);
    refused("m-00001-of-00003.gguf", "part 2 of 3 is missing", "m-00002-of-00003.gguf");
    /* parts 2 and 3 swapped */
    path_of(other, "m-00003-of-00003.gguf");
    assert_int_equal(rename(other, path), 0);
    refused("m-00001-of-00003.gguf", "this is part 3 of 3, where part 2 of 3",
            "m-00002-of-00003.gguf");
    write_parts(&w);
    path_of(path, "m-00001-of-00003.gguf");
    path_of(other, "model.gguf");
    assert_int_equal(rename(path, other), 0);
    refused("model.gguf", "its name must end in -00001-of-00003.gguf", "model.gguf");
    write_parts(&w);
    write_part(&w, "m-00003-of-00003.gguf", 2, 2, 4, (uint32_t)w.n);
    refused("m-00001-of-00003.gguf", "this is part 3 of 4", "m-00003-of-00003.gguf");
    write_part(&w, "m-00003-of-00003.gguf", 2, 2, 3, (uint32_t)w.n + 1);
    refused("m-00001-of-00003.gguf", "belongs to another model", "m-00003-of-00003.gguf");
    write_part(&w, "m-00003-of-00003.gguf", 1, 2, 3, (uint32_t)w.n);
    refused("m-00001-of-00003.gguf", "stands in another part too", "m-00003-of-00003.gguf");
    path_of(path, "m-00003-of-00003.gguf"); /* no keys at all */
    rewrite_write(&w, path, 2 * (w.n / 3), w.n - 2 * (w.n / 3), false, NULL);
    refused("m-00001-of-00003.gguf", "does not say which part it is", "m-00003-of-00003.gguf");
    for (uint32_t i = 0; i < 3; i++) { /* one tensor fewer than the parts say */
        char name[32];
        snprintf(name, sizeof(name), "m-%05u-of-00003.gguf", i + 1);
        write_part(&w, name, i, i, 3, (uint32_t)w.n + 1);
    }
    refused("m-00001-of-00003.gguf", "tensors together, not the", "m-00001-of-00003.gguf");
    write_part(&w, "m-00001-of-00003.gguf", 0, 0, 60000, (uint32_t)w.n);
    refused("m-00001-of-00003.gguf", "one of 60000 parts", "m-00001-of-00003.gguf");
    rewrite_close(&w);
}

/* ---- experts in a tensor each ---- */

static void take_apart(struct rewrite *w, const char *name, const char *as)
{
    for (uint32_t i = 0; i < 1024; i++) {
        char full[80];
        snprintf(full, sizeof(full), "blk.%u.%s.weight", i, name);
        if (!rewrite_has(w, full))
            return;
        struct rewrite_tensor t = rewrite_take(w, full);
        uint64_t each = t.nbytes / t.ne[2];
        for (uint32_t e = (uint32_t)t.ne[2]; e-- > 0;) { /* in no helpful order */
            snprintf(full, sizeof(full), "blk.%u.%s.%u.weight", i, as, e);
            void *data = rewrite_add(w, full, t, t.ne[0], t.ne[1], each);
            memcpy(data, (const uint8_t *)t.data + e * each, each);
        }
    }
}

static void experts_apart_of(const char *from, const char *name)
{
    static struct rewrite w;
    char path[400], out[160];
    source(path, from, name);
    rewrite_open(&w, path, NULL);
    take_apart(&w, "ffn_gate_exps", "ffn_gate");
    take_apart(&w, "ffn_up_exps", "ffn_up");
    take_apart(&w, "ffn_down_exps", "ffn_down");
    path_of(out, "apart.gguf");
    rewrite_all(&w, out);
    same_as(out, from, name);
    /* one is missing; one is of another type */
    struct rewrite_tensor gone = rewrite_take(&w, "blk.1.ffn_up.3.weight");
    rewrite_all(&w, out);
    refused("apart.gguf", "\"blk.1.ffn_up.3.weight\" is missing", "apart.gguf");
    gone.type = ENG_BF16;
    (void)rewrite_add(&w, "blk.1.ffn_up.3.weight", gone, gone.ne[0], gone.ne[1],
                      gone.ne[0] * gone.ne[1] * 2);
    memset(w.own[w.n_own - 1], 0, gone.ne[0] * gone.ne[1] * 2);
    rewrite_all(&w, out);
    refused("apart.gguf", "\"blk.1.ffn_up.3.weight\" is of type BF16", "apart.gguf");
    rewrite_close(&w);
}

static void experts_apart(void **state)
{
    (void)state;
    experts_apart_of(NEAR_DIR, "llama-moe");
    if (!no_far("quant_models/q-qwen3moe-Q4_K_M"))
        experts_apart_of(far_dir(), "quant_models/q-qwen3moe-Q4_K_M");
}

/* ---- queries, keys and values in one ---- */

static void join(struct rewrite *w, uint32_t layer, const char *end)
{
    static const char *const parts[] = {"attn_q", "attn_k", "attn_v"};
    struct rewrite_tensor t[3];
    char full[80];
    uint64_t bytes = 0, rows = 0, at = 0;
    bool bias = strcmp(end, "bias") == 0;
    for (int i = 0; i < 3; i++) {
        snprintf(full, sizeof(full), "blk.%u.%s.%s", layer, parts[i], end);
        t[i] = rewrite_take(w, full);
        bytes += t[i].nbytes;
        rows += t[i].ne[bias ? 0 : 1];
    }
    snprintf(full, sizeof(full), "blk.%u.attn_qkv.%s", layer, end);
    uint8_t *to = rewrite_add(w, full, t[0], bias ? rows : t[0].ne[0], bias ? 1 : rows, bytes);
    for (int i = 0; i < 3; i++) {
        memcpy(to + at, t[i].data, t[i].nbytes);
        at += t[i].nbytes;
    }
}

static void one_qkv_of(const char *from, const char *name, bool biases)
{
    static struct rewrite w;
    char path[400], out[160], q[80];
    source(path, from, name);
    rewrite_open(&w, path, NULL);
    for (uint32_t i = 0; snprintf(q, sizeof(q), "blk.%u.attn_q.weight", i), rewrite_has(&w, q);
         i++) {
        join(&w, i, "weight");
        if (biases)
            join(&w, i, "bias");
    }
    path_of(out, "qkv.gguf");
    rewrite_all(&w, out);
    same_as(out, from, name);
    rewrite_find(&w, "blk.0.attn_qkv.weight")->ne[1]--;
    rewrite_all(&w, out);
    refused("qkv.gguf", "\"blk.0.attn_qkv.weight\" has the shape", "qkv.gguf");
    rewrite_close(&w);
}

static void one_qkv(void **state)
{
    (void)state;
    one_qkv_of(NEAR_DIR, "llama", false);
    if (!no_far("models/qwen2"))
        one_qkv_of(far_dir(), "models/qwen2", true);
}

/* ---- latent attention's two matrices in one ---- */

static void join_kv_b(struct rewrite *w, uint32_t layer)
{
    char full[80];
    snprintf(full, sizeof(full), "blk.%u.attn_k_b.weight", layer);
    struct rewrite_tensor k = rewrite_take(w, full);
    snprintf(full, sizeof(full), "blk.%u.attn_v_b.weight", layer);
    struct rewrite_tensor v = rewrite_take(w, full);
    size_t nope = k.ne[0], lora = k.ne[1], heads = k.ne[2], value = v.ne[1];
    assert_int_equal(k.type, ENG_F32);
    const float *kd = k.data, *vd = v.data;
    snprintf(full, sizeof(full), "blk.%u.attn_kv_b.weight", layer);
    float *to = rewrite_add(w, full, k, lora, heads * (nope + value),
                            heads * (nope + value) * lora * sizeof(float));
    for (size_t h = 0; h < heads; h++, to += (nope + value) * lora) {
        for (size_t j = 0; j < nope; j++)
            for (size_t i = 0; i < lora; i++)
                to[j * lora + i] = kd[(h * lora + i) * nope + j];
        memcpy(to + nope * lora, vd + h * value * lora, value * lora * sizeof(float));
    }
}

static void one_kv_b(void **state)
{
    static struct rewrite w;
    static const char *const names[] = {"models/deepseek2-v2", "models/deepseek2-v3"};
    char path[400], out[160], k[80];
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        if (no_far(names[n]))
            skip();
        source(path, far_dir(), names[n]);
        rewrite_open(&w, path, NULL);
        for (uint32_t i = 0;
             snprintf(k, sizeof(k), "blk.%u.attn_k_b.weight", i), rewrite_has(&w, k); i++)
            join_kv_b(&w, i);
        path_of(out, "kvb.gguf");
        rewrite_all(&w, out);
        same_as(out, far_dir(), names[n]);
        rewrite_find(&w, "blk.1.attn_kv_b.weight")->ne[1]--;
        rewrite_all(&w, out);
        refused("kvb.gguf", "\"blk.1.attn_kv_b.weight\" has the shape", "kvb.gguf");
        rewrite_close(&w);
    }
}

/* ---- quantised ---- */

static uint16_t half_of(float x) /* positive, rounded to nearest */
{
    int e;
    float m = frexpf(x, &e); /* x = m 2^e, 0.5 <= m < 1 */
    if (x == 0 || e < -13)
        return (uint16_t)lrintf(ldexpf(x, 24));
    return (uint16_t)(((uint32_t)(e + 14) << 10) + (uint32_t)lrintf((m * 2 - 1) * 1024));
}

static void q8_0(const float *x, uint64_t n, uint8_t *to)
{
    for (uint64_t b = 0; b < n; b += 32, x += 32, to += 34) {
        float most = 0;
        for (int i = 0; i < 32; i++)
            most = fmaxf(most, fabsf(x[i]));
        uint16_t d = half_of(most / 127);
        memcpy(to, &d, 2);
        for (int i = 0; i < 32; i++)
            to[2 + i] = (uint8_t)(int8_t)(most > 0 ? lrintf(x[i] * 127 / most) : 0);
    }
}

/* All matrices whose rows are whole blocks as Q8_0; those that stay f32 in any file stay so here.
 */
static void quantise(struct rewrite *w)
{
    static const char *const keep[] = {"norm", "ffn_gate_inp.", "conv1d", "_ape", "hc_", "tid2eid"};
    for (size_t i = 0; i < w->n; i++) {
        struct rewrite_tensor *t = &w->t[i];
        bool kept = t->n_dims < 2 || t->ne[0] % 32 || t->type != ENG_F32;
        for (size_t k = 0; k < sizeof(keep) / sizeof(keep[0]); k++)
            kept |= strstr(t->name, keep[k]) != NULL;
        if (kept)
            continue;
        uint64_t n = t->nbytes / sizeof(float);
        uint8_t *to = w->own[w->n_own++] = malloc(n / 32 * 34);
        assert_non_null(to);
        q8_0(t->data, n, to);
        t->type = ENG_Q8_0;
        t->data = to;
        t->nbytes = n / 32 * 34;
    }
}

static float *quantised_logits(const char *path, enum eng_device device, enum eng_activations a,
                               const struct prompt *p, uint32_t n_vocab, bool alone)
{
    struct eng_model_opts opts = {.device = device, .n_threads = 2, .activations = a};
    struct eng_model *m;
    struct base_err err = {0};
    if (eng_model_open(path, &opts, &m, &err) != BASE_OK)
        fail_msg("%s", err.text);
    float *out = malloc(p->n * n_vocab * sizeof(float));
    struct eng_cache *c = new_cache(m, 1, CONTEXT);
    assert_non_null(out);
    for (size_t i = 0, step = alone ? 1 : p->n; i < p->n; i += step)
        forward(m, c, (struct eng_batch){.n = step, .tokens = p->tokens + i}, out + i * n_vocab);
    eng_cache_free(c);
    eng_model_free(m);
    return out;
}

/* The layers of all families on integer kernels: 16 bits of activations against none rounded, and
 * one by one against the batch. */
static void quantised(void **state)
{
    static const char *const names[] = {"qwen3next",    "qwen35moe",  "deepseek32", "glm-dsa",
                                        "deepseek4",    "gemma4-moe", "gemma4-e2b", "deepseek2-v3",
                                        "llama4-scout", "granitemoe", "phi3-short", "olmoe"};
    static struct rewrite w;
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fixture f;
        struct prompt p;
        char name[64], src[400], path[160];
        snprintf(name, sizeof(name), "models/%s", names[i]);
        if (no_far(name))
            skip();
        source(src, far_dir(), name);
        path_of(path, "q8.gguf");
        rewrite_open(&w, src, NULL);
        quantise(&w);
        rewrite_all(&w, path);
        rewrite_close(&w);
        assert_true(fixture_open(&f, far_dir(), name));
        prompt_open(&p, &f, "p2", true);
        size_t n = p.n * f.n_vocab;
        float *want =
            quantised_logits(path, ENG_DEVICE_REF, ENG_ACTIVATIONS_AUTO, &p, f.n_vocab, false);
        float *got =
            quantised_logits(path, ENG_DEVICE_CPU, ENG_ACTIVATIONS_INT16, &p, f.n_vocab, false);
        float *one =
            quantised_logits(path, ENG_DEVICE_CPU, ENG_ACTIVATIONS_INT16, &p, f.n_vocab, true);
        double e = nmse(got, want, n), whole = nmse(want, p.want, n);
        print_message("    %s as Q8_0: nmse %.1e (of the weights' rounding: %.1e)\n", name, e,
                      whole);
        assert_true(e < 1e-6 && whole < 0.2);
        assert_true(max_diff(got, one, n) <= 0);
        free(want);
        free(got);
        free(one);
        free(p.want);
        fixture_close(&f);
    }
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "%s/weir-forms-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"m-00001-of-00003.gguf",
                                        "m-00002-of-00003.gguf",
                                        "m-00003-of-00003.gguf",
                                        "gone",
                                        "model.gguf",
                                        "apart.gguf",
                                        "qkv.gguf",
                                        "kvb.gguf",
                                        "q8.gguf"};
    char path[160];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(path, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_files), cmocka_unit_test(experts_apart), cmocka_unit_test(one_qkv),
        cmocka_unit_test(one_kv_b),    cmocka_unit_test(quantised),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
